package slack_test

import (
	"context"
	"fmt"
	"net/http"
	"net/http/httptest"
	"time"

	"github.com/sre-sdk/sre/oncall"
	"github.com/sre-sdk/sre/oncall/slack"
)

func Example() {
	standIn := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		fmt.Println(r.URL.Path, r.FormValue("channel"), r.FormValue("text"))
		fmt.Fprint(w, `{"ok":true,"channel":"D024BE91L","ts":"1772366400.000100"}`)
	}))
	defer standIn.Close()

	pager, err := slack.New(slack.Config{
		Token:   "xoxb-not-a-token",
		BaseURL: standIn.URL + "/api/", // in production nothing
		Button:  true,
	})
	if err != nil {
		fmt.Println(err)
		return
	}
	receipt, err := pager.Send(context.Background(), oncall.Delivery{
		Key: "esc-7/1/alice", Person: "alice", Severity: 1, Title: "db is down", Link: "https://desk.example.com/7",
		Contact: oncall.Contact{ID: "slack", Kind: oncall.Chat, Address: "U024BE7LH"},
	})
	fmt.Println(receipt.ID, err)
	// Output:
	// /api/chat.postMessage U024BE7LH P1: db is down
	// 1772366400.000100 <nil>
}

func ExampleNewHandler() {
	presses, err := slack.NewHandler(slack.HandlerConfig{
		SigningSecret: signingSecret, // of the app, from the environment
		Acknowledge: func(_ context.Context, p slack.Press) error {
			fmt.Println(p.Actor(), "acknowledges", p.Key) // commit it here, durably
			return nil
		},
	})
	if err != nil {
		fmt.Println(err)
		return
	}
	answer := httptest.NewRecorder()
	presses.ServeHTTP(answer, sign(signingSecret, time.Now(), pressed(slack.ActionAcknowledge, "esc-7/1/alice")))
	fmt.Println(answer.Code)
	// Output:
	// human slack:T1/U0BOB via slack acknowledges esc-7/1/alice
	// 200
}
