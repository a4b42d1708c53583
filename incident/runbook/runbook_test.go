package runbook_test

import (
	"fmt"
	"regexp"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"pgregory.net/rapid"

	"github.com/sre-sdk/sre"
	"github.com/sre-sdk/sre/incident/runbook"
)

func entry(t testing.TB, body string) *runbook.Entry {
	t.Helper()
	c, err := runbook.Library{Runbooks: []runbook.Runbook{{ID: "r", Body: body}}}.Compile()
	if err != nil {
		t.Fatal(err)
	}
	e, _ := c.Get("r")
	return e
}

func TestSteps(t *testing.T) {
	for _, row := range []struct {
		name, body string
		want       []string // line, anchor, done, title, detail
	}{
		{"no heading", "1. a\n2. b\n", nil},
		{"numbered", "## Steps\n1. a\n2) b\n", []string{"2 steps false a|", "3 steps false b|"}},
		{"boxes", "# STEPS:\n- [ ] a\n* [x] b\n", []string{"2 steps false a|", "3 steps true b|"}},
		{"an underlined heading", "Steps\n-----\n\n1. a\n", []string{"4 steps false a|"}},
		{"headings", "## Steps\n\nfirst read this\n\n### [ ] Drain `it`\n\n1. x\n\n#### more\ny\n### Again\n", []string{"5 --drain-it false Drain `it`|1. x\n\n#### more\ny", "11 again false Again|"}},
		{"details", "## Steps\n1. a\n   b\n\n   - [ ] c\n2. d\n\n   ```\n   # Steps\n   1. e\n   ```\n", []string{"2 steps false a|b\n\n- [ ] c", "6 steps false d|```\n# Steps\n1. e\n```"}},
		{"up to the next heading", "## Steps\n1. a\n## After\n1. b\n", []string{"2 steps false a|"}},
		{"the first ones only", "## Steps\n1. a\n# Other\n## Steps\n1. b\n", []string{"2 steps false a|"}},
		{"not in comments or code", "<!--\n## Steps\n1. a\n-->\n```\n## Steps\n1. b\n```\n## Steps\n<!-- 1. c -->\n1. d\n", []string{"11 steps false d|"}},
		{"lines of Windows", "## Steps\r\n1. a\r\n2. b\r\n", []string{"2 steps false a|", "3 steps false b|"}},
		{"a plain list is none", "## Steps\n- a\n- b\n", nil},
	} {
		t.Run(row.name, func(t *testing.T) {
			var got []string
			for i, s := range entry(t, row.body).Steps() {
				if s.Number != i+1 {
					t.Errorf("step %d has number %d", i, s.Number)
				}
				got = append(got, fmt.Sprintf("%d %s %v %s|%s", s.Line, s.Anchor, s.Done, s.Title, s.Detail))
			}
			if diff := cmp.Diff(row.want, got); diff != "" {
				t.Errorf("steps (-want +got):\n%s", diff)
			}
		})
	}
}

// The anchors of GitHub.
func TestAnchors(t *testing.T) {
	var got []string
	for _, s := range entry(t, "# Hello, World!\n## hello world\n## Hello `World`\n### Größe & [link](http://x) ##\n## hello-world-1\n#\n# a_b  c\n#no\n").Sections() {
		got = append(got, s.Anchor)
	}
	want := []string{"hello-world", "hello-world-1", "hello-world-2", "größe--link", "hello-world-1-1", "", "a_b--c"}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Errorf("anchors (-want +got):\n%s", diff)
	}
}

