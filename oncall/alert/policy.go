package alert

import (
	"fmt"
	"slices"
	"strings"
	"time"

	"github.com/sre-sdk/sre"
)

// A Policy says which alerts make a page, and when. It is a plain value;
// [Policy.Compile] checks it once, and only the [Compiled] form decides.
type Policy struct {
	Name string // an ID; default: "alerts"

	// GroupBy are the labels that alerts of one group share: a group has at most
	// one open page. Default (nil): service and alertname. An empty list that is
	// not nil puts everything in one group.
	GroupBy []string

	// GroupWait is how long the first alert of a page waits for others.
	// Default: 30s. [AtOnce]: not at all.
	GroupWait time.Duration

	// GroupInterval is how long an open page waits between updates. Something
	// worse than the page has said is told after GroupWait. Default: 5m.
	// [AtOnce]: not at all.
	GroupInterval time.Duration

	Inhibitions []Inhibition // see [Inhibition]
	Throttles   []Throttle   // see [Throttle]
	Flap        *Flap        // see [Flap]; default (nil): every resolve counts
	Heartbeats  []Heartbeat  // see [Heartbeat]

	// MaxFactsAge is how old facts may be to suppress something. Default: 2m.
	MaxFactsAge time.Duration

	// MaxAlerts is how many alerts a group keeps apart, at most
	// [MaxGroupAlerts], which is the default. What exceeds pages as one alert.
	MaxAlerts int

	// KeepResolved is how long a resolved alert is remembered, to tell late
	// statements about it. Default: 15m, or as long as Flap looks back.
	KeepResolved time.Duration
}

// AtOnce is a duration of a [Policy] that says not to wait.
const AtOnce time.Duration = -1

// An Inhibition keeps alerts from paging while another one fires, as in
// Alertmanager: a target is inhibited while there is a source whose labels Equal
// are the same, missing ones being equal too. An alert that both Source and
// Target match is not inhibited by another such one, so none inhibits itself.
// An alert inhibits although it is itself silenced or inhibited.
type Inhibition struct {
	Name   string // required; an ID, unique in the policy
	Source Matchers
	Target Matchers
	Equal  []string
}

// A Throttle holds back pages, not alerts: what joins an open page is not
// concerned. A page that is held back is triggered as soon as the throttle
// allows, if its alerts still fire.
type Throttle struct {
	Name string // required; an ID, unique in the policy

	// ByService counts the triggers of all groups of a service, as far as
	// [Facts] know them. Default: those of the group, exactly.
	ByService bool

	Max int           // triggers within Per; 1 to [MaxThrottle]
	Per time.Duration // at most a day

	// Exempt is the severity from which on nothing is held back, worse ones
	// included. Default: 1, and so is an alert of unknown severity.
	Exempt sre.Severity
}

// A Flap keeps a page open while its alert comes and goes: after so many
// Transitions Within a time, a resolved alert counts as firing until it has been
// quiet for so long. It never opens a page.
type Flap struct {
	Transitions int           // between firing and resolved; 2 to [MaxTransitions]
	Within      time.Duration // at most a day
	Quiet       time.Duration // at most a day
}

// A Heartbeat is a dead man's switch: a page is triggered when nothing was heard
// for Interval and Grace. One that was never heard is unknown, not healthy, and
// triggers as late as that after [Compiled.Expect].
type Heartbeat struct {
	Name string // required; an ID of at most 60 bytes, unique in the policy

	// Match tells which firing alerts are beats, such as alertname="Watchdog".
	// They page nobody. Default (none): only [Input.Beat] is.
	Match Matchers

	Interval time.Duration // required
	Grace    time.Duration // default: half of Interval

	Severity sre.Severity // of the page; default 0: unknown, which counts as the worst
	Service  string       // an ID
	Summary  string       // default: "heartbeat NAME is missing"
}

// Defaults of a [Policy].
const (
	DefaultGroupWait     = 30 * time.Second
	DefaultGroupInterval = 5 * time.Minute
	DefaultMaxFactsAge   = 2 * time.Minute
	DefaultKeepResolved  = 15 * time.Minute
)

var defaultGroupBy = []string{"service", "alertname"}

