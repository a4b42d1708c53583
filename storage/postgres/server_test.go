package postgres_test

import (
	"bytes"
	"context"
	"errors"
	"flag"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/pgxpool"

	"github.com/sre-sdk/sre/storage/postgres"
)

// cluster is the server of all tests: started by the first that needs it,
// stopped by TestMain.
var cluster server

func TestMain(m *testing.M) {
	if err := flag.Set("storage.checks", usualChecks); err != nil {
		panic(err)
	}
	flag.Parse()
	code := m.Run()
	cluster.remove()
	os.Exit(code)
}

// A server is a PostgreSQL of our own, which nobody else can reach: it listens
// on a socket in a temporary folder.
type server struct {
	bin, dir string
	postgres *exec.Cmd
	exited   chan struct{} // closed when postgres is gone
	log      bytes.Buffer  // of the last start; read it after exited
	missing  string        // why there is no server
}

// start returns the running server, or skips the test if PostgreSQL is not
// installed. On CI that is a failure.
func (s *server) start(t testing.TB) {
	t.Helper()
	if s.dir == "" && s.missing == "" {
		if err := s.create(); err != nil {
			s.missing = err.Error()
		}
	}
	if s.missing != "" {
		if os.Getenv("CI") == "true" {
			t.Fatalf("no PostgreSQL: %s", s.missing)
		}
		t.Skipf("no PostgreSQL: %s", s.missing)
	}
}

// binaries returns the folder of initdb and postgres, of the newest version.
func binaries() (string, error) {
	var folders []string
	if out, err := exec.Command("pg_config", "--bindir").Output(); err == nil {
		folders = append(folders, strings.TrimSpace(string(out)))
	}
	for _, pattern := range []string{"/usr/lib/postgresql/*/bin", "/usr/pgsql-*/bin", "/opt/homebrew/opt/postgresql*/bin", "/usr/local/pgsql/bin"} {
		found, _ := filepath.Glob(pattern)
		slices.SortFunc(found, func(a, b string) int { return len(b) - len(a) + strings.Compare(b, a) })
		folders = append(folders, found...)
	}
	for _, folder := range folders {
		if isFile(filepath.Join(folder, "initdb")) && isFile(filepath.Join(folder, "postgres")) {
			return folder, nil
		}
	}
	return "", errors.New("initdb and postgres were not found; on Debian they are in the package postgresql")
}

func isFile(name string) bool {
	info, err := os.Stat(name)
	return err == nil && info.Mode().IsRegular()
}

// create makes the cluster and starts it. The database's own order of text is
// English, so that ours has to be asked for.
func (s *server) create() error {
	bin, err := binaries()
	if err != nil {
		return err
	}
	dir, err := os.MkdirTemp("", "sre-pg-")
	if err != nil {
		return err
	}
	s.bin, s.dir = bin, dir
	for _, folder := range []string{s.data(), s.socket()} {
		if err := os.Mkdir(folder, 0o700); err != nil {
			return err
		}
		if err := giveAway(folder); err != nil {
			return err
		}
	}
	if err := os.Chmod(dir, 0o755); err != nil { // the server's user must get through
		return err
	}
	english := []string{"--locale-provider=icu", "--icu-locale=en-US"}
	if err := s.initdb(english...); err == nil {
		return s.run()
	}
	if err := s.initdb(); err != nil { // an older server, or one without ICU
		return err
	}
	return s.run()
}

func (s *server) initdb(options ...string) error {
	args := append([]string{"-D", s.data(), "-U", "sre", "-A", "trust", "--encoding=UTF8", "--locale=C"}, options...)
	initdb := exec.Command(filepath.Join(s.bin, "initdb"), args...)
	asUnprivileged(initdb)
	initdb.Dir = s.dir
	if out, err := initdb.CombinedOutput(); err != nil {
		return fmt.Errorf("initdb: %w\n%s", err, out)
	}
	return nil
}

func (s *server) data() string   { return filepath.Join(s.dir, "data") }
func (s *server) socket() string { return filepath.Join(s.dir, "socket") }

// run starts the server and waits until it answers. After a crash that takes
// some attempts: the old children have to be gone.
func (s *server) run() error {
	const patience = 30 * time.Second
	var err error
	for deadline := time.Now().Add(patience); time.Now().Before(deadline); time.Sleep(20 * time.Millisecond) {
		if err = s.runOnce(deadline); err == nil {
			return nil
		}
	}
	return err
}

func (s *server) runOnce(deadline time.Time) error {
	s.log.Reset()
	s.postgres = exec.Command(filepath.Join(s.bin, "postgres"), "-D", s.data(), "-k", s.socket(), "-c", "listen_addresses=")
	s.postgres.Stderr = &s.log
	s.postgres.Dir = s.dir
	asUnprivileged(s.postgres)
	s.exited = make(chan struct{})
	started := make(chan error)
	go startAndWait(s.postgres, started, s.exited)
	if err := <-started; err != nil {
		return err
	}
	for time.Now().Before(deadline) {
		conn, err := pgx.Connect(context.Background(), s.address())
		if err == nil {
			return conn.Close(context.Background())
		}
		select {
		case <-s.exited:
			return fmt.Errorf("postgres ended: %s", s.log.String())
		case <-time.After(5 * time.Millisecond):
		}
	}
	return errors.New("postgres does not answer")
}

func (s *server) address() string {
	return "host=" + s.socket() + " user=sre dbname=postgres sslmode=disable"
}

// remove stops the server and deletes its files.
func (s *server) remove() {
	if s.postgres != nil && s.postgres.Process != nil {
		_ = s.postgres.Process.Signal(immediately)
		select {
		case <-s.exited:
		case <-time.After(20 * time.Second):
			_ = s.postgres.Process.Kill()
		}
	}
	if s.dir == "" {
		return
	}
	for range 100 { // the last children may still write
		if os.RemoveAll(s.dir) == nil {
			return
		}
		time.Sleep(20 * time.Millisecond)
	}
	fmt.Fprintln(os.Stderr, "left behind:", s.dir)
}

var schemas atomic.Int64

// newSchema returns the name of a schema of the test's own.
func newSchema() string { return fmt.Sprintf("test %d", schemas.Add(1)) }

// config returns a pool's configuration for the server, by which a commit does
// not wait for the disk: only crashes and benchmarks need that.
func config(t testing.TB) *pgxpool.Config {
	t.Helper()
	c := durable(t)
	c.ConnConfig.RuntimeParams["synchronous_commit"] = "off"
	return c
}

// durable returns a pool's configuration for the server with its defaults.
func durable(t testing.TB) *pgxpool.Config {
	t.Helper()
	cluster.start(t)
	c, err := pgxpool.ParseConfig(cluster.address())
	if err != nil {
		t.Fatal(err)
	}
	return c
}

// open returns a DB on a schema, which is closed when the test ends.
func open(t testing.TB, c *pgxpool.Config, o postgres.Options) *postgres.DB {
	t.Helper()
	db, err := postgres.OpenConfig(t.Context(), c, o)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = db.Close() })
	return db
}

// execute runs a statement as the superuser.
func execute(t testing.TB, statement string, args ...any) {
	t.Helper()
	conn, err := pgx.ConnectConfig(context.WithoutCancel(t.Context()), config(t).ConnConfig)
	if err != nil {
		t.Fatal(err)
	}
	defer conn.Close(context.Background())
	if _, err := conn.Exec(context.WithoutCancel(t.Context()), statement, args...); err != nil {
		t.Fatalf("%s: %v", statement, err)
	}
}

func quoted(name string) string { return pgx.Identifier{name}.Sanitize() }
