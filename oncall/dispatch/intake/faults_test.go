package intake_test

import (
	"context"
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

	"github.com/sre-sdk/sre/oncall"
	"github.com/sre-sdk/sre/oncall/alert"
	"github.com/sre-sdk/sre/oncall/dispatch"
	"github.com/sre-sdk/sre/oncall/dispatch/intake"
	"github.com/sre-sdk/sre/oncall/escalation"
	"github.com/sre-sdk/sre/oncall/oncalltest"
	"github.com/sre-sdk/sre/storage"
	"github.com/sre-sdk/sre/storage/storagetest"
)

var (
	seeds    = flag.Int("intake.seeds", 6, "how many histories TestNothingThatFiresStaysUnpaged makes up")
	fromSeed = flag.Uint64("intake.seed", 1, "the first of their seeds")
)

// line is a process's line to the store, cut when the process dies.
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

// process is an intake and a dispatcher, which die together.
type process struct {
	*intake.Intake
	pages *dispatch.Dispatcher
	cut   atomic.Bool
	stop  context.CancelFunc
	ended sync.WaitGroup
}

func start(t *testing.T, backend storage.Backend, c intake.Config, pager oncall.Pager) *process {
	t.Helper()
	p := &process{}
	store := storage.New(line{backend, &p.cut})
	people, err := escalation.Roster{People: []oncall.Person{{ID: "alice", Contacts: []oncall.Contact{{ID: "phone", Kind: oncall.Voice, Address: "1"}}}}}.Compile()
	if err != nil {
		t.Fatal(err)
	}
	p.pages, err = dispatch.New(dispatch.Config{Store: store, Pager: pager, Directory: people, Policies: []*escalation.Compiled{policyOf("catchall"), policyOf("db"), policyOf("night")}})
	if err != nil {
		t.Fatal(err)
	}
	c.Store, c.Pages = store, p.pages
	if p.Intake, err = intake.New(c); err != nil {
		t.Fatal(err)
	}
	ctx, stop := context.WithCancel(context.Background())
	p.stop = stop
	for _, run := range []func(context.Context) error{p.Run, p.pages.Run} {
		p.ended.Go(func() { _ = run(ctx) })
	}
	return p
}

func (p *process) kill() {
	p.cut.Store(true)
	p.stop()
	p.ended.Wait()
}

// told is what the sources have last said of an alert.
type told struct {
	alert.Alert
}

// Whatever the store does, whoever dies, and however often and in whatever order
// messages come: an alert that fires and is not validly suppressed is in an open
// page of the policy that its route names, and a page of which nothing fires is
// closed.
func TestNothingThatFiresStaysUnpaged(t *testing.T) {
	for i := range *seeds {
		seed := *fromSeed + uint64(i)
		t.Run(fmt.Sprint("seed ", seed), func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) { history(t, seed) })
		})
	}
}

