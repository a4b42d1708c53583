package oncalltest

import (
	"cmp"
	"fmt"
	"slices"
	"strings"
	"testing"
	"time"

	"pgregory.net/rapid"

	"github.com/sre-sdk/sre/oncall"
	"github.com/sre-sdk/sre/oncall/schedule"
)

// A Duty is a person in a role.
type Duty struct {
	Person string
	Role   oncall.Role
}

// String returns "primary alice".
func (d Duty) String() string { return d.Role.String() + " " + d.Person }

// A Span is a duty from an instant to another.
type Span struct {
	Start, End time.Time
	Duty
}

// String returns "primary alice, from Start to End".
func (s Span) String() string {
	return fmt.Sprintf("%s, from %s to %s", s.Duty, s.Start.Format(time.RFC3339), s.End.Format(time.RFC3339))
}

// A Rota is a schedule, seen from outside: any functions that answer who is on
// call. They must be functions of their arguments.
type Rota struct {
	At      func(t time.Time) []Duty
	Flatten func(from, to time.Time) []Span // what meets [from, to), cut to it
	Explain func(t time.Time) []Duty        // whom an explanation has on call; nil: there is none

	// Declared says that nobody has the role on purpose. Default (nil): never.
	Declared func(t time.Time, role oncall.Role) bool
}

// Of returns a compiled schedule as a Rota.
func Of(c *schedule.Compiled) Rota {
	return Rota{
		At: func(t time.Time) (on []Duty) {
			for s := range c.At(t).All() {
				on = append(on, Duty{s.Person, s.Role})
			}
			return on
		},
		Flatten: func(from, to time.Time) (list []Span) {
			for s := range c.Flatten(from, to) {
				list = append(list, Span{s.Start, s.End, Duty{s.Person, s.Role}})
			}
			return list
		},
		Explain: func(t time.Time) (on []Duty) {
			for _, b := range c.Explain(t).On {
				on = append(on, Duty{b.Person, b.Role})
			}
			return on
		},
		Declared: func(t time.Time, role oncall.Role) bool { return c.At(t).Declared(role) },
	}
}

// Promise is what the laws may demand of a Rota.
type Promise struct {
	From, To time.Time // the time that is looked at; required

	// Covered are the roles that somebody must hold at every instant that is not
	// Declared. Default (nil): none.
	Covered []oncall.Role

	// Handoffs are the clocks, "09:00", at which shifts begin and end in Zone. A
	// clock that the zone skips means the end of the gap, and of one that it
	// repeats the first. Default (nil): any.
	Handoffs []string
	Zone     *time.Location
}

// A Law is a property that a schedule should have, whoever computes it.
type Law struct {
	Name string // such as "half_open"
	Why  string // what goes wrong without it
	Hold func(*rapid.T)
}

// Test looks for a counterexample with rapid.
func (l Law) Test(t *testing.T) { rapid.Check(t, l.Hold) }

// CheckRota tests a Rota against each of the [Laws], each in a subtest of its
// name.
func CheckRota(t *testing.T, r Rota, p Promise) {
	t.Helper()
	for _, law := range Laws(r, p) {
		t.Run(law.Name, law.Test)
	}
}

// Laws returns the laws about a schedule, for use with rapid:
//
//   - equal_evaluators: who is on call at an instant is who has a shift around
//     it, and who the explanation says
//   - half_open: a shift has its first instant and not its last
//   - tiling: two windows that touch give what one window gives, no shift is
//     empty or leaves the window, and nobody holds a role twice at a time
//   - no_undeclared_gap: somebody holds each covered role, or nobody on purpose
//   - civil_handoffs: shifts begin and end at the promised clocks, also on the
//     days on which the zone changes its offset
func Laws(r Rota, p Promise) []Law {
	l := rotaLaws{r, p}
	return []Law{
		{"equal_evaluators", "the page must go to whom the calendar shows", l.equal},
		{"half_open", "at a handoff one of two must be on call, not both and not neither", l.halfOpen},
		{"tiling", "a report of a month must be the sum of its weeks", l.tiling},
		{"no_undeclared_gap", "a page in a hole reaches nobody", l.covered},
		{"civil_handoffs", "people go by the clock on the wall", l.civil},
	}
}

