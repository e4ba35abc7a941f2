package keyuse

import (
	"encoding/binary"
	"errors"
	"hash/crc32"
	"io"
	"math"
	"os"
)

// The format of a segment file: the package documentation describes it.
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

type segment struct {
	disk     disk
	path     string
	link     int64 // bytes reserved in each frame: linkField, 0 in version 1
	resource []byte
	size     int64
	synced   int64 // so many bytes survive a crash of the machine
	live     int   // frames not yet acknowledged
	damaged  bool  // kept for the operator, under another name, when it is through
}

// A frame is where in the spool a batch lies.
type frame struct {
	seg  *segment
	off  int64
	size int // of data
}

func (f frame) end() int64 { return f.off + frameHeader + f.seg.link + int64(f.size) }

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

// readSegment finds the frames that are still to be sent. A *damageError comes
// with those before the damage. A torn end, which is what a killed process may leave of
// its last write, is damage like any other: a wrong length looks just the same.
func readSegment(d disk, path string) (*segment, []stored, error) {
	b, err := readAll(d, path)
	if err != nil {
		return nil, nil, err
	}
	seg := &segment{disk: d, path: path, size: int64(len(b)), synced: int64(len(b))}
	if len(b) == 0 {
		return seg, nil, nil // its process died before it wrote anything
	}
	off, err := seg.readHeader(b)
	if err != nil {
		return seg, nil, err
	}
	var found []stored
	for off < seg.size {
		size, spans, ok := parseFrame(b[off:], seg.link)
		if !ok {
			return seg, found, seg.damage(off)
		}
		f := frame{seg, off, size}
		if b[off] == pending {
			seg.live++
			found = append(found, stored{f, spans})
		}
		off = f.end()
	}
	return seg, found, nil
}

func readAll(d disk, path string) ([]byte, error) {
	f, err := d.Open(path, os.O_RDONLY)
	if err != nil {
		return nil, err
	}
	defer f.Close()
	return io.ReadAll(io.NewSectionReader(f, 0, math.MaxInt64))
}

func (s *segment) damage(off int64) error {
	s.damaged = true
	return &damageError{path: s.path, off: off, tail: s.size - off}
}

// readHeader reads version and resource. end is where the frames begin.
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
	s.resource = validResource(b[start:end])
	return end, nil
}

// parseFrame checks the frame at the start of b, which has link bytes between
// its header and its data. size is the length of its data.
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

// read returns the spans of a frame. A *damageError says that they are lost; after
// any other error, a second attempt may go better.
func (f frame) read() ([]byte, error) {
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
		return nil, &damageError{path: f.seg.path, off: f.off, tail: f.end() - f.off}
	}
	return b[frameHeader+f.seg.link:], nil
}

// mark says in the file that the frame has been acknowledged.
func (f frame) mark() error {
	file, err := f.seg.disk.Open(f.seg.path, os.O_WRONLY)
	if err != nil {
		return err
	}
	_, err = file.WriteAt([]byte{acknowledged}, f.off)
	return closeAfter(file, err)
}
