package main

import (
	"fmt"
	"strconv"
	"strings"
	"time"

	"github.com/sre-sdk/sre/examples/gate/internal/recording"
)

// plainText is the output for people and logs: the decision's own explanation,
// a chart of each budget, and where the numbers come from if not from the user.
func plainText(r report) string {
	var b strings.Builder
	b.WriteString(r.decision.Explain())
	b.WriteString(charts(r))
	if r.moment != nil {
		b.WriteString("\n" + recordingNote(*r.moment) + "\n")
	}
	return printable(b.String())
}

// recordingNote keeps anybody from taking the recording for his own service.
func recordingNote(m recording.Moment) string {
	return fmt.Sprintf("This is a recording, not your service: the moment %s, %s (%s).\n"+
		"Ask about your own with gate -slo FILE -prometheus URL; gate -help says how.", m.Name, m.At.Format(time.RFC3339), m.Says)
}

func percent(f float64) string { return strconv.FormatFloat(100*f, 'f', 1, 64) + "%" }

// number rounds to four significant digits, or to whole units where there are
// more.
func number(f float64) string {
	if f >= 1000 || f <= -1000 {
		return strconv.FormatFloat(f, 'f', 0, 64)
	}
	return strconv.FormatFloat(f, 'g', 4, 64)
}

// formatSpan prints whole days as such and leaves out zero minutes and seconds.
func formatSpan(d time.Duration) string {
	const day = 24 * time.Hour
	if d > 0 && d%day == 0 {
		return fmt.Sprintf("%dd", d/day)
	}
	text := d.String()
	for _, zero := range []struct{ suffix, unit string }{{"m0s", "m"}, {"h0m", "h"}} {
		if cut, ok := strings.CutSuffix(text, zero.suffix); ok {
			text = cut + zero.unit
		}
	}
	return text
}
