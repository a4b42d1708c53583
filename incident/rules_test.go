package incident_test

import (
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"github.com/google/go-cmp/cmp/cmpopts"
	"pgregory.net/rapid"

	"github.com/sre-sdk/sre"
	"github.com/sre-sdk/sre/incident"
	"github.com/sre-sdk/sre/incident/incidenttest"
)

// story runs one incident, a minute for each command.
type story struct {
	testing.TB
	policy *incident.Compiled
	state  incident.State
	log    []incident.Event
	now    time.Time
}

func tell(t testing.TB, commands ...incident.Command) *story {
	s := &story{TB: t, policy: incident.Policy{ID: "p"}.MustCompile(), now: monday}
	s.must("alice", incident.Declare{ID: "i", Title: "5xx", Severity: 1, Services: []string{"checkout"}})
	for _, c := range commands {
		s.must("alice", c)
	}
	return s
}

func (s *story) give(r incident.Request) string {
	s.now = s.now.Add(time.Minute)
	events, err := s.policy.Handle(&s.state, r, s.now)
	for i := range events {
		s.state.Apply(&events[i])
	}
	s.log = append(s.log, events...)
	if err != nil {
		return code(err)
	}
	if len(events) == 0 {
		return "so already"
	}
	return "done"
}

func (s *story) must(by string, c incident.Command) {
	s.Helper()
	if got := s.give(incident.Request{By: human(by), Reason: "because", Command: c}); got != "done" {
		s.Fatalf("%s %+v: %s", c.Kind(), c, got)
	}
}

func (s *story) want(want, by string, c incident.Command) {
	s.Helper()
	if got := s.give(incident.Request{By: human(by), Command: c}); got != want {
		s.Errorf("%s %+v by %s: %s, want %s", c.Kind(), c, by, got, want)
	}
}

var commander, deputy, scribe = incident.Commander, incident.Deputy, incident.Scribe

// Two who change the same at once: the second is told, and kept. What others
// change goes on.
func TestTheSecondOfTwoIsKeptAsRefused(t *testing.T) {
	for _, test := range []struct {
		name          string
		before        []incident.Command
		first, second incident.Command
		want          string
	}{
		{"the same field", nil, incident.SetTitle{Title: "a"}, incident.SetTitle{Title: "b"}, "conflict"},
		{"the same value", nil, incident.SetTitle{Title: "a"}, incident.SetTitle{Title: "a"}, "so already"},
		{"another field", nil, incident.SetTitle{Title: "a"}, incident.Triage{Severity: 2}, "done"},
		{"the same role", nil, incident.Assign{Role: deputy, Person: "bob"}, incident.Assign{Role: deputy, Person: "carol"}, "conflict"},
		{"the same person in it", nil, incident.Assign{Role: deputy, Person: "bob"}, incident.Assign{Role: deputy, Person: "bob"}, "so already"},
		{"another role", nil, incident.Assign{Role: deputy, Person: "bob"}, incident.Assign{Role: scribe, Person: "carol"}, "done"},
		{"another expert", nil, incident.Assign{Role: incident.Expert, Person: "bob"}, incident.Assign{Role: incident.Expert, Person: "carol"}, "done"},
		{"the same milestone", nil, incident.Correct{Milestone: incident.ImpactBegan, At: monday}, incident.Correct{Milestone: incident.ImpactBegan, At: monday.Add(-time.Hour)}, "conflict"},
		{"another milestone", nil, incident.Correct{Milestone: incident.ImpactBegan, At: monday}, incident.Correct{Milestone: incident.DetectedAt, At: monday.Add(-time.Hour)}, "done"},
		{"the same mitigation", nil, incident.Mitigate{ID: "m", Result: incident.Worked}, incident.Mitigate{ID: "m", Result: incident.Failed}, "conflict"},
		{"another mitigation", nil, incident.Mitigate{ID: "m", Result: incident.Worked}, incident.Mitigate{ID: "n", Result: incident.Failed}, "done"},
		{"the severity", nil, incident.Triage{Severity: 2}, incident.Triage{Severity: 3}, "conflict"},
		{"the status, where the table would refuse", []incident.Command{incident.Triage{Severity: 2}}, incident.Resolve{}, incident.Cancel{}, "conflict"},
		{"the same status", []incident.Command{incident.Triage{Severity: 2}}, incident.Resolve{}, incident.Resolve{}, "so already"},
		{"a finding", []incident.Command{incident.Triage{Severity: 2}, incident.Resolve{}}, incident.Verify{Recovered: incident.NotRecovered}, incident.Verify{Recovered: incident.Recovered}, "conflict"},
		{"remarks", nil, incident.Note{Text: "a"}, incident.Note{Text: "b"}, "done"},
	} {
		t.Run(test.name, func(t *testing.T) {
			s := tell(t, test.before...)
			seen := s.state.Seq
			s.must("alice", test.first)
			kept := s.state.Clone()
			got := s.give(incident.Request{By: human("bob"), Reason: "because", Seen: seen, Command: test.second})
			if got != test.want {
				t.Fatalf("%s, want %s", got, test.want)
			}
			if got != "conflict" {
				return
			}
			last := s.log[len(s.log)-1]
			if last.Refused != incident.RefusedConflict || last.By.ID != "bob" || cmp.Diff(last.Command, test.second) != "" {
				t.Errorf("the loser is not kept: %+v", last)
			}
			if s.state.Conflicts != 1 || s.state.Status != kept.Status || s.state.Title != kept.Title || s.state.Severity != kept.Severity {
				t.Errorf("the loser has changed something: %+v", s.state)
			}
		})
	}
}

