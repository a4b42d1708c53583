package dispatch_test

import (
	"context"
	"fmt"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/sre-sdk/sre/oncall"
	"github.com/sre-sdk/sre/oncall/dispatch"
	"github.com/sre-sdk/sre/oncall/escalation"
	"github.com/sre-sdk/sre/storage"
)

// counting counts what is committed, and remembers the shape of it.
type counting struct {
	storage.Backend
	commits atomic.Int64
	mu      sync.Mutex
	shapes  [][]int // of each commit the bytes of its note and of its writes
}

func (c *counting) Commit(ctx context.Context, b storage.Batch) (storage.Pos, error) {
	shape := []int{len(b.Note)}
	for _, w := range b.Writes {
		shape = append(shape, len(w.Data))
	}
	pos, err := c.Backend.Commit(ctx, b)
	if err == nil {
		c.commits.Add(1)
		c.mu.Lock()
		defer c.mu.Unlock()
		c.shapes = append(c.shapes, shape)
	}
	return pos, err
}

// BenchmarkDispatch is one escalation that is due, of many: found, stepped to
// the next level, its page claimed, delivered by a pager that does nothing, and
// recorded. It reports them in a second, the commits that they took in a second,
// and, in the same run, what the bare store commits with 64 callers: single
// records of 300 bytes (bare), and batches of the very sizes that the dispatcher
// committed (alike).
func BenchmarkDispatch(b *testing.B) {
	b.Run("memory", func(b *testing.B) { benchDispatch(b, storage.NewMemoryBackend()) })
}

func benchDispatch(b *testing.B, bare storage.Backend) {
	b.ReportAllocs()
	backend := &counting{Backend: bare}
	var ahead atomic.Int64 // the clock, before that of the machine
	var left atomic.Int64
	var stop context.CancelFunc
	person := func(id string) oncall.Person {
		return oncall.Person{ID: id, Contacts: []oncall.Contact{{ID: "push", Kind: oncall.Push, Address: id}}}
	}
	d, err := dispatch.New(dispatch.Config{
		Store: storage.New(backend), Directory: roster(b, person("alice"), person("bob"), person("boss")),
		Policies: []*escalation.Compiled{twoLevels().MustCompile()}, Concurrency: 64,
		Now:   func() time.Time { return time.Now().Add(time.Duration(ahead.Load())) },
		Pager: oncall.PagerFunc(func(context.Context, oncall.Delivery) (oncall.Receipt, error) { return oncall.Receipt{ID: "1"}, nil }),
		Hooks: dispatch.Hooks{Delivered: func(string, int) {
			if left.Add(-1) == 0 {
				stop()
			}
		}},
	})
	if err != nil {
		b.Fatal(err)
	}
	run := func() {
		var ctx context.Context
		ctx, stop = context.WithCancel(context.Background())
		left.Store(int64(b.N))
		if err := d.Run(ctx); err != nil {
			b.Fatal(err)
		}
	}
	for i := range b.N {
		if _, err := d.Trigger(b.Context(), "db", escalation.Trigger{ID: fmt.Sprint("x", i), Severity: 1, Title: "no primary"}); err != nil {
			b.Fatal(err)
		}
	}
	run() // the first pages
	ahead.Add(int64(5 * time.Minute))
	backend.commits.Store(0)
	backend.shapes = nil
	b.ResetTimer()
	run() // the second level
	b.StopTimer()
	took := b.Elapsed().Seconds()
	commits := float64(backend.commits.Load()) / took
	grouped := bareRate(b, bare, "bare", [][]int{{0, 300}})
	alike := bareRate(b, bare, "alike", backend.shapes)
	b.ReportMetric(float64(b.N)/took, "escalations/s")
	b.ReportMetric(commits, "commits/s")
	b.ReportMetric(grouped, "bare-commits/s")
	b.ReportMetric(commits/grouped, "of-bare")
	b.ReportMetric(commits/alike, "of-alike")
}

// bareRate lets 64 callers commit new records of those shapes, and returns how
// many commits a second that makes.
func bareRate(b *testing.B, backend storage.Backend, kind string, shapes [][]int) float64 {
	const callers = 64
	each := max(b.N/callers, 50)
	data := make([]byte, storage.MaxBatch)
	var all sync.WaitGroup
	began := time.Now()
	for c := range callers {
		all.Go(func() {
			for i := range each {
				shape := shapes[(c*each+i)%len(shapes)]
				batch := storage.Batch{ID: fmt.Sprintf("%s-%d-%d-%d", kind, b.N, c, i), Note: data[:shape[0]]}
				for n, size := range shape[1:] {
					key := storage.Key{Kind: kind, ID: fmt.Sprintf("%d-%d-%d-%d", b.N, c, i, n)}
					batch.Writes = append(batch.Writes, storage.Write{Key: key, Data: data[:size]})
				}
				if _, err := backend.Commit(context.Background(), batch); err != nil {
					b.Error(err)
				}
			}
		})
	}
	all.Wait()
	return float64(callers*each) / time.Since(began).Seconds()
}
