package main

import (
	_ "embed"
	"flag"
	"fmt"
	"io"
	"os"
	"strings"
	"time"

	"github.com/sre-sdk/sre"
	"github.com/sre-sdk/sre/incident/stats"
)

// The exit statuses; doc.go explains them.
const (
	exitDone   = 0
	exitLonger = 1
	exitInput  = 2
)

func main() { os.Exit(run(os.Args[1:], os.Stdin, os.Stdout, os.Stderr, time.Now())) }

func run(args []string, stdin io.Reader, stdout, stderr io.Writer, now time.Time) int {
	o, help, err := parse(args, now)
	if help {
		fmt.Fprint(stdout, usage())
		return exitDone
	}
	var r report
	if err == nil {
		r, err = study(o, stdin, stderr)
	}
	if err != nil {
		fmt.Fprintf(stderr, "%s\nsee mttr -help\n", printable(err.Error()))
		return exitInput
	}
	if err := write(o, r, stdout); err != nil {
		fmt.Fprintln(stderr, "mttr:", err)
		return exitInput
	}
	if r.longer() {
		return exitLonger
	}
	return exitDone
}

// options are the command line, understood.
type options struct {
	file          string // "" for the sample, "-" for standard input
	policy        *stats.Compiled
	measures      []stats.Measure
	scale         sre.Scale
	split, at     time.Time
	before, after string
	json          bool
	width         int
}

// flags are the words of the command line.
type flags struct {
	measure, split, before, after, at, strata, scale, output string
	alpha, power                                             float64
	seed                                                     uint64
	width                                                    int
}

func (f *flags) define() *flag.FlagSet {
	fs := flag.NewFlagSet("mttr", flag.ContinueOnError)
	fs.SetOutput(io.Discard)
	fs.StringVar(&f.measure, "measure", "MTTR", "`measures`, separated by commas: MTTD, MTTA, MTTM, MTTR, or two milestones as in detected:mitigated")
	fs.StringVar(&f.split, "split", "", "the `day` (UTC) or instant at which the period after begins")
	fs.StringVar(&f.before, "before", "", "the `period` before, of the column period (default the last but one of the file)")
	fs.StringVar(&f.after, "after", "", "the `period` after, of the column period (default the last of the file)")
	fs.StringVar(&f.at, "at", "", "the `instant` until which open incidents were observed, in RFC 3339 (default now)")
	fs.StringVar(&f.strata, "strata", "severity", "compare within the same `kind`: severity, service, class or none")
	fs.StringVar(&f.scale, "scale", "", "the `names` of severities, the worst first, separated by commas")
	fs.Float64Var(&f.alpha, "alpha", stats.DefaultAlpha, "the `share` of false alarms that is accepted")
	fs.Float64Var(&f.power, "power", stats.DefaultPower, "the `probability` with which the smallest detectable change is seen")
	fs.Uint64Var(&f.seed, "seed", 1, "the `number` that determines random permutations")
	fs.StringVar(&f.output, "o", "text", "the `format` of the output: text or json")
	fs.IntVar(&f.width, "width", 72, "the `columns` of the picture, 40 to 200")
	return fs
}

