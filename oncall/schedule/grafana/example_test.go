package grafana_test

import (
	"fmt"
	"os"
	"time"

	"github.com/sre-sdk/sre/oncall/schedule/grafana"
)

func ExampleRead() {
	file, err := os.Open("testdata/rotations.json")
	if err != nil {
		fmt.Println(err)
		return
	}
	defer file.Close()
	in, err := grafana.Read(file, "rotations.json")
	if err != nil {
		fmt.Println(err)
		return
	}
	from := time.Date(2026, 1, 5, 0, 0, 0, 0, time.UTC)
	c := in.Schedule.MustCompile(from, from.AddDate(1, 0, 0))
	for day := range 6 {
		noon := from.AddDate(0, 0, day).Add(12 * time.Hour)
		fmt.Println(noon.Weekday(), c.At(noon))
	}
	fmt.Println(in.Dropped[0].Want)
	// Output:
	// Monday primary UE
	// Tuesday primary UF
	// Wednesday primary UD
	// Thursday primary UE
	// Friday primary UF
	// Saturday primary UA
	// nothing: a schedule does not notify
}
