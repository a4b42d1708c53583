package dispatch_test

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/sre-sdk/sre"
	"github.com/sre-sdk/sre/oncall"
	"github.com/sre-sdk/sre/oncall/dispatch"
	"github.com/sre-sdk/sre/oncall/escalation"
	"github.com/sre-sdk/sre/storage"
)

// in runs a test in a bubble, so that hours pass in no time.
func in(t *testing.T, test func(t *testing.T, ctx context.Context)) {
	t.Helper()
	synctest.Test(t, func(t *testing.T) { test(t, context.Background()) })
}

func TestPagesGoOnUntilSomebodyAcknowledges(t *testing.T) {
	in(t, func(t *testing.T, ctx context.Context) {
		w := newWorld(t, nil)
		w.run()
		w.trigger("x")
		time.Sleep(11*time.Minute + time.Second)
		want := []string{"alice push", "alice sms", "bob push", "bob sms", "boss push", "boss sms"}
		if got := w.sent(); !slices.Equal(got[:5], want[:5]) {
			t.Errorf("sent %v, want %v", got, want)
		}
		if _, err := w.Ack(ctx, "x", by("bob")); err != nil {
			t.Fatal(err)
		}
		before := len(w.sent())
		time.Sleep(24 * time.Hour)
		if got := w.sent(); len(got) != before {
			t.Errorf("paged after the acknowledgement: %v", got[before:])
		}
	})
}

func TestDeliveryCarriesWhatThePersonNeeds(t *testing.T) {
	in(t, func(t *testing.T, ctx context.Context) {
		w := newWorld(t, func(c *dispatch.Config) {
			c.Link = func(p dispatch.Page) string { return "https://pager/" + p.Escalation + "/" + p.Person + "/" + p.Level }
		})
		w.run()
		if _, err := w.Trigger(ctx, "db", escalation.Trigger{ID: "x", Severity: 2, Body: "disk full"}); err != nil {
			t.Fatal(err)
		}
		synctest.Wait()
		if _, err := w.HandOff(ctx, "x", "bob", dispatch.Command{Actor: human("alice"), Note: "it is yours"}); err != nil {
			t.Fatal(err)
		}
		at := time.Now()
		synctest.Wait()
		sent := w.pager.Sent()
		got := sent[len(sent)-1]
		got.Key = ""
		want := oncall.Delivery{Person: "bob", Contact: person("bob").Contacts[0], Severity: 2, Title: "x",
			Body: "disk full\n\nalice at " + at.UTC().Format(time.RFC3339) + ": it is yours", Link: "https://pager/x/bob/l1"}
		if diff := cmp.Diff(want, got); diff != "" {
			t.Error(diff)
		}
	})
}

func TestPermanentErrorTriesTheNextContactAtOnce(t *testing.T) {
	in(t, func(t *testing.T, _ context.Context) {
		w := newWorld(t, nil)
		w.pager.Fail = func(d oncall.Delivery, _ int) error {
			if d.Contact.ID == "push" {
				return fmt.Errorf("no such token: %w", oncall.ErrPermanent)
			}
			return nil
		}
		w.run()
		w.trigger("x")
		time.Sleep(10 * time.Second)
		if got, want := w.sent(), []string{"alice sms"}; !slices.Equal(got, want) {
			t.Errorf("sent %v within ten seconds, want %v", got, want)
		}
		dead := w.dead()
		if len(dead) != 1 || dead[0].Person != "alice" || dead[0].Contact != "push" || dead[0].Escalation != "x" || dead[0].Attempts != 1 || !strings.Contains(dead[0].Err, "no such token") {
			t.Errorf("dead letters %+v", dead)
		}
	})
}

