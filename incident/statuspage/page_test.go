package statuspage_test

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net/http"
	"net/http/httptest"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/sre-sdk/sre/incident"
	"github.com/sre-sdk/sre/incident/incidenttest"
	"github.com/sre-sdk/sre/incident/statuspage"
)

const secret = "key-of-89a229ce1a8dbcf9"

// A server stands for Statuspage: it holds calls to the documented rules.
type server struct {
	*httptest.Server
	mu         sync.Mutex
	now        time.Time
	calls      []time.Time
	incidents  []*kept
	components map[string]string
	fault      func(w http.ResponseWriter, r *http.Request, accept func()) bool
	refused    int
}

type kept struct {
	ID       string          `json:"id"`
	Name     string          `json:"name"`
	Status   string          `json:"status"`
	Impact   string          `json:"impact"`
	Link     string          `json:"shortlink"`
	Metadata json.RawMessage `json:"metadata"`
	Updates  []keptUpdate    `json:"incident_updates"`
	Parts    []any           `json:"components"`
}

type keptUpdate struct {
	Status string `json:"status"`
	Body   string `json:"body"`
}

func newServer(t testing.TB) *server {
	s := &server{now: time.Date(2026, 3, 2, 12, 0, 0, 0, time.UTC), components: map[string]string{"cmp1": "operational"}}
	s.Server = httptest.NewServer(s)
	t.Cleanup(s.Close)
	return s
}

func (s *server) clock() time.Time {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.now
}

func (s *server) fail(fault func(http.ResponseWriter, *http.Request, func()) bool) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.fault = fault
}

func (s *server) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	s.mu.Lock()
	fault := s.fault
	s.mu.Unlock()
	if fault != nil && fault(w, r, func() { s.serve(httptest.NewRecorder(), r) }) {
		return
	}
	s.serve(w, r)
}

func (s *server) serve(w http.ResponseWriter, r *http.Request) {
	s.mu.Lock()
	defer s.mu.Unlock()
	answer := func(status int, v any) {
		w.Header().Set("Content-Type", "application/json")
		w.WriteHeader(status)
		json.NewEncoder(w).Encode(v)
	}
	fail := func(status int, text string) { answer(status, map[string]string{"error": text}) }
	s.calls = slices.DeleteFunc(s.calls, func(at time.Time) bool { return s.now.Sub(at) >= time.Minute })
	if len(s.calls) >= 60 {
		s.refused++
		fail(420, "rate limit")
		return
	}
	s.calls = append(s.calls, s.now)
	path, ok := strings.CutPrefix(r.URL.Path, "/v1/pages/page1/")
	switch {
	case r.Header.Get("Authorization") != "OAuth "+secret:
		fail(401, "Could not authenticate "+r.Header.Get("Authorization"))
	case !ok:
		fail(404, "page not found")
	case r.Method == "GET" && path == "incidents/unresolved":
		list := []*kept{}
		for _, i := range s.incidents {
			if i.Status != "resolved" {
				list = append(list, i)
			}
		}
		answer(200, list)
	case r.Method == "GET":
		if i := s.find(strings.TrimPrefix(path, "incidents/")); i != nil {
			answer(200, i)
			return
		}
		fail(404, "not found")
	case r.Method == "POST" && path == "incidents":
		i := &kept{ID: fmt.Sprintf("inc%d", len(s.incidents)+1), Link: "https://stspg.io/x"}
		if text := s.write(i, r); text != "" {
			fail(422, text)
			return
		}
		s.incidents = append(s.incidents, i)
		answer(201, i)
	case r.Method == "PATCH":
		i := s.find(strings.TrimPrefix(path, "incidents/"))
		if i == nil {
			fail(404, "not found")
			return
		}
		if text := s.write(i, r); text != "" {
			fail(422, text)
			return
		}
		answer(200, i)
	default:
		fail(405, "method")
	}
}

func (s *server) find(id string) *kept {
	for _, i := range s.incidents {
		if i.ID == id {
			return i
		}
	}
	return nil
}

