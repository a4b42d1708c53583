package recovery_test

import (
	"fmt"

	"github.com/sre-sdk/sre/incident"
	"github.com/sre-sdk/sre/incident/recovery"
	"github.com/sre-sdk/sre/slo"
)

// Ten minutes after the errors have ended: may the incident be closed?
func Example() {
	good, bad := constant(90, 1000), constant(90, 0)
	for i := 60; i < 80; i++ {
		good[i], bad[i] = 900, 100
	}
	series := minutes(good, bad)

	p := recovery.Policy{ID: "over"}.MustCompile()
	d := p.Decide(recovery.Facts{Series: []recovery.Series{series}}, minute(90))
	fmt.Println(d.Finding, "before", d.Earliest.Format("15:04"))
	fmt.Println(d.Reasons[0].Text)

	change, _ := recovery.FindImpact(&series, slo.MustParseRatio("95%"))
	state := incident.State{}
	state.Marks[incident.DetectedAt] = incident.Mark{At: minute(77)}
	for _, r := range recovery.Reconcile(&state, &change) {
		fmt.Println(r.Reason.Text)
	}
	im, _ := recovery.Measure(&series, recovery.Scope{Begin: change.Begin.At, End: change.End.At, PeriodEvents: 43_200_000})
	for _, r := range im.Reasons {
		fmt.Println(r.Text)
	}
	// Output:
	// not_recovered before 11:34
	// checkout: at 2026-03-02T10:30:00Z the burn rate over 1h0m0s was above 1: 2000 of 60000 events failed, of which 1/1000 may
	// nobody has said when the impact began; by the data at 2026-03-02T10:00:00Z (2026-03-02T09:59:00Z to 2026-03-02T10:01:00Z)
	// the impact began 17m0s before detection (16m0s to 18m0s)
	// in the 1h0m0s before 0 of 60000 events failed
	// 2000 of 20000 events failed, 2000 more than usual
	// they have spent 5/108 of the budget, which is 43200 of 43200000 events
}
