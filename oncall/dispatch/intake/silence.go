package intake

import (
	"context"
	"encoding/json"
	"fmt"
	"slices"
	"strings"
	"time"

	"github.com/sre-sdk/sre"
	"github.com/sre-sdk/sre/oncall/alert"
	"github.com/sre-sdk/sre/storage"
)

// Limits on silences, part of the contract.
const (
	MaxSilences     = 500     // that have not ended long ago
	MaxSilenceBytes = 4 << 10 // of one, as JSON
	MaxSilenceText  = 1000    // bytes of a comment
)

// keepSilence is for how long a silence is kept after its end, so that a step
// that comes late judges the past by it.
const keepSilence = 24 * time.Hour

// silenceList is the record of all silences: one, so that a step reads it with
// one look and never a part of it.
type silenceList struct {
	Silences []alert.Silence `json:"silences"` // by ID
}

// silenceNote is what the log keeps of a change.
type silenceNote struct {
	Schema  int           `json:"schema"`
	At      time.Time     `json:"at"`
	Actor   sre.Actor     `json:"actor"`
	Silence alert.Silence `json:"silence"`
	Why     string        `json:"why,omitempty"` // of an end
}

// Silence makes a silence, or changes the one of that ID, which is set if it is
// empty. The author is the actor. When it returns nil every step from now on
// knows it; the same again changes nothing. A silence does not end a page that is
// open.
func (x *Intake) Silence(ctx context.Context, actor sre.Actor, s alert.Silence) (alert.Silence, error) {
	if s.ID == "" {
		s.ID = x.newID()
	}
	s.Author = actor.ID
	s.Start, s.End = s.Start.Round(0).UTC(), s.End.Round(0).UTC()
	var p sre.Problems
	if !actor.Valid() {
		p.Add("actor", "invalid_actor", actor, "a kind and an ID")
	}
	p.Merge("", s.Validate())
	if len(s.Comment) > MaxSilenceText {
		p.Add("comment", "too_long", len(s.Comment), fmt.Sprintf("at most %d bytes", MaxSilenceText))
	}
	if data, err := json.Marshal(s); err != nil {
		p.Merge("", err)
	} else if len(data) > MaxSilenceBytes {
		p.Add("matchers", "too_long", len(data), fmt.Sprintf("at most %d bytes in all", MaxSilenceBytes))
	}
	now := x.now()
	if !s.End.IsZero() && !s.End.After(now) {
		p.Add("end", "out_of_range", s.End, "an instant in the future; see Expire")
	}
	if err := p.Err("intake"); err != nil {
		return alert.Silence{}, err
	}
	var before alert.Silence
	err := x.changeSilences(ctx, silenceNote{1, now, actor, s, ""}, func(list []alert.Silence) ([]alert.Silence, error) {
		i, found := slices.BinarySearchFunc(list, s.ID, func(o alert.Silence, id string) int { return strings.Compare(o.ID, id) })
		switch {
		case found && equal(list[i], s):
			return nil, nil
		case found:
			before, list[i] = list[i], s
		case len(list) >= MaxSilences:
			return nil, fmt.Errorf("intake: %w", sre.NewProblem("", "too_many", len(list), fmt.Sprintf("at most %d silences", MaxSilences)))
		default:
			list = slices.Insert(list, i, s)
		}
		return list, nil
	})
	if err == nil && before.ID != "" {
		x.nudge(ctx, s.ID) // what it has silenced before perhaps fires now
	}
	return s, err
}

func equal(a, b alert.Silence) bool {
	return a.Matchers.String() == b.Matchers.String() && a.Start.Equal(b.Start) && a.End.Equal(b.End) && a.Author == b.Author && a.Comment == b.Comment
}

// Expire ends a silence now, and steps what it holds back. One that has ended
// stays as it is; ok is false if there is none of that ID.
func (x *Intake) Expire(ctx context.Context, actor sre.Actor, id, why string) (s alert.Silence, ok bool, err error) {
	var p sre.Problems
	p.CheckID("id", id)
	if !actor.Valid() {
		p.Add("actor", "invalid_actor", actor, "a kind and an ID")
	}
	if len(why) > MaxSilenceText {
		p.Add("why", "too_long", len(why), fmt.Sprintf("at most %d bytes", MaxSilenceText))
	}
	if err := p.Err("intake"); err != nil {
		return alert.Silence{}, false, err
	}
	now, ended := x.now(), false
	err = x.changeSilences(ctx, silenceNote{1, now, actor, alert.Silence{ID: id, End: now}, why}, func(list []alert.Silence) ([]alert.Silence, error) {
		i, found := slices.BinarySearchFunc(list, id, func(o alert.Silence, id string) int { return strings.Compare(o.ID, id) })
		ok, ended = found, false
		switch {
		case !found:
			return nil, nil
		case list[i].Expired(now):
			s = list[i]
			return nil, nil
		case list[i].Start.Before(now):
			list[i].End = now
			s, ended = list[i], true
		default: // it has not begun, and never will
			s, ended = list[i], true
			s.End = s.Start
			list = slices.Delete(list, i, i+1)
		}
		return list, nil
	})
	if err == nil && ended {
		x.nudge(ctx, id)
	}
	return s, ok, err
}

// changeSilences changes the list, durably; nil is no change.
func (x *Intake) changeSilences(ctx context.Context, n silenceNote, change func([]alert.Silence) ([]alert.Silence, error)) error {
	note, err := json.Marshal(n)
	if err != nil {
		return fmt.Errorf("intake: %w", err)
	}
	key := storage.Key{Kind: silenceKind, ID: all}
	_, err = x.c.Store.Update(ctx, "silence "+n.Silence.ID, []storage.Key{key}, func(now []storage.Record) (storage.Change, error) {
		list, err := decode[silenceList](now[0])
		if err != nil {
			return storage.Change{}, err
		}
		kept := slices.DeleteFunc(list.Silences, func(s alert.Silence) bool { return n.At.Sub(s.End) > keepSilence })
		next, err := change(kept)
		if err != nil || next == nil {
			return storage.Change{}, err
		}
		return storage.Change{Note: note, Writes: []storage.Write{{Key: key, Data: encode(silenceList{next})}}}, nil
	})
	return err
}

// Silences returns the silences, by ID, those that have ended lately among them.
func (x *Intake) Silences(ctx context.Context) ([]alert.Silence, error) {
	_, records, err := x.c.Store.Get(ctx, storage.Key{Kind: silenceKind, ID: all})
	if err != nil {
		return nil, err
	}
	list, err := decode[silenceList](records[0])
	return list.Silences, err
}

// nudge steps the groups in which a silence holds something back. What it misses
// is stepped within MaxFactsAge of the alert policy.
func (x *Intake) nudge(ctx context.Context, id string) {
	for g, err := range x.Groups(ctx) {
		if err != nil {
			x.c.Log.Warn("intake: a silence was changed, and what it held back waits for its next step", "silence", id, "error", err)
			return
		}
		held := func(e alert.Entry) bool { return e.By.Cause == alert.BySilence && e.By.ID == id }
		if !slices.ContainsFunc(g.State.Alerts, held) {
			continue
		}
		if _, err := x.groups.Send(ctx, g.ID, "", input{}); err != nil {
			x.c.Log.Warn("intake: a group was not stepped after a silence was changed", "group", g.ID, "error", err)
		}
	}
}
