package canary

import (
	"math/rand/v2"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"google.golang.org/protobuf/encoding/protowire"
	"google.golang.org/protobuf/proto"
	"google.golang.org/protobuf/reflect/protoreflect"
	"google.golang.org/protobuf/types/dynamicpb"

	"github.com/sealmesh/sealmesh/codec"
	"github.com/sealmesh/sealmesh/codec/protobuf"
	"github.com/sealmesh/sealmesh/codec/protobuf/protobuftest"
)

const protoSchema = `
message User {
  string ssn = 1;
  bytes photo = 2;
  repeated User friends = 3;
  map<string, string> labels = 4;
  map<int32, User> by_id = 5;
  google.protobuf.Any detail = 6;
  google.protobuf.StringValue nick = 7;
  google.protobuf.Struct meta = 9;
  repeated string tags = 10;
  int32 age = 11;
  repeated int32 marks = 12;
  User boss = 13;
  oneof contact {
    string email = 14;
    User proxy = 15;
  }
  string note = 16;
}
service Users {
  rpc Chat (stream User) returns (stream User);
}
`

var protoRules = []string{
	"$.ssn", "$.photo", "$.friends[*].ssn", "$.labels.ssn", "$.by_id['1'].ssn", "$.detail.ssn", "$.nick", "$.meta.ssn", "$.tags[1]", "$.boss.ssn", "$.email", "$.proxy.ssn",
}

// field is a field of any wire type. Now and then its tag or length is longer
// than it need be, or its length is another.
func field(r *rand.Rand, number int, wire protowire.Type, content string) string {
	b := varint(r, protowire.EncodeTag(protowire.Number(number), wire))
	if wire == protowire.BytesType {
		n := len(content)
		if r.IntN(150) == 0 {
			n += r.IntN(5) - 2
		}
		b += varint(r, uint64(max(n, 0)))
	}
	return b + content
}

// varint is v, now and then in more bytes than it needs.
func varint(r *rand.Rand, v uint64) string {
	b := protowire.AppendVarint(nil, v)
	if r.IntN(150) == 0 {
		b[len(b)-1] |= 0x80
		b = append(b, pick(r, "\x00", "\x80\x00", "\x80\x80\x80\x80\x80\x80\x00", "\x10")...)
	}
	return string(b)
}

func text(r *rand.Rand, number int) string {
	return field(r, number, protowire.BytesType, odd(r, []string{canary, canary, "x", "", "é" + canary}, []string{"\xff" + canary, canary + "\x00", "\x0a\x06" + canary, "\n\x08\n\x06" + canary}))
}

// protoUser makes a message, with fields in any order, in pieces and twice.
func protoUser(r *rand.Rand, depth int) string {
	var b strings.Builder
	inner := func() string {
		if depth == 0 {
			return text(r, 1)
		}
		return protoUser(r, depth-1)
	}
	for range r.IntN(5) {
		switch k := r.IntN(16); k {
		case 0:
			b.WriteString(text(r, 1))
		case 1, 2, 7, 8: // texts, and messages with a text
			b.WriteString(field(r, []int{0, 2, 16, 0, 0, 0, 0, 7, 9}[k], protowire.BytesType, []string{"", canary, canary, "", "", "", "", text(r, 1), structOf(r)}[k]))
		case 3:
			b.WriteString(field(r, pick3(r, 3, 13, 15), protowire.BytesType, inner()))
		case 4:
			b.WriteString(field(r, 4, protowire.BytesType, entry(r, field(r, 1, protowire.BytesType, pick(r, "ssn", "ssn", "x", "")), text(r, 2))))
		case 5:
			key := field(r, 1, protowire.VarintType, varint(r, uint64(r.IntN(3))))
			b.WriteString(field(r, 5, protowire.BytesType, entry(r, key, field(r, 2, protowire.BytesType, inner()))))
		case 6:
			url := field(r, 1, protowire.BytesType, odd(r, []string{"type.googleapis.com/test.User", "/test.User"}, []string{"test.User", "x/google.protobuf.StringValue", "x/test.Other", ""}))
			b.WriteString(field(r, 6, protowire.BytesType, entry(r, url, field(r, 2, protowire.BytesType, inner()))))
		case 9, 10:
			b.WriteString(text(r, 10))
		case 11:
			b.WriteString(field(r, 11, protowire.VarintType, varint(r, r.Uint64())))
		case 12:
			if r.IntN(2) == 0 {
				b.WriteString(field(r, 12, protowire.VarintType, varint(r, 7)))
			} else {
				b.WriteString(field(r, 12, protowire.BytesType, varint(r, 7)+varint(r, 300)))
			}
		case 13:
			b.WriteString(text(r, 14))
		case 14:
			b.WriteString(text(r, pick3(r, 16, 16, 17)))
		case 15:
			b.WriteString(strange(r))
		}
	}
	return b.String()
}

