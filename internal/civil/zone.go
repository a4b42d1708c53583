package civil

import (
	"errors"
	"strings"
	"sync"
	"time"

	"github.com/sre-sdk/sre"
)

// A Zone is a time zone of the IANA database. It is made by [LoadZone] or
// [ZoneOf], once, and carries its rules with it. Copies are cheap and equal;
// zones loaded apart are not ==, compare their names. The zero value means not
// set.
type Zone struct {
	rules *rules
}

// MaxZoneName is the largest length of a zone name, in bytes.
const MaxZoneName = 100

const zoneForm = `an IANA name such as "Europe/Berlin" or "UTC"`

// LoadZone loads the zone of that IANA name by [time.LoadLocation], from the
// machine's zone files or those of the package time/tzdata. It is the only
// function of this package that does I/O; call it when a policy is compiled. A
// zone is loaded once: a program sees new zone files when it starts anew.
//
// Names that mean another zone on another machine are refused: "", "Local",
// "localtime" and "posixrules", as are the "right/" zones, whose leap seconds
// package time does not know.
func LoadZone(name string) (Zone, error) {
	switch {
	case name == "":
		return Zone{}, problem("zone_missing", name, zoneForm)
	case name == "Local", name == "localtime", name == "posixrules":
		return Zone{}, problem("zone_not_portable", name, zoneForm+"; this name means another zone on another machine")
	case strings.HasPrefix(name, "right/"), strings.HasPrefix(name, "posix/"), len(name) > MaxZoneName:
		return Zone{}, problem("unknown_zone", name, zoneForm)
	}
	if z, ok := loaded.Load(name); ok {
		return z.(Zone), nil
	}
	loc, err := time.LoadLocation(name)
	if err != nil {
		return Zone{}, errors.Join(problem("unknown_zone", name, zoneForm+"; if the machine has no zone files, import time/tzdata"), err)
	}
	z, err := ZoneOf(loc)
	if err == nil {
		loaded.Store(name, z)
	}
	return z, err
}

// loaded keeps the zones by name: a table takes 0.3 ms and 60 kB, and a hundred
// thousand schedules name a few dozen zones. Only names that the database has
// get in, so it is bounded by that.
var loaded sync.Map

// ZoneOf returns the zone of a location that the caller holds already. nil,
// [time.Local], a location without a name and one with absurd rules are refused.
func ZoneOf(loc *time.Location) (Zone, error) {
	switch {
	case loc == nil, loc.String() == "":
		return Zone{}, problem("zone_missing", "", zoneForm)
	case loc == time.Local, loc.String() == "Local":
		return Zone{}, problem("zone_not_portable", loc.String(), zoneForm+"; this name means another zone on another machine")
	}
	rules := compileRules(loc)
	if len(rules.spans) > maxTransitions || rules.min < -maxOffset || rules.max > maxOffset {
		return Zone{}, problem("zone_malformed", loc.String(), "at most 10,000 transitions, and offsets within 26 hours of UTC")
	}
	return Zone{rules}, nil
}

// IsZero reports whether the zone is not set.
func (z Zone) IsZero() bool { return z.rules == nil }

// String returns the name, "" if the zone is not set.
func (z Zone) String() string {
	if z.IsZero() {
		return ""
	}
	return z.rules.loc.String()
}

// Location returns the zone as package time has it, nil if it is not set.
func (z Zone) Location() *time.Location {
	if z.IsZero() {
		return nil
	}
	return z.rules.loc
}

// at returns the instant u, in seconds since 1970, shown in this zone.
func (z Zone) at(u int64) time.Time { return time.Unix(u, 0).In(z.rules.loc) }

// check records a problem if the zone is not set.
func (z Zone) check(p *sre.Problems, path string) {
	if z.IsZero() {
		p.Add(path, "zone_missing", nil, "a zone made by LoadZone")
	}
}
