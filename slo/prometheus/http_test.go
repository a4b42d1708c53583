package prometheus_test

import (
	"context"
	"errors"
	"fmt"
	"io"
	"net/http"
	"net/http/httptest"
	"net/url"
	"slices"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"github.com/prometheus/common/config"
	"github.com/sre-sdk/sre/slo"
	"github.com/sre-sdk/sre/slo/prometheus"
)

var twoWaysToAuthenticate = config.HTTPClientConfig{
	BasicAuth:     &config.BasicAuth{Username: "u", Password: "hunter2"},
	Authorization: &config.Authorization{Credentials: "hunter2"},
}

// spans are the eight windows of the usual four alerts and a budget of 30 days.
var spans = []time.Duration{
	5 * time.Minute, 30 * time.Minute, time.Hour, 2 * time.Hour, 6 * time.Hour,
	24 * time.Hour, 3 * 24 * time.Hour, 30 * 24 * time.Hour,
}

func TestRequestsAreWhatServersExpect(t *testing.T) {
	var mutex sync.Mutex
	var seen []*http.Request
	server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		r.ParseForm()
		mutex.Lock()
		seen = append(seen, r)
		mutex.Unlock()
		r.URL.Path = strings.TrimPrefix(r.URL.Path, "/select/0/prometheus")
		answer, _ := healthy(r)
		w.WriteHeader(answer.StatusCode)
		io.Copy(w, answer.Body)
	}))
	defer server.Close()
	source := &prometheus.Source{
		URL:     strings.Replace(server.URL, "http://", "http://user:secret@", 1) + "/select/0/prometheus/",
		Tenant:  "team-a|team-b",
		Headers: map[string]string{"X-Trace": "1"},
		Params:  url.Values{"partial_response": {"false"}},
		Timeout: 5 * time.Second,
		HTTP:    config.HTTPClientConfig{},
	}
	if _, err := source.Counts(t.Context(), compiled(availability, slo.ByOccurrences()), at, spans); err != nil {
		t.Fatal(err)
	}
	if len(seen) != 11 {
		t.Errorf("%d requests for eight spans, want 11 as documented", len(seen))
	}
	for _, r := range seen {
		user, password, _ := r.BasicAuth()
		for _, field := range []struct{ name, got, want string }{
			{"method", r.Method, "POST"},
			{"content type", r.Header.Get("Content-Type"), "application/x-www-form-urlencoded"},
			{"tenant", r.Header.Get("X-Scope-OrgID"), "team-a|team-b"},
			{"header", r.Header.Get("X-Trace"), "1"},
			{"user", user + ":" + password, "user:secret"},
			{"parameter", r.Form.Get("partial_response"), "false"},
			{"timeout", r.Form.Get("timeout"), "5"},
		} {
			if field.got != field.want {
				t.Errorf("%s of %s: got %q, want %q", field.name, r.URL.Path, field.got, field.want)
			}
		}
		if agent := r.Header.Get("User-Agent"); !strings.HasPrefix(agent, "sre-sdk-prometheus") {
			t.Errorf("user agent %q does not say who asks", agent)
		}
	}
}

func TestInstantsAreSentToTheMillisecond(t *testing.T) {
	var sent atomic.Value
	source := &prometheus.Source{URL: "http://example.test", MaxQueries: 1, Transport: roundTripper(func(r *http.Request) (*http.Response, error) {
		sent.CompareAndSwap(nil, r.Form.Get("time"))
		return respond(http.StatusServiceUnavailable, ""), nil
	})}
	source.Counts(t.Context(), compiled(availability, slo.ByOccurrences()), time.Unix(1_772_000_000, 123_987_654), spans)
	if sent.Load() != "1772000000.123" {
		t.Errorf("sent time=%v, want 1772000000.123", sent.Load())
	}
}

