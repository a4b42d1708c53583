package intake_test

import (
	"context"
	"crypto/hmac"
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"errors"
	"fmt"
	"net/http"
	"net/http/httptest"
	"slices"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"github.com/sre-sdk/sre"
	"github.com/sre-sdk/sre/oncall/alert"
	"github.com/sre-sdk/sre/oncall/dispatch/intake"
	"github.com/sre-sdk/sre/storage"
)

const (
	token  = "token-of-alertmanager"
	older  = "token-that-is-replaced"
	key    = "0123456789abcdef0123456789abcdef"
	secret = "secret-of-the-webhook"
)

func serve(w *world) http.Handler {
	return intake.Handler(intake.HandlerConfig{Intake: w.Intake, Tokens: []string{token, older}, RoutingKeys: []string{key}, WebhookSecrets: []string{secret},
		Actor: func(r *http.Request) (sre.Actor, error) {
			if r.Header.Get("X-Test-Actor") == "" {
				return sre.Actor{}, errors.New("secret detail")
			}
			return sre.Actor{Kind: sre.Human, ID: r.Header.Get("X-Test-Actor")}, nil
		}})
}

func ask(h http.Handler, method, path, body string, header ...string) *httptest.ResponseRecorder {
	r := httptest.NewRequest(method, path, strings.NewReader(body))
	for i := 0; i+1 < len(header); i += 2 {
		r.Header.Set(header[i], header[i+1])
	}
	w := httptest.NewRecorder()
	h.ServeHTTP(w, r)
	return w
}

var bearer = []string{"Authorization", "Bearer " + token}

func webhookOf(alerts ...string) string {
	return `{"version":"4","groupKey":"g","status":"firing","receiver":"r","externalURL":"http://am","alerts":[` + strings.Join(alerts, ",") + `]}`
}

func amAlert(name, status string) string {
	return fmt.Sprintf(`{"status":%q,"labels":{"alertname":%q,"severity":"critical"},"annotations":{"summary":"%s is down"},"startsAt":"2026-01-01T00:00:00Z"}`, status, name, name)
}

func signed(body string) string {
	mac := hmac.New(sha256.New, []byte(secret))
	mac.Write([]byte(body))
	return "v1=" + hex.EncodeToString(mac.Sum(nil))
}

func TestEachSenderIsReadAndPages(t *testing.T) {
	in(t, func(t *testing.T, ctx context.Context) {
		w := newWorld(t, quick, plainRouting, nil)
		w.run()
		h := serve(w)
		v3 := `{"event":{"id":"e1","event_type":"incident.triggered","occurred_at":"2026-01-01T00:00:00Z","data":{"id":"PINC","type":"incident","title":"v3 is down","status":"triggered","urgency":"high","service":{"id":"S1"}}}}`
		for _, row := range []struct {
			name, path, body, want string
			status                 int
			header                 []string
		}{
			{"Alertmanager", "/v1/alerts/alertmanager", webhookOf(amAlert("am", "firing")), `"alerts":1`, 200, bearer},
			{"the older token", "/v1/alerts/alertmanager", webhookOf(amAlert("am", "firing")), `"alerts":1`, 200, []string{"Authorization", "bearer " + older}},
			{"Grafana", "/v1/alerts/grafana", strings.Replace(webhookOf(amAlert("grafana", "firing")), `"4"`, `"1","orgId":1`, 1), `"alerts":1`, 200, bearer},
			{"a CloudEvent", "/v1/alerts/cloudevents", `{"specversion":"1.0","id":"1","source":"s","type":"t","subject":"a","data":{"status":"firing","summary":"ce is down"}}`, `"alerts":1`, 200, bearer},
			{"one in binary mode", "/v1/alerts/cloudevents", `{"status":"firing","summary":"binary is down"}`, `"alerts":1`, 200,
				append(slices.Clone(bearer), "Ce-Specversion", "1.0", "Ce-Id", "2", "Ce-Source", "s", "Ce-Type", "u", "Ce-Subject", "b", "Content-Type", "application/json")},
			{"an event of PagerDuty", "/v2/enqueue", `{"routing_key":"` + key + `","event_action":"trigger","dedup_key":"k1","payload":{"summary":"pd is down","source":"s","severity":"critical"}}`, `"dedup_key":"k1"`, 202, nil},
			{"a webhook of PagerDuty", "/v1/alerts/pagerduty", v3, `"alerts":1`, 200, []string{"X-PagerDuty-Signature", "v1=00," + signed(v3)}},
		} {
			if got := ask(h, "POST", row.path, row.body, row.header...); got.Code != row.status || !strings.Contains(got.Body.String(), row.want) {
				t.Errorf("%s: %d %s, want %d and %s", row.name, got.Code, got.Body, row.status, row.want)
			}
		}
		time.Sleep(11 * time.Second)
		var titles []string
		for _, title := range w.open() {
			titles = append(titles, strings.TrimPrefix(title, "catchall "))
		}
		slices.Sort(titles)
		expect(t, "open", titles, []string{"am is down", "binary is down", "ce is down", "grafana is down", "pd is down", "v3 is down"})
		ask(h, "POST", "/v2/enqueue", `{"routing_key":"`+key+`","event_action":"resolve","dedup_key":"k1"}`)
		ask(h, "POST", "/v1/alerts/alertmanager", webhookOf(amAlert("am", "resolved")), bearer...)
		time.Sleep(2 * time.Second)
		expect(t, "open after two resolves", len(w.open()), 4)
	})
}

