package schedule

import (
	"cmp"
	"math"
	"slices"

	"github.com/sre-sdk/sre/oncall"
)

// This file is the one evaluator: At, Flatten, Next, Explain and Lint all read
// what it makes of an interval.

// A duty is one person in one role for one cause. Duties are ordered by role,
// person and cause.
type duty struct {
	key  uint64
	turn int64
}

// The parts of a key: 8 bits of role, 32 of person, 4 of kind, 20 of index.
const (
	indexBits  = 20 // MaxOverrides and the other limits are below 2^20
	kindShift  = indexBits
	whoShift   = kindShift + 4
	roleShift  = whoShift + 32
	indexMask  = 1<<indexBits - 1
	nRoles     = int(oncall.Shadow) + 1
	allRoles   = 0
	noPriority = math.MinInt
)

func makeDuty(role uint8, person int32, kind CauseKind, index int32, turn int64) duty {
	return duty{uint64(role)<<roleShift | uint64(person)<<whoShift | uint64(kind)<<kindShift | uint64(index), turn}
}

func (d duty) role() uint8        { return uint8(d.key >> roleShift) }
func (d duty) person() int32      { return int32(d.key >> whoShift) }
func (d duty) kind() CauseKind    { return CauseKind(d.key >> kindShift & 15) }
func (d duty) index() int32       { return int32(d.key & indexMask) }
func (d duty) holder() uint64     { return d.key >> whoShift } // role and person
func (d duty) is(role uint8) bool { return role == allRoles || role == d.role() }

// evaluator walks an interval from one instant of change to the next.
type evaluator struct {
	*Compiled
	layers []layerState

	absent, temp, tempShifts, swaps, overrides active
	special                                    int64 // the next edge of these

	temporary int32 // the active temporary schedule, or nobody
	isAbsent  []bool
	voided    []uint8 // of each override: bits of the roles for which an active one supersedes it

	duties   []duty // of now
	scratch  []duty
	declared uint8 // bit of a role that is somebody's, explicitly nobody's, turn

	trace *trace // nil except for Explain
	use   *usage // nil except for Lint
}

// layerState is where the walk is in one layer.
type layerState struct {
	pieces   []piece
	next     int // the first piece that has not begun
	now      piece
	on       bool
	edge     int64 // of the next change
	duties   []duty
	declared uint8
}

// usage is what Lint wants to know of a walk.
type usage struct {
	present []int64 // of each layer, the first instant at which it has people; or never
	shown   []bool  // of each layer, whether anybody of it was ever the answer of the layers
	swaps   []bool  // of each swap, whether it ever changed anything
	over    []bool  // the same of each override
}

const never = math.MaxInt64

// note tells which layers have people at an instant.
func (use *usage) note(e *evaluator, at int64) {
	for i := range e.layers {
		if use.present[i] == never && len(e.layers[i].duties) > 0 {
			use.present[i] = at
		}
	}
}

// active keeps those of a list that are active now. The list is sorted by start.
type active struct {
	list []timed // those that have not begun
	now  []timed
	edge int64
}

// begin positions the walk just before the instant lo.
func begin(list []timed) active {
	a := active{list: list, edge: math.MaxInt64}
	a.next()
	return a
}

func (a *active) next() {
	a.edge = math.MaxInt64
	if len(a.list) > 0 {
		a.edge = a.list[0].start
	}
	for _, t := range a.now {
		a.edge = min(a.edge, t.end)
	}
}

// moveTo makes u the present and reports whether anything began or ended.
func (a *active) moveTo(u int64) bool {
	if u < a.edge {
		return false
	}
	a.now = slices.DeleteFunc(a.now, func(t timed) bool { return t.end <= u })
	for len(a.list) > 0 && a.list[0].start <= u {
		if a.list[0].end > u {
			a.now = append(a.now, a.list[0])
		}
		a.list = a.list[1:]
	}
	a.next()
	return true
}

// newEvaluator prepares a walk over [lo, hi).
func (c *Compiled) newEvaluator(lo, hi int64) *evaluator {
	e := &evaluator{Compiled: c, layers: make([]layerState, len(c.layers)), temporary: nobody,
		absent: begin(c.absences), temp: begin(c.temps), tempShifts: begin(c.tempShifts), swaps: begin(c.swaps), overrides: begin(c.overrides)}
	e.special = math.MinInt64
	for i := range c.layers {
		pieces := c.layers[i].pieces(nil, lo, hi)
		s := layerState{pieces: pieces, edge: math.MaxInt64}
		if len(pieces) > 0 {
			s.edge = pieces[0].start
		}
		e.layers[i] = s
	}
	return e
}

// moveTo makes u the present, and returns the instant until which nothing
// changes.
func (e *evaluator) moveTo(u int64) (until int64) {
	anew := u >= e.special && e.moveSpecials(u)
	until = e.special
	for i := range e.layers {
		s := &e.layers[i]
		if u >= s.edge {
			s.step(u)
			e.fill(i)
		} else if anew && s.on {
			e.fill(i)
		}
		until = min(until, s.edge)
	}
	return until
}

