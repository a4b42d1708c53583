package dispatch

import (
	"bytes"
	"context"
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"mime"
	"net/http"
	"strconv"
	"time"

	"github.com/sre-sdk/sre"
	"github.com/sre-sdk/sre/oncall/escalation"
	"github.com/sre-sdk/sre/storage"
)

// Limits of the handler, part of the contract.
const (
	MaxRequest  = 64 << 10 // bytes of a request's body
	MaxIdemKey  = 255      // bytes of an Idempotency-Key
	MaxListed   = 200      // escalations in one answer
	MaxMoments  = 2000     // of a timeline in one answer
	retryAfterS = 2        // what an answer 503 recommends, in seconds
)

// HandlerConfig says what [Handler] serves.
type HandlerConfig struct {
	Dispatcher *Dispatcher // required

	// Actor says who makes a request, from what the request proves: a session, a
	// client certificate, a signature. An error is answered with 401. Nil: all
	// writes but those by link are refused. Reads do not ask it: what is served is
	// for whoever may reach the handler.
	Actor func(*http.Request) (sre.Actor, error)

	// Links, if not nil, serves acknowledgement by link.
	Links *Links
}

// Validate reports every problem of the configuration.
func (c HandlerConfig) Validate() error {
	var p sre.Problems
	if c.Dispatcher == nil {
		p.Add("dispatcher", "missing", nil, "a Dispatcher")
	}
	if c.Links != nil {
		p.Merge("links", c.Links.Validate())
	}
	return p.Err("dispatch: handler")
}

// Handler returns the HTTP interface of a dispatcher. It panics if the
// configuration is not valid; HandlerConfig.Validate says why.
//
//	POST /v1/escalations                   {"policy","id","severity","title","body","link"}: trigger
//	GET  /v1/escalations?after=&limit=     those that are not resolved, in the order of their IDs
//	GET  /v1/escalations/{id}              one
//	GET  /v1/escalations/{id}/timeline     what has happened to it, and why
//	POST /v1/escalations/{id}/ack          {"note"}
//	POST /v1/escalations/{id}/respond      {"note"}
//	POST /v1/escalations/{id}/snooze       {"until","note"}
//	POST /v1/escalations/{id}/escalate     {"to","note"}
//	POST /v1/escalations/{id}/handoff      {"to","note"}
//	POST /v1/escalations/{id}/resolve      {"note"}
//	POST /v1/escalations/{id}/notes        {"note"}
//	POST /v1/escalations/{id}/severity     {"severity","note"}
//	POST /v1/escalations/{id}/edit         {}: to the version of the policy that is in use
//	GET  /v1/dead-letters                  deliveries that were given up
//	GET  /act/{token}                      a page with a button: changes nothing, whoever opens it
//	POST /act/{token}                      does what the link says
//
// An ID in a path is percent-encoded. Bodies are JSON of at most MaxRequest
// bytes, without unknown fields, with the Content-Type application/json or none; a
// write that needs nothing may have no body. A severity is a number, 1 the worst;
// until is an instant of RFC 3339. An Idempotency-Key makes a request safe to send
// again: it counts for the actor, the path and the key together.
//
// A 2xx is answered only after what was asked is durable. Errors are
// application/problem+json (RFC 9457) with the fields code and problems; a 503
// may have taken effect, and sending the same again mends it. A 401 or 403 is
// about who asks, 404 and 409 about the escalation, 400, 413, 415 and 422 about
// the request.
func Handler(c HandlerConfig) http.Handler {
	if err := c.Validate(); err != nil {
		panic(err)
	}
	h := &handler{d: c.Dispatcher, actor: c.Actor}
	mux := http.NewServeMux()
	mux.HandleFunc("GET /v1/escalations", h.list)
	mux.HandleFunc("GET /v1/escalations/{id}", h.get)
	mux.HandleFunc("GET /v1/escalations/{id}/timeline", h.timeline)
	mux.HandleFunc("GET /v1/dead-letters", h.deadLetters)
	mux.HandleFunc("POST /v1/escalations", h.write(h.trigger))
	for name, do := range map[string]write{
		"ack":      func(r *request) (Escalation, error) { return h.d.Ack(r.ctx, r.id, r.command) },
		"respond":  func(r *request) (Escalation, error) { return h.d.Respond(r.ctx, r.id, r.command) },
		"snooze":   func(r *request) (Escalation, error) { return h.d.Snooze(r.ctx, r.id, r.body.Until, r.command) },
		"escalate": func(r *request) (Escalation, error) { return h.d.Escalate(r.ctx, r.id, r.body.To, r.command) },
		"handoff":  func(r *request) (Escalation, error) { return h.d.HandOff(r.ctx, r.id, r.body.To, r.command) },
		"resolve":  func(r *request) (Escalation, error) { return h.d.Resolve(r.ctx, r.id, r.command) },
		"notes":    func(r *request) (Escalation, error) { return h.d.AddNote(r.ctx, r.id, r.command) },
		"severity": func(r *request) (Escalation, error) {
			return h.d.SetSeverity(r.ctx, r.id, r.body.Severity, r.command)
		},
		"edit": func(r *request) (Escalation, error) { return h.d.Edit(r.ctx, r.id, r.command) },
	} {
		mux.HandleFunc("POST /v1/escalations/{id}/"+name, h.write(do))
	}
	if c.Links != nil {
		l := &linkHandler{h.d, c.Links.clone()}
		mux.HandleFunc("GET "+linkPath+"{token}", l.show)
		mux.HandleFunc("POST "+linkPath+"{token}", l.do)
	}
	return mux
}

