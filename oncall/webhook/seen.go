package webhook

import (
	"container/heap"
	"context"
	"errors"
	"fmt"
	"sync"
	"time"

	"github.com/sre-sdk/sre"
)

// A Claim is the answer of a [Seen].
type Claim uint8

const (
	ClaimUnknown Claim = iota // never returned without an error
	Fresh                     // not seen, and claimed now: handle the message
	Busy                      // claimed by another request, which is not settled yet
	Done                      // handled before
)

// A Seen remembers the ids of messages, so that each is handled once. Share one
// among all processes that receive for the same URL. It is safe for concurrent
// use.
type Seen interface {
	// Claim asks for an id at an instant, in one step: of several callers one
	// gets Fresh. It remembers the id until the instant until, at least; after
	// it the id may be forgotten, claimed or done. What cannot be remembered is an error,
	// never Fresh.
	Claim(ctx context.Context, id string, now, until time.Time) (Claim, error)

	// Settle ends a claim: with done the id stays remembered as Done, without
	// it is forgotten at once, so that the sender may try again.
	Settle(ctx context.Context, id string, done bool) error
}

// ErrFull says that a Memory holds as many ids as it may, none of which may be
// forgotten yet.
var ErrFull = errors.New("webhook: no more ids can be remembered")

// DefaultMaxSeen is how many ids the [Memory] of a Receiver holds by default:
// some 30 MB at most.
const DefaultMaxSeen = 100_000

// A Memory is a [Seen] in memory, for one process. It forgets all when the
// process ends.
type Memory struct {
	mu    sync.Mutex
	max   int
	byID  map[string]*seenID
	order expiries
}

var _ Seen = (*Memory)(nil)

type seenID struct {
	id    string
	until time.Time
	done  bool
	index int // in order
}

// NewMemory returns a Memory for at most that many ids.
func NewMemory(max int) (*Memory, error) {
	if max < 1 {
		return nil, fmt.Errorf("webhook: %w", sre.NewProblem("max", "out_of_range", max, "at least 1"))
	}
	return &Memory{max: max, byID: map[string]*seenID{}}, nil
}

// Claim implements [Seen]. When it is full it returns [ErrFull] rather than
// forget an id that could be replayed.
func (m *Memory) Claim(_ context.Context, id string, now, until time.Time) (Claim, error) {
	m.mu.Lock()
	defer m.mu.Unlock()
	for len(m.order) > 0 && m.order[0].until.Before(now) {
		delete(m.byID, heap.Pop(&m.order).(*seenID).id)
	}
	if s := m.byID[id]; s != nil {
		if s.done {
			return Done, nil
		}
		return Busy, nil
	}
	if len(m.order) >= m.max {
		return ClaimUnknown, ErrFull
	}
	s := &seenID{id: id, until: until}
	m.byID[id] = s
	heap.Push(&m.order, s)
	return Fresh, nil
}

// Settle implements [Seen].
func (m *Memory) Settle(_ context.Context, id string, done bool) error {
	m.mu.Lock()
	defer m.mu.Unlock()
	s := m.byID[id]
	switch {
	case s == nil: // forgotten, because its time has passed
	case done:
		s.done = true
	default:
		heap.Remove(&m.order, s.index)
		delete(m.byID, id)
	}
	return nil
}

// Len returns how many ids are remembered.
func (m *Memory) Len() int {
	m.mu.Lock()
	defer m.mu.Unlock()
	return len(m.order)
}

// expiries is a heap, the first to be forgotten on top.
type expiries []*seenID

func (e expiries) Len() int           { return len(e) }
func (e expiries) Less(i, j int) bool { return e[i].until.Before(e[j].until) }
func (e expiries) Swap(i, j int)      { e[i], e[j] = e[j], e[i]; e[i].index, e[j].index = i, j }

func (e *expiries) Push(x any) {
	s := x.(*seenID)
	s.index = len(*e)
	*e = append(*e, s)
}

func (e *expiries) Pop() any {
	last := len(*e) - 1
	s := (*e)[last]
	(*e)[last] = nil
	*e = (*e)[:last]
	return s
}
