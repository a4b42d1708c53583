package main

import (
	"errors"
	"fmt"
	"os"
	"strings"

	"github.com/sre-sdk/sre"
	"github.com/sre-sdk/sre/slo"
	"github.com/sre-sdk/sre/slo/openslo"
	"github.com/sre-sdk/sre/slo/prometheus"
)

// sloFlags describe one SLO on the command line.
var sloFlags = []string{"total", "bad", "objective", "window", "bad-absent-is-zero"}

// readSLOs fills in the SLOs: those of the file, that of the flags, or that of
// the recording.
func (f *flags) readSLOs(o *options, p *sre.Problems) {
	byFlags := ""
	for _, name := range sloFlags {
		if f.set[name] {
			byFlags = "-" + name
			break
		}
	}
	if f.assumeCounter && !f.set["slo"] {
		p.Add("-assume-counter", "not_allowed", nil, "-slo, to which it belongs")
	}
	if f.set["slo"] && byFlags != "" {
		p.Add(byFlags, "conflict", nil, "either -slo FILE or -total, -bad, -objective and -window")
	}
	var list []slo.SLO
	if f.slo != "" {
		list = f.readSLOFile(o, p)
	}
	if byFlags != "" {
		list = f.makeSLO(p)
	}
	switch given := f.set["slo"] || byFlags != ""; {
	case f.ownSource() && !given:
		p.Add("-slo", "missing", nil, "what to judge: -slo FILE, or -total, -bad, -objective and -window")
	case !f.ownSource() && given:
		p.Add("-prometheus", "missing", nil, "where to measure: -prometheus URL or -counts FILE; the recording holds nothing but its own SLO")
	case !given:
		list = recordedSLOs(p)
	}
	for _, s := range list {
		compiled, err := s.Compile()
		p.Merge("-slo", err)
		if err == nil && f.set["prometheus"] {
			f.checkQueries(compiled, p)
		}
		o.slos = append(o.slos, compiled)
	}
}

// checkQueries tells a query that no server could answer from a server that
// does not answer.
func (f *flags) checkQueries(s *slo.Compiled, p *sre.Problems) {
	err := prometheus.Check(s)
	for _, q := range sre.ProblemsIn(err) {
		switch {
		case f.slo != "":
			q.Path = f.slo + ": " + s.ID() + ": " + q.Path
		case strings.HasPrefix(q.Path, "sli.total"):
			q.Path = "-total"
		default:
			q.Path = "-bad"
		}
		p.Merge("", q)
	}
	if errors.Is(err, slo.ErrUnsupported) {
		p.Merge("-slo", err)
	}
}

func (f *flags) readSLOFile(o *options, p *sre.Problems) []slo.SLO {
	file, err := os.Open(f.slo)
	if err != nil {
		p.Add("-slo", "unreadable", f.slo, "a readable file: "+cause(err))
		return nil
	}
	defer file.Close()
	read, err := openslo.Read(file, openslo.Options{Name: f.slo, AssumeCounter: f.assumeCounter})
	if err != nil {
		mergeFile(p, "-slo", err)
		return nil
	}
	for _, dropped := range read.Dropped {
		o.notes = append(o.notes, dropped.Error())
	}
	if len(read.SLOs) == 0 {
		p.Add("-slo", "no_slos", f.slo, "at least one object of kind SLO")
	}
	return read.SLOs
}

// makeSLO makes the SLO of the flags. Its name is what sentences about it need.
func (f *flags) makeSLO(p *sre.Problems) []slo.SLO {
	for _, required := range []struct{ name, value, want string }{
		{"total", f.total, "a query that counts all events"},
		{"bad", f.bad, "a query that counts the bad events"},
		{"objective", f.objective, "an objective, such as 99.9%"},
		{"window", f.window, "a length, such as 30d"},
	} {
		if !f.set[required.name] {
			p.Add("-"+required.name, "missing", nil, required.want)
		}
	}
	before := p.Len()
	objective, err := slo.ParseObjective(f.objective)
	if f.objective != "" {
		p.Merge("-objective", err)
	}
	window, err := parseSpan(f.window)
	switch {
	case f.window == "":
	case err != nil:
		p.Merge("-window", err)
	case window < slo.MinWindow || window > slo.MaxWindow:
		p.Add("-window", "out_of_range", f.window, "1m to 400d")
	}
	if p.Len() > before || f.total == "" || f.bad == "" || !objective.IsSet() || window == 0 {
		return nil
	}
	return []slo.SLO{{
		ID: "service", Service: "service",
		SLI:       slo.Availability(slo.Metric{Query: f.total}, slo.Metric{Query: f.bad, AbsentIsZero: f.badAbsentIsZero}),
		Objective: objective,
		Window:    slo.Rolling(window),
	}}
}

// mergeFile records what is wrong with the content of a flag's file. Its readers
// name file and line themselves.
func mergeFile(p *sre.Problems, flag string, err error) {
	if len(sre.ProblemsIn(err)) > 0 {
		flag = ""
	}
	p.Merge(flag, err)
}

// cause is the reason why a file could not be used, without its name.
func cause(err error) string {
	if inner, ok := err.(interface{ Unwrap() error }); ok && inner.Unwrap() != nil {
		return inner.Unwrap().Error()
	}
	return fmt.Sprint(err)
}
