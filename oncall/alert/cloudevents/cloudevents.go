// Package cloudevents reads alerts that arrive as CloudEvents 1.0: in structured
// mode, in batches, and in binary mode, where the attributes are HTTP headers.
//
// CloudEvents says how an event is wrapped, and not what an alert is; a [Mapping]
// does.
package cloudevents

import (
	"cmp"
	"encoding/base64"
	"fmt"
	"maps"
	"mime"
	"net/url"
	"slices"
	"strings"
	"time"

	"github.com/sre-sdk/sre"
	"github.com/sre-sdk/sre/oncall/alert"
	"github.com/sre-sdk/sre/oncall/alert/internal/intake"
)

// A Mapping says which events are alerts. The zero Mapping takes every event as
// one, whose status is in the data or an extension attribute named status.
//
// The names fingerprint, status, severity, service, summary and url are looked
// for in the data, if that is a JSON object, and then among the extension
// attributes; labels is an object in the data. Extension attributes besides
// those, and source, subject and type, are labels too, under their names.
type Mapping struct {
	// Types are the types of events that begin and end alerts. Events of other
	// types are dropped if there are any. Default (none): every event must have a
	// status, firing or resolved.
	Types []Types
}

// Types are the types of the two events of an alert.
type Types struct {
	Firing   string
	Resolved string
}

const (
	maxAttribute  = 4 << 10
	maxAttributes = 100
	maxEvents     = alert.MaxBatchAlerts
)

// Read reads the body of a request in structured mode, a JSON object, or in
// batch mode, a list of them.
//
// The identity of an alert is its fingerprint, if it has one; else source,
// subject and type (of Types, the one that fires), if there is a subject; else
// source, type and labels. In the first two cases it is a group of its own,
// because a resolve may carry no labels. The time of the event is Observed:
// events may arrive in any order.
//
// The error carries every [sre.Problem]; the batch holds all alerts that have
// none, also then.
func Read(data []byte, m Mapping) (alert.Batch, error) {
	r := intake.New("cloudevents")
	doc := r.Parse(data)
	if doc == nil {
		return alert.Batch{}, r.Err()
	}
	var b alert.Batch
	switch {
	case doc.IsList():
		for _, n := range doc.List(maxEvents) {
			add(r, &b, m, structured(r, n))
		}
	case doc.IsObject():
		add(r, &b, m, structured(r, doc))
	default:
		r.Problems.Add("", "wrong_type", nil, "an object, or a list of them")
	}
	b.Dropped = r.Dropped()
	return b, r.Err()
}

// ReadBinary reads a request in binary mode: the headers, of which those whose
// name begins with ce- are attributes, and the body, which is the data.
func ReadBinary(header map[string][]string, body []byte, m Mapping) (alert.Batch, error) {
	r := intake.New("cloudevents")
	e := event{attributes: map[string]string{}}
	if len(body) > alert.MaxBytes {
		r.Problems.Add("", "too_large", fmt.Sprintf("%d bytes", len(body)), fmt.Sprintf("at most %d bytes", alert.MaxBytes))
		return alert.Batch{}, r.Err()
	}
	for _, key := range slices.Sorted(maps.Keys(header)) {
		name := strings.ToLower(key)
		short, isAttribute := strings.CutPrefix(name, "ce-")
		if !isAttribute && name != "content-type" {
			continue
		}
		values := header[key]
		if len(values) != 1 {
			r.Problems.Add(name, "wrong_count", len(values), "one value")
			continue
		}
		if !isAttribute {
			e.attributes["datacontenttype"] = values[0]
			continue
		}
		value, err := decode(values[0])
		if err != nil {
			r.Problems.Add(name, "invalid_encoding", values[0], "a value in percent-encoding")
			continue
		}
		e.set(r, name, short, value)
	}
	if isJSON(e.attributes["datacontenttype"]) && len(body) > 0 {
		e.data = r.Parse(body)
	}
	var b alert.Batch
	add(r, &b, m, &e)
	b.Dropped = r.Dropped()
	return b, r.Err()
}

