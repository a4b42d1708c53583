package dispatch

import (
	"context"
	"encoding/json"
	"fmt"
	"sync"

	"github.com/sre-sdk/sre/oncall/escalation"
	"github.com/sre-sdk/sre/storage"
	"github.com/sre-sdk/sre/storage/runner"
)

// A Dispatcher runs escalations. It is safe for concurrent use. Commands and
// reads work whether or not Run runs, in this process or another.
type Dispatcher struct {
	c      Config
	runner *runner.Runner[record, input]
	turns  sync.Map // of lock, by the ID of the policy: turns are taken one at a time
	index  index

	mu       sync.RWMutex
	inUse    map[string]*escalation.Compiled // by ID
	byDigest map[escalation.Digest]*escalation.Compiled
	kept     map[escalation.Digest]bool // that are in the store
}

// New returns a Dispatcher. The error carries every sre.Problem of the
// configuration. Nothing is read or written yet.
func New(c Config) (*Dispatcher, error) {
	c = c.withDefaults()
	if err := c.check(); err != nil {
		return nil, err
	}
	d := &Dispatcher{c: c, index: index{one: newLock()}, inUse: map[string]*escalation.Compiled{},
		byDigest: map[escalation.Digest]*escalation.Compiled{}, kept: map[escalation.Digest]bool{}}
	for _, policy := range c.Policies {
		d.inUse[policy.Policy().ID] = policy
		d.byDigest[policy.Digest()] = policy
	}
	var err error
	if d.runner, err = runner.New(d.runnerConfig()); err != nil {
		return nil, fmt.Errorf("dispatch: %w", err)
	}
	return d, nil
}

// Run steps what is due and delivers until ctx is done, and returns nil then.
// Any number of processes may run over one store.
func (d *Dispatcher) Run(ctx context.Context) error { return d.runner.Run(ctx) }

// An Escalation is one escalation as it stands.
type Escalation struct {
	ID       string
	PolicyID string
	State    escalation.State
}

type escalationJSON struct {
	ID       string           `json:"id"`
	PolicyID string           `json:"policy_id"`
	State    escalation.State `json:"state"`
}

// MarshalJSON returns {"id":..., "policy_id":..., "state":...}.
func (e Escalation) MarshalJSON() ([]byte, error) { return json.Marshal(escalationJSON(e)) }

// UnmarshalJSON reads what MarshalJSON wrote.
func (e *Escalation) UnmarshalJSON(data []byte) error {
	return json.Unmarshal(data, (*escalationJSON)(e))
}

// Get returns an escalation and whether there is one of that ID.
func (d *Dispatcher) Get(ctx context.Context, id string) (Escalation, bool, error) {
	r, ok, err := d.runner.Get(ctx, id)
	return Escalation{id, r.PolicyID, r.State}, ok, err
}

// states decodes records as the runner writes them.
var states = storage.Schema{Kind: Kind}

// decode returns the escalation that a record holds.
func decode(rec storage.Record) (Escalation, error) {
	var e envelope
	if err := json.Unmarshal(rec.Data, &e); err != nil {
		return Escalation{}, fmt.Errorf("dispatch: decoding %s: %w", rec.Key, err)
	}
	data, err := states.Upgrade(e.Schema, e.Data)
	if err != nil {
		return Escalation{}, err
	}
	var r record
	if err := json.Unmarshal(data, &r); err != nil {
		return Escalation{}, fmt.Errorf("dispatch: decoding %s: %w", rec.Key, err)
	}
	return Escalation{rec.Key.ID, r.PolicyID, r.State}, nil
}
