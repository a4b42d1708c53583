package storagetest

import (
	"bytes"
	"slices"

	"github.com/google/go-cmp/cmp"
	"github.com/google/go-cmp/cmp/cmpopts"

	"github.com/sre-sdk/sre/storage"
)

// diff compares answers; nil and empty are the same, as both hold nothing. cmp
// takes its time, so it is asked only for what to say of a difference.
func diff(want, got any) string {
	switch want := want.(type) {
	case []storage.Record:
		if got, ok := got.([]storage.Record); ok && slices.EqualFunc(want, got, sameRecord) {
			return ""
		}
	case []storage.Entry:
		if got, ok := got.([]storage.Entry); ok && slices.EqualFunc(want, got, sameEntry) {
			return ""
		}
	}
	return cmp.Diff(want, got, cmpopts.EquateEmpty())
}

func sameRecord(a, b storage.Record) bool {
	return a.Key == b.Key && a.Version == b.Version && a.Pos == b.Pos && a.Deleted == b.Deleted && a.Due.Equal(b.Due) && bytes.Equal(a.Data, b.Data)
}

func sameEntry(a, b storage.Entry) bool {
	return a.Pos == b.Pos && a.ID == b.ID && bytes.Equal(a.Note, b.Note) && slices.EqualFunc(a.Records, b.Records, sameRecord)
}
