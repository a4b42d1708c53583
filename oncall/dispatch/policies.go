package dispatch

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"

	"github.com/sre-sdk/sre"
	"github.com/sre-sdk/sre/oncall/escalation"
	"github.com/sre-sdk/sre/storage"
)

// policyKind is the kind of the records that keep versions of policies, each
// under its digest.
const policyKind = Kind + ".policy"

// cached returns the policy of a digest if this process has seen it.
func (d *Dispatcher) cached(digest escalation.Digest) *escalation.Compiled {
	d.mu.RLock()
	defer d.mu.RUnlock()
	return d.byDigest[digest]
}

// current returns the version of a policy with which escalations begin.
func (d *Dispatcher) current(id string) *escalation.Compiled {
	d.mu.RLock()
	defer d.mu.RUnlock()
	return d.inUse[id]
}

func (d *Dispatcher) isKept(digest escalation.Digest) bool {
	d.mu.RLock()
	defer d.mu.RUnlock()
	return d.kept[digest]
}

func (d *Dispatcher) remember(policy *escalation.Compiled, kept bool) {
	d.mu.Lock()
	defer d.mu.Unlock()
	d.byDigest[policy.Digest()] = policy
	if kept {
		d.kept[policy.Digest()] = true
	}
}

// keep makes a policy durable under its digest, before anything is pinned to it.
func (d *Dispatcher) keep(ctx context.Context, policy *escalation.Compiled) error {
	digest := policy.Digest()
	if d.isKept(digest) {
		return nil
	}
	key := storage.Key{Kind: policyKind, ID: digest.String()}
	_, records, err := d.c.Store.Get(ctx, key)
	if err != nil {
		return err
	}
	if !records[0].Exists() {
		data, err := escalation.EncodePolicy(policy.Policy())
		if err != nil {
			return fmt.Errorf("dispatch: %w", err)
		}
		base := records[0].Version
		_, err = d.c.Store.Commit(ctx, storage.Batch{ID: storage.BatchID(key, base, "keep"), Writes: []storage.Write{{Key: key, Base: base, Data: data}}})
		if err != nil && !errors.Is(err, storage.ErrConflict) { // somebody else was faster, with the same
			return err
		}
	}
	d.remember(policy, true)
	return nil
}

type envelope struct {
	Schema int             `json:"schema"`
	Data   json.RawMessage `json:"data"`
}

// errNoPolicy: the store has no policy of that digest, or this program cannot
// read it.
var errNoPolicy = errors.New("dispatch: the policy cannot be read")

// load returns the policy that is kept under a digest. Its own digest differs if
// this program has another form of policies than the one that kept it.
func (d *Dispatcher) load(ctx context.Context, digest escalation.Digest) (*escalation.Compiled, error) {
	if policy := d.cached(digest); policy != nil {
		return policy, nil
	}
	_, records, err := d.c.Store.Get(ctx, storage.Key{Kind: policyKind, ID: digest.String()})
	if err != nil {
		return nil, err
	}
	if !records[0].Exists() {
		return nil, fmt.Errorf("%w: %s is not in the store", errNoPolicy, digest)
	}
	plain, err := escalation.DecodePolicy(records[0].Data)
	if err != nil {
		return nil, fmt.Errorf("%w: %s: %w", errNoPolicy, digest, err)
	}
	policy, err := plain.Compile()
	if err != nil {
		return nil, fmt.Errorf("%w: %s: %w", errNoPolicy, digest, err)
	}
	d.remember(policy, policy.Digest() == digest)
	return policy, nil
}

// policyOf returns the policy that steps an input, kept in the store: the one
// that a Trigger or Edit names, else the one to which the escalation is pinned.
// Where that cannot be read, which only a program that was replaced by another
// can bring about, the version in use takes over, since an escalation that
// stands still is a page that is lost.
func (d *Dispatcher) policyOf(ctx context.Context, r record, in input) (*escalation.Compiled, error) {
	digest := r.State.Policy
	if in.Policy != nil && (begins(r, in.Event.Input) || kindOf(in.Event.Input) == "edit") {
		digest = *in.Policy
	}
	policy, err := d.load(ctx, digest)
	if errors.Is(err, errNoPolicy) {
		if inUse := d.current(r.PolicyID); inUse != nil {
			d.c.Log.Error("dispatch: the version in use takes over", "escalation", r.State.ID, "policy", r.PolicyID, "error", err)
			policy, err = inUse, nil
		}
	}
	if err != nil {
		return nil, err
	}
	return policy, d.keep(ctx, policy)
}

// Use makes a policy the version with which this process begins escalations.
// Those that run stay with theirs; see [Dispatcher.EditOpen].
func (d *Dispatcher) Use(ctx context.Context, policy *escalation.Compiled) error {
	if policy == nil {
		return fmt.Errorf("dispatch: %w", sre.NewProblem("policy", "missing", nil, "a compiled policy"))
	}
	if err := checkPolicy(policy); err != nil {
		return err
	}
	if err := d.keep(ctx, policy); err != nil {
		return err
	}
	d.mu.Lock()
	defer d.mu.Unlock()
	d.inUse[policy.Policy().ID] = policy
	return nil
}

// Policy returns the version of a policy with which this process begins
// escalations, or nil.
func (d *Dispatcher) Policy(id string) *escalation.Compiled { return d.current(id) }

// PolicyOf returns the version of a policy that is kept under a digest, such as
// that to which an escalation is pinned.
func (d *Dispatcher) PolicyOf(ctx context.Context, digest escalation.Digest) (*escalation.Compiled, error) {
	return d.load(ctx, digest)
}
