package schedule_test

import (
	"fmt"
	"slices"
	"strings"
	"time"

	"github.com/teambition/rrule-go"

	"github.com/sre-sdk/sre/oncall"
	"github.com/sre-sdk/sre/oncall/schedule"
)

// The oracle is dumb: it walks real time in small steps, looks at the wall clock
// with t.In(zone), and asks of each rule whether it holds. It shares no code
// with the engine, knows no boundaries and no sorting, and does arithmetic on
// dates in UTC only.
//
// Its one idea: a handoff or an edge has come when the wall clock has shown its
// time, even if the clock has been turned back since. So each zone has the
// latest wall time seen so far, kept as a time in UTC.

// wall is the clock on the wall, as if it were UTC.
func wall(t time.Time, loc *time.Location) time.Time {
	l := t.In(loc)
	return time.Date(l.Year(), l.Month(), l.Day(), l.Hour(), l.Minute(), l.Second(), 0, time.UTC)
}

type oracle struct {
	s      schedule.Schedule
	step   time.Duration
	layers []*oracleLayer
}

type oracleLayer struct {
	schedule.Layer
	loc    *time.Location
	latest time.Time // on the wall
	turn   int       // of now
	worked map[int]bool
	began  time.Time // the real instant of an elapsed anchor
	anchor time.Time
	at     time.Time
	feasts map[string][]string
}

// newOracle starts a walk well before from.
func newOracle(t interface{ Fatal(...any) }, s schedule.Schedule, from, to time.Time, step time.Duration) *oracle {
	o := &oracle{s: s, step: step}
	feasts := map[string][]string{}
	for _, h := range s.Holidays {
		feasts[h.Name] = h.Dates
	}
	for _, l := range s.Layers {
		zone := l.Zone
		if zone == "" {
			zone = s.Zone
		}
		loc, err := time.LoadLocation(zone)
		if err != nil {
			t.Fatal(err)
		}
		ol := &oracleLayer{Layer: l, loc: loc, worked: map[int]bool{}, feasts: feasts}
		if l.Anchor != "" {
			if ol.anchor, err = time.Parse("2006-01-02 15:04", l.Anchor); err != nil {
				t.Fatal(err)
			}
			ol.began = firstShown(ol.anchor, loc, step)
		}
		o.layers = append(o.layers, ol)
		start := from.Add(-50 * time.Hour)
		if l.TurnsBy == schedule.ByWorked { // count from the anchor on, or from a turn before it
			for _, at := range []time.Time{ol.began, from} {
				if at.Before(start) || at.Equal(start) {
					start = at.Add(-50 * time.Hour)
				}
			}
			for n := start; n.Before(maxTime(to, ol.began).Add(step)); n = n.Add(step) {
				ol.look(n)
				if ol.open() {
					ol.worked[ol.turn] = true
				}
			}
			ol.latest, ol.turn = time.Time{}, 0
		}
		for n := start; n.Before(from); n = n.Add(step) {
			ol.look(n)
		}
	}
	return o
}

func maxTime(a, b time.Time) time.Time {
	if a.After(b) {
		return a
	}
	return b
}

// firstShown walks to the first real instant at which the wall clock shows w or later.
func firstShown(w time.Time, loc *time.Location, step time.Duration) time.Time {
	for n := w.Add(-49 * time.Hour); ; n = n.Add(step) {
		if !wall(n, loc).Before(w) {
			return n
		}
	}
}

// boundary is turn i on the wall, or in real time if it is elapsed.
func (l *oracleLayer) boundary(i int) time.Time {
	switch l.Turn.Unit {
	case schedule.Hour:
		return l.anchor.Add(time.Duration(i*l.Turn.Every) * time.Hour)
	case schedule.Day:
		return l.anchor.AddDate(0, 0, i*l.Turn.Every)
	case schedule.Week:
		return l.anchor.AddDate(0, 0, 7*i*l.Turn.Every)
	case schedule.Month:
		first := time.Date(l.anchor.Year(), l.anchor.Month(), 1, 0, 0, 0, 0, time.UTC).AddDate(0, i*l.Turn.Every, 0)
		last := first.AddDate(0, 1, -1).Day()
		y, m, _ := first.Date()
		return time.Date(y, m, min(l.anchor.Day(), last), l.anchor.Hour(), l.anchor.Minute(), 0, 0, time.UTC)
	}
	return l.began.Add(time.Duration(i) * l.Turn.Elapsed)
}