func TestPersonWhoCannotBeReachedPassesTheLevelAtOnce(t *testing.T) {
	in(t, func(t *testing.T, _ context.Context) {
		w := newWorld(t, func(c *dispatch.Config) {
			known := roster(t, person("bob"), person("boss"))
			c.Person = func(_ context.Context, id string) (oncall.Person, bool, error) { // alice has left since the roster was made
				p, ok := known.Person(id)
				return p, ok, nil
			}
		})
		w.run()
		w.trigger("x")
		time.Sleep(10 * time.Second)
		if got, want := w.sent(), []string{"bob push"}; !slices.Equal(got, want) {
			t.Errorf("sent %v within ten seconds, want %v", got, want)
		}
		if dead := w.dead(); len(dead) != 2 || !strings.Contains(dead[0].Err, "there is no person alice") {
			t.Errorf("dead letters %+v, want both contacts of alice", dead)
		}
	})
}

func TestUnknownOutcomeSendsTheSameKeyUntilItIsADeadLetter(t *testing.T) {
	in(t, func(t *testing.T, _ context.Context) {
		w := newWorld(t, func(c *dispatch.Config) { c.MaxAttempts = 3 })
		var keys []string
		w.pager.Fail = func(d oncall.Delivery, _ int) error {
			if d.Person == "alice" && d.Contact.ID == "push" {
				keys = append(keys, d.Key)
				return errors.New("timeout")
			}
			return nil
		}
		w.run()
		w.trigger("x")
		time.Sleep(30 * time.Second)
		synctest.Wait()
		if len(keys) != 3 || keys[0] != keys[1] || keys[1] != keys[2] {
			t.Errorf("keys %v, want one key three times", keys)
		}
		if got, want := w.sent(), []string{"alice sms"}; !slices.Equal(got, want) {
			t.Errorf("sent %v, want %v before the minute of the contact plan is over", got, want)
		}
		if dead := w.dead(); len(dead) != 1 || dead[0].Attempts != 3 {
			t.Errorf("dead letters %+v", dead)
		}
	})
}

func TestRateLimitWaitsWithoutCounting(t *testing.T) {
	in(t, func(t *testing.T, _ context.Context) {
		w := newWorld(t, func(c *dispatch.Config) { c.MaxAttempts = 2 })
		w.pager.Fail = func(d oncall.Delivery, attempt int) error {
			if d.Contact.ID == "push" && attempt < 5 {
				return fmt.Errorf("busy: %w", oncall.RateLimited{After: 10 * time.Second})
			}
			return nil
		}
		w.run()
		begin := time.Now()
		w.trigger("x")
		time.Sleep(50 * time.Second)
		if got, want := w.sent(), []string{"alice push"}; !slices.Equal(got, want) || len(w.dead()) > 0 {
			t.Errorf("sent %v after %s, dead %v, want %v", got, time.Since(begin), w.dead(), want)
		}
	})
}

func TestOneKindThatHangsHoldsBackNoOther(t *testing.T) {
	in(t, func(t *testing.T, _ context.Context) {
		w := newWorld(t, func(c *dispatch.Config) { c.Concurrency = 1 })
		hang := oncall.PagerFunc(func(ctx context.Context, _ oncall.Delivery) (oncall.Receipt, error) {
			<-ctx.Done()
			return oncall.Receipt{}, ctx.Err()
		})
		w.c.Pagers = map[oncall.ContactKind]oncall.Pager{oncall.Push: hang}
		w.Dispatcher = w.another()
		w.run()
		for i := range 50 {
			w.trigger(fmt.Sprint("x", i))
		}
		time.Sleep(63 * time.Second)
		if got := len(w.sent()); got != 50 {
			t.Errorf("%d messages by SMS after the minute of the contact plan, want 50", got)
		}
	})
}

func TestWithoutPlanAnyContactIsTried(t *testing.T) {
	in(t, func(t *testing.T, _ context.Context) {
		w := newWorld(t, func(c *dispatch.Config) {
			known := c.Directory.(*escalation.CompiledRoster)
			c.Directory = planless{known}
			c.Person = func(_ context.Context, id string) (oncall.Person, bool, error) {
				p, ok := known.Person(id)
				return p, ok, nil
			}
		})
		w.pager.Fail = func(d oncall.Delivery, _ int) error {
			if d.Contact.ID == "push" {
				return oncall.ErrPermanent
			}
			return nil
		}
		w.run()
		w.trigger("x")
		time.Sleep(time.Second)
		if got, want := w.sent(), []string{"alice sms"}; !slices.Equal(got, want) {
			t.Errorf("sent %v, want %v", got, want)
		}
	})
}

