package main

import (
	"fmt"
	"io"
	"os"
	"time"
	_ "time/tzdata" // schedules have zones, and small containers have no zone files
)

// The exit statuses; doc.go explains them.
const (
	exitFine   = 0
	exitBroken = 1
	exitInput  = 2
)

func main() { os.Exit(run(os.Args[1:], time.Now(), os.Stdout, os.Stderr)) }

func run(args []string, now time.Time, stdout, stderr io.Writer) int {
	o, help, err := parse(args, now)
	if help {
		fmt.Fprint(stdout, usage())
		return exitFine
	}
	if err != nil {
		fmt.Fprintf(stderr, "%v\nsee reach -help\n", err)
		return exitInput
	}
	progress := progressTo(stderr)
	r, err := analyze(o, progress)
	if err != nil {
		fmt.Fprintln(stderr, err)
		return exitInput
	}
	if o.json {
		err = writeJSON(stdout, r)
	} else {
		err = writeText(stdout, r)
	}
	switch {
	case err != nil:
		fmt.Fprintln(stderr, "reach:", err)
		return exitInput
	case r.Fine || o.tour:
		return exitFine
	}
	return exitBroken
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
	return func(format string, args ...any) { fmt.Fprintf(f, "reach: "+format+"\n", args...) }
}
