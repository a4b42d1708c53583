package etcd_test

import (
	"context"
	"flag"
	"fmt"
	"os"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"github.com/google/go-cmp/cmp/cmpopts"
	clientv3 "go.etcd.io/etcd/client/v3"

	"github.com/sre-sdk/sre/storage"
	"github.com/sre-sdk/sre/storage/etcd"
)

var updateFlag = flag.Bool("update", false, "rewrite testdata")

const goldenFile = "testdata/format1.txt"

// fill commits one of everything: every kind of key and value, names that look
// like separators, timers before 1970 and far ahead, a deletion, a revival, and
// a Trim that leaves a current version without its log entry.
func fill(t *testing.T, b storage.Backend) {
	t.Helper()
	plain, slashes := storage.Key{Kind: "k", ID: "old"}, storage.Key{Kind: "a/b", ID: "c/d\x01é"}
	ahead := time.Date(9999, 12, 31, 23, 59, 59, 999999000, time.UTC)
	for i, batch := range []storage.Batch{
		{Note: []byte("first"), Writes: []storage.Write{{Key: plain, Data: []byte("kept")}, {Key: slashes, Data: []byte{0, 0xff}, Due: time.Unix(-1, 0)}}},
		{Writes: []storage.Write{{Key: slashes, Base: 1, Due: ahead}}},
		{Writes: []storage.Write{{Key: slashes, Base: 2, Delete: true}, {Key: storage.Key{Kind: "a", ID: "b/c"}, Due: time.Unix(1, 0)}}},
		{Note: []byte("again"), Writes: []storage.Write{{Key: slashes, Data: []byte("revived"), Due: time.UnixMicro(1_700_000_000_000_001)}}},
		{Writes: []storage.Write{{Key: storage.Key{Kind: "a", ID: "b/c"}, Base: 1, Delete: true}}},
	} {
		batch.ID = fmt.Sprint("batch/", i+1)
		commit(t, b, batch)
	}
	if err := b.Trim(t.Context(), 2); err != nil {
		t.Fatal(err)
	}
}

// answers are what a filled store says.
func answers(t *testing.T, b storage.Backend) []any {
	t.Helper()
	var all []any
	add := func(v any, err error) { all = append(all, v, fmt.Sprint(err)) }
	ctx := t.Context()
	var keys []storage.Key
	for _, kind := range []string{"a", "a/b", "k"} {
		list, err := b.List(ctx, kind, "", 10)
		add(list, err)
		due, err := b.Due(ctx, kind, time.Date(9999, 12, 31, 23, 59, 59, 999999000, time.UTC), 10)
		add(due, err)
		for _, id := range []string{"old", "c/d\x01é", "b/c"} {
			key := storage.Key{Kind: kind, ID: id}
			keys = append(keys, key)
			for after := range storage.Version(4) {
				history, err := b.History(ctx, key, after, 10)
				add(history, err)
			}
		}
	}
	last, records, err := b.Get(ctx, keys...)
	add(records, err)
	add(last, nil)
	for after := range storage.Pos(6) {
		log, err := b.Log(ctx, after, 10)
		add(log, err)
	}
	return all
}

func TestStoredFormatIsTheGoldenOne(t *testing.T) {
	client := startCluster(t, 1, memoryDir(t)).connect(t)
	prefix := newPrefix()
	fill(t, open(t, client, etcd.Options{Prefix: prefix}))
	resp, err := client.Get(t.Context(), prefix, clientv3.WithPrefix())
	if err != nil {
		t.Fatal(err)
	}
	var b strings.Builder
	for _, kv := range resp.Kvs {
		fmt.Fprintf(&b, "%q %q\n", strings.TrimPrefix(string(kv.Key), prefix), kv.Value)
	}
	if *updateFlag {
		if err := os.WriteFile(goldenFile, []byte(b.String()), 0o666); err != nil {
			t.Fatal(err)
		}
	}
	golden, err := os.ReadFile(goldenFile)
	if err != nil {
		t.Fatal(err)
	}
	if diff := cmp.Diff(strings.Split(b.String(), "\n"), strings.Split(string(golden), "\n")); diff != "" {
		t.Errorf("the stored format changed (-got +golden):\n%s", diff)
	}
}