// strange is a field that few writers make.
func strange(r *rand.Rand) string {
	if r.IntN(4) > 0 {
		return ""
	}
	switch r.IntN(5) {
	case 0: // another wire type
		return field(r, pick3(r, 1, 3, 11), protowire.VarintType, varint(r, 1))
	case 1: // a group
		return field(r, pick3(r, 1, 13, 20), protowire.StartGroupType, text(r, 1)) + field(r, pick3(r, 1, 13, 20), protowire.EndGroupType, "")
	case 2:
		return field(r, pick3(r, 0, 1<<29-1, 1<<29), protowire.BytesType, canary)
	case 3:
		return field(r, pick3(r, 1, 11, 18), protowire.Fixed32Type, "abcd")
	}
	return field(r, pick3(r, 1, 18, 19), protowire.Fixed64Type, "abcdefgh")
}

// entry is the two fields of an entry of a map, or of an Any.
func entry(r *rand.Rand, key, value string) string {
	switch r.IntN(12) {
	case 0:
		return value + key
	case 1:
		return key + value + value
	case 2:
		return key + value + key
	case 3:
		return value
	}
	return key + value
}

// structOf is a Struct with one member.
func structOf(r *rand.Rand) string {
	value := field(r, 3, protowire.BytesType, pick(r, canary, "x"))
	if r.IntN(6) == 0 {
		value += field(r, 3, protowire.BytesType, canary)
	}
	member := entry(r, field(r, 1, protowire.BytesType, pick(r, "ssn", "ssn", "x")), field(r, 2, protowire.BytesType, value))
	return field(r, 1, protowire.BytesType, member)
}

func pick3(r *rand.Rand, a, b, c int) int { return [...]int{a, b, c}[r.IntN(3)] }

var protoBits = []string{"\x00", "\x0a", "\x08", "\x0b", "\x0c", "\x80", "\xff", "\x01", "\x0a\x06" + canary, "\x6a\x08\x0a\x06" + canary, "\x1a\x08\x0a\x06" + canary}

func protoBody(r *rand.Rand) []byte {
	body := []byte(protoUser(r, 3))
	if r.IntN(4) > 0 {
		return body
	}
	return mutate(r, body, protoBits)
}

// Protobuf, as the libraries of four languages read it.
func TestProtobuf(t *testing.T) {
	requireReaders(t)
	set := protobuftest.Set(t, protoSchema)
	file := filepath.Join(t.TempDir(), "set.pb")
	if err := os.WriteFile(file, set, 0o600); err != nil {
		t.Fatal(err)
	}
	user := protobuftest.Message(t, set, "test.User")
	run(t, format{
		name: "protobuf", format: &protobuf.Format, generate: protoBody, plain: "\x0a\x06" + canary, rules: protoRules,
		options: codec.Options{Schema: set, Settings: map[string]string{"message": "test.User"}},
		readers: []reader{
			python(t, "protobuf.dynamic", file), node(t, "protobuf.dynamic", file), java(t, "protobuf.dynamic", file),
			inProcess("dynamicpb", func(body []byte) []reading { return readUser(user, body) }),
		},
	})
}

// readUser reads a message of type User.
func readUser(user protoreflect.MessageDescriptor, body []byte) []reading {
	m := dynamicpb.NewMessage(user)
	if proto.Unmarshal(body, m) != nil {
		return nil
	}
	return message(nil, user, m, nil)
}

// message adds the values in a message to all, each with its path. A value of
// google.protobuf is where its message is.
func message(all []reading, user protoreflect.MessageDescriptor, m protoreflect.Message, path []any) []reading {
	kind := m.Descriptor().FullName()
	m.Range(func(f protoreflect.FieldDescriptor, v protoreflect.Value) bool {
		own := path
		if kind.Parent() != "google.protobuf" {
			own = append(path[:len(path):len(path)], string(f.Name()))
		}
		switch {
		case kind == "google.protobuf.Any":
			if f.Name() == "value" && strings.HasSuffix(m.Get(m.Descriptor().Fields().ByName("type_url")).String(), "/test.User") {
				for _, r := range readUser(user, v.Bytes()) {
					all = append(all, reading{append(path[:len(path):len(path)], r.path...), r.value})
				}
			}
		case f.IsList():
			for i := range v.List().Len() {
				all = single(all, user, f, v.List().Get(i), append(own[:len(own):len(own)], float64(i)))
			}
		case f.IsMap():
			v.Map().Range(func(k protoreflect.MapKey, v protoreflect.Value) bool {
				all = single(all, user, f.MapValue(), v, append(own[:len(own):len(own)], k.String()))
				return true
			})
		default:
			all = single(all, user, f, v, own)
		}
		return true
	})
	return all
}

func single(all []reading, user protoreflect.MessageDescriptor, f protoreflect.FieldDescriptor, v protoreflect.Value, path []any) []reading {
	switch f.Kind() {
	case protoreflect.MessageKind:
		return message(all, user, v.Message(), path)
	case protoreflect.BytesKind:
		return append(all, reading{path, string(v.Bytes())})
	}
	return append(all, reading{path, v.String()})
}
