package alert

import (
	"cmp"
	"crypto/sha256"
	"encoding/hex"
	"fmt"
	"slices"
	"strings"
	"time"

	"github.com/sre-sdk/sre"
)

// fresh reports whether facts of asOf count at an instant; now is when they were
// given. Facts from the future are those of a clock that cannot be trusted.
func (c *Compiled) fresh(asOf, now, at time.Time) bool {
	return !asOf.IsZero() && at.Before(asOf.Add(c.policy.MaxFactsAge)) && !asOf.After(now.Add(c.policy.MaxFactsAge))
}

// suppressor returns what keeps an alert from paging: of silences the one that
// lasts longest, else the first inhibition of the policy.
func (m *machine) suppressor(e *Entry, at time.Time) By {
	if e.Fingerprint == overflowKey {
		return By{} // it stands for alerts whose labels nobody knows
	}
	if by := m.silence(e, at); by.Cause != CauseNone {
		return by
	}
	return m.inhibition(e, at)
}

func (m *machine) silence(e *Entry, at time.Time) (by By) {
	if !m.c.fresh(m.facts.SilencesAsOf, m.now, at) {
		return By{}
	}
	for i := range m.facts.Silences {
		s := &m.facts.Silences[i]
		if !s.Active(at) || !s.Matchers.Matches(e.Labels) {
			continue
		}
		if by.Cause == CauseNone || s.End.After(by.Until) || s.End.Equal(by.Until) && s.ID < by.ID {
			by = By{Cause: BySilence, ID: s.ID, Until: instant(s.End)}
		}
	}
	return by
}

// inhibitors are the sources of an inhibition, by their equal labels.
type inhibitors struct {
	any     map[string]By // the first one
	oneSide map[string]By // the first one that is no target of the same rule
}

func (m *machine) inhibition(e *Entry, at time.Time) By {
	rules := m.c.policy.Inhibitions
	for i := range rules {
		if !rules[i].Target.Matches(e.Labels) {
			continue
		}
		if m.indexes == nil {
			m.indexes = make([]inhibitors, len(rules))
		}
		if m.indexes[i].any == nil {
			m.indexes[i] = m.inhibitors(&rules[i], at)
		}
		sources := m.indexes[i].any
		if rules[i].Source.Matches(e.Labels) {
			sources = m.indexes[i].oneSide
		}
		if by, ok := sources[equalKey(rules[i].Equal, e.Labels)]; ok {
			return by
		}
	}
	return By{}
}

// inhibitors indexes what fires, in the group and outside of it.
func (m *machine) inhibitors(rule *Inhibition, at time.Time) inhibitors {
	in := inhibitors{any: map[string]By{}, oneSide: map[string]By{}}
	add := func(fingerprint string, labels sre.Labels, until time.Time) {
		if !rule.Source.Matches(labels) {
			return
		}
		key, by := equalKey(rule.Equal, labels), By{Cause: ByInhibition, ID: rule.Name, Until: until, From: fingerprint}
		better := func(in map[string]By) {
			old, ok := in[key]
			if !ok || by.From < old.From {
				in[key] = by
			}
		}
		better(in.any)
		if !rule.Target.Matches(labels) {
			better(in.oneSide)
		}
	}
	for i := range m.s.Alerts {
		if e := &m.s.Alerts[i]; e.Status == Firing {
			add(e.Fingerprint, e.Labels, time.Time{})
		}
	}
	if m.c.fresh(m.facts.SourcesAsOf, m.now, at) {
		for i := range m.facts.Sources {
			s := &m.facts.Sources[i]
			if _, own := m.find(s.Fingerprint); !own && s.active(at) { // the group knows its own alerts better
				add(s.Fingerprint, s.Labels, instant(s.Until))
			}
		}
	}
	return in
}

func equalKey(names []string, labels sre.Labels) string {
	switch len(names) {
	case 0:
		return ""
	case 1:
		return labels.Get(names[0])
	}
	var b strings.Builder
	for _, name := range names {
		b.WriteString(labels.Get(name))
		b.WriteByte(0) // no label holds one
	}
	return b.String()
}

