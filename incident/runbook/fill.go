package runbook

import (
	"fmt"
	"html"
	"net/url"
	"regexp"
	"slices"
	"strings"
	"unicode"

	"github.com/sre-sdk/sre"
)

var (
	variableForm = regexp.MustCompile(`\\?\{\{[ \t]*([A-Za-z_][A-Za-z0-9_]*)[ \t]*\}\}`)

	// plainForm is what a shell takes for one word that is no option.
	plainForm = regexp.MustCompile(`^[A-Za-z0-9_./@:%+=,][A-Za-z0-9_./@:%+=,-]*$`)
)

// maxValue bounds what one label may put into a text.
const maxValue = 1000

// maxLine bounds the lines that are looked at closely; what is longer is code.
const maxLine = 4096

// A filler puts values into Markdown or into plain text.
type filler struct {
	values   func(name string) (string, bool)
	markdown bool // escape for Markdown; else the text is escaped afterwards
	source   string
	at       int // the line of problems; 0: that of the variable
	problems sre.Problems
}

// fill replaces the variables of a text that begins at that line. It keeps the
// lines: no value has a line break.
//
// Where a paragraph begins, and with it which backticks belong together, only a
// whole parser of Markdown knows. So each line may begin one, and what is code
// in any reading counts as code.
func (f *filler) fill(text string, first int) string {
	var (
		out   []string
		block fence
		ticks []int // the code spans that may be open, by the length of what opened them
	)
	for i, line := range strings.Split(text, "\n") {
		fenced := block.code(line)
		code := fenced || len(line) > maxLine || strings.HasPrefix(line, "    ") || strings.HasPrefix(line, "\t")
		if fenced || strings.TrimSpace(line) == "" {
			ticks = nil // a code span ends with its paragraph
		}
		ticks = with(ticks, 0)
		var b strings.Builder
		last := 0
		for _, m := range variableForm.FindAllStringSubmatchIndex(line, -1) {
			before := line[last:m[0]]
			ticks = spans(before, ticks)
			b.WriteString(before)
			b.WriteString(f.value(line, m, code || slices.Max(ticks) > 0 || inTag(line[:m[0]]), first+i))
			last = m[1]
		}
		if ticks = spans(line[last:], ticks); fenced {
			ticks = nil
		}
		b.WriteString(line[last:])
		out = append(out, b.String())
	}
	return strings.Join(out, "\n")
}

// with returns the set with n in it.
func with(set []int, n int) []int {
	if len(set) >= maxTicks {
		n = never
	}
	if slices.Contains(set, n) {
		return set
	}
	return append(set, n)
}

// maxTicks bounds how many readings are followed; beyond it everything up to
// the next empty line is code, by a run that never closes.
const (
	maxTicks = 20
	never    = 1 << 30
)

// spans follows backticks in each reading: a run opens a code span that a run as
// long closes. A backslash may stand before the first, or be one itself.
func spans(text string, ticks []int) []int {
	for i := 0; i < len(text); {
		n := 0
		for i+n < len(text) && text[i+n] == '`' {
			n++
		}
		if n > 0 {
			var next []int
			for _, open := range ticks {
				switch {
				case open == n:
					next = with(next, 0)
				case open > 0:
					next = with(next, open)
				case i > 0 && text[i-1] == '\\':
					next = with(with(with(next, n), n-1), 0)
				default:
					next = with(next, n)
				}
			}
			ticks = next
		}
		i += max(n, 1)
	}
	return ticks
}

// inTag reports whether the text ends within a tag of HTML.
func inTag(before string) bool {
	before = before[strings.LastIndexByte(before, '>')+1:]
	for i := strings.IndexByte(before, '<'); i >= 0 && i+1 < len(before); {
		if c := before[i+1] | 0x20; 'a' <= c && c <= 'z' || strings.IndexByte("/!?", before[i+1]) >= 0 {
			return true
		}
		next := strings.IndexByte(before[i+1:], '<')
		if next < 0 {
			return false
		}
		i += 1 + next
	}
	return false
}

// value returns what stands in place of the variable at m.
func (f *filler) value(line string, m []int, code bool, number int) string {
	asWritten, name := line[m[0]:m[1]], line[m[2]:m[3]]
	if asWritten[0] == '\\' {
		return asWritten[1:]
	}
	add := func(code string, value any, want string) string {
		if f.at > 0 {
			number = f.at
		}
		path := fmt.Sprintf("line %d", number)
		if f.source != "" {
			path = fmt.Sprintf("%s:%d", f.source, number)
		}
		f.problems.Add(path, code, value, want)
		return asWritten
	}
	value, ok := f.values(name)
	if !ok || strings.TrimSpace(oneLine(value[:min(len(value), maxValue)])) == "" {
		return add("unknown_variable", name, "a label of the alert, or a default in the front matter")
	}
	if len(value) > maxValue {
		return add("unsafe_value", value, fmt.Sprintf("a value of at most %d bytes for %s", maxValue, name))
	}
	switch before := line[:m[0]]; {
	case code && !plainForm.MatchString(value):
		return add("unsafe_value", value, "for "+name+" in code, one word of letters, digits and _./@:%+=,- that does not begin with -")
	case code:
		return value
	case beginsLink(before):
		if u, err := url.Parse(value); err != nil || u.Scheme != "https" && u.Scheme != "http" || u.Host == "" || strings.ContainsAny(value, "<>()[]\"'` \\{}") || strings.ContainsFunc(value, unicode.IsControl) {
			return add("unsafe_value", value, "for "+name+" at the begin of a link, a URL (http or https)")
		}
		return value
	case inURL(before):
		return strings.ReplaceAll(url.QueryEscape(value), "+", "%20")
	case f.markdown:
		return escape(value)
	default:
		return oneLine(value)
	}
}

