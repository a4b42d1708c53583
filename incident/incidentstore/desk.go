package incidentstore

import (
	"context"
	"errors"
	"fmt"
	"iter"
	"time"

	"github.com/sre-sdk/sre"
	"github.com/sre-sdk/sre/incident"
	"github.com/sre-sdk/sre/storage"
	"github.com/sre-sdk/sre/storage/runner"
)

// A Desk keeps incidents. It is safe for concurrent use. Commands and reads work
// whether or not Run runs, in this process or another.
type Desk struct {
	c       Config
	records *storage.Collection[record]
	runner  *runner.Runner[work, told]
}

// New returns a Desk. The error carries every sre.Problem of the configuration.
// Nothing is read or written yet.
func New(c Config) (*Desk, error) {
	if err := c.Validate(); err != nil {
		return nil, err
	}
	d := &Desk{c: c.withDefaults(), records: storage.NewCollection[record](c.Store, storage.Schema{Kind: Kind})}
	var err error
	if d.runner, err = runner.New(d.runnerConfig()); err != nil {
		return nil, fmt.Errorf("incidentstore: %w", err)
	}
	return d, nil
}

// now returns the time as it will be read back from the store.
func (d *Desk) now() time.Time { return d.c.Now().Round(0).UTC() }

// Get returns an incident and whether there is one of that ID.
func (d *Desk) Get(ctx context.Context, id string) (s incident.State, ok bool, err error) {
	rec, ok, err := d.get(ctx, id)
	return rec.State, ok && rec.State.Status != incident.None, err
}

func (d *Desk) get(ctx context.Context, id string) (record, bool, error) {
	if err := checkID("id", id); err != nil {
		return record{}, false, err
	}
	item, err := d.records.Get(ctx, id)
	return item.Value, item.Record.Exists(), err
}

// Owed returns what an incident owes now, the earliest deadline first; see
// incident.Obligations.
func (d *Desk) Owed(ctx context.Context, id string) ([]incident.Obligation, error) {
	s, _, err := d.Get(ctx, id)
	if err != nil {
		return nil, err
	}
	return d.c.Policy.Obligations(&s, d.now()), nil
}

// Open yields the incidents that are neither closed, canceled nor merged, in the
// order of their IDs, from the first one after an ID. It takes a time that grows
// with their number, and not with that of all incidents. One that cannot be read
// has its ID and an error, and the others follow; an error without ID ends it.
func (d *Desk) Open(ctx context.Context, after string) iter.Seq2[incident.State, error] {
	return func(yield func(incident.State, error) bool) {
		for {
			page, err := again(ctx, func() ([]storage.Record, error) {
				return d.c.Store.Backend().List(ctx, openKind, after, storage.MaxKeys)
			})
			if err != nil {
				yield(incident.State{}, err)
				return
			}
			keys := make([]storage.Key, len(page))
			for i, r := range page {
				keys[i], after = d.records.Key(r.Key.ID), r.Key.ID
			}
			if len(keys) > 0 && !d.yieldOpen(ctx, keys, yield) || len(page) < storage.MaxKeys {
				return
			}
		}
	}
}

func (d *Desk) yieldOpen(ctx context.Context, keys []storage.Key, yield func(incident.State, error) bool) bool {
	_, records, err := d.c.Store.Get(ctx, keys...)
	if err != nil {
		yield(incident.State{}, err)
		return false
	}
	for _, r := range records {
		if !r.Exists() {
			continue
		}
		rec, err := d.records.Decode(r.Data)
		switch {
		case err != nil:
			if !yield(incident.State{ID: r.Key.ID}, err) {
				return false
			}
		case isOpen(&rec.State): // else it has ended since
			if !yield(rec.State, nil) {
				return false
			}
		}
	}
	return true
}

// again reads, a few times if the store is not available.
func again[T any](ctx context.Context, read func() (T, error)) (v T, err error) {
	for attempt := range readAttempts {
		if v, err = read(); !errors.Is(err, storage.ErrUnavailable) {
			return v, err
		}
		sleep(ctx, firstPause<<attempt)
	}
	return v, err
}

// The pauses between them take 150 ms in all: somebody waits.
const (
	readAttempts = 5
	firstPause   = 5 * time.Millisecond
)

func checkID(path, id string) error {
	var p sre.Problems
	p.CheckID(path, id)
	return p.Err("incidentstore")
}
