package slo

import (
	"fmt"
	"strings"
	"time"

	"github.com/sre-sdk/sre"
)

// An SLO states how reliable a service must be: of what the SLI counts, the
// share Objective must be good over Window.
//
// It is a plain value. [SLO.Compile] checks it once; everything that measures
// or decides takes the [Compiled] form, so an invalid SLO decides nothing.
type SLO struct {
	ID          string // required; an ID as sre.ValidID has it, unique among the SLOs judged together
	Service     string // required; the ID of the service
	Title       string // for people; default: the ID
	Description string

	SLI       SLI             // required
	Objective Objective       // required
	Window    Window          // required
	Budgeting BudgetingMethod // default: Occurrences
	Missing   MissingData     // default: Ignore

	Labels      sre.Labels
	Owner       string      // the ID of the team or person who answers for it; Lint asks for one
	Criticality Criticality // of the service; default: Standard
	ReviewBy    time.Time   // when the SLO is due for review; zero: never; Lint reports a past one
}

// MaxText is the longest Title or Description, in bytes.
const MaxText = 4096

// Compile checks the SLO, resolves its time zone and returns the form that
// everything else takes. The error carries every [sre.Problem] at once.
func (s SLO) Compile() (*Compiled, error) {
	var p sre.Problems
	p.CheckID("id", s.ID)
	p.CheckID("service", s.Service)
	if s.Owner != "" {
		p.CheckID("owner", s.Owner)
	}
	for _, text := range []struct{ path, value string }{{"title", s.Title}, {"description", s.Description}} {
		if len(text.value) > MaxText {
			p.Add(text.path, "too_long", len(text.value), fmt.Sprintf("at most %d bytes", MaxText))
		}
	}
	switch sli := s.SLI.(type) {
	case nil:
		p.Add("sli", "missing", nil, "an SLI, such as slo.Availability(total, bad)")
	case EventRatio, LatencyHistogram, RateFloor, GaugeRatio, GaugeThreshold, ProbeSuccess:
		sli.check("sli", &p)
	default: // a pointer to one of them could be changed later, and a Source would not know it
		p.Add("sli", "unknown_sli", fmt.Sprintf("%T", sli), "a value made by a constructor, such as slo.Availability(total, bad)")
	}
	if !s.Objective.IsSet() {
		p.Add("objective", "missing", nil, "an objective, such as 99.9%")
	}
	window := s.Window.compile("window", &p)
	s.Budgeting.check("budgeting", window, &p)
	if int(s.Missing) >= len(missingNames) {
		p.Add("missing", "unknown_value", s.Missing, "Ignore, CountAsGood or CountAsBad")
	}
	if s.Criticality > Critical {
		p.Add("criticality", "unknown_value", s.Criticality, "low, standard, high or critical")
	}
	if err := p.Err("slo"); err != nil {
		return nil, err
	}
	if s.Title == "" {
		s.Title = s.ID
	}
	return &Compiled{spec: s, window: window}, nil
}

// MustCompile is Compile for SLOs that are part of the program; it panics on
// an invalid one.
func (s SLO) MustCompile() *Compiled {
	c, err := s.Compile()
	if err != nil {
		panic(err)
	}
	return c
}

// Compiled is a checked SLO. It is immutable and safe for concurrent use.
type Compiled struct {
	spec   SLO
	window window
}

// Spec returns the SLO as it was compiled, defaults filled in.
func (c *Compiled) Spec() SLO { return c.spec }

// ID returns the SLO's ID.
func (c *Compiled) ID() string { return c.spec.ID }

// Service returns the ID of the service.
func (c *Compiled) Service() string { return c.spec.Service }

// Objective returns the objective.
func (c *Compiled) Objective() Objective { return c.spec.Objective }

// Criticality returns the criticality of the service.
func (c *Compiled) Criticality() Criticality { return c.spec.Criticality.orDefault() }

// Period returns the half-open period [start, end) that the budget covers at
// an instant: for a rolling window the time up to at, so that end == at; for a
// calendar window the whole calendar period that holds at, so that
// start <= at < end.
func (c *Compiled) Period(at time.Time) (start, end time.Time) { return c.window.period(at) }

// PeriodLength returns the nominal length of the period, by which burn-rate
// factors scale: the length of a rolling window; 7, 30, 90 or 365 days for a
// calendar week, month, quarter or year.
func (c *Compiled) PeriodLength() time.Duration { return c.window.length }

// Align returns the instant up to which the SLO can be measured at at: at
// itself for Occurrences; else the last end of a slice. Slices are counted
// from the start of a calendar period, and of a rolling one from 1970-01-01
// UTC, so that two measurements see the same slices.
func (c *Compiled) Align(at time.Time) time.Time {
	slice := c.spec.Budgeting.Slice
	if slice == 0 {
		return at
	}
	origin := time.Unix(0, 0)
	if c.window.calendar {
		origin, _ = c.window.period(at)
	}
	// Truncate counts from the year 1, and unlike a Duration reaches any year.
	phase := origin.Sub(origin.Truncate(slice))
	return at.Add(-phase).Truncate(slice).Add(phase)
}

// A Criticality says how much depends on a service.
type Criticality uint8

const (
	CriticalityUnset Criticality = iota // treated as Standard
	Low
	Standard
	High
	Critical
)

var criticalityNames = [...]string{"unset", "low", "standard", "high", "critical"}

func (c Criticality) orDefault() Criticality {
	if c == CriticalityUnset {
		return Standard
	}
	return c
}

// String returns the lower-case name.
func (c Criticality) String() string {
	if int(c) < len(criticalityNames) {
		return criticalityNames[c]
	}
	return fmt.Sprintf("criticality(%d)", uint8(c))
}

// ParseCriticality reads the lower-case name; "" is unset.
func ParseCriticality(text string) (Criticality, error) {
	if text == "" {
		return CriticalityUnset, nil
	}
	for i, name := range criticalityNames {
		if text == name {
			return Criticality(i), nil
		}
	}
	return 0, sre.NewProblem("", "unknown_value", text, strings.Join(criticalityNames[1:], ", "))
}

// MarshalText returns the lower-case name.
func (c Criticality) MarshalText() ([]byte, error) {
	if int(c) >= len(criticalityNames) {
		return nil, sre.Problem{Code: "unknown_value", Value: c.String(), Want: "a declared Criticality"}
	}
	return []byte(c.String()), nil
}

// UnmarshalText reads the lower-case name.
func (c *Criticality) UnmarshalText(text []byte) error {
	v, err := ParseCriticality(string(text))
	if err == nil {
		*c = v
	}
	return err
}
