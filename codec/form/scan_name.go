package form

import (
	"bytes"

	"github.com/sealmesh/sealmesh/codec"
)

const (
	byteOrderMark = "\ufeff"
	charsetName   = "_charset_"
	methodName    = "_method"
)

// scanName reads a name from p[i], and the = or & after it. It returns the
// index of the next byte.
func (d *document) scanName(p []byte, i int) int {
	end, seen := i, class(0)
	for end < len(p) {
		c := nameClass[p[end]]
		if c == nameEnd {
			break
		}
		seen |= c
		end++
	}
	piece := p[i:end]
	d.checkPiece(piece, i, seen)
	switch {
	case d.err != nil:
		return end
	case end < len(p):
		return d.endName(piece, end, p[end] == '=')
	}
	d.name.Add(piece)
	return end
}

// checkPiece refuses the body for a piece of a name, which begins at byte i of
// the piece of the body.
func (d *document) checkPiece(piece []byte, i int, seen class) {
	d.seen |= seen
	most := d.limits.NameBytes - d.name.Len()
	if seen&(nameEscape|nameBad) != 0 || !d.char.between() || d.char.place&inQuery != 0 {
		for k, b := range piece[:min(len(piece), most)] {
			if fault := d.char.step(b); fault != "" {
				d.refuse(codec.Malformed, i+k, fault)
				return
			}
		}
	}
	if len(piece) > most {
		d.refuse(codec.NameLimit, i-d.name.Len(), "a name is longer than the limit")
	}
}

// endName takes the last piece of a name, which ends before byte end of the
// piece of the body. It returns the index of the next byte.
func (d *document) endName(name []byte, end int, hasValue bool) int {
	if d.name.Len() > 0 {
		d.name.Add(name)
		name = d.name.Bytes()
		defer d.name.Drop()
	}
	start, rule := end-len(name), d.other
	if d.seen != 0 || len(name) > longestHint || len(name) == 0 || d.named[name[0]]>>len(name)&1 != 0 && d.isNamed(name) {
		if len(name) == 0 && !hasValue {
			return end + 1
		}
		rule = d.look(name, start, hasValue)
		d.seen = 0
	}
	switch {
	case d.err != nil:
	case !hasValue && rule >= 0:
		return d.refuse(d.short(), start, "a name that a rule has is without a value")
	case hasValue:
		d.inValue = true
		d.char.place &^= inName
		if rule >= 0 && !d.tags.Begin(rule, d.base+int64(end)+1) {
			return d.refuse(codec.FieldLimit, end+1, "more tagged values than the limit")
		}
	}
	return end + 1
}

// isNamed reports whether a plain name that the table of names hints at needs
// more than a comparison with all.
func (d *document) isNamed(name []byte) bool {
	return !isLetter(name[0]) || d.sel.Named(name) != codec.AnyStep
}

// short returns the code for a name that ends too early.
func (d *document) short() codec.Code {
	if d.ended {
		return codec.Truncated
	}
	return codec.Malformed
}

// look returns the rule that owns the value of a name, which begins at byte
// start of the piece. It refuses the body for what no name may be.
func (d *document) look(name []byte, start int, hasValue bool) (rule int) {
	if !d.char.between() {
		d.refuse(d.short(), start+len(name), escapeDetail)
		return -1
	}
	if d.seen&nameEscape != 0 {
		name = decode(d.tags.Scratch.Tail(len(name)), name)
	}
	switch {
	case hasValue && bytes.HasPrefix(name, []byte(byteOrderMark)):
		d.refuse(codec.Malformed, start, "a byte order mark, which some readers drop")
	case hasValue && len(name) > 0 && name[0] == '?':
		d.refuse(codec.Malformed, start, "a name that begins with a question mark, which some readers drop")
	case hasValue && len(name) == len(charsetName) && bytes.EqualFold(name, []byte(charsetName)):
		d.refuse(codec.Malformed, start, "_charset_, by which some readers change the encoding")
	case d.guard.Method && d.names.Root(name, methodName):
		d.refuse(codec.MethodFound, start, "_method, which some servers take for the method")
	case d.guard.Envelope != nil && codec.HoldsEnvelope(name, d.guard.Envelope):
		d.refuse(codec.EnvelopeFound, start, "a name holds an envelope")
	case d.sel != nil:
		if rule = d.names.Find(name); rule >= 0 && d.names.Piece(name) {
			d.refuse(codec.Malformed, start, PieceDetail)
			return -1
		}
		return rule
	}
	return -1
}
