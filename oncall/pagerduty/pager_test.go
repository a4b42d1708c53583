package pagerduty_test

import (
	"context"
	"errors"
	"fmt"
	"net/http"
	"strings"
	"testing"
	"testing/synctest"
	"time"
	"unicode/utf8"

	"github.com/sre-sdk/sre"
	"github.com/sre-sdk/sre/oncall"
	"github.com/sre-sdk/sre/oncall/oncalltest"
	"github.com/sre-sdk/sre/oncall/pagerduty"
)

func TestPagerKeepsTheContract(t *testing.T) {
	oncalltest.TestPager(t, func(t *testing.T) oncalltest.Subject {
		s := newEvents(t)
		return oncalltest.Subject{
			Pager: s.pager(t), Good: page("good", keyB), Bad: page("bad", gone),
			Received: func() (keys []string) {
				s.mu.Lock()
				defer s.mu.Unlock()
				for _, id := range s.log {
					_, key, _ := strings.Cut(id, " ")
					keys = append(keys, key)
				}
				return keys
			},
			Limit: func() {
				s.Fail(func(w http.ResponseWriter, _ *http.Request, _ func()) bool {
					w.Header().Set("Retry-After", "30")
					w.WriteHeader(http.StatusTooManyRequests)
					return true
				})
			},
			Hang: func() {
				s.Fail(func(_ http.ResponseWriter, r *http.Request, _ func()) bool { <-r.Context().Done(); return true })
			},
			Break: func() { s.Fail(func(http.ResponseWriter, *http.Request, func()) bool { panic(http.ErrAbortHandler) }) },
			Mend:  func() { s.Fail(nil); s.clock.Advance(time.Minute) },
		}
	})
}

func TestSameKeyIsOneAlert(t *testing.T) {
	s := newEvents(t)
	for range 3 { // three processes
		receipt, err := s.pager(t).Send(t.Context(), page("one", "db"))
		if err != nil || receipt.ID != "one" {
			t.Fatal(receipt, err)
		}
	}
	if n := len(s.notified(keyA, "one")); n != 1 {
		t.Errorf("%d notifications, want 1", n)
	}
	if _, err := s.pager(t).Send(t.Context(), page("two", "db")); err != nil || len(s.notified(keyA, "two")) != 1 {
		t.Errorf("another key did not notify: %v", err)
	}
}

func TestCallerMayWidenTheAlert(t *testing.T) {
	s := newEvents(t)
	p := s.pager(t, func(c *pagerduty.Config) {
		c.DedupKey = func(d oncall.Delivery) string { return strings.Split(d.Key, "/")[0] + " " + d.Person }
	})
	first, err := p.Send(t.Context(), page("esc-1/round-1", "db"))
	if err != nil {
		t.Fatal(err)
	}
	second, err := p.Send(t.Context(), page("esc-1/round-2", "db"))
	if err != nil || first.ID != second.ID || first.ID != pagerduty.DedupKey("esc-1 alice") {
		t.Errorf("the receipts are %q and %q, %v; want the same", first.ID, second.ID, err)
	}
}

func TestDedupKeyFits(t *testing.T) {
	for _, key := range []string{"x", strings.Repeat("k", 255), strings.Repeat("k", 256), "mit Raum", "schlüssel", "a\nb", ""} {
		got := pagerduty.DedupKey(key)
		if len(got) > pagerduty.MaxDedupKey || got == "" || pagerduty.DedupKey(got) != got {
			t.Errorf("DedupKey(%q) is %q, want a short one that stays", key, got)
		}
	}
	if pagerduty.DedupKey(strings.Repeat("k", 300)) == pagerduty.DedupKey(strings.Repeat("k", 301)) {
		t.Error("two long keys have one dedup key")
	}
}

