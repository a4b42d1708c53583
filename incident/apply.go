package incident

import (
	"slices"
	"time"

	"github.com/sre-sdk/sre"
)

// A field is what commands change that must not be overwritten unseen.
type field uint8

const (
	fieldNone field = iota
	fieldStatus
	fieldSeverity
	fieldTitle
	fieldChannel
	fieldTicket
	fieldRecovery
	fieldPostmortem
	fieldHidden
	fieldRoles                                    // and so on, one for each Role
	fieldMilestones = fieldRoles + field(roleEnd) // likewise, for each Milestone
	fieldEnd        = fieldMilestones + field(milestoneEnd)
)

// fieldOf returns the field that a command changes.
func fieldOf(c Command) field {
	switch c := c.(type) {
	case Triage:
		return fieldSeverity
	case SetTitle:
		return fieldTitle
	case Assign:
		return fieldOfRole(c.Role)
	case Offer:
		return fieldOfRole(c.Role)
	case Accept:
		return fieldOfRole(c.Role)
	case Decline:
		return fieldOfRole(c.Role)
	case Leave:
		return fieldOfRole(c.Role)
	case SetChannel:
		return fieldChannel
	case SetTicket:
		return fieldTicket
	case Mitigate:
		if c.EndsImpact {
			return fieldStatus
		}
	case Merge, Separate, Redirect, Cancel, Resolve, Close, Reopen:
		return fieldStatus
	case Verify:
		return fieldRecovery
	case Correct:
		return fieldMilestones + field(c.Milestone)
	case SchedulePostmortem, SkipPostmortem:
		return fieldPostmortem
	case Restrict:
		return fieldHidden
	}
	return fieldNone
}

// fieldOfRole returns the field of a role; experts are many, so none overwrites
// another.
func fieldOfRole(r Role) field {
	if r == Expert {
		return fieldNone
	}
	return fieldRoles + field(r)
}

// changed returns the event that changed last what a command changes, or 0.
func (s *State) changed(c Command) uint64 {
	seq := s.Changed[fieldOf(c)]
	if m, ok := c.(Mitigate); ok {
		for i := range s.Mitigations {
			if s.Mitigations[i].ID == m.ID {
				seq = max(seq, s.Mitigations[i].Seq)
			}
		}
	}
	return seq
}

// Apply folds an event into the state. It trusts the event, which
// [Compiled.Handle] has made. It takes tens of nanoseconds, and allocates only
// where a list grows.
func (s *State) Apply(e *Event) {
	s.Seq, s.Last = e.Seq, e.Recorded
	if e.Refused != "" {
		s.Conflicts++
		return
	}
	switch c := e.Command.(type) {
	case Declare:
		s.declare(e, c)
	case Acknowledge:
		s.mark(AcknowledgedAt, e)
	case Triage:
		s.triage(e, c)
	case SetTitle:
		s.Title = c.Title
		s.Changed[fieldTitle] = e.Seq
	case Assign:
		s.hold(Holder{c.Role, c.Person, c.Service, e.At}, e)
	case Offer:
		s.drop(c.Role)
		s.Offers = append(s.Offers, Offered(c))
		s.change(fieldOfRole(c.Role), e)
	case Accept:
		s.hold(Holder{c.Role, e.By.ID, "", e.At}, e)
	case Decline:
		s.drop(c.Role)
		s.change(fieldOfRole(c.Role), e)
	case Leave:
		s.leave(c, e)
	case SetChannel:
		s.Channel = c.Ref
		s.Changed[fieldChannel] = e.Seq
	case SetTicket:
		s.Ticket = c.Ref
		s.Changed[fieldTicket] = e.Seq
	case AttachRunbook:
		if s.runbook(c.ID) < 0 {
			s.Runbooks = append(s.Runbooks, Followed{ID: c.ID, URL: c.URL})
		}
	case RecordStep:
		s.step(c)
	case Mitigate:
		s.mitigate(e, c)
	case Update:
		told := &s.Told[c.Audience]
		if told.Updates++; !e.At.Before(told.Last) { // else it was told late, and promises nothing new
			told.Last, told.Next, told.Final = e.At, c.Next, c.Final
		}
	case AddEvidence:
		s.Evidence++
	case Link:
		s.link(c)
	case Unlink:
		s.unlink(c)
	case Merge:
		s.Before, s.Root, s.Over = s.Status, c.Into, e.At
		s.enter(Merged, e)
	case Absorb:
		s.Merged = append(s.Merged, Absorbed{c.From, c.Family, c.More, c.Hidden})
		for _, a := range c.Alerts {
			if !s.alert(a) {
				s.Merged[len(s.Merged)-1].More++
			}
		}
	case Redirect:
		s.Root = c.Root
		s.Changed[fieldStatus] = e.Seq
	case Split:
		s.split(c)
	case Separate:
		s.Root, s.Before, s.Over, s.Returned = "", None, time.Time{}, e.At
		s.enter(c.Status, e)
	case Cancel:
		s.Over = e.At
		s.enter(Canceled, e)
	case Resolve:
		s.enter(Resolved, e)
		s.mark(ResolvedAt, e)
	case Verify:
		s.verify(e, c)
	case Close:
		s.enter(Closed, e)
		s.mark(ClosedAt, e)
	case Reopen:
		s.reopen(e)
	case SchedulePostmortem:
		s.Postmortem = Postmortem{ID: c.ID, For: c.For}
		s.Changed[fieldPostmortem] = e.Seq
	case SkipPostmortem:
		s.Postmortem = Postmortem{Skipped: true}
		s.Changed[fieldPostmortem] = e.Seq
	case ReviewRunbooks:
		s.Reviewed = true
	case Correct:
		s.Marks[c.Milestone] = Mark{c.At, e.Recorded}
		s.Changed[fieldMilestones+field(c.Milestone)] = e.Seq
	case Restrict:
		s.Hidden = c.On
		s.Changed[fieldHidden] = e.Seq
	}
}

