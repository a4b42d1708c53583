package docs_test

import (
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"slices"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
	"pgregory.net/rapid"

	"github.com/sre-sdk/sre"
)

// The root package has one file, so its tests stand here.

var outcomes = []sre.Outcome{sre.Allow, sre.Warn, sre.Unknown, sre.Hold, sre.Deny} // from best to worst

func TestOutcomesAreOrdered(t *testing.T) {
	for i, a := range outcomes {
		for j, b := range outcomes {
			if got, want := a.Worse(b), i > j; got != want {
				t.Errorf("%s.Worse(%s) = %v, want %v", a, b, got, want)
			}
			if got, want := sre.Worst(a, b), outcomes[max(i, j)]; got != want {
				t.Errorf("Worst(%s, %s) = %s, want %s", a, b, got, want)
			}
		}
	}
	if got := sre.Worst(); got != sre.Unknown {
		t.Errorf("Worst() = %s, want unknown: a verdict about nothing is not a yes", got)
	}
}

func TestOnlyAllowAndWarnPass(t *testing.T) {
	for _, o := range append(outcomes, 99) {
		if got, want := o.Passes(), o == sre.Allow || o == sre.Warn; got != want {
			t.Errorf("%s.Passes() = %v, want %v", o, got, want)
		}
	}
}

func TestWordsReadBackFromJSON(t *testing.T) {
	type words struct {
		Outcome sre.Outcome
		Actor   sre.Actor
		Labels  sre.Labels
	}
	for _, o := range outcomes {
		want := words{o, sre.Actor{Kind: sre.Human, ID: "alice", Via: "api"}, sre.LabelsOf(map[string]string{"b": "2", "a": `"1"`})}
		data, err := json.Marshal(want)
		var got words
		if err == nil {
			err = json.Unmarshal(data, &got)
		}
		if err != nil || got != want {
			t.Errorf("%s reads back as %+v, %v; want %+v", data, got, err, want)
		}
	}
	for _, text := range []string{`"perhaps"`, `""`, `7`} {
		var o sre.Outcome
		if err := json.Unmarshal([]byte(text), &o); err == nil {
			t.Errorf("%s was read as the outcome %s", text, o)
		}
	}
	if _, err := json.Marshal(sre.Outcome(99)); err == nil {
		t.Error("an outcome that does not exist was written")
	}
}

func TestUnknownSeverityIsTreatedAsTheWorst(t *testing.T) {
	if !sre.Severity(0).Worse(2) || sre.Severity(0).Worse(1) || sre.Severity(1).Worse(0) || sre.Severity(0).Effective() != 1 {
		t.Error("severity 0 must count as 1")
	}
	var p sre.Scale
	if got := p.Name(2); got != "P2" {
		t.Errorf("severity 2 is %s on the default scale, want P2", got)
	}
	if got := p.Name(9); got != "unknown" {
		t.Errorf("severity 9 is %s on the default scale, want unknown", got)
	}
	own := sre.Scale{"SEV-1", "SEV-2"}
	if s, err := own.Parse("sev-2"); err != nil || s != 2 || own.Name(s) != "SEV-2" {
		t.Errorf("sev-2 is %d, %v", s, err)
	}
	if _, err := own.Parse("P1"); err == nil {
		t.Error("P1 was read on a scale that has no such name")
	}
}