// held returns the throttle that holds back a page of that severity the longest,
// if one does.
func (c *Compiled) held(s *State, facts *Facts, worst sre.Severity, now, at time.Time) (by By) {
	for i := range c.policy.Throttles {
		t := &c.policy.Throttles[i]
		if worst.Effective() <= t.Exempt {
			continue
		}
		recent := s.Triggers
		if t.ByService && c.fresh(facts.TriggersAsOf, now, at) {
			recent = slices.Clone(recent)
			for _, f := range facts.Triggers {
				if !f.After(at) {
					recent = append(recent, instant(f))
				}
			}
			slices.SortFunc(recent, time.Time.Compare)
		}
		if len(recent) < t.Max {
			continue
		}
		until := recent[len(recent)-t.Max].Add(t.Per)
		if at.Before(until) && (by.Cause == CauseNone || until.After(by.Until)) {
			by = By{Cause: ByThrottle, ID: t.Name, Until: until}
		}
	}
	return by
}

// considerFacts names the instants at which facts begin or cease to suppress
// what waits.
func (m *machine) considerFacts(at time.Time, consider func(time.Time)) {
	var by [len(causeNames)]bool
	for _, w := range m.waiting {
		by[w.by.Cause] = true
	}
	maxAge := m.c.policy.MaxFactsAge
	if m.c.fresh(m.facts.SilencesAsOf, m.now, at) {
		for i := range m.facts.Silences {
			s := &m.facts.Silences[i]
			if s.Expired(at) || !slices.ContainsFunc(m.waiting, func(w candidate) bool { return s.Matchers.Matches(m.s.Alerts[w.index].Labels) }) {
				continue
			}
			consider(instant(s.Start))
			consider(instant(s.End))
		}
		if by[BySilence] {
			consider(instant(m.facts.SilencesAsOf.Add(maxAge)))
		}
	}
	if len(m.c.policy.Inhibitions) > 0 && m.c.fresh(m.facts.SourcesAsOf, m.now, at) {
		for i := range m.facts.Sources {
			s := &m.facts.Sources[i]
			consider(instant(s.Since))
			consider(instant(s.Until))
		}
		if by[ByInhibition] {
			consider(instant(m.facts.SourcesAsOf.Add(maxAge)))
		}
	}
	if by[ByThrottle] && m.c.fresh(m.facts.TriggersAsOf, m.now, at) {
		consider(instant(m.facts.TriggersAsOf.Add(maxAge)))
	}
}

// A logged is what becomes of one alert, before it is written down together with
// others.
type logged struct {
	kind EffectKind
	by   By
	code string
	line Line
	note string // what makes a statement the same when it is repeated
}

var suppressedCodes = [...]string{BySilence: "silenced", ByInhibition: "inhibited", ByThrottle: "throttled", ByFlap: "flapping", ByOrder: "out_of_order", ByEnd: "resolved_early"}

func (m *machine) log(l logged) { m.logs = append(m.logs, l) }

// releasedCode says why something does not suppress any longer.
func (m *machine) releasedCode(by By, at time.Time) string {
	switch by.Cause {
	case BySilence:
		switch {
		case !m.c.fresh(m.facts.SilencesAsOf, m.now, at):
			return "facts_unknown"
		case !by.Until.IsZero() && !at.Before(by.Until):
			return "silence_expired"
		}
		return "silence_changed"
	case ByInhibition:
		if !m.c.fresh(m.facts.SourcesAsOf, m.now, at) {
			return "facts_unknown"
		}
		return "source_resolved"
	}
	return "throttle_over"
}

// maxFingerprints bounds the fingerprints of one effect, which must fit the
// payload of a runner's: 100 of 100 bytes.
const maxFingerprints = 100

