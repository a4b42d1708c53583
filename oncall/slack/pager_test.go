package slack_test

import (
	"context"
	"errors"
	"fmt"
	"html"
	"net/http"
	"strings"
	"testing"
	"testing/synctest"
	"time"
	"unicode/utf8"

	"pgregory.net/rapid"

	"github.com/sre-sdk/sre"
	"github.com/sre-sdk/sre/oncall"
	"github.com/sre-sdk/sre/oncall/oncalltest"
	"github.com/sre-sdk/sre/oncall/slack"
)

func TestPagerKeepsTheContract(t *testing.T) {
	oncalltest.TestPager(t, func(t *testing.T) oncalltest.Subject {
		s := newWorkspace(t)
		s.burst = 8
		return oncalltest.Subject{
			Pager: s.pager(t, func(c *slack.Config) { c.Burst = 8 }), Good: page("good", "C0DB"), Bad: page("bad", "U0GONE"),
			Received: func() (keys []string) {
				for _, m := range s.seen("C0DB") {
					keys = append(keys, m.Buttons[0].Value)
				}
				return keys
			},
			Limit: func() {
				s.Fail(func(w http.ResponseWriter, _ *http.Request, _ func()) bool {
					w.Header().Set("Retry-After", "30")
					w.WriteHeader(http.StatusTooManyRequests)
					return true
				})
			},
			Hang: func() {
				s.Fail(func(_ http.ResponseWriter, r *http.Request, _ func()) bool { <-r.Context().Done(); return true })
			},
			Break: func() { s.Fail(func(http.ResponseWriter, *http.Request, func()) bool { panic(http.ErrAbortHandler) }) },
			Mend:  func() { s.Fail(nil); s.clock.Advance(time.Minute) },
		}
	})
}

func TestMessageSaysWhatTheDeliverySays(t *testing.T) {
	s := newWorkspace(t)
	receipt, err := s.pager(t).Send(t.Context(), page("k", "U0ALICE"))
	if err != nil {
		t.Fatal(err)
	}
	m := s.seen("U0ALICE")[0]
	got := fmt.Sprint(m.Header, "|", m.Sections, "|", m.Context, "|", m.Text, "|", m.Mentions)
	const want = "P1: db is down|[no primary since 12:00]|[For alice]|P1: db is down\nno primary since 12:00|[]"
	if got != want {
		t.Errorf("got  %s\nwant %s", got, want)
	}
	acknowledge, show := m.Buttons[0], m.Buttons[1]
	if acknowledge.ActionID != slack.ActionAcknowledge || acknowledge.Value != "k" || acknowledge.URL != "" {
		t.Errorf("the first button is %+v", acknowledge)
	}
	if show.ActionID != slack.ActionShow || show.URL != "https://example.com/incidents/1" || show.Value != "" {
		t.Errorf("the second button is %+v", show)
	}
	if receipt.ID != m.TS || !receipt.At.Equal(start) {
		t.Errorf("receipt %+v, want timestamp %s", receipt, m.TS)
	}
}

func TestAcknowledgeIsOfferedOnlyWithAHandler(t *testing.T) {
	s := newWorkspace(t)
	if _, err := s.pager(t, func(c *slack.Config) { c.Button = false }).Send(t.Context(), page("k", "C0DB")); err != nil {
		t.Fatal(err)
	}
	if b := s.seen("C0DB")[0].Buttons; len(b) != 1 || b[0].ActionID != slack.ActionShow {
		t.Errorf("buttons %+v, want only the link", b)
	}
}

