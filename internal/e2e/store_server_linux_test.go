package e2e_test

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"net"
	"os"
	"os/exec"
	"path/filepath"
	"runtime"
	"slices"
	"strconv"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/pgxpool"
	clientv3 "go.etcd.io/etcd/client/v3"
	"go.uber.org/zap"

	"github.com/sre-sdk/sre/storage"
	"github.com/sre-sdk/sre/storage/etcd"
	"github.com/sre-sdk/sre/storage/postgres"
)

// Kinds of stores that processes share.
const (
	onPostgres = "postgres"
	onEtcd     = "etcd"
)

// shared says where a process finds the store.
type shared struct {
	Kind      string
	Addresses []string // TCP, host:port
}

// open opens the store. It is to be closed with the function.
func (s shared) open(ctx context.Context) (storage.Backend, func(), error) {
	if s.Kind == onPostgres {
		host, port, err := net.SplitHostPort(s.Addresses[0])
		if err != nil {
			return nil, nil, err
		}
		config, err := pgxpool.ParseConfig("host=" + host + " port=" + port + " user=sre dbname=postgres sslmode=disable connect_timeout=2 pool_max_conns=10")
		if err != nil {
			return nil, nil, err
		}
		db, err := postgres.OpenConfig(ctx, config, postgres.Options{Timeout: 4 * time.Second})
		if err != nil {
			return nil, nil, err
		}
		return db, func() { _ = db.Close() }, nil
	}
	client, err := clientv3.New(clientv3.Config{Endpoints: s.Addresses, DialTimeout: 2 * time.Second, Logger: zap.NewNop()})
	if err != nil {
		return nil, nil, err
	}
	db, err := etcd.Open(ctx, client, etcd.Options{Timeout: 4 * time.Second})
	if err != nil {
		_ = client.Close()
		return nil, nil, err
	}
	return db, func() { _ = db.Close(); _ = client.Close() }, nil
}

// A server is a program that may be killed and started again. It ends with the
// test, also when that is killed.
type server struct {
	name    string
	command func() *exec.Cmd
	answers func(ctx context.Context) error

	cmd    *exec.Cmd
	exited chan struct{}
	output *bytes.Buffer // of the last start; read it after exited
}

// start starts the server and waits until it answers. Where an earlier one has
// left something behind, that takes some attempts.
func (s *server) start() error {
	var err error
	for deadline := time.Now().Add(patience); time.Now().Before(deadline); time.Sleep(20 * time.Millisecond) {
		if err = s.startOnce(deadline); err == nil {
			return nil
		}
	}
	return fmt.Errorf("%s: %w", s.name, err)
}

func (s *server) startOnce(deadline time.Time) error {
	if err := s.launch(); err != nil {
		return err
	}
	for time.Now().Before(deadline) {
		ctx, cancel := context.WithTimeout(context.Background(), time.Second)
		err := s.answers(ctx)
		cancel()
		if err == nil {
			return nil
		}
		select {
		case <-s.exited:
			return fmt.Errorf("ended: %s", s.output)
		case <-time.After(10 * time.Millisecond):
		}
	}
	return errors.New("does not answer")
}

// launch starts the server. The kernel takes the end of the thread that started
// it for the end of the test, so the thread is kept.
func (s *server) launch() error {
	s.cmd, s.output, s.exited = s.command(), &bytes.Buffer{}, make(chan struct{})
	s.cmd.Stdout, s.cmd.Stderr = s.output, s.output
	if s.cmd.SysProcAttr == nil {
		s.cmd.SysProcAttr = &syscall.SysProcAttr{}
	}
	s.cmd.SysProcAttr.Pdeathsig = syscall.SIGQUIT // the quick way for PostgreSQL and its children
	started := make(chan error)
	go func(cmd *exec.Cmd, exited chan struct{}) {
		runtime.LockOSThread()
		defer runtime.UnlockOSThread()
		err := cmd.Start()
		started <- err
		if err == nil {
			_ = cmd.Wait()
			close(exited)
		}
	}(s.cmd, s.exited)
	return <-started
}

// kill ends the server and its children at once, as a power cut would.
func (s *server) kill() {
	if s.cmd == nil || s.cmd.Process == nil {
		return
	}
	pid := s.cmd.Process.Pid
	_ = syscall.Kill(pid, syscall.SIGSTOP) // no more children
	for _, child := range children(pid) {
		_ = syscall.Kill(child, syscall.SIGKILL)
	}
	_ = syscall.Kill(pid, syscall.SIGKILL)
	<-s.exited
}

// children returns the processes that a process has started.
func children(parent int) (pids []int) {
	stats, _ := filepath.Glob("/proc/[0-9]*/stat")
	for _, name := range stats {
		text, err := os.ReadFile(name)
		if err != nil {
			continue // gone meanwhile
		}
		// "pid (name) state ppid ...", and the name may hold anything.
		fields := strings.Fields(string(text[bytes.LastIndexByte(text, ')')+1:]))
		if len(fields) > 1 && fields[1] == strconv.Itoa(parent) {
			pid, _ := strconv.Atoi(filepath.Base(filepath.Dir(name)))
			pids = append(pids, pid)
		}
	}
	return pids
}

