package main

import (
	"bytes"
	"encoding/csv"
	"errors"
	"fmt"
	"io"
	"math"
	"regexp"
	"strconv"
	"strings"
	"time"

	"github.com/sre-sdk/sre"
	"github.com/sre-sdk/sre/incident/stats"
)

// What is read of a file at most.
const (
	maxBytes    = 32 << 20
	maxRows     = stats.MaxFacts
	maxProblems = 100
)

// An incident is one line of the file.
type incident struct {
	stats.Fact
	period  string
	undated bool // the times are made up of minutes
}

// A column is what a field of the file means.
type column string

const (
	colID       column = "id"
	colSeverity column = "severity"
	colService  column = "service"
	colClass    column = "class"
	colMinutes  column = "minutes"
	colPeriod   column = "period"
	colState    column = "state"
)

var aliases = map[string]column{
	"id": colID, "incident": colID, "incident_id": colID, "number": colID, "key": colID,
	"severity": colSeverity, "sev": colSeverity, "priority": colSeverity,
	"service": colService, "component": colService, "class": colClass, "category": colClass, "type": colClass,
	"impact": "impact", "start": "impact", "started": "impact", "begin": "impact", "began": "impact", "impact_start": "impact",
	"detected": "detected", "first_detected": "detected", "alerted": "detected", "created": "detected",
	"acknowledged": "acknowledged", "acked": "acknowledged", "ack": "acknowledged",
	"mitigated": "mitigated", "repaired": "mitigated", "stabilized": "mitigated",
	"resolved": "resolved", "end": "resolved", "ended": "resolved", "restored": "resolved",
	"minutes": colMinutes, "duration_min": colMinutes, "duration_minutes": colMinutes, "ttr_minutes": colMinutes,
	"period": colPeriod, "quarter": colPeriod, "year": colPeriod, "month": colPeriod,
	"state": colState, "status": colState,
}

var spaces = strings.NewReplacer(" ", "_", "-", "_", ".", "_")

func columnOf(header string) (column, bool) {
	name := spaces.Replace(strings.ToLower(strings.TrimSpace(header)))
	for _, suffix := range []string{"", "_at", "_time"} {
		if c, ok := aliases[strings.TrimSuffix(name, suffix)]; ok {
			return c, true
		}
	}
	return "", false
}

// reader reads one file and collects what is wrong with it.
type reader struct {
	csv      *csv.Reader
	problems sre.Problems
	scale    sre.Scale
	at       time.Time
	columns  map[column]int
	ignored  []string // headers that mean nothing here
	ids      map[string]int
	lines    int // of problems found beyond maxProblems
}

// read returns the incidents of a CSV file and the columns that it ignored. The
// error carries every [sre.Problem], with its line, up to maxProblems.
func read(r io.Reader, scale sre.Scale, at time.Time) (list []incident, ignored []string, err error) {
	data, err := io.ReadAll(io.LimitReader(r, maxBytes+1))
	if err != nil {
		return nil, nil, err
	}
	rd := reader{scale: scale, at: at, columns: map[column]int{}, ids: map[string]int{}}
	if len(data) > maxBytes {
		rd.problems.Add("file", "too_large", nil, fmt.Sprintf("at most %d MiB", maxBytes>>20))
		return nil, nil, rd.problems.Err("mttr")
	}
	data = bytes.TrimPrefix(data, []byte("\xef\xbb\xbf"))
	rd.csv = csv.NewReader(bytes.NewReader(data))
	rd.csv.FieldsPerRecord, rd.csv.TrimLeadingSpace = -1, true
	if first, _, _ := bytes.Cut(data, []byte("\n")); !bytes.Contains(first, []byte(",")) && bytes.Contains(first, []byte(";")) {
		rd.csv.Comma = ';'
	}
	width := rd.header()
	for rd.problems.Len() == 0 || width > 0 {
		row, more := rd.next()
		if !more {
			break
		}
		if row != nil {
			list = rd.row(list, row, width)
		}
		if len(list) > maxRows {
			rd.problems.Add("file", "too_many", nil, fmt.Sprintf("at most %d incidents", maxRows))
			break
		}
	}
	if rd.lines > 0 {
		rd.problems.Add("file", "more_problems", rd.lines, fmt.Sprintf("the first %d mended", maxProblems))
	}
	return list, rd.ignored, rd.problems.Err("mttr")
}

// next returns the next record, or nil where one cannot be read.
func (r *reader) next() (row []string, more bool) {
	row, err := r.csv.Read()
	var broken *csv.ParseError
	switch {
	case err == nil:
		return row, true
	case errors.As(err, &broken):
		r.add(broken.StartLine, "", "invalid_csv", broken.Err, "fields in quotes as RFC 4180 has them")
		return nil, true
	}
	return nil, false
}

// add records a problem of a line.
func (r *reader) add(line int, where, code string, value any, want string) {
	if r.problems.Len() >= maxProblems {
		r.lines++
		return
	}
	r.problems.Add(sre.JoinPath(fmt.Sprintf("line %d", line), where), code, value, want)
}

