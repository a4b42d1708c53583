package intake

import (
	"cmp"
	"context"
	"encoding/json"
	"errors"
	"slices"
	"strings"
	"time"

	"github.com/sre-sdk/sre"
	"github.com/sre-sdk/sre/oncall/alert"
	"github.com/sre-sdk/sre/storage"
)

// The kinds of the records that facts are made of.
const (
	silenceKind = Kind + ".silences" // one record, "all"
	sourceKind  = Kind + ".sources"  // one record, "all": the groups that hold sources of inhibitions
	triggerKind = Kind + ".triggers" // the latest triggers, by service
)

const all = "all"

// Limits on facts, part of the contract. What exceeds them suppresses nothing.
const (
	MaxSourceGroups = 120      // groups at the same time in which a source of an inhibition fires
	MaxFactsBytes   = 48 << 10 // of silences and sources that concern one step
)

// sourcesAge is how old what is known of sources may be when it is used: in a
// storm, thousands of steps a second look at the same.
const sourcesAge = time.Second

// facts are alert.Facts as the log keeps them: those that concern the step.
type facts struct {
	AsOf     time.Time       `json:"as_of,omitzero"` // when all of them were read, but for sources
	Silences []alert.Silence `json:"silences,omitempty"`

	Sources     []source  `json:"sources,omitempty"`
	SourcesAsOf time.Time `json:"sources_as_of,omitzero"`

	Triggers      []time.Time `json:"triggers,omitempty"`
	TriggersKnown bool        `json:"triggers_known,omitempty"`
}

type source struct {
	Fingerprint string     `json:"fingerprint"`
	Labels      sre.Labels `json:"labels"` // those by which it inhibits
	Since       time.Time  `json:"since"`
}

func (f facts) plain() alert.Facts {
	out := alert.Facts{Silences: f.Silences, SilencesAsOf: f.AsOf, SourcesAsOf: f.SourcesAsOf, Triggers: f.Triggers}
	if f.TriggersKnown {
		out.TriggersAsOf = f.AsOf
	}
	for _, s := range f.Sources {
		out.Sources = append(out.Sources, alert.Source{Fingerprint: s.Fingerprint, Labels: s.Labels, Since: s.Since})
	}
	return out
}

// facts reads what a step must be told. A record that cannot be read is not
// known; an error is about the store, which could not take the step either.
func (x *Intake) facts(ctx context.Context, policies *policies, r record, in input, now time.Time) (facts, error) {
	p := &policies.plain
	suspects := suspects(p.Heartbeats, r, in)
	if len(suspects) == 0 {
		return facts{}, nil // nothing can be suppressed
	}
	service := ""
	if slices.ContainsFunc(p.Throttles, func(t alert.Throttle) bool { return t.ByService }) {
		service = commonService(suspects)
	}
	keys := []storage.Key{{Kind: silenceKind, ID: all}}
	if service != "" {
		keys = append(keys, storage.Key{Kind: triggerKind, ID: service})
	}
	_, records, err := x.c.Store.Get(ctx, keys...)
	if err != nil {
		return facts{}, err
	}
	f := facts{AsOf: now}
	left := MaxFactsBytes
	silences, err := decode[silenceList](records[0])
	if err != nil {
		x.c.Log.Error("intake: silences are not known, so none silences", "error", err)
		f.AsOf = time.Time{}
	} else {
		f.Silences = relevantSilences(silences.Silences, suspects, &left)
	}
	if service != "" {
		if triggers, err := decode[triggerList](records[1]); err == nil {
			f.TriggersKnown = !f.AsOf.IsZero()
			for _, t := range triggers.Triggers {
				if t.Group != groupOf(r, in) {
					f.Triggers = append(f.Triggers, t.At)
				}
			}
		}
	}
	if len(p.Inhibitions) > 0 {
		sources, asOf, err := x.sources(ctx, policies, now)
		if err != nil {
			return facts{}, err
		}
		f.Sources, f.SourcesAsOf = relevantSources(p.Inhibitions, sources, suspects, &left), asOf
	}
	return f, nil
}

func groupOf(r record, in input) string { return cmp.Or(r.State.Group, in.Input.Group) }

// A suspect fires and may be suppressed.
type suspect struct {
	labels  sre.Labels
	service string
}

// suspects are the alerts that fire, before and after an input.
func suspects(heartbeats []alert.Heartbeat, r record, in input) []suspect {
	var list []suspect
	for i := range r.State.Alerts {
		if e := &r.State.Alerts[i]; e.Status == alert.Firing {
			list = append(list, suspect{e.Labels, e.Service})
		}
	}
	for i := range in.Input.Alerts {
		if a := &in.Input.Alerts[i]; a.Status == alert.Firing {
			list = append(list, suspect{a.Labels, a.Service})
		}
	}
	for _, h := range heartbeats {
		if h.Name == r.State.Beat.Name { // its alert begins to fire by itself
			list = append(list, suspect{missing(h), h.Service})
		}
	}
	return list
}

