package main

import (
	"bytes"
	"context"
	"fmt"
	"io"
	"net/http"
	"os"
	"path/filepath"
	"regexp"
	"strings"
	"sync"
	"syscall"
	"testing"
	"time"
)

// output is what a process prints.
type output struct {
	mu   sync.Mutex
	text bytes.Buffer
}

func (o *output) Write(p []byte) (int, error) {
	o.mu.Lock()
	defer o.mu.Unlock()
	return o.text.Write(p)
}

func (o *output) String() string {
	o.mu.Lock()
	defer o.mu.Unlock()
	return o.text.String()
}

// started is a service on a local port.
type started struct {
	t           *testing.T
	out, errout output
	url         string
	reload      chan os.Signal
	stop        context.CancelFunc
	code        chan int
}

const (
	senders = "token-of-alertmanager"
	alice   = "token-of-alice-alone"
)

var environment = map[string]string{
	"PAGER_TOKENS": senders, "PAGER_PEOPLE": "alice:" + alice + "\n", "PAGER_LINK_KEYS": "0123456789abcdef0123456789abcdef",
}

func launch(t *testing.T, args ...string) *started {
	t.Helper()
	ctx, stop := context.WithCancel(t.Context())
	s := &started{t: t, stop: stop, code: make(chan int, 1), reload: make(chan os.Signal, 1)}
	go func() {
		s.code <- run(ctx, append([]string{"-listen", "127.0.0.1:0"}, args...), func(name string) string { return environment[name] }, s.reload, &s.out, &s.errout)
	}()
	s.url = "http://" + s.wait(&s.errout, `msg=serving address=(\S+)`)
	return s
}

// wait returns what a pattern finds in an output, when it does.
func (s *started) wait(o *output, pattern string) string {
	s.t.Helper()
	re := regexp.MustCompile(pattern)
	for deadline := time.Now().Add(30 * time.Second); time.Now().Before(deadline); time.Sleep(20 * time.Millisecond) {
		if m := re.FindStringSubmatch(o.String()); m != nil {
			return m[1]
		}
	}
	s.t.Fatalf("waited for %s\n%s%s", pattern, s.out.String(), s.errout.String())
	return ""
}

func (s *started) end() {
	s.t.Helper()
	s.stop()
	if code := <-s.code; code != exitFine {
		s.t.Errorf("it ended with %d:\n%s", code, s.errout.String())
	}
	for _, secret := range []string{senders, alice, environment["PAGER_LINK_KEYS"]} {
		if strings.Contains(s.errout.String(), secret) {
			s.t.Errorf("the log has a secret:\n%s", s.errout.String())
		}
	}
}

func (s *started) ask(method, path, token, body string) (int, string) {
	s.t.Helper()
	if !strings.HasPrefix(path, "http") {
		path = s.url + path
	}
	r, err := http.NewRequestWithContext(s.t.Context(), method, path, strings.NewReader(body))
	if err != nil {
		s.t.Fatal(err)
	}
	if token != "" {
		r.Header.Set("Authorization", "Bearer "+token)
	}
	resp, err := http.DefaultClient.Do(r)
	if err != nil {
		s.t.Fatal(err)
	}
	defer resp.Body.Close()
	data, err := io.ReadAll(resp.Body)
	if err != nil {
		s.t.Fatal(err)
	}
	return resp.StatusCode, string(data)
}

func (s *started) must(method, path, token, body string, want ...string) {
	s.t.Helper()
	status, got := s.ask(method, path, token, body)
	if status >= 300 {
		s.t.Errorf("%s %s: %d %s", method, path, status, got)
	}
	for _, text := range want {
		if !strings.Contains(got, text) {
			s.t.Errorf("%s %s does not say %q: %s", method, path, text, got)
		}
	}
}

// payload is what Alertmanager 0.25 has sent.
func payload(t *testing.T, status string) string {
	t.Helper()
	data, err := os.ReadFile("testdata/alertmanager.txt")
	if err != nil {
		t.Fatal(err)
	}
	return strings.ReplaceAll(string(data), "firing", status)
}

