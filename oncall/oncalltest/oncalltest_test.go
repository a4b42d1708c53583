package oncalltest_test

import (
	"context"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"strings"
	"sync"
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
func subject(broken func(oncall.Pager) oncall.PagerFunc) oncalltest.Subject {
	var fault error
	hangs := false
	p := &oncalltest.Pager{Fail: func(d oncall.Delivery, _ int) error {
		if d.Contact.Address == "+000" {
			return fmt.Errorf("no such number: %w", oncall.ErrPermanent)
		}
		return fault
	}}
	good := oncall.PagerFunc(func(ctx context.Context, d oncall.Delivery) (oncall.Receipt, error) {
		if hangs {
			<-ctx.Done()
		}
		return p.Send(ctx, d)
	})
	return oncalltest.Subject{
		Pager: broken(good), Good: delivery("good", "+4930123"), Bad: delivery("bad", "+000"),
		Received: func() (keys []string) {
			for _, d := range p.Sent() {
				keys = append(keys, d.Key)
			}
			return keys
		},
		Limit: func() { fault = oncall.RateLimited{After: time.Minute} },
		Break: func() { fault = errors.New("no answer") },
		Hang:  func() { hangs = true },
		Mend:  func() { fault, hangs = nil, false },
	}
}

func TestRecordingPagerIsAPager(t *testing.T) {
	oncalltest.TestPager(t, func(*testing.T) oncalltest.Subject {
		return subject(func(p oncall.Pager) oncall.PagerFunc { return p.Send })
	})
}

// mutants are pagers that each break a rule, by the rule that must catch it.
var mutants = map[string]func(oncall.Pager) oncall.PagerFunc{
	"an accepted delivery has a receipt and arrives": func(oncall.Pager) oncall.PagerFunc { // forgets it
		return func(context.Context, oncall.Delivery) (oncall.Receipt, error) {
			return oncall.Receipt{At: time.Unix(1, 0)}, nil
		}
	},
	"the same key again is no error": func(p oncall.Pager) oncall.PagerFunc {
		seen := map[string]bool{}
		return func(ctx context.Context, d oncall.Delivery) (oncall.Receipt, error) {
			if seen[d.Key] {
				return oncall.Receipt{}, errors.New("sent already")
			}
			seen[d.Key] = true
			return p.Send(ctx, d)
		}
	},
	"what never succeeds is permanent": errorsBecome(func(err error) error { return errors.New(err.Error()) }),
	"a limit says for how long": errorsBecome(func(err error) error {
		if errors.As(err, new(oncall.RateLimited)) {
			return oncall.RateLimited{}
		}
		return err
	}),
	"a broken provider is no success, and nothing permanent": errorsBecome(func(err error) error {
		if errors.As(err, new(oncall.RateLimited)) || errors.Is(err, context.Canceled) || errors.Is(err, context.DeadlineExceeded) {
			return err
		}
		return oncall.ErrPermanent
	}),
	"a canceled context ends the call": func(p oncall.Pager) oncall.PagerFunc { // looks at it only while it waits
		return func(ctx context.Context, d oncall.Delivery) (oncall.Receipt, error) {
			if ctx.Err() != nil {
				ctx = context.WithoutCancel(ctx)
			}
			return p.Send(ctx, d)
		}
	},
	"a provider that does not answer is left with the context": func(p oncall.Pager) oncall.PagerFunc { // looks at it only once
		return func(ctx context.Context, d oncall.Delivery) (oncall.Receipt, error) {
			if err := ctx.Err(); err != nil {
				return oncall.Receipt{}, err
			}
			return p.Send(context.WithoutCancel(ctx), d)
		}
	},
	"no error shows an address": func(p oncall.Pager) oncall.PagerFunc {
		return func(ctx context.Context, d oncall.Delivery) (oncall.Receipt, error) {
			r, err := p.Send(ctx, d)
			if errors.As(err, new(oncall.RateLimited)) {
				err = fmt.Errorf("sending to %s: %w", d.Contact.Address, err)
			}
			return r, err
		}
	},
	"concurrent calls all arrive": func(p oncall.Pager) oncall.PagerFunc { // one at a time
		var busy sync.Mutex
		return func(ctx context.Context, d oncall.Delivery) (oncall.Receipt, error) {
			if !busy.TryLock() {
				return oncall.Receipt{ID: "later", At: time.Unix(1, 0)}, nil
			}
			defer busy.Unlock()
			time.Sleep(20 * time.Millisecond)
			return p.Send(ctx, d)
		}
	},
}

func errorsBecome(other func(error) error) func(oncall.Pager) oncall.PagerFunc {
	return func(p oncall.Pager) oncall.PagerFunc {
		return func(ctx context.Context, d oncall.Delivery) (oncall.Receipt, error) {
			r, err := p.Send(ctx, d)
			if err != nil {
				err = other(err)
			}
			return r, err
		}
	}
}

// mutantVariable names the mutant that TestMutant, run alone, has to fail.
const mutantVariable = "ONCALLTEST_MUTANT"

func TestMutant(t *testing.T) {
	mutant, ok := mutants[os.Getenv(mutantVariable)]
	if !ok {
		t.Skip("run by TestBrokenPagersAreCaught")
	}
	oncalltest.TestPager(t, func(*testing.T) oncalltest.Subject { return subject(mutant) })
}

// Each mutant fails the rule that it breaks, at least. A failed subtest fails
// its parent, so each runs in a process of its own.
func TestBrokenPagersAreCaught(t *testing.T) {
	for rule := range mutants {
		t.Run(rule, func(t *testing.T) {
			t.Parallel()
			run := exec.CommandContext(t.Context(), os.Args[0], "-test.run=^TestMutant$", "-test.v")
			run.Env = append(os.Environ(), mutantVariable+"="+rule)
			out, err := run.CombinedOutput()
			if want := "--- FAIL: TestMutant/" + strings.ReplaceAll(rule, " ", "_"); err == nil || !strings.Contains(string(out), want) {
				t.Errorf("the mutant ended with %v, want it to fail this rule:\n%s", err, out)
			}
		})
	}
}

func TestFailMayAskThePager(t *testing.T) {
	p := &oncalltest.Pager{}
	p.Fail = func(d oncall.Delivery, attempt int) error {
		if len(p.Sent()) != 0 || p.Attempts(d.Key) != attempt {
			return errors.New("one is enough")
		}
		return nil
	}
	if _, err := p.Send(t.Context(), delivery("k", "x")); err != nil {
		t.Error(err)
	}
	if _, err := p.Send(t.Context(), delivery("l", "x")); err == nil {
		t.Error("the second was accepted")
	}
}

func TestAttemptsAreCounted(t *testing.T) {
	p := &oncalltest.Pager{Fail: func(_ oncall.Delivery, attempt int) error {
		if attempt < 3 {
			return errors.New("busy")
		}
		return nil
	}}
	for range 3 {
		_, _ = p.Send(context.Background(), delivery("k", "x"))
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
