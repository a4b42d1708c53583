package civil_test

import (
	"fmt"
	"sync"
	"testing"
	"time"

	"github.com/sre-sdk/sre/internal/civil"
)

// A wallTable is the dumb oracle: it asks package time what the wall clock
// shows at each step of some days of real time, and knows nothing else.
type wallTable struct {
	step     int64
	from, to int64
	shown    []wallKey           // at from, from+step, ...
	instants map[wallKey][]int64 // ascending
	gap      int                 // index after the gap that was asked for last
}

// A wallKey is "2006-01-02 15:04:05"; keys sort as civil times do.
type wallKey [19]byte

const wallLayout = "2006-01-02 15:04:05"

func wallAt(loc *time.Location, u int64) (k wallKey) {
	copy(k[:], time.Unix(u, 0).In(loc).AppendFormat(make([]byte, 0, 19), wallLayout))
	return k
}

// wallOf reads a key as if it were UTC, so that civil times can be subtracted.
func wallOf(k wallKey) time.Time {
	t, err := time.Parse(wallLayout, string(k[:]))
	if err != nil {
		panic(err)
	}
	return t
}

// newWallTable walks all instants from..to around a transition, minute by
// minute, or second by second where the wall clock does not change on minutes.
func newWallTable(loc *time.Location, from, to int64) *wallTable {
	w := &wallTable{step: 60, from: from - from%60, to: to, instants: map[wallKey][]int64{}}
	first, last := wallAt(loc, w.from), wallAt(loc, w.to-w.to%60)
	if string(first[17:]) != "00" || string(last[17:]) != "00" {
		w.step = 1
	}
	for u := w.from; u < w.to; u += w.step {
		k := wallAt(loc, u)
		w.shown = append(w.shown, k)
		w.instants[k] = append(w.instants[k], u)
	}
	return w
}

// A meaning is what each policy must say of one civil time.
type meaning struct {
	kind          civil.Kind
	first, second int64 // exact or in a fold
	end, shift    int64 // in a gap
}

// meaning of the civil time k, which must lie well inside the table.
func (w *wallTable) meaning(k wallKey) meaning {
	switch at := w.instants[k]; len(at) {
	case 0:
		// The first instant that shows something later ends the gap; the one
		// before it still has the offset before the gap.
		i := w.gap // as a rule the gap of the question before
		for i == 0 || string(w.shown[i-1][:]) > string(k[:]) || string(w.shown[i][:]) < string(k[:]) {
			i = (i + 1) % len(w.shown)
		}
		w.gap = i
		before := w.shown[i-1]
		end := w.from + int64(i)*w.step
		shift := end - w.step + int64(wallOf(k).Sub(wallOf(before))/time.Second)
		return meaning{kind: civil.InGap, end: end, shift: shift}
	case 1:
		return meaning{kind: civil.Exact, first: at[0], second: at[0]}
	default:
		return meaning{kind: civil.InFold, first: at[0], second: at[len(at)-1]}
	}
}

// checkResolve compares Resolve with the table at the civil time c, given in
// seconds as if it were UTC.
func checkResolve(t *testing.T, z civil.Zone, w *wallTable, c int64) {
	t.Helper()
	key := wallAt(time.UTC, c)
	dt := civil.Of(time.Unix(c, 0), zone(t, "UTC"))
	want := w.meaning(key)
	for _, gap := range []civil.Gap{civil.GapEnd, civil.GapShift, civil.GapSkip} {
		for _, fold := range []civil.Fold{civil.FoldFirst, civil.FoldSecond} {
			got, kind, ok := z.Resolve(dt, gap, fold)
			wantOK, wantAt := true, want.first
			switch {
			case want.kind == civil.InGap && gap == civil.GapSkip:
				wantOK, wantAt = false, (time.Time{}).Unix()
			case want.kind == civil.InGap && gap == civil.GapShift:
				wantAt = want.shift
			case want.kind == civil.InGap:
				wantAt = want.end
			case fold == civil.FoldSecond:
				wantAt = want.second
			}
			if kind != want.kind || ok != wantOK || got.Unix() != wantAt {
				t.Fatalf("%v: Resolve(%v, %v, %v) = %v, %v, %v; the wall clock says %v, %v, %v", z, dt, gap, fold,
					got, kind, ok, time.Unix(wantAt, 0).In(z.Location()), want.kind, wantOK)
			}
		}
	}
}

