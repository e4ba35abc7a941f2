package multipart

import (
	"bytes"
	"unicode/utf8"

	"github.com/sealmesh/sealmesh/codec"
)

// An encoder is the [codec.Encoder] of a part of some form. The Splicer refuses
// what has the boundary in it.
type encoder int

// Bits of an encoder.
const (
	inFile    = 1 << iota // the part is a file
	asciiOnly             // its charset has only ASCII in common with UTF-8
)

// Encode implements [codec.Encoder].
func (e *encoder) Encode(out *codec.Output, _, got []byte, kind codec.Kind) (fault string) {
	if *e&asciiOnly != 0 && kind != codec.Literal && bytes.ContainsFunc(got, isNotASCII) {
		return asciiFault
	}
	switch kind {
	case codec.Text:
		if !utf8.Valid(got) {
			return "the text is not UTF-8"
		}
		out.Commit(got)
		return ""
	case codec.Literal:
		return e.putLiteral(out, got)
	case codec.Bytes:
		if *e&inFile == 0 {
			return "a field has no binary values"
		}
		out.Commit(got)
		return ""
	}
	return "the value is raw, of another format"
}

const asciiFault = "the charset of the part is not UTF-8, and the text is not ASCII"

// putLiteral writes the text of a JSON literal.
func (e *encoder) putLiteral(out *codec.Output, literal []byte) (fault string) {
	text := codec.GetBuffer(len(literal))
	defer codec.PutBuffer(text)
	plain, ok := codec.LiteralText(*text, literal)
	if !ok {
		return "the literal has no text"
	}
	if *e&asciiOnly != 0 && bytes.ContainsFunc(plain, isNotASCII) {
		return asciiFault
	}
	out.Put(plain)
	return ""
}
