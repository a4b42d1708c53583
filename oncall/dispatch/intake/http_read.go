package intake

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net/http"
	"strconv"
	"time"

	"github.com/sre-sdk/sre"
	"github.com/sre-sdk/sre/oncall/alert"
)

func (h *handler) groups(w http.ResponseWriter, r *http.Request) {
	limit := MaxListed
	if text := r.FormValue("limit"); text != "" {
		n, err := strconv.Atoi(text)
		if err != nil || n < 1 || n > MaxListed {
			problem(w, http.StatusBadRequest, "invalid_request", fmt.Errorf("intake: limit is 1 to %d", MaxListed))
			return
		}
		limit = n
	}
	page := struct {
		Groups []Group `json:"groups"`
		Next   string  `json:"next,omitempty"` // the next after
	}{Groups: []Group{}}
	for g, err := range h.x.groupsAfter(r.Context(), r.FormValue("after"), limit+1) {
		if err != nil {
			h.unavailable(w, err)
			return
		}
		if len(page.Groups) == limit {
			page.Next = page.Groups[limit-1].ID
			break
		}
		page.Groups = append(page.Groups, g)
	}
	answer(w, http.StatusOK, page)
}

var errNoGroup = errors.New("intake: there is no such group")

func (h *handler) group(w http.ResponseWriter, r *http.Request) {
	switch g, ok, err := h.x.Group(r.Context(), r.PathValue("id")); {
	case err != nil:
		h.unavailable(w, err)
	case !ok:
		problem(w, http.StatusNotFound, "not_found", errNoGroup)
	default:
		answer(w, http.StatusOK, g)
	}
}

func (h *handler) timeline(w http.ResponseWriter, r *http.Request) {
	page := struct {
		Moments []Moment `json:"moments"`
		More    bool     `json:"more,omitempty"` // there are later ones
	}{Moments: []Moment{}}
	for m, err := range h.x.Timeline(r.Context(), r.PathValue("id")) {
		if err != nil {
			h.unavailable(w, err)
			return
		}
		if page.More = len(page.Moments) == MaxMoments; page.More {
			break
		}
		page.Moments = append(page.Moments, m)
	}
	answer(w, http.StatusOK, page)
}

func (h *handler) silences(w http.ResponseWriter, r *http.Request) {
	list, err := h.x.Silences(r.Context())
	if err != nil {
		h.unavailable(w, err)
		return
	}
	if list == nil {
		list = []alert.Silence{}
	}
	answer(w, http.StatusOK, struct {
		Silences []alert.Silence `json:"silences"`
	}{list})
}

// who returns who makes a request, or answers.
func (h *handler) who(w http.ResponseWriter, r *http.Request) (sre.Actor, bool) {
	if h.c.Actor == nil {
		problem(w, http.StatusForbidden, "not_authorized", errors.New("intake: writes are not served here"))
		return sre.Actor{}, false
	}
	actor, err := h.c.Actor(r)
	switch {
	case err != nil:
		problem(w, http.StatusUnauthorized, "not_authorized", errors.New("intake: it is not known who asks")) // not why: that is for the log of who decided it
	case !actor.Valid():
		problem(w, http.StatusForbidden, "not_authorized", errors.New("intake: the actor is not valid"))
	default:
		return actor, true
	}
	return sre.Actor{}, false
}

func (h *handler) silence(w http.ResponseWriter, r *http.Request) {
	actor, ok := h.who(w, r)
	if !ok {
		return
	}
	var in struct {
		ID       string    `json:"id"`
		Matchers string    `json:"matchers"`
		Start    time.Time `json:"start"`
		End      time.Time `json:"end"`
		Comment  string    `json:"comment"`
	}
	if !strictly(w, r, &in) {
		return
	}
	matchers, err := alert.ParseMatchers(in.Matchers)
	if err != nil {
		var p sre.Problems
		p.Merge("matchers", err)
		problem(w, http.StatusUnprocessableEntity, "invalid_request", p.Err("intake"))
		return
	}
	if in.Start.IsZero() {
		in.Start = h.x.now()
	}
	s, err := h.x.Silence(r.Context(), actor, alert.Silence{ID: in.ID, Matchers: matchers, Start: in.Start, End: in.End, Comment: in.Comment})
	h.answerSilence(w, s, true, err)
}

func (h *handler) expire(w http.ResponseWriter, r *http.Request) {
	actor, ok := h.who(w, r)
	if !ok {
		return
	}
	var in struct {
		Why string `json:"why"`
	}
	if !strictly(w, r, &in) {
		return
	}
	s, ok, err := h.x.Expire(r.Context(), actor, r.PathValue("id"), in.Why)
	h.answerSilence(w, s, ok, err)
}

func (h *handler) answerSilence(w http.ResponseWriter, s alert.Silence, ok bool, err error) {
	switch {
	case isRefusal(err):
		problem(w, http.StatusUnprocessableEntity, "invalid_request", err)
	case err != nil:
		h.unavailable(w, err)
	case !ok:
		problem(w, http.StatusNotFound, "not_found", errors.New("intake: there is no such silence"))
	default:
		answer(w, http.StatusOK, s)
	}
}

// strictly reads one JSON object without unknown fields, or nothing, or answers.
func strictly(w http.ResponseWriter, r *http.Request, v any) bool {
	body, ok := read(w, r, MaxRequest)
	if !ok {
		return false
	}
	if len(bytes.TrimSpace(body)) == 0 {
		body = []byte("{}")
	}
	d := json.NewDecoder(bytes.NewReader(body))
	d.DisallowUnknownFields()
	err := d.Decode(v)
	if err == nil {
		if _, end := d.Token(); !errors.Is(end, io.EOF) {
			err = errors.New("more than one JSON value")
		}
	}
	if err != nil {
		problem(w, http.StatusBadRequest, "invalid_request", fmt.Errorf("intake: the body: %w", err))
	}
	return err == nil
}
