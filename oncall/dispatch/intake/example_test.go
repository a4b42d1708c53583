package intake_test

import (
	"context"
	"fmt"
	"time"

	"github.com/sre-sdk/sre/oncall"
	"github.com/sre-sdk/sre/oncall/alert"
	"github.com/sre-sdk/sre/oncall/alert/alertmanager"
	"github.com/sre-sdk/sre/oncall/dispatch"
	"github.com/sre-sdk/sre/oncall/dispatch/intake"
	"github.com/sre-sdk/sre/oncall/escalation"
	"github.com/sre-sdk/sre/oncall/routing"
	"github.com/sre-sdk/sre/storage"
)

// From the webhook of Alertmanager to a page, durably.
func Example() {
	ctx, stop := context.WithCancel(context.Background())
	defer stop()
	store, arrived := storage.NewMemory(), make(chan oncall.Delivery, 1)
	people, _ := escalation.Roster{People: []oncall.Person{{ID: "alice", Contacts: []oncall.Contact{{ID: "phone", Kind: oncall.SMS, Address: "+49 30 1"}}}}}.Compile()
	pages, _ := dispatch.New(dispatch.Config{
		Store: store, Policies: []*escalation.Compiled{policyOf("shop")}, Directory: people,
		Pager: oncall.PagerFunc(func(_ context.Context, d oncall.Delivery) (oncall.Receipt, error) {
			arrived <- d
			return oncall.Receipt{ID: d.Key, At: time.Now()}, nil
		}),
	})
	desk, _ := intake.New(intake.Config{
		Store: store, Pages: pages,
		Alerts:  alert.Policy{GroupWait: alert.AtOnce}.MustCompile(),
		Routing: routing.Policy{ID: "main", Default: "shop"}.MustCompile(),
	})
	go pages.Run(ctx)
	go desk.Run(ctx)

	batch, _ := alertmanager.Read([]byte(webhookOf(amAlert("Checkout", "firing"))))
	receipt, err := desk.Receive(ctx, batch)
	fmt.Println(receipt.Alerts, "alert taken,", err)
	page := <-arrived
	fmt.Println("page", page.Person, page.Severity, page.Title)
	// Output:
	// 1 alert taken, <nil>
	// page alice P1 Checkout is down
}
