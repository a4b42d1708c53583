package civil_test

import (
	"testing"
	"time"

	"pgregory.net/rapid"

	"github.com/sre-sdk/sre/internal/civil"
)

// Around each transition First, Reached and Placer say the same as Resolve.
func TestSecondsAgreeWithResolve(t *testing.T) {
	zones := []string{"UTC", "Europe/Berlin", "America/Chicago", "America/Santiago", "America/Havana", "Atlantic/Azores", "Pacific/Apia",
		"Australia/Lord_Howe", "Africa/Monrovia", "Pacific/Kwajalein", "Africa/Casablanca", "America/Caracas", "Asia/Pyongyang", "Antarctica/Troll"}
	for _, name := range zones {
		z, err := civil.LoadZone(name)
		if err != nil {
			t.Fatal(err)
		}
		seen := z.Placer()
		for at := time.Date(1965, 1, 1, 0, 0, 0, 0, z.Location()); at.Year() < 2040; {
			_, end := at.ZoneBounds()
			if end.IsZero() {
				break
			}
			if !end.After(at) {
				at = at.Add(24 * time.Hour)
				continue
			}
			for step := int64(-26 * 3600); step <= 26*3600; step += 450 {
				for _, jitter := range []int64{-1, 0, 1} {
					u := end.Unix() + step + jitter
					c := u + z.Offset(u)
					checkPlace(t, z, &seen, c)
					checkPlace(t, z, &seen, c-1800) // a Placer must not keep the second pass for the first
					if r := z.Reached(u); z.First(r) > u || z.First(r+1) <= u {
						t.Fatalf("%s: Reached(%d) = %d, but First gives %d and for the next %d", name, u, r, z.First(r), z.First(r+1))
					}
				}
			}
			at = end
		}
	}
}

func checkPlace(t interface {
	Helper()
	Fatalf(string, ...any)
}, z civil.Zone, seen *civil.Placer, c int64) {
	t.Helper()
	want, _, ok := z.Resolve(civil.DateTimeOf(c), civil.GapEnd, civil.FoldFirst)
	if got := z.First(c); !ok || got != want.Unix() {
		t.Fatalf("%s: First(%s) = %d, want %d", z, civil.DateTimeOf(c), got, want.Unix())
	}
	fresh := z.Placer()
	for _, p := range []*civil.Placer{seen, &fresh} {
		if got := p.First(c); got != want.Unix() {
			t.Fatalf("%s: Placer.First(%s) = %d, want %d", z, civil.DateTimeOf(c), got, want.Unix())
		}
	}
}

func TestPlacerAgreesInAnyOrder(t *testing.T) {
	zones := map[string]civil.Zone{}
	rapid.Check(t, func(t *rapid.T) {
		name := rapid.SampledFrom([]string{"Europe/Berlin", "America/Santiago", "Australia/Lord_Howe", "Pacific/Apia", "UTC"}).Draw(t, "zone")
		z, ok := zones[name]
		if !ok {
			z, _ = civil.LoadZone(name)
			zones[name] = z
		}
		p := z.Placer()
		for _, c := range rapid.SliceOfN(rapid.Int64Range(-5e9, 40e9), 1, 20).Draw(t, "civil seconds") {
			checkPlace(t, z, &p, c)
		}
	})
}
