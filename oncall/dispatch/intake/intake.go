package intake

import (
	"context"
	"crypto/rand"
	"encoding/hex"
	"errors"
	"fmt"
	"hash/fnv"
	"maps"
	"slices"
	"strings"
	"sync"
	"sync/atomic"
	"time"

	"github.com/sre-sdk/sre"
	"github.com/sre-sdk/sre/oncall/alert"
	"github.com/sre-sdk/sre/oncall/routing"
	"github.com/sre-sdk/sre/storage"
	"github.com/sre-sdk/sre/storage/runner"
)

// An Intake makes pages of alerts. It is safe for concurrent use. Receive and the
// reads work whether or not Run runs, in this process or another.
type Intake struct {
	c        Config
	now      func() time.Time
	policies atomic.Pointer[policies]
	groups   *runner.Runner[record, input]
	places   *runner.Runner[place, placing]
	turns    [64]lock // by group: many inputs of one group at the same time would only conflict

	one       lock // of what is known of sources
	known     []source
	sourcesAt time.Time
	sourcesBy *policies
}

// policies are one version of what decides.
type policies struct {
	alerts   *alert.Compiled
	routing  *routing.Compiled
	plain    alert.Policy // of alerts
	fallback string       // the default of routing
}

func newPolicies(alerts *alert.Compiled, routes *routing.Compiled) *policies {
	return &policies{alerts, routes, alerts.Policy(), routes.Policy().Default}
}

// Use makes policies those of this process from now on, for groups that exist as
// well. It begins to watch the heartbeats of the alert policy.
func (x *Intake) Use(ctx context.Context, alerts *alert.Compiled, routes *routing.Compiled) error {
	if err := checkPolicies(alerts, routes); err != nil {
		return err
	}
	x.policies.Store(newPolicies(alerts, routes))
	return x.expect(ctx)
}

// expectPause is how long Run waits before it tries again to begin watching.
const expectPause = time.Second

// Run steps what is due and performs what follows until ctx is done, and returns
// nil then. Any number of processes may run over one store. It begins to watch
// every heartbeat.
func (x *Intake) Run(ctx context.Context) error {
	var running sync.WaitGroup
	var errs [2]error
	running.Go(func() { errs[0] = x.groups.Run(ctx) })
	running.Go(func() { errs[1] = x.places.Run(ctx) })
	for ctx.Err() == nil {
		err := x.expect(ctx)
		if err == nil {
			break
		}
		x.c.Log.Error("intake: heartbeats are not watched yet", "error", err)
		select {
		case <-ctx.Done():
		case <-time.After(expectPause):
		}
	}
	running.Wait()
	return errors.Join(errs[:]...)
}

// expect begins to watch every heartbeat; again, it changes nothing.
func (x *Intake) expect(ctx context.Context) error {
	p := x.policies.Load()
	var errs []error
	for i, in := range p.alerts.Expect() {
		err := x.send(ctx, in.Group, input{Input: in})
		errs = append(errs, err)
		if h := p.plain.Heartbeats[i]; err == nil && p.alerts.IsSource(&alert.Alert{Labels: missing(h)}) {
			x.rememberSource(ctx, in.Group)
		}
	}
	return errors.Join(errs...)
}

// Beat takes in that a heartbeat of the alert policy was heard.
func (x *Intake) Beat(ctx context.Context, name string) error {
	if !slices.ContainsFunc(x.policies.Load().plain.Heartbeats, func(h alert.Heartbeat) bool { return h.Name == name }) {
		return fmt.Errorf("intake: %w", sre.NewProblem("name", "unknown_heartbeat", name, "a heartbeat of the alert policy"))
	}
	group := heartbeatPrefix + name
	return x.send(ctx, group, input{Input: alert.Input{Group: group, Beat: name}})
}

// Prefixes of what the alert kernel names itself.
const (
	heartbeatPrefix = "heartbeat:"
	overflowKey     = "overflow:"
)

// A Receipt says what was taken of a message.
type Receipt struct {
	Alerts   int           `json:"alerts"` // that were taken
	Problems []sre.Problem `json:"problems,omitempty"`
}

// Receive takes in what one message says. When it returns nil, every alert that
// has no problem is durable, and so is what follows from it. An error means that
// some may not be: bring the same message again.
//
// An alert that is not right is left out, and among the problems of the receipt;
// the others are taken.
func (x *Intake) Receive(ctx context.Context, b alert.Batch) (Receipt, error) {
	p := x.policies.Load()
	now := x.now()
	var problems sre.Problems
	alerts, beats := p.sort(b, &problems)
	byBase := map[string][]alert.Alert{}
	for _, a := range alerts {
		base := p.alerts.GroupKey(&a)
		byBase[base] = append(byBase[base], a)
	}
	var work []func() error
	bases := slices.SortedFunc(maps.Keys(byBase), func(a, b string) int { // those that inhibit others first
		return p.rank(byBase[a]) - p.rank(byBase[b])
	})
	for _, base := range bases {
		work = append(work, func() error { return x.receiveGroup(ctx, p, base, byBase[base], now) })
	}
	inputs, err := p.alerts.Split(alert.Batch{Alerts: beats})
	problems.Merge("", err)
	for _, in := range inputs {
		work = append(work, func() error { return x.send(ctx, in.Group, input{Input: in}) })
	}
	var failed []error
	for _, err := range x.parallel(work) {
		switch {
		case err == nil:
		case isRefusal(err):
			problems.Merge("", err)
		default:
			failed = append(failed, err)
		}
	}
	x.c.Log.Debug("intake: received", "alerts", len(alerts)+len(beats), "groups", len(work), "problems", problems.Len())
	taken := len(alerts) + len(beats)
	if _, unlisted := b.Unlisted(); unlisted && taken > 0 {
		taken--
	}
	return Receipt{taken, sre.ProblemsIn(problems.Err("intake"))}, errors.Join(failed...)
}

