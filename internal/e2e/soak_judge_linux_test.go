package e2e_test

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"slices"
	"strings"
	"sync"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/sre-sdk/sre/oncall/dispatch"
	"github.com/sre-sdk/sre/oncall/escalation"
	"github.com/sre-sdk/sre/storage"
)

// seen is what the log of the store has shown: a copy in memory, made entry by
// entry, in which everything is looked up.
type seen struct {
	s      *soak
	copy   storage.Backend
	reader *dispatch.Dispatcher // on the copy
	mark   storage.Pos          // deliveries that are wanted up to here must be over at the end

	mu sync.Mutex
	at storage.Pos
}

func newSeen(s *soak) *seen {
	v := &seen{s: s, copy: storage.NewMemoryBackend()}
	var err error
	if v.reader, err = newDispatcher(storage.New(v.copy), pagerOf("", ""), s.delay); err != nil {
		s.Fatal(err)
	}
	return v
}

// follow copies the log while it grows, until ctx is done.
func (v *seen) follow(ctx context.Context, from storage.Backend) {
	for ctx.Err() == nil {
		n, err := v.read(ctx, from)
		if err == nil && n == 0 {
			err = from.Wait(ctx, v.position())
		}
		if err != nil && ctx.Err() == nil && !errors.Is(err, storage.ErrUnavailable) {
			v.s.Errorf("following the log: %v", err)
			return
		}
	}
}

// catchUp copies what is left.
func (v *seen) catchUp(ctx context.Context, from storage.Backend) {
	for {
		if n, err := v.read(ctx, from); err != nil {
			v.s.Fatalf("reading the log: %v", err)
		} else if n == 0 {
			return
		}
	}
}

func (v *seen) position() storage.Pos {
	v.mu.Lock()
	defer v.mu.Unlock()
	return v.at
}

// read copies some entries. That they can be committed in this order, from
// nothing and at the same positions, is what makes the state the fold of the log.
func (v *seen) read(ctx context.Context, from storage.Backend) (n int, err error) {
	entries, err := from.Log(ctx, v.position(), storage.MaxLimit)
	for _, e := range entries {
		b := storage.Batch{ID: e.ID, Note: e.Note}
		for _, r := range e.Records {
			w := storage.Write{Key: r.Key, Base: r.Version - 1, Data: r.Data, Due: r.Due}
			if r.Deleted {
				w = storage.Write{Key: r.Key, Base: r.Version - 1, Delete: true}
			}
			b.Writes = append(b.Writes, w)
		}
		pos, err := v.copy.Commit(context.WithoutCancel(ctx), b)
		if err != nil || pos != e.Pos {
			return n, fmt.Errorf("entry %d follows on %d: %v", e.Pos, v.position(), err)
		}
		v.mu.Lock()
		v.at = pos
		v.mu.Unlock()
		n++
	}
	return n, err
}

// settle waits until each escalation was acknowledged, or resolved, or has
// reached its last resort, and then until each delivery that was wanted by then
// is over.
func (v *seen) settle(ctx context.Context, deadline time.Time) bool {
	ids := make([]string, len(v.s.fates))
	for i := range ids {
		ids[i] = v.s.fates[i].id
	}
	if !v.wait(deadline, &ids, func(id string) bool { return v.underWay(ctx, id) }) {
		return false
	}
	v.mark = v.position()
	var keys []string
	for rec, err := range storage.New(v.copy).List(ctx, dispatch.Kind+".effect") {
		if err != nil {
			v.s.Fatal(err)
		}
		keys = append(keys, rec.Key.ID)
	}
	return v.wait(deadline, &keys, func(key string) bool {
		d, err := v.reader.Delivery(ctx, key)
		return err != nil || d.Status == dispatch.DeliveryPending
	})
}

// underWay reports whether an escalation still has people to page for the first
// time.
func (v *seen) underWay(ctx context.Context, id string) bool {
	e, _, err := v.reader.Get(ctx, id)
	return err != nil || e.State.Status == escalation.None || e.State.Status == escalation.Open && e.State.Level != escalation.LastResortLevel
}

// wait waits until none of a list is waiting any more.
func (v *seen) wait(deadline time.Time, list *[]string, waiting func(string) bool) bool {
	for {
		*list = slices.DeleteFunc(*list, func(x string) bool { return !waiting(x) })
		if len(*list) == 0 {
			return true
		}
		if time.Now().After(deadline) {
			v.s.Logf("%d are waited for, such as %s", len(*list), (*list)[0])
			return false
		}
		time.Sleep(50 * time.Millisecond)
	}
}

