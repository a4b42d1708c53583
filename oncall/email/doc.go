// Package email pages by mail: a [Pager] implements [oncall.Pager] for contacts
// of the kind [oncall.Email], whose address is a mailbox, and hands each message
// to an SMTP server.
//
// # Messages
//
// One person per message, so that nobody sees who else is paged. The subject is
// the severity and the title, the body is plain text with an HTML alternative;
// both hold title, text and link. Everything is ASCII on the wire: headers
// in encoded words (RFC 2047) where need be, bodies in quoted-printable. A line break
// in a title is a space, and every text is escaped or encoded, so that none
// becomes a header, a command or markup. Auto-Submitted says that no person
// wrote it, so that no out-of-office answers.
//
// # Idempotency
//
// SMTP has no idempotency key. The Message-ID is a function of the delivery's
// key, [MessageID], and so the same whenever the same delivery is sent again:
// many mail systems show such messages once, and some deliver only one. A page
// may still arrive twice. Config.Thread lets the messages of one escalation
// appear together.
//
// # Outcomes
//
// Send makes one attempt; whoever calls it repeats it. Only a 250 to the end of
// the message is success. It means that the server has taken responsibility,
// not that the message has arrived: what fails behind it is reported to
// Config.ReturnPath, and the escalation goes on until a person acknowledges.
//
//	250 to the end of the message            accepted
//	4xx anywhere, 421 among them             try again
//	X.7.28, a flood                          oncall.RateLimited, for Config.Pause
//	5xx to RCPT TO, DATA or the message      oncall.ErrPermanent, by the enhanced
//	                                         code where there is one; but try again
//	                                         after what can be mended:
//	                                         552 and X.2.2 mailbox full, X.3.1 disk
//	                                         full, X.3.2, X.4.5, X.5.*, and the
//	                                         sender's credentials, SPF and DKIM
//	5xx to the greeting, EHLO, AUTH or MAIL  try again: the fault is in this
//	                                         program's configuration or the server
//	no TLS, a bad certificate                try again, ErrInsecure
//	no answer to the end of the message      try again, ErrUnknown: it may have
//	                                         been accepted
//	any other break or timeout               try again: it was not accepted
//	larger than the server's SIZE            oncall.ErrPermanent
//	not an Email, no key, bad address        oncall.ErrPermanent, no connection
//
// The rule is that of the seam: permanent is what no retry can mend, and about
// this delivery. A wrong password concerns all of them and is mended by a
// person while the page is on its way, so the delivery is kept and not given up.
//
// The context and Config.Timeout hold in every phase, from the look-up of the
// name to the last reply.
//
// # Security
//
// TLS 1.2 or better, with a certificate for the host of Config.Addr, before the
// name of the recipient, the message or a password is sent; a server that does
// not offer it gets none of them, and what somebody put behind the reply to
// STARTTLS is refused. Connections in clear are for a server on the same machine
// only and carry no password. Errors name the contact by kind and ID and show
// codes, never the address nor what the server wrote.
//
// # Limits
//
// Addresses are ASCII, local@domain without quotes; a domain outside ASCII is
// given in its xn-- form. What exceeds [MaxSubject], [MaxTitle] or [MaxText] is
// cut, with an ellipsis, and a link beyond [MaxLink] is left out.
package email
