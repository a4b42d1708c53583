package schedule

import (
	"cmp"
	"fmt"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/sre-sdk/sre"
	"github.com/sre-sdk/sre/oncall"
)

// An Explanation says why the people on call at an instant are on call, and what
// kept others out. It is made by the evaluator that answers [Compiled.At], shown
// to a visitor, so it cannot say anything else.
type Explanation struct {
	Schedule string
	At       time.Time // in the zone of the schedule
	On       []Because // by role and person
	Out      []Because // whom a rule would have put on call, and another kept out
	Notes    []sre.Reason
}

// Because is a person and role with the reasons, in the order in which the rules
// applied. Codes:
//
//   - turn: it is the person's turn in a layer, and no restriction keeps it out
//   - restricted: it is the person's turn, and no restriction allows the time
//   - absent: it is the person's turn, and he is absent
//   - hidden: a higher layer has somebody
//   - temporary, temporary_hides: a shift of a temporary schedule, and what it
//     keeps out
//   - swap_in, swap_out: a swap
//   - override_add, override_in, override_out: an override
//
// Overrides that do nothing stand among the notes of the [Explanation].
type Because struct {
	Person  string
	Role    oncall.Role
	Reasons []sre.Reason
}

// Explain says why who is on call at t. The codes of the notes are
// layer_not_begun, layer_ended, nobody (an empty slot has the turn), not_worked
// (a turn that does not count), restricted, override_superseded,
// override_no_effect, override_decided, override_temporary and gap.
func (c *Compiled) Explain(t time.Time) Explanation {
	u := t.Unix()
	out := Explanation{Schedule: c.spec.ID, At: c.at(u)}
	if u < minInstant || u >= maxInstant || c.spec.ID == "" {
		out.Notes = []sre.Reason{{Code: "gap", Text: "nobody is on call: schedules are known from the year 2 to 9998"}}
		return out
	}
	e := c.newEvaluator(u, u+1)
	e.moveTo(u)
	e.trace = &trace{at: u, out: &out}
	e.use = c.newUsage()
	e.decide()
	e.trace.idle(e)
	e.trace.finish(e)
	return out
}

func (c *Compiled) newUsage() *usage {
	return &usage{present: slices.Repeat([]int64{never}, len(c.layers)), shown: make([]bool, len(c.layers)), swaps: make([]bool, len(c.swapInfo)), over: make([]bool, len(c.overInfo))}
}

// trace collects what the rules do.
type trace struct {
	at     int64
	out    *Explanation
	events []event
}

type event struct {
	role   uint8
	person int32
	reason sre.Reason
}

func (tr *trace) say(role uint8, person int32, code, text string, values ...sre.Value) {
	tr.events = append(tr.events, event{role, person, sre.Reason{Code: code, Text: text, Values: values}})
}

func (tr *trace) note(code, text string, values ...sre.Value) {
	tr.out.Notes = append(tr.out.Notes, sre.Reason{Code: code, Text: text, Values: values})
}

func value(name, text string) sre.Value { return sre.Value{Name: name, Text: text} }

const clockFormat = "Mon 2006-01-02 15:04:05 MST"

// short drops the seconds that are zero.
func short(t time.Time) string {
	if t.Second() == 0 {
		return t.Format("Mon 2006-01-02 15:04 MST")
	}
	return t.Format(clockFormat)
}

func (tr *trace) layers(e *evaluator) {
	for i := range e.layers {
		tr.layer(e, i)
	}
}

func (tr *trace) layer(e *evaluator, i int) {
	l, name := &e.Compiled.layers[i], e.spec.Layers[i].Name
	layer := value("layer", name)
	switch {
	case tr.at < l.from:
		tr.note("layer_not_begun", fmt.Sprintf("layer %s begins %s", name, short(e.at(l.from))), layer, value("from", stamp(e.at(l.from))))
		return
	case tr.at >= l.until:
		tr.note("layer_ended", fmt.Sprintf("layer %s ended %s", name, short(e.at(l.until))), layer, value("until", stamp(e.at(l.until))))
		return
	}
	calendar := l.turns.index(tr.at)
	turn := calendar
	if l.worked {
		turn = l.workedBefore(calendar)
		if l.countWorked(calendar, calendar+1) == 0 {
			tr.note("not_worked", fmt.Sprintf("layer %s: no restriction meets the turn, so it does not count", name), layer)
			return
		}
	}
	for _, p := range l.positions {
		tr.position(e, i, turn, calendar, p)
	}
}

