package dispatch

import (
	"context"
	"time"

	"github.com/sre-sdk/sre"
	"github.com/sre-sdk/sre/oncall"
	"github.com/sre-sdk/sre/oncall/escalation"
)

// maxAnswers is how many bytes of answers a step keeps in the log, about: a step
// must never fail because somebody has large teams.
const maxAnswers = 96 << 10

// answers is the directory that a step asks. It does not panic and gives no more
// than the engine can use and the log can keep. What is beyond that is not
// known, which makes the engine page further, so less is never fewer pages.
type answers struct {
	of   escalation.Directory
	load func(person string) (int, error)
	room int // bytes
}

func (d *Dispatcher) answers(ctx context.Context, except string) *answers {
	load := func(person string) (int, error) { return d.Load(ctx, person, except) }
	if d.c.Load != nil {
		load = func(person string) (int, error) { return d.c.Load(ctx, person, except) }
	}
	return &answers{of: d.c.Directory, load: load, room: maxAnswers}
}

const (
	mostPeople = escalation.MaxPeople + 1 // so that the engine can say that there were more
	elementAs  = 40                       // bytes that an element takes as JSON besides its ID
)

// fits takes room for an answer.
func (a *answers) fits(n int, id func(int) string) bool {
	size := elementAs
	for i := range n {
		size += len(id(i)) + elementAs
	}
	if size > a.room {
		return false
	}
	a.room -= size
	return true
}

func (a *answers) people(ask func() ([]string, bool)) (people []string, known bool) {
	defer func() {
		if recover() != nil {
			people, known = nil, false
		}
	}()
	people, known = ask()
	people = people[:min(len(people), mostPeople)]
	if !a.fits(len(people), func(i int) string { return people[i] }) {
		return nil, false
	}
	return people, known
}

// OnCall asks the directory.
func (a *answers) OnCall(schedule string, role oncall.Role, t time.Time) ([]string, bool) {
	return a.people(func() ([]string, bool) { return a.of.OnCall(schedule, role, t) })
}

// Team asks the directory.
func (a *answers) Team(team string) ([]string, bool) {
	return a.people(func() ([]string, bool) { return a.of.Team(team) })
}

// Plan asks the directory.
func (a *answers) Plan(person string, severity sre.Severity) (steps []oncall.ContactStep, known bool) {
	defer func() {
		if recover() != nil {
			steps, known = nil, false
		}
	}()
	steps, known = a.of.Plan(person, severity)
	steps = steps[:min(len(steps), escalation.MaxSteps)]
	if !a.fits(len(steps), func(i int) string { return steps[i].Contact }) {
		return nil, false
	}
	return steps, known
}

// Load asks the dispatcher.
func (a *answers) Load(person string) (open int, known bool) {
	defer func() {
		if recover() != nil {
			open, known = 0, false
		}
	}()
	open, err := a.load(person)
	return open, err == nil
}
