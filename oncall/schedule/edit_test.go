package schedule_test

import (
	"slices"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"pgregory.net/rapid"

	"github.com/sre-sdk/sre/oncall"
	"github.com/sre-sdk/sre/oncall/oncalltest"
	"github.com/sre-sdk/sre/oncall/schedule"
)

// drawEdit draws an edit of one of the layers.
func drawEdit(t *rapid.T, s schedule.Schedule, at time.Time) schedule.Edit {
	l := rapid.SampledFrom(s.Layers).Draw(t, "layer")
	e := schedule.Edit{Layer: l.Name, At: at}
	members := slices.Clone(l.Members)
	switch rapid.IntRange(0, 5).Draw(t, "edit") {
	case 0:
		e.Members = schedule.With(members, rapid.IntRange(0, len(members)).Draw(t, "index"), schedule.Slot{"new"})
	case 1:
		e.Members = schedule.Without(members, rapid.SampledFrom([]string{"p0", "p1", "p2"}).Draw(t, "who"))
	case 2:
		e.Members = rapid.Permutation(members).Draw(t, "order")
	case 3:
		e.Turn = schedule.Days(rapid.IntRange(1, 9).Draw(t, "days"))
	case 4:
		e.Zone = rapid.SampledFrom(oncalltest.DifficultZones).Draw(t, "zone")
	case 5:
		e.Turn, e.Zone = schedule.Hours(rapid.IntRange(1, 30).Draw(t, "hours")), "Asia/Tokyo"
	}
	return e
}

// What was published before the edit stays, and who has the turn keeps it.
func TestEditsDoNotReshuffle(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		s := oncalltest.Schedules(oncalltest.Range{Worked: true, Specials: -1, Zones: []string{"Europe/Berlin", "America/Chicago"}}).Draw(t, "schedule")
		from := time.Date(2026, 3, 1, 0, 0, 0, 0, time.UTC)
		to := from.AddDate(0, 0, 20)
		at := from.Add(time.Duration(rapid.IntRange(0, 14*24*60).Draw(t, "minute")) * time.Minute)
		before := s.MustCompile(from, to)
		e := drawEdit(t, s, at)
		after, changes, err := before.Edit(e)
		if err != nil {
			t.Skip(err)
		}
		if diff := schedule.Diff(before, after, from, at); len(diff) > 0 {
			t.Fatalf("%+v changes what was published before %s: %v\n%s", e, at, diff, print(s))
		}
		again := schedule.Diff(after, before, from, to)
		if len(again) != len(changes) {
			t.Fatalf("the way back has %d changes, the way there %d", len(again), len(changes))
		}
		for i, c := range changes {
			if diff := cmp.Diff(c.Gained, again[i].Lost, sameInstant); diff != "" {
				t.Fatalf("the way back differs: %s", diff)
			}
		}
		if len(e.Members) > 0 || e.Turn == (schedule.Turn{}) {
			return // who has the turn may have gone, and a zone moves restrictions
		}
		for _, h := range holders(before.At(at)) {
			if l := layer(s, e.Layer); len(l.Restrict) == 0 && len(s.Layers) == 1 && h.role == oncall.Primary && !slices.Contains(holders(after.At(at)), h) {
				t.Fatalf("%+v: %s has the turn at %s and loses it\n%s", e, h, at, print(s))
			}
		}
	})
}

func layer(s schedule.Schedule, name string) schedule.Layer {
	return s.Layers[slices.IndexFunc(s.Layers, func(l schedule.Layer) bool { return l.Name == name })]
}

func TestWhoFollowsStays(t *testing.T) {
	at := time.Date(2026, 1, 8, 12, 0, 0, 0, time.UTC) // b's turn: a 5th to 7th, b 7th to 9th
	base := schedule.Schedule{ID: "s", Zone: "UTC", Layers: []schedule.Layer{{Name: "l", Members: schedule.Each("a", "b", "c", "d"), Anchor: "2026-01-05", Turn: schedule.Days(2)}}}
	members := base.Layers[0].Members
	for _, row := range []struct {
		name string
		edit schedule.Edit
		want string // from noon of each second day on
	}{
		{"as it was", schedule.Edit{Members: members}, "bcdabc"},
		{"one joins behind", schedule.Edit{Members: schedule.With(members, 2, schedule.Slot{"x"})}, "bxcdab"},
		{"one joins before", schedule.Edit{Members: schedule.With(members, 0, schedule.Slot{"x"})}, "bcdxab"},
		{"another leaves", schedule.Edit{Members: schedule.Without(members, "c")}, "bdabda"},
		{"who has the turn leaves", schedule.Edit{Members: schedule.Without(members, "b")}, "cdacda"},
		{"the order turns around", schedule.Edit{Members: reversed(members)}, "badcba"},
		{"all leave", schedule.Edit{Members: schedule.Each("x", "y")}, "xyxyxy"},
		{"somebody stands twice: the order that is most like the old goes on", schedule.Edit{Members: schedule.Each("b", "x", "b", "c", "d")}, "bcdbxb"},
		{"turns of a day", schedule.Edit{Turn: schedule.Days(1)}, "bdbdbd"},
		{"turns of four days", schedule.Edit{Turn: schedule.Days(4)}, "bccdda"},
	} {
		t.Run(row.name, func(t *testing.T) {
			row.edit.Layer, row.edit.At = "l", at
			c, _, err := base.MustCompile(at, at.AddDate(0, 0, 20)).Edit(row.edit)
			if err != nil {
				t.Fatal(err)
			}
			got := ""
			for i := range 6 {
				got += c.At(at.AddDate(0, 0, 2*i)).First(oncall.Primary)
			}
			if got != row.want {
				t.Errorf("%s, want %s", got, row.want)
			}
			if got := c.At(at.AddDate(0, 0, -2)).First(oncall.Primary); got != "a" {
				t.Errorf("before the edit: %s, want a", got)
			}
		})
	}
}

func TestEditsOfEditsAreNamed(t *testing.T) {
	at := time.Date(2026, 1, 8, 12, 0, 0, 0, time.UTC)
	c := rotation("UTC", "2026-01-05", schedule.Days(1)).MustCompile(at, at.AddDate(0, 0, 20))
	for i, name := range []string{"r", "r.2", "r.3"} {
		var err error
		if c, _, err = c.Edit(schedule.Edit{Layer: name, At: at.AddDate(0, 0, i), Turn: schedule.Days(2 + i)}); err != nil {
			t.Fatal(err)
		}
	}
	if _, _, err := c.Edit(schedule.Edit{Layer: "r", At: at.AddDate(0, 0, 9), Turn: schedule.Days(1)}); err == nil {
		t.Error("a layer that has ended was edited")
	}
	var names []string
	for _, l := range c.Schedule().Layers {
		names = append(names, l.Name)
	}
	if diff := cmp.Diff([]string{"r", "r.2", "r.3", "r.4"}, names); diff != "" {
		t.Error(diff)
	}
}
