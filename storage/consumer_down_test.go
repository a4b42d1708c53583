package storage_test

import (
	"context"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"github.com/sre-sdk/sre/storage"
)

// downBackend reads nothing while it is down.
type downBackend struct {
	storage.Backend
	down atomic.Bool
}

func (b *downBackend) Log(ctx context.Context, after storage.Pos, limit int) ([]storage.Entry, error) {
	if b.down.Load() {
		return nil, storage.ErrUnavailable
	}
	return b.Backend.Log(ctx, after, limit)
}

func TestConsumerOutlivesABackendThatIsDown(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		b := &downBackend{Backend: storage.NewMemoryBackend()}
		b.down.Store(true)
		s := storage.New(b)
		order(t, s, "a")
		ctx, cancel := context.WithCancel(t.Context())
		c := storage.Consumer{Store: s, Name: "c", Handle: billing(s)}
		ended := make(chan error)
		go func() { ended <- c.Run(ctx) }()
		time.Sleep(time.Hour)
		b.down.Store(false)
		eventually(t, "the order is billed", func() bool {
			_, records, err := s.Get(t.Context(), storage.Key{Kind: "bill", ID: "a"})
			return err == nil && records[0].Exists()
		})
		cancel()
		if err := <-ended; err == nil {
			t.Error("Run ended without the context's error")
		}
	})
}
