package sqlite

import (
	"context"
	"database/sql"
	"path/filepath"
	"testing"
)

// interrupted calls between before each of its reads.
type interrupted struct {
	queryer
	between func()
}

func (i interrupted) QueryRowContext(ctx context.Context, query string, args ...any) *sql.Row {
	i.between()
	return i.queryer.QueryRowContext(ctx, query, args...)
}

// Whichever statement of the look another process's migration comes before, the
// file is never taken for that of another application.
func TestLookUpSchemaDuringMigration(t *testing.T) {
	for at := 1; at <= 3; at++ {
		path := filepath.Join(t.TempDir(), "store.db")
		conn := func() *sql.Conn {
			db, err := sql.Open(defaultDriver, "file:"+path+"?_pragma=busy_timeout(1)")
			if err != nil {
				t.Fatal(err)
			}
			t.Cleanup(func() { _ = db.Close() })
			c, err := db.Conn(t.Context())
			if err != nil {
				t.Fatal(err)
			}
			return c
		}
		one, other := conn(), conn()
		if _, err := one.ExecContext(t.Context(), "PRAGMA journal_mode = wal"); err != nil {
			t.Fatal(err)
		}
		reads := 0
		c := interrupted{one, func() {
			if reads++; reads == at {
				if err := migrate(t.Context(), other, path); err != nil {
					t.Error(err)
				}
			}
		}}
		if have, err := lookUpSchema(t.Context(), c, path); err != nil || have != 0 && have != Schema {
			t.Errorf("a migration before statement %d: schema %d, %v", at, have, err)
		}
		if err := migrate(t.Context(), one, path); err != nil {
			t.Errorf("then: %v", err)
		}
	}
}
