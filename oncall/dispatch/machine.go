package dispatch

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"time"

	"github.com/sre-sdk/sre"
	"github.com/sre-sdk/sre/oncall"
	"github.com/sre-sdk/sre/oncall/escalation"
	"github.com/sre-sdk/sre/storage/runner"
)

// Kind is the kind of the records of escalations. Their deliveries, dead
// letters, policies and round robins are of kinds that begin with it and a dot.
const Kind = "escalation"

// record is the state of the machine: an escalation and where it belongs.
type record struct {
	PolicyID string
	State    escalation.State
}

// recordJSON keeps the state in the form of escalation.Encode, so that a program
// that does not know its schema leaves it alone.
type recordJSON struct {
	PolicyID string `json:"policy_id,omitempty"`
	State    struct {
		Schema int              `json:"schema"`
		Data   escalation.State `json:"data"`
	} `json:"state"`
}

// stateSchema is that of escalation.Encode.
var stateSchema = func() int {
	data, err := escalation.Encode(escalation.State{})
	var e envelope
	if err == nil {
		err = json.Unmarshal(data, &e)
	}
	if err != nil {
		panic("dispatch: " + err.Error()) // the zero State always encodes
	}
	return e.Schema
}()

func (r record) MarshalJSON() ([]byte, error) {
	wire := recordJSON{PolicyID: r.PolicyID}
	wire.State.Schema, wire.State.Data = stateSchema, r.State
	return json.Marshal(wire)
}

func (r *record) UnmarshalJSON(data []byte) error {
	var wire recordJSON
	if err := json.Unmarshal(data, &wire); err == nil && wire.State.Schema == stateSchema {
		*r = record{wire.PolicyID, wire.State.Data}
		return nil
	}
	var other struct {
		PolicyID string          `json:"policy_id"`
		State    json.RawMessage `json:"state"`
	}
	if err := json.Unmarshal(data, &other); err != nil {
		return err
	}
	state, err := escalation.Decode(other.State) // of another schema, which it may know
	if err != nil {
		return err
	}
	*r = record{other.PolicyID, state}
	return nil
}

// input is what the log keeps of a step: what happened, by whom, and all that
// the step took from outside.
type input struct {
	Event event     `json:"event"`
	Actor sre.Actor `json:"actor,omitzero"` // of a command
	Key   string    `json:"key,omitempty"`  // of a command, as it was given
	Life  time.Time `json:"life,omitzero"`  // of an outcome: when the escalation of the delivery was triggered

	// Running lets a Trigger count only for an escalation that runs.
	Running bool `json:"running,omitempty"`

	// PolicyID and Policy are those of the policy that steps it. A Trigger and an
	// Edit come with them; for all else Prepare fills them in.
	PolicyID string             `json:"policy_id,omitempty"`
	Policy   *escalation.Digest `json:"policy,omitempty"`

	// Of Prepare.
	Answers *escalation.Answers `json:"answers,omitempty"` // of the directory
	Acts    []Act               `json:"acts,omitempty"`    // what was decided, for who reads the log
}

// event carries an escalation.Input as {"kind":..., "input":...}.
type event struct{ escalation.Input }

type eventJSON struct {
	Kind  string          `json:"kind"`
	Input json.RawMessage `json:"input,omitempty"`
}

// kindOf returns the name of an input in the log.
func kindOf(in escalation.Input) string {
	switch in.(type) {
	case escalation.Trigger:
		return "trigger"
	case escalation.Ack:
		return "ack"
	case escalation.Respond:
		return "respond"
	case escalation.Snooze:
		return "snooze"
	case escalation.Escalate:
		return "escalate"
	case escalation.HandOff:
		return "hand_off"
	case escalation.AddNote:
		return "note"
	case escalation.SetSeverity:
		return "set_severity"
	case escalation.Resolve:
		return "resolve"
	case escalation.Edit:
		return "edit"
	case escalation.Undelivered:
		return "undelivered"
	case escalation.Tick:
		return "tick"
	}
	return ""
}

func (e event) MarshalJSON() ([]byte, error) {
	wire := eventJSON{Kind: kindOf(e.Input)}
	if wire.Kind == "" {
		return nil, fmt.Errorf("dispatch: an input of type %T has no name", e.Input)
	}
	if _, tick := e.Input.(escalation.Tick); !tick {
		data, err := json.Marshal(e.Input)
		if err != nil {
			return nil, err
		}
		wire.Input = data
	}
	return json.Marshal(wire)
}

func (e *event) UnmarshalJSON(data []byte) error {
	var wire eventJSON
	if err := json.Unmarshal(data, &wire); err != nil {
		return err
	}
	read, ok := readers[wire.Kind]
	if !ok {
		return fmt.Errorf("dispatch: %w", sre.NewProblem("kind", "unknown_kind", wire.Kind, "the name of an input; a newer one needs a newer program"))
	}
	var err error
	e.Input, err = read(wire.Input)
	return err
}

