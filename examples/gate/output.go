package main

import (
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"

	"github.com/sre-sdk/sre"
)

// A format says how the report is printed.
type format string

const (
	formatText     format = "text"
	formatJSON     format = "json"
	formatMarkdown format = "markdown"
	formatGitHub   format = "github"
)

func (f format) valid() bool {
	return f == formatText || f == formatJSON || f == formatMarkdown || f == formatGitHub
}

// write prints the report and the picture. A picture that could not be measured
// is only mentioned: the decision stands without it.
func write(o options, r report, stdout, stderr io.Writer) error {
	var (
		text string
		errs []error
	)
	switch o.output {
	case formatJSON:
		data, err := json.Marshal(r.decision)
		if err != nil {
			return err
		}
		text = string(data) + "\n" // the decision's own form, whose digest can be checked
		if r.moment != nil {
			fmt.Fprintln(stderr, "gate:", recordingNote(*r.moment))
		}
	case formatMarkdown:
		text = markdown(r)
	case formatGitHub:
		text = annotation(r)
		if o.summary != "" {
			errs = append(errs, appendTo(o.summary, markdown(r)))
		}
	default:
		text = plainText(r)
	}
	if _, err := io.WriteString(stdout, text); err != nil {
		errs = append(errs, err)
	}
	if o.svg != "" {
		errs = append(errs, writePicture(o.svg, r, stderr))
	}
	return errors.Join(errs...)
}

// checkPicture refuses early what -svg could not write in the end.
func (f *flags) checkPicture(p *sre.Problems) {
	if f.svg == "" {
		return
	}
	if f.set["counts"] {
		p.Add("-svg", "not_allowed", f.svg, "-prometheus: a file of counts does not hold the past")
	}
	dir := filepath.Dir(f.svg)
	if info, err := os.Stat(dir); err != nil || !info.IsDir() {
		p.Add("-svg", "no_such_folder", dir, "a folder that is there")
	}
}

func writePicture(name string, r report, stderr io.Writer) error {
	drawn, err := picture(r)
	if err != nil {
		// An older picture must not pass for this one.
		if gone := os.Remove(name); gone != nil && !errors.Is(gone, os.ErrNotExist) {
			return gone
		}
		fmt.Fprintf(stderr, "gate: %s is not drawn: %s\n", printable(name), printable(err.Error()))
		return nil
	}
	return os.WriteFile(name, drawn, 0o644)
}
