package dispatch_test

import (
	"context"
	"encoding/base64"
	"encoding/json"
	"errors"
	"fmt"
	"net/http"
	"net/http/httptest"
	"net/url"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"github.com/sre-sdk/sre"
	"github.com/sre-sdk/sre/oncall/dispatch"
	"github.com/sre-sdk/sre/oncall/escalation"
	"github.com/sre-sdk/sre/storage"
)

// actorHeader takes the word of a header, as a test may.
func actorHeader(r *http.Request) (sre.Actor, error) {
	switch id := r.Header.Get("X-Test-Actor"); id {
	case "":
		return sre.Actor{}, errors.New("no session: secret detail")
	case "robot":
		return robot, nil
	default:
		return human(id), nil
	}
}

func ask(h http.Handler, method, path, actor, body string, header ...string) *httptest.ResponseRecorder {
	r := httptest.NewRequest(method, path, strings.NewReader(body))
	if actor != "" {
		r.Header.Set("X-Test-Actor", actor)
	}
	for i := 0; i+1 < len(header); i += 2 {
		r.Header.Set(header[i], header[i+1])
	}
	w := httptest.NewRecorder()
	h.ServeHTTP(w, r)
	return w
}

func TestHandlerServesTheCommands(t *testing.T) {
	w := newWorld(t, nil)
	h := dispatch.Handler(dispatch.HandlerConfig{Dispatcher: w.Dispatcher, Actor: actorHeader})
	status := func(r *httptest.ResponseRecorder) string {
		var e dispatch.Escalation
		if err := json.Unmarshal(r.Body.Bytes(), &e); err != nil || r.Code != http.StatusOK {
			return fmt.Sprint(r.Code, r.Body)
		}
		return e.State.Status.String()
	}
	const x = "/v1/escalations/web%2Fdown"
	until := time.Now().Add(time.Hour).UTC().Format(time.RFC3339)
	for _, c := range []struct{ path, actor, body, want string }{
		{"/v1/escalations", "robot", `{"policy":"db","id":"web/down","severity":2,"title":"t","body":"b","link":"l"}`, "open"},
		{x + "/ack", "bob", ``, "acknowledged"},
		{x + "/escalate", "bob", `{"to":"l2","note":"I cannot"}`, "open"},
		{x + "/respond", "bob", `{}`, "acknowledged"},
		{x + "/handoff", "bob", `{"to":"alice"}`, "open"},
		{x + "/snooze", "alice", `{"until":"` + until + `"}`, "snoozed"},
		{x + "/notes", "robot", `{"note":"n"}`, "snoozed"},
		{x + "/severity", "robot", `{"severity":3}`, "snoozed"},
		{x + "/edit", "robot", ``, "snoozed"},
		{x + "/resolve", "robot", `{"note":"gone"}`, "resolved"},
	} {
		if got := status(ask(h, "POST", c.path, c.actor, c.body)); got != c.want {
			t.Errorf("%s: %s, want %s", c.path, got, c.want)
		}
	}
	if got := status(ask(h, "GET", x, "", "")); got != "resolved" {
		t.Errorf("get: %s", got)
	}
	if r := ask(h, "GET", "/v1/dead-letters", "", ""); r.Code != http.StatusOK || strings.TrimSpace(r.Body.String()) != `{"dead_letters":[]}` {
		t.Errorf("dead letters: %d %s", r.Code, r.Body)
	}
	timeline := ask(h, "GET", x+"/timeline", "", "")
	if timeline.Code != http.StatusOK || !strings.Contains(timeline.Body.String(), "I cannot") {
		t.Errorf("timeline: %d %s", timeline.Code, timeline.Body)
	}
}

