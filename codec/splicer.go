package codec

import (
	"errors"
)

// keptFields is the number of fields that a recycled Splicer keeps room for.
const keptFields = 4096

// A Splicer is what turns the tagged values that scanners find in a body into
// the output of its Writer. It holds a tagged value that is incomplete at the
// end of a chunk, collects the tagged values of a chunk, calls the [Transform]
// for each, and writes the chunk with the replacements.
//
// A Writer gives it each chunk by Chunk. The scanners of the body and of
// documents in it then call Begin where a tagged value begins, Take and Put
// where the value ends, and Record where a record ends. After the chunk the
// Writer calls Splice. Offsets are in bytes from the start of the body. Not
// safe for concurrent use.
type Splicer struct {
	rule      int   // that owns the tagged value being read, or -1
	start     int64 // offset of that value
	hold      int64 // offset from which on Hold keeps bytes, or -1
	count     int   // tagged values of the record so far
	sel       *Selector
	limits    Limits
	transform Transform
	forbidden []byte // see Forbid

	out   *Output // that the chunk is written to
	chunk []byte  // being read
	base  int64   // offset of its first byte
	carry Held    // what earlier chunks have that has not left, and more: see bytes
	held  int     // how many bytes before base those are

	fields   []Field
	spans    []span // what Splice needs to know of the fields
	prefixes lengthPrefixes
	taken    span // of the value that Take has returned last
	more     int  // room that replacements have needed beyond the usual

	// Scratch is for values that had to be decoded. Splice resets it.
	Scratch Output
}

// A span is where in the body a tagged value is, and how its replacement is
// written.
type span struct {
	start, end int64
	encoder    Encoder
	lead       byte
}

// Reset readies s for a body. l has its defaults filled in.
func (s *Splicer) Reset(sel *Selector, t Transform, l Limits) {
	s.sel, s.transform, s.limits, s.rule, s.hold, s.count, s.base = sel, t, l, -1, -1, 0, 0
}

// Chunk notes that p is the next chunk of the body, which is written to out.
func (s *Splicer) Chunk(out *Output, p []byte) { s.out, s.chunk = out, p }

// Begin notes that a tagged value begins at offset at, and that rule owns it.
// It returns false if the record has more tagged values than Limits.Fields; the
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
	return s.start, s.rule >= 0 && to-s.start > int64(s.limits.value(s.sel, s.rule))
}

// Refuse returns the error of a body that is refused at offset at. Where a
// tagged value is longer than its limit by then, that is the error: in smaller
// chunks the body would have failed there.
func (s *Splicer) Refuse(code Code, at int64, detail string) *Error {
	if start, over := s.Outgrown(at); over {
		code, at, detail = ValueLimit, start, "a tagged value is longer than the limit"
	}
	return &Error{Code: code, Offset: at, Detail: detail}
}

// Take ends the tagged value being read, which ends before offset end. Take
// returns the value as a Literal field with the bytes of the body. The caller
// changes Kind, Null and Value as its format needs, and calls Put before the
// next Begin. Take returns false if the value is longer than its limit; the
// caller then refuses the body with [ValueLimit].
func (s *Splicer) Take(end int64) (f Field, ok bool) {
	f = Field{Rule: s.rule, Kind: Literal}
	if end-s.start > int64(s.limits.value(s.sel, f.Rule)) {
		return f, false
	}
	s.rule = -1
	s.taken = span{start: s.start, end: end}
	f.Value = s.Bytes(s.start, end)
	return f, true
}

// Bytes returns the bytes of the body from one offset to another. They are in
// the chunk, or among what [Splicer.Hold] has kept, and are valid until Splice.
func (s *Splicer) Bytes(start, end int64) []byte {
	if start >= s.base {
		return s.chunk[start-s.base : end-s.base]
	}
	from := int(start - s.base + int64(s.held))
	if end <= s.base {
		return s.carry.Bytes()[from : from+int(end-start)]
	}
	rest := s.chunk[:end-s.base]
	if from == 0 {
		s.carry.Add(rest)
		return s.carry.Bytes()
	}
	// The carry may not move: values before this one are in it.
	whole := append(s.Scratch.Tail(int(end-start)), s.carry.Bytes()[from:]...)
	whole = append(whole, rest...)
	s.Scratch.Commit(whole)
	return whole
}

// Put adds f, which Take returned, to the fields of the chunk. e writes the
// replacement. lead is the byte that nearly every such replacement begins with,
// such as a quote, or 0 for none: it is put in front of the memory that the
// Transform appends to.
func (s *Splicer) Put(f Field, e Encoder, lead byte) {
	s.taken.encoder, s.taken.lead = e, lead
	s.fields = append(s.fields, f)
	s.spans = append(s.spans, s.taken)
}