// A loser who was not allowed to in the first place is not kept.
func TestWhoMayNotIsNotKept(t *testing.T) {
	s := tell(t, incident.Assign{Role: commander, Person: "alice"})
	seen := s.state.Seq
	s.must("alice", incident.Triage{Severity: 2})
	if got := s.give(incident.Request{By: human("mallory"), Seen: seen, Command: incident.Triage{Severity: 1}}); got != "authority" {
		t.Errorf("%s, want authority", got)
	}
	if s.state.Conflicts != 0 {
		t.Error("it is kept")
	}
}

func TestCommand(t *testing.T) {
	s := tell(t, incident.Assign{Role: commander, Person: "alice"}, incident.Assign{Role: deputy, Person: "bob"}, incident.Assign{Role: scribe, Person: "carol"})
	s.want("so already", "alice", incident.Assign{Role: commander, Person: "alice"})
	s.want("held", "alice", incident.Assign{Role: commander, Person: "bob"})
	s.want("two_roles", "alice", incident.Assign{Role: incident.Expert, Person: "alice"})
	s.want("two_roles", "bob", incident.Offer{Role: deputy, Person: "alice"})
	s.want("vacancy", "alice", incident.Leave{Role: commander, Person: "alice"})
	s.want("authority", "carol", incident.Offer{Role: commander, Person: "carol"})
	s.want("no_offer", "carol", incident.Accept{Role: commander})

	s.want("done", "alice", incident.Offer{Role: commander, Person: "bob"})
	s.want("authority", "carol", incident.Decline{Role: commander}) // neither hers nor to her
	if got := s.give(incident.Request{By: sre.Actor{Kind: sre.Service, ID: "bob"}, Command: incident.Accept{Role: commander}}); got != "no_offer" {
		t.Errorf("a service of that name: %s", got)
	}
	s.want("done", "bob", incident.Accept{Role: commander}) // the deputy is the hot standby, and gives that up
	s.want("so already", "bob", incident.Accept{Role: commander})
	want := []incident.Holder{{Role: scribe, Person: "carol"}, {Role: commander, Person: "bob"}}
	if diff := cmp.Diff(want, s.state.Holders, cmpopts.IgnoreFields(incident.Holder{}, "Since")); diff != "" {
		t.Errorf("(-want +got):\n%s", diff)
	}
	s.want("done", "carol", incident.Offer{Role: scribe, Person: "dave"}) // her own
	s.want("done", "dave", incident.Decline{Role: scribe})
	s.want("done", "carol", incident.Leave{Role: scribe, Person: "carol"})
	s.want("done", "bob", incident.Triage{Severity: 1})
}

