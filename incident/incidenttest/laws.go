package incidenttest

import (
	"errors"
	"fmt"
	"reflect"
	"slices"
	"strings"
	"testing"
	"time"

	"pgregory.net/rapid"

	"github.com/sre-sdk/sre"
	"github.com/sre-sdk/sre/incident"
)

// A Held is a role and a person.
type Held struct {
	Role   incident.Role
	Person string
}

// Facts are what the laws look at: how an incident stands.
type Facts struct {
	Status          incident.Status
	Severity, Worst sre.Severity
	Major           bool
	Holders         []Held
	Offers          []Held
	Alerts          []string // what belongs to it, also by a merge; in any order
}

func (f Facts) holders(role incident.Role) (people []string) {
	for _, h := range f.Holders {
		if h.Role == role {
			people = append(people, h.Person)
		}
	}
	return people
}

func (f Facts) commander() string {
	if people := f.holders(incident.Commander); len(people) > 0 {
		return people[0]
	}
	return ""
}

// An Incident is one that a [Machine] runs.
type Incident interface {
	// Give gives a command at an instant, which is never before that of an earlier
	// one. An error means that it was refused.
	Give(r incident.Request, now time.Time) error

	Facts() Facts
}

// A Machine is any way to run incidents, seen from outside. It must be a
// function of what it is told.
type Machine struct {
	// Open returns an incident that was not declared. Declare declares it by the
	// ID that it has in the command.
	Open func() Incident

	// Merge makes the second incident the root of the first one, and Split takes
	// that back. Default (nil): there is no merging.
	Merge, Split func(child, root Incident, by sre.Actor, now time.Time) error
}

// Of returns a machine that runs incidents by a policy of this module.
func Of(policy *incident.Compiled) Machine {
	return Machine{
		Open: func() Incident { return &ours{policy: policy} },
		Merge: func(child, root Incident, by sre.Actor, now time.Time) error {
			a, b := child.(*ours), root.(*ours)
			events, err := policy.Merge(&a.state, &b.state, nil, incident.Request{By: by, Reason: "the same", Command: incident.Merge{Into: b.state.ID}}, now)
			return applyEach(events, err, a, b)
		},
		Split: func(child, root Incident, by sre.Actor, now time.Time) error {
			a, b := child.(*ours), root.(*ours)
			events, err := policy.Split(&a.state, &b.state, nil, incident.Request{By: by, Reason: "not the same", Command: incident.Split{From: a.state.ID}}, now)
			return applyEach(events, err, a, b)
		},
	}
}

type ours struct {
	policy *incident.Compiled
	state  incident.State
}

func (o *ours) Give(r incident.Request, now time.Time) error {
	events, err := o.policy.Handle(&o.state, r, now)
	for i := range events {
		o.state.Apply(&events[i])
	}
	return err
}

func (o *ours) Facts() Facts { return factsOf(&o.state, o.policy) }

func applyEach(events []incident.Addressed, err error, list ...*ours) error {
	for i := range events {
		for _, o := range list {
			if o.state.ID == events[i].ID {
				o.state.Apply(&events[i].Event)
			}
		}
	}
	return err
}

func factsOf(s *incident.State, policy *incident.Compiled) Facts {
	f := Facts{Status: s.Status, Severity: s.Severity, Worst: s.Worst, Major: policy != nil && policy.Major(s.Severity)}
	for _, h := range s.Holders {
		f.Holders = append(f.Holders, Held{h.Role, h.Person})
	}
	for _, o := range s.Offers {
		f.Offers = append(f.Offers, Held{o.Role, o.Person})
	}
	for _, a := range s.Alerts {
		f.Alerts = append(f.Alerts, a.Key)
	}
	return f
}

// A Law is a property that any way to run incidents should have.
type Law struct {
	Name string // such as "one_commander"
	Why  string // what goes wrong without it
	Hold func(*rapid.T)
}

// Test looks for a counterexample with rapid.
func (l Law) Test(t *testing.T) { rapid.Check(t, l.Hold) }

// Check tests a machine against each of the [Laws], each in a subtest of its
// name.
func Check(t *testing.T, m Machine, r Range) {
	t.Helper()
	for _, law := range Laws(m, r) {
		t.Run(law.Name, law.Test)
	}
}

// CheckPolicy tests that a policy leaves the laws in force. What it may break
// are those about who decides.
func CheckPolicy(t *testing.T, policy *incident.Compiled, r Range) {
	t.Helper()
	Check(t, Of(policy), r)
}