// A verdict is what came of a soak.
type verdict struct {
	escalations, acknowledged int
	wanted                    int // deliveries that the log asks for
	accepted, duplicates      int // by the provider
	bound                     int // of duplicates: lost claims and unknown outcomes
	lostClaims, unknown       int
	dead, over                int // deliveries that were given up, or no longer wanted
	lateClaims                int // after the acknowledgement
	stuck, lost               int
	late                      []time.Duration
	entries                   storage.Pos
	counts                    counts
	answers                   map[string]int
}

func (v verdict) String() string {
	var b strings.Builder
	fmt.Fprintf(&b, "%d escalations, %d acknowledged or resolved, %d log entries; %s;\n", v.escalations, v.acknowledged, v.entries, v.counts)
	fmt.Fprintf(&b, "%d deliveries wanted, %d accepted, %d dead letters, %d no longer wanted;\n", v.wanted, v.accepted, v.dead, v.over)
	fmt.Fprintf(&b, "%d duplicates of at most %d (%d claims lost, %d outcomes unknown); the provider: %v;\n", v.duplicates, v.bound, v.lostClaims, v.unknown, v.answers)
	slices.Sort(v.late)
	fmt.Fprintf(&b, "lateness")
	for _, q := range []float64{0.5, 0.9, 0.99, 0.999, 1} {
		fmt.Fprintf(&b, " p%g %s", 100*q, quantile(v.late, q).Round(time.Millisecond))
	}
	fmt.Fprintf(&b, ";\nclaimed after the acknowledgement: %d, stuck: %d, lost: %d", v.lateClaims, v.stuck, v.lost)
	return b.String()
}

// judge looks at everything, when nothing runs any more.
func (v *seen) judge(ctx context.Context, from storage.Backend) *verdict {
	v.sameAs(ctx, from)
	out := &verdict{entries: v.at, counts: v.s.counts, answers: v.s.provider.answers}
	keys := map[string]bool{}
	for i := range v.s.fates {
		v.judgeEscalation(ctx, &v.s.fates[i], out, keys)
	}
	for key, list := range v.s.provider.journal {
		if !keys[key] {
			v.s.Errorf("the provider has accepted %s, which nobody wanted", key)
		}
		out.accepted++
		out.duplicates += len(list) - 1
		out.late = append(out.late, list[0].at.Sub(list[0].due))
	}
	out.bound = out.lostClaims + out.unknown
	return out
}

// sameAs compares the copy with the records of the store.
func (v *seen) sameAs(ctx context.Context, from storage.Backend) {
	for _, kind := range []string{dispatch.Kind, dispatch.Kind + ".effect", dispatch.Kind + ".dead"} {
		for after := ""; ; {
			theirs, err := from.List(ctx, kind, after, storage.MaxLimit)
			if err != nil {
				v.s.Fatal(err)
			}
			ours, err := v.copy.List(ctx, kind, after, storage.MaxLimit)
			if err != nil {
				v.s.Fatal(err)
			}
			if len(theirs)+len(ours) == 0 {
				break // the page before was full, and the last
			}
			if diff := cmp.Diff(theirs, ours); diff != "" {
				v.s.Fatalf("records of kind %s are not the fold of the log (-store +log):\n%.2000s", kind, diff)
			}
			if len(ours) < storage.MaxLimit {
				break
			}
			after = ours[len(ours)-1].Key.ID
		}
	}
}

func (v *seen) judgeEscalation(ctx context.Context, f *fate, out *verdict, keys map[string]bool) {
	out.escalations++
	e, there, err := v.reader.Get(ctx, f.id)
	if err != nil || !there {
		out.lost++
		v.s.Errorf("%s: its trigger was durable (%v), and it is lost: %v", f.id, f.triggered.Load(), err)
		return
	}
	again, err := v.reader.Replay(ctx, f.id)
	if err != nil || !bytes.Equal(encode(v.s, e), encode(v.s, again)) {
		v.s.Errorf("%s: replay gives another state, %v", f.id, err)
	}
	quiet := e.State.Status == escalation.Acknowledged || e.State.Status == escalation.Resolved
	if quiet {
		out.acknowledged++
	}
	if quiet != (f.act != nothing) || f.act != nothing && !f.acted.Load() {
		out.lost++
		v.s.Errorf("%s: it is %s; the act %d was durable: %v", f.id, e.State.Status, f.act, f.acted.Load())
	}
	var ended storage.Pos // by the acknowledgement
	var acts []dispatch.Act
	for m, err := range v.reader.Timeline(ctx, f.id) {
		if err != nil {
			v.s.Fatal(err)
		}
		if ended == 0 && m.Status != escalation.Open {
			ended = m.Pos
		}
		for _, a := range m.Acts {
			if a.Code != dispatch.CodeDeliver {
				continue
			}
			keys[a.Key] = true
			if m.Pos <= v.mark {
				acts = append(acts, a)
			}
		}
	}
	paged := map[string]bool{}
	for _, a := range acts {
		if v.judgeDelivery(ctx, f, a, e, ended, out) {
			paged[a.Level] = true
		}
	}
	if !quiet {
		due := e.State.NextDue()
		if e.State.Level != escalation.LastResortLevel || !paged[escalation.LastResortLevel] || due.IsZero() {
			out.stuck++
			v.s.Errorf("%s is stuck: at %s, next due %s, paged %v", f.id, e.State.Level, due, paged)
		}
	}
}

