package toil

// judge decides by the answers. Answering what is unknown never turns a verdict
// that is decided.
func (c *Compiled) judge(answers Criteria) Verdict {
	yes, unknown := answers.count(Yes), answers.count(Unknown)
	missing := false
	for _, r := range c.policy.Required {
		switch answers[r] {
		case No:
			return NotToil
		case Unknown:
			missing = true
		}
	}
	switch {
	case yes+unknown < c.policy.MinYes:
		return NotToil
	case yes < c.policy.MinYes || missing:
		return Undecided
	}
	return Toil
}

// A Judgment is what became of an entry.
type Judgment struct {
	Criteria Criteria // with what task, source and repetition say of the unknown ones
	Verdict  Verdict
}

// Judge judges one entry of a task that occurs that many times in the period.
// An unknown answer is taken from the task, then from the source, then, if the
// question is repetition, from the times.
func (c *Compiled) Judge(e Entry, t Task, times int) Judgment {
	answers := e.Criteria.or(t.Criteria)
	var implied Criteria
	switch e.Source {
	case Paged:
		implied[Tactical] = Yes
	case Run:
		implied[Manual] = Yes
	}
	if times >= c.policy.RepetitiveFrom {
		implied[Repetitive] = Yes
	}
	answers = answers.or(implied)
	return Judgment{answers, c.judge(answers)}
}
