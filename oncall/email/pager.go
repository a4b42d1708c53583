package email

import (
	"context"
	"errors"
	"fmt"

	"github.com/sre-sdk/sre/oncall"
)

// A Pager sends deliveries to contacts of the kind [oncall.Email], one message
// and one connection for each. It is safe for concurrent use.
type Pager struct {
	settings func() *settings // a function, so that no verb of fmt gets at the password
}

var _ oncall.Pager = (*Pager)(nil)

// New returns a Pager, or every problem of the configuration.
func New(c Config) (*Pager, error) {
	s, err := c.compile()
	if err != nil {
		return nil, err
	}
	return &Pager{func() *settings { return s }}, nil
}

// Send hands the message to the server once. nil means that the server has
// taken responsibility for it (RFC 5321 section 4.2.5), not that it has arrived;
// the receipt's ID is the Message-ID. See the package documentation for what
// the replies mean. Errors are of the type [Error] and never show the address.
func (p *Pager) Send(ctx context.Context, d oncall.Delivery) (oncall.Receipt, error) {
	s := p.settings()
	err := s.send(ctx, d)
	var e *Error
	if errors.As(err, &e) {
		e.Contact = d.Contact.String()
	}
	if err != nil {
		return oncall.Receipt{}, err
	}
	return oncall.Receipt{ID: MessageID(d.Key, s.domain), At: s.Now()}, nil
}

func (s *settings) send(parent context.Context, d oncall.Delivery) error {
	switch {
	case d.Contact.Kind != oncall.Email:
		return failure("", "contacts of that kind are not mailboxes", oncall.ErrPermanent)
	case d.Key == "":
		return failure("", "the delivery has no key", oncall.ErrPermanent)
	case !validAddress(d.Contact.Address):
		return failure("", "the address is not local@domain in ASCII", oncall.ErrPermanent)
	}
	message := s.write(d, s.Now())
	ctx, cancel := context.WithTimeout(parent, s.Timeout)
	defer cancel()
	err := s.converse(ctx, d.Contact.Address, message)
	var e *Error
	switch {
	case err == nil:
		return nil
	case !errors.As(err, &e) || e.Reply.Code != 0:
	case parent.Err() != nil:
		e.Reason, e.causes = parent.Err().Error(), append(e.causes, parent.Err())
	case ctx.Err() != nil:
		e.Reason, e.causes = fmt.Sprintf("not within %v", s.Timeout), append(e.causes, ctx.Err())
	}
	return err
}
