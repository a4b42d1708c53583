// Package sre holds the few words that every domain of the module shares:
// [Outcome], [Severity], [Actor], [Reason], [Problem] and [Labels].
//
// The module models site reliability engineering as Go code. Each package
// exposes typed domain models and a pure policy engine: time is an argument,
// and no engine reads a clock, draws randomness, starts a goroutine, logs or
// does I/O. Storage, paging and metric sources plug in behind small
// interfaces.
//
// # Packages
//
//   - slo: what reliable means. SLO, Objective, SLI, Window, Source; Lint.
//   - slo/catalog: services, who owns them and what they depend on; lint of what
//     an SLO can be over its dependencies.
//   - slo/openslo: reads OpenSLO v1 documents; slo/slofile: catalogs as files;
//     slo/catalog/backstage: Backstage's.
//   - slo/prometheus: a Source over the Prometheus HTTP API; also Thanos, Mimir
//     and VictoriaMetrics.
//   - slo/slotest: generators and the conformance test of a Source.
//   - budget: what is left. Status, BurnAlert, Policy and its Decision.
//   - budget/budgetfile: reads budget policies from YAML or JSON.
//   - budget/budgettest: generators and the laws of a budget policy.
//   - storage: versioned records, an ordered log and timers, committed
//     together. Backend, Store, Collection, Consumer; in memory.
//   - storage/sqlite, storage/postgres, storage/etcd: backends that survive, each
//     a module of its own.
//   - storage/runner: hosts any pure machine durably, on many processes.
//   - storage/groupcommit: shares the cost of a commit among callers.
//   - storage/storagetest: the conformance suite of a backend, its benchmarks
//     and faults.
//   - oncall: people, contacts and the paging seam.
//   - oncall/schedule: who is on call when, and why. Layers, restrictions,
//     overrides, swaps; At, Flatten, Next, Explain, Lint, Edit.
//   - oncall/schedule/pagerduty, opsgenie, grafana: read their exports.
//   - oncall/schedule/render: a schedule as text calendar and SVG.
//   - oncall/ical: schedules as iCalendar and back, a module of its own.
//   - oncall/oncallfile: reads schedules, rosters, escalation policies, routing
//     and alert policies from YAML or JSON.
//   - oncall/workload: hours, limits, pay and fairness of being on call;
//     oncall/toil: what should be automated first.
//   - oncall/escalation: who is paged next, until somebody has it in hand. Policy,
//     State, Step; Reach, the worst time to a person.
//   - oncall/escalation/pagerduty, opsgenie, grafana: read their exports into an
//     oncall/escalation/account.
//   - oncall/alert: alerts and what becomes of them. Deduplication, grouping,
//     inhibition, silences, throttles, flaps, heartbeats; alertmanager,
//     pagerduty and cloudevents read them.
//   - oncall/routing: which escalation policy an alert goes to, and how good the
//     alerts are.
//   - oncall/dispatch: the durable pager, over storage/runner; dispatch/intake
//     hosts the alert kernel in front of it, with HTTP for the senders.
//   - oncall/webhook, oncall/email: pagers by signed webhook and by mail;
//     oncall/pagerduty, oncall/slack, modules of their own.
//   - incident: the life of an incident as an event log: roles, severity matrix,
//     deadlines, merge and split, and the seams to channels, status pages and
//     ticket trackers.
//   - incident/slack, incident/statuspage: channels and status pages; the first
//     is a module of its own.
//   - incident/fromalert: which alerts are which incident, independent of their
//     order, and why.
//   - incident/recovery: whether the data say that it is over, what it has cost,
//     and when it began.
//   - incident/incidentstore: incidents durably, over storage and its runner.
//   - incident/incidenttest: generators, the laws of an incident machine, and the
//     conformance tests of the seams.
//   - incident/stats: times to detect, acknowledge, mitigate and resolve, with
//     intervals, and whether a change is evidence of anything.
//   - incident/runbook: runbooks that match alerts, and which alerts have none;
//     incident/incidentfile reads them, and incident policies.
//   - oncall/oncalltest: a recording pager, the conformance test of one, and the
//     laws of a scheduler and of an escalation.
//
// # Stability
//
// Nothing is released yet. The shapes of slo and budget settle first.
package sre

