package email_test

import (
	"context"
	"crypto/tls"
	"encoding/json"
	"errors"
	"fmt"
	"log/slog"
	"net"
	"slices"
	"strings"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/google/go-cmp/cmp"
	"github.com/sre-sdk/sre/oncall"
	"github.com/sre-sdk/sre/oncall/email"
	"github.com/sre-sdk/sre/oncall/oncalltest"
)

var noon = time.Date(2026, 3, 6, 12, 0, 0, 0, time.FixedZone("", 3600))

func config(addr string) email.Config {
	return email.Config{
		Addr: addr, TLS: roots(), From: "On-call <ops@example.com>",
		Now: func() time.Time { return noon },
	}
}

func open(t *testing.T, c email.Config) *email.Pager {
	t.Helper()
	p, err := email.New(c)
	if err != nil {
		t.Fatal(err)
	}
	return p
}

func delivery(key, to string) oncall.Delivery {
	return oncall.Delivery{
		Key: key, Person: "alice", Contact: oncall.Contact{ID: "mail", Kind: oncall.Email, Address: to},
		Severity: 1, Title: "checkout is down", Body: "5xx 12 %", Link: "https://console.example.com/e/7",
	}
}

// keyOf finds the key of a letter among those that the conformance test uses.
func keyOf(t *testing.T, l letter, key string) string {
	keys := []string{key}
	for c := 'a'; c <= 'h'; c++ {
		keys = append(keys, key+"-"+string(c))
	}
	id := l.header(t, "Message-ID")
	i := slices.IndexFunc(keys, func(k string) bool { return email.MessageID(k, "example.com") == id })
	if i < 0 {
		t.Fatalf("a letter with the Message-ID %s", id)
	}
	return keys[i]
}

func TestConformance(t *testing.T) {
	for name, setup := range map[string]func(*server, *email.Config){
		"STARTTLS":     func(*server, *email.Config) {},
		"implicit TLS": func(s *server, c *email.Config) { s.security, c.Security = email.ImplicitTLS, email.ImplicitTLS },
		"in clear":     func(s *server, c *email.Config) { s.security, c.Security = email.Plain, email.Plain },
		"with a password": func(s *server, c *email.Config) {
			s.auth, s.offers = true, append(s.offers, "AUTH PLAIN LOGIN")
			c.Username, c.Password = user, password
		},
	} {
		t.Run(name, func(t *testing.T) {
			oncalltest.TestPager(t, func(t *testing.T) oncalltest.Subject {
				s := newServer(t, email.STARTTLS)
				c := config("")
				setup(s, &c)
				c.Addr = s.listen(t)
				good := delivery("esc-7/1/alice", "alice-a94f@example.org")
				return oncalltest.Subject{
					Pager: open(t, c),
					Good:  good,
					Bad:   delivery("esc-7/1/bob", "nobody-58b1@example.org"),
					Received: func() []string {
						var keys []string
						for _, l := range s.got() {
							keys = append(keys, keyOf(t, l, good.Key))
						}
						return keys
					},
					Limit: func() { s.set("MAIL", "450 4.7.28 too fast") },
					Break: func() { s.set("end", "drop") },
					Mend:  func() { s.set("MAIL", ""); s.set("end", "") },
				}
			})
		})
	}
}

func TestLoginIsUsedWhereThereIsNothingElse(t *testing.T) {
	s := newServer(t, email.STARTTLS)
	s.auth, s.offers = true, []string{"AUTH LOGIN CRAM-MD5"}
	c := config(s.listen(t))
	c.Username, c.Password = user, password
	receipt, err := open(t, c).Send(t.Context(), delivery("k", "alice@example.org"))
	if err != nil {
		t.Fatal(err)
	}
	want := oncall.Receipt{ID: email.MessageID("k", "example.com"), At: noon}
	if diff := cmp.Diff(want, receipt); diff != "" {
		t.Error("receipt (-want +got):\n" + diff)
	}
	if l := s.got()[0]; l.from != "ops@example.com" || l.to != "alice@example.org" {
		t.Errorf("envelope from %s to %s", l.from, l.to)
	}
}

