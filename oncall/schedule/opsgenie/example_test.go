package opsgenie_test

import (
	"fmt"
	"os"
	"time"

	"github.com/sre-sdk/sre/oncall/schedule/opsgenie"
)

func ExampleRead() {
	file, err := os.Open("testdata/follow-the-sun.json")
	if err != nil {
		fmt.Println(err)
		return
	}
	defer file.Close()
	in, err := opsgenie.Read(file, opsgenie.Options{Name: "follow-the-sun.json"})
	if err != nil {
		fmt.Println(err)
		return
	}
	from := time.Date(2026, 1, 5, 0, 0, 0, 0, time.UTC)
	c := in.Schedule.MustCompile(from, from.AddDate(1, 0, 0))
	for on := range c.At(time.Date(2026, 1, 5, 14, 30, 0, 0, time.UTC)).All() {
		fmt.Println(in.Names[on.Cause.ID], in.Names[on.Person])
	}
	for _, p := range in.Dropped {
		fmt.Println(p)
	}
	// Output:
	// Istanbul ada@example.com
	// Boston cal@example.com
	// follow-the-sun.json:5: data.description: not_imported: want nothing: a schedule has no description
	// follow-the-sun.json:8: data.ownerTeam: not_imported: want nothing: a schedule does not name its team
	// follow-the-sun.json:31: data.rotations[1].participants[1]: not_resolved: want team:t-boston in place of people: name those in Options.People
}
