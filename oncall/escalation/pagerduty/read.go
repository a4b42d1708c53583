package pagerduty

import (
	"io"
	"strings"
	"time"

	"github.com/sre-sdk/sre/internal/yamlfile"
	"github.com/sre-sdk/sre/oncall"
	"github.com/sre-sdk/sre/oncall/escalation"
	"github.com/sre-sdk/sre/oncall/escalation/account"
	"github.com/sre-sdk/sre/oncall/escalation/internal/export"
	"github.com/sre-sdk/sre/oncall/internal/reading"
)

// Read reads one file. The error carries every [sre.Problem].
func Read(r io.Reader, o account.Options) (account.Account, error) {
	e, err := export.Parse(r, "pagerduty", o)
	if err != nil {
		return account.Account{}, err
	}
	x := reader{e}
	x.read()
	return e.Finish()
}

// reader is one file as it is read.
type reader struct{ *export.Export }

func (x reader) read() {
	root := x.Root.Map()
	found := false
	each := func(several, one string, read func(yamlfile.Node)) {
		list, single := root.Optional(several), root.Optional(one)
		for _, n := range list.List() {
			read(n)
		}
		if single.Exists() {
			read(single)
		}
		found = found || list.Exists() || single.Exists()
	}
	each("teams", "team", x.team)
	each("users", "user", x.user)
	each("escalation_policies", "escalation_policy", x.policy)
	if more := root.Optional("more"); more.Exists() && more.Bool() {
		more.Add("incomplete", nil, "the last page, or all pages one after the other")
	}
	reading.Skip(root, "limit", "offset", "total")
	if !found && root.Exists() {
		x.Root.Add("missing", nil, "escalation_policies, users or teams")
	}
	x.Rest(root)
}

// common are fields of every object that carry nothing of their own.
var common = []string{"type", "summary", "self", "html_url"}

func (x reader) team(n yamlfile.Node) {
	m := n.Map()
	id := reading.ID(m.Required("id"))
	name := m.Optional("name")
	x.Name(id, name)
	reading.Skip(m, common...)
	reading.Skip(m, "description", "parent", "default_role")
	x.Rest(m)
	x.Team(oncall.Team{ID: id, Name: name.Text()})
}

func (x reader) policy(n yamlfile.Node) {
	m := n.Map()
	id := reading.ID(m.Required("id"))
	name := m.Optional("name")
	x.Name(id, name)
	loops := m.Optional("num_loops").Int(0, escalation.MaxRepeat)
	var steps []export.Step
	wait := time.Duration(0) // before the next level
	for _, rule := range m.Required("escalation_rules").List() {
		step, delay, ok := x.rule(rule, id)
		if !ok {
			continue // passed over at once, so its delay counts for nothing
		}
		step.Wait, wait = wait, delay
		steps = append(steps, step)
	}
	reading.Skip(m, common...)
	reading.Skip(m, "services", "teams", "privilege", "repeat_enabled")
	x.Drop(m.Optional("description"), "not_imported", "nothing: a policy has no description")
	x.Drop(m.Optional("on_call_handoff_notifications"), "not_imported", "nothing: a policy does not announce handoffs")
	x.Rest(m)
	x.Policy(n, id, name.Text(), steps, wait, loops)
}

// rule reads a level and how long it has; ok is false if it pages nobody.
func (x reader) rule(n yamlfile.Node, policy string) (s export.Step, delay time.Duration, ok bool) {
	m := n.Map()
	s.ID, s.Node = m.Optional("id").Text(), n
	const most = int(escalation.MaxDelay / time.Minute)
	delay = time.Duration(m.Required("escalation_delay_in_minutes").Int(1, most)) * time.Minute
	strategy := m.Optional("escalation_rule_assignment_strategy")
	if _, scalar := strategy.Peek(); strategy.Exists() && !scalar {
		object := strategy.Map()
		strategy = object.Required("type")
		x.Rest(object)
	}
	roundRobin := strategy.Enum("assign_to_everyone", "round_robin") == "round_robin"
	targets := m.Required("targets")
	people := true // and nothing else
	for _, item := range targets.List() {
		t, ok := x.target(item, policy)
		if !ok {
			continue
		}
		people = people && t.Kind == escalation.TargetPerson
		s.Targets = append(s.Targets, t)
	}
	x.Rest(m)
	switch {
	case len(s.Targets) == 0:
		x.Inexact(policy, n, "not_imported", "nothing: the level pages nobody")
		return s, delay, false
	case roundRobin && people:
		robin := escalation.ToRoundRobin()
		for _, t := range s.Targets {
			robin.People = append(robin.People, t.ID)
		}
		s.Targets = []escalation.Target{robin}
	case roundRobin:
		x.Inexact(policy, strategy, "not_expressible", "all targets of the level together: a round robin has people, not schedules")
	}
	return s, delay, true
}

