package incidentstore

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
	"reflect"
	"slices"
	"strconv"
	"time"

	"github.com/sre-sdk/sre"
	"github.com/sre-sdk/sre/incident"
	"github.com/sre-sdk/sre/storage"
)

// Limits of the handler, part of the contract.
const (
	MaxRequest  = 64 << 10 // bytes of a request's body
	MaxIdemKey  = 255      // bytes of an Idempotency-Key
	MaxListed   = 100      // incidents in one answer
	MaxMoments  = 1000     // of a timeline in one answer
	retryAfterS = 2        // what an answer 503 recommends, in seconds
)

// HandlerConfig says what [Handler] serves.
type HandlerConfig struct {
	Desk *Desk // required

	// Actor says who makes a request, from what the request proves: a session, a
	// client certificate, a signature. Nil, or an error: it is not known, so all
	// writes are refused, and reads show what everybody may see.
	Actor func(*http.Request) (sre.Actor, error)

	// Sees reports whether an actor sees a restricted incident. Default: who holds
	// a role in it, or was offered one.
	Sees func(by sre.Actor, s *incident.State) bool
}

// Validate reports every problem of the configuration.
func (c HandlerConfig) Validate() error {
	var p sre.Problems
	if c.Desk == nil {
		p.Add("desk", "missing", nil, "a Desk")
	}
	return p.Err("incidentstore: handler")
}

// Handler returns the HTTP interface of a desk. It panics if the configuration is
// not valid; HandlerConfig.Validate says why.
//
//	POST /v1/incidents                    an incident.Declare: declares it
//	GET  /v1/incidents?after=&limit=      those that are open, in the order of their IDs
//	GET  /v1/incidents/{id}               one
//	GET  /v1/incidents/{id}/timeline      what has happened to it
//	GET  /v1/incidents/{id}/obligations   what it owes
//	POST /v1/incidents/{id}/commands      {"kind","command","reason","at","seen"}: an incident.Request
//
// Who is known sees all of an incident that is not restricted; of one that is,
// nothing, not even that it is there, but those whom HandlerConfig.Sees lets, and
// only those give it commands. What is part of a restricted incident is shown to
// others as to everybody. Who is not known sees incident.View, and nothing else.
//
// An ID in a path is percent-encoded. Bodies are JSON of at most MaxRequest
// bytes, without unknown fields. An Idempotency-Key makes a request safe to send
// again: it counts for the actor, the path and the key together.
//
// A 2xx is answered only after what was asked is durable. Errors are
// application/problem+json (RFC 9457) with the fields code and problems, and may,
// who may, of a refusal; a 503 may have taken effect, and sending the same again
// mends it. A 401 or 403 is about who asks, 404 and 409 about the incident, 400,
// 413, 415 and 422 about the request.
func Handler(c HandlerConfig) http.Handler {
	if err := c.Validate(); err != nil {
		panic(err)
	}
	if c.Sees == nil {
		c.Sees = involved
	}
	h := &handler{c.Desk, c.Actor, c.Sees}
	mux := http.NewServeMux()
	mux.HandleFunc("GET /v1/incidents", h.list)
	mux.HandleFunc("GET /v1/incidents/{id}", h.read(func(_ *http.Request, s *incident.State) (any, error) { return s, nil }))
	mux.HandleFunc("GET /v1/incidents/{id}/timeline", h.read(h.timeline))
	mux.HandleFunc("GET /v1/incidents/{id}/obligations", h.read(h.obligations))
	mux.HandleFunc("POST /v1/incidents", h.declare)
	mux.HandleFunc("POST /v1/incidents/{id}/commands", h.command)
	return mux
}

type handler struct {
	d     *Desk
	actor func(*http.Request) (sre.Actor, error)
	may   func(by sre.Actor, s *incident.State) bool
}

