package main

import (
	"bytes"
	"cmp"
	"embed"
	"encoding/json"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path"
	"slices"
	"time"

	"github.com/sre-sdk/sre"
	"github.com/sre-sdk/sre/oncall"
	"github.com/sre-sdk/sre/oncall/escalation"
	"github.com/sre-sdk/sre/oncall/escalation/account"
	grafanaaccount "github.com/sre-sdk/sre/oncall/escalation/grafana"
	opsgenieaccount "github.com/sre-sdk/sre/oncall/escalation/opsgenie"
	pagerdutyaccount "github.com/sre-sdk/sre/oncall/escalation/pagerduty"
	"github.com/sre-sdk/sre/oncall/schedule"
	"github.com/sre-sdk/sre/oncall/schedule/grafana"
	"github.com/sre-sdk/sre/oncall/schedule/opsgenie"
	"github.com/sre-sdk/sre/oncall/schedule/pagerduty"
)

// A world is everything that the files of one account say.
type world struct {
	vendor    string
	account   account.Account
	schedules []*schedule.Compiled
	names     map[string]string
	dropped   []sre.Problem
}

// nobody takes the place of a person that is not there: of the last resort,
// which no vendor has, and of a level for which the vendor waits although
// nobody is on call.
const nobody = "reach:nobody"

// silent gives a person without contacts one that never counts. This library
// would pass a level at once of which it can reach nobody; the vendors page
// somebody who does not notice, and wait.
func silent(p oncall.Person) oncall.Person {
	if len(p.Contacts) == 0 {
		p.Contacts, p.Rules = []oncall.Contact{{ID: "none", Kind: oncall.Webhook, Address: "none"}}, []oncall.ContactRule{{Contact: "none"}}
	}
	return p
}

//go:embed testdata/pagerduty/*.json testdata/grafana/*.json
var samples embed.FS

// readAccounts reads the accounts, or the sample ones.
func readAccounts(inputs []input, o options, p *sre.Problems) []*world {
	open := func(name string) (io.ReadCloser, error) { return os.Open(name) }
	if len(inputs) == 0 {
		open = func(name string) (io.ReadCloser, error) { return samples.Open(name) }
		for _, vendor := range []string{"pagerduty", "grafana"} {
			files, _ := fs.Glob(samples, path.Join("testdata", vendor, "*.json"))
			inputs = append(inputs, input{vendor, files})
		}
	}
	var list []*world
	for _, in := range inputs {
		w := &world{vendor: in.vendor, names: map[string]string{}}
		if len(in.files) == 0 {
			p.Add("-"+in.vendor, "missing", nil, "at least one file")
		}
		for _, name := range in.files {
			if err := w.readFile(name, open, o); err != nil {
				p.Merge("", wrap(name, err))
			}
		}
		list = append(list, w)
	}
	if p.Len() > 0 {
		return nil
	}
	for _, w := range list {
		if len(w.account.Policies) == 0 {
			p.Add("-"+w.vendor, "missing", nil, "a file with an escalation policy that pages somebody")
		}
		if len(w.account.People) == 0 {
			p.Add("-"+w.vendor, "missing", nil, "a file with users and their contact rules")
		}
		w.checkTargets(p)
		slices.SortFunc(w.schedules, func(a, b *schedule.Compiled) int { return cmp.Compare(a.Schedule().ID, b.Schedule().ID) })
	}
	return list
}

// checkTargets reports schedules and teams that policies page and no file has.
func (w *world) checkTargets(p *sre.Problems) {
	known := map[string]bool{}
	for _, s := range w.schedules {
		known[s.Schedule().ID] = true
	}
	for _, t := range w.account.Teams {
		known[t.ID] = true
	}
	for _, policy := range w.account.Policies {
		for _, l := range policy.Levels {
			for _, t := range l.Targets {
				if kind := t.Kind; (kind == escalation.TargetSchedule || kind == escalation.TargetTeam) && !known[t.ID] {
					p.Add("-"+w.vendor, "missing", w.name(t.ID), "a file with the schedule or team "+t.ID+", which the policy "+w.name(policy.ID)+" pages")
					known[t.ID] = true // once
				}
			}
		}
	}
}

// wrap makes a problem of an error that has none.
func wrap(name string, err error) error {
	if len(sre.ProblemsIn(err)) > 0 {
		return err
	}
	return sre.NewProblem(name, "unreadable", err, "a file that can be read")
}

// readFile reads a schedule or a part of the account.
func (w *world) readFile(name string, open func(string) (io.ReadCloser, error), o options) error {
	f, err := open(name)
	if err != nil {
		return err
	}
	defer f.Close()
	data, err := io.ReadAll(io.LimitReader(f, account.MaxBytes+1))
	if err != nil {
		return err
	}
	if isSchedule(w.vendor, data) {
		return w.readSchedule(name, data, o)
	}
	read := map[string]func(io.Reader, account.Options) (account.Account, error){
		"pagerduty": pagerdutyaccount.Read, "opsgenie": opsgenieaccount.Read, "grafana": grafanaaccount.Read,
	}[w.vendor]
	a, err := read(bytes.NewReader(data), account.Options{
		Name: name,
		// A vendor pages nobody after the last level.
		LastResort: escalation.LastResort{Targets: []escalation.Target{escalation.ToPerson(nobody)}, Every: 24 * time.Hour},
	})
	if err != nil {
		return err
	}
	for id, text := range a.Names {
		w.names[id] = text
	}
	w.dropped = append(w.dropped, a.Dropped...)
	w.account.Add(a)
	return nil
}