// decode undoes the encoding of a header (HTTP binding, section 3.1.3.2).
func decode(value string) (string, error) {
	if n := len(value); n >= 2 && value[0] == '"' && value[n-1] == '"' {
		var b strings.Builder
		for i := 1; i < n-1; i++ {
			if value[i] == '\\' && i+1 < n-1 {
				i++
			}
			b.WriteByte(value[i])
		}
		value = b.String()
	}
	text, err := url.PathUnescape(value)
	if err != nil || strings.ToValidUTF8(text, "") != text {
		return "", cmp.Or(err, error(url.EscapeError(value)))
	}
	return text, nil
}

// An event is what a mode has brought.
type event struct {
	path       string
	before     int // problems before the event was read
	attributes map[string]string
	data       *intake.Node // nil unless it is JSON
}

// set keeps an attribute, whose name is lower-case letters and digits.
func (e *event) set(r *intake.Reading, path, name, value string) {
	valid := name != ""
	for _, c := range []byte(name) {
		valid = valid && ('a' <= c && c <= 'z' || '0' <= c && c <= '9')
	}
	switch _, twice := e.attributes[name]; {
	case !valid:
		r.Drop(path, "invalid_attribute", name, "nothing: a name is of lower-case letters and digits")
	case twice:
		r.Problems.Add(path, "duplicate", name, "each attribute once")
	case len(value) > maxAttribute:
		r.Drop(path, "too_long", fmt.Sprintf("%d bytes", len(value)), "no attribute")
	case len(e.attributes) >= maxAttributes:
		r.Drop(path, "too_many", nil, fmt.Sprintf("the first %d attributes", maxAttributes))
	case strings.ContainsRune(value, 0):
		r.Drop(path, "invalid_attribute", nil, "nothing: a value has no NUL")
	default:
		e.attributes[name] = value
	}
}

// structured reads one event of the JSON format; nil if it is none.
func structured(r *intake.Reading, n *intake.Node) *event {
	if !n.Object() {
		if !n.Exists() {
			r.Problems.Add(n.Path, "missing", nil, "an event")
		}
		return nil
	}
	e := &event{path: n.Path, before: r.Problems.Len(), attributes: map[string]string{}}
	for _, name := range n.Names() {
		f := n.Field(name)
		if name == "data" || name == "data_base64" || !f.Exists() {
			continue
		}
		if text, ok := f.Scalar(); ok {
			e.set(r, f.Path, name, text)
		} else {
			r.Drop(f.Path, "wrong_type", nil, "nothing: an attribute is a text, a number or a boolean")
		}
	}
	data, encoded := n.Field("data"), n.Field("data_base64")
	switch {
	case data.Exists() && encoded.Exists():
		r.Problems.Add(n.Path, "contradiction", nil, "data or data_base64")
	case encoded.Exists():
		raw, err := base64.StdEncoding.DecodeString(encoded.Text())
		if err != nil {
			r.Problems.Add(encoded.Path, "invalid_base64", nil, "base64")
		} else if isJSON(e.attributes["datacontenttype"]) {
			e.data = r.Parse(raw)
		}
	case data.IsObject():
		e.data = data
	}
	return e
}

// isJSON reports whether a media type is JSON; without any, data is.
func isJSON(contentType string) bool {
	if contentType == "" {
		return true
	}
	media, _, err := mime.ParseMediaType(contentType)
	return err == nil && (media == "application/json" || media == "text/json" || strings.HasSuffix(media, "+json"))
}

// take returns what the data, or else an extension attribute, says under a name.
func (e *event) take(r *intake.Reading, name string) string {
	if f := e.data.Field(name); f.Exists() {
		text, ok := f.Scalar()
		if !ok {
			r.Drop(f.Path, "wrong_type", nil, "nothing: a text, a number or a boolean is kept")
		}
		return strings.TrimSpace(text)
	}
	return strings.TrimSpace(e.attributes[name])
}

