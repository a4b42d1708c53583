package dispatch_test

import (
	"context"
	"encoding/json"
	"errors"
	"flag"
	"fmt"
	"hash/fnv"
	"math/rand/v2"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/sre-sdk/sre"
	"github.com/sre-sdk/sre/oncall"
	"github.com/sre-sdk/sre/oncall/dispatch"
	"github.com/sre-sdk/sre/oncall/escalation"
	"github.com/sre-sdk/sre/oncall/oncalltest"
	"github.com/sre-sdk/sre/storage"
	"github.com/sre-sdk/sre/storage/storagetest"
)

var (
	seeds    = flag.Int("dispatch.seeds", 4, "how many histories TestNoPageIsLost makes up")
	fromSeed = flag.Uint64("dispatch.seed", 1, "the first of their seeds")
)

// city is one history: dispatchers that are killed over a store that fails,
// providers that do whatever providers do, and people who act.
type city struct {
	t        *testing.T
	rng      *rand.Rand
	memory   storage.Backend
	network  *storagetest.FaultyBackend
	roster   *escalation.CompiledRoster
	policies [2]*escalation.Compiled // versions of one policy
	ids      atomic.Int64
	down     atomic.Bool // the store, for everybody
	asked    atomic.Int64
	provider oncalltest.Pager

	mu      sync.Mutex
	excused map[string]int // by key: kills over it and answers that leave the outcome unknown
	calls   map[string]int
	calm    bool
}

