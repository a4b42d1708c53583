package prometheus

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net/http"
	"net/url"
	"regexp"
	"strconv"
	"strings"
	"sync"
	"time"

	"github.com/prometheus/common/config"
	"github.com/sre-sdk/sre"
)

const userAgent = "sre-sdk-prometheus (+https://github.com/sre-sdk/sre)"

// A client performs requests; it belongs to one Source.
type client struct {
	base    *url.URL
	http    http.Client
	header  http.Header
	params  url.Values
	timeout time.Duration
	slots   chan struct{} // one token for each request in flight
}

// open checks the configuration once and makes the client.
func (s *Source) open() {
	var p sre.Problems
	c := &client{
		params:  s.Params,
		timeout: orDefault(s.Timeout, DefaultTimeout),
	}
	c.base = checkURL(s.URL, &p)
	c.header = s.headers(&p)
	for name := range s.Params {
		switch name {
		case "query", "time", "start", "end", "step", "timeout", "match[]", "nocache":
			p.Add("params", "not_allowed", name, "parameters that the source does not set itself")
		}
	}
	if s.Timeout < 0 {
		p.Add("timeout", "out_of_range", s.Timeout, "a positive duration, or 0 for the default")
	}
	if s.MaxQueries < 0 {
		p.Add("max_queries", "out_of_range", s.MaxQueries, "a positive number, or 0 for the default")
	}
	for _, d := range []struct {
		path  string
		value time.Duration
	}{{"scrape_interval", s.ScrapeInterval}, {"resolution", s.Resolution}} {
		if d.value != 0 && (d.value < MinStep || d.value%time.Millisecond != 0) {
			p.Add(d.path, "out_of_range", d.value, "at least 1s and a whole number of milliseconds, or 0 for the default")
		}
	}
	transport := s.Transport
	if transport == nil {
		transport = newTransport(s.HTTP, &p)
	}
	if s.err = p.Err("prometheus"); s.err != nil {
		return
	}
	c.slots = make(chan struct{}, orDefault(s.MaxQueries, DefaultMaxQueries))
	c.http = http.Client{
		Transport:     transport,
		CheckRedirect: func(*http.Request, []*http.Request) error { return http.ErrUseLastResponse },
	}
	s.client = c
}

// checkURL never repeats the text of a URL that may hold a password.
func checkURL(text string, p *sre.Problems) *url.URL {
	const want = "an absolute http or https URL without query and fragment, such as http://prometheus:9090"
	u, err := url.Parse(text)
	switch {
	case text == "":
		p.Add("url", "missing", nil, want)
	case err != nil:
		p.Add("url", "invalid_url", nil, want)
	case u.Scheme != "http" && u.Scheme != "https", u.Host == "", u.RawQuery != "", u.Fragment != "":
		p.Add("url", "invalid_url", target(u), want)
	}
	return u
}

// target names a URL in errors: no user, no query.
func target(u *url.URL) string {
	return (&url.URL{Scheme: u.Scheme, Host: u.Host, Path: u.Path}).String()
}

// What RFC 9110 section 5 allows; net/http refuses the rest only when it sends.
var (
	headerName  = regexp.MustCompile("^[!#$%&'*+.^_`|~0-9A-Za-z-]+$")
	headerValue = regexp.MustCompile(`^[\t\x20-\x7e\x80-\x{10ffff}]*$`)
)

func (s *Source) headers(p *sre.Problems) http.Header {
	h := http.Header{"User-Agent": {userAgent}, "Accept": {"application/json"}}
	for name, value := range s.Headers {
		if !headerName.MatchString(name) || !headerValue.MatchString(value) {
			p.Add("headers", "invalid_header", name, "a name and value that HTTP allows")
			continue
		}
		h.Set(name, value)
	}
	if s.Tenant != "" {
		if !headerValue.MatchString(s.Tenant) {
			p.Add("tenant", "invalid_header", nil, "text that fits into a header")
		}
		h.Set("X-Scope-OrgID", s.Tenant)
	}
	return h
}

func newTransport(cfg config.HTTPClientConfig, p *sre.Problems) http.RoundTripper {
	if cfg.Authorization != nil { // Validate fills in defaults; the caller's value stays as it is
		authorization := *cfg.Authorization
		cfg.Authorization = &authorization
	}
	if err := cfg.Validate(); err != nil {
		p.Add("http", "invalid", nil, err.Error())
		return nil
	}
	transport, err := config.NewRoundTripperFromConfig(cfg, "slo")
	if err != nil {
		p.Add("http", "invalid", nil, err.Error())
	}
	return transport
}

