package incidenttest_test

import (
	"context"
	"errors"
	"os"
	"os/exec"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"github.com/sre-sdk/sre/incident"
	"github.com/sre-sdk/sre/incident/incidenttest"
)

const seamSecret = "of-the-recorder"

// faulty returns a recorder and the faults that it can have; wrong changes what
// the fault answers.
func faulty(wrong func(ctx context.Context, err error) error) (*incidenttest.Recorder, incidenttest.Faults) {
	var fault atomic.Pointer[func(context.Context) error]
	r := &incidenttest.Recorder{Unknown: []string{"nobody"}, Fault: func(ctx context.Context) error {
		if f := fault.Load(); f != nil {
			return wrong(ctx, (*f)(ctx))
		}
		return nil
	}}
	set := func(f func(context.Context) error) func() { return func() { fault.Store(&f) } }
	return r, incidenttest.Faults{
		Secret: seamSecret,
		Limit:  set(func(context.Context) error { return incident.RateLimited{After: time.Second} }),
		Break:  set(func(context.Context) error { return incidenttest.ErrBroken }),
		Hang:   set(func(ctx context.Context) error { <-ctx.Done(); return ctx.Err() }),
		Mend:   func() { fault.Store(nil) },
	}
}

func honest(_ context.Context, err error) error { return err }

func channelSubject(wrap func(incident.Channel) incident.Channel, wrong func(context.Context, error) error) incidenttest.ChannelSubject {
	r, faults := faulty(wrong)
	return incidenttest.ChannelSubject{Channel: wrap(r), People: []string{"ann", "bob"}, Nobody: "nobody", Missing: "c99", Look: r.SeenChannel, Faults: faults}
}

func pageSubject(wrap func(incident.StatusPage) incident.StatusPage) incidenttest.StatusPageSubject {
	r, faults := faulty(honest)
	return incidenttest.StatusPageSubject{Page: wrap(r.Page()), Component: "component", Missing: "s99", Look: r.SeenStatus, Faults: faults}
}

func trackerSubject(wrap func(incident.Tracker) incident.Tracker) incidenttest.TrackerSubject {
	r, faults := faulty(honest)
	return incidenttest.TrackerSubject{Tracker: wrap(r.Tracker()), Missing: "t99", Look: r.SeenTicket, Faults: faults}
}

func same[T any](v T) T { return v }

func TestRecorderKeepsTheContracts(t *testing.T) {
	t.Run("channel", func(t *testing.T) {
		incidenttest.TestChannel(t, func(*testing.T) incidenttest.ChannelSubject { return channelSubject(same, honest) })
	})
	t.Run("page", func(t *testing.T) {
		incidenttest.TestStatusPage(t, func(*testing.T) incidenttest.StatusPageSubject { return pageSubject(same) })
	})
	t.Run("tracker", func(t *testing.T) {
		incidenttest.TestTracker(t, func(*testing.T) incidenttest.TrackerSubject { return trackerSubject(same) })
	})
}

// A wrongChannel is a Channel of which some methods are others.
type wrongChannel struct {
	incident.Channel
	create  func(context.Context, incident.NewChannel) (incident.Ref, error)
	invite  func(context.Context, string, []string) error
	topic   func(context.Context, string, string) error
	post    func(context.Context, incident.Post) (string, error)
	archive func(context.Context, string) error
}

func (w wrongChannel) Create(ctx context.Context, c incident.NewChannel) (incident.Ref, error) {
	if w.create != nil {
		return w.create(ctx, c)
	}
	return w.Channel.Create(ctx, c)
}

func (w wrongChannel) Invite(ctx context.Context, id string, people []string) error {
	if w.invite != nil {
		return w.invite(ctx, id, people)
	}
	return w.Channel.Invite(ctx, id, people)
}

func (w wrongChannel) SetTopic(ctx context.Context, id, topic string) error {
	if w.topic != nil {
		return w.topic(ctx, id, topic)
	}
	return w.Channel.SetTopic(ctx, id, topic)
}

func (w wrongChannel) Post(ctx context.Context, p incident.Post) (string, error) {
	if w.post != nil {
		return w.post(ctx, p)
	}
	return w.Channel.Post(ctx, p)
}

