package pagerduty

import "time"

// Window is the pure limiter, with a fixed limit.
type Window struct {
	N   int
	Per time.Duration
	w   window
}

func (w *Window) Take(now time.Time) time.Duration         { return w.w.take(w.N, w.Per, now) }
func (w *Window) Done(now time.Time)                       { w.w.done(w.Per, now) }
func (w *Window) Block(pause time.Duration, now time.Time) { w.w.block(w.Per, pause, now) }
func (w *Window) Flying() int                              { return w.w.flying }

// Windows returns how many routing keys the limits know.
func (p *Pager) Windows() int { return len(p.limits.windows) }
