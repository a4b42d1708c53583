package incidentfile

import (
	"encoding"
	"fmt"
	"io"
	"math/big"
	"strings"
	"time"

	"github.com/sre-sdk/sre"
	"github.com/sre-sdk/sre/incident"
	"github.com/sre-sdk/sre/internal/yamlfile"
)

// What the first two fields of a policy must say.
const (
	APIVersion = "sre-sdk/v1"
	KindPolicy = "IncidentPolicy"
)

// MaxPolicyBytes is the largest policy that is read.
const MaxPolicyBytes = 256 << 10

// ReadPolicy reads the one policy of a file; name is the file's, for messages.
// onCall is the clock of targets whose time is on_call, which are refused without
// one. The policy that it returns compiles. The error carries every
// [sre.Problem].
func ReadPolicy(r io.Reader, name string, onCall incident.Clock) (incident.Policy, error) {
	docs, err := yamlfile.Parse(r, yamlfile.Options{Name: name, Prefix: "incidentfile", MaxBytes: MaxPolicyBytes})
	if err != nil {
		return incident.Policy{}, err
	}
	var problems sre.Problems
	if len(docs) != 1 {
		problems.Add(name, "wrong_count", len(docs), "one policy a file")
		return incident.Policy{}, problems.Err("incidentfile")
	}
	f := policyFile{places: map[string]yamlfile.Node{"": docs[0].Node(&problems)}}
	p := f.policy()
	p.Deadlines.OnCall = onCall
	if problems.Len() == 0 {
		_, err := p.Compile()
		report(err, f.places, &problems)
	}
	if err := problems.Err("incidentfile"); err != nil {
		return incident.Policy{}, err
	}
	return p, nil
}

// policyFile is a policy as it is read.
type policyFile struct {
	places map[string]yamlfile.Node // where the value of each path of a policy stands
	scale  sre.Scale
}

// at returns an optional field, and remembers where the value of a path stands.
func (f *policyFile) at(m *yamlfile.Map, name, path string) yamlfile.Node {
	n := m.Optional(name)
	if n.Exists() {
		f.places[path] = n
	}
	return n
}

// set reads a value if it is there.
func set[T any](n yamlfile.Node, to *T, parse func(string) (T, error)) {
	if n.Exists() {
		*to = yamlfile.Value(n, parse)
	}
}

// named returns the parser of a type that reads its names.
func named[T any, P interface {
	*T
	encoding.TextUnmarshaler
}](text string) (T, error) {
	var v T
	err := P(&v).UnmarshalText([]byte(text))
	return v, err
}

func (f *policyFile) policy() (p incident.Policy) {
	m := f.places[""].Map()
	m.Required("apiVersion").Enum(APIVersion)
	m.Required("kind").Enum(KindPolicy)
	f.places["id"] = m.Required("id")
	p.ID = f.places["id"].Text()
	p.Matrix = f.matrix(f.at(m, "matrix", "matrix"))
	f.scale = p.Matrix.Scale // by which all that follows names severities
	set(f.at(m, "major", "major"), &p.Major, f.scale.Parse)
	set(f.at(m, "review_from", "review_from"), &p.ReviewFrom, f.scale.Parse)
	p.Retriage = f.retriage(f.at(m, "retriage", "retriage"))
	p.Authority = f.authority(f.at(m, "authority", "authority"))
	p.Deadlines = f.deadlines(f.at(m, "deadlines", "deadlines"))
	m.Done()
	return p
}

var matrices = map[string]func() incident.Matrix{
	"default": incident.DefaultMatrix, "pagerduty": incident.PagerDutyMatrix, "atlassian": incident.AtlassianMatrix,
}

func (f *policyFile) matrix(n yamlfile.Node) incident.Matrix {
	if !n.Exists() {
		return incident.Matrix{}
	}
	m := n.Map()
	matrix := incident.DefaultMatrix()
	if n := f.at(m, "preset", "matrix.preset"); n.Exists() {
		if preset := matrices[n.Enum("default", "pagerduty", "atlassian")]; preset != nil {
			matrix = preset()
		}
	}
	if n := f.at(m, "scale", "matrix.scale"); n.Exists() {
		matrix.Scale = sre.Scale{}
		for i, item := range n.List() {
			f.places[fmt.Sprintf("matrix.scale[%d]", i)] = item
			matrix.Scale = append(matrix.Scale, item.Text())
		}
	}
	if n := f.at(m, "rows", "matrix.rows"); n.Exists() {
		matrix.Rows = []incident.Row{}
		for i, item := range n.List() {
			matrix.Rows = append(matrix.Rows, f.row(item, fmt.Sprintf("matrix.rows[%d]", i), matrix.Scale))
		}
	}
	m.Done()
	return matrix
}

func (f *policyFile) row(n yamlfile.Node, path string, scale sre.Scale) (r incident.Row) {
	f.places[path] = n
	m := n.Map()
	f.places[path+".severity"] = m.Required("severity")
	r.Severity = yamlfile.Value(f.places[path+".severity"], scale.Parse)
	for i, item := range f.at(m, "any", path+".any").List() {
		r.Any = append(r.Any, f.condition(item, fmt.Sprintf("%s.any[%d]", path, i)))
	}
	m.Done()
	return r
}

