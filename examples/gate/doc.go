// Command gate answers one question of a CI job: may this change go out, given
// what is left of the error budget?
//
//	gate                                                 a tour: plays back a recording, needs no server
//	gate -moment burning|exhausted                       the same, at a worse moment
//	gate -slo FILE -prometheus URL                       the SLOs of an OpenSLO v1 file; the worst decides
//	gate -total Q -bad Q -objective 99.9% -window 30d -prometheus URL
//	gate -slo FILE -counts FILE.json                     counts that something else has measured
//
// It measures each SLO once, decides by a policy (-policy), and prints the
// decision with its reasons and arithmetic. The first line of the text is
// always "decision: " and one of allow, warn, hold, deny, unknown.
//
// # Exit status
//
//	0  allow or warn: go ahead
//	1  hold or deny: do not
//	2  the input cannot be used (everything wrong with it is listed), or an
//	   output that was asked for could not be written
//	3  unknown: no server, no such series, no answer in time, data forgotten or
//	   too full of gaps. What is not known never passes; only changes that the
//	   policy exempts (rollback, emergency, security) do, as -purpose says
//
// "go run" turns every failure into 1: build the command for CI.
//
// # Counts
//
// The file of -counts holds one object. Numbers are JSON numbers or the same as
// text; durations may have days and weeks, as in 30d or 1w; slo may be left out
// where one SLO is judged.
//
//	{"at": "2026-04-29T12:00:00Z", "counts": [
//	  {"slo": "checkout", "span": "30d", "good": "1499000", "bad": "300", "covered": "30d"},
//	  {"slo": "checkout", "span": "1h", "good": 3600, "bad": 0, "covered": "59m"}]}
//
// Each entry counts the good and bad events (or slices) of the span that ends
// at "at", and how much of it was measured. The budget period and every window
// of the policy's alerts must be there: 5m, 30m, 1h, 2h, 6h, 1d and 3d for the
// policy workbook. Counts that are older at -at than the policy's max_age (15m)
// make the budget unknown.
package main
