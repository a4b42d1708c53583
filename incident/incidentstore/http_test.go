package incidentstore_test

import (
	"context"
	"encoding/json"
	"errors"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"

	"github.com/sre-sdk/sre"
	"github.com/sre-sdk/sre/incident"
	"github.com/sre-sdk/sre/incident/incidentstore"
	"github.com/sre-sdk/sre/storage"
)

// site is a handler for which the header As says who asks.
type site struct {
	*world
	handler http.Handler
}

func newSite(t *testing.T, change func(*incidentstore.Config)) *site {
	t.Helper()
	w := newWorld(t, change)
	return &site{w, incidentstore.Handler(incidentstore.HandlerConfig{Desk: w.Desk, Actor: func(r *http.Request) (sre.Actor, error) {
		if r.Header.Get("As") == "" {
			return sre.Actor{}, errors.New("no session")
		}
		return human(r.Header.Get("As")), nil
	}})}
}

// ask sends a request and returns the status, and the code or the body.
func (s *site) ask(as, method, path, body string, headers ...string) (int, string) {
	r := httptest.NewRequest(method, path, strings.NewReader(body))
	if as != "" {
		r.Header.Set("As", as)
	}
	for i := 0; i+1 < len(headers); i += 2 {
		r.Header.Set(headers[i], headers[i+1])
	}
	w := httptest.NewRecorder()
	s.handler.ServeHTTP(w, r)
	text := w.Body.String()
	var problem struct{ Code string }
	if w.Header().Get("Content-Type") == "application/problem+json" && json.Unmarshal([]byte(text), &problem) == nil {
		return w.Code, problem.Code
	}
	return w.Code, text
}

const one = "/v1/incidents/i"

func TestTheHandlerServesAnIncident(t *testing.T) {
	s := newSite(t, nil)
	for _, q := range []struct {
		name, as, method, path, body string
		status                       int
		has                          string
	}{
		{"declare", "alice", "POST", "/v1/incidents", `{"id":"i","title":"5xx","severity":2,"source":"report"}`, 200, `"status":"declared"`},
		{"declare again", "bob", "POST", "/v1/incidents", `{"id":"i","title":"5xx"}`, 409, "declared"},
		{"acknowledge", "alice", "POST", one + "/commands", `{"kind":"acknowledge"}`, 200, `"seq":2`},
		{"commander", "alice", "POST", one + "/commands", `{"kind":"assign","command":{"role":"commander","person":"bob"}}`, 200, `"person":"bob"`},
		{"authority", "alice", "POST", one + "/commands", `{"kind":"triage"}`, 403, "authority"},
		{"no reason", "bob", "POST", one + "/commands", `{"kind":"triage","command":{"severity":4}}`, 422, "reason_missing"},
		{"unknown kind", "bob", "POST", one + "/commands", `{"kind":"explode"}`, 400, "invalid_request"},
		{"unknown field", "bob", "POST", one + "/commands", `{"kind":"note","command":{"text":"x","more":1}}`, 400, "invalid_request"},
		{"two bodies", "bob", "POST", one + "/commands", `{"kind":"acknowledge"}{}`, 400, "invalid_request"},
		{"not there", "bob", "POST", "/v1/incidents/other/commands", `{"kind":"acknowledge"}`, 404, "not_declared"},
		{"bad ID", "bob", "GET", "/v1/incidents/a%20b", ``, 422, "invalid_id"},
		{"reserved", "bob", "POST", one + "/commands", `{"kind":"absorb","command":{"from":"x"}}`, 422, "invalid"},
		{"get", "carol", "GET", one, ``, 200, `"severity":2`},
		{"timeline", "carol", "GET", one + "/timeline", ``, 200, `"kind":"assign"`},
		{"obligations", "carol", "GET", one + "/obligations", ``, 200, `"duty":"triage"`},
		{"list", "carol", "GET", "/v1/incidents", ``, 200, `"id":"i"`},
		{"limit", "carol", "GET", "/v1/incidents?limit=0", ``, 400, "invalid_request"},
		{"nobody writes", "", "POST", one + "/commands", `{"kind":"acknowledge"}`, 401, "not_authorized"},
		{"nobody reads the log", "", "GET", one + "/timeline", ``, 403, "not_authorized"},
		{"too large", "bob", "POST", one + "/commands", strings.Repeat(" ", incidentstore.MaxRequest+1), 413, "invalid_request"},
	} {
		if status, text := s.ask(q.as, q.method, q.path, q.body); status != q.status || !strings.Contains(text, q.has) {
			t.Errorf("%s: got %d %s, want %d with %s", q.name, status, text, q.status, q.has)
		}
	}
	if status, text := s.ask("", "GET", one, ""); status != 200 || strings.Contains(text, "bob") || !strings.Contains(text, `"title":"5xx"`) {
		t.Errorf("the public view: %d %s", status, text)
	}
	if status, _ := s.ask("bob", "POST", one+"/commands", `{"kind":"acknowledge"}`, "Content-Type", "text/plain"); status != 415 {
		t.Errorf("text is answered with %d", status)
	}
	closed := incidentstore.Handler(incidentstore.HandlerConfig{Desk: s.Desk})
	w := httptest.NewRecorder()
	closed.ServeHTTP(w, httptest.NewRequest("POST", one+"/commands", strings.NewReader(`{"kind":"acknowledge"}`)))
	if w.Code != 403 {
		t.Errorf("without Actor a write is answered with %d", w.Code)
	}
}

