package codec

import (
	"bytes"
	"encoding/json"
	"unicode/utf16"
	"unicode/utf8"
)

// LiteralText appends to dst the text of a [Literal], as formats other than
// JSON write the value: a number, true and false as they are, a string without
// quotes and escapes. ok is false for what has no text that every reader knows:
// null, an object, an array, half a surrogate pair, and bytes that are not one
// JSON value. LiteralText may allocate.
func LiteralText(dst, literal []byte) (text []byte, ok bool) {
	if !json.Valid(literal) || len(bytes.TrimSpace(literal)) < len(literal) {
		return dst, false
	}
	switch literal[0] {
	case 'n', '{', '[':
		return dst, false
	case '"':
		return UnescapeJSON(dst, literal[1:len(literal)-1])
	}
	return append(dst, literal...), true
}

// UnescapeJSON appends to dst the text of s, the inside of a valid JSON string.
// ok is false for half a surrogate pair, which UTF-8 cannot encode. The text is
// never longer than s.
func UnescapeJSON(dst, s []byte) (text []byte, ok bool) {
	for i := 0; i < len(s); {
		if s[i] != '\\' {
			start := i
			for i < len(s) && s[i] != '\\' {
				i++
			}
			dst = append(dst, s[start:i]...)
			continue
		}
		if s[i+1] != 'u' {
			dst = append(dst, jsonEscapes[s[i+1]])
			i += 2
			continue
		}
		r := hex4(s[i+2:])
		i += 6
		if utf16.IsSurrogate(r) {
			if len(s)-i < 6 || s[i] != '\\' || s[i+1] != 'u' {
				return dst, false
			}
			r = utf16.DecodeRune(r, hex4(s[i+2:]))
			i += 6
			if r == utf8.RuneError {
				return dst, false
			}
		}
		dst = utf8.AppendRune(dst, r)
	}
	return dst, true
}

// jsonEscapes is the character of a two-character escape.
var jsonEscapes = [256]byte{
	'"': '"', '\\': '\\', '/': '/', 'b': '\b', 'f': '\f', 'n': '\n', 'r': '\r', 't': '\t',
}

// hex4 reads four hex digits.
func hex4(s []byte) (r rune) {
	for _, c := range s[:4] {
		d := rune(c - '0')
		if c > '9' {
			d = rune((c|0x20)-'a') + 10
		}
		r = r<<4 | d
	}
	return r
}
