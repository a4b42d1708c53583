package etcd_test

import (
	"bytes"
	"context"
	"fmt"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	clientv3 "go.etcd.io/etcd/client/v3"
	"go.uber.org/zap"

	"github.com/sre-sdk/sre/storage"
	"github.com/sre-sdk/sre/storage/etcd"
)

// largest returns the largest batch of the contract: all writes, the longest
// names, and data and note that fill it.
func largest(id string, base storage.Version, due time.Time) storage.Batch {
	long := func(s string) string { return s + strings.Repeat("/", storage.MaxKey-len(s)) }
	b := storage.Batch{ID: long(id), Note: bytes.Repeat([]byte{0xff}, 1000)}
	left := storage.MaxBatch - len(b.ID) - len(b.Note) - storage.MaxWrites*2*storage.MaxKey
	for i := range storage.MaxWrites {
		n := left / (storage.MaxWrites - i)
		left -= n
		b.Writes = append(b.Writes, storage.Write{
			Key: storage.Key{Kind: long("kind"), ID: long(fmt.Sprint(i, "é"))}, Base: base,
			Data: bytes.Repeat([]byte{byte(i)}, n), Due: due.Add(time.Duration(i) * time.Second),
		})
	}
	return b
}

// sameBytes compares long data fast.
var sameBytes = cmp.Comparer(bytes.Equal)

func TestLargestBatchFitsInOneTransaction(t *testing.T) {
	client := startCluster(t, 1, memoryDir(t)).connect(t)
	db := open(t, client, etcd.Options{})
	due := time.Date(2026, 1, 2, 3, 4, 5, 0, time.UTC)
	var want []storage.Entry
	for n := range 3 { // the second and the third also move every timer
		b := largest(fmt.Sprint("batch ", n), storage.Version(n), due.Add(time.Duration(n)*time.Hour))
		e := storage.Entry{Pos: storage.Pos(n + 1), ID: b.ID, Note: b.Note}
		for _, w := range b.Writes {
			e.Records = append(e.Records, storage.Record{Key: w.Key, Version: w.Base + 1, Pos: e.Pos, Data: w.Data, Due: w.Due})
		}
		want = append(want, e)
		if pos := commit(t, db, b); pos != e.Pos {
			t.Fatalf("batch %d: got position %d", e.Pos, pos)
		}
	}
	over := largest("over", 3, due)
	over.Note = append(over.Note, 0)
	_, err := db.Commit(t.Context(), over)
	is(t, "one byte more", err, storage.ErrTooLarge)

	log, err := db.Log(t.Context(), 0, storage.MaxLimit)
	if diff := cmp.Diff(log, want, sameBytes); diff != "" || err != nil {
		t.Errorf("Log: %v (-got +want):\n%s", err, diff)
	}
	timers, err := db.Due(t.Context(), want[0].Records[0].Key.Kind, due.Add(3*time.Hour), storage.MaxLimit)
	if diff := cmp.Diff(timers, want[2].Records, sameBytes); diff != "" || err != nil {
		t.Errorf("Due: %v (-got +want):\n%s", err, diff)
	}
	if err := db.Trim(t.Context(), 4); err != nil {
		t.Errorf("Trim: %v", err)
	}
	history, err := db.History(t.Context(), want[0].Records[0].Key, 2, storage.MaxLimit)
	if diff := cmp.Diff(history, want[2].Records[:1], sameBytes); diff != "" || err != nil {
		t.Errorf("History after Trim: %v (-got +want):\n%s", err, diff)
	}

	// Several at once are more than a request may hold: they go one by one.
	parallel(t, 8, func(i int) error {
		b := largest(fmt.Sprint("at once ", i), 0, due)
		for j := range b.Writes {
			b.Writes[j].Key.Kind = fmt.Sprint("other ", i)
		}
		_, err := db.Commit(t.Context(), b)
		return err
	})
}

// parallel runs n functions at once and fails with their errors.
func parallel(t testing.TB, n int, f func(i int) error) {
	t.Helper()
	var wg sync.WaitGroup
	for i := range n {
		wg.Go(func() {
			if err := f(i); err != nil {
				t.Errorf("caller %d: %v", i, err)
			}
		})
	}
	wg.Wait()
}

