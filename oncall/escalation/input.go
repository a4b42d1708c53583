package escalation

import (
	"time"

	"github.com/sre-sdk/sre"
)

// Limits on inputs, part of the contract.
const (
	MaxTitle = 500  // bytes
	MaxBody  = 4000 // bytes
	MaxLink  = 2000 // bytes
	MaxNote  = 2000 // bytes
	MaxNotes = 20   // kept; older ones give way, so that no act fails for a note
)

// An Input is something that happens to an escalation: [Trigger], [Ack],
// [Respond], [Snooze], [Escalate], [HandOff], [AddNote], [SetSeverity],
// [Resolve], [Edit], [Undelivered] or [Tick].
//
// By is always the ID of who does it, a person's wherever people do it.
type Input interface{ input() }

// Trigger begins an escalation. One that runs already takes no notice of it,
// unless the severity is worse than before, which then counts; one that is
// resolved begins anew.
type Trigger struct {
	ID       string       `json:"id"`                 // of the escalation; required
	Severity sre.Severity `json:"severity,omitempty"` // 0: unknown, treated as the worst
	Title    string       `json:"title,omitempty"`    // one line; empty: show the ID
	Body     string       `json:"body,omitempty"`
	Link     string       `json:"link,omitempty"`

	// Turn says whose turn it is in each round robin: the person with the index
	// Turn modulo their number. Count it up for each escalation of the policy.
	Turn uint64 `json:"turn,omitempty"`
}

// Ack says that a person has taken notice and takes care. Again from the same
// person it makes an acknowledgement that would expire last longer.
type Ack struct {
	By   string `json:"by"`
	Note string `json:"note,omitempty"`
}

// Respond says that a person has begun to work on it. It acknowledges, and that
// acknowledgement does not expire.
type Respond struct {
	By   string `json:"by"`
	Note string `json:"note,omitempty"`
}

// Snooze stops the paging until an instant, at which the level is entered once
// more.
type Snooze struct {
	By    string    `json:"by"`
	Until time.Time `json:"until"` // later than now, by Policy.MaxSnooze at most
}

// Escalate enters another level at once, whether or not somebody has
// acknowledged: "I cannot resolve this".
type Escalate struct {
	By     string `json:"by"`
	To     string `json:"to,omitempty"` // the ID of a level, or LastResortLevel; default: the next one
	Reason string `json:"reason,omitempty"`
}

// HandOff pages another person instead of who has it now. If that person does
// not acknowledge within the delay of the level, the next level is entered.
type HandOff struct {
	By   string `json:"by"`
	To   string `json:"to"` // a person
	Note string `json:"note,omitempty"`
}

// AddNote keeps a note for whoever takes over.
type AddNote struct {
	By   string `json:"by"`
	Text string `json:"text"`
}

// SetSeverity changes the severity. A worse one counts its promises from now,
// but what is owed earlier stays so.
type SetSeverity struct {
	By       string       `json:"by"`
	Severity sre.Severity `json:"severity"`
}

// Resolve ends the escalation.
type Resolve struct {
	By     string `json:"by"`
	Reason string `json:"reason,omitempty"`
}

// Edit takes over a state of another policy, or another version of it. It is
// stepped by the new one. The level stays the one of the same ID, with its
// delay as it is now, and nobody is paged for it; if there is none, the level at
// which it would begin is entered. Nothing that is owed is dropped, and what
// the new policy would have owed in the past is owed now.
type Edit struct {
	By string `json:"by"`
}

// Undelivered says that a delivery will never succeed: the next contact of the
// person is tried at once, and if none of the people of the entry can be
// reached, the next level is entered at once.
type Undelivered struct {
	Entry  uint32 `json:"entry"`
	Person string `json:"person"`
	Step   uint8  `json:"step"`
}

// Tick says that time has passed. It is owed at [State.NextDue]; at any other
// time it does nothing.
type Tick struct{}

func (Trigger) input()     {}
func (Ack) input()         {}
func (Respond) input()     {}
func (Snooze) input()      {}
func (Escalate) input()    {}
func (HandOff) input()     {}
func (AddNote) input()     {}
func (SetSeverity) input() {}
func (Resolve) input()     {}
func (Edit) input()        {}
func (Undelivered) input() {}
func (Tick) input()        {}

// A Refusal says why an input was refused. The state is as it was, and nothing
// is to be performed.
type Refusal struct {
	Code string // stable, one of the Refused constants
	Text string // what would be right
}

// Why inputs are refused.
const (
	RefusedInvalid      = "invalid"       // a field is out of its range
	RefusedNotTriggered = "not_triggered" // there is no escalation yet
	RefusedResolved     = "resolved"      // it has ended; trigger it again
	RefusedOtherPolicy  = "other_policy"  // the state belongs to another policy, or another version of it: use Edit
	RefusedSamePolicy   = "same_policy"   // an Edit to the policy that it has already
	RefusedNoLevel      = "no_level"      // the policy has no such level
)

// Error returns the code and the text.
func (r *Refusal) Error() string { return "escalation: " + r.Code + ": " + r.Text }
