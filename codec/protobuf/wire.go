package protobuf

import (
	"encoding/binary"
	"math/bits"
	"unicode/utf8"
)

// maxVarint is the length of the longest varint.
const maxVarint = 10

// maxLength is more than any body can hold in one field, and fits an int.
const maxLength = 1 << 30

// A varintFault says what is wrong with a varint.
type varintFault uint8

const (
	noFault  varintFault = iota
	cutShort             // the bytes end in it
	overlong             // a shorter varint has the same value
	overflow             // more than 64 bits
)

// readVarint reads the varint at the beginning of p. An overlong one is read,
// and reported.
func readVarint(p []byte) (v uint64, n int, fault varintFault) {
	for n < len(p) {
		b := p[n]
		if n == maxVarint-1 && b > 1 {
			return 0, 0, overflow
		}
		v |= uint64(b&0x7f) << (7 * n)
		if n++; b < 0x80 {
			if b == 0 && n > 1 {
				fault = overlong
			}
			return v, n, fault
		}
	}
	return 0, 0, cutShort
}

// skipVarint returns the length of the varint at the beginning of p, which may
// be overlong.
func skipVarint(p []byte) (n int, fault varintFault) {
	for n < len(p) {
		b := p[n]
		if n == maxVarint-1 && b > 1 {
			return 0, overflow
		}
		if n++; b < 0x80 {
			return n, noFault
		}
	}
	return 0, cutShort
}

// sizeVarint returns the length of the shortest varint of v.
func sizeVarint(v int) int { return (bits.Len64(uint64(v)|1) + 6) / 7 }

// packed reports whether p is a sequence of numbers of a wire type.
func packed(p []byte, wire uint8) bool {
	switch wire {
	case fixed32Wire:
		return len(p)%4 == 0
	case fixed64Wire:
		return len(p)%8 == 0
	}
	run := 0 // bytes of the varint so far
	for len(p) > 0 {
		if run == 0 && len(p) >= 8 && binary.LittleEndian.Uint64(p)&highBits == 0 {
			p = p[8:]
			continue
		}
		b := p[0]
		if run == maxVarint-1 && b > 1 {
			return false
		}
		if run++; b < 0x80 {
			run = 0
		}
		p = p[1:]
	}
	return run == 0
}

const highBits = 0x8080808080808080

// validText reports whether p is UTF-8. Most strings are short and ASCII.
func validText(p []byte) bool {
	for len(p) >= 8 {
		if binary.LittleEndian.Uint64(p)&highBits != 0 {
			return utf8.Valid(p)
		}
		p = p[8:]
	}
	for _, b := range p {
		if b >= utf8.RuneSelf {
			return utf8.Valid(p)
		}
	}
	return true
}
