package oncall

import (
	"context"
	"errors"
	"time"

	"github.com/sre-sdk/sre"
)

// A Delivery is one message to one contact.
type Delivery struct {
	// Key is the identity of the delivery: it is the same whenever the same
	// message to the same contact is sent again, and no other delivery has it.
	// Adapters hand it to the provider as its idempotency key.
	Key string

	Person  string // the ID of whom it is for; empty for a channel
	Contact Contact

	Severity sre.Severity
	Title    string // one line
	Body     string // plain text
	Link     string // shows more; opening it changes nothing
}

// A Receipt says that a provider has taken a delivery. That is no
// acknowledgement by a person.
type Receipt struct {
	ID string    `json:"id"` // of the provider
	At time.Time `json:"at"`
}

// A Pager sends deliveries by one or several ways. It is the paging seam.
//
// Send returns nil only after the provider has accepted the delivery. It
// returns an error for which errors.Is(err, [ErrPermanent]) holds where sending
// the same again is useless, so that the next contact is tried; a [RateLimited]
// where the provider wants to be left alone; anything else means that the
// outcome is unknown or that it may work later, and the same delivery, with the
// same Key, is sent again. A Pager must therefore suffer the same Key twice, and
// should tell the provider. It returns soon after ctx is done.
//
// Implementations are safe for concurrent use, never print the address of a
// contact or a secret in an error, and pass oncalltest.TestPager.
type Pager interface {
	Send(ctx context.Context, d Delivery) (Receipt, error)
}

// PagerFunc makes a function a [Pager].
type PagerFunc func(ctx context.Context, d Delivery) (Receipt, error)

// Send calls f.
func (f PagerFunc) Send(ctx context.Context, d Delivery) (Receipt, error) { return f(ctx, d) }

// ErrPermanent says that a delivery will never succeed: the number does not
// exist, the contact has opted out, the kind is not supported.
var ErrPermanent = errors.New("oncall: the delivery cannot succeed")

// RateLimited says that the provider wants to be left alone for a while.
type RateLimited struct {
	After time.Duration
}

// Error says for how long.
func (e RateLimited) Error() string { return "oncall: rate limited for " + e.After.String() }
