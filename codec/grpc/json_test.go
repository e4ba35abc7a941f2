package grpc

import (
	"errors"
	"fmt"
	"strings"
	"testing"

	"google.golang.org/protobuf/proto"
	"google.golang.org/protobuf/types/descriptorpb"

	"github.com/sealmesh/sealmesh/codec"
	"github.com/sealmesh/sealmesh/codec/codectest"
	"github.com/sealmesh/sealmesh/codec/json"
	"github.com/sealmesh/sealmesh/codec/protobuf/protobuftest"
)

// jsonSchema has a field with two usual names, and one with names of its own.
const jsonSchema = `
message User {
  string ssn = 1;
  string tax_id = 2;
  string number = 3;
  User next_user = 4;
}
service Users { rpc Chat (stream User) returns (stream User); }
`

func jsonOptions(t testing.TB) codec.Options {
	var set descriptorpb.FileDescriptorSet
	if err := proto.Unmarshal(protobuftest.Set(t, jsonSchema), &set); err != nil {
		t.Fatal(err)
	}
	set.File[len(set.File)-1].MessageType[0].Field[2].JsonName = new("theNumber")
	b, err := proto.Marshal(&set)
	if err != nil {
		t.Fatal(err)
	}
	return codec.Options{Schema: b}
}

func jsonCorpus(t testing.TB) codectest.Corpus {
	return codectest.Corpus{
		Options: jsonOptions(t),
		Path:    chat,
		Rules:   []codec.Rule{{Path: "$.ssn"}, {Path: "$.friends[*].tax_id"}, {Path: "$..number", Unescape: true}},
		Bodies: []string{
			"", frame("{}"), frame("{}") + frame(" [ ] "),
			frame(`{"ssn":"123-45-6789"}`),
			frame(`{"ssn":"a"}`) + frame(`{"ssn":null,"age":5}`) + frame(`{"friends":[{"taxId":"b","tax_id":"c"},{"theNumber":1}]}`),
			frame(`{"ssn":"`+strings.Repeat(canary, 500)+`"}`) + frame(`{"note":"`+strings.Repeat("long ", 1000)+`"}`) + frame("1"),
		},
		Refused: []string{
			"\x00", "\x00\x00\x00\x00", "\x00\x00\x00\x00\x01", "\x00\x00\x00\x00\x00", frame(`{"ssn":"`+canary+`"}`) + "\x00\x00", frame(`{"ssn":"` + canary + `"}`)[:9],
			"\x40\x00\x00\x00\x00", flagged(compressed, canary), "\x00\xff\xff\xff\xff",
			frame(`{"ssn":"` + canary), frame(`{"ssn":"`+canary+`"}`) + frame(`"a`), frame(`{"ssn":"`+canary+`"}{}`) + frame("{}"), frame("1 2"), frame("tru"),
		},
		Value: func(n int) string { return frame(`{"ssn":"` + strings.Repeat("v", n-2) + `"}`) },
		Nested: func(n int) string {
			return frame(strings.Repeat("[", n) + strings.Repeat("]", n))
		},
		Many:    func(n int) string { return strings.Repeat(frame(`{"ssn":"x"}`), n) },
		Records: true,
		Wide: func(n int) string {
			return frame(`{"friends":[` + strings.TrimSuffix(strings.Repeat(`{"taxId":"x"},`, n), ",") + `]}`)
		},
		Called: func(name string) string { return frame(`{"` + name + `":1}`) },
		Pad: func(body string, n int) string {
			if n == 0 {
				return body
			}
			return frame(` {"ssn":"x"}`) + body[len(frame(`{"ssn":"x"}`)):]
		},
	}
}

func jsonFormats() []codec.Format {
	return []codec.Format{JSON(&json.Format), WebJSON(&json.Format), ConnectJSON(&json.Format)}
}

func TestJSONConformance(t *testing.T) {
	for _, f := range jsonFormats() {
		t.Run(f.Name, func(t *testing.T) { codectest.Run(t, &f, jsonCorpus(t)) })
	}
}

