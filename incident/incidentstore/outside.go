package incidentstore

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"iter"
	"strings"
	"time"

	"github.com/sre-sdk/sre/incident"
	"github.com/sre-sdk/sre/storage"
	"github.com/sre-sdk/sre/storage/runner"
)

// task is a job with what it follows from.
type task struct {
	order
	key   string // of the effect
	state incident.State
	event incident.Event
	note  note
}

// handler makes a handler of the runner.
func (d *Desk) handler(tell func(ctx context.Context, t *task) (receipt, error)) runner.Handler {
	return func(ctx context.Context, e runner.Effect) ([]byte, error) {
		t := task{key: e.ID}
		if err := json.Unmarshal(e.Payload, &t.order); err != nil {
			return nil, fmt.Errorf("%w: incidentstore: the job cannot be read: %w", runner.ErrPermanent, err)
		}
		if err := d.load(ctx, &t); err != nil {
			return nil, err
		}
		got, err := tell(ctx, &t)
		var limited incident.RateLimited
		switch {
		case err == nil:
			return json.Marshal(got)
		case errors.Is(err, incident.ErrPermanent):
			return nil, fmt.Errorf("%w: %w", runner.ErrPermanent, err)
		case errors.As(err, &limited):
			return nil, fmt.Errorf("%w: %w", runner.RateLimited{After: limited.After}, err)
		}
		return nil, err
	}
}

// load reads what the job follows from: the version of the incident that the
// commit made, so that what is said again is the same.
func (d *Desk) load(ctx context.Context, t *task) error {
	key := d.records.Key(t.ID)
	versions, err := again(ctx, func() ([]storage.Record, error) { return d.c.Store.Backend().History(ctx, key, t.Job.Version-1, 1) })
	switch {
	case errors.Is(err, storage.ErrTrimmed):
		return fmt.Errorf("%w: %w", runner.ErrPermanent, err)
	case err != nil:
		return err
	case len(versions) == 0:
		return fmt.Errorf("incidentstore: version %d of %s is not there", t.Job.Version, key)
	}
	stored, err := d.records.Decode(versions[0].Data)
	if err != nil {
		return err
	}
	t.state = stored.State
	if t.note, err = d.noteAt(ctx, versions[0].Pos); err != nil {
		return err
	}
	for _, a := range t.note.Events {
		if a.ID == t.ID && a.Event.Seq == t.Job.Seq {
			t.event = a.Event
		}
	}
	if t.event.Command == nil && t.Job.Obligation == "" {
		return fmt.Errorf("%w: incidentstore: position %d has no event %d of %s", runner.ErrPermanent, versions[0].Pos, t.Job.Seq, t.ID)
	}
	return nil
}

func (d *Desk) tellEnded(ctx context.Context, t *task) (receipt, error) {
	if d.c.Ended == nil {
		return receipt{}, notConfigured("function Ended")
	}
	for _, o := range t.note.Ends {
		if o.Incident == t.ID && o.ID == t.Job.Obligation {
			return receipt{}, d.c.Ended(ctx, Ending{Key: t.key, Obligation: o, State: t.state})
		}
	}
	return receipt{}, fmt.Errorf("incidentstore: the log has no end of %s: %w", t.Job.Obligation, incident.ErrPermanent)
}

func notConfigured(what string) error {
	return fmt.Errorf("incidentstore: this process has no %s: %w", what, incident.ErrPermanent)
}

// tellChannel tells those in the channel, which it makes where there is none.
func (d *Desk) tellChannel(ctx context.Context, t *task) (receipt, error) {
	if d.c.Channel == nil {
		return receipt{}, notConfigured("channel")
	}
	got := receipt{Ref: t.Ref}
	if t.Ref.ID == "" {
		ref, err := d.c.Channel.Create(ctx, incident.NewChannel{Key: madeKey(t, "channel"), Name: madeName(d.c.ChannelName(&t.state), t.Made), Private: t.state.Hidden})
		if err != nil {
			return got, err
		}
		got.Ref = ref
		if err := d.say(ctx, t, incident.SetChannel{Ref: ref}); err != nil {
			return got, err
		}
	}
	id := got.Ref.ID
	if err := d.c.Channel.SetTopic(ctx, id, d.topic(&t.state)); err != nil && !errors.Is(err, incident.ErrPermanent) {
		return got, err
	}
	text, err := d.text(ctx, t)
	if err != nil {
		return got, err
	}
	if _, err := d.c.Channel.Post(ctx, incident.Post{Key: t.key, Channel: id, Text: text}); err != nil {
		return got, err
	}
	switch cmd := t.event.Command.(type) {
	case incident.Assign:
		err = d.c.Channel.Invite(ctx, id, []string{cmd.Person})
	case incident.Accept:
		err = d.c.Channel.Invite(ctx, id, []string{t.event.By.ID})
	case incident.Close, incident.Cancel:
		got.Closed = true
		err = d.c.Channel.Archive(ctx, id)
	}
	return got, err
}