// missing are the labels of the alert that a heartbeat is missing, as the alert
// kernel makes it.
func missing(h alert.Heartbeat) sre.Labels {
	return sre.LabelsOf(map[string]string{"alertname": "HeartbeatMissing", "heartbeat": h.Name, "service": h.Service})
}

func commonService(list []suspect) string {
	service := list[0].service
	for _, s := range list {
		if s.service != service {
			return ""
		}
	}
	return service
}

// relevantSilences are those that match a suspect, the longest first, as far as
// there is room.
func relevantSilences(list []alert.Silence, suspects []suspect, left *int) []alert.Silence {
	var out []alert.Silence
	for _, s := range list {
		if slices.ContainsFunc(suspects, func(a suspect) bool { return s.Matchers.Matches(a.labels) }) {
			out = append(out, s)
		}
	}
	slices.SortFunc(out, func(a, b alert.Silence) int {
		return cmp.Or(b.End.Compare(a.End), strings.Compare(a.ID, b.ID))
	})
	return within(out, left)
}

// within returns as much of a list as there is room for.
func within[T any](list []T, left *int) []T {
	for i := range list {
		data, _ := json.Marshal(list[i])
		if *left -= len(data) + 1; *left < 0 {
			return list[:i]
		}
	}
	return list
}

// relevantSources are those that inhibit a suspect, with the labels by which
// they do.
func relevantSources(rules []alert.Inhibition, sources []source, suspects []suspect, left *int) []source {
	wanted := make([]bool, len(sources))
	for i := range rules {
		rule := &rules[i]
		keys := map[string]bool{}
		for _, a := range suspects {
			if rule.Target.Matches(a.labels) {
				keys[equalKey(rule.Equal, a.labels)] = true
			}
		}
		if len(keys) == 0 {
			continue
		}
		for k, s := range sources {
			wanted[k] = wanted[k] || rule.Source.Matches(s.Labels) && keys[equalKey(rule.Equal, s.Labels)]
		}
	}
	var out []source
	for k, s := range sources {
		if wanted[k] {
			out = append(out, s)
		}
	}
	return within(out, left)
}

func equalKey(names []string, labels sre.Labels) string {
	var b strings.Builder
	for _, name := range names {
		b.WriteString(labels.Get(name) + "\x00")
	}
	return b.String()
}

// sourceList is the record of groups in which sources fire. It says where to
// look, not what is so.
type sourceList struct {
	Groups []string `json:"groups"`
}

// sources returns the sources that fire, and as of when. They are read from the
// groups themselves: an index that is behind would suppress what it must not.
func (x *Intake) sources(ctx context.Context, policy *policies, now time.Time) ([]source, time.Time, error) {
	if err := x.one.take(ctx); err != nil {
		return nil, time.Time{}, err
	}
	defer x.one.free()
	if age := now.Sub(x.sourcesAt); age >= 0 && age < sourcesAge && x.sourcesBy == policy {
		return x.known, x.sourcesAt, nil
	}
	_, records, err := x.c.Store.Get(ctx, storage.Key{Kind: sourceKind, ID: all})
	if err != nil {
		return nil, time.Time{}, err
	}
	list, err := decode[sourceList](records[0])
	if err != nil {
		x.c.Log.Error("intake: sources of inhibitions are not known, so none inhibits", "error", err)
		return nil, time.Time{}, nil
	}
	var known []source
	var over []string
	for groups := range slices.Chunk(list.Groups[:min(len(list.Groups), MaxSourceGroups)], storage.MaxKeys) {
		keys := make([]storage.Key, len(groups))
		for i, g := range groups {
			keys[i] = storage.Key{Kind: Kind, ID: g}
		}
		_, records, err := x.c.Store.Get(ctx, keys...)
		if err != nil {
			return nil, time.Time{}, err
		}
		for i, rec := range records {
			r, err := decode[record](rec)
			if err != nil {
				continue // of a newer program: what it holds is not known
			}
			if !rec.Exists() || ended(r) {
				over = append(over, groups[i])
			}
			known = append(known, sourcesOf(policy, r)...)
		}
	}
	slices.SortFunc(known, func(a, b source) int { return strings.Compare(a.Fingerprint, b.Fingerprint) })
	x.known, x.sourcesAt, x.sourcesBy = known, now, policy
	if len(over) > 0 {
		x.forgetSources(ctx, over)
	}
	return known, now, nil
}

// sourcesOf returns the sources that fire in a group.
func sourcesOf(policy *policies, r record) []source {
	rules := policy.plain.Inhibitions
	var list []source
	for i := range r.State.Alerts {
		e := &r.State.Alerts[i]
		if e.Status == alert.Firing && policy.alerts.IsSource(&alert.Alert{Labels: e.Labels}) {
			list = append(list, source{e.Fingerprint, inhibiting(rules, e.Labels), e.Since})
		}
	}
	return list
}

// inhibiting returns the labels that inhibitions look at.
func inhibiting(rules []alert.Inhibition, labels sre.Labels) sre.Labels {
	kept := map[string]string{}
	keep := func(name string) {
		if v := labels.Get(name); v != "" {
			kept[name] = v
		}
	}
	for i := range rules {
		for _, m := range rules[i].Source {
			keep(m.Name())
		}
		for _, m := range rules[i].Target {
			keep(m.Name())
		}
		for _, name := range rules[i].Equal {
			keep(name)
		}
	}
	return sre.LabelsOf(kept)
}

