// Package reading is what the readers of schedules share: the place of every
// value, what is wrong, what is dropped, and the check that what was read
// compiles.
package reading

import (
	"fmt"
	"io"
	"strings"
	"time"

	"github.com/sre-sdk/sre"
	"github.com/sre-sdk/sre/internal/civil"
	"github.com/sre-sdk/sre/internal/yamlfile"
	"github.com/sre-sdk/sre/oncall/schedule"
)

// A Reading is one file as it is read.
type Reading struct {
	Problems sre.Problems
	Root     yamlfile.Node

	// Names are what people see in place of the IDs.
	Names map[string]string

	prefix  string
	dropped sre.Problems
	places  map[string]yamlfile.Node // where the value of each path of the schedule stands
}

// Parse reads a file of one document; prefix is the package's name.
func Parse(r io.Reader, name, prefix string, maxBytes int) (*Reading, error) {
	// A value takes two bytes at least; the documents that are read have long ones.
	const bytesPerNode = 8
	docs, err := yamlfile.Parse(r, yamlfile.Options{Name: name, Prefix: prefix, MaxBytes: maxBytes, MaxNodes: maxBytes / bytesPerNode})
	if err != nil {
		return nil, err
	}
	f := &Reading{Names: map[string]string{}, prefix: prefix, places: map[string]yamlfile.Node{}}
	if len(docs) != 1 {
		f.Problems.Add(name, "wrong_count", len(docs), "one schedule a file")
		return nil, f.Problems.Err(prefix)
	}
	f.Root = docs[0].Node(&f.Problems)
	return f, nil
}

// Err returns every problem that was found.
func (f *Reading) Err() error { return f.Problems.Err(f.prefix) }

// Dropped returns what was reported by [Reading.Drop] and [Reading.Rest].
func (f *Reading) Dropped() []sre.Problem { return sre.ProblemsIn(f.dropped.Err(f.prefix)) }

// Drop reports a value that is left out, if it is there; instead says what
// stands in its place. The value itself may be private and is not repeated.
func (f *Reading) Drop(n yamlfile.Node, code, instead string) {
	if n.Exists() {
		n.Into(&f.dropped).Add(code, nil, instead)
	}
}

// Rest reports the fields that nobody has taken as dropped. Fields without a
// value say nothing.
func (f *Reading) Rest(m *yamlfile.Map) {
	for _, n := range m.Unknown() {
		f.Drop(n, "unknown_field", "nothing: this reader does not know the field")
	}
}

// Skip takes fields that carry nothing of their own, such as links.
func Skip(m *yamlfile.Map, names ...string) {
	for _, name := range names {
		m.Optional(name)
	}
}

// Place remembers where the value of a path of the schedule stands, and returns
// the node.
func (f *Reading) Place(path string, n yamlfile.Node) yamlfile.Node {
	f.places[path] = n
	return n
}

// find returns where the value of a path, or what holds it, stands.
func (f *Reading) find(path string) yamlfile.Node {
	for path != "" {
		if n, ok := f.places[path]; ok {
			return n
		}
		path = path[:max(strings.LastIndexAny(path, ".["), 0)]
	}
	return f.Root
}

// Name remembers what people see in place of an ID.
func (f *Reading) Name(id string, n yamlfile.Node) {
	if text := n.Text(); text != "" && id != "" && f.Names[id] == "" {
		f.Names[id] = text
	}
}

// Compile reports what is wrong with the schedule as a whole, at the places of
// the values, and returns every problem of the file. Nothing is compiled while there
// are others, which would only repeat.
func (f *Reading) Compile(s schedule.Schedule) error {
	if f.Problems.Len() > 0 || !f.rulesOccur(s) {
		return f.Err()
	}
	at := near(s)
	if _, err := s.Compile(at, at); err != nil {
		seen := map[sre.Problem]bool{} // one value of a file may stand in two places of the schedule
		for _, p := range sre.ProblemsIn(err) {
			p.Path = f.find(p.Path).Path()
			if !seen[p] {
				f.Problems.Merge("", p)
			}
			seen[p] = true
		}
	}
	return f.Err()
}

