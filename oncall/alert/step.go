package alert

import (
	"cmp"
	"fmt"
	"slices"
	"strings"
	"time"

	"github.com/sre-sdk/sre"
)

// An Input is what happened to one group. The zero Input is a tick: time has
// passed, or the facts have changed.
type Input struct {
	Group string `json:"group,omitempty"` // required but for a tick

	Alerts []Alert `json:"alerts,omitempty"` // what was stated, of this group; see [Compiled.Split]

	// Beat is the heartbeat that was heard, BeatAt when, or zero: now.
	Beat   string    `json:"beat,omitempty"`
	BeatAt time.Time `json:"beat_at,omitzero"`

	Expect string `json:"expect,omitempty"` // the heartbeat that is to be watched from now on
}

// Step returns the state after an input at now, and appends to out what is to be
// done. It changes neither state nor input. An error, with every [sre.Problem],
// refuses the input as a whole, and state and out are returned as they were.
//
// Everything that became due since the last step happens first, at its own
// instant and by the facts of that instant, so that a late tick has the effects
// of a punctual one. A clock that goes back stands still.
//
// What changes nothing, such as a repeated webhook, returns the same state.
func (c *Compiled) Step(state State, input Input, facts Facts, now time.Time, out []Effect) (State, []Effect, error) {
	if err := c.check(&state, &input, now); err != nil {
		return state, out, err
	}
	now = instant(now)
	if now.Before(state.At) {
		now = state.At
	}
	m := machine{c: c, facts: &facts, now: now, s: state, out: out, incoming: len(input.Alerts)}
	if state.Schema == 0 {
		if input.Group == "" {
			return state, out, nil // a tick of what was never heard of
		}
		m.s.Schema, m.s.Group = schema, input.Group
	} else {
		m.catchUp()
	}
	m.purge(now)
	m.apply(&input)
	m.settle(now)
	due := m.next(now)
	if !m.dirty && len(m.out) == len(out) && due.Equal(state.Due) {
		return state, out, nil
	}
	m.s.At, m.s.Due = now, due
	return m.s, m.out, nil
}

// check returns why an input is refused.
func (c *Compiled) check(s *State, in *Input, now time.Time) error {
	var p sre.Problems
	if !c.ready {
		p.Add("policy", "not_compiled", nil, "a policy that was compiled")
		return p.Err("alert")
	}
	if now.IsZero() || !encodable(now) {
		p.Add("now", "out_of_range", now, "an instant in the years 1 to 9999")
	}
	if tick := in.Group == "" && len(in.Alerts) == 0 && in.Beat == "" && in.Expect == ""; tick {
		return p.Err("alert")
	}
	p.CheckID("group", in.Group)
	if len(in.Group) > maxHeartbeatName+len(heartbeatPrefix) {
		p.Add("group", "too_long", in.Group, fmt.Sprintf("at most %d bytes", maxHeartbeatName+len(heartbeatPrefix)))
	}
	if s.Schema != 0 && in.Group != s.Group {
		p.Add("group", "wrong_group", in.Group, s.Group+", whose state this is")
	}
	if len(in.Alerts) > MaxInputAlerts {
		p.Add("alerts", "too_many", len(in.Alerts), fmt.Sprintf("at most %d; see Split", MaxInputAlerts))
	}
	for i := range in.Alerts {
		a := &in.Alerts[i]
		if err := a.Validate(); err != nil {
			p.Merge(fmt.Sprintf("alerts[%d]", i), err)
		}
		if strings.HasPrefix(a.Fingerprint, heartbeatPrefix) || a.Fingerprint == overflowKey && a.Status == Firing {
			p.Add(fmt.Sprintf("alerts[%d].fingerprint", i), "reserved", a.Fingerprint, "a fingerprint that is not one of the engine's own alerts")
		}
	}
	for _, name := range []string{in.Beat, in.Expect} {
		if name == "" {
			continue
		}
		if c.heartbeats[name] == nil {
			p.Add("beat", "unknown_heartbeat", name, "a heartbeat of the policy")
		} else if in.Group != heartbeatPrefix+name {
			p.Add("group", "wrong_group", in.Group, heartbeatPrefix+name)
		}
	}
	return p.Err("alert")
}