// query posts a query and returns the data of a complete answer. What is asked
// stands in form; "query" there also names the request in errors.
func (c *client) query(ctx context.Context, path string, form url.Values) (data json.RawMessage, err error) {
	for name, values := range c.params {
		form[name] = values
	}
	form.Set("timeout", seconds(c.timeout))
	return c.do(ctx, http.MethodPost, path, form)
}

// get reads a path of the API that has no POST form.
func (c *client) get(ctx context.Context, path string, form url.Values) (json.RawMessage, error) {
	return c.do(ctx, http.MethodGet, path, form)
}

// do performs one request within the limits of the Source. There are no
// retries: the caller knows whether the answer is still wanted.
func (c *client) do(parent context.Context, method, path string, form url.Values) (json.RawMessage, error) {
	select {
	case c.slots <- struct{}{}:
		defer func() { <-c.slots }()
	case <-parent.Done():
		return nil, canceled(parent)
	}
	ctx, cancel := context.WithTimeout(parent, c.timeout)
	defer cancel()

	where := c.base.JoinPath("api/v1", path)
	status, body, err := c.exchange(ctx, method, where, form)
	query := form.Get("query")
	switch {
	case parent.Err() != nil:
		return nil, canceled(parent)
	case errors.Is(err, errTooLarge):
		return nil, &BodyError{Query: query, Kind: ErrTooLarge, Reason: fmt.Sprintf("more than %d bytes", MaxBody)}
	case err != nil && ctx.Err() != nil:
		err = fmt.Errorf("not within %v: %w", c.timeout, context.DeadlineExceeded)
		fallthrough
	case err != nil:
		return nil, &RequestError{Target: target(where), Err: err}
	}
	return decodeEnvelope(status, body, query)
}

func canceled(ctx context.Context) error { return fmt.Errorf("prometheus: %w", ctx.Err()) }

var errTooLarge = errors.New("too large")

func (c *client) exchange(ctx context.Context, method string, where *url.URL, form url.Values) (status int, body []byte, err error) {
	var content io.Reader
	if method == http.MethodPost {
		content = strings.NewReader(form.Encode())
	} else {
		u := *where
		u.RawQuery = form.Encode()
		where = &u
	}
	req, err := http.NewRequestWithContext(ctx, method, where.String(), content)
	if err != nil {
		return 0, nil, errors.New("the URL cannot be requested") // the cause would repeat it
	}
	req.Header = c.header.Clone()
	if method == http.MethodPost {
		req.Header.Set("Content-Type", "application/x-www-form-urlencoded")
	}
	resp, err := c.http.Do(req)
	if err != nil {
		if wrapped := (*url.Error)(nil); errors.As(err, &wrapped) {
			err = wrapped.Err // the wrapper prints the URL
		}
		return 0, nil, err
	}
	defer resp.Body.Close()
	body, err = readBody(resp)
	return resp.StatusCode, body, err
}

func readBody(resp *http.Response) ([]byte, error) {
	if resp.ContentLength > MaxBody {
		return nil, errTooLarge
	}
	var b bytes.Buffer
	n, err := b.ReadFrom(io.LimitReader(resp.Body, MaxBody+1))
	if n > MaxBody {
		return nil, errTooLarge
	}
	return b.Bytes(), err
}

// seconds prints d, a whole number of milliseconds, in seconds, which every
// server understands as a time, a step and a timeout.
func seconds(d time.Duration) string {
	return strconv.FormatFloat(float64(d.Milliseconds())/1000, 'f', -1, 64)
}

// instant prints t as a Unix time to the millisecond.
func instant(t time.Time) string {
	return strconv.FormatFloat(float64(t.UnixMilli())/1000, 'f', -1, 64)
}

// parallel calls do for 0..n-1, at most limit at once, and returns the first
// error that occurs; the other calls are canceled then.
func parallel(parent context.Context, limit, n int, do func(ctx context.Context, i int) error) error {
	ctx, cancel := context.WithCancelCause(parent)
	defer cancel(nil)
	next := make(chan int)
	var workers sync.WaitGroup
	for range min(limit, n) {
		workers.Go(func() {
			for i := range next {
				if err := do(ctx, i); err != nil {
					cancel(err) // only the first cause is kept
				}
			}
		})
	}
	for i := 0; i < n && ctx.Err() == nil; i++ {
		select {
		case next <- i:
		case <-ctx.Done():
		}
	}
	close(next)
	workers.Wait()
	switch {
	case parent.Err() != nil:
		return canceled(parent)
	case ctx.Err() != nil:
		return context.Cause(ctx)
	}
	return nil
}
