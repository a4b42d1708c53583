package pagerduty_test

import (
	"context"
	"encoding/json"
	"fmt"
	"net/http"
	"net/http/httptest"

	"github.com/sre-sdk/sre/oncall"
	"github.com/sre-sdk/sre/oncall/pagerduty"
)

func Example() {
	standIn := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		var e struct {
			Action   string `json:"event_action"`
			DedupKey string `json:"dedup_key"`
		}
		json.NewDecoder(r.Body).Decode(&e)
		fmt.Println(e.Action, e.DedupKey)
		w.WriteHeader(http.StatusAccepted)
		fmt.Fprintf(w, `{"status":"success","message":"Event processed","dedup_key":%q}`, e.DedupKey)
	}))
	defer standIn.Close()

	pager, err := pagerduty.New(pagerduty.Config{
		Endpoint:    standIn.URL, // in production pagerduty.EndpointEU, or nothing
		RoutingKeys: map[string]string{"alice": "0123456789abcdef0123456789abcdef"},
	})
	if err != nil {
		fmt.Println(err)
		return
	}
	ctx := context.Background()
	alice := oncall.Contact{ID: "pagerduty", Kind: oncall.Push, Address: "alice"}
	receipt, err := pager.Send(ctx, oncall.Delivery{Key: "esc-7/1/alice", Person: "alice", Contact: alice, Severity: 1, Title: "db is down"})
	fmt.Println("accepted:", receipt.ID, err)
	fmt.Println(pager.Resolve(ctx, alice, receipt.ID))
	// Output:
	// trigger esc-7/1/alice
	// accepted: esc-7/1/alice <nil>
	// resolve esc-7/1/alice
	// <nil>
}
