package pagerduty_test

import (
	"bytes"
	"encoding/json"
	"fmt"
	"io"
	"math/rand/v2"
	"net/http"
	"net/http/httptest"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/sre-sdk/sre/oncall"
	"github.com/sre-sdk/sre/oncall/pagerduty"
)

var start = time.Date(2026, 3, 1, 12, 0, 0, 0, time.UTC)

// A clock that stands until it is told to go on.
type clock struct {
	mu  sync.Mutex
	now time.Time
}

func newClock() *clock { return &clock{now: start} }

func (c *clock) Now() time.Time {
	c.mu.Lock()
	defer c.mu.Unlock()
	return c.now
}

func (c *clock) Advance(d time.Duration) {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.now = c.now.Add(d)
}

// Integration keys.
const (
	keyA = "0123456789abcdef0123456789abcdef"
	keyB = "R0UTINGKEYR0UTINGKEYR0UTINGKEY00"
	keyC = "fedcba9876543210fedcba9876543210"
	gone = "deadbeefdeadbeefdeadbeefdeadbeef" // known to nobody
)

// An alert is what PagerDuty makes of the events with one dedup_key.
type alert struct {
	Status        string
	Events        int
	Notifications []event // one whenever it opens
}

// An event is one request, with the documented fields and no others.
type event struct {
	RoutingKey string              `json:"routing_key"`
	Action     string              `json:"event_action"`
	DedupKey   string              `json:"dedup_key"`
	Client     string              `json:"client"`
	ClientURL  string              `json:"client_url"`
	Links      []map[string]string `json:"links"`
	Images     []map[string]string `json:"images"`
	Payload    *struct {
		Summary   string            `json:"summary"`
		Source    string            `json:"source"`
		Severity  string            `json:"severity"`
		Timestamp string            `json:"timestamp"`
		Component string            `json:"component"`
		Group     string            `json:"group"`
		Class     string            `json:"class"`
		Details   map[string]string `json:"custom_details"`
	} `json:"payload"`
}

// events stands for the Events API: it holds requests to the documented rules.
type events struct {
	*httptest.Server
	clock     *clock
	perMinute int

	mu      sync.Mutex
	calls   map[string][]time.Time
	alerts  map[string]*alert // by routing key and dedup_key
	log     []string          // "routing_key dedup_key" of each notification
	refused int               // for more than perMinute
	fault   func(w http.ResponseWriter, r *http.Request, accept func()) bool
}

func newEvents(t testing.TB) *events {
	s := &events{clock: newClock(), perMinute: 120, calls: map[string][]time.Time{}, alerts: map[string]*alert{}}
	s.Server = httptest.NewServer(s)
	t.Cleanup(s.Close)
	return s
}

// Fail makes fault answer; it may have the event accepted first, and returns
// false for what it leaves alone.
func (s *events) Fail(fault func(w http.ResponseWriter, r *http.Request, accept func()) bool) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.fault = fault
}

func (s *events) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	body, err := io.ReadAll(r.Body)
	if err != nil {
		return
	}
	s.mu.Lock()
	fault := s.fault
	s.mu.Unlock()
	accept := func() { s.serve(httptest.NewRecorder(), r, body) }
	if fault == nil || !fault(w, r, accept) {
		s.serve(w, r, body)
	}
}

func (s *events) serve(w http.ResponseWriter, r *http.Request, body []byte) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if r.Method != http.MethodPost || r.URL.Path != "/v2/enqueue" {
		answer(w, http.StatusNotFound, "not found", "no such resource")
		return
	}
	if r.Header.Get("Content-Type") != "application/json" || r.Header.Get("Authorization") != "" {
		invalid(w, "an event is JSON and carries its key itself")
		return
	}
	if len(body) > 512_000 {
		answer(w, http.StatusRequestEntityTooLarge, "too large", "more than 512 KB")
		return
	}
	var e event
	decoder := json.NewDecoder(bytes.NewReader(body))
	decoder.DisallowUnknownFields()
	if err := decoder.Decode(&e); err != nil {
		answer(w, http.StatusBadRequest, "Unrecognized object", "Event object format is unrecognized", "JSON parse error: "+err.Error())
		return
	}
	if wrong := e.check(); wrong != "" {
		invalid(w, wrong)
		return
	}
	if !slices.Contains([]string{keyA, keyB, keyC}, e.RoutingKey) {
		invalid(w, "Invalid routing_key "+e.RoutingKey) // an answer that tells secrets
		return
	}
	now := s.clock.Now()
	s.calls[e.RoutingKey] = slices.DeleteFunc(s.calls[e.RoutingKey], func(at time.Time) bool { return now.Sub(at) >= time.Minute })
	if len(s.calls[e.RoutingKey]) >= s.perMinute {
		s.refused++
		w.WriteHeader(http.StatusTooManyRequests)
		return
	}
	s.calls[e.RoutingKey] = append(s.calls[e.RoutingKey], now)
	s.apply(e)
	w.Header().Set("Content-Type", "application/json")
	w.WriteHeader(http.StatusAccepted)
	json.NewEncoder(w).Encode(map[string]string{"status": "success", "message": "Event processed", "dedup_key": e.DedupKey})
}

