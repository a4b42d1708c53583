package incidentstore

import (
	"context"
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"errors"
	"fmt"
	"slices"
	"time"

	"github.com/sre-sdk/sre"
	"github.com/sre-sdk/sre/incident"
	"github.com/sre-sdk/sre/storage"
)

// A Request is a command on its way to an incident.
type Request struct {
	incident.Request

	// Key names this request, an ID as sre.ValidID has it: the same request to the
	// same incident with the same key changes nothing and gets the answer that it
	// got, a refusal that was kept included, with the state as it is now. Another
	// request with the key is refused with [CodeKeyReused]. A caller who does not
	// know the outcome sends the same again. Keys are known for the latest MaxKeys
	// requests with a key. Default: each call is a request of its own.
	Key string
}

// Codes of sre.Problem that a Desk returns.
const (
	CodeKeyReused = "key_reused" // the key was another request's
)

// Declare begins an incident and returns its ID, which is c.ID or else made. If
// an incident of that ID was declared already it is a refusal, see [incident].
func (d *Desk) Declare(ctx context.Context, by sre.Actor, c incident.Declare) (id string, s incident.State, err error) {
	return d.DeclareAs(ctx, Request{Request: incident.Request{By: by, Command: c}})
}

// DeclareAs is Declare for a request, whose command is an [incident.Declare]. If
// that has no ID but the request a key, the ID follows from the key and the
// actor, so that the same again declares nothing twice.
func (d *Desk) DeclareAs(ctx context.Context, r Request) (id string, s incident.State, err error) {
	c, ok := r.Command.(incident.Declare)
	if !ok {
		return "", s, &incident.Refusal{Code: incident.RefusedInvalid, Text: "a Declare"}
	}
	switch {
	case c.ID != "":
	case r.Key != "":
		c.ID = "inc-" + mark(fmt.Sprintf("%s %d %s %s", r.By.Kind, len(r.By.ID), r.By.ID, r.Key))
	default:
		c.ID = d.c.NewID()
	}
	r.Command = c
	s, err = d.Do(ctx, c.ID, r)
	return c.ID, s, err
}

// Do gives a command to an incident and returns how it stands then. When the
// error is nil, it is durable, and so is everything that follows from it.
//
// A *[incident.Refusal] says why it was refused. One with
// [incident.RefusedConflict] is kept in the log, and durable as well; the state
// beside it has it. For [incident.Merge] the ID is that of the one that becomes
// part of another, for [incident.Split] that of the whole; see MaxFamily.
//
// After storage.ErrUnavailable or an error of the context the outcome is not
// known: send the same again with the same key. storage.ErrTooLarge and
// storage.ErrConflict mean that nothing happened.
func (d *Desk) Do(ctx context.Context, id string, r Request) (incident.State, error) {
	var p sre.Problems
	p.CheckID("id", id)
	if r.Key != "" {
		p.CheckID("key", r.Key)
	}
	if err := p.Err("incidentstore"); err != nil {
		return incident.State{}, err
	}
	switch c := r.Command.(type) {
	case incident.Merge:
		return d.merge(ctx, id, r, c)
	case incident.Split:
		return d.split(ctx, id, r, c)
	case incident.Declare:
		if c.ID != id {
			return incident.State{}, &incident.Refusal{Code: incident.RefusedInvalid, Text: "the ID of the incident in the command, too"}
		}
	}
	return d.commit(ctx, []string{id}, r, func(s []*incident.State, now time.Time) ([]incident.Addressed, error) {
		events, err := d.c.Policy.Handle(s[0], r.Request, now)
		list := make([]incident.Addressed, len(events))
		for i, e := range events {
			list[i] = incident.Addressed{ID: id, Event: e}
		}
		return list, err
	})
}

// decide returns the events of incidents, whose states it does not change.
type decide func(s []*incident.State, now time.Time) ([]incident.Addressed, error)

