package budget

import (
	"cmp"
	"errors"
	"fmt"
	"math"
	"math/big"
	"slices"
	"time"

	"github.com/sre-sdk/sre"
	"github.com/sre-sdk/sre/internal/exact"
	"github.com/sre-sdk/sre/slo"
)

// A Status is what is known of one SLO's budget at one instant: the counts of
// the budget period and of any number of shorter windows. Make one with [Read],
// [NewStatus] or [Failed]; the zero value knows nothing. A Status never
// changes, and it may be copied and shared.
//
// A Status whose Err is not nil knows nothing either; decisions about it are
// Unknown. Every number below is false or zero there.
type Status struct {
	slo        *slo.Compiled
	at         time.Time
	start, end time.Time // the budget period; end == at for a rolling one
	err        error

	measured  slo.Counts // of the period, as the source gave them
	good, bad float64    // of the period, missing data accounted for
	allSlices float64    // > 0: the whole slices of the calendar period, of which the budget is a share

	windows []slo.Counts // as given, sorted by span, missing data accounted for in Good and Bad

	share  float64       // 1-S
	length time.Duration // of the period, nominal
	slice  time.Duration // of a slice, or 0
}

// ErrNotMeasured is the Err of the zero Status.
var ErrNotMeasured = errors.New("budget: the SLO was not measured")

// NewStatus returns the status of s at an instant, from the counts of the
// budget period up to it and of windows that end at it, in any order. The
// period's span must be the one that [slo.Compiled.Period] gives: the length of
// a rolling window, or the time since the start of a calendar one.
//
// Unmeasured time counts as the SLO's [slo.MissingData] says. For slices that
// is exact. For events it is an estimate: unmeasured time is taken to have had
// events at the mean rate of the measured time; where nothing was measured
// there is no rate, and nothing is added.
//
// Counts that do not validate, more slices than a span holds, spans that repeat
// and a wrong period make a Status with an Err that carries every [sre.Problem].
func NewStatus(s *slo.Compiled, at time.Time, period slo.Counts, windows ...slo.Counts) Status {
	if s == nil {
		return Status{}
	}
	var p sre.Problems
	start, end := s.Period(at)
	slice := s.Spec().Budgeting.Slice
	checkCounts("period", period, slice, &p)
	if want := at.Sub(start); period.Span != want {
		p.Add("period.span", "wrong_span", period.Span, want.String())
	}
	for i, w := range windows {
		checkCounts(fmt.Sprintf("windows[%d]", i), w, slice, &p)
	}
	windows = slices.Clone(windows)
	slices.SortFunc(windows, func(a, b slo.Counts) int { return cmp.Compare(a.Span, b.Span) })
	for i := 1; i < len(windows); i++ {
		if windows[i].Span == windows[i-1].Span {
			p.Add("windows", "duplicate", windows[i].Span, "one window of each length")
		}
	}
	if err := p.Err("budget"); err != nil {
		return Failed(s, at, err)
	}
	for i, w := range windows {
		windows[i].Good, windows[i].Bad = account(s, w)
	}
	st := Status{slo: s, at: at, start: start, end: end, measured: period, windows: windows}
	st.good, st.bad = account(s, period)
	st.share, st.length, st.slice = s.Objective().Budget().Float(), s.PeriodLength(), slice
	if slice > 0 && end.After(at) {
		st.allSlices = float64(end.Sub(start) / slice)
	}
	return st
}

// checkCounts records what is wrong with the counts of one span.
func checkCounts(path string, c slo.Counts, slice time.Duration, p *sre.Problems) {
	p.Merge(path, c.Validate())
	if slice <= 0 {
		return
	}
	const rounding = 1 + 1e-9 // of the sum of up to slo.MaxSlices ratios
	if most := float64(c.Span) / float64(slice); c.Total() > most*rounding {
		p.Add(path, "too_many_slices", c.Total(), fmt.Sprintf("at most %v slices of %s", most, slice))
	}
}

// account returns good and bad with unmeasured time counted as the SLO says.
func account(s *slo.Compiled, c slo.Counts) (good, bad float64) {
	spec := s.Spec()
	missing := c.Span - c.Covered
	if missing == 0 || spec.Missing == slo.Ignore {
		return c.Good, c.Bad
	}
	var n float64
	switch {
	case spec.Budgeting.Slice > 0:
		n = float64(missing) / float64(spec.Budgeting.Slice)
	case c.Covered > 0:
		n = c.Total() * float64(missing) / float64(c.Covered)
	}
	if spec.Missing == slo.CountAsBad {
		return c.Good, c.Bad + n
	}
	return c.Good + n, c.Bad
}