func TestValuesAreFilledInWhereTheyMeanNothing(t *testing.T) {
	for _, row := range []struct{ name, text, value, want, code string }{
		{"text", "of {{ x }}.", "check-out_1", "of check-out_1.", ""},
		{"Markdown", "of {{x}}", "[a](b) *c* <b>", `of \[a\]\(b\) \*c\* &lt;b&gt;`, ""},
		{"a line break", "of {{x}}", "a\n# b", `of a \# b`, ""},
		{"a link of its own", "of {{x}}", "https://evil.example", `of https\:\/\/evil\.example`, ""},
		{"the direction of text", "of {{x}}", "a\u202eb", "of ab", ""},
		{"a query", "see https://h/d?q={{x}}", "a b&c=d", "see https://h/d?q=a%20b%26c%3Dd", ""},
		{"a target", "[a](/d/{{x}})", "a) [b](javascript:c", "[a](/d/a%29%20%5Bb%5D%28javascript%3Ac)", ""},
		{"a whole target", "[a]({{x}})", "https://h/p?q=1", "[a](https://h/p?q=1)", ""},
		{"a script as target", "[a]({{x}})", "javascript:alert(1)", "[a]({{x}})", "unsafe_value"},
		{"code", "run `k {{x}}` now", "db-1.eu", "run `k db-1.eu` now", ""},
		{"a command in code", "run `k {{x}}` now", "a; rm -rf /", "run `k {{x}}` now", "unsafe_value"},
		{"an option in code", "run `k {{x}}` now", "--all", "run `k {{x}}` now", "unsafe_value"},
		{"nothing in code", "run `k {{x}}` now", "", "run `k {{x}}` now", "unknown_variable"}, // an empty label is a missing one
		{"a blank value is none", "run {{x}}", " \n\u202e", "run {{x}}", "unknown_variable"},
		{"a block", "```\nk {{x}}\n```\n{{x}}", "$(y)", "```\nk {{x}}\n```\n" + `\$\(y\)`, "unsafe_value"},
		{"indented code", "    k {{x}}", "$(y)", "    k {{x}}", "unsafe_value"},
		{"code over two lines", "`k\n{{x}}`", "$(y)", "`k\n{{x}}`", "unsafe_value"},
		{"code after a backtick of another item", "1. a ` b\n2. `k {{x}}`", "$(y)", "1. a ` b\n2. `k {{x}}`", "unsafe_value"},
		{"code after a backslash", "\\\\`k {{x}}`", "$(y)", "\\\\`k {{x}}`", "unsafe_value"},
		{"after code", "`k` {{x}}", "$(y)", "`k` " + `\$\(y\)`, ""},
		{"a tag", `<a title="{{x}}">`, `" onclick="y`, `<a title="{{x}}">`, "unsafe_value"},
		{"escaped", `\{{x}} {{x}}`, "a", "{{x}} a", ""},
		{"another template", "{{.x}} {{ x y }} ${{ x-y }}", "a", "{{.x}} {{ x y }} ${{ x-y }}", ""},
		{"a value that looks like a variable", "{{x}}", "{{y}}", `\{\{y\}\}`, ""},
		{"unknown", "{{y}}", "a", "{{y}}", "unknown_variable"},
		{"too long", "{{x}}", strings.Repeat("a", 1001), "{{x}}", "unsafe_value"},
	} {
		t.Run(row.name, func(t *testing.T) {
			got, problems := entry(t, row.text).Markdown(sre.LabelsOf(map[string]string{"x": row.value}))
			code := ""
			if len(problems) > 0 {
				code = problems[0].Code
			}
			if got != row.want || code != row.code {
				t.Errorf("%q with %q is %q, %q; want %q, %q", row.text, row.value, got, code, row.want, row.code)
			}
		})
	}
}

func TestHTMLIsEscaped(t *testing.T) {
	body := "# <b>\n## Steps\n1. say {{x}} <i>\n   `{{x}}`\n"
	got, problems := entry(t, body).HTML(sre.LabelsOf(map[string]string{"x": "<script>&\""}))
	want := "<h1>&lt;b&gt;</h1>\n<ol>\n<li id=\"step-1\"><p>say &lt;script&gt;&amp;&#34; &lt;i&gt;</p><pre>`{{x}}`</pre></li>\n</ol>\n"
	if got != want || len(problems) != 1 {
		t.Errorf("got %q, %v; want %q", got, problems, want)
	}
}

