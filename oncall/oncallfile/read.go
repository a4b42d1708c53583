package oncallfile

import (
	"fmt"
	"io"
	"strconv"
	"strings"
	"time"

	"github.com/sre-sdk/sre"
	"github.com/sre-sdk/sre/internal/yamlfile"
	"github.com/sre-sdk/sre/oncall"
	"github.com/sre-sdk/sre/oncall/internal/reading"
	"github.com/sre-sdk/sre/oncall/schedule"
)

// What the first two fields of a file must say.
const (
	APIVersion = "sre-sdk/v1"
	Kind       = "OnCallSchedule"
)

// MaxBytes is the largest file that is read.
const MaxBytes = 1 << 20

// Read reads the one schedule of a file; name is the file's, for messages. The
// schedule that it returns compiles. The error carries every [sre.Problem].
func Read(r io.Reader, name string) (schedule.Schedule, error) {
	f, err := reading.Parse(r, name, prefix, MaxBytes)
	if err != nil {
		return schedule.Schedule{}, err
	}
	s := file{f}.schedule()
	if err := f.Compile(s); err != nil {
		return schedule.Schedule{}, err
	}
	return s, nil
}

const prefix = "oncallfile"

// file is one file as it is read.
type file struct{ *reading.Reading }

// document returns the fields of a document of that kind.
func (f file) document(kind string) *yamlfile.Map {
	m := f.Root.Map()
	m.Required("apiVersion").Enum(APIVersion)
	m.Required("kind").Enum(kind)
	return m
}

func (f file) schedule() schedule.Schedule {
	m := f.document(Kind)
	var s schedule.Schedule
	s.ID = f.field(m, "", "id").Text()
	s.Zone = f.field(m, "", "zone").Text()
	unmarshal(f.field(m, "", "compose"), &s.Compose)
	s.Layers = each(f, m, "", "layers", f.layer)
	s.Temporary = each(f, m, "", "temporary", f.temporary)
	s.Overrides = each(f, m, "", "overrides", f.override)
	s.Swaps = each(f, m, "", "swaps", f.swap)
	s.Absences = each(f, m, "", "absences", f.absence)
	s.Holidays = each(f, m, "", "holidays", f.holidays)
	m.Done()
	return s
}

func (f file) layer(n yamlfile.Node, path string) schedule.Layer {
	m := n.Map()
	var l schedule.Layer
	l.Name = f.field(m, path, "name").Text()
	l.Role = f.role(m, path)
	l.Positions = each(f, m, path, "positions", f.position)
	if len(l.Positions) > 0 && l.Role != oncall.RoleUnknown {
		m.Optional("role").Add("not_allowed", l.Role, "no role beside positions, which name the roles")
	}
	l.Priority = f.field(m, path, "priority").Int(-maxPriority, maxPriority)
	l.Members = each(f, m, path, "members", f.slot)
	l.First = f.field(m, path, "first").Int(0, schedule.MaxSlots)
	l.Anchor = f.field(m, path, "anchor").Text()
	l.Turn = yamlfile.Value(f.field(m, path, "turn"), ParseTurn)
	unmarshal(f.field(m, path, "turns_by"), &l.TurnsBy)
	l.Restrict = each(f, m, path, "restrict", f.restriction)
	l.Zone = f.field(m, path, "zone").Text()
	l.From = reading.Instant(f.field(m, path, "from"))
	l.Until = reading.Instant(f.field(m, path, "until"))
	m.Done()
	return l
}

// maxPriority is beyond what anybody writes, and safe for arithmetic.
const maxPriority = 1_000_000

func (f file) slot(n yamlfile.Node, path string) schedule.Slot {
	if !n.Exists() {
		n.Add("missing", nil, "a person, a list of people, or [] for nobody")
		return nil
	}
	if !n.IsList() {
		f.Place(path+"[0]", n)
		return schedule.Slot{n.Text()}
	}
	slot := schedule.Slot{}
	for i, item := range n.List() {
		slot = append(slot, f.Place(fmt.Sprintf("%s[%d]", path, i), item).Text())
	}
	return slot
}

func (f file) position(n yamlfile.Node, path string) schedule.Position {
	m := n.Map()
	p := schedule.Position{Role: f.role(m, path), Offset: f.field(m, path, "offset").Int(0, schedule.MaxSlots)}
	m.Done()
	return p
}

func (f file) restriction(n yamlfile.Node, path string) schedule.Restriction {
	m := n.Map()
	var r schedule.Restriction
	r.Clock = each(f, m, path, "clock", text)
	r.Weekdays = each(f, m, path, "weekdays", func(n yamlfile.Node, _ string) time.Weekday { return yamlfile.Value(n, weekday) })
	r.MonthDays = each(f, m, path, "month_days", func(n yamlfile.Node, _ string) int { return n.Int(-31, 31) })
	r.Months = each(f, m, path, "months", func(n yamlfile.Node, _ string) time.Month { return yamlfile.Value(n, month) })
	r.Dates = each(f, m, path, "dates", text)
	r.OnHolidays = each(f, m, path, "on_holidays", text)
	r.NotOnHolidays = each(f, m, path, "not_on_holidays", text)
	r.Rule = f.field(m, path, "rule").Text()
	r.RuleStart = f.field(m, path, "rule_start").Text()
	r.RuleFor = f.field(m, path, "rule_for").Duration()
	m.Done()
	return r
}