// Each phase of a conversation, answered in each way.
func TestReplyDecidesTheClass(t *testing.T) {
	const (
		permanent = "permanent"
		again     = "again"
		unknown   = "unknown"
		limited   = "limited"
		accepted  = "accepted"
	)
	for _, tc := range []struct{ phase, reply, want string }{
		{"greeting", "421 4.3.2 closing", again}, {"greeting", "554 5.3.2 no service", again}, {"greeting", "drop", again}, {"greeting", "nonsense", again},
		{"greeting", "250 not a greeting", again}, {"greeting", "2", again}, {"greeting", "220-x\r\n250 y", again}, {"greeting", "999 x", again},
		{"greeting", "220-" + strings.Repeat("x\r\n220-", 200) + "\r\n220 y", again}, {"greeting", "220 " + strings.Repeat("x", 5000), again},
		{"greeting", "220", accepted},
		{"EHLO", "500 5.5.1 what", again}, {"EHLO", "drop", again},
		{"STARTTLS", "454 4.7.0 not now", again}, {"STARTTLS", "501 5.5.4 no", again}, {"STARTTLS", "drop", again},
		{"AUTH", "535 5.7.8 wrong", again}, {"AUTH", "454 4.7.0 not now", again}, {"AUTH", "drop", again}, {"AUTH", "250 odd", again},
		{"MAIL", "550 5.7.1 not you", again}, {"MAIL", "451 4.3.0 later", again}, {"MAIL", "530 5.7.0 authenticate", again}, {"MAIL", "450 4.7.28 flood", limited}, {"MAIL", "drop", again},
		{"RCPT", "550 5.1.1 no such user", permanent}, {"RCPT", "550 no such user", permanent}, {"RCPT", "551 not local", permanent}, {"RCPT", "553 5.1.3 syntax", permanent},
		{"RCPT", "550 5.2.1 disabled", permanent}, {"RCPT", "554 5.4.4 no route", permanent}, {"RCPT", "550 5.7.1 relaying denied", permanent}, {"RCPT", "550 5.4.6 loop", permanent}, {"RCPT", "550 5.0.0 no", permanent}, {"RCPT", "550 4.1.1 of another class", permanent},
		{"RCPT", "552 5.2.2 mailbox full", again}, {"RCPT", "552 mailbox full", again}, {"RCPT", "552 5.0.0 mailbox full", again}, {"RCPT", "452 4.2.2 mailbox full", again}, {"RCPT", "450 4.2.0 greylisted", again},
		{"RCPT", "421 4.4.2 closing", again}, {"RCPT", "503 5.5.1 order", again}, {"RCPT", "530 authenticate", again}, {"RCPT", "550 5.7.23 SPF", again}, {"RCPT", "550 5.1.8 domain of the sender", again}, {"RCPT", "550 5.7.28 flood", limited},
		{"RCPT", "251 will forward", accepted}, {"RCPT", "252 will try", accepted}, {"RCPT", "drop", again}, {"RCPT", "354 odd", again},
		{"DATA", "554 5.5.0 no valid recipients", again}, {"DATA", "554 no valid recipients", permanent}, {"DATA", "451 4.3.0 later", again}, {"DATA", "drop", again}, {"DATA", "250 odd", again},
		{"end", "554 5.6.0 content", permanent}, {"end", "552 5.3.4 too large", permanent}, {"end", "552 5.2.3 too long for the mailbox", permanent}, {"end", "552 storage", again}, {"end", "550 5.7.1 spam", permanent},
		{"end", "451 4.3.0 later", again}, {"end", "421 4.3.2 closing", again}, {"end", "550 5.7.26 checks", again},
		{"end", "drop", unknown}, {"end", "nonsense", unknown}, {"end", "354 odd", unknown}, {"end", "251 odd", unknown},
		{"QUIT", "drop", accepted}, {"QUIT", "500 no", accepted}, {"QUIT", "nonsense", accepted},
	} {
		t.Run(tc.phase+" "+tc.reply[:min(len(tc.reply), 20)], func(t *testing.T) {
			s := newServer(t, email.STARTTLS)
			s.auth, s.offers = true, []string{"AUTH PLAIN"}
			s.set(tc.phase, tc.reply)
			c := config(s.listen(t))
			c.Username, c.Password, c.Pause = user, password, 90*time.Second
			_, err := open(t, c).Send(t.Context(), delivery("k", "alice-a94f@example.org"))
			got := again
			var limit oncall.RateLimited
			switch {
			case err == nil:
				got = accepted
			case errors.Is(err, email.ErrUnknown):
				got = unknown
			case errors.As(err, &limit):
				got = limited
				if limit.After != 90*time.Second {
					t.Errorf("a pause of %v", limit.After)
				}
			case errors.Is(err, oncall.ErrPermanent):
				got = permanent
			}
			if got != tc.want {
				t.Errorf("%s, want %s: %v", got, tc.want, err)
			}
			if errors.Is(err, email.ErrUnknown) && errors.Is(err, oncall.ErrPermanent) {
				t.Errorf("what is unknown is permanent: %v", err)
			}
			if err != nil && (strings.Contains(err.Error(), "a94f") || strings.Contains(err.Error(), "no such user")) {
				t.Errorf("the error shows too much: %v", err)
			}
		})
	}
}

