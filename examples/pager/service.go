package main

import (
	"context"
	"crypto/sha256"
	"crypto/subtle"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"net"
	"net/http"
	"os"
	"strings"
	"sync"
	"sync/atomic"
	"time"

	"github.com/sre-sdk/sre"
	"github.com/sre-sdk/sre/oncall"
	"github.com/sre-sdk/sre/oncall/dispatch"
	"github.com/sre-sdk/sre/oncall/dispatch/intake"
	"github.com/sre-sdk/sre/oncall/email"
	"github.com/sre-sdk/sre/oncall/escalation"
	"github.com/sre-sdk/sre/oncall/routing"
	"github.com/sre-sdk/sre/oncall/webhook"
	"github.com/sre-sdk/sre/storage"
)

// service is everything between an alert and a person.
type service struct {
	o         options
	store     *storage.Store
	log       *slog.Logger
	directory *directory
	pages     *dispatch.Dispatcher
	alerts    *intake.Intake
	handler   http.Handler
}

// directory is the roster, which a reload replaces.
type directory struct {
	atomic.Pointer[escalation.CompiledRoster]
}

func (d *directory) OnCall(id string, role oncall.Role, t time.Time) ([]string, bool) {
	return d.Pointer.Load().OnCall(id, role, t)
}

func (d *directory) Team(id string) ([]string, bool) { return d.Pointer.Load().Team(id) }

func (d *directory) Plan(person string, severity sre.Severity) ([]oncall.ContactStep, bool) {
	return d.Pointer.Load().Plan(person, severity)
}

// Load is not asked: the dispatcher knows better.
func (d *directory) Load(string) (int, bool) { return 0, false }

func (d *directory) Person(id string) (oncall.Person, bool) { return d.Pointer.Load().Person(id) }

func newService(o options, t *team, store *storage.Store, console io.Writer, log *slog.Logger) (*service, error) {
	s := &service{o: o, store: store, log: log, directory: &directory{}}
	s.directory.Store(t.Roster)
	pagers, err := newPagers(o, console)
	if err != nil {
		return nil, err
	}
	var links *dispatch.Links
	c := dispatch.Config{Store: store, Pagers: pagers, Policies: t.Policies, Directory: s.directory, Log: log}
	if len(o.secrets.links) > 0 {
		links = &dispatch.Links{URL: o.url, Keys: o.secrets.links}
		c.Link = links.Page
	}
	if s.pages, err = dispatch.New(c); err != nil {
		return nil, err
	}
	if s.alerts, err = intake.New(intake.Config{Store: store, Alerts: t.alerts, Routing: t.routing, Pages: s.pages, Log: log}); err != nil {
		return nil, err
	}
	pages := dispatch.HandlerConfig{Dispatcher: s.pages, Actor: s.actor, Links: links}
	alerts := intake.HandlerConfig{Intake: s.alerts, Tokens: o.secrets.tokens, RoutingKeys: o.secrets.routingKeys, WebhookSecrets: o.secrets.webhook, Actor: s.actor}
	if err := errors.Join(pages.Validate(), alerts.Validate()); err != nil {
		return nil, err
	}
	s.handler = s.routes(dispatch.Handler(pages), intake.Handler(alerts), links != nil)
	return s, nil
}

// newPagers returns a pager for each kind of contact that can be reached.
func newPagers(o options, console io.Writer) (map[oncall.ContactKind]oncall.Pager, error) {
	pagers := map[oncall.ContactKind]oncall.Pager{}
	if o.console {
		var one sync.Mutex
		print := oncall.PagerFunc(func(_ context.Context, d oncall.Delivery) (oncall.Receipt, error) {
			one.Lock()
			defer one.Unlock()
			_, err := fmt.Fprintf(console, "PAGE %s (%s) %s: %s\n     %s\n", d.Person, d.Contact, d.Severity, d.Title, d.Link)
			return oncall.Receipt{ID: d.Key, At: time.Now()}, err
		})
		for _, kind := range kinds {
			pagers[kind] = print
		}
	}
	if len(o.secrets.signing) > 0 {
		p, err := webhook.New(webhook.Config{Secrets: o.secrets.signing})
		if err != nil {
			return nil, err
		}
		pagers[oncall.Webhook] = p
	}
	if o.smtp != "" {
		p, err := email.New(email.Config{Addr: o.smtp, From: o.from, Username: o.smtpUser, Password: email.Password(o.secrets.smtp)})
		if err != nil {
			return nil, err
		}
		pagers[oncall.Email] = p
	}
	return pagers, nil
}

// actor returns the person whose token a request has. All tokens are compared, in
// a time that does not tell which one is right.
func (s *service) actor(r *http.Request) (sre.Actor, error) {
	scheme, token, _ := strings.Cut(r.Header.Get("Authorization"), " ")
	got, who := sha256.Sum256([]byte(strings.TrimSpace(token))), ""
	for _, p := range s.o.secrets.people {
		want := sha256.Sum256([]byte(p.token))
		if subtle.ConstantTimeCompare(got[:], want[:]) == 1 {
			who = p.person
		}
	}
	if who == "" || !strings.EqualFold(scheme, "Bearer") {
		return sre.Actor{}, errors.New("pager: no personal token")
	}
	return sre.Actor{Kind: sre.Human, ID: who, Via: "api"}, nil
}

