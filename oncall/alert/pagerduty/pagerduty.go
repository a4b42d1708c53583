// Package pagerduty reads what is meant for PagerDuty, the events of its Events
// API v2, and what comes from it, its v3 webhooks about incidents. So senders
// can be moved one by one, in either direction.
package pagerduty

import (
	"cmp"
	"crypto/hmac"
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"strings"

	"github.com/sre-sdk/sre"
	"github.com/sre-sdk/sre/oncall/alert"
	"github.com/sre-sdk/sre/oncall/alert/internal/intake"
)

// SignatureHeader names the header that [Verify] checks.
const SignatureHeader = "X-PagerDuty-Signature"

// ErrSignature says that a webhook was not signed with any of the secrets.
// Answer 401 and read nothing.
var ErrSignature = errors.New("pagerduty: no valid signature")

const maxSignatures = 20

// Verify checks the header of a v3 webhook before its body is read: one of its
// signatures, v1=<hex of HMAC-SHA256>, must be made with one of the secrets.
// There are several of either while a secret is replaced. It takes the same time
// whichever of them is right. An empty secret signs nothing.
//
// The protocol signs no instant: a replay is told by the ID of the event, and is
// harmless to [alert.Compiled.Step].
func Verify(body []byte, header string, secrets ...string) error {
	signatures := strings.Split(header, ",")
	if len(signatures) > maxSignatures {
		return ErrSignature
	}
	valid := false
	for _, secret := range secrets {
		if secret == "" {
			continue
		}
		mac := hmac.New(sha256.New, []byte(secret))
		mac.Write(body)
		want := mac.Sum(nil)
		for _, s := range signatures {
			digits, ok := strings.CutPrefix(strings.TrimSpace(s), "v1=")
			got, err := hex.DecodeString(digits)
			if ok && err == nil && hmac.Equal(got, want) {
				valid = true
			}
		}
	}
	if !valid {
		return ErrSignature
	}
	return nil
}

const (
	maxDedupKey = 255
	maxPart     = 1024
)

// RoutingKey returns the routing key of an Events API body, which tells the
// sender and is a secret; empty if there is none. Check it before [ReadEvent].
func RoutingKey(data []byte) string {
	r := intake.New("pagerduty")
	key := r.Parse(data).Field("routing_key").Text()
	if r.Problems.Len() > 0 {
		return ""
	}
	return key
}

// ReadEvent reads a body of the Events API v2: a trigger makes an alert that
// fires, a resolve one that is resolved, an acknowledge an entry of Batch.Acks.
//
// The deduplication key, together with the routing key, is the identity of the
// alert and its group: a resolve carries nothing else. A trigger without one gets
// one that follows from its body; like every deduplication key it is in the
// annotation dedup_key, to be returned to the sender.
//
// Labels are source, component, group and class.
func ReadEvent(data []byte) (alert.Batch, error) {
	r := intake.New("pagerduty")
	doc := r.Parse(data)
	if doc == nil {
		return alert.Batch{}, r.Err()
	}
	if !doc.IsObject() {
		r.Problems.Add("", "wrong_type", nil, "an object")
		return alert.Batch{}, r.Err()
	}
	routing := doc.Need("routing_key").Text()
	action, dedup := doc.Need("event_action"), doc.Field("dedup_key")
	key := dedup.Text()
	if len(key) > maxDedupKey {
		r.Problems.Add("dedup_key", "too_long", nil, "at most 255 bytes")
	}
	if key == "" && action.Text() == "trigger" {
		key = intake.Hash(string(data))
	} else if key == "" {
		r.Problems.Add("dedup_key", "missing", nil, "the key of the trigger")
	}
	id := "pagerduty:" + intake.Hash(routing, key)
	var b alert.Batch
	payload := doc.Field("payload")
	payload.Object()
	a := alert.Alert{Fingerprint: id, Group: id, Source: "pagerduty events", Annotations: map[string]string{"dedup_key": key}}
	switch action.Text() {
	case "trigger":
		a.Status = alert.Firing
		trigger(r, doc, doc.Need("payload"), &a)
	case "resolve":
		a.Status = alert.Resolved
	case "acknowledge":
		b.Acks = []alert.Ack{{Fingerprint: id, Group: id}}
	case "":
	default:
		r.Problems.Add("event_action", "unknown_action", action.Text(), "trigger, acknowledge or resolve")
	}
	if a.Status != alert.Firing { // a payload is allowed there, and says nothing
		payload.Skip(payload.Names()...)
	}
	doc.Skip("images", "links", "client", "client_url", "payload")
	doc.Rest()
	if a.Status != alert.StatusUnknown {
		r.Finish("", &a)
		b.Alerts = []alert.Alert{a}
	}
	b.Dropped = r.Dropped()
	if err := r.Err(); err != nil {
		return alert.Batch{Dropped: b.Dropped}, err // it holds one alert, and that is not right
	}
	return b, nil
}

