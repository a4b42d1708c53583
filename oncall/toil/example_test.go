package toil_test

import (
	"fmt"
	"time"

	"github.com/sre-sdk/sre/oncall/toil"
)

// What to automate next, and whether there is too much toil.
func Example() {
	from := time.Date(2026, 3, 1, 0, 0, 0, 0, time.UTC)
	at := func(day int) time.Time { return from.AddDate(0, 0, day) }
	facts := toil.Facts{
		From: from, To: at(30), Worked: 20 * time.Hour,
		Tasks: []toil.Task{
			{ID: "restart-worker", Criteria: toil.All(toil.Yes), Cost: 12 * time.Hour, Residual: 10 * time.Minute},
			{ID: "design-review", Criteria: toil.All(toil.No)},
		},
		Entries: []toil.Entry{
			{ID: "1", Task: "restart-worker", At: at(2), Spent: 2 * time.Hour, Source: toil.Paged},
			{ID: "2", Task: "restart-worker", At: at(9), Spent: 3 * time.Hour, Source: toil.Paged},
			{ID: "3", Task: "restart-worker", At: at(20), Spent: 90 * time.Minute, Source: toil.Run},
			{ID: "4", Task: "design-review", At: at(21), Spent: 12 * time.Hour},
		},
		Savings:    []toil.Saving{{Task: "rotate-certificates", Times: 30, PerTime: 20 * time.Minute, Upkeep: time.Hour}},
		Reinvested: []toil.Reinvestment{{ID: "sharding", Spent: 6 * time.Hour}},
	}
	report, err := toil.Policy{Name: "storage"}.MustCompile().Measure(facts, at(31))
	if err != nil {
		fmt.Println(err)
		return
	}
	fmt.Print(report.Explain())
	// Output:
	// storage from 2026-03-01T00:00:00Z to 2026-03-31T00:00:00Z
	//   recorded   6.50h toil + 12h other + 0h undecided = 18.50h
	//   coverage   18.50h / 20h worked = 92.50%, at least 90%
	//   share      6.50h / 18.50h recorded = 35.14%, at most 50%
	//   at most    (6.50h toil + 0h undecided + 1.50h without entry) / 20h worked = 40.00%
	//   allow: at most 50% of the time is toil
	// restart-worker: pays_back
	//   saves      6.50h - 3 * 10m0s residual - 0h upkeep = 6h in 30.0d
	//   payback    12h cost * 30.0d / 6h = 60.0d, on 2026-05-31
	// ledger
	//   open       9h saved - 6h reinvested = 3h
}

// Unknown answers never make toil: a page is tactical, a third time is
// repetitive, and the rest has to be said.
func ExampleCompiled_Judge() {
	policy := toil.Policy{}.MustCompile()
	page := toil.Entry{ID: "1", Task: "disk-full", Source: toil.Paged}
	fmt.Println(policy.Judge(page, toil.Task{}, 3).Verdict)

	page.Criteria[toil.Manual], page.Criteria[toil.NoEnduringValue] = toil.Yes, toil.Yes
	fmt.Println(policy.Judge(page, toil.Task{}, 3).Verdict)
	fmt.Println(policy.Judge(page, toil.Task{}, 1).Verdict)
	// Output:
	// undecided
	// toil
	// undecided
}
