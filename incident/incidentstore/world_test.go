package incidentstore_test

import (
	"context"
	"errors"
	"sync"
	"testing"
	"time"

	"github.com/sre-sdk/sre"
	"github.com/sre-sdk/sre/incident"
	"github.com/sre-sdk/sre/incident/incidentstore"
	"github.com/sre-sdk/sre/incident/incidenttest"
	"github.com/sre-sdk/sre/storage"
)

func human(id string) sre.Actor { return sre.Actor{Kind: sre.Human, ID: id} }

var policy = incident.Policy{ID: "p"}.MustCompile()

// world is a store, a desk over it, and those outside who are told.
type world struct {
	*incidentstore.Desk
	t       *testing.T
	c       incidentstore.Config
	outside *incidenttest.Recorder

	mu   sync.Mutex
	ends []incidentstore.Ending // as Config.Ended was told
}

func newWorld(t *testing.T, change func(*incidentstore.Config)) *world {
	t.Helper()
	w := &world{t: t, outside: &incidenttest.Recorder{}}
	w.c = incidentstore.Config{Store: storage.NewMemory(), Policy: policy, Channel: w.outside, StatusPage: w.outside.Page(), Tracker: w.outside.Tracker(),
		Ended: func(_ context.Context, e incidentstore.Ending) error {
			w.mu.Lock()
			defer w.mu.Unlock()
			w.ends = append(w.ends, e)
			return nil
		}}
	if change != nil {
		change(&w.c)
	}
	w.Desk = w.another()
	return w
}

// another returns a second desk of the same configuration.
func (w *world) another() *incidentstore.Desk {
	w.t.Helper()
	d, err := incidentstore.New(w.c)
	if err != nil {
		w.t.Fatal(err)
	}
	return d
}

// run runs a desk until the end of the test, or until stop is called.
func (w *world) run(d *incidentstore.Desk) (stop func()) {
	ctx, cancel := context.WithCancel(context.Background())
	var running sync.WaitGroup
	running.Go(func() {
		if err := d.Run(ctx); err != nil {
			w.t.Error(err)
		}
	})
	stop = func() { cancel(); running.Wait() }
	w.t.Cleanup(stop)
	return stop
}

func (w *world) declare(id string, alerts ...string) incident.State {
	w.t.Helper()
	_, s, err := w.Declare(context.Background(), human("alice"), incident.Declare{ID: id, Title: "title of " + id, Severity: 2, Alerts: alerts})
	if err != nil {
		w.t.Fatal(err)
	}
	return s
}

func ask(by string, c incident.Command) incidentstore.Request {
	return incidentstore.Request{Request: incident.Request{By: human(by), Command: c, Reason: "for a test"}}
}

func (w *world) do(id, by string, c incident.Command) incident.State {
	w.t.Helper()
	s, err := w.Do(context.Background(), id, ask(by, c))
	if err != nil {
		w.t.Fatalf("%s %s %s: %v", id, by, c.Kind(), err)
	}
	return s
}

func (w *world) get(id string) incident.State {
	w.t.Helper()
	s, _, err := w.Get(context.Background(), id)
	if err != nil {
		w.t.Fatal(err)
	}
	return s
}

func (w *world) events(id string) []incident.Event {
	w.t.Helper()
	list, err := w.Events(context.Background(), id)
	if err != nil {
		w.t.Fatal(err)
	}
	return list
}

// ended returns how obligations ended by the log.
func (w *world) ended(id string) (list []incident.Obligation) {
	w.t.Helper()
	for m, err := range w.Timeline(context.Background(), id) {
		if err != nil {
			w.t.Fatal(err)
		}
		list = append(list, m.Ends...)
	}
	return list
}

func (w *world) told() []incidentstore.Ending {
	w.mu.Lock()
	defer w.mu.Unlock()
	return append([]incidentstore.Ending(nil), w.ends...)
}

func code(err error) string {
	var r *incident.Refusal
	switch {
	case err == nil:
		return ""
	case errors.As(err, &r):
		return r.Code
	case len(sre.ProblemsIn(err)) > 0:
		return sre.ProblemsIn(err)[0].Code
	}
	return err.Error()
}

func later(d time.Duration) { time.Sleep(d) } // in a bubble
