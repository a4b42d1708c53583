package incidentstore

import (
	"context"
	"crypto/rand"
	"encoding/hex"
	"log/slog"
	"time"

	"github.com/sre-sdk/sre"
	"github.com/sre-sdk/sre/incident"
	"github.com/sre-sdk/sre/storage"
	"github.com/sre-sdk/sre/storage/runner"
)

// Config says what a [Desk] keeps and whom it tells. Fields without a default
// are required.
type Config struct {
	Store  *storage.Store
	Policy *incident.Compiled

	// Channel, StatusPage and Tracker are told of what happens, in the order in
	// which it does, each at least once and with the same key when it is told
	// again. Nil: nobody is told there. They are the same for all processes on one
	// store.
	Channel    incident.Channel
	StatusPage incident.StatusPage
	Tracker    incident.Tracker

	// Ended is told how each obligation has ended: met, breached or canceled, in
	// the order of the log of an incident, at least once and with the same key when
	// told again. An error is tried again as runner.Config says, until a dead
	// letter; one for which errors.Is(err, incident.ErrPermanent) holds is one at
	// once. Use it to remind and to escalate. Nil: nobody is told, and the log has
	// it.
	Ended func(ctx context.Context, e Ending) error

	// Templates of updates by audience. Default: those of package incident.
	Templates map[incident.Audience]incident.Template

	// Zone is that of the times in updates. Default: UTC.
	Zone *time.Location

	// ChannelName names the channel of an incident. Default: "inc-" and its ID.
	ChannelName func(s *incident.State) string

	// Components are those of the status page that an update is about. Default:
	// none.
	Components func(s *incident.State) []incident.Component

	Concurrency int                       // calls of each of the above at the same time. Default: that of runner.Config
	Timeout     time.Duration             // of one of them. Default: likewise
	Lease       time.Duration             // after which another process calls. Default: likewise
	MaxAttempts int                       // until a dead letter. Default: likewise
	Backoff     func(n int) time.Duration // the pause after the n-th failure. Default: likewise
	Grace       time.Duration             // for calls under way when Run is stopped. Default: likewise

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
	Performed func(key string, attempt int) // somebody outside was told, and that is recorded
	Dead      func(DeadLetter)              // that was given up
	Failed    func(error)                   // something failed and will be tried again
}

// An Ending is how an obligation has ended.
type Ending struct {
	Key        string // the same whenever it is told again
	Obligation incident.Obligation
	State      incident.State // when it ended
}

func (c Config) withDefaults() Config {
	if c.Zone == nil {
		c.Zone = time.UTC
	}
	if c.ChannelName == nil {
		c.ChannelName = func(s *incident.State) string { return "inc-" + s.ID }
	}
	if c.Components == nil {
		c.Components = func(*incident.State) []incident.Component { return nil }
	}
	if c.Log == nil {
		c.Log = slog.New(slog.DiscardHandler)
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
	return c
}

// Validate reports every problem of the configuration.
func (c Config) Validate() error {
	var p sre.Problems
	if c.Policy == nil || c.Policy.Policy().ID == "" {
		p.Add("policy", "missing", nil, "a compiled policy")
	}
	for a := range c.Templates {
		if _, err := a.MarshalText(); err != nil {
			p.Merge("templates", err)
		}
	}
	d := &Desk{c: c.withDefaults()}
	p.Merge("", d.runnerConfig().Validate())
	return p.Err("incidentstore")
}

// runnerConfig returns the configuration of the machine's host.
func (d *Desk) runnerConfig() runner.Config[work, told] {
	c := d.c
	return runner.Config[work, told]{
		Store: c.Store, Machine: machine(),
		Handlers:    map[string]runner.Handler{laneNames[laneChannel]: d.handler(d.tellChannel), laneNames[lanePage]: d.handler(d.tellPage), laneNames[laneTicket]: d.handler(d.tellTracker), laneNames[laneEnds]: d.handler(d.tellEnded)},
		Concurrency: c.Concurrency, Timeout: c.Timeout, Lease: c.Lease, MaxAttempts: c.MaxAttempts, Backoff: c.Backoff, Grace: c.Grace,
		Hooks: runner.Hooks{Performed: d.performed, Dead: d.dead, Failed: c.Hooks.Failed},
		Log:   c.Log, Measure: c.Measure, Now: c.Now, NewID: c.NewID, Jitter: c.Jitter,
	}
}
