package incident

import (
	"fmt"
	"slices"
	"time"

	"github.com/sre-sdk/sre"
	"github.com/sre-sdk/sre/internal/civil"
	"github.com/sre-sdk/sre/internal/enum"
)

// A Duty is what may be due.
type Duty uint8

const (
	DutyUnknown     Duty = iota
	DutyAcknowledge      // somebody takes care
	DutyTriage           // the severity is judged
	DutyMitigate         // users are no longer affected
	DutyResolve          // the cause is gone
	DutyCommander        // a major incident has a commander
	DutyUpdate           // an audience is told
	DutyPostmortem       // the postmortem is held
	DutyReview           // the question about runbooks and alerts is answered
	DutyAction           // an action of the postmortem is done
	dutyEnd
)

var dutyNames = [dutyEnd]string{"unknown", "acknowledge", "triage", "mitigate", "resolve", "commander", "update", "postmortem", "review", "action"}

// String returns the lower-case name.
func (d Duty) String() string { return enum.Name(dutyNames[:], "duty", uint8(d)) }

// MarshalText returns the lower-case name; it refuses values that have none.
func (d Duty) MarshalText() ([]byte, error) { return enum.Marshal(dutyNames[:], "duty", uint8(d)) }

// UnmarshalText reads the lower-case name.
func (d *Duty) UnmarshalText(text []byte) error {
	return enum.Unmarshal(dutyNames[:], "duty", text, (*uint8)(d))
}

// A Basis says which time counts.
type Basis uint8

const (
	Elapsed    Basis = iota // all of it
	Business                // that of Deadlines.Hours
	OnCallTime              // that of Deadlines.OnCall
	basisEnd
)

var basisNames = [basisEnd]string{"elapsed", "business", "on_call"}

// String returns the lower-case name.
func (b Basis) String() string { return enum.Name(basisNames[:], "basis", uint8(b)) }

// MarshalText returns the lower-case name; it refuses values that have none.
func (b Basis) MarshalText() ([]byte, error) { return enum.Marshal(basisNames[:], "basis", uint8(b)) }

// UnmarshalText reads the lower-case name.
func (b *Basis) UnmarshalText(text []byte) error {
	return enum.Unmarshal(basisNames[:], "basis", text, (*uint8)(b))
}

// A Clock counts some of the time: that in which somebody is on call, say. It
// must be a pure function, safe for concurrent use, and never run backwards.
type Clock interface {
	// Add returns the first instant by which d has passed since from, and false
	// if it cannot say; then all time counts.
	Add(from time.Time, d time.Duration) (time.Time, bool)

	// Between returns how much passes from a to b, which is not before a.
	Between(a, b time.Time) time.Duration
}

// Hours are business time.
type Hours struct {
	Zone     string         // an IANA name. Default: UTC
	Weekdays []time.Weekday // default: Monday to Friday
	From, To string         // "09:00", "17:00", which are the defaults; To at or before From ends on the next day
	Holidays []string       // "2026-12-25": no business
}

// Limits of targets.
const (
	MaxSeverities = 10                   // that targets and cadences speak of
	MaxTarget     = 366 * 24 * time.Hour // of a target, whatever time counts
)

// A Target says by when something is due.
type Target struct {
	For      time.Duration // since it became so; 0: never
	Time     Basis         // which time counts
	Pause    bool          // the clock stands still while the incident is mitigated
	Escalate string        // whom to tell of a breach: an ID that the caller understands, handed through
}

// Targets are those of severity 1, 2 and so on; a severity beyond them has none.
// No severity may have more time than a milder one, where the same time counts.
// nil is the default, an empty list none at all.
type Targets []Target

// A Cadence says when an audience is told. All are zero by default where Every
// is: then it need not be told.
type Cadence struct {
	Every time.Duration // after the latest update; 0: never

	First  time.Duration // the first update after the incident was declared. Default: Every
	Second time.Duration // the one after it, which says how far it reaches. Default: Every
	Long   time.Duration // after this long in the incident Later counts instead of Every; 0: never
	Later  time.Duration // default: Every
	Final  time.Duration // after the resolution, if anything was told. Default: Every

	Time     Basis
	Escalate string
}

// Cadences are those of severity 1, 2 and so on; a severity beyond them has none.
// nil is the default, an empty list none at all.
type Cadences []Cadence

