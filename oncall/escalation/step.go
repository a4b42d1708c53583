package escalation

import (
	"slices"
	"strings"
	"time"

	"github.com/sre-sdk/sre"
)

// Step returns the state after an input at now, and appends to out what is to
// be performed. s itself and what it shares stay as they are. A now before an
// earlier step's counts as that one's.
//
// Every pair of state and input is allowed, changes nothing, or is refused by
// an error that is a *[Refusal]; then s and out are returned as they came, and
// what is due stays owed to a [Tick]. Else what is due at now is done in the same
// step, whatever the input. Where several instants were missed, all of them are
// caught up with, but no contact gets two messages from one step.
//
// It does not allocate unless it pages more than three people, keeps a note or
// refuses.
func (c *Compiled) Step(s State, in Input, d Directory, now time.Time, out []Effect) (State, []Effect, error) {
	now = now.UTC().Round(0)
	if now.Before(s.Last) {
		now = s.Last
	}
	m := machine{c: c, s: s, d: d, now: now, out: out, start: len(out)}
	if r := m.input(in); r != nil {
		return s, out, r
	}
	m.run()
	if m.changed() {
		m.s.Last = now
	}
	return m.s, m.out, nil
}

// machine is one step.
type machine struct {
	c     *Compiled
	s     State
	d     Directory
	now   time.Time
	out   []Effect
	start int // out[start:] is of this step
	news  bool

	// Of the level that is being entered.
	paged int  // how many people
	full  bool // whether there were more
}

// changed reports whether there is anything to commit.
func (m *machine) changed() bool { return m.news || len(m.out) > m.start }

func refuse(code, text string) *Refusal { return &Refusal{code, text} }

func invalid(text string) *Refusal { return refuse(RefusedInvalid, text) }

func (m *machine) input(in Input) *Refusal {
	if r := m.admit(in); r != nil {
		return r
	}
	switch in := in.(type) {
	case Trigger:
		return m.trigger(in)
	case Ack:
		return m.ack(in.By, in.Note)
	case Respond:
		return m.respond(in)
	case Snooze:
		return m.snooze(in)
	case Escalate:
		return m.escalate(in)
	case HandOff:
		return m.handOff(in)
	case AddNote:
		return m.note(in.By, in.Text)
	case SetSeverity:
		return m.setSeverity(in)
	case Resolve:
		return m.resolve(in)
	case Edit:
		m.edit()
	case Undelivered:
		m.undelivered(in)
	case Tick:
	}
	return nil
}

// admit refuses what no input may do: to step by the zero policy, or a state
// that is not there, that has ended, or that belongs to another policy.
func (m *machine) admit(in Input) *Refusal {
	if len(m.c.levels) == 0 {
		return invalid("the policy must be one that was compiled")
	}
	var by string
	switch in := in.(type) {
	case nil:
		return invalid("there must be an input")
	case Trigger:
		if m.s.Status == None || m.s.Status == Resolved {
			return checkTrigger(in)
		}
	case Tick, Undelivered:
		if m.s.Status == None {
			return nil
		}
	case Ack:
		by = in.By
	case Respond:
		by = in.By
	case Snooze:
		by = in.By
	case Escalate:
		by = in.By
	case HandOff:
		by = in.By
	case AddNote:
		by = in.By
	case SetSeverity:
		by = in.By
	case Resolve:
		by = in.By
	case Edit:
		by = in.By
	}
	_, edit := in.(Edit)
	switch {
	case m.s.Status == None:
		return refuse(RefusedNotTriggered, "trigger it first")
	case edit && m.s.Policy == m.c.digest:
		return refuse(RefusedSamePolicy, "it has this policy already")
	case !edit && m.s.Policy != m.c.digest:
		return refuse(RefusedOtherPolicy, "it is stepped by the policy "+m.s.Policy.String()+", or needs an Edit")
	}
	switch in := in.(type) {
	case Tick, Undelivered:
		return nil
	case Trigger:
		return checkTrigger(in)
	case Resolve, AddNote, Edit:
	default:
		if m.s.Status == Resolved {
			return refuse(RefusedResolved, "trigger it again")
		}
	}
	if !sre.ValidID(by) {
		return invalid("By must be an ID")
	}
	return nil
}

