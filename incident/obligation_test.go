package incident_test

import (
	"fmt"
	"slices"
	"strings"
	"testing"
	"time"
	_ "time/tzdata"

	"github.com/google/go-cmp/cmp"
	"pgregory.net/rapid"

	"github.com/sre-sdk/sre"
	"github.com/sre-sdk/sre/incident"
)

// dueStart is a Monday.
var dueStart = time.Date(2026, 3, 2, 12, 0, 0, 0, time.UTC)

// A dueLog is an incident under way, told in minutes since dueStart.
type dueLog struct {
	policy *incident.Compiled
	state  incident.State
	events []incident.Event
}

func minute(m float64) time.Time { return dueStart.Add(time.Duration(m * float64(time.Minute))) }

func newDueLog(t testing.TB, p incident.Policy, severity sre.Severity) *dueLog {
	t.Helper()
	p.ID = "p"
	c, err := p.Compile()
	if err != nil {
		t.Fatal(err)
	}
	l := &dueLog{policy: c}
	l.do(t, 0, incident.Declare{ID: "i", Title: "5xx", Severity: severity, Source: incident.FromReport})
	return l
}

func (l *dueLog) try(at float64, command incident.Command) error {
	r := incident.Request{By: sre.Actor{Kind: sre.Human, ID: "ann"}, Reason: "so it is", Command: command}
	events, err := l.policy.Handle(&l.state, r, minute(at))
	for _, e := range events {
		l.apply(e)
	}
	return err
}

func (l *dueLog) apply(e incident.Event) {
	l.state.Apply(&e)
	l.events = append(l.events, e)
}

func (l *dueLog) do(t testing.TB, at float64, command incident.Command) {
	t.Helper()
	if err := l.try(at, command); err != nil {
		t.Fatal(err)
	}
}

func (l *dueLog) owed(at float64) []incident.Obligation {
	return l.policy.Obligations(&l.state, minute(at))
}

// show prints obligations of some duties, their deadlines in minutes.
func (l *dueLog) show(at float64, duties ...incident.Duty) string {
	return showObligations(l.owed(at), duties...)
}

func showObligations(list []incident.Obligation, duties ...incident.Duty) string {
	var lines []string
	since := func(t time.Time) string {
		return strings.TrimSuffix(fmt.Sprintf("%.1f", t.Sub(dueStart).Minutes()), ".0")
	}
	for _, o := range list {
		if len(duties) > 0 && !slices.Contains(duties, o.Duty) {
			continue
		}
		name := o.Duty.String()
		if o.Duty == incident.DutyUpdate {
			name = fmt.Sprintf("%s %d", o.Audience, o.Number)
		}
		text := fmt.Sprintf("%s %s-%s %s", name, since(o.From), since(o.Due), o.End)
		if o.Paused {
			text = fmt.Sprintf("%s %s paused %s", name, since(o.From), o.End)
		}
		if !o.Settled.IsZero() {
			text += " settled " + since(o.Settled)
		}
		lines = append(lines, text)
	}
	return strings.Join(lines, "\n")
}

func wantOwed(t *testing.T, got, want string) {
	t.Helper()
	if diff := cmp.Diff(strings.TrimSpace(want), got); diff != "" {
		t.Error(diff)
	}
}

func TestWhatANewMajorIncidentOwes(t *testing.T) {
	wantOwed(t, newDueLog(t, incident.Policy{}, 1).show(0), `
acknowledge 0-5 open
commander 0-5 open
public 1 0-5 open
triage 0-15 open
executives 1 0-30 open
internal 1 0-30 open
mitigate 0-60 open`)
	wantOwed(t, newDueLog(t, incident.Policy{}, 4).show(0), `
acknowledge 0-1440 open
triage 0-2880 open`) // business time from 09:00 to 17:00
}