// Hold keeps the bytes from offset at on from leaving with this chunk: a tagged
// value may turn out to begin among them, or to end before them, once more of
// the body tells what they are. A Scanner calls it in Scan, for few bytes, such
// as a line end that may belong to a delimiter, or for a message of limited
// length. The caller has a copy of what it needs, or calls Bytes. Of two calls
// for one chunk, by a scanner and by one inside it, the earlier offset counts.
func (s *Splicer) Hold(at int64) {
	if s.hold < 0 || at < s.hold {
		s.hold = at
	}
}

// Record notes that a record of the body ends at offset at: a row, a line, an
// event. No tagged value is being read, and what Hold kept before at is known.
// Limits.Fields counts in each record. A chunk may have any number of records,
// so Record replaces what is tagged so far once that is as much as one record
// may have: a chunk costs no more memory than two.
func (s *Splicer) Record(at int64) error {
	s.count = 0
	if len(s.fields) < s.limits.Fields || at < s.base {
		return nil
	}
	chunk, n := s.chunk, at-s.base
	s.chunk, s.hold = chunk[:n], -1
	if err := s.Splice(); err != nil {
		return err
	}
	s.chunk = chunk[n:]
	return nil
}

// Splice writes the chunk with its replacements, and keeps the part of it that
// cannot leave yet. It fails if the tagged value being read is longer than its
// limit already.
func (s *Splicer) Splice() error {
	out, end := s.out, s.base+int64(len(s.chunk))
	known := end
	if s.hold >= 0 {
		known = min(known, s.hold)
	}
	if _, over := s.Outgrown(known); over {
		return s.Refuse(ValueLimit, known, "")
	}
	out.expect(len(s.chunk), len(s.spans))
	from, framed := s.base-int64(s.held), 0
	for k := range s.spans {
		at := &s.spans[k]
		framed = s.prefixes.pass(s, out, from, at.start, framed)
		from = at.start
		before := out.Len()
		kept, fault, err := s.replace(out, k)
		switch {
		case err != nil:
			return err
		case fault != "":
			return &Error{Code: WrongKind, Offset: at.start, Detail: fault}
		case !kept:
			from = at.end
			if framed > 0 {
				s.prefixes[framed-1].grown += out.Len() - before - int(at.end-at.start)
			}
			if !s.sel.given[s.fields[k].Rule].Open {
				out.grown += out.Len() - before - int(at.end-at.start)
			}
		}
	}
	keep := end
	if s.rule >= 0 {
		keep = s.start
	}
	if s.hold >= 0 {
		keep = max(min(keep, s.hold), from) // a value among what was held may have ended
	}
	s.pass(out, from, keep)
	s.prefixes.write()
	s.keep(keep)
	s.forget()
	s.chunk, s.base, s.hold = nil, end, -1
	return nil
}

// pass writes the bytes of the body from one offset to another as they are.
func (s *Splicer) pass(out *Output, from, to int64) {
	if from < s.base && from < to {
		first := s.base - int64(s.held)
		out.Put(s.carry.Bytes()[from-first : min(to, s.base)-first])
		from = s.base
	}
	if from < to {
		out.Pass(s.chunk[from-s.base : to-s.base])
	}
}

// keep holds the bytes from an offset to the end of the chunk, and drops what
// was held before that offset.
func (s *Splicer) keep(from int64) {
	if from >= s.base {
		s.carry.Drop()
		s.carry.Add(s.chunk[from-s.base:])
	} else {
		s.carry.Cut(int(from-s.base) + s.held)
		s.carry.Add(s.chunk)
	}
	s.held = s.carry.Len()
}

// replace asks the Transform for the replacement of field k, and writes it out,
// unless the value is kept.
func (s *Splicer) replace(out *Output, k int) (kept bool, fault string, err error) {
	batch, to := s.fields[k:], &s.spans[k]
	n := len(batch[0].Value)
	room := out.Tail(roomFor(n, s.more))
	if to.lead != 0 {
		room = append(room, to.lead)
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
	if s.forbids(got, kind) {
		return false, "the value has the text that ends its document", nil
	}
	return false, to.encoder.Encode(out, room, got, kind), nil
}

// Free clears the bytes of the body that s holds, and keeps the memory for the
// next body.
func (s *Splicer) Free() {
	s.carry.Drop()
	s.forget()
	if cap(s.fields) > keptFields {
		s.fields, s.spans = nil, nil
	}
	s.sel, s.transform, s.forbidden, s.out, s.chunk, s.held, s.rule = nil, nil, nil, nil, nil, 0, -1
}

// forget drops the fields of a chunk that was written out.
func (s *Splicer) forget() {
	clear(s.fields)
	clear(s.spans)
	clear(s.prefixes)
	s.fields, s.spans, s.prefixes = s.fields[:0], s.spans[:0], s.prefixes[:0]
	s.Scratch.Reset()
}
