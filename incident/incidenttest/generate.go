// Package incidenttest helps to test code about incidents: generators of
// policies, commands and logs, and the laws that any way of running incidents
// should keep, see [Check].
package incidenttest

import (
	"fmt"
	"slices"
	"time"

	"pgregory.net/rapid"

	"github.com/sre-sdk/sre"
	"github.com/sre-sdk/sre/incident"
)

// Range limits what the generators make.
type Range struct {
	From       time.Time     // of the declaration; default: 2026-11-02 10:00 UTC
	Step       time.Duration // every time is a multiple of it; default: a minute
	People     int           // default: 4
	Severities int           // 1 to this; default: 4
	Steps      int           // commands of a sequence, at most; default: 40
	Late       bool          // also commands that tell late what occurred earlier
	Stale      bool          // also commands by people who have not seen the latest
	Services   bool          // also commands by services, beside people
}

func (r Range) withDefaults() Range {
	if r.From.IsZero() {
		r.From = time.Date(2026, 11, 2, 10, 0, 0, 0, time.UTC)
	}
	if r.Step <= 0 {
		r.Step = time.Minute
	}
	setInt := func(v *int, value int) {
		if *v <= 0 {
			*v = value
		}
	}
	setInt(&r.People, 4)
	setInt(&r.Severities, 4)
	setInt(&r.Steps, 40)
	return r
}

// Policies generates valid policies: who may give which command, which incidents
// are major, and which ones are reviewed.
func Policies(r Range) *rapid.Generator[incident.Policy] {
	r = r.withDefaults()
	return rapid.Custom(func(t *rapid.T) incident.Policy {
		p := incident.Policy{
			ID:         "p",
			Major:      sre.Severity(rapid.IntRange(1, r.Severities).Draw(t, "major")),
			ReviewFrom: sre.Severity(rapid.IntRange(1, r.Severities).Draw(t, "review from")),
		}
		if rapid.Bool().Draw(t, "own authority") {
			p.Authority = map[incident.Kind][]incident.Role{}
			for range rapid.IntRange(0, 8).Draw(t, "kinds") {
				kind := rapid.SampledFrom(incident.Kinds()).Draw(t, "kind")
				if kind != incident.KindAbsorb && kind != incident.KindRedirect && kind != incident.KindSeparate {
					p.Authority[kind] = rapid.SliceOfN(roles(), 1, 3).Draw(t, "roles")
				}
			}
		}
		return p
	})
}

func roles() *rapid.Generator[incident.Role] {
	return rapid.SampledFrom([]incident.Role{incident.Commander, incident.Deputy, incident.Scribe, incident.Liaison, incident.PublicLiaison, incident.Expert})
}

// A Request is a request and when it is given.
type Request struct {
	incident.Request
	Now time.Time
}

// String tells it in one line, such as "10:03 human alice: triage {Severity:3}".
func (r Request) String() string {
	text := fmt.Sprintf("%s %s: %s %+v", r.Now.Format("15:04"), r.By, r.Command.Kind(), r.Command)
	if !r.At.IsZero() {
		text += ", of " + r.At.Format("15:04")
	}
	if r.Reason != "" {
		text += ", because " + r.Reason
	}
	if r.Seen > 0 {
		text += fmt.Sprint(", having seen event ", r.Seen)
	}
	return text
}

// Commands generates valid commands of every kind that one incident takes by
// itself, in any order. Declare declares an incident "i".
func Commands(r Range) *rapid.Generator[incident.Command] {
	r = r.withDefaults()
	return rapid.Custom(func(t *rapid.T) incident.Command {
		m := maker{t, r, r.From}
		return m.command(rapid.SampledFrom(singleKinds).Draw(t, "kind"))
	})
}

// singleKinds are the kinds that concern one incident.
var singleKinds = slices.DeleteFunc(incident.Kinds(), func(k incident.Kind) bool {
	return k >= incident.KindMerge && k <= incident.KindSeparate
})

// Logs generates the logs of incidents under a policy: what came of sequences of
// commands that people might give, those that lost against others among them.
func Logs(r Range, policy *incident.Compiled) *rapid.Generator[[]incident.Event] {
	r = r.withDefaults()
	return rapid.Custom(func(t *rapid.T) (log []incident.Event) {
		var s incident.State
		now := r.From
		for i := range rapid.IntRange(1, r.Steps).Draw(t, "steps") {
			request := Next(t, r, factsOf(&s, nil), now)
			if i == 0 {
				m := maker{t, r, now}
				request = Request{incident.Request{By: m.by(), Command: m.command(incident.KindDeclare)}, now}
			}
			if r.Stale && rapid.IntRange(0, 4).Draw(t, "stale") == 0 {
				request.Seen = rapid.Uint64Range(0, s.Seq).Draw(t, "seen")
			}
			now = request.Now
			events, _ := policy.Handle(&s, request.Request, now)
			for j := range events {
				s.Apply(&events[j])
			}
			log = append(log, events...)
		}
		return log
	})
}

