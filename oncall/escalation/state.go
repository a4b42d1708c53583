package escalation

import (
	"encoding/hex"
	"encoding/json"
	"fmt"
	"iter"
	"slices"
	"time"

	"github.com/sre-sdk/sre"
)

// A Status says where an escalation stands.
type Status uint8

const (
	None         Status = iota // never triggered: the zero State
	Open                       // people are being paged
	Acknowledged               // somebody takes care
	Snoozed                    // put off until State.Until
	Resolved                   // over
)

var statusNames = [...]string{"none", "open", "acknowledged", "snoozed", "resolved"}

// String returns the lower-case name.
func (s Status) String() string {
	if int(s) < len(statusNames) {
		return statusNames[s]
	}
	return fmt.Sprintf("status(%d)", uint8(s))
}

// MarshalText returns the lower-case name; it refuses values that have none.
func (s Status) MarshalText() ([]byte, error) {
	if int(s) >= len(statusNames) {
		return nil, sre.NewProblem("", "unknown_status", s, "a declared Status")
	}
	return []byte(s.String()), nil
}

// UnmarshalText reads the lower-case name.
func (s *Status) UnmarshalText(text []byte) error {
	i := slices.Index(statusNames[:], string(text))
	if i < 0 {
		return sre.NewProblem("", "unknown_status", string(text), "none, open, acknowledged, snoozed or resolved")
	}
	*s = Status(i)
	return nil
}

// A Digest identifies a policy: the SHA-256 of its canonical form.
type Digest [32]byte

// String returns the digest in hex.
func (d Digest) String() string { return hex.EncodeToString(d[:]) }

// MarshalText returns the digest in hex.
func (d Digest) MarshalText() ([]byte, error) { return []byte(d.String()), nil }

// UnmarshalText reads a digest in hex.
func (d *Digest) UnmarshalText(text []byte) error {
	if len(text) != hex.EncodedLen(len(d)) {
		return sre.NewProblem("", "invalid_digest", string(text), "64 hex digits")
	}
	if _, err := hex.Decode(d[:], text); err != nil {
		return sre.NewProblem("", "invalid_digest", string(text), "64 hex digits")
	}
	return nil
}

// A State is one escalation. It is a value: copies are independent, and no
// function of this package changes what a copy shares. The zero value is an
// escalation that was never triggered.
type State struct {
	ID       string       `json:"id"`
	Policy   Digest       `json:"policy"` // of the policy that steps it
	Status   Status       `json:"status"`
	Severity sre.Severity `json:"severity"`
	Loop     uint8        `json:"loop"`  // how often the levels were begun again
	Entry    uint32       `json:"entry"` // the number of the latest entry; it never falls
	Level    string       `json:"level"` // of the latest entry: its ID, or LastResortLevel
	Turn     uint64       `json:"turn,omitempty"`

	Title string `json:"title,omitempty"`
	Body  string `json:"body,omitempty"`
	Link  string `json:"link,omitempty"`
	Notes []Note `json:"notes,omitempty"` // the latest MaxNotes, oldest first; only read

	By        string `json:"by,omitempty"`        // who acknowledged, snoozed, resolved or handed off last
	Responder string `json:"responder,omitempty"` // who has begun to respond first, and has not passed it on

	Triggered time.Time `json:"triggered"`
	Entered   time.Time `json:"entered"` // when the latest entry was due
	Since     time.Time `json:"since"`   // what promises are counted from
	Last      time.Time `json:"last"`    // the latest instant of a step; an earlier one counts as this

	AckMissed     bool `json:"ack_missed,omitempty"`     // the promise to acknowledge was missed since Since
	AckKept       bool `json:"ack_kept,omitempty"`       // somebody has acknowledged since Since
	RespondKept   bool `json:"respond_kept,omitempty"`   // somebody has begun to respond since Since
	RespondMissed bool `json:"respond_missed,omitempty"` // likewise to respond

	// What is owed when; zero: nothing.
	LevelDue   time.Time `json:"level_due,omitzero"`   // the next level
	AckDue     time.Time `json:"ack_due,omitzero"`     // the promise to acknowledge
	RespondDue time.Time `json:"respond_due,omitzero"` // the promise to respond
	Until      time.Time `json:"until,omitzero"`       // the end of the acknowledgement or the snooze

	pages few[Page]
	acks  few[string]
}

