package keyuse

import (
	"errors"
	"fmt"
	"os"
	"path/filepath"
)

// append writes a batch behind all others. It is safe from a crash of the process
// at once, and from a crash of the machine when durable says so after the next sync.
func (s *spool) append(data []byte, spans int) (frame, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.buf = appendFrame(s.buf[:0], data, spans)
	size := int64(len(s.buf))
	if s.active != nil && s.active.size+size > s.segmentBytes() {
		if err := s.end(); err != nil {
			return frame{}, err
		}
	}
	if s.active == nil {
		if err := s.begin(size); err != nil {
			return frame{}, err
		}
	}
	if s.bytes+size > s.limit {
		return frame{}, errSpoolFull
	}
	if _, err := s.file.WriteAt(s.buf, s.active.size); err != nil {
		// The next attempt gets a new file: this one may have gone bad.
		return frame{}, errors.Join(err, s.file.Truncate(s.active.size), s.end())
	}
	f := frame{seg: s.active, off: s.active.size, size: len(data)}
	s.active.size += size
	s.active.live++
	s.bytes += size
	return f, nil
}

func (s *spool) segmentBytes() int64 { return min(maxSegment, s.limit/8) }

// begin makes a new segment that has room for size bytes of frames.
func (s *spool) begin(size int64) error {
	header := appendHeader(nil, s.resource)
	if s.bytes+size+int64(len(header)) > s.limit {
		if err := s.sweep(); err != nil {
			return errors.Join(errSpoolFull, err)
		}
		if s.bytes+size+int64(len(header)) > s.limit {
			return errSpoolFull
		}
	}
	seg := &segment{
		disk: s.disk, path: filepath.Join(s.dir, fmt.Sprintf(segmentName, s.next)),
		link: linkField, resource: s.resource, size: int64(len(header)),
	}
	s.next++ // even if this fails: a file that could not be removed must not be in the way
	file, err := s.disk.Open(seg.path, os.O_RDWR|os.O_CREATE|os.O_EXCL)
	if err != nil {
		return err
	}
	s.bytes += seg.size
	if _, err = file.WriteAt(header, 0); err == nil {
		err = s.disk.SyncDir(s.dir)
	}
	if err != nil {
		return errors.Join(closeAfter(file, err), s.discard(seg))
	}
	s.active, s.file = seg, file
	return nil
}

// sync makes what was appended survive a crash of the machine.
func (s *spool) sync() error {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.active == nil {
		return nil
	}
	if err := s.file.Sync(); err != nil {
		return s.giveUp(err)
	}
	s.active.synced = s.active.size
	return nil
}

// durable reports whether a frame survives a crash of the machine.
func (s *spool) durable(f frame) bool {
	s.mu.Lock()
	defer s.mu.Unlock()
	return f.end() <= f.seg.synced
}

// end syncs and closes the active segment. The segment is deleted with its last
// frame.
func (s *spool) end() error {
	seg, file := s.active, s.file
	if seg == nil {
		return nil
	}
	if seg.live == 0 {
		s.active, s.file = nil, nil
		return errors.Join(file.Close(), s.discard(seg))
	}
	if err := file.Sync(); err != nil {
		return s.giveUp(err)
	}
	seg.synced = seg.size
	s.active, s.file = nil, nil
	return file.Close()
}

// giveUp closes the active segment, whose sync failed. After that the kernel
// may count its dirty pages as written, and the next sync would succeed without them: so
// the file is never written again, what was not synced is cut off, and its frames go into
// another file.
func (s *spool) giveUp(err error) error {
	seg, file := s.active, s.file
	s.active, s.file = nil, nil
	cut := file.Truncate(seg.synced)
	if cut == nil {
		s.bytes -= seg.size - seg.synced
		seg.size = seg.synced
	}
	return closeAfter(file, errors.Join(err, cut))
}

func closeAfter(f file, err error) error { return errors.Join(err, f.Close()) }
