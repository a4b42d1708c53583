package sqlite_test

import (
	"os"
	"path/filepath"
	"syscall"
	"testing"

	"github.com/sre-sdk/sre/storage"
	"github.com/sre-sdk/sre/storage/sqlite"
)

// TestAFullDiskIsUnavailableAndNothingIsHalfDone fills a small file system, and
// goes on when there is room again.
func TestAFullDiskIsUnavailableAndNothingIsHalfDone(t *testing.T) {
	dir := t.TempDir()
	if err := syscall.Mount("tmpfs", dir, "tmpfs", 0, "size=4m"); err != nil {
		t.Skipf("a small file system needs the right to mount one: %v", err)
	}
	t.Cleanup(func() {
		if err := syscall.Unmount(dir, syscall.MNT_DETACH); err != nil {
			t.Error(err)
		}
	})
	ballast := filepath.Join(dir, "ballast")
	if err := os.WriteFile(ballast, make([]byte, 1<<20), 0o600); err != nil {
		t.Fatal(err)
	}
	db := open(t, filepath.Join(dir, "store.db"), sqlite.Options{})
	acked := fill(t, db)
	checkFull(t, db, acked)
	if _, err := db.Commit(t.Context(), numbered(0)); err == nil {
		t.Error("a batch with the ID of another one is accepted")
	}
	if err := os.Remove(ballast); err != nil {
		t.Fatal(err)
	}
	b := numbered(acked)
	b.Writes[0].Data = make([]byte, 5000)
	if pos := must(t, db, b); pos != storage.Pos(acked+1) {
		t.Errorf("with room again the next position is %d, want %d", pos, acked+1)
	}
	checkFull(t, db, acked+1)
}
