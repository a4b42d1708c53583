package email

import (
	"bytes"
	"crypto/sha256"
	"encoding/base64"
	"fmt"
	"html"
	"mime/quotedprintable"
	"net/url"
	"strings"
	"time"
	"unicode"
	"unicode/utf8"

	"github.com/sre-sdk/sre/oncall"
)

// Limits of the text that is sent, in bytes. What is longer is cut, with an
// ellipsis: half a page is better than none.
const (
	MaxSubject = 500
	MaxTitle   = 2000 // in the body, above the text
	MaxText    = 64 << 10
	MaxLink    = 2000
)

const (
	maxName     = 100 // of the display name, in bytes
	foldAt      = 78  // RFC 5322 section 2.1.1; no line comes near the hard limit of 998
	longestWord = 60  // what is longer without a space is encoded, so that it can be folded
	encodedAt   = 76  // RFC 2047 section 2: the longest line with encoded words; a word itself has at most 75
	wrapping    = len("=?utf-8?b?" + "?=")
	ellipsis    = "…"
)

// MessageID returns the Message-ID of the delivery with that key, sent from that
// domain. The same delivery has the same whenever it is sent, so that mail
// systems can tell the repetition.
func MessageID(key, domain string) string { return messageID("delivery", key, domain) }

func messageID(kind, text, domain string) string {
	sum := sha256.Sum256([]byte(kind + "\x00" + text))
	return fmt.Sprintf("<%x@%s>", sum[:16], domain)
}

// write returns the message of a delivery in the form of RFC 5322, with CRLF and
// nothing but ASCII.
func (s *settings) write(d oncall.Delivery, now time.Time) []byte {
	var b bytes.Buffer
	header := func(name, value string) { fmt.Fprintf(&b, "%s: %s\r\n", name, value) }
	header("Date", now.Format("Mon, 02 Jan 2006 15:04:05 -0700"))
	header("From", mailbox(s.from.Name, s.from.Address))
	header("To", mailbox("", d.Contact.Address))
	header("Subject", text("Subject", s.subject(d)))
	header("Message-ID", MessageID(d.Key, s.domain))
	if s.Thread != nil {
		if thread := s.Thread(d); thread != "" {
			first := messageID("thread", thread, s.domain)
			header("In-Reply-To", first)
			header("References", first)
		}
	}
	header("Auto-Submitted", "auto-generated") // RFC 3834: no out-of-office answers
	header("MIME-Version", "1.0")
	s.body(&b, header, d)
	return b.Bytes()
}

// subject is one line: what ends a line, and every other control character, is
// a space.
func (s *settings) subject(d oncall.Delivery) string {
	title := strings.Join(strings.FieldsFunc(strings.ToValidUTF8(d.Title, "�"), func(r rune) bool {
		return unicode.IsSpace(r) || !unicode.IsGraphic(r) && !unicode.Is(unicode.Cf, r)
	}), " ")
	if name := s.Scale.Name(d.Severity); d.Severity != 0 && name != "unknown" {
		title = "[" + name + "] " + title
	}
	return cut(title, MaxSubject)
}

func cut(text string, limit int) string {
	if len(text) <= limit {
		return text
	}
	limit -= len(ellipsis)
	for limit > 0 && !utf8.RuneStart(text[limit]) {
		limit--
	}
	return text[:limit] + ellipsis
}

// text returns unstructured text for a header: as it is where that is safe, and
// otherwise in encoded words, folded. What only looks like an encoded word is
// encoded too, so that it is read as it was written.
func text(name, value string) string {
	plain := !strings.Contains(value, "=?")
	for word := range strings.SplitSeq(value, " ") {
		plain = plain && len(word) <= longestWord && isPrintable(word)
	}
	if !plain {
		return encodedWords(len(name)+2, value)
	}
	return fold(len(name)+2, value)
}

func isPrintable(word string) bool {
	for i := range len(word) {
		if word[i] <= ' ' || word[i] > '~' {
			return false
		}
	}
	return true
}

