package escalation_test

import (
	"encoding/binary"
	"flag"
	"fmt"
	"hash/maphash"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/sre-sdk/sre"
	"github.com/sre-sdk/sre/oncall"
	"github.com/sre-sdk/sre/oncall/escalation"
)

// The search goes through every world that a small model can reach: what is
// durable (the state, the deliveries asked for and what came of them, by log
// position) and what is not (deliveries under way), with crashes between any two
// moves. Breadth first, so that a counterexample is the shortest story there is.

var longer = flag.Int("longer", 1, "so many times the bounds of the search's states")

// engine is what is searched: this package, or a mutant of it.
type engine struct {
	step  func(c *escalation.Compiled, s escalation.State, in escalation.Input, d escalation.Directory, now time.Time, out []escalation.Effect) (escalation.State, []escalation.Effect, error)
	wants func(s escalation.State, e escalation.Effect) bool
	key   func(e escalation.Effect, id string) string
}

var genuine = engine{
	step:  (*escalation.Compiled).Step,
	wants: escalation.State.Wants,
	key:   escalation.Effect.Key,
}

var searchPolicies = [...]*escalation.Compiled{
	escalation.Policy{
		ID: "db",
		Levels: []escalation.Level{
			{ID: "l1", Targets: []escalation.Target{escalation.ToSchedule("rota", oncall.Primary)}, Delay: 3 * time.Minute},
			{ID: "l2", Targets: []escalation.Target{escalation.ToRoundRobin("alice", "bob"), escalation.ToPerson("carol")}, Delay: 2 * time.Minute, Acks: 2},
			{ID: "l3", Targets: []escalation.Target{escalation.ToPerson("bob")}, Delay: 2 * time.Minute},
		},
		Repeat:     1,
		LastResort: escalation.LastResort{Targets: []escalation.Target{escalation.ToPerson("boss")}, Every: 4 * time.Minute},
		BySeverity: []escalation.Rule{
			{AtLeast: 1, Acknowledge: escalation.Promise{Within: 4 * time.Minute, Level: "l3"}, Respond: escalation.Promise{Within: 6 * time.Minute, Level: "l2"}, AckFor: 5 * time.Minute},
			{AtLeast: 3, Start: "l2", Acknowledge: escalation.Promise{Within: 5 * time.Minute, Level: escalation.LastResortLevel}},
		},
	}.MustCompile(),
	escalation.Policy{
		ID: "db",
		Levels: []escalation.Level{
			{ID: "l1", Targets: []escalation.Target{escalation.ToSchedule("rota", oncall.Primary)}, Delay: time.Minute},
			{ID: "l3", Targets: []escalation.Target{escalation.ToTeam("dba")}, Delay: 90 * time.Second},
		},
		LastResort: escalation.LastResort{Targets: []escalation.Target{escalation.ToPerson("boss")}, Every: time.Minute},
		BySeverity: []escalation.Rule{{AtLeast: 1, Acknowledge: escalation.Promise{Within: 2 * time.Minute, Level: escalation.LastResortLevel}}},
	}.MustCompile(),
}

var searchDirectories = [...]*directory{
	{schedules: map[string][]string{"rota": {"alice"}}, teams: map[string][]string{"dba": {"alice", "carol"}}, plans: plans(pushThenCall)},
	{schedules: map[string][]string{"rota": {}}, teams: map[string][]string{"dba": {}}, plans: plans(pushThenCall)},
	{teams: map[string][]string{"dba": {"bob"}}, plans: plans(pushThenCall[:1])},
}

// plans has nothing about carol, whose plan is not known.
func plans(alice []oncall.ContactStep) map[string][]oncall.ContactStep {
	return map[string][]oncall.ContactStep{
		"alice": alice, "bob": {{Contact: "sms"}}, "boss": {{Contact: "voice"}},
	}
}

// moveKind is what can happen next in a world.
type moveKind uint8