func (x reader) target(n yamlfile.Node, policy string) (t escalation.Target, ok bool) {
	m := n.Map()
	id := reading.ID(m.Required("id"))
	kind := m.Required("type")
	x.Name(id, m.Optional("summary"))
	if kind.Text() != "user_reference" && kind.Text() != "schedule_reference" && kind.Text() != "user" && kind.Text() != "schedule" {
		x.Inexact(policy, n, "not_expressible", "nothing: a level has people and schedules")
		return t, false
	}
	if strings.HasPrefix(kind.Text(), "schedule") {
		return escalation.ToSchedule(id, oncall.Primary), true
	}
	return escalation.ToPerson(id), true
}

var contactKinds = map[string]oncall.ContactKind{
	"email_contact_method":             oncall.Email,
	"phone_contact_method":             oncall.Voice,
	"sms_contact_method":               oncall.SMS,
	"push_notification_contact_method": oncall.Push,
	"whatsapp_contact_method":          oncall.Chat,
}

func (x reader) user(n yamlfile.Node) {
	m := n.Map()
	id := reading.ID(m.Required("id"))
	name := m.Optional("name")
	x.Name(id, name)
	x.Email(id, m.Optional("email"))
	p := oncall.Person{ID: id, Name: name.Text(), Zone: x.Zone(m.Optional("time_zone"))}
	for _, team := range m.Optional("teams").List() {
		t := team.Map()
		teamID := reading.ID(t.Required("id"))
		x.Team(oncall.Team{ID: teamID, Name: t.Optional("summary").Text(), Members: []string{id}})
	}
	used := map[string]bool{} // by the ID of a contact: whether PagerDuty uses it
	for _, item := range m.Required("contact_methods").List() {
		c, ok := x.contact(item)
		if used[c.ID] = ok; ok {
			p.Contacts = append(p.Contacts, c)
		}
	}
	rules := map[account.Urgency][]oncall.ContactRule{}
	for _, item := range m.Required("notification_rules").List() {
		urgency, rule, at := x.contactRule(item)
		switch ok, known := used[rule.Contact]; {
		case !known:
			x.Drop(at, "unknown_contact", "nothing: the user has no such contact method")
		case ok:
			rules[urgency] = append(rules[urgency], rule)
		}
	}
	reading.Skip(m, common...)
	reading.Skip(m, "avatar_url", "color", "role", "description", "invitation_sent", "job_title", "billed", "locale", "license",
		"coordinated_incidents", "created_via_sso")
	x.Rest(m)
	for _, u := range []account.Urgency{account.High, account.Low} {
		p := p
		p.Rules = rules[u]
		x.Person(n, u, p)
	}
}

// contact reads a contact method; ok is false if PagerDuty does not use it.
func (x reader) contact(n yamlfile.Node) (c oncall.Contact, ok bool) {
	m := n.Map()
	c.ID = reading.ID(m.Required("id"))
	kind := m.Required("type")
	if strings.HasSuffix(kind.Text(), "_reference") {
		kind.Add("incomplete", nil, "the contact method itself: ask with include[]=contact_methods")
		return c, true
	}
	c.Kind = contactKinds[kind.Text()]
	address := m.Optional("address")
	if _, scalar := address.Peek(); scalar {
		c.Address = address.Text()
	}
	country := m.Optional("country_code")
	if code, _ := country.Peek(); code != "" && (c.Kind == oncall.Voice || c.Kind == oncall.SMS) {
		c.Address = "+" + code + c.Address
	}
	reading.Skip(m, common...)
	reading.Skip(m, "label", "send_short_email", "send_html_email", "device_type", "sounds", "created_at")
	enabled, blocked := m.Optional("enabled"), m.Optional("blacklisted")
	disabled := enabled.Exists() && !enabled.Bool() || blocked.Bool()
	x.Rest(m)
	switch {
	case c.Kind == "":
		x.Drop(n, "not_expressible", "nothing: the kind of contact method is not known")
	case c.Address == "":
		x.Drop(n, "not_imported", "nothing: the contact method has no address")
	case disabled:
		x.Drop(n, "disabled", "nothing: PagerDuty does not use the contact method")
	default:
		return c, true
	}
	return c, false
}

// contactRule reads a notification rule and returns where its contact is named.
func (x reader) contactRule(n yamlfile.Node) (account.Urgency, oncall.ContactRule, yamlfile.Node) {
	m := n.Map()
	if kind := m.Optional("type"); strings.HasSuffix(kind.Text(), "_reference") {
		kind.Add("incomplete", nil, "the notification rule itself: ask with include[]=notification_rules")
		return account.High, oncall.ContactRule{}, yamlfile.Node{}
	}
	const most = int(oncall.MaxContactAfter / time.Minute)
	after := time.Duration(m.Required("start_delay_in_minutes").Int(0, most)) * time.Minute
	urgency := account.High // accounts without urgencies have only those
	if m.Optional("urgency").Enum(string(account.High), string(account.Low)) == string(account.Low) {
		urgency = account.Low
	}
	method := m.Required("contact_method")
	id := method.Map().Required("id")
	reading.Skip(m, common...)
	reading.Skip(m, "id")
	x.Rest(m)
	return urgency, oncall.ContactRule{Contact: reading.ID(id), After: after}, id
}
