package email_test

import (
	"bufio"
	"bytes"
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/tls"
	"crypto/x509"
	"crypto/x509/pkix"
	"encoding/base64"
	"fmt"
	"io"
	"math/big"
	"net"
	"net/mail"
	"regexp"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/sre-sdk/sre/oncall/email"
)

// A letter is a message that the server has accepted.
type letter struct {
	from, to string
	data     string
}

func (l letter) header(t *testing.T, name string) string {
	t.Helper()
	m, err := mail.ReadMessage(strings.NewReader(l.data))
	if err != nil {
		t.Fatal(err)
	}
	return m.Header.Get(name)
}

// A server speaks SMTP as RFC 5321 has it, and takes note of whatever the client
// does that it should not.
type server struct {
	security email.Security
	offers   []string // extensions besides STARTTLS
	auth     bool     // demands user and password
	noTLS    bool     // does not offer STARTTLS
	inject   string   // stands in clear behind the reply to STARTTLS
	tls      *tls.Config

	// answer replaces the reply to a phase: "greeting", "EHLO", "STARTTLS",
	// "AUTH", "MAIL", "RCPT", "DATA", "end". "drop" closes the connection,
	// "hang" says nothing. "" leaves the reply.
	mu         sync.Mutex
	answer     map[string]string
	letters    []letter
	violations []string
	phases     []string // of the last connection
}

const (
	user     = "mailer"
	password = "geheim-4711"
	host     = "smtp.example.com"
)

// certificates returns what a server shows, and what trusts it.
var certificates = sync.OnceValues(func() (tls.Certificate, *x509.CertPool) {
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		panic(err)
	}
	template := &x509.Certificate{
		SerialNumber: big.NewInt(1), Subject: pkix.Name{CommonName: host},
		NotBefore: time.Date(1990, 1, 1, 0, 0, 0, 0, time.UTC), NotAfter: time.Date(2200, 1, 1, 0, 0, 0, 0, time.UTC),
		DNSNames: []string{host}, IPAddresses: []net.IP{net.IPv4(127, 0, 0, 1)},
		IsCA: true, BasicConstraintsValid: true, KeyUsage: x509.KeyUsageCertSign | x509.KeyUsageDigitalSignature,
	}
	der, err := x509.CreateCertificate(rand.Reader, template, template, &key.PublicKey, key)
	if err != nil {
		panic(err)
	}
	leaf, err := x509.ParseCertificate(der)
	if err != nil {
		panic(err)
	}
	pool := x509.NewCertPool()
	pool.AddCert(leaf)
	return tls.Certificate{Certificate: [][]byte{der}, PrivateKey: key}, pool
})

func roots() *tls.Config {
	_, pool := certificates()
	return &tls.Config{RootCAs: pool}
}

func newServer(t *testing.T, security email.Security) *server {
	certificate, _ := certificates()
	s := &server{security: security, answer: map[string]string{}, tls: &tls.Config{Certificates: []tls.Certificate{certificate}},
		offers: []string{"PIPELINING", "SIZE 1000000", "8BITMIME", "ENHANCEDSTATUSCODES"}}
	t.Cleanup(func() {
		s.mu.Lock()
		defer s.mu.Unlock()
		for _, v := range s.violations {
			t.Error("the client broke the protocol: " + v)
		}
	})
	return s
}

// listen serves on a real socket and returns its address.
func (s *server) listen(t *testing.T) string {
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	var wg sync.WaitGroup
	wg.Go(func() {
		for {
			conn, err := l.Accept()
			if err != nil {
				return
			}
			wg.Go(func() { s.serve(conn) })
		}
	})
	t.Cleanup(func() { l.Close(); wg.Wait() })
	return l.Addr().String()
}

func (s *server) set(phase, reply string) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.answer[phase] = reply
}

func (s *server) got() []letter {
	s.mu.Lock()
	defer s.mu.Unlock()
	return slices.Clone(s.letters)
}