// Deadlines says what is due when. The zero value is a good one: the numbers are
// this library's where no source stands beside them.
//
// A clock of a severity runs while the incident is at least as severe. The
// earliest of the clocks that run out counts: making an incident worse gives it
// the whole time of the worse severity, but never more than it had; making it
// milder gives it the time of the milder one since it began, but takes no breach
// back.
type Deadlines struct {
	// Acknowledge is due after the declaration. Default: 5 min, 15 min, 1 h, and
	// 8 h of business time.
	Acknowledge Targets

	// Triage is due after the declaration. Default: 15 min, 30 min, 2 h, and 16 h
	// of business time.
	Triage Targets

	// Mitigate is due after the declaration, or since the impact came back.
	// Default: 1 h, 4 h, 24 h.
	Mitigate Targets

	// Resolve is due after the declaration. Default: none.
	Resolve Targets

	// Commander is due while a major incident has none. Default: 5 min for each.
	Commander Targets

	// Postmortem must be held by then after the resolution, by the worst severity;
	// to say so is enough, [SchedulePostmortem]. Default: 24 h and 72 h.
	Postmortem Targets

	// Review of runbooks and alerts is due after the resolution, by the worst
	// severity, where Policy.ReviewFrom asks for it. Default: 72 h and 72 h, then
	// 40 h of business time twice.
	Review Targets

	// Actions of the postmortem are due after they were agreed. Default: 4 weeks
	// for severity 1 and 8 weeks for the next three, as Atlassian has them for
	// priority actions.
	Actions Targets

	// Updates. Public, by PagerDuty's guidelines for external communication: the
	// first within 5 min, one on the scope within 5 min more, then every 20 min
	// for 2 h, and every hour from then on, for severities 1 and 2. Executives:
	// every 30 min, likewise. Internal: every 30 min, 1 h and 4 h of severities 1
	// to 3.
	Internal, Public, Executives Cadences

	// Hours are those of Business. Default: Monday to Friday, 09:00 to 17:00, UTC.
	Hours Hours

	// OnCall is the clock of OnCallTime. Required where that counts.
	OnCall Clock
}

// PagerDutyDeadlines are the defaults with the postmortem of PagerDuty's process:
// within 3 calendar days for SEV-1 and 5 business days, of 8 h, for SEV-2.
func PagerDutyDeadlines() Deadlines {
	return Deadlines{Postmortem: Targets{{For: 72 * time.Hour}, {For: 40 * time.Hour, Time: Business}}}
}

func elapsed(lengths ...time.Duration) (list Targets) {
	for _, d := range lengths {
		list = append(list, Target{For: d})
	}
	return list
}

func repeatedTarget(t Target) Targets { return slices.Repeat(Targets{t}, MaxSeverities) }

// filled returns the deadlines with their defaults.
func (d Deadlines) filled() Deadlines {
	const week = 7 * 24 * time.Hour
	business := func(t time.Duration) Target { return Target{For: t, Time: Business} }
	for _, f := range []struct {
		targets   *Targets
		otherwise Targets
	}{
		{&d.Acknowledge, append(elapsed(5*time.Minute, 15*time.Minute, time.Hour), business(8*time.Hour))},
		{&d.Triage, append(elapsed(15*time.Minute, 30*time.Minute, 2*time.Hour), business(16*time.Hour))},
		{&d.Mitigate, elapsed(time.Hour, 4*time.Hour, 24*time.Hour)},
		{&d.Resolve, Targets{}},
		{&d.Commander, repeatedTarget(Target{For: 5 * time.Minute})},
		{&d.Postmortem, elapsed(24*time.Hour, 72*time.Hour)},
		{&d.Review, append(elapsed(72*time.Hour, 72*time.Hour), business(40*time.Hour), business(40*time.Hour))},
		{&d.Actions, elapsed(4*week, 8*week, 8*week, 8*week)},
	} {
		if *f.targets == nil {
			*f.targets = f.otherwise
		}
	}
	public := Cadence{First: 5 * time.Minute, Second: 5 * time.Minute, Every: 20 * time.Minute, Long: 2 * time.Hour, Later: time.Hour}
	for _, f := range []struct {
		cadences  *Cadences
		otherwise Cadences
	}{
		{&d.Internal, Cadences{{Every: 30 * time.Minute}, {Every: time.Hour}, {Every: 4 * time.Hour}}},
		{&d.Public, Cadences{public, public}},
		{&d.Executives, Cadences{{Every: 30 * time.Minute}, {Every: 30 * time.Minute}}},
	} {
		if *f.cadences == nil {
			*f.cadences = f.otherwise
		}
		*f.cadences = slices.Clone(*f.cadences)
		for i := range *f.cadences {
			(*f.cadences)[i].fill()
		}
	}
	return d
}

func (c *Cadence) fill() {
	for _, d := range []*time.Duration{&c.First, &c.Second, &c.Later, &c.Final} {
		if *d == 0 {
			*d = c.Every
		}
	}
}

// A schedule is Deadlines, checked.
type schedule struct {
	targets  [dutyEnd]Targets
	cadences [audienceEnd]Cadences
	ladders  [audienceEnd]ladders
	clocks   [basisEnd]Clock // none of Elapsed
}

// ladders are a cadence by what is due next.
type ladders struct{ every, first, second, later Targets }

