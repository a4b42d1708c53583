package recovery_test

import (
	"errors"
	"math"
	"math/big"
	"math/rand/v2"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"gonum.org/v1/gonum/stat/distuv"
	"pgregory.net/rapid"

	"github.com/sre-sdk/sre"
	"github.com/sre-sdk/sre/incident"
	"github.com/sre-sdk/sre/incident/recovery"
	"github.com/sre-sdk/sre/slo"
)

var epoch = time.Date(2026, 3, 2, 9, 0, 0, 0, time.UTC)

func minute(n int) time.Time { return epoch.Add(time.Duration(n) * time.Minute) }

// minutes makes a series of one slice a minute from epoch on.
func minutes(good, bad []float64) recovery.Series {
	s := recovery.Series{SLO: "checkout", Objective: slo.MustParseObjective("99.9%")}
	for i := range good {
		s.Slices = append(s.Slices, recovery.Slice{End: minute(i + 1), Counts: slo.Counts{Good: good[i], Bad: bad[i], Covered: time.Minute, Span: time.Minute}})
	}
	return s
}

func constant(n int, v float64) []float64 {
	list := make([]float64, n)
	for i := range list {
		list[i] = v
	}
	return list
}

var policy = recovery.Policy{ID: "over"}.MustCompile()

func decide(s recovery.Series) recovery.Decision {
	return policy.Decide(recovery.Facts{Series: []recovery.Series{s}}, s.Slices[len(s.Slices)-1].End)
}

func want(t *testing.T, d recovery.Decision, f incident.Finding, code string) {
	t.Helper()
	if d.Finding != f || len(d.Reasons) == 0 || d.Reasons[0].Code != code {
		t.Errorf("got %s, %v; want %s, %s", d.Finding, d.Reasons, f, code)
	}
}

// An outage of ten minutes: not over while it lasts, nor while the long window
// holds it, and then for as long as the policy says.
func TestOutageIsOverWhenTheWindowsSaySo(t *testing.T) {
	good, bad := constant(240, 1000), constant(240, 0)
	for i := 60; i < 70; i++ {
		good[i], bad[i] = 500, 500
	}
	findings := map[incident.Finding]int{}
	var first int
	for n := 80; n <= 240; n++ {
		s := minutes(good[:n], bad[:n])
		d := decide(s)
		findings[d.Finding]++
		if d.Finding == incident.Recovered && first == 0 {
			first = n
		}
		if n == 75 || n == 80 {
			want(t, d, incident.NotRecovered, recovery.ReasonAbove)
		}
		// The outlook at each instant is what happens.
		if n == 80 && !d.Earliest.Equal(minute(144)) {
			t.Errorf("earliest %v, want %v", d.Earliest, minute(144))
		}
	}
	// The last bad slice ends at 70 and leaves the window of 1h at 130, which is
	// the first of the slice ends in the latest 15m of the instant 144.
	if first != 144 || len(findings) != 2 {
		t.Errorf("recovered after %d minutes, %v; want 144", first, findings)
	}
}

// Few events cannot pass: of 99.9% it takes 2,995 without failure for 95%.
func TestBoundIsExact(t *testing.T) {
	for events, finding := range map[int]incident.Finding{2994: incident.FindingUnknown, 2995: incident.Recovered} {
		good := constant(120, 0)
		for i := range good { // this many in the latest hour, and in each one before
			good[i] = float64(events/60) + map[bool]float64{true: 1}[i%60 < events%60]
		}
		d := decide(minutes(good, constant(120, 0)))
		if d.Finding != finding {
			t.Errorf("%d events: %s %v", events, d.Finding, d.Reasons)
		}
		if got, want := d.SLOs[0].Bound, 1-math.Pow(0.05, 1/float64(events)); math.Abs(got-want) > 1e-12 {
			t.Errorf("%d events: bound %v, want %v", events, got, want)
		}
	}
	// 3 of 5000: at the bound, 3 or fewer have a probability of 5%.
	good, bad := constant(120, 100), constant(120, 0)
	for _, i := range []int{65, 75, 85} {
		bad[i]++
	}
	p := recovery.Policy{ID: "x", Long: 50 * time.Minute}.MustCompile()
	s := minutes(good, bad)
	for i := range s.Slices {
		s.Slices[i].Counts.Good -= s.Slices[i].Counts.Bad
	}
	d := p.Decide(recovery.Facts{Series: []recovery.Series{s}}, minute(110)) // the window [60, 110)
	sum, ways := 0.0, 1.0
	for k := range 4 {
		sum += ways * math.Pow(d.SLOs[0].Bound, float64(k)) * math.Pow(1-d.SLOs[0].Bound, float64(5000-k))
		ways *= float64(5000-k) / float64(k+1)
	}
	if math.Abs(sum-0.05) > 1e-9 || d.Finding != incident.FindingUnknown {
		t.Errorf("3 of 5000: %v at %v, %v %v", sum, d.SLOs[0].Bound, d.Finding, d.Reasons)
	}
}

