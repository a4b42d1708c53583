package schedule

import (
	"cmp"
	"fmt"
	"slices"
	"strings"
	"time"

	"github.com/sre-sdk/sre/internal/civil"
	"github.com/sre-sdk/sre/oncall"
)

// A Finding is something in a schedule that is allowed and probably not meant,
// with an instant at which it can be seen.
type Finding struct {
	Code   string
	At     time.Time // the first instant in the horizon at which it is so
	Until  time.Time // from At; zero if it is an instant
	Layer  string
	Person string
	Role   oncall.Role
	Count  int           // how many stretches of the horizon
	Total  time.Duration // and how long they are together
	Text   string        // one sentence
}

// String returns "At code: Text".
func (f Finding) String() string {
	return f.At.Format(time.RFC3339) + " " + f.Code + ": " + f.Text
}

// Codes of findings.
const (
	// CodeGap: nobody holds a role that some layer provides, and no empty slot
	// says that it is meant.
	CodeGap = "gap"
	// CodeStarvation: the length of the turns and the week of the restrictions
	// share a factor, so that some members never have a turn that counts. This is
	// proven for all time, not observed; its instant is their next turn, which may
	// lie beyond the time that was looked at. It is proven for turns of hours, days
	// and weeks by calendar, where the restrictions are of weekdays and clocks.
	CodeStarvation = "starvation"
	// CodeSamePerson: one person is primary and secondary at once.
	CodeSamePerson = "same_person"
	// CodeShadowed: a layer has people and never shows, because higher ones, or a
	// temporary schedule, always hide it.
	CodeShadowed = "shadowed"
	// CodeRestrictionNever: a restriction allows nothing while its layer exists.
	CodeRestrictionNever = "restriction_never"
	// CodeConflict: two overrides contradict each other; see [Conflict].
	CodeConflict = "override_conflict"
	// CodeHandoffInGap: a handoff at an hour that the zone skips takes place
	// later on the wall clock than it says.
	CodeHandoffInGap = "handoff_in_gap"
	// CodeNeverOnCall: a member of a layer is not on call once.
	CodeNeverOnCall = "never_on_call"
	// CodeExpired: a layer ended before the horizon.
	CodeExpired = "expired"
	// CodeAbsentOnCall: a temporary schedule, swap or override puts somebody on
	// call who is absent.
	CodeAbsentOnCall = "absent_on_call"
	// CodeNoEffect: a swap or override changes nothing, as far as it was looked at.
	CodeNoEffect = "no_effect"
)

// A Check finds what breaks a rule of one's own in the shifts of a schedule, such
// as the longest run and the shortest rest that a team allows itself:
// workload.Limits makes one. It must be a function of its argument.
type Check func(shifts []Shift) []Finding

// Lint looks for what is probably not meant in [from, to), and for what the
// checks find in its shifts, and returns it in the order of instants. Where the
// same happens again and again one finding counts it.
func (c *Compiled) Lint(from, to time.Time, checks ...Check) []Finding {
	lo, hi := max(from.Unix(), minInstant), min(to.Unix(), maxInstant)
	if lo >= hi || c.spec.ID == "" {
		return nil
	}
	l := linter{Compiled: c, lo: lo, hi: hi, use: c.newUsage()}
	l.tl = c.evaluateWith(lo, hi, l.use)
	l.gaps()
	l.samePerson()
	for i := range c.layers {
		l.layer(i)
	}
	l.members()
	l.specials()
	if len(checks) > 0 {
		shifts := c.Shifts(from, to)
		for _, check := range checks {
			l.found = append(l.found, check(slices.Clone(shifts))...)
		}
	}
	slices.SortStableFunc(l.found, func(a, b Finding) int {
		return cmp.Or(a.At.Compare(b.At), cmp.Compare(a.Code, b.Code))
	})
	return l.found
}

type linter struct {
	*Compiled
	lo, hi  int64
	tl      *timeline
	use     *usage
	found   []Finding
	starved map[string]bool // people of whom a finding says so
}

func (l *linter) add(f Finding, format string, args ...any) {
	f.Text = fmt.Sprintf(format, args...)
	l.found = append(l.found, f)
}

// occasions makes one finding of the stretches in which something is so.
func (l *linter) occasions(f Finding, is func(stretch int) bool) (Finding, bool) {
	before := false
	for i, s := range l.tl.stretches[:len(l.tl.stretches)-1] {
		now := is(i)
		if now {
			end := l.tl.stretches[i+1].start
			f.Total += time.Duration(end-s.start) * time.Second
			if !before {
				f.Count++
			}
			if f.Count == 1 {
				if !before {
					f.At = l.at(s.start)
				}
				f.Until = l.at(end)
			}
		}
		before = now
	}
	return f, f.Count > 0
}

