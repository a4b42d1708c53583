package main

import (
	_ "embed"
	"errors"
	"flag"
	"fmt"
	"io"
	"slices"
	"strings"
	"time"

	"github.com/sre-sdk/sre"
	"github.com/sre-sdk/sre/oncall"
)

// options are the command line, understood.
type options struct {
	accounts []*world
	from, to time.Time
	within   time.Duration
	counts   []oncall.ContactKind
	json     bool
	tour     bool
}

// An input is the files of one account.
type input struct {
	vendor string
	files  []string
}

// flags are the words of the command line, not yet understood.
type flags struct {
	inputs                      []input
	from, within, count, output string
	days                        int
}

// start is a flag that begins an account, to which the files after it belong.
type start struct {
	f      *flags
	vendor string
}

func (s start) String() string   { return "" }
func (s start) IsBoolFlag() bool { return true }
func (s start) Set(text string) error {
	if text != "true" {
		return errors.New("files follow after a space")
	}
	s.f.inputs = append(s.f.inputs, input{vendor: s.vendor})
	return nil
}

var vendors = []string{"pagerduty", "opsgenie", "grafana"}

// Limits of the time that is looked at.
const (
	maxDays = 366
	maxYear = 9000
)

func (f *flags) define() *flag.FlagSet {
	fs := flag.NewFlagSet("reach", flag.ContinueOnError)
	fs.SetOutput(io.Discard)
	for _, v := range vendors {
		fs.Var(start{f, v}, v, "the files that follow are an account of this vendor")
	}
	fs.StringVar(&f.from, "from", "", "the first `instant`, in RFC 3339, or the first day, in UTC (default now)")
	fs.IntVar(&f.days, "days", 90, "the `number` of days that are looked at")
	fs.StringVar(&f.within, "within", "5m", "the `duration` within which an alert must reach a human")
	fs.StringVar(&f.count, "count", "push,sms,voice", "the `kinds` of contact that reach a human: push, sms, voice, chat, email")
	fs.StringVar(&f.output, "o", "text", "the `format` of the output: text or json")
	return fs
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

// read reads the command line and records a problem for each flag that does not
// exist or lacks its value.
func (f *flags) read(args []string, p *sre.Problems) (help bool) {
	fs := f.define()
	for len(args) > 0 {
		switch err := fs.Parse(args); {
		case errors.Is(err, flag.ErrHelp):
			return true
		case err != nil:
			p.Add("command line", "invalid_flag", err, "flags as reach -help lists them")
		}
		args = fs.Args()
		for len(args) > 0 && (!strings.HasPrefix(args[0], "-") || args[0] == "-") {
			if len(f.inputs) == 0 {
				p.Add("command line", "unexpected_argument", args[0], "files after -pagerduty, -opsgenie or -grafana")
			} else {
				last := &f.inputs[len(f.inputs)-1]
				last.files = append(last.files, args[0])
			}
			args = args[1:]
		}
	}
	return false
}

// parse understands the command line, reads the files that it names, and
// reports every problem with any of that at once.
func parse(args []string, now time.Time) (o options, help bool, err error) {
	var (
		f flags
		p sre.Problems
	)
	f.days, f.within, f.count, f.output = 90, "5m", "push,sms,voice", "text"
	if f.read(args, &p) {
		return o, true, nil
	}
	o.tour = len(f.inputs) == 0
	if len(f.inputs) > 2 {
		p.Add("command line", "too_many", len(f.inputs), "one account, or two to compare")
	}
	o.from = now.UTC().Truncate(time.Minute)
	if o.tour && f.from == "" {
		f.from = "2026-01-05"
	}
	if f.from != "" {
		o.from, err = time.Parse(time.RFC3339, f.from)
		if err != nil {
			o.from, err = time.Parse(time.DateOnly, f.from)
		}
		if err != nil || o.from.Year() < 1970 || o.from.Year() > maxYear {
			p.Add("-from", "invalid_instant", f.from, fmt.Sprintf("2026-01-05 or 2026-01-05T09:00:00Z, in the years 1970 to %d", maxYear))
			o.from = now
		}
	}
	if f.days < 1 || f.days > maxDays {
		p.Add("-days", "out_of_range", f.days, fmt.Sprintf("1 to %d", maxDays))
	}
	o.to = o.from.AddDate(0, 0, min(max(f.days, 1), maxDays))
	if o.within, err = time.ParseDuration(f.within); err != nil || o.within < 0 {
		p.Add("-within", "invalid_duration", f.within, "a duration such as 5m")
	}
	for _, kind := range strings.Split(f.count, ",") {
		known := []oncall.ContactKind{oncall.Push, oncall.SMS, oncall.Voice, oncall.Chat, oncall.Email}
		if !slices.Contains(known, oncall.ContactKind(kind)) {
			p.Add("-count", "unknown_kind", kind, "push, sms, voice, chat or email, with commas between")
		}
		o.counts = append(o.counts, oncall.ContactKind(kind))
	}
	if o.json = f.output == "json"; !o.json && f.output != "text" {
		p.Add("-o", "unknown_format", f.output, "text or json")
	}
	o.accounts = readAccounts(f.inputs, o, &p)
	return o, false, p.Err("reach")
}