func TestAlertIsAcknowledgedAndResolvedByTheReceipt(t *testing.T) {
	s := newEvents(t)
	p, d := s.pager(t), page(strings.Repeat("long ", 100), "db")
	receipt, err := p.Send(t.Context(), d)
	if err != nil {
		t.Fatal(err)
	}
	if err := p.Acknowledge(t.Context(), d.Contact, receipt.ID); err != nil || s.status(keyA, receipt.ID) != "acknowledged" {
		t.Errorf("after Acknowledge: %v, %q", err, s.status(keyA, receipt.ID))
	}
	if err := p.Resolve(t.Context(), d.Contact, receipt.ID); err != nil || s.status(keyA, receipt.ID) != "resolved" {
		t.Errorf("after Resolve: %v, %q", err, s.status(keyA, receipt.ID))
	}
	for _, wrong := range []string{"", d.Key} {
		if err := p.Resolve(t.Context(), d.Contact, wrong); !errors.Is(err, oncall.ErrPermanent) {
			t.Errorf("Resolve of %q: %v, want ErrPermanent", wrong, err)
		}
	}
}

func TestEventSaysWhatTheDeliverySays(t *testing.T) {
	s := newEvents(t)
	p := s.pager(t, func(c *pagerduty.Config) {
		c.Source, c.Component, c.Group, c.Class = "db1.example.com", "postgres", "prod", "down"
		c.Client, c.ClientURL = "Desk", "https://desk.example.com"
		c.Details = func(oncall.Delivery) map[string]string {
			return map[string]string{"runbook": "r1", "person": "mallory"}
		}
	})
	if _, err := p.Send(t.Context(), page("k", "db")); err != nil {
		t.Fatal(err)
	}
	e := s.notified(keyA, "k")[0]
	got := fmt.Sprint(e.Payload.Summary, "|", e.Payload.Severity, "|", e.Payload.Source, "|", e.Payload.Component, "|", e.Payload.Group, "|",
		e.Payload.Class, "|", e.Client, "|", e.ClientURL, "|", e.Links, "|", e.Payload.Details)
	const want = "db is down|critical|db1.example.com|postgres|prod|down|Desk|https://desk.example.com|" +
		"[map[href:https://example.com/incidents/1 text:Show]]|" +
		"map[body:no primary since 12:00 contact:pd key:k person:alice runbook:r1 severity:P1]"
	if got != want {
		t.Errorf("got  %s\nwant %s", got, want)
	}
}

func TestSeveritiesMap(t *testing.T) {
	s := newEvents(t)
	p := s.pager(t)
	for severity, want := range []string{"critical", "critical", "error", "warning", "info", "info"} {
		d := page(fmt.Sprint("s", severity), "db")
		d.Severity = sre.Severity(severity)
		if _, err := p.Send(t.Context(), d); err != nil {
			t.Fatal(err)
		}
		if got := s.notified(keyA, d.Key)[0].Payload.Severity; got != want {
			t.Errorf("severity %d is %s, want %s", severity, got, want)
		}
	}
}

