package dispatch

import (
	"context"
	"encoding/json"
	"fmt"
	"iter"
	"time"

	"github.com/sre-sdk/sre"
	"github.com/sre-sdk/sre/oncall"
	"github.com/sre-sdk/sre/oncall/escalation"
	"github.com/sre-sdk/sre/storage"
)

// A Moment is one step of an escalation, as the log has it.
type Moment struct {
	Pos    storage.Pos       `json:"pos"`
	At     time.Time         `json:"at"`
	Kind   string            `json:"kind"` // "trigger", "ack", "tick", ...
	Input  escalation.Input  `json:"input,omitempty"`
	Actor  sre.Actor         `json:"actor,omitzero"` // of a command
	Policy escalation.Digest `json:"policy"`         // that stepped it
	Status escalation.Status `json:"status"`         // after it
	Level  string            `json:"level"`          // after it
	Acts   []Act             `json:"acts,omitempty"` // what was decided, and why

	// Answers is what the directory said.
	Answers *escalation.Answers `json:"answers,omitempty"`
}

// Timeline yields what has happened to an escalation, the oldest first: who did
// what, what the directory said, who was paged, and why others were not. An error
// ends it; it is storage.ErrTrimmed if the log does not reach back that far.
func (d *Dispatcher) Timeline(ctx context.Context, id string) iter.Seq2[Moment, error] {
	return func(yield func(Moment, error) bool) {
		for rec, err := range d.c.Store.History(ctx, storage.Key{Kind: Kind, ID: id}, 0) {
			if err != nil {
				yield(Moment{}, err)
				return
			}
			if rec.Deleted {
				continue
			}
			m, step, err := d.moment(ctx, rec)
			if err != nil {
				yield(Moment{}, err)
				return
			}
			if step && !yield(m, nil) {
				return
			}
		}
	}
}

// note is what the runner writes of a step.
type note struct {
	At    time.Time       `json:"at"`
	Input json.RawMessage `json:"input"`
}

// moment reads the entry that wrote a version. step is false if it was no step.
func (d *Dispatcher) moment(ctx context.Context, rec storage.Record) (m Moment, step bool, err error) {
	entries, err := d.c.Store.Backend().Log(ctx, rec.Pos-1, 1)
	if err != nil {
		return m, false, err
	}
	if len(entries) == 0 {
		return m, false, fmt.Errorf("dispatch: position %d is not in the log", rec.Pos)
	}
	if len(entries[0].Note) == 0 {
		return m, false, nil
	}
	var n note
	var in input
	err = json.Unmarshal(entries[0].Note, &n)
	if err == nil {
		err = json.Unmarshal(n.Input, &in)
	}
	if err != nil {
		return m, false, fmt.Errorf("dispatch: position %d: %w", rec.Pos, err)
	}
	after, err := decode(rec)
	return Moment{Pos: rec.Pos, At: n.At, Kind: kindOf(in.Event.Input), Input: in.Event.Input, Actor: in.Actor,
		Policy: after.State.Policy, Status: after.State.Status, Level: after.State.Level, Acts: in.Acts, Answers: in.Answers}, true, err
}

// Replay folds what the log keeps of an escalation and returns what results: the
// same as Get, unless the engine was changed meanwhile, or the log was trimmed,
// which is storage.ErrTrimmed.
func (d *Dispatcher) Replay(ctx context.Context, id string) (Escalation, error) {
	seen := map[escalation.Digest]bool{}
	for rec, err := range d.c.Store.History(ctx, storage.Key{Kind: Kind, ID: id}, 0) {
		if err != nil {
			return Escalation{}, err
		}
		if rec.Deleted {
			continue
		}
		e, err := decode(rec)
		if err != nil {
			return Escalation{}, err
		}
		if digest := e.State.Policy; !seen[digest] && e.State.Status != escalation.None {
			if _, err := d.load(ctx, digest); err != nil {
				return Escalation{}, err
			}
			seen[digest] = true
		}
	}
	r, err := d.runner.Replay(ctx, id)
	return Escalation{id, r.PolicyID, r.State}, err
}

// A DeliveryStatus says where a delivery stands.
type DeliveryStatus uint8

const (
	DeliveryUnknown  DeliveryStatus = iota // there is no record of it
	DeliveryPending                        // due, under way, or to be tried again
	DeliveryAccepted                       // a provider has taken it
	DeliveryOver                           // not sent, since it was no longer wanted
	DeliveryDead                           // given up
)

var deliveryNames = [...]string{"unknown", "pending", "accepted", "over", "dead"}

// String returns the lower-case name.
func (s DeliveryStatus) String() string {
	if int(s) < len(deliveryNames) {
		return deliveryNames[s]
	}
	return fmt.Sprintf("delivery_status(%d)", uint8(s))
}

// MarshalText returns the lower-case name.
func (s DeliveryStatus) MarshalText() ([]byte, error) { return []byte(s.String()), nil }

// A DeliveryRecord is what is known of a delivery.
type DeliveryRecord struct {
	Key      string         `json:"key"`
	Status   DeliveryStatus `json:"status"`
	Attempts int            `json:"attempts"`          // how often it was claimed
	Contact  string         `json:"contact,omitempty"` // by which it went
	Receipt  oncall.Receipt `json:"receipt,omitzero"`
	Err      string         `json:"error,omitempty"`  // of the latest failure
	Claims   []storage.Pos  `json:"claims,omitempty"` // the positions of the claims: never after that of the acknowledgement
}

// effectRecord is what the runner writes of an effect: schema 1 of its records.
type effectRecord struct {
	Status  string `json:"status"`
	Attempt int    `json:"attempt"`
	Err     string `json:"error"`
	Receipt []byte `json:"receipt"`
	Skipped bool   `json:"skipped"`
}

// Delivery returns what is known of the delivery with a key, as the log has it,
// also after its record was deleted.
func (d *Dispatcher) Delivery(ctx context.Context, key string) (DeliveryRecord, error) {
	out := DeliveryRecord{Key: key}
	for rec, err := range d.c.Store.History(ctx, storage.Key{Kind: Kind + ".effect", ID: key}, 0) {
		if err != nil {
			return out, err
		}
		if rec.Deleted {
			continue
		}
		var e envelope
		var r effectRecord
		if err := json.Unmarshal(rec.Data, &e); err != nil {
			return out, fmt.Errorf("dispatch: decoding %s: %w", rec.Key, err)
		}
		if err := json.Unmarshal(e.Data, &r); err != nil {
			return out, fmt.Errorf("dispatch: decoding %s: %w", rec.Key, err)
		}
		if r.Attempt > out.Attempts {
			out.Claims = append(out.Claims, rec.Pos)
		}
		out.Attempts, out.Err = r.Attempt, r.Err
		var got receipt
		if len(r.Receipt) > 0 {
			if err := json.Unmarshal(r.Receipt, &got); err != nil {
				return out, fmt.Errorf("dispatch: decoding %s: %w", rec.Key, err)
			}
		}
		out.Contact, out.Receipt = got.Contact, got.Receipt
		switch {
		case r.Status == "dead", r.Status == "telling" && r.Err != "":
			out.Status = DeliveryDead
		case r.Status != "done" && r.Status != "telling":
			out.Status = DeliveryPending
		case r.Skipped || got.Over:
			out.Status = DeliveryOver
		default:
			out.Status = DeliveryAccepted
		}
	}
	return out, nil
}
