package webhook_test

import (
	"crypto/tls"
	"encoding/json"
	"errors"
	"fmt"
	"log/slog"
	"net/http"
	"net/http/httptest"
	"net/netip"
	"strings"
	"testing"

	"github.com/sre-sdk/sre/oncall"
	"github.com/sre-sdk/sre/oncall/webhook"
)

func TestAddressesThatAreNotPublicAreNotReached(t *testing.T) {
	p := open(t, webhook.Config{Secrets: []webhook.Secret{secret}, AllowHTTP: true})
	for _, host := range []string{
		"127.0.0.1", "127.9.9.9", "localhost", "0.0.0.0", "10.0.0.1", "172.16.0.1", "192.168.0.1", "169.254.169.254", "100.64.0.1",
		"192.0.0.1", "192.0.2.1", "198.18.0.1", "198.51.100.1", "203.0.113.1", "224.0.0.1", "240.0.0.1", "255.255.255.255",
		"[::1]", "[::]", "[fe80::1]", "[fc00::1]", "[ff02::1]", "[::ffff:127.0.0.1]", "[::ffff:10.0.0.1]", "[2001:db8::1]",
		"[64:ff9b::a00:1]", "[2002:7f00:1::1]", "[2001:0:1::1]", "[::7f00:1]", "[fec0::1]", "[5f00::1]",
	} {
		_, err := p.Send(t.Context(), delivery("k", "http://"+host+":1/"))
		if !errors.Is(err, webhook.ErrBlocked) || !errors.Is(err, oncall.ErrPermanent) {
			t.Errorf("%s: %v, want ErrBlocked", host, err)
		}
	}
}

// A server that listens proves that the check does what it says, and not only
// that nobody answers.
func TestPrivateOpensANetworkAndNoOther(t *testing.T) {
	h := serve(t)
	c := h.config()
	c.Private = []netip.Prefix{netip.MustParsePrefix("10.0.0.0/8")}
	if _, err := open(t, c).Send(t.Context(), delivery("k", h.URL)); !errors.Is(err, webhook.ErrBlocked) {
		t.Errorf("error %v, want ErrBlocked", err)
	}
	c.Private = local
	if _, err := open(t, c).Send(t.Context(), delivery("k", h.URL)); err != nil {
		t.Error(err)
	}
}

func TestRedirectsAreNotFollowed(t *testing.T) {
	h := serve(t)
	elsewhere := 0
	h.set(func(w http.ResponseWriter, r *http.Request) bool {
		if r.URL.Path == "/elsewhere" {
			elsewhere++
			return true
		}
		http.Redirect(w, r, "/elsewhere", http.StatusTemporaryRedirect)
		return true
	})
	_, err := open(t, h.config()).Send(t.Context(), delivery("k", h.URL+"/hook-a94f"))
	if err == nil || errors.Is(err, oncall.ErrPermanent) || elsewhere != 0 {
		t.Errorf("error %v, %d requests elsewhere", err, elsewhere)
	}
}

func TestOldTLSIsRefused(t *testing.T) {
	h := httptest.NewUnstartedServer(http.HandlerFunc(func(http.ResponseWriter, *http.Request) {}))
	h.TLS = &tls.Config{MaxVersion: tls.VersionTLS11, MinVersion: tls.VersionTLS10}
	h.Config.ErrorLog = slog.NewLogLogger(slog.DiscardHandler, 0)
	h.StartTLS()
	defer h.Close()
	roots := h.Client().Transport.(*http.Transport).TLSClientConfig.Clone()
	roots.MinVersion = tls.VersionTLS10 // is raised
	p := open(t, webhook.Config{Secrets: []webhook.Secret{secret}, Private: local, TLS: roots})
	if _, err := p.Send(t.Context(), delivery("k", h.URL)); err == nil || !strings.Contains(err.Error(), "protocol version") {
		t.Errorf("error %v, want that of the TLS version", err)
	}
}

