package civil

import "math"

// Engines that place many civil times work on numbers: civil seconds, which
// count from 1970-01-01 00:00 on the wall clock with days of 86,400, and
// instants in seconds since 1970 UTC.

// Seconds returns dt in civil seconds; 0 if it is not valid.
func (dt DateTime) Seconds() int64 {
	if !dt.Valid() {
		return 0
	}
	return dt.seconds()
}

// DateTimeOf is the inverse of [DateTime.Seconds]; the zero DateTime if no Date
// has that year.
func DateTimeOf(seconds int64) DateTime { return dateTimeOf(seconds) }

// Number counts days from 1970-01-01; 0 if the date is not valid.
func (d Date) Number() int64 {
	if !d.Valid() {
		return 0
	}
	return d.number()
}

// DateOf is the inverse of [Date.Number]; it stops at the first and the last
// Date.
func DateOf(day int64) Date { return dateOf(day) }

// Seconds returns the clock in seconds since midnight, as the wall shows it.
func (c Clock) Seconds() int64 { return c.seconds() }

// First returns the first instant at which the wall clock has reached the civil
// time c: the answer of [Zone.Resolve] under [GapEnd] and [FoldFirst]. It never
// decreases with c. The zone must be set.
func (z Zone) First(c int64) int64 {
	first, _, _ := z.rules.resolve(c)
	return first
}

// Place is First, and says whether the zone skips or repeats c.
func (z Zone) Place(c int64) (instant int64, kind Kind) {
	first, _, kind := z.rules.resolve(c)
	return first, kind
}

// Offset returns civil minus UTC at the instant u.
func (z Zone) Offset(u int64) int64 { return z.rules.offset(u) }

// Reached returns the last civil second that the wall clock has reached by the
// instant u: what it shows, except in the later pass of a fold, where it is the
// last second of the first pass. It is the inverse of [Zone.First]:
//
//	First(c) <= u  exactly if  c <= Reached(u)
//
// so whatever half-open interval of civil time Reached(u) lies in, u lies
// between the instants of its ends.
func (z Zone) Reached(u int64) int64 {
	u, moved := z.rules.intoTable(u)
	r := z.rules
	i := r.find(u)
	c := u + r.spans[i].offset
	// A fold reaches back by at most max-min, so older spans are behind.
	for ; i > 0 && r.spans[i].start > u-(r.max-r.min); i-- {
		c = max(c, r.spans[i].start+r.spans[i-1].offset-1)
	}
	return c + moved
}

// A Placer answers [Zone.First] for civil times that mostly rise: it keeps the
// stretch between two transitions in which the last answer lay, where the rest
// is a subtraction. It is not safe for concurrent use.
type Placer struct {
	rules    *rules
	from, to int64 // civil times in [from, to) need no search
	start    int64 // the instant at which the stretch begins: First is at least that
	offset   int64
}

// Placer returns a Placer of the zone, which must be set.
func (z Zone) Placer() Placer { return Placer{rules: z.rules, from: math.MaxInt64, to: math.MinInt64} }

// First is [Zone.First].
func (p *Placer) First(c int64) int64 {
	if c < p.from || c >= p.to {
		p.seek(c)
	}
	return max(c-p.offset, p.start)
}

// seek finds the stretch of c. In a span, the wall clock reaches for the first
// time what lies after all that earlier spans have shown, and before the span's
// own end; where the span begins after a gap, it reaches all of the gap with its
// first instant.
func (p *Placer) seek(c int64) {
	r := p.rules
	inside, moved := r.intoTable(c)
	i := r.find(inside - r.max)
	shown := int64(math.MinInt64) // all before this civil time was shown
	for j := i; j > 0 && r.spans[j].start > r.spans[i].start-(r.max-r.min); j-- {
		shown = max(shown, r.spans[j].start+r.spans[j-1].offset)
	}
	for ; i+1 < len(r.spans); i++ {
		end := r.spans[i+1].start + r.spans[i].offset
		if inside < end {
			break
		}
		shown = max(shown, end)
	}
	p.offset, p.start, p.from, p.to = r.spans[i].offset, r.spans[i].start, shown, math.MaxInt64
	if i == 0 {
		p.start = math.MinInt64
	}
	if i+1 < len(r.spans) {
		p.to = r.spans[i+1].start + r.spans[i].offset
	}
	if r.cyclic {
		p.to = min(p.to, tableEnd)
	}
	if moved > 0 {
		p.start += moved
		p.from, p.to = c, c+1 // beyond the table each is looked up
	}
}
