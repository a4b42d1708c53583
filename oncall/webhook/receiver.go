package webhook

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"net/http"
	"slices"
	"strconv"
	"time"

	"github.com/sre-sdk/sre"
)

// settleTime bounds the settling of a claim after the client has gone.
const settleTime = 5 * time.Second

// A ReceiverConfig says what a [Receiver] accepts. Secrets and Next are
// required.
type ReceiverConfig struct {
	// Secrets are those that may have signed, the old ones too while keys are
	// rotated.
	Secrets []Secret

	// Next handles each verified message. Its status is the answer: 2xx means
	// that the message was taken for good, so write it after the commit; with any
	// other the sender may try again. The body holds the bytes that were signed,
	// and the header Webhook-Id the identity of the message. A process that ends
	// between the commit and the answer has it handled twice, so Next should also
	// suffer the same id again.
	Next http.Handler

	// MaxBody bounds the body in bytes. Default: [MaxBody].
	MaxBody int64

	// Tolerance is between the clocks of sender and receiver, either way.
	// Default: [DefaultTolerance].
	Tolerance time.Duration

	// Remember is how long the ids of messages are remembered: at least twice
	// Tolerance, since a message may come from the future and be repeated until
	// it is of the past. Longer also spares Next the late repetitions of an honest
	// sender. Default: twice Tolerance.
	Remember time.Duration

	// Seen remembers the ids. Default: a [Memory] of [DefaultMaxSeen].
	Seen Seen

	// Now is the clock. Default: time.Now.
	Now func() time.Time

	// Log receives a warning for each refused request, without anything that
	// was not verified. Default: nothing is logged.
	Log *slog.Logger
}

// Validate reports every problem.
func (c ReceiverConfig) Validate() error {
	var p sre.Problems
	checkSecrets(&p, "secrets", c.Secrets)
	if c.Next == nil {
		p.Add("next", "missing", nil, "a handler for verified messages")
	}
	if c.MaxBody < 0 {
		p.Add("max_body", "out_of_range", c.MaxBody, "a positive number of bytes, or 0 for the default")
	}
	checkTolerance(&p, c.Tolerance)
	if tolerance := orDefault(c.Tolerance, DefaultTolerance); c.Remember != 0 && c.Remember < 2*tolerance {
		p.Add("remember", "out_of_range", c.Remember, fmt.Sprintf("at least %v, twice the tolerance, or 0 for the default", 2*tolerance))
	}
	return p.Err("webhook")
}

func orDefault[T ~int64](value, otherwise T) T {
	if value == 0 {
		return otherwise
	}
	return value
}

// A Receiver is the door for signed messages. It answers
//
//	2xx and others  what Next says
//	204             a message that was handled before
//	400             without the three headers, or with malformed ones
//	401             with a wrong signature, or too old, or of the future
//	405             not a POST
//	408             the body broke off
//	409             the same message is being handled
//	413             more bytes than MaxBody
//	503             Seen does not answer
//
// with the details of RFC 9457. To a sender that follows the specification, and to
// [Pager], all but 400, 405 and 413 mean: try again. It sets no deadlines for slow
// clients; those are the server's.
type Receiver struct{ config ReceiverConfig }

var _ http.Handler = (*Receiver)(nil)

// NewReceiver returns a Receiver, or every problem of the configuration.
func NewReceiver(c ReceiverConfig) (*Receiver, error) {
	if err := c.Validate(); err != nil {
		return nil, err
	}
	c.Secrets = slices.Clone(c.Secrets)
	c.MaxBody = orDefault(c.MaxBody, MaxBody)
	c.Tolerance = orDefault(c.Tolerance, DefaultTolerance)
	c.Remember = orDefault(c.Remember, 2*c.Tolerance)
	if c.Seen == nil {
		memory, err := NewMemory(DefaultMaxSeen)
		if err != nil {
			return nil, err
		}
		c.Seen = memory
	}
	if c.Now == nil {
		c.Now = time.Now
	}
	if c.Log == nil {
		c.Log = slog.New(slog.DiscardHandler)
	}
	return &Receiver{c}, nil
}