func (f *policyFile) condition(n yamlfile.Node, path string) (c incident.Condition) {
	f.places[path] = n
	m := n.Map()
	set(f.at(m, "users", path+".users"), &c.Users, share)
	set(f.at(m, "users_below", path+".users_below"), &c.UsersBelow, share)
	set(f.at(m, "budget_burn", path+".budget_burn"), &c.BudgetBurn, rate)
	set(f.at(m, "budget_burn_below", path+".budget_burn_below"), &c.BudgetBurnBelow, rate)
	set(f.at(m, "data_loss", path+".data_loss"), &c.DataLoss, yesOrNo)
	set(f.at(m, "security", path+".security"), &c.Security, yesOrNo)
	set(f.at(m, "redundancy", path+".redundancy"), &c.Redundancy, yesOrNo)
	m.Done()
	return c
}

func (f *policyFile) retriage(n yamlfile.Node) (h incident.Hysteresis) {
	if !n.Exists() {
		return h
	}
	m := n.Map()
	set(f.at(m, "margin", "retriage.margin"), &h.Margin, share)
	set(f.at(m, "for", "retriage.for"), &h.For, positive)
	set(f.at(m, "gap", "retriage.gap"), &h.Gap, positive)
	m.Done()
	return h
}

// authority changes who may give the kinds of commands that the file names.
func (f *policyFile) authority(n yamlfile.Node) map[incident.Kind][]incident.Role {
	if !n.Exists() {
		return nil
	}
	authority := incident.DefaultAuthority()
	for name, n := range n.Map().All() {
		kind, err := named[incident.Kind](name)
		if err != nil || kind == incident.KindUnknown {
			n.Add("unknown_kind", name, "the kind of a command, such as triage")
			continue
		}
		f.places[fmt.Sprintf("authority[%s]", kind)] = n
		authority[kind] = nil // anybody
		for i, item := range n.List() {
			f.places[fmt.Sprintf("authority[%s][%d]", kind, i)] = item
			authority[kind] = append(authority[kind], yamlfile.Value(item, named[incident.Role]))
		}
	}
	return authority
}

func (f *policyFile) deadlines(n yamlfile.Node) (d incident.Deadlines) {
	if !n.Exists() {
		return d
	}
	m := n.Map()
	if n := f.at(m, "preset", "deadlines.preset"); n.Exists() && n.Enum("default", "pagerduty") == "pagerduty" {
		d = incident.PagerDutyDeadlines()
	}
	for _, t := range []struct {
		name string
		duty incident.Duty
		to   *incident.Targets
	}{
		{"acknowledge", incident.DutyAcknowledge, &d.Acknowledge}, {"triage", incident.DutyTriage, &d.Triage}, {"mitigate", incident.DutyMitigate, &d.Mitigate},
		{"resolve", incident.DutyResolve, &d.Resolve}, {"commander", incident.DutyCommander, &d.Commander}, {"postmortem", incident.DutyPostmortem, &d.Postmortem},
		{"review", incident.DutyReview, &d.Review}, {"actions", incident.DutyAction, &d.Actions},
	} {
		path := "deadlines." + t.duty.String()
		if n := f.at(m, t.name, path); n.Exists() {
			*t.to = bySeverity(f, n, path, f.target)
		}
	}
	if n := f.at(m, "updates", "deadlines.updates"); n.Exists() {
		updates := n.Map()
		for _, u := range []struct {
			audience incident.Audience
			to       *incident.Cadences
		}{{incident.Internal, &d.Internal}, {incident.Public, &d.Public}, {incident.Executives, &d.Executives}} {
			path := "deadlines." + u.audience.String()
			if n := f.at(updates, u.audience.String(), path); n.Exists() {
				*u.to = bySeverity(f, n, path, f.cadence)
			}
		}
		updates.Done()
	}
	d.Hours = f.hours(f.at(m, "hours", "deadlines.hours"))
	m.Done()
	return d
}

// bySeverity reads what stands beside the names of severities. It is never nil,
// because an empty one in the file replaces the default.
func bySeverity[T any](f *policyFile, n yamlfile.Node, path string, read func(n yamlfile.Node, path string, i int) T) []T {
	list := []T{}
	for name, n := range n.Map().All() {
		severity, err := f.scale.Parse(name)
		if err == nil && (severity == 0 || severity > incident.MaxSeverities) {
			err = sre.NewProblem("", "unknown_severity", name, "a severity of the scale")
		}
		if err != nil {
			n.Merge(err)
			continue
		}
		i := int(severity) - 1
		for len(list) <= i {
			list = append(list, *new(T))
		}
		f.places[fmt.Sprintf("%s[%d]", path, i)] = n
		list[i] = read(n, path, i)
	}
	return list
}