// pipe serves over memory, so that a bubble's clock runs.
func pipe(c *email.Config, s *server) {
	c.Dial = func(context.Context, string, string) (net.Conn, error) {
		client, conn := net.Pipe()
		go s.serve(conn)
		return client, nil
	}
}

func TestEveryPhaseEndsInTime(t *testing.T) {
	certificates() // made outside of the bubbles
	for _, phase := range []string{"dial", "TLS", "greeting", "EHLO", "STARTTLS", "AUTH", "MAIL", "RCPT", "DATA", "message", "end", "QUIT"} {
		t.Run(phase, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				s := newServer(t, email.STARTTLS)
				s.auth, s.offers = true, []string{"AUTH PLAIN"}
				s.set(phase, "hang")
				c := config(host + ":587")
				c.Username, c.Password, c.Timeout = user, password, 7*time.Second
				pipe(&c, s)
				switch phase {
				case "dial":
					c.Dial = func(ctx context.Context, _, _ string) (net.Conn, error) { <-ctx.Done(); return nil, ctx.Err() }
				case "TLS": // nobody answers the handshake
					c.Security = email.ImplicitTLS
					c.Dial = func(context.Context, string, string) (net.Conn, error) { client, _ := net.Pipe(); return client, nil }
				case "message":
					c.Dial = stuck(s)
				}
				p := open(t, c)
				page := delivery("k", "alice@example.org")
				page.Body = strings.Repeat("all of it does not fit into one write\n", 1000)
				start := time.Now()
				_, err := p.Send(t.Context(), page)
				took := time.Since(start)
				if phase == "QUIT" {
					if err != nil || took > time.Second {
						t.Errorf("after %v: %v, want success", took, err)
					}
					return
				}
				if took != 7*time.Second || !errors.Is(err, context.DeadlineExceeded) || errors.Is(err, oncall.ErrPermanent) {
					t.Errorf("after %v: %v", took, err)
				}
				if got := errors.Is(err, email.ErrUnknown); got != (phase == "end") {
					t.Errorf("unknown is %v: %v", got, err)
				}

				ctx, cancel := context.WithCancel(t.Context())
				time.AfterFunc(time.Second, cancel)
				start = time.Now()
				_, err = p.Send(ctx, page)
				if took := time.Since(start); took != time.Second || !errors.Is(err, context.Canceled) {
					t.Errorf("canceled, after %v: %v", took, err)
				}
			})
		})
	}
}

// stuck connects to a server that reads no message.
func stuck(s *server) func(context.Context, string, string) (net.Conn, error) {
	return func(context.Context, string, string) (net.Conn, error) {
		client, conn := net.Pipe()
		go s.serve(stops{conn, s})
		return client, nil
	}
}

// stops reads nothing more once DATA was answered.
type stops struct {
	net.Conn
	s *server
}

func (c stops) Read(b []byte) (int, error) {
	c.s.mu.Lock()
	stop := slices.Contains(c.s.phases, "DATA")
	c.s.mu.Unlock()
	if stop {
		_, err := c.Conn.Write([]byte{0}) // until the client goes, which does not read now
		return 0, err
	}
	return c.Conn.Read(b)
}

