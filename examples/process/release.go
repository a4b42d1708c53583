package main

import (
	"context"
	"encoding/json"
	"fmt"
	"slices"

	"github.com/sre-sdk/sre"
	"github.com/sre-sdk/sre/budget"
	"github.com/sre-sdk/sre/storage"
)

// release is what must survive a restart: what runs, and what the gate said
// last.
type release struct {
	Version  version     `json:"version"`
	Previous sre.Outcome `json:"previous"` // for the hysteresis of the gate
	Deploys  int         `json:"deploys"`
}

// releaseKind is the kind of its records.
const releaseKind = "release"

// releases keeps the release of each service. Every decision is in the log,
// beside the state that it led to: the two cannot tell different stories.
type releases struct {
	*storage.Collection[release]
	store *storage.Store
}

func newReleases(store *storage.Store) releases {
	return releases{storage.NewCollection[release](store, storage.Schema{Kind: releaseKind}), store}
}

// decided commits a decision and, if it passes, the version that runs from now
// on. The same change decided twice on the same state is one.
func (r releases) decided(ctx context.Context, service string, d budget.Decision, v version) error {
	note, err := json.Marshal(d)
	if err != nil {
		return err
	}
	_, err = r.Update(ctx, service, "deploy "+d.Change().ID, func(now storage.Item[release]) (storage.Edit[release], error) {
		next := now.Value
		if d.Budget != sre.Unknown {
			next.Previous = d.Budget
		}
		if d.Err() == nil {
			next.Version = v
			next.Deploys++
		}
		return storage.Edit[release]{Value: next, Note: note}, nil
	})
	return err
}

// history lists the decisions that the log holds, the oldest first.
func (r releases) history(ctx context.Context) (lines []string, err error) {
	for entry, err := range r.store.Log(ctx, 0) {
		if err != nil {
			return nil, err
		}
		if !slices.ContainsFunc(entry.Records, func(rec storage.Record) bool { return rec.Key.Kind == releaseKind }) {
			continue // of the paging, which shares the log
		}
		var d struct {
			Data struct{ Now, Change, Purpose, Decision string }
		}
		if err := json.Unmarshal(entry.Note, &d); err != nil {
			return nil, fmt.Errorf("position %d: %w", entry.Pos, err)
		}
		lines = append(lines, fmt.Sprintf("%s  %-10s %-8s %s", d.Data.Now, d.Data.Change, d.Data.Purpose, d.Data.Decision))
	}
	return lines, nil
}
