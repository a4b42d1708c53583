package runner

import (
	"context"
	"encoding/json"
	"errors"
	"time"
)

// A Machine is a pure state machine with state S and input I, both encoded as
// JSON, which they must survive unchanged. Its functions, but for Prepare, must
// be deterministic and have no effect of their own. A panic in one is an error like one of the
// store: nothing is committed, and what a worker wanted is tried again.
type Machine[S, I any] struct {
	Kind string // of the state records; an ID as sre.ValidID has it

	// Upgrades turn states of older schemas into current ones; see
	// [storage.Schema].
	Upgrades []func(old json.RawMessage) (json.RawMessage, error)

	// Step returns the state after an input at now, and what is to be done. An
	// error refuses the input: Send returns it and nothing is committed. The
	// state of an ID that was never seen is the zero S.
	Step func(state S, input I, now time.Time) (S, []Effect, error)

	// NextDue returns when Tick is to be stepped, or zero. After that step it
	// must be later than now, or the state must have changed; else the state is
	// stepped again a minute later.
	NextDue func(state S) time.Time
	Tick    I

	// Result, if not nil, makes an input of the outcome of an effect, which is
	// stepped in the same commit that records the outcome. false: none. If Step
	// refuses that input the outcome is recorded all the same. If it cannot be
	// stepped, for its effects are not valid or the state is too large, the
	// outcome is recorded, and the machine told again and again until it can.
	Result func(e Effect, outcome Outcome) (I, bool)

	// Wanted, if not nil, reports whether an effect is still to be performed,
	// judged by the current state; it is pure as Step is. It is asked before each
	// claim, also of one that is tried again or was revived, and the claim commits
	// only if that state is still the current one (storage.Check). So no claim of
	// an effect stands in the log after the step that ended the wish for it; a
	// handler whose claim stands before that step may run on.
	//
	// An effect that is not wanted is skipped: it is recorded as done, on the same
	// condition, without being performed, Hooks.Skipped is called, and Result is
	// not: the state knows what it does not want. It is not added again while its
	// record is kept, so an effect that comes to be wanted again needs an ID of its
	// own. If the state cannot be read, as of a newer schema, the effect is not
	// claimed and left to others.
	//
	// Nil: all are wanted, and claims carry no check.
	Wanted func(state S, e Effect) bool

	// Prepare, if not nil, completes an input with facts from outside, such as who
	// is on call, before it is stepped. What it returns is what Step gets and what
	// the log keeps, so Replay gives the same state whatever the outside says
	// later. It sees the state and the instant that Step will see. Unlike the
	// others it may do I/O; ctx ends after Config.Timeout, which it must heed. It is
	// called again after a conflict, and not for an input that is known by its key.
	//
	// An error refuses the input: Send returns it. For ticks and results it is
	// reported through Hooks.Failed, and they are tried again some seconds later;
	// the effect of such a result is recorded and not performed again.
	Prepare func(ctx context.Context, state S, input I, now time.Time) (I, error)

	// Ended, if not nil, reports whether nothing is to come of a state any more.
	// One whose NextDue is zero, too, is deleted Config.KeepEnded after its latest
	// step. An input that comes later begins from the zero S, and keys of earlier
	// inputs are forgotten. Nil: states are kept for good.
	Ended func(state S) bool
}

// An Effect is something to be done outside the store.
type Effect struct {
	// ID is the identity of the effect, an ID as sre.ValidID has it, unique in
	// the kind: an effect whose ID is there already is not added again. Make it
	// of what makes the effect one, such as incident, level, loop and channel.
	ID string `json:"id"`

	Type    string    `json:"type"`                // names the handler
	Payload []byte    `json:"payload,omitempty"`   // for the handler; at most [MaxPayload] bytes
	After   time.Time `json:"not_before,omitzero"` // not before that instant; zero: at once
}

// MaxPayload is the largest payload of an effect, in bytes.
const MaxPayload = 16 << 10

// MaxReceipt is the largest receipt of a handler, in bytes; a longer one is cut.
const MaxReceipt = 16 << 10

// MaxEffects is the most effects that one step may have. All together, with the
// state and the input, they must fit storage.MaxBatch as JSON, in which a payload
// takes 4/3 of its size.
const MaxEffects = 1000

// An Outcome is how an effect ended.
type Outcome struct {
	Receipt []byte // what the handler returned; nil if it failed
	Err     string // why it became a dead letter; "" if it succeeded
}

// A Handler performs effects of one type. The same effect may come again, also
// at the same time from another process if this call outlasts its deadline, so
// it passes e.ID on as the key by which the receiver tells. A nil error means
// done; [ErrPermanent] that trying again is useless; [RateLimited] that all
// effects of the type should wait; anything else that the outcome is not known
// or bad, and that the effect is to be tried again.
type Handler func(ctx context.Context, e Effect) (receipt []byte, err error)

// ErrPermanent makes a failed effect a dead letter at once.
var ErrPermanent = errors.New("runner: permanent failure")

// RateLimited says that the receiver wants to be left alone for a while. This
// process performs no effect of the type until then; others learn it from the
// receiver themselves. It does not count as an attempt.
type RateLimited struct {
	After time.Duration // at least a second
}

// Error says for how long.
func (e RateLimited) Error() string { return "runner: rate limited for " + e.After.String() }
