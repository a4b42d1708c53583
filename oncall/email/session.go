package email

import (
	"bufio"
	"context"
	"crypto/tls"
	"encoding/base64"
	"fmt"
	"io"
	"net"
	"net/textproto"
	"strconv"
	"strings"
	"time"

	"github.com/sre-sdk/sre/oncall"
)

// A session is one connection. Its context ends every read and write.
type session struct {
	*settings
	conn       net.Conn
	in         *bufio.Reader
	out        *bufio.Writer
	extensions map[string]string // of EHLO, the keyword in capitals
	secure     bool              // TLS is on
}

// converse sends one message over a new connection.
func (s *settings) converse(ctx context.Context, to string, message []byte) error {
	conn, err := s.Dial(ctx, "tcp", s.Addr)
	if err != nil {
		return failure("connection", err.Error(), err)
	}
	defer conn.Close()
	stop := context.AfterFunc(ctx, func() { conn.SetDeadline(time.Unix(1, 0)) }) // now and for all that follows
	defer stop()
	if tcp, ok := conn.RemoteAddr().(*net.TCPAddr); ok && s.Security == Plain && !tcp.IP.IsLoopback() {
		return failure("connection", "the server is not on this machine, and the connection in clear", ErrInsecure)
	}
	c := &session{settings: s}
	c.use(conn)
	if err := c.open(ctx); err != nil {
		return err
	}
	if err := c.transfer(to, message); err != nil {
		return err
	}
	c.quit()
	return nil
}

func (c *session) use(conn net.Conn) {
	c.conn = conn
	c.in = bufio.NewReaderSize(conn, maxReplyLine)
	c.out = bufio.NewWriter(conn)
}

// open goes through all that comes before the message.
func (c *session) open(ctx context.Context) error {
	if c.Security == ImplicitTLS {
		if err := c.encrypt(ctx); err != nil {
			return err
		}
	}
	if _, err := c.expect("greeting", 220, false); err != nil {
		return err
	}
	if err := c.hello(); err != nil {
		return err
	}
	if c.Security == STARTTLS {
		if err := c.startTLS(ctx); err != nil {
			return err
		}
	}
	if c.Username != "" {
		return c.authenticate()
	}
	return nil
}

func (c *session) encrypt(ctx context.Context) error {
	conn := tls.Client(c.conn, c.TLS)
	if err := conn.HandshakeContext(ctx); err != nil {
		return failure("TLS", err.Error(), err)
	}
	c.use(conn)
	c.secure = true
	return nil
}

// hello learns what the server offers. What it said before TLS is forgotten,
// RFC 3207 section 4.2.
func (c *session) hello() error {
	lines, err := c.command("EHLO", 250, false, "EHLO "+c.Hello)
	if err != nil {
		return err
	}
	c.extensions = map[string]string{}
	for _, line := range lines[1:] {
		keyword, parameters, _ := strings.Cut(line, " ")
		c.extensions[strings.ToUpper(keyword)] = parameters
	}
	return nil
}

func (c *session) startTLS(ctx context.Context) error {
	if _, ok := c.extensions["STARTTLS"]; !ok {
		return failure("STARTTLS", "the server does not offer it", ErrInsecure)
	}
	if _, err := c.command("STARTTLS", 220, false, "STARTTLS"); err != nil {
		return err
	}
	if c.in.Buffered() > 0 { // somebody has put it there to be taken for the server's, once TLS is on
		return failure("STARTTLS", "there is text in clear behind the reply", ErrInsecure)
	}
	if err := c.encrypt(ctx); err != nil {
		return err
	}
	return c.hello()
}

