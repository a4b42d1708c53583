package intake

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"reflect"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/sre-sdk/sre"
	"github.com/sre-sdk/sre/oncall/alert"
	"github.com/sre-sdk/sre/oncall/routing"
	"github.com/sre-sdk/sre/storage"
	"github.com/sre-sdk/sre/storage/runner"
)

// Kind is the kind of the records of groups. Everything else that this package
// keeps is of kinds that begin with it and a dot.
const Kind = "alert"

// record is the state of the machine: a group and where it goes.
type record struct {
	Target target `json:"target"`

	// Born is when the group began. It is part of the keys of its pages: a group
	// that is forgotten and begins again has pages of its own.
	Born  time.Time   `json:"born"`
	State alert.State `json:"state"`
}

// input is what the log keeps of a step.
type input struct {
	Input  alert.Input `json:"input"`
	Target target      `json:"target,omitzero"`  // where the group goes
	Routes []Routed    `json:"routes,omitempty"` // how its alerts were routed

	// Of Prepare.
	Facts facts `json:"facts,omitzero"`
	Acts  []Act `json:"acts,omitempty"` // what was decided, for who reads the log

	by *alert.Compiled // with which Prepare tried the step
}

// Routed is how alerts were routed.
type Routed struct {
	Decision     routing.Decision `json:"decision"`
	Fingerprints []string         `json:"fingerprints"`

	// Kept says that the alerts stay in the page in which they fire already.
	Kept bool `json:"kept,omitempty"`
}

// An Act is an effect of the alert kernel as the log has it, and why.
type Act struct {
	ID           string           `json:"id"`
	Kind         alert.EffectKind `json:"kind"`
	At           time.Time        `json:"at"`
	Key          string           `json:"key,omitempty"` // of the page
	Severity     sre.Severity     `json:"severity,omitempty"`
	Service      string           `json:"service,omitempty"`
	Name         string           `json:"name,omitempty"` // the label alertname, if all of the page share it
	Summary      string           `json:"summary,omitempty"`
	Firing       int              `json:"firing,omitempty"`
	Resolved     int              `json:"resolved,omitempty"`
	By           alert.By         `json:"by,omitzero"`            // of Suppressed and Released
	Reason       sre.Reason       `json:"reason,omitzero"`        // likewise
	Fingerprints []string         `json:"fingerprints,omitempty"` // likewise
	Cut          int              `json:"cut,omitempty"`          // how many fingerprints there was no room for
}

// String returns the act on one line.
func (a Act) String() string {
	if a.Kind == alert.Suppressed || a.Kind == alert.Released {
		return fmt.Sprintf("%s: %s", a.Kind, a.Reason.Text)
	}
	return fmt.Sprintf("%s %s: %d firing, %d resolved: %s", a.Kind, a.Key, a.Firing, a.Resolved, a.Summary)
}

func actOf(e alert.Effect) Act {
	return Act{ID: e.ID, Kind: e.Kind, At: e.At, Key: e.Key, Severity: e.Severity, Service: e.Service, Name: e.Labels.Get("alertname"), Summary: e.Summary,
		Firing: e.Firing, Resolved: e.Resolved, By: e.By, Reason: e.Reason, Fingerprints: e.Fingerprints}
}

// The types of effects.
const (
	pageType   = "page"
	ticketType = "ticket"
)

// job is the payload of an effect.
type job struct {
	Target target       `json:"target"`
	Effect alert.Effect `json:"effect"`
}

func (x *Intake) machine() runner.Machine[record, input] {
	return runner.Machine[record, input]{
		Kind: Kind,
		Step: func(r record, in input, now time.Time) (record, []runner.Effect, error) {
			policy := in.by
			if policy == nil { // it is replayed
				policy = x.policies.Load().alerts
			}
			after, effects, err := step(policy, r, in, now)
			if err != nil {
				return r, nil, err
			}
			return after, x.effects(after, effects), nil
		},
		NextDue: func(r record) time.Time { return alert.NextDue(r.State) },
		Prepare: x.prepare,
		Ended:   ended,
	}
}

// errUnchanged: an input that says nothing new. It refuses the step, so that
// nothing is committed.
var errUnchanged = errors.New("intake: nothing new")

// step is the machine, pure.
func step(policy *alert.Compiled, r record, in input, now time.Time) (record, []alert.Effect, error) {
	before := r.State
	if before.Schema == 0 {
		r.Born = now
	}
	if in.Target != (target{}) && !before.Page.Open {
		r.Target = in.Target
	}
	after, effects, err := policy.Step(before, in.Input, in.Facts.plain(), now, nil)
	if err != nil {
		return r, nil, err
	}
	if tick(in.Input) && before.Schema != 0 || len(effects) > 0 || !same(&before, &after) {
		r.State = after
		for i := range effects {
			r.own(&effects[i])
		}
		return r, effects, nil
	}
	return r, nil, errUnchanged
}

func tick(in alert.Input) bool {
	return in.Group == "" && len(in.Alerts) == 0 && in.Beat == "" && in.Expect == ""
}

