package runner_test

import (
	"context"
	"encoding/json"
	"errors"
	"flag"
	"fmt"
	"hash/fnv"
	"maps"
	"math/rand/v2"
	"slices"
	"sync"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/sre-sdk/sre/storage"
	"github.com/sre-sdk/sre/storage/runner"
	"github.com/sre-sdk/sre/storage/storagetest"
)

var (
	seeds    = flag.Int("runner.seeds", 6, "how many histories TestEveryEffectSurvivesFaultsAndKills makes up")
	fromSeed = flag.Uint64("runner.seed", 1, "the first of their seeds")
)

// ward is a machine that does a bit of everything: it pages, repeats on timers,
// hears of outcomes, and pages again because of them.
type ward struct {
	Made    int // effects so far
	Repeats int // that are still to come
	Next    time.Time
	Inputs  []string       // the keys of the inputs that were applied
	Told    map[string]int // how often it was told of an effect
}

type order struct {
	Name    string // of a command that somebody sent
	Pages   int
	Shared  string // an effect that several wards may want
	Repeats int
	Told    string // an effect ended
	Depth   int    // how many effects in a row led here
}

type page struct{ Depth int }

func stepWard(s ward, in order, now time.Time) (ward, []runner.Effect, error) {
	var effects []runner.Effect
	add := func(id string, depth int) {
		payload, _ := json.Marshal(page{depth})
		e := runner.Effect{ID: id, Type: []string{"sms", "voice", "mail"}[s.Made%3], Payload: payload}
		if s.Made%7 == 0 {
			e.After = now.Add(90 * time.Second)
		}
		s.Made++
		effects = append(effects, e)
	}
	switch {
	case in.Told != "":
		if hash(in.Told)%11 == 0 {
			return s, nil, errRefused // what it does not want to hear of is recorded all the same
		}
		s.Told = maps.Clone(s.Told)
		if s.Told == nil {
			s.Told = map[string]int{}
		}
		s.Told[in.Told]++
		if in.Depth < 2 && hash(in.Told)%3 == 0 {
			add(in.Told+"/next", in.Depth+1)
		}
	case in.Name != "":
		s.Inputs = append(slices.Clone(s.Inputs), in.Name)
		for i := range in.Pages {
			add(fmt.Sprintf("%s/%d", in.Name, i), 0)
		}
		if in.Shared != "" {
			add(in.Shared, 0)
		}
		if s.Repeats += in.Repeats; s.Repeats > 0 && s.Next.IsZero() {
			s.Next = now.Add(30 * time.Second)
		}
	default: // a tick
		add(fmt.Sprintf("%s/repeat/%d", s.Inputs[0], s.Made), 0)
		if s.Repeats--; s.Repeats > 0 {
			s.Next = s.Next.Add(30 * time.Second)
		} else {
			s.Next = time.Time{}
		}
	}
	return s, effects, nil
}

func hash(s string) uint64 {
	h := fnv.New64a()
	h.Write([]byte(s))
	return h.Sum64()
}

// hospital is one history: processes that are killed over a store that fails.
type hospital struct {
	t       *testing.T
	rng     *rand.Rand
	memory  storage.Backend
	network *storagetest.FaultyBackend
	ids     atomic.Int64
	down    atomic.Bool // the store, for everybody

	mu      sync.Mutex
	done    map[string]int // how often a handler did an effect
	excused map[string]int // how often a process was killed over one
	calls   map[string]int
	calm    bool
}

// process is one call of Run, with its own line to the store.
type process struct {
	*hospital
	*runner.Runner[ward, order]
	kill     context.CancelFunc
	ended    chan struct{}
	killed   atomic.Bool
	mu       sync.Mutex
	inFlight map[string]int
}

// line is a process's line to the store. It is cut when the process is killed,
// and for a while when the store is down.
type line struct {
	storage.Backend
	cut, down *atomic.Bool
}

func (l line) state() error {
	switch {
	case l.cut.Load():
		return storage.ErrClosed
	case l.down.Load():
		return storage.ErrUnavailable
	}
	return nil
}

func (l line) Commit(ctx context.Context, b storage.Batch) (storage.Pos, error) {
	if err := l.state(); err != nil {
		return 0, err
	}
	pos, err := l.Backend.Commit(ctx, b)
	if down := l.state(); down != nil {
		return 0, down // perhaps it was committed
	}
	return pos, err
}

func (l line) Get(ctx context.Context, keys ...storage.Key) (storage.Pos, []storage.Record, error) {
	if err := l.state(); err != nil {
		return 0, nil, err
	}
	return l.Backend.Get(ctx, keys...)
}

func (l line) Due(ctx context.Context, kind string, now time.Time, limit int) ([]storage.Record, error) {
	if err := l.state(); err != nil {
		return nil, err
	}
	return l.Backend.Due(ctx, kind, now, limit)
}

