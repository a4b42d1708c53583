package escalation_test

import (
	"bytes"
	"fmt"
	"math/bits"
	"slices"
	"time"

	"github.com/sre-sdk/sre/oncall/escalation"
)

// input steps the engine in a world, as one transaction, and checks what the
// step did.
func (s *search) input(w *world, in escalation.Input, now time.Time) (world, *violation) {
	policy, d := w.engineArgs()
	after, out, err := s.step(policy, w.state, in, d, now, s.out[:0])
	s.out = out
	next := *w
	next.now = now
	if err != nil {
		if len(out) > 0 || s.stateHash(&after) != s.stateHash(&w.state) {
			return next, &violation{"refusal", fmt.Sprintf("%T was refused (%v) and changed something", in, err)}
		}
		return next, nil
	}
	next.state = after
	fence(&next, w, in)
	if bad := s.ask(&next, out); bad != nil {
		return next, bad
	}
	for _, check := range []func(before, after *world, in escalation.Input, out []escalation.Effect) *violation{
		s.consistent, s.wakeUp, s.intents, s.fenced, s.timely, s.promised, s.acknowledged,
	} {
		if bad := check(w, &next, in, out); bad != nil {
			return next, bad
		}
	}
	return next, nil
}

// fence marks what the input ends for ever.
func fence(next, before *world, in escalation.Input) {
	whose := "" // everybody
	switch in := in.(type) {
	case escalation.Ack:
		whose = in.By
	case escalation.Respond:
		whose = in.By
	case escalation.Snooze, escalation.Resolve, escalation.Escalate, escalation.HandOff:
	default:
		whose = "nobody"
	}
	if s := next.state.Status; s != escalation.Open && s != before.state.Status {
		whose = ""
	}
	next.intents = slices.Clone(before.intents)
	for i := range next.intents {
		if whose == "" || before.asked[i].Person == whose {
			next.intents[i].fenced = true
		}
	}
	if next.state.Entry != before.state.Entry || next.state.Status == escalation.Snoozed {
		next.acked = 0
	}
	for i, by := range actors {
		if ack, ok := in.(escalation.Ack); ok && ack.By == by && next.state.Entry == before.state.Entry {
			next.acked |= 1 << i
		}
		if r, ok := in.(escalation.Respond); ok && r.By == by && next.state.Entry == before.state.Entry {
			next.acked |= 1 << i
		}
	}
}

// ask writes the deliveries that were asked for into the log. Their keys differ.
func (s *search) ask(w *world, out []escalation.Effect) *violation {
	for _, e := range out {
		if e.Kind != escalation.Deliver {
			continue
		}
		key := s.key(e, "e")
		if slices.Contains(w.keys, key) {
			return &violation{"3 delivered", fmt.Sprintf("%s has the key of an earlier delivery, or is asked for twice", e)}
		}
		w.asked = append(slices.Clip(w.asked), e)
		w.keys = append(slices.Clip(w.keys), key)
		w.intents = append(slices.Clip(w.intents), intent{})
	}
	return nil
}

// consistent: the fields of a state fit each other and the time.
func (s *search) consistent(before, after *world, in escalation.Input, _ []escalation.Effect) *violation {
	st := &after.state
	bad := func(text string) *violation { return &violation{"consistency", text} }
	pages, latest := 0, 0
	for p := range st.Pages() {
		pages++
		if p.Entry == st.Entry {
			latest++
		}
		if p.Done != p.Due.IsZero() || p.Entry > st.Entry {
			return bad(fmt.Sprintf("the page %+v", p))
		}
	}
	due := st.NextDue()
	switch {
	case !due.IsZero() && !due.After(after.now):
		return bad("something is overdue after a step")
	case st.Entry < before.state.Entry:
		return bad("the number of the entry fell")
	case st.Last.After(after.now):
		return bad("the last step is in the future")
	case st.Status != escalation.Open && (pages > 0 || !st.LevelDue.IsZero() || !st.AckDue.IsZero()):
		return bad("people are paged although it is " + st.Status.String())
	case st.Status == escalation.Open && !st.Until.IsZero():
		return bad("it is open until an instant")
	case st.Status == escalation.Resolved && !due.IsZero():
		return bad("something is due after it was resolved")
	case st.Status == escalation.Open && st.Entry != before.state.Entry && latest == 0:
		return &violation{"2 intent before level", "a level was entered and nobody is paged by it"}
	}
	return nil
}

