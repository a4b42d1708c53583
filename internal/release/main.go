// Command release turns the working tree into module versions.
//
//	go run ./internal/release prepare VERSION DIR   the tree of a release, to be committed and tagged
//	go run ./internal/release pack VERSION DIR      the same, packed as a module proxy: GOPROXY=file://DIR
//	go run ./internal/release consumer              packs into a temporary proxy and uses it as a consumer will
//
// In the working tree the modules of this repository find each other through
// replace directives and go.work. Neither reaches a consumer, and go run
// path@version refuses a module that replaces anything; so a release drops the
// directives and requires the siblings at its own version. All modules share
// one version, as they are tested together. A module below a folder named
// internal or testdata is for this repository alone and is never released.
//
// Progress goes to standard error, and only if that is a terminal.
package main

import (
	"context"
	"flag"
	"fmt"
	"os"
	"os/signal"
)

const usage = "usage: release [-repo DIR] prepare VERSION DIR | pack VERSION DIR | consumer"

func main() {
	repo := flag.String("repo", ".", "a `folder` inside the repository")
	flag.Usage = func() { fmt.Fprintln(os.Stderr, usage); flag.PrintDefaults() }
	flag.Parse()

	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt)
	defer stop()
	if err := run(ctx, *repo, flag.Args()); err != nil {
		fmt.Fprintln(os.Stderr, err)
		stop()
		os.Exit(1)
	}
}

func run(ctx context.Context, repo string, args []string) error {
	switch {
	case len(args) == 3 && args[0] == "prepare":
		_, err := Prepare(ctx, repo, args[1], args[2])
		return err
	case len(args) == 3 && args[0] == "pack":
		_, err := Pack(ctx, repo, args[1], args[2])
		return err
	case len(args) == 1 && args[0] == "consumer":
		return Consumer(ctx, repo, os.Stdout)
	}
	return fmt.Errorf("%s", usage)
}

// progress tells somebody who waits what happens; a log needs none of it.
func progress(format string, args ...any) {
	if info, err := os.Stderr.Stat(); err == nil && info.Mode()&os.ModeCharDevice != 0 {
		fmt.Fprintf(os.Stderr, format+"\n", args...)
	}
}
