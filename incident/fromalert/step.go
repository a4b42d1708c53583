package fromalert

import (
	"slices"
	"time"

	"github.com/sre-sdk/sre/oncall/alert"
)

// Step takes what was heard until now, decides about all whose turn it is, and
// appends the decisions to out. Call it with each message, and at [Compiled.NextDue].
// A now before that of an earlier step counts as that one's.
//
// An event in the future, by the clock of its source, counts as of now.
func (c *Compiled) Step(s *State, events []Event, facts []Fact, now time.Time, out []Decision) []Decision {
	s.begin()
	s.now = max(s.now, nanos(now))
	s.mark = max(s.mark, s.now-nanosOf(c.policy.Lateness))
	for i := range events {
		e := &events[i]
		if !c.ready || !e.valid() {
			out = append(out, Decision{Kind: Ignore, Alert: e.Alert, At: instant(s.now), Why: Why{Code: Invalid}})
			continue
		}
		it := item{Event: *e, starts: nanos(e.Starts), ends: nanos(e.Ends)}
		if it.asked = it.starts; e.Status == alert.Resolved {
			it.asked = it.ends
		}
		s.place(it)
	}
	for _, f := range facts {
		if !c.ready || f.Kind == FactUnknown || f.Kind >= factEnd || f.Incident == "" {
			continue
		}
		s.place(item{fact: f.Kind, into: f.Into, asked: nanos(f.At), Event: Event{Alert: f.Incident}})
	}
	if c.ready {
		for len(s.waiting) > 0 && s.waiting[0].at <= s.mark {
			it := s.pop()
			s.decided++
			if it.fact != 0 {
				out = c.learn(s, &it, out)
				continue
			}
			out = c.decide(s, &it, out)
		}
		c.sweep(s)
	}
	return out
}

// place puts an item in the order. Its instant is between the watermark and now.
func (s *State) place(it item) {
	if it.asked == 0 || it.asked > s.now {
		it.asked = s.now
	}
	it.at = max(it.asked, s.mark)
	it.starts = min(it.starts, it.asked)
	if it.starts == 0 {
		it.starts = it.asked
	}
	s.push(it)
}

// learn takes what has become of an incident.
func (c *Compiled) learn(s *State, it *item, out []Decision) []Decision {
	i, ok := s.byID[it.Alert]
	into, known := s.byID[it.into]
	if !ok || c.forgotten(s, i, it.at) || it.fact == MergedInto && (!known || c.forgotten(s, into, it.at) || s.root(into) == i) {
		return append(out, Decision{Kind: Ignore, Incident: it.Alert, At: instant(it.at), Why: Why{Code: NoSuchIncident}})
	}
	v := &s.list[i]
	switch it.fact {
	case Over:
		v.over = it.at
	case Reopened:
		v.over, v.opened, v.latest = 0, it.at, max(v.latest, it.at)
	case MergedInto:
		s.separate(i)
		into = s.root(into)
		v.into = into
		s.list[into].parts = append(s.list[into].parts, i)
		s.list[into].latest = max(s.list[into].latest, v.latest)
	case SplitOff:
		s.separate(i)
	}
	return out
}

func (s *State) separate(i int32) {
	if into := s.list[i].into; into != none {
		w := &s.list[into]
		w.parts = slices.DeleteFunc(w.parts, func(p int32) bool { return p == i })
		s.list[i].into = none
	}
}

// decide decides about one event.
func (c *Compiled) decide(s *State, it *item, out []Decision) []Decision {
	t := it.at
	d := Decision{Kind: Ignore, Alert: it.Alert, Group: it.Group, Service: it.Service, Name: it.Name, At: instant(t)}
	d.Why.Late = time.Duration(t - it.asked)
	i, ok := s.byAlert[it.Alert]
	if ok && c.gone(&s.alerts[i], t) {
		ok = false
		s.alerts[i] = known{alert: it.Alert, inc: none}
	} else if !ok {
		i = none
	}
	if ok {
		if a := &s.alerts[i]; a.inc != none {
			if c.forgotten(s, a.inc, t) {
				a.inc = none
			} else {
				d.Incident = s.list[s.root(a.inc)].id
			}
		}
	}
	if it.Status == alert.Resolved {
		return c.ends(s, it, i, ok, d, out)
	}
	if ok {
		switch a := &s.alerts[i]; {
		case a.firing:
			d.Why.Code, d.Why.Since = Repeated, instant(a.starts)
			a.starts = max(a.starts, it.starts)
			return append(out, d)
		case it.starts <= a.starts && t < a.changed+nanosOf(c.policy.Redelivery):
			d.Why.Code, d.Why.Since = Duplicate, instant(a.ends)
			return append(out, d)
		}
	}
	return append(out, c.join(s, it, i, true, d))
}

// ends decides about an alert that was resolved.
func (c *Compiled) ends(s *State, it *item, i int32, ok bool, d Decision, out []Decision) []Decision {
	t := it.at
	if !ok {
		switch {
		case c.policy.Create == FromFiring || it.Repeats:
			d.Why.Code = NeverHeard
		case it.asked+c.keep <= t:
			d.Why.Code, d.Why.Within = TooOld, time.Duration(c.keep)
		default:
			d = c.join(s, it, i, false, d)
		}
		return append(out, d)
	}
	a := &s.alerts[i]
	switch {
	case !a.firing && (c.policy.Create == FromFiring || it.Repeats || it.starts <= a.starts || it.starts < a.ends):
		d.Why.Code, d.Why.Since = Duplicate, instant(a.ends)
		a.ends = max(a.ends, it.ends)
		return append(out, d)
	case !a.firing: // it has fired again in between, which nobody told
		return append(out, c.join(s, it, i, false, d))
	case it.asked < a.starts, it.asked == a.starts && it.starts < a.starts, it.asked <= a.ends:
		d.Why.Code, d.Why.Since = Stale, instant(a.starts)
		return append(out, d)
	}
	a.firing, a.ends, a.changed = false, it.asked, t
	d.Why.Code = Ended
	out = append(out, d)
	if a.inc == none {
		return out
	}
	own := &s.list[a.inc]
	own.firing--
	own.ended = t
	return c.quiet(s, a.inc, t, out)
}

