package storage_test

import (
	"context"
	"errors"
	"fmt"
	"time"

	"github.com/sre-sdk/sre/storage"
)

// A batch writes records, an entry of the log and timers, all or nothing.
func Example() {
	ctx := context.Background()
	store := storage.NewMemory()
	defer store.Close()

	page := storage.Key{Kind: "escalation.effect", ID: "page alice"}
	_, err := store.Commit(ctx, storage.Batch{ID: "db-down 1", Note: []byte("triggered"), Writes: []storage.Write{
		{Key: storage.Key{Kind: "escalation", ID: "db-down"}, Data: []byte("level 1")},
		{Key: page, Data: []byte("db is down"), Due: time.Unix(60, 0)},
	}})
	fmt.Println("committed:", err)

	due, _ := store.Due(ctx, "escalation.effect", time.Unix(60, 0), 10)
	for _, r := range due {
		// Who moves the timer forward has claimed the effect; everybody else conflicts.
		claim := storage.Write{Key: r.Key, Base: r.Version, Data: r.Data, Due: time.Unix(90, 0)}
		_, mine := store.Commit(ctx, storage.Batch{ID: "worker 1 claims", Writes: []storage.Write{claim}})
		_, theirs := store.Commit(ctx, storage.Batch{ID: "worker 2 claims", Writes: []storage.Write{claim}})
		fmt.Println(r.Key, mine, errors.Is(theirs, storage.ErrConflict))
	}
	// Output:
	// committed: <nil>
	// escalation.effect/page alice <nil> true
}

// Update reads, decides and commits on the condition that nothing has changed.
func ExampleStore_Update() {
	ctx := context.Background()
	store := storage.NewMemory()
	approvals := storage.Key{Kind: "change.approvals", ID: "chg-1"}
	for _, who := range []string{"alice", "bob"} {
		_, err := store.Update(ctx, "approved by "+who, []storage.Key{approvals}, func(now []storage.Record) (storage.Change, error) {
			data := append(now[0].Data, who+" "...)
			return storage.Change{Note: []byte(who + " approved"), Writes: []storage.Write{{Key: approvals, Data: data}}}, nil
		})
		if err != nil {
			fmt.Println(err)
		}
	}
	for r, err := range store.History(ctx, approvals, 0) {
		fmt.Printf("version %d: %s%v\n", r.Version, r.Data, err)
	}
	// Output:
	// version 1: alice <nil>
	// version 2: alice bob <nil>
}

// A Collection keeps typed values and reads every schema that was released.
func ExampleCollection() {
	type runbook struct {
		Title string `json:"title"`
		Runs  int    `json:"runs"`
	}
	ctx := context.Background()
	runbooks := storage.NewCollection[runbook](storage.NewMemory(), storage.Schema{Kind: "runbook"})
	for n := range 2 {
		_, err := runbooks.Update(ctx, "failover", fmt.Sprint("run ", n), func(now storage.Item[runbook]) (storage.Edit[runbook], error) {
			now.Value.Title = "Fail over the database"
			now.Value.Runs++
			return storage.Edit[runbook]{Value: now.Value, Note: []byte("ran")}, nil
		})
		if err != nil {
			fmt.Println(err)
		}
	}
	for item, err := range runbooks.All(ctx) {
		fmt.Println(item.Record.Key.ID, item.Value, err)
		fmt.Println(string(item.Record.Data))
	}
	// Output:
	// failover {Fail over the database 2} <nil>
	// {"schema":1,"data":{"title":"Fail over the database","runs":2}}
}

// A Consumer makes a projection of the log, each entry counted once.
func ExampleConsumer() {
	ctx, cancel := context.WithCancel(context.Background())
	defer cancel()
	store := storage.NewMemory()
	counter := storage.Key{Kind: "stats", ID: "incidents"}
	consumer := storage.Consumer{Store: store, Name: "stats", Handle: func(ctx context.Context, e storage.Entry) (storage.Change, error) {
		if e.Records[0].Key.Kind != "incident" {
			return storage.Change{}, nil
		}
		_, now, err := store.Get(ctx, counter)
		if err != nil {
			return storage.Change{}, err
		}
		count := fmt.Append(nil, now[0].Version+1, " incidents")
		return storage.Change{Writes: []storage.Write{{Key: counter, Base: now[0].Version, Data: count}}}, nil
	}}
	go consumer.Run(ctx) // as often as you like, in as many processes as you like

	for _, id := range []string{"a", "b", "c"} {
		_, _ = store.Commit(ctx, storage.Batch{ID: id, Writes: []storage.Write{{Key: storage.Key{Kind: "incident", ID: id}}}})
	}
	for {
		pos, now, err := store.Get(ctx, counter)
		if err != nil || now[0].Version == 3 {
			fmt.Printf("%s %v\n", now[0].Data, err)
			return
		}
		_ = store.Wait(ctx, pos)
	}
	// Output: 3 incidents <nil>
}
