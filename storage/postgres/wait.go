package postgres

import (
	"context"
	"fmt"
	"sync"
	"time"

	"github.com/jackc/pgx/v5"

	"github.com/sre-sdk/sre/storage"
)

// watch knows how far the log has grown, and who waits for it. Commits of this
// DB tell it at once; those of others are seen by one poll for all waiters.
type watch struct {
	mu     sync.Mutex
	pos    storage.Pos // the last position seen
	seen   time.Time   // when
	next   *tick       // what the waiters wait for; nil if there are none
	wanted chan struct{}
	hint   chan struct{} // look now
	grown  chan struct{} // this DB committed, for notify
}

// tick ends the waiting of those who wait at one time.
type tick struct {
	after storage.Pos // the least position that one of them has
	done  chan struct{}
	err   error // valid when done
}

func newWatch() *watch {
	return &watch{wanted: make(chan struct{}, 1), hint: make(chan struct{}, 1), grown: make(chan struct{}, 1)}
}

// see reports that this DB committed up to a position.
func (w *watch) see(pos storage.Pos) {
	w.mu.Lock()
	if pos > w.pos {
		w.set(pos)
	}
	w.mu.Unlock()
	signal(w.grown)
}

// set takes a position as the truth, and ends the waiting if somebody waits for
// less. w.mu is held.
func (w *watch) set(pos storage.Pos) {
	w.pos, w.seen = pos, time.Now()
	if w.next != nil && pos > w.next.after {
		w.end(nil)
	}
}

// end ends the waiting. w.mu is held.
func (w *watch) end(err error) {
	if w.next != nil {
		w.next.err = err
		close(w.next.done)
		w.next = nil
	}
}

// join returns what to wait for, or nil if the log is known to be past a
// position. What is known counts while it is fresh: after a failover to a
// server that lags, the log may be shorter than it was.
func (w *watch) join(after storage.Pos, fresh time.Duration) *tick {
	w.mu.Lock()
	defer w.mu.Unlock()
	if w.pos > after && time.Since(w.seen) < fresh {
		return nil
	}
	if w.next == nil {
		w.next = &tick{after: after, done: make(chan struct{})}
	}
	w.next.after = min(w.next.after, after)
	signal(w.wanted)
	return w.next
}

// signal makes sure that a channel of capacity 1 holds something.
func signal(c chan struct{}) {
	select {
	case c <- struct{}{}:
	default:
	}
}

// Wait implements [storage.Backend].
func (db *DB) Wait(ctx context.Context, after storage.Pos) error {
	if err := db.enter(ctx); err != nil {
		return err
	}
	t := db.watch.join(after, db.o.Poll)
	if t == nil {
		return nil
	}
	select {
	case <-t.done:
		return t.err
	case <-ctx.Done():
		return fmt.Errorf("storage: %w", ctx.Err())
	}
}

// poll reads the position every now and then while somebody waits.
func (db *DB) poll(ctx context.Context) {
	w := db.watch
	defer func() {
		w.mu.Lock()
		w.end(storage.ErrClosed)
		w.mu.Unlock()
	}()
	for {
		select {
		case <-w.wanted:
		case <-ctx.Done():
			return
		}
		db.look(ctx)
		timer := time.NewTimer(db.o.Poll)
		select {
		case <-timer.C:
		case <-w.hint:
		case <-ctx.Done():
		}
		timer.Stop()
	}
}

// look reads the position once. If nothing has grown those who wait go on, and
// are looked for again.
func (db *DB) look(ctx context.Context) {
	var pos storage.Pos
	err := db.do(ctx, "wait", func(ctx context.Context) (err error) {
		pos, err = db.position(ctx)
		return err
	})
	w := db.watch
	w.mu.Lock()
	defer w.mu.Unlock()
	switch {
	case ctx.Err() != nil:
		w.end(storage.ErrClosed)
		return
	case err != nil:
		w.end(err)
		return
	}
	w.set(pos)
	if w.next != nil {
		signal(w.wanted)
	}
}

// Hints. Each of the two has a connection of its own, and makes a new one after
// a pause when that breaks.

const reconnect = time.Second

// notify tells other processes, once for what was committed since the last time.
func (db *DB) notify(ctx context.Context) {
	db.hints(ctx, func(conn *pgx.Conn) error {
		for {
			select {
			case <-db.watch.grown:
			case <-ctx.Done():
				return nil
			}
			if _, err := conn.Exec(ctx, `select pg_notify($1::text, '')`, db.o.Schema); err != nil {
				return err
			}
		}
	})
}

// listen looks at the position when another process tells, or this one.
func (db *DB) listen(ctx context.Context) {
	db.hints(ctx, func(conn *pgx.Conn) error {
		if _, err := conn.Exec(ctx, `listen `+db.sql.schema); err != nil {
			return err
		}
		for {
			if _, err := conn.WaitForNotification(ctx); err != nil {
				return err
			}
			signal(db.watch.hint)
		}
	})
}

func (db *DB) hints(ctx context.Context, use func(*pgx.Conn) error) {
	for ctx.Err() == nil {
		if conn, err := db.connect(ctx); err == nil {
			_ = use(conn) // a hint that is lost is no loss: the poll comes
			closing, cancel := context.WithTimeout(context.WithoutCancel(ctx), reconnect)
			_ = conn.Close(closing)
			cancel()
		}
		select {
		case <-time.After(reconnect):
		case <-ctx.Done():
		}
	}
}

// connect makes a connection as the pool does.
func (db *DB) connect(ctx context.Context) (*pgx.Conn, error) {
	config := db.pool.Config()
	if config.BeforeConnect != nil {
		if err := config.BeforeConnect(ctx, config.ConnConfig); err != nil {
			return nil, err
		}
	}
	return pgx.ConnectConfig(ctx, config.ConnConfig)
}