// An offer ends when the role changes hands in another way.
func TestAnOldOfferGivesNothing(t *testing.T) {
	s := tell(t, incident.Assign{Role: scribe, Person: "bob"}, incident.Offer{Role: scribe, Person: "carol"}, incident.Leave{Role: scribe, Person: "bob"}, incident.Assign{Role: scribe, Person: "dave"})
	s.want("no_offer", "carol", incident.Accept{Role: scribe})
}

// A handoff told late is not before the one that was before it.
func TestRolesChangeHandsInOrder(t *testing.T) {
	s := tell(t, incident.Assign{Role: commander, Person: "alice"}, incident.Offer{Role: commander, Person: "bob"})
	r := incident.Request{By: human("bob"), At: monday, Command: incident.Accept{Role: commander}}
	if got := s.give(r); got != "invalid" {
		t.Errorf("accepted before it was held: %s", got)
	}
}

func TestServicesDoWhatIsBoundToNobody(t *testing.T) {
	s := tell(t, incident.Triage{Severity: 2}, incident.Resolve{})
	by := sre.Actor{Kind: sre.Service, ID: "probe"}
	if got := s.give(incident.Request{By: by, Command: incident.Verify{Recovered: incident.Recovered}}); got != "done" {
		t.Error(got)
	}
	if got := s.give(incident.Request{By: by, Command: incident.Close{}}); got != "authority" {
		t.Error(got)
	}
}

// The latest finding counts, and its milestone with it.
func TestTheLatestFindingCounts(t *testing.T) {
	s := tell(t, incident.Triage{Severity: 2}, incident.Resolve{}, incident.ReviewRunbooks{}, incident.Verify{Recovered: incident.Recovered}, incident.Verify{Recovered: incident.NotRecovered})
	s.want("unverified", "alice", incident.Close{})
	if !s.state.Mark(incident.VerifiedAt).IsZero() {
		t.Error("it is verified")
	}
}

func TestCorrectionsKeepToTheStatus(t *testing.T) {
	s := tell(t, incident.Triage{Severity: 2})
	early := monday.Add(-time.Hour)
	for _, m := range []incident.Milestone{incident.MitigatedAt, incident.ResolvedAt, incident.VerifiedAt, incident.ClosedAt} {
		s.want("not_reached", "alice", incident.Correct{Milestone: m, At: early})
	}
	s.want("reached", "alice", incident.Correct{Milestone: incident.DeclaredAt})
	s.want("done", "alice", incident.Correct{Milestone: incident.ImpactBegan, At: early})
	s.want("so already", "alice", incident.Correct{Milestone: incident.ImpactBegan, At: early})
	s.must("alice", incident.Resolve{})
	s.want("reached", "alice", incident.Correct{Milestone: incident.ResolvedAt})
	s.want("done", "alice", incident.Correct{Milestone: incident.MitigatedAt, At: monday})

	// The case that others miss: resolved at 10:00, acknowledged at 10:05.
	s.want("done", "alice", incident.Correct{Milestone: incident.AcknowledgedAt, At: monday.Add(5 * time.Minute)})
	s.want("done", "alice", incident.Correct{Milestone: incident.ResolvedAt, At: monday})
	if d := s.state.Between(incident.AcknowledgedAt, incident.ResolvedAt, s.now); d.Validity != incident.Contradictory || d.For != 0 {
		t.Errorf("%+v", d)
	}
	if got := s.state.Contradictions(); !slices.Contains(got, [2]incident.Milestone{incident.AcknowledgedAt, incident.ResolvedAt}) {
		t.Errorf("contradictions %v", got)
	}
}

