package oncalltest

import (
	"context"
	"errors"
	"fmt"
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
	// does. Break makes it fail or answer nonsense from now on, and Hang makes it
	// take requests and not answer until they are given up; nil if that cannot be.
	// Mend ends all of them.
	Limit, Break, Hang, Mend func()
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
		{"a provider that does not answer is left with the context", hanging},
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
	if n := count(s, s.Bad.Key); n != 0 {
		t.Errorf("the message arrived %d times, want never", n)
	}
}

func limited(t *testing.T, s Subject) {
	if s.Limit == nil {
		t.Skip("the provider never asks for a pause")
	}
	s.Limit()
	var limit oncall.RateLimited
	if _, err := send(t, s, s.Good); !errors.As(err, &limit) || limit.After <= 0 || errors.Is(err, oncall.ErrPermanent) {
		t.Errorf("error %v, want RateLimited with a duration, and nothing permanent", err)
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

func hanging(t *testing.T, s Subject) {
	if s.Hang == nil {
		t.Skip("the provider cannot hang")
	}
	s.Hang()
	const patience, grace = 100 * time.Millisecond, 3 * time.Second
	ctx, cancel := context.WithTimeout(t.Context(), patience)
	defer cancel()
	ended := make(chan error, 1)
	go func() {
		_, err := s.Pager.Send(ctx, s.Good)
		ended <- err
	}()
	select {
	case err := <-ended:
		if err == nil || errors.Is(err, oncall.ErrPermanent) {
			t.Errorf("error %v, want one that says to try again", err)
		}
	case <-time.After(grace):
		t.Fatalf("the call goes on %s after the context was done", grace-patience)
	}
	s.Mend()
	if _, err := send(t, s, s.Good); err != nil {
		t.Errorf("after it answers again: %v", err)
	}
}

func discreet(t *testing.T, s Subject) {
	check := func(what string, d oncall.Delivery) {
		_, err := send(t, s, d)
		if text := fmt.Sprintf("%v %+v", err, err); strings.Contains(text, d.Contact.Address) {
			t.Errorf("the error of %s shows the address: %s", what, text)
		}
	}
	check("a refused delivery", s.Bad)
	for what, fault := range map[string]func(){"a limit": s.Limit, "a broken provider": s.Break} {
		if fault != nil {
			fault()
			check(what, s.Good)
			s.Mend()
		}
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
