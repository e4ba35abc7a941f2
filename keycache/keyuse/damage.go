package keyuse

import (
	"errors"
	"fmt"
	"io/fs"
)

// A damageError reports spooled spans that cannot be read, now or later.
type damageError struct {
	path string
	off  int64
	tail int64 // bytes from off on that are lost
	err  error // nil when the bytes can be read, but are not what was written
}

func (e *damageError) Error() string {
	switch {
	case errors.Is(e.err, fs.ErrNotExist):
		return fmt.Sprintf("key-use spool: %s is gone, and with it the %d bytes from byte %d", e.path, e.tail, e.off)
	case e.err != nil:
		return fmt.Sprintf("key-use spool: %s cannot be read at byte %d: %v; the file is kept as %s", e.path, e.off, e.err, e.path+damagedSuffix)
	}
	return fmt.Sprintf("key-use spool: %s is damaged at byte %d: the %d bytes from there cannot be replayed; the file is kept as %s",
		e.path, e.off, e.tail, e.path+damagedSuffix)
}

func (e *damageError) Unwrap() error { return e.err }

// A readError is a failure of the disk that may pass.
type readError struct {
	frame frame
	err   error
}

func (e *readError) Error() string { return "key-use spool: " + e.err.Error() }
func (e *readError) Unwrap() error { return e.err }

// lasting makes of a failure that did not pass a loss.
func (e *readError) lasting() *damageError {
	return &damageError{path: e.frame.seg.path, off: e.frame.off, tail: e.frame.end() - e.frame.off, err: e.err}
}

// unread sorts a failure to read: a file that is gone does not come back.
func (f frame) unread(err error) error {
	e := &readError{f, err}
	if errors.Is(err, fs.ErrNotExist) {
		return e.lasting()
	}
	return e
}

// A newerError is no damage: the spans are there for the version that wrote them.
type newerError struct {
	path    string
	version int
}

func (e *newerError) Error() string {
	return fmt.Sprintf("%s has version %d and this sealmesh reads %d: start the newer one, or move the file away", e.path, e.version, newestVersion)
}

// A putAside is a damaged file that is kept for the operator.
type putAside struct {
	path string
	size int64
}

// putAside renames a damaged segment, which is through.
func (s *spool) putAside(seg *segment) error {
	if err := s.disk.Rename(seg.path, seg.path+damagedSuffix); err != nil {
		return err
	}
	s.aside = append(s.aside, putAside{seg.path + damagedSuffix, seg.size})
	s.asideBytes += seg.size
	s.trim()
	return nil
}

// trim deletes the oldest damaged files past an eighth of the spool's limit.
func (s *spool) trim() {
	for len(s.aside) > 1 && s.asideBytes > s.limit/8 {
		old := s.aside[0]
		s.aside, s.asideBytes = s.aside[1:], s.asideBytes-old.size
		err := s.disk.Remove(old.path)
		s.log.Error("key-use spool: the oldest damaged file is deleted, so that the disk does not fill", "file", old.path, "bytes", old.size, "error", err)
	}
}