func TestFormat1IsRead(t *testing.T) {
	client := startCluster(t, 1, memoryDir(t)).connect(t)
	prefix := newPrefix()
	golden, err := os.ReadFile(goldenFile)
	if err != nil {
		t.Fatal(err)
	}
	for line := range strings.Lines(string(golden)) {
		key, value := unquote(t, line)
		if _, err := client.Put(t.Context(), prefix+key, value); err != nil {
			t.Fatal(err)
		}
	}
	memory := storage.NewMemoryBackend()
	fill(t, memory)
	got, want := answers(t, open(t, client, etcd.Options{Prefix: prefix})), answers(t, memory)
	if diff := cmp.Diff(got, want, cmpopts.EquateEmpty()); diff != "" {
		t.Errorf("-got +want:\n%s", diff)
	}
}

func unquote(t *testing.T, line string) (key, value string) {
	t.Helper()
	quoted, err := strconv.QuotedPrefix(line)
	if err == nil {
		key, err = strconv.Unquote(quoted)
	}
	if err == nil {
		value, err = strconv.Unquote(strings.TrimSpace(line[len(quoted):]))
	}
	if err != nil {
		t.Fatalf("%s: %q: %v", goldenFile, line, err)
	}
	return key, value
}

// TestBrokenValuesAreErrors cuts and changes every stored value: each answer is
// then right or ErrUnavailable, never a panic or an invention.
func TestBrokenValuesAreErrors(t *testing.T) {
	client := startCluster(t, 1, memoryDir(t)).connect(t)
	prefix := newPrefix()
	db := open(t, client, etcd.Options{Prefix: prefix})
	fill(t, db)
	resp, err := client.Get(t.Context(), prefix, clientv3.WithPrefix())
	if err != nil {
		t.Fatal(err)
	}
	orphan := prefix + "d/k\x008000000000000000orphan"
	if _, err := client.Put(t.Context(), orphan, ""); err != nil {
		t.Fatal(err)
	}
	_, err = db.Due(t.Context(), "k", time.Now(), 10)
	is(t, "Due with a timer of no record", err, storage.ErrUnavailable)
	for _, kv := range resp.Kvs {
		key := strings.TrimPrefix(string(kv.Key), prefix)
		if strings.HasPrefix(key, "d/") {
			continue // has no value
		}
		for _, broken := range []string{"", string(kv.Value[:len(kv.Value)-1]), string(kv.Value) + "x", "\x01\xff\xff\xff\xff\xff\xff\xff\xff\xff\xff\xff"} {
			if _, err := client.Put(t.Context(), string(kv.Key), broken); err != nil {
				t.Fatal(err)
			}
			if err := useAll(t.Context(), db); err == nil {
				t.Errorf("%q with the value %q: nothing complains", key, broken)
			} else {
				is(t, fmt.Sprintf("%q with the value %q", key, broken), err, storage.ErrUnavailable)
			}
		}
		if _, err := client.Put(t.Context(), string(kv.Key), string(kv.Value)); err != nil {
			t.Fatal(err)
		}
	}
}

// useAll makes calls that read every value of a filled store, and returns the
// first error that is not about trimmed versions.
func useAll(ctx context.Context, db *etcd.DB) error {
	var first error
	see := func(err error) {
		if first == nil {
			first = err
		}
	}
	keys := []storage.Key{{Kind: "k", ID: "old"}, {Kind: "a/b", ID: "c/d\x01é"}, {Kind: "a", ID: "b/c"}}
	_, _, err := db.Get(ctx, keys...)
	see(err)
	_, err = db.Log(ctx, 1, 10)
	see(err)
	for i, after := range []storage.Version{0, 1, 0} {
		_, err = db.History(ctx, keys[i], after, 10)
		see(err)
	}
	for n := 2; n <= 5; n++ { // with other content, so that nothing is written
		_, err = db.Commit(ctx, storage.Batch{ID: fmt.Sprint("batch/", n), Writes: []storage.Write{{Key: keys[0]}}})
		if broken := fmt.Sprint(err); !strings.Contains(broken, "reused") {
			see(err)
		}
	}
	return first
}
