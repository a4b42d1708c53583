package email

import (
	"bufio"
	"errors"
	"fmt"
	"io"
	"strconv"
	"strings"
)

// Bounds of a reply. RFC 5321 section 4.5.3.1.5 allows 512 bytes for a line.
const (
	maxReplyLine  = 2048
	maxReplyLines = 100
)

// A Reply is the answer of a server to one command. Its text is left out: it
// often repeats the address.
type Reply struct {
	Code     int    // RFC 5321 section 4.2, such as 550
	Enhanced string // RFC 3463, such as "5.1.1"; "" without one
}

// String returns the codes.
func (r Reply) String() string {
	if r.Enhanced == "" {
		return strconv.Itoa(r.Code)
	}
	return fmt.Sprintf("%d %s", r.Code, r.Enhanced)
}

var errReply = errors.New("not a reply of SMTP")

// readReply reads one reply and the texts of its lines.
func readReply(r *bufio.Reader) (Reply, []string, error) {
	var reply Reply
	var lines []string
	for len(lines) < maxReplyLines {
		line, err := readLine(r)
		if err != nil {
			return Reply{}, nil, err
		}
		code, text, last, ok := splitReply(line)
		if !ok || len(lines) > 0 && code != reply.Code {
			return Reply{}, nil, errReply
		}
		if len(lines) == 0 {
			reply.Code = code
		}
		lines = append(lines, text)
		if last {
			reply.Enhanced = enhanced(code, lines[0])
			return reply, lines, nil
		}
	}
	return Reply{}, nil, fmt.Errorf("%w: more than %d lines", errReply, maxReplyLines)
}

func readLine(r *bufio.Reader) (string, error) {
	line, err := r.ReadSlice('\n')
	switch {
	case errors.Is(err, bufio.ErrBufferFull):
		return "", fmt.Errorf("%w: a line of more than %d bytes", errReply, maxReplyLine)
	case errors.Is(err, io.EOF):
		return "", io.ErrUnexpectedEOF
	case err != nil:
		return "", err
	}
	return strings.TrimRight(string(line), "\r\n"), nil
}

// splitReply takes a line apart: three digits, a space or a hyphen, text.
func splitReply(line string) (code int, text string, last, ok bool) {
	if len(line) < 3 || line[0] < '2' || line[0] > '5' || line[1] < '0' || line[1] > '9' || line[2] < '0' || line[2] > '9' {
		return 0, "", false, false
	}
	code, _ = strconv.Atoi(line[:3]) // three digits
	if len(line) == 3 {
		return code, "", true, true
	}
	return code, line[4:], line[3] == ' ', line[3] == ' ' || line[3] == '-'
}

// enhanced returns the code of RFC 3463 with which text begins, if it is of the
// class of the reply.
func enhanced(code int, text string) string {
	word, _, _ := strings.Cut(text, " ")
	parts := strings.Split(word, ".")
	if len(parts) != 3 || parts[0] != strconv.Itoa(code/100) {
		return ""
	}
	for _, part := range parts[1:] {
		if n, err := strconv.ParseUint(part, 10, 16); err != nil || n > 999 || len(part) > 3 {
			return ""
		}
	}
	return word
}

// detail returns the enhanced code without its class, such as "1.1".
func (r Reply) detail() string {
	_, rest, _ := strings.Cut(r.Enhanced, ".")
	return rest
}

// mendable are the enhanced codes that a reply of 5xx about a recipient or a
// message may carry although a person, or time, can mend it: the IANA registry
// of enhanced status codes, without the class.
var mendable = map[string]string{
	"1.7":  "the address of the sender",
	"1.8":  "the domain of the sender",
	"2.2":  "the mailbox is full",
	"3.0":  "the server's system",
	"3.1":  "the server's disk is full",
	"3.2":  "the server accepts nothing now",
	"3.5":  "the server's configuration",
	"4.0":  "the network",
	"4.1":  "no answer from the host",
	"4.2":  "a bad connection",
	"4.3":  "the directory does not answer",
	"4.5":  "congestion",
	"4.7":  "it took too long",
	"5.0":  "the protocol",
	"5.1":  "the order of commands",
	"5.2":  "the syntax of a command",
	"5.3":  "too many recipients",
	"5.4":  "the parameters of a command",
	"5.5":  "the version of the protocol",
	"7.0":  "a policy, not stated which", // also "authentication required" of old servers
	"7.8":  "the credentials",
	"7.9":  "the mechanism of authentication",
	"7.10": "encryption is needed",
	"7.11": "encryption is needed to authenticate",
	"7.12": "the password must change",
	"7.13": "the account is disabled",
	"7.14": "the trust between servers",
	"7.20": "no passing DKIM signature",
	"7.21": "no acceptable DKIM signature",
	"7.22": "no valid author-matched DKIM signature",
	"7.23": "SPF of the sender",
	"7.24": "SPF of the sender",
	"7.25": "reverse DNS of the sender",
	"7.26": "several checks of the sender",
	"7.27": "the sender has a null MX",
	"7.28": "a flood of messages",
	"7.29": "ARC of the sender",
}

// flood is X.7.28: too many messages at once.
const flood = "7.28"

// permanent reports whether a reply about the recipient or the message says that
// sending the same again is useless.
func (r Reply) permanent() bool {
	switch {
	case r.Code/100 != 5:
		return false
	case r.Enhanced != "" && r.detail() != "0.0": // which says nothing
		return mendable[r.detail()] == ""
	}
	// RFC 5321 section 4.2.3: 552 is a mailbox without room, and RFC 5321
	// section 4.5.3.1.10 has it for too many recipients. 500 to 504 are about the
	// command, 521, 530, 534, 535 and 538 about the connection.
	switch r.Code {
	case 500, 501, 502, 503, 504, 521, 530, 534, 535, 538, 552:
		return false
	}
	return true
}
