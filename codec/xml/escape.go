package xml

import (
	"bytes"
	"unicode/utf8"

	"github.com/sealmesh/sealmesh/codec"
)

// The text of a value is written as Canonical XML writes it. So a value with
// these escapes, and no others, is what its text gives again.

// escapeOf returns how c is written at a position, "" for c itself.
func escapeOf(c byte, at codec.Position) string {
	switch c {
	case '&':
		return "&amp;"
	case '<':
		return "&lt;"
	case '\r':
		return "&#xD;"
	}
	switch at {
	case codec.XMLContent:
		if c == '>' {
			return "&gt;"
		}
		return ""
	case codec.XMLDoubleAttribute:
		if c == '"' {
			return "&quot;"
		}
	case codec.XMLSingleAttribute:
		if c == '\'' {
			return "&apos;"
		}
	}
	switch c {
	case '\t':
		return "&#x9;"
	case '\n':
		return "&#xA;"
	}
	return ""
}

// canonical reports whether value, which is well-formed at its position and has
// no markup but references and CDATA, is what its text gives again.
func canonical(value []byte, at codec.Position) bool {
	for i := 0; i < len(value); {
		c := value[i]
		if c != '&' {
			if escapeOf(c, at) != "" {
				return false // CDATA, which begins with <, and blanks that readers change
			}
			i++
			continue
		}
		n, r, _ := scanReference(value[i:])
		if r >= utf8.RuneSelf || string(value[i:i+n]) != escapeOf(byte(r), at) {
			return false
		}
		i += n
	}
	return true
}

// appendText appends the text of the content of an element, which has no markup
// but references and CDATA. The text is never longer than the content.
func appendText(dst, content []byte) []byte {
	for len(content) > 0 {
		if bytes.HasPrefix(content, cdataStart) {
			end := bytes.Index(content, cdataEnd)
			dst = appendLines(dst, content[len(cdataStart):end])
			content = content[end+len(cdataEnd):]
			continue
		}
		if content[0] == '&' {
			n, r, _ := scanReference(content)
			dst = utf8.AppendRune(dst, r)
			content = content[n:]
			continue
		}
		n := bytes.IndexAny(content, "&<")
		if n < 0 {
			n = len(content)
		}
		dst = appendLines(dst, content[:n])
		content = content[n:]
	}
	return dst
}

var cdataStart, cdataEnd = []byte("<![CDATA["), []byte("]]>")

// appendLines appends text with its line ends as readers see them: as line
// feeds.
func appendLines(dst, text []byte) []byte {
	for {
		k := bytes.IndexByte(text, '\r')
		if k < 0 {
			return append(dst, text...)
		}
		dst = append(append(dst, text[:k]...), '\n')
		text = text[k+1:]
		if len(text) > 0 && text[0] == '\n' {
			text = text[1:]
		}
	}
}

// appendValue appends the text of an attribute value. Readers make a blank of
// each blank, and one of a line end. The text is never longer than the value.
func appendValue(dst, value []byte) []byte {
	for i := 0; i < len(value); {
		switch c := value[i]; c {
		case '&':
			n, r, _ := scanReference(value[i:])
			dst = utf8.AppendRune(dst, r)
			i += n
			continue
		case '\r':
			if i+1 < len(value) && value[i+1] == '\n' {
				i++
			}
			dst = append(dst, ' ')
		case '\t', '\n':
			dst = append(dst, ' ')
		default:
			dst = append(dst, c)
		}
		i++
	}
	return dst
}

// plainText reports whether text can be written at a position without escapes,
// and whether XML can hold it.
func plainText(text []byte, at codec.Position) (plain, valid bool) {
	plain = true
	for i := plainRun(text, 0); i < len(text); i = plainRun(text, i) {
		switch textClass[text[i]] {
		case lessByte, refByte, greaterByte, returnByte:
			plain = false
			i++
		case controlByte:
			return false, false
		default:
			n, why := scanRune(text[i:])
			if why != stopEnd {
				return false, false
			}
			i += n
		}
	}
	if at != codec.XMLContent {
		plain = plain && !bytes.ContainsAny(text, "\t\n\"'")
	}
	return plain, true
}

// escapedLen returns the number of bytes that appendEscaped appends.
func escapedLen(text []byte, at codec.Position) int {
	n := len(text)
	for _, c := range text {
		if e := escapeOf(c, at); e != "" {
			n += len(e) - 1
		}
	}
	return n
}

// appendEscaped appends text, which XML can hold, as it is written at a
// position.
func appendEscaped(dst, text []byte, at codec.Position) []byte {
	start := 0
	for i, c := range text {
		if e := escapeOf(c, at); e != "" {
			dst = append(append(dst, text[start:i]...), e...)
			start = i + 1
		}
	}
	return append(dst, text[start:]...)
}
