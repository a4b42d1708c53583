package fromalert

import (
	"cmp"
	"fmt"
	"strconv"
	"strings"
	"time"
	"unicode/utf8"

	"github.com/sre-sdk/sre"
	"github.com/sre-sdk/sre/incident"
	"github.com/sre-sdk/sre/internal/enum"
)

// A Kind says what is to be done.
type Kind uint8

const (
	KindUnknown Kind = iota
	Declare          // a new incident, with Alert and More
	LinkTo           // Alert and More belong to an incident that there is
	Reopen           // likewise, and it begins anew
	Ignore           // nothing
	Quiet            // none of the alerts of Incident fires any more; that is no resolution
	kindEnd
)

var kindNames = [kindEnd]string{"unknown", "declare", "link", "reopen", "ignore", "quiet"}

// String returns the lower-case name.
func (k Kind) String() string { return enum.Name(kindNames[:], "kind", uint8(k)) }

// MarshalText returns the lower-case name; it refuses values that have none.
func (k Kind) MarshalText() ([]byte, error) { return enum.Marshal(kindNames[:], "kind", uint8(k)) }

// UnmarshalText reads the lower-case name.
func (k *Kind) UnmarshalText(text []byte) error {
	return enum.Unmarshal(kindNames[:], "kind", text, (*uint8)(k))
}

// A Code says why.
type Code uint8

const (
	CodeUnknown    Code = iota
	ByThreshold         // Count alerts of the group have fired within Within, Of are enough
	ByKey               // the group has an incident that takes alerts
	ByTopology          // the incident is about Via, Hops dependencies away
	ByReopen            // the group's incident was resolved at Since, less than Within ago
	BelowThreshold      // Count alerts of the group have fired within Within, of Of
	Repeated            // it has fired since Since
	Ended               // it fires no more
	Duplicate           // it is known to have ended at Since
	Stale               // it tells of an end before Since, when it began to fire again
	NeverHeard          // it has ended and was never heard of
	TooOld              // likewise, longer ago than is remembered
	AllEnded            // of Quiet: Count alerts have belonged to it
	Invalid             // it has no fingerprint or no status
	NoSuchIncident      // a fact about an incident that is not known here
	codeEnd
)

var codeNames = [codeEnd]string{
	"unknown", "threshold", "key", "topology", "reopen_window", "below_threshold", "repeated", "ended", "duplicate", "stale",
	"never_heard", "too_old", "all_ended", "invalid", "no_such_incident",
}

// String returns the lower-case name, which is also the code of [Why.Reason].
func (c Code) String() string { return enum.Name(codeNames[:], "code", uint8(c)) }

// MarshalText returns the lower-case name; it refuses values that have none.
func (c Code) MarshalText() ([]byte, error) { return enum.Marshal(codeNames[:], "code", uint8(c)) }

// UnmarshalText reads the lower-case name.
func (c *Code) UnmarshalText(text []byte) error {
	return enum.Unmarshal(codeNames[:], "code", text, (*uint8)(c))
}

// Why is the reason of a decision, with the numbers that made it. What they mean
// stands at the code.
type Why struct {
	Code   Code          `json:"code"`
	Count  int           `json:"count,omitempty"`
	Of     int           `json:"of,omitempty"`
	Within time.Duration `json:"-"`
	Hops   int           `json:"hops,omitempty"`
	Via    string        `json:"via,omitempty"` // a service
	Since  time.Time     `json:"since,omitzero"`
	Late   time.Duration `json:"-"` // how long after its instant the event was put in its place, if that was too late
}

