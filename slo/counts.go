package slo

import (
	"encoding/json"
	"strconv"
	"time"

	"github.com/sre-sdk/sre"
	"github.com/sre-sdk/sre/internal/exact"
)

// Counts is what a [Source] measured over one span of time that ends at a
// known instant.
//
// Good and Bad count events for [Occurrences] and slices for [Timeslices] and
// [RatioTimeslices]. They are floats because PromQL's increase is fractional;
// whole numbers up to 2^53 are exact. Covered is how much of Span was
// measured: time in which nothing was scraped, stored or answered is not
// covered, whereas time in which nothing happened is. Covered < Span is
// unmeasured time, never zero errors.
type Counts struct {
	Good    float64
	Bad     float64
	Covered time.Duration
	Span    time.Duration
}

// countsJSON is the JSON of Counts: numbers as decimal text that reads back to
// the same float64, durations as Go writes them.
type countsJSON struct {
	Good    string `json:"good"`
	Bad     string `json:"bad"`
	Covered string `json:"covered"`
	Span    string `json:"span"`
}

// MarshalJSON returns {"good":"999","bad":"0.5","covered":"59m0s","span":"1h0m0s"}.
// Counts that do not validate are refused.
func (c Counts) MarshalJSON() ([]byte, error) {
	if err := c.Validate(); err != nil {
		return nil, err
	}
	number := func(f float64) string { return strconv.FormatFloat(f, 'f', -1, 64) }
	return json.Marshal(countsJSON{number(c.Good), number(c.Bad), c.Covered.String(), c.Span.String()})
}

// UnmarshalJSON reads what MarshalJSON writes, and nothing that does not
// validate.
func (c *Counts) UnmarshalJSON(data []byte) error {
	var text countsJSON
	if err := json.Unmarshal(data, &text); err != nil {
		return err
	}
	var (
		p   sre.Problems
		got Counts
	)
	number := func(path, text string, to *float64) {
		var err error
		if *to, err = strconv.ParseFloat(text, 64); err != nil {
			p.Add(path, "invalid_number", text, "a decimal number")
		}
	}
	duration := func(path, text string, to *time.Duration) {
		var err error
		if *to, err = time.ParseDuration(text); err != nil {
			p.Add(path, "invalid_duration", text, "a duration such as 1h30m")
		}
	}
	number("good", text.Good, &got.Good)
	number("bad", text.Bad, &got.Bad)
	duration("covered", text.Covered, &got.Covered)
	duration("span", text.Span, &got.Span)
	if p.Len() == 0 {
		p.Merge("", got.Validate())
	}
	if err := p.Err("slo"); err != nil {
		return err
	}
	*c = got
	return nil
}

// MaxCount is the largest Good or Bad that is accepted.
const MaxCount = 1e18

// Total returns Good+Bad, rounded to a float64.
func (c Counts) Total() float64 { return c.Good + c.Bad }

// Ratio returns Good/(Good+Bad), the SLI, and false if nothing was counted.
func (c Counts) Ratio() (sli float64, ok bool) {
	if total := c.Total(); total > 0 {
		return c.Good / total, true
	}
	return 0, false
}

// Coverage returns Covered/Span, 0..1, and 0 if Span is not positive.
func (c Counts) Coverage() float64 {
	if c.Span <= 0 {
		return 0
	}
	return float64(c.Covered) / float64(c.Span)
}

// Validate reports every Problem: a count that is negative, NaN, infinite or
// above [MaxCount], a Span that is not positive, or a Covered outside
// 0..Span. No engine uses counts that do not validate.
func (c Counts) Validate() error {
	if c.valid() {
		return nil
	}
	var problems sre.Problems
	for _, n := range []struct {
		path  string
		value float64
	}{{"good", c.Good}, {"bad", c.Bad}} {
		if !validCount(n.value) {
			problems.Add(n.path, "out_of_range", n.value, "a finite count from 0 to 1e18")
		}
	}
	if c.Span <= 0 {
		problems.Add("span", "out_of_range", c.Span, "a positive duration")
	}
	if c.Covered < 0 || c.Covered > c.Span {
		problems.Add("covered", "out_of_range", c.Covered, "a duration from 0 to span")
	}
	return problems.Err("slo")
}

func validCount(n float64) bool { return n >= 0 && n <= MaxCount } // false for NaN

func (c Counts) valid() bool {
	return validCount(c.Good) && validCount(c.Bad) && c.Span > 0 && c.Covered >= 0 && c.Covered <= c.Span
}

// BadAbove reports whether Bad/(Good+Bad) > limit, exactly on the counts
// given. Of no events it is false, and so it is if limit is not set or c does
// not validate. It does not allocate unless the two sides lie within 1 part in
// 10^14 of each other.
func (c Counts) BadAbove(limit Ratio) bool {
	switch {
	case !limit.IsSet() || !c.valid():
		return false
	case limit.Sign() < 0:
		return c.Total() > 0
	case limit.Sign() == 0 || c.Bad == 0:
		return c.Bad > 0
	}
	if above, sure := exact.Above(c.Bad, c.Total(), limit.Float()); sure {
		return above
	}
	bad := exact.Rat(c.Bad)
	return exact.AboveRat(bad, exact.Rat(c.Good).Add(exact.Rat(c.Good), bad), limit.Rat())
}
