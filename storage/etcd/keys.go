package etcd

import (
	"fmt"
	"math"
	"strconv"
	"time"

	clientv3 "go.etcd.io/etcd/client/v3"

	"github.com/sre-sdk/sre/storage"
)

// A keyspace makes the keys of a store from its prefix. Names hold no NUL, so
// NUL ends them and keeps their order; numbers are 16 hex digits, so that the
// order of bytes is that of numbers and people can read them.
type keyspace string

func (p keyspace) seq() string               { return string(p) + "seq" }
func (p keyspace) heads(kind string) string  { return string(p) + "h/" + kind + "\x00" }
func (p keyspace) head(k storage.Key) string { return p.heads(k.Kind) + k.ID }
func (p keyspace) gone(k storage.Key) string { return string(p) + "x/" + k.Kind + "\x00" + k.ID }
func (p keyspace) log() string               { return string(p) + "l/" }
func (p keyspace) entry(pos storage.Pos) string {
	return p.log() + number(uint64(pos))
}
func (p keyspace) batch(id string) string { return string(p) + "i/" + id }
func (p keyspace) versions(k storage.Key) string {
	return string(p) + "v/" + k.Kind + "\x00" + k.ID + "\x00"
}
func (p keyspace) version(k storage.Key, v storage.Version) string {
	return p.versions(k) + number(uint64(v))
}
func (p keyspace) timers(kind string) string { return string(p) + "d/" + kind + "\x00" }
func (p keyspace) timer(k storage.Key, micros int64) string {
	return p.timers(k.Kind) + timerNumber(micros) + k.ID
}

// numberLen is the length of what number returns.
const numberLen = 16

func number(n uint64) string { return fmt.Sprintf("%0*x", numberLen, n) }

// parseNumber reads the number at the end of a key.
func parseNumber(key []byte) (uint64, error) {
	return strconv.ParseUint(string(key[max(0, len(key)-numberLen):]), 16, 64)
}

// timerNumber flips the sign bit, so that instants before 1970 come first.
func timerNumber(micros int64) string { return number(uint64(micros) ^ 1<<63) }

// dueEnd returns the key after the last timer of a kind that is due at now.
func (p keyspace) dueEnd(kind string, now time.Time) string {
	switch {
	case now.Year() > 9999: // beyond what a record may carry, and maybe beyond what UnixMicro can tell
		return end(p.timers(kind))
	case now.Year() < 1:
		return p.timers(kind)
	}
	return p.timers(kind) + timerNumber(min(now.UnixMicro(), math.MaxInt64-1)+1)
}

// end returns the key after the last one that begins with prefix.
func end(prefix string) string { return clientv3.GetPrefixRangeEnd(prefix) }

// next returns the key that follows at once on key.
func next(key string) string { return key + "\x00" }
