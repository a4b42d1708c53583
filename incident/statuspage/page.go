package statuspage

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net/http"
	"net/netip"
	"net/url"
	"regexp"
	"strconv"
	"strings"
	"sync"
	"time"

	"github.com/sre-sdk/sre"
	"github.com/sre-sdk/sre/incident"
)

// BaseURL is where the API of Atlassian Statuspage is.
const BaseURL = "https://api.statuspage.io/v1/"

// Limits, part of the contract.
const (
	DefaultTimeout = 15 * time.Second // of one call
	DefaultRate    = 60               // requests a minute, by Statuspage
	MaxRetryAfter  = 5 * time.Minute  // a longer pause is cut to this
	MaxAnswer      = 8 << 20          // bytes; a longer answer is no answer
	MaxText        = 25_000           // bytes of a text, by Statuspage
	MaxTitle       = 255              // bytes
	MaxPages       = 10               // pages of unresolved incidents that Open looks through

	pageSize     = 100
	defaultPause = time.Minute // after a limit without a usable Retry-After: the length of its window
)

// ErrKey says that the page refuses the API key, whatever the post.
// incident.ErrPermanent holds too.
var ErrKey = errors.New("statuspage: the API key is refused")

// Config says how to reach a page.
type Config struct {
	Key    string // the API key. Required
	PageID string // the ID of the page. Required

	// BaseURL ends with a slash. Default: BaseURL.
	BaseURL string

	// Silent publishes without telling subscribers. Default: they are told.
	Silent bool

	// Rate is how many requests this process may make in a minute. Default:
	// DefaultRate.
	Rate int

	// Timeout bounds one call. Default: DefaultTimeout.
	Timeout time.Duration

	// Transport performs requests. Default: http.DefaultTransport.
	Transport http.RoundTripper

	// Now is the clock of limits. Default: time.Now.
	Now func() time.Time
}

// String leaves the key out.
func (c Config) String() string { return fmt.Sprintf("statuspage.Config{%q %q}", c.BaseURL, c.PageID) }

// GoString leaves it out as well, for %#v.
func (c Config) GoString() string { return c.String() }

// Validate reports every problem. The key is not repeated.
func (c Config) Validate() error {
	var p sre.Problems
	if c.Key == "" || strings.ContainsFunc(c.Key, notPrintable) {
		p.Add("key", "invalid", nil, "an API key")
	}
	if !idForm.MatchString(c.PageID) {
		p.Add("page_id", "invalid", c.PageID, "the ID of a page: 1 to 100 letters, digits, - and _")
	}
	checkBaseURL(c.BaseURL, &p)
	if c.Timeout < 0 {
		p.Add("timeout", "out_of_range", c.Timeout, "a positive duration, or 0 for the default")
	}
	if c.Rate < 0 || c.Rate > 10_000 {
		p.Add("rate", "out_of_range", c.Rate, "1 to 10,000, or 0 for the default")
	}
	return p.Err("statuspage")
}

func checkBaseURL(base string, p *sre.Problems) {
	if base == "" {
		return
	}
	u, err := url.Parse(base)
	switch {
	case err != nil || u.Host == "" || u.User != nil || !strings.HasSuffix(u.Path, "/") || u.RawQuery != "" || u.Fragment != "":
		p.Add("base_url", "invalid", nil, "a URL that ends with a slash, such as "+BaseURL)
	case u.Scheme != "https" && !(u.Scheme == "http" && isLoopback(u.Hostname())):
		p.Add("base_url", "insecure", u.Scheme, "https: each call carries the key")
	}
}

func isLoopback(host string) bool {
	addr, err := netip.ParseAddr(host)
	return host == "localhost" || err == nil && addr.IsLoopback()
}

func notPrintable(r rune) bool { return r <= ' ' || r > '~' }

// idForm is what may be an ID: it becomes part of a path.
var idForm = regexp.MustCompile(`^[A-Za-z0-9_-]{1,100}$`)

