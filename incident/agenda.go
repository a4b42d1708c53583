package incident

import (
	"container/heap"
	"iter"
	"time"
)

// An Agenda says which of many incidents are due: it keeps [Compiled.NextDue] of
// each. Setting one takes a time that grows with the logarithm of their number,
// asking what is due one that grows with what is. The zero value is empty. It is
// not safe for concurrent use, and holds nothing that the states do not say: make
// it again from them after a start.
type Agenda struct {
	heap dueHeap
	at   map[string]*dueEntry
}

type dueEntry struct {
	id    string
	due   time.Time
	index int
}

// Set notes when an incident is due next; the zero time takes it off.
func (a *Agenda) Set(id string, due time.Time) {
	e := a.at[id]
	switch {
	case e == nil && due.IsZero():
	case e == nil:
		if a.at == nil {
			a.at = map[string]*dueEntry{}
		}
		e = &dueEntry{id: id, due: due}
		a.at[id] = e
		heap.Push(&a.heap, e)
	case due.IsZero():
		heap.Remove(&a.heap, e.index)
		delete(a.at, id)
	default:
		e.due = due
		heap.Fix(&a.heap, e.index)
	}
}

// Due yields the incidents that are due at an instant, the one that is due first
// at first, the others in no particular order. They stay: set them again. Do not
// set any while it yields.
func (a *Agenda) Due(now time.Time) iter.Seq[string] {
	return func(yield func(string) bool) { a.heap.upTo(0, now, yield) }
}

// Next returns when the first one is due; the zero time if none is.
func (a *Agenda) Next() time.Time {
	if len(a.heap) == 0 {
		return time.Time{}
	}
	return a.heap[0].due
}

// Len returns how many incidents are on it.
func (a *Agenda) Len() int { return len(a.heap) }

type dueHeap []*dueEntry

// upTo walks down only where something is due: below what is not, nothing is.
func (h dueHeap) upTo(i int, now time.Time, yield func(string) bool) bool {
	if i >= len(h) || h[i].due.After(now) {
		return true
	}
	return yield(h[i].id) && h.upTo(2*i+1, now, yield) && h.upTo(2*i+2, now, yield)
}

func (h dueHeap) Len() int           { return len(h) }
func (h dueHeap) Less(i, j int) bool { return h[i].due.Before(h[j].due) }
func (h dueHeap) Swap(i, j int) {
	h[i], h[j] = h[j], h[i]
	h[i].index, h[j].index = i, j
}
func (h *dueHeap) Push(x any) {
	e := x.(*dueEntry)
	e.index = len(*h)
	*h = append(*h, e)
}
func (h *dueHeap) Pop() any {
	old := *h
	e := old[len(old)-1]
	old[len(old)-1] = nil
	*h = old[:len(old)-1]
	return e
}
