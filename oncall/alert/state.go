package alert

import (
	"encoding/json"
	"fmt"
	"slices"
	"strings"
	"time"

	"github.com/sre-sdk/sre"
	"github.com/sre-sdk/sre/internal/enum"
)

// A State is what is known of one group. Read it, and leave changes to
// [Compiled.Step]. The zero State is a group of which nothing was heard. It
// encodes to JSON and survives that unchanged.
type State struct {
	Schema   int            `json:"schema"`
	Group    string         `json:"group"`
	At       time.Time      `json:"at"`                 // the latest step
	Due      time.Time      `json:"due,omitzero"`       // see [NextDue]
	Page     Page           `json:"page"`               // the open page, or the latest one
	Alerts   []Entry        `json:"alerts,omitempty"`   // by fingerprint
	Overflow []uint64       `json:"overflow,omitempty"` // hashes of fingerprints of what fires beyond the limits, sorted
	Lost     bool           `json:"lost,omitempty"`     // and more beyond those
	Triggers []time.Time    `json:"triggers,omitempty"` // the latest ones, oldest first, for throttles
	Logged   uint64         `json:"logged,omitempty"`   // effects that were only written down
	Beat     HeartbeatState `json:"beat,omitzero"`
	Bytes    int            `json:"bytes,omitempty"` // what Alerts takes as JSON, from above
}

// A Page is what a group has told whoever is on call.
type Page struct {
	Number   uint64       `json:"number,omitempty"` // of the page in the group, from 1
	Open     bool         `json:"open,omitempty"`
	Revision uint64       `json:"revision,omitempty"`
	Sent     time.Time    `json:"sent,omitzero"`      // the latest effect
	Severity sre.Severity `json:"severity,omitempty"` // as last told
}

// Key returns the key of the page, empty before the first one.
func (s *State) Key() string {
	if s.Page.Number == 0 {
		return ""
	}
	return fmt.Sprintf("%s:%d", s.Group, s.Page.Number)
}

// An Entry is one alert of a group.
type Entry struct {
	Fingerprint string       `json:"fingerprint"`
	Status      Status       `json:"status"` // as last stated
	Severity    sre.Severity `json:"severity,omitempty"`
	Labels      sre.Labels   `json:"labels,omitzero"`
	Service     string       `json:"service,omitempty"`
	Summary     string       `json:"summary,omitempty"`
	Link        string       `json:"link,omitempty"`
	Starts      time.Time    `json:"starts,omitzero"`
	Observed    time.Time    `json:"observed,omitzero"`
	Since       time.Time    `json:"since"`             // when the status was first heard of
	Told        Status       `json:"told"`              // what the open page says of it
	By          By           `json:"by,omitzero"`       // what keeps it from paging, as last written down
	Changes     []time.Time  `json:"changes,omitempty"` // the latest transitions, oldest first
	Flapping    bool         `json:"flapping,omitempty"`
}

// A HeartbeatState is when a heartbeat was heard.
type HeartbeatState struct {
	Name     string    `json:"name"`
	Expected time.Time `json:"expected"`      // since when it is watched
	Last     time.Time `json:"last,omitzero"` // zero: never heard
}

// A Health says how a heartbeat is.
type Health uint8

const (
	HealthUnknown Health = iota // never heard, and not yet missing
	Healthy
	Missing
)

var healthNames = [...]string{"unknown", "healthy", "missing"}

// String returns the lower-case name.
func (h Health) String() string { return enum.Name(healthNames[:], "health", uint8(h)) }

// Health returns how the heartbeat of a state is at an instant. What was never
// heard, or is no heartbeat of the policy, is never healthy.
func (c *Compiled) Health(s State, now time.Time) Health {
	h := c.heartbeats[s.Beat.Name]
	switch {
	case h == nil:
		return HealthUnknown
	case !now.Before(s.Beat.deadline(h)):
		return Missing
	case s.Beat.Last.IsZero():
		return HealthUnknown
	}
	return Healthy
}

func (b HeartbeatState) deadline(h *Heartbeat) time.Time {
	from := b.Expected
	if b.Last.After(from) {
		from = b.Last
	}
	return from.Add(h.Interval + h.Grace)
}

// NextDue returns when the state must be stepped with a Tick, or zero if only
// an input can change it. A tick that comes late loses nothing.
func NextDue(s State) time.Time { return s.Due }

const schema = 1

// UnmarshalJSON reads a state of this schema and refuses others.
func (s *State) UnmarshalJSON(data []byte) error {
	type plain State
	var v plain
	if err := json.Unmarshal(data, &v); err != nil {
		return fmt.Errorf("alert: a state: %w", err)
	}
	zero := v.Schema == 0 && v.Group == "" && len(v.Alerts) == 0
	if v.Schema != schema && !zero {
		return sre.NewProblem("schema", "unknown_schema", v.Schema, "1")
	}
	sorted := slices.IsSortedFunc(v.Alerts, func(a, b Entry) int {
		if a.Fingerprint == b.Fingerprint {
			return -1 // twice is as bad as out of order
		}
		return strings.Compare(a.Fingerprint, b.Fingerprint)
	})
	if !sorted || !slices.IsSorted(v.Overflow) {
		return sre.NewProblem("alerts", "out_of_order", nil, "alerts sorted by fingerprint, each once")
	}
	*s = State(v)
	return nil
}

// line shows an entry.
func (e *Entry) line() Line {
	return Line{Fingerprint: e.Fingerprint, Status: e.Status, Severity: e.Severity, Summary: e.Summary, Link: e.Link, Since: e.Since}
}

// size is what the entry takes as JSON, from above.
func (e *Entry) size() int {
	return 560 + jsonSize(e.Fingerprint) + jsonSize(e.Service) + jsonSize(e.Summary) + jsonSize(e.Link) + labelSize(e.Labels) + changeSize*len(e.Changes)
}

// changeSize is what an instant takes as JSON, from above.
const changeSize = 40
