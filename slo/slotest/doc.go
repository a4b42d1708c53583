// Package slotest helps to test code that builds on package slo: generators of
// SLOs and counts for property tests with rapid, a [World] whose counts are
// known minute by minute, and [TestSource], the conformance test that every
// [slo.Source] should pass.
package slotest
