package slack_test

import (
	"encoding/json"
	"fmt"
	"io"
	"math/rand/v2"
	"net/http"
	"net/http/httptest"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"sync"
	"testing"
	"time"
	"unicode/utf16"

	"github.com/sre-sdk/sre/oncall"
	"github.com/sre-sdk/sre/oncall/slack"
)

var start = time.Date(2026, 3, 1, 12, 0, 0, 0, time.UTC)

// A clock that stands until it is told to go on.
type clock struct {
	mu  sync.Mutex
	now time.Time
}

func newClock() *clock { return &clock{now: start} }

func (c *clock) Now() time.Time {
	c.mu.Lock()
	defer c.mu.Unlock()
	return c.now
}

func (c *clock) Advance(d time.Duration) {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.now = c.now.Add(d)
}

// Not a token, but of the form of one.
const token = "xoxb-1234-5678-abcdefghij"

// Conversations of the workspace, and what Slack says about each.
var conversations = map[string]string{
	"C0DB": "", "C0WEB": "", "G0PRIV": "", "U0ALICE": "", // good
	"C0OLD": "is_archived", "C0CLOSED": "not_in_channel", "U0GONE": "user_disabled",
}

// A posted message, as people see it.
type posted struct {
	Channel, TS, Text string
	Header            string
	Sections          []string
	Context           []string
	Buttons           []button
	Metadata          json.RawMessage
	Mentions          []string // whom it calls
	at                time.Time
}

type button struct {
	ActionID string `json:"action_id"`
	Value    string `json:"value"`
	URL      string `json:"url"`
	Text     text   `json:"text"`
}

type text struct {
	Type     string `json:"type"`
	Text     string `json:"text"`
	Emoji    *bool  `json:"emoji"`
	Verbatim bool   `json:"verbatim"`
}

// workspace stands for Slack: it holds calls to the documented rules.
type workspace struct {
	*httptest.Server
	clock   *clock
	burst   int
	history bool // whether the token has the scopes

	mu       sync.Mutex
	calls    map[string][]time.Time
	messages []posted
	refused  int // for more than one message a second and channel
	lookups  int
	fault    func(w http.ResponseWriter, r *http.Request, accept func()) bool
}

func newWorkspace(t testing.TB) *workspace {
	s := &workspace{clock: newClock(), burst: 1, history: true, calls: map[string][]time.Time{}}
	s.Server = httptest.NewServer(s)
	t.Cleanup(s.Close)
	return s
}

// Fail makes fault answer posts; it may have one accepted first, and returns
// false for what it leaves alone.
func (s *workspace) Fail(fault func(w http.ResponseWriter, r *http.Request, accept func()) bool) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.fault = fault
}

func (s *workspace) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	s.mu.Lock()
	fault := s.fault
	s.mu.Unlock()
	if r.ParseForm() != nil || r.Method != http.MethodPost || r.Header.Get("Content-Type") != "application/x-www-form-urlencoded" {
		refuse(w, "invalid_post_type")
		return
	}
	switch {
	case r.PostForm.Get("token") == "" && r.Header.Get("Authorization") == "":
		refuse(w, "not_authed")
	case r.PostForm.Get("token") != token && r.Header.Get("Authorization") != "Bearer "+token:
		refuse(w, "invalid_auth")
	case r.URL.Path == "/api/chat.postMessage":
		accept := func() { s.post(httptest.NewRecorder(), r) }
		if fault == nil || !fault(w, r, accept) {
			s.post(w, r)
		}
	case r.URL.Path == "/api/conversations.history":
		s.read(w, r)
	default:
		refuse(w, "unknown_method")
	}
}

