// Package stat holds the numerics of this module's engines: intervals, tests
// and their power, survival curves, permutations and bets on ranks.
//
// Distributions come from gonum; nothing here hand-writes one. The functions
// are pure: randomness comes from a seed. They take finite numbers and
// probabilities strictly between 0 and 1, which callers ensure, and then return
// finite numbers, or say with a bool that there is none.
package stat