func TestTextCallsNobody(t *testing.T) {
	s := newWorkspace(t)
	p := s.pager(t)
	for i, text := range []string{
		"<!here> fire", "<!channel|x>", "@channel @HERE @everyone", "<@U0ALICE>", "<#C0DB>", "<https://evil.example|https://good.example>",
		"a < b && c > d", "&lt;!here&gt;", "<!subteam^S1>", "<!date^1^{date}^https://evil.example|x>", "*bold* `code` :fire:",
		strings.Repeat("&", 5000), strings.Repeat("<!here>", 3000), "\u202e<!here>\x00\x1b[31m",
	} {
		d := page(fmt.Sprint("k", i), "C0DB")
		d.Title, d.Body, d.Person = text, text, text
		if _, err := p.Send(t.Context(), d); err != nil {
			t.Fatalf("%q: %v", text, err)
		}
		s.clock.Advance(time.Second)
		all := s.seen("C0DB")
		m := all[len(all)-1]
		shown := strings.Join(append(append(m.Sections, m.Context...), m.Header, m.Text), " ")
		if len(m.Mentions) != 0 || strings.ContainsAny(strings.NewReplacer("&amp;", "", "&lt;", "", "&gt;", "").Replace(shown), "<>&") {
			t.Errorf("%.60q mentions %q", text, m.Mentions)
		}
		if strings.ContainsAny(shown, "\u202e\x00\x1b") {
			t.Errorf("%.60q is shown with controls", text)
		}
		for _, word := range []string{"@channel", "@here", "@everyone"} {
			if strings.Contains(strings.ToLower(shown), word) {
				t.Errorf("%.60q is shown with %s", text, word)
			}
		}
	}
}

func TestAnyTextFits(t *testing.T) {
	s := newWorkspace(t)
	p := s.pager(t)
	n := 0
	rapid.Check(t, func(t *rapid.T) {
		n++
		long := func(name string) string {
			return strings.Repeat(rapid.StringN(0, 40, -1).Draw(t, name), rapid.SampledFrom([]int{1, 10, 1000}).Draw(t, name+" times"))
		}
		d := page(fmt.Sprint("k", n), "C0DB")
		d.Title, d.Body, d.Person = long("title"), long("body"), long("person")
		if _, err := p.Send(t.Context(), d); err != nil {
			t.Fatal(err)
		}
		s.clock.Advance(time.Second)
		m := s.messages[len(s.messages)-1]
		if !utf8.ValidString(m.Header + m.Text + strings.Join(m.Sections, "")) {
			t.Fatal("not UTF-8")
		}
	})
}

func TestLongTextIsCutBetweenCharacters(t *testing.T) {
	s := newWorkspace(t)
	d := page("k", "C0DB")
	d.Title, d.Body = strings.Repeat("ä", 200), strings.Repeat("<\U0001F4A5", 5000)
	if _, err := s.pager(t).Send(t.Context(), d); err != nil {
		t.Fatal(err)
	}
	m := s.seen("C0DB")[0]
	if want := "P1: " + strings.Repeat("ä", 145) + "…"; m.Header != want {
		t.Errorf("header %q, want %q", m.Header, want)
	}
	if len(m.Sections) != slack.MaxSections {
		t.Fatalf("%d sections, want %d", len(m.Sections), slack.MaxSections)
	}
	whole := html.UnescapeString(strings.Join(m.Sections, ""))
	if body, cut := strings.CutSuffix(whole, "…"); !cut || !strings.HasPrefix(d.Body, body) || units(m.Sections[0]) < slack.MaxSection-5 {
		t.Errorf("the sections are not the beginning of the body: ...%q", whole[len(whole)-40:])
	}
}

func TestLinkThatIsNoButtonStandsInTheBody(t *testing.T) {
	s := newWorkspace(t)
	d := page(strings.Repeat("k", slack.MaxButtonValue+1), "C0DB")
	d.Link = "runbook: /docs/db"
	if _, err := s.pager(t).Send(t.Context(), d); err != nil {
		t.Fatal(err)
	}
	if m := s.seen("C0DB")[0]; len(m.Buttons) != 0 || !strings.HasSuffix(m.Sections[0], d.Link) {
		t.Errorf("%+v", m)
	}
}

