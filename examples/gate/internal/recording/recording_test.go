package recording_test

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"net/http"
	"net/http/httptest"
	"net/url"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/sre-sdk/sre/examples/gate/internal/recording"
)

// matrix is a body with runs, a gap, a lone point and a value that looks like
// the notation of runs.
const matrix = `{"status":"success","data":{"result":[{"metric":{"a":"[5+60x3,\"2\"]"},` +
	`"values":[[60,"2"],[120,"2"],[180,"2"],[300,"2"],[360,"3"],[420,"3"],[480,"NaN"],[540,"3"]]}]}}`

func serve(t *testing.T, handler http.HandlerFunc) string {
	s := httptest.NewServer(handler)
	t.Cleanup(s.Close)
	return s.URL
}

// record sends the requests through a capture and returns the recording, read
// back from its file.
func record(t *testing.T, target string, send func(proxy string)) *recording.Recording {
	t.Helper()
	capture := recording.NewCapture(target, "a server")
	send(serve(t, capture.ServeHTTP))
	r, err := capture.Recording()
	if err != nil {
		t.Fatal(err)
	}
	var file bytes.Buffer
	if err := r.Encode(&file); err != nil {
		t.Fatal(err)
	}
	read, err := recording.Decode(bytes.NewReader(file.Bytes()))
	if err != nil {
		t.Fatal(err)
	}
	var again bytes.Buffer
	if err := read.Encode(&again); err != nil {
		t.Fatal(err)
	}
	if diff := cmp.Diff(again.String(), file.String()); diff != "" {
		t.Errorf("writing what was read differs (-got +want):\n%s", diff)
	}
	if strings.Contains(file.String(), `[120,`) {
		t.Errorf("runs are not packed:\n%s", file.String())
	}
	return read
}

func post(t *testing.T, client *http.Client, base string, form url.Values) (status int, mediaType, body string) {
	t.Helper()
	resp, err := client.PostForm(base+"/api/v1/query", form)
	if err != nil {
		t.Fatal(err)
	}
	defer resp.Body.Close()
	text, err := io.ReadAll(resp.Body)
	if err != nil {
		t.Fatal(err)
	}
	return resp.StatusCode, resp.Header.Get("Content-Type"), string(text)
}

func TestReplayAnswersAsTheServerDid(t *testing.T) {
	target := serve(t, func(w http.ResponseWriter, r *http.Request) {
		w.Header().Set("Content-Type", "application/json")
		w.WriteHeader(422)
		fmt.Fprint(w, strings.Replace(matrix, "success", r.FormValue("query"), 1))
	})
	type answer struct {
		Status     int
		Type, Body string
	}
	ask := func(client *http.Client, base, query, timeout string) (a answer) {
		a.Status, a.Type, a.Body = post(t, client, base, url.Values{"query": {query}, "time": {"1"}, "timeout": {timeout}})
		return a
	}
	var live []answer
	r := record(t, target, func(proxy string) {
		for _, query := range []string{"b", "a", "b"} { // twice the same is once
			live = append(live, ask(http.DefaultClient, proxy, query, "30"))
		}
	})
	if len(r.Exchanges) != 2 {
		t.Fatalf("got %d exchanges, want 2", len(r.Exchanges))
	}
	client := &http.Client{Transport: r}
	for i, query := range []string{"b", "a"} {
		// How long the client would wait does not change the answer.
		if diff := cmp.Diff(ask(client, recording.URL, query, "5"), live[i]); diff != "" {
			t.Errorf("%s differs (-got +want):\n%s", query, diff)
		}
	}
}

func TestWhatWasNotRecordedIsAnError(t *testing.T) {
	target := serve(t, func(w http.ResponseWriter, r *http.Request) { fmt.Fprint(w, matrix) })
	r := record(t, target, func(proxy string) {
		post(t, http.DefaultClient, proxy, url.Values{"query": {"a"}, "time": {"1"}})
	})
	client := &http.Client{Transport: r}
	for name, send := range map[string]func() (*http.Response, error){
		"another parameter": func() (*http.Response, error) {
			return client.PostForm(recording.URL+"/api/v1/query", url.Values{"query": {"a"}, "time": {"2"}})
		},
		"one parameter more": func() (*http.Response, error) {
			return client.PostForm(recording.URL+"/api/v1/query?x=1", url.Values{"query": {"a"}, "time": {"1"}})
		},
		"another path": func() (*http.Response, error) {
			return client.PostForm(recording.URL+"/api/v1/query_range", url.Values{"query": {"a"}, "time": {"1"}})
		},
		"another method": func() (*http.Response, error) {
			return client.Get(recording.URL + "/api/v1/query?query=a&time=1")
		},
	} {
		t.Run(name, func(t *testing.T) {
			resp, err := send()
			if err == nil {
				resp.Body.Close()
			}
			var missing *recording.NotRecordedError
			if !errors.As(err, &missing) || !strings.Contains(err.Error(), "was not recorded") {
				t.Errorf("got %v, want a NotRecordedError", err)
			}
		})
	}
}

func TestReplayObeysItsContext(t *testing.T) {
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	req, err := http.NewRequestWithContext(ctx, http.MethodGet, recording.URL, nil)
	if err != nil {
		t.Fatal(err)
	}
	if _, err := new(recording.Recording).RoundTrip(req); !errors.Is(err, context.Canceled) {
		t.Errorf("got %v, want context.Canceled", err)
	}
}

func TestServerThatContradictsItselfIsNotRecorded(t *testing.T) {
	n := 0
	target := serve(t, func(w http.ResponseWriter, r *http.Request) { n++; fmt.Fprint(w, n) })
	capture := recording.NewCapture(target, "a server")
	proxy := serve(t, capture.ServeHTTP)
	for range 2 {
		post(t, http.DefaultClient, proxy, url.Values{"query": {"a"}})
	}
	if _, err := capture.Recording(); err == nil || !strings.Contains(err.Error(), "two answers") {
		t.Errorf("got %v, want an error about two answers", err)
	}
}

func TestMomentsLieInTheRecordedPeriod(t *testing.T) {
	const window = 30 * 24 * time.Hour
	for _, m := range recording.Moments() {
		if m.At.Add(-window).Before(recording.Start) || m.At.After(recording.End) {
			t.Errorf("%s at %v: its window of 30 days leaves the period from %v to %v", m.Name, m.At, recording.Start, recording.End)
		}
		if got, err := recording.ParseMoment(m.Name); err != nil || got != m {
			t.Errorf("got %v, %v, want %v", got, err, m)
		}
	}
	if recording.Start.Weekday() != time.Friday {
		t.Errorf("the period begins on a %v; the requests do on a Friday", recording.Start.Weekday())
	}
}
