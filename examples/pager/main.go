package main

import (
	"context"
	"embed"
	"errors"
	"flag"
	"fmt"
	"io"
	"io/fs"
	"log/slog"
	"net"
	"os"
	"os/signal"
	"path/filepath"
	"slices"
	"strings"
	"syscall"
	"time"
	_ "time/tzdata" // schedules have zones, and small containers have no zone files

	"github.com/sre-sdk/sre"
	"github.com/sre-sdk/sre/oncall"
)

// The exit statuses; doc.go explains them.
const (
	exitFine   = 0
	exitSlow   = 1
	exitInput  = 2
	exitFailed = 3
)

//go:embed testdata
var sample embed.FS

func main() {
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt, syscall.SIGTERM)
	defer stop()
	reload := make(chan os.Signal, 1)
	signal.Notify(reload, syscall.SIGHUP)
	os.Exit(run(ctx, os.Args[1:], os.Getenv, reload, os.Stdout, os.Stderr))
}

// options are the arguments and what the environment adds.
type options struct {
	dir, listen, url, store string
	smtp, from, smtpUser    string
	console, check, sample  bool
	days                    int
	within                  time.Duration
	counts                  []oncall.ContactKind
	secrets                 secrets

	policies fs.FS
}

func parse(args []string, env func(string) string, out io.Writer) (o options, err error) {
	f := flag.NewFlagSet("pager", flag.ContinueOnError)
	f.SetOutput(out)
	f.StringVar(&o.dir, "config", "", "the `folder` of policies (default: a sample)")
	f.StringVar(&o.listen, "listen", "127.0.0.1:9099", "the `address` on which to serve")
	f.StringVar(&o.url, "url", "", "the `URL` by which people reach it, for links (default: that of -listen)")
	f.StringVar(&o.store, "store", "", "where the state is kept: sqlite:FILE, postgres://... or etcd://HOST:PORT,... (default: sqlite:pager.db)")
	f.StringVar(&o.smtp, "smtp", "", "the `host:port` of the server by which mail is sent, with STARTTLS")
	f.StringVar(&o.from, "from", "", "the `address` from which mail is sent")
	f.StringVar(&o.smtpUser, "smtp-user", "", "the `name` with which to sign in there")
	f.BoolVar(&o.console, "console", false, "print pages for which there is no other way")
	f.BoolVar(&o.check, "check", false, "check the policies, and do nothing else")
	f.IntVar(&o.days, "days", 90, "with -check: how many `days` ahead to look")
	f.DurationVar(&o.within, "within", 15*time.Minute, "with -check: how long it may take to a human")
	counts := f.String("count", "push,sms,voice", "with -check: the `kinds` of contact that reach a human, of push, sms, voice, chat, email and webhook")
	if err := f.Parse(args); err != nil {
		return o, err
	}
	var p sre.Problems
	if f.NArg() > 0 {
		p.Add("arguments", "unexpected", f.Arg(0), "flags only")
	}
	if o.days < 1 || o.days > 3650 {
		p.Add("-days", "out_of_range", o.days, "1 to 3650")
	}
	if o.within < 0 {
		p.Add("-within", "out_of_range", o.within, "a duration such as 5m")
	}
	for kind := range strings.SplitSeq(*counts, ",") {
		if !slices.Contains(kinds, oncall.ContactKind(kind)) {
			p.Add("-count", "unknown_kind", kind, "push, sms, voice, chat, email or webhook, with commas between")
		}
		o.counts = append(o.counts, oncall.ContactKind(kind))
	}
	o.secrets = readSecrets(env, &p)
	if o.store == "" {
		o.store = o.secrets.store
	}
	o.sample = o.dir == ""
	if o.policies, err = fs.Sub(sample, "testdata"); err != nil {
		return o, err
	}
	if !o.sample {
		o.policies = os.DirFS(o.dir)
		if info, err := os.Stat(o.dir); err != nil || !info.IsDir() {
			p.Add("-config", "unreadable", o.dir, "a folder that can be read")
		}
	} else {
		o.console = true
		o.secrets.sample()
	}
	return o, p.Err("pager")
}