// clean makes a text one that JSON keeps as it is, so that the state that is
// kept is the one that was made. An alert is not refused for a wrong byte.
func clean(text string) string { return strings.ToValidUTF8(text, "\uFFFD") }

func checkTrigger(in Trigger) *Refusal {
	switch {
	case !sre.ValidID(in.ID):
		return invalid("ID must have 1 to 100 bytes of [A-Za-z0-9._:/-]")
	case len(in.Title) > MaxTitle, len(in.Body) > MaxBody, len(in.Link) > MaxLink:
		return refuse(RefusedInvalid, "Title may have 500 bytes, Body 4000 and Link 2000")
	}
	return nil
}

func (m *machine) trigger(in Trigger) *Refusal {
	if m.s.Status != None && in.ID != m.s.ID {
		return invalid("ID must be that of this escalation")
	}
	if m.s.Status != None && m.s.Status != Resolved {
		if in.Severity.Worse(m.s.Severity) {
			m.worsen(in.Severity)
		}
		return nil
	}
	m.news = true
	entry := m.s.Entry // goes on, so that identities stay unique
	m.s = State{
		ID: in.ID, Policy: m.c.digest, Status: Open, Severity: in.Severity, Entry: entry, Turn: in.Turn,
		Title: clean(in.Title), Body: clean(in.Body), Link: clean(in.Link),
		Triggered: m.now, Last: m.now,
	}
	m.promiseFrom(m.now)
	m.enter(m.rule().start, m.now)
	return nil
}

func (m *machine) rule() *rule { return &m.c.rules[m.s.Severity] }

// promise arms the promises that hold from Since on and were neither kept nor
// missed yet.
func (m *machine) promise() {
	r := m.rule()
	m.s.AckDue, m.s.RespondDue = time.Time{}, time.Time{}
	if r.ack > 0 && m.s.Status == Open && !m.s.AckMissed && !m.s.AckKept {
		m.s.AckDue = m.s.Since.Add(r.ack)
	}
	if r.respond > 0 && !m.s.RespondKept && !m.s.RespondMissed {
		m.s.RespondDue = m.s.Since.Add(r.respond)
	}
	if r.ackFor > 0 && m.s.Status == Acknowledged && m.s.Responder == "" {
		earliest(&m.s.Until, m.now.Add(r.ackFor))
	}
}

// promiseFrom counts the promises from an instant on.
func (m *machine) promiseFrom(since time.Time) {
	m.s.Since, m.s.AckMissed, m.s.RespondMissed = since, false, false
	m.s.AckKept, m.s.RespondKept = m.s.Status == Acknowledged, m.s.Responder != ""
	m.promise()
}

// promiseAnew arms the promises after the rule for them has changed.
func (m *machine) promiseAnew() {
	ack, respond := m.s.AckDue, m.s.RespondDue
	m.promise()
	m.s.AckDue, m.s.RespondDue = m.notPast(m.s.AckDue, ack), m.notPast(m.s.RespondDue, respond)
}

// notPast returns a due that a change has moved from before, but none that the
// change has put into the past: what was never owed then is owed now, and what
// follows must not be overdue with it.
func (m *machine) notPast(due, before time.Time) time.Time {
	if due.IsZero() || !due.Before(m.now) {
		return due
	}
	floor := m.now
	earliest(&floor, before) // overdue already
	if due.Before(floor) {
		return floor
	}
	return due
}

// quiet ends all paging.
func (m *machine) quiet() {
	m.s.pages.clear()
	m.s.LevelDue, m.s.AckDue, m.s.Until = time.Time{}, time.Time{}, time.Time{}
	m.news = true
}

func (m *machine) ack(by, note string) *Refusal {
	if r := m.note(by, note); r != nil {
		return r
	}
	if m.s.acks.n < MaxPeople && !m.s.acks.has(by) {
		m.s.acks.add(by)
	}
	m.s.By, m.news = by, true
	for i := m.s.pages.n - 1; i >= 0; i-- {
		if m.s.pages.ref(i).Person == by {
			m.s.pages.remove(i)
		}
	}
	if m.s.Status == Open && m.s.acks.n < m.needed() {
		return nil
	}
	m.acknowledged()
	return nil
}