type planless struct{ *escalation.CompiledRoster }

func (planless) Plan(string, sre.Severity) ([]oncall.ContactStep, bool) { return nil, false }

// moody is a directory that panics or does not know.
type moody struct{ planless }

func (moody) OnCall(string, oncall.Role, time.Time) ([]string, bool) { panic("no schedules today") }

func (moody) Plan(string, sre.Severity) ([]oncall.ContactStep, bool) { panic("nor plans") }

func TestDirectoryThatPanicsSilencesNobody(t *testing.T) {
	in(t, func(t *testing.T, ctx context.Context) {
		policy := twoLevels()
		policy.Levels[0].Targets = []escalation.Target{escalation.ToSchedule("rota", 0)}
		w := newWorld(t, func(c *dispatch.Config) {
			c.Directory = moody{planless{c.Directory.(*escalation.CompiledRoster)}}
		}, policy)
		w.run()
		w.trigger("x")
		time.Sleep(time.Second)
		if got, want := w.sent(), []string{"bob push"}; !slices.Equal(got, want) {
			t.Errorf("sent %v, want %v: the next level at once", got, want)
		}
		var why []string
		for m, err := range w.Timeline(ctx, "x") {
			if err != nil {
				t.Fatal(err)
			}
			for _, a := range m.Acts {
				why = append(why, a.String())
			}
		}
		want := []string{"l1: directory_unknown rota", "l1: nobody_on_call", "l2: entered", "l2: deliver to bob by any contact"}
		if diff := cmp.Diff(want, why); diff != "" {
			t.Error(diff)
		}
	})
}

func TestCommandsAreChecked(t *testing.T) {
	in(t, func(t *testing.T, ctx context.Context) {
		w := newWorld(t, nil)
		w.trigger("x")
		for _, c := range []struct {
			name string
			do   func() (dispatch.Escalation, error)
			want string
		}{
			{"no actor", func() (dispatch.Escalation, error) { return w.Ack(ctx, "x", dispatch.Command{}) }, "actor invalid_actor"},
			{"a program acknowledges", func() (dispatch.Escalation, error) { return w.Ack(ctx, "x", dispatch.Command{Actor: robot}) }, "actor.kind not_human"},
			{"a program responds", func() (dispatch.Escalation, error) { return w.Respond(ctx, "x", dispatch.Command{Actor: robot}) }, "actor.kind not_human"},
			{"a bad key", func() (dispatch.Escalation, error) {
				return w.Ack(ctx, "x", dispatch.Command{Actor: human("bob"), Key: "a key"})
			}, "key invalid_id"},
			{"a note too long", func() (dispatch.Escalation, error) {
				return w.AddNote(ctx, "x", dispatch.Command{Actor: human("bob"), Note: strings.Repeat("n", escalation.MaxNote+1)})
			}, "note too_long"},
			{"no UTF-8", func() (dispatch.Escalation, error) {
				return w.AddNote(ctx, "x", dispatch.Command{Actor: human("bob"), Note: "\xff"})
			}, "note invalid_text"},
			{"an unknown escalation", func() (dispatch.Escalation, error) { return w.Ack(ctx, "y", by("bob")) }, escalation.RefusedNotTriggered},
			{"an unknown level", func() (dispatch.Escalation, error) { return w.Escalate(ctx, "x", "l9", by("bob")) }, escalation.RefusedNoLevel},
			{"a hand-off to nobody", func() (dispatch.Escalation, error) { return w.HandOff(ctx, "x", "zoe", by("bob")) }, "to unknown_person"},
			{"a snooze into the past", func() (dispatch.Escalation, error) { return w.Snooze(ctx, "x", time.Now(), by("bob")) }, escalation.RefusedInvalid},
			{"an unknown policy", func() (dispatch.Escalation, error) {
				return w.Trigger(ctx, "web", escalation.Trigger{ID: "z"})
			}, "policy unknown_policy"},
			{"a trigger without ID", func() (dispatch.Escalation, error) { return w.Trigger(ctx, "db", escalation.Trigger{}) }, "id invalid_id"},
		} {
			before := w.get("x")
			_, err := c.do()
			if got := refusal(err); got != c.want {
				t.Errorf("%s: %v, want %s", c.name, err, c.want)
			}
			if diff := cmp.Diff(marshal(t, before), marshal(t, w.get("x"))); diff != "" {
				t.Errorf("%s changed something:\n%s", c.name, diff)
			}
		}
	})
}