var readers = map[string]func([]byte) (escalation.Input, error){
	"trigger": read[escalation.Trigger], "ack": read[escalation.Ack], "respond": read[escalation.Respond],
	"snooze": read[escalation.Snooze], "escalate": read[escalation.Escalate], "hand_off": read[escalation.HandOff],
	"note": read[escalation.AddNote], "set_severity": read[escalation.SetSeverity], "resolve": read[escalation.Resolve],
	"edit": read[escalation.Edit], "undelivered": read[escalation.Undelivered],
	"tick": func([]byte) (escalation.Input, error) { return escalation.Tick{}, nil },
}

func read[T escalation.Input](data []byte) (escalation.Input, error) {
	var in T
	err := json.Unmarshal(data, &in)
	return in, err
}

func (d *Dispatcher) machine() runner.Machine[record, input] {
	return runner.Machine[record, input]{
		Kind:    Kind,
		Step:    d.step,
		NextDue: func(r record) time.Time { return r.State.NextDue() },
		Tick:    input{Event: event{escalation.Tick{}}},
		Result:  result,
		Wanted:  wanted,
		Prepare: d.prepare,
		Ended:   func(r record) bool { return r.State.Status == escalation.Resolved },
	}
}

// begins reports whether an input begins an escalation.
func begins(r record, in escalation.Input) bool {
	_, trigger := in.(escalation.Trigger)
	return trigger && (r.State.Status == escalation.None || r.State.Status == escalation.Resolved)
}

// editor is who moves an escalation to the policy that there is, where the one
// that it had cannot be read any more.
const editor = "dispatch"

// errStale: an outcome of a delivery that belongs to no escalation that is.
var errStale = errors.New("dispatch: the escalation of this delivery is over")

// apply is the step of the machine, over a directory or what it has answered.
func apply(policy *escalation.Compiled, r record, in input, dir escalation.Directory, now time.Time) (record, []escalation.Effect, error) {
	state, e := r.State, in.Event.Input
	var effects []escalation.Effect
	var err error
	switch _, outcome := e.(escalation.Undelivered); {
	case in.Running && state.Status == escalation.Resolved:
		return r, nil, &escalation.Refusal{Code: escalation.RefusedResolved, Text: "trigger it again"}
	case in.Running && state.Status == escalation.None:
		return r, nil, &escalation.Refusal{Code: escalation.RefusedNotTriggered, Text: "trigger it first"}
	case outcome && (state.Status == escalation.None || !state.Triggered.Equal(in.Life)):
		return r, nil, errStale
	case begins(r, e):
		r.PolicyID = in.PolicyID
	case state.Status == escalation.None:
		return r, nil, &escalation.Refusal{Code: escalation.RefusedNotTriggered, Text: "trigger it first"}
	case kindOf(e) == "edit":
		r.PolicyID = in.PolicyID
	case state.Policy != policy.Digest(): // what it had cannot be read: see policyOf
		state, effects, err = policy.Step(state, escalation.Edit{By: editor}, dir, now, nil)
		if err != nil {
			return r, nil, err
		}
		r.PolicyID = in.PolicyID
	}
	state, effects, err = policy.Step(state, e, dir, now, effects)
	if err != nil {
		return r, nil, err
	}
	r.State = state
	return r, effects, nil
}

// step is pure but for the policy, which is one and the same for a digest.
func (d *Dispatcher) step(r record, in input, now time.Time) (record, []runner.Effect, error) {
	var policy *escalation.Compiled
	if in.Policy != nil {
		if policy = d.cached(*in.Policy); policy == nil {
			return r, nil, fmt.Errorf("dispatch: the policy %s was not loaded", in.Policy)
		}
	}
	answers := in.Answers
	if answers == nil {
		answers = &escalation.Answers{}
	}
	after, effects, err := apply(policy, r, in, answers, now)
	if err != nil {
		return r, nil, err
	}
	ways := map[string]string{}
	for _, a := range in.Acts {
		if a.Key != "" {
			ways[a.Key] = a.Way
		}
	}
	var out []runner.Effect
	for _, e := range effects {
		if e.Kind != escalation.Deliver {
			continue
		}
		p := page{Of: after.State.ID, Life: after.State.Triggered, Entry: e.Entry, Level: e.Level, At: e.At,
			Person: e.Person, Contact: e.Contact, Step: e.Step}
		data, err := json.Marshal(p)
		if err != nil {
			return r, nil, err
		}
		key := DeliveryKey(after.State, e)
		out = append(out, runner.Effect{ID: key, Type: wayOf(ways[key]), Payload: data})
	}
	return after, out, nil
}

// DeliveryKey returns the Key of the oncall.Delivery that an effect becomes. It
// is unique also where an escalation of the same ID was deleted long ago.
func DeliveryKey(s escalation.State, e escalation.Effect) string {
	return e.Key(s.ID + "\x00" + s.Triggered.UTC().Format(time.RFC3339Nano))
}

