package intake

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"time"

	"github.com/sre-sdk/sre"
	"github.com/sre-sdk/sre/oncall/alert"
	"github.com/sre-sdk/sre/oncall/routing"
	"github.com/sre-sdk/sre/storage"
	"github.com/sre-sdk/sre/storage/runner"
)

// Pages is where pages go: a *dispatch.Dispatcher.
type Pages interface {
	// Take does what an effect asks for; the same effect may come any number of
	// times, and in any order. An sre.Problem of the code unknown_policy says that
	// there is no such policy. See dispatch.Dispatcher.Take.
	Take(ctx context.Context, policyID string, e alert.Effect) error
}

// A Ticket is what an alert becomes that does not page.
type Ticket struct {
	Owner  string       `json:"owner,omitempty"`  // the team, if the route names one
	Policy string       `json:"policy,omitempty"` // the escalation policy that the route names, if it does
	Route  string       `json:"route,omitempty"`
	Effect alert.Effect `json:"effect"` // Trigger opens the ticket Effect.Key, Update changes it, Resolve: nothing fires any more
}

// Config says what an [Intake] does. Fields without a default are required.
type Config struct {
	Store   *storage.Store
	Alerts  *alert.Compiled   // what makes a page
	Routing *routing.Compiled // whose page it is
	Pages   Pages

	// Tickets keeps tickets in a system for them. It is called at least once for
	// each Ticket.Effect.ID, in any order. An error means to try again.
	// Default: tickets are kept in the log only, as groups of [Intake.Groups].
	Tickets func(ctx context.Context, t Ticket) error

	Concurrency int           // groups at the same time, of one message and of what is due. Default: DefaultConcurrency
	Timeout     time.Duration // of one call of Pages or Tickets, and of reading facts. Default: 10 s

	// KeepEnded is for how long a group can be read of which nothing fires any
	// more, and for how long [Intake.Facts] looks back. Default: DefaultKeepEnded.
	KeepEnded time.Duration

	Grace time.Duration // for what is under way when Run is stopped. Default: 10 s

	Log     *slog.Logger                                   // default: nothing is logged
	Measure func(name string, v float64, labels ...string) // default: nothing is measured
	Now     func() time.Time                               // default: time.Now
	NewID   func() string                                  // default: 128 random bits in hex
	Jitter  func(time.Duration) time.Duration              // default: a random share of 50 % to 100 %
}

// Defaults of a configuration.
const (
	DefaultConcurrency = 32
	DefaultTimeout     = 10 * time.Second
	DefaultKeepEnded   = 30 * 24 * time.Hour
)

// minKeepEnded is longer than any alert policy remembers what is resolved by
// default, so that late statements are told.
const minKeepEnded = time.Hour

// manyAttempts is for weeks: what a page waits for is the store, or a policy that
// somebody must mend.
const (
	manyAttempts = 100_000
	maxBackoff   = 15 * time.Second
)

func (c Config) withDefaults() Config {
	if c.Concurrency == 0 {
		c.Concurrency = DefaultConcurrency
	}
	if c.Timeout == 0 {
		c.Timeout = DefaultTimeout
	}
	if c.KeepEnded == 0 {
		c.KeepEnded = DefaultKeepEnded
	}
	if c.Log == nil {
		c.Log = slog.New(slog.DiscardHandler)
	}
	if c.Now == nil {
		c.Now = time.Now
	}
	return c
}

func (c Config) check() error {
	var p sre.Problems
	if c.Store == nil {
		p.Add("store", "missing", nil, "a store, such as storage.NewMemory()")
	}
	if c.Pages == nil {
		p.Add("pages", "missing", nil, "a *dispatch.Dispatcher")
	}
	p.Merge("", checkPolicies(c.Alerts, c.Routing))
	if c.Concurrency < 1 || c.Concurrency > 1000 {
		p.Add("concurrency", "out_of_range", c.Concurrency, "1 to 1000")
	}
	if c.KeepEnded < minKeepEnded {
		p.Add("keep_ended", "out_of_range", c.KeepEnded, "at least "+minKeepEnded.String())
	}
	return p.Err("intake")
}

func checkPolicies(alerts *alert.Compiled, routes *routing.Compiled) error {
	var p sre.Problems
	if alerts == nil {
		p.Add("alerts", "missing", nil, "a compiled alert policy")
	}
	if routes == nil || routes.Policy().Default == "" {
		p.Add("routing", "missing", nil, "a compiled routing policy")
	}
	return p.Err("intake")
}

// New returns an Intake. The error carries every sre.Problem of the
// configuration. Nothing is read or written yet.
func New(c Config) (*Intake, error) {
	c = c.withDefaults()
	if err := c.check(); err != nil {
		return nil, err
	}
	x := &Intake{c: c, now: func() time.Time { return c.Now().Round(0).UTC() }, one: newLock()}
	for i := range x.turns {
		x.turns[i] = newLock()
	}
	x.policies.Store(newPolicies(c.Alerts, c.Routing))
	groups := runner.Config[record, input]{
		Store: c.Store, Machine: x.machine(), Handlers: map[string]runner.Handler{pageType: x.page, ticketType: x.ticket},
		Concurrency: c.Concurrency, Timeout: c.Timeout, KeepEnded: c.KeepEnded, Grace: c.Grace, MaxAttempts: manyAttempts,
		Backoff: func(n int) time.Duration { return min(time.Second<<min(n-1, 20), maxBackoff) },
		Log:     c.Log, Measure: c.Measure, Now: c.Now, NewID: c.NewID, Jitter: c.Jitter,
	}
	places := runner.Config[place, placing]{
		Store: c.Store, Machine: placeMachine(c.KeepEnded), KeepEnded: 2 * c.KeepEnded,
		Log: c.Log, Now: c.Now, NewID: c.NewID, Jitter: c.Jitter,
	}
	var errGroups, errPlaces error
	x.groups, errGroups = runner.New(groups)
	x.places, errPlaces = runner.New(places)
	if err := errors.Join(errGroups, errPlaces); err != nil {
		return nil, fmt.Errorf("intake: %w", err)
	}
	return x, nil
}
