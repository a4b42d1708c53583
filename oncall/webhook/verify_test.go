package webhook_test

import (
	"encoding/base64"
	"errors"
	"net/http"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"github.com/sre-sdk/sre/oncall/webhook"
	"pgregory.net/rapid"
)

// The vector of the reference libraries of the specification.
const (
	vectorID        = "msg_p5jXN8AQM9LWM0D4loKWxJek"
	vectorBody      = `{"test": 2432232314}`
	vectorSeconds   = 1614265330
	vectorSignature = "v1,g0hM9SsE+OTPJTGt/tmIKtSyZlE3uFJELVlNIOLJ1OE="
	otherSignature  = "v1,Ceo5qEr07ixe2NLpvHk3FH9bwy/WavXrAFQ/9tdO6mc="
)

var vectorTime = time.Unix(vectorSeconds, 0)

func vector() http.Header {
	return http.Header{
		"Webhook-Id": {vectorID}, "Webhook-Timestamp": {"1614265330"}, "Webhook-Signature": {vectorSignature},
	}
}

func TestSignGivesTheVectorOfTheSpecification(t *testing.T) {
	got, err := webhook.Sign([]webhook.Secret{secret}, vectorID, vectorTime, []byte(vectorBody))
	if err != nil {
		t.Fatal(err)
	}
	if diff := cmp.Diff(vector(), got); diff != "" {
		t.Error("headers (-want +got):\n" + diff)
	}
}

// The cases of the reference libraries, and what they leave open.
func TestVerify(t *testing.T) {
	with := func(name string, values ...string) http.Header {
		h := vector()
		h[name] = values
		return h
	}
	at := func(d time.Duration) time.Time { return vectorTime.Add(d) }
	both := []webhook.Secret{another, secret}
	for _, tc := range []struct {
		name      string
		secrets   []webhook.Secret
		header    http.Header
		body      string
		now       time.Time
		tolerance time.Duration
		want      error
	}{
		{name: "valid"},
		{name: "valid with an old and a new secret", secrets: both},
		{name: "another secret", secrets: []webhook.Secret{another}, want: webhook.ErrSignature},
		{name: "no id", header: with("Webhook-Id"), want: webhook.ErrHeader},
		{name: "empty id", header: with("Webhook-Id", ""), want: webhook.ErrHeader},
		{name: "two ids", header: with("Webhook-Id", vectorID, vectorID), want: webhook.ErrHeader},
		{name: "id with a full stop", header: with("Webhook-Id", "a.1614265330"), want: webhook.ErrHeader},
		{name: "id too long", header: with("Webhook-Id", strings.Repeat("x", webhook.MaxIDBytes+1)), want: webhook.ErrHeader},
		{name: "other id", header: with("Webhook-Id", "msg_1"), want: webhook.ErrSignature},
		{name: "no timestamp", header: with("Webhook-Timestamp"), want: webhook.ErrHeader},
		{name: "two timestamps", header: with("Webhook-Timestamp", "1614265330", "1614265331"), want: webhook.ErrHeader},
		{name: "word as timestamp", header: with("Webhook-Timestamp", "hello"), want: webhook.ErrHeader},
		{name: "signed timestamp", header: with("Webhook-Timestamp", "+1614265330"), want: webhook.ErrHeader},
		{name: "negative timestamp", header: with("Webhook-Timestamp", "-1"), want: webhook.ErrHeader},
		{name: "zero before", header: with("Webhook-Timestamp", "01614265330"), want: webhook.ErrHeader},
		{name: "fraction", header: with("Webhook-Timestamp", "1614265330.0"), want: webhook.ErrHeader},
		{name: "huge timestamp", header: with("Webhook-Timestamp", "9223372036854775807"), want: webhook.ErrHeader},
		{name: "other timestamp", header: with("Webhook-Timestamp", "1614265331"), want: webhook.ErrSignature},
		{name: "no signature", header: with("Webhook-Signature"), want: webhook.ErrHeader},
		{name: "empty signature", header: with("Webhook-Signature", ""), want: webhook.ErrSignature},
		{name: "invalid signature", header: with("Webhook-Signature", "v1,dawfeoifkpqwoekfpqoekf"), want: webhook.ErrSignature},
		{name: "partial signature", header: with("Webhook-Signature", vectorSignature[:8]), want: webhook.ErrSignature},
		{name: "only a version", header: with("Webhook-Signature", "v1,"), want: webhook.ErrSignature},
		{name: "no version", header: with("Webhook-Signature", vectorSignature[3:]), want: webhook.ErrSignature},
		{name: "other version", header: with("Webhook-Signature", "v2"+vectorSignature[2:]), want: webhook.ErrSignature},
		{name: "asymmetric version", header: with("Webhook-Signature", "v1a"+vectorSignature[2:]), want: webhook.ErrSignature},
		{name: "several signatures", header: with("Webhook-Signature", otherSignature+" v2"+otherSignature[2:]+" "+vectorSignature+" "+otherSignature)},
		{name: "too many signatures", header: with("Webhook-Signature", strings.Repeat(otherSignature+" ", webhook.MaxSignatures)+vectorSignature), want: webhook.ErrHeader},
		{name: "two signature headers", header: with("Webhook-Signature", otherSignature, vectorSignature), want: webhook.ErrHeader},
		{name: "other body", body: vectorBody + " ", want: webhook.ErrSignature},
		{name: "too large", body: strings.Repeat("x", webhook.MaxBody+1), want: webhook.ErrTooLarge},
		{name: "oldest", now: at(5 * time.Minute)},
		{name: "too old", now: at(5*time.Minute + 1), want: webhook.ErrStale},
		{name: "youngest", now: at(-5 * time.Minute)},
		{name: "too young", now: at(-5*time.Minute - 1), want: webhook.ErrStale},
		{name: "old and forged", now: at(time.Hour), header: with("Webhook-Signature", otherSignature), want: webhook.ErrSignature},
		{name: "wider tolerance", now: at(time.Hour), tolerance: time.Hour},
	} {
		t.Run(tc.name, func(t *testing.T) {
			if tc.secrets == nil {
				tc.secrets = []webhook.Secret{secret}
			}
			if tc.header == nil {
				tc.header = vector()
			}
			if tc.body == "" {
				tc.body = vectorBody
			}
			if tc.now.IsZero() {
				tc.now = vectorTime
			}
			if err := webhook.Verify(tc.secrets, tc.header, []byte(tc.body), tc.now, tc.tolerance); !errors.Is(err, tc.want) {
				t.Errorf("error %v, want %v", err, tc.want)
			}
		})
	}
}

