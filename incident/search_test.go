package incident_test

import (
	"errors"
	"flag"
	"fmt"
	"hash/maphash"
	"slices"
	"strings"
	"testing"

	"github.com/sre-sdk/sre"
	"github.com/sre-sdk/sre/incident"
)

// The searches go through every state that a small model can reach, and give
// every command of its alphabet in each of them. All happens at one instant, so
// that states differ in nothing that a key does not show.

var full = flag.Bool("incident.full", false, "search all 294,520 states of three incidents")

// key is what can differ in the models.
func key(b []byte, s *incident.State) []byte {
	b = append(b, byte(s.Status), byte(s.Before), byte(s.Severity), byte(s.Worst), byte(s.Episode), byte(s.Recovery), bit(s.Reviewed), bit(s.Hidden), byte(len(s.Spans)), bit(s.Postmortem.Skipped))
	for m := incident.ImpactBegan; m <= incident.ClosedAt; m++ {
		b = append(b, bit(!s.Mark(m).IsZero()))
	}
	b = append(append(append(b, 0xff), s.Root...), 0xff)
	for _, h := range sortedBy(s.Holders, func(h incident.Holder) string { return fmt.Sprint(h.Role, h.Person) }) {
		b = append(append(b, byte(h.Role)), h.Person...)
	}
	b = append(b, 0xff)
	for _, o := range sortedBy(s.Offers, func(o incident.Offered) string { return o.Role.String() }) {
		b = append(append(b, byte(o.Role)), o.Person...)
	}
	b = append(b, 0xff)
	for _, a := range sortedBy(s.Alerts, func(a incident.Alert) string { return a.From + a.Key }) {
		b = append(append(append(b, a.Key...), 0xfe), a.From...)
	}
	b = append(b, 0xff)
	for _, m := range sortedBy(s.Merged, func(m incident.Absorbed) string { return m.ID }) {
		b = append(append(b, 0xfe), m.ID...)
		for _, id := range slices.Sorted(slices.Values(m.Family)) {
			b = append(append(b, 0xfd), id...)
		}
		b = append(b, bit(m.Hidden))
	}
	return b
}

func bit(v bool) byte {
	if v {
		return 1
	}
	return 0
}

func sortedBy[E any](list []E, by func(E) string) []E {
	if len(list) < 2 {
		return list
	}
	return slices.SortedFunc(slices.Values(list), func(a, b E) int { return strings.Compare(by(a), by(b)) })
}

// visited remembers keys by their hash of 64 bits.
type visited struct {
	seed maphash.Seed
	set  map[uint64]struct{}
}

func newVisited() *visited { return &visited{maphash.MakeSeed(), map[uint64]struct{}{}} }

func (v *visited) add(key []byte) bool {
	h := maphash.Bytes(v.seed, key)
	if _, ok := v.set[h]; ok {
		return false
	}
	v.set[h] = struct{}{}
	return true
}

// alphabet is what people and a service may do about one incident.
func alphabet() (list []incident.Request) {
	people := []sre.Actor{human("a"), human("b"), {Kind: sre.Service, ID: "s"}}
	commands := []incident.Command{
		incident.Declare{ID: "i", Title: "x", Severity: 1}, incident.Declare{ID: "i", Title: "x", Severity: 3},
		incident.Acknowledge{}, incident.Triage{Severity: 1}, incident.Triage{Severity: 3},
		incident.Mitigate{ID: "m", Result: incident.Worked, EndsImpact: true}, incident.Resolve{},
		incident.Verify{Recovered: incident.Recovered}, incident.Verify{Recovered: incident.NotRecovered},
		incident.Close{}, incident.Close{Override: "no traffic"}, incident.Reopen{}, incident.Cancel{}, incident.ReviewRunbooks{},
	}
	for _, role := range []incident.Role{incident.Commander, incident.Deputy} {
		for _, person := range []string{"a", "b"} {
			commands = append(commands, incident.Assign{Role: role, Person: person}, incident.Offer{Role: role, Person: person}, incident.Leave{Role: role, Person: person})
		}
		commands = append(commands, incident.Accept{Role: role}, incident.Decline{Role: role})
	}
	for _, by := range people {
		for _, c := range commands {
			list = append(list, incident.Request{By: by, Command: c})
			switch c.Kind() {
			case incident.KindTriage, incident.KindCancel, incident.KindReviewRunbooks:
				list = append(list, incident.Request{By: by, Command: c, Reason: "because"})
			}
		}
	}
	return list
}

