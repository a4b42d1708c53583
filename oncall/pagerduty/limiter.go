package pagerduty

import (
	"crypto/sha256"
	"sync"
	"time"
)

// A window admits calls so that no span of the length per sees more than n of
// them at the other side, wherever between its start and its end each call
// arrives there: a call holds its place from its start until per after its end.
// It is pure, time is an argument.
type window struct {
	flying int         // calls begun and not ended
	ends   []time.Time // of calls that still count, ascending
	until  time.Time   // nothing is admitted before this
	last   time.Time   // the latest instant seen
}

// take admits a call and returns 0, or returns how long to wait at least.
func (w *window) take(n int, per time.Duration, now time.Time) time.Duration {
	w.observe(per, now)
	wait := max(0, w.until.Sub(now))
	switch {
	case w.flying+len(w.ends) < n:
	case len(w.ends) > 0:
		wait = max(wait, w.ends[0].Add(per).Sub(now))
	default:
		wait = max(wait, per) // all are on their way: none can make room earlier
	}
	if wait == 0 {
		w.flying++
	}
	return wait
}

// done ends a call that take has admitted.
func (w *window) done(per time.Duration, now time.Time) {
	w.observe(per, now)
	w.flying--
	w.ends = append(w.ends, now)
}

// block admits nothing for a while.
func (w *window) block(per, pause time.Duration, now time.Time) {
	w.observe(per, now)
	if until := now.Add(pause); until.After(w.until) {
		w.until = until
	}
}

// observe forgets what no longer counts. A clock that was set back takes all
// instants along, so that nothing lies in a future that takes hours to come.
func (w *window) observe(per time.Duration, now time.Time) {
	if back := w.last.Sub(now); !w.last.IsZero() && back > 0 {
		for i := range w.ends {
			w.ends[i] = w.ends[i].Add(-back)
		}
		w.until = w.until.Add(-back)
	}
	w.last = now
	gone := 0
	for gone < len(w.ends) && now.Sub(w.ends[gone]) >= per {
		gone++
	}
	w.ends = append(w.ends[:0], w.ends[gone:]...)
}

// idle reports whether the window is as good as a new one.
func (w *window) idle(per time.Duration, now time.Time) bool {
	w.observe(per, now)
	return w.flying == 0 && len(w.ends) == 0 && !now.Before(w.until)
}

// A limiter keeps a window for each routing key, known by its SHA-256.
type limiter struct {
	n   int
	per time.Duration

	mu      sync.Mutex
	windows map[[sha256.Size]byte]*window
	swept   time.Time
}

func newLimiter(n int, per time.Duration) *limiter {
	return &limiter{n: n, per: per, windows: map[[sha256.Size]byte]*window{}}
}

func (l *limiter) take(key [sha256.Size]byte, now time.Time) time.Duration {
	l.mu.Lock()
	defer l.mu.Unlock()
	l.sweep(now)
	w := l.windows[key]
	if w == nil {
		w = &window{}
		l.windows[key] = w
	}
	return w.take(l.n, l.per, now)
}

// done ends a call, and asks for a pause if pause is positive.
func (l *limiter) done(key [sha256.Size]byte, pause time.Duration, now time.Time) {
	l.mu.Lock()
	defer l.mu.Unlock()
	w := l.windows[key] // is there: a window with a call on its way is not idle
	w.done(l.per, now)
	if pause > 0 {
		w.block(l.per, pause, now)
	}
}

// sweep drops idle windows, once in each per.
func (l *limiter) sweep(now time.Time) {
	if age := now.Sub(l.swept); age >= 0 && age < l.per {
		return
	}
	l.swept = now
	for key, w := range l.windows {
		if w.idle(l.per, now) {
			delete(l.windows, key)
		}
	}
}
