package e2e_test

import (
	"bytes"
	"encoding/json"
	"fmt"
	"io"
	"net/http"
	"net/http/httptest"
	"slices"
	"sync"
	"testing"
	"time"

	"github.com/sre-sdk/sre"
	"github.com/sre-sdk/sre/incident"
	"github.com/sre-sdk/sre/incident/fromalert"
	"github.com/sre-sdk/sre/oncall/alert/alertmanager"
)

// A storm through a real Alertmanager, in groups as it makes them: no alert is
// lost, and each incident has one set of deadlines.
func TestAlertmanagerStormLosesNoAlert(t *testing.T) {
	const alerts, services = 20_000, 100
	p := fromalert.Policy{ID: "storm", Keys: []string{"service"}, Lateness: fromalert.None}.MustCompile()
	rules := incident.Policy{ID: "rules"}.MustCompile()
	by := sre.Actor{Kind: sre.Service, ID: "fromalert"}

	var (
		mu       sync.Mutex
		state    fromalert.State
		decoder  = p.NewDecoder()
		states   = map[string]*incident.State{}
		linked   = map[string]string{}
		messages int
	)
	desk := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		data, err := io.ReadAll(r.Body)
		mu.Lock()
		defer mu.Unlock()
		now := time.Now()
		events, dropped, problems := decoder.Decode(data, now, nil)
		want, wantErr := alertmanager.Read(data)
		if err != nil || problems != nil || wantErr != nil || len(dropped) != len(want.Dropped) || !slices.Equal(p.Events(&want, now, nil), events) {
			t.Errorf("the decoder differs from the reader: %v, %v, %v, %v", err, problems, wantErr, dropped)
		}
		messages++
		for _, d := range p.Step(&state, events, nil, now, nil) {
			for _, request := range d.Requests(p, by) {
				v := states[d.Incident]
				if v == nil {
					v = &incident.State{}
					states[d.Incident] = v
				}
				made, err := rules.Handle(v, request, now)
				if err != nil {
					t.Error(err)
				}
				for i := range made {
					v.Apply(&made[i])
				}
			}
			if d.Kind != fromalert.Ignore && d.Kind != fromalert.Quiet {
				for _, a := range append(d.More, d.Alert) {
					linked[a] = d.Incident
				}
			}
		}
	}))
	defer desk.Close()
	base := startAlertmanager(t, desk.URL, "token") // which groups by alertname

	post := func(ends time.Time) {
		t.Helper()
		type posted struct {
			Labels       map[string]string `json:"labels"`
			Annotations  map[string]string `json:"annotations"`
			StartsAt     time.Time         `json:"startsAt"`
			EndsAt       time.Time         `json:"endsAt"`
			GeneratorURL string            `json:"generatorURL"`
		}
		const each = 1000
		for i := 0; i < alerts; i += each {
			var list []posted
			for k := i; k < i+each; k++ {
				list = append(list, posted{
					Labels:       map[string]string{"alertname": fmt.Sprint("Down", k%services), "instance": fmt.Sprint("host", k), "service": fmt.Sprint("service", k%services), "severity": "critical"},
					Annotations:  map[string]string{"summary": fmt.Sprintf("host %d does not answer: \"no route\" <1>", k)},
					StartsAt:     stormBegan,
					EndsAt:       ends,
					GeneratorURL: "http://prometheus/graph?g0.expr=up&g0.tab=1",
				})
			}
			body, err := json.Marshal(list)
			if err != nil {
				t.Fatal(err)
			}
			resp, err := http.Post(base+"/api/v2/alerts", "application/json", bytes.NewReader(body))
			if err != nil {
				t.Fatal(err)
			}
			resp.Body.Close()
			if resp.StatusCode != http.StatusOK {
				t.Fatal(resp.Status)
			}
		}
	}
	known := func() int {
		mu.Lock()
		defer mu.Unlock()
		return len(linked)
	}
	post(time.Now().Add(time.Hour))
	poll(t, "20,000 alerts", func() bool { return known() == alerts })

	mu.Lock()
	if len(states) != services {
		t.Errorf("%d incidents for %d services", len(states), services)
	}
	for id, v := range states {
		if n := len(v.Alerts) + v.MoreAlerts; n != alerts/services {
			t.Errorf("%s has %d alerts, want %d", id, n, alerts/services)
		}
		duties := map[string]bool{}
		for _, o := range rules.Obligations(v, time.Now()) {
			duty := fmt.Sprint(o.Duty, o.Audience, o.Number)
			if duties[duty] {
				t.Errorf("%s owes %s twice", id, duty)
			}
			duties[duty] = true
		}
	}
	t.Logf("%d alerts in %d messages are in %d incidents", alerts, messages, len(states))
	mu.Unlock()

	// All of them end: each incident is quiet.
	post(time.Now())
	poll(t, "all incidents to be quiet", func() bool {
		mu.Lock()
		defer mu.Unlock()
		for a := range linked {
			if m, ok := state.Member(a); !ok || m.Firing {
				return false
			}
		}
		return true
	})
}

var stormBegan = time.Now().Add(-time.Minute).Truncate(time.Second)
