package slack_test

import (
	"context"
	"crypto/hmac"
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net/http"
	"net/http/httptest"
	"net/url"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/sre-sdk/sre"
	"github.com/sre-sdk/sre/oncall/slack"
)

const signingSecret = "8f742231b10e8888abcd99yyyzzz85a5" // of Slack's documentation

// sign returns the request as Slack sends it.
func sign(secret string, at time.Time, body string) *http.Request {
	r := httptest.NewRequest(http.MethodPost, "/slack", strings.NewReader(body))
	stamp := fmt.Sprint(at.Unix())
	m := hmac.New(sha256.New, []byte(secret))
	io.WriteString(m, "v0:"+stamp+":"+body)
	r.Header.Set("Content-Type", "application/x-www-form-urlencoded")
	r.Header.Set("X-Slack-Request-Timestamp", stamp)
	r.Header.Set("X-Slack-Signature", "v0="+hex.EncodeToString(m.Sum(nil)))
	return r
}

// pressed is the body of a press of that button.
func pressed(action, value string) string {
	payload, _ := json.Marshal(map[string]any{
		"type": "block_actions", "team": map[string]string{"id": "T1", "domain": "x"}, "user": map[string]string{"id": "U0BOB", "name": "bob"},
		"channel": map[string]string{"id": "C0DB"}, "container": map[string]any{"type": "message", "message_ts": "1772366400.000001", "channel_id": "C0DB"},
		"message": map[string]any{"text": "P1: db is down"}, "response_url": "https://hooks.slack.com/actions/secret", "trigger_id": "1.2.3",
		"actions": []map[string]any{{"type": "button", "action_id": action, "block_id": "b", "value": value, "action_ts": "1772366405.500000"}},
	})
	return url.Values{"payload": {string(payload)}}.Encode()
}

// desk records presses.
type desk struct {
	presses []slack.Press
	err     error
	next    []string // bodies
}

func (d *desk) handler(t *testing.T, change ...func(*slack.HandlerConfig)) http.Handler {
	t.Helper()
	c := slack.HandlerConfig{
		SigningSecret: signingSecret,
		Acknowledge: func(_ context.Context, p slack.Press) error {
			d.presses = append(d.presses, p)
			return d.err
		},
		Now: func() time.Time { return start },
	}
	for _, f := range change {
		f(&c)
	}
	h, err := slack.NewHandler(c)
	if err != nil {
		t.Fatal(err)
	}
	return h
}

func do(h http.Handler, r *http.Request) *httptest.ResponseRecorder {
	w := httptest.NewRecorder()
	h.ServeHTTP(w, r)
	return w
}

func TestPressIsToldAsSlackTellsIt(t *testing.T) {
	var d desk
	if w := do(d.handler(t), sign(signingSecret, start, pressed(slack.ActionAcknowledge, "esc-1/1"))); w.Code != http.StatusOK || w.Body.Len() != 0 {
		t.Fatal(w.Code, w.Body)
	}
	want := slack.Press{
		ID: "U0BOB:1772366400.000001:1772366405.500000", Key: "esc-1/1", Team: "T1", User: "U0BOB", Channel: "C0DB",
		Message: "1772366400.000001", At: time.Date(2026, 3, 1, 12, 0, 5, 500_000_000, time.UTC),
	}
	if len(d.presses) != 1 || d.presses[0] != want {
		t.Errorf("got  %+v\nwant %+v", d.presses, want)
	}
	if a := want.Actor(); !a.Valid() || a != (sre.Actor{Kind: sre.Human, ID: "slack:T1/U0BOB", Via: "slack"}) {
		t.Errorf("actor %v", a)
	}
}

// The example of Slack's documentation of request verification.
func TestSignatureOfTheDocumentationIsRight(t *testing.T) {
	const body = "token=xyzz0WbapA4vBCDEFasx0q6G&team_id=T1DC2JH3J&team_domain=testteamnow&channel_id=G8PSS9T3V&channel_name=foobar&user_id=U2CERLKJA&user_name=roadrunner&command=%2Fwebhook-collect&text=&response_url=https%3A%2F%2Fhooks.slack.com%2Fcommands%2FT1DC2JH3J%2F397700885554%2F96rGlfmibIGlgcZRskXaIFfN&trigger_id=398738663015.47445629121.803a0bc887a14d10d2c447fce8b6703c"
	var got string
	h, err := slack.NewHandler(slack.HandlerConfig{
		SigningSecret: signingSecret, Acknowledge: func(context.Context, slack.Press) error { return errors.New("no press") },
		Now: func() time.Time { return time.Unix(1531420618+299, 0) },
		Next: http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
			b, _ := io.ReadAll(r.Body)
			got = string(b)
		}),
	})
	if err != nil {
		t.Fatal(err)
	}
	r := httptest.NewRequest(http.MethodPost, "/", strings.NewReader(body))
	r.Header.Set("Content-Type", "application/x-www-form-urlencoded")
	r.Header.Set("X-Slack-Request-Timestamp", "1531420618")
	r.Header.Set("X-Slack-Signature", "v0=a2114d57b48eac39b9ad189dd8316235a7b4a8d21a10bd27519666489c69b503")
	if w := do(h, r); w.Code != http.StatusOK || got != body {
		t.Errorf("%d %s", w.Code, w.Body)
	}
}