func TestCommandsDoWhatTheySay(t *testing.T) {
	in(t, func(t *testing.T, ctx context.Context) {
		w := newWorld(t, nil)
		w.trigger("x")
		check := func(name string, e dispatch.Escalation, err error, want escalation.Status) {
			t.Helper()
			if err != nil || e.State.Status != want || w.get("x").State.Status != want {
				t.Errorf("%s: %s, %v, want %s", name, e.State.Status, err, want)
			}
		}
		e, err := w.Snooze(ctx, "x", time.Now().Add(time.Hour), dispatch.Command{Actor: human("alice"), Note: "lunch"})
		check("snooze", e, err, escalation.Snoozed)
		e, err = w.Escalate(ctx, "x", "", dispatch.Command{Actor: robot, Note: "I cannot resolve this"})
		check("escalate", e, err, escalation.Open)
		e, err = w.SetSeverity(ctx, "x", 3, dispatch.Command{Actor: robot, Note: "only one replica"})
		check("set severity", e, err, escalation.Open)
		e, err = w.Respond(ctx, "x", by("bob"))
		check("respond", e, err, escalation.Acknowledged)
		e, err = w.HandOff(ctx, "x", "alice", by("bob"))
		check("hand off", e, err, escalation.Open)
		e, err = w.AddNote(ctx, "x", dispatch.Command{Actor: human("bob"), Note: "look at the disk"})
		check("note", e, err, escalation.Open)
		e, err = w.Resolve(ctx, "x", dispatch.Command{Actor: robot, Note: "recovered"})
		check("resolve", e, err, escalation.Resolved)
		var notes []string
		for _, n := range e.State.Notes {
			notes = append(notes, n.By+": "+n.Text)
		}
		want := []string{"alice: lunch", "robot: I cannot resolve this", "robot: only one replica", "bob: look at the disk", "robot: recovered"}
		if !slices.Equal(notes, want) {
			t.Errorf("notes %q, want %q", notes, want)
		}
	})
}

func TestSameKeyIsOneAct(t *testing.T) {
	in(t, func(t *testing.T, ctx context.Context) {
		w := newWorld(t, nil)
		c := dispatch.Command{Actor: robot, Key: "alert-1"}
		trigger := escalation.Trigger{ID: "x", Severity: 1}
		if _, err := w.TriggerAs(ctx, c, "db", trigger); err != nil {
			t.Fatal(err)
		}
		if _, err := w.Resolve(ctx, "x", c); err != nil { // the key of another act
			t.Fatal(err)
		}
		e, err := w.TriggerAs(ctx, c, "db", trigger)
		if err != nil || e.State.Status != escalation.Resolved {
			t.Errorf("the same trigger with the same key: %s, %v, want it still resolved", e.State.Status, err)
		}
		c.Key = "alert-2"
		e, err = w.TriggerAs(ctx, c, "db", trigger)
		if err != nil || e.State.Status != escalation.Open {
			t.Errorf("a trigger with another key: %s, %v, want it open", e.State.Status, err)
		}
	})
}

func TestTextsAreShortenedToFit(t *testing.T) {
	got := dispatch.Fit(escalation.Trigger{ID: "x", Title: strings.Repeat("ä", 300), Body: "a\xffb", Link: strings.Repeat("l", 3000)})
	if len(got.Title) > escalation.MaxTitle || !strings.HasSuffix(got.Title, "ä...") || got.Body != "ab" || got.Link != "" {
		t.Errorf("got %+v", got)
	}
	in(t, func(t *testing.T, ctx context.Context) {
		if _, err := newWorld(t, nil).Trigger(ctx, "db", got); err != nil {
			t.Error(err)
		}
	})
}

