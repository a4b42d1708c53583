package escalation_test

import (
	"flag"
	"fmt"
	"os"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/sre-sdk/sre"
	"github.com/sre-sdk/sre/oncall"
	"github.com/sre-sdk/sre/oncall/escalation"
)

var update = flag.Bool("update", false, "write the golden files")

func golden(t *testing.T, file, got string) {
	t.Helper()
	file = "testdata/" + file
	if *update {
		if err := os.WriteFile(file, []byte(got), 0o644); err != nil {
			t.Fatal(err)
		}
	}
	want, err := os.ReadFile(file)
	if err != nil {
		t.Fatal(err)
	}
	if diff := cmp.Diff(string(want), got); diff != "" {
		t.Errorf("%s (-want +got):\n%s", file, diff)
	}
}

// at is an input so long after the trigger; nil lets time pass until then.
type at struct {
	after time.Duration
	in    escalation.Input
}

const minute = time.Minute

var storyPolicy = escalation.Policy{
	ID: "db",
	Levels: []escalation.Level{
		{ID: "l1", Targets: []escalation.Target{escalation.ToSchedule("rota", oncall.Primary)}, Delay: 5 * minute},
		{ID: "l2", Targets: []escalation.Target{escalation.ToPerson("bob"), escalation.ToPerson("carol")}, Delay: 5 * minute},
	},
	LastResort: escalation.LastResort{Targets: []escalation.Target{escalation.ToPerson("boss")}, Every: 10 * minute},
}

func with(change func(p *escalation.Policy)) escalation.Policy {
	p := storyPolicy.MustCompile().Policy()
	change(&p)
	return p
}

func promise(r escalation.Rule) escalation.Policy {
	return with(func(p *escalation.Policy) { p.BySeverity = []escalation.Rule{r} })
}