func TestVerifyWithoutSecretsNeverPasses(t *testing.T) {
	for _, secrets := range [][]webhook.Secret{nil, {}, {{}}, make([]webhook.Secret, webhook.MaxSecrets+1)} {
		if err := webhook.Verify(secrets, vector(), []byte(vectorBody), vectorTime, 0); err == nil {
			t.Errorf("%d secrets: verified", len(secrets))
		}
	}
	if err := webhook.Verify([]webhook.Secret{secret}, vector(), []byte(vectorBody), vectorTime, -1); err == nil {
		t.Error("a negative tolerance was taken")
	}
}

func TestStaleErrorSaysHowOld(t *testing.T) {
	err := webhook.Verify([]webhook.Secret{secret}, vector(), []byte(vectorBody), vectorTime.Add(-time.Hour), 0)
	var stale *webhook.StaleError
	if !errors.As(err, &stale) || stale.Age != -time.Hour || stale.Tolerance != webhook.DefaultTolerance {
		t.Errorf("error %v", err)
	}
}

func TestWhatIsSignedVerifiesAndNothingElse(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		id := rapid.StringMatching(`[!-+/-~\-]{1,40}`).Draw(t, "id")
		body := rapid.SliceOf(rapid.Byte()).Draw(t, "body")
		at := time.Unix(rapid.Int64Range(0, 4e9).Draw(t, "at"), 0)
		header, err := webhook.Sign([]webhook.Secret{another, secret}, id, at, body)
		if err != nil {
			t.Fatal(err)
		}
		if err := webhook.Verify([]webhook.Secret{secret}, header, body, at, 0); err != nil {
			t.Fatal(err)
		}
		forged := append([]byte{rapid.Byte().Draw(t, "byte")}, body...)
		if err := webhook.Verify([]webhook.Secret{secret}, header, forged, at, 0); !errors.Is(err, webhook.ErrSignature) {
			t.Fatalf("forged: %v", err)
		}
	})
}

