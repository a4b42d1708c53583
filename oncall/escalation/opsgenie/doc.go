// Package opsgenie reads who is paged by an account of Opsgenie: the answers of
// its API v2, put together into one object:
//
//	{"escalations": <GET /v2/escalations>,
//	 "teams": [<GET /v2/teams/{id}>, ...],
//	 "users": [{"data": <of GET /v2/users/{id}>, "notification_rules": [<GET /v2/users/{id}/notification-rules/{rule}>, ...]}, ...]}
//
// The users may stand in a file of their own, see [account.Account.Add], and an
// answer may be given with or without the object around its field data.
//
//   - Rules with the same delay are a level. Opsgenie counts delays from the alert,
//     and waits although a level has nobody on call: [account.Account.Waits].
//   - The repeat of an escalation is that of the policy; its wait interval is how
//     long the last level has.
//   - A team is paged as a whole, by the role of its members, or by turns instead
//     of at random. The next and previous people of a schedule and the routing
//     rules of a team cannot be said, which is reported.
//   - Of a user's notification rules for new alerts, the first one counts that is
//     for every alert at any time. Those before it, which are for some alerts, are
//     reported and make the person inexact. One that repeats is made once.
//
// Fields that are understood and have no place, and fields that this package
// does not know, are listed in [account.Account.Dropped]. All that is wrong is
// reported at once, with file, line and path; the input is bounded, and the
// reader never panics and never guesses. No message repeats an address.
package opsgenie
