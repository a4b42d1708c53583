package pagerduty

import (
	"context"
	"crypto/sha256"
	"errors"
	"fmt"
	"maps"
	"net/http"
	"time"

	pd "github.com/PagerDuty/go-pagerduty"

	"github.com/sre-sdk/sre/oncall"
)

// A Pager sends deliveries to PagerDuty. It is safe for concurrent use.
type Pager struct {
	config Config // without keys: fmt prints the fields of a copied Pager
	keys   func(name string) (key string, ok bool)
	http   *http.Client
	limits *limiter // by fingerprints of keys, for the same reason
}

var _ oncall.Pager = (*Pager)(nil)

// New returns a Pager, or every problem of the configuration.
func New(c Config) (*Pager, error) {
	if err := c.Validate(); err != nil {
		return nil, err
	}
	keys := maps.Clone(c.RoutingKeys)
	c.RoutingKeys = nil
	if c.Endpoint == "" {
		c.Endpoint = EndpointUS
	}
	if c.Source == "" {
		c.Source = "oncall"
	}
	if c.CallsPerMinute == 0 {
		c.CallsPerMinute = DefaultCallsPerMinute
	}
	if c.Timeout == 0 {
		c.Timeout = DefaultTimeout
	}
	if c.Now == nil {
		c.Now = time.Now
	}
	return &Pager{
		config: c,
		keys:   func(name string) (string, bool) { key, ok := keys[name]; return key, ok },
		http: &http.Client{
			Transport: c.Transport,
			// The body of a redirected POST would carry the key to another host.
			CheckRedirect: func(*http.Request, []*http.Request) error { return http.ErrUseLastResponse },
		},
		limits: newLimiter(c.CallsPerMinute, time.Minute),
	}, nil
}

// String names the type only: the fields hold secrets.
func (p *Pager) String() string { return "pagerduty.Pager" }

// GoString does as well, for %#v.
func (p *Pager) GoString() string { return "pagerduty.Pager" }

// Send triggers an alert. The ID of the receipt is its dedup_key, for
// Acknowledge and Resolve.
func (p *Pager) Send(ctx context.Context, d oncall.Delivery) (oncall.Receipt, error) {
	if d.Key == "" {
		return oncall.Receipt{}, fmt.Errorf("pagerduty: the delivery has no key: %w", oncall.ErrPermanent)
	}
	key, err := p.routingKey(d.Contact)
	if err != nil {
		return oncall.Receipt{}, err
	}
	event, err := p.trigger(d)
	if err != nil {
		return oncall.Receipt{}, err
	}
	event.RoutingKey = key
	return p.enqueue(ctx, event)
}

// Acknowledge says that somebody has taken the alert on, so that PagerDuty stops
// notifying. It returns errors as Send does. PagerDuty accepts and drops what
// names no open alert.
func (p *Pager) Acknowledge(ctx context.Context, c oncall.Contact, dedupKey string) error {
	return p.update(ctx, c, "acknowledge", dedupKey)
}

// Resolve ends the alert. It returns errors as Send does. PagerDuty accepts and
// drops what names no open alert.
func (p *Pager) Resolve(ctx context.Context, c oncall.Contact, dedupKey string) error {
	return p.update(ctx, c, "resolve", dedupKey)
}

func (p *Pager) update(ctx context.Context, c oncall.Contact, action, dedupKey string) error {
	if dedupKey == "" || dedupKey != DedupKey(dedupKey) {
		return fmt.Errorf("pagerduty: not a dedup key, which the ID of a receipt is: %w", oncall.ErrPermanent)
	}
	key, err := p.routingKey(c)
	if err != nil {
		return err
	}
	_, err = p.enqueue(ctx, pd.V2Event{RoutingKey: key, Action: action, DedupKey: dedupKey})
	return err
}

func (p *Pager) routingKey(c oncall.Contact) (string, error) {
	if key, ok := p.keys(c.Address); ok {
		return key, nil
	}
	if isRoutingKey(c.Address) {
		return c.Address, nil
	}
	return "", fmt.Errorf("pagerduty: the address of contact %q is neither a configured name nor a routing key: %w: %w", c.ID, ErrRoutingKey, oncall.ErrPermanent)
}

// enqueue makes one call, if the limit of the routing key allows it.
func (p *Pager) enqueue(ctx context.Context, event pd.V2Event) (oncall.Receipt, error) {
	if err := ctx.Err(); err != nil {
		return oncall.Receipt{}, fmt.Errorf("pagerduty: nothing was sent: %w", err)
	}
	caller := sha256.Sum256([]byte(event.RoutingKey))
	if wait := p.limits.take(caller, p.config.Now()); wait > 0 {
		return oncall.Receipt{}, fmt.Errorf("pagerduty: the calls of this routing key are used up: %w", oncall.RateLimited{After: wait})
	}
	err := p.call(ctx, event)
	now := p.config.Now()
	var limit oncall.RateLimited
	errors.As(err, &limit)
	p.limits.done(caller, limit.After, now)
	if err != nil {
		return oncall.Receipt{}, err
	}
	return oncall.Receipt{ID: event.DedupKey, At: now}, nil
}

// call makes one call and judges the answer.
func (p *Pager) call(ctx context.Context, event pd.V2Event) error {
	limited, cancel := context.WithTimeout(ctx, p.config.Timeout)
	defer cancel()
	x := &exchange{http: p.http}
	client := pd.NewClient("", pd.WithV2EventsAPIEndpoint(p.config.Endpoint))
	client.HTTPClient = x
	// What the library makes of the answer is left aside: it drops headers,
	// takes any 2xx for success, and its errors know another error object.
	_, err := client.ManageEventWithContext(limited, &event)
	switch {
	case x.status != 0: // an answer is an answer, also at the last moment
		return x.judge(event, p.config.Now())
	case ctx.Err() != nil:
		return fmt.Errorf("pagerduty: the outcome is unknown: %w", ctx.Err())
	case limited.Err() != nil:
		return fmt.Errorf("pagerduty: no answer within %s: %w", p.config.Timeout, limited.Err())
	case x.err != nil:
		return newHidden("pagerduty: no answer", x.err)
	}
	return newHidden("pagerduty: no request", err)
}
