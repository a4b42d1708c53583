package webhook

import (
	"context"
	"crypto/tls"
	"crypto/x509"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"strconv"
	"strings"
	"syscall"
	"time"

	"github.com/sre-sdk/sre/oncall"
)

// An Error says why a delivery was not accepted, or that it is not known.
// errors.Is and errors.As find [oncall.ErrPermanent], [oncall.RateLimited],
// [ErrBlocked] and the error of a context in it where they apply. It holds
// neither the URL nor anything that the receiver wrote.
type Error struct {
	Contact string // kind and ID of the contact
	Status  int    // of HTTP; 0 if there was no answer
	Reason  string

	causes []error
}

// Error says which contact and why.
func (e *Error) Error() string { return "webhook: " + e.Contact + ": " + e.Reason }

// Unwrap returns the classes of the error.
func (e *Error) Unwrap() []error { return e.causes }

func failure(d oncall.Delivery, reason string, causes ...error) *Error {
	return &Error{Contact: d.Contact.String(), Reason: reason, causes: causes}
}

// Permanent reports whether a status means that the receiver has read the
// message and never will accept it: 400, 405, 406, 410, 411, 412, 413, 414, 415,
// 416, 417, 422, 426, 428, 431, 451 and others of 4xx that are not registered.
// Not permanent is what a person can mend while the page is still worth
// something, because a page that comes late is better than one that is lost: the
// credentials, the route and the rights (401, 402, 403, 404, 407, 421, 424, and
// redirects), a wait (408, 423, 425, 429), a twin on its way (409), and 5xx.
func Permanent(status int) bool {
	switch status {
	case http.StatusUnauthorized, http.StatusPaymentRequired, http.StatusForbidden, http.StatusNotFound,
		http.StatusProxyAuthRequired, http.StatusMisdirectedRequest, http.StatusFailedDependency,
		http.StatusRequestTimeout, http.StatusLocked, http.StatusTooEarly, http.StatusTooManyRequests,
		http.StatusConflict:
		return false
	}
	return status/100 == 4
}

// refused makes the error of an answer that is not 2xx.
func (p *Pager) refused(d oncall.Delivery, answer *http.Response, now time.Time) error {
	e := failure(d, strings.TrimSpace(fmt.Sprintf("%d %s", answer.StatusCode, http.StatusText(answer.StatusCode))))
	e.Status = answer.StatusCode
	pause, stated := p.pause(answer.Header.Get("Retry-After"), now)
	switch {
	case e.Status == http.StatusTooManyRequests, e.Status == http.StatusServiceUnavailable && stated:
		e.causes = []error{oncall.RateLimited{After: pause}}
		e.Reason += ", to be left alone for " + pause.String()
	case e.Status/100 == 3:
		e.Reason += ", which is not followed"
		fallthrough
	default:
		if p.config.Permanent(e.Status) {
			e.causes = []error{oncall.ErrPermanent}
		}
	}
	return e
}

// pause reads Retry-After, RFC 9110 section 10.2.3: seconds or a date. What it
// cannot read counts as not stated.
func (p *Pager) pause(text string, now time.Time) (pause time.Duration, stated bool) {
	pause = p.config.Pause
	if seconds, err := strconv.ParseUint(text, 10, 64); err == nil || errors.Is(err, strconv.ErrRange) {
		pause, stated = time.Duration(min(seconds, uint64(p.config.MaxPause/time.Second)+1))*time.Second, true
	} else if at, err := http.ParseTime(text); err == nil {
		pause, stated = at.Sub(now), true
	}
	return max(MinPause, min(pause, p.config.MaxPause)), stated
}

// noAnswer makes the error of an attempt without an answer. The cause is kept
// only where its text cannot hold the host.
func (p *Pager) noAnswer(ctx, limited context.Context, d oncall.Delivery, err error) error {
	var errno syscall.Errno
	var name *net.DNSError
	switch {
	case ctx.Err() != nil:
		return failure(d, "no answer: "+ctx.Err().Error(), ctx.Err())
	case limited.Err() != nil:
		return failure(d, fmt.Sprintf("no answer within %v", p.config.Timeout), context.DeadlineExceeded)
	case errors.Is(err, ErrBlocked):
		return failure(d, "the host is not on the public internet, nor in Private", oncall.ErrPermanent, ErrBlocked)
	case errors.As(err, &name):
		return failure(d, "the name of the host was not resolved")
	case errors.As(err, &errno):
		return failure(d, errno.Error(), errno)
	case errors.Is(err, io.EOF), errors.Is(err, io.ErrUnexpectedEOF):
		return failure(d, "the connection was closed without an answer", io.ErrUnexpectedEOF)
	}
	return failure(d, explain(err))
}

// explain names the class of an error whose text may hold the host.
func explain(err error) string {
	var (
		host      x509.HostnameError
		authority x509.UnknownAuthorityError
		invalid   x509.CertificateInvalidError
		alert     *net.OpError
		record    tls.RecordHeaderError
		timeout   net.Error
	)
	switch {
	case errors.As(err, &host):
		return "TLS: the certificate is for another host"
	case errors.As(err, &authority):
		return "TLS: the certificate is of an unknown authority"
	case errors.As(err, &invalid):
		return fmt.Sprintf("TLS: the certificate is invalid (reason %d of x509)", invalid.Reason)
	case errors.As(err, &alert) && fmt.Sprintf("%T", alert.Err) == "tls.alert": // a type without a name outside
		return alert.Err.Error()
	case errors.As(err, &record):
		return "TLS: the answer is not TLS"
	case errors.As(err, &timeout) && timeout.Timeout():
		return "the connection timed out"
	}
	for inner := errors.Unwrap(err); inner != nil; inner = errors.Unwrap(err) {
		err = inner
	}
	return fmt.Sprintf("no answer (%T)", err)
}
