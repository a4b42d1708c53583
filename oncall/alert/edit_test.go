package alert_test

import (
	"fmt"
	"slices"
	"strings"
	"testing"
	"time"

	"pgregory.net/rapid"

	"github.com/sre-sdk/sre"
	"github.com/sre-sdk/sre/oncall/alert"
)

// Whatever becomes of the policy between the steps, of what fires something is
// in the page, is due, or is held back for a reason, and in the end all of it is
// in a page.
func TestEditsOfThePolicyLoseNothing(t *testing.T) {
	labels := func(id int) map[string]string { return map[string]string{"id": fmt.Sprint(id), "team": "db"} }
	rapid.Check(t, func(t *rapid.T) {
		policy := func() *alert.Compiled {
			p := alert.Policy{
				MaxAlerts: rapid.IntRange(1, 6).Draw(t, "max alerts"), KeepResolved: time.Duration(rapid.IntRange(60, 300).Draw(t, "keep")) * time.Second,
				GroupWait: time.Duration(rapid.SampledFrom([]int{-1, 10e9}).Draw(t, "wait")), GroupInterval: time.Duration(rapid.SampledFrom([]int{-1, 30e9}).Draw(t, "interval")),
			}
			if rapid.Bool().Draw(t, "flap") {
				p.Flap = &alert.Flap{Transitions: 2, Within: time.Minute, Quiet: time.Minute}
			}
			if rapid.Bool().Draw(t, "throttle") {
				p.Throttles = []alert.Throttle{{Name: "few", Max: 1, Per: time.Minute}}
			}
			if rapid.Bool().Draw(t, "inhibit") {
				p.Inhibitions = []alert.Inhibition{{Name: "zero", Source: alert.MustMatchers(`id="0"`), Target: alert.MustMatchers(`id=~"1|2"`)}}
			}
			return p.MustCompile()
		}
		var state alert.State
		c := policy()
		fires := map[int]bool{}
		now := 0
		step := func(in alert.Input) {
			next, _, err := c.Step(state, in, alert.Facts{}, sec(now), nil)
			if err != nil {
				t.Fatal(err)
			}
			state = next
		}
		find := func(key string) *alert.Entry {
			i := slices.IndexFunc(state.Alerts, func(e alert.Entry) bool { return e.Fingerprint == key })
			if i < 0 {
				return nil
			}
			return &state.Alerts[i]
		}
		entry := func(id int) *alert.Entry {
			if e := find(fingerprint(id)); e != nil {
				return e
			}
			return find("overflow:")
		}
		for range rapid.IntRange(1, 25).Draw(t, "steps") {
			now += rapid.IntRange(0, 40).Draw(t, "later")
			switch rapid.IntRange(0, 3).Draw(t, "what") {
			case 0:
				c = policy()
				step(alert.Input{})
			case 1:
				step(alert.Input{})
			default:
				in := alert.Input{Group: "g"}
				for range rapid.IntRange(1, 3).Draw(t, "alerts") {
					id := rapid.IntRange(0, 7).Draw(t, "id")
					a := alert.Alert{Fingerprint: fingerprint(id), Status: alert.Resolved, Severity: sre.Severity(rapid.IntRange(1, 3).Draw(t, "severity")), Labels: sre.LabelsOf(labels(id))}
					if rapid.Bool().Draw(t, "firing") {
						a.Status = alert.Firing
					}
					if slices.ContainsFunc(in.Alerts, func(b alert.Alert) bool { return b.Fingerprint == a.Fingerprint }) {
						continue
					}
					fires[id] = a.Status == alert.Firing
					in.Alerts = append(in.Alerts, a)
				}
				step(in)
			}
			for id, firing := range fires {
				if !firing {
					continue
				}
				e := entry(id)
				if e == nil || e.Status != alert.Firing {
					t.Fatalf("%s fires and the state does not know it: %+v", fingerprint(id), state)
				}
				if e.Told != alert.Firing && e.By.Cause == alert.CauseNone && alert.NextDue(state).IsZero() {
					t.Fatalf("%s is not told and nothing is due: %+v", fingerprint(id), state)
				}
			}
		}
		c = alert.Policy{}.MustCompile()
		for range 5 {
			now += 3600
			step(alert.Input{})
		}
		for id, firing := range fires {
			if e := entry(id); firing && (e == nil || e.Told != alert.Firing || !state.Page.Open) {
				t.Fatalf("%s fires and is in no page: %+v", fingerprint(id), state)
			}
		}
	})
}

