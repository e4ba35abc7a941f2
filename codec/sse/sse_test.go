package sse

import (
	"errors"
	"fmt"
	"strings"
	"testing"

	"github.com/sealmesh/sealmesh/codec"
	"github.com/sealmesh/sealmesh/codec/codectest"
	"github.com/sealmesh/sealmesh/codec/json"
)

var events = Format(&json.Format)

// plain is the setting of the tests.
var plain = codec.Options{Settings: map[string]string{"plain": "[DONE] [DROP] ok"}}

func event1(data string) string { return "data: " + data + "\n\n" }

var corpus = codectest.Corpus{
	Rules:   []codec.Rule{{Path: "$.ssn"}, {Path: "$..email"}, {Path: "$.list[1]"}, {Path: "$.look", Unescape: true}, {Path: "$[0]"}},
	Options: plain,
	Sent:    codec.Response,
	Bodies: []string{
		"", "\n", "data", "data:", ": only a comment", "id: 7\nevent: x\nretry: 10\n\n",
		"data: {\"ssn\":\"123-45-6789\"}\n\n",
		"\ufeffdata:{\"ssn\":\"no blank\"}\n\ndata:\t{\"email\":\"tab\"}\n\n",
		"event: add\r\ndata: {\"ssn\":\"crlf\",\"email\":[1,2]}\r\nid: 1\r\n\r\n",
		"data: {\"ssn\":\"cr\"}\rid: 2\r\rdata: {\"look\":\"\\u0041\"}\r\r",
		"data: {\"x\":\ndata: {\"email\":\"on its line\",\ndata: \"y\":1}}\n\n",
		"data: {\"ssn\":1,\n: between\ndata: \"email\":-2.5e3\ndata: }\n\n",
		"data\ndata:\ndata: {\"ssn\":true}\ndata: \n\n",
		"data: {\"ssn\":\"not dispatched\"}",
		"data: {\"email\":\"not dispatched\"}\nid: 5",
		"data: [DONE]\n\n", "data:ok\n\ndata: {\"ssn\":\"a\"}\n\ndata: [DROP]", "data: [\"[DONE\",{\"email\":1}]\n\ndata: [\"D\"]\r\r",
		"data: 12\n\ndata: \"x\"\n\ndata: null\n\n",
		": " + strings.Repeat("padding ", 300) + "\n\ndata: {\"list\":[1,{\"a\":[" + strings.Repeat("[],", 200) + "0]},3],\"ssn\":\"last\"}\n\n",
	},
	Refused: []string{
		"data: CANARY\n\n", "data: {\"ssn\":\"CANARY\"\n\n", "data: {\"ssn\":\"CANARY\"", "data: {\"ssn\":\"CANARY\n\ndata: \"}\n\n",
		"data: {\"ssn\":\"a\"} {\"ssn\":\"CANARY\"}\n\n", "data: {}\ndata: {\"ssn\":\"CANARY\"}\n\n", "data: 1\ndata: 2\n\n", "data: tr\ndata: ue\n\n",
		"data: {\"ssn\":\"CAN\ndata: ARY\"}\n\n", "data: {\"ssn\":[\"CANARY\",\ndata: 1]}\n\n", "data: {\"ssn\":{\r: x\rdata: \"a\":\"CANARY\"}}\r\r", "data: {\"ssn\":\ndata: {\n: x\ndata: }}\n\n",
		"data: [[\ndata: {\"ssn\":\"CANARY\"}\ndata: ]]\n\n", "data: {\"a\":\ndata: [1]\ndata: }\n\n",
		"data: [DONE] \n\n", "data:  [DONE]\n\n", "data: [DONE]\ndata: {\"ssn\":\"CANARY\"}\n\n", "data: [DONE]\ndata\n\n", "data: {}\ndata: ok\n\n", "data: \ndata: ok\n\n", "data: [DONE]x\n\n", "data: [DON\n\n", "data: [DON",
		"Data: {\"ssn\":\"CANARY\"}\n\n", " data: {\"ssn\":\"CANARY\"}\n\n", "data : {\"ssn\":\"CANARY\"}\n\n", "datax: {}\n\n", "dat", "da\n\n", "d: 1\n", "foobar: xxx\n\n", "justsometext\n\n", "data\t: 1\n\n",
		"\ufeff\ufeffdata: {\"ssn\":\"CANARY\"}\n\n", "\n\ufeffdata: {\"ssn\":\"CANARY\"}\n\n", "\xef\xbbdata: 1\n\n", "\xef", "\xef\n", "\xef\xbb\xbf\xef",
		"data: \r{\"ssn\":\"CANARY\"}\n\n", "data: {\"ssn\"\r: \"CANARY\"}\ndata: :\"x\"}\n\n", "data: {\"ssn\"\r:\"CANARY\"}\ndata: :1}\n\n", "{\"ssn\":\"CANARY\"}\n",
		"id: 1\x002\n\n", ": \x00\n", "event: a\x0bdata: {\"ssn\":\"CANARY\"}\n\n", ": a\u2028data: {\"ssn\":\"CANARY\"}\n\n", ": a\u0085b", ": \xff\n", "id: \xc3\n", "id: \x7f",
		"data: {\"ssn\":\"\x00CANARY\"}\n\n", "data: {\"ssn\":\"\xffCANARY\"}\n\n", "data: {\"ssn\":\"\\ud800\"}\n\ndata: {\"look\":\"\\ud800CANARY\"}\n\n",
	},
	Value:  func(n int) string { return event1(`{"ssn":"` + strings.Repeat("v", n-2) + `"}`) },
	Nested: func(n int) string { return event1(strings.Repeat(`{"a":`, n-1) + "[]" + strings.Repeat("}", n-1)) },
	Many:   func(n int) string { return strings.Repeat("id: 1\n"+event1(`{"email":"x"}`), n) },
	Wide: func(n int) string {
		return event1("[" + strings.TrimSuffix(strings.Repeat(`{"email":"x"},`, n), ",") + "]")
	},
	Records: true,
	Named:   func(n int) string { return ":" + strings.Repeat("n", n-1) + "\n" },
	Called:  func(name string) string { return event1(`{"` + name + `":1}`) },
	Pad:     func(body string, n int) string { return body + strings.Repeat("\n", n) },
}