type handler struct {
	d     *Dispatcher
	actor func(*http.Request) (sre.Actor, error)
}

// body is that of all writes; each takes only its own fields, named in takes.
type body struct {
	Policy   string       `json:"policy"`
	ID       string       `json:"id"`
	Severity sre.Severity `json:"severity"`
	Title    string       `json:"title"`
	Body     string       `json:"body"`
	Link     string       `json:"link"`
	Note     string       `json:"note"`
	To       string       `json:"to"`
	Until    time.Time    `json:"until"`
}

// takes are the fields that a write takes, by the last part of its path.
var takes = map[string][]string{
	"escalations": {"policy", "id", "severity", "title", "body", "link"},
	"ack":         {"note"}, "respond": {"note"}, "resolve": {"note"}, "notes": {"note"},
	"snooze": {"until", "note"}, "escalate": {"to", "note"}, "handoff": {"to", "note"},
	"severity": {"severity", "note"}, "edit": {},
}

// request is a write that was read and whose actor is known.
type request struct {
	ctx     context.Context
	id      string
	command Command
	body    body
}

type write func(*request) (Escalation, error)

// write reads a request, does it, and answers with how the escalation stands.
func (h *handler) write(do write) http.HandlerFunc {
	return func(w http.ResponseWriter, r *http.Request) {
		actor, status, err := h.who(r)
		if err != nil {
			problem(w, status, "not_authorized", err)
			return
		}
		req := request{ctx: r.Context(), id: r.PathValue("id"), command: Command{Actor: actor}}
		if status, err := req.read(w, r); err != nil {
			problem(w, status, "invalid_request", err)
			return
		}
		e, err := do(&req)
		if err != nil {
			fail(w, err)
			return
		}
		answer(w, http.StatusOK, e)
	}
}

func (h *handler) who(r *http.Request) (actor sre.Actor, status int, err error) {
	if h.actor == nil {
		return actor, http.StatusForbidden, errors.New("dispatch: writes are not served here")
	}
	if actor, err = h.actor(r); err != nil {
		return actor, http.StatusUnauthorized, errors.New("dispatch: it is not known who asks") // not why: that is for the log of who decided it
	}
	if !actor.Valid() {
		return actor, http.StatusForbidden, errors.New("dispatch: the actor is not valid")
	}
	return actor, 0, nil
}

