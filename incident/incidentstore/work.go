package incidentstore

import (
	"encoding/json"
	"fmt"
	"slices"
	"time"

	"github.com/sre-sdk/sre/incident"
	"github.com/sre-sdk/sre/storage/runner"
)

// work is what is done outside for one incident: the state of a machine that
// storage/runner hosts. It gives each lane's jobs one after the other.
type work struct {
	Last  uint64           `json:"last,omitempty"` // the number of the latest job that it was given
	Lanes [lanes]laneState `json:"lanes"`
}

type laneState struct {
	Ref    incident.Ref `json:"ref,omitzero"`     // what is in use: a channel, a page, a ticket
	Made   int          `json:"made,omitempty"`   // how many were in use before
	Queue  []job        `json:"queue,omitempty"`  // the first one is under way
	Flying bool         `json:"flying,omitempty"` // it is
}

// told is an input of the machine: jobs that came, or how one ended.
type told struct {
	ID   string `json:"id"` // of the incident
	Jobs []job  `json:"jobs,omitempty"`
	Done *done  `json:"done,omitempty"`
}

type done struct {
	N       uint64  `json:"n"`
	Lane    lane    `json:"lane"`
	Receipt receipt `json:"receipt,omitzero"`
	Err     string  `json:"error,omitempty"` // it was given up
}

// receipt is what a handler has done.
type receipt struct {
	Ref    incident.Ref `json:"ref,omitzero"`     // in use
	Closed bool         `json:"closed,omitempty"` // and over: the next job makes another one
}

// order is the payload of an effect.
type order struct {
	ID   string       `json:"id"` // of the incident
	Job  job          `json:"job"`
	Ref  incident.Ref `json:"ref,omitzero"`
	Made int          `json:"made,omitempty"`
}

func machine() runner.Machine[work, told] {
	return runner.Machine[work, told]{
		Kind:    workKind,
		Step:    stepWork,
		NextDue: func(work) time.Time { return time.Time{} },
		Result:  resultOf,
	}
}

func stepWork(w work, t told, _ time.Time) (work, []runner.Effect, error) {
	for i := range w.Lanes {
		w.Lanes[i].Queue = slices.Clone(w.Lanes[i].Queue)
	}
	for _, j := range t.Jobs {
		if j.N <= w.Last {
			continue // told again
		}
		w.Last = j.N
		w.Lanes[j.Lane].Queue = append(w.Lanes[j.Lane].Queue, j)
	}
	if done := t.Done; done != nil {
		w.Lanes[done.Lane].end(done)
	}
	var effects []runner.Effect
	for i := range w.Lanes {
		effects = w.Lanes[i].begin(t.ID, effects)
	}
	return w, effects, nil
}

// end notes how the first job ended.
func (l *laneState) end(d *done) {
	if len(l.Queue) == 0 || !l.Flying || l.Queue[0].N != d.N {
		return // a dead letter that was revived: others came since
	}
	l.Queue, l.Flying = l.Queue[1:], false
	if d.Receipt.Ref != (incident.Ref{}) {
		l.Ref = d.Receipt.Ref
	}
	if d.Receipt.Closed {
		l.Ref, l.Made = incident.Ref{}, l.Made+1
	}
}

// begin begins the first job, if none is under way.
func (l *laneState) begin(id string, effects []runner.Effect) []runner.Effect {
	for len(l.Queue) > 0 && !l.Flying {
		j := l.Queue[0]
		switch {
		case j.Use != (incident.Ref{}):
			l.Ref, l.Queue = j.Use, l.Queue[1:]
		case j.Renew:
			l.Ref, l.Made, l.Queue = incident.Ref{}, l.Made+1, l.Queue[1:]
		default:
			payload, err := json.Marshal(order{id, j, l.Ref, l.Made})
			if err != nil {
				panic("incidentstore: " + err.Error()) // strings and numbers always encode
			}
			l.Flying = true
			effects = append(effects, runner.Effect{ID: effectID(id, j.N), Type: laneNames[j.Lane], Payload: payload})
		}
	}
	return effects
}

// effectID is the identity of a job, by which receivers tell it.
func effectID(id string, n uint64) string { return fmt.Sprintf("%s.%d", mark(id), n) }

func resultOf(e runner.Effect, o runner.Outcome) (told, bool) {
	var of order
	if err := json.Unmarshal(e.Payload, &of); err != nil {
		return told{}, false
	}
	d := done{N: of.Job.N, Lane: of.Job.Lane, Err: o.Err}
	if len(o.Receipt) > 0 && o.Err == "" {
		if err := json.Unmarshal(o.Receipt, &d.Receipt); err != nil {
			d.Err = err.Error()
		}
	}
	return told{ID: of.ID, Done: &d}, true
}
