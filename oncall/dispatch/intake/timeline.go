package intake

import (
	"context"
	"encoding/json"
	"fmt"
	"iter"
	"slices"
	"time"

	"github.com/sre-sdk/sre"
	"github.com/sre-sdk/sre/oncall/alert"
	"github.com/sre-sdk/sre/oncall/routing"
	"github.com/sre-sdk/sre/storage"
)

// A Group is one group as it stands.
type Group struct {
	ID     string         `json:"id"`
	Action routing.Action `json:"action"`
	Policy string         `json:"policy,omitempty"` // the escalation policy that is paged, or named by the route
	Owner  string         `json:"owner,omitempty"`
	Route  string         `json:"route,omitempty"`
	Page   string         `json:"page,omitempty"` // the key of the latest page: the ID of its escalation
	State  alert.State    `json:"state"`
}

func groupFrom(id string, r record) Group {
	g := Group{ID: id, Action: r.Target.Action, Policy: r.Target.Policy, Owner: r.Target.Owner, Route: r.Target.Route, State: r.State}
	if e := (alert.Effect{Key: r.State.Key()}); e.Key != "" {
		r.own(&e)
		g.Page = e.Key
	}
	return g
}

// Group returns a group and whether there is one of that ID.
func (x *Intake) Group(ctx context.Context, id string) (Group, bool, error) {
	r, ok, err := x.groups.Get(ctx, id)
	return groupFrom(id, r), ok, err
}

// Groups yields all groups in the order of their IDs. One that this program
// cannot read is left out and logged; an error ends it.
func (x *Intake) Groups(ctx context.Context) iter.Seq2[Group, error] {
	return x.groupsAfter(ctx, "", groupPage)
}

// groupPage is how many groups are read at a time: each has up to some hundred
// KiB.
const groupPage = 50

func (x *Intake) groupsAfter(ctx context.Context, after string, page int) iter.Seq2[Group, error] {
	return func(yield func(Group, error) bool) {
		for {
			records, err := x.c.Store.Backend().List(ctx, Kind, after, page)
			if err != nil {
				yield(Group{}, err)
				return
			}
			for _, rec := range records {
				r, err := decode[record](rec)
				if err != nil {
					x.c.Log.Error("intake: a group is left out", "group", rec.Key.ID, "error", err)
				} else if !yield(groupFrom(rec.Key.ID, r), nil) {
					return
				}
				after = rec.Key.ID
			}
			if len(records) < page {
				return
			}
		}
	}
}

// A Moment is one step of a group, as the log has it.
type Moment struct {
	Pos    storage.Pos `json:"pos"`
	At     time.Time   `json:"at"`
	Alerts []Stated    `json:"alerts,omitempty"` // what was stated
	Beat   string      `json:"beat,omitempty"`   // the heartbeat that was heard
	Routes []Routed    `json:"routes,omitempty"` // how alerts were routed, and why
	Acts   []Act       `json:"acts,omitempty"`   // what was decided, and why

	Silences []string `json:"silences,omitempty"` // those that were known to concern the group
	Sources  []string `json:"sources,omitempty"`  // the alerts that were known to inhibit
}

// Stated is what a source has stated of an alert.
type Stated struct {
	Fingerprint string       `json:"fingerprint"`
	Status      alert.Status `json:"status"`
	Severity    sre.Severity `json:"severity,omitempty"`
	Summary     string       `json:"summary,omitempty"`
	Source      string       `json:"source,omitempty"`
}