// involved reports whether somebody holds a role, or was offered one.
func involved(by sre.Actor, s *incident.State) bool {
	return by.Kind == sre.Human &&
		(slices.ContainsFunc(s.Holders, func(h incident.Holder) bool { return h.Person == by.ID }) ||
			slices.ContainsFunc(s.Offers, func(o incident.Offered) bool { return o.Person == by.ID }))
}

// known returns who asks, if that is known.
func (h *handler) known(r *http.Request) (sre.Actor, bool) {
	if h.actor == nil {
		return sre.Actor{}, false
	}
	by, err := h.actor(r)
	return by, err == nil && by.Valid()
}

func (h *handler) sees(by sre.Actor, s *incident.State) bool { return !s.Hidden || h.may(by, s) }

// shown returns what an actor may see of an incident, and false if that is
// nothing.
func (h *handler) shown(by sre.Actor, known bool, s *incident.State) (any, bool) {
	if known {
		return s, h.sees(by, s)
	}
	return s.Public()
}

var errNone = errors.New("incidentstore: there is no such incident")

// read answers with something of an incident that who asks sees.
func (h *handler) read(what func(r *http.Request, s *incident.State) (any, error)) http.HandlerFunc {
	return func(w http.ResponseWriter, r *http.Request) {
		s, ok, err := h.d.Get(r.Context(), r.PathValue("id"))
		if err != nil {
			fail(w, err)
			return
		}
		by, known := h.known(r)
		if known && h.sees(by, &s) && s.Root != "" { // it names the incident that it is part of
			root, _, err := h.d.Get(r.Context(), s.Root)
			if err != nil {
				fail(w, err)
				return
			}
			known = h.sees(by, &root)
		}
		view, shown := h.shown(by, known, &s)
		switch {
		case !ok || !shown:
			problem(w, http.StatusNotFound, incident.RefusedNotDeclared, errNone)
			return
		case known:
			if view, err = what(r, &s); err != nil {
				fail(w, err)
				return
			}
		case r.Pattern != "GET /v1/incidents/{id}":
			problem(w, http.StatusForbidden, "not_authorized", errors.New("incidentstore: it is not for everybody"))
			return
		}
		answer(w, http.StatusOK, view)
	}
}

func (h *handler) timeline(r *http.Request, s *incident.State) (any, error) {
	page := struct {
		Moments []Moment `json:"moments"`
		More    bool     `json:"more,omitempty"` // there are later ones
	}{Moments: []Moment{}}
	for m, err := range h.d.Timeline(r.Context(), s.ID) {
		if err != nil {
			return nil, err
		}
		if page.More = len(page.Moments) == MaxMoments; page.More {
			break
		}
		page.Moments = append(page.Moments, m)
	}
	return page, nil
}

func (h *handler) obligations(_ *http.Request, s *incident.State) (any, error) {
	list := h.d.c.Policy.Obligations(s, h.d.now())
	return map[string]any{"obligations": append([]incident.Obligation{}, list...)}, nil
}

func (h *handler) list(w http.ResponseWriter, r *http.Request) {
	limit := MaxListed
	if text := r.FormValue("limit"); text != "" {
		n, err := strconv.Atoi(text)
		if err != nil || n < 1 || n > MaxListed {
			problem(w, http.StatusBadRequest, "invalid_request", fmt.Errorf("incidentstore: limit is 1 to %d", MaxListed))
			return
		}
		limit = n
	}
	after := r.FormValue("after")
	if after != "" {
		if err := checkID("after", after); err != nil {
			fail(w, err)
			return
		}
	}
	page := struct {
		Incidents  []any    `json:"incidents"`
		Next       string   `json:"next,omitempty"`       // the next after
		Unreadable []string `json:"unreadable,omitempty"` // for who is known
	}{Incidents: []any{}}
	by, known := h.known(r)
	last := ""
	for s, err := range h.d.Open(r.Context(), after) {
		view, shown := h.shown(by, known, &s)
		switch {
		case err != nil && s.ID == "":
			fail(w, err)
			return
		case err != nil && known:
			page.Unreadable = append(page.Unreadable, s.ID)
		case err != nil || !shown:
			continue
		case len(page.Incidents) == limit:
			page.Next = last
			answer(w, http.StatusOK, page)
			return
		default:
			page.Incidents = append(page.Incidents, view)
		}
		last = s.ID
	}
	answer(w, http.StatusOK, page)
}

