package incident

import (
	"fmt"
	"slices"
	"strings"
	"time"
	"unicode/utf8"

	"github.com/sre-sdk/sre"
)

// A Refusal says why a command was refused. Nothing has changed, but where
// Handle returns an event beside it, that is kept.
type Refusal struct {
	Code string // stable, one of the Refused constants
	Text string // what would be right
	May  []Role // who may give the command, if authority is what is missing
}

// Error returns the code and the text.
func (r *Refusal) Error() string { return "incident: " + r.Code + ": " + r.Text }

func refuse(code, format string, args ...any) *Refusal {
	return &Refusal{Code: code, Text: fmt.Sprintf(format, args...)}
}

// Handle decides about a command. It returns the events that it makes, which
// are to be applied and kept in this order; none where it is so already.
//
// A refusal is a *[Refusal]. Where the command lost against another one that
// changed the same field meanwhile, the events beside the error tell of it, and
// are to be kept as well. A now before the latest event counts as that one's.
//
// Merge and Split concern several incidents: see [Compiled.Merge] and
// [Compiled.Split]. Handle refuses them, and the events that they make.
func (c *Compiled) Handle(s *State, r Request, now time.Time) ([]Event, error) {
	switch r.Command.(type) {
	case Merge, Absorb, Redirect, Split, Separate:
		return nil, refuse(RefusedInvalid, "it concerns several incidents: use Merge or Split")
	}
	e, refusal := c.decide(s, r, now)
	switch {
	case refusal != nil && refusal.Code == RefusedConflict:
		e.Refused = refusal.Code
		return []Event{e}, refusal
	case refusal != nil:
		return nil, refusal
	case e.Command == nil:
		return nil, nil
	}
	return []Event{e}, nil
}

// decide returns the event of a command, one without command if it is so
// already.
func (c *Compiled) decide(s *State, r Request, now time.Time) (Event, *Refusal) {
	now = now.UTC().Round(0)
	if now.Before(s.Last) {
		now = s.Last
	}
	if refusal := r.check(now); refusal != nil {
		return Event{}, refusal
	}
	if c.matrix == nil {
		return Event{}, refuse(RefusedInvalid, "a policy that was compiled")
	}
	if r.Seen > s.Seq {
		return Event{}, refuse(RefusedInvalid, "Seen to be at most %d, the latest event", s.Seq)
	}
	e := Event{Seq: s.Seq + 1, At: utc(r.At), Recorded: now, By: r.By, Reason: r.Reason, Command: normal(r.Command)}
	if r.At.IsZero() {
		e.At = now
	}
	cell := Transition(s.Status, r.Command.Kind())
	if cell.Verdict == Repeated {
		return Event{}, nil
	}
	may, roles := c.mayGive(s, r)
	changed := s.changed(e.Command)
	conflict := may && r.Seen > 0 && changed > r.Seen
	switch {
	case cell.Verdict == Denied && !conflict:
		return Event{}, s.denied(cell, r.Command.Kind())
	case !may:
		refusal := refuse(RefusedAuthority, "%s is for %s", r.Command.Kind(), s.names(roles))
		refusal.May = slices.Clone(roles)
		return Event{}, refusal
	case cell.Verdict == Denied:
		return e, refuse(RefusedConflict, "look at event %d: %s", changed, s.denied(cell, r.Command.Kind()).Text)
	}
	made, refusal := c.check(s, e)
	if conflict && (refusal != nil || made.Command != nil) { // what is so already is no conflict
		return e, refuse(RefusedConflict, "look at event %d, which has changed the same, and decide again", changed)
	}
	return made, refusal
}

// denied says why the table refuses.
func (s *State) denied(cell Cell, k Kind) *Refusal {
	text := fmt.Sprintf("a %s incident takes no %s", s.Status, k)
	switch cell.Code {
	case RefusedMerged:
		text += "; it is part of " + s.Root
	case RefusedOver:
		text += "; reopen it"
	case RefusedNotTriaged:
		text += "; triage it first"
	case RefusedNotResolved:
		text += "; resolve it first"
	case RefusedNotDeclared:
		text = fmt.Sprintf("nothing was declared that could take a %s", k)
	}
	return refuse(cell.Code, "%s", text)
}