func TestEmptyDeliveryStillPages(t *testing.T) {
	s := newWorkspace(t)
	if _, err := s.pager(t).Send(t.Context(), oncall.Delivery{Key: "k", Contact: oncall.Contact{Address: "C0DB"}}); err != nil {
		t.Fatal(err)
	}
	if m := s.seen("C0DB")[0]; m.Header != "unknown: Page" {
		t.Errorf("header %q", m.Header)
	}
}

func TestRepeatedKeyIsNotSentAgain(t *testing.T) {
	s := newWorkspace(t)
	p := s.pager(t)
	first, err := p.Send(t.Context(), page("k", "C0DB"))
	if err != nil {
		t.Fatal(err)
	}
	second, err := p.Send(t.Context(), page("k", "C0DB"))
	if err != nil || first != second || len(s.seen("C0DB")) != 1 {
		t.Errorf("%v and %v, %v, %d messages; want the same receipt and one message", first, second, err, len(s.seen("C0DB")))
	}
}

func TestMemoryIsBounded(t *testing.T) {
	s := newWorkspace(t)
	p := s.pager(t)
	for i := range slack.MaxRemembered + 1 {
		if _, err := p.Send(t.Context(), page(fmt.Sprint("k", i), "C0DB")); err != nil {
			t.Fatal(err)
		}
		s.clock.Advance(time.Second)
	}
	p.Send(t.Context(), page("k1", "C0DB"))
	if n := len(s.seen("C0DB")); n != slack.MaxRemembered+1 {
		t.Errorf("%d messages: the second key was forgotten", n)
	}
	p.Send(t.Context(), page("k0", "C0DB"))
	if n := len(s.seen("C0DB")); n != slack.MaxRemembered+2 {
		t.Errorf("%d messages: the first key was not forgotten", n)
	}
}

func TestLookbackFindsWhatAnotherProcessSent(t *testing.T) {
	s := newWorkspace(t)
	look := func(c *slack.Config) { c.Lookback = time.Minute }
	first, err := s.pager(t, look).Send(t.Context(), page("k", "C0DB"))
	if err != nil {
		t.Fatal(err)
	}
	s.clock.Advance(30 * time.Second)
	second, err := s.pager(t, look).Send(t.Context(), page("k", "C0DB"))
	if err != nil || second.ID != first.ID || len(s.seen("C0DB")) != 1 {
		t.Errorf("%v, %v, %d messages; want the first one", second, err, len(s.seen("C0DB")))
	}
	if m := string(s.seen("C0DB")[0].Metadata); strings.Contains(m, `"k"`) || m == "" {
		t.Errorf("metadata %s, want a mark without the key", m)
	}
	s.clock.Advance(time.Minute)
	if third, err := s.pager(t, look).Send(t.Context(), page("k", "C0DB")); err != nil || third.ID == first.ID {
		t.Errorf("%v, %v; want another message after the lookback", third, err)
	}
	before := s.lookups
	if _, err := s.pager(t, look).Send(t.Context(), page("k", "U0ALICE")); err != nil || s.lookups != before {
		t.Errorf("%v, %d look-ups for a user, want 0", err, s.lookups-before)
	}
}

func TestFailedLookupDoesNotHoldAPageBack(t *testing.T) {
	s := newWorkspace(t)
	s.history = false
	if _, err := s.pager(t, func(c *slack.Config) { c.Lookback = time.Minute }).Send(t.Context(), page("k", "C0DB")); err != nil || len(s.seen("C0DB")) != 1 || s.lookups != 1 {
		t.Errorf("%v, %d messages after %d look-ups", err, len(s.seen("C0DB")), s.lookups)
	}
}

func TestOneMessageASecondAndChannel(t *testing.T) {
	s := newWorkspace(t)
	p := s.pager(t)
	if _, err := p.Send(t.Context(), page("a", "C0DB")); err != nil {
		t.Fatal(err)
	}
	s.clock.Advance(300 * time.Millisecond)
	var limit oncall.RateLimited
	if _, err := p.Send(t.Context(), page("b", "C0DB")); !errors.As(err, &limit) || limit.After != 700*time.Millisecond {
		t.Fatalf("%v, want a wait of 700 ms", err)
	}
	if _, err := p.Send(t.Context(), page("b", "C0WEB")); err != nil {
		t.Errorf("another channel: %v", err)
	}
	s.clock.Advance(limit.After)
	if _, err := p.Send(t.Context(), page("b", "C0DB")); err != nil || s.refused != 0 {
		t.Errorf("after the wait: %v; Slack refused %d", err, s.refused)
	}
}

