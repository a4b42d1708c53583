package runner_test

import (
	"context"
	"fmt"
	"time"

	"github.com/sre-sdk/sre/storage"
	"github.com/sre-sdk/sre/storage/runner"
)

// A reminder is due at an instant and is sent once.
type reminder struct {
	Text string
	At   time.Time
	Sent bool
}

// Host a machine of one's own: state and effect are committed together, and the
// effect is performed by whichever process gets to it.
func Example() {
	ctx, cancel := context.WithCancel(context.Background())
	r, err := runner.New(runner.Config[reminder, string]{
		Store: storage.NewMemory(),
		Machine: runner.Machine[reminder, string]{
			Kind: "reminder",
			Step: func(s reminder, input string, now time.Time) (reminder, []runner.Effect, error) {
				if input != "" { // a new reminder, due at once
					return reminder{Text: input, At: now}, nil, nil
				}
				s.Sent = true
				return s, []runner.Effect{{ID: "send-" + s.Text, Type: "mail", Payload: []byte(s.Text)}}, nil
			},
			NextDue: func(s reminder) time.Time {
				if s.Sent {
					return time.Time{}
				}
				return s.At
			},
		},
		Handlers: map[string]runner.Handler{"mail": func(_ context.Context, e runner.Effect) ([]byte, error) {
			fmt.Printf("mail %s: %s\n", e.ID, e.Payload)
			return nil, nil
		}},
		Hooks: runner.Hooks{Performed: func(runner.Effect, int) { cancel() }},
	})
	if err != nil {
		fmt.Println(err)
		return
	}
	if _, err := r.Send(ctx, "r1", "", "water-the-plants"); err != nil {
		fmt.Println(err)
		return
	}
	fmt.Println(r.Run(ctx)) // until the mail was sent and that was recorded
	// Output:
	// mail send-water-the-plants: water-the-plants
	// <nil>
}
