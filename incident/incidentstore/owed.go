package incidentstore

import (
	"slices"
	"time"

	"github.com/sre-sdk/sre/incident"
	"github.com/sre-sdk/sre/storage"
)

// change is what becomes of a record in one commit.
type change struct {
	*record
	id      string
	version storage.Version // that the commit makes
	note    *note
}

// apply folds an event into the record: the state, what is owed then, and what
// is to be done outside.
func (d *Desk) apply(c change, e incident.Event) {
	before := c.Owed
	c.State.Apply(&e)
	c.note.Events = append(c.note.Events, addressed{c.id, e})
	still, ended := d.c.Policy.Settle(before, &c.State, &e)
	for _, o := range ended {
		switch {
		case !breached(before, o.ID):
			d.end(c, o)
		case !o.Settled.IsZero():
			c.note.Settled = append(c.note.Settled, o)
		}
	}
	for _, o := range still {
		if o.End == incident.Breached && !breached(before, o.ID) {
			d.end(c, o)
		}
	}
	c.Owed = still
	d.follow(c, &e)
}

// look notes what has been breached by an instant. What is not owed any more
// without an event that says so was owed under another policy.
func (d *Desk) look(c change, now time.Time) {
	before := c.Owed
	still := d.c.Policy.Obligations(&c.State, now)
	for i := range still {
		o := &still[i]
		if j := index(before, o.ID); j >= 0 && before[j].End == incident.Breached {
			o.End, o.At = incident.Breached, before[j].At
		} else if o.End == incident.Breached {
			d.end(c, *o)
		}
	}
	for _, o := range before {
		if index(still, o.ID) < 0 && o.End == incident.Open {
			o.End, o.At = incident.Dropped, now
			d.end(c, o)
		}
	}
	c.Owed, c.Looked = still, now
}

// end notes how an obligation has ended, once.
func (d *Desk) end(c change, o incident.Obligation) {
	m := mark(o.ID)[:16]
	if slices.Contains(c.Ended, m) {
		return
	}
	c.Ended = append(c.Ended, m)
	c.Ended = c.Ended[max(0, len(c.Ended)-maxEnded):]
	c.note.Ends = append(c.note.Ends, o)
	if d.c.Ended != nil {
		c.add(job{Lane: laneEnds, Obligation: o.ID})
	}
}

func index(list []incident.Obligation, id string) int {
	return slices.IndexFunc(list, func(o incident.Obligation) bool { return o.ID == id })
}

func breached(list []incident.Obligation, id string) bool {
	i := index(list, id)
	return i >= 0 && list[i].End == incident.Breached
}
