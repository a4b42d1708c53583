package incidentstore

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"time"

	"github.com/sre-sdk/sre/incident"
	"github.com/sre-sdk/sre/storage"
)

// MaxFamily is how many incidents one that is merged may have absorbed before:
// all of them change in one batch, with it, the one that it becomes part of, and
// the list of those that are open. With more, [Desk.Do] refuses with
// [incident.RefusedFull] before anything has changed, as it does if all together
// they exceed storage.MaxBatch: merge them into the other one by one.
const MaxFamily = storage.MaxWrites - 3

// errMoved: another merge or split came between.
var errMoved = errors.New("incidentstore: the family of the incident changes all the time")

// familyOf returns what an incident has absorbed, and that had before.
func familyOf(a []incident.Absorbed) (ids []string) {
	for _, m := range a {
		ids = append(append(ids, m.ID), m.Family...)
	}
	return ids
}

func (d *Desk) merge(ctx context.Context, id string, r Request, m incident.Merge) (incident.State, error) {
	if m.Into == id {
		return incident.State{}, &incident.Refusal{Code: incident.RefusedCycle, Text: "another incident than itself"}
	}
	return d.together(ctx, id, m.Into, r,
		func(child, _ *incident.State) []string { return familyOf(child.Merged) },
		func(s []*incident.State, now time.Time) ([]incident.Addressed, error) {
			if s[1].Status == incident.None && s[0].Status != incident.None {
				return nil, &incident.Refusal{Code: incident.RefusedUnknown, Text: "an incident that was declared, which " + m.Into + " was not"}
			}
			return d.c.Policy.Merge(s[0], s[1], s[2:], r.Request, now)
		})
}

func (d *Desk) split(ctx context.Context, id string, r Request, c incident.Split) (incident.State, error) {
	if c.From == id {
		return incident.State{}, &incident.Refusal{Code: incident.RefusedCycle, Text: "another incident than itself"}
	}
	return d.together(ctx, id, c.From, r,
		func(root, _ *incident.State) []string {
			i := slices.IndexFunc(root.Merged, func(a incident.Absorbed) bool { return a.ID == c.From })
			if i < 0 {
				return nil
			}
			return root.Merged[i].Family
		},
		func(s []*incident.State, now time.Time) ([]incident.Addressed, error) {
			return d.c.Policy.Split(s[1], s[0], s[2:], r.Request, now)
		})
}

// together decides about two incidents and the family that goes with one of
// them.
func (d *Desk) together(ctx context.Context, id, other string, r Request, family func(a, b *incident.State) []string, decide decide) (s incident.State, err error) {
	if err := checkID("command", other); err != nil {
		return s, err
	}
	for range storage.MaxAttempts {
		var both [2]record
		for i, id := range []string{id, other} {
			item, err := d.records.Get(ctx, id)
			if err != nil {
				return s, err
			}
			both[i] = item.Value
		}
		along := family(&both[0].State, &both[1].State)
		if len(along) > MaxFamily {
			return both[0].State, tooMany(fmt.Sprintf("%d incidents belong to it", len(along)))
		}
		s, err = d.commit(ctx, append([]string{id, other}, along...), r, func(s []*incident.State, now time.Time) ([]incident.Addressed, error) {
			if !slices.Equal(family(s[0], s[1]), along) {
				return nil, errMoved
			}
			return decide(s, now)
		})
		if errors.Is(err, storage.ErrTooLarge) {
			return both[0].State, tooMany("all together they exceed one batch of the store")
		}
		if !errors.Is(err, errMoved) {
			return s, err
		}
	}
	return s, fmt.Errorf("%w: %w", errMoved, storage.ErrConflict)
}

func tooMany(why string) *incident.Refusal {
	return &incident.Refusal{Code: incident.RefusedFull, Text: fmt.Sprintf("at most %d incidents of at most %d bytes in all that are merged or split together; %s", MaxFamily, storage.MaxBatch, why)}
}
