// Package routing says which escalation policy an alert goes to, and whether it
// pages at all.
//
// A [Policy] is a list of routes; the first one that matches an alert decides.
// [Policy.Compile] checks all of it, and [Compiled.Route] is the engine: a pure
// function of the alert and the instant. Who is paged only for what somebody can
// act on answers pages; so alerts that say nothing about what to do can be made
// tickets, though never those of the worst severity or of an unknown one.
//
// [Measure] tells how good the alerts are: which share was actionable, what is
// noise, what repeats, and what nobody owns.
//
// The package is pure, a Compiled is immutable and safe for concurrent use, and
// a route costs a few matchers.
package routing
