package fromalert

import (
	"bytes"
	"encoding/json"
	"fmt"
	"slices"
	"strings"
	"time"

	"github.com/sre-sdk/sre"
	"github.com/sre-sdk/sre/oncall/alert"
)

// schema is the version of the stored form.
const schema = 1

type stored struct {
	Schema int        `json:"schema"`
	Data   storedData `json:"data"`
}

type storedData struct {
	Now       time.Time     `json:"now,omitzero"`
	Mark      time.Time     `json:"mark,omitzero"`
	Number    int64         `json:"number,omitempty"`
	Alerts    []storedAlert `json:"alerts,omitempty"`
	Groups    []storedGroup `json:"groups,omitempty"`
	Incidents []storedInc   `json:"incidents,omitempty"`
	Waiting   []storedItem  `json:"waiting,omitempty"`
}

type storedAlert struct {
	Alert    string       `json:"alert"`
	Starts   time.Time    `json:"starts,omitzero"`
	Ends     time.Time    `json:"ends,omitzero"`
	Changed  time.Time    `json:"changed,omitzero"`
	Incident string       `json:"incident,omitempty"`
	Code     Code         `json:"code,omitempty"`
	Count    int32        `json:"count,omitempty"`
	Severity sre.Severity `json:"severity,omitempty"`
	Firing   bool         `json:"firing,omitempty"`
}

type storedGroup struct {
	Values     []string `json:"values"`
	Incident   string   `json:"incident,omitempty"`
	Via        string   `json:"via,omitempty"`
	Hops       int32    `json:"hops,omitempty"`
	Candidates []string `json:"candidates,omitempty"`
}

type storedInc struct {
	ID       string       `json:"id"`
	Number   int64        `json:"number,omitempty"`
	Service  string       `json:"service,omitempty"`
	Services []string     `json:"services,omitempty"`
	Opened   time.Time    `json:"opened,omitzero"`
	First    time.Time    `json:"first,omitzero"`
	Latest   time.Time    `json:"latest,omitzero"`
	Ended    time.Time    `json:"ended,omitzero"`
	Over     time.Time    `json:"over,omitzero"`
	Members  int32        `json:"members,omitempty"`
	Into     string       `json:"into,omitempty"`
	Severity sre.Severity `json:"severity,omitempty"`
}

type storedItem struct {
	At       time.Time    `json:"at,omitzero"`
	Asked    time.Time    `json:"asked,omitzero"`
	Fact     FactKind     `json:"fact,omitempty"`
	Into     string       `json:"into,omitempty"`
	Alert    string       `json:"alert,omitempty"` // or incident
	Values   []string     `json:"values,omitempty"`
	Service  string       `json:"service,omitempty"`
	Name     string       `json:"name,omitempty"`
	Severity sre.Severity `json:"severity,omitempty"`
	Status   alert.Status `json:"status,omitempty"`
	Starts   time.Time    `json:"starts,omitzero"`
	Ends     time.Time    `json:"ends,omitzero"`
	Repeats  bool         `json:"repeats,omitempty"`
}

func split(group string) []string {
	if group == "" {
		return nil
	}
	return strings.Split(strings.TrimSuffix(group, "\x00"), "\x00")
}

func joined(values []string) string {
	if len(values) == 0 {
		return ""
	}
	return strings.Join(values, "\x00") + "\x00"
}

// MarshalJSON returns the state with everything in the order of names, so that
// equal states have equal bytes.
func (s *State) MarshalJSON() ([]byte, error) {
	id := func(i int32) string {
		if i == none {
			return ""
		}
		return s.list[i].id
	}
	d := storedData{Now: instant(s.now), Mark: instant(s.mark), Number: s.number}
	for i := range s.alerts {
		if a := &s.alerts[i]; a.alert != "" {
			d.Alerts = append(d.Alerts, storedAlert{a.alert, instant(a.starts), instant(a.ends), instant(a.changed), id(a.inc), a.code, a.count, a.severity, a.firing})
		}
	}
	for i := range s.groups {
		g := &s.groups[i]
		if !g.used {
			continue
		}
		sg := storedGroup{Values: split(g.key), Incident: id(g.inc), Via: g.via, Hops: g.hops}
		for _, k := range g.candidates {
			sg.Candidates = append(sg.Candidates, s.alerts[k].alert)
		}
		d.Groups = append(d.Groups, sg)
	}
	for i := range s.list {
		if v := &s.list[i]; v.used {
			d.Incidents = append(d.Incidents, storedInc{v.id, v.number, v.service, v.services, instant(v.opened), instant(v.first), instant(v.latest),
				instant(v.ended), instant(v.over), v.members, id(v.into), v.severity})
		}
	}
	waiting := slices.Clone(s.waiting)
	slices.SortFunc(waiting, func(a, b item) int {
		switch {
		case a.before(&b):
			return -1
		case b.before(&a):
			return 1
		}
		return 0
	})
	for i := range waiting {
		it := &waiting[i]
		d.Waiting = append(d.Waiting, storedItem{instant(it.at), instant(it.asked), it.fact, it.into, it.Alert, split(it.Group), it.Service, it.Name,
			it.Severity, it.Status, instant(it.starts), instant(it.ends), it.Repeats})
	}
	slices.SortFunc(d.Alerts, func(a, b storedAlert) int { return strings.Compare(a.Alert, b.Alert) })
	slices.SortFunc(d.Groups, func(a, b storedGroup) int { return slices.Compare(a.Values, b.Values) })
	slices.SortFunc(d.Incidents, func(a, b storedInc) int { return strings.Compare(a.ID, b.ID) })
	return json.Marshal(stored{schema, d})
}

