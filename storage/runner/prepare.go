package runner

import (
	"context"
	"errors"
	"fmt"
	"time"

	"github.com/sre-sdk/sre/storage"
)

// preparePause is how long a tick or a result waits for Prepare to succeed. It
// is short against the minutes in which people are called, and long against
// what a directory that is down takes to be asked again.
const preparePause = 5 * time.Second

// unprepared is an error of Machine.Prepare. It does not unwrap: an error of
// the outside, which may well have a store of its own, is none of this store.
type unprepared struct{ cause error }

func (u *unprepared) Error() string { return "runner: preparing an input: " + u.cause.Error() }

// prepare completes the input of a request with what the outside says.
func (r *Runner[S, I]) prepare(ctx context.Context, state S, req request[I], now time.Time) (input I, err error) {
	if r.c.Machine.Prepare == nil {
		return req.input, nil
	}
	left := r.c.Timeout
	if !req.until.IsZero() {
		left = min(left, req.until.Sub(r.now()))
	}
	if left <= 0 {
		return input, &unprepared{errors.New("no time is left before the lease ends")}
	}
	ctx, cancel := context.WithTimeout(ctx, left)
	defer cancel()
	defer func() {
		if p := recover(); p != nil {
			err = &unprepared{fmt.Errorf("runner: Prepare of the machine %s panicked: %v", r.c.Machine.Kind, p)}
		}
	}()
	input, err = r.c.Machine.Prepare(ctx, state, req.input, now)
	if err != nil {
		return input, &unprepared{err}
	}
	return input, nil
}

func isUnprepared(err error) bool {
	var outside *unprepared
	return errors.As(err, &outside)
}

// over reports whether a state that is due is to be deleted and not stepped:
// nothing is to come of it any more.
func (r *Runner[S, I]) over(state S) (ended bool, err error) {
	if r.c.Machine.Ended == nil {
		return false, nil
	}
	defer func() {
		if p := recover(); p != nil {
			err = fmt.Errorf("runner: the machine %s panicked: %v", r.c.Machine.Kind, p)
		}
	}()
	return r.c.Machine.NextDue(state).IsZero() && r.c.Machine.Ended(state), nil
}

// forgetState deletes the record of a state that has ended. It has no note: it
// is no step.
func (r *Runner[S, I]) forgetState(ctx context.Context, rec storage.Record) error {
	_, err := r.c.Store.Commit(ctx, storage.Batch{ID: r.batchID(rec.Key, rec.Version, "forget"),
		Writes: []storage.Write{{Key: rec.Key, Base: rec.Version, Delete: true}}})
	return err
}
