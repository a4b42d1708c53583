package workload

import (
	"fmt"
	"slices"
	"time"

	"github.com/sre-sdk/sre"
)

// paged is what called one person: the instants of pages, and of the first page
// of each incident, in UTC and ascending.
type paged struct {
	pages     []time.Time
	incidents []time.Time
}

// paging sorts out the pages that count by person.
func (c *Compiled) paging(f Facts) map[string]*paged {
	pages := slices.Clone(f.Pages)
	slices.SortStableFunc(pages, func(a, b Page) int { return a.At.Compare(b.At) })
	type key struct{ person, incident string }
	seen := map[key]bool{}
	of := map[string]*paged{}
	least := c.policy.IncidentSeverity
	for i := range pages {
		p := &pages[i]
		if p.At.Before(f.From) || !p.At.Before(f.To) || least > 0 && least.Worse(p.Severity) {
			continue
		}
		to := of[p.Person]
		if to == nil {
			to = new(paged)
			of[p.Person] = to
		}
		at := p.At.UTC().Round(0) // without the monotonic clock, which the instant may carry
		to.pages = append(to.pages, at)
		if k := (key{p.Person, p.Incident}); p.Incident == "" || !seen[k] {
			seen[k] = true
			to.incidents = append(to.incidents, at)
		}
	}
	return of
}

// A Busiest is the window of the policy's length with the most incidents, the
// earliest of them.
type Busiest struct {
	From      time.Time // an incident; zero if there is none
	Incidents int
}

// busiest slides a window over instants, which ascend.
func busiest(at []time.Time, window time.Duration) (b Busiest) {
	end := 0
	for i, from := range at {
		for end < len(at) && at[end].Sub(from) < window {
			end++
		}
		if end-i > b.Incidents {
			b = Busiest{from, end - i}
		}
	}
	return b
}

// tooMany reports windows that hold too many incidents and do not overlap.
func (c *Compiled) tooMany(found []Finding, person string, at []time.Time) []Finding {
	window, most := c.policy.IncidentWindow, c.policy.MaxIncidents
	for i := 0; i+most < len(at); {
		if at[i+most].Sub(at[i]) >= window {
			i++
			continue
		}
		end := i
		for end < len(at) && at[end].Sub(at[i]) < window {
			end++
		}
		found = append(found, Finding{
			Code: TooManyIncidents, Person: person, At: at[i+most], From: at[i], To: at[i].Add(window),
			Text:   fmt.Sprintf("%s has %d incidents within %s, more than %d", person, end-i, window, most),
			Values: []sre.Value{{Name: "incidents", Text: fmt.Sprint(end - i)}, {Name: "max_incidents", Text: fmt.Sprint(most)}},
		})
		i = end
	}
	return found
}

// A ShiftLoad is what one shift brought.
type ShiftLoad struct {
	Shift     // cut to the time measured
	Pages     int
	Incidents int // that began in the shift
	Busiest   Busiest
}

// shiftLoad counts what called the person during the shift.
func (c *Compiled) shiftLoad(s Shift, p *paged) ShiftLoad {
	load := ShiftLoad{Shift: s}
	if p == nil {
		return load
	}
	load.Pages = len(between(p.pages, s.Start, s.End))
	at := between(p.incidents, s.Start, s.End)
	load.Incidents, load.Busiest = len(at), busiest(at, c.policy.IncidentWindow)
	return load
}

// between returns the part of ascending instants in [from, to).
func between(at []time.Time, from, to time.Time) []time.Time {
	i, _ := slices.BinarySearchFunc(at, from, time.Time.Compare)
	j, _ := slices.BinarySearchFunc(at, to, time.Time.Compare)
	return at[i:max(i, j)]
}
