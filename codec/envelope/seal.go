package envelope

import (
	"errors"
	"fmt"

	"github.com/sealmesh/sealmesh/codec/suite"
)

// Seal seals plaintext with c, a Cipher of suite h.Suite under the data key of
// h.KeyID, and appends the envelope's text to dst. On an error dst is as it was.
//
// It lays out header, payload and authenticated data behind the text, in dst's
// spare capacity, so that it copies nothing and, given [SealedCap] bytes of it,
// allocates nothing. None of what stays there is secret. It fails when plaintext or
// fieldContext lie there.
func Seal(dst []byte, h Header, c suite.Cipher, plaintext, fieldContext []byte) ([]byte, error) {
	if err := h.check(); err != nil {
		return dst, fmt.Errorf("seal: %w", err)
	}
	if c.Suite() != h.Suite { // nobody could open this
		return dst, fmt.Errorf("seal: a cipher of suite %d under a header of suite %d", c.Suite(), h.Suite)
	}
	payload := suite.ByID(h.Suite).Overhead + len(plaintext)
	n, size := EncodedLen(len(h.Record), payload), binaryLen(len(h.Record), payload)
	dst, work := reserve(dst, n, size+aadLen(len(fieldContext)))
	if suite.Overlap(work, plaintext) || suite.Overlap(work, fieldContext) {
		return dst, errors.New("seal: the destination overlaps what is sealed")
	}
	aad := AppendAAD(work[size:size], h, fieldContext)
	bin, err := c.Seal(appendHead(work[:0:size], h), plaintext, aad)
	if err != nil {
		return dst, err
	}
	return encode(dst, n, bin), nil
}

// SealedCap returns the spare capacity that Seal makes use of, for lengths of an
// inline record (0 when by reference), a payload and a field context.
func SealedCap(record, payload, fieldContext int) int {
	return EncodedLen(record, payload) + binaryLen(record, payload) + aadLen(fieldContext)
}

// Open opens payload, which [Parse] returned together with h and buf, with c, the
// Cipher of suite h.Suite under the data key of h.KeyID, and appends the plaintext to dst.
// Every failure is [suite.ErrOpen], and leaves dst as it was.
//
// The authenticated data is put behind what Parse left in buf; Open returns buf,
// which may have grown, for the next Parse. dst must not overlap it.
func Open(dst, buf []byte, h Header, c suite.Cipher, payload, fieldContext []byte) (out, grown []byte, err error) {
	n := len(buf)
	buf = AppendAAD(buf, h, fieldContext)
	out, err = c.Open(dst, payload, buf[n:])
	if err != nil {
		return dst, buf, err
	}
	return out, buf, nil
}
