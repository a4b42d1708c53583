package main_test

import (
	"fmt"
	"net"
	"net/http"
	"os"
	"strings"
	"testing"
	"time"
)

func TestMeasuresBySLOFlags(t *testing.T) {
	for name, test := range map[string]struct {
		server   fake
		status   int
		decision string
	}{
		"within the budget": {fake{perMinute: 1000, badPerMinute: 0.5}, 0, "allow"},
		"exhausted":         {fake{perMinute: 1000, badPerMinute: 2}, 1, "deny"},
	} {
		t.Run(name, func(t *testing.T) {
			r := run(t, byFlags(test.server.start(t))...)
			wantRun(t, r, test.status, test.decision)
			if strings.Contains(r.stdout, "recording") {
				t.Errorf("a measurement calls itself a recording:\n%s", r.stdout)
			}
		})
	}
}

// closedAddress is one at which nobody listens.
func closedAddress(t *testing.T) string {
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	defer l.Close()
	return "http://" + l.Addr().String()
}

func TestWhatIsNotKnownIsUnknown(t *testing.T) {
	for name, test := range map[string]struct {
		server fake
		url    string
		args   []string
		why    string
	}{
		"unreachable server":     {url: closedAddress(t), why: "connection refused"},
		"no such series":         {server: fake{empty: true}, why: "no data for query"},
		"no answer in time":      {server: fake{hang: true}, args: []string{"-timeout", "200ms"}, why: "deadline exceeded"},
		"forgotten data":         {server: fake{perMinute: 1, since: time.Now().Add(-15 * 24 * time.Hour)}, why: "the server keeps 15d, but the window is 30d"},
		"no traffic":             {server: fake{}, why: "counted nothing"},
		"an error of the server": {server: fake{handle: func(w http.ResponseWriter) { w.WriteHeader(503) }}, why: "HTTP 503"},
		"not JSON":               {server: fake{handle: func(w http.ResponseWriter) { fmt.Fprint(w, "<html>") }}, why: "not an answer"},
		"warnings":               {server: fake{handle: warn}, why: "a store is gone"},
	} {
		t.Run(name, func(t *testing.T) {
			url := test.url
			if url == "" {
				url = test.server.start(t)
			}
			r := run(t, byFlags(url, test.args...)...)
			wantRun(t, r, 3, "unknown")
			if !strings.Contains(r.stdout, test.why) {
				t.Errorf("the output lacks %q:\n%s", test.why, r.stdout)
			}
			wantRun(t, run(t, byFlags(url, append(test.args, "-purpose", "rollback")...)...), 0, "allow")
		})
	}
}

func warn(w http.ResponseWriter) {
	fmt.Fprint(w, `{"status":"success","warnings":["a store is gone"],"data":{"resultType":"vector","result":[]}}`)
}

func TestPictureOfTheUnknownIsNotDrawn(t *testing.T) {
	file := write(t, "old.svg", "an older picture")
	r := run(t, byFlags(closedAddress(t), "-svg", file)...)
	wantRun(t, r, 3, "unknown")
	if _, err := os.Stat(file); !os.IsNotExist(err) {
		t.Errorf("the older picture is still there: %v", err)
	}
	if !strings.Contains(r.stderr, "is not drawn") {
		t.Errorf("got %q on standard error", r.stderr)
	}
}

func TestOutputThatCannotBeWrittenNeverPasses(t *testing.T) {
	folder := t.TempDir() // opening it for writing fails
	for _, m := range moments {
		want := max(m.status, 2)
		if m.status == 1 {
			want = 1 // the decision is worse news
		}
		if r := runWith(t, "GITHUB_STEP_SUMMARY="+folder, "-o", "github", "-moment", m.name); r.status != want {
			t.Errorf("%s: summary: got status %d, want %d\n%s", m.name, r.status, want, r.all())
		}
		if r := run(t, "-svg", folder, "-moment", m.name); r.status != want {
			t.Errorf("%s: picture: got status %d, want %d\n%s", m.name, r.status, want, r.all())
		}
	}
}

func TestSummaryIsAppended(t *testing.T) {
	file := write(t, "summary.md", "earlier step\n")
	for range 2 {
		if r := runWith(t, "GITHUB_STEP_SUMMARY="+file, "-o", "github"); r.status != 0 {
			t.Fatal(r.all())
		}
	}
	text, err := os.ReadFile(file)
	if err != nil {
		t.Fatal(err)
	}
	page := run(t, "-o", "markdown").stdout
	if want := "earlier step\n" + page + page; string(text) != want {
		t.Errorf("got %s, want %s", text, want)
	}
}

func TestCredentialsAreSentAndNotPrinted(t *testing.T) {
	const secret = "hunter2secret"
	var header http.Header
	server := fake{perMinute: 1000, seen: func(r *http.Request) {
		if strings.HasSuffix(r.URL.Path, "/query") {
			header = r.Header.Clone()
		}
	}}
	url := server.start(t)
	token := write(t, "token", secret+"\n")
	basic := write(t, "http.yml", "basic_auth: {username: ci, password: "+secret+"}\n")
	broken := write(t, "broken.yml", "basic_auth: "+secret+"\n")
	withUser := strings.Replace(url, "http://", "http://ci:"+secret+"@", 1)
	for name, test := range map[string]struct {
		args   []string
		status int
		sent   string
	}{
		"bearer token":       {byFlags(url, "-prometheus-bearer-token-file", token, "-tenant", "shop"), 0, "Bearer " + secret},
		"basic by file":      {byFlags(url, "-prometheus-http-config", basic), 0, "Basic Y2k6aHVudGVyMnNlY3JldA=="},
		"basic by URL":       {byFlags(withUser), 0, "Basic Y2k6aHVudGVyMnNlY3JldA=="},
		"unreachable by URL": {byFlags(strings.Replace(closedAddress(t), "http://", "http://ci:"+secret+"@", 1)), 3, ""},
		"invalid URL":        {byFlags("ftp://ci:" + secret + "@prometheus"), 2, ""},
		"unparsable URL":     {byFlags("http://ci:" + secret + "@prometheus:port"), 2, ""},
		"URL with a query":   {byFlags(url + "?token=" + secret), 2, ""},
		"broken file":        {byFlags(url, "-prometheus-http-config", broken), 2, ""},
		"no such flag":       {byFlags(url, "-password", secret), 2, ""},
		"no such flag =":     {byFlags(url, "-password="+secret), 2, ""},
	} {
		t.Run(name, func(t *testing.T) {
			header = nil
			r := run(t, test.args...)
			if r.status != test.status {
				t.Errorf("got status %d, want %d\n%s", r.status, test.status, r.all())
			}
			if strings.Contains(r.all(), secret) {
				t.Errorf("the secret is printed:\n%s", r.all())
			}
			if got := header.Get("Authorization"); got != test.sent {
				t.Errorf("got the header %q, want %q", got, test.sent)
			}
			if name == "bearer token" && header.Get("X-Scope-OrgID") != "shop" {
				t.Errorf("got %v, want the tenant", header)
			}
		})
	}
}
