package fromalert_test

import (
	"bytes"
	"encoding/json"
	"fmt"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"pgregory.net/rapid"

	"github.com/sre-sdk/sre"
	"github.com/sre-sdk/sre/incident/fromalert"
	"github.com/sre-sdk/sre/oncall/alert"
	"github.com/sre-sdk/sre/oncall/alert/alertmanager"
)

var epoch = time.Date(2026, 3, 2, 9, 0, 0, 0, time.UTC)

func at(seconds float64) time.Time { return epoch.Add(time.Duration(seconds * float64(time.Second))) }

// message is a webhook as Alertmanager writes it: fields in the order of its
// struct, label names sorted.
func message(alerts ...string) []byte {
	return []byte(`{"receiver":"desk","status":"firing","alerts":[` + strings.Join(alerts, ",") + `],"groupLabels":{"service":"checkout"},` +
		`"commonLabels":{"service":"checkout","severity":"warning"},"commonAnnotations":{"runbook_url":"http://runbook"},"externalURL":"http://alertmanager:9093",` +
		`"version":"4","groupKey":"{}:{service=\"checkout\"}","truncatedAlerts":0}`)
}

func oneAlert(i int, status string) string {
	return fmt.Sprintf(`{"status":%q,"labels":{"alertname":"HighLatency","instance":"10.0.%d.%d:9100","job":"node","service":"service%d","severity":"critical"},`+
		`"annotations":{"description":"the 99th percentile is above 1 s for \"checkout\"","summary":"slow on 10.0.%d.%d"},"startsAt":"2026-03-02T09:00:%02d.123Z","endsAt":"%s",`+
		`"generatorURL":"http://prometheus:9090/graph?g0.expr=up+%%3D%%3D+0\u0026g0.tab=1","fingerprint":"%016x"}`,
		status, i>>8&255, i&255, i%200, i>>8&255, i&255, i%60, map[string]string{"firing": "0001-01-01T00:00:00Z", "resolved": "2026-03-02T09:10:00Z"}[status], uint64(i)*0x9E3779B97F4A7C15)
}

func batchOf(from, n int, status string) []byte {
	list := make([]string, n)
	for i := range list {
		list[i] = oneAlert(from+i, status)
	}
	return message(list...)
}

var policy = fromalert.Policy{ID: "test", Keys: []string{"service", "alertname"}}.MustCompile()

// same compares the decoder with the reader, and reports whether the message was
// accepted at all.
func same(t interface {
	Errorf(string, ...any)
	Helper()
}, d *fromalert.Decoder, data []byte) bool {
	t.Helper()
	b, wantErr := alertmanager.Read(data)
	want := policy.Events(&b, epoch, nil)
	got, dropped, err := d.Decode(data, epoch, nil)
	if diff := cmp.Diff(want, got); diff != "" {
		t.Errorf("%.2000q: (-reader +decoder)\n%s", data, diff)
	}
	if diff := cmp.Diff(b.Dropped, dropped); diff != "" {
		t.Errorf("%.2000q: dropped (-reader +decoder)\n%s", data, diff)
	}
	if diff := cmp.Diff(sre.ProblemsIn(wantErr), sre.ProblemsIn(err)); diff != "" {
		t.Errorf("%.2000q: problems (-reader +decoder)\n%s", data, diff)
	}
	return wantErr == nil
}