// write checks the documented parameters.
func (s *server) write(i *kept, r *http.Request) string {
	var body struct {
		Incident struct {
			Name       string                       `json:"name"`
			Status     string                       `json:"status"`
			Body       string                       `json:"body"`
			Impact     string                       `json:"impact_override"`
			IDs        []string                     `json:"component_ids"`
			Components map[string]string            `json:"components"`
			Deliver    *bool                        `json:"deliver_notifications"`
			Metadata   map[string]map[string]string `json:"metadata"`
		} `json:"incident"`
	}
	decoder := json.NewDecoder(r.Body)
	decoder.DisallowUnknownFields()
	if err := decoder.Decode(&body); err != nil || r.Header.Get("Content-Type") != "application/json" {
		return fmt.Sprint("bad body ", err)
	}
	n := body.Incident
	switch {
	case n.Name == "":
		return "Name can't be blank"
	case !slices.Contains([]string{"investigating", "identified", "monitoring", "resolved"}, n.Status):
		return "status"
	case !slices.Contains([]string{"", "none", "minor", "major", "critical"}, n.Impact):
		return "impact"
	case len(n.Body) > 25_000:
		return "body"
	}
	for id, state := range n.Components {
		if s.components[id] == "" || !slices.Contains([]string{"operational", "degraded_performance", "partial_outage", "major_outage", "under_maintenance"}, state) {
			return "component"
		}
	}
	for id, state := range n.Components {
		s.components[id] = state
	}
	i.Name, i.Status = n.Name, n.Status
	if n.Impact != "" {
		i.Impact = n.Impact
	}
	i.Metadata, _ = json.Marshal(n.Metadata)
	if n.Body != "" {
		i.Updates = append([]keptUpdate{{n.Status, n.Body}}, i.Updates...) // the newest first
	}
	return ""
}

func (s *server) look(id string) (incidenttest.SeenStatus, int) {
	s.mu.Lock()
	defer s.mu.Unlock()
	var seen incidenttest.SeenStatus
	if i := s.find(id); i != nil {
		seen.Title, seen.Resolved = i.Name, i.Status == "resolved"
		for _, u := range slices.Backward(i.Updates) {
			seen.Texts = append(seen.Texts, u.Body)
		}
	}
	if s.components["cmp1"] == "major_outage" {
		seen.State = incident.MajorOutage
	}
	return seen, len(s.incidents)
}

func (s *server) page(t testing.TB, change ...func(*statuspage.Config)) *statuspage.Page {
	t.Helper()
	c := statuspage.Config{Key: secret, PageID: "page1", BaseURL: s.URL + "/v1/", Now: s.clock}
	for _, f := range change {
		f(&c)
	}
	p, err := statuspage.New(c)
	if err != nil {
		t.Fatal(err)
	}
	return p
}

func TestPageKeepsTheContract(t *testing.T) {
	incidenttest.TestStatusPage(t, func(t *testing.T) incidenttest.StatusPageSubject {
		s := newServer(t)
		return incidenttest.StatusPageSubject{
			Page: s.page(t), Component: "cmp1", Missing: "inc99", Look: s.look,
			Faults: incidenttest.Faults{
				Secret: secret,
				Limit: func() {
					s.fail(func(w http.ResponseWriter, _ *http.Request, _ func()) bool { w.WriteHeader(420); return true })
				},
				Break: func() {
					s.fail(func(http.ResponseWriter, *http.Request, func()) bool { panic(http.ErrAbortHandler) })
				},
				Hang: func() {
					s.fail(func(_ http.ResponseWriter, r *http.Request, _ func()) bool { <-r.Context().Done(); return true })
				},
				Mend: func() {
					s.fail(nil)
					s.mu.Lock()
					s.now = s.now.Add(2 * time.Minute)
					s.mu.Unlock()
				},
			},
		}
	})
}

var first = incident.StatusPost{Key: "i/1", Title: "Errors", Text: "We look.", Status: incident.Declared, Severity: 1}

func TestALostAnswerPublishesOnce(t *testing.T) {
	s := newServer(t)
	p := s.page(t)
	lose := func(method string) {
		s.fail(func(w http.ResponseWriter, r *http.Request, accept func()) bool {
			if r.Method != method {
				return false
			}
			accept()
			panic(http.ErrAbortHandler)
		})
	}
	lose("POST")
	if _, err := p.Open(t.Context(), first); err == nil || errors.Is(err, incident.ErrPermanent) {
		t.Fatal(err)
	}
	s.fail(nil)
	ref, err := s.page(t).Open(t.Context(), first) // another process
	if err != nil || ref != (incident.Ref{ID: "inc1", URL: "https://stspg.io/x"}) {
		t.Fatal(ref, err)
	}
	next := first
	next.Key, next.Text, next.Status = "i/2", "Rolling back.", incident.Triaged
	lose("PATCH")
	if err := p.Update(t.Context(), ref.ID, next); err == nil || errors.Is(err, incident.ErrPermanent) {
		t.Fatal(err)
	}
	s.fail(nil)
	if err := s.page(t).Update(t.Context(), ref.ID, next); err != nil {
		t.Fatal(err)
	}
	if seen, n := s.look("inc1"); n != 1 || len(seen.Texts) != 2 {
		t.Errorf("%d incidents, %v", n, seen)
	}
}

