package stats_test

import (
	"fmt"
	"time"

	"github.com/sre-sdk/sre/incident/stats"
)

// Did the new runbooks make incidents shorter?
func Example() {
	policy := stats.Policy{}.MustCompile()
	before := incidents("b", 31, 190, 58, 400, 17, 95, 240, 44, 1210, 72)
	after := incidents("a", 25, 120, 300, 14, 61, 47, 560, 33)

	k, err := policy.Compare(before, after, stats.MTTR)
	if err != nil {
		fmt.Println(err)
		return
	}
	switch v := k.Verdict.(type) {
	case stats.Evidence:
		fmt.Println("changed by", v.Change)
	case stats.NoEvidence:
		fmt.Printf("a cut below %.0f %% would not have been seen\n", 100*v.MDE.Cut)
	case stats.TooFew:
		fmt.Println(v.Reason.Code)
	}
	fmt.Println(k.Sentence())
	// Output:
	// a cut below 84 % would not have been seen
	// MTTR, 10 incidents before and 8 incidents after: no evidence of a change, p = 0.51: only a cut of 84 % or more, or a rise to 6.1 times or more, could have been seen (sd of ln 1.27, 80 % power).
}

// A period in which one incident is still open.
func ExampleCompiled_Describe() {
	facts := incidents("x", 31, 190, 58, 400, 17, 95, 240, 44, 1210, 72)
	now := facts[9].Times.Impact.Add(5 * time.Hour)
	facts[9].Times.Resolved, facts[9].Open, facts[9].ObservedUntil = time.Time{}, true, now

	s, err := stats.Policy{}.MustCompile().Describe(facts, stats.MTTR)
	fmt.Println(s.Sentence(), err)
	// Output:
	// MTTR of 10 incidents (1 still open): median 2h23m (95 % interval 17m to 6h40m). There is no arithmetic mean while incidents are open; cut at 20h10m it is 5h9m (95 % interval 43m to 9h35m). <nil>
}

func incidents(prefix string, minutes ...int) []stats.Fact {
	begin := time.Date(2026, 3, 1, 12, 0, 0, 0, time.UTC)
	var list []stats.Fact
	for i, m := range minutes {
		at := begin.Add(time.Duration(i) * 24 * time.Hour)
		list = append(list, stats.Fact{
			ID: fmt.Sprint(prefix, i), Severity: 2,
			Times: stats.Times{Impact: at, Resolved: at.Add(time.Duration(m) * time.Minute)},
		})
	}
	return list
}
