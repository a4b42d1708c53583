package main

import (
	"net"
	"regexp"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
)

// The story as a whole: what each deploy was told.
func TestProcess(t *testing.T) {
	listener, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	var out strings.Builder
	if err := run(t.Context(), &out, listener); err != nil {
		t.Fatal(err)
	}
	var got []string
	for _, line := range regexp.MustCompile(`(?m)^(?:== Deploy: (.*)|decision: (.*)|version (.*))$`).FindAllString(out.String(), -1) {
		got = append(got, strings.TrimPrefix(line, "== "))
	}
	want := []string{
		"Deploy: version 2, a feature", "decision: allow", "version 2 runs",
		"Deploy: version 3, a feature", "decision: hold", "version 2 keeps running",
		"Deploy: back to version 1", "decision: allow", "version 1 runs",
		"Deploy: version 2 with the defect mended", "decision: allow", "version 2.1 runs",
	}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Errorf("the story (-want +got):\n%s\n%s", diff, out.String())
	}
}