// rememberSource notes that a source fires in a group. Without the note it
// inhibits nothing, so a failure is no harm; the next statement mends it.
func (x *Intake) rememberSource(ctx context.Context, group string) {
	key := storage.Key{Kind: sourceKind, ID: all}
	_, err := x.c.Store.Update(ctx, "source "+group, []storage.Key{key}, func(now []storage.Record) (storage.Change, error) {
		list, err := decode[sourceList](now[0])
		if err != nil || slices.Contains(list.Groups, group) {
			return storage.Change{}, err
		}
		if len(list.Groups) >= MaxSourceGroups {
			return storage.Change{}, errFull
		}
		list.Groups = append(list.Groups, group)
		return storage.Change{Writes: []storage.Write{{Key: key, Data: encode(list)}}}, nil
	})
	if err != nil {
		x.c.Log.Warn("intake: a source of inhibitions is not noted and inhibits nothing", "group", group, "error", err)
	}
	if x.one.take(ctx) == nil {
		x.sourcesAt = time.Time{}
		x.one.free()
	}
}

// forgetSources takes groups from the list that hold no source any more.
func (x *Intake) forgetSources(ctx context.Context, groups []string) {
	key := storage.Key{Kind: sourceKind, ID: all}
	_, err := x.c.Store.Update(ctx, "sources over", []storage.Key{key}, func(now []storage.Record) (storage.Change, error) {
		list, err := decode[sourceList](now[0])
		if err != nil {
			return storage.Change{}, err
		}
		before := len(list.Groups)
		list.Groups = slices.DeleteFunc(list.Groups, func(g string) bool { return slices.Contains(groups, g) })
		if len(list.Groups) == before {
			return storage.Change{}, nil
		}
		return storage.Change{Writes: []storage.Write{{Key: key, Data: encode(list)}}}, nil
	})
	if err != nil {
		x.c.Log.Warn("intake: sources that are over are still noted", "error", err)
	}
}

// triggerList is the record of the latest triggers of a service.
type triggerList struct {
	Triggers []triggered `json:"triggers"` // the oldest first
}

type triggered struct {
	Group string    `json:"group"`
	ID    string    `json:"id"` // of the effect
	At    time.Time `json:"at"`
}

// rememberTrigger notes a trigger, for throttles by service.
func (x *Intake) rememberTrigger(ctx context.Context, e alert.Effect) error {
	byService := slices.ContainsFunc(x.policies.Load().plain.Throttles, func(t alert.Throttle) bool { return t.ByService })
	if e.Kind != alert.Trigger || !sre.ValidID(e.Service) || !byService {
		return nil
	}
	key := storage.Key{Kind: triggerKind, ID: e.Service}
	_, err := x.c.Store.Update(ctx, "trigger "+e.ID, []storage.Key{key}, func(now []storage.Record) (storage.Change, error) {
		list, err := decode[triggerList](now[0])
		if err != nil || slices.ContainsFunc(list.Triggers, func(t triggered) bool { return t.ID == e.ID }) {
			return storage.Change{}, err
		}
		list.Triggers = append(list.Triggers, triggered{e.Group, e.ID, e.At})
		slices.SortStableFunc(list.Triggers, func(a, b triggered) int { return a.At.Compare(b.At) })
		list.Triggers = list.Triggers[max(0, len(list.Triggers)-alert.MaxThrottle):]
		return storage.Change{Writes: []storage.Write{{Key: key, Data: encode(list)}}}, nil
	})
	if err != nil && !errors.Is(err, errUnreadable) {
		return err
	}
	return nil // what is not known holds back nothing
}

// envelope is how everything is stored; states of runners have more in it.
type envelope struct {
	Schema int             `json:"schema"`
	Data   json.RawMessage `json:"data"`
}

// errUnreadable: a record that this program cannot read.
var errUnreadable = errors.New("intake: a record cannot be read")

func encode(v any) []byte {
	data, err := json.Marshal(v)
	if err == nil {
		data, err = json.Marshal(envelope{1, data})
	}
	if err != nil {
		panic("intake: " + err.Error()) // it came from JSON, or is made of text and instants that were checked
	}
	return data
}

// decode returns what a record holds, or the zero value of what does not exist.
func decode[T any](rec storage.Record) (v T, err error) {
	if !rec.Exists() {
		return v, nil
	}
	var e envelope
	if err := json.Unmarshal(rec.Data, &e); err != nil {
		return v, errors.Join(errUnreadable, err)
	}
	if e.Schema != 1 {
		return v, errors.Join(errUnreadable, sre.NewProblem("schema", "unknown_schema", e.Schema, "1; a newer one needs a newer program"))
	}
	if err := json.Unmarshal(e.Data, &v); err != nil {
		return v, errors.Join(errUnreadable, err)
	}
	return v, nil
}
