package slack_test

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"net/http"
	"net/http/httptest"
	"regexp"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"
	"unicode/utf8"

	"github.com/sre-sdk/sre/incident"
	"github.com/sre-sdk/sre/incident/incidenttest"
	"github.com/sre-sdk/sre/incident/slack"
)

// Not a token, but of the form of one.
const token = "xoxb-1234-5678-abcdefghij"

// A workspace stands for Slack: it holds calls to the documented rules.
type workspace struct {
	*httptest.Server
	mu       sync.Mutex
	now      time.Time
	posts    map[string][]time.Time
	channels []*room
	scopes   []string // that are missing
	fault    func(w http.ResponseWriter, r *http.Request, accept func()) bool
	calls    map[string]int
}

type room struct {
	ID       string `json:"id"`
	Name     string `json:"name"`
	Creator  string `json:"creator"`
	Private  bool   `json:"is_private"`
	Archived bool   `json:"is_archived"`

	topic string
	texts []string
	users []string
}

const bot = "U0BOT"

// users of the workspace; true: can be invited.
var users = map[string]bool{"U0ANN": true, "U0BOB": true, "U0GUEST": false}

func newWorkspace(t testing.TB) *workspace {
	s := &workspace{now: time.Date(2026, 3, 2, 12, 0, 0, 0, time.UTC), posts: map[string][]time.Time{}, calls: map[string]int{}}
	s.Server = httptest.NewServer(s)
	t.Cleanup(s.Close)
	return s
}

func (s *workspace) clock() time.Time {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.now
}

func (s *workspace) fail(fault func(http.ResponseWriter, *http.Request, func()) bool) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.fault = fault
}

func (s *workspace) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	s.mu.Lock()
	fault := s.fault
	s.mu.Unlock()
	r.ParseForm()
	if fault != nil && fault(w, r, func() { s.serve(httptest.NewRecorder(), r) }) {
		return
	}
	s.serve(w, r)
}

var nameForm = regexp.MustCompile(`^[a-z0-9_-]{1,80}$`)

func (s *workspace) serve(w http.ResponseWriter, r *http.Request) {
	s.mu.Lock()
	defer s.mu.Unlock()
	form := r.PostForm.Get
	reply := func(v map[string]any) {
		w.Header().Set("Content-Type", "application/json")
		json.NewEncoder(w).Encode(v)
	}
	refuse := func(code string) { reply(map[string]any{"ok": false, "error": code}) }
	method := strings.TrimPrefix(r.URL.Path, "/api/")
	s.calls[method]++
	if r.Method != "POST" || r.Header.Get("Content-Type") != "application/x-www-form-urlencoded" {
		refuse("invalid_post_type")
		return
	}
	if form("token") != token && r.Header.Get("Authorization") != "Bearer "+token {
		refuse("invalid_auth")
		return
	}
	if slices.Contains(s.scopes, method) {
		reply(map[string]any{"ok": false, "error": "missing_scope", "needed": "channels:manage"})
		return
	}
	var here *room
	for _, c := range s.channels {
		if c.ID == form("channel") {
			here = c
		}
	}
	switch method {
	case "auth.test":
		reply(map[string]any{"ok": true, "user_id": bot, "team_id": "T0"})
		return
	case "conversations.create":
		name := form("name")
		switch {
		case !nameForm.MatchString(name):
			refuse("invalid_name_specials")
		case slices.ContainsFunc(s.channels, func(c *room) bool { return c.Name == name }): // archived ones too
			refuse("name_taken")
		default:
			c := &room{ID: fmt.Sprintf("C0%d", len(s.channels)), Name: name, Creator: bot, Private: form("is_private") == "true", users: []string{bot}}
			s.channels = append(s.channels, c)
			reply(map[string]any{"ok": true, "channel": c})
		}
		return
	case "conversations.list":
		const page = 2
		from := 0
		fmt.Sscan(form("cursor"), &from)
		next := ""
		if from+page < len(s.channels) {
			next = fmt.Sprint(from + page)
		}
		reply(map[string]any{"ok": true, "channels": s.channels[min(from, len(s.channels)):min(from+page, len(s.channels))], "response_metadata": map[string]string{"next_cursor": next}})
		return
	}
	switch {
	case here == nil:
		refuse("channel_not_found")
	case method == "conversations.archive" && here.Archived:
		refuse("already_archived")
	case here.Archived:
		refuse("is_archived")
	case method == "conversations.archive":
		here.Archived = true
		reply(map[string]any{"ok": true})
	case method == "conversations.setTopic":
		if utf8.RuneCountInString(form("topic")) > 250 {
			refuse("too_long")
			return
		}
		here.topic = form("topic")
		reply(map[string]any{"ok": true, "channel": here})
	case method == "conversations.invite":
		list := strings.Split(form("users"), ",")
		for _, u := range list {
			can, known := users[u]
			switch {
			case u == bot:
				refuse("cant_invite_self")
			case !known:
				refuse("user_not_found")
			case !can:
				refuse("user_is_ultra_restricted")
			case slices.Contains(here.users, u):
				refuse("already_in_channel")
			default:
				continue
			}
			return
		}
		here.users = append(here.users, list...)
		reply(map[string]any{"ok": true, "channel": here})
	case method == "chat.postMessage":
		text := form("text")
		s.posts[here.ID] = slices.DeleteFunc(s.posts[here.ID], func(at time.Time) bool { return s.now.Sub(at) >= time.Second })
		switch {
		case text == "":
			refuse("no_text")
		case utf8.RuneCountInString(text) > 40_000:
			refuse("msg_too_long")
		case len(s.posts[here.ID]) >= 8: // a burst
			w.Header().Set("Retry-After", "1")
			w.WriteHeader(http.StatusTooManyRequests)
		default:
			s.posts[here.ID] = append(s.posts[here.ID], s.now)
			here.texts = append(here.texts, text)
			reply(map[string]any{"ok": true, "channel": here.ID, "ts": fmt.Sprintf("%d.%06d", s.now.Unix(), len(here.texts))})
		}
	default:
		refuse("unknown_method")
	}
}