func (req *request) read(w http.ResponseWriter, r *http.Request) (status int, err error) {
	if t := r.Header.Get("Content-Type"); t != "" {
		if media, _, err := mime.ParseMediaType(t); err != nil || media != "application/json" {
			return http.StatusUnsupportedMediaType, errors.New("dispatch: the body must be application/json")
		}
	}
	data, err := io.ReadAll(http.MaxBytesReader(w, r.Body, MaxRequest))
	var large *http.MaxBytesError
	if errors.As(err, &large) {
		return http.StatusRequestEntityTooLarge, fmt.Errorf("dispatch: a body has at most %d bytes", MaxRequest)
	}
	if err != nil {
		return http.StatusBadRequest, errors.New("dispatch: the body could not be read")
	}
	if len(bytes.TrimSpace(data)) > 0 {
		if err := strictly(data, &req.body, takes[lastPart(r)]); err != nil {
			return http.StatusBadRequest, err
		}
	}
	req.command.Note = req.body.Note
	key := r.Header.Get("Idempotency-Key")
	if len(key) > MaxIdemKey {
		return http.StatusBadRequest, fmt.Errorf("dispatch: an Idempotency-Key has at most %d bytes", MaxIdemKey)
	}
	if key != "" {
		sum := sha256.Sum256([]byte(req.command.Actor.Kind.String() + "\x00" + req.command.Actor.ID + "\x00" + r.URL.Path + "\x00" + key))
		req.command.Key = "http-" + hex.EncodeToString(sum[:16])
	}
	return 0, nil
}

// lastPart returns the last part of the pattern, which names the write.
func lastPart(r *http.Request) string {
	for i := len(r.Pattern) - 1; i >= 0; i-- {
		if r.Pattern[i] == '/' {
			return r.Pattern[i+1:]
		}
	}
	return ""
}

// strictly decodes one JSON object that has no fields but these.
func strictly(data []byte, v any, fields []string) error {
	var all map[string]json.RawMessage
	d := json.NewDecoder(bytes.NewReader(data))
	if err := d.Decode(&all); err != nil {
		return fmt.Errorf("dispatch: the body is no JSON object: %w", err)
	}
	if _, err := d.Token(); !errors.Is(err, io.EOF) {
		return errors.New("dispatch: the body must be one JSON object")
	}
	var p sre.Problems
	known := map[string]bool{}
	for _, f := range fields {
		known[f] = true
	}
	for f := range all {
		if !known[f] {
			p.Add(f, "unknown_field", nil, fmt.Sprintf("one of %v", fields))
		}
	}
	if err := p.Err("dispatch"); err != nil {
		return err
	}
	err := json.Unmarshal(data, v)
	var wrong *json.UnmarshalTypeError
	switch {
	case errors.As(err, &wrong) && wrong.Field == "severity":
		return fmt.Errorf("dispatch: %w", sre.NewProblem(wrong.Field, "invalid_type", wrong.Value, "a number from 0 to 255, 1 is the worst"))
	case errors.As(err, &wrong):
		return fmt.Errorf("dispatch: %w", sre.NewProblem(wrong.Field, "invalid_type", wrong.Value, "a "+wrong.Type.String()))
	case err != nil:
		return fmt.Errorf("dispatch: %w", err)
	}
	return nil
}

func (h *handler) trigger(r *request) (Escalation, error) {
	b := r.body
	return h.d.TriggerAs(r.ctx, r.command, b.Policy,
		escalation.Trigger{ID: b.ID, Severity: b.Severity, Title: b.Title, Body: b.Body, Link: b.Link})
}

func (h *handler) get(w http.ResponseWriter, r *http.Request) {
	e, ok, err := h.d.Get(r.Context(), r.PathValue("id"))
	if err != nil {
		fail(w, err)
		return
	}
	if !ok || e.State.Status == escalation.None {
		problem(w, http.StatusNotFound, escalation.RefusedNotTriggered, errors.New("dispatch: there is no such escalation"))
		return
	}
	answer(w, http.StatusOK, e)
}

func (h *handler) list(w http.ResponseWriter, r *http.Request) {
	limit := MaxListed
	if text := r.FormValue("limit"); text != "" {
		n, err := strconv.Atoi(text)
		if err != nil || n < 1 || n > MaxListed {
			problem(w, http.StatusBadRequest, "invalid_request", fmt.Errorf("dispatch: limit is 1 to %d", MaxListed))
			return
		}
		limit = n
	}
	page := struct {
		Escalations []Escalation `json:"escalations"`
		Next        string       `json:"next,omitempty"` // the next after
		Unreadable  []string     `json:"unreadable,omitempty"`
	}{Escalations: []Escalation{}}
	last := ""
	for e, err := range h.d.Open(r.Context(), r.FormValue("after")) {
		switch {
		case err != nil && e.ID == "":
			fail(w, err)
			return
		case len(page.Escalations) == limit:
			page.Next = last
			answer(w, http.StatusOK, page)
			return
		case err != nil:
			page.Unreadable = append(page.Unreadable, e.ID)
		default:
			page.Escalations = append(page.Escalations, e)
		}
		last = e.ID
	}
	answer(w, http.StatusOK, page)
}

