package alertmanager_test

import (
	"fmt"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/sre-sdk/sre"
	"github.com/sre-sdk/sre/oncall/alert"
	"github.com/sre-sdk/sre/oncall/alert/alertmanager"
)

var labelsEqual = cmp.Comparer(func(a, b sre.Labels) bool { return a == b })

const webhook = `{
	"version": "4", "groupKey": "{}:{alertname=\"Disk\"}", "truncatedAlerts": 2, "status": "resolved", "receiver": "pager",
	"groupLabels": {"alertname": "Disk"}, "commonLabels": {"alertname": "Disk", "severity": "warning"}, "commonAnnotations": {},
	"externalURL": "http://am", "notificationReason": "new", "alerts": [
		{"status": "resolved", "labels": {"alertname": "Disk", "host": "a", "severity": "warning", "service": "db"}, "annotations": {"summary": "full"},
		 "startsAt": "2026-03-02T09:00:00.5Z", "endsAt": "2026-03-02T09:30:00Z", "generatorURL": "http://prom/graph", "fingerprint": "0123456789abcdef"},
		{"status": "firing", "labels": {"alertname": "Disk", "host": "b", "severity": "page", "service": "my db"},
		 "startsAt": "2026-03-02T10:00:00+01:00", "endsAt": "0001-01-01T00:00:00Z"}]}`

func TestReadsAlertmanager(t *testing.T) {
	b, err := alertmanager.Read([]byte(webhook))
	if err != nil {
		t.Fatal(err)
	}
	nine := time.Date(2026, 3, 2, 9, 0, 0, 0, time.UTC)
	labelsB := sre.LabelsOf(map[string]string{"alertname": "Disk", "host": "b", "severity": "page", "service": "my db"})
	want := alert.Batch{
		GroupKey: `alertmanager pager http://am {}:{alertname="Disk"}`, GroupLabels: sre.LabelsOf(map[string]string{"alertname": "Disk"}),
		Status: alert.Resolved, Truncated: 2, Severity: 3,
		Alerts: []alert.Alert{
			{Fingerprint: "0123456789abcdef", Status: alert.Resolved, Severity: 3, Service: "db", Summary: "full", Source: "alertmanager",
				Labels:      sre.LabelsOf(map[string]string{"alertname": "Disk", "host": "a", "severity": "warning", "service": "db"}),
				Annotations: map[string]string{"summary": "full"}, Links: []alert.Link{{Text: "source", URL: "http://prom/graph"}},
				Starts: nine.Add(time.Second / 2), Ends: nine.Add(30 * time.Minute)},
			{Fingerprint: alert.Fingerprint(labelsB), Status: alert.Firing, Summary: "Disk", Source: "alertmanager", Labels: labelsB, Starts: nine},
		},
		Dropped: []sre.Problem{
			{Path: "alerts[1].labels.severity", Code: "unknown_severity", Value: "page", Want: "unknown, which counts as the worst"},
			{Path: "alerts[1].labels.service", Code: "invalid_id", Value: "my db", Want: "no service; the label stays"},
			{Path: "notificationReason", Code: "unknown_field", Want: "nothing: this reader does not know the field"},
		},
	}
	if diff := cmp.Diff(want, b, labelsEqual); diff != "" {
		t.Errorf("(-want +got):\n%s", diff)
	}
}

// The group says resolved and leaves alerts out: only what is listed is resolved.
func TestTruncatedNeverMeansAllResolved(t *testing.T) {
	b, err := alertmanager.Read([]byte(webhook))
	if err != nil {
		t.Fatal(err)
	}
	if a, ok := b.Unlisted(); !ok || a.Status != alert.Firing || a.Severity != 3 {
		t.Errorf("what is left out is %+v", a)
	}
	b, err = alertmanager.Read([]byte(strings.Replace(webhook, `"truncatedAlerts": 2`, `"truncatedAlerts": 0`, 1)))
	if err != nil {
		t.Fatal(err)
	}
	if a, ok := b.Unlisted(); !ok || a.Status != alert.Resolved {
		t.Errorf("nothing is left out, and that is %+v", a)
	}
}