// Whatever a label says, the runbook keeps its headings, steps and lines, and
// in HTML there are no tags but ours.
func TestValuesChangeNoStructure(t *testing.T) {
	lines := []string{"", "# H {{x}}", "## Steps", "1. a {{x}}", "   b `{{x}}`", "- [ ] {{x}}", "{{x}}", "```", "### c {{y}}", "`", "<!-- {{x}}", "-->", "    {{x}}", "[l](#{{x}})", "> {{x}}", "| {{x}} |", "==="}
	value := rapid.StringOf(rapid.SampledFrom([]rune("ab 1#-=`*[]()<>!|\\\n\r\t.~_{}&\"'/:+")))
	tag := regexp.MustCompile(`<[^>]*>`)
	rapid.Check(t, func(t *rapid.T) {
		body := strings.Join(rapid.SliceOfN(rapid.SampledFrom(lines), 0, 12).Draw(t, "lines"), "\n")
		c, err := runbook.Library{Runbooks: []runbook.Runbook{{ID: "r", Body: body}}}.Compile()
		if err != nil {
			t.Fatal(err)
		}
		e, _ := c.Get("r")
		labels := sre.LabelsOf(map[string]string{"x": value.Draw(t, "x"), "y": value.Draw(t, "y")})
		shape := func(e *runbook.Entry) (list []string) {
			for _, s := range e.Sections() {
				list = append(list, fmt.Sprint("heading ", s.Level, " ", s.Line))
			}
			for _, s := range e.Steps() {
				list = append(list, fmt.Sprint("step ", s.Number, " ", s.Line))
			}
			return list
		}
		text, _ := e.Markdown(labels)
		filled, err := runbook.Library{Runbooks: []runbook.Runbook{{ID: "r", Body: text}}}.Compile()
		if err != nil {
			t.Fatal(err)
		}
		again, _ := filled.Get("r")
		if diff := cmp.Diff(shape(e), shape(again)); diff != "" {
			t.Fatalf("%q became %q (-before +after):\n%s", body, text, diff)
		}
		page, _ := e.HTML(labels)
		for _, found := range tag.FindAllString(page, -1) {
			if !regexp.MustCompile(`^</?(h1|ol|li|p|pre)( id="step-\d+")?>$`).MatchString(found) {
				t.Fatalf("%s in %s", found, page)
			}
		}
	})
}

func TestMatchOrdersBySpecificity(t *testing.T) {
	m := runbook.MustMatchers
	c, err := runbook.Library{Runbooks: []runbook.Runbook{
		{ID: "any", Match: []runbook.Matchers{m(`service=~".+"`)}},
		{ID: "b", Match: []runbook.Matchers{m(`service="db"`), m(`service="db", severity!="info"`)}},
		{ID: "a", Match: []runbook.Matchers{m(`service=~"d."`)}},
		{ID: "none"},
	}}.Compile()
	if err != nil {
		t.Fatal(err)
	}
	var got []string
	for _, found := range c.Match(sre.LabelsOf(map[string]string{"service": "db"})) {
		got = append(got, found.Runbook.ID()+" "+found.By.String())
	}
	want := []string{`b {service="db", severity!="info"}`, `a {service=~"d."}`, `any {service=~".+"}`}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Errorf("matches (-want +got):\n%s", diff)
	}
	if c.Match(sre.Labels{}) != nil {
		t.Error("an alert without labels has a runbook")
	}
}

func TestProblemsAreReportedAtOnce(t *testing.T) {
	_, err := runbook.Library{ReviewEvery: -1, Runbooks: []runbook.Runbook{
		{ID: "a b", Owner: "x y", Title: strings.Repeat("x", runbook.MaxText+1), ReviewEvery: -1, URL: "http://h/#x",
			Match: []runbook.Matchers{{}, runbook.MustMatchers(`a!="b"`)}, Variables: map[string]string{"1": ""}},
		{ID: "c", Body: strings.Repeat("x", runbook.MaxBody+1)},
		{ID: "c", Body: "## Steps\n" + strings.Repeat("1. x\n", runbook.MaxSteps+1)},
	}}.Compile()
	var got []string
	for _, p := range sre.ProblemsIn(err) {
		got = append(got, p.Path+" "+p.Code)
	}
	want := []string{"review_every out_of_range", "runbooks[0].id invalid_id", "runbooks[0].owner invalid_id", "runbooks[0].title too_long",
		"runbooks[0].review_every out_of_range", "runbooks[0].url invalid_url", "runbooks[0].match[0] missing", "runbooks[0].match[1] matches_everything",
		"runbooks[0].variables invalid_name", "runbooks[1].body too_long", "runbooks[2].id duplicate_id", "runbooks[2].body too_many"}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Errorf("problems (-want +got):\n%s", diff)
	}
}

