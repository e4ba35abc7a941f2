package protobuf

import (
	"fmt"
	"strings"
	"testing"

	"google.golang.org/protobuf/encoding/protowire"

	"github.com/sealmesh/sealmesh/codec"
	"github.com/sealmesh/sealmesh/codec/codectest"
	"github.com/sealmesh/sealmesh/codec/protobuf/protobuftest"
)

const canary = codectest.Canary

// testSchema has every kind of field that rules meet.
const testSchema = `
enum Color {
  RED = 0
}
message User {
  string ssn = 1;
  bytes photo = 2;
  repeated User friends = 3;
  map<string, string> labels = 4;
  map<int32, User> by_id = 5;
  google.protobuf.Any detail = 6;
  google.protobuf.StringValue nick = 7;
  google.protobuf.BytesValue key = 8;
  google.protobuf.Struct meta = 9;
  repeated string tags = 10;
  int32 age = 11;
  repeated int32 marks = 12;
  User boss = 13;
  oneof contact {
    string email = 14;
    User proxy = 15;
  }
  string user_note = 16;
  Color color = 17;
  fixed32 f32 = 18;
  repeated double f64s = 19;
  repeated google.protobuf.StringValue nicks = 20;
  map<bool, bytes> flags = 21;
  google.protobuf.Value any_value = 22;
  string far = 5000;
}
message Order {
  string id = 1;
  User customer = 2;
}
`

func set(t testing.TB) []byte { return protobuftest.Set(t, testSchema) }

func options(t testing.TB, kv ...string) codec.Options {
	o := codec.Options{Schema: set(t), Settings: map[string]string{"message": "test.User"}}
	for i := 0; i < len(kv); i += 2 {
		o.Settings[kv[i]] = kv[i+1]
	}
	return o
}

// str is a field with a length.
func str(n int, content ...string) string {
	b := protowire.AppendTag(nil, protowire.Number(n), protowire.BytesType)
	return string(protowire.AppendString(b, strings.Join(content, "")))
}

// num is a field with a varint.
func num(n int, v uint64) string {
	return string(protowire.AppendVarint(protowire.AppendTag(nil, protowire.Number(n), protowire.VarintType), v))
}

// a bench is what rules make of bodies of test.User.
type bench struct {
	t   testing.TB
	sel *codec.Selector
	codec.Options
}

func rules(t testing.TB, paths ...string) *bench {
	t.Helper()
	var all []codec.Rule
	for _, p := range paths {
		all = append(all, codec.Rule{Path: p})
	}
	return &bench{t, codectest.Select(t, all...), options(t)}
}

func (b *bench) body(tr codec.Transform, l codec.Limits) codec.Body {
	b.t.Helper()
	checked, err := Format.Check(b.sel, b.Options)
	if err != nil {
		b.t.Fatal(err)
	}
	return codec.Body{At: b.sel.Root(), Checked: checked, Transform: tr, Limits: l, Method: "POST"}
}

func (b *bench) rewrite(tr codec.Transform, body string, cuts ...int) (string, error) {
	b.t.Helper()
	return codectest.RewriteBody(&Format, b.body(tr, codec.Limits{}), body, cuts)
}

// seen returns the fields of a body, each as "rule kind value".
func (b *bench) seen(body string) string {
	b.t.Helper()
	var fields []codectest.Seen
	got, err := b.rewrite(codectest.Record(&fields, codectest.Keep), body)
	if err != nil {
		return err.Error()
	}
	if got != body {
		b.t.Errorf("%q became %q", body, got)
	}
	var all []string
	for _, f := range fields {
		all = append(all, fmt.Sprintf("%d %s %s", f.Rule, [...]string{"text", "literal", "bytes"}[f.Kind], f.Value))
	}
	return strings.Join(all, "|")
}
