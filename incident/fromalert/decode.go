package fromalert

import (
	"bytes"
	"encoding/json"
	"fmt"
	"slices"
	"strings"
	"time"
	"unicode/utf16"
	"unicode/utf8"

	"github.com/sre-sdk/sre"
	"github.com/sre-sdk/sre/oncall/alert"
	"github.com/sre-sdk/sre/oncall/alert/alertmanager"
)

// A Decoder reads webhooks of Alertmanager for one policy. It keeps texts that
// come again and again, and is not safe for concurrent use.
type Decoder struct {
	c     *Compiled
	texts map[string]string

	// Of the message that is read.
	data     []byte
	received time.Time
	labels   []pair // of the object that pairs has read last
	notes    []pair // room for annotations
	others   []pair // fields of the message that are not known
	plain    []byte // texts without their escapes
	dropped  sre.Problems
	drops    int
}

type pair struct{ name, value []byte }

// NewDecoder returns a decoder of events for this policy.
func (c *Compiled) NewDecoder() *Decoder { return &Decoder{c: c} }

// Decode appends the events of the body of a webhook to out. received is when
// the message came.
//
// Events, dropped values and problems are those of alertmanager.Read and
// [Compiled.Events]. The error carries every [sre.Problem]; the events hold all
// alerts that have none, also then.
func (d *Decoder) Decode(data []byte, received time.Time, out []Event) (events []Event, dropped []sre.Problem, err error) {
	d.data, d.received, d.dropped, d.drops = data, received, sre.Problems{}, 0
	n := len(out)
	if events, ok := d.message(out); ok {
		return events, sre.ProblemsIn(d.dropped.Err("alertmanager")), nil
	}
	b, err := alertmanager.Read(data)
	return d.c.Events(&b, received, out[:n]), b.Dropped, err
}

// What is read here and what is not: every method reports with ok whether it
// has understood a value that the reader would accept. If one has not, the
// message goes to the reader, which knows all cases.

// Bounds within which texts need no judgement by the reader.
const (
	maxTexts   = 1 << 15
	maxText    = 300 // bytes of a text that is kept
	maxNames   = 64  // of an object
	maxDepth   = 20
	maxReports = 100 // of dropped values, as the reader has it
)

const (
	fieldVersion = 1 << iota
	fieldGroupKey
	fieldStatus
	fieldAlerts
	fieldTruncated
	fieldReceiver
	fieldGroupLabels
	fieldCommonLabels
	fieldCommonAnnotations
	fieldExternalURL

	required = fieldVersion | fieldGroupKey | fieldStatus | fieldAlerts
)

func (d *Decoder) drop(path, code string, value any, instead string) {
	if d.drops++; d.drops <= maxReports {
		d.dropped.Add(path, code, value, instead)
	}
}

func (d *Decoder) unknownField(path string) {
	d.drop(path, "unknown_field", nil, "nothing: this reader does not know the field")
}

