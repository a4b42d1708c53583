package yamlfile_test

import (
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/sre-sdk/sre"
	"github.com/sre-sdk/sre/internal/yamlfile"
)

// root parses one document whose problems go to the returned place.
func root(t *testing.T, text string) (yamlfile.Node, *sre.Problems) {
	t.Helper()
	docs, err := yamlfile.Parse(strings.NewReader(text), yamlfile.Options{Name: "f"})
	if err != nil || len(docs) != 1 {
		t.Fatalf("got %d documents, %v", len(docs), err)
	}
	problems := new(sre.Problems)
	return docs[0].Node(problems), problems
}

func lines(problems *sre.Problems) []string {
	var list []string
	for _, p := range sre.ProblemsIn(problems.Err("")) {
		list = append(list, p.Path+" "+p.Code)
	}
	return list
}

func TestAccessorsReadOrReport(t *testing.T) {
	read := map[string]func(yamlfile.Node) any{
		"text":     func(n yamlfile.Node) any { return n.Text() },
		"texts":    func(n yamlfile.Node) any { return strings.Join(n.Texts(), "|") },
		"enum":     func(n yamlfile.Node) any { return n.Enum("Red", "Blue") },
		"bool":     func(n yamlfile.Node) any { return n.Bool() },
		"int":      func(n yamlfile.Node) any { return n.Int(0, 100) },
		"decimal":  func(n yamlfile.Node) any { return n.Decimal() },
		"float":    func(n yamlfile.Node) any { return n.Float() },
		"duration": func(n yamlfile.Node) any { return n.Duration() },
		"list":     func(n yamlfile.Node) any { return len(n.List()) },
		"map":      func(n yamlfile.Node) any { return n.Map().Exists() },
		"severity": func(n yamlfile.Node) any { return yamlfile.Value(n, sre.Scale(nil).Parse) },
	}
	for _, tt := range []struct {
		accessor, yaml string
		want           any
		code           string // of the problem; "" if there is none
	}{
		{"text", `shop`, "shop", ""},
		{"text", `no`, "no", ""}, // not false
		{"text", `1.10`, "1.10", ""},
		{"text", `2026-01-31`, "2026-01-31", ""},
		{"text", `'it''s'`, "it's", ""},
		{"text", "|\n  a\n  b\n", "a\nb\n", ""},
		{"text", `~`, "", ""}, // null is absent
		{"text", `""`, "", ""},
		{"text", `[a]`, "", "wrong_type"},
		{"text", `{a: b}`, "", "wrong_type"},
		{"text", `!!binary aGk=`, "", "tag_not_allowed"},
		{"text", `!secret x`, "", "tag_not_allowed"},
		{"texts", `[a, 1, no]`, "a|1|no", ""},
		{"texts", `[a, ~]`, "a", "missing"},
		{"texts", `[a, [b]]`, "a", "wrong_type"},
		{"texts", `a`, "", "wrong_type"},
		{"enum", `Red`, "Red", ""},
		{"enum", `red`, "", "unknown_value"},
		{"bool", `true`, true, ""},
		{"bool", `false`, false, ""},
		{"bool", `"true"`, false, "wrong_type"},
		{"bool", `yes`, false, "wrong_type"},
		{"bool", `1`, false, "wrong_type"},
		{"int", `42`, 42, ""},
		{"int", `"42"`, 0, "wrong_type"},
		{"int", `042`, 0, "wrong_type"}, // 34 in YAML 1.1
		{"int", `0x2a`, 0, "wrong_type"},
		{"int", `4_2`, 0, "wrong_type"},
		{"int", `4.0`, 0, "wrong_type"},
		{"int", `101`, 0, "out_of_range"},
		{"int", `-1`, 0, "out_of_range"},
		{"decimal", `0.99950`, "0.99950", ""},
		{"decimal", `"0.1"`, "0.1", ""},
		{"decimal", `0.1234567890123456789012345`, "0.1234567890123456789012345", ""},
		{"decimal", `9.99e-1`, "", "wrong_type"},
		{"decimal", `.5`, "", "wrong_type"},
		{"decimal", `99%`, "", "wrong_type"},
		{"decimal", `.nan`, "", "wrong_type"},
		{"float", `500`, 500.0, ""},
		{"float", `-1.5e3`, -1500.0, ""},
		{"float", `.inf`, 0.0, "wrong_type"},
		{"float", `1e999`, 0.0, "out_of_range"},
		{"float", `"1"`, 0.0, "wrong_type"},
		{"duration", `30d`, 30 * 24 * time.Hour, ""},
		{"duration", `1w2d12h30m`, 9*24*time.Hour + 12*time.Hour + 30*time.Minute, ""},
		{"duration", `1.5h`, 90 * time.Minute, ""},
		{"duration", `500ms`, 500 * time.Millisecond, ""},
		{"duration", `0`, time.Duration(0), ""},
		{"duration", `30`, time.Duration(0), "invalid_duration"},
		{"duration", `-1h`, time.Duration(0), "invalid_duration"},
		{"duration", `1.5d`, time.Duration(0), "invalid_duration"},
		{"duration", `1d2w`, time.Duration(0), "invalid_duration"},
		{"duration", `1M`, time.Duration(0), "invalid_duration"},
		{"duration", `15251w`, time.Duration(0), "invalid_duration"}, // beyond 2^63 ns
		{"duration", `15250w9999h`, time.Duration(0), "invalid_duration"},
		{"duration", `d`, time.Duration(0), "invalid_duration"},
		{"list", `[1, 2]`, 2, ""},
		{"list", `{}`, 0, "wrong_type"},
		{"map", `{a: 1}`, true, ""},
		{"map", `[]`, false, "wrong_type"},
		{"severity", `P2`, sre.Severity(2), ""},
		{"severity", `P9`, sre.Severity(0), "unknown_severity"},
	} {
		t.Run(tt.accessor+" "+tt.yaml, func(t *testing.T) {
			n, problems := root(t, "v: "+tt.yaml)
			got := read[tt.accessor](n.Map().Optional("v"))
			if diff := cmp.Diff(got, tt.want); diff != "" {
				t.Errorf("value (-got +want):\n%s", diff)
			}
			found := sre.ProblemsIn(problems.Err(""))
			switch {
			case tt.code == "" && len(found) > 0, tt.code != "" && (len(found) != 1 || found[0].Code != tt.code):
				t.Errorf("got problems %v, want %q", found, tt.code)
			}
		})
	}
}

