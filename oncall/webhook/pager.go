package webhook

import (
	"bytes"
	"context"
	"crypto/tls"
	"fmt"
	"io"
	"net/http"
	"net/netip"
	"net/url"
	"slices"
	"strings"
	"time"

	"github.com/sre-sdk/sre"
	"github.com/sre-sdk/sre/oncall"
)

// Defaults and limits of a [Pager].
const (
	DefaultTimeout  = 15 * time.Second // the specification recommends 15 to 30 s
	DefaultPause    = 30 * time.Second
	DefaultMaxPause = 5 * time.Minute
	MinPause        = time.Second

	maxAnswer       = 16 << 10 // bytes of an answer that are read, to use its connection again
	maxAnswerHeader = 64 << 10
)

const userAgent = "sre-sdk-webhook (+https://github.com/sre-sdk/sre)"

// A Config says how deliveries are signed and sent. Only Secrets or SecretsFor
// is required.
type Config struct {
	// Secrets sign each delivery, the current one first: a receiver that knows
	// one of them is content, so that keys are rotated without a gap. Use
	// SecretsFor where receivers must not be able to sign for each other.
	Secrets []Secret

	// SecretsFor returns the secrets of one contact, and is asked at each
	// attempt. It must be safe for concurrent use. Default: Secrets.
	SecretsFor func(oncall.Contact) []Secret

	// Timeout bounds one attempt, from the look-up of the name to the answer.
	// Default: [DefaultTimeout].
	Timeout time.Duration

	// Pause is how long to leave a receiver alone that answers 429 without
	// saying for how long. Default: [DefaultPause].
	Pause time.Duration

	// MaxPause bounds the pause that a receiver may ask for: a page cannot wait
	// until tomorrow. Default: [DefaultMaxPause].
	MaxPause time.Duration

	// Private are networks that may be connected to although they are not
	// public, such as 10.20.0.0/16 for receivers of one's own. Default: none, so
	// that nobody who may enter a contact can make this program send requests to
	// the services beside it, the metadata service of a cloud among them.
	Private []netip.Prefix

	// AllowHTTP permits contacts with http:// URLs. Default: https only.
	// Signatures protect a message from changes, not from being read.
	AllowHTTP bool

	// TLS holds certificates: RootCAs to trust, Certificates to present. TLS 1.2
	// is the least, whatever it says, and InsecureSkipVerify is refused.
	// Default: the roots of the system.
	TLS *tls.Config

	// Transport, if set, performs the requests; Private and TLS must then be
	// empty, and which networks are reached is its own matter. Use it to send
	// through a proxy, which then checks the addresses. Default: direct
	// connections, whatever the environment says of proxies.
	Transport http.RoundTripper

	// Permanent says of each status other than 2xx, 429 and 503 with
	// Retry-After whether the delivery never will be accepted. Default:
	// [Permanent].
	Permanent func(status int) bool

	// Now gives the instant of the signature and the receipt. Default: time.Now.
	Now func() time.Time
}

// Validate reports every problem.
func (c Config) Validate() error {
	var p sre.Problems
	if c.SecretsFor == nil {
		checkSecrets(&p, "secrets", c.Secrets)
	} else if len(c.Secrets) > 0 {
		p.Add("secrets", "not_allowed", nil, "either secrets or secrets_for")
	}
	for _, d := range []struct {
		path  string
		value time.Duration
	}{{"timeout", c.Timeout}, {"pause", c.Pause}, {"max_pause", c.MaxPause}} {
		if d.value < 0 {
			p.Add(d.path, "out_of_range", d.value, "a positive duration, or 0 for the default")
		}
	}
	for i, prefix := range c.Private {
		if !prefix.IsValid() {
			p.Add(fmt.Sprintf("private[%d]", i), "invalid_network", nil, "a network, such as 10.20.0.0/16")
		}
	}
	if c.TLS != nil && c.TLS.InsecureSkipVerify {
		p.Add("tls.insecure_skip_verify", "not_allowed", true, "the certificate of the receiver's authority in tls.root_cas")
	}
	if c.Transport != nil {
		if c.TLS != nil {
			p.Add("tls", "not_allowed", nil, "none, because transport has its own")
		}
		if len(c.Private) > 0 {
			p.Add("private", "not_allowed", nil, "none, because transport makes the connections")
		}
	}
	return p.Err("webhook")
}

// A Pager sends deliveries to contacts of the kind [oncall.Webhook], whose
// address is the URL. It is safe for concurrent use.
type Pager struct {
	config Config
	client http.Client
}

var _ oncall.Pager = (*Pager)(nil)