// flushLogs writes down what was logged, together where the rule and the reason
// are the same.
func (m *machine) flushLogs(at time.Time) {
	if len(m.logs) == 0 {
		return
	}
	slices.SortStableFunc(m.logs, func(a, b logged) int {
		return cmp.Or(cmp.Compare(b.kind, a.kind), cmp.Compare(a.by.Cause, b.by.Cause), strings.Compare(a.by.ID, b.by.ID),
			strings.Compare(a.code, b.code), strings.Compare(a.note, b.note), strings.Compare(a.line.Fingerprint, b.line.Fingerprint))
	})
	for rest := m.logs; len(rest) > 0; {
		n := 1
		for n < len(rest) && n < maxFingerprints && rest[n].kind == rest[0].kind && rest[n].by.same(rest[0].by) && rest[n].code == rest[0].code {
			n++
		}
		m.out = append(m.out, m.logEffect(rest[:n], at))
		rest = rest[n:]
	}
	m.logs = m.logs[:0]
}

func (m *machine) logEffect(list []logged, at time.Time) Effect {
	l := list[0]
	e := Effect{Kind: l.kind, At: at, Group: m.s.Group, Key: "", By: l.by}
	if m.s.Page.Open {
		e.Key = m.s.Key()
	}
	hash := sha256.New()
	fmt.Fprintf(hash, "%s\x00%d\x00%s\x00%s", l.kind, l.by.Cause, l.by.ID, l.code)
	if l.note == "" { // such effects come with a new state, and others of the same instant may be alike
		m.s.Logged++
		fmt.Fprintf(hash, "\x00%d", m.s.Logged)
	}
	left := MaxEffectBytes - effectBase
	for _, one := range list {
		e.Fingerprints = append(e.Fingerprints, one.line.Fingerprint)
		left -= jsonSize(one.line.Fingerprint) + 1
		hash.Write([]byte("\x00" + one.line.Fingerprint + "\x00" + one.note))
	}
	for _, one := range list {
		e.show(one.line, &left)
	}
	e.ID = m.s.Group + ":" + hex.EncodeToString(hash.Sum(nil)[:12])
	e.Reason = reason(l.code, l.by, len(list))
	return e
}

// reason says it for people.
func reason(code string, by By, n int) sre.Reason {
	r := sre.Reason{Code: code}
	alerts := "1 alert"
	if n != 1 {
		alerts = fmt.Sprintf("%d alerts", n)
	}
	until := ""
	if !by.Until.IsZero() {
		until = " until " + by.Until.Format(time.RFC3339)
	}
	switch code {
	case "silenced":
		r.Text = fmt.Sprintf("%s silenced by %s%s", alerts, by.ID, until)
	case "inhibited":
		r.Text = fmt.Sprintf("%s inhibited by %s, because %s fires", alerts, by.ID, by.From)
	case "throttled":
		r.Text = fmt.Sprintf("%s held back by throttle %s%s", alerts, by.ID, until)
	case "flapping":
		r.Text = alerts + " resolved and kept open, because of too many transitions" + until
	case "out_of_order":
		r.Text = alerts + " stated by a message older than the one that holds"
	case "resolved_early":
		r.Text = alerts + " resolved before a page was due"
	case "silence_expired":
		r.Text = fmt.Sprintf("%s no longer silenced: %s has expired", alerts, by.ID)
	case "silence_changed":
		r.Text = fmt.Sprintf("%s no longer silenced by %s, which was changed or outlasted", alerts, by.ID)
	case "source_resolved":
		r.Text = fmt.Sprintf("%s no longer inhibited by %s: no source fires", alerts, by.ID)
	case "facts_unknown":
		r.Text = fmt.Sprintf("%s no longer suppressed by %s: whether it still holds is not known", alerts, by.ID)
	case "throttle_over":
		r.Text = fmt.Sprintf("%s no longer held back by throttle %s", alerts, by.ID)
	}
	for _, v := range []sre.Value{{Name: "rule", Text: by.ID}, {Name: "source", Text: by.From}} {
		if v.Text != "" {
			r.Values = append(r.Values, v)
		}
	}
	if !by.Until.IsZero() {
		r.Values = append(r.Values, sre.Value{Name: "until", Text: by.Until.Format(time.RFC3339Nano)})
	}
	return r
}
