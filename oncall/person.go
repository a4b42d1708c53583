package oncall

import (
	"fmt"

	"github.com/sre-sdk/sre"
	"github.com/sre-sdk/sre/internal/civil"
)

// A Person can be on call. People are named by their ID everywhere else.
type Person struct {
	ID       string        // required; an ID as sre.ValidID has it
	Name     string        // for people; default: the ID
	Zone     string        // the IANA time zone in which the person lives, such as "Europe/Berlin"
	Contacts []Contact     // in the order in which they are tried
	Rules    []ContactRule // when each contact is tried; see Person.Plan
	Skills   []string      // IDs of what the person can do, such as "database"
}

// A ContactKind says by which way a Contact is reached.
type ContactKind string

const (
	Push    ContactKind = "push"
	SMS     ContactKind = "sms"
	Voice   ContactKind = "voice"
	Email   ContactKind = "email"
	Chat    ContactKind = "chat"
	Webhook ContactKind = "webhook"
)

// A Contact is one way to reach a person or a channel.
type Contact struct {
	ID      string // required; unique for the person
	Kind    ContactKind
	Address string // a telephone number, an address, a channel, a URL; may be a secret, so it is never printed
}

// String leaves the address out, which may be private or a secret.
func (c Contact) String() string { return string(c.Kind) + " " + c.ID }

// GoString leaves the address out as well, for %#v.
func (c Contact) GoString() string { return fmt.Sprintf("oncall.Contact{%s}", c) }

// A Team is people who share a rotation.
type Team struct {
	ID      string
	Name    string
	Members []string // IDs of people
}

// A Role says what somebody on call is there for.
type Role uint8

const (
	RoleUnknown Role = iota
	Primary          // is paged first
	Secondary        // is paged when the primary does not answer
	Shadow           // looks on to learn, and is never paged
)

var roleNames = [...]string{"unknown", "primary", "secondary", "shadow"}

// String returns the lower-case name.
func (r Role) String() string {
	if int(r) < len(roleNames) {
		return roleNames[r]
	}
	return fmt.Sprintf("role(%d)", uint8(r))
}

// ParseRole reads the lower-case name of a role other than unknown.
func ParseRole(text string) (Role, error) {
	for i, name := range roleNames[1:] {
		if text == name {
			return Role(i + 1), nil
		}
	}
	return 0, sre.NewProblem("", "unknown_role", text, "primary, secondary or shadow")
}

// MarshalText returns the lower-case name.
func (r Role) MarshalText() ([]byte, error) {
	if int(r) >= len(roleNames) {
		return nil, sre.NewProblem("", "unknown_role", r, "a declared Role")
	}
	return []byte(r.String()), nil
}

// UnmarshalText reads what ParseRole reads.
func (r *Role) UnmarshalText(text []byte) error {
	v, err := ParseRole(string(text))
	if err == nil {
		*r = v
	}
	return err
}

// Limits on a person, part of the contract.
const (
	MaxContacts = 20
	MaxAddress  = 2000 // bytes
	MaxSkills   = 100
)

// Validate reports every problem of a person. The address of a contact is not
// repeated.
func (p Person) Validate() error {
	var problems sre.Problems
	problems.CheckID("id", p.ID)
	if p.Zone != "" {
		if _, err := civil.LoadZone(p.Zone); err != nil {
			problems.Merge("zone", err)
		}
	}
	if len(p.Contacts) > MaxContacts {
		problems.Add("contacts", "too_many", len(p.Contacts), fmt.Sprintf("at most %d", MaxContacts))
	}
	seen := map[string]bool{}
	for i, c := range p.Contacts {
		path := fmt.Sprintf("contacts[%d]", i)
		problems.CheckID(path+".id", c.ID)
		if seen[c.ID] {
			problems.Add(path+".id", "duplicate", c.ID, "an ID that no other contact of the person has")
		}
		seen[c.ID] = true
		switch c.Kind {
		case Push, SMS, Voice, Email, Chat, Webhook:
		default:
			problems.Add(path+".kind", "unknown_kind", c.Kind, "push, sms, voice, email, chat or webhook")
		}
		if c.Address == "" || len(c.Address) > MaxAddress {
			problems.Add(path+".address", "out_of_range", nil, fmt.Sprintf("1 to %d bytes", MaxAddress))
		}
	}
	p.checkRules(&problems)
	if len(p.Skills) > MaxSkills {
		problems.Add("skills", "too_many", len(p.Skills), fmt.Sprintf("at most %d", MaxSkills))
	}
	for i, s := range p.Skills {
		problems.CheckID(fmt.Sprintf("skills[%d]", i), s)
	}
	return problems.Err("oncall")
}