const hour = 3600 // seconds

// checkTransition compares everything that stands on Resolve with the wall
// clock, over three days around the instant at.
func checkTransition(t *testing.T, z civil.Zone, at int64) {
	t.Helper()
	loc := z.Location()
	// A civil time within 36 hours of the transition is shown only within
	// another 25 hours, because no zone moves by more.
	w := newWallTable(loc, at-62*hour, at+62*hour)
	from, to := wallOf(wallAt(loc, at-36*hour)).Unix(), wallOf(wallAt(loc, at+36*hour)).Unix()
	from -= from % 60
	for c := from; c < to; c += 60 {
		checkResolve(t, z, w, c)
	}
	if w.step > 1 {
		checkPeriods(t, z, w, at)
		checkCalendars(t, z, w, at)
		return
	}
	for c := from + 30*hour; c < to-30*hour; c += 7 { // around the transition also within the minute
		checkResolve(t, z, w, c)
	}
}

// handoffs lie on, in and beside the usual transitions.
var handoffs = []civil.Clock{{}, {Minute: 30}, {Hour: 1, Minute: 30}, {Hour: 2}, {Hour: 2, Minute: 30}, {Hour: 3}, {Hour: 9}, {Hour: 23, Minute: 30}, {Hour: 24}}

// checkPeriods compares daily and hourly periods with boundaries that the wall
// table resolves one by one, and longer ones with their laws.
func checkPeriods(t *testing.T, z civil.Zone, w *wallTable, at int64) {
	t.Helper()
	loc := z.Location()
	day := civil.Of(time.Unix(at, 0), z).Date
	for i, clock := range handoffs {
		unit, length := civil.Day, int64(24*hour)
		if i%3 == 2 {
			unit, length = civil.Hour, hour
		}
		anchor := civil.DateTime{Date: day.AddMonths(-7 * i), Clock: clock}
		p := mustPeriod(t, civil.Recurrence{Anchor: anchor, Unit: unit, Every: 1, Zone: z})
		first := wallOf(wallAt(loc, at-34*hour)).Unix()
		first += mod(wallOf(wallAt(time.UTC, anchorSeconds(anchor))).Unix()-first, length)
		var bounds []int64
		for c := first; c < wallOf(wallAt(loc, at+34*hour)).Unix(); c += length {
			m := w.meaning(wallAt(time.UTC, c))
			bounds = append(bounds, m.first+m.end)
		}
		next := 0
		for u := bounds[0]; u < bounds[len(bounds)-1]; u += 17 * 60 {
			for next < len(bounds) && bounds[next] <= u {
				next++
			}
			start, end := p.Bounds(time.Unix(u, 999))
			if start.Unix() != bounds[next-1] || end.Unix() != bounds[next] {
				t.Fatalf("%v: Bounds(%v) of %v every %v = %v, %v; the wall clock says %v, %v", z, time.Unix(u, 0).In(loc), anchor, unit,
					start, end, time.Unix(bounds[next-1], 0).In(loc), time.Unix(bounds[next], 0).In(loc))
			}
		}
		for j, unit := range []civil.Unit{civil.Week, civil.Month, civil.Quarter, civil.Year, civil.Hour} {
			r := civil.Recurrence{Anchor: anchor, Unit: unit, Every: 1 + j, Zone: z, Gap: civil.Gap(j % 2), Fold: civil.Fold(i % 2)}
			p := mustPeriod(t, r)
			for u := at - 30*hour; u < at+30*hour; u += 97 * 60 {
				checkPeriodLaws(t, r, p, time.Unix(u, 0))
			}
		}
	}
}

func anchorSeconds(dt civil.DateTime) int64 {
	return time.Date(dt.Date.Year, dt.Date.Month, dt.Date.Day, dt.Clock.Hour, dt.Clock.Minute, 0, 0, time.UTC).Unix()
}

