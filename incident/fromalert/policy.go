package fromalert

import (
	"crypto/sha256"
	"encoding/hex"
	"fmt"
	"slices"
	"strings"
	"time"

	"github.com/sre-sdk/sre"
	"github.com/sre-sdk/sre/internal/enum"
)

// A Window says for how long an incident takes alerts. The span of a window
// begins when the incident is declared or reopened.
type Window uint8

const (
	// Rolling takes a new alert within Policy.For of the latest new one.
	Rolling Window = iota
	// Fixed takes a new alert within Policy.For of the beginning, whatever comes
	// meanwhile.
	Fixed
	// Session takes a new alert while an alert of the incident fires, and within
	// Policy.For after the latest one has begun or ended.
	Session
	windowEnd
)

var windowNames = [windowEnd]string{"rolling", "fixed", "session"}

// String returns the lower-case name.
func (w Window) String() string { return enum.Name(windowNames[:], "window", uint8(w)) }

// MarshalText returns the lower-case name; it refuses values that have none.
func (w Window) MarshalText() ([]byte, error) {
	return enum.Marshal(windowNames[:], "window", uint8(w))
}

// UnmarshalText reads the lower-case name.
func (w *Window) UnmarshalText(text []byte) error {
	return enum.Unmarshal(windowNames[:], "window", text, (*uint8)(w))
}

// A Creation says which statements make incidents.
type Creation uint8

const (
	// FromFiring: alerts that fire. One that is resolved before it was heard of
	// is ignored.
	FromFiring Creation = iota
	// FromAny: also alerts that were resolved before they were heard of, such as
	// short ones that the source told only once.
	FromAny
	creationEnd
)

var creationNames = [creationEnd]string{"firing", "any"}

// String returns the lower-case name.
func (c Creation) String() string { return enum.Name(creationNames[:], "creation", uint8(c)) }

// MarshalText returns the lower-case name; it refuses values that have none.
func (c Creation) MarshalText() ([]byte, error) {
	return enum.Marshal(creationNames[:], "creation", uint8(c))
}

// UnmarshalText reads the lower-case name.
func (c *Creation) UnmarshalText(text []byte) error {
	return enum.Unmarshal(creationNames[:], "creation", text, (*uint8)(c))
}

// A Rating says where the severity of an incident comes from.
type Rating uint8

const (
	// ByAlerts: the worst of its alerts, unknown being the worst. It only rises.
	ByAlerts Rating = iota
	// ByMatrix: the severity matrix of package incident judges, and alerts do not.
	ByMatrix
	ratingEnd
)

var ratingNames = [ratingEnd]string{"alerts", "matrix"}

// String returns the lower-case name.
func (r Rating) String() string { return enum.Name(ratingNames[:], "rating", uint8(r)) }

// MarshalText returns the lower-case name; it refuses values that have none.
func (r Rating) MarshalText() ([]byte, error) {
	return enum.Marshal(ratingNames[:], "rating", uint8(r))
}

// UnmarshalText reads the lower-case name.
func (r *Rating) UnmarshalText(text []byte) error {
	return enum.Unmarshal(ratingNames[:], "rating", text, (*uint8)(r))
}

// Dependencies says what a service uses, which must not change while a policy
// is in use. catalog.Compiled and catalog.View of slo/catalog are ones.
type Dependencies interface {
	// DependenciesOf returns the IDs of what the service uses directly.
	DependenciesOf(service string) []string
}

// None is a duration of a [Policy] that says: not at all.
const None time.Duration = -1

// Limits of a policy.
const (
	MaxKeys      = 16
	MaxThreshold = 1000
	MaxHops      = 5
	MaxFor       = 400 * 24 * time.Hour // of each duration
)

// minKeep is how long an alert that has ended is remembered at least, to know
// statements about it again.
const minKeep = 15 * time.Minute

