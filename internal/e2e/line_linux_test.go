package e2e_test

import (
	"net"
	"sync"
	"testing"
)

// A line is a TCP proxy between one process and one server, which can be cut.
type line struct {
	to       target
	listener net.Listener

	mu    sync.Mutex
	dead  bool                  // nobody gets through
	open  chan struct{}         // closed unless the line hangs
	conns map[net.Conn]struct{} // both ends of each
}

func newLine(t testing.TB, to target) *line {
	t.Helper()
	listener, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	l := &line{to: to, listener: listener, open: make(chan struct{}), conns: map[net.Conn]struct{}{}}
	close(l.open)
	t.Cleanup(func() {
		_ = listener.Close()
		l.mend()
		l.cut()
	})
	go l.serve()
	return l
}

func (l *line) address() string { return l.listener.Addr().String() }

func (l *line) serve() {
	for {
		client, err := l.listener.Accept()
		if err != nil {
			return
		}
		server, err := net.Dial(l.to.network, l.to.address)
		if err != nil || !l.add(client, server) {
			_ = client.Close()
			if err == nil {
				_ = server.Close()
			}
			continue
		}
		go l.forward(client, server)
		go l.forward(server, client)
	}
}

func (l *line) add(conns ...net.Conn) bool {
	l.mu.Lock()
	defer l.mu.Unlock()
	if l.dead {
		return false
	}
	for _, c := range conns {
		l.conns[c] = struct{}{}
	}
	return true
}

func (l *line) forward(from, to net.Conn) {
	defer func() {
		_ = from.Close()
		_ = to.Close()
		l.mu.Lock()
		defer l.mu.Unlock()
		delete(l.conns, from)
		delete(l.conns, to)
	}()
	buf := make([]byte, 32<<10)
	for {
		n, err := from.Read(buf)
		if err != nil {
			return
		}
		<-l.gate()
		if _, err := to.Write(buf[:n]); err != nil {
			return
		}
	}
}

func (l *line) gate() <-chan struct{} {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.open
}

// cut breaks all connections, with what is under way in them, and lets nobody
// through.
func (l *line) cut() {
	l.mu.Lock()
	defer l.mu.Unlock()
	l.dead = true
	for c := range l.conns {
		_ = c.Close()
	}
}

// hang keeps all connections and forwards nothing.
func (l *line) hang() {
	l.mu.Lock()
	defer l.mu.Unlock()
	l.open = make(chan struct{})
}

// mend ends a cut or a hang.
func (l *line) mend() {
	l.mu.Lock()
	defer l.mu.Unlock()
	l.dead = false
	select {
	case <-l.open:
	default:
		close(l.open)
	}
}