func TestProblemsTravelThroughErrors(t *testing.T) {
	var inner, outer sre.Problems
	inner.Add("below", "out_of_range", "120%", "at most 100%")
	inner.CheckID("name", "a b")
	outer.Merge("thresholds[0]", inner.Err("budget"))
	outer.Merge("source", io.ErrUnexpectedEOF)
	outer.Merge("nothing", nil)
	err := fmt.Errorf("reading: %w", outer.Err("policy"))

	want := []sre.Problem{
		{Path: "thresholds[0].below", Code: "out_of_range", Value: "120%", Want: "at most 100%"},
		{Path: "thresholds[0].name", Code: "invalid_id", Value: "a b", Want: "1 to 100 bytes of [A-Za-z0-9._:/-]"},
		{Path: "source", Code: "invalid", Want: "unexpected EOF"},
	}
	if diff := cmp.Diff(want, sre.ProblemsIn(err)); diff != "" {
		t.Errorf("problems (-want +got):\n%s", diff)
	}
	var first sre.Problem
	if !errors.As(err, &first) || first != want[0] {
		t.Errorf("errors.As finds %v, want %v", first, want[0])
	}
	text := "reading: policy: 3 problems:\n\tthresholds[0].below: out_of_range \"120%\": want at most 100%\n"
	if !strings.HasPrefix(err.Error(), text) {
		t.Errorf("the message is\n%s\nwant it to start with\n%s", err, text)
	}
	if err := new(sre.Problems).Err("x"); err != nil {
		t.Errorf("no problem is the error %v", err)
	}
	joined := fmt.Errorf("two files: %w", errors.Join(err, want[1]))
	if diff := cmp.Diff(append(slices.Clone(want), want[1]), sre.ProblemsIn(joined)); diff != "" {
		t.Errorf("problems of joined errors (-want +got):\n%s", diff)
	}
	if sre.ProblemsIn(io.EOF) != nil || sre.ProblemsIn(nil) != nil {
		t.Error("an error without problems has some")
	}
}

func TestProblemsBoundTheValue(t *testing.T) {
	var p sre.Problems
	p.Add("x", "y", strings.Repeat("ä", 10_000), "less")
	if got := sre.ProblemsIn(p.Err(""))[0].Value; len(got) > 210 || strings.ToValidUTF8(got, "?") != got {
		t.Errorf("the value has %d bytes, want about 200 of valid UTF-8", len(got))
	}
}

func TestIDs(t *testing.T) {
	for id, want := range map[string]bool{
		"a": true, "team/shop:eu-1_2.3": true, strings.Repeat("x", 100): true,
		"": false, strings.Repeat("x", 101): false, "a b": false, "ä": false, "a\x00": false, "a\n": false,
	} {
		if got := sre.ValidID(id); got != want {
			t.Errorf("ValidID(%q) = %v, want %v", id, got, want)
		}
	}
}

func TestLabelsAreAValue(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		text := rapid.StringOf(rapid.RuneFrom([]rune("ab=,\"é")))
		m := rapid.MapOfN(text.Filter(func(s string) bool { return s != "" }), text, 0, 5).Draw(t, "labels")
		l, err := sre.ParseLabels(m)
		if err != nil {
			t.Fatal(err)
		}
		want := map[string]string{}
		for k, v := range m {
			if v != "" {
				want[k] = v // an empty value is the same as none
			}
			if got := l.Get(k); got != v {
				t.Fatalf("%s of %s is %q, want %q", k, l, got, v)
			}
		}
		if diff := cmp.Diff(want, l.Map()); diff != "" || l.Len() != len(want) {
			t.Fatalf("%s has %d pairs (-want +got):\n%s", l, l.Len(), diff)
		}
		if again := sre.LabelsOf(want); again != l {
			t.Fatalf("%s and %s are the same pairs and differ", l, again)
		}
	})
	for _, m := range []map[string]string{{"": "x"}, {"a\x00": "x"}, {"a": "x\x00"}} {
		if l, err := sre.ParseLabels(m); err == nil {
			t.Errorf("%q was read as %s, want an error", m, l)
		}
	}
}

func TestActorsAreKnown(t *testing.T) {
	for _, row := range []struct {
		actor sre.Actor
		valid bool
		text  string
	}{
		{sre.Actor{Kind: sre.Human, ID: "alice", Via: "slack"}, true, "human alice via slack"},
		{sre.Actor{Kind: sre.PolicyActor, ID: "escalation"}, true, "policy escalation"},
		{sre.Actor{ID: "alice"}, false, "unknown alice"},
		{sre.Actor{Kind: sre.Service}, false, "service "},
		{sre.Actor{Kind: 77, ID: "x"}, false, "actor_kind(77) x"},
	} {
		if row.actor.Valid() != row.valid || row.actor.String() != row.text {
			t.Errorf("%q is valid: %v, want %q and %v", row.actor, row.actor.Valid(), row.text, row.valid)
		}
	}
}
