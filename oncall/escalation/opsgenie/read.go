package opsgenie

import (
	"cmp"
	"fmt"
	"io"
	"maps"
	"slices"
	"strings"
	"time"

	"github.com/sre-sdk/sre"
	"github.com/sre-sdk/sre/internal/yamlfile"
	"github.com/sre-sdk/sre/oncall"
	"github.com/sre-sdk/sre/oncall/escalation"
	"github.com/sre-sdk/sre/oncall/escalation/account"
	"github.com/sre-sdk/sre/oncall/escalation/internal/export"
	"github.com/sre-sdk/sre/oncall/internal/reading"
)

// Read reads one file. The error carries every [sre.Problem].
func Read(r io.Reader, o account.Options) (account.Account, error) {
	e, err := export.Parse(r, "opsgenie", o)
	if err != nil {
		return account.Account{}, err
	}
	x := reader{Export: e, roles: map[string]map[string][]string{}}
	x.Account.Waits = true
	x.read()
	return e.Finish()
}

// reader is one file as it is read.
type reader struct {
	*export.Export
	roles map[string]map[string][]string // people by team and role
}

func (x reader) read() {
	root := x.Root.Map()
	teams, users, escalations := root.Optional("teams"), root.Optional("users"), root.Optional("escalations")
	x.Rest(root)
	if root.Exists() && !teams.Exists() && !users.Exists() && !escalations.Exists() {
		x.Root.Add("missing", nil, "escalations, users or teams")
	}
	for _, n := range x.list(teams) {
		x.team(x.object(n))
	}
	for _, n := range x.list(users) {
		x.user(n)
	}
	for _, n := range x.list(escalations) {
		x.escalation(x.object(n))
	}
}

// list returns the items of a list, or of an answer that has one.
func (x reader) list(n yamlfile.Node) []yamlfile.Node {
	if !n.Exists() || n.IsList() {
		return n.List()
	}
	m := n.Map()
	data := m.Required("data")
	paging := m.Optional("paging").Map()
	if next := paging.Optional("next"); next.Exists() {
		next.Add("incomplete", nil, "the last page: those of all pages in one list")
	}
	reading.Skip(paging, "first", "last", "prev")
	x.Rest(paging)
	reading.Skip(m, "took", "requestId", "totalCount", "expandable")
	x.Rest(m)
	return data.List()
}

// object returns an object, or that in the field data of an answer.
func (x reader) object(n yamlfile.Node) yamlfile.Node {
	var sink sre.Problems
	data := n.Into(&sink).Map().Optional("data")
	if !data.Exists() {
		return n
	}
	m := n.Map()
	inner := m.Required("data")
	reading.Skip(m, "took", "requestId", "expandable")
	x.Rest(m)
	return inner
}

func (x reader) team(n yamlfile.Node) {
	m := n.Map()
	id := reading.ID(m.Required("id"))
	name := m.Optional("name")
	x.Name(id, name)
	t := oncall.Team{ID: id, Name: name.Text()}
	x.roles[id] = map[string][]string{}
	for _, item := range m.Optional("members").List() {
		member := item.Map()
		user := member.Required("user").Map()
		person := reading.ID(user.Required("id"))
		x.Email(person, user.Optional("username"))
		x.Rest(user)
		role := member.Optional("role").Text()
		x.Rest(member)
		t.Members = append(t.Members, person)
		x.roles[id][role] = append(x.roles[id][role], person)
	}
	x.Drop(m.Optional("description"), "not_imported", "nothing: a team has no description")
	reading.Skip(m, "links")
	x.Rest(m)
	x.Team(t)
}

// A rule is one rule of an escalation.
type rule struct {
	after   time.Duration // the alert
	targets []escalation.Target
	node    yamlfile.Node
}

func (x reader) escalation(n yamlfile.Node) {
	m := n.Map()
	id := reading.ID(m.Required("id"))
	name := m.Optional("name")
	x.Name(id, name)
	var rules []rule
	for _, item := range m.Required("rules").List() {
		if r, ok := x.rule(item, id); ok {
			rules = append(rules, r)
		}
	}
	slices.SortStableFunc(rules, func(a, b rule) int { return cmp.Compare(a.after, b.after) })
	var steps []export.Step
	last := time.Duration(0)
	for _, r := range rules {
		if len(steps) == 0 || r.after > last {
			steps = append(steps, export.Step{Wait: r.after - last, Node: r.node})
		}
		s := &steps[len(steps)-1]
		s.Targets = append(s.Targets, r.targets...)
		last = r.after
	}
	wait, count := x.repeat(m.Optional("repeat"))
	x.Drop(m.Optional("description"), "not_imported", "nothing: a policy has no description")
	reading.Skip(m, "ownerTeam", "enabled")
	x.Rest(m)
	x.Policy(n, id, name.Text(), steps, wait, count)
}