func TestOnlyWhatSlackSignedNowActs(t *testing.T) {
	body := pressed(slack.ActionAcknowledge, "k")
	good := func() *http.Request { return sign(signingSecret, start, body) }
	for name, r := range map[string]*http.Request{
		"another secret":      sign("another secret, as long", start, body),
		"five minutes late":   sign(signingSecret, start.Add(-slack.MaxSkew-time.Second), body),
		"five minutes early":  sign(signingSecret, start.Add(slack.MaxSkew+time.Second), body),
		"before 1970":         sign(signingSecret, time.Unix(-1, 0), body),
		"far future":          sign(signingSecret, time.Unix(1<<60, 0), body),
		"no signature":        change(good(), func(r *http.Request) { r.Header.Del("X-Slack-Signature") }),
		"no timestamp":        change(good(), func(r *http.Request) { r.Header.Del("X-Slack-Request-Timestamp") }),
		"empty signature":     change(good(), func(r *http.Request) { r.Header.Set("X-Slack-Signature", "") }),
		"no hash":             change(good(), func(r *http.Request) { r.Header.Set("X-Slack-Signature", "v0=") }),
		"another version":     change(good(), func(r *http.Request) { r.Header.Set("X-Slack-Signature", "v1="+r.Header.Get("X-Slack-Signature")[3:]) }),
		"two signatures":      change(good(), func(r *http.Request) { r.Header.Add("X-Slack-Signature", "v0=00") }),
		"two timestamps":      change(good(), func(r *http.Request) { r.Header.Add("X-Slack-Request-Timestamp", "1") }),
		"timestamp refreshed": change(sign(signingSecret, start.Add(-time.Hour), body), func(r *http.Request) { r.Header.Set("X-Slack-Request-Timestamp", fmt.Sprint(start.Unix())) }),
		"body changed": change(good(), func(r *http.Request) {
			r.Body = io.NopCloser(strings.NewReader(pressed(slack.ActionAcknowledge, "other")))
		}),
		"timestamp with space": change(good(), func(r *http.Request) { r.Header.Set("X-Slack-Request-Timestamp", " "+fmt.Sprint(start.Unix())) }),
	} {
		var d desk
		if w := do(d.handler(t), r); w.Code != http.StatusUnauthorized || len(d.presses) != 0 {
			t.Errorf("%s: %d and %d presses, want 401 and none", name, w.Code, len(d.presses))
		}
	}
	for _, skew := range []time.Duration{-slack.MaxSkew, 0, slack.MaxSkew} {
		var d desk
		if w := do(d.handler(t), sign(signingSecret, start.Add(skew), body)); w.Code != http.StatusOK || len(d.presses) != 1 {
			t.Errorf("%s off: %d, want 200", skew, w.Code)
		}
	}
}

func change(r *http.Request, f func(*http.Request)) *http.Request {
	f(r)
	return r
}

func TestSuccessOnlyAfterTheCallback(t *testing.T) {
	d := desk{err: errors.New("the database at 10.0.0.1 is down")}
	w := do(d.handler(t), sign(signingSecret, start, pressed(slack.ActionAcknowledge, "k")))
	if w.Code != http.StatusInternalServerError || strings.Contains(w.Body.String(), "10.0.0.1") {
		t.Errorf("%d %s, want 500 without the reason", w.Code, w.Body)
	}
	var p struct {
		Title  string
		Status int
	}
	if json.Unmarshal(w.Body.Bytes(), &p) != nil || p.Status != 500 || p.Title == "" || w.Header().Get("Content-Type") != "application/problem+json" {
		t.Errorf("no problem details: %s", w.Body)
	}
}

func TestSlowCallbackIsEndedBeforeSlackGivesUp(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		h, err := slack.NewHandler(slack.HandlerConfig{SigningSecret: signingSecret, Acknowledge: func(ctx context.Context, _ slack.Press) error {
			<-ctx.Done()
			return ctx.Err()
		}})
		if err != nil {
			t.Fatal(err)
		}
		began := time.Now()
		w := do(h, sign(signingSecret, began, pressed(slack.ActionAcknowledge, "k")))
		if took := time.Since(began); w.Code != http.StatusInternalServerError || took >= 3*time.Second {
			t.Errorf("%d after %s, want 500 within 3s", w.Code, took)
		}
	})
}

