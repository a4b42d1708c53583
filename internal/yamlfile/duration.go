package yamlfile

import (
	"math"
	"strconv"
	"strings"
	"time"

	"github.com/sre-sdk/sre"
)

// ParseDuration reads what [time.ParseDuration] reads, and before it whole
// weeks and days of 24 hours: "30d", "1w2d12h", "1h30m". Signs are refused, and
// so is a bare number other than 0.
func ParseDuration(text string) (time.Duration, error) {
	const (
		day  = 24 * time.Hour
		week = 7 * day
	)
	invalid := sre.Problem{Code: "invalid_duration", Value: clip(text), Want: "a duration such as 30d, 1w2d12h, 1h30m or 500ms"}
	if strings.ContainsAny(text, "+-") {
		return 0, invalid
	}
	sum, rest, found := time.Duration(0), text, false
	for _, unit := range []struct {
		name   string
		length time.Duration
	}{{"w", week}, {"d", day}} {
		digits, after, ok := strings.Cut(rest, unit.name)
		if !ok {
			continue
		}
		n, err := strconv.ParseUint(digits, 10, 32)
		if err != nil || time.Duration(n) > (math.MaxInt64-sum)/unit.length {
			return 0, invalid
		}
		sum, rest, found = sum+time.Duration(n)*unit.length, after, true
	}
	if found && rest == "" {
		return sum, nil
	}
	d, err := time.ParseDuration(rest)
	if err != nil || d > math.MaxInt64-sum {
		return 0, invalid
	}
	return sum + d, nil
}

// Duration returns what [ParseDuration] reads; it is never negative.
func (n Node) Duration() time.Duration { return Value(n, ParseDuration) }

// clip bounds how much of a foreign text a problem repeats.
func clip(text string) string {
	const limit = 64
	if len(text) > limit {
		return strings.ToValidUTF8(text[:limit], "") + "..."
	}
	return text
}
