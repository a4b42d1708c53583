// Package export is what the readers of the exports of other tools share.
package export

import (
	"cmp"
	"fmt"
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
	"github.com/sre-sdk/sre/oncall/internal/reading"
)

// An Export is one file as it is read.
type Export struct {
	*reading.Reading
	Account account.Account
	Options account.Options

	policies map[string]bool // IDs that are taken
	inexact  map[string]bool
	people   map[string]bool
	teams    map[string]int // the index
	members  map[[2]string]bool
}

// Parse reads a file of one document; prefix is the package's name.
func Parse(r io.Reader, prefix string, o account.Options) (*Export, error) {
	// A value takes two bytes at least; the documents that are read have long ones.
	const bytesPerNode = 8
	docs, err := yamlfile.Parse(r, yamlfile.Options{Name: o.Name, Prefix: prefix, MaxBytes: account.MaxBytes, MaxNodes: account.MaxBytes / bytesPerNode})
	if err != nil {
		return nil, err
	}
	var problems sre.Problems
	if len(docs) != 1 {
		problems.Add(o.Name, "wrong_count", len(docs), "one object a file")
	}
	o.After = cmp.Or(o.After, account.DefaultAfter)
	probe := escalation.Policy{
		ID: "probe", LastResort: o.LastResort,
		Levels: []escalation.Level{{ID: "level", Targets: []escalation.Target{escalation.ToPerson("person")}, Delay: o.After}},
	}
	_, err = probe.Compile()
	for _, p := range sre.ProblemsIn(err) {
		if p.Path == "levels[0].delay" {
			p.Path = "after"
		}
		p.Path = "options." + p.Path
		problems.Merge("", p)
	}
	if err := problems.Err(prefix); err != nil {
		return nil, err
	}
	return &Export{
		Reading: reading.Document(docs[0], prefix), Options: o,
		Account:  account.Account{Urgency: map[string]account.Urgency{}, StartsAfter: map[string]time.Duration{}, Emails: map[string]string{}},
		policies: map[string]bool{}, inexact: map[string]bool{}, people: map[string]bool{},
		teams: map[string]int{}, members: map[[2]string]bool{},
	}, nil
}

// Finish returns what was read, or every problem.
func (e *Export) Finish() (account.Account, error) {
	if err := e.Err(); err != nil {
		return account.Account{}, err
	}
	a := e.Account
	a.Names, a.Dropped = e.Names, e.Dropped()
	a.Inexact = slices.Sorted(maps.Keys(e.inexact))
	return a, nil
}

// Inexact reports a part of a policy for which something else stands.
func (e *Export) Inexact(policy string, n yamlfile.Node, code, instead string) {
	e.inexact[policy] = true
	e.Drop(n, code, instead)
}

// A Step is a level as it is read: targets that are paged together, so long
// after the level before it, or after the trigger.
type Step struct {
	ID      string
	Wait    time.Duration
	Targets []escalation.Target
	Node    yamlfile.Node
}

// Policy adds a policy. last is how long the last level has; 0: as Options say.
func (e *Export) Policy(n yamlfile.Node, id, name string, steps []Step, last time.Duration, repeat int) {
	if e.policies[id] && id != "" {
		n.Add("duplicate", id, "an ID that no other policy has")
		return
	}
	e.policies[id] = true
	if len(steps) == 0 {
		delete(e.inexact, id)
		e.Drop(n, "not_imported", "nothing: the policy pages nobody")
		return
	}
	if len(steps) > escalation.MaxLevels {
		n.Add("out_of_range", len(steps), fmt.Sprintf("at most %d levels", escalation.MaxLevels))
		return
	}
	p := escalation.Policy{ID: id, Name: name, LastResort: e.Options.LastResort, Repeat: repeat}
	path := fmt.Sprintf("policies[%d]", len(e.Account.Policies))
	e.Place(path, n)
	taken := map[string]bool{escalation.LastResortLevel: true}
	for i, s := range steps {
		if !sre.ValidID(s.ID) || taken[s.ID] {
			s.ID = fmt.Sprintf("level-%d", i+1)
		}
		taken[s.ID] = true
		delay := cmp.Or(last, e.Options.After)
		if i+1 < len(steps) {
			delay = steps[i+1].Wait
		}
		e.Place(fmt.Sprintf("%s.levels[%d]", path, i), s.Node)
		p.Levels = append(p.Levels, escalation.Level{ID: s.ID, Targets: s.Targets, Delay: delay})
	}
	if e.Problems.Len() == 0 {
		_, err := p.Compile()
		e.Check(path, err)
	}
	if wait := steps[0].Wait; wait > 0 {
		e.Account.StartsAfter[id] = wait
		e.Drop(steps[0].Node, "starts_late", fmt.Sprintf("a first level that is entered at once, not after %s; see StartsAfter", wait))
	}
	e.Account.Policies = append(e.Account.Policies, p)
}

