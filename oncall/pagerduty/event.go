package pagerduty

import (
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"fmt"
	"maps"
	"sort"
	"strings"
	"unicode/utf8"

	pd "github.com/PagerDuty/go-pagerduty"

	"github.com/sre-sdk/sre"
	"github.com/sre-sdk/sre/oncall"
)

// DedupKey returns the dedup_key that stands for a delivery's Key: the Key
// itself if it is 1 to 255 printable ASCII characters without spaces, otherwise
// its SHA-256 as text. Two Keys share one only if one of them is that text of
// the other. DedupKey of a result is the result.
func DedupKey(key string) string {
	plain := key != "" && len(key) <= MaxDedupKey
	for i := 0; i < len(key) && plain; i++ {
		plain = key[i] > ' ' && key[i] <= '~'
	}
	if plain {
		return key
	}
	sum := sha256.Sum256([]byte(key))
	return "sha256:" + hex.EncodeToString(sum[:])
}

// severity maps P1 to P4 and beyond; unknown counts as the worst, as everywhere.
func severity(s sre.Severity) string {
	switch s.Effective() {
	case 1:
		return "critical"
	case 2:
		return "error"
	case 3:
		return "warning"
	}
	return "info"
}

// trigger makes the event of a delivery, without the routing key.
func (p *Pager) trigger(d oncall.Delivery) (pd.V2Event, error) {
	c := p.config
	dedup := d.Key
	if c.DedupKey != nil {
		if k := c.DedupKey(d); k != "" {
			dedup = k
		}
	}
	title := oneLine(d.Title)
	details := map[string]string{}
	if c.Details != nil {
		for name, value := range c.Details(d) {
			details[valid(name)] = valid(value)
		}
	}
	for name, value := range map[string]string{
		"title": "", "body": valid(d.Body), "person": valid(d.Person), "contact": valid(d.Contact.ID),
		"severity": d.Severity.String(), "key": valid(d.Key), "link": "",
	} {
		delete(details, name)
		if value != "" {
			details[name] = value
		}
	}
	summary := title
	if summary == "" { // required, and no reason not to wake anybody
		summary = oneLine(cut(d.Body, MaxSummary))
	}
	if summary == "" {
		summary = "page " + oneLine(d.Key)
	}
	if len(summary) > MaxSummary {
		details["title"] = title
		summary = cut(summary, MaxSummary)
	}
	event := pd.V2Event{
		Action: "trigger", DedupKey: DedupKey(dedup), Client: c.Client, ClientURL: c.ClientURL,
		Payload: &pd.V2Payload{
			Summary: summary, Source: c.Source, Severity: severity(d.Severity),
			Component: c.Component, Group: c.Group, Class: c.Class, Details: details,
		},
	}
	switch {
	case d.Link == "":
	case isWebURL(d.Link) && len(d.Link) <= oncall.MaxAddress:
		event.Links = []any{map[string]string{"href": d.Link, "text": "Show"}}
	default:
		details["link"] = valid(d.Link) // still of use to somebody who reads
	}
	return event, fit(event, details)
}

// fit makes the event small enough: no detail is longer than the greatest length
// with which all fit, so the longest are cut first and the short ones stay.
func fit(event pd.V2Event, details map[string]string) error {
	event.RoutingKey = strings.Repeat("x", 32) // as long as the one to come
	whole := maps.Clone(details)
	total, err := size(event)
	if err != nil || total <= MaxEvent {
		return err
	}
	for name := range details {
		details[name] = ""
	}
	base, err := size(event)
	if err != nil {
		return err
	}
	var lengths []int
	for _, text := range whole {
		lengths = append(lengths, encoded(text))
	}
	over := sort.Search(MaxEvent, func(most int) bool { // the first length that is too much
		sum := base
		for _, n := range lengths {
			sum += min(n, most)
		}
		return sum > MaxEvent
	})
	for name, text := range whole {
		details[name] = shorten(text, over-1)
	}
	if total, err = size(event); err == nil && total > MaxEvent {
		err = fmt.Errorf("pagerduty: an event of %d bytes without any text, more than %d: %w", total, MaxEvent, oncall.ErrPermanent)
	}
	return err
}

func size(event pd.V2Event) (int, error) {
	b, err := json.Marshal(event)
	if err != nil {
		return 0, fmt.Errorf("pagerduty: %w: %w", err, oncall.ErrPermanent)
	}
	return len(b), nil
}

const shortened = " [shortened]"

// shorten returns text, or the longest beginning of it that, with a mark, takes
// at most room bytes inside a JSON string; "" if there is no room for the mark.
func shorten(text string, room int) string {
	if encoded(text) <= room {
		return text
	}
	if room -= len(shortened); room < 0 {
		return ""
	}
	used := 0
	for i, r := range text {
		if used += encodedRune(r); used > room {
			return text[:i] + shortened
		}
	}
	return text
}

// encoded returns how many bytes text takes inside a JSON string, at most.
func encoded(text string) (n int) {
	for _, r := range text {
		n += encodedRune(r)
	}
	return n
}

func encodedRune(r rune) int {
	switch {
	case r == '"', r == '\\':
		return 2
	case r < ' ', r == '<', r == '>', r == '&', r == '\u2028', r == '\u2029':
		return 6 // \u003c
	}
	return utf8.RuneLen(r)
}

// cut returns at most n bytes of text, without splitting a character.
func cut(text string, n int) string {
	text = valid(text)
	return strings.ToValidUTF8(text[:min(n, len(text))], "")
}

func valid(text string) string { return strings.ToValidUTF8(text, "\uFFFD") }

func oneLine(text string) string { return strings.Join(strings.Fields(valid(text)), " ") }
