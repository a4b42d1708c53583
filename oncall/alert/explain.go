package alert

import (
	"fmt"
	"strings"
	"time"

	"github.com/sre-sdk/sre"
)

// A Finding says why an alert of a group pages or does not.
type Finding struct {
	Alert  Line
	By     By // what keeps it from paging, if anything does
	Reason sre.Reason
}

// String returns the alert and the reason, on one line.
func (f Finding) String() string { return f.Alert.Fingerprint + " " + f.Reason.String() }

// Explain says of every alert of a group that fires, or counts as firing, why it
// pages or does not, as of now and by those facts. It is the judgement of
// [Compiled.Step] itself, without its effects. Codes besides those of
// [Suppressed]: paged, held_open (resolved, and the page stays open because it
// flaps) and waiting (for others, or for the next update).
func (c *Compiled) Explain(state State, facts Facts, now time.Time) []Finding {
	if !c.ready || state.Schema == 0 {
		return nil
	}
	m := machine{c: c, facts: &facts, now: instant(now), s: state}
	m.classify(m.now)
	by := map[int]By{}
	for _, w := range m.waiting {
		by[w.index] = w.by
	}
	var list []Finding
	for i := range m.s.Alerts {
		e := &m.s.Alerts[i]
		f := Finding{Alert: e.line()}
		b, waiting := by[i]
		switch {
		case waiting && b.Cause != CauseNone:
			f.By, f.Reason = b, reason(suppressedCodes[b.Cause], b, 1)
		case waiting:
			due := m.waitOver(e)
			if m.s.Page.Open {
				due = later(due, m.s.Page.Sent.Add(c.interval))
			}
			f.Reason = sre.Reason{Code: "waiting", Text: "1 alert waits until " + due.Format(time.RFC3339),
				Values: []sre.Value{{Name: "until", Text: due.Format(time.RFC3339Nano)}}}
		case e.Told == Firing && e.Status == Firing:
			f.Reason = sre.Reason{Code: "paged", Text: "1 alert is in page " + m.s.Key(), Values: []sre.Value{{Name: "page", Text: m.s.Key()}}}
		case e.Told == Firing && m.holds(e, m.now):
			f.By = By{Cause: ByFlap, Until: e.quietAt(c.policy.Flap)}
			f.Reason = reason(suppressedCodes[ByFlap], f.By, 1)
			f.Reason.Code = "held_open"
		default:
			continue
		}
		list = append(list, f)
	}
	return list
}

// Markdown renders the policy as the document to publish: the one that is read
// is then the one that is enforced.
func (c *Compiled) Markdown() string {
	p := &c.policy
	var b strings.Builder
	say := func(format string, args ...any) { fmt.Fprintf(&b, format, args...) }
	say("# Alert policy: %s\n\n", p.Name)
	if len(p.GroupBy) == 0 {
		say("All alerts make one group. ")
	} else {
		say("Alerts with the same %s make a group. ", code(p.GroupBy))
	}
	say("A group has at most one open page; an alert whose source has a key of its own is a group of its own.\n\n")
	say("- A page waits %s for more alerts of its group.\n", wait(p.GroupWait))
	say("- An open page is updated every %s at most; worse news is told after the first wait.\n", wait(p.GroupInterval))
	say("- A page is closed when no alert that it has named fires any more, and no other one waits to be named.\n")
	if f := p.Flap; f != nil {
		say("- After %d transitions within %s, a resolved alert keeps its page open until it has been quiet for %s.\n", f.Transitions, f.Within, f.Quiet)
	}
	say("- Of a group %d alerts are kept apart, within %d KiB; what exceeds pages as one alert until each of it is resolved.\n", p.MaxAlerts, MaxGroupBytes>>10)
	if len(p.Throttles) > 0 {
		say("\n## Throttles\n\nWhat is held back is triggered later, if it still fires.\n\n| Name | Pages | Of | Never held back |\n|---|---|---|---|\n")
		for _, t := range p.Throttles {
			of := "the group"
			if t.ByService {
				of = "the service"
			}
			say("| %s | %d in %s | %s | %s and worse, and unknown |\n", t.Name, t.Max, t.Per, of, t.Exempt)
		}
	}
	if len(p.Inhibitions) > 0 {
		say("\n## Inhibitions\n\n| Name | While this fires | This does not page | If these are equal |\n|---|---|---|---|\n")
		for _, in := range p.Inhibitions {
			say("| %s | %s | %s | %s |\n", in.Name, cell(in.Source), cell(in.Target), code(in.Equal))
		}
	}
	if len(p.Heartbeats) > 0 {
		say("\n## Heartbeats\n\nOne that was never heard is not healthy.\n\n| Name | Heard from | Every | Grace | Severity | Service |\n|---|---|---|---|---|---|\n")
		for _, h := range p.Heartbeats {
			from := "calls"
			if len(h.Match) > 0 {
				from = cell(h.Match)
			}
			say("| %s | %s | %s | %s | %s | %s |\n", h.Name, from, h.Interval, h.Grace, h.Severity, h.Service)
		}
	}
	say("\n## What always holds\n\n")
	say("- A silence or an inhibition keeps alerts from paging; it does not close an open page. When it ends, what still fires pages.\n")
	say("- What is not known, or was read more than %s ago, suppresses nothing.\n", p.MaxFactsAge)
	say("- An alert of unknown severity counts as the worst.\n")
	say("- What is suppressed, and why, is written down.\n")
	return b.String()
}

func wait(d time.Duration) string {
	if d == AtOnce {
		return "0s"
	}
	return d.String()
}

func code(names []string) string {
	if len(names) == 0 {
		return "none"
	}
	list := make([]string, len(names))
	for i, name := range names {
		list[i] = span(name)
	}
	return strings.Join(list, ", ")
}

// span is a text as code in a table, whatever it holds.
func span(text string) string {
	fence, space := "`", ""
	for strings.Contains(text, fence) {
		fence, space = fence+"`", " "
	}
	return fence + space + strings.NewReplacer("|", `\|`, "\n", " ", "\r", " ").Replace(text) + space + fence
}

// cell is a list of matchers in a table.
func cell(ms Matchers) string { return span(ms.String()) }
