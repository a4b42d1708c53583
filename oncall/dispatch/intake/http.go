package intake

import (
	"crypto/sha256"
	"crypto/subtle"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net/http"
	"strconv"
	"strings"

	"github.com/sre-sdk/sre"
	"github.com/sre-sdk/sre/oncall/alert"
	"github.com/sre-sdk/sre/oncall/alert/alertmanager"
	"github.com/sre-sdk/sre/oncall/alert/cloudevents"
	"github.com/sre-sdk/sre/oncall/alert/pagerduty"
)

// Limits of the handler, part of the contract. A message has at most
// alert.MaxBytes.
const (
	MaxRequest  = 64 << 10 // bytes of a request about silences
	MaxListed   = 200      // groups in one answer
	MaxMoments  = 2000     // of a timeline in one answer
	MinSecret   = 16       // bytes of a token, a routing key or a secret
	MaxSecrets  = 100      // of each sort
	retryAfter  = 2        // what an answer 503 recommends, in seconds
	maxProblems = 100      // in an answer
)

// HandlerConfig says what [Handler] serves. A way of sending for which there is
// no token, key or secret is closed.
type HandlerConfig struct {
	Intake *Intake // required

	Tokens         []string // bearer tokens of senders: Alertmanager, Grafana, CloudEvents and heartbeats
	RoutingKeys    []string // of senders of PagerDuty events, who send it in the body
	WebhookSecrets []string // that sign v3 webhooks of PagerDuty

	CloudEvents cloudevents.Mapping // which CloudEvents are alerts. Default: see cloudevents.Mapping

	// Actor says who makes a request about silences, from what the request proves.
	// An error is answered with 401. Nil: silences are only read. Reads do not ask
	// it: what is served is for whoever may reach the handler.
	Actor func(*http.Request) (sre.Actor, error)
}

// Validate reports every problem of the configuration. It repeats no secret.
func (c HandlerConfig) Validate() error {
	var p sre.Problems
	if c.Intake == nil {
		p.Add("intake", "missing", nil, "an Intake")
	}
	for _, list := range []struct {
		path    string
		secrets []string
	}{{"tokens", c.Tokens}, {"routing_keys", c.RoutingKeys}, {"webhook_secrets", c.WebhookSecrets}} {
		if len(list.secrets) > MaxSecrets {
			p.Add(list.path, "too_many", len(list.secrets), fmt.Sprintf("at most %d", MaxSecrets))
		}
		for i, s := range list.secrets {
			if len(s) < MinSecret {
				p.Add(fmt.Sprintf("%s[%d]", list.path, i), "too_short", len(s), fmt.Sprintf("at least %d bytes", MinSecret))
			}
		}
	}
	return p.Err("intake: handler")
}

