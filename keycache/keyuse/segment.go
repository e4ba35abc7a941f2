package keyuse

import (
	"encoding/binary"
	"errors"
	"fmt"
	"hash/crc32"
	"io"
	"os"
)

// The format of a segment file: the package documentation describes it.
const (
	segmentSuffix = ".keyuse"
	damagedSuffix = ".damaged"
	segmentName   = "%016x" + segmentSuffix
	segmentMagic  = "smku\x01\x00\x00\x00"
	segmentHeader = int64(len(segmentMagic)) + 8
	frameHeader   = 1 + 4 + 4 + 4

	pending      = 'P'
	acknowledged = 'A'
)

type segment struct {
	path     string
	resource []byte
	size     int64
	live     int  // frames not yet acknowledged
	damaged  bool // kept for the operator, under another name, when it is through
}

// A frame is where in the spool a batch lies.
type frame struct {
	seg  *segment
	off  int64
	size int // of data
}

// A damageError tells of spooled spans that cannot be read.
type damageError struct {
	path string
	off  int64
	tail int64 // bytes from off to the end
}

func (e *damageError) Error() string {
	return fmt.Sprintf("key-use spool: %s is damaged at byte %d: the %d bytes from there cannot be replayed; the file is kept as %s",
		e.path, e.off, e.tail, e.path+damagedSuffix)
}

func checksum(b ...[]byte) uint32 {
	sum := uint32(0)
	for _, p := range b {
		sum = crc32.Update(sum, crc32.MakeTable(crc32.Castagnoli), p)
	}
	return sum
}

func appendFrame(b, data []byte, spans int) []byte {
	b = append(b, pending)
	b = binary.BigEndian.AppendUint32(b, uint32(len(data)))
	b = binary.BigEndian.AppendUint32(b, uint32(spans))
	b = binary.BigEndian.AppendUint32(b, checksum(b[1:9], data))
	return append(b, data...)
}

func createSegment(path string, resource []byte) (*segment, *os.File, error) {
	file, err := os.OpenFile(path, os.O_RDWR|os.O_CREATE|os.O_EXCL, 0o600)
	if err != nil {
		return nil, nil, err
	}
	b := []byte(segmentMagic)
	b = binary.BigEndian.AppendUint32(b, uint32(len(resource)))
	b = binary.BigEndian.AppendUint32(b, checksum(resource))
	b = append(b, resource...)
	if _, err := file.Write(b); err != nil {
		return nil, nil, errors.Join(err, file.Close(), os.Remove(path))
	}
	return &segment{path: path, resource: resource, size: int64(len(b))}, file, nil
}

// readSegment finds the frames that are still to be sent. A *damageError comes
// with those before the damage. A torn end, which is what a killed process may leave of
// its last write, is damage like any other: a wrong length looks just the same.
func readSegment(path string) (*segment, []stored, error) {
	b, err := os.ReadFile(path)
	if err != nil {
		return nil, nil, err
	}
	seg := &segment{path: path, size: int64(len(b))}
	if len(b) == 0 {
		return seg, nil, nil // its process died before it wrote anything
	}
	off, ok := seg.readHeader(b)
	if !ok {
		return seg, nil, seg.damage(0)
	}
	var found []stored
	for off < seg.size {
		size, spans, ok := parseFrame(b[off:])
		if !ok {
			return seg, found, seg.damage(off)
		}
		if b[off] == pending {
			seg.live++
			found = append(found, stored{frame{seg, off, size}, spans})
		}
		off += frameHeader + int64(size)
	}
	return seg, found, nil
}

func (s *segment) damage(off int64) error {
	s.damaged = true
	return &damageError{s.path, off, s.size - off}
}

// readHeader reads the resource. end is where the frames begin.
func (s *segment) readHeader(b []byte) (end int64, ok bool) {
	if int64(len(b)) < segmentHeader || string(b[:len(segmentMagic)]) != segmentMagic {
		return 0, false
	}
	end = segmentHeader + int64(binary.BigEndian.Uint32(b[8:]))
	if end > int64(len(b)) {
		return 0, false
	}
	s.resource = append([]byte(nil), b[segmentHeader:end]...)
	return end, checksum(s.resource) == binary.BigEndian.Uint32(b[12:])
}

// parseFrame checks the frame at the start of b. size is the length of its data.
func parseFrame(b []byte) (size, spans int, ok bool) {
	if len(b) < frameHeader {
		return 0, 0, false
	}
	size, spans = int(binary.BigEndian.Uint32(b[1:])), int(binary.BigEndian.Uint32(b[5:]))
	if b[0] != pending && b[0] != acknowledged || size > len(b)-frameHeader {
		return 0, 0, false
	}
	ok = checksum(b[1:9], b[frameHeader:frameHeader+size]) == binary.BigEndian.Uint32(b[9:])
	return size, spans, ok
}

// read returns the spans of a frame.
func (f frame) read() ([]byte, error) {
	file, err := os.Open(f.seg.path)
	if err != nil {
		return nil, err
	}
	defer file.Close()
	b := make([]byte, frameHeader+f.size)
	if _, err := file.ReadAt(b, f.off); err != nil && err != io.EOF {
		return nil, err
	}
	if size, _, ok := parseFrame(b); !ok || size != f.size {
		return nil, f.seg.damage(f.off)
	}
	return b[frameHeader:], nil
}

// mark says in the file that the frame has been acknowledged.
func (f frame) mark() error {
	file, err := os.OpenFile(f.seg.path, os.O_WRONLY, 0)
	if err != nil {
		return err
	}
	_, err = file.WriteAt([]byte{acknowledged}, f.off)
	return errors.Join(err, file.Close())
}

// remove deletes the file, or puts a damaged one aside, where a person can look at it.
func (s *segment) remove() error {
	if s.damaged {
		return os.Rename(s.path, s.path+damagedSuffix)
	}
	return os.Remove(s.path)
}