func TestRoundRobinGoesInTurnAcrossDispatchers(t *testing.T) {
	in(t, func(t *testing.T, ctx context.Context) {
		policy := twoLevels()
		policy.Levels[0].Targets = []escalation.Target{escalation.ToRoundRobin("alice", "bob", "boss")}
		w := newWorld(t, nil, policy)
		other := w.another()
		var got []string
		for i := range 7 {
			d := w.Dispatcher
			if i%2 == 1 {
				d = other
			}
			e, err := d.Trigger(ctx, "db", escalation.Trigger{ID: fmt.Sprint("x", i)})
			if err != nil {
				t.Fatal(err)
			}
			if _, err := d.Trigger(ctx, "db", escalation.Trigger{ID: fmt.Sprint("x", i)}); err != nil { // takes no turn
				t.Fatal(err)
			}
			for p := range e.State.Pages() {
				got = append(got, p.Person)
			}
		}
		if want := strings.Fields("alice bob boss alice bob boss alice"); !slices.Equal(got, want) {
			t.Errorf("paged %v, want %v", got, want)
		}
	})
}

func TestLoadIsAsOfTheLog(t *testing.T) {
	in(t, func(t *testing.T, ctx context.Context) {
		policy := twoLevels()
		policy.Levels[0].Targets = []escalation.Target{escalation.ToRoundRobin("alice", "bob")}
		policy.Levels[0].When.MaxLoad = 1
		w := newWorld(t, nil, policy)
		who := func(e dispatch.Escalation) string {
			for p := range e.State.Pages() {
				return p.Person
			}
			return ""
		}
		first, second := who(w.trigger("x1")), who(w.trigger("x2"))
		third := w.trigger("x3") // both have one: the level is passed over
		if first != "alice" || second != "bob" || third.State.Level != "l2" {
			t.Errorf("paged %s, %s, then level %s, want alice, bob, l2", first, second, third.State.Level)
		}
		if _, err := w.Ack(ctx, "x1", by("alice")); err != nil {
			t.Fatal(err)
		}
		for id, want := range map[string]int{"alice": 1, "bob": 2, "boss": 0} {
			if got, err := w.another().Load(ctx, id, ""); got != want || err != nil {
				t.Errorf("load of %s is %d, %v, want %d", id, got, err, want)
			}
		}
		if _, err := w.Resolve(ctx, "x1", by("alice")); err != nil {
			t.Fatal(err)
		}
		if got, err := w.Load(ctx, "alice", ""); got != 0 || err != nil {
			t.Errorf("load of alice is %d, %v, want 0: she has resolved it", got, err)
		}
		var open []string
		for e, err := range w.Open(ctx, "x2") {
			open = append(open, e.ID)
			if err != nil {
				t.Error(err)
			}
		}
		if !slices.Equal(open, []string{"x3"}) {
			t.Errorf("open after x2: %v", open)
		}
	})
}