// same reports whether Step has returned the same state.
func same(a, b *alert.State) bool {
	if !a.At.Equal(b.At) || !a.Due.Equal(b.Due) || len(a.Alerts) != len(b.Alerts) || len(a.Alerts) > 0 && &a.Alerts[0] != &b.Alerts[0] {
		return false
	}
	return reflect.DeepEqual(a, b)
}

// own makes the identities of an effect those of this life of the group.
func (r *record) own(e *alert.Effect) {
	life := r.State.Group + "." + strconv.FormatInt(r.Born.Unix(), 36)
	for _, id := range []*string{&e.Key, &e.ID} {
		if rest, ok := strings.CutPrefix(*id, r.State.Group); ok {
			*id = life + rest
		}
	}
}

// effects are what is to be done about effects; the others are in the log.
func (x *Intake) effects(r record, list []alert.Effect) []runner.Effect {
	var out []runner.Effect
	for _, e := range list {
		kind := ""
		switch {
		case e.Kind != alert.Trigger && e.Kind != alert.Update && e.Kind != alert.Resolve:
		case r.Target.Action == routing.Page:
			kind = pageType
		case r.Target.Action == routing.Ticket && x.c.Tickets != nil:
			kind = ticketType
		}
		if kind != "" {
			out = append(out, runner.Effect{ID: e.ID, Type: kind, Payload: payload(job{r.Target, e})})
		}
	}
	return out
}

// payload encodes a job, with as many alerts as there is room for.
func payload(j job) []byte {
	for {
		data, err := json.Marshal(j)
		if err != nil {
			panic("intake: " + err.Error()) // it came from JSON
		}
		if len(data) <= runner.MaxPayload || len(j.Effect.Alerts) == 0 {
			return data
		}
		j.Effect.Alerts = j.Effect.Alerts[:len(j.Effect.Alerts)-1]
	}
}

// ended reports whether nothing of a group fires, so that it may be forgotten.
func ended(r record) bool {
	s := &r.State
	if s.Page.Open || s.Lost || len(s.Overflow) > 0 || s.Beat.Name != "" {
		return false
	}
	for i := range s.Alerts {
		if s.Alerts[i].Status == alert.Firing {
			return false
		}
	}
	return true
}

// prepare completes an input with the facts, and with what will be decided. It
// fails only if the store does.
func (x *Intake) prepare(ctx context.Context, r record, in input, now time.Time) (input, error) {
	p := x.policies.Load()
	in.by = p.alerts
	if name := heartbeatOf(r, in); name != "" {
		in.Target = p.heartbeatTarget(name, now)
	}
	if r.State.Schema == 0 && tick(in.Input) {
		return in, nil
	}
	var err error
	if in.Facts, err = x.facts(ctx, p, r, in, now); err != nil {
		return in, err
	}
	after, effects, err := step(p.alerts, r, in, now)
	if err != nil {
		return in, nil // Step refuses it in the same way
	}
	in.Acts = fitting(after, in, effects)
	return in, nil
}

// heartbeatOf returns the heartbeat that the group watches.
func heartbeatOf(r record, in input) string {
	for _, name := range []string{in.Input.Beat, in.Input.Expect, r.State.Beat.Name} {
		if name != "" {
			return name
		}
	}
	return ""
}

// heartbeatTarget is where a page about a heartbeat goes.
func (p *policies) heartbeatTarget(name string, now time.Time) target {
	h := alert.Heartbeat{Name: name}
	if i := slices.IndexFunc(p.plain.Heartbeats, func(h alert.Heartbeat) bool { return h.Name == name }); i >= 0 {
		h = p.plain.Heartbeats[i]
	}
	a := alert.Alert{Status: alert.Firing, Severity: h.Severity, Service: h.Service, Summary: h.Summary, Labels: missing(h)}
	return targetOf(p.routing.Route(&a, now))
}

// room is what a batch leaves to what is only written down, beside the state, the
// input and the effects, whose payload takes 4/3 of its size.
func room(r record, in input, effects []alert.Effect) int {
	const overhead = 16 << 10 // keys, envelopes, base64
	left := storage.MaxBatch - overhead
	for _, v := range []any{r, in} {
		data, _ := json.Marshal(v)
		left -= len(data)
	}
	for _, e := range effects {
		if e.Kind == alert.Trigger || e.Kind == alert.Update || e.Kind == alert.Resolve {
			left -= runner.MaxPayload*4/3 + 1000
		}
	}
	return left
}

// fitting returns the acts of a step, with as many fingerprints as there is room
// for: a page is worth more than what is written down about another one.
func fitting(r record, in input, effects []alert.Effect) []Act {
	acts := make([]Act, len(effects))
	size := 0
	for i, e := range effects {
		acts[i] = actOf(e)
		size += 1200 + len(e.Summary) + len(e.Reason.Text)
		for _, f := range e.Fingerprints {
			size += len(f) + 3
		}
	}
	const plenty = 100 << 10 // of room: then nobody measures
	if size < plenty && r.State.Bytes < plenty {
		return acts
	}
	left := room(r, in, effects)
	for i := len(acts) - 1; i >= 0 && size > left; i-- {
		for _, f := range acts[i].Fingerprints {
			size -= len(f) + 3
		}
		acts[i].Cut, acts[i].Fingerprints = len(acts[i].Fingerprints), nil
	}
	return acts
}
