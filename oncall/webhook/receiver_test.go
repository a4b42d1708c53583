package webhook_test

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"net/http"
	"net/http/httptest"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"github.com/sre-sdk/sre/oncall/webhook"
	"pgregory.net/rapid"
)

// A desk is a Receiver at a clock of the test.
type desk struct {
	*webhook.Receiver
	now     time.Time
	handled []string // ids, each time Next was called
	status  int      // of Next
}

func newDesk(t *testing.T, change func(*webhook.ReceiverConfig)) *desk {
	t.Helper()
	d := &desk{now: noon, status: http.StatusAccepted}
	c := webhook.ReceiverConfig{
		Secrets: []webhook.Secret{secret},
		Now:     func() time.Time { return d.now },
		Next: http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
			d.handled = append(d.handled, r.Header.Get(webhook.HeaderID))
			w.WriteHeader(d.status)
		}),
	}
	if change != nil {
		change(&c)
	}
	var err error
	if d.Receiver, err = webhook.NewReceiver(c); err != nil {
		t.Fatal(err)
	}
	return d
}

func signed(t *testing.T, id string, at time.Time, body string) *http.Request {
	t.Helper()
	header, err := webhook.Sign([]webhook.Secret{secret}, id, at, []byte(body))
	if err != nil {
		t.Fatal(err)
	}
	r := httptest.NewRequest(http.MethodPost, "/", strings.NewReader(body))
	r.Header = header
	return r
}

func (d *desk) post(r *http.Request) *httptest.ResponseRecorder {
	w := httptest.NewRecorder()
	d.ServeHTTP(w, r)
	return w
}

func (d *desk) want(t *testing.T, what string, r *http.Request, status int) *httptest.ResponseRecorder {
	t.Helper()
	w := d.post(r)
	if w.Code != status {
		t.Errorf("%s: %d %s, want %d", what, w.Code, w.Body, status)
	}
	return w
}

func TestReceiverHandsTheVerifiedBodyOn(t *testing.T) {
	d := newDesk(t, func(c *webhook.ReceiverConfig) {
		c.Next = http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
			body, err := io.ReadAll(r.Body)
			fmt.Fprint(w, string(body), err, r.ContentLength)
		})
	})
	if w := d.want(t, "a message", signed(t, "m1", noon, "the body"), 200); w.Body.String() != "the body<nil> 8" {
		t.Errorf("Next saw %s", w.Body)
	}
}

func TestReceiverRefusesWithTheStatusOfTheReason(t *testing.T) {
	var log bytes.Buffer
	d := newDesk(t, func(c *webhook.ReceiverConfig) { c.MaxBody = 100; c.Log = slog.New(slog.NewTextHandler(&log, nil)) })
	unsigned := signed(t, "m1", noon, "x")
	unsigned.Header.Del(webhook.HeaderSignature)
	forged := signed(t, "m1", noon, "x")
	forged.Header.Set(webhook.HeaderID, "forged-id")
	get := signed(t, "m1", noon, "x")
	get.Method = http.MethodGet
	broken := signed(t, "m1", noon, "x")
	broken.Body = io.NopCloser(readerFunc(func([]byte) (int, error) { return 0, errors.New("reset") }))
	for _, tc := range []struct {
		name    string
		request *http.Request
		status  int
	}{
		{"unsigned", unsigned, 400},
		{"forged", forged, 401},
		{"old", signed(t, "m1", noon.Add(-6*time.Minute), "x"), 401},
		{"of the future", signed(t, "m1", noon.Add(6*time.Minute), "x"), 401},
		{"not posted", get, 405},
		{"broken off", broken, 408},
		{"large", signed(t, "m1", noon, strings.Repeat("x", 101)), 413},
	} {
		w := d.want(t, tc.name, tc.request, tc.status)
		var problem struct {
			Title, Detail string
			Status        int
		}
		if err := json.Unmarshal(w.Body.Bytes(), &problem); err != nil || problem.Status != tc.status || problem.Detail == "" ||
			w.Header().Get("Content-Type") != "application/problem+json" {
			t.Errorf("%s: %s %v", tc.name, w.Body, err)
		}
	}
	if len(d.handled) > 0 {
		t.Errorf("handled %q", d.handled)
	}
	if n := strings.Count(log.String(), "message refused"); n != 7 || strings.Contains(log.String(), "forged-id") {
		t.Errorf("the log is\n%s", &log)
	}
	d.want(t, "the right one after all", signed(t, "m1", noon, "x"), 202)
}

func TestReplayIsNotHandled(t *testing.T) {
	d := newDesk(t, nil)
	d.want(t, "first", signed(t, "m1", noon.Add(5*time.Minute), "x"), 202)
	d.want(t, "at once", signed(t, "m1", noon.Add(5*time.Minute), "x"), 204)
	d.now = noon.Add(10 * time.Minute) // the last instant at which its age is accepted
	d.want(t, "at the end of the window", signed(t, "m1", noon.Add(5*time.Minute), "x"), 204)
	d.now = d.now.Add(1)
	d.want(t, "after the window", signed(t, "m1", noon.Add(5*time.Minute), "x"), 401)
	if diff := cmp.Diff([]string{"m1"}, d.handled); diff != "" {
		t.Error("handled (-want +got):\n" + diff)
	}
}

