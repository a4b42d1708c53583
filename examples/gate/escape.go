package main

import (
	"fmt"
	"strings"
	"unicode"
)

// Labels, messages of servers and names of files are somebody else's text. What
// follows keeps them from being read as commands by whatever shows the output.

// printable shows what a terminal would act on, but for line breaks and tabs:
// control characters, and the marks that turn the direction of text around.
func printable(text string) string {
	var b strings.Builder
	for _, r := range strings.ToValidUTF8(text, "\uFFFD") {
		if r != '\n' && r != '\t' && (unicode.IsControl(r) || unicode.Is(unicode.Bidi_Control, r)) {
			fmt.Fprintf(&b, "\\u%04x", r)
			continue
		}
		b.WriteRune(r)
	}
	return b.String()
}

var markdownSpecial = strings.NewReplacer(
	"&", "&amp;", "<", "&lt;", ">", "&gt;", // no HTML
	"|", "\\|", "`", "\\`", "*", "\\*", "_", "\\_", "~", "\\~", "[", "\\[", "]", "\\]", "\\", "\\\\",
	"@", "&#64;", "#", "&#35;", // no mentions, no links to issues
	"\n", " ", "\t", " ",
)

// cell makes text a cell of a Markdown table, on one line.
func cell(text string) string { return markdownSpecial.Replace(printable(text)) }

// Workflow commands of GitHub end at the line, and the properties at a comma or
// colon (github.com/actions/toolkit, packages/core/src/command.ts).
var (
	commandData     = strings.NewReplacer("%", "%25", "\r", "%0D", "\n", "%0A")
	commandProperty = strings.NewReplacer("%", "%25", "\r", "%0D", "\n", "%0A", ":", "%3A", ",", "%2C")
)

// command returns a workflow command of GitHub with a title.
func command(name, title, message string) string {
	return fmt.Sprintf("::%s title=%s::%s\n", name, commandProperty.Replace(printable(title)), commandData.Replace(printable(message)))
}
