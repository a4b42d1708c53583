package main

import (
	"bytes"
	_ "embed"
	"fmt"
	"io"
	"os"
	"slices"
	"time"

	"github.com/sre-sdk/sre"
	"github.com/sre-sdk/sre/incident/stats"
)

//go:embed testdata/incidents.csv
var sampleFile []byte

// A report is everything that is printed.
type report struct {
	names    [2]string // of the periods
	facts    [2][]stats.Fact
	measures []measured
	sample   bool
}

// measured is what the incidents say of one measure.
type measured struct {
	stats.Comparison
	periods [2]stats.Summary
}

// longer reports evidence that a measure got longer.
func (r report) longer() bool {
	return slices.ContainsFunc(r.measures, func(m measured) bool { return direction(m.Verdict) > 0 })
}

// direction is 1 for evidence of longer spans, -1 for shorter ones, else 0.
func direction(v stats.Verdict) int {
	e, ok := v.(stats.Evidence)
	switch {
	case !ok:
		return 0
	case e.Change.Factor.Known && e.Change.Factor.Times > 1, e.Change.Low.Known && e.Change.Low.Times > 1:
		return 1
	}
	return -1
}

// study reads the file and compares its periods.
func study(o options, stdin io.Reader, stderr io.Writer) (report, error) {
	r := report{sample: o.file == ""}
	file, err := open(o.file, stdin)
	if err != nil {
		return r, err
	}
	defer file.Close()
	incidents, ignored, err := read(file, o.scale, o.at)
	if err != nil {
		return r, err
	}
	for _, name := range ignored {
		fmt.Fprintf(stderr, "mttr: note: column %q is ignored\n", printable(name))
	}
	if err := r.divide(o, incidents, stderr); err != nil {
		return r, err
	}
	comparisons, err := o.policy.CompareAll(r.facts[0], r.facts[1], o.measures...)
	if err != nil {
		return r, err
	}
	for _, k := range comparisons {
		m := measured{Comparison: k}
		for i, facts := range r.facts {
			if m.periods[i], err = o.policy.Describe(facts, k.Measure); err != nil {
				return r, err
			}
		}
		r.measures = append(r.measures, m)
	}
	return r, nil
}

func open(name string, stdin io.Reader) (io.ReadCloser, error) {
	switch name {
	case "":
		return io.NopCloser(bytes.NewReader(sampleFile)), nil
	case "-":
		return io.NopCloser(stdin), nil
	}
	return os.Open(name)
}

// divide sorts the incidents into the two periods.
func (r *report) divide(o options, incidents []incident, stderr io.Writer) error {
	if !o.split.IsZero() {
		return r.divideAt(o.split, incidents, stderr)
	}
	var (
		p     sre.Problems
		names []string
	)
	for _, in := range incidents {
		if in.period != "" && !slices.Contains(names, in.period) {
			names = append(names, in.period)
		}
	}
	if len(names) < 2 {
		p.Add("-split", "required", nil, "the day at which the period after begins, or a column period with two values")
		return p.Err("mttr")
	}
	before, after := o.before, o.after
	if after == "" {
		after = names[len(names)-1]
	}
	if before == "" {
		before = names[max(0, slices.Index(names, after)-1)]
	}
	for _, f := range [][2]string{{"-before", before}, {"-after", after}} {
		if !slices.Contains(names, f[1]) {
			p.Add(f[0], "unknown_period", f[1], "a value of the column period")
		}
	}
	if before == after {
		p.Add("-before", "same_period", before, "another period than -after")
	}
	r.names = [2]string{before, after}
	for _, in := range incidents {
		if i := slices.Index(r.names[:], in.period); i >= 0 {
			r.facts[i] = append(r.facts[i], in.Fact)
		}
	}
	return p.Err("mttr")
}

func (r *report) divideAt(split time.Time, incidents []incident, stderr io.Writer) error {
	day := split.Format(time.DateOnly)
	if !split.Equal(split.Truncate(24 * time.Hour)) {
		day = split.Format(time.RFC3339)
	}
	r.names = [2]string{"before " + day, "from " + day}
	undated := 0
	for _, in := range incidents {
		start, ok := begin(in.Times)
		switch {
		case !ok || in.undated:
			undated++
		case start.Before(split):
			r.facts[0] = append(r.facts[0], in.Fact)
		default:
			r.facts[1] = append(r.facts[1], in.Fact)
		}
	}
	if undated > 0 {
		fmt.Fprintf(stderr, "mttr: note: incidents without any time, which are in neither period: %d\n", undated)
	}
	return nil
}

// begin is the earliest milestone.
func begin(t stats.Times) (first time.Time, ok bool) {
	for m := stats.Impact; m <= stats.Resolved; m++ {
		if at := t.At(m); !at.IsZero() && (!ok || at.Before(first)) {
			first, ok = at, true
		}
	}
	return first, ok
}
