package escalation

import (
	"fmt"
	"math"
	"slices"
	"strings"
	"time"

	"github.com/sre-sdk/sre"
	"github.com/sre-sdk/sre/oncall"
)

// Limits on a ReachQuery, part of the contract.
const (
	MaxReachTime    = 10 * 366 * 24 * time.Hour
	MaxReachTurns   = 1000    // the least common multiple of the sizes of the round robins
	MaxStorm        = 10_000  // pages at once
	MaxReachPieces  = 1 << 20 // stretches of time with one answer
	maxReachSteps   = 100_000 // of one escalation
	maxReachSamples = 1 << 22
)

// A ReachQuery asks how long it takes at worst from a trigger to the first
// delivery to a person, if nobody acknowledges: over every trigger in [From,
// To) and every turn of the round robins.
type ReachQuery struct {
	Policy   *Compiled       // required
	Roster   *CompiledRoster // required; whoever it does not know is not reached
	Severity sre.Severity
	From, To time.Time // at most MaxReachTime

	// Counts are the kinds of contact by which a person is reached. Default:
	// push, SMS and voice; a mail at night reaches nobody.
	Counts []oncall.ContactKind

	// Latency is how long a delivery takes at worst, by the kind of its contact.
	// Default: nothing.
	Latency map[oncall.ContactKind]time.Duration

	// Throttles are what the ways of paging allow. Default: everything.
	Throttles []Throttle

	// Storm is how many escalations begin at the same instant; the answer is
	// about the last of them. Default: 1.
	Storm int
}

// A Throttle limits deliveries: at most N in any time of length Per.
type Throttle struct {
	Kind       oncall.ContactKind // of the contacts; required
	PerContact bool               // each contact has its own limit; default: they share one
	N          int
	Per        time.Duration
}

// A ReachResult is the answer to a [ReachQuery].
type ReachResult struct {
	// Worst is the longest time that any trigger takes to reach a person. It is
	// exact, and Stretches[WorstAt] begins with an instant at which it occurs.
	Worst   time.Duration
	WorstAt int

	// Never reports that some trigger reaches nobody, ever. Worst is then the
	// longest Duration.
	Never bool

	// Stretches tile [From, To): within each, every trigger takes the same time
	// in the same way.
	Stretches []Reached
}

// Reached is how the triggers of a stretch of time reach somebody.
type Reached struct {
	From, To time.Time
	After    time.Duration // from the trigger; the longest Duration: never
	Turn     uint64        // of the round robins, the one that takes longest
	Level    string
	Person   string
	Contact  string
}

const never = time.Duration(math.MaxInt64)

// Never reports that nobody is reached.
func (r Reached) Never() bool { return r.After == never }

// String says it in one line.
func (r Reached) String() string {
	from, to := r.From.UTC().Format("2006-01-02 15:04:05Z"), r.To.UTC().Format("2006-01-02 15:04:05Z")
	if r.Never() {
		return fmt.Sprintf("a trigger from %s to %s reaches nobody, ever", from, to)
	}
	return fmt.Sprintf("a trigger from %s to %s reaches %s by %s after %s, at level %s", from, to, r.Person, r.Contact, r.After, r.Level)
}

// Over returns the stretches in which it takes longer than a time.
func (r ReachResult) Over(within time.Duration) []Reached {
	var list []Reached
	for _, s := range r.Stretches {
		if s.After > within {
			list = append(list, s)
		}
	}
	return list
}

// Validate reports every problem of the query.
func (q ReachQuery) Validate() error {
	var problems sre.Problems
	if q.Policy == nil {
		problems.Add("policy", "missing", nil, "a compiled policy")
	} else if n := q.turns(); n > MaxReachTurns {
		problems.Add("policy", "too_many_turns", n, fmt.Sprintf("round robins whose sizes have a least common multiple of at most %d", MaxReachTurns))
	}
	if q.Roster == nil {
		problems.Add("roster", "missing", nil, "a compiled roster")
	}
	if !q.From.Before(q.To) || q.To.Sub(q.From) > MaxReachTime {
		problems.Add("to", "out_of_range", q.To, "later than from, by "+MaxReachTime.String()+" at most")
	}
	for kind, d := range q.Latency {
		if d < 0 || d > MaxDelay {
			problems.Add("latency."+string(kind), "out_of_range", d, "0s to "+MaxDelay.String())
		}
	}
	for i, t := range q.Throttles {
		if t.N < 1 || t.Per <= 0 || t.Per > MaxDelay || t.Kind == "" {
			problems.Add(fmt.Sprintf("throttles[%d]", i), "out_of_range", fmt.Sprintf("%s: %d per %s", t.Kind, t.N, t.Per), "a kind, at least 1, per at most "+MaxDelay.String())
		}
	}
	if q.Storm < 0 || q.Storm > MaxStorm {
		problems.Add("storm", "out_of_range", q.Storm, fmt.Sprintf("1 to %d, or 0 for 1", MaxStorm))
	}
	return problems.Err("escalation: reach")
}

