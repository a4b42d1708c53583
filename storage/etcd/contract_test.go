package etcd_test

import (
	"context"
	"strings"
	"sync"
	"testing"

	clientv3 "go.etcd.io/etcd/client/v3"

	"github.com/sre-sdk/sre/storage"
	"github.com/sre-sdk/sre/storage/etcd"
	"github.com/sre-sdk/sre/storage/storagetest"
)

// options opens stores of their own on one cluster.
func options(client *clientv3.Client) storagetest.Options {
	var prefixes sync.Map
	reopen := func(t testing.TB, prefix string) storage.Backend {
		db, err := etcd.Open(context.WithoutCancel(t.Context()), client, etcd.Options{Prefix: prefix})
		if err != nil {
			t.Fatal(err)
		}
		prefixes.Store(storage.Backend(db), prefix)
		return db
	}
	return storagetest.Options{
		Open: func(t testing.TB) storage.Backend { return reopen(t, newPrefix()) },
		Reopen: func(t testing.TB, b storage.Backend) storage.Backend {
			if err := b.Close(); err != nil {
				t.Fatal(err)
			}
			prefix, _ := prefixes.Load(b)
			return reopen(t, prefix.(string))
		},
	}
}

func TestContractOnOneNode(t *testing.T) {
	c := startCluster(t, 1, memoryDir(t))
	storagetest.Run(t, options(c.connect(t)))
}

// TestContractOnThreeNodes runs the rules that depend on which node answers:
// the client takes another one for every call. The others are about encodings
// and limits, which one node has shown.
func TestContractOnThreeNodes(t *testing.T) {
	c := startCluster(t, 3, memoryDir(t))
	for _, rule := range storagetest.Rules(options(c.connect(t))) {
		switch name, _, _ := strings.Cut(rule.Name, " "); name {
		case "P4", "P5", "P6", "P9", "P10", "P16", "P17":
			t.Run(rule.Name, func(t *testing.T) { rule.Check(t) })
		}
	}
}
