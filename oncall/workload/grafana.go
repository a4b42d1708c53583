package workload

import (
	"cmp"
	"math/big"
	"slices"
	"time"

	"github.com/sre-sdk/sre/oncall"
)

// An Event is a shift as Grafana OnCall has it: people who are on call together.
type Event struct {
	Start, End time.Time
	People     []string
}

// Events makes one event of all shifts with the same role, start and end.
func Events(shifts []Shift) []Event {
	type key struct {
		role       oncall.Role
		start, end int64
	}
	at := map[key]int{}
	var list []Event
	for i := range shifts {
		s := &shifts[i]
		k := key{s.role(), s.Start.Unix(), s.End.Unix()}
		j, ok := at[k]
		if !ok {
			j = len(list)
			at[k] = j
			list = append(list, Event{Start: s.Start, End: s.End})
		}
		if !slices.Contains(list[j].People, s.Person) {
			list[j].People = append(list[j].People, s.Person)
		}
	}
	return list
}

// Quality is the quality report of Grafana OnCall. Keep its flaws in mind: two
// people at noon hide a hole at night, people without any shift do not count,
// and a night weighs no more than a morning. [Score] is without them.
type Quality struct {
	Total, Cover, Balance int          // percent
	Overloaded            []Overloaded // the most overloaded first; none if Balance is 95 or more
}

// Overloaded is somebody above the mean.
type Overloaded struct {
	Person  string
	Percent int // by how much above the mean
}

// evenEnough is the balance in percent from which Grafana sees no imbalance.
const evenEnough = 95

// GrafanaQuality computes, with the half rounded to even as Python does:
//
//	cover   = round(100 * min(1, sum of the lengths of events with people / window))
//	balance = round(100 * mean over pairs of people of min(d, e)/max(d, e)), 95 and more count as 100
//	total   = round((cover + balance) / 2)
//
// d being how long a person is on call. Where Grafana computes in floats, this
// is exact, which takes more than linear time in the people whose lengths
// differ: some 3 ms for a thousand. Events are cut to [from, to), whole seconds, which must not be
// empty.
func GrafanaQuality(events []Event, from, to time.Time) Quality {
	window := to.Unix() - from.Unix()
	if window <= 0 {
		return Quality{}
	}
	var covered int64
	of := map[string]int64{}
	for _, e := range events {
		d := min(e.End.Unix(), to.Unix()) - max(e.Start.Unix(), from.Unix())
		if d <= 0 || len(e.People) == 0 {
			continue
		}
		covered += d
		for _, p := range e.People {
			of[p] += d
		}
	}
	cover := Fraction(min(covered, window), window)
	q := Quality{Cover: int(cover.times(100).round()), Balance: int(balance(of).times(100).round())}
	if q.Balance < evenEnough {
		q.Overloaded = overloaded(of)
	} else {
		q.Balance = 100
	}
	q.Total = int(Fraction(int64(q.Cover+q.Balance), 2).round())
	return q
}

// balance is the mean of min/max over all pairs. With the lengths ascending, the
// pairs in which one is the greater add up to the sum of those before it over it.
func balance(of map[string]int64) Number {
	n := int64(len(of))
	if n <= 1 {
		return Fraction(1, 1)
	}
	lengths := make([]int64, 0, n)
	for _, d := range of {
		lengths = append(lengths, d)
	}
	slices.Sort(lengths)
	var terms []*big.Rat
	before := int64(0)
	for i := 0; i < len(lengths); {
		d, same := lengths[i], int64(0) // of equal lengths at once, so that few fractions are added
		for ; i < len(lengths) && lengths[i] == d; i++ {
			same++
		}
		term := new(big.Rat).Mul(big.NewRat(before, d), new(big.Rat).SetInt64(same))
		terms = append(terms, term.Add(term, new(big.Rat).SetInt64(same*(same-1)/2)))
		before += d * same
	}
	return Number{addUp(terms)}.over(n * (n - 1) / 2)
}

// addUp adds halves, so that most additions are of short fractions.
func addUp(terms []*big.Rat) *big.Rat {
	if len(terms) == 1 {
		return terms[0]
	}
	half := len(terms) / 2
	return new(big.Rat).Add(addUp(terms[:half]), addUp(terms[half:]))
}

func overloaded(of map[string]int64) (list []Overloaded) {
	var total int64
	for _, d := range of {
		total += d
	}
	for person, d := range of {
		// 100 d / (total / n), in rationals because the product may be large
		share := Fraction(d, total).times(100 * int64(len(of))).round()
		if share > 100 {
			list = append(list, Overloaded{person, int(share - 100)})
		}
	}
	slices.SortFunc(list, func(a, b Overloaded) int {
		return cmp.Or(cmp.Compare(b.Percent, a.Percent), cmp.Compare(a.Person, b.Person))
	})
	return list
}
