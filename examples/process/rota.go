package main

import (
	"context"
	"fmt"
	"io"
	"time"

	"github.com/sre-sdk/sre"
	"github.com/sre-sdk/sre/oncall"
	"github.com/sre-sdk/sre/oncall/schedule"
)

// Who answers for the shop: two people at a time, who hand off on Mondays.
var rota = schedule.Schedule{
	ID: "shop", Zone: "Europe/Berlin",
	Layers: []schedule.Layer{{
		Name: "weekly", Members: schedule.Each("alice", "bob", "carol"), Anchor: "2026-01-05 09:00", Turn: schedule.Weeks(1),
		Positions: []schedule.Position{{Role: oncall.Primary}, {Role: oncall.Secondary, Offset: 1}},
	}},
	Absences: []schedule.Absence{{Person: "alice", Reason: "vacation",
		Start: time.Date(2026, 3, 9, 0, 0, 0, 0, time.UTC), End: time.Date(2026, 3, 16, 0, 0, 0, 0, time.UTC)}},
}

// phonebook is how people are reached.
var phonebook = map[string]oncall.Contact{
	"alice": {ID: "phone", Kind: oncall.SMS, Address: "+49 30 1"},
	"bob":   {ID: "phone", Kind: oncall.SMS, Address: "+49 30 2"},
	"carol": {ID: "phone", Kind: oncall.SMS, Address: "+49 30 3"},
}

// printer is a pager that prints what a provider would be given.
type printer struct{ out io.Writer }

func (p printer) Send(_ context.Context, d oncall.Delivery) (oncall.Receipt, error) {
	_, err := fmt.Fprintf(p.out, "page %s (%s, %s): %s\n", d.Person, d.Contact, d.Severity, d.Title)
	return oncall.Receipt{ID: d.Key}, err
}

// page sends an alert to whoever is on call, and says why it is them.
func page(ctx context.Context, out io.Writer, pager oncall.Pager, who *schedule.Compiled, now time.Time, alert string, severity sre.Severity) error {
	person := who.At(now).First(oncall.Primary)
	if person == "" {
		return fmt.Errorf("nobody is on call at %s for %s", now.Format(time.RFC3339), alert)
	}
	_, err := pager.Send(ctx, oncall.Delivery{
		Key: "shop/" + alert + "/" + now.Format(time.RFC3339), Person: person, Contact: phonebook[person],
		Severity: severity, Title: alert + " of the shop fires",
	})
	if err != nil {
		return err
	}
	fmt.Fprint(out, who.Explain(now))
	return nil
}
