package civil_test

import (
	"math"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/sre-sdk/sre"
	"github.com/sre-sdk/sre/internal/civil"
)

func TestLoadZoneRefusesNamesThatAreNotPortable(t *testing.T) {
	for name, want := range map[string]string{
		"":                        "zone_missing",
		"Local":                   "zone_not_portable",
		"localtime":               "zone_not_portable",
		"posixrules":              "zone_not_portable",
		"right/Europe/Berlin":     "unknown_zone",
		"Mars/Olympus":            "unknown_zone",
		"../../etc/passwd":        "unknown_zone",
		"/etc/localtime":          "unknown_zone",
		"Europe/Berlin\x00":       "unknown_zone",
		strings.Repeat("x", 1000): "unknown_zone",
	} {
		z, err := civil.LoadZone(name)
		problems := sre.ProblemsIn(err)
		if len(problems) != 1 || problems[0].Code != want || problems[0].Want == "" || !z.IsZero() {
			t.Errorf("LoadZone(%.30q) = %v, %v; want code %s", name, z, err, want)
		}
	}
}

func TestLoadZoneLoadsEveryZone(t *testing.T) {
	for _, name := range allZones() {
		if z := zone(t, name); z.String() != name || z.Location() == nil || z.IsZero() {
			t.Errorf("%s: %v", name, z)
		}
	}
}

func TestZoneOfRefusesLocal(t *testing.T) {
	for name, loc := range map[string]*time.Location{"nil": nil, "local": time.Local, "unnamed": time.FixedZone("", 3600)} {
		if _, err := civil.ZoneOf(loc); len(sre.ProblemsIn(err)) != 1 {
			t.Errorf("%s: %v", name, err)
		}
	}
	if z, err := civil.ZoneOf(time.FixedZone("plant", -5400)); err != nil || z.String() != "plant" {
		t.Errorf("got %v, %v", z, err)
	}
}

func TestTheZeroZoneIsNotSet(t *testing.T) {
	var z civil.Zone
	if diff := cmp.Diff([]any{z.String(), z.IsZero(), z.Location() == nil}, []any{"", true, true}); diff != "" {
		t.Error(diff)
	}
}

// The table of a zone repeats after 400 years; this would fail if a zone file
// listed single transitions after 2100, and where a table is cut too early.
func TestEveryZoneAgreesWithPackageTimeAtRandomInstants(t *testing.T) {
	r := newRand()
	t.Logf("rerun with -civil.seed=%d", *seed)
	low, high := time.Date(1, 1, 3, 0, 0, 0, 0, time.UTC).Unix(), time.Date(9999, 12, 30, 0, 0, 0, 0, time.UTC).Unix()
	near := time.Date(1800, 1, 1, 0, 0, 0, 0, time.UTC).Unix()
	far := time.Date(2600, 1, 1, 0, 0, 0, 0, time.UTC).Unix()
	for _, name := range allZones() {
		z := zone(t, name)
		for i := range 300 {
			at := time.Unix(low+r.Int64N(high-low), 0)
			if i%4 > 0 {
				at = time.Unix(near+r.Int64N(far-near), 0)
			}
			if got, want := civil.Of(at, z).String(), at.In(z.Location()).Format("2006-01-02T15:04:05"); got != strings.TrimSuffix(want, ":00") {
				t.Fatalf("Of(%v, %v) = %v, want %v", at, z, got, want)
			}
		}
	}
}

func TestOfStopsAtTheEdgesOfTheCalendar(t *testing.T) {
	z := zone(t, "Pacific/Apia")
	for _, row := range []struct {
		name string
		at   time.Time
		want string
	}{
		{"first second of year 1, not yet there in Apia", time.Date(1, 1, 1, 0, 0, 0, 0, time.UTC), "0001-01-01T12:33:04"},
		{"before year 1", time.Date(0, 12, 31, 0, 0, 0, 0, time.UTC), ""},
		{"last second", time.Date(9999, 12, 31, 10, 59, 59, 0, time.UTC), "9999-12-31T23:59:59"},
		{"year 10000 has begun in Apia", time.Date(9999, 12, 31, 11, 0, 0, 0, time.UTC), ""},
		{"the end of time", time.Unix(math.MaxInt64, 0), ""},
		{"the beginning of time", time.Unix(math.MinInt64, 0), ""},
	} {
		if got := civil.Of(row.at, z).String(); got != row.want {
			t.Errorf("%s: got %q, want %q", row.name, got, row.want)
		}
	}
}
