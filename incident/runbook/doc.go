// Package runbook finds the runbook for an alert, takes it apart into steps, and
// says which alerts have none and which runbooks nobody has looked at for long.
//
// A [Runbook] is Markdown with a few facts beside it; a [Library] of them is
// compiled once. Package incident/incidentfile reads a folder of Markdown files
// with front matter.
//
// # Vocabulary
//
//   - A runbook is for an alert if one of its [Matchers] holds for the labels,
//     with the semantics of Prometheus: = != =~ !~, anchored, a missing label is
//     empty.
//   - The steps stand below the first heading "Steps": numbered items, items
//     with a checkbox, or headings one level further down. What is indented
//     below a step, or stands below its heading, is its detail.
//   - A variable is {{name}}, a label of the alert or a default of the runbook.
//     Anything else in braces, such as {{.Values.x}}, is text, and \{{name}} is
//     the text {{name}}.
//   - An anchor is the part of a link after "#" that leads to a heading, made as
//     GitHub makes it.
//   - A review is the answer to the question that each incident asks: must
//     runbooks or alerts change? Changed, or not needed, and why.
//
// # Values come from outside
//
// The value of a label may have been chosen by somebody else. In text it is
// escaped, so that it shows and means nothing; in a URL it is percent-encoded;
// in code, which people paste into a shell, only a plain value is filled in. What
// is not filled in stays as the variable and is reported.
//
// The package is pure: a Compiled is immutable and safe for concurrent use, and
// now is an argument.
package runbook
