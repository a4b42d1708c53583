package incidentstore_test

import (
	"context"
	"fmt"
	"slices"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/google/go-cmp/cmp"
	"github.com/google/go-cmp/cmp/cmpopts"
	"pgregory.net/rapid"

	"github.com/sre-sdk/sre"
	"github.com/sre-sdk/sre/incident"
	"github.com/sre-sdk/sre/incident/incidentstore"
)

func TestDeclaredIsThere(t *testing.T) {
	w := newWorld(t, nil)
	ctx := context.Background()
	id, s, err := w.Declare(ctx, human("alice"), incident.Declare{Title: "5xx", Services: []string{"checkout"}, Severity: 2})
	if err != nil || id == "" || s.ID != id || s.Status != incident.Declared {
		t.Fatalf("got %q %+v %v", id, s, err)
	}
	if diff := cmp.Diff(w.get(id), s, cmpopts.EquateEmpty()); diff != "" {
		t.Errorf("what is stored is not what was answered (-stored +answered):\n%s", diff)
	}
	if _, _, err := w.Declare(ctx, human("bob"), incident.Declare{ID: id, Title: "again"}); code(err) != incident.RefusedDeclared {
		t.Errorf("declared twice: %v", err)
	}
	if _, err := w.Do(ctx, "other", ask("alice", incident.Acknowledge{})); code(err) != incident.RefusedNotDeclared {
		t.Errorf("acknowledged what is not there: %v", err)
	}
	if _, ok, err := w.Get(ctx, "other"); ok || err != nil {
		t.Errorf("found what is not there: %v %v", ok, err)
	}
}

func TestTheSameKeyIsTheSameRequest(t *testing.T) {
	w := newWorld(t, nil)
	ctx := context.Background()
	r := incidentstore.Request{Request: incident.Request{By: human("alice"), Command: incident.Declare{Title: "5xx"}}, Key: "k"}
	id, first, err := w.DeclareAs(ctx, r)
	again, second, err2 := w.DeclareAs(ctx, r)
	if err != nil || err2 != nil || id != again || cmp.Diff(first, second, cmpopts.EquateEmpty()) != "" {
		t.Fatalf("declared %s and %s, %v, %v", id, again, err, err2)
	}
	note := incidentstore.Request{Request: incident.Request{By: human("alice"), Command: incident.Note{Text: "x"}}, Key: "n"}
	for range 3 {
		if _, err := w.Do(ctx, id, note); err != nil {
			t.Fatal(err)
		}
	}
	if n := len(w.events(id)); n != 2 {
		t.Errorf("%d events, want the declaration and one note", n)
	}
	note.Command = incident.Note{Text: "y"}
	if _, err := w.Do(ctx, id, note); code(err) != incidentstore.CodeKeyReused {
		t.Errorf("another request with the key: %v", err)
	}
}

func TestALostCommandIsKeptAndRefused(t *testing.T) {
	w := newWorld(t, nil)
	seen := w.declare("i").Seq
	w.do("i", "alice", incident.SetTitle{Title: "hers"})
	r := ask("bob", incident.SetTitle{Title: "his"})
	r.Seen, r.Key = seen, "his"
	for range 2 { // the same again has the same answer, and is not kept twice
		s, err := w.Do(context.Background(), "i", r)
		if code(err) != incident.RefusedConflict || s.Title != "hers" || s.Conflicts != 1 {
			t.Fatalf("got %q, %d conflicts, %v", s.Title, s.Conflicts, err)
		}
	}
	events := w.events("i")
	if last := events[len(events)-1]; len(events) != 3 || last.Refused != incident.RefusedConflict || last.By.ID != "bob" {
		t.Errorf("the log has %+v", events)
	}
}