func (s *workspace) post(w http.ResponseWriter, r *http.Request) {
	s.mu.Lock()
	defer s.mu.Unlock()
	for name := range r.PostForm {
		if !slices.Contains([]string{"token", "channel", "text", "blocks", "metadata", "unfurl_links", "unfurl_media"}, name) {
			refuse(w, "invalid_arg_name")
			return
		}
	}
	m, code := parseMessage(r.PostForm.Get)
	if why, known := conversations[m.Channel]; !known {
		code = "channel_not_found"
	} else if why != "" {
		code = why
	}
	if code != "" {
		refuse(w, code)
		return
	}
	now := s.clock.Now()
	span := time.Duration(s.burst) * time.Second
	s.calls[m.Channel] = slices.DeleteFunc(s.calls[m.Channel], func(at time.Time) bool { return now.Sub(at) >= span })
	if len(s.calls[m.Channel]) >= s.burst {
		s.refused++
		w.Header().Set("Retry-After", "1")
		w.WriteHeader(http.StatusTooManyRequests)
		return
	}
	s.calls[m.Channel] = append(s.calls[m.Channel], now)
	m.TS, m.at = fmt.Sprintf("%d.%06d", now.Unix(), len(s.messages)), now
	s.messages = append(s.messages, m)
	reply(w, map[string]any{"ok": true, "channel": m.Channel, "ts": m.TS, "message": map[string]string{"text": m.Text}})
}

func (s *workspace) read(w http.ResponseWriter, r *http.Request) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.lookups++
	limit, _ := strconv.Atoi(r.PostForm.Get("limit"))
	oldest, _ := strconv.ParseFloat(r.PostForm.Get("oldest"), 64)
	switch {
	case !s.history:
		reply(w, map[string]any{"ok": false, "error": "missing_scope", "needed": "channels:history", "provided": "chat:write"})
		return
	case limit < 1 || limit > 999:
		refuse(w, "invalid_limit")
		return
	}
	list := []map[string]any{}
	for _, m := range slices.Backward(s.messages) {
		if m.Channel == r.PostForm.Get("channel") && float64(m.at.Unix()) >= oldest && len(list) < limit {
			message := map[string]any{"type": "message", "ts": m.TS, "text": m.Text}
			if r.PostForm.Get("include_all_metadata") == "1" && m.Metadata != nil {
				message["metadata"] = m.Metadata
			}
			list = append(list, message)
		}
	}
	reply(w, map[string]any{"ok": true, "messages": list})
}

var (
	mention = regexp.MustCompile(`<[!@#][^>]*>`)
	entity  = regexp.MustCompile(`&(amp|lt|gt);`)
)

// parseMessage checks the documented limits of a message.
func parseMessage(form func(string) string) (m posted, code string) {
	m.Channel, m.Text = form("channel"), form("text")
	if m.Text == "" {
		return m, "no_text"
	}
	if units(m.Text) > 40_000 {
		return m, "msg_too_long"
	}
	total := 0
	note := func(t text, most int) bool {
		total += units(t.Text)
		m.Mentions = append(m.Mentions, mention.FindAllString(t.Text, -1)...)
		plain := t.Type == "plain_text" && !t.Verbatim || t.Type == "mrkdwn" && t.Emoji == nil
		return plain && units(t.Text) >= 1 && units(t.Text) <= most
	}
	m.Mentions = mention.FindAllString(m.Text, -1)
	if strings.ContainsAny(entity.ReplaceAllString(m.Text, ""), "<>&") {
		m.Mentions = append(m.Mentions, "not escaped: "+m.Text)
	}
	var blocks []struct {
		Type     string
		Text     text
		Elements json.RawMessage
	}
	if json.Unmarshal([]byte(form("blocks")), &blocks) != nil {
		return m, "invalid_blocks_format"
	}
	ok := len(blocks) <= 50
	for _, b := range blocks {
		switch b.Type {
		case "header":
			ok = ok && note(b.Text, 150) && b.Text.Type == "plain_text"
			m.Header = b.Text.Text
		case "section":
			ok = ok && note(b.Text, 3000)
			m.Sections = append(m.Sections, b.Text.Text)
		case "context":
			var elements []text
			ok = ok && json.Unmarshal(b.Elements, &elements) == nil && len(elements) >= 1 && len(elements) <= 10
			for _, e := range elements {
				ok = ok && note(e, 3000)
				m.Context = append(m.Context, e.Text)
			}
		case "actions":
			var elements []button
			ok = ok && json.Unmarshal(b.Elements, &elements) == nil && len(elements) >= 1 && len(elements) <= 25
			seen := map[string]bool{}
			for _, e := range elements {
				ok = ok && note(e.Text, 75) && len(e.Value) <= 2000 && len(e.URL) <= 3000 && e.ActionID != "" && len(e.ActionID) <= 255 && !seen[e.ActionID]
				seen[e.ActionID] = true
			}
			m.Buttons = elements
		default:
			ok = false
		}
	}
	switch {
	case !ok:
		return m, "invalid_blocks"
	case total > 13_000: // measured by others, not documented
		return m, "msg_blocks_too_long"
	}
	if metadata := form("metadata"); metadata != "" {
		var v struct {
			Type    string            `json:"event_type"`
			Payload map[string]string `json:"event_payload"`
		}
		if json.Unmarshal([]byte(metadata), &v) != nil || v.Type == "" || len(v.Payload) == 0 {
			return m, "invalid_metadata_format"
		}
		m.Metadata = json.RawMessage(metadata)
	}
	return m, ""
}