func TestWithoutTLSNothingIsSaid(t *testing.T) {
	for name, tc := range map[string]struct {
		change func(*server, *email.Config)
		phases []string
	}{
		"STARTTLS is stripped":     {func(s *server, _ *email.Config) { s.noTLS = true }, []string{"greeting", "EHLO"}},
		"text behind the reply":    {func(s *server, _ *email.Config) { s.inject = "250 injected\r\n" }, []string{"greeting", "EHLO", "STARTTLS"}},
		"an unknown authority":     {func(_ *server, c *email.Config) { c.TLS = nil }, []string{"greeting", "EHLO", "STARTTLS"}},
		"another host":             {func(_ *server, c *email.Config) { c.TLS.ServerName = "evil.example.com" }, []string{"greeting", "EHLO", "STARTTLS"}},
		"old TLS":                  {func(s *server, _ *email.Config) { s.tls.MaxVersion = tls.VersionTLS11 }, []string{"greeting", "EHLO", "STARTTLS"}},
		"no mechanism of AUTH":     {func(s *server, _ *email.Config) { s.offers = []string{"AUTH CRAM-MD5"} }, []string{"greeting", "EHLO", "STARTTLS", "EHLO"}},
		"no AUTH, but a password":  {func(s *server, _ *email.Config) { s.offers = nil }, []string{"greeting", "EHLO", "STARTTLS", "EHLO"}},
		"clear where TLS is meant": {func(s *server, c *email.Config) { c.Security = email.ImplicitTLS }, []string{"greeting"}},
	} {
		t.Run(name, func(t *testing.T) {
			s := newServer(t, email.STARTTLS)
			s.offers = []string{"AUTH PLAIN"}
			c := config(s.listen(t))
			c.Username, c.Password = user, password
			tc.change(s, &c)
			_, err := open(t, c).Send(t.Context(), delivery("k", "alice@example.org"))
			if err == nil || errors.Is(err, oncall.ErrPermanent) {
				t.Errorf("error %v, want one that a configuration mends", err)
			}
			s.mu.Lock()
			defer s.mu.Unlock()
			if diff := cmp.Diff(tc.phases, s.phases); diff != "" {
				t.Errorf("phases (-want +got):\n%s%v", diff, err)
			}
		})
	}
}

func TestClearIsForThisMachineOnly(t *testing.T) {
	c := config("localhost:25")
	c.Security = email.Plain
	c.Dial = func(context.Context, string, string) (net.Conn, error) { return elsewhere{}, nil }
	if _, err := open(t, c).Send(t.Context(), delivery("k", "alice@example.org")); !errors.Is(err, email.ErrInsecure) {
		t.Errorf("error %v, want ErrInsecure", err)
	}
}

// elsewhere is a connection to what a name server calls localhost.
type elsewhere struct{ net.Conn }

func (elsewhere) RemoteAddr() net.Addr        { return &net.TCPAddr{IP: net.IPv4(192, 0, 2, 1), Port: 25} }
func (elsewhere) SetDeadline(time.Time) error { return nil }
func (elsewhere) Close() error                { return nil }

func TestBadDeliveriesArePermanentWithoutAConnection(t *testing.T) {
	c := config("smtp.example.com:587")
	c.Dial = func(context.Context, string, string) (net.Conn, error) {
		t.Error("a connection was made")
		return nil, net.ErrClosed
	}
	p := open(t, c)
	long := strings.Repeat("x", 65)
	for _, to := range []string{
		"", "alice", "@example.org", "alice@", "alice@@example.org", "alice@example.org\r\nRCPT TO:<eve@example.org>", "alice@example.org>", "<alice@example.org>",
		"alice example.org", "al ice@example.org", "alice@example .org", "Alice <alice@example.org>", "alice@example.org,eve@example.org", `"alice"@example.org`,
		"alice@exämple.org", "älice@example.org", ".alice@example.org", "al..ice@example.org", "alice@-example.org", "alice@example..org", "alice@example.org.",
		long + "@example.org", "a@" + long + ".org", "a@" + strings.Repeat("x.", 130) + "org", "alice@[300.1.1.1]", "alice@[::1]", "alice@[IPv6:::1%lo]", "alice@[1.2.3.4", "alice\x00@example.org",
	} {
		if _, err := p.Send(t.Context(), delivery("k", to)); !errors.Is(err, oncall.ErrPermanent) {
			t.Errorf("%q: %v", to, err)
		}
	}
	d := delivery("k", "alice@example.org")
	d.Contact.Kind = oncall.SMS
	if _, err := p.Send(t.Context(), d); !errors.Is(err, oncall.ErrPermanent) {
		t.Errorf("an SMS: %v", err)
	}
	if _, err := p.Send(t.Context(), delivery("", "alice@example.org")); !errors.Is(err, oncall.ErrPermanent) {
		t.Errorf("no key: %v", err)
	}
}

func TestTooLargeForTheServerIsPermanent(t *testing.T) {
	s := newServer(t, email.STARTTLS)
	s.offers = []string{"SIZE 100"}
	_, err := open(t, config(s.listen(t))).Send(t.Context(), delivery("k", "alice@example.org"))
	if !errors.Is(err, oncall.ErrPermanent) {
		t.Errorf("error %v", err)
	}
}

