package etcd_test

import (
	"fmt"
	"strings"
	"testing"

	clientv3 "go.etcd.io/etcd/client/v3"

	"github.com/sre-sdk/sre/storage"
	"github.com/sre-sdk/sre/storage/etcd"
)

// TestTrimStopsAtACursorThatIsRegisteredMeanwhile looks into etcd's revisions,
// since the contract alone cannot show which of two concurrent calls was first:
// after the revision that registered a cursor no entry behind it may go.
func TestTrimStopsAtACursorThatIsRegisteredMeanwhile(t *testing.T) {
	client := startCluster(t, 1, memoryDir(t)).connect(t)
	const entries, cursor = 130, 40
	stopped := 0
	for round := range 8 {
		prefix := newPrefix()
		trimming, registering := open(t, client, etcd.Options{Prefix: prefix}), open(t, client, etcd.Options{Prefix: prefix})
		parallel(t, entries, func(i int) error {
			_, err := trimming.Commit(t.Context(), storage.Batch{ID: fmt.Sprint(i), Writes: []storage.Write{{Key: storage.Key{Kind: "k", ID: fmt.Sprint(i)}}}})
			return err
		})
		before, err := client.Get(t.Context(), prefix+"seq")
		if err != nil {
			t.Fatal(err)
		}
		parallel(t, 2, func(i int) error {
			if i == 0 {
				return trimming.Trim(t.Context(), entries+1)
			}
			for range round % 4 { // at different moments
				if _, _, err := registering.Get(t.Context()); err != nil {
					return err
				}
			}
			_, err := registering.Commit(t.Context(), storage.Batch{ID: "register", Writes: []storage.Write{
				{Key: storage.Key{Kind: storage.CursorKind, ID: "c"}, Data: storage.FormatCursor(cursor)}}})
			return err
		})
		after, err := client.Put(t.Context(), prefix+"l/end", "")
		if err != nil {
			t.Fatal(err)
		}
		if trimmed := checkTrim(t, client, prefix, before.Header.Revision, after.Header.Revision, cursor); trimmed < entries {
			stopped++
		}
	}
	t.Logf("the cursor came in time in %d of 8 rounds", stopped)
}

// checkTrim reads what happened between two revisions, and returns how many
// entries were trimmed.
func checkTrim(t *testing.T, client *clientv3.Client, prefix string, from, to int64, cursor storage.Pos) (trimmed int) {
	t.Helper()
	registered := int64(0)
	for response := range client.Watch(t.Context(), prefix, clientv3.WithPrefix(), clientv3.WithRev(from+1)) {
		if err := response.Err(); err != nil {
			t.Fatal(err)
		}
		for _, e := range response.Events {
			var pos storage.Pos
			key := strings.TrimPrefix(string(e.Kv.Key), prefix)
			switch _, err := fmt.Sscanf(key, "l/%x", &pos); {
			case key == "h/"+storage.CursorKind+"\x00c":
				registered = e.Kv.ModRevision
			case e.Type == clientv3.EventTypeDelete && err == nil:
				trimmed++
				if registered > 0 && pos > cursor {
					t.Fatalf("entry %d was dropped at revision %d, the cursor at %d was registered at revision %d", pos, e.Kv.ModRevision, cursor, registered)
				}
			}
		}
		if response.Header.Revision >= to {
			return trimmed
		}
	}
	return trimmed
}
