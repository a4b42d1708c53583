package dispatch_test

import (
	"context"
	"encoding/json"
	"errors"
	"strings"
	"testing"

	"github.com/sre-sdk/sre"
	"github.com/sre-sdk/sre/oncall/alert"
	"github.com/sre-sdk/sre/oncall/dispatch"
	"github.com/sre-sdk/sre/oncall/escalation"
	"github.com/sre-sdk/sre/storage/runner"
)

func TestAlertsBecomeEscalationsWhateverTheirOrder(t *testing.T) {
	in(t, func(t *testing.T, ctx context.Context) {
		w := newWorld(t, nil)
		effect := func(id string, kind alert.EffectKind, severity sre.Severity) alert.Effect {
			return alert.Effect{ID: id, Kind: kind, Key: "web:1", Severity: severity, Service: "web", Summary: strings.Repeat("s", 600), Firing: 2,
				Alerts: []alert.Line{{Severity: severity, Summary: "disk full", Link: "https://runbook"}}}
		}
		take := func(e alert.Effect, want error) {
			t.Helper()
			for range 2 { // each comes twice
				if err := w.Take(ctx, "db", e); !errors.Is(err, want) {
					t.Errorf("%s: %v, want %v", e.ID, err, want)
				}
			}
		}
		take(effect("e3", alert.Resolve, 0), dispatch.ErrNotYet)
		take(effect("e2", alert.Update, 1), dispatch.ErrNotYet)
		take(effect("e1", alert.Trigger, 3), nil)
		s := w.get("web:1").State
		if s.Status != escalation.Open || s.Severity != 3 || len(s.Title) > escalation.MaxTitle || s.Link != "https://runbook" || !strings.Contains(s.Body, "disk full") {
			t.Errorf("triggered: %+v", s)
		}
		take(effect("e2", alert.Update, 1), nil)
		take(effect("e0", alert.Update, 2), nil) // late
		if s := w.get("web:1").State; s.Severity != 1 || len(s.Notes) != 2 {
			t.Errorf("updated: %s, %d notes, want P1, 2", s.Severity, len(s.Notes))
		}
		take(effect("e4", alert.Suppressed, 1), nil)
		take(effect("e3", alert.Resolve, 0), nil)
		take(effect("e5", alert.Update, 1), nil)  // too late
		take(effect("e6", alert.Trigger, 1), nil) // a page is opened once
		if s := w.get("web:1").State; s.Status != escalation.Resolved || s.Entry != 1 {
			t.Errorf("in the end: %s, entry %d", s.Status, s.Entry)
		}
	})
}

func TestIntakeHandlerTellsWhatIsUseless(t *testing.T) {
	in(t, func(t *testing.T, ctx context.Context) {
		w := newWorld(t, nil)
		policy := "db"
		handle := w.IntakeHandler(func(alert.Effect) string { return policy })
		do := func(e alert.Effect) error {
			data, err := json.Marshal(e)
			if err != nil {
				t.Fatal(err)
			}
			_, err = handle(ctx, runner.Effect{ID: e.ID, Payload: data})
			return err
		}
		if err := do(alert.Effect{ID: "e1", Kind: alert.Resolve, Key: "web:1"}); !errors.Is(err, dispatch.ErrNotYet) || errors.Is(err, runner.ErrPermanent) {
			t.Errorf("a resolve that comes first: %v", err)
		}
		policy = "unknown"
		if err := do(alert.Effect{ID: "e2", Kind: alert.Trigger, Key: "web:1"}); !errors.Is(err, runner.ErrPermanent) {
			t.Errorf("an unknown policy: %v", err)
		}
		policy = ""
		if err := do(alert.Effect{ID: "e3", Kind: alert.Trigger, Key: "web:1"}); err != nil {
			t.Errorf("no policy: %v", err)
		}
		policy = "db"
		if err := do(alert.Effect{ID: "e4", Kind: alert.Trigger, Key: "web:1"}); err != nil || w.get("web:1").State.Status != escalation.Open {
			t.Errorf("a trigger: %v", err)
		}
		if _, err := handle(ctx, runner.Effect{ID: "e5", Payload: []byte("{")}); !errors.Is(err, runner.ErrPermanent) {
			t.Errorf("no JSON: %v", err)
		}
	})
}
