package json

import (
	"encoding/binary"
	"math/bits"

	"github.com/sealmesh/sealmesh/codec"
)

// skipUnmatched consumes tokens that no rule can match. It stops, without
// consuming it, at the first token that needs the full scanner: a token that
// the chunk cuts, that is malformed, that a rule names, or that ends a tagged
// value or the value of the body. scan reads that token again.
//
// State is copied to locals so that it stays in registers. Precondition: a
// container is open, and values in it that no rule names have no owner. This
// holds again after the end of such a value, since values inside an owned value
// are never live.
func (s *scanner) skipUnmatched(p []byte, i int) int {
	state, frames := s.state, s.frames
	next, in := innermost(frames)
scan:
	for i < len(p) {
		c := p[i]
		if isSpace[c] {
			i++
			continue
		}
		switch state {
		case atNext:
			if c == ',' {
				i, state = i+1, next
				continue
			}
			if c != closer[next] || !s.close(frames) {
				break scan
			}
			i, frames = i+1, frames[:len(frames)-1]
			next, in = innermost(frames)
		case atName, atFirstName:
			if c != '"' {
				break scan
			}
			from := i
			if i, state = s.skipMembers(p, i, in, len(frames)); i == from {
				break scan
			}
		case atValue, atFirstElement:
			kind := valueClass[c]
			if kind >= objectValue {
				f := s.open(kind, in, next, frames)
				if f == noFrame {
					break scan
				}
				frames = append(frames, f)
				next, in = innermost(frames)
				i, state = i+1, inside[f&objectFrame]
				if in&liveFrame != 0 && s.below.Rule >= 0 {
					break scan
				}
				continue
			}
			end := s.scalarEnd(p, i, kind)
			if end == 0 || in&liveFrame != 0 && !s.unnamed(next) {
				break scan
			}
			i, state = end, atNext
			if i < len(p) && p[i] == ',' {
				i, state = i+1, next
			}
		default:
			if c != ':' || state != atColon {
				break scan
			}
			i, state = i+1, atValue
		}
	}
	s.state, s.live, s.frames = state, in&liveFrame != 0, frames
	return i
}

// unnamed reports whether no rule names the next value of a live container, and
// elements need not be counted.
func (s *scanner) unnamed(next grammarState) bool {
	return s.step == codec.AnyStep && (next == atName || !s.indexed)
}

// open returns the frame of a container that begins, or noFrame where a rule
// names the container or it is too deep.
func (s *scanner) open(kind class, in frame, next grammarState, frames []frame) frame {
	f := arrayFrame
	if kind == objectValue {
		f = objectFrame
	}
	switch {
	case len(frames) == s.limits.Depth, in&liveFrame != 0 && !s.unnamed(next):
		return noFrame
	case in&watchFrame != 0:
		f |= s.watch(kind, frames)
	}
	switch {
	case in&liveFrame == 0 || s.below.DeadEnd:
		return f
	case s.below.Unchanged && !s.indexed:
		return f | liveFrame | sameFrame
	case s.enter(kind):
		return f | liveFrame
	}
	return f
}

// close leaves the innermost container, unless the value of the body or a
// tagged value ends with it.
func (s *scanner) close(frames []frame) bool {
	top := len(frames) - 1
	if top == 0 {
		return false
	}
	f := frames[top]
	if f&liveFrame != 0 {
		s.leave(f)
	} else if frames[top-1]&liveFrame != 0 && s.tags.Rule() >= 0 {
		return false
	}
	s.step = codec.AnyStep
	return true
}

// inside is the state after a container's first byte.
var inside = [...]grammarState{arrayFrame: atFirstElement, objectFrame: atFirstName}

// closer is the byte that ends a container, by its state after a comma.
var closer = [...]byte{atValue: ']', atName: '}'}

// innermost returns the state after a comma in the innermost container, and its
// frame.
func innermost(frames []frame) (next grammarState, in frame) {
	in = frames[len(frames)-1]
	if in&objectFrame != 0 {
		return atName, in
	}
	return atValue, in
}

// scalarEnd returns the index after the scalar that begins at p[i], or 0 where
// the chunk cuts the scalar or it is malformed.
func (s *scanner) scalarEnd(p []byte, i int, kind class) int {
	switch kind {
	case stringValue:
		end := stringEnd(p, i)
		if end-i > cleanString && refuses(s.guard, p[i:end]) {
			return 0
		}
		return end
	case numberValue:
		return numberEnd(p, i)
	case literalValue:
		return literalEnd(p, i)
	}
	return 0
}

// endsScalar are the bytes that can follow a number without a blank.
var endsScalar = [256]bool{',': true, ']': true, '}': true}

// numberEnd is scalarEnd for a number. It reads digits with a point by itself,
// and leaves the rest to scanNumber.
func numberEnd(p []byte, i int) int {
	from := numberStart
	if p[i]-'1' <= 8 {
		i, from = digitsEnd(p, i+1), numberInt
		if len(p)-i >= 2 && p[i] == '.' && p[i+1]-'0' <= 9 {
			i, from = digitsEnd(p, i+2), numberFrac
		}
		if i < len(p) && endsScalar[p[i]] {
			return i
		}
	}
	if end, _, why := scanNumber(p, i, from); why == stopEnd {
		return end
	}
	return 0
}

func digitsEnd(p []byte, i int) int {
	for i < len(p) && p[i]-'0' <= 9 {
		i++
	}
	return i
}

// stringEnd is scalarEnd for a string. It reads short escapes and letters of
// two bytes by itself, since text is full of them, and leaves the rest to
// scanString.
func stringEnd(p []byte, i int) int {
	i++
scan:
	for i >= 0 && i < len(p)-8 {
		hit := notPlain(binary.LittleEndian.Uint64(p[i : i+8]))
		if hit == 0 {
			i += 8
			continue
		}
		i += bits.TrailingZeros64(hit) / 8
		c, second := p[i], p[i+1]
		switch {
		case c == '"':
			return i + 1
		case c == '\\' && escapeMeaning[second] != 0:
		case stringClass[c] == lead2 && second&0xC0 == 0x80:
		default:
			break scan
		}
		i += 2
	}
	if end, _, why := scanString(p, i); why == stopEnd {
		return end
	}
	return 0
}
