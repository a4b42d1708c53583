package workload

import (
	"slices"
	"time"

	"github.com/sre-sdk/sre"
	"github.com/sre-sdk/sre/oncall"
)

// A Policy says how load is counted and what is too much. It is a plain value;
// [Policy.Compile] checks it once, and only the [Compiled] form measures.
type Policy struct {
	Name string // an ID; default: "workload"
	Zone string // required; the IANA zone of people who state none

	// People are those who should share the load. Who has no shift counts as one
	// with zero hours. Somebody on call who is not listed is counted too, in the
	// zone and with the holidays of the policy.
	People []Person

	Night    string         // a clock range; default: "22:00-06:00"
	Work     string         // the working hours of a weekday; default: "09:00-17:00". Where it meets the night it is night
	Weekend  []time.Weekday // default (nil): Saturday and Sunday; an empty slice: none
	Holidays []string       // dates such as "2026-12-25", from midnight to midnight

	// Cover are the roles that somebody must hold at every instant; time without
	// is a hole. Default (nil): primary.
	Cover []oncall.Role

	// MaxIncidents in any IncidentWindow are bearable for one person. Defaults: 2
	// and 12h, because an incident with its follow-up takes some six hours (SRE
	// book, chapter 11).
	MaxIncidents   int
	IncidentWindow time.Duration

	// IncidentSeverity counts only pages as severe as this or worse. Default (0):
	// all.
	IncidentSeverity sre.Severity

	// MaxOnCallPercent of the time measured may be spent on call, also by somebody
	// who joined late: measure from that day on for his own share. Default: 25
	// (SRE book, chapter 11).
	MaxOnCallPercent int

	Limits Limits // on runs and rests; default: none
	Pay    *Pay   // default: no pay is computed
}

// A Person is one of those who share the load.
type Person struct {
	ID       string
	Zone     string   // the IANA zone in which the person lives; default: that of the policy
	Holidays []string // default (nil): those of the policy; an empty slice: none

	PerHour int64 // the base pay of an hour in minor units, for rates in percent; 0: not known
	Salary  int64 // the base pay of the time measured in minor units, for a cap in percent; 0: not known
}

// Defaults of a [Policy].
const (
	DefaultNight            = "22:00-06:00"
	DefaultWork             = "09:00-17:00"
	DefaultMaxIncidents     = 2
	DefaultIncidentWindow   = 12 * time.Hour
	DefaultMaxOnCallPercent = 25
)

// Limits of a policy, part of the contract.
const (
	MaxPeople   = 1000   // of the policy, and of it and the facts together
	MaxHolidays = 10_000 // of the policy, and of each person
	MaxWindow   = 366 * 24 * time.Hour
	MaxCount    = 1000 // of MaxIncidents
)

// withDefaults returns a copy that shares nothing with policy.
func (policy Policy) withDefaults() Policy {
	setDefault(&policy.Name, "workload")
	setDefault(&policy.Night, DefaultNight)
	setDefault(&policy.Work, DefaultWork)
	setDefault(&policy.MaxIncidents, DefaultMaxIncidents)
	setDefault(&policy.IncidentWindow, DefaultIncidentWindow)
	setDefault(&policy.MaxOnCallPercent, DefaultMaxOnCallPercent)
	if policy.Weekend == nil {
		policy.Weekend = []time.Weekday{time.Saturday, time.Sunday}
	}
	policy.Weekend = slices.Clone(policy.Weekend)
	policy.Holidays = slices.Clone(policy.Holidays)
	if policy.Cover == nil {
		policy.Cover = []oncall.Role{oncall.Primary}
	}
	policy.Cover = slices.Clone(policy.Cover)
	policy.People = slices.Clone(policy.People)
	for i := range policy.People {
		p := &policy.People[i]
		if p.Zone == "" {
			p.Zone = policy.Zone
		}
		if p.Holidays == nil {
			p.Holidays = policy.Holidays
		}
		p.Holidays = slices.Clone(p.Holidays)
	}
	if policy.Pay != nil {
		pay := policy.Pay.clone()
		policy.Pay = &pay
	}
	return policy
}
