package e2e_test

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net/http"
	"net/http/httptest"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"sync/atomic"
	"syscall"
	"testing"
	"time"

	"github.com/sre-sdk/sre/oncall"
	"github.com/sre-sdk/sre/oncall/alert"
	"github.com/sre-sdk/sre/oncall/dispatch"
	"github.com/sre-sdk/sre/oncall/dispatch/intake"
	"github.com/sre-sdk/sre/oncall/escalation"
	"github.com/sre-sdk/sre/oncall/oncalltest"
	"github.com/sre-sdk/sre/oncall/routing"
	"github.com/sre-sdk/sre/storage"
)

// startAlertmanager starts a server that sends to a webhook and returns its URL
// when it is ready. It ends with the test, which is skipped, or fails with
// CI=true, unless there is one.
func startAlertmanager(t *testing.T, webhook, token string) string {
	t.Helper()
	const name = "prometheus-alertmanager"
	if _, err := exec.LookPath(name); err != nil {
		const how = name + " is not on PATH; on Debian and Ubuntu: apt-get install " + name
		if os.Getenv("CI") == "true" {
			t.Fatal(how)
		}
		t.Skip(how)
	}
	dir := t.TempDir()
	config := filepath.Join(dir, "alertmanager.yml")
	text := fmt.Sprintf(`
route: {receiver: pager, group_by: [alertname], group_wait: 1s, group_interval: 2s, repeat_interval: 1h}
receivers:
  - name: pager
    webhook_configs:
      - {url: %q, send_resolved: true, max_alerts: 1000, http_config: {authorization: {credentials: %q}}}
`, webhook, token)
	if err := os.WriteFile(config, []byte(text), 0o600); err != nil {
		t.Fatal(err)
	}
	address := freeAddress(t)
	log := &strings.Builder{}
	cmd := exec.CommandContext(t.Context(), name, "--config.file="+config, "--storage.path="+dir,
		"--web.listen-address="+address, "--cluster.listen-address=", "--log.level=warn")
	cmd.Stdout, cmd.Stderr = log, log
	cmd.Cancel = func() error { return cmd.Process.Signal(syscall.SIGTERM) }
	cmd.WaitDelay = 10 * time.Second
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	exited := make(chan struct{})
	go func() {
		defer close(exited)
		cmd.Wait() // log may be read once exited is closed
	}()
	t.Cleanup(func() { <-exited })
	poll(t, "Alertmanager to be ready", func() bool {
		select {
		case <-exited:
			t.Fatalf("alertmanager ended:\n%s", log)
		default:
		}
		resp, err := http.Get("http://" + address + "/-/ready")
		if err != nil {
			return false
		}
		resp.Body.Close()
		return resp.StatusCode == http.StatusOK
	})
	return "http://" + address
}

// unsteady is a store of which every third commit is lost on the way back, and
// that is down for a while.
type unsteady struct {
	storage.Backend
	commits atomic.Int64
	down    atomic.Bool
}

func (u *unsteady) Commit(ctx context.Context, b storage.Batch) (storage.Pos, error) {
	if u.down.Load() {
		return 0, errors.Join(storage.ErrClosed, errors.New("down"))
	}
	pos, err := u.Backend.Commit(ctx, b)
	if err == nil && u.commits.Add(1)%3 == 0 {
		return 0, storage.ErrUnavailable
	}
	return pos, err
}