func (d *Decoder) message(out []Event) ([]Event, bool) {
	if len(d.data) > alert.MaxBytes || !utf8.Valid(d.data) {
		return nil, false
	}
	var (
		seen           uint
		groupKey       string
		receiver, url  string
		group, service string
		name           string
		severity       sre.Severity
		unknown        []string
	)
	d.others, d.plain = d.others[:0], d.plain[:0]
	i, ok := d.object(0, func(key []byte, i int) (int, bool) {
		field, j, ok := uint(0), 0, false
		switch string(key) {
		case "version":
			var v []byte
			field = fieldVersion
			v, j, ok = d.text(i)
			ok = ok && (len(v) == 0 || string(v) == "4")
		case "groupKey":
			field = fieldGroupKey
			groupKey, j, ok = d.kept(i)
		case "status":
			field = fieldStatus
			_, j, ok = d.status(i)
		case "receiver":
			field = fieldReceiver
			receiver, j, ok = d.kept(i)
		case "externalURL":
			field = fieldExternalURL
			url, j, ok = d.kept(i)
		case "truncatedAlerts":
			field = fieldTruncated
			j, ok = i+1, i < len(d.data) && d.data[i] == '0' && (i+1 == len(d.data) || !numeric(d.data[i+1]))
		case "groupLabels":
			field = fieldGroupLabels
			if j, ok = d.pairs(i, true); ok {
				group, name = d.group(), d.keep(d.label("alertname"))
				if s := d.label("service"); sre.ValidID(string(s)) {
					service = d.keep(s)
				}
			}
		case "commonLabels":
			field = fieldCommonLabels
			if j, ok = d.pairs(i, true); ok {
				severity, _ = alert.ParseSeverity(d.severity())
			}
		case "commonAnnotations":
			field = fieldCommonAnnotations
			j, ok = d.skip(i, 0)
		case "alerts":
			field = fieldAlerts
			out, j, ok = d.alerts(i, out)
		case "orgId":
			return 0, false
		default:
			d.others = append(d.others, pair{name: key})
			if len(d.others) > maxNames || len(key) > maxKey || twice(d.others) {
				return 0, false
			}
			switch string(key) {
			case "title", "state", "message", "appVersion":
			default:
				if !d.null(i) {
					unknown = append(unknown, string(key))
				}
			}
			return d.skip(i, 0)
		}
		if seen&field != 0 {
			return 0, false
		}
		seen |= field
		return j, ok
	})
	if !ok || d.space(i) != len(d.data) || seen&required != required {
		return nil, false
	}
	for _, u := range unknown {
		d.unknownField(u)
	}
	if seen&fieldGroupLabels == 0 {
		d.labels = d.labels[:0]
		group = d.group()
	}
	if groupKey == "" {
		return out, true
	}
	b := alert.Batch{GroupKey: "alertmanager " + receiver + " " + url + " " + groupKey}
	a, _ := b.Unlisted()
	e := Event{Alert: a.Fingerprint, Group: group, Service: service, Name: name, Severity: severity, Status: alert.Resolved, Repeats: true}
	return append(out, e.complete(d.received)), true
}

// maxKey bounds names that are reported whole.
const maxKey = 100

func (d *Decoder) alerts(i int, out []Event) ([]Event, int, bool) {
	n := 0
	j, ok := d.list(i, func(i int) (int, bool) {
		if n == alert.MaxBatchAlerts {
			return 0, false
		}
		e, j, ok := d.alert(i, n)
		if n++; ok {
			out = append(out, e)
		}
		return j, ok
	})
	return out, j, ok
}

const (
	alertStatus = 1 << iota
	alertLabels
	alertAnnotations
	alertStarts
	alertEnds
	alertURL
	alertFingerprint
)

