package json

import (
	"encoding/binary"
	"unicode/utf16"
	"unicode/utf8"
)

// unescape appends to dst the text of s, the inside of a valid JSON string. It
// fails on half a surrogate pair, which UTF-8 cannot encode. The text is never
// longer than s.
func unescape(dst, s []byte) ([]byte, bool) {
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
			dst = append(dst, escapeMeaning[s[i+1]])
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

// hex4 reads four hex digits.
func hex4(s []byte) (r rune) {
	for _, c := range s[:4] {
		r = r<<4 | hexDigit(c)
	}
	return r
}

// plainBlocks returns the length of the blocks of 32 bytes at the beginning of
// text that are plain. In an envelope that is all but the last bytes.
func plainBlocks(text []byte) int {
	i := 0
	for i <= len(text)-32 {
		b := text[i : i+32]
		odd := notPlain(binary.LittleEndian.Uint64(b[:8])) | notPlain(binary.LittleEndian.Uint64(b[8:16])) |
			notPlain(binary.LittleEndian.Uint64(b[16:24])) | notPlain(binary.LittleEndian.Uint64(b[24:]))
		if odd != 0 {
			break
		}
		i += 32
	}
	return i
}

// plainText reports whether text can be put between quotes without escapes, and
// whether it is UTF-8.
func plainText(text []byte) (plain, valid bool) {
	plain = true
	for i := plainRun(text, plainBlocks(text)); i < len(text); i = plainRun(text, i) {
		switch c := stringClass[text[i]]; c {
		case quoteByte, escapeByte, controlByte:
			plain = false
			i++
		case badByte:
			return false, false
		default:
			n, why := scanRune(text[i:], runeTails[c])
			if why != stopEnd {
				return false, false
			}
			i += n
		}
	}
	return plain, true
}

// escapedLen returns the number of bytes that appendEscaped appends.
func escapedLen(text []byte) int {
	n := len(text)
	for _, c := range text {
		switch {
		case c == '"' || c == '\\' || c == '\b' || c == '\f' || c == '\n' || c == '\r' || c == '\t':
			n++
		case c < ' ':
			n += len(`\u0000`) - 1
		}
	}
	return n
}

// appendEscaped appends text, which is UTF-8, as the inside of a JSON string,
// with no more escapes than it needs.
func appendEscaped(dst, text []byte) []byte {
	const hex = "0123456789abcdef"
	start := 0
	for i, c := range text {
		if c >= ' ' && c != '"' && c != '\\' {
			continue
		}
		dst = append(dst, text[start:i]...)
		start = i + 1
		switch c {
		case '"', '\\':
			dst = append(dst, '\\', c)
		case '\b':
			dst = append(dst, '\\', 'b')
		case '\f':
			dst = append(dst, '\\', 'f')
		case '\n':
			dst = append(dst, '\\', 'n')
		case '\r':
			dst = append(dst, '\\', 'r')
		case '\t':
			dst = append(dst, '\\', 't')
		default:
			dst = append(dst, '\\', 'u', '0', '0', hex[c>>4], hex[c&15])
		}
	}
	return append(dst, text[start:]...)
}