func TestNoDataNeverRecovers(t *testing.T) {
	good, bad := constant(120, 1000), constant(120, 0)
	whole := minutes(good, bad)
	want(t, decide(whole), incident.Recovered, recovery.ReasonRecovered)

	want(t, policy.Decide(recovery.Facts{}, epoch), incident.FindingUnknown, recovery.ReasonNoData)
	want(t, policy.Decide(recovery.Facts{NoSLO: "a batch job"}, epoch), incident.FindingNotNeeded, recovery.ReasonNoSLO)
	want(t, policy.Decide(recovery.Facts{Series: []recovery.Series{{SLO: "a", Objective: whole.Objective}}}, epoch), incident.FindingUnknown, recovery.ReasonNoData)
	want(t, policy.Decide(recovery.Facts{Series: []recovery.Series{whole}}, minute(125).Add(1)), incident.FindingUnknown, recovery.ReasonNoData)
	want(t, policy.Decide(recovery.Facts{Series: []recovery.Series{whole, {SLO: "none", Objective: whole.Objective}}}, minute(120)), incident.FindingUnknown, recovery.ReasonNoData)
	want(t, decide(minutes(good[:60], bad[:60])), incident.FindingUnknown, recovery.ReasonUncovered)
	want(t, decide(minutes(good[:10], bad[:10])), incident.FindingUnknown, recovery.ReasonUncovered)
	want(t, decide(minutes(constant(120, 0), bad)), incident.FindingUnknown, recovery.ReasonFewEvents)
	stopped := constant(120, 1000)
	for i := 115; i < 120; i++ {
		stopped[i] = 0
	}
	want(t, decide(minutes(stopped, bad)), incident.FindingUnknown, recovery.ReasonFewEvents)
	var none recovery.Compiled
	want(t, none.Decide(recovery.Facts{Series: []recovery.Series{whole}}, minute(120)), incident.FindingUnknown, recovery.ReasonInvalid)
	gone := minutes(good, bad)
	for i := 100; i < 112; i++ {
		gone.Slices[i].Counts = slo.Counts{Span: time.Minute}
	}
	want(t, decide(gone), incident.FindingUnknown, recovery.ReasonUncovered)
	gone.Slices[3].End = minute(2)
	want(t, decide(gone), incident.FindingUnknown, recovery.ReasonInvalid)
	low := minutes(good, bad)
	low.Objective = slo.MustParseObjective("50%")
	high := recovery.Policy{ID: "x", Line: slo.MustParseRatio("2")}.MustCompile()
	want(t, high.Decide(recovery.Facts{Series: []recovery.Series{low}}, minute(120)), incident.FindingUnknown, recovery.ReasonUnreachable)
}

// The line itself is not above it, exactly.
func TestLineIsExact(t *testing.T) {
	good, bad := constant(120, 99_900), constant(120, 100)
	if d := decide(minutes(good, bad)); d.Finding != incident.FindingUnknown || d.Reasons[0].Code != recovery.ReasonBound {
		t.Errorf("at the line: %s %v", d.Finding, d.Reasons)
	}
	bad[119]++
	want(t, decide(minutes(good, bad)), incident.NotRecovered, recovery.ReasonAbove)
}

func series() *rapid.Generator[recovery.Series] {
	return rapid.Custom(func(t *rapid.T) recovery.Series {
		n := rapid.IntRange(1, 120).Draw(t, "minutes")
		traffic := rapid.SampledFrom([]float64{0, 3, 60, 500}).Draw(t, "traffic")
		share := rapid.SampledFrom([]float64{0, 0, 0.0005, 0.01}).Draw(t, "share")
		r := rand.New(rand.NewPCG(rapid.Uint64().Draw(t, "seed"), 1))
		s := recovery.Series{SLO: "s", Objective: slo.MustParseObjective("99%")}
		for i := range n {
			c := slo.Counts{Covered: time.Minute, Span: time.Minute}
			for range int(traffic) {
				if r.Float64() < share {
					c.Bad++
				} else {
					c.Good++
				}
			}
			if r.IntN(40) == 0 {
				c = slo.Counts{Span: time.Minute}
			}
			s.Slices = append(s.Slices, recovery.Slice{End: minute(i + 1), Counts: c})
		}
		return s
	})
}