func TestDurationsSayWhetherTheyAre(t *testing.T) {
	s := tell(t)
	at := s.now.Add(time.Hour)
	if d := s.state.Between(incident.DeclaredAt, incident.ResolvedAt, at); d.Validity != incident.Censored || d.For != time.Hour {
		t.Errorf("%+v", d)
	}
	if d := s.state.Between(incident.ImpactBegan, incident.ResolvedAt, at); d.Validity != incident.Missing {
		t.Errorf("%+v", d)
	}
	s.must("alice", incident.Cancel{})
	if d := s.state.Between(incident.DeclaredAt, incident.ResolvedAt, at); d.Validity != incident.Missing {
		t.Errorf("%+v", d)
	}
	if d := s.state.InSeverity(at); d[1] != time.Minute {
		t.Errorf("canceled after a minute: %v", d)
	}
	s.must("bob", incident.Reopen{})
	if d := s.state.InSeverity(s.now.Add(time.Hour)); d[1] != time.Hour+time.Minute {
		t.Errorf("and an hour since it was reopened: %v", d)
	}
}

func TestReopeningBeginsAnew(t *testing.T) {
	s := tell(t, incident.Triage{Severity: 3}, incident.Update{Audience: incident.Public, Text: "x", Final: true}, incident.Mitigate{ID: "m", Result: incident.Worked, EndsImpact: true})
	s.must("bob", incident.Reopen{})
	if s.state.Told[incident.Public].Final || s.state.Episode != 1 || !s.state.Mark(incident.MitigatedAt).IsZero() {
		t.Errorf("back in the same episode: %+v", s.state)
	}
	s.must("alice", incident.Resolve{})
	s.must("alice", incident.SkipPostmortem{})
	s.must("bob", incident.Reopen{})
	if s.state.Episode != 2 || s.state.Postmortem.Skipped || len(s.state.Past) != 1 {
		t.Errorf("another episode: %+v", s.state)
	}
	if got := s.give(incident.Request{By: human("alice"), Reason: "false alarm", Command: incident.Cancel{}}); got != "had_impact" {
		t.Errorf("cancel what was one: %s", got)
	}
}

// A refusal for want of authority names the roles, and who holds them.
func TestRefusalsNameWhoMay(t *testing.T) {
	s := tell(t, incident.Assign{Role: commander, Person: "alice"})
	_, err := s.policy.Handle(&s.state, incident.Request{By: human("bob"), Command: incident.Triage{Severity: 1}}, s.now)
	if err == nil || !strings.Contains(err.Error(), "commander (alice)") || !strings.Contains(err.Error(), "deputy") {
		t.Errorf("%v", err)
	}
}

// secret are commands that only those inside may know of.
func secret(t *rapid.T, now time.Time) incident.Command {
	switch rapid.IntRange(0, 7).Draw(t, "secret") {
	case 0:
		return incident.Note{Text: "the key leaked"}
	case 1:
		return incident.Link{Type: incident.LinkAlert, ID: "exfiltration"}
	case 2:
		return incident.AddEvidence{ID: "e", Title: "dump"}
	case 3:
		return incident.Assign{Role: incident.Expert, Person: "eve"}
	case 4:
		return incident.Update{Audience: incident.Internal, Text: "it was us", Next: now.Add(time.Hour)}
	case 5:
		return incident.SetChannel{Ref: incident.Ref{ID: "war-room"}}
	case 6:
		return incident.Mitigate{ID: "m", Text: "revoke"}
	default:
		return incident.Link{Type: incident.LinkChange, ID: "c1"}
	}
}