func mod(a, b int64) int64 { return ((a % b) + b) % b }

func b2i(b bool) int64 {
	if b {
		return 1
	}
	return 0
}

func mustPeriod(t testing.TB, r civil.Recurrence) civil.Period {
	t.Helper()
	p, err := r.Compile()
	if err != nil {
		t.Fatal(err)
	}
	return p
}

// tester is what both *testing.T and *rapid.T are.
type tester interface {
	Helper()
	Fatalf(format string, args ...any)
}

// checkPeriodLaws checks what must hold of each period at each instant.
func checkPeriodLaws(t tester, r civil.Recurrence, p civil.Period, at time.Time) {
	t.Helper()
	i := p.Index(at)
	start, end := p.Bounds(at)
	switch {
	case start.After(at) || !at.Before(end):
		t.Fatalf("%+v: Bounds(%v) = %v, %v: it lies outside", r, at, start, end)
	case !p.At(i).Equal(start) || !p.At(i+1).Equal(end):
		t.Fatalf("%+v: At(%d) = %v, At(%d) = %v; Bounds(%v) = %v, %v", r, i, p.At(i), i+1, p.At(i+1), at, start, end)
	case p.Index(start) != i || p.Index(end.Add(-1)) != i:
		t.Fatalf("%+v: Index(%v) = %d, but %d at its start and %d at its end", r, at, i, p.Index(start), p.Index(end.Add(-1)))
	case p.Index(end) <= i || p.Index(start.Add(-1)) >= i:
		t.Fatalf("%+v: neighbors of %d are %d and %d", r, i, p.Index(start.Add(-1)), p.Index(end))
	}
	for j := i - 3; j < i+3; j++ {
		if p.At(j).After(p.At(j + 1)) {
			t.Fatalf("%+v: At(%d) = %v after At(%d) = %v", r, j, p.At(j), j+1, p.At(j+1))
		}
	}
	if nextStart, _ := p.Bounds(end); !nextStart.Equal(end) {
		t.Fatalf("%+v: Bounds(%v) begins at %v: a gap or an overlap", r, end, nextStart)
	}
	checkOnWall(t, r, start, i)
}

// checkOnWall checks that a boundary shows the anchor's clock, on the day that
// civil arithmetic from the anchor gives, unless the zone skips that.
func checkOnWall(t tester, r civil.Recurrence, start time.Time, i int64) {
	t.Helper()
	if n := i * int64(r.Every); n > 1<<30 || n < -1<<30 {
		return
	}
	want := r.Anchor.Add(r.Unit, int(i)*r.Every)
	if year := want.Date.Year; year <= civil.MinYear || year >= civil.MaxYear {
		return
	}
	got, _, ok := r.Zone.Resolve(want, civil.GapSkip, r.Fold)
	if ok && !got.Equal(start) {
		t.Fatalf("%+v: boundary %d is %v, want %v = %v", r, i, start, want, got)
	}
}

// calendars hit midnight, the usual transitions and the whole day.
func calendars(z civil.Zone, at int64) []civil.Hours {
	day := civil.Of(time.Unix(at, 0), z).Date
	office := civil.ClockRange{From: civil.Clock{Hour: 9}, To: civil.Clock{Hour: 17, Minute: 30}}
	night := civil.ClockRange{From: civil.Clock{Hour: 22}, To: civil.Clock{Hour: 2, Minute: 30}}
	early := civil.ClockRange{From: civil.Clock{Hour: 1, Minute: 15}, To: civil.Clock{Hour: 2, Minute: 45}}
	whole := civil.ClockRange{To: civil.Clock{Hour: 24}}
	always := civil.Hours{Zone: z, Holidays: []civil.Date{day.AddDays(1)}}
	nights := civil.Hours{Zone: z, Holidays: []civil.Date{day.AddDays(-1), day.AddDays(-1)}}
	days := civil.Hours{Zone: z}
	for weekday := range 7 {
		always.Week[weekday] = []civil.ClockRange{whole}
		nights.Week[weekday] = []civil.ClockRange{night, early}
		if weekday != int(time.Wednesday) {
			days.Week[weekday] = []civil.ClockRange{office, {From: civil.Clock{}, To: civil.Clock{Hour: 1}}}
		}
	}
	return []civil.Hours{always, nights, days}
}