// A storm of alerts, sent by a real Alertmanager to an intake whose store fails:
// each group that fires is paged once, and closed when it is over.
func TestAlertmanagerStorm(t *testing.T) {
	const alerts, groups, token = 300, 30, "token-of-alertmanager"
	store := &unsteady{Backend: storage.NewMemory().Backend()}
	pager := &oncalltest.Pager{}
	people, err := escalation.Roster{People: []oncall.Person{{ID: "alice", Contacts: []oncall.Contact{{ID: "phone", Kind: oncall.Voice, Address: "1"}}}}}.Compile()
	if err != nil {
		t.Fatal(err)
	}
	policy := escalation.Policy{ID: "all", Levels: []escalation.Level{{ID: "l1", Targets: []escalation.Target{escalation.ToPerson("alice")}, Delay: time.Hour}},
		LastResort: escalation.LastResort{Targets: []escalation.Target{escalation.ToPerson("alice")}}}
	pages, err := dispatch.New(dispatch.Config{Store: storage.New(store), Pager: pager, Directory: people, Policies: []*escalation.Compiled{policy.MustCompile()}})
	if err != nil {
		t.Fatal(err)
	}
	desk, err := intake.New(intake.Config{Store: storage.New(store), Pages: pages, Alerts: alert.Policy{GroupWait: time.Second, GroupInterval: 2 * time.Second}.MustCompile(),
		Routing: routing.Policy{ID: "main", Default: "all"}.MustCompile()})
	if err != nil {
		t.Fatal(err)
	}
	ctx, stop := context.WithCancel(t.Context())
	ended := make(chan error, 2)
	go func() { ended <- pages.Run(ctx) }()
	go func() { ended <- desk.Run(ctx) }()
	t.Cleanup(func() {
		stop()
		if err := errors.Join(<-ended, <-ended); err != nil {
			t.Error(err)
		}
	})
	var refused atomic.Int64
	handler := intake.Handler(intake.HandlerConfig{Intake: desk, Tokens: []string{token}})
	server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		answer := &status{ResponseWriter: w}
		handler.ServeHTTP(answer, r)
		if answer.code >= 500 {
			refused.Add(1)
		}
	}))
	t.Cleanup(server.Close)
	base := startAlertmanager(t, server.URL+"/v1/alerts/alertmanager", token)

	store.down.Store(true)
	post := func(ends time.Time) {
		t.Helper()
		type one struct {
			Labels      map[string]string `json:"labels"`
			Annotations map[string]string `json:"annotations"`
			StartsAt    time.Time         `json:"startsAt"`
			EndsAt      time.Time         `json:"endsAt"`
		}
		var list []one
		for i := range alerts {
			list = append(list, one{map[string]string{"alertname": fmt.Sprint("Storm", i%groups), "instance": fmt.Sprint(i), "severity": "critical"},
				map[string]string{"summary": fmt.Sprint("storm ", i%groups)}, time.Now().Add(-time.Minute), ends})
		}
		body, err := json.Marshal(list)
		if err != nil {
			t.Fatal(err)
		}
		resp, err := http.Post(base+"/api/v2/alerts", "application/json", bytes.NewReader(body))
		if err != nil {
			t.Fatal(err)
		}
		defer resp.Body.Close()
		if text, _ := io.ReadAll(resp.Body); resp.StatusCode != http.StatusOK {
			t.Fatal(resp.Status, string(text))
		}
	}
	open := func() int {
		n := 0
		for _, err := range pages.Open(ctx, "") {
			if err != nil {
				t.Fatal(err)
			}
			n++
		}
		return n
	}
	post(time.Now().Add(time.Hour))
	poll(t, "Alertmanager to be refused", func() bool { return refused.Load() > 0 })
	store.down.Store(false)
	firing := func() int {
		n := 0
		for g, err := range desk.Groups(ctx) {
			if err != nil {
				t.Fatal(err)
			}
			for _, e := range g.State.Alerts {
				if e.Told == alert.Firing && g.State.Page.Open {
					n++
				}
			}
		}
		return n
	}
	poll(t, "all pages", func() bool { return open() == groups && firing() == alerts })
	poll(t, "all deliveries", func() bool { return len(pager.Sent()) >= groups })
	if n := len(pager.Sent()); n != groups {
		t.Errorf("%d pages, want one for each of %d groups", n, groups)
	}
	post(time.Now().Add(-time.Second))
	poll(t, "all to be over", func() bool { return open() == 0 })
}

// status remembers the status of an answer.
type status struct {
	http.ResponseWriter
	code int
}

func (s *status) WriteHeader(code int) {
	s.code = code
	s.ResponseWriter.WriteHeader(code)
}