// turns returns after how many turns the round robins repeat.
func (q ReachQuery) turns() uint64 {
	n := uint64(1)
	for _, l := range q.Policy.levels {
		for _, t := range l.Targets {
			if t.Kind == TargetRoundRobin && n <= MaxReachTurns {
				n = n / gcd(n, uint64(len(t.People))) * uint64(len(t.People))
			}
		}
	}
	return n
}

func gcd(a, b uint64) uint64 {
	for b > 0 {
		a, b = b, a%b
	}
	return a
}

// Reach answers a [ReachQuery], exactly: it steps the policy as paging will,
// and notes for how long each answer of the roster holds, so a trigger anywhere
// in that time takes the same course. It costs one run through the levels for
// each stretch of time in which no shift that matters begins or ends.
//
// The error carries every [sre.Problem] of the query.
func Reach(q ReachQuery) (ReachResult, error) {
	if err := q.Validate(); err != nil {
		return ReachResult{}, err
	}
	if len(q.Counts) == 0 {
		q.Counts = []oncall.ContactKind{oncall.Push, oncall.SMS, oncall.Voice}
	}
	q.Storm = max(q.Storm, 1)
	r := ReachResult{WorstAt: -1}
	turns := q.turns()
	samples := 0
	for at := q.From.UTC(); at.Before(q.To); {
		worst := Reached{From: at, After: -1}
		hold := q.To.Sub(at)
		for turn := range turns {
			if samples++; samples > maxReachSamples {
				return ReachResult{}, fmt.Errorf("escalation: reach: %w", sre.NewProblem("to", "too_fine", q.To, "a shorter time: the schedules change too often"))
			}
			s := sample{q: &q, hold: hold}
			got := s.run(at, turn)
			hold = s.hold
			if got.After > worst.After {
				worst = got
			}
		}
		worst.From, worst.To = at, at.Add(hold)
		at = worst.To
		if n := len(r.Stretches); n > 0 && r.Stretches[n-1].same(worst) {
			r.Stretches[n-1].To = worst.To
			continue
		}
		if r.WorstAt < 0 || worst.After > r.Worst {
			r.Worst, r.WorstAt = worst.After, len(r.Stretches)
		}
		if len(r.Stretches) == MaxReachPieces {
			return ReachResult{}, fmt.Errorf("escalation: reach: %w", sre.NewProblem("to", "too_fine", q.To, fmt.Sprintf("a time with at most %d stretches", MaxReachPieces)))
		}
		r.Stretches = append(r.Stretches, worst)
	}
	r.Never = r.Worst == never
	return r, nil
}

func (r Reached) same(other Reached) bool {
	r.From, r.To = other.From, other.To
	return r == other
}

// sample is one escalation that nobody acknowledges. It is the Directory of
// itself, in order to learn for how long the answers hold.
type sample struct {
	q    *ReachQuery
	hold time.Duration // a trigger later by less takes the same course
}

// holds notes that an answer at one instant holds until another.
func (s *sample) holds(at, until time.Time) {
	if !until.IsZero() && until.After(at) {
		s.hold = min(s.hold, until.Sub(at))
	}
}

func (s *sample) OnCall(id string, role oncall.Role, t time.Time) ([]string, bool) {
	c := s.q.Roster.schedules[id]
	if c == nil {
		return nil, false
	}
	on := c.At(t)
	_, until := on.Bounds()
	s.holds(t, until)
	return on.People(role), true
}

func (s *sample) Team(id string) ([]string, bool) { return s.q.Roster.Team(id) }

