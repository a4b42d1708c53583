package toil

import (
	"fmt"
	"time"

	"github.com/sre-sdk/sre"
)

// A Source says where an entry comes from, and with that what it is.
type Source uint8

const (
	Recorded Source = iota // somebody wrote it down
	Paged                  // the answer to a page: tactical, if nobody has answered that
	Run                    // a runbook run by hand: manual, if nobody has answered that
)

var sourceNames = [...]string{"recorded", "paged", "run"}

// String returns the lower-case name.
func (s Source) String() string {
	if int(s) < len(sourceNames) {
		return sourceNames[s]
	}
	return fmt.Sprintf("source(%d)", uint8(s))
}

// An Entry is a piece of work.
type Entry struct {
	ID       string // required; unique
	Task     string // the ID of what was done, the same each time; required
	Person   string
	At       time.Time     // when it began; entries outside the period are left out
	Spent    time.Duration // whole seconds; required
	Source   Source
	Criteria Criteria // of this piece; unknown ones are taken from the task

	// PartOf is the ID of the entry that holds the time of this one already, such
	// as that of the page which a runbook run answered; "": none. A part adds
	// neither time nor an occurrence, and its own criteria do not count; what its
	// Source implies is implied of the other. The other is part of none.
	PartOf string
}

// A Task is a sort of work.
type Task struct {
	ID       string
	Criteria Criteria

	// What automating it takes and leaves, in time of people; whole seconds.
	Cost     time.Duration // to automate it; 0: not estimated
	Residual time.Duration // what each time still takes afterwards
	Upkeep   time.Duration // what keeping the automation alive takes in a period as long as the one measured
}

// A Saving is what an automation that exists has saved in the period.
type Saving struct {
	Task    string        // required; unique
	Times   int           // the automation did the work
	PerTime time.Duration // that each time took by hand, less what it still takes
	Upkeep  time.Duration // spent on the automation in the period
}

// A Reinvestment is time that was saved and went into engineering.
type Reinvestment struct {
	ID    string // of the project; required; unique
	Spent time.Duration
}

// Facts are what a policy judges: the work of a team in [From, To).
type Facts struct {
	From, To time.Time
	Worked   time.Duration // by all people together, whole seconds; what has no entry is not covered
	Entries  []Entry
	Tasks    []Task // those that are not listed have unknown criteria and cost

	Savings    []Saving
	Reinvested []Reinvestment
}

// Limits of facts, part of the contract.
const (
	MaxPeriod  = 5 * 366 * 24 * time.Hour
	MaxWorked  = 2_000_000 * time.Hour // a thousand people for a year
	MaxSpent   = 366 * 24 * time.Hour  // of any duration but Worked
	MaxEntries = 1_000_000
	MaxTasks   = 10_000
	MaxLedger  = 100 // savings, and reinvestments
	MaxTimes   = 1_000_000_000
	MaxSaved   = 20_000 * time.Hour // by one automation

	maxProblems = 100 // reported of facts
)

type checker struct{ sre.Problems }

func (k *checker) full() bool { return k.Len() >= maxProblems }

func (k *checker) spent(path string, d time.Duration, least time.Duration) {
	if d < least || d > MaxSpent || d%time.Second != 0 {
		k.Add(path, "out_of_range", d, fmt.Sprintf("whole seconds, %s to %s", least, MaxSpent))
	}
}

func (k *checker) limit(path string, n, most int) bool {
	if n > most {
		k.Add(path, "too_many", n, fmt.Sprintf("at most %d", most))
	}
	return n <= most
}

// check reports the problems of the facts, the first hundred.
func (f *Facts) check() error {
	var k checker
	for _, at := range []struct {
		path string
		time time.Time
	}{{"from", f.From}, {"to", f.To}} {
		if y := at.time.Year(); at.time.Nanosecond() != 0 || y < 2 || y > 9998 {
			k.Add(at.path, "invalid_instant", at.time.Format(time.RFC3339Nano), "whole seconds of the years 2 to 9998")
		}
	}
	if d := f.To.Sub(f.From); d <= 0 || d > MaxPeriod {
		k.Add("to", "out_of_range", f.To.Format(time.RFC3339), "an instant after from, at most five years")
	}
	if f.Worked <= 0 || f.Worked > MaxWorked || f.Worked%time.Second != 0 {
		k.Add("worked", "out_of_range", f.Worked, "whole seconds, more than none: without them there is no share")
	}
	k.tasks(f.Tasks)
	k.entries(f.Entries)
	k.ledger(f)
	if k.Len() == 0 && f.recorded() > f.Worked {
		k.Add("worked", "out_of_range", f.Worked, "at least the time that the entries of the period record")
	}
	return k.Err("toil")
}

