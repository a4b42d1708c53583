package powercut

import (
	"io"
	"math/rand/v2"
	"sync"

	"github.com/ncruces/go-sqlite3"
	"github.com/ncruces/go-sqlite3/vfs"
)

// sector is what a disk writes at once. The last one that it was writing when
// the power failed is torn at any byte.
const sector = 512

// A Disk is a [vfs.VFS] in memory. It keeps apart what was synced and what was
// only written, and has its power cut at some operation: that one and all later
// ones fail. [Disk.Restart] gives what is left.
//
// What was written since the last sync of a file may be on the disk or not,
// sector by sector and in any order. A file that was never synced may be there
// or not, and so may one that was deleted without syncing the folder.
type Disk struct {
	shm string // folder for the shared memory of WAL

	mu         sync.Mutex
	files      map[string]*file
	operations int // that change the disk, so far
	cutAt      int // the operation that fails; 0: none
	syncs      int // until the one that fails; 0: none
}

// A file is what a disk and its cache hold of a file.
type file struct {
	data    []byte // with everything that was written
	synced  []byte
	pending []change // since the last sync
	durable bool     // its name was synced
	deleted bool     // its name may be there still

	locks
}

// A change is a write, or a truncation if data is nil.
type change struct {
	at   int64
	data []byte
}

func (c change) apply(to []byte) []byte {
	end := c.at + int64(len(c.data))
	if c.data == nil {
		return resize(to, end)
	}
	if end > int64(len(to)) {
		to = resize(to, end)
	}
	copy(to[c.at:], c.data)
	return to
}

func resize(b []byte, n int64) []byte {
	if n <= int64(len(b)) {
		return b[:n:n]
	}
	return append(b, make([]byte, n-int64(len(b)))...)
}

// NewDisk returns an empty disk.
func NewDisk(shm string) *Disk { return &Disk{shm: shm, files: map[string]*file{}} }

// CutAfter has the power cut at the n-th operation from now; the first is 1.
func (d *Disk) CutAfter(n int) {
	d.mu.Lock()
	defer d.mu.Unlock()
	d.cutAt = d.operations + n
}

// CutAtSync has the power cut in the n-th sync from now; the first is 1.
func (d *Disk) CutAtSync(n int) {
	d.mu.Lock()
	defer d.mu.Unlock()
	d.syncs = n
}

// Cut cuts the power now.
func (d *Disk) Cut() {
	d.mu.Lock()
	defer d.mu.Unlock()
	d.cutAt = max(1, d.operations)
}

func (d *Disk) off() bool { return d.cutAt > 0 && d.operations >= d.cutAt }

// change counts an operation and runs it if the power is on.
func (d *Disk) change(f func()) error {
	d.mu.Lock()
	defer d.mu.Unlock()
	if !d.off() {
		d.operations++
	}
	if d.off() {
		return sqlite3.IOERR
	}
	f()
	return nil
}

// Restart returns the disk as it is when the power is back. keep is the
// probability with which a sector that was not synced is there.
func (d *Disk) Restart(shm string, rng *rand.Rand, keep float64) *Disk {
	d.mu.Lock()
	defer d.mu.Unlock()
	after := NewDisk(shm)
	for name, f := range d.files {
		if (!f.durable || f.deleted) && rng.Float64() >= keep {
			continue
		}
		data := append([]byte(nil), f.synced...)
		for _, c := range f.pending {
			for _, part := range c.sectors() {
				if rng.Float64() < keep {
					data = part.torn(rng).apply(data)
				}
			}
		}
		after.files[name] = &file{data: data, synced: append([]byte(nil), data...), durable: true}
	}
	return after
}

// sectors takes a write apart.
func (c change) sectors() (list []change) {
	if c.data == nil {
		return []change{c}
	}
	for at, data := c.at, c.data; len(data) > 0; {
		n := min(sector-at%sector, int64(len(data)))
		list = append(list, change{at, data[:n]})
		at, data = at+n, data[n:]
	}
	return list
}

// torn returns one sector in a hundred in part.
func (c change) torn(rng *rand.Rand) change {
	if len(c.data) > 1 && rng.IntN(100) == 0 {
		c.data = c.data[:1+rng.IntN(len(c.data)-1)]
	}
	return c
}

// Open implements [vfs.VFS].
func (d *Disk) Open(name string, flags vfs.OpenFlag) (vfs.File, vfs.OpenFlag, error) {
	d.mu.Lock()
	f := d.files[name]
	there := f != nil && !f.deleted
	d.mu.Unlock()
	if name == "" { // a temporary file, which need not survive
		return &handle{disk: NewDisk(""), file: &file{}}, flags, nil
	}
	if !there {
		if flags&vfs.OPEN_CREATE == 0 {
			return nil, flags, sqlite3.CANTOPEN
		}
		err := d.change(func() {
			f = &file{}
			d.files[name] = f
		})
		if err != nil {
			return nil, flags, sqlite3.CANTOPEN
		}
	}
	return &handle{disk: d, file: f, shm: vfs.NewSharedMemory(d.shm+"/shm", flags)}, flags, nil
}

