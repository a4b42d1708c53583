package sqlite_test

import (
	"context"
	"database/sql"
	"fmt"
	"log"
	"os"
	"path/filepath"
	"time"

	"github.com/sre-sdk/sre/storage"
	"github.com/sre-sdk/sre/storage/sqlite"
)

func Example() {
	dir, err := os.MkdirTemp("", "example")
	if err != nil {
		log.Fatal(err)
	}
	defer os.RemoveAll(dir)
	ctx := context.Background()

	db, err := sqlite.Open(ctx, filepath.Join(dir, "sre.db"), sqlite.Options{})
	if err != nil {
		log.Fatal(err)
	}
	defer db.Close()
	store := storage.New(db)

	incident := storage.Key{Kind: "incident", ID: "2042"}
	pos, err := store.Commit(ctx, storage.Batch{
		ID:   "declare 2042",
		Note: []byte("alice declared it: 5xx at checkout"),
		Writes: []storage.Write{{
			Key:  incident,
			Data: []byte(`{"title":"5xx at checkout","severity":1}`),
			Due:  time.Date(2042, 5, 6, 7, 8, 0, 0, time.UTC), // the next update is owed
		}},
	})
	fmt.Println(pos, err)

	_, records, err := store.Get(ctx, incident)
	fmt.Printf("%d %s %v\n", records[0].Version, records[0].Data, err)
	// Output:
	// 1 <nil>
	// 1 {"title":"5xx at checkout","severity":1} <nil>
}

// People may look with any tool that reads SQLite.
func ExampleDB_Path() {
	dir, err := os.MkdirTemp("", "example")
	if err != nil {
		log.Fatal(err)
	}
	defer os.RemoveAll(dir)
	ctx := context.Background()
	db, err := sqlite.Open(ctx, filepath.Join(dir, "sre.db"), sqlite.Options{})
	if err != nil {
		log.Fatal(err)
	}
	defer db.Close()
	for id, severity := range []int{2, 1, 3} {
		_, err := db.Commit(ctx, storage.Batch{ID: fmt.Sprint("declare ", id), Writes: []storage.Write{{
			Key:  storage.Key{Kind: "incident", ID: fmt.Sprint(id)},
			Data: fmt.Appendf(nil, `{"schema":1,"data":{"severity":%d}}`, severity),
			Due:  time.Date(2042, 5, 6, 7, 8, id, 0, time.UTC),
		}}})
		if err != nil {
			log.Fatal(err)
		}
	}

	reader, err := sql.Open("sqlite", "file:"+db.Path()+"?mode=ro")
	if err != nil {
		log.Fatal(err)
	}
	defer reader.Close()
	rows, err := reader.QueryContext(ctx, `
		SELECT id, CAST(data AS TEXT) ->> '$.data.severity' AS severity, due_utc
		FROM records WHERE kind = 'incident' ORDER BY severity`)
	if err != nil {
		log.Fatal(err)
	}
	defer rows.Close()
	for rows.Next() {
		var id, due string
		var severity int
		if err := rows.Scan(&id, &severity, &due); err != nil {
			log.Fatal(err)
		}
		fmt.Println(id, severity, due)
	}
	// Output:
	// 1 1 2042-05-06T07:08:01Z
	// 0 2 2042-05-06T07:08:00Z
	// 2 3 2042-05-06T07:08:02Z
}
