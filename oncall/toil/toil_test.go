package toil_test

import (
	"flag"
	"fmt"
	"math/big"
	"os"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"github.com/google/go-cmp/cmp/cmpopts"
	"pgregory.net/rapid"

	"github.com/sre-sdk/sre"
	"github.com/sre-sdk/sre/oncall/toil"
)

var update = flag.Bool("update", false, "rewrite the golden files in testdata")

func golden(t *testing.T, path, got string) {
	t.Helper()
	if *update {
		if err := os.WriteFile(path, []byte(got), 0o644); err != nil {
			t.Fatal(err)
		}
	}
	want, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	if diff := cmp.Diff(string(want), got); diff != "" {
		t.Errorf("%s differs (-want +got); run with -update if that is meant:\n%s", path, diff)
	}
}

var from = time.Date(2026, 1, 1, 0, 0, 0, 0, time.UTC)

func drawCriteria(t *rapid.T, label string) (c toil.Criteria) {
	for i := range c {
		c[i] = toil.Answer(rapid.IntRange(0, 2).Draw(t, label))
	}
	return c
}

func drawPolicy(t *rapid.T) toil.Policy {
	p := toil.Policy{
		MinYes: rapid.IntRange(1, 6).Draw(t, "min yes"), RepetitiveFrom: rapid.IntRange(1, 4).Draw(t, "repetitive from"),
		MaxPercent: rapid.IntRange(1, 100).Draw(t, "max percent"), MinCoveragePercent: rapid.IntRange(1, 100).Draw(t, "coverage"),
	}
	if rapid.Bool().Draw(t, "required") {
		p.Required = []toil.Criterion{toil.Automatable}
	}
	return p
}

func drawFacts(t *rapid.T) toil.Facts {
	f := toil.Facts{From: from, To: from.AddDate(0, 0, rapid.IntRange(1, 90).Draw(t, "days"))}
	hour := func(label string, least, most int) time.Duration {
		return time.Duration(rapid.IntRange(least, most).Draw(t, label)) * time.Hour
	}
	for i := range 4 {
		f.Tasks = append(f.Tasks, toil.Task{ID: fmt.Sprint("task-", i), Criteria: drawCriteria(t, "task"), Cost: hour("cost", 0, 40), Residual: hour("residual", 0, 3), Upkeep: hour("upkeep", 0, 3)})
	}
	var sum time.Duration
	for i := range rapid.IntRange(0, 12).Draw(t, "entries") {
		e := toil.Entry{
			ID: fmt.Sprint(i), Task: fmt.Sprint("task-", rapid.IntRange(0, 4).Draw(t, "which")), At: from.Add(hour("at", -24, 2000)),
			Spent: hour("spent", 1, 10), Source: toil.Source(rapid.IntRange(0, 2).Draw(t, "source")), Criteria: drawCriteria(t, "entry"),
		}
		sum += e.Spent
		f.Entries = append(f.Entries, e)
	}
	f.Worked = sum + hour("more", 1, 30)
	return f
}

func measure(t interface{ Fatal(...any) }, p toil.Policy, f toil.Facts) *toil.Report {
	c, err := p.Compile()
	if err != nil {
		t.Fatal(err)
	}
	r, err := c.Measure(f, f.To)
	if err != nil {
		t.Fatal(err)
	}
	return r
}

// verdicts is the definition: it answers the unknown questions in every way.
func verdicts(p toil.Policy, c toil.Criteria) (could [2]bool) {
	for i, a := range c {
		if a == toil.Unknown {
			for _, answer := range []toil.Answer{toil.No, toil.Yes} {
				c[i] = answer
				for j, v := range verdicts(p, c) {
					could[j] = could[j] || v
				}
			}
			return could
		}
	}
	yes := 0
	for _, a := range c {
		if a == toil.Yes {
			yes++
		}
	}
	isToil := yes >= p.MinYes
	for _, r := range p.Required {
		isToil = isToil && c[r] == toil.Yes
	}
	if isToil {
		return [2]bool{false, true}
	}
	return [2]bool{true, false}
}

