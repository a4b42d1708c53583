package incident

import (
	"slices"
	"time"
)

// An Addressed is an event of one of several incidents.
type Addressed struct {
	ID    string
	Event Event
}

// Merge makes r.Command, a [Merge], of child into root: the events of both and
// of what child had absorbed, which is given as family and becomes part of root
// directly. Keep them in one transaction.
//
// What is linked to the child from then on is refused: it belongs to the root.
// From then on the severity of the root counts for both, so one that is milder
// needs a reason.
func (c *Compiled) Merge(child, root *State, family []*State, r Request, now time.Time) ([]Addressed, error) {
	m, ok := r.Command.(Merge)
	switch {
	case !ok:
		return nil, refuse(RefusedInvalid, "a Merge")
	case child.ID == root.ID || root.Root == child.ID:
		return nil, refuse(RefusedCycle, "another incident than itself")
	case m.Into != root.ID:
		return nil, refuse(RefusedInvalid, "the state of %s as root", m.Into)
	case child.Hidden && !root.Hidden:
		return nil, refuse(RefusedHidden, "%s to be restricted as well, since %s is", root.ID, child.ID)
	case child.Severity.Worse(root.Severity) && r.Reason == "":
		return nil, refuse(RefusedReason, "a reason why %s is milder than %s, or that %s is triaged first", root.ID, child.ID, root.ID)
	case root.family()+child.family()+1 > MaxMerged:
		return nil, refuse(RefusedFull, "at most %d incidents merged into one", MaxMerged)
	}
	e, refusal := c.decide(child, r, now)
	if refusal != nil {
		if refusal.Code == RefusedConflict {
			e.Refused = refusal.Code
			return []Addressed{{child.ID, e}}, refusal
		}
		return nil, refusal
	}
	absorb := Absorb{From: child.ID, Alerts: slices.Clone(child.Alerts), More: child.MoreAlerts, Hidden: child.Hidden}
	for i := range absorb.Alerts {
		if absorb.Alerts[i].From == "" {
			absorb.Alerts[i].From = child.ID
		}
	}
	for _, a := range child.Merged {
		absorb.Family = append(absorb.Family, a.ID)
		absorb.Family = append(absorb.Family, a.Family...)
		absorb.More += a.More
		absorb.Hidden = absorb.Hidden || a.Hidden
	}
	other, refusal := c.byPolicy(root, e, absorb)
	if refusal != nil {
		return nil, refusal
	}
	list := []Addressed{{child.ID, e}, {root.ID, other}}
	return c.redirect(list, family, absorb.Family, root.ID, e)
}

// Split makes r.Command, a [Split], which takes back that child was merged into
// root. Everything is where it was: the alerts that child had brought along, and
// what it had absorbed before.
func (c *Compiled) Split(child, root *State, family []*State, r Request, now time.Time) ([]Addressed, error) {
	s, ok := r.Command.(Split)
	if !ok || s.From != child.ID {
		return nil, refuse(RefusedInvalid, "a Split from the given child")
	}
	i := slices.IndexFunc(root.Merged, func(a Absorbed) bool { return a.ID == child.ID })
	if i < 0 || child.Root != root.ID {
		return nil, refuse(RefusedUnknown, "an incident that was merged into %s itself", root.ID)
	}
	e, refusal := c.decide(root, r, now)
	if refusal != nil {
		return nil, refusal
	}
	other, refusal := c.byPolicy(child, e, Separate{child.Before})
	if refusal != nil {
		return nil, refusal
	}
	list := []Addressed{{root.ID, e}, {child.ID, other}}
	return c.redirect(list, family, root.Merged[i].Family, child.ID, e)
}

// family is how many incidents are part of it.
func (s *State) family() int {
	n := len(s.Merged)
	for i := range s.Merged {
		n += len(s.Merged[i].Family)
	}
	return n
}

// redirect tells the incidents of a family where they belong now.
func (c *Compiled) redirect(list []Addressed, family []*State, ids []string, root string, cause Event) ([]Addressed, error) {
	for _, id := range ids {
		i := slices.IndexFunc(family, func(s *State) bool { return s.ID == id })
		if i < 0 {
			return nil, refuse(RefusedInvalid, "the state of %s, which belongs to the family", id)
		}
		e, refusal := c.byPolicy(family[i], cause, Redirect{root})
		if refusal != nil {
			return nil, refusal
		}
		list = append(list, Addressed{id, e})
	}
	return list, nil
}

// byPolicy returns the event of a command that follows from another one.
func (c *Compiled) byPolicy(s *State, cause Event, command Command) (Event, *Refusal) {
	if cell := Transition(s.Status, command.Kind()); cell.Verdict != Allowed {
		return Event{}, refuse(cell.Code, "%s is %s", s.ID, s.Status)
	}
	recorded := cause.Recorded
	if recorded.Before(s.Last) {
		recorded = s.Last
	}
	return Event{Seq: s.Seq + 1, At: cause.At, Recorded: recorded, By: cause.By, Reason: cause.Reason, Command: command}, nil
}
