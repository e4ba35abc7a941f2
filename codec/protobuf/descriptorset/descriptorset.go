// Package descriptorset indexes the types of a FileDescriptorSet.
package descriptorset

import (
	"google.golang.org/protobuf/reflect/protodesc"
	"google.golang.org/protobuf/reflect/protoreflect"
	"google.golang.org/protobuf/reflect/protoregistry"
	"google.golang.org/protobuf/types/descriptorpb"
)

// A Set is the types of a FileDescriptorSet. Immutable.
type Set struct {
	Files    *protoregistry.Files
	Messages []protoreflect.MessageDescriptor // also nested ones, without the entries of maps
	Services []protoreflect.ServiceDescriptor

	extensions map[protoreflect.FullName][]protoreflect.FieldDescriptor // by what they extend
}

// New indexes a set. Its error is that the set lacks imports, or contradicts
// itself.
func New(set *descriptorpb.FileDescriptorSet) (*Set, error) {
	files, err := protodesc.NewFiles(set)
	if err != nil {
		return nil, err
	}
	s := &Set{Files: files, extensions: make(map[protoreflect.FullName][]protoreflect.FieldDescriptor)}
	for _, file := range set.File {
		f, err := files.FindFileByPath(file.GetName())
		if err != nil {
			return nil, err
		}
		s.addExtensions(f.Extensions())
		s.addMessages(f.Messages())
		for i := range f.Services().Len() {
			s.Services = append(s.Services, f.Services().Get(i))
		}
	}
	return s, nil
}

func (s *Set) addMessages(all protoreflect.MessageDescriptors) {
	for i := range all.Len() {
		m := all.Get(i)
		s.addExtensions(m.Extensions())
		s.addMessages(m.Messages())
		if !m.IsMapEntry() {
			s.Messages = append(s.Messages, m)
		}
	}
}

func (s *Set) addExtensions(all protoreflect.ExtensionDescriptors) {
	for i := range all.Len() {
		e := all.Get(i)
		of := e.ContainingMessage().FullName()
		s.extensions[of] = append(s.extensions[of], e)
	}
}

// Message finds a message by its full name.
func (s *Set) Message(name string) (m protoreflect.MessageDescriptor, ok bool) {
	d, err := s.Files.FindDescriptorByName(protoreflect.FullName(name))
	if err != nil {
		return nil, false
	}
	m, ok = d.(protoreflect.MessageDescriptor)
	return m, ok
}

// Fields returns the fields of m, its extensions included.
func (s *Set) Fields(m protoreflect.MessageDescriptor) (all []protoreflect.FieldDescriptor) {
	for i := range m.Fields().Len() {
		all = append(all, m.Fields().Get(i))
	}
	return append(all, s.extensions[m.FullName()]...)
}
