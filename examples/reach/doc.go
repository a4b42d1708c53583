// Command reach says how long it takes at worst until an alert reaches a human,
// from the exports of an account of PagerDuty, Opsgenie or Grafana OnCall; and,
// given two accounts, whether both page the same people at every instant.
//
//	reach                                    a tour: a sample account and its move
//	reach -pagerduty FILE...                 one account; or -opsgenie, -grafana
//	reach -pagerduty FILE... -grafana FILE...  two accounts: a migration
//	reach -pagerduty FILE... -pagerduty FILE...  the same account before and after a change
//
// Each FILE is an answer of the vendor's API: a schedule, as the packages in
// oncall/schedule read it, or escalation policies, users with their contact
// rules, and teams, as those in oncall/escalation do; their documentation says
// which answers, and how to put them together.
//
// For each policy and urgency it prints the longest time from a trigger to the
// first push, SMS or call (-count), with an instant at which it occurs; the
// stretches of the next 90 days (-days) in which that takes longer than 5 minutes
// (-within); and a picture of them. The result is exact: it is about every
// trigger in that time, not about samples. A level with nobody on call takes its
// delay where the vendor's tool waits, and none where it does not. After the
// last level nobody is reached any more, as the vendors do it.
//
// The promise is about the worst urgency with which a policy pages. For a milder
// one, the low urgency of PagerDuty, the longest time is printed and not judged.
//
// What an export says and this library cannot is listed; a policy of which that
// changes who is paged when is marked as not proven.
//
// People of two accounts are the same if the mail addresses of their accounts
// are; policies if their names are, letter case aside. Two policies page the
// same people if, for a trigger at that instant that nobody acknowledges, the
// same people are paged at the same times after it, by whatever contact, while
// the levels are gone through once; and if both repeat them as often.
//
// The tour looks at the days from 2026-01-05 on, unless -from says otherwise. With
// -o json the answer is {"schema":1,"data":{...}}, with durations such as "5m0s" and
// instants in RFC 3339.
//
// # Exit status
//
//	0  every alert reaches a human in time, and both accounts page the same people
//	1  some alert does not, or the accounts differ, or something is not proven
//	2  the input cannot be used; everything wrong with it is listed
//
// The tour always exits with 0. "go run" turns every failure into 1: build the
// command for CI.
package main