func TestLinkShowsAndDoesNothing(t *testing.T) {
	var d desk
	if w := do(d.handler(t), sign(signingSecret, start, pressed(slack.ActionShow, ""))); w.Code != http.StatusOK || len(d.presses) != 0 {
		t.Errorf("a link button: %d and %d presses", w.Code, len(d.presses))
	}
	get := sign(signingSecret, start, pressed(slack.ActionAcknowledge, "k"))
	get.Method = http.MethodGet
	if w := do(d.handler(t), get); w.Code != http.StatusMethodNotAllowed || w.Header().Get("Allow") != http.MethodPost || len(d.presses) != 0 {
		t.Errorf("a GET: %d and %d presses", w.Code, len(d.presses))
	}
}

func TestOtherInteractionsGoOn(t *testing.T) {
	for name, body := range map[string]string{
		"another button": pressed("somebody.else", "k"),
		"a modal":        url.Values{"payload": {`{"type":"view_submission"}`}}.Encode(),
		"no actions":     url.Values{"payload": {`{"type":"block_actions"}`}}.Encode(),
		"a command":      "command=%2Foncall&text=now",
	} {
		var d desk
		if w := do(d.handler(t), sign(signingSecret, start, body)); w.Code != http.StatusNotFound || len(d.presses) != 0 {
			t.Errorf("%s without Next: %d, want 404", name, w.Code)
		}
		h := d.handler(t, func(c *slack.HandlerConfig) {
			c.Next = http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
				b, _ := io.ReadAll(r.Body)
				d.next = append(d.next, string(b))
				w.WriteHeader(http.StatusTeapot)
			})
		})
		if w := do(h, sign(signingSecret, start, body)); w.Code != http.StatusTeapot || len(d.next) != 1 || d.next[0] != body {
			t.Errorf("%s: %d, next got %q", name, w.Code, d.next)
		}
		if w := do(h, sign("another secret, as long", start, body)); w.Code != http.StatusUnauthorized || len(d.next) != 1 {
			t.Errorf("%s without a signature: %d", name, w.Code)
		}
	}
}

func TestWhatIsNotUnderstoodChangesNothing(t *testing.T) {
	replace := func(old, new string) string {
		payload, _ := url.QueryUnescape(strings.TrimPrefix(pressed(slack.ActionAcknowledge, "k"), "payload="))
		if !strings.Contains(payload, old) {
			t.Fatalf("%s is not in %s", old, payload)
		}
		return url.Values{"payload": {strings.Replace(payload, old, new, 1)}}.Encode()
	}
	for name, test := range map[string]struct {
		body string
		want int
	}{
		"no JSON":      {"payload=%7B", 400},
		"two payloads": {pressed(slack.ActionAcknowledge, "a") + "&" + pressed(slack.ActionAcknowledge, "b"), 400},
		"bad form":     {"payload=%zz", 400},
		"no user":      {replace(`"id":"U0BOB"`, `"id":""`), 400},
		"odd user":     {replace(`"id":"U0BOB"`, `"id":"U0/../x"`), 400},
		"no team":      {replace(`"id":"T1"`, `"id":""`), 400},
		"no key":       {pressed(slack.ActionAcknowledge, ""), 400},
		"too long":     {pressed(slack.ActionAcknowledge, strings.Repeat("k", slack.MaxBody)), 413},
	} {
		var d desk
		if w := do(d.handler(t), sign(signingSecret, start, test.body)); w.Code != test.want || len(d.presses) != 0 {
			t.Errorf("%s: %d and %d presses, want %d and none", name, w.Code, len(d.presses), test.want)
		}
	}
	var d desk
	org := replace(`"team":{"domain":"x","id":"T1"}`, `"team":null,"enterprise":{"id":"E1"}`)
	if w := do(d.handler(t), sign(signingSecret, start, org)); w.Code != http.StatusOK || d.presses[0].Team != "E1" {
		t.Errorf("an organization's app: %d %+v", w.Code, d.presses)
	}
}

func FuzzHandler(f *testing.F) {
	f.Add(pressed(slack.ActionAcknowledge, "k"))
	f.Add(pressed(slack.ActionShow, ""))
	f.Add("payload={}")
	f.Add(`payload={"type":"block_actions","actions":[{"action_id":"oncall.acknowledge","value":"k"}],"user":null}`)
	f.Fuzz(func(t *testing.T, body string) {
		calls := 0
		h, err := slack.NewHandler(slack.HandlerConfig{SigningSecret: signingSecret, Now: func() time.Time { return start }, Acknowledge: func(_ context.Context, p slack.Press) error {
			calls++
			if p.Key == "" || !p.Actor().Valid() {
				t.Errorf("press %+v", p)
			}
			return nil
		}})
		if err != nil {
			t.Fatal(err)
		}
		if w := do(h, sign(signingSecret, start, body)); w.Code >= 500 {
			t.Errorf("%d", w.Code)
		}
		if w := do(h, sign(signingSecret+"x", start, body)); w.Code < 400 {
			t.Errorf("unsigned: %d", w.Code)
		}
	})
}
