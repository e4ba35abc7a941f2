package codec

import (
	"bytes"
	"strings"
)

// Fixed words of what a [Guard] refuses.
const (
	envelopeDetail = "a string holds an envelope where none may be"
	patchDetail    = "the body is a patch, whose data names what it changes"
	rootDetail     = "the value of the body is not what the policy says"
)

// A patchSign is what makes an object an operation of a patch.
type patchSign uint8

const (
	signOp     patchSign = 1 << iota // "op", and the name of an operation
	signTarget                       // "path", or what stands for it
)

// operationNames are those of RFC 6902, RFC 7644 and JSON:API's atomic operations.
var operationNames = [...]string{"add", "remove", "replace", "move", "copy", "test", "update"}

// A pending says what the name that was read last, in a patch, announces.
type pending uint8

const (
	noPending         pending = iota
	pendingOperation          // the name of an operation
	pendingOperations         // the array of operations
)

// longestOperation bounds the value of "op", as it stands in the body, each
// character escaped.
const longestOperation = 6 * len("replace")

// Where the names that make a patch stand: in a root object, in an object of a
// root array, and in an object of an array that the root object calls its operations.
var patchNames = [...][]string{
	1: {"Operations", "operations", "atomic:operations"},
	2: {"op", "path"},
	3: {"op", "path", "value", "data", "ref", "href"},
}

// isPatchName reports whether name counts among depth open containers, all of
// which are watched. It counts in any case, since SCIM's names have none (RFC
// 7643 §2.1), and .NET's readers of patches tell none apart.
func isPatchName(name []byte, depth int) bool {
	for _, n := range patchNames[depth] {
		if strings.EqualFold(n, string(name)) {
			return true
		}
	}
	return false
}

// watched reports whether the innermost container may be part of a patch.
func (s *jsonScan) watched() bool {
	return len(s.frames) > 0 && s.frames[len(s.frames)-1]&watchFrame != 0
}

// watch returns watchFrame if a container of that kind, which begins inside
// frames, may be part of a patch: the root, an object of a root array, the array
// that a root object calls its operations, and an object of that one.
func (s *jsonScan) watch(kind class, frames []frame) frame {
	depth := len(frames)
	switch {
	case depth == 0:
		if !s.guard.Patch {
			return 0
		}
	case frames[depth-1]&watchFrame == 0:
		return 0
	case frames[depth-1]&objectFrame == 0:
		if kind != objectValue {
			return 0
		}
	case kind != arrayValue, s.pending != pendingOperations:
		return 0
	}
	s.signs = 0
	return watchFrame
}

// notePatchName looks at a member name, unescaped, of a watched container.
func (s *jsonScan) notePatchName(name []byte, end int) bool {
	depth := len(s.frames)
	s.pending = noPending
	switch {
	case !isPatchName(name, depth):
	case depth == 1:
		s.pending = pendingOperations
	case len(name) == len("op"):
		s.pending = pendingOperation
	default:
		return s.sign(signTarget, end)
	}
	return true
}

// noteOperation looks at the value of "op", the inside of a string.
func (s *jsonScan) noteOperation(value []byte, end int) bool {
	var room [longestOperation]byte
	if len(value) > len(room) {
		return true
	}
	plain, ok := unescape(room[:0], value)
	for _, n := range operationNames {
		if ok && strings.EqualFold(n, string(plain)) {
			return s.sign(signOp, end)
		}
	}
	return true
}

// sign notes a sign of a patch, and refuses the body once both are there.
func (s *jsonScan) sign(sign patchSign, end int) bool {
	if s.signs |= sign; s.signs != signOp|signTarget {
		return true
	}
	s.fail(PatchFound, end-1, patchDetail)
	return false
}

// keepPiece holds, of a string that the chunk cuts, what will be needed once it
// is whole.
func (s *jsonScan) keepPiece(piece []byte, t token) bool {
	if s.guard.Envelope != nil {
		s.spot.next(s.guard, piece)
		s.cut = true
	}
	switch {
	case t == nameToken && s.named():
		s.name.add(piece)
		if s.name.len() > s.limits.NameBytes {
			s.fail(NameLimit, int(s.nameStart-s.base), nameDetail)
			return false
		}
	case t == stringToken && s.pending == pendingOperation:
		s.name.add(piece[:min(len(piece), longestOperation+1)])
	}
	return true
}

// named reports whether the names of the innermost container are looked at.
func (s *jsonScan) named() bool { return s.live || s.watched() }

// endName looks at a member name whose quote stands before chunk[end]. inside is
// what this chunk has of it.
func (s *jsonScan) endName(inside []byte, end int) bool {
	if s.spotted(inside) {
		s.fail(EnvelopeFound, end-1, envelopeDetail)
		return false
	}
	return !s.named() || s.matchName(inside, end)
}

// endText is endName for a value.
func (s *jsonScan) endText(inside []byte, end int) bool {
	if s.spotted(inside) && !s.takesEnvelope() {
		s.fail(EnvelopeFound, end-1, envelopeDetail)
		return false
	}
	if s.pending == noPending {
		return true
	}
	if s.name.len() > 0 {
		s.name.add(inside)
		inside = s.name.bytes()
	}
	ok := s.pending != pendingOperation || s.noteOperation(inside, end)
	s.name.drop()
	s.pending = noPending
	return ok
}

// spotted reports whether the string that ends with inside holds an envelope.
func (s *jsonScan) spotted(inside []byte) bool {
	if !s.cut {
		return len(inside) >= HeadLen && s.guard.holds(inside)
	}
	s.spot.next(s.guard, inside)
	found := s.spot.found
	s.spot, s.cut = spotter{}, false
	return found
}

// takesEnvelope reports whether the string that was just read stands where a rule
// takes it, envelope or not. One with escapes is judged by its text, if at all.
func (s *jsonScan) takesEnvelope() bool {
	if s.tag < 0 || !s.tagText {
		return false
	}
	r := &s.sel.given[s.tag]
	return r.Open || r.Envelopes && (!s.escaped || r.Unescape)
}

// notable reports whether a member name without escapes, which members met, has
// to be looked at.
func (s *jsonScan) notable(name []byte) bool {
	return s.in&liveFrame != 0 && s.sel.names.find(name) != 0 ||
		s.in&watchFrame != 0 && isPatchName(name, s.depth) ||
		len(name) >= HeadLen && s.guard.holds(name)
}

// takes reports whether the value of a body may be of that kind.
func (r Root) takes(kind class) bool {
	switch r {
	case ObjectRoot:
		return kind == objectValue
	case ArrayRoot:
		return kind == arrayValue
	}
	return true
}

// mayBeEnvelope reports whether a string, whose inside this is, may stand for an
// envelope: all of them begin with an s.
func mayBeEnvelope(inside []byte) bool {
	return len(inside) > 0 && (inside[0] == 's' || bytes.HasPrefix(inside, []byte(`\u0073`)))
}