// repeat returns how long after the last level the first one follows, and how
// often.
func (x reader) repeat(n yamlfile.Node) (wait time.Duration, count int) {
	m := n.Map()
	minutes := m.Optional("waitInterval").Int(0, int(escalation.MaxDelay/time.Minute))
	count = m.Optional("count").Int(0, escalation.MaxRepeat)
	closes := m.Optional("closeAlertAfterAll")
	if closes.Bool() {
		x.Drop(closes, "not_imported", "the last resort: an alert that nobody has taken is not closed")
	}
	reading.Skip(m, "resetRecipientStates", "enabled")
	x.Rest(m)
	if minutes == 0 {
		return 0, 0 // Opsgenie repeats only after a time
	}
	return time.Duration(minutes) * time.Minute, count
}

func (x reader) rule(n yamlfile.Node, policy string) (r rule, ok bool) {
	m := n.Map()
	r.node = n
	r.after = x.amount(m.Required("delay"), int(escalation.MaxDelay/time.Minute))
	if condition := m.Optional("condition"); condition.Enum("if-not-acked", "if-not-closed") == "if-not-closed" {
		x.Inexact(policy, condition, "not_expressible", "if-not-acked: an acknowledgement ends the escalation")
	}
	how := m.Optional("notifyType")
	kind := how.Enum("default", "next", "previous", "users", "admins", "random", "all")
	recipient := m.Required("recipient").Map()
	what := recipient.Required("type").Enum("user", "schedule", "team", "group")
	id := reading.ID(recipient.Required("id"))
	x.Name(id, recipient.Optional("name"))
	if what == "user" {
		x.Email(id, recipient.Optional("username"))
	}
	reading.Skip(recipient, "username")
	x.Rest(recipient)
	reading.Skip(m, "id", "_parent")
	x.Rest(m)
	instead := "nothing: a level has people, schedules and teams"
	switch what {
	case "user":
		r.targets = []escalation.Target{escalation.ToPerson(id)}
		return r, true
	case "schedule":
		if kind == "" || kind == "default" {
			r.targets = []escalation.Target{escalation.ToSchedule(id, oncall.Primary)}
			return r, true
		}
		instead = "nothing: a level has who is on call, not who was or will be"
	case "team":
		if r.targets, instead = x.members(id, kind); instead == "" {
			return r, true
		}
	}
	x.Inexact(policy, n, "not_expressible", instead)
	return r, len(r.targets) > 0
}

// members returns the targets that are a team or some of it; instead says what
// stands in their place.
func (x reader) members(team, kind string) (targets []escalation.Target, instead string) {
	byRole, known := x.roles[team]
	switch kind {
	case "all":
		return []escalation.Target{escalation.ToTeam(team)}, ""
	case "users", "admins":
		people := byRole[strings.TrimSuffix(kind, "s")]
		if !known || len(people) == 0 || len(people) > escalation.MaxTargets {
			return nil, "nothing: no team in the file has such members, or it has too many"
		}
		for _, id := range people {
			targets = append(targets, escalation.ToPerson(id))
		}
		return targets, ""
	case "random":
		people := slices.Sorted(slices.Values(slices.Concat(slices.Collect(maps.Values(byRole))...)))
		if len(people) == 0 || len(people) > escalation.MaxPeople {
			return nil, "nothing: no team in the file has members, or it has too many"
		}
		return []escalation.Target{escalation.ToRoundRobin(people...)}, "the members in turn, not at random"
	}
	return nil, "nothing: the routing rules of a team are not read"
}

// amount reads {"timeAmount": 5, "timeUnit": "minutes"}, up to a number of
// minutes.
func (x reader) amount(n yamlfile.Node, most int) time.Duration {
	m := n.Map()
	amount, unit := m.Required("timeAmount"), m.Optional("timeUnit")
	x.Rest(m)
	length := 1
	switch unit.Enum("minutes", "hours", "days") {
	case "hours":
		length = 60
	case "days":
		length = 24 * 60
	}
	return time.Duration(amount.Int(0, most/length)*length) * time.Minute
}

var contactKinds = map[string]oncall.ContactKind{
	"email": oncall.Email, "sms": oncall.SMS, "voice": oncall.Voice, "mobile": oncall.Push,
}

