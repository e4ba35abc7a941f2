package formats

import (
	"testing"
)

func TestDetect(t *testing.T) {
	for _, tc := range []struct{ value, want string }{
		{"application/json", "json"},
		{"Application/JSON", "json"},
		{" application/json\t", "json"},
		{"application/json;charset=utf-8", "json"},
		{"application/json; charset=UTF-8", "json"},
		{`application/json; charset="utf-8"`, "json"},
		{`application/json ; Charset="UTF-8" ; profile="a b"`, "json"},
		{"application/json; charset=utf8", "json"},
		{`application/json; charset="UTF8"`, "json"},
		{"application/json;a=1;b=2;c=3;d=4;e=5;f=6;g=7;h=8;i=9;j=1;k=2;l=3;m=4;n=5;o=6;p=7", "json"},
		{"application/json;a=1;b=2;c=3;d=4;e=5;f=6;g=7;h=8;i=9;j=1;k=2;l=3;m=4;n=5;o=6;p=7;q=8", ""},
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
		{"application/strategic-merge-patch+json", "json"},
		{"application/json-patch-query+json", ""},
		{"application/vnd.x.json-patch+json", ""},
		{"application/jsonpatch+json", ""},
		{"application/SCIM+json", ""},
		{"application/vnd.api+json", "json"},
		{`application/vnd.api+json; profile="http://a/b"`, "json"},
		{`application/vnd.api+json; ext="https://jsonapi.org/ext/atomic"`, ""},
		{`application/vnd.api+json; EXT=bulk`, ""},
		{"application/vnd.collection+json", ""},
		{"application/vnd.collection.next+json", ""},
		{"application/ld+json", ""},
		{"application/did+ld+json", ""},
		{"application/activity+json", ""},
		{"application/senml+json", ""},
		{"application/sensml+json", ""},
		{"application/senml-etch+json", ""},
		{"application/vcard+json", ""},
		{"application/graphql+json", ""},
		{"application/hal+json", "json"},
		{"application/build+json", "json"},
		{"application/fhir+json", "json"},
		{"", ""},
		{"json", ""},
		{"/json", ""},
		{"application/", ""},
		{"+json", ""},
		{"application/+json", ""},
		{"a/b/c+json", ""},
		{"application/jsonp", ""},
		{"application/json-seq", "json-seq"},
		{"application/geo+json-seq", "json-seq"},
		{"application/senml+json-seq", ""},
		{"application/protobuf", "protobuf"},
		{"application/x-protobuf; messageType=a.B", "protobuf"},
		{"application/x-google-protobuf", "protobuf"},
		{"application/vnd.google.protobuf", "protobuf"},
		{"application/grpc", "grpc"},
		{"application/grpc+proto", "grpc"},
		{"application/grpc+json", "grpc-json"},
		{"application/grpc-web+json", "grpc-web-json"},
		{"application/grpc-web", "grpc-web"},
		{"application/grpc-web-text", ""},
		{"application/grpc-web-text+proto", ""},
		{"application/connect+proto", "connect"},
		{"application/proto", "connect-unary"},
		{"application/connect+json", "connect-json"},
		{"application/x-ndjson", "ndjson"},
		{"application/x-ndjson; charset=utf-8", "ndjson"},
		{"application/ndjson", "ndjson"},
		{"application/jsonl", "ndjson"},
		{"application/x-jsonlines", "ndjson"},
		{"application/stream+json", "ndjson"},
		{"text/event-stream", "sse"},
		{"text/event-stream; charset=utf-8", "sse"},
		{"text/event-stream; charset=windows-1251", ""},
		{"application/x+ndjson", ""},
		{"text/x-ndjson", ""},
		{"application/jose+json", ""},
		{"application/yang-patch+json", ""},
		{"application/yang-data+json", "json"},
		{"application/jsonml+json", ""},
		{"application/sparql-results+json", ""},
		{"application/jscalendar+json", ""},
		{"application/jscontact+json", ""},
		{"application/graphql-response+json", "json"},
		{"application/vnd.amundsen-uber+json", ""},
		{"application/vnd.siren+json", ""},
		{"application/prs.hal-forms+json", ""},
		{"application/calendar+json", ""},
		{"application/td+json", ""},
		{"application/jwk-set+json", "json"},
		{"application/cloudevents+json", "json"},
		{"application/json+xml", "xml"},
		{"application/xml", "xml"},
		{"text/xml; charset=utf-8", "xml"},
		{"text/xml; charset=utf-16", ""},
		{`application/soap+xml; charset=utf-8; action="urn:a"`, "xml"},
		{"application/atom+xml", "xml"},
		{"application/samlassertion+xml", "xml"},
		{"application/xml-patch+xml", ""},
		{"application/xhtml+xml", ""},
		{"application/vnd.wap.xhtml+xml", ""},
		{"image/svg+xml", ""},
		{"application/xslt+xml", ""},
		{"application/rdf+xml", ""},
		{"application/xop+xml", ""},
		{"application/xml-dtd", ""},
		{"application/xml-external-parsed-entity", ""},
		{"text/html", ""},
		{"application/json, text/html", ""},
		{"application/json; charset=utf-8, text/html", ""},
		{"application/json; charset=utf-16", ""},
		{"application/json; charset=iso-8859-1", ""},
		{"application/json; charset=utf-8; charset=utf-16", ""},
		{"application/json; charset=utf-16; charset=utf-8", ""},
		{"application/json; charset=utf-8; charset=utf-8", ""},
		{"application/json; charset=utf-8; Charset=utf-8", ""},
		{"application/json; v=1; V=2", ""},
		{"application/json; charset*=utf-7", ""},
		{"application/json; charset*=utf-8''utf-7", ""},
		{"application/json; charset*0=ut; charset*1=f-7", ""},
		{"application/json; charset*0*=utf-8''utf-7", ""},
		{"application/json; charset=utf-8; charset*=utf-7", ""},
		{"application/json; profile*=x", ""},
		{`application/json; profile="a;b"`, ""},
		{`application/json; profile="a; charset=utf-7; b"`, ""},
		{`application/json; profile="charset=utf-7"`, ""},
		{`application/json; profile="x CHARSET*=utf-7"`, ""},
		{`application/json; profile="a, text/plain"`, ""},
		{"application/json; charset=utf-7", ""},
		{"application/json; charset=utf_8", ""},
		{"application/json; charset=utf88", ""},
		{"application/json; charset=cp65001", ""},
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
		if f := Table().Detect(tc.value).Format; f != nil {
			got = f.Name
		}
		if got != tc.want {
			t.Errorf("%q is %q, want %q", tc.value, got, tc.want)
		}
	}
}

