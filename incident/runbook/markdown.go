package runbook

import (
	"regexp"
	"strconv"
	"strings"
	"unicode"
)

// The forms of Markdown that matter here (CommonMark 0.31 and the task lists of
// GitHub). Everything else is text.
var (
	headingForm   = regexp.MustCompile(`^ {0,3}(#{1,6})(?:[ \t]+(.*?))?(?:[ \t]+#+)?[ \t]*$`)
	underlineForm = regexp.MustCompile(`^ {0,3}(=+|-+)[ \t]*$`)
	itemForm      = regexp.MustCompile(`^( *)((\d{1,9})[.)]|[-*+])([ \t]+)(?:\[([ xX])\][ \t]+)?(\S.*)$`)
	boxForm       = regexp.MustCompile(`^\[([ xX])\][ \t]+(.*)$`)
	fenceForm     = regexp.MustCompile("^[ ]*(`{3,}|~{3,})(.*)$")
	linkForm      = regexp.MustCompile(`\[([^\]]*)\]\([^)]*\)`)
	anchorForm    = regexp.MustCompile(`\]\(#([^)\s]+)\)`)
)

// A fence tracks code between lines of backticks or tildes.
type fence struct{ open string }

// code reports whether the line is part of a fenced block, its fences included.
func (f *fence) code(line string) bool {
	m := fenceForm.FindStringSubmatch(line)
	switch {
	case f.open == "" && (m == nil || m[1][0] == '`' && strings.Contains(m[2], "`")):
		return false
	case f.open == "":
		f.open = m[1]
	case m != nil && strings.HasPrefix(m[1], f.open) && strings.TrimSpace(m[2]) == "":
		f.open = ""
	}
	return true
}

// a line of a document, and what it is.
type line struct {
	text    string
	code    bool // fenced
	hidden  bool // in a comment
	level   int  // of a heading
	heading string
}

// scan says what each line is.
func scan(body string) []line {
	var (
		lines   []line
		f       fence
		comment bool
	)
	for text := range strings.SplitSeq(body, "\n") {
		l := line{text: strings.TrimSuffix(text, "\r")}
		switch {
		case comment:
			l.hidden = true
			comment = !strings.Contains(l.text, "-->")
		case f.code(l.text):
			l.code = true
		case strings.HasPrefix(strings.TrimSpace(l.text), "<!--"):
			l.hidden = true
			comment = !strings.Contains(l.text, "-->")
		default:
			if m := headingForm.FindStringSubmatch(l.text); m != nil {
				l.level, l.heading = len(m[1]), m[2]
			} else if m := underlineForm.FindStringSubmatch(l.text); m != nil && len(lines) > 0 && lines[len(lines)-1].paragraph() {
				above := &lines[len(lines)-1]
				above.heading, above.level = strings.TrimSpace(above.text), 2
				if m[1][0] == '=' {
					above.level = 1
				}
				l.hidden = true
			}
		}
		lines = append(lines, l)
	}
	return lines
}

// paragraph reports whether the line may be one above an underline.
func (l line) paragraph() bool {
	return !l.code && !l.hidden && l.level == 0 && strings.TrimSpace(l.text) != "" && !strings.HasPrefix(l.text, "    ") &&
		itemForm.FindStringSubmatch(l.text) == nil && !strings.HasPrefix(strings.TrimSpace(l.text), ">") && !strings.HasPrefix(strings.TrimSpace(l.text), "|")
}

// sectionsOf returns the headings; first is the number of the first line.
func sectionsOf(lines []line, first int) []Section {
	var sections []Section
	taken := map[string]int{}
	for i, l := range lines {
		if l.level == 0 {
			continue
		}
		anchor := slug(l.heading)
		n := taken[anchor]
		taken[anchor]++
		if n > 0 {
			unique := anchor + "-" + strconv.Itoa(n)
			for taken[unique] > 0 {
				n++
				unique = anchor + "-" + strconv.Itoa(n)
			}
			taken[anchor], taken[unique] = n+1, 1
			anchor = unique
		}
		sections = append(sections, Section{Title: l.heading, Level: l.level, Anchor: anchor, Line: first + i})
	}
	return sections
}

// slug makes the anchor of a heading as GitHub does: lower case, spaces as
// hyphens, and of the rest letters, digits, hyphens and underscores.
func slug(heading string) string {
	heading = linkForm.ReplaceAllString(heading, "$1")
	var b strings.Builder
	for _, r := range strings.ToLower(strings.TrimSpace(heading)) {
		switch {
		case r == ' ':
			b.WriteByte('-')
		case r == '-' || r == '_' || unicode.IsLetter(r) || unicode.IsDigit(r) || unicode.Is(unicode.M, r):
			b.WriteRune(r)
		}
	}
	return b.String()
}

// stepsOf returns the steps below the first heading "Steps".
func stepsOf(lines []line, sections []Section, first int) []Step {
	var (
		steps   []Step
		open    *Step // the last one
		detail  []string
		level   int // of the heading Steps; 0: not there yet
		sub     int // of the headings that are steps; 0: none so far
		indent  int // of what belongs to an item
		anchor  string
		heading = 0 // the place of the next section
	)
	finish := func() {
		if open != nil {
			open.Detail = strings.Trim(strings.Join(detail, "\n"), "\n")
			steps = append(steps, *open)
		}
		open, detail = nil, nil
	}
	begin := func(title string, i int) *Step {
		finish()
		title, done := strings.TrimSpace(title), false
		if m := boxForm.FindStringSubmatch(title); m != nil {
			title, done = m[2], m[1] != " "
		}
		return &Step{Number: len(steps) + 1, Title: title, Anchor: anchor, Done: done, Line: first + i}
	}
	for i, l := range lines {
		if l.level > 0 {
			section := sections[heading]
			heading++
			switch {
			case level == 0:
				if strings.EqualFold(strings.TrimSpace(strings.TrimSuffix(l.heading, ":")), "steps") {
					level, anchor = l.level, section.Anchor
				}
				continue
			case l.level <= level:
				finish()
				return steps
			case sub == 0 || l.level <= sub:
				sub, indent = l.level, 0
				anchor = section.Anchor
				open = begin(l.heading, i)
				continue
			}
		}
		if level == 0 || l.hidden {
			continue
		}
		m := itemForm.FindStringSubmatch(l.text)
		if m != nil && !l.code && sub == 0 && (m[3] != "" || m[5] != "") && (len(m[1]) < indent || open == nil && len(m[1]) < 4) {
			open = begin(m[6], i)
			open.Done = m[5] == "x" || m[5] == "X"
			indent = len(m[1]) + len(m[2]) + 1
			continue
		}
		if open != nil {
			detail = append(detail, dedent(l.text, indent))
		}
	}
	finish()
	return steps
}

// dedent removes up to so many spaces.
func dedent(text string, most int) string {
	n := 0
	for n < most && n < len(text) && text[n] == ' ' {
		n++
	}
	return text[n:]
}
