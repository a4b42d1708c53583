package alert_test

import (
	"fmt"
	"testing"
	"time"

	"github.com/sre-sdk/sre"
	"github.com/sre-sdk/sre/oncall/alert"
)

// Each benchmark reports nanoseconds per alert. Alertmanager takes 1.2 to 2.2 µs
// per alert to dispatch it (prometheus/alertmanager, pull requests 4551, 4552).

const perBatch = 64

func benchPolicy() *alert.Compiled {
	return alert.Policy{
		Throttles:   []alert.Throttle{{Name: "few", Max: 5, Per: time.Hour}},
		Flap:        &alert.Flap{Transitions: 6, Within: time.Hour, Quiet: 10 * time.Minute},
		Inhibitions: []alert.Inhibition{{Name: "rack", Source: alert.MustMatchers(`alertname="RackDown"`), Target: alert.MustMatchers(`severity!="critical"`), Equal: []string{"rack"}}},
	}.MustCompile()
}

func benchFacts() alert.Facts {
	f := alert.Facts{SilencesAsOf: epoch, SourcesAsOf: epoch}
	for i := range 5 {
		f.Silences = append(f.Silences, alert.Silence{ID: fmt.Sprint(i), Matchers: alert.MustMatchers(fmt.Sprintf(`host="other%d", alertname=~"Disk.*"`, i)), Start: epoch, End: sec(3600)})
	}
	return f
}

func benchAlerts(status alert.Status) []alert.Alert {
	list := make([]alert.Alert, perBatch)
	for i := range list {
		labels := sre.LabelsOf(map[string]string{"alertname": "DiskFull", "host": fmt.Sprintf("host%d", i), "rack": fmt.Sprint(i % 8), "severity": "warning", "service": "db"})
		list[i] = alert.Alert{Fingerprint: alert.Fingerprint(labels), Status: status, Severity: 3, Labels: labels, Service: "db", Summary: "the disk is full", Starts: sec(-60)}
	}
	return list
}

func perAlert(b *testing.B) {
	b.ReportMetric(float64(b.Elapsed().Nanoseconds())/float64(b.N)/perBatch, "ns/alert")
}

// A group appears, waits and pages: two steps for each alert.
func BenchmarkStepNew(b *testing.B) {
	policy, facts, in := benchPolicy(), benchFacts(), alert.Input{Group: "g", Alerts: benchAlerts(alert.Firing)}
	var out []alert.Effect
	b.ReportAllocs()
	for b.Loop() {
		state, effects, err := policy.Step(alert.State{}, in, facts, epoch, out[:0])
		if err == nil {
			_, out, err = policy.Step(state, alert.Input{}, facts, sec(30), effects)
		}
		if err != nil || len(out) != 1 {
			b.Fatal(out, err)
		}
	}
	perAlert(b)
}

// The same webhook comes again, as it does most of the time.
func BenchmarkStepResend(b *testing.B) {
	policy, facts, in := benchPolicy(), benchFacts(), alert.Input{Group: "g", Alerts: benchAlerts(alert.Firing)}
	state, _, _ := policy.Step(alert.State{}, in, facts, epoch, nil)
	state, _, _ = policy.Step(state, alert.Input{}, facts, sec(30), nil)
	b.ReportAllocs()
	for b.Loop() {
		if _, out, err := policy.Step(state, in, facts, sec(60), nil); err != nil || len(out) > 0 {
			b.Fatal(out, err)
		}
	}
	perAlert(b)
}

// Everything resolves.
func BenchmarkStepResolve(b *testing.B) {
	policy, facts, in := benchPolicy(), benchFacts(), alert.Input{Group: "g", Alerts: benchAlerts(alert.Firing)}
	state, _, _ := policy.Step(alert.State{}, in, facts, epoch, nil)
	state, _, _ = policy.Step(state, alert.Input{}, facts, sec(30), nil)
	in.Alerts = benchAlerts(alert.Resolved)
	var out []alert.Effect
	b.ReportAllocs()
	for b.Loop() {
		var err error
		if _, out, err = policy.Step(state, in, facts, sec(60), out[:0]); err != nil || len(out) != 1 {
			b.Fatal(out, err)
		}
	}
	perAlert(b)
}

// naive is what one writes first: a map of maps for each alert, every matcher of
// every silence and inhibition for every alert, and a copy of the whole for each
// message.
func BenchmarkNaiveNew(b *testing.B) {
	alerts, facts := benchAlerts(alert.Firing), benchFacts()
	source, target := alert.MustMatchers(`alertname="RackDown"`), alert.MustMatchers(`severity!="critical"`)
	b.ReportAllocs()
	for b.Loop() {
		known := map[string]map[string]string{}
		paged := 0
		for _, a := range alerts { // one at a time, as they are taken in
			next := make(map[string]map[string]string, len(known)+1)
			for f, labels := range known {
				next[f] = labels
			}
			next[a.Fingerprint] = a.Labels.Map()
			known = next
		}
		for f := range known {
			labels := sre.LabelsOf(known[f])
			quiet := false
			for _, s := range facts.Silences {
				quiet = quiet || s.Active(epoch) && s.Matchers.Matches(labels)
			}
			for _, other := range known {
				l := sre.LabelsOf(other)
				quiet = quiet || source.Matches(l) && target.Matches(labels) && l.Get("rack") == labels.Get("rack")
			}
			if !quiet {
				paged++
			}
		}
		if paged != perBatch {
			b.Fatal(paged)
		}
	}
	perAlert(b)
}