// Limits on a policy and on a group, part of the contract. A group of that size
// fits, as JSON with its effects, into one batch of the store.
const (
	MaxGroupAlerts = 1000
	MaxGroupBytes  = 320 << 10 // of what is kept of the alerts, as JSON
	MaxOverflow    = 2000      // alerts beyond them that are told apart
	MaxInhibitions = 100
	MaxThrottles   = 10
	MaxThrottle    = 100
	MaxTransitions = 20
	MaxHeartbeats  = 1000

	maxHeartbeatName = 60
	day              = 24 * time.Hour
)

// Compile checks the policy, fills in the defaults and returns the form that
// decides. The error carries every [sre.Problem] at once.
func (policy Policy) Compile() (*Compiled, error) {
	policy = policy.withDefaults()
	var p sre.Problems
	p.CheckID("name", policy.Name)
	policy.checkKnobs(&p)
	names := map[string]bool{}
	name := func(path, name string) {
		p.CheckID(path+".name", name)
		if names[name] {
			p.Add(path+".name", "duplicate", name, "a name that no other rule of the policy has")
		}
		names[name] = true
	}
	count := func(path string, n, most int) {
		if n > most {
			p.Add(path, "too_many", n, fmt.Sprintf("at most %d", most))
		}
	}
	count("inhibitions", len(policy.Inhibitions), MaxInhibitions)
	count("throttles", len(policy.Throttles), MaxThrottles)
	count("heartbeats", len(policy.Heartbeats), MaxHeartbeats)
	for i := range policy.Inhibitions {
		path := fmt.Sprintf("inhibitions[%d]", i)
		name(path, policy.Inhibitions[i].Name)
		policy.Inhibitions[i].check(path, &p)
	}
	for i := range policy.Throttles {
		path := fmt.Sprintf("throttles[%d]", i)
		name(path, policy.Throttles[i].Name)
		policy.Throttles[i].check(path, &p)
	}
	for i := range policy.Heartbeats {
		path := fmt.Sprintf("heartbeats[%d]", i)
		name(path, policy.Heartbeats[i].Name)
		policy.Heartbeats[i].check(path, &p)
	}
	if f := policy.Flap; f != nil {
		if f.Transitions < 2 || f.Transitions > MaxTransitions {
			p.Add("flap.transitions", "out_of_range", f.Transitions, fmt.Sprintf("2 to %d", MaxTransitions))
		}
		checkDuration(&p, "flap.within", f.Within, day)
		checkDuration(&p, "flap.quiet", f.Quiet, day)
	}
	if err := p.Err("alert"); err != nil {
		return nil, err
	}
	return newCompiled(policy), nil
}

// MustCompile is Compile for policies that are part of the program; it panics
// on an invalid one.
func (policy Policy) MustCompile() *Compiled {
	c, err := policy.Compile()
	if err != nil {
		panic(err)
	}
	return c
}

// withDefaults returns a copy that shares nothing that can change with policy.
func (policy Policy) withDefaults() Policy {
	if policy.Name == "" {
		policy.Name = "alerts"
	}
	if policy.GroupBy == nil {
		policy.GroupBy = defaultGroupBy
	}
	policy.GroupBy = slices.Clone(policy.GroupBy)
	setDefault(&policy.GroupWait, DefaultGroupWait)
	setDefault(&policy.GroupInterval, DefaultGroupInterval)
	setDefault(&policy.MaxFactsAge, DefaultMaxFactsAge)
	keep := DefaultKeepResolved
	if policy.Flap != nil {
		flap := *policy.Flap
		policy.Flap = &flap
		keep = max(keep, flap.Within, flap.Quiet)
	}
	setDefault(&policy.KeepResolved, keep)
	setDefault(&policy.MaxAlerts, MaxGroupAlerts)
	policy.Inhibitions = slices.Clone(policy.Inhibitions)
	for i := range policy.Inhibitions {
		in := &policy.Inhibitions[i]
		in.Source, in.Target, in.Equal = slices.Clone(in.Source), slices.Clone(in.Target), slices.Clone(in.Equal)
	}
	policy.Throttles = slices.Clone(policy.Throttles)
	for i := range policy.Throttles {
		setDefault(&policy.Throttles[i].Exempt, 1)
	}
	policy.Heartbeats = slices.Clone(policy.Heartbeats)
	for i := range policy.Heartbeats {
		h := &policy.Heartbeats[i]
		h.Match = slices.Clone(h.Match)
		setDefault(&h.Grace, h.Interval/2)
		setDefault(&h.Summary, "heartbeat "+h.Name+" is missing")
	}
	return policy
}