// PagerDuty's guidelines: the first post within 5 min, the scope 5 min later,
// then every 20 min for 2 h.
func TestPublicCadence(t *testing.T) {
	l := newDueLog(t, incident.Policy{}, 1)
	for _, step := range []struct {
		told float64
		want string
	}{{4, "public 2 4-9 open"}, {8, "public 3 8-28 open"}, {28, "public 4 28-48 open"}, {119, "public 5 119-139 open"}, {120, "public 6 120-180 open"}} {
		l.do(t, step.told, incident.Update{Audience: incident.Public, Text: "we look into it", Next: minute(1000)})
		list := l.show(step.told, incident.DutyUpdate)
		if i := strings.Index(list, "public"); !strings.HasPrefix(list[i:], step.want) {
			t.Errorf("told at %v: %s, want %s", step.told, list, step.want)
		}
	}
}

func TestAPromiseBinds(t *testing.T) {
	l := newDueLog(t, incident.Policy{}, 4) // no cadence
	l.do(t, 1, incident.Update{Audience: incident.Internal, Text: "x", Next: minute(7)})
	wantOwed(t, l.show(1, incident.DutyUpdate), "internal 2 1-7 open")
	l.do(t, 2, incident.Triage{Severity: 1})
	wantOwed(t, l.show(2, incident.DutyUpdate), "internal 2 1-7 open\npublic 1 2-7 open\nexecutives 1 2-32 open")
	l.do(t, 3, incident.Update{Audience: incident.Public, Text: "x", Next: minute(300), Final: true})
	wantOwed(t, l.show(3, incident.DutyUpdate), "internal 2 1-7 open\nexecutives 1 2-32 open")
}

func TestAFinalUpdateIsOwedAfterTheResolution(t *testing.T) {
	l := newDueLog(t, incident.Policy{}, 1)
	l.do(t, 1, incident.Update{Audience: incident.Public, Text: "x", Next: minute(500)})
	l.do(t, 2, incident.Triage{Severity: 1})
	l.do(t, 3, incident.Resolve{})
	wantOwed(t, l.show(3, incident.DutyUpdate), "public 2 1-23 open")
	l.do(t, 30, incident.ReviewRunbooks{})
	l.do(t, 30, incident.Close{Override: "x"})
	wantOwed(t, l.show(30, incident.DutyUpdate), "public 2 1-23 breached")
	l.do(t, 31, incident.Update{Audience: incident.Public, Text: "all is well, no data were lost", Final: true})
	wantOwed(t, l.show(31, incident.DutyUpdate), "")
}

func TestABreachBeforeTheResolutionIsNotTakenBackByIt(t *testing.T) {
	l := newDueLog(t, incident.Policy{}, 1)
	l.do(t, 1, incident.Update{Audience: incident.Public, Text: "x", Next: minute(500)})
	l.do(t, 2, incident.Triage{Severity: 1})
	l.do(t, 7, incident.Resolve{})
	wantOwed(t, l.show(7, incident.DutyUpdate), "public 2 1-6 breached")
}

// Worse: the whole time of the worse severity, never more than before. Milder:
// the time of the milder one, and no breach is taken back.
func TestClocksFollowTheSeverity(t *testing.T) {
	l := newDueLog(t, incident.Policy{}, 3)
	wantOwed(t, l.show(0, incident.DutyAcknowledge), "acknowledge 0-60 open")
	l.do(t, 30, incident.Triage{Severity: 1})
	wantOwed(t, l.show(30, incident.DutyAcknowledge), "acknowledge 0-35 open")
	l.do(t, 34, incident.Triage{Severity: 3})
	wantOwed(t, l.show(34, incident.DutyAcknowledge), "acknowledge 0-60 open")
	l.do(t, 58, incident.Triage{Severity: 1})
	wantOwed(t, l.show(58, incident.DutyAcknowledge), "acknowledge 0-60 open")
	l.do(t, 61, incident.Triage{Severity: 4})
	wantOwed(t, l.show(61, incident.DutyAcknowledge), "acknowledge 0-60 breached")
	l.do(t, 62, incident.Acknowledge{})
	wantOwed(t, l.show(62, incident.DutyAcknowledge), "")
	wantOwed(t, showObligations(l.policy.History(slices.Values(l.events), minute(70)), incident.DutyAcknowledge), "acknowledge 0-60 breached settled 62")
}

