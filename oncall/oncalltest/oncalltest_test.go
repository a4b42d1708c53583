package oncalltest_test

import (
	"context"
	"errors"
	"fmt"
	"strings"
	"testing"
	"time"

	"github.com/sre-sdk/sre"
	"github.com/sre-sdk/sre/oncall"
	"github.com/sre-sdk/sre/oncall/oncalltest"
)

func delivery(key, address string) oncall.Delivery {
	return oncall.Delivery{Key: key, Person: "alice", Contact: oncall.Contact{ID: "phone", Kind: oncall.SMS, Address: address}, Severity: 1, Title: "db is down"}
}

// subject is the recording pager with its faults.
func subject() oncalltest.Subject {
	var fault error
	p := &oncalltest.Pager{Fail: func(d oncall.Delivery, _ int) error {
		if d.Contact.Address == "+000" {
			return fmt.Errorf("no such number: %w", oncall.ErrPermanent)
		}
		return fault
	}}
	return oncalltest.Subject{
		Pager: p, Good: delivery("good", "+4930123"), Bad: delivery("bad", "+000"),
		Received: func() (keys []string) {
			for _, d := range p.Sent() {
				keys = append(keys, d.Key)
			}
			return keys
		},
		Limit: func() { fault = oncall.RateLimited{After: time.Minute} },
		Break: func() { fault = errors.New("no answer") },
		Mend:  func() { fault = nil },
	}
}

func TestRecordingPagerIsAPager(t *testing.T) {
	oncalltest.TestPager(t, func(*testing.T) oncalltest.Subject { return subject() })
}

func TestAttemptsAreCounted(t *testing.T) {
	p := &oncalltest.Pager{Fail: func(_ oncall.Delivery, attempt int) error {
		if attempt < 3 {
			return errors.New("busy")
		}
		return nil
	}}
	for range 3 {
		p.Send(context.Background(), delivery("k", "x"))
	}
	if n := p.Attempts("k"); n != 3 || len(p.Sent()) != 1 {
		t.Errorf("%d attempts and %d sent, want 3 and 1", n, len(p.Sent()))
	}
}

func TestContactsAreNotPrinted(t *testing.T) {
	d := delivery("k", "+49-secret")
	for _, format := range []string{"%v", "%+v", "%#v", "%s"} {
		if text := fmt.Sprintf(format, d); strings.Contains(text, "secret") {
			t.Errorf("%s shows the address: %s", format, text)
		}
	}
}

func TestPeopleAreChecked(t *testing.T) {
	err := oncall.Person{ID: "a b", Zone: "Mars/Base", Skills: []string{""}, Contacts: []oncall.Contact{
		{ID: "x", Kind: "pigeon", Address: strings.Repeat("secret", 1000)}, {ID: "x", Kind: oncall.SMS}}}.Validate()
	if n := len(sre.ProblemsIn(err)); n != 7 {
		t.Errorf("%d problems, want 7: %v", n, err)
	}
	if strings.Contains(err.Error(), "secret") {
		t.Errorf("the error shows an address: %v", err)
	}
	if err := (oncall.Person{ID: "alice", Zone: "Europe/Berlin", Contacts: []oncall.Contact{{ID: "p", Kind: oncall.Push, Address: "t"}}}).Validate(); err != nil {
		t.Error(err)
	}
}
