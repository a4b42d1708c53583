package main

import (
	"encoding/json"
	"fmt"
	"io"
	"math"
	"strings"
	"time"
	"unicode"

	"github.com/sre-sdk/sre/incident/stats"
)

func write(o options, r report, w io.Writer) error {
	if o.json {
		data, err := json.MarshalIndent(jsonOf(r), "", "  ")
		if err != nil {
			return err
		}
		_, err = fmt.Fprintf(w, "%s\n", data)
		return err
	}
	_, err := io.WriteString(w, text(o, r))
	return err
}

func text(o options, r report) string {
	var b strings.Builder
	if r.sample {
		b.WriteString("A sample of made-up incidents; mttr -help says how to read your own.\n\n")
	}
	for i, m := range r.measures {
		if i > 0 {
			b.WriteString("\n")
		}
		fmt.Fprintf(&b, "%s\n\n", wrap(printable(m.Sentence()), o.width))
		b.WriteString(picture(r, m, o.width))
		b.WriteString("\n")
		for j, s := range m.periods {
			fmt.Fprintf(&b, "%s\n", wrap(printable(capital(r.names[j])+": "+s.Sentence()), o.width))
		}
	}
	return b.String()
}

func capital(s string) string {
	for i, c := range s {
		return string(unicode.ToUpper(c)) + s[i+len(string(c)):]
	}
	return s
}

// What a line must not break stands together as one word until it is written.
var (
	glue   = strings.NewReplacer(" %", "\x00%", "p = ", "p\x00=\x00", "p < ", "p\x00<\x00")
	unglue = strings.NewReplacer("\x00", " ")
)

// wrap breaks printable text into lines of that many columns.
func wrap(text string, width int) string {
	var b strings.Builder
	at := 0
	for i, word := range strings.Fields(glue.Replace(text)) {
		n := len([]rune(word))
		switch {
		case i == 0:
		case at+1+n > width:
			b.WriteString("\n")
			at = -1
		default:
			b.WriteString(" ")
		}
		b.WriteString(unglue.Replace(word))
		at += n
		if i > 0 {
			at++
		}
	}
	return b.String()
}

// printable shows what a terminal would act on.
func printable(text string) string {
	var b strings.Builder
	for _, r := range strings.ToValidUTF8(text, "\uFFFD") {
		if r != '\n' && r != '\t' && (unicode.IsControl(r) || unicode.Is(unicode.Bidi_Control, r)) {
			fmt.Fprintf(&b, "\\u%04x", r)
			continue
		}
		b.WriteRune(r)
	}
	return b.String()
}

// ticks of the axis.
var ticks = []struct {
	d    time.Duration
	name string
}{
	{time.Second, "1s"}, {10 * time.Second, "10s"}, {time.Minute, "1m"}, {10 * time.Minute, "10m"}, {time.Hour, "1h"}, {10 * time.Hour, "10h"},
	{4 * 24 * time.Hour, "4d"}, {30 * 24 * time.Hour, "30d"}, {365 * 24 * time.Hour, "1y"}, {3650 * 24 * time.Hour, "10y"}, {36500 * 24 * time.Hour, "100y"},
}

// A strip is a scale of logarithms across so many cells.
type strip struct {
	low, high float64
	cells     int
}

func (s strip) cell(d time.Duration) int {
	share := (math.Log(max(d.Seconds(), 1)) - s.low) / (s.high - s.low)
	return min(s.cells-1, max(0, int(math.Round(share*float64(s.cells-1)))))
}

