package protobuf

import (
	"fmt"

	"google.golang.org/protobuf/proto"
	"google.golang.org/protobuf/reflect/protodesc"
	"google.golang.org/protobuf/reflect/protoreflect"
	"google.golang.org/protobuf/reflect/protoregistry"
	"google.golang.org/protobuf/types/descriptorpb"

	"github.com/sealmesh/sealmesh/codec"
)

// A schema is the types of a FileDescriptorSet.
type schema struct {
	files      *protoregistry.Files
	messages   []protoreflect.MessageDescriptor
	services   []protoreflect.ServiceDescriptor
	extensions map[protoreflect.FullName][]protoreflect.FieldDescriptor // by what they extend
}

// JSONNames returns the two names that fields have in JSON, for each field that
// has two: readers take both. set is a FileDescriptorSet.
func JSONNames(set []byte) (pairs [][2]string, err error) {
	s, err := parse(set)
	if err != nil {
		return nil, err
	}
	seen := make(map[[2]string]bool)
	for _, m := range s.messages {
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
func parse(set []byte) (*schema, error) {
	if len(set) == 0 {
		return nil, badSchema("must be the file of a FileDescriptorSet")
	}
	var files descriptorpb.FileDescriptorSet
	if err := proto.Unmarshal(set, &files); err != nil || len(files.File) == 0 {
		return nil, badSchema("is not a FileDescriptorSet: protoc --include_imports -o makes one")
	}
	registry, err := protodesc.NewFiles(&files)
	if err != nil {
		return nil, badSchema(fmt.Sprintf("is not complete (protoc needs --include_imports): %v", err))
	}
	s := &schema{files: registry, extensions: make(map[protoreflect.FullName][]protoreflect.FieldDescriptor)}
	for _, file := range files.File {
		f, err := registry.FindFileByPath(file.GetName())
		if err != nil {
			return nil, badSchema(err.Error())
		}
		s.addExtensions(f.Extensions())
		s.addMessages(f.Messages())
		for i := range f.Services().Len() {
			s.services = append(s.services, f.Services().Get(i))
		}
	}
	return s, nil
}

func (s *schema) addMessages(all protoreflect.MessageDescriptors) {
	for i := range all.Len() {
		m := all.Get(i)
		s.messages = append(s.messages, m)
		s.addExtensions(m.Extensions())
		s.addMessages(m.Messages())
	}
}

func (s *schema) addExtensions(all protoreflect.ExtensionDescriptors) {
	for i := range all.Len() {
		e := all.Get(i)
		of := e.ContainingMessage().FullName()
		s.extensions[of] = append(s.extensions[of], e)
	}
}

// message finds a message by its full name.
func (s *schema) message(name string) (protoreflect.MessageDescriptor, error) {
	d, err := s.files.FindDescriptorByName(protoreflect.FullName(name))
	if m, ok := d.(protoreflect.MessageDescriptor); err == nil && ok {
		return m, nil
	}
	return nil, &codec.SettingError{Setting: messageSetting, Detail: "the schema has no such message"}
}

// fields returns the fields of m, its extensions included.
func (s *schema) fields(m protoreflect.MessageDescriptor) (all []protoreflect.FieldDescriptor) {
	for i := range m.Fields().Len() {
		all = append(all, m.Fields().Get(i))
	}
	return append(all, s.extensions[m.FullName()]...)
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
