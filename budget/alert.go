package budget

import (
	"fmt"
	"math/big"
	"time"

	"github.com/sre-sdk/sre"
	"github.com/sre-sdk/sre/slo"
)

// A BurnAlert fires while the budget burns faster than a factor over a long
// window, which says that it matters, and also over a short one, which says
// that it still goes on (SRE Workbook, chapter 5, "Multiwindow, Multi-Burn-Rate
// Alerts"). The comparison is strict: a burn rate equal to the factor does not
// fire.
type BurnAlert struct {
	Name string // required; an ID, unique in the policy

	// Long and Short are the windows. Short 0 means that the alert has only the
	// long one, and so keeps firing for up to Long after the cause has ended.
	Long, Short time.Duration

	// Exactly one of Spend and Factor is set. Spend is the share of the whole
	// period's budget that is gone when the alert fires; it makes the factor
	// Spend*period/Long, and so holds for a period of any length. Factor is the
	// burn rate itself, for periods of one length.
	Spend, Factor slo.Ratio

	// Effect is what a change meets while the alert fires: Warn (the default),
	// Hold or Deny. Hold says "ask again when the short window can be clean".
	Effect sre.Outcome

	Severity sre.Severity // how urgent it is for people; carried, not judged
}

// The severities of the Workbook's alerts on the default scale.
const (
	Page   sre.Severity = 1
	Ticket sre.Severity = 3
)

// WorkbookAlerts returns the four alerts of the Workbook for any period: the
// three of its table 5-8 (pages at 2 % in 1 h and 5 % in 6 h, a ticket at 10 %
// in 3 d) and the ticket at 10 % in 24 h of its PromQL example, each with a
// short window of a twelfth. For 30 days the factors are 14.4, 6, 3 and 1.
func WorkbookAlerts() []BurnAlert {
	return []BurnAlert{
		{Name: "page-1h", Long: time.Hour, Short: 5 * time.Minute, Spend: slo.MustParseRatio("2%"), Severity: Page},
		{Name: "page-6h", Long: 6 * time.Hour, Short: 30 * time.Minute, Spend: slo.MustParseRatio("5%"), Severity: Page},
		{Name: "ticket-1d", Long: 24 * time.Hour, Short: 2 * time.Hour, Spend: slo.MustParseRatio("10%"), Severity: Ticket},
		{Name: "ticket-3d", Long: 72 * time.Hour, Short: 6 * time.Hour, Spend: slo.MustParseRatio("10%"), Severity: Ticket},
	}
}

// ScaledAlerts returns four alerts with the fixed factors 14, 7, 2 and 1 whose
// windows scale with the period: 1 h, 6 h, 1 d and 4 d for 28 days, each with
// its short window, rounded to whole minutes. This is the other school: the
// share spent at detection stays nearly the same and the windows change. The
// period must be at least seven days, where the shortest window is a minute:
// below about four weeks set ScrapeInterval to what you have, because the
// default of a minute needs short windows of four.
func ScaledAlerts(period time.Duration) ([]BurnAlert, error) {
	if period < 7*24*time.Hour || period > slo.MaxWindow {
		return nil, sre.Problem{Path: "period", Code: "out_of_range", Value: period.String(), Want: "7 to 400 days"}
	}
	var alerts []BurnAlert
	for _, a := range []struct {
		name        string
		long, short time.Duration // as divisors of the period
		factor      int64
		severity    sre.Severity
	}{
		{"page-fast", 672, 8064, 14, Page},
		{"page-slow", 112, 1344, 7, Page},
		{"ticket-fast", 28, 336, 2, Ticket},
		{"ticket-slow", 7, 112, 1, Ticket},
	} {
		factor, _ := slo.NewRatio(a.factor, 1)
		alerts = append(alerts, BurnAlert{Name: a.name, Factor: factor, Severity: a.severity,
			Long: (period / a.long).Round(time.Minute), Short: (period / a.short).Round(time.Minute)})
	}
	return alerts, nil
}

// BurnFactor returns the burn rate above which the alert fires for a budget
// period of that length; exact unless it leaves the range of a [slo.Ratio],
// when it is not set.
func (a BurnAlert) BurnFactor(period time.Duration) slo.Ratio {
	if a.Factor.IsSet() || a.Long <= 0 {
		return a.Factor
	}
	scale, err := slo.NewRatio(int64(period), int64(a.Long))
	if err != nil {
		return slo.Ratio{}
	}
	k, _ := a.Spend.Mul(scale)
	return k
}

// exactFactor is BurnFactor without a limit to its range; nil if there is none.
func (a BurnAlert) exactFactor(period time.Duration) *big.Rat {
	if a.Factor.IsSet() || a.Long <= 0 || !a.Spend.IsSet() {
		return a.Factor.Rat()
	}
	k := big.NewRat(int64(period), int64(a.Long))
	return k.Mul(k, a.Spend.Rat())
}