var stories = []struct {
	name   string
	policy escalation.Policy
	worse  bool // it begins with severity 4 instead of 1
	late   bool // no ticks but those in the script
	script []at
	d      *directory
}{
	{name: "nobody answers: each level, then the last resort, again and again", policy: storyPolicy, script: []at{{31 * minute, nil}}},
	{name: "the levels are gone through again", policy: with(func(p *escalation.Policy) { p.Repeat = 1 }), script: []at{{21 * minute, nil}}},
	{name: "nobody is on call in the last level: it is passed over, and the repeat is not lost", d: &directory{schedules: map[string][]string{"rota": {"alice"}}, plans: map[string][]oncall.ContactStep{"bob": {}, "carol": {}}},
		policy: with(func(p *escalation.Policy) { p.Repeat = 1 }), script: []at{{11 * minute, nil}}},
	{name: "nobody is on call at all: the last resort at once", d: &directory{schedules: map[string][]string{"rota": {}}, plans: map[string][]oncall.ContactStep{"bob": {}, "carol": {}}}, policy: storyPolicy},
	{name: "the directory cannot say who is on call: the next level at once", d: &directory{}, policy: storyPolicy},
	{name: "acknowledged: nobody else is paged", policy: storyPolicy, script: []at{{30 * time.Second, escalation.Ack{By: "alice"}}, {60 * minute, nil}}},
	{name: "two people must acknowledge", policy: with(func(p *escalation.Policy) { p.Levels[1].Acks = 2 }), script: []at{
		{6 * minute, escalation.Ack{By: "bob"}}, {7 * minute, escalation.Ack{By: "bob"}}, {8 * minute, escalation.Ack{By: "carol"}}, {60 * minute, nil}}},
	{name: "an acknowledgement expires and the level is entered once more", policy: promise(escalation.Rule{AtLeast: 1, AckFor: 10 * minute}), script: []at{{2 * minute, escalation.Ack{By: "alice"}}, {13 * minute, nil}}},
	{name: "who responds has it for good", policy: promise(escalation.Rule{AtLeast: 1, AckFor: 10 * minute, Respond: escalation.Promise{Within: 15 * minute, Level: "l2"}}), script: []at{{2 * minute, escalation.Respond{By: "alice"}}, {60 * minute, nil}}},
	{name: "acknowledged, but nobody begins to respond", policy: promise(escalation.Rule{AtLeast: 1, Respond: escalation.Promise{Within: 15 * minute, Level: "l2"}}), script: []at{{2 * minute, escalation.Ack{By: "alice"}}, {16 * minute, nil}}},
	{name: "the promise to acknowledge is missed: its level is entered", policy: promise(escalation.Rule{AtLeast: 1, Acknowledge: escalation.Promise{Within: 3 * minute, Level: "l2"}}), script: []at{{4 * minute, nil}}},
	{name: "an acknowledgement during a snooze ends it, and counts promises from then", policy: promise(escalation.Rule{AtLeast: 1, Respond: escalation.Promise{Within: 10 * minute, Level: "l2"}}), script: []at{
		{1 * minute, escalation.Snooze{By: "alice", Until: start.Add(60 * minute)}}, {30 * minute, escalation.Ack{By: "alice"}}, {41 * minute, nil}}},
	{name: "a snooze ends and the level is entered once more", policy: storyPolicy, script: []at{{1 * minute, escalation.Snooze{By: "alice", Until: start.Add(30 * minute)}}, {32 * minute, nil}}},
	{name: "it cannot be resolved: the next level at once", policy: storyPolicy, script: []at{{1 * minute, escalation.Ack{By: "alice"}}, {2 * minute, escalation.Escalate{By: "alice", Reason: "not my database"}}}},
	{name: "handed off, and not taken", policy: storyPolicy, script: []at{{1 * minute, escalation.HandOff{By: "alice", To: "dan"}}, {7 * minute, nil}}},
	{name: "the last resort hands off to somebody who cannot be reached: it is paged again at once", policy: storyPolicy, script: []at{{11 * minute, escalation.HandOff{By: "boss", To: "dan"}}, {12 * minute, escalation.Undelivered{Entry: 4, Person: "dan"}}}},
	{name: "the first contact fails for good: the next one at once, then the next level", policy: storyPolicy, script: []at{{10 * time.Second, escalation.Undelivered{Entry: 1, Person: "alice"}}, {20 * time.Second, escalation.Undelivered{Entry: 1, Person: "alice", Step: 1}}}},
	{name: "a worse severity puts no promise off", worse: true, policy: with(func(p *escalation.Policy) {
		p.BySeverity = []escalation.Rule{{AtLeast: 1, Acknowledge: escalation.Promise{Within: 4 * minute, Level: "l2"}}, {AtLeast: 4, Acknowledge: escalation.Promise{Within: 3 * minute, Level: "l2"}}}
	}), script: []at{{0, escalation.SetSeverity{By: "alice", Severity: 3}}, {2 * minute, escalation.SetSeverity{By: "alice", Severity: 1}}, {4 * minute, nil}}},
	{name: "a worse severity puts no promise to respond off", worse: true, policy: with(func(p *escalation.Policy) {
		p.BySeverity = []escalation.Rule{{AtLeast: 1, Respond: escalation.Promise{Within: 8 * minute, Level: "l2"}}, {AtLeast: 4, Respond: escalation.Promise{Within: 6 * minute, Level: "l2"}}}
	}), script: []at{{1 * minute, escalation.Ack{By: "alice"}}, {5 * minute, escalation.SetSeverity{By: "alice", Severity: 1}}, {6 * minute, nil}}},
	{name: "a promise that was kept is not missed later", worse: true, policy: promise(escalation.Rule{AtLeast: 4, Acknowledge: escalation.Promise{Within: 3 * minute, Level: "l2"}}), script: []at{
		{1 * minute, escalation.Ack{By: "alice"}}, {2 * minute, escalation.Escalate{By: "alice", To: "l1"}}, {4 * minute, escalation.SetSeverity{By: "alice", Severity: 3}}, {5 * minute, nil}}},
	{name: "an outage: what was owed is owed at once, and nothing drifts", policy: storyPolicy, late: true, script: []at{{7 * minute, escalation.Tick{}}, {17 * minute, escalation.Tick{}}}},
	{name: "an edit takes over the level, and what would be overdue is owed now", policy: storyPolicy, script: []at{{4 * minute, escalation.Edit{By: "ops"}}, {5 * minute, nil}}},
	{name: "an edit with a promise that was never owed before: it is owed now, and the rest in its turn", policy: storyPolicy, script: []at{{2 * minute, escalation.Ack{By: "alice"}}, {40 * minute, escalation.Edit{By: "ops"}}, {41 * minute, nil}}},
	{name: "resolved, and a new alert", policy: storyPolicy, script: []at{{1 * minute, escalation.Resolve{By: "alice"}}, {9 * minute, escalation.Trigger{ID: "e", Severity: 1}}}},
	{name: "round robin: the next person with each repeat", policy: with(func(p *escalation.Policy) {
		p.Repeat = 1
		p.Levels = p.Levels[:1]
		p.Levels[0].Targets = []escalation.Target{escalation.ToRoundRobin("bob", "carol")}
	}), script: []at{{6 * minute, nil}}},
	{name: "the last resort's later contacts have their turn although it is paged again before", policy: storyPolicy,
		d: &directory{plans: map[string][]oncall.ContactStep{"bob": {}, "carol": {}, "boss": {{Contact: "push"}, {Contact: "voice", After: 15 * minute}}}}, script: []at{{31 * minute, nil}}},
	{name: "unknown never silences: a plan that cannot be looked up any more", policy: storyPolicy, script: []at{{30 * time.Second, escalation.AddNote{By: "ops", Text: "directory is down"}}, {1 * minute, nil}}},
	{name: "refused: what is wrong changes nothing", policy: storyPolicy, script: []at{{0, escalation.Ack{}}, {0, escalation.Escalate{By: "alice", To: "nowhere"}}, {0, escalation.Snooze{By: "alice", Until: start.Add(-minute)}}, {0, escalation.Trigger{ID: "another"}}}},
}