func TestAnyTextFits(t *testing.T) {
	s := newEvents(t)
	p := s.pager(t, func(c *pagerduty.Config) {
		c.CallsPerMinute = 0
		c.Details = func(d oncall.Delivery) map[string]string {
			return map[string]string{"extra": strings.Repeat("e", len(d.Body)/2)}
		}
	})
	for name, change := range map[string]func(*oncall.Delivery){
		"long title":           func(d *oncall.Delivery) { d.Title = strings.Repeat("ä", 3000) },
		"odd cut":              func(d *oncall.Delivery) { d.Title = "xx" + strings.Repeat("€", 1024) },
		"no title":             func(d *oncall.Delivery) { d.Title = "" },
		"nothing but a key":    func(d *oncall.Delivery) { d.Title, d.Body = "\n", " " },
		"lines in the title":   func(d *oncall.Delivery) { d.Title = "a\nb\tc" },
		"invalid UTF-8":        func(d *oncall.Delivery) { d.Title, d.Body = "a\xffb", "\xc3" },
		"huge body":            func(d *oncall.Delivery) { d.Body = strings.Repeat("b", 2<<20) },
		"huge body of escapes": func(d *oncall.Delivery) { d.Body = strings.Repeat("<\x00\u2028\U0001F4A5\"", 200_000) },
		"huge title":           func(d *oncall.Delivery) { d.Title = strings.Repeat("<", 1<<20) },
		"no web link":          func(d *oncall.Delivery) { d.Link = "javascript:alert(1)" },
		"long link":            func(d *oncall.Delivery) { d.Link = "https://example.com/" + strings.Repeat("x", 1<<20) },
	} {
		t.Run(name, func(t *testing.T) {
			d := page(strings.ReplaceAll(name, " ", "-"), "db")
			change(&d)
			if _, err := p.Send(t.Context(), d); err != nil {
				t.Fatal(err)
			}
			e := s.notified(keyA, d.Key)[0]
			if len(e.Payload.Summary) > pagerduty.MaxSummary || !utf8.ValidString(e.Payload.Summary) || strings.ContainsAny(e.Payload.Summary, "\n\t\uFFFD") != (name == "invalid UTF-8") {
				t.Errorf("summary %q", e.Payload.Summary)
			}
			if name == "long title" && e.Payload.Details["title"] != d.Title {
				t.Error("the details do not have the whole title")
			}
			if name == "huge body" && (len(e.Payload.Details["body"]) < 250_000 || !strings.HasSuffix(e.Payload.Details["body"], "[shortened]")) {
				t.Errorf("the body has %d bytes", len(e.Payload.Details["body"]))
			}
			if name == "huge body of escapes" && len(e.Payload.Details["body"]) < 100_000 {
				t.Errorf("the body has %d bytes", len(e.Payload.Details["body"]))
			}
			if strings.Contains(name, "link") && (len(e.Links) != 0 || e.Payload.Details["link"] == "") {
				t.Errorf("links %v, details %.50q", e.Links, e.Payload.Details["link"])
			}
		})
	}
}

func TestCallsStayBelowTheLimit(t *testing.T) {
	s := newEvents(t)
	p := s.pager(t)
	for i := range 120 {
		if _, err := p.Send(t.Context(), page(fmt.Sprint("k", i), "db")); err != nil {
			t.Fatal(i, err)
		}
		s.clock.Advance(100 * time.Millisecond)
	}
	var limit oncall.RateLimited
	if _, err := p.Send(t.Context(), page("more", "db")); !errors.As(err, &limit) || limit.After != 48*time.Second {
		t.Fatalf("call 121 after 12 s: %v, want a wait of 48 s", err)
	}
	if _, err := p.Send(t.Context(), page("more", "web")); err != nil {
		t.Errorf("another routing key: %v", err)
	}
	s.clock.Advance(limit.After)
	if _, err := p.Send(t.Context(), page("more", "db")); err != nil {
		t.Errorf("after the wait: %v", err)
	}
	if s.refused != 0 {
		t.Errorf("PagerDuty refused %d calls, want 0", s.refused)
	}
	s.clock.Advance(2 * time.Minute)
	if _, err := p.Send(t.Context(), page("later", "web")); err != nil || p.Windows() != 1 {
		t.Errorf("%v, %d windows, want the idle one gone", err, p.Windows())
	}
}

func TestPauseHoldsFurtherCallsBack(t *testing.T) {
	for _, test := range []struct {
		header string
		want   time.Duration
	}{
		{"7", 7 * time.Second}, {"", 15 * time.Second}, {"soon", 15 * time.Second}, {"-1", 15 * time.Second}, {"0", 15 * time.Second},
		{"86400", pagerduty.MaxRetryAfter}, {start.Add(20 * time.Second).Format(http.TimeFormat), 20 * time.Second},
	} {
		s := newEvents(t)
		p, calls := s.pager(t), 0
		s.Fail(func(w http.ResponseWriter, _ *http.Request, _ func()) bool {
			calls++
			w.Header().Set("Retry-After", test.header)
			w.WriteHeader(http.StatusTooManyRequests)
			return true
		})
		for range 2 {
			var limit oncall.RateLimited
			if _, err := p.Send(t.Context(), page("k", "db")); !errors.As(err, &limit) || limit.After != test.want {
				t.Errorf("Retry-After %q: %v, want a wait of %s", test.header, err, test.want)
			}
		}
		if calls != 1 {
			t.Errorf("Retry-After %q: %d calls, want 1", test.header, calls)
		}
	}
}

