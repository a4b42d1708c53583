package runner

import (
	"sync"
	"time"
)

// slots bound how many effects of each type are performed at the same time. No
// type takes a slot from another, so a receiver that hangs holds back its own
// effects only.
type slots struct {
	limit int
	freed chan struct{} // told when a slot was freed

	mu sync.Mutex
	of map[string]*usage // by the type of effect
}

// usage is what is known about the slots of one type.
type usage struct {
	busy    int
	changed time.Time     // when a slot was last taken or freed
	took    time.Duration // how long a slot is taken, smoothed
}

func newSlots(limit int) *slots {
	return &slots{limit: limit, freed: make(chan struct{}, 1), of: map[string]*usage{}}
}

// take takes a slot, if one is free.
func (s *slots) take(effectType string, now time.Time) bool {
	s.mu.Lock()
	defer s.mu.Unlock()
	u := s.of[effectType]
	if u == nil {
		u = &usage{}
		s.of[effectType] = u
	}
	if u.busy == s.limit {
		return false
	}
	u.busy++
	u.changed = now
	return true
}

// free gives back a slot that was taken since an instant.
func (s *slots) free(effectType string, since, now time.Time) {
	s.mu.Lock()
	u := s.of[effectType]
	u.busy--
	u.changed = now
	u.took += (now.Sub(since) - u.took) / 4
	s.mu.Unlock()
	select {
	case s.freed <- struct{}{}:
	default:
	}
}

// wait estimates how long it takes until the n-th waiting effect gets a slot.
func (s *slots) wait(effectType string, n int, now time.Time) time.Duration {
	s.mu.Lock()
	defer s.mu.Unlock()
	u := s.of[effectType]
	took := max(u.took, now.Sub(u.changed)) // all that run were begun before the latest change
	return took * time.Duration(min(n, 1<<16)) / time.Duration(s.limit)
}
