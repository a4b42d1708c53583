package sqlite

import (
	"context"
	"database/sql"
	"errors"
	"fmt"
	"net/url"
	"path/filepath"
	"runtime"
	"strconv"
	"strings"
	"sync"
	"sync/atomic"
	"time"

	_ "modernc.org/sqlite" // the default driver

	"github.com/sre-sdk/sre"
	"github.com/sre-sdk/sre/storage"
	"github.com/sre-sdk/sre/storage/groupcommit"
)

// Synchronous says what an acknowledged commit survives.
type Synchronous int

const (
	// Full waits for the disk at each commit: an acknowledged batch survives the
	// end of the process, of the system, and of the power.
	Full Synchronous = iota

	// Normal waits for the disk only now and then. An acknowledged batch
	// survives the end of the process, but a power cut or a crash of the system
	// may take the last ones back, silently: in simulated power cuts it took
	// some in most of them, see the package comment. The file is whole and its
	// log consistent, only shorter, so whatever was done outside on the strength
	// of a commit (a page sent, an approval shown) has no trace in it, and
	// positions that were seen are used again for other batches. Use it for what
	// can be computed again.
	Normal
)

// Options configure [Open]. The zero value is a good one.
type Options struct {
	// Synchronous says what an acknowledged commit survives. Default: Full.
	Synchronous Synchronous

	// BusyTimeout is for how long a commit waits while another process writes
	// to the same file. Default: 5 s. At least 1 ms, at most a minute.
	BusyTimeout time.Duration

	// Readers is how many reads run at the same time. Default: 4, or the number
	// of processors if that is more. At most 1000.
	Readers int

	// Driver names a driver of database/sql whose data source name is a URI of
	// SQLite with _pragma parameters. Default: "sqlite", modernc.org/sqlite,
	// which this package registers.
	Driver string

	// Params are further parameters of the data source name, such as "vfs=name".
	// Default: none.
	Params string
}

const (
	defaultBusy    = 5 * time.Second
	defaultReaders = 4
	defaultDriver  = "sqlite"
)

// Validate reports everything that is wrong with the options.
func (o Options) Validate() error {
	var p sre.Problems
	if o.Synchronous != Full && o.Synchronous != Normal {
		p.Add("synchronous", "unknown", int(o.Synchronous), "Full or Normal")
	}
	if o.BusyTimeout != 0 && (o.BusyTimeout < time.Millisecond || o.BusyTimeout > time.Minute) {
		p.Add("busy_timeout", "out_of_range", o.BusyTimeout, "1ms to 1m0s, or 0 for the default")
	}
	if o.Readers < 0 || o.Readers > 1000 {
		p.Add("readers", "out_of_range", o.Readers, "1 to 1000, or 0 for the default")
	}
	if _, err := url.ParseQuery(o.Params); err != nil {
		p.Add("params", "invalid", o.Params, "parameters of a URI, joined by &")
	}
	return p.Err("storage/sqlite")
}

func (o Options) withDefaults() Options {
	if o.BusyTimeout == 0 {
		o.BusyTimeout = defaultBusy
	}
	if o.Readers == 0 {
		o.Readers = max(defaultReaders, runtime.GOMAXPROCS(0))
	}
	if o.Driver == "" {
		o.Driver = defaultDriver
	}
	return o
}

// ErrOldSQLite: the driver carries a SQLite that can damage files.
var ErrOldSQLite = errors.New("storage/sqlite: SQLite before 3.51.3 can damage a database in WAL mode (the WAL-reset bug): use a newer driver")

// A DB is a [storage.Backend] in one file. It is safe for concurrent use, and
// other processes may open the same file.
type DB struct {
	path string
	o    Options

	queue   *groupcommit.Queue
	writing sync.Mutex // guards writer
	writer  *writer    // nil after an error, until the next write
	writeDB *sql.DB    // one connection
	readDB  *sql.DB
	read    reads

	life context.Context // done when Close begins
	stop context.CancelFunc
	use  sync.RWMutex // held for reading by calls that Close waits for
	end  sync.Once

	last  atomic.Uint64 // the last position known here; another process may be further
	mu    sync.Mutex
	grown chan struct{} // closed and replaced when last grows
}

var _ storage.Backend = (*DB)(nil)

// Open opens the database in a file, which it makes if there is none. Close it
// after use.
//
// A file with a newer schema, or of another application, is a [SchemaError];
// an old driver is [ErrOldSQLite]. A file that may not be written opens if its
// schema is current: reads work and commits fail.
func Open(ctx context.Context, path string, o Options) (*DB, error) {
	if err := o.Validate(); err != nil {
		return nil, fmt.Errorf("%w: %w", storage.ErrInvalid, err)
	}
	if path == "" || strings.HasPrefix(path, ":memory:") || strings.IndexByte(path, 0) >= 0 {
		return nil, fmt.Errorf("storage/sqlite: %w: %q is not the path of a file (for a store in memory, see storage.NewMemory)", storage.ErrInvalid, path)
	}
	path, err := filepath.Abs(path)
	if err != nil {
		return nil, storage.Unavailable(ctx, "sqlite: open", err)
	}
	d := &DB{path: path, o: o.withDefaults(), grown: make(chan struct{})}
	d.life, d.stop = context.WithCancel(context.Background())
	d.queue = groupcommit.New(groupLimit, d.commitGroup)
	if err := d.open(ctx); err != nil {
		_ = d.Close()
		return nil, storage.Unavailable(ctx, "sqlite: open "+path, err)
	}
	return d, nil
}

