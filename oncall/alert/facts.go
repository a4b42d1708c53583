package alert

import (
	"fmt"
	"strings"
	"time"

	"github.com/sre-sdk/sre"
)

// Facts are what a group must be told because it lies outside of it. What is
// not known, or known as of too long ago ([Policy.MaxFactsAge]), suppresses
// nothing.
//
// Everything has an interval, so that a step that comes late judges the past by
// what held then. Keep a silence or a source among the facts for a while after
// its end.
type Facts struct {
	Silences     []Silence
	SilencesAsOf time.Time // when they were read; zero: not known

	// Sources are alerts of any group that inhibit others. [Compiled.IsSource]
	// tells which alerts can.
	Sources     []Source
	SourcesAsOf time.Time // when they were read; zero: not known

	// Triggers are when other groups of the same service triggered, as far as
	// the longest [Throttle] by service looks back.
	Triggers     []time.Time
	TriggersAsOf time.Time // when they were read; zero: not known
}

// A Silence keeps alerts from paging for a while. It does not end a page that
// is open.
type Silence struct {
	ID       string    `json:"id"`
	Matchers Matchers  `json:"matchers"`
	Start    time.Time `json:"start"`
	End      time.Time `json:"end"` // excluded; a silence that is ended early gets an earlier End
	Author   string    `json:"author"`
	Comment  string    `json:"comment"` // why
}

// MaxSilence is how long a silence may last: 400 days.
const MaxSilence = 400 * 24 * time.Hour

// Validate reports every problem of a silence.
func (s *Silence) Validate() error {
	var p sre.Problems
	p.CheckID("id", s.ID)
	if len(s.Matchers) == 0 {
		p.Add("matchers", "missing", nil, "at least one matcher")
	} else if s.Matchers.Matches(sre.Labels{}) {
		p.Add("matchers", "matches_everything", s.Matchers, "a matcher that an alert without labels does not meet")
	}
	if len(s.Matchers) > MaxMatchers {
		p.Add("matchers", "too_many", len(s.Matchers), fmt.Sprintf("at most %d", MaxMatchers))
	}
	switch {
	case s.Start.IsZero():
		p.Add("start", "missing", nil, "an instant")
	case !s.Start.Before(s.End):
		p.Add("end", "out_of_range", s.End, "an instant after the start")
	case s.End.Sub(s.Start) > MaxSilence:
		p.Add("end", "out_of_range", s.End, "at most 400 days after the start")
	}
	if strings.TrimSpace(s.Author) == "" {
		p.Add("author", "missing", nil, "who silences")
	}
	if strings.TrimSpace(s.Comment) == "" {
		p.Add("comment", "missing", nil, "why")
	}
	return p.Err("alert")
}

// Active reports whether the silence holds at an instant.
func (s *Silence) Active(at time.Time) bool { return !at.Before(s.Start) && at.Before(s.End) }

// Expired reports whether the silence has ended by an instant.
func (s *Silence) Expired(at time.Time) bool { return !at.Before(s.End) }

// A Source is an alert that fires, or did lately, and may inhibit others.
type Source struct {
	Fingerprint string
	Labels      sre.Labels
	Since       time.Time
	Until       time.Time // excluded; zero: it still fires
}

func (s *Source) active(at time.Time) bool {
	return !at.Before(s.Since) && (s.Until.IsZero() || at.Before(s.Until))
}
