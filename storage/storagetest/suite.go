package storagetest

import (
	"context"
	"flag"
	"fmt"
	"hash/fnv"
	"math/rand/v2"
	"os"
	"sync"
	"testing"
	"time"

	"pgregory.net/rapid"

	"github.com/sre-sdk/sre/storage"
)

var (
	checksFlag = flag.Int("storage.checks", 60, "storagetest: random operation sequences against the reference")
	longFlag   = flag.Bool("storage.long", false, "storagetest: longer histories and ten times as many checks")
	seedFlag   = flag.Uint64("storage.seed", 0, "storagetest: seed of random numbers (0: a new one)")
	timersFlag = flag.Int("storage.timers", 10_000, "storagetest: timers in the store when Bench measures Due")
)

// Options say how to get at the backend under test.
type Options struct {
	// Open returns a new, empty backend. The suite closes it; Open may have
	// t.Cleanup close it as well, and free what it stands on.
	Open func(t testing.TB) storage.Backend

	// Reopen closes b, which Open or Reopen returned, and opens the same data
	// again. Nil: the backend is not durable, and what needs it is skipped.
	Reopen func(t testing.TB, b storage.Backend) storage.Backend

	// Bare commits n records of [RecordSize] bytes with the bare driver, in
	// transactions of group records each, and returns how many records a second
	// that made; [Bench] compares the backend with it. Preparations are not
	// counted. Nil: no comparison.
	Bare func(b *testing.B, group, n int) (perSecond float64)
}

// A Rule is one property of the contract.
type Rule struct {
	Name  string
	Check func(t testing.TB)
}

// Run checks every property of the contract; see [Rules].
func Run(t *testing.T, o Options) {
	for _, r := range Rules(o) {
		t.Run(r.Name, func(t *testing.T) { r.Check(t) })
	}
}

// Rules returns the properties of the contract in order. The rule about
// documented errors comes last: it also reports what the others have seen.
func Rules(o Options) []Rule {
	s := &suite{Options: o}
	var rules []Rule
	for _, r := range []struct {
		name  string
		check func(*suite, testing.TB)
	}{
		{"P1 a batch is committed as a whole or not at all", (*suite).atomic},
		{"P2 a commit succeeds if and only if every base is current", (*suite).compareAndSwap},
		{"P3 versions of a key are dense and never reused", (*suite).denseVersions},
		{"P4 commits and reads are strictly serializable", (*suite).serializable},
		{"P5 what the log showed never changes and has no gaps", (*suite).prefix},
		{"P6 a get is a snapshot at its position", (*suite).snapshot},
		{"P7 the state is the fold of the log", (*suite).fold},
		{"P8 the history of a key is the log filtered by it", (*suite).history},
		{"P9 the same batch again changes nothing and returns the first position", (*suite).idempotent},
		{"P10 what was acknowledged is there after reopening", (*suite).durable},
		{"P11 due records come at their instant, in the order of due and ID", (*suite).due},
		{"P11 of many claims with one base exactly one wins", (*suite).claims},
		{"P12 IDs are ordered by their bytes and data may hold any bytes", (*suite).bytes},
		{"P13 limits are refused with the documented error, and only beyond them", (*suite).limits},
		{"P14 a context done before the call has no effect, one done during it leaves it whole", (*suite).cancellation},
		{"P15 inputs and outputs belong to the caller", (*suite).aliasing},
		{"P16 wait returns within two seconds of growth", (*suite).wait},
		{"P18 close is idempotent and later calls fail", (*suite).closing},
		{"P19 trim drops what no cursor holds, and says so", (*suite).trim},
		{"P20 any sequence of calls is answered as the reference answers it", (*suite).model},
		{"P21 a batch is committed only if its checks hold, and checking changes nothing", (*suite).checks},
		{"P17 errors are the documented ones", (*suite).errors},
	} {
		rules = append(rules, Rule{r.name, func(t testing.TB) { r.check(s, t) }})
	}
	return rules
}

// suite is what the rules of one Run share.
type suite struct {
	Options
	mu   sync.Mutex
	seen []string // undocumented errors, the first of each kind
}

// patience is how long a rule may take before its calls are cancelled, so that
// a backend that hangs fails.
const patience = 2 * time.Minute

func (s *suite) context(t testing.TB) context.Context {
	ctx, cancel := context.WithTimeout(context.WithoutCancel(t.Context()), time.Duration(scale(1))*patience)
	t.Cleanup(cancel)
	return ctx
}

// open returns a new backend whose errors are watched.
func (s *suite) open(t testing.TB) storage.Backend {
	b := s.Open(t)
	t.Cleanup(func() { _ = b.Close() })
	return &watched{b, s}
}

// reopen is Reopen for a watched backend.
func (s *suite) reopen(t testing.TB, b storage.Backend) storage.Backend {
	b = s.Reopen(t, b.(*watched).Backend)
	t.Cleanup(func() { _ = b.Close() })
	return &watched{b, s}
}

// scale is how much longer a history gets with -storage.long.
func scale(n int) int {
	if *longFlag {
		return 10 * n
	}
	return n
}

// newSeed returns the seed of a rule and logs it.
func newSeed(t testing.TB) uint64 {
	seed := *seedFlag
	if seed == 0 {
		h := fnv.New64a()
		fmt.Fprint(h, t.Name(), time.Now().UnixNano())
		seed = h.Sum64()
	}
	t.Logf("replay with -storage.seed=%d", seed)
	return seed
}

// source returns the random numbers of one goroutine of a rule.
func source(seed uint64, goroutine int) *rand.Rand {
	return rand.New(rand.NewPCG(seed, uint64(goroutine)))
}

var rapidFlags sync.Mutex

// check is rapid.Check with the number of checks of this package, unless
// somebody asked rapid for a number of his own.
func check(t testing.TB, prop func(*rapid.T)) {
	t.Helper()
	const name = "rapid.checks"
	rapidFlags.Lock()
	defer rapidFlags.Unlock()
	if f := flag.Lookup(name); f.Value.String() == f.DefValue && os.Getenv("RAPID_CHECKS") == "" {
		defer func() { _ = flag.Set(name, f.DefValue) }()
		_ = flag.Set(name, fmt.Sprint(scale(*checksFlag)))
	}
	rapid.Check(t, prop)
}

// parallel runs n functions at once and fails with the first error.
func parallel(t testing.TB, n int, f func(i int) error) {
	t.Helper()
	errs := make([]error, n)
	var wg sync.WaitGroup
	start := make(chan struct{})
	for i := range n {
		wg.Go(func() {
			<-start
			errs[i] = f(i)
		})
	}
	close(start)
	wg.Wait()
	for i, err := range errs {
		if err != nil {
			t.Fatalf("caller %d: %v", i, err)
		}
	}
}
