package protobuf

import (
	"errors"
	"fmt"
	"strings"
	"testing"

	"google.golang.org/protobuf/encoding/protowire"

	"github.com/sealmesh/sealmesh/codec"
	"github.com/sealmesh/sealmesh/codec/codectest"
	"github.com/sealmesh/sealmesh/codec/protobuf/protobuftest"
)

// kinds are the types of fields, as protobuf's conformance suite goes through
// them. valid are encodings that a parser must take.
var kinds = []struct {
	name  string
	wire  protowire.Type
	valid []string
}{
	{"double", protowire.Fixed64Type, []string{"\x00\x00\x00\x00\x00\x00\x00\x00", "\x00\x00\x00\x00\x00\x00\xf8\x7f"}},
	{"float", protowire.Fixed32Type, []string{"\x00\x00\x00\x00", "\x00\x00\xc0\x7f"}},
	{"int64", protowire.VarintType, varints},
	{"uint64", protowire.VarintType, varints},
	{"int32", protowire.VarintType, varints},
	{"uint32", protowire.VarintType, varints},
	{"sint32", protowire.VarintType, varints},
	{"sint64", protowire.VarintType, varints},
	{"bool", protowire.VarintType, varints},
	{"Mood", protowire.VarintType, varints},
	{"fixed64", protowire.Fixed64Type, []string{"\xff\xff\xff\xff\xff\xff\xff\xff"}},
	{"sfixed64", protowire.Fixed64Type, []string{"\xff\xff\xff\xff\xff\xff\xff\x7f"}},
	{"fixed32", protowire.Fixed32Type, []string{"\xff\xff\xff\xff"}},
	{"sfixed32", protowire.Fixed32Type, []string{"\x00\x00\x00\x80"}},
	{"string", protowire.BytesType, []string{"\x00", "\x0dHello, world!", "\x0b\x01\x02\x07\x08\x0c\n\r\t\x0b'\"", "\x08\xe8\xb0\xb7\xe6\xad\x8c\xc2\xa2", "\x04\xf0\x9f\x98\x81", "\x03\xef\xbf\xbd"}},
	{"bytes", protowire.BytesType, []string{"\x00", "\x02\x01\x02", "\x05\xff\xfe\xfb\xc0\x80"}},
	{"Deep", protowire.BytesType, []string{"\x00", "\x02\x08\x52"}},
}

// varints have more bits than their types, or are longer than they need be: a
// parser cuts them.
var varints = []string{
	"\x00", "\x01", "\xb9\x60", "\x80\x01", "\xff\xff\xff\xff\x07", "\xff\xff\xff\xff\x0f", "\x80\x80\x80\x80\xf8\xff\xff\xff\xff\x01",
	"\xff\xff\xff\xff\xff\xff\xff\xff\x7f", "\xff\xff\xff\xff\xff\xff\xff\xff\xff\x01", "\x80\x80\x80\x80\x80\x80\x80\x80\x80\x01", "\x81\x80\x00",
	"\x80\x80\x80\x80\x80\x80\x80\x80\x80\x00",
}

// allSchema has a field of each kind: number i+1, and i+101 if it is repeated.
func allSchema() string {
	var b strings.Builder
	b.WriteString("enum Mood {\nOK = 0\n}\nmessage Deep {\nint32 a = 1\n}\nmessage All {\n")
	for i, k := range kinds {
		fmt.Fprintf(&b, "optional %s f%d = %d\nrepeated %s r%d = %d\n", k.name, i+1, i+1, k.name, i+1, i+101)
	}
	b.WriteString("All child = 300\n}\n")
	return b.String()
}