// instant is t as it comes back from JSON.
func instant(t time.Time) time.Time {
	if t.IsZero() {
		return time.Time{}
	}
	return t.UTC().Round(0)
}

// A machine is one step in progress.
type machine struct {
	c     *Compiled
	facts *Facts
	now   time.Time
	s     State
	out   []Effect
	dirty bool // s differs from the state before
	owned bool // s.Alerts is no longer that of the state before

	incoming int // alerts of the input

	// What settle has found out, for the instant at which it was called.
	waiting []candidate
	live    int          // alerts of the page that fire
	left    int          // alerts of the page that do no longer
	worst   sre.Severity // of live
	held    By           // the throttle that holds back the page
	indexes []inhibitors // of the inhibitions; nil: not yet made
	logs    []logged
}

// A candidate fires, and the page does not say so.
type candidate struct {
	index int
	by    By // what suppresses it, if anything
}

// catchUp does what became due between the steps. It begins where the state said
// that something is due, or where a fact begins or ends that was not known then:
// to look at an instant at which nothing is due does no harm.
func (m *machine) catchUp() {
	var first time.Time
	consider := func(t time.Time) {
		if t.After(m.s.At) && (first.IsZero() || t.Before(first)) {
			first = t
		}
	}
	consider(m.s.Due)
	for i := range m.facts.Silences {
		consider(m.facts.Silences[i].Start)
		consider(m.facts.Silences[i].End)
	}
	for i := range m.facts.Sources {
		consider(m.facts.Sources[i].Since)
		consider(m.facts.Sources[i].Until)
	}
	for at := instant(first); !at.IsZero() && !at.After(m.now); at = m.next(at) {
		m.settle(at)
	}
}

// own makes s.Alerts changeable.
func (m *machine) own() {
	if !m.owned {
		m.s.Alerts = append(make([]Entry, 0, len(m.s.Alerts)+m.incoming), m.s.Alerts...)
		m.owned = true
	}
	m.dirty = true
}

func (m *machine) find(fingerprint string) (int, bool) {
	return slices.BinarySearchFunc(m.s.Alerts, fingerprint, func(e Entry, f string) int { return strings.Compare(e.Fingerprint, f) })
}

// settle does everything that is due at an instant.
func (m *machine) settle(at time.Time) {
	m.beatMissing(at)
	m.calm(at)
	m.classify(at)
	m.record(at)
	m.flushLogs(at)
	m.page(at)
}

// holds reports whether a resolved alert still counts as firing.
func (m *machine) holds(e *Entry, at time.Time) bool {
	return e.Flapping && e.Told == Firing && at.Before(e.quietAt(m.c.policy.Flap))
}

// quietAt returns when the alert has been quiet for long enough.
func (e *Entry) quietAt(f *Flap) time.Time {
	if f == nil || len(e.Changes) == 0 {
		return time.Time{}
	}
	return e.Changes[len(e.Changes)-1].Add(f.Quiet)
}

// calm ends the flapping of what has been quiet.
func (m *machine) calm(at time.Time) {
	for i := range m.s.Alerts {
		if e := &m.s.Alerts[i]; e.Flapping && !at.Before(e.quietAt(m.c.policy.Flap)) {
			m.own()
			m.s.Alerts[i].Flapping = false
		}
	}
}

// classify finds what fires and what the page says of it.
func (m *machine) classify(at time.Time) {
	m.waiting, m.live, m.left, m.worst, m.held, m.indexes = m.waiting[:0], 0, 0, 0, By{}, nil
	for i := range m.s.Alerts {
		e := &m.s.Alerts[i]
		switch firing := e.Status == Firing || m.holds(e, at); {
		case firing && e.Told == Firing:
			if m.live == 0 || e.Severity.Worse(m.worst) {
				m.worst = e.Severity
			}
			m.live++
		case firing:
			m.waiting = append(m.waiting, candidate{index: i})
		case e.Told == Firing:
			m.left++
		}
	}
	for i := range m.waiting {
		w := &m.waiting[i]
		w.by = m.suppressor(&m.s.Alerts[w.index], at)
	}
	if !m.s.Page.Open {
		m.throttle(at)
	}
}

