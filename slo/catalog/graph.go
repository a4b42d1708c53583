package catalog

import "slices"

// Dependencies says what a service uses. Packages that group alerts or judge
// risk by topology take this; a [Compiled] and a [View] are ones.
type Dependencies interface {
	// DependenciesOf returns the IDs of what the service uses directly, sorted;
	// nothing for a service that is not known.
	DependenciesOf(service string) []string
}

// A View is the catalog seen over some of its dependencies: [Compiled.Any] or
// [Compiled.Hard].
type View struct {
	c        *Compiled
	onlyHard bool
}

var _, _ Dependencies = (*Compiled)(nil), View{}

// Any sees every dependency.
func (c *Compiled) Any() View { return View{c: c} }

// Hard sees hard dependencies only, which have no cycle.
func (c *Compiled) Hard() View { return View{c: c, onlyHard: true} }

// DependenciesOf returns what the service uses directly, hard or soft.
func (c *Compiled) DependenciesOf(service string) []string { return c.Any().DependenciesOf(service) }

// DependenciesOf returns what the service uses directly, sorted.
func (v View) DependenciesOf(service string) []string { return v.direct(v.c.needs, service) }

// DependentsOf returns what uses the service directly, sorted.
func (v View) DependentsOf(service string) []string { return v.direct(v.c.neededBy, service) }

// Transitive returns everything that the service uses, directly or through
// others, sorted, without the service itself.
func (v View) Transitive(service string) []string { return v.closure(v.c.needs, service) }

// Impact returns everything that uses the service, directly or through others,
// sorted, without the service itself: over [Compiled.Hard] those that do not
// work when it does not.
func (v View) Impact(service string) []string { return v.closure(v.c.neededBy, service) }

// Path returns a shortest chain of dependencies from one service to another,
// both included; of several the first in the order of their IDs. It is nil if
// there is none. From a service to itself the path is that service.
func (v View) Path(from, to string) []string {
	i, ok := v.c.index[from]
	j, known := v.c.index[to]
	if !ok || !known {
		return nil
	}
	return v.c.ids(v.shortest(i, j))
}

// CriticalPath returns the longest chain of hard dependencies that begins with
// the service, which must all work for it to work; of several the first in the
// order of their IDs. It is the service alone if it needs nothing, and nil if
// the service is not known.
func (c *Compiled) CriticalPath(service string) []string {
	start, ok := c.index[service]
	if !ok {
		return nil
	}
	v := c.Hard()
	length := make(map[int]int) // of the longest chain from each service
	for _, at := range v.pass(c.needs, start, make([]bool, len(c.services))) {
		length[at] = 1
		for _, e := range c.needs[at] {
			if !e.soft {
				length[at] = max(length[at], 1+length[e.to])
			}
		}
	}
	chain := []int{start}
	for at := start; length[at] > 1; chain = append(chain, at) {
		for _, e := range c.needs[at] {
			if !e.soft && length[e.to] == length[at]-1 {
				at = e.to
				break
			}
		}
	}
	return c.ids(chain)
}

// Needs maps each service to the services that it cannot work without, as
// slo.LintOptions.DependsOn takes it.
func (c *Compiled) Needs() map[string][]string {
	m := make(map[string][]string, len(c.services))
	for _, s := range c.services {
		if list := c.Hard().DependenciesOf(s.ID); len(list) > 0 {
			m[s.ID] = list
		}
	}
	return m
}

func (v View) direct(edges [][]edge, service string) []string {
	i, ok := v.c.index[service]
	if !ok {
		return nil
	}
	var list []string
	for _, e := range edges[i] {
		if v.sees(e) {
			list = append(list, v.c.services[e.to].ID)
		}
	}
	return list
}

func (v View) sees(e edge) bool { return !v.onlyHard || !e.soft }

func (v View) closure(edges [][]edge, service string) []string {
	start, ok := v.c.index[service]
	if !ok {
		return nil
	}
	seen, queue := map[int]bool{start: true}, []int{start}
	var reached []int
	for len(queue) > 0 {
		at := queue[0]
		queue = queue[1:]
		for _, e := range edges[at] {
			if v.sees(e) && !seen[e.to] {
				seen[e.to] = true
				reached = append(reached, e.to)
				queue = append(queue, e.to)
			}
		}
	}
	slices.Sort(reached) // services are sorted by ID
	if len(reached) == 0 {
		return nil
	}
	return v.c.ids(reached)
}

// shortest searches by breadth. Since services are visited in the order of
// their IDs, the first path found to each is the first in order too.
func (v View) shortest(from, to int) []int {
	if from == to {
		return []int{from}
	}
	return v.search(from, to)
}

// search returns a shortest path of at least one dependency; nil if there is
// none. From a service to itself that is a cycle.
func (v View) search(from, to int) []int {
	parent, queue := map[int]int{}, []int{from}
	for len(queue) > 0 {
		at := queue[0]
		queue = queue[1:]
		for _, e := range v.c.needs[at] {
			if !v.sees(e) {
				continue
			}
			if e.to == to {
				path := []int{e.to}
				for ; at != from; at = parent[at] {
					path = append(path, at)
				}
				path = append(path, from)
				slices.Reverse(path)
				return path
			}
			if _, seen := parent[e.to]; !seen && e.to != from {
				parent[e.to] = at
				queue = append(queue, e.to)
			}
		}
	}
	return nil
}

// pass returns what can be reached from a service and was not seen yet, itself
// last, each after everything that its edges lead to (unless there is a cycle).
// It uses no recursion: a chain may be as long as the catalog.
func (v View) pass(edges [][]edge, start int, seen []bool) []int {
	type frame struct{ at, next int }
	var order []int
	seen[start] = true
	stack := []frame{{at: start}}
	for len(stack) > 0 {
		top := &stack[len(stack)-1]
		if top.next == len(edges[top.at]) {
			order = append(order, top.at)
			stack = stack[:len(stack)-1]
			continue
		}
		e := edges[top.at][top.next]
		top.next++
		if v.sees(e) && !seen[e.to] {
			seen[e.to] = true
			stack = append(stack, frame{at: e.to})
		}
	}
	return order
}

// cycles returns one cycle of hard dependencies for each set of services that
// are entangled: a shortest through the first of them.
func (c *Compiled) cycles() [][]int {
	var cycles [][]int
	for _, knot := range c.Hard().knots() {
		cycles = append(cycles, c.Hard().search(knot[0], knot[0]))
	}
	return cycles
}

// knots returns the strongly connected components of two services or more, each
// sorted, in the order of their first service: Kosaraju's two passes.
func (v View) knots() [][]int {
	var order []int
	seen := make([]bool, len(v.c.services))
	for i := range v.c.services {
		if !seen[i] {
			order = append(order, v.pass(v.c.needs, i, seen)...)
		}
	}
	clear(seen)
	var knots [][]int
	for _, i := range slices.Backward(order) {
		if seen[i] {
			continue
		}
		if knot := v.pass(v.c.neededBy, i, seen); len(knot) > 1 {
			slices.Sort(knot)
			knots = append(knots, knot)
		}
	}
	slices.SortFunc(knots, func(a, b []int) int { return a[0] - b[0] })
	return knots
}
