package oncallfile_test

import (
	"fmt"
	"strings"
	"time"

	"github.com/sre-sdk/sre/oncall"
	"github.com/sre-sdk/sre/oncall/oncallfile"
)

func ExampleRead() {
	s, err := oncallfile.Read(strings.NewReader(`
apiVersion: sre-sdk/v1
kind: OnCallSchedule
id: db
zone: Europe/Berlin
layers:
  - name: weekly
    members: [alice, bob]
    anchor: 2026-01-05 09:00
    turn: 1 week
`), "db.yaml")
	if err != nil {
		fmt.Println(err)
		return
	}
	from := time.Date(2026, 1, 1, 0, 0, 0, 0, time.UTC)
	c := s.MustCompile(from, from.AddDate(1, 0, 0))
	fmt.Println(c.At(time.Date(2026, 1, 13, 0, 0, 0, 0, time.UTC)).First(oncall.Primary))
	// Output: bob
}

func ExampleRead_problems() {
	_, err := oncallfile.Read(strings.NewReader(`
apiVersion: sre-sdk/v1
kind: OnCallSchedule
id: db
zone: Europe/Berlin
layers:
  - name: weekly
    members: [alice, bob]
    anchor: 2026-02-30 09:00
    turn: weekly
`), "db.yaml")
	fmt.Println(err)
	// Output:
	// oncallfile: db.yaml:10: layers[0].turn: invalid_turn "weekly": want a number of hours, days, weeks or months, such as "2 weeks", or elapsed time, such as "36h elapsed"
}

func ExampleReadAll() {
	set, err := oncallfile.ReadAll(strings.NewReader(`
apiVersion: sre-sdk/v1
kind: Roster
people:
  - {id: alice, contacts: [{id: mobile, kind: voice, address: "+4915100000001"}]}
  - {id: bob}
---
apiVersion: sre-sdk/v1
kind: EscalationPolicy
id: db
levels:
  - {id: l1, targets: [{person: alice}, {schedule: db}], delay: 5m}
last_resort: {people: [bob]}
`), "oncall.yaml")
	if err != nil {
		fmt.Println(err)
		return
	}
	from := time.Date(2026, 1, 1, 0, 0, 0, 0, time.UTC)
	_, err = set.Compile(from, from.AddDate(1, 0, 0))
	fmt.Println(err)
	// Output:
	// oncallfile: 3 problems:
	// 	oncall.yaml:12: levels[0].targets[1].schedule: unknown_schedule "db": want a schedule of the roster
	// 	oncall.yaml:13: last_resort.people[0]: no_contact "bob": want a person with a contact
	// 	oncall.yaml:13: last_resort.people: no_human: want at least one person with a contact
}
