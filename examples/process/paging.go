package main

import (
	"context"
	"fmt"
	"io"
	"time"

	"github.com/sre-sdk/sre"
	"github.com/sre-sdk/sre/budget"
	"github.com/sre-sdk/sre/oncall"
	"github.com/sre-sdk/sre/oncall/alert"
	"github.com/sre-sdk/sre/oncall/dispatch"
	"github.com/sre-sdk/sre/oncall/escalation"
	"github.com/sre-sdk/sre/oncall/routing"
	"github.com/sre-sdk/sre/oncall/schedule"
	"github.com/sre-sdk/sre/storage"
)

// Who is paged when nobody answers.
var shopEscalation = escalation.Policy{
	ID: "shop",
	Levels: []escalation.Level{
		{ID: "first", Targets: []escalation.Target{escalation.ToSchedule("shop", oncall.Primary)}, Delay: 5 * time.Minute},
		{ID: "second", Targets: []escalation.Target{escalation.ToSchedule("shop", oncall.Secondary)}, Delay: 5 * time.Minute},
	},
	LastResort: escalation.LastResort{Targets: []escalation.Target{escalation.ToPerson("dora")}},
}

// What pages, and what can wait until the morning.
var shopRouting = routing.Policy{
	ID: "shop", Default: "shop",
	Routes: []routing.Route{
		{Name: "mild", AtMost: 3, Action: routing.Ticket, Owner: "team-shop"},
		{Name: "shop", Services: []string{"shop"}, Policy: "shop", Owner: "team-shop"},
	},
}

// phone is how people are reached.
func phone(id, number string) oncall.Person {
	return oncall.Person{ID: id, Zone: "Europe/Berlin", Contacts: []oncall.Contact{{ID: "phone", Kind: oncall.SMS, Address: number}}}
}

// paging is everything between an alert and a person.
type paging struct {
	out     io.Writer
	rota    *schedule.Compiled
	routes  *routing.Compiled
	pages   *dispatch.Dispatcher
	arrived chan oncall.Delivery // what the provider was given
	stop    func() error
}

// newPaging pages durably from the store until it is stopped.
func newPaging(ctx context.Context, out io.Writer, store *storage.Store, begin time.Time, now func() time.Time) (*paging, error) {
	who, err := rota.Compile(begin, begin.AddDate(0, 1, 0))
	if err != nil {
		return nil, err
	}
	roster, err := escalation.Roster{
		People:    []oncall.Person{phone("alice", "+49 30 1"), phone("bob", "+49 30 2"), phone("carol", "+49 30 3"), phone("dora", "+49 30 4")},
		Schedules: []*schedule.Compiled{who},
	}.Compile()
	if err != nil {
		return nil, err
	}
	policy, err := shopEscalation.Compile()
	if err != nil {
		return nil, err
	}
	if err := roster.Check(policy); err != nil {
		return nil, err
	}
	routes, err := shopRouting.Compile()
	if err != nil {
		return nil, err
	}
	p := &paging{out: out, rota: who, routes: routes, arrived: make(chan oncall.Delivery, 16)}
	p.pages, err = dispatch.New(dispatch.Config{
		Store: store, Policies: []*escalation.Compiled{policy}, Directory: roster, Now: now,
		Pager: oncall.PagerFunc(func(_ context.Context, d oncall.Delivery) (oncall.Receipt, error) {
			p.arrived <- d
			return oncall.Receipt{ID: d.Key, At: now()}, nil
		}),
	})
	if err != nil {
		return nil, err
	}
	ctx, cancel := context.WithCancel(ctx)
	ended := make(chan error, 1)
	go func() { ended <- p.pages.Run(ctx) }()
	p.stop = func() error {
		cancel()
		return <-ended
	}
	return p, nil
}

// fires routes an alert and, if it is to page, pages until somebody has it, and
// returns who.
func (p *paging) fires(ctx context.Context, b budget.BurnAlert, now time.Time) (who string, err error) {
	a := alert.Alert{Fingerprint: "shop/" + b.Name, Status: alert.Firing, Severity: b.Severity, Service: "shop", Summary: b.Name + " of the shop fires", Starts: now}
	d := p.routes.Route(&a, now)
	fmt.Fprintln(p.out, "alert:", d.Reasons[0].Text)
	if d.Action != routing.Page {
		return "", nil
	}
	before, known, err := p.pages.Get(ctx, a.Fingerprint)
	if err != nil || known && before.State.Status != escalation.Resolved {
		return "", err // somebody has it
	}
	if _, err := p.pages.Trigger(ctx, d.Policy, escalation.Trigger{ID: a.Fingerprint, Severity: d.Severity, Title: a.Summary}); err != nil {
		return "", err
	}
	select {
	case m := <-p.arrived:
		fmt.Fprintf(p.out, "page %s (%s, %s): %s\n", m.Person, m.Contact, m.Severity, m.Title)
		fmt.Fprint(p.out, p.rota.Explain(now))
		_, err := p.pages.Ack(ctx, a.Fingerprint, dispatch.Command{Actor: human(m.Person), Note: "looking"})
		return m.Person, err
	case <-ctx.Done():
		return "", ctx.Err()
	}
}

// ceases resolves what was paged for an alert, and reports whether anything was.
func (p *paging) ceases(ctx context.Context, b budget.BurnAlert) (was bool, err error) {
	id := "shop/" + b.Name
	e, known, err := p.pages.Get(ctx, id)
	if err != nil || !known || e.State.Status == escalation.Resolved {
		return false, err
	}
	fmt.Fprintf(p.out, "%s is over; %s had it\n", b.Name, e.State.By)
	_, err = p.pages.Resolve(ctx, id, dispatch.Command{Actor: sre.Actor{Kind: sre.Service, ID: "monitoring"}})
	return true, err
}
