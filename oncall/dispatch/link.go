package dispatch

import (
	"crypto/hmac"
	"crypto/sha256"
	"encoding/base64"
	"encoding/json"
	"errors"
	"fmt"
	"net/url"
	"slices"
	"strings"
	"time"

	"github.com/sre-sdk/sre"
)

// An Action is what a link does for its person, once the person has confirmed
// it.
type Action string

const (
	ActionAck     Action = "ack"
	ActionRespond Action = "respond"
	ActionResolve Action = "resolve"
)

func (a Action) valid() bool { return a == ActionAck || a == ActionRespond || a == ActionResolve }

// Limits of links, part of the contract.
const (
	MinLinkKey  = 32 // bytes of a key
	MaxLinkKeys = 8
	MaxToken    = 1024 // bytes
)

// DefaultLinkValid is for how long a link works.
const DefaultLinkValid = 24 * time.Hour

// Links make and read links with which one person acts on one escalation
// without signing in: who has the link is that person. So they go only where the
// page itself goes.
type Links struct {
	// URL is where [Handler] is served, such as "https://pager.example/". Required
	// for making links.
	URL string

	// Keys sign: the first one new links, each those that it has signed. To rotate,
	// put a new one in front and drop the last after Valid. Each of at least
	// MinLinkKey random bytes. Required.
	Keys [][]byte

	// Valid is for how long a link works. Default: DefaultLinkValid.
	Valid time.Duration

	// Action is what the links of Page do. Default: ActionAck.
	Action Action
}

// Validate reports every problem of the links.
func (l *Links) Validate() error {
	var p sre.Problems
	if len(l.Keys) == 0 || len(l.Keys) > MaxLinkKeys {
		p.Add("keys", "out_of_range", len(l.Keys), fmt.Sprintf("1 to %d keys", MaxLinkKeys))
	}
	for i, key := range l.Keys {
		if len(key) < MinLinkKey {
			p.Add(fmt.Sprintf("keys[%d]", i), "too_short", len(key), fmt.Sprintf("at least %d random bytes", MinLinkKey))
		}
	}
	if l.URL != "" {
		if u, err := url.Parse(l.URL); err != nil || u.Scheme != "https" && u.Scheme != "http" || u.Host == "" || u.RawQuery != "" || u.Fragment != "" {
			p.Add("url", "invalid_url", l.URL, "an absolute http(s) URL without query")
		}
	}
	if l.Valid < 0 {
		p.Add("valid", "out_of_range", l.Valid, "a positive duration")
	}
	if l.Action != "" && !l.Action.valid() {
		p.Add("action", "unknown_action", l.Action, "ack, respond or resolve")
	}
	return p.Err("dispatch: links")
}

// A Grant is what a link allows.
type Grant struct {
	Escalation string    `json:"e"`
	Person     string    `json:"p"`
	Action     Action    `json:"a"`
	Expires    time.Time `json:"x"`
}

// ErrToken: the token was not signed by one of the keys, or is not one.
var ErrToken = errors.New("dispatch: the link is not valid")

// ErrExpired: the token was valid once.
var ErrExpired = errors.New("dispatch: the link has expired")

// Token returns the signed token of a grant.
func (l *Links) Token(g Grant) (string, error) {
	if err := l.Validate(); err != nil {
		return "", err
	}
	if !sre.ValidID(g.Escalation) || !sre.ValidID(g.Person) || !g.Action.valid() || g.Expires.IsZero() {
		return "", fmt.Errorf("dispatch: %w", sre.NewProblem("grant", "invalid_grant", g.Action, "an escalation, a person, an action and when it expires"))
	}
	g.Expires = g.Expires.UTC().Truncate(time.Second)
	data, err := json.Marshal(g)
	if err != nil {
		return "", err
	}
	return encoding.EncodeToString(data) + "." + encoding.EncodeToString(sign(l.Keys[0], data)), nil
}

var encoding = base64.RawURLEncoding.Strict()

// linkDomain keeps the signatures of links apart from others made with a key.
const linkDomain = "sre oncall/dispatch link 1\x00"

func sign(key, data []byte) []byte {
	h := hmac.New(sha256.New, key)
	h.Write([]byte(linkDomain))
	h.Write(data)
	return h.Sum(nil)
}

// Open returns what a token grants at an instant. Nothing of it is looked at
// before the signature. A token that has expired is [ErrExpired], along with its
// grant; anything else that is wrong is [ErrToken].
func (l *Links) Open(token string, now time.Time) (Grant, error) {
	if len(token) > MaxToken {
		return Grant{}, ErrToken
	}
	signed, mac, _ := strings.Cut(token, ".")
	data, err := encoding.DecodeString(signed)
	got, macErr := encoding.DecodeString(mac)
	if err != nil || macErr != nil {
		return Grant{}, ErrToken
	}
	valid := false
	for _, key := range l.Keys { // all of them, so that the time does not tell which
		same := hmac.Equal(sign(key, data), got)
		valid = valid || same && len(key) >= MinLinkKey
	}
	var g Grant
	if !valid || json.Unmarshal(data, &g) != nil || !g.Action.valid() {
		return Grant{}, ErrToken
	}
	if !now.Before(g.Expires) {
		return g, ErrExpired
	}
	return g, nil
}

// Page returns the link for a page, for Config.Link. It is the same whenever the
// page is sent again. If it cannot be made it is the link of the trigger.
func (l *Links) Page(p Page) string {
	valid, action := l.Valid, l.Action
	if valid == 0 {
		valid = DefaultLinkValid
	}
	if action == "" {
		action = ActionAck
	}
	token, err := l.Token(Grant{p.Escalation, p.Person, action, p.At.Add(valid)})
	if err != nil || l.URL == "" {
		return p.Link
	}
	return strings.TrimSuffix(l.URL, "/") + linkPath + token
}

// linkPath is where links lead, below the URL of the handler.
const linkPath = "/act/"

// clone returns links that share nothing with l.
func (l *Links) clone() *Links {
	c := *l
	c.Keys = slices.Clone(l.Keys)
	for i := range c.Keys {
		c.Keys[i] = slices.Clone(c.Keys[i])
	}
	return &c
}
