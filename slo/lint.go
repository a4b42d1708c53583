package slo

import (
	"cmp"
	"fmt"
	"regexp"
	"slices"
	"strings"
	"time"

	"github.com/sre-sdk/sre"
)

// A Finding is advice about an SLO that is valid.
type Finding struct {
	SLO     string // the ID of the SLO; empty where the finding is about the service
	Service string
	sre.Reason
}

// LintOptions says what Lint compares with.
type LintOptions struct {
	// MaxPerService is how many SLOs a service may have before Lint asks which
	// of them still decide anything. Default: 5. The advice is to have as few as
	// cover what users care about (Site Reliability Engineering, chapter 4).
	MaxPerService int

	// DependsOn maps a service to the services that it cannot work without.
	DependsOn map[string][]string

	// Now is compared with ReviewBy; zero: reviews are not judged.
	Now time.Time
}

// DefaultMaxPerService is the default of [LintOptions.MaxPerService].
const DefaultMaxPerService = 5

// Lint reviews the SLOs of one or more services. The findings are sorted by
// service, SLO and code, whatever the order of the SLOs. Codes:
//
//   - too_many: the service has more than MaxPerService SLOs
//   - cause_based: the SLI measures a cause (CPU, memory, disk, queue), not
//     what users experience
//   - no_owner: nobody answers for the SLO
//   - stricter_than_dependency: a service that it needs promises less for the
//     same kind of SLI (or for its availability)
//   - review_due: ReviewBy has passed
//   - averages_ratios: the method or the SLI weighs quiet time like busy time
//   - duplicate_id: two SLOs have the same ID
func Lint(slos []*Compiled, opts LintOptions) []Finding {
	if opts.MaxPerService == 0 {
		opts.MaxPerService = DefaultMaxPerService
	}
	slos = slices.DeleteFunc(slices.Clone(slos), func(s *Compiled) bool { return s == nil || s.spec.SLI == nil }) // not compiled
	var found []Finding
	perService := map[string]int{}
	seen := map[string]bool{}
	for _, s := range slos {
		spec := s.spec
		add := func(code, text string, values ...sre.Value) {
			found = append(found, Finding{spec.ID, spec.Service, sre.Reason{Code: code, Text: text, Values: values}})
		}
		perService[spec.Service]++
		if seen[spec.ID] {
			add("duplicate_id", "another SLO has the same ID, so decisions cannot name one of them")
		}
		seen[spec.ID] = true
		if spec.Owner == "" {
			add("no_owner", "nobody answers for the SLO: set Owner to a team")
		}
		if metric, word, ok := causeBased(spec.SLI); ok {
			add("cause_based", fmt.Sprintf("the SLI measures a cause (%s), not what users experience: measure requests, results or freshness instead", word),
				sre.Value{Name: "query", Text: metric.Query})
		}
		if !opts.Now.IsZero() && !spec.ReviewBy.IsZero() && !opts.Now.Before(spec.ReviewBy) {
			add("review_due", "the SLO is due for review", sre.Value{Name: "review_by", Text: spec.ReviewBy.Format(time.RFC3339)})
		}
		if spec.SLI.Kind() == KindRawRatio || spec.Budgeting.Method == RatioTimeslices {
			add("averages_ratios", "a quiet slice weighs as much as a busy one: count events where there are counters")
		}
		found = append(found, stricterThan(s, slos, opts.DependsOn[spec.Service])...)
	}
	for service, n := range perService {
		if n > opts.MaxPerService {
			found = append(found, Finding{Service: service, Reason: sre.Reason{Code: "too_many",
				Text:   fmt.Sprintf("the service has %d SLOs, more than %d: keep those by which you would stop a release", n, opts.MaxPerService),
				Values: []sre.Value{{Name: "slos", Text: fmt.Sprint(n)}, {Name: "max", Text: fmt.Sprint(opts.MaxPerService)}}}})
		}
	}
	slices.SortStableFunc(found, func(a, b Finding) int {
		return cmp.Or(strings.Compare(a.Service, b.Service), strings.Compare(a.SLO, b.SLO),
			strings.Compare(a.Code, b.Code), strings.Compare(a.Text, b.Text))
	})
	return found
}

// causes matches metric names that describe a resource instead of a service.
// Word limits keep "discpu" and "memoryless" out; the list is a heuristic and
// Lint only advises.
var causes = regexp.MustCompile(`(?:^|[^a-z])(cpu|mem|memory|heap|swap|disk|filesystem|inode|inodes|load1|load5|load15|goroutines|threads|fds|gc|iowait|saturation|utilization|replicas|restarts|queue_length|backlog)(?:[^a-z]|$)`)

func causeBased(sli SLI) (Metric, string, bool) {
	for _, m := range sli.Metrics() {
		name, _, _ := strings.Cut(strings.ToLower(m.Query), "{")
		if found := causes.FindStringSubmatch(name); found != nil {
			return m, found[1], true
		}
	}
	return Metric{}, "", false
}

// stricterThan compares s with the SLOs of what it depends on: those of the
// same kind, and those about requests being served at all.
func stricterThan(s *Compiled, all []*Compiled, needs []string) []Finding {
	var found []Finding
	for _, other := range all {
		if !slices.Contains(needs, other.Service()) || other.Service() == s.Service() {
			continue
		}
		if dimension(other.spec.SLI) != dimension(s.spec.SLI) || s.Objective().Compare(other.Objective()) <= 0 {
			continue
		}
		found = append(found, Finding{s.ID(), s.Service(), sre.Reason{Code: "stricter_than_dependency",
			Text: fmt.Sprintf("%s promises %s but needs %s, whose %s promises only %s: agree on more there, or make the service survive its failure",
				s.ID(), s.Objective(), other.Service(), other.ID(), other.Objective()),
			Values: []sre.Value{{Name: "objective", Text: s.Objective().String()}, {Name: "dependency", Text: other.ID()}, {Name: "dependency_objective", Text: other.Objective().String()}}}})
	}
	return found
}

// dimension groups the kinds that can be compared: whether requests are
// served, how fast, and everything else by its kind.
func dimension(sli SLI) Kind {
	switch k := sli.Kind(); k {
	case KindGoodTotal, KindBadTotal, KindProbe, KindRawRatio:
		return KindAvailability
	default:
		return k
	}
}
