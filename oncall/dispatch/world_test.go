package dispatch_test

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"sync"
	"testing"
	"time"

	"github.com/sre-sdk/sre"
	"github.com/sre-sdk/sre/oncall"
	"github.com/sre-sdk/sre/oncall/dispatch"
	"github.com/sre-sdk/sre/oncall/escalation"
	"github.com/sre-sdk/sre/oncall/oncalltest"
	"github.com/sre-sdk/sre/storage"
)

func human(id string) sre.Actor { return sre.Actor{Kind: sre.Human, ID: id} }

func by(id string) dispatch.Command { return dispatch.Command{Actor: human(id)} }

var robot = sre.Actor{Kind: sre.Service, ID: "robot"}

// person has a push and an SMS contact, tried a minute apart.
func person(id string) oncall.Person {
	return oncall.Person{ID: id, Contacts: []oncall.Contact{
		{ID: "push", Kind: oncall.Push, Address: "push:" + id}, {ID: "sms", Kind: oncall.SMS, Address: "sms:" + id}}}
}

func roster(t testing.TB, people ...oncall.Person) *escalation.CompiledRoster {
	t.Helper()
	r, err := escalation.Roster{People: people}.Compile()
	if err != nil {
		t.Fatal(err)
	}
	return r
}

func level(id string, delay time.Duration, targets ...escalation.Target) escalation.Level {
	return escalation.Level{ID: id, Delay: delay, Targets: targets}
}

// twoLevels pages alice, after 5 min bob, after 5 more the boss every 15.
func twoLevels() escalation.Policy {
	return escalation.Policy{ID: "db",
		Levels:     []escalation.Level{level("l1", 5*time.Minute, escalation.ToPerson("alice")), level("l2", 5*time.Minute, escalation.ToPerson("bob"))},
		LastResort: escalation.LastResort{Targets: []escalation.Target{escalation.ToPerson("boss")}}}
}

// world is a store, a pager and a dispatcher over them.
type world struct {
	*dispatch.Dispatcher
	t     *testing.T
	store *storage.Store
	pager *oncalltest.Pager
	c     dispatch.Config
}

func newWorld(t *testing.T, change func(*dispatch.Config), policies ...escalation.Policy) *world {
	t.Helper()
	if policies == nil {
		policies = []escalation.Policy{twoLevels()}
	}
	w := &world{t: t, store: storage.NewMemory(), pager: &oncalltest.Pager{}}
	w.c = dispatch.Config{Store: w.store, Pager: w.pager, Directory: roster(t, person("alice"), person("bob"), person("boss"))}
	for _, p := range policies {
		w.c.Policies = append(w.c.Policies, p.MustCompile())
	}
	if change != nil {
		change(&w.c)
	}
	w.Dispatcher = w.another()
	return w
}

// another returns a second dispatcher of the same configuration.
func (w *world) another() *dispatch.Dispatcher {
	w.t.Helper()
	d, err := dispatch.New(w.c)
	if err != nil {
		w.t.Fatal(err)
	}
	return d
}

// run runs the dispatcher until the end of the test.
func (w *world) run() {
	ctx, stop := context.WithCancel(context.Background())
	var running sync.WaitGroup
	d := w.Dispatcher
	running.Go(func() {
		if err := d.Run(ctx); err != nil {
			w.t.Error(err)
		}
	})
	w.t.Cleanup(func() { stop(); running.Wait() })
}

func (w *world) trigger(id string) dispatch.Escalation {
	w.t.Helper()
	e, err := w.Trigger(context.Background(), w.c.Policies[0].Policy().ID, escalation.Trigger{ID: id, Severity: 1, Title: "title of " + id})
	if err != nil {
		w.t.Fatal(err)
	}
	return e
}

func (w *world) get(id string) dispatch.Escalation {
	w.t.Helper()
	e, _, err := w.Get(context.Background(), id)
	if err != nil {
		w.t.Fatal(err)
	}
	return e
}

// sent returns who was paged by what, in order.
func (w *world) sent() []string {
	var list []string
	for _, d := range w.pager.Sent() {
		list = append(list, d.Person+" "+d.Contact.ID)
	}
	return list
}

func (w *world) dead() []dispatch.DeadLetter {
	w.t.Helper()
	var list []dispatch.DeadLetter
	for l, err := range w.DeadLetters(context.Background()) {
		if err != nil {
			w.t.Fatal(err)
		}
		list = append(list, l)
	}
	return list
}

func refusal(err error) string {
	var r *escalation.Refusal
	if errors.As(err, &r) {
		return r.Code
	}
	if problems := sre.ProblemsIn(err); len(problems) > 0 {
		return problems[0].Path + " " + problems[0].Code
	}
	return fmt.Sprint(err)
}

func marshal(t testing.TB, e dispatch.Escalation) string {
	t.Helper()
	data, err := json.MarshalIndent(e, "", " ")
	if err != nil {
		t.Fatal(err)
	}
	return string(data)
}
