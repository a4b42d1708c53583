// Command process tells the whole story in small: a real HTTP service under
// load, measured against its SLO, and every package of the module at its place
// in the life of a change.
//
//	go run ./examples/process
//
// Time is simulated, so that a day of traffic takes about a second; requests,
// errors and decisions are real. It exits with 0, or with 1 if something could
// not be run.
package main

import (
	"context"
	"fmt"
	"io"
	"net"
	"os"
	"time"

	"github.com/sre-sdk/sre"
	"github.com/sre-sdk/sre/budget"
	"github.com/sre-sdk/sre/slo"
)

func main() {
	listener, err := net.Listen("tcp", "127.0.0.1:0")
	if err == nil {
		err = run(context.Background(), os.Stdout, listener)
	}
	if err != nil {
		fmt.Fprintln(os.Stderr, "process:", err)
		os.Exit(1)
	}
}

// perRequest is how much simulated time passes from one request to the next.
const perRequest = 5 * time.Second

// What reliable means for the service of this story.
var shop = slo.SLO{
	ID:      "shop-availability",
	Service: "shop",
	SLI: slo.Availability(
		slo.Metric{Query: "requests"},
		slo.Metric{Query: "errors"},
	),
	Objective: slo.MustParseObjective("99%"),
	Window:    slo.Rolling(24 * time.Hour),
	Owner:     "team-shop",
}

// What its budget means for changes: a fast burn holds them, an exhausted
// budget stops them.
var policy = budget.Policy{
	Name:       "shop",
	Thresholds: []budget.Threshold{{Name: "exhausted", Below: slo.MustParseRatio("0%"), Effect: sre.Deny}},
	Alerts: []budget.BurnAlert{{
		Name: "fast-burn", Long: time.Hour, Short: 5 * time.Minute,
		Spend: slo.MustParseRatio("12.5%"), Effect: sre.Hold, Severity: budget.Page,
	}},
}

// run serves on the listener and tells the story to out.
func run(ctx context.Context, out io.Writer, listener net.Listener) error {
	compiled, err := shop.Compile()
	if err != nil {
		return err
	}
	rules, err := policy.Compile()
	if err != nil {
		return err
	}
	s := newService(listener, time.Date(2026, 3, 6, 0, 0, 0, 0, time.UTC))
	defer s.close()
	story := &story{ctx: ctx, out: out, service: s, slo: compiled, policy: rules}
	return story.tell()
}

// story is where the process stands.
type story struct {
	ctx     context.Context
	out     io.Writer
	service *service
	slo     *slo.Compiled
	policy  *budget.Compiled
	prev    sre.Outcome
}

func (s *story) tell() error {
	for _, chapter := range []struct {
		title string
		do    func() error
	}{
		{"Operate: a day of traffic, version 1", func() error { return s.operate(24 * time.Hour) }},
		{"Deploy: version 2, a feature", func() error { return s.deploy("deploy-2", budget.Feature, version{name: "2", failEvery: 8}) }},
		{"Operate: an hour with version 2", func() error { return s.operate(time.Hour) }},
		{"Deploy: version 3, a feature", func() error { return s.deploy("deploy-3", budget.Feature, version{name: "3", failEvery: 8}) }},
		{"Deploy: back to version 1", func() error { return s.deploy("rollback-1", budget.Rollback, version{name: "1", failEvery: 1000}) }},
		{"Operate: two hours with version 1", func() error { return s.operate(2 * time.Hour) }},
		{"Deploy: version 2 with the defect mended", func() error { return s.deploy("deploy-4", budget.Feature, version{name: "2.1", failEvery: 1000}) }},
	} {
		fmt.Fprintf(s.out, "== %s\n", chapter.title)
		if err := chapter.do(); err != nil {
			return fmt.Errorf("%s: %w", chapter.title, err)
		}
	}
	return nil
}

// operate sends the traffic of that much simulated time.
func (s *story) operate(d time.Duration) error {
	served, failed, err := s.service.load(s.ctx, int(d/perRequest))
	if err != nil {
		return err
	}
	fmt.Fprintf(s.out, "%s: %d requests, %d failed\n\n", s.service.now().Format("Jan 2 15:04"), served, failed)
	return nil
}

// deploy asks the gate and, if it opens, changes the running version.
func (s *story) deploy(id string, purpose budget.Purpose, v version) error {
	now := s.service.now()
	status := budget.Read(s.ctx, s.service, s.slo, s.policy, now)
	d := s.policy.Decide([]budget.Status{status}, budget.Change{ID: id, Purpose: purpose}, s.prev, now)
	s.prev = d.Budget
	fmt.Fprint(s.out, d)
	if d.Err() != nil {
		fmt.Fprintf(s.out, "version %s keeps running\n\n", s.service.running().name)
		return nil
	}
	s.service.run(v)
	fmt.Fprintf(s.out, "version %s runs\n\n", v.name)
	return nil
}
