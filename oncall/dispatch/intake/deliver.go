package intake

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"

	"github.com/sre-sdk/sre"
	"github.com/sre-sdk/sre/oncall/alert"
	"github.com/sre-sdk/sre/storage/runner"
)

// page performs an effect of a group that pages.
func (x *Intake) page(ctx context.Context, e runner.Effect) ([]byte, error) {
	j, err := jobOf(e)
	if err != nil {
		return nil, err
	}
	if err := x.rememberTrigger(ctx, j.Effect); err != nil {
		return nil, err
	}
	err = x.c.Pages.Take(ctx, j.Target.Policy, j.Effect)
	if other := x.policies.Load().fallback; unknownPolicy(err) && other != j.Target.Policy {
		x.c.Log.Error("intake: the escalation policy is not known; the default takes over", "policy", j.Target.Policy, "default", other, "page", j.Effect.Key)
		err = x.c.Pages.Take(ctx, other, j.Effect)
	}
	if j.Effect.Kind != alert.Trigger && isRefusal(err) {
		return nil, fmt.Errorf("%w: %w", runner.ErrPermanent, err) // somebody is paged already, and nothing mends this
	}
	return nil, err
}

// codeUnknownPolicy is dispatch.CodeUnknownPolicy.
const codeUnknownPolicy = "unknown_policy"

func unknownPolicy(err error) bool {
	for _, p := range sre.ProblemsIn(err) {
		if p.Code == codeUnknownPolicy {
			return true
		}
	}
	return false
}

// ticket performs an effect of a group that makes tickets.
func (x *Intake) ticket(ctx context.Context, e runner.Effect) ([]byte, error) {
	j, err := jobOf(e)
	if err != nil {
		return nil, err
	}
	if x.c.Tickets == nil {
		return nil, errors.New("intake: this process keeps no tickets; another one may")
	}
	return nil, x.c.Tickets(ctx, Ticket{Owner: j.Target.Owner, Policy: j.Target.Policy, Route: j.Target.Route, Effect: j.Effect})
}

func jobOf(e runner.Effect) (job, error) {
	var j job
	if err := json.Unmarshal(e.Payload, &j); err != nil {
		return j, fmt.Errorf("%w: intake: the effect cannot be read: %w", runner.ErrPermanent, err)
	}
	return j, nil
}