// check is what the command itself demands. It fills in what the policy knows.
func (c *Compiled) check(s *State, e Event) (Event, *Refusal) {
	same := Event{}
	switch cmd := e.Command.(type) {
	case Declare:
		switch {
		case cmd.Began.After(e.At) || cmd.Detected.After(e.At):
			return e, refuse(RefusedInvalid, "an impact and a detection that are not after the declaration")
		case !c.named(cmd.Severity):
			return e, refuse(RefusedInvalid, "a severity of the scale")
		}
		if cmd.ByMatrix = cmd.Severity == 0; cmd.ByMatrix {
			cmd.Severity = c.matrix.Severity(cmd.Impact)
		}
		e.Command = cmd
	case Acknowledge:
		if !s.Marks[AcknowledgedAt].IsZero() {
			return same, nil
		}
	case Triage:
		return c.checkTriage(s, e, cmd)
	case SetTitle:
		if cmd.Title == s.Title {
			return same, nil
		}
	case SetChannel:
		if cmd.Ref == s.Channel {
			return same, nil
		}
	case SetTicket:
		if cmd.Ref == s.Ticket {
			return same, nil
		}
	case Assign:
		return s.checkAssign(e, cmd)
	case Offer:
		return s.checkOffer(e, cmd)
	case Accept:
		switch {
		case e.By.Kind != sre.Human:
			return e, refuse(RefusedNoOffer, "a person who accepts")
		case s.Holds(e.By.ID, cmd.Role) && cmd.Role != Expert:
			return same, nil
		case !s.offered(cmd.Role, e.By.ID):
			return e, refuse(RefusedNoOffer, "an offer of the role to %s, by %s", e.By.ID, s.names([]Role{cmd.Role}))
		}
		if refusal := s.checkHanded(cmd.Role, e.At); refusal != nil {
			return e, refusal
		}
		return e, s.checkOneRole(cmd.Role, e.By.ID)
	case Decline:
		if !slices.ContainsFunc(s.Offers, func(o Offered) bool { return o.Role == cmd.Role }) {
			return e, refuse(RefusedNoOffer, "a role that was offered")
		}
	case Leave:
		switch refusal := s.checkHanded(cmd.Role, e.At); {
		case !s.Holds(cmd.Person, cmd.Role):
			return e, refuse(RefusedNotHeld, "a role that %s holds", cmd.Person)
		case refusal != nil:
			return e, refusal
		case cmd.Role == Commander && s.Status.Live() && c.Major(s.Severity):
			return e, refuse(RefusedVacancy, "hand the command off: offer it, and wait until it is accepted")
		}
	case AttachRunbook:
		switch {
		case s.runbook(cmd.ID) >= 0:
			return same, nil
		case len(s.Runbooks) >= MaxRunbooks:
			return e, refuse(RefusedFull, "at most %d runbooks", MaxRunbooks)
		case s.linkedBytes()+linkedBytes(cmd.ID, cmd.URL) > MaxLinked:
			return e, refuse(RefusedFull, "at most %d bytes of links and runbooks", MaxLinked)
		}
	case RecordStep:
		if s.runbook(cmd.Runbook) < 0 {
			return e, refuse(RefusedUnknown, "a runbook that is attached")
		}
	case Mitigate:
		if !slices.ContainsFunc(s.Mitigations, func(m Mitigation) bool { return m.ID == cmd.ID }) && len(s.Mitigations) >= MaxMitigation {
			return e, refuse(RefusedFull, "at most %d mitigations", MaxMitigation)
		}
	case Update:
		if s.Status.Live() && !cmd.Final && !cmd.Next.After(e.At) {
			return e, refuse(RefusedInvalid, "Next to say when the next update comes, or Final")
		}
	case Link:
		return c.checkLink(s, e, cmd)
	case Unlink:
		if !s.linked(cmd.Type, cmd.ID) {
			return same, s.checkBrought(cmd)
		}
	case Close:
		return e, c.checkClose(s, cmd)
	case Reopen:
		if s.Status != Mitigated && len(s.Past) >= MaxEpisodes {
			return e, refuse(RefusedFull, "at most %d episodes: declare a new incident", MaxEpisodes)
		}
	case SchedulePostmortem:
		if (s.Postmortem == Postmortem{ID: cmd.ID, For: cmd.For}) {
			return same, nil
		}
	case SkipPostmortem:
		switch {
		case s.Postmortem.Skipped:
			return same, nil
		case e.Reason == "":
			return e, refuse(RefusedReason, "a reason why there is none")
		}
	case Cancel:
		switch {
		case slices.ContainsFunc(s.Past, func(p Episode) bool { return !p.Marks[ResolvedAt].IsZero() }):
			return e, refuse(RefusedImpact, "a Resolve, since it was one in an episode before")
		case e.Reason == "":
			return e, refuse(RefusedReason, "a reason why it was none")
		}
	case ReviewRunbooks:
		if len(cmd.Changed) == 0 && e.Reason == "" {
			return e, refuse(RefusedReason, "what was changed, or the reason why nothing had to")
		}
	case Correct:
		return s.checkCorrect(e, cmd)
	case Restrict:
		i := slices.IndexFunc(s.Merged, func(a Absorbed) bool { return a.Hidden })
		switch {
		case cmd.On == s.Hidden:
			return same, nil
		case !cmd.On && i >= 0:
			return e, refuse(RefusedHidden, "%s, which is part of it, to be split first, since it is restricted", s.Merged[i].ID)
		}
	}
	return e, nil
}

