package intake_test

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/sre-sdk/sre"
	"github.com/sre-sdk/sre/oncall"
	"github.com/sre-sdk/sre/oncall/alert"
	"github.com/sre-sdk/sre/oncall/dispatch/intake"
	"github.com/sre-sdk/sre/oncall/routing"
	"github.com/sre-sdk/sre/storage"
)

var quick = alert.Policy{GroupWait: 10 * time.Second, GroupInterval: time.Minute}

func expect(t *testing.T, what string, got, want any) {
	t.Helper()
	if diff := cmp.Diff(want, got); diff != "" {
		t.Errorf("%s (-want +got):\n%s", what, diff)
	}
}

func TestAnAlertPagesWhomItsRouteNames(t *testing.T) {
	in(t, func(t *testing.T, ctx context.Context) {
		w := newWorld(t, quick, plainRouting, nil)
		w.run()
		db, other := fires(2, "alertname", "Down", "team", "db"), fires(1, "alertname", "Down")
		w.receive(db, other, fires(3, "alertname", "Down", "team", "later"), fires(3, "alertname", "Down", "team", "nobody"))
		time.Sleep(11 * time.Second)
		got := w.open()
		slices.Sort(got)
		expect(t, "open", got, []string{"catchall [alertname Down]", "db [alertname Down team db]"})
		expect(t, "sent", len(w.pager.Sent()), 2)
		expect(t, "groups", len(w.all()), 4)
		if text := w.acts(); !strings.Contains(text, "route db says page") || !strings.Contains(text, "no route matches") || strings.Count(text, "trigger") != 4 {
			t.Errorf("the timelines:\n%s", text)
		}
		w.receive(resolved(db), resolved(other))
		time.Sleep(2 * time.Second)
		expect(t, "open in the end", w.open(), []string{})
	})
}

func TestTheSameMessageAgainCommitsNothing(t *testing.T) {
	in(t, func(t *testing.T, ctx context.Context) {
		w := newWorld(t, quick, plainRouting, nil)
		w.run()
		var list []alert.Alert
		for i := range 500 {
			list = append(list, fires(2, "alertname", fmt.Sprint("A", i%7), "instance", fmt.Sprint(i)))
		}
		var senders sync.WaitGroup
		for range 4 { // several processes of a cluster send the same
			senders.Go(func() { w.receive(list...) })
		}
		senders.Wait()
		time.Sleep(time.Minute)
		expect(t, "pages", len(w.pager.Sent()), 7)
		before := w.pos()
		w.receive(list...)
		slices.Reverse(list)
		w.receive(list...)
		expect(t, "position of the log", w.pos(), before)
	})
}

func TestAPageStaysWhereItIsAndATicketPagesWhenItsHourComes(t *testing.T) {
	in(t, func(t *testing.T, ctx context.Context) {
		routes := routing.Policy{ID: "r", Default: "catchall", Zone: "UTC", Routes: []routing.Route{
			{Name: "office", AtMost: 3, Hours: []oncall.Hours{{From: "09:00", To: "17:00"}}, Policy: "db"},
			{Name: "later", AtMost: 3, Action: routing.Ticket},
			{Name: "night", Policy: "night"},
		}}
		var tickets []string
		w := newWorld(t, quick, routes, func(c *intake.Config) {
			c.Tickets = func(_ context.Context, ticket intake.Ticket) error {
				tickets = append(tickets, ticket.Route+" "+ticket.Effect.Kind.String())
				if len(tickets) == 1 {
					return errors.New("the tracker is down")
				}
				return nil
			}
		})
		w.run()
		a := fires(3, "alertname", "Full")
		again := func() { // Alertmanager repeats what fires
			w.receive(a)
			time.Sleep(time.Hour)
		}
		for time.Now().UTC().Hour() < 8 {
			again()
		}
		expect(t, "at night", w.open(), []string{})
		again() // at 8
		again() // at 9
		expect(t, "in the morning", w.open(), []string{"db [alertname Full]"})
		for time.Now().UTC().Hour() < 20 {
			again()
		}
		expect(t, "in the evening", w.open(), []string{"db [alertname Full]"})
		if !strings.Contains(w.acts(), "route later says ticket") {
			t.Errorf("the timelines do not say why it stays:\n%s", w.acts())
		}
		worse := a
		worse.Severity = 1
		w.receive(worse)
		time.Sleep(time.Minute)
		got := w.open()
		slices.Sort(got)
		expect(t, "when it is worse", got, []string{"db [alertname Full]", "night [alertname Full]"})
		w.receive(resolved(worse))
		time.Sleep(time.Minute)
		expect(t, "in the end", w.open(), []string{})
		expect(t, "tickets", tickets, []string{"later trigger", "later trigger", "later resolve"})
	})
}