// TestConformanceCases: the cases of protobuf's conformance suite for binary
// input (conformance/binary_*_test.cc): what a parser must refuse, and what it
// must take. Where the suite is silent, sealmesh refuses more.
func TestConformanceCases(t *testing.T) {
	r := rules(t, "$..f15", "$..r15[*]", "$..f16", "$..r16[*]")
	schema := protobuftest.Set(t, allSchema())
	r.Options = codec.Options{Schema: schema, Settings: map[string]string{"message": "test.All", "unknown": "allow"}}
	doc := r.body(codectest.Keep, codec.Limits{})
	check := func(name, body string, takes bool) {
		t.Helper()
		for _, cuts := range [][]int{nil, codectest.Everywhere(len(body), 1)} {
			got, err := codectest.RewriteBody(&Format, doc, body, cuts)
			e, ok := errors.AsType[*codec.Error](err)
			if takes && (err != nil || got != body) || !takes && (!ok || e.Code != codec.Malformed && e.Code != codec.Truncated) {
				t.Errorf("%s: %q: %v", name, body, err)
			}
		}
	}
	tag := func(n int, w protowire.Type) string {
		return string(protowire.AppendTag(nil, protowire.Number(n), w))
	}
	incomplete := map[protowire.Type]string{
		protowire.VarintType: "\x80", protowire.Fixed64Type: "abcdefg", protowire.BytesType: "\x80", protowire.Fixed32Type: "abc",
	}
	for i, k := range kinds {
		for _, n := range []int{i + 1, i + 101, 666} {
			check("PrematureEofBefore", tag(n, k.wire), false)
			check("PrematureEofInside", tag(n, k.wire)+incomplete[k.wire], false)
			check("PrematureEofInSubmessage", str(300, tag(n, k.wire)+incomplete[k.wire]), false)
			if k.wire == protowire.BytesType {
				check("PrematureEofInDelimitedData", tag(n, k.wire)+"\x01", false)
			}
		}
		if k.wire != protowire.BytesType {
			check("PrematureEofInPackedFieldValue", str(i+101, incomplete[k.wire]), false)
			check("PrematureEofInPackedField", tag(i+101, protowire.BytesType)+"\x01", false)
			check("ValidDataRepeated, packed", str(i+101, k.valid...), true)
			check("PackedInput of a field that is not repeated", str(i+1, k.valid...), false)
		}
		all := ""
		for _, v := range k.valid {
			check("ValidDataScalar", tag(i+1, k.wire)+v, true)
			check("ValidDataRepeated, unpacked", tag(i+101, k.wire)+v, true)
			all += tag(i+1, k.wire) + v
		}
		check("RepeatedScalarSelectsLast", all+str(300, all), true)
		for w := protowire.Type(0); w < 8; w++ {
			if w != k.wire && w != protowire.BytesType {
				check("wrong wire type", tag(i+1, w)+"\x00\x00\x00\x00\x00\x00\x00\x00", false)
			}
		}
	}
	for name, body := range map[string]string{
		"IllegalZeroFieldNum_Case_0":        "\x01DEADBEEF",
		"IllegalZeroFieldNum_Case_1":        "\x02\x01\x01",
		"IllegalZeroFieldNum_Case_2":        "\x03\x04",
		"IllegalZeroFieldNum_Case_3":        "\x05DEAD",
		"BadTag_FieldNumberTooHigh":         "\x88\x80\x80\x80\x80\x80\x0f\xd2\x09",
		"BadTag_FieldNumberSlightlyTooHigh": "\x88\x80\x80\x80\x40\xd2\x09",
		"BadTag_OverlongVarint":             "\x88\x80\x80\x80\x80\x80\x80\x80\x00\xd2\x09",
		"BadTag_VarintMoreThanTenBytes":     "\x88\x80\x80\x80\x80\x80\x80\x80\x80\x80\x80\x80\x00\xd2\x09",
		"BadLength_Varint32BitOverflow":     "\x7a\x80\x80\x80\x80\x10",
		"UnknownWireType6":                  "\x0e",
		"UnknownWireType7":                  "\x0f",
		"UnmatchedGroup.SingleEnd":          tag(201, protowire.EndGroupType),
		"UnmatchedGroup.WrongEnd":           tag(201, protowire.StartGroupType) + tag(202, protowire.EndGroupType),
		"UnmatchedGroup.NoEnd":              tag(201, protowire.StartGroupType),
		"BadUtf8.Overlong":                  str(15, "\xc0\x80"),
		"BadUtf8.Surrogate":                 str(15, "\xed\xa0\x81"),
		"BadUtf8.TooHigh":                   str(15, "\xf4\x90\x80\x80"),
		"BadUtf8.Cut":                       str(115, "\xe2\x82"),
		"BadUtf8.Continuation":              str(300, str(15, "a\x80")),
	} {
		check(name, body, false)
	}
	check("UnknownVarint", num(666, 7)+str(667, "\xff")+tag(668, protowire.Fixed32Type)+"abcd", true)
}
