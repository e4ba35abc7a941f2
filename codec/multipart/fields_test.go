package multipart

import (
	"errors"
	"fmt"
	"strings"
	"testing"

	"github.com/sealmesh/sealmesh/codec"
	"github.com/sealmesh/sealmesh/codec/codectest"
)

// documents are the settings of tests with documents.
var documents = map[string]string{"part.order": "json", "part.data": "file", "part.rows": "csv", "part.rows.delimiter": ";", "part.doc": "xml"}

// TestFields: what a Transform is given.
func TestFields(t *testing.T) {
	const text, literal, binary = codec.Text, codec.Literal, codec.Bytes
	for _, tc := range []struct {
		paths []string
		body  string
		want  []codectest.Seen
	}{
		{[]string{"$.ssn"}, formOf(field("ssn", "1"), field("ssm", "2"), field("ssn", "")), []codectest.Seen{{Kind: text, Value: "1"}, {Kind: text}}},
		{[]string{"$.ssn"}, formOf(field("SSN", "1"), field("x.ssn", "2"), field("ss n", "3")), nil},
		{[]string{"$.user.ssn"}, formOf(field("user[ssn]", "1"), field("user.ssn", "2"), field("user", "3")), []codectest.Seen{{Kind: text, Value: "1"}, {Kind: text, Value: "2"}}},
		{[]string{"$['user.ssn']", "$.s_n"}, formOf(field("user.ssn", "1"), field("s.n", "2"), field("s n", "3")), []codectest.Seen{{Kind: text, Value: "1"}, {Rule: 1, Kind: text, Value: "2"}, {Rule: 1, Kind: text, Value: "3"}}},
		{[]string{"$.a[*]"}, formOf(field("a", "1"), field("a[]", "2"), field("a[3]", "3")), []codectest.Seen{{Kind: text, Value: "1"}, {Kind: text, Value: "2"}, {Kind: text, Value: "3"}}},
		{[]string{"$..*"}, formOf(field("a", "\r\n"), file("b", "a/b", "\xff")), []codectest.Seen{{Kind: text, Value: "\r\n"}, {Kind: binary, Value: "\xff"}}},
		{[]string{"$"}, formOf(field("a", "1"), typed("b", "text/csv", "2")), []codectest.Seen{{Kind: text, Value: "1"}, {Kind: binary, Value: "2"}}},
		{[]string{"$.a"}, formOf(file("a", "text/plain", "sm1.x"), typed("a", "text/plain", "1"), typed("a", "application/json", "{}")), []codectest.Seen{{Kind: binary, Value: "sm1.x"}, {Kind: text, Value: "1"}, {Kind: binary, Value: "{}"}}},
		{[]string{"$.order.ssn"}, formOf(field("order", `{"ssn":"1","x":{"ssn":2}}`), file("order", "application/json; charset=utf-8", `[{"ssn":2}]`), typed("order", "application/x+json", ` {"ssn" : 1 } `)), []codectest.Seen{{Kind: text, Value: "1"}, {Kind: literal, Value: "1"}}},
		{[]string{"$.order"}, formOf(field("order", " {} "), typed("order", "text/json", `"a\n"`)), []codectest.Seen{{Kind: literal, Value: "{}"}, {Kind: literal, Value: `"a\n"`}}},
		{[]string{"$..ssn"}, formOf(field("order", `{"ssn":"1","x":{"ssn":2}}`), file("data", "application/json", `{"ssn":1}`), field("data", "x")), []codectest.Seen{{Kind: text, Value: "1"}, {Kind: literal, Value: "2"}}},
		{[]string{"$.rows[*].ssn"}, formOf(file("rows", "text/csv", "id;ssn\r\n1;2\r\n3;4")), []codectest.Seen{{Kind: text, Value: "2"}, {Kind: text, Value: "4"}}},
		{[]string{"$.doc..ssn"}, formOf(file("doc", "text/xml", "<a><ssn>1</ssn></a>"), field("ssn", "no")), []codectest.Seen{{Kind: text, Value: "1"}}},
		{[]string{"$.data"}, formOf(field("data", "x")), []codectest.Seen{{Kind: binary, Value: "x"}}},
	} {
		sel := rules(t, tc.paths...)
		for _, cuts := range codectest.Cuttings(len(tc.body)) {
			var seen []codectest.Seen
			r := rewriting{sel: sel, tr: codectest.Record(&seen, codectest.Keep), settings: documents}
			if got, err := r.run(tc.body, cuts); err != nil || got != tc.body || fmt.Sprint(seen) != fmt.Sprint(tc.want) {
				t.Errorf("%v cut at %v: %v, %v, want %v; %q", tc.paths, cuts, seen, err, tc.want, got)
				break
			}
		}
	}
}

