package e2e_test

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
	"time"

	"github.com/sre-sdk/sre"
	"github.com/sre-sdk/sre/oncall/dispatch"
	"github.com/sre-sdk/sre/oncall/escalation"
	"github.com/sre-sdk/sre/storage"
)

var (
	soakEscalations = flag.Int("soak.escalations", 150, "how many escalations the soak triggers")
	soakLoad        = flag.Duration("soak.load", 2*time.Second, "over how long it triggers them, at least; it gives up on the rest after twice that")
	soakSeed        = flag.Uint64("soak.seed", 0, "seed of what the soak does to its processes, servers and lines (0: a new one)")
)

// soakOpen is how many escalations are on their way at the same time: a machine
// that cannot carry them in time gets them later.
const soakOpen = 300

// soakProcesses run dispatchers.
const soakProcesses = 3

// The test itself triggers and acknowledges, over lines of its own, which come
// after those of the processes.
const tester = soakProcesses

// soakDrain is what is allowed at the end for what is still to come, beside the
// time of the load itself. A machine that carries the load late needs as long
// again for what has queued up.
func soakDrain() time.Duration { return max(90*time.Second, 2**soakLoad) }

// A soak is escalations that are run by processes that are killed, over lines
// that are cut, on servers that crash, by a provider that fails; and what was
// seen of that.
type soak struct {
	*testing.T
	store    func(process int) shared
	strike   func(s *soak) // kills servers and starts them again
	lines    [][]*line     // by process and server
	provider *provider
	plan     *rand.Rand // of who strikes the servers, lines and processes
	delay    time.Duration

	mu        sync.Mutex
	processes [soakProcesses]*process
	starts    int
	counts    counts
	troubles  []trouble

	fates []fate
}

// counts are what was done.
type counts struct {
	kills, crashes, cuts, hangs int
	inFlight                    int // deliveries that were under way in dispatchers that were killed
}

// A trouble is a time in which something was broken.
type trouble struct {
	what       string
	began, end time.Time
}

// A fate is what becomes of an escalation, and how the test saw it.
type fate struct {
	id, policy string
	act        act
	after      time.Duration // of the act, since the trigger

	triggered, acted atomic.Bool // and that was durable
}

type act uint8

const (
	nothing act = iota
	acknowledge
	resolve
)

// Three dispatchers on one PostgreSQL, or three nodes of etcd, whatever happens
// to any of them, deliver every page that is wanted.
func TestSoakPostgres(t *testing.T) {
	t.Parallel()
	db, where := startPostgres(t)
	runSoak(t, onPostgres, []target{where}, func(s *soak) { s.crash(db) })
}

func TestSoakEtcd(t *testing.T) {
	t.Parallel()
	nodes, where := startEtcd(t, 3)
	runSoak(t, onEtcd, where, func(s *soak) {
		s.crash(nodes[s.plan.IntN(len(nodes))])
		if s.plan.IntN(4) == 0 { // and then no majority is left
			s.crash(nodes[s.plan.IntN(len(nodes))])
		}
	})
}

func runSoak(t *testing.T, kind string, servers []target, strike func(*soak)) {
	seed := *soakSeed
	if seed == 0 {
		seed = rand.Uint64()
	}
	t.Logf("%d escalations in %s; again with -soak.seed=%d, as far as processes can be repeated", *soakEscalations, *soakLoad, seed)
	s := &soak{T: t, strike: strike, plan: rand.New(rand.NewPCG(seed, 0)), delay: escalation.MinDelay}
	s.provider = startProvider(t, seed)
	for range soakProcesses + 1 {
		var lines []*line
		for _, to := range servers {
			lines = append(lines, newLine(t, to))
		}
		s.lines = append(s.lines, lines)
	}
	s.store = func(process int) shared {
		there := shared{Kind: kind}
		for _, l := range s.lines[process] {
			there.Addresses = append(there.Addresses, l.address())
		}
		return there
	}
	s.fates = make([]fate, *soakEscalations)
	for i := range s.fates {
		f := &s.fates[i]
		f.id, f.policy = fmt.Sprint("e", i), soakPolicies[i%len(soakPolicies)]
		f.after = time.Duration(s.plan.Int64N(int64(3 * s.delay)))
		switch n := s.plan.IntN(10); {
		case n < 6:
			f.act = acknowledge
		case n < 7:
			f.act = resolve
		}
	}
	s.run()
}