func TestThePageKeepsToTheLimit(t *testing.T) {
	s := newServer(t)
	p := s.page(t)
	limited := 0
	for n := range 100 {
		post := first
		post.Key = fmt.Sprint("i/", n)
		_, err := p.Open(t.Context(), post)
		var limit incident.RateLimited
		switch {
		case errors.As(err, &limit) && limit.After > 0 && limit.After <= time.Minute:
			limited++
		case err != nil:
			t.Fatal(err)
		}
	}
	if limited != 70 || s.refused != 0 {
		t.Errorf("%d held back, %d refused by the server; 30 of 100 need two requests each", limited, s.refused)
	}
}

func TestErrorsSayWhatToDo(t *testing.T) {
	for status, want := range map[int]string{400: "permanent", 401: "permanent key", 403: "permanent key", 404: "permanent", 422: "permanent", 408: "", 409: "", 420: "limited", 429: "limited", 500: "", 503: "", 301: "", 204: ""} {
		s := newServer(t)
		s.fail(func(w http.ResponseWriter, r *http.Request, _ func()) bool {
			w.Header().Set("Location", "https://example.com/")
			w.WriteHeader(status)
			if status != 204 {
				io.WriteString(w, secret+r.Header.Get("Authorization"))
			}
			return true
		})
		_, err := s.page(t).Open(t.Context(), first)
		var classes []string
		if errors.Is(err, incident.ErrPermanent) {
			classes = append(classes, "permanent")
		}
		if errors.Is(err, statuspage.ErrKey) {
			classes = append(classes, "key")
		}
		if errors.As(err, new(incident.RateLimited)) {
			classes = append(classes, "limited")
		}
		if got := strings.Join(classes, " "); err == nil || got != want {
			t.Errorf("%d is %q, want %q: %v", status, got, want, err)
		}
		if strings.Contains(fmt.Sprintf("%+v %#v", err, err), secret) {
			t.Errorf("%d: the error shows the key: %v", status, err)
		}
	}
}

func TestImpossiblePostsAreNotSent(t *testing.T) {
	s := newServer(t)
	for name, change := range map[string]func(*incident.StatusPost){
		"key": func(p *incident.StatusPost) { p.Key = "" }, "title": func(p *incident.StatusPost) { p.Title = "" }, "text": func(p *incident.StatusPost) { p.Text = " " },
		"long": func(p *incident.StatusPost) { p.Text = strings.Repeat("x", 25_001) }, "status": func(p *incident.StatusPost) { p.Status = incident.Merged },
		"component": func(p *incident.StatusPost) { p.Components = []incident.Component{{ID: "../x"}} },
	} {
		p := first
		change(&p)
		if _, err := s.page(t).Open(t.Context(), p); !errors.Is(err, incident.ErrPermanent) {
			t.Errorf("%s: %v", name, err)
		}
	}
	if err := s.page(t).Update(t.Context(), "../../x", first); !errors.Is(err, incident.ErrPermanent) || len(s.calls) != 0 {
		t.Errorf("%v, %d calls", err, len(s.calls))
	}
}

func TestConfigIsCheckedAndDiscreet(t *testing.T) {
	for name, c := range map[string]statuspage.Config{
		"none": {}, "key": {Key: secret + "\n", PageID: "p"}, "page": {Key: secret, PageID: "../p"}, "http": {Key: secret, PageID: "p", BaseURL: "http://example.com/"},
		"slash": {Key: secret, PageID: "p", BaseURL: "https://example.com"}, "rate": {Key: secret, PageID: "p", Rate: -1}, "timeout": {Key: secret, PageID: "p", Timeout: -1},
	} {
		if _, err := statuspage.New(c); err == nil || strings.Contains(err.Error(), secret) {
			t.Errorf("%s: %v", name, err)
		}
	}
	c := statuspage.Config{Key: secret, PageID: "p"}
	p, err := statuspage.New(c)
	if err != nil {
		t.Fatal(err)
	}
	for _, v := range []any{c, &c, p} {
		if text := fmt.Sprintf("%v %+v %#v %s", v, v, v, v); strings.Contains(text, secret) {
			t.Errorf("%T prints the key", v)
		}
	}
}

func Example() {
	page, err := statuspage.New(statuspage.Config{Key: "from-the-secret-store", PageID: "kctbh9vrtdwd"})
	if err != nil {
		fmt.Println(err)
		return
	}
	ctx, cancel := context.WithCancel(context.Background())
	cancel() // nothing is to be sent here
	_, err = page.Open(ctx, incident.StatusPost{
		Key: "i-42/1", Title: "Errors at checkout", Status: incident.Declared, Severity: 1,
		Text:       "We look into failing payments. Next update by 2026-03-02 12:20 UTC.",
		Components: []incident.Component{{ID: "cmp1", State: incident.PartialOutage}},
	})
	fmt.Println(err)
	// Output: statuspage: nothing was sent: context canceled
}
