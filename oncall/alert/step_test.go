package alert_test

import (
	"encoding/json"
	"fmt"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/sre-sdk/sre"
	"github.com/sre-sdk/sre/oncall/alert"
)

func firing(f string, more ...func(*alert.Alert)) alert.Alert {
	a := alert.Alert{Fingerprint: f, Status: alert.Firing, Severity: 2, Labels: sre.LabelsOf(map[string]string{"host": f}), Summary: f + " is down"}
	for _, m := range more {
		m(&a)
	}
	return a
}

func resolved(f string, more ...func(*alert.Alert)) alert.Alert {
	return firing(f, append(more, func(a *alert.Alert) { a.Status = alert.Resolved })...)
}

func starts(n int) func(*alert.Alert)            { return func(a *alert.Alert) { a.Starts = sec(n) } }
func ends(n int) func(*alert.Alert)              { return func(a *alert.Alert) { a.Ends = sec(n) } }
func severity(s sre.Severity) func(*alert.Alert) { return func(a *alert.Alert) { a.Severity = s } }

// A host steps one group and remembers what was done.
type host struct {
	t       *testing.T
	policy  *alert.Compiled
	state   alert.State
	facts   alert.Facts
	effects []alert.Effect
}

func newHost(t *testing.T, p alert.Policy) *host { return &host{t: t, policy: p.MustCompile()} }

func (h *host) hear(second int, alerts ...alert.Alert) {
	h.step(second, alert.Input{Group: "g", Alerts: alerts})
}
func (h *host) tick(second int) { h.step(second, alert.Input{}) }

func (h *host) step(second int, in alert.Input) {
	h.t.Helper()
	var err error
	if h.state, h.effects, err = h.policy.Step(h.state, in, h.facts, sec(second), h.effects); err != nil {
		h.t.Fatal(err)
	}
}

func (h *host) want(want ...string) {
	h.t.Helper()
	if diff := cmp.Diff(want, lines(h.effects)); diff != "" {
		h.t.Errorf("effects (-want +got):\n%s", diff)
	}
}

func TestAnOldResolveDoesNotCloseANewFiring(t *testing.T) {
	h := newHost(t, alert.Policy{GroupWait: alert.AtOnce})
	h.hear(100, firing("a", starts(90)))
	h.hear(101, resolved("a", starts(10), ends(60)))
	h.hear(102, resolved("a", starts(10), ends(60)))
	h.want("100 trigger P2 firing 1 resolved 0", "101 suppressed out_of_order a", "102 suppressed out_of_order a")
	if a, b := h.effects[1].ID, h.effects[2].ID; a != b {
		t.Errorf("the same statement has the effects %s and %s", a, b)
	}
}

func TestAnAlertThatComesBackWithItsOldStartPagesAgain(t *testing.T) {
	h := newHost(t, alert.Policy{GroupWait: alert.AtOnce})
	h.hear(0, firing("a", starts(0)))
	h.hear(60, resolved("a", starts(0), ends(60)))
	h.hear(90, firing("a", starts(0)))
	h.want("000 trigger P2 firing 1 resolved 0", "060 resolve P2 firing 0 resolved 1", "090 trigger P2 firing 1 resolved 0")
	if h.effects[0].Key == h.effects[2].Key {
		t.Error("two pages have one key")
	}
}

func TestTruncatedIsNotResolved(t *testing.T) {
	policy := alert.Policy{GroupBy: []string{"host"}, GroupWait: alert.AtOnce}.MustCompile()
	b := alert.Batch{GroupKey: "k", GroupLabels: sre.LabelsOf(map[string]string{"host": "a"}), Status: alert.Resolved, Truncated: 3}
	h := &host{t: t, policy: policy}
	hear := func(second int, alerts ...alert.Alert) {
		b.Alerts = alerts
		inputs, err := policy.Split(b)
		if err != nil || len(inputs) != 1 {
			t.Fatal(inputs, err)
		}
		h.step(second, inputs[0])
	}
	hear(0, firing("a"))
	hear(10, resolved("a"))
	b.Truncated = 0
	hear(320, resolved("a"))
	h.want("000 trigger P1 firing 2 resolved 0", "300 update P1 firing 1 resolved 1", "320 resolve P1 firing 0 resolved 2")
}