// beginsLink reports whether a link is about to begin: [text]( or [name]: .
func beginsLink(before string) bool {
	before = strings.TrimRight(strings.TrimRight(before, " \t"), "<")
	return strings.HasSuffix(before, "](") || strings.HasSuffix(strings.TrimRight(before, " \t"), "]:")
}

// inURL reports whether the text ends within the target of a link or a URL.
func inURL(before string) bool {
	if i := strings.LastIndex(before, "]("); i >= 0 && !strings.Contains(before[i:], ")") {
		return true
	}
	word := before[strings.LastIndexAny(before, " \t<>()\"'")+1:]
	return strings.Contains(word, "://")
}

// oneLine keeps what can be seen, on one line.
func oneLine(value string) string {
	value = strings.ToValidUTF8(value, "\uFFFD")
	return strings.TrimSpace(strings.Map(func(r rune) rune {
		switch {
		case unicode.IsSpace(r):
			return ' '
		case unicode.IsControl(r), unicode.Is(unicode.Cf, r): // also marks that reverse the direction of text
			return -1
		}
		return r
	}, value))
}

// escape writes a value so that Markdown shows it as it is: a backslash before
// each punctuation mark (CommonMark, "Backslash escapes"), but not before a
// hyphen or underscore within a word, which mean nothing there.
func escape(value string) string {
	var b strings.Builder
	runes := []rune(oneLine(value))
	word := func(i int) bool {
		return i >= 0 && i < len(runes) && (unicode.IsLetter(runes[i]) || unicode.IsDigit(runes[i]))
	}
	for i, r := range runes {
		if entity := entities[r]; entity != "" {
			b.WriteString(entity)
			continue
		}
		if r < unicode.MaxASCII && (unicode.IsPunct(r) || unicode.IsSymbol(r)) && !(strings.ContainsRune("-_", r) && word(i-1) && word(i+1)) {
			b.WriteByte('\\')
		}
		b.WriteRune(r)
	}
	return b.String()
}

// entities are written so because a backslash means nothing in raw HTML.
var entities = map[rune]string{'<': "&lt;", '>': "&gt;", '&': "&amp;", '"': "&quot;", '\'': "&#39;"}

func (e *Entry) filler(labels sre.Labels, markdown bool) *filler {
	have := labels.Map()
	return &filler{markdown: markdown, source: e.runbook.Source, values: func(name string) (string, bool) {
		if v, ok := have[name]; ok {
			return v, true
		}
		v, ok := e.runbook.Variables[name]
		return v, ok
	}}
}

func (f *filler) step(s Step) Step {
	f.at = s.Line
	defer func() { f.at = 0 }()
	filled := f.fill(s.Title+"\n"+s.Detail, s.Line)
	s.Title, s.Detail, _ = strings.Cut(filled, "\n")
	return s
}

// StepsFor returns the steps as Markdown with the values of an alert's labels.
// A variable that is unknown, or whose value has no place in code or a link,
// stays as it is and is reported, see the package comment.
func (e *Entry) StepsFor(labels sre.Labels) ([]Step, []sre.Problem) {
	f := e.filler(labels, true)
	steps := e.Steps()
	for i := range steps {
		steps[i] = f.step(steps[i])
	}
	return steps, sre.ProblemsIn(f.problems.Err("runbook"))
}

// Markdown returns the whole runbook with the values of an alert's labels, as
// [Entry.StepsFor] fills them in.
func (e *Entry) Markdown(labels sre.Labels) (string, []sre.Problem) {
	f := e.filler(labels, true)
	text := f.fill(e.runbook.Body, e.runbook.Line)
	return text, sre.ProblemsIn(f.problems.Err("runbook"))
}

// HTML returns the title and the steps, or without steps the whole text, with
// the values of an alert's labels. Markdown is shown as it is written; all of
// the text is escaped. Each step has the id "step-1" and so on.
func (e *Entry) HTML(labels sre.Labels) (string, []sre.Problem) {
	f := e.filler(labels, false)
	var b strings.Builder
	fmt.Fprintf(&b, "<h1>%s</h1>\n", html.EscapeString(f.fill(e.runbook.Title, e.runbook.Line)))
	if len(e.steps) == 0 {
		fmt.Fprintf(&b, "<pre>%s</pre>\n", html.EscapeString(f.fill(e.runbook.Body, e.runbook.Line)))
		return b.String(), sre.ProblemsIn(f.problems.Err("runbook"))
	}
	b.WriteString("<ol>\n")
	for _, s := range e.steps {
		s = f.step(s)
		fmt.Fprintf(&b, "<li id=\"step-%d\"><p>%s</p>", s.Number, html.EscapeString(s.Title))
		if s.Detail != "" {
			fmt.Fprintf(&b, "<pre>%s</pre>", html.EscapeString(s.Detail))
		}
		b.WriteString("</li>\n")
	}
	b.WriteString("</ol>\n")
	return b.String(), sre.ProblemsIn(f.problems.Err("runbook"))
}