func (d *Decoder) alert(i, n int) (Event, int, bool) {
	var (
		e                    Event
		seen                 uint
		url                  []byte
		ends                 time.Time
		summary, description []byte
		unknown              []string
		severity             string
		alertname, svc       []byte
	)
	j, ok := d.object(i, func(key []byte, i int) (int, bool) {
		field, j, ok := uint(0), 0, false
		switch string(key) {
		case "status":
			field = alertStatus
			e.Status, j, ok = d.status(i)
		case "labels":
			field = alertLabels
			if j, ok = d.pairs(i, true); ok {
				if !slices.ContainsFunc(d.labels, func(p pair) bool { return len(p.value) > 0 }) {
					return 0, false
				}
				e.Group = d.group()
				alertname, svc = d.label("alertname"), d.label("service")
				severity = d.severity()
			}
		case "annotations":
			field = alertAnnotations
			summary, description = nil, nil
			j, ok = d.annotations(i, &summary, &description)
		case "startsAt":
			field = alertStarts
			e.Starts, j, ok = d.time(i)
		case "endsAt":
			field = alertEnds
			ends, j, ok = d.time(i)
		case "generatorURL":
			field = alertURL
			url, j, ok = d.text(i)
		case "fingerprint":
			field = alertFingerprint
			var v []byte
			v, j, ok = d.text(i)
			if ok = ok && sre.ValidID(string(v)); ok {
				e.Alert = string(v)
			}
		case "dashboardURL", "panelURL", "silenceURL", "imageURL", "valueString", "values", "orgId", "ruleUID":
			return 0, false // of Grafana
		default:
			if len(key) > maxKey || len(unknown) == maxNames || slices.Contains(unknown, string(key)) || d.null(i) {
				return 0, false
			}
			unknown = append(unknown, string(key))
			return d.skip(i, 0)
		}
		if seen&field != 0 {
			return 0, false
		}
		seen |= field
		return j, ok
	})
	if !ok || seen&(alertStatus|alertLabels) != alertStatus|alertLabels {
		return e, 0, false
	}
	if seen&alertFingerprint == 0 {
		e.Alert = d.fingerprint()
	}
	if e.Status == alert.Resolved {
		e.Ends = ends
	}
	if e.Severity, ok = alert.ParseSeverity(severity); !ok && severity != "" {
		d.drop(fmt.Sprintf("alerts[%d].labels.severity", n), "unknown_severity", severity, "unknown, which counts as the worst")
	}
	if len(svc) > 0 {
		if e.Service = d.keep(svc); !sre.ValidID(e.Service) {
			d.drop(fmt.Sprintf("alerts[%d].labels.service", n), "invalid_id", e.Service, "no service; the label stays")
			e.Service = ""
		}
	}
	e.Name = d.keep(alertname)
	for _, u := range unknown {
		d.unknownField(sre.JoinPath(fmt.Sprintf("alerts[%d]", n), u))
	}
	shown := summary
	if len(shown) == 0 {
		shown = description
	}
	if len(shown) == 0 {
		shown = alertname
	}
	if len(shown) > alert.MaxSummary {
		if line := strings.Join(strings.Fields(string(shown)), " "); len(line) > alert.MaxSummary {
			d.drop(fmt.Sprintf("alerts[%d].summary", n), "too_long", fmt.Sprintf("%d bytes", len(line)), fmt.Sprintf("the first %d bytes", alert.MaxSummary))
		}
	}
	if len(url) > alert.MaxURL {
		d.drop(fmt.Sprintf("alerts[%d].links", n), "too_long", string(url), "no link")
	}
	return e.complete(d.received), j, true
}

// fingerprint makes one of the labels, which the alert has none of its own for.
func (d *Decoder) fingerprint() string {
	m := make(map[string]string, len(d.labels))
	for _, p := range d.labels {
		m[string(p.name)] = string(p.value)
	}
	return alert.Fingerprint(sre.LabelsOf(m))
}

func (d *Decoder) severity() string {
	if s := d.label("severity"); len(s) > 0 {
		return d.keep(s)
	}
	return d.keep(d.label("priority"))
}

// label returns the value of the object that was read last by pairs.
func (d *Decoder) label(name string) []byte {
	for _, p := range d.labels {
		if string(p.name) == name {
			return p.value
		}
	}
	return nil
}

// group returns the key of the group of these labels.
func (d *Decoder) group() string {
	var scratch [256]byte
	key := scratch[:0]
	for _, k := range d.c.policy.Keys {
		key = append(append(key, d.label(k)...), 0)
	}
	return d.keep(key)
}

// keep returns a text that comes again and again without making it anew.
func (d *Decoder) keep(b []byte) string {
	if len(b) == 0 {
		return ""
	}
	if s, ok := d.texts[string(b)]; ok {
		return s
	}
	s := string(b)
	if len(s) <= maxText {
		if d.texts == nil || len(d.texts) >= maxTexts {
			d.texts = map[string]string{}
		}
		d.texts[s] = s
	}
	return s
}

func (d *Decoder) kept(i int) (string, int, bool) {
	v, j, ok := d.text(i)
	return d.keep(v), j, ok
}

func (d *Decoder) status(i int) (alert.Status, int, bool) {
	v, j, ok := d.text(i)
	switch {
	case !ok:
	case string(v) == "firing":
		return alert.Firing, j, true
	case string(v) == "resolved":
		return alert.Resolved, j, true
	}
	return 0, 0, false
}

