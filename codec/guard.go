package codec

import "bytes"

// A Guard gives reasons to refuse a well-formed body. The zero value gives
// none.
type Guard struct {
	// Root is what the value of the body must be. Formats that have no objects and
	// arrays ignore it.
	Root Root
	// Patch refuses a body that is a patch by its shape: data in it names the
	// targets of its values, so that no path finds them. Formats that know no
	// patches ignore it.
	Patch bool
	// Method refuses a body with a root member that servers take for the method of
	// the request: _method, in any spelling. Formats whose bodies no server reads
	// so ignore it.
	Method bool
	// Envelope reports whether text, which has HeadLen bytes and begins with
	// "sm1.", begins an envelope. A body is refused if a string or a name in it
	// holds an envelope, unless a rule with Open or Envelopes takes the string. If
	// Envelope is nil, no envelope is refused.
	Envelope func(text []byte) bool
}

// A Root is what the value of a body must be.
type Root uint8

// The roots.
const (
	AnyRoot Root = iota
	ObjectRoot
	ArrayRoot
)

// Guarded returns a copy of s whose guard is g. Call it before Format.Check.
func (s *Selector) Guarded(g Guard) *Selector {
	c := *s
	c.guard = g
	return &c
}

// Guard returns the guard of s. The caller must not change it.
func (s *Selector) Guard() *Guard { return &s.guard }

// envelopePrefix begins every envelope of format 1; codec/envelope writes it.
const envelopePrefix = "sm1."

// HeadLen is the number of characters that identify an envelope: the prefix,
// and suite, shape and data key id in base64.
const HeadLen = len(envelopePrefix) + 24

// HoldsEnvelope reports whether text, which has no escapes, holds the head of
// an envelope. isHead recognises a head: see Guard.Envelope. The search looks
// for a full stop, which is rarer in text than the other characters of the
// prefix. In text that is dense with them, such as a log, it looks for the
// whole prefix.
func HoldsEnvelope(text []byte, isHead func(text []byte) bool) bool {
	for at, stops := 0, 0; ; stops++ {
		k := bytes.IndexByte(text[at:], '.')
		if k < 0 {
			return false
		}
		at += k + 1
		if stops > 16 && at < 16*stops {
			return holdsAmongStops(text[at-len(envelopePrefix):], isHead)
		}
		begin := at - len(envelopePrefix)
		if begin >= 0 && len(text)-begin >= HeadLen && string(text[begin:at]) == envelopePrefix && isHead(text[begin:begin+HeadLen]) {
			return true
		}
	}
}

// holdsAmongStops is HoldsEnvelope for text with many full stops.
func holdsAmongStops(text []byte, isHead func(text []byte) bool) bool {
	for {
		k := bytes.Index(text, []byte(envelopePrefix))
		if k < 0 || len(text)-k < HeadLen {
			return false
		}
		if isHead(text[k : k+HeadLen]) {
			return true
		}
		text = text[k+len(envelopePrefix):]
	}
}

// Forbid refuses every replacement that has text in it, such as the boundary
// that ends a part: an opened value could end the document it is in, and add
// others. text is not copied. No escape of a format may have text in it.
func (s *Splicer) Forbid(text []byte) { s.forbidden = text }

// forbids reports whether a replacement has the forbidden text. A literal has
// it also where its escapes mean it: most formats write what they mean.
func (s *Splicer) forbids(got []byte, kind Kind) bool {
	if len(s.forbidden) == 0 || bytes.Contains(got, s.forbidden) {
		return len(s.forbidden) > 0
	}
	if kind != Literal || bytes.IndexByte(got, '\\') < 0 {
		return false
	}
	plain := GetBuffer(len(got))
	defer PutBuffer(plain)
	text, ok := LiteralText(*plain, got)
	return ok && bytes.Contains(text, s.forbidden)
}

// A Spotter looks for an envelope in a string that is read character by
// character, because the string spans chunks or has escapes. For a string that
// is in one piece and has no escapes, [HoldsEnvelope] is faster. The zero value
// is ready for a new string.
type Spotter struct {
	text  [HeadLen]byte // what may be the head of an envelope
	n     int           // bytes of it
	found bool
}

// Found reports whether the string so far holds an envelope.
func (s *Spotter) Found() bool { return s.found }

// Skip passes over a piece of the string that the caller has searched by other
// means. found says whether that piece holds an envelope. The search starts
// again after the piece.
func (s *Spotter) Skip(found bool) { *s = Spotter{found: s.found || found} }

// Char reads the next character. isHead is Guard.Envelope. A character outside
// ASCII may be given as any byte above 0x7f.
func (s *Spotter) Char(c byte, isHead func(text []byte) bool) {
	switch {
	case s.n < len(envelopePrefix):
		if c != envelopePrefix[s.n] {
			s.n = 0
		}
		if c == envelopePrefix[s.n] {
			s.push(c)
		}
	case c == '.' && bytes.HasSuffix(s.text[:s.n], []byte(envelopePrefix[:3])):
		s.n = copy(s.text[:], envelopePrefix)
	case !EnvelopeChar(c):
		s.n = 0
	default:
		s.push(c)
		if s.n == HeadLen {
			s.found = s.found || isHead(s.text[:])
			s.restart()
		}
	}
}

func (s *Spotter) push(c byte) {
	s.text[s.n] = c
	s.n++
}

// restart begins again with as much of the prefix as the text ends with.
func (s *Spotter) restart() {
	for k := len(envelopePrefix) - 1; k >= 0; k-- {
		if bytes.HasSuffix(s.text[:s.n], []byte(envelopePrefix[:k])) {
			s.n = copy(s.text[:], envelopePrefix[:k])
			return
		}
	}
}

// EnvelopeChar reports whether c is one of base64url's characters, which follow
// the prefix of an envelope.
func EnvelopeChar(c byte) bool {
	return c-'0' <= 9 || c|0x20 >= 'a' && c|0x20 <= 'z' || c == '-' || c == '_'
}
