package account_test

import (
	"fmt"
	"slices"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/sre-sdk/sre"
	"github.com/sre-sdk/sre/oncall"
	"github.com/sre-sdk/sre/oncall/escalation"
	"github.com/sre-sdk/sre/oncall/escalation/account"
)

func TestFilesOfOneAccountAreJoined(t *testing.T) {
	var a account.Account
	a.Add(account.Account{Policies: []escalation.Policy{{ID: "p"}}, Inexact: []string{"p"}, Urgency: map[string]account.Urgency{"p": account.High}})
	page1 := account.Account{
		People: []account.People{{Urgency: account.High, People: []oncall.Person{{ID: "a"}}}, {Urgency: account.Low, People: []oncall.Person{{ID: "a"}}}},
		Names:  map[string]string{"a": "Alice"}, Emails: map[string]string{"a": "a@example.com"}, Waits: true,
		StartsAfter: map[string]time.Duration{"p": time.Minute}, Dropped: []sre.Problem{{Code: "x"}}, Inexact: []string{"a", "p"},
		Teams: []oncall.Team{{ID: "t"}},
	}
	a.Add(page1)
	a.Add(account.Account{People: []account.People{{Urgency: account.High, People: []oncall.Person{{ID: "b"}}}}})
	want := account.Account{
		Policies: []escalation.Policy{{ID: "p"}},
		People:   []account.People{{Urgency: account.High, People: []oncall.Person{{ID: "a"}, {ID: "b"}}}, {Urgency: account.Low, People: []oncall.Person{{ID: "a"}}}},
		Teams:    []oncall.Team{{ID: "t"}}, Urgency: map[string]account.Urgency{"p": account.High}, StartsAfter: map[string]time.Duration{"p": time.Minute},
		Waits: true, Names: map[string]string{"a": "Alice"}, Emails: map[string]string{"a": "a@example.com"},
		Dropped: []sre.Problem{{Code: "x"}}, Inexact: []string{"a", "p"},
	}
	if diff := cmp.Diff(want, a); diff != "" {
		t.Errorf("joined (-want +got):\n%s", diff)
	}
	if len(page1.People[0].People) != 1 {
		t.Error("what was added has changed")
	}
	if got := a.For(account.Low); len(got) != 1 || a.For(account.Any) != nil {
		t.Errorf("people of low urgency %v", got)
	}
}

func ExampleAccount_Urgencies() {
	a := account.Account{
		People:  []account.People{{Urgency: account.Important}, {Urgency: account.Default}},
		Urgency: map[string]account.Urgency{"db": account.Important},
	}
	fmt.Println(a.Urgencies("db"), a.Urgencies("batch"), slices.Contains(a.Inexact, "db"))
	// Output: [important] [important default] false
}
