package incident

import (
	"cmp"
	"iter"
	"slices"
	"strconv"
	"time"

	"github.com/sre-sdk/sre"
	"github.com/sre-sdk/sre/internal/enum"
)

// An End is how an obligation ended, if it did.
type End uint8

const (
	Open     End = iota // it is owed, and in time
	Met                 // in time
	Breached            // its deadline has passed
	Dropped             // it is owed no more, before its deadline
)

var endNames = [...]string{"open", "met", "breached", "canceled"}

// String returns the lower-case name; that of Dropped is "canceled".
func (e End) String() string { return enum.Name(endNames[:], "end", uint8(e)) }

// MarshalText returns the lower-case name; it refuses values that have none.
func (e End) MarshalText() ([]byte, error) { return enum.Marshal(endNames[:], "end", uint8(e)) }

// UnmarshalText reads the lower-case name.
func (e *End) UnmarshalText(text []byte) error {
	return enum.Unmarshal(endNames[:], "end", text, (*uint8)(e))
}

// An Obligation is something that is due. It ends once: met, breached or
// canceled.
type Obligation struct {
	Incident string `json:"incident"`

	// ID is unique in the incident, and stays the same as long as it is owed: use
	// it with the incident's as the identity of reminders and escalations.
	ID       string    `json:"id"`
	Duty     Duty      `json:"duty"`
	Audience Audience  `json:"audience,omitempty"` // of an update
	Number   int       `json:"number,omitempty"`   // of an update: 1, 2, ...
	From     time.Time `json:"from"`               // since when it is owed
	Due      time.Time `json:"due,omitzero"`       // from this instant on it is breached; zero while Paused
	Paused   bool      `json:"paused,omitempty"`   // its clock stands still
	Escalate string    `json:"escalate,omitempty"` // as in Target

	End     End       `json:"end"`
	At      time.Time `json:"at,omitzero"`      // of the end; of a breach: Due
	Settled time.Time `json:"settled,omitzero"` // when a breached one was done after all
}

// owed is an obligation before it has a name.
type owed struct {
	duty      Duty
	audience  Audience
	number    int
	from, due time.Time // due zero: paused
	past      time.Time // when a clock ran out that runs no more; zero: none did
	again     int       // how many before it began at the same instant
	escalate  string
}

// Obligations returns what is owed at an instant, the earliest deadline first:
// that which is open, and that which is breached and not done. It is a function
// of the state: whoever asks late misses nothing.
//
// An incident that was merged into another one owes nothing: there is one set of
// deadlines for each root. A retrospective one owes no reactions, a drill
// neither postmortem nor review, and of a restricted one the public is not told
// while it is. An update is due by the cadence, and no later than the latest one
// has promised. Actions are not in the state: see [Compiled.Action].
func (c *Compiled) Obligations(s *State, now time.Time) []Obligation {
	var list []Obligation
	c.owes(s, func(o owed) { list = append(list, o.obligation(s.ID, s.Episode, now)) })
	slices.SortStableFunc(list, func(a, b Obligation) int {
		if a.Paused != b.Paused {
			if a.Paused {
				return 1
			}
			return -1
		}
		return cmp.Or(a.Due.Compare(b.Due), cmp.Compare(a.ID, b.ID))
	})
	return list
}

// NextDue returns the first deadline after an instant, or the zero time: the
// next at which Obligations changes without an event. It takes some hundred
// nanoseconds and allocates nothing.
func (c *Compiled) NextDue(s *State, after time.Time) (next time.Time) {
	c.owes(s, func(o owed) {
		if o.due.After(after) && (next.IsZero() || o.due.Before(next)) {
			next = o.due
		}
	})
	return next
}

