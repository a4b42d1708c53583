// Package intake hosts the alert kernel of oncall/alert durably: what monitoring
// systems send becomes pages of a Dispatcher of oncall/dispatch, on any number of
// processes over one store.
//
//	desk, err := intake.New(intake.Config{Store: store, Alerts: alerts, Routing: routes, Pages: dispatcher})
//	go desk.Run(ctx)
//	http.Handle("/", intake.Handler(intake.HandlerConfig{Intake: desk, Tokens: tokens}))
//
// # From an alert to a page
//
// Each alert is routed first (oncall/routing): the route says whether it pages,
// by which escalation policy, or becomes a ticket or only a record, and how bad
// it is. Then it is grouped: a group is what shares the labels of the alert
// policy, or the key of the source, and goes to one place. So alerts of one name
// that belong to two escalation policies are two groups. Each group is a record
// of the store, stepped by alert.Compiled.Step, and its pages go to Config.Pages.
//
// Routes may depend on the hour, and a message that resolves an alert may lack
// the labels that routed it. Therefore it is remembered where the alerts of a
// group were sent. A resolve goes to each of those places. An alert that fires in
// a page stays there, whatever its route says later, unless it has become worse;
// one that is a ticket pages as soon as its route says so.
//
// # What it promises
//
//   - When [Intake.Receive] returns nil, each alert that has no [sre.Problem] is
//     durable, and so is every page that follows. The same message may come any
//     number of times, in parts, by several processes: what is known changes
//     nothing, and commits nothing.
//   - A page goes to Config.Pages at least once, under a key that no other page
//     ever has, and is never given up: while Pages fails it is tried again, and
//     where its escalation policy is not known any more, that of routing's default
//     takes over.
//   - Facts of other groups are read anew for every step, from what those groups
//     are and not from an index that may be behind (sources of inhibitions are at
//     most a second old). What cannot be read, and what exceeds the limits,
//     suppresses nothing.
//   - One alert that is not right does not keep the others of its message from
//     paging.
//   - The log holds every input, with how each alert was routed and why, the facts
//     that were used, and each suppression with its reason: see [Intake.Timeline].
//     [Intake.Replay] folds it to the same state.
//
// A silence that was made or changed counts from the next step on; when one is
// ended early, the alerts that it holds back are stepped at once. That a source of
// an inhibition is over is noticed within MaxFactsAge of the alert policy.
//
// # Heartbeats
//
// Run begins to watch every heartbeat of the alert policy, so that one that is
// never heard pages, too. The missing heartbeat is routed by the labels alertname
// (HeartbeatMissing), heartbeat and service.
//
// # Limits
//
// An input of a group has at most alert.MaxInputAlerts alerts; longer messages
// are several. Acknowledgements of the source (alert.Batch.Acks) are not taken: who
// acknowledges a page is a person, in oncall/dispatch. If group_by of the alert
// policy is changed, alerts that fire are resolved in their old groups by people
// only. A page of a group whose escalation somebody has resolved while its
// alerts fire is opened again only after they have ceased.
package intake
