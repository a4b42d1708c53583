// Package markdown escapes texts for the documents of policies and reports.
package markdown

import "strings"

var cell = strings.NewReplacer("\\", "\\\\", "|", "\\|", "\n", " ", "\r", " ", "<", "&lt;", "&", "&amp;", "*", "\\*", "_", "\\_", "`", "\\`", "[", "\\[")

// Cell makes of what somebody has written plain text on one line, also in a
// table.
func Cell(text string) string { return cell.Replace(text) }