// Settle compares what was owed before an event with what is owed after it. It
// returns what is owed still, breaches included, and what the event has ended.
// Events count from when they were recorded: what nobody knew of in time was not
// done in time. A postmortem that is scheduled for after its deadline is a breach
// as soon as that is known, and settled when it will be held; what becomes of the
// schedule later is the postmortem's own matter. still is the next call's before;
// s is the state after e.
func (c *Compiled) Settle(before []Obligation, s *State, e *Event) (still, ended []Obligation) {
	at, recorded := e.At, e.Recorded
	still = c.Obligations(s, recorded)
	for _, o := range before {
		o.look(recorded)
		if i := slices.IndexFunc(still, func(n Obligation) bool { return n.ID == o.ID }); i >= 0 {
			if o.End == Breached {
				still[i].End, still[i].At = Breached, o.At
			}
			continue
		}
		reached := s.reached(&o)
		switch {
		case o.Duty == DutyPostmortem && reached && s.Postmortem.For.After(o.Due):
			if o.End != Breached {
				o.End, o.At = Breached, recorded
			}
			o.Settled = s.Postmortem.For
		case o.End == Breached && reached:
			o.Settled = at
		case o.End == Breached:
		case reached:
			o.End, o.At = Met, at
		default:
			o.End, o.At = Dropped, recorded
		}
		ended = append(ended, o)
	}
	return still, ended
}

// look notes a breach.
func (o *Obligation) look(now time.Time) {
	if o.End == Open && !o.Due.IsZero() && !now.Before(o.Due) {
		o.End, o.At = Breached, o.Due
	}
}

// reached reports whether what the obligation asks for is so.
func (s *State) reached(o *Obligation) bool {
	over := s.Status == Resolved || s.Status == Closed
	switch o.Duty {
	case DutyAcknowledge:
		return !s.Marks[AcknowledgedAt].IsZero() || s.Status == Mitigated || over
	case DutyTriage:
		return s.Status == Triaged || s.Status == Mitigated || over
	case DutyMitigate:
		return s.Status == Mitigated || over
	case DutyResolve:
		return over
	case DutyCommander:
		return s.HolderOf(Commander) != ""
	case DutyUpdate:
		return s.Told[o.Audience].Updates >= o.Number
	case DutyPostmortem:
		return s.Postmortem.ID != ""
	case DutyReview:
		return s.Reviewed
	}
	return false
}

// History returns each obligation that the log of an incident has made, the
// earliest first, with how it ended by an instant. Each ID is there once.
func (c *Compiled) History(events iter.Seq[Event], now time.Time) []Obligation {
	var (
		s           State
		still, done []Obligation
		known       = map[string]bool{} // ended
	)
	end := func(ended []Obligation) {
		for _, o := range ended {
			if !known[o.ID] {
				known[o.ID] = true
				done = append(done, o)
			}
		}
	}
	for e := range events {
		var ended []Obligation
		s.Apply(&e)
		still, ended = c.Settle(still, &s, &e)
		end(ended)
	}
	for i := range still {
		still[i].look(now)
	}
	for _, o := range still {
		if !known[o.ID] {
			done = append(done, o)
		}
	}
	slices.SortStableFunc(done, func(a, b Obligation) int {
		return cmp.Or(a.From.Compare(b.From), cmp.Compare(a.ID, b.ID))
	})
	return done
}

// An Action is one that a postmortem has agreed on.
type Action struct {
	ID         string       // required
	Severity   sre.Severity // of the incident, or how urgent it is
	From       time.Time    // when it was agreed
	Due        time.Time    // agreed with it; zero: by the policy
	Done       time.Time    // zero: it is not
	NotNeeded  time.Time    // since when it is not needed; zero: it is
	Incident   string       // the ID
	EscalateTo string       // default: as in the target
}