// A restart with another configuration: the running escalation stays with its
// policy until somebody moves it.
func TestPolicyIsPinnedUntilItIsEdited(t *testing.T) {
	in(t, func(t *testing.T, ctx context.Context) {
		w := newWorld(t, nil)
		w.trigger("old")
		w.trigger("done")
		if _, err := w.Resolve(ctx, "done", by("bob")); err != nil {
			t.Fatal(err)
		}
		old := w.c.Policies[0]

		changed := twoLevels()
		changed.Levels[0].Delay = 20 * time.Minute
		changed.Levels[1].Targets = []escalation.Target{escalation.ToPerson("boss")}
		w.c.Policies = []*escalation.Compiled{changed.MustCompile()}
		w.Dispatcher = w.another() // it has never seen the old version
		w.run()
		w.trigger("new")
		time.Sleep(5*time.Minute + time.Second)
		if got := w.get("old").State; got.Level != "l2" || got.Policy != old.Digest() {
			t.Errorf("the old one is at %s of %s, want l2 of its own version", got.Level, got.Policy)
		}
		if got := w.get("new").State; got.Level != "l1" || got.Policy == old.Digest() {
			t.Errorf("the new one is at %s, want l1 of the new version", got.Level)
		}
		moved, err := w.EditOpen(ctx, "db", dispatch.Command{Actor: robot, Key: "deploy-7"})
		if moved != 1 || err != nil {
			t.Errorf("moved %d, %v, want 1", moved, err)
		}
		if got := w.get("old").State; got.Policy == old.Digest() || got.Level != "l2" {
			t.Errorf("after the edit: level %s of %s", got.Level, got.Policy)
		}
		if moved, err = w.EditOpen(ctx, "db", dispatch.Command{Actor: robot}); moved != 0 || err != nil {
			t.Errorf("again: moved %d, %v, want 0", moved, err)
		}
		if e, err := w.Edit(ctx, "old", dispatch.Command{Actor: robot}); err != nil || e.State.Policy == old.Digest() {
			t.Errorf("an edit to what it has: %v", err)
		}
		for _, id := range []string{"old", "new", "done"} {
			replayed, err := w.another().Replay(ctx, id)
			if diff := cmp.Diff(marshal(t, w.get(id)), marshal(t, replayed)); diff != "" || err != nil {
				t.Errorf("replay of %s: %v\n%s", id, err, diff)
			}
		}
	})
}

// A program whose form of policies differs finds the version that it cannot
// read replaced by the one in use, and the paging goes on.
func TestPolicyThatCannotBeReadIsReplacedByTheOneInUse(t *testing.T) {
	in(t, func(t *testing.T, ctx context.Context) {
		w := newWorld(t, nil)
		e := w.trigger("x")
		key := storage.Key{Kind: dispatch.Kind + ".policy", ID: e.State.Policy.String()}
		if _, err := w.store.Commit(ctx, storage.Batch{ID: "damage", Writes: []storage.Write{{Key: key, Base: 1, Data: []byte(`{"schema":9,"data":{}}`)}}}); err != nil {
			t.Fatal(err)
		}
		changed := twoLevels()
		changed.Name = "another version"
		w.c.Policies = []*escalation.Compiled{changed.MustCompile()}
		w.Dispatcher = w.another()
		w.run()
		time.Sleep(5*time.Minute + time.Second)
		if got := w.get("x").State; got.Level != "l2" || got.Policy != w.c.Policies[0].Digest() {
			t.Errorf("level %s of %s, want l2 of the version in use", got.Level, got.Policy)
		}
	})
}

func TestHugeTeamsArePagedAllTheSame(t *testing.T) {
	in(t, func(t *testing.T, ctx context.Context) {
		const teams, size = 20, 150
		var r escalation.Roster
		var targets []escalation.Target
		for k := range teams {
			team := oncall.Team{ID: fmt.Sprint("team-", k)}
			for i := range size {
				p := oncall.Person{ID: fmt.Sprintf("%s-%d-%d", strings.Repeat("p", 90), k, i)}
				for n := range oncall.MaxContacts {
					p.Contacts = append(p.Contacts, oncall.Contact{ID: fmt.Sprintf("%s-%d", strings.Repeat("c", 90), n), Kind: oncall.Email, Address: "a"})
				}
				r.People, team.Members = append(r.People, p), append(team.Members, p.ID)
			}
			r.Teams, targets = append(r.Teams, team), append(targets, escalation.ToTeam(team.ID))
		}
		r.People = append(r.People, person("boss"))
		directory, err := r.Compile()
		if err != nil {
			t.Fatal(err)
		}
		policy := twoLevels()
		policy.Levels = []escalation.Level{level("l1", time.Hour, targets...)}
		w := newWorld(t, func(c *dispatch.Config) { c.Directory = directory }, policy)
		w.run()
		if _, err := w.Trigger(ctx, "db", escalation.Trigger{ID: "x", Body: strings.Repeat("<", escalation.MaxBody)}); err != nil {
			t.Fatal(err)
		}
		for i := range escalation.MaxNotes {
			if _, err := w.AddNote(ctx, "x", dispatch.Command{Actor: robot, Note: strings.Repeat("&", escalation.MaxNote-2) + fmt.Sprint(i%10)}); err != nil {
				t.Fatal(err)
			}
		}
		if _, err := w.Escalate(ctx, "x", "l1", by("boss")); err != nil { // with all that a state can hold
			t.Fatal(err)
		}
		time.Sleep(time.Minute)
		paged := map[string]bool{}
		for _, s := range w.sent() {
			paged[s[:strings.Index(s, " ")]] = true
		}
		if len(paged) != escalation.MaxPeople {
			t.Errorf("%d people paged within a minute, want %d", len(paged), escalation.MaxPeople)
		}
	})
}

