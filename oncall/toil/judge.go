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
// question is repetition, from the times. A policy that was not compiled leaves
// everything [Undecided].
func (c *Compiled) Judge(e Entry, t Task, times int) Judgment {
	return c.judgeAs(e, t, times, sources(0).with(e.Source))
}

// sources is a set of them.
type sources uint8

func (s sources) with(source Source) sources { return s | 1<<source }

func (s sources) has(source Source) bool { return s&(1<<source) != 0 }

// judgeAs judges an entry that comes from all of these sources.
func (c *Compiled) judgeAs(e Entry, t Task, times int, from sources) Judgment {
	answers := e.Criteria.or(t.Criteria)
	if !c.ready() {
		return Judgment{Criteria: answers}
	}
	var implied Criteria
	if from.has(Paged) {
		implied[Tactical] = Yes
	}
	if from.has(Run) {
		implied[Manual] = Yes
	}
	if times >= c.policy.RepetitiveFrom {
		implied[Repetitive] = Yes
	}
	answers = answers.or(implied)
	return Judgment{answers, c.judge(answers)}
}
