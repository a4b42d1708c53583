package schedule

import (
	"iter"
	"math"
	"slices"
	"time"

	"github.com/sre-sdk/sre/oncall"
)

// A Board watches many schedules: it keeps the answer of each with the instant
// until which it holds, so that moving on looks only at those that change. It
// is not safe for concurrent use; the schedules may be shared. The zero Board
// watches none.
type Board struct {
	list  []*Compiled
	at    int64
	until []int64 // the answer of each schedule holds in [at, until)
	now   []OnCall
	first [nRoles][]string // OnCall.First of each role and schedule: a scan stays in one array
	moved []int
}

// NewBoard returns a board of these schedules, numbered from 0. Move it to an
// instant before asking.
func NewBoard(list ...*Compiled) *Board {
	b := &Board{list: slices.Clone(list), at: math.MaxInt64, until: make([]int64, len(list)), now: make([]OnCall, len(list))}
	for role := range b.first {
		b.first[role] = make([]string, len(list))
	}
	return b
}

// MoveTo makes t the instant of the answers, and returns the numbers of the
// schedules whose answer may be another one than before. The list is good until
// the next call. Moving back is allowed and looks at every schedule anew.
func (b *Board) MoveTo(t time.Time) (changed []int) {
	u := t.Unix()
	back := u < b.at
	b.at, b.moved = u, b.moved[:0]
	for i, until := range b.until {
		if back || until <= u {
			b.look(i, u)
			b.moved = append(b.moved, i)
		}
	}
	return b.moved
}

func (b *Board) look(i int, u int64) {
	o := b.list[i].At(time.Unix(u, 0))
	b.now[i], b.until[i] = o, u+1
	if o.tl != nil {
		b.until[i] = o.tl.stretches[o.stretch+1].start
	}
	for role := range b.first {
		b.first[role][i] = o.First(oncall.Role(role))
	}
}

// Len returns how many schedules the board watches.
func (b *Board) Len() int { return len(b.list) }

// First returns who holds the role in schedule i: [OnCall.First].
func (b *Board) First(i int, role oncall.Role) string {
	if int(role) >= nRoles {
		return ""
	}
	return b.first[role][i]
}

// OnCall returns who is on call in schedule i.
func (b *Board) OnCall(i int) OnCall { return b.now[i] }

// All yields who holds the role, schedule by schedule; "" is nobody.
func (b *Board) All(role oncall.Role) iter.Seq2[int, string] {
	return func(yield func(int, string) bool) {
		for i := range b.list {
			if !yield(i, b.First(i, role)) {
				return
			}
		}
	}
}

// Next returns the instant at which an answer may change next; ok is false
// before the first MoveTo.
func (b *Board) Next() (at time.Time, ok bool) {
	if len(b.until) == 0 || b.at == math.MaxInt64 {
		return time.Time{}, false
	}
	return time.Unix(slices.Min(b.until), 0).UTC(), true
}
