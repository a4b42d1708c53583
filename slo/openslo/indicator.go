package openslo

import (
	"strings"

	"github.com/sre-sdk/sre/internal/yamlfile"
	"github.com/sre-sdk/sre/slo"
)

// A form says which metrics an indicator has.
type form uint8

const (
	threshold form = iota // a gauge, to be compared with an objective's value
	goodTotal
	badTotal
	raw
)

// An indicator is what an SLI says; an objective makes an [slo.SLI] of it.
type indicator struct {
	form    form
	part    slo.Metric // the gauge, or the good or bad events
	total   slo.Metric
	failure bool   // raw is the share of bad events
	where   places // of the metrics' queries
}

// sli returns the SLI; op and limit belong to a threshold.
func (i *indicator) sli(op slo.Op, limit float64) slo.SLI {
	switch i.form {
	case goodTotal:
		return slo.GoodTotal(i.part, i.total)
	case badTotal:
		return slo.BadTotal(i.part, i.total)
	case raw:
		return slo.RawRatio(i.part, i.failure)
	}
	return slo.Threshold(i.part, op, limit)
}

// readSLIs reads the SLI objects and indexes them by name.
func (rd *reader) readSLIs() {
	rd.slis = map[string]*object{}
	for _, obj := range rd.objects {
		if obj.kind != "SLI" {
			continue
		}
		metadata := obj.fields.Required("metadata").Map()
		obj.name, obj.nameNode = obj.readName(metadata)
		obj.dropMetadata(metadata, "the metadata of an SLO: an SLI gives only its name")
		obj.indicator = rd.readIndicator(&obj.part, obj.fields.Required("spec"))
		obj.unknown(obj.fields)
		if other := rd.slis[obj.name]; other != nil {
			for _, twin := range []*object{other, obj} {
				twin.indicator = nil // which of them is meant cannot be known
				twin.nameNode.Add("duplicate_name", obj.name, "one SLI of this name")
			}
			continue
		}
		if obj.name != "" {
			rd.slis[obj.name] = obj
		}
	}
}

// findIndicator returns the indicator of an SLO, inline or referred to, or nil
// if there is none that can be used, which it has reported.
func (rd *reader) findIndicator(obj *object, spec *yamlfile.Map, composite bool) *indicator {
	inline, ref := spec.Optional("indicator"), spec.Optional("indicatorRef")
	switch {
	case inline.Exists() && ref.Exists():
		ref.Add("conflict", nil, "either indicator or indicatorRef")
	case inline.Exists():
		return rd.readInline(obj, inline.Map())
	case ref.Exists():
		name := ref.Text()
		sli := rd.slis[name]
		if sli != nil {
			sli.used = true
			if sli.indicator == nil && rd.opts.Lenient { // if strict, the SLI's own problem says it
				ref.Add("unreadable_sli", name, "an SLI that can be read")
			}
			return sli.indicator
		}
		if name != "" {
			ref.Add("unknown_sli", name, "the metadata.name of an SLI in this input")
		}
	case !composite && spec.Exists():
		inline.Add("missing", nil, "indicator or indicatorRef")
	}
	return nil
}

func (rd *reader) readInline(obj *object, m *yamlfile.Map) *indicator {
	if n := m.Optional("metadata"); n.Exists() {
		metadata := n.Map()
		if _, name := obj.readName(metadata); name.Exists() {
			obj.note(name, "not_used", nil, "the name of the SLO")
		}
		obj.dropMetadata(metadata, "the metadata of the SLO")
	} else {
		obj.deviation(n, "missing", nil, "metadata with the name of the SLI")
	}
	found := rd.readIndicator(&obj.part, m.Required("spec"))
	obj.unknown(m)
	return found
}

