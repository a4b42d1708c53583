package oncalltest

import (
	"context"
	"errors"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/sre-sdk/sre/oncall"
)

// A Subject is a Pager under test, and what stands behind it.
type Subject struct {
	Pager oncall.Pager

	// Good is a delivery that the provider accepts, Bad one that it refuses for
	// good. The address of both contacts must be recognizable, such as a number
	// that stands nowhere else.
	Good, Bad oncall.Delivery

	// Received returns the keys of the messages that people would have got, each
	// as often as they would have. If the provider tells repetitions by their
	// key, that is once.
	Received func() []string

	// Limit makes the provider ask for a pause from now on; nil if it never
	// does. Break makes it answer nothing or nonsense from now on, and Mend ends
	// both.
	Limit, Break, Mend func()
}

// TestPager checks that a Pager keeps the contract of [oncall.Pager]. open is
// called for each rule, which is the name of its subtest.
func TestPager(t *testing.T, open func(t *testing.T) Subject) {
	for _, rule := range []struct {
		name  string
		check func(*testing.T, Subject)
	}{
		{"an accepted delivery has a receipt and arrives", arrives},
		{"the same key again is no error", repeats},
		{"what never succeeds is permanent", permanent},
		{"a limit says for how long", limited},
		{"a broken provider is no success, and nothing permanent", broken},
		{"a canceled context ends the call", canceled},
		{"no error shows an address", discreet},
		{"concurrent calls all arrive", concurrent},
	} {
		t.Run(rule.name, func(t *testing.T) { rule.check(t, open(t)) })
	}
}

func send(t *testing.T, s Subject, d oncall.Delivery) (oncall.Receipt, error) {
	t.Helper()
	ctx, cancel := context.WithTimeout(t.Context(), 30*time.Second)
	defer cancel()
	return s.Pager.Send(ctx, d)
}

func count(s Subject, key string) (n int) {
	for _, k := range s.Received() {
		if k == key {
			n++
		}
	}
	return n
}

func arrives(t *testing.T, s Subject) {
	receipt, err := send(t, s, s.Good)
	if err != nil {
		t.Fatal(err)
	}
	if receipt.At.IsZero() {
		t.Error("the receipt has no time")
	}
	if n := count(s, s.Good.Key); n != 1 {
		t.Errorf("the message arrived %d times, want once", n)
	}
}

func repeats(t *testing.T, s Subject) {
	for range 2 {
		if _, err := send(t, s, s.Good); err != nil {
			t.Fatal(err)
		}
	}
	if n := count(s, s.Good.Key); n < 1 || n > 2 {
		t.Errorf("the message arrived %d times, want once or twice", n)
	}
}

func permanent(t *testing.T, s Subject) {
	if _, err := send(t, s, s.Bad); !errors.Is(err, oncall.ErrPermanent) {
		t.Errorf("error %v, want ErrPermanent", err)
	}
}

func limited(t *testing.T, s Subject) {
	if s.Limit == nil {
		t.Skip("the provider never asks for a pause")
	}
	s.Limit()
	var limit oncall.RateLimited
	if _, err := send(t, s, s.Good); !errors.As(err, &limit) || limit.After <= 0 {
		t.Errorf("error %v, want RateLimited with a duration", err)
	}
	s.Mend()
	if _, err := send(t, s, s.Good); err != nil {
		t.Errorf("after the pause: %v", err)
	}
}

func broken(t *testing.T, s Subject) {
	if s.Break == nil {
		t.Skip("the provider cannot be broken")
	}
	s.Break()
	if _, err := send(t, s, s.Good); err == nil || errors.Is(err, oncall.ErrPermanent) {
		t.Errorf("error %v, want one that says to try again", err)
	}
	s.Mend()
	if _, err := send(t, s, s.Good); err != nil {
		t.Errorf("after it was mended: %v", err)
	}
}

func canceled(t *testing.T, s Subject) {
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	if _, err := s.Pager.Send(ctx, s.Good); err == nil || errors.Is(err, oncall.ErrPermanent) {
		t.Errorf("error %v, want that of the context", err)
	}
}

func discreet(t *testing.T, s Subject) {
	_, err := send(t, s, s.Bad)
	if err != nil && strings.Contains(err.Error(), s.Bad.Contact.Address) {
		t.Errorf("the error shows the address: %v", err)
	}
	if s.Break == nil {
		return
	}
	s.Break()
	defer s.Mend()
	if _, err := send(t, s, s.Good); err != nil && strings.Contains(err.Error(), s.Good.Contact.Address) {
		t.Errorf("the error of a broken provider shows the address: %v", err)
	}
}

func concurrent(t *testing.T, s Subject) {
	var wg sync.WaitGroup
	for i := range 8 {
		d := s.Good
		d.Key += "-" + string(rune('a'+i))
		wg.Go(func() {
			if _, err := send(t, s, d); err != nil {
				t.Error(err)
			}
		})
	}
	wg.Wait()
	for i := range 8 {
		if key := s.Good.Key + "-" + string(rune('a'+i)); count(s, key) < 1 {
			t.Errorf("%s did not arrive", key)
		}
	}
}
