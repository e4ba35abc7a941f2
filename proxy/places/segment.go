package places

import (
	"bytes"
	"net/url"
	"strconv"
	"strings"
	"unicode/utf8"
)

const upperHex = "0123456789ABCDEF"

// pathText returns what is wrong with text as a segment of a path, "" for
// nothing: servers read such a segment in two ways, or as several.
func pathText(text []byte) string {
	switch {
	case len(text) == 0:
		return "empty"
	case string(text) == ".", string(text) == "..":
		return "a dot segment"
	case !utf8.Valid(text):
		return "not UTF-8"
	case len(bytes.TrimSpace(text)) != len(text):
		return "space at an end"
	case bytes.ContainsAny(text, `/\?#%;`):
		return "a delimiter"
	}
	for _, c := range text {
		if c < ' ' || c == 0x7f {
			return "a control character"
		}
	}
	return ""
}

// appendSegment appends text, escaped as RFC 3986 has it in a segment: only
// what must be escaped is.
func appendSegment(dst, text []byte) []byte {
	for _, c := range text {
		if c < utf8.RuneSelf && (isUnreserved(c) || strings.IndexByte("!$&'()*+,=:@", c) >= 0) {
			dst = append(dst, c)
		} else {
			dst = append(dst, '%', upperHex[c>>4], upperHex[c&15])
		}
	}
	return dst
}

func isUnreserved(c byte) bool {
	return '0' <= c && c <= '9' || 'a' <= c|0x20 && c|0x20 <= 'z' || strings.IndexByte("-._~", c) >= 0
}

// segmentText returns the text of a segment of a path.
func segmentText(segment string) ([]byte, error) {
	text, err := url.PathUnescape(segment)
	return []byte(text), err
}

// UnescapeLax decodes s as the laxest servers do: malformed escapes stay as
// they are, and %u0041 is A.
func UnescapeLax(s string) string {
	if strings.IndexByte(s, '%') < 0 {
		return s
	}
	var b strings.Builder
	for i := 0; i < len(s); i++ {
		hex := 0 // where two hex digits may begin; 0: not an escape
		switch rest := s[i:]; {
		case len(rest) >= 6 && (rest[:4] == "%u00" || rest[:4] == "%U00"):
			hex = 4
		case len(rest) >= 3 && rest[0] == '%':
			hex = 1
		}
		if c, err := strconv.ParseUint(s[i+hex:min(i+hex+2, len(s))], 16, 8); hex > 0 && err == nil {
			b.WriteByte(byte(c))
			i += hex + 1
			continue
		}
		b.WriteByte(s[i])
	}
	return b.String()
}
