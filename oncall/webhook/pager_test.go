package webhook_test

import (
	"context"
	"crypto/x509"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"net/http"
	"net/http/httptest"
	"net/netip"
	"strings"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/google/go-cmp/cmp"
	"github.com/sre-sdk/sre/oncall"
	"github.com/sre-sdk/sre/oncall/oncalltest"
	"github.com/sre-sdk/sre/oncall/webhook"
)

var (
	secret  = webhook.MustParseSecret("whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw")
	another = webhook.MustParseSecret("whsec_" + strings.Repeat("QUJD", 10))
	noon    = time.Date(2026, 3, 6, 12, 0, 0, 0, time.UTC)
	local   = []netip.Prefix{netip.MustParsePrefix("127.0.0.0/8"), netip.MustParsePrefix("::1/128")}
)

// A hook is a receiver behind TLS that enforces the specification with a
// Receiver, and answers what a test wants.
type hook struct {
	*httptest.Server

	mu      sync.Mutex
	keys    []string // of messages handled
	answer  func(w http.ResponseWriter, r *http.Request) bool
	headers []http.Header
}

func serve(t *testing.T) *hook {
	h := &hook{}
	receiver, err := webhook.NewReceiver(webhook.ReceiverConfig{Secrets: []webhook.Secret{secret}, Next: http.HandlerFunc(h.handle)})
	if err != nil {
		t.Fatal(err)
	}
	mux := http.NewServeMux()
	mux.HandleFunc("/", func(w http.ResponseWriter, r *http.Request) {
		h.mu.Lock()
		answer := h.answer
		h.headers = append(h.headers, r.Header.Clone())
		h.mu.Unlock()
		if answer == nil || !answer(w, r) {
			receiver.ServeHTTP(w, r)
		}
	})
	mux.HandleFunc("/gone-58b1", func(w http.ResponseWriter, _ *http.Request) { w.WriteHeader(http.StatusGone) })
	h.Server = httptest.NewUnstartedServer(mux)
	h.Config.ErrorLog = slog.NewLogLogger(slog.DiscardHandler, 0) // of handshakes that tests break off
	h.StartTLS()
	t.Cleanup(h.Close)
	return h
}

func (h *hook) handle(w http.ResponseWriter, r *http.Request) {
	body, err := io.ReadAll(r.Body)
	if err != nil {
		http.Error(w, "no body", http.StatusInternalServerError)
		return
	}
	m, err := webhook.ParseMessage(body)
	if err != nil || r.Header.Get("Content-Type") != "application/json" || r.Header.Get(webhook.HeaderID) != webhook.ID(m.Key) {
		http.Error(w, fmt.Sprint(err), http.StatusBadRequest)
		return
	}
	h.mu.Lock()
	defer h.mu.Unlock()
	h.keys = append(h.keys, m.Key)
	w.WriteHeader(http.StatusAccepted)
}

func (h *hook) set(answer func(http.ResponseWriter, *http.Request) bool) {
	h.mu.Lock()
	defer h.mu.Unlock()
	h.answer = answer
}

func (h *hook) received() []string {
	h.mu.Lock()
	defer h.mu.Unlock()
	return append([]string(nil), h.keys...)
}

func (h *hook) config() webhook.Config {
	roots := h.Client().Transport.(*http.Transport).TLSClientConfig.Clone()
	return webhook.Config{Secrets: []webhook.Secret{secret, another}, Private: local, TLS: roots}
}

func open(t *testing.T, c webhook.Config) *webhook.Pager {
	t.Helper()
	p, err := webhook.New(c)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(p.CloseIdleConnections)
	return p
}

func delivery(key, url string) oncall.Delivery {
	return oncall.Delivery{
		Key: key, Person: "alice", Contact: oncall.Contact{ID: "gateway", Kind: oncall.Webhook, Address: url},
		Severity: 1, Title: "checkout is down", Body: "5xx 12 %", Link: "https://console.example.com/e/7",
	}
}