// named reports whether the scale has a name for a severity. 0 stands for that
// of the matrix.
func (c *Compiled) named(s sre.Severity) bool {
	if scale := c.policy.Matrix.Scale; scale != nil {
		return int(s) <= len(scale)
	}
	return s <= 4 // P1 to P4
}

func (c *Compiled) checkTriage(s *State, e Event, cmd Triage) (Event, *Refusal) {
	impact := s.Impact
	if cmd.Impact != (Impact{}) {
		impact = cmd.Impact
	}
	if cmd.ByMatrix = cmd.Severity == 0; cmd.ByMatrix {
		cmd.Severity = c.matrix.Severity(impact)
	}
	e.Command = cmd
	if !c.named(cmd.Severity) {
		return e, refuse(RefusedInvalid, "a severity of the scale")
	}
	switch {
	case cmd.Severity == s.Severity && impact == s.Impact && s.Status != Declared:
		return Event{}, nil
	case s.Severity.Worse(cmd.Severity) && e.Reason == "":
		return e, refuse(RefusedReason, "a reason why it is milder than %s", c.policy.Matrix.Scale.Name(s.Severity))
	case len(s.Spans) >= MaxSpans && cmd.Severity != s.Severity && (s.late(e.At) || !cmd.Severity.Worse(s.Severity)):
		return e, refuse(RefusedFull, "at most %d changes of severity, but for the worse", MaxSpans)
	}
	return e, nil
}

func (s *State) checkAssign(e Event, cmd Assign) (Event, *Refusal) {
	so := slices.ContainsFunc(s.Holders, func(h Holder) bool {
		return h.Role == cmd.Role && h.Person == cmd.Person && (h.Service == cmd.Service || h.Role != Expert)
	})
	switch holder := s.HolderOf(cmd.Role); {
	case so:
		return Event{}, nil
	case cmd.Role != Expert && holder != "":
		return e, refuse(RefusedHeld, "offer it, so that %s hands it off", holder)
	case len(s.Holders) >= MaxRoles && cmd.Role != Commander:
		return e, refuse(RefusedFull, "at most %d holders of roles", MaxRoles)
	}
	if refusal := s.checkHanded(cmd.Role, e.At); refusal != nil {
		return e, refusal
	}
	return e, s.checkOneRole(cmd.Role, cmd.Person)
}

func (s *State) checkOffer(e Event, cmd Offer) (Event, *Refusal) {
	switch {
	case cmd.Role == Expert:
		return e, refuse(RefusedInvalid, "experts are assigned, since there may be any number")
	case s.HolderOf(cmd.Role) == "":
		return e, refuse(RefusedNotHeld, "nobody holds the role: assign it")
	case s.Holds(cmd.Person, cmd.Role):
		return e, refuse(RefusedInvalid, "%s holds the role already", cmd.Person)
	case slices.Contains(s.Offers, Offered(cmd)):
		return Event{}, nil
	}
	return e, s.checkOneRole(cmd.Role, cmd.Person)
}

func (s *State) offered(role Role, person string) bool {
	return slices.ContainsFunc(s.Offers, func(o Offered) bool { return o.Role == role && o.Person == person })
}

// checkOneRole refuses what would give a commander a second role. Who takes
// command gives the others up.
func (s *State) checkOneRole(role Role, person string) *Refusal {
	if role != Commander && s.Holds(person, Commander) {
		return refuse(RefusedTwoRoles, "%s is commander, and a commander holds no other role", person)
	}
	return nil
}

// checkHanded refuses a change of a role before the one that was before: two
// people would have held it at once.
func (s *State) checkHanded(role Role, at time.Time) *Refusal {
	if last := s.Handed[role]; role != Expert && at.Before(last) {
		return refuse(RefusedInvalid, "At not before %s, when the %s changed last", last.Format(time.RFC3339), role)
	}
	return nil
}

// checkBrought refuses to unlink what belongs to a merged incident.
func (s *State) checkBrought(cmd Unlink) *Refusal {
	for _, a := range s.Alerts {
		if cmd.Type == LinkAlert && a.Key == cmd.ID {
			return refuse(RefusedMerged, "%s brought the alert along: split it", a.From)
		}
	}
	return nil
}

