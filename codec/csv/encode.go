package csv

import (
	"bytes"
	"strings"
	"unicode/utf8"

	"github.com/sealmesh/sealmesh/codec"
)

// Encode implements [codec.Encoder]: a text is written in the quotes of the
// field that it replaces, and gets quotes if it needs them.
func (w *writer) Encode(out *codec.Output, room, got []byte, kind codec.Kind) (fault string) {
	f := w.forms[w.turn-1]
	switch kind {
	case codec.Text:
		return w.put(out, room, got, f)
	case codec.Literal:
		b := codec.GetBuffer(len(got))
		defer codec.PutBuffer(b)
		text, ok := codec.LiteralText(*b, got)
		if !ok {
			return "the value has no text"
		}
		return w.put(out, nil, text, f)
	case codec.Raw:
		return w.putRaw(out, got, f)
	}
	return "a field has no binary values"
}

// putRaw writes a raw value, which must be exactly one field.
func (w *writer) putRaw(out *codec.Output, raw []byte, f form) (fault string) {
	if len(raw) == 0 || codec.Position(raw[0]) != codec.CSVField {
		return "the value is raw, of another format"
	}
	raw = raw[1:]
	if len(raw) == 0 || raw[0] != '"' {
		if traits, _ := w.d.inspect(raw); traits != 0 {
			return rawDetail
		}
		return w.put(out, nil, raw, f)
	}
	if len(raw) < 2 || raw[len(raw)-1] != '"' {
		return rawDetail
	}
	b := codec.GetBuffer(len(raw))
	defer codec.PutBuffer(b)
	*b = appendSingle(*b, raw[1:len(raw)-1])
	if len(*b)+2+bytes.Count(*b, quote) != len(raw) {
		return rawDetail
	}
	return w.put(out, nil, *b, f|inQuotes)
}

const rawDetail = "the raw value is not one field"

var quote = []byte{'"'}

// put writes text. It follows room if [codec.InPlace].
func (w *writer) put(out *codec.Output, room, text []byte, f form) (fault string) {
	traits, quotes := w.d.inspect(text)
	quoted := f&inQuotes != 0 || traits&needsQuotes != 0 || len(text) == 0 && f&alone != 0
	switch {
	case traits&notText != 0:
		return "the text has control characters, or is not UTF-8"
	case quoted && !w.d.quotes:
		return "the text has a TAB, a line end or a quote, or is empty and alone in its row"
	case !w.d.backslash && (traits&slashQuote != 0 || traits&slashEnd != 0):
		return slashDetail
	case f&firstHere != 0 && opensBody(text):
		return "the body would begin with sep= or a byte order mark"
	case quoted:
		putQuoted(out, room, text, quotes)
	case codec.InPlace(room, text) && room != nil:
		out.Commit(text)
	default:
		out.Put(text)
	}
	return ""
}

// putQuoted writes text in quotes. It has that many quotes itself.
func putQuoted(out *codec.Output, room, text []byte, quotes int) {
	n := len(text) + quotes + len(`""`)
	if room != nil && quotes == 0 && codec.InPlace(room, text) && cap(room) >= n {
		b := room[:n]
		copy(b[1:], text)
		b[0], b[n-1] = '"', '"'
		out.Commit(b)
		return
	}
	moved := codec.GetBuffer(len(text))
	*moved = append(*moved, text...)
	b := append(out.Tail(n), '"')
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
