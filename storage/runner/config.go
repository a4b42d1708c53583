package runner

import (
	"crypto/rand"
	"encoding/hex"
	"fmt"
	"io"
	"log/slog"
	"maps"
	mathrand "math/rand/v2"
	"slices"
	"strings"
	"time"

	"github.com/sre-sdk/sre"
	"github.com/sre-sdk/sre/storage"
)

// Config says what a [Runner] hosts and how. Fields without a default are
// required.
type Config[S, I any] struct {
	Store    *storage.Store
	Machine  Machine[S, I]
	Handlers map[string]Handler // by the type of effect

	// Concurrency is how many effects of each type this process performs, and how
	// many states it steps, at the same time; nothing is claimed that could not
	// start at once. A type never takes the place of another: a receiver that
	// hangs holds back its own effects only. Default: 8.
	Concurrency int

	// Timeout bounds one call of a handler, or of Machine.Prepare, through its
	// context. Default: 30 s.
	Timeout time.Duration

	// Lease is for how long a claim holds: after it another process may perform
	// the effect. It must exceed Timeout by more than the clocks of the processes
	// differ and a commit takes, or effects are doubled. Default: twice Timeout.
	Lease time.Duration

	// MaxAttempts is after how many failures an effect becomes a dead letter.
	// Default: 10, which is 4 to 9 minutes with the default Backoff and Jitter. An
	// effect is given up, too, when 10 claims more than that have ended without
	// outcome: it may be what ends the processes.
	MaxAttempts int

	// Backoff is the pause after the n-th failure (1, 2, ...), to which Jitter is
	// applied. Default: 1 s, doubled each time, at most 5 minutes.
	Backoff func(n int) time.Duration

	// KeepDone is for how long a performed effect is kept, with its receipt. An
	// effect of the same ID that comes later is performed again. Default: 24 h.
	KeepDone time.Duration

	// KeepEnded is for how long a state that Machine.Ended reports is kept after
	// its latest step. It should exceed what inputs may be late by and what its
	// last effects may take, whose results would begin a state anew. Default: 30
	// days.
	KeepEnded time.Duration

	// Grace is how long running handlers have to end when Run is stopped, before
	// their contexts are canceled. An effect whose handler fails then is due at
	// once for another process. Default: 10 s.
	Grace time.Duration

	Hooks Hooks

	Log     *slog.Logger                                   // default: nothing is logged
	Measure func(name string, v float64, labels ...string) // default: nothing is measured; labels are name, value, ...
	Now     func() time.Time                               // default: time.Now
	NewID   func() string                                  // default: 128 random bits in hex
	Jitter  func(time.Duration) time.Duration              // default: a random share of 50 % to 100 %
}

// Hooks are called as things happen, from several goroutines. They must be
// quick; a panic in one is logged. Each may be nil. They only observe: a process
// that dies, or whose store answers after an unknown outcome, may miss a call.
type Hooks struct {
	Stepped   func(id string, version storage.Version) // a state was committed
	Performed func(e Effect, attempt int)              // an effect was done, recorded, and the machine told
	Skipped   func(e Effect)                           // one was no longer wanted, and recorded without being performed
	Retrying  func(e Effect, attempt int, err error)   // one failed and will be tried again
	Dead      func(e Effect, err error)                // one became a dead letter; the text of the last failure
	Refused   func(e Effect, err error)                // the machine refused to be told how one ended; it is recorded all the same
	Failed    func(err error)                          // the store failed, or something could not be processed; it is tried again
}

// maxBackoff bounds the default Backoff.
const maxBackoff = 5 * time.Minute

func (c Config[S, I]) withDefaults() Config[S, I] {
	if c.Concurrency == 0 {
		c.Concurrency = 8
	}
	if c.Timeout == 0 {
		c.Timeout = 30 * time.Second
	}
	if c.Lease == 0 {
		c.Lease = 2 * c.Timeout
	}
	if c.MaxAttempts == 0 {
		c.MaxAttempts = 10
	}
	if c.Backoff == nil {
		c.Backoff = func(n int) time.Duration { return min(time.Second<<min(n-1, 20), maxBackoff) }
	}
	if c.KeepDone == 0 {
		c.KeepDone = 24 * time.Hour
	}
	if c.KeepEnded == 0 {
		c.KeepEnded = 30 * 24 * time.Hour
	}
	if c.Grace == 0 {
		c.Grace = 10 * time.Second
	}
	if c.Log == nil {
		c.Log = slog.New(slog.NewTextHandler(io.Discard, &slog.HandlerOptions{Level: slog.Level(127)}))
	}
	if c.Measure == nil {
		c.Measure = func(string, float64, ...string) {}
	}
	if c.Now == nil {
		c.Now = time.Now
	}
	if c.NewID == nil {
		c.NewID = func() string {
			var id [16]byte
			rand.Read(id[:])
			return hex.EncodeToString(id[:])
		}
	}
	if c.Jitter == nil {
		c.Jitter = func(d time.Duration) time.Duration { return d/2 + mathrand.N(d/2+1) }
	}
	return c
}

// Validate reports every problem of the configuration at once.
func (c Config[S, I]) Validate() error {
	var p sre.Problems
	c = c.withDefaults()
	if c.Store == nil {
		p.Add("store", "missing", nil, "a store, such as storage.NewMemory()")
	}
	p.CheckID("machine.kind", c.Machine.Kind)
	if c.Machine.Step == nil {
		p.Add("machine.step", "missing", nil, "a step function")
	}
	if c.Machine.NextDue == nil {
		p.Add("machine.next_due", "missing", nil, "a function; return the zero time if nothing is ever due")
	}
	for _, suffix := range []string{".effect", ".dead"} {
		if strings.HasSuffix(c.Machine.Kind, suffix) {
			p.Add("machine.kind", "reserved", c.Machine.Kind, "a kind that does not end in "+suffix+", as the records of another machine may")
		}
	}
	for _, name := range slices.Sorted(maps.Keys(c.Handlers)) {
		path := fmt.Sprintf("handlers[%q]", name)
		p.CheckID(path, name)
		if c.Handlers[name] == nil {
			p.Add(path, "missing", nil, "a handler")
		}
	}
	if c.Concurrency < 1 || c.Concurrency > 1000 {
		p.Add("concurrency", "out_of_range", c.Concurrency, "1 to 1000")
	}
	if c.Timeout < 0 {
		p.Add("timeout", "out_of_range", c.Timeout, "a positive duration")
	}
	if c.Lease <= c.Timeout {
		p.Add("lease", "out_of_range", c.Lease, "more than timeout, or effects are doubled while they run")
	}
	if c.MaxAttempts < 1 {
		p.Add("max_attempts", "out_of_range", c.MaxAttempts, "at least 1")
	}
	for _, d := range []struct {
		path string
		d    time.Duration
	}{{"keep_done", c.KeepDone}, {"keep_ended", c.KeepEnded}, {"grace", c.Grace}} {
		if d.d < 0 {
			p.Add(d.path, "out_of_range", d.d, "a positive duration")
		}
	}
	return p.Err("runner")
}
