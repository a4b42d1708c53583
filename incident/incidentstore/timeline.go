package incidentstore

import (
	"context"
	"fmt"
	"iter"
	"slices"
	"time"

	"github.com/sre-sdk/sre/incident"
	"github.com/sre-sdk/sre/storage"
)

// A Moment is one commit in the log of an incident.
type Moment struct {
	Pos     storage.Pos           `json:"pos"`
	At      time.Time             `json:"at"`
	Events  []incident.Event      `json:"events,omitempty"`
	Ends    []incident.Obligation `json:"ends,omitempty"`    // how obligations ended; each is in one moment only
	Settled []incident.Obligation `json:"settled,omitempty"` // that were breached before, and were done then
}

// Timeline yields what has happened to an incident, the oldest first. An error
// ends it; it is storage.ErrTrimmed if the log does not reach back that far.
func (d *Desk) Timeline(ctx context.Context, id string) iter.Seq2[Moment, error] {
	return func(yield func(Moment, error) bool) {
		if err := checkID("id", id); err != nil {
			yield(Moment{}, err)
			return
		}
		for rec, err := range d.c.Store.History(ctx, d.records.Key(id), 0) {
			if err != nil {
				yield(Moment{}, err)
				return
			}
			n, err := d.noteAt(ctx, rec.Pos)
			if err != nil {
				yield(Moment{}, err)
				return
			}
			m := Moment{Pos: rec.Pos, At: n.At, Ends: of(id, n.Ends), Settled: of(id, n.Settled)}
			for _, a := range n.Events {
				if a.ID == id {
					m.Events = append(m.Events, a.Event)
				}
			}
			if len(m.Events)+len(m.Ends)+len(m.Settled) > 0 && !yield(m, nil) {
				return
			}
		}
	}
}

// of returns the obligations of an incident: a note may have those of several.
func of(id string, list []incident.Obligation) (own []incident.Obligation) {
	for _, o := range list {
		if o.Incident == id {
			own = append(own, o)
		}
	}
	return own
}

// noteAt returns the note of the commit at a position.
func (d *Desk) noteAt(ctx context.Context, pos storage.Pos) (note, error) {
	entries, err := again(ctx, func() ([]storage.Entry, error) { return d.c.Store.Backend().Log(ctx, pos-1, 1) })
	if err != nil {
		return note{}, err
	}
	if len(entries) == 0 {
		return note{}, fmt.Errorf("incidentstore: position %d is not in the log", pos)
	}
	return decodeNote(entries[0].Note, pos)
}

// Events returns the events of an incident, as the log has them: folded, they
// give its state.
func (d *Desk) Events(ctx context.Context, id string) (list []incident.Event, err error) {
	for m, err := range d.Timeline(ctx, id) {
		if err != nil {
			return nil, err
		}
		list = append(list, m.Events...)
	}
	return list, nil
}

// KnownAt returns an incident as it was known at an instant, whatever was
// corrected since.
func (d *Desk) KnownAt(ctx context.Context, id string, at time.Time) (incident.State, error) {
	events, err := d.Events(ctx, id)
	if err != nil {
		return incident.State{}, err
	}
	return incident.Fold(incident.KnownAt(slices.Values(events), at)), nil
}

// Replay returns what would have been different for a recorded incident under
// another policy; see incident.Replay.
func (d *Desk) Replay(ctx context.Context, id string, policy *incident.Compiled) (incident.Replayed, error) {
	events, err := d.Events(ctx, id)
	if err != nil {
		return incident.Replayed{}, err
	}
	return policy.Replay(slices.Values(events))
}

// ReplayAll yields that of every incident, in the order of their IDs. One that
// cannot be replayed has its ID and an error, and the others follow; an error
// without ID ends it. Ask incident.Became how many would have had a severity.
func (d *Desk) ReplayAll(ctx context.Context, policy *incident.Compiled) iter.Seq2[incident.Replayed, error] {
	return func(yield func(incident.Replayed, error) bool) {
		for rec, err := range d.c.Store.List(ctx, Kind) {
			if err != nil {
				yield(incident.Replayed{}, err)
				return
			}
			r, err := d.Replay(ctx, rec.Key.ID, policy)
			r.ID = rec.Key.ID
			if !yield(r, err) || ctx.Err() != nil {
				return
			}
		}
	}
}

// A Differing is an obligation that would have been another one, or have ended
// otherwise, under another policy.
type Differing struct {
	ID    string
	Was   *incident.Obligation // nil: it was not owed
	Would *incident.Obligation // nil: it would not have been
}

// ReplayObligations returns what would have been owed otherwise under another
// policy, by now: the deadlines of both over the same events. Severities are taken
// as they were recorded; [Desk.Replay] says which ones would have been others.
func (d *Desk) ReplayObligations(ctx context.Context, id string, policy *incident.Compiled) ([]Differing, error) {
	events, err := d.Events(ctx, id)
	if err != nil {
		return nil, err
	}
	now := d.now()
	was, would := d.c.Policy.History(slices.Values(events), now), policy.History(slices.Values(events), now)
	var list []Differing
	for i := range was {
		o := Differing{ID: was[i].ID, Was: &was[i]}
		if j := index(would, o.ID); j >= 0 {
			o.Would = &would[j]
		}
		if o.Would == nil || !same(o.Was, o.Would) {
			list = append(list, o)
		}
	}
	for i := range would {
		if index(was, would[i].ID) < 0 {
			list = append(list, Differing{ID: would[i].ID, Would: &would[i]})
		}
	}
	return list, nil
}

func same(a, b *incident.Obligation) bool {
	return a.Due.Equal(b.Due) && a.Paused == b.Paused && a.End == b.End && a.At.Equal(b.At) && a.Settled.Equal(b.Settled) && a.Escalate == b.Escalate
}
