package routing_test

import (
	"fmt"
	"slices"
	"strings"
	"testing"
	"time"

	"pgregory.net/rapid"

	"github.com/sre-sdk/sre"
	"github.com/sre-sdk/sre/oncall"
	"github.com/sre-sdk/sre/oncall/alert"
	"github.com/sre-sdk/sre/oncall/routing"
)

var monday = time.Date(2026, 3, 2, 8, 30, 0, 0, time.UTC) // 09:30 in Berlin

func ExampleCompiled_Route() {
	policy := routing.Policy{
		ID: "shop", Default: "everybody", Zone: "Europe/Berlin",
		Routes: []routing.Route{
			{Name: "watchdog", Match: alert.MustMatchers(`alertname="Watchdog"`), Action: routing.Record},
			{Name: "database", Match: alert.MustMatchers(`team=~"db|storage"`), AtLeast: 2, Policy: "db", Owner: "db"},
			{Name: "office", AtMost: 3, Hours: []oncall.Hours{{From: "09:00", To: "17:00"}}, Policy: "office", Owner: "sre"},
			{Name: "later", AtMost: 3, Action: routing.Ticket, Owner: "sre"},
		},
		Require: routing.Requirements{Annotations: []string{"runbook_url"}},
	}.MustCompile()
	for _, a := range []alert.Alert{
		{Severity: 1, Labels: sre.LabelsOf(map[string]string{"team": "db"})},
		{Severity: 2, Labels: sre.LabelsOf(map[string]string{"team": "db"})},
		{Severity: 3, Annotations: map[string]string{"runbook_url": "https://example.com"}},
		{},
	} {
		d := policy.Route(&a, monday)
		fmt.Println(d.Action, d.Policy)
		for _, r := range d.Reasons {
			fmt.Println("  ", r)
		}
	}
	// Output:
	// page db
	//    route: route database says page
	//    kept: it has no annotation runbook_url, but severity P1 pages all the same
	// ticket db
	//    route: route database says page
	//    not_actionable: it has no annotation runbook_url, severity P2; a ticket instead of a page
	// page office
	//    route: route office says page
	// page everybody
	//    unowned: no route matches; the default policy everybody is paged
	//    kept: it has no annotation runbook_url, but severity unknown pages all the same
}

func ExampleMeasure() {
	at := func(h int) time.Time { return monday.Add(time.Duration(h) * time.Hour) }
	r, _ := routing.Measure([]routing.Fact{
		{Key: "disk/1", Name: "DiskFull", Owner: "sre", At: at(0), Paged: true, Verdict: routing.Actionable},
		{Key: "cpu/1", Name: "CPUHigh", At: at(1), Paged: true, Verdict: routing.Noise},
		{Key: "cpu/1", Name: "CPUHigh", At: at(2), Paged: true},
		{Key: "cpu/1", Name: "CPUHigh", At: at(9), Paged: false},
	}, 0)
	fmt.Print(r.Markdown())
	// Output:
	// # Alert quality
	//
	// 3 pages and 1 tickets.
	//
	// - Actionable: 33 % to 67 % (1 yes, 1 no, 1 not judged)
	// - Repeats within 4h0m0s: 1
	// - Without owner: 2
	//
	// | Alert | Pages | Noise | Repeats | Not judged | Owners |
	// |---|---|---|---|---|---|
	// | CPUHigh | 2 | 1 | 1 | 1 |  |
}

func routes(t *rapid.T) []routing.Route {
	var list []routing.Route
	for i := range rapid.IntRange(0, 5).Draw(t, "routes") {
		r := routing.Route{Name: fmt.Sprint("r", i), Policy: fmt.Sprint("p", i), Action: routing.Action(rapid.IntRange(0, 3).Draw(t, "action"))}
		r.Match = alert.MustMatchers(rapid.SampledFrom([]string{`a="1"`, `a!="1"`, `a=~"1|2"`, `b="",a="2"`}).Draw(t, "match"))
		r.AtLeast = sre.Severity(rapid.IntRange(0, 4).Draw(t, "at least"))
		if rapid.Bool().Draw(t, "services") {
			r.Services = []string{"s1", "s2"}
		}
		if rapid.Bool().Draw(t, "hours") {
			r.Hours = []oncall.Hours{{From: "09:00", To: "17:00", Weekdays: []time.Weekday{1, 2, 3, 4, 5}}}
		}
		list = append(list, r)
	}
	return list
}