func (x reader) user(n yamlfile.Node) {
	outer := n.Map()
	rules := outer.Optional("notification_rules")
	m := outer
	if data := outer.Optional("data"); data.Exists() {
		m = data.Map()
		reading.Skip(outer, "took", "requestId", "expandable")
		x.Rest(outer)
	}
	id := reading.ID(m.Required("id"))
	x.Email(id, m.Required("username"))
	name := m.Optional("fullName")
	x.Name(id, name)
	p := oncall.Person{ID: id, Name: name.Text(), Zone: x.Zone(m.Optional("timeZone"))}
	blocked := m.Optional("blocked")
	reading.Skip(m, "role", "locale", "verified", "userAddress", "createdAt", "skypeUsername", "details", "tags", "userContacts", "invitationDisabled", "mutedUntil")
	if m != outer {
		x.Rest(m)
	} else {
		x.Rest(outer)
	}
	if !rules.Exists() {
		n.Add("missing", nil, "notification_rules, a list of rules with their steps, beside the user")
	}
	var list []userRule
	for _, item := range x.list(rules) {
		if r, ok := x.userRule(x.object(item)); ok {
			list = append(list, r)
		}
	}
	slices.SortStableFunc(list, func(a, b userRule) int { return cmp.Compare(a.order, b.order) })
	// The first rule that matches an alert is the only one that counts:
	// docs.opsgenie.com/v1.0/docs/new-user-profile.
	for i, r := range list {
		if !r.some {
			p.Contacts, p.Rules = r.contacts, r.rules
			for _, never := range list[i+1:] {
				x.Drop(never.node, "not_imported", "nothing: the rule before it takes every alert")
			}
			break
		}
		x.Inexact(id, r.node, "not_expressible", "the rule for every alert: this one is for some alerts or some times only")
	}
	if blocked.Bool() {
		x.Drop(blocked, "disabled", "a person without contacts: Opsgenie has blocked the user")
		p.Contacts, p.Rules = nil, nil
	}
	x.Person(n, account.Any, p)
}

// A userRule is a notification rule for new alerts.
type userRule struct {
	order    int
	some     bool // for some alerts or some times only
	contacts []oncall.Contact
	rules    []oncall.ContactRule
	ids      map[string]string // of contacts, by kind and address
	node     yamlfile.Node
}

// userRule reads a notification rule; ok is false for one that is for other
// things.
func (x reader) userRule(n yamlfile.Node) (r userRule, ok bool) {
	m := n.Map()
	r.node, r.ids = n, map[string]string{}
	action := m.Required("actionType").Text()
	r.order = m.Optional("order").Int(0, 1_000_000)
	enabled := m.Optional("enabled")
	on := !enabled.Exists() || enabled.Bool()
	criteria := m.Optional("criteria")
	c := criteria.Map()
	r.some = criteria.Exists() && c.Required("type").Text() != "match-all"
	reading.Skip(c, "conditions")
	x.Rest(c)
	restricted, schedules := m.Optional("timeRestriction"), m.Optional("schedules")
	r.some = r.some || restricted.Exists() || len(schedules.List()) > 0
	repeat := m.Optional("repeat")
	rm := repeat.Map()
	repeats := rm.Optional("enabled")
	reading.Skip(rm, "loopAfter")
	x.Rest(rm)
	steps := m.Optional("steps")
	reading.Skip(m, "id", "name", "notificationTime", "_parent")
	x.Rest(m)
	switch {
	case !on || action != "create-alert":
		return r, false
	case r.some:
		return r, true
	case !steps.Exists():
		steps.Add("missing", nil, "the steps of the rule: ask for each rule by its ID")
		return r, false
	case repeats.Bool():
		x.Drop(repeat, "not_imported", "the steps once")
	}
	for _, item := range steps.List() {
		x.step(&r, item)
	}
	return r, true
}

func (x reader) step(r *userRule, n yamlfile.Node) {
	m := n.Map()
	enabled := m.Optional("enabled")
	after := time.Duration(0)
	if send := m.Optional("sendAfter"); send.Exists() {
		after = x.amount(send, int(oncall.MaxContactAfter/time.Minute))
	}
	contact := m.Required("contact").Map()
	kind, to := contactKinds[contact.Required("method").Enum("email", "sms", "voice", "mobile")], contact.Required("to")
	reading.Skip(contact, "id")
	x.Rest(contact)
	reading.Skip(m, "id", "_parent")
	x.Rest(m)
	address := ""
	if _, scalar := to.Peek(); scalar {
		address = to.Text()
	}
	if enabled.Exists() && !enabled.Bool() || address == "" {
		return
	}
	key := string(kind) + " " + address
	id := r.ids[key]
	if id == "" {
		id = fmt.Sprintf("%s-%d", kind, len(r.contacts)+1)
		r.ids[key] = id
		r.contacts = append(r.contacts, oncall.Contact{ID: id, Kind: kind, Address: address})
	}
	r.rules = append(r.rules, oncall.ContactRule{Contact: id, After: after})
}