// run is the command.
func run(ctx context.Context, args []string, env func(string) string, reload <-chan os.Signal, stdout, stderr io.Writer) int {
	o, err := parse(args, env, stderr)
	if errors.Is(err, flag.ErrHelp) {
		return exitFine
	}
	if err != nil {
		fmt.Fprintln(stderr, err)
		return exitInput
	}
	team, err := read(o, today())
	if err != nil {
		fmt.Fprintln(stderr, err)
		return exitInput
	}
	if o.check {
		fine, err := verdicts(stdout, team, o, today())
		switch {
		case err != nil:
			fmt.Fprintln(stderr, err)
			return exitInput
		case !fine:
			return exitSlow
		}
		return exitFine
	}
	log := slog.New(slog.NewTextHandler(stderr, nil))
	if err := start(ctx, o, team, reload, stdout, log); err != nil {
		fmt.Fprintln(stderr, err)
		if len(sre.ProblemsIn(err)) > 0 {
			return exitInput
		}
		return exitFailed
	}
	return exitFine
}

// start opens what the service needs, and serves.
func start(ctx context.Context, o options, team *team, reload <-chan os.Signal, stdout io.Writer, log *slog.Logger) error {
	if o.store == "" && o.sample {
		dir, err := os.MkdirTemp("", "pager-")
		if err != nil {
			return err
		}
		defer os.RemoveAll(dir)
		o.store = "sqlite:" + filepath.Join(dir, "pager.db")
	}
	store, closeStore, err := open(ctx, o.store)
	if err != nil {
		return err
	}
	defer closeStore()
	listener, err := net.Listen("tcp", o.listen)
	if err != nil {
		return fmt.Errorf("pager: -listen: %w", err)
	}
	if o.url == "" {
		o.url = "http://" + listener.Addr().String()
	}
	s, err := newService(o, team, store, stdout, log)
	if err != nil {
		listener.Close()
		return err
	}
	if o.sample {
		fmt.Fprintf(stdout, sampleText, o.url, o.secrets.tokens[0], o.secrets.people[0].token)
	}
	if x := o.secrets; len(x.tokens)+len(x.routingKeys)+len(x.webhook) == 0 {
		log.Warn("every alert will be refused: set PAGER_TOKENS, PAGER_ROUTING_KEYS or PAGER_WEBHOOK_SECRETS")
	}
	if x := o.secrets; len(x.people)+len(x.links) == 0 {
		log.Warn("nobody can acknowledge: set PAGER_LINK_KEYS or PAGER_PEOPLE")
	}
	log.Info("serving", "address", listener.Addr().String(), "policies", len(team.Policies))
	return s.run(ctx, listener, reload)
}

// sampleText says what to do with the sample, whose secrets are made at the start.
const sampleText = `A sample team is on call. Send an alert, and the page appears here:

  curl %[1]s/v1/alerts/alertmanager -H 'Authorization: Bearer %[2]s' -d '{
    "version": "4", "groupKey": "demo", "status": "firing", "alerts": [{"status": "firing",
    "labels": {"alertname": "Down", "service": "shop", "severity": "critical", "team": "sre"},
    "annotations": {"summary": "the shop is down"}}]}'

Open the link of the page and press the button, or see what happened, and why,
with an ID of the first answer:

  curl %[1]s/v1/escalations -H 'Authorization: Bearer %[3]s'
  curl %[1]s/v1/escalations/ID/timeline -H 'Authorization: Bearer %[3]s'
  curl %[1]s/v1/groups -H 'Authorization: Bearer %[3]s'

`

// today returns the time in whole seconds, as schedules have it.
func today() time.Time { return time.Now().UTC().Truncate(time.Second) }
