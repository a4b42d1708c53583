package storage

import (
	"bytes"
	"crypto/sha256"
	"encoding/binary"
	"errors"
	"fmt"
	"iter"
	"math"
	"slices"
	"strings"
	"time"
	"unicode/utf8"

	"github.com/sre-sdk/sre"
)

// CheckBatch checks a batch against the limits of the contract and returns a
// copy that shares nothing with it, with every Due in UTC and rounded. Each
// backend calls it first, so that all refuse the same.
func CheckBatch(b Batch) (Batch, error) {
	var p sre.Problems
	size := len(b.ID) + len(b.Note)
	checkName(&p, "id", b.ID)
	if len(b.Writes) < 1 || len(b.Writes) > MaxWrites {
		p.Add("writes", "out_of_range", len(b.Writes), fmt.Sprintf("1 to %d writes", MaxWrites))
	}
	if len(b.Checks) > MaxChecks {
		p.Add("checks", "out_of_range", len(b.Checks), fmt.Sprintf("at most %d checks", MaxChecks))
	}
	out := Batch{ID: strings.Clone(b.ID), Note: bytes.Clone(b.Note)}
	for i, w := range b.Writes[:min(len(b.Writes), MaxWrites)] {
		size += len(w.Key.Kind) + len(w.Key.ID) + len(w.Data)
		if !w.valid() || duplicate(b.Writes[:i], w.Key) { // paths are only made when there is something to say
			w.check(fmt.Sprintf("writes[%d]", i), b.Writes[:i], &p)
		}
	}
	for i, c := range b.Checks[:min(len(b.Checks), MaxChecks)] {
		size += len(c.Key.Kind) + len(c.Key.ID)
		c.check(i, b, &p)
	}
	if err := p.Err("storage"); err != nil {
		return Batch{}, &invalidError{err, ErrInvalid}
	}
	if size > MaxBatch {
		p.Add("batch", "too_large", size, fmt.Sprintf("at most %d bytes of keys, data, ID and note", MaxBatch))
		return Batch{}, &invalidError{p.Err("storage"), ErrTooLarge}
	}
	out.Writes = make([]Write, len(b.Writes))
	for i, w := range b.Writes {
		w.Key = Key{strings.Clone(w.Key.Kind), strings.Clone(w.Key.ID)}
		w.Data, w.Due = bytes.Clone(w.Data), RoundDue(w.Due)
		out.Writes[i] = w
	}
	for _, c := range b.Checks {
		out.Checks = append(out.Checks, Check{Key{strings.Clone(c.Key.Kind), strings.Clone(c.Key.ID)}, c.Version})
	}
	return out, nil
}

// check reports what is wrong with the i-th check of a batch.
func (c Check) check(i int, b Batch, p *sre.Problems) {
	again := slices.ContainsFunc(b.Checks[:i], func(before Check) bool { return before.Key == c.Key })
	written := duplicate(b.Writes, c.Key)
	if validName(c.Key.Kind) && validName(c.Key.ID) && !again && !written {
		return
	}
	path := fmt.Sprintf("checks[%d].key", i)
	checkName(p, path+".kind", c.Key.Kind)
	checkName(p, path+".id", c.Key.ID)
	if again {
		p.Add(path, "duplicate", c.Key, "each key once")
	}
	if written {
		p.Add(path, "written", c.Key, "a key that the batch does not write; the base of a write is its check")
	}
}

// Keys yields the keys on which it depends whether a batch can be committed:
// those that it writes, then those that it checks.
func (b Batch) Keys() iter.Seq[Key] {
	return func(yield func(Key) bool) {
		for i := range b.Writes {
			if !yield(b.Writes[i].Key) {
				return
			}
		}
		for i := range b.Checks {
			if !yield(b.Checks[i].Key) {
				return
			}
		}
	}
}

// Conflict returns a [ConflictError] about a write or a check of a checked batch
// that does not go with the current versions, or nil if the batch can be
// committed. current returns the last version of a key and whether it is one
// that exists, which is neither absent (0) nor a deletion. Every backend asks
// it, while nothing else can commit.
func (b Batch) Conflict(current func(Key) (v Version, exists bool)) error {
	for i := range b.Writes {
		w := &b.Writes[i]
		if v, exists := current(w.Key); w.Base != v && (w.Base != 0 || exists) || w.Delete && !exists {
			return &ConflictError{w.Key, w.Base, v}
		}
	}
	for _, c := range b.Checks {
		if v, exists := current(c.Key); c.Version != v && (c.Version != 0 || exists) {
			return &ConflictError{c.Key, c.Version, v}
		}
	}
	return nil
}

func (w *Write) valid() bool {
	return validName(w.Key.Kind) && validName(w.Key.ID) && dueInRange(w.Due) &&
		(!w.Delete || len(w.Data) == 0 && w.Due.IsZero() && w.Base > 0)
}

func (w *Write) check(path string, before []Write, p *sre.Problems) {
	checkName(p, path+".key.kind", w.Key.Kind)
	checkName(p, path+".key.id", w.Key.ID)
	if duplicate(before, w.Key) {
		p.Add(path+".key", "duplicate", w.Key, "each key once")
	}
	if !dueInRange(w.Due) {
		p.Add(path+".due", "out_of_range", w.Due.Year(), "the years 1 to 9999")
	}
	if w.Delete && (len(w.Data) > 0 || !w.Due.IsZero()) {
		p.Add(path+".delete", "conflict", true, "no data and no due time with delete")
	}
	if w.Delete && w.Base == 0 {
		p.Add(path+".base", "out_of_range", 0, "the version to delete")
	}
}

