package main

import (
	"os"
	"strings"

	"github.com/sre-sdk/sre"
)

// annotation is the output for a job of GitHub Actions: one workflow command,
// because only ten of each kind are shown.
func annotation(r report) string {
	level := "error"
	switch r.decision.Outcome {
	case sre.Allow:
		level = "notice"
	case sre.Warn:
		level = "warning"
	}
	var texts []string
	for _, reason := range r.decision.Reasons() {
		texts = append(texts, reason.Text)
	}
	out := command(level, "Deploy gate: "+r.decision.Outcome.String(), strings.Join(texts, "\n"))
	if r.moment != nil {
		out += command("notice", "Deploy gate", recordingNote(*r.moment))
	}
	return out
}

// appendTo adds a page to the summary of the job, which other steps share.
func appendTo(name, page string) error {
	f, err := os.OpenFile(name, os.O_APPEND|os.O_CREATE|os.O_WRONLY, 0o644)
	if err != nil {
		return err
	}
	if _, err := f.WriteString(page); err != nil {
		f.Close()
		return err
	}
	return f.Close()
}
