package oncalltest

import (
	"fmt"
	"time"

	"pgregory.net/rapid"

	"github.com/sre-sdk/sre/oncall"
	"github.com/sre-sdk/sre/oncall/schedule"
)

// DifficultZones have a gap at midnight, a half-hour summer time, a skipped day
// or offsets of odd seconds, beside two common ones.
var DifficultZones = []string{
	"America/Santiago", "America/Havana", "Atlantic/Azores", "Pacific/Apia",
	"Australia/Lord_Howe", "Africa/Monrovia", "America/Chicago", "Europe/Berlin", "UTC",
}

// Range limits what [Schedules] makes.
type Range struct {
	From, To time.Time // what happens once, and most anchors, lie in here; default: two weeks from 2026-03-01
	Zones    []string  // default: [DifficultZones]
	People   int       // default: 6
	Layers   int       // at most; default: 4
	Specials int       // at most so many overrides, swaps, absences, and temporary schedules, each; default: 3; negative: none
	Worked   bool      // also layers whose turns count as worked
	Rules    bool      // also recurrence rules

	// Step is what every clock and instant is a multiple of; default: 15 minutes.
	Step time.Duration
}

func (r Range) withDefaults() Range {
	if r.From.IsZero() || !r.To.After(r.From) {
		r.From = time.Date(2026, 3, 1, 0, 0, 0, 0, time.UTC)
		r.To = r.From.Add(14 * 24 * time.Hour)
	}
	if len(r.Zones) == 0 {
		r.Zones = DifficultZones
	}
	setInt := func(v *int, value int) {
		if *v == 0 {
			*v = value
		}
		*v = max(*v, 0)
	}
	setInt(&r.People, 6)
	setInt(&r.Layers, 4)
	setInt(&r.Specials, 3)
	if r.Step == 0 {
		r.Step = 15 * time.Minute
	}
	return r
}

// Schedules generates valid schedules of every shape: several zones, roles from
// positions, restrictions of every field, people who are absent, temporary
// schedules, and overrides that contradict each other.
func Schedules(r Range) *rapid.Generator[schedule.Schedule] {
	r = r.withDefaults()
	return rapid.Custom(func(t *rapid.T) schedule.Schedule {
		g := maker{t, r}
		s := schedule.Schedule{
			ID: "s", Zone: g.zone(),
			Compose:  rapid.SampledFrom([]schedule.Compose{schedule.Union, schedule.Priority, schedule.LastWins}).Draw(t, "compose"),
			Holidays: []schedule.HolidayCalendar{{Name: "feasts", Dates: []string{g.date(), g.date() + "/" + r.To.Format(time.DateOnly)}}},
		}
		for i := range rapid.IntRange(1, max(1, r.Layers)).Draw(t, "layers") {
			s.Layers = append(s.Layers, g.layer(fmt.Sprintf("l%d", i)))
		}
		for i := range g.count("overrides") {
			s.Overrides = append(s.Overrides, g.override(i))
		}
		for i := range g.count("swaps") {
			a, b := g.two()
			from, to := g.interval()
			s.Swaps = append(s.Swaps, schedule.Swap{ID: fmt.Sprintf("w%d", i), Beneficiary: a, Benefactor: rapid.SampledFrom([]string{b, b, b, ""}).Draw(t, "taken"), Start: from, End: to, Role: g.anyRole()})
		}
		for range g.count("absences") {
			from, to := g.interval()
			s.Absences = append(s.Absences, schedule.Absence{Person: g.person(), Start: from, End: to})
		}
		if r.Specials > 0 && rapid.IntRange(0, 2).Draw(t, "temporary") == 0 {
			s.Temporary = append(s.Temporary, g.temporary())
		}
		return s
	})
}

// maker draws the parts of a schedule.
type maker struct {
	*rapid.T
	Range
}

func (g maker) count(what string) int {
	return rapid.IntRange(0, g.Specials).Draw(g.T, what)
}

func (g maker) zone() string { return rapid.SampledFrom(g.Zones).Draw(g.T, "zone") }

