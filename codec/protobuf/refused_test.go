package protobuf

import (
	"errors"
	"strings"
	"testing"

	"github.com/sealmesh/sealmesh/codec"
	"github.com/sealmesh/sealmesh/codec/codectest"
	"github.com/sealmesh/sealmesh/codec/protobuf/protobuftest"
)

// TestRefused: what two readers could read differently, or not at all.
func TestRefused(t *testing.T) {
	for _, tc := range []struct{ name, body, want string }{
		{"field number 0", "\x02\x01a", "field number 0"},
		{"field number 0 in two bytes", "\x82\x00\x01a", "a tag is longer than it need be"},
		{"field number 2^29", "\x82\x80\x80\x80\x10\x01a", "a field number is too large"},
		{"field number 2^29-1", "\xfa\xff\xff\xff\x0f\x01a", "a field that the schema does not have, in a message with rules, which the setting unknown allows"},
		{"overlong tag", "\x8a\x00\x01a", "a tag is longer than it need be"},
		{"overlong tag in a message without rules", str(9, "\x8a\x00\x00"), "a tag is longer than it need be"},
		{"tag of ten bytes", "\x8a\x80\x80\x80\x80\x80\x80\x80\x80\x00\x01a", "a tag is longer than it need be"},
		{"overlong length", "\x0a\x81\x00a", "a length is longer than it need be"},
		{"overlong length of a message", "\x6a\x83\x00" + str(1, "a"), "a length is longer than it need be"},
		{"length past 64 bits", "\x0a\xff\xff\xff\xff\xff\xff\xff\xff\xff\x02", "a length is too large"},
		{"length of 2^63", "\x0a\x80\x80\x80\x80\x80\x80\x80\x80\x80\x01", "a length is too large"},
		{"ten-byte varint that ends in 2", "\x58\xff\xff\xff\xff\xff\xff\xff\xff\xff\x02", "a number has more than 64 bits"},
		{"eleven-byte varint", "\x58\xff\xff\xff\xff\xff\xff\xff\xff\xff\x81\x00", "a number has more than 64 bits"},
		{"group with the number of a string", "\x0b\x0c", "a group, or a wire type that there is not"},
		{"group that is not known", "\xbb\x01\xbc\x01", "a group, or a wire type that there is not"},
		{"end of a group", "\x0c", "a group, or a wire type that there is not"},
		{"wire type 6", "\x0e", "a group, or a wire type that there is not"},
		{"wire type 7", "\x0f", "a group, or a wire type that there is not"},
		{"string as varint", num(1, 5), "a field does not have the wire type of the schema"},
		{"string as fixed32", "\x0dabcd", "a field does not have the wire type of the schema"},
		{"message as varint", num(13, 5), "a field does not have the wire type of the schema"},
		{"varint as bytes", str(11, "a"), "a field does not have the wire type of the schema"},
		{"key of a map as bytes", str(5, str(1, "7")+str(2)), "a field does not have the wire type of the schema"},
		{"packed varint that is cut", str(12, "\x01\x80"), "packed numbers are cut"},
		{"packed varint of eleven bytes", str(12, strings.Repeat("\x80", 10)+"\x01"), "packed numbers are cut"},
		{"packed doubles that are cut", str(19, "1234567"), "packed numbers are cut"},
		{"string that is not UTF-8", str(14, "\xff"), "a string is not UTF-8"},
		{"string that is not UTF-8 in a message without rules", str(9, str(1, str(1, "\xc3"))), "a string is not UTF-8"},
		{"surrogate in UTF-8", str(1, "\xed\xa0\x80"), "a string is not UTF-8"},
		{"unknown field", str(99, "a"), "a field that the schema does not have, in a message with rules, which the setting unknown allows"},
		{"unknown field below a rule", str(13, num(99, 1)), "a field that the schema does not have, in a message with rules, which the setting unknown allows"},
		{"unknown field of a map's entry", str(4, str(1, "a"), str(3, "a")), "a field that the schema does not have, in a message with rules, which the setting unknown allows"},
		{"unknown field of Any", str(6, str(3, "a")), "a field that the schema does not have, in a message with rules, which the setting unknown allows"},
		{"field past its message", str(13, str(1, "abc")[:4]), "a field ends outside its message"},
		{"tag past its message", str(13, "\x8a"), "a field ends outside its message"},
		{"length past its message", str(13, "\x0a"), "a field ends outside its message"},
		{"number past its message", str(13, "\x58\x80"), "a field ends outside its message"},
		{"fixed32 past its message", str(13, "\x95\x01abc"), "a field ends outside its message"},
		{"key past its entry", str(4, "\x0a\x05a"), "a field ends outside its message"},
		{"two keys", str(4, str(1, "a"), str(1, "b"), str(2, "v")), "an entry of a map has two keys"},
		{"Any of a type that is not known", str(6, str(1, "x/test.None"), str(2)), "an Any has a type that the schema does not have"},
		{"Any without a type", str(6, str(2, str(1, "a"))), "an Any has its value twice, or before its type"},
		{"Any with its type last", str(6, str(2), str(1, "test.User")), "an Any has its value twice, or before its type"},
		{"Any with two types", str(6, str(1, "test.Order"), str(1, "test.User"), str(2)), "an Any has its type twice, or after its value"},
		{"Any with two values", str(6, str(1, "test.User"), str(2), str(2)), "an Any has its value twice, or before its type"},
		{"Any in two pieces", str(6, str(1, "test.User")) + str(6, str(2)), "a message comes in pieces, in which a rule counts elements or an Any has its type"},
		{"message around Any in two pieces", str(13, str(6)) + str(13), "a message comes in pieces, in which a rule counts elements or an Any has its type"},
	} {
		b := rules(t)
		b.sel = codectest.Select(t, codec.Rule{Path: "$.ssn"}, codec.Rule{Path: "$.boss.ssn"}, codec.Rule{Path: "$.labels.a"},
			codec.Rule{Path: "$.by_id['7'].ssn"}, codec.Rule{Path: "$.detail.ssn"}, codec.Rule{Path: "$.boss.detail.ssn"})
		for _, cuts := range [][]int{nil, codectest.Everywhere(len(tc.body), 1)} {
			_, err := b.rewrite(codectest.Keep, tc.body, cuts...)
			if e, ok := errors.AsType[*codec.Error](err); !ok || e.Code != codec.Malformed || e.Detail != tc.want {
				t.Errorf("%s: %v, want %s", tc.name, err, tc.want)
			}
		}
	}
}

