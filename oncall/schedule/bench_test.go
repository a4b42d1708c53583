package schedule_test

import (
	"fmt"
	"runtime"
	"slices"
	"sort"
	"testing"
	"time"

	"github.com/sre-sdk/sre/oncall"
	"github.com/sre-sdk/sre/oncall/schedule"
)

var (
	yearStart = time.Date(2026, 1, 1, 0, 0, 0, 0, time.UTC)
	yearEnd   = time.Date(2027, 1, 1, 0, 0, 0, 0, time.UTC)
)

// big is five layers of 730 shifts a year each, cut by restrictions, and 50
// overrides.
func big() schedule.Schedule {
	s := schedule.Schedule{ID: "big", Zone: "America/Chicago"}
	for i := range 5 {
		s.Layers = append(s.Layers, schedule.Layer{
			Name: fmt.Sprintf("layer-%d", i), Role: oncall.Primary, Members: schedule.Each(team(i)...),
			Anchor: fmt.Sprintf("2025-06-01 %02d:00", 2*i), Turn: schedule.Hours(12),
			Restrict: []schedule.Restriction{{Clock: []string{fmt.Sprintf("%02d:00-%02d:30", 2*i, 2*i+11), fmt.Sprintf("%02d:00-%02d:30", 2*i+12, (2*i+23)%24)}}},
		})
	}
	for i := range 50 {
		start := yearStart.Add(time.Duration(i) * 170 * time.Hour)
		s.Overrides = append(s.Overrides, schedule.Override{ID: fmt.Sprintf("o%d", i), Add: "z", Remove: team(i % 5)[i%7], Start: start, End: start.Add(30 * time.Hour)})
	}
	return s
}

// team is the seven people of a layer.
func team(layer int) (people []string) {
	for i := range 7 {
		people = append(people, fmt.Sprintf("p%d%d", layer, i))
	}
	return people
}

func BenchmarkAt(b *testing.B) {
	s := big()
	c := s.MustCompile(yearStart, yearEnd)
	instants := make([]time.Time, 1024)
	for i := range instants {
		instants[i] = yearStart.Add(time.Duration(i*7919%8760) * time.Hour)
	}
	b.Run("engine", func(b *testing.B) {
		b.ReportAllocs()
		i := 0
		for b.Loop() {
			if c.At(instants[i&1023]).First(oncall.Primary) == "?" {
				b.Fatal()
			}
			i++
		}
	})
	b.Run("beyond the horizon", func(b *testing.B) {
		bare := s.MustCompile(yearStart, yearStart)
		i := 0
		for b.Loop() {
			if bare.At(instants[i&1023]).First(oncall.Primary) == "?" {
				b.Fatal()
			}
			i++
		}
	})
	b.Run("naive", func(b *testing.B) {
		n := newNaive(s)
		b.ReportAllocs()
		i := 0
		for b.Loop() {
			n.at(instants[i&1023])
			i++
		}
	})
}

func BenchmarkFlattenYear(b *testing.B) {
	s := big()
	c := s.MustCompile(yearStart, yearEnd)
	n := newNaive(s)
	if got, want := len(c.Shifts(yearStart, yearEnd)), len(n.flatten(yearStart, yearEnd)); got < 3650 || want < 3600 {
		b.Fatalf("%d shifts, %d of the naive version", got, want)
	}
	b.Run("engine", func(b *testing.B) {
		b.ReportAllocs()
		for b.Loop() {
			count := 0
			for range c.Flatten(yearStart, yearEnd) {
				count++
			}
			if count < 3650 {
				b.Fatal(count)
			}
		}
	})
	b.Run("beyond the horizon", func(b *testing.B) {
		bare := s.MustCompile(yearStart, yearStart)
		b.ReportAllocs()
		for b.Loop() {
			for range bare.Flatten(yearStart, yearEnd) {
			}
		}
	})
	b.Run("naive", func(b *testing.B) {
		b.ReportAllocs()
		for b.Loop() {
			n.flatten(yearStart, yearEnd)
		}
	})
}

func BenchmarkCompile(b *testing.B) {
	s := big()
	b.ReportAllocs()
	for b.Loop() {
		s.MustCompile(yearStart, yearEnd)
	}
}

// fleet is many small schedules, each of its own, with a quarter's horizon.
func fleet(n int) []*schedule.Compiled {
	list := make([]*schedule.Compiled, n)
	to := yearStart.AddDate(0, 3, 0)
	for i := range list {
		s := schedule.Schedule{ID: fmt.Sprintf("s%d", i), Zone: []string{"Europe/Berlin", "America/Chicago", "Asia/Tokyo", "UTC"}[i%4], Layers: []schedule.Layer{{
			Name: "weekly", Members: schedule.Each("a", "b", "c", "d", "e"), Turn: schedule.Weeks(1), Anchor: fmt.Sprintf("2025-12-%02d %02d:00", 1+i%7, i%24),
			Positions: []schedule.Position{{Role: oncall.Primary}, {Role: oncall.Secondary, Offset: 1}}}}}
		list[i] = s.MustCompile(yearStart, to)
	}
	return list
}

