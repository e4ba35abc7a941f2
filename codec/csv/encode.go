package csv

import (
	"bytes"
	"strings"
	"unicode/utf8"

	"github.com/sealmesh/sealmesh/codec"
)

// Forms of a field. They are added.
const (
	inQuotes  = 1 << iota // in quotes
	alone                 // the only field of its row
	firstHere             // the first of the document
	forms
)

// An encoder is the [codec.Encoder] of fields of one form.
type encoder struct {
	*dialect
	form int
}

// encoders has an encoder for each form.
type encoders [forms]encoder

// use readies e for a dialect.
func (e *encoders) use(d *dialect) {
	for form := range e {
		e[form] = encoder{d, form}
	}
}

// Encode implements [codec.Encoder]: a text is written in the quotes of the
// field that it replaces, and gets quotes if it needs them.
func (e *encoder) Encode(out *codec.Output, room, got []byte, kind codec.Kind) (fault string) {
	switch kind {
	case codec.Text:
		return e.put(out, room, got, e.form&inQuotes != 0)
	case codec.Literal:
		b := codec.GetBuffer(len(got))
		defer codec.PutBuffer(b)
		text, ok := codec.LiteralText(*b, got)
		if !ok {
			return "the value has no text"
		}
		return e.put(out, nil, text, e.form&inQuotes != 0)
	case codec.Raw:
		return e.putRaw(out, got)
	}
	return "a field has no binary values"
}

// putRaw writes a raw value, which must be exactly one field.
func (e *encoder) putRaw(out *codec.Output, raw []byte) (fault string) {
	if len(raw) == 0 || codec.Position(raw[0]) != codec.CSVField {
		return "the value is raw, of another format"
	}
	raw = raw[1:]
	if len(raw) == 0 || raw[0] != '"' {
		if traits, _ := e.inspect(raw); traits != 0 {
			return rawDetail
		}
		return e.put(out, nil, raw, e.form&inQuotes != 0)
	}
	if len(raw) < 2 || raw[len(raw)-1] != '"' {
		return rawDetail
	}
	b := codec.GetBuffer(len(raw))
	defer codec.PutBuffer(b)
	for rest := raw[1 : len(raw)-1]; ; {
		k := bytes.IndexByte(rest, '"')
		if k < 0 {
			*b = append(*b, rest...)
			return e.put(out, nil, *b, true)
		}
		if k+1 == len(rest) || rest[k+1] != '"' {
			return rawDetail
		}
		*b, rest = append(*b, rest[:k+1]...), rest[k+2:]
	}
}

const rawDetail = "the raw value is not one field"

// put writes text, in quotes if quoted says so. The text follows room, which
// has the quote already, unless it outgrew the room or room is nil.
func (e *encoder) put(out *codec.Output, room, text []byte, quoted bool) (fault string) {
	traits, quotes := e.inspect(text)
	quoted = quoted || traits&needsQuotes != 0 || len(text) == 0 && e.form&alone != 0
	switch {
	case traits&notText != 0:
		return "the text has control characters, or is not UTF-8"
	case quoted && !e.quotes:
		return "the text has a TAB, a line end or a quote, or is empty and alone in its row"
	case !e.backslash && traits&(slashQuote|slashEnd) != 0:
		return slashDetail
	case e.form&firstHere != 0 && opensBody(text):
		return "the body would begin with sep= or a byte order mark"
	case !quoted && len(room) == 0 && room != nil:
		out.Commit(text)
	case !quoted:
		out.Put(text)
	case quotes == 0 && len(room) == 1 && codec.InPlace(room, text):
		out.Commit(append(room[:1+len(text)], '"'))
	default:
		putQuoted(out, text, quotes)
	}
	return ""
}

// putQuoted writes a copy of text in quotes. It has that many quotes itself.
func putQuoted(out *codec.Output, text []byte, quotes int) {
	moved := codec.GetBuffer(len(text)) // text may be where Tail is
	*moved = append(*moved, text...)
	b := append(out.Tail(len(text)+quotes+len(`""`)), '"')
	for rest := *moved; ; {
		k := bytes.IndexByte(rest, '"')
		if k < 0 {
			b = append(append(b, rest...), '"')
			break
		}
		b = append(append(b, rest[:k+1]...), '"')
		rest = rest[k+1:]
	}
	out.Commit(b)
	codec.PutBuffer(moved)
}

// opensBody reports whether text at the start of a body means something else to
// a reader.
func opensBody(text []byte) bool {
	return len(text) >= 4 && strings.EqualFold(string(text[:4]), "sep=") || bytes.HasPrefix(text, []byte(byteOrderMark))
}

// traits are what a text has that not every field can have.
type traits uint8

const (
	needsQuotes traits = 1 << iota // a delimiter, a line end or a quote
	notText                        // control characters, or bytes that are not UTF-8
	slashQuote                     // a backslash before a quote
	slashEnd                       // a backslash at the end
)

// inspect returns the traits of text, and the number of quotes in it.
func (d *dialect) inspect(text []byte) (t traits, quotes int) {
	i := 0
	for i <= len(text)-8 && special(text[i:], d.stop) == 0 {
		i += 8
	}
	ascii := true
	for ; i < len(text); i++ {
		c := text[i]
		switch {
		case d.plain[c] == plainByte:
		case c >= 0x80:
			ascii = false
		case c == '"':
			quotes++
			if i > 0 && text[i-1] == '\\' {
				t |= slashQuote
			}
			t |= needsQuotes
		case d.plain[c] == badByte:
			t |= notText
		default:
			t |= needsQuotes
		}
	}
	if !ascii {
		t |= inspectRunes(text)
	}
	if len(text) > 0 && text[len(text)-1] == '\\' {
		t |= slashEnd
	}
	return t, quotes
}

// inspectRunes is inspect for what is outside ASCII.
func inspectRunes(text []byte) (t traits) {
	if !utf8.Valid(text) {
		return notText
	}
	if bytes.ContainsFunc(text, isLineEnd) {
		return needsQuotes
	}
	return 0
}

// appendSingle appends the inside of a field in quotes to dst, each double
// quote as one.
func appendSingle(dst, inside []byte) []byte {
	for {
		k := bytes.IndexByte(inside, '"')
		if k < 0 {
			return append(dst, inside...)
		}
		dst = append(dst, inside[:k+1]...)
		inside = inside[min(k+2, len(inside)):]
	}
}