// rank sorts groups that hold a source of inhibitions before the others.
func (p *policies) rank(alerts []alert.Alert) int {
	if slices.ContainsFunc(alerts, func(a alert.Alert) bool { return p.alerts.IsSource(&a) }) {
		return 0
	}
	return 1
}

// sort tells alerts from beats of heartbeats, and leaves out what is not right.
func (p *policies) sort(b alert.Batch, problems *sre.Problems) (alerts, beats []alert.Alert) {
	heartbeats := p.plain.Heartbeats
	add := func(path string, a alert.Alert) {
		before := problems.Len()
		problems.Merge(path, a.Validate())
		if key := a.Key(); strings.HasPrefix(key, heartbeatPrefix) || key == overflowKey {
			problems.Add(path+".fingerprint", "reserved", key, "a fingerprint that is not one of the engine's own alerts")
		}
		switch {
		case problems.Len() > before:
		case slices.ContainsFunc(heartbeats, func(h alert.Heartbeat) bool { return h.Match.Matches(a.Labels) }):
			beats = append(beats, a)
		default:
			alerts = append(alerts, a)
		}
	}
	for i, a := range b.Alerts {
		add(fmt.Sprintf("alerts[%d]", i), a)
	}
	if a, ok := b.Unlisted(); ok {
		add("unlisted", a)
	}
	return alerts, beats
}

// isRefusal reports whether an error is about the input, and not of the store.
func isRefusal(err error) bool {
	return len(sre.ProblemsIn(err)) > 0 && !errors.Is(err, storage.ErrInvalid) && !errors.Is(err, storage.ErrTooLarge) && !errors.Is(err, errUnreadable)
}

// parallel calls all, several at the same time, in their order.
func (x *Intake) parallel(work []func() error) []error {
	errs := make([]error, len(work))
	limit := make(chan struct{}, x.c.Concurrency)
	var running sync.WaitGroup
	for i, do := range work {
		limit <- struct{}{}
		running.Go(func() {
			defer func() { <-limit }()
			errs[i] = do()
		})
	}
	running.Wait()
	return errs
}

// part is what of a message goes to one group.
type part struct {
	target target
	alerts []alert.Alert
	routes []Routed
}

// add takes in how an alert was routed.
func (p *part) add(a alert.Alert, d routing.Decision, kept bool) {
	p.alerts = append(p.alerts, a)
	if a.Status != alert.Firing {
		return
	}
	for i := range p.routes {
		r := &p.routes[i]
		if r.Kept == kept && r.Decision.Route == d.Route && r.Decision.Action == d.Action && r.Decision.Policy == d.Policy && r.Decision.Severity == d.Severity && sameReasons(r.Decision.Reasons, d.Reasons) {
			r.Fingerprints = append(r.Fingerprints, a.Key())
			return
		}
	}
	p.routes = append(p.routes, Routed{Decision: d, Fingerprints: []string{a.Key()}, Kept: kept})
}

func sameReasons(a, b []sre.Reason) bool {
	return slices.EqualFunc(a, b, func(a, b sre.Reason) bool { return a.Code == b.Code && a.Text == b.Text })
}

// receiveGroup takes in the alerts of one group of the alert kernel, which may go
// to several places.
func (x *Intake) receiveGroup(ctx context.Context, p *policies, base string, alerts []alert.Alert, now time.Time) error {
	where, _, err := x.places.Get(ctx, base)
	if err != nil {
		return err
	}
	decisions := make([]routing.Decision, len(alerts))
	elsewhere := false
	for i := range alerts {
		decisions[i] = p.routing.Route(&alerts[i], now)
		fresh := targetOf(decisions[i]).group(base)
		elsewhere = elsewhere || slices.ContainsFunc(where.Groups, func(g placed) bool { return g.Group != fresh })
	}
	var firing map[string]paged
	if elsewhere {
		if firing, err = x.firing(ctx, where); err != nil {
			return err
		}
	}
	parts := map[string]*part{}
	put := func(group string, t target, a alert.Alert, d routing.Decision, kept bool) {
		if parts[group] == nil {
			parts[group] = &part{target: t}
		}
		parts[group].add(a, d, kept)
	}
	for i, a := range alerts {
		d := decisions[i]
		a.Severity = d.Severity
		fresh := targetOf(d)
		switch in, there := firing[a.Key()]; {
		case a.Status != alert.Firing:
			for _, g := range where.Groups {
				put(g.Group, g.Target, a, d, false)
			}
		case there && in.group != fresh.group(base) && !a.Severity.Worse(in.severity):
			put(in.group, in.target, a, d, true)
		default:
			put(fresh.group(base), fresh, a, d, false)
		}
	}
	if err := x.place(ctx, base, where, parts, now); err != nil {
		return err
	}
	var errs []error
	for _, group := range slices.Sorted(maps.Keys(parts)) {
		errs = append(errs, x.sendPart(ctx, p, group, parts[group]))
	}
	return errors.Join(errs...)
}

