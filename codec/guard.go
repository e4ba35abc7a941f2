package codec

import "bytes"

// A Guard says what a body must not be, though it is well-formed. The zero value
// lets every body be.
type Guard struct {
	// Root is what the body's value must be.
	Root Root
	// Patch refuses a body that is a patch by its shape: its data names the targets
	// of its values, so that no path finds them.
	Patch bool
	// Envelope reports whether text, which has HeadLen bytes and begins with
	// "sm1.", begins an envelope. Strings that hold one are refused, save where a rule
	// with Envelopes takes them. nil refuses none.
	Envelope func(text []byte) bool
}

// A Root is what the value of a whole body must be.
type Root uint8

// The roots.
const (
	AnyRoot Root = iota
	ObjectRoot
	ArrayRoot
)

// Guarded returns a copy of s that holds bodies to g.
func (s *Selector) Guarded(g Guard) *Selector {
	c := *s
	c.guard = g
	c.tables = newNameTables(&c)
	return &c
}

// envelopePrefix begins every envelope of format 1; codec/envelope writes it.
const envelopePrefix = "sm1."

// HeadLen is how many characters of an envelope tell that it is one: the prefix,
// and what holds suite, shape and data key id in base64.
const HeadLen = len(envelopePrefix) + 24

// cleanString is the length, quotes included, of the longest JSON string that
// holds no envelope.
const cleanString = HeadLen + len(`""`) - 1

// HoldsEnvelope reports whether text has in it what begins an envelope by is, as
// in [Guard]. A full stop is rarer in text than the other characters of the
// prefix, so that the search is for that.
func HoldsEnvelope(text []byte, is func(text []byte) bool) bool {
	for at := 0; ; {
		k := bytes.IndexByte(text[at:], '.')
		if k < 0 {
			return false
		}
		at += k + 1
		begin := at - len(envelopePrefix)
		if begin >= 0 && len(text)-begin >= HeadLen && string(text[begin:at]) == envelopePrefix && is(text[begin:begin+HeadLen]) {
			return true
		}
	}
}

// HoldsEnvelope is the function of that name for f. Of a literal it looks through the escapes.
func (f *Field) HoldsEnvelope(is func(text []byte) bool) bool {
	if f.Kind == Literal {
		return (&Guard{Envelope: is}).holds(f.Value)
	}
	return HoldsEnvelope(f.Value, is)
}

// holds is HoldsEnvelope for s, the inside of a valid JSON string, once it is
// unescaped.
func (g *Guard) holds(s []byte) bool {
	if g.Envelope == nil {
		return false
	}
	if HoldsEnvelope(s, g.Envelope) {
		return true
	}
	if !hidesText(s) {
		return false
	}
	var w spotter
	w.add(g, s)
	return w.found
}

// hidesText reports whether an escape in s stands for a character that an
// envelope can have. Encoders escape none of them.
func hidesText(s []byte) bool {
	for {
		k := bytes.Index(s, []byte(`\u00`))
		if k < 0 || len(s)-k < 6 {
			return false
		}
		if c := byte(hexDigit(s[k+4])<<4 | hexDigit(s[k+5])); c == '.' || isBase64URL(c) {
			return true
		}
		s = s[k+4:]
	}
}
