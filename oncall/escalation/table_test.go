package escalation_test

import (
	"fmt"
	"slices"
	"testing"
	"time"

	"pgregory.net/rapid"

	"github.com/sre-sdk/sre/oncall/escalation"
)

// The table equals a map that is searched.
func TestTableEqualsAMap(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		var table escalation.Table
		naive := map[string]escalation.State{}
		for range rapid.IntRange(1, 60).Draw(t, "operations") {
			id := fmt.Sprint("e", rapid.IntRange(0, 12).Draw(t, "id"))
			switch rapid.IntRange(0, 3).Draw(t, "operation") {
			case 0:
				table.Delete(id)
				delete(naive, id)
			default:
				s := escalation.State{ID: id}
				if due := rapid.IntRange(0, 20).Draw(t, "due"); due > 0 {
					s.LevelDue = start.Add(time.Duration(due) * time.Second)
				}
				table.Put(s)
				naive[id] = s
			}
			now := start.Add(time.Duration(rapid.IntRange(0, 21).Draw(t, "now")) * time.Second)
			checkTable(t, &table, naive, now)
		}
	})
}

func checkTable(t *rapid.T, table *escalation.Table, naive map[string]escalation.State, now time.Time) {
	var want []string
	var next time.Time
	for id, s := range naive {
		if got, ok := table.Get(id); !ok || got.ID != id || got.NextDue() != s.NextDue() {
			t.Fatalf("Get(%s) = %v, %t", id, got.NextDue(), ok)
		}
		due := s.NextDue()
		if !due.IsZero() && !due.After(now) {
			want = append(want, id)
		}
		if !due.IsZero() && (next.IsZero() || due.Before(next)) {
			next = due
		}
	}
	if table.Len() != len(naive) || table.NextDue() != next {
		t.Fatalf("%d escalations, the next due %v; want %d and %v", table.Len(), table.NextDue(), len(naive), next)
	}
	var got []string
	var last time.Time
	for s := range table.Due(now) {
		if s.NextDue().Before(last) {
			t.Fatalf("%s is due %v, after one due %v", s.ID, s.NextDue(), last)
		}
		last = s.NextDue()
		got = append(got, s.ID)
		s.LevelDue = time.Time{}
		table.Put(s)
	}
	slices.Sort(want)
	slices.Sort(got)
	if !slices.Equal(got, want) {
		t.Fatalf("due at %v: %v, want %v", now, got, want)
	}
	for _, id := range got {
		table.Put(naive[id])
	}
}