// Two logs that differ only in what is restricted give the same public view.
func TestPublicViewsLeakNothing(t *testing.T) {
	policy := incident.Policy{ID: "p", Authority: map[incident.Kind][]incident.Role{}}.MustCompile()
	rapid.Check(t, func(t *rapid.T) {
		var a, b incident.State
		now := monday
		give := func(s *incident.State, r incident.Request) {
			events, _ := policy.Handle(s, r, now)
			for i := range events {
				s.Apply(&events[i])
			}
		}
		public := incidenttest.Range{People: 2}
		for i := range rapid.IntRange(1, 30).Draw(t, "steps") {
			r := incidenttest.Next(t, public, incidenttest.Facts{Status: a.Status}, now)
			now = r.Now
			if i == 0 {
				r.Command = incident.Declare{ID: "i", Title: "x"}
			}
			switch r.Command.Kind() { // what may not differ, and what secrets would make differ
			case incident.KindAssign, incident.KindMitigate, incident.KindLink, incident.KindSetChannel:
				continue
			}
			give(&a, r.Request)
			give(&b, r.Request)
			for range rapid.IntRange(0, 2).Draw(t, "secrets") {
				give(&b, incident.Request{By: human("eve"), Reason: "hush", Command: secret(t, now)})
			}
			va, oka := a.Public()
			vb, okb := b.Public()
			if diff := cmp.Diff(va, vb); diff != "" || oka != okb || oka == a.Hidden {
				t.Fatalf("the public can tell (-without +with secrets): %v %v\n%s", oka, okb, diff)
			}
		}
		a.Hidden, b.Hidden = true, true
		if v, ok := b.Public(); ok || cmp.Diff(incident.View{}, v) != "" {
			t.Fatalf("a restricted incident shows %+v", v)
		}
	})
	d := newDesk("A", "B")
	_ = d.give("B", incident.Restrict{On: true})
	before, _ := d.states["A"].Public()
	if err := d.merge("A", "B"); err != nil {
		t.Fatal(err)
	}
	if after, _ := d.states["A"].Public(); cmp.Diff(before, after) != "" {
		t.Errorf("merged into a restricted incident, it shows %+v", after)
	}
}

// A commander who does not answer blocks nobody for good: a rule offers the
// command to somebody else, who accepts it.
func TestACommanderWhoDoesNotAnswerIsRelieved(t *testing.T) {
	s := tell(t, incident.Assign{Role: commander, Person: "alice"})
	s.want("authority", "bob", incident.Offer{Role: commander, Person: "bob"})
	by := sre.Actor{Kind: sre.PolicyActor, ID: "no-answer"}
	if got := s.give(incident.Request{By: by, Command: incident.Offer{Role: commander, Person: "bob"}}); got != "done" {
		t.Error(got)
	}
	if got := s.give(incident.Request{By: by, Command: incident.Triage{Severity: 1}}); got != "authority" {
		t.Error(got)
	}
	s.want("done", "bob", incident.Accept{Role: commander})
}

// What is told late changes the past, and not what is known now.
func TestWhatIsToldLateIsNotTheLatest(t *testing.T) {
	users := func(share float64) incident.Impact { return incident.Impact{Users: incident.ShareOf(share)} }
	s := tell(t, incident.Triage{Severity: 1, Impact: users(0.5)}, incident.Triage{Severity: 2, Impact: users(0.1)})
	s.must("alice", incident.Update{Text: "b", Next: s.now.Add(time.Hour)})
	told := s.state.Told[incident.Internal]
	late := monday.Add(90 * time.Second)
	for _, c := range []incident.Command{incident.Triage{Severity: 3, Impact: users(0.01)}, incident.Update{Text: "a", Next: late.Add(time.Minute)}} {
		if got := s.give(incident.Request{By: human("bob"), At: late, Reason: "told late", Command: c}); got != "done" {
			t.Fatal(got)
		}
	}
	if got := s.state.Told[incident.Internal]; s.state.Severity != 2 || s.state.Impact != users(0.1) || !got.Last.Equal(told.Last) || !got.Next.Equal(told.Next) || got.Updates != 2 {
		t.Errorf("%s, %+v, %+v", s.state.Severity, s.state.Impact, got)
	}
	if times := s.state.InSeverity(s.now); times[1] != 30*time.Second || times[3] != 90*time.Second {
		t.Errorf("times %v", times)
	}
}

// Copies of a policy share nothing that decides.
func TestACompiledPolicyDoesNotChange(t *testing.T) {
	p := incident.Policy{ID: "p", Authority: map[incident.Kind][]incident.Role{incident.KindNote: {commander}}, Matrix: incident.Matrix{Scale: sre.Scale{"A", "B", "C", "D"}}}
	c := p.MustCompile()
	p.Authority[incident.KindNote][0] = scribe
	p.Authority[incident.KindUpdate] = []incident.Role{scribe}
	got := c.Policy()
	if len(got.Authority) != 1 || got.Authority[incident.KindNote][0] != commander || got.Matrix.Scale.Name(1) != "A" {
		t.Errorf("%+v", got)
	}
}