func TestConformance(t *testing.T) {
	oncalltest.TestPager(t, func(t *testing.T) oncalltest.Subject {
		h := serve(t)
		return oncalltest.Subject{
			Pager:    open(t, h.config()),
			Good:     delivery("esc-7/1/alice", h.URL+"/hook-a94f"),
			Bad:      delivery("esc-7/1/bob", h.URL+"/gone-58b1"),
			Received: h.received,
			Limit: func() {
				h.set(func(w http.ResponseWriter, _ *http.Request) bool {
					w.WriteHeader(http.StatusTooManyRequests)
					return true
				})
			},
			Break: func() {
				h.set(func(http.ResponseWriter, *http.Request) bool { panic(http.ErrAbortHandler) })
			},
			Mend: func() { h.set(nil) },
		}
	})
}

func TestTheSameKeyIsHandledOnceByAReceiver(t *testing.T) {
	h := serve(t)
	p := open(t, h.config())
	for range 3 {
		if _, err := p.Send(t.Context(), delivery("k.with dots", h.URL)); err != nil {
			t.Fatal(err)
		}
	}
	if diff := cmp.Diff([]string{"k.with dots"}, h.received()); diff != "" {
		t.Error("handled (-want +got):\n" + diff)
	}
	if got, want := h.headers[0].Get(webhook.HeaderID), h.headers[2].Get(webhook.HeaderID); got != want {
		t.Errorf("ids %s and %s, want the same", got, want)
	}
}

// answers is a RoundTripper that answers without a network.
type answers func(*http.Request) (*http.Response, error)

func (f answers) RoundTrip(r *http.Request) (*http.Response, error) { return f(r) }

func status(code int, header http.Header, body string) *http.Response {
	if header == nil {
		header = http.Header{}
	}
	return &http.Response{StatusCode: code, Header: header, Body: io.NopCloser(strings.NewReader(body))}
}

func answering(t *testing.T, f answers) *webhook.Pager {
	return open(t, webhook.Config{Secrets: []webhook.Secret{secret}, Transport: f, Now: func() time.Time { return noon }})
}

func TestRequestIsExactlyAsDocumented(t *testing.T) {
	var got *http.Request
	var body []byte
	p := answering(t, func(r *http.Request) (*http.Response, error) {
		got = r
		body, _ = io.ReadAll(r.Body)
		return status(200, nil, ""), nil
	})
	receipt, err := p.Send(t.Context(), delivery("esc-7/1/alice", "https://hooks.example.com/a?b=c"))
	if err != nil {
		t.Fatal(err)
	}
	if diff := cmp.Diff(oncall.Receipt{ID: "esc-7/1/alice", At: noon}, receipt); diff != "" {
		t.Error("receipt (-want +got):\n" + diff)
	}
	const want = `{"schema":1,"type":"oncall.delivery","data":{"key":"esc-7/1/alice","person":"alice","contact":"gateway",` +
		`"severity":1,"title":"checkout is down","body":"5xx 12 %","link":"https://console.example.com/e/7"}}`
	if string(body) != want {
		t.Errorf("body\n%s\nwant\n%s", body, want)
	}
	if got.Method != http.MethodPost || got.URL.String() != "https://hooks.example.com/a?b=c" {
		t.Errorf("%s %s", got.Method, got.URL)
	}
	if err := webhook.Verify([]webhook.Secret{secret}, got.Header, body, noon, 0); err != nil {
		t.Error(err)
	}
}

func TestLongTextIsCutBetweenCharacters(t *testing.T) {
	var m webhook.Message
	p := answering(t, func(r *http.Request) (*http.Response, error) {
		body, _ := io.ReadAll(r.Body)
		var err error
		if m, err = webhook.ParseMessage(body); err != nil {
			t.Error(err)
		}
		return status(200, nil, ""), nil
	})
	d := delivery("k", "https://hooks.example.com/")
	d.Title, d.Body, d.Link = "x"+strings.Repeat("é", webhook.MaxTitle), strings.Repeat("日", webhook.MaxText), "https://"+strings.Repeat("l", webhook.MaxLink)
	if _, err := p.Send(t.Context(), d); err != nil {
		t.Fatal(err)
	}
	if !m.Truncated || len(m.Title) != webhook.MaxTitle-1 || len(m.Body) > webhook.MaxText || m.Link != "" ||
		!strings.HasPrefix(d.Title, m.Title) || !strings.HasPrefix(d.Body, m.Body) {
		t.Errorf("truncated %v, title %d, body %d, link %d bytes", m.Truncated, len(m.Title), len(m.Body), len(m.Link))
	}
}