// Laws returns the laws about running incidents, for use with rapid:
//
//   - one_commander: at most one person has the command, and no other role
//   - command_kept: no command leaves a live major incident without its commander
//   - handoff_accepted: from one person to another, command goes by an offer that
//     the other one accepts
//   - worst_kept: the worst severity is never forgotten
//   - milder_explained: a severity becomes milder only for a reason
//   - closed_is_quiet: of what is closed, only reopening changes how it stands
//   - refused_changes_nothing: a command that was refused changed nothing
//   - refusal_says_who: a refusal for want of authority names the roles that may
//   - same_again: the same commands lead to the same incident
//   - split_returns: a merge that is taken back leaves the alerts where they were
func Laws(m Machine, r Range) []Law {
	l := laws{m, r.withDefaults()}
	return []Law{
		{"one_commander", "two who decide decide twice", l.each(oneCommander)},
		{"command_kept", "everybody believes that somebody else decides", l.each(commandKept)},
		{"handoff_accepted", "whoever does not know that they have the command does not command", l.each(handoffAccepted)},
		{"worst_kept", "what is owed for the worst hour is owed after it as well", l.each(worstKept)},
		{"milder_explained", "severities are talked down when nobody has to say why", l.each(milderExplained)},
		{"closed_is_quiet", "what is closed is counted, and must not change behind the count", l.each(closedIsQuiet)},
		{"refused_changes_nothing", "half a command is one that nobody gave", l.each(refusedChangesNothing)},
		{"refusal_says_who", "at night nobody knows whom to ask", l.each(refusalSaysWho)},
		{"same_again", "a log that leads elsewhere proves nothing", l.sameAgain},
		{"split_returns", "alerts that are lost in a merge are incidents that nobody sees", l.splitReturns},
	}
}

type laws struct {
	Machine
	Range
}

// A move is a command, what it led to, and how it stood before and after.
type move struct {
	Request
	err           error
	before, after Facts
	offered       func(role incident.Role, person string) bool // by an offer that was made and not declined
}

// each returns the law that holds for each command of a sequence.
func (l laws) each(broken func(move) string) func(*rapid.T) {
	return func(t *rapid.T) {
		l.run(t, l.Open(), "i", func(m move, story []string) {
			if what := broken(m); what != "" {
				t.Fatalf("%s\n%s", what, strings.Join(story, "\n"))
			}
		})
	}
}

// run gives an incident a sequence of commands, and returns when the last one
// was.
func (l laws) run(t *rapid.T, i Incident, id string, see func(m move, story []string)) time.Time {
	now := l.From
	var story []string
	offers := map[Held]bool{}
	for n := range rapid.IntRange(1, l.Steps).Draw(t, "steps") {
		m := move{before: i.Facts()}
		if m.Request = Next(t, l.Range, m.before, now); n == 0 {
			declare := maker{t, l.Range, now}.command(incident.KindDeclare).(incident.Declare)
			declare.ID = id
			m.Request = Request{incident.Request{By: sre.Actor{Kind: sre.Human, ID: "p0"}, Command: declare}, now}
		}
		now = m.Now
		m.offered = func(role incident.Role, person string) bool { return offers[Held{role, person}] }
		m.err = i.Give(m.Request.Request, now)
		m.after = i.Facts()
		story = append(story, fmt.Sprintf("%s -> %s, %s, %s", m.Request, m.after.Status, m.after.Severity, held(m.after)))
		if m.err != nil {
			story[len(story)-1] = fmt.Sprintf("%s: refused, %v", m.Request, m.err)
		}
		if see != nil {
			see(m, story)
		}
		if m.err == nil {
			note(offers, m)
		}
	}
	return now
}

// note keeps which roles are offered to whom, by what was said alone.
func note(offers map[Held]bool, m move) {
	void := func(role incident.Role) {
		for o := range offers {
			if o.Role == role {
				delete(offers, o)
			}
		}
	}
	switch c := m.Command.(type) {
	case incident.Offer:
		void(c.Role)
		offers[Held{c.Role, c.Person}] = true
	case incident.Decline:
		void(c.Role)
	case incident.Accept:
		if offers[Held{c.Role, m.By.ID}] { // else it was so already
			void(c.Role)
		}
	}
}

func held(f Facts) string {
	if len(f.Holders) == 0 {
		return "nobody has a role"
	}
	list := make([]string, len(f.Holders))
	for i, h := range f.Holders {
		list[i] = h.Role.String() + " " + h.Person
	}
	return strings.Join(list, ", ")
}

func oneCommander(m move) string {
	people := m.after.holders(incident.Commander)
	if len(people) > 1 {
		return fmt.Sprintf("%s have the command at once.", strings.Join(people, " and "))
	}
	for _, h := range m.after.Holders {
		if len(people) == 1 && h.Person == people[0] && h.Role != incident.Commander {
			return fmt.Sprintf("%s has the command, and is %s as well.", h.Person, h.Role)
		}
	}
	return ""
}

func commandKept(m move) string {
	had := m.before.commander()
	if had != "" && m.before.Status.Live() && m.before.Major && m.after.Status.Live() && m.after.Major && m.after.commander() == "" {
		return fmt.Sprintf("%s has left the command of a live major incident, and nobody has it.", had)
	}
	return ""
}

