package protobuf

import (
	"fmt"

	"google.golang.org/protobuf/proto"
	"google.golang.org/protobuf/reflect/protoreflect"
	"google.golang.org/protobuf/types/descriptorpb"

	"github.com/sealmesh/sealmesh/codec"
	"github.com/sealmesh/sealmesh/codec/protobuf/descriptorset"
)

// JSONNames returns the two names that fields have in JSON, for each field that
// has two: readers take both. The schema of o is a FileDescriptorSet.
func JSONNames(o codec.Options) (pairs [][2]string, err error) {
	types, err := codec.ParsedSchema(o, parse)
	if err != nil {
		return nil, err
	}
	seen := make(map[[2]string]bool)
	for _, m := range types.Messages {
		for i := range m.Fields().Len() {
			f := m.Fields().Get(i)
			if p := [2]string{string(f.Name()), f.JSONName()}; p[0] != p[1] && !seen[p] {
				seen[p] = true
				pairs = append(pairs, p)
			}
		}
	}
	return pairs, nil
}

func badSchema(detail string) error {
	return &codec.SettingError{Setting: codec.SchemaSetting, Detail: detail}
}

// parse reads a FileDescriptorSet.
func parse(set []byte) (*descriptorset.Set, error) {
	if len(set) == 0 {
		return nil, badSchema("must be the file of a FileDescriptorSet")
	}
	var files descriptorpb.FileDescriptorSet
	if err := proto.Unmarshal(set, &files); err != nil || len(files.File) == 0 {
		return nil, badSchema("is not a FileDescriptorSet: protoc --include_imports -o makes one")
	}
	types, err := descriptorset.New(&files)
	if err != nil {
		return nil, badSchema(fmt.Sprintf("is not complete (protoc needs --include_imports): %v", err))
	}
	return types, nil
}

// wireOf returns the wire type of a field's elements.
func wireOf(k protoreflect.Kind) byte {
	switch k {
	case protoreflect.StringKind, protoreflect.BytesKind, protoreflect.MessageKind:
		return lengthWire
	case protoreflect.Fixed32Kind, protoreflect.Sfixed32Kind, protoreflect.FloatKind:
		return fixed32Wire
	case protoreflect.Fixed64Kind, protoreflect.Sfixed64Kind, protoreflect.DoubleKind:
		return fixed64Wire
	case protoreflect.GroupKind:
		return noWire // refused
	}
	return varintWire
}