import (
	"encoding/json"
	"errors"
	"fmt"
	"iter"
	"slices"
	"strconv"
	"strings"

	"github.com/hashicorp/go-multierror"
)

// An Outcome is what a policy says of a request. The zero value is Unknown.
type Outcome uint8

const (
	Unknown Outcome = iota // the facts do not suffice; never a yes
	Allow                  // go
	Warn                   // go, and look at the reasons
	Hold                   // not yet: the decision carries the earliest instant at which to ask again
	Deny                   // no
)

var outcomeNames = [...]string{"unknown", "allow", "warn", "hold", "deny"}

// String returns the lower-case name, which is also the JSON form.
func (o Outcome) String() string {
	if int(o) < len(outcomeNames) {
		return outcomeNames[o]
	}
	return fmt.Sprintf("outcome(%d)", uint8(o))
}

// Passes reports whether the request may go ahead: Allow or Warn.
func (o Outcome) Passes() bool { return o == Allow || o == Warn }

// rank orders outcomes from best to worst. Unknown stands between what passes
// and what is refused: it never passes, and a certain refusal outweighs it.
func (o Outcome) rank() int {
	switch o {
	case Allow:
		return 0
	case Warn:
		return 1
	case Hold:
		return 3
	case Deny:
		return 4
	}
	return 2
}

// Worse reports whether o is strictly worse than other in the order
// Allow < Warn < Unknown < Hold < Deny.
func (o Outcome) Worse(other Outcome) bool { return o.rank() > other.rank() }

// Worst returns the worst of the outcomes. Of none it is Unknown: a verdict
// about nothing is not a yes.
func Worst(outcomes ...Outcome) Outcome {
	if len(outcomes) == 0 {
		return Unknown
	}
	worst := outcomes[0]
	for _, o := range outcomes[1:] {
		if o.Worse(worst) {
			worst = o
		}
	}
	return worst
}

// ParseOutcome reads the lower-case name of an outcome.
func ParseOutcome(text string) (Outcome, error) {
	for i, name := range outcomeNames {
		if text == name {
			return Outcome(i), nil
		}
	}
	return Unknown, NewProblem("", "unknown_outcome", text, "unknown, allow, warn, hold or deny")
}

// MarshalText returns the lower-case name; it refuses values that have none.
func (o Outcome) MarshalText() ([]byte, error) {
	if int(o) >= len(outcomeNames) {
		return nil, Problem{Code: "unknown_outcome", Value: o.String(), Want: "a declared Outcome"}
	}
	return []byte(outcomeNames[o]), nil
}

// UnmarshalText reads the lower-case name.
func (o *Outcome) UnmarshalText(text []byte) error {
	v, err := ParseOutcome(string(text))
	if err == nil {
		*o = v
	}
	return err
}

// A Reason says why a decision is as it is. Code is stable and made for
// programs; Text is one sentence for people and may change between versions.
type Reason struct {
	Code   string  `json:"code"`
	Text   string  `json:"text"`
	Values []Value `json:"values,omitempty"` // the numbers used, in the order in which Text mentions them
}

// A Value is a number or name that a Reason used. Text is exact: decimal text,
// an RFC 3339 instant or a Go duration, never a rounded float.
type Value struct {
	Name string `json:"name"`
	Text string `json:"text"`
}

// String returns "code: text".
func (r Reason) String() string { return r.Code + ": " + r.Text }

// A Severity orders incidents, alerts and levels: 1 is the worst. 0 means that
// it is not known, and everything in this module treats it as 1, because a
// severity that nobody has stated yet must not delay anyone.
type Severity uint8