func TestSilences(t *testing.T) {
	in(t, func(t *testing.T, ctx context.Context) {
		w := newWorld(t, quick, plainRouting, nil)
		w.run()
		now := time.Now()
		s, err := w.Silence(ctx, alice, alert.Silence{ID: "s1", Matchers: alert.MustMatchers(`alertname="Down"`), Start: now, End: now.Add(time.Hour), Comment: "we know"})
		if err != nil {
			t.Fatal(err)
		}
		before := w.pos()
		if _, err := w.Silence(ctx, alice, s); err != nil {
			t.Fatal(err)
		}
		expect(t, "the same again", w.pos(), before)
		w.receive(fires(1, "alertname", "Down"), fires(1, "alertname", "Up"))
		time.Sleep(30 * time.Minute)
		expect(t, "silenced", w.open(), []string{"catchall [alertname Up]"})
		if text := w.acts(); !strings.Contains(text, "suppressed: 1 alert silenced by s1") {
			t.Errorf("the timelines:\n%s", text)
		}
		if _, ok, err := w.Expire(ctx, alice, "s1", "it was another one"); !ok || err != nil {
			t.Fatal(ok, err)
		}
		time.Sleep(time.Second)
		expect(t, "paged at once", len(w.open()), 2)
		if text := w.acts(); !strings.Contains(text, "released: 1 alert no longer silenced by s1") {
			t.Errorf("the timelines:\n%s", text)
		}
		if _, ok, err := w.Expire(ctx, alice, "nobody", ""); ok || err != nil {
			t.Errorf("a silence that is not: %v, %v", ok, err)
		}
		for name, bad := range map[string]alert.Silence{
			"no comment": {Matchers: alert.MustMatchers(`a="1"`), Start: now, End: now.Add(2 * time.Hour)},
			"everything": {Matchers: alert.MustMatchers(`a=~".*"`), Start: now, End: now.Add(2 * time.Hour), Comment: "x"},
			"past":       {Matchers: alert.MustMatchers(`a="1"`), Start: now.Add(-2 * time.Hour), End: now.Add(-time.Hour), Comment: "x"},
			"too large":  {Matchers: alert.MustMatchers(strings.Repeat(`a="`+strings.Repeat("x", 900)+`",`, 9)), Start: now, End: now.Add(2 * time.Hour), Comment: "x"},
		} {
			if _, err := w.Silence(ctx, alice, bad); len(sre.ProblemsIn(err)) == 0 {
				t.Errorf("%s: %v", name, err)
			}
		}
	})
}

func TestWhatCannotBeReadSilencesNothing(t *testing.T) {
	in(t, func(t *testing.T, ctx context.Context) {
		policy := quick
		policy.Inhibitions = []alert.Inhibition{{Name: "i", Source: alert.MustMatchers(`alertname="Cluster"`), Target: alert.MustMatchers(`alertname="Down"`)}}
		w := newWorld(t, policy, plainRouting, nil)
		w.run()
		for _, kind := range []string{"alert.silences", "alert.sources"} {
			data := []byte(`{"schema":99,"data":{}}`)
			if _, err := w.store.Commit(ctx, storage.Batch{ID: kind, Writes: []storage.Write{{Key: storage.Key{Kind: kind, ID: "all"}, Data: data}}}); err != nil {
				t.Fatal(err)
			}
		}
		w.receive(fires(1, "alertname", "Cluster"), fires(1, "alertname", "Down"))
		time.Sleep(11 * time.Second)
		expect(t, "open", len(w.open()), 2)
	})
}

func TestAnInhibitionReachesAcrossGroupsAndEnds(t *testing.T) {
	in(t, func(t *testing.T, ctx context.Context) {
		policy := quick
		policy.Inhibitions = []alert.Inhibition{{Name: "cluster", Source: alert.MustMatchers(`alertname="Cluster"`), Target: alert.MustMatchers(`alertname="Down"`), Equal: []string{"cluster"}}}
		w := newWorld(t, policy, plainRouting, nil)
		w.run()
		source, down := fires(1, "alertname", "Cluster", "cluster", "c1"), fires(2, "alertname", "Down", "cluster", "c1", "team", "db")
		w.receive(down, fires(2, "alertname", "Down", "cluster", "c2"), source)
		time.Sleep(10 * time.Minute)
		got := w.open()
		slices.Sort(got)
		expect(t, "inhibited", got, []string{"catchall [alertname Cluster cluster c1]", "catchall [alertname Down cluster c2]"})
		w.receive(resolved(source))
		time.Sleep(alert.DefaultMaxFactsAge + 10*time.Second)
		got = w.open()
		slices.Sort(got)
		expect(t, "over", got, []string{"catchall [alertname Down cluster c2]", "db [alertname Down cluster c1 team db]"})
		if text := w.acts(); !strings.Contains(text, "inhibited by cluster") || !strings.Contains(text, "no source fires") {
			t.Errorf("the timelines:\n%s", text)
		}
	})
}

