package toil

import (
	"fmt"
	"slices"
	"strings"

	"github.com/sre-sdk/sre"
)

// A Policy says what counts as toil and how much of it is too much. It is a
// plain value; [Policy.Compile] checks it once, and only the [Compiled] form
// judges.
type Policy struct {
	Name string // an ID; default: "toil"

	// MinYes criteria make work toil. Default: 4, more than half of the six; the
	// SRE book names no number.
	MinYes int

	// Required criteria must be among them. Default: none.
	Required []Criterion

	// RepetitiveFrom is how often a task must occur in the period to be
	// repetitive, if nobody has answered that. Default: 3, because "the first
	// time ever, or even the second time" is no toil (SRE book, chapter 5). A
	// task that occurs less often may still be: then it stays unknown.
	RepetitiveFrom int

	// MaxPercent of the time may be toil. Default: 50 (SRE book, chapter 5).
	MaxPercent int

	// MinCoveragePercent of the time worked must have entries for the rest to be
	// taken as alike. With less, what has no entry may all be toil. Default: 90.
	MinCoveragePercent int
}

// Defaults of a [Policy].
const (
	DefaultMinYes             = 4
	DefaultRepetitiveFrom     = 3
	DefaultMaxPercent         = 50
	DefaultMinCoveragePercent = 90
)

func (policy Policy) withDefaults() Policy {
	if policy.Name == "" {
		policy.Name = "toil"
	}
	for _, k := range []struct {
		field *int
		value int
	}{
		{&policy.MinYes, DefaultMinYes}, {&policy.RepetitiveFrom, DefaultRepetitiveFrom},
		{&policy.MaxPercent, DefaultMaxPercent}, {&policy.MinCoveragePercent, DefaultMinCoveragePercent},
	} {
		if *k.field == 0 {
			*k.field = k.value
		}
	}
	policy.Required = slices.Clone(policy.Required)
	return policy
}

// Compiled is a checked policy. It is immutable and safe for concurrent use.
type Compiled struct {
	policy Policy
}

// Compile checks the policy, fills in the defaults and returns the form that
// judges. The error carries every [sre.Problem] at once.
func (policy Policy) Compile() (*Compiled, error) {
	policy = policy.withDefaults()
	var p sre.Problems
	p.CheckID("name", policy.Name)
	for _, k := range []struct {
		path        string
		value, most int
	}{
		{"min_yes", policy.MinYes, criteria}, {"repetitive_from", policy.RepetitiveFrom, MaxEntries},
		{"max_percent", policy.MaxPercent, 100}, {"min_coverage_percent", policy.MinCoveragePercent, 100},
	} {
		if k.value < 1 || k.value > k.most {
			p.Add(k.path, "out_of_range", k.value, fmt.Sprintf("1 to %d", k.most))
		}
	}
	for i, c := range policy.Required {
		path := fmt.Sprintf("required[%d]", i)
		switch {
		case c >= criteria:
			p.Add(path, "unknown_criterion", c, strings.Join(criterionNames[:], ", "))
		case slices.Index(policy.Required, c) != i:
			p.Add(path, "duplicate", c, "each criterion once")
		}
	}
	if err := p.Err("toil"); err != nil {
		return nil, err
	}
	return &Compiled{policy}, nil
}

// MustCompile is Compile for policies that are part of the program; it panics
// on an invalid one.
func (policy Policy) MustCompile() *Compiled {
	c, err := policy.Compile()
	if err != nil {
		panic(err)
	}
	return c
}

// ready says that Compile made it: the zero value decides nothing.
func (c *Compiled) ready() bool { return c != nil && c.policy.MinYes > 0 }

// Policy returns the policy as it was compiled, defaults filled in.
func (c *Compiled) Policy() Policy { return c.policy.withDefaults() }

// Markdown renders the policy as the document to publish.
func (c *Compiled) Markdown() string {
	p := &c.policy
	var b strings.Builder
	fmt.Fprintf(&b, "# Toil policy: %s\n\n", p.Name)
	fmt.Fprintf(&b, "- Work is toil if at least %d of these hold: %s.\n", p.MinYes, strings.Join(criterionNames[:], ", "))
	for _, r := range p.Required {
		fmt.Fprintf(&b, "- It is no toil unless it is %s.\n", r)
	}
	fmt.Fprintf(&b, "- What occurs %d times in a period is repetitive unless somebody says otherwise. An unknown answer counts neither as yes nor as no.\n", p.RepetitiveFrom)
	fmt.Fprintf(&b, "- At most %d%% of the time is toil. Where less than %d%% of it has entries, the rest may be toil too.\n", p.MaxPercent, p.MinCoveragePercent)
	return escaped(b.String())
}
