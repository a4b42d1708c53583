package postgres_test

import (
	"context"
	"fmt"
	"log"

	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/pgxpool"

	"github.com/sre-sdk/sre/storage"
	"github.com/sre-sdk/sre/storage/postgres"
)

func ExampleOpen() {
	ctx := context.Background()
	db, err := postgres.Open(ctx, "postgres://sre@db.example/ops?pool_max_conns=8", postgres.Options{})
	if err != nil {
		log.Fatal(err)
	}
	defer db.Close()
	store := storage.New(db)
	key := storage.Key{Kind: "deploy", ID: "checkout"}
	pos, err := store.Update(ctx, "freeze", []storage.Key{key}, func(now []storage.Record) (storage.Change, error) {
		return storage.Change{
			Note:   []byte(`{"frozen_by":"alice"}`),
			Writes: []storage.Write{{Key: key, Data: []byte(`{"frozen":true}`)}},
		}, nil
	})
	fmt.Println(pos, err)
}

// Behind a pooler that pools transactions, prepared statements must not outlive
// them.
func ExampleOpenConfig() {
	config, err := pgxpool.ParseConfig("postgres://sre@pooler.example:6432/ops")
	if err != nil {
		log.Fatal(err)
	}
	config.ConnConfig.DefaultQueryExecMode = pgx.QueryExecModeExec
	db, err := postgres.OpenConfig(context.Background(), config, postgres.Options{Schema: "payments_sre"})
	if err != nil {
		log.Fatal(err)
	}
	defer db.Close()
}
