// Package bench measures this module beside others that do a similar thing. It
// has no code of its own, and is a module so that nobody else depends on them.
package bench