// picture draws a strip of dots per period, one for each incident, and below it
// the median with its interval.
func picture(r report, m measured, width int) string {
	var spans [2][]stats.Span
	least, most := time.Duration(math.MaxInt64), time.Duration(0)
	for i, facts := range r.facts {
		for _, f := range facts {
			span := m.Measure.Of(f)
			if span.Validity != stats.Success && span.Validity != stats.Censored {
				continue
			}
			spans[i] = append(spans[i], span)
			least, most = min(least, max(span.Duration, time.Second)), max(most, span.Duration, time.Second)
		}
	}
	if len(spans[0])+len(spans[1]) == 0 {
		return ""
	}
	const labels = 8
	s := scale(least, most, width-labels)
	var b strings.Builder
	for i, label := range []string{"before", "after"} {
		fmt.Fprintf(&b, "%-*s%s\n", labels, label, dots(s, spans[i]))
		fmt.Fprintf(&b, "%-*s%s\n", labels, "", bar(s, m.periods[i].Median))
	}
	fmt.Fprintf(&b, "%-*s%s\n", labels, "", axis(s))
	fmt.Fprintf(&b, "%-*s%s\n", labels, "", ". 1 incident  : 2  o 3 to 5  O more  > open   (--+--) median and interval")
	return b.String()
}

// scale spans the ticks around the durations.
func scale(least, most time.Duration, cells int) strip {
	low, high := ticks[0].d, ticks[len(ticks)-1].d
	for _, t := range ticks {
		if t.d <= least {
			low = t.d
		}
		if t.d >= most && t.d < high && t.d > low {
			high = t.d
		}
	}
	return strip{math.Log(low.Seconds()), math.Log(high.Seconds()), cells}
}

func dots(s strip, spans []stats.Span) string {
	counts, open := make([]int, s.cells), make([]bool, s.cells)
	for _, span := range spans {
		c := s.cell(span.Duration)
		counts[c]++
		open[c] = open[c] || span.Validity == stats.Censored
	}
	line := []byte(strings.Repeat(" ", s.cells))
	for c, n := range counts {
		switch {
		case n == 0:
		case open[c]:
			line[c] = '>'
		case n == 1:
			line[c] = '.'
		case n == 2:
			line[c] = ':'
		case n <= 5:
			line[c] = 'o'
		default:
			line[c] = 'O'
		}
	}
	return strings.TrimRight(string(line), " ")
}

func bar(s strip, e stats.Estimate) string {
	line := []byte(strings.Repeat(" ", s.cells))
	low, high := 0, s.cells-1
	if e.Low.Known {
		low = s.cell(e.Low.Duration)
	}
	if e.High.Known {
		high = s.cell(e.High.Duration)
	}
	if !e.Value.Known && !e.Low.Known {
		return ""
	}
	for i := low; i <= high; i++ {
		line[i] = '-'
	}
	if e.Low.Known {
		line[low] = '('
	}
	if e.High.Known {
		line[high] = ')'
	}
	if e.Value.Known {
		line[s.cell(e.Value.Duration)] = '+'
	}
	return strings.TrimRight(string(line), " ")
}

func axis(s strip) string {
	line := []byte(strings.Repeat(" ", s.cells+4))
	for _, t := range ticks {
		log := math.Log(t.d.Seconds())
		if log < s.low-1e-9 || log > s.high+1e-9 {
			continue
		}
		at := s.cell(t.d)
		if at+len(t.name) > s.cells {
			at = s.cells - len(t.name)
		}
		copy(line[at:], t.name)
	}
	return strings.TrimRight(string(line), " ")
}

