package schedule

import (
	"slices"

	"github.com/sre-sdk/sre/internal/civil"
)

// layer is a Layer made ready.
type layer struct {
	zone      civil.Zone
	slots     [][]int32
	first     int64
	positions []position
	priority  int
	turns     turns
	worked    bool
	restrict  []restriction
	from      int64
	until     int64

	// Of a layer whose turns count as worked: at the turn knownTurn of the
	// calendar, so many turns were worked since the anchor.
	knownTurn, knownWorked int64
}

type position struct {
	role   uint8
	offset int
}

// slot returns the members whose turn has that number, for a position.
func (l *layer) slot(turn int64, offset int) []int32 {
	return l.slots[l.slotIndex(turn, offset)]
}

func (l *layer) slotIndex(turn int64, offset int) int {
	n := int64(len(l.slots))
	i := (turn + l.first + int64(offset)) % n
	if i < 0 {
		i += n
	}
	return int(i)
}

// turns tiles time into numbered turns. Turn i is [boundary(i), boundary(i+1));
// boundaries never decrease.
type turns struct {
	zone    civil.Zone
	elapsed bool           // anchor and step are instants, not civil time
	anchor  int64          // seconds
	step    int64          // seconds; 0: months, or no end
	months  int            // 0: no end
	date    civil.DateTime // the anchor, for months
}

// endless says that there is turn 0 and no other.
func (t *turns) endless() bool { return t.step == 0 && t.months == 0 }

// mark returns the boundary i as it is counted: civil time, or an instant.
func (t *turns) mark(i int64) int64 {
	if t.months > 0 {
		// MaxTurnUnits and the years of the calendar keep the product small.
		return t.date.Add(civil.Month, int(i)*t.months).Seconds()
	}
	return t.anchor + i*t.step
}

// boundary returns the instant of the boundary i.
func (t *turns) boundary(i int64) int64 {
	if t.elapsed {
		return t.mark(i)
	}
	return t.zone.First(t.mark(i))
}

// index returns the number of the turn in which the instant u lies. The last
// civil time that the wall clock has reached tells it without a search: a
// boundary has come exactly if that time is not before it.
func (t *turns) index(u int64) int64 {
	switch {
	case t.endless():
		return 0
	case t.elapsed:
		return floorDiv(u-t.anchor, t.step)
	}
	c := t.zone.Reached(u)
	if t.months == 0 {
		return floorDiv(c-t.anchor, t.step)
	}
	c = min(max(c, minInstant), maxInstant) // months end with the calendar, and would all be one
	d := civil.DateTimeOf(c).Date
	apart := int64(d.Year-t.date.Date.Year)*12 + int64(d.Month-t.date.Date.Month)
	i := floorDiv(apart, int64(t.months))
	for t.mark(i) > c {
		i--
	}
	for t.mark(i+1) <= c {
		i++
	}
	return i
}

func floorDiv(a, b int64) int64 {
	q := a / b
	if a%b < 0 {
		q--
	}
	return q
}

// A piece is the part of a turn that a layer covers without a break.
type piece struct {
	start, end int64
	turn       int64 // the number that picks the slot
}

// pieces appends the pieces of [lo, hi), whoever's turn it is.
func (l *layer) pieces(dst []piece, lo, hi int64) []piece {
	lo, hi = max(lo, l.from), min(hi, l.until)
	if lo >= hi {
		return dst
	}
	if l.worked {
		return l.workedPieces(dst, lo, hi)
	}
	return l.calendarPieces(dst, lo, hi)
}

