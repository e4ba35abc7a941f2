package protobuf

import (
	"errors"
	"fmt"
	"slices"
	"strings"
	"testing"

	"google.golang.org/protobuf/encoding/protowire"
	"google.golang.org/protobuf/proto"
	"google.golang.org/protobuf/reflect/protodesc"
	"google.golang.org/protobuf/reflect/protoreflect"
	"google.golang.org/protobuf/reflect/protoregistry"
	"google.golang.org/protobuf/types/descriptorpb"
	"google.golang.org/protobuf/types/dynamicpb"

	"github.com/sealmesh/sealmesh/codec"
	"github.com/sealmesh/sealmesh/codec/codectest"
)

// A reader reads bodies as applications do, with the Go library.
type reader struct {
	t     testing.TB
	types *dynamicpb.Types
}

func newReader(t testing.TB) *reader {
	var all descriptorpb.FileDescriptorSet
	if err := proto.Unmarshal(set(t), &all); err != nil {
		t.Fatal(err)
	}
	files, err := protodesc.NewFiles(&all)
	if err != nil {
		t.Fatal(err)
	}
	return &reader{t, dynamicpb.NewTypes(files)}
}

// read returns what the library makes of a body: nil if it refuses it.
func (r *reader) read(name protoreflect.FullName, body []byte) protoreflect.Message {
	mt, err := r.types.FindMessageByName(name)
	if errors.Is(err, protoregistry.NotFound) {
		return nil
	}
	m := mt.New()
	o := proto.UnmarshalOptions{AllowPartial: true, Resolver: r.types}
	if o.Unmarshal(body, m.Interface()) != nil {
		return nil
	}
	return m
}

// A finding is a value that rules own, as the oracle says.
type finding struct {
	rule  int
	value string
}

// find walks a message, and returns the values that rules own. It knows
// nothing of tables.
func (r *reader) find(segs [][]codectest.Segment, m protoreflect.Message, at []codectest.Step) (all []finding) {
	switch d := m.Descriptor(); d.FullName() {
	case anyName:
		url := m.Get(d.Fields().ByNumber(1)).String()
		inner := r.read(protoreflect.FullName(url[strings.LastIndexByte(url, '/')+1:]), m.Get(d.Fields().ByNumber(2)).Bytes())
		if inner == nil {
			return nil
		}
		return r.find(segs, inner, at)
	case structName, listName, valueName, stringName, bytesName:
		m.Range(func(f protoreflect.FieldDescriptor, v protoreflect.Value) bool {
			all = append(all, r.findField(segs, f, v, at)...)
			return true
		})
		return all
	}
	m.Range(func(f protoreflect.FieldDescriptor, v protoreflect.Value) bool {
		all = append(all, r.findField(segs, f, v, step(at, string(f.Name()), -1))...)
		return true
	})
	return all
}

// step returns at with one step more.
func step(at []codectest.Step, name string, index int) []codectest.Step {
	return append(slices.Clone(at), codectest.Step{Name: name, Index: index})
}

func (r *reader) findField(segs [][]codectest.Segment, f protoreflect.FieldDescriptor, v protoreflect.Value, at []codectest.Step) (all []finding) {
	switch {
	case f.IsMap():
		v.Map().Range(func(k protoreflect.MapKey, v protoreflect.Value) bool {
			all = append(all, r.findValue(segs, f.MapValue(), v, step(at, k.String(), -1))...)
			return true
		})
	case f.IsList():
		for i := range v.List().Len() {
			all = append(all, r.findValue(segs, f, v.List().Get(i), step(at, "", i))...)
		}
	default:
		return r.findValue(segs, f, v, at)
	}
	return all
}

func (r *reader) findValue(segs [][]codectest.Segment, f protoreflect.FieldDescriptor, v protoreflect.Value, at []codectest.Step) []finding {
	rule := codectest.Owner(segs, at)
	switch f.Kind() {
	case protoreflect.MessageKind:
		return r.find(segs, v.Message(), at)
	case protoreflect.StringKind:
		if rule >= 0 {
			return []finding{{rule, v.String()}}
		}
	case protoreflect.BytesKind:
		if rule >= 0 {
			return []finding{{rule, string(v.Bytes())}}
		}
	}
	return nil
}

