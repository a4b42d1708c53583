// Package match reads and applies label matchers as Prometheus has them:
// name="value", name!="value", name=~"regexp" and name!~"regexp". A regular
// expression is RE2 and must match the whole value; a missing label has the
// empty value.
//
// Domains may not import each other, and an exported type must not be that of
// an internal package: each wraps a [List] in a type of its own.
package match

import (
	"fmt"
	"regexp"
	"strconv"
	"strings"
	"unicode/utf8"

	"github.com/sre-sdk/sre"
)

// Limits on matchers.
const (
	MaxMatchers = 50        // in one list
	MaxText     = 1000      // bytes of one name or value
	maxList     = 200 << 10 // bytes of the text of a list
)

// A Matcher is a condition on one label. The zero Matcher matches nothing.
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

// IsZero reports whether the matcher was never made.
func (m Matcher) IsZero() bool { return m.op == opNone }

// Name returns the name of the label.
func (m Matcher) Name() string { return m.name }

// String returns the form that [Parse] reads.
func (m Matcher) String() string {
	name := m.name
	if !plain(name) {
		name = strconv.Quote(name)
	}
	return name + opText[m.op] + strconv.Quote(m.value)
}

// A List holds if each of its matchers does. An empty one holds for nothing:
// what has lost its matchers must not match everything.
type List []Matcher

// Matches reports whether every matcher holds and there is one.
func (l List) Matches(labels sre.Labels) bool {
	for i := range l {
		if !l[i].Matches(labels) {
			return false
		}
	}
	return len(l) > 0
}

// String returns the form that [Parse] reads, in braces.
func (l List) String() string {
	texts := make([]string, len(l))
	for i, m := range l {
		texts[i] = m.String()
	}
	return "{" + strings.Join(texts, ", ") + "}"
}

// Parse reads a list such as {severity="critical", team=~"db|web"}; the braces
// may be left out. A value of letters, digits and _.:/- needs no quotes; a name
// of other characters than letters, digits, _ and : does.
func Parse(text string) (List, error) {
	if len(text) > maxList {
		return nil, sre.NewProblem("", "too_long", fmt.Sprintf("%d bytes", len(text)), fmt.Sprintf("at most %d bytes", maxList))
	}
	rest := strings.TrimSpace(text)
	if inner, ok := strings.CutPrefix(rest, "{"); ok {
		if rest, ok = strings.CutSuffix(inner, "}"); !ok {
			return nil, sre.NewProblem("", "invalid_matcher", text, "a closing brace")
		}
		rest = strings.TrimSpace(rest)
	}
	var list List
	for rest != "" {
		if len(list) == MaxMatchers {
			return nil, sre.NewProblem("", "too_many", nil, fmt.Sprintf("at most %d matchers", MaxMatchers))
		}
		m, after, err := parse(rest)
		if err != nil {
			return nil, err
		}
		list = append(list, m)
		if after == "" {
			return list, nil
		}
		next, ok := strings.CutPrefix(after, ",")
		if !ok {
			return nil, sre.NewProblem("", "invalid_matcher", after, "a comma between matchers")
		}
		rest = strings.TrimSpace(next) // a comma may also stand at the end
	}
	if len(list) == 0 {
		return nil, sre.NewProblem("", "missing", nil, `at least one matcher, such as severity="critical"`)
	}
	return list, nil
}

// ParseOne reads one matcher.
func ParseOne(text string) (Matcher, error) {
	if len(text) > 4*MaxText {
		return Matcher{}, sre.NewProblem("", "too_long", fmt.Sprintf("%d bytes", len(text)), fmt.Sprintf("a value of at most %d bytes", MaxText))
	}
	m, rest, err := parse(strings.TrimSpace(text))
	if err == nil && rest != "" {
		return Matcher{}, sre.NewProblem("", "invalid_matcher", text, "nothing after the value")
	}
	return m, err
}

// parse reads one matcher and returns what follows it, spaces skipped.
func parse(text string) (m Matcher, rest string, err error) {
	bad := func(want string) (Matcher, string, error) {
		return Matcher{}, "", sre.NewProblem("", "invalid_matcher", text, want)
	}
	name, rest, ok := token(text, nameByte)
	if !ok {
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
	m, err = New(name, opText[kind], value)
	return m, rest, err
}

// New returns a matcher made of its parts; operator is one of = != =~ !~.
func New(name, operator, value string) (Matcher, error) {
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
	if name == "" || !valid(name) {
		p.Add("", "invalid_label_name", name, fmt.Sprintf("1 to %d bytes of UTF-8 without NUL", MaxText))
	}
	if !valid(value) {
		p.Add("", "invalid_label_value", value, fmt.Sprintf("at most %d bytes of UTF-8 without NUL", MaxText))
	} else if m.op == opMatch || m.op == opNotMatch {
		re, err := regexp.Compile("^(?s:" + value + ")$")
		if err != nil {
			p.Add("", "invalid_regexp", value, "a regular expression as RE2 has it: "+err.Error())
		}
		m.re = re
	}
	if err := p.Err("match"); err != nil {
		return Matcher{}, err
	}
	return m, nil
}

func valid(text string) bool {
	return len(text) <= MaxText && utf8.ValidString(text) && !strings.ContainsRune(text, 0)
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

func plain(name string) bool {
	for i := range len(name) {
		if !nameByte(name[i]) {
			return false
		}
	}
	return name != ""
}