// UnmarshalJSON reads what MarshalJSON wrote. What does not fit together is
// refused as a whole.
func (s *State) UnmarshalJSON(data []byte) error {
	var in stored
	dec := json.NewDecoder(bytes.NewReader(data))
	if err := dec.Decode(&in); err != nil {
		return fmt.Errorf("fromalert: %w", err)
	}
	if in.Schema != schema {
		return sre.NewProblem("schema", "unsupported_version", in.Schema, fmt.Sprint(schema))
	}
	var p sre.Problems
	n := State{now: nanos(in.Data.Now), mark: nanos(in.Data.Mark), number: in.Data.Number}
	n.begin()
	index := func(path string, m map[string]int32, name string) int32 {
		i, ok := m[name]
		if name == "" {
			return none
		}
		if !ok {
			p.Add(path, "unknown_id", name, "one that is in the state")
			return none
		}
		return i
	}
	for i, v := range in.Data.Incidents {
		if _, twice := n.byID[v.ID]; twice || !sre.ValidID(v.ID) {
			p.Add(fmt.Sprintf("incidents[%d].id", i), "invalid_id", v.ID, "an ID, once")
			continue
		}
		n.byID[v.ID] = int32(len(n.list))
		n.list = append(n.list, inc{id: v.ID, number: v.Number, service: v.Service, services: v.Services, opened: nanos(v.Opened), first: nanos(v.First), latest: nanos(v.Latest),
			ended: nanos(v.Ended), over: nanos(v.Over), members: v.Members, into: none, severity: v.Severity, used: true})
	}
	for i, v := range in.Data.Incidents {
		at, into := n.byID[v.ID], index(fmt.Sprintf("incidents[%d].into", i), n.byID, v.Into)
		if into == none {
			continue
		}
		if n.root(into) == at {
			p.Add(fmt.Sprintf("incidents[%d].into", i), "cycle", v.Into, "an incident that is not part of this one")
			continue
		}
		n.list[at].into = into
		n.list[into].parts = append(n.list[into].parts, at)
	}
	for i, a := range in.Data.Alerts {
		if _, twice := n.byAlert[a.Alert]; twice || !sre.ValidID(a.Alert) {
			p.Add(fmt.Sprintf("alerts[%d].alert", i), "invalid_id", a.Alert, "an ID, once")
			continue
		}
		k := known{alert: a.Alert, starts: nanos(a.Starts), ends: nanos(a.Ends), changed: nanos(a.Changed), code: a.Code, count: a.Count,
			severity: a.Severity, firing: a.Firing, inc: index(fmt.Sprintf("alerts[%d].incident", i), n.byID, a.Incident)}
		if k.firing && k.inc != none {
			n.list[k.inc].firing++
		}
		n.byAlert[a.Alert] = int32(len(n.alerts))
		n.alerts = append(n.alerts, k)
	}
	for i, g := range in.Data.Groups {
		path := fmt.Sprintf("groups[%d]", i)
		key := joined(g.Values)
		if _, twice := n.byGroup[key]; twice {
			p.Add(path, "duplicate", g.Values, "each group once")
			continue
		}
		ng := group{key: key, inc: index(path+".incident", n.byID, g.Incident), via: g.Via, hops: g.Hops, used: true}
		for j, name := range g.Candidates {
			at := fmt.Sprintf("%s.candidates[%d]", path, j)
			k := index(at, n.byAlert, name)
			if k == none || n.alerts[k].candidate {
				p.Add(at, "invalid_id", name, "an alert that is a candidate once")
				continue
			}
			n.alerts[k].candidate = true
			ng.candidates = append(ng.candidates, k)
		}
		n.byGroup[key] = int32(len(n.groups))
		n.groups = append(n.groups, ng)
	}
	for i, w := range in.Data.Waiting {
		if w.Alert == "" || w.Fact >= factEnd || w.Fact == 0 && w.Status != alert.Firing && w.Status != alert.Resolved {
			p.Add(fmt.Sprintf("waiting[%d]", i), "invalid", nil, "an event or a fact")
			continue
		}
		n.push(item{at: nanos(w.At), asked: nanos(w.Asked), fact: w.Fact, into: w.Into, starts: nanos(w.Starts), ends: nanos(w.Ends), Event: Event{
			Alert: w.Alert, Group: joined(w.Values), Service: w.Service, Name: w.Name, Severity: w.Severity, Status: w.Status,
			Starts: instant(nanos(w.Starts)), Ends: instant(nanos(w.Ends)), Repeats: w.Repeats}})
	}
	if err := p.Err("fromalert"); err != nil {
		return err
	}
	*s = n
	return nil
}
