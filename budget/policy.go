package budget

import (
	"fmt"
	"slices"
	"time"

	"github.com/sre-sdk/sre"
	"github.com/sre-sdk/sre/slo"
)

// A Policy says what the state of budgets means for changes. It is a plain
// value; [Policy.Compile] checks it once, and only the [Compiled] form decides.
type Policy struct {
	Name string // an ID; default: "policy"

	Thresholds []Threshold // on the remaining budget; see [Threshold]
	Alerts     []BurnAlert // on how fast it is spent; see [BurnAlert]

	// Exempt are the purposes that always pass, whatever the budget, also when
	// it is unknown. Default (nil): rollback, emergency, security. An empty
	// slice that is not nil exempts nothing.
	Exempt []Purpose

	// FreezeReliability makes a freeze hold back reliability work as well.
	// Default: what holds or denies a feature only warns a reliability change,
	// because it is how the budget comes back. An unknown budget never passes
	// either of them.
	FreezeReliability bool

	// ForecastCalendar judges thresholds of events in a calendar window by the
	// budget of the whole period, forecast from the mean rate so far, instead of
	// the budget of the events so far. With it a few errors on the first of the
	// month do not freeze the month; without it they cannot hide in a forecast.
	// Slices and rolling windows know their whole budget and are not concerned.
	ForecastCalendar bool

	// Hysteresis keeps decisions from flapping at a threshold: once the verdict
	// has been as bad as a threshold's effect, remaining must rise this far above
	// the threshold to end the effect. The verdict before is all that is known,
	// so it counts the same if another SLO or an alert made it so bad. With no
	// threshold may it make more than 100%. Default: 0.
	Hysteresis slo.Ratio

	// MinCoverage is the least share of the budget period that must have been
	// measured; with less the budget is unknown. Default: 90%.
	MinCoverage slo.Ratio

	// MinAlertCoverage is the same for each window of an alert. It is lower by
	// default, 50%, because one lost scrape is a fifth of a five-minute window.
	MinAlertCoverage slo.Ratio

	// MaxAge is how old a Status may be when it is judged, at most
	// [slo.MaxWindow]. Default: 15m.
	MaxAge time.Duration

	// ScrapeInterval is how often the metrics are scraped or the alerts
	// evaluated, whichever is slower; the shortest window of each alert must hold
	// four. Default: 1m.
	ScrapeInterval time.Duration
}

// A Threshold has its effect while the remaining budget is below a share.
type Threshold struct {
	Name string // required; an ID, unique in the policy

	// Below is the share of the budget, such as 10%, or 0 for an exhausted
	// budget, or negative for an overspent one; at most 100%. The comparison is
	// strict and exact: remaining equal to Below has no effect.
	Below slo.Ratio

	Effect sre.Outcome // Warn or Deny; required

	// Criticality limits the threshold to SLOs of services that are as
	// critical. Default (nil): all. An empty list is refused.
	Criticality []slo.Criticality
}

// Defaults of a [Policy].
const (
	DefaultMaxAge         = 15 * time.Minute
	DefaultScrapeInterval = time.Minute
)

var (
	defaultMinCoverage      = slo.MustParseRatio("90%")
	defaultMinAlertCoverage = slo.MustParseRatio("50%")
	defaultExempt           = []Purpose{Rollback, Emergency, Security}
	zero                    = slo.MustParseRatio("0")
)

// Compile checks the policy, fills in the defaults and returns the form that
// decides. The error carries every [sre.Problem] at once.
func (policy Policy) Compile() (*Compiled, error) {
	policy = policy.withDefaults()
	var p sre.Problems
	p.CheckID("name", policy.Name)
	policy.checkKnobs(&p)
	if len(policy.Thresholds)+len(policy.Alerts) == 0 {
		p.Add("thresholds", "missing", nil, "at least one threshold or alert: without any, everything would pass")
	}
	if len(policy.Thresholds) > MaxThresholds {
		p.Add("thresholds", "too_many", len(policy.Thresholds), fmt.Sprintf("at most %d", MaxThresholds))
	}
	if len(policy.Alerts) > MaxAlerts {
		p.Add("alerts", "too_many", len(policy.Alerts), fmt.Sprintf("at most %d", MaxAlerts))
	}
	names := map[string]bool{}
	unique := func(path, name string) {
		if names[name] {
			p.Add(path+".name", "duplicate", name, "a name that no other threshold or alert has")
		}
		names[name] = true
	}
	for i, t := range policy.Thresholds {
		path := fmt.Sprintf("thresholds[%d]", i)
		t.check(path, policy.Hysteresis, &p)
		unique(path, t.Name)
	}
	for i, a := range policy.Alerts {
		path := fmt.Sprintf("alerts[%d]", i)
		a.check(path, policy.ScrapeInterval, &p)
		unique(path, a.Name)
	}
	if err := p.Err("budget"); err != nil {
		return nil, err
	}
	return newCompiled(policy), nil
}