func TestLawAVerdictIsWhatEveryAnswerToTheUnknownWouldSay(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		p := drawPolicy(t)
		j := p.MustCompile()
		got := j.Judge(toil.Entry{Criteria: drawCriteria(t, "entry"), Source: toil.Source(rapid.IntRange(0, 2).Draw(t, "source"))}, toil.Task{Criteria: drawCriteria(t, "task")}, rapid.IntRange(1, 5).Draw(t, "times"))
		want := map[[2]bool]toil.Verdict{{true, false}: toil.NotToil, {false, true}: toil.Toil, {true, true}: toil.Undecided}[verdicts(p, got.Criteria)]
		if got.Verdict != want {
			t.Fatalf("%v is %s, want %s", got.Criteria, got.Verdict, want)
		}
	})
}

func TestLawUnknownNeverCountsAsYes(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		p := drawPolicy(t)
		e := toil.Entry{Criteria: drawCriteria(t, "entry")}
		before := p.MustCompile().Judge(e, toil.Task{}, 0)
		for i, a := range e.Criteria {
			if a == toil.Unknown {
				e.Criteria[i] = toil.No
			}
		}
		after := p.MustCompile().Judge(e, toil.Task{}, 0)
		if before.Verdict == toil.Toil && after.Verdict != toil.Toil {
			t.Fatalf("toil only as long as nobody answers: %v, then %v", before, after)
		}
	})
}

func TestLawPartsOfTheShareSumUpToWhatIsRecorded(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		p, f := drawPolicy(t), drawFacts(t)
		r := measure(t, p, f)
		var want time.Duration
		for _, e := range f.Entries {
			if !e.At.Before(f.From) && e.At.Before(f.To) {
				want += e.Spent
			}
		}
		if got := r.Share.Recorded(); got != want {
			t.Fatalf("%s toil + %s other + %s undecided, want %s", r.Share.Toil, r.Share.Other, r.Share.Undecided, want)
		}
	})
}

// A page, the run that answered it and the note of it afterwards are one piece
// of work, tactical and manual.
func TestLawPartsCountOnceAndSayWhatTheWorkIs(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		p, f := drawPolicy(t), drawFacts(t)
		want := f
		want.Entries = slices.Clone(f.Entries)
		for i := range want.Entries {
			e := &want.Entries[i]
			task := toil.Task{}
			if j := slices.IndexFunc(f.Tasks, func(t toil.Task) bool { return t.ID == e.Task }); j >= 0 {
				task = f.Tasks[j]
			}
			for source, implied := range map[toil.Source]toil.Criterion{toil.Paged: toil.Tactical, toil.Run: toil.Manual} {
				if rapid.Bool().Draw(t, "part") {
					part := toil.Entry{ID: fmt.Sprint(e.ID, "/", source), PartOf: e.ID, Task: e.Task, At: e.At, Spent: time.Second, Source: source, Criteria: drawCriteria(t, "ignored")}
					f.Entries = slices.Insert(slices.Clone(f.Entries), rapid.IntRange(0, len(f.Entries)).Draw(t, "where"), part)
					if e.Criteria[implied] == toil.Unknown && task.Criteria[implied] == toil.Unknown {
						e.Criteria[implied] = toil.Yes
					}
				}
			}
		}
		if diff := cmp.Diff(measure(t, p, want), measure(t, p, f), cmpopts.IgnoreUnexported(toil.Report{})); diff != "" {
			t.Fatalf("(-whole +with parts):\n%s", diff)
		}
	})
}

func TestAPolicyThatWasNotCompiledDecidesNothing(t *testing.T) {
	for _, c := range []*toil.Compiled{nil, {}} {
		if j := c.Judge(toil.Entry{Criteria: toil.All(toil.Yes)}, toil.Task{}, 9); j.Verdict != toil.Undecided {
			t.Errorf("%v is %s, want undecided", j.Criteria, j.Verdict)
		}
	}
}

