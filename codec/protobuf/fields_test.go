package protobuf

import (
	"errors"
	"strings"
	"testing"

	"github.com/sealmesh/sealmesh/codec"
	"github.com/sealmesh/sealmesh/codec/codectest"
)

// TestFields: what a Transform is given.
func TestFields(t *testing.T) {
	anyOf := func(name string, content ...string) string { return str(6, str(1, "x/"+name), str(2, content...)) }
	text := func(s string) string { return str(3, s) } // of a Value
	member := func(name, value string) string { return str(1, str(1, name), str(2, value)) }
	for _, tc := range []struct{ path, body, want string }{
		{"$.ssn", str(1, "a") + num(11, 3) + str(1, "b") + str(1), "0 text a|0 text b|0 text "},
		{"$.photo", str(2, "\xff"), "0 bytes \xff"},
		{"$.far", str(5000, "a"), "0 text a"},
		{"$.user_note", str(16, "a"), "0 text a"},
		{"$.userNote", str(16, "a"), "0 text a"},
		{"$.email", num(11, 1) + str(14, "first") + str(15, str(1, "arm")) + str(14, "last"), "0 text first|0 text last"},
		{"$.proxy.ssn", str(14, "a") + str(15, str(1, "b")), "0 text b"},
		{"$.boss.ssn", str(13, str(1, "a")) + str(13, num(11, 4)) + str(13, str(1, "b"), str(1, "c")), "0 text a|0 text b|0 text c"},
		{"$..ssn", str(1, "a") + str(13, str(1, "b"), str(3, str(1, "c"))) + str(5, num(1, 4)+str(2, str(1, "d"))), "0 text a|0 text b|0 text c|0 text d"},
		{"$.tags[*]", str(10, "a") + str(10) + str(10, "b"), "0 text a|0 text |0 text b"},
		{"$.tags[1]", str(10, "a") + num(11, 1) + str(10, "b") + str(10, "c"), "0 text b"},
		{"$.friends[1].tags[0]", str(3, str(10, "a")) + str(3, str(10, "b"), str(10, "c")) + str(3, str(10, "d")), "0 text b"},
		{"$.friends[*].ssn", str(3, str(1, "a")) + str(1, "x") + str(3, str(1, "b")), "0 text a|0 text b"},
		{"$.labels.a", str(4, str(1, "a")+str(2, "v")) + str(4, str(1, "b")+str(2, "w")) + str(4, str(2, "x")+str(1, "a")), "0 text v|0 text x"},
		{"$.labels.*", str(4, str(1, "a")+str(2, "v")) + str(4, str(2, "w")) + str(4, str(1, "k")), "0 text v|0 text w"},
		{"$.labels['']", str(4, str(2, "no key")) + str(4, str(1, "a"), str(2, "b")), "0 text no key"},
		{"$.labels.a", str(4, str(1, "a")+str(2, "v")+str(2, "w")), "0 text v|0 text w"},
		{"$.by_id['-1'].ssn", str(5, num(1, 1<<64-1)+str(2, str(1, "a"))) + str(5, num(1, 1)+str(2, str(1, "b"))) + str(5, num(1, 1<<32-1)+str(2, str(1, "c"))), "0 text a|0 text c"},
		{"$.by_id['0'].ssn", str(5, str(2, str(1, "a"))), "0 text a"},
		{"$.flags.true", str(21, num(1, 2)+str(2, "a")) + str(21, num(1, 0)+str(2, "b")), "0 bytes a"},
		{"$.detail.ssn", anyOf("test.User", str(1, "a"), str(1, "b")), "0 text a|0 text b"},
		{"$.detail.customer.ssn", anyOf("test.Order", str(2, str(1, "a"))), "0 text a"},
		{"$.detail.detail.ssn", anyOf("test.User", anyOf("test.User", str(1, "a"))), "0 text a"},
		{"$.detail.age", anyOf("test.User", num(11, 1)), "protobuf: body_malformed at byte 17: a rule tags a value that is neither a string nor bytes"},
		{"$.meta.a", str(9, member("a", num(4, 1))), "protobuf: body_malformed at byte 9: a rule tags a value that is neither a string nor bytes"},
		{"$.detail.ssn", anyOf("test.Order", str(1, "id")), ""},
		{"$.nick", str(7, str(1, "a")) + str(7), "0 text a"},
		{"$.nick.value", str(7, str(1, "a")), "0 text a"},
		{"$.key", str(8, str(1, "\xff")), "0 bytes \xff"},
		{"$.nicks[1]", str(20, str(1, "a")) + str(20, str(1, "b")), "0 text b"},
		{"$.meta.a", str(9, member("a", text("v"))+member("b", text("w"))), "0 text v"},
		{"$.meta.a.b", str(9, member("a", str(5, member("b", text("v"))))), "0 text v"},
		{"$.meta.a[1]", str(9, member("a", str(6, str(1, text("v")), str(1, text("w"))))), "0 text w"},
		{"$.meta.a", str(9, member("a", num(1, 0))), ""},
		{"$.any_value", str(22, text("v")), "0 text v"},
		{"$.any_value[0]", str(22, str(6, str(1, text("v")))), "0 text v"},
		{"$.nothing", str(1, "a") + str(9, member("a", text("v"))), ""},
	} {
		b := rules(t, tc.path)
		if got := b.seen(tc.body); got != tc.want {
			t.Errorf("%s of %q: %s\nwant %s", tc.path, tc.body, got, tc.want)
		}
	}
}

