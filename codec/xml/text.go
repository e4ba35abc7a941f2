package xml

import "github.com/sealmesh/sealmesh/codec"

// A run is the text between two tags, without the comments and instructions in
// it. CDATA is part of it.
type run struct {
	pieces   bool    // it comes in pieces, which spot has read
	spot     spotter // looks for an envelope
	brackets int     // how many of ]] the last piece ended with
}

const envelopeDetail = "a text or a name holds an envelope where none may be"

// content reads the content of an element.
func (s *scanner) content(p []byte, i int) int {
	for i >= 0 && i < len(p) && s.mode == inContent {
		if p[i] != '<' {
			i = s.text(p, i)
			continue
		}
		s.run.brackets = 0
		if !s.run.pieces {
			if end := s.leaf(p, i); end > 0 {
				i = end
				continue
			}
		}
		i = s.markup(p, i)
	}
	return i
}

// text reads text to the next <.
func (s *scanner) text(p []byte, i int) int {
	start, literal, refs := i, i, false
	for {
		i = plainRun(p, i)
		if i == len(p) {
			s.keepText(p[start:])
			s.run.brackets = brackets(p[literal:], s.run.brackets)
			return i
		}
		n := 1
		switch textClass[p[i]] {
		case lessByte:
			switch {
			case i+1 == len(p) || isAside(p[i+1]):
				s.keepText(p[start:i])
			case (s.run.pieces || i-start >= codec.HeadLen) && !s.endRun(p[start:i], refs, i):
				return -1
			}
			return i
		case greaterByte:
			if brackets(p[literal:i], s.run.brackets) == 2 {
				return s.malformed(i, i, "]]> in text")
			}
		case returnByte:
		case refByte:
			var why stop
			if n, _, why = scanReference(p[i:]); why == stopBad {
				return s.malformed(i+n, i, "not a reference that XML knows, or to a character that it does not allow")
			} else if why == stopMore {
				return s.cutText(p, start, i)
			}
			refs = true
			literal, s.run.brackets = i+n, 0
		case controlByte:
			return s.malformed(i, i, controlDetail)
		default:
			var why stop
			if n, why = scanRune(p[i:]); why == stopBad {
				return s.malformed(i+n, i, runeDetail)
			} else if why == stopMore {
				return s.cutText(p, start, i)
			}
			i += n
			continue
		}
		s.value.odd = true
		i += n
	}
}

const (
	controlDetail = "a control character"
	runeDetail    = "not UTF-8, or a character that XML does not allow"
)

// cutText keeps a reference or a character that begins at p[i].
func (s *scanner) cutText(p []byte, start, i int) int {
	s.keepText(p[start:i])
	s.run.brackets = 0
	return s.cut(p, i)
}

// brackets returns how many of ]] a piece ends with. before is for what comes
// before the piece.
func brackets(piece []byte, before int) int {
	n := 0
	for n < 2 && n < len(piece) && piece[len(piece)-1-n] == ']' {
		n++
	}
	if n == len(piece) {
		n = min(n+before, 2)
	}
	return n
}

// keepText reads a piece of a run for envelopes.
func (s *scanner) keepText(piece []byte) {
	if s.guard.Envelope != nil && len(piece) > 0 {
		s.run.spot.text(s.guard.Envelope, piece)
		s.run.pieces = true
	}
}

// endRun ends a run of text, before p[i]. piece is what has not been kept of
// it.
func (s *scanner) endRun(piece []byte, refs bool, i int) bool {
	var found bool
	if s.run.pieces {
		s.run.spot.text(s.guard.Envelope, piece)
		found = s.run.spot.Found()
		s.run = run{}
	} else {
		found = refusesValue(s.guard, piece, refs)
	}
	if !found {
		return true
	}
	if rule := s.tags.Rule(); rule >= 0 && !s.value.mixed && takes(s.rules.sel.Rule(rule), s.value.odd) {
		s.value.envelope = true
		return true
	}
	s.refuse(codec.EnvelopeFound, i, i, envelopeDetail)
	return false
}

// takes reports whether a rule takes a text that holds an envelope. A text that
// is not given as Text is not taken.
func takes(r *codec.Rule, odd bool) bool {
	return r.Open || r.Envelopes && (!odd || r.Unescape)
}
