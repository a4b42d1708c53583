package schedule

import (
	"time"

	"github.com/sre-sdk/sre/oncall"
)

// A Schedule says who is on call when. It is a plain value; [Schedule.Compile]
// checks it once, and only the [Compiled] form answers.
//
// Who is on call is judged in this order, for each instant and role:
//
//  1. the layers whose turn it is and whose restrictions allow it, less the
//     people who are absent, composed as Compose says; or, while a temporary
//     schedule is active, the shifts of that alone;
//  2. the swaps that were taken, in the order of the list;
//  3. the overrides, all judged on the people that remain after 2.
//
// People are sets: nobody holds a role twice at a time. Instants are whole
// seconds, and intervals are half-open, [Start, End).
type Schedule struct {
	ID      string  // required; an ID as sre.ValidID has it
	Zone    string  // required; the IANA zone of layers that name none, and of what is printed
	Compose Compose // how the layers of a role make one; default: Union

	Layers    []Layer           // at most MaxLayers; from the lowest to the highest for LastWins
	Temporary []Temporary       // must not overlap
	Overrides []Override        // in any order: the answer does not depend on it
	Swaps     []Swap            // in the order in which they were agreed
	Absences  []Absence         // may overlap
	Holidays  []HolidayCalendar // named by restrictions
}

// Compose says how the layers of one role make the answer for that role. Each
// role is composed by itself: a layer of the secondary never hides one of the
// primary.
//
// A layer takes part in an instant only with people: one whose turn is
// explicitly nobody's, or whose people are all absent, hides no other.
type Compose uint8

const (
	// Union has everybody of every layer on call together, as GoAlert and
	// Opsgenie have it.
	Union Compose = iota
	// Priority has the people of the layers with the highest Priority that have
	// any; layers of equal priority stand together. That is Grafana OnCall.
	Priority
	// LastWins has the people of the last layer in the list that has any, as
	// PagerDuty has it.
	LastWins
)

// A Layer is a rotation of people, cut to the times that its restrictions
// allow.
type Layer struct {
	Name string      // required; an ID, unique in the schedule
	Role oncall.Role // default: oncall.Primary. Not used with Positions

	// Priority counts with Compose [Priority]: the higher hides the lower.
	Priority int

	// Members take turns in this order. At least one.
	Members []Slot

	// First is the index in Members of who has turn 0, the turn that begins at
	// the Anchor. Default: 0. Edits use it to keep the phase.
	First int

	// Anchor is where turn 0 begins, on the wall clock of the layer's zone:
	// "2026-01-05 09:00". Its clock is the handoff clock. Turns are counted from
	// it in both directions: it may lie anywhere before or after From. Required
	// unless Turn is zero.
	Anchor string

	// Turn is how long each turn lasts. The zero Turn never hands off, and then
	// Members has one slot: it is for a fixed person, or an always-on shadow.
	Turn Turn

	// TurnsBy says which turns count. Default: ByCalendar.
	TurnsBy TurnsBy

	// Restrict limits the layer to the union of these times. Default (empty):
	// always. Restrictions never move a handoff; they hide the turn.
	Restrict []Restriction

	// Positions makes several roles from one rotation: primary and secondary are
	// {{oncall.Primary, 0}, {oncall.Secondary, 1}}, so that who has the next turn
	// is secondary. Two lists of different length would meet in one person
	// sooner or later; positions do not. Default (empty): the Role alone.
	Positions []Position

	Zone string // an IANA zone; default: that of the schedule

	From  time.Time // the layer begins; zero: it has no beginning
	Until time.Time // the layer ends; zero: it has no end
}

// A Slot is the people who have a turn together, by ID. An empty slot is
// explicitly nobody: a declared hole, such as a buffer week, which
// [Compiled.Lint] does not report.
type Slot []string

// Each makes slots of one person each.
func Each(people ...string) []Slot {
	slots := make([]Slot, len(people))
	for i, p := range people {
		slots[i] = Slot{p}
	}
	return slots
}

// A Position is a role that a layer provides.
type Position struct {
	Role   oncall.Role // required; distinct in the layer
	Offset int         // turns ahead of who has the turn: 1 is who has the next one; 0 to the number of members - 1
}

// TurnsBy says which turns move the rotation on.
type TurnsBy uint8

const (
	// ByCalendar counts every turn, worked or not: the person is a function of
	// the calendar. A restriction hides turns, as in PagerDuty and GoAlert. If
	// the number of members and the restriction share a period some may never
	// serve; [Compiled.Lint] says so.
	ByCalendar TurnsBy = iota
	// ByWorked counts the turns that meet a restriction for at least a second:
	// five people, daily, Monday to Friday, serve one day a week each, and after
	// Friday's comes Monday's. So Grafana OnCall, with "daily" and "by day".
	// Turn 0 is the first such turn that ends after the anchor. From, Until and
	// absences do not change the count. It needs a Turn of hours, days, weeks, months or any
	// elapsed time, and restrictions.
	ByWorked
)

