package pagerduty

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

	pd "github.com/PagerDuty/go-pagerduty"

	"github.com/sre-sdk/sre/oncall"
)

// ErrRoutingKey says that a routing key is not known, or that PagerDuty refuses
// it. oncall.ErrPermanent holds too.
var ErrRoutingKey = errors.New("pagerduty: the routing key is not valid")

// An Error is an answer of PagerDuty other than success.
type Error struct {
	Status  int      // of HTTP
	Reasons []string // as PagerDuty gave them, shortened, without keys

	class []error
}

// Error says what the answer was.
func (e *Error) Error() string {
	var b strings.Builder
	fmt.Fprintf(&b, "pagerduty: status %d", e.Status)
	for i, r := range e.Reasons {
		b.WriteString([]string{": ", "; "}[min(i, 1)])
		b.WriteString(r)
	}
	for _, c := range e.class {
		b.WriteString(": ")
		b.WriteString(c.Error())
	}
	return b.String()
}

// Unwrap returns the classes: oncall.ErrPermanent, ErrRoutingKey or an
// oncall.RateLimited; none means that the same may be sent again.
func (e *Error) Unwrap() []error { return e.class }

// An exchange performs the one request of a call and keeps the answer, of which
// the library passes on too little. It bounds what is read.
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

// judge says what the answer means.
func (x *exchange) judge(event pd.V2Event, now time.Time) error {
	var answer pd.V2EventResponse
	isObject := json.Unmarshal(x.body, &answer) == nil && answer.Status != ""
	e := &Error{Status: x.status}
	if isObject {
		for _, r := range append([]string{answer.Status, answer.Message}, answer.Errors...) {
			if r = hide(r); r != "" && len(e.Reasons) < maxReasons {
				e.Reasons = append(e.Reasons, r)
			}
		}
	}
	switch {
	case x.status == http.StatusAccepted:
		if answer.Status == "success" && answer.DedupKey == event.DedupKey {
			return nil
		}
		e.Reasons = append(e.Reasons, "not the answer to this event")
	case x.status == http.StatusTooManyRequests:
		e.class = []error{oncall.RateLimited{After: retryAfter(x.header, now)}}
	case x.status == http.StatusBadRequest, x.status == http.StatusRequestEntityTooLarge,
		isObject && x.status/100 == 4 && x.status != http.StatusRequestTimeout && x.status != http.StatusTooEarly:
		e.class = []error{oncall.ErrPermanent}
		text := strings.ToLower(strings.Join(e.Reasons, " "))
		aboutKey := strings.Contains(text, "routing_key") || strings.Contains(text, "routing key")
		if aboutKey || x.status == http.StatusUnauthorized || x.status == http.StatusForbidden {
			e.class = append(e.class, ErrRoutingKey)
		}
	}
	return e
}

// defaultPause is that after a 429 without a usable Retry-After. PagerDuty
// documents only "some time"; its limit is that of a minute.
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

const (
	maxReasons = 5
	maxReason  = 200 // bytes
)

var (
	routingKeyForm = regexp.MustCompile(`[A-Za-z0-9]{32,}`) // a key, also one with something around it
	controls       = regexp.MustCompile(`[\x00-\x1f\x7f]+`)
)

// hide shortens a foreign text, and takes out what is or looks like a key.
func hide(text string) string {
	text = routingKeyForm.ReplaceAllString(text, "[key]")
	return cut(strings.TrimSpace(controls.ReplaceAllString(text, " ")), maxReason)
}

// hidden is a foreign error whose text is shown without keys. The chain goes on
// for errors.Is and As, not for printing.
type hidden struct {
	text string
	err  error
}

func newHidden(prefix string, err error) error {
	var u *url.Error
	if errors.As(err, &u) {
		err = u.Err // the URL adds nothing, and a stand-in's may be private
	}
	return &hidden{text: prefix + ": " + hide(err.Error()), err: err}
}

func (h *hidden) Error() string        { return h.text }
func (h *hidden) Is(target error) bool { return errors.Is(h.err, target) }
func (h *hidden) As(target any) bool   { return errors.As(h.err, target) }