// fuzzRules are for test.User. The oracle reads the same paths as segments.
var fuzzRules = []string{
	"$.ssn", "$.photo", "$.friends[*].ssn", "$.friends[1].tags[1]", "$.labels.a", "$.by_id.*.ssn", "$.detail.ssn", "$.nick",
	"$.meta..b", "$.tags[1]", "$.boss.detail.email", "$.boss.boss.tags[0]", "$.nicks[0]", "$.flags.true", "$.any_value", "$.boss.proxy.labels.*", "$..user_note",
}

func segments(path string) (segs []codectest.Segment) {
	path = strings.NewReplacer("[", ".[", "]", "").Replace(path[1:])
	for path != "" {
		s := codectest.Segment{Descendant: strings.HasPrefix(path, "..")}
		part, rest, more := strings.Cut(strings.TrimLeft(path, "."), ".")
		switch {
		case part == "*" || part == "[*":
			s.Any = true
		case part[0] == '[':
			s.Index = int(part[1] - '0')
		default:
			s.Named, s.Name = true, part
		}
		if segs, path = append(segs, s), ""; more {
			path = "." + rest
		}
	}
	return segs
}

// randomFields makes the fields of a message of type User, Order or of another
// kind of schema.
func randomFields(s *codectest.Source, depth int) (b []byte) {
	for range s.Below(6) {
		n := protowire.Number(s.Below(23))
		if n == 0 {
			n = []protowire.Number{1, 2, 5000, 99}[s.Below(4)]
		}
		wire := protowire.BytesType
		switch {
		case n == 11 || n == 17 || n == 12 && s.Below(2) == 0:
			wire = protowire.VarintType
		case n == 18:
			wire = protowire.Fixed32Type
		}
		if s.Below(40) == 39 {
			wire = protowire.Type(s.Below(6))
		}
		b = protowire.AppendTag(b, n, wire)
		switch wire {
		case protowire.VarintType:
			b = protowire.AppendVarint(b, uint64(s.Below(256))<<s.Below(57))
		case protowire.Fixed32Type:
			b = protowire.AppendFixed32(b, 7)
		case protowire.Fixed64Type:
			b = protowire.AppendFixed64(b, 7)
		case protowire.BytesType:
			b = protowire.AppendBytes(b, randomContent(s, n, depth))
		}
	}
	return b
}

func randomContent(s *codectest.Source, n protowire.Number, depth int) []byte {
	words := []string{"", "a", "b", "true", "test.User", "x/test.User", "test.Order", canary, "é", "\xff", "123-45-6789"}
	word := func() string { return words[s.Below(len(words))] }
	entry := func(key, value string) []byte {
		parts := []string{key, value, key, value}
		from := s.Below(3)
		return []byte(strings.Join(parts[from:from+s.Below(3)], ""))
	}
	switch {
	case depth == 0 && s.Below(4) > 0:
		return []byte(word())
	case n == 3 || n == 13 || n == 15:
		return randomFields(s, depth-1)
	case n == 4:
		return entry(str(1, word()), str(2, word()))
	case n == 5:
		return entry(num(1, uint64(s.Below(4))), str(2, string(randomFields(s, depth-1))))
	case n == 6:
		return entry(str(1, words[4+s.Below(3)]), str(2, string(randomFields(s, depth-1))))
	case n == 7 || n == 8 || n == 20:
		return []byte(str(1, word()))
	case n == 9:
		return []byte(str(1, string(entry(str(1, word()), str(2, string(randomValue(s, 2)))))))
	case n == 21:
		return entry(num(1, uint64(s.Below(3))), str(2, word()))
	case n == 22:
		return randomValue(s, 2)
	}
	return []byte(word())
}

