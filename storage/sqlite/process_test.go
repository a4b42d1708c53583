package sqlite_test

import (
	"bufio"
	"context"
	"database/sql"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"runtime"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/sre-sdk/sre/storage"
	"github.com/sre-sdk/sre/storage/sqlite"
)

// roleVar makes the test binary play a child process; pathVar is its database.
const (
	roleVar = "STORAGE_SQLITE_ROLE"
	pathVar = "STORAGE_SQLITE_PATH"
	nameVar = "STORAGE_SQLITE_NAME"
)

var roles = map[string]func(ctx context.Context, path, name string) error{
	"write": writeUntilKilled,
	"some":  writeSome,
}

func TestMain(m *testing.M) {
	role := os.Getenv(roleVar)
	if role == "" {
		os.Exit(m.Run())
	}
	if err := roles[role](context.Background(), os.Getenv(pathVar), os.Getenv(nameVar)); err != nil {
		fmt.Fprintln(os.Stderr, err)
		os.Exit(1)
	}
}

// child is a command that plays a role.
func child(t testing.TB, role, path, name string) *exec.Cmd {
	t.Helper()
	exe, err := os.Executable()
	if err != nil {
		t.Fatal(err)
	}
	c := exec.CommandContext(t.Context(), exe)
	c.Env = append(os.Environ(), roleVar+"="+role, pathVar+"="+path, nameVar+"="+name)
	c.Stderr = os.Stderr
	return c
}

// rawConn is a connection of another application to the file of a database.
func rawConn(t testing.TB, db *sqlite.DB) *sql.Conn {
	t.Helper()
	return rawPath(t, db.Path())
}

func rawPath(t testing.TB, path string) *sql.Conn {
	t.Helper()
	raw, err := sql.Open("sqlite", "file:"+path)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = raw.Close() })
	c, err := raw.Conn(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = c.Close() })
	return c
}

// Stacks of goroutines: one is past what it looks at before it waits for the log
// to grow, the other has taken a group from the queue.
var (
	waiting    = regexp.MustCompile(`^goroutine [^\n]*\[select[^\n]*\n[^\n]*/sqlite\.\(\*DB\)\.Wait\(`)
	committing = regexp.MustCompile(`/sqlite\.\(\*DB\)\.commitGroup\(`)
)

// awaitGoroutine waits until there is a goroutine with such a stack.
func awaitGoroutine(t testing.TB, stack *regexp.Regexp) {
	t.Helper()
	buf := make([]byte, 1<<20)
	for deadline := time.Now().Add(20 * time.Second); time.Now().Before(deadline); time.Sleep(time.Millisecond) {
		for one := range strings.SplitSeq(string(buf[:runtime.Stack(buf, true)]), "\n\n") {
			if stack.MatchString(one) {
				return
			}
		}
	}
	t.Fatalf("no goroutine has the stack %s", stack)
}

// someBatches is how many batches each process of a test commits.
const someBatches = 40

// writeSome adds to one counter, over which it competes with other processes,
// and writes a record of its own each time.
func writeSome(ctx context.Context, path, name string) error {
	db, err := sqlite.Open(ctx, path, sqlite.Options{BusyTimeout: 30 * time.Second})
	if err != nil {
		return err
	}
	defer db.Close()
	store := storage.New(db)
	for n := range someBatches {
		for {
			_, r, err := db.Get(ctx, key("counter"))
			if err != nil {
				return err
			}
			_, err = store.Commit(ctx, batch(fmt.Sprint(name, " ", n, " ", r[0].Version),
				text("counter", r[0].Version, fmt.Sprint(r[0].Version+1)), text(fmt.Sprint(name, " ", n), 0, name)))
			if errors.Is(err, storage.ErrConflict) {
				continue
			}
			if err != nil {
				return err
			}
			break
		}
	}
	return db.Close()
}

func TestProcessesShareAFile(t *testing.T) {
	path := filepath.Join(t.TempDir(), "store.db")
	const processes = 3
	var wg sync.WaitGroup
	for p := range processes { // which all make the file
		c := child(t, "some", path, fmt.Sprint("process ", p))
		wg.Go(func() {
			if err := c.Run(); err != nil {
				t.Errorf("process %d: %v", p, err)
			}
		})
	}
	wg.Wait()
	db := open(t, path, sqlite.Options{})
	if log := entireLog(t, db); len(log) != processes*someBatches {
		t.Errorf("the log has %d entries, want %d", len(log), processes*someBatches)
	}
	_, r, err := db.Get(t.Context(), key("counter"))
	if err != nil || r[0].Version != processes*someBatches || string(r[0].Data) != fmt.Sprint(r[0].Version) {
		t.Errorf("the counter is %q at version %d, %v; want %d", r[0].Data, r[0].Version, err, processes*someBatches)
	}
}

func TestWaitSeesWhatAnotherProcessCommits(t *testing.T) {
	path := filepath.Join(t.TempDir(), "store.db")
	db, other := open(t, path, sqlite.Options{}), open(t, path, sqlite.Options{})
	must(t, db, numbered(1))
	woke := make(chan error, 1)
	go func() { woke <- db.Wait(t.Context(), 1) }()
	awaitGoroutine(t, waiting)
	start := time.Now()
	must(t, other, numbered(2))
	if err := <-woke; err != nil {
		t.Fatal(err)
	}
	if took := time.Since(start); took > time.Second {
		t.Errorf("Wait returned after %v, want at most 1s", took)
	}
	if log := entireLog(t, db); len(log) != 2 {
		t.Errorf("after Wait the log has %d entries, want 2", len(log))
	}
}

