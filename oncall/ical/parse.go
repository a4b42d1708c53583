package ical

import (
	"bytes"
	"fmt"
	"io"

	ics "github.com/arran4/golang-ical"

	"github.com/sre-sdk/sre"
)

// MaxBytes is the largest calendar that is read.
const MaxBytes = 8 << 20

// parse reads one whole calendar.
func parse(r io.Reader) (cal *ics.Calendar, err error) {
	data, err := io.ReadAll(io.LimitReader(r, MaxBytes+1))
	if err != nil {
		return nil, fmt.Errorf("ical: reading the calendar: %w", err)
	}
	if len(data) > MaxBytes {
		return nil, sre.NewProblem("", "too_large", nil, fmt.Sprintf("at most %d bytes", MaxBytes))
	}
	defer func() {
		if cause := recover(); cause != nil {
			cal, err = nil, sre.NewProblem("", "invalid_calendar", nil, fmt.Sprint("a calendar that the parser survives: ", cause))
		}
	}()
	data = bytes.TrimPrefix(data, []byte("\ufeff"))
	if !bytes.HasSuffix(bytes.TrimRight(data, "\r\n \t"), []byte("END:VCALENDAR")) {
		return nil, sre.NewProblem("", "invalid_calendar", nil, "a whole calendar, which ends with END:VCALENDAR")
	}
	cal, err = ics.ParseCalendarWithOptions(bytes.NewReader(data), ics.WithUnknownPropertyHandler(ics.AcceptUnknownPropertyHandler))
	if err != nil {
		return nil, sre.NewProblem("", "invalid_calendar", nil, "iCalendar: "+err.Error())
	}
	return cal, nil
}