func encode(s *soak, e dispatch.Escalation) []byte {
	data, err := json.Marshal(e)
	if err != nil {
		s.Fatal(err)
	}
	return data
}

// judgeDelivery reports whether a delivery that the log asks for was accepted.
func (v *seen) judgeDelivery(ctx context.Context, f *fate, a dispatch.Act, e dispatch.Escalation, ended storage.Pos, out *verdict) bool {
	out.wanted++
	d, err := v.reader.Delivery(ctx, a.Key)
	if err != nil {
		v.s.Fatal(err)
	}
	got := v.s.provider.journal[a.Key]
	lost := func(why string) {
		out.lost++
		v.s.Errorf("%s: delivery %s, %s, is lost: %s; it is %s: %s", f.id, a.Key, a, why, d.Status, d.Err)
	}
	for _, pos := range d.Claims {
		if ended > 0 && pos > ended {
			out.lateClaims++
			v.s.Errorf("%s: delivery %s was claimed at %d, after the acknowledgement at %d", f.id, a.Key, pos, ended)
		}
	}
	switch d.Status {
	case dispatch.DeliveryAccepted:
		if len(got) == 0 {
			lost("the provider does not have it")
		}
	case dispatch.DeliveryOver:
		out.over++
		if ended == 0 && !pagedAgain(e.State, a) {
			lost("nobody had acknowledged")
		}
	case dispatch.DeliveryDead:
		out.dead++
		if !strings.Contains(d.Err, "410") {
			lost("it was given up")
		}
	default:
		lost("it is not over")
	}
	lostClaims, unknown := v.attempts(ctx, a.Key)
	out.lostClaims, out.unknown = out.lostClaims+lostClaims, out.unknown+unknown
	if more := len(got) - 1; more > lostClaims+unknown {
		v.s.Errorf("%s: delivery %s was accepted %d times, with %d claims lost and %d outcomes unknown", f.id, a.Key, len(got), lostClaims, unknown)
	}
	return len(got) > 0
}

// pagedAgain reports whether a person has a later page: of many that come
// together after a trouble, the latest is enough.
func pagedAgain(s escalation.State, a dispatch.Act) bool {
	for p := range s.Pages() {
		if p.Person == a.Person && p.Entry > a.Entry {
			return true
		}
	}
	return false
}

// attempts counts the claims of a delivery after which the next thing that was
// recorded is another claim, and the attempts after which it was recorded that
// the outcome is unknown.
func (v *seen) attempts(ctx context.Context, key string) (lostClaims, unknown int) {
	attempt, claimed, due := 0, false, time.Time{}
	for rec, err := range storage.New(v.copy).History(ctx, storage.Key{Kind: dispatch.Kind + ".effect", ID: key}, 0) {
		if err != nil {
			v.s.Fatal(err)
		}
		if rec.Deleted {
			continue
		}
		var e struct {
			Data struct {
				Attempt int    `json:"attempt"`
				Err     string `json:"error"`
				Status  string `json:"status"`
			} `json:"data"`
		}
		if err := json.Unmarshal(rec.Data, &e); err != nil {
			v.s.Fatal(err)
		}
		claim := e.Data.Attempt > attempt && e.Data.Status == "pending"
		switch {
		case claim && claimed:
			lostClaims++
			v.explain(key, due.Add(-soakLease), due)
		case claimed && strings.Contains(e.Data.Err, unclear):
			unknown++
		}
		attempt, claimed, due = e.Data.Attempt, claim, rec.Due
	}
	return lostClaims, unknown
}

// explain looks for what was broken while a claim got lost.
func (v *seen) explain(key string, began, end time.Time) {
	for _, t := range v.s.troubles {
		if t.began.Before(end) && t.end.After(began.Add(-soakTimeout)) {
			return
		}
	}
	v.s.Errorf("delivery %s: the claim of %s was lost while nothing was broken", key, began.Format(time.RFC3339Nano))
}
