package slack

import (
	"crypto/sha256"
	"sync"

	"github.com/sre-sdk/sre/oncall"
)

// A memory keeps the newest receipts.
type memory struct {
	mu       sync.Mutex
	receipts map[[sha256.Size]byte]oncall.Receipt
	order    [][sha256.Size]byte // a ring, next is the oldest when it is full
	next     int
	size     int
}

func newMemory(size int) *memory {
	return &memory{receipts: map[[sha256.Size]byte]oncall.Receipt{}, size: size}
}

func (m *memory) get(id [sha256.Size]byte) (oncall.Receipt, bool) {
	m.mu.Lock()
	defer m.mu.Unlock()
	r, ok := m.receipts[id]
	return r, ok
}

func (m *memory) put(id [sha256.Size]byte, r oncall.Receipt) {
	m.mu.Lock()
	defer m.mu.Unlock()
	_, known := m.receipts[id]
	m.receipts[id] = r
	switch {
	case known:
	case len(m.order) < m.size:
		m.order = append(m.order, id)
	default:
		delete(m.receipts, m.order[m.next])
		m.order[m.next] = id
		m.next = (m.next + 1) % m.size
	}
}
