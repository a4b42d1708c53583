package pagerduty

import (
	"fmt"
	"maps"
	"net/http"
	"net/netip"
	"net/url"
	"slices"
	"time"

	"github.com/sre-sdk/sre"
	"github.com/sre-sdk/sre/oncall"
)

// Where the Events API listens. An account belongs to one service region.
const (
	EndpointUS = "https://events.pagerduty.com"
	EndpointEU = "https://events.eu.pagerduty.com"
)

// Limits, part of the contract. The first three are PagerDuty's, the fourth is
// customary.
const (
	MaxSummary            = 1024    // bytes; PagerDuty counts characters, of which there are no more
	MaxEvent              = 512_000 // bytes of JSON; "512 KB" in either meaning
	MaxDedupKey           = 255     // bytes
	DefaultCallsPerMinute = 120     // of one routing key

	DefaultTimeout = 10 * time.Second // of one call
	MaxRetryAfter  = 5 * time.Minute  // a longer pause is cut to this: a page may not wait at the mercy of one header
	MaxAnswer      = 64 << 10         // bytes; a longer answer is no answer
)

// Config says how to reach PagerDuty. Everything has a default.
type Config struct {
	// Endpoint is EndpointUS, EndpointEU or a stand-in, without a path. Default:
	// EndpointUS.
	Endpoint string

	// RoutingKeys are integration keys by the names that the addresses of
	// contacts use. Default: none, addresses are routing keys.
	RoutingKeys map[string]string

	// Source names the affected system on each alert, which PagerDuty requires.
	// Default: "oncall".
	Source string

	// Component, Group and Class describe each alert further. Default: not sent.
	Component, Group, Class string

	// Client and ClientURL name the sender on the incident. Default: not sent.
	Client, ClientURL string

	// Details adds to the custom details of an alert. The names title, body,
	// person, contact, severity, key and link are taken. It is called
	// concurrently. Default: nothing is added.
	Details func(d oncall.Delivery) map[string]string

	// DedupKey says which alert a delivery belongs to; read about idempotency in
	// the package comment before you set it. What it returns goes through the
	// function DedupKey; "" means the default. It must be a function of the
	// delivery alone, and is called concurrently. Default: the Key.
	DedupKey func(d oncall.Delivery) string

	// CallsPerMinute bounds the calls of one routing key by this Pager. Default:
	// DefaultCallsPerMinute.
	CallsPerMinute int

	// Timeout bounds one call. Default: DefaultTimeout.
	Timeout time.Duration

	// Transport performs requests. Default: http.DefaultTransport.
	Transport http.RoundTripper

	// Now is the clock of receipts and limits. Default: time.Now.
	Now func() time.Time
}

// String leaves the routing keys out.
func (c Config) String() string {
	return fmt.Sprintf("pagerduty.Config{%q, %d routing keys}", c.Endpoint, len(c.RoutingKeys))
}

// GoString leaves them out as well, for %#v.
func (c Config) GoString() string { return c.String() }

// Validate reports every problem. Routing keys are not repeated.
func (c Config) Validate() error {
	var problems sre.Problems
	checkEndpoint(c.Endpoint, &problems)
	for _, name := range slices.Sorted(maps.Keys(c.RoutingKeys)) {
		if name == "" || len(name) > oncall.MaxAddress {
			problems.Add("routing_keys", "out_of_range", nil, fmt.Sprintf("names of 1 to %d bytes", oncall.MaxAddress))
		}
		if isRoutingKey(name) {
			problems.Add("routing_keys", "ambiguous", nil, "a name that does not look like a routing key")
			continue // it may be one, so it is not a path either
		}
		if !isRoutingKey(c.RoutingKeys[name]) {
			problems.Add(sre.JoinPath("routing_keys", name), "invalid", nil, "the 32 letters and digits of an Events API v2 integration key")
		}
	}
	if c.ClientURL != "" && !isWebURL(c.ClientURL) {
		problems.Add("client_url", "invalid", nil, "an http or https URL")
	}
	for _, text := range []struct{ path, value string }{
		{"source", c.Source}, {"component", c.Component}, {"group", c.Group}, {"class", c.Class}, {"client", c.Client},
	} {
		if len(text.value) > MaxSummary {
			problems.Add(text.path, "too_long", len(text.value), fmt.Sprintf("at most %d bytes", MaxSummary))
		}
	}
	if c.CallsPerMinute < 0 || c.CallsPerMinute > 100_000 {
		problems.Add("calls_per_minute", "out_of_range", c.CallsPerMinute, "1 to 100000, or 0 for the default")
	}
	if c.Timeout < 0 {
		problems.Add("timeout", "out_of_range", c.Timeout, "a positive duration, or 0 for the default")
	}
	return problems.Err("pagerduty")
}

func checkEndpoint(endpoint string, problems *sre.Problems) {
	if endpoint == "" {
		return
	}
	u, err := url.Parse(endpoint)
	switch {
	case err != nil || u.Host == "" || u.User != nil || u.Path != "" || u.RawQuery != "" || u.Fragment != "":
		problems.Add("endpoint", "invalid", nil, "scheme and host only, such as "+EndpointEU)
	case u.Scheme != "https" && !(u.Scheme == "http" && isLoopback(u.Hostname())):
		problems.Add("endpoint", "insecure", u.Scheme, "https: an event carries its routing key")
	}
}

func isLoopback(host string) bool {
	addr, err := netip.ParseAddr(host)
	return host == "localhost" || err == nil && addr.IsLoopback()
}

// isRoutingKey reports whether text has the form of an integration key.
func isRoutingKey(text string) bool {
	return len(text) == 32 && routingKeyForm.MatchString(text)
}

func isWebURL(text string) bool {
	u, err := url.Parse(text)
	return err == nil && (u.Scheme == "http" || u.Scheme == "https") && u.Host != ""
}
