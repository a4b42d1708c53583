package main_test

import (
	"bytes"
	"crypto/sha256"
	"encoding/json"
	"encoding/xml"
	"errors"
	"io"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/sre-sdk/sre/examples/gate/internal/recording"
)

// The exit statuses of the recorded moments are what a first look at the
// command promises.
var moments = []struct {
	name     string
	status   int
	decision string
}{
	{"healthy", 0, "allow"},
	{"burning", 0, "warn"}, // page alerts fire while there is budget left
	{"exhausted", 1, "deny"},
}

func TestMomentsExitWithTheirStatus(t *testing.T) {
	for i, m := range moments {
		t.Run(m.name, func(t *testing.T) {
			wantRun(t, run(t, "-moment", m.name), m.status, m.decision)
			if got := recording.Moments()[i].Name; got != m.name {
				t.Errorf("got moment %s, want %s", got, m.name)
			}
		})
	}
}

func TestRecordingAnswersEveryPreset(t *testing.T) {
	for _, policy := range []string{"workbook", "slo-generator", "tiered"} {
		for _, m := range moments {
			if r := run(t, "-moment", m.name, "-policy", policy); r.status > 1 {
				t.Errorf("%s by policy %s: got status %d\n%s", m.name, policy, r.status, r.all())
			}
		}
	}
}

func TestOutputsOfMoments(t *testing.T) {
	for _, m := range moments {
		for format, file := range map[string]string{"text": "txt", "json": "json", "markdown": "md", "github": "github"} {
			t.Run(m.name+"/"+format, func(t *testing.T) {
				golden(t, m.name+"."+file, run(t, "-moment", m.name, "-o", format).stdout)
			})
		}
	}
}

func TestFirstRunSaysThatItIsARecording(t *testing.T) {
	r := run(t)
	wantRun(t, r, 0, "allow")
	for _, want := range []string{"This is a recording, not your service", "-slo FILE -prometheus URL"} {
		if !strings.Contains(r.stdout, want) {
			t.Errorf("the output lacks %q:\n%s", want, r.stdout)
		}
	}
	if r.stderr != "" {
		t.Errorf("got %q on standard error, want nothing: it is no terminal", r.stderr)
	}
	if r := run(t, "-o", "json"); !strings.Contains(r.stderr, "This is a recording") {
		t.Errorf("JSON has no place for it, so standard error must say it; got %q", r.stderr)
	}
}

func TestTextFitsIntoATerminal(t *testing.T) {
	_, text, _ := strings.Cut(run(t, "-moment", "exhausted").stdout, "error budget of checkout remaining")
	chart, _, _ := strings.Cut(text, "\n\n")
	for line := range strings.Lines(chart) {
		if n := len([]rune(strings.TrimSuffix(line, "\n"))); n > 72 {
			t.Errorf("%d columns, want at most 72: %s", n, line)
		}
	}
}

func TestChartCanBeLeftOut(t *testing.T) {
	r := run(t, "-chart=false")
	wantRun(t, r, 0, "allow")
	if strings.Contains(r.stdout, "remaining, %") {
		t.Errorf("got a chart, want none:\n%s", r.stdout)
	}
}

func TestJSONIsTheDecision(t *testing.T) {
	r := run(t, "-moment", "exhausted", "-o", "json")
	var d struct {
		Schema int
		Data   struct {
			Decision, Budget, Purpose, Policy string
			Reasons                           []struct{ Code, Text string }
			SLOs                              []struct{ SLO, Consumed string }
		}
	}
	dec := json.NewDecoder(strings.NewReader(r.stdout))
	if err := dec.Decode(&d); err != nil {
		t.Fatal(err)
	}
	if _, err := dec.Token(); !errors.Is(err, io.EOF) {
		t.Errorf("something follows the decision: %v", err)
	}
	if d.Schema != 1 || d.Data.Decision != "deny" || d.Data.Budget != "deny" || d.Data.Purpose != "feature" || d.Data.Policy != "workbook" {
		t.Errorf("got %+v", d)
	}
	if len(d.Data.Reasons) == 0 || d.Data.Reasons[0].Code != "below_threshold" || len(d.Data.SLOs) != 1 || d.Data.SLOs[0].SLO != "checkout" {
		t.Errorf("got %+v", d.Data)
	}
	if again := run(t, "-moment", "exhausted", "-o", "json"); sha256.Sum256([]byte(again.stdout)) != sha256.Sum256([]byte(r.stdout)) {
		t.Error("two runs differ")
	}
}

func TestExemptPurposesPassAnExhaustedBudget(t *testing.T) {
	for _, test := range []struct {
		purpose  string
		status   int
		decision string
	}{
		{"feature", 1, "deny"},
		{"reliability", 0, "warn"},
		{"security", 0, "allow"},
		{"emergency", 0, "allow"},
		{"rollback", 0, "allow"},
	} {
		t.Run(test.purpose, func(t *testing.T) {
			wantRun(t, run(t, "-moment", "exhausted", "-purpose", test.purpose), test.status, test.decision)
		})
	}
}

func TestPictureIsWellFormed(t *testing.T) {
	for _, m := range moments {
		file := filepath.Join(t.TempDir(), m.name+".svg")
		wantRun(t, run(t, "-moment", m.name, "-svg", file), m.status, m.decision)
		drawn, err := os.ReadFile(file)
		if err != nil {
			t.Fatal(err)
		}
		var texts []string
		for dec := xml.NewDecoder(bytes.NewReader(drawn)); ; {
			token, err := dec.Token()
			if errors.Is(err, io.EOF) {
				break
			}
			if err != nil {
				t.Fatalf("%s: %v", m.name, err)
			}
			if text, ok := token.(xml.CharData); ok {
				texts = append(texts, string(text))
			}
		}
		all := strings.Join(texts, "\n")
		for _, want := range []string{"Error budget of checkout: 99.9% over 30d rolling (decision: " + m.decision + ")", "time (UTC)", "error budget remaining (% of the period's budget)", "deny below 0% (exhausted)", "100%", "Apr 13"} {
			if !strings.Contains(all, want) {
				t.Errorf("%s lacks the text %q", m.name, want)
			}
		}
	}
}

func TestHelpIsThePackageDocumentation(t *testing.T) {
	r := run(t, "-help")
	if r.status != 0 || r.stderr != "" {
		t.Errorf("got status %d and %q", r.status, r.stderr)
	}
	for _, want := range []string{"# Exit status", "0  allow or warn", "1  hold or deny", "2  the input", "3  unknown", "-prometheus URL", "-moment", "-svg file"} {
		if !strings.Contains(r.stdout, want) {
			t.Errorf("the help lacks %q", want)
		}
	}
}
