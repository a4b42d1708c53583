package webhook

import (
	"crypto/rand"
	"encoding/base64"
	"fmt"
	"log/slog"
	"strings"

	"github.com/sre-sdk/sre"
)

// secretPrefix marks a symmetric secret, section "Signature scheme" of the
// specification.
const secretPrefix = "whsec_"

// Bounds of a secret in bytes before base64, from the same section.
const (
	MinSecret = 24
	MaxSecret = 64
)

// A Secret signs and verifies messages. It prints and encodes as
// "whsec_(hidden)", with every verb and inside other values; [Secret.Reveal]
// gives the text. The zero value is no secret.
type Secret struct {
	// A function, because fmt prints what unexported fields hold and, with a
	// wrong verb, also what they point at.
	key func() []byte
}

func secretOf(key []byte) Secret { return Secret{func() []byte { return key }} }

// ParseSecret reads a secret in the form of the specification: "whsec_" and
// the base64 of [MinSecret] to [MaxSecret] bytes. Errors do not repeat it.
func ParseSecret(text string) (Secret, error) {
	coded, ok := strings.CutPrefix(text, secretPrefix)
	if !ok {
		return Secret{}, sre.NewProblem("", "invalid_secret", nil, `a symmetric secret, which begins with "whsec_"`)
	}
	if len(coded) > base64.StdEncoding.EncodedLen(MaxSecret) {
		return Secret{}, badSecret()
	}
	key, err := base64.StdEncoding.Strict().DecodeString(coded)
	if err != nil || strings.ContainsAny(coded, "\r\n") || len(key) < MinSecret || len(key) > MaxSecret {
		return Secret{}, badSecret()
	}
	return secretOf(key), nil
}

func badSecret() sre.Problem {
	return sre.NewProblem("", "invalid_secret", nil,
		fmt.Sprintf(`"whsec_" and the base64, with padding, of %d to %d bytes`, MinSecret, MaxSecret))
}

// MustParseSecret is ParseSecret for constants in examples and tests; it panics
// on an error.
func MustParseSecret(text string) Secret {
	s, err := ParseSecret(text)
	if err != nil {
		panic(err)
	}
	return s
}

// GenerateSecret returns a new secret of 32 random bytes.
func GenerateSecret() Secret {
	key := make([]byte, 32) // the length of the hash, RFC 2104 section 3
	rand.Read(key)          // never fails, as its documentation says
	return secretOf(key)
}

// Reveal returns the text that ParseSecret reads, to be given to the other side
// once; "" for the zero value.
func (s Secret) Reveal() string {
	if !s.valid() {
		return ""
	}
	return secretPrefix + base64.StdEncoding.EncodeToString(s.key())
}

// UnmarshalText reads what ParseSecret reads.
func (s *Secret) UnmarshalText(text []byte) error {
	v, err := ParseSecret(string(text))
	if err == nil {
		*s = v
	}
	return err
}

const redacted = secretPrefix + "(hidden)"

// String hides the secret.
func (s Secret) String() string { return redacted }

// Format hides the secret from every verb.
func (s Secret) Format(f fmt.State, _ rune) { fmt.Fprint(f, redacted) }

// MarshalText hides the secret from encoders.
func (s Secret) MarshalText() ([]byte, error) { return []byte(redacted), nil }

// LogValue hides the secret from structured logs.
func (s Secret) LogValue() slog.Value { return slog.StringValue(redacted) }

func (s Secret) valid() bool { return s.key != nil }

// checkSecrets records what is wrong with a list of secrets.
func checkSecrets(p *sre.Problems, path string, secrets []Secret) {
	if len(secrets) == 0 || len(secrets) > MaxSecrets {
		p.Add(path, "out_of_range", len(secrets), fmt.Sprintf("1 to %d secrets", MaxSecrets))
	}
	for i, s := range secrets {
		if !s.valid() {
			p.Add(fmt.Sprintf("%s[%d]", path, i), "missing", nil, "a secret from ParseSecret or GenerateSecret")
		}
	}
}