// The values are those of LabelSet.Fingerprint of prometheus/common v0.72.1.
func TestFingerprintIsThatOfPrometheus(t *testing.T) {
	for want, labels := range map[string]map[string]string{
		"cbf29ce484222325": {},
		"73dbeed5635ea4e4": {"alertname": "HighLatency"},
		"e14dd1538afd387c": {"alertname": "Disk", "host": "b", "severity": "page", "service": "my db"},
	} {
		if got := alert.Fingerprint(sre.LabelsOf(labels)); got != want {
			t.Errorf("%v: %s, want %s", labels, got, want)
		}
	}
}

func TestReadsGrafana(t *testing.T) {
	b, err := alertmanager.Read([]byte(`{
		"receiver": "hook", "status": "firing", "orgId": 1, "version": "1", "groupKey": "{}:{}", "truncatedAlerts": 0, "title": "t", "state": "alerting", "message": "m",
		"groupLabels": {}, "commonLabels": {}, "commonAnnotations": {}, "externalURL": "http://grafana/", "alerts": [
			{"status": "firing", "labels": {"alertname": "High memory", "priority": "P2"}, "annotations": {"description": "too high", "runbook_url": "http://runbook"},
			 "startsAt": "2026-03-02T09:51:03.157076+02:00", "endsAt": "0001-01-01T00:00:00Z", "generatorURL": "http://g/edit", "fingerprint": "c6eadffa33fcdf37",
			 "silenceURL": "http://g/silence", "dashboardURL": "", "panelURL": "http://g/panel", "values": {"B": 44.23943737541908, "C": 1}, "valueString": "[ value=44 ]"}]}`))
	if err != nil || len(b.Dropped) > 0 || len(b.Alerts) != 1 {
		t.Fatal(b, err)
	}
	want := alert.Alert{Fingerprint: "c6eadffa33fcdf37", Status: alert.Firing, Severity: 2, Summary: "too high", Source: "grafana",
		Labels:      sre.LabelsOf(map[string]string{"alertname": "High memory", "priority": "P2"}),
		Annotations: map[string]string{"description": "too high", "runbook_url": "http://runbook", "value_B": "44.23943737541908", "value_C": "1", "value_string": "[ value=44 ]"},
		Links:       []alert.Link{{Text: "source", URL: "http://g/edit"}, {Text: "panel", URL: "http://g/panel"}, {Text: "silence", URL: "http://g/silence"}, {Text: "runbook", URL: "http://runbook"}},
		Starts:      time.Date(2026, 3, 2, 7, 51, 3, 157076000, time.UTC)}
	if diff := cmp.Diff(want, b.Alerts[0], labelsEqual); diff != "" {
		t.Errorf("(-want +got):\n%s", diff)
	}
}

// One bad alert is reported, with all that is wrong, and the others still page.
func TestBadAlertsDoNotTakeTheOthersAlong(t *testing.T) {
	b, err := alertmanager.Read([]byte(`{"version": "4", "groupKey": "k", "status": "firing", "alerts": [
		{"status": "odd", "labels": {"a": 1}, "startsAt": "yesterday"}, {"status": "firing", "labels": {"a": "b"}}, 7, {"status": "firing", "labels": {}}]}`))
	if len(b.Alerts) != 1 || b.Alerts[0].Labels.Get("a") != "b" {
		t.Errorf("alerts %+v", b.Alerts)
	}
	if a, ok := b.Unlisted(); !ok || a.Status != alert.Firing || b.Truncated != 3 {
		t.Errorf("of those that could not be read, %d, nothing pages: %+v", b.Truncated, a)
	}
	var codes []string
	for _, p := range sre.ProblemsIn(err) {
		codes = append(codes, p.Path+" "+p.Code)
	}
	want := []string{"alerts[0].labels.a wrong_type", "alerts[0].status unknown_status", "alerts[0].startsAt invalid_instant", "alerts[0] missing", "alerts[0].status unknown_status", "alerts[2] wrong_type", "alerts[3] missing"}
	if diff := cmp.Diff(want, codes); diff != "" {
		t.Errorf("(-want +got):\n%s", diff)
	}
}

