package match_test

import (
	"regexp"
	"strings"
	"testing"

	"pgregory.net/rapid"

	"github.com/sre-sdk/sre"
	"github.com/sre-sdk/sre/internal/match"
)

// The rules of Prometheus, one by one: a missing label is the empty value, and
// a regular expression is anchored, so that alternatives are too.
func TestMatchersAgreeWithTheirDefinition(t *testing.T) {
	values := []string{"", "a", "ab", "b", "a\nb", "A"}
	rapid.Check(t, func(t *rapid.T) {
		var texts []string
		labels := map[string]string{}
		for _, name := range []string{"x", "y", "z z"} {
			labels[name] = rapid.SampledFrom(values).Draw(t, name)
		}
		want := true
		for range rapid.IntRange(1, 4).Draw(t, "matchers") {
			name := rapid.SampledFrom([]string{"x", "y", "z z", "missing"}).Draw(t, "name")
			op := rapid.SampledFrom([]string{"=", "!=", "=~", "!~"}).Draw(t, "op")
			value := rapid.SampledFrom(append(values, "a|b", ".*", ".+", "a.b", "(?i)a", "")).Draw(t, "value")
			m, err := match.New(name, op, value)
			if err != nil {
				t.Fatal(err)
			}
			texts = append(texts, m.String())
			holds := labels[name] == value
			if strings.Contains(op, "~") {
				found := regexp.MustCompile("(?s)" + value)
				found.Longest()
				holds = false
				for _, at := range found.FindAllStringIndex(labels[name], -1) {
					holds = holds || at[0] == 0 && at[1] == len(labels[name])
				}
			}
			want = want && holds == !strings.HasPrefix(op, "!")
		}
		for _, text := range []string{strings.Join(texts, ","), "{ " + strings.Join(texts, " , ") + " , }"} {
			list, err := match.Parse(text)
			if err != nil {
				t.Fatal(err)
			}
			if got := list.Matches(sre.LabelsOf(labels)); got != want {
				t.Fatalf("%s matches %v: %v, want %v", text, labels, got, want)
			}
		}
	})
}

func TestNothingMatchesNothing(t *testing.T) {
	if (match.List{}).Matches(sre.Labels{}) || (match.Matcher{}).Matches(sre.Labels{}) || (match.List{{}}).Matches(sre.Labels{}) {
		t.Error("no matcher matches")
	}
}

func TestBadMatchersAreRefused(t *testing.T) {
	for text, want := range map[string]string{
		"": "missing", "{}": "missing", "{a=b": "invalid_matcher", "a": "invalid_matcher", "a=": "invalid_matcher",
		"a=b c=d": "invalid_matcher", "=b": "invalid_matcher", `a="b`: "invalid_matcher", "a==b": "invalid_matcher",
		`a=~"("`: "invalid_regexp", `""="x"`: "invalid_label_name", `a="\x00"`: "invalid_label_value", `a="\xff"`: "invalid_label_value",
		`a="` + strings.Repeat("x", match.MaxText+1) + `"`: "invalid_label_value",
		strings.Repeat("a=b,", match.MaxMatchers+1):        "too_many",
		strings.Repeat(" ", 1<<20):                         "too_long",
		`a=~"` + strings.Repeat("(x{100}){100}", 10) + `"`: "invalid_regexp",
	} {
		_, err := match.Parse(text)
		if p := sre.ProblemsIn(err); len(p) != 1 || p[0].Code != want {
			t.Errorf("%.40q: %v, want %s", text, err, want)
		}
	}
}

func FuzzParse(f *testing.F) {
	f.Add(`{severity="critical", team=~"db|web", "a b"!~x}`)
	f.Add("a=b,")
	f.Fuzz(func(t *testing.T, text string) {
		list, err := match.Parse(text)
		if err != nil {
			return
		}
		again, err := match.Parse(list.String())
		if err != nil || again.String() != list.String() {
			t.Errorf("%q is written as %q, which reads back as %q, %v", text, list, again, err)
		}
	})
}
