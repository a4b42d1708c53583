package storage

import (
	"strconv"
	"time"

	"github.com/sre-sdk/sre"
)

// CursorKind is the kind of the records that hold back [Backend.Trim]: each is
// the cursor of one consumer of the log, its ID the consumer's name and its
// data the position up to which everything was consumed. Deleting the record
// unregisters the consumer.
const CursorKind = "storage.cursor"

// FormatCursor returns the data of a cursor record.
func FormatCursor(p Pos) []byte { return strconv.AppendUint(nil, uint64(p), 10) }

// ParseCursor reads the data of a cursor record.
func ParseCursor(data []byte) (Pos, error) {
	n, err := strconv.ParseUint(string(data), 10, 63)
	if err != nil {
		return 0, sre.Problem{Path: CursorKind, Code: "invalid_cursor", Value: string(data[:min(len(data), 40)]), Want: "a position as decimal text"}
	}
	return Pos(n), nil
}

// TrimFloor returns the first position that a Trim must keep: before, or less
// if a cursor has not got there, or if before lies past the end of the log. A
// cursor that cannot be read holds back everything.
func TrimFloor(before, last Pos, cursors []Record) Pos {
	floor := min(before, last+1)
	for _, c := range cursors {
		at, err := ParseCursor(c.Data)
		if err != nil {
			at = 0
		}
		floor = min(floor, at+1)
	}
	return floor
}

// DueMicros returns Due as microseconds since 1970, by which backends index it.
func (r Record) DueMicros() (micros int64, ok bool) {
	return r.Due.UnixMicro(), !r.Due.IsZero()
}

// DueFromMicros is the inverse of [Record.DueMicros].
func DueFromMicros(micros int64) time.Time { return time.UnixMicro(micros).UTC() }
