package oncallfile

import (
	"fmt"
	"strconv"
	"strings"

	"github.com/sre-sdk/sre"
	"github.com/sre-sdk/sre/internal/yamlfile"
	"github.com/sre-sdk/sre/oncall"
	"github.com/sre-sdk/sre/oncall/escalation"
)

// policy reads an EscalationPolicy, which compiles unless there are problems.
func (f file) policy() escalation.Policy {
	m := f.document(KindPolicy)
	p := escalation.Policy{
		ID:        f.required(m, "", "id").Text(),
		Name:      f.field(m, "", "name").Text(),
		Zone:      f.field(m, "", "zone").Text(),
		Repeat:    f.field(m, "", "repeat").Int(0, escalation.MaxRepeat),
		MaxSnooze: f.field(m, "", "max_snooze").Duration(),
	}
	f.required(m, "", "levels")
	p.Levels = each(f, m, "", "levels", f.level)
	p.LastResort = f.lastResort(f.required(m, "", "last_resort"))
	p.BySeverity = each(f, m, "", "by_severity", f.severityRule)
	m.Done()
	if f.Problems.Len() == 0 {
		_, err := p.Compile()
		f.Check("", err)
	}
	return p
}

func (f file) level(n yamlfile.Node, path string) escalation.Level {
	m := n.Map()
	l := escalation.Level{
		ID:    f.required(m, path, "id").Text(),
		Name:  f.field(m, path, "name").Text(),
		Delay: f.required(m, path, "delay").Duration(),
		Acks:  f.field(m, path, "acks").Int(1, escalation.MaxPeople),
	}
	f.required(m, path, "targets")
	l.Targets = each(f, m, path, "targets", f.target)
	when := path + ".when"
	w := f.field(m, path, "when").Map()
	l.When = escalation.When{
		AtLeast: f.severity(w, when, "at_least"),
		Hours:   each(f, w, when, "hours", f.hours),
		MaxLoad: f.field(w, when, "max_load").Int(0, maxLoad),
	}
	w.Done()
	m.Done()
	return l
}

// maxLoad is beyond what anybody has open.
const maxLoad = 1_000_000

// target reads a target, which is named by what it is: {person: alice}.
func (f file) target(n yamlfile.Node, path string) escalation.Target {
	m := n.Map()
	person, schedule := f.field(m, path, "person"), f.field(m, path, "schedule")
	team, robin := f.field(m, path, "team"), f.field(m, path, "round_robin")
	role := f.field(m, path, "role")
	m.Done()
	found := 0
	var t escalation.Target
	if person.Exists() {
		found++
		t = escalation.ToPerson(f.Place(path+".id", person).Text())
	}
	if schedule.Exists() {
		found++
		t = escalation.ToSchedule(f.Place(path+".id", schedule).Text(), yamlfile.Value(role, oncall.ParseRole))
	} else if role.Exists() {
		role.Add("not_allowed", nil, "a role beside a schedule only")
	}
	if team.Exists() {
		found++
		t = escalation.ToTeam(f.Place(path+".id", team).Text())
	}
	if robin.Exists() {
		found++
		t = escalation.ToRoundRobin()
		for i, item := range f.Place(path+".people", robin).List() {
			t.People = append(t.People, text(f.Place(fmt.Sprintf("%s.people[%d]", path, i), item), ""))
		}
	}
	if found != 1 && (m.Exists() || !n.Exists()) {
		n.Add("wrong_count", nil, "one of person, schedule, team and round_robin")
	}
	return t
}

func (f file) lastResort(n yamlfile.Node) escalation.LastResort {
	const path = "last_resort"
	m := n.Map()
	l := escalation.LastResort{Every: f.field(m, path, "every").Duration()}
	for i, item := range f.Place(path+".targets", m.Required("people")).List() {
		at := fmt.Sprintf("%s.targets[%d]", path, i)
		l.Targets = append(l.Targets, escalation.ToPerson(text(f.Place(at, item), "")))
	}
	m.Done()
	return l
}

func (f file) severityRule(n yamlfile.Node, path string) escalation.Rule {
	m := n.Map()
	f.required(m, path, "at_least")
	r := escalation.Rule{
		AtLeast:     f.severity(m, path, "at_least"),
		Start:       f.field(m, path, "start").Text(),
		Acknowledge: f.promise(m, path, "acknowledge"),
		Respond:     f.promise(m, path, "respond"),
		AckFor:      f.field(m, path, "ack_for").Duration(),
	}
	m.Done()
	return r
}

func (f file) promise(m *yamlfile.Map, path, name string) escalation.Promise {
	n := f.field(m, path, name)
	if !n.Exists() {
		return escalation.Promise{}
	}
	path = sre.JoinPath(path, name)
	inner := n.Map()
	p := escalation.Promise{Within: f.required(inner, path, "within").Duration(), Level: f.required(inner, path, "level").Text()}
	inner.Done()
	return p
}

// hours reads a range of clocks on some weekdays.
func (f file) hours(n yamlfile.Node, path string) oncall.Hours {
	m := n.Map()
	h := oncall.Hours{From: f.required(m, path, "from").Text(), To: f.required(m, path, "to").Text()}
	for i, day := range f.field(m, path, "weekdays").List() {
		at := fmt.Sprintf("%s.weekdays[%d]", path, i)
		if f.Place(at, day); !day.Exists() {
			day.Add("missing", nil, "monday to sunday")
			continue
		}
		h.Weekdays = append(h.Weekdays, yamlfile.Value(day, weekday))
	}
	m.Done()
	return h
}

// required returns a required field and remembers where it stands.
func (f file) required(m *yamlfile.Map, path, name string) yamlfile.Node {
	return f.Place(sre.JoinPath(path, name), m.Required(name))
}

func (f file) severity(m *yamlfile.Map, path, name string) sre.Severity {
	return yamlfile.Value(f.field(m, path, name), parseSeverity)
}

// parseSeverity reads what [sre.Severity.String] writes for a severity that is
// known: P1, P2 and so on.
func parseSeverity(text string) (sre.Severity, error) {
	digits, ok := strings.CutPrefix(text, "P")
	n, err := strconv.ParseUint(digits, 10, 8)
	if s := sre.Severity(n); ok && err == nil && n > 0 && s.String() == text {
		return s, nil
	}
	return 0, sre.NewProblem("", "unknown_severity", text, "P1, P2, P3 and so on")
}