// acknowledged ends the paging because enough people take care. It ends a
// snooze, from whose end promises are counted.
func (m *machine) acknowledged() {
	snoozed := m.s.Status == Snoozed
	m.quiet()
	m.s.Status = Acknowledged
	if snoozed {
		m.promiseFrom(m.now)
	} else {
		m.promise()
	}
	m.s.AckKept = true
}

// needed returns how many people must acknowledge the latest entry.
func (m *machine) needed() int {
	if i := m.c.index(m.s.Level); i >= 0 && i < m.c.lastResort() {
		return m.c.levels[i].Acks
	}
	return 1
}

func (m *machine) respond(in Respond) *Refusal {
	if m.s.Responder == "" {
		m.s.Responder = in.By
	}
	m.s.RespondKept = true
	if r := m.ack(in.By, in.Note); r != nil {
		return r
	}
	m.s.RespondDue = time.Time{}
	return nil
}

func (m *machine) snooze(in Snooze) *Refusal {
	until := in.Until.UTC().Round(0)
	if !until.After(m.now) || until.Sub(m.now) > m.c.policy.MaxSnooze {
		return invalid("Until must be later than now, by " + m.c.policy.MaxSnooze.String() + " at most")
	}
	m.quiet()
	m.s.acks.clear()
	m.s.RespondDue = time.Time{}
	m.s.Status, m.s.By, m.s.Until = Snoozed, in.By, until
	return nil
}

func (m *machine) escalate(in Escalate) *Refusal {
	at := m.c.index(m.s.Level)
	to := min(at+1, m.c.lastResort())
	if in.To != "" {
		if to = m.c.index(in.To); to < 0 {
			return refuse(RefusedNoLevel, "To must be the ID of a level, or "+LastResortLevel)
		}
	}
	if r := m.note(in.By, in.Reason); r != nil {
		return r
	}
	m.s.By, m.s.Responder = in.By, ""
	m.reopen(to, m.now)
	return nil
}

// reopen enters a level, whatever the status was. The promise to acknowledge
// goes on if nobody has yet, and begins anew after a snooze.
func (m *machine) reopen(to int, at time.Time) {
	before, ackDue := m.s.Status, m.s.AckDue
	m.quiet()
	m.s.Status = Open
	switch before {
	case Open:
		m.s.AckDue = ackDue
	case Snoozed:
		m.promiseFrom(at)
	}
	if to < 0 {
		to = m.rule().start // an edit has removed the level
	}
	m.enter(to, at)
}

func (m *machine) handOff(in HandOff) *Refusal {
	if !sre.ValidID(in.To) {
		return invalid("To must be an ID")
	}
	if r := m.note(in.By, in.Note); r != nil {
		return r
	}
	before, ackDue := m.s.Status, m.s.AckDue
	m.quiet()
	m.s.Status, m.s.By, m.s.Responder, m.s.AckDue = Open, in.By, "", ackDue
	if before == Snoozed {
		m.promiseFrom(m.now)
	}
	m.begin(m.s.Level, m.now, m.delay())
	m.page(in.To, m.now)
	return nil
}

func (m *machine) note(by, text string) *Refusal {
	if text == "" {
		return nil
	}
	if len(text) > MaxNote {
		return invalid("a note may have 2000 bytes")
	}
	kept := m.s.Notes[max(0, len(m.s.Notes)-MaxNotes+1):]
	m.s.Notes = append(slices.Clip(kept), Note{by, m.now, clean(text)})
	m.news = true
	return nil
}

func (m *machine) setSeverity(in SetSeverity) *Refusal {
	switch {
	case in.Severity == m.s.Severity:
	case in.Severity.Worse(m.s.Severity):
		m.worsen(in.Severity)
	default:
		same := in.Severity.Effective() == m.s.Severity.Effective()
		m.s.Severity, m.news = in.Severity, true
		if m.s.Status != Snoozed && !same {
			m.promiseAnew()
		}
	}
	return nil
}