func (d *DB) open(ctx context.Context) (err error) {
	if d.writeDB, err = sql.Open(d.o.Driver, d.dsn()); err != nil {
		return err
	}
	d.writeDB.SetMaxOpenConns(1)
	if err := d.prepareFile(ctx); err != nil {
		return err
	}
	if d.writer, err = d.newWriter(ctx); err != nil {
		return err
	}
	if d.readDB, err = sql.Open(d.o.Driver, d.dsn("query_only(1)")); err != nil {
		return err
	}
	d.readDB.SetMaxOpenConns(d.o.Readers)
	d.readDB.SetMaxIdleConns(d.o.Readers)
	return d.read.prepare(ctx, d.readDB)
}

// walPages is after how many pages of 4 KiB a commit moves the WAL into the
// file. A page that many commits change is moved once, so this is more than
// SQLite's 1000.
const walPages = 4000

// cacheKiB is the page cache of each connection.
const cacheKiB = 8 << 10

// dsn returns the data source name. The pragmas in it are for every connection.
func (d *DB) dsn(pragmas ...string) string {
	path := filepath.ToSlash(d.path)
	if !strings.HasPrefix(path, "/") {
		path = "/" + path // of Windows: file:///C:/...
	}
	u := url.URL{Scheme: "file", Path: path}
	level := "full"
	if d.o.Synchronous == Normal {
		level = "normal"
	}
	pragmas = append([]string{
		"busy_timeout(" + strconv.FormatInt(d.o.BusyTimeout.Milliseconds(), 10) + ")",
		"synchronous(" + level + ")",
		"fullfsync(1)", // of macOS, where fsync alone does not reach the disk
		"checkpoint_fullfsync(1)",
		"wal_autocheckpoint(" + strconv.Itoa(walPages) + ")",
		"cache_size(-" + strconv.Itoa(cacheKiB) + ")",
	}, pragmas...)
	query := url.Values{"_pragma": pragmas, "_txlock": {"immediate"}}.Encode()
	if d.o.Params != "" {
		query += "&" + d.o.Params
	}
	return u.String() + "?" + query
}

// prepareFile checks the version, turns WAL on and brings the schema up.
func (d *DB) prepareFile(ctx context.Context) error {
	c, err := d.writeDB.Conn(ctx)
	if err != nil {
		return err
	}
	defer c.Close()
	var version string
	if err := c.QueryRowContext(ctx, "SELECT sqlite_version()").Scan(&version); err != nil {
		return err
	}
	if !safeVersion(version) {
		return fmt.Errorf("%w; driver %q has %s", ErrOldSQLite, d.o.Driver, version)
	}
	if _, err := lookUpSchema(ctx, c, d.path); err != nil {
		return err // before WAL is turned on in a file that is not ours
	}
	if err := d.useWAL(ctx, c); err != nil {
		return err
	}
	if err := migrate(ctx, c, d.path); err != nil {
		return err
	}
	// A process that was killed may have left commits in the WAL that no disk
	// has seen yet. They are visible from now on, and a repeated batch is
	// acknowledged because of them, so they must be synced first; a checkpoint
	// does that. It fails on a file that may not be written, which is as well.
	_, _ = c.ExecContext(ctx, "PRAGMA wal_checkpoint(PASSIVE)")
	return nil
}

// safeVersion reports whether a version is 3.51.3 or later.
func safeVersion(version string) bool {
	var major, minor, patch int
	if n, _ := fmt.Sscanf(version, "%d.%d.%d", &major, &minor, &patch); n < 3 {
		return false
	}
	return major > 3 || major == 3 && (minor > 51 || minor == 51 && patch >= 3)
}

// useWAL turns WAL on, once in the life of a file. SQLite does not wait for
// other processes then, so this does.
func (d *DB) useWAL(ctx context.Context, c *sql.Conn) error {
	for deadline := time.Now().Add(d.o.BusyTimeout); ; {
		var mode string
		err := c.QueryRowContext(ctx, "PRAGMA journal_mode = wal").Scan(&mode)
		if err == nil && mode == "wal" {
			return nil
		}
		if err == nil {
			return fmt.Errorf("the file cannot be put in WAL mode, but is in mode %q", mode)
		}
		if !busy(err) || time.Now().After(deadline) {
			return err
		}
		select {
		case <-time.After(5 * time.Millisecond):
		case <-ctx.Done():
			return ctx.Err()
		}
	}
}

// busy reports whether an error of one of the two drivers is SQLITE_BUSY.
func busy(err error) bool {
	const sqliteBusy = 5
	if e, ok := errors.AsType[interface {
		error
		Code() int
	}](err); ok { // modernc.org/sqlite
		return e.Code()&0xff == sqliteBusy
	}
	e, ok := errors.AsType[interface {
		error
		Temporary() bool
	}](err) // github.com/ncruces/go-sqlite3
	return ok && e.Temporary()
}

// Path returns the absolute path of the file.
func (d *DB) Path() string { return d.path }

// Close waits for what is under way, and closes the file. A Backup and a Trim
// end early.
func (d *DB) Close() error {
	var err error
	d.end.Do(func() {
		d.stop()
		d.queue.Close()
		d.use.Lock() // waits for calls
		defer d.use.Unlock()
		d.writing.Lock()
		defer d.writing.Unlock()
		d.read.close()
		d.dropWriter()
		for _, db := range []*sql.DB{d.readDB, d.writeDB} {
			if db != nil {
				err = errors.Join(err, db.Close())
			}
		}
		if err != nil {
			err = fmt.Errorf("storage/sqlite: close: %w", err)
		}
	})
	return err
}

// enter begins a call that Close has to wait for. Unless it fails, the caller
// calls d.use.RUnlock at the end.
func (d *DB) enter(ctx context.Context) error {
	if err := ctx.Err(); err != nil {
		return fmt.Errorf("storage: %w", err)
	}
	d.use.RLock()
	if d.life.Err() != nil {
		d.use.RUnlock()
		return storage.ErrClosed
	}
	return nil
}