type rotaLaws struct {
	Rota
	Promise
}

// instant draws one of the promised time, often an edge of a shift or a second
// beside it.
func (l rotaLaws) instant(t *rapid.T, what string) time.Time {
	at := l.From.Add(time.Duration(rapid.Int64Range(0, int64(l.To.Sub(l.From)/time.Second)-1).Draw(t, what)) * time.Second)
	switch rapid.IntRange(0, 3).Draw(t, "kind") {
	case 0:
		return at
	case 1:
		if change, ok := l.change(at); ok {
			at = change
		}
	}
	spans := l.Flatten(at, l.To)
	if len(spans) == 0 {
		return at
	}
	s := rapid.SampledFrom(spans[:min(len(spans), 6)]).Draw(t, "near a shift")
	edge := rapid.SampledFrom([]time.Time{s.Start, s.End}).Draw(t, "edge").Add(time.Duration(rapid.IntRange(-1, 1).Draw(t, "beside")) * time.Second)
	if edge.Before(l.From) || !edge.Before(l.To) {
		return at
	}
	return edge
}

// change returns the next change of the zone, if there is one in time.
func (l rotaLaws) change(at time.Time) (time.Time, bool) {
	if l.Zone == nil {
		return at, false
	}
	_, end := at.In(l.Zone).ZoneBounds()
	return end.Add(-12 * time.Hour), !end.IsZero() && end.Before(l.To) && end.Add(-12*time.Hour).After(l.From)
}

func duties(list []Duty) string {
	list = slices.Clone(list)
	slices.SortFunc(list, func(a, b Duty) int {
		return cmp.Or(cmp.Compare(a.Role, b.Role), cmp.Compare(a.Person, b.Person))
	})
	text := make([]string, len(list))
	for i, d := range list {
		text[i] = d.String()
	}
	if len(text) == 0 {
		return "nobody"
	}
	return strings.Join(text, ", ")
}

func (l rotaLaws) equal(t *rapid.T) {
	at := l.instant(t, "at")
	from := at.Add(-time.Duration(rapid.IntRange(0, 100_000).Draw(t, "before")) * time.Second)
	to := at.Add(time.Duration(rapid.IntRange(1, 100_000).Draw(t, "after")) * time.Second)
	var around []Duty
	for _, s := range l.Flatten(from, to) {
		if !at.Before(s.Start) && at.Before(s.End) {
			around = append(around, s.Duty)
		}
	}
	now := duties(l.At(at))
	if got := duties(around); got != now {
		t.Fatalf("On %s the pages go to %s, and the calendar from %s to %s shows %s.", story(at), now, story(from), story(to), got)
	}
	if l.Explain == nil {
		return
	}
	if got := duties(l.Explain(at)); got != now {
		t.Fatalf("On %s the pages go to %s, and the explanation has %s.", story(at), now, got)
	}
}

func story(t time.Time) string { return t.Format("Monday, 2006-01-02 15:04:05 MST") }

func (l rotaLaws) halfOpen(t *rapid.T) {
	at := l.instant(t, "at")
	spans := l.Flatten(at, at.Add(48*time.Hour))
	for _, s := range spans {
		if s.Start.After(at) && !slices.Contains(l.At(s.Start), s.Duty) {
			t.Fatalf("%s: at the first instant %s is not on call.", s, s.Person)
		}
		goesOn := slices.ContainsFunc(spans, func(o Span) bool {
			return o.Duty == s.Duty && !s.End.Before(o.Start) && s.End.Before(o.End)
		})
		if s.End.Before(at.Add(48*time.Hour)) && !goesOn && slices.Contains(l.At(s.End), s.Duty) {
			t.Fatalf("%s: at the end %s is still on call.", s, s.Person)
		}
		if !slices.Contains(l.At(s.End.Add(-time.Second)), s.Duty) {
			t.Fatalf("%s: a second before the end %s is not on call.", s, s.Person)
		}
	}
}