// DetectionTime returns how long a constant error ratio e (0..1) must last,
// from zero errors before it, until the alert fires: Long*k*(1-S)/e. It is
// false if the alert never fires at that ratio, or if the alert or the
// objective is not set. The time to scrape and to evaluate comes on top.
func (a BurnAlert) DetectionTime(objective slo.Objective, period time.Duration, e float64) (time.Duration, bool) {
	limit, ok := a.limit(objective, period)
	if !ok || !(e > limit) {
		return 0, false
	}
	return time.Duration(float64(a.Long) * limit / e), true
}

// ResetTime returns how long the alert keeps firing after a constant error
// ratio e (0..1) has ended: the shorter of the two windows w less w*k*(1-S)/e.
// It holds for faults that lasted long enough to fill that window.
func (a BurnAlert) ResetTime(objective slo.Objective, period time.Duration, e float64) (time.Duration, bool) {
	limit, ok := a.limit(objective, period)
	if !ok || !(e > limit) {
		return 0, false
	}
	return time.Duration(float64(a.shortest()) * (1 - limit/e)), true
}

// limit is the error ratio above which the alert fires, k*(1-S), as a float;
// false if there is none.
func (a BurnAlert) limit(objective slo.Objective, period time.Duration) (float64, bool) {
	limit := a.exactLimit(objective, period)
	if limit == nil || limit.Sign() <= 0 {
		return 0, false
	}
	f, _ := limit.Float64()
	return f, true
}

// exactLimit is limit, exactly; nil if there is none.
func (a BurnAlert) exactLimit(objective slo.Objective, period time.Duration) *big.Rat {
	k := a.exactFactor(period)
	if k == nil || !objective.IsSet() {
		return nil
	}
	return k.Mul(k, objective.Budget().Rat())
}

func (a BurnAlert) shortest() time.Duration {
	if a.Short > 0 {
		return a.Short
	}
	return a.Long
}

// Limits on a policy, part of its contract.
const (
	MaxAlerts     = 32
	MaxThresholds = 32
)

func (a BurnAlert) check(path string, scrape time.Duration, p *sre.Problems) {
	p.CheckID(path+".name", a.Name)
	if a.Long < time.Minute || a.Long > slo.MaxWindow {
		p.Add(path+".long", "out_of_range", a.Long, "1m to 9600h (400 days)")
	}
	const scrapes = "at least four scrape intervals of %s: fewer samples make the rate unreliable"
	switch {
	case a.Short < 0 || a.Short > 0 && a.Short >= a.Long:
		p.Add(path+".short", "out_of_range", a.Short, "less than long, or 0 for none")
	case a.Short > 0 && a.Short/4 < scrape: // 4*scrape could overflow
		p.Add(path+".short", "too_short", a.Short, fmt.Sprintf(scrapes, scrape))
	case a.Short == 0 && a.Long >= time.Minute && a.Long/4 < scrape:
		p.Add(path+".long", "too_short", a.Long, fmt.Sprintf(scrapes, scrape))
	}
	switch {
	case a.Spend.IsSet() && a.Factor.IsSet():
		p.Add(path+".factor", "conflict", a.Factor, "either spend or factor, not both")
	case a.Factor.IsSet():
		if a.Factor.Compare(one) < 0 {
			p.Add(path+".factor", "too_low", a.Factor, "at least 1: a slower burn does not spend the budget")
		}
	case !a.Spend.IsSet():
		p.Add(path+".spend", "missing", nil, "the share of the budget spent when it fires, such as 2%, or a factor")
	case a.Spend.Sign() <= 0 || a.Spend.Compare(one) >= 0:
		p.Add(path+".spend", "out_of_range", a.Spend, "more than 0% and less than 100%")
	}
	switch a.Effect {
	case sre.Warn, sre.Hold, sre.Deny:
	default:
		p.Add(path+".effect", "not_allowed", a.Effect, "warn, hold or deny")
	}
}

// one is the whole of a budget, and the burn rate that just spends it.
var one = slo.MustParseRatio("1")

// fits says why the alert cannot work for an SLO, as a problem below path.
// Each is a rule that the alert's numbers must keep for the period and the
// objective, however sound they are alone.
func (a BurnAlert) fits(path string, s *slo.Compiled, p *sre.Problems) {
	period := s.PeriodLength()
	if a.Long >= period {
		p.Add(path+".long", "not_below_period", a.Long, fmt.Sprintf("less than the budget period of %s, %s", s.ID(), period))
		return
	}
	if a.exactLimit(s.Objective(), period).Cmp(big.NewRat(1, 1)) >= 0 {
		p.Add(path, "unreachable", a.factorText(period), fmt.Sprintf("a factor below %s: with the objective %s even a full outage burns no faster",
			trimFloat(1/s.Objective().Budget().Float()), s.Objective()))
	}
	if a.Spend.IsSet() && a.exactFactor(period).Cmp(big.NewRat(1, 1)) < 0 {
		p.Add(path+".spend", "too_low", a.Spend, fmt.Sprintf("at least %s for %s: below that it fires at a burn that never spends the budget",
			trimFloat(100*float64(a.Long)/float64(period))+"%", s.ID()))
	}
	if slice := s.Spec().Budgeting.Slice; slice > 0 && (a.Long%slice != 0 || a.Short%slice != 0) {
		p.Add(path+".long", "not_whole_slices", a.Long, fmt.Sprintf("windows of whole slices of %s", slice))
	}
}
