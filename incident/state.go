package incident

import (
	"slices"
	"time"

	"github.com/sre-sdk/sre"
)

// A State is an incident, folded from its events. The zero value is one that was
// not declared. Only [State.Apply] changes it; a copy shares lists with the
// original, so use [State.Clone] to keep one while the other goes on.
type State struct {
	ID       string   `json:"id"`
	Seq      uint64   `json:"seq"` // of the latest event
	Status   Status   `json:"status"`
	Mode     Mode     `json:"mode,omitempty"`
	Source   Source   `json:"source,omitempty"`
	Title    string   `json:"title"`
	Text     string   `json:"text,omitempty"`
	Channel  Ref      `json:"channel,omitzero"`
	Ticket   Ref      `json:"ticket,omitzero"`
	Hidden   bool     `json:"hidden,omitempty"` // restricted to those who hold a role
	Services []string `json:"services,omitempty"`

	Severity sre.Severity `json:"severity"`
	Worst    sre.Severity `json:"worst"` // that it ever had
	Impact   Impact       `json:"impact,omitzero"`
	Spans    []Span       `json:"spans,omitempty"` // of severity, in the order in which they occurred

	Episode int                `json:"episode"`       // 1, 2, ...
	Marks   [milestoneEnd]Mark `json:"marks"`         // of the current episode, by Milestone
	Over    time.Time          `json:"over,omitzero"` // when it was canceled or merged, if it is
	Past    []Episode          `json:"past,omitempty"`
	Lulls   []Lull             `json:"lulls,omitempty"` // of the current episode: mitigated, and then not

	Holders []Holder           `json:"holders,omitempty"` // of roles now
	Offers  []Offered          `json:"offers,omitempty"`
	Handed  [roleEnd]time.Time `json:"handed"` // by Role: when it changed hands last

	Alerts      []Alert      `json:"alerts,omitempty"`
	MoreAlerts  int          `json:"more_alerts,omitempty"` // its own beyond MaxAlerts; the log has them
	Links       []Link       `json:"links,omitempty"`       // other than alerts
	Mitigations []Mitigation `json:"mitigations,omitempty"`
	Runbooks    []Followed   `json:"runbooks,omitempty"`
	Evidence    int          `json:"evidence,omitempty"` // how many pieces; the log has them

	Told [audienceEnd]Told `json:"told"` // by Audience

	Root   string     `json:"root,omitempty"`   // of a merged one: the incident that it is part of
	Before Status     `json:"before,omitempty"` // likewise: the status that it had
	Merged []Absorbed `json:"merged,omitempty"` // what is part of this one

	Returned time.Time `json:"returned,omitzero"` // when it was separated again, the latest time

	Recovery   Finding    `json:"recovery,omitempty"` // what the data say of the current episode
	Postmortem Postmortem `json:"postmortem,omitzero"`
	Reviewed   bool       `json:"reviewed,omitempty"` // the question about runbooks and alerts was answered

	Conflicts int              `json:"conflicts,omitempty"` // commands that were refused and kept
	Changed   [fieldEnd]uint64 `json:"changed"`             // Seq of the latest change, by field
	Last      time.Time        `json:"last"`                // when the latest event was recorded
}

// A Span is a time with one severity, until that of the next span.
type Span struct {
	Severity sre.Severity `json:"severity"`
	From     time.Time    `json:"from"`
}

// An Episode is one that is over.
type Episode struct {
	Marks [milestoneEnd]Mark `json:"marks"`
	Over  time.Time          `json:"over,omitzero"` // when it was canceled, if it was
}

// A Lull is a time without impact before it came back.
type Lull struct {
	From time.Time `json:"from"`
	To   time.Time `json:"to"`
}

// A Holder is a person with a role.
type Holder struct {
	Role    Role      `json:"role"`
	Person  string    `json:"person"`
	Service string    `json:"service,omitempty"`
	Since   time.Time `json:"since"`
}

// An Offered is a role that was offered to a person.
type Offered struct {
	Role   Role   `json:"role"`
	Person string `json:"person"`
	Note   string `json:"note,omitempty"`
}

// A Mitigation is what was done against the impact, and how it went.
type Mitigation struct {
	ID     string           `json:"id"`
	Type   MitigationType   `json:"type"`
	Result MitigationResult `json:"result"`
	Change string           `json:"change,omitempty"`
	At     time.Time        `json:"at"`  // of the result
	Seq    uint64           `json:"seq"` // of the event that has it
}

// A Followed is a runbook that is followed.
type Followed struct {
	ID      string `json:"id"`
	URL     string `json:"url,omitempty"`
	Done    int    `json:"done,omitempty"`
	Skipped int    `json:"skipped,omitempty"`
	Failed  int    `json:"failed,omitempty"`
}

// A Told is what an audience was told.
type Told struct {
	Updates int       `json:"updates,omitempty"`
	Last    time.Time `json:"last,omitzero"`
	Next    time.Time `json:"next,omitzero"` // promised; zero: nothing was
	Final   bool      `json:"final,omitempty"`
}

// An Absorbed is an incident that is part of another one.
type Absorbed struct {
	ID     string   `json:"id"`
	Family []string `json:"family,omitempty"` // what it had absorbed itself
	More   int      `json:"more,omitempty"`   // its alerts that are not among Alerts; the log has them
	Hidden bool     `json:"hidden,omitempty"` // it is restricted
}

// A Postmortem is what comes after.
type Postmortem struct {
	ID      string    `json:"id,omitempty"`
	For     time.Time `json:"for,omitzero"`
	Skipped bool      `json:"skipped,omitempty"`
}

// Clone returns a copy that shares nothing that Apply changes.
func (s *State) Clone() State {
	c := *s
	c.Services = slices.Clone(s.Services)
	c.Spans = slices.Clone(s.Spans)
	c.Past = slices.Clone(s.Past)
	c.Lulls = slices.Clone(s.Lulls)
	c.Holders = slices.Clone(s.Holders)
	c.Offers = slices.Clone(s.Offers)
	c.Alerts = slices.Clone(s.Alerts)
	c.Links = slices.Clone(s.Links)
	c.Mitigations = slices.Clone(s.Mitigations)
	c.Runbooks = slices.Clone(s.Runbooks)
	c.Merged = slices.Clone(s.Merged)
	return c
}

// Holds reports whether a person holds a role.
func (s *State) Holds(person string, role Role) bool {
	for i := range s.Holders {
		if h := &s.Holders[i]; h.Role == role && h.Person == person {
			return true
		}
	}
	return false
}

// HolderOf returns who holds a role, the first one of experts, or "".
func (s *State) HolderOf(role Role) string {
	for i := range s.Holders {
		if s.Holders[i].Role == role {
			return s.Holders[i].Person
		}
	}
	return ""
}

// Mark returns when a milestone of the current episode was reached.
func (s *State) Mark(m Milestone) Mark {
	if m >= milestoneEnd {
		return Mark{}
	}
	return s.Marks[m]
}
