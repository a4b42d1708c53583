package storagetest

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"time"

	"github.com/sre-sdk/sre/storage"
)

// class names the documented error that err is.
func class(err error) string {
	if err == nil {
		return "no error"
	}
	for _, sentinel := range []error{
		storage.ErrInvalid, storage.ErrTooLarge, storage.ErrConflict, storage.ErrTrimmed, storage.ErrClosed,
		context.Canceled, context.DeadlineExceeded, storage.ErrUnavailable,
	} {
		if errors.Is(err, sentinel) {
			return sentinel.Error()
		}
	}
	return "undocumented: " + err.Error()
}

// watched checks that every error is one that the method documents.
type watched struct {
	storage.Backend
	s *suite
}

// see records an error that is not among those of the method, and not one of
// those that every method may return.
func (w *watched) see(ctx context.Context, method string, err error, own ...error) {
	if err == nil || ctx.Err() != nil && errors.Is(err, ctx.Err()) {
		return
	}
	for _, allowed := range append(own, storage.ErrClosed, storage.ErrUnavailable) {
		if errors.Is(err, allowed) {
			return
		}
	}
	w.s.mu.Lock()
	defer w.s.mu.Unlock()
	// One of each type will do: messages differ by key and position.
	if text := fmt.Sprintf("%s returned the error %T", method, err); !slices.ContainsFunc(w.s.seen, func(s string) bool { return s[:min(len(s), len(text))] == text }) {
		w.s.seen = append(w.s.seen, fmt.Sprintf("%s: %v", text, err))
	}
}

func (w *watched) Commit(ctx context.Context, b storage.Batch) (storage.Pos, error) {
	pos, err := w.Backend.Commit(ctx, b)
	w.see(ctx, "Commit", err, storage.ErrInvalid, storage.ErrTooLarge, storage.ErrConflict)
	return pos, err
}

func (w *watched) Get(ctx context.Context, keys ...storage.Key) (storage.Pos, []storage.Record, error) {
	pos, records, err := w.Backend.Get(ctx, keys...)
	w.see(ctx, "Get", err, storage.ErrInvalid)
	return pos, records, err
}

func (w *watched) List(ctx context.Context, kind, after string, limit int) ([]storage.Record, error) {
	records, err := w.Backend.List(ctx, kind, after, limit)
	w.see(ctx, "List", err, storage.ErrInvalid)
	return records, err
}

func (w *watched) Due(ctx context.Context, kind string, now time.Time, limit int) ([]storage.Record, error) {
	records, err := w.Backend.Due(ctx, kind, now, limit)
	w.see(ctx, "Due", err, storage.ErrInvalid)
	return records, err
}

func (w *watched) History(ctx context.Context, key storage.Key, after storage.Version, limit int) ([]storage.Record, error) {
	records, err := w.Backend.History(ctx, key, after, limit)
	w.see(ctx, "History", err, storage.ErrInvalid, storage.ErrTrimmed)
	return records, err
}

func (w *watched) Log(ctx context.Context, after storage.Pos, limit int) ([]storage.Entry, error) {
	entries, err := w.Backend.Log(ctx, after, limit)
	w.see(ctx, "Log", err, storage.ErrInvalid, storage.ErrTrimmed)
	return entries, err
}

func (w *watched) Wait(ctx context.Context, after storage.Pos) error {
	err := w.Backend.Wait(ctx, after)
	w.see(ctx, "Wait", err)
	return err
}

func (w *watched) Trim(ctx context.Context, before storage.Pos) error {
	err := w.Backend.Trim(ctx, before)
	w.see(ctx, "Trim", err)
	return err
}