func seeds() [][]byte {
	m := string(message(oneAlert(1, "firing"), oneAlert(2, "resolved")))
	list := [][]byte{[]byte(m), batchOf(0, 20, "firing")}
	replace := func(old, with string) {
		if !strings.Contains(m, old) {
			panic(old)
		}
		list = append(list, []byte(strings.Replace(m, old, with, 1)))
	}
	for _, r := range [][2]string{
		{`"receiver":"desk",`, ``}, {`"receiver":"desk"`, `"receiver":7`}, {`"receiver":"desk"`, `"receiver":"d\u00e9sk"`},
		{`"version":"4"`, `"version":"5"`}, {`"version":"4"`, `"version":4`}, {`"version":"4"`, `"version":""`}, {`"version":"4",`, ``},
		{`"truncatedAlerts":0`, `"truncatedAlerts":3`}, {`"truncatedAlerts":0`, `"truncatedAlerts":-1`}, {`"truncatedAlerts":0`, `"truncatedAlerts":00`},
		{`"truncatedAlerts":0`, `"truncatedAlerts":0,"routeLabels":{"a":"b"},"notification_reason":"new","nothing":null`},
		{`"truncatedAlerts":0`, `"truncatedAlerts":0,"x":{"a":1,"a":2}`}, {`"truncatedAlerts":0`, `"truncatedAlerts":0,"x":[1,-2.5e+3,true,null,{}]`},
		{`"truncatedAlerts":0`, `"truncatedAlerts":0,"x":01`}, {`"truncatedAlerts":0`, `"truncatedAlerts":0,"x":tru`}, {`"truncatedAlerts":0`, `"truncatedAlerts":0,"x":1,"x":2`},
		{`"truncatedAlerts":0`, `"truncatedAlerts":0,"orgId":1`}, {`"truncatedAlerts":0`, `"truncatedAlerts":0,"":1`}, {`"truncatedAlerts":0`, `"truncatedAlerts":0,"title":"t"`},
		{`"severity":"critical"`, `"severity":"page"`}, {`"severity":"critical"`, `"priority":"P2"`}, {`"service":"service1"`, `"service":"my service"`},
		{`"alertname":"HighLatency",`, `"alertname":"",`}, {`"job":"node"`, `"job":"node","job":"b"`}, {`"job":"node"`, `"a":"node","job":"b"`}, {`"job":"node"`, `"job":7`}, {`"job":"node"`, `"job":null`},
		{`"job":"node"`, `"job":"\u0000"`}, {`"job":"node"`, `"":"x"`}, {`"job":"node"`, `"job":"\ud800"`}, {`"job":"node"`, `"j\u006fb":"x\ty"`}, {`"job":"node"`, `"job":"` + "\t" + `"`},
		{`"job":"node"`, `"job":"` + strings.Repeat("x", 5000) + `"`},
		{`"status":"firing","labels"`, `"status":"odd","labels"`}, {`"status":"firing","labels"`, `"labels"`}, {`"status":"firing","alerts"`, `"status":"","alerts"`},
		{`"startsAt":"2026-03-02T09:00:01.123Z"`, `"startsAt":"yesterday"`}, {`"startsAt":"2026-03-02T09:00:01.123Z"`, `"startsAt":""`}, {`"startsAt":"2026-03-02T09:00:01.123Z"`, `"startsAt":"2026-03-02T10:00:01+01:00"`},
		{`"startsAt":"2026-03-02T09:00:01.123Z"`, `"startsAt":"9999-12-31T23:59:59-01:00"`}, {`"startsAt":"2026-03-02T09:00:01.123Z",`, ``},
		{`"summary":"slow on 10.0.0.1"`, `"summary":"` + strings.Repeat("very  slow ", 100) + `"`}, {`"summary":"slow on 10.0.0.1"`, `"summary":["x"]`}, {`"summary":"slow on 10.0.0.1"`, `"summary":"a","summary":"b"`},
		{`"summary":"slow on 10.0.0.1"`, `"summary":"","dashboard":"` + strings.Repeat("x", 17000) + `"`}, {`"summary":"slow on 10.0.0.1"`, `"runbook_url":"` + strings.Repeat("x", 600) + `"`},
		{`"generatorURL":"http`, `"generatorURL":"` + strings.Repeat("x", 600) + `http`}, {`"generatorURL":"http`, `"silenceURL":"http://x","generatorURL":"http`},
		{`"fingerprint":"9e3779b97f4a7c15"`, `"fingerprint":""`}, {`"fingerprint":"9e3779b97f4a7c15"`, `"fingerprint":"a b"`}, {`,"fingerprint":"9e3779b97f4a7c15"`, ``}, {`"fingerprint":"9e3779b97f4a7c15"`, `"fingerprint":"a","new":{"x":[1]},"newer":null,"b":1`},
		{`"alerts":[`, `"alerts":[7,`}, {`"alerts":[`, `"alerts":[{},`}, {`"alerts":[`, `"alerts":[null,`}, {`"alerts":[`, `"alerts":[],"alerts":[`}, {`"alerts":[`, `"alerts":[[`}, {`"groupKey":"{}`, `"groupKey":"` + strings.Repeat("x", 600)},
		{`"groupLabels":{"service":"checkout"}`, `"groupLabels":{"service":""}`}, {`"groupLabels":{"service":"checkout"},`, ``}, {`"groupLabels":{"service":"checkout"}`, `"groupLabels":null`}, {`"commonAnnotations":{`, `"commonAnnotations":[1,{"a":{`},
		{`{"receiver"`, " \n\t{ \"receiver\""}, {`{"receiver"`, `[{"receiver"`}, {`"truncatedAlerts":0}`, `"truncatedAlerts":0} {}`}, {`"truncatedAlerts":0}`, `"truncatedAlerts":0,}`}, {`"truncatedAlerts":0}`, `"truncatedAlerts":0} `}, {`desk`, "\xff"}, {`desk`, "\ufeff"},
	} {
		replace(r[0], r[1])
	}
	for i := range len(m) { // cut anywhere
		if i%7 == 0 {
			list = append(list, []byte(m[:i]))
		}
	}
	list = append(list, message(), []byte(`{}`), []byte(`null`), nil, bytes.Repeat([]byte("["), 200), bytes.Repeat([]byte(" "), alert.MaxBytes+1))
	return list
}

func TestDecoderAgreesWithTheReader(t *testing.T) {
	d := policy.NewDecoder()
	accepted := 0
	for _, data := range seeds() {
		if same(t, d, data) {
			accepted++
		}
	}
	t.Logf("%d messages agree, of which %d are accepted", len(seeds()), accepted)
	if accepted < 20 {
		t.Errorf("only %d messages were accepted", accepted)
	}
}