const (
	tick         moveKind = iota // time goes on to the next due instant, and it is ticked
	lateTick                     // after an outage in which two due instants were missed
	wait                         // 20 seconds in which nothing is due
	claim                        // a worker takes a delivery, in one transaction with the question whether it is wanted
	arrive                       // it arrives, and that is recorded
	crashAfter                   // it arrives, and the worker crashes before it is recorded
	crashBefore                  // the worker crashes before it is sent
	crashDuring                  // the worker crashes while it is under way
	arriveLate                   // what was under way arrives after all
	failForGood                  // the provider refuses it for good
	failAgain                    // the same is told once more
	triggerAgain                 // the same alert comes again
	triggerWorse                 // it comes again and is worse
	retrigger                    // it comes again after it was resolved
	ackIt
	respondIt
	snoozeIt
	escalateIt
	escalateTo // the last resort
	handOffIt
	worseIt
	betterIt
	resolveIt
	editIt
	changeDirectory
	moveKinds
)

var moveNames = [moveKinds]string{
	"tick", "tick after an outage", "wait", "claim", "arrives, recorded", "arrives, the worker crashes", "the worker crashes before it sends",
	"the worker crashes while it is under way", "arrives late", "fails for good", "its failure is told again", "the same alert", "the same alert, worse",
	"a new alert", "acknowledge", "respond", "snooze", "escalate", "escalate to the last resort", "hand off", "severity 1", "severity 3", "resolve", "edit", "directory",
}

type move struct {
	kind moveKind
	arg  uint8
}

var actors = [...]string{"alice", "bob", "carol"}

// model bounds the search.
type model struct {
	name     string
	severity sre.Severity
	limit    [moveKinds]uint8 // of each kind of move
	acts     uint8            // of people, together
	crashes  uint8            // of workers, together
	states   int              // the search ends with so many; 0: all there are
}

const (
	pending uint8 = iota
	claimed
	done
	failed
)

// intent is what became of a delivery that was asked for.
type intent struct {
	stage   uint8
	arrived uint8
	lost    uint8 // workers that crashed with it, so that the outcome is unknown
	late    uint8 // messages under way from workers that are no more
	fenced  bool  // something at a later log position has ended it
}

// world is everything at one time. The slices are shared by worlds and never
// changed in place.
type world struct {
	now     time.Time
	state   escalation.State
	policy  uint8
	dir     uint8
	asked   []escalation.Effect // the deliveries, in the order of the log
	keys    []string
	intents []intent
	acked   uint8 // who has acknowledged the latest entry, bit by bit
	spent   [moveKinds]uint8
	acts    uint8
	crashes uint8
}

func (w *world) engineArgs() (*escalation.Compiled, *directory) {
	return searchPolicies[w.policy], searchDirectories[w.dir]
}

// violation says which invariant broke, and how.
type violation struct{ invariant, text string }

type search struct {
	engine
	model
	seed    maphash.Seed
	seen    map[uint64]bool
	states  map[uint64]bool // states that were looked at alone
	parents []int32
	moves   []move
	out     []escalation.Effect
	buf     []byte
}

// result is what a search found.
type result struct {
	worlds, moves int
	complete      bool
	violation     *violation
	story         string
}

type numbered struct {
	world
	n int32
}

func explore(e engine, m model) (r result) {
	s := &search{engine: e, model: m, seed: maphash.MakeSeed(), seen: map[uint64]bool{}, states: map[uint64]bool{}}
	root, bad := s.root()
	if bad != nil {
		return result{violation: bad, story: "at the trigger"}
	}
	s.seen[s.hash(&root)] = true
	s.parents, s.moves = append(s.parents, -1), append(s.moves, move{})
	layer := []numbered{{root, 0}}
	for len(layer) > 0 {
		var next []numbered
		for i := range layer {
			w := &layer[i]
			if bad := s.checkState(&w.world); bad != nil {
				return s.found(r, bad, w.n, move{moveKinds, 0})
			}
			before := s.stateHash(&w.state)
			for _, mv := range s.possible(&w.world) {
				r.moves++
				child, bad := s.apply(&w.world, mv)
				if bad != nil {
					return s.found(r, bad, w.n, mv)
				}
				if h := s.hash(&child); !s.seen[h] {
					s.seen[h] = true
					s.parents, s.moves = append(s.parents, w.n), append(s.moves, mv)
					next = append(next, numbered{child, int32(len(s.moves) - 1)})
				}
			}
			if s.stateHash(&w.state) != before {
				return s.found(r, &violation{"purity", "a step has changed its argument"}, w.n, move{moveKinds, 0})
			}
			if limit := s.model.states * *longer; limit > 0 && len(s.seen) >= limit {
				r.worlds = len(s.seen)
				return r
			}
		}
		layer = next
	}
	r.worlds, r.complete = len(s.seen), true
	return r
}