func clone(s recovery.Series) recovery.Series {
	s.Slices = append([]recovery.Slice(nil), s.Slices...)
	return s
}

func policies() *rapid.Generator[*recovery.Compiled] {
	return rapid.Custom(func(t *rapid.T) *recovery.Compiled {
		return recovery.Policy{
			ID: "law", Short: 5 * time.Minute, Long: time.Duration(rapid.IntRange(5, 60).Draw(t, "long")) * time.Minute,
			For: time.Duration(rapid.IntRange(1, 15).Draw(t, "for")) * time.Minute, MinEvents: rapid.IntRange(1, 200).Draw(t, "least"),
			Line: slo.MustParseRatio(rapid.SampledFrom([]string{"0.5", "1", "2"}).Draw(t, "line")),
		}.MustCompile()
	})
}

// Less bad never turns recovered into something else, nor anything into not
// recovered.
func TestLawLessBadIsNeverWorse(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		p, s := policies().Draw(t, "policy"), series().Draw(t, "series")
		now := s.Slices[len(s.Slices)-1].End
		before := p.Decide(recovery.Facts{Series: []recovery.Series{s}}, now)
		better := clone(s)
		for range rapid.IntRange(1, 20).Draw(t, "mended") {
			c := &better.Slices[rapid.IntRange(0, len(s.Slices)-1).Draw(t, "at")].Counts
			n := math.Floor(c.Bad * rapid.Float64Range(0, 1).Draw(t, "share"))
			c.Bad, c.Good = c.Bad-n, c.Good+n
		}
		after := p.Decide(recovery.Facts{Series: []recovery.Series{better}}, now)
		if before.Finding == incident.Recovered && after.Finding != incident.Recovered || before.Finding != incident.NotRecovered && after.Finding == incident.NotRecovered {
			t.Fatalf("%v became %v: %v", before.Finding, after.Finding, after.Reasons)
		}
	})
}

// Taking data away never makes it recovered; the same in all slices and k times
// the traffic never makes it worse than unknown; the order of SLOs does not
// matter; the outlook comes true.
func TestLawsOfDecide(t *testing.T) {
	seen := map[incident.Finding]int{}
	outlooks := 0
	rapid.Check(t, func(t *rapid.T) {
		p, s, other := policies().Draw(t, "policy"), series().Draw(t, "series"), series().Draw(t, "other")
		now := s.Slices[len(s.Slices)-1].End
		d := p.Decide(recovery.Facts{Series: []recovery.Series{s}}, now)
		seen[d.Finding]++
		if len(d.Reasons) != 1 || strings.Contains(d.Reasons[0].Text, "%!") {
			t.Fatalf("%v", d.Reasons)
		}
		less := clone(s)
		for i := range less.Slices {
			if rapid.IntRange(0, 3).Draw(t, "gone") == 0 {
				less.Slices[i].Counts = slo.Counts{Span: time.Minute}
			}
		}
		if without := p.Decide(recovery.Facts{Series: []recovery.Series{less}}, now); d.Finding == incident.FindingUnknown && without.Finding == incident.Recovered && d.Reasons[0].Code == recovery.ReasonUncovered {
			t.Fatalf("recovered without data: %v", without.Reasons)
		}
		scaled := clone(s)
		for i := range scaled.Slices {
			scaled.Slices[i].Counts.Good *= 8
			scaled.Slices[i].Counts.Bad *= 8
		}
		many := p.Decide(recovery.Facts{Series: []recovery.Series{scaled}}, now)
		if (d.Finding == incident.NotRecovered) != (many.Finding == incident.NotRecovered) {
			t.Fatalf("eight times the traffic: %v became %v", d.Finding, many.Finding)
		}
		ab := p.Decide(recovery.Facts{Series: []recovery.Series{s, other}}, now)
		ba := p.Decide(recovery.Facts{Series: []recovery.Series{other, s}}, now)
		if ab.Finding != ba.Finding || !ab.Earliest.Equal(ba.Earliest) {
			t.Fatalf("%v and %v", ab.Finding, ba.Finding)
		}
		if ab.Finding == incident.Recovered && d.Finding != incident.Recovered {
			t.Fatal("two are better than one")
		}
		if d.Earliest.IsZero() {
			return
		}
		outlooks++
		later := clone(s)
		rate := d.SLOs[0].Short.Total() / d.SLOs[0].Short.Covered.Minutes()
		for at := now.Add(time.Minute); !at.After(d.Earliest); at = at.Add(time.Minute) {
			later.Slices = append(later.Slices, recovery.Slice{End: at, Counts: slo.Counts{Good: rate, Covered: time.Minute, Span: time.Minute}})
			got := p.Decide(recovery.Facts{Series: []recovery.Series{later}}, at)
			if (got.Finding == incident.Recovered) != at.Equal(d.Earliest) {
				t.Fatalf("at %v it is %v, and %v was foreseen", at, got.Finding, d.Earliest)
			}
		}
	})
	t.Logf("%v, and %d outlooks came true", seen, outlooks)
}

