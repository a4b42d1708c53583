package oncallfile

import (
	"time"

	"github.com/sre-sdk/sre/internal/yamlfile"
	"github.com/sre-sdk/sre/oncall/alert"
	"github.com/sre-sdk/sre/oncall/routing"
)

// routing reads an AlertRouting, which compiles unless there are problems.
func (f file) routing() routing.Policy {
	m := f.document(KindRouting)
	p := routing.Policy{
		ID:      f.required(m, "", "id").Text(),
		Default: f.required(m, "", "default").Text(),
		Zone:    f.field(m, "", "zone").Text(),
		Routes:  each(f, m, "", "routes", f.route),
	}
	const path = "require"
	r := f.field(m, "", path).Map()
	p.Require = routing.Requirements{
		Labels:      each(f, r, path, "labels", text),
		Annotations: each(f, r, path, "annotations", text),
		Service:     f.field(r, path, "service").Bool(),
		Demote:      f.severity(r, path, "demote"),
	}
	r.Done()
	m.Done()
	if f.Problems.Len() == 0 {
		_, err := p.Compile()
		f.Check("", err)
	}
	return p
}

func (f file) route(n yamlfile.Node, path string) routing.Route {
	m := n.Map()
	r := routing.Route{
		Name:     f.required(m, path, "name").Text(),
		Match:    f.matchers(m, path, "match"),
		Services: each(f, m, path, "services", text),
		AtLeast:  f.severity(m, path, "at_least"),
		AtMost:   f.severity(m, path, "at_most"),
		Hours:    each(f, m, path, "hours", f.hours),
		Action:   yamlfile.Value(f.field(m, path, "action"), routing.ParseAction),
		Policy:   f.field(m, path, "policy").Text(),
		Owner:    f.field(m, path, "owner").Text(),
		Severity: f.severity(m, path, "severity"),
	}
	m.Done()
	return r
}

func (f file) matchers(m *yamlfile.Map, path, name string) alert.Matchers {
	return yamlfile.Value(f.field(m, path, name), alert.ParseMatchers)
}

// alerts reads an AlertPolicy, which compiles unless there are problems.
func (f file) alerts() alert.Policy {
	m := f.document(KindAlerts)
	p := alert.Policy{
		Name:          f.field(m, "", "name").Text(),
		GroupWait:     f.wait(m, "group_wait"),
		GroupInterval: f.wait(m, "group_interval"),
		MaxFactsAge:   f.positive(m, "", "max_facts_age"),
		MaxAlerts:     f.field(m, "", "max_alerts").Int(1, alert.MaxGroupAlerts),
		KeepResolved:  f.positive(m, "", "keep_resolved"),
		GroupBy:       each(f, m, "", "group_by", text),
		Inhibitions:   each(f, m, "", "inhibitions", f.inhibition),
		Throttles:     each(f, m, "", "throttles", f.throttle),
		Heartbeats:    each(f, m, "", "heartbeats", f.heartbeat),
	}
	if n := m.Optional("group_by"); n.IsList() && p.GroupBy == nil {
		p.GroupBy = []string{} // everything in one group
	}
	const path = "flap"
	if n := f.field(m, "", path); n.Exists() {
		fm := n.Map()
		p.Flap = &alert.Flap{
			Transitions: f.required(fm, path, "transitions").Int(2, alert.MaxTransitions),
			Within:      f.required(fm, path, "within").Duration(),
			Quiet:       f.required(fm, path, "quiet").Duration(),
		}
		fm.Done()
	}
	m.Done()
	if f.Problems.Len() == 0 {
		_, err := p.Compile()
		f.Check("", err)
	}
	return p
}

// wait reads a duration of which 0s says not to wait, and none the default.
func (f file) wait(m *yamlfile.Map, name string) time.Duration {
	n := f.field(m, "", name)
	d := n.Duration()
	if text, ok := n.Peek(); ok && d == 0 && text != "" {
		return alert.AtOnce
	}
	return d
}

// positive reads a duration that is not zero, which would be the default.
func (f file) positive(m *yamlfile.Map, path, name string) time.Duration {
	n := f.field(m, path, name)
	before := f.Problems.Len()
	d := n.Duration()
	if n.Exists() && d == 0 && f.Problems.Len() == before {
		n.Add("out_of_range", d, "a positive duration, or none for the default")
	}
	return d
}

func (f file) inhibition(n yamlfile.Node, path string) alert.Inhibition {
	m := n.Map()
	in := alert.Inhibition{
		Name:   f.required(m, path, "name").Text(),
		Source: yamlfile.Value(f.required(m, path, "source"), alert.ParseMatchers),
		Target: yamlfile.Value(f.required(m, path, "target"), alert.ParseMatchers),
		Equal:  each(f, m, path, "equal", text),
	}
	m.Done()
	return in
}

func (f file) throttle(n yamlfile.Node, path string) alert.Throttle {
	m := n.Map()
	t := alert.Throttle{
		Name:      f.required(m, path, "name").Text(),
		ByService: f.field(m, path, "by_service").Bool(),
		Max:       f.required(m, path, "max").Int(1, alert.MaxThrottle),
		Per:       f.required(m, path, "per").Duration(),
		Exempt:    f.severity(m, path, "exempt"),
	}
	m.Done()
	return t
}

func (f file) heartbeat(n yamlfile.Node, path string) alert.Heartbeat {
	m := n.Map()
	h := alert.Heartbeat{
		Name:     f.required(m, path, "name").Text(),
		Match:    f.matchers(m, path, "match"),
		Interval: f.required(m, path, "interval").Duration(),
		Grace:    f.positive(m, path, "grace"),
		Severity: f.severity(m, path, "severity"),
		Service:  f.field(m, path, "service").Text(),
		Summary:  f.field(m, path, "summary").Text(),
	}
	m.Done()
	return h
}