func (h *hospital) process() *process {
	p := &process{hospital: h, ended: make(chan struct{}), inFlight: map[string]int{}}
	c := runner.Config[ward, order]{
		Store: storage.New(line{h.network, &p.killed, &h.down}),
		Machine: runner.Machine[ward, order]{
			Kind: "ward", Step: stepWard, NextDue: func(s ward) time.Time { return s.Next },
			Result: func(e runner.Effect, _ runner.Outcome) (order, bool) {
				var n page
				if err := json.Unmarshal(e.Payload, &n); err != nil {
					h.t.Error(err)
				}
				return order{Told: e.ID, Depth: n.Depth}, true
			},
		},
		Handlers:    map[string]runner.Handler{"sms": p.handle, "voice": p.handle, "mail": p.handle},
		Concurrency: 2, Timeout: 10 * time.Second, Lease: 40 * time.Second, Grace: time.Nanosecond, MaxAttempts: 4,
		NewID:  func() string { return fmt.Sprint("id-", h.ids.Add(1)) },
		Jitter: func(d time.Duration) time.Duration { return d },
		Hooks: runner.Hooks{Performed: func(e runner.Effect, _ int) {
			p.mu.Lock()
			defer p.mu.Unlock()
			delete(p.inFlight, e.ID) // what is recorded cannot be doubled
		}},
	}
	var err error
	if p.Runner, err = runner.New(c); err != nil {
		h.t.Fatal(err)
	}
	return p
}

func (h *hospital) start() *process {
	p := h.process()
	ctx, cancel := context.WithCancel(context.Background())
	p.kill = func() {
		p.mu.Lock()
		h.mu.Lock()
		for id, n := range p.inFlight {
			if n > 0 {
				h.excused[id]++
			}
		}
		h.mu.Unlock()
		p.killed.Store(true)
		p.mu.Unlock()
		cancel()
	}
	go func() {
		defer close(p.ended)
		if err := p.Run(ctx); err != nil {
			h.t.Error(err)
		}
	}()
	return p
}

// handle is a receiver that does whatever receivers do.
func (p *process) handle(ctx context.Context, e runner.Effect) ([]byte, error) {
	h := p.hospital
	p.mu.Lock()
	p.inFlight[e.ID]++
	killed := p.killed.Load()
	p.mu.Unlock()
	h.mu.Lock()
	if killed {
		h.excused[e.ID]++
	}
	h.calls[e.ID]++
	dice := hash(fmt.Sprint(e.ID, h.calls[e.ID]))
	calm := h.calm
	h.mu.Unlock()
	failed := func(err error) ([]byte, error) {
		p.mu.Lock()
		p.inFlight[e.ID]-- // it did nothing that could be doubled
		p.mu.Unlock()
		return nil, err
	}
	if !calm {
		switch dice % 10 {
		case 0:
			return failed(errors.New("busy"))
		case 1:
			return failed(runner.RateLimited{After: time.Duration(dice%5) * time.Second})
		case 2:
			<-ctx.Done()
			return failed(ctx.Err())
		case 3:
			failed(nil)
			panic("oops")
		case 4:
			if dice%3 == 0 {
				return failed(runner.ErrPermanent)
			}
		case 5:
			time.Sleep(9 * time.Second) // ignores its context
		}
	}
	time.Sleep(time.Duration(dice % 3000 * uint64(time.Millisecond)))
	h.mu.Lock()
	defer h.mu.Unlock()
	h.done[e.ID]++
	return []byte("done"), nil
}

// send sends until the outcome is known, as a careful caller does.
func (h *hospital) send(p *process, id, key string, in order) {
	for patience := time.Millisecond; ; patience *= 4 { // at first it goes away before it knows
		ctx, cancel := context.WithTimeout(context.Background(), patience)
		_, err := p.Send(ctx, id, key, in)
		cancel()
		if err == nil {
			return
		}
		if !errors.Is(err, storage.ErrUnavailable) && !errors.Is(err, storage.ErrConflict) && !errors.Is(err, context.DeadlineExceeded) {
			h.t.Errorf("Send: %v", err)
			return
		}
		time.Sleep(time.Second)
	}
}

// commotion makes ten minutes of commands, failures and kills.
func (h *hospital) commotion(clerk *process) (names []string) {
	processes := []*process{h.start(), h.start(), h.start()}
	var clients sync.WaitGroup
	for end := time.Now().Add(10 * time.Minute); time.Now().Before(end); {
		time.Sleep(time.Duration(h.rng.Int64N(int64(20 * time.Second))))
		switch i := h.rng.IntN(len(processes)); h.rng.IntN(8) {
		case 0:
			processes[i].kill()
			old := processes[i]
			defer func() { <-old.ended }()
			processes[i] = h.start()
		case 1: // longer than a Store asks again, shorter than what a lease leaves
			h.down.Store(true)
			time.Sleep(time.Duration(h.rng.Int64N(int64(20 * time.Second))))
			h.down.Store(false)
		default:
			in := order{Name: fmt.Sprintf("in%d", len(names)), Pages: h.rng.IntN(4), Repeats: h.rng.IntN(3)}
			switch h.rng.IntN(8) {
			case 0:
				in.Pages = 13 + h.rng.IntN(40) // more than a batch holds
			case 1, 2:
				in.Shared = fmt.Sprintf("shared-%d", h.rng.IntN(2))
			}
			names = append(names, in.Name)
			id := fmt.Sprintf("w%d", h.rng.IntN(3))
			clients.Go(func() { h.send(clerk, id, in.Name, in) })
		}
	}
	clients.Wait()
	h.network.Calm()
	h.mu.Lock()
	h.calm = true
	h.mu.Unlock()
	time.Sleep(30 * time.Hour) // longer than KeepDone
	for _, p := range processes {
		p.kill()
		<-p.ended
	}
	return names
}