// A Policy says how alerts become incidents. It is a plain value;
// [Policy.Compile] checks it once, and only the [Compiled] form decides.
type Policy struct {
	ID string // required; part of the IDs of incidents

	// Keys are the labels whose values a group shares. Default (nil): service. An
	// empty list that is not nil puts everything in one group.
	Keys []string

	// Window, For and MaxSpan say for how long an incident takes alerts. An alert
	// that comes later begins a new one, while the old one may still be open.
	// Defaults: Rolling, 30m, and a MaxSpan of 24h after the beginning; a fixed
	// window has no other span than For.
	Window  Window
	For     time.Duration
	MaxSpan time.Duration

	// Threshold is how many alerts of a group it takes to declare an incident, of
	// which each has fired at some time in the latest Within. All of them belong
	// to it then. Defaults: 1, and 10m.
	Threshold int
	Within    time.Duration

	// Topology connects groups by their services: a new alert joins the incident
	// of a service that is at most Hops dependencies away, in one direction, from
	// its own: the nearest one, then the oldest. Only services count whose alerts
	// belong to the incident by their keys, so that it does not creep through the
	// catalog. Default: groups are not connected; Hops 1.
	Topology Dependencies
	Hops     int

	// Reopen is how long after its resolution a new alert reopens an incident. A
	// later one begins a new incident. Default: 30m. None: never.
	Reopen time.Duration

	Create   Creation // default: FromFiring
	Severity Rating   // default: ByAlerts

	// Lateness is how long an event waits for those that were before it and come
	// after it: decisions do not depend on the order of arrival within it.
	// Default: 10s. None: each event is decided as it comes.
	Lateness time.Duration

	// Redelivery is how long after its end a statement that an alert fires, with
	// a beginning that is known already, counts as the old statement delivered
	// again. Later the alert fires again: Alertmanager tells an alert with its old
	// beginning that it believed to be over. It should be less than the source's
	// group interval. Default: 2m. None: not at all.
	Redelivery time.Duration

	// Forget is how long an incident is kept in the state in which nothing fires
	// and nothing happens. Default: 7 days. It is at least 15m, and as long as
	// the other durations but MaxSpan.
	Forget time.Duration
}

// Compiled is a checked policy. It is immutable and safe for concurrent use. The
// zero value ignores everything.
type Compiled struct {
	policy Policy
	keep   int64 // how long an alert that has ended is remembered, in ns
	ready  bool
}

// Policy returns the policy with its defaults filled in. What it holds is not to
// be changed.
func (c *Compiled) Policy() Policy { return c.policy }

// Compile checks the policy, reporting every [sre.Problem].
func (p Policy) Compile() (*Compiled, error) {
	var problems sre.Problems
	problems.CheckID("id", p.ID)
	if p.Keys == nil {
		p.Keys = []string{"service"}
	}
	p.Keys = slices.Clone(p.Keys)
	if len(p.Keys) > MaxKeys {
		problems.Add("keys", "too_many", len(p.Keys), fmt.Sprintf("at most %d", MaxKeys))
	}
	for i, k := range p.Keys {
		if k == "" || strings.ContainsRune(k, 0) || slices.Index(p.Keys, k) != i {
			problems.Add(fmt.Sprintf("keys[%d]", i), "invalid_key", k, "the name of a label, once")
		}
	}
	for _, e := range []struct {
		path string
		v    uint8
		end  uint8
	}{{"window", uint8(p.Window), uint8(windowEnd)}, {"create", uint8(p.Create), uint8(creationEnd)}, {"severity", uint8(p.Severity), uint8(ratingEnd)}} {
		if e.v >= e.end {
			problems.Add(e.path, "unknown_value", e.v, "a declared value")
		}
	}
	fixed := p.Window == Fixed
	if fixed && p.MaxSpan != 0 {
		problems.Add("max_span", "not_supported", p.MaxSpan, "nothing: a fixed window spans For")
	}
	for _, d := range []struct {
		path string
		at   *time.Duration
		or   time.Duration
		none bool
	}{
		{"for", &p.For, 30 * time.Minute, false}, {"max_span", &p.MaxSpan, 24 * time.Hour, false},
		{"within", &p.Within, 10 * time.Minute, false}, {"reopen", &p.Reopen, 30 * time.Minute, true},
		{"lateness", &p.Lateness, 10 * time.Second, true}, {"redelivery", &p.Redelivery, 2 * time.Minute, true},
	} {
		switch {
		case *d.at == 0:
			*d.at = d.or
		case *d.at == None && d.none:
		case *d.at < 0 || *d.at > MaxFor:
			problems.Add(d.path, "out_of_range", *d.at, "a duration of more than 0 and at most 400 days")
		}
	}
	switch {
	case fixed:
		p.MaxSpan = p.For
	case p.MaxSpan < p.For:
		problems.Add("max_span", "out_of_range", p.MaxSpan, "at least For")
	}
	keep := max(p.For, p.Within, p.Reopen, p.Lateness, p.Redelivery, minKeep)
	if p.Forget == 0 {
		p.Forget = max(7*24*time.Hour, keep)
	}
	if p.Forget < keep || p.Forget > MaxFor {
		problems.Add("forget", "out_of_range", p.Forget, fmt.Sprintf("%s to 400 days", keep))
	}
	p.Threshold = max(p.Threshold, 0)
	if p.Threshold == 0 {
		p.Threshold = 1
	}
	if p.Threshold > MaxThreshold {
		problems.Add("threshold", "out_of_range", p.Threshold, fmt.Sprintf("at most %d", MaxThreshold))
	}
	if p.Hops == 0 {
		p.Hops = 1
	}
	if p.Hops < 0 || p.Hops > MaxHops {
		problems.Add("hops", "out_of_range", p.Hops, fmt.Sprintf("1 to %d", MaxHops))
	}
	if err := problems.Err("fromalert"); err != nil {
		return nil, err
	}
	return &Compiled{policy: p, keep: int64(keep), ready: true}, nil
}