// A Page is a status page. It is safe for concurrent use.
type Page struct {
	config Config        // without the key
	key    func() string // a function, because fmt prints what fields hold
	http   *http.Client

	mu    sync.Mutex
	ends  []time.Time // of requests in the last minute, ascending
	until time.Time   // no request before this
}

var _ incident.StatusPage = (*Page)(nil)

// New returns a Page, or every problem of the configuration.
func New(c Config) (*Page, error) {
	if err := c.Validate(); err != nil {
		return nil, err
	}
	key := c.Key
	c.Key = ""
	if c.BaseURL == "" {
		c.BaseURL = BaseURL
	}
	if c.Timeout == 0 {
		c.Timeout = DefaultTimeout
	}
	if c.Rate == 0 {
		c.Rate = DefaultRate
	}
	if c.Now == nil {
		c.Now = time.Now
	}
	return &Page{config: c, key: func() string { return key }, http: &http.Client{
		Transport: c.Transport,
		// The key is for the host that the configuration names.
		CheckRedirect: func(*http.Request, []*http.Request) error { return http.ErrUseLastResponse },
	}}, nil
}

// String names the type only: the fields hold secrets.
func (p *Page) String() string { return "statuspage.Page" }

// GoString does as well, for %#v.
func (p *Page) GoString() string { return "statuspage.Page" }

// metadata tell our posts apart. They are namespaced, as the API wants.
type metadata struct {
	SRE struct {
		Incident string `json:"incident,omitempty"` // the Key of Open
		Latest   string `json:"latest,omitempty"`   // the Key of the latest post
	} `json:"sre"`
}

// An entry is an incident of the API, as it is sent and as it is read.
type entry struct {
	ID         string            `json:"id,omitempty"`
	Name       string            `json:"name,omitempty"`
	Status     string            `json:"status,omitempty"`
	Body       string            `json:"body,omitempty"`
	Impact     string            `json:"impact_override,omitempty"`
	Shortlink  string            `json:"shortlink,omitempty"`
	IDs        []string          `json:"component_ids,omitempty"`
	Components map[string]string `json:"components,omitempty"`
	Deliver    *bool             `json:"deliver_notifications,omitempty"`
	Metadata   *metadata         `json:"metadata,omitempty"`
}

// A published incident, of which only this much is read: components are a list
// there.
type published struct {
	ID        string   `json:"id"`
	Status    string   `json:"status"`
	Shortlink string   `json:"shortlink"`
	Metadata  metadata `json:"metadata"`
}

var statuses = map[incident.Status]string{
	incident.Declared: "investigating", incident.Triaged: "identified", incident.Mitigated: "monitoring", incident.Resolved: "resolved", incident.Closed: "resolved",
	incident.Canceled: "resolved",
}

var states = map[incident.ComponentState]string{
	incident.Operational: "operational", incident.Degraded: "degraded_performance", incident.PartialOutage: "partial_outage",
	incident.MajorOutage: "major_outage", incident.UnderMaintenance: "under_maintenance",
}

// Open publishes an incident.
func (p *Page) Open(ctx context.Context, post incident.StatusPost) (incident.Ref, error) {
	e, err := p.entry(post, "")
	if err != nil {
		return incident.Ref{}, err
	}
	e.Metadata.SRE.Incident = post.Key
	for n := 1; n <= MaxPages; n++ {
		var list []published
		if err := p.call(ctx, http.MethodGet, fmt.Sprintf("incidents/unresolved?page=%d&per_page=%d", n, pageSize), nil, &list); err != nil {
			return incident.Ref{}, err
		}
		for _, old := range list {
			if old.Metadata.SRE.Incident == post.Key {
				return old.ref()
			}
		}
		if len(list) < pageSize {
			break
		}
	}
	var made published
	if err := p.call(ctx, http.MethodPost, "incidents", e, &made); err != nil {
		return incident.Ref{}, err
	}
	return made.ref()
}