func TestAnswersAreClassified(t *testing.T) {
	const object = `{"status":"invalid event","message":"Event object is invalid","errors":["nope"]}`
	for _, test := range []struct {
		status         int
		body           string
		permanent, key bool
	}{
		{400, object, true, false},
		{400, "<html>", true, false},
		{400, `{"status":"invalid event","errors":["Length of 'routing_key' is incorrect"]}`, true, true},
		{413, "", true, false},
		{401, object, true, true},
		{403, object, true, true},
		{403, "<html>blocked by the proxy", false, false},
		{401, `{"error":"login first"}`, false, false},
		{404, object, true, false},
		{404, "not here", false, false},
		{408, object, false, false},
		{425, object, false, false},
		{200, `{"status":"success","dedup_key":"k"}`, false, false},
		{202, `{"status":"success","dedup_key":"other"}`, false, false},
		{202, `{"status":"success"}`, false, false},
		{202, `{"status":"failure","dedup_key":"k"}`, false, false},
		{202, "", false, false},
		{202, strings.Repeat(" ", 1<<20) + `{"status":"success","dedup_key":"k"}`, false, false},
		{204, "", false, false},
		{302, "", false, false},
		{307, "", false, false},
		{500, object, false, false},
		{503, "", false, false},
	} {
		s := newEvents(t)
		s.Fail(func(w http.ResponseWriter, r *http.Request, _ func()) bool {
			if r.URL.Path != "/v2/enqueue" {
				t.Error("a redirect was followed")
			}
			w.Header().Set("Location", "/elsewhere")
			w.Header().Set("Content-Type", "application/json")
			w.WriteHeader(test.status)
			fmt.Fprint(w, test.body)
			return true
		})
		_, err := s.pager(t).Send(t.Context(), page("k", "db"))
		if err == nil || errors.Is(err, oncall.ErrPermanent) != test.permanent || errors.Is(err, pagerduty.ErrRoutingKey) != test.key {
			t.Errorf("%d %.40s: %v; want permanent %v, routing key %v", test.status, test.body, err, test.permanent, test.key)
		}
		var e *pagerduty.Error
		if len(test.body) < 1000 && (!errors.As(err, &e) || e.Status != test.status) {
			t.Errorf("%d: %v carries no *Error", test.status, err)
		}
	}
}

func TestNoAnswerIsNoSuccess(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		silent := roundTripper(func(r *http.Request) (*http.Response, error) {
			<-r.Context().Done()
			return nil, r.Context().Err()
		})
		p, err := pagerduty.New(pagerduty.Config{Transport: silent})
		if err != nil {
			t.Fatal(err)
		}
		began := time.Now()
		_, err = p.Send(t.Context(), page("k", keyA))
		if took := time.Since(began); !errors.Is(err, context.DeadlineExceeded) || errors.Is(err, oncall.ErrPermanent) || took != pagerduty.DefaultTimeout {
			t.Errorf("%v after %s, want a deadline after %s", err, took, pagerduty.DefaultTimeout)
		}
		ctx, cancel := context.WithTimeout(t.Context(), time.Second)
		defer cancel()
		began = time.Now()
		_, err = p.Send(ctx, page("k", keyA))
		if took := time.Since(began); !errors.Is(err, context.DeadlineExceeded) || took != time.Second {
			t.Errorf("%v after %s, want the caller's deadline", err, took)
		}
	})
}

type roundTripper func(*http.Request) (*http.Response, error)

func (f roundTripper) RoundTrip(r *http.Request) (*http.Response, error) { return f(r) }

