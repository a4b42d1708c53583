package escalation

import (
	"time"

	"github.com/sre-sdk/sre"
	"github.com/sre-sdk/sre/oncall"
)

// A Directory answers questions about people. It is a snapshot: within one step
// the same question has the same answer.
//
// known is false where it cannot say: a schedule that it does not have, data
// that it could not load. That is not the same as nobody. Slices that it returns
// are only read, and only until the step has returned.
type Directory interface {
	// OnCall returns who holds a role in a schedule at t, in their order.
	OnCall(schedule string, role oncall.Role, t time.Time) (people []string, known bool)

	// Team returns the members of a team.
	Team(team string) (people []string, known bool)

	// Plan returns how a person is reached for a page of a severity, earliest
	// first; at most MaxSteps are used. None means that there is no way.
	Plan(person string, severity sre.Severity) (steps []oncall.ContactStep, known bool)

	// Load returns how many escalations a person has open, beside this one.
	Load(person string) (open int, known bool)
}

// MaxSteps is the largest number of steps in a contact plan.
const MaxSteps = oncall.MaxContactRules
