package ical

import (
	"bytes"
	"crypto/sha256"
	"encoding/hex"
	"fmt"
	"io"
	"slices"
	"strconv"
	"strings"
	"time"

	ics "github.com/arran4/golang-ical"

	"github.com/sre-sdk/sre"
	"github.com/sre-sdk/sre/oncall/schedule"
)

// Properties that [Write] adds to an event and [Read] understands.
const (
	PropertyPerson = "X-SRE-PERSON" // the ID
	PropertyRole   = "X-SRE-ROLE"
)

// The forms of RFC 5545, 3.3.4 and 3.3.5.
const (
	utcForm   = "20060102T150405Z"
	localForm = "20060102T150405"
	dateForm  = "20060102"
)

// Options say what an export looks like.
type Options struct {
	Name  string            // of the calendar; default: the ID of the schedule
	Names map[string]string // what people are called, by ID; default: the ID

	// Stamp is the DTSTAMP of events that are new or have changed: when the
	// export is made. Required.
	Stamp time.Time

	// Previous is the export that this one takes the place of; nil if there is
	// none.
	Previous []byte
}

// searchBeyond is how far the whole of a shift is looked for beyond the time that
// is exported, so that its UID does not depend on it.
const searchBeyond = 92 * 24 * time.Hour

// Write writes the shifts that meet [from, to) as one calendar, each whole. A shift
// that goes on for more than three months beyond the edges is cut there.
//
// Events of the previous export that meet [from, to) and are no longer there are
// kept as cancelled; those outside are left out, because they are over.
func Write(w io.Writer, c *schedule.Compiled, from, to time.Time, o Options) error {
	var problems sre.Problems
	if !to.After(from) || to.Sub(from) > schedule.MaxHorizon {
		problems.Add("to", "out_of_range", to, "an instant after from, at most "+schedule.MaxHorizon.String())
	}
	if o.Stamp.IsZero() {
		problems.Add("stamp", "missing", nil, "the instant of the export")
	}
	previous := map[string]*ics.VEvent{}
	if o.Previous != nil {
		cal, err := parse(bytes.NewReader(o.Previous), "")
		problems.Merge("previous", err)
		if err == nil {
			for _, event := range cal.Events() {
				previous[value(event, ics.ComponentPropertyUniqueId)] = event
			}
		}
	}
	if err := problems.Err("ical"); err != nil {
		return err
	}

	id := c.Schedule().ID
	var events []*ics.VEvent
	for s := range c.Flatten(from.Add(-searchBeyond), to.Add(searchBeyond)) {
		if !s.End.After(from) || !s.Start.Before(to) {
			continue
		}
		event := o.event(id, s)
		uid := value(event, ics.ComponentPropertyUniqueId)
		events = append(events, o.revise(event, previous[uid]))
		delete(previous, uid)
	}
	for _, event := range previous {
		if meets(event, from, to) {
			events = append(events, o.cancel(event))
		}
	}
	slices.SortFunc(events, func(a, b *ics.VEvent) int { return strings.Compare(order(a), order(b)) })

	cal := ics.NewCalendarFor("sre-sdk")
	cal.SetProductId("-//sre-sdk//oncall//EN")
	cal.SetMethod(ics.MethodPublish)
	cal.SetXWRCalName(oneLine(firstOf(o.Name, id)))
	for _, event := range events {
		cal.AddVEvent(event)
	}
	return cal.SerializeTo(w, ics.WithNewLine("\r\n"))
}

// UID returns the UID of a shift of the schedule with that ID. A shift without
// a known start has the same UID wherever it is cut.
func UID(scheduleID string, s schedule.Shift) string {
	start := s.Start.UTC().Format(utcForm)
	if s.StartsBefore {
		start = "open"
	}
	sum := sha256.Sum256([]byte(strings.Join([]string{scheduleID, s.Person, s.Role.String(), start}, "\x00")))
	return hex.EncodeToString(sum[:16]) + "@sre-sdk"
}

func (o Options) event(id string, s schedule.Shift) *ics.VEvent {
	event := ics.NewEvent(UID(id, s))
	event.SetDtStampTime(o.Stamp)
	event.SetSequence(0)
	event.SetStartAt(s.Start)
	event.SetEndAt(s.End)
	event.SetSummary(oneLine(fmt.Sprintf("%s (%s)", firstOf(o.Names[s.Person], s.Person), s.Role)))
	event.SetDescription(oneLine(fmt.Sprintf("%s is %s of %s by %s %s", s.Person, s.Role, id, s.Cause.Kind, s.Cause.ID)))
	event.SetStatus(ics.ObjectStatusConfirmed)
	event.SetTimeTransparency(ics.TransparencyTransparent) // on call is not busy
	event.SetProperty(ics.ComponentProperty(PropertyPerson), s.Person)
	event.SetProperty(ics.ComponentProperty(PropertyRole), s.Role.String())
	return event
}

// revise returns the event as it was if nothing has changed, and else the event
// with the next SEQUENCE.
func (o Options) revise(event, old *ics.VEvent) *ics.VEvent {
	if old == nil {
		return event
	}
	if content(event) == content(old) {
		return old
	}
	event.SetSequence(sequence(old) + 1)
	return event
}

// cancel returns the event as cancelled, as it was if it is already.
func (o Options) cancel(old *ics.VEvent) *ics.VEvent {
	if !isCancelled(old) {
		old.SetSequence(sequence(old) + 1)
		old.SetStatus(ics.ObjectStatusCancelled)
		old.SetDtStampTime(o.Stamp)
	}
	return old
}

func isCancelled(event *ics.VEvent) bool {
	return strings.EqualFold(value(event, ics.ComponentPropertyStatus), string(ics.ObjectStatusCancelled))
}

// content is what people see of an event: all but the revision.
func content(event *ics.VEvent) string {
	var lines []string
	for _, p := range event.Properties {
		if p.IANAToken != string(ics.PropertyDtstamp) && p.IANAToken != string(ics.PropertySequence) {
			lines = append(lines, p.IANAToken+":"+p.Value)
		}
	}
	slices.Sort(lines)
	return strings.Join(lines, "\n")
}

func sequence(event *ics.VEvent) int {
	n, err := strconv.Atoi(value(event, ics.ComponentPropertySequence))
	if err != nil || n < 0 {
		return 0
	}
	return n
}

// meets reports whether an event of an earlier export meets [from, to).
func meets(event *ics.VEvent, from, to time.Time) bool {
	start, err := time.Parse(utcForm, value(event, ics.ComponentPropertyDtStart))
	end, err2 := time.Parse(utcForm, value(event, ics.ComponentPropertyDtEnd))
	return err == nil && err2 == nil && end.After(from) && start.Before(to)
}

func order(event *ics.VEvent) string {
	return value(event, ics.ComponentPropertyDtStart) + " " + value(event, ics.ComponentPropertyUniqueId)
}

func value(event *ics.VEvent, property ics.ComponentProperty) string {
	if p := event.GetProperty(property); p != nil {
		return p.Value
	}
	return ""
}

func firstOf(text, other string) string {
	if text != "" {
		return text
	}
	return other
}

// oneLine takes control characters out of a text, which no line of a calendar
// may have.
func oneLine(text string) string {
	return strings.Map(func(r rune) rune {
		if r < ' ' || r == 0x7f {
			return ' '
		}
		return r
	}, strings.ToValidUTF8(text, "?"))
}
