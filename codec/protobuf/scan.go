package protobuf

import "github.com/sealmesh/sealmesh/codec"

// A scanner reads messages against a [Table]. It refuses what is malformed, and
// gives tagged values to its splicer.
type scanner struct {
	splicer
	format  string // the name of the Format in errors
	guard   *codec.Guard
	unknown bool // fields that the schema does not have are allowed where rules are
	most    int  // length of the longest field of the body's own message

	p      []byte // the bytes being scanned
	base   int64  // offset of p in the body
	depth  int    // messages around the one being read
	counts []int  // for each message around, as many as its table has slots
	need   int    // bytes of the field that p cuts, as far as they are known
	err    error
	key    [32]byte // of a map, if it is a number
}

// fail refuses the body. at is an offset in p. The result is what functions
// that read return in place of an offset.
func (s *scanner) fail(code codec.Code, at int, detail string) int {
	s.err = &codec.Error{Format: s.format, Code: code, Offset: s.base + int64(at), Detail: detail}
	return -1
}

func (s *scanner) malformed(at int, detail string) int {
	return s.fail(codec.Malformed, at, detail)
}

// short is for a field that begins at start and needs at least n bytes, which
// are not there. Only the bytes of the body's own message may still come.
func (s *scanner) short(start, n int) int {
	if s.depth > 0 {
		return s.malformed(start, "a field ends outside its message")
	}
	s.need = n
	return -1
}

// fields reads the fields of a message, which are p[at:end], and returns end,
// or -1 if the body was refused. The last field of the body's own message may
// be cut: then the result is the offset of the field. slots is the index of the
// message's counts.
func (s *scanner) fields(t *Table, at, end, slots int) int {
	p := s.p[:end]
	for at < len(p) {
		start := at
		tag := uint32(p[at])
		switch at++; {
		case tag < 0x80:
		case at < len(p) && p[at]-1 < 0x7f: // two bytes, the second not 0
			tag = tag&0x7f | uint32(p[at])<<7
			at++
		default:
			tag, at = s.longTag(start, end)
		}
		if at >= 0 {
			switch f := t.field(tag >> 3); {
			case byte(tag&7) != f.wire:
				at = s.other(t, f, tag, start, at, end)
			case f.wire == lengthWire:
				at = s.lengthed(t, f, start, at, end, slots)
			case f.do == untaggable:
				at = s.untaggable(start)
			case f.wire == varintWire && at < len(p) && p[at] < 0x80:
				at++
			default:
				at = s.scalar(f.wire, start, at, end)
			}
		}
		if at >= 0 {
			continue
		}
		if s.err != nil {
			return -1
		}
		return start
	}
	return at
}

// longTag reads a tag that begins at at and has more than one byte. next is the
// offset after it, or -1.
func (s *scanner) longTag(at, end int) (tag uint32, next int) {
	v, n, fault := readVarint(s.p[at:min(end, at+maxVarint)])
	switch {
	case fault == cutShort:
		return 0, s.short(at, end-at+1)
	case fault == overlong:
		return 0, s.malformed(at, "a tag is longer than it need be")
	case fault == overflow, v>>32 != 0:
		return 0, s.malformed(at, "a field number is too large")
	}
	return uint32(v), at + n
}

// other reads a field whose wire type is not that of the schema.
func (s *scanner) other(t *Table, f *field, tag uint32, start, at, end int) int {
	wire := byte(tag & 7)
	switch {
	case tag < 1<<3:
		return s.malformed(start, "field number 0")
	case wire != varintWire && wire != fixed64Wire && wire != lengthWire && wire != fixed32Wire:
		return s.malformed(start, "a group, or a wire type that there is not")
	case f.do == unknown:
		if t.live && !s.unknown {
			return s.malformed(start, "a field that the schema does not have, in a message with rules, which the setting unknown allows")
		}
		if wire != lengthWire {
			return s.scalar(wire, start, at, end)
		}
	case !f.packs || wire != lengthWire:
		return s.malformed(start, "a field does not have the wire type of the schema")
	case f.do == untaggable:
		return s.untaggable(start)
	}
	in, ok := s.span(start, at, end)
	if !ok {
		return -1
	}
	content := s.p[in.begin:in.end]
	switch {
	case f.packs && !packed(content, f.wire):
		return s.malformed(in.begin, "packed numbers are cut")
	case !f.packs && s.holds(content):
		return s.fail(codec.EnvelopeFound, in.begin, envelopeDetail)
	}
	return in.end
}

func (s *scanner) untaggable(start int) int {
	return s.malformed(start, "a rule tags a value that is neither a string nor bytes")
}

// scalar passes over a number.
func (s *scanner) scalar(wire byte, start, at, end int) int {
	n := 4
	switch wire {
	case fixed64Wire:
		n = 8
	case varintWire:
		var fault varintFault
		if n, fault = skipVarint(s.p[at:end]); fault == overflow {
			return s.malformed(at, "a number has more than 64 bits")
		} else if fault == cutShort {
			n = end - at + 1
		}
	}
	if n > end-at {
		return s.short(start, at-start+n)
	}
	return at + n
}

// span reads the length of a field, which begins at at. ok is false if the body
// is refused, or if the field is cut.
func (s *scanner) span(start, at, end int) (in span, ok bool) {
	if at < end && s.p[at] < 0x80 {
		in = span{at, at + 1, at + 1 + int(s.p[at])}
	} else {
		v, n, fault := readVarint(s.p[at:min(end, at+maxVarint)])
		switch {
		case fault == cutShort:
			s.short(start, end-start+1)
			return in, false
		case fault == overlong:
			s.malformed(at, "a length is longer than it need be")
			return in, false
		case fault == overflow, v > maxLength:
			s.malformed(at, "a length is too large")
			return in, false
		}
		in = span{at, at + n, at + n + int(v)}
	}
	switch {
	case s.depth == 0 && in.end-in.begin > s.most:
		s.fail(codec.TooLarge, at, "a field is longer than the limit")
		return in, false
	case in.end > end:
		s.short(start, in.end-start)
		return in, false
	}
	return in, true
}