// recorded adds up the entries that count, and stops where that is more than
// could be worked.
func (f *Facts) recorded() (sum time.Duration) {
	for i := range f.Entries {
		if e := &f.Entries[i]; f.counts(e) && sum <= MaxWorked {
			sum += e.Spent
		}
	}
	return sum
}

// counts says that an entry began in the period and is no part of another.
func (f *Facts) counts(e *Entry) bool {
	return e.PartOf == "" && !e.At.Before(f.From) && e.At.Before(f.To)
}

func (k *checker) tasks(list []Task) {
	if !k.limit("tasks", len(list), MaxTasks) {
		return
	}
	seen := map[string]bool{}
	for i := 0; i < len(list) && !k.full(); i++ {
		t, path := &list[i], fmt.Sprintf("tasks[%d]", i)
		k.CheckID(path+".id", t.ID)
		if seen[t.ID] {
			k.Add(path+".id", "duplicate", t.ID, "an ID that no other task has")
		}
		seen[t.ID] = true
		t.Criteria.check(path+".criteria", &k.Problems)
		k.spent(path+".cost", t.Cost, 0)
		k.spent(path+".residual", t.Residual, 0)
		k.spent(path+".upkeep", t.Upkeep, 0)
	}
}

func (k *checker) entries(list []Entry) {
	if !k.limit("entries", len(list), MaxEntries) {
		return
	}
	partOf := make(map[string]string, len(list)) // by ID
	defer k.parts(list, partOf)
	for i := 0; i < len(list) && !k.full(); i++ {
		e := &list[i]
		if _, ok := partOf[e.ID]; ok {
			k.Add(fmt.Sprintf("entries[%d].id", i), "duplicate", e.ID, "an ID that no other entry has: work must not count twice")
		}
		partOf[e.ID] = e.PartOf
		if e.valid() {
			continue
		}
		path := fmt.Sprintf("entries[%d]", i)
		k.CheckID(path+".id", e.ID)
		k.CheckID(path+".task", e.Task)
		if e.Person != "" {
			k.CheckID(path+".person", e.Person)
		}
		if int(e.Source) >= len(sourceNames) {
			k.Add(path+".source", "unknown_source", e.Source, "recorded, paged or run")
		}
		e.Criteria.check(path+".criteria", &k.Problems)
		k.spent(path+".spent", e.Spent, time.Second)
	}
}

func (k *checker) parts(list []Entry, partOf map[string]string) {
	for i := 0; i < len(list) && !k.full(); i++ {
		if of := list[i].PartOf; of != "" {
			if further, ok := partOf[of]; !ok || further != "" {
				k.Add(fmt.Sprintf("entries[%d].part_of", i), "unknown_entry", of, "the ID of an entry that is itself part of none")
			}
		}
	}
}

func (e *Entry) valid() bool {
	var p sre.Problems
	e.Criteria.check("", &p)
	return p.Len() == 0 && sre.ValidID(e.ID) && sre.ValidID(e.Task) && (e.Person == "" || sre.ValidID(e.Person)) &&
		int(e.Source) < len(sourceNames) && e.Spent >= time.Second && e.Spent <= MaxSpent && e.Spent%time.Second == 0
}

func (k *checker) ledger(f *Facts) {
	if !k.limit("savings", len(f.Savings), MaxLedger) || !k.limit("reinvested", len(f.Reinvested), MaxLedger) {
		return
	}
	saved, reinvested := map[string]bool{}, map[string]bool{}
	for i := 0; i < len(f.Savings) && !k.full(); i++ {
		s, path := &f.Savings[i], fmt.Sprintf("savings[%d]", i)
		k.CheckID(path+".task", s.Task)
		if saved[s.Task] {
			k.Add(path+".task", "duplicate", s.Task, "a task that no other saving has: hours must not count twice")
		}
		saved[s.Task] = true
		if s.Times < 0 || s.Times > MaxTimes {
			k.Add(path+".times", "out_of_range", s.Times, fmt.Sprintf("0 to %d", MaxTimes))
		}
		k.spent(path+".per_time", s.PerTime, 0)
		k.spent(path+".upkeep", s.Upkeep, 0)
		if s.PerTime > 0 && int64(s.Times) > int64(MaxSaved/s.PerTime) {
			k.Add(path+".times", "out_of_range", s.Times, "at most "+MaxSaved.String()+" saved")
		}
	}
	for i := 0; i < len(f.Reinvested) && !k.full(); i++ {
		path := fmt.Sprintf("reinvested[%d]", i)
		x := &f.Reinvested[i]
		k.CheckID(path+".id", x.ID)
		if reinvested[x.ID] {
			k.Add(path+".id", "duplicate", x.ID, "an ID that no other reinvestment has: hours must not count twice")
		}
		reinvested[x.ID] = true
		k.spent(path+".spent", x.Spent, 0)
	}
}
