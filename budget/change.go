package budget

import (
	"fmt"
	"strings"

	"github.com/sre-sdk/sre"
)

// A Purpose says why a change is made.
type Purpose uint8

const (
	PurposeUnknown Purpose = iota // judged as Feature
	Feature                       // new behavior, or anything that can wait
	Reliability                   // makes the service more reliable
	Security                      // closes a vulnerability
	Emergency                     // mends an incident that is going on
	Rollback                      // goes back to what worked
)

var purposeNames = [...]string{"unknown", "feature", "reliability", "security", "emergency", "rollback"}

// String returns the lower-case name.
func (p Purpose) String() string {
	if int(p) < len(purposeNames) {
		return purposeNames[p]
	}
	return fmt.Sprintf("purpose(%d)", uint8(p))
}

// ParsePurpose reads the lower-case name of a purpose other than unknown.
func ParsePurpose(text string) (Purpose, error) {
	for i, name := range purposeNames[1:] {
		if text == name {
			return Purpose(i + 1), nil
		}
	}
	return 0, sre.NewProblem("", "unknown_purpose", text, strings.Join(purposeNames[1:], ", "))
}

// MarshalText returns the lower-case name.
func (p Purpose) MarshalText() ([]byte, error) {
	if int(p) >= len(purposeNames) {
		return nil, sre.Problem{Code: "unknown_purpose", Value: p.String(), Want: "a declared Purpose"}
	}
	return []byte(p.String()), nil
}

// UnmarshalText reads what [ParsePurpose] reads, and "unknown", which is how
// the zero value is written.
func (p *Purpose) UnmarshalText(text []byte) error {
	if string(text) == purposeNames[PurposeUnknown] {
		*p = PurposeUnknown
		return nil
	}
	v, err := ParsePurpose(string(text))
	if err == nil {
		*p = v
	}
	return err
}

// A Change is what asks to go ahead.
type Change struct {
	ID      string  // for the record; may be empty
	Purpose Purpose // the zero value is judged as Feature
}
