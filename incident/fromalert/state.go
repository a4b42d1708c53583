package fromalert

import (
	"cmp"
	"slices"
	"time"

	"github.com/sre-sdk/sre"
)

// A State is what is remembered: alerts that fire or have ended lately, groups,
// incidents that still matter, and events that wait. The zero value is empty.
//
// [Compiled.Step] changes it in place, since it is large: do not copy it, and
// keep one for each goroutine. An alert takes some 130 bytes. Alerts that share
// no incident may be kept in states of their own, for instance by tenant.
type State struct {
	now  int64 // the latest instant of a step
	mark int64 // the watermark: everything before it is decided

	waiting []item // a heap by item.before

	byAlert map[string]int32
	alerts  []known
	freeA   []int32

	byGroup map[string]int32
	groups  []group
	freeG   []int32

	byID  map[string]int32
	list  []inc
	freeI []int32

	number  int64 // of the incident that was declared last
	decided int   // since the latest sweep
	reach   map[string][]reached
}

// none is no index.
const none int32 = -1

// A known alert.
type known struct {
	alert     string
	starts    int64 // as told, of the latest time that it began to fire
	ends      int64 // as told, the latest end that is not of now; 0: there is none to be mistaken
	changed   int64 // the place of the latest change
	inc       int32 // to which it belongs, or none
	count     int32 // Why.Count of its membership
	severity  sre.Severity
	code      Code // why it belongs to its incident
	firing    bool
	candidate bool
}

type group struct {
	key        string
	inc        int32  // the latest incident of the group, or none
	via        string // the service by which the topology led to it; empty: it is the group's own
	hops       int32
	used       bool
	candidates []int32
}

// An inc is an incident as far as it matters here.
type inc struct {
	id       string
	number   int64    // 1, 2, ... in the order of declaration
	service  string   // of the alert that declared it
	services []string // further ones of alerts that belong to it by their keys
	opened   int64
	first    int64 // when it was declared
	latest   int64 // when the latest new alert came
	ended    int64 // when an alert ended last
	over     int64 // 0: it is not
	firing   int32
	members  int32
	into     int32   // part of another one, or none
	parts    []int32 // what is part of it
	severity sre.Severity
	used     bool
}

// maxServices bounds the services by which the topology finds an incident.
const maxServices = 16

// Waiting returns how many events and facts wait for their turn.
func (s *State) Waiting() int { return len(s.waiting) }

// Alerts returns how many alerts are remembered.
func (s *State) Alerts() int { return len(s.byAlert) }

// Incidents returns how many incidents are remembered.
func (s *State) Incidents() int { return len(s.byID) }

// NextDue returns when the next step is due if no event comes before; false if
// none is.
func (c *Compiled) NextDue(s *State) (time.Time, bool) {
	if len(s.waiting) == 0 {
		return time.Time{}, false
	}
	return instant(s.waiting[0].at + nanosOf(c.policy.Lateness)), true
}

// A Membership says to which incident an alert belongs, and why.
type Membership struct {
	Incident string
	Root     string // that Incident was merged into; else the same
	Firing   bool
	Since    time.Time // when the alert began to fire, as the source tells
	Why      Code
	Count    int // of ByThreshold: how many alerts made it
}

// Member returns the incident of an alert, if it belongs to one that is
// remembered.
func (s *State) Member(fingerprint string) (Membership, bool) {
	i, ok := s.byAlert[fingerprint]
	if !ok || s.alerts[i].inc == none {
		return Membership{}, false
	}
	a := &s.alerts[i]
	return Membership{
		Incident: s.list[a.inc].id, Root: s.list[s.root(a.inc)].id, Firing: a.firing,
		Since: instant(a.starts), Why: a.code, Count: int(a.count),
	}, true
}

// Members returns the alerts of an incident that are remembered, with those of
// what was merged into it, sorted.
func (s *State) Members(id string) []string {
	at, ok := s.byID[id]
	if !ok {
		return nil
	}
	var list []string
	for fingerprint, i := range s.byAlert {
		if of := s.alerts[i].inc; of == at || of != none && s.root(of) == at {
			list = append(list, fingerprint)
		}
	}
	slices.Sort(list)
	return list
}

func (s *State) root(i int32) int32 {
	for i != none && s.list[i].into != none {
		i = s.list[i].into
	}
	return i
}

// fires returns how many alerts of an incident fire, those of its parts
// included.
func (s *State) fires(i int32) (n int32) {
	n = s.list[i].firing
	for _, part := range s.list[i].parts {
		n += s.fires(part)
	}
	return n
}

func (s *State) begin() {
	if s.byAlert == nil {
		s.byAlert, s.byGroup, s.byID = map[string]int32{}, map[string]int32{}, map[string]int32{}
	}
}

// take returns an index for a new element.
func take[T any](list *[]T, free *[]int32, v T) int32 {
	if n := len(*free); n > 0 {
		i := (*free)[n-1]
		*free = (*free)[:n-1]
		(*list)[i] = v
		return i
	}
	*list = append(*list, v)
	return int32(len(*list) - 1)
}

func (s *State) push(it item) {
	s.waiting = append(s.waiting, it)
	for i := len(s.waiting) - 1; i > 0; {
		up := (i - 1) / 2
		if !s.waiting[i].before(&s.waiting[up]) {
			return
		}
		s.waiting[i], s.waiting[up] = s.waiting[up], s.waiting[i]
		i = up
	}
}