// What the documentation says about policies and inputs, as dated stories.
func TestStories(t *testing.T) {
	var b strings.Builder
	for _, story := range stories {
		fmt.Fprintf(&b, "# %s\n", story.name)
		c := story.policy.MustCompile()
		var d escalation.Directory = story.d
		if story.d == nil {
			d = &directory{schedules: map[string][]string{"rota": {"alice"}}, plans: map[string][]oncall.ContactStep{"alice": pushThenCall}}
		}
		var s escalation.State
		severity := sre.Severity(1)
		if story.worse {
			severity = 4
		}
		step := func(now time.Time, in escalation.Input) {
			var out []escalation.Effect
			var err error
			s, out, err = c.Step(s, in, d, now, nil)
			fmt.Fprintf(&b, "%s %s%+v -> %s", now.Format("15:04:05"), strings.TrimPrefix(fmt.Sprintf("%T", in), "escalation."), in, s.Status)
			if due := s.NextDue(); !due.IsZero() {
				fmt.Fprintf(&b, ", due %s", due.Format("15:04:05"))
			}
			fmt.Fprintln(&b)
			if err != nil {
				fmt.Fprintf(&b, "    refused: %v\n", err)
			}
			for _, e := range out {
				fmt.Fprintf(&b, "    %s\n", e)
			}
		}
		step(start, escalation.Trigger{ID: "e", Severity: severity})
		for _, x := range story.script {
			now := start.Add(x.after)
			for due := s.NextDue(); !story.late && !due.IsZero() && !due.After(now); due = s.NextDue() {
				step(due, escalation.Tick{})
			}
			switch x.in.(type) {
			case escalation.Edit:
				c = with(func(p *escalation.Policy) {
					p.Levels[0].Delay = minute
					p.Levels[1].Delay = 2 * minute
					p.BySeverity = []escalation.Rule{{AtLeast: 1, Respond: escalation.Promise{Within: 20 * minute, Level: "l2"}}}
				}).MustCompile()
			case escalation.AddNote:
				d = &directory{}
			}
			if x.in != nil {
				step(now, x.in)
			}
		}
		fmt.Fprintln(&b)
	}
	golden(t, "stories.txt", b.String())
}

func TestPolicyAsDocument(t *testing.T) {
	c := with(func(p *escalation.Policy) {
		p.Name, p.Zone, p.Repeat = "Data|bases", "Europe/Berlin", 2
		p.Levels[1].When = escalation.When{AtLeast: 2, MaxLoad: 3, Hours: []oncall.Hours{{Weekdays: []time.Weekday{time.Monday}, From: "09:00", To: "17:30"}}}
		p.Levels[0].Targets = append(p.Levels[0].Targets, escalation.ToTeam("dba"), escalation.ToRoundRobin("bob", "carol"))
		p.BySeverity = []escalation.Rule{{AtLeast: 1, Start: "l2", Acknowledge: escalation.Promise{Within: 5 * minute, Level: escalation.LastResortLevel}, Respond: escalation.Promise{Within: 30 * minute, Level: "l2"}, AckFor: 20 * minute}}
	}).MustCompile()
	golden(t, "policy.md", c.Markdown())
	golden(t, "policy.dot", c.DOT())
}