// A heartbeat that an edit has taken from the policy is missed no longer.
func TestARemovedHeartbeatClosesItsPage(t *testing.T) {
	h := newHost(t, alert.Policy{Heartbeats: []alert.Heartbeat{{Name: "cron", Interval: time.Minute}}})
	h.step(0, alert.Input{Group: "heartbeat:cron", Expect: "cron"})
	h.tick(100)
	h.policy = alert.Policy{}.MustCompile()
	h.tick(200)
	if h.state.Page.Open || !alert.NextDue(h.state).IsZero() {
		t.Errorf("%+v", h.state)
	}
}

// One alert may be the beat of several heartbeats.
func TestABeatIsHeardByAllThatItMatches(t *testing.T) {
	watchdog := alert.MustMatchers(`alertname="Watchdog"`)
	c := alert.Policy{Heartbeats: []alert.Heartbeat{{Name: "fast", Match: watchdog, Interval: time.Minute}, {Name: "slow", Match: watchdog, Interval: time.Hour}}}.MustCompile()
	inputs, err := c.Split(alert.Batch{Alerts: []alert.Alert{{Status: alert.Firing, Labels: sre.LabelsOf(map[string]string{"alertname": "Watchdog"})}}})
	if err != nil || len(inputs) != 2 || inputs[0].Beat != "fast" || inputs[1].Beat != "slow" {
		t.Errorf("%+v, %v", inputs, err)
	}
}

// A clock that runs ahead does not make everything that is said later too late.
func TestAnInstantFarAheadDoesNotCount(t *testing.T) {
	ahead := func(a *alert.Alert) { a.Observed = sec(9000) }
	observed := func(n int) func(*alert.Alert) { return func(a *alert.Alert) { a.Observed = sec(n) } }
	h := newHost(t, alert.Policy{GroupWait: alert.AtOnce, GroupInterval: alert.AtOnce})
	h.hear(0, firing("a", ahead, starts(9000)))
	h.hear(10, resolved("a", observed(10), ends(10)))
	if h.state.Page.Open {
		t.Errorf("a resolve was held back by a start in the future: %+v", h.state)
	}
	h.hear(20, firing("a", ahead))
	h.hear(30, resolved("a", ahead))
	h.hear(40, firing("a", observed(40)))
	if !h.state.Page.Open {
		t.Errorf("an alert was lost to a statement from the future: %+v", h.state)
	}
}

// Labels beyond the limits do not lose the alerts that a message has left out.
func TestUnlistedAlertsAreNotLostToTheirLabels(t *testing.T) {
	b := alert.Batch{GroupKey: "k", Truncated: 1, GroupLabels: sre.LabelsOf(map[string]string{"long": strings.Repeat("x", alert.MaxLabelBytes+1)})}
	inputs, err := alert.Policy{}.MustCompile().Split(b)
	if err != nil || len(inputs) != 1 || len(inputs[0].Alerts) != 1 || inputs[0].Alerts[0].Status != alert.Firing {
		t.Errorf("%+v, %v", inputs, err)
	}
}

func TestMarkdownOfAnyMatcher(t *testing.T) {
	m, err := alert.NewMatcher("a", "=~", "x`|``y")
	if err != nil {
		t.Fatal(err)
	}
	c := alert.Policy{Inhibitions: []alert.Inhibition{{Name: "n", Source: alert.Matchers{m}, Target: alert.Matchers{m}}}}.MustCompile()
	if want := "| ``` {a=~\"x`\\|``y\"} ``` |"; !strings.Contains(c.Markdown(), want) {
		t.Errorf("%s\n\twant %s", c.Markdown(), want)
	}
}
