package incident

import (
	"time"

	"github.com/sre-sdk/sre/internal/enum"
)

// A Status says where an incident stands.
type Status uint8

const (
	None      Status = iota // not declared: the zero State
	Declared                // somebody or something says so
	Triaged                 // its severity was judged
	Mitigated               // users are no longer affected
	Resolved                // the cause is gone
	Closed                  // nothing is left to do but to learn
	Canceled                // it was none
	Merged                  // it is part of another one, State.Root
	statusEnd
)

var statusNames = [statusEnd]string{"none", "declared", "triaged", "mitigated", "resolved", "closed", "canceled", "merged"}

// String returns the lower-case name.
func (s Status) String() string { return enum.Name(statusNames[:], "status", uint8(s)) }

// MarshalText returns the lower-case name; it refuses values that have none.
func (s Status) MarshalText() ([]byte, error) {
	return enum.Marshal(statusNames[:], "status", uint8(s))
}

// UnmarshalText reads the lower-case name.
func (s *Status) UnmarshalText(text []byte) error {
	return enum.Unmarshal(statusNames[:], "status", text, (*uint8)(s))
}

// Live reports whether the incident is under way: declared, triaged or
// mitigated.
func (s Status) Live() bool { return s == Declared || s == Triaged || s == Mitigated }

// A Role is what somebody is there for in an incident.
type Role uint8

const (
	RoleUnknown   Role = iota
	Commander          // decides; one person, who holds no other role
	Deputy             // stands in for the commander
	Scribe             // keeps the timeline
	Liaison            // tells those inside the company
	PublicLiaison      // tells the public
	Expert             // knows a service; any number
	roleEnd
)

var roleNames = [roleEnd]string{"unknown", "commander", "deputy", "scribe", "liaison", "public_liaison", "expert"}

// String returns the lower-case name.
func (r Role) String() string { return enum.Name(roleNames[:], "role", uint8(r)) }

// MarshalText returns the lower-case name; it refuses values that have none.
func (r Role) MarshalText() ([]byte, error) { return enum.Marshal(roleNames[:], "role", uint8(r)) }

// UnmarshalText reads the lower-case name.
func (r *Role) UnmarshalText(text []byte) error {
	return enum.Unmarshal(roleNames[:], "role", text, (*uint8)(r))
}

// A Mode says what sort of incident it is.
type Mode uint8

const (
	Standard      Mode = iota
	Retrospective      // entered after it was over
	Drill              // an exercise: it counts in no statistics
)

var modeNames = [...]string{"standard", "retrospective", "drill"}

// String returns the lower-case name.
func (m Mode) String() string { return enum.Name(modeNames[:], "mode", uint8(m)) }

// MarshalText returns the lower-case name; it refuses values that have none.
func (m Mode) MarshalText() ([]byte, error) { return enum.Marshal(modeNames[:], "mode", uint8(m)) }

// UnmarshalText reads the lower-case name.
func (m *Mode) UnmarshalText(text []byte) error {
	return enum.Unmarshal(modeNames[:], "mode", text, (*uint8)(m))
}

// A Source says how an incident became known.
type Source uint8

const (
	SourceUnknown Source = iota
	FromAlert
	FromReport // by a person inside
	FromUser   // by a customer, before any alert
)

var sourceNames = [...]string{"unknown", "alert", "report", "user"}

// String returns the lower-case name.
func (s Source) String() string { return enum.Name(sourceNames[:], "source", uint8(s)) }

// MarshalText returns the lower-case name; it refuses values that have none.
func (s Source) MarshalText() ([]byte, error) {
	return enum.Marshal(sourceNames[:], "source", uint8(s))
}

// UnmarshalText reads the lower-case name.
func (s *Source) UnmarshalText(text []byte) error {
	return enum.Unmarshal(sourceNames[:], "source", text, (*uint8)(s))
}

// A Tri is a fact that may not be known.
type Tri uint8

const (
	NotKnown Tri = iota
	No
	Yes
)

var triNames = [...]string{"not_known", "no", "yes"}

// String returns the lower-case name.
func (t Tri) String() string { return enum.Name(triNames[:], "tri", uint8(t)) }

// MarshalText returns the lower-case name; it refuses values that have none.
func (t Tri) MarshalText() ([]byte, error) { return enum.Marshal(triNames[:], "tri", uint8(t)) }