func TestThoseWhoAreOpenAreListed(t *testing.T) {
	w := newWorld(t, nil)
	for i := range 70 { // more than a page
		w.declare(fmt.Sprintf("i%02d", i))
	}
	w.do("i03", "alice", incident.Cancel{})
	w.do("i69", "alice", incident.Merge{Into: "i00"})
	list := func(after string) (ids []string) {
		for s, err := range w.Open(context.Background(), after) {
			if err != nil {
				t.Fatal(err)
			}
			ids = append(ids, s.ID)
		}
		return ids
	}
	if ids := list(""); len(ids) != 68 || slices.Contains(ids, "i03") || slices.Contains(ids, "i69") {
		t.Errorf("open: %v", ids)
	}
	w.do("i03", "alice", incident.Reopen{})
	if diff := cmp.Diff([]string{"i67", "i68"}, list("i66")); diff != "" {
		t.Error(diff)
	}
	if !slices.Contains(list(""), "i03") {
		t.Error("one that was reopened is not open")
	}
}

func TestEachObligationEndsOnceAndIsTold(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		w := newWorld(t, nil)
		for range 3 {
			w.run(w.another())
		}
		w.declare("i")
		later(time.Minute)
		w.do("i", "alice", incident.Acknowledge{})
		w.do("i", "alice", incident.Assign{Role: incident.Commander, Person: "bob"})
		later(2 * time.Hour) // triage, updates and the public's are breached
		w.do("i", "bob", incident.Triage{})
		w.do("i", "bob", incident.Resolve{})
		later(100 * time.Hour)
		check := map[string]incident.End{}
		for _, o := range w.ended("i") {
			if _, twice := check[o.ID]; twice {
				t.Errorf("%s ended twice", o.ID)
			}
			check[o.ID] = o.End
		}
		want := map[string]incident.End{}
		for _, o := range policy.History(slices.Values(w.events("i")), time.Now()) {
			if o.End != incident.Open {
				want[o.ID] = o.End
			}
		}
		if diff := cmp.Diff(want, check); diff != "" {
			t.Errorf("by the log of events, and what was noted (-want +got):\n%s", diff)
		}
		told := map[string]incident.End{}
		keys := map[string]string{}
		for _, e := range w.told() {
			told[e.Obligation.ID] = e.Obligation.End
			keys[e.Key] = e.Obligation.ID
		}
		if diff := cmp.Diff(want, told); diff != "" || len(keys) != len(told) {
			t.Errorf("what was told (-want +got):\n%s", diff)
		}
		met, missed := 0, 0
		for _, end := range told {
			switch end {
			case incident.Met:
				met++
			case incident.Breached:
				missed++
			}
		}
		if met == 0 || missed == 0 {
			t.Errorf("%d met and %d breached: the test shows too little", met, missed)
		}
	})
}

// A desk whose clock is ahead has noted a breach; another one does not take it
// back.
func TestABreachStandsWhateverTheClocks(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		w := newWorld(t, nil)
		w.declare("i") // to be acknowledged within 15 min
		w.c.Now = func() time.Time { return time.Now().Add(10 * time.Second) }
		w.run(w.another())
		later(15*time.Minute - 5*time.Second)
		synctest.Wait()
		s := w.do("i", "alice", incident.Acknowledge{})
		var ends []incident.End
		for _, o := range w.ended("i") {
			if o.Duty == incident.DutyAcknowledge {
				ends = append(ends, o.End)
			}
		}
		if !slices.Equal(ends, []incident.End{incident.Breached}) || s.Last.Before(time.Now().Add(time.Second)) {
			t.Errorf("it ended %v, and was acknowledged at %v", ends, s.Last)
		}
		for _, o := range policy.History(slices.Values(w.events("i")), time.Now()) {
			if o.Duty == incident.DutyAcknowledge && o.End != incident.Breached {
				t.Errorf("by the events it is %v", o.End)
			}
		}
	})
}

func TestABreachIsToldWhenItIsDue(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		var at []time.Time
		w := newWorld(t, func(c *incidentstore.Config) {
			c.Ended = func(_ context.Context, e incidentstore.Ending) error {
				if e.Obligation.Duty == incident.DutyAcknowledge {
					at = append(at, time.Now())
				}
				return nil
			}
		})
		w.run(w.Desk)
		start := time.Now()
		w.declare("i")
		later(time.Hour)
		synctest.Wait()
		if want := start.Add(15 * time.Minute); len(at) != 1 || at[0].Sub(want) < 0 || at[0].Sub(want) > time.Second {
			t.Errorf("told at %v, want once at %v", at, want)
		}
	})
}