// parse reports every problem with the command line at once.
func parse(args []string, now time.Time) (o options, help bool, err error) {
	var (
		f flags
		p sre.Problems
	)
	fs := f.define()
	if err := fs.Parse(args); err == flag.ErrHelp {
		return o, true, nil
	} else if err != nil {
		p.Add("command line", "invalid_flag", err, "flags as mttr -help lists them")
	}
	if fs.NArg() > 1 {
		p.Add("command line", "unexpected_argument", fs.Arg(1), "one file, behind the flags")
	}
	o.file, o.before, o.after, o.width, o.at = fs.Arg(0), f.before, f.after, f.width, now
	if fs.NArg() == 0 {
		o.sample(&f)
	}
	o.measures = readMeasures(f.measure, &p)
	o.readTimes(f, &p)
	o.readScale(f.scale, &p)
	strata, err := stats.ParseStrata(f.strata)
	p.Merge("-strata", err)
	if f.alpha == 0 || f.power == 0 { // 0 means the default to the policy, and not to whoever writes it here
		p.Add("-alpha, -power", "out_of_range", 0, "above 0")
	}
	o.policy, err = stats.Policy{Alpha: f.alpha, Power: f.power, Strata: strata, Seed: f.seed}.Compile()
	p.Merge("", err)
	if f.output != "text" && f.output != "json" {
		p.Add("-o", "unknown_format", f.output, "text or json")
	}
	o.json = f.output == "json"
	if o.width < 40 || o.width > 200 {
		p.Add("-width", "out_of_range", o.width, "40 to 200")
	}
	return o, false, p.Err("mttr")
}

// sample chooses what goes with the sample, unless flags say otherwise.
func (o *options) sample(f *flags) {
	if f.split == "" && f.before == "" && f.after == "" {
		f.split = "2026-04-01"
	}
	if f.at == "" {
		f.at = "2026-07-01T00:00:00Z" // the sample ends there
	}
}

func (o *options) readTimes(f flags, p *sre.Problems) {
	var err error
	if f.split != "" {
		if o.split, err = readTime(f.split); err != nil {
			p.Add("-split", "invalid_time", f.split, "a day, such as 2026-04-01, or an instant in RFC 3339")
		}
		if f.before != "" || f.after != "" {
			p.Add("-split", "not_allowed", f.split, "either -split or -before and -after")
		}
	}
	if f.at != "" {
		if o.at, err = readTime(f.at); err != nil {
			p.Add("-at", "invalid_time", f.at, "an instant in RFC 3339")
		}
	}
}

func (o *options) readScale(names string, p *sre.Problems) {
	if names == "" {
		return
	}
	for _, name := range strings.Split(names, ",") {
		if name = strings.TrimSpace(name); name == "" {
			p.Add("-scale", "empty", nil, "a name for each severity")
		}
		o.scale = append(o.scale, name)
	}
	if len(o.scale) > 20 {
		p.Add("-scale", "too_many", len(o.scale), "at most 20 severities")
	}
}

func readMeasures(text string, p *sre.Problems) []stats.Measure {
	var list []stats.Measure
	for _, word := range strings.Split(text, ",") {
		word = strings.TrimSpace(word)
		from, to, own := strings.Cut(word, ":")
		m := stats.Measure{Name: strings.ToUpper(word)}
		for _, known := range []stats.Measure{stats.MTTD, stats.MTTA, stats.MTTM, stats.MTTR} {
			if known.Name == m.Name {
				m = known
			}
		}
		if own {
			var errs [2]error
			m.Name = from + " to " + to
			m.From, errs[0] = stats.ParseMilestone(from)
			m.To, errs[1] = stats.ParseMilestone(to)
			p.Merge("-measure", errs[0])
			p.Merge("-measure", errs[1])
			if errs[0] != nil || errs[1] != nil {
				continue
			}
		}
		if m.From == stats.NoMilestone || m.From >= m.To {
			p.Add("-measure", "unknown_measure", word, "MTTD, MTTA, MTTM, MTTR, or a milestone and a later one as in detected:mitigated")
			continue
		}
		list = append(list, m)
	}
	return list
}

//go:embed doc.go
var doc string

// usage is the documentation of the package, so that they cannot differ.
func usage() string {
	var b strings.Builder
	for line := range strings.Lines(doc) {
		text, ok := strings.CutPrefix(line, "//")
		if !ok {
			break
		}
		b.WriteString(strings.TrimPrefix(text, " "))
	}
	b.WriteString("\n# Flags\n\n")
	fs := new(flags).define()
	fs.SetOutput(&b)
	fs.PrintDefaults()
	return b.String()
}
