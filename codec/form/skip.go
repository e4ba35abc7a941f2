package form

import (
	"encoding/binary"
	"math/bits"

	"github.com/sealmesh/sealmesh/codec"
)

// skipPairs reads pairs from p[i] on fast, while they are of the kind that most
// forms consist of: a name of letters and the like that no rule has, and a
// value in which nothing is refused. It returns the index of the first pair
// that it leaves to the full scanner, at the latest the one that the end of the
// piece may cut.
func (d *document) skipPairs(p []byte, i int) int {
	for {
		at := nameRun(p, i)
		n := at - i
		if at == len(p) || p[at] != '=' || n == 0 || n > d.quickName || d.named[p[i]]>>n&1 != 0 && d.isNamed(p[i:at]) {
			return i
		}
		value := at + 1
		at = plainRun(p, value)
		for at < len(p) && p[at] == '%' {
			k := wholeEscape(p[at:])
			if k == 0 {
				return i
			}
			at = plainRun(p, at+k)
		}
		if at == len(p) || p[at] != '&' {
			return i
		}
		if at-value >= codec.HeadLen && d.guard.Envelope != nil && hidesEnvelope(p[value:at], d.guard.Envelope) {
			return i
		}
		i = at + 1
	}
}

// endsName is special for names: the lowest bit that is set is that of the
// first byte that is not plain in a name, or below '0'.
func endsName(x uint64) uint64 {
	return (x | (x + ones) | (x - '0'*ones) | ((x ^ ';'*ones) - ones) | ((x ^ '='*ones) - ones) | ((x ^ '['*ones) - ones) | ((x ^ ']'*ones) - ones)) & highs
}

// nameRun returns the index of the first byte from p[i] on that is not plain in
// a name.
func nameRun(p []byte, i int) int {
	for i >= 0 && i <= len(p)-8 {
		hit := endsName(binary.LittleEndian.Uint64(p[i : i+8]))
		if hit == 0 {
			i += 8
			continue
		}
		i += bits.TrailingZeros64(hit) / 8
		if nameClass[p[i]] != namePlain {
			return i
		}
		i++
	}
	for i < len(p) && nameClass[p[i]] == namePlain {
		i++
	}
	return i
}
