package webhook

import (
	"crypto/hmac"
	"crypto/sha256"
	"encoding/base64"
	"errors"
	"fmt"
	"net/http"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/sre-sdk/sre"
)

// The headers of the specification, in the form of [http.Header].
const (
	HeaderID        = "Webhook-Id"
	HeaderTimestamp = "Webhook-Timestamp"
	HeaderSignature = "Webhook-Signature"
)

// Limits and defaults of messages.
const (
	MaxSecrets    = 10        // with which one message is signed or verified
	MaxSignatures = 20        // in one header that is verified
	MaxIDBytes    = 200       // of a webhook-id
	MaxBody       = 256 << 10 // bytes that Verify takes, and a Receiver unless configured otherwise

	DefaultTolerance = 5 * time.Minute // between the clocks of sender and receiver, either way
)

const (
	version       = "v1" // HMAC-SHA256
	signatureSize = sha256.Size
)

// What is wrong with a message that [Verify] refuses, for errors.Is.
var (
	ErrHeader    = errors.New("webhook: a header is missing, repeated or malformed")
	ErrSignature = errors.New("webhook: no signature is right")
	ErrStale     = errors.New("webhook: the message is too old or of the future")
	ErrTooLarge  = errors.New("webhook: the message is too large")
)

// A StaleError says by how much a message misses the tolerance. Its signature
// is right, so it is an old message repeated, or a clock is wrong. It is
// [ErrStale].
type StaleError struct {
	Age       time.Duration // negative: of the future
	Tolerance time.Duration
}

// Error says how old the message is.
func (e *StaleError) Error() string {
	return fmt.Sprintf("%v: %v old, want at most %v either way", ErrStale, e.Age, e.Tolerance)
}

// Unwrap returns ErrStale.
func (e *StaleError) Unwrap() error { return ErrStale }

// Sign returns the three headers of a message: its id, the second of the
// attempt and one signature for each secret, in their order. While a key is
// rotated, sign with the new and the old one.
func Sign(secrets []Secret, id string, at time.Time, body []byte) (http.Header, error) {
	var p sre.Problems
	checkSecrets(&p, "secrets", secrets)
	if !validID(id) {
		p.Add("id", "invalid_id", id, wantID)
	}
	if at.Unix() < 0 {
		p.Add("at", "out_of_range", at, "an instant after 1970")
	}
	if err := p.Err("webhook"); err != nil {
		return nil, err
	}
	timestamp := strconv.FormatInt(at.Unix(), 10)
	signatures := make([]string, len(secrets))
	for i, s := range secrets {
		signatures[i] = version + "," + base64.StdEncoding.EncodeToString(s.sign(id, timestamp, body))
	}
	return http.Header{
		HeaderID:        {id},
		HeaderTimestamp: {timestamp},
		HeaderSignature: {strings.Join(signatures, " ")},
	}, nil
}

// sign returns the HMAC of the message, section "Signature scheme".
func (s Secret) sign(id, timestamp string, body []byte) []byte {
	mac := hmac.New(sha256.New, s.key())
	for _, part := range []string{id, ".", timestamp, "."} {
		mac.Write([]byte(part))
	}
	mac.Write(body)
	return mac.Sum(nil)
}

// Verify returns nil if body was signed with one of the secrets at an instant
// within tolerance of now, either way; 0 means [DefaultTolerance]. The body must
// be the bytes that arrived, not yet parsed.
//
// Otherwise it returns [ErrTooLarge] for more than [MaxBody] bytes, [ErrHeader],
// [ErrSignature] or, only if a signature is right, a [StaleError]. Signatures
// are compared in constant time, and all are; those of other versions than v1 are
// passed over. An id must not contain a full stop, because the message "a.1.2"
// could then be read in two ways. That the same message arrives twice within the
// tolerance is for [Receiver] to tell.
func Verify(secrets []Secret, header http.Header, body []byte, now time.Time, tolerance time.Duration) error {
	if len(body) > MaxBody {
		return fmt.Errorf("%w: more than %d bytes", ErrTooLarge, MaxBody)
	}
	return verify(secrets, header, body, now, tolerance)
}