func TestConformance(t *testing.T) { codectest.Run(t, &events, corpus) }

// rewrite runs a response through a Writer.
func rewrite(t testing.TB, sel *codec.Selector, o codec.Options, tr codec.Transform, body string, cuts []int) (string, error) {
	t.Helper()
	checked, err := events.Check(sel, o)
	if err != nil {
		t.Fatal(err)
	}
	b := codec.Body{At: sel.Root(), Checked: checked, Transform: tr, Direction: codec.Response}
	return codectest.RewriteBody(&events, b, body, cuts)
}

// TestFields: what a Transform is given, event by event.
func TestFields(t *testing.T) {
	sel := codectest.Select(t, codec.Rule{Path: "$.a"}, codec.Rule{Path: "$[1]"}, codec.Rule{Path: "$..c", Open: true})
	for body, want := range map[string]string{
		"data: {\"a\":\"x\"}\n\ndata: {\"a\":[\"y\"]}\n\n":             `0:x 0:["y"]`,
		"data: [1,\ndata: 2,\ndata: {\"c\":\"\\u0073m1.\"}]\n\n":       `1:2 2:sm1.`,
		"data: {\"b\":{\"a\":1}}\r\n\r\nid: {\"a\":1}\n:{\"a\":1}\n\n": ``,
		"data: {\"a\":1}\ndata\n\ndata: {\"a\":2}":                     `0:1 0:2`,
		"data: {\"a\":null}\n: data: {\"a\":3}\ndata: \n":              `0:null`,
	} {
		for _, cuts := range codectest.Cuttings(len(body)) {
			if got, err := values(t, sel, body, cuts, "%d:%s"); err != nil || got != want {
				t.Errorf("%q cut at %v: %s, %v, want %s", body, cuts, got, err, want)
			}
		}
	}
}

