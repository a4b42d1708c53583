package civil

import (
	"math"
	"time"
)

// rules is a zone as a sorted table of spans of constant offset. Package time
// keeps such a table too, but reaches it by two lookups per question, and
// beyond its end (2007 for New York in the compact zone files) evaluates a text
// rule each time.
//
// Every query is a binary search, so about 10 comparisons, without allocation.
type rules struct {
	loc      *time.Location
	spans    []span
	min, max int64 // the least and the greatest offset of all spans
	cyclic   bool  // there are transitions for ever, with the period below
}

// A span begins at the instant start, in seconds since 1970 UTC, and lasts
// until the next one. Its offset is civil minus UTC, in seconds.
type span struct {
	start, offset int64
}

const (
	// After 400 Gregorian years, 146,097 days or exactly 20,871 weeks, each
	// rule that names a day of the year or a weekday of a month repeats.
	cycle = 146_097 * daySeconds

	// tableEnd is 2500-01-01 UTC. The table holds every transition up to a year
	// after it, and later instants are looked up one or more cycles earlier.
	// That is right as long as no zone file lists single transitions after
	// 2100; the last known ones are Morocco's, in 2087.
	tableEnd = 16_725_225_600

	// tableStart precedes every transition ever listed, the oldest in 1844.
	tableStart = -1 << 40

	// maxTransitions and maxOffset refuse a broken zone file. The zones of
	// tzdata need at most some 1,200 transitions; 26 hours is the bound of RFC
	// 8536 section 3.2.
	maxTransitions = 10_000
	maxOffset      = 26 * hourSeconds
)

// compileRules walks all transitions of the location. Transitions that change
// only the name or the summer-time flag are left out.
func compileRules(loc *time.Location) *rules {
	_, offset := time.Unix(tableStart, 0).In(loc).Zone()
	r := &rules{loc: loc, spans: []span{{math.MinInt64, int64(offset)}}, min: int64(offset), max: int64(offset)}
	const stop = tableEnd + 366*daySeconds
	for at := int64(tableStart); len(r.spans) <= maxTransitions; {
		_, end := time.Unix(at, 0).In(loc).ZoneBounds()
		if end.IsZero() || end.Unix() > stop {
			break
		}
		if at < end.Unix() {
			at = end.Unix()
		} else {
			// Where package time evaluates a rule, it lets a span end after 365
			// days of the year also in a leap year, so that on December 31 it
			// ends at its own start. Nothing changes on that day.
			at += daySeconds
		}
		_, offset := time.Unix(at, 0).In(loc).Zone()
		if o := int64(offset); o != r.spans[len(r.spans)-1].offset {
			r.spans = append(r.spans, span{at, o})
			r.min, r.max = min(r.min, o), max(r.max, o)
		}
	}
	r.cyclic = r.spans[len(r.spans)-1].start > tableEnd
	return r
}

// intoTable moves an instant or a civil time, in seconds, by whole cycles into
// the table.
func (r *rules) intoTable(sec int64) (inside, moved int64) {
	if sec < tableEnd || !r.cyclic {
		return sec, 0
	}
	moved = ((sec-tableEnd)/cycle + 1) * cycle
	return sec - moved, moved
}

// find returns the index of the span in which the instant u lies.
func (r *rules) find(u int64) int {
	low, high := 0, len(r.spans) // spans[low].start <= u < spans[high].start
	for high-low > 1 {
		if mid := int(uint(low+high) / 2); r.spans[mid].start <= u {
			low = mid
		} else {
			high = mid
		}
	}
	return low
}

// end returns the instant at which span i ends.
func (r *rules) end(i int) int64 {
	if i+1 < len(r.spans) {
		return r.spans[i+1].start
	}
	return math.MaxInt64
}

// offset returns civil minus UTC at the instant u, in seconds.
func (r *rules) offset(u int64) int64 {
	u, _ = r.intoTable(u)
	return r.spans[r.find(u)].offset
}

// spanAt returns the offset at the instant u and the instant of the next
// transition.
func (r *rules) spanAt(u int64) (offset, end int64) {
	u, moved := r.intoTable(u)
	i := r.find(u)
	if end = r.end(i); end < math.MaxInt64 {
		end += moved
	}
	return r.spans[i].offset, end
}

// resolve finds the instants at which wall clocks show the civil time c.
//
//	Exact:  the one instant, twice
//	InFold: the first and the last of them
//	InGap:  the end of the gap, and c by the offset before the gap
//
// All spans that can matter overlap [c-max, c-min], which is seldom longer than
// two hours. Civil time rises within a span and jumps between two of them, so a
// time that no span shows is passed by a jump forward; if a zone should pass it
// forth and back more than once, the first such jump is the gap.
func (r *rules) resolve(c int64) (first, second int64, kind Kind) {
	c, moved := r.intoTable(c)
	i := r.find(c - r.max)
	if u := c - r.spans[i].offset; r.end(i) > c-r.min {
		return u + moved, u + moved, Exact
	}
	gap := -1
	for from := i; i < len(r.spans) && r.spans[i].start <= c-r.min; i++ {
		u := c - r.spans[i].offset
		switch {
		case r.spans[i].start <= u && u < r.end(i):
			if kind != Unresolved {
				second, kind = u, InFold
				continue
			}
			first, second, kind = u, u, Exact
		case gap < 0 && i > from && u < r.spans[i].start && c-r.spans[i-1].offset >= r.spans[i].start:
			gap = i
		}
	}
	if kind == Unresolved {
		first, second, kind = r.spans[gap].start, c-r.spans[gap-1].offset, InGap
	}
	return first + moved, second + moved, kind
}
