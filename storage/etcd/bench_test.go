package etcd_test

import (
	"fmt"
	"strings"
	"testing"
	"time"

	clientv3 "go.etcd.io/etcd/client/v3"

	"github.com/sre-sdk/sre/storage/storagetest"
)

// BenchmarkBackend measures on real disks. The bare loop puts the same data
// under keys of its own, without log, history, timers or conditions.
func BenchmarkBackend(b *testing.B) {
	for _, nodes := range []int{1, 3} {
		b.Run(fmt.Sprintf("nodes=%d", nodes), func(b *testing.B) {
			client := startCluster(b, nodes, b.TempDir()).connect(b)
			o := options(client)
			o.Bare = func(b *testing.B, group, n int) float64 { return bare(b, client, group, n) }
			storagetest.Bench(b, o)
		})
	}
}

func bare(b *testing.B, client *clientv3.Client, group, total int) (perSecond float64) {
	prefix, data := newPrefix(), strings.Repeat("x", storagetest.RecordSize)
	begin := time.Now()
	for n := 0; n < total; {
		var ops []clientv3.Op
		for ; len(ops) < group && n < total; n++ {
			ops = append(ops, clientv3.OpPut(fmt.Sprint(prefix, n), data))
		}
		if _, err := client.Txn(b.Context()).Then(ops...).Commit(); err != nil {
			b.Fatal(err)
		}
	}
	return float64(total) / time.Since(begin).Seconds()
}
