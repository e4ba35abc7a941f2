package protobuf

import (
	"cmp"
	"encoding/binary"
	"errors"

	"github.com/sealmesh/sealmesh/codec"
)

// keptEdits is the number of fields that a recycled splicer keeps room for.
const keptEdits = 4096

// A splicer collects the tagged values of the messages that were scanned, asks
// the Transform for their replacements, and writes the messages with the
// replacements and with the lengths of all messages around them.
//
// [codec.Splicer] cannot be used: here a replacement changes bytes before the
// value.
type splicer struct {
	sel       *codec.Selector
	transform codec.Transform
	limits    codec.Limits

	frames []frame // the messages that the scanner is in, the outermost first
	edits  []edit  // in order of their prefixes
	fields []codec.Field
	count  int // tagged values of the message so far

	scratch codec.Output // what Transforms returned
}

// A span is where a length-delimited field is in the bytes being scanned.
type span struct {
	prefix int // offset of its length
	begin  int // offset of its content
	end    int
}

// A frame is a message that the scanner is in.
type frame struct {
	span
	edit  int32 // index in edits, or -1 until it is needed
	fixed bool  // the length is one of gRPC
}

// An edit is a field whose length may change: a tagged value, or a message
// around one.
type edit struct {
	span
	around int32 // index of the edit of the message around it, or -1
	field  int32 // index in fields, or -1 for a message
	fixed  bool  // the length is one of gRPC
	binary bool  // a value of type bytes
	opens  bool  // the rule of the value opens
	kept   bool  // the value stays
	text   []byte
	grown  int // bytes by which a message has grown
}

func (s *splicer) reset(b *codec.Body, l codec.Limits) {
	s.sel, s.transform, s.limits, s.count = b.At.Selector(), b.Transform, l, 0
}

// push enters the message at at.
func (s *splicer) push(at span, fixed bool) {
	s.frames = append(s.frames, frame{at, -1, fixed})
}

// pop leaves a message.
func (s *splicer) pop() { s.frames = s.frames[:len(s.frames)-1] }

// longest returns the limit of a value that rule owns, in bytes.
func (s *splicer) longest(rule int32) int {
	return cmp.Or(s.sel.Rule(int(rule)).Longest, s.limits.ValueBytes)
}

// add adds a tagged value. It returns false if the message has more of them
// than Limits.Fields.
func (s *splicer) add(f codec.Field, at span, binary bool) bool {
	if s.count == s.limits.Fields {
		return false
	}
	s.count++
	s.edits = append(s.edits, edit{
		span: at, around: s.enclose(), field: int32(len(s.fields)), binary: binary, opens: s.sel.Rule(f.Rule).Open,
	})
	s.fields = append(s.fields, f)
	return true
}

// enclose adds edits for the messages around a tagged value that have none, and
// returns the innermost, or -1.
func (s *splicer) enclose() (around int32) {
	n := len(s.frames)
	for n > 0 && s.frames[n-1].edit < 0 {
		n--
	}
	around = -1
	if n > 0 {
		around = s.frames[n-1].edit
	}
	for i := n; i < len(s.frames); i++ {
		f := &s.frames[i]
		f.edit = int32(len(s.edits))
		s.edits = append(s.edits, edit{span: f.span, around: around, field: -1, fixed: f.fixed})
		around = f.edit
	}
	return around
}

// replace asks the Transform for all replacements. n is how many edits are in
// the bytes that begin at offset base; the others are in those that begin at
// offset next.
func (s *scanner) replace(n int, base, next int64) error {
	for i := range s.edits {
		e := &s.edits[i]
		if e.field < 0 {
			continue
		}
		fault, err := s.ask(e)
		if err != nil {
			return err
		}
		if fault != "" {
			if i >= n {
				base = next
			}
			return &codec.Error{Format: s.format, Code: codec.WrongKind, Offset: base + int64(e.prefix), Detail: fault}
		}
	}
	for i := len(s.edits) - 1; i >= 0; i-- {
		if e := &s.edits[i]; e.around >= 0 {
			s.edits[e.around].grown += e.growth()
		}
	}
	return nil
}

// ask calls the Transform for one value.
func (s *splicer) ask(e *edit) (fault string, err error) {
	batch := s.fields[e.field:]
	got, kind, err := s.transform(s.scratch.Tail(roomFor(len(batch[0].Value))), batch)
	s.scratch.Commit(got)
	if errors.Is(err, codec.ErrKeep) {
		e.kept = true
		return "", nil
	}
	if err != nil {
		return "", err
	}
	e.text, fault = s.encode(got, kind, e.binary)
	return fault, nil
}

// roomFor is how much memory a Transform is offered for a value of n bytes. For
// a long value, which is often kept, it takes what it needs.
func roomFor(n int) int {
	if n > 64<<10 {
		n = 0
	}
	return 2*n + 1024
}

// length returns how long the content of e becomes.
func (e *edit) length() int {
	if e.field >= 0 && !e.kept {
		return len(e.text)
	}
	return e.end - e.begin + e.grown
}

// growth returns by how many bytes e becomes longer, its length included.
func (e *edit) growth() int {
	n := e.length()
	d := n - (e.end - e.begin)
	if !e.fixed {
		d += sizeVarint(n) - (e.begin - e.prefix)
	}
	return d
}

// write writes p with the replacements of edits, which are in p. What stays is
// copied, or passes by reference if p lives as long as out.
func write(out *codec.Output, p []byte, edits []edit, lives bool) {
	pass := (*codec.Output).Put
	if lives {
		pass = (*codec.Output).Pass
	}
	from := 0
	for i := range edits {
		e := &edits[i]
		if e.kept {
			continue
		}
		pass(out, p[from:e.prefix])
		room := out.Tail(maxVarint + len(e.text))
		if e.fixed {
			room = binary.BigEndian.AppendUint32(room, uint32(e.length()))
		} else {
			room = binary.AppendUvarint(room, uint64(e.length()))
		}
		out.Commit(append(room, e.text...))
		from = e.begin
		if e.field < 0 {
			continue
		}
		from = e.end
		if !e.opens {
			out.Grew(len(e.text) - (e.end - e.begin))
		}
	}
	pass(out, p[from:])
}

// forget drops the edits of what was written out.
func (s *splicer) forget() {
	clear(s.fields)
	clear(s.edits)
	s.fields, s.edits = s.fields[:0], s.edits[:0]
	s.scratch.Reset()
}

// free clears the bytes of the body that s holds, and keeps the memory.
func (s *splicer) free() {
	s.forget()
	if cap(s.fields) > keptEdits {
		s.fields, s.edits = nil, nil
	}
	s.frames = s.frames[:0]
	s.sel, s.transform = nil, nil
}