// A Page is what an entry owes to a person. Of a person who is paged again and
// again there are two at most: the oldest that still has steps to come, which
// runs to its end, and the latest.
type Page struct {
	Person string    `json:"person"`
	Level  string    `json:"level"`
	Entry  uint32    `json:"entry"`
	First  uint32    `json:"first"`            // the oldest entry from which deliveries to the person are still wanted
	Next   uint8     `json:"next"`             // the index of the next step of the contact plan
	Failed uint32    `json:"failed,omitempty"` // bit i: step i will never be delivered
	Done   bool      `json:"done,omitempty"`   // there is no further step
	At     time.Time `json:"at"`               // what the steps are counted from
	Due    time.Time `json:"due,omitzero"`     // when the next step is due
}

// lost reports whether no step of a page will ever be delivered.
func (p Page) lost() bool { return p.Done && p.Failed == 1<<p.Next-1 }

// A Note is what somebody left for whoever takes over.
type Note struct {
	By   string    `json:"by"`
	At   time.Time `json:"at"`
	Text string    `json:"text"`
}

// Pages yields what is owed to whom, in the order in which they were paged. It
// is empty unless the status is Open.
func (s State) Pages() iter.Seq[Page] { return s.pages.all() }

// Acks yields who has acknowledged the latest entry.
func (s State) Acks() iter.Seq[string] { return s.acks.all() }

// NextDue returns when the next [Tick] is owed, or the zero time if nothing is.
func (s State) NextDue() time.Time { return s.nextDue() }

func (s *State) nextDue() time.Time {
	var due time.Time
	earliest(&due, s.LevelDue)
	earliest(&due, s.AckDue)
	earliest(&due, s.RespondDue)
	earliest(&due, s.Until)
	for i := range s.pages.n {
		earliest(&due, s.pages.ref(i).Due)
	}
	return due
}

func earliest(due *time.Time, t time.Time) {
	if !t.IsZero() && (due.IsZero() || t.Before(*due)) {
		*due = t
	}
}

// Wants reports whether a delivery that an earlier step asked for is still to
// be made. It is not after the person's or the escalation's acknowledgement, a
// snooze or a resolution, nor once the person has been paged anew.
func (s State) Wants(e Effect) bool {
	if e.Kind != Deliver || s.Status != Open {
		return false
	}
	for i := range s.pages.n {
		if p := s.pages.ref(i); p.First <= e.Entry && e.Entry <= p.Entry && p.Person == e.Person {
			return true
		}
	}
	return false
}

// page returns the index of what an entry owes to a person, or -1.
func (s *State) page(person string, entry uint32) int {
	for i := range s.pages.n {
		if p := s.pages.ref(i); p.Entry == entry && p.Person == person {
			return i
		}
	}
	return -1
}

// schema is that of [Encode].
const schema = 1

type envelope struct {
	Schema int             `json:"schema"`
	Data   json.RawMessage `json:"data"`
}

// Encode returns a state as versioned bytes: {"schema":1,"data":...}.
func Encode(s State) ([]byte, error) {
	data, err := json.Marshal(s)
	if err != nil {
		return nil, err
	}
	return json.Marshal(envelope{schema, data})
}

// Decode reads what [Encode] wrote. A schema that this version does not know is
// refused.
func Decode(data []byte) (State, error) {
	var e envelope
	if err := json.Unmarshal(data, &e); err != nil {
		return State{}, fmt.Errorf("escalation: %w", err)
	}
	if e.Schema != schema {
		return State{}, fmt.Errorf("escalation: %w", sre.NewProblem("schema", "unknown_schema", e.Schema, fmt.Sprintf("schema %d: use a newer program", schema)))
	}
	var s State
	if err := json.Unmarshal(e.Data, &s); err != nil {
		return State{}, fmt.Errorf("escalation: %w", err)
	}
	return s, nil
}

type plainState State

type stateJSON struct {
	*plainState
	Pages []Page   `json:"pages,omitempty"`
	Acks  []string `json:"acks,omitempty"`
}

// MarshalJSON returns all of the state.
func (s State) MarshalJSON() ([]byte, error) {
	plain := plainState(s)
	return json.Marshal(stateJSON{&plain, slices.Collect(s.Pages()), slices.Collect(s.Acks())})
}

// UnmarshalJSON reads what MarshalJSON wrote.
func (s *State) UnmarshalJSON(data []byte) error {
	var plain plainState
	wire := stateJSON{plainState: &plain}
	if err := json.Unmarshal(data, &wire); err != nil {
		return err
	}
	*s = State(plain)
	for _, p := range wire.Pages {
		s.pages.add(p)
	}
	for _, by := range wire.Acks {
		s.acks.add(by)
	}
	return nil
}