// jsonBody is what a Writer of a body of frames with JSON is made of.
func jsonBody(t testing.TB, f *codec.Format, tr codec.Transform, rules ...codec.Rule) codec.Body {
	t.Helper()
	sel := codectest.Select(t, rules...)
	sel = sel.Guarded(codec.Guard{Envelope: func(text []byte) bool { return string(text) == sealedHead }})
	checked, err := f.Check(sel, jsonOptions(t))
	if err != nil {
		t.Fatal(err)
	}
	return codec.Body{At: sel.Root(), Checked: checked, Transform: tr, Method: "POST", Path: chat}
}

const sealedHead = "sm1.AQGJxeVr9DANSoVUOVvS8SoA"

// TestJSONNames: a rule for one of a field's names finds it by the other too.
func TestJSONNames(t *testing.T) {
	f := JSON(&json.Format)
	for _, rule := range []string{"$.%s", "$.nextUser.%[1]s", "$.next_user.%[1]s", "$..%[1]s"} {
		for _, pair := range [][2]string{{"tax_id", "taxId"}, {"number", "theNumber"}} {
			for i, name := range pair {
				var seen []codectest.Seen
				b := jsonBody(t, &f, codectest.Record(&seen, codectest.Keep), codec.Rule{Path: fmt.Sprintf(rule, name)})
				inner := fmt.Sprintf(`{"%s":"v"}`, pair[1-i])
				body := frame(inner) + frame(`{"next_user":`+inner+`}`) + frame(`{"nextUser":`+inner+`}`) + frame(fmt.Sprintf(`{"%sx":"w"}`, name))
				want := map[string]int{"$.%s": 1, "$..%[1]s": 3}[rule]
				if want == 0 {
					want = 2
				}
				if _, err := codectest.RewriteBody(&f, b, body, nil); err != nil || len(seen) != want {
					t.Errorf("%s for %s: %v, %v", rule, name, seen, err)
				}
			}
		}
	}
}

// TestJSONLengths: the length of each message follows its values, however the
// body is cut.
func TestJSONLengths(t *testing.T) {
	f := JSON(&json.Format)
	for _, n := range []int{0, 1, 100, 70_000} {
		put := func(dst []byte, batch []codec.Field) ([]byte, codec.Kind, error) {
			if string(batch[0].Value) == "keep" {
				return dst, 0, codec.ErrKeep
			}
			return append(dst, strings.Repeat("v", n)...), codec.Text, nil
		}
		b := jsonBody(t, &f, put, codec.Rule{Path: "$..ssn"})
		of := func(v string) string {
			return frame("{}") + frame(`[{"ssn":"`+v+`"},{"ssn":"keep"},{"ssn":"`+v+`"}]`) + frame(`{"ssn":"keep"}`) + frame(`1`) + frame(`{"ssn":"`+v+`"}`)
		}
		body, want := of("x"), of(strings.Repeat("v", n))
		for _, cuts := range codectest.Cuttings(len(body)) {
			if got, err := codectest.RewriteBody(&f, b, body, cuts); err != nil || got != want {
				t.Fatalf("%d bytes, cut at %v: %.200q, %v", n, cuts, got, err)
			}
		}
	}
}

// TestJSONCompressed: JSON may be compressed as protobuf may.
func TestJSONCompressed(t *testing.T) {
	f := JSON(&json.Format)
	c := jsonCorpus(t)
	for _, name := range codings {
		b := jsonBody(t, &f, codectest.Seal, c.Rules...)
		for _, body := range c.Bodies {
			b.Encoding = ""
			want, err := codectest.RewriteBody(&f, b, body, nil)
			if err != nil {
				t.Fatal(err)
			}
			b.Encoding = name
			coded := some(t, name, body)
			for _, cuts := range [][]int{nil, codectest.Everywhere(len(coded), 1), codectest.Everywhere(len(coded), 50)} {
				if got, err := codectest.RewriteBody(&f, b, coded, cuts); err != nil || none(t, name, got) != want {
					t.Errorf("%s: %v", name, err)
				}
			}
		}
		body := flagged(compressed, compress(t, name, `{"ssn":"`+canary+`"}`)) + flagged(compressed, compress(t, name, `{"ssn":1`))
		_, err := codectest.RewriteBody(&f, b, body, nil)
		if e, ok := errors.AsType[*codec.Error](err); !ok || e.Code != codec.Malformed || e.Offset < 20 {
			t.Errorf("%s: %v", name, err)
		}
	}
}

