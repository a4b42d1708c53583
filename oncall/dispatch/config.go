package dispatch

import (
	"context"
	"encoding/json"
	"fmt"
	"log/slog"
	"maps"
	"slices"
	"time"

	"github.com/sre-sdk/sre"
	"github.com/sre-sdk/sre/oncall"
	"github.com/sre-sdk/sre/oncall/escalation"
	"github.com/sre-sdk/sre/storage"
	"github.com/sre-sdk/sre/storage/runner"
)

// Defaults of a configuration.
const (
	DefaultConcurrency  = 64
	DefaultTimeout      = 10 * time.Second
	DefaultMaxAttempts  = 6 // 16 to 31 s with the default Backoff and Jitter, and what the attempts take
	DefaultMaxBackoff   = 30 * time.Second
	DefaultKeepResolved = 30 * 24 * time.Hour
)

// MaxPolicy is the largest policy, in bytes of its JSON.
const MaxPolicy = 256 << 10

// Config says what a [Dispatcher] runs. Fields without a default are required.
type Config struct {
	Store *storage.Store

	// Pager delivers. Pagers, if it has the kind of a contact, comes first.
	// Required unless Pagers has every kind in use; a kind without pager is a dead
	// letter.
	Pager  oncall.Pager
	Pagers map[oncall.ContactKind]oncall.Pager

	// Policies are those with which new escalations begin, one version of each.
	// [Dispatcher.Use] adds and replaces some later.
	Policies []*escalation.Compiled

	// Directory says who is on call. It is asked while a step is prepared, from
	// several goroutines, so it should answer from memory; what it says is kept in
	// the log with the step. Its method Load is not asked: see Load below.
	Directory escalation.Directory

	// Person returns a person with the contacts. known is false if there is no such
	// person, which makes the delivery a dead letter; an error means that it cannot
	// be said now, and the delivery is tried again. Default: the method Person of
	// Directory, which *escalation.CompiledRoster has.
	Person func(ctx context.Context, id string) (p oncall.Person, known bool, err error)

	// Load returns how many escalations a person has open, beside the given one.
	// Default: [Dispatcher.Load], as of the log when the step is prepared.
	Load func(ctx context.Context, person, except string) (open int, err error)

	// Link returns what Delivery.Link is. Default: the Link of the trigger. With
	// Links.Page it is a link with which the person can acknowledge.
	Link func(p Page) string

	Concurrency int                       // deliveries of each kind, and steps, at the same time. Default: DefaultConcurrency
	Timeout     time.Duration             // of one call of a Pager. Default: DefaultTimeout
	Lease       time.Duration             // after which another process sends what this one may have sent; see runner.Config. Default: twice Timeout
	MaxAttempts int                       // until a dead letter. Default: DefaultMaxAttempts
	Backoff     func(n int) time.Duration // the pause after the n-th failure. Default: 1 s, doubled, at most DefaultMaxBackoff

	KeepResolved time.Duration // for how long a resolved escalation can be read. Default: DefaultKeepResolved
	KeepDone     time.Duration // for how long the record of a delivery is kept. Default: 24 h
	Grace        time.Duration // for deliveries under way when Run is stopped. Default: 10 s

	Hooks Hooks

	Log     *slog.Logger                                   // default: nothing is logged
	Measure func(name string, v float64, labels ...string) // default: nothing is measured
	Now     func() time.Time                               // default: time.Now
	NewID   func() string                                  // default: 128 random bits in hex
	Jitter  func(time.Duration) time.Duration              // default: a random share of 50 % to 100 %
}

// Hooks are called as things happen, from several goroutines. They must be
// quick, and may each be nil. They only observe: a process that dies may miss a
// call.
type Hooks struct {
	Delivered func(key string, attempt int) // a delivery was accepted, and that is recorded
	Dead      func(DeadLetter)              // one was given up
	Failed    func(error)                   // something failed and will be tried again: the store, or a step
}

// A Page is a delivery for which Config.Link is asked.
type Page struct {
	Escalation string
	Person     string
	Level      string
	At         time.Time // when the page was due; the same whenever the delivery is sent again
	Link       string    // of the trigger
}

