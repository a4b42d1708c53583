package recording

import (
	"strings"
	"time"

	"github.com/sre-sdk/sre"
)

// A Moment is an instant of the recorded month at which the gate is asked.
type Moment struct {
	Name string
	At   time.Time
	Says string // what is going on, for people
}

// Start and End bound the recorded period, 35 days. It begins on a Friday, as
// the counts of requests that it is made of do.
var (
	Start = time.Date(2026, time.March, 27, 0, 0, 0, 0, time.UTC)
	End   = Start.AddDate(0, 0, 35)
)

// Moments returns the recorded ones, the first of which is the default.
func Moments() []Moment {
	return []Moment{
		{"healthy", time.Date(2026, time.April, 29, 12, 0, 0, 0, time.UTC), "a Wednesday noon on which nothing happens"},
		{"burning", time.Date(2026, time.April, 30, 14, 0, 0, 0, time.UTC), "a bad release has been failing requests for 50 minutes"},
		{"exhausted", End, "the incident is over, and so is the budget"},
	}
}

// ParseMoment returns the moment of that name; "" is the default.
func ParseMoment(name string) (Moment, error) {
	moments := Moments()
	if name == "" {
		return moments[0], nil
	}
	var names []string
	for _, m := range moments {
		if m.Name == name {
			return m, nil
		}
		names = append(names, m.Name)
	}
	return Moment{}, sre.Problem{Code: "unknown_moment", Value: name, Want: strings.Join(names, ", ")}
}