// found tells the story that leads to a violation.
func (s *search) found(r result, bad *violation, parent int32, last move) result {
	path := []move{last}
	for n := parent; n > 0; n = s.parents[n] {
		path = append(path, s.moves[n])
	}
	slices.Reverse(path)
	w, _ := s.root()
	var b strings.Builder
	fmt.Fprintf(&b, "invariant %q of model %q: %s\n", bad.invariant, s.name, bad.text)
	tell := func(i int, what string) {
		fmt.Fprintf(&b, "%2d. %s %s -> %s, level %s, entry %d", i, w.now.Format("15:04:05"), what, w.state.Status, w.state.Level, w.state.Entry)
		if due := w.state.NextDue(); !due.IsZero() {
			fmt.Fprintf(&b, ", due %s", due.Format("15:04:05"))
		}
		fmt.Fprintln(&b)
	}
	tell(0, "an alert")
	for i, mv := range path {
		if mv.kind == moveKinds {
			break
		}
		asked := len(w.asked)
		what := s.describe(&w, mv)
		child, _ := s.apply(&w, mv)
		w = child
		tell(i+1, what)
		for _, e := range w.asked[min(asked, len(w.asked)):] {
			fmt.Fprintf(&b, "      asks: %s\n", e)
		}
	}
	r.worlds, r.violation, r.story = len(s.seen), bad, b.String()
	return r
}

func (s *search) describe(w *world, mv move) string {
	text := moveNames[mv.kind]
	switch {
	case mv.kind >= claim && mv.kind <= failAgain && int(mv.arg) < len(w.asked):
		e := w.asked[mv.arg]
		return fmt.Sprintf("the page of entry %d to %s by %q: %s", e.Entry, e.Person, e.Contact, text)
	case mv.kind >= ackIt && mv.kind <= handOffIt:
		return text + " by " + actors[mv.arg]
	case mv.kind == changeDirectory:
		return fmt.Sprintf("directory %d", mv.arg)
	}
	return text
}

func (s *search) root() (world, *violation) {
	w := world{now: start}
	return s.input(&w, escalation.Trigger{ID: "e", Severity: s.severity, Turn: 1}, start)
}

// possible returns the moves of a world.
func (s *search) possible(w *world) []move {
	var list []move
	add := func(kind moveKind, arg int) {
		if w.spent[kind] < s.limit[kind] {
			list = append(list, move{kind, uint8(arg)})
		}
	}
	due := w.state.NextDue()
	if !due.IsZero() {
		add(tick, 0)
		add(lateTick, 0)
	}
	if due.IsZero() || due.Sub(w.now) > 20*time.Second {
		add(wait, 0)
	}
	for i, in := range w.intents {
		switch in.stage {
		case pending:
			if s.wants(w.state, w.asked[i]) {
				add(claim, i)
			}
		case claimed:
			add(arrive, i)
			add(failForGood, i)
			if w.crashes < s.crashes {
				add(crashAfter, i)
				add(crashBefore, i)
				add(crashDuring, i)
			}
		case failed:
			add(failAgain, i)
		}
		if in.late > 0 {
			add(arriveLate, i)
		}
	}
	for d := range searchDirectories {
		if d != int(w.dir) {
			add(changeDirectory, d)
		}
	}
	if w.acts == s.acts {
		return list
	}
	if w.state.Status == escalation.Resolved {
		add(retrigger, 0)
		add(editIt, 0)
		return list
	}
	for by := range actors {
		add(ackIt, by)
	}
	add(respondIt, 0)
	add(snoozeIt, 0)
	add(escalateIt, 0)
	add(escalateTo, 0)
	add(handOffIt, 0)
	add(triggerAgain, 0)
	add(triggerWorse, 0)
	add(worseIt, 0)
	add(betterIt, 0)
	add(resolveIt, 1)
	add(editIt, 0)
	return list
}

