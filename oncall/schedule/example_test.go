package schedule_test

import (
	"fmt"
	"time"

	"github.com/sre-sdk/sre/oncall"
	"github.com/sre-sdk/sre/oncall/schedule"
)

func Example() {
	s := schedule.Schedule{ID: "checkout", Zone: "Europe/Berlin", Layers: []schedule.Layer{{
		Name: "weekly", Members: schedule.Each("alice", "bob", "carol"), Anchor: "2026-01-05 09:00", Turn: schedule.Weeks(1),
		Positions: []schedule.Position{{Role: oncall.Primary}, {Role: oncall.Secondary, Offset: 1}},
	}}}
	from := time.Date(2026, 3, 1, 0, 0, 0, 0, time.UTC)
	c, err := s.Compile(from, from.AddDate(1, 0, 0))
	if err != nil {
		fmt.Println(err)
		return
	}
	now := time.Date(2026, 3, 29, 12, 0, 0, 0, time.UTC)
	fmt.Println(c.At(now))
	next, _ := c.Next("bob", now)
	fmt.Println(next.Person, next.Role, next.Start, next.End.Sub(next.Start))
	fmt.Print(c.Explain(now))
	// Output:
	// primary carol; secondary alice
	// bob secondary 2026-03-30 09:00:00 +0200 CEST 168h0m0s
	// checkout, Sun 2026-03-29 14:00:00 CEST (Europe/Berlin)
	// on  primary carol
	//     turn: turn 11 of layer weekly is carol's, member 3 of 3, from Mon 2026-03-23 09:00 CET to Mon 2026-03-30 09:00 CEST
	// on  secondary alice
	//     turn: turn 11 of layer weekly is alice's, member 1 of 3, from Mon 2026-03-23 09:00 CET to Mon 2026-03-30 09:00 CEST, 1 ahead of the turn
}

// Three sites have their office hours, each by its own clock; who is left over
// at night is a rotation below them.
func Example_followTheSun() {
	office := []schedule.Restriction{{Weekdays: []time.Weekday{1, 2, 3, 4, 5}, Clock: []string{"09:00-17:00"}}}
	site := func(name, zone string, people ...string) schedule.Layer {
		return schedule.Layer{Name: name, Zone: zone, Priority: 1, Members: schedule.Each(people...), Anchor: "2026-01-05 09:00", Turn: schedule.Days(1), TurnsBy: schedule.ByWorked, Restrict: office}
	}
	s := schedule.Schedule{ID: "sun", Zone: "UTC", Compose: schedule.Priority, Layers: []schedule.Layer{
		{Name: "rest", Members: schedule.Each("rita", "ron"), Anchor: "2026-01-05", Turn: schedule.Weeks(1)},
		site("berlin", "Europe/Berlin", "anna", "ben"),
		site("denver", "America/Denver", "dana", "dylan"),
		site("tokyo", "Asia/Tokyo", "taro", "tomo"),
	}}
	day := time.Date(2026, 10, 26, 0, 0, 0, 0, time.UTC) // Berlin has left summer time, Denver has not
	for shift := range s.MustCompile(day, day.AddDate(0, 0, 1)).Flatten(day, day.AddDate(0, 0, 1)) {
		fmt.Println(shift.Start.Format("15:04"), shift.End.Format("15:04"), shift.Person, shift.Cause.ID)
	}
	// Output:
	// 00:00 08:00 taro tokyo
	// 08:00 16:00 anna berlin
	// 15:00 23:00 dana denver
	// 23:00 00:00 rita rest
}

// Somebody hands over in the midst of a shift, and nobody asks why.
func ExampleCompiled_HandOff() {
	c := database().MustCompile(noon, noon.AddDate(0, 1, 0))
	list, err := c.HandOff("tired", noon, oncall.Primary, "bob", "carol")
	if err != nil {
		fmt.Println(err)
		return
	}
	s := c.Schedule()
	s.Overrides = append(s.Overrides, list...)
	c = s.MustCompile(c.Horizon())
	fmt.Println(c.At(noon.Add(-time.Second)))
	fmt.Println(c.At(noon), "until", list[0].End)
	// Output:
	// primary bob; secondary carol
	// primary carol; secondary carol until 2026-05-04 19:00:00 +0200 CEST
}

// A new member joins behind bob, from a date on; what was published before it
// stays, and each person sees what changes.
func ExampleCompiled_Edit() {
	from := time.Date(2026, 1, 5, 0, 0, 0, 0, time.UTC)
	c := schedule.Schedule{ID: "s", Zone: "UTC", Layers: []schedule.Layer{{
		Name: "weekly", Members: schedule.Each("alice", "bob"), Anchor: "2026-01-05", Turn: schedule.Weeks(1)}}}.MustCompile(from, from.AddDate(0, 0, 28))
	_, changes, err := c.Edit(schedule.Edit{Layer: "weekly", At: from.AddDate(0, 0, 10), Members: schedule.Each("alice", "bob", "carol")})
	if err != nil {
		fmt.Println(err)
		return
	}
	for _, change := range changes {
		fmt.Print(change)
	}
	// Output:
	// alice, primary
	//   + Mon 2026-01-26 00:00 UTC to Mon 2026-02-02 00:00 UTC, 168h
	//   - Mon 2026-01-19 00:00 UTC to Mon 2026-01-26 00:00 UTC, 168h
	// bob, primary
	//   - Mon 2026-01-26 00:00 UTC to Mon 2026-02-02 00:00 UTC, 168h
	// carol, primary
	//   + Mon 2026-01-19 00:00 UTC to Mon 2026-01-26 00:00 UTC, 168h
}

func ExampleCompiled_Lint() {
	from := time.Date(2026, 1, 5, 0, 0, 0, 0, time.UTC)
	s := schedule.Schedule{ID: "s", Zone: "Europe/Berlin", Layers: []schedule.Layer{{
		Name: "daily", Members: schedule.Each("a", "b", "c", "d", "e", "f", "g"), Anchor: "2026-01-05", Turn: schedule.Days(1),
		Restrict: []schedule.Restriction{{Weekdays: []time.Weekday{1, 2, 3, 4, 5}}}}}}
	for _, finding := range s.MustCompile(from, from).Lint(from, from.AddDate(1, 0, 0)) {
		fmt.Println(finding)
	}
	// Output:
	// 2026-01-10T00:00:00+01:00 gap: nobody is primary until Mon 2026-01-12 00:00 CET; 52 times in all, 2496h
	// 2026-01-10T00:00:00+01:00 starvation: f, g of layer daily never serve: their turns, 1 day each and 7 in a round, always fall where no restriction allows them
}

// A board watches many schedules and looks only at those that change.
func ExampleBoard() {
	from := time.Date(2026, 1, 5, 0, 0, 0, 0, time.UTC)
	board := schedule.NewBoard(
		rotation("UTC", "2026-01-05 09:00", schedule.Days(1)).MustCompile(from, from.AddDate(0, 1, 0)),
		rotation("Asia/Tokyo", "2026-01-05 09:00", schedule.Weeks(1)).MustCompile(from, from.AddDate(0, 1, 0)),
	)
	board.MoveTo(from)
	for from = from.Add(time.Hour); ; from, _ = board.Next() {
		changed := board.MoveTo(from)
		fmt.Println(from.Format("Mon 15:04"), changed, board.First(0, oncall.Primary), board.First(1, oncall.Primary))
		if from.Day() == 7 {
			break
		}
	}
	// Output:
	// Mon 01:00 [] b a
	// Mon 09:00 [0] a a
	// Tue 09:00 [0] b a
	// Wed 09:00 [0] a a
}
