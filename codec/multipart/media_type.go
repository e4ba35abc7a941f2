package multipart

import "bytes"

// mediaType reads a Content-Type. Its charset must be UTF-8, or one that has
// ASCII in it: ascii then says that the content must be that. Parameters in
// quotes may not have what a reader without quotes takes for a separator.
func mediaType(v []byte) (media []byte, ascii bool, fault string) {
	const wrong = "a type that is malformed"
	if holdsName(v) {
		return nil, false, "a type that has a name"
	}
	media, rest := cutToken(v)
	if len(rest) == 0 || rest[0] != '/' || len(media) == 0 {
		return nil, false, wrong
	}
	minor, rest := cutToken(rest[1:])
	media = v[:len(media)+1+len(minor)]
	if len(minor) == 0 {
		return nil, false, wrong
	}
	charset := false
	for len(rest) > 0 {
		var name, value []byte
		var ok bool
		if name, value, rest, ok = cutParam(rest); !ok {
			return nil, false, wrong
		}
		if !is(name, "charset") {
			continue
		}
		ascii = is(value, "us-ascii") || is(value, "iso-8859-1")
		if charset || !ascii && !is(value, "utf-8") && !is(value, "utf8") {
			return nil, false, "a type whose charset is not UTF-8, or that has two"
		}
		charset = true
	}
	return media, ascii, ""
}

// cutParam reads a semicolon, at most one blank, a name and a value.
func cutParam(v []byte) (name, value, rest []byte, ok bool) {
	v, ok = bytes.CutPrefix(v, []byte{';'})
	if !ok {
		return nil, nil, nil, false
	}
	name, v = cutToken(bytes.TrimPrefix(v, []byte{' '}))
	if len(name) == 0 || bytes.IndexByte(name, '*') >= 0 || len(v) < 2 || v[0] != '=' {
		return nil, nil, nil, false
	}
	if v[1] != '"' {
		value, rest = cutToken(v[1:])
		return name, value, rest, len(value) > 0
	}
	value, rest, ok = bytes.Cut(v[2:], []byte{'"'})
	return name, value, rest, ok && !bytes.ContainsAny(value, `\;,`)
}

// cutToken returns the token (RFC 9110 §5.6.2) that v begins with.
func cutToken(v []byte) (token, rest []byte) {
	n := 0
	for n < len(v) && isTokenChar(v[n]) {
		n++
	}
	return v[:n], v[n:]
}

func isTokenChar(c byte) bool {
	return c-'0' <= 9 || c|0x20 >= 'a' && c|0x20 <= 'z' || bytes.IndexByte([]byte("!#$%&'*+-.^_`|~"), c) >= 0
}
