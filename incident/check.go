package incident

import (
	"fmt"
	"math"
	"slices"
	"time"
	"unicode/utf8"

	"github.com/sre-sdk/sre"
)

// checkCommand reports every problem of a command by itself.
func checkCommand(p *sre.Problems, c Command) {
	switch c := c.(type) {
	case Declare:
		p.CheckID("id", c.ID)
		checkText(p, "title", c.Title, 1, MaxTitle)
		checkText(p, "text", c.Text, 0, MaxText)
		checkIDs(p, "services", c.Services, MaxServices)
		checkIDs(p, "alerts", c.Alerts, MaxAlerts)
		c.Impact.check(p)
		checkTime(p, "began", c.Began)
		checkTime(p, "detected", c.Detected)
		checkName(p, "source", sourceNames[:], uint8(c.Source))
		checkName(p, "mode", modeNames[:], uint8(c.Mode))
		if !c.Began.IsZero() && !c.Detected.IsZero() && c.Detected.Before(c.Began) {
			p.Add("detected", "out_of_range", c.Detected, "not before the impact began")
		}
	case Triage:
		c.Impact.check(p)
	case SetTitle:
		checkText(p, "title", c.Title, 1, MaxTitle)
	case Assign:
		checkRole(p, c.Role)
		p.CheckID("person", c.Person)
		if c.Service != "" {
			p.CheckID("service", c.Service)
		}
	case Offer:
		checkRole(p, c.Role)
		p.CheckID("person", c.Person)
		checkText(p, "note", c.Note, 0, MaxHandover)
	case Accept:
		checkRole(p, c.Role)
	case Decline:
		checkRole(p, c.Role)
	case Leave:
		checkRole(p, c.Role)
		p.CheckID("person", c.Person)
	case SetChannel:
		c.Ref.check(p, "ref")
	case SetTicket:
		c.Ref.check(p, "ref")
	case AttachRunbook:
		p.CheckID("id", c.ID)
		checkText(p, "url", c.URL, 0, MaxURL)
	case RecordStep:
		p.CheckID("runbook", c.Runbook)
		checkText(p, "step", c.Step, 1, MaxTitle)
		checkText(p, "text", c.Text, 0, MaxText)
		checkName(p, "result", stepNames[:], uint8(c.Result))
	case Mitigate:
		p.CheckID("id", c.ID)
		checkName(p, "type", mitigationNames[:], uint8(c.Type))
		checkName(p, "result", resultNames[:], uint8(c.Result))
		checkText(p, "text", c.Text, 0, MaxText)
		if c.Change != "" {
			p.CheckID("change", c.Change)
		}
		if c.EndsImpact && c.Result != Worked {
			p.Add("ends_impact", "out_of_range", c.Result, "a mitigation that worked")
		}
	case Update:
		checkName(p, "audience", audienceNames[:], uint8(c.Audience))
		checkText(p, "text", c.Text, 1, MaxText)
		checkTime(p, "next", c.Next)
	case AddEvidence:
		p.CheckID("id", c.ID)
		checkName(p, "type", evidenceNames[:], uint8(c.Type))
		checkText(p, "title", c.Title, 1, MaxTitle)
		checkText(p, "url", c.URL, 0, MaxURL)
		checkText(p, "query", c.Query, 0, MaxQuery)
		checkText(p, "snapshot", c.Snapshot, 0, MaxSnapshot)
	case Link:
		checkName(p, "type", linkNames[:], uint8(c.Type))
		p.CheckID("id", c.ID)
		checkText(p, "url", c.URL, 0, MaxURL)
	case Unlink:
		checkName(p, "type", linkNames[:], uint8(c.Type))
		p.CheckID("id", c.ID)
	case Merge:
		p.CheckID("into", c.Into)
	case Split:
		p.CheckID("from", c.From)
	case Resolve:
		checkText(p, "text", c.Text, 0, MaxText)
	case Verify:
		checkName(p, "recovered", findingNames[:], uint8(c.Recovered))
		checkText(p, "text", c.Text, 0, MaxText)
	case Close:
		checkText(p, "override", c.Override, 0, MaxText)
	case SchedulePostmortem:
		p.CheckID("id", c.ID)
		if c.For.IsZero() {
			p.Add("for", "missing", nil, "when it is held")
		}
		checkTime(p, "for", c.For)
	case ReviewRunbooks:
		checkIDs(p, "changed", c.Changed, MaxLinks)
	case Correct:
		if c.Milestone == MilestoneUnknown || c.Milestone >= milestoneEnd {
			p.Add("milestone", "unknown_milestone", c.Milestone, "a declared Milestone")
		}
		checkTime(p, "at", c.At)
	case Note:
		checkText(p, "text", c.Text, 1, MaxText)
	case Acknowledge, Absorb, Redirect, Separate, Cancel, Reopen, SkipPostmortem, Restrict:
	default:
		p.Add("", "unknown_kind", fmt.Sprintf("%T", c), "a command of this package")
	}
}