func TestABusyFileIsUnavailableAndNothingIsHalfDone(t *testing.T) {
	path := filepath.Join(t.TempDir(), "store.db")
	db := open(t, path, sqlite.Options{BusyTimeout: 20 * time.Millisecond})
	other := rawPath(t, path)
	run(t, other, `BEGIN IMMEDIATE`)
	if _, err := db.Commit(t.Context(), numbered(1)); !errors.Is(err, storage.ErrUnavailable) {
		t.Errorf("Commit while another process writes: got %v, want %v", err, storage.ErrUnavailable)
	}
	if err := db.Trim(t.Context(), 1); !errors.Is(err, storage.ErrUnavailable) {
		t.Errorf("Trim while another process writes: got %v, want %v", err, storage.ErrUnavailable)
	}
	if pos, _, err := db.Get(t.Context(), key("a")); err != nil || pos != 0 {
		t.Errorf("Get while another process writes: got %d, %v; want 0", pos, err)
	}
	run(t, other, `ROLLBACK`)
	if pos := must(t, db, numbered(1)); pos != 1 {
		t.Errorf("Commit of the same batch later: position %d, want 1", pos)
	}
}

func TestACommitWhoseContextEndsWhileItQueuesHasNoEffect(t *testing.T) {
	path := filepath.Join(t.TempDir(), "store.db")
	db := open(t, path, sqlite.Options{})
	other := rawPath(t, path)
	run(t, other, `BEGIN IMMEDIATE`)
	first := make(chan error, 1)
	go func() {
		_, err := db.Commit(t.Context(), numbered(1))
		first <- err
	}()
	awaitGoroutine(t, committing)
	ctx, cancel := context.WithTimeout(t.Context(), 20*time.Millisecond)
	defer cancel()
	if _, err := db.Commit(ctx, numbered(2)); !errors.Is(err, context.DeadlineExceeded) {
		t.Errorf("got %v, want %v", err, context.DeadlineExceeded)
	}
	run(t, other, `ROLLBACK`)
	if err := <-first; err != nil {
		t.Error(err)
	}
	if log := entireLog(t, db); len(log) != 1 || log[0].ID != "batch 1" {
		t.Errorf("the log is %v, want batch 1 alone", log)
	}
}

func TestCloseWaitsForTheGroupInFlight(t *testing.T) {
	path := filepath.Join(t.TempDir(), "store.db")
	db := open(t, path, sqlite.Options{})
	other := rawPath(t, path)
	run(t, other, `BEGIN IMMEDIATE`)
	committed := make(chan error, 1)
	go func() {
		_, err := db.Commit(t.Context(), numbered(1))
		committed <- err
	}()
	awaitGoroutine(t, committing)
	closed := make(chan error, 1)
	go func() { closed <- db.Close() }()
	select {
	case <-closed:
		t.Error("Close returned while a group was in flight")
	case <-time.After(20 * time.Millisecond):
	}
	run(t, other, `ROLLBACK`)
	if err := errors.Join(<-committed, <-closed); err != nil {
		t.Fatal(err)
	}
	if log := entireLog(t, open(t, path, sqlite.Options{})); len(log) != 1 {
		t.Errorf("the log has %d entries, want 1", len(log))
	}
}

func TestCloseLeavesNoGoroutines(t *testing.T) {
	before := runtime.NumGoroutine()
	db, err := sqlite.Open(t.Context(), filepath.Join(t.TempDir(), "store.db"), sqlite.Options{})
	if err != nil {
		t.Fatal(err)
	}
	ctx, cancel := context.WithCancel(t.Context())
	defer cancel()
	var wg sync.WaitGroup
	for i := range 20 {
		wg.Go(func() {
			_, _ = db.Commit(ctx, numbered(i))
			_, _, _ = db.Get(ctx, key("a"))
			_ = db.Wait(ctx, 1000)
		})
	}
	awaitGoroutine(t, waiting)
	if err := db.Close(); err != nil {
		t.Fatal(err)
	}
	wg.Wait()
	for range 100 {
		if runtime.NumGoroutine() <= before {
			return
		}
		time.Sleep(10 * time.Millisecond)
	}
	var stacks strings.Builder
	buf := make([]byte, 1<<20)
	stacks.Write(buf[:runtime.Stack(buf, true)])
	t.Errorf("%d goroutines after Close, %d before Open:\n%s", runtime.NumGoroutine(), before, &stacks)
}

// lines reads what a child says until it ends.
func lines(t testing.TB, c *exec.Cmd) (next func() (string, bool)) {
	t.Helper()
	out, err := c.StdoutPipe()
	if err != nil {
		t.Fatal(err)
	}
	if err := c.Start(); err != nil {
		t.Fatal(err)
	}
	s := bufio.NewScanner(out)
	return func() (string, bool) {
		more := s.Scan()
		return s.Text(), more
	}
}