func TestPauseHoldsTheChannelBack(t *testing.T) {
	for _, test := range []struct {
		header string
		want   time.Duration
	}{
		{"7", 7 * time.Second}, {"", 15 * time.Second}, {"soon", 15 * time.Second}, {"0", 15 * time.Second}, {"86400", slack.MaxRetryAfter},
	} {
		s := newWorkspace(t)
		p, calls := s.pager(t), 0
		s.Fail(func(w http.ResponseWriter, _ *http.Request, _ func()) bool {
			calls++
			w.Header().Set("Retry-After", test.header)
			w.WriteHeader(http.StatusTooManyRequests)
			return true
		})
		for range 2 {
			var limit oncall.RateLimited
			if _, err := p.Send(t.Context(), page("k", "C0DB")); !errors.As(err, &limit) || limit.After != test.want {
				t.Errorf("Retry-After %q: %v, want a wait of %s", test.header, err, test.want)
			}
		}
		if calls != 1 {
			t.Errorf("Retry-After %q: %d calls, want 1", test.header, calls)
		}
	}
}

func TestAnswersAreClassified(t *testing.T) {
	const (
		again = iota
		permanent
		refused // the token
		limited
	)
	code := func(c string) string { return fmt.Sprintf(`{"ok":false,"error":%q}`, c) }
	for _, test := range []struct {
		status int
		body   string
		want   int
	}{
		{200, code("channel_not_found"), permanent}, {200, code("user_disabled"), permanent}, {200, code("is_archived"), permanent},
		{200, code("not_in_channel"), permanent}, {200, code("restricted_action"), permanent}, {200, code("restricted_action_read_only_channel"), permanent},
		{200, code("slack_connect_canvas_sharing_blocked"), permanent}, {200, code("msg_too_long"), permanent},
		{200, code("msg_blocks_too_long"), permanent}, {200, code("invalid_blocks"), permanent}, {200, code("no_text"), permanent},
		{200, code("metadata_too_large"), permanent}, {200, code("ekm_access_denied"), permanent},
		{200, code("account_inactive"), refused}, {200, code("invalid_auth"), refused}, {200, code("token_revoked"), refused},
		{200, code("token_expired"), refused}, {200, code("not_authed"), refused}, {403, code("invalid_auth"), refused},
		{200, `{"ok":false,"error":"missing_scope","needed":"chat:write"}`, refused},
		{200, code("rate_limited"), limited}, {200, code("ratelimited"), limited}, {200, code("message_limit_exceeded"), limited},
		{429, code("ratelimited"), limited}, {429, "", limited},
		{200, code("internal_error"), again}, {200, code("fatal_error"), again}, {200, code("service_unavailable"), again},
		{200, code("team_added_to_org"), again}, {200, code("something_new"), again}, {200, code(""), again},
		{200, "{}", again}, {200, "", again}, {200, "<html>", again}, {200, `{"ok":true}`, again}, {200, `{"ok":true,"ts":"now"}`, again},
		{200, `{"ok":false,"ts":"1.2"}`, again}, {200, strings.Repeat(" ", 5<<20) + `{"ok":true,"ts":"1.2"}`, again},
		{202, `{"ok":true,"ts":"1.2"}`, again}, {302, "", again}, {307, "", again}, {403, "<html>", again}, {404, "", again},
		{500, "", again}, {503, code("invalid_auth"), again},
	} {
		s := newWorkspace(t)
		s.Fail(func(w http.ResponseWriter, r *http.Request, _ func()) bool {
			w.Header().Set("Location", s.URL+"/api/chat.postMessage")
			w.WriteHeader(test.status)
			fmt.Fprint(w, test.body)
			return true
		})
		_, err := s.pager(t).Send(t.Context(), page("k", "C0DB"))
		got := again
		var limit oncall.RateLimited
		switch {
		case err == nil:
			t.Errorf("%d %.60s: success", test.status, test.body)
		case errors.Is(err, slack.ErrToken) && errors.Is(err, oncall.ErrPermanent):
			got = refused
		case errors.Is(err, oncall.ErrPermanent):
			got = permanent
		case errors.As(err, &limit) && limit.After > 0:
			got = limited
		}
		if got != test.want {
			t.Errorf("%d %.60s: class %d, want %d: %v", test.status, test.body, got, test.want, err)
		}
	}
}