func (i published) ref() (incident.Ref, error) {
	if !idForm.MatchString(i.ID) {
		return incident.Ref{}, &Error{Reason: "the answer has no ID"}
	}
	ref := incident.Ref{ID: i.ID}
	if len(i.Shortlink) <= incident.MaxURL {
		ref.URL = i.Shortlink
	}
	return ref, nil
}

// Update adds a text.
func (p *Page) Update(ctx context.Context, id string, post incident.StatusPost) error {
	return p.change(ctx, id, post, "")
}

// Resolve adds the last text.
func (p *Page) Resolve(ctx context.Context, id string, post incident.StatusPost) error {
	return p.change(ctx, id, post, "resolved")
}

func (p *Page) change(ctx context.Context, id string, post incident.StatusPost, status string) error {
	e, err := p.entry(post, status)
	if err != nil {
		return err
	}
	if !idForm.MatchString(id) {
		return impossible("the ID is none of the page")
	}
	var old published
	if err := p.call(ctx, http.MethodGet, "incidents/"+id, nil, &old); err != nil {
		return err
	}
	if old.ID != id {
		return &Error{Reason: "the answer is about another incident"}
	}
	if old.Metadata.SRE.Latest == post.Key {
		return nil
	}
	e.Metadata.SRE.Incident = old.Metadata.SRE.Incident
	var changed published
	if err := p.call(ctx, http.MethodPatch, "incidents/"+id, e, &changed); err != nil {
		return err
	}
	if changed.ID != id {
		return &Error{Reason: "the answer is about another incident"}
	}
	return nil
}

// entry makes what is sent, or says what makes the post impossible.
func (p *Page) entry(post incident.StatusPost, status string) (*entry, error) {
	if status == "" {
		status = statuses[post.Status]
	}
	switch {
	case post.Key == "":
		return nil, impossible("the post has no key")
	case post.Title == "" || len(post.Title) > MaxTitle:
		return nil, impossible("the title is not 1 to 255 bytes long")
	case strings.TrimSpace(post.Text) == "" || len(post.Text) > MaxText:
		return nil, impossible("the text is not 1 to 25,000 bytes long")
	case status == "":
		return nil, impossible("the public is not told of that status")
	}
	deliver := !p.config.Silent
	e := &entry{Name: post.Title, Status: status, Body: post.Text, Deliver: &deliver, Metadata: &metadata{}}
	e.Metadata.SRE.Latest = post.Key
	switch post.Severity {
	case 0:
	case 1:
		e.Impact = "critical"
	case 2:
		e.Impact = "major"
	default:
		e.Impact = "minor"
	}
	for _, c := range post.Components {
		state, ok := states[c.State]
		if !ok || !idForm.MatchString(c.ID) {
			return nil, impossible("a component has no ID or state of the page")
		}
		if e.Components == nil {
			e.Components = map[string]string{}
		}
		e.IDs = append(e.IDs, c.ID)
		e.Components[c.ID] = state
	}
	return e, nil
}

// An Error says why a post was not accepted, or that it is not known. It holds
// neither the key nor anything that the server wrote.
type Error struct {
	Status int // of HTTP; 0 if there was no usable answer
	Reason string

	class []error
}

// Error says why.
func (e *Error) Error() string {
	if e.Status > 0 {
		return fmt.Sprintf("statuspage: status %d: %s", e.Status, e.Reason)
	}
	return "statuspage: " + e.Reason
}

// Unwrap returns the classes of the error.
func (e *Error) Unwrap() []error { return e.class }

func impossible(reason string) error {
	return &Error{Reason: reason, class: []error{incident.ErrPermanent}}
}