func (c Config) withDefaults() Config {
	if c.Person == nil {
		if d, ok := c.Directory.(interface {
			Person(id string) (oncall.Person, bool)
		}); ok {
			c.Person = func(_ context.Context, id string) (oncall.Person, bool, error) {
				p, known := d.Person(id)
				return p, known, nil
			}
		}
	}
	if c.Link == nil {
		c.Link = func(p Page) string { return p.Link }
	}
	if c.Concurrency == 0 {
		c.Concurrency = DefaultConcurrency
	}
	if c.Timeout == 0 {
		c.Timeout = DefaultTimeout
	}
	if c.MaxAttempts == 0 {
		c.MaxAttempts = DefaultMaxAttempts
	}
	if c.Backoff == nil {
		c.Backoff = func(n int) time.Duration { return min(time.Second<<min(n-1, 20), DefaultMaxBackoff) }
	}
	if c.KeepResolved == 0 {
		c.KeepResolved = DefaultKeepResolved
	}
	if c.Now == nil {
		c.Now = time.Now
	}
	if c.Log == nil {
		c.Log = slog.New(slog.DiscardHandler)
	}
	c.Pagers = maps.Clone(c.Pagers)
	c.Policies = slices.Clone(c.Policies)
	return c
}

// check reports what the runner's own validation does not.
func (c Config) check() error {
	var p sre.Problems
	if c.Pager == nil && len(c.Pagers) == 0 {
		p.Add("pager", "missing", nil, "an oncall.Pager")
	}
	for kind, pager := range c.Pagers {
		if pager == nil {
			p.Add(fmt.Sprintf("pagers[%q]", kind), "missing", nil, "an oncall.Pager")
		}
	}
	if c.Directory == nil {
		p.Add("directory", "missing", nil, "an escalation.Directory, such as an *escalation.CompiledRoster")
	}
	if c.Person == nil {
		p.Add("person", "missing", nil, "a function, or a directory with a method Person(id string) (oncall.Person, bool)")
	}
	if len(c.Policies) == 0 {
		p.Add("policies", "missing", nil, "at least one policy")
	}
	seen := map[string]bool{}
	for i, policy := range c.Policies {
		path := fmt.Sprintf("policies[%d]", i)
		if policy == nil {
			p.Add(path, "missing", nil, "a compiled policy")
			continue
		}
		id := policy.Policy().ID
		if seen[id] {
			p.Add(path+".id", "duplicate", id, "one version of each policy")
		}
		seen[id] = true
		p.Merge(path, checkPolicy(policy))
	}
	return p.Err("dispatch")
}

// checkPolicy reports a policy that cannot be kept.
func checkPolicy(policy *escalation.Compiled) error {
	var p sre.Problems
	p.CheckID("id", policy.Policy().ID) // the zero Compiled has none
	if data, err := json.Marshal(policy.Policy()); err != nil {
		p.Merge("", err)
	} else if len(data) > MaxPolicy {
		p.Add("", "too_large", len(data), fmt.Sprintf("at most %d bytes as JSON", MaxPolicy))
	}
	return p.Err("dispatch")
}

// runnerConfig returns the configuration of the machine's host.
func (d *Dispatcher) runnerConfig() runner.Config[record, input] {
	c := d.c
	handlers := map[string]runner.Handler{anyWay: d.deliver}
	for _, kind := range contactKinds {
		handlers[string(kind)] = d.deliver
	}
	return runner.Config[record, input]{
		Store: c.Store, Machine: d.machine(), Handlers: handlers,
		Concurrency: c.Concurrency, Timeout: c.Timeout, Lease: c.Lease, MaxAttempts: c.MaxAttempts, Backoff: c.Backoff,
		KeepDone: c.KeepDone, KeepEnded: c.KeepResolved, Grace: c.Grace,
		Hooks: runner.Hooks{Performed: d.delivered, Dead: d.dead, Failed: c.Hooks.Failed},
		Log:   c.Log, Measure: c.Measure, Now: c.Now, NewID: c.NewID, Jitter: c.Jitter,
	}
}
