package fromalert_test

import (
	"fmt"
	"slices"
	"sort"
	"strings"
	"time"

	"github.com/sre-sdk/sre/incident/fromalert"
	"github.com/sre-sdk/sre/oncall/alert"
)

// oracle is the specification written down without any regard to cost: all of
// history is kept and asked again for each event. It knows no lateness: what it
// is given is in order.
type oracle struct {
	p         fromalert.Policy
	incidents []*oracleIncident
	alerts    map[string]*oracleAlert
	group     map[string]*oracleIncident // the latest of the group
	via       map[string]string          // by which service it came to it, if not by its own
	waiting   map[string][]string        // candidates of the group
}

type oracleIncident struct {
	name     string // its first alert and its instant
	first    time.Time
	opened   time.Time
	news     []time.Time // when a new alert came
	ends     []time.Time
	over     time.Time
	services []string
	members  []string // in the order in which they came, again when they fire again
}

type oracleAlert struct {
	firing        bool
	starts, ended time.Time
	told          time.Time // the latest end that must not be taken for that of now
	in            *oracleIncident
}

func newOracle(p fromalert.Policy) *oracle {
	return &oracle{p: p, alerts: map[string]*oracleAlert{}, group: map[string]*oracleIncident{}, via: map[string]string{}, waiting: map[string][]string{}}
}

func latest(list []time.Time) (t time.Time) {
	for _, x := range list {
		if x.After(t) {
			t = x
		}
	}
	return t
}

func (o *oracle) takes(v *oracleIncident, t time.Time) bool {
	if !v.over.IsZero() || t.Sub(v.opened) >= o.p.MaxSpan {
		return false
	}
	news := latest(v.news)
	switch o.p.Window {
	case fromalert.Fixed:
		return true
	case fromalert.Session:
		for _, a := range o.alerts {
			if a.firing && a.in == v {
				return true
			}
		}
		return t.Sub(news) < o.p.For || t.Sub(latest(v.ends)) < o.p.For
	}
	return t.Sub(news) < o.p.For
}

// hops counts dependencies from one service to another; -1: too many.
func (o *oracle) hops(a, b string, most int) int {
	if a == b {
		return 0
	}
	best := -1
	if most > 0 {
		for _, next := range o.p.Topology.DependenciesOf(a) {
			if h := o.hops(next, b, most-1); h >= 0 && (best < 0 || h+1 < best) {
				best = h + 1
			}
		}
	}
	return best
}

// tell returns a line for the event: what was done, and with which alerts.
func (o *oracle) tell(e fromalert.Event, t time.Time) string {
	a := o.alerts[e.Alert]
	if e.Status == alert.Resolved {
		switch {
		case a == nil:
			return "ignore never_heard"
		case !a.firing:
			a.told = latest([]time.Time{a.told, e.Ends})
			return "ignore duplicate"
		case e.Ends.Before(a.starts) || e.Ends.Equal(a.starts) && e.Starts.Before(a.starts) || !e.Ends.After(a.told):
			return "ignore stale"
		}
		a.firing, a.ended, a.told = false, t, e.Ends
		if a.in != nil {
			a.in.ends = append(a.in.ends, t)
		}
		return "ignore ended"
	}
	if a != nil && a.firing {
		if e.Starts.After(a.starts) {
			a.starts = e.Starts
		}
		return "ignore repeated"
	}
	if a != nil && !e.Starts.After(a.starts) && t.Sub(a.ended) < max(o.p.Redelivery, 0) {
		return "ignore duplicate"
	}
	if a == nil {
		a = &oracleAlert{}
		o.alerts[e.Alert] = a
	}
	if !e.Starts.Before(a.told) && e.Starts.After(a.starts) {
		a.told = time.Time{}
	}
	a.firing, a.starts, a.in = true, e.Starts, nil

	// Candidates that count: they fire, or have ended within the time.
	wait := slices.DeleteFunc(slices.Clone(o.waiting[e.Group]), func(name string) bool {
		w := o.alerts[name]
		return !w.firing && t.Sub(w.ended) >= o.p.Within || name == e.Alert
	})
	join := func(v *oracleIncident) string {
		for _, name := range append(slices.Clone(wait), e.Alert) {
			v.members = append(v.members, name)
			o.alerts[name].in = v
			if w := o.alerts[name]; !w.firing {
				v.ends = append(v.ends, w.ended)
			}
		}
		v.news = append(v.news, t)
		o.waiting[e.Group] = nil
		o.group[e.Group] = v
		more := ""
		if len(wait) > 0 {
			more = " with " + strings.Join(sorted(wait), ",")
		}
		return " " + v.name + more
	}
	if v := o.group[e.Group]; v != nil {
		switch {
		case o.takes(v, t):
			if o.via[e.Group] == "" && e.Service != "" && !slices.Contains(v.services, e.Service) {
				v.services = append(v.services, e.Service)
			}
			if o.via[e.Group] != "" {
				return "link topology" + join(v)
			}
			return "link key" + join(v)
		case !v.over.IsZero() && t.Sub(v.over) < max(o.p.Reopen, 0):
			v.over, v.opened = time.Time{}, t
			return "reopen reopen_window" + join(v)
		}
		delete(o.group, e.Group)
	}
	if o.p.Topology != nil && e.Service != "" {
		var best *oracleIncident
		near, by := 0, ""
		for _, v := range o.incidents { // the oldest first
			for _, s := range v.services {
				for _, h := range []int{o.hops(e.Service, s, o.p.Hops), o.hops(s, e.Service, o.p.Hops)} {
					if h >= 0 && o.takes(v, t) && (best == nil || h < near) {
						best, near, by = v, h, s
					}
				}
			}
		}
		if best != nil {
			o.via[e.Group] = by
			return "link topology" + join(best)
		}
	}
	o.waiting[e.Group] = append(wait, e.Alert)
	if len(wait)+1 < o.p.Threshold {
		return fmt.Sprintf("ignore below_threshold %d", len(wait)+1)
	}
	v := &oracleIncident{name: fmt.Sprintf("%s@%d", e.Alert, t.Unix()), first: t, opened: t}
	if e.Service != "" {
		v.services = []string{e.Service}
	}
	o.incidents = append(o.incidents, v)
	delete(o.via, e.Group)
	return "declare threshold" + join(v)
}

func sorted(list []string) []string {
	list = slices.Clone(list)
	sort.Strings(list)
	return list
}
