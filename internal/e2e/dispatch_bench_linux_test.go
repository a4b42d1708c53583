package e2e_test

import (
	"context"
	"flag"
	"fmt"
	"math"
	"path/filepath"
	"slices"
	"strconv"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/jackc/pgx/v5/pgxpool"

	"github.com/sre-sdk/sre/oncall"
	"github.com/sre-sdk/sre/oncall/dispatch"
	"github.com/sre-sdk/sre/oncall/escalation"
	"github.com/sre-sdk/sre/storage"
	"github.com/sre-sdk/sre/storage/postgres"
	"github.com/sre-sdk/sre/storage/sqlite"
)

var (
	latenessFor  = flag.Duration("lateness.for", 3*time.Second, "for how long the lateness benchmarks keep up their load")
	latenessRate = flag.Float64("lateness.rate", 0, "their due escalations a second (0: half of what was measured before)")
)

// benchCallers is how many commit at the same time, in a dispatcher of each kind
// of work and against the bare store.
const benchCallers = 64

// BenchmarkDispatchSQLite is a dispatcher on a file, with its defaults: each
// commit is on the disk.
func BenchmarkDispatchSQLite(b *testing.B) {
	benchDispatch(b, func(b *testing.B) storage.Backend {
		db, err := sqlite.Open(b.Context(), filepath.Join(b.TempDir(), "pages.db"), sqlite.Options{})
		if err != nil {
			b.Fatal(err)
		}
		b.Cleanup(func() { _ = db.Close() })
		return db
	})
}

// BenchmarkDispatchPostgres is a dispatcher on a server on the same machine,
// with the defaults of both.
func BenchmarkDispatchPostgres(b *testing.B) {
	_, where := startPostgres(b)
	var schemas int
	benchDispatch(b, func(b *testing.B) storage.Backend {
		config, err := pgxpool.ParseConfig("host=" + filepath.Dir(where.address) + " user=sre dbname=postgres sslmode=disable")
		if err != nil {
			b.Fatal(err)
		}
		schemas++
		db, err := postgres.OpenConfig(b.Context(), config, postgres.Options{Schema: fmt.Sprint("bench", schemas)})
		if err != nil {
			b.Fatal(err)
		}
		b.Cleanup(func() { _ = db.Close() })
		return db
	})
}

// benchDispatch measures
//
//	due        one escalation that is due, of many: found, stepped to the next
//	           level, its page claimed, given to a pager that does nothing, and
//	           recorded. "of-bare" is its commits a second by those of the bare
//	           store with 64 callers and records of 300 bytes, "of-same" by those of
//	           the bare store with 64 callers and batches of the same size.
//	lateness   how long after its due time a page reaches the pager, at half the
//	           load of "due".
func benchDispatch(b *testing.B, open func(*testing.B) storage.Backend) {
	var best float64
	b.Run("due", func(b *testing.B) {
		best = max(best, benchDue(b, open(b)))
	})
	b.Run("lateness", func(b *testing.B) {
		rate := *latenessRate
		if rate == 0 {
			rate = best / 2
		}
		benchLateness(b, open(b), rate)
	})
}

// counting counts what is committed, and keeps some of it.
type counting struct {
	storage.Backend
	commits atomic.Int64

	mu   sync.Mutex
	some []storage.Batch
}

const maxSome = 2000

func (c *counting) Commit(ctx context.Context, b storage.Batch) (storage.Pos, error) {
	pos, err := c.Backend.Commit(ctx, b)
	if err == nil {
		c.commits.Add(1)
		c.mu.Lock()
		defer c.mu.Unlock()
		if len(c.some) < maxSome {
			c.some = append(c.some, b)
		}
	}
	return pos, err
}

// A benchPager is a dispatcher whose clock is set, with escalations that page
// alice and, benchDelay later, bob.
type benchPager struct {
	*dispatch.Dispatcher
	backend *counting
	began   time.Time    // when the first one was triggered, by the clock
	ahead   atomic.Int64 // the clock, before that of the machine

	left atomic.Int64 // deliveries to wait for
	stop context.CancelFunc

	mu   sync.Mutex
	late []time.Duration
}