func (w wrongChannel) Archive(ctx context.Context, id string) error {
	if w.archive != nil {
		return w.archive(ctx, id)
	}
	return w.Channel.Archive(ctx, id)
}

// channelMutants each break a rule, by the rule that must catch it.
var channelMutants = map[string]func(incident.Channel) incident.Channel{
	"the same key makes one channel": func(c incident.Channel) incident.Channel {
		n := 0
		return wrongChannel{Channel: c, create: func(ctx context.Context, made incident.NewChannel) (incident.Ref, error) {
			n++
			made.Key += strings.Repeat("x", n)
			return c.Create(ctx, made)
		}}
	},
	"people, topic and posts arrive": func(c incident.Channel) incident.Channel {
		return wrongChannel{Channel: c, topic: func(ctx context.Context, id, _ string) error { return c.SetTopic(ctx, id, "") }}
	},
	"each call may be made twice": func(c incident.Channel) incident.Channel {
		archived := false
		return wrongChannel{Channel: c, archive: func(ctx context.Context, id string) error {
			if archived {
				return incident.ErrPermanent
			}
			archived = true
			return c.Archive(ctx, id)
		}}
	},
	"who cannot be invited keeps nobody else out": func(c incident.Channel) incident.Channel {
		return wrongChannel{Channel: c, invite: func(ctx context.Context, id string, people []string) error {
			for _, p := range people {
				if err := c.Invite(ctx, id, []string{p}); err != nil {
					return err
				}
			}
			return nil
		}}
	},
	"a channel that is not there is permanent": func(c incident.Channel) incident.Channel {
		return wrongChannel{Channel: c, topic: func(ctx context.Context, id, topic string) error {
			if err := c.SetTopic(ctx, id, topic); errors.Is(err, incident.ErrPermanent) {
				return errors.New("not found")
			}
			return nil
		}}
	},
	"nothing is posted to an archived channel": func(c incident.Channel) incident.Channel {
		return wrongChannel{Channel: c, archive: func(context.Context, string) error { return nil }}
	},
	"concurrent calls all succeed": func(c incident.Channel) incident.Channel {
		return wrongChannel{Channel: c, post: func(ctx context.Context, p incident.Post) (string, error) {
			if p.Key == "3" {
				return "lost", nil
			}
			return c.Post(ctx, p)
		}}
	},
	"a canceled context ends the call": func(c incident.Channel) incident.Channel {
		return wrongChannel{Channel: c, post: func(ctx context.Context, p incident.Post) (string, error) {
			return c.Post(context.WithoutCancel(ctx), p)
		}}
	},
}

// faultMutants answer faults wrongly, by the rule that must catch it.
var faultMutants = map[string]func(context.Context, error) error{
	"a limit says for how long": func(_ context.Context, err error) error {
		if errors.As(err, new(incident.RateLimited)) {
			return incident.RateLimited{}
		}
		return err
	},
	"a broken provider is no success, and nothing permanent": func(_ context.Context, err error) error {
		if errors.Is(err, incidenttest.ErrBroken) {
			return errors.Join(err, incident.ErrPermanent)
		}
		return err
	},
	"a provider that does not answer is left with the context": func(_ context.Context, err error) error {
		if errors.Is(err, context.DeadlineExceeded) {
			return errors.New("given up on " + seamSecret)
		}
		return err
	},
}

type wrongPage struct {
	incident.StatusPage
	change func(p incident.StatusPost) incident.StatusPost
	result func(error) error
}

func (w wrongPage) Open(ctx context.Context, p incident.StatusPost) (incident.Ref, error) {
	return w.StatusPage.Open(ctx, w.change(p))
}

func (w wrongPage) Update(ctx context.Context, id string, p incident.StatusPost) error {
	return w.result(w.StatusPage.Update(ctx, id, w.change(p)))
}