// write reads who asks, the body, and the key.
func (h *handler) write(w http.ResponseWriter, r *http.Request) (data []byte, made Request, ok bool) {
	by, known := h.known(r)
	switch {
	case h.actor == nil:
		problem(w, http.StatusForbidden, "not_authorized", errors.New("incidentstore: writes are not served here"))
		return nil, made, false
	case !known: // not why: that is for the log of who decided it
		problem(w, http.StatusUnauthorized, "not_authorized", errors.New("incidentstore: it is not known who asks"))
		return nil, made, false
	}
	bad := func(status int, text string) ([]byte, Request, bool) {
		problem(w, status, "invalid_request", errors.New("incidentstore: "+text))
		return nil, made, false
	}
	if t := r.Header.Get("Content-Type"); t != "" {
		if media, _, err := mime.ParseMediaType(t); err != nil || media != "application/json" {
			return bad(http.StatusUnsupportedMediaType, "the body must be application/json")
		}
	}
	data, err := io.ReadAll(http.MaxBytesReader(w, r.Body, MaxRequest))
	var large *http.MaxBytesError
	if errors.As(err, &large) {
		return bad(http.StatusRequestEntityTooLarge, fmt.Sprintf("a body has at most %d bytes", MaxRequest))
	}
	if err != nil {
		return bad(http.StatusBadRequest, "the body could not be read")
	}
	made.By = by
	switch key := r.Header.Get("Idempotency-Key"); {
	case len(key) > MaxIdemKey:
		return bad(http.StatusBadRequest, fmt.Sprintf("an Idempotency-Key has at most %d bytes", MaxIdemKey))
	case key != "":
		sum := sha256.Sum256([]byte(by.Kind.String() + "\x00" + by.ID + "\x00" + r.URL.Path + "\x00" + key))
		made.Key = "http-" + hex.EncodeToString(sum[:16])
	}
	return data, made, true
}

func (h *handler) declare(w http.ResponseWriter, r *http.Request) {
	data, request, ok := h.write(w, r)
	if !ok {
		return
	}
	var c incident.Declare
	if err := strictly(data, &c); err != nil {
		problem(w, http.StatusBadRequest, "invalid_request", err)
		return
	}
	request.Command = c
	_, s, err := h.d.DeclareAs(r.Context(), request)
	h.reply(w, request.By, &s, err)
}

// commandJSON is the body of a command.
type commandJSON struct {
	Kind    incident.Kind   `json:"kind"`
	Command json.RawMessage `json:"command"`
	Reason  string          `json:"reason"`
	At      time.Time       `json:"at"`
	Seen    uint64          `json:"seen"`
}

func (h *handler) command(w http.ResponseWriter, r *http.Request) {
	data, request, ok := h.write(w, r)
	if !ok {
		return
	}
	var body commandJSON
	err := strictly(data, &body)
	if err == nil {
		request.Command, err = decodeCommand(body)
	}
	if err != nil {
		problem(w, http.StatusBadRequest, "invalid_request", err)
		return
	}
	request.At, request.Reason, request.Seen = body.At, body.Reason, body.Seen
	id := r.PathValue("id")
	ids := []string{id}
	switch c := request.Command.(type) {
	case incident.Merge:
		ids = append(ids, c.Into)
	case incident.Split:
		ids = append(ids, c.From)
	}
	for len(ids) > 0 {
		s, ok, err := h.d.Get(r.Context(), ids[0])
		if err != nil {
			fail(w, err)
			return
		}
		if !ok || !h.sees(request.By, &s) {
			problem(w, http.StatusNotFound, incident.RefusedNotDeclared, errNone)
			return
		}
		if ids = ids[1:]; s.Root != "" { // the answer names it
			ids = append(ids, s.Root)
		}
	}
	s, err := h.d.Do(r.Context(), id, request)
	h.reply(w, request.By, &s, err)
}

