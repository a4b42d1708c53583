package storage_test

import (
	"encoding/json"
	"errors"
	"flag"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/sre-sdk/sre/storage"
)

var update = flag.Bool("update", false, "write the golden file of the current schema")

// incident is the third schema of a type. The first had name and sev, the
// second title and sev.
type incident struct {
	Title    string `json:"title"`
	Severity string `json:"severity"`
}

var incidents = storage.Schema{Kind: "incident", Upgrades: []func(json.RawMessage) (json.RawMessage, error){
	func(old json.RawMessage) (json.RawMessage, error) {
		var v1 struct {
			Name string `json:"name"`
			Sev  int    `json:"sev"`
		}
		if err := json.Unmarshal(old, &v1); err != nil {
			return nil, err
		}
		return json.Marshal(map[string]any{"title": v1.Name, "sev": v1.Sev})
	},
	func(old json.RawMessage) (json.RawMessage, error) {
		var v2 struct {
			Title string `json:"title"`
			Sev   int    `json:"sev"`
		}
		if err := json.Unmarshal(old, &v2); err != nil {
			return nil, err
		}
		if v2.Sev < 1 || v2.Sev > 4 {
			return nil, fmt.Errorf("severity %d", v2.Sev)
		}
		return json.Marshal(incident{v2.Title, fmt.Sprint("P", v2.Sev)})
	},
}}

// Every schema that was ever released is read, and the current one is written
// as its golden file says.
func TestEveryReleasedSchemaIsRead(t *testing.T) {
	c := storage.NewCollection[incident](storage.NewMemory(), incidents)
	want := incident{"5xx at checkout", "P2"}
	for n := 1; n <= incidents.Version(); n++ {
		golden := filepath.Join("testdata", "incident", fmt.Sprintf("schema%d.json", n))
		if n == incidents.Version() {
			data, err := c.Encode(want)
			if err != nil {
				t.Fatal(err)
			}
			if *update {
				if err := os.WriteFile(golden, append(data, '\n'), 0o644); err != nil {
					t.Fatal(err)
				}
			}
			if d := cmp.Diff(strings.TrimSpace(read(t, golden)), string(data)); d != "" {
				t.Errorf("the current schema is written otherwise than %s (-want +got):\n%s", golden, d)
			}
		}
		if got, err := c.Decode([]byte(read(t, golden))); err != nil || got != want {
			t.Errorf("%s: %+v, %v; want %+v", golden, got, err, want)
		}
	}
}

func read(t testing.TB, name string) string {
	t.Helper()
	data, err := os.ReadFile(name)
	if err != nil {
		t.Fatal(err)
	}
	return string(data)
}

func TestDecodeRefusesWhatItWouldLose(t *testing.T) {
	c := storage.NewCollection[incident](storage.NewMemory(), incidents)
	for _, test := range []struct{ name, data, want string }{
		{"a newer schema", `{"schema":4,"data":{"title":"a"}}`, "a newer one needs a newer program"},
		{"schema 0", `{"schema":0,"data":{}}`, "unknown_schema"},
		{"a negative schema", `{"schema":-1,"data":{}}`, "unknown_schema"},
		{"no schema", `{"data":{"title":"a","severity":"P1"}}`, "unknown_schema"},
		{"an unknown field", `{"schema":3,"data":{"title":"a","severity":"P1","commander":"alice"}}`, "commander"},
		{"an unknown field of the envelope", `{"schema":3,"data":{},"key":"x"}`, "key"},
		{"an upgrade that fails", `{"schema":2,"data":{"title":"a","sev":9}}`, "from schema 2: severity 9"},
		{"no data", `{"schema":3}`, "incident"},
		{"two values", `{"schema":3,"data":{}}{"schema":3,"data":{}}`, "trailing"},
		{"nothing", ``, "incident"},
		{"an array", `[]`, "incident"},
		{"half a value", `{"schema":3,"data":{"title":"a`, "incident"},
	} {
		t.Run(test.name, func(t *testing.T) {
			if v, err := c.Decode([]byte(test.data)); err == nil || !strings.Contains(err.Error(), test.want) {
				t.Errorf("%s: %+v, %v; want an error that says %q", test.data, v, err, test.want)
			}
		})
	}
}

