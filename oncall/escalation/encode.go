package escalation

import (
	"bytes"
	"encoding/json"
	"fmt"
	"slices"
	"time"

	"github.com/sre-sdk/sre"
	"github.com/sre-sdk/sre/oncall"
)

// policySchema is that of [EncodePolicy].
const policySchema = 1

// EncodePolicy returns a policy as versioned bytes, {"schema":1,"data":...}: its
// canonical form. The digest of a policy is the SHA-256 of that of
// [Compiled.Policy], so whoever keeps it finds the same version again.
func EncodePolicy(p Policy) ([]byte, error) {
	data, err := json.Marshal(p)
	if err != nil {
		return nil, err
	}
	return json.Marshal(envelope{policySchema, data})
}

// DecodePolicy reads what [EncodePolicy] wrote. A schema or a field that this
// version does not know is refused: without it, the policy would be another one.
func DecodePolicy(data []byte) (Policy, error) {
	var e envelope
	if err := json.Unmarshal(data, &e); err != nil {
		return Policy{}, fmt.Errorf("escalation: %w", err)
	}
	if e.Schema != policySchema {
		return Policy{}, fmt.Errorf("escalation: %w", sre.NewProblem("schema", "unknown_schema", e.Schema, fmt.Sprintf("schema %d: use a newer program", policySchema)))
	}
	var p Policy
	if err := json.Unmarshal(e.Data, &p); err != nil {
		return Policy{}, fmt.Errorf("escalation: %w", err)
	}
	return p, nil
}

var targetNames = [...]string{"unknown", "person", "schedule", "team", "round_robin"}

// String returns the lower-case name.
func (k TargetKind) String() string {
	if int(k) < len(targetNames) {
		return targetNames[k]
	}
	return fmt.Sprintf("target(%d)", uint8(k))
}

// MarshalText returns the lower-case name; it refuses values that have none.
func (k TargetKind) MarshalText() ([]byte, error) {
	if int(k) >= len(targetNames) {
		return nil, sre.NewProblem("", "unknown_kind", k, "a declared TargetKind")
	}
	return []byte(k.String()), nil
}

// UnmarshalText reads the lower-case name.
func (k *TargetKind) UnmarshalText(text []byte) error {
	i := slices.Index(targetNames[:], string(text))
	if i < 0 {
		return sre.NewProblem("", "unknown_kind", string(text), "person, schedule, team or round_robin")
	}
	*k = TargetKind(i)
	return nil
}

// The form of a policy as JSON. What is not set is left out, so a field that a
// later version adds changes no digest of a policy that does not use it.
type (
	policyJSON struct {
		ID         string         `json:"id"`
		Name       string         `json:"name,omitempty"`
		Levels     []levelJSON    `json:"levels,omitempty"`
		Repeat     int            `json:"repeat,omitempty"`
		LastResort lastResortJSON `json:"last_resort"`
		BySeverity []ruleJSON     `json:"by_severity,omitempty"`
		Zone       string         `json:"zone,omitempty"`
		MaxSnooze  span           `json:"max_snooze,omitzero"`
	}
	levelJSON struct {
		ID      string       `json:"id"`
		Name    string       `json:"name,omitempty"`
		Targets []targetJSON `json:"targets,omitempty"`
		Delay   span         `json:"delay,omitzero"`
		Acks    int          `json:"acks,omitempty"`
		When    whenJSON     `json:"when,omitzero"`
	}
	targetJSON struct {
		Kind   TargetKind  `json:"kind"`
		ID     string      `json:"id,omitempty"`
		Role   oncall.Role `json:"role,omitzero"`
		People []string    `json:"people,omitempty"`
	}
	whenJSON struct {
		AtLeast sre.Severity `json:"at_least,omitempty"`
		Hours   []hoursJSON  `json:"hours,omitempty"`
		MaxLoad int          `json:"max_load,omitempty"`
	}
	hoursJSON struct {
		Weekdays []time.Weekday `json:"weekdays,omitempty"` // 0 is Sunday
		From     string         `json:"from"`
		To       string         `json:"to"`
	}
	lastResortJSON struct {
		Targets []targetJSON `json:"targets,omitempty"`
		Every   span         `json:"every,omitzero"`
	}
	ruleJSON struct {
		AtLeast     sre.Severity `json:"at_least"`
		Start       string       `json:"start,omitempty"`
		Acknowledge promiseJSON  `json:"acknowledge,omitzero"`
		Respond     promiseJSON  `json:"respond,omitzero"`
		AckFor      span         `json:"ack_for,omitzero"`
	}
	promiseJSON struct {
		Within span   `json:"within,omitzero"`
		Level  string `json:"level,omitempty"`
	}
)

