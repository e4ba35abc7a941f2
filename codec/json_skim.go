package codec

import (
	"encoding/binary"
	"math/bits"
)

// skim reads on fast through whole tokens that no rule has an interest in, and stops
// before any other: one that the chunk cuts, that is malformed, that a rule names, that ends
// a tagged value or the body's, or an empty container. What it stops at is read again by
// the methods that can, and they would have read all of it to the same end. It works on
// copies of the state, which then stay in registers. There must be an open container,
// in which a value that no rule names has no owner; it stops where one begins of which
// that is not so. After its end it is so again: a value inside an owned one is never live.
func (s *jsonScan) skim(p []byte, i int) int {
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
			if i, state = s.members(p, i, in, len(frames)); i == from {
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
				if in&liveFrame != 0 && s.other >= 0 {
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
func (s *jsonScan) unnamed(next jsonState) bool {
	return s.row == 0 && (next == atName || len(s.sel.index) == 0)
}

// open returns the frame of a container that begins, or noFrame where a rule names it.
func (s *jsonScan) open(kind class, in frame, next jsonState, frames []frame) frame {
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
	case in&liveFrame == 0 || s.hollow:
		return f
	case s.alike && len(s.sel.index) == 0:
		return f | liveFrame | alikeFrame
	case s.enter(kind):
		return f | liveFrame
	}
	return f
}

// close leaves the innermost container, unless its end is that of the body's value or of a tagged one.
func (s *jsonScan) close(frames []frame) bool {
	top := len(frames) - 1
	if top == 0 {
		return false
	}
	f := frames[top]
	if f&liveFrame != 0 {
		s.leave(f)
	} else if frames[top-1]&liveFrame != 0 && s.tag >= 0 {
		return false
	}
	s.row = 0
	return true
}

// inside is the state after a container's first byte.
var inside = [...]jsonState{arrayFrame: atFirstElement, objectFrame: atFirstName}

// closer is the byte that ends a container, by its state after a comma.
var closer = [...]byte{atValue: ']', atName: '}'}

// innermost returns the state after a comma in the innermost container, and its frame.
func innermost(frames []frame) (next jsonState, in frame) {
	in = frames[len(frames)-1]
	if in&objectFrame != 0 {
		return atName, in
	}
	return atValue, in
}

// scalarEnd returns the index after the scalar that begins at p[i], or 0 when the chunk
// cuts it or it is malformed.
func (s *jsonScan) scalarEnd(p []byte, i int, kind class) int {
	switch kind {
	case stringValue:
		end := stringEnd(p, i)
		if end-i > cleanString && s.guard.holds(p[i:end]) {
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

// endsScalar are the bytes that can follow the last of a number without a blank.
var endsScalar = [256]bool{',': true, ']': true, '}': true}

// numberEnd is scalarEnd for a number. Digits with a point in them it reads by itself.
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

// stringEnd is scalarEnd for a string. The pairs of bytes that text is full of it reads by
// itself: short escapes and letters.
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
