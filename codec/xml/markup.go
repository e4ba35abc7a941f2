package xml

import (
	"bytes"

	"github.com/sealmesh/sealmesh/codec"
)

// isAside reports whether c after < begins a comment, CDATA or an instruction,
// and no tag.
func isAside(c byte) bool { return c == '!' || c == '?' }

// start reads the byte order mark and the XML declaration, both of which may be
// missing.
func (s *scanner) start(p []byte, i int) int {
	rest := p[i:]
	if s.mode == atStart {
		if k := common(rest, byteOrderMark); k == len(byteOrderMark) {
			s.mode = atDeclaration
			return i + k
		} else if k == len(rest) {
			return s.cut(p, i)
		} else if k > 0 {
			return s.malformed(i+k, i, "expected an element")
		} else if rest[0] >= 0xFE {
			return s.malformed(i, i, "the byte order mark of UTF-16")
		}
		s.mode = atDeclaration
	}
	k := common(rest, "<?xml")
	switch {
	case k < len("<?xml") && k < len(rest), k < len(rest) && !isSpace[rest[k]]:
		s.mode = inProlog
		return i
	case k == len(rest):
		return s.cut(p, i)
	}
	rest = rest[:min(len(rest), maxDeclaration)]
	end := bytes.Index(rest, []byte("?>"))
	if end < 0 && len(rest) < maxDeclaration {
		return s.cut(p, i)
	}
	if end < 0 || !validDeclaration(rest[k:end]) {
		return s.malformed(i, i, "the XML declaration is not of XML 1.0 in UTF-8")
	}
	s.mode = inProlog
	return i + end + 2
}

// common returns the number of bytes that p and want begin with alike.
func common(p []byte, want string) int {
	k := 0
	for k < len(p) && k < len(want) && p[k] == want[k] {
		k++
	}
	return k
}

// outside reads what is before and after the root element.
func (s *scanner) outside(p []byte, i int) int {
	for i < len(p) && isSpace[p[i]] {
		i++
	}
	switch {
	case i == len(p):
		return i
	case p[i] != '<':
		return s.malformed(i, i, "expected no text outside of the root element")
	}
	return s.markup(p, i)
}

// markup reads what begins with the < at p[i]: a tag, or the beginning of
// something else.
func (s *scanner) markup(p []byte, i int) int {
	switch {
	case i+1 == len(p):
		return s.cut(p, i)
	case p[i+1] == '!':
		return s.exclamation(p, i)
	case p[i+1] == '?':
		return s.instruction(p, i)
	case !s.beginTag(p[i+1], i):
		return -1
	case p[i+1] == '/':
		return s.endTag(p, i)
	}
	return s.startTag(p, i)
}

// beginTag is called where a tag begins at index i, whose second byte is next.
func (s *scanner) beginTag(next byte, i int) bool {
	switch {
	case s.run.pieces && !s.endRun(nil, false, i):
	case next == '/' && len(s.open) == 0:
		s.malformed(i, i, "the end of an element that was not begun")
	case next != '/' && s.mode == inEpilog:
		s.malformed(i, i, "expected nothing after the root element")
	default:
		return true
	}
	return false
}

// exclamation reads the beginning of a comment or of CDATA.
func (s *scanner) exclamation(p []byte, i int) int {
	rest := p[i:]
	comment, cdata := common(rest, "<!--"), common(rest, "<![CDATA[")
	switch {
	case comment == len("<!--"):
		s.aside = spotter{}
		return s.beginAside(i, comment, inComment)
	case cdata == len("<![CDATA["):
		if s.mode != inContent {
			return s.malformed(i, i, "expected no text outside of the root element")
		}
		s.value.odd = true
		s.around, s.mode, s.ended = s.mode, inCDATA, 0
		return i + cdata
	case comment == len(rest) || cdata == len(rest):
		return s.cut(p, i)
	case rest[2] == 'D':
		return s.malformed(i, i, "a document type declaration is not allowed")
	}
	return s.malformed(i+max(comment, cdata), i, "expected a comment or CDATA")
}

// beginAside begins a comment or an instruction, whose first n bytes are at
// index i.
func (s *scanner) beginAside(i, n int, to mode) int {
	if s.inner || s.tags.Rule() >= 0 {
		return s.malformed(i, i, "a tagged element has a comment or an instruction in it")
	}
	s.around, s.mode, s.ended = s.mode, to, 0
	return i + n
}

// maxTarget is the length of the longest name of a processing instruction.
const maxTarget = 128

// instruction reads the beginning of a processing instruction: its target and
// the byte that follows.
func (s *scanner) instruction(p []byte, i int) int {
	first := i + len("<?")
	end, colon, why := scanName(p, first)
	target := p[first:end]
	switch {
	case colon >= 0 && colon <= first+maxTarget:
		return s.malformed(colon, i, "expected the name of an instruction")
	case len(target) > maxTarget:
		return s.refuse(codec.NameLimit, first, i, "the name of an instruction is longer than the limit")
	case why == stopBad:
		return s.malformed(end, i, "expected the name of an instruction")
	case why == stopMore:
		return s.cut(p, i)
	case len(target) == 3 && bytes.EqualFold(target, []byte("xml")):
		return s.malformed(i, i, "an XML declaration that is not at the beginning")
	case !isSpace[p[end]] && p[end] != '?':
		return s.malformed(end, i, "expected a blank after the name of an instruction")
	}
	s.aside = spotter{}
	if s.guard.Envelope != nil {
		s.aside.plain(s.guard.Envelope, target)
	}
	if p[end] != '?' {
		return s.beginAside(i, end+1-i, inInstruction)
	}
	if end+1 == len(p) {
		return s.cut(p, i)
	}
	if p[end+1] != '>' {
		return s.malformed(end+1, i, "expected > after ?")
	}
	if s.beginAside(i, end+2-i, inInstruction) < 0 {
		return -1
	}
	return s.endAside(end+2, i)
}
