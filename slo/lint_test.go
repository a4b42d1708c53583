package slo_test

import (
	"fmt"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/sre-sdk/sre/slo"
)

func TestLintFinds(t *testing.T) {
	owned := func(id, service, objective string, sli slo.SLI) *slo.Compiled {
		s := base()
		s.ID, s.Service, s.Owner, s.Objective = id, service, "team", slo.MustParseObjective(objective)
		if sli != nil {
			s.SLI = sli
		}
		return s.MustCompile()
	}
	metric := func(query string) slo.Metric { return slo.Metric{Query: query} }
	var six []*slo.Compiled
	for i := range 6 {
		six = append(six, owned(fmt.Sprint("s", i), "shop", "99%", nil))
	}
	unowned, overdue, slices := base(), base(), base()
	overdue.Owner, overdue.ReviewBy = "team", instant("2026-01-01T00:00:00Z")
	slices.Owner, slices.Budgeting = "team", slo.ByRatioTimeslices(time.Minute)

	for _, row := range []struct {
		name string
		slos []*slo.Compiled
		opts slo.LintOptions
		want []string
	}{
		{"nothing in a sound set", six[:5], slo.LintOptions{}, nil},
		{"too many SLOs for a service", six, slo.LintOptions{}, []string{"shop//too_many"}},
		{"as many as were allowed", six, slo.LintOptions{MaxPerService: 6}, nil},
		{"nobody who answers", []*slo.Compiled{unowned.MustCompile()}, slo.LintOptions{}, []string{"s/a/no_owner"}},
		{"a cause", []*slo.Compiled{owned("c", "shop", "99%", slo.Threshold(metric(`node_cpu_seconds{mode="idle"}`), slo.Greater, 0.1))}, slo.LintOptions{}, []string{"shop/c/cause_based"}},
		{"no cause in a label or in part of a word", []*slo.Compiled{owned("c", "shop", "99%", slo.Probe(metric(`discpux_success{job="cpu"}`)))}, slo.LintOptions{}, nil},
		{"a review that is due", []*slo.Compiled{overdue.MustCompile()}, slo.LintOptions{Now: instant("2026-01-01T00:00:00Z")}, []string{"s/a/review_due"}},
		{"ratios that are averaged", []*slo.Compiled{slices.MustCompile()}, slo.LintOptions{}, []string{"s/a/averages_ratios"}},
		{"one ID twice", []*slo.Compiled{six[0], six[0]}, slo.LintOptions{}, []string{"shop/s0/duplicate_id"}},
		{"more than the dependency promises", []*slo.Compiled{owned("a", "shop", "99.9%", nil), owned("b", "db", "99.5%", slo.Probe(metric("probe_success")))},
			slo.LintOptions{DependsOn: map[string][]string{"shop": {"db"}}}, []string{"shop/a/stricter_than_dependency"}},
		{"as much as the dependency promises", []*slo.Compiled{owned("a", "shop", "99.9%", nil), owned("b", "db", "99.9%", nil)},
			slo.LintOptions{DependsOn: map[string][]string{"shop": {"db"}}}, nil},
		{"nothing between latency and availability", []*slo.Compiled{owned("a", "shop", "99.9%", nil), owned("b", "db", "99%", slo.Latency(metric("h_bucket"), time.Second))},
			slo.LintOptions{DependsOn: map[string][]string{"shop": {"db"}}}, nil},
	} {
		t.Run(row.name, func(t *testing.T) {
			var got []string
			for _, f := range slo.Lint(row.slos, row.opts) {
				got = append(got, f.Service+"/"+f.SLO+"/"+f.Code)
			}
			if diff := cmp.Diff(row.want, got); diff != "" {
				t.Errorf("findings (-want +got):\n%s", diff)
			}
		})
	}
}
