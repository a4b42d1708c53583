package e2e_test

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"os"
	"os/exec"
	"testing"
	"time"

	"github.com/sre-sdk/sre/oncall"
	"github.com/sre-sdk/sre/oncall/dispatch"
	"github.com/sre-sdk/sre/oncall/escalation"
	"github.com/sre-sdk/sre/storage"
)

// An employment is what a process that runs a dispatcher is told, as JSON in the
// environment variable employed.
type employment struct {
	Process  string
	Store    shared
	Provider string
	Delay    time.Duration // of each level
}

const employed = "SRE_E2E_DISPATCHER"

// Deliveries are given up and taken over as fast as the machine lets the test.
const (
	soakTimeout = time.Second
	soakLease   = 3 * time.Second
)

func init() { otherwise = runDispatcher }

// runDispatcher is the main function of a process that runs a dispatcher until
// its standard input ends.
func runDispatcher() (code int, is bool) {
	text, is := os.LookupEnv(employed)
	if !is {
		return 0, false
	}
	ctx, stop := context.WithCancel(context.Background())
	defer stop()
	go func() {
		_, _ = io.Copy(io.Discard, os.Stdin)
		stop()
	}()
	var e employment
	err := json.Unmarshal([]byte(text), &e)
	if err == nil {
		err = e.work(ctx)
	}
	if err != nil && ctx.Err() == nil {
		fmt.Fprintln(os.Stderr, err)
		return 1, true
	}
	return 0, true
}

func (e employment) work(ctx context.Context) error {
	backend, closeStore, err := e.Store.reach(ctx)
	if err != nil {
		return err
	}
	defer closeStore()
	d, err := newDispatcher(storage.New(backend), pagerOf(e.Provider, e.Process), e.Delay)
	if err != nil {
		return err
	}
	return d.Run(ctx)
}

// reach is open, again and again while the store is not available.
func (s shared) reach(ctx context.Context) (storage.Backend, func(), error) {
	for {
		backend, closeStore, err := s.open(ctx)
		if err == nil || ctx.Err() != nil || !errors.Is(err, storage.ErrUnavailable) {
			return backend, closeStore, err
		}
		select {
		case <-ctx.Done():
		case <-time.After(50 * time.Millisecond):
		}
	}
}

// soakEvery is how often the last resort is paged again: often enough to happen
// in a long soak, and seldom enough that those whom nobody ever answers do not
// become most of the load.
const soakEvery = 3 * time.Minute

// People and policies of the soak. Some have changed their numbers.
func newDispatcher(store *storage.Store, pager oncall.Pager, delay time.Duration) (*dispatch.Dispatcher, error) {
	contact := func(kind oncall.ContactKind, address string) oncall.Contact {
		return oncall.Contact{ID: string(kind), Kind: kind, Address: address}
	}
	roster, err := escalation.Roster{
		People: []oncall.Person{
			{ID: "ann", Contacts: []oncall.Contact{contact(oncall.Push, "ann")}},
			{ID: "bea", Contacts: []oncall.Contact{contact(oncall.Push, gone+"bea"), contact(oncall.SMS, "bea")}},
			{ID: "cyd", Contacts: []oncall.Contact{contact(oncall.Push, gone+"cyd"), contact(oncall.SMS, gone+"cyd")}},
			{ID: "dan", Contacts: []oncall.Contact{contact(oncall.Chat, "dan")}},
			{ID: "eve", Contacts: []oncall.Contact{contact(oncall.Push, "eve"), contact(oncall.SMS, "eve")},
				Rules: []oncall.ContactRule{{Contact: "push"}, {Contact: "sms", After: delay / 2}}},
			{ID: "boss", Contacts: []oncall.Contact{contact(oncall.Voice, "boss")}},
		},
		Teams: []oncall.Team{{ID: "all", Members: []string{"dan", "eve"}}},
	}.Compile()
	if err != nil {
		return nil, err
	}
	level := func(id string, targets ...escalation.Target) escalation.Level {
		return escalation.Level{ID: id, Delay: delay, Targets: targets}
	}
	var policies []*escalation.Compiled
	for _, p := range []escalation.Policy{
		{ID: "plain", Levels: []escalation.Level{level("l1", escalation.ToPerson("ann")), level("l2", escalation.ToTeam("all"))}},
		{ID: "turns", Levels: []escalation.Level{level("l1", escalation.ToRoundRobin("ann", "bea", "dan")), level("l2", escalation.ToPerson("eve"))}},
		{ID: "gone", Levels: []escalation.Level{level("l1", escalation.ToPerson("cyd")), level("l2", escalation.ToPerson("ann"))}},
	} {
		p.LastResort = escalation.LastResort{Targets: []escalation.Target{escalation.ToPerson("boss")}, Every: soakEvery}
		policy, err := p.Compile()
		if err != nil {
			return nil, err
		}
		policies = append(policies, policy)
	}
	return dispatch.New(dispatch.Config{
		Store: store, Pager: pager, Policies: policies, Directory: roster,
		Timeout: soakTimeout, Lease: soakLease, MaxAttempts: 20,
		Backoff: func(n int) time.Duration { return min(100*time.Millisecond<<min(n, 10), 2*time.Second) },
		Link:    func(p dispatch.Page) string { return p.At.Format(time.RFC3339Nano) },
	})
}

// soakPolicies are the IDs of the policies.
var soakPolicies = []string{"plain", "turns", "gone"}

// A process runs a dispatcher. It ends with the test, also when that is killed.
type process struct {
	name   string
	cmd    *exec.Cmd
	stdin  io.Closer
	exited chan struct{}
	output string // what it has said; read it after exited
}

func startDispatcher(e employment) (*process, error) {
	text, err := json.Marshal(e)
	if err != nil {
		return nil, err
	}
	cmd := exec.Command(os.Args[0])
	cmd.Env = append(os.Environ(), employed+"="+string(text))
	stdin, err := cmd.StdinPipe()
	if err != nil {
		return nil, err
	}
	said := &limitedBuffer{}
	cmd.Stdout, cmd.Stderr = said, said
	if err := cmd.Start(); err != nil {
		return nil, err
	}
	p := &process{name: e.Process, cmd: cmd, stdin: stdin, exited: make(chan struct{})}
	go func() {
		defer close(p.exited)
		_ = cmd.Wait()
		p.output = string(said.text)
	}()
	return p, nil
}

// kill is kill -9.
func (p *process) kill() {
	_ = p.cmd.Process.Kill()
	<-p.exited
}

// end ends the process in order.
func (p *process) end(t testing.TB) {
	_ = p.stdin.Close()
	select {
	case <-p.exited:
		if code := p.cmd.ProcessState.ExitCode(); code != 0 {
			t.Errorf("dispatcher %s ended with code %d: %s", p.name, code, p.output)
		}
	case <-time.After(patience):
		t.Errorf("dispatcher %s does not end", p.name)
		p.kill()
	}
}

// limitedBuffer keeps the beginning of what is written.
type limitedBuffer struct{ text []byte }

func (b *limitedBuffer) Write(p []byte) (int, error) {
	const most = 4 << 10
	b.text = append(b.text, p[:min(len(p), most-min(most, len(b.text)))]...)
	return len(p), nil
}
