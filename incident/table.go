package incident

import (
	"fmt"
	"strings"

	"github.com/sre-sdk/sre/internal/enum"
)

// A Verdict says what the table of transitions makes of a command in a status.
type Verdict uint8

const (
	Denied   Verdict = iota // refused, for the reason of the cell
	Allowed                 // unless authority or the command itself speak against it
	Repeated                // it is so already: nothing happens
)

var verdictNames = [...]string{"denied", "allowed", "repeated"}

// String returns the lower-case name.
func (v Verdict) String() string { return enum.Name(verdictNames[:], "verdict", uint8(v)) }

// A Cell is what the table says of a command in a status.
type Cell struct {
	Verdict Verdict
	To      Status // the status after it; Mitigate may also end the impact, and Separate returns to the status before the Merge
	Code    string // of the refusal, if it is denied
}

// Codes of refusals.
const (
	RefusedInvalid     = "invalid"        // a field is out of its range
	RefusedNotDeclared = "not_declared"   // there is no incident yet
	RefusedDeclared    = "declared"       // there is one already
	RefusedNotTriaged  = "not_triaged"    // its severity must be judged first
	RefusedNotResolved = "not_resolved"   // it must be resolved first
	RefusedLive        = "live"           // it is under way
	RefusedOver        = "over"           // it is resolved, closed or canceled: reopen it
	RefusedMerged      = "merged"         // it is part of another one
	RefusedNotMerged   = "not_merged"     // it is not part of another one
	RefusedImpact      = "had_impact"     // users were affected, so it was one
	RefusedAuthority   = "authority"      // somebody else may; Refusal.May says who
	RefusedConflict    = "conflict"       // somebody has changed the field meanwhile
	RefusedReason      = "reason_missing" // it needs a reason
	RefusedHeld        = "held"           // the role is held: offer it
	RefusedTwoRoles    = "two_roles"      // a commander holds no other role
	RefusedNoOffer     = "no_offer"       // the role was not offered to that person
	RefusedNotHeld     = "not_held"       // nobody, or somebody else, holds the role
	RefusedVacancy     = "vacancy"        // a live major incident would have no commander
	RefusedUnverified  = "unverified"     // the data do not say that it is over
	RefusedUnreviewed  = "unreviewed"     // the question about runbooks and alerts is open
	RefusedFull        = "full"           // a limit is reached
	RefusedUnknown     = "unknown"        // there is no such mitigation, runbook, link or incident
	RefusedCycle       = "cycle"          // it would be part of itself
	RefusedNotReached  = "not_reached"    // the milestone has a command that reaches it
	RefusedReached     = "reached"        // the status stands on the milestone
	RefusedHidden      = "restricted"     // a restricted incident would show in one that is not
)

// table is the table of transitions. A cell that is not written is Denied.
var table = makeTable()

// Transition returns the cell of a command in a status.
func Transition(s Status, k Kind) Cell {
	if s >= statusEnd || k >= kindEnd {
		return Cell{Code: RefusedInvalid, To: s}
	}
	return table[s][k]
}

