package cloudevents_test

import (
	"fmt"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/sre-sdk/sre"
	"github.com/sre-sdk/sre/oncall/alert"
	"github.com/sre-sdk/sre/oncall/alert/cloudevents"
)

func Example() {
	batch, err := cloudevents.Read([]byte(`{
		"specversion": "1.0", "id": "17", "source": "/probes/berlin", "type": "com.example.probe.failed", "subject": "checkout",
		"time": "2026-03-02T09:00:00Z", "severity": "P2", "data": {"summary": "checkout does not answer", "service": "checkout"}}`),
		cloudevents.Mapping{Types: []cloudevents.Types{{Firing: "com.example.probe.failed", Resolved: "com.example.probe.passed"}}})
	fmt.Println(err)
	for _, a := range batch.Alerts {
		fmt.Println(a.Status, a.Severity, a.Service, a.Summary, a.Labels)
	}
	// Output:
	// <nil>
	// firing P2 checkout checkout does not answer {severity="P2", source="/probes/berlin", subject="checkout", type="com.example.probe.failed"}
}

var types = cloudevents.Mapping{Types: []cloudevents.Types{{Firing: "down", Resolved: "up"}}}

func TestBothEventsOfAnAlertAreOne(t *testing.T) {
	b, err := cloudevents.Read([]byte(`[
		{"specversion": "1.0", "id": "1", "source": "s", "type": "down", "subject": "a", "time": "2026-03-02T09:00:00Z"},
		{"specversion": "1.0", "id": "2", "source": "s", "type": "up", "subject": "a", "time": "2026-03-02T09:01:00Z"},
		{"specversion": "1.0", "id": "3", "source": "s", "type": "other", "subject": "a"}]`), types)
	if err != nil || len(b.Alerts) != 2 || len(b.Dropped) != 1 || b.Dropped[0].Code != "not_an_alert" {
		t.Fatal(b, err)
	}
	down, up := b.Alerts[0], b.Alerts[1]
	if down.Fingerprint != up.Fingerprint || down.Group != up.Group || down.Status != alert.Firing || up.Status != alert.Resolved || !up.Observed.Equal(down.Observed.Add(time.Minute)) {
		t.Errorf("%+v\n%+v", down, up)
	}
}

func TestBinaryModeSaysTheSame(t *testing.T) {
	structured, err := cloudevents.Read([]byte(`{"specversion": "1.0", "id": "1", "source": "s", "type": "probe", "subject": "Grüße \"x\"", "datacontenttype": "application/json", "team": "db",
		"data": {"status": "firing", "labels": {"host": "a"}, "new": 1}}`), cloudevents.Mapping{})
	if err != nil {
		t.Fatal(err)
	}
	binary, err := cloudevents.ReadBinary(map[string][]string{
		"Ce-Specversion": {"1.0"}, "Ce-Id": {"1"}, "Ce-Source": {"s"}, "ce-type": {`"probe"`}, "CE-Subject": {"Gr%C3%BC%C3%9Fe %22x%22"}, "Ce-Team": {"db"},
		"Content-Type": {"application/json"}, "User-Agent": {"x", "y"},
	}, []byte(`{"status": "firing", "labels": {"host": "a"}, "new": 1}`), cloudevents.Mapping{})
	if err != nil {
		t.Fatal(err)
	}
	equal := cmp.Comparer(func(a, b sre.Labels) bool { return a == b })
	if diff := cmp.Diff(structured.Alerts, binary.Alerts, equal); diff != "" {
		t.Errorf("(-structured +binary):\n%s", diff)
	}
	if len(structured.Dropped) != 1 || structured.Dropped[0].Path != "data.new" {
		t.Errorf("dropped %v", structured.Dropped)
	}
}

func TestRefusesBadEvents(t *testing.T) {
	event := func(more string) string {
		return `{"specversion": "1.0", "id": "1", "source": "s", "type": "down", "subject": "a"` + more + `}`
	}
	for text, want := range map[string]string{
		`7`:                             "wrong_type",
		`[7]`:                           "wrong_type",
		`{}`:                            "specversion: missing",
		event(`, "specversion": "0.3"`): "duplicate",
		`{"specversion": "0.3", "id": "1", "source": "s", "type": "down"}`: "unsupported_version",
		`{"specversion": "1.0", "id": "1", "source": "s", "type": "down"}`: "subject: missing",
		event(`, "time": "noon"`):                    "invalid_instant",
		event(`, "data": {}, "data_base64": "e30="`): "contradiction",
		event(`, "data_base64": "!"`):                "invalid_base64",
	} {
		b, err := cloudevents.Read([]byte(text), types)
		if !strings.Contains(fmt.Sprint(err), want) || len(b.Alerts) > 0 {
			t.Errorf("%s: %v, want %s", text, err, want)
		}
	}
	if _, err := cloudevents.Read([]byte(event(``)), cloudevents.Mapping{}); !strings.Contains(fmt.Sprint(err), "unknown_status") {
		t.Errorf("without a status: %v", err)
	}
	for name, header := range map[string]map[string][]string{
		"missing": nil, "wrong_count": {"ce-id": {"1", "2"}}, "invalid_encoding": {"ce-id": {"%zz"}},
	} {
		if _, err := cloudevents.ReadBinary(header, nil, types); !strings.Contains(fmt.Sprint(err), name) {
			t.Errorf("%v: %v", header, err)
		}
	}
}

// An extension that is not named as it should be does not cost the page.
func TestBadExtensionsAreDropped(t *testing.T) {
	b, err := cloudevents.Read([]byte(`{"specversion": "1.0", "id": "1", "source": "s", "type": "down", "subject": "a", "my_team": "db", "list": [1]}`), types)
	if err != nil || len(b.Alerts) != 1 || len(b.Dropped) != 2 {
		t.Error(b, err)
	}
}

func TestDataInBase64(t *testing.T) {
	b, err := cloudevents.Read([]byte(`{"specversion": "1.0", "id": "1", "source": "s", "type": "down", "subject": "a", "data_base64": "eyJzdW1tYXJ5IjogImhpIn0="}`), types)
	if err != nil || len(b.Alerts) != 1 || b.Alerts[0].Summary != "hi" {
		t.Error(b, err)
	}
}

func FuzzRead(f *testing.F) {
	f.Add([]byte(`[{"specversion": "1.0", "id": "1", "source": "s", "type": "down", "subject": "a", "time": "2026-03-02T09:00:00Z", "data": {"labels": {"a": "b"}}}]`), "x", "%20")
	f.Fuzz(func(t *testing.T, data []byte, name, value string) {
		policy := alert.Policy{}.MustCompile()
		a, _ := cloudevents.Read(data, types)
		b, _ := cloudevents.ReadBinary(map[string][]string{"ce-id": {"1"}, "ce-specversion": {"1.0"}, "ce-source": {value}, "ce-type": {"down"}, "ce-subject": {value}, "ce-" + name: {value}}, data, types)
		for _, batch := range []alert.Batch{a, b} {
			inputs, err := policy.Split(batch)
			if err != nil {
				t.Error("what was read is not valid: ", err)
			}
			for _, in := range inputs {
				if _, _, err := policy.Step(alert.State{}, in, alert.Facts{}, time.Unix(0, 0), nil); err != nil {
					t.Error("what was split is refused: ", err)
				}
			}
		}
	})
}
