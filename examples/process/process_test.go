package main

import (
	"net"
	"path/filepath"
	"regexp"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/sre-sdk/sre"
	"github.com/sre-sdk/sre/budget"
	"github.com/sre-sdk/sre/slo"
	"github.com/sre-sdk/sre/storage"
	"github.com/sre-sdk/sre/storage/sqlite"
)

// The story as a whole: what each deploy was told.
func TestProcess(t *testing.T) {
	listener, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	var out strings.Builder
	path := filepath.Join(t.TempDir(), "process.db")
	if err := run(t.Context(), &out, listener, open(t, path)); err != nil {
		t.Fatal(err)
	}
	var got []string
	for _, line := range regexp.MustCompile(`(?m)^(?:== Deploy: (.*)|decision: (.*)|version (.*)|page (.*))$`).FindAllString(out.String(), -1) {
		got = append(got, strings.TrimPrefix(line, "== "))
	}
	want := []string{
		"Deploy: version 2, a feature", "decision: allow", "version 2 runs",
		"page carol (sms phone, P1): fast-burn of the shop fires",
		"Deploy: version 3, a feature", "decision: hold", "version 2 keeps running",
		"Deploy: back to version 1", "decision: allow", "version 1 runs",
		"Deploy: version 2 with the defect mended", "decision: allow", "version 2.1 runs",
	}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Errorf("the story (-want +got):\n%s\n%s", diff, out.String())
	}
}

func open(t *testing.T, path string) *storage.Store {
	t.Helper()
	db, err := sqlite.Open(t.Context(), path, sqlite.Options{})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { db.Close() })
	return storage.New(db)
}

// What was decided survives the process.
func TestDecisionsSurviveARestart(t *testing.T) {
	path := filepath.Join(t.TempDir(), "process.db")
	rules := policy.MustCompile()
	now := time.Date(2026, 3, 6, 0, 0, 0, 0, time.UTC)
	first := newReleases(open(t, path))
	healthy := rules.Decide([]budget.Status{budget.NewStatus(shop.MustCompile(), now, slo.Counts{Good: 100, Covered: 24 * time.Hour, Span: 24 * time.Hour},
		slo.Counts{Good: 10, Covered: time.Hour, Span: time.Hour}, slo.Counts{Good: 1, Covered: 5 * time.Minute, Span: 5 * time.Minute})},
		budget.Change{ID: "deploy-1", Purpose: budget.Feature}, sre.Unknown, now)
	if err := first.decided(t.Context(), "shop", healthy, version{Name: "7", FailEvery: 1000}); err != nil {
		t.Fatal(err)
	}
	if err := first.store.Close(); err != nil {
		t.Fatal(err)
	}
	second := newReleases(open(t, path))
	got, err := second.Get(t.Context(), "shop")
	if err != nil {
		t.Fatal(err)
	}
	want := release{Version: version{Name: "7", FailEvery: 1000}, Previous: sre.Allow, Deploys: 1}
	if diff := cmp.Diff(want, got.Value); diff != "" {
		t.Errorf("after the restart (-want +got):\n%s", diff)
	}
	history, err := second.history(t.Context())
	if err != nil || len(history) != 1 || !strings.Contains(history[0], "deploy-1") {
		t.Errorf("the log tells %q, %v", history, err)
	}
}