// reply answers a write with how the incident stands, as far as who asks sees it.
func (h *handler) reply(w http.ResponseWriter, by sre.Actor, s *incident.State, err error) {
	switch {
	case err != nil:
		fail(w, err)
	case !h.sees(by, s):
		answer(w, http.StatusOK, map[string]string{"id": s.ID})
	default:
		answer(w, http.StatusOK, s)
	}
}

// decodeCommand reads a command strictly.
func decodeCommand(body commandJSON) (incident.Command, error) {
	if len(body.Command) == 0 {
		body.Command = []byte("{}")
	}
	zero, err := incident.DecodeCommand(body.Kind, []byte("{}"))
	if err != nil {
		return nil, err
	}
	v := reflect.New(reflect.TypeOf(zero))
	if err := strictly(body.Command, v.Interface()); err != nil {
		return nil, err
	}
	c, _ := v.Elem().Interface().(incident.Command)
	return c, nil
}

// strictly decodes one JSON value that has no unknown fields.
func strictly(data []byte, v any) error {
	d := json.NewDecoder(bytes.NewReader(data))
	d.DisallowUnknownFields()
	if err := d.Decode(v); err != nil {
		return fmt.Errorf("incidentstore: the body: %w", err)
	}
	if _, err := d.Token(); !errors.Is(err, io.EOF) {
		return errors.New("incidentstore: the body must be one JSON object")
	}
	return nil
}

func answer(w http.ResponseWriter, status int, v any) {
	data, err := json.Marshal(v)
	if err != nil {
		problem(w, http.StatusInternalServerError, "internal", errors.New("incidentstore: the answer cannot be written"))
		return
	}
	w.Header().Set("Content-Type", "application/json")
	w.Header().Set("Cache-Control", "no-store")
	w.WriteHeader(status)
	_, _ = w.Write(append(data, '\n')) // what was asked is durable; that the client has gone changes nothing
}

// problemJSON is application/problem+json.
type problemJSON struct {
	Title    string          `json:"title"`
	Status   int             `json:"status"`
	Detail   string          `json:"detail"`
	Code     string          `json:"code"`
	May      []incident.Role `json:"may,omitempty"`
	Problems []sre.Problem   `json:"problems,omitempty"`
}

func problem(w http.ResponseWriter, status int, code string, err error) {
	p := problemJSON{Title: http.StatusText(status), Status: status, Detail: err.Error(), Code: code, Problems: sre.ProblemsIn(err)}
	var refused *incident.Refusal
	if errors.As(err, &refused) {
		p.May = refused.May
	}
	data, _ := json.Marshal(p)
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
		err = errors.New("incidentstore: it may not have taken effect; send the same again")
	}
	problem(w, status, code, err)
}

// classify returns the status and code of an error. What is not known to be the
// fault of who asks is answered so that it is sent again.
func classify(err error) (status int, code string) {
	var refused *incident.Refusal
	switch problems := sre.ProblemsIn(err); {
	case errors.As(err, &refused):
		switch refused.Code {
		case incident.RefusedNotDeclared:
			return http.StatusNotFound, refused.Code
		case incident.RefusedInvalid, incident.RefusedReason:
			return http.StatusUnprocessableEntity, refused.Code
		case incident.RefusedAuthority:
			return http.StatusForbidden, refused.Code
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
		return http.StatusUnprocessableEntity, problems[0].Code
	}
	return http.StatusServiceUnavailable, "unavailable"
}
