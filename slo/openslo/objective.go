package openslo

import (
	"fmt"
	"strconv"
	"strings"
	"time"

	"github.com/sre-sdk/sre"
	"github.com/sre-sdk/sre/internal/yamlfile"
	"github.com/sre-sdk/sre/slo"
)

// An objective of a document, and the SLO that it becomes.
type objective struct {
	part
	node   yamlfile.Node
	id     string        // empty if the document has no name
	idNode yamlfile.Node // what sets it apart
	slo    slo.SLO
}

// readSLO reads an SLO object.
func (rd *reader) readSLO(obj *object) {
	var common slo.SLO
	where := places{}
	absentIsZero := obj.readMetadata(obj.fields.Required("metadata").Map(), &common, where)
	spec := obj.fields.Required("spec").Map()
	obj.unknown(obj.fields)

	common.Description, where["description"] = obj.readDescription(spec)
	service := spec.Required("service")
	common.Service = service.Text()
	if service.Exists() {
		where["service"] = service
	}
	composite := obj.refuseComposite(spec.Optional("objectives"))
	ind := rd.findIndicator(obj, spec, composite)
	common.Window = rd.readWindow(obj, spec, where)
	method := spec.Required("budgetingMethod").Enum("Occurrences", "Timeslices", "RatioTimeslices")
	list := spec.Required("objectives")
	items := list.List()
	if n := spec.Optional("alertPolicies"); n.Exists() && !(n.IsList() && len(n.List()) == 0) {
		obj.note(n, "not_used", nil, "burn alerts in a budget policy")
	}
	obj.unknown(spec)

	switch {
	case len(items) > MaxObjectives:
		list.Add("too_large", len(items), fmt.Sprintf("at most %d objectives", MaxObjectives))
		items = nil
	case list.IsList() && len(items) == 0:
		list.Add("missing", nil, "at least one objective")
	case len(items) > 1 && ind != nil && ind.form == threshold:
		obj.deviation(list, "too_many_objectives", len(items), "one objective, because the indicator is a thresholdMetric")
	}
	if absentIsZero.Exists() && ind != nil {
		own := *ind // an SLI may serve several SLOs
		if own.part.AbsentIsZero = own.form == badTotal; !own.part.AbsentIsZero {
			absentIsZero.Add("not_allowed", "true", "a ratioMetric with bad and total, of which bad may be absent")
		}
		ind = &own
	}
	for i, item := range items {
		o := &objective{part: part{strict: obj.strict}, slo: common}
		o.node = item.Into(&o.problems)
		obj.objectives = append(obj.objectives, o)
		at := where.copy()
		name := o.read(method, ind, at)
		o.id = objectiveID(obj.name, name, i, len(items))
		if o.idNode = o.node; len(items) == 1 {
			o.idNode = obj.nameNode.Into(&o.problems)
		}
		o.slo.ID, o.slo.Title = o.id, title(obj.name, common.Title, name)
		obj.compile(o, at, ind != nil)
	}
}

// refuseComposite reports objectives with indicators of their own: they share
// one budget, which is not the sum of budgets that can be kept apart.
func (obj *object) refuseComposite(list yamlfile.Node) (found bool) {
	var unheard sre.Problems // the reading of the objectives reports what else is wrong
	for _, item := range list.Into(&unheard).List() {
		m := item.Map()
		for _, name := range []string{"indicator", "indicatorRef", "compositeWeight"} {
			if n := m.Optional(name); n.Exists() {
				n.Into(&obj.problems).Add("unsupported", nil, "one indicator in spec: composite SLOs are not read")
				found = true
			}
		}
	}
	return found
}

// read reads an objective and returns its displayName.
func (o *objective) read(method string, ind *indicator, where places) string {
	if !o.node.Exists() {
		o.node.Add("missing", nil, "an objective")
		return ""
	}
	m := o.node.Map()
	if o.problems.Len() > 0 {
		return ""
	}
	for _, name := range []string{"indicator", "indicatorRef", "compositeWeight"} {
		m.Optional(name) // see refuseComposite
	}
	displayName := m.Optional("displayName")
	if _, ok := where["title"]; !ok {
		where["title"] = displayName
	}
	o.readTarget(m)
	o.readSLI(m, ind, where)
	o.readBudgeting(m, method, where)
	o.unknown(m)
	return displayName.Text()
}

