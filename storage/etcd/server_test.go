package etcd_test

import (
	"context"
	"errors"
	"flag"
	"fmt"
	"io"
	"net"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	clientv3 "go.etcd.io/etcd/client/v3"
	"go.uber.org/zap"
	"google.golang.org/grpc/grpclog"

	"github.com/sre-sdk/sre/storage"
	"github.com/sre-sdk/sre/storage/etcd"
)

// patience bounds every wait for a server.
const patience = 30 * time.Second

func TestMain(m *testing.M) {
	flag.Parse()
	if !given("storage.checks") { // each is some hundred round trips
		_ = flag.Set("storage.checks", "8")
	}
	grpclog.SetLoggerV2(grpclog.NewLoggerV2(io.Discard, io.Discard, io.Discard))
	code := m.Run()
	running.Range(func(_, n any) bool { // those of a test that never came to its cleanup
		n.(*node).kill()
		return true
	})
	os.Exit(code)
}

// given reports whether a flag was set on the command line.
func given(name string) (given bool) {
	flag.Visit(func(f *flag.Flag) { given = given || f.Name == name })
	return given
}

// running holds every server that was started and not yet ended.
var running sync.Map

// need skips the test, or fails it with CI=true, unless etcd is there.
func need(t testing.TB) {
	t.Helper()
	if _, err := exec.LookPath("etcd"); err != nil {
		const how = "etcd is not on PATH; on Debian and Ubuntu: apt-get install etcd-server"
		if os.Getenv("CI") == "true" {
			t.Fatal(how)
		}
		t.Skip(how)
	}
}

// A node is one etcd server, which may be killed and started again.
type node struct {
	name, dir string
	args      []string
	client    string // where it listens
	log       string // file of what it says
	cmd       *exec.Cmd
	exited    chan struct{}
}

func (n *node) start() error {
	log, err := os.OpenFile(n.log, os.O_CREATE|os.O_APPEND|os.O_WRONLY, 0o600)
	if err != nil {
		return err
	}
	defer log.Close()
	n.cmd = exec.Command("etcd", n.args...)
	n.cmd.Stdout, n.cmd.Stderr, n.cmd.SysProcAttr = log, log, endWithParent()
	if err := n.cmd.Start(); err != nil {
		return err
	}
	running.Store(n.name+n.client, n)
	exited := make(chan struct{})
	n.exited = exited
	go func(cmd *exec.Cmd) {
		defer close(exited)
		_ = cmd.Wait()
	}(n.cmd)
	return nil
}

// kill ends the server as SIGKILL does.
func (n *node) kill() {
	if n.cmd == nil || n.cmd.Process == nil {
		return
	}
	_ = n.cmd.Process.Kill()
	<-n.exited
	running.Delete(n.name + n.client)
}

// A cluster is one to three servers.
type cluster struct{ nodes []*node }

// startCluster starts n servers, which end with the test. With one of them,
// which no test kills, dir may be in memory.
func startCluster(t testing.TB, n int, dir string, args ...string) *cluster {
	t.Helper()
	need(t)
	addresses := freeAddresses(t, 2*n)
	peers := make([]string, n)
	for i := range n {
		peers[i] = fmt.Sprintf("n%d=http://%s", i, addresses[n+i])
	}
	c := &cluster{}
	for i := range n {
		name := fmt.Sprintf("n%d", i)
		client, peer := "http://"+addresses[i], "http://"+addresses[n+i]
		data := filepath.Join(dir, name)
		c.nodes = append(c.nodes, &node{name: name, dir: data, client: client, log: filepath.Join(dir, name+".log"), args: append([]string{
			"--name", name, "--data-dir", data,
			"--listen-client-urls", client, "--advertise-client-urls", client,
			"--listen-peer-urls", peer, "--initial-advertise-peer-urls", peer,
			"--initial-cluster", strings.Join(peers, ","), "--initial-cluster-token", dir,
			"--logger", "zap", "--log-level", "error",
			"--heartbeat-interval", "30", "--election-timeout", "300", // a third of the defaults, so that tests wait less
		}, args...)})
	}
	t.Cleanup(func() {
		for _, n := range c.nodes {
			n.kill()
		}
	})
	for _, n := range c.nodes {
		if err := n.start(); err != nil {
			t.Fatal(err)
		}
	}
	c.ready(t)
	return c
}

