// Package e2e tests the module against real servers. It has no code of its own.
//
// A test whose server is not installed skips and names the command that
// installs it; with CI=true it fails instead.
package e2e