func (h *handler) timeline(w http.ResponseWriter, r *http.Request) {
	page := struct {
		Moments []Moment `json:"moments"`
		More    bool     `json:"more,omitempty"` // there are later ones
	}{Moments: []Moment{}}
	for m, err := range h.d.Timeline(r.Context(), r.PathValue("id")) {
		if err != nil {
			fail(w, err)
			return
		}
		if page.More = len(page.Moments) == MaxMoments; page.More {
			break
		}
		page.Moments = append(page.Moments, m)
	}
	answer(w, http.StatusOK, page)
}

func (h *handler) deadLetters(w http.ResponseWriter, r *http.Request) {
	page := struct {
		DeadLetters []DeadLetter `json:"dead_letters"`
		More        bool         `json:"more,omitempty"`
	}{DeadLetters: []DeadLetter{}}
	for l, err := range h.d.DeadLetters(r.Context()) {
		if err != nil {
			fail(w, err)
			return
		}
		if page.More = len(page.DeadLetters) == MaxListed; page.More {
			break
		}
		page.DeadLetters = append(page.DeadLetters, l)
	}
	answer(w, http.StatusOK, page)
}

func answer(w http.ResponseWriter, status int, v any) {
	data, err := json.Marshal(v)
	if err != nil {
		problem(w, http.StatusInternalServerError, "internal", errors.New("dispatch: the answer cannot be written"))
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
	data, _ := json.Marshal(problemJSON{http.StatusText(status), status, err.Error(), code, sre.ProblemsIn(err)})
	w.Header().Set("Content-Type", "application/problem+json")
	w.Header().Set("Cache-Control", "no-store")
	if status == http.StatusServiceUnavailable {
		w.Header().Set("Retry-After", strconv.Itoa(retryAfterS))
	}
	w.WriteHeader(status)
	_, _ = w.Write(append(data, '\n'))
}

// fail answers an error of a command or a read.
func fail(w http.ResponseWriter, err error) {
	status, code := classify(err)
	if status >= http.StatusInternalServerError { // of the inside, not for who asks
		err = errors.New("dispatch: it may not have taken effect; send the same again")
	}
	problem(w, status, code, err)
}

// classify returns the status and code of an error. What is not known to be the
// fault of who asks is answered so that it is sent again.
func classify(err error) (status int, code string) {
	var refused *escalation.Refusal
	switch problems := sre.ProblemsIn(err); {
	case errors.As(err, &refused):
		switch refused.Code {
		case escalation.RefusedNotTriggered:
			return http.StatusNotFound, refused.Code
		case escalation.RefusedInvalid, escalation.RefusedNoLevel:
			return http.StatusUnprocessableEntity, refused.Code
		}
		return http.StatusConflict, refused.Code
	case errors.Is(err, storage.ErrTooLarge):
		return http.StatusRequestEntityTooLarge, "too_large"
	case errors.Is(err, storage.ErrTrimmed):
		return http.StatusGone, "trimmed"
	case errors.Is(err, storage.ErrUnavailable), errors.Is(err, storage.ErrConflict), errors.Is(err, storage.ErrClosed),
		errors.Is(err, context.Canceled), errors.Is(err, context.DeadlineExceeded), errors.Is(err, storage.ErrInvalid):
		return http.StatusServiceUnavailable, "unavailable"
	case len(problems) > 0 && problems[0].Code == "unknown_schema":
		return http.StatusServiceUnavailable, "unavailable"
	case len(problems) > 0:
		for _, p := range problems {
			if p.Code == CodeNotHuman {
				return http.StatusForbidden, p.Code
			}
		}
		return http.StatusUnprocessableEntity, problems[0].Code
	}
	return http.StatusServiceUnavailable, "unavailable"
}
