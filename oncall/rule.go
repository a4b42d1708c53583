package oncall

import (
	"cmp"
	"encoding/json"
	"fmt"
	"slices"
	"time"

	"github.com/sre-sdk/sre"
)

// A ContactRule says when a contact of a person is tried, counted from the
// page. What was tried before is not waited for: the rules run until somebody
// acknowledges.
type ContactRule struct {
	Contact string        // the ID of one of the person's contacts; required
	After   time.Duration // 0: with the page; at most MaxContactAfter
	AtLeast sre.Severity  // only for pages of this severity and worse; 0: for all
}

// A ContactStep is one step of how a person is reached: that contact, so long
// after the page.
type ContactStep struct {
	Contact string
	After   time.Duration
}

type contactStepJSON struct {
	Contact string `json:"contact"`
	After   string `json:"after"`
}

// MarshalJSON returns the duration as a Go string.
func (s ContactStep) MarshalJSON() ([]byte, error) {
	return json.Marshal(contactStepJSON{s.Contact, s.After.String()})
}

// UnmarshalJSON reads what MarshalJSON wrote.
func (s *ContactStep) UnmarshalJSON(data []byte) error {
	var wire contactStepJSON
	if err := json.Unmarshal(data, &wire); err != nil {
		return err
	}
	after, err := time.ParseDuration(wire.After)
	if err != nil {
		return sre.NewProblem("after", "invalid_duration", wire.After, "a duration such as 1m0s")
	}
	*s = ContactStep{wire.Contact, after}
	return nil
}

// DefaultContactGap is how long after one contact the next one is tried where
// a person has no rules.
const DefaultContactGap = time.Minute

// Limits on contact rules, part of the contract.
const (
	MaxContactRules = 20
	MaxContactAfter = 24 * time.Hour
)

// Plan returns how the person is reached for a page of that severity, earliest
// first, in the order of the rules where they are due together. A person
// without a rule for the severity is reached by each contact in turn,
// [DefaultContactGap] apart, because a page must not end in an oversight; one
// without contacts by nothing.
func (p Person) Plan(severity sre.Severity) []ContactStep {
	var steps []ContactStep
	for _, r := range p.Rules {
		if r.AtLeast == 0 || severity.Effective() <= r.AtLeast {
			steps = append(steps, ContactStep{r.Contact, r.After})
		}
	}
	if steps == nil {
		for i, c := range p.Contacts {
			steps = append(steps, ContactStep{c.ID, time.Duration(i) * DefaultContactGap})
		}
	}
	slices.SortStableFunc(steps, func(a, b ContactStep) int { return cmp.Compare(a.After, b.After) })
	return steps
}

// Contact returns the contact of that ID.
func (p Person) Contact(id string) (c Contact, ok bool) {
	for _, c := range p.Contacts {
		if c.ID == id {
			return c, true
		}
	}
	return Contact{}, false
}

func (p Person) checkRules(problems *sre.Problems) {
	if len(p.Rules) > MaxContactRules {
		problems.Add("rules", "too_many", len(p.Rules), fmt.Sprintf("at most %d", MaxContactRules))
	}
	for i, r := range p.Rules {
		path := fmt.Sprintf("rules[%d]", i)
		if _, ok := p.Contact(r.Contact); !ok {
			problems.Add(path+".contact", "unknown_contact", r.Contact, "the ID of one of the person's contacts")
		}
		if r.After < 0 || r.After > MaxContactAfter {
			problems.Add(path+".after", "out_of_range", r.After, "0s to "+MaxContactAfter.String())
		}
	}
}