// Effective returns 1 for an unknown severity and s itself otherwise.
func (s Severity) Effective() Severity {
	if s == 0 {
		return 1
	}
	return s
}

// Worse reports whether s is strictly worse than other, unknown counting as 1.
func (s Severity) Worse(other Severity) bool { return s.Effective() < other.Effective() }

// String returns the name on the default scale: "P1" for 1 and so on, and
// "unknown" for 0. Use a [Scale] for other names.
func (s Severity) String() string {
	if s == 0 {
		return "unknown"
	}
	return "P" + strconv.Itoa(int(s))
}

// A Scale names severities, the worst first: Scale{"SEV-1", "SEV-2"} names 1
// and 2. A nil Scale is the default one, P1 to P4.
type Scale []string

var defaultScale = Scale{"P1", "P2", "P3", "P4"}

// Name returns the name of s, or "unknown" when the scale has none for it.
func (c Scale) Name(s Severity) string {
	if c == nil {
		c = defaultScale
	}
	if s == 0 || int(s) > len(c) {
		return "unknown"
	}
	return c[s-1]
}

// Parse returns the severity of that name, letter case aside.
func (c Scale) Parse(name string) (Severity, error) {
	if c == nil {
		c = defaultScale
	}
	for i, n := range c {
		if strings.EqualFold(n, name) {
			return Severity(i + 1), nil
		}
	}
	return 0, NewProblem("", "unknown_severity", name, "one of "+strings.Join(c, ", "))
}

// An ActorKind says what sort of thing acts.
type ActorKind uint8

const (
	ActorUnknown ActorKind = iota // not stated; writes by such an actor are refused
	Human
	Service
	PolicyActor // a rule of this library acting by itself, such as an escalation that timed out
)

var actorKinds = [...]string{"unknown", "human", "service", "policy"}

// String returns the lower-case name.
func (k ActorKind) String() string {
	if int(k) < len(actorKinds) {
		return actorKinds[k]
	}
	return fmt.Sprintf("actor_kind(%d)", uint8(k))
}

// MarshalText returns the lower-case name; it refuses values that have none.
func (k ActorKind) MarshalText() ([]byte, error) {
	if int(k) >= len(actorKinds) {
		return nil, Problem{Code: "unknown_actor_kind", Value: k.String(), Want: "a declared ActorKind"}
	}
	return []byte(actorKinds[k]), nil
}

// UnmarshalText reads the lower-case name.
func (k *ActorKind) UnmarshalText(text []byte) error {
	for i, name := range actorKinds {
		if string(text) == name {
			*k = ActorKind(i)
			return nil
		}
	}
	return NewProblem("", "unknown_actor_kind", string(text), "unknown, human, service or policy")
}

// An Actor is who did something: every command carries one.
type Actor struct {
	Kind ActorKind `json:"kind"`
	ID   string    `json:"id"`            // an ID as [ValidID] has it
	Via  string    `json:"via,omitempty"` // the channel, such as "slack" or "api"; for the record, never for authority
}

// Valid reports whether the actor is known: a declared kind and a valid ID.
func (a Actor) Valid() bool {
	return a.Kind > ActorUnknown && int(a.Kind) < len(actorKinds) && ValidID(a.ID)
}

// String returns "kind id", with " via channel" if there is one.
func (a Actor) String() string {
	s := a.Kind.String() + " " + a.ID
	if a.Via != "" {
		s += " via " + a.Via
	}
	return s
}

// A Problem is one thing that is wrong with an input: where it stands, which
// rule it breaks, what was found and what would be right. It is an error.
//
// Everything that validates in this module reports all Problems at once, as
// one error; [ProblemsIn] takes them apart again.
type Problem struct {
	Path  string `json:"path"`            // where, such as "alerts[1].short" or "checkout.yaml:12: spec.target"
	Code  string `json:"code"`            // stable and machine-readable, such as "out_of_range"
	Value string `json:"value,omitempty"` // what was found, which [Problems] shorten to some 200 bytes; empty if nothing was
	Want  string `json:"want"`            // what would be right
}