func (l rotaLaws) tiling(t *rapid.T) {
	a, b := l.instant(t, "from"), l.instant(t, "to")
	if b.Before(a) {
		a, b = b, a
	}
	b = b.Add(time.Second)
	mid := a.Add(time.Duration(rapid.Int64Range(0, int64(b.Sub(a)/time.Second)).Draw(t, "middle")) * time.Second)
	whole := l.Flatten(a, b)
	last := map[Duty]time.Time{}
	for _, s := range whole {
		if !s.Start.Before(s.End) || s.Start.Before(a) || s.End.After(b) {
			t.Fatalf("From %s to %s: %s is empty or leaves the window.", story(a), story(b), s)
		}
		if s.Start.Before(last[s.Duty]) {
			t.Fatalf("From %s to %s: %s begins before the shift before it has ended, or the shifts are not in order.", story(a), story(b), s)
		}
		last[s.Duty] = s.End
	}
	got, want := join(append(l.Flatten(a, mid), l.Flatten(mid, b)...)), join(whole)
	if got != want {
		t.Fatalf("From %s to %s the shifts are\n%s and cut at %s they are\n%s", story(a), story(b), want, story(mid), got)
	}
}

// join prints the spans with those that touch made one.
func join(spans []Span) string {
	var list []Span
	for _, s := range spans {
		i := slices.IndexFunc(list, func(o Span) bool { return o.Duty == s.Duty && o.End.Equal(s.Start) })
		if i >= 0 {
			list[i].End = s.End
		} else {
			list = append(list, s)
		}
	}
	var b strings.Builder
	for _, s := range list {
		fmt.Fprintf(&b, "  %s to %s %s\n", s.Start.UTC().Format(time.RFC3339), s.End.UTC().Format(time.RFC3339), s.Duty)
	}
	return b.String()
}

func (l rotaLaws) covered(t *rapid.T) {
	at := l.instant(t, "at")
	on := l.At(at)
	for _, role := range l.Covered {
		if slices.ContainsFunc(on, func(d Duty) bool { return d.Role == role }) || l.Declared != nil && l.Declared(at, role) {
			continue
		}
		t.Fatalf("On %s nobody is %s.", story(at), role)
	}
}

func (l rotaLaws) civil(t *rapid.T) {
	if l.Zone == nil || len(l.Handoffs) == 0 {
		return
	}
	at := l.instant(t, "at")
	for _, s := range l.Flatten(at, at.Add(72*time.Hour)) {
		for _, edge := range []time.Time{s.Start, s.End} {
			if edge.Equal(at) || edge.Equal(at.Add(72*time.Hour)) || l.isHandoff(edge) {
				continue
			}
			t.Fatalf("%s: the edge on %s is none of %s in %s.", s, story(edge.In(l.Zone)), strings.Join(l.Handoffs, ", "), l.Zone)
		}
	}
}

// isHandoff reports whether the wall clock reaches one of the clocks at t, for
// the first time.
func (l rotaLaws) isHandoff(t time.Time) bool {
	now, before := onWall(t, l.Zone), onWall(t.Add(-time.Second), l.Zone)
	for d := time.Duration(0); d <= 3*time.Hour; d += 30 * time.Minute { // later passes of a fold come back to what was shown
		if earlier := onWall(t.Add(-time.Second-d), l.Zone); earlier.After(before) {
			before = earlier
		}
	}
	for _, clock := range l.Handoffs {
		for _, day := range []time.Time{before, now} {
			at, err := time.Parse("2006-01-02 15:04", day.Format(time.DateOnly)+" "+clock)
			if err == nil && at.After(before) && !at.After(now) {
				return true
			}
		}
	}
	return false
}

// onWall is what the wall clock shows, as if it were UTC.
func onWall(t time.Time, zone *time.Location) time.Time {
	l := t.In(zone)
	return time.Date(l.Year(), l.Month(), l.Day(), l.Hour(), l.Minute(), l.Second(), 0, time.UTC)
}
