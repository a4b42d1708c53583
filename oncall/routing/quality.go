package routing

import (
	"cmp"
	"fmt"
	"slices"
	"strings"
	"time"

	"github.com/sre-sdk/sre"
	"github.com/sre-sdk/sre/oncall/internal/markdown"
)

// A Verdict is what whoever got an alert says of it.
type Verdict uint8

const (
	VerdictUnknown Verdict = iota // nobody has said
	Actionable                    // it needed a person, who did something
	Noise                         // it did not
)

// A Fact is one alert that went somewhere, as [Measure] takes it.
type Fact struct {
	Key     string // the identity of what it is about, such as its group
	Name    string // which alert it is, such as the alertname
	Service string // empty: not known
	Owner   string // empty: nobody
	At      time.Time
	Paged   bool
	Verdict Verdict
}

// A Report is how good the alerts of a time are.
type Report struct {
	Pages   int // facts that paged
	Tickets int // and those that did not

	// Actionable, Noise and Unjudged are how many pages were which. Their sum is
	// Pages.
	Actionable, Noise, Unjudged int

	// Repeats is how many pages came for the same key less than Within after the
	// page before.
	Repeats int
	Within  time.Duration

	Unowned int // pages without owner

	// Noisiest are the alerts by name, the ones with most noise first, then most
	// repeats, then most pages; those without either are left out.
	Noisiest []NameReport
}

// A NameReport is how good the alerts of one name are.
type NameReport struct {
	Name                               string
	Pages, Actionable, Noise, Unjudged int
	Repeats, Unowned                   int
	Owners                             []string // sorted
}

// ActionableShare returns the bounds of the share of pages that was actionable,
// 0 to 1: what nobody has judged may have been either. ok is false without
// pages.
func (r Report) ActionableShare() (low, high float64, ok bool) {
	if r.Pages == 0 {
		return 0, 0, false
	}
	n := float64(r.Pages)
	return float64(r.Actionable) / n, float64(r.Actionable+r.Unjudged) / n, true
}

// DefaultWithin is how close together pages for the same key are repeats.
const DefaultWithin = 4 * time.Hour

// Measure reports on facts, in any order. within is how close together pages for
// the same key are repeats; 0 means DefaultWithin.
func Measure(facts []Fact, within time.Duration) (Report, error) {
	if within == 0 {
		within = DefaultWithin
	}
	var problems sre.Problems
	if within < 0 {
		problems.Add("within", "out_of_range", within, "more than 0s")
	}
	for i, f := range facts {
		if f.Key == "" {
			problems.Add(fmt.Sprintf("facts[%d].key", i), "missing", nil, "what the alert is about")
		}
		if f.At.IsZero() {
			problems.Add(fmt.Sprintf("facts[%d].at", i), "missing", nil, "when it was")
		}
		if f.Verdict > Noise {
			problems.Add(fmt.Sprintf("facts[%d].verdict", i), "unknown_verdict", uint8(f.Verdict), "a declared Verdict")
		}
	}
	if err := problems.Err("routing"); err != nil {
		return Report{}, err
	}
	facts = slices.Clone(facts)
	slices.SortFunc(facts, func(a, b Fact) int { // in an order that does not depend on that of the facts
		return cmp.Or(a.At.Compare(b.At), cmp.Compare(a.Key, b.Key), cmp.Compare(a.Name, b.Name))
	})
	r := Report{Within: within}
	last := map[string]time.Time{}
	names := map[string]*NameReport{}
	for _, f := range facts {
		if !f.Paged {
			r.Tickets++
			continue
		}
		n := names[f.Name]
		if n == nil {
			n = &NameReport{Name: f.Name}
			names[f.Name] = n
		}
		n.Pages++
		switch f.Verdict {
		case Actionable:
			n.Actionable++
		case Noise:
			n.Noise++
		default:
			n.Unjudged++
		}
		if before, ok := last[f.Key]; ok && f.At.Sub(before) < within {
			n.Repeats++
		}
		last[f.Key] = f.At
		if f.Owner == "" {
			n.Unowned++
		} else if i, found := slices.BinarySearch(n.Owners, f.Owner); !found {
			n.Owners = slices.Insert(n.Owners, i, f.Owner)
		}
	}
	for _, n := range names {
		r.Pages += n.Pages
		r.Actionable += n.Actionable
		r.Noise += n.Noise
		r.Unjudged += n.Unjudged
		r.Repeats += n.Repeats
		r.Unowned += n.Unowned
		if n.Noise+n.Repeats > 0 {
			r.Noisiest = append(r.Noisiest, *n)
		}
	}
	slices.SortFunc(r.Noisiest, func(a, b NameReport) int {
		return cmp.Or(cmp.Compare(b.Noise, a.Noise), cmp.Compare(b.Repeats, a.Repeats), cmp.Compare(b.Pages, a.Pages), cmp.Compare(a.Name, b.Name))
	})
	return r, nil
}

// Markdown renders the report.
func (r Report) Markdown() string {
	var b strings.Builder
	fmt.Fprintf(&b, "# Alert quality\n\n%d pages and %d tickets.\n\n", r.Pages, r.Tickets)
	if low, high, ok := r.ActionableShare(); ok {
		share := fmt.Sprintf("%.0f %%", low*100)
		if high > low {
			share = fmt.Sprintf("%.0f %% to %.0f %%", low*100, high*100)
		}
		fmt.Fprintf(&b, "- Actionable: %s (%d yes, %d no, %d not judged)\n", share, r.Actionable, r.Noise, r.Unjudged)
		fmt.Fprintf(&b, "- Repeats within %s: %d\n- Without owner: %d\n", r.Within, r.Repeats, r.Unowned)
	}
	if len(r.Noisiest) > 0 {
		b.WriteString("\n| Alert | Pages | Noise | Repeats | Not judged | Owners |\n|---|---|---|---|---|---|\n")
		for _, n := range r.Noisiest {
			fmt.Fprintf(&b, "| %s | %d | %d | %d | %d | %s |\n", markdown.Cell(n.Name), n.Pages, n.Noise, n.Repeats, n.Unjudged, markdown.Cell(strings.Join(n.Owners, ", ")))
		}
	}
	return b.String()
}
