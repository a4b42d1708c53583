package email_test

import (
	"bytes"
	"context"
	"encoding/base64"
	"fmt"
	"io"
	"mime"
	"mime/multipart"
	"mime/quotedprintable"
	"net"
	"net/mail"
	"slices"
	"strings"
	"testing"
	"time"
	"unicode/utf8"

	"github.com/google/go-cmp/cmp"
	"github.com/sre-sdk/sre"
	"github.com/sre-sdk/sre/oncall"
	"github.com/sre-sdk/sre/oncall/email"
)

// A script is a connection to a server that says the same whatever it hears,
// and keeps what it heard.
type script struct {
	net.Conn
	says  *strings.Reader
	heard *bytes.Buffer
}

func (s script) Read(b []byte) (int, error)  { return s.says.Read(b) }
func (s script) Write(b []byte) (int, error) { return s.heard.Write(b) }
func (script) Close() error                  { return nil }
func (script) SetDeadline(time.Time) error   { return nil }
func (script) RemoteAddr() net.Addr          { return &net.UnixAddr{} }

const agreeable = "220 x\r\n250 x\r\n250 x\r\n250 x\r\n354 x\r\n250 x\r\n221 x\r\n"

// sent returns the message that a delivery becomes, as it was before the dots
// were doubled.
func sent(t *testing.T, d oncall.Delivery, change func(*email.Config)) string {
	t.Helper()
	var heard bytes.Buffer
	c := config("localhost:25")
	c.Security = email.Plain
	c.Dial = func(context.Context, string, string) (net.Conn, error) {
		return script{says: strings.NewReader(agreeable), heard: &heard}, nil
	}
	if change != nil {
		change(&c)
	}
	if _, err := open(t, c).Send(t.Context(), d); err != nil {
		t.Fatal(err)
	}
	_, data, ok := strings.Cut(heard.String(), "DATA\r\n")
	data, quit, ends := strings.Cut(data, "\r\n.\r\n")
	if !ok || !ends || quit != "QUIT\r\n" {
		t.Fatalf("after DATA:\n%q", heard.String())
	}
	return strings.ReplaceAll(data+"\r\n", "\r\n..", "\r\n.")
}

func TestMessageIsExactlyAsDocumented(t *testing.T) {
	d := delivery("esc-7/1/alice", "alice@example.org")
	d.Body = "5xx 12 %\n.hidden?"
	const want = `Date: Fri, 06 Mar 2026 12:00:00 +0100
From: "On-call"
 <ops@example.com>
To: <alice@example.org>
Subject: [P1] checkout is down
Message-ID: ID(delivery)
In-Reply-To: ID(thread)
References: ID(thread)
Auto-Submitted: auto-generated
MIME-Version: 1.0
Content-Type: text/plain; charset=utf-8
Content-Transfer-Encoding: quoted-printable

checkout is down

5xx 12 %
.hidden?

https://console.example.com/e/7

`
	got := sent(t, d, func(c *email.Config) {
		c.TextOnly = true
		c.Thread = func(d oncall.Delivery) string { return strings.Split(d.Key, "/")[0] }
	})
	m, err := mail.ReadMessage(strings.NewReader(got))
	if err != nil {
		t.Fatal(err)
	}
	got = strings.ReplaceAll(got, email.MessageID("esc-7/1/alice", "example.com"), "ID(delivery)")
	got = strings.ReplaceAll(got, m.Header.Get("References"), "ID(thread)")
	if diff := cmp.Diff(strings.ReplaceAll(want, "\n", "\r\n"), got); diff != "" {
		t.Error("message (-want +got):\n" + diff)
	}
}

