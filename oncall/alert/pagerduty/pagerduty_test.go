package pagerduty_test

import (
	"crypto/hmac"
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"fmt"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/sre-sdk/sre"
	"github.com/sre-sdk/sre/oncall/alert"
	"github.com/sre-sdk/sre/oncall/alert/pagerduty"
)

const trigger = `{"routing_key": "R1", "event_action": "trigger", "dedup_key": "disk/db1", "client": "Nagios", "client_url": "http://nagios",
	"payload": {"summary": "disk  full", "source": "db1", "severity": "error", "timestamp": "2026-03-02T09:00:00.000+0000Z"},
	"links": [{"href": "http://more", "text": "more"}], "images": [{"src": "http://image"}]}`

func good() string { return strings.Replace(trigger, ".000+0000Z", "Z", 1) }

func TestTriggerAndResolveAreOneAlert(t *testing.T) {
	policy := alert.Policy{GroupWait: alert.AtOnce}.MustCompile()
	states := map[string]alert.State{}
	var did []string
	for i, body := range []string{
		good(), good(),
		`{"routing_key": "R1", "event_action": "acknowledge", "dedup_key": "disk/db1"}`,
		`{"routing_key": "R2", "event_action": "resolve", "dedup_key": "disk/db1"}`, // of another sender
		`{"routing_key": "R1", "event_action": "resolve", "dedup_key": "disk/db1", "payload": {"summary": "s"}}`,
	} {
		b, err := pagerduty.ReadEvent([]byte(body))
		if err != nil {
			t.Fatal(err)
		}
		if acks := len(b.Acks); acks != 0 && (i != 2 || b.Acks[0].Fingerprint == "") {
			t.Errorf("%d: %v", i, b.Acks)
		}
		inputs, err := policy.Split(b)
		if err != nil {
			t.Fatal(err)
		}
		for _, in := range inputs {
			state, effects, err := policy.Step(states[in.Group], in, alert.Facts{}, time.Date(2026, 3, 2, 10, 0, i, 0, time.UTC), nil)
			if err != nil {
				t.Fatal(err)
			}
			states[in.Group] = state
			for _, e := range effects {
				did = append(did, fmt.Sprint(i, " ", e.Kind, " ", e.Severity, " ", e.Summary))
			}
		}
	}
	if diff := cmp.Diff([]string{"0 trigger P2 disk full", "4 resolve P2 disk full"}, did); diff != "" {
		t.Errorf("(-want +got):\n%s", diff)
	}
}

func TestEventKeepsWhatItSays(t *testing.T) {
	b, err := pagerduty.ReadEvent([]byte(strings.Replace(good(), `"source"`, `"custom_details": {"free": 3, "list": [1]}, "component": "disk", "new": 1, "source"`, 1)))
	if err != nil || len(b.Alerts) != 1 {
		t.Fatal(b, err)
	}
	a := b.Alerts[0]
	want := map[string]string{"dedup_key": "disk/db1", "detail_free": "3"}
	if diff := cmp.Diff(want, a.Annotations); diff != "" {
		t.Error(diff)
	}
	if a.Labels != sre.LabelsOf(map[string]string{"source": "db1", "component": "disk"}) || len(a.Links) != 3 || a.Group == "" || strings.Contains(fmt.Sprintf("%+v", b), "R1") {
		t.Errorf("%+v", a)
	}
	if len(b.Dropped) != 2 {
		t.Errorf("dropped %v", b.Dropped)
	}
}

func TestTriggerWithoutKeyGetsOne(t *testing.T) {
	body := strings.Replace(good(), `"dedup_key": "disk/db1", `, "", 1)
	first, err := pagerduty.ReadEvent([]byte(body))
	again, _ := pagerduty.ReadEvent([]byte(body))
	if err != nil || first.Alerts[0].Fingerprint != again.Alerts[0].Fingerprint {
		t.Fatal(first, again, err)
	}
	resolve, err := pagerduty.ReadEvent(fmt.Appendf(nil, `{"routing_key": "R1", "event_action": "resolve", "dedup_key": %q}`, first.Alerts[0].Annotations["dedup_key"]))
	if err != nil || resolve.Alerts[0].Fingerprint != first.Alerts[0].Fingerprint {
		t.Error(resolve, err)
	}
}

func TestRefusesBadEvents(t *testing.T) {
	for text, want := range map[string]string{
		`{"event_action": "trigger", "payload": {"summary": "s", "source": "x", "severity": "info"}}`: "routing_key: missing",
		`{"routing_key": "r", "event_action": "resolve"}`:                                             "dedup_key: missing",
		`{"routing_key": "r", "event_action": "explode", "dedup_key": "k"}`:                           "unknown_action",
		`{"routing_key": "r", "event_action": "trigger"}`:                                             "payload: missing",
		`{"routing_key": "r", "event_action": "trigger", "payload": {}}`:                              "payload.summary: missing",
		trigger: "invalid_instant",
	} {
		b, err := pagerduty.ReadEvent([]byte(text))
		if !strings.Contains(fmt.Sprint(err), want) || len(b.Alerts) > 0 {
			t.Errorf("%s: %v, want %s", text, err, want)
		}
	}
	if got := pagerduty.RoutingKey([]byte(trigger)); got != "R1" {
		t.Errorf("routing key %q", got)
	}
	if got := pagerduty.RoutingKey([]byte(`[1`)); got != "" {
		t.Errorf("routing key %q", got)
	}
}

