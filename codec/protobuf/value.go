package protobuf

import (
	stdbytes "bytes"

	"github.com/sealmesh/sealmesh/codec"
)

const envelopeDetail = "a string or bytes hold an envelope where none may be"

// lengthed reads a field that has a length, as the schema says.
func (s *scanner) lengthed(t *Table, f *field, start, at, end, slots int) int {
	in, ok := s.span(start, at, end)
	if !ok {
		return -1
	}
	to := &f.to
	if f.slot >= 0 {
		if to = s.counted(f, start, slots); to == nil {
			return -1
		}
	}
	switch f.do {
	case text, data:
		ok = s.value(to.rule, in, f.do == data)
	case message:
		return s.enter(to.next, in, false)
	case keyed:
		s.depth++ // the entry is whole
		to = s.keyed(f, in)
		if s.depth--; to == nil {
			return -1
		}
		return s.enter(to.next, in, false)
	case typeURL:
		ok = s.value(-1, in, false) && s.typed(t, in, slots)
	case anyValue:
		kind := s.counts[slots]
		if s.counts[slots+1]++; kind == 0 || s.counts[slots+1] > 1 {
			return s.malformed(start, "an Any has its value twice, or before its type")
		}
		return s.enter(t.types[kind-1], in, false)
	default:
		return s.untaggable(start)
	}
	if !ok {
		return -1
	}
	return in.end
}

// enter reads a message.
func (s *scanner) enter(t *Table, in span, fixed bool) int {
	if s.depth == s.limits.Depth {
		return s.fail(codec.TooDeep, in.prefix, "messages are nested too deeply")
	}
	s.depth++
	if t.live {
		s.push(in, fixed)
	}
	slots := s.makeCounts(t)
	end := s.fields(t, in.begin, in.end, slots)
	s.counts = s.counts[:slots]
	if t.live {
		s.pop()
	}
	s.depth--
	return end
}

// makeCounts makes the counts of a message, and returns the index of the first.
func (s *scanner) makeCounts(t *Table) (slots int) {
	slots = len(s.counts)
	for range t.slots {
		s.counts = append(s.counts, 0)
	}
	return slots
}

// counted counts a field that has a slot, and returns what its value is. It
// returns nil if the body is refused.
func (s *scanner) counted(f *field, start, slots int) *target {
	count := &s.counts[slots+int(f.slot)]
	*count++
	switch {
	case f.once && *count > 1:
		s.malformed(start, "a message comes in pieces, in which a rule counts elements or an Any has its type")
		return nil
	case f.steps == nil:
		return &f.to
	}
	return &f.steps[s.sel.Indexed(*count-1)]
}

// typed notes the message type of an Any.
func (s *scanner) typed(t *Table, url span, slots int) bool {
	name := s.p[url.begin:url.end]
	name = name[stdbytes.LastIndexByte(name, '/')+1:]
	kind, ok := t.names[string(name)]
	switch {
	case s.counts[slots] != 0 || s.counts[slots+1] != 0:
		s.malformed(url.prefix, "an Any has its type twice, or after its value")
		return false
	case !ok:
		s.malformed(url.prefix, "an Any has a type that the schema does not have")
		return false
	}
	s.counts[slots] = kind + 1
	return true
}

// value reads a string, or with binary bytes. rule owns it, or is -1.
func (s *scanner) value(rule int32, in span, binary bool) bool {
	v := s.p[in.begin:in.end]
	if !binary && !validText(v) {
		s.malformed(in.begin, "a string is not UTF-8")
		return false
	}
	holds := s.holds(v)
	if rule < 0 {
		if holds {
			s.fail(codec.EnvelopeFound, in.begin, envelopeDetail)
		}
		return !holds
	}
	f := codec.Field{Rule: int(rule), Kind: codec.Text, Value: v}
	switch r := s.sel.Rule(f.Rule); {
	case holds && !r.Open && !r.Envelopes:
		s.fail(codec.EnvelopeFound, in.begin, envelopeDetail)
		return false
	case len(v) > s.longest(rule):
		s.fail(codec.ValueLimit, in.begin, "a tagged value is longer than the limit")
		return false
	case binary && !r.Open && !holds:
		f.Kind = codec.Bytes
	}
	if !s.add(f, in, binary) {
		s.fail(codec.FieldLimit, in.begin, "more tagged values than the limit")
		return false
	}
	return true
}

// holds reports whether v holds an envelope.
func (s *scanner) holds(v []byte) bool {
	return len(v) >= codec.HeadLen && s.guard.Envelope != nil && codec.HoldsEnvelope(v, s.guard.Envelope)
}