func TestRepetitionsHaveOneMessageIDAndOneThread(t *testing.T) {
	header := func(key, thread string) mail.Header {
		m, err := mail.ReadMessage(strings.NewReader(sent(t, delivery(key, "alice@example.org"), func(c *email.Config) {
			c.Thread = func(oncall.Delivery) string { return thread }
		})))
		if err != nil {
			t.Fatal(err)
		}
		return m.Header
	}
	a, again, b := header("a", "e7"), header("a", "e7"), header("b", "e7")
	if a.Get("Message-ID") != again.Get("Message-ID") || a.Get("Message-ID") == b.Get("Message-ID") || a.Get("Message-ID") != email.MessageID("a", "example.com") {
		t.Errorf("Message-IDs %s, %s, %s", a.Get("Message-ID"), again.Get("Message-ID"), b.Get("Message-ID"))
	}
	if a.Get("References") == "" || a.Get("References") != b.Get("References") || a.Get("References") == header("a", "e8").Get("References") {
		t.Errorf("References %s and %s", a.Get("References"), b.Get("References"))
	}
	if r := header("a", "").Get("References"); r != "" {
		t.Errorf("References %s without a thread", r)
	}
}

func subject(t *testing.T, message string) string {
	t.Helper()
	m, err := mail.ReadMessage(strings.NewReader(message))
	if err != nil {
		t.Fatal(err)
	}
	got, err := new(mime.WordDecoder).DecodeHeader(m.Header.Get("Subject"))
	if err != nil {
		t.Fatal(err)
	}
	return got
}

func TestSubject(t *testing.T) {
	long := strings.Repeat("é", 400)
	for _, tc := range []struct {
		name, title string
		severity    sre.Severity
		want        string
	}{
		{"plain", "checkout is down", 2, "[P2] checkout is down"},
		{"unknown severity", "x", 0, "x"},
		{"off the scale", "x", 9, "x"},
		{"none", "", 1, "[P1] "},
		{"injection", "x\r\nBcc: eve@example.org", 1, "[P1] x Bcc: eve@example.org"},
		{"other line ends", "a\u2028b\u0085c\vd\fe\x00f", 1, "[P1] a b c d e f"},
		{"not ASCII", "Störung 日本 🔥", 1, "[P1] Störung 日本 🔥"},
		{"like an encoded word", "=?utf-8?q?=0D=0ABcc:_x?=", 1, "[P1] =?utf-8?q?=0D=0ABcc:_x?="},
		{"not UTF-8", "a\xffb", 1, "[P1] a�b"},
		{"many words", strings.Repeat("word ", 60) + "end", 1, "[P1] " + strings.Repeat("word ", 60) + "end"},
		{"a long word", strings.Repeat("x", 300), 1, "[P1] " + strings.Repeat("x", 300)},
		{"too long", long, 1, "[P1] " + strings.Repeat("é", 246) + "…"},
	} {
		t.Run(tc.name, func(t *testing.T) {
			d := delivery("k", "alice@example.org")
			d.Title = tc.title
			d.Severity = tc.severity
			if got := subject(t, sent(t, d, nil)); got != strings.TrimSpace(tc.want) {
				t.Errorf("%q, want %q", got, tc.want)
			}
		})
	}
}

func TestNamesAreQuotedOrEncoded(t *testing.T) {
	for from, want := range map[string]string{
		"ops@example.com":                                  "",
		`"Ops, \"on\" call" <ops@example.com>`:             `Ops, "on" call`,
		`Störungsdienst <ops@example.com>`:                 "Störungsdienst",
		`"=?utf-8?b?` + b64("x") + `?=" <ops@example.com>`: "=?utf-8?b?" + b64("x") + "?=",
		`日本日本日本日本日本日本日本日本日本日本日本 <ops@example.com>`: "日本日本日本日本日本日本日本日本日本日本日本",
	} {
		message := sent(t, delivery("k", "alice@example.org"), func(c *email.Config) { c.From = from })
		m, err := mail.ReadMessage(strings.NewReader(message))
		if err != nil {
			t.Fatal(err)
		}
		got, err := m.Header.AddressList("From")
		if err != nil || len(got) != 1 || got[0].Address != "ops@example.com" || got[0].Name != want {
			t.Errorf("%s became %v %v", from, got, err)
		}
		if m.Header.Get("Bcc") != "" {
			t.Error("a header was injected")
		}
	}
}