// wallHours are hours as text, which sorts as the wall clock goes.
type wallHours struct {
	holidays map[string]bool
	week     [7][][2]string
}

func newWallHours(h civil.Hours) wallHours {
	w := wallHours{holidays: map[string]bool{}}
	for _, d := range h.Holidays {
		w.holidays[d.String()] = true
	}
	long := func(c civil.Clock) string { return (c.String() + ":00")[:8] }
	for weekday, list := range h.Week {
		for _, r := range list {
			w.week[weekday] = append(w.week[weekday], [2]string{long(r.From), long(r.To)})
		}
	}
	return w
}

// open is the definition of Calendar.Open, from what the wall clock shows.
func (w wallHours) open(k wallKey) bool {
	if w.holidays[string(k[:10])] {
		return false
	}
	clock, today := string(k[11:]), wallOf(k).Weekday()
	for _, r := range w.week[today] {
		if overMidnight := r[1] <= r[0]; r[0] <= clock && (clock < r[1] || overMidnight) {
			return true
		}
	}
	for _, r := range w.week[(today+6)%7] {
		if overMidnight := r[1] <= r[0]; overMidnight && clock < r[1] {
			return true
		}
	}
	return false
}

// checkCalendars counts open minutes one by one.
func checkCalendars(t *testing.T, z civil.Zone, w *wallTable, at int64) {
	t.Helper()
	for n, h := range calendars(z, at) {
		checkCalendar(t, n, h, w)
	}
}

func checkCalendar(t tester, n int, h civil.Hours, w *wallTable) {
	t.Helper()
	c, err := h.Compile()
	if err != nil {
		t.Fatalf("%v", err)
	}
	open := make([]bool, len(w.shown))
	passed := make([]int64, len(w.shown)+1) // open seconds before each step
	for wall, i := newWallHours(h), 0; i < len(open); i++ {
		open[i] = wall.open(w.shown[i])
		passed[i+1] = passed[i] + w.step*b2i(open[i])
	}
	instant := func(i int) time.Time { return time.Unix(w.from+int64(i)*w.step, 0) }
	const stride = 41
	for i := 0; i < len(open); i += stride {
		a := instant(i)
		if got := c.Open(a.Add(time.Nanosecond)); got != open[i] {
			t.Fatalf("%v: calendar %d: Open(%v) = %v", h.Zone, n, a.In(h.Zone.Location()), got)
		}
		j := (i*7919 + 13) % len(open)
		b := instant(j)
		if got, want := c.Between(a, b), time.Duration(passed[j]-passed[i])*time.Second; got != want {
			t.Fatalf("%v: calendar %d: Between(%v, %v) = %v, counted %v", h.Zone, n, a, b, got, want)
		}
		if i < j && passed[j] > passed[i] {
			end, ok := c.Add(a, time.Duration(passed[j]-passed[i])*time.Second)
			for j > 0 && !open[j-1] { // the first instant by which as much has passed
				j--
			}
			if !ok || !end.Equal(instant(j)) {
				t.Fatalf("%v: calendar %d: Add(%v, %ds) = %v, %v; counted %v", h.Zone, n, a, passed[j]-passed[i], end, ok, instant(j))
			}
		}
		next := i
		for next < len(open) && open[next] == open[i] {
			next++
		}
		if next == len(open) {
			continue // the change lies beyond the table
		}
		if at, state, ok := c.Next(a); !ok || !at.Equal(instant(next)) || state != open[next] {
			t.Fatalf("%v: calendar %d: Next(%v) = %v, %v, %v; counted %v", h.Zone, n, a, at, state, ok, instant(next))
		}
	}
}