// place writes down where alerts go, before they do: a resolve must find them.
func (x *Intake) place(ctx context.Context, base string, where place, parts map[string]*part, now time.Time) error {
	var used []placed
	for group, p := range parts {
		if slices.ContainsFunc(p.alerts, func(a alert.Alert) bool { return a.Status == alert.Firing }) {
			used = append(used, placed{Group: group, Target: p.target})
		}
	}
	if used = where.missing(used, now, x.c.KeepEnded); len(used) == 0 {
		return nil
	}
	slices.SortFunc(used, func(a, b placed) int { return strings.Compare(a.Group, b.Group) })
	_, err := x.places.Send(ctx, base, "", placing{used})
	return err
}

// paged is a page in which an alert fires.
type paged struct {
	group    string
	target   target
	severity sre.Severity
}

// firing returns, by fingerprint, which alerts fire in groups that page, in the
// worst one each.
func (x *Intake) firing(ctx context.Context, where place) (map[string]paged, error) {
	list := map[string]paged{}
	for _, g := range where.Groups {
		if g.Target.Action != routing.Page {
			continue
		}
		r, _, err := x.groups.Get(ctx, g.Group)
		if err != nil {
			return nil, err
		}
		for i := range r.State.Alerts {
			e := &r.State.Alerts[i]
			if e.Status != alert.Firing {
				continue
			}
			if old, there := list[e.Fingerprint]; !there || e.Severity.Worse(old.severity) {
				list[e.Fingerprint] = paged{g.Group, g.Target, e.Severity}
			}
		}
	}
	return list, nil
}

// sendPart sends alerts to their group, in inputs of the size that is allowed.
func (x *Intake) sendPart(ctx context.Context, p *policies, group string, one *part) error {
	inputs, err := p.alerts.Split(alert.Batch{Alerts: one.alerts})
	if err != nil {
		return err
	}
	for _, in := range inputs {
		in.Group = group
		if err := x.sendAlerts(ctx, input{Input: in, Target: one.target, Routes: routesOf(one.routes, in.Alerts)}); err != nil {
			return err
		}
	}
	if slices.ContainsFunc(one.alerts, func(a alert.Alert) bool { return a.Status == alert.Firing && p.alerts.IsSource(&a) }) {
		x.rememberSource(ctx, group)
	}
	return nil
}

// routesOf returns how these alerts were routed.
func routesOf(routes []Routed, alerts []alert.Alert) []Routed {
	here := map[string]bool{}
	for i := range alerts {
		here[alerts[i].Key()] = true
	}
	var list []Routed
	for _, r := range routes {
		kept := slices.DeleteFunc(slices.Clone(r.Fingerprints), func(f string) bool { return !here[f] })
		if len(kept) > 0 {
			list = append(list, Routed{r.Decision, kept, r.Kept})
		}
	}
	return list
}

// sendAlerts sends an input, in parts if it and the group are too large for one
// batch.
func (x *Intake) sendAlerts(ctx context.Context, in input) error {
	err := x.send(ctx, in.Input.Group, in)
	if n := len(in.Input.Alerts); errors.Is(err, storage.ErrTooLarge) && n > 1 {
		for _, alerts := range [][]alert.Alert{in.Input.Alerts[:n/2], in.Input.Alerts[n/2:]} {
			half := in
			half.Input.Alerts, half.Routes = alerts, routesOf(in.Routes, alerts)
			if err := x.sendAlerts(ctx, half); err != nil {
				return err
			}
		}
		return nil
	}
	return err
}

// send steps a group.
func (x *Intake) send(ctx context.Context, group string, in input) error {
	h := fnv.New32a()
	h.Write([]byte(group))
	turn := x.turns[h.Sum32()%uint32(len(x.turns))]
	if err := turn.take(ctx); err != nil {
		return err
	}
	defer turn.free()
	_, err := x.groups.Send(ctx, group, "", in)
	if errors.Is(err, errUnchanged) {
		return nil
	}
	return err
}

func (x *Intake) newID() string {
	if x.c.NewID != nil {
		return x.c.NewID()
	}
	var id [16]byte
	rand.Read(id[:])
	return hex.EncodeToString(id[:])
}