// What is forwarded says what was read, in one spelling. What has no format is
// as it came.
func TestCanonical(t *testing.T) {
	for _, tc := range []struct{ value, want string }{
		{"application/json", "application/json"},
		{"Application/JSON", "application/json"},
		{" application/json\t;", "application/json"},
		{"application/json; ;;", "application/json"},
		{"application/json; charset=utf-8", "application/json; charset=utf-8"},
		{"application/json;charset=UTF-8", "application/json; charset=utf-8"},
		{"application/json; CHARSET=utf8", "application/json; charset=utf-8"},
		{`application/json; charset="utf-8"`, "application/json; charset=utf-8"},
		{`application/vnd.API+json;Version="1";profile="http://a/b c"`, `application/vnd.api+json; Version=1; profile="http://a/b c"`},
		{`application/json; a=""`, `application/json; a=""`},
		{"application/json; charset*=utf-7", "application/json; charset*=utf-7"},
		{"text/HTML;charset=utf8", "text/HTML;charset=utf8"},
		{"", ""},
	} {
		got := Table().Detect(tc.value).Canonical
		if got != tc.want {
			t.Errorf("%q is forwarded as %q, want %q", tc.value, got, tc.want)
		}
		if again := Table().Detect(got).Canonical; again != got {
			t.Errorf("%q is forwarded as %q, and that as %q", tc.value, got, again)
		}
	}
}

// A type by its own name is of the format that has it, whatever suffixes and
// exceptions others have.
func TestOwnNamesComeFirst(t *testing.T) {
	for _, f := range Table() {
		for _, m := range f.MediaTypes {
			if got := Table().Detect(m).Format; m[0] != '+' && got != f {
				t.Errorf("%s is a type of %s, and is detected as %v", m, f.Name, got)
			}
		}
	}
}

// Parameters are read as Detect has checked them.
func TestParams(t *testing.T) {
	d := Table().Detect(`application/vnd.x+json; ; Charset=UTF-8;profile="a b" ; v=1`)
	for name, want := range map[string]string{"charset": "UTF-8", "PROFILE": "a b", "v": "1"} {
		if got, ok := d.Params.Get(name); !ok || got != want {
			t.Errorf("%s is %q, %t", name, got, ok)
		}
	}
	if got, ok := d.Params.Get("w"); ok {
		t.Errorf("w is %q", got)
	}
	if _, ok := Table().Detect("application/json").Params.Get("charset"); ok {
		t.Error("a type without parameters has one")
	}
}

// A format that knows a few parameters sees that there is another.
func TestParamsOnly(t *testing.T) {
	p := Table().Detect(`application/json; ; Charset=UTF-8;v="1"`).Params
	for _, tc := range []struct {
		names []string
		want  bool
	}{
		{[]string{"charset", "V"}, true}, {[]string{"x", "v", "charset"}, true},
		{[]string{"charset"}, false}, {[]string{"v"}, false}, {nil, false},
	} {
		if p.Only(tc.names...) != tc.want {
			t.Errorf("%q: %t", tc.names, !tc.want)
		}
	}
	if !Table().Detect("application/json").Params.Only() {
		t.Error("a type without parameters has one")
	}
}

// Null deletes in a merge patch, and nowhere else.
func TestNullDeletes(t *testing.T) {
	for contentType, want := range map[string]bool{
		"application/merge-patch+json": true, "application/Merge-Patch+JSON; charset=utf-8": true, "application/strategic-merge-patch+json": true,
		"application/json": false, "application/problem+json": false, "text/html": false,
	} {
		if got := Table().Detect(contentType).NullDeletes; got != want {
			t.Errorf("%s: %t", contentType, got)
		}
	}
}
