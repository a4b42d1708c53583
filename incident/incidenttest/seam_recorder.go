package incidenttest

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"sync"

	"github.com/sre-sdk/sre/incident"
)

// A Recorder is a Channel, and by its methods Page and Tracker a StatusPage and a
// Tracker, in memory, for tests of what uses them. It is safe for concurrent use;
// the zero value is empty.
type Recorder struct {
	// Fault, if set, is asked before each call, and an error that it returns is
	// the call's. Set it before the first one.
	Fault func(ctx context.Context) error

	// Unknown are people who cannot be invited.
	Unknown []string

	mu       sync.Mutex
	channels []*SeenChannel
	posts    map[string]string // ID by channel and key
	byKey    map[string]int    // of all, by sort and key
	pages    []*SeenStatus
	tickets  []*SeenTicket
}

var (
	_ incident.Channel    = (*Recorder)(nil)
	_ incident.StatusPage = pageRecorder{}
	_ incident.Tracker    = trackerRecorder{}
)

// begin reports the fault, or locks.
func (r *Recorder) begin(ctx context.Context) error {
	if err := ctx.Err(); err != nil {
		return err
	}
	if r.Fault != nil {
		if err := r.Fault(ctx); err != nil {
			return err
		}
	}
	r.mu.Lock()
	if r.byKey == nil {
		r.byKey, r.posts = map[string]int{}, map[string]string{}
	}
	return nil
}

func missing(what string) error {
	return fmt.Errorf("incidenttest: no such %s: %w", what, incident.ErrPermanent)
}

func number(prefix, id string, n int) (int, bool) {
	i := 0
	if _, err := fmt.Sscanf(id, prefix+"%d", &i); err != nil || i < 1 || i > n {
		return 0, false
	}
	return i - 1, true
}

func (r *Recorder) channel(id string) *SeenChannel {
	if i, ok := number("c", id, len(r.channels)); ok {
		return r.channels[i]
	}
	return nil
}

// Create makes a channel.
func (r *Recorder) Create(ctx context.Context, c incident.NewChannel) (incident.Ref, error) {
	if err := r.begin(ctx); err != nil {
		return incident.Ref{}, err
	}
	defer r.mu.Unlock()
	n, ok := r.byKey["channel/"+c.Key]
	if !ok {
		r.channels = append(r.channels, &SeenChannel{})
		n = len(r.channels)
		r.byKey["channel/"+c.Key] = n
	}
	return incident.Ref{ID: fmt.Sprint("c", n)}, nil
}

// Invite brings people in.
func (r *Recorder) Invite(ctx context.Context, channel string, people []string) error {
	if err := r.begin(ctx); err != nil {
		return err
	}
	defer r.mu.Unlock()
	c := r.channel(channel)
	if c == nil {
		return missing("channel")
	}
	var failed error
	for _, p := range people {
		switch {
		case slices.Contains(r.Unknown, p):
			failed = missing("person")
		case !slices.Contains(c.People, p):
			c.People = append(c.People, p)
		}
	}
	return failed
}

// SetTopic shows a line above the channel.
func (r *Recorder) SetTopic(ctx context.Context, channel, topic string) error {
	if err := r.begin(ctx); err != nil {
		return err
	}
	defer r.mu.Unlock()
	c := r.channel(channel)
	if c == nil {
		return missing("channel")
	}
	c.Topic = topic
	return nil
}

// Post writes a message.
func (r *Recorder) Post(ctx context.Context, p incident.Post) (string, error) {
	if err := r.begin(ctx); err != nil {
		return "", err
	}
	defer r.mu.Unlock()
	c := r.channel(p.Channel)
	if c == nil || c.Archived {
		return "", missing("open channel")
	}
	key := p.Channel + "/" + p.Key
	if r.posts[key] == "" {
		c.Posts = append(c.Posts, p.Text)
		r.posts[key] = fmt.Sprint("m", len(r.posts)+1)
	}
	return r.posts[key], nil
}

// Archive ends a channel.
func (r *Recorder) Archive(ctx context.Context, channel string) error {
	if err := r.begin(ctx); err != nil {
		return err
	}
	defer r.mu.Unlock()
	c := r.channel(channel)
	if c == nil {
		return missing("channel")
	}
	c.Archived = true
	return nil
}

// SeenChannel returns what people see of a channel, and how many there are.
func (r *Recorder) SeenChannel(id string) (SeenChannel, int) {
	r.mu.Lock()
	defer r.mu.Unlock()
	c := r.channel(id)
	if c == nil {
		return SeenChannel{}, len(r.channels)
	}
	seen := *c
	seen.Posts, seen.People = slices.Clone(c.Posts), slices.Clone(c.People)
	return seen, len(r.channels)
}

