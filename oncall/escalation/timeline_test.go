package escalation_test

import (
	"fmt"
	"slices"
	"strings"
	"testing"
	"time"

	"pgregory.net/rapid"

	"github.com/sre-sdk/sre/oncall"
	"github.com/sre-sdk/sre/oncall/escalation"
)

// entry is a level that is entered: who is paged, when it was due.
type entry struct {
	at     time.Time
	level  string
	people []string
}

// timeline computes from the trigger alone, without any state, when each level
// is due while nobody answers.
func timeline(p escalation.Policy, turn, count int, who func(escalation.Target, int) []string) (list []entry) {
	rule := escalation.Rule{}
	if len(p.BySeverity) > 0 {
		rule = p.BySeverity[0]
	}
	index := func(id string) int {
		return slices.IndexFunc(p.Levels, func(l escalation.Level) bool { return l.ID == id })
	}
	first := max(0, index(rule.Start))
	people := func(level, loop int) (ids []string) {
		for _, target := range p.Levels[level].Targets {
			ids = append(ids, who(target, turn+loop)...)
		}
		return ids
	}
	find := func(from, loop int) int {
		for ; from < len(p.Levels) && len(people(from, loop)) == 0; from++ {
		}
		return from
	}
	promise := start.Add(rule.Acknowledge.Within)
	promised := rule.Acknowledge.Within > 0
	at, loop, level := start, 0, find(first, 0)
	for len(list) < count {
		delay := p.LastResort.Every
		if level < len(p.Levels) {
			delay = p.Levels[level].Delay
			list = append(list, entry{at, p.Levels[level].ID, people(level, loop)})
		} else {
			list = append(list, entry{at, escalation.LastResortLevel, []string{"boss"}})
		}
		to := index(rule.Acknowledge.Level)
		if to < 0 {
			to = len(p.Levels)
		}
		if promised && !promise.After(at.Add(delay)) {
			promised = false
			if to > level {
				at, level = promise, find(to, loop)
				continue
			}
		}
		at = at.Add(delay)
		if level == len(p.Levels) {
			continue
		}
		if level = find(level+1, loop); level == len(p.Levels) && loop < p.Repeat {
			loop++
			level = find(first, loop)
		}
	}
	return list
}

// Due instants are those that a dumb oracle computes from the trigger, however
// late the ticks come.
func TestDueInstantsEqualATimeline(t *testing.T) { rapid.Check(t, sameTimeline(genuine)) }

func sameTimeline(e engine) func(t *rapid.T) {
	d := &directory{
		schedules: map[string][]string{"on": {"alice"}, "off": {}},
		plans:     map[string][]oncall.ContactStep{"dumb": {}, "alice": pushThenCall, "bob": pushThenCall, "boss": pushThenCall},
	}
	return func(t *rapid.T) {
		p := escalation.Policy{ID: "p", Repeat: rapid.IntRange(0, 2).Draw(t, "repeat"), LastResort: escalation.LastResort{
			Targets: []escalation.Target{escalation.ToPerson("boss")}, Every: time.Duration(rapid.IntRange(1, 4).Draw(t, "every")) * time.Minute}}
		for i := range rapid.IntRange(1, 3).Draw(t, "levels") {
			p.Levels = append(p.Levels, escalation.Level{
				ID: fmt.Sprint("l", i), Delay: time.Duration(rapid.IntRange(1, 9).Draw(t, "delay")) * 20 * time.Second,
				Targets: []escalation.Target{rapid.SampledFrom([]escalation.Target{
					escalation.ToPerson("bob"), escalation.ToPerson("dumb"), escalation.ToSchedule("on", 0), escalation.ToSchedule("off", 0), escalation.ToSchedule("unknown", 0),
					escalation.ToRoundRobin("alice", "bob", "carol"), escalation.ToRoundRobin("dumb", "bob"),
				}).Draw(t, "target")},
			})
		}
		if rapid.Bool().Draw(t, "rule") {
			r := escalation.Rule{AtLeast: 9, Start: fmt.Sprint("l", rapid.IntRange(0, len(p.Levels)-1).Draw(t, "start"))}
			if rapid.Bool().Draw(t, "promise") {
				r.Acknowledge = escalation.Promise{Within: time.Duration(rapid.IntRange(1, 30).Draw(t, "within")) * 20 * time.Second,
					Level: rapid.SampledFrom([]string{escalation.LastResortLevel, "l0", p.Levels[len(p.Levels)-1].ID}).Draw(t, "promised")}
			}
			p.BySeverity = []escalation.Rule{r}
		}
		turn := rapid.IntRange(0, 4).Draw(t, "turn")
		want := timeline(p, turn, 12, func(target escalation.Target, turn int) []string {
			switch target.Kind {
			case escalation.TargetSchedule:
				return d.schedules[target.ID]
			case escalation.TargetRoundRobin:
				if target.People[0] == "dumb" {
					return []string{"bob"}
				}
				return []string{target.People[turn%3]}
			}
			return slices.DeleteFunc([]string{target.ID}, func(id string) bool { return id == "dumb" })
		})
		c := p.MustCompile()
		s, out, err := e.step(c, escalation.State{}, escalation.Trigger{ID: "e", Severity: 2, Turn: uint64(turn)}, d, start, nil)
		if err != nil {
			t.Fatal(err)
		}
		var got []entry
		for n := 0; len(got) < 12 && n < 500; n++ {
			for _, x := range out {
				switch {
				case x.Kind == escalation.Notice && x.Code == escalation.NoticeEntered:
					got = append(got, entry{at: x.At, level: x.Level})
				case x.Kind == escalation.Deliver && x.Step == 0 && x.Entry == uint32(len(got)):
					got[len(got)-1].people = append(got[len(got)-1].people, x.Person)
				}
			}
			late := time.Duration(0)
			if rapid.Bool().Draw(t, "late") && s.Level != escalation.LastResortLevel {
				late = time.Duration(rapid.IntRange(0, 15).Draw(t, "by")) * time.Second
			}
			s, out, _ = e.step(c, s, escalation.Tick{}, d, s.NextDue().Add(late), nil)
		}
		if got, want := printed(got), printed(want); got != want {
			t.Fatalf("levels were entered\n%s, want\n%s", got, want)
		}
	}
}

func printed(list []entry) string {
	var b strings.Builder
	for _, e := range list[:min(len(list), 12)] {
		fmt.Fprintf(&b, "%s %s %v\n", e.at.Format("15:04:05"), e.level, e.people)
	}
	return b.String()
}
