package escalation

// SetPages lets a test break a state.
func SetPages(s *State, pages ...Page) {
	s.pages.clear()
	for _, p := range pages {
		s.pages.add(p)
	}
}

// SetAcks lets a test break a state.
func SetAcks(s *State, acks ...string) {
	s.acks.clear()
	for _, by := range acks {
		s.acks.add(by)
	}
}

// SpoilShared writes into what copies of a state share.
func SpoilShared(s *State) {
	for i := range s.pages.rest {
		s.pages.rest[i].Person = "spoilt"
	}
}