// A file is Text where an envelope is taken that is there, and under the
// deterministic suite.
func TestFilesAsText(t *testing.T) {
	const head = "sm1.AQGJxeVr9DANSoVUOVvS8SoA"
	isHead := func(text []byte) bool { return string(text) == head }
	for _, tc := range []struct {
		rule  codec.Rule
		value string
		kind  codec.Kind
	}{
		{codec.Rule{}, "x", codec.Bytes}, {codec.Rule{Open: true}, "x", codec.Bytes}, {codec.Rule{Open: true}, head, codec.Text},
		{codec.Rule{Open: true}, "sm1.", codec.Text}, {codec.Rule{Open: true}, "x" + head, codec.Text}, {codec.Rule{Open: true}, "\xff" + head, codec.Bytes},
		{codec.Rule{Envelopes: true}, "sm1.", codec.Bytes}, {codec.Rule{Envelopes: true}, head, codec.Text},
		{codec.Rule{Unescape: true}, "é", codec.Text}, {codec.Rule{Unescape: true}, "\xff", codec.Bytes},
	} {
		tc.rule.Path = "$.a"
		body := formOf(file("a", "a/b", tc.value))
		for _, cuts := range codectest.Cuttings(len(body)) {
			var seen []codectest.Seen
			r := rewriting{sel: codectest.Select(t, tc.rule).Guarded(codec.Guard{Envelope: isHead}), tr: codectest.Record(&seen, codectest.Keep)}
			if _, err := r.run(body, cuts); err != nil || len(seen) != 1 || seen[0].Kind != tc.kind {
				t.Fatalf("%+v, %q cut at %v: %v, %v", tc.rule, tc.value, cuts, seen, err)
			}
		}
	}
}