// wakeUp is 1: what is not over has a durable wake-up.
func (s *search) wakeUp(_, after *world, _ escalation.Input, _ []escalation.Effect) *violation {
	st := &after.state
	bad := func(text string) *violation { return &violation{"1 wake-up", text} }
	rule := ruleOf(after)
	switch st.Status {
	case escalation.Open:
		if st.LevelDue.IsZero() {
			return bad("it is open and no level is due")
		}
	case escalation.Snoozed:
		if st.Until.IsZero() {
			return bad("it is snoozed for ever")
		}
	case escalation.Acknowledged:
		if rule.AckFor > 0 && st.Responder == "" && (st.Until.IsZero() || st.Until.After(after.now.Add(rule.AckFor))) {
			return bad("an acknowledgement that expires has no end, or a late one")
		}
		if rule.Respond.Within > 0 && !st.RespondKept && !st.RespondMissed && st.RespondDue.IsZero() {
			return bad("nobody has responded and that is never due")
		}
	}
	return nil
}

func ruleOf(w *world) (rule escalation.Rule) {
	best := -1
	rules := searchPolicies[w.policy].Policy().BySeverity
	for i, r := range rules {
		if w.state.Severity.Effective() <= r.AtLeast && (best < 0 || r.AtLeast < rules[best].AtLeast) {
			best = i
		}
	}
	if best >= 0 {
		rule = rules[best]
	}
	return rule
}

// intents is 2 and 3: whatever a page has behind it is in the log, and wanted;
// no step forgets a person, except for what people do.
func (s *search) intents(before, after *world, in escalation.Input, _ []escalation.Effect) *violation {
	st := &after.state
	for p := range st.Pages() {
		for step := range p.Next {
			i := slices.IndexFunc(after.asked, func(e escalation.Effect) bool {
				return e.Entry == p.Entry && e.Person == p.Person && e.Step == step
			})
			switch {
			case i < 0 && p.Failed&(1<<step) == 0:
				return &violation{"3 delivered", fmt.Sprintf("step %d of the page of entry %d to %s was never asked for", step, p.Entry, p.Person)}
			case i >= 0 && !s.wants(*st, after.asked[i]):
				return &violation{"3 delivered", fmt.Sprintf("%s is owed and not wanted", after.asked[i])}
			}
		}
	}
	switch in.(type) {
	case escalation.Tick, escalation.Trigger, escalation.SetSeverity, escalation.Edit, escalation.Undelivered:
	default:
		return nil
	}
	if before.state.Status != escalation.Open || st.Status != escalation.Open {
		return nil
	}
	for old := range before.state.Pages() {
		kept := false
		for p := range st.Pages() {
			kept = kept || p.Person == old.Person
		}
		if !kept {
			return &violation{"3 delivered", fmt.Sprintf("%T forgets the page to %s", in, old.Person)}
		}
	}
	return nil
}

// fenced is 4: what was ended stays so.
func (s *search) fenced(_, after *world, _ escalation.Input, _ []escalation.Effect) *violation {
	for i, in := range after.intents {
		if in.fenced && s.wants(after.state, after.asked[i]) {
			return &violation{"4 fence", after.asked[i].String() + " is wanted after what ended it"}
		}
	}
	return nil
}

// timely is 6, for the effects: a tick is about what was due since the last one.
func (s *search) timely(before, after *world, in escalation.Input, out []escalation.Effect) *violation {
	due := before.state.NextDue()
	if due.IsZero() || due.After(after.now) {
		due = after.now
	}
	for _, e := range out {
		if e.At.Before(due) || e.At.After(after.now) {
			return &violation{"6 lateness", fmt.Sprintf("%T at %s: %s, and nothing was due before %s", in, after.now.Format("15:04:05"), e, due.Format("15:04:05"))}
		}
	}
	if st := &after.state; st.Status == escalation.Open && st.Entry == before.state.Entry && st.Level != escalation.LastResortLevel && after.acked == 0 {
		lost, others := 0, 0
		for p := range st.Pages() {
			if p.Entry == st.Entry {
				if p.Done && after.failedAll(p) {
					lost++
				} else {
					others++
				}
			}
		}
		if lost > 0 && others == 0 {
			return &violation{"6 lateness", "nobody of the entry can be reached, and the next level is not entered"}
		}
	}
	return nil
}

func (w *world) failedAll(p escalation.Page) bool {
	for i, e := range w.asked {
		if e.Entry == p.Entry && e.Person == p.Person && w.intents[i].stage != failed {
			return false
		}
	}
	return true
}