// quiet tells if none of the alerts of an incident fires any more.
func (c *Compiled) quiet(s *State, i int32, t int64, out []Decision) []Decision {
	i = s.root(i)
	v := &s.list[i]
	v.ended = max(v.ended, t)
	if v.over != 0 || s.fires(i) > 0 {
		return out
	}
	return append(out, Decision{Kind: Quiet, Incident: v.id, Service: v.service, At: instant(t), Why: Why{Code: AllEnded, Count: int(s.membersOf(i))}})
}

func (s *State) membersOf(i int32) (n int32) {
	n = s.list[i].members
	for _, part := range s.list[i].parts {
		n += s.membersOf(part)
	}
	return n
}

// join finds the incident for an alert that is new in its group.
func (c *Compiled) join(s *State, it *item, i int32, firing bool, d Decision) Decision {
	t := it.at
	d.Incident = ""
	if i == none {
		i = take(&s.alerts, &s.freeA, known{alert: it.Alert, inc: none})
		s.byAlert[it.Alert] = i
	}
	a := &s.alerts[i]
	if it.starts >= a.ends && it.starts > a.starts {
		a.ends = 0 // else an end that is known by now is not that of this time
	}
	a.starts, a.changed, a.firing, a.severity = it.starts, t, firing, it.Severity.Effective()
	if !firing {
		a.ends = it.asked
	}
	a.inc = none

	at, ok := s.byGroup[it.Group]
	if !ok {
		at = take(&s.groups, &s.freeG, group{key: it.Group, inc: none, used: true})
		s.byGroup[it.Group] = at
	}
	g := &s.groups[at]
	if g.inc != none && c.forgotten(s, g.inc, t) {
		g.inc = none
	}
	if g.inc != none {
		own := s.root(g.inc)
		v := &s.list[own]
		switch {
		case c.takes(s, own, t):
			d.Kind = LinkTo
			service := it.Service
			if d.Why.Code, d.Why.Since = ByKey, instant(v.first); g.via != "" {
				d.Why = Why{Code: ByTopology, Via: g.via, Hops: int(g.hops), Late: d.Why.Late}
				service = ""
			}
			c.attach(s, g, own, i, t, service, &d)
			return d
		case v.over != 0 && t < v.over+nanosOf(c.policy.Reopen):
			d.Kind = Reopen
			d.Why.Code, d.Why.Since, d.Why.Within = ByReopen, instant(v.over), c.policy.Reopen
			v.over, v.opened = 0, t
			c.attach(s, g, own, i, t, "", &d)
			return d
		}
		g.inc = none
	}
	if near, via, hops := c.near(s, it.Service, t); near != none {
		d.Kind = LinkTo
		d.Why.Code, d.Why.Via, d.Why.Hops = ByTopology, via, hops
		g.inc, g.via, g.hops = near, via, int32(hops)
		c.attach(s, g, near, i, t, "", &d)
		return d
	}
	c.prune(s, g, t)
	if !a.candidate {
		a.candidate = true
		g.candidates = append(g.candidates, i)
	}
	d.Why = Why{Code: BelowThreshold, Count: len(g.candidates), Of: c.policy.Threshold, Within: c.policy.Within, Late: d.Why.Late}
	if len(g.candidates) < c.policy.Threshold {
		return d
	}
	d.Kind, d.Why.Code = Declare, ByThreshold
	first := it.starts
	for _, k := range g.candidates {
		first = min(first, s.alerts[k].starts)
	}
	d.Detected = instant(min(first, t))
	id := c.incidentID(it.Group, it.Alert, t)
	g.via, g.hops = "", 0
	s.number++
	g.inc = take(&s.list, &s.freeI, inc{id: id, number: s.number, service: it.Service, opened: t, first: t, latest: t, into: none, used: true})
	s.byID[id] = g.inc
	c.attach(s, g, g.inc, i, t, "", &d)
	d.Raised = false // it is declared with it
	return d
}

// attach makes an alert, and all candidates of its group, part of an incident.
// service is that of the alert if it belongs by its keys.
func (c *Compiled) attach(s *State, g *group, at, i int32, t int64, service string, d *Decision) {
	c.prune(s, g, t)
	v := &s.list[at]
	worst := v.severity
	add := func(k int32) {
		a := &s.alerts[k]
		a.inc, a.candidate, a.code, a.count = at, false, d.Why.Code, int32(d.Why.Count)
		v.members++
		if a.firing {
			v.firing++
		} else {
			v.ended = max(v.ended, a.changed)
		}
		if worst == 0 || a.severity.Worse(worst) {
			worst = a.severity
		}
	}
	for _, k := range g.candidates {
		if k != i {
			add(k)
			d.More = append(d.More, s.alerts[k].alert)
		}
	}
	g.candidates = nil
	add(i)
	v.latest = t
	if service != "" && service != v.service && len(v.services) < maxServices && !slices.Contains(v.services, service) {
		v.services = append(v.services, service)
	}
	d.Incident = v.id
	if c.policy.Severity == ByAlerts {
		d.Raised = worst != v.severity
		d.Severity = worst
	}
	v.severity = worst
}
