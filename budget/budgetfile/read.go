package budgetfile

import (
	"fmt"
	"io"
	"strings"
	"time"

	"github.com/sre-sdk/sre"
	"github.com/sre-sdk/sre/budget"
	"github.com/sre-sdk/sre/internal/yamlfile"
	"github.com/sre-sdk/sre/slo"
)

// What the first two fields of a file must say.
const (
	APIVersion = "sre-sdk/v1"
	Kind       = "BudgetPolicy"
)

// MaxBytes is the largest file that is read.
const MaxBytes = 256 << 10

// Read reads the one policy of a file; name is the file's, for messages. The
// policy that it returns compiles. The error carries every [sre.Problem].
func Read(r io.Reader, name string) (budget.Policy, error) {
	docs, err := yamlfile.Parse(r, yamlfile.Options{Name: name, Prefix: "budgetfile", MaxBytes: MaxBytes})
	if err != nil {
		return budget.Policy{}, err
	}
	if len(docs) != 1 {
		var p sre.Problems
		p.Add(name, "wrong_count", len(docs), "one policy a file")
		return budget.Policy{}, p.Err("budgetfile")
	}
	f := file{places: map[string]yamlfile.Node{}}
	root := docs[0].Node(&f.problems)
	policy := f.policy(root)
	if f.problems.Len() > 0 {
		return budget.Policy{}, f.problems.Err("budgetfile")
	}
	if _, err := policy.Compile(); err != nil {
		for _, p := range sre.ProblemsIn(err) {
			f.find(root, p.Path).Add(p.Code, p.Value, p.Want)
		}
		return budget.Policy{}, f.problems.Err("budgetfile")
	}
	return policy, nil
}

// file is one file as it is read.
type file struct {
	problems sre.Problems
	places   map[string]yamlfile.Node // where the value of each path of a policy stands
}

// find returns where the value of a path, or what holds it, stands.
func (f *file) find(root yamlfile.Node, path string) yamlfile.Node {
	for path != "" {
		if n, ok := f.places[path]; ok {
			return n
		}
		path = path[:max(strings.LastIndexByte(path, '.'), 0)]
	}
	return root
}

// field returns an optional field and remembers where it stands.
func (f *file) field(m *yamlfile.Map, path, name string) yamlfile.Node {
	n := m.Optional(name)
	f.places[sre.JoinPath(path, name)] = n
	return n
}

// read sets *to if the field is there.
func read[T any](f *file, m *yamlfile.Map, path, name string, to *T, parse func(string) (T, error)) {
	if n := f.field(m, path, name); n.Exists() {
		*to = yamlfile.Value(n, parse)
	}
}

func (f *file) policy(root yamlfile.Node) budget.Policy {
	m := root.Map()
	m.Required("apiVersion").Enum(APIVersion)
	m.Required("kind").Enum(Kind)
	var p budget.Policy
	read(f, m, "", "preset", &p, budget.Preset)
	read(f, m, "", "name", &p.Name, func(s string) (string, error) { return s, nil })
	if list := f.field(m, "", "thresholds"); list.Exists() {
		p.Thresholds = each(f, list, "thresholds", f.threshold)
	}
	if list := f.field(m, "", "alerts"); list.Exists() {
		p.Alerts = each(f, list, "alerts", f.alert)
	}
	if list := f.field(m, "", "exempt"); list.Exists() {
		p.Exempt = each(f, list, "exempt", func(n yamlfile.Node, _ string) budget.Purpose {
			return yamlfile.Value(n, budget.ParsePurpose)
		})
	}
	if n := f.field(m, "", "freeze_reliability"); n.Exists() {
		p.FreezeReliability = n.Bool()
	}
	if n := f.field(m, "", "forecast_calendar"); n.Exists() {
		p.ForecastCalendar = n.Bool()
	}
	read(f, m, "", "hysteresis", &p.Hysteresis, slo.ParseRatio)
	read(f, m, "", "min_coverage", &p.MinCoverage, slo.ParseRatio)
	read(f, m, "", "min_alert_coverage", &p.MinAlertCoverage, slo.ParseRatio)
	read(f, m, "", "max_age", &p.MaxAge, positive)
	read(f, m, "", "scrape_interval", &p.ScrapeInterval, positive)
	m.Done()
	return p
}

// each reads the items of a list. It is never nil, because an empty list in
// the file replaces that of the preset.
func each[T any](f *file, list yamlfile.Node, path string, item func(n yamlfile.Node, path string) T) []T {
	items := []T{}
	for i, n := range list.List() {
		at := fmt.Sprintf("%s[%d]", path, i)
		f.places[at] = n
		items = append(items, item(n, at))
	}
	return items
}

func (f *file) threshold(n yamlfile.Node, path string) budget.Threshold {
	m := n.Map()
	var t budget.Threshold
	read(f, m, path, "name", &t.Name, func(s string) (string, error) { return s, nil })
	read(f, m, path, "below", &t.Below, slo.ParseRatio)
	read(f, m, path, "effect", &t.Effect, sre.ParseOutcome)
	if list := f.field(m, path, "criticality"); list.Exists() {
		t.Criticality = each(f, list, path+".criticality", func(n yamlfile.Node, _ string) slo.Criticality {
			return yamlfile.Value(n, slo.ParseCriticality)
		})
	}
	m.Done()
	return t
}

func (f *file) alert(n yamlfile.Node, path string) budget.BurnAlert {
	m := n.Map()
	var a budget.BurnAlert
	read(f, m, path, "name", &a.Name, func(s string) (string, error) { return s, nil })
	read(f, m, path, "long", &a.Long, yamlfile.ParseDuration)
	read(f, m, path, "short", &a.Short, yamlfile.ParseDuration)
	read(f, m, path, "spend", &a.Spend, slo.ParseRatio)
	read(f, m, path, "factor", &a.Factor, slo.ParseRatio)
	read(f, m, path, "effect", &a.Effect, alertEffect)
	read(f, m, path, "severity", &a.Severity, sre.Scale(nil).Parse)
	m.Done()
	return a
}

// A zero would stand for the default of a [budget.Policy], which is not what
// the file says, so these two refuse it.

func positive(text string) (time.Duration, error) {
	d, err := yamlfile.ParseDuration(text)
	if err == nil && d <= 0 {
		err = sre.Problem{Code: "out_of_range", Value: text, Want: "a positive duration"}
	}
	return d, err
}

func alertEffect(text string) (sre.Outcome, error) {
	effect, err := sre.ParseOutcome(text)
	if err == nil && effect == sre.Unknown {
		err = sre.Problem{Code: "not_allowed", Value: text, Want: "warn, hold or deny"}
	}
	return effect, err
}
