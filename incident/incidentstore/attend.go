package incidentstore

import (
	"context"
	"errors"
	"fmt"
	"sync"
	"time"

	"github.com/sre-sdk/sre/storage"
)

// How long a desk waits.
const (
	maxSleep   = time.Minute      // until it looks again, whatever it expects
	storePause = time.Second      // after the store has failed
	stuckPause = time.Minute      // until it looks again at a record that it could not attend to
	attendAt   = 8                // records at the same time
	duePage    = storage.MaxLimit // records in one look
)

// Run attends to deadlines and tells those outside, until ctx is done, and
// returns nil then. Any number of processes may run over one store.
func (d *Desk) Run(ctx context.Context) error {
	var attending sync.WaitGroup
	ctx, stop := context.WithCancel(ctx)
	attending.Go(func() { d.attend(ctx) })
	err := d.runner.Run(ctx)
	stop()
	attending.Wait()
	return err
}

// attend does what is due, and sleeps until something is.
func (d *Desk) attend(ctx context.Context) {
	stuck := map[string]time.Time{} // by ID, until when
	for ctx.Err() == nil {
		pos, _, err := d.c.Store.Get(ctx)
		var next time.Time
		if err == nil {
			next, err = d.pass(ctx, stuck)
		}
		if err != nil {
			d.failed(ctx, err)
			sleep(ctx, storePause)
			continue
		}
		d.wait(ctx, pos, next)
	}
}

// pass attends to all that is due and returns when something will be.
func (d *Desk) pass(ctx context.Context, stuck map[string]time.Time) (next time.Time, err error) {
	now := d.now()
	next = now.Add(maxSleep)
	ahead, err := d.c.Store.Due(ctx, Kind, next, duePage)
	if err != nil {
		return next, err
	}
	var (
		mu      sync.Mutex
		running sync.WaitGroup
		places  = make(chan struct{}, attendAt)
	)
	for _, rec := range ahead {
		id := rec.Key.ID
		if rec.Due.After(now) {
			next = rec.Due
			break
		}
		mu.Lock()
		until := stuck[id]
		mu.Unlock()
		if until.After(now) {
			continue
		}
		places <- struct{}{}
		running.Go(func() {
			defer func() { <-places }()
			if err := d.attendTo(ctx, id); err != nil && ctx.Err() == nil {
				d.failed(ctx, fmt.Errorf("incidentstore: attending to %s: %w", id, err))
				pause := stuckPause
				if errors.Is(err, storage.ErrUnavailable) || errors.Is(err, storage.ErrConflict) {
					pause = storePause
				}
				mu.Lock()
				stuck[id] = d.now().Add(pause)
				mu.Unlock()
			}
		})
	}
	running.Wait()
	if now = d.now(); len(ahead) == duePage {
		next = now.Add(storePause) // there are more; what was done about these wakes it sooner
	}
	for id, until := range stuck {
		if until.After(now) && until.Before(next) {
			next = until
		} else if !until.After(now) {
			delete(stuck, id)
			next = now
		}
	}
	return next, nil
}

// attendTo looks at the deadlines of one incident, and hands on what is to be
// done outside. Each part is repeated without harm if the process dies within
// it, or others do the same.
func (d *Desk) attendTo(ctx context.Context, id string) error {
	var rec record
	err := d.change(ctx, id, func(c change, now time.Time) (changed bool) {
		rec = *c.record
		due := c.due(now)
		if len(c.Jobs) > 0 || due.IsZero() || due.After(now) {
			return false
		}
		d.look(c, now)
		rec = *c.record
		return true
	})
	if err != nil || len(rec.Jobs) == 0 {
		return err
	}
	if _, err := d.runner.Send(ctx, id, "", told{ID: id, Jobs: rec.Jobs}); err != nil {
		return err
	}
	last := rec.Jobs[len(rec.Jobs)-1].N
	return d.change(ctx, id, func(c change, now time.Time) (changed bool) {
		n := 0
		for n < len(c.Jobs) && c.Jobs[n].N <= last {
			n++
		}
		c.Jobs = c.Jobs[n:]
		return n > 0
	})
}

// change changes one record otherwise than by a command.
func (d *Desk) change(ctx context.Context, id string, do func(c change, now time.Time) (changed bool)) error {
	keys := []storage.Key{d.records.Key(id), {Kind: openKind, ID: id}}
	_, err := d.c.Store.Update(ctx, "attend "+d.c.NewID(), keys, func(now []storage.Record) (made storage.Change, err error) {
		if !now[0].Exists() {
			return made, nil
		}
		t, err := d.open([]string{id}, now)
		if err != nil || !do(t.changes[0], t.now) {
			return made, err
		}
		made, err = d.write(t, map[string]bool{id: true}, now)
		if len(t.note.Ends) == 0 {
			made.Note = nil
		}
		return made, err
	})
	return err
}

// wait returns when next has come, the log has grown, or ctx is done.
func (d *Desk) wait(ctx context.Context, after storage.Pos, next time.Time) {
	for now := d.now(); next.After(now); now = d.now() {
		ctx, cancel := context.WithTimeout(ctx, next.Sub(now))
		err := d.c.Store.Wait(ctx, after)
		done := ctx.Err() != nil
		cancel()
		if done {
			return
		}
		if err != nil {
			sleep(ctx, storePause)
			return
		}
		if pos, _, err := d.c.Store.Get(ctx); err != nil || pos > after {
			return
		}
	}
}

func sleep(ctx context.Context, d time.Duration) {
	timer := time.NewTimer(d)
	defer timer.Stop()
	select {
	case <-timer.C:
	case <-ctx.Done():
	}
}

func (d *Desk) failed(ctx context.Context, err error) {
	if ctx.Err() != nil {
		return
	}
	d.c.Log.Warn("incidentstore: it will be tried again", "error", err)
	if h := d.c.Hooks.Failed; h != nil {
		h(err)
	}
}