func TestAThrottleCountsTheGroupsOfAService(t *testing.T) {
	in(t, func(t *testing.T, ctx context.Context) {
		policy := quick
		policy.Throttles = []alert.Throttle{{Name: "few", ByService: true, Max: 2, Per: time.Hour}}
		w := newWorld(t, policy, plainRouting, nil)
		w.run()
		for i := range 4 {
			w.receive(fires(2, "alertname", fmt.Sprint("A", i), "service", "web"))
			time.Sleep(time.Minute)
		}
		w.receive(fires(1, "alertname", "Worst", "service", "web"), fires(2, "alertname", "Other", "service", "db"))
		time.Sleep(time.Minute)
		expect(t, "open", len(w.open()), 4)
		time.Sleep(time.Hour)
		expect(t, "open after an hour", len(w.open()), 6)
	})
}

func TestAHeartbeatThatIsNeverHeardPages(t *testing.T) {
	in(t, func(t *testing.T, ctx context.Context) {
		policy := quick
		policy.Heartbeats = []alert.Heartbeat{
			{Name: "watchdog", Match: alert.MustMatchers(`alertname="Watchdog"`), Interval: time.Minute, Service: "monitoring"},
			{Name: "backup", Interval: 24 * time.Hour},
		}
		routes := routing.Policy{ID: "r", Default: "catchall", Routes: []routing.Route{{Name: "monitoring", Services: []string{"monitoring"}, Policy: "db"}}}
		w := newWorld(t, policy, routes, nil)
		w.run()
		for range 5 {
			time.Sleep(time.Minute)
			w.receive(fires(0, "alertname", "Watchdog"))
		}
		expect(t, "healthy", w.open(), []string{})
		time.Sleep(2 * time.Minute)
		expect(t, "missing", w.open(), []string{"db heartbeat watchdog is missing"})
		w.receive(fires(0, "alertname", "Watchdog"))
		time.Sleep(time.Second)
		expect(t, "heard again", w.open(), []string{})
		for range 37 {
			time.Sleep(time.Hour)
			w.receive(fires(0, "alertname", "Watchdog"))
		}
		if got := w.open(); !slices.Contains(got, "catchall heartbeat backup is missing") {
			t.Errorf("a backup that was never heard of: %v", got)
		}
		if err := w.Beat(ctx, "backup"); err != nil {
			t.Fatal(err)
		}
		time.Sleep(time.Second)
		if got := w.open(); slices.Contains(got, "catchall heartbeat backup is missing") {
			t.Errorf("after the backup: %v", got)
		}
		if err := w.Beat(ctx, "unknown"); len(sre.ProblemsIn(err)) != 1 {
			t.Errorf("an unknown heartbeat: %v", err)
		}
	})
}

func TestAGroupThatWasForgottenPagesAnew(t *testing.T) {
	in(t, func(t *testing.T, ctx context.Context) {
		w := newWorld(t, quick, plainRouting, func(c *intake.Config) { c.KeepEnded = time.Hour })
		w.run()
		a := fires(2, "alertname", "Down")
		for range 3 {
			w.receive(a)
			time.Sleep(time.Minute)
			expect(t, "open", len(w.open()), 1)
			w.receive(resolved(a))
			time.Sleep(24 * time.Hour)
			expect(t, "groups", len(w.all()), 0)
		}
	})
}

func TestAPolicyThatIsGoneLeavesItsPagesToTheDefault(t *testing.T) {
	in(t, func(t *testing.T, ctx context.Context) {
		routes := routing.Policy{ID: "r", Default: "catchall", Routes: []routing.Route{{Name: "gone", Policy: "gone"}}}
		w := newWorld(t, quick, routes, nil)
		w.run()
		w.receive(fires(2, "alertname", "Down"))
		time.Sleep(11 * time.Second)
		expect(t, "open", w.open(), []string{"catchall [alertname Down]"})
	})
}