func TestVacancyIsOfMajorIncidents(t *testing.T) {
	l := newDueLog(t, incident.Policy{}, 4)
	wantOwed(t, l.show(0, incident.DutyCommander), "")
	l.do(t, 10, incident.Triage{Severity: 2})
	wantOwed(t, l.show(10, incident.DutyCommander), "commander 10-15 open")
	l.do(t, 12, incident.Assign{Role: incident.Commander, Person: "bob"})
	wantOwed(t, l.show(20, incident.DutyCommander), "")
	wantOwed(t, showObligations(l.policy.History(slices.Values(l.events), minute(20)), incident.DutyCommander), "commander 10-15 met")
}

func TestPausedWhileMitigated(t *testing.T) {
	p := incident.Policy{Deadlines: incident.Deadlines{Resolve: incident.Targets{{For: time.Hour, Pause: true}}}}
	l := newDueLog(t, p, 1)
	l.do(t, 1, incident.Triage{Severity: 1})
	l.do(t, 10, incident.Mitigate{ID: "m", Result: incident.Worked, EndsImpact: true})
	wantOwed(t, l.show(500, incident.DutyResolve, incident.DutyMitigate), "resolve 0 paused open")
	l.do(t, 500, incident.Reopen{})
	wantOwed(t, l.show(500, incident.DutyResolve, incident.DutyMitigate), "resolve 0-550 open\nmitigate 500-560 open")
	l.do(t, 540, incident.Mitigate{ID: "n", Result: incident.Worked, EndsImpact: true})
	l.do(t, 600, incident.Reopen{})
	wantOwed(t, l.show(609, incident.DutyResolve, incident.DutyMitigate), "resolve 0-610 open\nmitigate 600-660 open")
	l.do(t, 620, incident.Mitigate{ID: "o", Result: incident.Worked, EndsImpact: true})
	wantOwed(t, l.show(620, incident.DutyResolve, incident.DutyMitigate), "resolve 0-610 breached")
	l.do(t, 621, incident.Resolve{})
	wantOwed(t, showObligations(l.policy.History(slices.Values(l.events), minute(700)), incident.DutyResolve, incident.DutyMitigate), `
mitigate 0-60 met
resolve 0-610 breached settled 621
mitigate 500-560 met
mitigate 600-660 met`)
}

// hourly counts the first half of each hour.
type hourly struct{}

func (hourly) Between(a, b time.Time) (d time.Duration) {
	upTo := func(t time.Time) time.Duration {
		whole := t.Truncate(time.Hour)
		return time.Duration(whole.Unix()/3600)*30*time.Minute + min(t.Sub(whole), 30*time.Minute)
	}
	return upTo(b) - upTo(a)
}

func (h hourly) Add(from time.Time, d time.Duration) (time.Time, bool) {
	for t := from; ; t = t.Add(time.Second) {
		if h.Between(from, t) >= d {
			return t, true
		}
	}
}

func TestBusinessAndOnCallTime(t *testing.T) {
	p := incident.Policy{Deadlines: incident.Deadlines{
		Acknowledge: incident.Targets{{For: 45 * time.Minute, Time: incident.OnCallTime}},
		Mitigate:    incident.Targets{{For: 8 * time.Hour, Time: incident.Business, Escalate: "head-of-ops"}},
		Hours:       incident.Hours{Zone: "Europe/Berlin", From: "08:00", To: "16:00", Holidays: []string{"2026-03-03"}},
		OnCall:      hourly{},
	}}
	l := newDueLog(t, p, 1) // 13:00 in Berlin; Tuesday is a holiday
	wantOwed(t, l.show(0, incident.DutyAcknowledge, incident.DutyMitigate), "acknowledge 0-75 open\nmitigate 0-2880 open")
	for _, o := range l.owed(0) {
		if o.Duty == incident.DutyMitigate && o.Escalate != "head-of-ops" {
			t.Errorf("escalates to %q", o.Escalate)
		}
	}
	p.Deadlines.OnCall = nil
	if _, err := p.Compile(); !strings.Contains(err.Error(), "deadlines.on_call: missing") {
		t.Error(err)
	}
}

