package main

import (
	"encoding/json"
	"fmt"
	"io"
	"slices"
	"strings"
	"time"

	"github.com/sre-sdk/sre/oncall/escalation"
)

func writeJSON(w io.Writer, r report) error {
	e := json.NewEncoder(w)
	e.SetIndent("", "  ")
	e.SetEscapeHTML(false)
	return e.Encode(map[string]any{"schema": 1, "data": r})
}

var vendorNames = map[string]string{"pagerduty": "PagerDuty", "opsgenie": "Opsgenie", "grafana": "Grafana OnCall"}

// How much the text lists; JSON has all.
const (
	maxListed  = 5 // stretches
	maxDropped = 20
)

func writeText(w io.Writer, r report) error {
	var b strings.Builder
	const layout = "2006-01-02 15:04Z"
	fmt.Fprintf(&b, "Every alert from %s to %s is to reach a human within %s.\n", r.From.UTC().Format(layout), r.To.UTC().Format(layout), short(r.Within))
	for _, a := range r.Accounts {
		title := vendorNames[a.Vendor]
		fmt.Fprintf(&b, "\n%s\n%s\n", title, strings.Repeat("=", len(title)))
		for _, p := range a.Policies {
			p.write(&b, r)
		}
		for _, s := range a.Schedules {
			s.write(&b)
		}
		if len(a.Unknown) > 0 {
			fmt.Fprintf(&b, "\nPaged, but no file has contact rules for: %s\n", strings.Join(a.Unknown, ", "))
		}
		if len(a.Dropped) > 0 {
			b.WriteString("\nIn the export, but not in this analysis:\n")
			for i, d := range a.Dropped {
				if i == maxDropped {
					fmt.Fprintf(&b, "  and %d more; -o json lists all\n", len(a.Dropped)-maxDropped)
					break
				}
				fmt.Fprintf(&b, "  %s\n", printable(d))
			}
		}
	}
	if m := r.Migration; m != nil {
		m.write(&b, r)
	}
	verdict := "Fine."
	if !r.Fine {
		verdict = "Not fine: see above."
	}
	fmt.Fprintf(&b, "\n%s\n", verdict)
	_, err := io.WriteString(w, b.String())
	return err
}

func (p policyReport) write(b *strings.Builder, r report) {
	verdict := "in time"
	switch {
	case !p.Judged:
		verdict = "not judged"
	case len(p.Late) > 0:
		verdict = "LATE"
	}
	if !p.Proven {
		verdict += ", NOT PROVEN"
	}
	fmt.Fprintf(b, "\n%s, %s urgency: %s\n", printable(p.Name), p.Urgency, verdict)
	fmt.Fprintf(b, "  at worst %s\n", p.Worst.describe(p.zone))
	if !p.Judged || len(p.Late) == 0 {
		return
	}
	fmt.Fprintf(b, "  late %s of the time, in %s:\n", p.LateShare, count(len(p.Late), "stretch", "stretches"))
	for i, l := range p.Late {
		if i == maxListed {
			fmt.Fprintf(b, "    and %d more\n", len(p.Late)-maxListed)
			break
		}
		fmt.Fprintf(b, "    %s  %s\n", span(l.From, l.To, p.zone), short(l.After))
	}
	p.draw(b, r)
}

func (l late) describe(zone *time.Location) string {
	when := "a trigger at " + stamp(l.From, zone)
	if l.Person == "" {
		return "never: " + when + " reaches nobody"
	}
	return fmt.Sprintf("%s: %s reaches %s by %s, at level %s", short(l.After), when, printable(l.Person), l.Contact, l.Level)
}

// The picture has a row for each week and a letter for each slot.
const (
	slot  = 3 * time.Hour
	slots = int(24 * time.Hour / slot)
)

// draw shows when it is late.
func (p policyReport) draw(b *strings.Builder, r report) {
	from := r.From.In(p.zone)
	monday := time.Date(from.Year(), from.Month(), from.Day()-(int(from.Weekday())+6)%7, 0, 0, 0, 0, p.zone)
	fmt.Fprintf(b, "  %-10s", "week of")
	for _, day := range []string{"Mon", "Tue", "Wed", "Thu", "Fri", "Sat", "Sun"} {
		fmt.Fprintf(b, " %-*s", slots, day)
	}
	b.WriteString("\n")
	for ; monday.Before(r.To); monday = monday.AddDate(0, 0, 7) {
		fmt.Fprintf(b, "  %s", monday.Format(time.DateOnly))
		for day := range 7 {
			b.WriteByte(' ')
			start, end := monday.AddDate(0, 0, day), monday.AddDate(0, 0, day+1)
			for i := range slots {
				at, until := start.Add(time.Duration(i)*slot), start.Add(time.Duration(i+1)*slot)
				if i == slots-1 {
					until = end // a day may have 23 or 25 hours
				}
				b.WriteByte(p.letter(at, until))
			}
		}
		b.WriteString("\n")
	}
	fmt.Fprintf(b, "  . in time   + late   # never, in some part of the %s; days in %s\n", short(slot.String()), p.zone)
}

