package codec_test

import (
	"bytes"
	"errors"
	"fmt"
	"sync"

	"github.com/sealmesh/sealmesh/codec"
)

// pairsFormat is a format of lines such as "name=value", in ASCII without
// control characters. A line is a member of the root, and its value a text.
var pairsFormat = codec.Format{
	Name:       "pairs",
	MediaTypes: []string{"text/x-pairs"},
	Check:      func(_ *codec.Selector, o codec.Options) (any, error) { return nil, o.Only() },
	Scan:       scanPairs,
	HoldsEnvelope: func(f *codec.Field, isHead func([]byte) bool) bool {
		return codec.HoldsEnvelope(f.Value, isHead)
	},
}

// A pairs is the Scanner of the format.
type pairs struct {
	tags    *codec.Splicer
	limits  codec.Limits
	cursor  codec.Cursor
	isHead  func([]byte) bool // Guard.Envelope, or nil
	start   int64             // offset of the line
	name    codec.Held
	inValue bool
	spot    codec.Spotter // of the name or the value being read
}

var pairsPool = sync.Pool{New: func() any { return new(pairs) }}

func scanPairs(b codec.Body, tags *codec.Splicer) (codec.Scanner, error) {
	s := pairsPool.Get().(*pairs)
	s.tags, s.limits = tags, b.Limits
	if sel := b.At.Selector(); sel != nil {
		s.cursor.Set(b.At)
		s.isHead = sel.Guard().Envelope
	}
	return s, nil
}

func (s *pairs) Scan(p []byte, base int64) error {
	for i, c := range p {
		if err := s.read(c, base+int64(i)); err != nil {
			return err
		}
	}
	return nil
}

func (s *pairs) read(c byte, at int64) error {
	switch {
	case s.inValue && c == '\n':
		return s.endValue(at)
	case !s.inValue && c == '=' && s.name.Len() > 0:
		return s.endName(at)
	case c < ' ' || c >= 0x7f || !s.inValue && c == '=':
		return s.tags.Refuse(codec.Malformed, at, "expected lines of a name, = and a value, in ASCII")
	case s.isHead != nil:
		s.spot.Char(c, s.isHead)
	}
	if s.inValue {
		return nil
	}
	if s.name.Len() == 0 {
		s.start = at
	}
	if s.name.Add([]byte{c}); s.name.Len() > s.limits.NameBytes {
		return s.tags.Refuse(codec.NameLimit, s.start, "a name is longer than the limit")
	}
	return nil
}

// endName begins a value, which is tagged if a rule owns the member.
func (s *pairs) endName(at int64) error {
	if s.spot.Found() {
		return s.tags.Refuse(codec.EnvelopeFound, at, "a name holds an envelope")
	}
	s.inValue, s.spot = true, codec.Spotter{}
	defer s.name.Drop()
	if s.cursor.Selector() == nil {
		return nil
	}
	rule := s.cursor.Member(s.name.Bytes())
	s.cursor.Up()
	if rule >= 0 && !s.tags.Begin(rule, at+1) {
		return s.tags.Refuse(codec.FieldLimit, at+1, "more tagged values than the limit")
	}
	return nil
}

func (s *pairs) endValue(at int64) error {
	rule, found := s.tags.Rule(), s.spot.Found()
	s.inValue, s.spot = false, codec.Spotter{}
	taken := false
	if rule >= 0 {
		f, ok := s.tags.Take(at)
		if !ok {
			return s.tags.Refuse(codec.ValueLimit, at, "")
		}
		f.Kind = codec.Text
		s.tags.Put(f, s, 0)
		r := s.cursor.Selector().Rule(rule)
		taken = r.Open || r.Envelopes
	}
	if found && !taken {
		return s.tags.Refuse(codec.EnvelopeFound, at, "a value holds an envelope where none may be")
	}
	return nil
}

// End implements codec.Scanner. The last line may lack its line end.
func (s *pairs) End(at int64) error {
	if s.inValue {
		return s.endValue(at)
	}
	if s.name.Len() > 0 {
		return s.tags.Refuse(codec.Truncated, at, "the body ends in a name")
	}
	return nil
}

func (s *pairs) Free() {
	s.name.Drop()
	s.cursor.Reset()
	*s = pairs{cursor: s.cursor} // with the memory of the cursor
	pairsPool.Put(s)
}

// Encode implements codec.Encoder: nothing that is written ends its line.
func (s *pairs) Encode(out *codec.Output, room, got []byte, kind codec.Kind) (fault string) {
	switch kind {
	case codec.Text:
	case codec.Literal:
		text, ok := codec.LiteralText(nil, got)
		if !ok {
			return "the literal has no text"
		}
		got = text
	default:
		return "pairs have texts only"
	}
	if bytes.ContainsFunc(got, func(r rune) bool { return r < ' ' || r >= 0x7f }) {
		return "the text is not ASCII, or has control characters"
	}
	if codec.InPlace(room, got) {
		out.Commit(room[:len(got)])
	} else {
		out.Put(got)
	}
	return ""
}

// A whole format, as small as one can be. It runs the conformance suite of
// package codectest, as every format does.
func ExampleFormat() {
	sel, err := codec.NewSelector([]codec.Rule{{Path: "$.ssn"}})
	if err != nil {
		panic(err)
	}
	mask := func(dst []byte, _ []codec.Field) ([]byte, codec.Kind, error) {
		return append(dst, "***"...), codec.Text, nil
	}
	for _, body := range []string{"name=Ada\nssn=078-05-1120\n", "ssn=1\nname"} {
		w, err := pairsFormat.New(codec.Body{At: sel.Root(), Transform: mask})
		if err != nil {
			panic(err)
		}
		var out codec.Output
		if err := errors.Join(w.Write(&out, []byte(body)), w.Close(&out)); err != nil {
			fmt.Println(err)
		} else {
			fmt.Printf("%s", bytes.Join(out.Segments(), nil))
		}
		w.Free()
		out.Reset()
	}
	// Output:
	// name=Ada
	// ssn=***
	// pairs: body_truncated at byte 10: the body ends in a name
}