// header understands the first line and returns how many fields it has, or 0.
func (r *reader) header() int {
	row, _ := r.next()
	if row == nil {
		if r.problems.Len() == 0 {
			r.problems.Add("file", "empty", nil, "a line with the names of columns")
		}
		return 0
	}
	for i, name := range row {
		c, ok := columnOf(name)
		if !ok {
			r.ignored = append(r.ignored, name)
			continue
		}
		if first, twice := r.columns[c]; twice {
			r.add(1, name, "duplicate_column", nil, fmt.Sprintf("one column %s; %q is another", c, row[first]))
			continue
		}
		r.columns[c] = i
	}
	if !r.has(colMinutes, "impact", "detected", "acknowledged", "mitigated", "resolved") {
		r.add(1, "", "no_times", nil, "columns with times, such as impact and resolved, or minutes")
		return 0
	}
	return len(row)
}

func (r *reader) has(columns ...column) bool {
	for _, c := range columns {
		if _, ok := r.columns[c]; ok {
			return true
		}
	}
	return false
}

// row understands one line and appends it.
func (r *reader) row(list []incident, row []string, width int) []incident {
	line, _ := r.csv.FieldPos(0)
	if len(row) != width {
		r.add(line, "", "wrong_width", len(row), fmt.Sprintf("%d fields, as in the first line", width))
		return list
	}
	field := func(c column) string {
		if i, ok := r.columns[c]; ok {
			return strings.TrimSpace(row[i])
		}
		return ""
	}
	in := incident{period: field(colPeriod)}
	in.ID, in.Service, in.Class = field(colID), field(colService), field(colClass)
	if in.ID == "" {
		in.ID = fmt.Sprintf("line %d", line)
	}
	if first, twice := r.ids[in.ID]; twice {
		r.add(line, "id", "duplicate", in.ID, fmt.Sprintf("each incident once; it is in line %d too", first))
	}
	r.ids[in.ID] = line
	in.Severity = r.severity(line, field(colSeverity))
	in.Times = stats.Times{
		Impact: r.time(line, "impact", field("impact")), Detected: r.time(line, "detected", field("detected")),
		Acknowledged: r.time(line, "acknowledged", field("acknowledged")), Mitigated: r.time(line, "mitigated", field("mitigated")),
		Resolved: r.time(line, "resolved", field("resolved")),
	}
	r.minutes(line, &in, field(colMinutes))
	r.state(line, &in, field(colState))
	return append(list, in)
}

func (r *reader) severity(line int, text string) sre.Severity {
	if text == "" {
		return 0
	}
	if s, err := r.scale.Parse(text); err == nil {
		return s
	}
	if r.scale == nil {
		digits := severityWord.ReplaceAllString(text, "")
		if n, err := strconv.ParseUint(digits, 10, 8); err == nil && n >= 1 && n <= 9 {
			return sre.Severity(n)
		}
		r.add(line, "severity", "unknown_severity", text, "P1 to P4, SEV1, 1, or other names with -scale")
		return 0
	}
	r.add(line, "severity", "unknown_severity", text, "one of "+strings.Join(r.scale, ", "))
	return 0
}

var severityWord = regexp.MustCompile(`(?i)^(priority|prio|p|severity|sev|s)[ _-]?`)

var layouts = []string{time.RFC3339, "2006-01-02 15:04", "2006-01-02 15:04:05", "2006-01-02T15:04", "2006-01-02T15:04:05", time.DateOnly, "2006-01-02 15:04:05Z07:00"}

func readTime(text string) (time.Time, error) {
	for _, layout := range layouts {
		if t, err := time.Parse(layout, text); err == nil && t.Year() > 1 {
			return t.UTC(), nil
		}
	}
	return time.Time{}, errors.New("no such time")
}

func (r *reader) time(line int, c column, text string) time.Time {
	if text == "" {
		return time.Time{}
	}
	t, err := readTime(text)
	if err != nil {
		r.add(line, string(c), "invalid_time", text, "RFC 3339, or 2026-04-01 12:30 in UTC")
	}
	return t
}

// maxMinutes is a century.
const maxMinutes = 100 * 366 * 24 * 60

// minutes turns a duration into the times that it lacks.
func (r *reader) minutes(line int, in *incident, text string) {
	if text == "" {
		return
	}
	m, err := strconv.ParseFloat(text, 64)
	if err != nil || !(m >= 0 && m <= maxMinutes) {
		r.add(line, "minutes", "invalid_duration", text, "minutes, 0 or more")
		return
	}
	d := time.Duration(math.Round(m * float64(time.Minute)))
	t := &in.Times
	switch {
	case t.Impact.IsZero() && t.Resolved.IsZero():
		_, dated := begin(*t)
		in.undated = !dated
		t.Impact = time.Unix(int64(line)*3600, 0).UTC() // no instant is known: the order of the file
		t.Resolved = t.Impact.Add(d)
	case t.Resolved.IsZero():
		t.Resolved = t.Impact.Add(d)
	case t.Impact.IsZero():
		t.Impact = t.Resolved.Add(-d)
	default:
		if off := t.Resolved.Sub(t.Impact) - d; off.Abs() > time.Minute {
			r.add(line, "minutes", "contradictory", text, fmt.Sprintf("%v, as from impact to resolved", t.Resolved.Sub(t.Impact).Minutes()))
		}
	}
}

func (r *reader) state(line int, in *incident, text string) {
	switch strings.ToLower(text) {
	case "":
		in.Open = in.Times.Resolved.IsZero()
	case "open", "active", "firing", "triggered", "acknowledged", "investigating", "identified", "monitoring":
		in.Open = true
	case "closed", "resolved", "done", "completed", "postmortem":
	default:
		r.add(line, "state", "unknown_state", text, "open or closed")
	}
	if in.Open {
		in.ObservedUntil = r.at
	}
}
