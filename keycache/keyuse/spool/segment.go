package spool

import (
	"encoding/binary"
	"errors"
	"hash/crc32"
	"io"
	"math"
	"os"
	"slices"
)

// The format of a segment file; the package comment describes it.
const (
	segmentSuffix = ".keyuse"
	damagedSuffix = ".damaged"
	segmentName   = "%016x" + segmentSuffix
	segmentMagic  = "smku"
	segmentHeader = 8 + 4 + 4 // magic, version; length; CRC
	frameHeader   = 1 + 4 + 4 + 4

	newestVersion = 2
	chainField    = 16     // reserved in the header of a version 2 segment
	linkField     = 8 + 32 // reserved in each of its frames: sequence number, previous hash

	pending      = 'P'
	acknowledged = 'A'
)

// A segment is one file of frames.
type segment struct {
	disk     Disk
	path     string
	link     int64 // bytes reserved in each frame: linkField, 0 in version 1
	resource []byte
	size     int64
	synced   int64 // bytes that survive a crash of the machine
	live     int   // frames not yet acknowledged
	damaged  bool  // renamed instead of deleted
}

// A Frame is the place of a batch in the spool.
type Frame struct {
	seg  *segment
	off  int64
	size int // of data
}

// Resource returns the encoded OTLP resource of the process that appended f.
func (f *Frame) Resource() []byte { return f.seg.resource }

func (f *Frame) end() int64 { return f.off + frameHeader + f.seg.link + int64(f.size) }

func checksum(b ...[]byte) uint32 {
	sum := uint32(0)
	for _, p := range b {
		sum = crc32.Update(sum, crc32.MakeTable(crc32.Castagnoli), p)
	}
	return sum
}

func appendHeader(b, resource []byte) []byte {
	var chain [chainField]byte
	b = append(b, segmentMagic...)
	b = append(b, newestVersion, 0, 0, 0)
	b = binary.BigEndian.AppendUint32(b, uint32(len(resource)))
	b = binary.BigEndian.AppendUint32(b, checksum(chain[:], resource))
	return append(append(b, chain[:]...), resource...)
}

func appendFrame(b, data []byte, spans int) []byte {
	var link [linkField]byte
	b = append(b, pending)
	b = binary.BigEndian.AppendUint32(b, uint32(len(data)))
	b = binary.BigEndian.AppendUint32(b, uint32(spans))
	b = binary.BigEndian.AppendUint32(b, checksum(b[len(b)-8:], link[:], data))
	return append(append(b, link[:]...), data...)
}

// readSegment returns the frames that are not acknowledged. With a *DamageError
// it returns those before the damage. The torn end that a killed process may
// leave is damage too: a wrong length looks just the same.
func readSegment(d Disk, path string) (*segment, []Stored, error) {
	b, err := readAll(d, path)
	if err != nil {
		return nil, nil, err
	}
	seg := &segment{disk: d, path: path, size: int64(len(b)), synced: int64(len(b))}
	if len(b) == 0 {
		return seg, nil, nil // the process died before it wrote the header
	}
	off, err := seg.readHeader(b)
	if err != nil {
		return seg, nil, err
	}
	var found []Stored
	for off < seg.size {
		size, spans, ok := parseFrame(b[off:], seg.link)
		if !ok {
			return seg, found, seg.damage(off)
		}
		f := &Frame{seg, off, size}
		if b[off] == pending {
			seg.live++
			found = append(found, Stored{f, spans})
		}
		off = f.end()
	}
	return seg, found, nil
}

func readAll(d Disk, path string) ([]byte, error) {
	f, err := d.Open(path, os.O_RDONLY)
	if err != nil {
		return nil, err
	}
	defer f.Close()
	return io.ReadAll(io.NewSectionReader(f, 0, math.MaxInt64))
}

func (s *segment) damage(off int64) error {
	s.damaged = true
	return &DamageError{path: s.path, off: off, tail: s.size - off}
}

// readHeader reads version and resource. end is the offset of the first frame.
func (s *segment) readHeader(b []byte) (end int64, err error) {
	if int64(len(b)) < segmentHeader || string(b[:4]) != segmentMagic || b[5]|b[6]|b[7] != 0 {
		return 0, s.damage(0)
	}
	chain := int64(0)
	switch version := b[4]; {
	case version == 1:
	case version == newestVersion:
		chain, s.link = chainField, linkField
	case version > newestVersion && version < newestVersion+16:
		return 0, &newerError{s.path, int(version)}
	default:
		return 0, s.damage(0)
	}
	start := segmentHeader + chain
	end = start + int64(binary.BigEndian.Uint32(b[8:]))
	if end > int64(len(b)) || checksum(b[segmentHeader:end]) != binary.BigEndian.Uint32(b[12:]) {
		return 0, s.damage(0)
	}
	s.resource = slices.Clone(b[start:end])
	return end, nil
}

// parseFrame checks the frame at the start of b, which has link reserved bytes
// between header and data. size is the length of the data.
func parseFrame(b []byte, link int64) (size, spans int, ok bool) {
	start := frameHeader + int(link)
	if len(b) < start {
		return 0, 0, false
	}
	size, spans = int(binary.BigEndian.Uint32(b[1:])), int(binary.BigEndian.Uint32(b[5:]))
	if b[0] != pending && b[0] != acknowledged || size > len(b)-start {
		return 0, 0, false
	}
	ok = checksum(b[1:9], b[frameHeader:start+size]) == binary.BigEndian.Uint32(b[9:])
	return size, spans, ok
}

// Read returns the data of a frame. A [*DamageError] means that the data is
// lost. After a [*ReadError] a retry may succeed.
func (f *Frame) Read() ([]byte, error) {
	file, err := f.seg.disk.Open(f.seg.path, os.O_RDONLY)
	if err != nil {
		return nil, f.unread(err)
	}
	defer file.Close()
	b := make([]byte, f.end()-f.off)
	if _, err := file.ReadAt(b, f.off); err != nil && !errors.Is(err, io.EOF) {
		return nil, f.unread(err)
	}
	if size, _, ok := parseFrame(b, f.seg.link); !ok || size != f.size {
		return nil, &DamageError{path: f.seg.path, off: f.off, tail: f.end() - f.off}
	}
	return b[frameHeader+f.seg.link:], nil
}

// mark sets the state of the frame to acknowledged.
func (f *Frame) mark() error {
	file, err := f.seg.disk.Open(f.seg.path, os.O_WRONLY)
	if err != nil {
		return err
	}
	_, err = file.WriteAt([]byte{acknowledged}, f.off)
	return closeAfter(file, err)
}
