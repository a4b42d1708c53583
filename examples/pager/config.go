package main

import (
	"cmp"
	"crypto/rand"
	"encoding/hex"
	"fmt"
	"io"
	"os"
	"slices"
	"strings"
	"time"

	"github.com/sre-sdk/sre"
	"github.com/sre-sdk/sre/oncall"
	"github.com/sre-sdk/sre/oncall/alert"
	"github.com/sre-sdk/sre/oncall/dispatch"
	"github.com/sre-sdk/sre/oncall/dispatch/intake"
	"github.com/sre-sdk/sre/oncall/escalation"
	"github.com/sre-sdk/sre/oncall/oncallfile"
	"github.com/sre-sdk/sre/oncall/routing"
	"github.com/sre-sdk/sre/oncall/webhook"
)

// team is what the policies of a folder say.
type team struct {
	*oncallfile.Compiled
	routing *routing.Compiled
	alerts  *alert.Compiled
}

// ahead is for how long schedules are worked out; later times are answered too.
const ahead = 400 * 24 * time.Hour

// read reads the policies, and checks that everybody whom they page can be.
func read(o options, now time.Time) (*team, error) {
	set, err := oncallfile.ReadFS(o.policies)
	if err != nil {
		return nil, err
	}
	all, err := set.Compile(now.AddDate(0, 0, -1), now.Add(ahead))
	if err != nil {
		return nil, err
	}
	t := &team{Compiled: all}
	var p sre.Problems
	if len(all.Routing) != 1 {
		p.Add("routing", "wrong_count", len(all.Routing), "one AlertRouting")
	} else {
		t.routing = all.Routing[0]
	}
	switch len(all.Alerts) {
	case 0:
		t.alerts = alert.Policy{}.MustCompile()
	case 1:
		t.alerts = all.Alerts[0]
	default:
		p.Add("alerts", "wrong_count", len(all.Alerts), "at most one AlertPolicy")
	}
	for _, person := range set.People {
		for _, c := range person.Contacts {
			if !o.reaches(c.Kind) {
				p.Add(fmt.Sprintf("people %s: contact %s", person.ID, c.ID), "no_pager", c.Kind, "a kind for which there is a way of paging, or -console")
			}
		}
	}
	return t, p.Err("pager")
}

// reaches reports whether there is a way to page a kind of contact.
func (o options) reaches(kind oncall.ContactKind) bool {
	switch {
	case o.console || o.check:
		return true
	case kind == oncall.Email:
		return o.smtp != ""
	case kind == oncall.Webhook:
		return len(o.secrets.signing) > 0
	}
	return false
}

// kinds are those of all contacts.
var kinds = []oncall.ContactKind{oncall.Push, oncall.SMS, oncall.Voice, oncall.Chat, oncall.Email, oncall.Webhook}

// kindList names kinds with commas between.
func kindList(list []oncall.ContactKind) string {
	names := make([]string, len(list))
	for i, kind := range list {
		names[i] = string(kind)
	}
	return strings.Join(names, ", ")
}

// verdicts writes how long each policy takes to a human at worst, and returns
// whether all do so in time.
func verdicts(w io.Writer, t *team, o options, now time.Time) (fine bool, err error) {
	fine = true
	for _, policy := range t.Policies {
		r, err := escalation.Reach(escalation.ReachQuery{Policy: policy, Roster: t.Roster, Severity: 1, From: now, To: now.AddDate(0, 0, o.days), Counts: o.counts})
		if err != nil {
			return false, err
		}
		verdict := "ok"
		if r.Worst > o.within {
			verdict, fine = "TOO SLOW", false
		}
		worst := "a human is reached after " + r.Worst.String()
		if r.Never {
			worst = "no human is reached"
		}
		fmt.Fprintf(w, "%s: %s: in the next %d days %s at worst (limit %s, by %s)\n", policy.Policy().ID, verdict, o.days, worst, o.within, kindList(o.counts))
		if verdict != "ok" {
			fmt.Fprintf(w, "  %s\n", r.Stretches[r.WorstAt])
		}
	}
	return fine, nil
}

// secrets are what the environment says. They print as nothing.
type secrets struct {
	tokens, routingKeys, webhook []string
	people                       []personal
	links                        [][]byte
	signing                      []webhook.Secret
	smtp, store                  string
}

// String hides all of them.
func (secrets) String() string { return "(hidden)" }

// GoString hides all of them.
func (secrets) GoString() string { return "(hidden)" }

// personal is the token of a person.
type personal struct{ person, token string }

func readSecrets(env func(string) string, p *sre.Problems) secrets {
	one := func(name string) string {
		text, file := env(name), env(name+"_FILE")
		if text != "" || file == "" {
			return text
		}
		data, err := os.ReadFile(file)
		if err != nil {
			p.Add(name+"_FILE", "unreadable", file, "a file that can be read")
		}
		return strings.TrimSpace(string(data))
	}
	list := func(name string, atLeast int) []string {
		var all []string
		for line := range strings.Lines(one(name)) {
			if line = strings.TrimSpace(line); line == "" {
				continue
			}
			if len(line) < atLeast {
				p.Add(name, "too_short", len(line), fmt.Sprintf("at least %d bytes each", atLeast))
			}
			all = append(all, line)
		}
		return all
	}
	s := secrets{
		tokens: list("PAGER_TOKENS", intake.MinSecret), routingKeys: list("PAGER_ROUTING_KEYS", intake.MinSecret),
		webhook: list("PAGER_WEBHOOK_SECRETS", intake.MinSecret), smtp: one("PAGER_SMTP_PASSWORD"), store: one("PAGER_STORE"),
	}
	for _, key := range list("PAGER_LINK_KEYS", dispatch.MinLinkKey) {
		s.links = append(s.links, []byte(key))
	}
	for _, text := range list("PAGER_SIGNING_SECRETS", 1) {
		secret, err := webhook.ParseSecret(text)
		p.Merge("PAGER_SIGNING_SECRETS", err)
		s.signing = append(s.signing, secret)
	}
	for _, line := range list("PAGER_PEOPLE", 1) {
		person, token, _ := strings.Cut(line, ":")
		if !sre.ValidID(person) || len(token) < intake.MinSecret {
			p.Add("PAGER_PEOPLE", "invalid", nil, fmt.Sprintf("PERSON:TOKEN on each line, a token of at least %d bytes", intake.MinSecret))
			continue
		}
		s.people = append(s.people, personal{person, token})
	}
	return s
}

// sample makes the secrets that the sample lacks.
func (s *secrets) sample() {
	random := func() string {
		var b [20]byte
		rand.Read(b[:])
		return hex.EncodeToString(b[:])
	}
	if len(s.tokens) == 0 {
		s.tokens = []string{random()}
	}
	if len(s.people) == 0 {
		s.people = []personal{{"alice", random()}}
	}
	if len(s.links) == 0 {
		s.links = [][]byte{[]byte(random())}
	}
}

// verdict reads what people have noted about a page.
func verdict(s escalation.State) routing.Verdict {
	for _, n := range slices.Backward(s.Notes) {
		word, _, _ := strings.Cut(strings.ToLower(strings.TrimSpace(n.Text)), " ")
		switch cmp.Or(strings.Trim(word, ".,:;"), word) {
		case "noise":
			return routing.Noise
		case "actionable":
			return routing.Actionable
		}
	}
	return routing.VerdictUnknown
}
