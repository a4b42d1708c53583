package workload

import (
	"fmt"
	"math/big"
	"slices"
	"time"

	"github.com/sre-sdk/sre"
	"github.com/sre-sdk/sre/oncall"
)

// A Pay says what time on call is worth. All money is in minor units, such as
// cents, and exact.
type Pay struct {
	Currency string // a label such as "EUR"; required
	Digits   int    // of the minor unit, for display: 2 for cents, 0 for yen

	// Rates are tried in order; the first that fits a role and class pays.
	// What none fits is unpaid.
	Rates []Rate

	Cap        int64 // the most that one person gets for the time measured; 0: no cap
	CapPercent int   // the same in percent of the person's Salary; 0: no cap
}

// A Rate is what an hour is worth: PerHour plus Percent of the person's own pay.
type Rate struct {
	Name    string        // required; an ID, unique in the rule
	Roles   []oncall.Role // default (nil): every role
	Classes []Class       // default (nil): every class
	PerHour int64         // minor units
	Percent int           // of the person's PerHour
}

// Limits of pay, part of the contract.
const (
	MaxRates   = 100
	MaxPercent = 10_000
	MaxMinor   = 1_000_000_000_000 // minor units, of any amount stated
	MaxDigits  = 4
)

func (p Pay) clone() Pay {
	p.Rates = slices.Clone(p.Rates)
	for i := range p.Rates {
		p.Rates[i].Roles = slices.Clone(p.Rates[i].Roles)
		p.Rates[i].Classes = slices.Clone(p.Rates[i].Classes)
	}
	return p
}

func (p Pay) check(path string, problems *sre.Problems) {
	problems.CheckID(path+".currency", p.Currency)
	if p.Digits < 0 || p.Digits > MaxDigits {
		problems.Add(path+".digits", "out_of_range", p.Digits, fmt.Sprintf("0 to %d", MaxDigits))
	}
	if len(p.Rates) == 0 || len(p.Rates) > MaxRates {
		problems.Add(path+".rates", "out_of_range", len(p.Rates), fmt.Sprintf("1 to %d rates", MaxRates))
		return
	}
	names := map[string]bool{}
	for i, r := range p.Rates {
		r.check(fmt.Sprintf("%s.rates[%d]", path, i), problems)
		if names[r.Name] {
			problems.Add(fmt.Sprintf("%s.rates[%d].name", path, i), "duplicate", r.Name, "a name that no other rate has")
		}
		names[r.Name] = true
	}
	if p.Cap < 0 || p.Cap > MaxMinor {
		problems.Add(path+".cap", "out_of_range", p.Cap, fmt.Sprintf("0 to %d minor units", int64(MaxMinor)))
	}
	if p.CapPercent < 0 || p.CapPercent > MaxPercent {
		problems.Add(path+".cap_percent", "out_of_range", p.CapPercent, fmt.Sprintf("0 to %d", MaxPercent))
	}
}

func (r Rate) check(path string, p *sre.Problems) {
	p.CheckID(path+".name", r.Name)
	for i, role := range r.Roles {
		if role == oncall.RoleUnknown || role > oncall.Shadow {
			p.Add(fmt.Sprintf("%s.roles[%d]", path, i), "unknown_role", role, "primary, secondary or shadow")
		}
	}
	for i, class := range r.Classes {
		if class >= classes {
			p.Add(fmt.Sprintf("%s.classes[%d]", path, i), "unknown_class", class, "a declared Class")
		}
	}
	if r.PerHour < 0 || r.PerHour > MaxMinor {
		p.Add(path+".per_hour", "out_of_range", r.PerHour, fmt.Sprintf("0 to %d minor units", int64(MaxMinor)))
	}
	if r.Percent < 0 || r.Percent > MaxPercent {
		p.Add(path+".percent", "out_of_range", r.Percent, fmt.Sprintf("0 to %d", MaxPercent))
	}
}

