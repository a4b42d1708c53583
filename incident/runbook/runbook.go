package runbook

import (
	"time"

	"github.com/sre-sdk/sre"
	"github.com/sre-sdk/sre/internal/match"
)

// Limits on runbooks, part of the contract.
const (
	MaxRunbooks  = 10_000
	MaxBody      = 256 << 10 // bytes
	MaxSteps     = 200
	MaxSections  = 1000
	MaxMatch     = 100 // alternatives of one runbook
	MaxVariables = 100 // with a default
	MaxText      = 1000
)

// DefaultReviewEvery is the default of [Library.ReviewEvery].
const DefaultReviewEvery = 180 * 24 * time.Hour

// A Library is a set of runbooks. The order does not matter.
type Library struct {
	Runbooks    []Runbook
	ReviewEvery time.Duration // for runbooks that do not say; default: DefaultReviewEvery
}

// A Runbook says what to do about an alert.
type Runbook struct {
	ID    string // required; an ID as sre.ValidID has it, unique in the library
	Title string // default: the first heading, else the ID
	Owner string // the ID of the team that keeps it right

	// Match says for which alerts it is: those for which one of them holds.
	Match []Matchers

	LastReviewed time.Time     // zero: never
	LastUsed     time.Time     // zero: never
	ReviewEvery  time.Duration // default: that of the library

	Variables map[string]string // defaults, by name
	URL       string            // of the page, for links

	Body   string // Markdown
	Source string // the file, for problems
	Line   int    // of the first line of Body in Source; default: 1
}

// Matchers are conditions on labels of which each must hold. The zero Matchers
// hold for nothing.
type Matchers struct{ list match.List }

// ParseMatchers reads a list such as {severity="critical", team=~"db|web"}; the
// braces may be left out, and so may the quotes around a value of letters,
// digits and _.:/-.
func ParseMatchers(text string) (Matchers, error) {
	list, err := match.Parse(text)
	return Matchers{list}, err
}

// MustMatchers is [ParseMatchers] for text that is part of the program; it
// panics on a bad one.
func MustMatchers(text string) Matchers {
	m, err := ParseMatchers(text)
	if err != nil {
		panic(err)
	}
	return m
}

// Matches reports whether every matcher holds and there is one.
func (m Matchers) Matches(labels sre.Labels) bool { return m.list.Matches(labels) }

// Len returns the number of matchers.
func (m Matchers) Len() int { return len(m.list) }

// String returns the form that [ParseMatchers] reads, in braces.
func (m Matchers) String() string { return m.list.String() }

// MarshalText returns the form that ParseMatchers reads.
func (m Matchers) MarshalText() ([]byte, error) { return []byte(m.String()), nil }

// UnmarshalText reads what ParseMatchers reads; "{}" and nothing are the zero
// Matchers.
func (m *Matchers) UnmarshalText(text []byte) error {
	if s := string(text); s == "" || s == "{}" {
		*m = Matchers{}
		return nil
	}
	v, err := ParseMatchers(string(text))
	if err == nil {
		*m = v
	}
	return err
}

// A Section is a heading of a runbook.
type Section struct {
	Title  string
	Level  int    // 1 to 6
	Anchor string // for a link: "#" and this
	Line   int    // in the file
}

// A Step is one thing to do.
type Step struct {
	Number int    // from 1
	Title  string // one line of Markdown
	Detail string // Markdown; may be empty
	Anchor string // of its heading, or of the heading Steps
	Done   bool   // its box is checked in the file
	Line   int    // in the file
}