func TestHandlerRefusesClearlyAndChangesNothing(t *testing.T) {
	w := newWorld(t, nil)
	w.trigger("x")
	w.trigger("done")
	if _, err := w.Resolve(t.Context(), "done", by("bob")); err != nil {
		t.Fatal(err)
	}
	h := dispatch.Handler(dispatch.HandlerConfig{Dispatcher: w.Dispatcher, Actor: actorHeader})
	last, _, err := w.store.Get(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	if r := ask(h, "POST", "/v1/escalations/x/severity", "bob", `{"severity":"P1"}`); !strings.Contains(r.Body.String(), `dispatch: severity: invalid_type \"string\": want a number from 0 to 255, 1 is the worst`) {
		t.Errorf("a severity that is a name: %s", r.Body)
	}
	if r := ask(h, "POST", "/v1/escalations/x/ack", "bob", `{"note":7}`); !strings.Contains(r.Body.String(), `dispatch: note: invalid_type \"number\": want a string`) {
		t.Errorf("a note that is a number: %s", r.Body)
	}
	for _, c := range []struct {
		name, method, path, actor, body string
		header                          []string
		status                          int
		code                            string
	}{
		{name: "nobody", path: "/x/ack", status: 401, code: "not_authorized"},
		{name: "a program", path: "/x/ack", actor: "robot", status: 403, code: dispatch.CodeNotHuman},
		{name: "an invalid actor", path: "/x/ack", actor: "b o b", status: 403, code: "not_authorized"},
		{name: "no JSON", path: "/x/ack", actor: "bob", body: `{`, status: 400, code: "invalid_request"},
		{name: "two values", path: "/x/ack", actor: "bob", body: `{}{}`, status: 400, code: "invalid_request"},
		{name: "an unknown field", path: "/x/ack", actor: "bob", body: `{"nots":"n"}`, status: 400, code: "invalid_request"},
		{name: "a field of another act", path: "/x/ack", actor: "bob", body: `{"to":"alice"}`, status: 400, code: "invalid_request"},
		{name: "the wrong type", path: "/x/severity", actor: "bob", body: `{"severity":"P1"}`, status: 400, code: "invalid_request"},
		{name: "a form", path: "/x/ack", actor: "bob", header: []string{"Content-Type", "application/x-www-form-urlencoded"}, status: 415, code: "invalid_request"},
		{name: "too much", path: "/x/notes", actor: "bob", body: `{"note":"` + strings.Repeat("n", dispatch.MaxRequest) + `"}`, status: 413, code: "invalid_request"},
		{name: "a long note", path: "/x/notes", actor: "bob", body: `{"note":"` + strings.Repeat("n", escalation.MaxNote+1) + `"}`, status: 422, code: "too_long"},
		{name: "a long key", path: "/x/ack", actor: "bob", header: []string{"Idempotency-Key", strings.Repeat("k", 300)}, status: 400, code: "invalid_request"},
		{name: "an unknown escalation", path: "/y/ack", actor: "bob", status: 404, code: escalation.RefusedNotTriggered},
		{name: "one that is over", path: "/done/ack", actor: "bob", status: 409, code: escalation.RefusedResolved},
		{name: "an unknown level", path: "/x/escalate", actor: "bob", body: `{"to":"l9"}`, status: 422, code: escalation.RefusedNoLevel},
		{name: "an unknown person", path: "/x/handoff", actor: "bob", body: `{"to":"zoe"}`, status: 422, code: dispatch.CodeUnknownPerson},
		{name: "an unknown policy", path: "", actor: "bob", body: `{"policy":"web","id":"z"}`, status: 422, code: dispatch.CodeUnknownPolicy},
		{name: "get an unknown one", method: "GET", path: "/y", status: 404, code: escalation.RefusedNotTriggered},
		{name: "a bad limit", method: "GET", path: "?limit=0", status: 400, code: "invalid_request"},
	} {
		if c.method == "" {
			c.method = "POST"
		}
		r := ask(h, c.method, "/v1/escalations"+c.path, c.actor, c.body, c.header...)
		var p struct {
			Code, Detail string
			Status       int
		}
		if err := json.Unmarshal(r.Body.Bytes(), &p); err != nil || r.Code != c.status || p.Status != c.status || p.Code != c.code {
			t.Errorf("%s: %d %s, want %d %s", c.name, r.Code, r.Body, c.status, c.code)
		}
		if got := r.Header().Get("Content-Type"); got != "application/problem+json" {
			t.Errorf("%s: content type %s", c.name, got)
		}
		if strings.Contains(r.Body.String(), "secret detail") {
			t.Errorf("%s: it tells why nobody is known: %s", c.name, r.Body)
		}
	}
	if now, _, err := w.store.Get(t.Context()); now != last || err != nil {
		t.Errorf("something was written: position %d, was %d, %v", now, last, err)
	}
	closed := dispatch.Handler(dispatch.HandlerConfig{Dispatcher: w.Dispatcher})
	if r := ask(closed, "POST", "/v1/escalations/x/ack", "bob", ""); r.Code != http.StatusForbidden {
		t.Errorf("without Actor: %d, want 403", r.Code)
	}
}

// unsure is a store that is down, or commits and says that it does not know.
type unsure struct {
	storage.Backend
	mode atomic.Int32 // 0: sound, 1: down, 2: the answers are lost
}

func (u *unsure) Commit(ctx context.Context, b storage.Batch) (storage.Pos, error) {
	if u.mode.Load() == 1 {
		return 0, storage.ErrUnavailable
	}
	pos, err := u.Backend.Commit(ctx, b)
	if u.mode.Load() == 2 {
		return 0, context.DeadlineExceeded
	}
	return pos, err
}

func TestSendingTheSameAgainMendsA503(t *testing.T) {
	backend := &unsure{Backend: storage.NewMemoryBackend()}
	w := newWorld(t, func(c *dispatch.Config) { c.Store = storage.New(backend) })
	w.trigger("x")
	h := dispatch.Handler(dispatch.HandlerConfig{Dispatcher: w.Dispatcher, Actor: actorHeader})
	note := func() *httptest.ResponseRecorder {
		return ask(h, "POST", "/v1/escalations/x/notes", "bob", `{"note":"n"}`, "Idempotency-Key", "a key with spaces")
	}
	backend.mode.Store(2)
	if r := note(); r.Code != http.StatusServiceUnavailable || r.Header().Get("Retry-After") == "" {
		t.Errorf("with the answer lost: %d %s", r.Code, r.Body)
	}
	backend.mode.Store(0)
	if r := note(); r.Code != http.StatusOK {
		t.Errorf("again: %d %s", r.Code, r.Body)
	}
	if got := len(w.get("x").State.Notes); got != 1 {
		t.Errorf("%d notes, want 1", got)
	}
}

func TestListIsPaged(t *testing.T) {
	w := newWorld(t, nil)
	for i := range 5 {
		w.trigger(fmt.Sprint("x", i))
	}
	if _, err := w.Resolve(t.Context(), "x2", by("bob")); err != nil {
		t.Fatal(err)
	}
	h := dispatch.Handler(dispatch.HandlerConfig{Dispatcher: w.Dispatcher})
	var got []string
	for after, pages := "", 0; pages < 10; pages++ {
		var page struct {
			Escalations []dispatch.Escalation
			Next        string
		}
		r := ask(h, "GET", "/v1/escalations?limit=2&after="+after, "", "")
		if err := json.Unmarshal(r.Body.Bytes(), &page); err != nil {
			t.Fatal(err)
		}
		for _, e := range page.Escalations {
			got = append(got, e.ID)
		}
		if after = page.Next; after == "" {
			break
		}
	}
	if fmt.Sprint(got) != "[x0 x1 x3 x4]" {
		t.Errorf("listed %v", got)
	}
}

func keyOf(b byte) []byte { return []byte(strings.Repeat(string(b), dispatch.MinLinkKey)) }

func linksOf(keys ...[]byte) *dispatch.Links {
	return &dispatch.Links{URL: "https://pager.example/on-call/", Keys: keys}
}

func TestLinkShowsAndThenActs(t *testing.T) {
	w := newWorld(t, nil)
	if _, err := w.Trigger(t.Context(), "db", escalation.Trigger{ID: "x", Title: `<script>alert("x")</script>`}); err != nil {
		t.Fatal(err)
	}
	links := linksOf(keyOf('a'))
	h := dispatch.Handler(dispatch.HandlerConfig{Dispatcher: w.Dispatcher, Links: links})
	link, err := url.Parse(links.Page(dispatch.Page{Escalation: "x", Person: "bob", At: time.Now()}))
	if err != nil || !strings.HasPrefix(link.String(), "https://pager.example/on-call/act/") {
		t.Fatal(link, err)
	}
	path := strings.TrimPrefix(link.Path, "/on-call")
	for _, method := range []string{"GET", "HEAD", "GET"} { // scanners open every link
		r := ask(h, method, path, "", "")
		body := r.Body.String()
		if r.Code != http.StatusOK || strings.Contains(body, "<script>") || method == "GET" && !strings.Contains(body, "Acknowledge as bob") {
			t.Errorf("%s: %d %s", method, r.Code, body)
		}
		for name, want := range map[string]string{"Cache-Control": "no-store", "Referrer-Policy": "no-referrer", "X-Content-Type-Options": "nosniff"} {
			if got := r.Header().Get(name); got != want {
				t.Errorf("%s is %q, want %q", name, got, want)
			}
		}
		if csp := r.Header().Get("Content-Security-Policy"); !strings.HasPrefix(csp, "default-src 'none'") {
			t.Errorf("CSP %q", csp)
		}
	}
	if got := w.get("x").State.Status; got != escalation.Open {
		t.Fatalf("opening the link made it %s", got)
	}
	for range 2 { // a double click
		if r := ask(h, "POST", path, "", ""); r.Code != http.StatusOK || !strings.Contains(r.Body.String(), "Acknowledged") {
			t.Errorf("POST: %d %s", r.Code, r.Body)
		}
	}
	if got := w.get("x").State; got.Status != escalation.Acknowledged || got.By != "bob" {
		t.Errorf("%s by %s, want acknowledged by bob", got.Status, got.By)
	}
	if _, err := w.Resolve(t.Context(), "x", by("bob")); err != nil {
		t.Fatal(err)
	}
	if r := ask(h, "GET", path, "", ""); r.Code != http.StatusOK || strings.Contains(r.Body.String(), "button") {
		t.Errorf("a resolved one: %d %s", r.Code, r.Body)
	}
	if r := ask(h, "POST", path, "", ""); r.Code != http.StatusConflict {
		t.Errorf("POST to a resolved one: %d", r.Code)
	}
}

func TestLinkIsRefusedUnlessSignedAndFresh(t *testing.T) {
	w := newWorld(t, nil)
	w.trigger("x")
	now := time.Now()
	old, other := linksOf(keyOf('a')), linksOf(keyOf('c'))
	rotated := linksOf(keyOf('b'), keyOf('a'))
	h := dispatch.Handler(dispatch.HandlerConfig{Dispatcher: w.Dispatcher, Links: rotated})
	token := func(l *dispatch.Links, id string, expires time.Time) string {
		s, err := l.Token(dispatch.Grant{Escalation: id, Person: "bob", Action: dispatch.ActionResolve, Expires: expires})
		if err != nil {
			t.Fatal(err)
		}
		return s
	}
	good := token(old, "x", now.Add(time.Hour))
	data, mac, _ := strings.Cut(good, ".")
	raw, err := base64.RawURLEncoding.DecodeString(data)
	if err != nil {
		t.Fatal(err)
	}
	forged := base64.RawURLEncoding.EncodeToString([]byte(strings.Replace(string(raw), "bob", "eve", 1)))
	for _, c := range []struct {
		name, token string
		want        int
	}{
		{"another key", token(other, "x", now.Add(time.Hour)), 403},
		{"another person", forged + "." + mac, 403},
		{"no signature", data, 403},
		{"an empty signature", data + ".", 403},
		{"no base64", "***.***", 403},
		{"too long", strings.Repeat("a", dispatch.MaxToken+1), 403},
		{"expired", token(old, "x", now.Add(-time.Second)), 410},
		{"an unknown escalation", token(old, "y", now.Add(time.Hour)), 404},
	} {
		for _, method := range []string{"GET", "POST"} {
			if r := ask(h, method, "/act/"+url.PathEscape(c.token), "", ""); r.Code != c.want {
				t.Errorf("%s by %s: %d, want %d", c.name, method, r.Code, c.want)
			}
		}
	}
	if got := w.get("x").State.Status; got != escalation.Open {
		t.Errorf("it is %s", got)
	}
	for i := range good { // any changed character
		changed := []byte(good)
		changed[i] ^= 1
		if g, err := rotated.Open(string(changed), now); err == nil {
			t.Errorf("character %d changed: %+v", i, g)
		}
	}
	if r := ask(h, "POST", "/act/"+good, "", ""); r.Code != http.StatusOK || w.get("x").State.Status != escalation.Resolved {
		t.Errorf("signed by the key before the rotation: %d %s", r.Code, r.Body)
	}
}

func TestLinksAreTheSameWhenAPageIsSentAgain(t *testing.T) {
	p := dispatch.Page{Escalation: "x", Person: "bob", At: time.Now(), Link: "https://runbook"}
	l := linksOf(keyOf('a'))
	if a, b := l.Page(p), l.Page(p); a != b || a == p.Link {
		t.Errorf("%s, then %s", a, b)
	}
	if got := (&dispatch.Links{}).Page(p); got != p.Link {
		t.Errorf("without keys: %s, want the link of the trigger", got)
	}
	for _, bad := range []*dispatch.Links{{}, linksOf([]byte("short")), {Keys: [][]byte{keyOf('a')}, URL: "pager"}, {Keys: [][]byte{keyOf('a')}, Action: "snooze"}} {
		if bad.Validate() == nil {
			t.Errorf("%+v is valid", bad)
		}
	}
}
