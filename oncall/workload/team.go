package workload

import (
	"fmt"
	"strings"
	"time"

	"github.com/sre-sdk/sre"
)

// A Need is what a team has to cover, from which [Need.Size] computes how many
// people it takes. The zero Need is that of a team at one site with primary and
// secondary around the clock, in shifts of a week.
type Need struct {
	Roles      int           // held at any instant, each by somebody else; default: 2, primary and secondary
	Sites      int           // that take turns in the cover, evenly; default: 1
	Cover      time.Duration // a week; default: 168h
	MaxPercent int           // of all time on call for one person; default: 25

	// CriticalMass is the least number of people at a site who can keep a
	// rotation going through absences and departures, whatever the share.
	// Default: 1. The SRE book has 6 for each of two sites, where the share alone
	// would take 4.
	CriticalMass int

	Shift time.Duration // how long one lasts; default: a week, 168h
	Every time.Duration // everybody should be on call this often, so as not to forget how; default: a quarter, 91 days
}

// Limits of a need, part of the contract.
const (
	MaxRoles = 100
	MaxSites = 100
	week     = 7 * 24 * time.Hour
)

// A Size is how many people a team needs at each site.
type Size struct {
	Need    Need // defaults filled in
	ByShare int  // so that nobody is on call more than MaxPercent
	PerSite int  // the largest of ByShare, the critical mass and the roles, of which nobody holds two at once
	Total   int  // at all sites
	AtMost  int  // at a site, so that everybody is on call once in Every
}

// Size computes the need:
//
//	by share = ceil(roles * cover / (sites * 168h * share))
//	at most  = floor(roles * every * cover / (sites * 168h * shift))
//
// The error carries every [sre.Problem].
func (n Need) Size() (Size, error) {
	n = n.withDefaults()
	var p sre.Problems
	for _, k := range []struct {
		path        string
		value, most int
	}{{"roles", n.Roles, MaxRoles}, {"sites", n.Sites, MaxSites}, {"max_percent", n.MaxPercent, 100}, {"critical_mass", n.CriticalMass, MaxPeople}} {
		if k.value < 1 || k.value > k.most {
			p.Add(k.path, "out_of_range", k.value, fmt.Sprintf("1 to %d", k.most))
		}
	}
	for _, k := range []struct {
		path        string
		value, most time.Duration
	}{{"cover", n.Cover, week}, {"shift", n.Shift, MaxWindow}, {"every", n.Every, MaxWindow}} {
		if k.value <= 0 || !wholeDuration(k.value, k.most) {
			p.Add(k.path, "out_of_range", k.value, "whole seconds, at most "+k.most.String())
		}
	}
	if err := p.Err("workload"); err != nil {
		return Size{}, err
	}
	s := Size{Need: n}
	seconds := func(d time.Duration) int64 { return int64(d / time.Second) }
	sites, roles := int64(n.Sites), int64(n.Roles)
	den := sites * seconds(week) * int64(n.MaxPercent)
	s.ByShare = int((roles*seconds(n.Cover)*100 + den - 1) / den)
	s.PerSite = max(s.ByShare, n.CriticalMass, n.Roles)
	s.Total = s.PerSite * n.Sites
	// At most 100 * 3e7 * 6e5 * 100: inside an int64.
	s.AtMost = int(roles * seconds(n.Every) * seconds(n.Cover) / (sites * seconds(week) * seconds(n.Shift)))
	return s, nil
}

func (n Need) withDefaults() Need {
	setDefault(&n.Roles, 2)
	setDefault(&n.Sites, 1)
	setDefault(&n.MaxPercent, DefaultMaxOnCallPercent)
	setDefault(&n.CriticalMass, 1)
	setDefault(&n.Cover, week)
	setDefault(&n.Shift, week)
	setDefault(&n.Every, 13*week)
	return n
}

func setDefault[T comparable](v *T, value T) {
	var unset T
	if *v == unset {
		*v = value
	}
}

// Explain prints the arithmetic.
func (s Size) Explain() string {
	var b strings.Builder
	n := s.Need
	fmt.Fprintf(&b, "by share       %d roles * %s / (%d sites * %s * %d%%), rounded up = %d\n", n.Roles, hours(n.Cover), n.Sites, hours(week), n.MaxPercent, s.ByShare)
	fmt.Fprintf(&b, "at once        %d roles\n", n.Roles)
	fmt.Fprintf(&b, "critical mass  %d\n", n.CriticalMass)
	fmt.Fprintf(&b, "needed         %d a site, %d in all\n", s.PerSite, s.Total)
	fmt.Fprintf(&b, "at most        %d roles * %s * %s / (%d sites * %s * %s), rounded down = %d a site\n", n.Roles, hours(n.Every), hours(n.Cover), n.Sites, hours(week), hours(n.Shift), s.AtMost)
	if s.AtMost < s.PerSite {
		fmt.Fprintf(&b, "too quiet      %d people are on call less than once in %s each\n", s.PerSite, hours(n.Every))
	}
	return b.String()
}

// hours shows a duration of whole seconds in hours.
func hours(d time.Duration) string {
	n := Fraction(int64(d/time.Second), 3600)
	if n.rat().IsInt() {
		return n.String() + "h"
	}
	return n.Decimal(2) + "h"
}
