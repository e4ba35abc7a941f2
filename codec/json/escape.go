package json

import (
	"encoding/binary"
)

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
