package codec

import (
	"strconv"
	"strings"
	"unicode/utf16"
	"unicode/utf8"
)

// QuoteName returns the segment of a path that leads to the member called name,
// in quotes: ['name'].
func QuoteName(name string) string {
	return "['" + strings.NewReplacer(`\`, `\\`, "'", `\'`).Replace(name) + "']"
}

// quoted reads a name between quotes: string-literal of RFC 9535 §2.3.1.1.
func (p *pathParser) quoted(quote byte) (string, error) {
	open := p.pos
	p.pos++
	var name strings.Builder
	for p.pos < len(p.path) {
		c := p.path[p.pos]
		switch {
		case c == quote:
			p.pos++
			return name.String(), nil
		case c == '\\':
			r, err := p.escape(quote)
			if err != nil {
				return "", err
			}
			name.WriteRune(r)
		case c < ' ':
			return "", p.fail("control characters in a name are written \\u00XX")
		default:
			name.WriteByte(c)
			p.pos++
		}
	}
	p.pos = open
	return "", p.fail("the quote is never closed")
}

// escape reads one escape sequence, or the two of a surrogate pair.
func (p *pathParser) escape(quote byte) (rune, error) {
	const letters, meanings = `bfnrt/\`, "\b\f\n\r\t/\\"
	start := p.pos
	p.pos++
	c := p.peek()
	p.pos = min(p.pos+1, len(p.path))
	if c == quote {
		return rune(c), nil
	}
	if i := strings.IndexByte(letters, c); i >= 0 {
		return rune(meanings[i]), nil
	}
	if c == 'u' {
		if r, ok := p.unicode(); ok {
			return r, nil
		}
	}
	p.pos = start
	return 0, p.fail("not an escape sequence of RFC 9535")
}

// unicode reads the digits after \u, and the other half of a surrogate pair.
func (p *pathParser) unicode() (rune, bool) {
	r, ok := p.hex4()
	if !ok || !utf16.IsSurrogate(r) {
		return r, ok
	}
	if !strings.HasPrefix(p.path[p.pos:], `\u`) {
		return 0, false
	}
	p.pos += 2
	low, ok := p.hex4()
	r = utf16.DecodeRune(r, low)
	return r, ok && r != utf8.RuneError
}

func (p *pathParser) hex4() (rune, bool) {
	if len(p.path)-p.pos < 4 {
		return 0, false
	}
	v, err := strconv.ParseUint(p.path[p.pos:p.pos+4], 16, 16)
	p.pos += 4
	return rune(v), err == nil
}
