package slack

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net/http"
	"regexp"
	"strconv"
	"strings"
	"time"

	"github.com/sre-sdk/sre/incident"
)

// ErrToken says that Slack refuses the token, whatever the call.
// incident.ErrPermanent holds too.
var ErrToken = errors.New("slack: the token is refused")

// An Error is an answer of Slack other than success, or what stands for one.
type Error struct {
	Status int    // of HTTP; 0 if there was no answer
	Code   string // Slack's, such as "channel_not_found"; empty if it gave none
	Needed string // the scope that is missing, if Slack says so
	Reason string // why nothing was sent

	class []error
}

// Error says what the answer was.
func (e *Error) Error() string {
	parts := []string{"slack"}
	if e.Status != 0 {
		parts = append(parts, "status "+strconv.Itoa(e.Status))
	}
	for _, text := range []string{e.Code, e.Needed, e.Reason} {
		if text != "" {
			parts = append(parts, text)
		}
	}
	for _, c := range e.class {
		parts = append(parts, c.Error())
	}
	return strings.Join(parts, ": ")
}

// Unwrap returns the classes: incident.ErrPermanent, ErrToken or an
// incident.RateLimited; none means that the same may be sent again.
func (e *Error) Unwrap() []error { return e.class }

func impossible(reason string) *Error {
	return &Error{Reason: reason, class: []error{incident.ErrPermanent}}
}

// An exchange performs the one request of a call and keeps the answer. It bounds
// what is read.
type exchange struct {
	http   *http.Client
	status int
	header http.Header
	body   []byte
}

// Do performs the request.
func (x *exchange) Do(r *http.Request) (*http.Response, error) {
	response, err := x.http.Do(r)
	if err != nil {
		return nil, err
	}
	defer response.Body.Close()
	body, err := io.ReadAll(io.LimitReader(response.Body, MaxAnswer+1))
	if err == nil && len(body) > MaxAnswer {
		err = fmt.Errorf("the answer is longer than %d bytes", MaxAnswer)
	}
	if err != nil {
		return nil, err
	}
	x.status, x.header, x.body = response.StatusCode, response.Header, body
	response.Body = io.NopCloser(bytes.NewReader(body))
	return response, nil
}

// codes are the answers that are final. Any other code, such as internal_error
// or fatal_error, may be another one next time.
var codes = func() map[string][]error {
	m := map[string][]error{}
	for _, c := range []struct {
		names string
		class []error
	}{
		{`channel_not_found not_in_channel is_archived already_archived name_taken
			user_not_found user_disabled users_not_found no_user already_in_channel cant_invite cant_invite_self
			user_is_restricted user_is_ultra_restricted ura_max_channels external_team_unavailable
			no_permission access_denied ekm_access_denied method_not_supported_for_channel_type channel_type_not_supported
			cant_archive_general cant_archive_required too_long topic_too_long
			msg_too_long msg_too_large no_text invalid_name invalid_name_maxlength invalid_name_punctuation invalid_name_required invalid_name_specials
			invalid_users invalid_arguments invalid_arg_name invalid_array_arg invalid_charset invalid_form_data
			invalid_post_type missing_post_type no_channel too_many_convos_for_team
			too_many_members team_not_found`, []error{incident.ErrPermanent}},
		{`not_authed invalid_auth account_inactive token_revoked token_expired missing_scope
			not_allowed_token_type two_factor_setup_required enterprise_is_restricted
			team_access_not_granted accesslimited method_deprecated deprecated_endpoint`, []error{incident.ErrPermanent, ErrToken}},
	} {
		for _, name := range strings.Fields(c.names) {
			m[name] = c.class
		}
	}
	return m
}()

// aboutUser are codes of an invitation that say nothing of the channel.
var aboutUser = map[string]bool{
	"user_not_found": true, "user_disabled": true, "users_not_found": true, "no_user": true, "already_in_channel": true, "cant_invite": true,
	"cant_invite_self": true, "user_is_restricted": true, "user_is_ultra_restricted": true, "ura_max_channels": true, "invalid_users": true,
}

// judge returns nil if the answer is a success.
func (x *exchange) judge(now time.Time) error {
	var answer struct {
		OK     bool   `json:"ok"`
		Error  string `json:"error"`
		Needed string `json:"needed"`
	}
	e := &Error{Status: x.status}
	if json.Unmarshal(x.body, &answer) == nil && !answer.OK {
		e.Code, e.Needed = word(answer.Error), word(answer.Needed)
		e.class = codes[e.Code]
		if strings.HasPrefix(e.Code, "restricted_action") || strings.HasPrefix(e.Code, "slack_connect_") {
			e.class = []error{incident.ErrPermanent} // codes of which Slack has added variants
		}
	}
	switch {
	case x.status == http.StatusOK && answer.OK:
		return nil
	case x.status == http.StatusTooManyRequests, e.Code == "ratelimited", e.Code == "rate_limited", e.Code == "message_limit_exceeded":
		e.class = []error{incident.RateLimited{After: retryAfter(x.header, now)}}
	case x.status >= 500:
		e.class = nil // whatever its body says, something is broken
	}
	return e
}

var wordForm = regexp.MustCompile(`^[a-z0-9_.:, ]{1,100}$`)

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
