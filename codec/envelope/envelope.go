// Package envelope is the grammar of one sealed value, format 1. It never changes:
// an envelope that any version of sealmesh wrote opens for ever.
package envelope

import (
	"github.com/sealmesh/sealmesh/codec"
	"github.com/sealmesh/sealmesh/codec/suite"
)

// Prefix starts the text form of every envelope of format 1.
const Prefix = "sm1."

// KeyID is the first 16 bytes of a data key's commitment.
type KeyID [16]byte

// Header is everything of an envelope but its payload.
type Header struct {
	Suite  suite.ID
	Kind   codec.Kind
	KeyID  KeyID
	Record []byte // inline wrapped-key record, nil when the key is by reference
}

// Commitment returns HMAC-SHA256(key, "sealmesh/v1/data-key-id").
func Commitment(key []byte) [32]byte { panic("not yet") }

// Append appends the text form of h and payload to dst.
func Append(dst []byte, h Header, payload []byte) []byte { panic("not yet") }

// EncodedLen returns the length of the text form.
func EncodedLen(record, payload int) int { panic("not yet") }

// Parse decodes text into buf (grown as needed) and returns the parts, which
// alias the returned buffer. Every text that Append would not have produced is an error.
func Parse(buf []byte, text []byte) (h Header, payload, out []byte, err error) { panic("not yet") }

// AppendAAD appends the authenticated data of a value sealed under h:
// "sm1.", suite, kind, key id, then fieldContext.
func AppendAAD(dst []byte, h Header, fieldContext []byte) []byte { panic("not yet") }

// FieldContext encodes a tag's name and bound pairs: each length-prefixed, pairs in order of name.
func FieldContext(tag string, pairs map[string]string) []byte { panic("not yet") }

// A Record is a wrapped-key record: one data key, wrapped by one or more KEKs.
type Record struct {
	Commitment [32]byte
	Wraps      []Wrap
}

// A Wrap is one data key wrapped by one KEK.
type Wrap struct {
	Kind    uint8   // permanent number of the provider kind
	KEK     [4]byte // short reference of the KEK
	Wrapped []byte
}

// AppendRecord appends r's binary form.
func AppendRecord(dst []byte, r Record) []byte { panic("not yet") }

// ParseRecord is its inverse, and as canonical as Parse. Wraps alias b.
func ParseRecord(b []byte) (Record, error) { panic("not yet") }