// values returns the fields of a body that leaves as it came.
func values(t *testing.T, sel *codec.Selector, body string, cuts []int, format string) (string, error) {
	t.Helper()
	var fields []codectest.Seen
	got, err := rewrite(t, sel, codec.Options{}, codectest.Record(&fields, codectest.Keep), body, cuts)
	if err == nil && got != body {
		t.Errorf("%q came back as %q", body, got)
	}
	var s []string
	for _, f := range fields {
		s = append(s, fmt.Sprintf(format, f.Rule, f.Value))
	}
	return strings.Join(s, " "), err
}

// TestWebPlatformCases does what the cases format-* of the web platform tests
// do, with data that is JSON: this format reads the data that browsers read, or
// refuses the body.
func TestWebPlatformCases(t *testing.T) {
	const refused = "refused"
	for name, tc := range map[string]struct{ body, want string }{
		"bom":                     {"\ufeffdata:[1]\n\n", "1"},
		"two boms":                {"\ufeff\ufeffdata:[1]\n\ndata:[2]\n\n", refused},
		"comments":                {"data:[1\n:x\r:\r\ndata:,2\n:" + strings.Repeat("x", 2048) + "\rdata:,3\n:data:fail\r:x\ndata:,4]\n\n", "1 2 3 4"},
		"comment behind CR":       {"data:[1\r:x\ndata:]\n\n", refused},
		"NUL in a comment":        {"data:[1]\r:\x00\n\n", refused},
		"data":                    {"data:\n\ndata\ndata\n\ndata:[1]\n\n", "1"},
		"before final empty line": {"retry:1000\ndata:[1]\n\nid:x\ndata:[2]", "1 2"},
		"event":                   {"event:test\ndata:[1]\n\ndata:[2]\n\n", "1 2"},
		"empty event":             {"event: \ndata:[1]\n\n", "1"},
		"id":                      {"id: \u2026\ndata:[1]\n\n", "1"},
		"NUL in an id":            {"id: a\x00\ndata:[1]\n\n", refused},
		"leading blank":           {"data:\t[1]\rdata: \ndata:\n\n", "1"},
		"newlines":                {"data:[1\r\ndata\ndata:,2]\r\n\r", "1 2"},
		"NUL in data":             {"data:[1]\x00\n\n\n\n", refused},
		"bogus retry":             {"retry:3000\nretry:1000x\ndata:[1]\n\n", "1"},
		"empty retry":             {"retry\ndata:[1]\n\n", "1"},
		"unknown fields":          {"data:[1\n data\ndata\nfoobar:xxx\njustsometext\n:thisisacomment\ndata:]\n\n", refused},
		"UTF-8":                   {"data:[\"ok\u2026\"]\n\n", "ok\u2026"},
	} {
		sel := codectest.Select(t, codec.Rule{Path: "$[*]"})
		for _, cuts := range codectest.Cuttings(len(tc.body)) {
			got, err := values(t, sel, tc.body, cuts, "%[2]s")
			if (err != nil) != (tc.want == refused) || err == nil && got != tc.want {
				t.Fatalf("%s cut at %v: %q, %v", name, cuts, got, err)
			}
		}
	}
}