// The decision is that of the first route whose conditions hold, spelled out.
func TestRouteEqualsTheFirstMatch(t *testing.T) {
	berlin, _ := time.LoadLocation("Europe/Berlin")
	rapid.Check(t, func(t *rapid.T) {
		p := routing.Policy{ID: "x", Default: "d", Zone: "Europe/Berlin", Routes: routes(t), Require: routing.Requirements{Service: rapid.Bool().Draw(t, "require")}}
		c, err := p.Compile()
		if err != nil {
			t.Fatal(err)
		}
		a := alert.Alert{
			Severity: sre.Severity(rapid.IntRange(0, 5).Draw(t, "severity")), Service: rapid.SampledFrom([]string{"", "s1", "s3"}).Draw(t, "service"),
			Labels: sre.LabelsOf(map[string]string{"a": rapid.SampledFrom([]string{"", "1", "2"}).Draw(t, "a"), "b": rapid.SampledFrom([]string{"", "x"}).Draw(t, "b")}),
		}
		now := monday.Add(time.Duration(rapid.IntRange(0, 7*24*4).Draw(t, "quarters")) * 15 * time.Minute)
		local := now.In(berlin)
		want, action := "", routing.Page
		for _, r := range p.Routes {
			severe := r.AtLeast == 0 || a.Severity.Effective() <= r.AtLeast
			service := r.Services == nil || slices.Contains(r.Services, a.Service)
			weekday := local.Weekday() >= 1 && local.Weekday() <= 5
			open := r.Hours == nil || weekday && local.Hour() >= 9 && local.Hour() < 17
			if severe && service && open && r.Match.Matches(a.Labels) {
				want = r.Name
				if r.Action != routing.ActionUnknown {
					action = r.Action
				}
				break
			}
		}
		if action == routing.Page && p.Require.Service && a.Service == "" && a.Severity.Effective() >= 2 {
			action = routing.Ticket
		}
		d := c.Route(&a, now)
		if d.Route != want || d.Action != action || len(d.Reasons) == 0 {
			t.Fatalf("%+v at %v: %+v, want route %q and %v", a, local, d, want, action)
		}
		if d.Action == routing.Page && (d.Policy == "" || !slices.Contains(c.Policies(), d.Policy)) {
			t.Fatalf("it pages by policy %q of %v", d.Policy, c.Policies())
		}
	})
}

func TestCompileReportsAllProblems(t *testing.T) {
	_, err := routing.Policy{
		ID: "a b", Zone: "Europe/Nowhere", Require: routing.Requirements{},
		Routes: []routing.Route{
			{Name: "all", Policy: "p"}, {Name: "all", Action: 9, AtLeast: 1, AtMost: 2, Hours: []oncall.Hours{{From: "25:00", To: "x"}}, Services: []string{""}},
		},
	}.Compile()
	for _, want := range []string{
		"id: invalid_id", "default: invalid_id", "zone: ", "routes[0]: shadows", "routes[1].name: duplicate", "routes[1].action: unknown_action",
		"routes[1].hours[0]", "routes[1].services[0]: invalid_id", "routes[1].at_most: never",
	} {
		if err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("%v\n\tdoes not say %q", err, want)
		}
	}
}

func BenchmarkRoute(b *testing.B) {
	p := routing.Policy{ID: "x", Default: "d"}
	for i := range 50 {
		p.Routes = append(p.Routes, routing.Route{Name: fmt.Sprint("r", i), Match: alert.MustMatchers(fmt.Sprintf(`team="t%d",env=~"prod|stage"`, i)), Policy: "p"})
	}
	c := p.MustCompile()
	a := alert.Alert{Severity: 2, Labels: sre.LabelsOf(map[string]string{"team": "t49", "env": "prod", "alertname": "x"})}
	b.ReportAllocs()
	for b.Loop() {
		if d := c.Route(&a, monday); d.Route != "r49" {
			b.Fatal(d)
		}
	}
}

func problems(err error) string {
	if err == nil {
		return ""
	}
	return err.Error()
}