func TestPostmortemIsDueByTheWorstSeverity(t *testing.T) {
	l := newDueLog(t, incident.Policy{Deadlines: incident.PagerDutyDeadlines()}, 2)
	l.do(t, 1, incident.Triage{Severity: 4})
	l.do(t, 2, incident.Resolve{})
	day := 24.0 * 60
	wantOwed(t, l.show(2, incident.DutyPostmortem, incident.DutyReview), "review 2-4322 open\npostmortem 2-10082 open") // five business days
	l.do(t, 4, incident.SchedulePostmortem{ID: "pm", For: minute(5 * day)})
	wantOwed(t, l.show(4, incident.DutyPostmortem), "")
	wantOwed(t, showObligations(l.policy.History(slices.Values(l.events), minute(9*day)), incident.DutyPostmortem), "postmortem 2-10082 met")
}

func TestAPostmortemThatIsHeldTooLateIsABreachThatIsSettled(t *testing.T) {
	l := newDueLog(t, incident.Policy{}, 1)
	l.do(t, 1, incident.Triage{Severity: 1})
	l.do(t, 2, incident.Resolve{})
	l.do(t, 3, incident.SchedulePostmortem{ID: "pm", For: minute(3000)})
	wantOwed(t, l.show(3, incident.DutyPostmortem), "")
	list := l.policy.History(slices.Values(l.events), minute(5000))
	wantOwed(t, showObligations(list, incident.DutyPostmortem), "postmortem 2-1442 breached settled 3000")
}

func TestWhatIsNotOwed(t *testing.T) {
	l := newDueLog(t, incident.Policy{}, 1)
	l.do(t, 1, incident.Restrict{On: true})
	if got := l.show(1, incident.DutyUpdate); !strings.Contains(got, "public 1 0 paused open") {
		t.Errorf("a restricted incident owes the public %s", got)
	}
	l.do(t, 2, incident.Cancel{})
	wantOwed(t, l.show(2), "")
	for _, o := range l.policy.History(slices.Values(l.events), minute(100)) {
		if o.End != incident.Dropped {
			t.Errorf("%s ended %v", o.ID, o.End)
		}
	}
	drill := newDueLog(t, incident.Policy{}, 1)
	drill.state.Mode = incident.Drill
	drill.do(t, 1, incident.Triage{Severity: 1})
	drill.do(t, 2, incident.Resolve{})
	wantOwed(t, drill.show(2), "")
	past := newDueLog(t, incident.Policy{}, 1)
	past.state.Mode = incident.Retrospective
	wantOwed(t, past.show(2), "")
}

// A storm makes one set of deadlines: what was merged owes nothing, and owes
// anew when it is separated.
func TestOneSetOfDeadlinesForEachRoot(t *testing.T) {
	root, child := newDueLog(t, incident.Policy{}, 1), newDueLog(t, incident.Policy{}, 1)
	root.state.ID = "root"
	by := sre.Actor{Kind: sre.Human, ID: "ann"}
	both := func(list []incident.Addressed, err error) {
		t.Helper()
		if err != nil {
			t.Fatal(err)
		}
		for _, a := range list {
			map[string]*dueLog{"root": root, "i": child}[a.ID].apply(a.Event)
		}
	}
	both(root.policy.Merge(&child.state, &root.state, nil, incident.Request{By: by, Reason: "same", Command: incident.Merge{Into: "root"}}, minute(3)))
	wantOwed(t, child.show(3), "")
	wantOwed(t, root.show(3, incident.DutyAcknowledge), "acknowledge 0-5 open")
	both(root.policy.Split(&child.state, &root.state, nil, incident.Request{By: by, Reason: "not", Command: incident.Split{From: "i"}}, minute(100)))
	wantOwed(t, child.show(100, incident.DutyAcknowledge), "acknowledge 100-105 open")
	wantOwed(t, showObligations(child.policy.History(slices.Values(child.events), minute(101)), incident.DutyAcknowledge), "acknowledge 0-5 canceled\nacknowledge 100-105 open")
}

