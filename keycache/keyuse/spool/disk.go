package spool

import (
	"errors"
	"io"
	"io/fs"
	"os"
	"path/filepath"
)

// A Disk is the file system below a spool: [OS], and in tests one that fails.
// Paths are absolute or relative to the working directory.
type Disk interface {
	// Make makes dir and its parents, so that they survive a crash of the
	// machine.
	Make(dir string) error
	// List returns the entries of dir in order of name.
	List(dir string) ([]fs.DirEntry, error)
	// Open is os.OpenFile with mode 0600.
	Open(path string, flag int) (File, error)
	Rename(from, to string) error
	Remove(path string) error
	// SyncDir makes the names in dir survive a crash of the machine.
	SyncDir(dir string) error
	// Lock takes the lock file at path, until it is closed or the process ends.
	// It fails at once if another process has the lock.
	Lock(path string) (io.Closer, error)
}

// A File is an open file of a [Disk].
type File interface {
	io.ReaderAt
	io.WriterAt
	Truncate(size int64) error
	Sync() error
	Close() error
}

// OS is the file system of the operating system.
type OS struct{}

// List implements [Disk].
func (OS) List(dir string) ([]fs.DirEntry, error) { return os.ReadDir(dir) }
func (OS) Rename(from, to string) error           { return os.Rename(from, to) }
func (OS) Remove(path string) error               { return os.Remove(path) }

// Open implements [Disk].
func (OS) Open(path string, flag int) (File, error) {
	f, err := os.OpenFile(path, flag, 0o600)
	if err != nil {
		return nil, err // not f: an interface with a nil *os.File is not nil
	}
	return f, nil
}

// Make implements [Disk].
func (d OS) Make(dir string) error {
	if _, err := os.Stat(dir); err == nil {
		return nil
	}
	parent := filepath.Dir(dir)
	if parent != dir {
		if err := d.Make(parent); err != nil {
			return err
		}
	}
	if err := os.Mkdir(dir, 0o700); err != nil && !errors.Is(err, fs.ErrExist) {
		return err
	}
	return d.SyncDir(parent)
}

// SyncDir implements [Disk].
func (OS) SyncDir(dir string) error {
	d, err := os.Open(dir)
	if err != nil {
		return err
	}
	return errors.Join(d.Sync(), d.Close())
}