func TestConfigReportsEveryProblem(t *testing.T) {
	base := config("mail.example.com:25")
	for _, tc := range []struct {
		change func(*email.Config)
		want   []string
	}{
		{func(c *email.Config) { *c = email.Config{} }, []string{"addr: ", "from: "}},
		{func(c *email.Config) { c.Addr, c.From = "smtp.example.com", "ops" }, []string{"addr: ", "from: "}},
		{func(c *email.Config) { c.Addr = ":25" }, []string{"addr: "}},
		{func(c *email.Config) { c.Addr = "x:0" }, []string{"addr: "}},
		{func(c *email.Config) { c.Addr = "x:smtp" }, []string{"addr: "}},
		{func(c *email.Config) { c.Security, c.Password, c.Username = email.Plain, "secret-1", "u" }, []string{"security: not_allowed", "password: not_allowed"}},
		{func(c *email.Config) { c.Security = 9 }, []string{"security: unknown"}},
		{func(c *email.Config) { c.Username = "u" }, []string{"password: incomplete"}},
		{func(c *email.Config) { c.Username, c.Password = "u\x00", "secret-1" }, []string{"password: invalid"}},
		{func(c *email.Config) { c.TLS.InsecureSkipVerify = true }, []string{"tls.insecure"}},
		{func(c *email.Config) { c.From = "ops@example.com, eve@example.com" }, []string{"from: "}},
		{func(c *email.Config) { c.From = strings.Repeat("x", 101) + " <ops@example.com>" }, []string{"from: "}},
		{func(c *email.Config) { c.ReturnPath, c.Hello = "x>y@example.com", "a b" }, []string{"return_path: ", "hello: "}},
		{func(c *email.Config) { c.Timeout, c.Pause = -1, -1 }, []string{"timeout: ", "pause: "}},
	} {
		c := base
		c.TLS = roots()
		tc.change(&c)
		_, err := email.New(c)
		for _, want := range tc.want {
			if err == nil || !strings.Contains(err.Error(), want) || strings.Contains(err.Error(), "secret-1") {
				t.Errorf("no %s in %v", want, err)
			}
		}
		if err == nil || c.Validate() == nil || strings.Count(err.Error(), ": want ") != len(tc.want) {
			t.Errorf("%v, want %d problems", err, len(tc.want))
		}
	}
	if err := base.Validate(); err != nil {
		t.Error(err)
	}
}

func TestPasswordDoesNotPrint(t *testing.T) {
	c := config("smtp.example.com:587")
	c.Username, c.Password = user, password
	p := open(t, c)
	for _, value := range []any{c, &c, c.Password, p, *p} {
		for _, verb := range []string{"%v", "%+v", "%#v", "%s", "%q", "%x", "%d"} {
			if got := fmt.Sprintf(verb, value); strings.Contains(got, password) || strings.Contains(got, fmt.Sprintf("%x", password)) {
				t.Errorf("%T with %s: %s", value, verb, got)
			}
		}
	}
	var log strings.Builder
	slog.New(slog.NewTextHandler(&log, nil)).Info("x", "password", c.Password)
	if b, err := json.Marshal(c.Password); err != nil || strings.Contains(string(b)+log.String(), password) {
		t.Errorf("%s %v %s", b, err, &log)
	}
}

func TestSecurityAsText(t *testing.T) {
	for _, s := range []email.Security{email.STARTTLS, email.ImplicitTLS, email.Plain} {
		var back email.Security
		text, err := s.MarshalText()
		if err := errors.Join(err, back.UnmarshalText(text)); err != nil || back != s {
			t.Errorf("%s became %s: %v", s, back, err)
		}
	}
	if _, err := email.Security(9).MarshalText(); err == nil {
		t.Error("an undeclared one was written")
	}
	if err := new(email.Security).UnmarshalText([]byte("ssl")); err == nil {
		t.Error("an undeclared one was read")
	}
}

func TestOnePagerServesManyAtOnce(t *testing.T) {
	s := newServer(t, email.STARTTLS)
	p := open(t, config(s.listen(t)))
	var wg sync.WaitGroup
	for i := range 20 {
		wg.Go(func() {
			if _, err := p.Send(t.Context(), delivery(fmt.Sprint("k", i), fmt.Sprintf("p%d@example.org", i))); err != nil {
				t.Error(err)
			}
		})
	}
	wg.Wait()
	if n := len(s.got()); n != 20 {
		t.Errorf("%d letters, want 20", n)
	}
}
