package alert_test

import (
	"encoding/json"
	"flag"
	"os"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/sre-sdk/sre"
	"github.com/sre-sdk/sre/oncall/alert"
)

var update = flag.Bool("update", false, "rewrite the golden files in testdata")

func TestCompileReportsEverythingAtOnce(t *testing.T) {
	_, err := alert.Policy{
		Name: "a b", GroupBy: []string{""}, GroupWait: -2, GroupInterval: 48 * time.Hour, MaxFactsAge: -1, MaxAlerts: 5000, KeepResolved: time.Second,
		Inhibitions: []alert.Inhibition{{Name: "x", Target: make(alert.Matchers, 1), Equal: []string{""}}},
		Throttles:   []alert.Throttle{{Name: "x"}},
		Flap:        &alert.Flap{Transitions: 1, Within: time.Hour},
		Heartbeats:  []alert.Heartbeat{{Name: strings.Repeat("h", 61), Service: "a b"}},
	}.Compile()
	var got []string
	for _, p := range sre.ProblemsIn(err) {
		got = append(got, p.Path+" "+p.Code)
	}
	want := []string{"name invalid_id", "group_by[0] invalid_label_name", "group_wait out_of_range", "group_interval out_of_range", "max_facts_age out_of_range",
		"keep_resolved out_of_range", "max_alerts out_of_range", "inhibitions[0].source missing", "inhibitions[0].target[0] missing", "inhibitions[0].equal[0] invalid_label_name",
		"throttles[0].name duplicate", "throttles[0].max out_of_range", "throttles[0].per out_of_range", "heartbeats[0].name too_long", "heartbeats[0].interval out_of_range",
		"heartbeats[0].service invalid_id", "flap.transitions out_of_range", "flap.quiet out_of_range"}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Errorf("(-want +got):\n%s", diff)
	}
}

func fullPolicy() alert.Policy {
	return alert.Policy{
		Name:        "checkout",
		Throttles:   []alert.Throttle{{Name: "calm", Max: 3, Per: time.Hour}, {Name: "storm", ByService: true, Max: 10, Per: 10 * time.Minute, Exempt: 2}},
		Flap:        &alert.Flap{Transitions: 4, Within: 30 * time.Minute, Quiet: 15 * time.Minute},
		Inhibitions: []alert.Inhibition{{Name: "rack", Source: alert.MustMatchers(`alertname="RackDown"`), Target: alert.MustMatchers(`alertname=~"HostDown|PortDown"`), Equal: []string{"rack"}}},
		Heartbeats:  []alert.Heartbeat{{Name: "prometheus", Match: alert.MustMatchers(`alertname="Watchdog"`), Interval: 5 * time.Minute, Severity: 1, Service: "monitoring"}, {Name: "backup", Interval: 24 * time.Hour, Grace: time.Hour, Severity: 3}},
	}
}

func TestMarkdownIsThePolicy(t *testing.T) {
	const file = "testdata/policy.md"
	got := fullPolicy().MustCompile().Markdown()
	if *update {
		if err := os.WriteFile(file, []byte(got), 0o644); err != nil {
			t.Fatal(err)
		}
	}
	want, err := os.ReadFile(file)
	if err != nil {
		t.Fatal(err)
	}
	if diff := cmp.Diff(string(want), got); diff != "" {
		t.Errorf("%s differs (-want +got); run with -update if that is meant:\n%s", file, diff)
	}
}

// Whoever changes what Policy returned does not change the compiled one.
func TestCompiledIsImmutable(t *testing.T) {
	p := fullPolicy()
	c := p.MustCompile()
	before := c.Markdown()
	p.Inhibitions[0].Name, p.Flap.Transitions = "changed", 9
	q := c.Policy()
	q.Inhibitions[0].Equal[0], q.Throttles[0].Max, q.Flap.Within, q.GroupBy[0] = "changed", 9, 1, "changed"
	if diff := cmp.Diff(before, c.Markdown()); diff != "" {
		t.Error(diff)
	}
}

func TestSilenceValidate(t *testing.T) {
	good := alert.Silence{ID: "s", Matchers: alert.MustMatchers(`a="b"`), Start: sec(0), End: sec(60), Author: "ann", Comment: "why"}
	if err := good.Validate(); err != nil {
		t.Error(err)
	}
	for code, change := range map[string]func(*alert.Silence){
		"id: invalid_id":               func(s *alert.Silence) { s.ID = "" },
		"matchers: missing":            func(s *alert.Silence) { s.Matchers = nil },
		"matchers: matches_everything": func(s *alert.Silence) { s.Matchers = alert.MustMatchers(`a!="b"`) },
		"end: out_of_range":            func(s *alert.Silence) { s.End = s.Start },
		"start: missing":               func(s *alert.Silence) { s.Start = time.Time{} },
		"author: missing":              func(s *alert.Silence) { s.Author = " " },
		"comment: missing":             func(s *alert.Silence) { s.Comment = "" },
	} {
		s := good
		change(&s)
		if err := s.Validate(); err == nil || !strings.Contains(err.Error(), code) {
			t.Errorf("%v, want %s", err, code)
		}
	}
	if !good.Active(sec(0)) || good.Active(sec(60)) || !good.Expired(sec(60)) || good.Expired(sec(59)) {
		t.Error("a silence is active from its start to before its end")
	}
	data, err := json.Marshal(good)
	var back alert.Silence
	if err != nil || json.Unmarshal(data, &back) != nil || back.Matchers.String() != good.Matchers.String() {
		t.Errorf("%s: %+v, %v", data, back, err)
	}
}