// madeKey is the identity of a channel, a page or a ticket.
func madeKey(t *task, what string) string { return fmt.Sprintf("%s.%s.%d", mark(t.ID), what, t.Made) }

// madeName is unique among those of one incident.
func madeName(name string, made int) string {
	if made == 0 {
		return name
	}
	return fmt.Sprintf("%s-%d", name, made+1)
}

// say tells the incident what was made for it. That it does not take it any more
// is no failure: it is over.
func (d *Desk) say(ctx context.Context, t *task, c incident.Command) error {
	_, err := d.Do(ctx, t.ID, Request{Request: incident.Request{By: deskActor, Command: c}, Key: t.key})
	var refused *incident.Refusal
	if errors.As(err, &refused) {
		return nil
	}
	return err
}

func (d *Desk) topic(s *incident.State) string {
	topic := fmt.Sprintf("%s %s: %s", d.c.Policy.Matrix().Name(s.Severity), s.Title, s.Status)
	if c := s.HolderOf(incident.Commander); c != "" {
		topic += ", commander " + c
	}
	return topic
}

// text says in a few lines what has happened.
func (d *Desk) text(ctx context.Context, t *task) (string, error) {
	e := &t.event
	who := e.By.ID
	what := ""
	switch cmd := e.Command.(type) {
	case incident.Update:
		return d.notice(t, cmd)
	case incident.Declare:
		what = fmt.Sprintf("declared %s as %s\n%s", t.state.Title, d.c.Policy.Matrix().Name(cmd.Severity), cmd.Text)
	case incident.Triage:
		what = fmt.Sprintf("judged it %s", d.c.Policy.Matrix().Name(cmd.Severity))
	case incident.SetTitle:
		what = "named it " + cmd.Title
	case incident.Assign:
		what = fmt.Sprintf("made %s %s", cmd.Person, cmd.Role)
	case incident.Accept:
		what = fmt.Sprintf("is %s now", cmd.Role)
	case incident.Mitigate:
		what = fmt.Sprintf("mitigation %s, %s: %s\n%s", cmd.ID, cmd.Type, cmd.Result, cmd.Text)
	case incident.Resolve:
		what = "resolved it\n" + cmd.Text
	case incident.Merge:
		root, _, err := d.Get(ctx, cmd.Into)
		if err != nil {
			return "", err
		}
		if what = "made it part of " + cmd.Into + ", where it goes on"; root.Hidden {
			what = "made it part of another incident" // of which those in this channel may not know
		}
	case incident.Absorb:
		what = "made " + cmd.From + " part of it"
	case incident.Split:
		what = "separated " + cmd.From + " from it"
	case incident.Separate:
		what = "made it an incident of its own again"
	case incident.Close:
		what = "closed it\n" + cmd.Override
	default:
		what = e.Command.Kind().String()
	}
	text := strings.TrimSpace(fmt.Sprintf("%s: %s", who, strings.TrimSpace(what)))
	if e.Reason != "" {
		text += "\nReason: " + e.Reason
	}
	return text, nil
}

func (d *Desk) notice(t *task, u incident.Update) (string, error) {
	text, err := d.c.Policy.Notice(&t.state, u, d.c.Templates[u.Audience], t.event.At.In(d.c.Zone))
	if err != nil { // the same again is refused again
		return "", fmt.Errorf("%w: %w", incident.ErrPermanent, err)
	}
	return text, nil
}

