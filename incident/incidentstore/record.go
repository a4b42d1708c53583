package incidentstore

import (
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"fmt"
	"slices"
	"time"

	"github.com/sre-sdk/sre/incident"
	"github.com/sre-sdk/sre/storage"
)

// The kinds of records.
const (
	Kind     = "incident"      // the incidents
	openKind = "incident.open" // one for each that is open, so that those are found without reading all
	workKind = "incident.work" // what is done outside, of storage/runner
)

// MaxKeys is how many of the latest keys of an incident are known.
const MaxKeys = 64

// maxEnded is how many ends of obligations are known by ID, so that one which
// is owed again under the same ID does not end twice.
const maxEnded = 1000

// record is an incident as it is stored.
type record struct {
	State  incident.State        `json:"state"`
	Owed   []incident.Obligation `json:"owed,omitempty"`   // with their breaches, each of which is in a note
	Looked time.Time             `json:"looked,omitzero"`  // when deadlines were looked at last; nothing is recorded before
	Ended  []string              `json:"ended,omitempty"`  // marks of the obligations that have ended
	Keys   []keyed               `json:"keys,omitempty"`   // of the latest commands
	Jobs   []job                 `json:"jobs,omitempty"`   // to be handed to the runner
	Number uint64                `json:"number,omitempty"` // of the latest job
}

// keyed is a command that was given with a key.
type keyed struct {
	Key     string   `json:"key"`
	Sum     string   `json:"sum"` // of what was asked
	Refusal *refusal `json:"refusal,omitempty"`
}

// refusal is an incident.Refusal that was kept.
type refusal struct {
	Code string          `json:"code"`
	Text string          `json:"text"`
	May  []incident.Role `json:"may,omitempty"`
}

func (r *record) keyed(key string) *keyed {
	if i := slices.IndexFunc(r.Keys, func(k keyed) bool { return k.Key == key }); i >= 0 {
		return &r.Keys[i]
	}
	return nil
}

func (r *record) remember(k keyed) {
	r.Keys = append(r.Keys, k)
	r.Keys = r.Keys[max(0, len(r.Keys)-MaxKeys):]
}

// due returns when the record wants attention.
func (r *record) due(now time.Time) (due time.Time) {
	if len(r.Jobs) > 0 {
		return now
	}
	for i := range r.Owed {
		if o := &r.Owed[i]; o.End == incident.Open && !o.Due.IsZero() && (due.IsZero() || o.Due.Before(due)) {
			due = o.Due
		}
	}
	return due
}

// isOpen reports whether something is still to be done about it.
func isOpen(s *incident.State) bool {
	switch s.Status {
	case incident.None, incident.Closed, incident.Canceled, incident.Merged:
		return false
	}
	return true
}

// note is what the log keeps of a commit.
type note struct {
	Schema  int                   `json:"schema"`
	At      time.Time             `json:"at"`
	Events  []addressed           `json:"events,omitempty"`
	Ends    []incident.Obligation `json:"ends,omitempty"`    // each obligation once
	Settled []incident.Obligation `json:"settled,omitempty"` // that were breached before, and are done now
}

type addressed struct {
	ID    string         `json:"id"`
	Event incident.Event `json:"event"`
}

const noteSchema = 1

func decodeNote(data []byte, at storage.Pos) (n note, err error) {
	if len(data) == 0 {
		return n, nil // what was due was handed on
	}
	if err := json.Unmarshal(data, &n); err != nil {
		return n, fmt.Errorf("incidentstore: position %d: %w", at, err)
	}
	if n.Schema != noteSchema {
		return n, fmt.Errorf("incidentstore: position %d: the note has schema %d, and this program knows %d", at, n.Schema, noteSchema)
	}
	return n, nil
}

// mark is short for an ID that may be long.
func mark(id string) string {
	sum := sha256.Sum256([]byte(id))
	return hex.EncodeToString(sum[:16])
}