func (l *linter) gaps() {
	provided := map[oncall.Role]bool{}
	for _, layer := range l.Compiled.layers {
		for _, p := range layer.positions {
			provided[oncall.Role(p.role)] = true
		}
	}
	for _, role := range []oncall.Role{oncall.Primary, oncall.Secondary} { // a shadow may be missing
		if !provided[role] {
			continue
		}
		f, ok := l.occasions(Finding{Code: CodeGap, Role: role}, func(i int) bool {
			return l.tl.stretches[i].declared>>role&1 == 0 && !slices.ContainsFunc(l.tl.runningIn(i), func(r running) bool { return r.role() == role })
		})
		if ok {
			l.add(f, "nobody is %s until %s; %s in all, %s", role, short(f.Until), times(f.Count), length(f.Total))
		}
	}
}

func times(n int) string {
	if n == 1 {
		return "once"
	}
	return fmt.Sprintf("%d times", n)
}

func (l *linter) samePerson() {
	both := func(i, person int) bool {
		has := func(role oncall.Role) bool {
			return slices.ContainsFunc(l.tl.runningIn(i), func(r running) bool { return r.role() == role && r.person() == person })
		}
		return has(oncall.Primary) && has(oncall.Secondary)
	}
	found := make([]bool, len(l.people))
	for i := range l.tl.stretches[:len(l.tl.stretches)-1] {
		for _, r := range l.tl.runningIn(i) {
			found[r.person()] = found[r.person()] || r.role() == oncall.Secondary && both(i, r.person())
		}
	}
	for person, name := range l.people {
		if found[person] {
			f, _ := l.occasions(Finding{Code: CodeSamePerson, Person: name}, func(i int) bool { return both(i, person) })
			l.add(f, "%s is primary and secondary until %s; %s in all, %s", name, short(f.Until), times(f.Count), length(f.Total))
		}
	}
}

func (l *linter) layer(i int) {
	layer, spec := &l.Compiled.layers[i], &l.spec.Layers[i]
	if layer.until <= l.lo {
		l.add(Finding{Code: CodeExpired, At: l.at(layer.until), Layer: spec.Name}, "layer %s ended before the time that was looked at", spec.Name)
		return
	}
	if layer.from >= l.hi {
		return
	}
	lo, hi := max(layer.from, l.lo), min(layer.until, l.hi)
	if at := l.use.present[i]; at != never && !l.use.shown[i] {
		l.add(Finding{Code: CodeShadowed, At: l.at(at), Layer: spec.Name}, "layer %s has people and never shows: others always hide it", spec.Name)
	}
	for j := range layer.restrict {
		alone := *layer
		alone.restrict = layer.restrict[j : j+1]
		if len(alone.open(lo, hi)) == 0 {
			l.add(Finding{Code: CodeRestrictionNever, At: l.at(lo), Until: l.at(hi), Layer: spec.Name}, "restriction %d of layer %s (%s) allows nothing until %s", j+1, spec.Name, spec.Restrict[j], short(l.at(hi)))
		}
	}
	l.starvation(i, lo, hi)
	l.handoffs(i, lo, hi)
}

// starvation proves which slots never have a turn that a restriction meets: the
// pattern of turns and weeks repeats after their least common multiple.
func (l *linter) starvation(i int, lo, hi int64) {
	layer, spec := &l.Compiled.layers[i], &l.spec.Layers[i]
	n, step := int64(len(layer.slots)), layer.turns.step
	if layer.worked || layer.turns.elapsed || step == 0 || n < 2 || len(layer.restrict) == 0 || !layer.weekly() {
		return
	}
	const week = 7 * daySeconds
	turns := n * (week / gcd(n*step, week)) // until the pattern of turns and weeks repeats
	const enough = 1_000_000
	if turns > enough {
		return
	}
	served := make([]bool, n)
	origin := floorDiv(layer.turns.anchor, week) * week
	open := layer.openCivil(origin, origin+3*week) // more than a turn beyond the week in which it starts
	for k := range turns {
		start := origin + (layer.turns.anchor+k*step-origin)%week
		next, _ := slices.BinarySearchFunc(open, start+1, func(s span, u int64) int { return cmp.Compare(s.end, u) }) // the first that ends after start
		if step >= week || next < len(open) && open[next].start < start+step {
			for _, p := range layer.positions {
				served[layer.slotIndex(k, p.offset)] = true
			}
		}
	}
	var hungry []string
	witness := int64(-1)
	for slot := range n {
		if served[slot] || len(layer.slots[slot]) == 0 {
			continue
		}
		for _, p := range layer.slots[slot] {
			hungry = append(hungry, l.people[p])
		}
		if witness < 0 {
			witness = l.turnOf(layer, slot, lo)
		}
	}
	if hungry == nil {
		return
	}
	if l.starved == nil {
		l.starved = map[string]bool{}
	}
	for _, p := range hungry {
		l.starved[p] = true
	}
	l.add(Finding{Code: CodeStarvation, At: l.at(witness), Layer: spec.Name, Person: hungry[0], Count: len(hungry)},
		"%s of layer %s never serve: their turns, %s each and %d in a round, always fall where no restriction allows them", strings.Join(hungry, ", "), spec.Name, spec.Turn, n)
}

// turnOf returns when a slot has its first turn that begins at u or later.
func (l *linter) turnOf(layer *layer, slot, u int64) int64 {
	k := layer.turns.index(u)
	for range layer.slots {
		if k++; int64(layer.slotIndex(k, layer.positions[0].offset)) == slot {
			break
		}
	}
	return layer.turns.boundary(k)
}