// authenticate uses PLAIN (RFC 4616) or LOGIN (which no RFC describes, and some
// servers have alone).
func (c *session) authenticate() error {
	if !c.secure {
		return failure("AUTH", "the connection is in clear", ErrInsecure)
	}
	encode := func(text string) string { return base64.StdEncoding.EncodeToString([]byte(text)) }
	offered := strings.Fields(strings.ToUpper(c.extensions["AUTH"]))
	has := func(mechanism string) bool {
		for _, o := range offered {
			if o == mechanism {
				return true
			}
		}
		return false
	}
	switch {
	case has("PLAIN"):
		_, err := c.command("AUTH", 235, false, "AUTH PLAIN "+encode("\x00"+c.Username+"\x00"+string(c.Password)))
		return err
	case has("LOGIN"):
		if _, err := c.command("AUTH", 334, false, "AUTH LOGIN"); err != nil {
			return err
		}
		if _, err := c.command("AUTH", 334, false, encode(c.Username)); err != nil {
			return err
		}
		_, err := c.command("AUTH", 235, false, encode(string(c.Password)))
		return err
	}
	return failure("AUTH", "the server offers neither PLAIN nor LOGIN", ErrInsecure)
}

// transfer sends the message to one recipient. Only the reply to its end is
// success.
func (c *session) transfer(to string, message []byte) error {
	from := "MAIL FROM:<" + c.returnPath + ">"
	if size, ok := c.extensions["SIZE"]; ok { // RFC 1870
		if limit, err := strconv.ParseUint(size, 10, 63); err == nil && limit > 0 && uint64(len(message)) > limit {
			return failure("SIZE", fmt.Sprintf("the message has %d bytes, and the server takes %d", len(message), limit), oncall.ErrPermanent)
		}
		from += " SIZE=" + strconv.Itoa(len(message))
	}
	if _, err := c.command("MAIL FROM", 250, false, from); err != nil {
		return err
	}
	if _, err := c.command("RCPT TO", 250, true, "RCPT TO:<"+to+">"); err != nil {
		return err
	}
	if _, err := c.command("DATA", 354, true, "DATA"); err != nil {
		return err
	}
	w := textproto.NewWriter(c.out).DotWriter()
	if _, err := w.Write(message); err != nil {
		return failure("message", err.Error(), err) // the dot that ends it was not sent
	}
	// From here on the dot may have arrived.
	if err := w.Close(); err != nil {
		return failure("end of message", err.Error(), ErrUnknown, err)
	}
	return c.accepted()
}

// accepted reads the reply to the end of the message.
func (c *session) accepted() error {
	reply, _, err := readReply(c.in)
	switch {
	case err != nil:
		return failure("end of message", err.Error(), ErrUnknown, err)
	case reply.Code == 250:
		return nil
	case reply.Code/100 < 4:
		e := c.refused("end of message", reply, true)
		e.causes = append(e.causes, ErrUnknown)
		return e
	}
	return c.refused("end of message", reply, true)
}

// quitTime bounds how long quit waits.
const quitTime = time.Second

// quit is polite. The message was accepted, whatever comes of it.
func (c *session) quit() {
	c.conn.SetDeadline(time.Now().Add(quitTime))
	io.WriteString(c.out, "QUIT\r\n")
	if c.out.Flush() == nil {
		readReply(c.in)
	}
	c.conn.Close()
}

// command sends one line and reads the reply, which must have that code. about
// says whether it is about the recipient or the message.
func (c *session) command(phase string, want int, about bool, line string) ([]string, error) {
	if strings.ContainsAny(line, "\r\n") { // every part was checked; this holds if one was forgotten
		return nil, failure(phase, "a command of several lines")
	}
	_, err := io.WriteString(c.out, line+"\r\n")
	if err == nil {
		err = c.out.Flush()
	}
	if err != nil {
		return nil, failure(phase, err.Error(), err)
	}
	return c.expect(phase, want, about)
}

func (c *session) expect(phase string, want int, about bool) ([]string, error) {
	reply, lines, err := readReply(c.in)
	if err != nil {
		return nil, failure(phase, err.Error(), err)
	}
	// 251 and 252 to RCPT TO mean that the server will forward or try, RFC 5321
	// section 3.3: it takes responsibility.
	if reply.Code == want || want == 250 && about && (reply.Code == 251 || reply.Code == 252) {
		return lines, nil
	}
	return nil, c.refused(phase, reply, about)
}
