package incident

import (
	"errors"
	"fmt"
	"iter"
	"strings"

	"github.com/sre-sdk/sre"
)

// A Replayed is what another policy would have made of a recorded incident.
type Replayed struct {
	ID      string
	Refused []Objection // what was done and would not have been allowed, in the order of the log
	Judged  []Judgement // where the severity would have been another one, likewise
	Was     Course      // as it is recorded
	Would   Course      // under the other policy
}

// An Objection is a recorded event that would have been refused.
type Objection struct {
	Seq  uint64
	Kind Kind
	Code string // one of the Refused constants
	Text string
}

// A Judgement is a recorded judgement of the severity, and the other one.
type Judgement struct {
	Seq    uint64
	Was    sre.Severity
	Would  sre.Severity
	Chosen bool // somebody chose Was; Would is what the matrix would have said, and changes nothing else
}

// A Course is how the severity of an incident went.
type Course struct {
	First, Last, Worst sre.Severity
	Major              bool // whether it ever was a major incident
}

// Replay returns what would have been different under another policy. It is a
// pure function of the events, which are those of one incident in the order of
// their log.
//
// What people did is taken as it was: each event is judged in the situation in
// which it happened, so that one that would have been refused does not make
// those after it look wrong. Severities that the matrix made are made again by
// the other one; those that somebody chose stay, and what the matrix would have
// said stands beside them. Under the policy of the recording nothing differs.
func (c *Compiled) Replay(events iter.Seq[Event]) (Replayed, error) {
	if c.matrix == nil {
		return Replayed{}, errors.New("incident: replay under a policy that was not compiled")
	}
	var r Replayed
	var was, would State
	for e := range events {
		if e.Command == nil || e.Seq != was.Seq+1 {
			return Replayed{}, fmt.Errorf("incident: replay: event %d behind event %d is not a log of one incident", e.Seq, was.Seq)
		}
		if objection := c.objection(&would, &e); objection != nil {
			r.Refused = append(r.Refused, Objection{e.Seq, e.Command.Kind(), objection.Code, objection.Text})
		}
		other := c.rejudged(&would, e)
		was.Apply(&e)
		would.Apply(&other)
		if judgement, ok := c.judgement(&would, &e, &other); ok {
			r.Judged = append(r.Judged, judgement)
		}
		r.Was.note(c, &was)
		r.Would.note(c, &would)
	}
	r.ID = was.ID
	return r, nil
}

// objection returns the refusal of a recorded event, or nil.
func (c *Compiled) objection(s *State, e *Event) *Refusal {
	if e.Refused != "" {
		return nil
	}
	switch e.Command.(type) {
	case Absorb, Redirect, Separate: // they follow from a Merge or a Split
		return nil
	}
	_, refusal := c.decide(s, Request{By: e.By, At: e.At, Reason: e.Reason, Command: asked(e.Command)}, e.Recorded)
	return refusal
}

// asked returns the command as it was given: a severity that the matrix made was
// not in it.
func asked(command Command) Command {
	switch cmd := command.(type) {
	case Declare:
		if cmd.ByMatrix {
			cmd.Severity, cmd.ByMatrix = 0, false
		}
		return cmd
	case Triage:
		if cmd.ByMatrix {
			cmd.Severity, cmd.ByMatrix = 0, false
		}
		return cmd
	}
	return command
}

// rejudged returns the event with the severity of this policy's matrix.
func (c *Compiled) rejudged(s *State, e Event) Event {
	switch cmd := e.Command.(type) {
	case Declare:
		if cmd.ByMatrix {
			cmd.Severity = c.matrix.Severity(cmd.Impact)
			e.Command = cmd
		}
	case Triage:
		if cmd.ByMatrix {
			cmd.Severity = c.matrix.Severity(impactAfter(s, cmd))
			e.Command = cmd
		}
	}
	return e
}

func impactAfter(s *State, cmd Triage) Impact {
	if cmd.Impact != (Impact{}) {
		return cmd.Impact
	}
	return s.Impact
}

// judgement compares the severities of an event. s is the state after it.
func (c *Compiled) judgement(s *State, was, would *Event) (Judgement, bool) {
	if was.Refused != "" {
		return Judgement{}, false
	}
	var a, b sre.Severity
	impact, byMatrix := s.Impact, false
	switch cmd := was.Command.(type) {
	case Declare:
		a, b, byMatrix = cmd.Severity, would.Command.(Declare).Severity, cmd.ByMatrix
	case Triage:
		a, b, byMatrix = cmd.Severity, would.Command.(Triage).Severity, cmd.ByMatrix
		impact = impactAfter(s, cmd)
	default:
		return Judgement{}, false
	}
	if !byMatrix {
		b = c.matrix.Severity(impact)
	}
	return Judgement{was.Seq, a, b, !byMatrix}, a != b
}

func (o *Course) note(c *Compiled, s *State) {
	if o.First == 0 {
		o.First = s.Severity
	}
	o.Last, o.Worst = s.Severity, s.Worst
	o.Major = o.Major || s.Status != None && c.Major(s.Severity)
}

// Differs reports whether the other policy would have refused something, or come
// to another severity by itself.
func (r *Replayed) Differs() bool { return len(r.Refused) > 0 || r.Was != r.Would }

// Became counts the incidents whose worst severity would have been s, and was
// not.
func Became(s sre.Severity, replays ...Replayed) (n int) {
	for i := range replays {
		if r := &replays[i]; r.Would.Worst == s && r.Was.Worst != s {
			n++
		}
	}
	return n
}

// Text says in a few lines what differs, or that nothing does.
func (r *Replayed) Text(scale sre.Scale) string {
	var b strings.Builder
	for _, o := range r.Refused {
		fmt.Fprintf(&b, "event %d, %s: would have been refused, %s: %s\n", o.Seq, o.Kind, o.Code, o.Text)
	}
	for _, j := range r.Judged {
		if j.Chosen {
			fmt.Fprintf(&b, "event %d: %s was chosen, the matrix says %s\n", j.Seq, scale.Name(j.Was), scale.Name(j.Would))
			continue
		}
		fmt.Fprintf(&b, "event %d: %s would have been %s\n", j.Seq, scale.Name(j.Was), scale.Name(j.Would))
	}
	if b.Len() == 0 {
		return "nothing differs\n"
	}
	return b.String()
}