func (s *soak) run() {
	ctx := s.Context()
	backend, closeStore, err := s.store(tester).reach(ctx)
	if err != nil {
		s.Fatal(err)
	}
	defer closeStore()
	d, err := newDispatcher(storage.New(backend), pagerOf(s.provider.url, "none"), s.delay)
	if err != nil {
		s.Fatal(err)
	}
	began := time.Now()
	for i := range s.processes {
		s.startProcess(i)
	}
	defer s.killAll()
	seen := newSeen(s)
	tailing, endTail := context.WithCancel(ctx)
	defer endTail()
	var tail, blows sync.WaitGroup
	tail.Go(func() { seen.follow(tailing, backend) })
	striking, endBlows := context.WithCancel(ctx)
	defer endBlows()
	blows.Go(func() { s.strikeOn(striking) })

	s.drive(ctx, d, seen, began)
	endBlows()
	blows.Wait()
	loaded := time.Since(began)
	settled := seen.settle(ctx, time.Now().Add(soakDrain()))
	ran := time.Since(began)
	for _, p := range s.processes {
		p.end(s)
	}
	endTail()
	tail.Wait()
	seen.catchUp(ctx, backend)
	v := seen.judge(ctx, backend)
	s.Logf("after %s all had been commanded, after %s all was settled, after %s judged: %s",
		loaded.Round(time.Second/10), ran.Round(time.Second/10), time.Since(began).Round(time.Second/10), v)
	if !settled {
		s.Errorf("after %s not everything has settled", ran)
	}
}

// drive triggers escalations, evenly or as fast as they are carried, and does
// with each what is its fate. Those that it comes to too late are not triggered.
func (s *soak) drive(ctx context.Context, d *dispatch.Dispatcher, seen *seen, began time.Time) {
	var all sync.WaitGroup
	var open []string
	for i := range s.fates {
		f := &s.fates[i]
		until(ctx, began.Add(*soakLoad*time.Duration(i)/time.Duration(len(s.fates))))
		for len(open) >= soakOpen && time.Since(began) < 2**soakLoad {
			if open = slices.DeleteFunc(open, func(id string) bool { return !seen.underWay(ctx, id) }); len(open) >= soakOpen {
				until(ctx, time.Now().Add(50*time.Millisecond))
			}
		}
		if time.Since(began) >= 2**soakLoad {
			s.Logf("this machine has carried %d of %d escalations in %s", i, len(s.fates), 2**soakLoad)
			s.fates = s.fates[:i]
			break
		}
		open = append(open, f.id)
		all.Go(func() { s.live(ctx, d, f) })
	}
	all.Wait()
}

func (s *soak) live(ctx context.Context, d *dispatch.Dispatcher, f *fate) {
	human := dispatch.Command{Actor: sre.Actor{Kind: sre.Human, ID: "ann"}, Key: "act"}
	robot := dispatch.Command{Actor: sre.Actor{Kind: sre.Service, ID: "monitoring"}, Key: "trigger"}
	f.triggered.Store(s.insist(ctx, func(ctx context.Context) error {
		_, err := d.TriggerAs(ctx, robot, f.policy, escalation.Trigger{ID: f.id, Severity: 1, Title: "title of " + f.id})
		return err
	}))
	if f.act == nothing {
		return
	}
	until(ctx, time.Now().Add(f.after))
	f.acted.Store(s.insist(ctx, func(ctx context.Context) error {
		var err error
		if f.act == acknowledge {
			_, err = d.Ack(ctx, f.id, human)
		} else {
			_, err = d.Resolve(ctx, f.id, human)
		}
		return err
	}))
}