// waitOver returns when a candidate has waited for others long enough.
func (m *machine) waitOver(e *Entry) time.Time {
	if synthetic(e.Fingerprint) {
		return e.Since
	}
	return e.Since.Add(m.c.wait)
}

// synthetic reports whether the engine itself makes alerts with the fingerprint.
func synthetic(fingerprint string) bool {
	return fingerprint == overflowKey || strings.HasPrefix(fingerprint, heartbeatPrefix)
}

// throttle marks what would page now and must not yet.
func (m *machine) throttle(at time.Time) {
	ready, first, worst := false, true, sre.Severity(0)
	for _, w := range m.waiting {
		if w.by.Cause != CauseNone {
			continue
		}
		e := &m.s.Alerts[w.index]
		ready = ready || !at.Before(m.waitOver(e))
		if first || e.Severity.Worse(worst) {
			worst, first = e.Severity, false
		}
	}
	if !ready {
		return
	}
	if m.held = m.c.held(&m.s, m.facts, worst, m.now, at); m.held.Cause == CauseNone {
		return
	}
	for i := range m.waiting {
		if w := &m.waiting[i]; w.by.Cause == CauseNone {
			w.by = m.held
		}
	}
}

// record writes down what begins and what ends to suppress.
func (m *machine) record(at time.Time) {
	for _, w := range m.waiting {
		e := &m.s.Alerts[w.index]
		if e.By.same(w.by) {
			if !e.By.Until.Equal(w.by.Until) { // a silence was extended
				m.own()
				m.s.Alerts[w.index].By.Until = w.by.Until
			}
			continue
		}
		if e.By.Cause != CauseNone {
			m.log(logged{kind: Released, by: e.By, code: m.releasedCode(e.By, at), line: e.line()})
		}
		if w.by.Cause != CauseNone {
			m.log(logged{kind: Suppressed, by: w.by, code: suppressedCodes[w.by.Cause], line: e.line()})
		}
		m.own()
		m.s.Alerts[w.index].By = By{Cause: w.by.Cause, ID: w.by.ID, Until: w.by.Until}
	}
}

// page opens, updates or closes the page.
func (m *machine) page(at time.Time) {
	joining, ready, worst := 0, false, m.worst
	live := m.live > 0
	for _, w := range m.waiting {
		if w.by.Cause != CauseNone {
			continue
		}
		joining++
		e := &m.s.Alerts[w.index]
		if !at.Before(m.waitOver(e)) {
			ready = true
			if !live || e.Severity.Worse(worst) {
				worst, live = e.Severity, true
			}
		}
	}
	p := &m.s.Page
	switch {
	case !p.Open && ready:
		m.dirty = true
		*p = Page{Number: p.Number + 1, Open: true}
		m.triggered(at)
		m.tell(Trigger, at)
	case !p.Open:
	case m.live == 0 && joining == 0:
		m.tell(Resolve, at)
	case worst.Worse(p.Severity) && (m.live > 0 || ready):
		m.tell(Update, at)
	case (joining > 0 || m.left > 0 || m.worst.Effective() != p.Severity.Effective()) && !at.Before(p.Sent.Add(m.c.interval)):
		m.tell(Update, at)
	}
}

// triggered remembers a trigger, for throttles.
func (m *machine) triggered(at time.Time) {
	if n := m.c.triggers; n > 0 {
		list := append(slices.Clip(m.s.Triggers), at)
		m.s.Triggers = list[max(len(list)-n, 0):]
	}
}

// tell emits what the page says from now on.
func (m *machine) tell(kind EffectKind, at time.Time) {
	m.own()
	for _, w := range m.waiting {
		if w.by.Cause == CauseNone {
			m.s.Alerts[w.index].Told = Firing
		}
	}
	p := &m.s.Page
	p.Revision++
	p.Sent = at
	e := Effect{Kind: kind, At: at, Group: m.s.Group, Key: m.s.Key(), Revision: p.Revision}
	e.ID = fmt.Sprintf("%s:%d", e.Key, e.Revision)
	m.describe(&e, at)
	p.Severity = e.Severity
	if kind == Resolve {
		p.Open = false
		for i := range m.s.Alerts {
			m.s.Alerts[i].Told = StatusUnknown
		}
	}
	m.out = append(m.out, e)
	m.classify(at)
}