// compile checks deadlines whose defaults are filled in.
func (d Deadlines) compile(p *sre.Problems, major sre.Severity) (s schedule) {
	s.targets = [dutyEnd]Targets{
		DutyAcknowledge: d.Acknowledge, DutyTriage: d.Triage, DutyMitigate: d.Mitigate, DutyResolve: d.Resolve,
		DutyCommander: d.Commander, DutyPostmortem: d.Postmortem, DutyReview: d.Review, DutyAction: d.Actions,
	}
	s.cadences = [audienceEnd]Cadences{Internal: d.Internal, Public: d.Public, Executives: d.Executives}
	for duty, list := range s.targets {
		d.checkTargets(p, "deadlines."+Duty(duty).String(), list)
		s.targets[duty] = slices.Clone(list)
	}
	if list := s.targets[DutyCommander]; len(list) > int(major) {
		s.targets[DutyCommander] = list[:major]
	}
	for audience, list := range s.cadences {
		path := "deadlines." + Audience(audience).String()
		for _, part := range cadenceParts {
			ladder := make(Targets, len(list))
			for i := range list {
				ladder[i] = Target{For: *part.of(&list[i]), Time: list[i].Time, Escalate: list[i].Escalate}
			}
			d.checkTargets(p, path+"."+part.name, ladder)
			*part.into(&s.ladders[audience]) = ladder
		}
		for i, c := range list {
			if c.Every == 0 && c != (Cadence{}) {
				p.Add(fmt.Sprintf("%s[%d].every", path, i), "missing", nil, "a duration, or nothing at all")
			}
			if c.Long < 0 || c.Long > MaxTarget {
				p.Add(fmt.Sprintf("%s[%d].long", path, i), "out_of_range", c.Long, "0 or more")
			}
		}
	}
	hours, err := d.Hours.compile()
	p.Merge("deadlines.hours", err)
	s.clocks[Business], s.clocks[OnCallTime] = hours, d.OnCall
	return s
}

var cadenceParts = []struct {
	name string
	of   func(*Cadence) *time.Duration
	into func(*ladders) *Targets
}{
	{"every", func(c *Cadence) *time.Duration { return &c.Every }, func(l *ladders) *Targets { return &l.every }},
	{"first", func(c *Cadence) *time.Duration { return &c.First }, func(l *ladders) *Targets { return &l.first }},
	{"second", func(c *Cadence) *time.Duration { return &c.Second }, func(l *ladders) *Targets { return &l.second }},
	{"later", func(c *Cadence) *time.Duration { return &c.Later }, func(l *ladders) *Targets { return &l.later }},
	{"final", func(c *Cadence) *time.Duration { return &c.Final }, func(*ladders) *Targets { return new(Targets) }},
}

func (d *Deadlines) checkTargets(p *sre.Problems, path string, list Targets) {
	if len(list) > MaxSeverities {
		p.Add(path, "too_many", len(list), fmt.Sprintf("at most %d", MaxSeverities))
		return
	}
	for i, t := range list {
		at := fmt.Sprintf("%s[%d]", path, i)
		if t.For < 0 || t.For > MaxTarget {
			p.Add(at+".for", "out_of_range", t.For, "0 for never, or up to 366 days")
		}
		if t.Time >= basisEnd {
			p.Add(at+".time", "unknown_basis", t.Time, "elapsed, business or on_call")
		}
		if t.For > 0 && t.Time == OnCallTime && d.OnCall == nil {
			p.Add("deadlines.on_call", "missing", nil, "the clock of on-call time, which "+at+" asks for")
		}
		if len(t.Escalate) > 0 {
			p.CheckID(at+".escalate", t.Escalate)
		}
		for j, worse := range list[:i] {
			if t.For > 0 && (worse.For == 0 || worse.For > t.For && worse.Time == t.Time) {
				p.Add(fmt.Sprintf("%s[%d].for", path, j), "not_monotone", worse.For, fmt.Sprintf("no more time than the milder [%d], %s", i, t.For))
			}
		}
	}
}

// filled returns the hours with their defaults.
func (h Hours) filled() Hours {
	if h.Zone == "" {
		h.Zone = "UTC"
	}
	if h.Weekdays == nil {
		h.Weekdays = []time.Weekday{time.Monday, time.Tuesday, time.Wednesday, time.Thursday, time.Friday}
	}
	if h.From == "" {
		h.From = "09:00"
	}
	if h.To == "" {
		h.To = "17:00"
	}
	return h
}

func (h Hours) compile() (*civil.Calendar, error) {
	var p sre.Problems
	h = h.filled()
	var hours civil.Hours
	var err error
	hours.Zone, err = civil.LoadZone(h.Zone)
	p.Merge("zone", err)
	span, err := civil.ParseClockRange(h.From + "-" + h.To)
	p.Merge("from", err)
	for i, day := range h.Weekdays {
		if day < time.Sunday || day > time.Saturday {
			p.Add(fmt.Sprintf("weekdays[%d]", i), "unknown_weekday", int(day), "0 for Sunday to 6")
			continue
		}
		hours.Week[day] = []civil.ClockRange{span}
	}
	for i, text := range h.Holidays {
		date, err := civil.ParseDate(text)
		p.Merge(fmt.Sprintf("holidays[%d]", i), err)
		hours.Holidays = append(hours.Holidays, date)
	}
	if err := p.Err("incident"); err != nil {
		return nil, err
	}
	return hours.Compile()
}
