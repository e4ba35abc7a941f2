package multipart

import (
	"bytes"
	"encoding/base64"
	"encoding/hex"
	"unicode"
	"unicode/utf8"
)

// disposition reads a Content-Disposition: form-data, a name, and perhaps a
// filename behind it, perhaps twice.
func (h *head) disposition(value []byte) (name []byte, fault string) {
	if h.disposed {
		return nil, "a part has two Content-Dispositions"
	}
	d, fault := parseDisposition(value)
	h.disposed, h.file = true, d.file
	return d.name, fault
}

// A disposition is what a Content-Disposition says.
type disposition struct {
	name []byte
	file bool
}

// parseDisposition accepts what all readers take for the same name. The name
// comes first: some readers look for name= and would find that of filename=.
func parseDisposition(v []byte) (d disposition, fault string) {
	rest, ok := bytes.CutPrefix(v, []byte("form-data"))
	if !ok {
		return d, "a Content-Disposition that is not form-data"
	}
	name, rest, fault := cutQuoted(rest, "name=")
	if fault != "" {
		return d, fault
	}
	if fault := nameFault(name); fault != "" {
		return d, fault
	}
	d.name = name
	if len(rest) == 0 {
		return d, ""
	}
	file, rest, fault := cutQuoted(rest, "filename=")
	word := false
	if fault == wordDetail && len(rest) > 0 {
		file, word = decodeWord(file)
	}
	d.file = true
	switch {
	case fault != "" && !word:
		return d, fault
	case len(rest) > 0 && !repeats(rest, file):
		return d, "a Content-Disposition with more than one name and one filename"
	}
	return d, ""
}

const wordDetail = "a name or a filename has an encoded word"

// decodeWord decodes a filename that is one encoded word (RFC 2047), as .NET's
// client writes it in front of a filename* of the same text. A reader may take
// it as it is, or decoded.
func decodeWord(v []byte) (text []byte, ok bool) {
	const begin, end = "=?utf-8?B?", "?="
	v, ok = bytes.CutPrefix(v, []byte(begin))
	if ok {
		v, ok = bytes.CutSuffix(v, []byte(end))
	}
	if !ok {
		return nil, false
	}
	text, err := base64.StdEncoding.Strict().AppendDecode(nil, v)
	return text, err == nil && quotedFault(text) == "" && bytes.IndexFunc(text, isControl) < 0 && utf8.Valid(text)
}

// isControl reports whether r ends a text or a line to some reader.
func isControl(r rune) bool { return unicode.IsControl(r) || r == '"' }

// repeats reports whether v is a filename* (RFC 5987) of the same text as the
// filename, as .NET's client writes it. Another text, or a filename* alone, is
// a filename to some readers only.
func repeats(v, filename []byte) bool {
	v, ok := bytes.CutPrefix(v, []byte{';'})
	if ok {
		v, ok = bytes.CutPrefix(bytes.TrimPrefix(v, []byte{' '}), []byte("filename*="))
	}
	const charset = "utf-8''"
	if !ok || len(v) < len(charset) || !is(v[:len(charset)], charset) {
		return false
	}
	v = v[len(charset):]
	for _, want := range filename {
		n, got := 1, [1]byte{}
		switch {
		case len(v) > 0 && bareChar(v[0]):
			got[0] = v[0]
		case len(v) > 2 && v[0] == '%':
			n = 3
			if _, err := hex.Decode(got[:], v[1:n]); err != nil {
				return false
			}
		default:
			return false
		}
		if got[0] != want {
			return false
		}
		v = v[n:]
	}
	return len(v) == 0
}

// cutQuoted reads a semicolon, the name of a parameter with its equals sign,
// and its value.
func cutQuoted(v []byte, param string) (value, rest []byte, fault string) {
	v, ok := bytes.CutPrefix(v, []byte{';'})
	if ok {
		v, ok = bytes.CutPrefix(bytes.TrimPrefix(v, []byte{' '}), []byte(param))
	}
	if !ok {
		return nil, nil, "expected a name, then nothing or a filename, in Content-Disposition"
	}
	if len(v) == 0 || v[0] != '"' {
		n := 0
		for n < len(v) && bareChar(v[n]) {
			n++
		}
		if n == 0 || n < len(v) && v[n] != ';' {
			return nil, nil, "a name or a filename without quotes has a character that needs them"
		}
		return v[:n], v[n:], ""
	}
	k := bytes.IndexByte(v[1:], '"')
	if k < 0 {
		return nil, nil, "a name or a filename has no second quote"
	}
	value, rest = v[1:1+k], v[2+k:]
	return value, rest, quotedFault(value)
}

// bareChar reports whether c means itself without quotes to every reader. PHP
// takes an apostrophe for a quote.
func bareChar(c byte) bool {
	return c-'0' <= 9 || c|0x20 >= 'a' && c|0x20 <= 'z' || c == '-' || c == '_' || c == '.'
}

// quotedFault says what in a quoted value readers take differently: a backslash
// is an escape or itself; %22 is a quote in browsers; a reader that cuts at
// semicolons first, as Rack did, finds a name in a filename; and Apache Commons
// decodes encoded words (RFC 2047).
func quotedFault(value []byte) (fault string) {
	switch {
	case bytes.IndexByte(value, '\\') >= 0:
		return "a name or a filename has a backslash"
	case bytes.Contains(value, []byte("%22")):
		return "a name or a filename has an encoded quote"
	case bytes.IndexByte(value, ';') >= 0 && bytes.IndexByte(value, '=') >= 0:
		return "a name or a filename has a semicolon and an equals sign"
	case holdsName(value):
		return "a name or a filename has the text name="
	case bytes.Contains(value, []byte("=?")):
		return wordDetail
	}
	return ""
}

// holdsName reports whether a reader that looks for name= finds it in value.
func holdsName(value []byte) bool {
	for {
		k := bytes.IndexByte(value, '=')
		if k < 0 {
			return false
		}
		if k >= len("name") && is(value[k-len("name"):k], "name") {
			return true
		}
		value = value[k+1:]
	}
}

// nameFault says what in the name of a part readers take differently.
func nameFault(name []byte) (fault string) {
	if string(name) == "_charset_" {
		return "a field that changes the charset"
	}
	if bytes.IndexByte(name, ';') >= 0 {
		return "a name has a semicolon"
	}
	if len(bytes.TrimFunc(name, isBlank)) < len(name) {
		return "a blank at an end of a name"
	}
	for i, c := range name {
		if c == '%' && len(name)-i > 2 && isHex(name[i+1]) && isHex(name[i+2]) {
			return "a name has a percent encoding"
		}
	}
	return ""
}

// isBlank reports whether a reader takes r from the ends of a name: Django
// takes blanks of any script, JavaScript also a byte order mark.
func isBlank(r rune) bool { return unicode.IsSpace(r) || r == '\ufeff' }

func isHex(c byte) bool { return c-'0' <= 9 || c|0x20 >= 'a' && c|0x20 <= 'f' }