// Delete implements [vfs.VFS].
func (d *Disk) Delete(name string, syncDir bool) error {
	d.mu.Lock()
	f := d.files[name]
	d.mu.Unlock()
	if f == nil || f.deleted {
		return sqlite3.IOERR_DELETE_NOENT
	}
	return d.change(func() {
		if f.deleted = true; syncDir || !f.durable {
			delete(d.files, name)
		}
	})
}

// Access implements [vfs.VFS].
func (d *Disk) Access(name string, _ vfs.AccessFlag) (bool, error) {
	d.mu.Lock()
	defer d.mu.Unlock()
	f := d.files[name]
	return f != nil && !f.deleted, nil
}

// FullPathname implements [vfs.VFS].
func (d *Disk) FullPathname(name string) (string, error) { return name, nil }

// A handle is an open file.
type handle struct {
	*file
	disk  *Disk
	level vfs.LockLevel
	shm   vfs.SharedMemory
}

var _ vfs.FileSharedMemory = (*handle)(nil)

// SharedMemory implements [vfs.FileSharedMemory].
func (h *handle) SharedMemory() vfs.SharedMemory { return h.shm }

func (h *handle) Close() error {
	if h.shm != nil {
		_ = h.shm.Close()
	}
	return h.Unlock(vfs.LOCK_NONE)
}

func (h *handle) ReadAt(b []byte, at int64) (int, error) {
	h.disk.mu.Lock()
	defer h.disk.mu.Unlock()
	if h.disk.off() {
		return 0, sqlite3.IOERR_READ
	}
	if at >= int64(len(h.data)) {
		return 0, io.EOF
	}
	n := copy(b, h.data[at:])
	if n < len(b) {
		return n, io.EOF
	}
	return n, nil
}

func (h *handle) WriteAt(b []byte, at int64) (int, error) {
	return len(b), h.write(change{at, append([]byte{}, b...)})
}

func (h *handle) Truncate(size int64) error { return h.write(change{at: size}) }

func (h *handle) write(c change) error {
	return h.disk.change(func() {
		h.data = c.apply(h.data)
		h.pending = append(h.pending, c)
	})
}

func (h *handle) Sync(vfs.SyncFlag) error {
	h.disk.countSync()
	return h.disk.change(func() {
		for _, c := range h.pending {
			h.synced = c.apply(h.synced)
		}
		h.pending = nil
		if !h.durable {
			h.durable = true
			h.disk.syncFolder()
		}
	})
}

// countSync has the power cut in the next operation, if it is that sync's turn.
func (d *Disk) countSync() {
	d.mu.Lock()
	defer d.mu.Unlock()
	if d.syncs--; d.syncs == 0 {
		d.cutAt = d.operations + 1
	}
}

// syncFolder makes deletions final. SQLite syncs the folder together with a file
// that it has made.
func (d *Disk) syncFolder() {
	for name, f := range d.files {
		if f.deleted {
			delete(d.files, name)
		}
	}
}

func (h *handle) Size() (int64, error) {
	h.disk.mu.Lock()
	defer h.disk.mu.Unlock()
	return int64(len(h.data)), nil
}

func (h *handle) SectorSize() int { return sector }

// DeviceCharacteristics says what SQLite assumes of every disk by default: a
// torn write leaves the bytes beside it alone.
func (h *handle) DeviceCharacteristics() vfs.DeviceCharacteristic {
	return vfs.IOCAP_POWERSAFE_OVERWRITE
}

// locks are the locks of the handles of one file.
type locks struct {
	mu                 sync.Mutex
	shared             int
	reserved, excluded *handle
}

func (h *handle) Lock(want vfs.LockLevel) error {
	l := &h.locks
	l.mu.Lock()
	defer l.mu.Unlock()
	switch {
	case h.level >= want:
		return nil
	case l.excluded != nil && l.excluded != h, want >= vfs.LOCK_RESERVED && l.reserved != nil && l.reserved != h,
		want == vfs.LOCK_EXCLUSIVE && l.shared > 1:
		return sqlite3.BUSY
	}
	if h.level == vfs.LOCK_NONE {
		l.shared++
	}
	if want >= vfs.LOCK_RESERVED {
		l.reserved = h
	}
	if want == vfs.LOCK_EXCLUSIVE {
		l.excluded = h
	}
	h.level = want
	return nil
}

func (h *handle) Unlock(want vfs.LockLevel) error {
	l := &h.locks
	l.mu.Lock()
	defer l.mu.Unlock()
	if h.level <= want {
		return nil
	}
	if l.reserved == h {
		l.reserved = nil
	}
	if l.excluded == h {
		l.excluded = nil
	}
	if want == vfs.LOCK_NONE {
		l.shared--
	}
	h.level = want
	return nil
}

func (h *handle) CheckReservedLock() (bool, error) {
	h.locks.mu.Lock()
	defer h.locks.mu.Unlock()
	return h.reserved != nil, nil
}
