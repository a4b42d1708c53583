package escalation

import (
	"iter"
	"time"
)

// A Table keeps escalations in memory with an index of what is due, for a
// program that keeps them durably itself. It is not safe for concurrent use; the
// zero value is empty and ready for use.
//
// A state takes about 900 bytes besides its texts. Put, Get and Delete take a
// map access and O(log n) steps in a heap.
type Table struct {
	slots map[string]int32
	chunk []*[chunkSize]State // so that growing copies nothing
	free  []int32
	where []int32 // of each slot in heap, -1: not due
	heap  []timer
}

const chunkSize = 256

type timer struct {
	due  int64 // microseconds since 1970, rounded up
	slot int32
}

func (t *Table) at(slot int32) *State { return &t.chunk[slot/chunkSize][slot%chunkSize] }

// Len returns how many escalations there are.
func (t *Table) Len() int { return len(t.slots) }

// Get returns the escalation of an ID.
func (t *Table) Get(id string) (s State, ok bool) {
	slot, ok := t.slots[id]
	if !ok {
		return State{}, false
	}
	return *t.at(slot), true
}

// Put keeps an escalation under its ID, instead of the one that was there.
func (t *Table) Put(s State) {
	slot, ok := t.slots[s.ID]
	if !ok {
		slot = t.take()
		if t.slots == nil {
			t.slots = map[string]int32{}
		}
		t.slots[s.ID] = slot
	}
	*t.at(slot) = s
	t.arm(slot, s.nextDue())
}

// take returns a free slot.
func (t *Table) take() int32 {
	if n := len(t.free); n > 0 {
		slot := t.free[n-1]
		t.free = t.free[:n-1]
		return slot
	}
	slot := int32(len(t.where))
	if slot%chunkSize == 0 {
		t.chunk = append(t.chunk, new([chunkSize]State))
	}
	t.where = append(t.where, -1)
	return slot
}

// Delete forgets an escalation. Its ID must not be triggered again while a
// provider may remember the keys of its deliveries: they would be the same.
func (t *Table) Delete(id string) {
	slot, ok := t.slots[id]
	if !ok {
		return
	}
	t.arm(slot, time.Time{})
	delete(t.slots, id)
	*t.at(slot) = State{}
	t.free = append(t.free, slot)
}

// NextDue returns when the first of all is due, or the zero time.
func (t *Table) NextDue() time.Time {
	if len(t.heap) == 0 {
		return time.Time{}
	}
	return time.UnixMicro(t.heap[0].due).UTC()
}

// Due yields the escalations to which a [Tick] is owed at now, the one that has
// waited longest first. Step each and Put it before the loop goes on: what is
// still due then ends the loop, as it would else come for ever. So one that
// cannot be stepped holds up all that are due after it: keep every policy that
// State.Policy may name, by its [Compiled.Digest], and where one is lost step the
// state by another policy with an [Edit].
func (t *Table) Due(now time.Time) iter.Seq[State] {
	return func(yield func(State) bool) {
		micros := now.UnixMicro()
		for len(t.heap) > 0 && t.heap[0].due <= micros {
			first := t.heap[0]
			if !yield(*t.at(first.slot)) || len(t.heap) > 0 && t.heap[0] == first {
				return
			}
		}
	}
}

// arm moves a slot to its place in the heap, a heap of four children, which
// touches fewer cache lines than one of two.
func (t *Table) arm(slot int32, at time.Time) {
	i := t.where[slot]
	if at.IsZero() {
		if i >= 0 {
			t.drop(int(i))
		}
		return
	}
	micros := at.UnixMicro()
	if at.Nanosecond()%1000 != 0 {
		micros++
	}
	if i < 0 {
		i = int32(len(t.heap))
		t.heap = append(t.heap, timer{})
	}
	t.place(int(i), timer{micros, slot})
	t.sift(int(i))
}

func (t *Table) place(i int, v timer) {
	t.heap[i] = v
	t.where[v.slot] = int32(i)
}

func (t *Table) drop(i int) {
	t.where[t.heap[i].slot] = -1
	last := len(t.heap) - 1
	moved := t.heap[last]
	t.heap = t.heap[:last]
	if i < last {
		t.place(i, moved)
		t.sift(i)
	}
}

// sift restores the order around i.
func (t *Table) sift(i int) {
	v := t.heap[i]
	for i > 0 {
		parent := (i - 1) / 4
		if t.heap[parent].due <= v.due {
			break
		}
		t.place(i, t.heap[parent])
		i = parent
	}
	for {
		least, first := -1, 4*i+1
		for k := first; k < min(first+4, len(t.heap)); k++ {
			if t.heap[k].due < v.due && (least < 0 || t.heap[k].due < t.heap[least].due) {
				least = k
			}
		}
		if least < 0 {
			break
		}
		t.place(i, t.heap[least])
		i = least
	}
	t.place(i, v)
}
