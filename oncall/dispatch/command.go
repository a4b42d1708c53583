package dispatch

import (
	"context"
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"fmt"
	"strings"
	"time"
	"unicode/utf8"

	"github.com/sre-sdk/sre"
	"github.com/sre-sdk/sre/oncall/escalation"
	"github.com/sre-sdk/sre/storage/runner"
)

// A Command is what every act on an escalation carries.
//
// An act that returns an *[escalation.Refusal] or an [sre.Problem] has changed
// nothing, or no more than to keep its note: the escalation does not exist or does
// not allow it, or the command is not right. After any other error it is not
// known whether it took effect: do it again, with the same Key.
type Command struct {
	// Actor is who does it. Required. Only a human acknowledges, responds and
	// snoozes.
	Actor sre.Actor

	// Key names this act, an ID as sre.ValidID has it: the same act on the same
	// escalation with the same key changes nothing and returns how it stands, so
	// that a caller who does not know the outcome sends it again. Keys are known
	// for the latest MaxKeys inputs of an escalation. Default: each
	// call is an act of its own.
	Key string

	// Note is the reason, or what whoever takes over should know. It is kept with
	// the escalation and sent along with later pages.
	Note string
}

// Codes of sre.Problem that commands return.
const (
	CodeNotHuman      = "not_human"      // the act is a human's, and the actor is none
	CodeUnknownPolicy = "unknown_policy" // no policy of that ID is in use
	CodeUnknownPerson = "unknown_person" // there is nobody of that ID
)

func (c Command) check(p *sre.Problems, human bool) {
	switch {
	case !c.Actor.Valid():
		p.Add("actor", "invalid_actor", c.Actor, "a kind and an ID")
	case human && c.Actor.Kind != sre.Human:
		p.Add("actor.kind", CodeNotHuman, c.Actor.Kind, "a human: no program takes notice for somebody")
	}
	if c.Key != "" {
		p.CheckID("key", c.Key)
	}
	checkText(p, "note", c.Note, escalation.MaxNote)
}

func checkText(p *sre.Problems, path, text string, limit int) {
	if !utf8.ValidString(text) {
		p.Add(path, "invalid_text", text, "UTF-8")
	}
	if len(text) > limit {
		p.Add(path, "too_long", len(text), fmt.Sprintf("at most %d bytes", limit))
	}
}

// inputKey makes the key of a command that of an input of the runner: the key
// of an Ack is not that of a Resolve.
func inputKey(kind, key string) string {
	if key == "" {
		return ""
	}
	sum := sha256.Sum256([]byte(kind + "\x00" + key))
	return hex.EncodeToString(sum[:20])
}

// send steps an escalation with a command.
func (d *Dispatcher) send(ctx context.Context, id string, c Command, in input) (Escalation, error) {
	in.Actor, in.Key = c.Actor, c.Key
	r, err := d.runner.Send(ctx, id, inputKey(kindOf(in.Event.Input), c.Key), in)
	if err != nil {
		return Escalation{}, err
	}
	return Escalation{id, r.PolicyID, r.State}, nil
}

// act checks a command and does it.
func (d *Dispatcher) act(ctx context.Context, id string, c Command, human bool, in escalation.Input) (Escalation, error) {
	var p sre.Problems
	p.CheckID("id", id)
	c.check(&p, human)
	if err := p.Err("dispatch"); err != nil {
		return Escalation{}, err
	}
	return d.send(ctx, id, c, input{Event: event{in}})
}

// dispatcher is the actor of [Dispatcher.Trigger].
var dispatcher = sre.Actor{Kind: sre.Service, ID: "dispatch"}

// Trigger begins an escalation with the version of a policy that is in use. One
// of the same ID that runs already takes no notice, unless the severity is worse;
// so the same trigger may come again and again. When it returns nil the first
// pages are durable.
//
// If Turn is 0, the next turn in the round robins of the policy is taken.
func (d *Dispatcher) Trigger(ctx context.Context, policyID string, t escalation.Trigger) (Escalation, error) {
	return d.TriggerAs(ctx, Command{Actor: dispatcher}, policyID, t)
}

// TriggerAs is Trigger by an actor, and with a key: a trigger that comes once
// more after the escalation was resolved would begin it anew, one with the same
// key does not. The note is not kept.
func (d *Dispatcher) TriggerAs(ctx context.Context, c Command, policyID string, t escalation.Trigger) (Escalation, error) {
	var p sre.Problems
	p.CheckID("id", t.ID)
	c.check(&p, false)
	checkText(&p, "title", t.Title, escalation.MaxTitle)
	checkText(&p, "body", t.Body, escalation.MaxBody)
	checkText(&p, "link", t.Link, escalation.MaxLink)
	policy := d.current(policyID)
	if policy == nil {
		p.Add("policy", CodeUnknownPolicy, policyID, "the ID of a policy in use")
	}
	if err := p.Err("dispatch"); err != nil {
		return Escalation{}, err
	}
	if err := d.keep(ctx, policy); err != nil {
		return Escalation{}, err
	}
	digest := policy.Digest()
	return d.send(ctx, t.ID, c, input{Event: event{t}, Policy: &digest, PolicyID: policyID})
}

// Fit shortens the texts of a trigger to what is allowed, so that an alert does
// not fail for what a monitoring system wrote.
func Fit(t escalation.Trigger) escalation.Trigger {
	t.Title = fit(t.Title, escalation.MaxTitle)
	t.Body = fit(t.Body, escalation.MaxBody)
	if len(t.Link) > escalation.MaxLink || !utf8.ValidString(t.Link) {
		t.Link = "" // half a link leads nowhere
	}
	return t
}