// Next draws what somebody might do next, given how it stands: mostly something
// that makes sense, and sometimes anything.
func Next(t *rapid.T, r Range, f Facts, now time.Time) Request {
	r = r.withDefaults()
	m := maker{t, r, now.Add(time.Duration(rapid.IntRange(0, 30).Draw(t, "later")) * r.Step)}
	request := Request{incident.Request{By: m.by()}, m.now}
	kind := rapid.SampledFrom(singleKinds).Draw(t, "kind")
	if rapid.IntRange(0, 3).Draw(t, "sensible") > 0 {
		kind = rapid.SampledFrom(sensible[f.Status]).Draw(t, "sensible kind")
	}
	request.Command = m.command(kind)
	if accept, ok := request.Command.(incident.Accept); ok && len(f.Offers) > 0 {
		offer := rapid.SampledFrom(f.Offers).Draw(t, "offer")
		accept.Role = offer.Role
		request.Command = accept
		if rapid.IntRange(0, 4).Draw(t, "by whom it was offered to") > 0 {
			request.By = sre.Actor{Kind: sre.Human, ID: offer.Person}
		}
	}
	if len(f.Holders) > 0 && rapid.Bool().Draw(t, "by somebody with a role") {
		request.By = sre.Actor{Kind: sre.Human, ID: rapid.SampledFrom(f.Holders).Draw(t, "holder").Person}
	}
	if rapid.IntRange(0, 2).Draw(t, "with a reason") > 0 {
		request.Reason = "they say so"
	}
	if r.Late && rapid.IntRange(0, 3).Draw(t, "late") == 0 {
		request.At = m.earlier("of")
	}
	return request
}

// sensible has the kinds that bring an incident on, by its status.
var sensible = map[incident.Status][]incident.Kind{
	incident.None:      {incident.KindDeclare},
	incident.Declared:  {incident.KindAcknowledge, incident.KindTriage, incident.KindTriage, incident.KindAssign, incident.KindMitigate, incident.KindCancel},
	incident.Triaged:   {incident.KindTriage, incident.KindAssign, incident.KindAssign, incident.KindOffer, incident.KindOffer, incident.KindAccept, incident.KindAccept, incident.KindLeave, incident.KindMitigate, incident.KindResolve, incident.KindCorrect},
	incident.Mitigated: {incident.KindTriage, incident.KindOffer, incident.KindAccept, incident.KindResolve, incident.KindResolve, incident.KindReopen, incident.KindLeave},
	incident.Resolved:  {incident.KindVerify, incident.KindVerify, incident.KindReviewRunbooks, incident.KindClose, incident.KindClose, incident.KindReopen, incident.KindLeave, incident.KindCorrect},
	incident.Closed:    {incident.KindReopen, incident.KindNote, incident.KindCorrect, incident.KindLink},
	incident.Canceled:  {incident.KindReopen, incident.KindNote},
	incident.Merged:    {incident.KindNote, incident.KindCorrect},
}

// maker draws the parts of a command at an instant.
type maker struct {
	*rapid.T
	Range
	now time.Time
}

func (m maker) person() string {
	return fmt.Sprintf("p%d", rapid.IntRange(0, m.People-1).Draw(m.T, "person"))
}

func (m maker) by() sre.Actor {
	if m.Services && rapid.IntRange(0, 5).Draw(m.T, "service") == 0 {
		return sre.Actor{Kind: sre.Service, ID: "monitor", Via: "api"}
	}
	return sre.Actor{Kind: sre.Human, ID: m.person()}
}

func (m maker) earlier(what string) time.Time {
	return m.now.Add(-time.Duration(rapid.IntRange(0, 200).Draw(m.T, what)) * m.Step)
}

func (m maker) severity() sre.Severity {
	return sre.Severity(rapid.IntRange(0, m.Severities).Draw(m.T, "severity"))
}

func (m maker) id(what string, n int) string {
	return fmt.Sprintf("%s%d", what, rapid.IntRange(0, n).Draw(m.T, what))
}

func (m maker) ids(what string) []string {
	return rapid.SliceOfNDistinct(rapid.StringMatching(what+"[0-9]"), 0, 4, rapid.ID[string]).Draw(m.T, what)
}

// pick draws one of the first n values of an enumeration.
func pick[V ~uint8](m maker, what string, n int) V {
	return V(rapid.IntRange(0, n-1).Draw(m.T, what))
}

func (m maker) impact() (i incident.Impact) {
	if rapid.Bool().Draw(m.T, "users known") {
		i.Users = incident.ShareOf(rapid.SampledFrom([]float64{0, 0.0005, 0.01, 0.1, 0.5, 1}).Draw(m.T, "users"))
	}
	if rapid.Bool().Draw(m.T, "burn known") {
		i.BudgetBurn = incident.RateOf(rapid.SampledFrom([]float64{0, 1, 7, 20, 1000}).Draw(m.T, "burn"))
	}
	i.DataLoss, i.Security, i.Redundancy = pick[incident.Tri](m, "data loss", 3), pick[incident.Tri](m, "security", 3), pick[incident.Tri](m, "redundancy", 3)
	return i
}

