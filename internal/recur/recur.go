// Package recur expands recurrence rules of RFC 5545 in floating time: on the
// wall clock, in no zone. Who has a zone resolves the result there. So the
// answer does not depend on what package time makes of a gap or a fold, in which
// the library beneath goes wrong.
package recur

import (
	"fmt"
	"strings"
	"time"

	"github.com/teambition/rrule-go"

	"github.com/sre-sdk/sre"
	"github.com/sre-sdk/sre/internal/civil"
)

// MaxText is the largest length of a rule, in bytes.
const MaxText = 500

// A Rule is a rule with its start. It is immutable and safe for concurrent use.
type Rule struct {
	option rrule.ROption
	period time.Duration // by how much the start may be moved without changing what comes later; 0: not at all
	months int           // the same in months
}

// Parse reads a rule such as "FREQ=WEEKLY;BYDAY=MO,WE". Frequencies from DAILY to
// YEARLY are read; the hours of a day are named by BYHOUR. UNTIL is a date or a
// time on the wall clock. A rule that never occurs is refused.
func Parse(text string, start civil.DateTime) (*Rule, error) {
	if len(text) > MaxText {
		return nil, problem("too_long", text, fmt.Sprintf("at most %d bytes", MaxText))
	}
	if !start.Valid() {
		return nil, problem("invalid_datetime", start.String(), "the first occurrence, such as 2026-01-25 10:00")
	}
	upper := strings.ToUpper(strings.TrimSpace(text))
	if strings.ContainsAny(upper, "\r\n") || strings.Contains(upper, "DTSTART") {
		return nil, problem("invalid_rule", text, "one rule, without DTSTART")
	}
	seen := map[string]bool{}
	untilDay := false
	for _, part := range strings.Split(strings.TrimPrefix(upper, "RRULE:"), ";") {
		key, value, _ := strings.Cut(part, "=")
		switch {
		case seen[key]:
			return nil, problem("invalid_rule", text, key+" once")
		case (key == "INTERVAL" || key == "COUNT") && strings.Trim(value, "0") == "":
			return nil, problem("invalid_rule", text, key+" of at least 1")
		case key == "UNTIL" && strings.HasSuffix(value, "Z"):
			return nil, problem("invalid_rule", text, "UNTIL on the wall clock, without Z")
		}
		seen[key] = true
		untilDay = untilDay || key == "UNTIL" && !strings.Contains(value, "T")
	}
	option, err := rrule.StrToROption(upper)
	if err != nil {
		return nil, problem("invalid_rule", text, "a rule of RFC 5545: "+err.Error())
	}
	if option.Freq > rrule.DAILY {
		return nil, problem("invalid_rule", text, "FREQ of DAILY, WEEKLY, MONTHLY or YEARLY; name hours by BYHOUR")
	}
	if option.Interval < 0 || option.Interval > civil.MaxEvery || option.Count < 0 {
		return nil, problem("invalid_rule", text, fmt.Sprintf("INTERVAL of 1 to %d, and COUNT of at least 1", civil.MaxEvery))
	}
	option.Dtstart = floating(start.Seconds())
	if untilDay {
		option.Until = option.Until.Add(24*time.Hour - time.Second) // a date means all of the day
	}
	rule, err := rrule.NewRRule(*option)
	if err != nil {
		return nil, problem("invalid_rule", text, "a rule of RFC 5545: "+err.Error())
	}
	if _, ok := rule.Iterator()(); !ok {
		return nil, problem("empty_rule", text, "a rule that occurs at least once")
	}
	r := &Rule{option: *option}
	r.findPeriod()
	return r, nil
}

func problem(code, value, want string) error {
	var p sre.Problems
	p.Add("", code, value, want)
	return p.Err("recur")
}

func floating(seconds int64) time.Time { return time.Unix(seconds, 0).UTC() }

// findPeriod says how far the start may be moved, so that a window far from it
// is reached at once. A counted rule must be counted from its start, and a
// start on the 29th or later is no day of every month.
func (r *Rule) findPeriod() {
	every := max(r.option.Interval, 1)
	if r.option.Count > 0 {
		return
	}
	switch r.option.Freq {
	case rrule.DAILY:
		r.period = time.Duration(every) * 24 * time.Hour
	case rrule.WEEKLY:
		r.period = time.Duration(every) * 7 * 24 * time.Hour
	case rrule.MONTHLY:
		r.months = every
	case rrule.YEARLY:
		r.months = 12 * every
	}
	if r.option.Dtstart.Day() > 28 {
		r.months = 0
	}
}

// Between calls visit with the occurrences in [from, to), in civil seconds,
// ascending.
func (r *Rule) Between(from, to int64, visit func(int64)) {
	option := r.option
	option.Dtstart = r.startBefore(from)
	rule, err := rrule.NewRRule(option)
	if err != nil {
		return // it was checked by Parse
	}
	next := rule.Iterator()
	for at, ok := next(); ok && at.Unix() < to; at, ok = next() {
		if at.Unix() >= from {
			visit(at.Unix())
		}
	}
}

// startBefore moves the start towards from, and stays clear of it by a period,
// because one period may hold many occurrences.
func (r *Rule) startBefore(from int64) time.Time {
	start := r.option.Dtstart
	switch {
	case r.period > 0:
		seconds := int64(r.period / time.Second)
		if n := (from-start.Unix())/seconds - 1; n > 0 {
			return floating(start.Unix() + n*seconds)
		}
	case r.months > 0:
		day := civil.DateTimeOf(start.Unix())
		apart := (civil.DateTimeOf(from).Date.Year - day.Date.Year) * 12
		if n := apart/r.months - 2; n > 0 {
			return floating(day.Add(civil.Month, n*r.months).Seconds())
		}
	}
	return start
}
