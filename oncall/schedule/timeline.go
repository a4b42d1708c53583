package schedule

import (
	"iter"
	"slices"
	"sort"
	"time"

	"github.com/sre-sdk/sre/oncall"
)

// timeline is the answer for every instant of [lo, hi). A question touches few
// cache lines: those of the search, one of running and one of the people.
type timeline struct {
	lo, hi    int64
	stretches []stretch // without change; the first starts at lo, and one after the last ends the lists
	running   []running
	shifts    []shift // by start, role, person
}

// stretch begins at start and has running[first:], up to the first of the next.
type stretch struct {
	start    int64
	first    int32
	declared uint8 // bits of the roles that nobody has, and on purpose
}

// running is a shift that is on: its index, and who it is.
type running struct {
	shift int32
	who   uint32 // 4 bits of role, 28 of person
}

const personBits = 28

func (r running) role() oncall.Role { return oncall.Role(r.who >> personBits) }
func (r running) person() int       { return int(r.who & (1<<personBits - 1)) }

// shift is a duty from start to end. It goes on beyond the edge of the timeline
// if it starts before lo or ends after hi.
type shift struct {
	start, end int64
	duty
}

// builder makes a timeline from what the evaluator says, stretch by stretch.
type builder struct {
	timeline
	lists [2][]openShift // the shifts that are on, in the order of their duties; and room for the next ones
	which int
}

func (b *builder) open() []openShift { return b.lists[b.which] }

// openShift is a shift that is on, and its index.
type openShift struct {
	duty
	shift int32
}

// newBuilder expects about so many edges, and so many layers at a time.
func newBuilder(lo, hi int64, edges, layers int) *builder {
	const most = 1 << 20 // where many layers have the same edges there is much less
	n := edges + 2
	return &builder{timeline: timeline{lo: lo, hi: hi, stretches: make([]stretch, 0, min(n, most)), running: make([]running, 0, min(n*layers, most)), shifts: make([]shift, 0, min(n/2+4, most))}}
}

func (b *builder) add(at int64, duties []duty, declared uint8) {
	n, first := len(b.stretches), len(b.running)
	if !b.exchange(at, duties) && n > 0 && b.stretches[n-1].declared == declared {
		b.running = b.running[:first]
		return
	}
	b.stretches = append(b.stretches, stretch{at, int32(first), declared})
}

// exchange ends the shifts that are not among the duties, opens those that are
// new, appends what is running now, and reports whether anything changed. Both
// lists are in order.
func (b *builder) exchange(at int64, duties []duty) (changed bool) {
	open := b.open()
	b.which = 1 - b.which
	still := &b.lists[b.which]
	*still = (*still)[:0]
	next := 0
	for _, d := range duties {
		for next < len(open) && open[next].key < d.key {
			b.shifts[open[next].shift].end = at
			next, changed = next+1, true
		}
		i := int32(len(b.shifts))
		if next < len(open) && open[next].duty == d {
			i = open[next].shift
			next++
		} else {
			b.shifts = append(b.shifts, shift{at, b.hi, d})
			changed = true
		}
		*still = append(*still, openShift{d, i})
		b.running = append(b.running, running{i, uint32(d.role())<<personBits | uint32(d.person())})
	}
	for _, o := range open[next:] {
		b.shifts[o.shift].end, changed = at, true
	}
	return changed
}

// markBefore tells of the open shifts which were there before.
func (b *builder) markBefore(duties []duty) {
	for _, o := range b.open() {
		if slices.Contains(duties, o.duty) {
			b.shifts[o.shift].start = b.lo - 1
		}
	}
}

// close tells of the open shifts which go on at the end, and gives back what it
// took too much.
func (b *builder) close(hi int64, duties []duty) *timeline {
	for _, o := range b.open() {
		if slices.Contains(duties, o.duty) {
			b.shifts[o.shift].end = hi + 1
		}
	}
	b.stretches = append(b.stretches, stretch{hi, int32(len(b.running)), 0})
	return &timeline{b.lo, b.hi, fitted(b.stretches), fitted(b.running), fitted(b.shifts)}
}

// fitted copies a slice that has much more room than it needs.
func fitted[T any](s []T) []T {
	if cap(s) < 2*len(s) {
		return s
	}
	return append(make([]T, 0, len(s)), s...)
}

