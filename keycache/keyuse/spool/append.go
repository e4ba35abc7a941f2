package spool

import (
	"errors"
	"fmt"
	"os"
	"path/filepath"
)

// Append writes a batch of encoded spans behind all others. The batch survives
// a crash of the process at once. It survives a crash of the machine if
// [Spool.Durable] says so after the next [Spool.Sync]. The error is [ErrFull]
// if the limit is reached; after any other error the next call uses a new file.
func (s *Spool) Append(data []byte, spans int) (*Frame, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.buf = appendFrame(s.buf[:0], data, spans)
	size := int64(len(s.buf))
	if s.active != nil && s.active.size+size > s.segmentBytes() {
		if err := s.end(); err != nil {
			return nil, err
		}
	}
	if s.active == nil {
		if err := s.begin(size); err != nil {
			return nil, err
		}
	}
	if s.bytes+size > s.Limit {
		return nil, ErrFull
	}
	if _, err := s.file.WriteAt(s.buf, s.active.size); err != nil {
		// The file may have gone bad: the next attempt gets a new one.
		return nil, errors.Join(err, s.file.Truncate(s.active.size), s.end())
	}
	f := &Frame{seg: s.active, off: s.active.size, size: len(data)}
	s.active.size += size
	s.active.live++
	s.bytes += size
	return f, nil
}

func (s *Spool) segmentBytes() int64 { return min(maxSegment, s.Limit/8) }

// begin makes a new segment with room for size bytes of frames.
func (s *Spool) begin(size int64) error {
	header := appendHeader(nil, s.Resource)
	if s.bytes+size+int64(len(header)) > s.Limit {
		if err := s.sweep(); err != nil {
			return errors.Join(ErrFull, err)
		}
		if s.bytes+size+int64(len(header)) > s.Limit {
			return ErrFull
		}
	}
	seg := &segment{
		disk: s.Disk, path: filepath.Join(s.Dir, fmt.Sprintf(segmentName, s.next)),
		link: linkField, resource: s.Resource, size: int64(len(header)),
	}
	s.next++ // also on failure: the file may exist and resist removal
	file, err := s.Disk.Open(seg.path, os.O_RDWR|os.O_CREATE|os.O_EXCL)
	if err != nil {
		return err
	}
	s.bytes += seg.size
	if _, err = file.WriteAt(header, 0); err == nil {
		err = s.Disk.SyncDir(s.Dir)
	}
	if err != nil {
		return errors.Join(closeAfter(file, err), s.discard(seg))
	}
	s.active, s.file = seg, file
	return nil
}

// Sync makes everything that was appended survive a crash of the machine.
func (s *Spool) Sync() error {
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

// Durable reports whether a frame survives a crash of the machine.
func (s *Spool) Durable(f *Frame) bool {
	s.mu.Lock()
	defer s.mu.Unlock()
	return f.end() <= f.seg.synced
}

// end syncs and closes the active segment. It deletes a segment without live
// frames.
func (s *Spool) end() error {
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

// giveUp closes the active segment after a failed sync. The kernel may then
// count dirty pages as written, and another sync would succeed without them. So
// the file is never written again, its unsynced end is cut off, and the caller
// appends those batches to another file.
func (s *Spool) giveUp(err error) error {
	seg, file := s.active, s.file
	s.active, s.file = nil, nil
	cut := file.Truncate(seg.synced)
	if cut == nil {
		s.bytes -= seg.size - seg.synced
		seg.size = seg.synced
	}
	return closeAfter(file, errors.Join(err, cut))
}

// closeAfter closes f and joins its error with err.
func closeAfter(f File, err error) error { return errors.Join(err, f.Close()) }
