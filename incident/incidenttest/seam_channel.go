package incidenttest

import (
	"context"
	"fmt"
	"slices"
	"testing"

	"github.com/sre-sdk/sre/incident"
)

// A ChannelSubject is a Channel under test, and what stands behind it.
type ChannelSubject struct {
	Channel incident.Channel

	// People can be invited, Nobody cannot. Missing is the ID of a channel that
	// the provider does not know.
	People  []string
	Nobody  string
	Missing string

	// Look returns what people see of a channel, and how many channels there are.
	Look func(id string) (SeenChannel, int)

	Faults
}

// A SeenChannel is what people see of one.
type SeenChannel struct {
	Topic    string
	Posts    []string // the texts
	People   []string // who is there
	Archived bool
}

// TestChannel checks that a Channel keeps its contract. open is called for each
// rule, which is the name of its subtest.
func TestChannel(t *testing.T, open func(t *testing.T) ChannelSubject) {
	fresh := func(t *testing.T, s ChannelSubject, key string) string {
		t.Helper()
		var ref incident.Ref
		must(t, call{"create", func(ctx context.Context) (err error) {
			ref, err = s.Channel.Create(ctx, incident.NewChannel{Key: key, Name: "inc-" + key})
			return err
		}})
		if ref.ID == "" {
			t.Fatal("create returned no ID")
		}
		return ref.ID
	}
	post := func(s ChannelSubject, id, key, text string) call {
		return call{"post", func(ctx context.Context) error {
			posted, err := s.Channel.Post(ctx, incident.Post{Key: key, Channel: id, Text: text})
			if err == nil && posted == "" {
				return fmt.Errorf("it has no ID")
			}
			return err
		}}
	}
	invite := func(s ChannelSubject, id string, people ...string) call {
		return call{"invite", func(ctx context.Context) error { return s.Channel.Invite(ctx, id, people) }}
	}
	topic := func(s ChannelSubject, id, text string) call {
		return call{"topic", func(ctx context.Context) error { return s.Channel.SetTopic(ctx, id, text) }}
	}
	archive := func(s ChannelSubject, id string) call {
		return call{"archive", func(ctx context.Context) error { return s.Channel.Archive(ctx, id) }}
	}
	for _, rule := range []struct {
		name  string
		check func(*testing.T, ChannelSubject)
	}{
		{"the same key makes one channel", func(t *testing.T, s ChannelSubject) {
			id := fresh(t, s, "42")
			if again := fresh(t, s, "42"); again != id {
				t.Errorf("%s, and then %s", id, again)
			}
			other := fresh(t, s, "43")
			if _, n := s.Look(id); n != 2 || other == id {
				t.Errorf("%d channels, want two", n)
			}
		}},
		{"people, topic and posts arrive", func(t *testing.T, s ChannelSubject) {
			id := fresh(t, s, "1")
			must(t, invite(s, id, s.People...))
			must(t, topic(s, id, "P1, ann commands"))
			must(t, post(s, id, "a", "first"))
			must(t, post(s, id, "b", "second"))
			seen, _ := s.Look(id)
			for _, p := range s.People {
				if !slices.Contains(seen.People, p) {
					t.Errorf("%s is not there", p)
				}
			}
			if seen.Topic != "P1, ann commands" || !slices.Equal(seen.Posts, []string{"first", "second"}) || seen.Archived {
				t.Errorf("%+v", seen)
			}
		}},
		{"each call may be made twice", func(t *testing.T, s ChannelSubject) {
			id := fresh(t, s, "1")
			for range 2 {
				must(t, invite(s, id, s.People...))
				must(t, topic(s, id, "x"))
				must(t, post(s, id, "a", "once"))
			}
			if seen, _ := s.Look(id); len(seen.Posts) < 1 || len(seen.Posts) > 2 {
				t.Errorf("%d posts", len(seen.Posts))
			}
			must(t, archive(s, id))
			must(t, archive(s, id))
			if seen, _ := s.Look(id); !seen.Archived {
				t.Error("it is not archived")
			}
		}},
		{"who cannot be invited keeps nobody else out", func(t *testing.T, s ChannelSubject) {
			id := fresh(t, s, "1")
			permanently(t, s.Faults, invite(s, id, append([]string{s.Nobody}, s.People...)...))
			seen, _ := s.Look(id)
			for _, p := range s.People {
				if !slices.Contains(seen.People, p) {
					t.Errorf("%s is not there", p)
				}
			}
		}},
		{"a channel that is not there is permanent", func(t *testing.T, s ChannelSubject) {
			permanently(t, s.Faults, post(s, s.Missing, "a", "x"))
			permanently(t, s.Faults, topic(s, s.Missing, "x"))
			permanently(t, s.Faults, archive(s, s.Missing))
			permanently(t, s.Faults, invite(s, s.Missing, s.People...))
		}},
		{"nothing is posted to an archived channel", func(t *testing.T, s ChannelSubject) {
			id := fresh(t, s, "1")
			must(t, archive(s, id))
			permanently(t, s.Faults, post(s, id, "a", "x"))
		}},
		{"concurrent calls all succeed", func(t *testing.T, s ChannelSubject) {
			id := fresh(t, s, "1")
			var calls []call
			for i := range 6 {
				calls = append(calls, post(s, id, fmt.Sprint(i), "x"), invite(s, id, s.People...))
			}
			atOnce(t, calls)
			if seen, _ := s.Look(id); len(seen.Posts) != 6 {
				t.Errorf("%d posts, want 6", len(seen.Posts))
			}
		}},
	} {
		t.Run(rule.name, func(t *testing.T) { rule.check(t, open(t)) })
	}
	checkFaults(t, func(t *testing.T) (Faults, []call) {
		s := open(t)
		id := fresh(t, s, "1")
		return s.Faults, []call{
			{"create", func(ctx context.Context) error {
				_, err := s.Channel.Create(ctx, incident.NewChannel{Key: "2", Name: "inc-2"})
				return err
			}},
			invite(s, id, s.People...), topic(s, id, "x"), post(s, id, "a", "x"), archive(s, id),
		}
	})
}
