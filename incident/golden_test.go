package incident_test

import (
	"flag"
	"os"
	"path/filepath"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/sre-sdk/sre/incident"
)

var update = flag.Bool("update", false, "rewrite golden files")

func TestTheTableIsAsPublished(t *testing.T) {
	for name, got := range map[string]string{
		"transitions.md":  "# Transitions\n\nThe status after a command; = where it is so already; in parentheses why it is refused.\n\n" + incident.TableMarkdown(),
		"transitions.dot": incident.TableDOT(),
	} {
		path := filepath.Join("testdata", name)
		if *update {
			if err := os.WriteFile(path, []byte(got), 0o644); err != nil {
				t.Fatal(err)
			}
		}
		want, err := os.ReadFile(path)
		if err != nil {
			t.Fatal(err)
		}
		if diff := cmp.Diff(string(want), got); diff != "" {
			t.Errorf("%s, rewrite it with -update (-published +enforced):\n%s", name, diff)
		}
	}
}
