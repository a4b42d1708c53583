package sqlite_test

import (
	"database/sql"
	"database/sql/driver"
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/sre-sdk/sre/storage"
	"github.com/sre-sdk/sre/storage/sqlite"
)

func TestANewerSchemaIsRefused(t *testing.T) {
	path := filepath.Join(t.TempDir(), "store.db")
	db := open(t, path, sqlite.Options{})
	must(t, db, numbered(1))
	run(t, rawPath(t, path), fmt.Sprintf(`UPDATE meta SET schema = %d`, sqlite.Schema+1))

	// The program that has it open must not write what it does not understand.
	_, err := db.Commit(t.Context(), numbered(2))
	for _, err := range []error{err, openError(t, path)} {
		var schema *sqlite.SchemaError
		if !errors.As(err, &schema) || schema.Have != sqlite.Schema+1 || !errors.Is(err, storage.ErrUnavailable) {
			t.Errorf("got %v, want a SchemaError about schema %d", err, sqlite.Schema+1)
		}
	}
	run(t, rawPath(t, path), fmt.Sprintf(`UPDATE meta SET schema = %d`, sqlite.Schema))
	if pos := must(t, db, numbered(2)); pos != 2 {
		t.Errorf("the schema is as it was and the next position is %d, want 2", pos)
	}
}

func openError(t testing.TB, path string) error {
	t.Helper()
	db, err := sqlite.Open(t.Context(), path, sqlite.Options{})
	if err == nil {
		_ = db.Close()
		t.Errorf("Open(%s) succeeds", path)
	}
	return err
}

func TestFilesOfOthersAreRefusedAndLeftAlone(t *testing.T) {
	dir := t.TempDir()
	other, garbage := filepath.Join(dir, "other.db"), filepath.Join(dir, "garbage.db")
	run(t, rawPath(t, other), `CREATE TABLE users (name TEXT)`)
	if err := os.WriteFile(garbage, []byte(strings.Repeat("not a database ", 1000)), 0o600); err != nil {
		t.Fatal(err)
	}
	for _, path := range []string{other, garbage} {
		before, err := os.ReadFile(path)
		if err != nil {
			t.Fatal(err)
		}
		var schema *sqlite.SchemaError
		err = openError(t, path)
		if !errors.Is(err, storage.ErrUnavailable) || path == other && !errors.As(err, &schema) {
			t.Errorf("Open(%s): got %v", path, err)
		}
		if after, err := os.ReadFile(path); err != nil || string(after) != string(before) {
			t.Errorf("Open has changed %s (%v)", path, err)
		}
	}
	for _, path := range []string{"", ":memory:", "a\x00b"} {
		if err := openError(t, path); !errors.Is(err, storage.ErrInvalid) {
			t.Errorf("Open(%q): got %v, want %v", path, err, storage.ErrInvalid)
		}
	}
	if err := openError(t, filepath.Join(dir, "absent", "store.db")); !errors.Is(err, storage.ErrUnavailable) {
		t.Errorf("Open in an absent folder: got %v, want %v", err, storage.ErrUnavailable)
	}
}

func TestPathsMayHoldAnything(t *testing.T) {
	for _, name := range []string{"with space.db", "100%.db", "what?.db", "a#b.db", "ü&x=1.db", "file:x.db"} {
		path := filepath.Join(t.TempDir(), name)
		db := open(t, path, sqlite.Options{})
		must(t, db, numbered(1))
		if _, err := os.Stat(path); err != nil {
			t.Error(err)
		}
		if err := db.Backup(t.Context(), filepath.Join(t.TempDir(), name)); err != nil {
			t.Error(err)
		}
	}
}

func TestOptionsReportEverything(t *testing.T) {
	_, err := sqlite.Open(t.Context(), "unused.db", sqlite.Options{Synchronous: 7, BusyTimeout: -1, Readers: -1, Params: "%"})
	if !errors.Is(err, storage.ErrInvalid) {
		t.Errorf("got %v, want %v", err, storage.ErrInvalid)
	}
	for _, path := range []string{"synchronous", "busy_timeout", "readers", "params"} {
		if !strings.Contains(fmt.Sprint(err), path) {
			t.Errorf("%v does not mention %s", err, path)
		}
	}
}