func (d *Decoder) time(i int) (time.Time, int, bool) {
	v, j, ok := d.text(i)
	if !ok || len(v) == 0 {
		return time.Time{}, j, ok
	}
	t, err := time.Parse(time.RFC3339, string(v))
	if t = t.UTC(); err != nil || t.Year() > 9999 {
		return time.Time{}, 0, false
	}
	if t.Year() <= 1 {
		t = time.Time{}
	}
	return t, j, true
}

// pairs reads an object of texts into d.labels. A label has a name and no NUL
// byte.
func (d *Decoder) pairs(i int, labels bool) (int, bool) {
	d.labels = d.labels[:0]
	size, sorted := 0, true
	j, ok := d.object(i, func(key []byte, i int) (int, bool) {
		v, j, ok := d.text(i)
		if !ok || labels && (len(key) == 0 || bytes.IndexByte(key, 0) >= 0 || bytes.IndexByte(v, 0) >= 0) {
			return 0, false
		}
		if n := len(d.labels); n > 0 && bytes.Compare(d.labels[n-1].name, key) >= 0 {
			sorted = false
		}
		d.labels = append(d.labels, pair{key, v})
		size += len(key) + len(v)
		return j, len(d.labels) <= maxNames
	})
	if !ok || labels && size > alert.MaxLabelBytes || !sorted && twice(d.labels) {
		return 0, false
	}
	return j, true
}

func (d *Decoder) annotations(i int, summary, description *[]byte) (int, bool) {
	kept := d.labels
	d.labels = d.notes
	j, ok := d.pairs(i, false)
	*summary, *description = d.label("summary"), d.label("description")
	runbook := d.label("runbook_url")
	size := 0
	for _, p := range d.labels {
		size += len(p.name) + len(p.value)
	}
	d.notes, d.labels = d.labels[:0], kept
	return j, ok && size <= alert.MaxAnnotation && len(runbook) <= alert.MaxURL
}

func twice(list []pair) bool {
	for i := range list {
		for j := range i {
			if bytes.Equal(list[i].name, list[j].name) {
				return true
			}
		}
	}
	return false
}

// null reports whether a value is null, of which the reader tells nothing.
func (d *Decoder) null(i int) bool { return bytes.HasPrefix(d.data[i:], []byte("null")) }

func (d *Decoder) space(i int) int {
	for i < len(d.data) && (d.data[i] == ' ' || d.data[i] == '\n' || d.data[i] == '\t' || d.data[i] == '\r') {
		i++
	}
	return i
}

// object reads an object; each is to read the value at i and return its end.
func (d *Decoder) object(i int, each func(key []byte, i int) (int, bool)) (int, bool) {
	i = d.space(i)
	if i >= len(d.data) || d.data[i] != '{' {
		return 0, false
	}
	i = d.space(i + 1)
	if i < len(d.data) && d.data[i] == '}' {
		return i + 1, true
	}
	for {
		key, j, ok := d.text(i)
		if !ok {
			return 0, false
		}
		j = d.space(j)
		if j >= len(d.data) || d.data[j] != ':' {
			return 0, false
		}
		if j, ok = each(key, d.space(j+1)); !ok {
			return 0, false
		}
		j = d.space(j)
		if j >= len(d.data) {
			return 0, false
		}
		switch d.data[j] {
		case '}':
			return j + 1, true
		case ',':
			i = d.space(j + 1)
		default:
			return 0, false
		}
	}
}

// list reads a list likewise.
func (d *Decoder) list(i int, each func(i int) (int, bool)) (int, bool) {
	i = d.space(i)
	if i >= len(d.data) || d.data[i] != '[' {
		return 0, false
	}
	i = d.space(i + 1)
	if i < len(d.data) && d.data[i] == ']' {
		return i + 1, true
	}
	for {
		j, ok := each(i)
		if !ok {
			return 0, false
		}
		j = d.space(j)
		if j >= len(d.data) {
			return 0, false
		}
		switch d.data[j] {
		case ']':
			return j + 1, true
		case ',':
			i = d.space(j + 1)
		default:
			return 0, false
		}
	}
}

