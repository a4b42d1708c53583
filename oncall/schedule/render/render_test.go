package render_test

import (
	"encoding/xml"
	"flag"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"
	_ "time/tzdata"

	"github.com/google/go-cmp/cmp"

	"github.com/sre-sdk/sre/oncall"
	"github.com/sre-sdk/sre/oncall/schedule"
	"github.com/sre-sdk/sre/oncall/schedule/render"
)

var update = flag.Bool("update", false, "rewrite the golden files in testdata")

// sun is three sites that follow the sun, in Berlin's eyes, over the end of
// summer time.
func sun() (c *schedule.Compiled, from, to time.Time) {
	loc, err := time.LoadLocation("Europe/Berlin")
	if err != nil {
		panic(err)
	}
	from = time.Date(2026, 10, 24, 0, 0, 0, 0, loc)
	to = time.Date(2026, 10, 28, 0, 0, 0, 0, loc)
	office := []schedule.Restriction{{Clock: []string{"09:00-17:00"}}}
	s := schedule.Schedule{ID: "sun", Zone: "Europe/Berlin", Layers: []schedule.Layer{
		{Name: "berlin", Members: schedule.Each("anna", "ben"), Anchor: "2026-10-19 09:00", Turn: schedule.Days(1), Restrict: office},
		{Name: "denver", Zone: "America/Denver", Members: schedule.Each("dana", "dylan"), Anchor: "2026-10-19 09:00", Turn: schedule.Days(1), Restrict: office},
		{Name: "tokyo", Zone: "Asia/Tokyo", Members: schedule.Each("taro"), Restrict: office},
	}}
	return s.MustCompile(from, to), from, to
}

func ExampleText() {
	c, from, to := sun()
	fmt.Print(render.Text(c, oncall.Primary, from, to))
	// Output:
	// Sat 2026-10-24  00:00 dana  01:00 -  02:00 taro  09:00 ben+taro  10:00 ben  17:00 dylan
	// Sun 2026-10-25  00:00 dylan  01:00 -  02:00 taro  09:00 anna  16:00 anna+dana  17:00 dana
	// Mon 2026-10-26  00:00 -  01:00 taro  09:00 ben  16:00 ben+dylan  17:00 dylan
	// Tue 2026-10-27  00:00 -  01:00 taro  09:00 anna  16:00 anna+dana  17:00 dana
}

func ExampleSVG() {
	c, from, _ := sun()
	picture := render.SVG(c, oncall.Primary, from, from.Add(24*time.Hour))
	fmt.Println(strings.Count(picture, "<rect"), "bars")
	// Output: 7 bars
}

func TestPictureIsXML(t *testing.T) {
	c, from, to := sun()
	picture := render.SVG(c, oncall.Primary, from, to)
	if err := xml.Unmarshal([]byte(picture), new(struct{ XMLName xml.Name })); err != nil {
		t.Fatal(err)
	}
	path := filepath.Join("testdata", "sun.svg")
	if *update {
		if err := os.WriteFile(path, []byte(picture), 0o644); err != nil {
			t.Fatal(err)
		}
	}
	want, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	if diff := cmp.Diff(string(want), picture); diff != "" {
		t.Errorf("%s differs (-want +got); run with -update if that is meant:\n%s", path, diff)
	}
}

// A day that the zone skips is left out, and one of 25 hours is longer.
func TestDaysAreThoseOfTheZone(t *testing.T) {
	s := schedule.Schedule{ID: "apia", Zone: "Pacific/Apia", Layers: []schedule.Layer{{Name: "l", Members: schedule.Each("a")}}}
	from := time.Date(2011, 12, 29, 10, 0, 0, 0, time.UTC)
	got := render.Text(s.MustCompile(from, from), oncall.Primary, from, from.Add(48*time.Hour))
	if want := "Thu 2011-12-29  00:00 a\nSat 2011-12-31  00:00 a\n"; got != want {
		t.Errorf("got\n%swant\n%s", got, want)
	}
}

// A day of which only the end is drawn stands below and above the same hours of
// others.
func TestRowsBeginAtMidnight(t *testing.T) {
	c, from, _ := sun()
	noon := from.Add(12 * time.Hour)
	picture := render.SVG(c, oncall.Primary, noon, noon.Add(time.Hour))
	if want := `<rect x="470" y="4" width="30"`; !strings.Contains(picture, want) {
		t.Errorf("no bar %s in\n%s", want, picture)
	}
}

func TestLongTimesAreCut(t *testing.T) {
	c, from, _ := sun()
	to := from.AddDate(100, 0, 0)
	text, picture := render.Text(c, oncall.Primary, from, to), render.SVG(c, oncall.Primary, from, to)
	if n := strings.Count(text, "\n"); n != render.MaxDays+1 || !strings.HasSuffix(text, "\n...\n") {
		t.Errorf("%d lines, want %d and three dots", n, render.MaxDays)
	}
	if !strings.Contains(picture, ">...</text>\n</svg>") {
		t.Error("the picture does not end with three dots")
	}
}

func TestEveryBarIsSeen(t *testing.T) {
	var crowd schedule.Slot
	for i := range schedule.MaxSlotPeople {
		crowd = append(crowd, fmt.Sprintf("p%d", i))
	}
	s := schedule.Schedule{ID: "crowd", Zone: "UTC", Layers: []schedule.Layer{{Name: "l", Members: []schedule.Slot{crowd}}}}
	from := time.Date(2026, 1, 5, 0, 0, 0, 0, time.UTC)
	if picture := render.SVG(s.MustCompile(from, from), oncall.Primary, from, from.Add(time.Hour)); strings.Contains(picture, `height="0"`) {
		t.Error("a bar has no height")
	}
}
