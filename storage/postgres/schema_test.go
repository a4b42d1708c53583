package postgres_test

import (
	"errors"
	"fmt"
	"os"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/jackc/pgx/v5"

	"github.com/sre-sdk/sre/storage"
	"github.com/sre-sdk/sre/storage/postgres"
)

// one returns a batch that creates a record.
func one(id string) storage.Batch {
	return storage.Batch{ID: id, Note: []byte("note of " + id), Writes: []storage.Write{{Key: storage.Key{Kind: "k", ID: id}, Data: []byte(`{"by":"` + id + `"}`), Due: time.Unix(1e9, 0)}}}
}

func commit(t testing.TB, b storage.Backend, batch storage.Batch) storage.Pos {
	t.Helper()
	pos, err := b.Commit(t.Context(), batch)
	if err != nil {
		t.Fatalf("%s: %v", batch.ID, err)
	}
	return pos
}

func TestOptionsReportEveryProblem(t *testing.T) {
	err := postgres.Options{Schema: strings.Repeat("s", 64), Poll: time.Hour, Timeout: -1}.Validate()
	for _, want := range []string{"schema", "poll", "timeout"} {
		if err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("%v does not mention %s", err, want)
		}
	}
	if err := (postgres.Options{}).Validate(); err != nil {
		t.Errorf("the zero value: %v", err)
	}
}

func TestManyProcessesMayCreateTheSchemaAtOnce(t *testing.T) {
	c, schema := config(t), newSchema()
	var wg sync.WaitGroup
	for i := range 8 {
		wg.Go(func() {
			db, err := postgres.OpenConfig(t.Context(), c, postgres.Options{Schema: schema})
			if err != nil {
				t.Error(err)
				return
			}
			defer db.Close()
			if _, err := db.Commit(t.Context(), one(fmt.Sprint(i))); err != nil {
				t.Error(err)
			}
		})
	}
	wg.Wait()
	pos, _, err := open(t, c, postgres.Options{Schema: schema}).Get(t.Context())
	if pos != 8 || err != nil {
		t.Errorf("last position %d, %v, want 8", pos, err)
	}
}

func TestNewerSchemaIsRefusedAndNotWritten(t *testing.T) {
	c, o := config(t), postgres.Options{Schema: newSchema()}
	running := open(t, c, o)
	commit(t, running, one("a"))
	execute(t, fmt.Sprintf("update %s.store set schema_version = %d", quoted(o.Schema), postgres.SchemaNumber+1))
	if _, err := postgres.OpenConfig(t.Context(), c, o); !errors.Is(err, postgres.ErrSchema) {
		t.Errorf("Open: %v, want ErrSchema", err)
	}
	if _, err := running.Commit(t.Context(), one("b")); !errors.Is(err, storage.ErrUnavailable) || !errors.Is(err, postgres.ErrSchema) {
		t.Errorf("Commit by a program that was running: %v, want ErrUnavailable and ErrSchema", err)
	}
	if err := running.Trim(t.Context(), 2); !errors.Is(err, storage.ErrUnavailable) {
		t.Errorf("Trim by a program that was running: %v, want ErrUnavailable", err)
	}
	if pos, _, err := running.Get(t.Context()); pos != 1 || err != nil {
		t.Errorf("last position %d, %v, want 1", pos, err)
	}
}

func TestSchemaOfAnotherMakingIsRefused(t *testing.T) {
	c, schema := config(t), newSchema()
	execute(t, "create schema "+quoted(schema))
	execute(t, "create table "+quoted(schema)+".store (name text)")
	if _, err := postgres.OpenConfig(t.Context(), c, postgres.Options{Schema: schema}); !errors.Is(err, postgres.ErrSchema) {
		t.Errorf("%v, want ErrSchema", err)
	}
}