// Action returns the obligation of an action at an instant, and false if none
// is due for its severity.
func (c *Compiled) Action(a Action, now time.Time) (Obligation, bool) {
	o := owed{duty: DutyAction, from: a.From, due: a.Due}
	if a.Due.IsZero() {
		t := c.due.target(DutyAction, a.Severity)
		if t == nil {
			return Obligation{}, false
		}
		o.due, o.escalate = c.due.add(t.Time, a.From, t.For), t.Escalate
	}
	if a.EscalateTo != "" {
		o.escalate = a.EscalateTo
	}
	list := o.obligation(a.Incident, 1, now)
	list.ID = DutyAction.String() + "/" + a.ID
	done, dropped := a.Done, a.NotNeeded
	switch {
	case !done.IsZero() && !now.Before(done) && (dropped.IsZero() || !dropped.Before(done)):
		if done.Before(o.due) {
			list.End, list.At = Met, done
		} else {
			list.Settled = done
		}
	case !dropped.IsZero() && !now.Before(dropped) && dropped.Before(o.due):
		list.End, list.At = Dropped, dropped
	}
	return list, true
}

// obligation names it. The episode and the instant from which it is owed are part
// of the name, so that one which comes back after it had ended is another one.
func (o *owed) obligation(incident string, episode int, now time.Time) Obligation {
	id := make([]byte, 0, 64)
	id = append(id, o.duty.String()...)
	if o.duty == DutyUpdate {
		id = append(append(id, '/'), o.audience.String()...)
		id = strconv.AppendInt(append(id, '/'), int64(o.number), 10)
	}
	id = strconv.AppendInt(append(id, '/'), int64(episode), 10)
	id = o.from.UTC().AppendFormat(append(id, '/'), "20060102T150405.999999999Z")
	if o.again > 0 {
		id = strconv.AppendInt(append(id, '-'), int64(o.again), 10)
	}
	full := Obligation{
		Incident: incident, ID: string(id), Duty: o.duty, Audience: o.audience, Number: o.number,
		From: o.from, Due: o.due, Paused: o.due.IsZero(), Escalate: o.escalate,
	}
	full.look(now)
	return full
}

// owes yields what a state owes, whatever the time is.
func (c *Compiled) owes(s *State, yield func(owed)) {
	switch {
	case s.Status.Live() && s.Mode != Retrospective:
		c.owesLive(s, yield)
	case s.Status == Resolved, s.Status == Closed:
		c.owesAfter(s, yield)
	}
}

// began returns when the clocks of the episode began.
func (s *State) began() time.Time { return latest(s.Marks[DeclaredAt].At, s.Returned) }

func (c *Compiled) owesLive(s *State, yield func(owed)) {
	began := s.began()
	impact := began // since when there is impact
	if n := len(s.Lulls); n > 0 {
		impact = latest(began, s.Lulls[n-1].To)
	}
	if s.Status != Mitigated && s.Marks[AcknowledgedAt].IsZero() {
		c.due.since(s, DutyAcknowledge, impact, yield)
	}
	if s.Status == Declared {
		c.due.since(s, DutyTriage, began, yield)
	}
	if s.Status != Mitigated {
		c.due.since(s, DutyMitigate, impact, yield)
	}
	c.due.since(s, DutyResolve, began, yield)
	if c.Major(s.Severity) && s.HolderOf(Commander) == "" {
		c.due.since(s, DutyCommander, began, yield)
	}
	for a := range audienceEnd {
		if o, ok := c.update(s, a, began); ok {
			yield(o)
		}
	}
}

func (c *Compiled) owesAfter(s *State, yield func(owed)) {
	resolved := s.Marks[ResolvedAt].At
	if s.Mode == Standard || s.Mode == Drill {
		for a := range audienceEnd {
			if o, ok := c.finalUpdate(s, a, resolved); ok {
				yield(o)
			}
		}
	}
	if s.Mode == Drill {
		return
	}
	if t := c.due.target(DutyPostmortem, s.Worst); t != nil && s.Postmortem.ID == "" && !s.Postmortem.Skipped {
		yield(owed{duty: DutyPostmortem, from: resolved, due: c.due.add(t.Time, resolved, t.For), escalate: t.Escalate})
	}
	if t := c.due.target(DutyReview, s.Worst); t != nil && !s.Reviewed && s.Status == Resolved && s.Worst.Effective() <= c.policy.ReviewFrom {
		yield(owed{duty: DutyReview, from: resolved, due: c.due.add(t.Time, resolved, t.For), escalate: t.Escalate})
	}
}