func (f file) temporary(n yamlfile.Node, path string) schedule.Temporary {
	m := n.Map()
	var t schedule.Temporary
	t.ID = f.field(m, path, "id").Text()
	t.Start, t.End = f.interval(m, path)
	t.Shifts = each(f, m, path, "shifts", f.shift)
	m.Done()
	return t
}

func (f file) shift(n yamlfile.Node, path string) schedule.TemporaryShift {
	m := n.Map()
	s := schedule.TemporaryShift{Person: f.field(m, path, "person").Text(), Role: f.role(m, path)}
	s.Start, s.End = f.interval(m, path)
	m.Done()
	return s
}

func (f file) override(n yamlfile.Node, path string) schedule.Override {
	m := n.Map()
	o := schedule.Override{
		ID:            f.field(m, path, "id").Text(),
		Add:           f.field(m, path, "add").Text(),
		Remove:        f.field(m, path, "remove").Text(),
		Role:          f.role(m, path),
		Supersedes:    f.field(m, path, "supersedes").Text(),
		OverTemporary: f.field(m, path, "over_temporary").Bool(),
	}
	o.Start, o.End = f.interval(m, path)
	m.Done()
	return o
}

func (f file) swap(n yamlfile.Node, path string) schedule.Swap {
	m := n.Map()
	s := schedule.Swap{
		ID:          f.field(m, path, "id").Text(),
		Beneficiary: f.field(m, path, "beneficiary").Text(),
		Benefactor:  f.field(m, path, "benefactor").Text(),
		Role:        f.role(m, path),
	}
	s.Start, s.End = f.interval(m, path)
	m.Done()
	return s
}

func (f file) absence(n yamlfile.Node, path string) schedule.Absence {
	m := n.Map()
	a := schedule.Absence{Person: f.field(m, path, "person").Text(), Reason: f.field(m, path, "reason").Text()}
	a.Start, a.End = f.interval(m, path)
	m.Done()
	return a
}

func (f file) holidays(n yamlfile.Node, path string) schedule.HolidayCalendar {
	m := n.Map()
	h := schedule.HolidayCalendar{Name: f.field(m, path, "name").Text(), Dates: each(f, m, path, "dates", text)}
	m.Done()
	return h
}

// field returns an optional field and remembers where it stands.
func (f file) field(m *yamlfile.Map, path, name string) yamlfile.Node {
	return f.Place(sre.JoinPath(path, name), m.Optional(name))
}

func (f file) role(m *yamlfile.Map, path string) oncall.Role {
	return yamlfile.Value(f.field(m, path, "role"), oncall.ParseRole)
}

func (f file) interval(m *yamlfile.Map, path string) (start, end time.Time) {
	return reading.Instant(f.field(m, path, "start")), reading.Instant(f.field(m, path, "end"))
}

// each reads the items of a list; nil if there is none.
func each[T any](f file, m *yamlfile.Map, path, name string, item func(n yamlfile.Node, path string) T) []T {
	var items []T
	path = sre.JoinPath(path, name)
	for i, n := range f.Place(path, m.Optional(name)).List() {
		at := fmt.Sprintf("%s[%d]", path, i)
		items = append(items, item(f.Place(at, n), at))
	}
	return items
}

func text(n yamlfile.Node, _ string) string {
	if !n.Exists() {
		n.Add("missing", nil, "text")
	}
	return n.Text()
}

// unmarshal reads an enumeration if the field is there.
func unmarshal(n yamlfile.Node, to interface{ UnmarshalText([]byte) error }) {
	if text := n.Text(); n.Exists() {
		if _, scalar := n.Peek(); scalar {
			n.Merge(to.UnmarshalText([]byte(text)))
		}
	}
}

func weekday(text string) (time.Weekday, error) {
	for d := time.Sunday; d <= time.Saturday; d++ {
		if strings.EqualFold(text, d.String()) {
			return d, nil
		}
	}
	return 0, sre.NewProblem("", "unknown_weekday", text, "monday to sunday")
}

func month(text string) (time.Month, error) {
	for m := time.January; m <= time.December; m++ {
		if strings.EqualFold(text, m.String()) {
			return m, nil
		}
	}
	return 0, sre.NewProblem("", "unknown_month", text, "january to december")
}

// ParseTurn reads what [schedule.Turn.String] writes: "1 week", "12 hours",
// "36h elapsed". A turn without end is an absent field.
func ParseTurn(text string) (schedule.Turn, error) {
	invalid := sre.NewProblem("", "invalid_turn", text, `a number of hours, days, weeks or months, such as "2 weeks", or elapsed time, such as "36h elapsed"`)
	amount, unit, found := strings.Cut(text, " ")
	if !found {
		return schedule.Turn{}, invalid
	}
	if unit == "elapsed" {
		d, err := yamlfile.ParseDuration(amount)
		if err != nil || d == 0 {
			return schedule.Turn{}, invalid
		}
		return schedule.Elapsed(d), nil
	}
	n, err := strconv.Atoi(amount)
	var u schedule.Unit
	if err != nil || n < 1 || n > schedule.MaxTurnUnits || u.UnmarshalText([]byte(strings.TrimSuffix(unit, "s"))) != nil || u == schedule.NoUnit {
		return schedule.Turn{}, invalid
	}
	return schedule.Turn{Every: n, Unit: u}, nil
}