// apply makes a move.
func (s *search) apply(before *world, mv move) (world, *violation) {
	w := *before
	w.spent[mv.kind]++
	if mv.kind >= triggerAgain && mv.kind != changeDirectory {
		w.acts++
	}
	by := ""
	if int(mv.arg) < len(actors) {
		by = actors[mv.arg]
	}
	switch mv.kind {
	case tick:
		w.now = w.state.NextDue()
		return s.input(&w, escalation.Tick{}, w.now)
	case lateTick:
		return s.outage(&w)
	case wait:
		w.now = w.now.Add(20 * time.Second)
		return w, nil
	case claim, arrive, crashAfter, crashBefore, crashDuring, arriveLate:
		return w, s.delivery(&w, mv)
	case failForGood, failAgain:
		in := w.touch(mv.arg)
		in.stage = failed
		e := w.asked[mv.arg]
		return s.input(&w, escalation.Undelivered{Entry: e.Entry, Person: e.Person, Step: e.Step}, w.now)
	case changeDirectory:
		w.dir = mv.arg
		return w, nil
	case editIt:
		w.policy = 1 - w.policy
		return s.input(&w, escalation.Edit{By: "ops"}, w.now)
	}
	return s.input(&w, map[moveKind]escalation.Input{
		triggerAgain: escalation.Trigger{ID: "e", Severity: w.state.Severity},
		triggerWorse: escalation.Trigger{ID: "e", Severity: 1},
		retrigger:    escalation.Trigger{ID: "e", Severity: s.severity, Turn: 2},
		ackIt:        escalation.Ack{By: by},
		respondIt:    escalation.Respond{By: by},
		snoozeIt:     escalation.Snooze{By: by, Until: w.now.Add(7 * time.Minute)},
		escalateIt:   escalation.Escalate{By: by},
		escalateTo:   escalation.Escalate{By: by, To: escalation.LastResortLevel},
		handOffIt:    escalation.HandOff{By: by, To: "bob"},
		worseIt:      escalation.SetSeverity{By: "ops", Severity: 1},
		betterIt:     escalation.SetSeverity{By: "ops", Severity: 3},
		resolveIt:    escalation.Resolve{By: by},
	}[mv.kind], w.now)
}

func (w *world) touch(i uint8) *intent {
	w.intents = slices.Clone(w.intents)
	return &w.intents[i]
}

// delivery moves one delivery on. Nothing of it is told to the engine.
func (s *search) delivery(w *world, mv move) *violation {
	in := w.touch(mv.arg)
	e := w.asked[mv.arg]
	switch mv.kind {
	case claim:
		if in.fenced {
			return &violation{"4 fence", fmt.Sprintf("%s is claimed at a log position after what ended it", e)}
		}
		in.stage = claimed
	case arrive:
		in.stage = done
		in.arrived++
	case crashAfter:
		in.stage = pending
		in.arrived++
		in.lost++
	case crashBefore:
		in.stage = pending
		in.lost++
	case crashDuring:
		in.stage = pending
		in.lost++
		in.late++
	case arriveLate:
		in.late--
		in.arrived++
	}
	if mv.kind >= crashAfter && mv.kind <= crashDuring {
		w.crashes++
	}
	if in.arrived > 1+in.lost {
		return &violation{"3 delivered", fmt.Sprintf("%s arrived %d times with %d outcomes unknown", e, in.arrived, in.lost)}
	}
	return nil
}

// hash is of all that decides about what can happen next.
func (s *search) hash(w *world) uint64 {
	b := appendState(s.buf[:0], &w.state)
	b = binary.AppendVarint(b, int64(w.now.Sub(start)))
	b = append(b, w.policy, w.dir, w.acked, w.acts, w.crashes)
	b = append(b, w.spent[:]...)
	for i, in := range w.intents {
		b = append(b, in.stage, in.arrived, in.lost, in.late, bit(in.fenced))
		b = append(b, w.keys[i]...)
	}
	s.buf = b
	return maphash.Bytes(s.seed, b)
}

func (s *search) hashBuf() uint64 { return maphash.Bytes(s.seed, s.buf) }

func (s *search) stateHash(state *escalation.State) uint64 {
	s.buf = appendState(s.buf[:0], state)
	return maphash.Bytes(s.seed, s.buf)
}

func bit(v bool) byte {
	if v {
		return 1
	}
	return 0
}