// text reads a string. What is returned lies in the message unless it has
// escapes.
func (d *Decoder) text(i int) ([]byte, int, bool) {
	if i >= len(d.data) || d.data[i] != '"' {
		return nil, 0, false
	}
	begin, escaped := i+1, false
	for i = begin; i < len(d.data); i++ {
		switch c := d.data[i]; {
		case c == '"':
			if !escaped {
				return d.data[begin:i:i], i + 1, true
			}
			v, ok := d.unescape(d.data[begin:i])
			return v, i + 1, ok
		case c == '\\':
			escaped = true
			i++
		case c < ' ':
			return nil, 0, false
		}
	}
	return nil, 0, false
}

// unescape decodes a text as encoding/json does: half of a surrogate pair
// becomes U+FFFD. What it returns is valid until the next message.
func (d *Decoder) unescape(raw []byte) ([]byte, bool) {
	begin := len(d.plain)
	for len(raw) > 0 {
		n := bytes.IndexByte(raw, '\\')
		if n < 0 {
			n = len(raw)
		}
		d.plain = append(d.plain, raw[:n]...)
		if raw = raw[n:]; len(raw) == 0 {
			break
		}
		if c := escapes[raw[1]]; c != 0 { // a text does not end with a backslash
			d.plain, raw = append(d.plain, c), raw[2:]
			continue
		}
		r, ok := codeUnit(raw)
		if !ok {
			return nil, false
		}
		raw = raw[unitSize:]
		if utf16.IsSurrogate(r) {
			second, ok := codeUnit(raw)
			if r = utf16.DecodeRune(r, second); ok && r != utf8.RuneError {
				raw = raw[unitSize:]
			} else {
				r = utf8.RuneError
			}
		}
		d.plain = utf8.AppendRune(d.plain, r)
	}
	return d.plain[begin:len(d.plain):len(d.plain)], true
}

var escapes = [256]byte{'"': '"', '\\': '\\', '/': '/', 'b': '\b', 'f': '\f', 'n': '\n', 'r': '\r', 't': '\t'}

const unitSize = len(`\u0000`)

func codeUnit(raw []byte) (r rune, ok bool) {
	if len(raw) < unitSize || raw[0] != '\\' || raw[1] != 'u' {
		return -1, false
	}
	for _, c := range raw[2:unitSize] {
		switch {
		case '0' <= c && c <= '9':
			c -= '0'
		case 'a' <= c && c <= 'f':
			c -= 'a' - 10
		case 'A' <= c && c <= 'F':
			c -= 'A' - 10
		default:
			return -1, false
		}
		r = r<<4 | rune(c)
	}
	return r, true
}

// skip reads a value that is not kept, as strictly as any.
func (d *Decoder) skip(i, depth int) (int, bool) {
	if i >= len(d.data) || depth > maxDepth {
		return 0, false
	}
	switch c := d.data[i]; {
	case c == '"':
		_, j, ok := d.text(i)
		return j, ok
	case c == '{':
		var names []string
		return d.object(i, func(key []byte, i int) (int, bool) {
			if len(names) == maxNames || slices.Contains(names, string(key)) {
				return 0, false
			}
			names = append(names, string(key))
			return d.skip(i, depth+1)
		})
	case c == '[':
		return d.list(i, func(i int) (int, bool) { return d.skip(i, depth+1) })
	case numeric(c):
		j := i
		for j < len(d.data) && numeric(d.data[j]) {
			j++
		}
		return j, json.Valid(d.data[i:j])
	}
	for _, word := range [...]string{"null", "true", "false"} {
		if bytes.HasPrefix(d.data[i:], []byte(word)) {
			return i + len(word), true
		}
	}
	return 0, false
}

func numeric(c byte) bool {
	return '0' <= c && c <= '9' || c == '-' || c == '+' || c == '.' || c == 'e' || c == 'E'
}
