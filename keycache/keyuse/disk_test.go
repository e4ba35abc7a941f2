package keyuse

import (
	"errors"
	"io"
	"io/fs"
	"maps"
	"os"
	"path/filepath"
	"slices"
	"sync"
	"syscall"
	"testing"

	"github.com/sealmesh/sealmesh/keycache/keyuse/spool"
)

// A faultyDisk is the real file system, and fails one call, or all from one on.
// It also knows what would be left if the machine lost power: what sync
// reported as written, and of a file whose sync failed, nothing that came
// later, however often it is synced again (https://lwn.net/Articles/752063/,
// "fsyncgate").
type faultyDisk struct {
	spool.OS
	fault fault
	lock  io.Closer // of the spool that was opened last

	mu      sync.Mutex
	calls   int
	failed  string            // the call that failed
	durable map[string][]byte // contents of files, as synced
	named   map[string]bool   // files whose name is synced
	broken  map[string]bool   // files of which a sync failed
}

// A fault is what goes wrong.
type fault struct {
	at     int // the call that fails, from 1
	err    error
	half   bool // a write that fails has written half
	vanish bool // the file that is asked for is gone, for good
	stay   bool // all later calls fail too, until the disk is repaired
}

func newFaultyDisk(f fault) *faultyDisk {
	return &faultyDisk{fault: f, durable: map[string][]byte{}, named: map[string]bool{}, broken: map[string]bool{}}
}

// call counts a call, and returns the error that it is to have.
func (d *faultyDisk) call(what, path string) error {
	d.mu.Lock()
	defer d.mu.Unlock()
	d.calls++
	if d.calls < d.fault.at || d.fault.at == 0 || d.calls > d.fault.at && !d.fault.stay {
		return nil
	}
	if d.failed == "" {
		d.failed = what
	}
	if d.fault.vanish {
		_ = os.Remove(path)
		delete(d.named, path)
		return nil
	}
	return d.fault.err
}

func (d *faultyDisk) repair() { d.mu.Lock(); d.fault = fault{}; d.mu.Unlock() }

func (d *faultyDisk) Make(dir string) error {
	if err := d.call("make", dir); err != nil {
		return err
	}
	return d.OS.Make(dir)
}

func (d *faultyDisk) List(dir string) ([]fs.DirEntry, error) {
	if err := d.call("list", ""); err != nil {
		return nil, err
	}
	return d.OS.List(dir)
}

func (d *faultyDisk) Open(path string, flag int) (spool.File, error) {
	if err := d.call("open", path); err != nil {
		return nil, err
	}
	f, err := d.OS.Open(path, flag)
	if err != nil {
		return nil, err
	}
	return &faultyFile{f, d, path}, nil
}

func (d *faultyDisk) Lock(path string) (io.Closer, error) {
	lock, err := d.OS.Lock(path)
	d.lock = lock
	return lock, err
}

func (d *faultyDisk) Rename(from, to string) error {
	if err := d.call("rename", from); err != nil {
		return err
	}
	return d.OS.Rename(from, to)
}

func (d *faultyDisk) Remove(path string) error {
	if err := d.call("remove", path); err != nil {
		return err
	}
	return d.OS.Remove(path)
}

func (d *faultyDisk) SyncDir(dir string) error {
	if err := d.call("sync directory", ""); err != nil {
		return err
	}
	entries, err := os.ReadDir(dir)
	d.mu.Lock()
	defer d.mu.Unlock()
	for _, e := range entries {
		d.named[filepath.Join(dir, e.Name())] = true
	}
	return err
}

// A faultyFile is a file of a faultyDisk.
type faultyFile struct {
	spool.File
	d    *faultyDisk
	path string
}

func (f *faultyFile) ReadAt(b []byte, off int64) (int, error) {
	if err := f.d.call("read", f.path); err != nil {
		return 0, err
	}
	return f.File.ReadAt(b, off)
}

func (f *faultyFile) WriteAt(b []byte, off int64) (int, error) {
	if err := f.d.call("write", f.path); err != nil {
		if f.d.fault.half {
			_, _ = f.File.WriteAt(b[:len(b)/2], off)
		}
		return 0, err
	}
	return f.File.WriteAt(b, off)
}

func (f *faultyFile) Truncate(size int64) error {
	if err := f.d.call("truncate", f.path); err != nil {
		return err
	}
	return f.File.Truncate(size)
}

// Sync does not wait for the real disk: power fails in the model only.
func (f *faultyFile) Sync() error {
	err := f.d.call("sync", f.path)
	f.d.mu.Lock()
	defer f.d.mu.Unlock()
	if err != nil {
		f.d.broken[f.path] = true
		return err
	}
	if b, err := os.ReadFile(f.path); err == nil && !f.d.broken[f.path] {
		f.d.durable[f.path] = b
	}
	return nil
}

func (f *faultyFile) Close() error {
	err := f.d.call("close", f.path)
	return errors.Join(err, f.File.Close())
}

// losePower leaves in dir what is durable.
func (d *faultyDisk) losePower(t *testing.T, dir string) {
	t.Helper()
	entries, err := os.ReadDir(dir)
	if err != nil {
		t.Fatal(err)
	}
	for _, e := range entries {
		path := filepath.Join(dir, e.Name())
		b, ok := d.durable[path]
		switch {
		case filepath.Ext(path) != ".keyuse":
		case !d.named[path]:
			err = errors.Join(err, os.Remove(path))
		case ok:
			err = errors.Join(err, os.WriteFile(path, b, 0o600))
		default:
			err = errors.Join(err, os.Truncate(path, 0))
		}
	}
	if err != nil {
		t.Fatal(err)
	}
}

// TestFaultyDiskLosesPower holds that the model itself loses what it should.
func TestFaultyDiskLosesPower(t *testing.T) {
	dir := t.TempDir()
	d := newFaultyDisk(fault{})
	write := func(name, text string, sync ...bool) {
		f, err := d.Open(filepath.Join(dir, name), os.O_RDWR|os.O_CREATE)
		if err != nil {
			t.Fatal(err)
		}
		if _, err := f.WriteAt([]byte(text), 0); err != nil {
			t.Fatal(err)
		}
		for _, ok := range sync {
			if !ok {
				d.fault = fault{at: d.calls + 1, err: syscall.EIO}
			}
			_ = f.Sync()
		}
	}
	write("synced.keyuse", "synced", true)
	write("twice.keyuse", "lost", false, true)
	write("never.keyuse", "lost")
	if err := d.SyncDir(dir); err != nil {
		t.Fatal(err)
	}
	write("nameless.keyuse", "lost", true)
	d.losePower(t, dir)
	got := map[string]string{}
	for _, path := range segments(t, dir) {
		b, _ := os.ReadFile(path)
		got[filepath.Base(path)] = string(b)
	}
	if want := map[string]string{"synced.keyuse": "synced", "twice.keyuse": "", "never.keyuse": ""}; !maps.Equal(got, want) {
		t.Errorf("left: %v", slices.Sorted(maps.Keys(got)))
	}
}

// segments returns the segment files in dir, damaged ones too.
func segments(t *testing.T, dir string) []string {
	t.Helper()
	names, err := filepath.Glob(filepath.Join(dir, "*.keyuse*"))
	if err != nil {
		t.Fatal(err)
	}
	return names
}