// look makes now the present.
func (l *oracleLayer) look(now time.Time) {
	l.at = now
	if w := wall(now, l.loc); w.After(l.latest) {
		l.latest = w
	}
	if l.Turn == (schedule.Turn{}) {
		return
	}
	clock := l.latest
	if l.Turn.Elapsed > 0 {
		clock = now
	}
	for l.boundary(l.turn).After(clock) {
		l.turn--
	}
	for !l.boundary(l.turn + 1).After(clock) {
		l.turn++
	}
}

// open reports whether a restriction allows now.
func (l *oracleLayer) open() bool {
	return len(l.Restrict) == 0 || slices.ContainsFunc(l.Restrict, l.allows)
}

func (l *oracleLayer) allows(r schedule.Restriction) bool {
	return l.inDays(r) && l.inRule(r)
}

func (l *oracleLayer) inDays(r schedule.Restriction) bool {
	today := l.latest.Truncate(24 * time.Hour)
	for _, day := range []time.Time{today, today.AddDate(0, 0, -1)} {
		if !l.dayCounts(r, day) {
			continue
		}
		if len(r.Clock) == 0 && day.Equal(today) {
			return true
		}
		for _, c := range r.Clock {
			from, to, _ := strings.Cut(c, "-")
			start, end := onDay(day, from), onDay(day, to)
			if !end.After(start) {
				end = end.AddDate(0, 0, 1)
			}
			if !l.latest.Before(start) && l.latest.Before(end) {
				return true
			}
		}
	}
	return false
}

func onDay(day time.Time, clock string) time.Time {
	var h, m int
	fmt.Sscanf(clock, "%d:%d", &h, &m)
	return day.Add(time.Duration(h)*time.Hour + time.Duration(m)*time.Minute)
}

func (l *oracleLayer) dayCounts(r schedule.Restriction, day time.Time) bool {
	lastDay := time.Date(day.Year(), day.Month()+1, 0, 0, 0, 0, 0, time.UTC).Day()
	feast := func(names []string) bool {
		return slices.ContainsFunc(names, func(name string) bool { return inDates(l.feasts[name], day) })
	}
	return (len(r.Weekdays) == 0 || slices.Contains(r.Weekdays, day.Weekday())) &&
		(len(r.Months) == 0 || slices.Contains(r.Months, day.Month())) &&
		(len(r.MonthDays) == 0 || slices.Contains(r.MonthDays, day.Day()) || slices.Contains(r.MonthDays, day.Day()-lastDay-1)) &&
		(len(r.Dates) == 0 || inDates(r.Dates, day)) &&
		(len(r.OnHolidays) == 0 || feast(r.OnHolidays)) && !feast(r.NotOnHolidays)
}

func inDates(dates []string, day time.Time) bool {
	text := day.Format(time.DateOnly)
	return slices.ContainsFunc(dates, func(d string) bool {
		first, last, ok := strings.Cut(d, "/")
		if !ok {
			last = first
		}
		return first <= text && text <= last
	})
}

func (l *oracleLayer) inRule(r schedule.Restriction) bool {
	if r.Rule == "" {
		return true
	}
	option, err := rrule.StrToROption(r.Rule)
	if err != nil {
		panic(err)
	}
	option.Dtstart, _ = time.Parse("2006-01-02 15:04", r.RuleStart)
	rule, _ := rrule.NewRRule(*option)
	last := rule.Before(l.latest, true)
	return !last.IsZero() && l.latest.Before(last.Add(r.RuleFor))
}

