package civil_test

import (
	"encoding/binary"
	"testing"
	"time"

	"pgregory.net/rapid"

	"github.com/sre-sdk/sre"
	"github.com/sre-sdk/sre/internal/civil"
)

// A change is a transition of a made-up zone.
type change struct {
	at, offset int32 // seconds since 1970, seconds east of UTC
}

// makeLocation writes a zone file in the first format of RFC 8536 and loads it.
func makeLocation(t tester, first int32, changes []change) *time.Location {
	t.Helper()
	b := append([]byte("TZif"), make([]byte, 16)...)
	for _, count := range []int{0, 0, 0, len(changes), len(changes) + 1, 4} {
		b = binary.BigEndian.AppendUint32(b, uint32(count))
	}
	for _, c := range changes {
		b = binary.BigEndian.AppendUint32(b, uint32(c.at))
	}
	for i := range changes {
		b = append(b, byte(i+1))
	}
	b = append(binary.BigEndian.AppendUint32(b, uint32(first)), 0, 0)
	for _, c := range changes {
		b = append(binary.BigEndian.AppendUint32(b, uint32(c.offset)), 0, 0)
	}
	loc, err := time.LoadLocationFromTZData("made/up", append(b, "ABC\x00"...))
	if err != nil {
		t.Fatalf("%v", err)
	}
	return loc
}

func makeZone(t tester, first int32, changes []change) civil.Zone {
	t.Helper()
	z, err := civil.ZoneOf(makeLocation(t, first, changes))
	if err != nil {
		t.Fatalf("%v", err)
	}
	return z
}

// No zone file has transitions within hours of each other, but one might.
func TestPropertyResolveIsRightInAnyZone(t *testing.T) {
	rapid.Check(t, func(rt *rapid.T) {
		minutes := func(low, high int, label string) int32 {
			return 60 * int32(rapid.IntRange(low, high).Draw(rt, label))
		}
		const start = 1_000_000_800 // on a minute
		first := minutes(-1439, 1439, "offset")
		var changes []change
		for at := int32(start); len(changes) < 5; {
			changes = append(changes, change{at, minutes(-1439, 1439, "offset")})
			at += minutes(1, 1500, "minutes until the next")
		}
		z := makeZone(rt, first, changes)
		last := int64(changes[len(changes)-1].at)
		w := newWallTable(z.Location(), start-50*hour, last+50*hour)
		for range 50 {
			c := int64(start) + int64(minutes(-1440, int(last-start)/60+1440, "civil"))
			dt := civil.Of(time.Unix(c, 0), zone(t, "UTC"))
			w.gap = 0
			want := w.meaning(wallAt(time.UTC, c))
			first, kind, _ := z.Resolve(dt, civil.GapEnd, civil.FoldFirst)
			second, _, _ := z.Resolve(dt, civil.GapShift, civil.FoldSecond)
			if kind != want.kind || first.Unix() != want.first+want.end || second.Unix() != want.second+want.shift {
				rt.Fatalf("%v: %v, %v, %v; want %+v", dt, kind, first, second, want)
			}
		}
	})
}

// Even there an instant lies in its period, and the search for it ends.
func TestPropertyPeriodsContainTheInstantInAnyZone(t *testing.T) {
	rapid.Check(t, func(rt *rapid.T) {
		var changes []change
		for at := int32(1_000_000_000); len(changes) < 5; {
			changes = append(changes, change{at, int32(rapid.IntRange(-86_399, 86_399).Draw(rt, "offset"))})
			at += int32(rapid.IntRange(1, 100_000).Draw(rt, "seconds until the next"))
		}
		z := makeZone(rt, 0, changes)
		p, err := drawRecurrence(rt, z).Compile()
		if err != nil {
			rt.Fatal(err)
		}
		at := time.Unix(int64(rapid.IntRange(999_900_000, 1_000_600_000).Draw(rt, "at")), 0)
		if start, end := p.Bounds(at); start.After(at) || !at.Before(end) {
			rt.Fatalf("Bounds(%v) = %v, %v", at, start, end)
		}
	})
}

func TestAZoneWithoutARuleKeepsItsLastOffset(t *testing.T) {
	z := makeZone(t, 0, []change{{1 << 30, 3600}, {1<<31 - 1, 7200}})
	if got := civil.Of(time.Date(5000, 7, 1, 0, 0, 0, 0, time.UTC), z).String(); got != "5000-07-01T02:00" {
		t.Errorf("got %s", got)
	}
}

func TestZonesWithAbsurdRulesAreRefused(t *testing.T) {
	for name, loc := range map[string]*time.Location{
		"an offset of a year":   makeLocation(t, 0, []change{{0, 86400 * 365}}),
		"an offset of 27 hours": makeLocation(t, -27*hour, nil),
		"a fixed one far away":  time.FixedZone("far", 1<<30),
	} {
		if z, err := civil.ZoneOf(loc); err == nil {
			t.Errorf("%s: %v", name, z)
		} else if p := sre.ProblemsIn(err); len(p) != 1 || p[0].Code != "zone_malformed" {
			t.Errorf("%s: %v", name, err)
		}
	}
}