func fit(text string, limit int) string {
	const more = "..."
	text = strings.ToValidUTF8(text, "")
	if len(text) > limit {
		text = strings.ToValidUTF8(text[:limit-len(more)], "") + more
	}
	return text
}

// Ack takes notice of an escalation: the actor takes care.
func (d *Dispatcher) Ack(ctx context.Context, id string, c Command) (Escalation, error) {
	return d.act(ctx, id, c, true, escalation.Ack{By: c.Actor.ID, Note: c.Note})
}

// Respond says that the actor has begun to work on it.
func (d *Dispatcher) Respond(ctx context.Context, id string, c Command) (Escalation, error) {
	return d.act(ctx, id, c, true, escalation.Respond{By: c.Actor.ID, Note: c.Note})
}

// Snooze puts an escalation off until an instant. The note is written down
// first, in a commit of its own.
func (d *Dispatcher) Snooze(ctx context.Context, id string, until time.Time, c Command) (Escalation, error) {
	return d.noted(ctx, id, c, true, escalation.Snooze{By: c.Actor.ID, Until: until})
}

// Escalate enters another level at once: To is its ID, or empty for the next.
// The note is the reason.
func (d *Dispatcher) Escalate(ctx context.Context, id, to string, c Command) (Escalation, error) {
	return d.act(ctx, id, c, false, escalation.Escalate{By: c.Actor.ID, To: to, Reason: c.Note})
}

// HandOff pages a person instead of who has it now.
func (d *Dispatcher) HandOff(ctx context.Context, id, to string, c Command) (Escalation, error) {
	if sre.ValidID(to) {
		if _, known, err := d.c.Person(ctx, to); err == nil && !known {
			return Escalation{}, fmt.Errorf("dispatch: %w", sre.NewProblem("to", CodeUnknownPerson, to, "the ID of a person"))
		}
	}
	return d.act(ctx, id, c, false, escalation.HandOff{By: c.Actor.ID, To: to, Note: c.Note})
}

// Resolve ends an escalation.
func (d *Dispatcher) Resolve(ctx context.Context, id string, c Command) (Escalation, error) {
	return d.act(ctx, id, c, false, escalation.Resolve{By: c.Actor.ID, Reason: c.Note})
}

// AddNote keeps the note of the command.
func (d *Dispatcher) AddNote(ctx context.Context, id string, c Command) (Escalation, error) {
	return d.act(ctx, id, c, false, escalation.AddNote{By: c.Actor.ID, Text: c.Note})
}

// SetSeverity changes the severity. The note is written down first, in a commit
// of its own.
func (d *Dispatcher) SetSeverity(ctx context.Context, id string, severity sre.Severity, c Command) (Escalation, error) {
	return d.noted(ctx, id, c, false, escalation.SetSeverity{By: c.Actor.ID, Severity: severity})
}

// noted is act for inputs that have no room for a note.
func (d *Dispatcher) noted(ctx context.Context, id string, c Command, human bool, in escalation.Input) (Escalation, error) {
	if c.Note != "" {
		if e, err := d.act(ctx, id, c, human, escalation.AddNote{By: c.Actor.ID, Text: c.Note}); err != nil {
			return e, err
		}
	}
	c.Note = ""
	return d.act(ctx, id, c, human, in)
}

// Edit moves an escalation to the version of its policy that is in use. One that
// has it already stays as it is.
func (d *Dispatcher) Edit(ctx context.Context, id string, c Command) (Escalation, error) {
	var p sre.Problems
	p.CheckID("id", id)
	c.check(&p, false)
	if err := p.Err("dispatch"); err != nil {
		return Escalation{}, err
	}
	e, ok, err := d.Get(ctx, id)
	if err != nil {
		return Escalation{}, err
	}
	policy := d.current(e.PolicyID)
	if ok && policy == nil {
		return Escalation{}, fmt.Errorf("dispatch: %w", sre.NewProblem("policy", CodeUnknownPolicy, e.PolicyID, "the ID of a policy in use"))
	}
	if !ok || e.State.Status == escalation.None {
		return Escalation{}, &escalation.Refusal{Code: escalation.RefusedNotTriggered, Text: "trigger it first"}
	}
	if err := d.keep(ctx, policy); err != nil {
		return Escalation{}, err
	}
	digest := policy.Digest()
	e, err = d.send(ctx, id, c, input{Event: event{escalation.Edit{By: c.Actor.ID}}, Policy: &digest, PolicyID: policy.Policy().ID})
	var refused *escalation.Refusal
	if errors.As(err, &refused) && refused.Code == escalation.RefusedSamePolicy {
		e, _, err = d.Get(ctx, id)
	}
	return e, err
}

// EditOpen moves all open escalations of a policy to the version in use, and
// returns how many it moved. An edit does not do that by itself: a file that was
// changed must not alter who is paged right now, unless somebody wants it.
// It goes on after a failure, and returns all of them.
func (d *Dispatcher) EditOpen(ctx context.Context, policyID string, c Command) (moved int, err error) {
	policy := d.current(policyID)
	if policy == nil {
		return 0, fmt.Errorf("dispatch: %w", sre.NewProblem("policy", CodeUnknownPolicy, policyID, "the ID of a policy in use"))
	}
	var errs []error
	for e, err := range d.Open(ctx, "") {
		if err == nil && (e.PolicyID != policyID || e.State.Policy == policy.Digest()) {
			continue
		}
		if err == nil {
			_, err = d.Edit(ctx, e.ID, c)
		}
		if err != nil {
			errs = append(errs, fmt.Errorf("%s: %w", e.ID, err))
			continue
		}
		moved++
	}
	return moved, errors.Join(errs...)
}

// MaxKeys is how many of the latest keys of commands an escalation remembers.
const MaxKeys = runner.MaxInputKeys
