package incident_test

import (
	"errors"
	"strings"
	"testing"
	"time"

	"pgregory.net/rapid"

	"github.com/sre-sdk/sre/incident"
)

func TestNoticeSaysWhenTheNextOneComes(t *testing.T) {
	l := newDueLog(t, incident.Policy{}, 1)
	berlin, _ := time.LoadLocation("Europe/Berlin")
	own, err := incident.ParseTemplate("[{id} {at}] {text} {next}")
	if err != nil {
		t.Fatal(err)
	}
	for name, test := range map[string]struct {
		update   incident.Update
		template incident.Template
		want     string
	}{
		"inside":  {incident.Update{Text: "Rolling back.", Next: minute(30)}, incident.Template{}, "P1 5xx: declared\nRolling back.\nNext update by 2026-03-02 13:30 CET."},
		"outside": {incident.Update{Audience: incident.Public, Text: "We look into it.", Next: minute(20)}, incident.Template{}, "5xx\nWe look into it.\nNext update by 2026-03-02 13:20 CET."},
		"last":    {incident.Update{Text: "Over. {next} {title}", Final: true}, incident.Template{}, "P1 5xx: declared\nOver. {next} {title}\nThis is the final update."},
		"own":     {incident.Update{Text: "x", Next: minute(1)}, own, "[i 2026-03-02 13:00 CET] x Next update by 2026-03-02 13:01 CET."},
	} {
		t.Run(name, func(t *testing.T) {
			got, err := l.policy.Notice(&l.state, test.update, test.template, dueStart.In(berlin))
			if err != nil || got != test.want {
				t.Errorf("%q, %v; want %q", got, err, test.want)
			}
		})
	}
}

func TestNoticeIsRefusedWithoutTheNextOneWhileLive(t *testing.T) {
	l := newDueLog(t, incident.Policy{}, 1)
	var refusal *incident.Refusal
	for name, u := range map[string]incident.Update{"none": {Text: "x"}, "past": {Text: "x", Next: dueStart}, "no text": {Text: " ", Final: true}, "audience": {Text: "x", Final: true, Audience: 9}} {
		if text, err := l.policy.Notice(&l.state, u, incident.Template{}, dueStart); !errors.As(err, &refusal) || text != "" {
			t.Errorf("%s: %q, %v", name, text, err)
		}
	}
	l.do(t, 1, incident.Restrict{On: true})
	if _, err := l.policy.Notice(&l.state, incident.Update{Audience: incident.Public, Text: "x", Final: true}, incident.Template{}, dueStart); !errors.As(err, &refusal) {
		t.Errorf("restricted: %v", err)
	}
	l.do(t, 2, incident.Restrict{})
	l.do(t, 2, incident.Triage{Severity: 1})
	l.do(t, 3, incident.Resolve{})
	if text, err := l.policy.Notice(&l.state, incident.Update{Text: "x"}, incident.Template{}, minute(3)); err != nil || !strings.Contains(text, "No further update is planned.") {
		t.Errorf("resolved: %q, %v", text, err)
	}
}

func TestTemplatesAreStrict(t *testing.T) {
	for text, want := range map[string]string{
		"{text}": "missing: want {next}", "{next}": "missing: want {text}", "{text}{next}{foo}": `unknown_field "foo"`, "{text}{next}{": "unknown_field",
		"{text}{next}}": "invalid_template", "{text} {next} {{title}}": "unknown_field", strings.Repeat("x", 5000): "out_of_range",
	} {
		if _, err := incident.ParseTemplate(text); err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("%.30q: %v, want %s", text, err, want)
		}
	}
}

func TestTemplatesReadWhatTheyPrint(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		text := strings.Join(rapid.SliceOf(rapid.SampledFrom([]string{"{text}", "{next}", "{title}", "{", "}", "x", "{id}", "\n"})).Draw(t, "text"), "")
		if p, err := incident.ParseTemplate(text); err == nil && p.String() != text {
			t.Fatalf("%q prints as %q", text, p)
		}
	})
}
