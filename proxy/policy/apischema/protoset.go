package apischema

import (
	"maps"
	"slices"
	"strings"

	"google.golang.org/protobuf/encoding/protowire"
	"google.golang.org/protobuf/proto"
	"google.golang.org/protobuf/reflect/protoreflect"
	"google.golang.org/protobuf/reflect/protoregistry"
	"google.golang.org/protobuf/types/descriptorpb"

	"github.com/sealmesh/sealmesh/codec/protobuf/descriptorset"
)

type (
	fileProto    = descriptorpb.FileDescriptorProto
	messageProto = descriptorpb.DescriptorProto
	fieldProto   = descriptorpb.FieldDescriptorProto
)

// httpOption is the number of google.api.http, a MethodOptions.
const httpOption = 72295728

// A protoSet is the types of a descriptor set, and the tags of their fields.
type protoSet struct {
	*descriptorset.Set
	tags    map[protoreflect.FullName]string // by field
	reaches map[protoreflect.FullName]bool   // messages that have a tagged value, at any depth
	used    map[protoreflect.FullName]bool   // fields whose tag has led to a rule
	notes   []string
}

// parseSet reads a descriptor set, and leaves the options of others unread, so
// that none is taken for what this binary knows by the same number.
func parseSet(src []byte) (*descriptorpb.FileDescriptorSet, error) {
	set := new(descriptorpb.FileDescriptorSet)
	return set, proto.UnmarshalOptions{Resolver: new(protoregistry.Types)}.Unmarshal(src, set)
}

func readSet(src []byte, o *ProtobufOptions) (*protoSet, error) {
	set, err := parseSet(src)
	if err != nil || len(set.File) == 0 {
		return nil, errorf("not a FileDescriptorSet: protoc --include_imports -o makes one")
	}
	types, err := descriptorset.New(set)
	if err != nil {
		return nil, errorf("the descriptor set is not complete (protoc needs --include_imports): %v", err)
	}
	s := &protoSet{Set: types, used: make(map[protoreflect.FullName]bool)}
	if s.tags, err = readTags(set, o); err != nil {
		return nil, err
	}
	s.findReach()
	return s, nil
}

func (s *protoSet) note(format string, args ...any) {
	s.notes = append(s.notes, errorf(format, args...).Error())
}

// findReach finds the messages that have a tagged value at any depth. Any may
// be each of them.
func (s *protoSet) findReach() {
	s.reaches = map[protoreflect.FullName]bool{anyName: len(s.tags) > 0}
	for changed := true; changed; {
		changed = false
		for _, m := range s.Messages {
			if s.reaches[m.FullName()] {
				continue
			}
			for _, f := range s.Fields(m) {
				inner := valueOf(f).Message()
				if s.tags[f.FullName()] != "" || inner != nil && s.reaches[inner.FullName()] {
					s.reaches[m.FullName()], changed = true, true
					break
				}
			}
		}
	}
}

// isTranscoded reports whether a method has the option google.api.http.
func isTranscoded(m protoreflect.MethodDescriptor) bool {
	return len(option(m.Options().ProtoReflect().GetUnknown(), httpOption)) > 0
}

// valueOf returns the field that has the values of f: that of the entry, if f
// is a map.
func valueOf(f protoreflect.FieldDescriptor) protoreflect.FieldDescriptor {
	if f.IsMap() {
		return f.MapValue()
	}
	return f
}

// option returns the contents of an option of that number, in the order of the
// set.
func option(unknown []byte, number protowire.Number) (all [][]byte) {
	for len(unknown) > 0 {
		n, wire, size := protowire.ConsumeTag(unknown)
		if size < 0 {
			return all
		}
		value := unknown[size:]
		length := protowire.ConsumeFieldValue(n, wire, value)
		if length < 0 {
			return all
		}
		if unknown = value[length:]; n == number {
			if content, size := protowire.ConsumeBytes(value); wire == protowire.BytesType && size >= 0 {
				value = content
			}
			all = append(all, value)
		}
	}
	return all
}

// eachField calls f for the fields of all messages of a file, and for the
// extensions in it.
func eachField(file *fileProto, f func(name protoreflect.FullName, field *fieldProto)) {
	call := func(scope protoreflect.FullName, fields []*fieldProto) {
		for _, field := range fields {
			f(scope.Append(protoreflect.Name(field.GetName())), field)
		}
	}
	var look func(scope protoreflect.FullName, messages []*messageProto)
	look = func(scope protoreflect.FullName, messages []*messageProto) {
		for _, m := range messages {
			inside := scope.Append(protoreflect.Name(m.GetName()))
			call(inside, m.Field)
			call(inside, m.Extension)
			look(inside, m.NestedType)
		}
	}
	look(protoreflect.FullName(file.GetPackage()), file.MessageType)
	call(protoreflect.FullName(file.GetPackage()), file.Extension)
}

// list joins what a set has, in order.
func list[K ~string, V any](set map[K]V) string {
	var all []string
	for _, k := range slices.Sorted(maps.Keys(set)) {
		all = append(all, string(k))
	}
	return strings.Join(all, ", ")
}
