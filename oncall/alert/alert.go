package alert

import (
	"fmt"
	"strings"
	"time"

	"github.com/sre-sdk/sre"
	"github.com/sre-sdk/sre/internal/enum"
)

// A Status says whether an alert fires.
type Status uint8

const (
	StatusUnknown Status = iota // not stated; refused wherever it matters
	Firing
	Resolved
)

var statusNames = [...]string{"unknown", "firing", "resolved"}

// String returns the lower-case name, which is also the JSON form.
func (s Status) String() string { return enum.Name(statusNames[:], "status", uint8(s)) }

// MarshalText returns the lower-case name; it refuses values that have none.
func (s Status) MarshalText() ([]byte, error) {
	return enum.Marshal(statusNames[:], "status", uint8(s))
}

// UnmarshalText reads the lower-case name.
func (s *Status) UnmarshalText(text []byte) error {
	return enum.Unmarshal(statusNames[:], "status", text, (*uint8)(s))
}

// A Link leads to more about an alert. It only shows.
type Link struct {
	Text string `json:"text,omitempty"` // what it shows, such as "dashboard"
	URL  string `json:"url"`
}

// An Alert is one statement of a monitoring system about one thing: it fires,
// or it does no longer.
type Alert struct {
	// Fingerprint is the identity of the alert: statements with the same one are
	// about the same thing, and the later one holds. An ID as sre.ValidID has it.
	// Empty: [Fingerprint] of the labels.
	Fingerprint string `json:"fingerprint"`

	// Group is set where the source has a key of its own for what belongs
	// together, and its later messages carry no labels: then it decides, and not
	// the labels of [Policy.GroupBy]. Usually empty.
	Group string `json:"group,omitempty"`

	Status      Status            `json:"status"`
	Severity    sre.Severity      `json:"severity,omitempty"` // 0: unknown, which counts as the worst
	Labels      sre.Labels        `json:"labels,omitzero"`
	Annotations map[string]string `json:"annotations,omitempty"` // for people; they never decide anything
	Service     string            `json:"service,omitempty"`     // an ID, or empty if not known
	Summary     string            `json:"summary,omitempty"`     // one line
	Source      string            `json:"source,omitempty"`      // who says so, such as "alertmanager" or the URI of a sender
	Links       []Link            `json:"links,omitempty"`

	Starts time.Time `json:"starts,omitzero"` // when it began to fire, by the clock of the source
	Ends   time.Time `json:"ends,omitzero"`   // when it ceased

	// Observed is when the source made this statement, if it says so. Between
	// two statements that both say, the later one holds, in whatever order they
	// arrive.
	Observed time.Time `json:"observed,omitzero"`
}

// Limits on an alert, part of the contract. Readers cut what is for people, and
// say so; they never cut what decides.
const (
	MaxLabels     = 64       // pairs
	MaxLabelBytes = 4 << 10  // names and values of all labels
	MaxSummary    = 300      // bytes
	MaxURL        = 500      // bytes
	MaxLinks      = 8        // of one alert
	MaxGroup      = 300      // bytes of Alert.Group
	MaxAnnotation = 16 << 10 // bytes of names and values of all annotations
	MaxSource     = 300      // bytes
)

// Validate reports every problem of an alert. An empty fingerprint is none.
func (a *Alert) Validate() error {
	var p sre.Problems
	if a.Fingerprint != "" {
		p.CheckID("fingerprint", a.Fingerprint)
	}
	if a.Status != Firing && a.Status != Resolved {
		p.Add("status", "unknown_status", a.Status, "firing or resolved")
	}
	if a.Service != "" {
		p.CheckID("service", a.Service)
	}
	pairs, size := 0, 0
	for name, value := range a.Labels.All() {
		pairs++
		size += len(name) + len(value)
	}
	if pairs > MaxLabels {
		p.Add("labels", "too_many", pairs, fmt.Sprintf("at most %d", MaxLabels))
	}
	bytes := func(path string, n, most int) {
		if n > most {
			p.Add(path, "too_long", fmt.Sprintf("%d bytes", n), fmt.Sprintf("at most %d bytes", most))
		}
	}
	bytes("labels", size, MaxLabelBytes)
	bytes("group", len(a.Group), MaxGroup)
	bytes("summary", len(a.Summary), MaxSummary)
	bytes("source", len(a.Source), MaxSource)
	if len(a.Links) > MaxLinks {
		p.Add("links", "too_many", len(a.Links), fmt.Sprintf("at most %d", MaxLinks))
	}
	for i, l := range a.Links {
		bytes(fmt.Sprintf("links[%d].url", i), len(l.URL), MaxURL)
		bytes(fmt.Sprintf("links[%d].text", i), len(l.Text), MaxSummary)
	}
	size = 0
	for name, value := range a.Annotations {
		size += len(name) + len(value)
	}
	bytes("annotations", size, MaxAnnotation)
	for _, t := range []struct {
		path string
		at   time.Time
	}{{"starts", a.Starts}, {"ends", a.Ends}, {"observed", a.Observed}} {
		if !t.at.IsZero() && !encodable(t.at) {
			p.Add(t.path, "out_of_range", t.at, "an instant in the years 1 to 9999")
		}
	}
	return p.Err("alert")
}

// encodable reports whether an instant survives JSON.
func encodable(t time.Time) bool {
	y := t.UTC().Year()
	return 1 <= y && y <= 9999
}

// Key returns the fingerprint of the alert, computed from the labels if there
// is none.
func (a *Alert) Key() string {
	if a.Fingerprint != "" {
		return a.Fingerprint
	}
	return Fingerprint(a.Labels)
}

// Fingerprint returns the fingerprint that Prometheus and Alertmanager give to
// labels, so that one alert that arrives by several ways is one: 64 bits of
// FNV-1a over the sorted names and values, in hex.
func Fingerprint(labels sre.Labels) string {
	const offset, prime, separator = 14695981039346656037, 1099511628211, 255
	sum := uint64(offset)
	add := func(text string) {
		for i := range len(text) {
			sum = (sum ^ uint64(text[i])) * prime
		}
		sum = (sum ^ separator) * prime
	}
	for name, value := range labels.All() {
		add(name)
		add(value)
	}
	return fmt.Sprintf("%016x", sum)
}

// ParseSeverity maps the words that monitoring systems use, letter case aside:
//
//	critical, P1  1
//	error, P2     2
//	warning, P3   3
//	info, P4      4
//
// Anything else is 0, unknown, which counts as the worst; ok tells.
func ParseSeverity(text string) (s sre.Severity, ok bool) {
	switch strings.ToLower(text) {
	case "critical", "p1":
		return 1, true
	case "error", "p2":
		return 2, true
	case "warning", "p3":
		return 3, true
	case "info", "p4":
		return 4, true
	}
	return 0, false
}