func TestAuthenticationComesFromTheSharedConfiguration(t *testing.T) {
	for _, row := range []struct {
		name   string
		config config.HTTPClientConfig
		want   string
	}{
		{"basic", config.HTTPClientConfig{BasicAuth: &config.BasicAuth{Username: "u", Password: "p"}}, "Basic dTpw"},
		{"bearer", config.HTTPClientConfig{Authorization: &config.Authorization{Credentials: "token"}}, "Bearer token"},
	} {
		t.Run(row.name, func(t *testing.T) {
			var got atomic.Value
			server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
				got.Store(r.Header.Get("Authorization"))
				http.Error(w, "no", http.StatusForbidden)
			}))
			defer server.Close()
			source := &prometheus.Source{URL: server.URL, HTTP: row.config}
			_, err := source.Counts(t.Context(), compiled(availability, slo.ByOccurrences()), at, spans)
			if !errors.Is(err, prometheus.ErrResponse) || got.Load() != row.want {
				t.Errorf("got Authorization %q and error %v, want %q", got.Load(), err, row.want)
			}
		})
	}
}

func TestOAuth2TokenIsFetched(t *testing.T) {
	var got atomic.Value
	mux := http.NewServeMux()
	mux.HandleFunc("/token", func(w http.ResponseWriter, r *http.Request) {
		w.Header().Set("Content-Type", "application/json")
		fmt.Fprint(w, `{"access_token":"fetched","token_type":"Bearer","expires_in":3600}`)
	})
	mux.HandleFunc("/", func(w http.ResponseWriter, r *http.Request) {
		got.Store(r.Header.Get("Authorization"))
		http.Error(w, "no", http.StatusForbidden)
	})
	server := httptest.NewServer(mux)
	defer server.Close()
	source := &prometheus.Source{URL: server.URL, HTTP: config.HTTPClientConfig{
		OAuth2: &config.OAuth2{ClientID: "id", ClientSecret: "hunter2", TokenURL: server.URL + "/token"},
	}}
	_, err := source.Counts(t.Context(), compiled(availability, slo.ByOccurrences()), at, spans)
	if !errors.Is(err, prometheus.ErrResponse) || got.Load() != "Bearer fetched" {
		t.Errorf("got Authorization %q and error %v, want the fetched token", got.Load(), err)
	}
}

func TestRedirectsAreNotFollowed(t *testing.T) {
	var reached atomic.Bool
	elsewhere := httptest.NewServer(http.HandlerFunc(func(http.ResponseWriter, *http.Request) { reached.Store(true) }))
	defer elsewhere.Close()
	server := httptest.NewServer(http.RedirectHandler(elsewhere.URL, http.StatusTemporaryRedirect))
	defer server.Close()
	source := &prometheus.Source{URL: server.URL, HTTP: config.HTTPClientConfig{FollowRedirects: true,
		Authorization: &config.Authorization{Credentials: "hunter2"}}}
	_, err := source.Counts(t.Context(), compiled(availability, slo.ByOccurrences()), at, spans)
	if refused := (*prometheus.ResponseError)(nil); !errors.As(err, &refused) || refused.Status != 307 || reached.Load() {
		t.Errorf("got %v (reached the other server: %v), want a ResponseError 307", err, reached.Load())
	}
}

// hanging holds every request until it is canceled and counts them.
type hanging struct {
	now, most, all atomic.Int64
}

func (h *hanging) RoundTrip(r *http.Request) (*http.Response, error) {
	h.all.Add(1)
	n := h.now.Add(1)
	defer h.now.Add(-1)
	for most := h.most.Load(); n > most && !h.most.CompareAndSwap(most, n); most = h.most.Load() {
	}
	<-r.Context().Done()
	return nil, r.Context().Err()
}