func makeTable() (t [statusEnd][kindEnd]Cell) {
	live := []Status{Declared, Triaged, Mitigated}
	after := []Status{Resolved, Closed, Canceled}
	for s := range statusEnd {
		code := RefusedOver
		switch {
		case s == None:
			code = RefusedNotDeclared
		case s == Merged:
			code = RefusedMerged
		case s.Live():
			code = RefusedLive
		}
		for k := range kindEnd {
			t[s][k] = Cell{To: s, Code: code}
		}
		t[s][KindUnknown].Code = RefusedInvalid
		t[s][KindDeclare].Code = RefusedDeclared
		t[s][KindRedirect].Code, t[s][KindSeparate].Code = RefusedNotMerged, RefusedNotMerged
	}
	allow := func(k Kind, to Status, from ...Status) {
		for _, s := range from {
			t[s][k] = Cell{Allowed, to, ""}
		}
	}
	stay := func(k Kind, from ...Status) {
		for _, s := range from {
			t[s][k] = Cell{Allowed, s, ""}
		}
	}
	deny := func(k Kind, code string, from ...Status) {
		for _, s := range from {
			t[s][k] = Cell{Denied, s, code}
		}
	}
	repeat := func(k Kind, from ...Status) {
		for _, s := range from {
			t[s][k] = Cell{Repeated, s, ""}
		}
	}
	allow(KindDeclare, Declared, None)
	t[None][KindDeclare].Code = ""
	stay(KindAcknowledge, live...)
	stay(KindTriage, Triaged, Mitigated, Resolved)
	allow(KindTriage, Triaged, Declared)
	for _, k := range []Kind{KindSetTitle, KindAssign, KindOffer, KindAccept, KindDecline, KindLeave, KindSetChannel, KindSetTicket, KindRecordStep} {
		stay(k, append(live, Resolved)...)
	}
	stay(KindAttachRunbook, live...)
	stay(KindMitigate, live...)
	stay(KindUpdate, append(live, Resolved, Closed)...)
	for _, k := range []Kind{KindAddEvidence, KindLink, KindUnlink} {
		stay(k, append(live, after...)...)
	}
	for _, k := range []Kind{KindNote, KindCorrect} {
		stay(k, append(append(live, after...), Merged)...)
	}
	stay(KindRestrict, append(live, after...)...) // of a merged one, its root decides
	allow(KindMerge, Merged, append(live, Resolved)...)
	stay(KindAbsorb, append(live, Resolved)...)
	stay(KindRedirect, Merged)
	stay(KindSplit, append(live, Resolved, Closed)...)
	stay(KindSeparate, Merged)
	allow(KindCancel, Canceled, Declared, Triaged)
	deny(KindCancel, RefusedImpact, Mitigated, Resolved, Closed)
	repeat(KindCancel, Canceled)
	allow(KindResolve, Resolved, Triaged, Mitigated)
	deny(KindResolve, RefusedNotTriaged, Declared)
	repeat(KindResolve, Resolved)
	stay(KindVerify, Resolved)
	deny(KindVerify, RefusedNotResolved, live...)
	allow(KindClose, Closed, Resolved)
	deny(KindClose, RefusedNotResolved, live...)
	repeat(KindClose, Closed)
	allow(KindReopen, Triaged, Mitigated, Resolved, Closed, Canceled)
	stay(KindSchedulePostmortem, append(live, Resolved, Closed)...)
	stay(KindSkipPostmortem, append(live, Resolved, Closed)...)
	stay(KindReviewRunbooks, append(live, Resolved, Closed)...)
	return t
}

// TableMarkdown renders the table of transitions: for each command and status
// the status after it, "=" where nothing happens, and the code of the refusal in
// parentheses.
func TableMarkdown() string {
	var b strings.Builder
	b.WriteString("| Command |")
	for s := range statusEnd {
		fmt.Fprintf(&b, " %s |", s)
	}
	b.WriteString("\n|---|" + strings.Repeat("---|", int(statusEnd)) + "\n")
	for _, k := range Kinds() {
		fmt.Fprintf(&b, "| %s |", k)
		for s := range statusEnd {
			switch c := table[s][k]; c.Verdict {
			case Allowed:
				fmt.Fprintf(&b, " %s |", after(s, k))
			case Repeated:
				b.WriteString(" = |")
			default:
				fmt.Fprintf(&b, " (%s) |", c.Code)
			}
		}
		b.WriteString("\n")
	}
	return b.String()
}

// after names the status after a command that is allowed.
func after(s Status, k Kind) string {
	switch {
	case k == KindMitigate && s != Mitigated:
		return s.String() + ", mitigated"
	case k == KindSeparate:
		return "as before"
	}
	return table[s][k].To.String()
}

// TableDOT renders the transitions between different statuses as a graph for
// Graphviz.
func TableDOT() string {
	var b strings.Builder
	b.WriteString("digraph incident {\n\trankdir=LR;\n\tnode [shape=box];\n")
	edges := map[[2]Status][]string{}
	for s := range statusEnd {
		for _, k := range Kinds() {
			if c := table[s][k]; c.Verdict == Allowed && c.To != s {
				edges[[2]Status{s, c.To}] = append(edges[[2]Status{s, c.To}], k.String())
			}
		}
	}
	for _, s := range []Status{Declared, Triaged} { // by a mitigation that ends the impact
		edges[[2]Status{s, Mitigated}] = append(edges[[2]Status{s, Mitigated}], KindMitigate.String())
	}
	for to := Declared; to <= Resolved; to++ {
		edges[[2]Status{Merged, to}] = append(edges[[2]Status{Merged, to}], KindSeparate.String())
	}
	for from := range statusEnd {
		for to := range statusEnd {
			if kinds := edges[[2]Status{from, to}]; kinds != nil {
				fmt.Fprintf(&b, "\t%q -> %q [label=%q];\n", from.String(), to.String(), strings.Join(kinds, "\n"))
			}
		}
	}
	b.WriteString("}\n")
	return b.String()
}
