package incidenttest

import (
	"context"
	"errors"
	"fmt"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/sre-sdk/sre/incident"
)

// Faults are what can happen to a provider under test. Limit makes it ask for a
// pause from now on; nil if it never does. Break makes it fail or answer nonsense
// from now on, and Hang makes it take requests and not answer until they are given
// up; nil if that cannot be. Mend ends all of them.
type Faults struct {
	Limit, Break, Hang, Mend func()

	// Secret is what gives access; no error may show it.
	Secret string
}

// A call is one of a seam, which can be made again and again.
type call struct {
	name string
	do   func(ctx context.Context) error
}

const (
	patience = 30 * time.Second // bounds calls that should succeed
	grace    = 3 * time.Second  // for a call to end after its context
)

func try(t *testing.T, c call) error {
	t.Helper()
	ctx, cancel := context.WithTimeout(t.Context(), patience)
	defer cancel()
	return c.do(ctx)
}

func must(t *testing.T, c call) {
	t.Helper()
	if err := try(t, c); err != nil {
		t.Fatalf("%s: %v", c.name, err)
	}
}

// permanently checks that an error is final, and discreet.
func permanently(t *testing.T, f Faults, c call) {
	t.Helper()
	err := try(t, c)
	if !errors.Is(err, incident.ErrPermanent) {
		t.Errorf("%s: error %v, want ErrPermanent", c.name, err)
	}
	f.discreet(t, c, err)
}

func (f Faults) discreet(t *testing.T, c call, err error) {
	t.Helper()
	if f.Secret != "" && strings.Contains(fmt.Sprintf("%v %+v", err, err), f.Secret) {
		t.Errorf("the error of %s shows the secret", c.name)
	}
}

// checkFaults checks what the calls answer while something is wrong. open returns
// fresh calls, which succeed when nothing is.
func checkFaults(t *testing.T, open func(t *testing.T) (Faults, []call)) {
	for _, rule := range []struct {
		name  string
		fault func(Faults) func()
		check func(error) string
		short bool // the call is given up
	}{
		{"a limit says for how long", func(f Faults) func() { return f.Limit }, func(err error) string {
			var limit incident.RateLimited
			if !errors.As(err, &limit) || limit.After <= 0 || errors.Is(err, incident.ErrPermanent) {
				return "RateLimited with a duration, and nothing permanent"
			}
			return ""
		}, false},
		{"a broken provider is no success, and nothing permanent", func(f Faults) func() { return f.Break }, again, false},
		{"a provider that does not answer is left with the context", func(f Faults) func() { return f.Hang }, again, true},
		{"a canceled context ends the call", nil, again, false},
	} {
		t.Run(rule.name, func(t *testing.T) {
			f, calls := open(t)
			for _, c := range calls {
				limit := patience
				if rule.short {
					limit = 100 * time.Millisecond
				}
				ctx, cancel := context.WithTimeout(t.Context(), limit)
				if rule.fault == nil {
					cancel()
				} else if fault := rule.fault(f); fault == nil {
					cancel()
					t.Skip("that cannot be")
				} else {
					fault()
				}
				ended := make(chan error, 1)
				go func() { ended <- c.do(ctx) }()
				var err error
				select {
				case err = <-ended:
					cancel()
				case <-ctx.Done():
					select {
					case err = <-ended:
					case <-time.After(grace):
						cancel()
						t.Fatalf("%s goes on %s after the context was done", c.name, grace)
					}
				}
				cancel()
				if want := rule.check(err); want != "" {
					t.Errorf("%s: error %v, want %s", c.name, err, want)
				}
				f.discreet(t, c, err)
				if f.Mend != nil {
					f.Mend()
				}
				must(t, c)
			}
		})
	}
}

func again(err error) string {
	if err == nil || errors.Is(err, incident.ErrPermanent) {
		return "one that says to try again"
	}
	return ""
}

// atOnce makes calls at once; all must succeed.
func atOnce(t *testing.T, calls []call) {
	t.Helper()
	var wg sync.WaitGroup
	for _, c := range calls {
		wg.Go(func() {
			ctx, cancel := context.WithTimeout(context.Background(), patience)
			defer cancel()
			if err := c.do(ctx); err != nil {
				t.Errorf("%s: %v", c.name, err)
			}
		})
	}
	wg.Wait()
}
