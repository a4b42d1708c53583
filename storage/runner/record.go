package runner

import (
	"encoding/json"
	"errors"
	"fmt"
	"slices"
	"strings"
	"time"

	"github.com/sre-sdk/sre"
	"github.com/sre-sdk/sre/storage"
)

// stateRecord is how a state is stored. Its first two fields are the envelope
// that all records have.
type stateRecord struct {
	Schema int             `json:"schema"`
	Data   json.RawMessage `json:"data"`
	Keys   []string        `json:"keys,omitempty"` // of the latest inputs, the newest last
}

// MaxInputKeys is how many of the latest inputs a state remembers by their
// keys.
const MaxInputKeys = 32

// remember adds the key of an input and forgets the oldest beyond MaxInputKeys.
func (r *stateRecord) remember(key string) {
	if key != "" {
		r.Keys = append(slices.Clone(r.Keys), key)
		r.Keys = r.Keys[max(0, len(r.Keys)-MaxInputKeys):]
	}
}

// The kinds of effect records.
const (
	statusPending = "pending"
	statusTelling = "telling" // performed, or given up, but the machine was not told yet
	statusDone    = "done"
	statusDead    = "dead"
	statusFanOut  = "fan_out" // holds more effects than fit one batch
)

// effectRecord is how an effect is stored.
type effectRecord struct {
	Of      string   `json:"of"` // the ID of the state
	Effect  Effect   `json:"effect"`
	Status  string   `json:"status"`
	Attempt int      `json:"attempt"`           // how often it was claimed
	Err     string   `json:"error,omitempty"`   // of the latest failure, bounded; none once it was performed
	Receipt []byte   `json:"receipt,omitempty"` // once it was performed, bounded
	Skipped bool     `json:"skipped,omitempty"` // done without being performed: it was no longer wanted
	FanOut  []Effect `json:"fan_out,omitempty"` // what is still to be added
}

// maxError bounds the text of a failure that is stored.
const maxError = 500

// failed notes a failure. The text is never empty, which would mean success.
func (r *effectRecord) failed(err error) {
	r.Err = strings.ToValidUTF8(err.Error(), "")
	if len(r.Err) > maxError {
		r.Err = strings.ToValidUTF8(r.Err[:maxError], "")
	}
	if r.Err == "" {
		r.Err = "an error without text"
	}
}

// maxFanOut bounds the record that holds many effects. Each effect that is
// moved from it to a record of its own adds some bytes to the batch that does
// so, for which there must be room.
const maxFanOut = storage.MaxBatch - 16<<10

const effectSchema = 1

func encodeEffect(r effectRecord) []byte {
	data, err := json.Marshal(struct {
		Schema int          `json:"schema"`
		Data   effectRecord `json:"data"`
	}{effectSchema, r})
	if err != nil {
		panic("runner: " + err.Error()) // strings, bytes and times in range always encode
	}
	return data
}

func decodeEffect(data []byte) (effectRecord, error) {
	var e struct {
		Schema int          `json:"schema"`
		Data   effectRecord `json:"data"`
	}
	if err := json.Unmarshal(data, &e); err != nil {
		return effectRecord{}, fmt.Errorf("runner: decoding an effect: %w", err)
	}
	if e.Schema != effectSchema {
		return effectRecord{}, fmt.Errorf("runner: decoding an effect: %w", sre.Problem{Path: "schema", Code: "unknown_schema",
			Value: fmt.Sprint(e.Schema), Want: "1; a newer one needs a newer program"})
	}
	return e.Data, nil
}

// note is what the log keeps of a step.
type note struct {
	Schema int             `json:"schema"`
	At     time.Time       `json:"at"`
	Input  json.RawMessage `json:"input"`
	Of     string          `json:"of"`            // the ID of the state
	Key    string          `json:"key,omitempty"` // of the input
}

// encodeNote returns the note of a request that was stepped with an input.
func encodeNote[I any](req request[I], prepared I, now time.Time) ([]byte, error) {
	input, err := json.Marshal(prepared)
	if err != nil {
		return nil, fmt.Errorf("runner: encoding an input: %w", err)
	}
	return json.Marshal(note{Schema: 1, At: now, Input: input, Of: req.id, Key: req.key})
}

func (r *Runner[S, I]) stateKey(id string) storage.Key {
	return storage.Key{Kind: r.c.Machine.Kind, ID: id}
}

func (r *Runner[S, I]) effectKind() string { return r.c.Machine.Kind + ".effect" }

func (r *Runner[S, I]) effectKey(id string) storage.Key {
	return storage.Key{Kind: r.effectKind(), ID: id}
}

func (r *Runner[S, I]) deadKey(id string) storage.Key {
	return storage.Key{Kind: r.c.Machine.Kind + ".dead", ID: id}
}

// errForeign: a record that this program cannot read. One of another version
// perhaps can.
var errForeign = errors.New("not readable by this program")

// decode returns the state that a record holds, or the zero state.
func (r *Runner[S, I]) decode(rec storage.Record) (S, stateRecord, error) {
	var state S
	var stored stateRecord
	if !rec.Exists() {
		return state, stored, nil
	}
	if err := json.Unmarshal(rec.Data, &stored); err != nil {
		return state, stored, fmt.Errorf("runner: decoding %s: %w: %w", rec.Key, errForeign, err)
	}
	data, err := r.schema.Upgrade(stored.Schema, stored.Data)
	if err != nil {
		return state, stored, fmt.Errorf("runner: %s: %w: %w", rec.Key, errForeign, err)
	}
	if err := json.Unmarshal(data, &state); err != nil {
		return state, stored, fmt.Errorf("runner: decoding %s: %w: %w", rec.Key, errForeign, err)
	}
	return state, stored, nil
}

// encode returns the record's data for a state.
func (r *Runner[S, I]) encode(state S, stored stateRecord) ([]byte, error) {
	data, err := json.Marshal(state)
	if err != nil {
		return nil, fmt.Errorf("runner: encoding a state: %w", err)
	}
	stored.Schema, stored.Data = r.schema.Version(), data
	return json.Marshal(stored)
}

// stored returns a state as it is when it was stored and read again.
func (r *Runner[S, I]) stored(state S) (S, error) {
	var again S
	data, err := json.Marshal(state)
	if err == nil {
		err = json.Unmarshal(data, &again)
	}
	return again, err
}

// checkEffects reports effects that cannot be stored or performed. It returns
// them with their times in UTC.
func (r *Runner[S, I]) checkEffects(effects []Effect) ([]Effect, error) {
	var p sre.Problems
	if len(effects) > MaxEffects {
		p.Add("effects", "too_many", len(effects), fmt.Sprintf("at most %d", MaxEffects))
	}
	checked := slices.Clone(effects)
	seen := map[string]bool{}
	for i, e := range effects {
		path := fmt.Sprintf("effects[%d]", i)
		p.CheckID(path+".id", e.ID)
		if seen[e.ID] {
			p.Add(path+".id", "duplicate", e.ID, "each ID once")
		}
		seen[e.ID] = true
		if r.c.Handlers[e.Type] == nil {
			p.Add(path+".type", "no_handler", e.Type, "a type that Config.Handlers has")
		}
		if len(e.Payload) > MaxPayload {
			p.Add(path+".payload", "too_large", len(e.Payload), fmt.Sprintf("at most %d bytes", MaxPayload))
		}
		checked[i].After = storage.RoundDue(e.After)
		if year := checked[i].After.Year(); year < 1 || year > 9999 {
			p.Add(path+".after", "out_of_range", year, "the years 1 to 9999")
		}
	}
	return checked, p.Err("runner")
}