func TestThrottleHoldsBackAndNeverLoses(t *testing.T) {
	h := newHost(t, alert.Policy{GroupWait: alert.AtOnce, Throttles: []alert.Throttle{{Name: "one", Max: 1, Per: time.Minute}}})
	h.hear(0, firing("a"))
	h.hear(10, resolved("a"))
	h.hear(20, firing("a"))
	if due := alert.NextDue(h.state); !due.Equal(sec(60)) {
		t.Errorf("due %v", due)
	}
	h.tick(200)
	h.hear(210, resolved("a"))
	h.hear(220, firing("a", severity(1)))
	h.want("000 trigger P2 firing 1 resolved 0", "010 resolve P2 firing 0 resolved 1", "020 suppressed throttled one a",
		"060 released a", "060 trigger P2 firing 1 resolved 0", "210 resolve P2 firing 0 resolved 1", "220 trigger P1 firing 1 resolved 0")
}

func TestThrottleByServiceNeedsToKnow(t *testing.T) {
	p := alert.Policy{GroupWait: alert.AtOnce, Throttles: []alert.Throttle{{Name: "svc", ByService: true, Max: 2, Per: time.Minute}}}
	h := newHost(t, p)
	h.facts = alert.Facts{Triggers: []time.Time{sec(-20), sec(-10), sec(500)}, TriggersAsOf: sec(0)}
	h.hear(0, firing("a"))
	h.tick(50)
	h.want("000 suppressed throttled svc a", "040 released a", "040 trigger P2 firing 1 resolved 0")
	h = newHost(t, p)
	h.facts = alert.Facts{Triggers: []time.Time{sec(-20), sec(-10)}, TriggersAsOf: sec(-600)}
	h.hear(0, firing("a"))
	h.want("000 trigger P2 firing 1 resolved 0")
}

func TestFlappingKeepsThePageOpen(t *testing.T) {
	h := newHost(t, alert.Policy{GroupWait: alert.AtOnce, Flap: &alert.Flap{Transitions: 3, Within: time.Minute, Quiet: 30 * time.Second}})
	h.hear(0, firing("a"))
	h.hear(10, resolved("a"))
	h.hear(20, firing("a"))
	h.hear(30, resolved("a"))
	h.hear(40, firing("a"))
	h.hear(50, resolved("a"))
	if f := h.policy.Explain(h.state, h.facts, sec(50)); len(f) != 1 || f[0].Reason.Code != "held_open" {
		t.Errorf("explained as %v", f)
	}
	h.tick(500)
	h.want("000 trigger P2 firing 1 resolved 0", "010 resolve P2 firing 0 resolved 1", "020 trigger P2 firing 1 resolved 0",
		"030 suppressed flapping a", "050 suppressed flapping a", "080 resolve P2 firing 0 resolved 1")
}

func TestASilenceThatIsNotKnownDoesNotSilence(t *testing.T) {
	silence := alert.Silence{ID: "s", Matchers: alert.MustMatchers(`host="a"`), Start: sec(0), End: sec(3600), Author: "ann", Comment: "test"}
	for name, facts := range map[string]alert.Facts{
		"never read":      {Silences: []alert.Silence{silence}},
		"read long ago":   {Silences: []alert.Silence{silence}, SilencesAsOf: sec(-3600)},
		"from the future": {Silences: []alert.Silence{silence}, SilencesAsOf: sec(3600)},
		"without matcher": {Silences: []alert.Silence{{ID: "s", Start: sec(0), End: sec(9)}}, SilencesAsOf: sec(0)},
	} {
		t.Run(name, func(t *testing.T) {
			h := newHost(t, alert.Policy{GroupWait: alert.AtOnce})
			h.facts = facts
			h.hear(0, firing("a"))
			h.want("000 trigger P2 firing 1 resolved 0")
		})
	}
	h := newHost(t, alert.Policy{GroupWait: alert.AtOnce})
	h.facts = alert.Facts{Silences: []alert.Silence{silence}, SilencesAsOf: sec(0)}
	h.hear(0, firing("a"))
	h.tick(600) // nobody has read the silences again
	h.want("000 suppressed silenced s a", "120 released a", "120 trigger P2 firing 1 resolved 0")
	if code := h.effects[1].Reason.Code; code != "facts_unknown" {
		t.Errorf("released because of %s", code)
	}
}

