// Command process tells the whole story in small: a real HTTP service under
// load, measured against its SLO, and every package of the module at its place
// in the life of a change.
//
//	go run ./examples/process
//	go run ./examples/process -state FILE
//
// Time is simulated, so that a day of traffic takes about a second; requests,
// errors and decisions are real. What runs and what was decided is kept in a
// SQLite database, of which -state names the file (default: one that is removed
// at the end). It exits with 0, or with 1 if something could not be run.
package main

import (
	"context"
	"errors"
	"flag"
	"fmt"
	"io"
	"net"
	"os"
	"path/filepath"
	"time"

	"github.com/sre-sdk/sre"
	"github.com/sre-sdk/sre/budget"
	"github.com/sre-sdk/sre/slo"
	"github.com/sre-sdk/sre/storage"
	"github.com/sre-sdk/sre/storage/sqlite"
)

func main() {
	state := flag.String("state", "", "the `file` of the database (default: one that is removed at the end)")
	flag.Parse()
	if err := start(context.Background(), *state); err != nil {
		fmt.Fprintln(os.Stderr, "process:", err)
		os.Exit(1)
	}
}

// start opens what the story needs from outside.
func start(ctx context.Context, state string) error {
	if state == "" {
		dir, err := os.MkdirTemp("", "process-")
		if err != nil {
			return err
		}
		defer os.RemoveAll(dir)
		state = filepath.Join(dir, "process.db")
	}
	db, err := sqlite.Open(ctx, state, sqlite.Options{})
	if err != nil {
		return err
	}
	defer db.Close()
	listener, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		return err
	}
	return run(ctx, os.Stdout, listener, storage.New(db))
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

// run serves on the listener, keeps its state in the store, and tells the story
// to out.
func run(ctx context.Context, out io.Writer, listener net.Listener, store *storage.Store) error {
	compiled, err := shop.Compile()
	if err != nil {
		return err
	}
	rules, err := policy.Compile()
	if err != nil {
		return err
	}
	begin := time.Date(2026, 3, 6, 0, 0, 0, 0, time.UTC)
	s := newService(listener, begin)
	defer s.close()
	pages, err := newPaging(ctx, out, store, begin, s.now)
	if err != nil {
		return err
	}
	troubles, err := newTroubles(out, store, s.now)
	if err != nil {
		return errors.Join(err, pages.stop())
	}
	story := &story{ctx: ctx, out: out, service: s, slo: compiled, policy: rules, releases: newReleases(store), paging: pages, troubles: troubles}
	return errors.Join(story.tell(), pages.stop())
}

// story is where the process stands.
type story struct {
	ctx     context.Context
	out     io.Writer
	service *service
	slo     *slo.Compiled
	policy  *budget.Compiled

	releases releases

	paging   *paging
	troubles *troubles
}

func (s *story) tell() error {
	for _, chapter := range []struct {
		title string
		do    func() error
	}{
		{"Operate: a day of traffic, version 1", func() error { return s.operate(24 * time.Hour) }},
		{"Deploy: version 2, a feature", func() error { return s.deploy("deploy-2", budget.Feature, version{Name: "2", FailEvery: 8}) }},
		{"Operate: an hour with version 2", func() error { return s.operate(time.Hour) }},
		{"Deploy: version 3, a feature", func() error { return s.deploy("deploy-3", budget.Feature, version{Name: "3", FailEvery: 8}) }},
		{"Deploy: back to version 1", func() error { return s.deploy("rollback-1", budget.Rollback, version{Name: "1", FailEvery: 1000}) }},
		{"Operate: two hours with version 1", func() error { return s.operate(2 * time.Hour) }},
		{"Deploy: version 2 with the defect mended", func() error { return s.deploy("deploy-4", budget.Feature, version{Name: "2.1", FailEvery: 1000}) }},
		{"Learn: what was decided, and why, is in the log", s.learn},
	} {
		fmt.Fprintf(s.out, "== %s\n", chapter.title)
		if err := chapter.do(); err != nil {
			return fmt.Errorf("%s: %w", chapter.title, err)
		}
	}
	return nil
}

// operate sends the traffic of that much simulated time, and pages whoever is
// on call for what fires at its end.
func (s *story) operate(d time.Duration) error {
	served, failed, err := s.service.load(s.ctx, int(d/perRequest))
	if err != nil {
		return err
	}
	now := s.service.now()
	fmt.Fprintf(s.out, "%s: %d requests, %d failed\n", now.Format("Jan 2 15:04"), served, failed)
	status := budget.Read(s.ctx, s.service, s.slo, s.policy, now)
	for i, state := range s.policy.EvaluateAlerts(nil, status) {
		if err := s.react(policy.Alerts[i], state, now); err != nil {
			return err
		}
	}
	fmt.Fprintln(s.out)
	return nil
}

// react pages and declares what fires, and ends what does no longer.
func (s *story) react(b budget.BurnAlert, state budget.AlertStatus, now time.Time) error {
	if state.State != budget.Firing {
		was, err := s.paging.ceases(s.ctx, b)
		if err != nil || !was {
			return err
		}
		series, err := s.service.series(s.ctx, s.slo, now)
		if err != nil {
			return err
		}
		return s.troubles.over(s.ctx, series, now)
	}
	who, err := s.paging.fires(s.ctx, b, now)
	if err != nil || who == "" {
		return err
	}
	return s.troubles.declare(s.ctx, who, "the shop fails", "shop/"+b.Name, state.LongBurn)
}

// deploy asks the gate and, if it opens, changes the running version.
func (s *story) deploy(id string, purpose budget.Purpose, v version) error {
	before, err := s.releases.Get(s.ctx, s.slo.Service())
	if err != nil {
		return err
	}
	now := s.service.now()
	status := budget.Read(s.ctx, s.service, s.slo, s.policy, now)
	d := s.policy.Decide([]budget.Status{status}, budget.Change{ID: id, Purpose: purpose}, before.Value.Previous, now)
	if err := s.releases.decided(s.ctx, s.slo.Service(), d, v); err != nil {
		return err
	}
	fmt.Fprint(s.out, d)
	if d.Err() != nil {
		fmt.Fprintf(s.out, "version %s keeps running\n\n", s.service.running().Name)
		return nil
	}
	s.service.run(v)
	if purpose == budget.Rollback {
		if err := s.troubles.rolledBack(s.ctx, id); err != nil {
			return err
		}
	}
	fmt.Fprintf(s.out, "version %s runs\n\n", v.Name)
	return nil
}

// learn reads the log.
func (s *story) learn() error {
	lines, err := s.releases.history(s.ctx)
	for _, line := range lines {
		fmt.Fprintln(s.out, line)
	}
	return err
}