// find returns the index of the stretch in which u lies; lo <= u < hi.
func (tl *timeline) find(u int64) int {
	list := tl.stretches
	low, n := 0, len(list)-1
	for n > 1 {
		half := n / 2
		if list[low+half].start <= u {
			low += half
		}
		n -= half
	}
	return low
}

// covers reports whether the timeline answers for [lo, hi).
func (tl *timeline) covers(lo, hi int64) bool { return tl.lo <= lo && hi <= tl.hi && tl.lo < tl.hi }

// show makes a Shift of shift s, cut to [lo, hi).
func (c *Compiled) show(s *shift, lo, hi int64) (out Shift) {
	loc := c.location()
	out.Start, out.End = time.Unix(max(s.start, lo), 0).In(loc), time.Unix(min(s.end, hi), 0).In(loc)
	out.StartsBefore, out.EndsAfter = s.start < lo, s.end > hi
	out.Person, out.Role = c.people[s.person()], oncall.Role(s.role())
	out.Cause = Cause{Kind: s.kind(), ID: c.causes[s.kind()][s.index()], Turn: s.turn}
	return out
}

// OnCall is who is on call at an instant. It is a small value that points into
// the compiled schedule; the zero value has nobody.
type OnCall struct {
	c       *Compiled
	tl      *timeline
	stretch int32
}

// At returns who is on call at t. Inside the horizon it takes a binary search
// and does not allocate.
//
// Of a fraction of a second the second counts. Nobody is on call before the
// year 2 and after 9998.
func (c *Compiled) At(t time.Time) OnCall {
	u := t.Unix()
	tl := &c.ready
	if u < tl.lo || u >= tl.hi {
		if tl = c.around(u); tl == nil {
			return OnCall{}
		}
	}
	return OnCall{c, tl, int32(tl.find(u))}
}

// around evaluates a day before and after u.
func (c *Compiled) around(u int64) *timeline {
	if u < minInstant || u >= maxInstant || len(c.spec.ID) == 0 {
		return nil
	}
	return c.evaluate(max(u-daySeconds, minInstant), min(u+daySeconds, maxInstant))
}

// Bounds returns an interval around the instant in which the answer is the same.
// It is as long as possible, but for the edges of the horizon, or outside it of
// a day before and after.
func (o OnCall) Bounds() (from, to time.Time) {
	if o.tl == nil {
		return time.Time{}, time.Time{}
	}
	return o.c.at(o.tl.stretches[o.stretch].start), o.c.at(o.tl.stretches[o.stretch+1].start)
}

func (o OnCall) list() []running {
	if o.tl == nil {
		return nil
	}
	return o.tl.runningIn(int(o.stretch))
}

func (tl *timeline) runningIn(stretch int) []running {
	return tl.running[tl.stretches[stretch].first:tl.stretches[stretch+1].first]
}

// Len returns how many shifts are running.
func (o OnCall) Len() int { return len(o.list()) }

// All yields the shifts that are running, by role and person, cut to the
// horizon.
func (o OnCall) All() iter.Seq[Shift] {
	return func(yield func(Shift) bool) {
		for _, r := range o.list() {
			if !yield(o.c.show(&o.tl.shifts[r.shift], o.tl.lo, o.tl.hi)) {
				return
			}
		}
	}
}

// People returns the IDs of those who hold the role, sorted.
func (o OnCall) People(role oncall.Role) []string {
	var people []string
	for _, r := range o.list() {
		if r.role() == role {
			people = append(people, o.c.people[r.person()])
		}
	}
	return people
}

// First returns the ID of who holds the role, the least of several, and "" if
// nobody does. It does not allocate.
func (o OnCall) First(role oncall.Role) string {
	for _, r := range o.list() {
		if r.role() == role {
			return o.c.people[r.person()]
		}
	}
	return ""
}

// Has reports whether the person holds the role.
func (o OnCall) Has(person string, role oncall.Role) bool {
	for _, r := range o.list() {
		if r.role() == role && o.c.people[r.person()] == person {
			return true
		}
	}
	return false
}

// Declared reports whether nobody holds the role on purpose: it is the turn of
// an empty slot.
func (o OnCall) Declared(role oncall.Role) bool {
	return o.tl != nil && o.tl.stretches[o.stretch].declared>>role&1 != 0
}

