package budget

import (
	"crypto/sha256"
	"encoding/hex"
	"fmt"
	"slices"
	"time"

	"github.com/sre-sdk/sre"
	"github.com/sre-sdk/sre/slo"
)

// Compiled is a checked policy. It is immutable and safe for concurrent use.
// The zero value decides nothing.
type Compiled struct {
	policy     Policy
	thresholds []threshold
	alerts     []alert
	spans      []time.Duration // of all alerts, sorted, each once
	exempt     [len(purposeNames)]bool
	digest     string
}

// threshold is a Threshold made ready: consumed above the first share crosses
// it, and above the second one keeps up an effect that it has had.
type threshold struct {
	Threshold
	enter, leave           slo.Ratio // 1-Below, 1-(Below+Hysteresis)
	enterFloat, leaveFloat float64
}

// alert is a BurnAlert made ready: the limit on the error ratio is
// perPeriod*period*(1-S) + factor*(1-S), one of which is 0.
type alert struct {
	BurnAlert
	long, short int // indices into Compiled.spans; short == long if there is no short window
	perPeriod   float64
	factor      float64
}

func newCompiled(policy Policy) *Compiled {
	c := &Compiled{policy: policy}
	for _, t := range policy.Thresholds {
		c.thresholds = append(c.thresholds, newThreshold(t, policy.Hysteresis))
	}
	for _, a := range policy.Alerts {
		c.spans = append(c.spans, a.Long, a.shortest())
	}
	slices.Sort(c.spans)
	c.spans = slices.Compact(c.spans)
	for _, a := range policy.Alerts {
		ready := alert{BurnAlert: a, factor: a.Factor.Float(), perPeriod: a.Spend.Float() / float64(a.Long)}
		ready.long, _ = slices.BinarySearch(c.spans, a.Long)
		ready.short, _ = slices.BinarySearch(c.spans, a.shortest())
		c.alerts = append(c.alerts, ready)
	}
	for _, p := range policy.Exempt {
		c.exempt[p] = true
	}
	sum := sha256.Sum256(policy.canonical())
	c.digest = hex.EncodeToString(sum[:])
	return c
}

func newThreshold(t Threshold, hysteresis slo.Ratio) threshold {
	ready := threshold{Threshold: t}
	ready.enter, _ = t.Below.OneMinus() // all three fit, or Compile has refused
	upper, _ := t.Below.Add(hysteresis)
	ready.leave, _ = upper.OneMinus()
	ready.enterFloat, ready.leaveFloat = ready.enter.Float(), ready.leave.Float()
	return ready
}

// Policy returns the policy as it was compiled, defaults filled in.
func (c *Compiled) Policy() Policy { return c.policy.withDefaults() }

// Digest identifies the policy: the SHA-256 of its canonical JSON, in hex.
func (c *Compiled) Digest() string { return c.digest }

// Spans returns the lengths of the windows that the alerts need for an SLO,
// sorted. Alerts that cannot work for it (see Check) need none.
func (c *Compiled) Spans(s *slo.Compiled) []time.Duration {
	var spans []time.Duration
	for i := range c.alerts {
		if a := &c.alerts[i]; a.works(s.PeriodLength(), s.Spec().Budgeting.Slice) {
			spans = append(spans, a.Long, a.shortest())
		}
	}
	slices.Sort(spans)
	return slices.Compact(spans)
}

// works reports whether the alert's windows can be measured for an SLO whose
// period has that length, in slices of that length or 0.
func (a *alert) works(period, slice time.Duration) bool {
	return a.Long < period && (slice == 0 || a.Long%slice == 0 && a.Short%slice == 0)
}

// Check says how the policy and an SLO do not fit together, as one error with
// every [sre.Problem], or nil. The codes are not_below_period (a window as long
// as the budget period) and not_whole_slices, for which decisions leave the
// alert out; unreachable (even a full outage burns too slowly for the factor)
// and too_low (the alert fires at a burn that never spends the budget), for
// which the alert is judged as it stands. Run it once where SLOs and policies
// are reviewed.
func (c *Compiled) Check(s *slo.Compiled) error {
	var p sre.Problems
	for i := range c.alerts {
		c.alerts[i].fits(fmt.Sprintf("alerts[%d]", i), s, &p)
	}
	return p.Err("budget")
}