func handoffAccepted(m move) string {
	had, has := m.before.commander(), m.after.commander()
	if had == "" || has == "" || had == has {
		return ""
	}
	if _, ok := m.Command.(incident.Accept); !ok || m.By.ID != has || m.By.Kind != sre.Human {
		return fmt.Sprintf("The command went from %s to %s, who did not accept it.", had, has)
	}
	if !m.offered(incident.Commander, has) {
		return fmt.Sprintf("%s took the command from %s, and it was not offered.", has, had)
	}
	return ""
}

func worstKept(m move) string {
	before, after := m.before, m.after
	switch {
	case after.Status == incident.None:
		return ""
	case after.Severity.Worse(after.Worst):
		return fmt.Sprintf("The severity is %s, and the worst is said to be %s.", after.Severity, after.Worst)
	case before.Status != incident.None && before.Worst.Worse(after.Worst):
		return fmt.Sprintf("The worst severity was %s, and is said to be %s.", before.Worst, after.Worst)
	}
	return ""
}

func milderExplained(m move) string {
	if m.before.Status != incident.None && m.before.Severity.Worse(m.after.Severity) && m.Reason == "" {
		return fmt.Sprintf("The severity went from %s to %s, and nobody said why.", m.before.Severity, m.after.Severity)
	}
	return ""
}

func closedIsQuiet(m move) string {
	if m.before.Status != incident.Closed || m.Command.Kind() == incident.KindReopen {
		return ""
	}
	a, b := m.before, m.after
	a.Alerts, b.Alerts = nil, nil // what is found out later is annotated
	if !reflect.DeepEqual(a, b) {
		return fmt.Sprintf("%s has changed a closed incident: it was %s, %s, %s.", m.Command.Kind(), a.Status, a.Severity, held(a))
	}
	return ""
}

func refusedChangesNothing(m move) string {
	if m.err != nil && !reflect.DeepEqual(m.before, m.after) {
		return fmt.Sprintf("%s was refused, and yet it is %s, %s, %s now.", m.Command.Kind(), m.after.Status, m.after.Severity, held(m.after))
	}
	return ""
}

func refusalSaysWho(m move) string {
	var refusal *incident.Refusal
	if !errors.As(m.err, &refusal) || refusal.Code != incident.RefusedAuthority {
		return ""
	}
	if len(refusal.May) == 0 {
		return fmt.Sprintf("%s was refused, and nobody is named who may.", m.Command.Kind())
	}
	for _, role := range refusal.May {
		if !strings.Contains(refusal.Error(), role.String()) {
			return fmt.Sprintf("%s was refused, and %q does not say that a %s may.", m.Command.Kind(), refusal.Error(), role)
		}
	}
	return ""
}

func (l laws) sameAgain(t *rapid.T) {
	first, second := l.Open(), l.Open()
	l.run(t, first, "i", func(m move, story []string) {
		err := second.Give(m.Request.Request, m.Now)
		if got := second.Facts(); (err == nil) != (m.err == nil) || !reflect.DeepEqual(got, m.after) {
			t.Fatalf("The same commands again lead to %s, %s, %s.\n%s", got.Status, got.Severity, held(got), strings.Join(story, "\n"))
		}
	})
}

func (l laws) splitReturns(t *rapid.T) {
	if l.Merge == nil || l.Split == nil {
		return
	}
	child, root := l.Open(), l.Open()
	now := l.run(t, child, "child", nil)
	if other := l.run(t, root, "root", nil); other.After(now) {
		now = other
	}
	a, b := child.Facts(), root.Facts()
	by := func(f Facts) sre.Actor {
		if who := f.commander(); who != "" {
			return sre.Actor{Kind: sre.Human, ID: who}
		}
		return sre.Actor{Kind: sre.Human, ID: "p0"}
	}
	if err := l.Merge(child, root, by(a), now); err != nil {
		return // refused, and other laws look at that
	}
	if merged := root.Facts().Alerts; !includes(merged, a.Alerts) || !includes(merged, b.Alerts) {
		t.Fatalf("A merge of %q into %q has %q.", a.Alerts, b.Alerts, merged)
	}
	if err := l.Split(child, root, by(root.Facts()), now); err != nil {
		return
	}
	for what, pair := range map[string][2]Facts{"child": {a, child.Facts()}, "root": {b, root.Facts()}} {
		was, is := sorted(pair[0].Alerts), sorted(pair[1].Alerts)
		if !slices.Equal(was, is) || pair[0].Status != pair[1].Status {
			t.Fatalf("Merged and split again, the %s is %s and has the alerts %q; it was %s and had %q.", what, pair[1].Status, is, pair[0].Status, was)
		}
	}
}

func sorted(list []string) []string {
	return slices.Sorted(slices.Values(list))
}

func includes(list, part []string) bool {
	for _, p := range part {
		if !slices.Contains(list, p) {
			return false
		}
	}
	return true
}