func TestDifferentKeysHaveDifferentIDs(t *testing.T) {
	if got := webhook.ID("esc-7/1/alice"); got != "esc-7/1/alice" {
		t.Errorf("ID is %s, want the key", got)
	}
	seen := map[string]string{}
	keys := []string{"", ".", "a.b", "a,b", "a b", "é", "\n", strings.Repeat("x", 200), strings.Repeat("x", 201), strings.Repeat("x", 202), "sha256_"}
	for _, k := range keys { // what looks derived must be derived as well
		keys = append(keys, webhook.ID(k))
	}
	for _, key := range keys {
		id := webhook.ID(key)
		if other, ok := seen[id]; ok && other != key {
			t.Errorf("%q and %q have the id %s", key, other, id)
		}
		seen[id] = key
		if _, err := webhook.Sign([]webhook.Secret{secret}, id, noon, nil); err != nil {
			t.Errorf("the id of %q cannot be signed: %v", key, err)
		}
	}
}

func TestParseSecret(t *testing.T) {
	coded := func(n int) string { return base64.StdEncoding.EncodeToString(make([]byte, n)) }
	for text, ok := range map[string]bool{
		"whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw":     true,
		"whsec_" + coded(64):                         true,
		"MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw":           false,
		"whsk_" + coded(32):                          false,
		"whsec_":                                     false,
		"whsec_" + coded(23):                         false,
		"whsec_" + coded(65):                         false,
		"whsec_" + coded(1<<20):                      false,
		"whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw\n":   false,
		"whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLa-_":     false,
		"whsec_" + strings.TrimRight(coded(25), "="): false,
	} {
		s, err := webhook.ParseSecret(text)
		if (err == nil) != ok {
			t.Errorf("%.50s: %v", text, err)
		}
		if ok && s.Reveal() != text {
			t.Errorf("%s became %s", text, s.Reveal())
		}
		if err != nil && len(text) > 10 && strings.Contains(err.Error(), text[6:]) {
			t.Errorf("the error shows the secret: %v", err)
		}
	}
	if s, err := webhook.ParseSecret(webhook.GenerateSecret().Reveal()); err != nil {
		t.Errorf("%v %v", s, err)
	}
	var s webhook.Secret
	if err := s.UnmarshalText([]byte(secret.Reveal())); err != nil || s.Reveal() != secret.Reveal() {
		t.Errorf("UnmarshalText: %v", err)
	}
}

func TestParseMessage(t *testing.T) {
	for name, body := range map[string]string{
		"nothing":       ``,
		"not JSON":      `<xml>`,
		"null":          `null`,
		"a list":        `[]`,
		"newer":         `{"schema":2,"type":"oncall.delivery","data":{"key":"k"}}`,
		"no schema":     `{"type":"oncall.delivery","data":{"key":"k"}}`,
		"other type":    `{"schema":1,"type":"user.created","data":{"key":"k"}}`,
		"no data":       `{"schema":1,"type":"oncall.delivery"}`,
		"null data":     `{"schema":1,"type":"oncall.delivery","data":null}`,
		"no key":        `{"schema":1,"type":"oncall.delivery","data":{"title":"x"}}`,
		"unknown field": `{"schema":1,"type":"oncall.delivery","data":{"key":"k","color":"red"}}`,
		"two":           `{"schema":1,"type":"oncall.delivery","data":{"key":"k"}} {}`,
		"bad severity":  `{"schema":1,"type":"oncall.delivery","data":{"key":"k","severity":-1}}`,
	} {
		if _, err := webhook.ParseMessage([]byte(body)); !errors.Is(err, webhook.ErrMessage) {
			t.Errorf("%s: %v, want ErrMessage", name, err)
		}
	}
	got, err := webhook.ParseMessage([]byte(`{"schema":1,"type":"oncall.delivery","data":{"key":"k","severity":2,"title":"x"}}`))
	if diff := cmp.Diff(webhook.Message{Key: "k", Severity: 2, Title: "x"}, got); diff != "" || err != nil {
		t.Errorf("%v (-want +got):\n%s", err, diff)
	}
	if _, err := webhook.ParseMessage(make([]byte, webhook.MaxBody+1)); !errors.Is(err, webhook.ErrTooLarge) {
		t.Errorf("large: %v", err)
	}
}
