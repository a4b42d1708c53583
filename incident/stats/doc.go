// Package stats says what the times of incidents tell, and what they do not:
// time to detect, acknowledge, mitigate and resolve, how sure that is, and
// whether a change between two periods is more than chance.
//
// A [Policy] compiled once describes a period ([Compiled.Describe]), compares two
// ([Compiled.Compare], [Compiled.CompareAll]), counts ([Compiled.Count],
// [Compiled.CompareCounts]) and watches a stream ([Compiled.Watch]). Each result
// has a Sentence that can be published as it is.
//
// # Vocabulary
//
//   - A [Milestone] is an instant in the life of an incident. A [Measure] is the
//     time from one to another: [MTTD], [MTTA], [MTTM], [MTTR] or your own.
//   - A [Span] is a measure of one incident. It has a [Validity]: success,
//     missing, contradictory, or censored, which an incident is that is still
//     open: it lasts at least so long.
//   - The factor of a [Change] is after divided by before: 0.5 is half as long.
//   - MDE is the minimum detectable effect: the smallest true change that these
//     incidents would have shown with the stated power.
//
// # What it refuses
//
// Durations of incidents are close to lognormal with a standard deviation of the
// logarithm near 1.2. The arithmetic mean of such numbers follows the few longest
// ones: with no change at all, 100 incidents show a mean that is half an hour
// "better" every few quarters (Davidovic, Incident Metrics in SRE, 2021). So the
// mean is given with its interval and never as the headline, and a comparison
// ends in one of three verdicts: [Evidence], [NoEvidence] with the MDE, or
// [TooFew]. A point estimate alone is none of them.
//
// # Methods
//
//   - Without open incidents: the t test of the logarithms (Welch; with several
//     strata one effect per stratum) and a permutation test of the same statistic,
//     within strata. Both must agree: the p-value is the larger one, so the level
//     holds without the lognormal wherever incidents are exchangeable.
//   - With open ones: Gehan's Wilcoxon test, in van Elteren's weights over strata,
//     as a normal test and by permutation. It takes it that both periods are
//     censored alike.
//   - Strata are severities by default, against Simpson's paradox; the change of
//     the mix is reported beside.
//   - Several measures at once: Holm.
//   - Medians and quantiles: exact order statistics; with open incidents
//     Kaplan-Meier with log-log intervals (Brookmeyer and Crowley), and the
//     restricted mean (Greenwood).
//   - Counts: exact Poisson intervals and the conditional binomial test; where
//     the counts scatter more than Poisson, negative binomial variance.
//   - Watching: bets on ranks, whose false alarms stay below alpha however often
//     somebody looks.
//
// # Rules
//
// The package is pure; a seed makes random permutations the same each time. No
// result holds a NaN or an infinity: what is not known says so. Times are whole
// durations, shares and probabilities 0..1. Rounding is for sentences. Compiled
// is immutable and safe for concurrent use.
package stats
