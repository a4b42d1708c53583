package e2e_test

import (
	"bytes"
	"context"
	"encoding/json"
	"fmt"
	"io"
	"math/rand/v2"
	"net/http"
	"net/http/httptest"
	"strconv"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/sre-sdk/sre/oncall"
)

// A message is what the provider is sent.
type message struct {
	Person  string    `json:"person"`
	Address string    `json:"address"`
	Due     time.Time `json:"due"`
}

// Headers of a message.
const (
	keyHeader     = "Idempotency-Key"
	processHeader = "X-Process"
)

// gone begins an address that does not exist any more.
const gone = "gone:"

// A provider delivers messages, unreliably, and keeps a journal of those that it
// has accepted. It is never killed, so its journal is in memory.
type provider struct {
	url string

	mu       sync.Mutex
	rng      *rand.Rand
	journal  map[string][]accepted // by key
	answers  map[string]int        // by what they were
	underway map[string]int        // requests, by process
}

type accepted struct {
	at, due time.Time
	process string
	unclear bool // the answer did not say so
}

const (
	slowest = 100 * time.Millisecond // of the answers
	hanging = 10 * time.Second       // for how long a request without answer is kept
)

func startProvider(t testing.TB, seed uint64) *provider {
	p := &provider{rng: rand.New(rand.NewPCG(seed, 1)), journal: map[string][]accepted{}, answers: map[string]int{}, underway: map[string]int{}}
	server := httptest.NewServer(p)
	p.url = server.URL
	t.Cleanup(func() {
		server.CloseClientConnections()
		server.Close()
	})
	return p
}

// What the provider may do, of a thousand messages.
var faults = []struct {
	name         string
	of           int
	accept, tell bool // tell: the answer says so
}{
	{"429", 1, false, true}, // it stops a process for a second
	{"503", 20, false, true},
	{"silence", 5, false, false},
	{"accepted, then 500", 10, true, false},
	{"accepted, then silence", 5, true, false},
	{"accepted, then hung up", 5, true, false},
	{"answered twice", 20, true, true},
}

func (p *provider) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	var m message
	body, err := io.ReadAll(r.Body)
	if err == nil {
		err = json.Unmarshal(body, &m)
	}
	key, process := r.Header.Get(keyHeader), r.Header.Get(processHeader)
	if err != nil || key == "" {
		http.Error(w, "no message", http.StatusBadRequest)
		return
	}
	name, takes := p.decide(key, process, m)
	defer p.ended(process)
	select {
	case <-r.Context().Done():
	case <-time.After(takes):
	}
	switch name {
	case "gone":
		http.Error(w, name, http.StatusGone)
	case "429":
		w.Header().Set("Retry-After", "1")
		http.Error(w, name, http.StatusTooManyRequests)
	case "503":
		http.Error(w, name, http.StatusServiceUnavailable)
	case "accepted, then 500":
		http.Error(w, name, http.StatusInternalServerError)
	case "silence", "accepted, then silence":
		select {
		case <-r.Context().Done():
		case <-time.After(hanging):
		}
		panic(http.ErrAbortHandler)
	case "accepted, then hung up":
		panic(http.ErrAbortHandler)
	case "answered twice":
		conn, _, err := w.(http.Hijacker).Hijack()
		if err != nil {
			panic(http.ErrAbortHandler)
		}
		defer conn.Close()
		_, _ = conn.Write([]byte(strings.Repeat("HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nok", 2)))
	default:
		_, _ = io.WriteString(w, "ok")
	}
}

// decide says what becomes of a message and how long its answer takes, and
// writes it down.
func (p *provider) decide(key, process string, m message) (name string, takes time.Duration) {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.underway[process]++
	name, accept, tell := p.dice(m)
	p.answers[name]++
	if accept {
		p.journal[key] = append(p.journal[key], accepted{time.Now(), m.Due, process, !tell})
	}
	return name, time.Duration(p.rng.Int64N(int64(slowest)))
}

func (p *provider) dice(m message) (name string, accept, tell bool) {
	if strings.HasPrefix(m.Address, gone) {
		return "gone", false, true
	}
	n := p.rng.IntN(1000)
	for _, f := range faults {
		if n -= f.of; n < 0 {
			return f.name, f.accept, f.tell
		}
	}
	return "accepted", true, true
}

func (p *provider) ended(process string) {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.underway[process]--
}

// inFlight returns how many messages of a process are under way.
func (p *provider) inFlight(process string) int {
	p.mu.Lock()
	defer p.mu.Unlock()
	return p.underway[process]
}

// unclear begins the error of a delivery of which the provider's pager does not
// know whether it was accepted.
const unclear = "it is not known whether it was accepted"

// pagerOf returns a pager that gives messages to the provider.
func pagerOf(url, process string) oncall.Pager {
	client := &http.Client{Transport: &http.Transport{MaxIdleConnsPerHost: 64}}
	return oncall.PagerFunc(func(ctx context.Context, d oncall.Delivery) (oncall.Receipt, error) {
		due, err := time.Parse(time.RFC3339Nano, d.Link)
		if err != nil {
			return oncall.Receipt{}, err
		}
		body, err := json.Marshal(message{d.Person, d.Contact.Address, due})
		if err != nil {
			return oncall.Receipt{}, err
		}
		req, err := http.NewRequestWithContext(ctx, http.MethodPost, url, bytes.NewReader(body))
		if err != nil {
			return oncall.Receipt{}, err
		}
		req.GetBody = nil // the client must not send it again by itself
		req.Header.Set(keyHeader, d.Key)
		req.Header.Set(processHeader, process)
		answer, err := client.Do(req)
		if err != nil {
			return oncall.Receipt{}, fmt.Errorf("%s: %w", unclear, err)
		}
		defer answer.Body.Close()
		_, _ = io.Copy(io.Discard, answer.Body)
		switch answer.StatusCode {
		case http.StatusOK:
			return oncall.Receipt{ID: d.Key, At: time.Now()}, nil
		case http.StatusGone:
			return oncall.Receipt{}, fmt.Errorf("%w: %s", oncall.ErrPermanent, answer.Status)
		case http.StatusTooManyRequests:
			after, _ := strconv.Atoi(answer.Header.Get("Retry-After"))
			return oncall.Receipt{}, oncall.RateLimited{After: time.Duration(after) * time.Second}
		case http.StatusServiceUnavailable:
			return oncall.Receipt{}, fmt.Errorf("not accepted: %s", answer.Status)
		}
		return oncall.Receipt{}, fmt.Errorf("%s: %s", unclear, answer.Status)
	})
}