func TestLint(t *testing.T) {
	c, err := runbook.Library{Runbooks: []runbook.Runbook{
		{ID: "good", Owner: "team", Match: []runbook.Matchers{runbook.MustMatchers("a=b")}, Body: "## Steps\n1. see [x](#steps)"},
		{ID: "bad", Body: "see [x](#steps) and [y](#steps)"},
	}}.Compile()
	if err != nil {
		t.Fatal(err)
	}
	var got []string
	for _, f := range c.Lint() {
		got = append(got, f.Runbook+" "+f.Code)
	}
	if want := []string{"bad broken_anchor", "bad no_match", "bad no_owner", "bad no_steps"}; !slices.Equal(got, want) {
		t.Errorf("findings %v, want %v", got, want)
	}
}

// Coverage by its definition: every alert against every runbook.
func TestCoverageAgreesWithItsDefinition(t *testing.T) {
	const interval = 10 * 24 * time.Hour
	epoch := time.Date(2026, 1, 1, 0, 0, 0, 0, time.UTC)
	day := func(n int) time.Time {
		if n < 0 {
			return time.Time{}
		}
		return epoch.Add(time.Duration(n) * 24 * time.Hour)
	}
	rapid.Check(t, func(t *rapid.T) {
		now := day(15)
		value := rapid.SampledFrom([]string{"a", "b", "c"})
		days := rapid.IntRange(-1, 20)
		l := runbook.Library{ReviewEvery: interval}
		f := runbook.Facts{Used: map[string]time.Time{}, Reviewed: map[string]time.Time{}}
		matchOn := map[string]string{}
		var stale, unused []string
		for i := range rapid.IntRange(0, 4).Draw(t, "runbooks") {
			id := fmt.Sprint("r", i)
			matchOn[id] = value.Draw(t, "for")
			used, reviewed, recorded := days.Draw(t, "used"), days.Draw(t, "reviewed"), days.Draw(t, "recorded")
			l.Runbooks = append(l.Runbooks, runbook.Runbook{ID: id, Match: []runbook.Matchers{runbook.MustMatchers("alertname=" + matchOn[id])}, LastUsed: day(used), LastReviewed: day(reviewed)})
			f.Reviewed[id] = day(recorded)
			if last := max(reviewed, recorded); last < 0 || last > 15 || 15-last >= 10 {
				stale = append(stale, id)
			}
			if used < 0 {
				unused = append(unused, id)
			}
		}
		var uncovered, dangling, unmatched []string
		seen := map[string]bool{}
		for range rapid.IntRange(0, 5).Draw(t, "alerts") {
			a := runbook.Alert{Name: value.Draw(t, "name"), Runbook: rapid.SampledFrom([]string{"", "", "r0", "r9", "https://x"}).Draw(t, "names")}
			f.Alerts = append(f.Alerts, a)
			covered := a.Runbook == "https://x"
			for id, on := range matchOn {
				if on == a.Name || a.Runbook == id {
					covered, seen[id] = true, true
				}
			}
			if !covered {
				uncovered = append(uncovered, a.Name)
			}
			if _, ok := matchOn[a.Runbook]; a.Runbook != "" && a.Runbook != "https://x" && !ok {
				dangling = append(dangling, a.Name)
			}
		}
		for _, r := range l.Runbooks {
			if !seen[r.ID] {
				unmatched = append(unmatched, r.ID)
			}
		}
		c, err := l.Compile()
		if err != nil {
			t.Fatal(err)
		}
		got := c.Cover(f, now)
		names := func(alerts []runbook.Alert) (list []string) {
			for _, a := range alerts {
				list = append(list, a.Name)
			}
			return list
		}
		var gotStale []string
		for _, s := range got.Stale {
			gotStale = append(gotStale, s.Runbook)
		}
		slices.Sort(uncovered)
		slices.Sort(dangling)
		for name, pair := range map[string][2][]string{
			"uncovered": {uncovered, names(got.Uncovered)}, "dangling": {dangling, names(got.Dangling)}, "unmatched": {unmatched, got.Unmatched},
			"stale": {stale, gotStale}, "never used": {unused, got.NeverUsed},
		} {
			if !slices.Equal(pair[0], pair[1]) {
				t.Fatalf("%s: %v, want %v", name, pair[1], pair[0])
			}
		}
	})
}

