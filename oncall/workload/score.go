package workload

import (
	"fmt"
	"time"

	"github.com/sre-sdk/sre"
	"github.com/sre-sdk/sre/oncall"
)

// A Score says how good a schedule is, 0..1, exactly:
//
//	covered = the share of [From, To) in which the roles of Cover are held
//	even    = the mean of hours, nights and weekends, each sum/(people * greatest)
//	total   = (covered + even) / 2
//
// Overlaps cover nothing twice. Everybody of the policy counts, also with zero
// hours. Even is 1 if all have the same, and 1/people if one has everything; it
// is 0 if nobody is ever on call, because an empty schedule is good for nothing.
type Score struct {
	Total    Number
	Covered  Number
	Hours    Number // how evenly the time on call is spread
	Nights   Number // the same of the time at night, on whatever day
	Weekends Number // the same of weekends and holidays
	People   int    // who count: those of the policy and who was on call
}

// Even returns the mean of the three.
func (s Score) Even() Number { return s.Hours.plus(s.Nights).plus(s.Weekends).over(3) }

// score judges the loads, and reports holes.
func (c *Compiled) score(r *Report, shifts []Shift) {
	var covered int64
	for _, role := range c.policy.Cover {
		var list []span
		for i := range shifts {
			if shifts[i].Role == role {
				list = append(list, span{start: shifts[i].Start.Unix(), end: shifts[i].End.Unix()})
			}
		}
		union := unite(list)
		covered += sum(union)
		for _, hole := range subtract([]span{{start: r.From.Unix(), end: r.To.Unix()}}, union) {
			r.Findings = append(r.Findings, holeFinding(role, hole))
		}
	}
	var hours, nights, weekends spread
	for i := range r.People {
		l := &r.People[i]
		if _, listed := c.people[l.Person]; !listed && l.Runs == 0 {
			continue
		}
		on := l.Hours.OnCall()
		hours.add(on.Total())
		nights.add(l.AtNight)
		weekends.add(on[Weekend] + on[Holiday])
	}
	r.Score = Score{Covered: Fraction(covered, int64(len(c.policy.Cover))*int64(r.Span()/time.Second)), People: int(hours.people)}
	if hours.total > 0 {
		r.Score.Hours, r.Score.Nights, r.Score.Weekends = hours.even(), nights.even(), weekends.even()
	}
	r.Score.Total = r.Score.Covered.plus(r.Score.Even()).over(2)
}

func holeFinding(role oncall.Role, hole span) Finding {
	return Finding{
		Code: Hole, At: instant(hole.start), From: instant(hole.start), To: instant(hole.end),
		Text:   fmt.Sprintf("nobody is %s for %s", role, hole.length()),
		Values: []sre.Value{{Name: "role", Text: role.String()}, {Name: "length", Text: hole.length().String()}},
	}
}

// spread is how much of something people have, in seconds.
type spread struct {
	people, total, greatest int64
}

func (s *spread) add(d time.Duration) {
	seconds := int64(d / time.Second)
	s.people++
	s.total += seconds
	s.greatest = max(s.greatest, seconds)
}

// even is 1 where there is nothing to spread, such as nights in a schedule of
// office hours.
func (s *spread) even() Number {
	if s.greatest == 0 {
		return Fraction(1, 1)
	}
	return Fraction(s.total, s.people*s.greatest)
}