func (s *workspace) look(id string) (incidenttest.SeenChannel, int) {
	s.mu.Lock()
	defer s.mu.Unlock()
	for _, c := range s.channels {
		if c.ID == id {
			return incidenttest.SeenChannel{Topic: c.topic, Posts: slices.Clone(c.texts), People: slices.Clone(c.users), Archived: c.Archived}, len(s.channels)
		}
	}
	return incidenttest.SeenChannel{}, len(s.channels)
}

func (s *workspace) channel(t testing.TB) *slack.Channel {
	t.Helper()
	c, err := slack.New(slack.Config{Token: token, BaseURL: s.URL + "/api/", Now: s.clock})
	if err != nil {
		t.Fatal(err)
	}
	return c
}

func TestChannelKeepsTheContract(t *testing.T) {
	incidenttest.TestChannel(t, func(t *testing.T) incidenttest.ChannelSubject {
		s := newWorkspace(t)
		return incidenttest.ChannelSubject{
			Channel: s.channel(t), People: []string{"U0ANN", "U0BOB"}, Nobody: "U0GONE", Missing: "C0NONE", Look: s.look,
			Faults: incidenttest.Faults{
				Secret: token,
				Limit: func() {
					s.fail(func(w http.ResponseWriter, _ *http.Request, _ func()) bool {
						w.Header().Set("Retry-After", "30")
						w.WriteHeader(http.StatusTooManyRequests)
						return true
					})
				},
				Break: func() {
					s.fail(func(http.ResponseWriter, *http.Request, func()) bool { panic(http.ErrAbortHandler) })
				},
				Hang: func() {
					s.fail(func(_ http.ResponseWriter, r *http.Request, _ func()) bool { <-r.Context().Done(); return true })
				},
				Mend: func() { s.fail(nil) },
			},
		}
	})
}

func TestALostAnswerMakesOneChannel(t *testing.T) {
	s := newWorkspace(t)
	for i := range 5 {
		s.channels = append(s.channels, &room{ID: fmt.Sprintf("C1%d", i), Name: fmt.Sprint("other-", i), Creator: "U0ANN"})
	}
	s.fail(func(_ http.ResponseWriter, _ *http.Request, accept func()) bool {
		accept()
		panic(http.ErrAbortHandler)
	})
	n := incident.NewChannel{Key: "i", Name: "inc-42"}
	if _, err := s.channel(t).Create(t.Context(), n); err == nil || errors.Is(err, incident.ErrPermanent) {
		t.Fatal(err)
	}
	s.fail(nil)
	ref, err := s.channel(t).Create(t.Context(), n) // another process
	if err != nil || ref.ID != s.channels[5].ID || len(s.channels) != 6 {
		t.Errorf("%v, %v, %d channels", ref, err, len(s.channels))
	}
}

func TestTheChannelOfSomebodyElseIsNotTaken(t *testing.T) {
	s := newWorkspace(t)
	s.channels = append(s.channels, &room{ID: "C0HIS", Name: "inc-42", Creator: "U0ANN"})
	if ref, err := s.channel(t).Create(t.Context(), incident.NewChannel{Key: "i", Name: "inc-42"}); !errors.Is(err, incident.ErrPermanent) {
		t.Error(ref, err)
	}
}

func TestNamesAreBentToTheRules(t *testing.T) {
	for name, want := range map[string]string{"inc-42": "inc-42", "INC-42": "inc-42", "inc_1": "inc_1"} {
		if got := slack.ChannelName(name); got != want {
			t.Errorf("%q is %q, want %q", name, got, want)
		}
	}
	seen := map[string]string{}
	for _, name := range []string{"inc 42", "inc.42", "inc/42", "Zahlung fällt aus", "日本", "#", strings.Repeat("x", 80), strings.Repeat("x", 81), strings.Repeat("x", 200), "--", ""} {
		got := slack.ChannelName(name)
		if !nameForm.MatchString(got) || seen[got] != "" {
			t.Errorf("%q is %q, as is %q", name, got, seen[got])
		}
		seen[got] = name
	}
}

