// Package account is what the readers of the exports of other tools return:
// who is paged when, in the words of this library, and what could not be said
// in them.
//
// The readers are in oncall/escalation/pagerduty, opsgenie and grafana. Those
// of the schedules of the same accounts are in oncall/schedule.
package account

import (
	"slices"
	"time"

	"github.com/sre-sdk/sre"
	"github.com/sre-sdk/sre/oncall"
	"github.com/sre-sdk/sre/oncall/escalation"
)

// MaxBytes is the largest export that is read.
const MaxBytes = 8 << 20

// DefaultAfter is Options.After where it is not set.
const DefaultAfter = escalation.DefaultEvery

// Options say how an export is read.
type Options struct {
	Name string // of the file, for messages

	// LastResort is whom a policy pages when its levels are used up. Required:
	// no other tool has one, they drop the alert.
	LastResort escalation.LastResort

	// After is how long the last level has until the last resort, where the export
	// does not say. Default: DefaultAfter.
	After time.Duration
}

// An Urgency says by which of their contact rules people are paged. Each tool
// has its own: PagerDuty's incidents have one, Grafana OnCall's steps; Opsgenie
// has none.
type Urgency string

const (
	High      Urgency = "high"      // PagerDuty
	Low       Urgency = "low"       // PagerDuty
	Default   Urgency = "default"   // Grafana OnCall
	Important Urgency = "important" // Grafana OnCall
	Any       Urgency = "any"       // Opsgenie
)

// An Account is what an export says, or several of them together.
type Account struct {
	Policies []escalation.Policy // each compiles

	// People are all users by urgency, the worst first: the same people, with the
	// contact rules that count for it. Whom no rule reaches has no contacts.
	People []People

	Teams []oncall.Team

	// Urgency is that of a policy, by its ID. Those that are not here have the
	// urgency of each alert, so that all of them may occur.
	Urgency map[string]Urgency

	// StartsAfter is how long after the trigger the first level begins, by the ID
	// of the policy; at once for those that are not here. A Policy cannot say it.
	StartsAfter map[string]time.Duration

	// Waits reports that the tool lets a level with nobody on call take its whole
	// delay. This library passes it over at once.
	Waits bool

	Names  map[string]string // what the tool calls people, teams and policies, by ID
	Emails map[string]string // the address of an account, by the ID of the person: the same in every tool

	// Dropped lists what was understood but has no place here, and what was not
	// understood. Want says what stands instead.
	Dropped []sre.Problem

	// Inexact are the IDs, sorted, of policies by which, according to Dropped, other
	// people are paged than by the tool, or at other times, and of people who are
	// reached in another way.
	Inexact []string
}

// People are people with the contact rules for an urgency.
type People struct {
	Urgency Urgency
	People  []oncall.Person
}

// Urgencies returns the urgencies with which a policy pages, the worst first.
func (a Account) Urgencies(policy string) []Urgency {
	if u, ok := a.Urgency[policy]; ok {
		return []Urgency{u}
	}
	var list []Urgency
	for _, p := range a.People {
		list = append(list, p.Urgency)
	}
	return list
}

// For returns the people with the contact rules for an urgency.
func (a Account) For(u Urgency) []oncall.Person {
	for _, p := range a.People {
		if p.Urgency == u {
			return p.People
		}
	}
	return nil
}

// Add joins what another file of the same account says: the next page of a
// list, or the users to the policies. Nothing is compared: IDs that both have
// are reported by [escalation.Roster.Compile].
func (a *Account) Add(b Account) {
	a.Policies = append(a.Policies, b.Policies...)
	a.Teams = append(a.Teams, b.Teams...)
	for _, p := range b.People {
		i := slices.IndexFunc(a.People, func(q People) bool { return q.Urgency == p.Urgency })
		if i < 0 {
			a.People = append(a.People, People{Urgency: p.Urgency})
			i = len(a.People) - 1
		}
		a.People[i].People = append(slices.Clip(a.People[i].People), p.People...)
	}
	join(&a.Urgency, b.Urgency)
	join(&a.StartsAfter, b.StartsAfter)
	join(&a.Names, b.Names)
	join(&a.Emails, b.Emails)
	a.Waits = a.Waits || b.Waits
	a.Dropped = append(a.Dropped, b.Dropped...)
	a.Inexact = append(a.Inexact, b.Inexact...)
	slices.Sort(a.Inexact)
	a.Inexact = slices.Compact(a.Inexact)
}

func join[V any](to *map[string]V, from map[string]V) {
	for k, v := range from {
		if *to == nil {
			*to = map[string]V{}
		}
		(*to)[k] = v
	}
}
