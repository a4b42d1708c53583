package alert_test

import (
	"fmt"
	"slices"
	"time"

	"github.com/sre-sdk/sre"
	"github.com/sre-sdk/sre/oncall/alert"
)

// epoch is second 0 of the stories that the laws are tested with.
var epoch = time.Date(2026, 3, 2, 9, 0, 0, 0, time.UTC)

func sec(n int) time.Time { return epoch.Add(time.Duration(n) * time.Second) }

// never is a second that a statement does not name.
const never = -1000

// A story is everything that happens to one group, in whole seconds.
type story struct {
	Wait, Interval      int
	Silences, Sources   []span
	AsOf                int // never: the facts are always as of now
	ThrottleMax, Per    int
	Flaps, Within, Calm int
	Inhibit             bool
	Batches             []batch
	End                 int
}

type span struct {
	ID         string
	Value      string // of the label that a silence matches, or the role of a source
	Start, End int
}

type batch struct {
	At     int
	Alerts []said
}

type said struct {
	ID                     int // also says the labels
	Firing                 bool
	Severity               sre.Severity
	Starts, Ends, Observed int
}

func (s said) labels() map[string]string {
	return map[string]string{"team": []string{"db", "web"}[s.ID%2], "role": []string{"source", "target", "both"}[s.ID%3]}
}

func fingerprint(id int) string { return fmt.Sprintf("a%d", id) }

func at(n int) time.Time {
	if n == never {
		return time.Time{}
	}
	return sec(n)
}

func (s said) alert() alert.Alert {
	a := alert.Alert{Fingerprint: fingerprint(s.ID), Status: alert.Resolved, Severity: s.Severity, Labels: sre.LabelsOf(s.labels()),
		Starts: at(s.Starts), Ends: at(s.Ends), Observed: at(s.Observed)}
	if s.Firing {
		a.Status = alert.Firing
	}
	return a
}

const maxAge = 40 // seconds, Policy.MaxFactsAge of the stories

func (s *story) policy() alert.Policy {
	d := func(n int) time.Duration {
		if n == 0 {
			return alert.AtOnce
		}
		return time.Duration(n) * time.Second
	}
	p := alert.Policy{GroupWait: d(s.Wait), GroupInterval: d(s.Interval), MaxFactsAge: maxAge * time.Second}
	if s.ThrottleMax > 0 {
		p.Throttles = []alert.Throttle{{Name: "few", Max: s.ThrottleMax, Per: d(s.Per)}}
	}
	if s.Flaps > 0 {
		p.Flap = &alert.Flap{Transitions: s.Flaps, Within: d(s.Within), Quiet: d(s.Calm)}
	}
	if s.Inhibit {
		p.Inhibitions = []alert.Inhibition{{Name: "chain", Source: alert.MustMatchers(`role=~"source|both"`), Target: alert.MustMatchers(`role=~"target|both"`), Equal: []string{"team"}}}
	}
	return p
}

func (s *story) facts(now int) alert.Facts {
	asOf := sec(now)
	if s.AsOf != never {
		asOf = sec(s.AsOf)
	}
	f := alert.Facts{SilencesAsOf: asOf, SourcesAsOf: asOf}
	for _, x := range s.Silences {
		m, _ := alert.NewMatcher("team", "=", x.Value)
		f.Silences = append(f.Silences, alert.Silence{ID: x.ID, Matchers: alert.Matchers{m}, Start: sec(x.Start), End: sec(x.End), Author: "ann", Comment: "test"})
	}
	for _, x := range s.Sources {
		f.Sources = append(f.Sources, alert.Source{Fingerprint: x.ID, Labels: sre.LabelsOf(map[string]string{"team": "db", "role": x.Value}), Since: sec(x.Start), Until: sec(x.End)})
	}
	return f
}

// oracle tells the story a second time, dumbly: it looks at every second, and
// works out from all that has been said and done until then what is owed.
type oracle struct {
	s        *story
	history  map[int][]heard // of each alert, all that counted
	told     map[int]bool
	by       map[int]string
	resolved map[int]bool // the page has told that they are
	open     bool
	sent     int
	severity sre.Severity
	triggers []int
	lines    []string
}

type heard struct {
	at               int
	firing           bool
	since            int
	starts, observed int
	severity         sre.Severity
	transition       bool
}