// UnmarshalText reads the lower-case name.
func (t *Tri) UnmarshalText(text []byte) error {
	return enum.Unmarshal(triNames[:], "tri", text, (*uint8)(t))
}

// A Finding is what data say about whether it is over.
type Finding uint8

const (
	FindingUnknown   Finding = iota // not enough data; that is not a yes
	Recovered                       // it is over
	NotRecovered                    // it is not
	FindingNotNeeded                // no SLO covers what was affected
)

var findingNames = [...]string{"unknown", "recovered", "not_recovered", "not_needed"}

// String returns the lower-case name.
func (f Finding) String() string { return enum.Name(findingNames[:], "finding", uint8(f)) }

// MarshalText returns the lower-case name; it refuses values that have none.
func (f Finding) MarshalText() ([]byte, error) {
	return enum.Marshal(findingNames[:], "finding", uint8(f))
}

// UnmarshalText reads the lower-case name.
func (f *Finding) UnmarshalText(text []byte) error {
	return enum.Unmarshal(findingNames[:], "finding", text, (*uint8)(f))
}

// A MitigationType is a way to stop the impact.
type MitigationType uint8

const (
	OtherMitigation MitigationType = iota
	Rollback
	Scale
	Restart
	FlagOff
	Failover
	ShedLoad
)

var mitigationNames = [...]string{"other", "rollback", "scale", "restart", "flag_off", "failover", "shed_load"}

// String returns the lower-case name.
func (m MitigationType) String() string { return enum.Name(mitigationNames[:], "mitigation", uint8(m)) }

// MarshalText returns the lower-case name; it refuses values that have none.
func (m MitigationType) MarshalText() ([]byte, error) {
	return enum.Marshal(mitigationNames[:], "mitigation", uint8(m))
}

// UnmarshalText reads the lower-case name.
func (m *MitigationType) UnmarshalText(text []byte) error {
	return enum.Unmarshal(mitigationNames[:], "mitigation", text, (*uint8)(m))
}

// A MitigationResult says how a mitigation went.
type MitigationResult uint8

const (
	Started MitigationResult = iota
	Worked
	Failed
)

var resultNames = [...]string{"started", "worked", "failed"}

// String returns the lower-case name.
func (m MitigationResult) String() string { return enum.Name(resultNames[:], "result", uint8(m)) }

// MarshalText returns the lower-case name; it refuses values that have none.
func (m MitigationResult) MarshalText() ([]byte, error) {
	return enum.Marshal(resultNames[:], "result", uint8(m))
}

// UnmarshalText reads the lower-case name.
func (m *MitigationResult) UnmarshalText(text []byte) error {
	return enum.Unmarshal(resultNames[:], "result", text, (*uint8)(m))
}

// A StepResult says how a step of a runbook went.
type StepResult uint8

const (
	StepDone StepResult = iota
	StepSkipped
	StepFailed
)

var stepNames = [...]string{"done", "skipped", "failed"}

// String returns the lower-case name.
func (r StepResult) String() string { return enum.Name(stepNames[:], "step", uint8(r)) }

// MarshalText returns the lower-case name; it refuses values that have none.
func (r StepResult) MarshalText() ([]byte, error) {
	return enum.Marshal(stepNames[:], "step", uint8(r))
}

// UnmarshalText reads the lower-case name.
func (r *StepResult) UnmarshalText(text []byte) error {
	return enum.Unmarshal(stepNames[:], "step", text, (*uint8)(r))
}

// An Audience is who is told.
type Audience uint8

const (
	Internal Audience = iota
	Public
	Executives
	audienceEnd
)

var audienceNames = [audienceEnd]string{"internal", "public", "executives"}

// String returns the lower-case name.
func (a Audience) String() string { return enum.Name(audienceNames[:], "audience", uint8(a)) }

// MarshalText returns the lower-case name; it refuses values that have none.
func (a Audience) MarshalText() ([]byte, error) {
	return enum.Marshal(audienceNames[:], "audience", uint8(a))
}

// UnmarshalText reads the lower-case name.
func (a *Audience) UnmarshalText(text []byte) error {
	return enum.Unmarshal(audienceNames[:], "audience", text, (*uint8)(a))
}

// An EvidenceType is what sort of evidence something is.
type EvidenceType uint8

const (
	LinkEvidence EvidenceType = iota
	MetricEvidence
	LogEvidence
)