func TestWorseNewsDoNotWaitForTheInterval(t *testing.T) {
	h := newHost(t, alert.Policy{GroupWait: 10 * time.Second})
	h.hear(0, firing("a", severity(3)))
	h.hear(20, firing("b", severity(3)))
	h.hear(30, firing("c", severity(1)))
	h.tick(1000)
	h.want("010 trigger P3 firing 1 resolved 0", "040 update P1 firing 3 resolved 0")
}

// What exceeds the limits of a group pages as one alert, until each of it is
// resolved.
func TestOverflowPages(t *testing.T) {
	h := newHost(t, alert.Policy{GroupWait: alert.AtOnce, MaxAlerts: 2})
	h.facts = alert.Facts{SilencesAsOf: sec(0), Silences: []alert.Silence{{ID: "all", Matchers: alert.MustMatchers(`alertname!="x"`), Start: sec(0), End: sec(3600)}}}
	h.hear(0, firing("a"), firing("b"), firing("c", severity(3)), firing("d", severity(1)))
	before := h.state
	h.hear(1, firing("c", severity(3)), firing("d", severity(1)))
	if diff := cmp.Diff(before, h.state, labelsEqual); diff != "" {
		t.Errorf("the repetition changed (-before +after):\n%s", diff)
	}
	h.hear(2, resolved("c"))
	h.hear(3, resolved("d"))
	h.want("000 suppressed silenced all a", "000 suppressed silenced all b", "000 trigger P1 firing 1 resolved 0", "003 resolve P1 firing 0 resolved 1")
}

func TestOverflowMovesIntoRoom(t *testing.T) {
	h := newHost(t, alert.Policy{GroupWait: alert.AtOnce, GroupInterval: alert.AtOnce, MaxAlerts: 2})
	h.hear(0, firing("a"), firing("b"), firing("c"))
	h.hear(1, resolved("a"))
	h.hear(2, firing("c"))
	h.hear(3, resolved("b"), resolved("c"))
	h.want("000 trigger P2 firing 3 resolved 0", "001 update P2 firing 2 resolved 1", "002 update P2 firing 2 resolved 1", "003 resolve P2 firing 0 resolved 3")
	h.hear(4, alert.Alert{Fingerprint: "overflow:", Status: alert.Resolved})
}

// The largest state, input and effects fit into one batch of the store.
func TestALargeGroupFitsARecord(t *testing.T) {
	const limit = 512 << 10
	h := newHost(t, alert.Policy{GroupWait: alert.AtOnce})
	text := strings.Repeat("<", 300)
	for i := range 4000 {
		a := alert.Alert{Fingerprint: fmt.Sprintf("%0100d", i), Status: alert.Firing, Summary: text, Labels: sre.LabelsOf(map[string]string{"host": fmt.Sprint(i), "x": text, "y": strings.Repeat(text, 11)}), Links: []alert.Link{{URL: text}}}
		before := len(h.effects)
		h.hear(i/100, a)
		if i%97 != 0 && len(h.effects) == before {
			continue
		}
		state, err := json.Marshal(h.state)
		if err != nil {
			t.Fatal(err)
		}
		for _, e := range h.effects[before:] {
			if data, err := json.Marshal(e); err != nil || len(data) > alert.MaxEffectBytes {
				t.Fatalf("an effect of %d bytes, %v", len(data), err)
			}
		}
		effects, _ := json.Marshal(h.effects[before:])
		if n := len(state) + len(effects)*4/3 + alert.MaxInputBytes; n > limit {
			t.Fatalf("%d bytes after %d alerts", n, i)
		}
	}
	if !h.state.Lost || len(h.state.Overflow) != alert.MaxOverflow {
		t.Errorf("%d beyond the limits, lost: %t", len(h.state.Overflow), h.state.Lost)
	}
}