// span is a duration that is a Go string as JSON.
type span time.Duration

func (d span) MarshalText() ([]byte, error) { return []byte(time.Duration(d).String()), nil }

func (d *span) UnmarshalText(text []byte) error {
	v, err := time.ParseDuration(string(text))
	if err != nil {
		return sre.NewProblem("", "invalid_duration", string(text), "a duration such as 5m0s")
	}
	*d = span(v)
	return nil
}

// MarshalJSON returns the policy with names in snake_case and durations as Go
// strings.
func (p Policy) MarshalJSON() ([]byte, error) {
	wire := policyJSON{
		ID: p.ID, Name: p.Name, Repeat: p.Repeat, Zone: p.Zone, MaxSnooze: span(p.MaxSnooze),
		LastResort: lastResortJSON{each(p.LastResort.Targets, targetWire), span(p.LastResort.Every)},
	}
	wire.Levels = each(p.Levels, func(l Level) levelJSON {
		when := whenJSON{l.When.AtLeast, each(l.When.Hours, func(h oncall.Hours) hoursJSON { return hoursJSON(h) }), l.When.MaxLoad}
		return levelJSON{l.ID, l.Name, each(l.Targets, targetWire), span(l.Delay), l.Acks, when}
	})
	wire.BySeverity = each(p.BySeverity, func(r Rule) ruleJSON {
		promise := func(p Promise) promiseJSON { return promiseJSON{span(p.Within), p.Level} }
		return ruleJSON{r.AtLeast, r.Start, promise(r.Acknowledge), promise(r.Respond), span(r.AckFor)}
	})
	return json.Marshal(wire)
}

// UnmarshalJSON reads what MarshalJSON wrote. Fields that it does not know are
// refused.
func (p *Policy) UnmarshalJSON(data []byte) error {
	var wire policyJSON
	dec := json.NewDecoder(bytes.NewReader(data))
	dec.DisallowUnknownFields()
	if err := dec.Decode(&wire); err != nil {
		return err
	}
	*p = Policy{
		ID: wire.ID, Name: wire.Name, Repeat: wire.Repeat, Zone: wire.Zone, MaxSnooze: time.Duration(wire.MaxSnooze),
		LastResort: LastResort{each(wire.LastResort.Targets, target), time.Duration(wire.LastResort.Every)},
	}
	p.Levels = each(wire.Levels, func(l levelJSON) Level {
		when := When{l.When.AtLeast, each(l.When.Hours, func(h hoursJSON) oncall.Hours { return oncall.Hours(h) }), l.When.MaxLoad}
		return Level{l.ID, l.Name, each(l.Targets, target), time.Duration(l.Delay), l.Acks, when}
	})
	p.BySeverity = each(wire.BySeverity, func(r ruleJSON) Rule {
		promise := func(p promiseJSON) Promise { return Promise{time.Duration(p.Within), p.Level} }
		return Rule{r.AtLeast, r.Start, promise(r.Acknowledge), promise(r.Respond), time.Duration(r.AckFor)}
	})
	return nil
}

func targetWire(t Target) targetJSON { return targetJSON(t) }

func target(t targetJSON) Target { return Target(t) }

// each converts the elements of a list.
func each[A, B any](list []A, convert func(A) B) []B {
	var out []B
	for _, v := range list {
		out = append(out, convert(v))
	}
	return out
}