func TestNoAnswerIsNoSuccess(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		silent := roundTripper(func(r *http.Request) (*http.Response, error) {
			<-r.Context().Done()
			return nil, r.Context().Err()
		})
		p, err := slack.New(slack.Config{Token: token, Transport: silent, Lookback: time.Minute})
		if err != nil {
			t.Fatal(err)
		}
		began := time.Now()
		_, err = p.Send(t.Context(), page("k", "C0DB"))
		if took := time.Since(began); !errors.Is(err, context.DeadlineExceeded) || errors.Is(err, oncall.ErrPermanent) || took != slack.LookupTimeout+slack.DefaultTimeout {
			t.Errorf("%v after %s", err, took)
		}
		ctx, cancel := context.WithTimeout(t.Context(), time.Second)
		defer cancel()
		began = time.Now()
		_, err = p.Send(ctx, page("k", "C0WEB"))
		if took := time.Since(began); !errors.Is(err, context.DeadlineExceeded) || took != time.Second {
			t.Errorf("%v after %s, want the caller's deadline", err, took)
		}
	})
}

type roundTripper func(*http.Request) (*http.Response, error)

func (f roundTripper) RoundTrip(r *http.Request) (*http.Response, error) { return f(r) }

func TestNothingPrintsASecret(t *testing.T) {
	s := newWorkspace(t)
	const other, odd, signing = "xoxb-999-OTHERTOKEN", "of.another.form", "5ecret5ecret5ecret5ecret"
	var texts []string
	note := func(values ...any) {
		for _, v := range values {
			for _, format := range []string{"%v", "%+v", "%#v", "%s"} {
				texts = append(texts, fmt.Sprintf(format, v))
			}
		}
	}
	talkative := roundTripper(func(r *http.Request) (*http.Response, error) {
		if err := r.ParseForm(); err != nil {
			return nil, err
		}
		return nil, fmt.Errorf("cannot send %q instead of xoxp-1-%s", r.PostForm.Get("token"), "OTHERTOKEN")
	})
	echo := func(w http.ResponseWriter, r *http.Request, _ func()) bool {
		refuse(w, "bad token "+r.PostForm.Get("token"))
		return true
	}
	for _, transport := range []http.RoundTripper{nil, talkative} {
		for _, tok := range []string{token, other, odd} {
			c := slack.Config{Token: tok, BaseURL: s.URL + "/api/", Transport: transport}
			p, err := slack.New(c)
			if err != nil {
				t.Fatal(err)
			}
			note(c, &c, p)
			for i, address := range []string{"C0DB", "U0GONE", "no such channel", "C0NOBODY"} {
				s.Fail(nil)
				if i == 0 {
					s.Fail(echo)
				}
				_, err := p.Send(t.Context(), page("k", address))
				note(err)
				if transport == nil && err != nil && strings.Contains(err.Error(), address) {
					t.Errorf("the address is shown: %v", err)
				}
			}
			note(p, *p)
		}
	}
	h, err := slack.NewHandler(slack.HandlerConfig{SigningSecret: signing, Acknowledge: func(context.Context, slack.Press) error { return nil }})
	if err != nil {
		t.Fatal(err)
	}
	note(h, slack.HandlerConfig{SigningSecret: signing}, slack.HandlerConfig{SigningSecret: signing}.Validate())
	note(slack.Config{Token: "xoxb-999 OTHERTOKEN"}.Validate())
	for _, text := range texts {
		if strings.Contains(text, token[5:]) || strings.Contains(text, "OTHERTOKEN") || strings.Contains(text, odd) || strings.Contains(text, signing) {
			t.Errorf("a secret is shown: %s", text)
		}
	}
}

