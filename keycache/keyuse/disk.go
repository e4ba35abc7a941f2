package keyuse

import (
	"errors"
	"io"
	"io/fs"
	"os"
	"path/filepath"
)

// A disk is the file system below a spool: that of the operating system, and in
// tests one that fails. Paths are absolute or relative to the working directory.
type disk interface {
	// Make makes dir and its parents, and has them survive a crash of the machine.
	Make(dir string) error
	// List returns what is in dir, in order of name.
	List(dir string) ([]fs.DirEntry, error)
	Open(path string, flag int) (file, error)
	Rename(from, to string) error
	Remove(path string) error
	// SyncDir makes the names in dir survive a crash of the machine.
	SyncDir(dir string) error
}

type file interface {
	io.ReaderAt
	io.WriterAt
	Truncate(size int64) error
	Sync() error
	Close() error
}

type osDisk struct{}

func (osDisk) List(dir string) ([]fs.DirEntry, error) { return os.ReadDir(dir) }
func (osDisk) Rename(from, to string) error           { return os.Rename(from, to) }
func (osDisk) Remove(path string) error               { return os.Remove(path) }

func (osDisk) Open(path string, flag int) (file, error) {
	f, err := os.OpenFile(path, flag, 0o600)
	if err != nil {
		return nil, err // not f: a nil *os.File in an interface is not nil
	}
	return f, nil
}

func (d osDisk) Make(dir string) error {
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

func (osDisk) SyncDir(dir string) error {
	d, err := os.Open(dir)
	if err != nil {
		return err
	}
	return errors.Join(d.Sync(), d.Close())
}
