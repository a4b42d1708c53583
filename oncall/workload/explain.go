package workload

import (
	"fmt"
	"math"
	"strings"
	"time"
)

// MeanIncidents returns how many incidents came to people on call, on average,
// in as much time on call as the policy's IncidentWindow, exactly. ok is false if
// nobody was on call.
func (r *Report) MeanIncidents() (mean Number, ok bool) {
	var incidents, onCall int64
	for i := range r.People {
		incidents += int64(r.People[i].Incidents - r.People[i].OffCall)
		onCall += int64(r.People[i].OnCall() / time.Second)
	}
	if onCall == 0 {
		return Number{}, false
	}
	return Fraction(incidents, onCall).times(int64(r.policy.IncidentWindow / time.Second)), true
}

// Overload returns the probability that a shift as long as the policy's
// IncidentWindow has more than MaxIncidents, by [Exceeds], at the rate measured.
// It is NaN if nobody was on call.
func (r *Report) Overload() float64 {
	mean, ok := r.MeanIncidents()
	if !ok {
		return math.NaN()
	}
	f, _ := mean.rat().Float64()
	return Exceeds(r.policy.MaxIncidents, f)
}

// Explain prints the arithmetic of the hours of one person, and of the score.
// It is "" for somebody of whom nothing is known.
func (r *Report) Explain(person string) string {
	var b strings.Builder
	for i := range r.People {
		l := &r.People[i]
		if l.Person != person {
			continue
		}
		split := l.Hours.OnCall()
		fmt.Fprintf(&b, "%s, by the clock of %s\n  on call    ", l.Person, l.Zone)
		for class, d := range split {
			if class > 0 {
				b.WriteString(" + ")
			}
			fmt.Fprintf(&b, "%s %s", hours(d), Class(class))
		}
		fmt.Fprintf(&b, " = %s\n", hours(split.Total()))
		fmt.Fprintf(&b, "  share      %s / %s = %s%%, at most %d%%\n", hours(l.OnCall()), hours(r.Span()), r.share(l).Percent(), r.policy.MaxOnCallPercent)
		fmt.Fprintf(&b, "  incidents  %d in all, at most %d in any %s; allowed %d\n", l.Incidents, l.Busiest.Incidents, hours(r.policy.IncidentWindow), r.policy.MaxIncidents)
		s := &r.Score
		fmt.Fprintf(&b, "score of the schedule\n  even       (%s%% of hours + %s%% of nights + %s%% of weekends) / 3 = %s%%\n", s.Hours.Percent(), s.Nights.Percent(), s.Weekends.Percent(), s.Even().Percent())
		fmt.Fprintf(&b, "  total      (%s%% covered + %s%% even) / 2 = %s%%\n", s.Covered.Percent(), s.Even().Percent(), s.Total.Percent())
	}
	return b.String()
}
