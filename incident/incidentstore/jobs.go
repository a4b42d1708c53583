package incidentstore

import (
	"fmt"
	"slices"

	"github.com/sre-sdk/sre"
	"github.com/sre-sdk/sre/incident"
	"github.com/sre-sdk/sre/storage"
)

// A lane is what is done outside in the order in which it follows from the log.
type lane uint8

const (
	laneChannel lane = iota
	lanePage
	laneTicket
	laneEnds
	lanes
)

// laneNames are the types of the runner's effects.
var laneNames = [lanes]string{"channel", "page", "ticket", "ends"}

// MarshalText returns the name.
func (l lane) MarshalText() ([]byte, error) {
	if l >= lanes {
		return nil, fmt.Errorf("incidentstore: there is no lane %d", uint8(l))
	}
	return []byte(laneNames[l]), nil
}

// UnmarshalText reads the name.
func (l *lane) UnmarshalText(text []byte) error {
	i := slices.Index(laneNames[:], string(text))
	if i < 0 {
		return fmt.Errorf("incidentstore: this program tells nobody by %q", text)
	}
	*l = lane(i)
	return nil
}

// job is something to be done outside. It refers to the log for what to say, so
// that many of them are small.
type job struct {
	N          uint64          `json:"n"` // 1, 2, ... in the incident
	Lane       lane            `json:"lane"`
	Version    storage.Version `json:"version"`              // of the record, whose note has what it follows from
	Seq        uint64          `json:"seq,omitempty"`        // of an event
	Obligation string          `json:"obligation,omitempty"` // the ID
	Use        incident.Ref    `json:"use,omitzero"`         // instead of a call: what to use from now on
	Renew      bool            `json:"renew,omitempty"`      // instead of a call: to make another one
}

// add gives a job its number.
func (c change) add(j job) {
	c.Number++
	j.N, j.Version = c.Number, c.version
	c.Jobs = append(c.Jobs, j)
}

// deskActor is who tells an incident of its channel and its ticket.
var deskActor = sre.Actor{Kind: sre.PolicyActor, ID: "incidentstore"}

// follow adds what is to be done outside after an event.
func (d *Desk) follow(c change, e *incident.Event) {
	s := &c.State
	if e.Refused != "" || s.Mode == incident.Retrospective {
		return
	}
	if d.c.Channel != nil {
		switch cmd := e.Command.(type) {
		case incident.SetChannel:
			if e.By != deskActor && cmd.Ref.ID != "" {
				c.add(job{Lane: laneChannel, Use: cmd.Ref})
			}
		case incident.Restrict:
			if cmd.On {
				c.add(job{Lane: laneChannel, Renew: true}) // what is said from now on is not for those who are there
			}
		default:
			if channelTold(s, e) {
				c.add(job{Lane: laneChannel, Seq: e.Seq})
			}
		}
	}
	if update, ok := e.Command.(incident.Update); ok && d.c.StatusPage != nil && update.Audience == incident.Public && s.Mode == incident.Standard && !s.Hidden {
		c.add(job{Lane: lanePage, Seq: e.Seq})
	}
	if d.c.Tracker != nil && !s.Hidden {
		if cmd, ok := e.Command.(incident.SetTicket); ok {
			if e.By != deskActor && cmd.Ref.ID != "" {
				c.add(job{Lane: laneTicket, Use: cmd.Ref})
			}
		} else if ticketTold(e) {
			c.add(job{Lane: laneTicket, Seq: e.Seq})
		}
	}
}

// channelTold reports whether those in the channel are told of an event.
func channelTold(s *incident.State, e *incident.Event) bool {
	switch cmd := e.Command.(type) {
	case incident.Declare, incident.Triage, incident.SetTitle, incident.Assign, incident.Accept, incident.Resolve, incident.Reopen,
		incident.Cancel, incident.Close, incident.Merge, incident.Absorb, incident.Split, incident.Separate:
		return true
	case incident.Mitigate:
		return true
	case incident.Update:
		return cmd.Audience == incident.Internal
	}
	return false
}

// ticketTold reports whether an event changes the ticket.
func ticketTold(e *incident.Event) bool {
	switch cmd := e.Command.(type) {
	case incident.Declare, incident.Triage, incident.SetTitle, incident.Resolve, incident.Reopen, incident.Cancel, incident.Close, incident.Merge, incident.Separate:
		return true
	case incident.Mitigate:
		return cmd.EndsImpact
	}
	return false
}