// freeAddresses returns loopback addresses on which nobody listens.
func freeAddresses(t testing.TB, n int) []string {
	t.Helper()
	addresses := make([]string, n)
	for i := range addresses {
		l, err := net.Listen("tcp", "127.0.0.1:0")
		if err != nil {
			t.Fatal(err)
		}
		defer l.Close() // all at the end, so that they differ
		addresses[i] = l.Addr().String()
	}
	return addresses
}

// memoryDir returns a folder for data that need not survive, in memory where
// the system has such a place.
func memoryDir(t testing.TB) string {
	t.Helper()
	dir, err := os.MkdirTemp("/dev/shm", "etcd-test-")
	if err != nil {
		return t.TempDir()
	}
	t.Cleanup(func() { _ = os.RemoveAll(dir) })
	return dir
}

func (c *cluster) endpoints() []string {
	endpoints := make([]string, len(c.nodes))
	for i, n := range c.nodes {
		endpoints[i] = n.client
	}
	return endpoints
}

// connect returns a client of some nodes, all by default.
func (c *cluster) connect(t testing.TB, endpoints ...string) *clientv3.Client {
	t.Helper()
	if len(endpoints) == 0 {
		endpoints = c.endpoints()
	}
	client, err := clientv3.New(clientv3.Config{Endpoints: endpoints, DialTimeout: patience, Logger: zap.NewNop()})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = client.Close() })
	return client
}

// ready waits until every node answers with the consent of a majority.
func (c *cluster) ready(t testing.TB) {
	t.Helper()
	for _, n := range c.nodes {
		poll(t, n.name+" to listen", func(ctx context.Context) bool { // a client would pause for a second
			select {
			case <-n.exited:
				log, _ := os.ReadFile(n.log)
				t.Fatalf("etcd ended:\n%s", log)
			default:
			}
			conn, err := net.Dial("tcp", strings.TrimPrefix(n.client, "http://"))
			if err == nil {
				_ = conn.Close()
			}
			return err == nil
		})
		client := c.connect(t, n.client)
		poll(t, n.name+" to answer", func(ctx context.Context) bool {
			_, err := client.Get(ctx, "ready")
			return err == nil
		})
		_ = client.Close()
	}
}

// leader returns the node that leads.
func (c *cluster) leader(t testing.TB, client *clientv3.Client) *node {
	t.Helper()
	var leader *node
	poll(t, "a leader", func(ctx context.Context) bool {
		for _, n := range c.nodes {
			if s, err := client.Status(ctx, n.client); err == nil && s.Header.MemberId == s.Leader {
				leader = n
				return true
			}
		}
		return false
	})
	return leader
}

// poll calls done until it reports true.
func poll(t testing.TB, what string, done func(ctx context.Context) bool) {
	t.Helper()
	ctx, cancel := context.WithTimeout(context.Background(), patience)
	defer cancel()
	tick := time.NewTicker(10 * time.Millisecond)
	defer tick.Stop()
	for {
		asking, cancel := context.WithTimeout(ctx, time.Second)
		ok := done(asking)
		cancel()
		if ok {
			return
		}
		select {
		case <-tick.C:
		case <-ctx.Done():
			t.Fatalf("waited %v for %s", patience, what)
		}
	}
}

// stores counts the stores that were opened, for prefixes of their own.
var stores atomic.Int64

func newPrefix() string { return fmt.Sprintf("/store-%d/", stores.Add(1)) }

// open opens a new store.
func open(t testing.TB, client *clientv3.Client, o etcd.Options) *etcd.DB {
	t.Helper()
	if o.Prefix == "" {
		o.Prefix = newPrefix()
	}
	db, err := etcd.Open(t.Context(), client, o)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = db.Close() })
	return db
}

// is fails unless err is a documented error.
func is(t testing.TB, what string, err, want error) {
	t.Helper()
	if !errors.Is(err, want) {
		t.Errorf("%s: got the error %v, want %v", what, err, want)
	}
}

func commit(t testing.TB, db storage.Backend, b storage.Batch) storage.Pos {
	t.Helper()
	pos, err := db.Commit(t.Context(), b)
	if err != nil {
		t.Fatalf("Commit(%s): %v", b.ID, err)
	}
	return pos
}
