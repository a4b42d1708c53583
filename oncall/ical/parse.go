package ical

import (
	"bytes"
	"fmt"
	"io"
	"unicode/utf8"

	ics "github.com/arran4/golang-ical"

	"github.com/sre-sdk/sre"
)

// Limits of a calendar that is read, part of the contract.
const (
	MaxBytes = 8 << 20
	MaxLine  = 64 << 10 // bytes of a content line, unfolded
	MaxDepth = 8        // components within each other; an alarm in an event of a calendar is the third
)

// maxHead is how many bytes of a content line may stand before its value. The
// parser's time grows with the square of the number of parameters.
const maxHead = 1 << 10

// calendar is a calendar, with the lines on which its components begin.
type calendar struct {
	*ics.Calendar
	lines []int
}

// parse reads one whole calendar; name is the file's, for messages.
func parse(r io.Reader, name string) (cal calendar, err error) {
	data, err := io.ReadAll(io.LimitReader(r, MaxBytes+1))
	if err != nil {
		return cal, fmt.Errorf("ical: reading the calendar: %w", err)
	}
	if len(data) > MaxBytes {
		return cal, sre.NewProblem(name, "too_large", nil, fmt.Sprintf("at most %d bytes", MaxBytes))
	}
	data = bytes.TrimRight(bytes.TrimPrefix(data, []byte("\ufeff")), "\r\n \t")
	invalid := func(want string) error { return sre.NewProblem(name, "invalid_calendar", nil, want) }
	if !utf8.Valid(data) {
		return cal, invalid("text in UTF-8")
	}
	data, cal.lines, err = unfold(data, name)
	if err != nil {
		return cal, err
	}
	if !bytes.HasSuffix(data, []byte("\nEND:VCALENDAR\n")) {
		return cal, invalid("a whole calendar, which ends with END:VCALENDAR")
	}
	defer func() {
		if cause := recover(); cause != nil {
			err = invalid(fmt.Sprint("a calendar that the parser survives: ", cause))
		}
	}()
	cal.Calendar, err = ics.ParseCalendarWithOptions(bytes.NewReader(data), ics.WithUnknownPropertyHandler(ics.AcceptUnknownPropertyHandler))
	if err != nil {
		return cal, invalid("iCalendar: " + err.Error())
	}
	return cal, nil
}

// place returns "name:12" or "line 12".
func place(name string, line int) string {
	if name == "" {
		return fmt.Sprintf("line %d", line)
	}
	return fmt.Sprintf("%s:%d", name, line)
}

// unfold returns the content lines of a calendar, one a line, with their names in
// upper case, because RFC 5545 has them in any case and the parser has not; and the
// numbers of the lines on which the components of the calendar begin. It checks
// what the parser does not bound.
func unfold(data []byte, name string) (out []byte, begins []int, err error) {
	var line []byte
	depth, begin := 0, 0 // begin is the number of the line
	refuse := func(code, want string) error { return sre.NewProblem(place(name, begin), code, nil, want) }
	flush := func() error {
		if len(line) == 0 {
			return nil
		}
		value, ok := upper(line)
		parameters := bytes.HasPrefix(line, []byte("BEGIN;")) || bytes.HasPrefix(line, []byte("END;"))
		switch {
		case len(line) > MaxLine:
			return refuse("too_large", fmt.Sprintf("at most %d bytes in a content line", MaxLine))
		case !ok || parameters:
			return refuse("invalid_calendar", fmt.Sprintf("a name, parameters and a colon, in at most %d bytes", maxHead))
		case bytes.HasPrefix(line, []byte("BEGIN:")):
			copy(value, bytes.ToUpper(value))
			if depth++; depth > MaxDepth {
				return refuse("too_deep", fmt.Sprintf("at most %d components within each other", MaxDepth))
			}
			if depth == 2 {
				begins = append(begins, begin)
			}
		case bytes.HasPrefix(line, []byte("END:")):
			copy(value, bytes.ToUpper(value))
			depth--
		}
		out = append(append(out, line...), '\n')
		line = line[:0]
		return nil
	}
	n := 0
	for physical := range bytes.Lines(data) {
		n++
		physical = bytes.TrimRight(physical, "\r\n")
		if len(physical) > 0 && (physical[0] == ' ' || physical[0] == '\t') && len(line) > 0 {
			line = append(line, physical[1:]...)
			continue
		}
		if err := flush(); err != nil {
			return nil, nil, err
		}
		line, begin = append(line, physical...), n
	}
	return out, begins, flush()
}

// upper makes the names of a property and its parameters upper case, in place,
// and returns the value. ok is false if there is no name or no value, or too much
// before it.
func upper(line []byte) (value []byte, ok bool) {
	name, quoted := true, false
	for i, c := range line[:min(len(line), maxHead)] {
		switch {
		case c == '"':
			quoted = !quoted
		case quoted:
		case c == ':':
			return line[i+1:], i > 0 && line[0] != ';'
		case c == ';':
			name = true
		case c == '=':
			name = false
		case name && 'a' <= c && c <= 'z':
			line[i] = c - 'a' + 'A'
		case name && c != '-' && (c < '0' || c > '9') && (c < 'A' || c > 'Z'):
			return nil, false
		}
	}
	return nil, false
}