// Both names of a field lead to what rules say of either.
func TestTwoNames(t *testing.T) {
	b := rules(t, "$.by_id.*.ssn", "$.byId.*.email")
	if got := b.seen(str(5, num(1, 1)+str(2, str(1, "a"), str(14, "b")))); got != "0 text a|1 text b" {
		t.Error(got)
	}
	b.sel = codectest.Fold(t, codec.Rule{Path: "$.USER_NOTE"}, codec.Rule{Path: "$.Labels.KEY"})
	if got := b.seen(str(16, "a") + str(4, str(1, "kEy"), str(2, "v"))); got != "0 text a|1 text v" {
		t.Error(got)
	}
}

// An envelope is given as text to rules that take it, also in bytes.
func TestEnvelopesInBytes(t *testing.T) {
	const head = "sm1.AQGJxeVr9DANSoVUOVvS8SoA"
	isHead := func(text []byte) bool { return string(text) == head }
	for _, tc := range []struct {
		rule       codec.Rule
		body, want string
	}{
		{codec.Rule{Open: true}, head, "0 text " + head},
		{codec.Rule{Open: true}, "\xff", "0 text \xff"},
		{codec.Rule{Envelopes: true}, "x" + head, "0 text x" + head},
		{codec.Rule{Envelopes: true}, "\xff", "0 bytes \xff"},
		{codec.Rule{Unescape: true}, "abc", "0 bytes abc"},
		{codec.Rule{}, head, "protobuf: envelope_unexpected at byte 2: a string or bytes hold an envelope where none may be"},
	} {
		b := rules(t)
		tc.rule.Path = "$.photo"
		b.sel = codectest.Select(t, tc.rule).Guarded(codec.Guard{Envelope: isHead})
		if got := b.seen(str(2, tc.body)); got != tc.want {
			t.Errorf("%+v: %s, want %s", tc.rule, got, tc.want)
		}
	}
	b := rules(t, "$.ssn")
	b.sel = b.sel.Guarded(codec.Guard{Envelope: isHead})
	b.Settings["unknown"] = "allow"
	for _, body := range []string{
		str(2, head), str(4, str(1, head)), str(4, str(2, head)), str(6, str(1, "test.User"), str(2, str(14, head))), str(99, head), str(99, str(1, head)),
		str(6, str(1, head)), str(7, str(1, head)), str(9, str(1, str(1, head))),
	} {
		if got := b.seen(body); !strings.Contains(got, string(codec.EnvelopeFound)) {
			t.Errorf("%q: %s", body, got)
		}
	}
}

// TestReplacements: what a Transform returns, and how it is written.
func TestReplacements(t *testing.T) {
	for _, tc := range []struct {
		kind         codec.Kind
		value        string
		text, binary string // "" for WrongKind
	}{
		{codec.Text, "aé", "aé", "aé"},
		{codec.Text, "\xff", "", "\xff"},
		{codec.Literal, `1.5`, "1.5", "1.5"},
		{codec.Literal, `true`, "true", "true"},
		{codec.Literal, `"a\u0000\n"`, "a\x00\n", "a\x00\n"},
		{codec.Literal, "\"\xff\"", "", ""},
		{codec.Literal, `null`, "", ""},
		{codec.Literal, `{"a":1}`, "", ""},
		{codec.Literal, `1 2`, "", ""},
		{codec.Bytes, "\xff\x00", "", "\xff\x00"},
		{codec.Raw, "\x01<a/>", "", ""},
	} {
		put := func(dst []byte, _ []codec.Field) ([]byte, codec.Kind, error) {
			return append(dst, tc.value...), tc.kind, nil
		}
		for n, want := range map[int]string{1: tc.text, 2: tc.binary} {
			got, err := rules(t, "$.ssn", "$.photo").rewrite(put, str(n, "x")+num(11, 1))
			if e, ok := errors.AsType[*codec.Error](err); want == "" && (!ok || e.Code != codec.WrongKind || e.Offset != 1) || want != "" && got != str(n, want)+num(11, 1) {
				t.Errorf("%d %q in field %d: %q, %v", tc.kind, tc.value, n, got, err)
			}
		}
	}
}

// Lengths around a value grow over all levels, and shrink again.
func TestLengths(t *testing.T) {
	b := rules(t, "$..ssn")
	nest := func(value string) string {
		return str(13, str(13, str(1, "x"), str(3, str(1, value), num(11, 1)), str(14, "z")), num(11, 2)) + str(14, "end")
	}
	for _, n := range []int{0, 1, 100, 126, 127, 128, 16383, 16384, 1 << 17} {
		put := func(dst []byte, batch []codec.Field) ([]byte, codec.Kind, error) {
			if string(batch[0].Value) == "x" {
				return dst, 0, codec.ErrKeep
			}
			return append(dst, strings.Repeat("v", n)...), codec.Text, nil
		}
		for _, m := range []int{5, 16300} {
			body := nest(strings.Repeat("o", m))
			for _, cuts := range [][]int{nil, codectest.Everywhere(len(body), 1), {20}} {
				got, err := b.rewrite(put, body, cuts...)
				if want := nest(strings.Repeat("v", n)); err != nil || got != want {
					t.Fatalf("%d bytes in place of %d: %.80q, %v", n, m, got, err)
				}
			}
		}
	}
}
