package webhook_test

import (
	"context"
	"errors"
	"fmt"
	"io"
	"log"
	"net/http"
	"net/http/httptest"
	"net/netip"

	"github.com/sre-sdk/sre/oncall"
	"github.com/sre-sdk/sre/oncall/webhook"
)

// A delivery leaves one service and is received, verified and once, by another.
func Example() {
	secret := webhook.GenerateSecret() // both sides know it

	receiver, err := webhook.NewReceiver(webhook.ReceiverConfig{
		Secrets: []webhook.Secret{secret},
		Next: http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
			body, _ := io.ReadAll(r.Body) // verified, and in memory
			m, err := webhook.ParseMessage(body)
			if err != nil {
				http.Error(w, err.Error(), http.StatusBadRequest)
				return
			}
			fmt.Println("page", m.Person, "about", m.Title)
		}),
	})
	if err != nil {
		log.Fatal(err)
	}
	server := httptest.NewTLSServer(receiver)
	defer server.Close()

	pager, err := webhook.New(webhook.Config{
		Secrets: []webhook.Secret{secret},
		Private: []netip.Prefix{netip.MustParsePrefix("127.0.0.0/8")},        // the example has no public address
		TLS:     server.Client().Transport.(*http.Transport).TLSClientConfig, // nor a public certificate
	})
	if err != nil {
		log.Fatal(err)
	}
	defer pager.CloseIdleConnections()

	page := oncall.Delivery{
		Key: "esc-7/1/alice", Person: "alice", Severity: 1, Title: "checkout is down",
		Contact: oncall.Contact{ID: "gateway", Kind: oncall.Webhook, Address: server.URL + "/hook"},
	}
	for range 2 { // as after a crash: the same key is handled once
		receipt, err := pager.Send(context.Background(), page)
		fmt.Println(receipt.ID, err)
	}
	// Output:
	// page alice about checkout is down
	// esc-7/1/alice <nil>
	// esc-7/1/alice <nil>
}

// By default nobody who may enter a contact can reach what runs beside the
// pager.
func ExamplePager_Send_blocked() {
	pager, err := webhook.New(webhook.Config{Secrets: []webhook.Secret{webhook.GenerateSecret()}})
	if err != nil {
		log.Fatal(err)
	}
	_, err = pager.Send(context.Background(), oncall.Delivery{
		Key:     "esc-7/1/mallory",
		Contact: oncall.Contact{ID: "metadata", Kind: oncall.Webhook, Address: "https://169.254.169.254/latest"},
	})
	fmt.Println(err)
	fmt.Println(errors.Is(err, oncall.ErrPermanent), errors.Is(err, webhook.ErrBlocked))
	// Output:
	// webhook: webhook metadata: the host is not on the public internet, nor in Private
	// true true
}
