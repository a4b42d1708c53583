package workload_test

import (
	"fmt"
	"testing"
	"time"

	"pgregory.net/rapid"

	"github.com/sre-sdk/sre"
	"github.com/sre-sdk/sre/oncall/workload"
)

func TestClassesReadWhatTheyPrint(t *testing.T) {
	for _, want := range workload.Classes() {
		var got workload.Class
		text, err := want.MarshalText()
		if err == nil {
			err = got.UnmarshalText(text)
		}
		if err != nil || got != want {
			t.Errorf("%s reads as %s: %v", want, got, err)
		}
	}
	if _, err := workload.Class(9).MarshalText(); err == nil {
		t.Error("a class that does not exist was printed")
	}
	if err := new(workload.Class).UnmarshalText([]byte("siesta")); len(sre.ProblemsIn(err)) != 1 {
		t.Errorf("siesta says %v", err)
	}
}

func TestLawNumbersReadWhatTheyPrint(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		want := workload.Fraction(rapid.Int64().Draw(t, "num"), rapid.Int64Range(1, 1<<40).Draw(t, "den"))
		text, err := want.MarshalText()
		if err != nil {
			t.Fatal(err)
		}
		var got workload.Number
		if err := got.UnmarshalText(text); err != nil || !got.Equal(want) {
			t.Fatalf("%s reads as %s: %v", want, got, err)
		}
	})
	for text, want := range map[string]workload.Number{"010/1": workload.Fraction(10, 1), "-08/016": workload.Fraction(-1, 2), "00/3": {}, "010": workload.Fraction(10, 1), "+1.50": workload.Fraction(3, 2)} {
		var got workload.Number // a leading zero is not octal
		if err := got.UnmarshalText([]byte(text)); err != nil || !got.Equal(want) {
			t.Errorf("%s reads as %s, %v; want %s", text, got, err, want)
		}
	}
	for _, text := range []string{"", "x", "1e999999999", "1/0", "1/00", "1/", "/2", "0x10", "1_000", "--1"} {
		if err := new(workload.Number).UnmarshalText([]byte(text)); len(sre.ProblemsIn(err)) != 1 {
			t.Errorf("%q says %v", text, err)
		}
	}
}

// The exact mean over pairs must not become slow where everybody differs.
func BenchmarkGrafanaQualityOfAThousandDifferent(b *testing.B) {
	var events []workload.Event
	for i := range workload.MaxPeople {
		events = append(events, workload.Event{Start: monday, End: monday.Add(time.Duration(40_000+7*i) * time.Second), People: []string{fmt.Sprint(i)}})
	}
	for b.Loop() {
		workload.GrafanaQuality(events, monday, monday.Add(7*day))
	}
}