// update returns the next update that a live incident owes to an audience.
func (c *Compiled) update(s *State, a Audience, began time.Time) (o owed, ok bool) {
	told := &s.Told[a]
	if told.Final {
		return owed{}, false
	}
	o, ok = c.byCadence(s, a, began)
	if promised := told.Next; s.tells(a, began) && !promised.IsZero() {
		// It is owed since the promise, whatever the severity was meanwhile.
		for _, at := range [...]time.Time{promised, o.past} {
			if !at.IsZero() && (o.due.IsZero() || at.Before(o.due)) {
				o.due = at
			}
		}
		o.from, o.again, ok = told.Last, 0, true
	}
	o.duty, o.audience, o.number = DutyUpdate, a, told.Updates+1
	if a == Public && s.Hidden {
		o.due = time.Time{}
	}
	return o, ok
}

// tells reports whether the audience was told since the clocks of the episode
// began. An update at that very instant is one of the time before, but for the
// first episode, which has none.
func (s *State) tells(a Audience, began time.Time) bool {
	last := s.Told[a].Last
	return s.Told[a].Updates > 0 && (last.After(began) || s.Episode == 1 && s.Returned.IsZero() && last.Equal(began))
}

// byCadence returns when the cadence wants the next update.
func (c *Compiled) byCadence(s *State, a Audience, began time.Time) (owed, bool) {
	cadences := c.due.cadences[a]
	if len(cadences) == 0 {
		return owed{}, false
	}
	told := &s.Told[a]
	inEpisode := s.tells(a, began)
	from := began
	if inEpisode {
		from = told.Last
	}
	ladders := &c.due.ladders[a]
	switch {
	case !inEpisode:
		return c.due.judge(s, ladders.first, from)
	case told.Updates == 1:
		return c.due.judge(s, ladders.second, from)
	}
	so := told.Last.Sub(began)
	if !slices.ContainsFunc(cadences, func(d Cadence) bool { return d.Long > 0 && so >= d.Long }) {
		return c.due.judge(s, ladders.every, from)
	}
	var mixed [MaxSeverities]Target
	for i := range cadences {
		mixed[i] = ladders.every[i]
		if d := &cadences[i]; d.Long > 0 && so >= d.Long {
			mixed[i] = ladders.later[i]
		}
	}
	return c.due.judge(s, mixed[:len(cadences)], from)
}

// finalUpdate returns the last update that is owed after the resolution.
func (c *Compiled) finalUpdate(s *State, a Audience, resolved time.Time) (owed, bool) {
	told := &s.Told[a]
	began := s.began()
	if told.Final || !s.tells(a, began) {
		return owed{}, false
	}
	o, ok := c.update(s, a, began)
	if !ok || !o.due.After(resolved) {
		return o, ok // it was breached before, or is paused
	}
	promised := told.Next
	if list := c.due.cadences[a]; int(s.Severity.Effective()) <= len(list) && list[s.Severity.Effective()-1].Every > 0 {
		d := &list[s.Severity.Effective()-1]
		o.due = c.due.add(d.Time, latest(resolved, told.Last), d.Final)
		if !promised.IsZero() && promised.Before(o.due) {
			o.due = promised
		}
	}
	return o, true
}

// since yields a duty that is owed since an instant, by the severity.
func (d *schedule) since(s *State, duty Duty, from time.Time, yield func(owed)) {
	if o, ok := d.judge(s, d.targets[duty], from); ok {
		o.duty = duty
		yield(o)
	}
}

// target returns that of a severity, nil if there is none.
func (d *schedule) target(duty Duty, severity sre.Severity) *Target {
	i := int(severity.Effective()) - 1
	if i >= len(d.targets[duty]) || d.targets[duty][i].For == 0 {
		return nil
	}
	return &d.targets[duty][i]
}

