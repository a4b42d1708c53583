// Package exporttest is what the tests of the readers of accounts share.
package exporttest

import (
	"flag"
	"fmt"
	"io"
	"os"
	"slices"
	"strings"
	"testing"

	"github.com/sre-sdk/sre"
	"github.com/sre-sdk/sre/oncall/escalation"
	"github.com/sre-sdk/sre/oncall/escalation/account"
	"github.com/sre-sdk/sre/oncall/internal/reading/readingtest"
)

var update = flag.Bool("update", false, "rewrite the golden files")

// A Reader is the function of a package.
type Reader func(io.Reader, account.Options) (account.Account, error)

// Options name a last resort.
func Options(name string) account.Options {
	return account.Options{Name: name, LastResort: escalation.LastResort{Targets: []escalation.Target{escalation.ToPerson("boss")}}}
}

// Golden compares what is read from testdata/account.json with account.txt.
func Golden(t *testing.T, read Reader) {
	t.Helper()
	a, err := read(strings.NewReader(readingtest.Open(t, "account.json")), Options("account.json"))
	if err != nil {
		t.Fatal(err)
	}
	got := Describe(a)
	const golden = "testdata/account.txt"
	if *update {
		if err := os.WriteFile(golden, []byte(got), 0o644); err != nil {
			t.Fatal(err)
		}
	}
	want, _ := os.ReadFile(golden)
	if got != string(want) {
		t.Errorf("account\n%s\nwant\n%s", got, want)
	}
}

// Describe writes an account so that a person can check it.
func Describe(a account.Account) string {
	var b strings.Builder
	for _, p := range a.Policies {
		fmt.Fprintf(&b, "policy %s %q, repeat %d, urgencies %v", p.ID, p.Name, p.Repeat, a.Urgencies(p.ID))
		if after := a.StartsAfter[p.ID]; after > 0 {
			fmt.Fprintf(&b, ", starts after %s", after)
		}
		if slices.Contains(a.Inexact, p.ID) {
			b.WriteString(", inexact")
		}
		b.WriteString("\n")
		for _, l := range p.Levels {
			fmt.Fprintf(&b, "  %s, %s:", l.ID, l.Delay)
			for _, t := range l.Targets {
				fmt.Fprintf(&b, " [%s]", t)
			}
			for _, h := range l.When.Hours {
				fmt.Fprintf(&b, " from %s to %s %s", h.From, h.To, p.Zone)
			}
			b.WriteString("\n")
		}
	}
	for _, list := range a.People {
		for _, p := range list.People {
			fmt.Fprintf(&b, "%s: %s %q %s %s:", list.Urgency, p.ID, p.Name, p.Zone, a.Emails[p.ID])
			for _, s := range p.Plan(1) {
				c, _ := p.Contact(s.Contact)
				fmt.Fprintf(&b, " %s %q by %s after %s;", c.Kind, c.Address, s.Contact, s.After)
			}
			b.WriteString("\n")
		}
	}
	for _, t := range a.Teams {
		fmt.Fprintf(&b, "team %s %q: %s\n", t.ID, t.Name, strings.Join(t.Members, ", "))
	}
	fmt.Fprintf(&b, "waits: %v\n", a.Waits)
	for _, p := range a.Dropped {
		fmt.Fprintf(&b, "dropped: %v\n", p)
	}
	return b.String()
}

// Problems reads each text, and compares what is wrong.
func Problems(t *testing.T, read Reader, rows []readingtest.Row) {
	for _, row := range rows {
		t.Run(row.Name, func(t *testing.T) {
			_, err := read(strings.NewReader(row.Text), Options(""))
			if got := readingtest.Brief(sre.ProblemsIn(err)); !slices.Equal(got, row.Want) {
				t.Errorf("problems\n%s\nwant\n%s\n%v", strings.Join(got, "\n"), strings.Join(row.Want, "\n"), err)
			}
		})
	}
}

// OptionsAreChecked holds that nothing is read without a last resort.
func OptionsAreChecked(t *testing.T, read Reader) {
	_, err := read(strings.NewReader(readingtest.Open(t, "account.json")), account.Options{After: -1})
	want := []string{"options.after out_of_range", "options.last_resort.targets out_of_range"}
	if got := readingtest.Brief(sre.ProblemsIn(err)); !slices.Equal(got, want) {
		t.Errorf("problems %q, want %q", got, want)
	}
}

// Fuzz holds that a text is read as policies that compile and people that are
// valid, or refused with problems.
func Fuzz(f *testing.F, read Reader, seeds ...string) {
	f.Add(readingtest.Open(f, "account.json"))
	for _, seed := range seeds {
		f.Add(seed)
	}
	f.Fuzz(func(t *testing.T, text string) {
		a, err := read(strings.NewReader(text), Options(""))
		if err != nil {
			if len(sre.ProblemsIn(err)) == 0 {
				t.Errorf("an error without a problem: %v", err)
			}
			return
		}
		for _, p := range a.Policies {
			if _, err := p.Compile(); err != nil {
				t.Errorf("a policy that was read does not compile: %v", err)
			}
		}
		for _, list := range a.People {
			for _, p := range list.People {
				if err := p.Validate(); err != nil {
					t.Errorf("a person that was read is not valid: %v", err)
				}
			}
		}
	})
}
