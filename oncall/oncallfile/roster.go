package oncallfile

import (
	"fmt"

	"github.com/sre-sdk/sre"
	"github.com/sre-sdk/sre/internal/yamlfile"
	"github.com/sre-sdk/sre/oncall"
)

// roster reads a Roster. Whether the members of its teams exist is seen when
// all documents are read.
func (f file) roster() ([]oncall.Person, []oncall.Team) {
	m := f.document(KindRoster)
	people := each(f, m, "", "people", f.person)
	teams := each(f, m, "", "teams", f.team)
	m.Done()
	if f.Problems.Len() == 0 && len(people)+len(teams) == 0 {
		f.Root.Add("missing", nil, "people or teams")
	}
	if f.Problems.Len() == 0 {
		for i, p := range people {
			f.Check(fmt.Sprintf("people[%d]", i), p.Validate())
		}
		for i, t := range teams {
			var problems sre.Problems
			problems.CheckID("id", t.ID)
			for k, id := range t.Members {
				problems.CheckID(fmt.Sprintf("members[%d]", k), id)
			}
			f.Check(fmt.Sprintf("teams[%d]", i), problems.Err(prefix))
		}
	}
	return people, teams
}

func (f file) person(n yamlfile.Node, path string) oncall.Person {
	m := n.Map()
	p := oncall.Person{
		ID:       f.required(m, path, "id").Text(),
		Name:     f.field(m, path, "name").Text(),
		Zone:     f.field(m, path, "zone").Text(),
		Contacts: each(f, m, path, "contacts", f.contact),
		Rules:    each(f, m, path, "rules", f.contactRule),
		Skills:   each(f, m, path, "skills", text),
	}
	m.Done()
	return p
}

// contact reads a contact, of which no message repeats the address.
func (f file) contact(n yamlfile.Node, path string) oncall.Contact {
	m := n.Map()
	c := oncall.Contact{
		ID: f.required(m, path, "id").Text(),
		Kind: oncall.ContactKind(f.required(m, path, "kind").Enum(
			string(oncall.Push), string(oncall.SMS), string(oncall.Voice), string(oncall.Email), string(oncall.Chat), string(oncall.Webhook))),
	}
	if address := f.required(m, path, "address"); address.Exists() {
		if _, scalar := address.Peek(); !scalar {
			address.Add("wrong_type", nil, "text")
		} else {
			c.Address = address.Text()
		}
	}
	m.Done()
	return c
}

func (f file) contactRule(n yamlfile.Node, path string) oncall.ContactRule {
	m := n.Map()
	r := oncall.ContactRule{
		Contact: f.required(m, path, "contact").Text(),
		After:   f.field(m, path, "after").Duration(),
		AtLeast: f.severity(m, path, "at_least"),
	}
	m.Done()
	return r
}

func (f file) team(n yamlfile.Node, path string) oncall.Team {
	m := n.Map()
	t := oncall.Team{
		ID:      f.required(m, path, "id").Text(),
		Name:    f.field(m, path, "name").Text(),
		Members: each(f, m, path, "members", text),
	}
	m.Done()
	return t
}
