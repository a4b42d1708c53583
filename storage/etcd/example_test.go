package etcd_test

import (
	"context"
	"fmt"
	"log"
	"time"

	clientv3 "go.etcd.io/etcd/client/v3"

	"github.com/sre-sdk/sre/storage"
	"github.com/sre-sdk/sre/storage/etcd"
)

// State that survives the loss of any one of three machines.
func Example() {
	ctx := context.Background()
	client, err := clientv3.New(clientv3.Config{
		Endpoints:            []string{"https://a:2379", "https://b:2379", "https://c:2379"},
		DialKeepAliveTime:    10 * time.Second, // finds a machine that is gone without a word
		DialKeepAliveTimeout: 3 * time.Second,
	})
	if err != nil {
		log.Fatal(err)
	}
	defer client.Close()
	db, err := etcd.Open(ctx, client, etcd.Options{})
	if err != nil {
		log.Fatal(err)
	}
	store := storage.New(db)
	defer store.Close()

	key := storage.Key{Kind: "escalation", ID: "db-down"}
	pos, err := store.Update(ctx, "acknowledge", []storage.Key{key}, func(now []storage.Record) (storage.Change, error) {
		return storage.Change{
			Note:   []byte("acknowledged by alice"),
			Writes: []storage.Write{{Key: key, Data: []byte("acknowledged"), Due: time.Now().Add(time.Hour)}},
		}, nil
	})
	fmt.Println(pos, err)
}
