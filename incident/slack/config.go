package slack

import (
	"crypto/sha256"
	"encoding/hex"
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
	MaxName       = 80     // characters of a channel's name, by Slack
	MaxTopic      = 250    // characters, by Slack
	MaxMessage    = 40_000 // characters of a message, by Slack
	MaxRemembered = 1_000  // keys of posts
	MaxLookup     = 20     // pages of channels that Create looks through when a name is taken

	DefaultTimeout = 10 * time.Second // of one call
	MaxRetryAfter  = 5 * time.Minute  // a longer pause is cut to this
	MaxAnswer      = 8 << 20          // bytes; a longer answer is no answer

	lookupPage = 1000 // channels, by Slack
)

// Config says how to reach Slack.
type Config struct {
	// Token is the bot token of the app, which begins with xoxb-. Required.
	Token string

	// User returns the ID of the Slack user of a person, "" if there is none.
	// Default: the ID of the person is one.
	User func(person string) string

	// BaseURL is BaseURL, BaseURLGov or a stand-in, and ends with a slash.
	// Default: BaseURL.
	BaseURL string

	// Timeout bounds one call. Default: DefaultTimeout.
	Timeout time.Duration

	// Transport performs requests. Default: http.DefaultTransport.
	Transport http.RoundTripper

	// Now is the clock of limits. Default: time.Now.
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

// ChannelName bends a name to the rules of Slack: at most [MaxName] lower-case
// letters, digits, hyphens and underscores. Where that takes more than lower case,
// the end is a hash of the name, so that different names stay different.
func ChannelName(name string) string {
	lower := strings.ToLower(name)
	bent := strings.Map(func(r rune) rune {
		switch {
		case 'a' <= r && r <= 'z', '0' <= r && r <= '9', r == '-', r == '_':
			return r
		}
		return '-'
	}, lower)
	if bent == lower && len(bent) >= 1 && len(bent) <= MaxName {
		return bent
	}
	hash := sha256.Sum256([]byte(lower))
	const digits = 8
	end := "-" + hex.EncodeToString(hash[:digits/2])
	return strings.Trim(bent[:min(len(bent), MaxName-len(end))], "-") + end
}
