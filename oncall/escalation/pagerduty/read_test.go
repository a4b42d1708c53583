package pagerduty_test

import (
	"slices"
	"strings"
	"testing"
	"time"
	_ "time/tzdata"

	"github.com/google/go-cmp/cmp"

	"github.com/sre-sdk/sre/oncall/escalation/internal/export/exporttest"
	"github.com/sre-sdk/sre/oncall/escalation/pagerduty"
	"github.com/sre-sdk/sre/oncall/internal/reading/readingtest"
)

func TestAccount(t *testing.T) { exporttest.Golden(t, pagerduty.Read) }

func TestLastResortIsRequired(t *testing.T) { exporttest.OptionsAreChecked(t, pagerduty.Read) }

func FuzzRead(f *testing.F) {
	exporttest.Fuzz(f, pagerduty.Read,
		`{"escalation_policy": {"id": "P", "escalation_rules": [{"escalation_delay_in_minutes": 1, "targets": [{"id": "A", "type": "user_reference"}]}]}}`,
		`{"user": {"id": "U", "contact_methods": [{"id": "C", "type": "email_contact_method", "address": "x"}], "notification_rules": [{"start_delay_in_minutes": 0, "contact_method": {"id": "C"}}]}}`,
	)
}

func TestWhatCannotBeSaidIsReported(t *testing.T) {
	a, err := pagerduty.Read(strings.NewReader(`{"escalation_policies": [
{"id": "A", "escalation_rules": [
  {"escalation_delay_in_minutes": 1, "escalation_rule_assignment_strategy": "round_robin", "targets": [{"id": "S1", "type": "schedule_reference"}, {"id": "S2", "type": "schedule_reference"}]},
  {"escalation_delay_in_minutes": 9, "targets": [{"id": "W", "type": "workflow_reference"}]},
  {"escalation_delay_in_minutes": 2, "targets": [{"id": "U", "type": "user_reference"}]}]},
{"id": "B", "escalation_rules": []}],
"user": {"id": "U", "contact_methods": [{"id": "C1", "type": "pigeon_contact_method", "address": "loft"}, {"id": "C2", "type": "sms_contact_method", "blacklisted": true, "address": "1"}],
  "notification_rules": [{"start_delay_in_minutes": 0, "contact_method": {"id": "C1"}}, {"start_delay_in_minutes": 0, "contact_method": {"id": "C3"}}]}, "odd": 1}`), exporttest.Options("x.json"))
	if err != nil {
		t.Fatal(err)
	}
	want := []string{
		"x.json:7: user.contact_methods[0] not_expressible", "x.json:7: user.contact_methods[1] disabled",
		"x.json:8: user.notification_rules[1].contact_method.id unknown_contact", "x.json:7: user not_reached", "x.json:7: user not_reached",
		"x.json:3: escalation_policies[0].escalation_rules[0].escalation_rule_assignment_strategy not_expressible",
		"x.json:4: escalation_policies[0].escalation_rules[1].targets[0] not_expressible", "x.json:4: escalation_policies[0].escalation_rules[1] not_imported",
		"x.json:6: escalation_policies[1] not_imported", "x.json:8: odd unknown_field",
	}
	if diff := cmp.Diff(want, readingtest.Brief(a.Dropped)); diff != "" {
		t.Errorf("dropped (-want +got):\n%s", diff)
	}
	// The level that pages nobody takes no time, as PagerDuty passes it over.
	if p := a.Policies[0]; len(a.Policies) != 1 || len(p.Levels) != 2 || p.Levels[0].Delay != time.Minute || len(p.Levels[0].Targets) != 2 || !slices.Equal(a.Inexact, []string{"A"}) {
		t.Errorf("policies %+v, inexact %v", a.Policies, a.Inexact)
	}
}

func TestProblemsNameWhereTheyAre(t *testing.T) {
	exporttest.Problems(t, pagerduty.Read, []readingtest.Row{
		{Name: "nothing", Text: "", Want: []string{" wrong_count"}},
		{Name: "another answer", Text: `{"error": {}}`, Want: []string{"line 1 missing"}},
		{Name: "not the last page", Text: `{"users": [], "more": true}`, Want: []string{"line 1: more incomplete"}},
		{Name: "references in place of contacts", Text: `{"user": {"id": "U", "contact_methods": [{"id": "C", "type": "email_contact_method_reference"}], "notification_rules": [{"id": "N", "type": "assignment_notification_rule_reference"}]}}`, Want: []string{
			"line 1: user.contact_methods[0].type incomplete", "line 1: user.notification_rules[0].type incomplete",
		}},
		{Name: "values that are none", Text: `{"escalation_policies": [{"id": "P", "num_loops": 50, "escalation_rules": [{"escalation_delay_in_minutes": 0, "targets": [{"type": "user_reference"}], "escalation_rule_assignment_strategy": "magic"}]}], "users": {}}`, Want: []string{
			"line 1: users wrong_type", "line 1: escalation_policies[0].num_loops out_of_range", "line 1: escalation_policies[0].escalation_rules[0].escalation_delay_in_minutes out_of_range",
			"line 1: escalation_policies[0].escalation_rules[0].escalation_rule_assignment_strategy unknown_value", "line 1: escalation_policies[0].escalation_rules[0].targets[0].id missing",
		}},
		{Name: "the same twice", Text: `{"escalation_policies": [
{"id": "P", "escalation_rules": [{"escalation_delay_in_minutes": 1, "targets": [{"id": "A", "type": "user_reference"}]}]},
{"id": "P", "escalation_rules": []}]}`, Want: []string{"line 3: escalation_policies[1] duplicate"}},
	})
}