func add(r *intake.Reading, b *alert.Batch, m Mapping, e *event) {
	if e == nil {
		return
	}
	place := func(name string) string { return sre.JoinPath(e.path, name) }
	for _, name := range []string{"id", "source", "specversion", "type"} {
		if e.attributes[name] == "" {
			r.Problems.Add(place(name), "missing", nil, "a value")
		}
	}
	if v := e.attributes["specversion"]; v != "" && v != "1.0" {
		r.Problems.Add(place("specversion"), "unsupported_version", v, "1.0")
	}
	kind := e.attributes["type"]
	status, family := e.status(r, m, place("status"))
	if status == alert.StatusUnknown && r.Problems.Len() == e.before {
		r.Drop(place("type"), "not_an_alert", kind, "nothing: the type is none of the mapping's")
		return
	}
	a := alert.Alert{Status: status, Source: e.attributes["source"], Summary: e.take(r, "summary")}
	a.Labels = e.labels(r, family)
	a.Severity = r.Severity(place("severity"), e.take(r, "severity"))
	a.Service = r.Service(place("service"), cmp.Or(e.take(r, "service"), a.Labels.Get("service")))
	if link := e.take(r, "url"); link != "" {
		a.Links = []alert.Link{{Text: "source", URL: link}}
	}
	if text := e.attributes["time"]; text != "" {
		t, err := time.Parse(time.RFC3339, text)
		if err != nil || t.UTC().Year() < 1 || t.UTC().Year() > 9999 {
			r.Problems.Add(place("time"), "invalid_instant", text, "an instant such as 2026-01-05T09:00:00Z")
		}
		a.Observed = t.UTC()
	}
	e.identify(r, &a, family, place("subject"))
	if a.Summary == "" {
		a.Summary = strings.TrimSpace(kind + " " + e.attributes["subject"])
	}
	if e.data.IsObject() {
		e.data.Rest()
	}
	if r.Problems.Len() == e.before && r.Finish(e.path, &a) {
		b.Alerts = append(b.Alerts, a)
	}
}

// status returns whether the event begins or ends an alert, and the type under
// which both are known.
func (e *event) status(r *intake.Reading, m Mapping, path string) (alert.Status, string) {
	kind := e.attributes["type"]
	for _, t := range m.Types {
		switch {
		case kind == "":
		case kind == t.Firing && kind == t.Resolved: // one type for both, so the status tells
			return e.stated(r, path), kind
		case kind == t.Firing:
			return alert.Firing, t.Firing
		case kind == t.Resolved:
			return alert.Resolved, t.Firing
		}
	}
	if len(m.Types) > 0 {
		return alert.StatusUnknown, kind
	}
	return e.stated(r, path), kind
}

func (e *event) stated(r *intake.Reading, path string) alert.Status {
	switch text := e.take(r, "status"); strings.ToLower(text) {
	case "firing":
		return alert.Firing
	case "resolved":
		return alert.Resolved
	default:
		var value any
		if text != "" {
			value = text
		}
		r.Problems.Add(path, "unknown_status", value, "firing or resolved")
		return alert.StatusUnknown
	}
}

// notLabels are attributes that differ from event to event or are taken
// otherwise.
var notLabels = []string{"id", "specversion", "time", "datacontenttype", "dataschema", "type", "status", "fingerprint", "summary", "url",
	"traceparent", "tracestate", "sequence", "sequencetype", "sampledrate", "recordedtime", "expirytime", "dataref"}

func (e *event) labels(r *intake.Reading, family string) sre.Labels {
	pairs := map[string]string{}
	for name, value := range e.attributes {
		if !slices.Contains(notLabels, name) {
			pairs[name] = value
		}
	}
	pairs["type"] = family
	if n := e.data.Field("labels"); n.Object() {
		maps.Copy(pairs, n.Texts())
	}
	labels, err := sre.ParseLabels(pairs)
	r.Problems.Merge(e.path, err)
	return labels
}

func (e *event) identify(r *intake.Reading, a *alert.Alert, family, path string) {
	given, subject := e.take(r, "fingerprint"), e.attributes["subject"]
	switch {
	case given != "":
		a.Fingerprint = "cloudevents:" + intake.Hash(a.Source, given)
		a.Group = a.Fingerprint
	case subject != "":
		a.Fingerprint = "cloudevents:" + intake.Hash(a.Source, subject, family)
		a.Group = a.Fingerprint
	case e.data.Field("labels").IsObject():
	default:
		r.Problems.Add(path, "missing", nil, "a subject, labels or a fingerprint: without any, nothing tells the alert from another")
	}
}
