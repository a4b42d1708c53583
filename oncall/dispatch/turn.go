package dispatch

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"hash/fnv"
	"slices"

	"github.com/sre-sdk/sre/oncall/escalation"
	"github.com/sre-sdk/sre/storage"
)

// turnKind is the kind of the records that count the escalations of a policy
// with a round robin, by the ID of the policy.
const turnKind = Kind + ".turn"

type turns struct {
	Next   uint64  `json:"next"`
	Recent []taken `json:"recent"` // so that a trigger that is tried again keeps its turn
}

// taken is the turn of one beginning of an escalation.
type taken struct {
	ID    string `json:"id"`
	Entry uint32 `json:"entry"` // before it began
	Turn  uint64 `json:"turn"`
}

// maxTaken is how many turns are remembered by whose they are.
const maxTaken = 64

// turn takes the next turn in the round robins of a policy. Where very many
// processes want one at the same instant it takes one by chance: better paged
// out of turn than not.
func (d *Dispatcher) turn(ctx context.Context, policy *escalation.Compiled, s escalation.State, id string) (uint64, error) {
	if !hasRoundRobin(policy.Policy()) {
		return 0, nil
	}
	one, _ := d.turns.LoadOrStore(policy.Policy().ID, newLock())
	if err := one.(lock).take(ctx); err != nil {
		return 0, err
	}
	defer one.(lock).free()
	key := storage.Key{Kind: turnKind, ID: policy.Policy().ID}
	var mine uint64
	_, err := d.c.Store.Update(ctx, "turn of "+id, []storage.Key{key}, func(now []storage.Record) (storage.Change, error) {
		var t turns
		if now[0].Exists() {
			var e envelope
			err := json.Unmarshal(now[0].Data, &e)
			if err == nil && e.Schema != 1 {
				err = fmt.Errorf("schema %d is of a newer program", e.Schema)
			}
			if err == nil {
				err = json.Unmarshal(e.Data, &t)
			}
			if err != nil {
				return storage.Change{}, fmt.Errorf("dispatch: decoding %s: %w", key, err)
			}
		}
		if i := slices.IndexFunc(t.Recent, func(k taken) bool { return k.ID == id && k.Entry == s.Entry }); i >= 0 {
			mine = t.Recent[i].Turn
			return storage.Change{}, nil
		}
		mine = t.Next
		t.Next++
		t.Recent = append(t.Recent[max(0, len(t.Recent)-maxTaken+1):], taken{id, s.Entry, mine})
		data, err := json.Marshal(t)
		if err == nil {
			data, err = json.Marshal(envelope{1, data})
		}
		return storage.Change{Writes: []storage.Write{{Key: key, Data: data}}}, err
	})
	if err != nil && ctx.Err() == nil && !errors.Is(err, storage.ErrUnavailable) {
		d.c.Log.Warn("dispatch: a round robin is out of turn", "policy", policy.Policy().ID, "escalation", id, "error", err)
		h := fnv.New64a()
		_, _ = h.Write([]byte(id))
		return h.Sum64(), nil
	}
	return mine, err
}

// lock is held by one at a time, while it asks the store: whoever waits for it
// can go away.
type lock chan struct{}

func newLock() lock { return make(lock, 1) }

func (l lock) take(ctx context.Context) error {
	select {
	case l <- struct{}{}:
		return nil
	case <-ctx.Done():
		return fmt.Errorf("dispatch: %w", ctx.Err())
	}
}

func (l lock) free() { <-l }

func hasRoundRobin(p escalation.Policy) bool {
	return slices.ContainsFunc(p.Levels, func(l escalation.Level) bool {
		return slices.ContainsFunc(l.Targets, func(t escalation.Target) bool { return t.Kind == escalation.TargetRoundRobin })
	})
}