// MustCompile is Compile for policies that are known to be right. It panics.
func (p Policy) MustCompile() *Compiled {
	c, err := p.Compile()
	if err != nil {
		panic(err)
	}
	return c
}

// for a duration of which None means not at all.
func nanosOf(d time.Duration) int64 { return int64(max(d, 0)) }

// Group returns the key of the group of labels: the values of Policy.Keys, each
// ended by a NUL byte.
func (c *Compiled) Group(labels sre.Labels) string {
	var b strings.Builder
	for _, k := range c.policy.Keys {
		b.WriteString(labels.Get(k))
		b.WriteByte(0)
	}
	return b.String()
}

// GroupText returns a group as people read it: service="checkout".
func (c *Compiled) GroupText(group string) string {
	var parts []string
	for i, v := range strings.Split(strings.TrimSuffix(group, "\x00"), "\x00") {
		if i < len(c.policy.Keys) {
			parts = append(parts, fmt.Sprintf("%s=%q", c.policy.Keys[i], v))
		}
	}
	if len(parts) == 0 {
		return "all alerts"
	}
	return strings.Join(parts, ", ")
}

// incidentID follows from what the incident began with, so that computing it
// again after a crash, or from another order of arrival, gives the same one.
func (c *Compiled) incidentID(group, alert string, at int64) string {
	sum := sha256.Sum256(fmt.Appendf(nil, "%s\x00%s\x00%s\x00%d", c.policy.ID, group, alert, at))
	return "alert-" + hex.EncodeToString(sum[:12])
}

// Markdown renders the policy as the published rule.
func (c *Compiled) Markdown() string {
	if !c.ready {
		return ""
	}
	p := c.policy
	var b strings.Builder
	fmt.Fprintf(&b, "# Alerts become incidents: %s\n\n", p.ID)
	group := "All alerts make one group."
	if len(p.Keys) > 0 {
		group = fmt.Sprintf("Alerts with the same %s make a group.", strings.Join(p.Keys, ", "))
	}
	fmt.Fprintf(&b, "- %s\n", group)
	if p.Threshold == 1 {
		b.WriteString("- The first alert of a group declares an incident.\n")
	} else {
		fmt.Fprintf(&b, "- %d alerts of a group that have fired within %s declare an incident, and all of them belong to it.\n", p.Threshold, p.Within)
	}
	switch p.Window {
	case Fixed:
		fmt.Fprintf(&b, "- It takes new alerts for %s.\n", p.For)
	case Rolling:
		fmt.Fprintf(&b, "- It takes new alerts until none has come for %s, for at most %s.\n", p.For, p.MaxSpan)
	case Session:
		fmt.Fprintf(&b, "- It takes new alerts while one of its alerts fires and for %s after, for at most %s.\n", p.For, p.MaxSpan)
	}
	if p.Reopen == None {
		b.WriteString("- A resolved incident is never reopened by an alert.\n")
	} else {
		fmt.Fprintf(&b, "- A new alert reopens an incident that was resolved less than %s ago; a later one begins a new incident.\n", p.Reopen)
	}
	if p.Topology != nil {
		fmt.Fprintf(&b, "- Alerts join the incident of a service that is at most %d away in the dependencies.\n", p.Hops)
	}
	if p.Create == FromAny {
		b.WriteString("- Alerts that were over before they were heard of count.\n")
	} else {
		b.WriteString("- Alerts that were over before they were heard of do not count.\n")
	}
	if p.Severity == ByMatrix {
		b.WriteString("- The severity is that of the severity matrix.\n")
	} else {
		b.WriteString("- The severity is the worst of its alerts; unknown is the worst.\n")
	}
	fmt.Fprintf(&b, "- Decisions wait %s for alerts that come late.\n", max(p.Lateness, 0))
	return b.String()
}