func TestRefusesWhatIsNoWebhook(t *testing.T) {
	for text, want := range map[string]string{
		``: "invalid_json", `[]`: "wrong_type", `null`: "wrong_type", `{} {}`: "invalid_json", `{"version": "5"}`: "unsupported_version",
		`{"version": "4", "version": "4"}`: "duplicate", "{\"version\": \"\xff\"}": "invalid_utf8", strings.Repeat("[", 100): "invalid_json",
		strings.Repeat(" ", alert.MaxBytes+1): "too_large", `{"version": "4", "truncatedAlerts": -1}`: "out_of_range", `{}`: "missing",
	} {
		b, err := alertmanager.Read([]byte(text))
		if !strings.Contains(fmt.Sprint(err), want) || len(b.Alerts) > 0 {
			t.Errorf("%.40q: %v, want %s", text, err, want)
		}
	}
}

// What cannot be read is no sign that nothing is left out; a resolve that cannot
// be read is none that something fires.
func TestWhatCannotBeReadMayFire(t *testing.T) {
	for fields, want := range map[string]int{
		`"truncatedAlerts": "two", "alerts": []`: 1, `"truncatedAlerts": 99999999999, "alerts": []`: 1, `"truncatedAlerts": 2, "alerts": []`: 2,
		`"alerts": [{"status": "resolved", "labels": {}}]`: 0, `"truncatedAlerts": 2, "alerts": [{"status": "firing", "labels": {}}]`: 3,
	} {
		if b, _ := alertmanager.Read([]byte(`{"version": "4", "groupKey": "k", "status": "firing", ` + fields + `}`)); b.Truncated != want {
			t.Errorf("%s: %d left out, want %d", fields, b.Truncated, want)
		}
	}
}

func TestTextsAreCutAndThatIsSaid(t *testing.T) {
	long := strings.Repeat("ä", 20000)
	b, err := alertmanager.Read(fmt.Appendf(nil, `{"version": "4", "groupKey": "k", "status": "firing", "alerts": [
		{"status": "firing", "labels": {"a": "b"}, "annotations": {"summary": %q, "short": "x"}, "generatorURL": %q}]}`, long, long))
	if err != nil || len(b.Alerts) != 1 || len(b.Dropped) != 3 {
		t.Fatal(b, err)
	}
	if a := b.Alerts[0]; len(a.Summary) > alert.MaxSummary || len(a.Annotations) != 1 || len(a.Links) != 0 {
		t.Errorf("%+v", a)
	}
}

func FuzzRead(f *testing.F) {
	f.Add([]byte(webhook))
	f.Add([]byte(`{"version": "1", "orgId": 1, "groupKey": "k", "status": "firing", "alerts": [{"status": "firing", "labels": {"a": "b"}, "values": {"B": 1}}]}`))
	f.Fuzz(func(t *testing.T, data []byte) {
		b, err := alertmanager.Read(data)
		if err == nil && b.Status == alert.StatusUnknown {
			t.Error("a group without status")
		}
		policy := alert.Policy{GroupWait: alert.AtOnce}.MustCompile()
		inputs, err := policy.Split(b)
		if err != nil && len(b.GroupLabels.String()) < alert.MaxLabelBytes {
			t.Error("what was read is not valid: ", err)
		}
		for _, in := range inputs {
			if _, _, err := policy.Step(alert.State{}, in, alert.Facts{}, time.Unix(0, 0), nil); err != nil {
				t.Error("what was split is refused: ", err)
			}
		}
	})
}
