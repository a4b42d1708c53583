package slack

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net/http"
	"net/url"
	"regexp"
	"strconv"
	"strings"
	"time"

	"github.com/sre-sdk/sre/oncall"
)

// ErrToken says that Slack refuses the token, whatever the message.
// oncall.ErrPermanent holds too.
var ErrToken = errors.New("slack: the token is refused")

// An Error is an answer of Slack other than success.
type Error struct {
	Status int    // of HTTP
	Code   string // Slack's, such as "channel_not_found"; empty if it gave none
	Needed string // the scope that is missing, if Slack says so

	class []error
}

// Error says what the answer was.
func (e *Error) Error() string {
	var b strings.Builder
	fmt.Fprintf(&b, "slack: status %d", e.Status)
	for _, text := range []string{e.Code, e.Needed} {
		if text != "" {
			b.WriteString(": " + text)
		}
	}
	for _, c := range e.class {
		b.WriteString(": " + c.Error())
	}
	return b.String()
}

// Unwrap returns the classes: oncall.ErrPermanent, ErrToken or an
// oncall.RateLimited; none means that the same may be sent again.
func (e *Error) Unwrap() []error { return e.class }

// An exchange performs the one request of a call and keeps the answer. It bounds
// what is read.
type exchange struct {
	http   *http.Client
	err    error
	status int
	header http.Header
	body   []byte
}

// Do performs the request.
func (x *exchange) Do(r *http.Request) (*http.Response, error) {
	response, err := x.http.Do(r)
	if err != nil {
		x.err = err
		return nil, err
	}
	defer response.Body.Close()
	body, err := io.ReadAll(io.LimitReader(response.Body, MaxAnswer+1))
	if err == nil && len(body) > MaxAnswer {
		err = fmt.Errorf("the answer is longer than %d bytes", MaxAnswer)
	}
	if err != nil {
		x.err = err
		return nil, err
	}
	x.status, x.header, x.body = response.StatusCode, response.Header, body
	response.Body = io.NopCloser(bytes.NewReader(body))
	return response, nil
}

// codes are the answers that are final or ask for a pause. Any other code, such
// as internal_error or fatal_error, may be another one next time.
var codes = func() map[string][]error {
	m := map[string][]error{}
	for _, c := range []struct {
		names string
		class []error
	}{
		{`channel_not_found user_not_found user_disabled is_archived not_in_channel no_permission
			messages_tab_disabled cannot_dm_bot channel_type_not_supported team_not_found
			access_denied ekm_access_denied as_user_not_supported`, []error{oncall.ErrPermanent}},
		{`msg_too_long msg_too_large msg_blocks_too_long no_text too_many_attachments too_many_contact_cards
			invalid_blocks invalid_blocks_format invalid_metadata_format invalid_metadata_schema
			metadata_too_large metadata_must_be_sent_from_app
			duplicate_channel_not_found duplicate_message_not_found
			invalid_arguments invalid_arg_name invalid_array_arg invalid_charset invalid_form_data
			invalid_post_type missing_post_type`, []error{oncall.ErrPermanent}},
		{`not_authed invalid_auth account_inactive token_revoked token_expired missing_scope
			not_allowed_token_type two_factor_setup_required enterprise_is_restricted
			team_access_not_granted accesslimited method_deprecated deprecated_endpoint`, []error{oncall.ErrPermanent, ErrToken}},
		{`ratelimited rate_limited message_limit_exceeded`, []error{oncall.RateLimited{}}}, // its length comes from the header
	} {
		for _, name := range strings.Fields(c.names) {
			m[name] = c.class
		}
	}
	return m
}()

// families are codes of which Slack has added variants.
var families = []string{"restricted_action", "slack_connect_"}

// judge says what the answer to a message means.
func (x *exchange) judge(now time.Time) (ts string, err error) {
	var answer struct {
		OK     bool   `json:"ok"`
		TS     string `json:"ts"`
		Error  string `json:"error"`
		Needed string `json:"needed"`
	}
	e := &Error{Status: x.status}
	if json.Unmarshal(x.body, &answer) == nil && !answer.OK {
		e.Code, e.Needed = word(answer.Error), word(answer.Needed)
		e.class = classify(e.Code)
	}
	var limit oncall.RateLimited
	switch {
	case x.status == http.StatusOK && answer.OK && tsForm.MatchString(answer.TS):
		return answer.TS, nil
	case x.status == http.StatusTooManyRequests, errors.As(e, &limit):
		e.class = []error{oncall.RateLimited{After: retryAfter(x.header, now)}}
	case x.status >= 500:
		e.class = nil // whatever its body says, something is broken
	}
	return "", e
}

func classify(code string) []error {
	for _, f := range families {
		if strings.HasPrefix(code, f) {
			return []error{oncall.ErrPermanent}
		}
	}
	return codes[code]
}

var (
	tsForm   = regexp.MustCompile(`^[0-9]{1,20}\.[0-9]{1,10}$`)
	wordForm = regexp.MustCompile(`^[a-z0-9_.:, ]{1,100}$`)
)

// word returns a foreign code, if it is one.
func word(text string) string {
	if wordForm.MatchString(text) {
		return text
	}
	return ""
}

// defaultPause is that after a limit without a usable Retry-After. Slack always
// sends one with a 429, mostly 1 to 30.
const defaultPause = 15 * time.Second

// retryAfter reads seconds or a date (RFC 9110, 10.2.3).
func retryAfter(h http.Header, now time.Time) time.Duration {
	text := strings.TrimSpace(h.Get("Retry-After"))
	pause := time.Duration(0)
	if seconds, err := strconv.ParseUint(text, 10, 32); err == nil {
		pause = time.Duration(seconds) * time.Second
	} else if at, err := http.ParseTime(text); err == nil {
		pause = at.Sub(now)
	}
	if pause <= 0 {
		return defaultPause
	}
	return min(pause, MaxRetryAfter)
}

// tokenForm is what may be a token of Slack.
var tokenForm = regexp.MustCompile(`xox[a-z]*[-.][A-Za-z0-9.-]+`)

// hidden is a foreign error whose text is shown without tokens. The chain goes
// on for errors.Is and As, not for printing.
type hidden struct {
	text string
	err  error
}

func newHidden(prefix string, err error, token string) error {
	var u *url.Error
	if errors.As(err, &u) {
		err = u.Err // the URL adds nothing, and a stand-in's may be private
	}
	text := strings.ReplaceAll(err.Error(), token, "[token]")
	text = tokenForm.ReplaceAllString(text, "[token]")
	return &hidden{text: prefix + ": " + fit(clean(text), 300), err: err}
}

func (h *hidden) Error() string        { return h.text }
func (h *hidden) Is(target error) bool { return errors.Is(h.err, target) }
func (h *hidden) As(target any) bool   { return errors.As(h.err, target) }