func TestThoseOutsideAreTold(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		w := newWorld(t, nil)
		w.run(w.Desk)
		w.declare("i")
		w.do("i", "alice", incident.Assign{Role: incident.Commander, Person: "bob"})
		w.do("i", "bob", incident.Triage{Severity: 1})
		w.do("i", "bob", incident.Update{Audience: incident.Internal, Text: "looking", Next: time.Now().Add(time.Hour)})
		w.do("i", "bob", incident.Update{Audience: incident.Public, Text: "some orders fail", Next: time.Now().Add(time.Hour)})
		w.do("i", "bob", incident.Resolve{Text: "fixed"})
		w.do("i", "bob", incident.Update{Audience: incident.Public, Text: "all work", Final: true})
		later(time.Minute)
		s := w.get("i")
		c, n := w.outside.SeenChannel(s.Channel.ID)
		if n != 1 || s.Channel.ID == "" {
			t.Fatalf("%d channels, the incident has %+v", n, s.Channel)
		}
		if text := strings.Join(c.Posts, "|"); len(c.Posts) != 5 || !slices.Equal(c.People, []string{"bob"}) || c.Topic != "P1 title of i: resolved, commander bob" {
			t.Errorf("the channel has %q, %v, %q", text, c.People, c.Topic)
		}
		page, n := w.outside.SeenStatus("s1")
		if n != 1 || len(page.Texts) != 2 || !page.Resolved || !strings.Contains(page.Texts[0], "some orders fail") {
			t.Errorf("the page has %+v, of %d", page, n)
		}
		if ticket, n := w.outside.SeenTicket(s.Ticket.ID); n != 1 || ticket.Title != "P1 title of i" || ticket.Closed {
			t.Errorf("the ticket has %+v, of %d", ticket, n)
		}
		w.do("i", "bob", incident.ReviewRunbooks{})
		w.do("i", "bob", incident.Close{Override: "no data"})
		later(time.Minute)
		if c, _ := w.outside.SeenChannel("c1"); !c.Archived {
			t.Error("the channel is not archived")
		}
		w.do("i", "bob", incident.Reopen{})
		later(time.Minute)
		if _, n := w.outside.SeenChannel("c2"); n != 2 {
			t.Errorf("%d channels after it was reopened, want another one", n)
		}
		for l := range w.DeadLetters(context.Background()) {
			t.Errorf("dead letter: %+v", l)
		}
	})
}

func TestOfARestrictedIncidentNothingLeaks(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		w := newWorld(t, nil)
		w.run(w.Desk)
		w.declare("i")
		later(time.Minute)
		w.do("i", "alice", incident.Restrict{On: true})
		w.do("i", "alice", incident.SetTitle{Title: "a secret"})
		w.do("i", "alice", incident.Update{Audience: incident.Internal, Text: "a secret", Next: time.Now().Add(time.Hour)})
		w.do("i", "alice", incident.Update{Audience: incident.Public, Text: "a secret", Next: time.Now().Add(time.Hour)})
		later(time.Minute)
		first, n := w.outside.SeenChannel("c1")
		ticket, _ := w.outside.SeenTicket("t1")
		_, pages := w.outside.SeenStatus("s1")
		if all := strings.Join(first.Posts, "|") + first.Topic + fmt.Sprint(ticket); n != 2 || pages != 0 || strings.Contains(all, "secret") {
			t.Errorf("%d channels, %d pages, %s", n, pages, all)
		}
		if second, _ := w.outside.SeenChannel("c2"); len(second.Posts) != 2 || w.get("i").Channel.ID != "c2" {
			t.Errorf("the private channel has %+v", second)
		}
	})
}

