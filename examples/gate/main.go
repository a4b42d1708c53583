package main

import (
	"context"
	_ "embed"
	"fmt"
	"io"
	"os"
	"os/signal"
	"syscall"
	_ "time/tzdata" // calendar windows have zones, and small containers have no zone files

	"github.com/sre-sdk/sre"
)

// The exit statuses; doc.go explains them.
const (
	exitPass    = 0
	exitRefused = 1
	exitInput   = 2
	exitUnknown = 3
)

func main() {
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt, syscall.SIGTERM)
	status := run(ctx, os.Args[1:], os.Stdout, os.Stderr)
	stop()
	os.Exit(status)
}

func run(ctx context.Context, args []string, stdout, stderr io.Writer) int {
	o, help, err := parse(args)
	if help {
		fmt.Fprint(stdout, usage())
		return exitPass
	}
	if err != nil {
		fmt.Fprintf(stderr, "%s\nsee gate -help\n", printable(err.Error()))
		return exitInput
	}
	for _, note := range o.notes {
		fmt.Fprintln(stderr, "gate: note:", printable(note))
	}
	ctx, cancel := context.WithTimeout(ctx, o.timeout)
	defer cancel()
	r := measure(ctx, o, progressTo(stderr))

	status := statusOf(r.decision.Outcome)
	if err := write(o, r, stdout, stderr); err != nil {
		fmt.Fprintln(stderr, "gate:", printable(err.Error()))
		if status == exitPass {
			status = exitInput
		}
	}
	return status
}

func statusOf(o sre.Outcome) int {
	switch {
	case o.Passes():
		return exitPass
	case o == sre.Hold || o == sre.Deny:
		return exitRefused
	}
	return exitUnknown
}

// progressTo returns a function that tells somebody who waits what happens; a
// log needs none of it.
func progressTo(w io.Writer) func(format string, args ...any) {
	f, ok := w.(*os.File)
	if !ok {
		return func(string, ...any) {}
	}
	if info, err := f.Stat(); err != nil || info.Mode()&os.ModeCharDevice == 0 {
		return func(string, ...any) {}
	}
	return func(format string, args ...any) { fmt.Fprintf(f, "gate: "+format+"\n", args...) }
}
