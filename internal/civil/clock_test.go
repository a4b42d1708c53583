package civil_test

import (
	"testing"
	"time"

	"pgregory.net/rapid"

	"github.com/sre-sdk/sre"
	"github.com/sre-sdk/sre/internal/civil"
)

func TestParseClockRefusesWhatIsNoTimeOfDay(t *testing.T) {
	for text, want := range map[string]string{
		"24:01":     "impossible_clock",
		"24:00:01":  "impossible_clock",
		"25:00":     "impossible_clock",
		"12:60":     "impossible_clock",
		"23:59:60":  "impossible_clock", // no leap seconds
		"":          "invalid_clock",
		"9:00":      "invalid_clock",
		"09:0":      "invalid_clock",
		"0900":      "invalid_clock",
		"09-00":     "invalid_clock",
		"09:00:0":   "invalid_clock",
		"09:00-00":  "invalid_clock",
		"09:00 am":  "invalid_clock",
		"-9:00":     "invalid_clock",
		"09:00:00Z": "invalid_clock",
	} {
		c, err := civil.ParseClock(text)
		if problems := sre.ProblemsIn(err); len(problems) != 1 || problems[0].Code != want || c != (civil.Clock{}) {
			t.Errorf("ParseClock(%q) = %v, %v; want %s", text, c, err, want)
		}
	}
}

func TestParseClockTakes24AsAnEnd(t *testing.T) {
	for _, text := range []string{"24:00", "24:00:00"} {
		if c, err := civil.ParseClock(text); err != nil || c != (civil.Clock{Hour: 24}) || c.String() != "24:00" {
			t.Errorf("%s: %v, %v", text, c, err)
		}
	}
}

func TestClockTextRefusesWhatIsNotValid(t *testing.T) {
	for _, c := range []civil.Clock{{Hour: -1}, {Hour: 25}, {Minute: 60}, {Minute: -1}, {Second: 60}, {Second: -1}, {Hour: 24, Second: 1}} {
		if text, err := c.MarshalText(); err == nil || c.Valid() {
			t.Errorf("%v: %q", c, text)
		}
	}
}

func drawClock(t *rapid.T, label string) civil.Clock {
	if rapid.IntRange(0, 20).Draw(t, label+" is 24:00") == 20 {
		return civil.Clock{Hour: 24}
	}
	s := rapid.IntRange(0, 86399).Draw(t, label)
	return civil.Clock{Hour: s / 3600, Minute: s / 60 % 60, Second: s % 60}
}

func TestPropertyClockTextRoundTrips(t *testing.T) {
	rapid.Check(t, func(rt *rapid.T) {
		c := drawClock(rt, "clock")
		text, err := c.MarshalText()
		var back civil.Clock
		if err2 := back.UnmarshalText(text); err != nil || err2 != nil || back != c {
			rt.Fatalf("%v: %q, %v, %v, %v", c, text, back, err, err2)
		}
	})
}

func TestPropertyClocksCompareAsTheirSeconds(t *testing.T) {
	rapid.Check(t, func(rt *rapid.T) {
		a, b := drawClock(rt, "a"), drawClock(rt, "b")
		midnight := time.Unix(0, 0)
		at := func(c civil.Clock) time.Time {
			return midnight.Add(time.Duration(c.Hour)*time.Hour + time.Duration(c.Minute)*time.Minute + time.Duration(c.Second)*time.Second)
		}
		if a.Compare(b) != at(a).Compare(at(b)) {
			rt.Fatalf("%v.Compare(%v) = %d", a, b, a.Compare(b))
		}
	})
}

// FuzzParseClock: exactly what package time reads, but for 24:00 and for
// fractions of a second.
func FuzzParseClock(f *testing.F) {
	for _, s := range []string{"00:00", "24:00", "24:00:00", "23:59:60", "9:00", "09:00:5", "09:00:00.5", ""} {
		f.Add(s)
	}
	f.Fuzz(func(t *testing.T, s string) {
		c, err := civil.ParseClock(s)
		layout := "15:04"
		if len(s) > len(layout) {
			layout = "15:04:05"
		}
		_, wantErr := time.Parse(layout, s)
		want := wantErr == nil && len(s) == len(layout) || s == "24:00" || s == "24:00:00"
		if (err == nil) != want {
			t.Fatalf("ParseClock(%q) = %v, %v; package time says %v", s, c, err, wantErr)
		}
		if back, err2 := civil.ParseClock(c.String()); err == nil && (err2 != nil || back != c) {
			t.Fatalf("ParseClock(%q) = %v, which reads as %v, %v", s, c, back, err2)
		}
	})
}