func BenchmarkWhoIsOnCall100k(b *testing.B) {
	list := fleet(100_000)
	now := yearStart.AddDate(0, 1, 9)
	b.Run("engine", func(b *testing.B) {
		b.ReportAllocs()
		for b.Loop() {
			for _, c := range list {
				if c.At(now).First(oncall.Primary) == "" {
					b.Fatal("nobody")
				}
			}
		}
	})
	board := schedule.NewBoard(list...)
	board.MoveTo(now)
	b.Run("board", func(b *testing.B) {
		b.ReportAllocs()
		for i := 0; b.Loop(); i++ { // a minute passes each time
			board.MoveTo(now.Add(time.Duration(i%20_000) * time.Minute))
			for _, who := range board.All(oncall.Primary) {
				if who == "" {
					b.Fatal("nobody")
				}
			}
		}
	})
	b.Run("board that jumps", func(b *testing.B) {
		for i := 0; b.Loop(); i++ {
			board.MoveTo(now.Add(time.Duration(i%2) * 20 * 24 * time.Hour))
		}
	})
	b.Run("naive", func(b *testing.B) { // of a hundredth of them
		b.ReportAllocs()
		few := make([]naive, 1000)
		for i := range few {
			few[i] = newNaive(list[i].Schedule())
		}
		for b.Loop() {
			for _, n := range few {
				n.at(now)
			}
		}
	})
	runtime.KeepAlive(list)
}

// The naive version is written as one would at first: day by day with package
// time, a list of all intervals, and a sort.
type naive struct {
	s   schedule.Schedule
	loc *time.Location
}

func newNaive(s schedule.Schedule) naive {
	loc, err := time.LoadLocation(s.Zone)
	if err != nil {
		panic(err)
	}
	return naive{s, loc}
}

type naiveShift struct {
	start, end time.Time
	person     string
}

func (n naive) shifts(from, to time.Time) (list []naiveShift) {
	for _, l := range n.s.Layers {
		anchor, _ := time.ParseInLocation("2006-01-02 15:04", l.Anchor, n.loc)
		length := time.Duration(l.Turn.Every) * map[schedule.Unit]time.Duration{schedule.Hour: time.Hour, schedule.Week: 168 * time.Hour}[l.Turn.Unit]
		turn := max(0, int(from.Sub(anchor)/length)-1)
		for start := anchor.Add(time.Duration(turn) * length); start.Before(to); turn++ {
			end := start.Add(length)
			clocks := []string{"00:00-00:00"}
			if len(l.Restrict) > 0 {
				clocks = l.Restrict[0].Clock
			}
			for _, clock := range clocks {
				for day := -1; day <= 1; day++ {
					y, m, d := start.Date()
					var h1, m1, h2, m2 int
					fmt.Sscanf(clock, "%d:%d-%d:%d", &h1, &m1, &h2, &m2)
					open, shut := time.Date(y, m, d+day, h1, m1, 0, 0, n.loc), time.Date(y, m, d+day, h2, m2, 0, 0, n.loc)
					if !shut.After(open) {
						shut = shut.AddDate(0, 0, 1)
					}
					if open.Before(start) {
						open = start
					}
					if shut.After(end) {
						shut = end
					}
					if open.Before(shut) && shut.After(from) {
						list = append(list, naiveShift{open, shut, l.Members[turn%len(l.Members)][0]})
					}
				}
			}
			start = end
		}
	}
	return list
}

func (n naive) at(t time.Time) (people []string) {
	for _, s := range n.shifts(t.Add(-time.Hour), t.Add(time.Hour)) {
		if !t.Before(s.start) && t.Before(s.end) {
			people = append(people, s.person)
		}
	}
	for _, o := range n.s.Overrides {
		if i := slices.Index(people, o.Remove); i >= 0 && !t.Before(o.Start) && t.Before(o.End) {
			people[i] = o.Add
		}
	}
	return people
}

func (n naive) flatten(from, to time.Time) (list []naiveShift) {
	shifts := n.shifts(from, to)
	var edges []time.Time
	for _, s := range shifts {
		edges = append(edges, s.start, s.end)
	}
	for _, o := range n.s.Overrides {
		edges = append(edges, o.Start, o.End)
	}
	sort.Slice(edges, func(i, j int) bool { return edges[i].Before(edges[j]) })
	sort.Slice(shifts, func(i, j int) bool { return shifts[i].start.Before(shifts[j].start) })
	for i := 1; i < len(edges); i++ {
		a, b := edges[i-1], edges[i]
		after := sort.Search(len(shifts), func(i int) bool { return shifts[i].start.After(a) })
		for _, s := range shifts[max(0, after-20):after] {
			if !s.end.After(a) {
				continue
			}
			person := s.person
			for _, o := range n.s.Overrides {
				if o.Remove == person && !a.Before(o.Start) && a.Before(o.End) {
					person = o.Add
				}
			}
			list = append(list, naiveShift{a, b, person})
		}
	}
	return list
}
