package recovery

import (
	"fmt"
	"strings"
	"time"

	"github.com/sre-sdk/sre"
	"github.com/sre-sdk/sre/slo"
)

// A Policy says what recovered means. It is a plain value; [Policy.Compile]
// checks it once, and only the [Compiled] form decides.
type Policy struct {
	ID string // required

	// Short and Long are the windows of the burn rate. Defaults: 5m and 1h, as the
	// first alert of the SRE Workbook has them (chapter 5, table 5-8).
	Short, Long time.Duration

	// Line is the burn rate that must not be exceeded, in both windows. Default:
	// 1, which spends exactly the budget.
	Line slo.Ratio

	// For is how long both must have stayed so, judged at the end of each slice.
	// Default: 15m.
	For time.Duration

	// MinEvents is how many events the long window must have. Default: 100. How
	// many it takes to say something about the objective follows from Confidence;
	// this one is for traffic that has not come back.
	MinEvents int

	// Confidence is that of the bound, one-sided: the long window's share of
	// failed events must lie below the line even at its upper bound by Clopper and
	// Pearson. Default: 95%. For 99.9% and a line of 1 that takes 2,995 events
	// without a failure.
	Confidence slo.Ratio

	// MinCovered is the share of each window that must have been measured.
	// Default: 90%.
	MinCovered slo.Ratio

	// MaxAge is how old the latest slice may be. Default: 5m.
	MaxAge time.Duration
}

// Limits of a policy and its facts.
const (
	MaxWindow = 7 * 24 * time.Hour
	MaxSeries = 100    // SLOs
	MaxSlices = 20_000 // of one SLO
)

// Compiled is a checked policy. It is immutable and safe for concurrent use. The
// zero value decides Unknown.
type Compiled struct {
	policy Policy
	alpha  float64 // 1 - Confidence
	ready  bool
}

// Policy returns the policy with its defaults filled in.
func (c *Compiled) Policy() Policy { return c.policy }

// Compile checks the policy, reporting every [sre.Problem].
func (p Policy) Compile() (*Compiled, error) {
	var problems sre.Problems
	problems.CheckID("id", p.ID)
	for _, d := range []struct {
		path string
		at   *time.Duration
		or   time.Duration
	}{{"short", &p.Short, 5 * time.Minute}, {"long", &p.Long, time.Hour}, {"for", &p.For, 15 * time.Minute}, {"max_age", &p.MaxAge, 5 * time.Minute}} {
		if *d.at == 0 {
			*d.at = d.or
		}
		if *d.at < time.Second || *d.at > MaxWindow {
			problems.Add(d.path, "out_of_range", *d.at, "1s to 168h (7 days)")
		}
	}
	if p.Short > p.Long {
		problems.Add("short", "out_of_range", p.Short, "at most long")
	}
	one := slo.MustParseRatio("1")
	if !p.Line.IsSet() {
		p.Line = one
	}
	if p.Line.Sign() <= 0 {
		problems.Add("line", "out_of_range", p.Line, "a burn rate above 0")
	}
	for _, r := range []struct {
		path string
		at   *slo.Ratio
		or   string
		top  bool // 1 is allowed
	}{{"confidence", &p.Confidence, "95%", false}, {"min_covered", &p.MinCovered, "90%", true}} {
		if !r.at.IsSet() {
			*r.at = slo.MustParseRatio(r.or)
		}
		if c := r.at.Compare(one); r.at.Sign() <= 0 || c > 0 || c == 0 && !r.top {
			problems.Add(r.path, "out_of_range", *r.at, "more than 0% and less than 100%")
		}
	}
	if p.MinEvents == 0 {
		p.MinEvents = 100
	}
	if p.MinEvents < 1 {
		problems.Add("min_events", "out_of_range", p.MinEvents, "at least 1")
	}
	if err := problems.Err("recovery"); err != nil {
		return nil, err
	}
	alpha, _ := p.Confidence.OneMinus()
	return &Compiled{policy: p, alpha: alpha.Float(), ready: true}, nil
}

// MustCompile is Compile for policies that are known to be right. It panics.
func (p Policy) MustCompile() *Compiled {
	c, err := p.Compile()
	if err != nil {
		panic(err)
	}
	return c
}

// Markdown renders the policy as the published rule.
func (c *Compiled) Markdown() string {
	if !c.ready {
		return ""
	}
	p := c.policy
	var b strings.Builder
	fmt.Fprintf(&b, "# When an incident is over: %s\n\n", p.ID)
	b.WriteString("It is over when, for each SLO that covers what was affected:\n\n")
	fmt.Fprintf(&b, "- the burn rate over %s and over %s was at most %s, for %s;\n", p.Short, p.Long, p.Line, p.For)
	fmt.Fprintf(&b, "- the window of %s has at least %d events;\n", p.Long, p.MinEvents)
	fmt.Fprintf(&b, "- so many that its share of failed events is below the line with a confidence of %s (Clopper-Pearson, one-sided);\n", p.Confidence.Percent())
	fmt.Fprintf(&b, "- at least %s of each window was measured, and the latest measurement is at most %s old.\n\n", p.MinCovered.Percent(), p.MaxAge)
	b.WriteString("Without these data it is not known to be over. Whoever closes it then says why.\n")
	return b.String()
}

// A Slice is what was measured in [End-Counts.Span, End).
type Slice struct {
	End    time.Time
	Counts slo.Counts
}

func (s *Slice) begin() time.Time { return s.End.Add(-s.Counts.Span) }

// A Series is what was measured of one SLO: slices in the order of time that do
// not overlap. Time between them was not measured.
type Series struct {
	SLO       string // an ID
	Objective slo.Objective
	Slices    []Slice
}

// Validate reports every problem of a series.
func (s *Series) Validate() error {
	var p sre.Problems
	p.CheckID("slo", s.SLO)
	if !s.Objective.IsSet() {
		p.Add("objective", "missing", nil, "an objective")
	}
	if len(s.Slices) > MaxSlices {
		p.Add("slices", "too_many", len(s.Slices), fmt.Sprintf("at most %d", MaxSlices))
	}
	for i := range s.Slices {
		at := &s.Slices[i]
		path := fmt.Sprintf("slices[%d]", i)
		if err := at.Counts.Validate(); err != nil {
			p.Merge(path, err)
			continue
		}
		if i > 0 && at.begin().Before(s.Slices[i-1].End) {
			p.Add(path+".end", "overlap", at.End, "a slice that begins when the one before has ended, or later")
		}
	}
	return p.Err("recovery")
}

// window adds the slices up that lie in [at-span, at).
func window(slices []Slice, at time.Time, span time.Duration) slo.Counts {
	sum := slo.Counts{Span: span}
	from := at.Add(-span)
	for i := len(slices) - 1; i >= 0; i-- {
		s := &slices[i]
		if s.End.After(at) {
			continue
		}
		if s.begin().Before(from) {
			break
		}
		sum.Good += s.Counts.Good
		sum.Bad += s.Counts.Bad
		sum.Covered += s.Counts.Covered
	}
	return sum
}
