package incidentstore_test

import (
	"bytes"
	"context"
	"encoding/json"
	"flag"
	"fmt"
	"os"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/sre-sdk/sre/incident"
	"github.com/sre-sdk/sre/incident/incidentstore"
	"github.com/sre-sdk/sre/incident/incidenttest"
)

var update = flag.Bool("update", false, "rewrite the golden files")

// What is stored stays readable by every later version: see that a change of this
// file is one that older data survive.
func TestWhatIsStoredHasThisForm(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		var got bytes.Buffer
		w := newWorld(t, nil)
		w.declare("i", "a1")
		w.declare("root")
		r := ask("bob", incident.SetTitle{Title: "his"})
		r.Key = "k"
		if _, err := w.Do(context.Background(), "i", r); err != nil {
			t.Fatal(err)
		}
		r = ask("carol", incident.SetTitle{Title: "hers"})
		r.Key, r.Seen = "l", 1
		if _, err := w.Do(context.Background(), "i", r); code(err) != incident.RefusedConflict {
			t.Fatal(err)
		}
		w.do("i", "alice", incident.Merge{Into: "root"})
		pretty := func(what string, data []byte) {
			if len(data) == 0 {
				return
			}
			var b bytes.Buffer
			if err := json.Indent(&b, data, "", " "); err != nil {
				t.Fatal(err)
			}
			fmt.Fprintf(&got, "%s\n%s\n\n", what, b.Bytes())
		}
		for e, err := range w.c.Store.Log(context.Background(), 0) {
			if err != nil {
				t.Fatal(err)
			}
			pretty(fmt.Sprint("note ", e.Pos), e.Note)
		}
		for rec := range w.c.Store.List(context.Background(), incidentstore.Kind) {
			pretty(rec.Key.String(), rec.Data)
		}
		w = newWorld(t, nil) // of one incident, since those of several are told at the same time
		w.declare("i")
		w.do("i", "alice", incident.Update{Audience: incident.Public, Text: "x", Next: time.Now().Add(time.Hour)})
		var broken atomic.Bool
		w.outside.Fault = func(context.Context) error {
			if broken.Load() {
				return incidenttest.ErrBroken
			}
			return nil
		}
		w.run(w.Desk)
		later(time.Minute)
		broken.Store(true) // so that something is under way
		w.do("i", "alice", incident.SetTitle{Title: "y"})
		later(time.Second)
		for rec := range w.c.Store.List(context.Background(), "incident.work") {
			pretty(rec.Key.String(), rec.Data)
		}
		const file = "testdata/stored.txt"
		if *update {
			if err := os.WriteFile(file, got.Bytes(), 0o644); err != nil {
				t.Fatal(err)
			}
		}
		want, err := os.ReadFile(file)
		if err != nil {
			t.Fatal(err)
		}
		if diff := cmp.Diff(string(want), got.String()); diff != "" {
			t.Errorf("(-golden +got):\n%s", diff)
		}
	})
}