// The JSON form: durations as Go strings, shares 0..1, what is not known left out.
type (
	reportJSON struct {
		Schema int          `json:"schema"`
		Data   []resultJSON `json:"data"`
	}
	resultJSON struct {
		Measure      string      `json:"measure"`
		From         string      `json:"from"`
		To           string      `json:"to"`
		Verdict      string      `json:"verdict"` // evidence, no_evidence or too_few
		Reason       string      `json:"reason,omitempty"`
		Direction    string      `json:"direction,omitempty"` // shorter or longer, only with evidence
		Sentence     string      `json:"sentence"`
		Method       string      `json:"method"`
		P            float64     `json:"p"`
		Alpha        float64     `json:"alpha"`
		ChangeFactor *factorJSON `json:"change_factor,omitempty"`
		MDE          *mdeJSON    `json:"mde,omitempty"`
		Unmatched    int         `json:"unmatched"`
		Mix          mixJSON     `json:"mix"`
		Before       periodJSON  `json:"before"`
		After        periodJSON  `json:"after"`
	}
	factorJSON struct {
		Value *float64 `json:"value,omitempty"`
		Low   *float64 `json:"low,omitempty"`
		High  *float64 `json:"high,omitempty"`
		Level float64  `json:"level"`
	}
	mdeJSON struct {
		CutShare   float64 `json:"cut_share"`
		RiseFactor float64 `json:"rise_factor"`
		Power      float64 `json:"power"`
		SDOfLog    float64 `json:"sd_of_log"`
	}
	mixJSON struct {
		Strata      string   `json:"strata"`
		P           float64  `json:"p"`
		CrudeFactor *float64 `json:"crude_factor,omitempty"`
		Reversed    bool     `json:"reversed"`
	}
	periodJSON struct {
		Name           string        `json:"name"`
		Success        int           `json:"success"`
		Censored       int           `json:"censored"`
		Missing        int           `json:"missing"`
		Contradictory  int           `json:"contradictory"`
		Median         *estimateJSON `json:"median,omitempty"`
		GeometricMean  *estimateJSON `json:"geometric_mean,omitempty"`
		RestrictedMean *estimateJSON `json:"restricted_mean,omitempty"`
		Mean           *estimateJSON `json:"arithmetic_mean_not_the_headline,omitempty"`
	}
	estimateJSON struct {
		Value string  `json:"value,omitempty"`
		Low   string  `json:"low,omitempty"`
		High  string  `json:"high,omitempty"`
		Level float64 `json:"level"`
	}
)

func jsonOf(r report) reportJSON {
	out := reportJSON{Schema: 1}
	for _, m := range r.measures {
		k := resultJSON{
			Measure: m.Measure.Name, From: m.Measure.From.String(), To: m.Measure.To.String(), Sentence: m.Sentence(),
			Method: m.Method.String(), P: m.P, Alpha: m.Alpha, Unmatched: m.Unmatched,
			Mix:    mixJSON{m.Mix.Strata.String(), m.Mix.P, number(m.Mix.Crude), m.Mix.Reversed},
			Before: periodOf(r.names[0], m.periods[0]), After: periodOf(r.names[1], m.periods[1]),
		}
		if c := m.Change; c.Factor.Known || c.Low.Known || c.High.Known {
			k.ChangeFactor = &factorJSON{number(c.Factor), number(c.Low), number(c.High), c.Level}
		}
		switch v := m.Verdict.(type) {
		case stats.Evidence:
			k.Verdict, k.Direction = "evidence", "shorter"
			if direction(v) > 0 {
				k.Direction = "longer"
			}
		case stats.NoEvidence:
			k.Verdict = "no_evidence"
			if v.MDE.Known {
				k.MDE = &mdeJSON{v.MDE.Cut, v.MDE.Rise, v.MDE.Power, v.MDE.SD}
			}
		case stats.TooFew:
			k.Verdict, k.Reason = "too_few", v.Reason.Code
		}
		out.Data = append(out.Data, k)
	}
	return out
}

func number(f stats.Factor) *float64 {
	if !f.Known {
		return nil
	}
	return &f.Times
}

func periodOf(name string, s stats.Summary) periodJSON {
	return periodJSON{
		Name: name, Success: s.Tally.Success, Censored: s.Tally.Censored, Missing: s.Tally.Missing, Contradictory: s.Tally.Contradictory,
		Median: estimateOf(s.Median), GeometricMean: estimateOf(s.GeometricMean), RestrictedMean: estimateOf(s.RestrictedMean), Mean: estimateOf(s.Mean),
	}
}

func estimateOf(e stats.Estimate) *estimateJSON {
	if !e.Value.Known && !e.Low.Known && !e.High.Known {
		return nil
	}
	length := func(l stats.Length) string {
		if !l.Known {
			return ""
		}
		return l.Duration.String()
	}
	return &estimateJSON{length(e.Value), length(e.Low), length(e.High), e.Level}
}
