package xml

import "github.com/sealmesh/sealmesh/codec"

// marks are the bytes that end a comment, an instruction or CDATA, before a >.
var marks = [...]struct {
	mark []byte
	n    int
}{inComment: {[]byte("-"), 2}, inInstruction: {[]byte("?"), 1}, inCDATA: {[]byte("]"), 2}}

// until reads a comment, an instruction or CDATA to its end.
func (s *scanner) until(p []byte, i int) int {
	end := marks[s.mode]
	from := i // what has not been read for envelopes
	for i < len(p) {
		c := p[i]
		switch {
		case c == '>' && s.ended == end.n:
			return s.endAside(i+1, i)
		case s.mode == inComment && s.ended == end.n:
			return s.malformed(i, i, "-- in a comment")
		case c == end.mark[0]:
			s.keepAside(p[from:i])
			if s.ended < end.n {
				s.ended++
			} else {
				s.keepAside(end.mark)
			}
			i++
			from = i
			continue
		case s.ended > 0:
			for ; s.ended > 0; s.ended-- {
				s.keepAside(end.mark) // it was no end
			}
		}
		n := 1
		if class := textClass[c]; class >= lead2 {
			var why stop
			if n, why = scanRune(p[i:]); why == stopBad {
				return s.malformed(i+n, i, runeDetail)
			} else if why == stopMore {
				s.keepAside(p[from:i])
				return s.cut(p, i)
			}
		} else if class == controlByte {
			return s.malformed(i, i, controlDetail)
		}
		i += n
	}
	s.keepAside(p[from:])
	return i
}

// keepAside reads a piece for envelopes. CDATA is part of a run of text.
func (s *scanner) keepAside(piece []byte) {
	switch {
	case s.guard.Envelope == nil || len(piece) == 0:
	case s.mode == inCDATA:
		s.run.pieces = true
		s.run.spot.plain(s.guard.Envelope, piece)
	default:
		s.aside.plain(s.guard.Envelope, piece)
	}
}

// endAside ends what until has read, before index end. Its last token begins at
// index from.
func (s *scanner) endAside(end, from int) int {
	if s.mode != inCDATA && s.aside.Found() {
		return s.refuse(codec.EnvelopeFound, from, from, envelopeDetail)
	}
	s.mode, s.ended = s.around, 0
	return end
}
