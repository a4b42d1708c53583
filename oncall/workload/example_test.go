package workload_test

import (
	"fmt"
	"time"

	"github.com/sre-sdk/sre/oncall"
	"github.com/sre-sdk/sre/oncall/schedule"
	"github.com/sre-sdk/sre/oncall/workload"
)

// Measure a month of a schedule.
func Example() {
	from, to := time.Date(2026, 3, 1, 23, 0, 0, 0, time.UTC), time.Date(2026, 3, 29, 22, 0, 0, 0, time.UTC) // four weeks, less an hour in spring
	rota := schedule.Schedule{
		ID: "checkout", Zone: "Europe/Berlin",
		Layers: []schedule.Layer{{
			Name: "week", Members: schedule.Each("ann", "bob", "cat", "dan"), Anchor: "2026-03-02 00:00", Turn: schedule.Weeks(1),
		}},
	}.MustCompile(from, to)
	policy := workload.Policy{
		Zone:   "Europe/Berlin",
		People: []workload.Person{{ID: "ann"}, {ID: "bob"}, {ID: "cat"}, {ID: "dan"}, {ID: "eve"}},
	}.MustCompile()

	report, err := policy.Measure(workload.Facts{
		From: from, To: to,
		Shifts: workload.FromSchedule(rota.Flatten(from, to)),
		Pages: []workload.Page{
			{At: from.Add(30 * time.Hour), Person: "ann"}, {At: from.Add(33 * time.Hour), Person: "ann"}, {At: from.Add(40 * time.Hour), Person: "ann"},
		},
	})
	if err != nil {
		fmt.Println(err)
		return
	}
	for _, f := range report.Findings {
		fmt.Println(f)
	}
	fmt.Print(report.Explain("dan"))
	// Output:
	// 2026-03-01T23:00:00Z zero_hours: eve is never on call
	// 2026-03-03T15:00:00Z too_many_incidents: ann has 3 incidents within 12h0m0s, more than 2
	// 2026-03-08T22:45:00Z share_too_high: ann is on call for 25.04% of the time, more than 25%
	// 2026-03-15T22:45:00Z share_too_high: bob is on call for 25.04% of the time, more than 25%
	// 2026-03-22T22:45:00Z share_too_high: cat is on call for 25.04% of the time, more than 25%
	// dan, by the clock of Europe/Berlin
	//   on call    40h work + 40h off + 40h night + 47h weekend + 0h holiday = 167h
	//   share      167h / 671h = 24.89%, at most 25%
	//   incidents  0 in all, at most 0 in any 12h; allowed 2
	// score of the schedule
	//   even       (79.88% of hours + 79.64% of nights + 79.58% of weekends) / 3 = 79.70%
	//   total      (100.00% covered + 79.70% even) / 2 = 89.85%
}

// What an edit would lead to is judged before it is made.
func ExampleLimits_Check() {
	friday := time.Date(2026, 3, 6, 18, 0, 0, 0, time.UTC)
	found, err := workload.Limits{MaxRun: 48 * time.Hour, MinRest: 11 * time.Hour}.Check([]workload.Shift{
		{Person: "ann", Start: friday, End: friday.Add(24 * time.Hour)},
		{Person: "ann", Start: friday.Add(24 * time.Hour), End: friday.Add(60 * time.Hour)},
		{Person: "ann", Start: friday.Add(64 * time.Hour), End: friday.Add(72 * time.Hour)},
	})
	fmt.Println(err)
	for _, f := range found {
		fmt.Println(f)
	}
	// Output:
	// <nil>
	// 2026-03-08T18:00:00Z run_too_long: ann is on call for 60h0m0s without a break, more than 48h0m0s
	// 2026-03-09T10:00:00Z rest_too_short: ann rests for 4h0m0s, less than 11h0m0s
}

// The sizes of the SRE book, chapter 11: eight at one site, six at each of two.
func ExampleNeed_Size() {
	one, _ := workload.Need{Roles: 2, MaxPercent: 25}.Size()
	two, _ := workload.Need{Roles: 2, MaxPercent: 25, Sites: 2, CriticalMass: 6}.Size()
	fmt.Println(one.PerSite, two.PerSite)
	fmt.Print(two.Explain())
	// Output:
	// 8 6
	// by share       2 roles * 168h / (2 sites * 168h * 25%), rounded up = 4
	// at once        2 roles
	// critical mass  6
	// needed         6 a site, 12 in all
	// at most        2 roles * 2184h * 168h / (2 sites * 168h * 168h), rounded down = 13 a site
}

// How often a shift of 12 hours has more than two incidents.
func ExampleExceeds() {
	for _, mean := range []float64{0.5, 1, 2} {
		fmt.Printf("%.1f a shift: %.4f\n", mean, workload.Exceeds(2, mean))
	}
	fmt.Printf("at most 5%% of shifts: %.4f a shift\n", workload.MeanFor(2, 0.05))
	// Output:
	// 0.5 a shift: 0.0144
	// 1.0 a shift: 0.0803
	// 2.0 a shift: 0.3233
	// at most 5% of shifts: 0.8177 a shift
}

// Pay in tiers as at Google: 66% of the own pay outside working hours for the
// tier that answers within 5 minutes, 33% for that of 30 minutes, capped.
func ExamplePay() {
	outside := []workload.Class{workload.Off, workload.Night, workload.Weekend, workload.Holiday}
	policy := workload.Policy{
		Zone:   "America/Chicago",
		People: []workload.Person{{ID: "ann", PerHour: 6000, Salary: 1_040_000}, {ID: "bob", PerHour: 6000, Salary: 1_040_000}},
		Pay: &workload.Pay{
			Currency: "USD", Digits: 2, CapPercent: 40,
			Rates: []workload.Rate{
				{Name: "5min", Roles: []oncall.Role{oncall.Primary}, Classes: outside, Percent: 66},
				{Name: "30min", Roles: []oncall.Role{oncall.Secondary}, Classes: outside, Percent: 33},
			},
		},
	}.MustCompile()
	from := time.Date(2026, 3, 2, 6, 0, 0, 0, time.UTC)
	to := from.Add(7*24*time.Hour - time.Hour) // the clocks go forward on Sunday
	report, err := policy.Measure(workload.Facts{From: from, To: to, Shifts: []workload.Shift{
		{Person: "ann", Role: oncall.Primary, Start: from, End: to},
		{Person: "bob", Role: oncall.Secondary, Start: from, End: to},
	}})
	if err != nil {
		fmt.Println(err)
		return
	}
	for _, slip := range report.Payslips {
		fmt.Println(slip.Person, policy.Policy().Pay.Money(slip.Gross), policy.Policy().Pay.Money(slip.Due))
	}
	// Output:
	// ann 5029.20 USD 4160.00 USD
	// bob 2514.60 USD 2514.60 USD
}
