package coding

import "encoding/binary"

// A frame follows the framing of a zstd body (RFC 8878 §3.1.1), which is one
// frame. The zero value is at its beginning.
type frame struct {
	head   [18]byte // the header so far, or the header of a block
	n      int      // bytes of it
	part   part
	skip   int // bytes of the part that are still to come
	last   bool
	sum    bool // a checksum follows the last block
	window int  // in bytes
}

// A part is a part of a frame.
type part uint8

const (
	header part = iota
	blockHeader
	block
	checksum
	after
)

// read reads the next piece of the body.
func (f *frame) read(p []byte) error {
	for len(p) > 0 {
		switch f.part {
		case header, blockHeader:
			f.head[f.n] = p[0]
			f.n, p = f.n+1, p[1:]
			if err := f.step(); err != nil {
				return err
			}
		case block, checksum:
			n := min(f.skip, len(p))
			f.skip, p = f.skip-n, p[n:]
			if f.skip == 0 {
				f.next()
			}
		default:
			return &Error{Malformed, "bytes follow the end"}
		}
	}
	return nil
}

// step looks at a header of which one more byte has come.
func (f *frame) step() error {
	if f.part == header {
		return f.stepHeader()
	}
	if f.n < 3 {
		return nil
	}
	h := int(f.head[0]) | int(f.head[1])<<8 | int(f.head[2])<<16
	f.last, f.skip, f.part, f.n = h&1 != 0, h>>3, block, 0
	switch h >> 1 & 3 {
	case 1:
		f.skip = 1
	case 3:
		return &Error{Malformed, "a block of a reserved type"}
	}
	if f.skip == 0 {
		f.next()
	}
	return nil
}

// next continues after a block or a checksum.
func (f *frame) next() {
	switch {
	case f.part == checksum || f.last && !f.sum:
		f.part = after
	case f.last:
		f.part, f.skip = checksum, 4
	default:
		f.part = blockHeader
	}
}

// stepHeader reads the header of the frame once it is complete.
func (f *frame) stepHeader() error {
	if f.n == 4 {
		switch magic := binary.LittleEndian.Uint32(f.head[:]); {
		case magic>>4 == 0x184D2A5:
			return &Error{Unsupported, "a frame that readers skip"}
		case magic != 0xFD2FB528:
			return &Error{Malformed, "not a frame of zstd"}
		}
	}
	if f.n < 5 {
		return nil
	}
	d := f.head[4]
	single := d&0x20 != 0
	size := [...]int{0, 2, 4, 8}[d>>6]
	at := 5
	if single {
		size = max(size, 1)
	} else {
		at++
	}
	if d&3 != 0 {
		return &Error{Unsupported, "a dictionary"}
	}
	if f.n < at+size {
		return nil
	}
	window := uint64(0)
	if single {
		var content [8]byte
		copy(content[:], f.head[at:at+size])
		if window = binary.LittleEndian.Uint64(content[:]); size == 2 {
			window += 256
		}
	} else {
		base := uint64(1) << (10 + f.head[5]>>3)
		window = base + base/8*uint64(f.head[5]&7)
	}
	if window > MaxWindow {
		return &Error{Unsupported, longWindow}
	}
	f.window, f.sum, f.part, f.n = int(window), d&4 != 0, blockHeader, 0
	return nil
}