func TestProblemsNameLineAndPath(t *testing.T) {
	n, problems := root(t, `
name: 7
limits:
  "a/b c":
    - 1
    - x
empty:
`)
	m := n.Map()
	m.Required("gone")
	m.Required("empty")
	for _, limit := range m.Required("limits").Map().All() {
		for _, item := range limit.List() {
			item.Int(0, 9)
		}
	}
	m.Done()
	want := []string{"f:2: gone missing", "f:7: empty missing", `f:6: limits["a/b c"][1] wrong_type`, "f:2: name unknown_field"}
	if diff := cmp.Diff(lines(problems), want); diff != "" {
		t.Errorf("(-got +want):\n%s", diff)
	}
}

func TestDoneRefusesWhatNobodyTook(t *testing.T) {
	n, problems := root(t, "a: 1\nb: {secret: hunter2}\nc: 3\n<<: {d: 4}\n")
	m := n.Map()
	m.Optional("c")
	m.Optional("a")
	m.Done()
	err := problems.Err("x")
	if diff := cmp.Diff(lines(problems), []string{"f:2: b unknown_field", `f:4: ["<<"] unknown_field`}); diff != "" {
		t.Errorf("(-got +want):\n%s", diff)
	}
	if got := sre.ProblemsIn(err)[0].Want; got != "one of a, c" {
		t.Errorf("got want %q, want the known fields", got)
	}
	if strings.Contains(err.Error(), "hunter2") {
		t.Errorf("the content of an unknown field is repeated: %v", err)
	}
}

func TestMappingsAreUnambiguous(t *testing.T) {
	for _, tt := range []struct{ name, yaml, want string }{
		{"a duplicate key", "a: 1\nb: 2\na: 3\n", "f:3: a duplicate_field"},
		{"a key that is not a scalar", "[a]: 1\n", "f:1 wrong_type"},
		{"a tagged key", "!!int 1: 1\n", "f:1: 1 tag_not_allowed"},
	} {
		n, problems := root(t, tt.yaml)
		for range n.Map().All() {
			continue
		}
		if diff := cmp.Diff(lines(problems), []string{tt.want}); diff != "" {
			t.Errorf("%s (-got +want):\n%s", tt.name, diff)
		}
	}
}

func TestAliasesAreNotFollowed(t *testing.T) {
	n, problems := root(t, "a: &x [1]\nb: *x\nc: &loop [*loop]\n")
	m := n.Map()
	m.Required("a").List()
	m.Required("b").List()
	for _, item := range m.Required("c").List() {
		item.List()
	}
	want := []string{"f:2: b alias_not_allowed", "f:3: c[0] alias_not_allowed"}
	if diff := cmp.Diff(lines(problems), want); diff != "" {
		t.Errorf("(-got +want):\n%s", diff)
	}
}

func TestWhatIsMissingInSomethingMissingIsSilent(t *testing.T) {
	n, problems := root(t, "a: text\n")
	m := n.Map()
	for _, name := range []string{"a", "b"} {
		inner := m.Required(name).Map()
		inner.Required("x").Duration()
		inner.Required("y").Map().Required("z").Float()
		inner.Done()
	}
	if diff := cmp.Diff(lines(problems), []string{"f:1: a wrong_type", "f:1: b missing"}); diff != "" {
		t.Errorf("(-got +want):\n%s", diff)
	}
}

func TestIntoCollectsAPartApart(t *testing.T) {
	n, outer := root(t, "a: x\nb: x\n")
	var inner sre.Problems
	m := n.Map()
	m.Required("a").Into(&inner).Int(0, 9)
	m.Required("b").Int(0, 9)
	if diff := cmp.Diff([][]string{lines(&inner), lines(outer)}, [][]string{{"f:1: a wrong_type"}, {"f:2: b wrong_type"}}); diff != "" {
		t.Errorf("(-got +want):\n%s", diff)
	}
}

func TestMergeKeepsThePathOfEachProblem(t *testing.T) {
	n, problems := root(t, "a:\n  b: 1\n")
	err := sre.Problem{Path: "rate", Code: "out_of_range"}
	n.Merge(err)
	n.Map().Required("a").Merge(err)
	n.Merge(nil)
	if diff := cmp.Diff(lines(problems), []string{"f:1: rate out_of_range", "f:1: a.rate out_of_range"}); diff != "" {
		t.Errorf("(-got +want):\n%s", diff)
	}
}

func TestLongKeysDoNotMakeLongPaths(t *testing.T) {
	key := strings.Repeat("k", 1000)
	n, problems := root(t, "? "+key+"\n: 1\n")
	n.Map().Done()
	if got := lines(problems); len(got) != 1 || len(got[0]) > 120 {
		t.Errorf("got %q, want one short line", got)
	}
}