// Error says where, what was found and what would be right, on one line.
func (p Problem) Error() string {
	var b strings.Builder
	if p.Path != "" {
		b.WriteString(p.Path)
		b.WriteString(": ")
	}
	b.WriteString(p.Code)
	if p.Value != "" {
		fmt.Fprintf(&b, " %q", p.Value)
	}
	if p.Want != "" {
		b.WriteString(": want ")
		b.WriteString(p.Want)
	}
	return b.String()
}

// maxValue bounds how much of a foreign value a Problem repeats.
const maxValue = 200

// Problems collects what is wrong with one input. The zero value is empty and
// ready for use; it is not safe for concurrent use.
type Problems struct {
	list []Problem
}

// Add records one problem. value is printed with %v and cut after 200 bytes;
// nil means that nothing was found.
func (p *Problems) Add(path, code string, value any, want string) {
	p.list = append(p.list, NewProblem(path, code, value, want))
}

// NewProblem returns a problem; value is printed with %v and shortened to 200
// bytes, and nil means that nothing was found. Use it wherever the value is
// somebody else's text.
func NewProblem(path, code string, value any, want string) Problem {
	text := ""
	if value != nil {
		text = fmt.Sprint(value)
	}
	if len(text) > maxValue {
		text = strings.ToValidUTF8(text[:maxValue], "") + "..."
	}
	return Problem{Path: path, Code: code, Value: text, Want: want}
}

// Merge records every problem of err below path: a path "b" inside err becomes
// "path.b". An err that carries no Problem becomes one with code "invalid".
// A nil err adds nothing.
func (p *Problems) Merge(path string, err error) {
	if err == nil {
		return
	}
	inner := ProblemsIn(err)
	if len(inner) == 0 {
		p.Add(path, "invalid", nil, err.Error())
		return
	}
	for _, q := range inner {
		q.Path = JoinPath(path, q.Path)
		p.list = append(p.list, q)
	}
}

// Len returns how many problems were recorded.
func (p *Problems) Len() int { return len(p.list) }

// Err returns nil if nothing was recorded, else one error that prints every
// problem and from which [ProblemsIn] and [errors.As] retrieve them. prefix
// opens the message; by convention it is the name of the package.
func (p *Problems) Err(prefix string) error {
	if len(p.list) == 0 {
		return nil
	}
	all := &multierror.Error{ErrorFormat: func(errs []error) string {
		if len(errs) == 1 {
			return prefix + ": " + errs[0].Error()
		}
		var b strings.Builder
		fmt.Fprintf(&b, "%s: %d problems:", prefix, len(errs))
		for _, err := range errs {
			b.WriteString("\n\t")
			b.WriteString(err.Error())
		}
		return b.String()
	}}
	for _, q := range p.list {
		all.Errors = append(all.Errors, q)
	}
	return all
}

// ProblemsIn returns every Problem that err carries, in the order in which
// they were found, or nil.
func ProblemsIn(err error) []Problem {
	var list []Problem
	switch e := err.(type) {
	case nil:
	case Problem:
		list = []Problem{e}
	case *multierror.Error:
		for _, inner := range e.WrappedErrors() {
			list = append(list, ProblemsIn(inner)...)
		}
	case interface{ Unwrap() []error }:
		for _, inner := range e.Unwrap() {
			list = append(list, ProblemsIn(inner)...)
		}
	default:
		list = ProblemsIn(errors.Unwrap(err))
	}
	return list
}

// JoinPath joins two parts of a Problem's path: "a" and "b" make "a.b", "a"
// and "[1]" make "a[1]", and an empty part changes nothing.
func JoinPath(parent, child string) string {
	if parent == "" || child == "" || child[0] == '[' {
		return parent + child
	}
	return parent + "." + child
}

// MaxID is the largest length of an ID, in bytes.
const MaxID = 100

