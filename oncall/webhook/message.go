package webhook

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"strings"
	"unicode/utf8"

	"github.com/sre-sdk/sre"
	"github.com/sre-sdk/sre/oncall"
)

// What stands in the envelope of a message.
const (
	Schema = 1                 // the newest that this version reads and writes
	Type   = "oncall.delivery" // the event type of the specification
)

// Limits of the text that is sent, in bytes. What is longer is cut, and
// Truncated set: half a page is better than none.
const (
	MaxTitle = 1 << 10
	MaxText  = 16 << 10 // the specification recommends messages below 20 kB
	MaxLink  = 2 << 10  // a longer link is left out, because half of one leads nowhere
)

// A Message is the body of a request, under "data" beside "schema" and "type".
// It holds no time, so that the same delivery has the same bytes; the second of
// the attempt stands in the header.
type Message struct {
	Key       string       `json:"key"`               // of the delivery; the webhook-id is derived from it by [ID]
	Person    string       `json:"person,omitempty"`  // the ID of whom it is for
	Contact   string       `json:"contact,omitempty"` // the ID of the contact
	Severity  sre.Severity `json:"severity"`          // 1 is the worst, 0 unknown
	Title     string       `json:"title"`             // one line
	Body      string       `json:"body,omitempty"`    // plain text
	Link      string       `json:"link,omitempty"`    // shows more; opening it changes nothing
	Truncated bool         `json:"truncated,omitempty"`
}

type envelope struct {
	Schema int             `json:"schema"`
	Type   string          `json:"type"`
	Data   json.RawMessage `json:"data"`
}

func messageOf(d oncall.Delivery) Message {
	m := Message{Key: d.Key, Person: d.Person, Contact: d.Contact.ID, Severity: d.Severity, Link: d.Link}
	var cutTitle, cutBody bool
	m.Title, cutTitle = cut(d.Title, MaxTitle)
	m.Body, cutBody = cut(d.Body, MaxText)
	m.Truncated = cutTitle || cutBody
	if len(m.Link) > MaxLink {
		m.Link, m.Truncated = "", true
	}
	return m
}

// cut shortens text to at most limit bytes, between characters.
func cut(text string, limit int) (string, bool) {
	if len(text) <= limit {
		return text, false
	}
	for limit > 0 && !utf8.RuneStart(text[limit]) {
		limit--
	}
	return text[:limit], true
}

// encode returns the bytes that are signed and sent.
func (m Message) encode() ([]byte, error) {
	data, err := json.Marshal(m)
	if err != nil {
		return nil, fmt.Errorf("webhook: %w", err)
	}
	return json.Marshal(envelope{Schema: Schema, Type: Type, Data: data})
}

// ErrMessage says that a body is no message of this package.
var ErrMessage = errors.New("webhook: not a message of this package")

// ParseMessage reads the body of a verified request that a [Pager] sent. A
// newer schema, another type, unknown fields and a missing key are [ErrMessage].
func ParseMessage(body []byte) (Message, error) {
	if len(body) > MaxBody {
		return Message{}, fmt.Errorf("%w: more than %d bytes", ErrTooLarge, MaxBody)
	}
	var e envelope
	if err := strict(body, &e); err != nil {
		return Message{}, err
	}
	if e.Schema < 1 || e.Schema > Schema {
		return Message{}, fmt.Errorf("%w: schema %d, want 1 to %d", ErrMessage, e.Schema, Schema)
	}
	if e.Type != Type {
		return Message{}, fmt.Errorf("%w: its type is not %s", ErrMessage, Type)
	}
	var m Message
	if err := strict(e.Data, &m); err != nil {
		return Message{}, err
	}
	if m.Key == "" {
		return Message{}, fmt.Errorf("%w: it has no key", ErrMessage)
	}
	return m, nil
}

// strict decodes one JSON value and nothing after it.
func strict(data []byte, to any) error {
	decoder := json.NewDecoder(bytes.NewReader(data))
	decoder.DisallowUnknownFields()
	if err := decoder.Decode(to); err != nil {
		return fmt.Errorf("%w: %s", ErrMessage, strings.TrimPrefix(err.Error(), "json: "))
	}
	if _, err := decoder.Token(); err != io.EOF {
		return fmt.Errorf("%w: something follows it", ErrMessage)
	}
	return nil
}