func units(s string) int { return len(utf16.Encode([]rune(s))) }

func reply(w http.ResponseWriter, v any) {
	w.Header().Set("Content-Type", "application/json; charset=utf-8")
	json.NewEncoder(w).Encode(v)
}

func refuse(w http.ResponseWriter, code string) {
	reply(w, map[string]any{"ok": false, "error": code})
}

// seen returns the messages of a channel.
func (s *workspace) seen(channel string) (list []posted) {
	s.mu.Lock()
	defer s.mu.Unlock()
	for _, m := range s.messages {
		if m.Channel == channel {
			list = append(list, m)
		}
	}
	return list
}

func (s *workspace) pager(t testing.TB, change ...func(*slack.Config)) *slack.Pager {
	t.Helper()
	c := slack.Config{Token: token, BaseURL: s.URL + "/api/", Button: true, Now: s.clock.Now}
	for _, f := range change {
		f(&c)
	}
	p, err := slack.New(c)
	if err != nil {
		t.Fatal(err)
	}
	return p
}

func page(key, address string) oncall.Delivery {
	return oncall.Delivery{
		Key: key, Person: "alice", Contact: oncall.Contact{ID: "chat", Kind: oncall.Chat, Address: address},
		Severity: 1, Title: "db is down", Body: "no primary since 12:00", Link: "https://example.com/incidents/1",
	}
}

// chaos loses answers before and after the message was accepted, and answers 429,
// 5xx and nonsense, at random. It counts what it accepted without saying so.
func chaos(seed uint64, lost *int) func(http.ResponseWriter, *http.Request, func()) bool {
	var mu sync.Mutex
	random := rand.New(rand.NewPCG(seed, 1))
	return func(w http.ResponseWriter, _ *http.Request, accept func()) bool {
		mu.Lock()
		defer mu.Unlock()
		switch random.IntN(12) {
		case 0:
			w.Header().Set("Retry-After", "3")
			w.WriteHeader(http.StatusTooManyRequests)
		case 1:
			refuse(w, "rate_limited")
		case 2:
			w.WriteHeader(http.StatusServiceUnavailable)
			io.WriteString(w, "<html>")
		case 3:
			accept()
			*lost++
			refuse(w, "fatal_error")
		case 4:
			accept()
			*lost++
			panic(http.ErrAbortHandler) // the connection breaks
		case 5:
			panic(http.ErrAbortHandler)
		case 6:
			io.WriteString(w, "{}") // nonsense
		default:
			return false
		}
		return true
	}
}