func tell(s *story) []string {
	o := &oracle{s: s, history: map[int][]heard{}, told: map[int]bool{}, by: map[int]string{}, resolved: map[int]bool{}}
	for t := 0; t <= s.End; t++ {
		o.look(t)
		for _, b := range s.Batches {
			if b.At == t {
				for _, a := range inOrder(b.Alerts) {
					o.hear(t, a)
				}
				o.look(t)
			}
		}
	}
	return o.lines
}

// inOrder is the rule for a batch that says several things about one alert.
func inOrder(list []said) []said {
	list = slices.Clone(list)
	number := func(n int) int { return n }
	slices.SortFunc(list, func(a, b said) int {
		status := func(x said) int {
			if x.Firing {
				return 1
			}
			return 0
		}
		for _, d := range []int{a.ID - b.ID, number(a.Observed) - number(b.Observed), status(a) - status(b), a.Starts - b.Starts, a.Ends - b.Ends,
			int(b.Severity.Effective()) - int(a.Severity.Effective()), int(a.Severity) - int(b.Severity)} {
			if d != 0 {
				return d
			}
		}
		return 0
	})
	return list
}

func (o *oracle) say(t int, format string, args ...any) {
	o.lines = append(o.lines, fmt.Sprintf("%03d ", t)+fmt.Sprintf(format, args...))
}

func (o *oracle) last(id int) (heard, bool) {
	h := o.history[id]
	if len(h) == 0 {
		return heard{}, false
	}
	return h[len(h)-1], true
}

func (o *oracle) hear(t int, a said) {
	was, known := o.last(a.ID)
	late := known && a.Observed != never && was.observed != never && a.Observed < was.observed
	if known && was.firing && !a.Firing && was.starts != never {
		end := a.Ends
		if end == never {
			end = a.Observed
		}
		startsBefore := a.Starts != never && a.Starts < was.starts
		late = late || end != never && (end < was.starts || end == was.starts && startsBefore) || end == never && startsBefore
	}
	switch {
	case !known && !a.Firing:
		return
	case late:
		if was.firing != a.Firing {
			o.say(t, "suppressed out_of_order %s", fingerprint(a.ID))
		}
		return
	}
	h := heard{at: t, firing: a.Firing, since: t, starts: a.Starts, severity: a.Severity, observed: max(a.Observed, was.observed)}
	if !known {
		h.observed = a.Observed
	} else {
		h.transition = was.firing != a.Firing
		if !h.transition {
			h.since = was.since
		}
		if was.firing {
			h.starts = max(a.Starts, was.starts)
		}
		if !a.Firing { // a resolve says nothing new but that
			h.severity, h.starts = was.severity, was.starts
		}
	}
	o.history[a.ID] = append(o.history[a.ID], h)
	if h.transition {
		if !h.firing && !o.told[a.ID] && (o.by[a.ID] == "" || o.by[a.ID] == "throttled few") {
			o.say(t, "suppressed resolved_early %s", fingerprint(a.ID))
		}
		delete(o.by, a.ID)
		if !h.firing && o.told[a.ID] && o.flapping(a.ID, t) {
			o.say(t, "suppressed flapping %s", fingerprint(a.ID))
		}
	}
}

// flapping looks for enough transitions close together that were followed by
// others before it was quiet.
func (o *oracle) flapping(id, t int) bool {
	var c []int
	for _, h := range o.history[id] {
		if h.transition {
			c = append(c, h.at)
		}
	}
	n := o.s.Flaps
	if n == 0 || len(c) < n || t >= c[len(c)-1]+o.s.Calm {
		return false
	}
	for k := len(c) - 1; k >= n-1; k-- {
		if c[k]-c[k-n+1] <= o.s.Within {
			return true
		}
		if c[k]-c[k-1] >= o.s.Calm {
			return false
		}
	}
	return false
}

func (o *oracle) ids() []int {
	var ids []int
	for id := range o.history {
		ids = append(ids, id)
	}
	slices.Sort(ids)
	return ids
}

func (o *oracle) known(t int) bool { return o.s.AsOf == never || t < o.s.AsOf+maxAge }