func TestStatusDecidesTheClass(t *testing.T) {
	after := func(v string) http.Header { return http.Header{"Retry-After": {v}} }
	const (
		permanent = "permanent"
		again     = "again"
		accepted  = "accepted"
	)
	for _, tc := range []struct {
		status int
		header http.Header
		want   string
	}{
		{200, nil, accepted}, {201, nil, accepted}, {204, nil, accepted}, {299, nil, accepted},
		{301, http.Header{"Location": {"https://elsewhere.example.com/"}}, again}, {304, nil, again}, {308, http.Header{"Location": {"/"}}, again},
		{400, nil, permanent}, {405, nil, permanent}, {410, nil, permanent}, {413, nil, permanent}, {415, nil, permanent}, {422, nil, permanent}, {499, nil, permanent},
		{401, nil, again}, {402, nil, again}, {403, nil, again}, {404, nil, again}, {407, nil, again}, {408, nil, again}, {409, nil, again}, {421, nil, again}, {425, nil, again},
		{410, after("60"), permanent},
		{500, nil, again}, {501, nil, again}, {502, nil, again}, {503, nil, again}, {504, after("60"), again}, {599, nil, again}, {600, nil, again}, {999, nil, again},
		{429, nil, "30s"}, {429, after("7"), "7s"}, {429, after("0"), "1s"}, {429, after("-5"), "30s"}, {429, after("soon"), "30s"},
		{429, after("86400"), "5m0s"}, {429, after(strings.Repeat("9", 40)), "5m0s"},
		{429, after(noon.Add(90 * time.Second).Format(http.TimeFormat)), "1m30s"},
		{429, after(noon.Add(-time.Hour).Format(http.TimeFormat)), "1s"},
		{429, after(noon.AddDate(900, 0, 0).Format(http.TimeFormat)), "5m0s"},
		{503, after("45"), "45s"}, {503, after("Friday"), again},
	} {
		t.Run(fmt.Sprint(tc.status, tc.header), func(t *testing.T) {
			p := answering(t, func(*http.Request) (*http.Response, error) { return status(tc.status, tc.header, "the body"), nil })
			_, err := p.Send(t.Context(), delivery("k", "https://hooks.example.com/"))
			got := again
			var limit oncall.RateLimited
			switch {
			case err == nil:
				got = accepted
			case errors.As(err, &limit):
				got = limit.After.String()
			case errors.Is(err, oncall.ErrPermanent):
				got = permanent
			}
			if got != tc.want {
				t.Errorf("%s, want %s: %v", got, tc.want, err)
			}
			var facts *webhook.Error
			if err != nil && (!errors.As(err, &facts) || facts.Status != tc.status || strings.Contains(err.Error(), "the body")) {
				t.Errorf("error %v", err)
			}
		})
	}
}

func TestWhatIsPermanentCanBeChosen(t *testing.T) {
	p := open(t, webhook.Config{
		Secrets:   []webhook.Secret{secret},
		Permanent: func(status int) bool { return status == 404 || webhook.Permanent(status) },
		Transport: answers(func(*http.Request) (*http.Response, error) { return status(404, nil, ""), nil }),
	})
	if _, err := p.Send(t.Context(), delivery("k", "https://hooks.example.com/")); !errors.Is(err, oncall.ErrPermanent) {
		t.Errorf("error %v, want ErrPermanent", err)
	}
}

