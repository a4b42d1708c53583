package slack

import (
	"bytes"
	"context"
	"crypto/hmac"
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"fmt"
	"io"
	"mime"
	"net/http"
	"net/url"
	"regexp"
	"strconv"
	"strings"
	"time"

	"github.com/sre-sdk/sre"
)

// Limits of the handler, part of the contract.
const (
	MaxBody             = 256 << 10               // bytes of a request; Slack sends the message along
	MaxSkew             = 5 * time.Minute         // of a signed timestamp, as Slack recommends
	DefaultPressTimeout = 2500 * time.Millisecond // Slack waits 3 s
)

// A Press is one press of an Acknowledge button, as Slack tells it.
type Press struct {
	ID      string    // the same when the same press is told again
	Key     string    // of the delivery
	Team    string    // ID of the workspace, or of the organization for an app that is installed there
	User    string    // ID of who pressed
	Channel string    // ID of the conversation; an address, so do not log it
	Message string    // timestamp of the message, the ID of the receipt
	At      time.Time // by Slack's clock
}

// Actor returns who pressed. To act for a person, look up who that is.
func (p Press) Actor() sre.Actor {
	return sre.Actor{Kind: sre.Human, ID: "slack:" + p.Team + "/" + p.User, Via: "slack"}
}

// HandlerConfig says how to take presses.
type HandlerConfig struct {
	// SigningSecret is that of the app. Required.
	SigningSecret string

	// Acknowledge makes a press durable, and returns nil only when it is. It says
	// whether this user may, and returns nil for a press that has already
	// counted. It is called concurrently, and soon ends after its context. Its
	// error is shown to nobody. Required.
	Acknowledge func(ctx context.Context, p Press) error

	// Next gets the signed requests that are not about this package's buttons,
	// since an app has one endpoint for all its interactions. Default: 404, which
	// Slack shows as a warning to who pressed.
	Next http.Handler

	// Timeout bounds Acknowledge. Default: DefaultPressTimeout.
	Timeout time.Duration

	// Now is the clock of the replay window. Default: time.Now.
	Now func() time.Time
}

// String leaves the secret out.
func (c HandlerConfig) String() string { return "slack.HandlerConfig" }

// GoString leaves it out as well, for %#v.
func (c HandlerConfig) GoString() string { return c.String() }

// Validate reports every problem. The secret is not repeated.
func (c HandlerConfig) Validate() error {
	var problems sre.Problems
	if len(c.SigningSecret) < 16 || strings.ContainsFunc(c.SigningSecret, notPrintable) {
		problems.Add("signing_secret", "invalid", nil, "the signing secret of the app")
	}
	if c.Acknowledge == nil {
		problems.Add("acknowledge", "missing", nil, "a function")
	}
	if c.Timeout < 0 {
		problems.Add("timeout", "out_of_range", c.Timeout, "a positive duration, or 0 for the default")
	}
	return problems.Err("slack")
}

type handler struct{ config HandlerConfig }

// NewHandler returns the endpoint for an app's "Interactivity Request URL", or
// every problem of the configuration. It answers 200 only after Acknowledge has
// returned nil, 500 if it returned an error, 401 to what Slack has not signed or
// too long ago, and other 4xx to what is not understood, as problem details (RFC
// 9457). A press of the link button is answered 200 and does nothing.
func NewHandler(c HandlerConfig) (http.Handler, error) {
	if err := c.Validate(); err != nil {
		return nil, err
	}
	if c.Timeout == 0 {
		c.Timeout = DefaultPressTimeout
	}
	if c.Now == nil {
		c.Now = time.Now
	}
	return &handler{c}, nil
}

// String names the type only: the fields hold a secret.
func (h *handler) String() string { return "slack.Handler" }

// GoString does as well, for %#v.
func (h *handler) GoString() string { return "slack.Handler" }

func (h *handler) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	if r.Method != http.MethodPost {
		w.Header().Set("Allow", http.MethodPost)
		problem(w, http.StatusMethodNotAllowed, "only a POST acts")
		return
	}
	body, err := io.ReadAll(io.LimitReader(r.Body, MaxBody+1))
	switch {
	case err != nil:
		problem(w, http.StatusBadRequest, "the body ended early")
		return
	case len(body) > MaxBody:
		problem(w, http.StatusRequestEntityTooLarge, fmt.Sprintf("at most %d bytes", MaxBody))
		return
	}
	if !h.signed(r.Header, body) {
		problem(w, http.StatusUnauthorized, "not signed, or not now")
		return
	}
	i, ours, err := parse(r.Header, body)
	switch {
	case err != nil:
		problem(w, http.StatusBadRequest, err.Error())
	case ours:
		h.act(w, r, i)
	case h.config.Next != nil:
		r.Body = io.NopCloser(bytes.NewReader(body))
		h.config.Next.ServeHTTP(w, r)
	default:
		problem(w, http.StatusNotFound, "no such action")
	}
}