// TestOpening: what is written where a value of another format opens.
func TestOpening(t *testing.T) {
	const refused = "\x00"
	for _, tc := range []struct {
		kind               codec.Kind
		value              string
		field, file, inner string
	}{
		{codec.Text, "", "", "", `""`},
		{codec.Text, "a\"\r\né", "a\"\r\né", "a\"\r\né", `"a\"\r\né"`},
		{codec.Text, "\r\n--XyZ-", "\r\n--XyZ-", "\r\n--XyZ-", `"\r\n--XyZ-"`},
		{codec.Text, "\r\n--XyZ-1\r\n", refused, refused, refused},
		{codec.Text, "--XyZ-1", refused, refused, refused},
		{codec.Text, "a--XyZ-1", refused, refused, refused},
		{codec.Text, "\xff", refused, refused, refused},
		{codec.Bytes, "\xff\x00", refused, "\xff\x00", refused},
		{codec.Bytes, "--XyZ-1", refused, refused, refused},
		{codec.Literal, "12.50", "12.50", "12.50", "12.50"},
		{codec.Literal, "true", "true", "true", "true"},
		{codec.Literal, `"a\n"`, "a\n", "a\n", `"a\n"`},
		{codec.Literal, `"\u002d-XyZ-1"`, refused, refused, refused},
		{codec.Literal, `"--XyZ-1"`, refused, refused, refused},
		{codec.Literal, "null", refused, refused, "null"},
		{codec.Literal, "{}", refused, refused, "{}"},
		{codec.Raw, "\x05x", refused, refused, refused},
	} {
		tr := func(dst []byte, _ []codec.Field) ([]byte, codec.Kind, error) {
			return append(dst, tc.value...), tc.kind, nil
		}
		for _, place := range []struct{ part, want string }{
			{field("a", "old"), tc.field}, {file("a", "a/b", "old"), tc.file}, {field("order", `{"a":"old"}`), tc.inner},
		} {
			body := formOf(field("x", "1"), place.part, field("y", "2"))
			old := "old"
			if strings.Contains(place.part, "order") {
				old = `"old"`
			}
			for _, cuts := range codectest.Cuttings(len(body)) {
				got, err := rewriting{sel: rules(t, "$.a", "$.order.a"), tr: tr, settings: documents}.run(body, cuts)
				if place.want == refused {
					if e, ok := errors.AsType[*codec.Error](err); !ok || e.Code != codec.WrongKind {
						t.Fatalf("kind %d, %q in %q: %q, %v", tc.kind, tc.value, place.part, got, err)
					}
				} else if want := strings.Replace(body, old, place.want, 1); err != nil || got != want {
					t.Fatalf("kind %d, %q in %q: %q, %v", tc.kind, tc.value, place.part, got, err)
				}
			}
		}
	}
}

// TestLengths: the length of a part is that of its new content, as the fields
// and files of form data have it.
func TestLengths(t *testing.T) {
	for _, tc := range []struct {
		kind codec.Kind
		got  string
		want string
	}{
		{codec.Text, "a longer text", "a longer text"}, {codec.Text, "", ""}, {codec.Text, strings.Repeat("é", 5000), strings.Repeat("é", 5000)},
		{codec.Literal, `"\u0041\n"`, "A\n"}, {codec.Literal, "12", "12"},
	} {
		tr := func(dst []byte, batch []codec.Field) ([]byte, codec.Kind, error) {
			if v := string(batch[0].Value); v != "old" {
				return nil, 0, fmt.Errorf("was given %q", v)
			}
			return append(dst, tc.got...), tc.kind, nil
		}
		form := func(value string) string {
			line := fmt.Sprintf("Content-Length: %d\r\n", len(value))
			return formOf(
				field("x", "1"), onePart(`name="a"`, line, value), onePart(`name="x"`, "Content-Length: 3\r\n", "old"),
				onePart(`name="a"; filename="b"`, line+"Content-Type: a/b\r\n", value), strings.Replace(field("a", value), "Content-D", line+"Content-D", 1),
			)
		}
		body := form("old")
		for _, cuts := range codectest.Cuttings(len(body)) {
			got, err := rewriting{sel: rules(t, "$.a"), tr: tr}.run(body, cuts)
			if want := form(tc.want); err != nil || got != want {
				t.Fatalf("cut at %v: %.500q, %v", cuts, got, err)
			}
		}
	}
}

