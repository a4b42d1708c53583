package schedule

import (
	"fmt"
	"strings"

	"github.com/sre-sdk/sre"
)

// The names of an enumeration stand at the index of their value.
var (
	composeNames = []string{Union: "union", Priority: "priority", LastWins: "last_wins"}
	turnsByNames = []string{ByCalendar: "calendar", ByWorked: "worked"}
	unitNames    = []string{NoUnit: "", Hour: "hour", Day: "day", Week: "week", Month: "month"}
	causeNames   = []string{ByLayer: "layer", ByTemporary: "temporary", BySwap: "swap", ByOverride: "override"}
)

// String returns the lower-case name.
func (c Compose) String() string { return enumString(composeNames, c, "compose") }

// MarshalText returns the lower-case name; it refuses values that have none.
func (c Compose) MarshalText() ([]byte, error) { return marshalEnum(composeNames, c, "compose") }

// UnmarshalText reads the lower-case name.
func (c *Compose) UnmarshalText(text []byte) error {
	return unmarshalEnum(composeNames, c, "compose", text)
}

// String returns the lower-case name.
func (b TurnsBy) String() string { return enumString(turnsByNames, b, "turns_by") }

// MarshalText returns the lower-case name; it refuses values that have none.
func (b TurnsBy) MarshalText() ([]byte, error) { return marshalEnum(turnsByNames, b, "turns_by") }

// UnmarshalText reads the lower-case name.
func (b *TurnsBy) UnmarshalText(text []byte) error {
	return unmarshalEnum(turnsByNames, b, "turns_by", text)
}

// String returns the lower-case name; of NoUnit it is empty.
func (u Unit) String() string { return enumString(unitNames, u, "unit") }

// MarshalText returns the lower-case name; it refuses values that have none.
func (u Unit) MarshalText() ([]byte, error) { return marshalEnum(unitNames, u, "unit") }

// UnmarshalText reads the lower-case name.
func (u *Unit) UnmarshalText(text []byte) error { return unmarshalEnum(unitNames, u, "unit", text) }

// String returns the lower-case name.
func (k CauseKind) String() string { return enumString(causeNames, k, "cause") }

// MarshalText returns the lower-case name; it refuses values that have none.
func (k CauseKind) MarshalText() ([]byte, error) { return marshalEnum(causeNames, k, "cause") }

// UnmarshalText reads the lower-case name.
func (k *CauseKind) UnmarshalText(text []byte) error {
	return unmarshalEnum(causeNames, k, "cause", text)
}

func enumString[E ~uint8](names []string, e E, what string) string {
	if int(e) < len(names) {
		return names[e]
	}
	return fmt.Sprintf("%s(%d)", what, uint8(e))
}

func marshalEnum[E ~uint8](names []string, e E, what string) ([]byte, error) {
	if int(e) < len(names) {
		return []byte(names[e]), nil
	}
	return nil, sre.NewProblem("", "unknown_"+what, enumString(names, e, what), "one of "+strings.Join(names, ", "))
}

func unmarshalEnum[E ~uint8](names []string, e *E, what string, text []byte) error {
	for i, name := range names {
		if name == string(text) {
			*e = E(i)
			return nil
		}
	}
	return sre.NewProblem("", "unknown_"+what, string(text), "one of "+strings.Join(names, ", "))
}

func problem(code, value, want string) error { return sre.NewProblem("", code, value, want) }
