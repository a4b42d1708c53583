package slotest

import (
	"fmt"
	"math"
	"time"

	"pgregory.net/rapid"

	"github.com/sre-sdk/sre"
	"github.com/sre-sdk/sre/slo"
)

// Objectives generates objectives from 50 % to 99.999 %, round ones more often.
func Objectives() *rapid.Generator[slo.Objective] {
	return rapid.OneOf(
		rapid.Map(rapid.SampledFrom([]string{"50%", "90%", "95%", "99%", "99.5%", "99.9%", "99.95%", "99.99%", "99.999%"}), slo.MustParseObjective),
		rapid.Map(rapid.IntRange(50_000, 99_999), func(n int) slo.Objective {
			return slo.MustParseObjective(fmt.Sprintf("%d.%03d%%", n/1000, n%1000))
		}),
	)
}

// Windows generates rolling windows of 1 to 90 days and calendar windows in a
// few time zones with and without changes of the clock.
func Windows() *rapid.Generator[slo.Window] {
	return rapid.OneOf(
		rapid.Map(rapid.SampledFrom([]int{1, 7, 14, 28, 30, 90}), func(days int) slo.Window {
			return slo.Rolling(time.Duration(days) * 24 * time.Hour)
		}),
		rapid.Custom(func(t *rapid.T) slo.Window {
			unit := rapid.SampledFrom([]slo.Unit{slo.Week, slo.Month, slo.Quarter, slo.Year}).Draw(t, "unit")
			zone := rapid.SampledFrom([]string{"UTC", "Europe/Berlin", "America/New_York", "America/Santiago", "Australia/Lord_Howe"}).Draw(t, "zone")
			return slo.Calendar(unit, zone)
		}),
	)
}

// Counts generates counts of a span that was measured for at least the share
// least (0..1) of its time: of no events up to a billion, whole or fractional.
func Counts(span time.Duration, least float64) *rapid.Generator[slo.Counts] {
	return rapid.Custom(func(t *rapid.T) slo.Counts {
		total := rapid.OneOf(rapid.Just(0.0), rapid.Float64Range(0, 1000), rapid.Float64Range(0, 1e9)).Draw(t, "total")
		if rapid.Bool().Draw(t, "whole") {
			total = math.Trunc(total)
		}
		bad := total * rapid.OneOf(rapid.Just(0.0), rapid.Float64Range(0, 0.01), rapid.Float64Range(0, 1)).Draw(t, "error_ratio")
		covered := span
		if least < 1 && rapid.Bool().Draw(t, "gap") {
			covered = time.Duration(rapid.Float64Range(least, 1).Draw(t, "coverage") * float64(span)).Round(time.Second)
		}
		return slo.Counts{Good: total - bad, Bad: bad, Covered: min(covered, span), Span: span}
	})
}

// SLOs generates SLOs that compile, with an SLI that counts events and every
// field varied on which a decision can depend. The ID starts with prefix; give
// each of several SLOs its own.
func SLOs(prefix string) *rapid.Generator[slo.SLO] {
	return rapid.Custom(func(t *rapid.T) slo.SLO {
		s := slo.SLO{
			ID:          prefix + rapid.SampledFrom([]string{"availability", "latency", "freshness"}).Draw(t, "id"),
			Service:     rapid.SampledFrom([]string{"checkout", "search", "login"}).Draw(t, "service"),
			SLI:         slo.Availability(slo.Metric{Query: "requests_total"}, slo.Metric{Query: "errors_total"}),
			Objective:   Objectives().Draw(t, "objective"),
			Window:      Windows().Draw(t, "window"),
			Missing:     rapid.SampledFrom([]slo.MissingData{slo.Ignore, slo.CountAsGood, slo.CountAsBad}).Draw(t, "missing"),
			Labels:      sre.LabelsOf(map[string]string{"tier": rapid.SampledFrom([]string{"", "1", "2"}).Draw(t, "tier")}),
			Owner:       rapid.SampledFrom([]string{"", "team-shop"}).Draw(t, "owner"),
			Criticality: rapid.SampledFrom([]slo.Criticality{slo.Low, slo.Standard, slo.High, slo.Critical}).Draw(t, "criticality"),
		}
		s.Budgeting = rapid.SampledFrom([]slo.BudgetingMethod{
			slo.ByOccurrences(),
			slo.ByTimeslices(time.Minute, slo.MustParseRatio("99%")),
			slo.ByTimeslices(5*time.Minute, slo.MustParseRatio("1")),
			slo.ByRatioTimeslices(time.Minute),
		}).Draw(t, "budgeting")
		return s
	})
}