func appendState(b []byte, s *escalation.State) []byte {
	text := func(v string) {
		b = binary.AppendUvarint(b, uint64(len(v)))
		b = append(b, v...)
	}
	at := func(v time.Time) { b = binary.AppendVarint(b, int64(v.Sub(start))) }
	text(s.ID)
	b = append(b, s.Policy[:]...)
	b = append(b, byte(s.Status), byte(s.Severity), s.Loop, bit(s.AckMissed), bit(s.AckKept), bit(s.RespondMissed), bit(s.RespondKept))
	b = binary.AppendUvarint(b, uint64(s.Entry))
	b = binary.AppendUvarint(b, s.Turn)
	for _, v := range []string{s.Level, s.Title, s.Body, s.Link, s.By, s.Responder} {
		text(v)
	}
	for _, v := range s.Notes {
		text(v.By)
		at(v.At)
		text(v.Text)
	}
	for _, v := range []time.Time{s.Triggered, s.Entered, s.Since, s.Last, s.LevelDue, s.AckDue, s.RespondDue, s.Until} {
		at(v)
	}
	for p := range s.Pages() {
		b = append(b, '|')
		text(p.Person)
		text(p.Level)
		b = binary.AppendUvarint(binary.AppendUvarint(b, uint64(p.Entry)), uint64(p.First))
		b = append(b, p.Next, bit(p.Done))
		b = binary.AppendUvarint(b, uint64(p.Failed))
		at(p.At)
		at(p.Due)
	}
	for by := range s.Acks() {
		b = append(b, '&')
		text(by)
	}
	return b
}

// limits of moves by kind, in the order of the kinds.
func limits(v map[moveKind]uint8) (list [moveKinds]uint8) {
	for kind, n := range v {
		list[kind] = n
	}
	return list
}

// The first three are searched to their end; of the last one the stories with
// the fewest moves are.
var models = []model{
	{name: "deliveries", severity: 1, states: 150_000, acts: 1, crashes: 2, limit: limits(map[moveKind]uint8{
		tick: 2, lateTick: 1, claim: 2, arrive: 2, crashAfter: 1, crashBefore: 1, crashDuring: 1, arriveLate: 1, ackIt: 1, snoozeIt: 1, resolveIt: 1})},
	{name: "failures", severity: 2, states: 150_000, acts: 1, crashes: 1, limit: limits(map[moveKind]uint8{
		tick: 2, lateTick: 1, claim: 2, arrive: 1, crashDuring: 1, arriveLate: 1, failForGood: 2, failAgain: 1, ackIt: 1, handOffIt: 1})},
	{name: "people", severity: 1, states: 150_000, acts: 2, limit: limits(map[moveKind]uint8{
		tick: 3, lateTick: 1, ackIt: 2, respondIt: 1, snoozeIt: 1, escalateIt: 1, escalateTo: 1, handOffIt: 1,
		worseIt: 1, betterIt: 1, resolveIt: 1, editIt: 1, retrigger: 1, triggerAgain: 1, changeDirectory: 1})},
	{name: "life", severity: 3, acts: 3, states: 40_000, limit: limits(map[moveKind]uint8{
		tick: 12, lateTick: 2, wait: 1, ackIt: 2, respondIt: 1, snoozeIt: 1, escalateIt: 1, handOffIt: 1, resolveIt: 1,
		triggerWorse: 1, betterIt: 1, editIt: 2, retrigger: 1, changeDirectory: 2})},
}

// No page is lost, delayed, doubled or sent too late in any world that the
// models can reach.
func TestSearchOfSmallModels(t *testing.T) {
	total := 0
	for _, m := range models {
		began := time.Now()
		r := explore(genuine, m)
		if r.violation != nil {
			t.Errorf("after %d worlds:\n%s", r.worlds, r.story)
		}
		t.Logf("%s: %d worlds, %d moves, all of them: %t, %s", m.name, r.worlds, r.moves, r.complete, time.Since(began).Round(time.Millisecond))
		if m.name != "life" && !r.complete {
			t.Errorf("%s was not searched to its end", m.name)
		}
		total += r.worlds
	}
	if !t.Failed() && total < 100_000 {
		t.Errorf("%d worlds, want at least 100,000", total)
	}
}