// calendarPieces appends pieces with the number of the turn in the calendar.
func (l *layer) calendarPieces(dst []piece, lo, hi int64) []piece {
	var open []span
	if len(l.restrict) == 0 {
		open = []span{{lo, hi}}
	} else {
		open = l.open(lo, hi)
	}
	if n := len(open); n > 0 { // what is open, cut by turns
		if l.turns.step > 0 {
			var length int64
			for _, s := range open {
				length += s.end - s.start
			}
			n += int(length / l.turns.step)
		}
		dst = slices.Grow(dst, n)
	}
	if l.turns.endless() {
		for _, s := range open {
			dst = append(dst, piece{s.start, s.end, 0})
		}
		return dst
	}
	i := l.turns.index(lo)
	placer := l.zone.Placer()
	mark := l.turns.mark(i + 1)
	place := func() int64 {
		if l.turns.elapsed {
			return mark
		}
		return placer.First(mark)
	}
	next := place()
	for _, s := range open {
		for start := s.start; start < s.end; {
			if far := start - next; l.turns.step > 0 && far > 64*l.turns.step { // a hole of many turns
				i = l.turns.index(start) - 1
				mark = l.turns.mark(i + 1)
				next = place()
			}
			for next <= start {
				i++
				if l.turns.months > 0 {
					mark = l.turns.mark(i + 1)
				} else {
					mark += l.turns.step
				}
				next = place()
			}
			end := min(next, s.end)
			dst = append(dst, piece{start, end, i})
			start = end
		}
	}
	return dst
}

// expect returns about how many turns and restricted times [lo, hi) has, rather
// more than less.
func (l *layer) expect(lo, hi int64) (n int64) {
	if lo >= hi {
		return 0
	}
	switch {
	case l.turns.step > 0:
		n = (hi - lo) / l.turns.step
	case l.turns.months > 0:
		n = (hi - lo) / (28 * daySeconds * int64(l.turns.months))
	}
	days := (hi-lo)/daySeconds + 1
	for i := range l.restrict {
		n += days * int64(len(l.restrict[i].clock)+l.restrict[i].perDay)
	}
	return n
}

// workedPieces is calendarPieces with the turns renumbered.
func (l *layer) workedPieces(dst []piece, lo, hi int64) []piece {
	from := len(dst)
	dst = l.calendarPieces(dst, lo, hi)
	if len(dst) == from {
		return dst
	}
	turn := dst[from].turn
	number := l.workedBefore(turn)
	for j := range dst[from:] {
		p := &dst[from+j]
		if p.turn != turn {
			number, turn = number+1, p.turn
		}
		p.turn = number
	}
	return dst
}

// workedBefore returns how many of the turns from the anchor to the turn i of
// the calendar are worked; negative before the anchor.
func (l *layer) workedBefore(i int64) int64 {
	from, worked := int64(0), int64(0)
	if far := abs(i); abs(i-l.knownTurn) < far {
		from, worked = l.knownTurn, l.knownWorked
	}
	if i >= from {
		return worked + l.countWorked(from, i)
	}
	return worked - l.countWorked(i, from)
}

// countWorked counts the worked turns in [i, j) of the calendar. It looks at so
// much time at once, which bounds the memory.
func (l *layer) countWorked(i, j int64) (n int64) {
	const chunk = 400 * daySeconds
	last := i - 1
	end := l.turns.boundary(j)
	for lo := l.turns.boundary(i); lo < end; {
		hi := min(lo+chunk, end)
		pieces := l.calendarPieces(nil, lo, hi)
		for _, p := range pieces {
			if p.turn > last {
				n, last = n+1, p.turn
			}
		}
		if len(pieces) > 0 && hi < end { // of this turn no more need be known
			hi = max(hi, l.turns.boundary(last+1))
		}
		lo = hi
	}
	return n
}

// checkpoint counts the worked turns up to the instant u once, so that answers
// near it need not count from the anchor.
func (l *layer) checkpoint(u int64) {
	if l.worked {
		i := l.turns.index(u)
		l.knownWorked = l.workedBefore(i)
		l.knownTurn = i
	}
}

// countable returns the time in which turns are counted as worked.
func (t *turns) countable() (first, last int64) {
	const years = MaxWorkedYears * 365 * daySeconds
	n := int64(MaxWorkedTurns)
	if t.months > 0 {
		n = min(n, MaxWorkedYears*12/int64(t.months))
	} else {
		n = min(n, years/t.step)
	}
	n = max(n, 1)
	return t.boundary(-n), t.boundary(n)
}

func abs(x int64) int64 { return max(x, -x) }