// Page returns the status page. All have one component, "component".
func (r *Recorder) Page() incident.StatusPage { return pageRecorder{r} }

type pageRecorder struct{ r *Recorder }

func (p pageRecorder) Open(ctx context.Context, post incident.StatusPost) (incident.Ref, error) {
	if err := p.r.begin(ctx); err != nil {
		return incident.Ref{}, err
	}
	defer p.r.mu.Unlock()
	n, ok := p.r.byKey["page/"+post.Key]
	if !ok {
		p.r.pages = append(p.r.pages, &SeenStatus{})
		n = len(p.r.pages)
		p.r.byKey["page/"+post.Key] = n
		p.tell(n-1, post, false)
	}
	return incident.Ref{ID: fmt.Sprint("s", n)}, nil
}

func (p pageRecorder) tell(n int, post incident.StatusPost, over bool) {
	s := p.r.pages[n]
	key := fmt.Sprintf("post/%d/%s", n, post.Key)
	if _, done := p.r.byKey[key]; done {
		return
	}
	p.r.byKey[key] = 1
	s.Title, s.Texts, s.Resolved = post.Title, append(s.Texts, post.Text), over
	for _, c := range post.Components {
		s.State = c.State
	}
}

func (p pageRecorder) change(ctx context.Context, id string, post incident.StatusPost, over bool) error {
	if err := p.r.begin(ctx); err != nil {
		return err
	}
	defer p.r.mu.Unlock()
	n, ok := number("s", id, len(p.r.pages))
	if !ok {
		return missing("incident")
	}
	p.tell(n, post, over)
	return nil
}

func (p pageRecorder) Update(ctx context.Context, id string, post incident.StatusPost) error {
	return p.change(ctx, id, post, false)
}

func (p pageRecorder) Resolve(ctx context.Context, id string, post incident.StatusPost) error {
	return p.change(ctx, id, post, true)
}

// SeenStatus returns what the public sees of an incident, and how many there are.
func (r *Recorder) SeenStatus(id string) (SeenStatus, int) {
	r.mu.Lock()
	defer r.mu.Unlock()
	n, ok := number("s", id, len(r.pages))
	if !ok {
		return SeenStatus{}, len(r.pages)
	}
	seen := *r.pages[n]
	seen.Texts = slices.Clone(seen.Texts)
	return seen, len(r.pages)
}

// Tracker returns the tracker.
func (r *Recorder) Tracker() incident.Tracker { return trackerRecorder{r} }

type trackerRecorder struct{ r *Recorder }

func (t trackerRecorder) Open(ctx context.Context, ticket incident.Ticket) (incident.Ref, error) {
	if err := t.r.begin(ctx); err != nil {
		return incident.Ref{}, err
	}
	defer t.r.mu.Unlock()
	n, ok := t.r.byKey["ticket/"+ticket.Key]
	if !ok {
		t.r.tickets = append(t.r.tickets, &SeenTicket{Title: ticket.Title, Text: ticket.Text})
		n = len(t.r.tickets)
		t.r.byKey["ticket/"+ticket.Key] = n
	}
	return incident.Ref{ID: fmt.Sprint("t", n)}, nil
}

func (t trackerRecorder) change(ctx context.Context, id string, ticket incident.Ticket, over bool) error {
	if err := t.r.begin(ctx); err != nil {
		return err
	}
	defer t.r.mu.Unlock()
	n, ok := number("t", id, len(t.r.tickets))
	if !ok {
		return missing("ticket")
	}
	s := t.r.tickets[n]
	s.Title, s.Text, s.Closed = ticket.Title, ticket.Text, s.Closed || over
	return nil
}

func (t trackerRecorder) Update(ctx context.Context, id string, ticket incident.Ticket) error {
	return t.change(ctx, id, ticket, false)
}

func (t trackerRecorder) Close(ctx context.Context, id string, ticket incident.Ticket) error {
	return t.change(ctx, id, ticket, true)
}

// SeenTicket returns what people see of a ticket, and how many there are.
func (r *Recorder) SeenTicket(id string) (SeenTicket, int) {
	r.mu.Lock()
	defer r.mu.Unlock()
	n, ok := number("t", id, len(r.tickets))
	if !ok {
		return SeenTicket{}, len(r.tickets)
	}
	return *r.tickets[n], len(r.tickets)
}

// ErrBroken is what a broken provider may answer: nothing permanent.
var ErrBroken = errors.New("incidenttest: the provider is broken")