func (r *Rate) fits(role oncall.Role, class Class) bool {
	return (r.Roles == nil || slices.Contains(r.Roles, role)) && (r.Classes == nil || slices.Contains(r.Classes, class))
}

// A Payslip is what one person is due.
type Payslip struct {
	Person string
	Lines  []PayLine // by role and class; their times sum up to all hours, shadow too
	Gross  Number    // the sum of the lines, in minor units
	Due    Number    // gross, or the lowest cap

	// Incomplete says that a rate or cap in percent applies to a pay that the
	// policy does not know. What is due is then less, or not capped; never pay
	// it unseen.
	Incomplete bool
}

// A PayLine is one role and class of a payslip.
type PayLine struct {
	Role   oncall.Role
	Class  Class
	Time   time.Duration
	Rate   string // the name of the rate; "": unpaid
	Amount Number // in minor units: hours * (per hour + percent/100 * the person's pay of an hour)
}

func (c *Compiled) pay(r *Report) {
	r.Payslips = make([]Payslip, 0, len(r.People))
	for i := range r.People {
		slip := c.policy.Pay.slip(&r.People[i], c.people[r.People[i].Person].Person)
		r.Payslips = append(r.Payslips, slip)
		if slip.Incomplete {
			r.Findings = append(r.Findings, Finding{Code: PayUnknown, Person: slip.Person, At: r.From.UTC(), From: r.From.UTC(), To: r.To.UTC(), Text: "the pay of " + slip.Person + ", of which a rate or cap is a share, is not known"})
		}
	}
}

func (p *Pay) slip(l *Load, person Person) Payslip {
	slip := Payslip{Person: l.Person}
	for role := oncall.Primary; role <= oncall.Shadow; role++ {
		for class := range Class(classes) {
			spent := l.Hours[role][class]
			if spent == 0 {
				continue
			}
			line := PayLine{Role: role, Class: class, Time: spent}
			if i := slices.IndexFunc(p.Rates, func(r Rate) bool { return r.fits(role, class) }); i >= 0 {
				rate := &p.Rates[i]
				line.Rate, line.Amount = rate.Name, rate.amount(spent, person.PerHour)
				slip.Incomplete = slip.Incomplete || rate.Percent > 0 && person.PerHour == 0
			}
			slip.Lines = append(slip.Lines, line)
			slip.Gross = slip.Gross.plus(line.Amount)
		}
	}
	slip.Due = slip.Gross
	if p.Cap > 0 {
		slip.Due = lesser(slip.Due, Fraction(p.Cap, 1))
	}
	switch {
	case p.CapPercent > 0 && person.Salary > 0:
		slip.Due = lesser(slip.Due, Fraction(person.Salary, 100).times(int64(p.CapPercent)))
	case p.CapPercent > 0 && slip.Gross.Sign() > 0:
		slip.Incomplete = true
	}
	return slip
}

// amount is exact: seconds * (100 perHour + percent * base) / 360000.
func (r *Rate) amount(d time.Duration, base int64) Number {
	perHour := new(big.Int).Mul(big.NewInt(int64(r.Percent)), big.NewInt(base))
	perHour.Add(perHour, new(big.Int).Mul(big.NewInt(100), big.NewInt(r.PerHour)))
	perHour.Mul(perHour, big.NewInt(int64(d/time.Second)))
	return Number{new(big.Rat).SetFrac(perHour, big.NewInt(100*3600))}
}

func lesser(a, b Number) Number {
	if b.Compare(a) < 0 {
		return b
	}
	return a
}

// Money shows an amount of minor units in the currency, the half of the last
// digit rounded to even.
func (p Pay) Money(n Number) string {
	scale := int64(1)
	for range min(max(p.Digits, 0), MaxDigits) {
		scale *= 10
	}
	return n.over(scale).Decimal(min(max(p.Digits, 0), MaxDigits)) + " " + p.Currency
}
