package apischema

import (
	"context"
	"fmt"
	"os"
	"strings"
	"testing"

	"github.com/bufbuild/protocompile"
	"github.com/bufbuild/protocompile/protoutil"
	"google.golang.org/protobuf/proto"
	"google.golang.org/protobuf/reflect/protoreflect"
	"google.golang.org/protobuf/types/descriptorpb"
)

// confluentMeta is as Confluent's file declares its option.
const confluentMeta = `syntax = "proto3";
package confluent;
import "google/protobuf/descriptor.proto";
message Meta { string doc = 1; map<string, string> params = 2; repeated string tags = 3; }
extend google.protobuf.FieldOptions { Meta field_meta = 1088; }
`

// setOf compiles a file, test.proto, that begins with the declarations that all
// need. With whole, the set has what the file imports.
func setOf(t testing.TB, text string, whole bool) []byte {
	t.Helper()
	c := protocompile.Compiler{Resolver: protocompile.WithStandardImports(&protocompile.SourceResolver{
		Accessor: protocompile.SourceAccessorFromMap(map[string]string{
			TagFile: TagProto(), "confluent/meta.proto": confluentMeta, "test.proto": text,
			"google/api/annotations.proto": `syntax = "proto3"; package google.api; import "google/protobuf/descriptor.proto";
				message HttpRule { string get = 2; } extend google.protobuf.MethodOptions { HttpRule http = 72295728; }`,
		}),
	})}
	files, err := c.Compile(context.Background(), "test.proto")
	if err != nil {
		t.Fatal(err)
	}
	var set descriptorpb.FileDescriptorSet
	added := map[string]bool{}
	var add func(f protoreflect.FileDescriptor)
	add = func(f protoreflect.FileDescriptor) {
		if added[f.Path()] {
			return
		}
		added[f.Path()] = true
		for i := range f.Imports().Len() {
			if whole {
				add(f.Imports().Get(i).FileDescriptor)
			}
		}
		set.File = append(set.File, protoutil.ProtoFromFileDescriptor(f))
	}
	add(files[0])
	b, err := proto.Marshal(&set)
	if err != nil {
		t.Fatal(err)
	}
	return b
}

const protoHead = `syntax = "proto3"; package acme;
import "sealmesh/tag.proto"; import "confluent/meta.proto"; import "google/api/annotations.proto";
import "google/protobuf/any.proto"; import "google/protobuf/struct.proto"; import "google/protobuf/wrappers.proto";
`

const protoTag = `[(sealmesh.tag) = "pii"]`

func TestProtobufGolden(t *testing.T) {
	src, err := os.ReadFile("testdata/api.proto")
	if err != nil {
		t.Fatal(err)
	}
	api, err := Protobuf(setOf(t, string(src), true), ProtobufOptions{Formats: []string{"grpc", "grpc-web"}, Schema: "api.binpb", JSON: true})
	if err != nil {
		t.Fatal(err)
	}
	got := fmt.Sprintf("# %d tags, %d rules\n%s# %s\n", api.Tags, api.Rules(), api.Policy(Seal, Open), strings.Join(api.Notes, "\n# "))
	if *update {
		if err := os.WriteFile("testdata/proto.golden", []byte(got), 0o644); err != nil {
			t.Fatal(err)
		}
	}
	want, err := os.ReadFile("testdata/proto.golden")
	if err != nil || got != string(want) {
		t.Errorf("%v, got:\n%s", err, got)
	}
}