// call makes one request and reads the answer.
func (p *Page) call(ctx context.Context, method, path string, send *entry, into any) error {
	if err := ctx.Err(); err != nil {
		return &Error{Reason: "nothing was sent: " + err.Error(), class: []error{err}}
	}
	if wait := p.take(); wait > 0 {
		return &Error{Reason: "too early for another request", class: []error{incident.RateLimited{After: wait}}}
	}
	var body io.Reader
	if send != nil {
		data, err := json.Marshal(map[string]*entry{"incident": send})
		if err != nil {
			return impossible("the post cannot be written")
		}
		body = bytes.NewReader(data)
	}
	limited, cancel := context.WithTimeout(ctx, p.config.Timeout)
	defer cancel()
	r, err := http.NewRequestWithContext(limited, method, p.config.BaseURL+"pages/"+p.config.PageID+"/"+path, body)
	if err != nil {
		return impossible("the URL cannot be requested")
	}
	r.Header.Set("Authorization", "OAuth "+p.key())
	r.Header.Set("Accept", "application/json")
	if send != nil {
		r.Header.Set("Content-Type", "application/json")
	}
	answer, err := p.http.Do(r)
	if err == nil {
		defer answer.Body.Close()
		if answer.StatusCode/100 != 2 {
			io.CopyN(io.Discard, answer.Body, 16<<10)
			return p.refused(answer)
		}
		var data []byte
		if data, err = io.ReadAll(io.LimitReader(answer.Body, MaxAnswer+1)); err == nil {
			if len(data) > MaxAnswer || json.Unmarshal(data, into) != nil {
				return &Error{Status: answer.StatusCode, Reason: "the answer is none of the API"}
			}
			return nil
		}
	}
	switch {
	case ctx.Err() != nil:
		return &Error{Reason: "no answer: " + ctx.Err().Error(), class: []error{ctx.Err()}}
	case limited.Err() != nil:
		return &Error{Reason: fmt.Sprintf("no answer within %v", p.config.Timeout), class: []error{context.DeadlineExceeded}}
	}
	return &Error{Reason: fmt.Sprintf("no answer (%T)", root(err))}
}

// root is the innermost error: its type says what happened, its text may hold
// what is private.
func root(err error) error {
	for inner := errors.Unwrap(err); inner != nil; inner = errors.Unwrap(err) {
		err = inner
	}
	return err
}

func (p *Page) refused(answer *http.Response) error {
	const calm = 420 // "Enhance your calm", which Statuspage answers where others say 429
	e := &Error{Status: answer.StatusCode, Reason: http.StatusText(answer.StatusCode)}
	switch e.Status {
	case http.StatusTooManyRequests, calm:
		pause := p.pause(answer.Header.Get("Retry-After"))
		p.block(pause)
		e.Reason, e.class = "to be left alone for "+pause.String(), []error{incident.RateLimited{After: pause}}
	case http.StatusUnauthorized, http.StatusForbidden:
		e.class = []error{incident.ErrPermanent, ErrKey}
	case http.StatusRequestTimeout, http.StatusConflict, http.StatusLocked, http.StatusTooEarly:
	default:
		if e.Status/100 == 4 {
			e.class = []error{incident.ErrPermanent}
		}
	}
	return e
}

// pause reads Retry-After, RFC 9110 section 10.2.3.
func (p *Page) pause(text string) time.Duration {
	pause := defaultPause
	if seconds, err := strconv.ParseUint(text, 10, 32); err == nil {
		pause = time.Duration(seconds) * time.Second
	} else if at, err := http.ParseTime(text); err == nil {
		pause = at.Sub(p.config.Now())
	}
	return max(time.Second, min(pause, MaxRetryAfter))
}

// take admits a request and returns 0, or returns how long to wait.
func (p *Page) take() time.Duration {
	const window = time.Minute
	p.mu.Lock()
	defer p.mu.Unlock()
	now := p.config.Now()
	gone := 0
	for gone < len(p.ends) && (now.Sub(p.ends[gone]) >= window || p.ends[gone].After(now)) { // or the clock was set back
		gone++
	}
	p.ends = append(p.ends[:0], p.ends[gone:]...)
	wait := max(0, p.until.Sub(now))
	if len(p.ends) >= p.config.Rate {
		wait = max(wait, p.ends[0].Add(window).Sub(now))
	}
	if wait == 0 {
		p.ends = append(p.ends, now)
	}
	return min(wait, MaxRetryAfter)
}

func (p *Page) block(pause time.Duration) {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.until = p.config.Now().Add(pause)
}
