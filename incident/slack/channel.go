package slack

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"net/http"
	"regexp"
	"strings"
	"sync"
	"time"
	"unicode"
	"unicode/utf8"

	slackgo "github.com/slack-go/slack"

	"github.com/sre-sdk/sre/incident"
)

// A Channel is a place in Slack. It is safe for concurrent use.
type Channel struct {
	config Config        // without the token: fmt prints the fields
	token  func() string // a function, for the same reason
	http   *http.Client

	mu    sync.Mutex
	self  string            // the app's user ID, once known
	sent  map[string]string // message by key
	order []string          // keys, the oldest first
}

var _ incident.Channel = (*Channel)(nil)

// New returns a Channel, or every problem of the configuration.
func New(c Config) (*Channel, error) {
	if err := c.Validate(); err != nil {
		return nil, err
	}
	token := c.Token
	c.Token = ""
	if c.BaseURL == "" {
		c.BaseURL = BaseURL
	}
	if c.Timeout == 0 {
		c.Timeout = DefaultTimeout
	}
	if c.User == nil {
		c.User = func(person string) string { return person }
	}
	if c.Now == nil {
		c.Now = time.Now
	}
	return &Channel{config: c, token: func() string { return token }, sent: map[string]string{}, http: &http.Client{
		Transport: c.Transport,
		// The body of a redirected POST would carry the token to another host.
		CheckRedirect: func(*http.Request, []*http.Request) error { return http.ErrUseLastResponse },
	}}, nil
}

// String names the type only: the fields hold secrets.
func (c *Channel) String() string { return "slack.Channel" }

// GoString does as well, for %#v.
func (c *Channel) GoString() string { return "slack.Channel" }

var (
	channelForm = regexp.MustCompile(`^[CG][A-Z0-9]{1,30}$`)
	userForm    = regexp.MustCompile(`^[UW][A-Z0-9]{1,30}$`)
	tsForm      = regexp.MustCompile(`^[0-9]{1,20}\.[0-9]{1,10}$`)
)

type conversation struct {
	ID      string `json:"id"`
	Name    string `json:"name"`
	Creator string `json:"creator"`
}

// Create makes a channel, or returns the one of that name that the app has made.
func (c *Channel) Create(ctx context.Context, n incident.NewChannel) (incident.Ref, error) {
	if n.Key == "" || n.Name == "" {
		return incident.Ref{}, impossible("a channel needs a key and a name")
	}
	name := ChannelName(n.Name)
	var made struct {
		Channel conversation `json:"channel"`
	}
	err := c.call(ctx, &made, func(ctx context.Context, client *slackgo.Client) {
		client.CreateConversationContext(ctx, slackgo.CreateConversationParams{ChannelName: name, IsPrivate: n.Private})
	})
	var refused *Error
	switch {
	case err == nil && channelForm.MatchString(made.Channel.ID):
		return incident.Ref{ID: made.Channel.ID}, nil
	case err == nil:
		return incident.Ref{}, &Error{Code: "no_channel_in_answer"}
	case errors.As(err, &refused) && refused.Code == "name_taken":
		return c.find(ctx, name)
	}
	return incident.Ref{}, err
}

// find returns the channel of that name, if the app has made it.
func (c *Channel) find(ctx context.Context, name string) (incident.Ref, error) {
	self, err := c.whoAmI(ctx)
	if err != nil {
		return incident.Ref{}, err
	}
	cursor := ""
	for range MaxLookup {
		var page struct {
			Channels []conversation `json:"channels"`
			Next     struct {
				Cursor string `json:"next_cursor"`
			} `json:"response_metadata"`
		}
		err := c.call(ctx, &page, func(ctx context.Context, client *slackgo.Client) {
			client.GetConversationsContext(ctx, &slackgo.GetConversationsParameters{Cursor: cursor, Limit: lookupPage, Types: []string{"public_channel", "private_channel"}})
		})
		if err != nil {
			return incident.Ref{}, err
		}
		for _, x := range page.Channels {
			if x.Name == name && x.Creator == self && channelForm.MatchString(x.ID) {
				return incident.Ref{ID: x.ID}, nil
			}
		}
		if cursor = page.Next.Cursor; cursor == "" {
			break
		}
	}
	return incident.Ref{}, impossible("the name of the channel is taken by somebody else")
}

func (c *Channel) whoAmI(ctx context.Context) (string, error) {
	c.mu.Lock()
	self := c.self
	c.mu.Unlock()
	if self != "" {
		return self, nil
	}
	var answer struct {
		User string `json:"user_id"`
	}
	err := c.call(ctx, &answer, func(ctx context.Context, client *slackgo.Client) { client.AuthTestContext(ctx) })
	if err == nil && !userForm.MatchString(answer.User) {
		err = &Error{Code: "no_user_in_answer"}
	}
	if err != nil {
		return "", err
	}
	c.mu.Lock()
	defer c.mu.Unlock()
	c.self = answer.User
	return c.self, nil
}

