package storage

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"iter"
	"time"

	"github.com/sre-sdk/sre"
)

// A Schema describes how values of one type are stored as JSON in the envelope
// {"schema":n,"data":...}. Every version that was ever released stays readable:
// Upgrades[i] turns the data of schema i+1 into that of schema i+2, so the
// current schema is len(Upgrades)+1. Data of a newer schema is refused, so an
// old program never rewrites what it does not understand.
type Schema struct {
	Kind     string // of the records
	Upgrades []func(old json.RawMessage) (json.RawMessage, error)
}

// Version returns the number of the current schema.
func (s Schema) Version() int { return len(s.Upgrades) + 1 }

// Upgrade turns data of an older schema into that of the current one.
func (s Schema) Upgrade(from int, data json.RawMessage) (json.RawMessage, error) {
	if from < 1 || from > s.Version() {
		return nil, fmt.Errorf("storage: decoding %s: %w", s.Kind, sre.Problem{Path: "schema", Code: "unknown_schema", Value: fmt.Sprint(from),
			Want: fmt.Sprintf("1 to %d; a newer one needs a newer program", s.Version())})
	}
	for n := from; n < s.Version(); n++ {
		next, err := s.Upgrades[n-1](data)
		if err != nil {
			return nil, fmt.Errorf("storage: upgrading %s from schema %d: %w", s.Kind, n, err)
		}
		data = next
	}
	return data, nil
}

type envelope struct {
	Schema int             `json:"schema"`
	Data   json.RawMessage `json:"data"`
}

// A Collection stores values of one type as records of one kind. It is safe for
// concurrent use.
type Collection[T any] struct {
	store  *Store
	schema Schema
}

// NewCollection returns the collection of a schema in a store.
func NewCollection[T any](store *Store, schema Schema) *Collection[T] {
	return &Collection[T]{store, schema}
}

// Encode returns a value in the envelope of the current schema.
func (c *Collection[T]) Encode(v T) ([]byte, error) {
	data, err := json.Marshal(v)
	if err != nil {
		return nil, fmt.Errorf("storage: encoding %s: %w", c.schema.Kind, err)
	}
	return json.Marshal(envelope{c.schema.Version(), data})
}

// Decode reads a value of any released schema. An unknown field is refused,
// because it would be lost when the value is written back.
func (c *Collection[T]) Decode(data []byte) (T, error) {
	var v T
	var e envelope
	if err := strictly(data, &e); err != nil {
		return v, fmt.Errorf("storage: decoding %s: %w", c.schema.Kind, err)
	}
	current, err := c.schema.Upgrade(e.Schema, e.Data)
	if err != nil {
		return v, err
	}
	if err := strictly(current, &v); err != nil {
		return v, fmt.Errorf("storage: decoding %s: %w", c.schema.Kind, err)
	}
	return v, nil
}

// strictly decodes one JSON value, and nothing besides.
func strictly(data []byte, v any) error {
	d := json.NewDecoder(bytes.NewReader(data))
	d.DisallowUnknownFields()
	if err := d.Decode(v); err != nil {
		return err
	}
	if _, err := d.Token(); !errors.Is(err, io.EOF) {
		return sre.Problem{Path: "data", Code: "trailing", Want: "one JSON value"}
	}
	return nil
}

// An Item is one value with the record that holds it.
type Item[T any] struct {
	Value  T // the zero value if the record does not exist
	Record Record
}

func (c *Collection[T]) item(r Record) (Item[T], error) {
	item := Item[T]{Record: r}
	if !r.Exists() {
		return item, nil
	}
	var err error
	item.Value, err = c.Decode(r.Data)
	return item, err
}

// Key returns the key of an ID.
func (c *Collection[T]) Key(id string) Key { return Key{c.schema.Kind, id} }

// Get returns the value of that ID. Record.Exists says whether there is one.
func (c *Collection[T]) Get(ctx context.Context, id string) (Item[T], error) {
	_, records, err := c.store.Get(ctx, c.Key(id))
	if err != nil {
		return Item[T]{}, err
	}
	return c.item(records[0])
}

// All yields every value in the order of IDs. A record that cannot be decoded
// is yielded with its error, and the next one follows.
func (c *Collection[T]) All(ctx context.Context) iter.Seq2[Item[T], error] {
	return func(yield func(Item[T], error) bool) {
		for r, err := range c.store.List(ctx, c.schema.Kind) {
			if err != nil {
				yield(Item[T]{}, err)
				return
			}
			if !yield(c.item(r)) {
				return
			}
		}
	}
}

// An Edit is what the function given to [Collection.Update] makes of a value.
type Edit[T any] struct {
	Value  T
	Note   []byte    // the events
	Due    time.Time // when the record wants attention; zero: never
	Also   []Write   // further writes of the same batch, such as effects
	Delete bool
	Keep   bool // commit nothing
}

// Update changes one value by compare-and-swap; see [Store.Update] for intent
// and how often edit may run.
func (c *Collection[T]) Update(ctx context.Context, id, intent string, edit func(Item[T]) (Edit[T], error)) (Pos, error) {
	return c.store.Update(ctx, intent, []Key{c.Key(id)}, func(now []Record) (Change, error) {
		item, err := c.item(now[0])
		if err != nil {
			return Change{}, err
		}
		e, err := edit(item)
		if err != nil || e.Keep {
			return Change{}, err
		}
		w := Write{Key: c.Key(id), Due: e.Due, Delete: e.Delete}
		if !e.Delete {
			if w.Data, err = c.Encode(e.Value); err != nil {
				return Change{}, err
			}
		}
		return Change{Note: e.Note, Writes: append([]Write{w}, e.Also...)}, nil
	})
}
