package main

import (
	"fmt"
	"math"
	"strings"
)

// The chart is burnDownPoints columns wide, 68 with its labels, and a row is a
// fifth of the budget.
const (
	chartRow     = 0.2
	chartRowsUp  = 5
	chartMaxDown = 5 // what is overspent further than this goes below the edge
)

// eighths fill a cell from below.
var eighths = []rune(" ▁▂▃▄▅▆▇█")

// charts draws every burn-down, each after an empty line.
func charts(r report) string {
	var b strings.Builder
	if r.charts {
		for _, down := range r.burndowns {
			b.WriteString("\n" + chart(down))
		}
	}
	return b.String()
}

// chart draws a burn-down in characters: columns stand on the line of an
// exhausted budget, and hang from it when it is overspent.
func chart(b burndown) string {
	if b.err != nil {
		return fmt.Sprintf("no chart of %s: %v\n", b.slo.ID(), b.err)
	}
	var out strings.Builder
	fmt.Fprintf(&out, "error budget of %s remaining, %% of the whole; a column is %s\n", b.slo.ID(), formatSpan(b.end.Sub(b.start)/burnDownPoints))
	lowest := 0.0
	for _, p := range b.points {
		lowest = min(lowest, p.remaining)
	}
	for row := chartRowsUp - 1; row >= 0; row-- {
		label := float64(row+1) * chartRow
		out.WriteString(chartLine(label, "|", b, func(p point) rune { return above(p.remaining, label-chartRow) }))
	}
	out.WriteString(chartLine(0, "+", b, func(p point) rune {
		if p.measured {
			return '-'
		}
		return '?'
	}))
	rowsDown := min(int(math.Ceil(-lowest/chartRow-0.25)), chartMaxDown) // below fills nothing under a quarter
	for row := range rowsDown {
		label := -float64(row+1) * chartRow
		out.WriteString(chartLine(label, "|", b, func(p point) rune { return below(p.remaining, label+chartRow) }))
	}
	from, to := b.start.UTC().Format("Jan 02 15:04"), b.end.UTC().Format("Jan 02 15:04 2006 UTC")
	fmt.Fprintf(&out, "       %s%*s\n", from, burnDownPoints-len(from), to)
	fmt.Fprintf(&out, "       now %s remaining", percent(b.last().remaining))
	for _, p := range b.points {
		if !p.measured {
			out.WriteString("; ? was hardly measured")
			break
		}
	}
	out.WriteString("\n")
	return out.String()
}

// chartLine is a label and a cell for each point.
func chartLine(label float64, mark string, b burndown, cell func(point) rune) string {
	var cells strings.Builder
	for _, p := range b.points {
		cells.WriteRune(cell(p))
	}
	return strings.TrimRight(fmt.Sprintf("%5.0f%% %s%s", 100*label, mark, cells.String()), " ") + "\n"
}

// above fills a cell whose lower edge is at from.
func above(remaining, from float64) rune {
	filled := (remaining - from) / chartRow
	return eighths[int(math.Round(8*min(max(filled, 0), 1)))]
}

// below fills a cell whose upper edge is at from. There are no characters for
// eighths from above, only for the half.
func below(remaining, from float64) rune {
	filled := (from - remaining) / chartRow
	switch {
	case filled < 0.25:
		return ' '
	case filled < 0.75:
		return '▀'
	}
	return '█'
}