func setDefault[T comparable](field *T, value T) {
	var zero T
	if *field == zero {
		*field = value
	}
}

func (policy *Policy) checkKnobs(p *sre.Problems) {
	for i, label := range policy.GroupBy {
		if label == "" || len(label) > MaxMatcherText || strings.ContainsRune(label, 0) {
			p.Add(fmt.Sprintf("group_by[%d]", i), "invalid_label_name", label, "the name of a label")
		}
	}
	if len(policy.GroupBy) > MaxLabels {
		p.Add("group_by", "too_many", len(policy.GroupBy), fmt.Sprintf("at most %d", MaxLabels))
	}
	for _, d := range []struct {
		path  string
		value time.Duration
	}{{"group_wait", policy.GroupWait}, {"group_interval", policy.GroupInterval}} {
		if d.value != AtOnce {
			checkDuration(p, d.path, d.value, day)
		}
	}
	checkDuration(p, "max_facts_age", policy.MaxFactsAge, day)
	checkDuration(p, "keep_resolved", policy.KeepResolved, 30*day)
	if f := policy.Flap; f != nil && policy.KeepResolved > 0 && policy.KeepResolved < max(f.Within, f.Quiet) {
		p.Add("keep_resolved", "out_of_range", policy.KeepResolved, "at least as long as flap looks back, "+max(f.Within, f.Quiet).String())
	}
	if policy.MaxAlerts < 1 || policy.MaxAlerts > MaxGroupAlerts {
		p.Add("max_alerts", "out_of_range", policy.MaxAlerts, fmt.Sprintf("1 to %d", MaxGroupAlerts))
	}
}

func checkDuration(p *sre.Problems, path string, d, most time.Duration) {
	if d <= 0 || d > most {
		p.Add(path, "out_of_range", d, "a positive duration of at most "+most.String())
	}
}

func (in *Inhibition) check(path string, p *sre.Problems) {
	checkMatchers(p, path+".source", in.Source)
	checkMatchers(p, path+".target", in.Target)
	for i, label := range in.Equal {
		if label == "" || strings.ContainsRune(label, 0) {
			p.Add(fmt.Sprintf("%s.equal[%d]", path, i), "invalid_label_name", label, "the name of a label")
		}
	}
}

func checkMatchers(p *sre.Problems, path string, ms Matchers) {
	if len(ms) == 0 {
		p.Add(path, "missing", nil, "at least one matcher")
	}
	if len(ms) > MaxMatchers {
		p.Add(path, "too_many", len(ms), fmt.Sprintf("at most %d", MaxMatchers))
	}
	checkMade(p, path, ms)
}

func checkMade(p *sre.Problems, path string, ms Matchers) {
	for i, m := range ms {
		if m.m.IsZero() {
			p.Add(fmt.Sprintf("%s[%d]", path, i), "missing", nil, "a parsed matcher")
		}
	}
}

func (t *Throttle) check(path string, p *sre.Problems) {
	if t.Max < 1 || t.Max > MaxThrottle {
		p.Add(path+".max", "out_of_range", t.Max, fmt.Sprintf("1 to %d", MaxThrottle))
	}
	checkDuration(p, path+".per", t.Per, day)
}

func (h *Heartbeat) check(path string, p *sre.Problems) {
	if len(h.Name) > maxHeartbeatName {
		p.Add(path+".name", "too_long", h.Name, fmt.Sprintf("at most %d bytes", maxHeartbeatName))
	}
	checkMade(p, path+".match", h.Match)
	if len(h.Match) > MaxMatchers {
		p.Add(path+".match", "too_many", len(h.Match), fmt.Sprintf("at most %d", MaxMatchers))
	}
	checkDuration(p, path+".interval", h.Interval, 30*day)
	if h.Interval > 0 {
		checkDuration(p, path+".grace", h.Grace, 30*day)
	}
	if h.Service != "" {
		p.CheckID(path+".service", h.Service)
	}
	if len(h.Summary) > MaxSummary {
		p.Add(path+".summary", "too_long", nil, fmt.Sprintf("at most %d bytes", MaxSummary))
	}
}
