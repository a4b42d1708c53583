package yamlfile

import (
	"fmt"
	"math"
	"regexp"
	"slices"
	"strconv"
	"strings"

	"go.yaml.in/yaml/v3"
)

// scalar returns the text of a scalar and whether it is quoted.
func (n Node) scalar(want string) (text string, quoted, ok bool) {
	if !n.is(yaml.ScalarNode, want) {
		return "", false, false
	}
	const quoting = yaml.SingleQuotedStyle | yaml.DoubleQuotedStyle | yaml.LiteralStyle | yaml.FoldedStyle
	return n.yaml.Value, n.yaml.Style&quoting != 0, true
}

// Text returns a scalar as it is written, quotes and escapes aside. Numbers,
// dates and words such as no keep their text.
func (n Node) Text() string {
	text, _, _ := n.scalar("text")
	return text
}

// Texts returns a list of scalars, each as [Node.Text] reads it; a null item is
// a problem.
func (n Node) Texts() []string {
	var list []string
	for _, item := range n.List() {
		if !item.Exists() {
			item.Add("missing", nil, "text")
			continue
		}
		if text, _, ok := item.scalar("text"); ok {
			list = append(list, text)
		}
	}
	return list
}

// Enum returns a scalar that is one of allowed, letter case included.
func (n Node) Enum(allowed ...string) string {
	want := strings.Join(allowed, ", ")
	if len(allowed) > 1 {
		want = "one of " + want
	}
	text, _, ok := n.scalar(want)
	if ok && !slices.Contains(allowed, text) {
		n.Add("unknown_value", text, want)
		return ""
	}
	return text
}

// Bool returns true or false; yes, on, 1 and quoted text are problems.
func (n Node) Bool() bool {
	text, quoted, ok := n.scalar("true or false")
	if ok && (quoted || text != "true" && text != "false") {
		n.Add("wrong_type", text, "true or false, without quotes")
	}
	return ok && !quoted && text == "true"
}

// Int returns a decimal integer from low to high.
func (n Node) Int(low, high int) int {
	want := fmt.Sprintf("an integer from %d to %d", low, high)
	text, quoted, ok := n.scalar(want)
	if !ok {
		return 0
	}
	i, err := strconv.Atoi(text)
	if quoted || err != nil || strconv.Itoa(i) != text { // refuses +1, 007 and what YAML 1.1 takes for octal
		n.Add("wrong_type", text, want)
		return 0
	}
	if i < low || i > high {
		n.Add("out_of_range", text, want)
		return 0
	}
	return i
}

var (
	decimal = regexp.MustCompile(`^-?[0-9]+(\.[0-9]+)?$`)
	number  = regexp.MustCompile(`^[-+]?([0-9]+(\.[0-9]*)?|\.[0-9]+)([eE][-+]?[0-9]+)?$`)
)

// Decimal returns the text of a decimal number, such as 0.999, exactly as it is
// written, quoted or not; no float stands in between. An exponent is a problem.
func (n Node) Decimal() string {
	const want = "a decimal number such as 0.999"
	text, _, ok := n.scalar(want)
	if ok && !decimal.MatchString(text) {
		n.Add("wrong_type", text, want)
		return ""
	}
	return text
}

// Float returns the float64 nearest to a finite decimal number, with or
// without an exponent. Use [Node.Decimal] where the value must be exact.
func (n Node) Float() float64 {
	const want = "a finite number"
	text, quoted, ok := n.scalar(want)
	if !ok {
		return 0
	}
	if quoted || !number.MatchString(text) {
		n.Add("wrong_type", text, want)
		return 0
	}
	f, err := strconv.ParseFloat(text, 64)
	if err != nil || math.IsInf(f, 0) {
		n.Add("out_of_range", text, want)
		return 0
	}
	return f
}

// Value returns what parse makes of a scalar's text. Problems of its error are
// recorded at the value. It reads the types of other packages:
// Value(n, slo.ParseObjective).
func Value[T any](n Node, parse func(string) (T, error)) T {
	var zero T
	text, _, ok := n.scalar("text")
	if !ok {
		return zero
	}
	v, err := parse(text)
	if err != nil {
		n.Merge(err)
		return zero
	}
	return v
}
