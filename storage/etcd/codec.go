package etcd

import (
	"encoding/binary"
	"errors"
	"fmt"

	"github.com/sre-sdk/sre/storage"
)

// format is the first byte of every value. A reader of each released format
// stays; a newer one is refused.
const format = 1

// Flags of a record.
const (
	flagDue = 1 << iota
	flagDeleted
)

func appendText[T string | []byte](b []byte, s T) []byte {
	return append(binary.AppendUvarint(b, uint64(len(s))), s...)
}

// appendBody appends what a record holds besides its key and position.
func appendBody(b []byte, r storage.Record) []byte {
	micros, due := r.DueMicros()
	var flags byte
	if due {
		flags |= flagDue
	}
	if r.Deleted {
		flags |= flagDeleted
	}
	b = binary.AppendUvarint(append(b, flags), uint64(r.Version))
	if due {
		b = binary.AppendVarint(b, micros)
	}
	return appendText(b, r.Data)
}

// encodePos returns the value of seq, which is the last position, and of a
// version, which is where in the log it stands.
func encodePos(pos storage.Pos) []byte { return binary.AppendUvarint([]byte{format}, uint64(pos)) }

// encodeRecord returns the value of a head or of a deleted key's last version.
func encodeRecord(r storage.Record) []byte {
	b := make([]byte, 0, len(r.Data)+40)
	return appendBody(binary.AppendUvarint(append(b, format), uint64(r.Pos)), r)
}

// encodeEntry returns the value of a log entry, whose position is in its key.
func encodeEntry(e storage.Entry) []byte {
	size := len(e.ID) + len(e.Note) + 16
	for _, r := range e.Records {
		size += len(r.Key.Kind) + len(r.Key.ID) + len(r.Data) + 40
	}
	b := append(make([]byte, 0, size), format)
	b = appendText(appendText(b, e.ID), e.Note)
	b = binary.AppendUvarint(b, uint64(len(e.Records)))
	for _, r := range e.Records {
		b = appendBody(appendText(appendText(b, r.Key.Kind), r.Key.ID), r)
	}
	return b
}

// encodeBatch returns the value of a batch ID.
func encodeBatch(pos storage.Pos, digest storage.Digest) []byte {
	return append(binary.AppendUvarint([]byte{format}, uint64(pos)), digest[:]...)
}

// A decoder reads a value. After an error everything it returns is zero.
type decoder struct {
	b   []byte
	err error
}

var errTruncated = errors.New("value is truncated")

// decode begins to read a value.
func decode(b []byte) *decoder {
	d := &decoder{b: b}
	if f := d.byte(); d.err == nil && f != format {
		d.err = fmt.Errorf("value has format %d, this version reads %d", f, format)
	}
	return d
}

func (d *decoder) take(n uint64) []byte {
	if d.err != nil || n > uint64(len(d.b)) {
		d.fail()
		return nil
	}
	taken := d.b[:n:n] // callers may append to it
	d.b = d.b[n:]
	return taken
}

func (d *decoder) fail() {
	if d.err == nil {
		d.err = errTruncated
	}
	d.b = nil
}

func (d *decoder) byte() byte {
	if b := d.take(1); len(b) == 1 {
		return b[0]
	}
	return 0
}

func (d *decoder) uvarint() uint64 {
	v, n := binary.Uvarint(d.b)
	if d.take(uint64(max(n, 0))); n <= 0 {
		d.fail()
		return 0
	}
	return v
}

func (d *decoder) varint() int64 {
	v, n := binary.Varint(d.b)
	if d.take(uint64(max(n, 0))); n <= 0 {
		d.fail()
		return 0
	}
	return v
}

// text returns the next bytes, nil if there are none.
func (d *decoder) text() []byte {
	if b := d.take(d.uvarint()); len(b) > 0 {
		return b
	}
	return nil
}

// end returns the error, and one if something is left.
func (d *decoder) end() error {
	if d.err == nil && len(d.b) > 0 {
		return fmt.Errorf("value has %d bytes too many", len(d.b))
	}
	return d.err
}

func (d *decoder) body(key storage.Key, pos storage.Pos) storage.Record {
	flags := d.byte()
	r := storage.Record{Key: key, Pos: pos, Version: storage.Version(d.uvarint()), Deleted: flags&flagDeleted != 0}
	if flags&flagDue != 0 {
		r.Due = storage.DueFromMicros(d.varint())
	}
	r.Data = d.text()
	return r
}

func decodePos(b []byte) (storage.Pos, error) {
	d := decode(b)
	return storage.Pos(d.uvarint()), d.end()
}

func decodeRecord(key storage.Key, b []byte) (storage.Record, error) {
	d := decode(b)
	r := d.body(key, storage.Pos(d.uvarint()))
	return r, d.end()
}

func decodeEntry(pos storage.Pos, b []byte) (storage.Entry, error) {
	d := decode(b)
	e := storage.Entry{Pos: pos, ID: string(d.text()), Note: d.text()}
	n := d.uvarint()
	if n > storage.MaxWrites {
		return storage.Entry{}, fmt.Errorf("entry has %d records", n)
	}
	e.Records = make([]storage.Record, n)
	for i := range e.Records {
		key := storage.Key{Kind: string(d.text()), ID: string(d.text())}
		e.Records[i] = d.body(key, pos)
	}
	return e, d.end()
}

func decodeBatch(b []byte) (pos storage.Pos, digest storage.Digest, err error) {
	d := decode(b)
	pos = storage.Pos(d.uvarint())
	copy(digest[:], d.take(uint64(len(digest))))
	return pos, digest, d.end()
}