// position tells of the people of one position of a layer whose turn it is.
func (tr *trace) position(e *evaluator, i int, turn, calendar int64, p position) {
	l, name := &e.Compiled.layers[i], e.spec.Layers[i].Name
	people := l.slot(turn, p.offset)
	whose := fmt.Sprintf("turn %d of layer %s is %%s's, member %d of %d", turn, name, l.slotIndex(turn, p.offset)+1, len(l.slots))
	values := []sre.Value{value("layer", name), value("turn", strconv.FormatInt(turn, 10))}
	if !l.turns.endless() {
		start, end := e.at(l.turns.boundary(calendar)), e.at(l.turns.boundary(calendar+1))
		whose += fmt.Sprintf(", from %s to %s", short(start), short(end))
		values = append(values, value("start", stamp(start)), value("end", stamp(end)))
	}
	if p.offset > 0 {
		whose += fmt.Sprintf(", %d ahead of the turn", p.offset)
	}
	if len(people) == 0 {
		tr.note("nobody", fmt.Sprintf(whose, "nobody")+", on purpose", values...)
	}
	for _, person := range people {
		text := fmt.Sprintf(whose, e.people[person])
		switch {
		case !e.layers[i].on:
			tr.say(p.role, person, "restricted", text+", but no restriction allows the time", values...)
		case e.isAbsent != nil && e.isAbsent[person]:
			tr.say(p.role, person, "absent", text+", but "+e.people[person]+" is absent"+e.absence(person), values...)
		default:
			tr.say(p.role, person, "turn", text+l.allowedBy(e.spec.Layers[i].Restrict, tr.at), values...)
		}
	}
}

// absence says until when a person is absent, and why.
func (e *evaluator) absence(person int32) string {
	for _, a := range e.spec.Absences {
		if a.Person == e.people[person] && a.Start.Unix() <= e.trace.at && e.trace.at < a.End.Unix() {
			text := " until " + short(e.at(a.End.Unix()))
			if a.Reason != "" {
				text += " (" + a.Reason + ")"
			}
			return text
		}
	}
	return ""
}

// allowedBy names the first restriction that allows the instant.
func (l *layer) allowedBy(list []Restriction, u int64) string {
	c := l.zone.Reached(u)
	for i := range l.restrict {
		for _, s := range l.restrict[i].civil(nil, c, c+1) {
			if s.start <= c && c < s.end {
				return ", allowed on " + list[i].String()
			}
		}
	}
	return ""
}

func (tr *trace) masked(e *evaluator, d duty) {
	name := e.spec.Layers[d.index()].Name
	var above []string
	for _, o := range e.duties {
		if other := e.spec.Layers[o.index()].Name; o.role() == d.role() && e.rank(o) > e.rank(d) && !slices.Contains(above, other) {
			above = append(above, other)
		}
	}
	tr.say(d.role(), d.person(), "hidden", fmt.Sprintf("layer %s is hidden by %s", name, strings.Join(above, ", ")), value("layer", name))
}

func (tr *trace) temporary(e *evaluator) {
	t := e.spec.Temporary[e.temporary]
	id := value("temporary", t.ID)
	for i := range e.layers {
		for _, d := range e.layers[i].duties {
			tr.say(d.role(), d.person(), "temporary_hides", fmt.Sprintf("the turn in layer %s does not count while temporary schedule %s is active, until %s", e.spec.Layers[i].Name, t.ID, short(e.at(t.End.Unix()))), id)
		}
	}
	for _, d := range e.duties {
		tr.say(d.role(), d.person(), "temporary", "a shift of temporary schedule "+t.ID, id)
	}
}

func (tr *trace) swapped(e *evaluator, d duty, i int32) {
	s := e.spec.Swaps[i]
	id := value("swap", s.ID)
	tr.say(d.role(), d.person(), "swap_out", fmt.Sprintf("swap %s: %s takes over until %s", s.ID, s.Benefactor, short(e.at(s.End.Unix()))), id)
	tr.say(d.role(), e.swapInfo[i].benefactor, "swap_in", fmt.Sprintf("swap %s: takes over from %s until %s", s.ID, s.Beneficiary, short(e.at(s.End.Unix()))), id)
}

func (tr *trace) overridden(e *evaluator, d duty, by int32) {
	o := e.spec.Overrides[by]
	id, until := value("override", o.ID), short(e.at(o.End.Unix()))
	if o.Add == "" {
		tr.say(d.role(), d.person(), "override_out", fmt.Sprintf("override %s removes %s until %s", o.ID, o.Remove, until), id)
		return
	}
	tr.say(d.role(), d.person(), "override_out", fmt.Sprintf("override %s: %s takes over until %s", o.ID, o.Add, until), id)
	tr.say(d.role(), e.overInfo[by].add, "override_in", fmt.Sprintf("override %s: takes over from %s until %s", o.ID, o.Remove, until), id)
}

