package alert_test

import (
	"fmt"
	"time"

	"github.com/sre-sdk/sre"
	"github.com/sre-sdk/sre/oncall/alert"
	"github.com/sre-sdk/sre/oncall/alert/alertmanager"
)

// From a webhook to a page, and to its end.
func Example() {
	policy := alert.Policy{GroupBy: []string{"alertname"}}.MustCompile()
	now := time.Date(2026, 3, 2, 9, 0, 0, 0, time.UTC)
	states := map[string]alert.State{}
	say := func(status string) {
		batch, err := alertmanager.Read(fmt.Appendf(nil, `{"version": "4", "groupKey": "{}", "status": %[1]q, "alerts": [
			{"status": %[1]q, "labels": {"alertname": "DiskFull", "host": "db1", "severity": "critical"}, "startsAt": "2026-03-02T08:59:00Z"},
			{"status": %[1]q, "labels": {"alertname": "DiskFull", "host": "db2", "severity": "warning"}, "startsAt": "2026-03-02T08:59:00Z"}]}`, status))
		if err != nil {
			fmt.Println(err)
			return
		}
		inputs, _ := policy.Split(batch)
		for _, input := range inputs {
			step(policy, states, input, alert.Facts{}, now)
		}
	}
	say("firing")
	say("firing") // once more: nothing happens
	now = now.Add(30 * time.Second)
	for group := range states {
		step(policy, states, alert.Input{Group: group}, alert.Facts{}, now)
	}
	now = now.Add(time.Hour)
	say("resolved")
	// Output:
	// 09:00:30 trigger P1 DiskFull: 2 firing, 0 resolved
	// 10:00:30 resolve P1 DiskFull: 0 firing, 2 resolved
}

// step keeps the state and prints the effects, as a host would perform them.
func step(policy *alert.Compiled, states map[string]alert.State, input alert.Input, facts alert.Facts, now time.Time) {
	state, effects, err := policy.Step(states[input.Group], input, facts, now, nil)
	if err != nil {
		fmt.Println(err)
		return
	}
	if state.Group != "" {
		states[input.Group] = state
	}
	for _, e := range effects {
		if e.Reason.Code != "" {
			fmt.Println(e.At.Format(time.TimeOnly), e.Kind, e.Reason)
		} else {
			fmt.Printf("%s %s %s %s: %d firing, %d resolved\n", e.At.Format(time.TimeOnly), e.Kind, e.Severity, e.Summary, e.Firing, e.Resolved)
		}
	}
}

// A silence ends while nobody ticks; the alert pages, as of that instant.
func ExampleCompiled_Step_silence() {
	policy := alert.Policy{GroupWait: alert.AtOnce}.MustCompile()
	now := time.Date(2026, 3, 2, 9, 0, 0, 0, time.UTC)
	facts := alert.Facts{SilencesAsOf: now, Silences: []alert.Silence{{
		ID: "move", Matchers: alert.MustMatchers(`host="db1"`), Start: now, End: now.Add(time.Hour), Author: "ann", Comment: "moving racks",
	}}}
	states := map[string]alert.State{}
	firing := alert.Input{Group: "db1", Alerts: []alert.Alert{{
		Status: alert.Firing, Severity: 2, Summary: "disk full", Labels: sre.LabelsOf(map[string]string{"host": "db1"}),
	}}}
	step(policy, states, firing, facts, now)
	facts.SilencesAsOf = now.Add(3 * time.Hour)
	step(policy, states, alert.Input{Group: "db1"}, facts, now.Add(3*time.Hour))
	// Output:
	// 09:00:00 suppressed silenced: 1 alert silenced by move until 2026-03-02T10:00:00Z
	// 10:00:00 released silence_expired: 1 alert no longer silenced: move has expired
	// 10:00:00 trigger P2 disk full: 1 firing, 0 resolved
}

// A heartbeat that was never heard is not healthy, and pages in time.
func ExampleHeartbeat() {
	policy := alert.Policy{Heartbeats: []alert.Heartbeat{{
		Name: "prometheus", Match: alert.MustMatchers(`alertname="Watchdog"`), Interval: 4 * time.Minute, Grace: time.Minute, Severity: 1,
	}}}.MustCompile()
	now := time.Date(2026, 3, 2, 9, 0, 0, 0, time.UTC)
	states := map[string]alert.State{}
	for _, input := range policy.Expect() {
		step(policy, states, input, alert.Facts{}, now)
	}
	state := states["heartbeat:prometheus"]
	fmt.Println(policy.Health(state, now), "until", alert.NextDue(state).Format(time.TimeOnly))
	step(policy, states, alert.Input{Group: "heartbeat:prometheus"}, alert.Facts{}, now.Add(5*time.Minute))
	step(policy, states, alert.Input{Group: "heartbeat:prometheus", Beat: "prometheus"}, alert.Facts{}, now.Add(9*time.Minute))
	// Output:
	// unknown until 09:05:00
	// 09:05:00 trigger P1 heartbeat prometheus is missing: 1 firing, 0 resolved
	// 09:09:00 resolve P1 heartbeat prometheus is missing: 0 firing, 1 resolved
}

func ExampleParseMatchers() {
	ms, err := alert.ParseMatchers(`{severity="critical", team=~"db|web", env!~"test.*"}`)
	fmt.Println(ms, err)
	fmt.Println(ms.Matches(sre.LabelsOf(map[string]string{"severity": "critical", "team": "db"})))
	fmt.Println(ms.Matches(sre.LabelsOf(map[string]string{"severity": "critical", "team": "dba"})))
	// Output:
	// {severity="critical", team=~"db|web", env!~"test.*"} <nil>
	// true
	// false
}

// Why does this alert not page?
func ExampleCompiled_Explain() {
	policy := alert.Policy{GroupWait: alert.AtOnce, Inhibitions: []alert.Inhibition{{
		Name: "rack", Source: alert.MustMatchers(`alertname="RackDown"`), Target: alert.MustMatchers(`alertname="HostDown"`), Equal: []string{"rack"},
	}}}.MustCompile()
	now := time.Date(2026, 3, 2, 9, 0, 0, 0, time.UTC)
	facts := alert.Facts{SourcesAsOf: now, Sources: []alert.Source{{
		Fingerprint: "rack7", Labels: sre.LabelsOf(map[string]string{"alertname": "RackDown", "rack": "7"}), Since: now.Add(-time.Minute),
	}}}
	state, _, _ := policy.Step(alert.State{}, alert.Input{Group: "hosts", Alerts: []alert.Alert{
		{Fingerprint: "a1", Status: alert.Firing, Labels: sre.LabelsOf(map[string]string{"alertname": "HostDown", "rack": "7"})},
		{Fingerprint: "b1", Status: alert.Firing, Labels: sre.LabelsOf(map[string]string{"alertname": "HostDown", "rack": "8"})},
	}}, facts, now, nil)
	for _, f := range policy.Explain(state, facts, now) {
		fmt.Println(f)
	}
	fmt.Println(policy.Explain(state, alert.Facts{}, now)[0]) // who does not know the source does not suppress
	// Output:
	// a1 inhibited: 1 alert inhibited by rack, because rack7 fires
	// b1 paged: 1 alert is in page hosts:1
	// a1 waiting: 1 alert waits until 2026-03-02T09:05:00Z
}
