package form

import (
	"encoding/binary"
	"math/bits"

	"github.com/sealmesh/sealmesh/codec"
)

// scanValue reads a value from p[i], and the & after it. It returns the index
// of the next byte.
func (d *document) scanValue(p []byte, i int) int {
	start, between := i, d.char.between()
	for {
		if between {
			i = plainRun(p, i)
		}
		if i == len(p) {
			d.keepPiece(p[start:])
			return i
		}
		b := p[i]
		switch {
		case b == '&' && !between:
			return d.refuse(codec.Malformed, i, escapeDetail)
		case b == '&':
			return d.endValue(p[start:i], i)
		case b == '=' && d.last.add(p[start:i]).isBracket():
			return d.refuse(codec.Malformed, i, "]= in a value, which some readers take for the end of the name")
		case b == '%' && between:
			if n := wholeEscape(p[i:]); n > 0 {
				i += n
				continue
			}
		}
		if fault := d.char.step(b); fault != "" {
			return d.refuse(codec.Malformed, i, fault)
		}
		i++
		between = d.char.between()
	}
}

// wholeEscape returns the length of the escaped character that p begins with,
// if it is printable ASCII or letters of two bytes; else 0: step decides.
func wholeEscape(p []byte) int {
	if len(p) < 6 {
		return 0
	}
	switch high, low := hexValue[p[1]], hexValue[p[2]]; {
	case low < 0:
	case high >= 2 && high <= 6, high == 7 && low != 15:
		return 3
	case high == 13, high == 12 && low >= 2:
		if next := hexValue[p[4]]; p[3] == '%' && next >= 8 && next <= 11 && hexValue[p[5]] >= 0 {
			return 6
		}
	}
	return 0
}

const ones, highs = 0x0101010101010101, 0x8080808080808080

// special looks at eight bytes of a value at once. The lowest bit that is set
// is the high bit of the first byte that is one of %&;=, not ASCII or rare:
// below '(', or past '~'. A borrow can set bits above that bit, never below.
func special(x uint64) uint64 {
	return (x | (x + ones) | (x - '('*ones) | ((x ^ ';'*ones) - ones) | ((x ^ '='*ones) - ones)) & highs
}

// plainRun returns the index of the first byte from p[i] on that scanValue must
// look at.
func plainRun(p []byte, i int) int {
	for i >= 0 && i <= len(p)-8 {
		hit := special(binary.LittleEndian.Uint64(p[i : i+8]))
		if hit == 0 {
			i += 8
			continue
		}
		i += bits.TrailingZeros64(hit) / 8
		if charClasses[p[i]] > charPlus {
			return i
		}
		i++
	}
	for i < len(p) && charClasses[p[i]] <= charPlus {
		i++
	}
	return i
}

// A tail is the last bytes of what earlier pieces have of a value.
type tail [3]byte

// add returns the last bytes once piece has followed.
func (t tail) add(piece []byte) tail {
	for _, b := range piece[max(len(piece)-len(t), 0):] {
		t = tail{t[1], t[2], b}
	}
	return t
}

// isBracket reports whether the value ends with a closing bracket.
func (t tail) isBracket() bool {
	return t[2] == ']' || t[0] == '%' && t[1] == '5' && t[2]|0x20 == 'd'
}

// keepPiece keeps what will be needed of a value whose end is in a later piece.
func (d *document) keepPiece(piece []byte) {
	d.last = d.last.add(piece)
	if d.guard.Envelope != nil {
		d.spot.next(d.guard.Envelope, piece)
		d.cut = true
	}
}

// endValue takes the last piece of a value, which ends before byte end of the
// piece. It returns the index of the next byte.
func (d *document) endValue(piece []byte, end int) int {
	found := d.spotted(piece)
	d.inValue, d.last = false, tail{}
	d.char.place |= inName
	rule := d.tags.Rule()
	if rule < 0 {
		if found {
			d.foundEnvelope(end)
		}
		return end + 1
	}
	start, _ := d.tags.Outgrown(0)
	f, ok := d.tags.Take(d.base + int64(end))
	if !ok {
		d.refuse(codec.ValueLimit, int(start-d.base), "a tagged value is longer than the limit")
		return end
	}
	d.text(&f)
	if r := d.sel.Rule(rule); found && !r.Open && !(r.Envelopes && f.Kind == codec.Text) {
		d.foundEnvelope(end)
		return end
	}
	d.tags.Put(f, &d.encoder, 0)
	return end + 1
}

func (d *document) foundEnvelope(i int) {
	d.refuse(codec.EnvelopeFound, i, "a value holds an envelope where none may be")
}

// text makes f the text of its value, or a raw value where the text would not
// give the same bytes again and the rule does not ask for text.
func (d *document) text(f *codec.Field) {
	safe, canonical := isCanonical(f.Value)
	rule := d.sel.Rule(f.Rule)
	switch {
	case safe:
	case canonical || rule.Open || rule.Unescape:
		plain := decode(d.tags.Scratch.Tail(len(f.Value)), f.Value)
		d.tags.Scratch.Commit(plain)
		f.Value = plain
	default:
		raw := append(d.tags.Scratch.Tail(1+len(f.Value)), byte(codec.FormValue))
		raw = append(raw, f.Value...)
		d.tags.Scratch.Commit(raw)
		f.Kind, f.Value = codec.Raw, raw
		return
	}
	f.Kind = codec.Text
}
