package sqlite

import (
	"context"
	"database/sql"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"runtime"

	"github.com/sre-sdk/sre/storage"
)

// Backup writes a copy of the database to a new file, as of one position, while
// reads and commits go on. The copy is compact and complete: a file that [Open]
// opens, with the log, the history and the IDs. It appears under its name when
// it is whole and on disk; until then it is path + ".part", which an ended
// process may leave behind and the next Backup removes.
//
// It is [storage.ErrInvalid] if path exists. The WAL grows while it runs.
func (d *DB) Backup(ctx context.Context, path string) error {
	if err := d.enter(ctx); err != nil {
		return err
	}
	defer d.use.RUnlock()
	path, err := filepath.Abs(path)
	if err != nil {
		return fmt.Errorf("storage/sqlite: backup: %w: %w", storage.ErrInvalid, err)
	}
	if _, err := os.Lstat(path); err == nil {
		return fmt.Errorf("storage/sqlite: backup: %w: %s: %w", storage.ErrInvalid, path, fs.ErrExist)
	}
	life, cancel := context.WithCancel(ctx)
	defer cancel()
	defer context.AfterFunc(d.life, cancel)() // Close does not wait for the end
	part := path + ".part"
	if err = d.vacuumInto(life, part); err == nil {
		err = publish(part, path)
	}
	if err == nil {
		return nil
	}
	_ = os.Remove(part)
	if d.life.Err() != nil {
		return storage.ErrClosed
	}
	return storage.Unavailable(ctx, "sqlite: backup", err)
}

func (d *DB) vacuumInto(ctx context.Context, path string) error {
	if err := os.Remove(path); err != nil && !errors.Is(err, fs.ErrNotExist) {
		return err
	}
	db, err := sql.Open(d.o.Driver, d.dsn()) // the readers' connections may write nothing, not even another file
	if err != nil {
		return err
	}
	defer db.Close()
	_, err = db.ExecContext(ctx, "VACUUM INTO ?", path)
	return err
}

// publish gives a file its name once it is on disk.
func publish(from, to string) error {
	if err := syncFile(from, os.O_RDWR); err != nil {
		return err
	}
	if err := os.Rename(from, to); err != nil {
		return err
	}
	if runtime.GOOS == "windows" {
		return nil // which syncs no directories
	}
	return syncFile(filepath.Dir(to), os.O_RDONLY)
}

func syncFile(path string, flag int) error {
	f, err := os.OpenFile(path, flag, 0)
	if err != nil {
		return err
	}
	return errors.Join(f.Sync(), f.Close())
}
