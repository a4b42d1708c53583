package civil_test

import (
	"fmt"
	"time"

	"github.com/sre-sdk/sre/internal/civil"
)

func ExampleZone_Resolve() {
	dt, _ := civil.ParseDateTime("2026-03-08 02:30") // skipped: clocks go from 02:00 to 03:00
	zone, _ := civil.LoadZone("America/New_York")
	for _, gap := range []civil.Gap{civil.GapEnd, civil.GapShift, civil.GapSkip} {
		t, kind, ok := zone.Resolve(dt, gap, civil.FoldFirst)
		fmt.Println(gap, kind, ok, t.Format("15:04 MST"))
	}
	// Output:
	// end in_gap true 03:00 EDT
	// shift in_gap true 03:30 EDT
	// skip in_gap false 00:00 UTC
}

func ExamplePeriod() {
	zone, _ := civil.LoadZone("America/Chicago")
	friday, _ := civil.ParseDateTime("2017-03-10 08:00")
	rotation, err := civil.Recurrence{Anchor: friday, Unit: civil.Week, Every: 1, Zone: zone}.Compile()
	if err != nil {
		fmt.Println(err)
		return
	}
	start, end := rotation.Bounds(time.Date(2017, 3, 12, 12, 0, 0, 0, time.UTC))
	fmt.Println(start.Format(time.RFC1123Z), "for", end.Sub(start))
	// Output: Fri, 10 Mar 2017 08:00:00 -0600 for 167h0m0s
}

func ExampleCalendar_Add() {
	zone, _ := civil.LoadZone("Europe/Berlin")
	hours := civil.Hours{Zone: zone, Holidays: []civil.Date{{Year: 2026, Month: time.December, Day: 25}}}
	for _, weekday := range []time.Weekday{time.Monday, time.Tuesday, time.Wednesday, time.Thursday, time.Friday} {
		hours.Week[weekday] = []civil.ClockRange{{From: civil.Clock{Hour: 9}, To: civil.Clock{Hour: 17}}}
	}
	office, err := hours.Compile()
	if err != nil {
		fmt.Println(err)
		return
	}
	thursday := time.Date(2026, 12, 24, 14, 0, 0, 0, zone.Location())
	due, _ := office.Add(thursday, 4*time.Hour)
	fmt.Println(due.Format(time.RFC1123Z))
	// Output: Mon, 28 Dec 2026 10:00:00 +0100
}
