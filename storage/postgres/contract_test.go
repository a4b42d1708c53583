package postgres_test

import (
	"flag"
	"sync"
	"testing"

	"github.com/jackc/pgx/v5"

	"github.com/sre-sdk/sre/storage"
	"github.com/sre-sdk/sre/storage/postgres"
	"github.com/sre-sdk/sre/storage/storagetest"
)

// The ways in which pgx talks to the server. Between them they differ in how
// values are encoded, and in what a pooler in front of the server supports.
var modes = []pgx.QueryExecMode{
	pgx.QueryExecModeCacheStatement, // the default
	pgx.QueryExecModeExec,
	pgx.QueryExecModeSimpleProtocol,
	pgx.QueryExecModeCacheDescribe,
	pgx.QueryExecModeDescribeExec,
}

// The suite runs in the first of the modes, and in all with -storage.long.
const usualModes = 3

// usualChecks is how many random sequences the suite tries in each mode unless
// -storage.checks says otherwise: each needs a schema of its own.
const usualChecks = "12"

// options returns those of the suite for an exec mode: each backend has a
// schema of its own.
func options(mode pgx.QueryExecMode) storagetest.Options {
	var schemas sync.Map // name by backend
	reopen := func(t testing.TB, schema string) storage.Backend {
		c := config(t)
		c.ConnConfig.DefaultQueryExecMode = mode
		db := open(t, c, postgres.Options{Schema: schema})
		schemas.Store(db, schema)
		return db
	}
	return storagetest.Options{
		Open: func(t testing.TB) storage.Backend { return reopen(t, newSchema()) },
		Reopen: func(t testing.TB, b storage.Backend) storage.Backend {
			if err := b.Close(); err != nil {
				t.Fatal(err)
			}
			schema, _ := schemas.Load(b)
			return reopen(t, schema.(string))
		},
	}
}

func TestContract(t *testing.T) {
	usual := modes[:usualModes]
	if flag.Lookup("storage.long").Value.String() == "true" {
		usual = modes
	}
	for _, mode := range usual {
		t.Run(mode.String(), func(t *testing.T) {
			t.Parallel()
			storagetest.Run(t, options(mode))
		})
	}
}
