package grafana

import (
	"cmp"
	"io"
	"maps"
	"slices"
	"strings"
	"time"

	"github.com/sre-sdk/sre"
	"github.com/sre-sdk/sre/internal/civil"
	"github.com/sre-sdk/sre/internal/yamlfile"
	"github.com/sre-sdk/sre/oncall"
	"github.com/sre-sdk/sre/oncall/escalation"
	"github.com/sre-sdk/sre/oncall/escalation/account"
	"github.com/sre-sdk/sre/oncall/escalation/internal/export"
	"github.com/sre-sdk/sre/oncall/internal/reading"
)

// Repeats is how often repeat_escalation goes through a chain again:
// MAX_TIMES_REPEAT in engine/apps/alerts/models/escalation_policy.py.
const Repeats = 5

// stepDelay is how long Grafana OnCall takes from a step to the next one:
// NEXT_ESCALATION_DELAY in engine/apps/alerts/constants.py. It is what a last
// level without a wait has before the repeat.
const stepDelay = 5 * time.Second

// Read reads one file. The error carries every [sre.Problem].
func Read(r io.Reader, o account.Options) (account.Account, error) {
	e, err := export.Parse(r, "grafana", o)
	if err != nil {
		return account.Account{}, err
	}
	x := reader{Export: e, usernames: map[string]string{}}
	x.Account.Waits = true
	x.read()
	return e.Finish()
}

// reader is one file as it is read.
type reader struct {
	*export.Export
	usernames map[string]string
}

func (x reader) read() {
	root := x.Root.Map()
	teams, users, rules := root.Optional("teams"), root.Optional("users"), root.Optional("personal_notification_rules")
	chains, policies := root.Optional("escalation_chains"), root.Optional("escalation_policies")
	x.Rest(root)
	if root.Exists() && !teams.Exists() && !users.Exists() && !chains.Exists() {
		x.Root.Add("missing", nil, "escalation_chains, users or teams")
	}
	if chains.Exists() != policies.Exists() {
		x.Root.Add("missing", nil, "escalation_chains and escalation_policies, which belong together")
	}
	if users.Exists() != rules.Exists() {
		x.Root.Add("missing", nil, "users and personal_notification_rules, which belong together")
	}
	for _, n := range x.results(teams) {
		x.team(n)
	}
	x.users(x.results(users), x.results(rules))
	x.chains(x.results(chains), x.results(policies))
}

// results returns the items of a list, or of a page of the API.
func (x reader) results(n yamlfile.Node) []yamlfile.Node {
	if !n.Exists() || n.IsList() {
		return n.List()
	}
	m := n.Map()
	results := m.Required("results")
	if next := m.Optional("next"); next.Exists() {
		next.Add("incomplete", nil, "the last page: those of all pages in one list")
	}
	reading.Skip(m, "count", "previous", "page_size", "current_page_number", "total_pages")
	x.Rest(m)
	return results.List()
}

func (x reader) team(n yamlfile.Node) {
	m := n.Map()
	id := reading.ID(m.Required("id"))
	name := m.Optional("name")
	x.Name(id, name)
	reading.Skip(m, "email", "avatar_url", "grafana_id")
	x.Rest(m)
	x.Team(oncall.Team{ID: id, Name: name.Text()})
}

// A step is one escalation policy, or one personal notification rule.
type step struct {
	position  int
	kind      string
	duration  time.Duration
	important bool
	node      yamlfile.Node
	fields    *yamlfile.Map
}

// step reads what both have.
func (x reader) step(n yamlfile.Node, owner string) (s step, of string) {
	m := n.Map()
	s.node, s.fields = n, m
	of = reading.ID(m.Required(owner))
	s.position = m.Required("position").Int(0, 1_000_000)
	kind := m.Optional("type") // null: not configured
	s.kind = kind.Text()
	const most = int(escalation.MaxDelay / time.Second)
	s.duration = time.Duration(m.Optional("duration").Int(0, most)) * time.Second
	s.important = m.Optional("important").Bool()
	reading.Skip(m, "id")
	return s, of
}

// defaultWait is how long a wait lasts for which nothing is set:
// DEFAULT_WAIT_DELAY in engine/apps/alerts/models/escalation_policy.py.
const defaultWait = 5 * time.Minute

var contactKinds = map[string]oncall.ContactKind{
	"notify_by_slack": oncall.Chat, "notify_by_msteams": oncall.Chat, "notify_by_telegram": oncall.Chat, "notify_by_mattermost": oncall.Chat,
	"notify_by_sms": oncall.SMS, "notify_by_phone_call": oncall.Voice, "notify_by_email": oncall.Email,
	"notify_by_mobile_app": oncall.Push, "notify_by_mobile_app_critical": oncall.Push,
}