// String returns "primary alice, bob; secondary carol", or "nobody".
func (o OnCall) String() string {
	text := ""
	for role := oncall.Primary; role <= oncall.Shadow; role++ {
		for i, p := range o.People(role) {
			switch {
			case i > 0:
				text += ", " + p
			case text != "":
				text += "; " + role.String() + " " + p
			default:
				text = role.String() + " " + p
			}
		}
	}
	if text == "" {
		return "nobody"
	}
	return text
}

// table returns a timeline that answers for [lo, hi), cut to the instants in
// which schedules are known.
func (c *Compiled) table(lo, hi int64) (tl *timeline, from, to int64) {
	if lo, hi = max(lo, minInstant), min(hi, maxInstant); lo >= hi || c.spec.ID == "" {
		return nil, 0, 0
	}
	if c.ready.covers(lo, hi) {
		return &c.ready, lo, hi
	}
	return c.evaluate(lo, hi), lo, hi
}

// Flatten yields every shift that meets [from, to), cut to it, in the order of
// start, role and person. At every instant of it the shifts around it are those
// of At. Whole seconds count; fractions are dropped.
//
// Outside the horizon all of [from, to) is computed at once, when the iteration begins.
func (c *Compiled) Flatten(from, to time.Time) iter.Seq[Shift] {
	return func(yield func(Shift) bool) {
		tl, lo, hi := c.table(from.Unix(), to.Unix())
		if tl == nil {
			return
		}
		for _, r := range tl.runningIn(tl.find(lo)) {
			if !yield(c.show(&tl.shifts[r.shift], lo, hi)) {
				return
			}
		}
		for i := tl.after(lo); i < len(tl.shifts) && tl.shifts[i].start < hi; i++ {
			if !yield(c.show(&tl.shifts[i], lo, hi)) {
				return
			}
		}
	}
}

// after returns the index of the first shift that starts after u.
func (tl *timeline) after(u int64) int {
	return sort.Search(len(tl.shifts), func(i int) bool { return tl.shifts[i].start > u })
}

// Shifts returns what [Compiled.Flatten] yields.
func (c *Compiled) Shifts(from, to time.Time) []Shift { return slices.Collect(c.Flatten(from, to)) }

// MaxLookahead is how far Next looks, and for how long HandOff hands over a shift
// that does not end.
const MaxLookahead = 5 * 366 * 24 * time.Hour

// Next returns the first shift of the person, or of anybody if person is "",
// that starts after t. It is whole: its end is found beyond the horizon too. ok
// is false if there is none within MaxLookahead; a shift that does not end
// within that, counted from t too, is cut and EndsAfter.
//
// What the horizon does not tell is computed, in windows that grow up to
// MaxLookahead: that takes milliseconds for a person who is never on call.
func (c *Compiled) Next(person string, after time.Time) (next Shift, ok bool) {
	who := int32(nobody)
	if person != "" {
		i, known := slices.BinarySearch(c.people, person)
		if !known {
			return Shift{}, false
		}
		who = int32(i)
	}
	start := max(after.Unix(), minInstant)
	end := min(start+int64(MaxLookahead/time.Second), maxInstant)
	if next, ok, whole := c.nextIn(&c.ready, who, start, end); ok && whole {
		return next, true
	}
	for span := int64(32 * daySeconds); start < end; span *= 4 {
		tl, _, hi := c.table(start, min(start+span, end))
		if tl == nil {
			break
		}
		if found, some, whole := c.nextIn(tl, who, start, end); some {
			if next, ok = found, true; whole {
				break
			}
		}
		if hi == end {
			break
		}
	}
	return next, ok
}

// nextIn looks for the shift in (after, end) of one timeline; whole says that its
// end is known, or lies beyond end.
func (c *Compiled) nextIn(tl *timeline, who int32, after, end int64) (next Shift, ok, whole bool) {
	if after < tl.lo || after >= tl.hi {
		return Shift{}, false, false
	}
	hi := min(tl.hi, end)
	for i := tl.after(after); i < len(tl.shifts) && tl.shifts[i].start < hi; i++ {
		if s := &tl.shifts[i]; who == nobody || s.person() == who {
			return c.show(s, tl.lo, hi), true, s.end <= hi || hi == end
		}
	}
	return Shift{}, false, false
}
