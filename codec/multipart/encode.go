package multipart

import (
	"unicode/utf8"

	"github.com/sealmesh/sealmesh/codec"
)

// An encoder is the [codec.Encoder] of fields or of files. The Splicer refuses
// what has the boundary in it.
type encoder struct{ file bool }

// Encode implements [codec.Encoder].
func (e *encoder) Encode(out *codec.Output, _, got []byte, kind codec.Kind) (fault string) {
	switch kind {
	case codec.Text:
		if !utf8.Valid(got) {
			return "the text is not UTF-8"
		}
		out.Commit(got)
		return ""
	case codec.Literal:
		return putLiteral(out, got)
	case codec.Bytes:
		if !e.file {
			return "a field has no binary values"
		}
		out.Commit(got)
		return ""
	}
	return "the value is raw, of another format"
}

// putLiteral writes the text of a JSON literal.
func putLiteral(out *codec.Output, literal []byte) (fault string) {
	text := codec.GetBuffer(len(literal))
	defer codec.PutBuffer(text)
	plain, ok := codec.LiteralText(*text, literal)
	if !ok {
		return "the literal has no text"
	}
	out.Put(plain)
	return ""
}