// TestJSONRefused: what is refused, and where.
func TestJSONRefused(t *testing.T) {
	first := frame(`{"ssn":"` + canary + `"}`)
	for _, tc := range []struct {
		name string
		f    codec.Format
		d    codec.Direction
		body string
		code codec.Code // "" if it is read
		at   int
	}{
		{"an empty message", jsonFormats()[0], 0, first + frame(), codec.Malformed, len(first) + head},
		{"half a document", jsonFormats()[0], 0, first + frame(`{"a":`) + frame(`1}`), codec.Malformed, len(first) + head + 5},
		{"two documents", jsonFormats()[0], 0, first + frame(`1 2`), codec.Malformed, len(first) + head + 2},
		{"a trailers frame", jsonFormats()[0], 1, first + flagged(0x80), codec.Malformed, len(first)},
		{"a cut message", jsonFormats()[0], 0, first + first[:8], codec.Truncated, len(first) + 8},
		{"an envelope", jsonFormats()[0], 0, first + frame(`"`+sealedHead+`"`), codec.EnvelopeFound, len(first) + head + 29},
		{"trailers", jsonFormats()[1], 1, first + flagged(0x80, "grpc-status: 0\r\n"), "", 0},
		{"trailers of a request", jsonFormats()[1], 0, first + flagged(0x80, "grpc-status: 0\r\n"), codec.Malformed, len(first)},
		{"after trailers", jsonFormats()[1], 1, flagged(0x80, "grpc-status: 0\r\n") + first, codec.Malformed, head + 16},
		{"an envelope in trailers", jsonFormats()[1], 1, first + flagged(0x80, "grpc-message: "+sealedHead), codec.EnvelopeFound, len(first) + head},
		{"the end of a stream", jsonFormats()[2], 1, first + flagged(0x02, "{}"), "", 0},
		{"an envelope there", jsonFormats()[2], 1, first + flagged(0x02, `{"a":"sm1\u002e`+sealedHead[4:]+`"}`), codec.EnvelopeFound, len(first) + head},
		{"a flag of another protocol", jsonFormats()[2], 1, first + flagged(0x80, "{}"), codec.Malformed, len(first)},
	} {
		var seen []codectest.Seen
		b := jsonBody(t, &tc.f, codectest.Record(&seen, codectest.Keep), codec.Rule{Path: "$.ssn"})
		b.Direction = tc.d
		for _, cuts := range [][]int{nil, codectest.Everywhere(len(tc.body), 1)} {
			seen = nil
			got, err := codectest.RewriteBody(&tc.f, b, tc.body, cuts)
			e, ok := errors.AsType[*codec.Error](err)
			if tc.code == "" && (err != nil || got != tc.body) || tc.code != "" && (!ok || e.Code != tc.code || e.Offset != int64(tc.at) || e.Format != tc.f.Name) {
				t.Errorf("%s: %v, want %s at %d", tc.name, err, tc.code, tc.at)
			}
			if tc.code != "" && tc.code != codec.Truncated && cuts == nil && len(seen) > 0 {
				t.Errorf("%s: a value was given to the Transform", tc.name)
			}
		}
	}
}

// TestJSONCheck: rules need the schema, for the names.
func TestJSONCheck(t *testing.T) {
	f := JSON(&json.Format)
	for _, tc := range []struct {
		rules []codec.Rule
		o     codec.Options
		want  string
	}{
		{[]codec.Rule{{Path: "$.ssn"}}, codec.Options{}, `setting "schema": must be the file of a FileDescriptorSet`},
		{nil, codec.Options{}, ""},
		{[]codec.Rule{{Path: "$.tax_id"}, {Path: "$.taxId"}, {Path: "$.age"}}, jsonOptions(t), ""},
		{nil, codec.Options{Settings: map[string]string{"unknown": "allow"}}, `setting "unknown": the format has no such setting`},
	} {
		_, err := f.Check(codectest.Select(t, tc.rules...), tc.o)
		if tc.want == "" && err != nil || tc.want != "" && (err == nil || err.Error() != tc.want) {
			t.Errorf("%v: %v, want %s", tc.rules, err, tc.want)
		}
	}
}