func TestAnAttemptEndsInTime(t *testing.T) {
	hang := answers(func(r *http.Request) (*http.Response, error) {
		<-r.Context().Done()
		return nil, r.Context().Err()
	})
	synctest.Test(t, func(t *testing.T) {
		p := open(t, webhook.Config{Secrets: []webhook.Secret{secret}, Transport: hang, Timeout: 7 * time.Second})
		start := time.Now()
		_, err := p.Send(t.Context(), delivery("k", "https://hooks.example.com/"))
		if d := time.Since(start); d != 7*time.Second || !errors.Is(err, context.DeadlineExceeded) || errors.Is(err, oncall.ErrPermanent) {
			t.Errorf("after %v: %v", d, err)
		}
		ctx, cancel := context.WithTimeout(t.Context(), time.Second)
		defer cancel()
		start = time.Now()
		_, err = p.Send(ctx, delivery("k", "https://hooks.example.com/"))
		if d := time.Since(start); d != time.Second || !errors.Is(err, context.DeadlineExceeded) || strings.Contains(err.Error(), "7s") {
			t.Errorf("after %v: %v", d, err)
		}
	})
}

// A 2xx was given, so the page is accepted, whatever becomes of the rest.
func TestAnEndlessAnswerIsNotRead(t *testing.T) {
	read := 0
	p := answering(t, func(*http.Request) (*http.Response, error) {
		r := status(200, nil, "")
		r.Body = io.NopCloser(readerFunc(func(b []byte) (int, error) { read += len(b); return len(b), nil }))
		return r, nil
	})
	if _, err := p.Send(t.Context(), delivery("k", "https://hooks.example.com/")); err != nil {
		t.Error(err)
	}
	if read > 64<<10 {
		t.Errorf("%d bytes were read", read)
	}
}

type readerFunc func([]byte) (int, error)

func (f readerFunc) Read(b []byte) (int, error) { return f(b) }

func TestConfigReportsEveryProblem(t *testing.T) {
	_, err := webhook.New(webhook.Config{
		Secrets: []webhook.Secret{{}}, SecretsFor: func(oncall.Contact) []webhook.Secret { return nil },
		Timeout: -1, Pause: -1, MaxPause: -1, Private: make([]netip.Prefix, 1), Transport: http.DefaultTransport,
	})
	for _, want := range []string{"secrets", "timeout", "max_pause", "private[0]", "private: not_allowed"} {
		if err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("no %s in %v", want, err)
		}
	}
	if _, err := webhook.New(webhook.Config{}); err == nil || !strings.Contains(err.Error(), "secrets: out_of_range") {
		t.Errorf("error %v, want secrets", err)
	}
}

func TestSecretsOfEachContact(t *testing.T) {
	keys := map[string][]webhook.Secret{"gateway": {another}}
	var header http.Header
	var body []byte
	p := open(t, webhook.Config{
		SecretsFor: func(c oncall.Contact) []webhook.Secret { return keys[c.ID] },
		Now:        func() time.Time { return noon },
		Transport: answers(func(r *http.Request) (*http.Response, error) {
			header = r.Header
			body, _ = io.ReadAll(r.Body)
			return status(200, nil, ""), nil
		}),
	})
	if _, err := p.Send(t.Context(), delivery("k", "https://hooks.example.com/")); err != nil {
		t.Fatal(err)
	}
	if err := webhook.Verify([]webhook.Secret{another}, header, body, noon, 0); err != nil {
		t.Error(err)
	}
	d := delivery("k", "https://hooks.example.com/")
	d.Contact.ID = "new"
	if _, err := p.Send(t.Context(), d); err == nil || errors.Is(err, oncall.ErrPermanent) {
		t.Errorf("without a secret: %v, want an error that a configuration mends", err)
	}
}

func TestUntrustedCertificateIsNoSuccess(t *testing.T) {
	h := serve(t)
	c := h.config()
	c.TLS.RootCAs = x509.NewCertPool()
	_, err := open(t, c).Send(t.Context(), delivery("k", h.URL+"/hook-a94f"))
	if err == nil || errors.Is(err, oncall.ErrPermanent) || !strings.Contains(err.Error(), "unknown authority") {
		t.Errorf("error %v", err)
	}
	c.TLS.InsecureSkipVerify = true
	if _, err := webhook.New(c); err == nil {
		t.Error("InsecureSkipVerify was taken")
	}
}