func TestTextCallsNobody(t *testing.T) {
	s := newWorkspace(t)
	c := s.channel(t)
	ref, _ := c.Create(t.Context(), incident.NewChannel{Key: "i", Name: "inc"})
	for i, text := range []string{"<!here> a & b", "@channel @Here @everyone", "<@U0ANN>", "<https://evil.example|good>", "a\u202eb\x1b[31m"} {
		if _, err := c.Post(t.Context(), incident.Post{Key: fmt.Sprint(i), Channel: ref.ID, Text: text}); err != nil {
			t.Fatal(err)
		}
		if err := c.SetTopic(t.Context(), ref.ID, "@here "+text); err != nil {
			t.Fatal(err)
		}
		seen, _ := s.look(ref.ID)
		shown := seen.Posts[i]
		if strings.ContainsAny(shown, "<>\u202e\x1b") || regexp.MustCompile(`(?i)@(channel|here|everyone)`).MatchString(shown+seen.Topic) {
			t.Errorf("%q is shown as %q, %q", text, shown, seen.Topic)
		}
	}
}

func TestALongMessageIsRefusedAndALongTopicCut(t *testing.T) {
	s := newWorkspace(t)
	c := s.channel(t)
	ref, _ := c.Create(t.Context(), incident.NewChannel{Key: "i", Name: "inc"})
	for _, text := range []string{strings.Repeat("x", 40_001), strings.Repeat("&", 8_001), "", " \x00"} {
		if _, err := c.Post(t.Context(), incident.Post{Key: "k", Channel: ref.ID, Text: text}); !errors.Is(err, incident.ErrPermanent) {
			t.Errorf("%.10q: %v", text, err)
		}
	}
	if err := c.SetTopic(t.Context(), ref.ID, strings.Repeat("ä", 1000)); err != nil {
		t.Error(err)
	}
}

func TestAGuestIsNamedAsTheReason(t *testing.T) {
	s := newWorkspace(t)
	c := s.channel(t)
	ref, _ := c.Create(t.Context(), incident.NewChannel{Key: "i", Name: "inc"})
	err := c.Invite(t.Context(), ref.ID, []string{"U0GUEST", "not a user", "U0ANN", bot})
	seen, _ := s.look(ref.ID)
	if !errors.Is(err, incident.ErrPermanent) || !strings.Contains(err.Error(), "2 of 4") || !slices.Equal(seen.People, []string{bot, "U0ANN"}) {
		t.Errorf("%v, %v", err, seen.People)
	}
}

func TestAMissingScopeIsTheToken(t *testing.T) {
	s := newWorkspace(t)
	s.scopes = []string{"conversations.create"}
	_, err := s.channel(t).Create(t.Context(), incident.NewChannel{Key: "i", Name: "inc"})
	if !errors.Is(err, slack.ErrToken) || !errors.Is(err, incident.ErrPermanent) || !strings.Contains(err.Error(), "channels:manage") {
		t.Error(err)
	}
}

func TestForeignAnswersAreNoSuccess(t *testing.T) {
	s := newWorkspace(t)
	c := s.channel(t)
	for _, body := range []string{"", "{}", "[]", "<html>", `{"ok":true}`, `{"ok":true,"ts":"x","channel":{"id":"../x"}}`, `{"ok":false,"error":"` + token + `"}`} {
		s.fail(func(w http.ResponseWriter, _ *http.Request, _ func()) bool { fmt.Fprint(w, body); return true })
		_, made := c.Create(t.Context(), incident.NewChannel{Key: "i", Name: "inc"})
		_, posted := c.Post(t.Context(), incident.Post{Key: "k", Channel: "C0X", Text: "x"})
		for _, err := range []error{made, posted} {
			if err == nil || errors.Is(err, incident.ErrPermanent) || strings.Contains(fmt.Sprintf("%+v", err), token) {
				t.Errorf("%s: %v", body, err)
			}
		}
	}
}

func TestConfigIsCheckedAndDiscreet(t *testing.T) {
	for name, c := range map[string]slack.Config{
		"none": {}, "token": {Token: token + "\n"}, "http": {Token: token, BaseURL: "http://example.com/"}, "slash": {Token: token, BaseURL: "https://example.com"}, "timeout": {Token: token, Timeout: -1},
	} {
		if _, err := slack.New(c); err == nil || strings.Contains(err.Error(), token) {
			t.Errorf("%s: %v", name, err)
		}
	}
	c := slack.Config{Token: token}
	channel, err := slack.New(c)
	if err != nil {
		t.Fatal(err)
	}
	for _, v := range []any{c, &c, channel} {
		if text := fmt.Sprintf("%v %+v %#v %s", v, v, v, v); strings.Contains(text, token) {
			t.Errorf("%T prints the token", v)
		}
	}
}

func Example() {
	channel, err := slack.New(slack.Config{Token: "xoxb-from-the-secret-store"})
	if err != nil {
		fmt.Println(err)
		return
	}
	ctx, cancel := context.WithCancel(context.Background())
	cancel() // nothing is to be sent here
	_, err = channel.Create(ctx, incident.NewChannel{Key: "i-42", Name: "inc-42-checkout"})
	fmt.Println(err)
	// Output: slack: nothing was sent: context canceled
}
