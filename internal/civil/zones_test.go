package civil_test

import (
	"flag"
	"math/rand/v2"
	"os"
	"strings"
	"sync"
	"testing"
	"time"
	_ "time/tzdata" // so that the zones are there on every machine

	"github.com/sre-sdk/sre/internal/civil"
)

var (
	full = flag.Bool("civil.full", false, "check every zone at every transition from 1970 to 2037")
	seed = flag.Uint64("civil.seed", uint64(time.Now().UnixNano()), "choose the sample of zones and transitions")
)

// allZones are the names of testdata/zones.txt: the entries of Go's
// lib/time/zoneinfo.zip.
var allZones = sync.OnceValue(func() []string {
	text, err := os.ReadFile("testdata/zones.txt")
	if err != nil {
		panic(err)
	}
	return strings.Fields(string(text))
})

// namedZones are those with a trait that broke some implementation.
var namedZones = []string{
	"America/Chicago", "America/New_York", "Europe/Berlin", // the pair for which time.Date differs
	"Australia/Lord_Howe",                                   // half an hour of summer time
	"America/Havana", "Atlantic/Azores", "America/Santiago", // gaps at midnight, west of UTC
	"Africa/Cairo", "Asia/Beirut", // gaps at midnight, east of UTC
	"Pacific/Apia", "Pacific/Kwajalein", "Pacific/Kiritimati", // skipped days
	"Africa/Monrovia",                    // 44 minutes and 30 seconds, until 1972
	"Africa/Casablanca", "Europe/Dublin", // negative summer time
	"America/Nuuk", "Antarctica/Troll", // odd rules
	"America/Caracas", "Asia/Pyongyang", "Asia/Kathmandu", // offsets that moved once
	"UTC",
}

func newRand() *rand.Rand { return rand.New(rand.NewPCG(*seed, 1)) }

// sampleZones returns all zones in a full run, else the named ones and n others.
func sampleZones(t testing.TB, n int) []string {
	if *full {
		return allZones()
	}
	t.Logf("rerun with -civil.seed=%d", *seed)
	names := append([]string(nil), namedZones...)
	r := newRand()
	for range n {
		names = append(names, allZones()[r.IntN(len(allZones()))])
	}
	return names
}

var loaded sync.Map

// zone loads each zone once for all tests.
func zone(t testing.TB, name string) civil.Zone {
	t.Helper()
	if z, ok := loaded.Load(name); ok {
		return z.(civil.Zone)
	}
	z, err := civil.LoadZone(name)
	if err != nil {
		t.Fatal(err)
	}
	loaded.Store(name, z)
	return z
}

// transitions finds the instants at which the offset changes, by looking at
// what package time prints every twelve hours.
func transitions(loc *time.Location, from, to time.Time) (list []int64) {
	offset := func(u int64) int {
		_, o := time.Unix(u, 0).In(loc).Zone()
		return o
	}
	const step = 12 * 3600
	for u := from.Unix(); u < to.Unix(); u += step {
		low, high := u, u+step
		if offset(low) == offset(high) {
			continue
		}
		for high-low > 1 {
			if mid := (low + high) / 2; offset(mid) == offset(low) {
				low = mid
			} else {
				high = mid
			}
		}
		list = append(list, high)
	}
	return list
}

func date(year, month, day int) civil.Date {
	return civil.Date{Year: year, Month: time.Month(month), Day: day}
}

// dateTime and instant read constants of tests.

func dateTime(t testing.TB, s string) civil.DateTime {
	t.Helper()
	dt, err := civil.ParseDateTime(s)
	if err != nil {
		t.Fatal(err)
	}
	return dt
}

func instant(t testing.TB, s string) time.Time {
	t.Helper()
	at, err := time.Parse("2006-01-02 15:04:05 -07:00", s)
	if err != nil {
		at, err = time.Parse("2006-01-02 15:04 -07:00", s)
	}
	if err != nil {
		t.Fatal(err)
	}
	return at
}

// show prints an instant in a form that instant reads.
func show(t time.Time) string { return t.Format("2006-01-02 15:04 -07:00") }
