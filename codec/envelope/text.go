package envelope

import (
	"bytes"
	"encoding/base64"
	"encoding/binary"
	"slices"

	"github.com/sealmesh/sealmesh/codec"
)

// encoding is strict: it refuses trailing bits that are not zero.
var encoding = base64.RawURLEncoding.Strict()

// reserve gives dst room for n bytes of text and for the size bytes that the
// text is encoded from. It returns the latter as work.
func reserve(dst []byte, n, size int) (grown, work []byte) {
	dst = slices.Grow(dst, n+size)
	start := len(dst) + n
	return dst, dst[start : start+size : start+size]
}

// encode appends the text of bin to dst, which has room for it.
func encode(dst, bin []byte) []byte {
	start := len(dst)
	dst = dst[:start+encoding.EncodedLen(len(bin))]
	encoding.Encode(dst[start:], bin)
	return dst
}

// decode appends the bytes that text encodes. It accepts one text for each
// result. The decoder skips line ends; the length of the result shows them.
func decode(dst, text []byte) ([]byte, bool) {
	if len(text)%4 == 1 {
		return dst, false
	}
	size := encoding.DecodedLen(len(text))
	start := len(dst)
	dst = slices.Grow(dst, size)[:start+size]
	n, err := encoding.Decode(dst[start:], text)
	return dst, err == nil && n == size
}

// version1 strips prefix, whose last two bytes are "1.". The same prefix with a
// higher number is [ErrFutureVersion].
func version1(text []byte, prefix string) ([]byte, error) {
	if body, ok := bytes.CutPrefix(text, []byte(prefix)); ok {
		return body, nil
	}
	rest, ok := bytes.CutPrefix(text, []byte(prefix[:len(prefix)-2]))
	digits := 0
	for digits < len(rest) && rest[digits] >= '0' && rest[digits] <= '9' {
		digits++
	}
	if !ok || digits == 0 || digits == len(rest) || rest[digits] != '.' || rest[0] == '0' {
		return nil, ErrNotEnvelope
	}
	return nil, ErrFutureVersion
}

// appendString appends the length of p and p. The caller has checked that the
// length fits two bytes.
func appendString(dst, p []byte) []byte {
	dst = binary.BigEndian.AppendUint16(dst, uint16(len(p)))
	return append(dst, p...)
}

// cutString undoes appendString. An empty string is an error.
func cutString(p []byte) (s, rest []byte, ok bool) {
	if len(p) < lengthSize {
		return nil, nil, false
	}
	n := int(binary.BigEndian.Uint16(p))
	p = p[lengthSize:]
	if n == 0 || n > len(p) {
		return nil, nil, false
	}
	return p[:n:n], p[n:], true
}

// laterSuites is the highest suite number that IsHead takes for a suite. While
// a fleet is upgraded, an envelope of a later suite that this version let in
// would open in the next.
const laterSuites = 15

// IsHead reports whether text begins an envelope of this version or of a later
// one, for [codec.Guard]. An envelope that is cut off after its head counts
// too: a client could store the rest elsewhere and join the two.
func IsHead(text []byte) bool {
	body, ok := bytes.CutPrefix(text, []byte(Prefix))
	if !ok || len(text) < codec.HeadLen {
		return false
	}
	var bin [headLen]byte
	n, err := encoding.Decode(bin[:], body[:codec.HeadLen-len(Prefix)])
	return err == nil && n == headLen && bin[0] > 0 && bin[0] <= laterSuites &&
		bin[1]>>(kindShift+kindBits) == 0 && bin[1]&(1<<kindShift-1) <= inline
}
