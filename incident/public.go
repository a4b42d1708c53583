package incident

import (
	"time"

	"github.com/sre-sdk/sre"
)

// A View is what everybody may see of an incident, such as on a status page: no
// person, no alert, no link, nothing of another incident, and none of the text
// that people write for each other.
type View struct {
	ID       string       `json:"id"`
	Title    string       `json:"title"`
	Services []string     `json:"services,omitempty"`
	Status   Status       `json:"status"` // of a merged one, that before: the others are not named
	Severity sre.Severity `json:"severity"`

	Began     time.Time `json:"began,omitzero"` // the impact, if known
	Declared  time.Time `json:"declared"`       // the current episode
	Mitigated time.Time `json:"mitigated,omitzero"`
	Resolved  time.Time `json:"resolved,omitzero"`

	Updates int       `json:"updates"` // for the public
	Last    time.Time `json:"last,omitzero"`
	Next    time.Time `json:"next,omitzero"` // when the next one was promised
}

// Public returns what everybody may see, and false if that is nothing: the
// incident was not declared, or is restricted. Nothing else that is derived from
// an incident may leave those who hold a role in it. The view depends on nothing
// that it does not show.
func (s *State) Public() (View, bool) {
	if s.Status == None || s.Hidden {
		return View{}, false
	}
	status := s.Status
	if status == Merged {
		status = s.Before
	}
	told := &s.Told[Public]
	return View{
		ID: s.ID, Title: s.Title, Services: append([]string(nil), s.Services...), Status: status, Severity: s.Severity,
		Began: s.Marks[ImpactBegan].At, Declared: s.Marks[DeclaredAt].At, Mitigated: s.Marks[MitigatedAt].At, Resolved: s.Marks[ResolvedAt].At,
		Updates: told.Updates, Last: told.Last, Next: told.Next,
	}, true
}
