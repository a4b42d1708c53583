package pagerduty_test

import (
	"fmt"
	"os"
	"time"

	"github.com/sre-sdk/sre/oncall"
	"github.com/sre-sdk/sre/oncall/schedule/pagerduty"
)

func ExampleRead() {
	file, err := os.Open("testdata/week.json")
	if err != nil {
		fmt.Println(err)
		return
	}
	defer file.Close()
	in, err := pagerduty.Read(file, pagerduty.Options{Name: "week.json"})
	if err != nil {
		fmt.Println(err)
		return
	}
	from := time.Date(2026, 1, 1, 0, 0, 0, 0, time.UTC)
	c := in.Schedule.MustCompile(from, from.AddDate(1, 0, 0))
	night := time.Date(2026, 1, 7, 3, 0, 0, 0, c.Location())
	fmt.Println(in.Names[c.At(night).First(oncall.Primary)])
	fmt.Println(len(in.Check()), "differences from what PagerDuty rendered")
	for _, p := range in.Dropped {
		fmt.Println(p.Path, p.Want)
	}
	// Output:
	// Dave Dunn
	// 0 differences from what PagerDuty rendered
	// week.json:10: schedule.description nothing: a schedule has no description
	// week.json:48: schedule.escalation_policies nothing: a schedule does not name who uses it
}