// Whatever a recorded message is replayed with, and whenever, it is handled at
// most once.
func TestNoReplayIsEverHandled(t *testing.T) {
	rapid.Check(t, func(rt *rapid.T) {
		d := newDesk(t, nil)
		recorded := noon.Add(time.Duration(rapid.IntRange(-360, 360).Draw(rt, "timestamp")) * time.Second)
		header, err := webhook.Sign([]webhook.Secret{secret}, "m1", recorded, nil)
		if err != nil {
			rt.Fatal(err)
		}
		for range rapid.IntRange(1, 10).Draw(rt, "requests") {
			d.now = d.now.Add(time.Duration(rapid.IntRange(0, 300).Draw(rt, "passed")) * time.Second)
			r := httptest.NewRequest(http.MethodPost, "/", nil)
			r.Header = header.Clone()
			d.post(r)
		}
		if len(d.handled) > 1 {
			rt.Fatalf("handled %d times", len(d.handled))
		}
	})
}

func TestAFailedMessageMayBeSentAgain(t *testing.T) {
	d := newDesk(t, nil)
	for _, status := range []int{500, 503, 429, 302, 400} {
		d.status = status
		d.want(t, "failing", signed(t, "m1", noon, "x"), status)
	}
	d.status = 202
	d.want(t, "mended", signed(t, "m1", noon, "x"), 202)
	d.want(t, "once more", signed(t, "m1", noon, "x"), 204)
}

func TestAPanicIsNoSuccess(t *testing.T) {
	fail := true
	d := newDesk(t, func(c *webhook.ReceiverConfig) {
		c.Next = http.HandlerFunc(func(http.ResponseWriter, *http.Request) {
			if fail {
				panic(http.ErrAbortHandler)
			}
		})
	})
	func() {
		defer func() {
			if recover() != http.ErrAbortHandler {
				t.Error("the panic did not go on")
			}
		}()
		d.post(signed(t, "m1", noon, "x"))
	}()
	fail = false
	d.want(t, "again", signed(t, "m1", noon, "x"), 200)
}

func TestATwinWaits(t *testing.T) {
	entered, leave := make(chan bool), make(chan bool)
	d := newDesk(t, func(c *webhook.ReceiverConfig) {
		c.Next = http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) { entered <- true; <-leave })
	})
	var wg sync.WaitGroup
	first := signed(t, "m1", noon, "x")
	wg.Go(func() { d.post(first) })
	<-entered
	w := d.want(t, "the twin", signed(t, "m1", noon, "x"), 409)
	if w.Header().Get("Retry-After") != "1" {
		t.Error("no Retry-After")
	}
	leave <- true
	wg.Wait()
	d.want(t, "after it", signed(t, "m1", noon, "x"), 204)
}

func TestAFullMemoryRefusesRatherThanForget(t *testing.T) {
	memory, err := webhook.NewMemory(2)
	if err != nil {
		t.Fatal(err)
	}
	d := newDesk(t, func(c *webhook.ReceiverConfig) { c.Seen = memory })
	d.want(t, "1", signed(t, "m1", noon, "x"), 202)
	d.now = noon.Add(time.Minute)
	d.want(t, "2", signed(t, "m2", noon, "x"), 202)
	d.want(t, "3", signed(t, "m3", noon, "x"), 503)
	d.want(t, "1 again", signed(t, "m1", noon, "x"), 204)
	d.now = noon.Add(10*time.Minute + 1)
	d.want(t, "3, when 1 may be forgotten", signed(t, "m3", d.now, "x"), 202)
	if memory.Len() != 2 {
		t.Errorf("%d remembered, want 2", memory.Len())
	}
	if _, err := webhook.NewMemory(0); err == nil {
		t.Error("a memory of nothing was made")
	}
}

type brokenSeen struct{ *webhook.Memory }

func (brokenSeen) Claim(context.Context, string, time.Time, time.Time) (webhook.Claim, error) {
	return webhook.ClaimUnknown, errors.New("no connection")
}

func TestASeenThatDoesNotAnswerLetsNothingPass(t *testing.T) {
	d := newDesk(t, func(c *webhook.ReceiverConfig) { c.Seen = brokenSeen{} })
	d.want(t, "a message", signed(t, "m1", noon, "x"), 503)
	if len(d.handled) > 0 {
		t.Error("it was handled")
	}
}

func TestReceiverConfigReportsEveryProblem(t *testing.T) {
	_, err := webhook.NewReceiver(webhook.ReceiverConfig{MaxBody: -1, Remember: 9 * time.Minute})
	for _, want := range []string{"secrets", "next", "max_body", "remember"} {
		if err == nil || !strings.Contains(err.Error(), want+": ") {
			t.Errorf("no %s in %v", want, err)
		}
	}
}

func TestToleranceIsPositive(t *testing.T) {
	c := webhook.ReceiverConfig{Secrets: []webhook.Secret{secret}, Next: http.NotFoundHandler(), Tolerance: -1}
	if err := c.Validate(); err == nil || !strings.Contains(err.Error(), "tolerance: ") {
		t.Errorf("error %v", err)
	}
}

func TestMemoryIsSafeForConcurrentUse(t *testing.T) {
	memory, err := webhook.NewMemory(1000)
	if err != nil {
		t.Fatal(err)
	}
	var wg sync.WaitGroup
	var mu sync.Mutex
	fresh := map[string]int{}
	for range 8 {
		wg.Go(func() {
			for i := range 100 {
				id := fmt.Sprint("m", i)
				claim, err := memory.Claim(t.Context(), id, noon, noon.Add(time.Minute))
				if err != nil {
					t.Error(err)
				}
				if claim == webhook.Fresh {
					mu.Lock()
					fresh[id]++
					mu.Unlock()
					if err := memory.Settle(t.Context(), id, true); err != nil {
						t.Error(err)
					}
				}
			}
		})
	}
	wg.Wait()
	for id, n := range fresh {
		if n != 1 {
			t.Errorf("%s was fresh %d times", id, n)
		}
	}
}