// Random damage and random rearrangement: the decoder and the reader never differ.
func TestLawDecoderAgreesWithTheReader(t *testing.T) {
	all := seeds()[:70]
	pieces := []string{`"`, `\`, `,`, `:`, `{`, `}`, `[`, `]`, `null`, `0`, `-`, `1e9`, ` `, `"a":"b"`, `"severity":"x"`, `\u0041`, `\ud83d\ude00`, "é", "\x00", "\x80", `"status":"resolved"`, `""`}
	d := policy.NewDecoder()
	rapid.Check(t, func(t *rapid.T) {
		data := append([]byte(nil), rapid.SampledFrom(all).Draw(t, "message")...)
		for range rapid.IntRange(1, 4).Draw(t, "damages") {
			from := rapid.IntRange(0, len(data)).Draw(t, "from")
			to := min(len(data), from+rapid.IntRange(0, 12).Draw(t, "cut"))
			piece := rapid.SampledFrom(append(pieces, string(data[from:to]))).Draw(t, "piece")
			data = append(append(append([]byte(nil), data[:from]...), piece...), data[to:]...)
		}
		same(t, d, data)
	})
}

func FuzzDecode(f *testing.F) {
	for _, data := range seeds() {
		if len(data) < 10_000 {
			f.Add(data)
		}
	}
	d := policy.NewDecoder()
	f.Fuzz(func(t *testing.T, data []byte) { same(t, d, data) })
}

// What Alertmanager sends is read without the reader: an alert costs its
// fingerprint and nothing else.
func TestDecoderAllocatesTheFingerprintOnly(t *testing.T) {
	plain := bytes.ReplaceAll(batchOf(0, 100, "firing"), []byte(`\"checkout\"","summary`), []byte(`checkout","summary`))
	plain = bytes.ReplaceAll(plain, []byte(`\u0026`), []byte(`&`))
	d := policy.NewDecoder()
	events, _, err := d.Decode(plain, epoch, nil)
	if err != nil || len(events) != 101 {
		t.Fatal(len(events), err)
	}
	n := testing.AllocsPerRun(10, func() { events, _, _ = d.Decode(plain, epoch, events[:0]) })
	t.Logf("%.2f allocations for each of 100 alerts", n/100)
	if n > 150 {
		t.Errorf("%v allocations for 100 alerts, want about one each", n)
	}
}

func perAlert(b *testing.B, n int) {
	b.ReportMetric(float64(b.Elapsed().Nanoseconds())/float64(b.N)/float64(n), "ns/alert")
}

// wire is Alertmanager's webhook as encoding/json decodes it.
type wire struct {
	Version, GroupKey, Status, Receiver, ExternalURL string
	TruncatedAlerts                                  int
	GroupLabels, CommonLabels, CommonAnnotations     map[string]string
	Alerts                                           []struct {
		Status, GeneratorURL, Fingerprint string
		Labels, Annotations               map[string]string
		StartsAt, EndsAt                  time.Time
	}
}

// The rival: decoding alone, without a decision.
func BenchmarkEncodingJSON(b *testing.B) {
	data := batchOf(0, 100, "firing")
	b.SetBytes(int64(len(data)))
	b.ReportAllocs()
	for b.Loop() {
		var w wire
		if err := json.Unmarshal(data, &w); err != nil || len(w.Alerts) != 100 {
			b.Fatal(err)
		}
	}
	perAlert(b, 100)
}

// The other reader of this repository.
func BenchmarkReader(b *testing.B) {
	data := batchOf(0, 100, "firing")
	b.SetBytes(int64(len(data)))
	b.ReportAllocs()
	for b.Loop() {
		if _, err := alertmanager.Read(data); err != nil {
			b.Fatal(err)
		}
	}
	perAlert(b, 100)
}

// From JSON to decision: each message fires or resolves 100 alerts of 20,000.
func BenchmarkJSONToDecision(b *testing.B) {
	p := fromalert.Policy{ID: "bench", Keys: []string{"service", "alertname"}, Lateness: fromalert.None}.MustCompile()
	d := p.NewDecoder()
	var messages [][]byte
	for _, status := range []string{"firing", "resolved"} {
		for i := range 200 {
			messages = append(messages, batchOf(i*100, 100, status))
		}
	}
	var s fromalert.State
	var events []fromalert.Event
	var out []fromalert.Decision
	n := 0
	b.SetBytes(int64(len(messages[0])))
	b.ReportAllocs()
	for b.Loop() {
		var err error
		if events, _, err = d.Decode(messages[n%len(messages)], at(600), events[:0]); err != nil {
			b.Fatal(err)
		}
		if out = p.Step(&s, events, nil, at(1000+float64(n)), out[:0]); len(out) < 101 {
			b.Fatal(len(out))
		}
		n++
	}
	perAlert(b, 100)
}
