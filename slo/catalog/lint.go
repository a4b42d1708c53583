package catalog

import (
	"cmp"
	"fmt"
	"math/big"
	"slices"
	"strings"

	"github.com/sre-sdk/sre"
	"github.com/sre-sdk/sre/slo"
)

// LintOptions says what Lint compares with.
type LintOptions struct {
	// SLOs are those of the services. Default: no objective is judged, and
	// neither is whether the SLOs that services name exist.
	SLOs []*slo.Compiled

	// Idle are the types of what does not run by itself, so that it needs no
	// SLO, runbook or escalation policy. Default: library, documentation.
	Idle []string
}

// DefaultIdle is the default of [LintOptions.Idle].
func DefaultIdle() []string { return []string{"library", "documentation"} }

// Lint reviews the catalog. The findings are sorted by service, SLO and code.
// A retired service is not reviewed, and an experimental one and what is idle
// need no SLO, escalation policy or runbook. Codes:
//
//   - no_owner: nobody answers for the service
//   - no_slo, no_escalation, no_runbook: it has none
//   - isolated: it uses nothing, and nothing uses it
//   - needs_less_critical: it does not work without a service that is less
//     critical than it is itself
//   - needs_deprecated: it uses a service that is deprecated or retired
//   - soft_cycle: it uses something that uses it in turn, with a soft
//     dependency on the way; whoever starts both must know which comes first
//   - stricter_than_dependency: an SLO promises more than a service promises
//     without which this one does not work
//   - stricter_than_dependencies: each of those promises enough, but together
//     they allow less, if they fail independently
//   - unknown_slo, unlisted_slo: an SLO that the service names does not exist or
//     is of another service; one that is given for it is not named by it
//   - no_service: an SLO is given for a service that is not in the catalog
func (c *Compiled) Lint(o LintOptions) []slo.Finding {
	if o.Idle == nil {
		o.Idle = DefaultIdle()
	}
	l := &linter{c: c, o: o, slos: map[string][]*slo.Compiled{}, byID: map[string]*slo.Compiled{}, promises: map[string]slo.Objective{}}
	for _, s := range o.SLOs {
		if s == nil {
			continue
		}
		l.slos[s.Service()] = append(l.slos[s.Service()], s)
		l.byID[s.ID()] = s
		// The best promise counts, so that a finding is never a false alarm.
		if best := l.promises[s.Service()]; aboutServing(s) && s.Objective().Compare(best) > 0 {
			l.promises[s.Service()] = s.Objective()
		}
		if _, ok := c.index[s.Service()]; !ok {
			l.add(s.Service(), s.ID(), "no_service", fmt.Sprintf("the SLO %s is about %s, which is not in the catalog", s.ID(), s.Service()))
		}
	}
	for i, s := range c.services {
		if s.Lifecycle == Retired {
			continue
		}
		l.service(i, s)
		l.dependencies(i, s)
		l.objectives(s)
	}
	l.softCycles()
	slices.SortStableFunc(l.found, func(a, b slo.Finding) int {
		return cmp.Or(strings.Compare(a.Service, b.Service), strings.Compare(a.SLO, b.SLO), strings.Compare(a.Code, b.Code), strings.Compare(a.Text, b.Text))
	})
	return l.found
}

type linter struct {
	c        *Compiled
	o        LintOptions
	slos     map[string][]*slo.Compiled // by service
	byID     map[string]*slo.Compiled
	promises map[string]slo.Objective // by service
	found    []slo.Finding
}

func (l *linter) add(service, id, code, text string, values ...sre.Value) {
	l.found = append(l.found, slo.Finding{SLO: id, Service: service, Reason: sre.Reason{Code: code, Text: text, Values: values}})
}

func (l *linter) service(i int, s Service) {
	if s.Owner == "" {
		l.add(s.ID, "", "no_owner", "nobody answers for it: set Owner to a team")
	}
	if s.Lifecycle != Experimental && !slices.Contains(l.o.Idle, s.Type) {
		if len(s.SLOs) == 0 && len(l.slos[s.ID]) == 0 {
			l.add(s.ID, "", "no_slo", "nobody has said how reliable it must be")
		}
		if s.Escalation == "" {
			l.add(s.ID, "", "no_escalation", "nobody is paged when it fails: set Escalation to a policy")
		}
		if len(s.Runbooks) == 0 {
			l.add(s.ID, "", "no_runbook", "who is paged finds no runbook")
		}
	}
	if len(l.c.needs[i]) == 0 && len(l.c.neededBy[i]) == 0 {
		l.add(s.ID, "", "isolated", "it uses nothing and nothing uses it: are dependencies missing, or is it still needed?")
	}
	if len(l.o.SLOs) == 0 {
		return
	}
	for _, id := range s.SLOs {
		switch found := l.byID[id]; {
		case found == nil:
			l.add(s.ID, id, "unknown_slo", fmt.Sprintf("there is no SLO %s", id))
		case found.Service() != s.ID:
			l.add(s.ID, id, "unknown_slo", fmt.Sprintf("the SLO %s is about %s", id, found.Service()))
		}
	}
	for _, given := range l.slos[s.ID] {
		if !slices.Contains(s.SLOs, given.ID()) {
			l.add(s.ID, given.ID(), "unlisted_slo", fmt.Sprintf("the catalog does not name its SLO %s", given.ID()))
		}
	}
}