// apply merges a trigger into the open alert, or opens one.
func (s *events) apply(e event) {
	id := e.RoutingKey + " " + e.DedupKey
	a := s.alerts[id]
	switch e.Action {
	case "trigger":
		if a == nil {
			a = &alert{Status: "resolved"}
			s.alerts[id] = a
		}
		a.Events++
		if a.Status == "resolved" {
			a.Status = "triggered"
			a.Notifications = append(a.Notifications, e)
			s.log = append(s.log, id)
		}
	case "acknowledge":
		if a != nil && a.Status == "triggered" {
			a.Status = "acknowledged"
		}
	case "resolve":
		if a != nil {
			a.Status = "resolved"
		}
	}
}

func (e event) check() string {
	switch {
	case len(e.RoutingKey) != 32:
		return "Length of 'routing_key' is incorrect (should be 32 characters)"
	case !slices.Contains([]string{"trigger", "acknowledge", "resolve"}, e.Action):
		return "'event_action' is invalid"
	case e.Action != "trigger" && e.DedupKey == "":
		return "'dedup_key' is missing"
	case len([]rune(e.DedupKey)) > 255:
		return "'dedup_key' is too long"
	case e.Action != "trigger":
		return ""
	case e.Payload == nil:
		return "'payload' is missing"
	case e.Payload.Summary == "" || len([]rune(e.Payload.Summary)) > 1024:
		return "'payload.summary' is missing or too long"
	case e.Payload.Source == "":
		return "'payload.source' is missing"
	case !slices.Contains([]string{"critical", "error", "warning", "info"}, e.Payload.Severity):
		return "'payload.severity' is invalid"
	}
	for _, link := range e.Links {
		if !strings.HasPrefix(link["href"], "http") {
			return "'links.href' is invalid"
		}
	}
	return ""
}

func invalid(w http.ResponseWriter, why string) {
	answer(w, http.StatusBadRequest, "invalid event", "Event object is invalid", why)
}

func answer(w http.ResponseWriter, status int, name, message string, errors ...string) {
	w.Header().Set("Content-Type", "application/json")
	w.WriteHeader(status)
	json.NewEncoder(w).Encode(map[string]any{"status": name, "message": message, "errors": errors})
}

// notified returns the notifications that an alert has made.
func (s *events) notified(routingKey, dedupKey string) []event {
	s.mu.Lock()
	defer s.mu.Unlock()
	if a := s.alerts[routingKey+" "+dedupKey]; a != nil {
		return slices.Clone(a.Notifications)
	}
	return nil
}

func (s *events) status(routingKey, dedupKey string) string {
	s.mu.Lock()
	defer s.mu.Unlock()
	if a := s.alerts[routingKey+" "+dedupKey]; a != nil {
		return a.Status
	}
	return ""
}

func (s *events) pager(t testing.TB, change ...func(*pagerduty.Config)) *pagerduty.Pager {
	t.Helper()
	c := pagerduty.Config{Endpoint: s.URL, RoutingKeys: map[string]string{"db": keyA, "web": keyB}, Now: s.clock.Now}
	for _, f := range change {
		f(&c)
	}
	p, err := pagerduty.New(c)
	if err != nil {
		t.Fatal(err)
	}
	return p
}

func page(key, address string) oncall.Delivery {
	return oncall.Delivery{
		Key: key, Person: "alice", Contact: oncall.Contact{ID: "pd", Kind: oncall.Push, Address: address},
		Severity: 1, Title: "db is down", Body: "no primary since 12:00", Link: "https://example.com/incidents/1",
	}
}

// chaos loses answers before and after the event was accepted, and answers 429
// and 5xx, at random.
func chaos(seed uint64) func(http.ResponseWriter, *http.Request, func()) bool {
	var mu sync.Mutex
	random := rand.New(rand.NewPCG(seed, 1))
	return func(w http.ResponseWriter, _ *http.Request, accept func()) bool {
		mu.Lock()
		n := random.IntN(12)
		mu.Unlock()
		switch n {
		case 0:
			w.Header().Set("Retry-After", fmt.Sprint(1+seed%7))
			w.WriteHeader(http.StatusTooManyRequests)
		case 1:
			w.WriteHeader(http.StatusTooManyRequests)
		case 2:
			answer(w, 500, "Internal Server Error", "an error")
		case 3:
			accept()
			w.WriteHeader(http.StatusBadGateway)
		case 4:
			accept()
			panic(http.ErrAbortHandler) // the connection breaks
		case 5:
			panic(http.ErrAbortHandler)
		case 6:
			w.WriteHeader(http.StatusAccepted) // nonsense
			io.WriteString(w, "<html>")
		default:
			return false
		}
		return true
	}
}