func TestEveryProblemIsReported(t *testing.T) {
	err := slack.Config{BaseURL: "http://slack.example.com/api/", Lookback: -1, Burst: 1000, Timeout: -1}.Validate()
	if n := len(sre.ProblemsIn(err)); n != 5 {
		t.Errorf("%d problems, want 5: %v", n, err)
	}
	err = slack.HandlerConfig{Timeout: -1}.Validate()
	if n := len(sre.ProblemsIn(err)); n != 3 {
		t.Errorf("%d problems, want 3: %v", n, err)
	}
	for _, base := range []string{"https://slack.com/api", "https://u:p@slack.com/", "slack.com/api/", "https://slack.com/?a=/"} {
		if _, err := slack.New(slack.Config{Token: token, BaseURL: base}); err == nil {
			t.Errorf("%s was accepted", base)
		}
	}
	for _, base := range []string{"", slack.BaseURL, slack.BaseURLGov, "http://127.0.0.1:1/"} {
		if _, err := slack.New(slack.Config{Token: token, BaseURL: base}); err != nil {
			t.Errorf("%s: %v", base, err)
		}
	}
}

func TestDeliveryWithoutKeyOrAddressIsRefused(t *testing.T) {
	s := newWorkspace(t)
	for _, d := range []oncall.Delivery{page("", "C0DB"), page("k", ""), page("k", "a b"), page("k", strings.Repeat("C", 101))} {
		if _, err := s.pager(t).Send(t.Context(), d); !errors.Is(err, oncall.ErrPermanent) {
			t.Errorf("%v, want ErrPermanent", err)
		}
	}
}

// TestEveryPageArrives resends through faults until each page is accepted, as a
// dispatcher does. A page appears twice only after an unknown outcome, and with
// the look-up not even then.
func TestEveryPageArrives(t *testing.T) {
	for _, lookback := range []time.Duration{0, 5 * time.Minute} {
		for seed := range uint64(3) {
			s := newWorkspace(t)
			lost := 0
			s.Fail(chaos(seed, &lost))
			p := s.pager(t, func(c *slack.Config) { c.Lookback = lookback })
			channels := []string{"C0DB", "C0WEB", "G0PRIV"}
			const pages = 60
			var waiting []oncall.Delivery
			for i := range pages {
				waiting = append(waiting, page(fmt.Sprintf("page-%d", i), channels[i%3]))
			}
			for len(waiting) > 0 {
				var again []oncall.Delivery
				for _, d := range waiting {
					_, err := p.Send(t.Context(), d)
					switch {
					case errors.Is(err, oncall.ErrPermanent):
						t.Fatal(err)
					case err != nil:
						again = append(again, d)
					}
				}
				waiting = again
				s.clock.Advance(time.Second)
			}
			count := map[string]int{}
			for _, m := range s.messages {
				count[m.Buttons[0].Value]++
			}
			twice := len(s.messages) - pages
			if len(count) != pages {
				t.Errorf("%d of %d pages arrived", len(count), pages)
			}
			if twice > lost || lookback > 0 && twice > 0 {
				t.Errorf("lookback %s, seed %d: %d repetitions after %d unknown outcomes", lookback, seed, twice, lost)
			}
			if s.refused != 0 {
				t.Errorf("Slack refused %d messages for their rate, want 0", s.refused)
			}
			t.Logf("lookback %s, seed %d: %d unknown outcomes, %d repetitions", lookback, seed, lost, twice)
		}
	}
}
