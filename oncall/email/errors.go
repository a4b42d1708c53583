package email

import (
	"errors"
	"strings"

	"github.com/sre-sdk/sre/oncall"
)

// What went wrong, for errors.Is, besides the classes of [oncall.Pager].
var (
	// ErrUnknown says that the message was sent to its end and that no answer
	// came: it may have been accepted. The same again has the same Message-ID.
	ErrUnknown = errors.New("email: it is unknown whether the server took the message")

	// ErrInsecure says that the server does not offer what protects the message
	// or the password.
	ErrInsecure = errors.New("email: the server does not offer enough security")
)

// An Error says why a delivery was not accepted, or that it is not known.
// errors.Is and errors.As find [oncall.ErrPermanent], [oncall.RateLimited],
// [ErrUnknown], [ErrInsecure], the error of a context and that of the connection
// in it where they apply. It shows neither the address nor what the server wrote.
type Error struct {
	Contact string // kind and ID of the contact
	Phase   string // what was being done, such as "RCPT TO"
	Reply   Reply  // of the server; zero without one
	Reason  string

	causes []error
}

// Error says which contact, when and why.
func (e *Error) Error() string {
	parts := []string{"email", e.Contact, e.Phase, e.Reason}
	if e.Reply.Code != 0 {
		parts = append(parts, e.Reply.String())
	}
	var said []string
	for _, part := range parts {
		if part != "" {
			said = append(said, part)
		}
	}
	return strings.Join(said, ": ")
}

// Unwrap returns the classes of the error.
func (e *Error) Unwrap() []error { return e.causes }

func failure(phase, reason string, causes ...error) *Error {
	return &Error{Phase: phase, Reason: reason, causes: causes}
}

// refused makes the error of a reply that was not the wanted one. about says
// whether the command was about the recipient or the message; what the server
// refuses before is for a person to mend, and the delivery is kept.
func (s *session) refused(phase string, r Reply, about bool) *Error {
	e := failure(phase, "refused")
	e.Reply = r
	switch {
	case r.Code/100 < 4:
		e.Reason = "an unexpected reply"
	case r.detail() == flood:
		e.causes = []error{oncall.RateLimited{After: s.Pause}}
	case about && r.permanent():
		e.causes = []error{oncall.ErrPermanent}
	case r.Code == 421: // RFC 5321 section 3.8
		e.Reason = "the server is closing"
	case r.Code/100 == 4:
		e.Reason = "refused for now"
	}
	if why := mendable[r.detail()]; why != "" {
		e.Reason += " (" + why + ")"
	}
	return e
}