var pageMutants = map[string]func(incident.StatusPage) incident.StatusPage{
	"the public sees each text, and the end": func(p incident.StatusPage) incident.StatusPage {
		return wrongPage{p, func(p incident.StatusPost) incident.StatusPost { p.Components = nil; return p }, same[error]}
	},
	"the same key publishes once": func(p incident.StatusPage) incident.StatusPage {
		n := 0
		return wrongPage{p, func(p incident.StatusPost) incident.StatusPost {
			n++
			p.Key += strings.Repeat("x", n)
			return p
		}, same[error]}
	},
	"another key is another incident": func(p incident.StatusPage) incident.StatusPage {
		return wrongPage{p, func(p incident.StatusPost) incident.StatusPost { p.Key = "k"; return p }, same[error]}
	},
	"an incident that is not there is permanent": func(p incident.StatusPage) incident.StatusPage {
		return wrongPage{p, same[incident.StatusPost], func(err error) error {
			if errors.Is(err, incident.ErrPermanent) {
				return nil
			}
			return err
		}}
	},
}

type wrongTracker struct {
	incident.Tracker
	open   func(incident.Ticket) incident.Ticket
	update func(incident.Ticket) incident.Ticket
	result func(error) error
}

func (w wrongTracker) Open(ctx context.Context, t incident.Ticket) (incident.Ref, error) {
	return w.Tracker.Open(ctx, w.open(t))
}

func (w wrongTracker) Update(ctx context.Context, id string, t incident.Ticket) error {
	return w.result(w.Tracker.Update(ctx, id, w.update(t)))
}

var trackerMutants = map[string]func(incident.Tracker) incident.Tracker{
	"the same key makes one ticket": func(t incident.Tracker) incident.Tracker {
		n := 0
		return wrongTracker{t, func(t incident.Ticket) incident.Ticket {
			n++
			t.Key += strings.Repeat("x", n)
			return t
		}, same[incident.Ticket], same[error]}
	},
	"changes and the end arrive, also twice": func(t incident.Tracker) incident.Tracker {
		return wrongTracker{t, same[incident.Ticket], func(t incident.Ticket) incident.Ticket { t.Text = ""; return t }, same[error]}
	},
	"a ticket that is not there is permanent": func(t incident.Tracker) incident.Tracker {
		return wrongTracker{t, same[incident.Ticket], same[incident.Ticket], func(err error) error {
			if errors.Is(err, incident.ErrPermanent) {
				return incidenttest.ErrBroken
			}
			return err
		}}
	},
}

// seamMutant names the one that TestSeamMutant, run alone, has to fail.
const seamMutant = "INCIDENTTEST_SEAM_MUTANT"

func TestSeamMutant(t *testing.T) {
	name := os.Getenv(seamMutant)
	seam, rule, ok := strings.Cut(name, ": ")
	if !ok {
		t.Skip("only to be run by TestMutantsOfSeamsAreCaught")
	}
	switch seam {
	case "channel":
		incidenttest.TestChannel(t, func(*testing.T) incidenttest.ChannelSubject { return channelSubject(channelMutants[rule], honest) })
	case "fault":
		incidenttest.TestChannel(t, func(*testing.T) incidenttest.ChannelSubject { return channelSubject(same, faultMutants[rule]) })
	case "page":
		incidenttest.TestStatusPage(t, func(*testing.T) incidenttest.StatusPageSubject { return pageSubject(pageMutants[rule]) })
	case "tracker":
		incidenttest.TestTracker(t, func(*testing.T) incidenttest.TrackerSubject { return trackerSubject(trackerMutants[rule]) })
	}
}

// Each mutant fails the rule that it breaks, at least.
func TestMutantsOfSeamsAreCaught(t *testing.T) {
	var names []string
	for rule := range channelMutants {
		names = append(names, "channel: "+rule)
	}
	for rule := range faultMutants {
		names = append(names, "fault: "+rule)
	}
	for rule := range pageMutants {
		names = append(names, "page: "+rule)
	}
	for rule := range trackerMutants {
		names = append(names, "tracker: "+rule)
	}
	for _, name := range names {
		t.Run(name, func(t *testing.T) {
			run := exec.CommandContext(t.Context(), os.Args[0], "-test.run=^TestSeamMutant$", "-test.v")
			run.Env = append(os.Environ(), seamMutant+"="+name)
			out, err := run.CombinedOutput()
			_, rule, _ := strings.Cut(name, ": ")
			if want := "--- FAIL: TestSeamMutant/" + strings.ReplaceAll(rule, " ", "_"); err == nil || !strings.Contains(string(out), want) {
				t.Errorf("the mutant ended with %v, want it to fail this rule:\n%s", err, out)
			}
		})
	}
}