func TestWhatIsGivenUpHoldsNothingUp(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		var dead []incidentstore.DeadLetter
		w := newWorld(t, func(c *incidentstore.Config) {
			c.Hooks.Dead = func(l incidentstore.DeadLetter) { dead = append(dead, l) }
		})
		w.outside.Unknown = []string{"nobody"}
		w.run(w.Desk)
		w.declare("i")
		w.do("i", "alice", incident.Assign{Role: incident.Scribe, Person: "nobody"})
		w.do("i", "alice", incident.Assign{Role: incident.Deputy, Person: "carol"})
		later(time.Hour)
		synctest.Wait()
		if len(dead) != 1 || dead[0].To != "channel" || dead[0].Incident != "i" {
			t.Errorf("dead letters: %+v", dead)
		}
		if c, _ := w.outside.SeenChannel("c1"); !slices.Equal(c.People, []string{"carol"}) || len(c.Posts) != 3 {
			t.Errorf("the channel has %+v", c)
		}
	})
}

func TestMergeThenSplitOverTheStore(t *testing.T) {
	w := newWorld(t, nil)
	w.declare("root", "a1")
	w.declare("child", "a2", "a3")
	w.declare("grandchild", "a4")
	w.do("grandchild", "alice", incident.Merge{Into: "child"})
	keys := func(id string) (list []string) {
		s := w.get(id)
		for _, a := range s.Alerts {
			list = append(list, a.Key)
		}
		slices.Sort(list)
		return list
	}
	before := keys("child")
	w.do("child", "alice", incident.Merge{Into: "root"})
	if got := keys("root"); !slices.Equal(got, []string{"a1", "a2", "a3", "a4"}) || w.get("grandchild").Root != "root" || w.get("child").Status != incident.Merged {
		t.Errorf("merged: %v, %+v", got, w.get("grandchild"))
	}
	w.do("root", "alice", incident.Split{From: "child"})
	if got, child := keys("root"), w.get("child"); !slices.Equal(got, []string{"a1"}) || !slices.Equal(keys("child"), before) || child.Status != incident.Declared || w.get("grandchild").Root != "child" {
		t.Errorf("split: %v, %v, %+v", got, keys("child"), child)
	}
	for _, id := range []string{"root", "child", "grandchild"} {
		if diff := cmp.Diff(incident.Fold(slices.Values(w.events(id))), w.get(id), cmpopts.EquateEmpty()); diff != "" {
			t.Errorf("%s: the events do not fold to the state (-fold +state):\n%s", id, diff)
		}
	}
	for _, r := range []struct {
		id   string
		c    incident.Command
		code string
	}{
		{"root", incident.Merge{Into: "root"}, incident.RefusedCycle},
		{"root", incident.Merge{Into: "nobody"}, incident.RefusedUnknown},
		{"root", incident.Split{From: "child"}, incident.RefusedUnknown},
		{"root", incident.Split{From: "root"}, incident.RefusedCycle},
		{"root", incident.Merge{Into: "not an ID"}, "invalid_id"},
		{"root", incident.Absorb{From: "child"}, incident.RefusedInvalid},
	} {
		if _, err := w.Do(context.Background(), r.id, ask("alice", r.c)); code(err) != r.code {
			t.Errorf("%T %+v: got %v, want %s", r.c, r.c, err, r.code)
		}
	}
}

// Whatever was merged before: a merge that is split again leaves every alert, and
// every incident, where it was.
func TestMergeThenSplitReturnsTheSame(t *testing.T) {
	rapid.Check(t, func(rt *rapid.T) {
		w := newWorld(t, nil)
		const n = 6
		id := func(what string) string { return fmt.Sprint("i", rapid.IntRange(0, n-1).Draw(rt, what)) }
		for i := range n {
			w.declare(fmt.Sprint("i", i), fmt.Sprint("a", i), fmt.Sprint("b", i))
		}
		merge := func(child, root string) error {
			_, err := w.Do(context.Background(), child, ask("alice", incident.Merge{Into: root}))
			return err
		}
		for range rapid.IntRange(0, 6).Draw(rt, "merges before") {
			_ = merge(id("child"), id("root")) // or it is refused
		}
		where := func() map[string]string {
			all := map[string]string{}
			for i := range n {
				s := w.get(fmt.Sprint("i", i))
				all[s.ID] = fmt.Sprint(s.Status, " of ", s.Root)
				for _, a := range s.Alerts {
					all[s.ID+" "+a.Key] = a.From
				}
			}
			return all
		}
		before := where()
		child, root := id("child"), id("root")
		if merge(child, root) != nil {
			rt.Skip("refused")
		}
		w.do(root, "alice", incident.Split{From: child})
		if diff := cmp.Diff(before, where()); diff != "" {
			rt.Errorf("(-before +after):\n%s", diff)
		}
	})
}

