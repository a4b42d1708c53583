package main

import (
	"context"

	"github.com/sre-sdk/sre/budget"
	"github.com/sre-sdk/sre/examples/gate/internal/recording"
)

// A report is everything that is printed.
type report struct {
	decision  budget.Decision
	burndowns []burndown        // one for each SLO that could be measured, if they were asked for
	moment    *recording.Moment // what was played back, or nil
}

// measure reads every SLO, decides, and then, if somebody will look at it,
// reads how the budgets came to be where they are.
func measure(ctx context.Context, o options, progress func(string, ...any)) report {
	var statuses []budget.Status
	for _, s := range o.slos {
		progress("measuring %s", s.ID())
		statuses = append(statuses, budget.Read(ctx, o.source, s, o.policy, o.source.at))
	}
	r := report{
		decision: o.policy.Decide(statuses, o.change, o.previous, o.now),
		moment:   o.source.moment,
	}
	if !o.draws() {
		return r
	}
	for _, st := range statuses {
		if _, known := st.Remaining(); known {
			progress("measuring the past of %s", st.SLO().ID())
			r.burndowns = append(r.burndowns, burnDown(ctx, o.source, st))
		}
	}
	return r
}

// draws reports whether burn-downs will be shown.
func (o *options) draws() bool {
	return o.source.past && (o.svg != "" || o.chart && o.output != formatJSON)
}
