package runbook

import (
	"fmt"
	"slices"
	"strings"
	"time"

	"github.com/sre-sdk/sre"
)

// An Answer is whether something had to change after an incident.
type Answer uint8

const (
	Unanswered Answer = iota
	Changed
	NotNeeded
)

var answerNames = [...]string{"unanswered", "changed", "not_needed"}

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
		return nil, sre.Problem{Code: "unknown_value", Value: a.String(), Want: "a declared Answer"}
	}
	return []byte(answerNames[a]), nil
}

// UnmarshalText reads the lower-case name.
func (a *Answer) UnmarshalText(text []byte) error {
	i := slices.Index(answerNames[:], string(text))
	if i < 0 {
		return sre.NewProblem("", "unknown_value", string(text), strings.Join(answerNames[:], ", "))
	}
	*a = Answer(i)
	return nil
}

// A Verdict says what changed, or why nothing had to.
type Verdict struct {
	Answer Answer   `json:"answer"`
	Items  []string `json:"items,omitempty"` // of Changed: the IDs of what was changed
	Why    string   `json:"why,omitempty"`   // of NotNeeded: required
}

// A Review is what an incident taught about runbooks and alerts. Each incident
// owes one, and each half needs an answer.
type Review struct {
	Incident string    `json:"incident"`
	By       sre.Actor `json:"by"`
	At       time.Time `json:"at"`
	Runbooks Verdict   `json:"runbooks"`
	Alerts   Verdict   `json:"alerts"`
}

// Validate reports every [sre.Problem] of a review: both halves are answered by
// somebody; what changed is named, and what did not need to has a reason.
func (r Review) Validate() error {
	var p sre.Problems
	p.CheckID("incident", r.Incident)
	if !r.By.Valid() {
		p.Add("by", "invalid_actor", r.By, "who answers")
	}
	if r.At.IsZero() {
		p.Add("at", "missing", nil, "when it was answered")
	}
	r.Runbooks.validate("runbooks", &p)
	r.Alerts.validate("alerts", &p)
	return p.Err("runbook")
}

func (v Verdict) validate(path string, p *sre.Problems) {
	if len(v.Why) > MaxText {
		p.Add(path+".why", "too_long", len(v.Why), fmt.Sprintf("at most %d bytes", MaxText))
	}
	switch v.Answer {
	case Changed:
		if len(v.Items) == 0 || len(v.Items) > MaxMatch {
			p.Add(path+".items", "wrong_count", len(v.Items), fmt.Sprintf("the IDs of 1 to %d that were changed", MaxMatch))
		}
		for i, id := range v.Items {
			p.CheckID(fmt.Sprintf("%s.items[%d]", path, i), id)
		}
	case NotNeeded:
		if strings.TrimSpace(v.Why) == "" {
			p.Add(path+".why", "missing", nil, "why nothing had to change")
		}
		if len(v.Items) > 0 {
			p.Add(path+".items", "not_allowed", len(v.Items), "nothing that was changed, or the answer changed")
		}
	default:
		p.Add(path+".answer", "unanswered", nil, "changed or not_needed")
	}
}

// Owed returns the incidents that have no valid review yet, in the given order,
// each once.
func Owed(incidents []string, reviews []Review) []string {
	settled := map[string]bool{}
	for _, r := range reviews {
		if r.Validate() == nil {
			settled[r.Incident] = true
		}
	}
	var owed []string
	for _, id := range incidents {
		if !settled[id] {
			owed = append(owed, id)
			settled[id] = true
		}
	}
	return owed
}

// ReviewsOf returns when runbooks were last reviewed by a valid review, by ID,
// for [Facts.Reviewed]: those that it changed. That none had to change says
// nothing about those that the incident did not use.
func ReviewsOf(reviews []Review) map[string]time.Time {
	last := map[string]time.Time{}
	for _, r := range reviews {
		if r.Validate() != nil {
			continue
		}
		for _, id := range r.Runbooks.Items {
			last[id] = later(last[id], r.At)
		}
	}
	return last
}
