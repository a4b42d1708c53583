package dispatch_test

import (
	"bytes"
	"context"
	"encoding/json"
	"flag"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/sre-sdk/sre/oncall/dispatch"
	"github.com/sre-sdk/sre/oncall/escalation"
	"github.com/sre-sdk/sre/storage"
)

var update = flag.Bool("update", false, "rewrite testdata")

// What is stored stays readable: a change of this file is a change of format.
func TestStoredFormat(t *testing.T) {
	in(t, func(t *testing.T, ctx context.Context) {
		policy := twoLevels()
		policy.Levels[0].Targets = []escalation.Target{escalation.ToRoundRobin("alice", "bob")}
		w := newWorld(t, func(c *dispatch.Config) { c.NewID = func() string { return "id" } }, policy)
		w.run()
		if _, err := w.TriggerAs(ctx, dispatch.Command{Actor: robot, Key: "alert-1"}, "db", escalation.Trigger{ID: "x", Severity: 1, Title: "no primary"}); err != nil {
			t.Fatal(err)
		}
		synctest.Wait()
		if _, err := w.Ack(ctx, "x", dispatch.Command{Actor: human("alice"), Note: "on it"}); err != nil {
			t.Fatal(err)
		}
		time.Sleep(time.Second)
		var got bytes.Buffer
		for entry, err := range w.store.Log(ctx, 0) {
			if err != nil {
				t.Fatal(err)
			}
			if len(entry.Note) > 0 {
				got.WriteString("note\n" + indent(t, entry.Note))
			}
			for _, rec := range entry.Records {
				if rec.Key.Kind != dispatch.Kind+".effect" { // those are the runner's
					got.WriteString(rec.Key.Kind + "\n" + indent(t, rec.Data))
				}
			}
		}
		file := filepath.Join("testdata", "stored.txt")
		if *update {
			if err := os.MkdirAll("testdata", 0o777); err != nil {
				t.Fatal(err)
			}
			if err := os.WriteFile(file, got.Bytes(), 0o666); err != nil {
				t.Fatal(err)
			}
		}
		want, err := os.ReadFile(file)
		if diff := cmp.Diff(string(want), got.String()); diff != "" || err != nil {
			t.Errorf("%v\n%s", err, diff)
		}
	})
}

func indent(t *testing.T, data []byte) string {
	var b bytes.Buffer
	if err := json.Indent(&b, data, "", "\t"); err != nil {
		t.Fatal(err)
	}
	return b.String() + "\n"
}

// A state of a newer program is left alone, and listed as one that cannot be
// read.
func TestNewerStateIsLeftAlone(t *testing.T) {
	in(t, func(t *testing.T, ctx context.Context) {
		w := newWorld(t, nil)
		w.trigger("x")
		_, records, err := w.store.Get(ctx, storage.Key{Kind: dispatch.Kind, ID: "x"})
		if err != nil {
			t.Fatal(err)
		}
		newer := strings.Replace(string(records[0].Data), `"state":{"schema":1`, `"state":{"schema":9`, 1)
		if _, err := w.store.Commit(ctx, storage.Batch{ID: "newer", Writes: []storage.Write{{Key: records[0].Key, Base: 1, Data: []byte(newer), Due: records[0].Due}}}); err != nil {
			t.Fatal(err)
		}
		if _, err := w.Ack(ctx, "x", by("bob")); err == nil {
			t.Error("acknowledged what this program cannot read")
		}
		for e, err := range w.Open(ctx, "") {
			if e.ID != "x" || err == nil {
				t.Errorf("listed %s, %v", e.ID, err)
			}
		}
		if _, now, _ := w.store.Get(ctx, records[0].Key); string(now[0].Data) != newer {
			t.Error("it was rewritten")
		}
	})
}
