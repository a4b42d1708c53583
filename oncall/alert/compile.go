package alert

import (
	"crypto/sha256"
	"encoding/hex"
	"fmt"
	"slices"
	"strings"
	"time"
	"unicode/utf8"

	"github.com/sre-sdk/sre"
)

// Compiled is a checked policy. It is immutable and safe for concurrent use.
// The zero value refuses every step.
type Compiled struct {
	policy     Policy
	wait       time.Duration
	interval   time.Duration
	heartbeats map[string]*Heartbeat
	matched    []*Heartbeat // those with matchers
	triggers   int          // how many triggers the throttles look back
	ready      bool
}

func newCompiled(policy Policy) *Compiled {
	c := &Compiled{policy: policy, wait: max(policy.GroupWait, 0), interval: max(policy.GroupInterval, 0),
		heartbeats: map[string]*Heartbeat{}, ready: true}
	for i := range policy.Heartbeats {
		h := &policy.Heartbeats[i]
		c.heartbeats[h.Name] = h
		if len(h.Match) > 0 {
			c.matched = append(c.matched, h)
		}
	}
	for _, t := range policy.Throttles {
		c.triggers = max(c.triggers, t.Max)
	}
	return c
}

// Policy returns the policy as it was compiled, defaults filled in.
func (c *Compiled) Policy() Policy { return c.policy.withDefaults() }

// GroupKey returns the key of the group of an alert: an ID of 33 bytes that
// follows from Alert.Group, or else from the labels of Policy.GroupBy.
func (c *Compiled) GroupKey(a *Alert) string {
	var b strings.Builder
	if a.Group != "" {
		b.WriteString("own\x00" + a.Group)
	} else {
		b.WriteString("labels")
		for _, name := range c.policy.GroupBy {
			b.WriteString("\x00" + name + "\x00" + a.Labels.Get(name))
		}
	}
	sum := sha256.Sum256([]byte(b.String()))
	return "g" + hex.EncodeToString(sum[:16])
}

// IsSource reports whether an alert inhibits others while it fires, so that the
// groups of those need it among their [Facts].
func (c *Compiled) IsSource(a *Alert) bool {
	return slices.ContainsFunc(c.policy.Inhibitions, func(in Inhibition) bool { return in.Source.Matches(a.Labels) })
}

// Limits on an [Input], part of the contract; [Compiled.Split] keeps them.
const (
	MaxInputAlerts = 200
	MaxInputBytes  = 64 << 10 // of what is kept of the alerts, as JSON
)

// Split makes of a batch the inputs of its groups, in the order of their keys. A
// group may get several. Alerts that are beats of heartbeats go to those
// alone. Annotations, which decide nothing, are left out.
//
// What a truncated batch leaves out is an alert of its own; see
// [Batch.Unlisted]. An alert that is not valid is left out of the inputs and is
// among the problems of the error: the rest is still to be stepped.
func (c *Compiled) Split(b Batch) ([]Input, error) {
	var p sre.Problems
	groups := map[string][]Alert{}
	beats := map[string]bool{}
	add := func(path string, a Alert) {
		if err := a.Validate(); err != nil {
			p.Merge(path, err)
			return
		}
		beat := false
		for _, h := range c.matched { // one alert may be the beat of several
			if h.Match.Matches(a.Labels) {
				beats[h.Name] = beats[h.Name] || a.Status == Firing
				beat = true
			}
		}
		if beat {
			return
		}
		key := c.GroupKey(&a)
		a.Annotations = nil
		groups[key] = append(groups[key], a)
	}
	for i, a := range b.Alerts {
		add(fmt.Sprintf("alerts[%d]", i), a)
	}
	if a, ok := b.Unlisted(); ok {
		add("unlisted", a)
	}
	var inputs []Input
	for name, heard := range beats {
		in := Input{Group: heartbeatPrefix + name, Expect: name}
		if heard {
			in = Input{Group: heartbeatPrefix + name, Beat: name}
		}
		inputs = append(inputs, in)
	}
	for key, alerts := range groups {
		for len(alerts) > 0 {
			n, size := 0, 0
			for n < len(alerts) && n < MaxInputAlerts {
				if size += inputSize(&alerts[n]); n > 0 && size > MaxInputBytes {
					break
				}
				n++
			}
			inputs = append(inputs, Input{Group: key, Alerts: alerts[:n:n]})
			alerts = alerts[n:]
		}
	}
	slices.SortStableFunc(inputs, func(a, b Input) int { return strings.Compare(a.Group, b.Group) })
	return inputs, p.Err("alert")
}

// Expect returns the inputs that start the watch over every heartbeat of the
// policy. Send them when the program starts; again, they change nothing.
func (c *Compiled) Expect() []Input {
	inputs := make([]Input, len(c.policy.Heartbeats))
	for i, h := range c.policy.Heartbeats {
		inputs[i] = Input{Group: heartbeatPrefix + h.Name, Expect: h.Name}
	}
	return inputs
}

// inputSize estimates an alert as JSON, from above.
func inputSize(a *Alert) int {
	size := 400 + jsonSize(a.Fingerprint) + jsonSize(a.Group) + jsonSize(a.Service) + jsonSize(a.Summary) + jsonSize(a.Source) + labelSize(a.Labels)
	for _, l := range a.Links {
		size += 20 + jsonSize(l.Text) + jsonSize(l.URL)
	}
	return size
}

func labelSize(labels sre.Labels) int {
	size := 20
	for name, value := range labels.All() {
		size += jsonSize(name) + jsonSize(value) + 2
	}
	return size
}

// jsonSize is the length of a text as a JSON string, from above.
func jsonSize(text string) int {
	size := 2
	for _, c := range text {
		switch {
		case c == '"' || c == '\\':
			size += 2
		case c < 0x20 || c == '<' || c == '>' || c == '&' || c == utf8.RuneError || c == '\u2028' || c == '\u2029':
			size += 6 // \u003c; also a byte that is no UTF-8
		case c < utf8.RuneSelf:
			size++
		default:
			size += utf8.RuneLen(c)
		}
	}
	return size
}