// promised: a promise is neither forgotten nor put off.
func (s *search) promised(before, after *world, in escalation.Input, out []escalation.Effect) *violation {
	b, a := &before.state, &after.state
	rule := ruleOf(after)
	bad := func(text string) *violation { return &violation{"promise", text} }
	said := func(code escalation.NoticeCode) bool {
		return slices.ContainsFunc(out, func(e escalation.Effect) bool { return e.Kind == escalation.Notice && e.Code == code })
	}
	if a.Status == escalation.Open && rule.Acknowledge.Within > 0 && !a.AckMissed && !a.AckKept {
		latest := a.Since.Add(rule.Acknowledge.Within)
		if a.AckDue.IsZero() || a.AckDue.After(latest) && a.AckDue.After(after.now) {
			return bad("nobody has acknowledged, and that is not due in time")
		}
	}
	sameRule := false
	switch in.(type) {
	case escalation.Tick, escalation.Trigger, escalation.Undelivered, escalation.Escalate, escalation.HandOff:
		sameRule = b.Status == escalation.Open
	}
	if sameRule && !b.AckDue.IsZero() && (a.AckDue.IsZero() || a.AckDue.After(b.AckDue)) && !said(escalation.NoticeAckMissed) {
		return bad(fmt.Sprintf("%T puts off the promise to acknowledge", in))
	}
	if a.AckMissed && !b.AckMissed && (!said(escalation.NoticeAckMissed) || b.AckKept && a.Since.Equal(b.Since)) {
		return bad("an acknowledgement is missed that was not owed")
	}
	if set, ok := in.(escalation.SetSeverity); ok && set.Severity == 1 && b.Status == escalation.Open && !b.AckDue.IsZero() && !said(escalation.NoticeAckMissed) && a.AckDue.After(b.AckDue) {
		return bad("a worse severity puts off the promise to acknowledge")
	}
	return nil
}

// acknowledged: it takes as many people as the level says.
func (s *search) acknowledged(before, after *world, in escalation.Input, _ []escalation.Effect) *violation {
	switch in.(type) {
	case escalation.Ack, escalation.Respond:
	default:
		return nil
	}
	if before.state.Status != escalation.Open || after.state.Entry != before.state.Entry {
		return nil
	}
	needed := 1
	for _, l := range searchPolicies[before.policy].Policy().Levels {
		if l.ID == before.state.Level {
			needed = l.Acks
		}
	}
	n := bits.OnesCount8(after.acked)
	if got := after.state.Status == escalation.Acknowledged; got != (n >= needed) {
		return &violation{"acknowledgements", fmt.Sprintf("%d people of %d have acknowledged, and it is %s", n, needed, after.state.Status)}
	}
	return nil
}

// outage is 6, for the dues: a tick that comes late leads where punctual ones
// would have, with nothing dropped.
func (s *search) outage(w *world) (world, *violation) {
	policy, d := w.engineArgs()
	punctual, now := w.state, w.now
	var owed []escalation.Effect
	for missed := 0; missed < 2 || !punctual.NextDue().IsZero() && !punctual.NextDue().After(now); missed++ {
		due := punctual.NextDue()
		if due.IsZero() {
			break
		}
		var out []escalation.Effect
		punctual, out, _ = s.step(policy, punctual, escalation.Tick{}, d, due, nil)
		owed = append(owed, out...)
		now = later(now, due.Add(17*time.Second))
	}
	late, bad := s.input(w, escalation.Tick{}, now)
	if bad != nil {
		return late, bad
	}
	got, want := late.state, punctual
	if got.Level != want.Level || got.Loop != want.Loop || got.LevelDue != want.LevelDue || got.AckDue != want.AckDue || got.RespondDue != want.RespondDue || got.Until != want.Until {
		return late, &violation{"6 lateness", fmt.Sprintf("a late tick leads to level %s, the next %s; punctual ones to %s, %s", got.Level, got.LevelDue.Format("15:04:05"), want.Level, want.LevelDue.Format("15:04:05"))}
	}
	for _, e := range owed {
		asked := func(o escalation.Effect) bool {
			return o.Kind == escalation.Deliver && o.Person == e.Person && o.Contact == e.Contact
		}
		if e.Kind == escalation.Deliver && s.wants(punctual, e) && !slices.ContainsFunc(late.asked[len(w.asked):], asked) {
			return late, &violation{"3 delivered", fmt.Sprintf("the late tick drops: %s", e)}
		}
	}
	return late, nil
}

func later(a, b time.Time) time.Time {
	if a.After(b) {
		return a
	}
	return b
}

// checkState checks what holds for a state alone, once for each.
func (s *search) checkState(w *world) *violation {
	s.buf = append(appendState(s.buf[:0], &w.state), w.policy, w.dir)
	h := s.hashBuf()
	if s.states[h] {
		return nil
	}
	s.states[h] = true
	for _, check := range []func(*world) *violation{s.neverDropped, s.replays, s.refuses} {
		if bad := check(w); bad != nil {
			return bad
		}
	}
	return nil
}