var evidenceNames = [...]string{"link", "metric", "log"}

// String returns the lower-case name.
func (e EvidenceType) String() string { return enum.Name(evidenceNames[:], "evidence", uint8(e)) }

// MarshalText returns the lower-case name; it refuses values that have none.
func (e EvidenceType) MarshalText() ([]byte, error) {
	return enum.Marshal(evidenceNames[:], "evidence", uint8(e))
}

// UnmarshalText reads the lower-case name.
func (e *EvidenceType) UnmarshalText(text []byte) error {
	return enum.Unmarshal(evidenceNames[:], "evidence", text, (*uint8)(e))
}

// A LinkType is what is linked.
type LinkType uint8

const (
	LinkOther LinkType = iota
	LinkAlert
	LinkChange
	LinkSLO
)

var linkNames = [...]string{"other", "alert", "change", "slo"}

// String returns the lower-case name.
func (l LinkType) String() string { return enum.Name(linkNames[:], "link", uint8(l)) }

// MarshalText returns the lower-case name; it refuses values that have none.
func (l LinkType) MarshalText() ([]byte, error) { return enum.Marshal(linkNames[:], "link", uint8(l)) }

// UnmarshalText reads the lower-case name.
func (l *LinkType) UnmarshalText(text []byte) error {
	return enum.Unmarshal(linkNames[:], "link", text, (*uint8)(l))
}

// A Milestone is an instant of an episode.
type Milestone uint8

const (
	MilestoneUnknown Milestone = iota
	ImpactBegan                // users were affected from here on
	DetectedAt                 // the first alert, or the first report
	DeclaredAt                 // the incident was declared, or reopened
	AcknowledgedAt             // somebody took care
	TriagedAt                  // the severity was judged
	MitigatedAt                // users were no longer affected
	ResolvedAt                 // the cause was gone
	VerifiedAt                 // data agreed
	ClosedAt                   // nothing was left to do
	milestoneEnd
)

var milestoneNames = [milestoneEnd]string{"unknown", "impact", "detected", "declared", "acknowledged", "triaged", "mitigated", "resolved", "verified", "closed"}

// String returns the lower-case name.
func (m Milestone) String() string { return enum.Name(milestoneNames[:], "milestone", uint8(m)) }

// MarshalText returns the lower-case name; it refuses values that have none.
func (m Milestone) MarshalText() ([]byte, error) {
	return enum.Marshal(milestoneNames[:], "milestone", uint8(m))
}

// UnmarshalText reads the lower-case name.
func (m *Milestone) UnmarshalText(text []byte) error {
	return enum.Unmarshal(milestoneNames[:], "milestone", text, (*uint8)(m))
}

// A Ref points to something elsewhere.
type Ref struct {
	ID  string `json:"id,omitempty"`
	URL string `json:"url,omitempty"`
}

// An Alert is one that belongs to an incident.
type Alert struct {
	Key  string `json:"key"`
	From string `json:"from,omitempty"` // the incident that brought it along in a merge; empty: its own
}

// An Impact is what is known of how bad it is. The matrix makes a severity of
// it; what is not known counts as the worst that it could be.
type Impact struct {
	Users      Share `json:"users,omitzero"`       // affected, of all
	BudgetBurn Rate  `json:"budget_burn,omitzero"` // burn rate of the worst SLO
	DataLoss   Tri   `json:"data_loss,omitempty"`
	Security   Tri   `json:"security,omitempty"`
	Redundancy Tri   `json:"redundancy,omitempty"` // whether there is any left
}

// A Share is a share of something, 0 to 1, or not known.
type Share struct {
	Known bool    `json:"known"`
	Value float64 `json:"value"`
}

// A Rate is a burn rate, 0 and up, or not known. 1 spends the error budget in
// exactly its period.
type Rate struct {
	Known bool    `json:"known"`
	Value float64 `json:"value"`
}

// ShareOf returns a known share.
func ShareOf(v float64) Share { return Share{true, v} }

// RateOf returns a known rate.
func RateOf(v float64) Rate { return Rate{true, v} }

// A Mark is when a milestone was, and since when that is known.
type Mark struct {
	At       time.Time `json:"at"`
	Recorded time.Time `json:"recorded"`
}

// IsZero reports whether the milestone was not reached.
func (m Mark) IsZero() bool { return m.At.IsZero() }
