package escalation_test

import (
	"encoding/binary"
	"hash/maphash"
	"testing"
	"time"

	"pgregory.net/rapid"

	"github.com/sre-sdk/sre"
	"github.com/sre-sdk/sre/internal/lawtest"
	"github.com/sre-sdk/sre/oncall/escalation"
)

func caughtByTimeline(e engine) string {
	return lawtest.Counterexample(300, func(tb *lawtest.Recorder) { rapid.Check(tb, sameTimeline(e)) })
}

// Whatever Decode reads, Encode writes so that it is read again, and no step of
// it runs for ever.
func FuzzDecode(f *testing.F) {
	c := searchPolicies[0]
	s, _, _ := c.Step(escalation.State{}, escalation.Trigger{ID: "e", Severity: 1}, searchDirectories[0], start, nil)
	data, _ := escalation.Encode(s)
	f.Add(data)
	f.Add([]byte(`{"schema":1,"data":{"status":"open","level":"l1","level_due":"2026-03-01T00:00:00+01:00","ack_due":"2026-02-28T23:00:00Z"}}`))
	f.Fuzz(func(t *testing.T, data []byte) {
		s, err := escalation.Decode(data)
		if err != nil {
			return
		}
		kept, err := escalation.Encode(s)
		if err != nil {
			return // an instant that JSON has no text for
		}
		if _, err := escalation.Decode(kept); err != nil {
			t.Fatalf("%s is not read again: %v", kept, err)
		}
		s.Policy = c.Digest()
		for _, in := range []escalation.Input{escalation.Tick{}, escalation.Ack{By: "alice"}, escalation.Undelivered{Entry: s.Entry, Person: "alice", Step: 255}, escalation.Escalate{By: "alice"}} {
			_, _, _ = c.Step(s, in, searchDirectories[0], start.Add(time.Hour), nil)
		}
	})
}

// Any sequence of inputs keeps the invariants that hold after each step.
func FuzzInputs(f *testing.F) {
	f.Add([]byte{0, 10, 4, 9, 1, 200, 8, 3, 7, 7})
	f.Fuzz(func(t *testing.T, data []byte) {
		s := &search{engine: genuine, model: model{severity: 1}, seed: maphash.MakeSeed()}
		w, bad := s.root()
		for i := 0; i+2 < len(data) && i < 300 && bad == nil; i += 3 {
			kind, pause := data[i], time.Duration(binary.BigEndian.Uint16(data[i+1:]))*time.Second/4
			by := actors[int(data[i+1])%len(actors)]
			now := w.now.Add(pause)
			if due := w.state.NextDue(); kind%2 == 0 && !due.IsZero() {
				now = later(w.now, due)
			}
			w, bad = s.input(&w, []escalation.Input{
				escalation.Tick{}, escalation.Ack{By: by}, escalation.Respond{By: by}, escalation.Snooze{By: by, Until: now.Add(pause)},
				escalation.Escalate{By: by}, escalation.Escalate{By: by, To: escalation.LastResortLevel}, escalation.HandOff{By: by, To: "bob"},
				escalation.SetSeverity{By: by, Severity: sre.Severity(data[i+2] % 5)}, escalation.Resolve{By: by}, escalation.AddNote{By: by, Text: "x"},
				escalation.Trigger{ID: "e", Severity: sre.Severity(data[i+2] % 5), Turn: uint64(data[i+2])}, escalation.Tick{},
			}[int(kind/2)%12], now)
		}
		if bad != nil {
			t.Fatalf("invariant %q: %s", bad.invariant, bad.text)
		}
	})
}