func (m maker) ref() incident.Ref {
	return incident.Ref{ID: m.id("ref", 3), URL: "https://example.com/?a=1&b=2"}
}

func (m maker) role() incident.Role {
	if rapid.Bool().Draw(m.T, "command") {
		return incident.Commander
	}
	return roles().Draw(m.T, "role")
}

func (m maker) command(kind incident.Kind) incident.Command {
	text := rapid.SampledFrom([]string{"x", "it is <slow> & old", "größer"}).Draw(m.T, "text")
	switch kind {
	case incident.KindDeclare:
		c := incident.Declare{ID: "i", Title: text, Text: text, Services: m.ids("s"), Impact: m.impact(), Severity: m.severity(),
			Source: pick[incident.Source](m, "source", 4), Alerts: m.ids("a"), Mode: pick[incident.Mode](m, "mode", 3)}
		if rapid.Bool().Draw(m.T, "began") {
			c.Began = m.earlier("minutes ago").Add(-200 * m.Step)
		}
		return c
	case incident.KindAcknowledge:
		return incident.Acknowledge{}
	case incident.KindTriage:
		return incident.Triage{Severity: m.severity(), Impact: m.impact()}
	case incident.KindSetTitle:
		return incident.SetTitle{Title: text}
	case incident.KindAssign:
		return incident.Assign{Role: m.role(), Person: m.person(), Service: m.id("s", 2)}
	case incident.KindOffer:
		return incident.Offer{Role: m.role(), Person: m.person(), Note: text}
	case incident.KindAccept:
		return incident.Accept{Role: m.role()}
	case incident.KindDecline:
		return incident.Decline{Role: m.role()}
	case incident.KindLeave:
		return incident.Leave{Role: m.role(), Person: m.person()}
	case incident.KindSetChannel:
		return incident.SetChannel{Ref: m.ref()}
	case incident.KindSetTicket:
		return incident.SetTicket{Ref: m.ref()}
	case incident.KindAttachRunbook:
		return incident.AttachRunbook{ID: m.id("r", 2)}
	case incident.KindRecordStep:
		return incident.RecordStep{Runbook: m.id("r", 2), Step: text, Result: pick[incident.StepResult](m, "result", 3), Text: text}
	}
	return m.more(kind, text)
}

func (m maker) more(kind incident.Kind, text string) incident.Command {
	switch kind {
	case incident.KindMitigate:
		c := incident.Mitigate{ID: m.id("m", 3), Type: pick[incident.MitigationType](m, "type", 7), Result: pick[incident.MitigationResult](m, "result", 3), Text: text}
		c.EndsImpact = c.Result == incident.Worked && rapid.Bool().Draw(m.T, "ends impact")
		return c
	case incident.KindUpdate:
		c := incident.Update{Audience: pick[incident.Audience](m, "audience", 3), Text: text}
		if c.Final = rapid.IntRange(0, 4).Draw(m.T, "final") == 0; !c.Final {
			c.Next = m.now.Add(time.Duration(rapid.IntRange(1, 60).Draw(m.T, "next")) * m.Step)
		}
		return c
	case incident.KindAddEvidence:
		return incident.AddEvidence{ID: m.id("e", 9), Type: pick[incident.EvidenceType](m, "type", 3), Title: text, Query: text, Snapshot: text}
	case incident.KindLink:
		return incident.Link{Type: pick[incident.LinkType](m, "type", 4), ID: m.id("a", 9), URL: "https://example.com/"}
	case incident.KindUnlink:
		return incident.Unlink{Type: pick[incident.LinkType](m, "type", 4), ID: m.id("a", 9)}
	case incident.KindCancel:
		return incident.Cancel{}
	case incident.KindResolve:
		return incident.Resolve{Text: text}
	case incident.KindVerify:
		return incident.Verify{Recovered: pick[incident.Finding](m, "recovered", 4), Text: text}
	case incident.KindClose:
		return incident.Close{Override: rapid.SampledFrom([]string{"", "no traffic"}).Draw(m.T, "override")}
	case incident.KindReopen:
		return incident.Reopen{}
	case incident.KindSchedulePostmortem:
		return incident.SchedulePostmortem{ID: m.id("pm", 1), For: m.now.Add(24 * time.Hour)}
	case incident.KindSkipPostmortem:
		return incident.SkipPostmortem{}
	case incident.KindReviewRunbooks:
		return incident.ReviewRunbooks{Changed: m.ids("r")}
	case incident.KindCorrect:
		c := incident.Correct{Milestone: incident.Milestone(rapid.IntRange(int(incident.ImpactBegan), int(incident.ClosedAt)).Draw(m.T, "milestone"))}
		if rapid.IntRange(0, 5).Draw(m.T, "reached") > 0 {
			c.At = m.earlier("at")
		}
		return c
	case incident.KindRestrict:
		return incident.Restrict{On: rapid.Bool().Draw(m.T, "on")}
	default:
		return incident.Note{Text: text}
	}
}