func (x reader) users(users, rules []yamlfile.Node) {
	byUser := map[string][]step{}
	for _, n := range rules {
		s, user := x.step(n, "user_id")
		x.Rest(s.fields)
		byUser[user] = append(byUser[user], s)
	}
	for _, n := range users {
		m := n.Map()
		id := reading.ID(m.Required("id"))
		mail := x.Email(id, m.Optional("email"))
		username := m.Optional("username")
		x.usernames[id] = username.Text()
		x.Name(id, username)
		for _, item := range m.Optional("teams").List() {
			x.Team(oncall.Team{ID: reading.ID(item), Members: []string{id}})
		}
		p := oncall.Person{ID: id, Name: username.Text(), Zone: x.Zone(m.Optional("timezone"))}
		reading.Skip(m, "slack", "role", "is_phone_number_verified", "grafana_id", "avatar_url", "avatar")
		x.Rest(m)
		for _, u := range []account.Urgency{account.Important, account.Default} {
			p := p
			p.Contacts, p.Rules = x.plan(byUser[id], u == account.Important, id, mail)
			x.Person(n, u, p)
		}
		delete(byUser, id)
	}
	for _, user := range slices.Sorted(maps.Keys(byUser)) {
		x.Drop(byUser[user][0].node, "unknown_user", "nothing: the user is not in the file")
	}
}

// plan returns the contacts that steps name, and when they are tried.
func (x reader) plan(steps []step, important bool, user, mail string) (contacts []oncall.Contact, rules []oncall.ContactRule) {
	steps = slices.DeleteFunc(slices.Clone(steps), func(s step) bool { return s.important != important })
	slices.SortStableFunc(steps, func(a, b step) int { return cmp.Compare(a.position, b.position) })
	after := time.Duration(0)
	for _, s := range steps {
		kind, ok := contactKinds[s.kind]
		switch {
		case s.kind == "wait":
			after += cmp.Or(s.duration, defaultWait)
			continue
		case !ok:
			x.Drop(s.node, "not_expressible", "nothing: the kind of notification is not known")
			continue
		}
		id := strings.TrimPrefix(s.kind, "notify_by_")
		address := user
		if kind == oncall.Email && mail != "" {
			address = mail
		}
		if !slices.ContainsFunc(contacts, func(c oncall.Contact) bool { return c.ID == id }) {
			contacts = append(contacts, oncall.Contact{ID: id, Kind: kind, Address: address})
		}
		rules = append(rules, oncall.ContactRule{Contact: id, After: after})
	}
	return contacts, rules
}

func (x reader) chains(chains, policies []yamlfile.Node) {
	byChain := map[string][]step{}
	for _, n := range policies {
		s, chain := x.step(n, "escalation_chain_id")
		byChain[chain] = append(byChain[chain], s)
	}
	for _, n := range chains {
		m := n.Map()
		id := reading.ID(m.Required("id"))
		name := m.Optional("name")
		x.Name(id, name)
		reading.Skip(m, "team_id")
		x.Rest(m)
		steps := byChain[id]
		delete(byChain, id)
		slices.SortStableFunc(steps, func(a, b step) int { return cmp.Compare(a.position, b.position) })
		c := chain{reader: x, id: id}
		for _, s := range steps {
			c.step(s)
		}
		c.finish(n, name.Text())
	}
	for _, chain := range slices.Sorted(maps.Keys(byChain)) {
		x.Drop(byChain[chain][0].node, "unknown_chain", "nothing: the chain is not in the file")
	}
}

// chain is an escalation chain as its steps are read.
type chain struct {
	reader
	id        string
	levels    []export.Step
	when      []oncall.Hours // of each level; From "" is always
	wait      time.Duration  // since the last level
	now       oncall.Hours   // the condition of the levels that follow
	repeat    int
	important int // steps that page
	plain     int
	done      bool // nothing that follows is reached
}