func trigger(r *intake.Reading, doc, payload *intake.Node, a *alert.Alert) {
	a.Summary = payload.Need("summary").Text()
	labels := map[string]string{}
	for _, name := range []string{"source", "component", "group", "class"} {
		f := payload.Field(name)
		if name == "source" {
			f = payload.Need(name)
		}
		text := f.Text()
		if len(text) > maxPart {
			r.Drop(f.Path, "too_long", nil, "the first 1024 bytes")
		}
		labels[name] = strings.ReplaceAll(intake.Cut(text, maxPart), "\x00", "")
	}
	a.Labels = sre.LabelsOf(labels)
	severity := payload.Need("severity")
	a.Severity = r.Severity(severity.Path, severity.Text())
	a.Starts = payload.Field("timestamp").Time()
	if details := payload.Field("custom_details"); details.IsObject() {
		for _, name := range details.Names() {
			f := details.Field(name)
			if text, ok := f.Scalar(); ok {
				a.Annotations["detail_"+name] = text
			} else if f.Exists() {
				r.Drop(f.Path, "wrong_type", nil, "nothing: only texts, numbers and booleans are kept")
			}
		}
	} else if text, ok := details.Scalar(); ok {
		a.Annotations["details"] = text
	} else if details.Exists() {
		r.Drop(details.Path, "wrong_type", nil, "nothing: an object or a text is kept")
	}
	payload.Rest()
	const maxLinks = 100
	for _, l := range doc.Field("links").List(maxLinks) {
		if l.Object() {
			a.Links = append(a.Links, alert.Link{Text: l.Field("text").Text(), URL: l.Field("href").Text()})
		}
	}
	for _, i := range doc.Field("images").List(maxLinks) {
		if i.Object() {
			a.Links = append(a.Links, alert.Link{Text: cmp.Or(i.Field("alt").Text(), "image"), URL: i.Field("src").Text()})
		}
	}
	if url := doc.Field("client_url").Text(); url != "" {
		a.Links = append(a.Links, alert.Link{Text: cmp.Or(doc.Field("client").Text(), "client"), URL: url})
	}
}

// ReadWebhook reads a v3 webhook; see [Verify]. An incident is an alert that
// fires until it is resolved, with the instant of the event as Observed, so that
// webhooks may arrive in any order. An acknowledgement is in Batch.Acks besides.
//
// The severity is that of the priority, if it has a name that
// [alert.ParseSeverity] knows; the service is the ID of PagerDuty's, and labels
// are service (its name), urgency and priority. Events about anything else make
// no alert, and are in Batch.Dropped; a ping makes nothing at all.
func ReadWebhook(data []byte) (alert.Batch, error) {
	r := intake.New("pagerduty")
	doc := r.Parse(data)
	if doc == nil {
		return alert.Batch{}, r.Err()
	}
	event := doc.Need("event")
	if !event.Object() {
		if !doc.IsObject() {
			r.Problems.Add("", "wrong_type", nil, "an object")
		}
		return alert.Batch{}, r.Err()
	}
	kind := event.Need("event_type").Text()
	occurred := event.Need("occurred_at").Time()
	event.Need("id").Text()
	by := event.Field("agent").Field("summary").Text()
	event.Skip("resource_type", "client", "agent", "data")
	event.Rest()
	doc.Rest()
	var b alert.Batch
	incident := event.Need("data")
	switch {
	case kind == "pagey.ping":
	case incident.Field("type").Text() != "incident":
		r.Drop("event.event_type", "not_an_incident", kind, "nothing: only events that carry an incident make an alert")
	default:
		a := readIncident(r, incident)
		a.Observed = occurred
		if a.Status == alert.Resolved {
			a.Ends = occurred
		}
		if r.Finish("event.data", &a) {
			b.Alerts = []alert.Alert{a}
		}
		if kind == "incident.acknowledged" {
			b.Acks = []alert.Ack{{Fingerprint: a.Fingerprint, Group: a.Group, By: by, At: occurred}}
		}
	}
	b.Dropped = r.Dropped()
	if err := r.Err(); err != nil {
		return alert.Batch{Dropped: b.Dropped}, err
	}
	return b, nil
}

func readIncident(r *intake.Reading, n *intake.Node) alert.Alert {
	id := n.Need("id").Text()
	service, priority := n.Field("service"), n.Field("priority")
	labels := map[string]string{}
	for name, f := range map[string]*intake.Node{"service": service.Field("summary"), "urgency": n.Field("urgency"), "priority": priority.Field("summary")} {
		labels[name] = strings.ReplaceAll(intake.Cut(f.Text(), maxPart), "\x00", "")
	}
	a := alert.Alert{
		Fingerprint: "pagerduty:" + id, Group: "pagerduty:" + id, Source: "pagerduty webhook",
		Severity: r.Severity(priority.Path, labels["priority"]),
		Service:  r.Service(service.Path, service.Field("id").Text()),
		Summary:  n.Need("title").Text(),
		Labels:   sre.LabelsOf(labels),
		Starts:   n.Field("created_at").Time(),
	}
	if url := n.Field("html_url").Text(); url != "" {
		a.Links = []alert.Link{{Text: "incident", URL: url}}
	}
	status := n.Need("status")
	switch status.Text() {
	case "triggered", "acknowledged":
		a.Status = alert.Firing
	case "resolved":
		a.Status = alert.Resolved
	case "":
	default:
		r.Problems.Add(status.Path, "unknown_status", status.Text(), "triggered, acknowledged or resolved")
	}
	n.Skip("type", "self", "number", "incident_key", "assignees", "escalation_policy", "teams", "conference_bridge", "resolve_reason", "incident_type")
	n.Rest()
	return a
}