// replay folds the whole log: the states and every effect that they had.
func (h *hospital) replay() (states map[string]ward, effects map[string]bool) {
	states, effects = map[string]ward{}, map[string]bool{}
	for entry, err := range storage.New(h.memory).Log(context.Background(), 0) {
		if err != nil {
			h.t.Fatal(err)
		}
		if len(entry.Note) == 0 {
			continue
		}
		var n struct {
			Of    string
			At    time.Time
			Input order
		}
		if err := json.Unmarshal(entry.Note, &n); err != nil {
			h.t.Fatal(err)
		}
		after, added, err := stepWard(states[n.Of], n.Input, n.At)
		if err != nil {
			h.t.Fatalf("position %d: the step was refused: %v", entry.Pos, err)
		}
		states[n.Of] = after
		for _, e := range added {
			effects[e.ID] = true
		}
	}
	return states, effects
}

func (h *hospital) check(clerk *process, names []string) {
	t, ctx := h.t, context.Background()
	states, effects := h.replay()
	told, applied := map[string]int{}, map[string]int{}
	for id, want := range states {
		got, _, err := clerk.Get(ctx, id)
		if diff := cmp.Diff(want, got); diff != "" || err != nil {
			t.Errorf("%s: the fold of the log differs from the state, %v (-fold +state):\n%s", id, err, diff)
		}
		replayed, err := clerk.Replay(ctx, id)
		if diff := cmp.Diff(replayed, got); diff != "" || err != nil {
			t.Errorf("%s: Replay differs from the state, %v (-replay +state):\n%s", id, err, diff)
		}
		for e, n := range got.Told {
			told[e] += n
		}
		for _, name := range got.Inputs {
			applied[name]++
		}
	}
	for _, name := range names {
		if applied[name] != 1 {
			t.Errorf("the input %s was applied %d times, want once", name, applied[name])
		}
	}
	dead := map[string]bool{}
	for l, err := range clerk.DeadLetters(ctx) {
		if err != nil {
			t.Fatal(err)
		}
		dead[l.Effect.ID] = true
	}
	for id := range effects {
		wantTold := 1
		if hash(id)%11 == 0 {
			wantTold = 0
		}
		if told[id] != wantTold {
			t.Errorf("the machine was told %d times of %s, want %d", told[id], id, wantTold)
		}
		if n, most := h.done[id], 1+h.excused[id]; n > most || n < 1 && !dead[id] {
			t.Errorf("%s was performed %d times, want 1 to %d (dead letter: %t)", id, n, most, dead[id])
		}
	}
	for id := range h.done {
		if !effects[id] {
			t.Errorf("%s was performed, but is the effect of no committed state", id)
		}
	}
	store := storage.New(h.memory)
	for _, kind := range []string{"ward", "ward.effect"} {
		if due, err := store.Due(ctx, kind, time.Now().AddDate(1, 0, 0), 10); len(due) > 0 || err != nil {
			t.Errorf("still due: %v, %v", due, err)
		}
	}
	for rec, err := range store.List(ctx, "ward.effect") {
		if err != nil || !dead[rec.Key.ID] {
			t.Errorf("%s is left: %s, %v", rec.Key, rec.Data, err)
		}
	}
}

// Under faults before and after commits, duplicates, kills and handlers of every
// kind: each effect of each committed state is performed, never more often than
// processes were killed over it and once more, the machine is told of each
// outcome once, each input is applied once, the state is the fold of the log,
// and in the end nothing is due.
func TestEveryEffectSurvivesFaultsAndKills(t *testing.T) {
	var effects, doubles, kills, faults int
	for seed := *fromSeed; seed < *fromSeed+uint64(*seeds) && !t.Failed(); seed++ {
		synctest.Test(t, func(t *testing.T) {
			memory := storage.NewMemoryBackend()
			h := &hospital{t: t, rng: rand.New(rand.NewPCG(seed, 0)), memory: memory,
				network: storagetest.Faulty(memory, seed, storagetest.FaultOptions{}),
				done:    map[string]int{}, excused: map[string]int{}, calls: map[string]int{}}
			clerk := h.process()
			h.check(clerk, h.commotion(clerk))
			effects, faults = effects+len(h.done), faults+h.network.Faults()
			for id, n := range h.excused {
				kills += n
				doubles += h.done[id] - min(h.done[id], 1)
			}
		})
		if t.Failed() {
			t.Errorf("seed %d; again: go test -run %s -runner.seed %d -runner.seeds 1", seed, t.Name(), seed)
		}
	}
	t.Logf("seeds %d to %d: %d effects, %d faults of the store, %d kills over an effect, of which %d were performed again",
		*fromSeed, *fromSeed+uint64(*seeds)-1, effects, faults, kills, doubles)
}
