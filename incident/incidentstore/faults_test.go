package incidentstore_test

import (
	"context"
	"errors"
	"flag"
	"fmt"
	"math/rand/v2"
	"slices"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"github.com/google/go-cmp/cmp"
	"github.com/google/go-cmp/cmp/cmpopts"

	"github.com/sre-sdk/sre/incident"
	"github.com/sre-sdk/sre/incident/incidentstore"
	"github.com/sre-sdk/sre/incident/incidenttest"
	"github.com/sre-sdk/sre/storage"
	"github.com/sre-sdk/sre/storage/storagetest"
)

var (
	seeds    = flag.Int("incidentstore.seeds", 3, "how many histories TestNothingIsLost makes up")
	fromSeed = flag.Uint64("incidentstore.seed", 1, "the first of their seeds")
)

// line is a process's line to the store, which is cut when the process is killed.
type line struct {
	storage.Backend
	cut *atomic.Bool
}

func (l line) Commit(ctx context.Context, b storage.Batch) (storage.Pos, error) {
	if l.cut.Load() {
		return 0, storage.ErrClosed
	}
	pos, err := l.Backend.Commit(ctx, b)
	if l.cut.Load() {
		return 0, storage.ErrClosed // perhaps it was committed
	}
	return pos, err
}

func (l line) Get(ctx context.Context, keys ...storage.Key) (storage.Pos, []storage.Record, error) {
	if l.cut.Load() {
		return 0, nil, storage.ErrClosed
	}
	return l.Backend.Get(ctx, keys...)
}

// city is one history: desks that are killed over a store that fails, those
// outside who fail, and people who act.
type city struct {
	t       *testing.T
	rng     *rand.Rand
	network *storagetest.FaultyBackend
	outside incidenttest.Recorder
	calm    atomic.Bool
	calls   atomic.Int64
	ids     atomic.Int64
	dead    atomic.Int64

	mu    sync.Mutex
	ended map[string]map[string]bool // the keys under which the end of an obligation was told
	said  map[string]bool            // notes that were accepted
}

type process struct {
	*incidentstore.Desk
	kill func()
}

func (c *city) process() *process {
	cut := &atomic.Bool{}
	skew := time.Duration(c.rng.IntN(11)-5) * time.Second // of its clock
	store := storage.New(line{c.network, cut})
	page, tracker := c.outside.Page(), c.outside.Tracker()
	d, err := incidentstore.New(incidentstore.Config{
		Store: store, Policy: policy, Channel: &c.outside, StatusPage: page, Tracker: tracker,
		Ended: func(_ context.Context, e incidentstore.Ending) error {
			c.mu.Lock()
			id := e.Obligation.Incident + " " + e.Obligation.ID + " " + e.Obligation.End.String()
			if c.ended[id] == nil {
				c.ended[id] = map[string]bool{}
			}
			c.ended[id][e.Key] = true
			c.mu.Unlock()
			return c.fault(context.Background())
		},
		MaxAttempts: 1000, Backoff: func(int) time.Duration { return time.Second },
		Hooks: incidentstore.Hooks{Dead: func(l incidentstore.DeadLetter) { c.dead.Add(1); c.t.Logf("dead: %+v", l) }},
		Now:   func() time.Time { return time.Now().Add(skew) },
		NewID: func() string { return fmt.Sprint("id", c.ids.Add(1)) },
	})
	if err != nil {
		c.t.Fatal(err)
	}
	ctx, stop := context.WithCancel(context.Background())
	var running sync.WaitGroup
	running.Go(func() { _ = d.Run(ctx) })
	return &process{d, func() { cut.Store(true); stop(); running.Wait() }}
}

// fault is what those outside answer before they do anything.
func (c *city) fault(context.Context) error {
	n := c.calls.Add(1)
	if dice := rand.New(rand.NewPCG(uint64(n), 7)); !c.calm.Load() && dice.IntN(4) == 0 {
		return incidenttest.ErrBroken
	}
	return nil
}

