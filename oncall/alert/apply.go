package alert

import (
	"cmp"
	"hash/fnv"
	"slices"
	"strings"
	"time"

	"github.com/sre-sdk/sre"
)

// apply takes in an input at now.
func (m *machine) apply(in *Input) {
	if in.Expect != "" || in.Beat != "" {
		m.beat(cmp.Or(in.Beat, in.Expect), in.Beat != "", in.BeatAt)
	}
	if len(in.Alerts) == 1 {
		m.state(&in.Alerts[0], in.Alerts[0].Key())
		return
	}
	for _, s := range inOrder(in.Alerts) {
		m.state(&in.Alerts[s.index], s.key)
	}
}

type statement struct {
	key   string
	index int
}

// inOrder sorts statements so that it does not matter how a batch lists them:
// those about one alert by when the source made them, and if that does not tell,
// the one that fires last, because what is not known to be over pages.
func inOrder(alerts []Alert) []statement {
	list := make([]statement, len(alerts))
	for i := range alerts {
		list[i] = statement{alerts[i].Key(), i}
	}
	slices.SortFunc(list, func(x, y statement) int {
		if c := strings.Compare(x.key, y.key); c != 0 {
			return c
		}
		a, b := &alerts[x.index], &alerts[y.index]
		return cmp.Or(a.Observed.Compare(b.Observed), -cmp.Compare(a.Status, b.Status), a.Starts.Compare(b.Starts), a.Ends.Compare(b.Ends),
			-cmp.Compare(a.Severity.Effective(), b.Severity.Effective()), cmp.Compare(a.Severity, b.Severity),
			strings.Compare(a.Summary, b.Summary), strings.Compare(a.Service, b.Service), strings.Compare(link(a), link(b)),
			strings.Compare(a.Labels.String(), b.Labels.String()))
	})
	return list
}

// link returns the first link of an alert, which is kept.
func link(a *Alert) string {
	if len(a.Links) == 0 {
		return ""
	}
	return a.Links[0].URL
}

// state takes in what a source states of one alert. Instants of a clock that
// cannot be trusted, as they lie ahead, count as not stated: else everything that
// is said later would be too late.
func (m *machine) state(a *Alert, key string) {
	if limit := m.now.Add(m.c.policy.MaxFactsAge); a.Observed.After(limit) || a.Starts.After(limit) {
		trusted := *a
		for _, t := range []*time.Time{&trusted.Observed, &trusted.Starts} {
			if t.After(limit) {
				*t = time.Time{}
			}
		}
		a = &trusted
	}
	i, there := m.find(key)
	switch {
	case there && a.Status == Firing:
		m.fires(i, a)
	case there:
		m.resolves(i, a)
	case a.Status == Firing:
		m.appears(a, key)
	default:
		m.overflowResolves(key)
	}
}

// appears takes in an alert of which nothing is known.
func (m *machine) appears(a *Alert, key string) {
	e := Entry{Fingerprint: key, Status: Firing, Severity: a.Severity, Labels: a.Labels, Service: a.Service, Summary: a.Summary,
		Link: link(a), Starts: instant(a.Starts), Observed: instant(a.Observed), Since: m.now}
	if !m.room(e.size()) {
		m.overflow(a, key)
		return
	}
	m.own()
	i, _ := m.find(key) // room may have made some
	m.insert(i, e)
	m.overflowResolves(key)
}

func (m *machine) insert(i int, e Entry) {
	m.s.Bytes += e.size()
	m.s.Alerts = slices.Insert(m.s.Alerts, i, e)
}

// room reports whether so many bytes more fit, and forgets for that what is
// resolved and not in the page.
func (m *machine) room(size int) bool {
	own := 0
	for i := range m.s.Alerts {
		if synthetic(m.s.Alerts[i].Fingerprint) {
			own++
		}
	}
	for len(m.s.Alerts)-own >= m.c.policy.MaxAlerts || m.s.Bytes+size > MaxGroupBytes {
		oldest := -1
		for i := range m.s.Alerts {
			if e := &m.s.Alerts[i]; e.Status == Resolved && e.Told != Firing && (oldest < 0 || e.Since.Before(m.s.Alerts[oldest].Since)) {
				oldest = i
			}
		}
		if oldest < 0 {
			return false
		}
		m.remove(oldest)
	}
	return true
}

func (m *machine) remove(i int) {
	m.own()
	m.s.Bytes -= m.s.Alerts[i].size()
	m.s.Alerts = slices.Delete(m.s.Alerts, i, i+1)
}

// purge forgets what has been resolved for long enough.
func (m *machine) purge(at time.Time) {
	for i := len(m.s.Alerts) - 1; i >= 0; i-- {
		if e := &m.s.Alerts[i]; e.Status == Resolved && e.Told == StatusUnknown && !at.Before(e.Since.Add(m.c.policy.KeepResolved)) {
			m.remove(i)
		}
	}
}

