// Package pagerduty reads who is paged by an account of PagerDuty: the answers
// of its REST API v2 to
//
//	GET /escalation_policies
//	GET /users?include[]=contact_methods&include[]=notification_rules
//	GET /teams
//
// or to the same of one object. The answers may stand in one file, put together
// into one object, or in several, see [account.Account.Add].
//
//   - An escalation rule is a level; num_loops is how often the levels are repeated.
//     A level in which nobody is on call is passed over at once, by PagerDuty as
//     by this library.
//   - A round robin of users is one. That of schedules pages all of them together,
//     which is reported: it may page more people, and a schedule in which
//     nobody is on call does not hold back the others.
//   - A notification rule is a contact rule for the people of its urgency. What
//     PagerDuty has disabled or blocked reaches nobody.
//   - When the levels are used up, PagerDuty pages nobody any more; here the last
//     resort follows, which the caller names.
//
// Fields that are understood and have no place, and fields that this package
// does not know, are listed in [account.Account.Dropped]. All that is wrong is
// reported at once, with file, line and path; the input is bounded, and the
// reader never panics and never guesses. No message repeats an address.
package pagerduty
