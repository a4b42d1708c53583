package powercut_test

import (
	"errors"
	"flag"
	"fmt"
	"math/rand/v2"
	"path/filepath"
	"sync"
	"testing"
	"time"

	_ "github.com/ncruces/go-sqlite3/driver" // "sqlite3"
	"github.com/ncruces/go-sqlite3/vfs"

	"github.com/sre-sdk/sre/storage"
	"github.com/sre-sdk/sre/storage/sqlite"
	"github.com/sre-sdk/sre/storage/sqlite/internal/crash"
	"github.com/sre-sdk/sre/storage/sqlite/internal/powercut"
	"github.com/sre-sdk/sre/storage/storagetest"
)

var cuts = flag.Int("storage.cuts", 150, "storage/sqlite: how often the power is cut")

// seeded returns the seed that storagetest's flag names, or a new one.
func seeded() (seed uint64) {
	if _, _ = fmt.Sscan(flag.Lookup("storage.seed").Value.String(), &seed); seed == 0 {
		seed = uint64(time.Now().UnixNano())
	}
	return seed
}

// cutsPerDisk is how often one disk loses its power before a new one is taken.
const cutsPerDisk = 5

// A lab cuts the power of disks.
type lab struct {
	t       testing.TB
	rng     *rand.Rand
	options sqlite.Options
	params  string // of the options, for all cuts
	books   crash.Books
	harmed  int // cuts after which something was wrong
	strange int // errors other than ErrUnavailable
	damaged int // cuts after which the file could not be used
}

// vfsName is under which the disk is registered: one at a time.
const vfsName = "powercut"

func (l *lab) open(disk *powercut.Disk) (*sqlite.DB, error) {
	vfs.Register(vfsName, disk)
	return sqlite.Open(l.t.Context(), "/store.db", l.options)
}

// run cuts the power n times. The path through a run follows from its seed but
// for how the workers interleave.
func (l *lab) run(n int) {
	var disk *powercut.Disk
	for cut := range n {
		if cut%cutsPerDisk == 0 || disk == nil {
			disk = powercut.NewDisk(l.t.TempDir())
			l.books.Forget()
		}
		// The WAL moves into the file often in some runs and never in others.
		l.options.Params = l.params + fmt.Sprintf("&_pragma=wal_autocheckpoint(%d)", []int{10, 50, 4000}[l.rng.IntN(3)])
		if l.rng.IntN(3) == 0 {
			disk.CutAtSync(1 + l.rng.IntN(20))
		}
		disk.CutAfter(1 + l.rng.IntN(400))
		l.work(disk, fmt.Sprint("cut", cut), 0)
		if l.rng.IntN(4) == 0 { // it fails again while the file recovers
			disk = l.restart(disk)
			disk.CutAfter(1 + l.rng.IntN(20))
			l.work(disk, fmt.Sprint("again", cut), maxWorkers)
		}
		disk = l.restart(disk)
		bad := l.books.Bad()
		if err := l.check(disk); err != nil {
			l.t.Logf("cut %d: %v", cut, err)
			l.damaged++
			disk = nil
		} else if l.books.Bad() > bad {
			l.harmed++
		}
	}
}

// restart returns the disk after the power has failed. Mostly some of what was
// not synced is there, and sometimes nothing or everything.
func (l *lab) restart(disk *powercut.Disk) *powercut.Disk {
	disk.Cut()
	return disk.Restart(l.t.TempDir(), l.rng, []float64{0, 0.2, 0.5, 0.8, 1}[l.rng.IntN(5)])
}

const maxWorkers = 4

// work commits until the power fails. Workers other than those of a run whose
// outcome is unknown take no chance away from it.
func (l *lab) work(disk *powercut.Disk, run string, firstWorker int) {
	db, err := l.open(disk)
	if err != nil {
		return // it failed while the file was opened
	}
	defer db.Close()
	var wg sync.WaitGroup
	errs := make([]error, 1+l.rng.IntN(maxWorkers))
	for worker := range errs {
		wg.Go(func() {
			errs[worker] = crash.Work(l.t.Context(), db, run, firstWorker+worker, l.books.Try, l.books.Ack)
		})
	}
	wg.Wait()
	for _, err := range errs {
		if !errors.Is(err, storage.ErrUnavailable) {
			l.t.Logf("a commit without power: got %v, want %v", err, storage.ErrUnavailable)
			l.strange++
		}
	}
}

func (l *lab) check(disk *powercut.Disk) error {
	db, err := l.open(disk)
	if err != nil {
		return err
	}
	defer db.Close()
	if err := l.books.Check(l.t.Context(), db); err != nil {
		return err
	}
	return db.Close()
}

func experiment(t *testing.T, o sqlite.Options, n int) *lab {
	t.Helper()
	seed := seeded()
	o.Driver = "sqlite3"
	l := &lab{t: t, rng: rand.New(rand.NewPCG(seed, 1)), options: o, params: "vfs=" + vfsName + o.Params}
	l.run(n)
	t.Logf("%d power cuts: %s; %d cuts did harm and %d damaged the file; replay with -storage.seed=%d", n, &l.books, l.harmed, l.damaged, seed)
	return l
}

func TestPowerCutsLoseNothing(t *testing.T) {
	l := experiment(t, sqlite.Options{}, *cuts)
	if l.books.Bad() > 0 || l.damaged+l.strange > 0 || l.books.Acked == 0 {
		t.Error("nothing may be lost, torn, applied twice or damaged, and something acknowledged")
	}
}

// TestPowerCutsAreSeen makes sure that the experiment can fail: with less
// syncing it must find losses.
func TestPowerCutsAreSeen(t *testing.T) {
	t.Run("Normal loses what was acknowledged and damages nothing", func(t *testing.T) {
		l := experiment(t, sqlite.Options{Synchronous: sqlite.Normal}, *cuts/3)
		if l.books.Lost == 0 {
			t.Error("nothing was lost")
		}
		if l.books.Bad() > l.books.Lost+l.books.Refused || l.damaged+l.strange > 0 {
			t.Error("more is wrong than that acknowledged batches were lost")
		}
	})
	t.Run("without syncing files are damaged", func(t *testing.T) {
		l := experiment(t, sqlite.Options{Params: "&_pragma=synchronous(off)"}, *cuts/3)
		if l.books.Lost == 0 && l.damaged == 0 {
			t.Error("nothing was lost or damaged")
		}
	})
}

func TestContractThroughAnotherDriver(t *testing.T) {
	open := func(t testing.TB, path string) storage.Backend {
		db, err := sqlite.Open(t.Context(), path, sqlite.Options{Driver: "sqlite3"})
		if err != nil {
			t.Fatal(err)
		}
		return db
	}
	storagetest.Run(t, storagetest.Options{
		Open: func(t testing.TB) storage.Backend { return open(t, filepath.Join(t.TempDir(), "store.db")) },
		Reopen: func(t testing.TB, b storage.Backend) storage.Backend {
			if err := b.Close(); err != nil {
				t.Fatal(err)
			}
			return open(t, b.(*sqlite.DB).Path())
		},
	})
}