// change notes which event changed a field. What is no field is nobody's.
func (s *State) change(f field, e *Event) {
	if f != fieldNone {
		s.Changed[f] = e.Seq
	}
}

func (s *State) enter(status Status, e *Event) {
	s.Status = status
	s.Changed[fieldStatus] = e.Seq
}

// late reports whether a judgement of the severity is told behind a later one.
func (s *State) late(at time.Time) bool {
	n := len(s.Spans)
	return n > 0 && at.Before(s.Spans[n-1].From)
}

// mark notes a milestone that was not reached yet.
func (s *State) mark(m Milestone, e *Event) {
	if s.Marks[m].IsZero() {
		s.Marks[m] = Mark{e.At, e.Recorded}
	}
}

func (s *State) declare(e *Event, c Declare) {
	s.ID, s.Title, s.Text, s.Services, s.Source, s.Mode, s.Impact = c.ID, c.Title, c.Text, c.Services, c.Source, c.Mode, c.Impact
	s.Episode = 1
	s.enter(Declared, e)
	s.mark(DeclaredAt, e)
	detected := c.Detected
	if detected.IsZero() {
		detected = e.At
	}
	s.Marks[DetectedAt] = Mark{detected, e.Recorded}
	if !c.Began.IsZero() {
		s.Marks[ImpactBegan] = Mark{c.Began, e.Recorded}
	}
	s.judge(c.Severity, e)
	s.Alerts = make([]Alert, 0, min(len(c.Alerts), MaxAlerts))
	for _, key := range c.Alerts {
		s.link(Link{Type: LinkAlert, ID: key})
	}
}

func (s *State) triage(e *Event, c Triage) {
	if c.Impact != (Impact{}) && !s.late(e.At) {
		s.Impact = c.Impact
	}
	if s.Status == Declared {
		s.enter(Triaged, e)
	}
	s.mark(TriagedAt, e)
	s.judge(c.Severity, e)
}

// judge notes a severity from an instant on. Spans stay in the order in which
// they occurred, also for one that is told later.
func (s *State) judge(severity sre.Severity, e *Event) {
	s.Changed[fieldSeverity] = e.Seq
	switch n := len(s.Spans); {
	case n == 0 || s.late(e.At) || s.Spans[n-1].Severity != severity:
		s.span(Span{severity, e.At})
	}
	s.Severity = s.Spans[len(s.Spans)-1].Severity
	if s.Worst == 0 || severity.Worse(s.Worst) {
		s.Worst = severity.Effective()
	}
}

// span puts a span behind those that do not begin after it.
func (s *State) span(p Span) {
	i := len(s.Spans)
	for i > 0 && p.From.Before(s.Spans[i-1].From) {
		i--
	}
	s.Spans = slices.Insert(s.Spans, i, p)
}

// hold gives a role to a person, from whoever had it. Offers of it are void, and
// whoever takes command gives other roles up.
func (s *State) hold(h Holder, e *Event) {
	kept := s.Holders[:0]
	for _, o := range s.Holders {
		switch {
		case o.Role == h.Role && h.Role != Expert:
		case h.Role == Commander && o.Person == h.Person:
			s.change(fieldOfRole(o.Role), e)
			s.Handed[o.Role] = e.At
		default:
			kept = append(kept, o)
		}
	}
	s.Holders = append(kept, h)
	s.Handed[h.Role] = e.At
	s.drop(h.Role)
	s.change(fieldOfRole(h.Role), e)
}

