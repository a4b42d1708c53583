package civil

import (
	"time"

	"github.com/sre-sdk/sre"
)

// MaxEvery bounds the length of a period, in units.
const MaxEvery = 100_000

// A Recurrence describes a [Period].
type Recurrence struct {
	Anchor DateTime // a boundary, and the one from which all others are counted
	Unit   Unit     // required
	Every  int      // units per period, 1 to MaxEvery; required
	Zone   Zone     // required

	// Gap and Fold place a boundary that the zone skips or repeats.
	//
	// The defaults are GapEnd and FoldFirst: each boundary is then the first
	// instant at which the wall clock has reached it, and whoever looks at the
	// clock agrees that the handoff is due. GapSkip is refused: a boundary that
	// does not exist would be a handoff that nobody makes.
	Gap  Gap
	Fold Fold
}

// Compile checks the recurrence, reporting every [sre.Problem], and returns its
// period.
func (r Recurrence) Compile() (Period, error) {
	var p sre.Problems
	if !r.Anchor.Valid() {
		p.Add("anchor", "invalid_datetime", r.Anchor, "a date of the years 0001 to 9999 and a clock up to 24:00")
	}
	if !r.Unit.valid() {
		p.Add("unit", "unknown_unit", r.Unit, "hour, day, week, month, quarter or year")
	}
	if r.Every < 1 || r.Every > MaxEvery {
		p.Add("every", "out_of_range", r.Every, "1 to 100000")
	}
	r.Zone.check(&p, "zone")
	if r.Gap > GapShift {
		p.Add("gap", "unknown_gap", r.Gap, "end or shift; a boundary cannot be skipped")
	}
	if r.Fold > FoldSecond {
		p.Add("fold", "unknown_fold", r.Fold, "first or second")
	}
	if err := p.Err("civil"); err != nil {
		return Period{}, err
	}
	return r.period(), nil
}

func (r Recurrence) period() Period {
	p := Period{
		zone:   r.Zone,
		gap:    r.Gap,
		fold:   r.Fold,
		anchor: r.Anchor.seconds(),
		step:   r.Unit.seconds() * int64(r.Every),
		months: r.Unit.months() * int64(r.Every),
		month0: r.Anchor.Date.months(),
		day:    r.Anchor.Date.Day,
		clock:  r.Anchor.Clock.seconds(),
	}
	if p.step > 0 {
		p.limit = maxSeconds / p.step
	} else {
		p.limit = maxSeconds / (31 * daySeconds) / p.months
	}
	return p
}

// maxSeconds is how far from 1970 periods begin, some 35 million years; instants
// are located half as far: far enough for any that means something, and near
// enough that no sum overflows.
const maxSeconds = 1 << 50

// A Period tiles all time into numbered intervals, [At(i), At(i+1)): number 0
// begins at the anchor, negative ones lie before it. Boundaries keep their
// clock on the wall, so that intervals differ in length where the zone changes
// its offset, and their day of the month, clamped to the month.
//
// Laws, for all i and t:
//
//	At(i) <= At(i+1)
//	Bounds(t) = At(Index(t)), At(Index(t)+1)
//	At(Index(t)) <= t < At(Index(t)+1)
//
// Where a zone skips a whole period its two boundaries are the same instant:
// Apia has no 2011-12-30, so a daily period that hands off at 09:00 under
// [GapEnd] has the boundaries 2011-12-29 09:00, 12-31 00:00 (for the 30th) and
// 12-31 09:00, whereas one that hands off at 00:00 has 12-31 00:00 twice. The
// period between the two is empty: it keeps its number, so that the numbers
// after it go on by the calendar, and Index never returns it.
//
// Each query takes a few binary searches over the transitions of the zone,
// however far t is from the anchor, and allocates nothing. The zero Period
// answers with zero values. An instant further from 1970 than 17 million years is
// taken as that limit.
type Period struct {
	zone Zone
	gap  Gap
	fold Fold

	anchor int64 // civil seconds since 1970-01-01 00:00
	step   int64 // civil seconds; 0 if the period is counted in months
	limit  int64 // the largest absolute number

	months int64 // per period; 0 if the period has a fixed civil length
	month0 int64 // month of the anchor, from year 0
	day    int   // day of the month of the anchor
	clock  int64 // civil seconds since midnight
}

// IsZero reports whether the period is not set.
func (p Period) IsZero() bool { return p.zone.IsZero() }

// Zone returns the zone in which the boundaries are placed.
func (p Period) Zone() Zone { return p.zone }

// At returns the instant at which period i begins, in the zone of the period.
func (p Period) At(i int64) time.Time {
	if p.IsZero() {
		return time.Time{}
	}
	return p.zone.at(p.boundary(clamp(i, -p.limit, p.limit)))
}

// Index returns the number of the period in which t lies.
func (p Period) Index(t time.Time) int64 {
	if p.IsZero() {
		return 0
	}
	i, _, _ := p.locate(t.Unix())
	return i
}

// Bounds returns the start, inclusive, and the end, exclusive, of the period in
// which t lies, in the zone of the period.
func (p Period) Bounds(t time.Time) (start, end time.Time) {
	if p.IsZero() {
		return time.Time{}, time.Time{}
	}
	_, first, after := p.locate(t.Unix())
	return p.zone.at(first), p.zone.at(after)
}

// locate returns the number and the boundaries of the period in which the
// instant u lies. As boundaries never decrease, it is the last one that begins
// at u or before.
//
// The wall clock at u gives a number that is right, or for months one too high,
// but for transitions between u and the boundary. A transition moves the wall
// clock by at most about a day, so the corrections are one step, or for periods
// of some hours 25 at most.
func (p Period) locate(u int64) (i, start, end int64) {
	u = clamp(u, -maxSeconds/2, maxSeconds/2)
	i = p.civilIndex(u + p.zone.rules.offset(u))
	start, end = p.boundary(i), p.boundary(i+1)
	for start > u {
		i--
		start, end = p.boundary(i), start
	}
	for end <= u {
		i++
		start, end = end, p.boundary(i+1)
	}
	return i, start, end
}

// civil returns the boundary i on the wall clock.
func (p Period) civil(i int64) int64 {
	if p.months == 0 {
		return p.anchor + i*p.step
	}
	year, month := splitMonths(p.month0 + i*p.months)
	d := Date{int(year), month, min(p.day, daysIn(year, month))}
	return d.number()*daySeconds + p.clock
}

// civilIndex returns the last i with civil(i) <= c; of periods counted in months,
// that or the next one, because the day of the month is left out.
func (p Period) civilIndex(c int64) int64 {
	if p.months == 0 {
		return floorDiv(c-p.anchor, p.step)
	}
	year, month, _ := time.Unix(c, 0).UTC().Date()
	return floorDiv(int64(year)*12+int64(month-time.January)-p.month0, p.months)
}

// boundary returns the instant of the boundary i. It never decreases with i.
func (p Period) boundary(i int64) int64 {
	first, second, kind := p.zone.rules.resolve(p.civil(i))
	switch {
	case kind == InFold && p.fold == FoldSecond:
		return second
	case kind == InGap && p.gap == GapShift:
		return p.shifted(i, second)
	}
	return first
}

// shifted keeps a boundary that [GapShift] moved out of a gap from passing the
// next boundary that exists: hourly ones at 02:30 and 03:15 would change places.
func (p Period) shifted(i, instant int64) int64 {
	for {
		i++
		next, _, kind := p.zone.rules.resolve(p.civil(i))
		if kind != InGap {
			return min(instant, next)
		}
	}
}
