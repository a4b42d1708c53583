// Package render draws a schedule: as a calendar of text for a terminal or a
// chat, and as a picture in SVG.
//
// Both read nothing but [schedule.Compiled.Flatten], so they show what pages
// follow.
package render

import (
	"fmt"
	"hash/fnv"
	"slices"
	"sort"
	"strings"
	"time"

	"github.com/sre-sdk/sre/oncall"
	"github.com/sre-sdk/sre/oncall/schedule"
)

// MaxDays is how many days are drawn, part of the contract. Of a longer time the
// rest is three dots.
const MaxDays = 10 * 366

const rest = "..."

// Text draws the days of [from, to), one a line in the zone of the schedule,
// with the shifts of one role: when each begins, and who has it. Shifts that go
// on from the day before stand at 00:00, and "-" is nobody.
func Text(c *schedule.Compiled, role oncall.Role, from, to time.Time) string {
	var b strings.Builder
	list, all := days(c, from, to)
	for _, day := range list {
		b.WriteString(day.start.Format("Mon 2006-01-02"))
		for _, s := range stretches(c, role, day) {
			fmt.Fprintf(&b, "  %s %s", s.start.Format("15:04"), s.who())
		}
		b.WriteByte('\n')
	}
	if !all {
		b.WriteString(rest + "\n")
	}
	return b.String()
}

// A stretch is the time in which the same people have the role.
type stretch struct {
	start, end time.Time
	people     []string
}

func (s stretch) who() string {
	if len(s.people) == 0 {
		return "-"
	}
	return strings.Join(s.people, "+")
}

// A day begins at midnight, mostly; what is drawn of it is [start, end).
type day struct{ midnight, start, end time.Time }

// days returns the first MaxDays civil days of [from, to), cut to it: one may have
// 23 or 25 hours, and one that the zone skips is left out. all is false if there
// are more.
func days(c *schedule.Compiled, from, to time.Time) (list []day, all bool) {
	start := from.In(c.Location())
	midnight := start.Truncate(time.Second).Add(-daySeconds(start, -time.Second))
	for start.Before(to) {
		if len(list) == MaxDays {
			return list, false
		}
		next := start.Truncate(time.Second).Add(daySeconds(start, time.Second) + time.Second)
		end := next
		if end.After(to) {
			end = to
		}
		list = append(list, day{midnight, start, end})
		midnight, start = next, next
	}
	return list, true
}

// daySeconds returns for how long the date is the same, from t on in steps of a
// second forward or back.
func daySeconds(t time.Time, step time.Duration) time.Duration {
	const most = 50 * 60 * 60 // more than any day has
	date := t.Format(time.DateOnly)
	n := sort.Search(most, func(n int) bool { return t.Add(time.Duration(n+1)*step).Format(time.DateOnly) != date })
	return time.Duration(n) * time.Second
}

func stretches(c *schedule.Compiled, role oncall.Role, d day) (list []stretch) {
	for at := d.start; at.Before(d.end); {
		on := c.At(at)
		_, end := on.Bounds()
		if !end.After(at) || end.After(d.end) {
			end = d.end
		}
		people := on.People(role)
		if n := len(list); n > 0 && slices.Equal(list[n-1].people, people) {
			list[n-1].end = end
		} else {
			list = append(list, stretch{at, end, people})
		}
		at = end
	}
	return list
}

// The measures of the picture, in pixels.
const (
	labelWidth = 110
	dayWidth   = 720
	rowHeight  = 22
	margin     = 4

	letterWidth = 8 // and a bit more than most are
)

// SVG draws the days of [from, to), a row each, with a bar for each shift of a
// role. A row begins at midnight, and days are as wide as they are long: one of 23
// hours is shorter. Names are
// escaped, and the color of a person depends on the ID alone.
func SVG(c *schedule.Compiled, role oncall.Role, from, to time.Time) string {
	list, all := days(c, from, to)
	rows := len(list)
	if !all {
		rows++
	}
	width, height := labelWidth+dayWidth*25/24+2*margin, rowHeight*rows+2*margin
	var b strings.Builder
	fmt.Fprintf(&b, `<svg xmlns="http://www.w3.org/2000/svg" width="%d" height="%d" viewBox="0 0 %d %d" font-family="sans-serif" font-size="12">`+"\n", width, height, width, height)
	fmt.Fprintf(&b, "<title>%s, %s</title>\n", escape(c.Schedule().ID), role)
	for i, d := range list {
		y := margin + i*rowHeight
		fmt.Fprintf(&b, `<text x="%d" y="%d">%s</text>`+"\n", margin, y+15, d.start.Format("Mon 2006-01-02"))
		for _, s := range stretches(c, role, d) {
			lanes := max(1, len(s.people))
			for j := range lanes {
				bar(&b, d, s, j, y+j*(rowHeight-2)/lanes, max(1, (rowHeight-2)/lanes))
			}
		}
	}
	if !all {
		fmt.Fprintf(&b, `<text x="%d" y="%d">%s</text>`+"\n", margin, margin+len(list)*rowHeight+15, rest)
	}
	b.WriteString("</svg>\n")
	return b.String()
}

// bar draws the lane of one person, or a hole.
func bar(b *strings.Builder, d day, s stretch, lane, y, height int) {
	x := labelWidth + pixels(s.start.Sub(d.midnight))
	width := labelWidth + pixels(s.end.Sub(d.midnight)) - x
	name, color := "nobody", "#ffffff"
	if len(s.people) > 0 {
		name, color = s.people[lane], colorOf(s.people[lane])
	}
	fmt.Fprintf(b, `<g><title>%s, %s to %s</title><rect x="%d" y="%d" width="%d" height="%d" fill="%s" stroke="#666666"/>`,
		escape(name), s.start.Format("15:04"), s.end.Format("15:04"), x, y, width, height, color)
	if width > letterWidth*len(name) && height > 12 {
		fmt.Fprintf(b, `<text x="%d" y="%d">%s</text>`, x+4, y+14, escape(name))
	}
	b.WriteString("</g>\n")
}

func pixels(d time.Duration) int { return int(d * dayWidth / (24 * time.Hour)) }

// colorOf picks a light color, on which black text can be read.
func colorOf(person string) string {
	h := fnv.New32a()
	h.Write([]byte(person))
	return fmt.Sprintf("hsl(%d, 65%%, 80%%)", h.Sum32()%360)
}

// escape makes text of XML. IDs need it not, but a name might come later.
func escape(text string) string {
	return strings.NewReplacer("&", "&amp;", "<", "&lt;", ">", "&gt;", `"`, "&quot;", "'", "&#39;").Replace(text)
}
