package yamlfile_test

import (
	"errors"
	"strings"
	"testing"
	"testing/iotest"

	"github.com/google/go-cmp/cmp"

	"github.com/sre-sdk/sre"
	"github.com/sre-sdk/sre/internal/yamlfile"
)

func TestParseRefusesWithTheLine(t *testing.T) {
	small := yamlfile.Options{Name: "f.yaml", MaxBytes: 60, MaxDocuments: 2, MaxNodes: 9, MaxDepth: 3}
	for _, tt := range []struct{ name, text, path, code string }{
		{"a list without end", "a: 1\nb: [1,\nc: 2\n", "f.yaml:2", "invalid_yaml"}, // where it begins
		{"a mapping in a scalar", "a: 1\nb: 1\n  c: 2\n", "f.yaml:3", "invalid_yaml"},
		{"a quote without end", "a: 1\nb: 'c\n", "f.yaml:2", "invalid_yaml"},
		{"a tab as indentation", "a:\n\tb: 1\n", "f.yaml:2", "invalid_yaml"},
		{"bytes that are not UTF-8", "a: \xff\n", "f.yaml", "invalid_yaml"},
		{"a good document before a broken one", "a: 1\n---\n}\n", "f.yaml:3", "invalid_yaml"},
		{"one byte too many", strings.Repeat("#", 61), "f.yaml", "too_large"},
		{"one document too many", "a: 1\n---\nb: 1\n---\nc: 1\n", "f.yaml:5", "too_many_documents"},
		{"one value too many, over all documents", "[1, 2, 3, 4]\n---\n[1, 2, 3, 4]\n", "f.yaml:3", "too_large"},
		{"one list too deep", "a:\n  b:\n  - - c\n", "f.yaml:3", "too_deep"},
		{"nesting that would exhaust a stack", strings.Repeat("[", 60), "f.yaml", "invalid_yaml"},
	} {
		t.Run(tt.name, func(t *testing.T) {
			_, err := yamlfile.Parse(strings.NewReader(tt.text), small)
			problems := sre.ProblemsIn(err)
			if len(problems) != 1 {
				t.Fatalf("got %v, want one problem", err)
			}
			got := [2]string{strings.TrimSuffix(problems[0].Path, ":1"), problems[0].Code}
			if diff := cmp.Diff(got, [2]string{tt.path, tt.code}); diff != "" {
				t.Errorf("path and code (-got +want):\n%s\n%v", diff, err)
			}
		})
	}
}

func TestParseSkipsWhatHoldsNothing(t *testing.T) {
	for name, text := range map[string]string{
		"no bytes":                    "",
		"only comments":               "# a\n# b\n",
		"only separators":             "---\n---\n",
		"null":                        "null\n",
		"at the limit, an empty rest": "---\n" + strings.Repeat("#", 10),
	} {
		docs, err := yamlfile.Parse(strings.NewReader(text), yamlfile.Options{MaxBytes: 20})
		if err != nil || len(docs) != 0 {
			t.Errorf("%s: got %d documents, %v, want none", name, len(docs), err)
		}
	}
}

func TestParseKeepsTheReadersError(t *testing.T) {
	cause := errors.New("connection reset")
	_, err := yamlfile.Parse(iotest.ErrReader(cause), yamlfile.Options{Name: "f.yaml", Prefix: "openslo"})
	if !errors.Is(err, cause) || !strings.HasPrefix(err.Error(), "openslo: reading f.yaml: ") {
		t.Errorf("got %v, want the cause wrapped, after openslo: reading f.yaml", err)
	}
}

func TestParseTakesJSON(t *testing.T) {
	const text = `{
	"name": "a\/b \ud83d\ude00 \\/ \"\t",
	"period": "30d",
	"target": 0.9990
}`
	var problems sre.Problems
	docs, err := yamlfile.Parse(strings.NewReader(text), yamlfile.Options{})
	if err != nil {
		t.Fatal(err)
	}
	m := docs[0].Node(&problems).Map()
	got := []string{m.Required("name").Text(), m.Required("period").Duration().String(), m.Required("target").Decimal()}
	m.Done()
	if diff := cmp.Diff(got, []string{"a/b \U0001F600 \\/ \"\t", "720h0m0s", "0.9990"}); diff != "" || problems.Len() > 0 {
		t.Errorf("(-got +want):\n%s\n%v", diff, problems.Err("yamlfile"))
	}
}
