package keyuse

import (
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"sync"
)

var errSpoolFull = errors.New("spool is full")

// A spool keeps batches on disk, in order, until they are acknowledged. One
// goroutine appends, one reads and releases.
type spool struct {
	dir      string
	limit    int64 // bytes of all segment files
	resource []byte

	mu     sync.Mutex
	lock   *os.File
	next   uint64 // number of the next segment
	active *segment
	file   *os.File // of active
	bytes  int64
	buf    []byte
}

// A stored batch was found in the spool of an earlier process.
type stored struct {
	frame frame
	spans int
}

// openSpool takes the directory for this process alone and finds what earlier
// ones left. notes tell of what could not be read.
func openSpool(dir string, limit int64, resource []byte) (s *spool, found []stored, notes []error, err error) {
	if err := os.MkdirAll(dir, 0o700); err != nil {
		return nil, nil, nil, fmt.Errorf("key-use spool: %w", err)
	}
	lock, err := lockFile(filepath.Join(dir, "lock"))
	if err != nil {
		return nil, nil, nil, fmt.Errorf("key-use spool %s: %w", dir, err)
	}
	s = &spool{dir: dir, limit: limit, resource: resource, lock: lock}
	found, notes, err = s.scan()
	if err != nil {
		return nil, nil, nil, errors.Join(fmt.Errorf("key-use spool: %w", err), lock.Close())
	}
	return s, found, notes, nil
}

// scan reads all segments, oldest first. Segments with nothing left to send go.
func (s *spool) scan() (found []stored, notes []error, err error) {
	names, err := filepath.Glob(filepath.Join(s.dir, "*"+segmentSuffix+"*"))
	if err != nil {
		return nil, nil, err
	}
	for _, name := range names { // Glob sorts, and the numbers have a fixed width
		var n uint64
		if _, err := fmt.Sscanf(filepath.Base(name), segmentName, &n); err != nil {
			return nil, nil, fmt.Errorf("%s is no segment: move it away", name)
		}
		s.next = max(s.next, n+1)
		if filepath.Ext(name) == damagedSuffix {
			continue
		}
		seg, frames, err := readSegment(name)
		var damage *damageError
		if err != nil && !errors.As(err, &damage) {
			return nil, nil, err
		}
		if damage != nil {
			notes = append(notes, damage)
		}
		if len(frames) == 0 {
			if err := seg.remove(); err != nil {
				return nil, nil, err
			}
			continue
		}
		s.bytes += seg.size
		found = append(found, frames...)
	}
	return found, notes, nil
}

// append writes a batch behind all others. It is safe from a crash of the
// process at once, and from a crash of the machine after sync.
func (s *spool) append(data []byte, spans int) (frame, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.buf = appendFrame(s.buf[:0], data, spans)
	size := int64(len(s.buf))
	if s.active == nil || s.active.size+size > s.segmentBytes() {
		if s.bytes+size+s.headerBytes() > s.limit {
			return frame{}, errSpoolFull
		}
		if err := s.rotate(); err != nil {
			return frame{}, err
		}
	}
	if s.bytes+size > s.limit {
		return frame{}, errSpoolFull
	}
	if _, err := s.file.WriteAt(s.buf, s.active.size); err != nil {
		// The next attempt gets a new file: this one may have gone bad.
		return frame{}, errors.Join(err, s.file.Truncate(s.active.size), s.endActive())
	}
	f := frame{seg: s.active, off: s.active.size, size: len(data)}
	s.active.size += size
	s.active.live++
	s.bytes += size
	return f, nil
}

func (s *spool) headerBytes() int64 { return segmentHeader + int64(len(s.resource)) }

func (s *spool) segmentBytes() int64 { return min(maxSegment, s.limit/8) }

// rotate begins a new segment. The old one is deleted when its last batch is
// released.
func (s *spool) rotate() error {
	if err := s.endActive(); err != nil {
		return err
	}
	path := filepath.Join(s.dir, fmt.Sprintf(segmentName, s.next))
	seg, file, err := createSegment(path, s.resource)
	if err != nil {
		return err
	}
	s.next++
	s.active, s.file = seg, file
	s.bytes += seg.size
	return syncDir(s.dir)
}

func (s *spool) endActive() error {
	if s.active == nil {
		return nil
	}
	err := errors.Join(s.file.Sync(), s.file.Close())
	if s.active.live == 0 {
		s.bytes -= s.active.size
		err = errors.Join(err, s.active.remove())
	}
	s.active, s.file = nil, nil
	return err
}

// sync makes what was appended survive a crash of the machine.
func (s *spool) sync() error {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.file == nil {
		return nil
	}
	return s.file.Sync()
}

// release forgets an acknowledged batch: marks its frame, and deletes the
// segment with its last one. A failure costs at most a second sending after a restart.
func (s *spool) release(f frame) error {
	s.mu.Lock()
	defer s.mu.Unlock()
	f.seg.live--
	if f.seg.live > 0 {
		return f.mark()
	}
	if f.seg == s.active {
		return s.endActive()
	}
	s.bytes -= f.seg.size
	return f.seg.remove()
}

func (s *spool) size() int64 {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.bytes
}

// close leaves the directory to the next process.
func (s *spool) close() error {
	s.mu.Lock()
	defer s.mu.Unlock()
	return errors.Join(s.endActive(), s.lock.Close())
}

// syncDir makes a new file name survive a crash of the machine.
func syncDir(dir string) error {
	d, err := os.Open(dir)
	if err != nil {
		return err
	}
	return errors.Join(d.Sync(), d.Close())
}
