package runner_test

import (
	"context"
	"fmt"
	"log"
	"time"

	"github.com/sre-sdk/sre/storage"
	"github.com/sre-sdk/sre/storage/runner"
)

// A reminder is due at an instant and is sent once.
type reminder struct {
	Text string
	Due  time.Time // zero: it was sent
}

// step is the machine: a text is a new reminder, an empty one says that time
// has passed.
func step(s reminder, text string, now time.Time) (reminder, []runner.Effect, error) {
	if text != "" {
		return reminder{Text: text, Due: now}, nil, nil
	}
	return reminder{Text: s.Text}, []runner.Effect{{ID: "mail-" + s.Text, Type: "mail"}}, nil
}

// Host a machine of one's own: state and effect are committed together, and the
// effect is performed by whichever process gets to it.
func Example() {
	ctx, stop := context.WithCancel(context.Background())
	defer stop()
	reminders, err := runner.New(runner.Config[reminder, string]{
		Store:   storage.NewMemory(),
		Machine: runner.Machine[reminder, string]{Kind: "reminder", Step: step, NextDue: func(s reminder) time.Time { return s.Due }},
		Handlers: map[string]runner.Handler{"mail": func(_ context.Context, e runner.Effect) ([]byte, error) {
			fmt.Println("sent", e.ID)
			return nil, nil
		}},
		Hooks: runner.Hooks{Performed: func(runner.Effect, int) { stop() }},
	})
	if err != nil {
		log.Fatal(err)
	}
	if _, err := reminders.Send(ctx, "r1", "", "water-the-plants"); err != nil {
		log.Fatal(err)
	}
	fmt.Println(reminders.Run(ctx)) // until the mail was sent and that was recorded
	// Output:
	// sent mail-water-the-plants
	// <nil>
}