// insist gives a command again and again until it is durable.
func (s *soak) insist(ctx context.Context, command func(context.Context) error) bool {
	for {
		bounded, cancel := context.WithTimeout(ctx, 5*time.Second)
		err := command(bounded)
		cancel()
		switch {
		case err == nil:
			return true
		case ctx.Err() != nil:
			return false
		case !errors.Is(err, storage.ErrUnavailable) && !errors.Is(err, storage.ErrConflict) && !errors.Is(err, context.DeadlineExceeded):
			s.Error(err)
			return false
		}
	}
}

func until(ctx context.Context, at time.Time) {
	timer := time.NewTimer(time.Until(at))
	defer timer.Stop()
	select {
	case <-timer.C:
	case <-ctx.Done():
	}
}

// strikeOn lets something break, again and again. It leaves everything whole.
func (s *soak) strikeOn(ctx context.Context) {
	pause := min(*soakLoad/8, 3*time.Second)
	for n := s.plan.IntN(4); ; n++ {
		until(ctx, time.Now().Add(pause/2+time.Duration(s.plan.Int64N(int64(pause)))))
		if ctx.Err() != nil {
			return
		}
		switch n % 4 {
		case 0, 2:
			s.killProcess(s.plan.IntN(soakProcesses), s.shortly(2*pause))
		case 1:
			s.strike(s)
		case 3:
			s.breakLines(s.shortly(2 * pause))
		}
	}
}

func (s *soak) shortly(most time.Duration) time.Duration {
	return time.Duration(s.plan.Int64N(int64(most)))
}

// trouble notes that something is broken until the function is called.
func (s *soak) trouble(what string) (over func()) {
	s.mu.Lock()
	defer s.mu.Unlock()
	i := len(s.troubles)
	s.troubles = append(s.troubles, trouble{what: what, began: time.Now()})
	return func() {
		s.mu.Lock()
		defer s.mu.Unlock()
		s.troubles[i].end = time.Now()
	}
}

// killProcess kills a dispatcher, and starts another one after a while.
func (s *soak) killProcess(i int, pause time.Duration) {
	defer s.trouble("dispatcher")()
	s.counts.kills++
	s.counts.inFlight += s.provider.inFlight(s.processes[i].name)
	s.processes[i].kill()
	until(s.Context(), time.Now().Add(pause))
	s.startProcess(i)
}

func (s *soak) startProcess(i int) {
	s.starts++
	p, err := startDispatcher(employment{
		Process: fmt.Sprintf("%d-%d", i, s.starts), Store: s.store(i), Provider: s.provider.url, Delay: s.delay,
	})
	if err != nil {
		s.Error(err)
		return
	}
	s.processes[i] = p
}

func (s *soak) killAll() {
	for _, p := range s.processes {
		if p != nil {
			p.kill()
		}
	}
}

// crash kills a server and starts it again.
func (s *soak) crash(db *server) {
	defer s.trouble(db.name)()
	s.counts.crashes++
	db.kill()
	if err := db.start(); err != nil {
		s.Error(err)
	}
}

// breakLines cuts some lines, or lets them hang, for a while.
func (s *soak) breakLines(pause time.Duration) {
	defer s.trouble("line")()
	breakOne, count := (*line).cut, &s.counts.cuts
	if s.plan.IntN(2) == 0 {
		breakOne, count = (*line).hang, &s.counts.hangs
	}
	var broken []*line
	for _, of := range s.lines {
		for _, l := range of {
			if s.plan.IntN(2) == 0 {
				broken = append(broken, l)
				breakOne(l)
			}
		}
	}
	*count += len(broken)
	until(s.Context(), time.Now().Add(pause))
	for _, l := range broken {
		l.mend()
	}
}

func (c counts) String() string {
	return strings.Join([]string{
		fmt.Sprintf("%d kills of dispatchers with %d deliveries in flight", c.kills, c.inFlight),
		fmt.Sprintf("%d of servers", c.crashes), fmt.Sprintf("%d lines cut", c.cuts), fmt.Sprintf("%d hung", c.hangs),
	}, ", ")
}
