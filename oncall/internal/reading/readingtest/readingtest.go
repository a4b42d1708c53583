// Package readingtest is what the tests of the readers of schedules share.
package readingtest

import (
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/sre-sdk/sre"
	"github.com/sre-sdk/sre/oncall"
	"github.com/sre-sdk/sre/oncall/schedule"
)

// Open returns a file of testdata.
func Open(t testing.TB, name string) string {
	t.Helper()
	data, err := os.ReadFile(filepath.Join("testdata", name))
	if err != nil {
		t.Fatal(err)
	}
	return string(data)
}

// Brief returns path and code of each problem.
func Brief(problems []sre.Problem) []string {
	var list []string
	for _, p := range problems {
		list = append(list, p.Path+" "+p.Code)
	}
	return list
}

// A Row is a text with what is wrong with it, as [Brief] says it.
type Row = struct {
	Name, Text string
	Want       []string
}

// Problems reads each text, and compares what is wrong.
func Problems(t *testing.T, read func(text string) (schedule.Schedule, error), rows []Row) {
	for _, row := range rows {
		t.Run(row.Name, func(t *testing.T) {
			_, err := read(row.Text)
			if got := Brief(sre.ProblemsIn(err)); !slices.Equal(got, row.Want) {
				t.Errorf("problems\n%s, want\n%s\n%v", strings.Join(got, "\n"), strings.Join(row.Want, "\n"), err)
			}
		})
	}
}

// Fuzz holds that a text is read as a schedule that compiles, or refused with
// problems.
func Fuzz(f *testing.F, read func(text string) (schedule.Schedule, error), seeds ...string) {
	for _, seed := range seeds {
		f.Add(seed)
	}
	f.Fuzz(func(t *testing.T, text string) {
		s, err := read(text)
		if err != nil {
			if len(sre.ProblemsIn(err)) == 0 {
				t.Errorf("an error without a problem: %v", err)
			}
			return
		}
		at := time.Date(2026, 1, 5, 0, 0, 0, 0, time.UTC)
		if _, err := s.Compile(at, at); err != nil {
			t.Errorf("what was read does not compile: %v", err)
		}
	})
}

// Stretches returns who is primary in [from, to), and since when, in the layout of
// package time: "-" is nobody, and "none" is nobody on purpose.
func Stretches(s schedule.Schedule, from, to time.Time, layout string) []string {
	c := s.MustCompile(from, to)
	var list []string
	last := ""
	for at := from; at.Before(to); {
		on := c.At(at)
		who := strings.Join(on.People(oncall.Primary), ", ")
		switch {
		case on.Declared(oncall.Primary):
			who = "none"
		case who == "":
			who = "-"
		}
		if who != last {
			list = append(list, at.In(c.Location()).Format(layout)+" "+who)
		}
		last = who
		_, at = on.Bounds()
	}
	return list
}