// act is what somebody does. It sends the same again until the outcome is known.
func (c *city) act(n int, p []*process) {
	id := fmt.Sprint("i", c.rng.IntN(4))
	by := fmt.Sprint("p", c.rng.IntN(3))
	other := fmt.Sprint("i", c.rng.IntN(4))
	text := fmt.Sprint("n", n)
	r := ask(by, nil)
	r.Key = fmt.Sprint("act", n)
	if n < 4 {
		id = fmt.Sprint("i", n)
		r.Command = incident.Declare{ID: id, Title: id, Severity: 2, Alerts: []string{"alert-of-" + id}}
	} else {
		next := time.Now().Add(20 * time.Minute)
		commands := []incident.Command{
			incident.Note{Text: text}, incident.Acknowledge{}, incident.SetTitle{Title: text},
			incident.Triage{Severity: 2}, incident.Assign{Role: incident.Commander, Person: by}, incident.Assign{Role: incident.Scribe, Person: "p9"},
			incident.Update{Audience: incident.Internal, Text: text, Next: next}, incident.Update{Audience: incident.Public, Text: text, Next: next},
			incident.Mitigate{ID: text, Result: incident.Worked, EndsImpact: true}, incident.Resolve{}, incident.Reopen{},
			incident.Merge{Into: other}, incident.Split{From: other}, incident.Link{Type: incident.LinkAlert, ID: text},
		}
		r.Command = commands[c.rng.IntN(len(commands))]
	}
	if n > 4 && c.rng.IntN(4) == 0 {
		r.Seen = 1
	}
	for i := 0; ; i++ {
		_, err := p[(n+i)%len(p)].Do(context.Background(), id, r) // perhaps by another desk
		if errors.Is(err, storage.ErrUnavailable) || errors.Is(err, storage.ErrClosed) || errors.Is(err, storage.ErrConflict) {
			time.Sleep(10 * time.Millisecond)
			continue
		}
		if _, ok := r.Command.(incident.Note); ok && err == nil {
			c.said[text] = true
		}
		var refused *incident.Refusal
		if err != nil && !errors.As(err, &refused) {
			c.t.Errorf("%s %s: %v", id, r.Command.Kind(), err)
		}
		return
	}
}

// Whatever fails and whoever dies: the events fold to the state, every command
// counts once, each obligation ends once, and those outside are told of each event
// once under its key, in the order of the log.
func TestNothingIsLost(t *testing.T) {
	for seed := *fromSeed; seed < *fromSeed+uint64(*seeds); seed++ {
		t.Run(fmt.Sprint("seed=", seed), func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) { history(t, seed) })
		})
	}
}

func history(t *testing.T, seed uint64) {
	memory := storage.NewMemory()
	c := &city{t: t, rng: rand.New(rand.NewPCG(seed, 1)), network: storagetest.Faulty(memory.Backend(), seed, storagetest.FaultOptions{}),
		ended: map[string]map[string]bool{}, said: map[string]bool{}}
	c.outside.Fault = c.fault
	processes := []*process{c.process(), c.process(), c.process()}
	for n := range 60 {
		c.act(n, processes)
		if c.rng.IntN(3) > 0 {
			time.Sleep(time.Duration(c.rng.IntN(600)) * time.Second)
		}
		if c.rng.IntN(6) == 0 {
			i := c.rng.IntN(len(processes))
			processes[i].kill()
			processes[i] = c.process()
		}
	}
	c.calm.Store(true)
	c.network.Calm()
	time.Sleep(time.Hour)
	for _, p := range processes {
		p.kill()
	}
	w := newWorld(t, func(config *incidentstore.Config) { config.Store = memory })
	c.check(w)
}

