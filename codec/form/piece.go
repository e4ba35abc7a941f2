package form

import "bytes"

// PieceDetail says why a body is refused whose tagged value comes in pieces.
const PieceDetail = "a name such as date(1i), by which Rails reads a piece of a tagged value"

// cutPiece returns the name of the value that a name of Rails is a piece of:
// date of date(1i). The first parenthesis ends it.
func cutPiece(name []byte) (whole []byte, ok bool) {
	if len(name) == 0 || name[len(name)-1] != ')' {
		return nil, false
	}
	whole, rest, ok := bytes.Cut(name, []byte("("))
	digits := bytes.TrimLeft(rest, "0123456789")
	return whole, ok && len(digits) < len(rest) && len(digits) <= len("i)")
}

// Piece reports whether a tagged value with this name is a piece of a value,
// which must not be sealed: Rails would put envelopes together.
func (n *Names) Piece(name []byte) bool {
	if n.dialect&Brackets == 0 || bytes.IndexByte(name, '(') < 0 {
		return false
	}
	for run := range bytes.FieldsFuncSeq(name, func(c rune) bool { return c == '[' || c == ']' }) {
		if _, ok := cutPiece(run); ok {
			return true
		}
	}
	return false
}
