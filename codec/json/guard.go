package json

import "github.com/sealmesh/sealmesh/codec"

// Fixed words of what a [codec.Guard] refuses.
const (
	envelopeDetail = "a string holds an envelope where none may be"
	rootDetail     = "the value of the body is not what root in the policy says"
)

// keepPiece keeps what will be needed of a string that the chunk cuts. piece is
// what the chunk has of its inside.
func (s *scanner) keepPiece(piece []byte, t token) bool {
	if s.guard.Envelope != nil {
		s.spot.next(s.guard.Envelope, piece)
		s.cut = true
	}
	switch {
	case t == nameToken && s.named():
		s.name.Add(piece)
		if s.name.Len() > s.limits.NameBytes {
			s.fail(codec.NameLimit, int(s.nameStart-s.base), nameDetail)
			return false
		}
	case t == stringToken && s.patch.pending == pendingOperation:
		s.name.Add(piece[:min(len(piece), longestOperation+1)])
	}
	return true
}

// named reports whether the names of the innermost container are compared.
func (s *scanner) named() bool { return s.live || s.watched() }

// endName looks at a member name whose quote is the byte before chunk[end].
// inside is what this chunk has of the name.
func (s *scanner) endName(inside []byte, end int) bool {
	if s.spotted(inside) {
		s.fail(codec.EnvelopeFound, end-1, envelopeDetail)
		return false
	}
	return !s.named() || s.matchName(inside, end)
}

// endText is endName for a value.
func (s *scanner) endText(inside []byte, end int) bool {
	if s.spotted(inside) && !s.takesEnvelope() {
		s.fail(codec.EnvelopeFound, end-1, envelopeDetail)
		return false
	}
	if s.patch.pending == noPending {
		return true
	}
	if s.name.Len() > 0 {
		s.name.Add(inside)
		inside = s.name.Bytes()
	}
	ok := s.patch.pending != pendingOperation || s.noteOperation(inside, end)
	s.name.Drop()
	s.patch.pending = noPending
	return ok
}

// spotted reports whether the string that ends with inside holds an envelope.
func (s *scanner) spotted(inside []byte) bool {
	if !s.cut {
		return len(inside) >= codec.HeadLen && refuses(s.guard, inside)
	}
	s.spot.next(s.guard.Envelope, inside)
	found := s.spot.Found()
	s.spot, s.cut = spotter{}, false
	return found
}

// takesEnvelope reports whether a rule takes the string that was just read,
// even if it holds an envelope. A string with escapes is taken only as its
// text.
func (s *scanner) takesEnvelope() bool {
	if s.tags.Rule() < 0 || !s.tagText {
		return false
	}
	r := s.sel.Rule(s.tags.Rule())
	return r.Open || r.Envelopes && (!s.escaped || r.Unescape)
}

// notable reports whether skipMembers must stop at a member name without
// escapes.
func (s *scanner) notable(name []byte) bool {
	return s.in&liveFrame != 0 && s.sel.Named(name) != codec.AnyStep ||
		s.in&watchFrame != 0 && (isPatchName(name, s.depth) || s.isMethodName(name, s.depth)) ||
		len(name) >= codec.HeadLen && refuses(s.guard, name)
}

// takes reports whether r lets the value of a body be of that kind.
func takes(r codec.Root, kind class) bool {
	switch r {
	case codec.ObjectRoot:
		return kind == objectValue
	case codec.ArrayRoot:
		return kind == arrayValue
	}
	return true
}