// letter shows the worst of a slot.
func (p policyReport) letter(from, to time.Time) byte {
	i, _ := slices.BinarySearchFunc(p.stretches, from, func(s escalation.Reached, t time.Time) int {
		if s.To.After(t) {
			return 1
		}
		return -1
	})
	letter := byte(' ')
	for ; i < len(p.stretches) && p.stretches[i].From.Before(to); i++ {
		switch s := p.stretches[i]; {
		case s.Never():
			return '#'
		case s.After > p.within:
			letter = '+'
		case letter == ' ':
			letter = '.'
		}
	}
	return letter
}

func (s scheduleReport) write(b *strings.Builder) {
	if len(s.Holes) == 0 {
		fmt.Fprintf(b, "\nSchedule %s: somebody is always on call.\n", printable(s.Name))
		return
	}
	fmt.Fprintf(b, "\nSchedule %s: nobody is on call %s of the time, in %s:\n", printable(s.Name), s.Share, count(len(s.Holes), "hole", "holes"))
	for i, h := range s.Holes {
		if i == maxListed {
			fmt.Fprintf(b, "    and %d more\n", len(s.Holes)-maxListed)
			break
		}
		fmt.Fprintf(b, "    %s\n", span(h.From, h.To, s.zone))
	}
}

func (m *migration) write(b *strings.Builder, r report) {
	title := "From " + vendorNames[r.Accounts[0].Vendor] + " to " + vendorNames[r.Accounts[1].Vendor]
	fmt.Fprintf(b, "\n%s\n%s\n\n", title, strings.Repeat("=", len(title)))
	for _, d := range m.Policies {
		note := ""
		if !d.Proven {
			note = ", NOT PROVEN"
		}
		if d.Same {
			fmt.Fprintf(b, "%s: the same people at every instant%s\n", printable(d.Name), note)
			continue
		}
		fmt.Fprintf(b, "%s: DIFFERS %s of the time%s\n", printable(d.Name), d.Share, note)
		if d.Repeats[0] != d.Repeats[1] {
			fmt.Fprintf(b, "  the levels are repeated %s before, %s after\n", count(d.Repeats[0], "time", "times"), count(d.Repeats[1], "time", "times"))
		}
		for i, w := range d.Ways {
			if i == maxListed {
				fmt.Fprintf(b, "  and in %d more ways\n", len(d.Ways)-maxListed)
				break
			}
			fmt.Fprintf(b, "  with a trigger from %s", span(w.When[0].From, w.When[0].To, d.zone))
			if n := len(w.When) - 1; n > 0 {
				fmt.Fprintf(b, ", and %s", count(n, "more time", "more times"))
			}
			fmt.Fprintf(b, "\n    before: %s\n    after:  %s\n", course(w.Before), course(w.After))
		}
	}
	for _, name := range m.Only {
		fmt.Fprintf(b, "%s: only there\n", printable(name))
	}
}

func course(steps []string) string {
	if len(steps) == 0 {
		return "nobody"
	}
	const most = 4
	more := ""
	if len(steps) > most {
		steps, more = steps[:most], "; ..."
	}
	return printable(strings.Join(steps, "; ")) + more
}

func stamp(t time.Time, zone *time.Location) string {
	return t.In(zone).Format("Mon 2006-01-02 15:04:05 MST")
}

func span(from, to time.Time, zone *time.Location) string {
	const layout = "Mon 2006-01-02 15:04"
	return from.In(zone).Format(layout) + " to " + to.In(zone).Format(layout+" MST")
}

// short leaves out the units that are zero at the end of a duration.
func short(text string) string {
	if strings.HasSuffix(text, "m0s") {
		text = strings.TrimSuffix(text, "0s")
	}
	if strings.HasSuffix(text, "h0m") {
		text = strings.TrimSuffix(text, "0m")
	}
	return text
}

func count(n int, one, many string) string {
	if n == 1 {
		return "1 " + one
	}
	return fmt.Sprintf("%d %s", n, many)
}

// printable leaves out what would move the cursor of a terminal.
func printable(text string) string {
	return strings.Map(func(r rune) rune {
		if r < ' ' || r >= 0x7f && r < 0xa0 || r == 0x2028 || r == 0x2029 || r >= 0x202a && r <= 0x202e || r >= 0x2066 && r <= 0x2069 {
			return -1
		}
		return r
	}, text)
}