// The name of From comes from a file: what it hides in an encoded word is no
// name, or comes back as it was.
func TestNoNameBreaksALine(t *testing.T) {
	c := config("localhost:25")
	c.From = "=?utf-8?q?x=0D=0ABcc:_eve?= <ops@example.com>"
	if err := c.Validate(); err == nil {
		t.Error("a name with a line break was taken")
	}
}

func b64(text string) string { return base64.StdEncoding.EncodeToString([]byte(text)) }

// parts returns both alternatives, decoded.
func parts(t *testing.T, message string) (plain, rich string) {
	t.Helper()
	m, err := mail.ReadMessage(strings.NewReader(message))
	if err != nil {
		t.Fatal(err)
	}
	kind, parameters, err := mime.ParseMediaType(m.Header.Get("Content-Type"))
	if err != nil || kind != "multipart/alternative" {
		t.Fatalf("%s %v", kind, err)
	}
	r := multipart.NewReader(m.Body, parameters["boundary"])
	for i, want := range []string{"text/plain; charset=utf-8", "text/html; charset=utf-8"} {
		p, err := r.NextRawPart()
		if err != nil || p.Header.Get("Content-Type") != want || p.Header.Get("Content-Transfer-Encoding") != "quoted-printable" {
			t.Fatalf("part %d: %v %v", i, p, err)
		}
		b, err := io.ReadAll(quotedprintable.NewReader(p))
		if err != nil {
			t.Fatal(err)
		}
		text := strings.ReplaceAll(string(b), "\r\n", "\n")
		if i == 0 {
			plain = text
		} else {
			rich = text
		}
	}
	if _, err := r.NextRawPart(); err != io.EOF {
		t.Errorf("a third part: %v", err)
	}
	return plain, rich
}

func TestTextIsEscapedAndOnlyPagesAreLinks(t *testing.T) {
	d := delivery("k", "alice@example.org")
	d.Title, d.Body, d.Link = "a < b & \"c\"", "<script>alert('x')</script>\r\nünd\rdann\x00", `https://example.com/?a=1&b="x"`
	plain, rich := parts(t, sent(t, d, nil))
	if want := "a < b & \"c\"\n\n<script>alert('x')</script>\nünd\ndann\n\nhttps://example.com/?a=1&b=\"x\"\n"; plain != want {
		t.Errorf("plain %q, want %q", plain, want)
	}
	const want = `<!DOCTYPE html>
<html><body>
<h2>a &lt; b &amp; &#34;c&#34;</h2>
<div style="white-space:pre-wrap">&lt;script&gt;alert(&#39;x&#39;)&lt;/script&gt;
ünd
dann</div>
<p><a href="https://example.com/?a=1&amp;b=&#34;x&#34;">https://example.com/?a=1&amp;b=&#34;x&#34;</a></p>
</body></html>
`
	if diff := cmp.Diff(want, rich); diff != "" {
		t.Error("HTML (-want +got):\n" + diff)
	}
	for _, link := range []string{"javascript:alert(1)", "data:text/html,x", "//example.com", "mailto:a@b.c", "https:x", "JAVASCRIPT://example.com/%0Aalert(1)"} {
		d.Link = link
		if plain, rich := parts(t, sent(t, d, nil)); strings.Contains(rich, "href") || !strings.Contains(plain, link) {
			t.Errorf("%s became a link, or was lost", link)
		}
	}
	d.Link = "https://example.com/ a"
	if plain, rich := parts(t, sent(t, d, nil)); strings.Contains(plain+rich, "example.com/") {
		t.Error("half a link was sent")
	}
}

func TestLongTextIsCut(t *testing.T) {
	d := delivery("k", "alice@example.org")
	d.Title, d.Body, d.Link = strings.Repeat("é", email.MaxTitle), strings.Repeat("日", email.MaxText), "https://"+strings.Repeat("x", email.MaxLink)
	plain, rich := parts(t, sent(t, d, nil))
	if len(plain) > email.MaxTitle+email.MaxText+10 || strings.Count(plain, "…") != 2 || !utf8.ValidString(plain) || strings.Contains(rich, "https://") {
		t.Errorf("%d bytes", len(plain))
	}
}