func TestActions(t *testing.T) {
	c := incident.Policy{ID: "p"}.MustCompile()
	week := 7 * 24 * time.Hour
	a := incident.Action{ID: "a", Incident: "i", Severity: 1, From: dueStart}
	at := func(d time.Duration) time.Time { return dueStart.Add(d) }
	for name, test := range map[string]struct {
		change func(*incident.Action)
		now    time.Time
		end    incident.End
		late   bool
	}{
		"open":                {func(*incident.Action) {}, at(4*week - 1), incident.Open, false},
		"breached":            {func(*incident.Action) {}, at(4 * week), incident.Breached, false},
		"met":                 {func(a *incident.Action) { a.Done = at(week) }, at(9 * week), incident.Met, false},
		"late":                {func(a *incident.Action) { a.Done = at(5 * week) }, at(9 * week), incident.Breached, true},
		"not yet known":       {func(a *incident.Action) { a.Done = at(5 * week) }, at(week), incident.Open, false},
		"dropped":             {func(a *incident.Action) { a.NotNeeded = at(week) }, at(9 * week), incident.Dropped, false},
		"dropped late":        {func(a *incident.Action) { a.NotNeeded = at(5 * week) }, at(9 * week), incident.Breached, false},
		"milder":              {func(a *incident.Action) { a.Severity = 2 }, at(5 * week), incident.Open, false},
		"agreed":              {func(a *incident.Action) { a.Due = at(time.Hour) }, at(time.Hour), incident.Breached, false},
		"agreed, not in time": {func(a *incident.Action) { a.Due = at(week); a.Severity = 9 }, at(2 * week), incident.Breached, false},
	} {
		t.Run(name, func(t *testing.T) {
			b := a
			test.change(&b)
			o, ok := c.Action(b, test.now)
			if !ok || o.End != test.end || o.Settled.IsZero() == test.late {
				t.Errorf("%+v", o)
			}
		})
	}
	if _, ok := c.Action(incident.Action{ID: "a", Severity: 9}, dueStart); ok {
		t.Error("an action without a target is due")
	}
}

func TestDeadlinesAreChecked(t *testing.T) {
	for name, test := range map[string]struct {
		d    incident.Deadlines
		want string
	}{
		"monotone":   {incident.Deadlines{Mitigate: incident.Targets{{For: 2 * time.Hour}, {For: time.Hour}}}, `deadlines.mitigate[0].for: not_monotone "2h0m0s": want no more time than the milder [1], 1h0m0s`},
		"never":      {incident.Deadlines{Mitigate: incident.Targets{{}, {For: time.Hour}}}, `deadlines.mitigate[0].for: not_monotone`},
		"negative":   {incident.Deadlines{Mitigate: incident.Targets{{For: -1}}}, `deadlines.mitigate[0].for: out_of_range`},
		"basis":      {incident.Deadlines{Mitigate: incident.Targets{{For: 1, Time: 9}}}, `unknown_basis`},
		"escalate":   {incident.Deadlines{Mitigate: incident.Targets{{For: 1, Escalate: "a b"}}}, `deadlines.mitigate[0].escalate: invalid_id`},
		"many":       {incident.Deadlines{Mitigate: make(incident.Targets, 11)}, `too_many`},
		"every":      {incident.Deadlines{Public: incident.Cadences{{First: 1}}}, `deadlines.public[0].every: missing`},
		"cadence":    {incident.Deadlines{Public: incident.Cadences{{Every: 2}, {Every: 1}}}, `deadlines.public.every[0].for: not_monotone`},
		"zone":       {incident.Deadlines{Hours: incident.Hours{Zone: "Mars"}}, `deadlines.hours.zone: unknown_zone`},
		"hours":      {incident.Deadlines{Hours: incident.Hours{From: "25:00"}}, `deadlines.hours.from`},
		"never open": {incident.Deadlines{Hours: incident.Hours{Weekdays: []time.Weekday{}}}, `never_open`},
	} {
		t.Run(name, func(t *testing.T) {
			if _, err := (incident.Policy{ID: "p", Deadlines: test.d}).Compile(); err == nil || !strings.Contains(err.Error(), test.want) {
				t.Errorf("%v, want %s", err, test.want)
			}
		})
	}
}