// readTarget reads target or targetPercent, never through a float.
func (o *objective) readTarget(m *yamlfile.Map) {
	target, percent := m.Optional("target"), m.Optional("targetPercent")
	n, sign, want := target, "", "a decimal strictly between 0 and 1, such as 0.999; targetPercent takes percent"
	switch {
	case target.Exists() && percent.Exists():
		percent.Add("conflict", nil, "either target or targetPercent")
		return
	case percent.Exists():
		n, sign, want = percent, "%", "a decimal strictly between 0 and 100, such as 99.9"
	case !target.Exists():
		target.Add("missing", nil, "target, such as 0.999, or targetPercent, such as 99.9")
		return
	}
	text := n.Decimal()
	if text == "" {
		return
	}
	ratio, err := slo.ParseRatio(text + sign)
	if err == nil {
		o.slo.Objective, err = slo.NewObjective(ratio)
	}
	if err != nil {
		n.Add("out_of_range", text, want)
	}
}

var ops = map[string]slo.Op{"lt": slo.Less, "lte": slo.LessEqual, "gt": slo.Greater, "gte": slo.GreaterEqual}

// readSLI makes the SLI; op and value belong to a thresholdMetric.
func (o *objective) readSLI(m *yamlfile.Map, ind *indicator, where places) {
	op, value := m.Optional("op"), m.Optional("value")
	if ind == nil {
		return
	}
	for path, n := range ind.where {
		where[path] = n
	}
	if ind.form == threshold {
		text, limit := m.Required("op").Enum("lte", "gte", "lt", "gt"), m.Required("value").Float()
		o.slo.SLI = ind.sli(ops[text], limit)
		return
	}
	for _, n := range []yamlfile.Node{op, value} {
		if n.Exists() {
			o.note(n, "not_used", nil, "a thresholdMetric, whose measurements it compares")
		}
	}
	o.slo.SLI = ind.sli("", 0)
}

// readBudgeting reads the slices that the method needs.
func (o *objective) readBudgeting(m *yamlfile.Map, method string, where places) {
	target, window := m.Optional("timeSliceTarget"), m.Optional("timeSliceWindow")
	note := func(n yamlfile.Node, methods string) {
		if n.Exists() {
			o.note(n, "not_used", nil, "the budgetingMethod "+methods)
		}
	}
	switch method {
	case "":
		return // reported
	case "Occurrences":
		note(target, "Timeslices")
		note(window, "Timeslices or RatioTimeslices")
		return
	case "Timeslices":
		text := m.Required("timeSliceTarget").Decimal()
		ratio, err := slo.ParseRatio(text)
		o.slo.Budgeting = slo.ByTimeslices(0, ratio)
		switch {
		case err == nil:
			where["budgeting.target"] = target
		case text != "":
			target.Merge(err)
		}
	case "RatioTimeslices":
		note(target, "Timeslices")
		o.slo.Budgeting = slo.ByRatioTimeslices(0)
	}
	if slice, ok := readSlice(m.Required("timeSliceWindow")); ok {
		o.slo.Budgeting.Slice = slice
		where["budgeting.slice"] = window
	}
}

// readSlice reads a duration-shorthand or a number of minutes.
func readSlice(n yamlfile.Node) (time.Duration, bool) {
	text, _ := n.Peek()
	if minutes, err := strconv.ParseUint(text, 10, 32); err == nil {
		s := shorthand{int(minutes), "m"}
		length, ok := s.length()
		if !ok || length == 0 {
			n.Add("out_of_range", text, "minutes, more than 0 and at most 400d")
			return 0, false
		}
		return length, true
	}
	s := yamlfile.Value(n, parseShorthand)
	if s.n == 0 {
		return 0, false
	}
	length, ok := s.length()
	if !ok {
		n.Add("inexact_duration", text, "a length in m, h, d or w, of at most 400d")
	}
	return length, ok
}

// objectiveID returns the ID of an objective's SLO, "" if the document has no
// name. The package comment states the rule.
func objectiveID(name, objective string, index, count int) string {
	if name == "" || count == 1 {
		return name
	}
	slug := slug(objective)
	if slug == "" {
		slug = strconv.Itoa(index)
	}
	return name + "/" + slug
}

func slug(text string) string {
	words := strings.FieldsFunc(strings.ToLower(text), func(c rune) bool {
		return (c < 'a' || c > 'z') && (c < '0' || c > '9')
	})
	return strings.Join(words, "-")
}

// title joins what the document and the objective are called.
func title(name, document, objective string) string {
	switch {
	case objective == "":
		return document
	case document == "":
		document = name
	}
	return document + ": " + objective
}
