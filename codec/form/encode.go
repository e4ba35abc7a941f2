package form

import (
	"unicode/utf8"

	"github.com/sealmesh/sealmesh/codec"
)

// An encoder is the [codec.Encoder] of values. It writes text as the URL
// standard's serializer does: letters, digits and *-._ stay, a blank is +, and
// all else is escaped.
type encoder struct {
	place place
}

// Encode implements [codec.Encoder].
func (e *encoder) Encode(out *codec.Output, room, got []byte, kind codec.Kind) (fault string) {
	switch kind {
	case codec.Text:
		return putText(out, room, got)
	case codec.Literal:
		return putLiteral(out, got)
	case codec.Raw:
		return e.putRaw(out, got)
	}
	return "a form has no binary values"
}

// putText writes text, which follows room in memory unless it outgrew the room.
func putText(out *codec.Output, room, text []byte) (fault string) {
	if isSafe(text) {
		out.Commit(text)
		return ""
	}
	n, valid := escapedLen(text)
	if !valid {
		return "the text is not UTF-8, or has a NUL"
	}
	moved := codec.GetBuffer(len(text))
	*moved = append(*moved, text...)
	if cap(room) < n {
		room = out.Tail(n) // append would leave text behind where it grew
	}
	out.Commit(appendEscaped(room[:0], *moved))
	codec.PutBuffer(moved)
	return ""
}

// putLiteral writes the text of a JSON literal.
func putLiteral(out *codec.Output, literal []byte) (fault string) {
	text := codec.GetBuffer(len(literal))
	defer codec.PutBuffer(text)
	plain, ok := codec.LiteralText(*text, literal)
	n, valid := escapedLen(plain)
	if !ok || !valid {
		return "the literal has no text that a form can have"
	}
	out.Commit(appendEscaped(out.Tail(n), plain))
	return ""
}

// putRaw writes a raw value that came from a form or a query.
func (e *encoder) putRaw(out *codec.Output, raw []byte) (fault string) {
	if len(raw) == 0 || codec.Position(raw[0]) != codec.FormValue {
		return "the value is raw, of another format"
	}
	if !e.oneValue(raw[1:]) {
		return "the raw value is not one value of a form"
	}
	out.Commit(raw[:copy(raw, raw[1:])])
	return ""
}

// oneValue reports whether b is one value and nothing else. It keeps an opened
// value from ending early and adding members of its own.
func (e *encoder) oneValue(b []byte) bool {
	c := char{place: e.place}
	for i, x := range b {
		if x == '&' || x == '=' && (tail{}).add(b[:i]).isBracket() || c.step(x) != "" {
			return false
		}
	}
	return c.between()
}

// isSafe reports whether every byte of text stays as it is when it is encoded.
func isSafe(text []byte) bool {
	for _, c := range text {
		if charClasses[c] != charSafe {
			return false
		}
	}
	return true
}

// escapedLen returns the length of text once it is encoded, and whether it can
// be.
func escapedLen(text []byte) (n int, valid bool) {
	n = len(text)
	for _, c := range text {
		switch {
		case charClasses[c] == charSafe, c == ' ':
		case c == 0:
			return 0, false
		default:
			n += 2
		}
	}
	return n, n == len(text) || utf8.Valid(text)
}

func appendEscaped(dst, text []byte) []byte {
	const hex = "0123456789ABCDEF"
	for _, c := range text {
		switch {
		case charClasses[c] == charSafe:
			dst = append(dst, c)
		case c == ' ':
			dst = append(dst, '+')
		default:
			dst = append(dst, '%', hex[c>>4], hex[c&15])
		}
	}
	return dst
}

// isCanonical reports whether every byte of a value, which is valid, stands for
// itself, and whether the encoder writes the text of the value as it is.
func isCanonical(value []byte) (safe, canonical bool) {
	safe = true
	for i := 0; i < len(value); i++ {
		switch charClasses[value[i]] {
		case charSafe:
		case charPlus:
			safe = false
		case charEscape:
			high, low := value[i+1], value[i+2]
			c := unhex(high, low)
			if high >= 'a' || low >= 'a' || c == ' ' || charClasses[c] == charSafe {
				return false, false
			}
			safe, i = false, i+2
		default:
			return false, false
		}
	}
	return safe, true
}
