package postgres

import (
	"context"
	"errors"
	"math/rand/v2"
	"time"

	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/pgconn"
	"github.com/jackc/puddle/v2"

	"github.com/sre-sdk/sre/storage"
)

// What an error says about trying again. The classes are those of appendix A of
// the PostgreSQL manual, "Error Codes".
type verdict int

const (
	final    verdict = iota // nothing to gain
	again                   // the transaction was undone and may succeed if repeated
	lostConn                // the connection is gone, another one may serve
)

// judge classifies an error of an operation.
func judge(err error) verdict {
	var connect *pgconn.ConnectError
	if errors.As(err, &connect) || isPoolClosed(err) {
		return final // there is no server to talk to
	}
	for _, own := range []error{ErrSchema, storage.ErrTrimmed, pgx.ErrNoRows} {
		if errors.Is(err, own) {
			return final
		}
	}
	var pg *pgconn.PgError
	if !errors.As(err, &pg) {
		return lostConn
	}
	switch pg.Code {
	case "40001", // serialization_failure; routine on CockroachDB and YugabyteDB
		"40P01",          // deadlock_detected
		"23505",          // unique_violation: somebody was faster
		"42P06",          // duplicate_schema, of a concurrent migration
		"42P07", "42710": // duplicate_table, duplicate_object, likewise
		return again
	case "57P01", "57P02", "57P05", "25P03": // admin_shutdown, crash_shutdown, idle_session_timeout, idle_in_transaction_session_timeout
		return lostConn
	}
	if pg.Code[:min(2, len(pg.Code))] == "08" { // connection_exception
		return lostConn
	}
	return final
}

// poisoned reports whether the server refused what it was sent, so that another
// batch of the group may be to blame: not for lack of a connection, of
// resources (class 53), or by an operator (57).
func poisoned(err error) bool {
	var pg *pgconn.PgError
	if !errors.As(err, &pg) || judge(err) != final {
		return false
	}
	switch pg.Code[:min(2, len(pg.Code))] {
	case "53", "57", "58", "25", "40":
		return false
	}
	return true
}

func isPoolClosed(err error) bool { return errors.Is(err, puddle.ErrClosedPool) }

func hasCode(err error, codes ...string) bool {
	var pg *pgconn.PgError
	if errors.As(err, &pg) {
		for _, code := range codes {
			if pg.Code == code {
				return true
			}
		}
	}
	return false
}

// unknownOutcome wraps an error after which a transaction may have been
// committed or not. It is not retried here: the caller commits the same ID
// again.
type unknownOutcome struct{ error }

func (e unknownOutcome) Unwrap() error { return e.error }

// How often and how long to try.
const (
	maxSerialization = 12 // attempts at a transaction that others undo
	maxConnections   = 3  // connections that may turn out dead
	maxBackoff       = 100 * time.Millisecond
)

// retry runs op until it succeeds or trying again is pointless.
func (db *DB) retry(ctx context.Context, op func(ctx context.Context) error) error {
	lost := 0
	for attempt := 1; ; attempt++ {
		err := op(ctx)
		if err == nil || ctx.Err() != nil || attempt == maxSerialization {
			return err
		}
		if unknown := (unknownOutcome{}); errors.As(err, &unknown) {
			if judge(err) == lostConn {
				db.pool.Reset()
			}
			return err
		}
		switch judge(err) {
		case final:
			return err
		case lostConn:
			// What broke this connection probably broke the idle ones as well.
			db.pool.Reset()
			if lost++; lost == maxConnections {
				return err
			}
		case again:
			backoff := min(time.Millisecond<<attempt, maxBackoff)
			select {
			case <-ctx.Done():
				return err
			case <-time.After(rand.N(backoff)):
			}
		}
	}
}