// IDs may begin and end with what Markdown takes for emphasis.
func TestMarkdownShowsIDsAsTheyAre(t *testing.T) {
	p := toil.Policy{Name: "_toil_"}
	f := toil.Facts{From: from, To: from.AddDate(0, 0, 1), Worked: time.Hour, Tasks: []toil.Task{{ID: "_task_", Criteria: toil.All(toil.Yes)}},
		Entries: []toil.Entry{{ID: "1", Task: "_task_", At: from, Spent: time.Hour}}}
	text := p.MustCompile().Markdown() + measure(t, p, f).Markdown()
	if plain := strings.ReplaceAll(text, `\_`, ""); strings.Contains(plain, "_") || !strings.Contains(text, `\_task\_`) {
		t.Errorf("an underscore is not escaped:\n%s", text)
	}
}

func TestLawAnOutcomeHoldsWhateverTheUndecidedIs(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		p, f := drawPolicy(t), drawFacts(t)
		p.MinCoveragePercent = 100 // nothing is taken to be alike
		s := measure(t, p, f).Share
		missing := s.Worked - s.Recorded()
		low, high := share(s.Toil, s.Worked), share(s.Toil+s.Undecided+missing, s.Worked)
		most := big.NewRat(int64(p.MaxPercent), 100)
		want := sre.Unknown
		if high.Cmp(most) <= 0 {
			want = sre.Allow
		} else if low.Cmp(most) > 0 {
			want = sre.Deny
		}
		if s.Outcome != want {
			t.Fatalf("%s with %s to %s of at most %s, want %s", s.Outcome, low, high, most, want)
		}
	})
}

func share(part, of time.Duration) *big.Rat { return big.NewRat(int64(part), int64(of)) }

func TestLawOrderOfFactsDoesNotMatter(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		p, f := drawPolicy(t), drawFacts(t)
		want := measure(t, p, f)
		f.Entries, f.Tasks = slices.Clone(f.Entries), slices.Clone(f.Tasks)
		slices.Reverse(f.Entries)
		slices.Reverse(f.Tasks)
		if diff := cmp.Diff(want, measure(t, p, f), cmpopts.IgnoreUnexported(toil.Report{})); diff != "" {
			t.Fatalf("(-in order +reversed):\n%s", diff)
		}
	})
}

func TestLawPaybackIsTheFirstSecondThatRepaysTheCost(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		p, f := drawPolicy(t), drawFacts(t)
		r := measure(t, p, f)
		period := f.To.Sub(f.From)
		for i, c := range r.Candidates {
			if c.State == toil.PaysBack {
				repaid := func(after time.Duration) bool { // saved in that time >= cost
					saved := new(big.Rat).Mul(big.NewRat(c.SavedSeconds, 1), share(after, period))
					return saved.Cmp(big.NewRat(int64(c.Task.Cost/time.Second), 1)) >= 0
				}
				if !repaid(c.Payback) || repaid(c.Payback-time.Second) || !c.PaidBack.Equal(r.At.Add(c.Payback)) {
					t.Fatalf("%s: %s to pay back %s at %d s in %s", c.Task.ID, c.Payback, c.Task.Cost, c.SavedSeconds, period)
				}
			}
			if i == 0 {
				continue
			}
			if b := r.Candidates[i-1]; b.State > c.State || b.State == c.State && b.Payback > c.Payback {
				t.Fatalf("%s (%s, %s) stands before %s (%s, %s)", b.Task.ID, b.State, b.Payback, c.Task.ID, c.State, c.Payback)
			}
		}
	})
}

