package alert

import (
	"github.com/sre-sdk/sre"
	"github.com/sre-sdk/sre/internal/match"
)

// Limits on matchers, part of the contract.
const (
	MaxMatchers    = match.MaxMatchers // in one list
	MaxMatcherText = match.MaxText     // bytes of one value
)

// A Matcher is a condition on one label, as in Prometheus: name="value",
// name!="value", name=~"regexp" or name!~"regexp". A regular expression is RE2
// and must match the whole value. A missing label has the empty value. The zero
// Matcher matches nothing.
type Matcher struct{ m match.Matcher }

// Matches reports whether the condition holds for labels.
func (m Matcher) Matches(labels sre.Labels) bool { return m.m.Matches(labels) }

// Name returns the name of the label.
func (m Matcher) Name() string { return m.m.Name() }

// String returns the form that [ParseMatcher] reads.
func (m Matcher) String() string { return m.m.String() }

// MarshalText returns the form that ParseMatcher reads.
func (m Matcher) MarshalText() ([]byte, error) {
	if m.m.IsZero() {
		return nil, sre.NewProblem("", "missing", nil, "a parsed matcher")
	}
	return []byte(m.String()), nil
}

// UnmarshalText reads what ParseMatcher reads.
func (m *Matcher) UnmarshalText(text []byte) error {
	v, err := ParseMatcher(string(text))
	if err == nil {
		*m = v
	}
	return err
}

// Matchers hold for labels if each of them does. No Matchers match nothing: a
// silence that has lost its matchers must not silence everything.
type Matchers []Matcher

// Matches reports whether every matcher holds and there is one.
func (ms Matchers) Matches(labels sre.Labels) bool {
	for i := range ms {
		if !ms[i].Matches(labels) {
			return false
		}
	}
	return len(ms) > 0
}

// String returns the form that [ParseMatchers] reads, in braces.
func (ms Matchers) String() string {
	list := make(match.List, len(ms))
	for i, m := range ms {
		list[i] = m.m
	}
	return list.String()
}

// MustMatchers is [ParseMatchers] for text that is part of the program; it
// panics on a bad one.
func MustMatchers(text string) Matchers {
	ms, err := ParseMatchers(text)
	if err != nil {
		panic(err)
	}
	return ms
}

// ParseMatcher reads one matcher, such as severity="critical" or
// team=~"db|web". A value of letters, digits and _.:/- needs no quotes; a name
// of other characters than letters, digits, _ and : does.
func ParseMatcher(text string) (Matcher, error) {
	m, err := match.ParseOne(text)
	return Matcher{m}, err
}

// ParseMatchers reads a list such as {severity="critical", team=~"db|web"}; the
// braces may be left out.
func ParseMatchers(text string) (Matchers, error) {
	list, err := match.Parse(text)
	if err != nil {
		return nil, err
	}
	ms := make(Matchers, len(list))
	for i, m := range list {
		ms[i] = Matcher{m}
	}
	return ms, nil
}

// NewMatcher returns a matcher made of its parts; operator is one of = != =~ !~.
func NewMatcher(name, operator, value string) (Matcher, error) {
	m, err := match.New(name, operator, value)
	return Matcher{m}, err
}
