// Package storagetest says whether a [storage.Backend] keeps the contract, how
// fast it is, and what happens above one that fails.
//
//   - [Run] checks every property of the contract; each is a subtest whose name
//     is the rule. [Rules] returns them one by one.
//   - [Bench] measures every backend alike.
//   - [Faulty] wraps a backend so that calls fail before and after they took
//     effect, come late and come twice: put it under the tests of what you build
//     on storage.
//
// An adapter's test is
//
//	func TestContract(t *testing.T) {
//		storagetest.Run(t, storagetest.Options{Open: open, Reopen: reopen})
//	}
//
// The package registers these flags of the test binary:
//
//	-storage.checks=60      random operation sequences against the reference
//	-storage.long           longer histories and ten times as many checks
//	-storage.seed=0         replays what depends on random numbers; 0: a new one
//	-storage.timers=10000   how many timers Bench asks for 100 due ones of
//
// Random numbers are drawn from seeds that are logged. How goroutines interleave
// is up to the scheduler, so a failure under concurrency may need a few runs.
// Operation sequences are drawn by rapid, which prints its own seed.
package storagetest