// target reads "15m", or the fields of a target.
func (f *policyFile) target(n yamlfile.Node, path string, i int) (t incident.Target) {
	at := fmt.Sprintf("%s[%d]", path, i)
	if _, ok := n.Peek(); ok {
		f.places[at+".for"] = n
		t.For = yamlfile.Value(n, positive)
		return t
	}
	m := n.Map()
	f.places[at+".for"] = m.Required("for")
	t.For = yamlfile.Value(f.places[at+".for"], positive)
	set(f.at(m, "time", at+".time"), &t.Time, named[incident.Basis])
	if n := f.at(m, "pause", at+".pause"); n.Exists() {
		t.Pause = n.Bool()
	}
	if n := f.at(m, "escalate", at+".escalate"); n.Exists() {
		t.Escalate = n.Text()
	}
	m.Done()
	return t
}

// cadence reads "30m", or the fields of a cadence. What is wrong with a part is
// reported by the path of the part.
func (f *policyFile) cadence(n yamlfile.Node, path string, i int) (c incident.Cadence) {
	at := fmt.Sprintf("%s[%d]", path, i)
	part := func(name string) string { return fmt.Sprintf("%s.%s[%d]", path, name, i) }
	for _, name := range []string{"every", "first", "second", "later", "final"} {
		f.places[part(name)] = n
	}
	if _, ok := n.Peek(); ok {
		c.Every = yamlfile.Value(n, positive)
		return c
	}
	m := n.Map()
	f.places[part("every")] = m.Required("every")
	c.Every = yamlfile.Value(f.places[part("every")], positive)
	set(f.at(m, "first", part("first")), &c.First, positive)
	set(f.at(m, "second", part("second")), &c.Second, positive)
	set(f.at(m, "long", at+".long"), &c.Long, positive)
	set(f.at(m, "later", part("later")), &c.Later, positive)
	set(f.at(m, "final", part("final")), &c.Final, positive)
	set(f.at(m, "time", at+".time"), &c.Time, named[incident.Basis])
	if n := f.at(m, "escalate", at+".escalate"); n.Exists() {
		c.Escalate = n.Text()
	}
	m.Done()
	return c
}

func (f *policyFile) hours(n yamlfile.Node) (h incident.Hours) {
	if !n.Exists() {
		return h
	}
	const path = "deadlines.hours"
	m := n.Map()
	for _, t := range []struct {
		name string
		to   *string
	}{{"zone", &h.Zone}, {"from", &h.From}, {"to", &h.To}} {
		if n := f.at(m, t.name, path+"."+t.name); n.Exists() {
			*t.to = n.Text()
		}
	}
	if n := f.at(m, "weekdays", path+".weekdays"); n.Exists() {
		h.Weekdays = []time.Weekday{}
		for i, item := range n.List() {
			f.places[fmt.Sprintf("%s.weekdays[%d]", path, i)] = item
			h.Weekdays = append(h.Weekdays, yamlfile.Value(item, weekday))
		}
	}
	if n := f.at(m, "holidays", path+".holidays"); n.Exists() {
		for i, item := range n.List() {
			f.places[fmt.Sprintf("%s.holidays[%d]", path, i)] = item
			h.Holidays = append(h.Holidays, item.Text())
		}
	}
	m.Done()
	return h
}

// A zero would stand for the default, which is not what the file says, so these
// refuse it.

func positive(text string) (time.Duration, error) {
	d, err := yamlfile.ParseDuration(text)
	if err == nil && d <= 0 {
		err = sre.NewProblem("", "out_of_range", text, "a positive duration; leave it out for never")
	}
	return d, err
}

// share reads "25%" or "0.25".
func share(text string) (float64, error) {
	v, err := decimal(strings.TrimSuffix(text, "%"), text, "a share above 0, such as 25% or 0.25")
	if err == nil && strings.HasSuffix(text, "%") {
		v.Quo(v, big.NewRat(100, 1))
	}
	if err != nil {
		return 0, err
	}
	f, _ := v.Float64()
	return f, nil
}

func rate(text string) (float64, error) {
	v, err := decimal(text, text, "a burn rate above 0, such as 14.4")
	if err != nil {
		return 0, err
	}
	f, _ := v.Float64()
	return f, nil
}

// maxDigits bounds what a number is written with.
const maxDigits = 40

func decimal(digits, text, want string) (*big.Rat, error) {
	if len(digits) > maxDigits || strings.Trim(digits, "0123456789.") != "" {
		return nil, sre.NewProblem("", "wrong_type", text, want)
	}
	v, ok := new(big.Rat).SetString(digits)
	if !ok {
		return nil, sre.NewProblem("", "wrong_type", text, want)
	}
	if v.Sign() <= 0 {
		return nil, sre.NewProblem("", "out_of_range", text, want)
	}
	return v, nil
}

func yesOrNo(text string) (incident.Tri, error) {
	switch text {
	case "yes", "true":
		return incident.Yes, nil
	case "no", "false":
		return incident.No, nil
	}
	return incident.NotKnown, sre.NewProblem("", "unknown_tri", text, "yes or no")
}

func weekday(text string) (time.Weekday, error) {
	for d := time.Sunday; d <= time.Saturday; d++ {
		if strings.EqualFold(text, d.String()) {
			return d, nil
		}
	}
	return 0, sre.NewProblem("", "unknown_weekday", text, "monday to sunday")
}