func (g maker) person() string {
	return fmt.Sprintf("p%d", rapid.IntRange(0, g.People-1).Draw(g.T, "person"))
}

// two draws two people who differ.
func (g maker) two() (a, b string) {
	i := rapid.IntRange(0, g.People-1).Draw(g.T, "person")
	j := (i + rapid.IntRange(1, max(1, g.People-1)).Draw(g.T, "other")) % max(2, g.People)
	return fmt.Sprintf("p%d", i), fmt.Sprintf("p%d", j)
}

func (g maker) role() oncall.Role {
	return rapid.SampledFrom([]oncall.Role{oncall.Primary, oncall.Primary, oncall.Secondary, oncall.Shadow}).Draw(g.T, "role")
}

// anyRole draws a role, mostly none.
func (g maker) anyRole() oncall.Role {
	return rapid.SampledFrom([]oncall.Role{oncall.RoleUnknown, oncall.RoleUnknown, oncall.Primary, oncall.Secondary}).Draw(g.T, "role")
}

func (g maker) instant() time.Time {
	steps := int(g.To.Sub(g.From) / g.Step)
	return g.From.Add(time.Duration(rapid.IntRange(0, steps).Draw(g.T, "instant")) * g.Step)
}

func (g maker) interval() (from, to time.Time) {
	from = g.instant()
	return from, from.Add(time.Duration(rapid.IntRange(1, int(72*time.Hour/g.Step)).Draw(g.T, "length")) * g.Step)
}

func (g maker) date() string {
	days := int(g.To.Sub(g.From) / (24 * time.Hour))
	return g.From.AddDate(0, 0, rapid.IntRange(0, max(days, 1)-1).Draw(g.T, "date")).Format(time.DateOnly)
}

// clock draws a time of day, often one that some zone skips or repeats.
func (g maker) clock() string {
	steps := int(24*time.Hour/g.Step) - 1
	at := rapid.OneOf(rapid.Just(0), rapid.IntRange(0, int(4*time.Hour/g.Step)), rapid.IntRange(0, steps)).Draw(g.T, "clock")
	return time.Time{}.Add(time.Duration(at) * g.Step).Format("15:04")
}

func (g maker) layer(name string) schedule.Layer {
	l := schedule.Layer{Name: name, Role: g.role(), Priority: rapid.IntRange(0, 2).Draw(g.T, "priority"), Anchor: g.date() + " " + g.clock()}
	if rapid.IntRange(0, 3).Draw(g.T, "own zone") == 0 {
		l.Zone = g.zone()
	}
	l.Turn = g.turn()
	members := 1
	if l.Turn != (schedule.Turn{}) {
		members = rapid.IntRange(1, 5).Draw(g.T, "members")
	}
	for range members {
		l.Members = append(l.Members, g.slot())
	}
	l.First = rapid.IntRange(0, members-1).Draw(g.T, "first")
	if members > 1 && rapid.Bool().Draw(g.T, "positions") {
		l.Positions = []schedule.Position{{Role: oncall.Primary}, {Role: oncall.Secondary, Offset: rapid.IntRange(0, members-1).Draw(g.T, "offset")}}
	}
	for range rapid.SampledFrom([]int{0, 0, 1, 1, 2}).Draw(g.T, "restrictions") {
		l.Restrict = append(l.Restrict, g.restriction())
	}
	if g.Worked && len(l.Restrict) > 0 && l.Turn != (schedule.Turn{}) && rapid.Bool().Draw(g.T, "worked") {
		l.TurnsBy = schedule.ByWorked
	}
	if rapid.IntRange(0, 4).Draw(g.T, "bounded") == 0 {
		l.From, l.Until = g.interval()
	}
	return l
}

func (g maker) slot() schedule.Slot {
	switch rapid.IntRange(0, 7).Draw(g.T, "slot") {
	case 0:
		return schedule.Slot{}
	case 1:
		a, b := g.two()
		return schedule.Slot{a, b}
	}
	return schedule.Slot{g.person()}
}