func TestReviews(t *testing.T) {
	at := time.Date(2026, 1, 1, 0, 0, 0, 0, time.UTC)
	good := runbook.Review{Incident: "i", By: sre.Actor{Kind: sre.Human, ID: "a"}, At: at,
		Runbooks: runbook.Verdict{Answer: runbook.Changed, Items: []string{"r"}}, Alerts: runbook.Verdict{Answer: runbook.NotNeeded, Why: "they were right"}}
	if err := good.Validate(); err != nil {
		t.Error(err)
	}
	bad := runbook.Review{Runbooks: runbook.Verdict{Answer: runbook.Changed}, Alerts: runbook.Verdict{Answer: runbook.NotNeeded, Items: []string{"x"}, Why: " "}}
	var got []string
	for _, p := range sre.ProblemsIn(bad.Validate()) {
		got = append(got, p.Path+" "+p.Code)
	}
	want := []string{"incident invalid_id", "by invalid_actor", "at missing", "runbooks.items wrong_count", "alerts.why missing", "alerts.items not_allowed"}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Errorf("problems (-want +got):\n%s", diff)
	}
	next := good
	next.At = at.Add(time.Hour)
	if got := runbook.ReviewsOf([]runbook.Review{next, good, bad}); !got["r"].Equal(next.At) || len(got) != 1 {
		t.Errorf("reviewed %v", got)
	}
	if got := runbook.Owed([]string{"j", "i", "j"}, []runbook.Review{good}); !slices.Equal(got, []string{"j"}) {
		t.Errorf("owed %v", got)
	}
}

func FuzzCompile(f *testing.F) {
	f.Add(library.Runbooks[0].Body, "x`$(y)")
	f.Add("Steps\n===\n1. `{{a}}\n<!--\n", "\x00")
	f.Fuzz(func(t *testing.T, body, value string) {
		c, err := runbook.Library{Runbooks: []runbook.Runbook{{ID: "r", Body: body, Variables: map[string]string{"service": value, "a": value}}}}.Compile()
		if err != nil {
			return
		}
		e, _ := c.Get("r")
		seen := map[string]bool{}
		lines := 1 + strings.Count(body, "\n")
		for _, s := range e.Sections() {
			if seen[s.Anchor] || s.Line < 1 || s.Line > lines {
				t.Errorf("section %+v", s)
			}
			seen[s.Anchor] = true
		}
		for i, s := range e.Steps() {
			if s.Number != i+1 || s.Line < 1 || s.Line > lines || !seen[s.Anchor] {
				t.Errorf("step %+v", s)
			}
		}
		e.StepsFor(sre.Labels{})
		e.HTML(sre.Labels{})
		if text, _ := e.Markdown(sre.Labels{}); strings.Count(text, "\n") != strings.Count(body, "\n") {
			t.Errorf("%q became %q", body, text)
		}
	})
}

// The worst of what fits is filled in within seconds.
func TestLargestRunbook(t *testing.T) {
	for name, unit := range map[string]string{"one line": "`{{a}}<a ", "lines": "`{{a}}<a \n", "long lines": strings.Repeat("`{{a}}](", 500) + "\n", "ticks": strings.Repeat("`", 30) + " {{a}} \\`"} {
		body := strings.Repeat(unit, runbook.MaxBody/len(unit))
		began := time.Now()
		entry(t, body).Markdown(sre.LabelsOf(map[string]string{"a": "$(y)"}))
		if took := time.Since(began); took > 20*time.Second {
			t.Errorf("%s took %v", name, took)
		}
		t.Log(name, time.Since(began))
	}
}