func (s *State) leave(c Leave, e *Event) {
	kept := s.Holders[:0]
	for _, h := range s.Holders {
		if h.Role != c.Role || h.Person != c.Person {
			kept = append(kept, h)
		}
	}
	s.Holders = kept
	s.Handed[c.Role] = e.At
	s.change(fieldOfRole(c.Role), e)
}

// verify notes what the data say; the latest finding counts.
func (s *State) verify(e *Event, c Verify) {
	s.Recovery = c.Recovered
	s.Changed[fieldRecovery] = e.Seq
	if c.Recovered == Recovered {
		s.mark(VerifiedAt, e)
		return
	}
	s.Marks[VerifiedAt] = Mark{}
}

// drop forgets the offer of a role.
func (s *State) drop(role Role) {
	for i := range s.Offers {
		if s.Offers[i].Role == role {
			s.Offers = slices.Delete(s.Offers, i, i+1)
			return
		}
	}
}

func (s *State) runbook(id string) int {
	for i := range s.Runbooks {
		if s.Runbooks[i].ID == id {
			return i
		}
	}
	return -1
}

func (s *State) step(c RecordStep) {
	i := s.runbook(c.Runbook)
	if i < 0 {
		return
	}
	switch c.Result {
	case StepSkipped:
		s.Runbooks[i].Skipped++
	case StepFailed:
		s.Runbooks[i].Failed++
	default:
		s.Runbooks[i].Done++
	}
}

func (s *State) mitigate(e *Event, c Mitigate) {
	m := Mitigation{c.ID, c.Type, c.Result, c.Change, e.At, e.Seq}
	i := len(s.Mitigations) - 1
	for i >= 0 && s.Mitigations[i].ID != c.ID { // mostly one of the latest
		i--
	}
	if i >= 0 {
		s.Mitigations[i] = m
	} else {
		s.Mitigations = append(s.Mitigations, m)
	}
	if c.EndsImpact && s.Status != Mitigated {
		s.enter(Mitigated, e)
		s.mark(MitigatedAt, e)
	}
}

// alert keeps an alert while there is room.
func (s *State) alert(a Alert) bool {
	if len(s.Alerts) >= MaxAlerts {
		return false
	}
	s.Alerts = append(s.Alerts, a)
	return true
}

func (s *State) link(c Link) {
	if c.Type == LinkAlert {
		if !s.alert(Alert{Key: c.ID}) {
			s.MoreAlerts++
		}
		return
	}
	s.Links = append(s.Links, c)
}

func (s *State) unlink(c Unlink) {
	if c.Type == LinkAlert {
		s.Alerts = slices.DeleteFunc(s.Alerts, func(a Alert) bool { return a.Key == c.ID && a.From == "" })
		return
	}
	s.Links = slices.DeleteFunc(s.Links, func(l Link) bool { return l.Type == c.Type && l.ID == c.ID })
}

func (s *State) split(c Split) {
	for i, m := range s.Merged {
		if m.ID == c.From {
			s.Alerts = slices.DeleteFunc(s.Alerts, func(a Alert) bool { return a.From == c.From || slices.Contains(m.Family, a.From) })
			s.Merged = slices.Delete(s.Merged, i, i+1)
			return
		}
	}
}

// reopen begins another episode, unless the impact came back before the cause
// was gone: that is still the same one.
func (s *State) reopen(e *Event) {
	for i := range s.Told {
		s.Told[i].Final = false
	}
	if s.Status == Mitigated {
		if len(s.Lulls) >= MaxLulls {
			s.Lulls = slices.Delete(s.Lulls, 0, 1) // clocks went on in it: stricter, and bounded
		}
		s.Lulls = append(s.Lulls, Lull{s.Marks[MitigatedAt].At, e.At})
		s.Marks[MitigatedAt] = Mark{}
		s.enter(Triaged, e)
		return
	}
	s.Past = append(s.Past, Episode{s.Marks, s.Over})
	s.Lulls = nil
	s.Episode++
	s.Marks = [milestoneEnd]Mark{DetectedAt: {e.At, e.Recorded}, DeclaredAt: {e.At, e.Recorded}}
	s.Over = time.Time{}
	s.Recovery, s.Reviewed, s.Postmortem.Skipped = FindingUnknown, false, false
	s.enter(Triaged, e)
}
