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
	if kind == codec.Literal {
		text := codec.GetBuffer(len(got))
		defer codec.PutBuffer(text)
		if got, fault = e.content(*text, got, kind); fault == "" {
			out.Put(got)
		}
		return fault
	}
	if got, fault = e.content(nil, got, kind); fault == "" {
		out.Commit(got)
	}
	return fault
}

// content returns what is written for a value: got, or the text of a literal,
// which is appended to dst.
func (e *encoder) content(dst, got []byte, kind codec.Kind) (content []byte, fault string) {
	switch kind {
	case codec.Text:
		if !utf8.Valid(got) {
			return nil, "the text is not UTF-8"
		}
	case codec.Literal:
		var ok bool
		if got, ok = codec.LiteralText(dst, got); !ok {
			return nil, "the literal has no text"
		}
	case codec.Bytes:
		if *e&inFile == 0 {
			return nil, "a field has no binary values"
		}
	default:
		return nil, "the value is raw, of another format"
	}
	if *e&asciiOnly != 0 && bytes.ContainsFunc(got, isNotASCII) {
		return nil, "the charset of the part is not UTF-8, and the text is not ASCII"
	}
	return got, ""
}