func TestEveryStateOfOneIncidentHoldsTheInvariants(t *testing.T) {
	most := 1_000_000
	if testing.Short() {
		most = 20_000
	}
	policy := incident.Policy{ID: "p"}.MustCompile()
	requests := alphabet()
	seen := newVisited()
	states, moves, refused := []incident.State{{}}, 0, 0
	seen.add(key(nil, &states[0]))
	var buffer, before []byte
	for len(states) > 0 && len(seen.set) < most {
		s := states[len(states)-1]
		states = states[:len(states)-1]
		before = key(before[:0], &s)
		for _, r := range requests {
			moves++
			events, err := policy.Handle(&s, r, monday)
			after := s
			if len(events) > 0 {
				after = s.Clone()
				for i := range events {
					after.Apply(&events[i])
				}
			}
			checkMove(t, policy, &s, r, events, err, &after)
			if t.Failed() {
				t.Fatalf("in %+v\nafter %s %+v by %s: %v\n%+v", s, r.Command.Kind(), r.Command, r.By, err, after)
			}
			if err != nil {
				refused++
				continue
			}
			if buffer = key(buffer[:0], &after); after.Episode <= 2 && len(after.Spans) <= 3 && seen.add(buffer) {
				states = append(states, after)
			}
		}
		if got := key(buffer[:0], &s); string(got) != string(before) {
			t.Fatalf("Handle has changed its argument: %+v", s)
		}
	}
	if len(seen.set) < 20_000 {
		t.Errorf("only %d states", len(seen.set))
	}
	t.Logf("%d states, %d commands, %d of them refused; %d states left", len(seen.set), moves, refused, len(states))
}

// checkMove holds what must be true of one command.
func checkMove(t *testing.T, policy *incident.Compiled, s *incident.State, r incident.Request, events []incident.Event, err error, after *incident.State) {
	cell := incident.Transition(s.Status, r.Command.Kind())
	var refusal *incident.Refusal
	switch {
	case err != nil && !errors.As(err, &refusal):
		t.Errorf("an error that is no refusal: %v", err)
	case cell.Verdict == incident.Denied && (refusal == nil || refusal.Code != cell.Code):
		t.Errorf("the table denies it as %s, and it is %v", cell.Code, err)
	case cell.Verdict == incident.Repeated && (err != nil || len(events) > 0):
		t.Errorf("the table says that it is so already")
	case refusal != nil && (refusal.Text == "" || refusal.Code == incident.RefusedAuthority && len(refusal.May) == 0):
		t.Errorf("a refusal that does not say who may: %v", err)
	case refusal != nil && len(events) > 0:
		t.Errorf("a refusal with an event")
	}
	if len(events) > 0 && after.Status != cell.To {
		if m, ok := r.Command.(incident.Mitigate); !ok || !m.EndsImpact || after.Status != incident.Mitigated {
			t.Errorf("the table leads to %s", cell.To)
		}
	}
	checkPeople(t, policy, s, r, after)
	checkSeverity(t, s, r, after)
	if s.Status == incident.Closed && r.Command.Kind() != incident.KindReopen && len(events) > 0 {
		switch r.Command.Kind() {
		case incident.KindNote, incident.KindLink, incident.KindUnlink, incident.KindAddEvidence, incident.KindCorrect, incident.KindRestrict, incident.KindUpdate,
			incident.KindSchedulePostmortem, incident.KindSkipPostmortem, incident.KindReviewRunbooks:
		default:
			t.Errorf("it is closed")
		}
	}
	if after.Status == incident.Closed && s.Status != incident.Closed {
		if c, ok := r.Command.(incident.Close); !ok || c.Override == "" && s.Recovery != incident.Recovered && s.Recovery != incident.FindingNotNeeded || !s.Reviewed {
			t.Errorf("closed without a verified recovery or an override, or without the question answered")
		}
	}
	if (after.Recovery == incident.Recovered) != !after.Mark(incident.VerifiedAt).IsZero() {
		t.Errorf("the finding is %s, and the milestone %v", after.Recovery, after.Mark(incident.VerifiedAt))
	}
}

// commanders returns who has the command.
func commanders(s *incident.State) (list []string) {
	for _, h := range s.Holders {
		if h.Role == incident.Commander {
			list = append(list, h.Person)
		}
	}
	return list
}

