package dispatch

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"strings"

	"github.com/sre-sdk/sre"
	"github.com/sre-sdk/sre/oncall/alert"
	"github.com/sre-sdk/sre/oncall/escalation"
	"github.com/sre-sdk/sre/storage/runner"
)

// ErrNotYet: an effect of an alert's page came before the one that opens it.
// Bring it again later.
var ErrNotYet = errors.New("dispatch: the page is not open yet")

// alerts is the actor of [Dispatcher.Take].
var alerts = sre.Actor{Kind: sre.Service, ID: "alerts"}

// Take does what an effect of oncall/alert asks for: Trigger begins the
// escalation alert.Effect.Key with a policy, Update keeps a note and makes the
// severity worse where it is, Resolve ends it; the others are for the record and
// do nothing. It never makes a severity better: effects may come late, and in any
// order.
//
// Take is the seam between a host of the alert kernel and the pager. The same
// effect may come any number of times: its ID is the key of the act. [ErrNotYet],
// and every error that is not an sre.Problem or an *escalation.Refusal, means to
// bring it again.
func (d *Dispatcher) Take(ctx context.Context, policyID string, e alert.Effect) error {
	if e.Kind != alert.Trigger && e.Kind != alert.Update && e.Kind != alert.Resolve {
		return nil
	}
	var p sre.Problems
	p.CheckID("key", e.Key)
	p.CheckID("id", e.ID)
	if err := p.Err("dispatch"); err != nil {
		return err
	}
	now, _, err := d.Get(ctx, e.Key)
	switch {
	case err != nil:
		return err
	case now.State.Status == escalation.Resolved:
		return nil // a page is opened once: what comes now is late
	case now.State.Status == escalation.None && e.Kind != alert.Trigger:
		return ErrNotYet
	}
	c := Command{Actor: alerts, Key: e.ID}
	switch e.Kind {
	case alert.Trigger:
		_, err = d.TriggerAs(ctx, c, policyID, TriggerOf(e))
	case alert.Resolve:
		_, err = d.Resolve(ctx, e.Key, c)
	case alert.Update:
		if err = d.worsen(ctx, c, e); err == nil {
			c.Note = fit(fmt.Sprintf("%d firing, %d resolved: %s", e.Firing, e.Resolved, e.Summary), escalation.MaxNote)
			_, err = d.AddNote(ctx, e.Key, c)
		}
	}
	return err
}

// worsen takes a severity that is worse: a trigger of an escalation that runs
// does no more, and it counts whenever it comes.
func (d *Dispatcher) worsen(ctx context.Context, c Command, e alert.Effect) error {
	_, err := d.send(ctx, e.Key, c, input{Event: event{escalation.Trigger{ID: e.Key, Severity: e.Severity}}, Running: true})
	var refused *escalation.Refusal
	if errors.As(err, &refused) {
		return nil // it was resolved meanwhile
	}
	return err
}

// TriggerOf returns the trigger that an effect of oncall/alert makes, its texts
// shortened to what is allowed.
func TriggerOf(e alert.Effect) escalation.Trigger {
	var body strings.Builder
	if e.Service != "" {
		fmt.Fprintf(&body, "service %s\n", e.Service)
	}
	fmt.Fprintf(&body, "%d firing %s\n", e.Firing, e.Labels)
	link := ""
	for _, line := range e.Alerts {
		fmt.Fprintf(&body, "- %s: %s\n", line.Severity, line.Summary)
		if link == "" {
			link = line.Link
		}
	}
	return Fit(escalation.Trigger{ID: e.Key, Severity: e.Severity, Title: e.Summary, Body: strings.TrimSpace(body.String()), Link: link})
}

// IntakeHandler returns a handler of effects whose payload is an alert.Effect as
// JSON, for a storage/runner that hosts the alert kernel: route says which policy
// a page goes to, such as routing.Compiled.Route of its first alert. An empty
// policy pages nobody.
func (d *Dispatcher) IntakeHandler(route func(alert.Effect) (policyID string)) runner.Handler {
	return func(ctx context.Context, e runner.Effect) ([]byte, error) {
		var a alert.Effect
		if err := json.Unmarshal(e.Payload, &a); err != nil {
			return nil, fmt.Errorf("%w: dispatch: the effect cannot be read: %w", runner.ErrPermanent, err)
		}
		policy := ""
		if a.Kind == alert.Trigger {
			if policy = route(a); policy == "" {
				return nil, nil
			}
		}
		err := d.Take(ctx, policy, a)
		var refused *escalation.Refusal
		if errors.As(err, &refused) || len(sre.ProblemsIn(err)) > 0 {
			return nil, fmt.Errorf("%w: %w", runner.ErrPermanent, err)
		}
		return nil, err
	}
}
