package keyuse

import (
	"errors"
	"io/fs"
)

// release forgets a batch that was acknowledged, or that is kept elsewhere: it marks
// its frame, and deletes the segment with its last one. A failure costs at most a
// second sending after a restart.
func (s *spool) release(f frame) error {
	s.mu.Lock()
	defer s.mu.Unlock()
	f.seg.live--
	if f.seg.live > 0 {
		if f.end() > f.seg.size {
			return nil // it was cut off
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

// spoil has the segment of a frame that cannot be read kept for the operator, and
// written no more.
func (s *spool) spoil(f frame) error {
	s.mu.Lock()
	defer s.mu.Unlock()
	f.seg.damaged = true
	if f.seg == s.active {
		return s.end()
	}
	return nil
}

// discard deletes a segment that is through, or puts a damaged one aside, where a
// person can look at it. One that cannot be removed counts on, and is tried again.
func (s *spool) discard(seg *segment) error {
	remove := func() error { return s.disk.Remove(seg.path) }
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

// sweep tries again to remove what is through.
func (s *spool) sweep() error {
	litter := s.litter
	s.litter = nil
	var errs []error
	for _, seg := range litter {
		errs = append(errs, s.discard(seg))
	}
	return errors.Join(errs...)
}