// Whatever a delivery holds, the message has the headers that it should and no
// others, every line is short and ASCII, and the text comes back.
func FuzzMessage(f *testing.F) {
	f.Add("checkout is down", "5xx\r\n.\r\nQUIT", "https://example.com/")
	f.Add("x\r\nBcc: eve@example.org\r\n\r\nbody", "--=_boundary--\n", "javascript:x")
	f.Add(strings.Repeat("é ", 300), "\x00\x01\xff\u2028", "\n")
	f.Add("=?utf-8?q?x?=", "\n\n\n.", "https://example.com/?<>\"'&")
	f.Add(strings.Repeat("x", 1000), strings.Repeat("=", 500), strings.Repeat("l", 1990))
	f.Fuzz(func(t *testing.T, title, body, link string) {
		d := delivery("k", "alice@example.org")
		d.Title, d.Body, d.Link = title, body, link
		message := sent(t, d, nil)
		for line := range strings.SplitAfterSeq(strings.TrimSuffix(message, "\r\n"), "\r\n") {
			text := strings.TrimSuffix(line, "\r\n")
			if len(text) > 78 || strings.ContainsFunc(text, func(r rune) bool { return r > '~' || r < ' ' && r != '\t' }) {
				t.Fatalf("the line %q", line)
			}
		}
		m, err := mail.ReadMessage(strings.NewReader(message))
		if err != nil {
			t.Fatal(err)
		}
		var names []string
		for name, values := range m.Header {
			names = append(names, fmt.Sprint(name, len(values)))
		}
		slices.Sort(names)
		want := []string{"Auto-Submitted1", "Content-Type1", "Date1", "From1", "Message-Id1", "Mime-Version1", "Subject1", "To1"}
		if diff := cmp.Diff(want, names); diff != "" {
			t.Fatal("headers (-want +got):\n" + diff)
		}
		if s := subject(t, message); strings.ContainsAny(s, "\r\n\x00") || !utf8.ValidString(s) || len(s) > email.MaxSubject {
			t.Fatalf("the subject %q", s)
		}
		plain, rich := parts(t, message)
		if strings.Count(rich, "<") != strings.Count(rich, ">") || strings.Contains(rich, "<script") {
			t.Fatalf("HTML %q", rich)
		}
		if simple := strings.TrimSpace(body); len(body) <= email.MaxText && isSimple(simple) && !strings.Contains(plain, simple) {
			t.Fatalf("%q lost its text: %q", body, plain)
		}
	})
}

func isSimple(text string) bool {
	return !strings.ContainsFunc(text, func(r rune) bool { return r < ' ' || r > '~' })
}

// Whatever a server says, only a 250 to the end of the message is success, and
// nothing panics.
func FuzzServer(f *testing.F) {
	f.Add(agreeable)
	f.Add("220-a\r\n220 b\r\n250-x\r\n250 SIZE 10\r\n")
	f.Add("220 x\n250 x\n250 x\n250 x\n354 x\n550 5.1.1 x\n")
	f.Add("220 x\r\n250 x\r\n250 x\r\n250 x\r\n354 x\r\n")
	f.Fuzz(func(t *testing.T, says string) {
		var heard bytes.Buffer
		c := config("localhost:25")
		c.Security = email.Plain
		c.Dial = func(context.Context, string, string) (net.Conn, error) {
			return script{says: strings.NewReader(says), heard: &heard}, nil
		}
		_, err := open(t, c).Send(t.Context(), delivery("k", "alice-a94f@example.org"))
		if err == nil {
			replies := 0
			for line := range strings.Lines(says) {
				if len(line) >= 4 && line[0] == '2' && line[3] != '-' || strings.HasPrefix(line, "354") {
					replies++
				}
			}
			if replies < 6 || !strings.Contains(says, "250") || !strings.Contains(heard.String(), "\r\n.\r\n") {
				t.Fatalf("success after %q", says)
			}
			return
		}
		if strings.Contains(err.Error(), "a94f") {
			t.Fatalf("the error shows the address: %v", err)
		}
	})
}
