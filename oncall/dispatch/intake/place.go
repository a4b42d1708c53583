package intake

import (
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"slices"
	"time"

	"github.com/sre-sdk/sre/oncall/routing"
	"github.com/sre-sdk/sre/storage/runner"
)

// placeKind is the kind of the records that say where the alerts of a group of
// the source went, which may be several places.
const placeKind = Kind + ".place"

// A target is where a group goes.
type target struct {
	Action routing.Action `json:"action"`
	Policy string         `json:"policy,omitempty"`
	Owner  string         `json:"owner,omitempty"`
	Route  string         `json:"route,omitempty"`
}

func targetOf(d routing.Decision) target { return target{d.Action, d.Policy, d.Owner, d.Route} }

// group returns the key of the group that goes there, of those of one key of the
// alert kernel. Alerts that page by one policy are one group, whoever owns them.
func (t target) group(base string) string {
	h := sha256.New()
	for _, part := range []string{base, t.Action.String(), t.Policy} {
		h.Write([]byte(part + "\x00"))
	}
	if t.Action != routing.Page {
		h.Write([]byte(t.Owner))
	}
	return "g" + hex.EncodeToString(h.Sum(nil)[:16])
}

// A place is what is remembered under a key of the alert kernel.
type place struct {
	Groups []placed `json:"groups"`
}

type placed struct {
	Group  string    `json:"group"`
	Target target    `json:"target"`
	At     time.Time `json:"at"` // when it was last confirmed
}

func (p place) find(group string) (placed, bool) {
	i := slices.IndexFunc(p.Groups, func(g placed) bool { return g.Group == group })
	if i < 0 {
		return placed{}, false
	}
	return p.Groups[i], true
}

// placing is the input of a place: groups that are used.
type placing struct {
	Groups []placed `json:"groups,omitempty"`
}

// maxPlaces bounds a place: there are as many groups as routes, at most.
const maxPlaces = routing.MaxRoutes + 3

var errFull = errors.New("intake: too many groups in one place")

// placeMachine keeps places as long as they are used. A group that was not
// confirmed for four times keep is not there any more.
func placeMachine(keep time.Duration) runner.Machine[place, placing] {
	return runner.Machine[place, placing]{
		Kind: placeKind,
		Step: func(p place, in placing, now time.Time) (place, []runner.Effect, error) {
			var next place
			for _, g := range p.Groups {
				if now.Sub(g.At) <= 4*keep {
					next.Groups = append(next.Groups, g)
				}
			}
			for _, g := range in.Groups {
				g.At = now
				if i := slices.IndexFunc(next.Groups, func(old placed) bool { return old.Group == g.Group }); i >= 0 {
					next.Groups[i] = g
				} else {
					next.Groups = append(next.Groups, g)
				}
			}
			if len(next.Groups) > maxPlaces {
				return p, nil, errFull
			}
			return next, nil, nil
		},
		NextDue: func(place) time.Time { return time.Time{} },
		Ended:   func(place) bool { return true },
	}
}

// missing returns which of the groups are to be written down: those that are not
// there, and those that are there for long.
func (p place) missing(used []placed, now time.Time, keep time.Duration) []placed {
	var list []placed
	for _, g := range used {
		if old, ok := p.find(g.Group); !ok || now.Sub(old.At) > keep/4 {
			list = append(list, g)
		}
	}
	return list
}