// moveSpecials moves all but the layers, and reports whether the layers have
// other people now.
func (e *evaluator) moveSpecials(u int64) (absences bool) {
	if absences = e.absent.moveTo(u); absences {
		e.isAbsent = slices.Grow(e.isAbsent[:0], len(e.people))[:len(e.people)]
		clear(e.isAbsent)
		for _, a := range e.absent.now {
			e.isAbsent[a.who] = true
		}
	}
	if e.temp.moveTo(u) {
		e.temporary = nobody
		if len(e.temp.now) > 0 {
			e.temporary = e.temp.now[0].who
		}
	}
	e.tempShifts.moveTo(u)
	if e.swaps.moveTo(u) {
		slices.SortFunc(e.swaps.now, func(a, b timed) int { return int(a.who - b.who) })
	}
	if e.overrides.moveTo(u) {
		e.supersede()
	}
	e.special = min(e.absent.edge, e.temp.edge, e.tempShifts.edge, e.swaps.edge, e.overrides.edge)
	return absences
}

// step goes on to the piece of u, or into the hole after the last one.
func (s *layerState) step(u int64) {
	s.on = false
	for s.next < len(s.pieces) && s.pieces[s.next].start <= u {
		s.now, s.on = s.pieces[s.next], s.pieces[s.next].end > u
		s.next++
	}
	switch {
	case s.on:
		s.edge = s.now.end
	case s.next < len(s.pieces):
		s.edge = s.pieces[s.next].start
	default:
		s.edge = math.MaxInt64
	}
}

// fill notes whom the layer has now.
func (e *evaluator) fill(i int) {
	s, l := &e.layers[i], &e.Compiled.layers[i]
	s.duties, s.declared = s.duties[:0], 0
	if !s.on {
		return
	}
	for _, p := range l.positions {
		people := l.slot(s.now.turn, p.offset)
		if len(people) == 0 {
			s.declared |= 1 << p.role
		}
		for _, person := range people {
			if e.isAbsent != nil && e.isAbsent[person] {
				continue
			}
			s.duties = append(s.duties, makeDuty(p.role, person, ByLayer, int32(i), s.now.turn))
		}
	}
}

// decide makes the duties of now. Call it after moveTo.
func (e *evaluator) decide() {
	e.beforeOverrides()
	if len(e.overrides.now) > 0 {
		e.applyOverrides()
	}
	if e.declared != 0 {
		for _, d := range e.duties {
			e.declared &^= 1 << d.role()
		}
	}
}

// beforeOverrides makes the duties on which the overrides are judged.
func (e *evaluator) beforeOverrides() {
	e.declared = 0
	if e.temporary != nobody {
		e.fromTemporary()
		return
	}
	e.compose()
	e.applySwaps()
}

func (e *evaluator) fromTemporary() {
	e.duties = e.duties[:0]
	for _, t := range e.tempShifts.now {
		s := e.tempInfo[t.who]
		e.duties = append(e.duties, makeDuty(s.role, s.person, ByTemporary, s.temp, 0))
	}
	if e.trace != nil {
		e.trace.temporary(e)
	}
	e.settle()
}

// compose makes one answer of the layers.
func (e *evaluator) compose() {
	e.duties, e.declared = e.duties[:0], 0
	for i := range e.layers {
		s := &e.layers[i]
		e.declared |= s.declared
		for _, d := range s.duties {
			e.add(d)
		}
	}
	if e.trace != nil {
		e.trace.layers(e)
	}
	if e.spec.Compose != Union {
		e.mask()
	}
	if e.use != nil {
		for _, d := range e.duties {
			e.use.shown[d.index()] = true
		}
	}
	e.settle()
}

// add appends one duty. Appending whole lists stores their pointer each time, and
// the garbage collector, while it runs, makes that a fifth of all work.
func (e *evaluator) add(d duty) { e.duties = append(e.duties, d) }

// rank says which layer hides which: the greater hides the lesser.
func (e *evaluator) rank(d duty) int {
	if e.spec.Compose == LastWins {
		return int(d.index())
	}
	return e.Compiled.layers[d.index()].priority
}

// mask keeps, of each role, the people of the highest layers.
func (e *evaluator) mask() {
	var best [nRoles]int
	for i := range best {
		best[i] = noPriority
	}
	for _, d := range e.duties {
		best[d.role()] = max(best[d.role()], e.rank(d))
	}
	kept := e.duties[:0]
	for _, d := range e.duties {
		if e.rank(d) == best[d.role()] {
			kept = append(kept, d)
		} else if e.trace != nil {
			e.trace.masked(e, d)
		}
	}
	e.duties = kept
}