// readIndicator reads the spec of an SLI. It returns nil if that has problems.
func (rd *reader) readIndicator(p *part, n yamlfile.Node) *indicator {
	before := p.problems.Len()
	spec := n.Map()
	if text, description := p.readDescription(spec); text != "" {
		p.note(description, "not_used", nil, "a description of the SLO")
	}
	gauge, ratio := spec.Optional("thresholdMetric"), spec.Optional("ratioMetric")
	p.unknown(spec)
	found := &indicator{where: places{}}
	switch {
	case gauge.Exists() && ratio.Exists():
		ratio.Add("conflict", nil, "either thresholdMetric or ratioMetric")
	case gauge.Exists():
		found.part = found.readMetric(p, gauge, "gauge")
	case ratio.Exists():
		rd.readRatio(p, ratio.Map(), found)
	case spec.Exists():
		ratio.Add("missing", nil, "ratioMetric or thresholdMetric")
	}
	if !spec.Exists() || p.problems.Len() > before {
		return nil
	}
	return found
}

func (rd *reader) readRatio(p *part, m *yamlfile.Map, found *indicator) {
	counter, rawType := m.Optional("counter"), m.Optional("rawType")
	good, bad, total, whole := m.Optional("good"), m.Optional("bad"), m.Optional("total"), m.Optional("raw")
	p.unknown(m)
	switch {
	case whole.Exists():
		for _, n := range []yamlfile.Node{good, bad, total} {
			if n.Exists() {
				n.Add("conflict", nil, "either raw, or total with good or bad")
			}
		}
		if counter.Exists() {
			p.note(counter, "not_used", nil, "no counter: it has no effect on raw")
		}
		found.form = raw
		found.failure = m.Required("rawType").Enum("success", "failure") == "failure"
		found.part = found.readMetric(p, whole, "gauge")
		return
	case good.Exists() && bad.Exists():
		bad.Add("conflict", nil, "either good or bad")
	case good.Exists():
		found.form, found.part = goodTotal, found.readMetric(p, good, "good")
	case bad.Exists():
		found.form, found.part = badTotal, found.readMetric(p, bad, "bad")
	case m.Exists():
		m.Node().Add("missing", nil, "total with good or bad, or raw with rawType")
	}
	if rawType.Exists() {
		p.deviation(rawType, "not_allowed", nil, "no rawType: good or bad says what is counted")
	}
	if found.part.Query != "" || total.Exists() {
		found.total = found.readMetric(p, m.Required("total"), "total")
	}
	rd.checkCounter(p, counter)
}

// checkCounter refuses gauges: the difference of two readings of a gauge is
// not a number of events.
func (rd *reader) checkCounter(p *part, n yamlfile.Node) {
	before := p.problems.Len()
	isCounter := n.Bool()
	switch {
	case isCounter, p.problems.Len() > before:
	case n.Exists():
		n.Add("unsupported", false, "counter: true; a ratio of gauges can be given as raw with rawType")
	case !rd.opts.AssumeCounter:
		n.Add("missing", nil, "counter: true, if the metrics are counters that only grow; nothing else tells them from gauges")
	}
}

// readMetric reads what stands under good, bad, total, raw or thresholdMetric.
func (i *indicator) readMetric(p *part, n yamlfile.Node, name string) slo.Metric {
	m := n.Map()
	source := m.Required("metricSource").Map()
	p.unknown(m)
	ref, kind := source.Optional("metricSourceRef"), source.Optional("type")
	metric := slo.Metric{Source: ref.Text()}
	switch {
	case !source.Exists():
	case ref.Exists() && kind.Exists():
		p.note(kind, "not_used", nil, "metricSourceRef alone: it names the source")
	case kind.Exists():
		metric.Source = kind.Text()
	case !ref.Exists():
		p.deviation(kind, "missing", nil, "type or metricSourceRef")
	}
	spec := source.Required("spec").Map()
	p.unknown(source)
	query := spec.Required("query")
	metric.Query = query.Text()
	if text, ok := query.Peek(); ok && strings.TrimSpace(text) == "" {
		query.Add("missing", nil, "a query in the language of the source")
	}
	for _, other := range spec.Unknown() {
		p.note(other, "not_used", nil, "only query: nothing else of a source's spec is kept")
	}
	i.where["sli."+name] = query
	return metric
}