// worsen takes a worse severity, whose promises count from now, or from the
// end of the snooze. What was owed earlier already stays so: that it is worse
// must not delay anyone.
func (m *machine) worsen(severity sre.Severity) {
	m.s.Severity, m.news = severity, true
	if m.s.Status == Snoozed {
		return
	}
	ack, respond := m.s.AckDue, m.s.RespondDue
	m.promiseFrom(m.now)
	if !m.s.AckDue.IsZero() {
		earliest(&m.s.AckDue, ack)
	}
	if !m.s.RespondDue.IsZero() {
		earliest(&m.s.RespondDue, respond)
	}
}

func (m *machine) resolve(in Resolve) *Refusal {
	if m.s.Status == Resolved {
		return nil
	}
	if r := m.note(in.By, in.Reason); r != nil {
		return r
	}
	m.quiet()
	m.s.acks.clear()
	m.s.RespondDue = time.Time{}
	m.s.Status, m.s.By = Resolved, in.By
	return nil
}

func (m *machine) edit() {
	m.s.Policy, m.news = m.c.digest, true
	if m.s.Status == Open || m.s.Status == Acknowledged {
		m.promiseAnew()
	}
	if m.s.Status != Open {
		return
	}
	switch i := m.c.index(m.s.Level); {
	case i < 0:
		m.notice(m.s.Level, "", NoticeLevelGone, m.now)
		m.enter(m.rule().start, m.now)
	case m.s.acks.n >= m.needed(): // fewer are needed now
		m.acknowledged()
	default:
		before := m.s.LevelDue
		m.s.LevelDue = m.notPast(m.s.Entered.Add(m.delay()), before)
	}
}

// delay returns how long the latest entry has.
func (m *machine) delay() time.Duration {
	if i := m.c.index(m.s.Level); i >= 0 && i < m.c.lastResort() {
		return m.c.levels[i].Delay
	}
	return m.c.policy.LastResort.Every
}

func (m *machine) undelivered(in Undelivered) {
	i := m.s.page(in.Person, in.Entry)
	if m.s.Status != Open || i < 0 {
		return
	}
	p := m.s.pages.at(i)
	if in.Step >= p.Next || p.Failed&(1<<in.Step) != 0 {
		return // not sent yet, or known already
	}
	p.Failed |= 1 << in.Step
	if !p.Done && p.Failed == 1<<p.Next-1 {
		p.Due = m.now // none of those sent so far arrives: do not wait for the next
	}
	m.s.pages.set(i, p)
	m.news = true
	if p.Entry == m.s.Entry {
		m.unreachable()
	}
}

// unreachable lets the next level be entered at once if none of the people of
// the latest entry can be reached.
func (m *machine) unreachable() {
	for i := range m.s.pages.n {
		if p := m.s.pages.at(i); p.Entry == m.s.Entry && !p.lost() {
			return
		}
	}
	if m.c.index(m.s.Level) == m.c.lastResort() && m.lastResortPaged() {
		return // it is paged again when it is due, not in a tight loop
	}
	m.notice(m.s.Level, "", NoticeUnreachable, m.now)
	earliest(&m.s.LevelDue, m.now)
}

// lastResortPaged reports whether the latest entry is one of the last resort's
// people, not one that a handoff has made.
func (m *machine) lastResortPaged() bool {
	for _, t := range m.c.policy.LastResort.Targets {
		if m.s.page(t.ID, m.s.Entry) < 0 {
			return false
		}
	}
	return true
}

// run does what is due, in the order in which it was.
func (m *machine) run() {
	for {
		due := m.s.nextDue()
		if due.IsZero() || due.After(m.now) {
			return
		}
		m.news = true
		switch due {
		case m.s.Until:
			m.wake(due)
		case m.s.RespondDue:
			m.missRespond(due)
		case m.s.AckDue:
			m.missAck(due)
		case m.s.LevelDue:
			m.next(due)
		default:
			m.deliverDue(due)
		}
	}
}