func (l *linter) dependencies(i int, s Service) {
	for _, e := range l.c.needs[i] {
		other := l.c.services[e.to]
		if !e.soft && other.Criticality < s.Criticality {
			l.add(s.ID, "", "needs_less_critical", fmt.Sprintf("it is %s and does not work without %s, which is %s", s.Criticality, other.ID, other.Criticality),
				sre.Value{Name: "dependency", Text: other.ID})
		}
		if other.Lifecycle == Deprecated || other.Lifecycle == Retired {
			l.add(s.ID, "", "needs_deprecated", fmt.Sprintf("it uses %s, which is %s", other.ID, other.Lifecycle), sre.Value{Name: "dependency", Text: other.ID})
		}
	}
}

func (l *linter) objectives(s Service) {
	if len(l.promises) == 0 || !slices.ContainsFunc(l.slos[s.ID], aboutServing) {
		return
	}
	limit := l.c.Ceiling(s.ID, l.promises)
	if limit.AtBest == nil {
		return
	}
	for _, own := range l.slos[s.ID] {
		if !aboutServing(own) {
			continue
		}
		want := own.Objective().Ratio().Rat()
		switch {
		case want.Cmp(limit.AtBest) > 0:
			l.add(s.ID, own.ID(), "stricter_than_dependency",
				fmt.Sprintf("it promises %s but does not work without %s, which promises only %s: agree on more there, or survive its failure", own.Objective(), limit.Weakest, l.promises[limit.Weakest]),
				sre.Value{Name: "objective", Text: own.Objective().String()}, sre.Value{Name: "dependency", Text: limit.Weakest}, sre.Value{Name: "dependency_objective", Text: l.promises[limit.Weakest].String()})
		case want.Cmp(limit.Independent) > 0:
			l.add(s.ID, own.ID(), "stricter_than_dependencies",
				fmt.Sprintf("it promises %s but does not work without %s, which together allow %s if they fail independently", own.Objective(), strings.Join(shorten(limit.By), ", "), percent(limit.Independent)),
				sre.Value{Name: "objective", Text: own.Objective().String()}, sre.Value{Name: "dependencies", Text: strings.Join(limit.By, ",")}, sre.Value{Name: "ceiling", Text: limit.Independent.RatString()})
		}
	}
}

// softCycles finds services that use each other, one finding for each set of
// them. Hard dependencies have no cycle, so a soft one is on every way round.
func (l *linter) softCycles() {
	for _, knot := range l.c.Any().knots() {
		ids := l.c.ids(l.c.Any().search(knot[0], knot[0]))
		l.add(ids[0], "", "soft_cycle", "it uses what uses it: "+strings.Join(ids, " -> "), sre.Value{Name: "cycle", Text: strings.Join(ids, ",")})
	}
}

// aboutServing reports whether an SLO is about requests, events or probes being
// served, the one kind that a failing dependency spends for certain.
func aboutServing(s *slo.Compiled) bool {
	if s == nil {
		return false
	}
	switch s.Spec().SLI.Kind() {
	case slo.KindAvailability, slo.KindGoodTotal, slo.KindBadTotal, slo.KindProbe, slo.KindRawRatio:
		return true
	}
	return false
}

// percent shows a ratio with at most four decimals, rounded up so that a
// ceiling does not look lower than it is.
func percent(r *big.Rat) string {
	const scale = 10_000
	scaled := new(big.Rat).Mul(r, big.NewRat(100*scale, 1))
	n := new(big.Int).Div(scaled.Num(), scaled.Denom())
	about := ""
	if !scaled.IsInt() {
		n.Add(n, big.NewInt(1))
		about = "about "
	}
	text := new(big.Rat).SetFrac(n, big.NewInt(scale)).FloatString(4)
	return about + strings.TrimRight(strings.TrimRight(text, "0"), ".") + "%"
}

// shorten keeps a sentence readable.
func shorten(ids []string) []string {
	const most = 5
	if len(ids) <= most {
		return ids
	}
	return append(slices.Clone(ids[:most]), fmt.Sprintf("%d more", len(ids)-most))
}