func TestALargeFamilyIsRefused(t *testing.T) {
	w := newWorld(t, nil)
	w.declare("root")
	w.declare("child")
	for i := range incidentstore.MaxFamily {
		id := fmt.Sprint("c", i)
		w.declare(id)
		w.do(id, "alice", incident.Merge{Into: "child"})
	}
	w.do("child", "alice", incident.Merge{Into: "root"})
	w.do("root", "alice", incident.Split{From: "child"})
	w.declare("more")
	w.do("more", "alice", incident.Merge{Into: "child"})
	seq := w.get("child").Seq
	if _, err := w.Do(context.Background(), "child", ask("alice", incident.Merge{Into: "root"})); code(err) != incident.RefusedFull || w.get("child").Seq != seq {
		t.Errorf("got %v", err)
	}
}

func TestKnownAtAndReplay(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		w := newWorld(t, nil)
		ctx := context.Background()
		began := time.Now()
		_, _, err := w.Declare(ctx, human("alice"), incident.Declare{ID: "i", Title: "5xx", Impact: incident.Impact{Users: incident.ShareOf(0.06), DataLoss: incident.No, Security: incident.No}})
		if err != nil {
			t.Fatal(err)
		}
		later(time.Hour)
		known := time.Now()
		later(time.Hour)
		w.do("i", "alice", incident.Correct{Milestone: incident.ImpactBegan, At: began.Add(-time.Minute)})
		then, err := w.KnownAt(ctx, "i", known)
		if err != nil || !then.Mark(incident.ImpactBegan).IsZero() {
			t.Errorf("it was not known then: %+v, %v", then.Mark(incident.ImpactBegan), err)
		}
		if s := w.get("i"); s.Mark(incident.ImpactBegan).IsZero() {
			t.Error("it is known now")
		}
		matrix := incident.DefaultMatrix()
		matrix.Rows[0].Any[0].Users = 0.05
		matrix.Rows[1].Any[0].Users = 0.02
		other := incident.Policy{ID: "p", Matrix: matrix}.MustCompile()
		var all []incident.Replayed
		for r, err := range w.ReplayAll(ctx, other) {
			if err != nil {
				t.Fatal(err)
			}
			all = append(all, r)
		}
		if incident.Became(1, all...) != 1 || !all[0].Differs() {
			t.Errorf("under the other policy: %+v", all)
		}
		fast := incident.Policy{ID: "p", Deadlines: incident.Deadlines{Acknowledge: incident.Targets{{For: time.Minute}, {For: time.Minute}}}}.MustCompile()
		faster, err := w.ReplayObligations(ctx, "i", fast)
		if err != nil || len(faster) != 1 || faster[0].Was.Duty != incident.DutyAcknowledge || !faster[0].Would.Due.Before(faster[0].Was.Due) {
			t.Errorf("with other deadlines: %+v, %v", faster, err)
		}
		if none, err := w.ReplayObligations(ctx, "i", policy); err != nil || len(none) > 0 {
			t.Errorf("with the same deadlines: %+v, %v", none, err)
		}
		if same, err := w.Replay(ctx, "i", policy); err != nil || same.Differs() {
			t.Errorf("under the same policy: %+v, %v", same, err)
		}
	})
}

func TestAConfigurationHasEveryProblem(t *testing.T) {
	_, err := incidentstore.New(incidentstore.Config{Templates: map[incident.Audience]incident.Template{99: {}}})
	var codes []string
	for _, p := range sre.ProblemsIn(err) {
		codes = append(codes, p.Path+" "+p.Code)
	}
	slices.Sort(codes)
	if diff := cmp.Diff([]string{"policy missing", "store missing", "templates unknown_audience"}, codes); diff != "" {
		t.Error(diff)
	}
}