// Person adds a person with the contact rules for an urgency. Without rules
// nothing reaches the person.
func (e *Export) Person(n yamlfile.Node, u account.Urgency, p oncall.Person) {
	key := string(u) + " " + p.ID
	if e.people[key] && p.ID != "" {
		n.Add("duplicate", p.ID, "an ID that no other user has")
		return
	}
	e.people[key] = true
	var used []oncall.Contact
	slices.SortStableFunc(p.Rules, func(a, b oncall.ContactRule) int { return cmp.Compare(a.After, b.After) })
	p.Rules = slices.DeleteFunc(slices.Clone(p.Rules), func(r oncall.ContactRule) bool { return r.After > oncall.MaxContactAfter })
	if len(p.Rules) > oncall.MaxContactRules {
		e.Drop(n, "too_many", fmt.Sprintf("the first %d contact rules for %s urgency", oncall.MaxContactRules, u))
		p.Rules = p.Rules[:oncall.MaxContactRules]
	}
	for _, c := range p.Contacts {
		if slices.ContainsFunc(p.Rules, func(r oncall.ContactRule) bool { return r.Contact == c.ID }) {
			used = append(used, c)
		}
	}
	p.Contacts = used
	if len(used) == 0 {
		e.Drop(n, "not_reached", fmt.Sprintf("a person without contacts: no rule for %s urgency reaches the user", u))
	}
	if e.Problems.Len() == 0 {
		path := "person " + key
		e.Place(path, n)
		if err := p.Validate(); err != nil {
			for _, problem := range sre.ProblemsIn(err) {
				n.Add(problem.Code, nil, problem.Path+": "+problem.Want)
			}
		}
	}
	i := slices.IndexFunc(e.Account.People, func(list account.People) bool { return list.Urgency == u })
	if i < 0 {
		i = len(e.Account.People)
		e.Account.People = append(e.Account.People, account.People{Urgency: u})
	}
	e.Account.People[i].People = append(e.Account.People[i].People, p)
}

// Zone returns the name of a zone, or "" and a report if there is no such zone.
func (e *Export) Zone(n yamlfile.Node) string {
	name := n.Text()
	if name == "" {
		return ""
	}
	if _, err := civil.LoadZone(name); err != nil {
		e.Drop(n, "unknown_zone", "no zone")
		return ""
	}
	return name
}

// Email remembers the address of a person's account.
func (e *Export) Email(id string, n yamlfile.Node) string {
	text := n.Text()
	if text != "" && id != "" {
		e.Account.Emails[id] = strings.ToLower(text)
	}
	return text
}

// Team adds a team, or members to one.
func (e *Export) Team(t oncall.Team) {
	i, known := e.teams[t.ID]
	if !known {
		i = len(e.Account.Teams)
		e.teams[t.ID] = i
		e.Account.Teams = append(e.Account.Teams, oncall.Team{ID: t.ID})
	}
	have := &e.Account.Teams[i]
	have.Name = cmp.Or(have.Name, t.Name)
	for _, m := range t.Members {
		if key := [2]string{t.ID, m}; !e.members[key] {
			e.members[key] = true
			have.Members = append(have.Members, m)
		}
	}
}
