package budget

import (
	"time"

	"github.com/sre-sdk/sre"
	"github.com/sre-sdk/sre/slo"
)

// Workbook is the example error budget policy of the SRE Workbook (appendix
// B): when the budget of the preceding four weeks is exceeded, changes stop
// except for emergencies and security fixes until the service is back within
// its SLO. It goes with a rolling window of 28 days, as there, and works with
// any other. Burn alerts warn.
//
// The book's text stops reliability releases as well; here they go on with a
// warning. Set FreezeReliability to follow it to the letter.
func Workbook() Policy {
	return Policy{
		Name:       "workbook",
		Thresholds: []Threshold{{Name: "exhausted", Below: zero, Effect: sre.Deny}},
		Alerts:     WorkbookAlerts(),
	}
}

// SLOGenerator is the default policy of google/slo-generator: burn rates above
// 9 over 1 h, 3 over 12 h and 1.5 over 7 d warn, and a budget of 28 days that
// is spent stops releases. It goes with a rolling window of 28 days. The
// comparison uses the exact burn rate, where slo-generator compares one that
// it has rounded to a decimal.
func SLOGenerator() Policy {
	return Policy{
		Name:       "slo-generator",
		Thresholds: []Threshold{{Name: "freeze-release", Below: zero, Effect: sre.Deny}},
		Alerts: []BurnAlert{
			{Name: "1h", Long: time.Hour, Factor: slo.MustParseRatio("9"), Severity: Page},
			{Name: "12h", Long: 12 * time.Hour, Factor: slo.MustParseRatio("3"), Severity: Page},
			{Name: "7d", Long: 7 * 24 * time.Hour, Factor: slo.MustParseRatio("1.5"), Severity: Ticket},
		},
	}
}

// Tiered blocks by how critical the service is: high and critical ones warn
// below 20 % of the budget and are denied below 10 %; standard and low ones
// only warn, below 20 % and 30 %. These are the levels of the nthlayer deploy
// gate; High, which it does not know, is treated as Critical.
func Tiered() Policy {
	critical := []slo.Criticality{slo.High, slo.Critical}
	return Policy{
		Name: "tiered",
		Thresholds: []Threshold{
			{Name: "critical-warn", Below: slo.MustParseRatio("20%"), Effect: sre.Warn, Criticality: critical},
			{Name: "critical-block", Below: slo.MustParseRatio("10%"), Effect: sre.Deny, Criticality: critical},
			{Name: "standard-warn", Below: slo.MustParseRatio("20%"), Effect: sre.Warn, Criticality: []slo.Criticality{slo.Standard}},
			{Name: "low-warn", Below: slo.MustParseRatio("30%"), Effect: sre.Warn, Criticality: []slo.Criticality{slo.Low}},
		},
	}
}

// Preset returns the policy of that name: "workbook", "slo-generator" or
// "tiered".
func Preset(name string) (Policy, error) {
	for _, p := range []Policy{Workbook(), SLOGenerator(), Tiered()} {
		if p.Name == name {
			return p, nil
		}
	}
	return Policy{}, sre.NewProblem("", "unknown_preset", name, "workbook, slo-generator or tiered")
}
