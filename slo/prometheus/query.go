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
}

const counterForms = "a selector such as http_requests_total{job=\"shop\"}, sum(selector), or an expression in which every range is {{.window}}"

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

// Functions whose result says how a window's value must be read. Those with a
// suffix are of MetricsQL.
var (
	perSecondFunctions = []string{"rate", "rate_prometheus", "rate_over_sum"}
	increaseFunctions  = []string{"increase", "increase_prometheus", "increase_pure"}
	instantFunctions   = []string{"irate", "idelta", "ideriv", "deriv", "deriv_fast"}
)

// expression checks what the tokens of an expression do with the window.
func (c *counter) expression(path string, p *sre.Problems) {
	before := p.Len()
	var perSecond, increase, division, windows bool
	for i := 0; i < len(c.tokens); {
		t := c.tokens[i]
		if t.kind == tokenName && is(c.tokens, i+1, tokenMark, "(") {
			perSecond = perSecond || contains(perSecondFunctions, t.text)
			increase = increase || contains(increaseFunctions, t.text)
			if contains(instantFunctions, t.text) {
				p.Add(path, "unsupported_function", t.text, "increase or rate, because "+t.text+" looks at a moment and does not add up over a window")
			}
			i++
			continue
		}
		if s, n := selectorAt(c.tokens[i:]); n > 0 && is(c.tokens, i+n, tokenMark, "[") {
			if !is(c.tokens, i+n+1, tokenWindow, "") || !is(c.tokens, i+n+2, tokenMark, "]") {
				p.Add(path, "fixed_range", render(c.tokens[i:], "{{.window}}"), "{{.window}} as the range, because the source asks for windows of its own")
				return
			}
			c.ranges = append(c.ranges, s)
			windows = true
			i += n + 3
			continue
		} else if n > 0 && t.kind == tokenMark {
			i += n
			continue
		}
		switch {
		case t.kind == tokenWindow, t.text == "[" && t.kind == tokenMark:
			p.Add(path, "misplaced_range", render(c.tokens[i:], "{{.window}}"), "ranges directly behind a selector, as in metric{job=\"shop\"}[{{.window}}]")
			return
		case t.kind == tokenMark && t.text == "@",
			t.kind == tokenName && strings.EqualFold(t.text, "offset") && !is(c.tokens, i+1, tokenMark, ",") && !is(c.tokens, i+1, tokenMark, ")"):
			p.Add(path, "unsupported_modifier", t.text, "no offset and no @: measure at an earlier instant instead")
		case t.kind == tokenMark && t.text == "/":
			division = true
		}
		i++
	}
	switch {
	case p.Len() > before:
	case !windows:
		p.Add(path, "unsupported_query", c.text, counterForms)
	case perSecond && increase:
		p.Add(path, "mixed_units", c.text, "either rate (per second) or increase (per window), not both")
	case division && len(c.ranges) > 1:
		p.Add(path, "ratio", c.text, "a count of events: give the numerator and the denominator as good or bad and total, or use a raw ratio")
	}
	c.perSecond = perSecond
}

func contains(names []string, name string) bool {
	for _, n := range names {
		if n == name {
			return true
		}
	}
	return false
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
