package suite

import (
	"errors"
	"slices"
	"unsafe"
)

var errOverlap = errors.New("seal: the destination overlaps what is sealed")

// Overlap reports whether a and b share memory. A plaintext must not be in the
// memory that the result is written to: part of it would be overwritten before
// it is read, and the value would be lost.
func Overlap(a, b []byte) bool {
	return len(a) > 0 && len(b) > 0 &&
		uintptr(unsafe.Pointer(&a[0])) <= uintptr(unsafe.Pointer(&b[len(b)-1])) &&
		uintptr(unsafe.Pointer(&b[0])) <= uintptr(unsafe.Pointer(&a[len(a)-1]))
}

// grow gives dst room for n more bytes, and fails when plaintext or aad are in
// that memory.
func grow(dst []byte, n int, plaintext, aad []byte) ([]byte, error) {
	dst = slices.Grow(dst, n)
	if out := dst[len(dst) : len(dst)+n]; Overlap(out, plaintext) || Overlap(out, aad) {
		return nil, errOverlap
	}
	return dst, nil
}
