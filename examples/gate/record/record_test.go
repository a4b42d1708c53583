package main_test

import (
	"os/exec"
	"testing"
)

// A real Prometheus, filled anew, answers byte for byte what was recorded, and
// the gate asks it nothing that is not in the recording.
func TestRecordingIsReproducible(t *testing.T) {
	if testing.Short() {
		t.Skip("it fills and starts a server")
	}
	for _, name := range []string{"prometheus", "promtool"} {
		if _, err := exec.LookPath(name); err != nil {
			t.Skipf("%v; to enable it: apt-get install prometheus", err)
		}
	}
	if text, err := exec.CommandContext(t.Context(), "go", "run", ".", "-check").CombinedOutput(); err != nil {
		t.Errorf("%v\n%s", err, text)
	}
}
