package sqlite_test

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"regexp"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"github.com/google/go-cmp/cmp/cmpopts"

	"github.com/sre-sdk/sre/storage"
	"github.com/sre-sdk/sre/storage/sqlite"
)

func TestABackupIsTheStoreAtOnePosition(t *testing.T) {
	db := openNew(t)
	for n := range 200 {
		must(t, db, numbered(n))
	}
	stop := make(chan struct{})
	var wg sync.WaitGroup
	wg.Go(func() {
		for n := 200; ; n++ {
			select {
			case <-stop:
				return
			default:
				must(t, db, numbered(n))
			}
		}
	})
	path := filepath.Join(t.TempDir(), "backup.db")
	if err := os.WriteFile(path+".part", []byte("left behind"), 0o600); err != nil {
		t.Fatal(err)
	}
	err := db.Backup(t.Context(), path)
	close(stop)
	wg.Wait()
	if err != nil {
		t.Fatal(err)
	}
	if err := db.Backup(t.Context(), path); !errors.Is(err, storage.ErrInvalid) || !errors.Is(err, fs.ErrExist) {
		t.Errorf("Backup to a file that exists: got %v, want %v and %v", err, storage.ErrInvalid, fs.ErrExist)
	}
	if _, err := os.Stat(path + ".part"); !errors.Is(err, fs.ErrNotExist) {
		t.Errorf("the partial file: got %v, want %v", err, fs.ErrNotExist)
	}
	copied := open(t, path, sqlite.Options{})
	got, want := entireLog(t, copied), entireLog(t, db)
	if len(got) < 200 || len(got) > len(want) {
		t.Fatalf("the backup has %d entries, want 200 to %d", len(got), len(want))
	}
	if d := cmp.Diff(want[:len(got)], got, cmpopts.EquateEmpty()); d != "" {
		t.Errorf("the log of the backup (-want +got):\n%s", d)
	}
	if pos := must(t, copied, numbered(7)); pos != 8 {
		t.Errorf("a batch of before, committed to the backup: position %d, want 8", pos)
	}
}

func TestABackupThatEndsLeavesNothing(t *testing.T) {
	db := openNew(t)
	must(t, db, numbered(1))
	dir := t.TempDir()
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	if err := db.Backup(ctx, filepath.Join(dir, "backup.db")); !errors.Is(err, context.Canceled) {
		t.Errorf("Backup with a context that is done: got %v, want %v", err, context.Canceled)
	}
	if err := db.Backup(t.Context(), filepath.Join(dir, "absent", "backup.db")); !errors.Is(err, storage.ErrUnavailable) {
		t.Errorf("Backup into an absent folder: got %v, want %v", err, storage.ErrUnavailable)
	}
	if err := db.Close(); err != nil {
		t.Fatal(err)
	}
	if err := db.Backup(t.Context(), filepath.Join(dir, "backup.db")); !errors.Is(err, storage.ErrClosed) {
		t.Errorf("Backup of a closed store: got %v, want %v", err, storage.ErrClosed)
	}
	if list, err := os.ReadDir(dir); err != nil || len(list) > 0 {
		t.Errorf("left behind: %v, %v", list, err)
	}
}

func TestTrimWorksInStepsBetweenCommits(t *testing.T) {
	db := openNew(t)
	const entries = 3*sqlite.TrimStep + 10
	var group []storage.Batch
	for n := range entries {
		group = append(group, batch(fmt.Sprint("batch ", n), text("hot", storage.Version(n), fmt.Sprint(n)), text(fmt.Sprint("record ", n), 0, "kept")))
	}
	db.CommitGroup(group...)
	committed := make(chan storage.Pos)
	go func() { committed <- must(t, db, numbered(entries)) }()
	if err := db.Trim(t.Context(), entries); err != nil {
		t.Fatal(err)
	}
	if pos := <-committed; pos != entries+1 {
		t.Errorf("a commit during Trim has position %d, want %d", pos, entries+1)
	}
	var versions, batches int
	raw := rawConn(t, db)
	for query, n := range map[string]*int{`SELECT count(*) FROM versions`: &versions, `SELECT count(*) FROM batches`: &batches} {
		if err := raw.QueryRowContext(t.Context(), query).Scan(n); err != nil {
			t.Fatal(err)
		}
	}
	if want := entries + 2; versions != want || batches != 2 {
		t.Errorf("after Trim there are %d versions and %d batches, want %d and 2", versions, batches, want)
	}
}

func TestTrimEndsWithItsContext(t *testing.T) {
	db := openNew(t)
	var group []storage.Batch
	for n := range 4 * sqlite.TrimStep {
		group = append(group, numbered(n))
	}
	db.CommitGroup(group...)
	ctx, cancel := context.WithTimeout(t.Context(), time.Millisecond)
	defer cancel()
	if err := db.Trim(ctx, storage.Pos(len(group))); err != nil && !errors.Is(err, context.DeadlineExceeded) {
		t.Errorf("got %v, want %v", err, context.DeadlineExceeded)
	}
	if err := db.Trim(t.Context(), storage.Pos(len(group))); err != nil {
		t.Error(err)
	}
	if log, err := db.Log(t.Context(), storage.Pos(len(group)-1), 10); err != nil || len(log) != 1 {
		t.Errorf("after Trim the log has %d entries, %v; want 1", len(log), err)
	}
}

// TestTheQueriesOfThePackageCommentRun runs what doc.go shows.
func TestTheQueriesOfThePackageCommentRun(t *testing.T) {
	db := openNew(t)
	incident := storage.Key{Kind: "incident", ID: "2042"}
	must(t, db, storage.Batch{ID: "declare", Note: []byte("declared"), Writes: []storage.Write{
		{Key: incident, Data: []byte(`{"schema":1,"data":{"severity":1}}`), Due: time.Now().Add(time.Minute)}}})
	must(t, db, storage.Batch{ID: "resolve", Note: []byte("resolved"), Writes: []storage.Write{
		{Key: incident, Base: 1, Data: []byte(`{"schema":1,"data":{"severity":2}}`), Due: time.Now().Add(time.Minute)}}})
	doc, err := os.ReadFile("doc.go")
	if err != nil {
		t.Fatal(err)
	}
	queries := regexp.MustCompile(`(?m)^//\tSELECT(?:.*\n//\t)*?.*;$`).FindAllString(string(doc), -1)
	want := []int{1, 1, 2} // rows
	if len(queries) != len(want) {
		t.Fatalf("doc.go has %d queries, want %d", len(queries), len(want))
	}
	raw := rawConn(t, db)
	for i, query := range queries {
		query = strings.ReplaceAll(query, "//\t", "")
		var got int
		if err := raw.QueryRowContext(t.Context(), "SELECT count(*) FROM ("+strings.TrimSuffix(query, ";")+")").Scan(&got); err != nil || got != want[i] {
			t.Errorf("%s\n%d rows, %v; want %d", query, got, err, want[i])
		}
	}
}