func checkPeople(t testing.TB, policy *incident.Compiled, s *incident.State, r incident.Request, after *incident.State) {
	list := commanders(after)
	if len(list) > 1 {
		t.Errorf("%d commanders", len(list))
	}
	roles := map[string]bool{}
	for _, h := range after.Holders {
		if len(list) > 0 && h.Person == list[0] && h.Role != incident.Commander {
			t.Errorf("the commander is %s as well", h.Role)
		}
		if one := fmt.Sprint(h.Role); h.Role != incident.Expert {
			if roles[one] {
				t.Errorf("two hold the role %s", h.Role)
			}
			roles[one] = true
		}
	}
	had, has := s.HolderOf(incident.Commander), after.HolderOf(incident.Commander)
	if had != "" && has == "" && s.Status.Live() && after.Status.Live() && policy.Major(s.Severity) {
		t.Errorf("a live major incident lost its commander")
	}
	if had != "" && has != "" && had != has {
		offered := slices.ContainsFunc(s.Offers, func(o incident.Offered) bool { return o.Role == incident.Commander && o.Person == has })
		if r.Command.Kind() != incident.KindAccept || r.By.ID != has || r.By.Kind != sre.Human || !offered {
			t.Errorf("the command went from %s to %s without an offer that was accepted", had, has)
		}
	}
}

func checkSeverity(t testing.TB, s *incident.State, r incident.Request, after *incident.State) {
	if after.Status == incident.None {
		return
	}
	if after.Severity.Worse(after.Worst) || s.Status != incident.None && s.Worst.Worse(after.Worst) {
		t.Errorf("the worst severity %s is lost: it is %s", s.Worst, after.Worst)
	}
	if s.Status != incident.None && s.Severity.Worse(after.Severity) && r.Reason == "" {
		t.Errorf("milder without a reason")
	}
	worst := after.Spans[0].Severity
	for i, span := range after.Spans {
		if i > 0 && span.From.Before(after.Spans[i-1].From) {
			t.Errorf("spans out of order")
		}
		if span.Severity.Worse(worst) {
			worst = span.Severity
		}
	}
	if worst != after.Worst {
		t.Errorf("the worst of the spans is %s, and the worst kept %s", worst, after.Worst)
	}
}

// world is three incidents.
type world [3]*incident.State

func TestEveryStateOfThreeIncidentsHoldsTheInvariants(t *testing.T) {
	most := 80_000 // beside those of one incident
	switch {
	case *full:
		most = 1_000_000
	case testing.Short():
		most = 20_000
	}
	policy := incident.Policy{ID: "p", ReviewFrom: 1, Authority: map[incident.Kind][]incident.Role{}}.MustCompile()
	seen := newVisited()
	worlds := []world{{{}, {}, {}}}
	moves, merges, splits := 0, 0, 0
	for len(worlds) > 0 && len(seen.set) < most {
		w := worlds[len(worlds)-1]
		worlds = worlds[:len(worlds)-1]
		next := func(n world) {
			checkForest(t, n[:])
			if t.Failed() {
				t.Fatalf("from %+v\nto %+v", w, n)
			}
			var b []byte
			for _, s := range n {
				b = append(key(b, s), 0xfc)
			}
			if seen.add(b) {
				worlds = append(worlds, n)
			}
		}
		for i, s := range w {
			for _, command := range commandsOfWorld(i) {
				moves++
				if command.Kind() == incident.KindReopen && s.Episode == 2 {
					continue
				}
				events, err := policy.Handle(s, incident.Request{By: human("a"), Reason: "because", Command: command}, monday)
				if err != nil || len(events) == 0 {
					continue
				}
				n, c := w, s.Clone()
				c.Apply(&events[0])
				n[i] = &c
				next(n)
			}
			for j, root := range w {
				moves += 2
				family := []*incident.State{w[0], w[1], w[2]}
				if n, ok := w.apply(policy.Merge(s, root, family, incident.Request{By: human("a"), Command: incident.Merge{Into: name(j)}}, monday)); ok {
					merges++
					checkSplitReturns(t, policy, w, n, i, j)
					next(n)
				}
				if n, ok := w.apply(policy.Split(s, root, family, incident.Request{By: human("a"), Command: incident.Split{From: name(i)}}, monday)); ok {
					splits++
					next(n)
				}
			}
		}
	}
	if len(seen.set) < 20_000 {
		t.Errorf("only %d states", len(seen.set))
	}
	t.Logf("%d states of three incidents, %d commands, %d merges, %d splits; %d states left", len(seen.set), moves, merges, splits, len(worlds))
}

func name(i int) string { return string(rune('A' + i)) }

func commandsOfWorld(i int) []incident.Command {
	return []incident.Command{
		incident.Declare{ID: name(i), Title: "x", Severity: 2}, incident.Triage{Severity: 2}, incident.Resolve{}, incident.Close{Override: "x"},
		incident.Reopen{}, incident.Cancel{}, incident.Link{Type: incident.LinkAlert, ID: "same"}, incident.Unlink{Type: incident.LinkAlert, ID: "same"},
		incident.Restrict{On: true}, incident.Restrict{},
	}
}

