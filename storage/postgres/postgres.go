package postgres

import (
	"context"
	"errors"
	"fmt"
	"strings"
	"sync"
	"sync/atomic"
	"time"
	"unicode/utf8"

	"github.com/jackc/pgx/v5/pgxpool"

	"github.com/sre-sdk/sre"
	"github.com/sre-sdk/sre/storage"
	"github.com/sre-sdk/sre/storage/groupcommit"
)

// Options are the settings of a DB. The zero value is good.
type Options struct {
	// Schema is the name of the schema that holds the tables. Stores of
	// different names are independent of each other: each has its own positions
	// and its own lock. Default: "sre_storage".
	Schema string

	// Poll is how long another process's commits may go unnoticed by Wait. Each
	// DB reads one row that often, and only while somebody waits. At most a
	// second. Default: 200 ms.
	Poll time.Duration

	// Timeout bounds each transaction and each read, so that a connection that
	// hangs ends as [storage.ErrUnavailable]. Default: 10 seconds.
	Timeout time.Duration

	// Notify sends a NOTIFY after each group and listens to those of other
	// processes, so that Wait returns sooner than Poll. It is a hint and nothing
	// depends on it. It takes two connections beside the pool, which must be
	// sessions (no transaction pooling between), and a server that knows
	// LISTEN.
	Notify bool
}

// Defaults and limits of [Options].
const (
	DefaultSchema  = "sre_storage"
	DefaultPoll    = 200 * time.Millisecond
	MaxPoll        = time.Second // a Wait must see growth within two
	DefaultTimeout = 10 * time.Second

	maxIdentifier = 63 // bytes: NAMEDATALEN-1, also the limit of a channel's name
)

// Validate reports every option that cannot be used.
func (o Options) Validate() error {
	var p sre.Problems
	if len(o.Schema) > maxIdentifier || strings.IndexByte(o.Schema, 0) >= 0 || !utf8.ValidString(o.Schema) {
		p.Add("schema", "invalid_name", o.Schema, fmt.Sprintf("at most %d bytes of UTF-8 without NUL", maxIdentifier))
	}
	if o.Poll < 0 || o.Poll > MaxPoll {
		p.Add("poll", "out_of_range", o.Poll, fmt.Sprintf("at most %s", MaxPoll))
	}
	if o.Timeout < 0 {
		p.Add("timeout", "out_of_range", o.Timeout, "a duration above 0, or 0 for the default")
	}
	return p.Err("postgres")
}

func (o Options) withDefaults() Options {
	if o.Schema == "" {
		o.Schema = DefaultSchema
	}
	if o.Poll == 0 {
		o.Poll = DefaultPoll
	}
	if o.Timeout == 0 {
		o.Timeout = DefaultTimeout
	}
	return o
}

// maxReads is how many round trips of Get are under way at the same time: one
// waits for the server while the other is worked on.
const maxReads = 2

// A DB is a [storage.Backend] on a PostgreSQL server. Any number of DBs, in any
// number of processes, may stand on one schema.
type DB struct {
	o     Options
	pool  *pgxpool.Pool
	sql   statements
	queue *groupcommit.Queue
	gets  *groupcommit.Reads
	watch *watch

	closed     atomic.Bool
	closing    sync.Once
	stop       context.CancelFunc // ends the background work
	background sync.WaitGroup
}

var _ storage.Backend = (*DB)(nil)

// Open connects to the server that a connection string names, in the forms and
// with the environment variables of libpq, and creates or migrates the schema.
// The string may also set the pool, such as pool_max_conns=8, and the exec
// mode, such as default_query_exec_mode=simple_protocol; see
// [pgxpool.ParseConfig].
func Open(ctx context.Context, connString string, o Options) (*DB, error) {
	config, err := pgxpool.ParseConfig(connString)
	if err != nil {
		return nil, fmt.Errorf("postgres: %w", err)
	}
	return OpenConfig(ctx, config, o)
}

// OpenConfig is [Open] with a configuration that [pgxpool.ParseConfig] made and
// the caller may have changed. Every exec mode, hook and pool size is fine; one
// connection is enough.
func OpenConfig(ctx context.Context, config *pgxpool.Config, o Options) (*DB, error) {
	if err := o.Validate(); err != nil {
		return nil, err
	}
	o = o.withDefaults()
	pool, err := pgxpool.NewWithConfig(ctx, config.Copy())
	if err != nil {
		return nil, fmt.Errorf("postgres: %w", err)
	}
	db := &DB{o: o, pool: pool, sql: newStatements(o.Schema), watch: newWatch()}
	if err := db.migrate(ctx); err != nil {
		pool.Close()
		return nil, err
	}
	db.queue = groupcommit.New(maxGroup, db.commitGroup)
	db.gets = groupcommit.NewReads(maxReads, db.readKeys)
	run, stop := context.WithCancel(context.Background())
	db.stop = stop
	db.background.Go(func() { db.poll(run) })
	if o.Notify {
		db.background.Go(func() { db.listen(run) })
		db.background.Go(func() { db.notify(run) })
	}
	return db, nil
}

// Close refuses further calls, finishes the commits and reads that are under
// way, and closes the connections.
func (db *DB) Close() error {
	db.closing.Do(func() {
		db.closed.Store(true)
		db.queue.Close()
		db.stop()
		db.background.Wait()
		db.pool.Close()
	})
	return nil
}

// enter checks what every call checks first.
func (db *DB) enter(ctx context.Context) error {
	if err := ctx.Err(); err != nil {
		return fmt.Errorf("storage: %w", err)
	}
	if db.closed.Load() {
		return storage.ErrClosed
	}
	return nil
}

// do runs an operation that may be repeated, until it succeeds or cannot, and
// returns a documented error.
func (db *DB) do(ctx context.Context, doing string, op func(ctx context.Context) error) error {
	bounded, cancel := context.WithTimeout(ctx, db.o.Timeout)
	defer cancel()
	err := db.retry(bounded, op)
	switch {
	case err == nil:
		return nil
	case errors.Is(err, storage.ErrTrimmed):
		return err
	case db.closed.Load() && isPoolClosed(err):
		return storage.ErrClosed
	case ctx.Err() == nil && bounded.Err() != nil:
		// Not the caller's deadline, so it must not look like it.
		err = fmt.Errorf("no answer within %s: %s", db.o.Timeout, err)
	}
	return storage.Unavailable(ctx, doing, err)
}