// Handler returns the HTTP interface of an intake. It panics if the configuration
// is not valid; HandlerConfig.Validate says why.
//
//	POST /v1/alerts/alertmanager         webhook of Alertmanager, version 4
//	POST /v1/alerts/grafana              webhook of Grafana
//	POST /v1/alerts/cloudevents          CloudEvents 1.0, structured, batched or binary
//	POST /v2/enqueue                     events of PagerDuty's Events API v2
//	POST /v1/alerts/pagerduty            v3 webhook of PagerDuty
//	POST /v1/heartbeats/{name}           a heartbeat was heard
//	GET  /v1/groups?after=&limit=        groups, in the order of their IDs
//	GET  /v1/groups/{id}                 one
//	GET  /v1/groups/{id}/timeline        what has happened to it, and why
//	GET  /v1/silences                    silences, by ID
//	POST /v1/silences                    {"id","matchers","start","end","comment"}: make or change one
//	POST /v1/silences/{id}/expire        {"why"}: end one now
//
// Messages carry "Authorization: Bearer TOKEN", a routing key or a signature, and
// are read only if it is right. A 2xx is answered only after all alerts of a
// message that have no problem are durable; the answer lists what was wrong with
// the others, so that one of them does not make Alertmanager drop all. Errors are
// application/problem+json (RFC 9457): 503 for what sending the same again mends,
// 401 for who sends, 400, 413 and 422 for a message of which nothing could be
// taken.
func Handler(c HandlerConfig) http.Handler {
	if err := c.Validate(); err != nil {
		panic(err)
	}
	h := &handler{c: c, x: c.Intake}
	mux := http.NewServeMux()
	bearer := func(r *http.Request, _ []byte) bool { return c.bearer(r) }
	for path, one := range map[string]sender{
		"/v1/alerts/alertmanager": {early: true, allowed: bearer, read: func(_ *http.Request, body []byte) (alert.Batch, error) { return alertmanager.Read(body) }},
		"/v1/alerts/grafana":      {early: true, allowed: bearer, read: func(_ *http.Request, body []byte) (alert.Batch, error) { return alertmanager.Read(body) }},
		"/v1/alerts/cloudevents":  {early: true, allowed: bearer, read: h.cloudEvent},
		"/v2/enqueue": {
			allowed:  func(_ *http.Request, body []byte) bool { return oneOf(pagerduty.RoutingKey(body), c.RoutingKeys) },
			read:     func(_ *http.Request, body []byte) (alert.Batch, error) { return pagerduty.ReadEvent(body) },
			accepted: enqueued,
		},
		"/v1/alerts/pagerduty": {
			allowed: func(r *http.Request, body []byte) bool {
				return pagerduty.Verify(body, r.Header.Get(pagerduty.SignatureHeader), c.WebhookSecrets...) == nil
			},
			read: func(_ *http.Request, body []byte) (alert.Batch, error) { return pagerduty.ReadWebhook(body) },
		},
	} {
		mux.HandleFunc("POST "+path, h.receive(one))
	}
	mux.HandleFunc("POST /v1/heartbeats/{name}", h.beat)
	mux.HandleFunc("GET /v1/groups", h.groups)
	mux.HandleFunc("GET /v1/groups/{id}", h.group)
	mux.HandleFunc("GET /v1/groups/{id}/timeline", h.timeline)
	mux.HandleFunc("GET /v1/silences", h.silences)
	mux.HandleFunc("POST /v1/silences", h.silence)
	mux.HandleFunc("POST /v1/silences/{id}/expire", h.expire)
	return mux
}

type handler struct {
	c HandlerConfig
	x *Intake
}

// bearer reports whether a request has one of the tokens.
func (c HandlerConfig) bearer(r *http.Request) bool {
	scheme, token, _ := strings.Cut(r.Header.Get("Authorization"), " ")
	return strings.EqualFold(scheme, "Bearer") && oneOf(strings.TrimSpace(token), c.Tokens)
}

// oneOf reports whether a secret is one of a list, in a time that tells neither
// which one nor how much of it is right.
func oneOf(got string, list []string) bool {
	sum := sha256.Sum256([]byte(got))
	found := 0
	for _, want := range list {
		other := sha256.Sum256([]byte(want))
		found |= subtle.ConstantTimeCompare(sum[:], other[:])
	}
	return found == 1 && got != ""
}

// A sender is one way by which messages come.
type sender struct {
	early    bool // allowed looks at the headers only, so it is asked before the body is read
	allowed  func(r *http.Request, body []byte) bool
	read     func(r *http.Request, body []byte) (alert.Batch, error)
	accepted func(w http.ResponseWriter, b alert.Batch, receipt Receipt) // how the sender expects to be answered; nil: the receipt
}

var errSender = errors.New("intake: it is not known who sends")

func (h *handler) receive(s sender) http.HandlerFunc {
	return func(w http.ResponseWriter, r *http.Request) {
		if s.early && !s.allowed(r, nil) {
			problem(w, http.StatusUnauthorized, "not_authorized", errSender)
			return
		}
		body, whole := read(w, r, alert.MaxBytes)
		if !whole {
			return
		}
		if !s.early && !s.allowed(r, body) {
			problem(w, http.StatusUnauthorized, "not_authorized", errSender)
			return
		}
		b, wrong := s.read(r, body)
		unlisted, ok := b.Unlisted()
		pagesForRest := ok && unlisted.Status == alert.Firing // something fires for what could not be read
		if wrong != nil && len(b.Alerts) == 0 && !pagesForRest {
			problem(w, http.StatusBadRequest, "invalid_message", wrong)
			return
		}
		receipt, err := h.x.Receive(r.Context(), b)
		receipt.Problems = append(sre.ProblemsIn(wrong), receipt.Problems...)
		if n := len(receipt.Problems); n > 0 {
			h.x.c.Log.Warn("intake: a part of a message was not taken", "path", r.URL.Path, "problems", n, "first", receipt.Problems[0].Error())
		}
		switch {
		case err != nil:
			h.unavailable(w, err)
		case receipt.Alerts == 0 && len(receipt.Problems) > 0 && !pagesForRest:
			var p sre.Problems
			for _, one := range receipt.Problems {
				p.Merge("", one)
			}
			problem(w, http.StatusUnprocessableEntity, "invalid_message", p.Err("intake"))
		case s.accepted != nil:
			s.accepted(w, b, receipt)
		default:
			receipt.Problems = receipt.Problems[:min(len(receipt.Problems), maxProblems)]
			answer(w, http.StatusOK, receipt)
		}
	}
}

