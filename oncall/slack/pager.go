package slack

import (
	"context"
	"crypto/hmac"
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"errors"
	"fmt"
	"net/http"
	"strconv"
	"strings"
	"time"

	slackgo "github.com/slack-go/slack"

	"github.com/sre-sdk/sre/oncall"
)

// A Pager sends deliveries to Slack. It is safe for concurrent use.
type Pager struct {
	config Config        // without the token: fmt prints the fields of a copied Pager
	token  func() string // a function, for the same reason
	http   *http.Client
	limits *limiter
	sent   *memory
}

var _ oncall.Pager = (*Pager)(nil)

// New returns a Pager, or every problem of the configuration.
func New(c Config) (*Pager, error) {
	if err := c.Validate(); err != nil {
		return nil, err
	}
	token := c.Token
	c.Token = ""
	if c.BaseURL == "" {
		c.BaseURL = BaseURL
	}
	if c.Burst == 0 {
		c.Burst = 1
	}
	if c.Timeout == 0 {
		c.Timeout = DefaultTimeout
	}
	if c.Now == nil {
		c.Now = time.Now
	}
	return &Pager{
		config: c,
		token:  func() string { return token },
		http: &http.Client{
			Transport: c.Transport,
			// The body of a redirected POST would carry the token to another host.
			CheckRedirect: func(*http.Request, []*http.Request) error { return http.ErrUseLastResponse },
		},
		// In n seconds n messages: one a second on average, n at once at most.
		limits: newLimiter(c.Burst, time.Duration(c.Burst)*time.Second),
		sent:   newMemory(MaxRemembered),
	}, nil
}

// String names the type only: the fields hold secrets.
func (p *Pager) String() string { return "slack.Pager" }

// GoString does as well, for %#v.
func (p *Pager) GoString() string { return "slack.Pager" }

// Send posts a message, unless this Pager has already sent that Key. The ID of
// the receipt is the timestamp by which Slack names the message in its channel.
func (p *Pager) Send(ctx context.Context, d oncall.Delivery) (oncall.Receipt, error) {
	channel := d.Contact.Address
	if d.Key == "" {
		return oncall.Receipt{}, fmt.Errorf("slack: the delivery has no key: %w", oncall.ErrPermanent)
	}
	if channel == "" || len(channel) > MaxAddress || strings.ContainsFunc(channel, notPrintable) {
		return oncall.Receipt{}, fmt.Errorf("slack: the address of contact %q is no channel or user ID: %w", d.Contact.ID, oncall.ErrPermanent)
	}
	if err := ctx.Err(); err != nil {
		return oncall.Receipt{}, fmt.Errorf("slack: nothing was sent: %w", err)
	}
	identity := sha256.Sum256([]byte(channel + "\x00" + d.Key))
	if receipt, ok := p.sent.get(identity); ok {
		return receipt, nil
	}
	where := sha256.Sum256([]byte(channel))
	if wait := p.limits.take(where, p.config.Now()); wait > 0 {
		return oncall.Receipt{}, fmt.Errorf("slack: too early for another message in this channel: %w", oncall.RateLimited{After: wait})
	}
	ts, err := p.sendOnce(ctx, channel, d)
	now := p.config.Now()
	var limit oncall.RateLimited
	errors.As(err, &limit)
	p.limits.done(where, limit.After, now)
	if err != nil {
		return oncall.Receipt{}, err
	}
	receipt := oncall.Receipt{ID: ts, At: now}
	p.sent.put(identity, receipt)
	return receipt, nil
}

func (p *Pager) sendOnce(ctx context.Context, channel string, d oncall.Delivery) (ts string, err error) {
	options := message(d, p.config.Button)
	if p.config.Lookback > 0 {
		mark := p.mark(d.Key)
		if ts := p.lookUp(ctx, channel, mark); ts != "" {
			return ts, nil
		}
		options = append(options, slackgo.MsgOptionMetadata(slackgo.SlackMetadata{
			EventType: eventType, EventPayload: map[string]any{markField: mark},
		}))
	}
	x, err := p.call(ctx, p.config.Timeout, func(ctx context.Context, client *slackgo.Client) error {
		_, _, err := client.PostMessageContext(ctx, channel, options...)
		return err
	})
	if err != nil {
		return "", err
	}
	return x.judge(p.config.Now())
}

// call makes one call, of which only the answer counts. What the library makes of
// an answer is left aside: it takes one without "ok" and "error" for success.
func (p *Pager) call(ctx context.Context, timeout time.Duration, do func(context.Context, *slackgo.Client) error) (*exchange, error) {
	limited, cancel := context.WithTimeout(ctx, timeout)
	defer cancel()
	x := &exchange{http: p.http}
	err := do(limited, slackgo.New(p.token(), slackgo.OptionHTTPClient(x), slackgo.OptionAPIURL(p.config.BaseURL)))
	switch {
	case x.status != 0:
		return x, nil // an answer is an answer, also at the last moment
	case ctx.Err() != nil:
		return nil, fmt.Errorf("slack: the outcome is unknown: %w", ctx.Err())
	case limited.Err() != nil:
		return nil, fmt.Errorf("slack: no answer within %s: %w", timeout, limited.Err())
	case x.err != nil:
		return nil, newHidden("slack: no answer", x.err, p.token())
	}
	return nil, newHidden("slack: no request", err, p.token())
}

const (
	eventType = "oncall_delivery"
	markField = "mark"
)

// mark names a Key in the metadata of its message. Only who has the token can
// make it.
func (p *Pager) mark(key string) string {
	h := hmac.New(sha256.New, []byte(p.token()))
	h.Write([]byte(eventType + "\x00" + key))
	return hex.EncodeToString(h.Sum(nil))
}

// lookUp returns the timestamp of the message with that mark, or "" if there is
// none or it cannot be known.
func (p *Pager) lookUp(ctx context.Context, channel, mark string) string {
	if !strings.ContainsAny(channel[:1], "CGD") {
		return "" // a user or a name
	}
	oldest := p.config.Now().Add(-p.config.Lookback)
	x, err := p.call(ctx, min(LookupTimeout, p.config.Timeout), func(ctx context.Context, client *slackgo.Client) error {
		_, err := client.GetConversationHistoryContext(ctx, &slackgo.GetConversationHistoryParameters{
			ChannelID: channel, Limit: MaxLookback, IncludeAllMetadata: true, Inclusive: true,
			Oldest: strconv.FormatInt(oldest.Unix(), 10) + ".000000",
		})
		return err
	})
	if err != nil || x.status != http.StatusOK {
		return ""
	}
	var history struct {
		OK       bool `json:"ok"`
		Messages []struct {
			TS       string `json:"ts"`
			Metadata struct {
				Type    string         `json:"event_type"`
				Payload map[string]any `json:"event_payload"`
			} `json:"metadata"`
		} `json:"messages"`
	}
	if json.Unmarshal(x.body, &history) != nil || !history.OK {
		return ""
	}
	for _, m := range history.Messages {
		if found, _ := m.Metadata.Payload[markField].(string); m.Metadata.Type == eventType && hmac.Equal([]byte(found), []byte(mark)) {
			return m.TS
		}
	}
	return ""
}
