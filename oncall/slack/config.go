package slack

import (
	"fmt"
	"net/http"
	"net/netip"
	"net/url"
	"strings"
	"time"

	"github.com/sre-sdk/sre"
)

// Where the Web API is.
const (
	BaseURL    = "https://slack.com/api/"
	BaseURLGov = "https://slack-gov.com/api/"
)

// Limits, part of the contract.
const (
	MaxHeader       = 150   // of a header block, by Slack
	MaxSection      = 3_000 // of the text of a section block, by Slack
	MaxSections     = 3     // of the body
	MaxNotification = 3_000 // of the text that notifications show; Slack takes 40,000
	MaxButtonValue  = 2_000 // bytes of a Key, by Slack; a longer one gets no Acknowledge button
	MaxButtonURL    = 3_000 // by Slack; a longer link stands in the body
	MaxAddress      = 100   // bytes
	MaxRemembered   = 1_000 // receipts
	MaxLookback     = 100   // messages that a look-up reads

	DefaultTimeout = 10 * time.Second // of one call
	LookupTimeout  = 2 * time.Second
	MaxRetryAfter  = 5 * time.Minute // a longer pause is cut to this: a page may not wait at the mercy of one header
	MaxAnswer      = 4 << 20         // bytes; a longer answer is no answer
)

// Config says how to reach Slack.
type Config struct {
	// Token is the bot token of the app, which begins with xoxb-. Required.
	Token string

	// BaseURL is BaseURL, BaseURLGov or a stand-in, and ends with a slash.
	// Default: BaseURL.
	BaseURL string

	// Button adds an Acknowledge button, whose presses need a handler. Default:
	// no button.
	Button bool

	// Lookback is how far back Send looks for the same message before it sends;
	// read about idempotency in the package comment. Default: it does not look.
	Lookback time.Duration

	// Burst is how many messages may go to one channel at once; on average it
	// stays at one a second. Default: 1.
	Burst int

	// Timeout bounds one call. Default: DefaultTimeout.
	Timeout time.Duration

	// Transport performs requests. Default: http.DefaultTransport.
	Transport http.RoundTripper

	// Now is the clock of receipts and limits. Default: time.Now.
	Now func() time.Time
}

// String leaves the token out.
func (c Config) String() string { return fmt.Sprintf("slack.Config{%q}", c.BaseURL) }

// GoString leaves it out as well, for %#v.
func (c Config) GoString() string { return c.String() }

// Validate reports every problem. The token is not repeated.
func (c Config) Validate() error {
	var problems sre.Problems
	if c.Token == "" || strings.ContainsFunc(c.Token, notPrintable) {
		problems.Add("token", "invalid", nil, "the bot token of an app, such as xoxb-...")
	}
	checkBaseURL(c.BaseURL, &problems)
	if c.Lookback < 0 || c.Lookback > 24*time.Hour {
		problems.Add("lookback", "out_of_range", c.Lookback, "at most 24h, or 0 for none")
	}
	if c.Burst < 0 || c.Burst > 100 {
		problems.Add("burst", "out_of_range", c.Burst, "1 to 100, or 0 for the default")
	}
	if c.Timeout < 0 {
		problems.Add("timeout", "out_of_range", c.Timeout, "a positive duration, or 0 for the default")
	}
	return problems.Err("slack")
}

func checkBaseURL(base string, problems *sre.Problems) {
	if base == "" {
		return
	}
	u, err := url.Parse(base)
	switch {
	case err != nil || u.Host == "" || u.User != nil || !strings.HasSuffix(u.Path, "/") || u.RawQuery != "" || u.Fragment != "":
		problems.Add("base_url", "invalid", nil, "a URL that ends with a slash, such as "+BaseURL)
	case u.Scheme != "https" && !(u.Scheme == "http" && isLoopback(u.Hostname())):
		problems.Add("base_url", "insecure", u.Scheme, "https: each call carries the token")
	}
}

func isLoopback(host string) bool {
	addr, err := netip.ParseAddr(host)
	return host == "localhost" || err == nil && addr.IsLoopback()
}

func notPrintable(r rune) bool { return r <= ' ' || r > '~' }
