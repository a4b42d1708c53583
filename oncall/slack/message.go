package slack

import (
	"net/url"
	"regexp"
	"strings"
	"unicode"
	"unicode/utf16"

	slackgo "github.com/slack-go/slack"

	"github.com/sre-sdk/sre/oncall"
)

// The action IDs of the buttons.
const (
	ActionAcknowledge = "oncall.acknowledge"
	ActionShow        = "oncall.show"
)

// message makes the message of a delivery.
func message(d oncall.Delivery, button bool) []slackgo.MsgOption {
	title, body := oneLine(d.Title), strings.TrimSpace(clean(d.Body))
	if title == "" { // no reason not to wake anybody
		title, _, _ = strings.Cut(body, "\n")
	}
	if title == "" {
		title = "Page"
	}
	title = d.Severity.String() + ": " + title

	var buttons []slackgo.BlockElement
	if button && len(d.Key) <= MaxButtonValue {
		buttons = append(buttons, slackgo.NewButtonBlockElement(ActionAcknowledge, d.Key, plain("Acknowledge")).WithStyle(slackgo.StylePrimary))
	}
	switch {
	case d.Link == "":
	case isWebURL(d.Link) && len(d.Link) <= MaxButtonURL:
		buttons = append(buttons, slackgo.NewButtonBlockElement(ActionShow, "", plain("Show")).WithURL(d.Link))
	default:
		body = strings.TrimSpace(body + "\n" + clean(d.Link)) // still of use to somebody who reads
	}

	blocks := []slackgo.Block{slackgo.NewHeaderBlock(plain(fit(title, MaxHeader)))}
	for _, part := range split(body, MaxSection, MaxSections) {
		blocks = append(blocks, slackgo.NewSectionBlock(plain(part), nil, nil))
	}
	if person := oneLine(d.Person); person != "" {
		blocks = append(blocks, slackgo.NewContextBlock("", plain(fit("For "+person, MaxHeader))))
	}
	if len(buttons) > 0 {
		blocks = append(blocks, slackgo.NewActionBlock("", buttons...))
	}
	return []slackgo.MsgOption{
		slackgo.MsgOptionText(fit(strings.TrimSpace(title+"\n"+body), MaxNotification), false),
		slackgo.MsgOptionBlocks(blocks...),
		slackgo.MsgOptionDisableLinkUnfurl(),
		slackgo.MsgOptionDisableMediaUnfurl(),
	}
}

// plain is a text object in which Slack parses neither mentions nor formatting
// nor emoji.
func plain(text string) *slackgo.TextBlockObject {
	return slackgo.NewTextBlockObject(slackgo.PlainTextType, text, false, false)
}

var escapes = map[rune]string{'&': "&amp;", '<': "&lt;", '>': "&gt;"}

const ellipsis = "…"

// fit returns text escaped, or the longest beginning of it that with an ellipsis
// takes at most n UTF-16 units, which are at least as many as characters.
func fit(text string, n int) string {
	escaped, rest := take(text, n)
	if rest == "" {
		return escaped
	}
	escaped, _ = take(text, n-1)
	return escaped + ellipsis
}

// take returns the escaped beginning of text of at most n units, and the rest.
func take(text string, n int) (escaped, rest string) {
	var b strings.Builder
	used := 0
	for i, r := range text {
		piece, special := escapes[r]
		units := len(piece)
		if !special {
			piece, units = string(r), utf16.RuneLen(r)
		}
		if used += units; used > n {
			return b.String(), text[i:]
		}
		b.WriteString(piece)
	}
	return b.String(), ""
}

// split returns text escaped in at most most parts of at most n units, of which
// the last ends with an ellipsis if there is more.
func split(text string, n, most int) (parts []string) {
	for text != "" && len(parts) < most-1 {
		var part string
		part, text = take(text, n)
		parts = append(parts, part)
	}
	if text != "" {
		parts = append(parts, fit(text, n))
	}
	return parts
}

// broadcast is what reaches everybody at once where Slack links names.
var broadcast = regexp.MustCompile(`(?i)@(channel|here|everyone|group)`)

// clean makes text valid and takes the effect from what is no text: controls,
// also those of direction, and words that would call everybody.
func clean(text string) string {
	text = strings.Map(func(r rune) rune {
		if unicode.IsControl(r) && r != '\n' && r != '\t' || unicode.Is(unicode.Bidi_Control, r) {
			return -1
		}
		return r
	}, strings.ToValidUTF8(text, "\uFFFD"))
	return broadcast.ReplaceAllString(text, "@\u200b$1") // a zero width space
}

func oneLine(text string) string { return strings.Join(strings.Fields(clean(text)), " ") }

func isWebURL(text string) bool {
	u, err := url.Parse(text)
	return err == nil && (u.Scheme == "http" || u.Scheme == "https") && u.Host != ""
}
