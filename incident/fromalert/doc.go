// Package fromalert makes incidents of alerts: which alert opens one, which
// belongs to one that there is, and why.
//
// [Compiled.Step] is a pure machine. It takes what monitoring says ([Event]) and
// what has become of incidents ([Fact]), and returns [Decision] values: declare,
// link, reopen, or ignore, each with its [Why]. [Decision.Requests] makes the
// commands of package incident of them. The incident is the place of deadlines
// and updates, so a storm of alerts in one incident makes one set of them.
//
// # Order does not matter
//
// An event has its place in time: when the alert began, or when it ended. Step
// holds each one for [Policy.Lateness] and then decides in the order of these
// instants, so the decisions do not depend on the order of arrival, nor on how
// arrivals are cut into steps, as long as each event arrives less than Lateness
// after its instant. One that is later takes its place at the watermark, which
// is Lateness before its arrival, and Why.Late says by how much. Nothing is
// dropped for being late. A source that groups before it sends, such as
// Alertmanager, is later than a short Lateness: then its messages are decided in
// the order in which they come, give or take Lateness.
//
// A statement that comes twice changes nothing: the second one is ignored as
// repeated or duplicate.
//
// # Vocabulary
//
//   - A group is what shares the values of [Policy.Keys].
//   - A window is the time in which an incident takes alerts of its groups.
//   - An alert is new in its group when it begins to fire; one that goes on firing
//     is not new, however often it is told.
//   - A candidate is an alert that waits for others, below [Policy.Threshold].
//   - An incident is quiet when none of its alerts fires. That is no resolution;
//     see package incident/recovery.
//
// # Reading
//
// A [Decoder] reads the webhook of Alertmanager without building its documents,
// several times as fast as encoding/json, with exactly the events that
// oncall/alert/alertmanager would give: whatever is unusual about a message, it
// hands to that reader.
package fromalert
