package schedule

import (
	"cmp"
	"fmt"
	"slices"
	"strings"
	"time"

	"github.com/sre-sdk/sre/oncall"
)

// An Interval is [Start, End).
type Interval struct {
	Start, End time.Time
}

// A Change is what one person gains and loses in one role.
type Change struct {
	Person string
	Role   oncall.Role
	Gained []Interval // in order, none touching another
	Lost   []Interval
}

// String tells it in lines: "alice, primary: gains ..., loses ...".
func (c Change) String() string {
	var b strings.Builder
	fmt.Fprintf(&b, "%s, %s\n", c.Person, c.Role)
	for _, part := range []struct {
		sign string
		list []Interval
	}{{"+", c.Gained}, {"-", c.Lost}} {
		for _, i := range part.list {
			fmt.Fprintf(&b, "  %s %s to %s, %s\n", part.sign, short(i.Start), short(i.End), length(i.End.Sub(i.Start)))
		}
	}
	return b.String()
}

// Diff says who gains and who loses what in [from, to) when after takes the
// place of before, by person and role. Who only changes the reason for which he
// is on call neither gains nor loses.
func Diff(before, after *Compiled, from, to time.Time) []Change {
	old, now := held(before, from, to), held(after, from, to)
	keys := map[heldBy]bool{}
	for k := range old {
		keys[k] = true
	}
	for k := range now {
		keys[k] = true
	}
	var changes []Change
	for k := range keys {
		c := Change{Person: k.person, Role: k.role, Gained: subtract(now[k], old[k]), Lost: subtract(old[k], now[k])}
		if len(c.Gained)+len(c.Lost) > 0 {
			changes = append(changes, c)
		}
	}
	slices.SortFunc(changes, func(a, b Change) int {
		return cmp.Or(cmp.Compare(a.Person, b.Person), cmp.Compare(a.Role, b.Role))
	})
	return changes
}

type heldBy struct {
	person string
	role   oncall.Role
}

// held returns when each person holds each role, joining shifts that touch.
func held(c *Compiled, from, to time.Time) map[heldBy][]Interval {
	list := map[heldBy][]Interval{}
	for s := range c.Flatten(from, to) {
		k := heldBy{s.Person, s.Role}
		if n := len(list[k]); n > 0 && list[k][n-1].End.Equal(s.Start) {
			list[k][n-1].End = s.End
		} else {
			list[k] = append(list[k], Interval{s.Start, s.End})
		}
	}
	return list
}

// subtract returns what of a is not in b.
func subtract(a, b []Interval) (rest []Interval) {
	for _, i := range a {
		for len(b) > 0 && !b[0].End.After(i.Start) { // both lists are in order
			b = b[1:]
		}
		for _, cut := range b {
			if !cut.Start.Before(i.End) {
				break
			}
			if cut.Start.After(i.Start) {
				rest = append(rest, Interval{i.Start, cut.Start})
			}
			i.Start = cut.End
		}
		if i.Start.Before(i.End) {
			rest = append(rest, i)
		}
	}
	return rest
}

// length prints a duration without the units that are zero at its end: "36h".
func length(d time.Duration) string {
	text := d.String()
	if strings.HasSuffix(text, "m0s") {
		text = strings.TrimSuffix(text, "0s")
	}
	if strings.HasSuffix(text, "h0m") {
		text = strings.TrimSuffix(text, "0m")
	}
	return text
}