func checkText(p *sre.Problems, path, text string, least, most int) {
	if len(text) < least || len(text) > most {
		p.Add(path, "out_of_range", fmt.Sprintf("%d bytes", len(text)), fmt.Sprintf("%d to %d bytes", least, most))
	} else if !utf8.ValidString(text) {
		p.Add(path, "not_utf8", text, "UTF-8")
	}
}

// checkTime refuses what JSON cannot hold.
func checkTime(p *sre.Problems, path string, t time.Time) {
	if !t.IsZero() && !inYears(t) {
		p.Add(path, "out_of_range", t, fmt.Sprintf("the years %d to %d", minYear, maxYear))
	}
}

func inYears(t time.Time) bool {
	year := t.UTC().Year()
	return year >= minYear && year <= maxYear
}

// normal returns a command that shares nothing with its sender and has its times
// in UTC, so that it is the same after it was stored.
func normal(c Command) Command {
	switch c := c.(type) {
	case Declare:
		c.Services, c.Alerts = slices.Clone(c.Services), slices.Clone(c.Alerts)
		c.Began, c.Detected = utc(c.Began), utc(c.Detected)
		return c
	case Update:
		c.Next = utc(c.Next)
		return c
	case SchedulePostmortem:
		c.For = utc(c.For)
		return c
	case Correct:
		c.At = utc(c.At)
		return c
	case ReviewRunbooks:
		c.Changed = slices.Clone(c.Changed)
		return c
	}
	return c
}

func utc(t time.Time) time.Time { return t.UTC().Round(0) }

func checkIDs(p *sre.Problems, path string, ids []string, most int) {
	if len(ids) > most {
		p.Add(path, "too_many", len(ids), fmt.Sprintf("at most %d", most))
		return
	}
	seen := make(map[string]bool, len(ids))
	for i, id := range ids {
		at := fmt.Sprintf("%s[%d]", path, i)
		p.CheckID(at, id)
		if seen[id] {
			p.Add(at, "duplicate", id, "each ID once")
		}
		seen[id] = true
	}
}

func checkName(p *sre.Problems, path string, names []string, v uint8) {
	if int(v) >= len(names) {
		p.Add(path, "unknown_"+path, v, "a declared value")
	}
}

func checkRole(p *sre.Problems, r Role) {
	if r == RoleUnknown || r >= roleEnd {
		p.Add("role", "unknown_role", r, "a declared Role")
	}
}

func (r Ref) check(p *sre.Problems, path string) {
	if r.ID != "" {
		p.CheckID(path+".id", r.ID)
	}
	checkText(p, path+".url", r.URL, 0, MaxURL)
	if r == (Ref{}) {
		p.Add(path, "missing", nil, "an ID or a URL")
	}
}

func (i Impact) check(p *sre.Problems) {
	if u := i.Users; u.Known && !(u.Value >= 0 && u.Value <= 1) {
		p.Add("impact.users", "out_of_range", u.Value, "a share, 0 to 1")
	}
	if u, b := i.Users, i.BudgetBurn; !u.Known && u.Value != 0 || !b.Known && b.Value != 0 {
		p.Add("impact", "out_of_range", nil, "no value of what is not known")
	}
	if b := i.BudgetBurn; b.Known && !(b.Value >= 0) || math.IsInf(b.Value, 0) {
		p.Add("impact.budget_burn", "out_of_range", b.Value, "a burn rate, 0 or more")
	}
	checkName(p, "impact.data_loss", triNames[:], uint8(i.DataLoss))
	checkName(p, "impact.security", triNames[:], uint8(i.Security))
	checkName(p, "impact.redundancy", triNames[:], uint8(i.Redundancy))
}