// ServeHTTP verifies a message and hands it on, once.
func (v *Receiver) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	if r.Method != http.MethodPost {
		w.Header().Set("Allow", http.MethodPost)
		v.refuse(w, r, http.StatusMethodNotAllowed, errors.New("webhook: messages are posted"))
		return
	}
	body, err := v.read(w, r)
	now := v.config.Now()
	if err == nil {
		err = verify(v.config.Secrets, r.Header, body, now, v.config.Tolerance)
	}
	if err != nil {
		v.refuse(w, r, statusOf(err), err)
		return
	}
	id := r.Header.Get(HeaderID)
	claim, err := v.config.Seen.Claim(r.Context(), id, now, now.Add(v.config.Remember))
	switch {
	case err != nil:
		v.config.Log.WarnContext(r.Context(), "webhook: id not claimed", "id", id, "error", err)
		refusal(w, http.StatusServiceUnavailable, "it cannot be told whether the message came before")
	case claim == Done:
		w.WriteHeader(http.StatusNoContent)
	case claim == Fresh:
		v.handle(w, r, id, body)
	default:
		w.Header().Set("Retry-After", "1")
		refusal(w, http.StatusConflict, "the same message is being handled")
	}
}

var errBody = errors.New("webhook: the body did not arrive")

func (v *Receiver) read(w http.ResponseWriter, r *http.Request) ([]byte, error) {
	var large *http.MaxBytesError
	body, err := io.ReadAll(http.MaxBytesReader(w, r.Body, v.config.MaxBody))
	switch {
	case errors.As(err, &large):
		return nil, fmt.Errorf("%w: more than %d bytes", ErrTooLarge, v.config.MaxBody)
	case err != nil:
		return nil, errBody
	}
	return body, nil
}

func statusOf(err error) int {
	switch {
	case errors.Is(err, ErrTooLarge):
		return http.StatusRequestEntityTooLarge
	case errors.Is(err, ErrSignature), errors.Is(err, ErrStale):
		return http.StatusUnauthorized
	case errors.Is(err, errBody):
		return http.StatusRequestTimeout
	}
	return http.StatusBadRequest
}

// handle calls Next and settles the claim by its status.
func (v *Receiver) handle(w http.ResponseWriter, r *http.Request, id string, body []byte) {
	next := r.WithContext(r.Context())
	next.Body = io.NopCloser(bytes.NewReader(body))
	next.ContentLength = int64(len(body))
	seen := &statusWriter{ResponseWriter: w}
	done := false
	defer func() { // also after a panic, which goes on
		ctx, cancel := context.WithTimeout(context.WithoutCancel(r.Context()), settleTime)
		defer cancel()
		if err := v.config.Seen.Settle(ctx, id, done); err != nil {
			v.config.Log.ErrorContext(ctx, "webhook: claim not settled", "id", id, "done", done, "error", err)
		}
	}()
	v.config.Next.ServeHTTP(seen, next)
	done = seen.status == 0 || seen.status/100 == 2 // net/http answers 200 where a handler writes nothing
}

func (v *Receiver) refuse(w http.ResponseWriter, r *http.Request, status int, err error) {
	v.config.Log.WarnContext(r.Context(), "webhook: message refused", "status", status, "error", err)
	refusal(w, status, err.Error())
}

// refusal writes the details of RFC 9457.
func refusal(w http.ResponseWriter, status int, detail string) {
	body, _ := json.Marshal(struct { // strings and a number always encode
		Title  string `json:"title"`
		Status int    `json:"status"`
		Detail string `json:"detail"`
	}{http.StatusText(status), status, detail})
	w.Header().Set("Content-Type", "application/problem+json")
	w.Header().Set("Content-Length", strconv.Itoa(len(body)))
	w.WriteHeader(status)
	w.Write(body)
}

// statusWriter notes the status.
type statusWriter struct {
	http.ResponseWriter
	status int
}

// WriteHeader notes the first final status.
func (s *statusWriter) WriteHeader(status int) {
	if s.status == 0 && status >= 200 {
		s.status = status
	}
	s.ResponseWriter.WriteHeader(status)
}

// Write notes 200 unless a status was written.
func (s *statusWriter) Write(b []byte) (int, error) {
	if s.status == 0 {
		s.status = http.StatusOK
	}
	return s.ResponseWriter.Write(b)
}

// Unwrap serves http.ResponseController.
func (s *statusWriter) Unwrap() http.ResponseWriter { return s.ResponseWriter }