// Timeline yields what has happened to a group, the oldest first: what was
// stated, how it was routed, and what was told, suppressed and released, and why.
// An error ends it; it is storage.ErrTrimmed if the log does not reach back that
// far.
func (x *Intake) Timeline(ctx context.Context, id string) iter.Seq2[Moment, error] {
	return func(yield func(Moment, error) bool) {
		for s, err := range x.steps(ctx, id) {
			if err != nil {
				yield(Moment{}, err)
				return
			}
			m := Moment{Pos: s.pos, At: s.at, Beat: s.in.Input.Beat, Routes: s.in.Routes, Acts: s.in.Acts}
			for _, a := range s.in.Input.Alerts {
				m.Alerts = append(m.Alerts, Stated{a.Key(), a.Status, a.Severity, a.Summary, a.Source})
			}
			for _, v := range s.in.Facts.Silences {
				m.Silences = append(m.Silences, v.ID)
			}
			for _, v := range s.in.Facts.Sources {
				m.Sources = append(m.Sources, v.Fingerprint)
			}
			if !yield(m, nil) {
				return
			}
		}
	}
}

// logged is one step as the log has it.
type logged struct {
	pos   storage.Pos
	at    time.Time
	in    input
	after record
}

func (x *Intake) steps(ctx context.Context, id string) iter.Seq2[logged, error] {
	return func(yield func(logged, error) bool) {
		for rec, err := range x.c.Store.History(ctx, storage.Key{Kind: Kind, ID: id}, 0) {
			if err != nil {
				yield(logged{}, err)
				return
			}
			if rec.Deleted {
				continue
			}
			s, step, err := x.logged(ctx, rec)
			if err != nil {
				yield(logged{}, err)
				return
			}
			if step && !yield(s, nil) {
				return
			}
		}
	}
}

func (x *Intake) logged(ctx context.Context, rec storage.Record) (s logged, step bool, err error) {
	entries, err := x.c.Store.Backend().Log(ctx, rec.Pos-1, 1)
	if err != nil {
		return s, false, err
	}
	if len(entries) == 0 {
		return s, false, fmt.Errorf("intake: position %d is not in the log", rec.Pos)
	}
	if len(entries[0].Note) == 0 {
		return s, false, nil // it was put off
	}
	var note struct {
		At    time.Time `json:"at"`
		Input input     `json:"input"`
	}
	if err := json.Unmarshal(entries[0].Note, &note); err != nil {
		return s, false, fmt.Errorf("intake: position %d: %w", rec.Pos, err)
	}
	r, err := decode[record](rec)
	return logged{rec.Pos, note.At, note.Input, r}, true, err
}

// Replay folds what the log keeps of a group and returns what results: the same
// as [Intake.Group], unless the alert policy or the kernel was changed meanwhile,
// or the log was trimmed, which is storage.ErrTrimmed.
func (x *Intake) Replay(ctx context.Context, id string) (Group, error) {
	r, err := x.groups.Replay(ctx, id)
	return groupFrom(id, r), err
}

// Facts returns each page and ticket that began in [from, to), for
// routing.Measure, as the log has them of the groups that are kept. judge says
// what became of a page, by its key, which is the ID of its escalation; nil: nobody
// has said.
func (x *Intake) Facts(ctx context.Context, from, to time.Time, judge func(ctx context.Context, page string) (routing.Verdict, error)) ([]routing.Fact, error) {
	var list []routing.Fact
	for g, err := range x.Groups(ctx) {
		if err != nil {
			return nil, err
		}
		if g.State.At.Before(from) || g.Action == routing.Record {
			continue // nothing has happened since
		}
		for s, err := range x.steps(ctx, g.ID) {
			if err != nil {
				return nil, err
			}
			for _, a := range s.in.Acts {
				if a.Kind != alert.Trigger || a.At.Before(from) || !a.At.Before(to) {
					continue
				}
				f := routing.Fact{Key: g.ID, Name: a.Name, Service: a.Service, Owner: s.after.Target.Owner, At: a.At, Paged: s.after.Target.Action == routing.Page}
				if judge != nil && f.Paged {
					if f.Verdict, err = judge(ctx, a.Key); err != nil {
						return nil, err
					}
				}
				list = append(list, f)
			}
		}
	}
	slices.SortStableFunc(list, func(a, b routing.Fact) int { return a.At.Compare(b.At) })
	return list, nil
}
