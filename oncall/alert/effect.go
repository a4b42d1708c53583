package alert

import (
	"time"

	"github.com/sre-sdk/sre"
	"github.com/sre-sdk/sre/internal/enum"
)

// An EffectKind says what is to be done.
type EffectKind uint8

const (
	EffectUnknown EffectKind = iota
	Trigger                  // open the page Key
	Update                   // the page Key says something else now
	Resolve                  // close the page Key: nothing in it fires any more
	Suppressed               // for the record: alerts would page, or would be resolved, and are not
	Released                 // for the record: what suppressed alerts does no longer
)

var effectNames = [...]string{"unknown", "trigger", "update", "resolve", "suppressed", "released"}

// String returns the lower-case name, which is also the JSON form.
func (k EffectKind) String() string { return enum.Name(effectNames[:], "effect", uint8(k)) }

// MarshalText returns the lower-case name; it refuses values that have none.
func (k EffectKind) MarshalText() ([]byte, error) {
	return enum.Marshal(effectNames[:], "effect", uint8(k))
}

// UnmarshalText reads the lower-case name.
func (k *EffectKind) UnmarshalText(text []byte) error {
	return enum.Unmarshal(effectNames[:], "effect", text, (*uint8)(k))
}

// An Effect is something to be done, or to be written down. As JSON it takes at
// most [MaxEffectBytes].
type Effect struct {
	// ID is the identity, an ID as sre.ValidID has it: the same effect, computed
	// again after a crash, has the same one, and no other has it.
	ID   string     `json:"id"`
	Kind EffectKind `json:"kind"`

	// At is when the effect was due, which may be before the step.
	At    time.Time `json:"at"`
	Group string    `json:"group"`

	// Key is the page, for which no other group or later page has it. Effects
	// may arrive in any order: of one page the highest Revision holds, and a
	// Resolve that comes first still resolves.
	Key      string `json:"key,omitempty"`
	Revision uint64 `json:"revision,omitempty"`

	// What the page says.
	Severity sre.Severity `json:"severity,omitempty"` // the worst of what fires
	Service  string       `json:"service,omitempty"`  // if all that fires have the same
	Labels   sre.Labels   `json:"labels,omitzero"`    // those that all that fires share
	Summary  string       `json:"summary,omitempty"`  // of the worst alert
	Alerts   []Line       `json:"alerts,omitempty"`   // at most [MaxLines], and what fits; what fires and the worst first
	Firing   int          `json:"firing,omitempty"`   // alerts of the page that fire
	Resolved int          `json:"resolved,omitempty"` // alerts that the page has named and that no longer do

	// Fingerprints, By and Reason are for Suppressed and Released: all alerts that
	// the rule suppresses, or does no longer, from this instant on.
	Fingerprints []string   `json:"fingerprints,omitempty"`
	By           By         `json:"by,omitzero"`
	Reason       sre.Reason `json:"reason,omitzero"`
}

// MaxLines is how many alerts an effect lists.
const MaxLines = 10

// MaxEffectBytes is the largest effect as JSON: it fits the payload of a runner's.
const MaxEffectBytes = 16 << 10

// What an effect takes besides labels, summary, lines and fingerprints, and the
// most that its labels take: those of an alert do unless they are full of
// characters that JSON escapes.
const (
	effectBase      = 1500
	lineBase        = 200
	maxEffectLabels = 6 << 10
)

// show lists an alert, if it fits.
func (e *Effect) show(l Line, left *int) {
	size := lineBase + jsonSize(l.Fingerprint) + jsonSize(l.Summary) + jsonSize(l.Link)
	if len(e.Alerts) < MaxLines && size <= *left {
		e.Alerts = append(e.Alerts, l)
		*left -= size
	}
}

// A Line is an alert as an effect shows it.
type Line struct {
	Fingerprint string       `json:"fingerprint"`
	Status      Status       `json:"status"`
	Severity    sre.Severity `json:"severity,omitempty"`
	Summary     string       `json:"summary,omitempty"`
	Link        string       `json:"link,omitempty"`
	Since       time.Time    `json:"since,omitzero"` // when it was first heard of, or resolved
}

// A Cause is what kind of rule suppresses.
type Cause uint8

const (
	CauseNone Cause = iota
	BySilence
	ByInhibition
	ByThrottle
	ByFlap  // a resolve is held back, which keeps the page open
	ByOrder // an older statement than the one that holds
	ByEnd   // it resolved before it would have paged
)

var causeNames = [...]string{"none", "silence", "inhibition", "throttle", "flap", "order", "end"}

// String returns the lower-case name, which is also the JSON form.
func (c Cause) String() string { return enum.Name(causeNames[:], "cause", uint8(c)) }

// MarshalText returns the lower-case name; it refuses values that have none.
func (c Cause) MarshalText() ([]byte, error) { return enum.Marshal(causeNames[:], "cause", uint8(c)) }

// UnmarshalText reads the lower-case name.
func (c *Cause) UnmarshalText(text []byte) error {
	return enum.Unmarshal(causeNames[:], "cause", text, (*uint8)(c))
}

// By is what suppresses an alert.
type By struct {
	Cause Cause     `json:"cause"`
	ID    string    `json:"id,omitempty"`     // of the silence, or the name of the rule
	Until time.Time `json:"until,omitzero"`   // when it ends, as far as that is known
	From  string    `json:"source,omitempty"` // the fingerprint of an inhibiting alert
}

// same reports whether two suppressions are by the same rule.
func (b By) same(other By) bool { return b.Cause == other.Cause && b.ID == other.ID }