// TestProtobufPaths: what the fields of a message M become. The tag is written
// as @.
func TestProtobufPaths(t *testing.T) {
	for _, tc := range []struct{ schema, want string }{
		{`message M { string a = 1 @; bytes b = 2 @; int32 c = 3; }`, `$.a $.b`},
		{`message M { repeated string a = 1 @; map<string, bytes> b = 2 @; }`, `$.a[*] $.b.*`},
		{`message M { oneof o { string a = 1 @; int32 b = 2; } }`, `$.a`},
		{`message M { google.protobuf.StringValue a = 1 @; repeated google.protobuf.BytesValue b = 2 @; google.protobuf.Value c = 3 @; }`, `$.a $.b[*] $.c`},
		{`message M { N n = 1; repeated N list = 2; map<int32, N> by = 3; } message N { string a = 1 @; }`, `$.by.*.a $.list[*].a $.n.a`},
		{`message M { string some_name = 1 @; } `, `$.someName $.some_name`},
		{`message M { string a = 1 [(sealmesh.tag) = "pii", json_name = "x y"]; } `, `$.a $['x y']`},
		{`message M { N n_n = 1; } message N { string a_a = 1 @; }`, `$.nN.aA $.nN.a_a $.n_n.aA $.n_n.a_a`},
		{`message M { string a = 1 @; M m = 2; }`, `$..m.a $.a`},
		{`message M { string a = 1 @; repeated M m = 2; string b = 3; N n = 4; } message N { int32 a = 1; M m = 2; }`, `$..m.a $..m[*].a $.a`},
		{`message M { N n = 1; } message N { O o = 1; string a = 2 @; } message O { N n = 1; P p = 2; } message P { string b = 1 @; }`, `$.n..n.a $.n..p.b $.n.a`},
		{`message M { google.protobuf.Any any = 1; } message N { string a = 1 @; }`, `$..any.a`}, // M may be in it
		{`message M { google.protobuf.Any any = 1; } message N { string a = 1 @; M m = 2; }`, `$..any.a`},
		{`message M { N.O o = 1; } message N { message O { string a = 1 @; } }`, `$.o.a`},
	} {
		set := setOf(t, protoHead+strings.ReplaceAll(tc.schema, "@", protoTag), true)
		if !IsDescriptorSet(set) {
			t.Errorf("%s: not seen as a descriptor set", tc.schema)
		}
		api, err := Protobuf(set, ProtobufOptions{Message: "acme.M", JSON: true})
		if err != nil {
			t.Errorf("%s: %v", tc.schema, err)
			continue
		}
		var paths []string
		for _, r := range api.Routes[0].Request.Body {
			paths = append(paths, r.Path)
		}
		if got := strings.Join(paths, " "); got != tc.want {
			t.Errorf("%s: %s, want %s", tc.schema, got, tc.want)
		}
	}
}

// TestProtobufExtensions: fields of proto2 that extend a message have tags too.
func TestProtobufExtensions(t *testing.T) {
	api, err := Protobuf(setOf(t, `syntax = "proto2"; package acme; import "sealmesh/tag.proto";
		message M { extensions 100 to 200; } extend M { optional string a_b = 100 [(sealmesh.tag) = "pii"]; }`, true), ProtobufOptions{Message: "acme.M", JSON: true})
	if err != nil || len(api.Routes[0].Request.Body) != 1 || api.Routes[0].Request.Body[0].Path != "$['[acme.a_b]']" {
		t.Errorf("%+v, %v", api, err)
	}
}

// TestProtobufErrors: a set that is not understood as a whole gives no rules.
func TestProtobufErrors(t *testing.T) {
	const service = ` service S { rpc Put(M) returns (M); }`
	for _, tc := range []struct{ schema, want string }{
		{`message M { int32 a = 1 @; }` + service, "acme.M.a has a tag, and only string and bytes can be sealed, not int32"},
		{`message M { N a = 1 @; } message N {}` + service, "not acme.N"},
		{`message M { map<string, int32> a = 1 @; }` + service, "not int32"},
		{`message M { google.protobuf.Any a = 1 @; }` + service, "not google.protobuf.Any"},
		{`message M { string a = 1 [(sealmesh.tag) = ""]; }` + service, "acme.M.a: (sealmesh.tag) is the name of a tag"},
		{`message M { } message N { string a = 1 @; } message O { string b = 1 @; }` + service, "no rule comes from the tags of acme.N.a, acme.O.b"},
		{`message M { string a = 1 @; }`, "there is no service"},
		{`message M { N n = 1; } message N { string a = 1 @; O n = 2; } message O { string a = 1 [(sealmesh.tag) = "x"]; N n = 2; }` + service, "acme.O.a is tagged x, and the path of another field, tagged pii, takes it"},
	} {
		if _, err := Protobuf(setOf(t, protoHead+strings.ReplaceAll(tc.schema, "@", protoTag), true), ProtobufOptions{JSON: true}); err == nil || !strings.Contains(err.Error(), tc.want) {
			t.Errorf("%s: %v, want %q", tc.schema, err, tc.want)
		}
	}
	tagged := setOf(t, protoHead+`message M { string a = 1 [(sealmesh.tag) = "pii"]; }`, true)
	for _, tc := range []struct {
		set  []byte
		o    ProtobufOptions
		want string
	}{
		{nil, ProtobufOptions{}, "not a FileDescriptorSet"},
		{[]byte("openapi: 3.1.0\n"), ProtobufOptions{}, "not a FileDescriptorSet"},
		{setOf(t, protoHead+`message M {}`, false), ProtobufOptions{}, "is not complete"},
		{tagged, ProtobufOptions{Message: "acme.X"}, `no message "acme.X"`},
		{tagged, ProtobufOptions{Message: "acme.M", Confluent: map[string]string{"PII": "pii"}}, `no field has the tag "PII"`},
		{tagged, ProtobufOptions{Message: "acme.M", Skip: []string{"acme.M.b"}}, `no tagged field "acme.M.b" to skip`},
		{setOf(t, `syntax = "proto3"; package sealmesh; import "google/protobuf/descriptor.proto";
			extend google.protobuf.FieldOptions { int32 tag = 57325; } message M { string a = 1; }`, true), ProtobufOptions{Message: "sealmesh.M"}, "is not the one of sealmesh/tag.proto"},
	} {
		if _, err := Protobuf(tc.set, tc.o); err == nil || !strings.Contains(err.Error(), tc.want) {
			t.Errorf("%+v: %v, want %q", tc.o, err, tc.want)
		}
	}
}