// A real incident: it is not closed by a finding that is no recovery, unless
// somebody says why.
func TestClosingIsADecision(t *testing.T) {
	rules := incident.Policy{ID: "rules", ReviewFrom: 1}.MustCompile()
	by := sre.Actor{Kind: sre.Human, ID: "ada"}
	var s incident.State
	give := func(r incident.Request) error {
		made, err := rules.Handle(&s, r, minute(200))
		for i := range made {
			s.Apply(&made[i])
		}
		return err
	}
	for _, c := range []incident.Command{incident.Declare{ID: "i1", Title: "5xx", Severity: 3, Source: incident.FromAlert}, incident.Triage{Severity: 3}, incident.Resolve{}} {
		if err := give(incident.Request{By: by, Command: c}); err != nil {
			t.Fatal(err)
		}
	}
	unknown := policy.Decide(recovery.Facts{}, minute(200))
	list, err := unknown.Requests(by, minute(200), "")
	if !errors.Is(err, recovery.ErrNotRecovered) || len(list) != 1 || give(list[0]) != nil {
		t.Fatal(list, err)
	}
	if err := give(incident.Request{By: by, Command: incident.Close{}}); err == nil {
		t.Error("it was closed without a recovery")
	}
	list, err = unknown.Requests(by, minute(200), "the service was switched off")
	if err != nil || len(list) != 2 {
		t.Fatal(list, err)
	}
	for _, r := range list {
		if err := give(r); err != nil {
			t.Error(err)
		}
	}
	if s.Status != incident.Closed || s.Recovery != incident.FindingUnknown {
		t.Error(s.Status, s.Recovery)
	}
}

func TestPoliciesAreChecked(t *testing.T) {
	_, err := recovery.Policy{Short: time.Hour, Long: time.Minute, For: -1, Line: slo.MustParseRatio("-1"), Confidence: slo.MustParseRatio("1"), MinEvents: -1}.Compile()
	var paths []string
	for _, p := range sre.ProblemsIn(err) {
		paths = append(paths, p.Path)
	}
	if diff := cmp.Diff([]string{"id", "for", "short", "line", "confidence", "min_events"}, paths); diff != "" {
		t.Error(diff)
	}
	if text := policy.Markdown(); !strings.Contains(text, "at most 1, for 15m0s") || !strings.Contains(text, "95%") {
		t.Error(text)
	}
}

// simulate makes counts with impact in [begin, end), which may lie within slices.
func simulate(r *rand.Rand, n int, traffic, usual, during float64, begin, end float64) recovery.Series {
	good, bad := make([]float64, n), make([]float64, n)
	for i := range n {
		part := math.Max(0, math.Min(float64(i+1), end)-math.Max(float64(i), begin))
		events := distuv.Poisson{Lambda: traffic, Src: r}.Rand()
		in := math.Round(events * part)
		draw := func(n, p float64) float64 {
			if n == 0 {
				return 0
			}
			return distuv.Binomial{N: n, P: p, Src: r}.Rand()
		}
		bad[i] = draw(in, during) + draw(events-in, usual)
		good[i] = events - bad[i]
	}
	return minutes(good, bad)
}

