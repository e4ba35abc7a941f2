package envelope

import (
	"errors"
	"fmt"

	"github.com/sealmesh/sealmesh/codec"
	"github.com/sealmesh/sealmesh/codec/suite"
)

// A Sealer seals values under one data key with one [suite.Cipher]. It encodes
// once what its envelopes have in common, such as an inline record, and encodes
// only the payload for each value. Safe for concurrent use.
type Sealer struct {
	suite  *suite.Suite
	cipher suite.Cipher
	heads  [lastKind + 1]head
	rest   []byte // the last bytes before the payload that fill no group of base64, at most two
}

// A head is the beginning of the envelopes of one kind of value.
type head struct {
	text []byte // of the bytes before the payload that fill groups of base64
	aad  []byte // but the field context
}

// NewSealer returns a Sealer for c, a Cipher of suite h.Suite under the data
// key of h.KeyID. h.Record is the data key's record for inline envelopes, or
// nil. h.Kind is not used.
func NewSealer(h Header, c suite.Cipher) (*Sealer, error) {
	h.Kind = codec.Text
	if err := h.check(); err != nil {
		return nil, fmt.Errorf("seal: %w", err)
	}
	if c.Suite() != h.Suite { // nobody could open this
		return nil, fmt.Errorf("seal: a cipher of suite %d under a header of suite %d", c.Suite(), h.Suite)
	}
	s := &Sealer{suite: suite.ByID(h.Suite), cipher: c}
	for kind := range s.heads {
		h.Kind = codec.Kind(kind)
		bin := appendHead(nil, h)
		whole := len(bin) / group * group
		s.heads[kind] = head{encoding.AppendEncode([]byte(Prefix), bin[:whole]), AppendAAD(nil, h, nil)}
		s.rest = bin[whole:]
	}
	return s, nil
}

// group is the number of bytes that four characters of base64 encode.
const group = 3

// Seal seals plaintext and appends the envelope's text to dst. On an error, dst
// is as it was.
//
// Seal uses the spare capacity of dst after the text for the payload and the
// authenticated data, which are not secret. It allocates nothing if the spare
// capacity is twice the length of the text, plus the length of fieldContext and
// 32 bytes. It fails if plaintext or fieldContext is in that memory.
func (s *Sealer) Seal(dst []byte, kind codec.Kind, plaintext, fieldContext []byte) ([]byte, error) {
	if kind > lastKind {
		return dst, errors.New("seal: unknown value kind")
	}
	head := &s.heads[kind]
	size := len(s.rest) + s.suite.Overhead + len(plaintext)
	n := len(head.text) + encoding.EncodedLen(size)
	dst, work := reserve(dst, n, size+aadLen(len(fieldContext)))
	if suite.Overlap(work, plaintext) || suite.Overlap(work, fieldContext) {
		return dst, errors.New("seal: the destination overlaps what is sealed")
	}
	aad := append(append(work[size:size], head.aad...), fieldContext...)
	bin, err := s.cipher.Seal(append(work[:0:size], s.rest...), plaintext, aad)
	if err != nil {
		return dst, err
	}
	return encode(append(dst, head.text...), bin), nil
}

// Open opens payload and appends the plaintext to dst. payload, h and buf are
// the results of one call of [Parse]; c is the Cipher of suite h.Suite under
// the data key h.KeyID. Every failure is [suite.ErrOpen], and leaves dst as it
// was.
//
// Open appends the authenticated data to buf, and returns the result as grown,
// for the next call of Parse. dst must not overlap buf.
func Open(dst, buf []byte, h Header, c suite.Cipher, payload, fieldContext []byte) (out, grown []byte, err error) {
	n := len(buf)
	buf = AppendAAD(buf, h, fieldContext)
	out, err = c.Open(dst, payload, buf[n:])
	if err != nil {
		return dst, buf, err
	}
	return out, buf, nil
}
