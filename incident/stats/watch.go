package stats

import (
	"cmp"
	"math"
	"slices"

	"github.com/sre-sdk/sre"
	"github.com/sre-sdk/sre/internal/stat"
)

// A Watched stream says whether spans have changed since a baseline, and may be
// looked at after every incident: the probability that it ever raises a false
// alarm is at most Alpha.
type Watched struct {
	Measure Measure

	Baseline int // spans that are the standard
	Seen     int // spans that were held against it
	Waiting  int // behind the first open incident; see [Compiled.Watch]
	LeftOut  int // missing or contradictory

	Alarm  bool
	At     string  // the ID of the incident that raised it
	P      float64 // valid at any time: of the most wealth so far
	Alpha  float64
	Longer bool // the direction in which the bets won

	// Change holds the factors that were never refused so far, all at once with
	// the probability Level. There is no single best factor among them.
	Change Change
}

// Watch holds a stream of incidents against a baseline. Within each, incidents
// count in the order in which the measure began, and only up to the first that
// is still open: taken as they end, short ones would come first and look like an
// improvement. Strata are not looked at: watch them one by one. Its error carries
// every [sre.Problem] at once.
//
// Call it again with the longer stream and the same baseline; nothing is kept
// between calls, and nothing that was said before changes but by corrected facts.
func (c *Compiled) Watch(baseline, stream []Fact, m Measure) (Watched, error) {
	var p sre.Problems
	m.check(&p, "measure")
	seen := map[string]bool{}
	checkFacts(&p, "baseline", baseline, MaxWatched, seen)
	checkFacts(&p, "stream", stream, MaxWatched, seen)
	if err := p.Err("incident/stats"); err != nil {
		return Watched{}, err
	}
	w := Watched{Measure: m, P: 1, Alpha: c.policy.Alpha}
	standard := c.settled(&w, baseline, m)
	spans := c.settled(&w, stream, m)
	w.Baseline, w.Seen = len(standard), len(spans)
	logs := make([]float64, len(standard))
	for i, s := range standard {
		logs[i] = s.log
	}

	bets, most := stat.NewRankBets(logs, c.policy.Seed), 0.0
	for _, s := range spans {
		if wealth := bets.Add(s.log); wealth > most {
			most = wealth
			w.Longer = bets.Longer()
		}
		if !w.Alarm && most >= -math.Log(c.policy.Alpha) {
			w.Alarm, w.At = true, s.id
		}
	}
	w.P = math.Exp(-most)
	w.Change = c.anytime(logs, spans)
	return w, nil
}

// MustBeWatched is how many spans a stream and its baseline need each before a
// change is bounded; with fewer, every factor fits.
const MustBeWatched = 5

type settledSpan struct {
	id  string
	log float64
}

// settled returns the spans up to the first open one, by when they began.
func (c *Compiled) settled(w *Watched, facts []Fact, m Measure) []settledSpan {
	sorted := slices.Clone(facts)
	slices.SortStableFunc(sorted, func(a, b Fact) int {
		if order := a.Times.At(m.From).Compare(b.Times.At(m.From)); order != 0 {
			return order
		}
		return cmp.Compare(a.ID, b.ID)
	})
	var list []settledSpan
	open := false
	for _, f := range sorted {
		span := m.Of(f)
		switch {
		case span.Validity == Missing || span.Validity == Contradictory:
			w.LeftOut++
		case open || span.Validity == Censored:
			open = true
			w.Waiting++
		default:
			list = append(list, settledSpan{f.ID, c.log(span.Duration)})
		}
	}
	return list
}

// The factors that are tried, as logarithms: up to 100 times, in steps of 5 %.
const (
	watchReach = 4.6
	watchStep  = 0.05
)

// anytime inverts the bets: a factor is refused once the stream, divided by it,
// would have raised the alarm.
func (c *Compiled) anytime(baseline []float64, spans []settledSpan) Change {
	change := Change{Level: 1 - c.policy.Alpha}
	if len(baseline) < MustBeWatched || len(spans) < MustBeWatched {
		return change
	}
	refused := func(step int) bool {
		bets := stat.NewRankBets(baseline, c.policy.Seed)
		for _, s := range spans {
			if bets.Add(s.log-float64(step)*watchStep) >= -math.Log(c.policy.Alpha) {
				return true
			}
		}
		return false
	}
	const last = int(watchReach / watchStep)
	low, high := -last, last
	for low <= last && refused(low) {
		low++
	}
	if low > last {
		return change // no factor fits: more than the level has changed
	}
	for high >= low && refused(high) {
		high--
	}
	// A bound is the neighbor that was refused.
	if low > -last {
		change.Low = factorOf(float64(low-1) * watchStep)
	}
	if high < last {
		change.High = factorOf(float64(high+1) * watchStep)
	}
	return change
}
