package postgres_test

import (
	"errors"
	"flag"
	"fmt"
	"math/rand/v2"
	"runtime"
	"sync"
	"testing"
	"time"

	"github.com/sre-sdk/sre/storage"
	"github.com/sre-sdk/sre/storage/postgres"
)

var crashes = flag.Int("storage.crashes", 3, "how often the crash test kills the server")

// crash is a test that kills the server under load.
type crash struct {
	*testing.T
	schema string
	rng    *rand.Rand

	mu      sync.Mutex
	acked   map[string]storage.Pos
	pending map[string]bool // outcome unknown, by batch ID
	stopped int             // writers that wait for the server
	resume  chan struct{}   // closed when it is back
	over    bool
}

// Each of these processes has some of the writers.
const (
	crashProcesses = 3
	crashWriters   = 12
)

func TestServerThatIsKilledLosesNothing(t *testing.T) {
	if runtime.GOOS != "linux" {
		t.Skip("the children of the server are only found on Linux")
	}
	cluster.start(t)
	seed := flag.Lookup("storage.seed").Value.(flag.Getter).Get().(uint64)
	if seed == 0 {
		seed = rand.Uint64()
	}
	t.Logf("replay with -storage.seed=%d", seed)
	c := &crash{
		T: t, schema: newSchema(), rng: rand.New(rand.NewPCG(seed, 0)),
		acked: map[string]storage.Pos{}, pending: map[string]bool{}, resume: make(chan struct{}),
	}
	var writers sync.WaitGroup
	for p := range crashProcesses {
		db := open(t, durable(t), postgres.Options{Schema: c.schema})
		for w := range crashWriters / crashProcesses {
			writers.Go(func() { c.write(db, fmt.Sprintf("writer-%d-%d", p, w)) })
		}
	}
	var unknown, committed int
	for range *crashes {
		time.Sleep(time.Duration(50+c.rng.IntN(150)) * time.Millisecond)
		if err := killAll(cluster.postgres.Process.Pid); err != nil {
			t.Fatal(err)
		}
		<-cluster.exited
		c.waitForWriters()
		if err := cluster.run(); err != nil {
			t.Fatal(err)
		}
		u, k := c.inspect()
		unknown, committed = unknown+u, committed+k
		c.mu.Lock()
		c.stopped = 0
		close(c.resume)
		c.resume = make(chan struct{})
		c.mu.Unlock()
	}
	acked := c.acknowledged()
	eventually(t, "the writers go on after the last crash", func() bool { return c.acknowledged() > acked })
	c.mu.Lock()
	c.over = true
	c.mu.Unlock()
	writers.Wait()
	lost, torn, doubled := c.check()
	t.Logf("%d crashes, %d batches acknowledged, lost %d, torn %d; %d outcomes unknown of which %d had been committed, applied twice %d",
		*crashes, len(c.acked), lost, torn, unknown, committed, doubled)
	if lost+torn+doubled > 0 {
		t.Error("the server's promise or ours is broken")
	}
}

// write commits batches of two records until the test is over: one that the
// writer updates again and again, and one of its own. A batch whose outcome is
// unknown is repeated when the server is back.
func (c *crash) write(db *postgres.DB, name string) {
	for n := 0; ; n++ {
		id := fmt.Sprintf("%s-%d", name, n)
		b := storage.Batch{ID: id, Note: []byte(id), Writes: []storage.Write{
			{Key: storage.Key{Kind: "counter", ID: name}, Base: storage.Version(n), Data: []byte(id)},
			{Key: storage.Key{Kind: "own", ID: id}, Data: []byte(id)},
		}}
		for {
			pos, err := db.Commit(c.Context(), b)
			if err == nil {
				if c.ack(id, pos) {
					return
				}
				break
			}
			if !errors.Is(err, storage.ErrUnavailable) {
				c.Errorf("%s: %v, want ErrUnavailable", id, err)
				return
			}
			c.park(id)
		}
	}
}

// ack notes a success, and reports whether the test is over.
func (c *crash) ack(id string, pos storage.Pos) bool {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.acked[id] = pos
	delete(c.pending, id)
	return c.over
}

// acknowledged returns how many batches were.
func (c *crash) acknowledged() int {
	c.mu.Lock()
	defer c.mu.Unlock()
	return len(c.acked)
}

// park waits until the server is back.
func (c *crash) park(id string) {
	c.mu.Lock()
	c.pending[id] = true
	c.stopped++
	resume := c.resume
	c.mu.Unlock()
	<-resume
}

func (c *crash) waitForWriters() {
	eventually(c.T, "every writer has noticed", func() bool {
		c.mu.Lock()
		defer c.mu.Unlock()
		return c.stopped == crashWriters
	})
}

// entries returns the log, by ID, and how many entries stand there twice.
func (c *crash) entries() (byID map[string]storage.Entry, doubled int) {
	db := open(c, durable(c), postgres.Options{Schema: c.schema})
	byID = map[string]storage.Entry{}
	at := storage.Pos(0)
	for e, err := range storage.New(db).Log(c.Context(), 0) {
		if err != nil {
			c.Fatal(err)
		}
		if at++; e.Pos != at {
			c.Fatalf("position %d after %d", e.Pos, at-1)
		}
		if _, twice := byID[string(e.Note)]; twice {
			doubled++
		}
		byID[string(e.Note)] = e
	}
	return byID, doubled
}

// inspect counts the batches whose outcome the writers do not know, and those
// of them that were committed.
func (c *crash) inspect() (unknown, committed int) {
	log, _ := c.entries()
	for id := range c.pending {
		unknown++
		if _, there := log[id]; there {
			committed++
		}
	}
	return unknown, committed
}

// check compares the log with what was acknowledged.
func (c *crash) check() (lost, torn, doubled int) {
	log, doubled := c.entries()
	for id, pos := range c.acked {
		e, there := log[id]
		switch {
		case !there || e.Pos != pos:
			lost++
		case len(e.Records) != 2 || string(e.Records[0].Data) != id || string(e.Records[1].Data) != id || e.Records[1].Version != 1:
			torn++
		}
	}
	if len(log) != len(c.acked) {
		c.Errorf("%d entries, %d batches acknowledged", len(log), len(c.acked))
	}
	return lost, torn, doubled
}
