package grpc

import (
	"encoding/binary"
	"strings"
	"testing"

	"google.golang.org/protobuf/encoding/protowire"

	"github.com/sealmesh/sealmesh/codec"
	"github.com/sealmesh/sealmesh/codec/codectest"
	"github.com/sealmesh/sealmesh/codec/protobuf/protobuftest"
)

const canary = codectest.Canary

const testSchema = `
message User {
  string ssn = 1;
  int32 age = 2;
  repeated User friends = 3;
  map<string, string> labels = 4;
  string note = 5;
}
message Reply {
  string id = 1;
  bytes token = 2;
  User user = 3;
}
service Users {
  rpc Get (User) returns (Reply);
  rpc Put (stream User) returns (Reply);
  rpc List (User) returns (stream Reply);
  rpc Chat (stream User) returns (stream Reply);
  rpc Hold (Reply) returns (User);
}
`

const chat = "/test.Users/Chat"

func options(t testing.TB) codec.Options {
	return codec.Options{Schema: protobuftest.Set(t, testSchema)}
}

// str is a field with a length.
func str(n int, content ...string) string {
	b := protowire.AppendTag(nil, protowire.Number(n), protowire.BytesType)
	return string(protowire.AppendString(b, strings.Join(content, "")))
}

// flagged is a frame.
func flagged(flag byte, message ...string) string {
	m := strings.Join(message, "")
	return string(binary.BigEndian.AppendUint32([]byte{flag}, uint32(len(m)))) + m
}

// frame is a frame of a message.
func frame(message ...string) string { return flagged(plain, message...) }

// bodyOf is what a Writer of a body is made of.
func bodyOf(t testing.TB, f *codec.Format, tr codec.Transform, rules ...codec.Rule) codec.Body {
	t.Helper()
	sel := codectest.Select(t, rules...)
	checked, err := f.Check(sel, options(t))
	if err != nil {
		t.Fatal(err)
	}
	return codec.Body{At: sel.Root(), Checked: checked, Transform: tr, Method: "POST", Path: chat}
}