// benchDelay is longer than any run takes; all turns together are shorter than
// what is done is kept.
const benchDelay = 2 * time.Hour

func newBenchPager(b *testing.B, bare storage.Backend) *benchPager {
	p := &benchPager{backend: &counting{Backend: bare}}
	person := func(id string) oncall.Person {
		return oncall.Person{ID: id, Contacts: []oncall.Contact{{ID: "push", Kind: oncall.Push, Address: id}}}
	}
	roster, err := escalation.Roster{People: []oncall.Person{person("alice"), person("bob"), person("boss")}}.Compile()
	if err != nil {
		b.Fatal(err)
	}
	policy := escalation.Policy{
		ID: "db",
		Levels: []escalation.Level{
			{ID: "l1", Delay: benchDelay, Targets: []escalation.Target{escalation.ToPerson("alice")}},
			{ID: "l2", Delay: escalation.MaxDelay, Targets: []escalation.Target{escalation.ToPerson("bob")}}},
		LastResort: escalation.LastResort{Targets: []escalation.Target{escalation.ToPerson("boss")}},
	}
	p.Dispatcher, err = dispatch.New(dispatch.Config{
		Store: storage.New(p.backend), Directory: roster, Policies: []*escalation.Compiled{policy.MustCompile()}, Concurrency: benchCallers,
		Now:  p.now,
		Link: func(page dispatch.Page) string { return page.At.Format(time.RFC3339Nano) },
		Pager: oncall.PagerFunc(func(_ context.Context, m oncall.Delivery) (oncall.Receipt, error) {
			at, err := time.Parse(time.RFC3339Nano, m.Link)
			if err != nil {
				return oncall.Receipt{}, err
			}
			p.mu.Lock()
			defer p.mu.Unlock()
			p.late = append(p.late, p.now().Sub(at))
			return oncall.Receipt{ID: "1"}, nil
		}),
		Hooks: dispatch.Hooks{
			Delivered: func(string, int) {
				if p.left.Add(-1) == 0 {
					p.stop()
				}
			},
			Failed: func(err error) { b.Log(err) },
		},
	})
	if err != nil {
		b.Fatal(err)
	}
	return p
}

func (p *benchPager) now() time.Time { return time.Now().Add(time.Duration(p.ahead.Load())) }

func (p *benchPager) set(now time.Time) { p.ahead.Store(int64(time.Until(now))) }

// trigger begins n escalations, from now on, spread over a time of the clock.
func (p *benchPager) trigger(b *testing.B, prefix string, n int, over time.Duration) {
	p.began = p.now()
	var next atomic.Int64
	parallel(benchCallers, func() {
		for i := next.Add(1) - 1; i < int64(n); i = next.Add(1) - 1 {
			p.set(p.began.Add(time.Duration(float64(over) * float64(i) / float64(n))))
			if _, err := p.Trigger(b.Context(), "db", escalation.Trigger{ID: fmt.Sprint(prefix, i), Severity: 1, Title: "no primary"}); err != nil {
				b.Error(err)
				return
			}
		}
	})
	p.set(p.began.Add(over))
}

// run runs until n deliveries were recorded.
func (p *benchPager) run(b *testing.B, n int) {
	var ctx context.Context
	ctx, p.stop = context.WithCancel(b.Context())
	defer p.stop()
	p.left.Store(int64(n))
	p.backend.commits.Store(0)
	p.backend.some, p.late = nil, nil
	if err := p.Run(ctx); err != nil {
		b.Fatal(err)
	}
}

