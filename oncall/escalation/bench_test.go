package escalation_test

import (
	"fmt"
	"runtime"
	"testing"
	"time"

	"github.com/sre-sdk/sre"
	"github.com/sre-sdk/sre/oncall"
	"github.com/sre-sdk/sre/oncall/escalation"
)

var start = time.Date(2026, 3, 1, 0, 0, 0, 0, time.UTC)

// directory answers from maps; what is not in them is not known.
type directory struct {
	schedules, teams map[string][]string
	plans            map[string][]oncall.ContactStep
	loads            map[string]int
}

func (d *directory) OnCall(id string, _ oncall.Role, _ time.Time) ([]string, bool) {
	people, known := d.schedules[id]
	return people, known
}

func (d *directory) Team(id string) ([]string, bool) {
	people, known := d.teams[id]
	return people, known
}

func (d *directory) Plan(person string, _ sre.Severity) ([]oncall.ContactStep, bool) {
	plan, known := d.plans[person]
	return plan, known
}

func (d *directory) Load(person string) (int, bool) {
	open, known := d.loads[person]
	return open, known
}

var pushThenCall = []oncall.ContactStep{{Contact: "push"}, {Contact: "voice", After: time.Minute}}

var benchPolicy = escalation.Policy{
	ID: "db",
	Levels: []escalation.Level{
		{ID: "l1", Targets: []escalation.Target{escalation.ToSchedule("db", oncall.Primary)}, Delay: 5 * time.Minute},
		{ID: "l2", Targets: []escalation.Target{escalation.ToPerson("carol")}, Delay: 10 * time.Minute},
	},
	LastResort: escalation.LastResort{Targets: []escalation.Target{escalation.ToPerson("boss")}},
	BySeverity: []escalation.Rule{{AtLeast: 1, Acknowledge: escalation.Promise{Within: 8 * time.Minute, Level: "l2"}}},
}

var benchDirectory = &directory{
	schedules: map[string][]string{"db": {"alice"}},
	plans:     map[string][]oncall.ContactStep{"alice": pushThenCall, "carol": pushThenCall, "boss": pushThenCall},
}

// BenchmarkStep is one step in the life of an escalation that goes through two
// levels and is then acknowledged and resolved.
func BenchmarkStep(b *testing.B) {
	policy := benchPolicy.MustCompile()
	now := start
	var (
		s   escalation.State
		out []escalation.Effect
		err error
	)
	b.ReportAllocs()
	for i := 0; b.Loop(); i++ {
		var in escalation.Input = escalation.Tick{}
		switch i % 8 {
		case 0:
			in, now = escalation.Trigger{ID: "x", Severity: 1}, now.Add(time.Minute)
		case 6:
			in = escalation.Ack{By: "carol"}
		case 7:
			in = escalation.Resolve{By: "carol"}
		default:
			now = s.NextDue()
		}
		if s, out, err = policy.Step(s, in, benchDirectory, now, out[:0]); err != nil {
			b.Fatal(err)
		}
	}
}

// BenchmarkTable is about a million active escalations: what they take, how
// long it takes to look one up, and to step one that is due and arm it anew.
func BenchmarkTable(b *testing.B) {
	const active = 1_000_000
	policy := benchPolicy.MustCompile()
	before := heap()
	var table escalation.Table
	ids := make([]string, active)
	for i := range ids {
		ids[i] = fmt.Sprintf("db-down-%07d", i)
		s, _, err := policy.Step(escalation.State{}, escalation.Trigger{ID: ids[i], Severity: 1}, benchDirectory, start.Add(time.Duration(i)*time.Millisecond/4), nil)
		if err != nil {
			b.Fatal(err)
		}
		table.Put(s)
	}
	mib := float64(heap()-before) / (1 << 20)
	b.Run("lookup", func(b *testing.B) {
		b.ReportAllocs()
		for i := 0; b.Loop(); i++ {
			if _, ok := table.Get(ids[i*7919%active]); !ok {
				b.Fatal("it is not there")
			}
		}
		b.ReportMetric(mib, "MiB")
	})
	b.Run("rearm", func(b *testing.B) {
		b.ReportAllocs()
		for b.Loop() {
			for s := range table.Due(table.NextDue()) {
				s.LevelDue, s.AckDue = s.NextDue().Add(5*time.Minute), time.Time{}
				for p := range s.Pages() {
					p.Due = time.Time{}
					escalation.SetPages(&s, p)
					break
				}
				table.Put(s)
				break
			}
		}
	})
	b.Run("due", func(b *testing.B) { // the same with the step that it is for
		var out []escalation.Effect
		b.ReportAllocs()
		for b.Loop() {
			for s := range table.Due(table.NextDue()) {
				var err error
				if s, out, err = policy.Step(s, escalation.Tick{}, benchDirectory, s.NextDue(), out[:0]); err != nil {
					b.Fatal(err)
				}
				table.Put(s)
				break
			}
		}
	})
}

func heap() uint64 {
	var m runtime.MemStats
	runtime.GC()
	runtime.ReadMemStats(&m)
	return m.HeapAlloc
}
