package stats

import (
	"fmt"
	"time"

	"github.com/sre-sdk/sre"
)

// A Policy says how sure one wants to be. It is a plain value; [Policy.Compile]
// checks it once, and only the [Compiled] form answers.
type Policy struct {
	// Alpha is the share of false alarms that is accepted where nothing has
	// changed; intervals have the level 1-Alpha. Default: 0.05.
	Alpha float64

	// Power is the probability with which the minimum detectable effect is seen.
	// Default: 0.8.
	Power float64

	// Resolution is that of the recorded times. Spans below half of it count as
	// half of it where logarithms are taken, as zero has none. Default: 1m.
	Resolution time.Duration

	// Strata are compared within, not across. Default: BySeverity.
	Strata Strata

	// Exact is up to how many assignments a permutation test tries all of them.
	// Default: 20,000. Beyond, it draws Resamples random ones. Default: 9999.
	Exact, Resamples int

	// Seed determines the random assignments.
	Seed uint64
}

// Defaults of a [Policy].
const (
	DefaultAlpha      = 0.05
	DefaultPower      = 0.8
	DefaultResolution = time.Minute
	DefaultExact      = 20_000
	DefaultResamples  = 9999
)

// MaxResamples bounds Exact and Resamples.
const MaxResamples = 10_000_000

// Strata say which incidents may be compared with each other.
type Strata uint8

const (
	BySeverity Strata = iota
	ByService
	ByClass
	AllAlike // no strata: a changed mix looks like a changed duration
)

var strataNames = [...]string{"severity", "service", "class", "none"}

// String returns the lower-case name.
func (s Strata) String() string {
	if int(s) < len(strataNames) {
		return strataNames[s]
	}
	return fmt.Sprintf("strata(%d)", uint8(s))
}

// ParseStrata returns the strata of that name.
func ParseStrata(name string) (Strata, error) {
	for i, n := range strataNames {
		if n == name {
			return Strata(i), nil
		}
	}
	return 0, sre.NewProblem("", "unknown_strata", name, "severity, service, class or none")
}

func (s Strata) of(f Fact) string {
	switch s {
	case BySeverity:
		return f.Severity.String()
	case ByService:
		return f.Service
	case ByClass:
		return f.Class
	}
	return ""
}

// Compiled is a checked policy. It is immutable and safe for concurrent use.
type Compiled struct{ policy Policy }

// Compile checks the policy, fills in the defaults and returns the form that
// answers. The error carries every [sre.Problem] at once.
func (policy Policy) Compile() (*Compiled, error) {
	setDefault(&policy.Alpha, DefaultAlpha)
	setDefault(&policy.Power, DefaultPower)
	setDefault(&policy.Resolution, DefaultResolution)
	setDefault(&policy.Exact, DefaultExact)
	setDefault(&policy.Resamples, DefaultResamples)
	var p sre.Problems
	if !(policy.Alpha >= 1e-6 && policy.Alpha <= 0.5) {
		p.Add("alpha", "out_of_range", policy.Alpha, "0.000001 to 0.5")
	}
	if !(policy.Power >= 0.5 && policy.Power <= 0.999) {
		p.Add("power", "out_of_range", policy.Power, "0.5 to 0.999")
	}
	if policy.Resolution < time.Nanosecond || policy.Resolution > 24*time.Hour {
		p.Add("resolution", "out_of_range", policy.Resolution, "1ns to 24h")
	}
	if policy.Strata > AllAlike {
		p.Add("strata", "unknown_strata", policy.Strata, "a declared one")
	}
	if policy.Exact < 1 || policy.Exact > MaxResamples {
		p.Add("exact", "out_of_range", policy.Exact, fmt.Sprintf("1 to %d", MaxResamples))
	}
	// The smallest p-value is 1/(Resamples+1): it must leave room below alpha.
	if !(float64(policy.Resamples)+1 >= 10/policy.Alpha) || policy.Resamples > MaxResamples {
		p.Add("resamples", "out_of_range", policy.Resamples, fmt.Sprintf("10/alpha to %d", MaxResamples))
	}
	if err := p.Err("incident/stats"); err != nil {
		return nil, err
	}
	return &Compiled{policy}, nil
}

// MustCompile is Compile for policies that are written down in code; it panics
// where Compile returns an error.
func (policy Policy) MustCompile() *Compiled {
	c, err := policy.Compile()
	if err != nil {
		panic(err)
	}
	return c
}

// Policy returns the policy with its defaults filled in.
func (c *Compiled) Policy() Policy { return c.policy }

func setDefault[T comparable](field *T, value T) {
	var zero T
	if *field == zero {
		*field = value
	}
}