// checkCorrect keeps status and milestones together.
func (s *State) checkCorrect(e Event, cmd Correct) (Event, *Refusal) {
	status := s.Status
	if status == Merged {
		status = s.Before
	}
	var stands, reached bool // the status stands on the milestone; it may have been reached
	switch cmd.Milestone {
	case DeclaredAt:
		stands, reached = true, true
	case MitigatedAt:
		stands, reached = status == Mitigated, status == Mitigated || status == Resolved || status == Closed
	case ResolvedAt:
		stands = status == Resolved || status == Closed
		reached = stands
	case VerifiedAt:
		stands = !s.Marks[VerifiedAt].IsZero()
		reached = stands
	case ClosedAt:
		stands = status == Closed
		reached = stands
	default:
		reached = true
	}
	switch zero := cmd.At.IsZero(); {
	case cmd.At.After(e.Recorded):
		return e, refuse(RefusedInvalid, "an instant that is not in the future")
	case zero && stands:
		return e, refuse(RefusedReached, "when it was %s, which it was", cmd.Milestone)
	case !zero && !reached:
		return e, refuse(RefusedNotReached, "the command by which it is %s", cmd.Milestone)
	case cmd.At.Equal(s.Marks[cmd.Milestone].At):
		return Event{}, nil
	}
	return e, nil
}

func (s *State) linked(t LinkType, id string) bool {
	if t == LinkAlert {
		return slices.ContainsFunc(s.Alerts, func(a Alert) bool { return a.Key == id && a.From == "" })
	}
	return slices.ContainsFunc(s.Links, func(l Link) bool { return l.Type == t && l.ID == id })
}

func (c *Compiled) checkLink(s *State, e Event, cmd Link) (Event, *Refusal) {
	switch {
	case s.linked(cmd.Type, cmd.ID):
		return Event{}, nil
	case cmd.Type == LinkAlert:
	case len(s.Links) >= MaxLinks:
		return e, refuse(RefusedFull, "at most %d links", MaxLinks)
	case s.linkedBytes()+linkedBytes(cmd.ID, cmd.URL) > MaxLinked:
		return e, refuse(RefusedFull, "at most %d bytes of links and runbooks", MaxLinked)
	}
	return e, nil
}

// linkedBytes is what links and runbooks take at most.
func (s *State) linkedBytes() (n int) {
	for i := range s.Links {
		n += linkedBytes(s.Links[i].ID, s.Links[i].URL)
	}
	for i := range s.Runbooks {
		n += linkedBytes(s.Runbooks[i].ID, s.Runbooks[i].URL)
	}
	return n
}

// linkedBytes is what a link or a runbook takes as JSON, at most.
func linkedBytes(id, url string) int {
	const names = 36 // {"type":"change","id":"","url":""},
	n := names + len(id) + len(url)
	for i := range len(url) {
		switch c := url[i]; {
		case c < ' ', c == '<', c == '>', c == '&', c == 0x7f:
			n += len(`\u0026`) - 1
		case c == '"', c == '\\':
			n++
		case c == 0xe2: // U+2028 and U+2029 are escaped
			n += len(`\u2028`) - len("\u2028")
		}
	}
	return n
}

func (c *Compiled) checkClose(s *State, cmd Close) *Refusal {
	switch {
	case cmd.Override == "" && s.Recovery != Recovered && s.Recovery != FindingNotNeeded:
		return refuse(RefusedUnverified, "a verified recovery, or an override that says why not")
	case s.Worst.Effective() <= c.policy.ReviewFrom && !s.Reviewed && s.Mode != Drill:
		return refuse(RefusedUnreviewed, "an answer to the question whether runbooks and alerts have to change")
	}
	return nil
}

// check refuses what no incident takes.
func (r Request) check(now time.Time) *Refusal {
	switch {
	case r.Command == nil:
		return refuse(RefusedInvalid, "a command")
	case !r.By.Valid():
		return refuse(RefusedInvalid, "By to be a known actor")
	case len(r.By.Via) > MaxVia || !utf8.ValidString(r.By.Via):
		return refuse(RefusedInvalid, "By.Via to be UTF-8 of at most %d bytes", MaxVia)
	case !inYears(now):
		return refuse(RefusedInvalid, "now to be in the years %d to %d", minYear, maxYear)
	case r.At.After(now):
		return refuse(RefusedInvalid, "At not to be in the future")
	case !r.At.IsZero() && !inYears(r.At):
		return refuse(RefusedInvalid, "At to be in the years %d to %d", minYear, maxYear)
	case len(r.Reason) > MaxText || !utf8.ValidString(r.Reason):
		return refuse(RefusedInvalid, "a reason in UTF-8 of at most %d bytes", MaxText)
	}
	var p sre.Problems
	checkCommand(&p, r.Command)
	if err := p.Err(""); err != nil {
		return refuse(RefusedInvalid, "%s", strings.TrimPrefix(err.Error(), ": "))
	}
	return nil
}
