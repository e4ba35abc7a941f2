package envelope

import (
	"errors"
	"fmt"

	"github.com/sealmesh/sealmesh/codec"
	"github.com/sealmesh/sealmesh/codec/suite"
)

// A Sealer seals values under one data key with one [suite.Cipher]. What its
// envelopes have in common, an inline record above all, it has encoded
// beforehand: of each value only the payload is. Safe for concurrent use.
type Sealer struct {
	suite  *suite.Suite
	cipher suite.Cipher
	heads  [lastKind + 1]head
	rest   []byte // what comes before the payload and does not fill a group of base64: at most two bytes
}

// A head is what envelopes of one kind of value begin with.
type head struct {
	text []byte // of all that comes before the payload and fills groups of base64
	aad  []byte
}

// NewSealer returns a Sealer for a Cipher of suite h.Suite under the data key
// of h.KeyID, which h.Record wraps unless it is nil. h.Kind is not used.
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

// group is how many bytes four characters of base64 stand for.
const group = 3

// Seal seals plaintext and appends the envelope's text to dst. On an error dst
// is as it was.
//
// It lays out payload and authenticated data behind the text, in dst's spare
// capacity, so that it copies nothing and, given [SealedCap] bytes of it,
// allocates nothing. None of what stays there is secret. It fails when
// plaintext or fieldContext lie there.
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

// SealedCap returns spare capacity enough for Seal, for lengths of an
// inline record (0 when by reference), a payload and a field context.
func SealedCap(record, payload, fieldContext int) int {
	return EncodedLen(record, payload) + group - 1 + payload + aadLen(fieldContext)
}

// Open opens payload, which [Parse] returned together with h and buf, with c,
// the Cipher of suite h.Suite under the data key of h.KeyID, and appends the
// plaintext to dst. Every failure is [suite.ErrOpen], and leaves dst as it was.
//
// The authenticated data is put behind what Parse left in buf; Open returns
// buf, which may have grown, for the next Parse. dst must not overlap it.
func Open(dst, buf []byte, h Header, c suite.Cipher, payload, fieldContext []byte) (out, grown []byte, err error) {
	n := len(buf)
	buf = AppendAAD(buf, h, fieldContext)
	out, err = c.Open(dst, payload, buf[n:])
	if err != nil {
		return dst, buf, err
	}
	return out, buf, nil
}
