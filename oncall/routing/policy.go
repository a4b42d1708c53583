package routing

import (
	"fmt"
	"slices"

	"github.com/sre-sdk/sre"
	"github.com/sre-sdk/sre/internal/civil"
	"github.com/sre-sdk/sre/oncall"
	"github.com/sre-sdk/sre/oncall/alert"
	"github.com/sre-sdk/sre/oncall/internal/hours"
)

// Limits on a policy, part of the contract.
const (
	MaxRoutes       = 1000
	MaxServices     = 1000 // of a route
	MaxRequirements = 20
)

// An Action says what is done about an alert.
type Action uint8

const (
	ActionUnknown Action = iota
	Page                 // somebody is paged, by the escalation policy
	Ticket               // it is worked on in office hours
	Record               // it is written down only
)

var actionNames = [...]string{"unknown", "page", "ticket", "record"}

// String returns the lower-case name.
func (a Action) String() string {
	if int(a) < len(actionNames) {
		return actionNames[a]
	}
	return fmt.Sprintf("action(%d)", uint8(a))
}

// ParseAction reads the lower-case name of an action other than unknown.
func ParseAction(text string) (Action, error) {
	if i := slices.Index(actionNames[:], text); i > 0 {
		return Action(i), nil
	}
	return 0, sre.NewProblem("", "unknown_action", text, "page, ticket or record")
}

// MarshalText returns the lower-case name; it refuses values that have none.
func (a Action) MarshalText() ([]byte, error) {
	if int(a) >= len(actionNames) {
		return nil, sre.NewProblem("", "unknown_action", a, "a declared Action")
	}
	return []byte(a.String()), nil
}

// UnmarshalText reads what ParseAction reads.
func (a *Action) UnmarshalText(text []byte) error {
	v, err := ParseAction(string(text))
	if err == nil {
		*a = v
	}
	return err
}

// A Policy says where alerts go.
type Policy struct {
	ID string // required

	// Routes are tried in their order; the first one that matches decides.
	Routes []Route

	// Default is the ID of the escalation policy of alerts that no route matches.
	// They page, and are reported as unowned: an alert that nobody has thought of
	// is the last one to be dropped. Required.
	Default string

	// Zone is where the clocks of Hours hang, an IANA name. Required if there are
	// any.
	Zone string

	// Require is what makes an alert actionable. Default: nothing.
	Require Requirements
}

// A Route matches alerts. All of its conditions must hold.
type Route struct {
	Name     string         // required, an ID, unique in the policy
	Match    alert.Matchers // default: any labels
	Services []string       // IDs; default: any service
	AtLeast  sre.Severity   // this severity and worse; default (0): any
	AtMost   sre.Severity   // this severity and milder; an unknown one counts as the worst; default (0): any
	Hours    []oncall.Hours // when it is looked at; default: always

	Action   Action       // default: Page
	Policy   string       // the ID of the escalation policy; required to page
	Owner    string       // the ID of the team that owns these alerts; default: nobody
	Severity sre.Severity // instead of the alert's, also for Requirements; default (0): the alert's
}

// Requirements are what an alert that pages must carry. One that does not
// becomes a ticket, unless its severity is worse than Demote or not known. Where
// a route has a Severity, that is the one that counts: what its owners call mild
// is, whatever the source calls it.
type Requirements struct {
	Labels      []string     // names of labels
	Annotations []string     // names of annotations, such as "runbook_url"
	Service     bool         // a service
	Demote      sre.Severity // this severity and milder become tickets: 2 or more, so the worst always pages. Default: 2
}

// DefaultDemote is Requirements.Demote where it is not set.
const DefaultDemote sre.Severity = 2

// Compiled is a checked policy. It is immutable and safe for concurrent use; the
// zero value pages for everything, by no policy.
type Compiled struct {
	policy Policy
	hours  []*civil.Calendar
}

// Policy returns the policy with its defaults filled in.
func (c *Compiled) Policy() Policy { return c.policy.copied() }

// copied returns a copy that shares nothing that can change.
func (p Policy) copied() Policy {
	p.Require.Labels, p.Require.Annotations = slices.Clone(p.Require.Labels), slices.Clone(p.Require.Annotations)
	p.Routes = slices.Clone(p.Routes)
	for i := range p.Routes {
		r := &p.Routes[i]
		r.Match, r.Services, r.Hours = slices.Clone(r.Match), slices.Clone(r.Services), slices.Clone(r.Hours)
		for k := range r.Hours {
			r.Hours[k].Weekdays = slices.Clone(r.Hours[k].Weekdays)
		}
	}
	return p
}