func TestClusterWithLowerLimitsRefusesOnlyWhatIsTooLargeForIt(t *testing.T) {
	client := startCluster(t, 1, memoryDir(t), "--max-request-bytes", "65536", "--max-txn-ops", "20").connect(t)
	db := open(t, client, etcd.Options{})
	_, err := db.Commit(t.Context(), storage.Batch{ID: "bytes", Writes: []storage.Write{{Key: storage.Key{Kind: "k", ID: "large"}, Data: make([]byte, 40<<10)}}})
	is(t, "a batch beyond --max-request-bytes", err, storage.ErrTooLarge)
	many := storage.Batch{ID: "ops"}
	for i := range storage.MaxWrites {
		many.Writes = append(many.Writes, storage.Write{Key: storage.Key{Kind: "k", ID: fmt.Sprint(i)}})
	}
	_, err = db.Commit(t.Context(), many)
	is(t, "a batch beyond --max-txn-ops", err, storage.ErrTooLarge)
	parallel(t, 64, func(i int) error { // groups of them are too large, each is not
		_, err := db.Commit(t.Context(), storage.Batch{ID: fmt.Sprint(i), Writes: []storage.Write{{Key: storage.Key{Kind: "k", ID: fmt.Sprint(i)}, Data: make([]byte, 3000)}}})
		return err
	})
	if log, err := db.Log(t.Context(), 0, storage.MaxLimit); len(log) != 64 || err != nil {
		t.Errorf("the log has %d entries, %v; want those of the 64 small batches", len(log), err)
	}
}

func TestFullDatabaseRefusesCommitsAndKeepsAnswering(t *testing.T) {
	c := startCluster(t, 1, memoryDir(t), "--quota-backend-bytes", fmt.Sprint(12<<20))
	client := c.connect(t)
	db := open(t, client, etcd.Options{})
	key := storage.Key{Kind: "k", ID: "grows"}
	batch := func(n int) storage.Batch {
		return storage.Batch{ID: fmt.Sprint(n), Writes: []storage.Write{{Key: key, Base: storage.Version(n), Data: bytes.Repeat([]byte{byte(n)}, 400<<10)}}}
	}
	written := 0
	var err error
	for ; err == nil && written < 100; written++ {
		_, err = db.Commit(t.Context(), batch(written))
	}
	written--
	is(t, "a commit into a full database", err, storage.ErrUnavailable)
	if err != nil && !strings.Contains(err.Error(), "database space exceeded") {
		t.Errorf("the error %q hides that the database is full", err)
	}
	last, records, err := db.Get(t.Context(), key)
	if err != nil || int(last) != written || int(records[0].Version) != written {
		t.Fatalf("Get in a full database: position %d, %v, %v; want the %d batches that were acknowledged", last, records, err, written)
	}

	// What an operator does: drop history, compact, defragment, disarm.
	is(t, "Trim in a full database", db.Trim(t.Context(), last), nil)
	resp, err := client.Get(t.Context(), "revision")
	if err != nil {
		t.Fatal(err)
	}
	if _, err := client.Compact(t.Context(), resp.Header.Revision, clientv3.WithCompactPhysical()); err != nil {
		t.Fatal(err)
	}
	if _, err := client.Defragment(t.Context(), c.nodes[0].client); err != nil {
		t.Fatal(err)
	}
	if _, err := client.AlarmDisarm(t.Context(), &clientv3.AlarmMember{}); err != nil {
		t.Fatal(err)
	}
	if pos := commit(t, db, batch(written)); int(pos) != written+1 {
		t.Errorf("the refused batch again: got position %d, want %d", pos, written+1)
	}
}

func TestStoppedServerIsUnavailableAndTheSameBatchCommitsOnce(t *testing.T) {
	c := startCluster(t, 1, t.TempDir())
	db := open(t, c.connect(t), etcd.Options{Timeout: 300 * time.Millisecond})
	b := storage.Batch{ID: "b", Writes: []storage.Write{{Key: storage.Key{Kind: "k", ID: "a"}}}}
	c.nodes[0].kill()

	_, err := db.Commit(t.Context(), b)
	is(t, "Commit", err, storage.ErrUnavailable)
	_, _, err = db.Get(t.Context(), storage.Key{Kind: "k", ID: "a"})
	is(t, "Get", err, storage.ErrUnavailable)
	is(t, "Wait", db.Wait(t.Context(), 0), storage.ErrUnavailable)
	is(t, "Trim", db.Trim(t.Context(), 1), storage.ErrUnavailable)
	short, cancel := context.WithTimeout(t.Context(), 50*time.Millisecond)
	defer cancel()
	_, err = db.Log(short, 0, 1)
	is(t, "Log with a deadline", err, context.DeadlineExceeded)
	_, err = db.Commit(short, b)
	is(t, "Commit with a deadline", err, context.DeadlineExceeded)

	if err := c.nodes[0].start(); err != nil {
		t.Fatal(err)
	}
	c.ready(t)
	var pos storage.Pos
	poll(t, "a commit", func(ctx context.Context) bool {
		pos, err = db.Commit(ctx, b)
		return err == nil
	})
	if again := commit(t, db, b); pos != 1 || again != 1 {
		t.Errorf("got positions %d and %d, want 1", pos, again)
	}
}