func (s *server) violation(format string, args ...any) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.violations = append(s.violations, fmt.Sprintf(format, args...))
}

// A talk is one connection to the server.
type talk struct {
	*server
	conn   net.Conn
	in     *bufio.Reader
	secure bool
}

// serve holds one conversation.
func (s *server) serve(conn net.Conn) {
	defer conn.Close()
	s.mu.Lock()
	s.phases = nil
	s.mu.Unlock()
	k := &talk{server: s, conn: conn, in: bufio.NewReader(conn)}
	if s.security == email.ImplicitTLS && !k.upgrade() {
		return
	}
	if !k.say("greeting", "220 "+host+" ESMTP") {
		return
	}
	var hello, signedIn bool
	var from, to string
	for {
		line, ok := k.line()
		if !ok {
			return
		}
		verb, rest, _ := strings.Cut(line, " ")
		going := true
		switch verb {
		case "EHLO":
			if !regexp.MustCompile(`^([A-Za-z0-9-]+(\.[A-Za-z0-9-]+)*|\[[0-9.]+\])$`).MatchString(rest) {
				s.violation("EHLO %q", rest)
			}
			hello, from, to = true, "", ""
			going = k.say("EHLO", k.greet())
		case "STARTTLS":
			if !hello || k.secure || rest != "" || s.security != email.STARTTLS {
				s.violation("STARTTLS out of order")
			}
			if going = k.say("STARTTLS", "220 2.0.0 go on"); !going {
				break
			}
			if k.secure {
				break
			}
			going = k.upgrade()
			hello = false
		case "AUTH":
			if !hello || !k.secure || signedIn || from != "" {
				s.violation("AUTH out of order")
			}
			signedIn, going = k.signIn(rest)
		case "MAIL":
			if !hello || from != "" || s.security != email.Plain && !k.secure || s.auth && !signedIn {
				s.violation("MAIL out of order")
			}
			m := regexp.MustCompile(`^FROM:<([^<>\s]+@[^<>\s]+)>( SIZE=\d+)?$`).FindStringSubmatch(rest)
			if m == nil {
				s.violation("MAIL %q", rest)
				return
			}
			from = m[1]
			going = k.say("MAIL", "250 2.1.0 ok")
		case "RCPT":
			m := regexp.MustCompile(`^TO:<([^<>\s]+@[^<>\s]+)>$`).FindStringSubmatch(rest)
			if m == nil || from == "" || to != "" {
				s.violation("RCPT %q", rest)
				return
			}
			to = m[1]
			reply := "250 2.1.5 ok"
			if strings.HasPrefix(to, "nobody") {
				reply = "550-5.1.1 <" + to + ">: no such user\r\n550 5.1.1 here"
			}
			going = k.say("RCPT", reply)
		case "DATA":
			if to == "" || rest != "" {
				s.violation("DATA out of order")
			}
			if going = k.say("DATA", "354 go on"); !going || s.answered("DATA") != "" {
				break
			}
			data, ok := k.data()
			if !ok {
				return
			}
			if reply := s.answered("end"); reply == "" {
				s.mu.Lock()
				s.letters = append(s.letters, letter{from, to, data})
				s.mu.Unlock()
			}
			going = k.say("end", "250 2.0.0 queued as 4711")
			from, to = "", ""
		case "QUIT":
			k.say("QUIT", "221 2.0.0 bye")
			return
		default:
			s.violation("the command %q", line)
			return
		}
		if !going {
			return
		}
	}
}

func (s *server) answered(phase string) string {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.answer[phase]
}