// Reason returns it as a sentence, with the values that it mentions, and how late
// the event was.
func (w Why) Reason() sre.Reason {
	r := sre.Reason{Code: w.Code.String()}
	value := func(name, text string) string {
		r.Values = append(r.Values, sre.Value{Name: name, Text: text})
		return text
	}
	count := func() string { return value("count", strconv.Itoa(w.Count)) }
	of := func() string { return value("of", strconv.Itoa(w.Of)) }
	within := func() string { return value("within", w.Within.String()) }
	since := func() string { return value("since", w.Since.Format(time.RFC3339Nano)) }
	switch w.Code {
	case ByThreshold:
		if w.Of == 1 && w.Count == 1 {
			r.Text = "an alert fires, and its group has no incident that takes it"
			break
		}
		r.Text = fmt.Sprintf("%s alerts of the group have fired within %s, and %s are enough", count(), within(), of())
	case ByKey:
		r.Text = fmt.Sprintf("its group has had this incident since %s, which still takes alerts", since())
	case ByTopology:
		unit := "dependencies"
		if w.Hops == 1 {
			unit = "dependency"
		}
		r.Text = fmt.Sprintf("the incident is about %s, %s %s away", value("via", w.Via), value("hops", strconv.Itoa(w.Hops)), unit)
	case ByReopen:
		r.Text = fmt.Sprintf("the incident of its group was resolved at %s, less than %s before", since(), within())
	case BelowThreshold:
		r.Text = fmt.Sprintf("%s of %s alerts of the group have fired within %s", count(), of(), within())
	case Repeated:
		r.Text = fmt.Sprintf("it has fired since %s already", since())
	case Ended:
		r.Text = "it fires no more"
	case Duplicate:
		r.Text = fmt.Sprintf("it is known that it ended at %s", since())
	case Stale:
		r.Text = fmt.Sprintf("it tells of an end before %s, when the alert began to fire again", since())
	case NeverHeard:
		r.Text = "it has ended and was never heard of, and only alerts that fire make incidents"
	case TooOld:
		r.Text = fmt.Sprintf("it ended more than %s before, which is longer than is remembered", within())
	case AllEnded:
		r.Text = fmt.Sprintf("none of its %s alerts fires any more", count())
	case Invalid:
		r.Text = "it has no valid fingerprint, status or service"
	case NoSuchIncident:
		r.Text = "the incident is not known here"
	}
	if w.Late > 0 {
		value("late", w.Late.String())
	}
	return r
}

// A Decision is what follows from one event. Each event has exactly one, in the
// order in which they are decided; a Quiet comes besides.
type Decision struct {
	Kind     Kind
	Incident string // what it is about; of Ignore: to which the alert belongs, if it does
	Alert    string
	More     []string // alerts that come along: those that have contributed before, in the order in which they came
	Group    string
	Service  string
	Name     string
	Severity sre.Severity // of the incident; 0: the matrix judges
	Raised   bool         // of LinkTo and Reopen: the severity is worse than it was
	At       time.Time    // its place in time
	Detected time.Time    // of Declare: when the first of its alerts began; not after At
	Why      Why
}

// Requests returns the commands that carry a decision out. Of Declare the first
// one declares, and alerts beyond incident.MaxAlerts are linked one by one. Text
// of people is not part of it: give it by other commands.
func (d *Decision) Requests(c *Compiled, by sre.Actor) []incident.Request {
	request := func(command incident.Command) incident.Request {
		return incident.Request{By: by, At: d.At, Reason: d.Why.Reason().Text, Command: command}
	}
	alerts := append(append([]string(nil), d.More...), d.Alert)
	var list []incident.Request
	switch d.Kind {
	case Declare:
		first := alerts[:min(len(alerts), incident.MaxAlerts)]
		alerts = alerts[len(first):]
		declare := incident.Declare{
			ID: d.Incident, Title: d.title(c), Severity: d.Severity, Source: incident.FromAlert, Detected: d.Detected, Alerts: first,
			Text: d.Why.Reason().Text,
		}
		if d.Service != "" {
			declare.Services = []string{d.Service}
		}
		list = append(list, request(declare))
	case Reopen:
		list = append(list, request(incident.Reopen{}))
	case LinkTo:
	default:
		return nil
	}
	for _, a := range alerts {
		list = append(list, request(incident.Link{Type: incident.LinkAlert, ID: a}))
	}
	if d.Raised {
		list = append(list, request(incident.Triage{Severity: d.Severity}))
	}
	return list
}

func (d *Decision) title(c *Compiled) string {
	title := cmp.Or(d.Name, c.GroupText(d.Group))
	if d.Name != "" && d.Service != "" {
		title += ": " + d.Service
	}
	if len(title) > incident.MaxTitle {
		title = title[:incident.MaxTitle]
		for !utf8.ValidString(title) {
			title = title[:len(title)-1]
		}
	}
	return strings.ToValidUTF8(title, "")
}