func (tr *trace) added(e *evaluator, d duty) {
	o := e.spec.Overrides[d.index()]
	tr.say(d.role(), d.person(), "override_add", fmt.Sprintf("override %s adds %s until %s", o.ID, o.Add, short(e.at(o.End.Unix()))), value("override", o.ID))
}

// idle tells of the active overrides that changed nothing.
func (tr *trace) idle(e *evaluator) {
	for _, t := range e.overrides.now {
		o, info := e.spec.Overrides[t.who], e.overInfo[t.who]
		if e.use.over[t.who] || o.Add+o.Remove == "" {
			continue
		}
		code, text := "override_no_effect", fmt.Sprintf("override %s: %s is not %s, so there is nothing to take over", o.ID, o.Remove, roleOr(o.Role, "on call"))
		switch {
		case e.temporary != nobody && !info.overTemporary:
			code, text = "override_temporary", fmt.Sprintf("override %s does not count while temporary schedule %s is active", o.ID, e.spec.Temporary[e.temporary].ID)
		case e.voided[t.who] != 0:
			code, text = "override_superseded", fmt.Sprintf("override %s is superseded by a later one", o.ID)
		case slices.ContainsFunc(e.overrides.now, func(other timed) bool {
			return other.who != t.who && e.overInfo[other.who].remove == info.remove && rolesMeet(&info, &e.overInfo[other.who]) && e.use.over[other.who]
		}):
			code, text = "override_decided", fmt.Sprintf("override %s: another override has decided about %s", o.ID, o.Remove)
		}
		tr.note(code, text, value("override", o.ID))
	}
}

// roleOr names a role; any, if it is not set.
func roleOr(role oncall.Role, any string) string {
	if role == oncall.RoleUnknown {
		return any
	}
	return role.String()
}

// finish sorts the events by person, into those on call and those not.
func (tr *trace) finish(e *evaluator) {
	var list []Because
	for _, ev := range tr.events {
		person, role := e.people[ev.person], oncall.Role(ev.role)
		i := slices.IndexFunc(list, func(b Because) bool { return b.Person == person && b.Role == role })
		if i < 0 {
			i = len(list)
			list = append(list, Because{Person: person, Role: role})
		}
		list[i].Reasons = append(list[i].Reasons, ev.reason)
	}
	slices.SortStableFunc(list, func(a, b Because) int {
		return cmp.Or(cmp.Compare(a.Role, b.Role), cmp.Compare(a.Person, b.Person))
	})
	for _, b := range list {
		if slices.ContainsFunc(e.duties, func(d duty) bool { return oncall.Role(d.role()) == b.Role && e.people[d.person()] == b.Person }) {
			tr.out.On = append(tr.out.On, b)
		} else {
			tr.out.Out = append(tr.out.Out, b)
		}
	}
	if len(tr.out.On) == 0 {
		tr.note("gap", "nobody is on call")
	}
}

// String tells it in lines.
func (x Explanation) String() string {
	var b strings.Builder
	fmt.Fprintf(&b, "%s, %s (%s)\n", x.Schedule, x.At.Format(clockFormat), x.At.Location())
	tell := func(what string, list []Because) {
		for _, p := range list {
			fmt.Fprintf(&b, "%s %s %s\n", what, p.Role, p.Person)
			for _, r := range p.Reasons {
				fmt.Fprintf(&b, "    %s\n", r)
			}
		}
	}
	tell("on ", x.On)
	tell("out", x.Out)
	for _, r := range x.Notes {
		fmt.Fprintf(&b, "note %s\n", r)
	}
	return b.String()
}

// String says the restriction in a line: "Mon, Tue 09:00-17:00".
func (r Restriction) String() string {
	var parts []string
	add := func(text string) { parts = append(parts, text) }
	add(joined(r.Weekdays, func(d time.Weekday) string { return d.String()[:3] }))
	add(joined(r.MonthDays, func(d int) string { return "day " + strconv.Itoa(d) }))
	add(joined(r.Months, time.Month.String))
	add(strings.Join(r.Dates, ", "))
	if len(r.OnHolidays) > 0 {
		add("holidays of " + strings.Join(r.OnHolidays, ", "))
	}
	if len(r.NotOnHolidays) > 0 {
		add("no holidays of " + strings.Join(r.NotOnHolidays, ", "))
	}
	add(strings.Join(r.Clock, ", "))
	if r.Rule != "" {
		add(fmt.Sprintf("%s from %s for %s", r.Rule, r.RuleStart, length(r.RuleFor)))
	}
	parts = slices.DeleteFunc(parts, func(p string) bool { return p == "" })
	if len(parts) == 0 {
		return "any time"
	}
	return strings.Join(parts, "; ")
}

func joined[T any](list []T, name func(T) string) string {
	names := make([]string, len(list))
	for i, v := range list {
		names[i] = name(v)
	}
	return strings.Join(names, ", ")
}
