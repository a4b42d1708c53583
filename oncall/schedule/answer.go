package schedule

import (
	"time"

	"github.com/sre-sdk/sre/oncall"
)

// A Shift is one person in one role for one [Cause], without a break. Shifts
// of the same person and role never overlap; where two causes put him there at once, the
// layer that stands first in the list counts, and where one follows the other
// there are two shifts that touch.
type Shift struct {
	Start, End time.Time // in the zone of the schedule
	Person     string
	Role       oncall.Role
	Cause      Cause

	// StartsBefore and EndsAfter say that the shift is cut at the edge of the
	// time that was looked at, and goes on beyond it.
	StartsBefore, EndsAfter bool
}

// A CauseKind is the sort of thing that puts somebody on call.
type CauseKind uint8

const (
	ByLayer CauseKind = iota
	ByTemporary
	BySwap
	ByOverride
)

// A Cause is what put somebody on call. It is comparable. For the whole story
// ask [Compiled.Explain].
type Cause struct {
	Kind CauseKind
	ID   string // the name of the layer, or the ID of the temporary schedule, swap or override

	// Turn is the number of the turn of a layer, counted from 0 at the anchor
	// and negative before it.
	Turn int64
}
