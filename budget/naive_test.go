package budget_test

import (
	"math/big"
	"time"

	"github.com/sre-sdk/sre"
	"github.com/sre-sdk/sre/budget"
	"github.com/sre-sdk/sre/slo"
)

// The naive version is the oracle: every rule in exact rationals, written as
// one would say it, sharing nothing with the engine. It judges fresh, fully
// covered statuses of rolling windows.

func rational(f float64) *big.Rat { return new(big.Rat).SetFloat64(f) }

// naiveBurnAbove reports bad/total > k*(1-S).
func naiveBurnAbove(c slo.Counts, k *big.Rat, objective slo.Objective) bool {
	total := new(big.Rat).Add(rational(c.Good), rational(c.Bad))
	if total.Sign() == 0 {
		return false
	}
	ratio := new(big.Rat).Quo(rational(c.Bad), total)
	return ratio.Cmp(new(big.Rat).Mul(k, objective.Budget().Rat())) > 0
}

// naiveAlerts returns the names of the alerts that fire.
func naiveAlerts(p budget.Policy, st budget.Status) []string {
	var firing []string
	for _, a := range p.Alerts {
		k := a.Factor.Rat()
		if k == nil {
			k = new(big.Rat).Mul(a.Spend.Rat(), big.NewRat(int64(st.SLO().PeriodLength()), int64(a.Long)))
		}
		fires := true
		for _, span := range []time.Duration{a.Long, a.Short} {
			if c, ok := st.Window(span); span > 0 && (!ok || !naiveBurnAbove(c, k, st.SLO().Objective())) {
				fires = false
			}
		}
		if fires {
			firing = append(firing, a.Name)
		}
	}
	return firing
}

// naiveDecide judges a feature on one status without history.
func naiveDecide(p budget.Policy, st budget.Status) sre.Outcome {
	outcome := sre.Allow
	c := st.Measured()
	if total := new(big.Rat).Add(rational(c.Good), rational(c.Bad)); total.Sign() == 0 {
		outcome = sre.Unknown
	} else {
		allowed := new(big.Rat).Mul(total, st.SLO().Objective().Budget().Rat())
		remaining := new(big.Rat).Sub(big.NewRat(1, 1), new(big.Rat).Quo(rational(c.Bad), allowed))
		for _, t := range p.Thresholds {
			if remaining.Cmp(t.Below.Rat()) < 0 && t.Criticality == nil {
				outcome = sre.Worst(outcome, t.Effect)
			}
		}
	}
	firing := naiveAlerts(p, st)
	for _, a := range p.Alerts {
		for _, name := range firing {
			if a.Name == name {
				outcome = sre.Worst(outcome, a.Effect)
			}
		}
	}
	return outcome
}