func TestNothingPrintsARoutingKey(t *testing.T) {
	s := newEvents(t)
	var texts []string
	note := func(values ...any) {
		for _, v := range values {
			for _, format := range []string{"%v", "%+v", "%#v", "%s"} {
				texts = append(texts, fmt.Sprintf(format, v))
			}
		}
	}
	talkative := roundTripper(func(r *http.Request) (*http.Response, error) {
		b := make([]byte, 4096)
		n, _ := r.Body.Read(b)
		return nil, fmt.Errorf("cannot send %q", b[:n])
	})
	for _, transport := range []http.RoundTripper{nil, talkative} {
		c := pagerduty.Config{Endpoint: s.URL, RoutingKeys: map[string]string{"gone": gone}, Transport: transport}
		p, err := pagerduty.New(c)
		if err != nil {
			t.Fatal(err)
		}
		note(c, &c, p, *p)
		for _, address := range []string{"gone", gone, "no such name " + gone, keyA} {
			_, err := p.Send(t.Context(), page("k", address))
			note(err)
			for e := err; e != nil; e = errors.Unwrap(e) {
				note(e)
			}
			note(p.Resolve(t.Context(), page("k", address).Contact, "k"))
		}
		s.Fail(func(w http.ResponseWriter, _ *http.Request, _ func()) bool {
			answer(w, http.StatusForbidden, "refused", "what is "+strings.Repeat("a", 31)+keyA+"?", keyA+keyA)
			return true
		})
		_, err = p.Send(t.Context(), page("k", "gone"))
		note(err, p, *p)
		s.Fail(nil)
	}
	note(pagerduty.Config{RoutingKeys: map[string]string{"short": gone[1:], gone: gone}}.Validate())
	for _, text := range texts {
		if strings.Contains(text, gone[1:]) || strings.Contains(text, keyA[1:]) {
			t.Errorf("a routing key is shown: %s", text)
		}
	}
}

func TestEveryProblemIsReported(t *testing.T) {
	err := pagerduty.Config{
		Endpoint: "http://events.example.com", RoutingKeys: map[string]string{"db": "short", "": keyA, gone: keyA},
		ClientURL: "desk", Source: strings.Repeat("s", 2000), CallsPerMinute: -1, Timeout: -1,
	}.Validate()
	if n := len(sre.ProblemsIn(err)); n != 8 {
		t.Errorf("%d problems, want 8: %v", n, err)
	}
	for _, endpoint := range []string{"https://user:pass@events.example.com", "https://events.example.com/v2", "events.example.com", "ftp://127.0.0.1", "https://x?y"} {
		if _, err := pagerduty.New(pagerduty.Config{Endpoint: endpoint}); err == nil {
			t.Errorf("endpoint %s was accepted", endpoint)
		}
	}
	for _, endpoint := range []string{"", pagerduty.EndpointUS, pagerduty.EndpointEU, "http://127.0.0.1:1", "http://[::1]:1"} {
		if _, err := pagerduty.New(pagerduty.Config{Endpoint: endpoint}); err != nil {
			t.Errorf("endpoint %s: %v", endpoint, err)
		}
	}
}

func TestDeliveryWithoutKeyIsRefused(t *testing.T) {
	s := newEvents(t)
	if _, err := s.pager(t).Send(t.Context(), page("", "db")); !errors.Is(err, oncall.ErrPermanent) {
		t.Errorf("%v, want ErrPermanent: every repetition would be a new alert", err)
	}
}

// TestEveryPageNotifiesExactlyOnce resends through faults until each page is
// accepted, as a dispatcher does.
func TestEveryPageNotifiesExactlyOnce(t *testing.T) {
	for seed := range uint64(2) {
		s := newEvents(t)
		s.Fail(chaos(seed))
		p := s.pager(t)
		addresses := []string{"db", "web", keyC}
		var waiting []oncall.Delivery
		for i := range 450 {
			waiting = append(waiting, page(fmt.Sprintf("page-%d", i), addresses[i%3]))
		}
		attempts := 0
		for len(waiting) > 0 {
			var again []oncall.Delivery
			for _, d := range waiting {
				attempts++
				_, err := p.Send(t.Context(), d)
				switch {
				case errors.Is(err, oncall.ErrPermanent):
					t.Fatal(err)
				case err != nil:
					again = append(again, d)
				}
			}
			waiting = again
			s.clock.Advance(5 * time.Second)
		}
		s.Fail(nil)
		if len(s.log) != 450 {
			t.Errorf("seed %d: %d notifications of 450 pages", seed, len(s.log))
		}
		if s.refused != 0 {
			t.Errorf("seed %d: PagerDuty refused %d calls for their rate, want 0", seed, s.refused)
		}
		t.Logf("seed %d: %d attempts, %s", seed, attempts, s.clock.Now().Sub(start))
	}
}
