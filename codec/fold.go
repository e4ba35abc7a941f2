package codec

import (
	"unicode"
	"unicode/utf8"
)

// appendFold appends name with every character replaced by the representative
// of those that differ from it only in case (Unicode simple folding, as
// strings.EqualFold compares): "SSN", "ssn" and "\u017f\u017fn" become equal.
// Bytes that are not UTF-8 stay as they are.
func appendFold(dst, name []byte) []byte {
	for i := 0; i < len(name); {
		c := name[i]
		if c < utf8.RuneSelf {
			if 'A' <= c && c <= 'Z' {
				c |= 0x20
			}
			dst, i = append(dst, c), i+1
			continue
		}
		r, n := utf8.DecodeRune(name[i:])
		if r == utf8.RuneError && n == 1 {
			dst = append(dst, c)
		} else {
			dst = utf8.AppendRune(dst, foldRune(r))
		}
		i += n
	}
	return dst
}

// foldRune returns the representative of r: the ASCII lower case letter if
// there is one, or the smallest rune.
func foldRune(r rune) rune {
	least := r
	for f := unicode.SimpleFold(r); f != r; f = unicode.SimpleFold(f) {
		least = min(least, f)
	}
	if 'A' <= least && least <= 'Z' {
		least |= 0x20
	}
	return least
}

func foldSegments(segs []segment) {
	for i := range segs {
		segs[i].name = string(appendFold(nil, []byte(segs[i].name)))
	}
}
