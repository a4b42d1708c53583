package prometheus

import (
	"strconv"
	"strings"
	"time"

	"github.com/sre-sdk/sre"
)

// A counter is a compiled query of something that only grows.
type counter struct {
	text      string     // as given, for errors
	tokens    []token    // an expression with the placeholder; nil: sum(increase()) of the selector
	ranges    []selector // what it reads: the one selector, or each that has the placeholder as its range
	perSecond bool       // its result is per second, not per window
	constant  bool       // it may have a result without a sample
}

const counterForms = "a selector such as http_requests_total{job=\"shop\"}, sum(selector), or an expression in which every range is {{.window}}"

// newMeasured compiles the query of a counter that must have been measured:
// with a default such as "or vector(0)", a gap would read as time without events
// and a typing mistake as a quiet service.
func newMeasured(path, query string, p *sre.Problems) counter {
	c := newCounter(path, query, p)
	if c.constant {
		refuseDefault(path, query, p)
	}
	return c
}

func refuseDefault(path, query string, p *sre.Problems) {
	p.Add(path, "default_value", query, "no vector() and no absent(): unmeasured time must stay so, and only bad events may be zero by default")
}

// newCounter compiles a query and records a Problem if it has none of the
// documented forms.
func newCounter(path, query string, p *sre.Problems) counter {
	c := counter{text: query}
	tokens := scanQuery(path, query, p)
	if tokens == nil {
		return c
	}
	if s, ok := bareSelector(tokens); ok {
		c.ranges = []selector{s}
		return c
	}
	c.tokens = tokens
	c.expression(path, p)
	return c
}

// newSelector compiles a query that must be a selector or its sum.
func newSelector(path, query string, p *sre.Problems) selector {
	tokens := scanQuery(path, query, p)
	if tokens == nil {
		return selector{}
	}
	s, ok := bareSelector(tokens)
	if !ok {
		p.Add(path, "unsupported_query", query, "a selector such as http_request_duration_seconds_bucket{job=\"shop\"}, because the source adds ranges and buckets itself")
	}
	return s
}

// scanQuery returns nil if it recorded a Problem.
func scanQuery(path, query string, p *sre.Problems) []token {
	tokens, err := scan(query)
	switch {
	case err != nil:
		p.Add(path, err.code, err.at, err.want)
		return nil
	case len(tokens) == 0:
		p.Add(path, "missing", nil, counterForms)
		return nil
	case !balanced(tokens):
		p.Add(path, "unbalanced", query, "every bracket closed")
		return nil
	}
	return tokens
}

// bareSelector reads SELECTOR or sum(SELECTOR), as OpenSLO documents write it.
func bareSelector(tokens []token) (selector, bool) {
	if len(tokens) > 3 && tokens[0].kind == tokenName && strings.EqualFold(tokens[0].text, "sum") &&
		tokens[1].text == "(" && tokens[len(tokens)-1].text == ")" {
		tokens = tokens[2 : len(tokens)-1]
	}
	s, n := selectorAt(tokens)
	return s, n > 0 && n == len(tokens)
}

// functions are those whose result says how the value of a window must be
// read; the ones with a suffix are of MetricsQL.
var functions = map[string]string{
	"rate": "rate", "rate_prometheus": "rate", "rate_over_sum": "rate",
	"increase": "increase", "increase_prometheus": "increase", "increase_pure": "increase",
	"irate": "moment", "idelta": "moment", "ideriv": "moment", "deriv": "moment", "deriv_fast": "moment",
	"vector": "constant", "absent": "constant", "absent_over_time": "constant",
}

// expression checks what the tokens of an expression do with the window.
func (c *counter) expression(path string, p *sre.Problems) {
	before := p.Len()
	uses := map[string]bool{} // what stands in it: classes of functions, and division
	for i := 0; i < len(c.tokens) && p.Len() == before; {
		i += c.part(path, i, uses, p)
	}
	switch {
	case p.Len() > before:
	case len(c.ranges) == 0:
		p.Add(path, "unsupported_query", c.text, counterForms)
	case uses["rate"] && uses["increase"]:
		p.Add(path, "mixed_units", c.text, "either rate (per second) or increase (per window), not both")
	case uses["/"] && len(c.ranges) > 1:
		p.Add(path, "ratio", c.text, "a count of events: give the numerator and the denominator as good or bad and total, or use a raw ratio")
	}
	c.perSecond, c.constant = uses["rate"], uses["constant"]
}

// part reads what stands at token i and returns how many tokens that is.
func (c *counter) part(path string, i int, uses map[string]bool, p *sre.Problems) int {
	t, rest := c.tokens[i], c.tokens[i:]
	if t.kind == tokenName && is(rest, 1, tokenMark, "(") {
		if functions[t.text] == "moment" {
			p.Add(path, "unsupported_function", t.text, "increase or rate, because "+t.text+" looks at a moment and does not add up over a window")
		}
		uses[functions[t.text]] = true
		return 1
	}
	s, n := selectorAt(rest)
	if n > 0 && is(rest, n, tokenMark, "[") {
		if !is(rest, n+1, tokenWindow, "") || !is(rest, n+2, tokenMark, "]") {
			p.Add(path, "fixed_range", render(rest, "{{.window}}"), "{{.window}} as the range, because the source asks for windows of its own")
		}
		c.ranges = append(c.ranges, s)
		return n + 3
	}
	switch {
	case t.kind == tokenWindow, t.kind == tokenMark && t.text == "[":
		p.Add(path, "misplaced_range", render(rest, "{{.window}}"), "ranges directly behind a selector, as in metric{job=\"shop\"}[{{.window}}]")
	case t.kind == tokenMark && t.text == "@", isOffset(rest):
		p.Add(path, "unsupported_modifier", t.text, "no offset and no @: measure at an earlier instant instead")
	case t.kind == tokenMark && t.text == "/":
		uses["/"] = true
	}
	return max(1, n)
}

// isOffset tells the modifier from a label of that name in a by or on clause.
func isOffset(tokens []token) bool {
	return tokens[0].kind == tokenName && strings.EqualFold(tokens[0].text, "offset") &&
		!is(tokens, 1, tokenMark, ",") && !is(tokens, 1, tokenMark, ")")
}

// over returns the expression for the window that ends at the evaluation time.
func (c counter) over(window time.Duration) string {
	if c.tokens == nil {
		return "sum(increase(" + c.ranges[0].String() + "[" + duration(window) + "]))"
	}
	return render(c.tokens, duration(window))
}

// events turns a result of over into events in the window.
func (c counter) events(value float64, window time.Duration) float64 {
	if c.perSecond {
		return value * window.Seconds()
	}
	return value
}

// samples returns an expression for how many raw samples lie in the window, no
// element if none. Of several selectors one suffices, just as one series
// of a selector does.
func (c counter) samples(window time.Duration) string {
	parts := make([]string, len(c.ranges))
	for i, s := range c.ranges {
		parts[i] = "sum(count_over_time(" + s.String() + "[" + duration(window) + "]))"
	}
	return strings.Join(parts, " or ")
}

// duration prints d, a positive whole number of milliseconds, in the largest
// unit of PromQL that divides it. Days are always 24 hours there.
func duration(d time.Duration) string {
	for _, unit := range [...]struct {
		name   string
		length time.Duration
	}{{"d", 24 * time.Hour}, {"h", time.Hour}, {"m", time.Minute}, {"s", time.Second}} {
		if d%unit.length == 0 {
			return strconv.FormatInt(int64(d/unit.length), 10) + unit.name
		}
	}
	return strconv.FormatInt(d.Milliseconds(), 10) + "ms"
}