// maxBroken is how many recurrence rules may be wrong before no more are read: to
// see that a rule never occurs takes a tenth of a second, and a file has room for
// thousands.
const maxBroken = 20

// rulesOccur reports whether at most maxBroken recurrence rules are wrong; else it
// records those.
func (f *Reading) rulesOccur(s schedule.Schedule) bool {
	var broken sre.Problems
	for i, l := range s.Layers {
		for j, r := range l.Restrict {
			if r.Rule == "" {
				continue
			}
			always := schedule.Layer{Name: "rule", Members: schedule.Each("x"), Restrict: []schedule.Restriction{{Rule: r.Rule, RuleStart: r.RuleStart, RuleFor: r.RuleFor}}}
			alone := schedule.Schedule{ID: "rule", Zone: "UTC", Layers: []schedule.Layer{always}}
			if _, err := alone.Compile(time.Unix(0, 0), time.Unix(0, 0)); err != nil {
				p := sre.ProblemsIn(err)[0]
				p.Path = f.find(fmt.Sprintf("layers[%d].restrict[%d].rule", i, j)).Path()
				broken.Merge("", p)
			}
			if broken.Len() > maxBroken {
				f.Problems.Merge("", broken.Err(f.prefix))
				f.Root.Into(&f.Problems).Add("too_many", nil, fmt.Sprintf("at most %d recurrence rules that are wrong; the rest was not read", maxBroken))
				return false
			}
		}
	}
	return true
}

// near returns an instant near the first anchor, for which a schedule compiles
// fast: the turns that were worked until then are counted.
func near(s schedule.Schedule) time.Time {
	for _, l := range s.Layers {
		if dt, err := civil.ParseDateTime(l.Anchor); err == nil && dt.Date.Year > 2 && dt.Date.Year < 9990 {
			return time.Unix(dt.Seconds(), 0)
		}
	}
	return time.Unix(0, 0)
}

// Instant returns an instant with its UTC offset, in whole seconds.
func Instant(n yamlfile.Node) time.Time { return yamlfile.Value(n, ParseInstant) }

// ParseInstant reads an instant such as 2026-01-05T09:00:00+01:00; the offset
// may also be written +0100. A fraction of a second must be zero.
func ParseInstant(text string) (time.Time, error) {
	for _, layout := range []string{time.RFC3339, "2006-01-02T15:04:05Z0700"} {
		if t, err := time.Parse(layout, text); err == nil && t.Nanosecond() == 0 {
			return t, nil
		}
	}
	return time.Time{}, sre.NewProblem("", "invalid_instant", text, "an instant such as 2026-01-05T09:00:00Z, in whole seconds")
}

// ID returns an ID.
func ID(n yamlfile.Node) string {
	return yamlfile.Value(n, func(text string) (string, error) {
		var p sre.Problems
		p.CheckID("", text)
		return text, p.Err("")
	})
}

// Zone returns the zone of that name; the zero Zone, and a problem, if there is
// none.
func Zone(n yamlfile.Node) civil.Zone { return yamlfile.Value(n, civil.LoadZone) }

// OnWall returns what the wall clock shows at t. ok is false if it shows that a
// second time: then the text alone means an hour before.
func OnWall(t time.Time, zone civil.Zone) (text string, ok bool) {
	dt := civil.Of(t, zone)
	return dt.Date.String() + " " + Clock(dt.Clock), !dt.IsZero() && zone.First(dt.Seconds()) == t.Unix()
}

const day = 24 * time.Hour

// ClockRange returns a range of a restriction that begins at a clock and lasts so
// long on the wall, at most a day.
func ClockRange(from civil.Clock, lasts time.Duration) string {
	return Clock(from) + "-" + ClockAfter(from, lasts)
}

// ClockAfter returns the clock so much later on the wall.
func ClockAfter(from civil.Clock, lasts time.Duration) string {
	at := (time.Duration(from.Seconds())*time.Second + lasts) % day
	return Clock(civil.DateTimeOf(int64(at / time.Second)).Clock)
}

// Clock writes a clock in the form that sorts: 15:04, with seconds if there are
// some.
func Clock(c civil.Clock) string {
	return strings.TrimSuffix(time.Unix(c.Seconds(), 0).UTC().Format("15:04:05"), ":00")
}