func verify(secrets []Secret, header http.Header, body []byte, now time.Time, tolerance time.Duration) error {
	var p sre.Problems
	checkSecrets(&p, "secrets", secrets)
	checkTolerance(&p, tolerance)
	if err := p.Err("webhook"); err != nil {
		return err
	}
	h, err := readHeaders(header)
	if err != nil {
		return err
	}
	right := 0
	for _, s := range secrets {
		want := s.sign(h.id, h.timestamp, body)
		for _, got := range h.signatures {
			if hmac.Equal(got, want) {
				right++ // and go on: the time taken does not tell which one it was
			}
		}
	}
	if right == 0 {
		return ErrSignature
	}
	if tolerance == 0 {
		tolerance = DefaultTolerance
	}
	if age := now.Sub(h.at); age > tolerance || age < -tolerance {
		return &StaleError{Age: age, Tolerance: tolerance}
	}
	return nil
}

func checkTolerance(p *sre.Problems, tolerance time.Duration) {
	if tolerance < 0 {
		p.Add("tolerance", "out_of_range", tolerance, "a positive duration, or 0 for the default")
	}
}

// headers are the three headers, read but not yet believed.
type headers struct {
	id, timestamp string
	at            time.Time
	signatures    [][]byte // of version v1 and the right length
}

func readHeaders(header http.Header) (headers, error) {
	var h headers
	for _, field := range []struct {
		name string
		to   *string
	}{{HeaderID, &h.id}, {HeaderTimestamp, &h.timestamp}} {
		values := header.Values(field.name)
		if len(values) != 1 {
			return h, fmt.Errorf("%w: %s stands there %d times, want once", ErrHeader, strings.ToLower(field.name), len(values))
		}
		*field.to = values[0]
	}
	if !validID(h.id) {
		return h, fmt.Errorf("%w: webhook-id is not %s", ErrHeader, wantID)
	}
	seconds, err := strconv.ParseInt(h.timestamp, 10, 64)
	if err != nil || seconds < 0 || seconds > maxSeconds || strconv.FormatInt(seconds, 10) != h.timestamp {
		return h, fmt.Errorf("%w: webhook-timestamp is not a number of seconds since 1970", ErrHeader)
	}
	h.at = time.Unix(seconds, 0)
	h.signatures, err = readSignatures(header.Values(HeaderSignature))
	return h, err
}

// maxSeconds keeps differences of instants far from overflow: the year 9999.
const maxSeconds = 253402300799

func readSignatures(values []string) ([][]byte, error) {
	if len(values) != 1 {
		return nil, fmt.Errorf("%w: webhook-signature stands there %d times, want once", ErrHeader, len(values))
	}
	if strings.Count(values[0], " ") >= MaxSignatures {
		return nil, fmt.Errorf("%w: more than %d signatures", ErrHeader, MaxSignatures)
	}
	var list [][]byte
	for one := range strings.SplitSeq(values[0], " ") {
		coded, ok := strings.CutPrefix(one, version+",")
		if !ok || len(coded) != base64.StdEncoding.EncodedLen(signatureSize) {
			continue // of another version, or broken
		}
		if sum, err := base64.StdEncoding.Strict().DecodeString(coded); err == nil && len(sum) == signatureSize {
			list = append(list, sum)
		}
	}
	return list, nil
}

const wantID = "1 to 200 visible ASCII characters without full stop, comma and space"

// validID reports whether id may be signed: visible, and without the full stop
// that separates the parts of what is signed.
func validID(id string) bool {
	return id != "" && len(id) <= MaxIDBytes && !slices.ContainsFunc([]byte(id), func(c byte) bool {
		return c <= ' ' || c > '~' || c == '.' || c == ','
	})
}

// derivedPrefix begins every id that stands for a key.
const derivedPrefix = "sha256_"

// ID returns the webhook-id of the delivery with that key: the key itself where
// it can be one, else "sha256_" and its hash. Different keys have different ids.
func ID(key string) string {
	if validID(key) && !strings.HasPrefix(key, derivedPrefix) {
		return key
	}
	return fmt.Sprintf("%s%x", derivedPrefix, sha256.Sum256([]byte(key)))
}