// TestProtobufImports: the options of others count where the caller asks for
// them, and our own comes before them.
func TestProtobufImports(t *testing.T) {
	set := setOf(t, protoHead+`message M {
		string a = 1 [debug_redact = true];
		string b = 2 [(confluent.field_meta).tags = "PII", (confluent.field_meta).doc = "x"];
		string c = 3 [debug_redact = true, (sealmesh.tag) = "own", (confluent.field_meta).tags = "PCI"];
		string d = 4 [(confluent.field_meta).tags = "PUBLIC"];
		string e = 5 [(sealmesh.tag) = "own"];
		string f = 6 [debug_redact = false];
	} service S { rpc Get(M) returns (M) { option (google.api.http).get = "/m"; } }`, true)
	for _, tc := range []struct {
		o    ProtobufOptions
		want string
	}{
		{ProtobufOptions{}, "$.c own $.e own"},
		{ProtobufOptions{DebugRedact: "red"}, "$.a red $.c own $.e own"},
		{ProtobufOptions{Confluent: map[string]string{"PII": "pii"}}, "$.b pii $.c own $.e own"},
		{ProtobufOptions{DebugRedact: "red", Skip: []string{"acme.M.a", "acme.M.e"}}, "$.c own"},
	} {
		api, err := Protobuf(set, tc.o)
		if err != nil {
			t.Errorf("%+v: %v", tc.o, err)
			continue
		}
		var rules []string
		for _, r := range api.Routes[0].Request.Body {
			rules = append(rules, r.Path, r.Tag)
		}
		if got := strings.Join(rules, " "); got != tc.want || len(api.Notes) != 1 || !strings.Contains(api.Notes[0], "google.api.http") {
			t.Errorf("%+v: %s, want %s, notes %q", tc.o, got, tc.want, api.Notes)
		}
	}
	if _, err := Protobuf(set, ProtobufOptions{DebugRedact: "red", Confluent: map[string]string{"PII": "pii", "PCI": "pci"}}); err == nil || !strings.Contains(err.Error(), "tagged red and pci") {
		t.Errorf("two tags: %v", err)
	}
}

// TestStrayTag: a set without the file that declares the option has options of
// its number, which may be anybody's.
func TestStrayTag(t *testing.T) {
	src := setOf(t, `syntax = "proto3"; package acme; import "sealmesh/tag.proto"; message M { string a = 1 [(sealmesh.tag) = "pii"]; }`, false)
	var set descriptorpb.FileDescriptorSet
	if err := proto.Unmarshal(src, &set); err != nil {
		t.Fatal(err)
	}
	set.File[0].Dependency = nil
	src, err := proto.Marshal(&set)
	if err != nil {
		t.Fatal(err)
	}
	if _, err := Protobuf(src, ProtobufOptions{Message: "acme.M"}); err == nil || !strings.Contains(err.Error(), "acme.M.a: an option has the number of (sealmesh.tag)") {
		t.Error(err)
	}
}

// FuzzProtobuf: no set makes the reader panic or run on, and no tag is lost
// without an error.
func FuzzProtobuf(f *testing.F) {
	f.Add(setOf(f, protoHead+`message M { string a = 1 [(sealmesh.tag) = "pii"]; repeated M m = 2; google.protobuf.Any x = 3; } service S { rpc Get(M) returns (M); }`, true))
	f.Add(setOf(f, `syntax = "proto3"; package acme; message M { map<string, M> by = 1; string a = 2 [debug_redact = true]; }`, true))
	f.Fuzz(func(t *testing.T, src []byte) {
		api, err := Protobuf(src, ProtobufOptions{JSON: true, DebugRedact: "red"})
		if err != nil {
			return
		}
		if api.Tags > 0 && api.Rules() == 0 {
			t.Errorf("%d tags and no rule", api.Tags)
		}
		_ = api.Policy(Seal, Open)
	})
}