// New returns a Pager, or every problem of the configuration.
func New(c Config) (*Pager, error) {
	if err := c.Validate(); err != nil {
		return nil, err
	}
	if c.SecretsFor == nil {
		secrets := slices.Clone(c.Secrets)
		c.SecretsFor = func(oncall.Contact) []Secret { return secrets }
	}
	if c.Permanent == nil {
		c.Permanent = Permanent
	}
	if c.Now == nil {
		c.Now = time.Now
	}
	for _, d := range []struct {
		value     *time.Duration
		otherwise time.Duration
	}{{&c.Timeout, DefaultTimeout}, {&c.Pause, DefaultPause}, {&c.MaxPause, DefaultMaxPause}} {
		if *d.value == 0 {
			*d.value = d.otherwise
		}
	}
	transport := c.Transport
	if transport == nil {
		transport = newTransport(c)
	}
	return &Pager{config: c, client: http.Client{
		Transport: transport,
		// The signature is for the host that the contact names.
		CheckRedirect: func(*http.Request, []*http.Request) error { return http.ErrUseLastResponse },
	}}, nil
}

func newTransport(c Config) *http.Transport {
	secure := &tls.Config{}
	if c.TLS != nil {
		secure = c.TLS.Clone()
	}
	secure.MinVersion = max(secure.MinVersion, tls.VersionTLS12)
	return &http.Transport{
		DialContext:            dialer(slices.Clone(c.Private)),
		TLSClientConfig:        secure,
		ForceAttemptHTTP2:      true,
		DisableCompression:     true,
		MaxIdleConnsPerHost:    4,
		MaxIdleConns:           100,
		IdleConnTimeout:        90 * time.Second,
		MaxResponseHeaderBytes: maxAnswerHeader,
	}
}

// CloseIdleConnections closes the connections that no attempt uses.
func (p *Pager) CloseIdleConnections() { p.client.CloseIdleConnections() }

// Send posts the delivery once. nil means that the receiver answered 2xx; the
// receipt's ID is the webhook-id. See the package documentation for what the
// other answers mean. Errors are of the type [Error], and never show the URL or
// what the receiver wrote.
func (p *Pager) Send(ctx context.Context, d oncall.Delivery) (oncall.Receipt, error) {
	attempt, err := p.prepare(d)
	if err != nil {
		return oncall.Receipt{}, err
	}
	limited, cancel := context.WithTimeout(ctx, p.config.Timeout)
	defer cancel()
	answer, err := p.client.Do(attempt.WithContext(limited))
	if err != nil {
		return oncall.Receipt{}, p.noAnswer(ctx, limited, d, err)
	}
	defer answer.Body.Close()
	at := p.config.Now()
	io.CopyN(io.Discard, answer.Body, maxAnswer) // the status has decided: what it reads or not changes nothing
	if answer.StatusCode/100 == 2 {
		return oncall.Receipt{ID: attempt.Header[HeaderID][0], At: at}, nil
	}
	return oncall.Receipt{}, p.refused(d, answer, at)
}

// prepare makes the request, or says what makes the delivery impossible.
func (p *Pager) prepare(d oncall.Delivery) (*http.Request, error) {
	if d.Contact.Kind != oncall.Webhook {
		return nil, failure(d, "contacts of that kind are not webhooks", oncall.ErrPermanent)
	}
	if d.Key == "" {
		return nil, failure(d, "the delivery has no key", oncall.ErrPermanent)
	}
	if why := p.badURL(d.Contact.Address); why != "" {
		return nil, failure(d, why, oncall.ErrPermanent)
	}
	body, err := messageOf(d).encode()
	if err != nil || len(body) > MaxBody {
		return nil, failure(d, fmt.Sprintf("the delivery cannot be written in %d bytes", MaxBody), oncall.ErrPermanent)
	}
	header, err := Sign(p.config.SecretsFor(d.Contact), ID(d.Key), p.config.Now(), body)
	if err != nil {
		return nil, failure(d, "it cannot be signed: "+strings.TrimPrefix(err.Error(), "webhook: "), err)
	}
	r, err := http.NewRequest(http.MethodPost, d.Contact.Address, bytes.NewReader(body))
	if err != nil {
		return nil, failure(d, "the URL cannot be requested", oncall.ErrPermanent)
	}
	header.Set("Content-Type", "application/json")
	header.Set("User-Agent", userAgent)
	r.Header = header
	return r, nil
}

// badURL says what is wrong with a URL without repeating it.
func (p *Pager) badURL(address string) string {
	u, err := url.Parse(address)
	switch {
	case err != nil, u.Hostname() == "", u.Opaque != "", len(address) > oncall.MaxAddress:
		return "the address is not a URL with a host"
	case u.Scheme == "http" && !p.config.AllowHTTP:
		return "the URL is not https, and AllowHTTP is not set"
	case u.Scheme != "https" && u.Scheme != "http":
		return "the URL is not https"
	case u.Fragment != "":
		return "the URL has a fragment, which is never sent"
	}
	return ""
}