func TestNewVersionIsUsedForNewEscalations(t *testing.T) {
	in(t, func(t *testing.T, ctx context.Context) {
		w := newWorld(t, nil)
		old := w.trigger("x1")
		changed := twoLevels()
		changed.Name = "changed"
		next := changed.MustCompile()
		if err := w.Use(ctx, next); err != nil {
			t.Fatal(err)
		}
		if got := w.trigger("x2").State.Policy; got != next.Digest() || w.Policy("db") != next {
			t.Errorf("the new one has %s, want %s", got, next.Digest())
		}
		if got := w.get("x1").State.Policy; got != old.State.Policy {
			t.Errorf("the old one moved to %s", got)
		}
		if kept, err := w.another().PolicyOf(ctx, next.Digest()); err != nil || kept.Policy().Name != "changed" {
			t.Errorf("on another process: %v", err)
		}
		if w.Use(ctx, nil) == nil || w.Use(ctx, &escalation.Compiled{}) == nil {
			t.Error("a policy that is none is used")
		}
	})
}

// What an outage delayed comes at once after it, each contact once, and what
// follows is due when it would have been.
func TestOutageDelaysOnlyWhatWasDueInIt(t *testing.T) {
	in(t, func(t *testing.T, _ context.Context) {
		w := newWorld(t, nil)
		begin := time.Now()
		w.trigger("x")
		time.Sleep(7 * time.Minute) // nobody runs
		w.run()
		time.Sleep(time.Second)
		if got := w.sent(); len(got) > 4 || !slices.Contains(got, "bob push") || !slices.Contains(got, "alice push") {
			t.Errorf("after the outage: %v, want both levels, each contact once", got)
		}
		time.Sleep(time.Until(begin.Add(10*time.Minute - time.Second)))
		if slices.Contains(w.sent(), "boss push") {
			t.Error("the boss was paged too early")
		}
		time.Sleep(2 * time.Second)
		if !slices.Contains(w.sent(), "boss push") {
			t.Errorf("the boss was not paged when it was due: %v", w.sent())
		}
	})
}

func TestSeveralDispatchersDeliverOnce(t *testing.T) {
	in(t, func(t *testing.T, ctx context.Context) {
		w := newWorld(t, nil)
		for range 3 {
			w.Dispatcher = w.another()
			w.run()
		}
		for i := range 30 {
			w.trigger(fmt.Sprint("x", i))
		}
		time.Sleep(10*time.Minute + 30*time.Second)
		seen := map[string]bool{}
		for _, m := range w.pager.Sent() {
			if seen[m.Key] {
				t.Errorf("%s to %s came twice", m.Key, m.Person)
			}
			seen[m.Key] = true
		}
		if len(seen) != 30*5 {
			t.Errorf("%d deliveries, want 150: two of alice, two of bob, one of the boss, thirty times", len(seen))
		}
	})
}

// A resolved escalation that was deleted begins anew with other keys, so that no
// provider takes its pages for those of last month.
func TestKeysAreNewInANewLife(t *testing.T) {
	in(t, func(t *testing.T, ctx context.Context) {
		w := newWorld(t, func(c *dispatch.Config) { c.KeepResolved = time.Hour })
		w.run()
		for range 2 {
			w.trigger("x")
			synctest.Wait()
			if _, err := w.Resolve(ctx, "x", by("bob")); err != nil {
				t.Fatal(err)
			}
			time.Sleep(2 * time.Hour)
			if _, ok, err := w.Get(ctx, "x"); ok || err != nil {
				t.Fatalf("it is still there, %v", err)
			}
		}
		sent := w.pager.Sent()
		if len(sent) != 2 || sent[0].Key == sent[1].Key {
			t.Errorf("sent %v", sent)
		}
	})
}

