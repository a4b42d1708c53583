package webhook_test

import (
	"crypto/hmac"
	"crypto/sha256"
	"encoding/base64"
	"errors"
	"net/http"
	"strings"
	"testing"
	"time"

	"github.com/sre-sdk/sre"
	"github.com/sre-sdk/sre/oncall"
	"github.com/sre-sdk/sre/oncall/webhook"
)

// What Verify accepts carries the signature that this test computes by itself.
func FuzzVerify(f *testing.F) {
	f.Add(vectorID, "1614265330", vectorSignature, []byte(vectorBody), int64(vectorSeconds))
	f.Add(vectorID, "1614265330", otherSignature+" "+vectorSignature, []byte(vectorBody), int64(vectorSeconds))
	f.Add("a.1", "-5", "v1, v1,,v1", []byte{}, int64(0))
	key, err := base64.StdEncoding.DecodeString(strings.TrimPrefix(secret.Reveal(), "whsec_"))
	if err != nil {
		f.Fatal(err)
	}
	f.Fuzz(func(t *testing.T, id, timestamp, signature string, body []byte, now int64) {
		header := http.Header{webhook.HeaderID: {id}, webhook.HeaderTimestamp: {timestamp}, webhook.HeaderSignature: {signature}}
		if err := webhook.Verify([]webhook.Secret{secret}, header, body, time.Unix(now, 0), 0); err != nil {
			return
		}
		mac := hmac.New(sha256.New, key)
		mac.Write([]byte(id + "." + timestamp + "." + string(body)))
		if want := "v1," + base64.StdEncoding.EncodeToString(mac.Sum(nil)); !strings.Contains(" "+signature+" ", " "+want+" ") {
			t.Fatalf("accepted %q without %q", signature, want)
		}
		if len(body) > webhook.MaxBody || strings.Contains(id, ".") {
			t.Fatal("accepted beyond its limits")
		}
	})
}

// What ParseSecret accepts is read back the same, and a refusal is a Problem.
func FuzzParseSecret(f *testing.F) {
	f.Add(secret.Reveal())
	f.Add("whsec_====")
	f.Fuzz(func(t *testing.T, text string) {
		s, err := webhook.ParseSecret(text)
		if err != nil {
			if sre.ProblemsIn(err) == nil {
				t.Fatal(err)
			}
			return
		}
		if s.Reveal() != text {
			t.Fatalf("%q became %q", text, s.Reveal())
		}
	})
}

// Whatever a receiver answers, the pause is within its bounds, and only 2xx is
// success.
func FuzzAnswer(f *testing.F) {
	f.Add(429, "120")
	f.Add(503, "Fri, 06 Mar 2026 12:01:00 GMT")
	f.Add(200, "-1")
	f.Add(410, "99999999999999999999")
	f.Fuzz(func(t *testing.T, code int, after string) {
		p := answering(t, func(*http.Request) (*http.Response, error) {
			return status(code, http.Header{"Retry-After": {after}}, ""), nil
		})
		_, err := p.Send(t.Context(), delivery("k", "https://hooks.example.com/"))
		var limit oncall.RateLimited
		switch {
		case (err == nil) != (code >= 200 && code < 300):
			t.Fatalf("%d: %v", code, err)
		case errors.As(err, &limit) && (limit.After < webhook.MinPause || limit.After > webhook.DefaultMaxPause):
			t.Fatalf("a pause of %v", limit.After)
		}
	})
}

// ParseMessage accepts what it wrote itself, and never panics.
func FuzzParseMessage(f *testing.F) {
	f.Add([]byte(`{"schema":1,"type":"oncall.delivery","data":{"key":"k","severity":2,"title":"x"}}`))
	f.Add([]byte(`{"schema":1,"type":"oncall.delivery","data":[]}`))
	f.Fuzz(func(t *testing.T, body []byte) {
		m, err := webhook.ParseMessage(body)
		if err == nil && m.Key == "" {
			t.Fatal("a message without a key")
		}
		if err != nil && !errors.Is(err, webhook.ErrMessage) && !errors.Is(err, webhook.ErrTooLarge) {
			t.Fatal(err)
		}
	})
}
