package dispatch_test

import (
	"context"
	"fmt"
	"log"
	"time"

	"github.com/sre-sdk/sre"
	"github.com/sre-sdk/sre/oncall"
	"github.com/sre-sdk/sre/oncall/dispatch"
	"github.com/sre-sdk/sre/oncall/escalation"
	"github.com/sre-sdk/sre/storage"
)

// Page whoever is to be paged, durably; here in memory, with a pager that
// prints.
func Example() {
	roster, err := escalation.Roster{People: []oncall.Person{
		{ID: "alice", Contacts: []oncall.Contact{{ID: "phone", Kind: oncall.Push, Address: "token-of-alice"}}},
		{ID: "boss", Contacts: []oncall.Contact{{ID: "phone", Kind: oncall.Voice, Address: "+4930123456"}}},
	}}.Compile()
	if err != nil {
		log.Fatal(err)
	}
	policy := escalation.Policy{
		ID:         "db",
		Levels:     []escalation.Level{{ID: "l1", Targets: []escalation.Target{escalation.ToPerson("alice")}, Delay: 5 * time.Minute}},
		LastResort: escalation.LastResort{Targets: []escalation.Target{escalation.ToPerson("boss")}},
	}.MustCompile()

	ctx, stop := context.WithCancel(context.Background())
	paged := make(chan string, 1)
	d, err := dispatch.New(dispatch.Config{
		Store: storage.NewMemory(), Policies: []*escalation.Compiled{policy}, Directory: roster,
		Pager: oncall.PagerFunc(func(_ context.Context, m oncall.Delivery) (oncall.Receipt, error) {
			paged <- fmt.Sprintf("to %s by %s: %s", m.Person, m.Contact, m.Title)
			return oncall.Receipt{ID: "1"}, nil
		}),
	})
	if err != nil {
		log.Fatal(err)
	}
	ended := make(chan error)
	go func() { ended <- d.Run(ctx) }()

	if _, err := d.Trigger(ctx, "db", escalation.Trigger{ID: "db-down", Severity: 1, Title: "no primary"}); err != nil {
		log.Fatal(err)
	}
	fmt.Println(<-paged)
	alice := sre.Actor{Kind: sre.Human, ID: "alice"}
	e, err := d.Ack(ctx, "db-down", dispatch.Command{Actor: alice, Note: "failing over"})
	fmt.Println(e.State.Status, err)
	stop()
	fmt.Println(<-ended)
	// Output:
	// to alice by push phone: no primary
	// acknowledged <nil>
	// <nil>
}
