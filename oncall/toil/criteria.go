package toil

import (
	"fmt"

	"github.com/sre-sdk/sre"
)

// An Answer says whether a criterion holds. The zero value is Unknown.
type Answer uint8

const (
	Unknown Answer = iota // nobody has said; never a yes
	No
	Yes
)

var answerNames = [...]string{"unknown", "no", "yes"}

// String returns the lower-case name.
func (a Answer) String() string {
	if int(a) < len(answerNames) {
		return answerNames[a]
	}
	return fmt.Sprintf("answer(%d)", uint8(a))
}

// MarshalText returns the lower-case name; it refuses values that have none.
func (a Answer) MarshalText() ([]byte, error) {
	if int(a) >= len(answerNames) {
		return nil, sre.NewProblem("", "unknown_answer", a, "unknown, no or yes")
	}
	return []byte(a.String()), nil
}

// UnmarshalText reads the lower-case name.
func (a *Answer) UnmarshalText(text []byte) error {
	for i, name := range answerNames {
		if string(text) == name {
			*a = Answer(i)
			return nil
		}
	}
	return sre.NewProblem("", "unknown_answer", string(text), "unknown, no or yes")
}

// A Criterion is one of the six marks of toil (SRE book, chapter 5).
type Criterion uint8

const (
	Manual           Criterion = iota // a person's hands are on it; running a script by hand is manual too
	Repetitive                        // done over and over; not the first time or the second
	Automatable                       // a machine could do it as well, or the need could be designed away
	Tactical                          // interrupt-driven and reactive
	NoEnduringValue                   // the service is in the same state afterwards
	GrowsWithService                  // it grows at least linearly with size, traffic or users
	criteria         = iota
)

var criterionNames = [criteria]string{"manual", "repetitive", "automatable", "tactical", "no_enduring_value", "grows_with_service"}

// String returns the lower-case name.
func (c Criterion) String() string {
	if int(c) < len(criterionNames) {
		return criterionNames[c]
	}
	return fmt.Sprintf("criterion(%d)", uint8(c))
}

// Criteria is an Answer for each [Criterion], which indexes it.
type Criteria [criteria]Answer

// All answers every criterion the same.
func All(a Answer) (c Criteria) {
	for i := range c {
		c[i] = a
	}
	return c
}

// or fills the unknown answers of c from d.
func (c Criteria) or(d Criteria) Criteria {
	for i := range c {
		if c[i] == Unknown {
			c[i] = d[i]
		}
	}
	return c
}

func (c Criteria) count(a Answer) (n int) {
	for _, x := range c {
		if x == a {
			n++
		}
	}
	return n
}

func (c Criteria) check(path string, p *sre.Problems) {
	for i, a := range c {
		if int(a) >= len(answerNames) {
			p.Add(path+"."+Criterion(i).String(), "unknown_answer", a, "unknown, no or yes")
		}
	}
}

// A Verdict says whether work is toil. The zero value is Undecided.
type Verdict uint8

const (
	Undecided Verdict = iota // the unknown answers decide
	NotToil
	Toil
)

var verdictNames = [...]string{"undecided", "not_toil", "toil"}

// String returns the lower-case name.
func (v Verdict) String() string {
	if int(v) < len(verdictNames) {
		return verdictNames[v]
	}
	return fmt.Sprintf("verdict(%d)", uint8(v))
}