// settle sorts the duties and leaves of each role and person one: that of the
// least cause.
func (e *evaluator) settle() {
	d, repeated := e.duties, false
	if len(d) < 16 {
		for i := 1; i < len(d); i++ {
			x := d[i]
			j := i
			for ; j > 0 && x.key < d[j-1].key; j-- {
				d[j] = d[j-1]
			}
			d[j] = x
			// What has the same holder stands together already.
			repeated = repeated || j > 0 && x.holder() == d[j-1].holder() || j < i && x.holder() == d[j+1].holder()
		}
	} else {
		slices.SortFunc(d, func(a, b duty) int { return cmp.Compare(a.key, b.key) })
		repeated = true
	}
	if repeated {
		e.duties = slices.CompactFunc(d, func(a, b duty) bool { return a.holder() == b.holder() })
	}
}

func (e *evaluator) applySwaps() {
	for _, t := range e.swaps.now {
		s, changed := e.swapInfo[t.who], false
		for i, d := range e.duties {
			if d.person() == s.beneficiary && d.is(s.role) {
				e.duties[i] = makeDuty(d.role(), s.benefactor, BySwap, t.who, 0)
				changed = true
				if e.trace != nil {
					e.trace.swapped(e, d, t.who)
				}
			}
		}
		if changed {
			e.settle()
			if e.use != nil {
				e.use.swaps[t.who] = true
			}
		}
	}
}

// supersede notes which active overrides have no effect because another active
// one names them.
func (e *evaluator) supersede() {
	if e.voided == nil {
		e.voided = make([]uint8, len(e.overInfo))
	}
	clear(e.voided)
	for _, t := range e.overrides.now {
		if by := &e.overInfo[t.who]; by.supersedes != nobody {
			e.voided[by.supersedes] |= roleBits(by.role)
		}
	}
}

// roleBits has a bit for each role that is meant.
func roleBits(role uint8) uint8 {
	if role == allRoles {
		return math.MaxUint8
	}
	return 1 << role
}

// applyOverrides judges every override on the duties before any: it reads
// e.duties and writes scratch.
func (e *evaluator) applyOverrides() {
	e.scratch = e.scratch[:0]
	for _, d := range e.duties {
		by := e.decisive(d)
		if by == nobody {
			e.scratch = append(e.scratch, d)
			continue
		}
		if add := e.overInfo[by].add; add != nobody {
			e.scratch = append(e.scratch, makeDuty(d.role(), add, ByOverride, by, 0))
		}
		e.used(by)
		if e.trace != nil {
			e.trace.overridden(e, d, by)
		}
	}
	for _, t := range e.overrides.now {
		if o := &e.overInfo[t.who]; o.remove == nobody && o.add != nobody && e.counts(t.who, o.role) {
			d := makeDuty(o.role, o.add, ByOverride, t.who, 0)
			e.scratch = append(e.scratch, d)
			e.used(t.who)
			if e.trace != nil {
				e.trace.added(e, d)
			}
		}
	}
	e.duties, e.scratch = e.scratch, e.duties
	e.settle()
}

func (e *evaluator) used(override int32) {
	if e.use != nil {
		e.use.over[override] = true
	}
}

// counts reports whether an active override may have an effect on a role now.
func (e *evaluator) counts(override int32, role uint8) bool {
	return e.voided[override]>>role&1 == 0 && (e.temporary == nobody || e.overInfo[override].overTemporary)
}

// decisive returns the override that removes the duty, or nobody: of several,
// the one that starts last, and of those the one with the greatest ID.
func (e *evaluator) decisive(d duty) int32 {
	best := int32(nobody)
	for _, t := range e.overrides.now {
		o := &e.overInfo[t.who]
		if o.remove == d.person() && d.is(o.role) && e.counts(t.who, d.role()) && (best == nobody || e.decidesOver(t.who, best)) {
			best = t.who
		}
	}
	return best
}

func (c *Compiled) decidesOver(a, b int32) bool {
	if c.overInfo[a].start != c.overInfo[b].start {
		return c.overInfo[a].start > c.overInfo[b].start
	}
	return c.spec.Overrides[a].ID > c.spec.Overrides[b].ID
}

// evaluate makes the table of [lo, hi). It looks a second further on both sides
// to know which shifts go on there.
func (c *Compiled) evaluate(lo, hi int64) *timeline { return c.evaluateWith(lo, hi, nil) }

func (c *Compiled) evaluateWith(lo, hi int64, use *usage) *timeline {
	e := c.newEvaluator(lo-1, hi+1)
	edges, covered := 0, int64(0)
	for i := range e.layers {
		for j, p := range e.layers[i].pieces {
			covered += p.end - p.start
			if edges += 2; j > 0 && e.layers[i].pieces[j-1].end == p.start {
				edges--
			}
		}
	}
	b := newBuilder(lo, hi, edges, int(covered/(hi-lo))+1)
	e.moveTo(lo - 1)
	e.decide()
	before := slices.Clone(e.duties)
	e.use = use
	for at := lo; at < hi; {
		next := e.moveTo(at)
		e.decide()
		if use != nil {
			use.note(e, at)
		}
		b.add(at, e.duties, e.declared)
		if at == lo {
			b.markBefore(before)
		}
		at = next
	}
	e.use = nil
	e.moveTo(hi)
	e.decide()
	return b.close(hi, e.duties)
}
