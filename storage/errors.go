package storage

import (
	"context"
	"errors"
	"fmt"
)

// The errors of a [Backend].
var (
	// ErrConflict: the Base of a write, or the Version of a check, is not current.
	// See [ConflictError].
	ErrConflict = errors.New("storage: conflict")
	// ErrInvalid: the input breaks a rule of the contract, or an ID was used for
	// another batch. The error carries every problem.
	ErrInvalid = errors.New("storage: invalid input")
	// ErrTooLarge: the input breaks a limit on size.
	ErrTooLarge = errors.New("storage: too large")
	// ErrTrimmed: what was asked for has been dropped by Trim.
	ErrTrimmed = errors.New("storage: trimmed")
	// ErrClosed: the backend was closed.
	ErrClosed = errors.New("storage: closed")
	// ErrUnavailable: the backend could not answer. The outcome of a Commit is
	// unknown; commit the same batch again.
	ErrUnavailable = errors.New("storage: unavailable")
)

// A ConflictError says which write or check was based on a version that is not
// current. No batch writes and checks one key, so Key tells which it was.
type ConflictError struct {
	Key           Key
	Base, Current Version
}

// Error names the key and both versions.
func (e *ConflictError) Error() string {
	return fmt.Sprintf("storage: conflict: %s is at version %d, the batch is based on %d", e.Key, e.Current, e.Base)
}

// Is makes errors.Is(err, ErrConflict) hold.
func (e *ConflictError) Is(target error) bool { return target == ErrConflict }

// Unavailable wraps the native error of a backend: as the context's error if
// ctx is done, else as [ErrUnavailable]. Adapters use it for every error that
// has no meaning of its own.
func Unavailable(ctx context.Context, doing string, err error) error {
	if cause := ctx.Err(); cause != nil {
		return fmt.Errorf("storage: %s: %w (%w)", doing, cause, err)
	}
	return fmt.Errorf("storage: %s: %w: %w", doing, ErrUnavailable, err)
}

// invalidError is a list of problems that is ErrInvalid or ErrTooLarge.
type invalidError struct {
	error
	class error
}

func (e *invalidError) Unwrap() []error { return []error{e.class, e.error} }
