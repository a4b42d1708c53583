package incident

import (
	"context"
	"errors"
	"time"

	"github.com/sre-sdk/sre"
	"github.com/sre-sdk/sre/internal/enum"
)

// ErrPermanent says that a call outside never will succeed: sending the same
// again is useless.
var ErrPermanent = errors.New("incident: it cannot succeed")

// RateLimited says that a provider wants to be left alone for a while.
type RateLimited struct {
	After time.Duration
}

// Error says for how long.
func (e RateLimited) Error() string { return "incident: rate limited for " + e.After.String() }

// Calls of the seams below return nil only after the provider has accepted them.
// They return an error for which errors.Is(err, [ErrPermanent]) holds where the
// same again is useless, a [RateLimited] where the provider wants to be left
// alone; anything else means that the outcome is unknown or that it may work
// later, and the same call, with the same Key, is made again. So each suffers to
// be made twice. They return soon after ctx is done. Implementations are safe for
// concurrent use and never print a secret in an error.

// A Channel is where people talk about an incident. It is the chat seam;
// implementations pass incidenttest.TestChannel.
type Channel interface {
	// Create makes a channel, or returns the one that the same Key has made.
	Create(ctx context.Context, c NewChannel) (Ref, error)

	// Invite brings people in. Who is there already stays there. If one of them
	// cannot be invited, the others are, and the error is permanent.
	Invite(ctx context.Context, channel string, people []string) error

	// SetTopic shows a line above the channel.
	SetTopic(ctx context.Context, channel, topic string) error

	// Post writes a message and returns its ID. After an unknown outcome it may
	// appear twice where the provider knows no idempotency.
	Post(ctx context.Context, p Post) (id string, err error)

	// Archive ends a channel; one that is archived stays so.
	Archive(ctx context.Context, channel string) error
}

// A NewChannel is one to be made.
type NewChannel struct {
	Key     string // the identity of the channel, the same whenever it is made again
	Name    string // unique to the incident; the provider may have rules for its form, to which an implementation bends it
	Private bool
}

// A Post is a message.
type Post struct {
	Key     string // the identity of the message
	Channel string // Ref.ID of Create
	Text    string // plain
}

// A StatusPage tells the public. Implementations pass incidenttest.TestStatusPage.
type StatusPage interface {
	// Open publishes an incident, or returns the one that the same Key has
	// published.
	Open(ctx context.Context, p StatusPost) (Ref, error)

	// Update adds a text to one, and sets the states of components.
	Update(ctx context.Context, id string, p StatusPost) error

	// Resolve adds the last text.
	Resolve(ctx context.Context, id string, p StatusPost) error
}

// A StatusPost is what the public is told.
type StatusPost struct {
	Key        string       // the identity of the post
	Title      string       // of the incident
	Text       string       // plain; a [Notice] makes it
	Status     Status       // of the incident
	Severity   sre.Severity // 1 the worst; 0 leaves the provider's own judgement
	Components []Component  // that changed
}

// A Component is a part of a status page.
type Component struct {
	ID    string // of the provider
	State ComponentState
}

// A ComponentState says how well a component works.
type ComponentState uint8

const (
	Operational ComponentState = iota
	Degraded
	PartialOutage
	MajorOutage
	UnderMaintenance
)

var componentNames = [...]string{"operational", "degraded", "partial_outage", "major_outage", "under_maintenance"}

// String returns the lower-case name.
func (c ComponentState) String() string {
	return enum.Name(componentNames[:], "component_state", uint8(c))
}

// MarshalText returns the lower-case name; it refuses values that have none.
func (c ComponentState) MarshalText() ([]byte, error) {
	return enum.Marshal(componentNames[:], "component_state", uint8(c))
}

// UnmarshalText reads the lower-case name.
func (c *ComponentState) UnmarshalText(text []byte) error {
	return enum.Unmarshal(componentNames[:], "component_state", text, (*uint8)(c))
}

// A Tracker keeps tickets. Implementations pass incidenttest.TestTracker.
type Tracker interface {
	// Open makes a ticket, or returns the one that the same Key has made.
	Open(ctx context.Context, t Ticket) (Ref, error)

	// Update changes the title and the text of one.
	Update(ctx context.Context, id string, t Ticket) error

	// Close ends one; one that is closed stays so.
	Close(ctx context.Context, id string, t Ticket) error
}

// A Ticket is what a tracker keeps.
type Ticket struct {
	Key      string // the identity of the change
	Title    string // one line
	Text     string
	Severity sre.Severity
	Labels   sre.Labels
	Due      time.Time // zero: none
}