// TestGuard: envelopes, roots and patches, in each event; envelopes outside
// data.
func TestGuard(t *testing.T) {
	head := "sm1." + strings.Repeat("A", codec.HeadLen-4)
	guard := codec.Guard{Root: codec.ObjectRoot, Patch: true, Envelope: func(text []byte) bool { return string(text) == head }}
	sel := codectest.Select(t, codec.Rule{Path: "$.open", Open: true}).Guarded(guard)
	for body, want := range map[string]codec.Code{
		"data: {}\n\ndata: {\"open\":\"" + head + "\"}\n\n": "",
		"data: {}\n\ndata: {\"x\":\"" + head + "\"}\n\n":    codec.EnvelopeFound,
		"data: {\"" + head + "\":1}\n\n":                    codec.EnvelopeFound,
		"id: x" + head + "\n":                               codec.EnvelopeFound,
		"event: " + head:                                    codec.EnvelopeFound,
		"retry: " + head + "\r":                             codec.EnvelopeFound,
		":" + head + "\n":                                   codec.EnvelopeFound,
		"data: {}\n\ndata: []\n\n":                          codec.WrongRoot,
		"data: {\"Operations\":[{\"op\":\"add\",\ndata: \"path\":\"open\"}]}\n\n":   codec.PatchFound,
		"data: {\"open\":\n: comment\ndata: 1}\n\n" + strings.Repeat(": x\n\n", 50): "",
	} {
		for _, cuts := range codectest.Cuttings(len(body)) {
			_, err := rewrite(t, sel, codec.Options{}, codectest.Keep, body, cuts)
			e, _ := errors.AsType[*codec.Error](err)
			if want == "" && err != nil || want != "" && (e == nil || e.Code != want || e.Format != "sse") {
				t.Errorf("%q cut at %v: %v, want %q", body, cuts, err, want)
			}
		}
	}
}

// TestReplacements: an opened value ends no line.
func TestReplacements(t *testing.T) {
	for _, tc := range []struct {
		kind      codec.Kind
		got, want string // no want: it is refused
	}{
		{codec.Text, "a\n\ndata: {}\r", `"a\n\ndata: {}\r"`},
		{codec.Literal, `{"a":[1, 2]}`, `{"a":[1, 2]}`},
		{codec.Literal, "{\n\"a\":1}", ""},
		{codec.Literal, "[1,\r2]", ""},
		{codec.Bytes, "x", ""},
		{codec.Raw, "\x01x", ""},
	} {
		tr := func(dst []byte, _ []codec.Field) ([]byte, codec.Kind, error) {
			return append(dst, tc.got...), tc.kind, nil
		}
		got, err := rewrite(t, codectest.Select(t, codec.Rule{Path: "$.a"}), codec.Options{}, tr, "data: {\"a\":1}\n\n", nil)
		if e, _ := errors.AsType[*codec.Error](err); tc.want == "" && (e == nil || e.Code != codec.WrongKind) ||
			tc.want != "" && got != "data: {\"a\":"+tc.want+"}\n\n" {
			t.Errorf("%d %q: %q, %v", tc.kind, tc.got, got, err)
		}
	}
}

// TestRefusesBefore: what is refused at the headers or in the policy.
func TestRefusesBefore(t *testing.T) {
	sel := codectest.Select(t, codec.Rule{Path: "$.a"})
	checked, err := events.Check(sel, codec.Options{})
	if err != nil {
		t.Fatal(err)
	}
	for _, b := range []codec.Body{
		{At: sel.Root(), Checked: checked, Direction: codec.Request},
		{At: sel.Root(), Checked: checked, Direction: codec.Response, Params: "charset=utf-8; v=1"},
		{Direction: codec.Request},
	} {
		_, err := events.New(b)
		if e, _ := errors.AsType[*codec.Error](err); e == nil || e.Code != codec.Malformed || e.Format != "sse" || e.Offset != 0 {
			t.Errorf("%v: %v", b.Direction, err)
		}
	}
	if _, err := events.New(codec.Body{At: sel.Root(), Direction: codec.Response}); !errors.Is(err, errUnchecked) {
		t.Errorf("unchecked: %v", err)
	}
	many := strings.Repeat("x ", maxPlain)
	for plain, ok := range map[string]bool{
		"": true, many: true, many + "y": false, strings.Repeat("x", maxPlainBytes): true, strings.Repeat("x", maxPlainBytes+1): false,
	} {
		if _, err := events.Check(sel, codec.Options{Settings: map[string]string{"plain": plain}}); (err == nil) != ok {
			t.Errorf("plain: %.20q…: %v", plain, err)
		}
	}
	if _, err := events.Check(sel, codec.Options{Settings: map[string]string{"plains": ""}}); err == nil {
		t.Error("a setting that no format knows is taken")
	}
}