func TestDatabaseOfAnotherEncodingIsRefused(t *testing.T) {
	c := config(t)
	execute(t, "create database ascii template template0 encoding sql_ascii locale_provider libc locale 'C'")
	c.ConnConfig.Database = "ascii"
	if _, err := postgres.OpenConfig(t.Context(), c, postgres.Options{}); !errors.Is(err, postgres.ErrSchema) {
		t.Errorf("%v, want ErrSchema", err)
	}
}

// An interrupted migration, which some servers do not undo, is taken up again.
func TestMigrationGoesOnWhereItWasInterrupted(t *testing.T) {
	c, o := config(t), postgres.Options{Schema: newSchema()}
	commit(t, open(t, c, o), one("a"))
	execute(t, "drop view "+quoted(o.Schema)+".records")
	execute(t, "update "+quoted(o.Schema)+".store set schema_version = 0")
	db := open(t, c, o)
	if pos := commit(t, db, one("b")); pos != 2 {
		t.Errorf("position %d, want 2", pos)
	}
}

// documented returns the SQL statements of the package documentation, which
// people copy, that begin with one of some words.
func documented(t *testing.T, words ...string) (statements []string) {
	t.Helper()
	text, err := os.ReadFile("doc.go")
	if err != nil {
		t.Fatal(err)
	}
	for line := range strings.Lines(string(text)) {
		statement, found := strings.CutPrefix(strings.TrimSpace(line), "//\t")
		word, _, _ := strings.Cut(statement, " ")
		if found && slices.Contains(words, word) {
			statements = append(statements, statement)
		}
	}
	if len(statements) == 0 {
		t.Fatalf("no statements that begin with %q", words)
	}
	return statements
}

func TestStatementsOfTheDocumentation(t *testing.T) {
	c, o := config(t), postgres.Options{}
	commit(t, open(t, c, o), one("a"))
	for _, statement := range documented(t, "create", "grant") {
		execute(t, statement)
	}
	for _, statement := range documented(t, "select") {
		execute(t, statement)
	}

	service := c.Copy()
	service.ConnConfig.User = "sre_service"
	db := open(t, service, o)
	commit(t, db, one("b"))
	commit(t, db, storage.Batch{ID: "delete", Writes: []storage.Write{{Key: storage.Key{Kind: "k", ID: "b"}, Base: 1, Delete: true}}})
	if err := db.Trim(t.Context(), 4); err != nil {
		t.Errorf("Trim with the least rights: %v", err)
	}

	reader := c.Copy()
	reader.ConnConfig.User = "sre_reader"
	view := open(t, reader, o)
	if _, records, err := view.Get(t.Context(), storage.Key{Kind: "k", ID: "a"}); err != nil || !records[0].Exists() {
		t.Errorf("Get with the right to read: %v, %v", records, err)
	}
	if _, err := view.Commit(t.Context(), one("c")); !errors.Is(err, storage.ErrUnavailable) {
		t.Errorf("Commit with the right to read: %v, want ErrUnavailable", err)
	}
}

func TestViewShowsWhatTheBackendHolds(t *testing.T) {
	c, o := config(t), postgres.Options{Schema: newSchema()}
	db := open(t, c, o)
	commit(t, db, one("a"))
	conn, err := pgx.ConnectConfig(t.Context(), c.ConnConfig)
	if err != nil {
		t.Fatal(err)
	}
	defer conn.Close(t.Context())
	var id, data, note string
	var due time.Time
	err = conn.QueryRow(t.Context(), "select r.id, convert_from(r.data, 'UTF8'), r.due, convert_from(l.note, 'UTF8') from "+
		quoted(o.Schema)+".records r join "+quoted(o.Schema)+".log l on l.pos = r.pos").Scan(&id, &data, &due, &note)
	if err != nil || id != "a" || data != `{"by":"a"}` || !due.Equal(time.Unix(1e9, 0)) || note != "note of a" {
		t.Errorf("%s %s %s %q, %v", id, data, due, note, err)
	}
}
