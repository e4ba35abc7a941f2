package codec

import (
	"cmp"
	"errors"
)

// keptFields is the number of fields that a recycled Splicer keeps room for.
const keptFields = 4096

// A Splicer is the half of a Writer that formats share. It holds a tagged value
// that is incomplete at the end of a chunk, collects the tagged values of a
// chunk, calls the [Transform] for each, and writes the chunk with the
// replacements.
//
// A Writer scans one chunk. It calls Begin where a tagged value begins, and
// Take and Put where the value ends. After the chunk it calls Splice. Offsets
// are in bytes from the start of the body. Not safe for concurrent use.
type Splicer struct {
	rule  int   // that owns the tagged value being read, or -1
	start int64 // offset of that value
	count int   // tagged values so far

	sel       *Selector
	limits    Limits
	transform Transform
	encoder   Encoder
	lead      byte

	carry  Held // what earlier chunks have of that value
	fields []Field
	spans  []span // where in the chunk the values of fields are
	taken  span   // of the value that Take has returned last
	more   int    // room that replacements have needed beyond the usual

	// Scratch is for values that had to be decoded. Splice resets it.
	Scratch Output
}

// A span is where in the chunk being read a tagged value is.
type span struct {
	start, end int // start is negative where an earlier chunk has the beginning
}

// An Encoder writes replacements as a format needs them. A Writer implements
// it.
type Encoder interface {
	// Encode writes a replacement to out: got, which a Transform returned together
	// with kind. room is memory from out.Tail that already holds the lead byte of
	// Splicer.Reset, if there is one. got lies directly after it if
	// [InPlace](room, got): then Encode can extend room over got and commit it
	// without a copy. Encode returns "" or, in fixed words, why this format cannot
	// write got: then the body is refused with [WrongKind].
	Encode(out *Output, room, got []byte, kind Kind) (fault string)
}

// Reset readies s for a body. l has its defaults filled in. lead is the byte
// that nearly every replacement begins with, such as a quote, or 0 for none.
// Splice puts lead in front of the memory that the Transform appends to.
func (s *Splicer) Reset(sel *Selector, t Transform, l Limits, e Encoder, lead byte) {
	s.sel, s.transform, s.limits, s.encoder, s.lead = sel, t, l, e, lead
	s.rule, s.count = -1, 0
}

// Begin notes that a tagged value begins at offset at, and that rule owns it.
// It returns false if the body has more tagged values than Limits.Fields; the
// caller then refuses the body with [FieldLimit].
func (s *Splicer) Begin(rule int, at int64) bool {
	if s.count == s.limits.Fields {
		return false
	}
	s.count++
	s.rule, s.start = rule, at
	return true
}

// Rule returns the rule that owns the tagged value being read, or -1.
func (s *Splicer) Rule() int { return s.rule }

// Outgrown reports whether the tagged value being read is over its limit, given
// that it extends at least to offset to. start is the offset where the value
// began. If over is true, the caller refuses the body with [ValueLimit].
func (s *Splicer) Outgrown(to int64) (start int64, over bool) {
	return s.start, s.rule >= 0 && to-s.start > int64(s.longest(s.rule))
}

// longest returns the limit of a value that rule owns, in bytes.
func (s *Splicer) longest(rule int) int {
	return cmp.Or(s.sel.given[rule].Longest, s.limits.ValueBytes)
}

// Take ends the tagged value being read, which ends before chunk[end]. chunk
// begins at offset base. Take returns the value as a Literal field with the
// bytes of the body. The caller changes Kind, Null and Value as its format
// needs, and calls Put before the next Begin. Take returns false if the value
// is longer than its limit; the caller then refuses the body with [ValueLimit].
func (s *Splicer) Take(chunk []byte, base int64, end int) (f Field, ok bool) {
	start := int(s.start - base)
	f = Field{Rule: s.rule, Kind: Literal}
	if end-start > s.longest(f.Rule) {
		return f, false
	}
	s.rule = -1
	if start < 0 {
		s.carry.Add(chunk[:end])
		f.Value = s.carry.Bytes()
	} else {
		f.Value = chunk[start:end]
	}
	s.taken = span{start, end}
	return f, true
}

// Put adds f, which Take returned, to the fields of the chunk.
func (s *Splicer) Put(f Field) {
	s.fields = append(s.fields, f)
	s.spans = append(s.spans, s.taken)
}

// Splice writes the chunk p with its replacements to out, and holds the part of
// p that belongs to an incomplete tagged value. p begins at offset base. format
// is the Format's name in errors.
func (s *Splicer) Splice(out *Output, p []byte, base int64, format string) error {
	out.expect(len(p), len(s.spans))
	from := 0
	for k, at := range s.spans {
		start := max(at.start, 0)
		out.Pass(p[from:start])
		from = start
		kept, fault, err := s.replace(out, k)
		switch {
		case err != nil:
			return err
		case fault != "":
			return &Error{Format: format, Code: WrongKind, Offset: base + int64(at.start), Detail: fault}
		case !kept:
			from = at.end
		case at.start < 0:
			out.Put(s.carry.Bytes())
			from = at.end
		}
		if at.start < 0 {
			s.carry.Drop()
		}
	}
	s.forget()
	hold := len(p)
	if s.rule >= 0 {
		hold = max(int(s.start-base), 0)
	}
	out.Pass(p[from:hold])
	s.carry.Add(p[hold:])
	return nil
}

// replace asks the Transform for the replacement of field k, and writes it out,
// unless the value is kept.
func (s *Splicer) replace(out *Output, k int) (kept bool, fault string, err error) {
	batch := s.fields[k:]
	n := len(batch[0].Value)
	room := out.Tail(roomFor(n, s.more))
	if s.lead != 0 {
		room = append(room, s.lead)
	}
	got, kind, err := s.transform(room[len(room):], batch)
	if !InPlace(room, got) {
		out.adopt(got)
		if n <= maxBlock {
			s.more = min(max(s.more, cap(got)-2*n), maxHint)
		}
	}
	if err != nil {
		if errors.Is(err, ErrKeep) {
			return true, "", nil
		}
		return false, "", err
	}
	return false, s.encoder.Encode(out, room, got, kind), nil
}

// roomFor is how much of the owned block a Transform is offered for a value of
// n bytes: an envelope is 4/3 of it and a few hundred bytes, and longer with a
// record in it, as earlier ones have shown. For a long value, which is often
// kept, the Transform takes what it needs.
func roomFor(n, more int) int {
	if n > maxBlock {
		n = 0
	}
	return 2*n + 1024 + more
}

// InPlace reports whether got lies directly after room in memory: it does
// unless a Transform needed more than the spare capacity of room.
func InPlace(room, got []byte) bool {
	n := len(room)
	return len(got) == 0 || n+len(got) <= cap(room) && &room[:n+1][n] == &got[0]
}

// Free clears the bytes of the body that s holds, and keeps the memory for the
// next body.
func (s *Splicer) Free() {
	s.carry.Drop()
	s.forget()
	if cap(s.fields) > keptFields {
		s.fields, s.spans = nil, nil
	}
	s.sel, s.transform, s.encoder = nil, nil, nil
	s.rule = -1
}

// forget drops the fields of a chunk that was written out.
func (s *Splicer) forget() {
	clear(s.fields)
	s.fields, s.spans = s.fields[:0], s.spans[:0]
	s.Scratch.Reset()
}