// fold breaks lines at spaces, RFC 5322 section 2.2.3.
func fold(column int, value string) string {
	var b strings.Builder
	for i, word := range strings.Split(value, " ") {
		switch {
		case i == 0:
		case column+1+len(word) > foldAt && word != "":
			b.WriteString("\r\n ")
			column = 1
		default:
			b.WriteByte(' ')
			column++
		}
		b.WriteString(word)
		column += len(word)
	}
	return b.String()
}

// encodedWords is RFC 2047: one per line, each of whole characters, the first
// one at that column.
func encodedWords(column int, value string) string {
	value = strings.ToValidUTF8(value, "�")
	var words []string
	for ; value != ""; column = 1 {
		n := min(len(value), (encodedAt-column-wrapping)/4*3) // four of base64 for three bytes
		for n < len(value) && !utf8.RuneStart(value[n]) {
			n--
		}
		words = append(words, "=?utf-8?b?"+base64.StdEncoding.EncodeToString([]byte(value[:n]))+"?=")
		value = value[n:]
	}
	return strings.Join(words, "\r\n ")
}

// mailbox returns an address with its name, RFC 5322 section 3.4. The address
// must be valid.
func mailbox(name, address string) string {
	switch {
	case name == "":
		return "<" + address + ">"
	case !isPrintable(strings.ReplaceAll(name, " ", "")) || strings.Contains(name, "=?"):
		return encodedWords(len("From: "), name) + "\r\n <" + address + ">"
	}
	return `"` + strings.NewReplacer(`\`, `\\`, `"`, `\"`).Replace(name) + "\"\r\n <" + address + ">"
}

// body writes the last headers and the body.
func (s *settings) body(b *bytes.Buffer, header func(name, value string), d oncall.Delivery) {
	plain, rich := texts(d)
	part := func(kind, content string) {
		header("Content-Type", kind+"; charset=utf-8")
		header("Content-Transfer-Encoding", "quoted-printable")
		b.WriteString("\r\n")
		w := quotedprintable.NewWriter(b)
		w.Write([]byte(content)) // into memory
		w.Close()
		b.WriteString("\r\n")
	}
	if s.TextOnly {
		part("text/plain", plain)
		return
	}
	// Quoted-printable writes "=" as "=3D", so no content holds this boundary,
	// RFC 2045 section 6.7.
	boundary := fmt.Sprintf("=_%x", sha256.Sum256([]byte(d.Key)))[:34]
	header("Content-Type", "multipart/alternative;\r\n boundary=\""+boundary+"\"")
	b.WriteString("\r\n")
	for _, alternative := range []struct{ kind, content string }{{"text/plain", plain}, {"text/html", rich}} {
		b.WriteString("--" + boundary + "\r\n")
		part(alternative.kind, alternative.content)
	}
	b.WriteString("--" + boundary + "--\r\n")
}

// texts returns both forms of a delivery.
func texts(d oncall.Delivery) (plain, rich string) {
	title, content := cut(clean(d.Title), MaxTitle), cut(clean(d.Body), MaxText)
	link := clean(d.Link)
	if len(link) > MaxLink || strings.ContainsAny(link, "\n\t ") {
		link = "" // half a link leads nowhere
	}
	plain = title + "\n"
	rich = "<!DOCTYPE html>\n<html><body>\n<h2>" + html.EscapeString(title) + "</h2>\n"
	if content != "" {
		plain += "\n" + content + "\n"
		rich += `<div style="white-space:pre-wrap">` + html.EscapeString(content) + "</div>\n"
	}
	if link != "" {
		plain += "\n" + link + "\n"
		rich += "<p>" + anchor(link) + "</p>\n"
	}
	return plain, rich + "</body></html>\n"
}

// anchor makes a link only of what a browser opens as a page.
func anchor(link string) string {
	text := html.EscapeString(link)
	if u, err := url.Parse(link); err != nil || u.Host == "" || u.Scheme != "https" && u.Scheme != "http" {
		return text
	}
	return `<a href="` + text + `">` + text + "</a>"
}

// clean makes text valid and its line ends LF, without control characters.
func clean(text string) string {
	text = strings.NewReplacer("\r\n", "\n", "\r", "\n").Replace(strings.ToValidUTF8(text, "�"))
	return strings.Map(func(r rune) rune {
		if r == '\n' || r == '\t' || !unicode.IsControl(r) {
			return r
		}
		return -1
	}, text)
}
