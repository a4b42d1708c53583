package sre

import (
	"fmt"
	"strconv"
	"strings"
)

// A Reason says why a decision is as it is. Code is stable and made for
// programs; Text is one sentence for people and may change between versions.
type Reason struct {
	Code   string  `json:"code"`
	Text   string  `json:"text"`
	Values []Value `json:"values,omitempty"` // the numbers used, in the order in which Text mentions them
}

// A Value is a number or name that a Reason used. Text is exact: decimal text,
// an RFC 3339 instant or a Go duration, never a rounded float.
type Value struct {
	Name string `json:"name"`
	Text string `json:"text"`
}

// String returns "code: text".
func (r Reason) String() string { return r.Code + ": " + r.Text }

// A Severity orders incidents, alerts and levels: 1 is the worst. 0 means that
// it is not known, and everything in this module treats it as 1, because a
// severity that nobody has stated yet must not delay anyone.
type Severity uint8

// Effective returns 1 for an unknown severity and s itself otherwise.
func (s Severity) Effective() Severity {
	if s == 0 {
		return 1
	}
	return s
}

// Worse reports whether s is strictly worse than other, unknown counting as 1.
func (s Severity) Worse(other Severity) bool { return s.Effective() < other.Effective() }

// String returns the name on the default scale: "P1" for 1 and so on, and
// "unknown" for 0. Use a [Scale] for other names.
func (s Severity) String() string {
	if s == 0 {
		return "unknown"
	}
	return "P" + strconv.Itoa(int(s))
}

// A Scale names severities, the worst first: Scale{"SEV-1", "SEV-2"} names 1
// and 2. A nil Scale is the default one, P1 to P4.
type Scale []string

var defaultScale = Scale{"P1", "P2", "P3", "P4"}

// Name returns the name of s, or "unknown" when the scale has none for it.
func (c Scale) Name(s Severity) string {
	if c == nil {
		c = defaultScale
	}
	if s == 0 || int(s) > len(c) {
		return "unknown"
	}
	return c[s-1]
}

// Parse returns the severity of that name, letter case aside.
func (c Scale) Parse(name string) (Severity, error) {
	if c == nil {
		c = defaultScale
	}
	for i, n := range c {
		if strings.EqualFold(n, name) {
			return Severity(i + 1), nil
		}
	}
	return 0, Problem{Code: "unknown_severity", Value: name, Want: "one of " + strings.Join(c, ", ")}
}

// An ActorKind says what sort of thing acts.
type ActorKind uint8

const (
	ActorUnknown ActorKind = iota // not stated; writes by such an actor are refused
	Human
	Service
	PolicyActor // a rule of this library acting by itself, such as an escalation that timed out
)

var actorKinds = [...]string{"unknown", "human", "service", "policy"}

// String returns the lower-case name.
func (k ActorKind) String() string {
	if int(k) < len(actorKinds) {
		return actorKinds[k]
	}
	return fmt.Sprintf("actor_kind(%d)", uint8(k))
}

// MarshalText returns the lower-case name; it refuses values that have none.
func (k ActorKind) MarshalText() ([]byte, error) {
	if int(k) >= len(actorKinds) {
		return nil, Problem{Code: "unknown_actor_kind", Value: k.String(), Want: "a declared ActorKind"}
	}
	return []byte(actorKinds[k]), nil
}

// UnmarshalText reads the lower-case name.
func (k *ActorKind) UnmarshalText(text []byte) error {
	for i, name := range actorKinds {
		if string(text) == name {
			*k = ActorKind(i)
			return nil
		}
	}
	return Problem{Code: "unknown_actor_kind", Value: string(text), Want: "unknown, human, service or policy"}
}

// An Actor is who did something: every command carries one.
type Actor struct {
	Kind ActorKind `json:"kind"`
	ID   string    `json:"id"`            // an ID as [ValidID] has it
	Via  string    `json:"via,omitempty"` // the channel, such as "slack" or "api"; for the record, never for authority
}

// Valid reports whether the actor is known: a declared kind and a valid ID.
func (a Actor) Valid() bool {
	return a.Kind > ActorUnknown && int(a.Kind) < len(actorKinds) && ValidID(a.ID)
}

// String returns "kind id", with " via channel" if there is one.
func (a Actor) String() string {
	s := a.Kind.String() + " " + a.ID
	if a.Via != "" {
		s += " via " + a.Via
	}
	return s
}