func TestStoreOfANewerVersionIsRefused(t *testing.T) {
	client := startCluster(t, 1, memoryDir(t)).connect(t)
	prefix := newPrefix()
	db := open(t, client, etcd.Options{Prefix: prefix})
	if _, err := client.Put(t.Context(), prefix+"seq", "\x02\x01"); err != nil {
		t.Fatal(err)
	}
	_, err := etcd.Open(t.Context(), client, etcd.Options{Prefix: prefix})
	is(t, "Open", err, storage.ErrUnavailable)
	if err != nil && !strings.Contains(err.Error(), "format 2") {
		t.Errorf("the error %q does not name the format", err)
	}
	_, err = db.Commit(t.Context(), storage.Batch{ID: "b", Writes: []storage.Write{{Key: storage.Key{Kind: "k", ID: "a"}}}})
	is(t, "Commit by a process that was there before", err, storage.ErrUnavailable)
	if resp, err := client.Get(t.Context(), prefix, clientv3.WithPrefix()); err != nil || len(resp.Kvs) != 1 {
		t.Errorf("got %v, %v; want nothing written", resp, err)
	}
}

func TestOptionsAreChecked(t *testing.T) {
	err := etcd.Options{Prefix: "sre", Timeout: -1}.Validate()
	if err == nil || !strings.Contains(err.Error(), "prefix") || !strings.Contains(err.Error(), "timeout") {
		t.Errorf("got %v, want both problems", err)
	}
	if err := (etcd.Options{}).Validate(); err != nil {
		t.Errorf("the zero value: got %v", err)
	}
}

// TestRoleForThePrefixIsEnough holds the role that the package documentation
// recommends.
func TestRoleForThePrefixIsEnough(t *testing.T) {
	c := startCluster(t, 1, memoryDir(t))
	root := c.connect(t)
	for _, step := range []func(ctx context.Context) error{
		func(ctx context.Context) error { _, err := root.UserAdd(ctx, "root", "root"); return err },
		func(ctx context.Context) error { _, err := root.UserGrantRole(ctx, "root", "root"); return err },
		func(ctx context.Context) error { _, err := root.RoleAdd(ctx, "sre"); return err },
		func(ctx context.Context) error {
			_, err := root.RoleGrantPermission(ctx, "sre", etcd.DefaultPrefix, clientv3.GetPrefixRangeEnd(etcd.DefaultPrefix), clientv3.PermissionType(clientv3.PermReadWrite))
			return err
		},
		func(ctx context.Context) error { _, err := root.UserAdd(ctx, "sre", "secret"); return err },
		func(ctx context.Context) error { _, err := root.UserGrantRole(ctx, "sre", "sre"); return err },
		func(ctx context.Context) error { _, err := root.AuthEnable(ctx); return err },
	} {
		if err := step(t.Context()); err != nil {
			t.Fatal(err)
		}
	}
	client, err := clientv3.New(clientv3.Config{Endpoints: c.endpoints(), Username: "sre", Password: "secret", DialTimeout: patience, Logger: zap.NewNop()})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = client.Close() })
	db := open(t, client, etcd.Options{Prefix: etcd.DefaultPrefix})
	key := storage.Key{Kind: "k", ID: "a"}
	grown := make(chan error, 1)
	go func() { grown <- db.Wait(t.Context(), 0) }()
	commit(t, db, storage.Batch{ID: "1", Writes: []storage.Write{{Key: key, Due: time.Unix(1, 0)}}})
	commit(t, db, storage.Batch{ID: "2", Writes: []storage.Write{{Key: key, Base: 1, Delete: true}}})
	is(t, "Wait", <-grown, nil)
	_, err = db.History(t.Context(), key, 0, 10)
	is(t, "History", err, nil)
	_, err = db.List(t.Context(), "k", "", 10)
	is(t, "List", err, nil)
	_, err = db.Due(t.Context(), "k", time.Now(), 10)
	is(t, "Due", err, nil)
	is(t, "Trim", db.Trim(t.Context(), 3), nil)
	_, err = etcd.Open(t.Context(), client, etcd.Options{Prefix: "/other/"})
	is(t, "Open of another prefix", err, storage.ErrUnavailable)
}