// The worst severity pages whatever it lacks, unless a route calls it milder.
func TestOnlyItsOwnersMakeTheWorstATicket(t *testing.T) {
	p := routing.Policy{ID: "x", Default: "d", Require: routing.Requirements{Service: true}, Routes: []routing.Route{
		{Name: "mild", Match: alert.MustMatchers(`team="mild"`), Severity: 3, Policy: "p"},
		{Name: "bad", Match: alert.MustMatchers(`team="bad"`), Severity: 1, Policy: "p"},
	}}
	c := p.MustCompile()
	for _, v := range []struct {
		team     string
		severity sre.Severity
		want     routing.Action
	}{
		{"", 0, routing.Page}, {"", 1, routing.Page}, {"", 2, routing.Ticket},
		{"mild", 0, routing.Ticket}, {"mild", 1, routing.Ticket}, {"bad", 4, routing.Page},
	} {
		if d := c.Route(&alert.Alert{Severity: v.severity, Labels: sre.LabelsOf(map[string]string{"team": v.team})}, monday); d.Action != v.want {
			t.Errorf("severity %v of team %q: %+v, want %v", v.severity, v.team, d, v.want)
		}
	}
	p.Require.Demote = 1
	if _, err := p.Compile(); !strings.Contains(problems(err), "require.demote: out_of_range") {
		t.Errorf("the worst severity may become a ticket: %v", err)
	}
}

func TestRoutesThatCannotMatchAreRefused(t *testing.T) {
	_, err := routing.Policy{ID: "x", Default: "d", Routes: []routing.Route{
		{Name: "empty", Match: alert.Matchers{{}}, Policy: "p"}, {Name: "any", AtMost: 1, Policy: "p"}, {Name: "last", Policy: "p"},
	}}.Compile()
	for _, want := range []string{"routes[0].match[0]: missing", "routes[1]: shadows"} {
		if !strings.Contains(problems(err), want) {
			t.Errorf("%v\n\tdoes not say %q", err, want)
		}
	}
}

// Whoever changes what was compiled, or what Policy returned, does not change
// what decides.
func TestCompiledIsImmutable(t *testing.T) {
	p := routing.Policy{ID: "x", Default: "d", Zone: "UTC", Routes: []routing.Route{{
		Name: "r", Policy: "p", Services: []string{"s"}, Hours: []oncall.Hours{{Weekdays: []time.Weekday{1}, From: "00:00", To: "24:00"}},
	}}, Require: routing.Requirements{Labels: []string{"team"}}}
	c := p.MustCompile()
	before := c.Markdown()
	for _, list := range [][]routing.Route{p.Routes, c.Policy().Routes} {
		list[0].Services[0], list[0].Hours[0].Weekdays[0], list[0].Policy = "spoilt", 2, "spoilt"
	}
	p.Require.Labels[0], c.Policy().Require.Labels[0] = "spoilt", "spoilt"
	if after := c.Markdown(); after != before {
		t.Errorf("%s\nwas\n%s", after, before)
	}
}

func TestMeasureDoesNotDependOnTheOrder(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		var facts []routing.Fact
		for range rapid.IntRange(0, 8).Draw(t, "facts") {
			facts = append(facts, routing.Fact{
				Key: rapid.SampledFrom([]string{"k", "l"}).Draw(t, "key"), Name: rapid.SampledFrom([]string{"a", "b"}).Draw(t, "name"),
				Owner: rapid.SampledFrom([]string{"", "x", "y"}).Draw(t, "owner"), At: monday.Add(time.Duration(rapid.IntRange(0, 3).Draw(t, "at")) * time.Hour),
				Paged: rapid.Bool().Draw(t, "paged"), Verdict: routing.Verdict(rapid.IntRange(0, 2).Draw(t, "verdict")),
			})
		}
		want, err := routing.Measure(facts, 2*time.Hour)
		if err != nil {
			t.Fatal(err)
		}
		got, _ := routing.Measure(rapid.Permutation(facts).Draw(t, "order"), 2*time.Hour)
		if got.Markdown() != want.Markdown() || got.Repeats != want.Repeats {
			t.Fatalf("%+v\nin another order\n%+v", want, got)
		}
		if want.Actionable+want.Noise+want.Unjudged != want.Pages || want.Pages+want.Tickets != len(facts) || want.Repeats > max(0, want.Pages-1) {
			t.Fatalf("%+v of %v", want, facts)
		}
	})
}