// TestASCII: a part of another charset than UTF-8 is ASCII, before and after.
func TestASCII(t *testing.T) {
	const latin = "text/plain; charset=ISO-8859-1"
	for _, tc := range []struct {
		part string
		kind codec.Kind
		got  string
		code codec.Code
	}{
		{typed("a", latin, "x"), codec.Text, "y", ""},
		{typed("a", latin, "\xe9"), codec.Text, "y", codec.Malformed},
		{typed("a", "text/plain; charset=us-ascii", "\xc3\xa9"), codec.Text, "y", codec.Malformed},
		{typed("b", latin, "\xc3\xa9"), codec.Text, "y", codec.Malformed},
		{file("a", "a/b; charset=us-ascii", "\xff"), codec.Bytes, "y", codec.Malformed},
		{typed("a", latin, "x"), codec.Text, "\u00e9", codec.WrongKind},
		{typed("a", latin, "x"), codec.Literal, `"\u00e9"`, codec.WrongKind},
		{typed("a", latin, "x"), codec.Literal, `"\u0041"`, ""},
		{file("a", "a/b; charset=us-ascii", "x"), codec.Bytes, "\xff", codec.WrongKind},
		{file("a", "a/b; charset=us-ascii", "x"), codec.Bytes, "y", ""},
		{typed("order", "application/json; charset=us-ascii", "{}"), codec.Text, "y", codec.Malformed},
	} {
		tr := func(dst []byte, _ []codec.Field) ([]byte, codec.Kind, error) {
			return append(dst, tc.got...), tc.kind, nil
		}
		body := formOf(tc.part)
		for _, cuts := range codectest.Cuttings(len(body)) {
			_, err := rewriting{sel: rules(t, "$.a", "$.order.a"), tr: tr, settings: documents}.run(body, cuts)
			if e, _ := errors.AsType[*codec.Error](err); (tc.code == "") != (err == nil) || e != nil && e.Code != tc.code {
				t.Fatalf("%q opened to %q, cut at %v: %v", tc.part, tc.got, cuts, err)
			}
		}
	}
}

// TestDocuments: what no part may be where rules look into documents.
func TestDocuments(t *testing.T) {
	const (
		unknown = "a part has the type of a document, and no setting part.NAME says what it is"
		another = "a part has another type than its setting part.NAME says"
		taken   = "a name that some readers take for that of a document"
		length  = "a document in which a rule could find a value has a Content-Length"
	)
	measured := func(name, value string) string {
		return onePart(`name="`+name+`"`, fmt.Sprintf("Content-Length: %d\r\n", len(value)), value)
	}
	for _, tc := range []struct{ path, part, detail string }{
		{"$.ssn", typed("x", "application/json", "{}"), ""},
		{"$.x.ssn", typed("x", "application/json", "{}"), unknown},
		{"$..ssn", typed("x", "application/json", "{}"), unknown},
		{"$..ssn", file("x", "application/x+json", "{}"), unknown},
		{"$..ssn", file("x", "application/json-patch+json", "{}"), unknown},
		{"$..ssn", file("x", "text/csv", "ssn"), unknown},
		{"$..ssn", file("x", "image/svg+xml", "<svg/>"), unknown},
		{"$..ssn", file("data", "image/svg+xml", "<svg/>"), ""},
		{"$..ssn", file("x", "a/b", "{}"), ""},
		{"$..ssn", typed("ssn", "application/json", "{}"), ""},
		{"$.ssn", typed("order", "text/plain", "{}"), another},
		{"$.ssn", file("order", "application/octet-stream", "{}"), another},
		{"$.ssn", file("order", "application/json-patch+json", "[]"), another},
		{"$.ssn", file("order", "application/problem+json", "[]"), ""},
		{"$.ssn", field("order[a]", ""), taken},
		{"$.ssn", field("!order", "{}"), taken},
		{"$.ssn", field("Order", "{}"), taken},
		{"$.ssn", field("orders", "{}"), ""},
		{"$.ssn", field("order", "{"), "the body ends in the middle"},
		{"$.ssn", measured("ssn", "1"), ""},
		{"$.order.ssn", measured("order", "{}"), length},
		{"$.ssn", measured("order", "{}"), ""},
		{"$.ssn", measured("data", "1"), ""},
		{"$.data", measured("data", "1"), ""},
	} {
		e := refusedWith(t, rewriting{sel: rules(t, tc.path), tr: codectest.Keep, settings: documents}, formOf(tc.part))
		if e == nil != (tc.detail == "") || e != nil && e.Detail != tc.detail && e.Code != codec.Truncated {
			t.Errorf("%s, %q: %v, want %q", tc.path, tc.part, e, tc.detail)
		}
	}
}