// describe fills in what the page says, and notes what it has told.
func (m *machine) describe(effect *Effect, at time.Time) {
	var told []int
	for i := range m.s.Alerts {
		e := &m.s.Alerts[i]
		if e.Told == StatusUnknown {
			continue
		}
		if e.Told == Firing && (e.Status == Firing || m.holds(e, at)) {
			effect.Firing++
		} else { // also one that fires again and is suppressed: the page says no more of it
			e.Told = Resolved
			effect.Resolved++
		}
		told = append(told, i)
	}
	slices.SortStableFunc(told, func(i, j int) int { // by fingerprint before
		a, b := &m.s.Alerts[i], &m.s.Alerts[j]
		return cmp.Or(cmp.Compare(a.Told, b.Told), cmp.Compare(a.Severity.Effective(), b.Severity.Effective()))
	})
	shown := told // what the page is about: what fires, or all if nothing does
	if effect.Firing > 0 {
		shown = told[:effect.Firing]
	}
	if len(shown) == 0 {
		return
	}
	first := &m.s.Alerts[shown[0]]
	effect.Severity, effect.Summary, effect.Service = first.Severity, first.Summary, first.Service
	effect.Labels = fitting(m.common(shown))
	for _, i := range shown {
		if m.s.Alerts[i].Service != effect.Service {
			effect.Service = ""
		}
	}
	left := MaxEffectBytes - effectBase - labelSize(effect.Labels) - jsonSize(effect.Summary)
	for _, i := range told {
		line := m.s.Alerts[i].line()
		line.Status = m.s.Alerts[i].Told
		effect.show(line, &left)
	}
}

// common returns the labels that entries share.
func (m *machine) common(indices []int) sre.Labels {
	first := m.s.Alerts[indices[0]].Labels
	if len(indices) == 1 {
		return first
	}
	shared := first.Map()
	for _, i := range indices[1:] {
		labels := m.s.Alerts[i].Labels
		if labels == first {
			continue
		}
		for name, value := range shared {
			if labels.Get(name) != value {
				delete(shared, name)
			}
		}
	}
	labels, _ := sre.ParseLabels(shared) // a part of labels is labels
	return labels
}

// fitting returns labels without those that would make an effect too large.
func fitting(labels sre.Labels) sre.Labels {
	if labelSize(labels) <= maxEffectLabels {
		return labels
	}
	kept, size := map[string]string{}, labelSize(sre.Labels{})
	for name, value := range labels.All() {
		if n := jsonSize(name) + jsonSize(value) + 2; size+n <= maxEffectLabels {
			kept[name] = value
			size += n
		}
	}
	labels, _ = sre.ParseLabels(kept)
	return labels
}

// next returns the first instant after at when something may change by itself,
// or zero.
func (m *machine) next(at time.Time) time.Time {
	var first time.Time
	consider := func(t time.Time) {
		if t.After(at) && (first.IsZero() || t.Before(first)) {
			first = t
		}
	}
	if h := m.c.heartbeats[m.s.Beat.Name]; h != nil {
		consider(m.s.Beat.deadline(h))
	}
	for i := range m.s.Alerts {
		if e := &m.s.Alerts[i]; e.Flapping {
			consider(e.quietAt(m.c.policy.Flap))
		}
	}
	for _, w := range m.waiting {
		if w.by.Cause == CauseNone {
			consider(m.waitOver(&m.s.Alerts[w.index]))
		}
		consider(w.by.Until)
	}
	p := &m.s.Page
	if p.Open && (len(m.waiting) > 0 || m.left > 0 || m.worst.Effective() != p.Severity.Effective()) {
		consider(p.Sent.Add(m.c.interval))
	}
	if len(m.waiting) > 0 {
		m.considerFacts(at, consider)
	}
	return first
}
