package json

import (
	"strings"

	"github.com/sealmesh/sealmesh/codec"
)

// patchDetail is the detail of codec.PatchFound.
const patchDetail = "the body is a patch, whose data names what it changes: patch in the policy allows it"

// A patchSign is a property by which an object is an operation of a patch.
type patchSign uint8

const (
	signOp     patchSign = 1 << iota // "op", and the name of an operation
	signTarget                       // "path", or another name of the target
)

// operationNames are those of RFC 6902, RFC 7644 and JSON:API's atomic
// operations.
var operationNames = [...]string{"add", "remove", "replace", "move", "copy", "test", "update"}

// A pending says what value must follow the last member name for the body to be
// a patch.
type pending uint8

const (
	noPending         pending = iota
	pendingOperation          // the name of an operation
	pendingOperations         // the array of operations
)

// A patchWatch is what a scanner has seen of a patch.
type patchWatch struct {
	pending pending
	signs   patchSign // of the innermost object
}

// longestOperation is the length of the longest value of "op" in the body, with
// each character escaped.
const longestOperation = 6 * len("replace")

// patchNames are the names that make a patch, by the number of open containers:
// in a root object, in an object of a root array, and in an object of an array
// that is a member of the root object.
var patchNames = [...][]string{
	1: {"Operations", "operations", "atomic:operations"},
	2: {"op", "path"},
	3: {"op", "path", "value", "data", "ref", "href"},
}

// isPatchName reports whether a patch has a member called name at this depth:
// inside that number of open containers, which are all watched. Case does not
// count: SCIM's names have none (RFC 7643 §2.1), and .NET's readers of patches
// ignore it.
func isPatchName(name []byte, depth int) bool {
	for _, n := range patchNames[depth] {
		if isName(name, n) {
			return true
		}
	}
	return false
}

// isName reports whether name is want, which is ASCII, in any case. It compares
// the first characters at once: most names differ there.
func isName(name []byte, want string) bool {
	return len(name) >= len(want) && (name[0]|0x20 == want[0]|0x20 || name[0] >= 0x80) && strings.EqualFold(want, string(name))
}

// watched reports whether the innermost container may be part of a patch.
func (s *scanner) watched() bool {
	return len(s.frames) > 0 && s.frames[len(s.frames)-1]&watchFrame != 0
}

// watch returns watchFrame if a container of that kind that begins inside
// frames may be part of a patch: the root, an object in a root array, the array
// of operations in a root object, and an object in that array. A root object
// may also name a method.
func (s *scanner) watch(kind class, frames []frame) frame {
	depth := len(frames)
	switch {
	case depth == 0:
		if !s.guard.Patch && !(s.method && kind == objectValue) {
			return 0
		}
	case frames[depth-1]&watchFrame == 0:
		return 0
	case frames[depth-1]&objectFrame == 0:
		if kind != objectValue {
			return 0
		}
	case kind != arrayValue, s.patch.pending != pendingOperations:
		return 0
	}
	s.patch.signs = 0
	return watchFrame
}

// noteName looks at a member name, unescaped, of a watched container.
func (s *scanner) noteName(name []byte, end int) bool {
	depth := len(s.frames)
	s.patch.pending = noPending
	switch {
	case s.isMethodName(name, depth):
		s.fail(codec.MethodFound, end-1, methodDetail)
		return false
	case !s.guard.Patch, !isPatchName(name, depth):
	case depth == 1:
		s.patch.pending = pendingOperations
	case len(name) == len("op"):
		s.patch.pending = pendingOperation
	default:
		return s.sign(signTarget, end)
	}
	return true
}

// noteOperation looks at the value of "op", the inside of a string.
func (s *scanner) noteOperation(value []byte, end int) bool {
	var room [longestOperation]byte
	if len(value) > len(room) {
		return true
	}
	plain, ok := codec.UnescapeJSON(room[:0], value)
	for _, n := range operationNames {
		if ok && strings.EqualFold(n, string(plain)) {
			return s.sign(signOp, end)
		}
	}
	return true
}

// sign notes a sign of a patch, and refuses the body once both are there.
func (s *scanner) sign(sign patchSign, end int) bool {
	if s.patch.signs |= sign; s.patch.signs != signOp|signTarget {
		return true
	}
	s.fail(codec.PatchFound, end-1, patchDetail)
	return false
}
