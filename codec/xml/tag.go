package xml

import "bytes"

const (
	// maxTagBytes is the length of the longest tag: a tag that a chunk cuts is
	// held.
	maxTagBytes = 1 << 20
	// maxAttributes is the number of attributes that an element may have,
	// namespace declarations included.
	maxAttributes = 256
)

// An attribute is where an attribute is in a piece.
type attribute struct {
	name, colon, nameEnd int // colon is -1 for a name without a prefix
	value, end           int
	quote                byte
	odd                  bool // the value has references or blanks that readers change
	space                int  // binding of its prefix; see namespaces
}

// local is where the name without a prefix begins.
func (a *attribute) local() int { return max(a.name, a.colon+1) }

// A tag is where the parts of a start tag are in a piece. Fault says in fixed
// words why a tag is malformed.
type tag struct {
	name, colon, nameEnd int
	attributes           []attribute
	empty                bool // <name/>
	null                 bool // xsi:nil; see attributes
	fault                string
}

// read reads the start tag that begins at p[i]. It returns the index after the
// tag, or of the offending byte.
func (t *tag) read(p []byte, i int) (end int, why stop) {
	t.attributes, t.empty = t.attributes[:0], false
	t.name, t.fault = i+1, "expected the name of an element"
	if i, t.colon, why = scanName(p, i+1); why != stopEnd {
		return i, why
	}
	t.nameEnd = i
	for {
		if p[i] == '>' {
			return i + 1, stopEnd
		}
		blank := i
		for isSpace[p[i]] {
			if i++; i == len(p) {
				return i, stopMore
			}
		}
		switch {
		case p[i] == '>':
			return i + 1, stopEnd
		case p[i] == '/':
			t.fault, t.empty = "expected > after /", true
			if i+1 == len(p) {
				return i, stopMore
			}
			if p[i+1] != '>' {
				return i + 1, stopBad
			}
			return i + 2, stopEnd
		case i == blank:
			t.fault = "expected a blank or the end of the tag"
			return i, stopBad
		case len(t.attributes) == maxAttributes:
			t.fault = "an element has more attributes than the limit"
			return i, stopBad
		}
		if i, why = t.attribute(p, i); why != stopEnd {
			return i, why
		}
		if i == len(p) {
			return i, stopMore
		}
	}
}

// attribute reads the attribute that begins at p[i].
func (t *tag) attribute(p []byte, i int) (end int, why stop) {
	a := attribute{name: i, space: noSpace}
	t.fault = "expected the name of an attribute"
	if i, a.colon, why = scanName(p, i); why != stopEnd {
		return i, why
	}
	a.nameEnd = i
	for equals := false; ; i++ {
		if i == len(p) {
			return i, stopMore
		}
		if c := p[i]; isSpace[c] {
			continue
		} else if equals && (c == '"' || c == '\'') {
			a.quote = c
			break
		} else if equals || c != '=' {
			t.fault = "expected = and a value in quotes"
			return i, stopBad
		}
		equals = true
	}
	a.value = i + 1
	if a.end, why = t.content(p, i+1, &a); why != stopEnd {
		return a.end, why
	}
	t.attributes = append(t.attributes, a)
	return a.end + 1, stopEnd
}

// content reads the value of a to its closing quote, and returns the index of
// that quote.
func (t *tag) content(p []byte, i int, a *attribute) (end int, why stop) {
	t.fault = "an attribute value has a character or a reference that XML does not allow"
	for {
		i = valueRun(p, i, a.quote)
		if i == len(p) {
			return i, stopMore
		}
		switch c := p[i]; {
		case c == a.quote:
			return i, stopEnd
		case isSpace[c]:
			a.odd = true
			i++
			continue
		case c >= 0x80:
			n, why := scanRune(p[i:])
			if why != stopEnd {
				return i + n, why
			}
			i += n
		case c == '&':
			a.odd = true
			n, _, why := scanReference(p[i:])
			if why != stopEnd {
				return i + n, why
			}
			i += n
		default:
			return i, stopBad
		}
	}
}

// readEnd reads the end tag that begins at p[i], of an element that is called
// name.
func readEnd(p []byte, i int, name []byte) (end int, why stop) {
	i += len("</")
	for k, c := range name {
		if i+k == len(p) {
			return i + k, stopMore
		}
		if p[i+k] != c {
			return i + k, stopBad
		}
	}
	for i += len(name); i < len(p); i++ {
		if p[i] == '>' {
			return i + 1, stopEnd
		}
		if !isSpace[p[i]] {
			return i, stopBad
		}
	}
	return i, stopMore
}

// A tagEnd looks for the end of a tag that comes in pieces: for a > that is not
// in quotes. The zero value is at the beginning of a tag.
type tagEnd struct{ quote byte }

// find returns the index after the end of the tag, or false and len(p).
func (t *tagEnd) find(p []byte) (end int, ok bool) {
	for i := 0; i < len(p); i++ {
		if t.quote != 0 {
			k := bytes.IndexByte(p[i:], t.quote)
			if k < 0 {
				return len(p), false
			}
			i += k
			t.quote = 0
			continue
		}
		switch c := p[i]; c {
		case '>':
			return i + 1, true
		case '"', '\'':
			t.quote = c
		}
	}
	return len(p), false
}