func TestBadAddressesArePermanentAndNotShown(t *testing.T) {
	p := open(t, webhook.Config{Secrets: []webhook.Secret{secret}})
	for _, address := range []string{
		"", "hook-a94f", "http://hook-a94f.example.com/", "ftp://hook-a94f/", "https:///hook-a94f", "https://hook-a94f/#x", "https://hook-a94f\n/",
		"https:hook-a94f", "https://hook-a94f:port/", "https://x/%zz-hook-a94f", "https://hook-a94f.example.com/" + strings.Repeat("x", oncall.MaxAddress),
	} {
		_, err := p.Send(t.Context(), delivery("k", address))
		if !errors.Is(err, oncall.ErrPermanent) || strings.Contains(err.Error(), "hook-a94f") {
			t.Errorf("%q: %v", address, err)
		}
	}
	d := delivery("k", "https://hooks.example.com/")
	d.Contact.Kind = oncall.SMS
	if _, err := p.Send(t.Context(), d); !errors.Is(err, oncall.ErrPermanent) {
		t.Errorf("an SMS: %v", err)
	}
	if _, err := p.Send(t.Context(), delivery("", "https://hooks.example.com/")); !errors.Is(err, oncall.ErrPermanent) {
		t.Errorf("no key: %v", err)
	}
}

// Nothing that goes wrong shows the host, the path or a password.
func TestNoFailureShowsTheURL(t *testing.T) {
	h := serve(t)
	open443 := open(t, webhook.Config{Secrets: []webhook.Secret{secret}, Private: local})
	custom := func(err error) *webhook.Pager {
		return answering(t, func(*http.Request) (*http.Response, error) { return nil, err })
	}
	address := strings.Replace(h.URL, "https://", "https://user:pw-77@", 1) + "/hook-a94f"
	host := strings.TrimPrefix(h.URL, "https://")
	closed := httptest.NewServer(nil)
	closed.Close()
	for name, tc := range map[string]struct {
		pager   *webhook.Pager
		address string
	}{
		"untrusted":       {open443, address},
		"nobody listens":  {open443, strings.Replace(closed.URL, "http://", "https://", 1) + "/hook-a94f"},
		"no such name":    {open443, "https://hook-a94f.invalid/"},
		"foreign error":   {custom(fmt.Errorf("dial %s: https://hook-a94f/", host)), address},
		"wrapped foreign": {custom(fmt.Errorf("outer hook-a94f: %w", errors.New("inner "+host))), address},
	} {
		_, err := tc.pager.Send(t.Context(), delivery("k", tc.address))
		if err == nil || errors.Is(err, oncall.ErrPermanent) {
			t.Errorf("%s: %v, want an error to try again", name, err)
			continue
		}
		for _, e := range append([]error{err}, err.(*webhook.Error).Unwrap()...) {
			for _, hidden := range []string{"hook-a94f", "pw-77", "127.0.0.1"} {
				if text := fmt.Sprintf("%v %+v %#v", e, e, e); strings.Contains(text, hidden) {
					t.Errorf("%s: %s", name, text)
				}
			}
		}
	}
}

func TestSecretsDoNotPrint(t *testing.T) {
	p := open(t, webhook.Config{Secrets: []webhook.Secret{secret}})
	text := secret.Reveal()
	for _, value := range []any{secret, &secret, []webhook.Secret{secret}, webhook.Config{Secrets: []webhook.Secret{secret}}, p, *p} {
		for _, verb := range []string{"%v", "%+v", "%#v", "%s", "%q", "%x", "%d"} {
			got := fmt.Sprintf(verb, value)
			if strings.Contains(got, text[6:14]) || strings.Contains(got, "31f290f6bf06") || strings.Contains(got, "[49 242") {
				t.Errorf("%T with %s: %s", value, verb, got)
			}
		}
	}
	var log strings.Builder
	slog.New(slog.NewJSONHandler(&log, nil)).Info("x", "secret", secret, "list", []webhook.Secret{secret})
	if strings.Contains(log.String(), text[6:14]) {
		t.Error(log.String())
	}
	if b, err := json.Marshal(secret); err != nil || strings.Contains(string(b), text[6:14]) {
		t.Errorf("%s %v", b, err)
	}
}
