package spool

import (
	"errors"
	"io/fs"
)

// Release drops a batch that was acknowledged or that is kept elsewhere. It
// marks the frame, and deletes the segment with its last frame. After an error
// the batch may be returned once more by the next [Open].
func (s *Spool) Release(f *Frame) error {
	s.mu.Lock()
	defer s.mu.Unlock()
	f.seg.live--
	if f.seg.live > 0 {
		if f.end() > f.seg.size {
			return nil // giveUp has cut it off
		}
		return f.mark()
	}
	if f.seg == s.active {
		return s.end()
	}
	if err := s.discard(f.seg); err != nil {
		return errors.Join(err, f.mark())
	}
	return nil
}

// Spoil marks the segment of an unreadable frame as damaged: the segment is
// written no more, and its file is kept for an operator.
func (s *Spool) Spoil(f *Frame) error {
	s.mu.Lock()
	defer s.mu.Unlock()
	f.seg.damaged = true
	if f.seg == s.active {
		return s.end()
	}
	return nil
}

// discard deletes a segment without live frames, or renames it if it is
// damaged. A file that resists counts against the limit, and sweep retries.
func (s *Spool) discard(seg *segment) error {
	remove := func() error { return s.Disk.Remove(seg.path) }
	if seg.damaged {
		remove = func() error { return s.putAside(seg) }
	}
	if err := remove(); err != nil && !errors.Is(err, fs.ErrNotExist) {
		s.litter = append(s.litter, seg)
		return err
	}
	s.bytes -= seg.size
	return nil
}

// sweep retries to remove segments that resisted.
func (s *Spool) sweep() error {
	litter := s.litter
	s.litter = nil
	var errs []error
	for _, seg := range litter {
		errs = append(errs, s.discard(seg))
	}
	return errors.Join(errs...)
}