// A message in pieces is refused where a rule counts elements in it.
func TestPieces(t *testing.T) {
	b := rules(t, "$.boss.tags[1]")
	if got := b.seen(str(13, str(10, "a"))); got != "" {
		t.Error(got)
	}
	if got := b.seen(str(13, str(10, "a")) + str(13, str(10, "b"))); !strings.Contains(got, "a message comes in pieces") {
		t.Error(got)
	}
	b = rules(t, "$.boss.boss.tags[1]")
	if got := b.seen(str(13, str(13, str(10, "a"))) + str(13, str(13, str(10, "b")))); !strings.Contains(got, "a message comes in pieces") {
		t.Error(got)
	}
	b = rules(t, "$.boss.tags[*]")
	if got := b.seen(str(13, str(10, "a")) + str(13, str(10, "b"))); got != "0 text a|0 text b" {
		t.Error(got)
	}
}

// Unknown fields pass where the policy allows them or no rule is, but a known
// field must have its type.
func TestUnknown(t *testing.T) {
	b := rules(t, "$.ssn", "$.boss.ssn")
	b.Settings["unknown"] = "allow"
	unknown := str(99, "\xff") + num(98, 1<<63) + "\xad\x06abcd" + "\xa9\x06abcdefgh"
	if got := b.seen(unknown + str(13, unknown+str(1, "a"))); got != "0 text a" && got != "1 text a" {
		t.Error(got)
	}
	if got := b.seen(num(1, 1)); !strings.Contains(got, "wire type") {
		t.Error(got)
	}
	delete(b.Settings, "unknown")
	if got := b.seen(str(9, unknown)); got != "" {
		t.Error(got)
	}
}