func history(t *testing.T, seed uint64) {
	ctx := context.Background()
	rng := rand.New(rand.NewPCG(seed, 7))
	network := storagetest.Faulty(storage.NewMemory().Backend(), seed, storagetest.FaultOptions{})
	pager := &oncalltest.Pager{}
	policy := alert.Policy{GroupBy: []string{"alertname"}, GroupWait: 10 * time.Second, GroupInterval: time.Minute,
		Inhibitions: []alert.Inhibition{{Name: "cluster", Source: alert.MustMatchers(`alertname="A0"`), Target: alert.MustMatchers(`alertname="A1"`), Equal: []string{"cluster"}}}}
	config := intake.Config{Alerts: policy.MustCompile(), Routing: plainRouting.MustCompile()}
	processes := []*process{start(t, network, config, pager), start(t, network, config, pager)}
	any := func() *process { return processes[rng.IntN(len(processes))] }
	now := map[string]*told{}
	silenced := map[string]bool{} // instances

	// send brings a message until it is taken, as a source does, perhaps to several.
	send := func(list []alert.Alert) {
		for {
			rng.Shuffle(len(list), func(i, j int) { list[i], list[j] = list[j], list[i] })
			short, cancel := context.WithTimeout(ctx, 5*time.Second)
			_, err := any().Receive(short, alert.Batch{Alerts: slices.Clone(list)})
			cancel()
			if err == nil {
				return
			}
			time.Sleep(time.Duration(rng.IntN(3000)) * time.Millisecond)
		}
	}
	var older [][]alert.Alert
	for range 60 {
		switch rng.IntN(10) {
		case 0: // a process dies and another one begins
			i := rng.IntN(len(processes))
			processes[i].kill()
			processes[i] = start(t, network, config, pager)
		case 1: // a silence begins, or ends
			instance := fmt.Sprint(rng.IntN(4))
			for {
				var err error
				if silenced[instance] {
					_, _, err = any().Expire(ctx, alice, "s"+instance, "")
				} else {
					_, err = any().Silence(ctx, alice, alert.Silence{ID: "s" + instance, Matchers: alert.MustMatchers(`instance="` + instance + `"`),
						Start: time.Now(), End: time.Now().Add(100 * time.Hour), Comment: "test"})
				}
				if err == nil {
					break
				}
				time.Sleep(time.Second)
			}
			silenced[instance] = !silenced[instance]
		case 2: // an old message arrives again
			if len(older) > 0 {
				send(older[rng.IntN(len(older))])
			}
		default:
			var list []alert.Alert
			for range 1 + rng.IntN(12) {
				a := fires(2, "alertname", fmt.Sprint("A", rng.IntN(4)), "instance", fmt.Sprint(rng.IntN(6)), "cluster", fmt.Sprint("c", rng.IntN(2)))
				if team := rng.IntN(3); team > 0 {
					pairs := a.Labels.Map()
					a = fires(2, "alertname", pairs["alertname"], "instance", pairs["instance"], "cluster", pairs["cluster"], "team", []string{"", "db", "later"}[team])
				}
				key := a.Key()
				if slices.ContainsFunc(list, func(b alert.Alert) bool { return b.Key() == key }) {
					continue
				}
				if rng.IntN(3) == 0 {
					a = resolved(a)
				}
				a.Observed = time.Now()
				list = append(list, a)
				now[key] = &told{Alert: a}
			}
			older = append(older, list)
			send(slices.Clone(list))
		}
		time.Sleep(time.Duration(rng.IntN(40)) * time.Second)
	}

	// The store is calm again, a process dies one last time, and time passes.
	network.Calm()
	processes[0].kill()
	processes[0] = start(t, network, config, pager)
	time.Sleep(10 * time.Minute)
	check(t, ctx, processes[0], now, silenced)
	for _, p := range processes {
		p.kill()
	}
	if network.Faults() < 50 {
		t.Errorf("only %d faults", network.Faults())
	}
}

func check(t *testing.T, ctx context.Context, p *process, now map[string]*told, silenced map[string]bool) {
	t.Helper()
	paged := map[string][]string{} // by fingerprint, the policies of the open escalations that hold it
	for g, err := range p.Groups(ctx) {
		if err != nil {
			t.Fatal(err)
		}
		e, found, err := p.pages.Get(ctx, g.Page)
		if err != nil && g.Page != "" {
			t.Fatal(err)
		}
		open := found && e.State.Status != escalation.Resolved
		if open != (g.State.Page.Open && g.Action.String() == "page") {
			t.Errorf("group %s: page %q open %v, escalation open %v", g.ID, g.Page, g.State.Page.Open, open)
		}
		if again, err := p.Replay(ctx, g.ID); err != nil || text(again) != text(g) {
			t.Errorf("group %s: replayed it is another one, %v", g.ID, err)
		}
		for _, entry := range g.State.Alerts {
			if entry.Told == alert.Firing && entry.Status == alert.Firing && open {
				paged[entry.Fingerprint] = append(paged[entry.Fingerprint], e.PolicyID)
			}
		}
	}
	fire := func(of func(alert.Alert) bool) bool {
		for _, a := range now {
			if a.Status == alert.Firing && of(a.Alert) {
				return true
			}
		}
		return false
	}
	count := 0
	for key, a := range now {
		team, cluster := a.Labels.Get("team"), a.Labels.Get("cluster")
		inhibited := a.Labels.Get("alertname") == "A1" && fire(func(b alert.Alert) bool {
			return b.Labels.Get("alertname") == "A0" && b.Labels.Get("cluster") == cluster
		})
		want := map[string]string{"": "catchall", "db": "db"}[team]
		switch got := paged[key]; {
		case a.Status == alert.Resolved && len(got) > 0:
			t.Errorf("%s is resolved and in a page", a.Labels)
		case a.Status == alert.Firing && team != "later" && !silenced[a.Labels.Get("instance")] && !inhibited:
			count++
			if !slices.Equal(got, []string{want}) {
				t.Errorf("%s fires and is paged by %v, want %s", a.Labels, got, want)
			}
		case len(got) > 1 || team == "later" && len(got) > 0:
			t.Errorf("%s is paged by %s", a.Labels, strings.Join(got, ", "))
		}
	}
	if count == 0 {
		t.Error("nothing fires in the end: the history says nothing")
	}
}
