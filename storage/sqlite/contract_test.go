package sqlite_test

import (
	"fmt"
	"path/filepath"
	"sync"
	"testing"

	"github.com/sre-sdk/sre/storage"
	"github.com/sre-sdk/sre/storage/sqlite"
	"github.com/sre-sdk/sre/storage/storagetest"
)

// open opens a database and closes it with the test.
func open(t testing.TB, path string, o sqlite.Options) *sqlite.DB {
	t.Helper()
	db, err := sqlite.Open(t.Context(), path, o)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := db.Close(); err != nil {
			t.Error(err)
		}
	})
	return db
}

// openNew opens a database in a new file.
func openNew(t testing.TB) *sqlite.DB {
	t.Helper()
	return open(t, filepath.Join(t.TempDir(), "store.db"), sqlite.Options{})
}

// files knows where the databases of a suite are, so that they can be reopened.
type files struct {
	sync.Map // *sqlite.DB -> string
}

func (f *files) open(t testing.TB, path string) storage.Backend {
	db := open(t, path, sqlite.Options{})
	f.Store(db, path)
	return db
}

func (f *files) options() storagetest.Options {
	return storagetest.Options{
		Open: func(t testing.TB) storage.Backend {
			return f.open(t, filepath.Join(t.TempDir(), "store.db"))
		},
		Reopen: func(t testing.TB, b storage.Backend) storage.Backend {
			path, ok := f.LoadAndDelete(b)
			if err := b.Close(); !ok || err != nil {
				t.Fatalf("closing %v: %v", b, err)
			}
			return f.open(t, path.(string))
		},
		Bare: bare,
	}
}

func TestContract(t *testing.T) {
	storagetest.Run(t, new(files).options())
}

func key(id string) storage.Key { return storage.Key{Kind: "k", ID: id} }

func batch(id string, writes ...storage.Write) storage.Batch {
	return storage.Batch{ID: id, Note: []byte("note of " + id), Writes: writes}
}

func text(id string, base storage.Version, data string) storage.Write {
	return storage.Write{Key: key(id), Base: base, Data: []byte(data)}
}

// must commits a batch that has to succeed.
func must(t testing.TB, b storage.Backend, batch storage.Batch) storage.Pos {
	t.Helper()
	pos, err := b.Commit(t.Context(), batch)
	if err != nil {
		t.Fatalf("Commit(%s): %v", batch.ID, err)
	}
	return pos
}

// entireLog reads the log.
func entireLog(t testing.TB, b storage.Backend) []storage.Entry {
	t.Helper()
	var all []storage.Entry
	for {
		page, err := b.Log(t.Context(), storage.Pos(len(all)), storage.MaxLimit)
		if err != nil {
			t.Fatal(err)
		}
		for _, e := range page {
			if want := storage.Pos(len(all) + 1); e.Pos != want {
				t.Fatalf("the log has position %d where %d should be", e.Pos, want)
			}
			all = append(all, e)
		}
		if len(page) == 0 {
			return all
		}
	}
}

func numbered(n int) storage.Batch {
	return batch(fmt.Sprint("batch ", n), text(fmt.Sprint("record ", n), 0, fmt.Sprint("data ", n)))
}
