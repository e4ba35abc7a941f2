package spool

import (
	"errors"
	"fmt"
	"io/fs"
)

// A DamageError reports batches that are lost: no retry can read them.
type DamageError struct {
	path string
	off  int64
	tail int64 // lost bytes from off on
	err  error // nil: the bytes can be read but are not those that were written
}

func (e *DamageError) Error() string {
	switch {
	case errors.Is(e.err, fs.ErrNotExist):
		return fmt.Sprintf("key-use spool: %s is missing: the %d bytes from byte %d are lost", e.path, e.tail, e.off)
	case e.err != nil:
		return fmt.Sprintf("key-use spool: %s cannot be read at byte %d: %v; the file is kept as %s", e.path, e.off, e.err, e.path+damagedSuffix)
	}
	return fmt.Sprintf("key-use spool: %s is damaged at byte %d: the %d bytes from there cannot be replayed; the file is kept as %s",
		e.path, e.off, e.tail, e.path+damagedSuffix)
}

func (e *DamageError) Unwrap() error { return e.err }

// A ReadError is a failure of the disk that may pass.
type ReadError struct {
	frame *Frame
	err   error
}

func (e *ReadError) Error() string { return "key-use spool: " + e.err.Error() }
func (e *ReadError) Unwrap() error { return e.err }

// Lasting returns the loss that e becomes when the caller stops retrying.
func (e *ReadError) Lasting() *DamageError {
	return &DamageError{path: e.frame.seg.path, off: e.frame.off, tail: e.frame.end() - e.frame.off, err: e.err}
}

// unread sorts a failure to read: a missing file is lost at once.
func (f *Frame) unread(err error) error {
	e := &ReadError{f, err}
	if errors.Is(err, fs.ErrNotExist) {
		return e.Lasting()
	}
	return e
}

// A newerError is no damage: a newer sealmesh can send the spans.
type newerError struct {
	path    string
	version int
}

func (e *newerError) Error() string {
	return fmt.Sprintf("%s has version %d, and this sealmesh reads versions up to %d: start the newer sealmesh, or move the file", e.path, e.version, newestVersion)
}

// A putAside is a damaged file that is kept for an operator.
type putAside struct {
	path string
	size int64
}

// putAside renames a damaged segment without live frames.
func (s *Spool) putAside(seg *segment) error {
	if err := s.Disk.Rename(seg.path, seg.path+damagedSuffix); err != nil {
		return err
	}
	s.aside = append(s.aside, putAside{seg.path + damagedSuffix, seg.size})
	s.asideBytes += seg.size
	s.trim()
	return nil
}

// trim deletes the oldest damaged files beyond an eighth of the limit.
func (s *Spool) trim() {
	for len(s.aside) > 1 && s.asideBytes > s.Limit/8 {
		old := s.aside[0]
		s.aside, s.asideBytes = s.aside[1:], s.asideBytes-old.size
		err := s.Disk.Remove(old.path)
		s.Log.Error("key-use spool: the oldest damaged file was deleted to free disk space", "file", old.path, "bytes", old.size, "error", err)
	}
}
