package storagetest

import (
	"context"
	"fmt"
	"hash/fnv"
	"math/rand/v2"
	"sync"
	"sync/atomic"
	"time"

	"github.com/sre-sdk/sre/storage"
)

// FaultOptions say how often a [Faulty] backend fails. A probability of 0 means
// the default, a negative one never.
type FaultOptions struct {
	Before    float64 // a call fails with ErrUnavailable and has no effect. Default: 0.1
	After     float64 // a Commit or Trim takes effect and fails with ErrUnavailable. Default: 0.1
	Duplicate float64 // a Commit reaches the backend twice, at once or one after the other. Default: 0.1
	EarlyWait float64 // a Wait returns at once, for no reason. Default: 0.2
	Delay     float64 // a call is delayed, before or after it takes effect. Default: 0.2

	MaxDelay time.Duration // of a delayed call. Default: 2 ms

	// Sleep waits for d, or less if ctx is done. Default: a timer, which takes no
	// time in a synctest bubble.
	Sleep func(ctx context.Context, d time.Duration)
}

func (o FaultOptions) withDefaults() FaultOptions {
	for p, chance := range map[*float64]float64{&o.Before: 0.1, &o.After: 0.1, &o.Duplicate: 0.1, &o.EarlyWait: 0.2, &o.Delay: 0.2} {
		if *p == 0 {
			*p = chance
		}
	}
	if o.MaxDelay == 0 {
		o.MaxDelay = 2 * time.Millisecond
	}
	if o.Sleep == nil {
		o.Sleep = sleep
	}
	return o
}

func sleep(ctx context.Context, d time.Duration) {
	timer := time.NewTimer(d)
	defer timer.Stop()
	select {
	case <-timer.C:
	case <-ctx.Done():
	}
}

// A FaultyBackend is what [Faulty] returns. It keeps the contract, for a caller
// who commits again what came out unknown.
type FaultyBackend struct {
	backend storage.Backend
	seed    uint64
	o       FaultOptions
	calm    atomic.Bool
	faults  atomic.Int64

	mu    sync.Mutex
	calls map[string]uint64 // how often each call was made
}

// Faulty returns a backend that stands before b like a bad network. What
// happens to a call depends on the seed, on what the call is (for a Commit, its
// ID) and on how often it was made, and so not on what else goes on.
func Faulty(b storage.Backend, seed uint64, o FaultOptions) *FaultyBackend {
	return &FaultyBackend{backend: b, seed: seed, o: o.withDefaults(), calls: map[string]uint64{}}
}

// Calm ends the faults.
func (f *FaultyBackend) Calm() { f.calm.Store(true) }

// Faults returns how many calls have failed, come twice or come back early so
// far: a test that wants faults should see some.
func (f *FaultyBackend) Faults() int { return int(f.faults.Load()) }

// dice returns the random numbers that decide about this call.
func (f *FaultyBackend) dice(call string) *dice {
	h := fnv.New64a()
	_, _ = h.Write([]byte(call))
	f.mu.Lock()
	defer f.mu.Unlock()
	n := f.calls[call]
	f.calls[call]++
	return &dice{f, rand.New(rand.NewPCG(f.seed^h.Sum64(), n))}
}

type dice struct {
	*FaultyBackend
	rng *rand.Rand
}

// roll reports whether a fault of that probability happens now. It always draws,
// so that one fault does not depend on another's probability.
func (d *dice) roll(probability float64) bool {
	return d.rng.Float64() < probability && !d.calm.Load()
}

func (d *dice) fault(probability float64) bool {
	happens := d.roll(probability)
	if happens {
		d.faults.Add(1)
	}
	return happens
}

func (d *dice) delay(ctx context.Context) {
	long := time.Duration(d.rng.Int64N(int64(d.o.MaxDelay) + 1))
	if d.roll(d.o.Delay) {
		d.o.Sleep(ctx, long)
	}
}