// oldDriver is a driver whose SQLite is too old.
type oldDriver struct{}

func (oldDriver) Open(string) (driver.Conn, error)           { return oldDriver{}, nil }
func (oldDriver) Prepare(string) (driver.Stmt, error)        { return oldDriver{}, nil }
func (oldDriver) Close() error                               { return nil }
func (oldDriver) Begin() (driver.Tx, error)                  { return nil, errors.ErrUnsupported }
func (oldDriver) NumInput() int                              { return 0 }
func (oldDriver) Exec([]driver.Value) (driver.Result, error) { return nil, errors.ErrUnsupported }
func (oldDriver) Query([]driver.Value) (driver.Rows, error)  { return new(oldRows), nil }

type oldRows struct{ done bool }

func (*oldRows) Columns() []string { return []string{"sqlite_version()"} }
func (*oldRows) Close() error      { return nil }
func (r *oldRows) Next(dest []driver.Value) error {
	if r.done {
		return io.EOF
	}
	r.done, dest[0] = true, "3.51.2"
	return nil
}

func TestSQLiteWithTheWALResetBugIsRefused(t *testing.T) {
	sql.Register("old sqlite", oldDriver{})
	_, err := sqlite.Open(t.Context(), filepath.Join(t.TempDir(), "store.db"), sqlite.Options{Driver: "old sqlite"})
	if !errors.Is(err, sqlite.ErrOldSQLite) || !strings.Contains(err.Error(), "3.51.2") {
		t.Errorf("got %v, want %v with the version", err, sqlite.ErrOldSQLite)
	}
	for version, want := range map[string]bool{
		"3.51.2": false, "3.50.9": false, "2.99.99": false, "": false, "x": false, "3.51": false,
		"3.51.3": true, "3.52.0": true, "3.53.4": true, "4.0.0": true,
	} {
		if got := sqlite.SafeVersion(version); got != want {
			t.Errorf("%q is safe: %v, want %v", version, got, want)
		}
	}
}

// fill commits until the store has no room, and returns how many batches were
// acknowledged.
func fill(t *testing.T, db *sqlite.DB) int {
	t.Helper()
	for n := range 1_000_000 {
		b := numbered(n)
		b.Writes[0].Data = make([]byte, 5000)
		if _, err := db.Commit(t.Context(), b); err != nil {
			if !errors.Is(err, storage.ErrUnavailable) {
				t.Fatalf("Commit in a full store: got %v, want %v", err, storage.ErrUnavailable)
			}
			t.Logf("after %d batches: %v", n, err)
			return n
		}
	}
	t.Fatal("the store never was full")
	return 0
}

// checkFull looks at a store after fill.
func checkFull(t *testing.T, db *sqlite.DB, acked int) {
	t.Helper()
	log := entireLog(t, db)
	if len(log) != acked {
		t.Errorf("the log has %d entries, want the %d that were acknowledged", len(log), acked)
	}
	for n, e := range log {
		if want := numbered(n); e.ID != want.ID || len(e.Records) != 1 || len(e.Records[0].Data) != 5000 {
			t.Errorf("entry %d is not the batch %q", e.Pos, want.ID)
		}
	}
}

func TestAFullFileIsUnavailableAndNothingIsHalfDone(t *testing.T) {
	path := filepath.Join(t.TempDir(), "store.db")
	db := open(t, path, sqlite.Options{Params: "_pragma=max_page_count(100)"})
	acked := fill(t, db)
	checkFull(t, db, acked)
	if err := db.Close(); err != nil {
		t.Fatal(err)
	}
	db = open(t, path, sqlite.Options{})
	checkFull(t, db, acked)
	if pos := must(t, db, numbered(acked)); pos != storage.Pos(acked+1) {
		t.Errorf("with room again the next position is %d, want %d", pos, acked+1)
	}
}
