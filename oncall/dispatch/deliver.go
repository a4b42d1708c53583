package dispatch

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"iter"
	"strconv"
	"strings"
	"time"

	"github.com/sre-sdk/sre/oncall"
	"github.com/sre-sdk/sre/oncall/escalation"
	"github.com/sre-sdk/sre/storage/runner"
)

// anyWay is the type of a delivery whose contact, or the kind of it, was not
// known when it was decided.
const anyWay = "any"

// contactKinds are the types of all other deliveries.
var contactKinds = []oncall.ContactKind{oncall.Push, oncall.SMS, oncall.Voice, oncall.Email, oncall.Chat, oncall.Webhook}

func wayOf(kind string) string {
	for _, k := range contactKinds {
		if kind == string(k) {
			return kind
		}
	}
	return anyWay
}

// receipt is what is kept of a delivery that was made.
type receipt struct {
	Contact string         `json:"contact,omitempty"`
	Key     string         `json:"key,omitempty"`
	Receipt oncall.Receipt `json:"receipt,omitzero"`
	Over    bool           `json:"over,omitempty"` // not sent: it was no longer wanted
}

// deliver is the handler of all deliveries.
func (d *Dispatcher) deliver(ctx context.Context, e runner.Effect) ([]byte, error) {
	p, err := pageOf(e)
	if err != nil {
		return nil, fmt.Errorf("%w: dispatch: the page cannot be read: %w", runner.ErrPermanent, err)
	}
	r, _, err := d.runner.Get(ctx, p.Of)
	if err != nil {
		return nil, err
	}
	if !p.wantedBy(r.State) { // since it was claimed
		return json.Marshal(receipt{Over: true})
	}
	person, known, err := d.c.Person(ctx, p.Person)
	if err != nil {
		return nil, fmt.Errorf("dispatch: looking up %s: %w", p.Person, err)
	}
	if !known {
		return nil, fmt.Errorf("%w: dispatch: there is no person %s", runner.ErrPermanent, p.Person)
	}
	contacts := contactsOf(person, p, r.State)
	err = fmt.Errorf("%w: dispatch: %s has no contact %q", runner.ErrPermanent, p.Person, p.Contact)
	for i, contact := range contacts {
		key := e.ID
		if i > 0 {
			key += "." + strconv.Itoa(i)
		}
		var got oncall.Receipt
		got, err = d.give(ctx, d.message(key, person, contact, p, r.State))
		if err == nil {
			return json.Marshal(receipt{Contact: contact.ID, Key: key, Receipt: got})
		}
		if !errors.Is(err, runner.ErrPermanent) {
			return nil, err
		}
	}
	return nil, err
}

// contactsOf returns the contact of a page, or, where none was decided, all that
// the person has, in the order of the plan.
func contactsOf(person oncall.Person, p page, s escalation.State) []oncall.Contact {
	if p.Contact != "" {
		if c, ok := person.Contact(p.Contact); ok {
			return []oncall.Contact{c}
		}
		return nil
	}
	var list []oncall.Contact
	seen := map[string]bool{}
	for _, step := range person.Plan(s.Severity) {
		if c, ok := person.Contact(step.Contact); ok && !seen[c.ID] {
			seen[c.ID] = true
			list = append(list, c)
		}
	}
	return list
}

// give gives a delivery to the pager of its kind, and says what its answer means
// to the runner.
func (d *Dispatcher) give(ctx context.Context, m oncall.Delivery) (oncall.Receipt, error) {
	pager := d.c.Pagers[m.Contact.Kind]
	if pager == nil {
		pager = d.c.Pager
	}
	if pager == nil {
		return oncall.Receipt{}, fmt.Errorf("%w: dispatch: no pager for %s", runner.ErrPermanent, m.Contact.Kind)
	}
	got, err := pager.Send(ctx, m)
	var limited oncall.RateLimited
	switch {
	case err == nil:
		return got, nil
	case errors.Is(err, oncall.ErrPermanent):
		return got, fmt.Errorf("%w: %w", runner.ErrPermanent, err)
	case errors.As(err, &limited):
		return got, fmt.Errorf("%w: %w", runner.RateLimited{After: limited.After}, err)
	}
	return got, err
}

// notesSent is how many of the latest notes a message carries.
const notesSent = 3

func (d *Dispatcher) message(key string, person oncall.Person, contact oncall.Contact, p page, s escalation.State) oncall.Delivery {
	title := s.Title
	if title == "" {
		title = s.ID
	}
	var body strings.Builder
	body.WriteString(s.Body)
	for _, n := range s.Notes[max(0, len(s.Notes)-notesSent):] {
		if body.Len() > 0 {
			body.WriteString("\n\n")
		}
		fmt.Fprintf(&body, "%s at %s: %s", n.By, n.At.UTC().Format(time.RFC3339), n.Text)
	}
	return oncall.Delivery{
		Key: key, Person: person.ID, Contact: contact, Severity: s.Severity, Title: title, Body: body.String(),
		Link: d.c.Link(Page{Escalation: s.ID, Person: p.Person, Level: p.Level, At: p.At, Link: s.Link}),
	}
}

func (d *Dispatcher) delivered(e runner.Effect, attempt int) {
	if h := d.c.Hooks.Delivered; h != nil {
		h(e.ID, attempt)
	}
}

func (d *Dispatcher) dead(e runner.Effect, err error) {
	if h := d.c.Hooks.Dead; h != nil {
		h(deadLetter(runner.DeadLetter{Effect: e, Err: err.Error()}))
	}
}

// A DeadLetter is a delivery that was given up. The escalation was told, and has
// gone on.
type DeadLetter struct {
	Key        string    `json:"key"` // of the delivery
	Escalation string    `json:"escalation"`
	Level      string    `json:"level"`
	Person     string    `json:"person"`
	Contact    string    `json:"contact,omitempty"`
	Due        time.Time `json:"due"`
	Attempts   int       `json:"attempts,omitempty"`
	Err        string    `json:"error"`
}

func deadLetter(l runner.DeadLetter) DeadLetter {
	p, _ := pageOf(l.Effect)
	if p.Of == "" {
		p.Of = l.Of
	}
	return DeadLetter{Key: l.Effect.ID, Escalation: p.Of, Level: p.Level, Person: p.Person, Contact: p.Contact, Due: p.At, Attempts: l.Attempts, Err: l.Err}
}

// DeadLetters yields the deliveries that were given up, in the order of their
// keys. They stay until [Dispatcher.Revive] or [Dispatcher.Dismiss].
func (d *Dispatcher) DeadLetters(ctx context.Context) iter.Seq2[DeadLetter, error] {
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

// Revive lets a dead letter be tried again, if the escalation still wants it.
func (d *Dispatcher) Revive(ctx context.Context, key string) error { return d.runner.Revive(ctx, key) }

// Dismiss deletes a dead letter.
func (d *Dispatcher) Dismiss(ctx context.Context, key string) error {
	return d.runner.Dismiss(ctx, key)
}
