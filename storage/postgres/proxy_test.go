package postgres_test

import (
	"bytes"
	"errors"
	"fmt"
	"net"
	"path/filepath"
	"sync"
	"testing"

	"github.com/jackc/pgx/v5/pgxpool"

	"github.com/sre-sdk/sre/storage"
	"github.com/sre-sdk/sre/storage/postgres"
)

// A proxy stands between the pool and the server, and cuts a connection when
// the server answers with certain bytes, which then get lost.
type proxy struct {
	target   string
	listener net.Listener

	mu    sync.Mutex
	cut   []byte // nil: none
	cuts  int
	conns []net.Conn
}

// What the server answers to statements that succeed, in any exec mode.
var (
	answerToLock   = []byte("UPDATE 1\x00")
	answerToCommit = []byte("COMMIT\x00")
)

// newProxy makes a pool's configuration go through a proxy.
func newProxy(t *testing.T, c *pgxpool.Config) *proxy {
	t.Helper()
	dir := t.TempDir()
	name := fmt.Sprintf(".s.PGSQL.%d", c.ConnConfig.Port)
	listener, err := net.Listen("unix", filepath.Join(dir, name))
	if err != nil {
		t.Fatal(err)
	}
	p := &proxy{target: filepath.Join(c.ConnConfig.Host, name), listener: listener}
	c.ConnConfig.Host = dir
	t.Cleanup(p.close)
	go p.serve()
	return p
}

func (p *proxy) serve() {
	for {
		client, err := p.listener.Accept()
		if err != nil {
			return
		}
		server, err := net.Dial("unix", p.target)
		if err != nil {
			_ = client.Close()
			continue
		}
		p.mu.Lock()
		p.conns = append(p.conns, client, server)
		p.mu.Unlock()
		go p.forward(client, server, false)
		go p.forward(server, client, true)
	}
}

func (p *proxy) forward(from, to net.Conn, answers bool) {
	defer from.Close()
	defer to.Close()
	buf := make([]byte, 64<<10)
	for {
		n, err := from.Read(buf)
		if err != nil || answers && p.hit(buf[:n]) {
			return
		}
		if _, err := to.Write(buf[:n]); err != nil {
			return
		}
	}
}

// hit reports whether this is the answer at which to cut, and cuts only once.
func (p *proxy) hit(answer []byte) bool {
	p.mu.Lock()
	defer p.mu.Unlock()
	if p.cut == nil || !bytes.Contains(answer, p.cut) {
		return false
	}
	p.cut = nil
	p.cuts++
	return true
}

func (p *proxy) cutAt(answer []byte) {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.cut, p.cuts = answer, 0
}

func (p *proxy) count() int {
	p.mu.Lock()
	defer p.mu.Unlock()
	return p.cuts
}

func (p *proxy) close() {
	_ = p.listener.Close()
	p.mu.Lock()
	defer p.mu.Unlock()
	for _, c := range p.conns {
		_ = c.Close()
	}
}

func TestUnknownOutcomeIsResolvedByTheSameID(t *testing.T) {
	for _, mode := range modes {
		t.Run(mode.String(), func(t *testing.T) {
			c, o := config(t), postgres.Options{Schema: newSchema()}
			c.ConnConfig.DefaultQueryExecMode = mode
			p := newProxy(t, c)
			db := open(t, c, o)
			commit(t, db, one("a"))
			p.cutAt(answerToCommit)
			if _, err := db.Commit(t.Context(), one("b")); !errors.Is(err, storage.ErrUnavailable) {
				t.Errorf("after the cut: %v, want ErrUnavailable", err)
			}
			if p.count() != 1 {
				t.Fatal("the connection was not cut")
			}
			for range 2 {
				if pos := commit(t, db, one("b")); pos != 2 {
					t.Errorf("repeated: position %d, want 2", pos)
				}
			}
			other := one("b")
			other.Note = []byte("something else")
			if _, err := db.Commit(t.Context(), other); !errors.Is(err, storage.ErrInvalid) {
				t.Errorf("the same ID with other content: %v, want ErrInvalid", err)
			}
			checkDense(t, db, 2)
		})
	}
}

func TestConnectionThatBreaksBeforeTheCommitIsReplaced(t *testing.T) {
	c, o := config(t), postgres.Options{Schema: newSchema()}
	p := newProxy(t, c)
	db := open(t, c, o)
	commit(t, db, one("a"))
	p.cutAt(answerToLock)
	if pos := commit(t, db, one("b")); pos != 2 || p.count() != 1 {
		t.Errorf("position %d after %d cuts, want 2 after 1", pos, p.count())
	}
	checkDense(t, db, 2)
}