// benchDue measures the dispatcher and the bare store in turns, as machines
// change their pace, and reports the medians of the ratios.
func benchDue(b *testing.B, bare storage.Backend) (perSecond float64) {
	const maxTurns, turnFloor = 5, 500
	p := newBenchPager(b, bare)
	turns := min(maxTurns, max(1, b.N/turnFloor))
	var commits, grouped, ofBare, ofSame []float64
	b.ResetTimer()
	for turn := range turns {
		b.StopTimer()
		n := b.N*(turn+1)/turns - b.N*turn/turns
		p.trigger(b, fmt.Sprint(turn, "-"), n, 0)
		p.run(b, n) // the first pages
		p.set(p.began.Add(benchDelay))
		b.StartTimer()
		began := time.Now()
		p.run(b, n)
		took := time.Since(began).Seconds()
		b.StopTimer()
		mine := float64(p.backend.commits.Load()) / took
		small, same := bareRate(b, bare, small(turn)), bareRate(b, bare, p.backend.again(turn))
		commits, grouped, ofBare, ofSame = append(commits, mine), append(grouped, small), append(ofBare, mine/small), append(ofSame, mine/same)
	}
	perSecond = float64(b.N) / b.Elapsed().Seconds()
	b.ReportMetric(perSecond, "escalations/s")
	b.ReportMetric(median(commits), "commits/s")
	b.ReportMetric(median(grouped), "bare-commits/s")
	b.ReportMetric(median(ofBare), "of-bare")
	b.ReportMetric(median(ofSame), "of-same")
	return perSecond
}

func median(list []float64) float64 {
	slices.Sort(list)
	return list[len(list)/2]
}

func benchLateness(b *testing.B, bare storage.Backend, rate float64) {
	p := newBenchPager(b, bare)
	n := max(1, int(rate*latenessFor.Seconds()))
	p.trigger(b, "x", n, *latenessFor)
	p.run(b, n)                               // the first pages
	const beforehand = 200 * time.Millisecond // what Run takes to begin is not measured
	p.set(p.began.Add(benchDelay - beforehand))
	b.ResetTimer()
	p.run(b, n)
	b.StopTimer()
	slices.Sort(p.late)
	b.ReportMetric(0, "ns/op")
	b.ReportMetric(float64(n)/latenessFor.Seconds(), "escalations/s")
	for _, q := range []float64{0.5, 0.99, 0.999, 1} {
		b.ReportMetric(quantile(p.late, q).Seconds(), "p"+strconv.FormatFloat(100*q, 'g', -1, 64)+"-s")
	}
}

// bareRate lets callers commit batches, and returns how many a second.
func bareRate(b *testing.B, backend storage.Backend, batches []storage.Batch) float64 {
	var next atomic.Int64
	began := time.Now()
	parallel(benchCallers, func() {
		for i := int(next.Add(1)) - 1; i < len(batches); i = int(next.Add(1)) - 1 {
			if _, err := backend.Commit(b.Context(), batches[i]); err != nil {
				b.Error(err)
				return
			}
		}
	})
	return float64(len(batches)) / time.Since(began).Seconds()
}

// small returns batches of one record of 300 bytes.
func small(turn int) []storage.Batch {
	data := make([]byte, 300)
	batches := make([]storage.Batch, 30*benchCallers)
	for i := range batches {
		id := fmt.Sprintf("bare-%d-%d", turn, i)
		batches[i] = storage.Batch{ID: id, Writes: []storage.Write{{Key: storage.Key{Kind: "bare", ID: id}, Data: data}}}
	}
	return batches
}

// again returns what was kept of the commits as batches of records that are
// new, so that none has to wait for another: what the dispatcher's commits cost
// without the dispatcher.
func (c *counting) again(turn int) []storage.Batch {
	batches := slices.Clone(c.some)
	for i := range batches {
		b := &batches[i]
		b.ID, b.Checks, b.Writes = fmt.Sprintf("again-%d-%d", turn, i), nil, slices.Clone(b.Writes)
		for j := range b.Writes {
			w := &b.Writes[j]
			w.Key.Kind, w.Key.ID, w.Base = "again."+w.Key.Kind, fmt.Sprintf("%s-%d-%d", w.Key.ID, turn, i), 0
		}
	}
	return batches
}

func parallel(n int, do func()) {
	var all sync.WaitGroup
	for range n {
		all.Go(do)
	}
	all.Wait()
}

// quantile returns the smallest of sorted values that at least a share q does
// not exceed.
func quantile(sorted []time.Duration, q float64) time.Duration {
	if len(sorted) == 0 {
		return 0
	}
	i := int(math.Ceil(q * float64(len(sorted))))
	return sorted[min(max(i, 1), len(sorted))-1]
}
