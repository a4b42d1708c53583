package main_test

import (
	"path/filepath"
	"strings"
	"testing"
	"time"
)

func TestCalendarPeriodIsDrawnAsFarAsItWent(t *testing.T) {
	server := fake{perMinute: 1000, badPerMinute: 0.3}
	file := write(t, "monthly.yaml", strings.NewReplacer(
		"duration: 30d", "duration: 1M",
		"isRolling: true", "isRolling: false\n      calendar: {startTime: 2026-01-01 00:00:00, timeZone: Europe/Berlin}",
	).Replace(checkoutSLO(t)))
	r := run(t, "-slo", file, "-prometheus", server.start(t), "-at", "2026-04-16T12:00:00+02:00", "-svg", filepath.Join(t.TempDir(), "x.svg"))
	wantRun(t, r, 0, "allow")
	golden(t, "calendar.txt", r.stdout)
}

func TestGapIsMarked(t *testing.T) {
	at := time.Date(2026, time.April, 16, 12, 0, 0, 0, time.UTC)
	server := fake{perMinute: 1000, badPerMinute: 0.3, gapFrom: at.Add(-12 * 24 * time.Hour), gapTo: at.Add(-10 * 24 * time.Hour)}
	r := run(t, "-slo", "testdata/checkout.yaml", "-prometheus", server.start(t), "-at", at.Format(time.RFC3339))
	wantRun(t, r, 0, "allow")
	golden(t, "gap.txt", r.stdout)
}

func TestDeepOverspendingIsCutOffInTheChartOnly(t *testing.T) {
	server := fake{perMinute: 1000, badPerMinute: 4}
	r := run(t, byFlags(server.start(t))...)
	wantRun(t, r, 1, "deny")
	if lowest := " -100% |"; !strings.Contains(r.stdout, lowest) || strings.Contains(r.stdout, " -120% |") || !strings.Contains(r.stdout, "now -300.0% remaining") {
		t.Errorf("want %q as the last row and the number below it:\n%s", lowest, r.stdout)
	}
}
