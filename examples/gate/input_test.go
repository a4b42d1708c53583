package main_test

import (
	"path/filepath"
	"regexp"
	"strings"
	"testing"
	"time"
)

// Every class of bad input ends with status 2, prints no decision, and lists
// all that is wrong at once.
func TestBadInputListsEveryProblem(t *testing.T) {
	badSLO := write(t, "bad.yaml", strings.NewReplacer("0.999", "1.5", "isRolling: true", "isRolling: maybe", "kind: SLO", "kind: SLO\nextra: 1").Replace(checkoutSLO(t)))
	noSLO := write(t, "none.yaml", "apiVersion: openslo/v1\nkind: Service\nmetadata: {name: shop}\n")
	badPolicy := write(t, "policy.yaml", "apiVersion: sre-sdk/v1\nkind: BudgetPolicy\nthresholds:\n  - {name: a, below: 200%, effect: allow}\n")
	slo := filepath.Join("testdata", "checkout.yaml")
	server := closedAddress(t) // whatever is asked of it here would be a mistake
	for name, test := range map[string]struct {
		args []string
		want []string // one regular expression for each problem
	}{
		"flags": {
			[]string{"-nope", "value", "-moment", "noon", "-purpose", "fun", "-previous", "maybe", "-timeout", "-1s", "-o", "xml", "-policy", "nobody", "argument"},
			[]string{`invalid_flag .*-nope`, `unexpected_argument "argument"`, `-moment: unknown_moment "noon"`, `-purpose: unknown_purpose "fun"`,
				`-previous: unknown_outcome "maybe"`, `-timeout: invalid_duration "-1s"`, `-o: unknown_format "xml"`, `-policy: no_such_policy "nobody"`},
		},
		"a flag without its value": {[]string{"-slo"}, []string{`flag needs an argument: -slo`}},
		"a switch with a value":    {[]string{"-chart=often"}, []string{`invalid boolean value .*often.* for -chart`}},
		"empty values": {
			[]string{"-prometheus", "", "-slo", "", "-policy", "", "-o", ""},
			[]string{`-prometheus: empty`, `-slo: empty`, `-policy: empty`, `-o: empty`},
		},
		"an SLO by halves": {
			[]string{"-prometheus", server, "-total", "x", "-objective", "100%", "-window", "401d"},
			[]string{`-bad: missing`, `-objective: invalid_objective "100%"`, `-window: out_of_range "401d"`},
		},
		"a window that is none":    {byFlags(server, "-window", "a month"), []string{`-window: invalid_duration "a month"`}},
		"two descriptions of SLOs": {byFlags(server, "-slo", slo), []string{`-total: conflict`}},
		"no SLO":                   {[]string{"-prometheus", server}, []string{`-slo: missing`}},
		"no source":                {[]string{"-slo", slo}, []string{`-prometheus: missing`}},
		"no source for flags":      {byFlags(server)[2:], []string{`-prometheus: missing`}},
		"two sources":              {[]string{"-slo", slo, "-prometheus", server, "-counts", "none.json"}, []string{`-counts: conflict`, `-counts: unreadable "none.json"`}},
		"flags of another source": {
			[]string{"-tenant", "a", "-scrape-interval", "1m", "-prometheus-bearer-token-file", "x", "-prometheus-http-config", "y"},
			[]string{`-tenant: not_allowed`, `-scrape-interval: not_allowed`, `-prometheus-bearer-token-file: not_allowed`, `-prometheus-http-config: not_allowed`},
		},
		"a moment of a live server": {byFlags(server, "-moment", "healthy"), []string{`-moment: not_allowed`}},
		"an instant of a recording": {[]string{"-at", "2026-04-29T12:00:00Z"}, []string{`-at: not_allowed`}},
		"no instant":                {byFlags(server, "-at", "noon"), []string{`-at: invalid_instant "noon"`}},
		"a future instant":          {byFlags(server, "-at", time.Now().Add(time.Hour).Format(time.RFC3339)), []string{`-at: out_of_range`}},
		"a scrape interval":         {byFlags(server, "-scrape-interval", "1ms"), []string{`-scrape-interval: out_of_range`}},
		"credentials": {
			byFlags(server, "-prometheus-bearer-token-file", "none", "-svg", "no/such/folder.svg"),
			[]string{`-prometheus-bearer-token-file: unreadable "none"`, `-svg: no_such_folder "no/such"`},
		},
		"two kinds of credentials": {byFlags(server, "-prometheus-bearer-token-file", slo, "-prometheus-http-config", slo), []string{`-prometheus-bearer-token-file: conflict`}},
		"a file of SLOs": {
			[]string{"-prometheus", server, "-slo", badSLO},
			[]string{`\t\S*bad\.yaml:\d+: extra: unknown_field`, `bad\.yaml:\d+: spec\.timeWindow\[0\]\.isRolling: .* "maybe"`, `bad\.yaml:\d+: spec\.objectives\[0\]\.target: out_of_range "1\.5"`},
		},
		"queries that cannot be windowed": {
			append(byFlags(server), "-total", "rate(x[5m])", "-bad", "y{"),
			[]string{`-total: fixed_range`, `-bad: unbalanced`},
		},
		"counters of no file": {[]string{"-assume-counter"}, []string{`-assume-counter: not_allowed`}},
		"a file without SLOs": {[]string{"-prometheus", server, "-slo", noSLO}, []string{`-slo: no_slos`}},
		"no file of SLOs":     {[]string{"-prometheus", server, "-slo", "none.yaml"}, []string{`-slo: unreadable "none\.yaml"`}},
		"a file of a policy": {
			[]string{"-policy", badPolicy},
			[]string{`\t\S*policy\.yaml:4: thresholds\[0\]\.below`, `policy\.yaml:4: thresholds\[0\]\.effect`},
		},
	} {
		t.Run(name, func(t *testing.T) {
			r := run(t, test.args...)
			if r.status != 2 || r.stdout != "" {
				t.Errorf("got status %d and %q, want 2 and nothing", r.status, r.stdout)
			}
			for _, want := range test.want {
				if !regexp.MustCompile(want).MatchString(r.stderr) {
					t.Errorf("the problems lack %s", want)
				}
			}
			if got := problemCount(r.stderr); got != len(test.want) {
				t.Errorf("got %d problems, want %d", got, len(test.want))
			}
			if t.Failed() {
				t.Log(r.stderr)
			}
		})
	}
}

// problemCount counts the lines of problems: one on the first line, or several
// below it.
func problemCount(stderr string) int {
	if n := strings.Count(stderr, "\n\t"); n > 0 {
		return n
	}
	return strings.Count(stderr, "gate: ")
}