// randomValue makes a google.protobuf.Value.
func randomValue(s *codectest.Source, depth int) []byte {
	switch k := s.Below(6); {
	case depth > 0 && k == 0:
		return []byte(str(5, str(1, str(1, "b"), str(2, string(randomValue(s, depth-1))))))
	case depth > 0 && k == 1:
		return []byte(str(6, str(1, string(randomValue(s, depth-1)))))
	case k == 2:
		return []byte(num(1, 0))
	}
	return []byte(str(3, []string{"s", canary}[s.Below(2)]))
}

// FuzzProtobuf: a body that is accepted is one that the library accepts; every
// value that a rule owns in the library's view was given to the Transform, and
// once all are replaced the library finds the replacement in their place, and
// everything else unchanged.
func FuzzProtobuf(f *testing.F) {
	for i, body := range append(corpus(f).Bodies, corpus(f).Refused...) {
		f.Add([]byte(body), false, uint16(i), i%3 == 0)
	}
	for i := range 60 {
		doc := make([]byte, 60+i*10)
		for k := range doc {
			doc[k] = byte((k*k*5 + i*k*7 + i*29) >> 1)
		}
		f.Add(doc, true, uint16(i*7), i%2 == 0)
	}
	r := newReader(f)
	b := rules(f, fuzzRules...)
	var segs [][]codectest.Segment
	for _, p := range fuzzRules {
		segs = append(segs, segments(p))
	}
	strict := b.body(nil, codec.Limits{})
	b.Settings["unknown"] = "allow"
	lax := b.body(nil, codec.Limits{})
	f.Fuzz(func(t *testing.T, body []byte, random bool, cut uint16, allow bool) {
		if random {
			body = randomFields(&codectest.Source{Data: body}, 4)
		}
		doc := strict
		if allow {
			doc = lax
		}
		var seen []codectest.Seen
		doc.Transform = codectest.Record(&seen, codectest.Keep)
		kept, err := codectest.RewriteBody(&Format, doc, string(body), nil)
		for _, cuts := range [][]int{{int(cut) % (len(body) + 1)}, codectest.Everywhere(len(body), 1)} {
			var again []codectest.Seen
			doc.Transform = codectest.Record(&again, codectest.Keep)
			got, cutErr := codectest.RewriteBody(&Format, doc, string(body), cuts)
			if got != kept || fmt.Sprint(cutErr) != fmt.Sprint(err) || err == nil && fmt.Sprint(again) != fmt.Sprint(seen) {
				t.Fatalf("%q cut at %v: %v, %v; whole %v, %v", body, cuts, again, cutErr, seen, err)
			}
		}
		if err != nil {
			if e, ok := errors.AsType[*codec.Error](err); !ok || e.Detail == "" {
				t.Fatalf("%q: %v", body, err)
			}
			return
		}
		m := r.read("test.User", body)
		if kept != string(body) || m == nil {
			t.Fatalf("%q is accepted, and the library does not; it became %q", body, kept)
		}
		for _, v := range r.find(segs, m, nil) {
			if v.value != "" && !slices.ContainsFunc(seen, func(s codectest.Seen) bool { return s.Rule == v.rule && s.Value == v.value }) {
				t.Fatalf("%q: the library finds %v, and the Transform saw %v", body, v, seen)
			}
		}
		doc.Transform = func(dst []byte, _ []codec.Field) ([]byte, codec.Kind, error) {
			return append(dst, sealedText...), codec.Text, nil
		}
		sealed, err := codectest.RewriteBody(&Format, doc, string(body), nil)
		after := r.read("test.User", []byte(sealed))
		if err != nil || after == nil {
			t.Fatalf("%q was sealed as %q, %v", body, sealed, err)
		}
		found := r.find(segs, after, nil)
		for _, v := range found {
			if v.value != sealedText && v.value != "" {
				t.Fatalf("%q was sealed as %q, in which the library finds %v", body, sealed, v)
			}
		}
		doc.Transform = codectest.Seal
		exact, err := codectest.RewriteBody(&Format, doc, string(body), nil)
		if err != nil {
			t.Fatal(err)
		}
		doc.Transform = codectest.Open
		if back, err := codectest.RewriteBody(&Format, doc, exact, nil); err != nil || back != string(body) {
			t.Fatalf("%q came back as %q, %v", body, back, err)
		}
	})
}
