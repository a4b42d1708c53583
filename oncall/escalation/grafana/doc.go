// Package grafana reads who is paged by Grafana OnCall: the answers of its
// public API, put together into one object:
//
//	{"escalation_chains": <GET /api/v1/escalation_chains>,
//	 "escalation_policies": <GET /api/v1/escalation_policies>,
//	 "users": <GET /api/v1/users>,
//	 "personal_notification_rules": <GET /api/v1/personal_notification_rules>,
//	 "teams": <GET /api/v1/teams>}
//
// An answer may also be the list in its field results. The chains and their
// policies stand in one file, and so do the users and their rules; the other
// parts may stand in files of their own, see [account.Account.Add].
//
// An escalation chain is a policy, and what Grafana OnCall calls an escalation
// policy is one of its steps.
//
//   - Steps between two waits are a level. Grafana OnCall waits although a level
//     has nobody on call: [account.Account.Waits]. That it takes five seconds from
//     step to step is not said.
//   - A step is important or not, and pages people by those rules of theirs. A chain
//     in which only some steps are is read as one in which none is, and reported.
//   - notify_if_time_from_to becomes a condition of the levels after it. Outside of
//     those hours they are passed over, where Grafana OnCall waits for the hours;
//     that is reported. Nothing after notify_if_num_alerts_in_window is read,
//     since it may never be reached, and nothing after repeat_escalation and resolve.
//   - The API tells no telephone numbers: the addresses of contacts other than mail
//     are the ID of the user.
//
// Fields that are understood and have no place, and fields that this package
// does not know, are listed in [account.Account.Dropped]. All that is wrong is
// reported at once, with file, line and path; the input is bounded, and the
// reader never panics and never guesses. No message repeats an address.
package grafana