// before is what may happen to every call on its way.
func (d *dice) before(ctx context.Context, call string) error {
	d.delay(ctx)
	if err := ctx.Err(); err != nil {
		return fmt.Errorf("storage: %s: %w", call, err)
	}
	if d.fault(d.o.Before) {
		return fmt.Errorf("storage: %s: %w: injected, before it took effect", call, storage.ErrUnavailable)
	}
	return nil
}

func (d *dice) after(ctx context.Context, call string) error {
	d.delay(ctx)
	if d.fault(d.o.After) {
		return fmt.Errorf("storage: %s: %w: injected, after it took effect", call, storage.ErrUnavailable)
	}
	return nil
}

func (f *FaultyBackend) Commit(ctx context.Context, b storage.Batch) (storage.Pos, error) {
	d := f.dice("Commit " + b.ID)
	if err := d.before(ctx, "Commit"); err != nil {
		return 0, err
	}
	pos, err := d.commit(ctx, b)
	if lost := d.after(ctx, "Commit"); lost != nil {
		return 0, lost
	}
	return pos, err
}

// commit commits once or twice. Of two answers either will do: who sent the
// batch cannot know which of the copies is answered.
func (d *dice) commit(ctx context.Context, b storage.Batch) (storage.Pos, error) {
	if !d.fault(d.o.Duplicate) {
		return d.backend.Commit(ctx, b)
	}
	if d.roll(0.5) {
		done := make(chan struct{})
		go func() {
			defer close(done)
			_, _ = d.backend.Commit(ctx, b)
		}()
		pos, err := d.backend.Commit(ctx, b)
		<-done
		return pos, err
	}
	_, _ = d.backend.Commit(ctx, b)
	return d.backend.Commit(ctx, b)
}

func (f *FaultyBackend) Get(ctx context.Context, keys ...storage.Key) (storage.Pos, []storage.Record, error) {
	if err := f.read(ctx, "Get", keys); err != nil {
		return 0, nil, err
	}
	return f.backend.Get(ctx, keys...)
}

// read is what may happen to a call that changes nothing.
func (f *FaultyBackend) read(ctx context.Context, call string, args any) error {
	return f.dice(fmt.Sprint(call, args)).before(ctx, call)
}

func (f *FaultyBackend) List(ctx context.Context, kind, after string, limit int) ([]storage.Record, error) {
	if err := f.read(ctx, "List", kind+after); err != nil {
		return nil, err
	}
	return f.backend.List(ctx, kind, after, limit)
}

func (f *FaultyBackend) Due(ctx context.Context, kind string, now time.Time, limit int) ([]storage.Record, error) {
	if err := f.read(ctx, "Due", kind); err != nil {
		return nil, err
	}
	return f.backend.Due(ctx, kind, now, limit)
}

func (f *FaultyBackend) History(ctx context.Context, key storage.Key, after storage.Version, limit int) ([]storage.Record, error) {
	if err := f.read(ctx, "History", key); err != nil {
		return nil, err
	}
	return f.backend.History(ctx, key, after, limit)
}

func (f *FaultyBackend) Log(ctx context.Context, after storage.Pos, limit int) ([]storage.Entry, error) {
	if err := f.read(ctx, "Log", after); err != nil {
		return nil, err
	}
	return f.backend.Log(ctx, after, limit)
}

func (f *FaultyBackend) Wait(ctx context.Context, after storage.Pos) error {
	d := f.dice(fmt.Sprint("Wait ", after))
	if err := d.before(ctx, "Wait"); err != nil {
		return err
	}
	if d.fault(d.o.EarlyWait) {
		return ctx.Err()
	}
	return f.backend.Wait(ctx, after)
}

func (f *FaultyBackend) Trim(ctx context.Context, before storage.Pos) error {
	d := f.dice(fmt.Sprint("Trim ", before))
	if err := d.before(ctx, "Trim"); err != nil {
		return err
	}
	err := f.backend.Trim(ctx, before)
	if lost := d.after(ctx, "Trim"); lost != nil {
		return lost
	}
	return err
}

func (f *FaultyBackend) Close() error { return f.backend.Close() }
