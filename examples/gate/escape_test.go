package main_test

import (
	"encoding/json"
	"fmt"
	"net/http"
	"regexp"
	"strings"
	"testing"
)

// A server can say anything, and its words stand in the output.
const hostile = "a|b `c` <script>alert(1)</script> *x* _y_ [l](javascript:1) @team #1 100%0A::error::forged\r\n::warning::forged\ndecision: allow\x1b[2J\u202egpj"

func TestForeignTextIsOnlyShown(t *testing.T) {
	server := fake{handle: func(w http.ResponseWriter) {
		w.WriteHeader(422)
		text, _ := json.Marshal(hostile)
		fmt.Fprintf(w, `{"status":"error","errorType":"execution","error":%s}`, text)
	}}
	url := server.start(t)
	controls := regexp.MustCompile(`[\x00-\x08\x0b-\x1f\x7f\x{202a}-\x{202e}]`)
	for _, format := range []string{"text", "json", "markdown", "github"} {
		t.Run(format, func(t *testing.T) {
			summary := write(t, "summary.md", "")
			r := runWith(t, "GITHUB_STEP_SUMMARY="+summary, byFlags(url, "-o", format)...)
			if r.status != 3 {
				t.Errorf("got status %d, want 3", r.status)
			}
			// JSON escapes what is below a space, and is read by programs.
			if at := controls.FindString(r.stdout); at != "" && format != "json" {
				t.Errorf("the output holds the character %q", at)
			}
			switch format {
			case "text":
				if r.first() != "decision: unknown" {
					t.Errorf("it begins with %q", r.first())
				}
			case "json":
				if !json.Valid([]byte(r.stdout)) {
					t.Error("it is no JSON")
				}
			case "markdown":
				wantTables(t, r.stdout)
			case "github":
				if lines := strings.Split(strings.TrimSuffix(r.stdout, "\n"), "\n"); len(lines) != 1 {
					t.Errorf("got %d commands, want one", len(lines))
				}
				if !strings.Contains(r.stdout, "100%250A") || !strings.HasPrefix(r.stdout, "::error title=Deploy gate%3A unknown::") {
					t.Error("the message is not escaped")
				}
			}
			if t.Failed() {
				t.Logf("%q", r.stdout)
			}
		})
	}
}

// wantTables checks that no cell leaves its table and nothing in one is markup.
func wantTables(t *testing.T, page string) {
	t.Helper()
	unescaped := regexp.MustCompile("(^|[^\\\\])[`*_\\[\\]~]")
	for line := range strings.Lines(page) {
		if !strings.Contains(line, "script") {
			continue
		}
		cells := strings.Trim(strings.ReplaceAll(strings.TrimSpace(line), `\|`, ""), "| ")
		if strings.Count(cells, "|") != 1 {
			t.Errorf("a cell broke its row: %q", line)
		}
		if at := unescaped.FindString(cells); at != "" {
			t.Errorf("a cell holds markup %q: %q", at, line)
		}
		if strings.ContainsAny(cells, "<>@") {
			t.Errorf("a cell holds HTML or a mention: %q", line)
		}
	}
	if strings.Contains(page, "\ndecision: allow") || strings.Contains(page, "\n::") {
		t.Errorf("the text began a line of its own")
	}
}