func TestFromAnAlertToAnAcknowledgementAcrossARestart(t *testing.T) {
	file := filepath.Join(t.TempDir(), "pager.db")
	s := launch(t, "-store", "sqlite:"+file)
	s.must("GET", "/healthz", "", "", "ok")
	if status, _ := s.ask("POST", "/v1/alerts/alertmanager", "wrong", payload(t, "firing")); status != http.StatusUnauthorized {
		t.Errorf("a wrong token: %d", status)
	}
	for range 2 {
		s.must("POST", "/v1/alerts/alertmanager", senders, payload(t, "firing"), `"alerts":2`)
	}
	link := s.wait(&s.out, `(?s)PAGE .*?(http://\S+/act/\S+)`)
	if info, err := os.Stat(file); err != nil || info.Mode().Perm() != 0o600 {
		t.Errorf("the store can be read by others: %v, %v", info.Mode(), err)
	}
	s.must("GET", link, "", "", "Acknowledge as ")
	s.must("GET", "/v1/escalations", alice, "", `"status":"open"`)
	s.end()

	s = launch(t, "-store", "sqlite:"+file)
	link = s.url + "/act/" + strings.Split(link, "/act/")[1] // it has another port now
	s.must("POST", link, "", "", "acknowledged")
	s.must("GET", "/v1/escalations", alice, "", `"status":"acknowledged"`)
	s.must("POST", "/v1/alerts/alertmanager", senders, payload(t, "resolved"), `"alerts":2`)
	for deadline := time.Now().Add(20 * time.Second); ; time.Sleep(50 * time.Millisecond) {
		if _, got := s.ask("GET", "/v1/escalations", alice, ""); strings.Contains(got, `"escalations":[]`) {
			break
		} else if time.Now().After(deadline) {
			t.Fatalf("it is not resolved: %s", got)
		}
	}
	s.must("GET", "/v1/quality", alice, "", "1 pages")
	for _, path := range []string{"/v1/escalations", "/v1/groups", "/v1/silences", "/v1/quality", "/v1/dead-letters"} {
		if status, _ := s.ask("GET", path, senders, ""); status != http.StatusUnauthorized {
			t.Errorf("%s for a sender: %d", path, status)
		}
	}
	if strings.Count(s.out.String(), "PAGE") > 0 {
		t.Errorf("after the restart it pages again:\n%s", s.out.String())
	}
	s.end()
}

func TestTheStartWarnsWhereNobodyMaySendOrAcknowledge(t *testing.T) {
	for _, row := range []struct {
		env  map[string]string
		want int
	}{{nil, 2}, {environment, 0}} {
		ctx, stop := context.WithCancel(t.Context())
		var out, errout output
		code := make(chan int, 1)
		go func() {
			code <- run(ctx, []string{"-listen", "127.0.0.1:0", "-config", "testdata", "-console", "-store", "sqlite:" + filepath.Join(t.TempDir(), "pager.db")},
				func(name string) string { return row.env[name] }, nil, &out, &errout)
		}()
		s := &started{t: t}
		s.wait(&errout, `(msg=serving)`)
		stop()
		if got := <-code; got != exitFine {
			t.Errorf("status %d", got)
		}
		if got := strings.Count(errout.String(), "level=WARN"); got != row.want {
			t.Errorf("%d warnings, want %d:\n%s", got, row.want, errout.String())
		}
	}
}

func TestSIGHUPReadsThePoliciesAgain(t *testing.T) {
	dir := t.TempDir()
	if err := os.CopyFS(dir, os.DirFS("testdata")); err != nil {
		t.Fatal(err)
	}
	s := launch(t, "-config", dir, "-console", "-store", "sqlite:"+filepath.Join(t.TempDir(), "pager.db"))
	name := filepath.Join(dir, "policies.yaml")
	good, err := os.ReadFile(name)
	if err != nil {
		t.Fatal(err)
	}
	write := func(text string) {
		t.Helper()
		if err := os.WriteFile(name, []byte(text), 0o600); err != nil {
			t.Fatal(err)
		}
		s.reload <- syscall.SIGHUP
	}
	write("kind: Nonsense")
	s.wait(&s.errout, `(the old ones stay)`)
	write(strings.Replace(string(good), "{schedule: primary}", "{person: bob}", 1))
	s.wait(&s.errout, `(msg="the policies are read again")`)
	s.must("POST", "/v1/alerts/alertmanager", senders, payload(t, "firing"), `"alerts":2`)
	if who := s.wait(&s.out, `PAGE (\w+)`); who != "bob" {
		t.Errorf("paged %s, want bob", who)
	}
	s.end()
}