func TestReportTellsTheStory(t *testing.T) {
	at := func(day int) time.Time { return from.AddDate(0, 0, day) }
	likely := toil.All(toil.Yes)
	likely[toil.Automatable] = toil.Unknown
	f := toil.Facts{From: from, To: at(28), Worked: 100 * time.Hour,
		Tasks: []toil.Task{
			{ID: "access-request", Criteria: toil.All(toil.Yes), Cost: 20 * time.Hour, Upkeep: time.Hour},
			{ID: "b-quota", Criteria: toil.All(toil.Yes), Cost: 10 * time.Hour},
			{ID: "a-quota", Criteria: toil.All(toil.Yes), Cost: 10 * time.Hour}, // the tie is broken by the ID
			{ID: "failover-drill", Criteria: toil.All(toil.Yes), Cost: time.Hour, Residual: 3 * time.Hour},
			{ID: "log-cleanup", Criteria: toil.All(toil.Yes)},
			{ID: "vendor-ticket", Criteria: likely},
			{ID: "project", Criteria: toil.All(toil.No)},
		},
		Entries: []toil.Entry{
			{ID: "1", Task: "access-request", At: at(1), Spent: 11 * time.Hour}, {ID: "2", Task: "a-quota", At: at(1), Spent: 4 * time.Hour},
			{ID: "3", Task: "b-quota", At: at(1), Spent: 4 * time.Hour}, {ID: "4", Task: "failover-drill", At: at(3), Spent: 3 * time.Hour},
			{ID: "5", Task: "log-cleanup", At: at(4), Spent: 5 * time.Hour, Source: toil.Run}, {ID: "6", Task: "vendor-ticket", At: at(5), Spent: 6 * time.Hour},
			{ID: "7", Task: "project", At: at(6), Spent: 30 * time.Hour}, {ID: "8", Task: "page-without-task", At: at(7), Spent: 2 * time.Hour, Source: toil.Paged},
			{ID: "9", Task: "project", At: at(28), Spent: 20 * time.Hour}, // outside
		},
		Savings: []toil.Saving{{Task: "certificates", Times: 6, PerTime: 30 * time.Minute, Upkeep: 5 * time.Hour}}, Reinvested: []toil.Reinvestment{{ID: "sharding", Spent: time.Hour}},
	}
	c := toil.Policy{Name: "checkout", Required: []toil.Criterion{toil.Manual}}.MustCompile()
	r, err := c.Measure(f, at(30))
	if err != nil {
		t.Fatal(err)
	}
	golden(t, "testdata/policy.md", c.Markdown())
	golden(t, "testdata/report.md", r.Markdown())
	golden(t, "testdata/explain.txt", r.Explain())
}

func TestOutcomesOfTheShare(t *testing.T) {
	all := []toil.Task{{ID: "toil", Criteria: toil.All(toil.Yes)}, {ID: "other", Criteria: toil.All(toil.No)}}
	for name, row := range map[string]struct {
		toil, other, undecided, worked time.Duration
		want                           sre.Outcome
		code                           string
	}{
		"half is allowed":                   {50, 50, 0, 100, sre.Allow, "toil_within"},
		"more than half":                    {51, 49, 0, 100, sre.Deny, "toil_above"},
		"more than half of all":             {51, 0, 0, 100, sre.Deny, "toil_above"},
		"little recorded":                   {10, 20, 0, 100, sre.Unknown, "coverage_low"},
		"little recorded, but enough":       {10, 51, 0, 100, sre.Allow, "toil_within"},
		"most recorded, the rest is alike":  {46, 46, 0, 100, sre.Allow, "toil_within"},
		"most recorded, more than half":     {46, 45, 0, 100, sre.Deny, "toil_above"},
		"undecided could make the half":     {40, 45, 15, 100, sre.Unknown, "undecided_matters"},
		"undecided could not make the half": {30, 55, 15, 100, sre.Allow, "toil_within"},
		"nothing recorded":                  {0, 0, 0, 100, sre.Unknown, "coverage_low"},
	} {
		f := toil.Facts{From: from, To: from.AddDate(0, 0, 30), Worked: row.worked * time.Hour, Tasks: all}
		for task, spent := range map[string]time.Duration{"toil": row.toil, "other": row.other, "undecided": row.undecided} {
			if spent > 0 {
				f.Entries = append(f.Entries, toil.Entry{ID: task, Task: task, At: from, Spent: spent * time.Hour})
			}
		}
		s := measure(t, toil.Policy{}, f).Share
		if s.Outcome != row.want || s.Reason.Code != row.code {
			t.Errorf("%s: %s, %s; want %s, %s", name, s.Outcome, s.Reason, row.want, row.code)
		}
	}
}

