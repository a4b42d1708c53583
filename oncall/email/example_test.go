package email_test

import (
	"context"
	"errors"
	"fmt"
	"strings"

	"github.com/sre-sdk/sre/oncall"
	"github.com/sre-sdk/sre/oncall/email"
)

func Example() {
	pager, err := email.New(email.Config{
		Addr:     "smtp.example.com:587", // STARTTLS, or nothing is sent
		Username: "oncall", Password: "from a secret store",
		From:   "On-call <oncall@example.com>",
		Thread: func(d oncall.Delivery) string { id, _, _ := strings.Cut(d.Key, "/"); return id }, // one thread per escalation
	})
	if err != nil {
		fmt.Println(err)
		return
	}
	page := oncall.Delivery{
		Key: "esc-7/1/alice", Person: "alice", Severity: 1, Title: "checkout is down",
		Contact: oncall.Contact{ID: "mail", Kind: oncall.Email, Address: "alice@example.org\r\nRCPT TO:<eve@example.org>"},
	}
	_, err = pager.Send(context.Background(), page)
	fmt.Println(err)
	fmt.Println("try the next contact:", errors.Is(err, oncall.ErrPermanent))
	// Output:
	// email: email mail: the address is not local@domain in ASCII
	// try the next contact: true
}

// Every problem of a configuration at once.
func ExampleConfig_Validate() {
	fmt.Println(email.Config{
		Addr: "smtp.example.com:25", Security: email.Plain,
		From: "On-call", Username: "oncall", Password: "hunter2",
	}.Validate())
	// Output:
	// email: 3 problems:
	// 	security: not_allowed "plain": want starttls or implicit_tls, because the server is not on this machine
	// 	from: invalid_address "On-call": want an address such as ops@example.com, with a name of at most 100 bytes or without
	// 	password: not_allowed: want none over a connection in clear
}
