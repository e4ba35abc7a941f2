package wire

import (
	"errors"

	"google.golang.org/protobuf/encoding/protowire"
)

var (
	errMalformed = errors.New("wire: malformed ProcessingRequest")

	// errUnusual leaves a message to the generated code. The message is well
	// formed as far as it was read, but this package does not implement its
	// meaning.
	errUnusual = errors.New("wire: unusual ProcessingRequest")
)

// A cursor reads one protobuf message, which may span several buffers. A copy
// of a cursor is independent.
type cursor struct {
	segments [][]byte
	offset   int // in segments[0]
	left     int // bytes to the end of the message
}

func newCursor(segments [][]byte) cursor {
	c := cursor{segments: segments}
	for _, s := range segments {
		c.left += len(s)
	}
	return c
}

// within returns a cursor over the next n bytes, n <= c.left.
func (c *cursor) within(n int) cursor {
	return cursor{c.segments, c.offset, n}
}

// tag reads the tag of the next field.
func (c *cursor) tag() (protowire.Number, protowire.Type, error) {
	v, err := c.varint()
	if err != nil {
		return 0, 0, err
	}
	return splitTag(v)
}

func splitTag(v uint64) (protowire.Number, protowire.Type, error) {
	if n := v >> 3; n < uint64(protowire.MinValidNumber) || n > uint64(protowire.MaxValidNumber) {
		return 0, 0, errMalformed
	}
	return protowire.Number(v >> 3), protowire.Type(v & 7), nil
}

// varint reads a varint, which may span buffers.
func (c *cursor) varint() (uint64, error) {
	var spill [10]byte // the longest varint
	v, n := protowire.ConsumeVarint(c.peek(spill[:]))
	if n < 0 {
		return 0, errMalformed
	}
	c.skip(n)
	return v, nil
}

// length reads the length of a field, and checks that its bytes follow.
func (c *cursor) length() (int, error) {
	v, err := c.varint()
	if err != nil || v > uint64(c.left) {
		return 0, errMalformed
	}
	return int(v), nil
}

// pass skips the value of a field that is not used.
func (c *cursor) pass(typ protowire.Type) error {
	n, err := 0, error(nil)
	switch typ {
	case protowire.VarintType:
		_, err = c.varint()
	case protowire.BytesType:
		n, err = c.length()
	case protowire.Fixed32Type:
		n = 4
	case protowire.Fixed64Type:
		n = 8
	case protowire.StartGroupType:
		err = errUnusual
	default:
		err = errMalformed
	}
	if err == nil && n > c.left {
		err = errMalformed
	}
	if err == nil {
		c.skip(n)
	}
	return err
}

// peek returns at least the next len(spill) bytes of the message, or all that
// are left. It copies to spill only what spans buffers.
func (c *cursor) peek(spill []byte) []byte {
	want := min(len(spill), c.left)
	if want == 0 {
		return nil
	}
	if s := c.segments[0][c.offset:]; len(s) >= want {
		return s[:min(len(s), c.left)]
	}
	return spill[:c.copyTo(spill[:want])]
}

// copyTo copies the next len(dst) bytes, at most c.left, without skipping them.
func (c *cursor) copyTo(dst []byte) (n int) {
	offset := c.offset
	for _, s := range c.segments {
		n += copy(dst[n:], s[offset:])
		if offset = 0; n == len(dst) {
			break
		}
	}
	return n
}

// skip skips n bytes, n <= c.left.
func (c *cursor) skip(n int) {
	c.left -= n
	c.offset += n
	for len(c.segments) > 0 && c.offset >= len(c.segments[0]) {
		c.offset -= len(c.segments[0])
		c.segments = c.segments[1:]
	}
}

// take reads the next n bytes, n <= c.left, as one slice: a view if they are in
// one buffer, else a copy.
func (c *cursor) take(n int) []byte {
	if n == 0 {
		return nil
	}
	var b []byte
	if s := c.segments[0][c.offset:]; len(s) >= n {
		b = s[:n:n]
	} else {
		b = make([]byte, n)
		c.copyTo(b)
	}
	c.skip(n)
	return b
}

// pieces reads the next n bytes, n <= c.left, and appends views of them to dst.
func (c *cursor) pieces(dst [][]byte, n int) [][]byte {
	for n > 0 {
		s := c.segments[0][c.offset:]
		s = s[:min(n, len(s)):min(n, len(s))]
		dst = append(dst, s)
		n -= len(s)
		c.skip(len(s))
	}
	return dst
}