// isSchedule tells the answers of an API apart by their fields.
func isSchedule(vendor string, data []byte) bool {
	var fields map[string]json.RawMessage
	if json.Unmarshal(data, &fields) != nil {
		return false
	}
	name := "schedule"
	if vendor == "opsgenie" {
		name = "data"
	}
	_, ok := fields[name]
	return ok
}

func (w *world) readSchedule(name string, data []byte, o options) error {
	var (
		s       schedule.Schedule
		names   map[string]string
		dropped []sre.Problem
		r       = bytes.NewReader(data)
	)
	switch w.vendor {
	case "pagerduty":
		in, err := pagerduty.Read(r, pagerduty.Options{Name: name})
		if err != nil {
			return err
		}
		s, names, dropped = in.Schedule, in.Names, in.Dropped
	case "opsgenie":
		in, err := opsgenie.Read(r, opsgenie.Options{Name: name})
		if err != nil {
			return err
		}
		s, names, dropped = in.Schedule, in.Names, in.Dropped
	case "grafana":
		in, err := grafana.Read(r, name)
		if err != nil {
			return err
		}
		s, names, dropped = in.Schedule, in.Names, in.Dropped
	}
	c, err := s.Compile(o.from, o.to.Add(30*24*time.Hour)) // a course goes on after the last trigger
	if err != nil {
		return fmt.Errorf("%s: %w", name, err)
	}
	w.schedules = append(w.schedules, c)
	w.dropped = append(w.dropped, dropped...)
	for id, text := range names {
		w.names[id] = text
	}
	return nil
}

// name returns what people call something, or its ID.
func (w *world) name(id string) string { return cmp.Or(w.names[id], id) }

// identity is the same for the same person in every account.
func (w *world) identity(person string) string {
	return cmp.Or(w.account.Emails[person], w.names[person], person)
}

// roster returns everybody, with the contact rules for an urgency.
func (w *world) roster(u account.Urgency) (*escalation.CompiledRoster, error) {
	r := escalation.Roster{People: slices.Clone(w.account.For(u)), Teams: w.account.Teams, Schedules: w.schedules}
	r.People = append(r.People, oncall.Person{ID: nobody})
	known := map[string]bool{}
	for _, p := range r.People {
		known[p.ID] = true
	}
	for _, id := range w.people() { // whom no file of users has is not reached
		if !known[id] {
			known[id] = true
			r.People = append(r.People, oncall.Person{ID: id})
		}
	}
	for i, p := range r.People {
		r.People[i] = silent(p)
	}
	c, err := r.Compile()
	if err != nil {
		return nil, fmt.Errorf("reach: %s: %w", w.vendor, err)
	}
	return c, nil
}

// people returns who is named anywhere.
func (w *world) people() []string {
	var list []string
	for _, s := range w.schedules {
		list = append(list, s.People()...)
	}
	for _, t := range w.account.Teams {
		list = append(list, t.Members...)
	}
	for _, p := range w.account.Policies {
		for _, l := range p.Levels {
			for _, t := range l.Targets {
				if t.Kind == escalation.TargetPerson {
					list = append(list, t.ID)
				}
				list = append(list, t.People...)
			}
		}
	}
	return list
}

// unknown returns of whom no file has contact rules.
func (w *world) unknown() []string {
	var list []string
	known := map[string]bool{}
	for _, p := range w.account.People {
		for _, q := range p.People {
			known[q.ID] = true
		}
	}
	for _, id := range w.people() {
		if !known[id] {
			known[id] = true
			list = append(list, w.name(id))
		}
	}
	slices.Sort(list)
	return list
}

// policy returns a policy as the vendor steps it: who waits although nobody is
// on call pages nobody in that time.
func (w *world) policy(p escalation.Policy) (*escalation.Compiled, error) {
	wait := w.account.StartsAfter[p.ID]
	p.Levels = slices.Clone(p.Levels)
	if w.account.Waits {
		for i := range p.Levels {
			l := &p.Levels[i]
			l.Targets = append(slices.Clip(l.Targets), escalation.ToPerson(nobody))
		}
	}
	if wait > 0 {
		p.Levels = slices.Insert(p.Levels, 0, escalation.Level{ID: "reach:wait", Targets: []escalation.Target{escalation.ToPerson(nobody)}, Delay: wait})
	}
	c, err := p.Compile()
	if err != nil {
		return nil, fmt.Errorf("reach: %s: policy %s: %w", w.vendor, p.ID, err)
	}
	return c, nil
}