func (c *city) check(w *world) {
	t := c.t
	t.Helper()
	notes := map[string]int{}
	posts := map[string][]string{} // by incident, as the log wants them
	public := ""                   // all that the public was told
	_, pages := c.outside.SeenStatus("s1")
	for i := range pages {
		page, _ := c.outside.SeenStatus(fmt.Sprint("s", i+1))
		public += strings.Join(page.Texts, "\n") + "\n"
	}
	for i := range 4 {
		id := fmt.Sprint("i", i)
		events, s := w.events(id), w.get(id)
		if diff := cmp.Diff(incident.Fold(slices.Values(events)), s, cmpopts.EquateEmpty()); diff != "" {
			t.Errorf("%s: the events do not fold to the state (-fold +state):\n%s", id, diff)
		}
		want, got := map[string]string{}, map[string]string{}
		for _, o := range policy.History(slices.Values(events), time.Now()) {
			if o.End != incident.Open {
				want[o.ID] = o.End.String()
			}
		}
		for _, o := range w.ended(id) {
			if got[o.ID] != "" {
				t.Errorf("%s: %s ended twice", id, o.ID)
			}
			got[o.ID] = o.End.String()
			if keys := c.ended[id+" "+o.ID+" "+o.End.String()]; len(keys) != 1 {
				t.Errorf("%s: %s was told under %d keys", id, o.ID, len(keys))
			}
		}
		if diff := cmp.Diff(want, got); diff != "" {
			t.Errorf("%s: ends by the events, and as they were noted (-want +got):\n%s", id, diff)
		}
		for _, e := range events {
			if e.Refused != "" {
				continue
			}
			switch cmd := e.Command.(type) {
			case incident.Note:
				notes[cmd.Text]++
			case incident.SetTitle:
				posts[id] = append(posts[id], "named it "+cmd.Title)
			case incident.Update:
				if cmd.Audience == incident.Public && !strings.Contains(public, "\n"+cmd.Text+"\n") {
					t.Errorf("%s: the public was not told %s:\n%s", id, cmd.Text, public)
				}
				if cmd.Audience == incident.Internal {
					posts[id] = append(posts[id], cmd.Text)
				}
			}
		}
		c.checkPosts(w, s, posts[id])
	}
	for text, n := range notes {
		if n != 1 || !c.said[text] {
			t.Errorf("note %s: %d times, accepted %v", text, n, c.said[text])
		}
	}
	if len(notes) != len(c.said) || c.dead.Load() > 0 {
		t.Errorf("%d notes of %d, %d dead letters", len(notes), len(c.said), c.dead.Load())
	}
}

// checkPosts: each is there once, in the order of the log.
func (c *city) checkPosts(w *world, s incident.State, want []string) {
	seen, _ := c.outside.SeenChannel(s.Channel.ID)
	var got []string
	for _, post := range seen.Posts {
		for _, text := range want {
			lines := strings.Split(strings.ReplaceAll(post, ": named it", "\nnamed it"), "\n")
			for i := range lines {
				lines[i] = strings.TrimSpace(lines[i])
			}
			if slices.Contains(lines, text) {
				got = append(got, text)
			}
		}
	}
	if diff := cmp.Diff(want, got, cmpopts.EquateEmpty()); diff != "" {
		c.t.Errorf("%s: posts of the log, and in the channel (-want +got):\n%s\n%q", s.ID, diff, seen.Posts)
	}
}

// A desk that dies between the commit of a command and what follows from it loses
// nothing: any other one goes on.
func TestACrashAfterTheCommitLosesNothing(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		w := newWorld(t, nil)
		w.declare("i") // nobody runs
		w.do("i", "alice", incident.SetTitle{Title: "other"})
		later(time.Hour)
		if _, n := w.outside.SeenChannel("c1"); n != 0 {
			t.Fatal("somebody was told before anybody ran")
		}
		w.run(w.another())
		later(time.Minute)
		c, n := w.outside.SeenChannel("c1")
		if n != 1 || len(c.Posts) != 2 || len(w.ended("i")) == 0 || len(w.told()) != len(w.ended("i")) {
			t.Errorf("%d channels, %q; %d of %d ends told", n, c.Posts, len(w.told()), len(w.ended("i")))
		}
	})
}
