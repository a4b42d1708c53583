package recording

import (
	"fmt"
	"regexp"
	"strconv"
	"strings"
)

// Answers to range queries are long and say little: the same value at each of
// 1,440 steps. In the file, and only there, points at a constant distance with
// the same value stand as one: [1777463940+60x1440,"2"] for 1,440 points from
// 1777463940 every 60 seconds. No JSON looks like that, so nothing else can be
// mistaken for it.

var (
	points   = regexp.MustCompile(`\[\d+,"[^"]*"\](?:,\[\d+,"[^"]*"\]){2,}`)
	onePoint = regexp.MustCompile(`\[(\d+),("[^"]*")\]`)
	oneRun   = regexp.MustCompile(`\[(\d+)\+(\d+)x(\d+),("[^"]*")\]`)
)

// packRuns shortens the points of an answer.
func packRuns(body string) string {
	return points.ReplaceAllStringFunc(body, func(list string) string {
		var runs []string
		var run run
		for _, m := range onePoint.FindAllStringSubmatch(list, -1) {
			at, _ := strconv.ParseInt(m[1], 10, 64) // digits; if too many, expandRuns shows it
			if !run.extend(at, m[2]) {
				runs = append(runs, run.String())
				run = newRun(at, m[2])
			}
		}
		return strings.TrimPrefix(strings.Join(append(runs, run.String()), ","), ",")
	})
}

// expandRuns undoes packRuns.
func expandRuns(body string) string {
	return oneRun.ReplaceAllStringFunc(body, func(text string) string {
		m := oneRun.FindStringSubmatch(text)
		from, _ := strconv.ParseInt(m[1], 10, 64)
		step, _ := strconv.ParseInt(m[2], 10, 64)
		count, _ := strconv.Atoi(m[3])
		var list []string
		for i := range count {
			list = append(list, fmt.Sprintf("[%d,%s]", from+int64(i)*step, m[4]))
		}
		return strings.Join(list, ",")
	})
}

// A run is a number of points at a constant distance with the same value.
type run struct {
	from, step int64
	count      int
	value      string // quoted
}

func newRun(at int64, value string) run { return run{from: at, count: 1, value: value} }

// extend takes one more point if it continues the run.
func (r *run) extend(at int64, value string) bool {
	if r.count == 0 || value != r.value {
		return false
	}
	if r.count == 1 {
		r.step = at - r.from
	}
	if r.step <= 0 || at != r.from+int64(r.count)*r.step {
		return false
	}
	r.count++
	return true
}

func (r run) String() string {
	switch r.count {
	case 0:
		return ""
	case 1:
		return fmt.Sprintf("[%d,%s]", r.from, r.value)
	}
	return fmt.Sprintf("[%d+%dx%d,%s]", r.from, r.step, r.count, r.value)
}
