package email

import (
	"context"
	"crypto/tls"
	"fmt"
	"log/slog"
	"net"
	"net/mail"
	"net/netip"
	"strconv"
	"strings"
	"time"

	"github.com/sre-sdk/sre"
	"github.com/sre-sdk/sre/oncall"
)

// Security says how the connection to the server is protected.
type Security uint8

const (
	STARTTLS    Security = iota // begins in clear and is upgraded before anything else is said; usual at port 587
	ImplicitTLS                 // TLS from the first byte, RFC 8314; usual at port 465
	Plain                       // none: only to a server on the same machine, and without a password
)

var securityNames = [...]string{"starttls", "implicit_tls", "plain"}

// String returns the lower-case name.
func (s Security) String() string {
	if int(s) < len(securityNames) {
		return securityNames[s]
	}
	return fmt.Sprintf("security(%d)", uint8(s))
}

// MarshalText returns the lower-case name.
func (s Security) MarshalText() ([]byte, error) {
	if int(s) >= len(securityNames) {
		return nil, sre.NewProblem("", "unknown_security", s, wantSecurity)
	}
	return []byte(s.String()), nil
}

const wantSecurity = "starttls, implicit_tls or plain"

// UnmarshalText reads the lower-case name.
func (s *Security) UnmarshalText(text []byte) error {
	for i, name := range securityNames {
		if string(text) == name {
			*s = Security(i)
			return nil
		}
	}
	return sre.NewProblem("", "unknown_security", string(text), wantSecurity)
}

// A Password prints as "(hidden)" with every verb and in logs.
type Password string

const hidden = "(hidden)"

// String hides the password.
func (Password) String() string { return hidden }

// Format hides the password from every verb.
func (Password) Format(f fmt.State, _ rune) { fmt.Fprint(f, hidden) }

// LogValue hides the password from structured logs.
func (Password) LogValue() slog.Value { return slog.StringValue(hidden) }

// MarshalText hides the password from encoders.
func (Password) MarshalText() ([]byte, error) { return []byte(hidden), nil }

// Defaults.
const (
	DefaultTimeout = 30 * time.Second
	DefaultPause   = time.Minute
)

// A Config says how messages are written and by which server they leave. Addr
// and From are required.
type Config struct {
	// Addr is the host and port of the submission server, such as
	// smtp.example.com:587.
	Addr string

	// Security protects the connection. Default: STARTTLS, and a server that
	// does not offer it gets nothing.
	Security Security

	// TLS holds certificates: RootCAs to trust, Certificates to present. TLS 1.2
	// is the least and ServerName the host of Addr, unless set;
	// InsecureSkipVerify is refused. Default: the roots of the system.
	TLS *tls.Config

	// Username and Password authenticate by PLAIN, or LOGIN where the server has
	// nothing else; both or none. Default: none.
	Username string
	Password Password

	// Hello is the name that this program gives in EHLO: a domain, or an address
	// such as [192.0.2.1]. Default: the domain of From.
	Hello string

	// From is who writes: ops@example.com or "On-call <ops@example.com>". Its
	// domain is also that of each Message-ID.
	From string

	// ReturnPath is where the servers report what they could not deliver.
	// Default: the address of From.
	ReturnPath string

	// Scale names severities in the subject, as in "[P1] checkout is down".
	// Default: P1 to P4.
	Scale sre.Scale

	// Thread returns what a delivery belongs to, such as the ID of its escalation:
	// messages with the same answer, other than "", refer to the same first
	// message, and mail programs show them together. It must be safe for
	// concurrent use. Default: none do.
	Thread func(oncall.Delivery) string

	// TextOnly leaves the HTML alternative out. Default: both.
	TextOnly bool

	// Timeout bounds one attempt, from the look-up of the name to the answer.
	// Default: [DefaultTimeout].
	Timeout time.Duration

	// Pause is how long to leave a server alone that refuses for the rate of
	// messages: SMTP has no way to say for how long. Default: [DefaultPause].
	Pause time.Duration

	// Dial makes the connection, such as through a proxy. Default: a net.Dialer.
	Dial func(ctx context.Context, network, address string) (net.Conn, error)

	// Now gives the instant of the Date header and the receipt. Default:
	// time.Now.
	Now func() time.Time
}