func TestProblemsAreReportedAllAtOnce(t *testing.T) {
	_, err := toil.Policy{Name: "a b", MinYes: 7, MaxPercent: -1, RepetitiveFrom: -1, MinCoveragePercent: 101, Required: []toil.Criterion{9, toil.Manual, toil.Manual}}.Compile()
	text := ""
	for _, p := range sre.ProblemsIn(err) {
		text += fmt.Sprintln(p)
	}
	_, err = toil.Policy{}.MustCompile().Measure(toil.Facts{
		From: from.Add(time.Millisecond), To: from, Worked: -1,
		Tasks:      []toil.Task{{ID: "", Cost: -1, Criteria: toil.Criteria{9}}, {ID: "a"}, {ID: "a", Residual: time.Millisecond, Upkeep: 9000 * time.Hour}},
		Entries:    []toil.Entry{{ID: "x", Task: "a", Spent: time.Hour}, {ID: "x", Task: "a b", Person: "?", Source: 9, Criteria: toil.All(8), PartOf: "y"}, {ID: "z", PartOf: "z", Task: "a", Spent: time.Hour}},
		Savings:    []toil.Saving{{Task: "a", Times: -1}, {Task: "a", Times: toil.MaxTimes, PerTime: time.Hour}},
		Reinvested: []toil.Reinvestment{{ID: "b"}, {ID: "b"}, {}},
	}, from)
	for _, p := range sre.ProblemsIn(err) {
		text += fmt.Sprintln(p)
	}
	golden(t, "testdata/problems.txt", text)

	_, err = toil.Policy{}.MustCompile().Measure(toil.Facts{From: from, To: from.AddDate(0, 0, 1), Worked: time.Hour, Entries: []toil.Entry{{ID: "x", Task: "a", At: from, Spent: 2 * time.Hour}}}, from)
	if p := sre.ProblemsIn(err); len(p) != 1 || p[0].Path != "worked" {
		t.Errorf("more recorded than worked says %v", err)
	}
	var zero toil.Compiled
	if _, err := zero.Measure(toil.Facts{}, from); len(sre.ProblemsIn(err)) != 1 {
		t.Errorf("a policy that was not compiled says %v", err)
	}
}

// yearOfWork is 10,000 entries of 100 tasks.
func yearOfWork() toil.Facts {
	f := toil.Facts{From: from, To: from.AddDate(1, 0, 0), Worked: 20_000 * time.Hour}
	for i := range 100 {
		f.Tasks = append(f.Tasks, toil.Task{ID: fmt.Sprint("task-", i), Criteria: toil.All(toil.Answer(i % 3)), Cost: time.Duration(i) * time.Hour})
	}
	for i := range 10_000 {
		f.Entries = append(f.Entries, toil.Entry{ID: fmt.Sprint(i), Task: f.Tasks[i%100].ID, At: from.Add(time.Duration(i) * 50 * time.Minute), Spent: time.Hour, Source: toil.Paged})
	}
	return f
}

func BenchmarkMeasureYear(b *testing.B) {
	f, c := yearOfWork(), toil.Policy{}.MustCompile()
	b.ReportAllocs()
	for b.Loop() {
		if _, err := c.Measure(f, f.To); err != nil {
			b.Fatal(err)
		}
	}
}

// BenchmarkNaiveMeasureYear does the sums of the share alone, and counts the
// times of a task anew for each entry, as a spreadsheet does.
func BenchmarkNaiveMeasureYear(b *testing.B) {
	f, c := yearOfWork(), toil.Policy{}.MustCompile()
	for b.Loop() {
		var sums [3]time.Duration
		for _, e := range f.Entries {
			times := 0
			for _, other := range f.Entries {
				if other.Task == e.Task {
					times++
				}
			}
			i := slices.IndexFunc(f.Tasks, func(t toil.Task) bool { return t.ID == e.Task })
			sums[c.Judge(e, f.Tasks[i], times).Verdict] += e.Spent
		}
	}
}
