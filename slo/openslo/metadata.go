package openslo

import (
	"fmt"
	"regexp"
	"strings"
	"time"
	"unicode/utf8"

	"github.com/sre-sdk/sre"
	"github.com/sre-sdk/sre/internal/yamlfile"
	"github.com/sre-sdk/sre/slo"
)

// The forms of OpenSLO v1, "Notes (General Schema)". A name is an RFC 1123
// label or one of the longer ones that implementations are encouraged to take.
var (
	nameForm  = regexp.MustCompile(`^[a-z0-9]([-a-z0-9./|\\]{0,253}[a-z0-9])?$`)
	labelForm = regexp.MustCompile(`^[a-zA-Z0-9]([-a-zA-Z0-9_.]{0,61}[a-zA-Z0-9])?$`)
)

// maxDescription is OpenSLO's limit, in characters.
const maxDescription = 1050

// annotationPrefix opens the annotations that are read.
const annotationPrefix = "sre-sdk.github.com/"

// readName reads metadata.name.
func (p *part) readName(metadata *yamlfile.Map) (string, yamlfile.Node) {
	n := metadata.Required("name")
	name := n.Text()
	if _, ok := n.Peek(); ok && !nameForm.MatchString(name) {
		p.deviation(n, "invalid_name", name, "a name such as checkout-latency: at most 255 lower-case letters, digits, - . / | \\, a letter or digit at both ends")
	}
	return name, n
}

// dropMetadata checks and reports the fields that only an SLO has a place for.
func (p *part) dropMetadata(metadata *yamlfile.Map, why string) {
	for _, name := range []string{"displayName", "labels", "annotations"} {
		if n := metadata.Optional(name); n.Exists() {
			p.note(n, "not_used", nil, why)
		}
	}
	p.unknown(metadata)
}

// readDescription reads spec.description.
func (p *part) readDescription(spec *yamlfile.Map) (string, yamlfile.Node) {
	n := spec.Optional("description")
	text := n.Text()
	if length := utf8.RuneCountInString(text); length > maxDescription {
		p.deviation(n, "too_long", length, fmt.Sprintf("at most %d characters", maxDescription))
	}
	return text, n
}

// readMetadata reads the metadata of an SLO into s.
func (obj *object) readMetadata(metadata *yamlfile.Map, s *slo.SLO, where places) (absentIsZero yamlfile.Node) {
	obj.name, obj.nameNode = obj.readName(metadata)
	where["id"] = obj.nameNode
	if n := metadata.Optional("displayName"); n.Exists() {
		s.Title, where["title"] = n.Text(), n
	}
	s.Labels = obj.readLabels(metadata.Optional("labels"))
	for name, n := range metadata.Optional("annotations").Map().All() {
		own, isOwn := strings.CutPrefix(name, annotationPrefix)
		switch {
		case !n.Exists():
		case !isOwn:
			obj.note(n, "not_used", nil, "an annotation that begins with "+annotationPrefix)
		case own == "owner":
			s.Owner, where["owner"] = n.Text(), n
		case own == "criticality":
			s.Criticality = yamlfile.Value(n, slo.ParseCriticality)
		case own == "review-by":
			s.ReviewBy = yamlfile.Value(n, parseReviewBy)
		case own == "missing":
			s.Missing = readMissing(n)
		case own == "absent-is-zero":
			if n.Enum("true", "false") == "true" {
				absentIsZero = n
			}
		default:
			obj.deviation(n, "unknown_field", nil, "one of owner, criticality, review-by, missing, absent-is-zero after "+annotationPrefix)
		}
	}
	obj.unknown(metadata)
	return absentIsZero
}

func parseReviewBy(text string) (time.Time, error) {
	for _, form := range []string{time.DateOnly, time.RFC3339} {
		if t, err := time.Parse(form, text); err == nil {
			return t.UTC(), nil
		}
	}
	return time.Time{}, sre.Problem{Code: "invalid_date", Value: clip(text), Want: "a date such as 2027-01-31 or an RFC 3339 instant"}
}

func readMissing(n yamlfile.Node) slo.MissingData {
	choices := []slo.MissingData{slo.Ignore, slo.CountAsGood, slo.CountAsBad}
	text := n.Enum(choices[0].String(), choices[1].String(), choices[2].String())
	for _, m := range choices {
		if m.String() == text {
			return m
		}
	}
	return slo.Ignore // the Enum has reported it
}

// readLabels reads labels whose values are texts or lists of texts.
func (obj *object) readLabels(n yamlfile.Node) sre.Labels {
	values := map[string]string{}
	for name, v := range n.Map().All() {
		if !labelForm.MatchString(name) {
			obj.deviation(v, "invalid_label_name", name, "at most 63 letters, digits, - _ ., a letter or digit at both ends")
		}
		if !v.Exists() {
			obj.deviation(v, "missing", nil, "a value")
			continue
		}
		if !v.IsList() {
			values[name] = v.Text()
			continue
		}
		list := v.Texts()
		values[name] = strings.Join(list, ",")
		if len(list) > 1 {
			obj.note(v, "joined", values[name], "one value: labels here have no lists")
		}
	}
	labels, err := sre.ParseLabels(values)
	if err != nil {
		for _, p := range sre.ProblemsIn(err) {
			n.Add(p.Code, p.Value, p.Want)
		}
	}
	return labels
}