// Compile checks the policy, reporting every [sre.Problem]. Whether the
// escalation policies exist is for the caller to see: they are in
// [Compiled.Policies].
func (p Policy) Compile() (*Compiled, error) {
	var problems sre.Problems
	problems.CheckID("id", p.ID)
	problems.CheckID("default", p.Default)
	if len(p.Routes) > MaxRoutes {
		problems.Add("routes", "too_many", len(p.Routes), fmt.Sprintf("at most %d", MaxRoutes))
	}
	if n := len(p.Require.Labels) + len(p.Require.Annotations); n > MaxRequirements {
		problems.Add("require", "too_many", n, fmt.Sprintf("at most %d", MaxRequirements))
	}
	if p.Require.Demote == 0 {
		p.Require.Demote = DefaultDemote
	}
	if p.Require.Demote < DefaultDemote {
		problems.Add("require.demote", "out_of_range", p.Require.Demote, "2 or more: the worst severity always pages")
	}
	c := &Compiled{policy: p.copied()}
	names := map[string]bool{}
	for i := range c.policy.Routes {
		r := &c.policy.Routes[i]
		path := fmt.Sprintf("routes[%d]", i)
		problems.CheckID(path+".name", r.Name)
		if names[r.Name] {
			problems.Add(path+".name", "duplicate", r.Name, "a name that no other route has")
		}
		names[r.Name] = true
		r.check(&problems, path)
		c.hours = append(c.hours, hours.Compile(&problems, path+".hours", p.Zone, r.Hours))
	}
	c.shadowed(&problems)
	if err := problems.Err("routing"); err != nil {
		return nil, err
	}
	return c, nil
}

// MustCompile is Compile for policies that are known to be right. It panics.
func (p Policy) MustCompile() *Compiled {
	c, err := p.Compile()
	if err != nil {
		panic(err)
	}
	return c
}

func (r *Route) check(problems *sre.Problems, path string) {
	if r.Action == ActionUnknown {
		r.Action = Page
	}
	if r.Action > Record {
		problems.Add(path+".action", "unknown_action", r.Action, "page, ticket or record")
	}
	if r.Action == Page || r.Policy != "" {
		problems.CheckID(path+".policy", r.Policy)
	}
	if r.Owner != "" {
		problems.CheckID(path+".owner", r.Owner)
	}
	if len(r.Services) > MaxServices {
		problems.Add(path+".services", "too_many", len(r.Services), fmt.Sprintf("at most %d", MaxServices))
	}
	if len(r.Match) > alert.MaxMatchers {
		problems.Add(path+".match", "too_many", len(r.Match), fmt.Sprintf("at most %d", alert.MaxMatchers))
	}
	for i, m := range r.Match {
		if m.Name() == "" {
			problems.Add(fmt.Sprintf("%s.match[%d]", path, i), "missing", nil, "a parsed matcher")
		}
	}
	for i, id := range r.Services {
		problems.CheckID(fmt.Sprintf("%s.services[%d]", path, i), id)
	}
	if r.AtLeast != 0 && r.AtMost != 0 && r.AtMost > r.AtLeast {
		problems.Add(path+".at_most", "never", r.AtMost, "no milder than at_least, or the route never matches")
	}
}

// shadowed reports routes after one that matches everything: nothing reaches
// them.
func (c *Compiled) shadowed(problems *sre.Problems) {
	for i, r := range c.policy.Routes {
		if len(r.Match) == 0 && len(r.Services) == 0 && r.AtLeast == 0 && r.AtMost <= 1 && len(r.Hours) == 0 {
			if last := len(c.policy.Routes) - 1; i < last {
				problems.Add(fmt.Sprintf("routes[%d]", i), "shadows", r.Name, "to be the last route, since it matches every alert")
			}
			return
		}
	}
}

// Policies returns the IDs of the escalation policies that routes and the
// default name, sorted.
func (c *Compiled) Policies() []string {
	list := []string{c.policy.Default}
	for _, r := range c.policy.Routes {
		if r.Policy != "" {
			list = append(list, r.Policy)
		}
	}
	slices.Sort(list)
	return slices.Compact(list)
}