// The begin and the end lie in their intervals at least as often as they state.
func TestIntervalsHoldAsOftenAsTheySay(t *testing.T) {
	const seed, runs, n = 20261122, 250, 120
	r := rand.New(rand.NewPCG(seed, 6))
	for _, row := range []struct {
		name                   string
		traffic, usual, during float64
	}{
		{"strong", 300, 0.001, 0.2}, {"plain", 300, 0.001, 0.02}, {"weak", 200, 0.002, 0.012}, {"little traffic", 10, 0.005, 0.3},
	} {
		found, begins, ends, width := 0, 0, 0, 0.0
		for range runs {
			begin := 20 + 40*r.Float64()
			end := begin + 15 + 30*r.Float64()
			at := func(m float64) time.Time { return epoch.Add(time.Duration(m * float64(time.Minute))) }
			s := simulate(r, n, row.traffic, row.usual, row.during, begin, end)
			c, err := recovery.FindImpact(&s, slo.MustParseRatio("95%"))
			if err != nil {
				t.Fatal(err)
			}
			if !c.Found() || c.End.At.IsZero() {
				continue
			}
			found++
			if !at(begin).Before(c.Begin.From) && !at(begin).After(c.Begin.To) {
				begins++
			}
			if !at(end).Before(c.End.From) && !at(end).After(c.End.To) {
				ends++
			}
			width += c.Begin.To.Sub(c.Begin.From).Minutes()
		}
		t.Logf("seed %d, %s: found %d of %d; begin held in %.1f%%, end in %.1f%%, stated 95%%; mean width %.1f slices",
			seed, row.name, found, runs, 100*float64(begins)/float64(found), 100*float64(ends)/float64(found), width/float64(found))
		least := 0.95*float64(found) - 3*math.Sqrt(0.95*0.05*float64(found)) // three standard errors
		if found < runs/2 || float64(begins) < least || float64(ends) < least {
			t.Errorf("%s: %d and %d of %d, want at least %.0f", row.name, begins, ends, found, least)
		}
	}
}

// Without impact one is found at most as often as stated.
func TestNoImpactIsRarelyFound(t *testing.T) {
	const seed, runs = 7, 300
	r := rand.New(rand.NewPCG(seed, 6))
	found := 0
	for i := range runs {
		share := []float64{0.001, 0.01, 0.2}[i%3]
		s := simulate(r, 120, 200, share, share, 0, 0)
		c, err := recovery.FindImpact(&s, slo.MustParseRatio("95%"))
		if err != nil {
			t.Fatal(err)
		}
		if c.Found() {
			found++
		}
	}
	t.Logf("seed %d: an impact is found in %d of %d runs without one, stated at most 5%%", seed, found, runs)
	if found > runs/20 {
		t.Error("too often")
	}
}

func TestImpactIsExact(t *testing.T) {
	good, bad := constant(120, 1000), constant(120, 1)
	for i := 60; i < 80; i++ {
		good[i], bad[i] = 900, 101
	}
	s := minutes(good, bad)
	state := incident.State{Spans: []incident.Span{{Severity: 3, From: minute(65)}, {Severity: 1, From: minute(70)}, {Severity: 3, From: minute(75)}, {Severity: 4, From: minute(90)}}}
	im, err := recovery.Measure(&s, recovery.Scope{Begin: minute(60), End: minute(80), PeriodEvents: 30_000_000, Users: incident.ShareOf(0.3), Incident: &state})
	if err != nil {
		t.Fatal(err)
	}
	// 2020 failed; of 20020 events one in 1001 fails usually: 20; the budget is 30,000.
	if im.Counts.Bad != 2020 || im.Usual.String() != "1/1001" || im.Expected.Cmp(big.NewRat(20, 1)) != 0 || im.Excess.Cmp(big.NewRat(2000, 1)) != 0 || im.Spent.Cmp(big.NewRat(2020, 30_000)) != 0 {
		t.Errorf("%+v", im)
	}
	if diff := cmp.Diff([]recovery.InSeverity{{1, 5 * time.Minute}, {3, 10 * time.Minute}}, im.Severity); diff != "" {
		t.Error(diff)
	}
	if text := im.Reasons[1].Text; text != "2020 of 20020 events failed, 2000 more than usual" {
		t.Error(text)
	}
	// The same with a thousandth of a share of each event: exact as well.
	for i := range s.Slices {
		s.Slices[i].Counts.Good /= 1024
		s.Slices[i].Counts.Bad /= 1024
	}
	small, err := recovery.Measure(&s, recovery.Scope{Begin: minute(60), End: minute(80)})
	if err != nil || small.Usual != im.Usual || small.Excess.Cmp(big.NewRat(2000, 1024)) != 0 || small.Spent != nil {
		t.Errorf("%+v %v", small, err)
	}
	none, err := recovery.Measure(&s, recovery.Scope{Begin: minute(0), End: minute(80)})
	if err != nil || none.Excess != nil || none.Reasons[0].Code != recovery.ReasonNoBaseline {
		t.Errorf("%+v %v", none, err)
	}
	if _, err := recovery.Measure(&s, recovery.Scope{Begin: minute(80), End: minute(80), PeriodEvents: -1, Baseline: recovery.Baseline{Weeks: -1, Before: -1}}); len(sre.ProblemsIn(err)) != 4 {
		t.Error(err)
	}
}

