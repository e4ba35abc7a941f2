package multipart

import (
	"unicode/utf8"

	"github.com/sealmesh/sealmesh/codec"
)

// A text checks the content of a part that comes in pieces. The zero value is
// at the beginning of a part.
type text struct {
	char [utf8.UTFMax]byte // the character that the last piece cut
	cut  int               // bytes of it
	spot codec.Spotter
}

// characters reports whether the text up to the end of piece is UTF-8. bad is
// the index in piece of the byte that shows that it is not.
func (t *text) characters(piece []byte) (bad int, ok bool) {
	i := 0
	for t.cut > 0 && i < len(piece) {
		t.char[t.cut] = piece[i]
		t.cut++
		if utf8.FullRune(t.char[:t.cut]) {
			if !utf8.Valid(t.char[:t.cut]) {
				return i, false
			}
			t.cut = 0
		}
		i++
	}
	end := len(piece) - cutRune(piece[i:])
	if !utf8.Valid(piece[i:end]) {
		return i + badByte(piece[i:end]), false
	}
	t.cut += copy(t.char[t.cut:], piece[end:])
	return 0, true
}

// cutRune returns the length of the incomplete character that p ends with.
func cutRune(p []byte) int {
	for n := 1; n < utf8.UTFMax && n <= len(p); n++ {
		if tail := p[len(p)-n:]; utf8.RuneStart(tail[0]) {
			if utf8.FullRune(tail) {
				return 0
			}
			return n
		}
	}
	return 0
}

// badByte returns the index of the byte that shows that p is not UTF-8.
func badByte(p []byte) int {
	i := 0
	for {
		r, n := utf8.DecodeRune(p[i:])
		if r == utf8.RuneError && n == 1 {
			break
		}
		i += n
	}
	for n := 1; i+n <= len(p); n++ {
		if utf8.FullRune(p[i : i+n]) {
			return i + n - 1
		}
	}
	return len(p)
}

// look looks for an envelope in a piece. whole says that the piece is all of
// the content.
func (t *text) look(piece []byte, whole bool, isHead func([]byte) bool) {
	if whole {
		t.spot.Skip(codec.HoldsEnvelope(piece, isHead))
		return
	}
	const seam = codec.HeadLen
	if len(piece) < 4*seam {
		t.spell(piece, isHead)
		return
	}
	t.spell(piece[:seam], isHead)
	t.spot.Skip(codec.HoldsEnvelope(piece, isHead))
	t.spell(piece[len(piece)-seam:], isHead)
}

func (t *text) spell(piece []byte, isHead func([]byte) bool) {
	for _, c := range piece {
		t.spot.Char(c, isHead)
	}
}

// found reports whether the content so far holds an envelope.
func (t *text) found() bool { return t.spot.Found() }