// judge returns the deadline by the clocks of all severities; see Deadlines. A
// clock runs while the incident is at least as severe as its step.
func (d *schedule) judge(s *State, steps Targets, from time.Time) (o owed, ok bool) {
	if n := len(s.Spans); n == 1 || n > 1 && s.Spans[n-1].From.Before(from) {
		return d.judgeSteady(s, steps, s.Spans[n-1].Severity, from)
	}
	for i := len(steps) - 1; i >= 0; i-- { // the mildest first: its clock has run longest
		t := &steps[i]
		if t.For == 0 {
			continue
		}
		level := sre.Severity(i + 1)
		begin, running, again := time.Time{}, false, 0
		for k := range s.Spans {
			if k+1 < len(s.Spans) && s.Spans[k+1].From.Before(from) {
				continue // over before it began
			}
			at := from
			if k > 0 {
				at = latest(from, s.Spans[k].From)
			}
			switch severe := s.Spans[k].Severity.Effective() <= level; {
			case severe && !running:
				if again++; begin.IsZero() || !at.Equal(begin) {
					again = 0
				}
				begin, running = at, true
			case !severe && running:
				running = false
				due, stands := d.run(s, t, begin)
				if stands || due.After(at) {
					continue
				}
				if o.past.IsZero() || due.Before(o.past) {
					o.past = due
				}
				if ok && !begin.Before(o.from) {
					o.take(due, t)
				}
			}
		}
		if !running {
			continue
		}
		due, stands := d.run(s, t, begin)
		switch {
		case !ok:
			o, ok = owed{from: begin, past: o.past, again: again, escalate: t.Escalate}, true
			if !stands {
				o.due = due
			}
		case !stands:
			o.take(due, t)
		}
	}
	return o, ok
}

// judgeSteady is judge where the severity has been the same since from: all clocks
// that run began then, and of those that count the same time the worst one's is
// the first to run out.
func (d *schedule) judgeSteady(s *State, steps Targets, severity sre.Severity, from time.Time) (o owed, ok bool) {
	var first *Target
	for i := int(severity.Effective()) - 1; i < len(steps); i++ {
		t := &steps[i]
		if t.For == 0 || first != nil && t.Time == first.Time && t.Pause == first.Pause {
			continue
		}
		due, stands := d.run(s, t, from)
		if first == nil {
			first, ok = t, true
			o.from, o.escalate = from, t.Escalate
			if !stands {
				o.due = due
			}
		} else if !stands {
			o.take(due, t)
		}
	}
	return o, ok
}

// take keeps the earlier deadline.
func (o *owed) take(due time.Time, t *Target) {
	if o.due.IsZero() || due.Before(o.due) || due.Equal(o.due) {
		o.due, o.escalate = due, t.Escalate
	}
}

// run returns when a clock that began then runs out, and whether it stands still
// now.
func (d *schedule) run(s *State, t *Target, from time.Time) (due time.Time, stands bool) {
	if !t.Pause {
		return d.add(t.Time, from, t.For), false
	}
	left := t.For
	for i := range s.Lulls {
		l := &s.Lulls[i]
		if !l.To.After(from) {
			continue
		}
		pause := latest(l.From, from)
		if due := d.add(t.Time, from, left); !due.After(pause) {
			return due, false
		}
		left -= d.between(t.Time, from, pause)
		from = l.To
	}
	due = d.add(t.Time, from, left)
	if s.Status == Mitigated && due.After(latest(s.Marks[MitigatedAt].At, from)) {
		return time.Time{}, true
	}
	return due, false
}

func (d *schedule) add(b Basis, from time.Time, length time.Duration) time.Time {
	if b != Elapsed && d.clocks[b] != nil {
		if at, ok := d.clocks[b].Add(from, length); ok {
			return at.UTC()
		}
	}
	return from.Add(length)
}

func (d *schedule) between(b Basis, from, to time.Time) time.Duration {
	if b != Elapsed && d.clocks[b] != nil {
		return d.clocks[b].Between(from, to)
	}
	return to.Sub(from)
}

// latest returns the later of two instants.
func latest(a, b time.Time) time.Time {
	if b.After(a) {
		return b
	}
	return a
}
