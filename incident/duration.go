package incident

import (
	"slices"
	"time"

	"github.com/sre-sdk/sre"
	"github.com/sre-sdk/sre/internal/enum"
)

// A Validity says whether a duration is one.
type Validity uint8

const (
	ValidityUnknown Validity = iota
	Success                  // both ends are known
	Missing                  // an end is not known, and it is over
	Contradictory            // it would end before it began
	Censored                 // it goes on: at least this long
)

var validityNames = [...]string{"unknown", "success", "missing", "contradictory", "censored"}

// String returns the lower-case name.
func (v Validity) String() string { return enum.Name(validityNames[:], "validity", uint8(v)) }

// MarshalText returns the lower-case name; it refuses values that have none.
func (v Validity) MarshalText() ([]byte, error) {
	return enum.Marshal(validityNames[:], "validity", uint8(v))
}

// UnmarshalText reads the lower-case name.
func (v *Validity) UnmarshalText(text []byte) error {
	return enum.Unmarshal(validityNames[:], "validity", text, (*uint8)(v))
}

// A Duration is a time between two milestones.
type Duration struct {
	From, To Milestone
	Validity Validity
	For      time.Duration // if Success, and so far if Censored
}

// Between returns the time between two milestones of the current episode, at an
// instant.
func (s *State) Between(from, to Milestone, now time.Time) Duration {
	return between(&s.Marks, from, to, s.Status.Live() || s.Status == Resolved && to > ResolvedAt, now)
}

// Between returns the time between two milestones of an episode that is over.
func (p *Episode) Between(from, to Milestone) Duration {
	return between(&p.Marks, from, to, false, time.Time{})
}

func between(marks *[milestoneEnd]Mark, from, to Milestone, running bool, now time.Time) Duration {
	d := Duration{From: from, To: to, Validity: Missing}
	if from >= milestoneEnd || to >= milestoneEnd {
		return d
	}
	a, b := marks[from], marks[to]
	switch {
	case a.IsZero():
	case !b.IsZero() && b.At.Before(a.At):
		d.Validity = Contradictory
	case !b.IsZero():
		d.Validity, d.For = Success, b.At.Sub(a.At)
	case running && now.Before(a.At):
		d.Validity = Contradictory
	case running:
		d.Validity, d.For = Censored, now.Sub(a.At)
	}
	return d
}

// Contradictions returns pairs of milestones of the current episode that stand
// in the wrong order.
func (s *State) Contradictions() [][2]Milestone {
	var list [][2]Milestone
	for from := ImpactBegan; from < milestoneEnd; from++ {
		for to := from + 1; to < milestoneEnd; to++ {
			if a, b := s.Marks[from], s.Marks[to]; !a.IsZero() && !b.IsZero() && b.At.Before(a.At) {
				list = append(list, [2]Milestone{from, to})
			}
		}
	}
	return list
}

// InSeverity returns how long the incident had each severity, by severity, from
// the first judgement until it was resolved, canceled or merged, or until now.
// Times between episodes are left out.
func (s *State) InSeverity(now time.Time) map[sre.Severity]time.Duration {
	times := map[sre.Severity]time.Duration{}
	type episode struct{ from, end time.Time }
	var list []episode
	for i := range len(s.Past) + 1 {
		marks, end := &s.Marks, s.Over
		if i < len(s.Past) {
			marks, end = &s.Past[i].Marks, s.Past[i].Over
		}
		if resolved := marks[ResolvedAt].At; !resolved.IsZero() {
			end = resolved
		} else if end.IsZero() {
			end = now
		}
		list = append(list, episode{marks[DeclaredAt].At, end})
	}
	// What was told late or corrected may overlap, and counts once.
	slices.SortFunc(list, func(a, b episode) int { return a.from.Compare(b.from) })
	var counted time.Time
	for _, e := range list {
		s.inSeverity(times, later(e.from, counted), e.end)
		counted = later(counted, e.end)
	}
	return times
}

// inSeverity adds the time of each severity in [from, end).
func (s *State) inSeverity(times map[sre.Severity]time.Duration, from, end time.Time) {
	for i, span := range s.Spans {
		start, until := later(from, span.From), end
		if i+1 < len(s.Spans) && s.Spans[i+1].From.Before(until) {
			until = s.Spans[i+1].From
		}
		if until.After(start) {
			times[span.Severity] += until.Sub(start)
		}
	}
}

func later(a, b time.Time) time.Time {
	if a.After(b) {
		return a
	}
	return b
}