// wake ends an acknowledgement or a snooze.
func (m *machine) wake(at time.Time) {
	code := NoticeAckExpired
	if m.s.Status == Snoozed {
		code = NoticeSnoozeEnded
	}
	m.notice(m.s.Level, m.s.By, code, at)
	m.reopen(m.c.index(m.s.Level), at)
}

func (m *machine) missAck(at time.Time) {
	m.notice(m.s.Level, "", NoticeAckMissed, at)
	m.s.AckDue, m.s.AckMissed = time.Time{}, true
	if to := m.rule().ackLevel; to > m.c.index(m.s.Level) {
		m.enter(to, at)
	}
}

func (m *machine) missRespond(at time.Time) {
	m.notice(m.s.Level, "", NoticeRespondMissed, at)
	m.s.RespondDue, m.s.RespondMissed = time.Time{}, true
	to := m.rule().respondLevel
	if m.s.Status == Acknowledged {
		m.reopen(to, at)
	} else if to > m.c.index(m.s.Level) {
		m.enter(to, at)
	}
}

// next enters the level after this one, or pages the last resort again.
func (m *machine) next(at time.Time) {
	i := m.c.index(m.s.Level)
	if i == m.c.lastResort() {
		every := m.c.policy.LastResort.Every
		at = at.Add(m.now.Sub(at) / every * every) // what an outage has missed, as one
		m.enter(i, at)
		return
	}
	for i++; i < m.c.lastResort(); i++ {
		if m.enterLevel(i, at) {
			return
		}
	}
	if int(m.s.Loop) < m.c.policy.Repeat {
		m.s.Loop++
		i = m.rule().start
		m.notice(m.c.name(i), "", NoticeRepeat, at)
	}
	m.enter(i, at)
}

// enter enters the level at an index, or the first one after it that pages
// somebody, in the end the last resort.
func (m *machine) enter(i int, at time.Time) {
	for ; i < m.c.lastResort(); i++ {
		if m.enterLevel(i, at) {
			return
		}
	}
	if m.s.Level != LastResortLevel {
		m.notice(LastResortLevel, "", NoticeLastResort, at)
	}
	m.begin(LastResortLevel, at, m.c.policy.LastResort.Every)
	for _, t := range m.c.policy.LastResort.Targets {
		m.page(t.ID, at)
	}
}

// begin begins an entry.
func (m *machine) begin(level string, at time.Time, delay time.Duration) {
	m.s.Entry++
	m.s.Level, m.s.Entered, m.s.LevelDue = level, at, at.Add(delay)
	m.s.acks.clear()
	m.notice(level, "", NoticeEntered, at)
}

// enterLevel enters a level and reports whether that pages anybody. If not it
// leaves notices of why, and no trace else.
func (m *machine) enterLevel(i int, at time.Time) bool {
	l := &m.c.levels[i]
	if l.When.AtLeast != 0 && m.s.Severity.Effective() > l.When.AtLeast || l.hours != nil && !l.hours.Open(m.now) {
		m.notice(l.ID, "", NoticeCondition, at)
		return false
	}
	m.paged, m.full = 0, false
	for k := range l.Targets {
		m.target(l, &l.Targets[k], at)
	}
	if m.paged == 0 {
		m.notice(l.ID, "", NoticeNobody, at)
	}
	return m.paged > 0
}

func (m *machine) target(l *level, t *Target, at time.Time) {
	var people []string
	known := true
	switch t.Kind {
	case TargetPerson:
		m.person(l, t.ID, at)
		return
	case TargetRoundRobin:
		n := uint64(len(t.People))
		turn := m.s.Turn%n + uint64(m.s.Loop)
		for k := range n {
			if m.person(l, t.People[(turn+k)%n], at) {
				return
			}
		}
		return
	case TargetSchedule:
		people, known = m.d.OnCall(t.ID, t.Role, m.now)
	case TargetTeam:
		people, known = m.d.Team(t.ID)
	}
	if !known {
		m.notice(l.ID, t.ID, NoticeDirectory, at)
	}
	for _, id := range people {
		m.person(l, id, at)
	}
}