func duplicate(before []Write, k Key) bool {
	for i := range before {
		if before[i].Key == k {
			return true
		}
	}
	return false
}

func validName(s string) bool {
	return s != "" && len(s) <= MaxKey && strings.IndexByte(s, 0) < 0 && utf8.ValidString(s)
}

func checkName(p *sre.Problems, path, s string) {
	if !validName(s) {
		p.Add(path, "invalid_name", s, fmt.Sprintf("1 to %d bytes of UTF-8 without NUL", MaxKey))
	}
}

// dueInRange looks at the instant that the record will carry: in UTC, rounded.
func dueInRange(t time.Time) bool {
	if t.IsZero() {
		return true
	}
	t = RoundDue(t)
	return !t.IsZero() && t.Year() >= 1 && t.Year() <= 9999
}

// RoundDue returns t in UTC, rounded up to the microsecond, as records carry
// it: a timer must not fire early. Zero stays zero.
func RoundDue(t time.Time) time.Time {
	if t.IsZero() {
		return time.Time{}
	}
	t = t.Round(0).UTC()
	if ns := t.Nanosecond() % 1000; ns > 0 {
		t = t.Add(time.Duration(1000 - ns))
	}
	return t
}

// CheckKeys checks the keys of a Get.
func CheckKeys(keys []Key) error {
	var p sre.Problems
	if len(keys) > MaxKeys {
		p.Add("keys", "too_many", len(keys), fmt.Sprintf("at most %d", MaxKeys))
	}
	for _, k := range keys {
		if !validName(k.Kind) || !validName(k.ID) {
			checkName(&p, "key.kind", k.Kind)
			checkName(&p, "key.id", k.ID)
		}
	}
	if err := p.Err("storage"); err != nil {
		return &invalidError{err, ErrInvalid}
	}
	return nil
}

// CheckList checks the arguments of a List.
func CheckList(kind, after string, limit int) error {
	err := CheckPage(kind, limit)
	if after == "" || validName(after) {
		return err
	}
	var p sre.Problems
	checkName(&p, "after", after)
	return errors.Join(err, &invalidError{p.Err("storage"), ErrInvalid})
}

// CheckPage checks the kind and the limit of a Due.
func CheckPage(kind string, limit int) error {
	var p sre.Problems
	checkName(&p, "kind", kind)
	if limit < 1 || limit > MaxLimit {
		p.Add("limit", "out_of_range", limit, fmt.Sprintf("1 to %d", MaxLimit))
	}
	if err := p.Err("storage"); err != nil {
		return &invalidError{err, ErrInvalid}
	}
	return nil
}

// CheckLimit checks the limit of a Log.
func CheckLimit(limit int) error { return CheckPage("log", limit) }

// CheckHistory checks the key and the limit of a History.
func CheckHistory(key Key, limit int) error {
	return errors.Join(CheckKeys([]Key{key}), CheckLimit(limit))
}

// A Digest identifies the content of a batch; see [Batch.Digest].
type Digest [sha256.Size]byte

// Digest returns the SHA-256 of everything in a checked batch but its ID. Two
// batches with the same ID are the same intent if their digests are equal. The
// digest of a batch without checks is what it was before there were any.
func (b Batch) Digest() Digest {
	size := 16 + len(b.Note)
	for _, w := range b.Writes {
		size += 64 + len(w.Key.Kind) + len(w.Key.ID) + len(w.Data)
	}
	for _, c := range b.Checks {
		size += 32 + len(c.Key.Kind) + len(c.Key.ID)
	}
	// One buffer and one pass are twice as fast as many small writes.
	buf := make([]byte, 0, size)
	buf = appendText(buf, b.Note)
	for _, w := range b.Writes {
		buf = appendText(buf, w.Key.Kind)
		buf = appendText(buf, w.Key.ID)
		buf = binary.BigEndian.AppendUint64(buf, uint64(w.Base))
		buf = appendText(buf, w.Data)
		var due uint64
		if !w.Due.IsZero() {
			due = uint64(w.Due.UnixMicro())
		}
		buf = append(buf, flag(!w.Due.IsZero()), flag(w.Delete))
		buf = binary.BigEndian.AppendUint64(buf, due)
	}
	if len(b.Checks) > 0 {
		buf = binary.BigEndian.AppendUint64(buf, noLength) // not another write
	}
	for _, c := range b.Checks {
		buf = appendText(buf, c.Key.Kind)
		buf = appendText(buf, c.Key.ID)
		buf = binary.BigEndian.AppendUint64(buf, uint64(c.Version))
	}
	return sha256.Sum256(buf)
}

// noLength is what no text has as its length.
const noLength = math.MaxUint64

// appendText appends a text so that where it ends is part of it.
func appendText[T string | []byte](buf []byte, text T) []byte {
	buf = binary.BigEndian.AppendUint64(buf, uint64(len(text)))
	return append(buf, text...)
}

func flag(on bool) byte {
	if on {
		return 1
	}
	return 0
}

// SameIDError is the error for an ID that was used for another batch; it is
// [ErrInvalid].
func SameIDError(id string) error {
	var p sre.Problems
	p.Add("id", "reused", id, "an ID of its own for each intent; this one was committed with other content")
	return &invalidError{p.Err("storage"), ErrInvalid}
}