func (s *sample) Plan(person string, severity sre.Severity) ([]oncall.ContactStep, bool) {
	return s.q.Roster.Plan(person, severity)
}

func (s *sample) Load(person string) (int, bool) { return s.q.Roster.Load(person) }

// run returns how a trigger reaches a person.
func (s *sample) run(at time.Time, turn uint64) Reached {
	best := Reached{After: never, Turn: turn}
	queues := queues{throttles: s.q.Throttles}
	var (
		state State
		out   []Effect
		in    Input     = Trigger{ID: "reach", Severity: s.q.Severity, Turn: turn}
		last  time.Time // when to stop, once the last resort has been paged
	)
	for now, n := at, 0; n < maxReachSteps; n++ {
		s.hours(now)
		state, out, _ = s.q.Policy.Step(state, in, s, now, out[:0])
		s.deliver(&best, &queues, at, out)
		in, now = Tick{}, state.nextDue()
		if best.After != never && now.Sub(at) >= best.After {
			break // nothing later is earlier
		}
		// The last resort is paged again and again in the same way: whom no contact
		// plan has reached from its start to its end, nothing will.
		if state.Level == LastResortLevel && last.IsZero() {
			last = now.Add(oncall.MaxContactAfter + s.q.Policy.policy.LastResort.Every)
		}
		if !last.IsZero() && now.After(last) {
			break
		}
	}
	return best
}

// hours notes for how long the conditions on the clock stay as they are.
func (s *sample) hours(now time.Time) {
	for i := range s.q.Policy.levels {
		if calendar := s.q.Policy.levels[i].hours; calendar != nil {
			if next, _, ok := calendar.Next(now); ok {
				s.holds(now, next)
			}
		}
	}
}

// deliver looks whether deliveries that are due together reach somebody earlier
// than what was found so far. Each escalation of the storm makes them in turn,
// and what counts is when those of the last one are sent.
func (s *sample) deliver(best *Reached, queues *queues, at time.Time, effects []Effect) {
	storm := s.q.Storm
	if len(s.q.Throttles) == 0 {
		storm = 1 // all are sent at once
	}
	for n := range storm {
		for _, e := range effects {
			p, _ := s.q.Roster.Person(e.Person)
			contact, ok := p.Contact(e.Contact)
			if e.Kind != Deliver || !ok {
				continue // whoever is not known is not reached
			}
			sent := queues.send(contact.Kind, e.Person+"\x00"+e.Contact, e.At)
			if n+1 < storm || !slices.Contains(s.q.Counts, contact.Kind) {
				continue
			}
			if after := sent.Add(s.q.Latency[contact.Kind]).Sub(at); after < best.After {
				best.After, best.Level, best.Person, best.Contact = after, e.Level, e.Person, e.Contact
			}
		}
	}
}

// queues remember when deliveries were sent, as far as throttles need it.
type queues struct {
	throttles []Throttle
	sent      map[queueKey][]time.Time
}

type queueKey struct {
	throttle int
	contact  string
}

// send returns when a delivery that is due at an instant is sent: as early as
// every throttle allows, in the order in which they are due.
func (q *queues) send(kind oncall.ContactKind, contact string, due time.Time) time.Time {
	if q.sent == nil {
		q.sent = map[queueKey][]time.Time{}
	}
	at := due
	for pass := 0; pass < 2; pass++ { // look, then keep
		for i, t := range q.throttles {
			if t.Kind != kind {
				continue
			}
			key := queueKey{throttle: i}
			if t.PerContact {
				key.contact = contact
			}
			list := q.sent[key]
			if pass == 1 {
				q.sent[key] = append(list[max(0, len(list)-t.N+1):], at)
				continue
			}
			if len(list) >= t.N {
				if free := list[len(list)-t.N].Add(t.Per); free.After(at) {
					at = free
				}
			}
			if len(list) > 0 && list[len(list)-1].After(at) {
				at = list[len(list)-1] // first in, first out
			}
		}
	}
	return at
}

// String says what the worst case is.
func (r ReachResult) String() string {
	if r.WorstAt < 0 {
		return "no trigger"
	}
	var b strings.Builder
	b.WriteString("at worst ")
	b.WriteString(r.Stretches[r.WorstAt].String())
	return b.String()
}