func (s *State) pop() item {
	top, last := s.waiting[0], len(s.waiting)-1
	s.waiting[0] = s.waiting[last]
	s.waiting[last] = item{}
	s.waiting = s.waiting[:last]
	for i := 0; ; {
		least := i
		for _, down := range [2]int{2*i + 1, 2*i + 2} {
			if down < last && s.waiting[down].before(&s.waiting[least]) {
				least = down
			}
		}
		if least == i {
			break
		}
		s.waiting[i], s.waiting[least] = s.waiting[least], s.waiting[i]
		i = least
	}
	if last == 0 {
		s.waiting = nil // a storm is over: its memory is not kept
	}
	return top
}

// gone reports whether an alert has ended so long ago that it is not known any
// more. Whether it was swept already makes no difference.
func (c *Compiled) gone(a *known, t int64) bool {
	return !a.firing && !a.candidate && a.changed+c.keep <= t
}

// forgotten reports the same of an incident, with all that is part of it.
func (c *Compiled) forgotten(s *State, i int32, t int64) bool {
	i = s.root(i)
	v := &s.list[i]
	return s.fires(i) == 0 && s.latestOf(i)+int64(c.policy.Forget) <= t && v.into == none
}

func (s *State) latestOf(i int32) int64 {
	v := &s.list[i]
	last := max(v.latest, v.ended, v.over, v.opened)
	for _, part := range v.parts {
		last = max(last, s.latestOf(part))
	}
	return last
}

// sweep frees what is not known any more. It runs seldom enough to cost each
// event a constant time, and changes no decision.
func (c *Compiled) sweep(s *State) {
	const often = 4096
	if s.decided < often+len(s.byAlert) {
		return
	}
	s.decided = 0
	t := s.mark
	for i := range s.groups {
		if g := &s.groups[i]; g.used {
			c.prune(s, g, t)
		}
	}
	drop := make([]bool, len(s.list))
	for i := range s.list {
		drop[i] = s.list[i].used && c.forgotten(s, int32(i), t)
	}
	for i := range s.alerts {
		a := &s.alerts[i]
		if a.alert == "" {
			continue
		}
		if a.inc != none && drop[a.inc] {
			a.inc = none
		}
		if c.gone(a, t) {
			delete(s.byAlert, a.alert)
			*a = known{inc: none}
			s.freeA = append(s.freeA, int32(i))
		}
	}
	for i := range s.groups {
		g := &s.groups[i]
		if g.used && g.inc != none && drop[g.inc] {
			g.inc = none
		}
		if g.used && g.inc == none && len(g.candidates) == 0 {
			delete(s.byGroup, g.key)
			*g = group{inc: none}
			s.freeG = append(s.freeG, int32(i))
		}
	}
	for i, yes := range drop {
		if yes {
			delete(s.byID, s.list[i].id)
			s.list[i] = inc{into: none}
			s.freeI = append(s.freeI, int32(i))
		}
	}
	clear(s.reach)
}

// prune takes the candidates away that have ended too long ago to count.
func (c *Compiled) prune(s *State, g *group, t int64) {
	g.candidates = slices.DeleteFunc(g.candidates, func(i int32) bool {
		a := &s.alerts[i]
		out := !a.firing && a.changed <= t-int64(c.policy.Within)
		if out {
			a.candidate = false
		}
		return out
	})
	if len(g.candidates) == 0 {
		g.candidates = nil
	}
}

// reached is a service and how many dependencies it is away.
type reached struct {
	service string
	hops    int
}

const maxReach = 10_000

// reaches returns what a service depends on, nearest first.
func (c *Compiled) reaches(s *State, service string) []reached {
	if list, ok := s.reach[service]; ok {
		return list
	}
	list := []reached{{service, 0}}
	seen := map[string]bool{service: true}
	for i := 0; i < len(list) && list[i].hops < c.policy.Hops; i++ {
		for _, next := range c.policy.Topology.DependenciesOf(list[i].service) {
			if !seen[next] {
				seen[next] = true
				list = append(list, reached{next, list[i].hops + 1})
			}
		}
	}
	if s.reach == nil || len(s.reach) >= maxReach {
		s.reach = map[string][]reached{}
	}
	s.reach[service] = list
	return list
}

// distance returns how many dependencies lie between two services, in either
// direction.
func (c *Compiled) distance(s *State, a, b string) (int, bool) {
	best, ok := 0, false
	for _, pair := range [2][2]string{{a, b}, {b, a}} {
		for _, r := range c.reaches(s, pair[0]) {
			if r.service == pair[1] && (!ok || r.hops < best) {
				best, ok = r.hops, true
			}
		}
	}
	return best, ok
}

// near returns the incident that takes alerts and is nearest to a service, of
// several the oldest.
func (c *Compiled) near(s *State, service string, t int64) (best int32, via string, hops int) {
	best = none
	if c.policy.Topology == nil || service == "" {
		return
	}
	for i := range s.list {
		v := &s.list[i]
		if !v.used || v.into != none || !c.takes(s, int32(i), t) {
			continue
		}
		try := func(of string) {
			d, ok := c.distance(s, service, of)
			if !ok {
				return
			}
			order := -1
			if best != none {
				b := &s.list[best]
				order = cmp.Or(cmp.Compare(d, hops), cmp.Compare(v.number, b.number), cmp.Compare(of, via))
			}
			if order < 0 {
				best, via, hops = int32(i), of, d
			}
		}
		if v.service != "" {
			try(v.service)
		}
		for _, of := range v.services {
			try(of)
		}
	}
	return
}

// takes reports whether an incident takes new alerts.
func (c *Compiled) takes(s *State, i int32, t int64) bool {
	v, p := &s.list[i], &c.policy
	if v.over != 0 || t >= v.opened+int64(p.MaxSpan) {
		return false
	}
	switch p.Window {
	case Fixed:
		return true // its span is For
	case Session:
		return s.fires(i) > 0 || t < max(v.latest, v.ended)+int64(p.For)
	}
	return t < v.latest+int64(p.For)
}