func TestAnIdempotencyKeyCountsOnce(t *testing.T) {
	s := newSite(t, nil)
	for range 2 {
		if status, text := s.ask("alice", "POST", "/v1/incidents", `{"title":"5xx"}`, "Idempotency-Key", "k"); status != 200 {
			t.Fatalf("got %d %s", status, text)
		}
	}
	n := 0
	for range s.Open(context.Background(), "") {
		n++
	}
	if n != 1 {
		t.Errorf("%d incidents", n)
	}
	if status, _ := s.ask("alice", "POST", "/v1/incidents", `{"title":"other"}`, "Idempotency-Key", "k"); status != 422 {
		t.Errorf("another request with the key is answered with %d", status)
	}
	if status, _ := s.ask("bob", "POST", "/v1/incidents", `{"title":"his"}`, "Idempotency-Key", "k"); status != 200 {
		t.Errorf("another's key is answered with %d", status)
	}
}

func TestARestrictedIncidentShowsToThoseWithARoleOnly(t *testing.T) {
	s := newSite(t, nil)
	s.declare("i")
	s.declare("open")
	s.do("i", "alice", incident.Assign{Role: incident.Commander, Person: "bob"})
	s.do("i", "bob", incident.Restrict{On: true})
	for _, as := range []string{"", "alice"} {
		for _, path := range []string{one, one + "/timeline", one + "/obligations"} {
			if status, text := s.ask(as, "GET", path, ""); status != 404 {
				t.Errorf("%q gets %s: %d %s", as, path, status, text)
			}
		}
		if _, text := s.ask(as, "GET", "/v1/incidents", ""); strings.Contains(text, `"i"`) || !strings.Contains(text, `"open"`) {
			t.Errorf("%q lists %s", as, text)
		}
		// With it and without it: the same.
		without, _ := s.ask(as, "GET", "/v1/incidents/never", "")
		if with, _ := s.ask(as, "GET", one, ""); with != without {
			t.Errorf("%q tells them apart: %d and %d", as, with, without)
		}
	}
	for _, body := range []string{`{"kind":"note","command":{"text":"x"}}`, `{"kind":"accept","command":{"role":"scribe"}}`} {
		if status, text := s.ask("alice", "POST", one+"/commands", body); status != 404 {
			t.Errorf("alice gives a command: %d %s", status, text)
		}
	}
	if status, text := s.ask("alice", "POST", "/v1/incidents/open/commands", `{"kind":"merge","command":{"into":"i"}}`); status != 404 {
		t.Errorf("alice merges into it: %d %s", status, text)
	}
	s.declare("part")
	s.do("part", "alice", incident.Merge{Into: "i"})
	if status, text := s.ask("alice", "GET", "/v1/incidents/part", ""); status != 200 || strings.Contains(text, `"i"`) {
		t.Errorf("what is part of it shows it: %d %s", status, text)
	}
	if status, text := s.ask("alice", "GET", "/v1/incidents/part/timeline", ""); status != 403 {
		t.Errorf("so does its timeline: %d %s", status, text)
	}
	if status, text := s.ask("alice", "POST", "/v1/incidents/part/commands", `{"kind":"note","command":{"text":"x"}}`); status != 404 {
		t.Errorf("so does a command: %d %s", status, text)
	}
	if status, text := s.ask("bob", "GET", "/v1/incidents/part", ""); status != 200 || !strings.Contains(text, `"root":"i"`) {
		t.Errorf("to the commander it is shown: %d %s", status, text)
	}
	if status, _ := s.ask("bob", "GET", one, ""); status != 200 {
		t.Errorf("the commander is answered with %d", status)
	}
	// Who gives the role up does not see what comes of it.
	s.do("i", "bob", incident.Assign{Role: incident.Scribe, Person: "carol"})
	if status, text := s.ask("carol", "POST", one+"/commands", `{"kind":"leave","command":{"role":"scribe","person":"carol"}}`); status != 200 || strings.TrimSpace(text) != `{"id":"i"}` {
		t.Errorf("carol leaves: %d %s", status, text)
	}
}

// broken is a store that fails after it has committed.
type broken struct{ storage.Backend }

func (b broken) Commit(ctx context.Context, batch storage.Batch) (storage.Pos, error) {
	_, _ = b.Backend.Commit(ctx, batch)
	return 0, storage.ErrUnavailable
}

func TestWhatIsNotKnownToBeDurableIsA503(t *testing.T) {
	memory := storage.NewMemory()
	s := newSite(t, func(c *incidentstore.Config) { c.Store = storage.New(broken{memory.Backend()}) })
	ctx, cancel := context.WithCancel(context.Background())
	cancel()
	r := httptest.NewRequestWithContext(ctx, "POST", "/v1/incidents", strings.NewReader(`{"title":"x"}`))
	r.Header.Set("As", "alice")
	w := httptest.NewRecorder()
	s.handler.ServeHTTP(w, r)
	if w.Code != 503 || w.Header().Get("Retry-After") == "" {
		t.Errorf("got %d", w.Code)
	}
	if status, code := s.ask("alice", "POST", "/v1/incidents", `{"title":"x"}`); status != 503 || code != "unavailable" {
		t.Errorf("got %d %s", status, code)
	}
}
