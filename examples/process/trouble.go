package main

import (
	"context"
	"fmt"
	"io"
	"time"

	"github.com/sre-sdk/sre"
	"github.com/sre-sdk/sre/incident"
	"github.com/sre-sdk/sre/incident/incidentstore"
	"github.com/sre-sdk/sre/incident/recovery"
	"github.com/sre-sdk/sre/storage"
)

// troubles keeps the incident of the story.
type troubles struct {
	out  io.Writer
	desk *incidentstore.Desk
	id   string // of the open incident, if there is one
}

func newTroubles(out io.Writer, store *storage.Store, now func() time.Time) (*troubles, error) {
	policy, err := incident.Policy{ID: "shop"}.Compile()
	if err != nil {
		return nil, err
	}
	desk, err := incidentstore.New(incidentstore.Config{Store: store, Policy: policy, Now: now})
	return &troubles{out: out, desk: desk}, err
}

func human(id string) sre.Actor { return sre.Actor{Kind: sre.Human, ID: id} }

// declare begins an incident with whoever was paged as its commander.
func (t *troubles) declare(ctx context.Context, who, title, alert string, burn float64) error {
	id, s, err := t.desk.Declare(ctx, human(who), incident.Declare{
		Title: title, Services: []string{"shop"}, Source: incident.FromAlert, Alerts: []string{alert},
		Impact: incident.Impact{Users: incident.ShareOf(0.1), BudgetBurn: incident.RateOf(burn), DataLoss: incident.No, Security: incident.No, Redundancy: incident.Yes},
	})
	if err != nil {
		return err
	}
	t.id = id
	fmt.Fprintf(t.out, "incident: %s, severity %s by the matrix\n", s.Title, s.Severity)
	return t.do(ctx, who, incident.Acknowledge{}, incident.Assign{Role: incident.Commander, Person: who}, incident.Triage{})
}

// do gives commands, if there is an incident.
func (t *troubles) do(ctx context.Context, who string, commands ...incident.Command) error {
	for _, c := range commands {
		if t.id == "" {
			return nil
		}
		if _, err := t.desk.Do(ctx, t.id, incidentstore.Request{Request: incident.Request{By: human(who), Command: c}}); err != nil {
			return fmt.Errorf("%s: %w", c.Kind(), err)
		}
	}
	return nil
}

// commander returns who decides.
func (t *troubles) commander(ctx context.Context) (string, error) {
	s, _, err := t.desk.Get(ctx, t.id)
	return s.HolderOf(incident.Commander), err
}

// rolledBack tells the incident what has ended the impact.
func (t *troubles) rolledBack(ctx context.Context, change string) error {
	who, err := t.commander(ctx)
	if err != nil || t.id == "" {
		return err
	}
	return t.do(ctx, who, incident.Mitigate{ID: change, Type: incident.Rollback, Result: incident.Worked, Change: change, EndsImpact: true})
}

// recovered is when the data say that the shop is well again: half an hour and
// an hour under the line, in each of which few enough requests failed that the
// rest is not luck.
var recovered = recovery.Policy{ID: "shop", Short: 30 * time.Minute, Long: time.Hour, For: 10 * time.Minute, MinEvents: 100}

// over resolves the incident, and closes it if the data say that it is over.
func (t *troubles) over(ctx context.Context, series recovery.Series, now time.Time) error {
	who, err := t.commander(ctx)
	if err != nil || t.id == "" {
		return err
	}
	rules, err := recovered.Compile()
	if err != nil {
		return err
	}
	d := rules.Decide(recovery.Facts{Series: []recovery.Series{series}}, now)
	fmt.Fprintf(t.out, "incident: %s: %s\n", d.Finding, d.Reasons[0].Text)
	if err := t.do(ctx, who,
		incident.Resolve{Text: "rolled back"},
		d.Verify(),
		incident.ReviewRunbooks{Changed: []string{"shop-errors"}},
		incident.SchedulePostmortem{ID: "postmortem-1", For: now.Add(48 * time.Hour)},
		incident.Close{},
	); err != nil {
		return err
	}
	s, _, err := t.desk.Get(ctx, t.id)
	if err != nil {
		return err
	}
	for _, m := range []incident.Milestone{incident.AcknowledgedAt, incident.MitigatedAt, incident.ResolvedAt} {
		d := s.Between(incident.DetectedAt, m, now)
		fmt.Fprintf(t.out, "incident: %s after %s (%s)\n", m, d.For, d.Validity)
	}
	fmt.Fprintf(t.out, "incident: %s, worst severity %s\n", s.Status, s.Worst)
	t.id = ""
	return nil
}