func TestHeartbeatIsHeardByItsMatchers(t *testing.T) {
	policy := alert.Policy{GroupWait: alert.AtOnce, Heartbeats: []alert.Heartbeat{{Name: "prom", Match: alert.MustMatchers(`alertname="Watchdog"`), Interval: time.Minute}}}.MustCompile()
	h := &host{t: t, policy: policy}
	hear := func(second int, status alert.Status) {
		inputs, err := policy.Split(alert.Batch{Alerts: []alert.Alert{{Status: status, Labels: sre.LabelsOf(map[string]string{"alertname": "Watchdog"})}}})
		if err != nil || len(inputs) != 1 {
			t.Fatal(inputs, err)
		}
		h.step(second, inputs[0])
	}
	hear(0, alert.Resolved) // not a beat
	if got := policy.Health(h.state, sec(0)); got != alert.HealthUnknown {
		t.Errorf("health %s", got)
	}
	hear(10, alert.Firing)
	if got := policy.Health(h.state, sec(10)); got != alert.Healthy {
		t.Errorf("health %s", got)
	}
	if got := policy.Health(alert.State{}, sec(10)); got != alert.HealthUnknown {
		t.Errorf("health of nothing %s", got)
	}
	hear(300, alert.Firing)
	h.step(1000, alert.Input{Group: "heartbeat:prom", Beat: "prom", BeatAt: sec(5000)})
	if got := h.state.Beat.Last; !got.Equal(sec(1000)) {
		t.Errorf("a beat of the future was heard at %v", got)
	}
	h.want("100 trigger P1 firing 1 resolved 0", "300 resolve P1 firing 0 resolved 1", "390 trigger P1 firing 1 resolved 0", "1000 resolve P1 firing 0 resolved 1")
}

func TestInhibitionAsInAlertmanager(t *testing.T) {
	labels := func(pairs ...string) sre.Labels {
		m := map[string]string{}
		for i := 0; i < len(pairs); i += 2 {
			m[pairs[i]] = pairs[i+1]
		}
		return sre.LabelsOf(m)
	}
	policy := alert.Policy{GroupWait: alert.AtOnce, Inhibitions: []alert.Inhibition{{
		Name: "i", Source: alert.MustMatchers("s=1"), Target: alert.MustMatchers("t=1"), Equal: []string{"e"}}}}
	for _, c := range []struct {
		name           string
		source, target sre.Labels
		want           bool
	}{
		{"equal", labels("s", "1", "e", "x"), labels("t", "1", "e", "x"), true},
		{"both without the label", labels("s", "1"), labels("t", "1"), true},
		{"one without the label", labels("s", "1", "e", "x"), labels("t", "1"), false},
		{"different", labels("s", "1", "e", "x"), labels("t", "1", "e", "y"), false},
		{"the target is a source as well", labels("s", "1"), labels("s", "1", "t", "1"), true},
		{"the source is a target as well", labels("s", "1", "t", "1"), labels("t", "1"), true},
		{"both are both", labels("s", "1", "t", "1", "n", "1"), labels("s", "1", "t", "1"), false},
		{"no source", labels("x", "1"), labels("t", "1"), false},
	} {
		t.Run(c.name, func(t *testing.T) {
			for _, where := range []string{"in the group", "in the facts"} {
				h := newHost(t, policy)
				h.facts.SourcesAsOf = sec(0)
				target := alert.Alert{Fingerprint: "target", Status: alert.Firing, Labels: c.target}
				if where == "in the facts" {
					h.facts.Sources = []alert.Source{{Fingerprint: "source", Labels: c.source, Since: sec(-1)}, {Fingerprint: "target", Labels: c.target, Since: sec(-1)}}
					h.hear(0, target)
				} else {
					h.hear(0, target, alert.Alert{Fingerprint: "source", Status: alert.Firing, Labels: c.source})
				}
				got := false
				for _, f := range h.policy.Explain(h.state, h.facts, sec(0)) {
					got = got || f.Alert.Fingerprint == "target" && f.By.Cause == alert.ByInhibition
				}
				if got != c.want {
					t.Errorf("%s: inhibited %t, want %t", where, got, c.want)
				}
			}
		})
	}
}