// drawnLog is a random incident, whose commands are often refused. Nothing in it
// is backdated or corrected.
func drawnLog(t *rapid.T) (*dueLog, float64) {
	p := incident.Policy{ID: "p", Authority: map[incident.Kind][]incident.Role{}, Deadlines: incident.Deadlines{
		Resolve: incident.Targets{{For: 20 * time.Minute, Pause: true}, {For: 40 * time.Minute, Pause: true}},
		Review:  incident.Targets{{For: 10 * time.Minute}, {For: 30 * time.Minute}}, Postmortem: incident.Targets{{For: 15 * time.Minute}, {For: 45 * time.Minute}},
		Acknowledge: incident.Targets{{For: 5 * time.Minute}, {For: 7 * time.Minute}, {For: 15 * time.Minute}},
		Mitigate:    incident.Targets{{For: 10 * time.Minute}, {For: 25 * time.Minute, Time: incident.OnCallTime}},
		OnCall:      hourly{},
	}}
	l := &dueLog{policy: p.MustCompile()}
	severity := rapid.Custom(func(t *rapid.T) sre.Severity { return sre.Severity(rapid.IntRange(1, 4).Draw(t, "severity")) })
	at := 0.0
	if err := l.try(0, incident.Declare{ID: "i", Title: "x", Severity: severity.Draw(t, "first"), Source: incident.FromAlert}); err != nil {
		t.Fatal(err)
	}
	person := rapid.SampledFrom([]string{"ann", "bob"})
	for n := range rapid.IntRange(0, 40).Draw(t, "n") {
		at += rapid.SampledFrom([]float64{0, 0.5, 1, 3, 5, 10, 20, 30}).Draw(t, "step")
		audience := incident.Audience(rapid.IntRange(0, 2).Draw(t, "audience"))
		next := minute(at + rapid.SampledFrom([]float64{1, 4, 15, 100}).Draw(t, "next"))
		l.try(at, []incident.Command{
			incident.Acknowledge{}, incident.Triage{Severity: severity.Draw(t, "to")}, incident.Triage{Severity: severity.Draw(t, "to")},
			incident.Assign{Role: incident.Commander, Person: person.Draw(t, "person")}, incident.Leave{Role: incident.Commander, Person: person.Draw(t, "person")},
			incident.Mitigate{ID: fmt.Sprint("m", n), Result: incident.Worked, EndsImpact: true}, incident.Reopen{}, incident.Reopen{},
			incident.Update{Audience: audience, Text: "x", Next: next}, incident.Update{Audience: audience, Text: "x", Next: next}, incident.Update{Audience: audience, Text: "x", Final: true},
			incident.Resolve{}, incident.Close{Override: "x"}, incident.ReviewRunbooks{}, incident.Cancel{}, incident.Restrict{On: true}, incident.Restrict{},
			incident.SchedulePostmortem{ID: "pm", For: next}, incident.SkipPostmortem{}, incident.Note{Text: "x"},
		}[rapid.IntRange(0, 19).Draw(t, "command")])
	}
	return l, at
}

// watched looks at an incident each half minute, and at each event, and notes
// what it sees: an obligation that it once saw breached ended so.
func watched(t *rapid.T, l *dueLog, until float64) map[string]incident.End {
	seen, gone := map[string]incident.End{}, map[string]bool{}
	var s incident.State
	look := func(now time.Time) (list []incident.Obligation) {
		list = l.policy.Obligations(&s, now)
		present := map[string]bool{}
		for _, o := range list {
			present[o.ID] = true
			if gone[o.ID] {
				t.Fatalf("%s comes back at %v", o.ID, now)
			}
			if seen[o.ID] != incident.Breached {
				seen[o.ID] = o.End
			}
		}
		for id := range seen {
			if !present[id] {
				gone[id] = true
			}
		}
		return list
	}
	n := 0
	for at := 0.0; at <= until; at += 0.5 {
		for ; n < len(l.events) && !l.events[n].Recorded.After(minute(at)); n++ {
			look(l.events[n].Recorded) // the last moment before it
			s.Apply(&l.events[n])
			look(l.events[n].Recorded)
		}
		look(minute(at))
	}
	return seen
}

