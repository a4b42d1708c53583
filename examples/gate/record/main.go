// Command record makes the recording that the gate plays back.
//
//	go run ./examples/gate/record          records into examples/gate/testdata
//	go run ./examples/gate/record -check   records again and compares; exits 1 if anything differs
//	go run ./examples/gate/record -serve   keeps the server running, to ask it with gate -prometheus
//
// It needs prometheus and promtool on the PATH (Debian: apt-get install
// prometheus). It fills a Prometheus server with 35 days of a service named
// checkout: real request counts with failures injected (see traffic.go), one
// sample a minute. Then it runs the gate against it at each moment, by each
// policy that has a name, and records every exchange. All of it happens on the loopback interface and in a
// temporary folder, and every run gives the same recording.
package main

import (
	"bytes"
	"context"
	"errors"
	"flag"
	"fmt"
	"net/http/httptest"
	"os"
	"os/exec"
	"os/signal"
	"path/filepath"
	"strings"
	"syscall"
	"time"

	"github.com/sre-sdk/sre/budget"
	"github.com/sre-sdk/sre/examples/gate/internal/recording"
)

func main() {
	check := flag.Bool("check", false, "compare with the recording that is there instead of writing it")
	serve := flag.Bool("serve", false, "keep the filled server running until interrupted; record nothing")
	flag.Parse()
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt, syscall.SIGTERM)
	err := run(ctx, *check, *serve)
	stop()
	if err != nil {
		fmt.Fprintln(os.Stderr, "record:", err)
		os.Exit(1)
	}
}

func run(ctx context.Context, check, serve bool) error {
	gateDir, err := output(ctx, "go", "list", "-f", "{{.Dir}}", "github.com/sre-sdk/sre/examples/gate")
	if err != nil {
		return err
	}
	tmp, err := os.MkdirTemp("", "record-")
	if err != nil {
		return err
	}
	defer os.RemoveAll(tmp)

	data := filepath.Join(gateDir, "testdata")
	requests, err := readRequests(filepath.Join(data, "requests-per-minute.txt.gz"))
	if err != nil {
		return err
	}
	server, err := start(ctx, tmp, requests)
	if err != nil {
		return err
	}
	defer server.stop()
	slo := filepath.Join(data, "checkout.yaml")
	if serve {
		fmt.Printf("prometheus is at %s until you interrupt this; in another terminal:\n\n", server.url)
		for _, m := range recording.Moments() {
			fmt.Printf("  go run ./examples/gate -slo %s -prometheus %s -at %s\n", slo, server.url, m.At.Format(time.RFC3339))
		}
		<-ctx.Done()
		return nil
	}
	now, err := record(ctx, server, gateDir, slo, tmp)
	if err != nil {
		return err
	}
	file := filepath.Join(data, "recording.jsonl")
	var encoded bytes.Buffer
	if err := now.Encode(&encoded); err != nil {
		return err
	}
	fmt.Printf("%d exchanges with %s, %d bytes\n", len(now.Exchanges), now.Server, encoded.Len())
	if !check {
		return os.WriteFile(file, encoded.Bytes(), 0o644)
	}
	before, err := os.ReadFile(file)
	if err == nil && !bytes.Equal(before, encoded.Bytes()) {
		err = fmt.Errorf("%s differs: run the command without -check and look at the difference", file)
	}
	return err
}

// policies are those that need no file: with each of them the recording answers.
var policies = []budget.Policy{budget.Workbook(), budget.SLOGenerator(), budget.Tiered()}

// record runs the gate at each moment, through something that listens in.
func record(ctx context.Context, server *server, gateDir, slo, tmp string) (*recording.Recording, error) {
	gate := filepath.Join(tmp, "gate")
	if _, err := output(ctx, "go", "build", "-o", gate, gateDir); err != nil {
		return nil, err
	}
	capture := recording.NewCapture(server.url, server.version)
	proxy := httptest.NewServer(capture)
	defer proxy.Close()
	for _, m := range recording.Moments() {
		fmt.Printf("%s, %s: %s\n", m.Name, m.At.Format(time.RFC3339), m.Says)
		for _, policy := range policies {
			cmd := exec.CommandContext(ctx, gate, "-slo", slo, "-prometheus", proxy.URL, "-at", m.At.Format(time.RFC3339), "-policy", policy.Name)
			var failure bytes.Buffer
			cmd.Stderr = &failure
			text, err := cmd.Output()
			// Not passing is an answer; anything else that ends the gate is not.
			if status := (*exec.ExitError)(nil); err != nil && !(errors.As(err, &status) && status.ExitCode() == 1) {
				return nil, fmt.Errorf("the gate at the moment %s by policy %s: %w\n%s%s", m.Name, policy.Name, err, text, failure.Bytes())
			}
			decision, _, _ := strings.Cut(string(text), "\n")
			fmt.Printf("  %-14s %s\n", policy.Name, decision)
		}
	}
	return capture.Recording()
}

// output runs a command and returns what it prints; an error carries what it
// complains about.
func output(ctx context.Context, name string, args ...string) (string, error) {
	text, err := exec.CommandContext(ctx, name, args...).Output()
	if status := (*exec.ExitError)(nil); errors.As(err, &status) {
		return "", fmt.Errorf("%s: %w\n%s", strings.Join(append([]string{name}, args...), " "), err, status.Stderr)
	}
	return strings.TrimSpace(string(text)), err
}