func webhook(kind, status, at string) string {
	return fmt.Sprintf(`{"event": {"id": "e1", "event_type": "incident.%s", "resource_type": "incident", "occurred_at": %q, "agent": {"summary": "Ann"}, "client": null,
		"data": {"id": "PGR0VU2", "type": "incident", "self": "x", "html_url": "http://pd/PGR0VU2", "number": 2, "status": %q, "incident_key": "k", "created_at": "2026-03-02T09:00:00Z",
		"title": "A little bump", "service": {"id": "PF9KMXH", "summary": "API Service"}, "assignees": [], "priority": {"summary": "P1"}, "urgency": "high"}}}`, kind, at, status)
}

// Webhooks may arrive in any order: the instant of the event decides.
func TestWebhooksInAnyOrder(t *testing.T) {
	policy := alert.Policy{GroupWait: alert.AtOnce}.MustCompile()
	var state alert.State
	var did []string
	for i, body := range []string{
		webhook("triggered", "triggered", "2026-03-02T09:00:00Z"),
		webhook("resolved", "resolved", "2026-03-02T09:30:00Z"),
		webhook("acknowledged", "acknowledged", "2026-03-02T09:10:00Z"),
		webhook("reopened", "triggered", "2026-03-02T09:40:00Z"),
	} {
		b, err := pagerduty.ReadWebhook([]byte(body))
		if err != nil || len(b.Alerts) != 1 || len(b.Dropped) > 0 {
			t.Fatal(b, err)
		}
		if i == 2 && (len(b.Acks) != 1 || b.Acks[0].By != "Ann") {
			t.Errorf("acks %v", b.Acks)
		}
		inputs, _ := policy.Split(b)
		var effects []alert.Effect
		state, effects, err = policy.Step(state, inputs[0], alert.Facts{}, time.Date(2026, 3, 2, 10, 0, i, 0, time.UTC), nil)
		if err != nil {
			t.Fatal(err)
		}
		for _, e := range effects {
			did = append(did, fmt.Sprint(i, " ", e.Kind, " ", e.Reason.Code, e.Summary, " ", e.Service))
		}
	}
	want := []string{"0 trigger A little bump PF9KMXH", "1 resolve A little bump PF9KMXH", "2 suppressed out_of_order ", "3 trigger A little bump PF9KMXH"}
	if diff := cmp.Diff(want, did); diff != "" {
		t.Errorf("(-want +got):\n%s", diff)
	}
}

func TestOtherWebhooks(t *testing.T) {
	b, err := pagerduty.ReadWebhook([]byte(`{"event": {"id": "e", "event_type": "pagey.ping", "occurred_at": "2026-03-02T09:00:00Z", "data": {"message": "Hello"}}}`))
	if err != nil || len(b.Alerts)+len(b.Dropped) > 0 {
		t.Error(b, err)
	}
	b, err = pagerduty.ReadWebhook([]byte(`{"event": {"id": "e", "event_type": "service.updated", "occurred_at": "2026-03-02T09:00:00Z", "data": {"type": "service"}}}`))
	if err != nil || len(b.Alerts) > 0 || len(b.Dropped) != 1 {
		t.Error(b, err)
	}
	for _, text := range []string{`{}`, `[]`, `{"event": 7}`, `{"messages": []}`, webhook("triggered", "odd", "2026-03-02T09:00:00Z"), webhook("triggered", "triggered", "now")} {
		if b, err := pagerduty.ReadWebhook([]byte(text)); err == nil || len(b.Alerts) > 0 {
			t.Errorf("%s is read: %v", text, b)
		}
	}
}

func sign(secret, body string) string {
	mac := hmac.New(sha256.New, []byte(secret))
	mac.Write([]byte(body))
	return "v1=" + hex.EncodeToString(mac.Sum(nil))
}

func TestVerify(t *testing.T) {
	const body = "the body"
	for _, c := range []struct {
		name, header string
		secrets      []string
		ok           bool
	}{
		{"right", sign("s", body), []string{"s"}, true},
		{"one of several signatures", "v1=00, " + sign("s", body), []string{"s"}, true},
		{"one of several secrets", sign("s", body), []string{"new", "s"}, true},
		{"another body", sign("s", "other"), []string{"s"}, false},
		{"another secret", sign("x", body), []string{"s"}, false},
		{"no secret", sign("", body), []string{""}, false},
		{"none at all", sign("s", body), nil, false},
		{"no header", "", []string{"s"}, false},
		{"another version", "v0" + sign("s", body)[2:], []string{"s"}, false},
		{"too many", strings.Repeat("v1=00,", 50) + sign("s", body), []string{"s"}, false},
	} {
		t.Run(c.name, func(t *testing.T) {
			if err := pagerduty.Verify([]byte(body), c.header, c.secrets...); (err == nil) != c.ok || err != nil && !errors.Is(err, pagerduty.ErrSignature) {
				t.Errorf("%v, want %t", err, c.ok)
			}
		})
	}
}

func check(t *testing.T, b alert.Batch) {
	policy := alert.Policy{}.MustCompile()
	inputs, err := policy.Split(b)
	if err != nil {
		t.Error("what was read is not valid: ", err)
	}
	for _, in := range inputs {
		if _, _, err := policy.Step(alert.State{}, in, alert.Facts{}, time.Unix(0, 0), nil); err != nil {
			t.Error("what was split is refused: ", err)
		}
	}
}

func FuzzReadEvent(f *testing.F) {
	f.Add([]byte(trigger))
	f.Add([]byte(good()))
	f.Fuzz(func(t *testing.T, data []byte) {
		b, _ := pagerduty.ReadEvent(data)
		check(t, b)
	})
}

func FuzzReadWebhook(f *testing.F) {
	f.Add([]byte(webhook("triggered", "triggered", "2026-03-02T09:00:00Z")))
	f.Fuzz(func(t *testing.T, data []byte) {
		b, _ := pagerduty.ReadWebhook(data)
		check(t, b)
	})
}