func TestReadsSurviveCompaction(t *testing.T) {
	client := startCluster(t, 1, memoryDir(t)).connect(t)
	db := open(t, client, etcd.Options{})
	const n = 300 // more than a page
	parallel(t, n, func(i int) error {
		_, err := db.Commit(t.Context(), storage.Batch{ID: fmt.Sprint(i), Writes: []storage.Write{{Key: storage.Key{Kind: "k", ID: fmt.Sprint(i)}, Due: time.Unix(int64(i), 0)}}})
		return err
	})
	stop := make(chan struct{})
	var wg sync.WaitGroup
	wg.Go(func() {
		for version := storage.Version(0); ; version++ {
			select {
			case <-stop:
				return
			default:
			}
			b := storage.Batch{ID: fmt.Sprint("more ", version), Writes: []storage.Write{{Key: storage.Key{Kind: "other", ID: "k"}, Base: version}}}
			_, err := db.Commit(t.Context(), b)
			resp, err2 := client.Get(t.Context(), "revision")
			if err != nil || err2 != nil {
				t.Errorf("Commit: %v; Get: %v", err, err2)
				return
			}
			if _, err := client.Compact(t.Context(), resp.Header.Revision-5); err != nil && !strings.Contains(err.Error(), "compacted") {
				t.Errorf("Compact: %v", err)
			}
		}
	})
	for range 20 {
		list, err := db.List(t.Context(), "k", "", storage.MaxLimit)
		if len(list) != n || err != nil {
			t.Errorf("List: got %d records, %v; want %d", len(list), err, n)
		}
		due, err := db.Due(t.Context(), "k", time.Unix(n, 0), n)
		if len(due) != n || err != nil {
			t.Errorf("Due: got %d records, %v; want %d", len(due), err, n)
		}
		if log, err := db.Log(t.Context(), 0, n); len(log) != n || err != nil {
			t.Errorf("Log: got %d entries, %v; want %d", len(log), err, n)
		}
	}
	close(stop)
	wg.Wait()
	resp, err := client.Get(t.Context(), "revision")
	if err != nil {
		t.Fatal(err)
	}
	if _, err := client.Compact(t.Context(), resp.Header.Revision); err != nil {
		t.Fatal(err)
	}
	key := storage.Key{Kind: "other", ID: "k"}
	_, records, err := db.Get(t.Context(), key)
	if err != nil {
		t.Fatal(err)
	}
	var versions []storage.Version
	for after := storage.Version(0); after < records[0].Version; after = versions[len(versions)-1] {
		history, err := db.History(t.Context(), key, after, 100)
		if err != nil || len(history) == 0 {
			t.Fatalf("History after %d: %d versions, %v", after, len(history), err)
		}
		for _, r := range history {
			versions = append(versions, r.Version)
		}
	}
	for i, v := range versions {
		if v != storage.Version(i+1) {
			t.Fatalf("version %d comes after %d others", v, i)
		}
	}
}

func TestProcessesTakeTurns(t *testing.T) {
	c := startCluster(t, 1, memoryDir(t))
	const processes, callers, each = 4, 4, 10
	prefix := newPrefix()
	key := storage.Key{Kind: "counter", ID: "shared"}
	stores := make([]*storage.Store, processes)
	for i := range stores {
		stores[i] = storage.New(open(t, c.connect(t), etcd.Options{Prefix: prefix}))
	}
	parallel(t, processes*callers, func(i int) error {
		store, own := stores[i%processes], storage.Key{Kind: "own", ID: fmt.Sprint(i)}
		for n := range each {
			w := storage.Write{Key: own, Base: storage.Version(n)}
			if _, err := store.Commit(t.Context(), storage.Batch{ID: fmt.Sprint(i, " own ", n), Writes: []storage.Write{w}}); err != nil {
				return err
			}
		}
		_, err := store.Update(t.Context(), fmt.Sprint("count ", i), []storage.Key{key}, func(now []storage.Record) (storage.Change, error) {
			return storage.Change{Writes: []storage.Write{{Key: key}}}, nil
		})
		return err
	})
	last, records, err := stores[0].Get(t.Context(), key)
	if want := storage.Pos(processes * callers * (each + 1)); last != want || records[0].Version != processes*callers || err != nil {
		t.Errorf("got position %d, counter %d, %v; want %d and %d", last, records[0].Version, err, want, processes*callers)
	}
}