// A list of more than three equals a naive one, and copies share nothing that
// changes.
func TestManyPagesEqualANaiveList(t *testing.T) {
	team := make([]string, 30)
	for i := range team {
		team[i] = fmt.Sprintf("p%02d", i)
	}
	c := with(func(p *escalation.Policy) {
		p.Levels[0].Targets = []escalation.Target{escalation.ToTeam("all")}
		p.Levels[0].Acks = 30
	}).MustCompile()
	d := &directory{teams: map[string][]string{"all": team}}
	s, _, err := c.Step(escalation.State{}, escalation.Trigger{ID: "e"}, d, start, nil)
	if err != nil {
		t.Fatal(err)
	}
	people := func(s escalation.State) (ids []string) {
		for p := range s.Pages() {
			ids = append(ids, p.Person)
		}
		return ids
	}
	naive := slices.Clone(team)
	for n := 0; len(naive) > 1; n++ {
		i := n * 7 % len(naive)
		before, want := s, slices.Clone(naive)
		s, _, err = c.Step(s, escalation.Ack{By: naive[i]}, d, start, nil)
		if err != nil {
			t.Fatal(err)
		}
		if got := people(before); !slices.Equal(got, want) {
			t.Fatalf("a step has changed its argument to %v, want %v", got, want)
		}
		naive = slices.Delete(naive, i, i+1)
		if got := people(s); !slices.Equal(got, naive) {
			t.Fatalf("pages to %v, want %v", got, naive)
		}
		twin := s
		if twin, _, err = c.Step(twin, escalation.Undelivered{Entry: 1, Person: naive[len(naive)-1]}, d, start, nil); err != nil {
			t.Fatal(err)
		}
		for p := range s.Pages() {
			if p.Failed != 0 {
				t.Fatal("a twin's failure is in the original")
			}
		}
		_ = twin
	}
}

// What a program does with the copy that it asked for does not change the
// policy.
func TestPolicyIsACopy(t *testing.T) {
	c := storyPolicy.MustCompile()
	c.Policy().Levels[1].Targets[0].ID = "mallory"
	if got := c.Policy().Levels[1].Targets[0].ID; got != "bob" {
		t.Errorf("the policy pages %s", got)
	}
}

// Answers are kept although the directory uses its slices again.
func TestRecorderKeepsWhatWasAnswered(t *testing.T) {
	people := []string{"alice"}
	rec := &escalation.Recorder{Directory: &directory{schedules: map[string][]string{"rota": people}}}
	rec.OnCall("rota", oncall.Primary, start)
	people[0] = "mallory"
	if got, _ := rec.Answers.OnCall("rota", oncall.Primary, start); got[0] != "alice" {
		t.Errorf("the answer is now %v", got)
	}
}

// Acknowledgements of ever more people do not make the state ever larger.
func TestAcknowledgementsAreBounded(t *testing.T) {
	c := storyPolicy.MustCompile()
	s, _, _ := c.Step(escalation.State{}, escalation.Trigger{ID: "e"}, benchDirectory, start, nil)
	for i := range 3 * escalation.MaxPeople {
		s, _, _ = c.Step(s, escalation.Ack{By: fmt.Sprint("p", i)}, benchDirectory, start, nil)
	}
	if n := len(slices.Collect(s.Acks())); n > escalation.MaxPeople {
		t.Errorf("%d acknowledgements are kept", n)
	}
}

// Mutants that only a timeline can tell.
func TestTimelineCatchesMutants(t *testing.T) {
	for name, e := range map[string]engine{
		"round robin always pages the first": spoilt(func(x *call) {
			if in, ok := x.in.(escalation.Trigger); ok {
				in.Turn = 0
				x.again(in, x.d, x.now)
			}
		}),
		"each level is a second late": spoilt(func(x *call) {
			if x.after.Entry != x.before.Entry {
				x.after.LevelDue = x.after.LevelDue.Add(time.Second)
			}
		}),
	} {
		if story := caughtByTimeline(e); story == "" {
			t.Errorf("%s: not caught", name)
		}
	}
}

// A wrong byte in an alert neither refuses it nor makes the state that is kept
// another one than the state that was made.
func TestWrongBytesAreKeptAlike(t *testing.T) {
	c := storyPolicy.MustCompile()
	s, _, err := c.Step(escalation.State{}, escalation.Trigger{ID: "e", Title: "a\xffb", Body: "\xc3("}, benchDirectory, start, nil)
	if err != nil {
		t.Fatal(err)
	}
	data, err := escalation.Encode(s)
	if err != nil {
		t.Fatal(err)
	}
	kept, err := escalation.Decode(data)
	if err != nil || kept.Title != s.Title || kept.Body != s.Body {
		t.Errorf("%q and %q, kept as %q and %q, %v", s.Title, s.Body, kept.Title, kept.Body, err)
	}
}