// member returns whose turn it is.
func (l *oracleLayer) member(offset int) schedule.Slot {
	turn := l.turn
	if l.TurnsBy == schedule.ByWorked {
		turn = 0
		for i := range l.worked {
			if i >= 0 && i < l.turn {
				turn++
			}
			if i < 0 && i >= l.turn {
				turn--
			}
		}
	}
	n := len(l.Members)
	return l.Members[(((turn+l.First+offset)%n)+n)%n]
}

type holder struct {
	role   oncall.Role
	person string
}

func (h holder) String() string { return h.role.String() + " " + h.person }

func inside(t, start, end time.Time) bool { return !t.Before(start) && t.Before(end) }

// at answers for an instant, which must not be before the last one.
func (o *oracle) at(now time.Time) []holder {
	for _, l := range o.layers {
		l.look(now)
	}
	var on []holder
	temporary := false
	for _, t := range o.s.Temporary {
		if inside(now, t.Start, t.End) {
			temporary = true
			for _, s := range t.Shifts {
				if inside(now, s.Start, s.End) {
					on = append(on, holder{s.Role, s.Person})
				}
			}
		}
	}
	if !temporary {
		on = o.fromLayers(now)
		for _, w := range o.s.Swaps {
			if w.Benefactor == "" || !inside(now, w.Start, w.End) {
				continue
			}
			for i, h := range on {
				if h.person == w.Beneficiary && (w.Role == 0 || w.Role == h.role) {
					on[i].person = w.Benefactor
				}
			}
		}
	}
	return distinct(o.override(now, distinct(on), temporary))
}

func distinct(on []holder) []holder {
	slices.SortFunc(on, func(a, b holder) int { return strings.Compare(a.String(), b.String()) })
	return slices.Compact(on)
}

func (o *oracle) fromLayers(now time.Time) (on []holder) {
	for role := oncall.Primary; role <= oncall.Shadow; role++ {
		rank := map[int][]holder{}
		best := -1 << 31
		for i, l := range o.layers {
			if !l.From.IsZero() && now.Before(l.From) || !l.Until.IsZero() && !now.Before(l.Until) || !l.open() {
				continue
			}
			positions := l.Positions
			if len(positions) == 0 {
				positions = []schedule.Position{{Role: l.Role}}
			}
			level := map[schedule.Compose]int{schedule.Union: 0, schedule.Priority: l.Priority, schedule.LastWins: i}[o.s.Compose]
			for _, p := range positions {
				if p.Role != role {
					continue
				}
				for _, person := range l.member(p.Offset) {
					away := slices.ContainsFunc(o.s.Absences, func(a schedule.Absence) bool { return a.Person == person && inside(now, a.Start, a.End) })
					if !away {
						rank[level] = append(rank[level], holder{role, person})
						best = max(best, level)
					}
				}
			}
		}
		on = append(on, rank[best]...)
	}
	return on
}

func (o *oracle) override(now time.Time, on []holder, temporary bool) []holder {
	counts := func(v schedule.Override, role oncall.Role) bool {
		if !inside(now, v.Start, v.End) || temporary && !v.OverTemporary {
			return false
		}
		return !slices.ContainsFunc(o.s.Overrides, func(by schedule.Override) bool {
			byRole := by.Role
			if by.Remove == "" && by.Add != "" && byRole == 0 {
				byRole = oncall.Primary
			}
			return by.Supersedes == v.ID && inside(now, by.Start, by.End) && (byRole == 0 || byRole == role)
		})
	}
	var after []holder
	for _, h := range on {
		var decides *schedule.Override
		for _, v := range o.s.Overrides {
			if v.Remove == h.person && (v.Role == 0 || v.Role == h.role) && counts(v, h.role) &&
				(decides == nil || v.Start.After(decides.Start) || v.Start.Equal(decides.Start) && v.ID > decides.ID) {
				decides = &v
			}
		}
		switch {
		case decides == nil:
			after = append(after, h)
		case decides.Add != "":
			after = append(after, holder{h.role, decides.Add})
		}
	}
	for _, v := range o.s.Overrides {
		role := v.Role
		if role == 0 {
			role = oncall.Primary
		}
		if v.Remove == "" && v.Add != "" && counts(v, role) {
			after = append(after, holder{role, v.Add})
		}
	}
	return after
}
