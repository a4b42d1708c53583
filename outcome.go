package sre

import "fmt"

// An Outcome is what a policy says of a request. The zero value is Unknown.
type Outcome uint8

const (
	Unknown Outcome = iota // the facts do not suffice; never a yes
	Allow                  // go
	Warn                   // go, and look at the reasons
	Hold                   // not yet: the decision carries the earliest instant at which to ask again
	Deny                   // no
)

var outcomeNames = [...]string{"unknown", "allow", "warn", "hold", "deny"}

// String returns the lower-case name, which is also the JSON form.
func (o Outcome) String() string {
	if int(o) < len(outcomeNames) {
		return outcomeNames[o]
	}
	return fmt.Sprintf("outcome(%d)", uint8(o))
}

// Passes reports whether the request may go ahead: Allow or Warn.
func (o Outcome) Passes() bool { return o == Allow || o == Warn }

// rank orders outcomes from best to worst. Unknown stands between what passes
// and what is refused: it never passes, and a certain refusal outweighs it.
func (o Outcome) rank() int {
	switch o {
	case Allow:
		return 0
	case Warn:
		return 1
	case Hold:
		return 3
	case Deny:
		return 4
	}
	return 2
}

// Worse reports whether o is strictly worse than other in the order
// Allow < Warn < Unknown < Hold < Deny.
func (o Outcome) Worse(other Outcome) bool { return o.rank() > other.rank() }

// Worst returns the worst of the outcomes. Of none it is Unknown: a verdict
// about nothing is not a yes.
func Worst(outcomes ...Outcome) Outcome {
	if len(outcomes) == 0 {
		return Unknown
	}
	worst := outcomes[0]
	for _, o := range outcomes[1:] {
		if o.Worse(worst) {
			worst = o
		}
	}
	return worst
}

// ParseOutcome reads the lower-case name of an outcome.
func ParseOutcome(text string) (Outcome, error) {
	for i, name := range outcomeNames {
		if text == name {
			return Outcome(i), nil
		}
	}
	return Unknown, Problem{Code: "unknown_outcome", Value: text, Want: "unknown, allow, warn, hold or deny"}
}

// MarshalText returns the lower-case name; it refuses values that have none.
func (o Outcome) MarshalText() ([]byte, error) {
	if int(o) >= len(outcomeNames) {
		return nil, Problem{Code: "unknown_outcome", Value: o.String(), Want: "a declared Outcome"}
	}
	return []byte(outcomeNames[o]), nil
}

// UnmarshalText reads the lower-case name.
func (o *Outcome) UnmarshalText(text []byte) error {
	v, err := ParseOutcome(string(text))
	if err == nil {
		*o = v
	}
	return err
}