// read reads a body, or answers.
func read(w http.ResponseWriter, r *http.Request, limit int64) ([]byte, bool) {
	body, err := io.ReadAll(http.MaxBytesReader(w, r.Body, limit))
	var large *http.MaxBytesError
	switch {
	case errors.As(err, &large):
		problem(w, http.StatusRequestEntityTooLarge, "too_large", fmt.Errorf("intake: a body has at most %d bytes", limit))
	case err != nil:
		problem(w, http.StatusBadRequest, "invalid_request", errors.New("intake: the body could not be read"))
	default:
		return body, true
	}
	return nil, false
}

// cloudEvent tells the modes of HTTP apart: in binary mode the attributes are
// headers.
func (h *handler) cloudEvent(r *http.Request, body []byte) (alert.Batch, error) {
	if r.Header.Get("Ce-Specversion") != "" {
		return cloudevents.ReadBinary(r.Header, body, h.c.CloudEvents)
	}
	return cloudevents.Read(body, h.c.CloudEvents)
}

// enqueued answers as the Events API does.
func enqueued(w http.ResponseWriter, b alert.Batch, _ Receipt) {
	out := struct {
		Status   string `json:"status"`
		Message  string `json:"message"`
		DedupKey string `json:"dedup_key,omitempty"`
	}{"success", "Event processed", ""}
	for _, a := range b.Alerts {
		out.DedupKey = a.Annotations["dedup_key"]
	}
	answer(w, http.StatusAccepted, out)
}

func (h *handler) beat(w http.ResponseWriter, r *http.Request) {
	if !h.c.bearer(r) {
		problem(w, http.StatusUnauthorized, "not_authorized", errSender)
		return
	}
	switch err := h.x.Beat(r.Context(), r.PathValue("name")); {
	case err == nil:
		w.WriteHeader(http.StatusNoContent)
	case isRefusal(err):
		problem(w, http.StatusNotFound, "unknown_heartbeat", errors.New("intake: there is no such heartbeat"))
	default:
		h.unavailable(w, err)
	}
}

// unavailable answers what sending the same again mends. What failed inside is
// for the log.
func (h *handler) unavailable(w http.ResponseWriter, err error) {
	h.x.c.Log.Error("intake: a request failed", "error", err)
	problem(w, http.StatusServiceUnavailable, "unavailable", errors.New("intake: it may not have taken effect; send the same again"))
}

func answer(w http.ResponseWriter, status int, v any) {
	data, err := json.Marshal(v)
	if err != nil {
		problem(w, http.StatusInternalServerError, "internal", errors.New("intake: the answer cannot be written"))
		return
	}
	w.Header().Set("Content-Type", "application/json")
	w.Header().Set("Cache-Control", "no-store")
	w.WriteHeader(status)
	_, _ = w.Write(append(data, '\n')) // what was asked is durable; that the client has gone changes nothing
}

// problemJSON is application/problem+json.
type problemJSON struct {
	Title    string        `json:"title"`
	Status   int           `json:"status"`
	Detail   string        `json:"detail"`
	Code     string        `json:"code"`
	Problems []sre.Problem `json:"problems,omitempty"`
}

func problem(w http.ResponseWriter, status int, code string, err error) {
	problems := sre.ProblemsIn(err)
	detail := err.Error()
	if len(problems) > 0 {
		detail = fmt.Sprintf("intake: %d problems", len(problems))
	}
	data, _ := json.Marshal(problemJSON{http.StatusText(status), status, detail, code, problems[:min(len(problems), maxProblems)]})
	w.Header().Set("Content-Type", "application/problem+json")
	w.Header().Set("Cache-Control", "no-store")
	switch status {
	case http.StatusServiceUnavailable:
		w.Header().Set("Retry-After", strconv.Itoa(retryAfter))
	case http.StatusUnauthorized:
		w.Header().Set("WWW-Authenticate", "Bearer")
	}
	w.WriteHeader(status)
	_, _ = w.Write(append(data, '\n'))
}