func TestTimelineSaysWhoDidWhatAndWhy(t *testing.T) {
	in(t, func(t *testing.T, ctx context.Context) {
		policy := twoLevels()
		policy.Levels[0].When.AtLeast = 1
		w := newWorld(t, nil, policy)
		w.run()
		if _, err := w.Trigger(ctx, "db", escalation.Trigger{ID: "x", Severity: 2}); err != nil {
			t.Fatal(err)
		}
		time.Sleep(time.Second)
		if _, err := w.Ack(ctx, "x", by("bob")); err != nil {
			t.Fatal(err)
		}
		var got []string
		var key string
		var acked storage.Pos
		for m, err := range w.Timeline(ctx, "x") {
			if err != nil {
				t.Fatal(err)
			}
			line := fmt.Sprintf("%s by %s: %s", m.Kind, m.Actor.ID, m.Status)
			for _, a := range m.Acts {
				line += "; " + a.String()
				key = max(key, a.Key)
			}
			if m.Kind == "ack" {
				acked = m.Pos
			}
			got = append(got, line)
		}
		want := []string{"trigger by dispatch: open; l1: condition_unmet; l2: entered; l2: deliver to bob by push", "ack by bob: acknowledged"}
		if diff := cmp.Diff(want, got); diff != "" {
			t.Error(diff)
		}
		r, err := w.Delivery(ctx, key)
		if err != nil || r.Status != dispatch.DeliveryAccepted || r.Attempts != 1 || r.Receipt.ID != "receipt-1" || len(r.Claims) != 1 || r.Claims[0] > acked {
			t.Errorf("delivery %+v, %v, acknowledged at %d", r, err, acked)
		}
		time.Sleep(48 * time.Hour) // its record is deleted, the log is not
		if again, err := w.Delivery(ctx, key); err != nil || again.Status != dispatch.DeliveryAccepted {
			t.Errorf("later: %+v, %v", again, err)
		}
	})
}

func TestDeadLettersAreRevivedAndDismissed(t *testing.T) {
	in(t, func(t *testing.T, ctx context.Context) {
		w := newWorld(t, nil)
		broken := true
		w.pager.Fail = func(oncall.Delivery, int) error {
			if broken {
				return oncall.ErrPermanent
			}
			return nil
		}
		w.run()
		w.trigger("x")
		time.Sleep(time.Second)
		dead := w.dead()
		if len(dead) != 6 {
			t.Fatalf("dead letters %+v, want all contacts of all", dead)
		}
		synctest.Wait()
		broken = false
		i := slices.IndexFunc(dead, func(l dispatch.DeadLetter) bool { return l.Person == "boss" && l.Contact == "sms" })
		if err := w.Revive(ctx, dead[i].Key); err != nil {
			t.Fatal(err)
		}
		time.Sleep(time.Second)
		if got, want := w.sent(), []string{"boss sms"}; !slices.Equal(got, want) {
			t.Errorf("revived: sent %v, want %v", got, want)
		}
		if err := w.Dismiss(ctx, w.dead()[0].Key); err != nil || len(w.dead()) != 4 {
			t.Errorf("%d dead letters left, %v, want 4", len(w.dead()), err)
		}
	})
}

func TestConfigurationIsCheckedAtOnce(t *testing.T) {
	policy := twoLevels().MustCompile()
	_, err := dispatch.New(dispatch.Config{Policies: []*escalation.Compiled{policy, policy, nil}})
	var got []string
	for _, p := range sre.ProblemsIn(err) {
		got = append(got, p.Path+" "+p.Code)
	}
	want := []string{"pager missing", "directory missing", "person missing", "policies[1].id duplicate", "policies[2] missing"}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Error(diff)
	}
}