// Invite brings people in, one by one.
func (c *Channel) Invite(ctx context.Context, channel string, people []string) error {
	if !channelForm.MatchString(channel) {
		return impossible("the ID of the channel is none")
	}
	var failed error
	n := 0
	for _, person := range people {
		user := c.config.User(person)
		err := error(impossible("there is no such user"))
		if userForm.MatchString(user) {
			err = c.call(ctx, nil, func(ctx context.Context, client *slackgo.Client) {
				client.InviteUsersToConversationContext(ctx, channel, user)
			})
		}
		var refused *Error
		switch {
		case err == nil:
		case !errors.As(err, &refused) || refused.Code != "" && !aboutUser[refused.Code]:
			return err
		case refused.Code == "already_in_channel" || refused.Code == "cant_invite_self":
		case !errors.Is(err, incident.ErrPermanent):
			return err
		default:
			n++
			failed = err
		}
	}
	if failed != nil {
		return fmt.Errorf("slack: %d of %d people were not invited: %w", n, len(people), failed)
	}
	return nil
}

// SetTopic shows a line above the channel.
func (c *Channel) SetTopic(ctx context.Context, channel, topic string) error {
	if !channelForm.MatchString(channel) {
		return impossible("the ID of the channel is none")
	}
	topic = strings.Join(strings.Fields(clean(topic)), " ")
	if utf8.RuneCountInString(topic) > MaxTopic {
		topic = string([]rune(topic)[:MaxTopic-1]) + "…"
	}
	return c.call(ctx, nil, func(ctx context.Context, client *slackgo.Client) {
		client.SetTopicOfConversationContext(ctx, channel, topic)
	})
}

// Post writes a message, unless this Channel has already posted that Key.
func (c *Channel) Post(ctx context.Context, p incident.Post) (string, error) {
	text := escaper.Replace(clean(p.Text))
	switch {
	case p.Key == "":
		return "", impossible("a message needs a key")
	case !channelForm.MatchString(p.Channel):
		return "", impossible("the ID of the channel is none")
	case strings.TrimSpace(text) == "" || utf8.RuneCountInString(text) > MaxMessage:
		return "", impossible("a message has 1 to 40,000 characters, escaped")
	}
	identity := p.Channel + "\x00" + p.Key
	c.mu.Lock()
	ts, done := c.sent[identity]
	c.mu.Unlock()
	if done {
		return ts, nil
	}
	var answer struct {
		TS string `json:"ts"`
	}
	err := c.call(ctx, &answer, func(ctx context.Context, client *slackgo.Client) {
		client.PostMessageContext(ctx, p.Channel, slackgo.MsgOptionText(text, false), slackgo.MsgOptionDisableMarkdown(),
			slackgo.MsgOptionDisableLinkUnfurl(), slackgo.MsgOptionDisableMediaUnfurl())
	})
	if err == nil && !tsForm.MatchString(answer.TS) {
		err = &Error{Code: "no_message_in_answer"}
	}
	if err != nil {
		return "", err
	}
	c.remember(identity, answer.TS)
	return answer.TS, nil
}

func (c *Channel) remember(identity, ts string) {
	c.mu.Lock()
	defer c.mu.Unlock()
	if _, known := c.sent[identity]; !known {
		c.order = append(c.order, identity)
	}
	c.sent[identity] = ts
	if len(c.order) > MaxRemembered {
		delete(c.sent, c.order[0])
		c.order = append(c.order[:0], c.order[1:]...)
	}
}

// Archive ends a channel.
func (c *Channel) Archive(ctx context.Context, channel string) error {
	if !channelForm.MatchString(channel) {
		return impossible("the ID of the channel is none")
	}
	err := c.call(ctx, nil, func(ctx context.Context, client *slackgo.Client) { client.ArchiveConversationContext(ctx, channel) })
	if refused := (*Error)(nil); errors.As(err, &refused) && refused.Code == "already_archived" {
		return nil
	}
	return err
}

// call makes one call, of which only the answer counts. What the library makes of
// an answer is left aside: it takes one without "ok" and "error" for success.
func (c *Channel) call(ctx context.Context, into any, do func(context.Context, *slackgo.Client)) error {
	if err := ctx.Err(); err != nil {
		return fmt.Errorf("slack: nothing was sent: %w", err)
	}
	limited, cancel := context.WithTimeout(ctx, c.config.Timeout)
	defer cancel()
	x := &exchange{http: c.http}
	do(limited, slackgo.New(c.token(), slackgo.OptionHTTPClient(x), slackgo.OptionAPIURL(c.config.BaseURL)))
	switch {
	case x.status != 0: // an answer is an answer, also at the last moment
	case ctx.Err() != nil:
		return fmt.Errorf("slack: the outcome is unknown: %w", ctx.Err())
	case limited.Err() != nil:
		return fmt.Errorf("slack: no answer within %s: %w", c.config.Timeout, limited.Err())
	default:
		return &Error{Code: "no_answer"}
	}
	if err := x.judge(c.config.Now()); err != nil {
		return err
	}
	if into != nil && json.Unmarshal(x.body, into) != nil {
		return &Error{Status: x.status, Code: "not_understood"}
	}
	return nil
}

var escaper = strings.NewReplacer("&", "&amp;", "<", "&lt;", ">", "&gt;")

// broadcast is what reaches everybody at once where Slack links names.
var broadcast = regexp.MustCompile(`(?i)@(channel|here|everyone|group)`)

// clean makes text valid and takes the effect from what is no text: controls,
// also those of direction, and words that would call everybody.
func clean(text string) string {
	text = strings.Map(func(r rune) rune {
		if unicode.IsControl(r) && r != '\n' && r != '\t' || unicode.Is(unicode.Bidi_Control, r) {
			return -1
		}
		return r
	}, strings.ToValidUTF8(text, "\uFFFD"))
	return broadcast.ReplaceAllString(text, "@\u200b$1") // a zero width space
}