func TestCollectionUpdates(t *testing.T) {
	s, ctx := storage.NewMemory(), t.Context()
	c := storage.NewCollection[incident](s, incidents)
	if item, err := c.Get(ctx, "db"); err != nil || item.Record.Exists() || item.Value != (incident{}) {
		t.Errorf("a value that was never written: %+v, %v", item, err)
	}
	effect := storage.Write{Key: storage.Key{Kind: "incident.effect", ID: "page"}, Due: time.Unix(9, 0)}
	edit := func(intent string, e storage.Edit[incident]) {
		t.Helper()
		if _, err := c.Update(ctx, "db", intent, func(storage.Item[incident]) (storage.Edit[incident], error) { return e, nil }); err != nil {
			t.Fatalf("%s: %v", intent, err)
		}
	}
	edit("declare", storage.Edit[incident]{Value: incident{"down", "P1"}, Note: []byte("declared"), Due: time.Unix(7, 0), Also: []storage.Write{effect}})
	item, err := c.Get(ctx, "db")
	if want := (incident{"down", "P1"}); err != nil || item.Value != want || !item.Record.Due.Equal(time.Unix(7, 0)) {
		t.Errorf("declared: %+v, %v; want %+v, due at 7 s", item, err, want)
	}
	if due, err := s.Due(ctx, "incident.effect", time.Unix(9, 0), 10); err != nil || len(due) != 1 {
		t.Errorf("%d effects are due, %v; want the one of the batch", len(due), err)
	}
	edit("look", storage.Edit[incident]{Value: incident{"up", "P4"}, Keep: true})
	if last, _, _ := s.Get(ctx); last != 1 {
		t.Errorf("an edit that keeps the value made %d entries", last-1)
	}
	edit("close", storage.Edit[incident]{Delete: true})
	if item, err := c.Get(ctx, "db"); err != nil || item.Record.Exists() || item.Value != (incident{}) || item.Record.Version != 2 {
		t.Errorf("deleted: %+v, %v", item, err)
	}
	refused := errors.New("refused")
	if _, err := c.Update(ctx, "db", "refuse", func(storage.Item[incident]) (storage.Edit[incident], error) {
		return storage.Edit[incident]{}, refused
	}); err != refused {
		t.Errorf("an edit that fails: %v", err)
	}
}

// A record of a newer program is neither rewritten nor in the way of others.
func TestANewerSchemaIsLeftAlone(t *testing.T) {
	s, ctx := storage.NewMemory(), t.Context()
	c := storage.NewCollection[incident](s, incidents)
	for id, data := range map[string]string{"a": `{"schema":3,"data":{"title":"a","severity":"P1"}}`, "b": `{"schema":4,"data":{"headline":"b"}}`, "c": `{"schema":1,"data":{"name":"c","sev":3}}`} {
		if _, err := s.Commit(ctx, storage.Batch{ID: id, Writes: []storage.Write{{Key: c.Key(id), Data: []byte(data)}}}); err != nil {
			t.Fatal(err)
		}
	}
	asked := false
	if _, err := c.Update(ctx, "b", "edit", func(storage.Item[incident]) (storage.Edit[incident], error) {
		asked = true
		return storage.Edit[incident]{}, nil
	}); err == nil || asked {
		t.Errorf("a record of a newer schema was given to edit: %v", err)
	}
	var all []string
	for item, err := range c.All(ctx) {
		all = append(all, fmt.Sprint(item.Record.Key.ID, " ", item.Value.Title, " ", err != nil))
	}
	if d := cmp.Diff([]string{"a a false", "b  true", "c c false"}, all); d != "" {
		t.Errorf("All (-want +got):\n%s", d)
	}
	if err := s.Close(); err != nil {
		t.Fatal(err)
	}
	for _, err := range c.All(ctx) {
		if !errors.Is(err, storage.ErrClosed) {
			t.Errorf("All of a closed store: %v", err)
		}
	}
}

// What Decode takes it takes again from what Encode makes of it.
func FuzzDecode(f *testing.F) {
	for n := 1; n <= 3; n++ {
		f.Add([]byte(read(f, filepath.Join("testdata", "incident", fmt.Sprintf("schema%d.json", n)))))
	}
	for _, seed := range []string{`{"schema":3,"data":null}`, `{"schema":4,"data":{}}`, `{"schema":2,"data":{"title":"\ud800","sev":1}}`, `{"SCHEMA":3,"Data":{"TITLE":"x"}}`, `{`, `{"schema":3,"schema":1,"data":{}}`} {
		f.Add([]byte(seed))
	}
	c := storage.NewCollection[incident](storage.NewMemory(), incidents)
	f.Fuzz(func(t *testing.T, data []byte) {
		v, err := c.Decode(data)
		if err != nil {
			if !strings.HasPrefix(err.Error(), "storage: ") {
				t.Errorf("the error does not name the package: %v", err)
			}
			return
		}
		encoded, err := c.Encode(v)
		if err != nil {
			t.Fatalf("%q was decoded to %+v, which cannot be encoded: %v", data, v, err)
		}
		if again, err := c.Decode(encoded); err != nil || again != v {
			t.Errorf("%q was decoded to %+v, then encoded and decoded to %+v, %v", data, v, again, err)
		}
	})
}