func TestWhoIsNotKnownChangesNothing(t *testing.T) {
	w := newWorld(t, quick, plainRouting, nil)
	h, good := serve(w), webhookOf(amAlert("a", "firing"))
	event := `{"routing_key":"wrong","event_action":"trigger","payload":{"summary":"x","source":"s","severity":"critical"}}`
	before := w.pos()
	for _, row := range []struct {
		name, path, body string
		status           int
		header           []string
	}{
		{"no token", "/v1/alerts/alertmanager", good, 401, nil},
		{"a wrong token", "/v1/alerts/alertmanager", good, 401, []string{"Authorization", "Bearer " + token + "x"}},
		{"an empty token", "/v1/alerts/grafana", good, 401, []string{"Authorization", "Bearer "}},
		{"another scheme", "/v1/alerts/cloudevents", good, 401, []string{"Authorization", "Basic " + token}},
		{"a wrong routing key", "/v2/enqueue", event, 401, nil},
		{"no routing key", "/v2/enqueue", `{}`, 401, nil},
		{"no signature", "/v1/alerts/pagerduty", `{}`, 401, nil},
		{"a signature of another body", "/v1/alerts/pagerduty", `{}`, 401, []string{"X-PagerDuty-Signature", signed("{ }")}},
		{"no JSON", "/v1/alerts/alertmanager", `{`, 400, bearer},
		{"another version", "/v1/alerts/alertmanager", `{"version":"3"}`, 400, bearer},
		{"nothing that can be taken", "/v1/alerts/alertmanager", `{"version":"4","status":"firing","alerts":[{"status":"maybe"}]}`, 400, bearer},
		{"too large", "/v1/alerts/alertmanager", `{"x":"` + strings.Repeat("x", alert.MaxBytes) + `"}`, 413, bearer},
		{"an unknown heartbeat", "/v1/heartbeats/x", "", 404, bearer},
		{"a heartbeat of nobody", "/v1/heartbeats/x", "", 401, nil},
		{"a silence of nobody", "/v1/silences", "{}", 401, nil},
		{"an unknown field", "/v1/silences", `{"author":"bob"}`, 400, []string{"X-Test-Actor", "alice"}},
		{"a bad matcher", "/v1/silences", `{"matchers":"a"}`, 422, []string{"X-Test-Actor", "alice"}},
		{"a silence without an end", "/v1/silences", `{"matchers":"a=1","comment":"x"}`, 422, []string{"X-Test-Actor", "alice"}},
		{"an unknown silence", "/v1/silences/x/expire", ``, 404, []string{"X-Test-Actor", "alice"}},
	} {
		got := ask(h, "POST", row.path, row.body, row.header...)
		if got.Code != row.status || got.Header().Get("Content-Type") != "application/problem+json" || strings.Contains(got.Body.String(), "secret detail") {
			t.Errorf("%s: %d %s, want %d as a problem", row.name, got.Code, got.Body, row.status)
		}
	}
	expect(t, "position of the log", w.pos(), before)
	closed := intake.Handler(intake.HandlerConfig{Intake: w.Intake})
	for _, header := range [][]string{nil, {"Authorization", "Bearer "}, bearer} {
		if got := ask(closed, "POST", "/v1/alerts/alertmanager", good, header...); got.Code != 401 {
			t.Errorf("without tokens: %d", got.Code)
		}
	}
}

// broken is a store that is down, perhaps.
type broken struct {
	storage.Backend
	down *atomic.Bool
}