// tellPage tells the public.
func (d *Desk) tellPage(ctx context.Context, t *task) (receipt, error) {
	if d.c.StatusPage == nil {
		return receipt{}, notConfigured("status page")
	}
	u, _ := t.event.Command.(incident.Update)
	text, err := d.notice(t, u)
	if err != nil {
		return receipt{}, err
	}
	s := &t.state
	post := incident.StatusPost{Key: t.key, Title: s.Title, Text: text, Status: s.Status, Severity: s.Severity, Components: d.c.Components(s)}
	got := receipt{Ref: t.Ref, Closed: u.Final || !s.Status.Live()}
	opened := t.Ref.ID == ""
	if opened {
		first := post
		first.Key = madeKey(t, "page")
		if got.Ref, err = d.c.StatusPage.Open(ctx, first); err != nil {
			return receipt{}, err
		}
	}
	switch {
	case got.Closed:
		err = d.c.StatusPage.Resolve(ctx, got.Ref.ID, post)
	case !opened:
		err = d.c.StatusPage.Update(ctx, got.Ref.ID, post)
	}
	return got, err
}

// tellTracker keeps the ticket up to date.
func (d *Desk) tellTracker(ctx context.Context, t *task) (receipt, error) {
	if d.c.Tracker == nil {
		return receipt{}, notConfigured("tracker")
	}
	s := &t.state
	text := fmt.Sprintf("%s\n\nIncident %s is %s since %s.", s.Text, s.ID, s.Status, t.event.Recorded.In(d.c.Zone).Format(time.RFC3339))
	ticket := incident.Ticket{Key: t.key, Title: fmt.Sprintf("%s %s", d.c.Policy.Matrix().Name(s.Severity), s.Title), Text: strings.TrimSpace(text), Severity: s.Severity}
	got := receipt{Ref: t.Ref}
	opened := t.Ref.ID == ""
	if opened {
		first := ticket
		first.Key = madeKey(t, "ticket")
		ref, err := d.c.Tracker.Open(ctx, first)
		if err != nil {
			return receipt{}, err
		}
		got.Ref = ref
		if err := d.say(ctx, t, incident.SetTicket{Ref: ref}); err != nil {
			return receipt{}, err
		}
	}
	switch t.event.Command.(type) {
	case incident.Close, incident.Cancel:
		got.Closed = true
		return got, d.c.Tracker.Close(ctx, got.Ref.ID, ticket)
	}
	if opened {
		return got, nil
	}
	return got, d.c.Tracker.Update(ctx, got.Ref.ID, ticket)
}

func (d *Desk) performed(e runner.Effect, attempt int) {
	if h := d.c.Hooks.Performed; h != nil {
		h(e.ID, attempt)
	}
}

func (d *Desk) dead(e runner.Effect, err error) {
	if h := d.c.Hooks.Dead; h != nil {
		h(deadLetter(runner.DeadLetter{Effect: e, Err: err.Error()}))
	}
}

// A DeadLetter is what somebody outside was not told, and what was given up. What
// came behind it went on.
type DeadLetter struct {
	Key        string `json:"key"`
	Incident   string `json:"incident"`
	To         string `json:"to"`                   // "channel", "page", "ticket" or "ends"
	Event      uint64 `json:"event,omitempty"`      // of which it was to be told: Seq
	Obligation string `json:"obligation,omitempty"` // likewise: the ID
	Attempts   int    `json:"attempts,omitempty"`
	Err        string `json:"error"`
}

func deadLetter(l runner.DeadLetter) DeadLetter {
	var o order
	_ = json.Unmarshal(l.Effect.Payload, &o) // else the rest says what is known
	if o.ID == "" {
		o.ID = l.Of
	}
	return DeadLetter{Key: l.Effect.ID, Incident: o.ID, To: l.Effect.Type, Event: o.Job.Seq, Obligation: o.Job.Obligation, Attempts: l.Attempts, Err: l.Err}
}

// DeadLetters yields what was given up, in the order of keys. It stays until
// [Desk.Revive] or [Desk.Dismiss].
func (d *Desk) DeadLetters(ctx context.Context) iter.Seq2[DeadLetter, error] {
	return func(yield func(DeadLetter, error) bool) {
		for l, err := range d.runner.DeadLetters(ctx) {
			if err != nil {
				yield(DeadLetter{}, err)
				return
			}
			if !yield(deadLetter(l), nil) {
				return
			}
		}
	}
}

// Revive lets a dead letter be tried again, behind what came later.
func (d *Desk) Revive(ctx context.Context, key string) error { return d.runner.Revive(ctx, key) }

// Dismiss deletes a dead letter.
func (d *Desk) Dismiss(ctx context.Context, key string) error { return d.runner.Dismiss(ctx, key) }