// routes puts the handlers together. Alerts name customers and machines, so that
// reading them needs a personal token too.
func (s *service) routes(pages, alerts http.Handler, links bool) http.Handler {
	personal := func(h http.Handler) http.Handler {
		return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
			if _, err := s.actor(r); err != nil {
				w.Header().Set("WWW-Authenticate", "Bearer")
				w.Header().Set("Content-Type", "application/problem+json")
				w.WriteHeader(http.StatusUnauthorized)
				fmt.Fprintln(w, `{"title":"Unauthorized","status":401,"detail":"pager: a personal token is needed","code":"not_authorized"}`)
				return
			}
			h.ServeHTTP(w, r)
		})
	}
	mux := http.NewServeMux()
	for _, path := range []string{"/v1/alerts/", "/v1/heartbeats/", "/v2/enqueue"} {
		mux.Handle(path, alerts)
	}
	for _, path := range []string{"/v1/groups", "/v1/groups/", "/v1/silences", "/v1/silences/"} {
		mux.Handle(path, personal(alerts))
	}
	for _, path := range []string{"/v1/escalations", "/v1/escalations/", "/v1/dead-letters"} {
		mux.Handle(path, personal(pages))
	}
	if links {
		mux.Handle("/act/", pages)
	}
	mux.Handle("GET /v1/quality", personal(http.HandlerFunc(s.quality)))
	mux.HandleFunc("GET /healthz", s.health)
	return mux
}

// health answers 200 if the store does.
func (s *service) health(w http.ResponseWriter, r *http.Request) {
	ctx, cancel := context.WithTimeout(r.Context(), 2*time.Second)
	defer cancel()
	if _, _, err := s.store.Get(ctx); err != nil {
		http.Error(w, "the store does not answer", http.StatusServiceUnavailable)
		return
	}
	fmt.Fprintln(w, "ok")
}

// quality reports on the alerts of 30 days.
func (s *service) quality(w http.ResponseWriter, r *http.Request) {
	now := time.Now()
	facts, err := s.alerts.Facts(r.Context(), now.AddDate(0, 0, -30), now, func(ctx context.Context, page string) (routing.Verdict, error) {
		e, _, err := s.pages.Get(ctx, page)
		return verdict(e.State), err
	})
	var report routing.Report
	if err == nil {
		report, err = routing.Measure(facts, 0)
	}
	if err != nil {
		s.log.Error("the quality of alerts cannot be measured", "error", err)
		http.Error(w, "try again later", http.StatusServiceUnavailable)
		return
	}
	w.Header().Set("Content-Type", "text/markdown; charset=utf-8")
	io.WriteString(w, report.Markdown())
}

// stopping is how long requests under way have to end.
const stopping = 10 * time.Second

// run serves until ctx is done.
func (s *service) run(ctx context.Context, listener net.Listener, reload <-chan os.Signal) error {
	ctx, stop := context.WithCancelCause(ctx)
	defer stop(nil)
	server := &http.Server{Handler: s.handler, ReadHeaderTimeout: 10 * time.Second, ReadTimeout: time.Minute, IdleTimeout: 2 * time.Minute,
		ErrorLog: slog.NewLogLogger(s.log.Handler(), slog.LevelWarn)}
	var running sync.WaitGroup
	var errs [3]error
	running.Go(func() { errs[0] = s.pages.Run(ctx) })
	running.Go(func() { errs[1] = s.alerts.Run(ctx) })
	running.Go(func() {
		if err := server.Serve(listener); !errors.Is(err, http.ErrServerClosed) {
			errs[2] = err
			stop(err) // without requests it is of no use: end, and be started again
		}
	})
	for ctx.Err() == nil {
		select {
		case <-ctx.Done():
		case <-reload:
			s.reload(ctx)
		}
	}
	s.log.Info("stopping")
	late, cancel := context.WithTimeout(context.WithoutCancel(ctx), stopping)
	defer cancel()
	err := server.Shutdown(late)
	running.Wait()
	return errors.Join(append(errs[:], err)...)
}

// reload reads the policies again; if anything is wrong the old ones stay.
func (s *service) reload(ctx context.Context) {
	t, err := read(s.o, today())
	if err != nil {
		s.log.Error("the policies are not read again, the old ones stay", "error", err)
		return
	}
	s.directory.Store(t.Roster)
	by := dispatch.Command{Actor: sre.Actor{Kind: sre.Service, ID: "reload"}}
	var errs []error
	for _, p := range t.Policies {
		if err := s.pages.Use(ctx, p); err != nil {
			errs = append(errs, err)
			continue
		}
		_, err := s.pages.EditOpen(ctx, p.Policy().ID, by)
		errs = append(errs, err)
	}
	if err := errors.Join(append(errs, s.alerts.Use(ctx, t.alerts, t.routing))...); err != nil {
		s.log.Error("the policies are read again, but not all of them are in use: try again", "error", err)
		return
	}
	s.log.Info("the policies are read again", "policies", len(t.Policies))
}
