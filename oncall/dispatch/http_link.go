package dispatch

import (
	"context"
	"errors"
	"html/template"
	"net/http"

	"github.com/sre-sdk/sre"
	"github.com/sre-sdk/sre/oncall/escalation"
)

// linkHandler serves acknowledgement by link. Programs that look at messages
// open every link in them, so opening one only shows; the button acts.
type linkHandler struct {
	d     *Dispatcher
	links *Links
}

// linkPage is what is shown.
type linkPage struct {
	Heading string
	Title   string // of the escalation
	Status  string
	Person  string
	Button  string // empty: nothing can be done
}

var linkTemplate = template.Must(template.New("link").Parse(`<!doctype html>
<html lang="en"><head><meta charset="utf-8"><meta name="viewport" content="width=device-width">
<meta name="robots" content="noindex"><title>{{.Heading}}</title></head>
<body><h1>{{.Heading}}</h1>
{{with .Title}}<p>{{.}}</p>{{end}}
{{with .Status}}<p>Status: {{.}}</p>{{end}}
{{if .Button}}<form method="post"><button type="submit">{{.Button}} as {{.Person}}</button></form>{{end}}
</body></html>
`))

var buttons = map[Action]string{ActionAck: "Acknowledge", ActionRespond: "Respond", ActionResolve: "Resolve"}

var done = map[Action]string{ActionAck: "Acknowledged", ActionRespond: "Responding", ActionResolve: "Resolved"}

// open reads the token of a request and the escalation that it names. It
// answers, and returns ok false, where there is nothing to be done.
func (l *linkHandler) open(w http.ResponseWriter, r *http.Request) (g Grant, e Escalation, ok bool) {
	g, err := l.links.Open(r.PathValue("token"), l.d.c.Now())
	switch {
	case errors.Is(err, ErrExpired):
		show(w, http.StatusGone, linkPage{Heading: "This link has expired"})
		return g, e, false
	case err != nil:
		show(w, http.StatusForbidden, linkPage{Heading: "This link is not valid"})
		return g, e, false
	}
	e, found, err := l.d.Get(r.Context(), g.Escalation)
	switch {
	case err != nil:
		unavailable(w)
	case !found || e.State.Status == escalation.None:
		show(w, http.StatusNotFound, linkPage{Heading: "This alert is no longer known"})
	default:
		return g, e, true
	}
	return g, e, false
}

func unavailable(w http.ResponseWriter) {
	show(w, http.StatusServiceUnavailable, linkPage{Heading: "This did not work: try again"})
}

func (l *linkHandler) show(w http.ResponseWriter, r *http.Request) {
	g, e, ok := l.open(w, r)
	if !ok {
		return
	}
	page := pageFor(buttons[g.Action]+"?", e)
	if e.State.Status != escalation.Resolved {
		page.Button, page.Person = buttons[g.Action], g.Person
	} else {
		page.Heading = "This alert is resolved"
	}
	show(w, http.StatusOK, page)
}

func (l *linkHandler) do(w http.ResponseWriter, r *http.Request) {
	g, e, ok := l.open(w, r)
	if !ok {
		return
	}
	after, err := l.act(r.Context(), g)
	if err != nil {
		if status, _ := classify(err); status >= http.StatusInternalServerError {
			unavailable(w)
			return
		}
		show(w, http.StatusConflict, pageFor("This could not be done", e))
		return
	}
	show(w, http.StatusOK, pageFor(done[g.Action], after))
}

func (l *linkHandler) act(ctx context.Context, g Grant) (Escalation, error) {
	c := Command{Actor: sre.Actor{Kind: sre.Human, ID: g.Person, Via: "link"}}
	switch g.Action {
	case ActionRespond:
		return l.d.Respond(ctx, g.Escalation, c)
	case ActionResolve:
		return l.d.Resolve(ctx, g.Escalation, c)
	}
	return l.d.Ack(ctx, g.Escalation, c)
}

func pageFor(heading string, e Escalation) linkPage {
	title := e.State.Title
	if title == "" {
		title = e.ID
	}
	return linkPage{Heading: heading, Title: title, Status: e.State.Status.String()}
}

// show writes a page that runs nothing, loads nothing, is kept nowhere, and
// tells nobody its address, which is a secret.
func show(w http.ResponseWriter, status int, page linkPage) {
	h := w.Header()
	h.Set("Content-Type", "text/html; charset=utf-8")
	h.Set("Content-Security-Policy", "default-src 'none'; form-action 'self'; frame-ancestors 'none'; base-uri 'none'")
	h.Set("Cache-Control", "no-store")
	h.Set("Referrer-Policy", "no-referrer")
	h.Set("X-Content-Type-Options", "nosniff")
	w.WriteHeader(status)
	_ = linkTemplate.Execute(w, page) // the client has gone
}
