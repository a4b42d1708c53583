//go:build unix

package sqlite_test

import (
	"context"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"syscall"
	"testing"

	"github.com/sre-sdk/sre/storage"
	"github.com/sre-sdk/sre/storage/sqlite"
)

func init() { roles["readonly"] = useReadOnly }

// unprivileged is the user and group "nobody".
const unprivileged = 65534

func TestAFileThatMayNotBeWritten(t *testing.T) {
	dir, err := os.MkdirTemp("", "readonly") // t.TempDir is inside a folder that nobody else enters
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = os.RemoveAll(dir) })
	path := filepath.Join(dir, "store.db")
	db := open(t, path, sqlite.Options{})
	must(t, db, numbered(1))
	if err := db.Close(); err != nil {
		t.Fatal(err)
	}
	if err := os.Chmod(path, 0o444); err != nil {
		t.Fatal(err)
	}
	for mode, name := range map[os.FileMode]string{0o777: "in a folder that may be written", 0o555: "in a folder that may not be written"} {
		if err := os.Chmod(dir, mode); err != nil {
			t.Fatal(err)
		}
		out, err := child(t, "readonly", path, "").Output()
		t.Logf("%s: %s", name, out)
		if err != nil {
			t.Errorf("%s: %v", name, err)
		}
	}
	if err := os.Chmod(dir, 0o700); err != nil {
		t.Fatal(err)
	}
}

// useReadOnly opens a file that it may not write, as a user who may not do
// everything. Either Open says so, or Commit does and reads work.
func useReadOnly(ctx context.Context, path, _ string) error {
	if os.Getuid() == 0 {
		if err := errors.Join(syscall.Setgid(unprivileged), syscall.Setuid(unprivileged)); err != nil {
			return err
		}
	}
	db, err := sqlite.Open(ctx, path, sqlite.Options{})
	if err != nil {
		fmt.Println("Open:", err)
		if !errors.Is(err, storage.ErrUnavailable) {
			return fmt.Errorf("Open: got %w, want %w", err, storage.ErrUnavailable)
		}
		return nil
	}
	defer db.Close()
	if _, err := db.Commit(ctx, numbered(2)); !errors.Is(err, storage.ErrUnavailable) {
		return fmt.Errorf("Commit: got %w, want %w", err, storage.ErrUnavailable)
	} else {
		fmt.Println("Commit:", err)
	}
	log, err := db.Log(ctx, 0, 10)
	if err != nil || len(log) != 1 {
		return fmt.Errorf("Log: %d entries, %w; want 1", len(log), err)
	}
	return nil
}