// page is the payload of a delivery.
type page struct {
	Of      string    `json:"of"` // the ID of the escalation
	Life    time.Time `json:"life"`
	Entry   uint32    `json:"entry"`
	Level   string    `json:"level"`
	At      time.Time `json:"at"`
	Person  string    `json:"person"`
	Contact string    `json:"contact,omitempty"`
	Step    uint8     `json:"step"`
}

func (p page) effect() escalation.Effect {
	return escalation.Effect{Kind: escalation.Deliver, Entry: p.Entry, Level: p.Level, At: p.At, Person: p.Person, Contact: p.Contact, Step: p.Step}
}

func (p page) wantedBy(s escalation.State) bool {
	return s.Triggered.Equal(p.Life) && s.Wants(p.effect())
}

func pageOf(e runner.Effect) (page, error) {
	var p page
	err := json.Unmarshal(e.Payload, &p)
	return p, err
}

func wanted(r record, e runner.Effect) bool {
	p, err := pageOf(e)
	return err != nil || p.wantedBy(r.State) // one that cannot be read becomes a dead letter, not nothing
}

// result tells the escalation of a delivery that was given up.
func result(e runner.Effect, o runner.Outcome) (input, bool) {
	p, err := pageOf(e)
	if o.Err == "" || err != nil {
		return input{}, false
	}
	return input{Event: event{escalation.Undelivered{Entry: p.Entry, Person: p.Person, Step: p.Step}}, Life: p.Life}, true
}

// An Act is one thing that a step decided: to deliver something, or to note why
// something was not done.
type Act struct {
	Code  string    `json:"code"` // "deliver", or what escalation.NoticeCode prints
	Level string    `json:"level"`
	Entry uint32    `json:"entry"`
	At    time.Time `json:"at"` // when it was due

	Person  string `json:"person,omitempty"`
	Contact string `json:"contact,omitempty"`
	Step    uint8  `json:"step,omitempty"`
	Key     string `json:"key,omitempty"` // of the oncall.Delivery
	Way     string `json:"way,omitempty"` // the kind of the contact, if it is known
}

// CodeDeliver is the Code of an Act that delivers.
const CodeDeliver = "deliver"

// String returns the act on one line.
func (a Act) String() string {
	switch {
	case a.Code == CodeDeliver && a.Contact == "":
		return fmt.Sprintf("%s: deliver to %s by any contact", a.Level, a.Person)
	case a.Code == CodeDeliver:
		return fmt.Sprintf("%s: deliver to %s by %s", a.Level, a.Person, a.Contact)
	case a.Person != "":
		return fmt.Sprintf("%s: %s %s", a.Level, a.Code, a.Person)
	}
	return fmt.Sprintf("%s: %s", a.Level, a.Code)
}

// prepare completes an input with its policy, its turn, and what the directory
// says. It does so by trying the step. It fails only if the store does.
func (d *Dispatcher) prepare(ctx context.Context, r record, in input, now time.Time) (input, error) {
	if starts := begins(r, in.Event.Input); starts && in.Running || r.State.Status == escalation.None && !starts {
		return in, nil // Step refuses it
	}
	policy, err := d.policyOf(ctx, r, in)
	if err != nil {
		return in, err
	}
	digest := policy.Digest()
	in.Policy, in.PolicyID = &digest, policy.Policy().ID
	if t, ok := in.Event.Input.(escalation.Trigger); ok && begins(r, t) && t.Turn == 0 {
		if t.Turn, err = d.turn(ctx, policy, r.State, t.ID); err != nil {
			return in, err
		}
		in.Event.Input = t
	}
	recorder := escalation.Recorder{Directory: d.answers(ctx, r.State.ID)}
	after, effects, err := apply(policy, r, in, &recorder, now)
	if err != nil {
		return in, nil // Step refuses it in the same way
	}
	in.Answers, in.Acts = &recorder.Answers, d.acts(ctx, after.State, effects)
	return in, nil
}

// acts writes down what was decided.
func (d *Dispatcher) acts(ctx context.Context, s escalation.State, effects []escalation.Effect) []Act {
	ctx, cancel := context.WithTimeout(ctx, d.c.Timeout/4) // the ways only sort deliveries
	defer cancel()
	people := map[string]oncall.Person{}
	acts := make([]Act, 0, len(effects))
	for _, e := range effects {
		a := Act{Code: e.Code.String(), Level: e.Level, Entry: e.Entry, At: e.At, Person: e.Person}
		if e.Kind == escalation.Deliver {
			p, asked := people[e.Person]
			if !asked && ctx.Err() == nil {
				p, _, _ = d.c.Person(ctx, e.Person)
				people[e.Person] = p
			}
			contact, _ := p.Contact(e.Contact)
			a.Code, a.Contact, a.Step, a.Key, a.Way = CodeDeliver, e.Contact, e.Step, DeliveryKey(s, e), string(contact.Kind)
		}
		acts = append(acts, a)
	}
	return acts
}