// CheckID records a problem unless id is 1..[MaxID] bytes of
// [A-Za-z0-9._:/-]. Every ID in this module has this form; services, people
// and teams are plain IDs, compared byte by byte and never interpreted.
func (p *Problems) CheckID(path, id string) {
	if !ValidID(id) {
		p.Add(path, "invalid_id", id, "1 to 100 bytes of [A-Za-z0-9._:/-]")
	}
}

// ValidID reports whether id has the form that [Problems.CheckID] demands.
func ValidID(id string) bool {
	if id == "" || len(id) > MaxID {
		return false
	}
	for i := range len(id) {
		switch c := id[i]; {
		case 'a' <= c && c <= 'z', 'A' <= c && c <= 'Z', '0' <= c && c <= '9':
		case c == '.', c == '_', c == ':', c == '/', c == '-':
		default:
			return false
		}
	}
	return true
}

// Labels are immutable name-value pairs, sorted by name. A missing name reads
// as the empty value, and a pair with an empty value is the same as none, as
// in Prometheus. The zero value is empty. Labels are comparable with == and
// usable as map keys.
type Labels struct {
	text string // name NUL value NUL ..., sorted by name
}

// LabelsOf returns the pairs of m. It panics if a name is empty or a name or
// value holds a NUL byte; use [ParseLabels] for foreign input.
func LabelsOf(m map[string]string) Labels {
	l, err := ParseLabels(m)
	if err != nil {
		panic(err)
	}
	return l
}

// ParseLabels returns the pairs of m, or every [Problem] with them.
func ParseLabels(m map[string]string) (Labels, error) {
	var (
		problems Problems
		b        strings.Builder
		names    = make([]string, 0, len(m))
	)
	for name := range m {
		names = append(names, name)
	}
	slices.Sort(names)
	for _, name := range names {
		value := m[name]
		if name == "" || strings.ContainsRune(name, 0) {
			problems.Add("labels", "invalid_label_name", name, "a name that is not empty and has no NUL byte")
			continue
		}
		if strings.ContainsRune(value, 0) {
			problems.Add("labels."+name, "invalid_label_value", value, "a value without NUL byte")
			continue
		}
		if value != "" {
			b.WriteString(name + "\x00" + value + "\x00")
		}
	}
	return Labels{b.String()}, problems.Err("sre")
}

// All yields the pairs in the order of their names.
func (l Labels) All() iter.Seq2[string, string] {
	return func(yield func(string, string) bool) {
		rest := l.text
		for rest != "" {
			var name, value string
			name, rest, _ = strings.Cut(rest, "\x00")
			value, rest, _ = strings.Cut(rest, "\x00")
			if !yield(name, value) {
				return
			}
		}
	}
}

// Get returns the value of that name, or "".
func (l Labels) Get(name string) string {
	for n, v := range l.All() {
		if n == name {
			return v
		}
	}
	return ""
}

// Len returns the number of pairs.
func (l Labels) Len() int { return strings.Count(l.text, "\x00") / 2 }

// Map returns the pairs as a new map.
func (l Labels) Map() map[string]string {
	m := make(map[string]string, l.Len())
	for n, v := range l.All() {
		m[n] = v
	}
	return m
}

// String returns the pairs as {a="1", b="2"}.
func (l Labels) String() string {
	var b strings.Builder
	b.WriteByte('{')
	for n, v := range l.All() {
		if b.Len() > 1 {
			b.WriteString(", ")
		}
		quoted, _ := json.Marshal(v)
		b.WriteString(n + "=" + string(quoted))
	}
	b.WriteByte('}')
	return b.String()
}

// MarshalJSON returns an object with sorted names.
func (l Labels) MarshalJSON() ([]byte, error) { return json.Marshal(l.Map()) }

// UnmarshalJSON reads an object of strings.
func (l *Labels) UnmarshalJSON(data []byte) error {
	var m map[string]string
	if err := json.Unmarshal(data, &m); err != nil {
		return err
	}
	v, err := ParseLabels(m)
	if err == nil {
		*l = v
	}
	return err
}