// apply returns the incidents after the events, if there are any.
func (w world) apply(events []incident.Addressed, err error) (world, bool) {
	if err != nil {
		return w, false
	}
	for i := range events {
		at := int(events[i].ID[0] - 'A')
		c := w[at].Clone()
		c.Apply(&events[i].Event)
		w[at] = &c
	}
	return w, true
}

func checkSplitReturns(t *testing.T, policy *incident.Compiled, before, merged world, child, root int) {
	family := []*incident.State{merged[0], merged[1], merged[2]}
	back, ok := merged.apply(policy.Split(merged[child], merged[root], family, incident.Request{By: human("a"), Command: incident.Split{From: name(child)}}, monday))
	if !ok {
		t.Fatalf("a merge cannot be taken back: %+v", merged)
	}
	for i := range back {
		if a, b := key(nil, before[i]), key(nil, back[i]); string(a) != string(b) {
			t.Fatalf("merged %d into %d and split again, %d was\n%+v and is\n%+v", child, root, i, before[i], back[i])
		}
	}
}

// checkForest holds what must be true of merged incidents.
func checkForest(t testing.TB, states []*incident.State) {
	find := func(id string) *incident.State {
		for _, s := range states {
			if s.ID == id {
				return s
			}
		}
		t.Errorf("there is no %q", id)
		return &incident.State{}
	}
	parts := map[string]string{} // the root of each merged one, as the roots have it
	for _, s := range states {
		if (s.Status == incident.Merged) != (s.Root != "") || (s.Status == incident.Merged) != (s.Before != incident.None) {
			t.Errorf("%s is %s, its root is %q", s.ID, s.Status, s.Root)
		}
		if s.Status == incident.Merged {
			continue
		}
		var family []string
		for _, m := range s.Merged {
			family = append(append(family, m.ID), m.Family...)
		}
		for _, id := range family {
			if parts[id] != "" {
				t.Errorf("%s is part of %s and of %s", id, parts[id], s.ID)
			}
			parts[id] = s.ID
		}
		for _, a := range s.Alerts {
			if a.From != "" && !slices.Contains(family, a.From) {
				t.Errorf("%s has an alert of %s, which is not part of it", s.ID, a.From)
			}
		}
		if !s.Hidden && slices.ContainsFunc(s.Merged, func(a incident.Absorbed) bool { return a.Hidden }) {
			t.Errorf("%s shows alerts of a restricted incident", s.ID)
		}
	}
	for _, s := range states {
		if s.Status != incident.Merged {
			if parts[s.ID] != "" && s.ID != "" {
				t.Errorf("%s is part of %s and does not know", s.ID, parts[s.ID])
			}
			continue
		}
		root := find(s.Root)
		if root.Status == incident.Merged || parts[s.ID] != s.Root {
			t.Errorf("%s says that it is part of %s, which is %s; it is part of %s", s.ID, s.Root, root.Status, parts[s.ID])
		}
		for _, a := range s.Alerts {
			from := a.From
			if from == "" {
				from = s.ID
			}
			if !slices.Contains(root.Alerts, incident.Alert{Key: a.Key, From: from}) {
				t.Errorf("the alert %v of %s is not in its root %s", a, s.ID, root.ID)
			}
		}
	}
}

// The table is total: each cell says what, and a denied one why.
func TestTheTableIsTotal(t *testing.T) {
	cells := map[incident.Verdict]int{}
	for s := incident.None; s <= incident.Merged; s++ {
		for _, k := range incident.Kinds() {
			c := incident.Transition(s, k)
			cells[c.Verdict]++
			switch {
			case c.Verdict == incident.Denied && (c.Code == "" || c.To != s):
				t.Errorf("%s in %s: %+v", k, s, c)
			case c.Verdict == incident.Repeated && (c.Code != "" || c.To != s):
				t.Errorf("%s in %s: %+v", k, s, c)
			case c.Verdict == incident.Allowed && (c.Code != "" || c.To == incident.None):
				t.Errorf("%s in %s: %+v", k, s, c)
			case c.Verdict > incident.Repeated:
				t.Errorf("%s in %s: %+v", k, s, c)
			}
		}
	}
	for s := range 256 {
		for k := range 256 {
			if c := incident.Transition(incident.Status(s), incident.Kind(k)); (s > int(incident.Merged) || k == 0 || k > int(incident.KindRestrict)) && c.Verdict != incident.Denied {
				t.Errorf("%d in %d: %+v", k, s, c)
			}
		}
	}
	t.Log(cells)
}