func TestCancellationEndsTheCallAtOnce(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		server := &hanging{}
		source := &prometheus.Source{URL: "http://example.test", Transport: server}
		ctx, cancel := context.WithCancel(t.Context())
		time.AfterFunc(time.Second, cancel)
		began := time.Now()
		_, err := source.Counts(ctx, compiled(availability, slo.ByOccurrences()), at, spans)
		if !errors.Is(err, context.Canceled) {
			t.Errorf("got %v, want context.Canceled", err)
		}
		if took := time.Since(began); took != time.Second {
			t.Errorf("returned after %v, want at the moment of the cancellation", took)
		}
		if n := server.now.Load(); n != 0 {
			t.Errorf("%d requests are still in flight", n)
		}
	})
}

func TestDeadlineOfTheCallerIsItsError(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		source := &prometheus.Source{URL: "http://example.test", Transport: &hanging{}}
		ctx, cancel := context.WithTimeout(t.Context(), time.Second)
		defer cancel()
		_, err := source.Counts(ctx, compiled(availability, slo.ByOccurrences()), at, spans)
		if !errors.Is(err, ctx.Err()) || errors.Is(err, prometheus.ErrUnreachable) {
			t.Errorf("got %v, want the error of the context alone", err)
		}
	})
}

func TestTimeoutOfOneRequestIsNoAnswer(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		source := &prometheus.Source{URL: "http://example.test", Transport: &hanging{}}
		began := time.Now()
		_, err := source.Counts(t.Context(), compiled(availability, slo.ByOccurrences()), at, spans)
		if !errors.Is(err, prometheus.ErrUnreachable) || !errors.Is(err, context.DeadlineExceeded) || !strings.Contains(err.Error(), "30s") {
			t.Errorf("got %v, want ErrUnreachable after the default of 30s", err)
		}
		if took := time.Since(began); took != prometheus.DefaultTimeout {
			t.Errorf("returned after %v, want %v", took, prometheus.DefaultTimeout)
		}
	})
}

func TestRequestsInFlightAreBoundedOverAllCalls(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		server := &hanging{}
		source := &prometheus.Source{URL: "http://example.test", MaxQueries: 3, Transport: server, Timeout: time.Minute}
		var calls sync.WaitGroup
		ctx, cancel := context.WithCancel(t.Context())
		for range 10 {
			calls.Go(func() { source.Counts(ctx, compiled(availability, slo.ByOccurrences()), at, spans) })
		}
		synctest.Wait()
		if n := server.now.Load(); n != 3 {
			t.Errorf("%d requests are in flight, want 3", n)
		}
		cancel()
		calls.Wait()
		if n := server.most.Load(); n != 3 {
			t.Errorf("%d requests were in flight at once, want 3", n)
		}
		if n := server.all.Load(); n != 3 {
			t.Errorf("%d requests were sent, want none after the cancellation", n)
		}
	})
}

func TestFirstFailureStopsTheRest(t *testing.T) {
	var requests atomic.Int64
	source := &prometheus.Source{URL: "http://example.test", MaxQueries: 1, Transport: roundTripper(func(*http.Request) (*http.Response, error) {
		requests.Add(1)
		return respond(http.StatusServiceUnavailable, ""), nil
	})}
	_, err := source.Counts(t.Context(), compiled(availability, slo.ByOccurrences()), at, spans)
	if !errors.Is(err, prometheus.ErrResponse) {
		t.Fatalf("got %v, want the failure and not the cancellation that it causes", err)
	}
	if n := requests.Load(); n != 1 {
		t.Errorf("%d requests after the first failed, want none", n-1)
	}
}

func TestConcurrentCallsShareOneSource(t *testing.T) {
	source := &prometheus.Source{URL: "http://example.test", Transport: roundTripper(healthy)}
	var calls sync.WaitGroup
	for range 16 {
		calls.Go(func() {
			counts, err := source.Counts(t.Context(), compiled(availability, slo.ByOccurrences()), at, spans)
			if err != nil || !slices.ContainsFunc(counts, func(c slo.Counts) bool { return c.Bad == 10 }) {
				t.Errorf("got %v, %v", counts, err)
			}
		})
	}
	calls.Wait()
}