// TestCheck: what a policy may say.
func TestCheck(t *testing.T) {
	proto2 := protobuftest.Set(t, `
		syntax proto2
		message Base {
		  optional string a = 1;
		  extensions 100;
		  group grp = 2;
		}
		extend Base {
		  optional string ext = 101;
		}
	`)
	for _, tc := range []struct {
		name, path string
		o          codec.Options
		want       string
	}{
		{"no schema", "$.ssn", codec.Options{}, `setting "message": must be the full name of the message that a body is`},
		{"no message", "$.ssn", codec.Options{Schema: set(t)}, `setting "message": must be the full name of the message that a body is`},
		{"message without schema", "$.ssn", codec.Options{Settings: map[string]string{"message": "a.B"}}, `setting "schema": must be the file of a FileDescriptorSet`},
		{"schema of something else", "$.ssn", codec.Options{Schema: []byte("syntax"), Settings: map[string]string{"message": "a.B"}}, `setting "schema": is not a FileDescriptorSet: protoc --include_imports -o makes one`},
		{"message that is not there", "$.ssn", options(t, "message", "test.None"), `setting "message": the schema has no such message`},
		{"message that is an enum", "$.ssn", options(t, "message", "test.Color"), `setting "message": the schema has no such message`},
		{"Any", "$.ssn", options(t, "message", "google.protobuf.Any"), `setting "message": must not be Any`},
		{"unknown", "$.ssn", options(t, "unknown", "keep"), `setting "unknown": must be refuse or allow`},
		{"other setting", "$.ssn", options(t, "delimiter", ";"), `setting "delimiter": the format has no such setting`},
		{"number", "$.age", options(t), `path "$.age": at 0: ends at test.User.age, which is of type int32: only string and bytes can be sealed`},
		{"number in a message", "$..age", options(t), `path "$..age": at 0: ends at test.User.age, which is of type int32: only string and bytes can be sealed`},
		{"enum", "$.color", options(t), `path "$.color": at 0: ends at test.User.color, which is of type enum: only string and bytes can be sealed`},
		{"message", "$.boss", options(t), `path "$.boss": at 0: ends at test.User.boss, which is of type message: only string and bytes can be sealed`},
		{"Any at the end", "$.detail", options(t), `path "$.detail": at 0: ends at test.User.detail, which is of type message: only string and bytes can be sealed`},
		{"root", "$", options(t), `path "$": at 0: ends at test.User, which is a message: only string and bytes can be sealed`},
		{"repeated", "$.tags", options(t), `path "$.tags": at 0: ends at test.User.tags, which is repeated (name its elements: [*]): only string and bytes can be sealed`},
		{"repeated numbers", "$.marks[*]", options(t), `path "$.marks[*]": at 0: ends at test.User.marks, which is of type int32: only string and bytes can be sealed`},
		{"map", "$.labels", options(t), `path "$.labels": at 0: ends at test.User.labels, which is a map (name its members: .*): only string and bytes can be sealed`},
		{"map of messages", "$.by_id.*", options(t), `path "$.by_id.*": at 0: ends at test.User.ByIdEntry.value, which is of type message: only string and bytes can be sealed`},
		{"everything", "$.*", options(t), "only string and bytes can be sealed"},
		{"nothing", "$.none.none", options(t), ""},
		{"wrapper as the body", "$", options(t, "message", "google.protobuf.StringValue"), ""},
		{"group", "$.grp", codec.Options{Schema: proto2, Settings: map[string]string{"message": "test.Base"}}, `path "$.grp": at 0: ends at test.Base.grp, which is of type group: only string and bytes can be sealed`},
		{"group on the way", "$.grp.a", codec.Options{Schema: proto2, Settings: map[string]string{"message": "test.Base"}}, ""},
	} {
		_, err := Format.Check(codectest.Select(t, codec.Rule{Path: tc.path}), tc.o)
		if tc.want == "" && err != nil || tc.want != "" && (err == nil || !strings.HasSuffix(err.Error(), tc.want)) {
			t.Errorf("%s: %v, want %s", tc.name, err, tc.want)
		}
	}
	// A body without rules needs no schema.
	if _, err := Format.Check(codectest.Select(t), codec.Options{}); err != nil {
		t.Error(err)
	}
	b := rules(t, "$['[test.ext]']")
	b.Options = codec.Options{Schema: proto2, Settings: map[string]string{"message": "test.Base"}}
	if got := b.seen(str(1, "a") + str(101, "b")); got != "0 text b" {
		t.Error(got)
	}
	if got := b.seen("\x13\x14"); !strings.Contains(got, "a group") {
		t.Error(got)
	}
}