// older reports whether the source made a statement before the one that holds.
func older(a *Alert, e *Entry) bool {
	return !a.Observed.IsZero() && !e.Observed.IsZero() && a.Observed.Before(e.Observed)
}

// fires takes in that a known alert fires. The same start as before a resolve is
// no sign of an old message: Alertmanager resolves what it does not hear of, and
// the alert comes back with the start that it had.
func (m *machine) fires(i int, a *Alert) {
	e := &m.s.Alerts[i]
	if older(a, e) {
		if e.Status == Resolved {
			m.logOrder(e, a)
		}
		return
	}
	next := *e
	next.Severity, next.Labels, next.Service, next.Summary, next.Link = a.Severity, a.Labels, a.Service, a.Summary, link(a)
	next.Observed = later(e.Observed, instant(a.Observed))
	if !sameTexts(e, &next) && m.s.Bytes+max(next.size()-e.size(), 0) > MaxGroupBytes { // the texts stay as they were
		next.Labels, next.Service, next.Summary, next.Link = e.Labels, e.Service, e.Summary, e.Link
	}
	if e.Status == Resolved {
		next.Status, next.Since, next.By, next.Starts = Firing, m.now, By{}, instant(a.Starts)
		m.transition(&next)
	} else {
		next.Starts = later(e.Starts, instant(a.Starts))
	}
	m.replace(i, next)
}

// resolves takes in that a known alert fires no longer.
func (m *machine) resolves(i int, a *Alert) {
	e := &m.s.Alerts[i]
	if e.Fingerprint == overflowKey {
		m.dirty = m.dirty || m.s.Lost || len(m.s.Overflow) > 0
		m.s.Overflow, m.s.Lost = nil, false // somebody has looked
	}
	if older(a, e) || e.Status == Firing && endedBefore(a, e) {
		if e.Status == Firing {
			m.logOrder(e, a)
		}
		return
	}
	next := *e
	next.Observed = later(e.Observed, instant(a.Observed))
	if e.Status == Firing {
		m.end(&next)
	}
	m.replace(i, next)
}

// end makes an entry that fires a resolved one.
func (m *machine) end(e *Entry) {
	if e.Told != Firing && (e.By.Cause == CauseNone || e.By.Cause == ByThrottle) {
		m.log(logged{kind: Suppressed, by: By{Cause: ByEnd}, code: suppressedCodes[ByEnd], line: e.line()})
	}
	e.Status, e.Since, e.By = Resolved, m.now, By{}
	m.transition(e)
	if e.Flapping && e.Told == Firing {
		m.log(logged{kind: Suppressed, by: By{Cause: ByFlap, Until: e.quietAt(m.c.policy.Flap)}, code: suppressedCodes[ByFlap], line: e.line()})
	}
}

// endedBefore reports whether what has ended is not what fires now, but came
// before it.
func endedBefore(a *Alert, e *Entry) bool {
	if e.Starts.IsZero() {
		return false
	}
	end := later(a.Ends, time.Time{})
	if end.IsZero() {
		end = a.Observed
	}
	switch {
	case end.IsZero():
		return !a.Starts.IsZero() && a.Starts.Before(e.Starts)
	case end.Equal(e.Starts):
		return !a.Starts.IsZero() && a.Starts.Before(e.Starts)
	}
	return end.Before(e.Starts)
}

func later(a, b time.Time) time.Time {
	if a.After(b) {
		return a
	}
	return b
}

// transition counts that an alert began or ceased to fire.
func (m *machine) transition(e *Entry) {
	f := m.c.policy.Flap
	if f == nil {
		return
	}
	list := append(slices.Clip(e.Changes), m.now)
	list = list[max(len(list)-f.Transitions, 0):]
	e.Changes = list
	if len(list) == f.Transitions && m.now.Sub(list[0]) <= f.Within {
		e.Flapping = true
	}
}

// replace puts an entry in the place of what was known, if it says anything new.
func (m *machine) replace(i int, next Entry) {
	old := &m.s.Alerts[i]
	same := sameTexts(old, &next)
	if same && old.Status == next.Status && old.Severity == next.Severity && old.Starts.Equal(next.Starts) && old.Observed.Equal(next.Observed) {
		return
	}
	if same {
		m.s.Bytes += changeSize * (len(next.Changes) - len(old.Changes))
	} else {
		m.s.Bytes += next.size() - old.size()
	}
	m.own()
	m.s.Alerts[i] = next
}

func sameTexts(a, b *Entry) bool {
	return a.Labels == b.Labels && a.Service == b.Service && a.Summary == b.Summary && a.Link == b.Link
}