// say answers a phase, or does what the test wants instead.
func (k *talk) say(phase, reply string) bool {
	k.mu.Lock()
	k.phases = append(k.phases, phase)
	instead := k.answer[phase]
	k.mu.Unlock()
	switch instead {
	case "drop":
		return false
	case "hang":
		io.Copy(io.Discard, k.conn) // until the client goes
		return false
	case "":
	default:
		reply = instead
	}
	if phase == "STARTTLS" {
		reply += "\r\n" + k.inject
		_, err := io.WriteString(k.conn, strings.TrimSuffix(reply, "\r\n")+"\r\n")
		return err == nil && strings.HasPrefix(reply, "220")
	}
	_, err := io.WriteString(k.conn, reply+"\r\n")
	return err == nil
}

func (k *talk) greet() string {
	lines := []string{host}
	if k.security == email.STARTTLS && !k.secure && !k.noTLS {
		lines = append(lines, "STARTTLS")
	}
	for _, offer := range k.offers {
		if k.secure || !strings.HasPrefix(offer, "AUTH") {
			lines = append(lines, offer)
		}
	}
	var b strings.Builder
	for i, line := range lines {
		separator := "-"
		if i == len(lines)-1 {
			separator = " "
		}
		b.WriteString("250" + separator + line + "\r\n")
	}
	return strings.TrimSuffix(b.String(), "\r\n")
}

func (k *talk) upgrade() bool {
	conn := tls.Server(k.conn, k.tls)
	if conn.Handshake() != nil {
		return false
	}
	k.conn, k.in, k.secure = conn, bufio.NewReader(conn), true
	return true
}

// line reads one command, at most 512 bytes with CRLF.
func (k *talk) line() (string, bool) {
	line, err := k.in.ReadString('\n')
	if err != nil || strings.HasPrefix(line, "\x16") { // a handshake of TLS, from a client that is told the wrong thing
		return "", false
	}
	if len(line) > 512 || !strings.HasSuffix(line, "\r\n") || strings.ContainsAny(line[:len(line)-2], "\r\n\x00") {
		k.violation("the line %q", line)
	}
	return strings.TrimRight(line, "\r\n"), true
}

func (k *talk) signIn(rest string) (signedIn, going bool) {
	if instead := k.answered("AUTH"); instead != "" {
		return false, k.say("AUTH", "")
	}
	decode := func(text string) string {
		b, err := base64.StdEncoding.DecodeString(text)
		if err != nil {
			k.violation("AUTH with %q", text)
		}
		return string(b)
	}
	right := false
	mechanism, initial, _ := strings.Cut(rest, " ")
	switch mechanism {
	case "PLAIN":
		right = decode(initial) == "\x00"+user+"\x00"+password
	case "LOGIN":
		var given [2]string
		for i, prompt := range []string{"Username:", "Password:"} {
			if !k.say("prompt", "334 "+base64.StdEncoding.EncodeToString([]byte(prompt))) {
				return false, false
			}
			line, ok := k.line()
			if !ok {
				return false, false
			}
			given[i] = decode(line)
		}
		right = given == [2]string{user, password}
	default:
		k.violation("AUTH %q", rest)
	}
	if !right {
		return false, k.say("AUTH", "535 5.7.8 no")
	}
	return true, k.say("AUTH", "235 2.7.0 yes")
}

// data reads a message to its dot and holds it to RFC 5322: CRLF and nothing
// else that ends lines, at most 998 bytes in each (78 where it can be), ASCII.
func (k *talk) data() (string, bool) {
	var b bytes.Buffer
	for {
		line, err := k.in.ReadString('\n')
		if err != nil {
			return "", false
		}
		if line == ".\r\n" {
			return b.String(), true
		}
		text := strings.TrimSuffix(line, "\r\n")
		if len(text) == len(line) || strings.ContainsAny(text, "\r\n\x00") || len(text) > 998 {
			k.violation("the line %q of the message", line)
		}
		for _, c := range []byte(text) {
			if c > '~' || c < ' ' && c != '\t' {
				k.violation("the byte %d in the message", c)
			}
		}
		b.WriteString(strings.TrimPrefix(text, ".") + "\r\n")
	}
}