// Failed returns the status of an SLO that could not be measured, and why.
func Failed(s *slo.Compiled, at time.Time, err error) Status {
	if err == nil {
		err = ErrNotMeasured
	}
	st := Status{slo: s, at: at, err: err}
	if s != nil {
		st.start, st.end = s.Period(at)
	}
	return st
}

// SLO returns the SLO, or nil for the zero Status.
func (st Status) SLO() *slo.Compiled { return st.slo }

// At returns the instant up to which was measured.
func (st Status) At() time.Time { return st.at }

// Err returns why nothing is known, or nil.
func (st Status) Err() error {
	if st.err == nil && st.slo == nil {
		return ErrNotMeasured
	}
	return st.err
}

// Period returns the half-open budget period; its end lies after At for a
// calendar window.
func (st Status) Period() (start, end time.Time) { return st.start, st.end }

// Measured returns the counts of the period up to At, as the source gave them.
func (st Status) Measured() slo.Counts { return st.measured }

// Windows returns the windows, the shortest first. In Good and Bad missing
// data is accounted for.
func (st Status) Windows() []slo.Counts { return slices.Clone(st.windows) }

// known reports whether there are numbers and events to divide by.
func (st *Status) known() bool { return st.slo != nil && st.err == nil && st.base() > 0 }

// base is what the error budget is a share of: the events or slices of the
// period so far, or all slices of a calendar period, which are known ahead.
func (st *Status) base() float64 {
	if st.allSlices > 0 {
		return st.allSlices
	}
	return st.good + st.bad
}

// baseRat is base, exactly.
func (st *Status) baseRat() *big.Rat {
	if st.allSlices > 0 {
		return exact.Rat(st.allSlices)
	}
	return exact.Rat(st.good).Add(exact.Rat(st.good), exact.Rat(st.bad))
}

// SLI returns good/(good+bad) over the period so far, missing data accounted
// for, and false if nothing was counted.
func (st Status) SLI() (float64, bool) {
	return slo.Counts{Good: st.good, Bad: st.bad}.Ratio()
}

// Budget returns how many events or slices may be bad: the share 1-S of those
// of the period so far. For slices in a calendar window it is the share of all
// slices of the period, which are known ahead; the events of a period are not,
// so there the budget grows as events come (see ConsumedOfForecast).
func (st Status) Budget() float64 { return st.share * st.base() }

// Consumed returns the share of the budget that is spent; above 1 it is
// overspent. It is false if nothing is known. Like Remaining and Left it is the
// float64 nearest to the exact value, so that Remaining has the exact sign.
func (st Status) Consumed() (float64, bool) { return nearest(st.ConsumedRat()) }

// nearest returns the float64 nearest to x, and false for nil.
func nearest(x *big.Rat) (float64, bool) {
	if x == nil {
		return 0, false
	}
	f, _ := x.Float64()
	return f, true
}

// ConsumedRat is [Status.Consumed] as an exact rational, or nil.
func (st Status) ConsumedRat() *big.Rat {
	if !st.known() {
		return nil
	}
	budget := st.baseRat()
	budget.Mul(budget, st.slo.Objective().Budget().Rat())
	return budget.Quo(exact.Rat(st.bad), budget)
}

// Remaining returns 1-Consumed: 1 is the whole budget, 0 none, and a negative
// share says by how much it is overspent. It is never clamped.
func (st Status) Remaining() (float64, bool) { return nearest(st.remainingRat()) }

func (st *Status) remainingRat() *big.Rat {
	consumed := st.ConsumedRat()
	if consumed == nil {
		return nil
	}
	return consumed.Sub(big.NewRat(1, 1), consumed)
}

// Left returns how many more events or slices may be bad; negative when
// overspent.
func (st Status) Left() (float64, bool) { return nearest(st.leftRat()) }

func (st *Status) leftRat() *big.Rat {
	remaining := st.remainingRat()
	if remaining == nil {
		return nil
	}
	remaining.Mul(remaining, st.slo.Objective().Budget().Rat())
	return remaining.Mul(remaining, st.baseRat())
}

// TimeLeft returns how long an outage in which everything is bad would take to
// make as many bad events as Left, at their mean rate: Remaining*(1-S) of a
// rolling window, of a calendar period so far, or, for slices, of the whole
// calendar period. Negative when overspent.
func (st Status) TimeLeft() (time.Duration, bool) {
	remaining, ok := st.Remaining()
	return time.Duration(remaining * st.share * float64(st.baseTime())), ok
}

