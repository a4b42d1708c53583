package ical_test

import (
	"bytes"
	"fmt"
	"time"

	"github.com/sre-sdk/sre/oncall/ical"
	"github.com/sre-sdk/sre/oncall/schedule"
)

func Example() {
	from := time.Date(2026, 1, 5, 9, 0, 0, 0, time.UTC)
	to := from.AddDate(0, 0, 14)
	rota := schedule.Schedule{ID: "db", Zone: "Europe/Berlin", Layers: []schedule.Layer{{
		Name: "weekly", Members: schedule.Each("alice", "bob"), Anchor: "2026-01-05 10:00", Turn: schedule.Weeks(1),
	}}}
	var calendar bytes.Buffer
	if err := ical.Write(&calendar, rota.MustCompile(from, to), from, to, ical.Options{Stamp: from}); err != nil {
		fmt.Println(err)
		return
	}
	in, err := ical.Read(&calendar, ical.ReadOptions{ID: "copy", Zone: "UTC", From: from, To: to})
	if err != nil {
		fmt.Println(err)
		return
	}
	for s := range in.Schedule.MustCompile(from, to).Flatten(from, to) {
		fmt.Println(s.Start.Format(time.DateTime), s.Person)
	}
	// Output:
	// 2026-01-05 09:00:00 alice
	// 2026-01-12 09:00:00 bob
}