func TestMatchersAreThoseOfPrometheus(t *testing.T) {
	labels := sre.LabelsOf(map[string]string{"a": "foo", "my.label": "x\ny"})
	for text, want := range map[string]bool{
		`a="foo"`: true, `a = foo`: true, `a!="foo"`: false, `a=~"fo"`: false, `a=~"fo."`: true, `a!~"fo"`: true, `a=~"f.*|z"`: true,
		`b=""`: true, `b!=""`: false, `b=~".*"`: true, `b=~".+"`: false, `b!~".+"`: true, `"my.label"=~"x.y"`: true, `a=""`: false,
		`{a="foo", b=""}`: true, `{a="foo",}`: true, `a="foo", b="1"`: false,
	} {
		ms, err := alert.ParseMatchers(text)
		if err != nil || ms.Matches(labels) != want {
			t.Errorf("%s: %v, %v, want %t", text, ms, err, want)
		}
	}
	for _, text := range []string{``, `{}`, `a`, `a=`, `="x"`, `a=="x"`, `a="x`, `a=~"("`, `a="x" b="y"`, `{a="x"`, `a b="c"`, `a="\x00"`,
		`a="` + strings.Repeat("x", alert.MaxMatcherText+1) + `"`, strings.Repeat(`a="x",`, alert.MaxMatchers+1), `a=~"(((x{1000}){1000}){1000})"`} {
		if ms, err := alert.ParseMatchers(text); err == nil {
			t.Errorf("%.60q is read as %v", text, ms)
		}
	}
	if (alert.Matchers{}).Matches(labels) || (alert.Matcher{}).Matches(labels) {
		t.Error("nothing matches something")
	}
	if _, err := alert.ParseMatcher(`a="x", b="y"`); err == nil {
		t.Error("two are read as one")
	}
}

func FuzzParseMatchers(f *testing.F) {
	f.Add(`{severity="critical", team=~"db|web"}`)
	f.Add(`"my.label"!~"a\"b"`)
	f.Fuzz(func(t *testing.T, text string) {
		ms, err := alert.ParseMatchers(text)
		if err != nil {
			return
		}
		again, err := alert.ParseMatchers(ms.String())
		if err != nil || again.String() != ms.String() {
			t.Errorf("%q is written as %s, and read as %v, %v", text, ms, again, err)
		}
	})
}

// Any bytes are refused as a state, or are one that can be stepped.
func FuzzState(f *testing.F) {
	h := alert.Policy{}.MustCompile()
	s, _, _ := h.Step(alert.State{}, alert.Input{Group: "g", Alerts: []alert.Alert{firing("a"), firing("b")}}, alert.Facts{}, sec(0), nil)
	data, _ := json.Marshal(s)
	f.Add(data)
	policy := fullPolicy().MustCompile()
	f.Fuzz(func(t *testing.T, data []byte) {
		var s alert.State
		if json.Unmarshal(data, &s) != nil || s.At.Year() < 1990 {
			return
		}
		_, _, _ = policy.Step(s, alert.Input{Group: s.Group, Alerts: []alert.Alert{firing("a"), resolved("b")}}, alert.Facts{}, sec(100), nil)
		policy.Explain(s, alert.Facts{}, sec(100))
	})
}

func TestSplitKeepsTheLimits(t *testing.T) {
	policy := alert.Policy{GroupBy: []string{}}.MustCompile()
	var b alert.Batch
	for range 1000 {
		b.Alerts = append(b.Alerts, alert.Alert{Status: alert.Firing, Labels: sre.LabelsOf(map[string]string{"x": strings.Repeat("x", 500)}), Annotations: map[string]string{"a": "b"}})
	}
	b.Alerts = append(b.Alerts, alert.Alert{Fingerprint: "bad"})
	inputs, err := policy.Split(b)
	if len(sre.ProblemsIn(err)) != 1 {
		t.Errorf("problems %v", err)
	}
	n := 0
	for _, in := range inputs {
		n += len(in.Alerts)
		if data, err := json.Marshal(in); err != nil || len(data) > alert.MaxInputBytes+1000 || len(in.Alerts) > alert.MaxInputAlerts {
			t.Errorf("%d alerts, %d bytes, %v", len(in.Alerts), len(data), err)
		}
	}
	if n != 1000 {
		t.Errorf("%d alerts of 1000", n)
	}
	if policy.IsSource(&b.Alerts[0]) {
		t.Error("a source without an inhibition")
	}
}
