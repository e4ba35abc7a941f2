package csv

import "github.com/sealmesh/sealmesh/codec"

// A watch looks for envelopes in fields. Quotes inside a field are doubled, and
// an envelope has none: so it is the same before and after decoding. The zero
// value finds none.
type watch struct {
	isHead func(text []byte) bool // Guard.Envelope
	spot   codec.Spotter
	cut    bool // the field came in pieces
}

// has reports whether a field that is whole holds an envelope.
func (w *watch) has(field []byte) bool {
	return len(field) >= codec.HeadLen && w.isHead != nil && codec.HoldsEnvelope(field, w.isHead)
}

// piece reads a piece of a field that is cut. It searches the middle of a long
// piece fast.
func (w *watch) piece(p []byte) {
	if w.isHead == nil {
		return
	}
	w.cut = true
	if n := len(p); n > 4*codec.HeadLen {
		w.each(p[:codec.HeadLen])
		w.spot.Skip(codec.HoldsEnvelope(p, w.isHead))
		p = p[n-codec.HeadLen:]
	}
	w.each(p)
}

func (w *watch) each(p []byte) {
	for _, c := range p {
		w.spot.Char(c, w.isHead)
	}
}

// end reports whether the field that ends with p holds an envelope.
func (w *watch) end(p []byte) bool {
	if !w.cut {
		return w.has(p)
	}
	w.piece(p)
	found := w.spot.Found()
	w.spot, w.cut = codec.Spotter{}, false
	return found
}
