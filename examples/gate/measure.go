package main

import (
	"context"

	"github.com/sre-sdk/sre/budget"
	"github.com/sre-sdk/sre/examples/gate/internal/recording"
)

// A report is everything that is printed.
type report struct {
	decision  budget.Decision
	burndowns []burndown        // one for each SLO that could be measured, if they will be shown
	charts    bool              // show the burn-downs as text
	moment    *recording.Moment // what was played back, or nil
}

// measure reads every SLO, decides, and then, if that will be shown, reads how
// the budgets came to be where they are.
func measure(ctx context.Context, o options, progress func(string, ...any)) report {
	var statuses []budget.Status
	for _, s := range o.slos {
		progress("measuring %s", s.ID())
		statuses = append(statuses, budget.Read(ctx, o.source, s, o.policy, o.source.at))
	}
	r := report{
		decision: o.policy.Decide(statuses, o.change, o.previous, o.now),
		charts:   o.charts(),
		moment:   o.source.moment,
	}
	if !r.charts && o.svg == "" {
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

// charts reports whether there is a page for charts, and a past to draw.
func (o *options) charts() bool {
	if !o.chart || !o.source.past {
		return false
	}
	return o.output == formatText || o.output == formatMarkdown || o.output == formatGitHub && o.summary != ""
}
