package intake_test

import (
	"context"
	"fmt"
	"log/slog"
	"strings"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/sre-sdk/sre"
	"github.com/sre-sdk/sre/oncall"
	"github.com/sre-sdk/sre/oncall/alert"
	"github.com/sre-sdk/sre/oncall/dispatch"
	"github.com/sre-sdk/sre/oncall/dispatch/intake"
	"github.com/sre-sdk/sre/oncall/escalation"
	"github.com/sre-sdk/sre/oncall/oncalltest"
	"github.com/sre-sdk/sre/oncall/routing"
	"github.com/sre-sdk/sre/storage"
)

// in runs a test in a bubble, whose clock begins at midnight UTC.
func in(t *testing.T, test func(t *testing.T, ctx context.Context)) {
	t.Helper()
	synctest.Test(t, func(t *testing.T) { test(t, context.Background()) })
}

var alice = sre.Actor{Kind: sre.Human, ID: "alice"}

// policyOf pages alice, and after five minutes again.
func policyOf(id string) *escalation.Compiled {
	return escalation.Policy{ID: id,
		Levels:     []escalation.Level{{ID: "l1", Targets: []escalation.Target{escalation.ToPerson("alice")}, Delay: 5 * time.Minute}},
		LastResort: escalation.LastResort{Targets: []escalation.Target{escalation.ToPerson("alice")}}}.MustCompile()
}

// world is a store, a dispatcher and an intake over it.
type world struct {
	*intake.Intake
	t     *testing.T
	store *storage.Store
	pages *dispatch.Dispatcher
	pager *oncalltest.Pager
	c     intake.Config
}

var plainRouting = routing.Policy{ID: "r", Default: "catchall", Routes: []routing.Route{
	{Name: "db", Match: alert.MustMatchers(`team="db"`), Policy: "db", Owner: "db"},
	{Name: "tickets", Match: alert.MustMatchers(`team="later"`), Action: routing.Ticket, Owner: "ops"},
	{Name: "records", Match: alert.MustMatchers(`team="nobody"`), Action: routing.Record},
}}

func newWorld(t *testing.T, alerts alert.Policy, routes routing.Policy, change func(*intake.Config)) *world {
	t.Helper()
	w := &world{t: t, store: storage.NewMemory(), pager: &oncalltest.Pager{}}
	people, err := escalation.Roster{People: []oncall.Person{{ID: "alice", Contacts: []oncall.Contact{{ID: "phone", Kind: oncall.Voice, Address: "1"}}}}}.Compile()
	if err != nil {
		t.Fatal(err)
	}
	w.pages, err = dispatch.New(dispatch.Config{Store: w.store, Pager: w.pager, Directory: people,
		Policies: []*escalation.Compiled{policyOf("catchall"), policyOf("db"), policyOf("night")}})
	if err != nil {
		t.Fatal(err)
	}
	w.c = intake.Config{Store: w.store, Alerts: alerts.MustCompile(), Routing: routes.MustCompile(), Pages: w.pages, Log: slog.New(slog.NewTextHandler(testLog{t}, nil))}
	if change != nil {
		change(&w.c)
	}
	if w.Intake, err = intake.New(w.c); err != nil {
		t.Fatal(err)
	}
	return w
}

type testLog struct{ t *testing.T }

func (l testLog) Write(p []byte) (int, error) {
	l.t.Log(strings.TrimSpace(string(p)))
	return len(p), nil
}

// run runs intake and dispatcher until the end of the test.
func (w *world) run() {
	ctx, stop := context.WithCancel(context.Background())
	var running sync.WaitGroup
	for _, run := range []func(context.Context) error{w.Run, w.pages.Run} {
		running.Go(func() {
			if err := run(ctx); err != nil {
				w.t.Error(err)
			}
		})
	}
	w.t.Cleanup(func() { stop(); running.Wait() })
}

// fires makes an alert that fires; labels are name, value, ...
func fires(severity sre.Severity, labels ...string) alert.Alert {
	pairs := map[string]string{}
	for i := 0; i+1 < len(labels); i += 2 {
		pairs[labels[i]] = labels[i+1]
	}
	return alert.Alert{Status: alert.Firing, Severity: severity, Labels: sre.LabelsOf(pairs), Service: pairs["service"], Summary: fmt.Sprint(labels)}
}

func resolved(a alert.Alert) alert.Alert {
	a.Status, a.Ends = alert.Resolved, time.Now()
	return a
}

func (w *world) receive(alerts ...alert.Alert) {
	w.t.Helper()
	got, err := w.Receive(context.Background(), alert.Batch{Alerts: alerts})
	if err != nil || len(got.Problems) > 0 {
		w.t.Fatal(got.Problems, err)
	}
}

// open returns the policies and titles of the escalations that are open.
func (w *world) open() []string {
	w.t.Helper()
	list := []string{}
	for e, err := range w.pages.Open(context.Background(), "") {
		if err != nil {
			w.t.Fatal(err)
		}
		list = append(list, e.PolicyID+" "+e.State.Title)
	}
	return list
}

func (w *world) all() []intake.Group {
	w.t.Helper()
	var list []intake.Group
	for g, err := range w.Groups(context.Background()) {
		if err != nil {
			w.t.Fatal(err)
		}
		list = append(list, g)
	}
	return list
}

// acts returns what was decided about all groups, with the reasons.
func (w *world) acts() string {
	w.t.Helper()
	var b strings.Builder
	for _, g := range w.all() {
		for m, err := range w.Timeline(context.Background(), g.ID) {
			if err != nil {
				w.t.Fatal(err)
			}
			for _, r := range m.Routes {
				fmt.Fprintln(&b, "routed:", r.Decision.Reasons)
			}
			for _, a := range m.Acts {
				fmt.Fprintln(&b, a)
			}
		}
	}
	return b.String()
}

func (w *world) pos() storage.Pos {
	w.t.Helper()
	pos, _, err := w.store.Get(context.Background())
	if err != nil {
		w.t.Fatal(err)
	}
	return pos
}
