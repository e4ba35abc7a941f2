// Package spool keeps batches of encoded spans on disk, in order, until a
// collector has acknowledged them, also across restarts.
//
// The directory (mode 0700, files 0600) belongs to one process at a time: a
// lock ends with the process. It holds segments of at most 8 MiB, numbered in
// order:
//
//	segment: "smku" 2 0 0 0 | length | CRC | chain | resource | frame…
//	frame:   state | length | spans | CRC | sequence | previous | data
//
// Numbers are big endian: length, spans and CRC uint32, sequence uint64. length
// is the length of resource or data. CRC is CRC-32C. In a segment it covers
// chain and resource; in a frame it covers length, spans and everything after
// CRC. chain (16 bytes), sequence and previous (32 bytes) are reserved for a
// hash chain over batches: they are written as zero and ignored by readers.
// Version 1 has none of the three and can still be read. A segment of a newer
// version is an error.
//
// resource is the encoded OTLP Resource of the process that used the keys, data
// a run of encoded ScopeSpans.spans fields. state is 'P', and 'A' once the
// collector has acknowledged the frame. Nothing else is ever rewritten. A
// segment is deleted with its last frame.
//
// A segment may end early because a process was killed during a write, or be
// damaged by the disk. Everything before the damage is returned. The file is
// reported and kept under a name that ends in ".damaged". Damaged files may
// take an eighth of the limit, in addition to it; the oldest are deleted first.
package spool

import (
	"errors"
	"fmt"
	"io"
	"io/fs"
	"log/slog"
	"path/filepath"
	"strings"
	"sync"
)

// ErrFull means that the segments have reached the limit of the spool.
var ErrFull = errors.New("spool is full")

// maxSegment is the largest size of a segment in bytes.
const maxSegment = 8 << 20

// Options of a [Spool]. Every field is required.
type Options struct {
	Dir      string // made if it does not exist
	Limit    int64  // of all segments, bytes
	Resource []byte // encoded OTLP resource of this process
	Log      *slog.Logger
	Disk     Disk
}

// A Spool keeps batches on disk, in order. One goroutine may append while
// another one reads and releases.
type Spool struct {
	Options

	mu         sync.Mutex
	lock       io.Closer
	next       uint64 // number of the next segment
	active     *segment
	file       File       // of active
	bytes      int64      // of all segments
	litter     []*segment // without live frames, but not removed yet: an attempt failed
	aside      []putAside // damaged files, oldest first
	asideBytes int64
	buf        []byte
}

// A Stored batch was found in the spool of an earlier process.
type Stored struct {
	Frame *Frame
	Spans int // number of spans
}

// Open locks the directory and returns the batches that earlier processes left.
// notes are problems that an operator should know; a [*DamageError] among them
// stands for lost spans.
func Open(opt Options) (s *Spool, found []Stored, notes []error, err error) {
	if err := opt.Disk.Make(opt.Dir); err != nil {
		return nil, nil, nil, fmt.Errorf("key-use spool: %w", err)
	}
	lock, err := opt.Disk.Lock(filepath.Join(opt.Dir, "lock"))
	if err != nil {
		return nil, nil, nil, fmt.Errorf("key-use spool %s: %w", opt.Dir, err)
	}
	s = &Spool{Options: opt, lock: lock}
	found, notes, err = s.scan()
	if err != nil {
		return nil, nil, nil, errors.Join(fmt.Errorf("key-use spool: %w", err), lock.Close())
	}
	return s, found, notes, nil
}

// scan reads all segments, oldest first. It deletes segments with nothing left
// to send.
func (s *Spool) scan() (found []Stored, notes []error, err error) {
	entries, err := s.Disk.List(s.Dir)
	if err != nil {
		return nil, nil, err
	}
	for _, e := range entries { // in order of number: names have a fixed width
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

// restore reads one file of an earlier process. note is for an operator.
func (s *Spool) restore(e fs.DirEntry) (found []Stored, note, err error) {
	path := filepath.Join(s.Dir, e.Name())
	var n uint64
	if _, err := fmt.Sscanf(e.Name(), segmentName, &n); err != nil {
		return nil, nil, fmt.Errorf("%s is no segment: move it to another directory", path)
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
	seg, found, err := readSegment(s.Disk, path)
	if damage, ok := errors.AsType[*DamageError](err); ok {
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

// Size returns the bytes of all segments and of all damaged files.
func (s *Spool) Size() (segments, damaged int64) {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.bytes, s.asideBytes
}

// Close syncs what was appended and unlocks the directory.
func (s *Spool) Close() error {
	s.mu.Lock()
	defer s.mu.Unlock()
	return errors.Join(s.end(), s.sweep(), s.lock.Close())
}
