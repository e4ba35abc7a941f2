package envelope

import (
	"crypto/hmac"
	"crypto/sha256"
	"encoding/binary"
	"maps"
	"slices"

	"github.com/sealmesh/sealmesh/codec/suite"
)

// Commitment returns HMAC-SHA256(key, "sealmesh/v1/data-key-id"). Do not use a
// data key whose commitment differs from the commitment in its record: no suite
// commits to its key, so only the commitment keeps one envelope from opening to
// two values. Half of the commitment is in every envelope, and resists
// collisions up to 2^64 work. The whole is in the record, and resists them up
// to 2^128. A commitment is public: comparing it need not take constant time.
func Commitment(key []byte) [32]byte {
	m := hmac.New(sha256.New, key)
	m.Write([]byte(suite.LabelDataKeyID))
	return [32]byte(m.Sum(nil))
}

func aadLen(fieldContext int) int { return len(Prefix) + headLen + fieldContext }

// AppendAAD appends to dst the authenticated data of a value sealed under h:
// "sm1.", suite, kind, key id, then fieldContext.
func AppendAAD(dst []byte, h Header, fieldContext []byte) []byte {
	dst = append(dst, Prefix...)
	dst = append(dst, byte(h.Suite), byte(h.Kind))
	dst = append(dst, h.KeyID[:]...)
	return append(dst, fieldContext...)
}

// A Frame is a field context without the values of some pairs. A field context
// is a tag's name, then the bound pairs in order of name. Each string follows
// its length, so different inputs never give the same bytes. Immutable, safe
// for concurrent use.
type Frame struct {
	pieces [][]byte // the bytes before, between and after those values
	size   int      // of all pieces
}

// NewFrame returns the Frame of a tag's name and of its pairs. open are the
// names of further pairs, whose values are given to Context. If a name is in
// both, its value in pairs is ignored.
func NewFrame(tag string, pairs map[string]string, open ...string) Frame {
	names := slices.Concat(slices.Collect(maps.Keys(pairs)), open)
	slices.Sort(names)
	piece := appendLong(nil, tag)
	var f Frame
	for _, name := range slices.Compact(names) {
		piece = appendLong(piece, name)
		if !slices.Contains(open, name) {
			piece = appendLong(piece, pairs[name])
			continue
		}
		f.add(piece)
		piece = nil
	}
	f.add(piece)
	return f
}

func (f *Frame) add(piece []byte) {
	f.pieces, f.size = append(f.pieces, piece), f.size+len(piece)
}

// Context returns the field context. values has one value for each open pair,
// in order of their names. It allocates once.
func (f Frame) Context(values []string) []byte {
	n := f.size
	for _, v := range values {
		n += longSize + len(v)
	}
	c := make([]byte, 0, n)
	for i, piece := range f.pieces {
		c = append(c, piece...)
		if i < len(values) {
			c = appendLong(c, values[i])
		}
	}
	return c
}

const longSize = 4 // bytes of a length

func appendLong(dst []byte, s string) []byte {
	dst = binary.BigEndian.AppendUint32(dst, uint32(len(s)))
	return append(dst, s...)
}