// The sweep: a sample, or with -civil.full every zone at every transition from
// 1970 to 2037. With -v it says how many those are.
func TestEverythingAgreesWithTheWallClockAroundTransitions(t *testing.T) {
	from, to := time.Date(1970, 1, 1, 0, 0, 0, 0, time.UTC), time.Date(2038, 1, 1, 0, 0, 0, 0, time.UTC)
	const zones, perZone = 24, 8
	var swept sweep
	if *full {
		t.Cleanup(func() { t.Log(&swept) }) // after all zones
	}
	for _, name := range sampleZones(t, zones) {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			z := zone(t, name)
			all := transitions(z.Location(), from, to)
			swept.add(name, z, from.Unix(), all)
			if !*full {
				r := newRand()
				r.Shuffle(len(all), func(i, j int) { all[i], all[j] = all[j], all[i] })
				all = append(all[:min(perZone, len(all))], from.Unix()+r.Int64N(to.Unix()-from.Unix()))
			}
			for _, at := range all {
				checkTransition(t, z, at)
			}
		})
	}
}

// A sweep counts the zones that were looked at. Most names of the database are
// links, or have had the same offsets as another since 1970: those are one
// distinct zone, whose transitions count once among the distinct ones. Changes
// of the abbreviation alone are no transitions. Every name is checked all the
// same, because aliases may differ before 1970.
type sweep struct {
	mu                 sync.Mutex
	names, transitions map[string]int // how many transitions has each name, and each distinct zone
}

// add counts a zone, which has these transitions after the instant from.
func (s *sweep) add(name string, z civil.Zone, from int64, transitions []int64) {
	same := fmt.Sprint(z.Offset(from))
	for _, at := range transitions {
		same += fmt.Sprint(" ", at, z.Offset(at))
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.names == nil {
		s.names, s.transitions = map[string]int{}, map[string]int{}
	}
	s.names[name], s.transitions[same] = len(transitions), len(transitions)
}

// String says how many distinct zones and transitions there are, and how many
// with aliases.
func (s *sweep) String() string {
	return fmt.Sprintf("%d distinct zones with %d distinct transitions; with aliases %d names with %d", len(s.transitions), total(s.transitions), len(s.names), total(s.names))
}

func total(counts map[string]int) (sum int) {
	for _, n := range counts {
		sum += n
	}
	return sum
}

// Transitions before 1970 and beyond the table, with the traits that are rare.
func TestEverythingAgreesWithTheWallClockAtOddTransitions(t *testing.T) {
	for _, row := range []struct{ name, zone, at string }{
		{"a repeated day", "Pacific/Kwajalein", "1969-10-01"},
		{"a repeated day in 1867", "America/Sitka", "1867-10-19"},
		{"a skipped day in 1844", "Asia/Manila", "1844-12-31"},
		{"a skipped day in 1993", "Pacific/Kwajalein", "1993-08-21"},
		{"a skipped day in 2011", "Pacific/Apia", "2011-12-30"},
		{"44 minutes 30 seconds", "Africa/Monrovia", "1972-01-07"},
		{"28 seconds", "Europe/Amsterdam", "1937-07-01"},
		{"double summer time", "Europe/London", "1947-04-13"},
		{"summer time in year 2499", "America/New_York", "2499-03-08"},
		{"summer time in year 2500", "America/New_York", "2500-03-14"},
		{"southern summer time in year 9998", "America/Santiago", "9998-09-06"},
		{"end of the table", "Australia/Lord_Howe", "2500-01-01"},
		{"negative summer time", "Europe/Dublin", "2026-10-25"},
	} {
		t.Run(row.name, func(t *testing.T) {
			t.Parallel()
			z := zone(t, row.zone)
			day, err := time.Parse("2006-01-02", row.at)
			if err != nil {
				t.Fatal(err)
			}
			at := day.Unix()
			if near := transitions(z.Location(), day.Add(-60*time.Hour), day.Add(60*time.Hour)); len(near) > 0 {
				at = near[0]
			} else if row.name != "end of the table" && row.zone != "Europe/Amsterdam" {
				t.Fatalf("no transition near %v", day)
			}
			checkTransition(t, z, at)
		})
	}
}
