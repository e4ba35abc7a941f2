package codec

import "testing"

func TestForContentType(t *testing.T) {
	for _, tc := range []struct{ value, want string }{
		{"application/json", "json"},
		{"Application/JSON", "json"},
		{" application/json\t", "json"},
		{"application/json;charset=utf-8", "json"},
		{"application/json; charset=UTF-8", "json"},
		{`application/json; charset="utf-8"`, "json"},
		{`application/json ; Charset="UTF-8" ; profile="a;b"`, "json"},
		{"application/json;", "json"},
		{"application/json; ;charset=utf-8;", "json"},
		{"application/json; odata.metadata=minimal", "json"},
		{"application/problem+json", "json"},
		{"application/vnd.api+JSON; charset=utf-8", "json"},
		{"text/x+json", "json"},
		{"text/json; charset=utf-8", "json"},
		{"application/merge-patch+json", "json"},
		{"application/json-patch+json", ""},
		{"application/JSON-Patch+json; charset=utf-8", ""},
		{"", ""},
		{"json", ""},
		{"/json", ""},
		{"application/", ""},
		{"+json", ""},
		{"application/+json", ""},
		{"a/b/c+json", ""},
		{"application/jsonp", ""},
		{"application/json-seq", ""},
		{"application/x-ndjson", ""},
		{"application/json+xml", ""},
		{"text/html", ""},
		{"application/json, text/html", ""},
		{"application/json; charset=utf-8, text/html", ""},
		{"application/json; charset=utf-16", ""},
		{"application/json; charset=iso-8859-1", ""},
		{"application/json; charset=utf-8; charset=utf-16", ""},
		{"application/json; charset=utf-16; charset=utf-8", ""},
		{"application/json; charset", ""},
		{"application/json; charset=", ""},
		{`application/json; charset="`, ""},
		{`application/json; charset="utf-8`, ""},
		{`application/json; charset="utf\-8"`, ""},
		{`application/json; charset="utf-8"x`, ""},
		{"application/json; charset =utf-8", ""},
		{"application/json; =utf-8", ""},
		{"application/json charset=utf-8", ""},
		{"application/json\r\nx: y", ""},
		{"application/json; a=b\r\n", ""},
	} {
		got := ""
		if f := ForContentType(tc.value); f != nil {
			got = f.Name
		}
		if got != tc.want {
			t.Errorf("%q is %q, want %q", tc.value, got, tc.want)
		}
	}
}

func TestFormatsAreOurs(t *testing.T) {
	Formats()[0].Name = "changed"
	if Formats()[0].Name == "changed" || ForContentType("application/json").Name == "changed" {
		t.Error("the table can be changed from outside")
	}
}