// commit decides about incidents and commits what comes of it, in one batch. The
// request is that of the first one, whose state it returns.
func (d *Desk) commit(ctx context.Context, ids []string, r Request, decide decide) (state incident.State, err error) {
	var keys []storage.Key
	for _, id := range ids {
		keys = append(keys, d.records.Key(id))
	}
	for _, id := range ids {
		keys = append(keys, storage.Key{Kind: openKind, ID: id})
	}
	var kept *refusal
	_, err = d.c.Store.Update(ctx, "do "+d.c.NewID(), keys, func(now []storage.Record) (made storage.Change, err error) {
		kept = nil
		t, err := d.open(ids, now)
		if err != nil {
			return made, err
		}
		state = t.changes[0].State
		if known := t.changes[0].keyed(r.Key); r.Key != "" && known != nil {
			kept = known.Refusal
			return made, known.check(r)
		}
		events, err := decide(t.states(), t.now)
		if refused := (*incident.Refusal)(nil); errors.As(err, &refused) && len(events) > 0 {
			kept, err = &refusal{refused.Code, refused.Text, refused.May}, nil
		}
		if err != nil || len(events) == 0 && (r.Key == "" || !now[0].Exists()) {
			return made, err
		}
		touched := map[string]bool{ids[0]: true} // at least for the key
		for _, a := range events {
			d.apply(t.changes[slices.Index(ids, a.ID)], a.Event)
			touched[a.ID] = true
		}
		if r.Key != "" {
			t.changes[0].remember(keyed{r.Key, r.sum(), kept})
		}
		state = t.changes[0].State
		return d.write(t, touched, now)
	})
	if err == nil && kept != nil {
		err = &incident.Refusal{Code: kept.Code, Text: kept.Text, May: kept.May}
	}
	return state, err
}

// turn is what one batch changes.
type turn struct {
	now     time.Time
	note    note
	changes []change
}

func (t *turn) states() (list []*incident.State) {
	for _, c := range t.changes {
		list = append(list, &c.State)
	}
	return list
}

// open decodes records, those of incidents first, then those that say that they
// are open.
func (d *Desk) open(ids []string, now []storage.Record) (*turn, error) {
	t := &turn{now: d.now(), note: note{Schema: noteSchema}}
	for i, id := range ids {
		rec := &record{}
		if now[i].Exists() {
			v, err := d.records.Decode(now[i].Data)
			if err != nil {
				return nil, err
			}
			rec = &v
		}
		if rec.Looked.After(t.now) {
			t.now = rec.Looked // another process has a faster clock, and has judged by it
		}
		t.changes = append(t.changes, change{rec, id, now[i].Version + 1, &t.note})
	}
	t.note.At = t.now
	return t, nil
}

// write returns the writes of the records that were touched.
func (d *Desk) write(t *turn, touched map[string]bool, now []storage.Record) (made storage.Change, err error) {
	for i, c := range t.changes {
		if !touched[c.id] {
			continue
		}
		w := storage.Write{Key: now[i].Key, Due: c.due(t.now)}
		if w.Data, err = d.records.Encode(*c.record); err != nil {
			return made, err
		}
		made.Writes = append(made.Writes, w)
		switch listed := now[len(t.changes)+i]; {
		case isOpen(&c.State) && !listed.Exists():
			made.Writes = append(made.Writes, storage.Write{Key: listed.Key, Data: []byte("{}")})
		case !isOpen(&c.State) && listed.Exists():
			made.Writes = append(made.Writes, storage.Write{Key: listed.Key, Delete: true})
		}
	}
	made.Note, err = json.Marshal(t.note)
	return made, err
}

// sum is the same for the same request.
func (r Request) sum() string {
	data, err := json.Marshal(struct {
		By      sre.Actor
		At      time.Time
		Reason  string
		Seen    uint64
		Kind    incident.Kind
		Command incident.Command
	}{r.By, r.At.UTC(), r.Reason, r.Seen, r.Command.Kind(), r.Command})
	if err != nil { // a command that was accepted is JSON
		data = []byte(err.Error())
	}
	sum := sha256.Sum256(data)
	return hex.EncodeToString(sum[:8])
}

// check refuses another request than that of the key.
func (k *keyed) check(r Request) error {
	var p sre.Problems
	if r.Command == nil || k.Sum != r.sum() {
		p.Add("key", CodeKeyReused, k.Key, "a key of its own for another request")
	}
	return p.Err("incidentstore")
}