// weekly says that the restrictions depend on the weekday and clock alone.
func (l *layer) weekly() bool {
	for i := range l.restrict {
		if r := &l.restrict[i]; r.months != 0 || r.byDay || r.byDate || r.byHoliday || len(r.notDays) > 0 || r.rule != nil {
			return false
		}
	}
	return true
}

// openCivil returns the union of the restrictions around the civil time [from, to).
func (l *layer) openCivil(from, to int64) []span {
	var union []span
	for i := range l.restrict {
		union = unite(union, l.restrict[i].civil(nil, from, to))
	}
	return union
}

// within says which part of something was looked at, if it was not all.
func (l *linter) within(t timed) string {
	if t.start >= l.lo && t.end <= l.hi {
		return ""
	}
	return fmt.Sprintf(" from %s to %s", short(l.at(max(t.start, l.lo))), short(l.at(min(t.end, l.hi))))
}

func gcd(a, b int64) int64 {
	for b != 0 {
		a, b = b, a%b
	}
	return a
}

// handoffs looks for handoffs, of days and longer turns, that the zone skips.
func (l *linter) handoffs(i int, lo, hi int64) {
	layer, spec := &l.Compiled.layers[i], &l.spec.Layers[i]
	if layer.turns.elapsed || layer.turns.endless() || spec.Turn.Unit == Hour || len(layer.slots) < 2 {
		return
	}
	f := Finding{Code: CodeHandoffInGap, Layer: spec.Name}
	var mark int64
	for k := layer.turns.index(lo) + 1; ; k++ {
		at, kind := layer.zone.Place(layer.turns.mark(k))
		if at >= hi {
			break
		}
		if kind == civil.InGap {
			if f.Count++; f.Count == 1 {
				f.At, mark = l.at(at), layer.turns.mark(k)
			}
		}
	}
	if f.Count > 0 {
		l.add(f, "the handoff of layer %s at %s does not exist in %s, and takes place at %s; %s in all", spec.Name, civil.DateTimeOf(mark), layer.zone, f.At.In(layer.zone.Location()).Format("15:04"), times(f.Count))
	}
}

// members looks for people of current layers who are not on call once.
func (l *linter) members() {
	serves := make([]bool, len(l.people))
	for _, s := range l.tl.shifts {
		serves[s.person()] = true
	}
	said := map[int32]bool{}
	for i := range l.Compiled.layers {
		layer := &l.Compiled.layers[i]
		if layer.until <= l.lo || layer.from >= l.hi {
			continue
		}
		for _, slot := range layer.slots {
			for _, p := range slot {
				if name := l.people[p]; !serves[p] && !said[p] && !l.starved[name] {
					said[p] = true
					l.add(Finding{Code: CodeNeverOnCall, At: l.at(max(layer.from, l.lo)), Until: l.at(min(layer.until, l.hi)), Layer: l.spec.Layers[i].Name, Person: name}, "%s, of layer %s, is not on call once", name, l.spec.Layers[i].Name)
				}
			}
		}
	}
}

func (l *linter) specials() {
	for _, k := range l.conflicts {
		if k.Start.Unix() < l.hi && k.End.Unix() > l.lo {
			l.add(Finding{Code: CodeConflict, At: k.Start, Until: k.End, Person: k.Person, Count: 1, Total: k.End.Sub(k.Start)}, "%s", k)
		}
	}
	for _, t := range l.swaps {
		if s := l.spec.Swaps[t.who]; t.start < l.hi && t.end > l.lo && !l.use.swaps[t.who] {
			l.add(Finding{Code: CodeNoEffect, At: l.at(max(t.start, l.lo)), Until: l.at(min(t.end, l.hi)), Person: s.Beneficiary}, "swap %s changes nothing%s: %s is not on call", s.ID, l.within(t), s.Beneficiary)
		}
	}
	for _, t := range l.overrides {
		if o := l.spec.Overrides[t.who]; t.start < l.hi && t.end > l.lo && !l.use.over[t.who] && o.Add+o.Remove != "" {
			l.add(Finding{Code: CodeNoEffect, At: l.at(max(t.start, l.lo)), Until: l.at(min(t.end, l.hi)), Person: cmp.Or(o.Remove, o.Add)}, "override %s changes nothing%s", o.ID, l.within(t))
		}
	}
	absences := map[int32][]timed{}
	for _, a := range l.absences {
		absences[a.who] = append(absences[a.who], a)
	}
	for _, s := range l.tl.shifts {
		if s.kind() == ByLayer {
			continue
		}
		for _, a := range absences[s.person()] {
			if start, end := max(a.start, s.start, l.lo), min(a.end, s.end, l.hi); start < end {
				name, cause := l.people[a.who], l.show(&s, l.lo, l.hi).Cause
				l.add(Finding{Code: CodeAbsentOnCall, At: l.at(start), Until: l.at(end), Person: name, Role: oncall.Role(s.role()), Count: 1, Total: time.Duration(end-start) * time.Second},
					"%s %s puts %s on call, who is absent", cause.Kind, cause.ID, name)
			}
		}
	}
}