// cause says what suppresses an alert at a second.
func (o *oracle) cause(id, t int) string {
	labels := said{ID: id}.labels()
	best := span{End: -1}
	for _, x := range o.s.Silences {
		if o.known(t) && x.Value == labels["team"] && x.Start <= t && t < x.End && (x.End > best.End || x.End == best.End && x.ID < best.ID) {
			best = x
		}
	}
	if best.End >= 0 {
		return "silenced " + best.ID
	}
	if !o.s.Inhibit || labels["role"] == "source" {
		return ""
	}
	counts := func(role, team string) bool {
		return team == labels["team"] && (role == "source" || role == "both" && labels["role"] == "target")
	}
	for other := range o.history {
		l := said{ID: other}.labels()
		if h, _ := o.last(other); h.firing && counts(l["role"], l["team"]) {
			return "inhibited chain"
		}
	}
	for _, x := range o.s.Sources {
		if o.known(t) && x.Start <= t && t < x.End && counts(x.Value, "db") {
			return "inhibited chain"
		}
	}
	return ""
}

func (o *oracle) look(t int) {
	var live, waiting, gone []int
	causes := map[int]string{}
	for _, id := range o.ids() {
		h, _ := o.last(id)
		fires := h.firing || o.told[id] && o.flapping(id, t)
		switch {
		case fires && o.told[id]:
			live = append(live, id)
		case fires:
			waiting = append(waiting, id)
			causes[id] = o.cause(id, t)
		case o.told[id]:
			gone = append(gone, id)
		}
	}
	severity := func(id int) sre.Severity { h, _ := o.last(id); return h.severity.Effective() }
	worst := func(ids []int) sre.Severity {
		w := sre.Severity(99)
		for _, id := range ids {
			w = min(w, severity(id))
		}
		return w
	}
	var joining, ready []int
	for _, id := range waiting {
		if causes[id] == "" {
			joining = append(joining, id)
			if h, _ := o.last(id); t >= h.since+o.s.Wait {
				ready = append(ready, id)
			}
		}
	}
	if !o.open && len(ready) > 0 && o.s.ThrottleMax > 0 && worst(joining) > 1 {
		n := 0
		for _, at := range o.triggers {
			if at > t-o.s.Per {
				n++
			}
		}
		if n >= o.s.ThrottleMax {
			for _, id := range joining {
				causes[id] = "throttled few"
			}
			joining, ready = nil, nil
		}
	}
	for _, id := range waiting {
		if causes[id] == o.by[id] {
			continue
		}
		if o.by[id] != "" {
			o.say(t, "released %s", fingerprint(id))
		}
		if causes[id] != "" {
			o.say(t, "suppressed %s %s", causes[id], fingerprint(id))
		}
		o.by[id] = causes[id]
	}
	switch {
	case !o.open && len(ready) > 0:
		o.triggers = append(o.triggers, t)
		o.open = true
		o.page(t, "trigger", joining, gone)
	case !o.open:
	case len(live) == 0 && len(joining) == 0:
		o.page(t, "resolve", nil, gone)
		o.open = false
		clear(o.told)
		clear(o.resolved)
	case min(worst(live), worst(ready)) < o.severity,
		t >= o.sent+o.s.Interval && (len(joining) > 0 || len(gone) > 0 || worst(live) != o.severity):
		o.page(t, "update", joining, gone)
	}
}

func (o *oracle) page(t int, kind string, joining, gone []int) {
	for _, id := range joining {
		o.told[id] = true
		delete(o.resolved, id)
	}
	for _, id := range gone {
		delete(o.told, id)
		o.resolved[id] = true
	}
	o.sent = t
	o.severity = 99
	of := o.told
	if len(o.told) == 0 {
		of = o.resolved
	}
	for id := range of {
		h, _ := o.last(id)
		o.severity = min(o.severity, h.severity.Effective())
	}
	o.say(t, "%s P%d firing %d resolved %d", kind, o.severity, len(o.told), len(o.resolved))
}

// lines is what the engine did, in the words of the oracle.
func lines(effects []alert.Effect) []string {
	var list []string
	for _, e := range effects {
		t := int(e.At.Sub(epoch) / time.Second)
		switch e.Kind {
		case alert.Suppressed, alert.Released:
			for _, f := range e.Fingerprints {
				line := fmt.Sprintf("%03d %s", t, e.Kind)
				if e.Kind == alert.Suppressed {
					line += " " + e.Reason.Code
					if e.By.ID != "" {
						line += " " + e.By.ID
					}
				}
				list = append(list, line+" "+f)
			}
		default:
			list = append(list, fmt.Sprintf("%03d %s %s firing %d resolved %d", t, e.Kind, e.Severity.Effective(), e.Firing, e.Resolved))
		}
	}
	return list
}