// MustCompile is Compile for policies that are part of the program; it panics
// on an invalid one.
func (policy Policy) MustCompile() *Compiled {
	c, err := policy.Compile()
	if err != nil {
		panic(err)
	}
	return c
}

// withDefaults returns a copy that shares nothing with policy.
func (policy Policy) withDefaults() Policy {
	if policy.Name == "" {
		policy.Name = "policy"
	}
	policy.Thresholds = slices.Clone(policy.Thresholds)
	for i, t := range policy.Thresholds {
		policy.Thresholds[i].Criticality = slices.Clone(t.Criticality)
	}
	policy.Alerts = slices.Clone(policy.Alerts)
	for i, a := range policy.Alerts {
		if a.Effect == sre.Unknown {
			policy.Alerts[i].Effect = sre.Warn
		}
	}
	if policy.Exempt == nil {
		policy.Exempt = defaultExempt
	}
	policy.Exempt = slices.Clone(policy.Exempt)
	setDefault(&policy.Hysteresis, zero)
	setDefault(&policy.MinCoverage, defaultMinCoverage)
	setDefault(&policy.MinAlertCoverage, defaultMinAlertCoverage)
	if policy.MaxAge == 0 {
		policy.MaxAge = DefaultMaxAge
	}
	if policy.ScrapeInterval == 0 {
		policy.ScrapeInterval = DefaultScrapeInterval
	}
	return policy
}

func setDefault(r *slo.Ratio, value slo.Ratio) {
	if !r.IsSet() {
		*r = value
	}
}

func (policy Policy) checkKnobs(p *sre.Problems) {
	for _, r := range []struct {
		path  string
		value slo.Ratio
	}{{"hysteresis", policy.Hysteresis}, {"min_coverage", policy.MinCoverage}, {"min_alert_coverage", policy.MinAlertCoverage}} {
		if r.value.Sign() < 0 || r.value.Compare(one) > 0 {
			p.Add(r.path, "out_of_range", r.value, "0% to 100%")
		}
	}
	if policy.MinCoverage.Sign() == 0 {
		p.Add("min_coverage", "out_of_range", policy.MinCoverage, "more than 0%: a budget that was not measured is unknown")
	}
	for _, d := range []struct {
		path  string
		value time.Duration
	}{{"max_age", policy.MaxAge}, {"scrape_interval", policy.ScrapeInterval}} {
		if d.value < 0 || d.value > slo.MaxWindow {
			p.Add(d.path, "out_of_range", d.value, "a positive duration of at most 9600h (400 days)")
		}
	}
	for i, purpose := range policy.Exempt {
		path := fmt.Sprintf("exempt[%d]", i)
		switch {
		case purpose == PurposeUnknown || int(purpose) >= len(purposeNames):
			p.Add(path, "unknown_purpose", purpose, "a declared Purpose")
		case purpose == Feature:
			p.Add(path, "not_allowed", purpose, "any other purpose: a policy that exempts features gates nothing")
		}
	}
}

func (t Threshold) check(path string, hysteresis slo.Ratio, p *sre.Problems) {
	p.CheckID(path+".name", t.Name)
	_, enterFits := t.Below.OneMinus()
	upper, upperFits := t.Below.Add(hysteresis)
	_, leaveFits := upper.OneMinus()
	switch {
	case !t.Below.IsSet():
		p.Add(path+".below", "missing", nil, "a share of the budget, such as 10%, or 0 for an exhausted one")
	case t.Below.Compare(one) > 0:
		p.Add(path+".below", "out_of_range", t.Below, "at most 100%")
	case !enterFits || !upperFits || !leaveFits:
		p.Add(path+".below", "too_precise", t.Below, "a share that with the hysteresis makes a fraction of 64-bit numbers")
	case hysteresis.Compare(one) <= 0 && upper.Compare(one) > 0:
		p.Add(path+".below", "out_of_range", t.Below, fmt.Sprintf("at most 100%% with the hysteresis of %s: no budget could rise above that, so the effect would never end", hysteresis.Percent()))
	}
	if t.Effect != sre.Warn && t.Effect != sre.Deny {
		p.Add(path+".effect", "not_allowed", t.Effect, "warn or deny")
	}
	if t.Criticality != nil && len(t.Criticality) == 0 {
		p.Add(path+".criticality", "empty", nil, "at least one criticality, or none at all for every service")
	}
	for i, c := range t.Criticality {
		if c == slo.CriticalityUnset || c > slo.Critical {
			p.Add(fmt.Sprintf("%s.criticality[%d]", path, i), "unknown_value", c, "low, standard, high or critical")
		}
	}
}

// appliesTo reports whether the threshold speaks of services that critical.
func (t Threshold) appliesTo(c slo.Criticality) bool {
	return t.Criticality == nil || slices.Contains(t.Criticality, c)
}