// TestNew: what is refused before the first byte.
func TestNew(t *testing.T) {
	b := rules(t, "$.ssn")
	for _, tc := range []struct {
		params codec.Params
		ok     bool
	}{
		{"", true}, {" charset=utf-8", true}, {" proto=test.User", true}, {` messageType="test.User"`, true},
		{" proto=test.Order", false}, {" encoding=delimited", false}, {" delimited=true", false}, {"proto=test.User; version=2", false},
	} {
		body := b.body(codectest.Keep, codec.Limits{})
		body.Params = tc.params
		w, err := Format.New(body)
		if e, ok := errors.AsType[*codec.Error](err); tc.ok != (err == nil) || !tc.ok && (!ok || e.Code != codec.BadParams || e.Format != name) {
			t.Errorf("%q: %v", tc.params, err)
		}
		if err == nil {
			w.Free()
		}
	}
	for root, ok := range map[codec.Root]bool{codec.AnyRoot: true, codec.ObjectRoot: true, codec.ArrayRoot: false} {
		b.sel = b.sel.Guarded(codec.Guard{Root: root})
		if _, err := b.rewrite(codectest.Keep, ""); (err == nil) != ok {
			t.Errorf("root %d: %v", root, err)
		}
	}
	if _, err := Format.New(codec.Body{At: b.sel.Root()}); !errors.Is(err, errUnchecked) {
		t.Errorf("New without Check: %v", err)
	}
}

// A field is held up to a limit, and a body may have any number of them.
func TestHeldIsBounded(t *testing.T) {
	b := rules(t, "$.friends[*].ssn")
	at := str(3, str(2, strings.Repeat("p", MaxMessage-5)))
	past := str(3, str(2, strings.Repeat("p", MaxMessage-4)))
	for _, step := range []int{1 << 30, 100_000} {
		if _, err := b.rewrite(codectest.Keep, at+at, codectest.Everywhere(2*len(at), step)...); err != nil {
			t.Errorf("at the limit, by %d: %v", step, err)
		}
		_, err := b.rewrite(codectest.Keep, at+past, codectest.Everywhere(2*len(at), step)...)
		if e, ok := errors.AsType[*codec.Error](err); !ok || e.Code != codec.TooLarge || e.Offset != int64(len(at)+1) {
			t.Errorf("past the limit, by %d: %v", step, err)
		}
	}
	// Nothing of a field that is too long is held.
	_, err := codectest.RewriteBody(&Format, b.body(codectest.Keep, codec.Limits{BodyBytes: 100}), str(3, strings.Repeat("p", 99))[:3], nil)
	if e, ok := errors.AsType[*codec.Error](err); !ok || e.Code != codec.Truncated {
		t.Error(err)
	}
	_, err = codectest.RewriteBody(&Format, b.body(codectest.Keep, codec.Limits{BodyBytes: 100}), str(3, strings.Repeat("p", 101))[:3], nil)
	if e, ok := errors.AsType[*codec.Error](err); !ok || e.Code != codec.TooLarge || e.Offset != 1 {
		t.Error(err)
	}
}