func TestExitStatuses(t *testing.T) {
	broken := t.TempDir()
	if err := os.WriteFile(filepath.Join(broken, "a.yaml"), []byte("apiVersion: sre-sdk/v1\nkind: Roster\npeople:\n  - {id: a b, zone: Nowhere}\n"), 0o600); err != nil {
		t.Fatal(err)
	}
	slow := t.TempDir()
	if err := os.CopyFS(slow, os.DirFS("testdata")); err != nil {
		t.Fatal(err)
	}
	policies, err := os.ReadFile(filepath.Join(slow, "policies.yaml"))
	if err != nil {
		t.Fatal(err)
	}
	text := strings.Replace(string(policies), "{schedule: primary}], delay: 5m", "{schedule: primary}], delay: 20m, when: {hours: [{from: \"09:00\", to: \"17:00\"}]}", 1)
	text = strings.Replace(text, "name: Everything", "name: Everything\nzone: Europe/Berlin", 1)
	if err := os.WriteFile(filepath.Join(slow, "policies.yaml"), []byte(text), 0o600); err != nil {
		t.Fatal(err)
	}
	mail := t.TempDir()
	if err := os.CopyFS(mail, os.DirFS("testdata")); err != nil {
		t.Fatal(err)
	}
	roster, err := os.ReadFile(filepath.Join(mail, "roster.yaml"))
	if err != nil {
		t.Fatal(err)
	}
	text = regexp.MustCompile(`kind: voice, address: "[^"]*"`).ReplaceAllString(string(roster), "kind: email, address: a@example.org")
	if err := os.WriteFile(filepath.Join(mail, "roster.yaml"), []byte(text), 0o600); err != nil {
		t.Fatal(err)
	}
	for _, row := range []struct {
		name string
		args []string
		env  map[string]string
		want int
		says []string
	}{
		{"the sample is fine", []string{"-check"}, nil, exitFine, []string{"default: ok: in the next 90 days a human is reached after 0s at worst"}},
		{"contacts that do not count", []string{"-check", "-config", slow, "-count", "sms"}, nil, exitSlow, []string{"default: TOO SLOW: in the next 90 days no human is reached at worst", "by sms", "reaches nobody, ever"}},
		{"mail counts where it is said to", []string{"-check", "-config", mail, "-count", "email"}, nil, exitFine, []string{"default: ok", "by email"}},
		{"mail does not count else", []string{"-check", "-config", mail}, nil, exitSlow, []string{"TOO SLOW", "by push, sms, voice"}},
		{"a limit that is none", []string{"-check", "-within", "-1s", "-count", "pigeon"}, nil, exitInput, []string{"-within: out_of_range", "-count: unknown_kind \"pigeon\""}},
		{"a folder that is none", []string{"-check", "-config", filepath.Join(slow, "none")}, nil, exitInput, []string{"-config: unreadable", "none"}},
		{"a file for a folder", []string{"-check", "-config", filepath.Join(slow, "roster.yaml")}, nil, exitInput, []string{"-config: unreadable", "want a folder"}},
		{"everything wrong, with its line", []string{"-check", "-config", broken}, nil, exitInput, []string{"a.yaml:4: people[0].id: invalid_id", "a.yaml:4: people[0].zone"}},
		{"no way to page", []string{"-config", slow}, nil, exitInput, []string{"people alice: contact phone: no_pager"}},
		{"a secret that is too short", nil, map[string]string{"PAGER_TOKENS": "hunter2"}, exitInput, []string{"PAGER_TOKENS: too_short"}},
		{"a store that is none", []string{"-store", "ftp://user:hunter2@x"}, nil, exitInput, []string{"-store: unknown_store"}},
		{"a port that is none", []string{"-listen", "127.0.0.1:99999"}, nil, exitFailed, []string{"pager: -listen: ", "99999"}},
		{"an unknown flag", []string{"-x"}, nil, exitInput, []string{"-x"}},
		{"help", []string{"-help"}, nil, exitFine, []string{"-config"}},
	} {
		t.Run(row.name, func(t *testing.T) {
			var out, errout output
			got := run(t.Context(), row.args, func(name string) string { return row.env[name] }, nil, &out, &errout)
			all := out.String() + errout.String()
			if got != row.want {
				t.Errorf("status %d, want %d:\n%s", got, row.want, all)
			}
			for _, text := range row.says {
				if !strings.Contains(all, text) {
					t.Errorf("it does not say %q:\n%s", text, all)
				}
			}
			if strings.Contains(all, "hunter2") {
				t.Errorf("it repeats a secret:\n%s", all)
			}
		})
	}
}

func TestSecretsComeFromFilesAndDoNotPrint(t *testing.T) {
	file := filepath.Join(t.TempDir(), "tokens")
	if err := os.WriteFile(file, []byte("first-token-of-all\n\nsecond-token-of-all\n"), 0o600); err != nil {
		t.Fatal(err)
	}
	env := map[string]string{"PAGER_TOKENS_FILE": file}
	o, err := parse(nil, func(name string) string { return env[name] }, io.Discard)
	if err != nil || len(o.secrets.tokens) != 2 || o.secrets.tokens[1] != "second-token-of-all" {
		t.Errorf("%d tokens, %v", len(o.secrets.tokens), err)
	}
	for _, verb := range []string{"%v", "%+v", "%#v", "%s"} {
		if text := fmt.Sprintf(verb, o.secrets); text != "(hidden)" {
			t.Errorf("%s prints %s", verb, text)
		}
	}
	env["PAGER_TOKENS_FILE"] = filepath.Join(t.TempDir(), "none")
	if _, err := parse(nil, func(name string) string { return env[name] }, io.Discard); err == nil || !strings.Contains(err.Error(), "PAGER_TOKENS_FILE: unreadable") {
		t.Errorf("a file that is not there: %v", err)
	}
}
