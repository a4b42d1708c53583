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
	MaxReachTime   = 10 * 366 * 24 * time.Hour
	MaxReachTurns  = 1000    // the least common multiple of the sizes of the round robins
	MaxStorm       = 10_000  // pages at once
	MaxReachPieces = 1 << 20 // stretches of time with one answer
	maxReachWork   = 1 << 26 // steps of escalations and looks at queues: some ten seconds
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

	// Storm is how many escalations begin at the same instant, each with the turn
	// of the round robins that follows; the answer is about the last of them.
	// Default: 1.
	Storm int
}

// A Throttle limits deliveries: at most N in any time of length Per. A delivery
// is sent as soon as every throttle of its own allows it; of several that one
// throttle could let pass, the one that was due first is.
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
	if q.Policy == nil || len(q.Policy.levels) == 0 {
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
// each stretch of time in which no shift that matters begins or ends, and with
// throttles one through the deliveries of the storm.
//
// The error carries every [sre.Problem] of the query. A query that takes too
// much work is refused by one.
func Reach(q ReachQuery) (ReachResult, error) {
	if err := q.Validate(); err != nil {
		return ReachResult{}, err
	}
	if len(q.Counts) == 0 {
		q.Counts = []oncall.ContactKind{oncall.Push, oncall.SMS, oncall.Voice}
	}
	q.Storm = max(q.Storm, 1)
	r := ReachResult{WorstAt: -1}
	x := reach{q: &q, turns: q.turns()}
	tooFine := func(want string) error {
		return fmt.Errorf("escalation: reach: %w", sre.NewProblem("to", "too_fine", q.To, want))
	}
	for at := q.From.UTC(); at.Before(q.To); {
		worst := Reached{From: at, After: -1}
		x.hold = q.To.Sub(at)
		for turn := range x.turns {
			if got := x.run(at, turn); got.After > worst.After {
				worst = got
			}
		}
		if x.spent() {
			return ReachResult{}, tooFine("a shorter time or a smaller storm: this one takes too much work")
		}
		worst.From, worst.To = at, at.Add(x.hold)
		at = worst.To
		if n := len(r.Stretches); n > 0 && r.Stretches[n-1].same(worst) {
			r.Stretches[n-1].To = worst.To
			continue
		}
		if r.WorstAt < 0 || worst.After > r.Worst {
			r.Worst, r.WorstAt = worst.After, len(r.Stretches)
		}
		if len(r.Stretches) == MaxReachPieces {
			return ReachResult{}, tooFine(fmt.Sprintf("a time with at most %d stretches", MaxReachPieces))
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

// take notes a delivery if it reaches somebody earlier than what was known.
func (r *Reached) take(after time.Duration, level, person, contact string) {
	if after < r.After {
		r.After, r.Level, r.Person, r.Contact = after, level, person, contact
	}
}

// reach is a query as it is answered.
type reach struct {
	q     *ReachQuery
	turns uint64
	hold  time.Duration // a trigger later by less takes the same course
	work  int           // steps, and looks at queues
}

func (r *reach) spent() bool { return r.work > maxReachWork }

// run returns how a trigger reaches a person.
func (r *reach) run(at time.Time, turn uint64) Reached {
	best := r.alone(at, turn)
	if best.Never() || !slices.ContainsFunc(r.q.Throttles, func(t Throttle) bool { return slices.Contains(r.q.Counts, t.Kind) }) {
		return best
	}
	return r.queued(at, turn)
}

// course is one escalation that nobody acknowledges, as far as it was stepped.
// It is the Directory of its steps, in order to learn for how long the answers
// hold.
type course struct {
	r     *reach
	state State
	in    Input
	next  time.Time // when the next step is due
	out   []Effect  // of the latest step
}

func (r *reach) course(at time.Time, turn uint64) course {
	return course{r: r, in: Trigger{ID: "reach", Severity: r.q.Severity, Turn: turn}, next: at}
}

func (c *course) step() []Effect {
	c.r.work++
	now := c.next
	c.hours(now)
	c.state, c.out, _ = c.r.q.Policy.Step(c.state, c.in, c, now, c.out[:0])
	c.in, c.next = Tick{}, c.state.nextDue()
	return c.out
}

// hours notes for how long the conditions on the clock stay as they are.
func (c *course) hours(now time.Time) {
	for i := range c.r.q.Policy.levels {
		if calendar := c.r.q.Policy.levels[i].hours; calendar != nil {
			if next, _, ok := calendar.Next(now); ok {
				c.holds(now, next)
			}
		}
	}
}

// holds notes that an answer at one instant holds until another.
func (c *course) holds(at, until time.Time) {
	if !until.IsZero() && until.After(at) {
		c.r.hold = min(c.r.hold, until.Sub(at))
	}
}

func (c *course) OnCall(id string, role oncall.Role, t time.Time) ([]string, bool) {
	s := c.r.q.Roster.schedules[id]
	if s == nil {
		return nil, false
	}
	on := s.At(t)
	_, until := on.Bounds()
	c.holds(t, until)
	return on.People(role), true
}

func (c *course) Team(id string) ([]string, bool) { return c.r.q.Roster.Team(id) }

func (c *course) Plan(person string, severity sre.Severity) ([]oncall.ContactStep, bool) {
	return c.r.q.Roster.Plan(person, severity)
}

func (c *course) Load(person string) (int, bool) { return c.r.q.Roster.Load(person) }

// counted returns the contact of a delivery, if that is one by which a person
// is reached. Whoever is not known is not reached.
func (r *reach) counted(e *Effect) (contact oncall.Contact, ok bool) {
	if e.Kind != Deliver {
		return contact, false
	}
	contact, ok = r.q.Roster.people[e.Person].Contact(e.Contact)
	return contact, ok && slices.Contains(r.q.Counts, contact.Kind)
}

// alone returns how a trigger reaches a person if nothing is throttled.
func (r *reach) alone(at time.Time, turn uint64) Reached {
	best := Reached{After: never, Turn: turn}
	c := r.course(at, turn)
	var last time.Time // when to stop, once the last resort has been paged
	for c.next.Sub(at) < best.After && !r.spent() {
		effects := c.step()
		for i := range effects {
			e := &effects[i]
			if contact, ok := r.counted(e); ok {
				best.take(e.At.Sub(at)+r.q.Latency[contact.Kind], e.Level, e.Person, e.Contact)
			}
		}
		// The last resort is paged again and again in the same way: whom no contact
		// plan has reached from its start to its end, nothing will.
		if last.IsZero() && c.state.Level == LastResortLevel {
			last = c.next.Add(oncall.MaxContactAfter + r.q.Policy.policy.LastResort.Every)
		}
		if !last.IsZero() && c.next.After(last) {
			break
		}
	}
	return best
}

// queued returns how a trigger reaches a person that is the last of a storm and
// in the end would, second for second as the throttles let it: it plays all that
// is due and all that is sent.
func (r *reach) queued(at time.Time, turn uint64) Reached {
	best := Reached{After: never, Turn: turn}
	// Those of the storm that have the same turn take the same course; courses[i]
	// is that of the last but i.
	courses := make([]course, min(uint64(r.q.Storm), r.turns))
	for i := range courses {
		courses[i] = r.course(at, (turn+r.turns-uint64(i))%r.turns)
	}
	queues := queues{r: r, of: map[queueKey]*queue{}, throttles: map[throttleKey]*throttle{}}
	for !r.spent() {
		due := courses[0].next
		for i := range courses {
			earliest(&due, courses[i].next)
		}
		first, now := queues.first()
		step := first == nil || now >= due.Sub(at)
		if step {
			now = due.Sub(at)
		}
		if now >= best.After {
			break // nothing later is earlier
		}
		if !step {
			if d := queues.send(first, now); d.last {
				best.take(now+r.q.Latency[first.kind], d.level, first.person, first.contact)
			}
			continue
		}
		for i := range courses {
			if c := &courses[i]; c.next.Equal(due) {
				c.step()
			} else {
				c.out = c.out[:0]
			}
		}
		for n := r.q.Storm - 1; n >= 0 && !r.spent(); n-- {
			r.work++
			effects := courses[n%len(courses)].out
			for i := range effects {
				queues.add(&effects[i], now, n == 0)
			}
		}
	}
	return best
}

// queues hold what is due and not yet sent. Each contact has one; they are sent
// in the order in which they are due, but none waits for a throttle that is not
// its own.
type queues struct {
	r         *reach
	list      []*queue // in the order of their first deliveries
	of        map[queueKey]*queue
	throttles map[throttleKey]*throttle
	seq       int
	now       time.Duration
}

type queueKey struct{ person, contact string }

type throttleKey struct {
	queueKey // zero: of all contacts
	index    int
}

type queue struct {
	queueKey
	kind      oncall.ContactKind
	throttles []*throttle
	waiting   []delivery
}

type delivery struct {
	due   time.Duration
	seq   int
	level string
	last  bool // of the last of the storm
}

// throttle remembers when deliveries were sent, as far as it must.
type throttle struct {
	n    int
	per  time.Duration
	sent []time.Duration
}

func (q *queues) add(e *Effect, due time.Duration, last bool) {
	contact, ok := q.r.counted(e)
	if !ok {
		return // other kinds share no throttle with those that count
	}
	key := queueKey{e.Person, e.Contact}
	to := q.of[key]
	if to == nil {
		to = &queue{queueKey: key, kind: contact.Kind}
		for i, t := range q.r.q.Throttles {
			if t.Kind == contact.Kind {
				to.throttles = append(to.throttles, q.throttle(i, key))
			}
		}
		q.of[key] = to
		q.list = append(q.list, to)
	}
	if last || len(to.throttles) > 0 {
		q.seq++
		to.waiting = append(to.waiting, delivery{due, q.seq, e.Level, last})
	}
}

func (q *queues) throttle(index int, of queueKey) *throttle {
	t := q.r.q.Throttles[index]
	if !t.PerContact {
		of = queueKey{}
	}
	key := throttleKey{of, index}
	if q.throttles[key] == nil {
		q.throttles[key] = &throttle{n: t.N, per: t.Per}
	}
	return q.throttles[key]
}

// first returns the queue from which the next delivery is sent, and when; nil
// if nothing waits.
func (q *queues) first() (first *queue, at time.Duration) {
	for _, one := range q.list {
		q.r.work++
		if len(one.waiting) == 0 {
			continue
		}
		free := max(q.now, one.waiting[0].due)
		for _, t := range one.throttles {
			if n := len(t.sent); n >= t.n {
				free = max(free, t.sent[n-t.n]+t.per)
			}
		}
		if first == nil || free < at || free == at && one.waiting[0].seq < first.waiting[0].seq {
			first, at = one, free
		}
	}
	return first, at
}

func (q *queues) send(from *queue, at time.Duration) delivery {
	q.now = at
	for _, t := range from.throttles {
		t.sent = append(t.sent[max(0, len(t.sent)-t.n+1):], at)
	}
	d := from.waiting[0]
	from.waiting = from.waiting[1:]
	return d
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