func (c *chain) step(s step) {
	m := s.fields
	defer c.Rest(m)
	people := func(field string) []string {
		var list []string
		for _, n := range m.Optional(field).List() {
			list = append(list, reading.ID(n))
		}
		return list
	}
	// Each step has the fields of its kind only, so all of them are taken.
	persons, queue := people("persons_to_notify"), people("persons_to_notify_next_each_time")
	schedule, team := m.Optional("notify_on_call_from_schedule"), m.Optional("team_to_notify")
	from, to := m.Optional("notify_if_time_from"), m.Optional("notify_if_time_to")
	reading.Skip(m, "group_to_notify", "action_to_trigger", "num_alerts_in_window", "num_minutes_in_window", "severity")
	if c.done {
		c.Inexact(c.id, s.node, "not_imported", "nothing: what comes before may end the chain")
		return
	}
	switch s.kind {
	case "wait":
		c.wait += cmp.Or(s.duration, defaultWait)
	case "notify_persons":
		for _, id := range persons {
			c.page(s, escalation.ToPerson(id))
		}
	case "notify_person_next_each_time":
		slices.SortStableFunc(queue, func(a, b string) int { return cmp.Compare(c.usernames[a], c.usernames[b]) })
		if len(queue) > 0 {
			c.page(s, escalation.ToRoundRobin(queue...))
		}
	case "notify_on_call_from_schedule":
		c.page(s, escalation.ToSchedule(reading.ID(present(schedule)), oncall.Primary))
	case "notify_team_members":
		c.page(s, escalation.ToTeam(reading.ID(present(team))))
	case "notify_if_time_from_to":
		c.hours(s, from, to)
	case "notify_if_num_alerts_in_window":
		c.done = true
		c.Inexact(c.id, s.node, "not_expressible", "the end of the chain: what follows waits for more alerts")
	case "repeat_escalation":
		c.repeat, c.done = Repeats, true
	case "resolve":
		c.done = true
		c.Inexact(c.id, s.node, "not_expressible", "the last resort: an alert that nobody has taken is not resolved")
	case "trigger_webhook", "declare_incident", "notify_whole_channel":
		c.Drop(s.node, "not_imported", "nothing: a level pages people")
	case "notify_user_group":
		c.Inexact(c.id, s.node, "not_expressible", "nothing: who is in the group is not known")
	default:
		c.Inexact(c.id, s.node, "not_expressible", "nothing: the step is not known or not configured")
	}
}

// present reports an absent field.
func present(n yamlfile.Node) yamlfile.Node {
	if !n.Exists() {
		n.Add("missing", nil, "this field")
	}
	return n
}

// page adds a target to the level that stands now.
func (c *chain) page(s step, t escalation.Target) {
	if s.important {
		c.important++
	} else {
		c.plain++
	}
	if len(c.levels) == 0 || c.wait > 0 || !sameHours(c.when[len(c.when)-1], c.now) {
		if len(c.levels) > 0 {
			c.wait = max(c.wait, stepDelay)
		}
		c.levels = append(c.levels, export.Step{Wait: c.wait, Node: s.node})
		c.when = append(c.when, c.now)
		c.wait = 0
	}
	l := &c.levels[len(c.levels)-1]
	l.Targets = append(l.Targets, t)
}

func sameHours(a, b oncall.Hours) bool { return a.From == b.From && a.To == b.To }

// hours reads a condition such as 09:00:00Z to 18:00:00Z.
func (c *chain) hours(s step, from, to yamlfile.Node) {
	utc := func(n yamlfile.Node) string {
		return yamlfile.Value(present(n), func(text string) (string, error) {
			clock, ok := strings.CutSuffix(text, "Z")
			if !ok {
				return "", sre.NewProblem("", "invalid_clock", text, "a clock in UTC such as 09:00:00Z")
			}
			parsed, err := civil.ParseClock(clock)
			return reading.Clock(parsed), err
		})
	}
	if c.now.From != "" {
		c.done = true
		c.Inexact(c.id, s.node, "not_expressible", "the end of the chain: levels have one condition on the clock")
		return
	}
	c.now = oncall.Hours{From: utc(from), To: utc(to)}
	c.Inexact(c.id, s.node, "not_expressible", "a condition of the levels that follow: they are passed over outside of the hours, not held back")
}

func (c *chain) finish(n yamlfile.Node, name string) {
	switch {
	case c.important > 0 && c.plain > 0:
		c.Inexact(c.id, n, "not_expressible", "the default rules of the people: only some steps are important")
		c.Account.Urgency[c.id] = account.Default
	case c.important > 0:
		c.Account.Urgency[c.id] = account.Important
	default:
		c.Account.Urgency[c.id] = account.Default
	}
	last := c.wait
	if c.repeat > 0 {
		last = max(last, stepDelay)
	}
	before := len(c.Account.Policies)
	c.Policy(n, c.id, name, c.levels, last, c.repeat)
	if len(c.Account.Policies) == before {
		return
	}
	p := &c.Account.Policies[before]
	for i, h := range c.when {
		if h.From != "" {
			p.Zone = "UTC"
			p.Levels[i].When.Hours = []oncall.Hours{h}
		}
	}
	if p.Zone != "" && c.Problems.Len() == 0 {
		_, err := p.Compile()
		c.Check("policies", err)
	}
}