// An input that is not right is refused as a whole, with everything that is
// wrong with it.
func TestBadInputIsRefused(t *testing.T) {
	policy := alert.Policy{Heartbeats: []alert.Heartbeat{{Name: "h", Interval: time.Minute}}}.MustCompile()
	state, _, err := policy.Step(alert.State{}, alert.Input{Group: "g", Alerts: []alert.Alert{firing("a")}}, alert.Facts{}, sec(0), nil)
	if err != nil {
		t.Fatal(err)
	}
	for _, c := range []struct {
		name string
		in   alert.Input
		now  time.Time
		want string
	}{
		{"no time", alert.Input{}, time.Time{}, "out_of_range"},
		{"another group", alert.Input{Group: "other", Alerts: []alert.Alert{firing("a")}}, sec(1), "wrong_group"},
		{"no group", alert.Input{Alerts: []alert.Alert{firing("a")}}, sec(1), "invalid_id"},
		{"no status", alert.Input{Group: "g", Alerts: []alert.Alert{firing("b"), {Fingerprint: "a"}}}, sec(1), "unknown_status"},
		{"an own fingerprint", alert.Input{Group: "g", Alerts: []alert.Alert{firing("heartbeat:h")}}, sec(1), "reserved"},
		{"an unknown heartbeat", alert.Input{Group: "g", Beat: "x"}, sec(1), "unknown_heartbeat"},
		{"a heartbeat elsewhere", alert.Input{Group: "g", Beat: "h"}, sec(1), "wrong_group"},
		{"too many", alert.Input{Group: "g", Alerts: make([]alert.Alert, alert.MaxInputAlerts+1)}, sec(1), "too_many"},
	} {
		t.Run(c.name, func(t *testing.T) {
			after, out, err := policy.Step(state, c.in, alert.Facts{}, c.now, nil)
			if !strings.Contains(fmt.Sprint(err), c.want) || len(out) > 0 {
				t.Errorf("error %v, effects %v", err, out)
			}
			if diff := cmp.Diff(state, after, labelsEqual); diff != "" {
				t.Error(diff)
			}
		})
	}
	if _, _, err := (&alert.Compiled{}).Step(state, alert.Input{}, alert.Facts{}, sec(0), nil); err == nil {
		t.Error("a policy that was not compiled decides")
	}
	if s, out, err := policy.Step(alert.State{}, alert.Input{}, alert.Facts{}, sec(0), nil); err != nil || len(out) > 0 || s.Schema != 0 {
		t.Errorf("a tick of nothing: %v %v %v", s, out, err)
	}
}

func TestAForeignStateIsRefused(t *testing.T) {
	for _, text := range []string{
		`{"schema": 2, "group": "g"}`,
		`{"schema": 1, "group": "g", "alerts": [{"fingerprint": "b"}, {"fingerprint": "a"}]}`,
		`{"schema": 1, "group": "g", "alerts": [{"fingerprint": "a"}, {"fingerprint": "a"}]}`,
		`{"schema": 1, "group": "g", "alerts": [{"fingerprint": "a", "status": "odd"}]}`,
	} {
		var s alert.State
		if err := json.Unmarshal([]byte(text), &s); err == nil {
			t.Errorf("%s is read", text)
		}
	}
}

// A clock that goes back stands still.
func TestTheClockMayGoBack(t *testing.T) {
	h := newHost(t, alert.Policy{GroupWait: 10 * time.Second})
	h.hear(100, firing("a"))
	h.hear(50, firing("b"))
	h.tick(110)
	h.want("110 trigger P2 firing 2 resolved 0")
}
