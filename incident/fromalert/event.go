package fromalert

import (
	"time"

	"github.com/sre-sdk/sre"
	"github.com/sre-sdk/sre/internal/enum"
	"github.com/sre-sdk/sre/oncall/alert"
)

// An Event is what monitoring says of one alert, as far as it matters here.
// [Compiled.Event] and [Decoder.Decode] make them.
type Event struct {
	Alert    string // its fingerprint, an ID
	Group    string // as Compiled.Group has it
	Service  string // an ID, or empty
	Name     string // what the alert is called; the title of an incident
	Severity sre.Severity
	Status   alert.Status
	Starts   time.Time // zero, before 1970 or after 2261: not known, which is when Step hears of it
	Ends     time.Time // of a resolved one; likewise

	// Repeats marks a statement that the source makes anew each time and that
	// begins no incident when it is resolved, such as alert.Batch.Unlisted.
	Repeats bool
}

// Event returns what an alert says. received is when the message came, for one
// that does not say when.
func (c *Compiled) Event(a *alert.Alert, received time.Time) Event {
	e := Event{
		Alert: a.Key(), Group: c.Group(a.Labels), Service: a.Service, Name: a.Labels.Get("alertname"),
		Severity: a.Severity, Status: a.Status, Starts: a.Starts, Ends: a.Ends,
	}
	return e.complete(received)
}

func (e Event) complete(received time.Time) Event {
	if e.Starts.IsZero() && e.Status == alert.Firing {
		e.Starts = received
	}
	if e.Ends.IsZero() && e.Status == alert.Resolved {
		e.Ends = received
	}
	return e
}

// Events appends what a message of a monitoring system says. If the source
// groups, one more event stands for the alerts that it has left out: it fires
// while there are any, and is resolved when there are none.
func (c *Compiled) Events(b *alert.Batch, received time.Time, out []Event) []Event {
	for i := range b.Alerts {
		out = append(out, c.Event(&b.Alerts[i], received))
	}
	if a, ok := b.Unlisted(); ok {
		e := c.Event(&a, received)
		e.Repeats = true
		out = append(out, e)
	}
	return out
}

// A FactKind says what has become of an incident.
type FactKind uint8

const (
	FactUnknown FactKind = iota
	Over                 // it was resolved, closed or canceled
	Reopened             // somebody has reopened it
	MergedInto           // it is part of another one, Fact.Into
	SplitOff             // it is one of its own again
	factEnd
)

var factNames = [factEnd]string{"unknown", "over", "reopened", "merged_into", "split_off"}

// String returns the lower-case name.
func (k FactKind) String() string { return enum.Name(factNames[:], "fact", uint8(k)) }

// MarshalText returns the lower-case name; it refuses values that have none.
func (k FactKind) MarshalText() ([]byte, error) { return enum.Marshal(factNames[:], "fact", uint8(k)) }

// UnmarshalText reads the lower-case name.
func (k *FactKind) UnmarshalText(text []byte) error {
	return enum.Unmarshal(factNames[:], "fact", text, (*uint8)(k))
}

// A Fact is what has become of an incident. Tell Step of those that it has
// declared; it has no place in the order other than its instant, like events.
type Fact struct {
	Incident string
	Kind     FactKind
	Into     string // of MergedInto
	At       time.Time
}

// An item is an event or a fact that waits for its turn.
type item struct {
	at    int64 // its place
	asked int64 // its instant as told; less than at if it is late
	fact  FactKind
	into  string
	Event
	starts, ends int64
}

// before is the order in which items are decided. It is total up to items that
// are the same, and does not depend on arrival.
func (a *item) before(b *item) bool {
	switch {
	case a.at != b.at:
		return a.at < b.at
	case (a.fact == 0) != (b.fact == 0):
		return a.fact != 0 // an incident that is over at this instant is over for the alert
	case a.asked != b.asked:
		return a.asked < b.asked
	case a.Alert != b.Alert:
		return a.Alert < b.Alert
	case a.fact != b.fact:
		return a.fact < b.fact
	case a.into != b.into:
		return a.into < b.into
	case a.starts != b.starts:
		return a.starts < b.starts
	case a.Status != b.Status:
		return a.Status < b.Status
	case a.ends != b.ends:
		return a.ends < b.ends
	case a.Group != b.Group:
		return a.Group < b.Group
	case a.Severity != b.Severity:
		return a.Severity < b.Severity
	case a.Service != b.Service:
		return a.Service < b.Service
	case a.Name != b.Name:
		return a.Name < b.Name
	}
	return !a.Repeats && b.Repeats
}

// Instants are nanoseconds since 1970; the zero one is not known.
func nanos(t time.Time) int64 {
	if y := t.Year(); y < 1970 || y > 2261 {
		return 0
	}
	return max(t.UnixNano(), 0)
}

func instant(n int64) time.Time {
	if n == 0 {
		return time.Time{}
	}
	return time.Unix(0, n).UTC()
}

// valid reports whether an event can be judged at all.
func (e *Event) valid() bool {
	return sre.ValidID(e.Alert) && (e.Status == alert.Firing || e.Status == alert.Resolved) &&
		(e.Service == "" || sre.ValidID(e.Service))
}