// person pages a person, unless there is a reason against it, and reports
// whether the person is paged.
func (m *machine) person(l *level, id string, at time.Time) bool {
	if m.paged > 0 && m.s.page(id, m.s.Entry) >= 0 {
		return true // by another target as well
	}
	if limit := l.When.MaxLoad; limit > 0 {
		if open, known := m.d.Load(id); known && open >= limit {
			m.notice(l.ID, id, NoticeLoad, at)
			return false
		}
	}
	if plan, known := m.d.Plan(id, m.s.Severity); known && len(plan) == 0 {
		m.notice(l.ID, id, NoticeNoContact, at)
		return false
	}
	if m.paged == MaxPeople {
		if !m.full {
			m.notice(l.ID, "", NoticeTooMany, at)
		}
		m.full = true
		return false
	}
	if m.paged == 0 {
		m.begin(l.ID, at, l.Delay)
	}
	m.paged++
	m.page(id, at)
	return true
}

// page owes a person the steps of the contact plan, from at on. The oldest page
// that still has steps to come stays, or a plan longer than the time between
// two entries would never come to its last steps.
func (m *machine) page(person string, at time.Time) {
	p := Page{Person: person, Level: m.s.Level, Entry: m.s.Entry, First: m.s.Entry, At: at, Due: at}
	if plan, _ := m.d.Plan(person, m.s.Severity); len(plan) > 0 {
		p.Due = at.Add(plan[0].After)
	}
	running := false
	for i := 0; i < m.s.pages.n; i++ {
		old := m.s.pages.ref(i)
		if old.Person == person {
			p.First = min(p.First, old.First)
		}
		switch {
		case old.Person != person:
		case !running && !old.Done:
			running = true
		default:
			m.s.pages.remove(i)
			i--
		}
	}
	m.s.pages.add(p)
}

// deliverDue makes the deliveries that are due at an instant.
func (m *machine) deliverDue(at time.Time) {
	lost := false
	m.s.pages.own()
	for i := range m.s.pages.n {
		if p := m.s.pages.ref(i); p.Due.Equal(at) && !p.Due.IsZero() {
			m.deliver(p, at)
			lost = lost || p.lost() && p.Entry == m.s.Entry
		}
	}
	if lost {
		m.unreachable()
	}
}

// deliver takes the next step of a page. Without a plan there is one step, and
// where it is no longer known one more, since unknown never silences.
func (m *machine) deliver(p *Page, at time.Time) {
	plan, known := m.d.Plan(p.Person, m.s.Severity)
	plan = plan[:min(len(plan), MaxSteps)]
	step := int(p.Next)
	contact := ""
	if step < len(plan) {
		contact = plan[step].Contact
	}
	if step == 0 || step < len(plan) || !known {
		m.send(p, contact, at)
		p.Next++
	}
	if next := int(p.Next); next < len(plan) {
		p.Due = p.At.Add(plan[next].After)
		return
	}
	p.Done, p.Due = true, time.Time{}
}

// send asks for a delivery. One to the same contact that this step has asked
// for already gives way: an outage must not become a burst.
func (m *machine) send(p *Page, contact string, at time.Time) {
	effect := Effect{Kind: Deliver, Entry: p.Entry, Level: p.Level, At: at, Person: p.Person, Contact: contact, Step: p.Next}
	for i := m.start; i < len(m.out); i++ {
		if old := &m.out[i]; old.Kind == Deliver && old.Person == p.Person && old.Contact == contact {
			if old.Entry > p.Entry {
				p.Failed |= 1 << p.Next // the newer entry's stays: it is the one that counts
				return
			}
			if k := m.s.page(old.Person, old.Entry); k >= 0 {
				m.s.pages.ref(k).Failed |= 1 << old.Step // it is not sent, so nothing is to be expected of it
			}
			*old = effect
			return
		}
	}
	m.out = append(m.out, effect)
}

func (m *machine) notice(level, person string, code NoticeCode, at time.Time) {
	m.out = append(m.out, Effect{Kind: Notice, Entry: m.s.Entry, Level: level, At: at, Person: person, Code: code})
}