func TestEachObligationEndsOnceAsAWatcherSeesIt(t *testing.T) {
	ends := map[incident.End]int{}
	settled := 0
	rapid.Check(t, func(t *rapid.T) {
		l, at := drawnLog(t)
		until := at + 100
		seen := watched(t, l, until)
		once := map[string]bool{}
		for _, o := range l.policy.History(slices.Values(l.events), minute(until)) {
			ends[o.End]++
			if once[o.ID] {
				t.Fatalf("%s is there twice", o.ID)
			}
			once[o.ID] = true
			was, known := seen[o.ID]
			if !known {
				// Two events at one instant may open and end it at once.
				if o.End != incident.Met && o.End != incident.Dropped {
					t.Fatalf("%+v was never seen", o)
				}
				continue
			}
			late := o.Duty == incident.DutyPostmortem && o.Settled.After(o.Due) // known before it was
			if !late && (was == incident.Breached) != (o.End == incident.Breached) {
				t.Fatalf("%s was seen %v, and ended %v", o.ID, was, o.End)
			}
			if !o.Settled.IsZero() {
				settled++
			}
			if o.End == incident.Met && !o.At.Before(o.Due) && !o.Paused || o.End == incident.Breached && o.At.After(minute(until)) || !o.Settled.IsZero() && o.Settled.Before(o.At) && !late {
				t.Fatalf("%+v contradicts itself", o)
			}
		}
		for id := range seen {
			if !once[id] {
				t.Fatalf("%s was seen and is not in the history", id)
			}
		}
	})
	for _, end := range []incident.End{incident.Open, incident.Met, incident.Breached, incident.Dropped} {
		if ends[end] == 0 {
			t.Errorf("none ended %v", end)
		}
	}
	if settled == 0 {
		t.Error("none was settled late")
	}
}

func TestNextDueIsTheNextChange(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		l, at := drawnLog(t)
		print := func(now time.Time) string { return fmt.Sprint(l.policy.Obligations(&l.state, now)) }
		now := minute(at)
		for range 12 {
			next := l.policy.NextDue(&l.state, now)
			last := now.Add(time.Hour * 24 * 400)
			if !next.IsZero() {
				if !next.After(now) || print(next) == print(now) {
					t.Fatalf("nothing changes at %v", next)
				}
				last = next.Add(-1)
			}
			if print(last) != print(now) {
				t.Fatalf("something changes between %v and %v:\n%s\n%s", now, last, print(now), print(last))
			}
			if next.IsZero() {
				return
			}
			now = next
		}
	})
}

func TestAStateThatWasKeptOwesTheSame(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		l, at := drawnLog(t)
		again := incident.Fold(slices.Values(l.events))
		if diff := cmp.Diff(l.owed(at), l.policy.Obligations(&again, minute(at))); diff != "" {
			t.Fatal(diff)
		}
	})
}

// The second reading of how clocks follow a severity: counters that go on each
// half minute.
func TestClocksAgreeWithCounters(t *testing.T) {
	lengths := []float64{5, 7, 15} // of acknowledge in drawnLog, severity 4 has none
	rapid.Check(t, func(t *rapid.T) {
		l, at := drawnLog(t)
		var s incident.State
		var since [3]float64
		var running [3]bool
		breached := false
		n, episode := 0, 0
		for now := 0.0; now < at+20; now += 0.5 {
			tick := func() {
				for i, length := range lengths {
					breached = breached || running[i] && now-since[i] >= length
				}
			}
			for ; n < len(l.events) && !l.events[n].Recorded.After(minute(now)); n++ {
				tick()
				s.Apply(&l.events[n])
				if s.Episode != episode || !s.Status.Live() || s.Status == incident.Mitigated {
					running, breached, episode = [3]bool{}, false, s.Episode
				}
				for i := range since {
					runs := s.Status.Live() && s.Status != incident.Mitigated && s.Severity <= sre.Severity(i+1)
					if runs && !running[i] {
						since[i] = now
					}
					running[i] = runs
				}
				if !running[2] {
					breached = false
				}
			}
			tick()
			asked := s.Status.Live() && s.Status != incident.Mitigated && s.Mark(incident.AcknowledgedAt).IsZero() && running[2]
			var got *incident.Obligation
			for _, o := range l.policy.Obligations(&s, minute(now)) {
				if o.Duty == incident.DutyAcknowledge {
					got = &o
				}
			}
			if (got != nil) != asked || got != nil && (got.End == incident.Breached) != breached {
				t.Fatalf("at %v: got %+v, want asked %v, breached %v; spans %v", now, got, asked, breached, s.Spans)
			}
		}
	})
}

