package main

import (
	_ "embed"
	"errors"
	"flag"
	"fmt"
	"io"
	"os"
	"strings"
	"time"

	"github.com/sre-sdk/sre"
	"github.com/sre-sdk/sre/budget"
	"github.com/sre-sdk/sre/slo"
)

// flags are the words of the command line, not yet understood.
type flags struct {
	set map[string]bool // the flags that were given

	slo, total, bad, objective, window string
	badAbsentIsZero, assumeCounter     bool

	prometheus, tokenFile, httpConfig, tenant, scrapeInterval string
	counts, moment                                            string

	purpose, at, policy, previous, timeout, output, svg string
	chart                                               bool
}

func (f *flags) define() *flag.FlagSet {
	fs := flag.NewFlagSet("gate", flag.ContinueOnError)
	fs.SetOutput(io.Discard)
	fs.StringVar(&f.slo, "slo", "", "a `file` of OpenSLO v1 documents; all its SLOs are judged")
	fs.BoolVar(&f.assumeCounter, "assume-counter", false, "with -slo: ratio metrics that do not say so are counters, as most files mean")
	fs.StringVar(&f.total, "total", "", "instead of -slo: a `query` that counts all events, such as http_requests_total{job=\"shop\"}")
	fs.StringVar(&f.bad, "bad", "", "with -total: a `query` that counts the bad ones among them")
	fs.StringVar(&f.objective, "objective", "", "with -total: the `share` of good events that is promised, such as 99.9%")
	fs.StringVar(&f.window, "window", "", "with -total: the `length` of the rolling window that it is promised for, such as 30d")
	fs.BoolVar(&f.badAbsentIsZero, "bad-absent-is-zero", false, "with -total: no series of -bad means no bad events, not a typing mistake")

	fs.StringVar(&f.prometheus, "prometheus", "", "the `URL` of Prometheus, Thanos, Mimir or VictoriaMetrics, without /api/v1")
	fs.StringVar(&f.tokenFile, "prometheus-bearer-token-file", "", "a `file` with the bearer token for -prometheus")
	fs.StringVar(&f.httpConfig, "prometheus-http-config", "", "a `file` with TLS and authentication for -prometheus, as Prometheus writes an http_config")
	fs.StringVar(&f.tenant, "tenant", "", "the `ID` to send to -prometheus as X-Scope-OrgID")
	fs.StringVar(&f.scrapeInterval, "scrape-interval", "", "the longest `interval` at which the metrics are scraped (default that of the policy, 1m)")
	fs.StringVar(&f.counts, "counts", "", "instead of -prometheus: a `file` of counts, see above")
	fs.StringVar(&f.moment, "moment", "", "without a source: the recorded `moment`, healthy, burning or exhausted (default healthy)")

	fs.StringVar(&f.purpose, "purpose", budget.Feature.String(), "why the change is made: the `purpose` feature, reliability, security, emergency or rollback")
	fs.StringVar(&f.at, "at", "", "the `instant` of the decision, in RFC 3339 (default now)")
	fs.StringVar(&f.policy, "policy", budget.Workbook().Name, "the policy: a `name`, one of workbook, slo-generator, tiered, or of a file as package budgetfile reads it")
	fs.StringVar(&f.previous, "previous", sre.Unknown.String(), "the latest budget `outcome` that was not unknown (data.budget of -o json), for the policy's hysteresis")
	fs.StringVar(&f.timeout, "timeout", "1m", "the `duration` that measuring may take")
	fs.StringVar(&f.output, "o", "text", "the `format` of the output: text, json, markdown, or github (an annotation, and the page for $GITHUB_STEP_SUMMARY)")
	fs.StringVar(&f.svg, "svg", "", "a `file` for a drawing of the budget over its period")
	fs.BoolVar(&f.chart, "chart", true, "draw the budget over its period in text and markdown, which measures 60 more windows")
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

// read reads the command line. It records a problem for each flag that does not
// exist or lacks its value, and goes on behind it.
func (f *flags) read(args []string, p *sre.Problems) (help bool) {
	fs := f.define()
	for {
		err := fs.Parse(args)
		switch {
		case errors.Is(err, flag.ErrHelp):
			return true
		case err != nil:
			p.Add("command line", "invalid_flag", err, "flags as gate -help lists them")
		}
		args = fs.Args()
		if len(args) == 0 {
			break
		}
		if !strings.HasPrefix(args[0], "-") || args[0] == "-" {
			if err == nil { // else it is probably the value of the flag that does not exist
				p.Add("command line", "unexpected_argument", args[0], "flags only")
			}
			args = args[1:]
		}
	}
	f.set = map[string]bool{}
	fs.Visit(func(given *flag.Flag) {
		f.set[given.Name] = true
		if given.Value.String() != "" {
			return
		}
		// As from -prometheus "$URL" without such a variable: it must not choose
		// the recording.
		p.Add("-"+given.Name, "empty", nil, "a value, or the flag left out")
		given.Value.Set(given.DefValue)
	})
	return false
}

// options are the command line, understood.
type options struct {
	slos     []*slo.Compiled
	policy   *budget.Compiled
	source   source
	change   budget.Change
	previous sre.Outcome
	now      time.Time
	timeout  time.Duration
	output   format
	svg      string
	chart    bool     // in text and Markdown
	summary  string   // the file for the summary of a job, or ""
	notes    []string // what deserves a look and hinders nothing
}

// parse understands the command line, reads the files that it names, and
// reports every problem with any of that at once.
func parse(args []string) (o options, help bool, err error) {
	var (
		f flags
		p sre.Problems
	)
	if f.read(args, &p) {
		return o, true, nil
	}
	o.svg, o.chart, o.summary = f.svg, f.chart, os.Getenv("GITHUB_STEP_SUMMARY")
	if o.change.Purpose, err = budget.ParsePurpose(f.purpose); err != nil {
		p.Merge("-purpose", err)
	}
	if o.previous, err = sre.ParseOutcome(f.previous); err != nil {
		p.Merge("-previous", err)
	}
	if o.timeout, err = time.ParseDuration(f.timeout); err != nil || o.timeout <= 0 {
		p.Add("-timeout", "invalid_duration", f.timeout, "a positive duration, such as 30s")
	}
	if o.output = format(f.output); !o.output.valid() {
		p.Add("-o", "unknown_format", f.output, "text, json, markdown or github")
	}
	f.checkPicture(&p)
	o.policy = f.readPolicy(&p)
	f.readSource(&o, &p)
	f.readSLOs(&o, &p)
	if err := p.Err("gate"); err != nil {
		return o, false, err
	}
	o.noteMisfits()
	return o, false, nil
}

// noteMisfits tells what the policy cannot do for an SLO.
func (o *options) noteMisfits() {
	for _, s := range o.slos {
		for _, misfit := range sre.ProblemsIn(o.policy.Check(s)) {
			o.notes = append(o.notes, fmt.Sprintf("policy %s and SLO %s: %v", o.policy.Policy().Name, s.ID(), misfit))
		}
	}
}
