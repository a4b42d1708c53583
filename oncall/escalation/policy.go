package escalation

import (
	"time"

	"github.com/sre-sdk/sre"
	"github.com/sre-sdk/sre/oncall"
)

// Limits on a policy, part of the contract.
const (
	MaxLevels  = 20
	MaxTargets = 20          // of a level or the last resort
	MaxPeople  = 100         // paged by one entry; see NoticeTooMany
	MaxRepeat  = 20          // how often the levels may be gone through again
	MinDelay   = time.Second // of a level
	MaxDelay   = 7 * 24 * time.Hour
	MinEvery   = time.Minute // between two pages of the last resort
	MaxWithin  = 30 * 24 * time.Hour
)

// Defaults of a policy.
const (
	DefaultEvery     = 15 * time.Minute
	DefaultMaxSnooze = 24 * time.Hour
)

// LastResortLevel is the name of the last resort where a level is named.
const LastResortLevel = "last_resort"

// A Policy says who is paged when nobody answers.
type Policy struct {
	ID   string // required
	Name string // for people; default: the ID

	// Levels are entered one after the other. Required.
	Levels []Level

	// Repeat is how often the levels are gone through again, from the one at
	// which it began, before the last resort. Default: 0.
	Repeat int

	// LastResort is who is paged when everything else is used up. Required: it
	// is what makes the policy one that cannot drop an alert.
	LastResort LastResort

	// BySeverity holds what differs by severity. The rule with the worst AtLeast
	// that a severity reaches holds for it. Default: none.
	BySeverity []Rule

	// Zone is where the clocks of Hours hang, an IANA name. Required if there are
	// any.
	Zone string

	// MaxSnooze is the longest snooze. Default: DefaultMaxSnooze.
	MaxSnooze time.Duration
}

// A Level is a group of targets that are paged together.
type Level struct {
	ID      string // required, unique in the policy, not LastResortLevel
	Name    string // for people; default: the ID
	Targets []Target

	// Delay is how long the level has until the next one is entered, counted
	// from when it was due itself. Required.
	Delay time.Duration

	// Acks is how many people must acknowledge at this level. Default: 1.
	Acks int

	// When is a condition; a level whose condition does not hold is passed over
	// at once. Default: always.
	When When
}

// A When is a condition; all of its fields must hold.
type When struct {
	// AtLeast holds for this severity and worse ones. Default (0): for all.
	AtLeast sre.Severity

	// Hours holds within any of these. Default: always.
	Hours []oncall.Hours

	// MaxLoad passes over people who have this many escalations open already,
	// as far as the directory knows. Default (0): nobody.
	MaxLoad int
}

// A TargetKind says what a target names.
type TargetKind uint8

const (
	TargetUnknown    TargetKind = iota
	TargetPerson                // one person
	TargetSchedule              // who holds a role in a schedule
	TargetTeam                  // all members of a team
	TargetRoundRobin            // one of several people, the next one for each escalation and each repeat
)

// A Target says who is paged. [ToPerson], [ToSchedule], [ToTeam] and
// [ToRoundRobin] make one.
type Target struct {
	Kind TargetKind
	ID   string      // of the person, schedule or team
	Role oncall.Role // of a schedule; default: Primary

	// People are those of a round robin, in their order. Whose turn it is follows
	// from Trigger.Turn and the repeat, so no memory is needed; a person who has
	// MaxLoad escalations open is passed over.
	People []string
}

// ToPerson returns a target that is one person.
func ToPerson(id string) Target { return Target{Kind: TargetPerson, ID: id} }

// ToSchedule returns a target that is whoever holds a role in a schedule.
func ToSchedule(id string, role oncall.Role) Target {
	return Target{Kind: TargetSchedule, ID: id, Role: role}
}

// ToTeam returns a target that is everybody in a team.
func ToTeam(id string) Target { return Target{Kind: TargetTeam, ID: id} }

// ToRoundRobin returns a target that is one of several people in turn.
func ToRoundRobin(people ...string) Target {
	return Target{Kind: TargetRoundRobin, People: people}
}

// A LastResort is who is paged when the levels are used up, or nobody is on
// call in any of them.
type LastResort struct {
	// Targets are people, since a schedule or a team may turn out to be empty.
	// Required.
	Targets []Target

	// Every is after how long they are paged again, until somebody acknowledges.
	// Default: DefaultEvery.
	Every time.Duration
}

// A Rule is what holds for a severity and worse ones.
type Rule struct {
	AtLeast sre.Severity // required; unique in the policy

	// Start is the ID of the level at which an escalation of this severity
	// begins. Default: the first.
	Start string

	// Acknowledge is when somebody must have acknowledged, counted from the
	// trigger, from when the severity became worse, or from the end of a snooze.
	// When it is missed its level is entered, unless it stands at that or a later
	// one. Default: never.
	Acknowledge Promise

	// Respond is when somebody must have begun to respond, see [Respond]. When
	// it is missed its level is entered although somebody has acknowledged.
	// Default: never.
	Respond Promise

	// AckFor is for how long an acknowledgement holds unless somebody responds,
	// resolves or acknowledges again; then the level is entered once more.
	// Default (0): for ever.
	AckFor time.Duration
}

// A Promise is a time within which something must happen. The zero value
// promises nothing.
type Promise struct {
	Within time.Duration
	Level  string // the ID of the level that is entered else, or LastResortLevel
}
