package keyuse

import (
	"errors"
	"fmt"
	"io/fs"
	"log/slog"
	"os"
	"path/filepath"
	"strings"
	"sync"
)

var errSpoolFull = errors.New("spool is full")

// A spool keeps batches on disk, in order, until they are acknowledged. One
// goroutine appends, one reads and releases.
type spool struct {
	disk     disk
	dir      string
	limit    int64 // bytes of all segment files
	resource []byte
	log      *slog.Logger

	mu         sync.Mutex
	lock       *os.File
	next       uint64 // number of the next segment
	active     *segment
	file       file       // of active
	bytes      int64      // of all segments
	litter     []*segment // through, but still on disk: removing them failed
	aside      []putAside // damaged files, oldest first
	asideBytes int64
	buf        []byte
}

// A stored batch was found in the spool of an earlier process.
type stored struct {
	frame frame
	spans int
}

// openSpool takes the directory for this process alone and finds what earlier
// ones left. notes report what could not be read. opt is complete.
func openSpool(opt Options, resource []byte) (s *spool, found []stored, notes []error, err error) {
	dir := opt.SpoolDir
	if err := opt.disk.Make(dir); err != nil {
		return nil, nil, nil, fmt.Errorf("key-use spool: %w", err)
	}
	lock, err := lockFile(filepath.Join(dir, "lock"))
	if err != nil {
		return nil, nil, nil, fmt.Errorf("key-use spool %s: %w", dir, err)
	}
	s = &spool{disk: opt.disk, dir: dir, limit: opt.SpoolBytes, resource: resource, log: opt.Log, lock: lock}
	found, notes, err = s.scan()
	if err != nil {
		return nil, nil, nil, errors.Join(fmt.Errorf("key-use spool: %w", err), lock.Close())
	}
	return s, found, notes, nil
}

// scan reads all segments, oldest first. Segments with nothing left to send go.
func (s *spool) scan() (found []stored, notes []error, err error) {
	entries, err := s.disk.List(s.dir)
	if err != nil {
		return nil, nil, err
	}
	for _, e := range entries { // in order of name, and the numbers have a fixed width
		if !strings.Contains(e.Name(), segmentSuffix) {
			continue
		}
		frames, damage, err := s.restore(e)
		if err != nil {
			return nil, nil, err
		}
		if damage != nil {
			notes = append(notes, damage)
		}
		found = append(found, frames...)
	}
	s.trim()
	return found, notes, nil
}

// restore reads one file of an earlier process. note is what an operator should know.
func (s *spool) restore(e fs.DirEntry) (found []stored, note, err error) {
	path := filepath.Join(s.dir, e.Name())
	var n uint64
	if _, err := fmt.Sscanf(e.Name(), segmentName, &n); err != nil {
		return nil, nil, fmt.Errorf("%s is no segment: move it away", path)
	}
	s.next = max(s.next, n+1)
	if filepath.Ext(e.Name()) == damagedSuffix {
		info, err := e.Info()
		if err != nil {
			return nil, nil, err
		}
		s.aside, s.asideBytes = append(s.aside, putAside{path, info.Size()}), s.asideBytes+info.Size()
		return nil, nil, nil
	}
	seg, found, err := readSegment(s.disk, path)
	if damage, ok := errors.AsType[*damageError](err); ok {
		note, err = damage, nil
	}
	if err != nil {
		return nil, nil, err
	}
	s.bytes += seg.size
	if len(found) == 0 {
		note = errors.Join(note, s.discard(seg))
	}
	return found, note, nil
}

func (s *spool) size() (segments, damaged int64) {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.bytes, s.asideBytes
}

// close leaves the directory to the next process.
func (s *spool) close() error {
	s.mu.Lock()
	defer s.mu.Unlock()
	return errors.Join(s.end(), s.sweep(), s.lock.Close())
}
