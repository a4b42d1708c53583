package prometheus

import (
	"regexp"
	"strings"
)

// A token is a piece of PromQL. The scanner knows just enough of the language
// to find strings, comments, selectors and ranges without being fooled by one
// inside another; everything else is left to the server, which parses it all.
type token struct {
	kind   tokenKind
	text   string
	spaced bool // white space or a comment stood before it
}

type tokenKind uint8

const (
	tokenName   tokenKind = iota // metric, label, function or keyword
	tokenString                  // with its quotes
	tokenNumber                  // also a duration
	tokenMark                    // an operator, a bracket, a comma
	tokenWindow                  // the window placeholder
)

// The forms of the window placeholder: Sloth's template and a plain variable.
var (
	templateWindow = regexp.MustCompile(`^\{\{-?\s*\.window\s*-?\}\}`)
	variableWindow = regexp.MustCompile(`^\$window\b`)
	nameText       = regexp.MustCompile(`^[a-zA-Z_:][a-zA-Z0-9_:]*`)
	numberText     = regexp.MustCompile(`^(?:[0-9]|\.[0-9])[0-9a-zA-Z_.]*`)
	markText       = regexp.MustCompile(`^(?:=~|!~|!=|==|<=|>=|[-+*/%^=<>(){}\[\],@:])`)
)

// A scanError says at which byte the text stops making sense, and why.
type scanError struct {
	code string
	at   string
	want string
}

// scan cuts text into tokens, comments and white space left out.
func scan(text string) ([]token, *scanError) {
	var tokens []token
	spaced := false
	for text != "" {
		if n := blank(text); n > 0 {
			text, spaced = text[n:], true
			continue
		}
		kind, n, err := next(text)
		if err != nil {
			return nil, err
		}
		tokens = append(tokens, token{kind, text[:n], spaced})
		text, spaced = text[n:], false
	}
	return tokens, nil
}

// blank returns the length of the white space or comment at the start of text.
func blank(text string) int {
	switch text[0] {
	case ' ', '\t', '\n', '\r':
		return 1
	case '#':
		if n := strings.IndexByte(text, '\n'); n >= 0 {
			return n + 1
		}
		return len(text)
	}
	return 0
}

func next(text string) (tokenKind, int, *scanError) {
	switch {
	case strings.HasPrefix(text, "{{"):
		if n := len(templateWindow.FindString(text)); n > 0 {
			return tokenWindow, n, nil
		}
		return 0, 0, &scanError{"unknown_placeholder", text, "{{.window}}"}
	case text[0] == '$':
		if n := len(variableWindow.FindString(text)); n > 0 {
			return tokenWindow, n, nil
		}
		return 0, 0, &scanError{"unknown_placeholder", text, "$window"}
	case text[0] == '"', text[0] == '\'', text[0] == '`':
		if n := quoted(text); n > 0 {
			return tokenString, n, nil
		}
		return 0, 0, &scanError{"unterminated_string", text, "a closing quote on the same line"}
	}
	for _, form := range [...]struct {
		kind tokenKind
		re   *regexp.Regexp
	}{{tokenName, nameText}, {tokenNumber, numberText}, {tokenMark, markText}} {
		if n := len(form.re.FindString(text)); n > 0 {
			return form.kind, n, nil
		}
	}
	return 0, 0, &scanError{"unexpected_character", text, "PromQL"}
}

// quoted returns the length of the string literal at the start of text, or 0.
// A backslash escapes in double and single quotes but not in backquotes, where
// line breaks are allowed.
func quoted(text string) int {
	quote := text[0]
	for i := 1; i < len(text); i++ {
		switch c := text[i]; {
		case c == quote:
			return i + 1
		case quote == '`':
		case c == '\n':
			return 0
		case c == '\\':
			i++
		}
	}
	return 0
}

// balanced reports whether every bracket is closed by its like.
func balanced(tokens []token) bool {
	closes := map[string]string{")": "(", "]": "[", "}": "{"}
	var open []string
	for _, t := range tokens {
		if t.kind != tokenMark {
			continue
		}
		switch t.text {
		case "(", "[", "{":
			open = append(open, t.text)
		case ")", "]", "}":
			if len(open) == 0 || open[len(open)-1] != closes[t.text] {
				return false
			}
			open = open[:len(open)-1]
		}
	}
	return len(open) == 0
}

// render writes tokens on one line, with window in place of the placeholder.
func render(tokens []token, window string) string {
	var b strings.Builder
	for i, t := range tokens {
		if t.spaced && i > 0 {
			b.WriteByte(' ')
		}
		if t.kind == tokenWindow {
			b.WriteString(window)
		} else {
			b.WriteString(t.text)
		}
	}
	return b.String()
}

// A selector is a metric name and matchers, each as written.
type selector struct {
	name     string
	matchers []string // a quoted metric name stands first, alone
	labels   []string // the label of each matcher; "" for a quoted metric name
}

// String returns the selector in PromQL.
func (s selector) String() string {
	if len(s.matchers) == 0 {
		return s.name
	}
	return s.name + "{" + strings.Join(s.matchers, ",") + "}"
}

// with returns the selector with one more matcher.
func (s selector) with(matcher string) selector {
	s.matchers = append(s.matchers[:len(s.matchers):len(s.matchers)], matcher)
	return s
}

// matches reports whether a matcher of label is present.
func (s selector) matches(label string) bool {
	for _, l := range s.labels {
		if l == label {
			return true
		}
	}
	return false
}

// selectorAt reads a selector at the start of tokens and returns how many
// tokens it takes, or 0.
func selectorAt(tokens []token) (selector, int) {
	var s selector
	n := 0
	if is(tokens, 0, tokenName, "") {
		s.name = tokens[0].text
		n = 1
	}
	if !is(tokens, n, tokenMark, "{") {
		return s, n
	}
	for n++; !is(tokens, n, tokenMark, "}"); {
		used := s.matcherAt(tokens[n:])
		if used == 0 {
			return selector{}, 0
		}
		n += used
		if is(tokens, n, tokenMark, ",") {
			n++
		} else if !is(tokens, n, tokenMark, "}") {
			return selector{}, 0
		}
	}
	if s.name == "" && len(s.matchers) == 0 {
		return selector{}, 0 // {} would select everything
	}
	return s, n + 1
}

// matcherAt adds the matcher, or the quoted metric name, at the start of
// tokens and returns how many tokens it takes, or 0.
func (s *selector) matcherAt(tokens []token) int {
	switch {
	case is(tokens, 0, tokenString, "") && s.name == "" && len(s.matchers) == 0 &&
		(is(tokens, 1, tokenMark, ",") || is(tokens, 1, tokenMark, "}")):
		s.add("", tokens[:1])
		return 1
	case !is(tokens, 0, tokenName, "") && !is(tokens, 0, tokenString, ""),
		!is(tokens, 1, tokenMark, ""), !is(tokens, 2, tokenString, ""):
		return 0
	}
	switch tokens[1].text {
	case "=", "!=", "=~", "!~":
		s.add(strings.Trim(tokens[0].text, "\"'`"), tokens[:3])
		return 3
	}
	return 0
}

func (s *selector) add(label string, tokens []token) {
	text := ""
	for _, t := range tokens {
		text += t.text
	}
	s.labels = append(s.labels, label)
	s.matchers = append(s.matchers, text)
}

// is reports whether token i exists, is of that kind and, unless text is
// empty, has that text.
func is(tokens []token, i int, kind tokenKind, text string) bool {
	return i < len(tokens) && tokens[i].kind == kind && (text == "" || tokens[i].text == text)
}