func TestUsualIsThatOfTheWeekday(t *testing.T) {
	s := recovery.Series{SLO: "s", Objective: slo.MustParseObjective("99%")}
	for i := range 24 * 22 {
		c := slo.Counts{Good: 100, Covered: time.Hour, Span: time.Hour}
		if i%168 == 10 { // a job that always fails then
			c = slo.Counts{Good: 90, Bad: 10, Covered: time.Hour, Span: time.Hour}
		}
		s.Slices = append(s.Slices, recovery.Slice{End: epoch.Add(time.Duration(i+1) * time.Hour), Counts: c})
	}
	begin := epoch.Add((3*168 + 10) * time.Hour)
	scope := recovery.Scope{Begin: begin, End: begin.Add(time.Hour), Baseline: recovery.Baseline{Weeks: 2}}
	im, err := recovery.Measure(&s, scope)
	if err != nil || im.Excess.Sign() != 0 || im.UsualCounts.Bad != 20 {
		t.Errorf("%+v %v", im, err)
	}
}

func TestTimelineIsReconciled(t *testing.T) {
	good, bad := constant(180, 1000), constant(180, 0)
	for i := 60; i < 100; i++ {
		good[i], bad[i] = 700, 300
	}
	s := minutes(good, bad)
	c, err := recovery.FindImpact(&s, slo.Ratio{})
	if err != nil || !c.Begin.At.Equal(minute(60)) || !c.End.At.Equal(minute(100)) || c.During != 0.3 || c.Usual != 0 {
		t.Fatalf("%+v %v", c, err)
	}
	var state incident.State
	mark := func(m incident.Milestone, n int) {
		state.Marks[m] = incident.Mark{At: minute(n), Recorded: minute(n)}
	}
	codes := func() string {
		var list []string
		for _, d := range recovery.Reconcile(&state, &c) {
			code := d.Reason.Code
			if d.Propose != nil {
				code += " " + d.Propose.Milestone.String() + " " + d.Propose.At.Format("15:04")
			}
			list = append(list, code)
		}
		return strings.Join(list, ", ")
	}
	mark(incident.DetectedAt, 77)
	if got := codes(); got != "begin_not_stated impact 10:00, impact_before_detection" {
		t.Error(got)
	}
	if text := recovery.Reconcile(&state, &c)[1].Reason.Text; text != "the impact began 17m0s before detection (16m0s to 18m0s)" {
		t.Error(text)
	}
	mark(incident.ImpactBegan, 61)
	mark(incident.MitigatedAt, 100)
	if got := codes(); got != "impact_before_detection, agrees" {
		t.Error(got)
	}
	mark(incident.ImpactBegan, 75)
	mark(incident.MitigatedAt, 90)
	if got := codes(); got != "begin_differs impact 10:00, impact_before_detection, end_differs mitigated 10:40" {
		t.Error(got)
	}
	mark(incident.DetectedAt, 30)
	c.End = recovery.Moment{}
	if got := codes(); got != "begin_differs impact 10:00, detection_before_impact, impact_goes_on" {
		t.Error(got)
	}
	if state.Marks[incident.ImpactBegan].At != minute(75) {
		t.Error("a proposal was applied")
	}
}

func BenchmarkDecide(b *testing.B) {
	facts := recovery.Facts{Series: []recovery.Series{minutes(constant(240, 1000), constant(240, 0))}}
	b.ReportAllocs()
	for b.Loop() {
		if policy.Decide(facts, minute(240)).Finding != incident.Recovered {
			b.Fatal()
		}
	}
}

func BenchmarkFindImpact(b *testing.B) {
	s := simulate(rand.New(rand.NewPCG(1, 1)), 1440, 300, 0.001, 0.02, 600, 660)
	b.ReportAllocs()
	for b.Loop() {
		if c, err := recovery.FindImpact(&s, slo.Ratio{}); err != nil || !c.Found() {
			b.Fatal(err)
		}
	}
}