// manyOpen are incidents of all severities, a tenth of them with a history of
// severities.
func manyOpen(tb testing.TB, n int) (*incident.Compiled, []incident.State) {
	states := make([]incident.State, n)
	var c *incident.Compiled
	for i := range states {
		l := newDueLog(tb, incident.Policy{}, sre.Severity(1+i%4))
		if c == nil {
			c = l.policy
		}
		if i%10 == 0 {
			l.do(tb, 1, incident.Triage{Severity: sre.Severity(1 + (i+1)%4)})
			l.do(tb, 2, incident.Update{Audience: incident.Public, Text: "x", Next: minute(30)})
		}
		states[i] = l.state
	}
	return c, states
}

func BenchmarkDue(b *testing.B) {
	const n = 100_000
	template, few := manyOpen(b, 100)
	states := make([]incident.State, n)
	for i := range states {
		states[i] = few[i%len(few)].Clone()
	}
	b.Run("scan of 100,000 states", func(b *testing.B) {
		b.ReportAllocs()
		for b.Loop() {
			due := 0
			for i := range states {
				if next := template.NextDue(&states[i], time.Time{}); !next.IsZero() && !next.After(minute(5)) {
					due++
				}
			}
			if due == 0 {
				b.Fatal("nothing is due")
			}
		}
	})
	var agenda incident.Agenda
	for i := range states {
		agenda.Set(fmt.Sprint(i), template.NextDue(&states[i], time.Time{}))
	}
	b.Run("agenda of 100,000", func(b *testing.B) {
		b.ReportAllocs()
		for b.Loop() {
			due := 0
			for range agenda.Due(minute(5)) {
				due++
			}
			if due == 0 {
				b.Fatal("nothing is due")
			}
		}
	})
	b.Run("agenda, one set", func(b *testing.B) {
		b.ReportAllocs()
		for i := 0; b.Loop(); i++ {
			agenda.Set("77", minute(float64(i%1000)))
		}
	})
}

func TestAgendaAgreesWithAScan(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		var agenda incident.Agenda
		oracle := map[string]time.Time{}
		for range rapid.IntRange(0, 60).Draw(t, "n") {
			id := fmt.Sprint(rapid.IntRange(0, 15).Draw(t, "id"))
			at := time.Time{}
			if rapid.IntRange(0, 3).Draw(t, "set") > 0 {
				at = minute(float64(rapid.IntRange(0, 20).Draw(t, "at")))
			}
			agenda.Set(id, at)
			if oracle[id] = at; at.IsZero() {
				delete(oracle, id)
			}
			now := minute(float64(rapid.IntRange(0, 20).Draw(t, "now")))
			var want []string
			next := time.Time{}
			for id, at := range oracle {
				if !at.After(now) {
					want = append(want, id)
				}
				if next.IsZero() || at.Before(next) {
					next = at
				}
			}
			got := slices.Sorted(agenda.Due(now))
			slices.Sort(want)
			if diff := cmp.Diff(want, got); diff != "" || !agenda.Next().Equal(next) || agenda.Len() != len(oracle) {
				t.Fatalf("%s\nnext %v, want %v", diff, agenda.Next(), next)
			}
		}
	})
}

func TestLookingAfterAnIncidentAllocatesNothing(t *testing.T) {
	c, states := manyOpen(t, 20)
	if n := testing.AllocsPerRun(100, func() {
		for i := range states {
			c.NextDue(&states[i], dueStart)
		}
	}); n > 0 {
		t.Errorf("%v allocations", n)
	}
}