// A Temporary is a temporary schedule: while it is active its shifts alone
// count, and a hole in them is a hole (GoAlert). Layers and swaps do not count,
// and of the overrides only those that say OverTemporary. Temporary schedules
// must not overlap.
type Temporary struct {
	ID         string // required; unique among the temporary schedules
	Start, End time.Time
	Shifts     []TemporaryShift // inside [Start, End)
}

// A TemporaryShift is a person on call during a temporary schedule.
type TemporaryShift struct {
	Person     string
	Role       oncall.Role // default: oncall.Primary
	Start, End time.Time
}

// An Override adds, removes or replaces a person, inside [Start, End).
//
//   - Add alone puts a person on call, always.
//   - Remove alone takes a person off call, if he is on.
//   - Both replace: Add takes over what Remove has, if he has it, and only
//     then.
//   - Neither cancels: it only supersedes another override.
//
// Overrides are not transitive: all are judged on the people before any
// override, so A for B together with B for C does not make A for C, and their
// order does not matter. Of two that speak of the same person on call, the one
// that starts later decides, and of two that start together the one with the
// greater ID; and whom some override puts on call is on call, also if another
// one removes him. [Compiled.Conflicts] reports every such pair.
type Override struct {
	ID         string // required; unique among the overrides
	Add        string // the person who comes, or ""
	Remove     string // the person who goes, or ""
	Start, End time.Time

	// Role limits Remove to one role; default: every role that the person holds.
	// Of Add alone it is the role; default: oncall.Primary.
	Role oncall.Role

	// Supersedes is the ID of an override that has no effect while this one is
	// active, in the Role of this one: what was handed over is handed on. Such a
	// pair is no conflict. [Compiled.HandOff] fills it in.
	Supersedes string

	// OverTemporary makes the override count during a temporary schedule too.
	OverTemporary bool
}

// A Swap is a request of one person, the beneficiary, to be replaced by another,
// the benefactor, in all that the layers give him inside [Start, End). Only a
// swap that was taken, so one that has a benefactor, has an effect. Swaps apply
// in the order of the list: the second sees what the first has done.
type Swap struct {
	ID          string // required; unique among the swaps
	Beneficiary string // who wants to be free; required
	Benefactor  string // who takes it; "" as long as nobody has
	Start, End  time.Time
	Role        oncall.Role // default: every role
}

// An Absence is a time during which a person cannot be on call: a holiday, an
// illness. The person drops out of the layers, so that who stands below shows.
// Temporary schedules, swaps and overrides name people on purpose and are not
// touched; [Compiled.Lint] reports whom they put on call although absent.
type Absence struct {
	Person     string
	Start, End time.Time
	Reason     string // for people; may be empty
}

// A HolidayCalendar is a named list of days, such as those of a country.
type HolidayCalendar struct {
	Name  string   // required; an ID, unique in the schedule
	Dates []string // "2026-12-25", or from one to another, both included: "2026-12-24/2027-01-01"
}

// Limits of a schedule, part of the contract.
const (
	MaxLayers       = 100
	MaxSlots        = 1000   // members of a layer
	MaxSlotPeople   = 100    // people of a slot
	MaxRestrictions = 100    // of a layer
	MaxListed       = 1000   // entries of a list in a restriction, and times of a day of its rule
	MaxDates        = 10_000 // of a holiday calendar
	MaxCalendars    = 100
	MaxOverrides    = 10_000
	MaxSwaps        = 10_000
	MaxAbsences     = 10_000
	MaxTemporary    = 1000
	MaxTempShifts   = 10_000 // of a temporary schedule

	// A layer that counts turns as worked exists so many turns, and so many years,
	// before and after its anchor, because they are counted one by one.
	MaxWorkedTurns = 1_000_000
	MaxWorkedYears = 200

	MaxTurnUnits = 100_000                    // units of a turn
	MinElapsed   = time.Minute                // the shortest elapsed turn
	MaxElapsed   = 100 * 366 * 24 * time.Hour // the longest

	MaxHorizon = 10 * 366 * 24 * time.Hour // of Compile

	// MaxPieces bounds what Compile prepares, with MaxHorizon: the turns in the
	// horizon, and the clock ranges and times of rules on each of its days, of all
	// layers together. Ten layers that hand off every hour may have five years.
	MaxPieces = 2_000_000
)
