// Package envelope is the grammar of one sealed value, format 1. The format
// never changes: every later version of sealmesh opens it.
//
//	envelope   = "sm1." base64url(sealed)       ; RFC 4648 §5, no padding
//	sealed     = suite shape key-id [inline] payload
//	suite      = %d1-3                          ; package suite
//	shape      = OCTET                          ; bits 0-1: 0 by id, 1 inline
//	                                            ; bits 2-4: value kind 0-3, package codec;
//	                                            ; 4-7: later versions
//	                                            ; bits 5-7: zero
//	key-id     = 16OCTET                        ; commitment, first half
//	inline     = length record                  ; iff bits 0-1 are 1
//	payload    = *OCTET                         ; at least the suite's overhead
//
//	stored-key = "smk1." base64url(record)      ; a record outside an envelope
//	record     = %d1 commitment count 1*8wrap   ; count wraps, to the end
//	commitment = 32OCTET                        ; HMAC-SHA256(data key, "sealmesh/v1/data-key-id")
//	count      = %d1-8
//	wrap       = provider kek length wrapped
//	provider   = OCTET                          ; permanent number of the KMS or HSM back end
//	kek        = 4OCTET                         ; short reference; (provider, kek) is unique
//	wrapped    = 1*6144OCTET                    ; as many bytes as length says
//	length     = 2OCTET                         ; big endian, of what follows; never 0
//
//	aad        = "sm1." suite value-kind key-id context
//	value-kind = %d0-3
//	context    = string *(string string)        ; tag, then name and value in order of name
//	string     = 4OCTET *OCTET                  ; length, big endian, and as many bytes
//
// Both text forms are canonical: if a text parses, writing its parts again
// gives the same text, byte for byte.
//
// The authenticated data has the id of the data key, but not its record. So a
// data key can be wrapped again, and its record can move from the envelope to a
// store, without a change to the ciphertext.
//
// The authenticated data holds no path: a value opens wherever its tag and
// context are the same. Anyone who can write to the application's database can
// put one customer's value in another customer's place, or restore an old
// value. An envelope vouches for a value and its class, not for its place. To
// bind values to their place, give their tag a context pair from the request's
// path (context_from).
package envelope

import (
	"errors"

	"github.com/sealmesh/sealmesh/codec"
	"github.com/sealmesh/sealmesh/codec/suite"
)

// Prefix starts the text form of every envelope of format 1.
const Prefix = "sm1."

// MaxInline is the length in bytes of the longest record that an envelope can
// hold.
const MaxInline = 1<<16 - 1

// Errors of [Parse], [ParseRecord] and [ParseRecordText]. They say nothing
// about the input.
var (
	ErrNotEnvelope   = errors.New("parse: not a text of sealmesh")
	ErrMalformed     = errors.New("parse: malformed")
	ErrFutureVersion = errors.New("parse: written in a later format: upgrade sealmesh to read it")
	ErrUnknownSuite  = errors.New("parse: an unknown suite: upgrade sealmesh to open it")
)

// Lengths and bits of the binary form.
const (
	headLen    = 2 + len(KeyID{})
	byID       = 0
	inline     = 1
	kindShift  = 2
	kindBits   = 3
	lastKind   = codec.Raw
	lengthSize = 2
)

// KeyID is the first 16 bytes of a data key's commitment.
type KeyID [16]byte

// Header is an envelope without its payload.
type Header struct {
	Suite  suite.ID
	Kind   codec.Kind
	KeyID  KeyID
	Record []byte // inline wrapped-key record; nil where the key is by id
}

// Append appends the text form of h and payload to dst. It panics if [Parse]
// would refuse the result, or if h.Record or payload is in the spare capacity
// of dst, which Append writes to: in both cases the value would be lost.
func Append(dst []byte, h Header, payload []byte) []byte {
	if err := h.check(); err != nil {
		panic("envelope: append: " + err.Error())
	}
	if len(payload) < suite.ByID(h.Suite).Overhead {
		panic("envelope: append: the payload is shorter than the suite's overhead")
	}
	n := EncodedLen(len(h.Record), len(payload))
	size := binaryLen(len(h.Record), len(payload))
	dst, work := reserve(dst, n, size)
	if room := dst[len(dst) : len(dst)+n+size]; suite.Overlap(room, payload) || suite.Overlap(room, h.Record) {
		panic("envelope: append: the destination overlaps what is written")
	}
	return encode(append(dst, Prefix...), append(appendHead(work[:0], h), payload...))
}

// EncodedLen returns the length of the text form, given the lengths of an
// inline record (0 for an envelope by id) and of a payload.
func EncodedLen(record, payload int) int {
	return len(Prefix) + encoding.EncodedLen(binaryLen(record, payload))
}

// LongestText returns the length of the longest text form of a value that takes
// n bytes in a body, of any kind and under any suite.
func LongestText(n int) int {
	const position = 1 // before the bytes of a raw value
	return EncodedLen(MaxInline, n+position+suite.MaxOverhead)
}

// Parse decodes text into buf, which grows as needed, and returns the parts.
// The parts alias out, which the caller passes as buf to the next call. A text
// that Append would not have written is an error.
func Parse(buf []byte, text []byte) (h Header, payload, out []byte, err error) {
	body, err := version1(text, Prefix)
	if err != nil {
		return Header{}, nil, buf, err
	}
	bin, ok := decode(buf[:0], body)
	if !ok {
		return Header{}, nil, bin, ErrMalformed
	}
	h, payload, err = split(bin)
	return h, payload, bin, err
}

// split parses the binary form.
func split(bin []byte) (Header, []byte, error) {
	if len(bin) < headLen {
		return Header{}, nil, ErrMalformed
	}
	s := suite.ByID(suite.ID(bin[0]))
	if s == nil {
		return Header{}, nil, ErrUnknownSuite
	}
	shape := bin[1]
	h := Header{Suite: s.ID, Kind: codec.Kind(shape >> kindShift), KeyID: KeyID(bin[2:headLen])}
	rest := bin[headLen:]
	switch reference := shape & (1<<kindShift - 1); {
	case shape>>(kindShift+kindBits) != 0:
		return Header{}, nil, ErrMalformed
	case h.Kind > lastKind:
		return Header{}, nil, ErrFutureVersion
	case reference == inline:
		record, after, ok := cutString(rest)
		if !ok {
			return Header{}, nil, ErrMalformed
		}
		h.Record, rest = record, after
	case reference != byID:
		return Header{}, nil, ErrMalformed
	}
	if len(rest) < s.Overhead {
		return Header{}, nil, ErrMalformed
	}
	return h, rest, nil
}

// check reports whether Parse would accept h.
func (h Header) check() error {
	switch {
	case suite.ByID(h.Suite) == nil:
		return errors.New("unknown suite")
	case h.Kind > lastKind:
		return errors.New("unknown value kind")
	case len(h.Record) > MaxInline:
		return errors.New("the wrapped-key record is longer than 65535 bytes")
	}
	return nil
}

func binaryLen(record, payload int) int {
	if record > 0 {
		record += lengthSize
	}
	return headLen + record + payload
}

func appendHead(dst []byte, h Header) []byte {
	shape := byte(h.Kind) << kindShift
	if len(h.Record) > 0 {
		shape |= inline
	}
	dst = append(dst, byte(h.Suite), shape)
	dst = append(dst, h.KeyID[:]...)
	if len(h.Record) > 0 {
		dst = appendString(dst, h.Record)
	}
	return dst
}