func (g maker) turn() schedule.Turn {
	every := rapid.IntRange(1, 3).Draw(g.T, "every")
	switch rapid.IntRange(0, 11).Draw(g.T, "turn") {
	case 0:
		return schedule.Turn{}
	case 1:
		return schedule.Months(every)
	case 2, 3:
		return schedule.Weeks(every)
	case 4, 5:
		return schedule.Hours(every * rapid.SampledFrom([]int{1, 5, 8}).Draw(g.T, "hours"))
	case 6, 7:
		return schedule.Elapsed(time.Duration(every) * rapid.SampledFrom([]time.Duration{4 * time.Hour, 7*time.Hour + g.Step, 50 * time.Hour}).Draw(g.T, "elapsed"))
	}
	return schedule.Days(every)
}

func (g maker) restriction() schedule.Restriction {
	var r schedule.Restriction
	some := func(what string) bool { return rapid.IntRange(0, 3).Draw(g.T, what) == 0 }
	for range rapid.IntRange(0, 2).Draw(g.T, "clocks") {
		r.Clock = append(r.Clock, g.clock()+"-"+g.clock())
	}
	if rapid.Bool().Draw(g.T, "weekdays") {
		r.Weekdays = rapid.SliceOfNDistinct(rapid.Map(rapid.IntRange(0, 6), func(i int) time.Weekday { return time.Weekday(i) }), 1, 5, rapid.ID).Draw(g.T, "days")
	}
	if some("month days") {
		r.MonthDays = rapid.SliceOfN(rapid.SampledFrom([]int{1, 2, 7, 8, 28, 29, 30, 31, -1, -2, -10, -31}), 1, 6).Draw(g.T, "days")
	}
	if some("months") {
		r.Months = []time.Month{g.From.Month(), g.To.Month()}
	}
	if some("dates") {
		r.Dates = []string{g.date() + "/" + g.To.Format(time.DateOnly), g.date()}
	}
	if some("holidays") {
		r.OnHolidays = []string{"feasts"}
	} else if some("workdays") {
		r.NotOnHolidays = []string{"feasts"}
	}
	if g.Rules && some("rule") {
		r.Rule = rapid.SampledFrom([]string{"FREQ=DAILY;INTERVAL=2", "FREQ=WEEKLY;BYDAY=SU,MO", "FREQ=MONTHLY;BYDAY=-1SU,2SU", "FREQ=DAILY;BYHOUR=0,2", "FREQ=DAILY;COUNT=5"}).Draw(g.T, "rule")
		r.RuleStart = g.date() + " " + g.clock()
		r.RuleFor = time.Duration(rapid.IntRange(1, int(40*time.Hour/g.Step)).Draw(g.T, "for")) * g.Step
	}
	return r
}

func (g maker) override(i int) schedule.Override {
	a, b := g.two()
	from, to := g.interval()
	o := schedule.Override{ID: fmt.Sprintf("o%d", i), Start: from, End: to, Role: g.anyRole(), OverTemporary: rapid.Bool().Draw(g.T, "over temporary")}
	if i > 0 && rapid.IntRange(0, 3).Draw(g.T, "supersedes") == 0 {
		o.Supersedes = fmt.Sprintf("o%d", rapid.IntRange(0, i-1).Draw(g.T, "which"))
	}
	switch rapid.IntRange(0, 4).Draw(g.T, "override") {
	case 0:
		o.Add = a
	case 1:
		o.Remove = a
	case 2:
		if o.Supersedes == "" {
			o.Add = a
		}
	default:
		o.Add, o.Remove = a, b
	}
	return o
}

func (g maker) temporary() schedule.Temporary {
	from, to := g.interval()
	temp := schedule.Temporary{ID: "t0", Start: from, End: to}
	for range rapid.IntRange(0, 4).Draw(g.T, "shifts") {
		steps := int(to.Sub(from) / g.Step)
		a := rapid.IntRange(0, steps-1).Draw(g.T, "start")
		b := rapid.IntRange(a+1, steps).Draw(g.T, "end")
		temp.Shifts = append(temp.Shifts, schedule.TemporaryShift{Person: g.person(), Role: g.role(), Start: from.Add(time.Duration(a) * g.Step), End: from.Add(time.Duration(b) * g.Step)})
	}
	return temp
}