// neverDropped is 7: ticks alone lead to the last resort, and page it again and
// again, within the sum of all that may come before.
func (s *search) neverDropped(w *world) *violation {
	switch st := &w.state; {
	case st.Status == escalation.Resolved, st.Status == escalation.Acknowledged && st.NextDue().IsZero():
		return nil
	}
	policy, d := w.engineArgs()
	p := policy.Policy()
	bound := w.now.Add(30 * time.Minute) // snooze, promises, expiry
	for _, l := range p.Levels {
		bound = bound.Add(time.Duration(p.Repeat+2) * l.Delay)
	}
	st, out := w.state, []escalation.Effect(nil)
	entries := map[uint32]bool{}
	for n := 0; len(entries) < 2; n++ {
		due := st.NextDue()
		if due.IsZero() && (st.Status == escalation.Resolved || st.Status == escalation.Acknowledged) && n > 0 {
			return &violation{"7 never dropped", "ticks alone end it"}
		}
		if due.IsZero() || due.After(bound) || n > 200 {
			return &violation{"7 never dropped", fmt.Sprintf("after %d ticks the last resort has been paged by %d entries", n, len(entries))}
		}
		if st, out, _ = s.step(policy, st, escalation.Tick{}, d, due, out[:0]); st.Status == escalation.Acknowledged && st.NextDue().IsZero() {
			return nil // after its promise to respond
		}
		for _, e := range out {
			if e.Kind == escalation.Deliver && e.Level == escalation.LastResortLevel && e.Person == "boss" {
				entries[e.Entry] = true
			}
		}
	}
	return nil
}

// replays is 5: the same input with the recorded answers gives the same, also
// after the state was kept as bytes.
func (s *search) replays(w *world) *violation {
	policy, d := w.engineArgs()
	data, err := escalation.Encode(w.state)
	if err != nil {
		return &violation{"5 replay", err.Error()}
	}
	kept, err := escalation.Decode(data)
	if err != nil || s.stateHash(&kept) != s.stateHash(&w.state) {
		return &violation{"5 replay", fmt.Sprintf("kept as bytes it is another: %v", err)}
	}
	var in escalation.Input = escalation.Tick{}
	now := later(w.now, w.state.NextDue())
	if w.state.NextDue().IsZero() {
		in = escalation.Escalate{By: "ops"}
	}
	rec := &escalation.Recorder{Directory: d}
	a, outA, errA := s.step(policy, w.state, in, rec, now, nil)
	b, outB, errB := s.step(policy, kept, in, &rec.Answers, now, nil)
	if s.stateHash(&a) != s.stateHash(&b) || !slices.Equal(outA, outB) || (errA == nil) != (errB == nil) {
		return &violation{"5 replay", fmt.Sprintf("%T with the recorded answers leads elsewhere", in)}
	}
	again, _ := escalation.Encode(kept)
	if !bytes.Equal(data, again) {
		return &violation{"5 replay", "the bytes of the same state differ"}
	}
	return nil
}

// refuses: what is not allowed changes nothing, and an early tick is nothing.
func (s *search) refuses(w *world) *violation {
	policy, d := w.engineArgs()
	before := s.stateHash(&w.state)
	wrong := []escalation.Input{
		nil, escalation.Ack{}, escalation.Respond{By: "alice", Note: string(make([]byte, escalation.MaxNote+1))}, escalation.Snooze{By: "alice", Until: w.now},
		escalation.Escalate{By: "alice", To: "nowhere"}, escalation.HandOff{By: "alice"}, escalation.Edit{By: "ops"}, escalation.Trigger{ID: "another"},
	}
	for _, in := range wrong {
		got, out, err := s.step(policy, w.state, in, d, w.now, nil)
		if _, ok := err.(*escalation.Refusal); !ok && !(in == wrong[7] && w.state.Status == escalation.None) || len(out) > 0 || s.stateHash(&got) != before {
			return &violation{"refusal", fmt.Sprintf("%T: %v, and something changed: %t", in, err, s.stateHash(&got) != before)}
		}
	}
	if _, _, err := s.step(searchPolicies[1-w.policy], w.state, escalation.Tick{}, d, w.now, nil); err == nil {
		return &violation{"refusal", "another policy steps it"}
	}
	if due := w.state.NextDue(); due.IsZero() || due.After(w.now) {
		if got, out, err := s.step(policy, w.state, escalation.Tick{}, d, w.now, nil); err != nil || len(out) > 0 || s.stateHash(&got) != before {
			return &violation{"refusal", "a tick that is not owed changes something"}
		}
	}
	return nil
}