// Values in documents are replaced as the format of each needs it, also where
// several documents end before the chunk does, and one format has several.
func TestSealedDocuments(t *testing.T) {
	r := rewriting{
		sel: rules(t, "$..ssn"),
		tr: func(dst []byte, _ []codec.Field) ([]byte, codec.Kind, error) {
			return append(dst, `a"<`...), codec.Text, nil
		},
		settings: map[string]string{"part.j": "json", "part.c": "csv", "part.d": "csv", "part.d.delimiter": ";", "part.x": "xml"},
	}
	form := func(json, csv, dialect, xml string) string {
		var parts []string
		for range 2 {
			parts = append(parts, field("j", json), field("c", csv), field("d", dialect), field("x", xml))
		}
		return formOf(parts...)
	}
	body := form(`{"ssn": 1, "a": {"ssn": "2"}}`, "id,ssn\n1,2\n", "id;ssn\n1;\"2\"\n", `<p><ssn>1</ssn><a ssn="2"/></p>`)
	want := form(`{"ssn": "a\"<", "a": {"ssn": "a\"<"}}`, "id,ssn\n1,\"a\"\"<\"\n", "id;ssn\n1;\"a\"\"<\"\n", `<p><ssn>a"&lt;</ssn><a ssn="a&quot;&lt;"/></p>`)
	for _, cuts := range [][]int{nil, {len(body) / 3, len(body) / 2}} {
		if got, err := r.run(body, cuts); err != nil || got != want {
			t.Errorf("%v\n%q\nwant\n%q", err, got, want)
		}
	}
}

// Names are compared without case where the application does so.
func TestFolding(t *testing.T) {
	sel := codectest.Fold(t, codec.Rule{Path: "$.SSN"}, codec.Rule{Path: "$.order.ssn"})
	var seen []codectest.Seen
	r := rewriting{sel: sel, tr: codectest.Record(&seen, codectest.Keep), settings: documents}
	if _, err := r.run(formOf(field("sSn", "1"), field("ORDER", `{"Ssn":"2"}`)), nil); err != nil || len(seen) != 2 {
		t.Error(seen, err)
	}
}

// TestSettings: what a policy may say.
func TestSettings(t *testing.T) {
	for _, tc := range []struct {
		settings map[string]string
		bad      string
	}{
		{nil, ""}, {documents, ""}, {map[string]string{"names": "php"}, ""},
		{map[string]string{"names": "x"}, "names"}, {map[string]string{"parts": "x"}, "parts"},
		{map[string]string{"part.a": "json", "part.a.x": "y"}, "part.a.x"}, {map[string]string{"part.a.x": "y"}, "part.a.x"},
		{map[string]string{"part.a": "file", "part.a.x": "y"}, "part.a.x"},
		{map[string]string{"part.a": "jsn"}, "part.a"}, {map[string]string{"part.a b": "json"}, "part.a b"}, {map[string]string{"part.": "json"}, "part."},
	} {
		_, err := format.Check(rules(t, "$.a"), codec.Options{Settings: tc.settings})
		e, ok := errors.AsType[*codec.SettingError](err)
		if ok != (tc.bad != "") || ok && e.Setting != tc.bad || !ok && err != nil {
			t.Errorf("%v: %v", tc.settings, err)
		}
	}
	if _, err := format.Check(rules(t), codec.Options{Schema: []byte("x")}); err == nil {
		t.Error("a schema is taken")
	}
}

// TestNames: the setting says in which dialect names are read.
func TestNames(t *testing.T) {
	body := formOf(field("user[ssn]", "1"), field("user.ssn", "2"))
	for names, want := range map[string]int{"": 2, "all": 2, "brackets": 1, "dots": 2, "literal": 0} {
		var seen []codectest.Seen
		r := rewriting{sel: rules(t, "$.user.ssn"), tr: codectest.Record(&seen, codectest.Keep), settings: map[string]string{"names": names}}
		if _, err := r.run(body, nil); err != nil || len(seen) != want {
			t.Errorf("names %q: %v, %v, want %d values", names, seen, err, want)
		}
	}
}