// process is one dispatcher with its own line to the store.
type process struct {
	*city
	*dispatch.Dispatcher
	stop     context.CancelFunc
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

// fickle is a directory that answers otherwise each time.
type fickle struct {
	*escalation.CompiledRoster
	c *city
}

func (f fickle) OnCall(string, oncall.Role, time.Time) ([]string, bool) {
	switch n := f.c.asked.Add(1); n % 5 {
	case 0:
		return nil, true
	case 1:
		return nil, false
	case 2:
		panic("no schedules today")
	case 3:
		return []string{"bob", "nobody-knows-me"}, true
	}
	return []string{"carol"}, true
}

func (f fickle) Plan(person string, severity sre.Severity) ([]oncall.ContactStep, bool) {
	if f.c.asked.Add(1)%7 == 0 {
		return nil, false
	}
	return f.CompiledRoster.Plan(person, severity)
}

// Send makes a process the pager of its dispatcher: it watches what is in flight.
func (p *process) Send(ctx context.Context, m oncall.Delivery) (oncall.Receipt, error) {
	c := p.city
	effect, _, _ := strings.Cut(m.Key, ".")
	p.mu.Lock()
	p.inFlight[effect]++
	killed := p.killed.Load()
	p.mu.Unlock()
	c.mu.Lock()
	if killed {
		c.excused[effect]++
	}
	c.calls[m.Key]++
	dice := hash(fmt.Sprint(m.Key, c.calls[m.Key]))
	calm := c.calm
	c.mu.Unlock()
	refused := func(err error) (oncall.Receipt, error) { // it did nothing that could be doubled
		p.mu.Lock()
		p.inFlight[effect]--
		p.mu.Unlock()
		return oncall.Receipt{}, err
	}
	time.Sleep(time.Duration(dice % 3000 * uint64(time.Millisecond)))
	if calm {
		return c.provider.Send(context.Background(), m)
	}
	switch dice % 12 {
	case 0:
		return refused(errors.New("busy"))
	case 1:
		return refused(oncall.RateLimited{After: time.Duration(dice%5) * time.Second})
	case 2:
		<-ctx.Done()
		return refused(ctx.Err())
	case 3:
		refused(nil)
		panic("oops")
	case 4:
		return refused(fmt.Errorf("opted out: %w", oncall.ErrPermanent))
	case 5: // it takes the message and the answer is lost
		_, err := c.provider.Send(context.Background(), m)
		c.mu.Lock()
		c.excused[effect]++
		c.mu.Unlock()
		refused(nil)
		return oncall.Receipt{}, errors.Join(err, errors.New("connection reset"))
	}
	return c.provider.Send(context.Background(), m)
}

func hash(s string) uint64 {
	h := fnv.New64a()
	h.Write([]byte(s))
	return h.Sum64()
}

func (c *city) process() *process {
	p := &process{city: c, ended: make(chan struct{}), inFlight: map[string]int{}}
	var err error
	p.Dispatcher, err = dispatch.New(dispatch.Config{
		Store: storage.New(line{c.network, &p.killed, &c.down}), Pager: p, Directory: fickle{c.roster, c},
		Policies:    []*escalation.Compiled{c.policies[c.ids.Add(1)%2]}, // a deploy is under way all the time
		Concurrency: 2, Timeout: 10 * time.Second, Lease: 40 * time.Second, Grace: time.Nanosecond, MaxAttempts: 4,
		NewID:  func() string { return fmt.Sprint("id-", c.ids.Add(1)) },
		Jitter: func(d time.Duration) time.Duration { return d },
		Hooks: dispatch.Hooks{Delivered: func(key string, _ int) {
			p.mu.Lock()
			defer p.mu.Unlock()
			delete(p.inFlight, key) // what is recorded cannot be doubled
		}},
	})
	if err != nil {
		c.t.Fatal(err)
	}
	return p
}

func (c *city) start() *process {
	p := c.process()
	var ctx context.Context
	ctx, p.stop = context.WithCancel(context.Background())
	go func() {
		defer close(p.ended)
		if err := p.Run(ctx); err != nil {
			c.t.Error(err)
		}
	}()
	return p
}

func (p *process) kill() {
	p.mu.Lock()
	p.city.mu.Lock()
	for key, n := range p.inFlight {
		if n > 0 {
			p.excused[key]++
		}
	}
	p.city.mu.Unlock()
	p.killed.Store(true)
	p.mu.Unlock()
	p.stop()
}

// insist acts until the outcome is known, as a careful caller does.
func (c *city) insist(do func(ctx context.Context) error) {
	for patience := time.Millisecond; ; patience *= 4 { // at first it goes away before it knows
		ctx, cancel := context.WithTimeout(context.Background(), patience)
		err := do(ctx)
		cancel()
		var refused *escalation.Refusal
		switch {
		case err == nil, errors.As(err, &refused):
			return
		case errors.Is(err, storage.ErrUnavailable), errors.Is(err, storage.ErrConflict), errors.Is(err, context.DeadlineExceeded):
			time.Sleep(time.Second)
		default:
			c.t.Errorf("a command: %v", err)
			return
		}
	}
}

const escalations = 8

// act does something at random to an escalation.
func (c *city) act(clerk *process, n int) func(context.Context) error {
	id := fmt.Sprint("x", c.rng.IntN(escalations))
	who := []string{"alice", "bob", "carol", "boss"}[c.rng.IntN(4)]
	cmd := dispatch.Command{Actor: human(who), Key: fmt.Sprint("key-", n), Note: fmt.Sprint("note ", n)}
	until := time.Now().Add(5 * time.Minute)
	severity := sre.Severity(c.rng.IntN(4))
	of := func(_ dispatch.Escalation, err error) error { return err }
	switch dice := c.rng.IntN(20); {
	case dice < 6:
		return func(ctx context.Context) error {
			return of(clerk.TriggerAs(ctx, cmd, "db", escalation.Trigger{ID: id, Severity: severity}))
		}
	case dice < 9:
		return func(ctx context.Context) error { return of(clerk.Ack(ctx, id, cmd)) }
	case dice < 11:
		return func(ctx context.Context) error { return of(clerk.Resolve(ctx, id, cmd)) }
	case dice == 11:
		return func(ctx context.Context) error { return of(clerk.Respond(ctx, id, cmd)) }
	case dice == 12:
		cmd.Note = ""
		return func(ctx context.Context) error { return of(clerk.Snooze(ctx, id, until, cmd)) }
	case dice == 13:
		return func(ctx context.Context) error { return of(clerk.Escalate(ctx, id, "", cmd)) }
	case dice == 14:
		return func(ctx context.Context) error { return of(clerk.HandOff(ctx, id, who, cmd)) }
	case dice == 15:
		return func(ctx context.Context) error { return of(clerk.SetSeverity(ctx, id, severity, cmd)) }
	case dice == 16:
		return func(ctx context.Context) error { return of(clerk.Edit(ctx, id, cmd)) }
	}
	return func(ctx context.Context) error { return of(clerk.AddNote(ctx, id, cmd)) }
}

// commotion makes half an hour of triggers, acts, failures and kills.
func (c *city) commotion(clerk *process) {
	processes := []*process{c.start(), c.start(), c.start()}
	var people sync.WaitGroup
	n := 0
	for end := time.Now().Add(30 * time.Minute); time.Now().Before(end); n++ {
		time.Sleep(time.Duration(c.rng.Int64N(int64(10 * time.Second))))
		switch i := c.rng.IntN(len(processes)); c.rng.IntN(10) {
		case 0:
			processes[i].kill()
			old := processes[i]
			defer func() { <-old.ended }()
			processes[i] = c.start()
		case 1: // longer than a Store asks again, shorter than what a lease leaves
			c.down.Store(true)
			time.Sleep(time.Duration(c.rng.Int64N(int64(20 * time.Second))))
			c.down.Store(false)
		default:
			do := c.act(clerk, n)
			people.Go(func() { c.insist(do) })
		}
	}
	people.Wait()
	c.network.Calm()
	c.mu.Lock()
	c.calm = true
	c.mu.Unlock()
	time.Sleep(time.Hour) // those that are open go on paging
	for i := range escalations {
		c.insist(func(ctx context.Context) error {
			_, err := clerk.Resolve(ctx, fmt.Sprint("x", i), dispatch.Command{Actor: human("boss"), Key: "the-end"})
			return err
		})
	}
	time.Sleep(10 * time.Minute)
	for _, p := range processes {
		p.kill()
		<-p.ended
	}
}

// told is what the log says of one delivery.
type told struct {
	effect    escalation.Effect
	of        string
	life      time.Time
	status    string
	attempt   int
	skipped   bool
	over      bool
	claims    int
	committed storage.Pos
}

// readLog folds the log entry by entry, and holds each claim, and each delivery
// that was left out, against the state at that position.
func (c *city) readLog() map[string]*told {
	states, effects := map[string]escalation.State{}, map[string]*told{}
	for entry, err := range storage.New(c.memory).Log(context.Background(), 0) {
		if err != nil {
			c.t.Fatal(err)
		}
		before := len(effects)
		for _, rec := range entry.Records {
			if rec.Key.Kind == dispatch.Kind && !rec.Deleted {
				states[rec.Key.ID] = stateIn(c.t, rec)
			}
		}
		for _, rec := range entry.Records {
			if rec.Key.Kind == dispatch.Kind+".effect" && !rec.Deleted {
				c.readEffect(effects, states, entry, rec)
			}
		}
		c.readActs(effects, entry, len(effects)-before)
	}
	return effects
}

func (c *city) readEffect(effects map[string]*told, states map[string]escalation.State, entry storage.Entry, rec storage.Record) {
	var r struct {
		Data struct {
			Of      string
			Status  string
			Attempt int
			Skipped bool
			Receipt []byte
			Effect  struct{ Payload []byte }
		}
	}
	decode(c.t, rec.Data, &r)
	e := effects[rec.Key.ID]
	if e == nil {
		var p struct {
			Life    time.Time
			Entry   uint32
			Person  string
			Contact string
			Step    uint8
		}
		decode(c.t, r.Data.Effect.Payload, &p)
		e = &told{of: r.Data.Of, life: p.Life, committed: entry.Pos,
			effect: escalation.Effect{Kind: escalation.Deliver, Entry: p.Entry, Person: p.Person, Contact: p.Contact, Step: p.Step}}
		effects[rec.Key.ID] = e
	}
	s := states[e.of]
	wanted := s.Wants(e.effect) && s.Triggered.Equal(e.life)
	var receipt struct{ Over bool }
	if len(r.Data.Receipt) > 0 {
		decode(c.t, r.Data.Receipt, &receipt)
	}
	if r.Data.Attempt > e.attempt {
		e.claims++
		if !wanted {
			c.t.Errorf("position %d: %s (%s) was claimed although %s does not want it: %s", entry.Pos, rec.Key.ID, e.effect, e.of, s.Status)
		}
	}
	if r.Data.Skipped && wanted {
		c.t.Errorf("position %d: %s (%s) was skipped although %s wants it", entry.Pos, rec.Key.ID, e.effect, e.of)
	}
	e.status, e.attempt, e.skipped, e.over = r.Data.Status, r.Data.Attempt, r.Data.Skipped, receipt.Over
}

// readActs holds what a step says it decided against what it committed.
func (c *city) readActs(effects map[string]*told, entry storage.Entry, added int) {
	if len(entry.Note) == 0 {
		return
	}
	var n struct{ Input struct{ Acts []dispatch.Act } }
	decode(c.t, entry.Note, &n)
	delivers := 0
	for _, a := range n.Input.Acts {
		if a.Key == "" {
			continue
		}
		delivers++
		if e := effects[a.Key]; e == nil || e.committed != entry.Pos || e.effect.Person != a.Person {
			c.t.Errorf("position %d: the act %s is not committed with its step", entry.Pos, a)
		}
	}
	if delivers != added {
		c.t.Errorf("position %d: %d acts deliver, but %d deliveries were committed", entry.Pos, delivers, added)
	}
}

func decode(t *testing.T, data []byte, v any) {
	t.Helper()
	if err := json.Unmarshal(data, v); err != nil {
		t.Fatalf("%s: %v", data, err)
	}
}

func stateIn(t *testing.T, rec storage.Record) escalation.State {
	t.Helper()
	var r struct {
		Data struct{ State json.RawMessage }
	}
	decode(t, rec.Data, &r)
	s, err := escalation.Decode(r.Data.State)
	if err != nil {
		t.Fatal(err)
	}
	return s
}

func (c *city) check(clerk *process) (deliveries, doubles int) {
	t, ctx := c.t, context.Background()
	for i := range escalations {
		id := fmt.Sprint("x", i)
		got, ok, err := clerk.Get(ctx, id)
		if err != nil {
			t.Fatal(err)
		}
		if !ok {
			continue
		}
		replayed, err := c.process().Replay(ctx, id)
		if diff := cmp.Diff(marshal(t, got), marshal(t, replayed)); diff != "" || err != nil {
			t.Errorf("%s: Replay differs from the state, %v (-state +replay):\n%s", id, err, diff)
		}
	}
	effects := c.readLog()
	accepted, contact := map[string]int{}, map[string]string{}
	for _, m := range c.provider.Sent() {
		effect, _, _ := strings.Cut(m.Key, ".")
		accepted[effect]++
		e := effects[effect]
		if e == nil || e.effect.Person != m.Person || e.effect.Contact != "" && e.effect.Contact != m.Contact.ID {
			t.Errorf("%s was sent to %s by %s, but the log has %+v", m.Key, m.Person, m.Contact, e)
		}
		if to := m.Person + m.Contact.ID; contact[m.Key] == "" {
			contact[m.Key] = to
		} else if contact[m.Key] != to {
			t.Errorf("%s was sent to %s and to %s", m.Key, contact[m.Key], to)
		}
	}
	dead := map[string]bool{}
	for l, err := range clerk.DeadLetters(ctx) {
		if err != nil {
			t.Fatal(err)
		}
		dead[l.Key] = true
	}
	for key, e := range effects {
		n, most := accepted[key], 1+c.excused[key]
		switch {
		case n > most:
			t.Errorf("%s (%s) was accepted %d times, want at most %d", key, e.effect, n, most)
		case e.status == "dead":
			if !dead[key] {
				t.Errorf("%s (%s) was given up and is no dead letter", key, e.effect)
			}
		case e.status != "done":
			t.Errorf("%s (%s) is stuck: %s", key, e.effect, e.status)
		case n == 0 && !e.skipped && !e.over:
			t.Errorf("%s (%s) was never delivered", key, e.effect)
		}
		doubles += max(0, n-1)
	}
	store := storage.New(c.memory)
	for _, kind := range []string{dispatch.Kind, dispatch.Kind + ".effect"} {
		if due, err := store.Due(ctx, kind, time.Now(), 10); len(due) > 0 || err != nil {
			t.Errorf("still due: %v, %v", due, err)
		}
	}
	return len(effects), doubles
}

func newCity(t *testing.T, seed uint64) *city {
	var people []oncall.Person
	for _, id := range []string{"alice", "bob", "carol", "boss"} {
		people = append(people, person(id))
	}
	memory := storage.NewMemoryBackend()
	c := &city{t: t, rng: rand.New(rand.NewPCG(seed, 0)), memory: memory, roster: roster(t, people...),
		network: storagetest.Faulty(memory, seed, storagetest.FaultOptions{}), excused: map[string]int{}, calls: map[string]int{}}
	policy := escalation.Policy{ID: "db", Repeat: 1,
		Levels: []escalation.Level{
			level("l1", 2*time.Minute, escalation.ToRoundRobin("alice", "bob", "carol")),
			level("l2", time.Minute, escalation.ToSchedule("rota", 0), escalation.ToPerson("alice")),
			level("l3", time.Minute, escalation.ToTeam("nobody-knows-this-team"), escalation.ToPerson("carol")),
		},
		LastResort: escalation.LastResort{Targets: []escalation.Target{escalation.ToPerson("boss")}, Every: 3 * time.Minute},
		BySeverity: []escalation.Rule{
			{AtLeast: 1, Acknowledge: escalation.Promise{Within: time.Minute, Level: "l3"}, Respond: escalation.Promise{Within: 4 * time.Minute, Level: "l2"}},
			{AtLeast: 3, Start: "l2", AckFor: 3 * time.Minute},
		}}
	policy.Levels[0].When.MaxLoad = 3
	policy.Levels[1].Acks = 2
	c.policies[0] = policy.MustCompile()
	policy.Levels = append(policy.Levels[:0:0], policy.Levels[0], policy.Levels[2], level("l4", time.Minute, escalation.ToPerson("bob")))
	policy.BySeverity = policy.BySeverity[:0]
	c.policies[1] = policy.MustCompile()
	return c
}

// Under faults before and after commits, duplicates, kills, an outage, providers
// of every kind, a directory that never says the same and a deploy without end:
// every page that is wanted is delivered, or a dead letter; none more often than
// processes were killed over it and answers were lost, and once more, always to
// the same contact; none is claimed after the step that ended the wish for it;
// what a step decided is committed with it; nothing is stuck; and the state is
// the fold of the log.
func TestNoPageIsLost(t *testing.T) {
	var deliveries, doubles, faults int
	for seed := *fromSeed; seed < *fromSeed+uint64(*seeds) && !t.Failed(); seed++ {
		synctest.Test(t, func(t *testing.T) {
			c := newCity(t, seed)
			clerk := c.process()
			c.commotion(clerk)
			n, twice := c.check(clerk)
			deliveries, doubles, faults = deliveries+n, doubles+twice, faults+c.network.Faults()
		})
		if t.Failed() {
			t.Errorf("seed %d; again: go test -run %s -dispatch.seed %d -dispatch.seeds 1", seed, t.Name(), seed)
		}
	}
	t.Logf("seeds %d to %d: %d deliveries, %d of them doubled, %d faults of the store, none lost",
		*fromSeed, *fromSeed+uint64(*seeds)-1, deliveries, doubles, faults)
}
