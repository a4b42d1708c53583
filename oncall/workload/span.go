package workload

import (
	"cmp"
	"slices"
	"time"
)

// A span is [start, end) in seconds since 1970.
type span struct {
	start, end    int64
	before, after bool // it goes on beyond what is known
}

func (s span) length() time.Duration { return time.Duration(s.end-s.start) * time.Second }

// unite returns the union as disjoint spans that do not touch, ascending. It
// reorders list.
func unite(list []span) (union []span) {
	slices.SortFunc(list, func(a, b span) int {
		if a.start != b.start {
			return cmp.Compare(a.start, b.start)
		}
		return cmp.Compare(a.end, b.end)
	})
	for _, s := range list {
		if len(union) == 0 || union[len(union)-1].end < s.start {
			union = append(union, s)
			continue
		}
		last := &union[len(union)-1]
		if s.start == last.start {
			last.before = last.before || s.before
		}
		if s.end > last.end {
			last.end, last.after = s.end, s.after
		} else if s.end == last.end {
			last.after = last.after || s.after
		}
	}
	return union
}

// subtract returns what of a does not lie in b; both are as unite returns them.
func subtract(a, b []span) (rest []span) {
	for _, s := range a {
		for len(b) > 0 && b[0].end <= s.start {
			b = b[1:]
		}
		for _, cut := range b {
			if cut.start >= s.end {
				break
			}
			if cut.start > s.start {
				rest = append(rest, span{start: s.start, end: cut.start})
			}
			s.start = max(s.start, cut.end)
		}
		if s.start < s.end {
			rest = append(rest, span{start: s.start, end: s.end})
		}
	}
	return rest
}

func covers(union []span, u int64) bool {
	i, found := slices.BinarySearchFunc(union, u, func(s span, u int64) int { return cmp.Compare(s.start, u) })
	if !found {
		i--
	}
	return i >= 0 && u < union[i].end
}

func sum(list []span) (seconds int64) {
	for _, s := range list {
		seconds += s.end - s.start
	}
	return seconds
}