// lacking skips the test, or fails it with CI=true.
func lacking(t testing.TB, how string) {
	t.Helper()
	if os.Getenv("CI") == "true" {
		t.Fatal(how)
	}
	t.Skip(how)
}

// A target is where a server listens, as net.Dial takes it.
type target struct{ network, address string }

// nobody is who PostgreSQL runs as where the test runs as root, which it refuses.
const nobody = 65534

// startPostgres starts a PostgreSQL of our own, which listens on a socket in a
// temporary folder. It ends with the test.
func startPostgres(t testing.TB) (*server, target) {
	t.Helper()
	found, _ := filepath.Glob("/usr/lib/postgresql/*/bin/initdb")
	if name, err := exec.LookPath("initdb"); err == nil {
		found = append(found, name)
	}
	if len(found) == 0 {
		lacking(t, "initdb was not found; on Debian and Ubuntu: apt-get install postgresql")
	}
	slices.SortFunc(found, func(a, b string) int { return len(b) - len(a) + strings.Compare(b, a) })
	bin := filepath.Dir(found[0])
	dir, err := os.MkdirTemp("", "sre-pg-")
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { removeAll(t, dir) })
	if os.Getuid() == 0 {
		if err := os.Chown(dir, nobody, nobody); err != nil {
			t.Fatal(err)
		}
	}
	command := func(name string, args ...string) *exec.Cmd {
		cmd := exec.Command(filepath.Join(bin, name), args...)
		cmd.Dir, cmd.SysProcAttr = dir, &syscall.SysProcAttr{}
		if os.Getuid() == 0 {
			cmd.SysProcAttr.Credential = &syscall.Credential{Uid: nobody, Gid: nobody}
		}
		return cmd
	}
	data := filepath.Join(dir, "data")
	if out, err := command("initdb", "-D", data, "-U", "sre", "-A", "trust", "--encoding=UTF8", "--locale=C", "--no-sync").CombinedOutput(); err != nil {
		t.Fatalf("initdb: %v\n%s", err, out)
	}
	s := &server{
		name:    "postgres",
		command: func() *exec.Cmd { return command("postgres", "-D", data, "-k", dir, "-c", "listen_addresses=") },
		answers: func(ctx context.Context) error {
			conn, err := pgx.Connect(ctx, "host="+dir+" user=sre dbname=postgres sslmode=disable")
			if err != nil {
				return err
			}
			return conn.Close(ctx)
		},
	}
	t.Cleanup(s.kill)
	if err := s.start(); err != nil {
		t.Fatal(err)
	}
	return s, target{"unix", filepath.Join(dir, ".s.PGSQL.5432")}
}

// removeAll deletes a folder into which children of a server may still write.
func removeAll(t testing.TB, dir string) {
	var err error
	for range 100 {
		if err = os.RemoveAll(dir); err == nil {
			return
		}
		time.Sleep(20 * time.Millisecond)
	}
	t.Error(err)
}

// startEtcd starts a cluster of n nodes, which end with the test.
func startEtcd(t testing.TB, n int) (nodes []*server, targets []target) {
	t.Helper()
	if _, err := exec.LookPath("etcd"); err != nil {
		lacking(t, "etcd is not on PATH; on Debian and Ubuntu: apt-get install etcd-server")
	}
	dir := t.TempDir()
	peers, addresses := make([]string, n), make([]string, n)
	for i := range n {
		addresses[i], peers[i] = freeAddress(t), fmt.Sprintf("n%d=http://%s", i, freeAddress(t))
	}
	for i, address := range addresses {
		name, peer, _ := strings.Cut(peers[i], "=")
		args := []string{
			"--name", name, "--data-dir", filepath.Join(dir, name),
			"--listen-client-urls", "http://" + address, "--advertise-client-urls", "http://" + address,
			"--listen-peer-urls", peer, "--initial-advertise-peer-urls", peer,
			"--initial-cluster", strings.Join(peers, ","), "--initial-cluster-token", dir,
			"--logger", "zap", "--log-level", "error",
			"--heartbeat-interval", "50", "--election-timeout", "500", // half of the defaults, so that tests wait less
			"--quota-backend-bytes", strconv.Itoa(8 << 30),
		}
		s := &server{name: "etcd " + name, command: func() *exec.Cmd { return exec.Command("etcd", args...) }, answers: func(ctx context.Context) error {
			conn, err := (&net.Dialer{}).DialContext(ctx, "tcp", address)
			if err != nil {
				return err
			}
			return conn.Close()
		}}
		t.Cleanup(s.kill)
		nodes, targets = append(nodes, s), append(targets, target{"tcp", address})
	}
	for _, s := range nodes {
		if err := s.start(); err != nil {
			t.Fatal(err)
		}
	}
	return nodes, targets
}
