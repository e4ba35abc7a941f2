package envelope

import (
	"crypto/hmac"
	"crypto/sha256"
	"encoding/binary"
	"maps"
	"slices"

	"github.com/sealmesh/sealmesh/codec/suite"
)

// Commitment returns HMAC-SHA256(key, "sealmesh/v1/data-key-id"). A data key that
// does not give the commitment of its record must not be used: no suite commits
// to its key, so this is what keeps one envelope from opening to two values. The
// half that is in every envelope resists collisions to 2^64 work, the whole in the
// record to 2^128. It is public: compare it as you like.
func Commitment(key []byte) [32]byte {
	m := hmac.New(sha256.New, key)
	m.Write([]byte(suite.LabelDataKeyID))
	return [32]byte(m.Sum(nil))
}

func aadLen(fieldContext int) int { return len(Prefix) + headLen + fieldContext }

// AppendAAD appends the authenticated data of a value sealed under h:
// "sm1.", suite, kind, key id, then fieldContext.
func AppendAAD(dst []byte, h Header, fieldContext []byte) []byte {
	dst = append(dst, Prefix...)
	dst = append(dst, byte(h.Suite), byte(h.Kind))
	dst = append(dst, h.KeyID[:]...)
	return append(dst, fieldContext...)
}

// FieldContext encodes a tag's name and bound pairs: each length-prefixed, pairs in order of name.
// No two different inputs give the same bytes.
func FieldContext(tag string, pairs map[string]string) []byte {
	c := appendLong(nil, tag)
	for _, name := range slices.Sorted(maps.Keys(pairs)) {
		c = appendLong(c, name)
		c = appendLong(c, pairs[name])
	}
	return c
}

func appendLong(dst []byte, s string) []byte {
	dst = binary.BigEndian.AppendUint32(dst, uint32(len(s)))
	return append(dst, s...)
}