// Validate reports every problem.
func (c Config) Validate() error {
	_, err := c.compile()
	return err
}

// settings are a Config with its defaults, checked.
type settings struct {
	Config
	host       string
	from       mail.Address
	domain     string // of from
	returnPath string
}

func (c Config) compile() (*settings, error) {
	var p sre.Problems
	s := &settings{Config: c}
	s.checkServer(&p)
	s.checkSender(&p)
	if int(c.Security) >= len(securityNames) {
		p.Add("security", "unknown_security", c.Security, wantSecurity)
	}
	if c.TLS != nil && c.TLS.InsecureSkipVerify {
		p.Add("tls.insecure_skip_verify", "not_allowed", true, "the certificate of the server's authority in tls.root_cas")
	}
	if (c.Username == "") != (c.Password == "") {
		p.Add("password", "incomplete", nil, "username and password, or neither")
	}
	if strings.Contains(c.Username+string(c.Password), "\x00") {
		p.Add("password", "invalid", nil, "username and password without NUL") // RFC 4616
	}
	if c.Security == Plain && c.Password != "" {
		p.Add("password", "not_allowed", nil, "none over a connection in clear")
	}
	for _, d := range []struct {
		path      string
		value     *time.Duration
		otherwise time.Duration
	}{{"timeout", &s.Timeout, DefaultTimeout}, {"pause", &s.Pause, DefaultPause}} {
		if *d.value < 0 {
			p.Add(d.path, "out_of_range", *d.value, "a positive duration, or 0 for the default")
		} else if *d.value == 0 {
			*d.value = d.otherwise
		}
	}
	if s.Now == nil {
		s.Now = time.Now
	}
	if s.Dial == nil {
		s.Dial = new(net.Dialer).DialContext
	}
	return s, p.Err("email")
}

func (s *settings) checkServer(p *sre.Problems) {
	host, port, err := net.SplitHostPort(s.Addr)
	if n, errPort := strconv.ParseUint(port, 10, 16); err != nil || host == "" || errPort != nil || n == 0 {
		p.Add("addr", "invalid_address", s.Addr, "host:port, such as smtp.example.com:587")
		return
	}
	s.host = host
	if s.Security == Plain && !loopback(host) {
		p.Add("security", "not_allowed", s.Security, "starttls or implicit_tls, because the server is not on this machine")
	}
	secure := &tls.Config{}
	if s.TLS != nil {
		secure = s.TLS.Clone()
	}
	secure.MinVersion = max(secure.MinVersion, tls.VersionTLS12)
	if secure.ServerName == "" {
		secure.ServerName = host
	}
	s.TLS = secure
}

func loopback(host string) bool {
	ip, err := netip.ParseAddr(host)
	return host == "localhost" || err == nil && ip.Unmap().IsLoopback()
}

// checkSender reads who writes.
func (s *settings) checkSender(p *sre.Problems) {
	from, err := mail.ParseAddress(s.From)
	if err != nil || !validAddress(from.Address) || len(from.Name) > maxName {
		p.Add("from", "invalid_address", s.From, fmt.Sprintf("an address such as ops@example.com, with a name of at most %d bytes or without", maxName))
		return
	}
	s.from = *from
	_, s.domain, _ = strings.Cut(from.Address, "@")
	if s.returnPath = s.ReturnPath; s.returnPath == "" {
		s.returnPath = from.Address
	} else if !validAddress(s.returnPath) {
		p.Add("return_path", "invalid_address", s.returnPath, "an address such as bounces@example.com")
	}
	if s.Hello == "" {
		s.Hello = s.domain
	} else if !validDomain(s.Hello) {
		p.Add("hello", "invalid_domain", s.Hello, "a domain, or an address such as [192.0.2.1]")
	}
}
