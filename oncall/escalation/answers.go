package escalation

import (
	"slices"
	"time"

	"github.com/sre-sdk/sre"
	"github.com/sre-sdk/sre/oncall"
)

// Answers are what a directory has said during a step. They are a [Directory]
// themselves, so a step can be repeated exactly when the schedules have changed
// since: keep them with the input. A question that is not among them is one to
// which the answer is not known.
type Answers struct {
	OnCallAnswers []OnCallAnswer `json:"on_call,omitempty"`
	TeamAnswers   []TeamAnswer   `json:"teams,omitempty"`
	PlanAnswers   []PlanAnswer   `json:"plans,omitempty"`
	LoadAnswers   []LoadAnswer   `json:"loads,omitempty"`
}

// An OnCallAnswer is an answer of Directory.OnCall.
type OnCallAnswer struct {
	Schedule string      `json:"schedule"`
	Role     oncall.Role `json:"role"`
	At       time.Time   `json:"at"`
	People   []string    `json:"people"`
	Known    bool        `json:"known"`
}

// A TeamAnswer is an answer of Directory.Team.
type TeamAnswer struct {
	Team   string   `json:"team"`
	People []string `json:"people"`
	Known  bool     `json:"known"`
}

// A PlanAnswer is an answer of Directory.Plan.
type PlanAnswer struct {
	Person   string               `json:"person"`
	Severity sre.Severity         `json:"severity"`
	Steps    []oncall.ContactStep `json:"steps"`
	Known    bool                 `json:"known"`
}

// A LoadAnswer is an answer of Directory.Load.
type LoadAnswer struct {
	Person string `json:"person"`
	Open   int    `json:"open"`
	Known  bool   `json:"known"`
}

var _ Directory = (*Answers)(nil)

// OnCall returns the answer that was given.
func (a *Answers) OnCall(schedule string, role oncall.Role, t time.Time) ([]string, bool) {
	for i := range a.OnCallAnswers {
		if q := &a.OnCallAnswers[i]; q.Schedule == schedule && q.Role == role && q.At.Equal(t) {
			return q.People, q.Known
		}
	}
	return nil, false
}

// Team returns the answer that was given.
func (a *Answers) Team(team string) ([]string, bool) {
	for i := range a.TeamAnswers {
		if q := &a.TeamAnswers[i]; q.Team == team {
			return q.People, q.Known
		}
	}
	return nil, false
}

// Plan returns the answer that was given.
func (a *Answers) Plan(person string, severity sre.Severity) ([]oncall.ContactStep, bool) {
	for i := range a.PlanAnswers {
		if q := &a.PlanAnswers[i]; q.Person == person && q.Severity == severity {
			return q.Steps, q.Known
		}
	}
	return nil, false
}

// Load returns the answer that was given.
func (a *Answers) Load(person string) (int, bool) {
	for i := range a.LoadAnswers {
		if q := &a.LoadAnswers[i]; q.Person == person {
			return q.Open, q.Known
		}
	}
	return 0, false
}

// A Recorder passes questions on to a directory and keeps the answers. It asks
// each question once, so that one step sees one snapshot. It is for one step,
// and not safe for concurrent use.
type Recorder struct {
	Directory Directory
	Answers   Answers
}

var _ Directory = (*Recorder)(nil)

// OnCall asks, or repeats the answer.
func (r *Recorder) OnCall(schedule string, role oncall.Role, t time.Time) ([]string, bool) {
	for _, q := range r.Answers.OnCallAnswers {
		if q.Schedule == schedule && q.Role == role && q.At.Equal(t) {
			return q.People, q.Known
		}
	}
	people, known := r.Directory.OnCall(schedule, role, t)
	people = slices.Clone(people)
	r.Answers.OnCallAnswers = append(r.Answers.OnCallAnswers, OnCallAnswer{schedule, role, t, people, known})
	return people, known
}

// Team asks, or repeats the answer.
func (r *Recorder) Team(team string) ([]string, bool) {
	for _, q := range r.Answers.TeamAnswers {
		if q.Team == team {
			return q.People, q.Known
		}
	}
	people, known := r.Directory.Team(team)
	people = slices.Clone(people)
	r.Answers.TeamAnswers = append(r.Answers.TeamAnswers, TeamAnswer{team, people, known})
	return people, known
}

// Plan asks, or repeats the answer.
func (r *Recorder) Plan(person string, severity sre.Severity) ([]oncall.ContactStep, bool) {
	for _, q := range r.Answers.PlanAnswers {
		if q.Person == person && q.Severity == severity {
			return q.Steps, q.Known
		}
	}
	steps, known := r.Directory.Plan(person, severity)
	steps = slices.Clone(steps)
	r.Answers.PlanAnswers = append(r.Answers.PlanAnswers, PlanAnswer{person, severity, steps, known})
	return steps, known
}

// Load asks, or repeats the answer.
func (r *Recorder) Load(person string) (int, bool) {
	for _, q := range r.Answers.LoadAnswers {
		if q.Person == person {
			return q.Open, q.Known
		}
	}
	open, known := r.Directory.Load(person)
	r.Answers.LoadAnswers = append(r.Answers.LoadAnswers, LoadAnswer{person, open, known})
	return open, known
}
