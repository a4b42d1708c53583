package policytest

import (
	"testing"
	"time"

	"pgregory.net/rapid"

	"github.com/sre-sdk/sre"
	"github.com/sre-sdk/sre/budget"
	"github.com/sre-sdk/sre/budget/budgettest"
	"github.com/sre-sdk/sre/oncall"
	"github.com/sre-sdk/sre/oncall/alert"
	"github.com/sre-sdk/sre/oncall/escalation"
	"github.com/sre-sdk/sre/oncall/oncalltest"
	"github.com/sre-sdk/sre/oncall/routing"
)

// The quarter that is looked at has both changes of the clocks in it.
var (
	from = time.Date(2026, 3, 1, 0, 0, 0, 0, time.UTC)
	to   = time.Date(2026, 6, 1, 0, 0, 0, 0, time.UTC)
)

func roster(t *testing.T) *escalation.CompiledRoster {
	t.Helper()
	r, err := Roster(from, to.AddDate(0, 0, 1))
	if err != nil {
		t.Fatal(err)
	}
	return r
}

// Every name in the policy exists, and somebody with a telephone stands at its
// end.
func TestPagingIsComplete(t *testing.T) {
	if err := roster(t).Check(Paging.MustCompile()); err != nil {
		t.Error(err)
	}
}

// A P1 rings somebody within five minutes, at every instant of the quarter; the
// app of a sleeping person does not count.
func TestAP1RingsWithinFiveMinutes(t *testing.T) {
	r, err := escalation.Reach(escalation.ReachQuery{
		Policy: Paging.MustCompile(), Roster: roster(t), Severity: 1, From: from, To: to,
		Counts:  []oncall.ContactKind{oncall.Voice},
		Latency: map[oncall.ContactKind]time.Duration{oncall.Voice: 30 * time.Second},
	})
	if err != nil {
		t.Fatal(err)
	}
	for _, late := range r.Over(5 * time.Minute) {
		t.Error(late)
	}
}

// Somebody is paged at once, by whatever contact, whoever is on call or is not:
// what holds for any rota holds for the next one, too. That it rings is for the
// test above.
func TestPagingKeepsItsPromises(t *testing.T) {
	oncalltest.CheckEscalation(t, Paging.MustCompile(), oncalltest.Demands{
		From: from, To: to,
		Within: map[sre.Severity]time.Duration{1: time.Second, 2: time.Second, 3: time.Second, 4: time.Second},
		Never: func(severity sre.Severity, page oncalltest.Event) bool {
			return page.Effect.Person == "mara" && severity > 2 // the manager sleeps
		},
	})
}

// A P1 pages whatever is missing in it.
func TestAP1IsNeverATicket(t *testing.T) {
	policy := Routing.MustCompile()
	rapid.Check(t, func(t *rapid.T) {
		a := alert.Alert{
			Severity: sre.Severity(rapid.IntRange(0, 1).Draw(t, "severity")), // an unknown one counts as the worst
			Service:  rapid.SampledFrom([]string{"", "checkout"}).Draw(t, "service"),
			Labels:   sre.LabelsOf(map[string]string{"team": rapid.SampledFrom([]string{"", "checkout", "other"}).Draw(t, "team")}),
		}
		if d := policy.Route(&a, from); d.Action != routing.Page {
			t.Fatalf("%+v becomes a %s: %v", a, d.Action, d.Reasons)
		}
	})
}

// The rule about Fridays keeps the laws of an error budget policy: a rollback
// passes on a Friday too, and less budget never opens the gate. It breaks one,
// and is meant to: on a Friday a healthy budget does not suffice.
func TestDeploysKeepTheLaws(t *testing.T) {
	for _, law := range budgettest.Laws(Deploys(budget.Workbook().MustCompile())) {
		if law.Name != "a_healthy_budget_passes" {
			t.Run(law.Name, law.Test)
		}
	}
}