// An alert of the largest allowed size, as many as there is room for, and more.
func TestAStormOfLargeAlertsPages(t *testing.T) {
	in(t, func(t *testing.T, ctx context.Context) {
		w := newWorld(t, quick, plainRouting, nil)
		w.run()
		var list []alert.Alert
		for i := range 1000 {
			a := fires(2, "alertname", "Down", "instance", fmt.Sprint(i), "text", strings.Repeat("<", 300))
			a.Summary, a.Links = strings.Repeat("&", alert.MaxSummary), []alert.Link{{URL: "https://" + strings.Repeat("x", alert.MaxURL-8)}}
			list = append(list, a)
		}
		w.receive(list...)
		time.Sleep(11 * time.Second)
		expect(t, "open", len(w.open()), 1)
		for i := range list {
			list[i] = resolved(list[i])
		}
		w.receive(list...)
		time.Sleep(2 * time.Minute)
		expect(t, "in the end", len(w.open()), 0)
		for _, g := range w.all() {
			again, err := w.Replay(ctx, g.ID)
			if err != nil {
				t.Fatal(err)
			}
			expect(t, "replayed", text(again), text(g))
		}
	})
}

func text(g intake.Group) string {
	data, err := json.MarshalIndent(g, "", " ")
	if err != nil {
		return err.Error()
	}
	return string(data)
}

func TestQualityComesFromTheLog(t *testing.T) {
	in(t, func(t *testing.T, ctx context.Context) {
		w := newWorld(t, quick, plainRouting, nil)
		w.run()
		start := time.Now()
		for range 3 {
			for _, team := range []string{"db", "later", "nobody", ""} {
				a := fires(2, "alertname", "Down", "service", "web", "team", team)
				w.receive(a)
				time.Sleep(time.Minute)
				w.receive(resolved(a))
				time.Sleep(time.Minute)
			}
		}
		facts, err := w.Facts(ctx, start, time.Now(), func(_ context.Context, page string) (routing.Verdict, error) {
			if _, ok, err := w.pages.Get(ctx, page); !ok || err != nil {
				t.Errorf("the page %q is no escalation: %v", page, err)
			}
			return routing.Noise, nil
		})
		if err != nil {
			t.Fatal(err)
		}
		r, err := routing.Measure(facts, 0)
		if err != nil {
			t.Fatal(err)
		}
		expect(t, "report", r, routing.Report{Pages: 6, Tickets: 3, Noise: 6, Repeats: 4, Within: routing.DefaultWithin, Unowned: 3,
			Noisiest: []routing.NameReport{{Name: "Down", Pages: 6, Noise: 6, Repeats: 4, Unowned: 3, Owners: []string{"db"}}}})
	})
}

func TestOneBadAlertKeepsNoOtherFromPaging(t *testing.T) {
	in(t, func(t *testing.T, ctx context.Context) {
		w := newWorld(t, quick, plainRouting, nil)
		w.run()
		bad, reserved := fires(1, "alertname", "Bad"), fires(1, "alertname", "Reserved")
		bad.Fingerprint, reserved.Fingerprint = "no id", "heartbeat:x"
		got, err := w.Receive(ctx, alert.Batch{Alerts: []alert.Alert{bad, fires(1, "alertname", "Good"), reserved}})
		if err != nil || got.Alerts != 1 || len(got.Problems) != 2 || got.Problems[0].Path != "alerts[0].fingerprint" || got.Problems[1].Path != "alerts[2].fingerprint" {
			t.Errorf("%+v, %v", got, err)
		}
		time.Sleep(11 * time.Second)
		expect(t, "open", w.open(), []string{"catchall [alertname Good]"})
	})
}

func TestNewReportsEveryProblem(t *testing.T) {
	_, err := intake.New(intake.Config{Concurrency: -1, KeepEnded: 1, Alerts: quick.MustCompile(), Routing: &routing.Compiled{}})
	var got []string
	for _, p := range sre.ProblemsIn(err) {
		got = append(got, p.Path)
	}
	slices.Sort(got)
	expect(t, "problems", got, []string{"concurrency", "keep_ended", "pages", "routing", "store"})
}

func TestNobodyElseIsPagedWhenTheHourChanges(t *testing.T) {
	in(t, func(t *testing.T, ctx context.Context) {
		routes := routing.Policy{ID: "r", Default: "catchall", Zone: "UTC", Routes: []routing.Route{
			{Name: "office", Hours: []oncall.Hours{{From: "09:00", To: "17:00"}}, Policy: "db"},
			{Name: "night", Policy: "night"},
		}}
		w := newWorld(t, quick, routes, nil)
		w.run()
		time.Sleep(16 * time.Hour)
		a := fires(2, "alertname", "Down")
		for range 4 {
			w.receive(a)
			time.Sleep(time.Hour)
		}
		expect(t, "in the evening", w.open(), []string{"db [alertname Down]"})
		w.receive(resolved(a))
		time.Sleep(2 * time.Minute)
		expect(t, "resolved", w.open(), []string{})
		w.receive(a)
		time.Sleep(time.Minute)
		expect(t, "once more, at night", w.open(), []string{"night [alertname Down]"})
	})
}
