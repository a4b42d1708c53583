// Package oncalltest helps to test code about on-call:
//
//   - a recording [Pager], and [TestPager], the conformance test of the seam
//   - [CheckRota] and [Laws]: the laws of a schedule, ours or any function's, with
//     [Schedules] to try them on
//   - [CheckEscalation] and [EscalationLaws]: the laws of an escalation policy or
//     another engine, with [Policies], [Staffs] and [Acts] to try them on, and
//     [Simulate], which tells what a policy does
//
// A failure prints the smallest counterexample found as a short dated story.
package oncalltest

import (
	"context"
	"fmt"
	"slices"
	"sync"
	"time"

	"github.com/sre-sdk/sre/oncall"
)

// Pager records what it is asked to send. The zero value accepts everything.
// It is safe for concurrent use.
type Pager struct {
	// Fail, if not nil, decides about each attempt (1, 2, ...) at a key: a nil
	// error accepts it. It is called for one attempt after the other, and may
	// call the other methods.
	Fail func(d oncall.Delivery, attempt int) error

	// Now gives the instant of receipts. Default: time.Now.
	Now func() time.Time

	deciding sync.Mutex // held around Fail
	mu       sync.Mutex
	attempts map[string]int
	sent     []oncall.Delivery
}

// Send records the delivery, unless Fail or ctx speak against it.
func (p *Pager) Send(ctx context.Context, d oncall.Delivery) (oncall.Receipt, error) {
	if err := ctx.Err(); err != nil {
		return oncall.Receipt{}, fmt.Errorf("oncalltest: %w", err)
	}
	p.deciding.Lock()
	defer p.deciding.Unlock()
	if n := p.attempt(d.Key); p.Fail != nil {
		if err := p.Fail(d, n); err != nil {
			return oncall.Receipt{}, err
		}
	}
	p.mu.Lock()
	defer p.mu.Unlock()
	p.sent = append(p.sent, d)
	now := time.Now
	if p.Now != nil {
		now = p.Now
	}
	return oncall.Receipt{ID: fmt.Sprintf("receipt-%d", len(p.sent)), At: now()}, nil
}

// attempt counts an attempt at a key.
func (p *Pager) attempt(key string) int {
	p.mu.Lock()
	defer p.mu.Unlock()
	if p.attempts == nil {
		p.attempts = map[string]int{}
	}
	p.attempts[key]++
	return p.attempts[key]
}

// Sent returns what was accepted, in order, the same key as often as it was.
func (p *Pager) Sent() []oncall.Delivery {
	p.mu.Lock()
	defer p.mu.Unlock()
	return slices.Clone(p.sent)
}

// Attempts returns how often a key was sent, accepted or not.
func (p *Pager) Attempts(key string) int {
	p.mu.Lock()
	defer p.mu.Unlock()
	return p.attempts[key]
}
