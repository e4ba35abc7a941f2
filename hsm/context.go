package hsm

import (
	"encoding/binary"
	"fmt"
	"maps"
	"slices"
	"unicode/utf8"
)

// Limits of an encryption context: the number of pairs, and the length of its
// encoded form in bytes. AWS KMS allows 8 KiB.
const (
	MaxContextPairs = 32
	MaxContextBytes = 8192
)

// An EncryptionContext is a set of non-secret name/value pairs that a provider
// binds to a data key when it wraps the key. A KMS writes the pairs to its
// audit log in clear, so a pair never holds a value from a body. The zero value
// is empty. Immutable, safe for concurrent use.
type EncryptionContext struct {
	pairs   map[string]string
	encoded string
}

// NewEncryptionContext copies pairs. It returns an error if a name or a value
// is empty or not valid UTF-8, or if pairs are past [MaxContextPairs] or
// [MaxContextBytes].
func NewEncryptionContext(pairs map[string]string) (EncryptionContext, error) {
	if len(pairs) > MaxContextPairs {
		return EncryptionContext{}, fmt.Errorf("encryption context: %d pairs, at most %d", len(pairs), MaxContextPairs)
	}
	var enc []byte
	for _, name := range slices.Sorted(maps.Keys(pairs)) {
		value := pairs[name]
		if name == "" || value == "" {
			return EncryptionContext{}, fmt.Errorf("encryption context: empty name or value at %q", name)
		}
		if !utf8.ValidString(name) || !utf8.ValidString(value) {
			return EncryptionContext{}, fmt.Errorf("encryption context: %q is not valid UTF-8", name)
		}
		enc = appendLengthPrefixed(appendLengthPrefixed(enc, name), value)
	}
	if len(enc) > MaxContextBytes {
		return EncryptionContext{}, fmt.Errorf("encryption context: %d bytes, at most %d", len(enc), MaxContextBytes)
	}
	return EncryptionContext{pairs: maps.Clone(pairs), encoded: string(enc)}, nil
}

func appendLengthPrefixed(dst []byte, s string) []byte {
	return append(binary.BigEndian.AppendUint16(dst, uint16(len(s))), s...)
}

// Map returns a copy of the pairs, nil when there are none.
func (c EncryptionContext) Map() map[string]string { return maps.Clone(c.pairs) }

// Encoded returns the canonical bytes: for each pair in order of name, the name
// and then the value, each after its length in two bytes, big endian. A
// provider whose back end cannot bind pairs binds these bytes.
func (c EncryptionContext) Encoded() []byte { return []byte(c.encoded) }

// Equal reports whether both contexts hold the same pairs.
func (c EncryptionContext) Equal(o EncryptionContext) bool { return c.encoded == o.encoded }
