package alert

import (
	"fmt"
	"regexp"
	"strconv"
	"strings"
	"unicode/utf8"

	"github.com/sre-sdk/sre"
)

// A Matcher is a condition on one label, as in Prometheus: name="value",
// name!="value", name=~"regexp" or name!~"regexp". A regular expression is RE2
// and must match the whole value. A missing label has the empty value. The zero
// Matcher matches nothing.
type Matcher struct {
	name, value string
	op          op
	re          *regexp.Regexp // nil unless op is a regular expression
}

type op uint8

const (
	opNone op = iota
	opEqual
	opNotEqual
	opMatch
	opNotMatch
)

var opText = [...]string{"", "=", "!=", "=~", "!~"}

// Limits on matchers, part of the contract.
const (
	MaxMatchers    = 50        // in one list
	MaxMatcherText = 1000      // bytes of one value
	maxMatchers    = 200 << 10 // bytes of the text of a list
)

// Matches reports whether the condition holds for labels.
func (m Matcher) Matches(labels sre.Labels) bool {
	value := labels.Get(m.name)
	switch m.op {
	case opEqual:
		return value == m.value
	case opNotEqual:
		return value != m.value
	case opMatch:
		return m.re.MatchString(value)
	case opNotMatch:
		return !m.re.MatchString(value)
	}
	return false
}

// Name returns the name of the label.
func (m Matcher) Name() string { return m.name }

// String returns the form that [ParseMatcher] reads.
func (m Matcher) String() string {
	name := m.name
	if !plainName(name) {
		name = strconv.Quote(name)
	}
	return name + opText[m.op] + strconv.Quote(m.value)
}

// MarshalText returns the form that ParseMatcher reads.
func (m Matcher) MarshalText() ([]byte, error) {
	if m.op == opNone {
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
	list := make([]string, len(ms))
	for i, m := range ms {
		list[i] = m.String()
	}
	return "{" + strings.Join(list, ", ") + "}"
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
	if len(text) > 4*MaxMatcherText {
		return Matcher{}, sre.NewProblem("", "too_long", fmt.Sprintf("%d bytes", len(text)), fmt.Sprintf("a value of at most %d bytes", MaxMatcherText))
	}
	m, rest, err := parseMatcher(strings.TrimSpace(text))
	if err != nil {
		return Matcher{}, err
	}
	if rest != "" {
		return Matcher{}, sre.NewProblem("", "invalid_matcher", text, "nothing after the value")
	}
	return m, nil
}

// ParseMatchers reads a list such as {severity="critical", team=~"db|web"}; the
// braces may be left out.
func ParseMatchers(text string) (Matchers, error) {
	if len(text) > maxMatchers {
		return nil, sre.NewProblem("", "too_long", fmt.Sprintf("%d bytes", len(text)), fmt.Sprintf("at most %d bytes", maxMatchers))
	}
	rest := strings.TrimSpace(text)
	if inner, ok := strings.CutPrefix(rest, "{"); ok {
		if rest, ok = strings.CutSuffix(inner, "}"); !ok {
			return nil, sre.NewProblem("", "invalid_matcher", text, "a closing brace")
		}
		rest = strings.TrimSpace(rest)
	}
	var ms Matchers
	for rest != "" {
		if len(ms) == MaxMatchers {
			return nil, sre.NewProblem("", "too_many", nil, fmt.Sprintf("at most %d matchers", MaxMatchers))
		}
		m, after, err := parseMatcher(rest)
		if err != nil {
			return nil, err
		}
		ms = append(ms, m)
		if after == "" {
			return ms, nil
		}
		next, ok := strings.CutPrefix(after, ",")
		if !ok {
			return nil, sre.NewProblem("", "invalid_matcher", after, "a comma between matchers")
		}
		rest = strings.TrimSpace(next) // a comma may also stand at the end
	}
	if len(ms) == 0 {
		return nil, sre.NewProblem("", "missing", nil, `at least one matcher, such as severity="critical"`)
	}
	return ms, nil
}

// parseMatcher reads one matcher and returns what follows it, spaces skipped.
func parseMatcher(text string) (m Matcher, rest string, err error) {
	bad := func(want string) (Matcher, string, error) {
		return Matcher{}, "", sre.NewProblem("", "invalid_matcher", text, want)
	}
	name, rest, ok := token(text, nameByte)
	if !ok || name == "" || strings.ContainsRune(name, 0) || !utf8.ValidString(name) {
		return bad("the name of a label")
	}
	kind := opNone
	for _, o := range []op{opMatch, opNotMatch, opNotEqual, opEqual} { // the longer ones first
		if after, found := strings.CutPrefix(rest, opText[o]); found {
			kind, rest = o, strings.TrimLeft(after, " \t")
			break
		}
	}
	if kind == opNone {
		return bad("one of = != =~ !~ after the name")
	}
	value, rest, ok := token(rest, valueByte)
	if !ok {
		return bad("a value in double quotes, or of letters, digits and _.:/-")
	}
	m, err = NewMatcher(name, opText[kind], value)
	return m, rest, err
}

// NewMatcher returns a matcher made of its parts; op is one of = != =~ !~.
func NewMatcher(name, operator, value string) (Matcher, error) {
	m := Matcher{name: name, value: value}
	for o, text := range opText {
		if o > 0 && text == operator {
			m.op = op(o)
		}
	}
	var p sre.Problems
	if m.op == opNone {
		p.Add("", "unknown_operator", operator, "one of = != =~ !~")
	}
	if name == "" || len(name) > MaxMatcherText || !utf8.ValidString(name) || strings.ContainsRune(name, 0) {
		p.Add("", "invalid_label_name", name, fmt.Sprintf("1 to %d bytes of UTF-8 without NUL", MaxMatcherText))
	}
	if len(value) > MaxMatcherText || !utf8.ValidString(value) || strings.ContainsRune(value, 0) {
		p.Add("", "invalid_label_value", value, fmt.Sprintf("at most %d bytes of UTF-8 without NUL", MaxMatcherText))
	} else if m.op == opMatch || m.op == opNotMatch {
		re, err := regexp.Compile("^(?s:" + value + ")$")
		if err != nil {
			p.Add("", "invalid_regexp", value, "a regular expression as RE2 has it: "+err.Error())
		}
		m.re = re
	}
	if err := p.Err("alert"); err != nil {
		return Matcher{}, err
	}
	return m, nil
}

// token reads a quoted text, or a bare one of the bytes that bare allows, and
// skips the spaces after it.
func token(text string, bare func(byte) bool) (value, rest string, ok bool) {
	if strings.HasPrefix(text, `"`) {
		quoted, err := strconv.QuotedPrefix(text)
		if err != nil {
			return "", "", false
		}
		value, err = strconv.Unquote(quoted)
		return value, strings.TrimLeft(text[len(quoted):], " \t"), err == nil
	}
	n := 0
	for n < len(text) && bare(text[n]) {
		n++
	}
	return text[:n], strings.TrimLeft(text[n:], " \t"), n > 0
}

func nameByte(c byte) bool {
	return 'a' <= c && c <= 'z' || 'A' <= c && c <= 'Z' || '0' <= c && c <= '9' || c == '_' || c == ':'
}

func valueByte(c byte) bool { return nameByte(c) || c == '.' || c == '/' || c == '-' }

func plainName(name string) bool {
	for i := range len(name) {
		if !nameByte(name[i]) {
			return false
		}
	}
	return name != ""
}