// baseTime is the time that base was counted in.
func (st *Status) baseTime() time.Duration {
	if st.allSlices > 0 {
		return time.Duration(st.allSlices) * st.slice
	}
	return st.measured.Span
}

// ConsumedOfForecast returns the share of the whole calendar period's budget
// that is spent, if events keep coming at the mean rate so far: Consumed times
// the share of the period that has passed. It is a forecast. For slices and for
// rolling windows it equals Consumed.
func (st Status) ConsumedOfForecast() (float64, bool) {
	consumed, ok := st.Consumed()
	if !ok || !st.forecasts() {
		return consumed, ok
	}
	return consumed * float64(st.at.Sub(st.start)) / float64(st.end.Sub(st.start)), true
}

// forecastRat is 1-ConsumedOfForecast, exactly.
func (st *Status) forecastRat() *big.Rat {
	consumed := st.ConsumedRat()
	consumed.Mul(consumed, big.NewRat(int64(st.at.Sub(st.start)), int64(st.end.Sub(st.start))))
	return consumed.Sub(big.NewRat(1, 1), consumed)
}

// Coverage returns the share of the period so far that was measured, 0..1.
func (st Status) Coverage() float64 { return st.measured.Coverage() }

// Window returns the counts of the window of that length, missing data
// accounted for, and whether there is one.
func (st Status) Window(span time.Duration) (slo.Counts, bool) {
	i, ok := slices.BinarySearchFunc(st.windows, span, func(w slo.Counts, span time.Duration) int {
		return cmp.Compare(w.Span, span)
	})
	if !ok {
		return slo.Counts{}, false
	}
	return st.windows[i], true
}

// Burn returns the burn rate over the window of that length: its error ratio
// as a multiple of the one that just spends the budget. It is false if there
// is no such window or nothing was counted in it.
func (st Status) Burn(span time.Duration) (float64, bool) {
	w, ok := st.Window(span)
	if total := w.Total(); ok && total > 0 {
		return w.Bad / total / st.share, true
	}
	return 0, false
}

// ExhaustedIn returns when the budget will be spent if events keep coming at
// their mean rate and burn as in the window of that length; 0 if it is spent
// already. It is false if nothing is known, if such a burn never spends it, or if
// the calendar period, and with it the budget, ends before.
//
// For a rolling window that is Remaining*period/burn. Old errors that leave the
// window give budget back, which this does not count on, so it errs on the early
// side. For slices in a calendar window it is the same, of the whole period. The
// budget of events in a calendar window grows as they come, so there it is
// Remaining*elapsed/(burn-1).
func (st Status) ExhaustedIn(span time.Duration) (time.Duration, bool) {
	remaining, known := st.Remaining()
	if known && remaining <= 0 {
		return 0, true
	}
	burn, ok := st.Burn(span)
	calendar := st.end.After(st.at)
	if calendar && st.allSlices == 0 {
		burn-- // a burn of 1 only keeps up with the budget
	}
	if !known || !ok || burn <= 0 {
		return 0, false
	}
	left := remaining * float64(st.baseTime()) / burn
	if left >= math.MaxInt64 || calendar && left >= float64(st.end.Sub(st.at)) {
		return 0, false // in more than 292 years, or in another period
	}
	return time.Duration(left), true
}

// forecasts reports whether the budget of the period has to be forecast: that of
// events in a calendar window.
func (st *Status) forecasts() bool {
	return st.allSlices == 0 && st.end.After(st.at) && st.at.After(st.start)
}

// spentAbove reports whether more than share of the budget is consumed, or with
// forecast of the budget forecast for the whole period, exactly.
func (st *Status) spentAbove(share slo.Ratio, float float64, forecast bool) bool {
	if share.Sign() == 0 {
		return st.bad > 0 // on which exact.Above could not be sure
	}
	whole, passed := time.Duration(1), time.Duration(1)
	if forecast && st.forecasts() {
		whole, passed = st.end.Sub(st.start), st.at.Sub(st.start)
	}
	limit := float * st.share * float64(whole) / float64(passed)
	if above, sure := exact.Above(st.bad, st.base(), limit); sure {
		return above
	}
	exactly := share.Rat()
	exactly.Mul(exactly, st.slo.Objective().Budget().Rat())
	exactly.Mul(exactly, big.NewRat(int64(whole), int64(passed)))
	return exact.AboveRat(exact.Rat(st.bad), st.baseRat(), exactly)
}