func (b broken) Commit(ctx context.Context, batch storage.Batch) (storage.Pos, error) {
	if b.down.Load() {
		return 0, storage.ErrUnavailable
	}
	return b.Backend.Commit(ctx, batch)
}

func TestAnAnswerSaysWhatARetryMends(t *testing.T) {
	in(t, func(t *testing.T, ctx context.Context) {
		var down atomic.Bool
		w := newWorld(t, quick, plainRouting, func(c *intake.Config) { c.Store = storage.New(broken{c.Store.Backend(), &down}) })
		h := serve(w)
		body := webhookOf(amAlert("good", "firing"), `{"status":"maybe","labels":{"alertname":"bad"}}`, amAlert("good2", "firing"))
		down.Store(true)
		if got := ask(h, "POST", "/v1/alerts/alertmanager", body, bearer...); got.Code != 503 || got.Header().Get("Retry-After") == "" {
			t.Errorf("with the store down: %d %s", got.Code, got.Body)
		}
		if got := ask(h, "POST", "/v1/silences", `{"matchers":"a=1","comment":"x","end":"2030-01-01T00:00:00Z","start":"2029-12-01T00:00:00Z"}`, "X-Test-Actor", "alice"); got.Code != 503 {
			t.Errorf("a silence with the store down: %d %s", got.Code, got.Body)
		}
		down.Store(false)
		got := ask(h, "POST", "/v1/alerts/alertmanager", body, bearer...)
		var receipt intake.Receipt
		if err := json.Unmarshal(got.Body.Bytes(), &receipt); err != nil || got.Code != 200 || receipt.Alerts != 2 || len(receipt.Problems) == 0 || !strings.HasPrefix(receipt.Problems[0].Path, "alerts[1]") {
			t.Errorf("a batch that is partly bad: %d %s", got.Code, got.Body)
		}
		w.run()
		time.Sleep(11 * time.Second)
		expect(t, "open", len(w.open()), 3) // one for the alert that could not be read
	})
}

func TestGroupsAndSilencesCanBeRead(t *testing.T) {
	in(t, func(t *testing.T, ctx context.Context) {
		w := newWorld(t, quick, plainRouting, nil)
		w.run()
		h := serve(w)
		ask(h, "POST", "/v1/alerts/alertmanager", webhookOf(amAlert("a", "firing"), amAlert("b", "firing"), amAlert("c", "firing")), bearer...)
		time.Sleep(11 * time.Second)
		var ids []string
		for after := ""; ; {
			var page struct {
				Groups []intake.Group
				Next   string
			}
			got := ask(h, "GET", "/v1/groups?limit=2&after="+after, "")
			if err := json.Unmarshal(got.Body.Bytes(), &page); err != nil || got.Code != 200 {
				t.Fatal(got.Code, got.Body)
			}
			for _, g := range page.Groups {
				ids = append(ids, g.ID)
			}
			if after = page.Next; after == "" {
				break
			}
		}
		expect(t, "groups", len(slices.Compact(ids)), 3)
		for path, want := range map[string]string{
			"/v1/groups/" + ids[0]:               `"action":"page"`,
			"/v1/groups/" + ids[0] + "/timeline": `no route matches`,
			"/v1/silences":                       `"silences":[]`,
		} {
			if got := ask(h, "GET", path, ""); got.Code != 200 || !strings.Contains(got.Body.String(), want) {
				t.Errorf("%s: %d %s", path, got.Code, got.Body)
			}
		}
		if got := ask(h, "GET", "/v1/groups/x", ""); got.Code != 404 {
			t.Errorf("an unknown group: %d", got.Code)
		}
		end := time.Now().Add(time.Hour).UTC().Format(time.RFC3339)
		if got := ask(h, "POST", "/v1/silences", `{"id":"s1","matchers":"{alertname=\"a\"}","end":"`+end+`","comment":"known"}`, "X-Test-Actor", "alice"); got.Code != 200 || !strings.Contains(got.Body.String(), `"author":"alice"`) {
			t.Errorf("a silence: %d %s", got.Code, got.Body)
		}
		if got := ask(h, "GET", "/v1/silences", ""); !strings.Contains(got.Body.String(), `"s1"`) {
			t.Errorf("silences: %s", got.Body)
		}
		time.Sleep(time.Minute)
		if got := ask(h, "POST", "/v1/silences/s1/expire", `{"why":"over"}`, "X-Test-Actor", "bob"); got.Code != 200 {
			t.Errorf("its end: %d %s", got.Code, got.Body)
		}
	})
}