// logOrder writes down that a statement came too late. Repeated, it is the same
// effect.
func (m *machine) logOrder(e *Entry, a *Alert) {
	note := a.Status.String()
	for _, t := range []time.Time{a.Starts, a.Ends, a.Observed} {
		note += " " + instant(t).Format(time.RFC3339Nano)
	}
	m.log(logged{kind: Suppressed, by: By{Cause: ByOrder}, code: suppressedCodes[ByOrder], line: e.line(), note: note})
}

// overflow takes in an alert for which there is no room: one alert fires for all
// of them until each is resolved.
func (m *machine) overflow(a *Alert, key string) {
	h := hashOf(key)
	if i, there := slices.BinarySearch(m.s.Overflow, h); !there {
		if len(m.s.Overflow) < MaxOverflow {
			m.s.Overflow = slices.Insert(slices.Clone(m.s.Overflow), i, h)
			m.dirty = true
		} else if !m.s.Lost {
			m.s.Lost, m.dirty = true, true
		}
	}
	severity, service := a.Severity, a.Service
	if i, there := m.find(overflowKey); there && m.s.Alerts[i].Status == Firing {
		e := &m.s.Alerts[i]
		if !severity.Worse(e.Severity) {
			severity = e.Severity
		}
		if service != e.Service {
			service = ""
		}
	}
	m.ownFires(overflowKey, "alerts beyond the limits of the group", severity, service)
}

// overflowResolves takes in that an alert no longer fires beyond the limits.
func (m *machine) overflowResolves(key string) {
	i, there := slices.BinarySearch(m.s.Overflow, hashOf(key))
	if !there {
		return
	}
	m.s.Overflow = slices.Delete(slices.Clone(m.s.Overflow), i, i+1)
	m.dirty = true
	if len(m.s.Overflow) == 0 && !m.s.Lost {
		m.s.Overflow = nil
		m.ownEnds(overflowKey)
	}
}

func hashOf(key string) uint64 {
	h := fnv.New64a()
	h.Write([]byte(key))
	return h.Sum64()
}

// ownFires makes an alert of the engine's own fire.
func (m *machine) ownFires(key, summary string, severity sre.Severity, service string) {
	i, there := m.find(key)
	a := Alert{Fingerprint: key, Status: Firing, Severity: severity, Summary: summary, Service: service, Labels: ownLabels(key, service)}
	if there {
		m.fires(i, &a)
		return
	}
	m.own()
	m.insert(i, Entry{Fingerprint: key, Status: Firing, Severity: severity, Labels: a.Labels, Service: service, Summary: summary, Since: m.now})
}

// ownEnds makes an alert of the engine's own cease to fire.
func (m *machine) ownEnds(key string) {
	if i, there := m.find(key); there && m.s.Alerts[i].Status == Firing {
		next := m.s.Alerts[i]
		m.end(&next)
		m.replace(i, next)
	}
}

// ownLabels are those of an alert that the engine makes: alertname is
// AlertGroupOverflow or HeartbeatMissing.
func ownLabels(key, service string) sre.Labels {
	pairs := map[string]string{"alertname": "AlertGroupOverflow", "service": service}
	if name, ok := strings.CutPrefix(key, heartbeatPrefix); ok {
		pairs["alertname"], pairs["heartbeat"] = "HeartbeatMissing", name
	}
	return sre.LabelsOf(pairs)
}

// beat takes in that a heartbeat is watched, and perhaps that it was heard. One
// that was heard in the future was heard now.
func (m *machine) beat(name string, heard bool, when time.Time) {
	b := m.s.Beat
	if b.Name != name {
		b = HeartbeatState{Name: name, Expected: m.now}
	}
	if heard {
		if when = instant(when); when.IsZero() || when.After(m.now) {
			when = m.now
		}
		b.Last = later(b.Last, when)
	}
	if b != m.s.Beat {
		m.s.Beat, m.dirty = b, true
	}
	if m.now.Before(b.deadline(m.c.heartbeats[name])) {
		m.ownEnds(heartbeatPrefix + name)
	}
}

// beatMissing makes the alert of a heartbeat fire that was not heard in time. One
// that an edit has taken from the policy is missed no longer.
func (m *machine) beatMissing(at time.Time) {
	h := m.c.heartbeats[m.s.Beat.Name]
	if h == nil && m.s.Beat.Name != "" {
		m.ownEnds(heartbeatPrefix + m.s.Beat.Name)
	}
	if h == nil || at.Before(m.s.Beat.deadline(h)) {
		return
	}
	key := heartbeatPrefix + h.Name
	if i, there := m.find(key); there && m.s.Alerts[i].Status == Firing {
		return
	}
	now := m.now
	m.now = at // it fires since then, however late the step
	m.ownFires(key, h.Summary, h.Severity, h.Service)
	m.now = now
}