// signed checks the signature v0 of Slack, which covers timestamp and body.
func (h *handler) signed(header http.Header, body []byte) bool {
	stamps, signatures := header.Values("X-Slack-Request-Timestamp"), header.Values("X-Slack-Signature")
	if len(stamps) != 1 || len(signatures) != 1 {
		return false
	}
	m := hmac.New(sha256.New, []byte(h.config.SigningSecret))
	m.Write([]byte("v0:" + stamps[0] + ":"))
	m.Write(body)
	right := hmac.Equal([]byte("v0="+hex.EncodeToString(m.Sum(nil))), []byte(signatures[0]))
	seconds, err := strconv.ParseUint(stamps[0], 10, 40)
	if err != nil {
		return false
	}
	return right && h.config.Now().Sub(time.Unix(int64(seconds), 0)).Abs() <= MaxSkew
}

// interaction is the part of Slack's payload that counts here.
type interaction struct {
	Type       string              `json:"type"`
	Team       struct{ ID string } `json:"team"`
	Enterprise struct{ ID string } `json:"enterprise"`
	User       struct{ ID string } `json:"user"`
	Channel    struct{ ID string } `json:"channel"`
	Container  struct {
		Message string `json:"message_ts"`
		Channel string `json:"channel_id"`
	} `json:"container"`
	Actions []struct {
		ID    string `json:"action_id"`
		Value string `json:"value"`
		At    string `json:"action_ts"`
	} `json:"actions"`
}

// parse reads a signed body and says whether its actions are those of this
// package.
func parse(header http.Header, body []byte) (i interaction, ours bool, err error) {
	if kind, _, err := mime.ParseMediaType(header.Get("Content-Type")); err != nil || kind != "application/x-www-form-urlencoded" {
		return i, false, nil // such as an event in JSON
	}
	form, err := url.ParseQuery(string(body))
	if err != nil {
		return i, false, fmt.Errorf("the form cannot be read")
	}
	payload := form["payload"]
	if len(payload) == 0 {
		return i, false, nil // such as a slash command
	}
	if len(payload) != 1 || json.Unmarshal([]byte(payload[0]), &i) != nil {
		return i, false, fmt.Errorf("the payload cannot be read")
	}
	if i.Type != "block_actions" {
		return i, false, nil
	}
	for _, a := range i.Actions {
		if a.ID != ActionAcknowledge && a.ID != ActionShow {
			return i, false, nil
		}
	}
	return i, len(i.Actions) > 0, nil
}

var idForm = regexp.MustCompile(`^[A-Za-z0-9]{1,40}$`)

// act calls back for each press; nothing is answered before all are durable.
func (h *handler) act(w http.ResponseWriter, r *http.Request, i interaction) {
	ctx, cancel := context.WithTimeout(r.Context(), h.config.Timeout)
	defer cancel()
	for _, a := range i.Actions {
		if a.ID == ActionShow {
			continue // Slack tells of it, the browser has opened the link
		}
		p := Press{Key: a.Value, Team: i.Team.ID, User: i.User.ID, Channel: i.Channel.ID, Message: i.Container.Message, At: instant(a.At)}
		if p.Team == "" {
			p.Team = i.Enterprise.ID
		}
		if p.Channel == "" {
			p.Channel = i.Container.Channel
		}
		p.ID = strings.Join([]string{p.User, p.Message, a.At}, ":")
		if p.Key == "" || !idForm.MatchString(p.Team) || !idForm.MatchString(p.User) {
			problem(w, http.StatusBadRequest, "the press does not say who pressed what")
			return
		}
		if err := h.config.Acknowledge(ctx, p); err != nil {
			problem(w, http.StatusInternalServerError, "not acknowledged; press again")
			return
		}
	}
	w.WriteHeader(http.StatusOK)
}

// instant reads a timestamp of Slack, seconds with six decimals; zero if it is
// none.
func instant(ts string) time.Time {
	whole, part, _ := strings.Cut(ts, ".")
	seconds, err := strconv.ParseUint(whole, 10, 40)
	if err != nil {
		return time.Time{}
	}
	micros, err := strconv.ParseUint(part, 10, 32)
	if len(part) != 6 || err != nil {
		micros = 0
	}
	return time.Unix(int64(seconds), int64(micros)*1000).UTC()
}

func problem(w http.ResponseWriter, status int, detail string) {
	w.Header().Set("Content-Type", "application/problem+json")
	w.Header().Set("Cache-Control", "no-store")
	w.WriteHeader(status)
	json.NewEncoder(w).Encode(map[string]any{"type": "about:blank", "title": http.StatusText(status), "status": status, "detail": detail})
}
