package catalog

import (
	"math/big"
	"slices"

	"github.com/sre-sdk/sre/slo"
)

// A Ceiling says how reliable a service can be, given what the services promise
// without which it does not work. All values are exact shares of good events;
// nil if nobody below the service promises anything.
//
// With e for the share of bad events that each of the dependencies may have:
//
//   - AtBest is 1 - max(e), when failures coincide as much as they can. No
//     service is more reliable than what it needs, so an objective above this
//     is kept only while a dependency is better than it promises.
//   - Independent is the product of the (1 - e), when failures have nothing to
//     do with each other.
//   - AtWorst is 1 - sum(e), when no two fail at once; never below 0. If each
//     dependency keeps its promise the service can promise this whatever its
//     dependencies have in common, itself apart.
//
// AtWorst <= Independent <= AtBest: the bounds of Fréchet around the product.
type Ceiling struct {
	AtBest, Independent, AtWorst *big.Rat

	// Weakest is the dependency with the lowest promise.
	Weakest string

	// By are the dependencies that count, sorted: those that promise something,
	// reached over others that do not; but not one that another of them needs,
	// because that one's promise includes its failures already.
	By []string

	// Unknown are the dependencies without a promise and without any below
	// them: the values leave them out, so that the truth is lower.
	Unknown []string
}

// Ceiling returns the ceiling of a service; promises are the objectives about
// requests being served, by service. A service that is not known has none.
func (c *Compiled) Ceiling(service string, promises map[string]slo.Objective) Ceiling {
	start, ok := c.index[service]
	if !ok {
		return Ceiling{}
	}
	promised := func(at int) bool { return promises[c.services[at].ID].IsSet() }
	var by, unknown []int
	seen, queue := map[int]bool{start: true}, []int{start}
	for len(queue) > 0 {
		at, leaf := queue[0], true
		queue = queue[1:]
		for _, e := range c.needs[at] {
			if e.soft {
				continue
			}
			leaf = false
			switch {
			case seen[e.to]:
			case promised(e.to):
				by = append(by, e.to)
			default:
				queue = append(queue, e.to)
			}
			seen[e.to] = true
		}
		if leaf && at != start {
			unknown = append(unknown, at)
		}
	}
	by = c.outermost(by)
	slices.Sort(unknown)
	out := Ceiling{By: c.ids(by), Unknown: c.ids(unknown)}
	one := big.NewRat(1, 1)
	for _, at := range by {
		good := promises[c.services[at].ID].Ratio().Rat()
		if out.AtBest == nil {
			out.AtBest, out.Independent, out.AtWorst = one, one, one
		}
		if good.Cmp(out.AtBest) < 0 {
			out.AtBest, out.Weakest = good, c.services[at].ID
		}
		out.Independent = new(big.Rat).Mul(out.Independent, good)
		bad := new(big.Rat).Sub(one, good)
		out.AtWorst = new(big.Rat).Sub(out.AtWorst, bad)
	}
	if out.AtWorst != nil && out.AtWorst.Sign() < 0 {
		out.AtWorst = new(big.Rat)
	}
	return out
}

// outermost leaves out the services that another of the list needs, and sorts.
// That a needed one may promise less than the one that needs it, and so still
// bounds the service, is the finding of the one in between.
func (c *Compiled) outermost(list []int) []int {
	slices.Sort(list)
	below := make([]bool, len(c.services))
	for _, at := range list {
		if below[at] {
			continue // what it needs is marked already
		}
		c.Hard().pass(c.needs, at, below)
		below[at] = false // until another one reaches it
	}
	return slices.DeleteFunc(list, func(at int) bool { return below[at] })
}
