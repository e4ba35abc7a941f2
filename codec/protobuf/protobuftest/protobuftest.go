// Package protobuftest makes descriptor sets for tests, from a small part of
// the language of .proto files.
package protobuftest

import (
	"fmt"
	"slices"
	"strconv"
	"strings"
	"testing"

	"google.golang.org/protobuf/proto"
	"google.golang.org/protobuf/reflect/protodesc"
	"google.golang.org/protobuf/reflect/protoreflect"
	"google.golang.org/protobuf/reflect/protoregistry"
	"google.golang.org/protobuf/types/descriptorpb"
	// Types that schemas of tests import.
	_ "google.golang.org/protobuf/types/known/anypb"
	_ "google.golang.org/protobuf/types/known/structpb"
	_ "google.golang.org/protobuf/types/known/wrapperspb"
)

var wellKnown = []string{"google/protobuf/any.proto", "google/protobuf/struct.proto", "google/protobuf/wrappers.proto"}

// Set returns a FileDescriptorSet of one file, package test, and of the files
// that it may import. text has messages, enums and services, one declaration a
// line:
//
//	message User {
//	  string name = 1;
//	  repeated User friends = 2;
//	  map<string, bytes> keys = 3;
//	}
//	service Users {
//	  rpc Get (User) returns (stream User);
//	}
//
// A line may also be a oneof, an extend, a group, which is empty, or
// "syntax proto2", or "package" for none.
func Set(t testing.TB, text string) []byte {
	t.Helper()
	var set descriptorpb.FileDescriptorSet
	for _, path := range wellKnown {
		d, err := protoregistry.GlobalFiles.FindFileByPath(path)
		if err != nil {
			t.Fatal(err)
		}
		set.File = append(set.File, protodesc.ToFileDescriptorProto(d))
	}
	p := &parser{file: &descriptorpb.FileDescriptorProto{
		Name: new("test.proto"), Package: new("test"), Syntax: new("proto3"), Dependency: wellKnown,
	}}
	for line := range strings.Lines(text) {
		if err := p.line(strings.TrimSuffix(strings.TrimSpace(line), ";")); err != nil {
			t.Fatalf("%q: %v", line, err)
		}
	}
	set.File = append(set.File, p.file)
	b, err := proto.Marshal(&set)
	if err != nil {
		t.Fatal(err)
	}
	return b
}

// Message returns the descriptor of a message of a set.
func Message(t testing.TB, set []byte, name string) protoreflect.MessageDescriptor {
	t.Helper()
	var files descriptorpb.FileDescriptorSet
	if err := proto.Unmarshal(set, &files); err != nil {
		t.Fatal(err)
	}
	all, err := protodesc.NewFiles(&files)
	if err != nil {
		t.Fatal(err)
	}
	d, err := all.FindDescriptorByName(protoreflect.FullName(name))
	if err != nil {
		t.Fatal(err)
	}
	return d.(protoreflect.MessageDescriptor)
}

// A parser reads a file line by line.
type parser struct {
	file    *descriptorpb.FileDescriptorProto
	stack   []*descriptorpb.DescriptorProto
	enum    *descriptorpb.EnumDescriptorProto
	service *descriptorpb.ServiceDescriptorProto
	extend  string
	oneof   bool
}

func (p *parser) line(s string) error {
	words := strings.Fields(strings.NewReplacer("(", " ", ")", " ", "<", " < ", ",", " ", ">", " ").Replace(s))
	if len(words) == 0 {
		return nil
	}
	switch words[0] {
	case "syntax":
		p.file.Syntax = new(words[1])
	case "package":
		p.file.Package = nil
	case "message":
		p.stack = append(p.stack, &descriptorpb.DescriptorProto{Name: new(words[1])})
	case "enum":
		p.enum = &descriptorpb.EnumDescriptorProto{Name: new(words[1])}
		p.file.EnumType = append(p.file.EnumType, p.enum)
	case "service":
		p.service = &descriptorpb.ServiceDescriptorProto{Name: new(words[1])}
		p.file.Service = append(p.file.Service, p.service)
	case "extend":
		p.extend = words[1]
	case "oneof":
		m := p.message()
		m.OneofDecl, p.oneof = append(m.OneofDecl, &descriptorpb.OneofDescriptorProto{Name: new(words[1])}), true
	case "extensions":
		m := p.message()
		m.ExtensionRange = append(m.ExtensionRange, &descriptorpb.DescriptorProto_ExtensionRange{Start: proto.Int32(100), End: proto.Int32(200)})
	case "rpc":
		p.method(words)
	case "}":
		p.close()
	default:
		return p.member(words)
	}
	return nil
}

func (p *parser) message() *descriptorpb.DescriptorProto { return p.stack[len(p.stack)-1] }

func (p *parser) close() {
	switch n := len(p.stack); {
	case p.oneof:
		p.oneof = false
	case p.extend != "":
		p.extend = ""
	case n == 1:
		p.file.MessageType = append(p.file.MessageType, p.stack[0])
		p.stack = nil
	case n > 1:
		p.stack[n-2].NestedType = append(p.stack[n-2].NestedType, p.stack[n-1])
		p.stack = p.stack[:n-1]
	default:
		p.enum, p.service = nil, nil
	}
}

// method reads rpc Name [stream] In returns [stream] Out.
func (p *parser) method(words []string) {
	m := &descriptorpb.MethodDescriptorProto{Name: new(words[1])}
	rest := words[2:]
	if m.ClientStreaming = new(rest[0] == "stream"); *m.ClientStreaming {
		rest = rest[1:]
	}
	m.InputType, rest = new(rest[0]), rest[2:]
	if m.ServerStreaming = new(rest[0] == "stream"); *m.ServerStreaming {
		rest = rest[1:]
	}
	m.OutputType = new(rest[0])
	p.service.Method = append(p.service.Method, m)
}

// member reads a field, or a value of an enum.
func (p *parser) member(words []string) error {
	if p.enum != nil {
		n, err := strconv.Atoi(words[2])
		p.enum.Value = append(p.enum.Value, &descriptorpb.EnumValueDescriptorProto{Name: new(words[0]), Number: proto.Int32(int32(n))})
		return err
	}
	label := descriptorpb.FieldDescriptorProto_LABEL_OPTIONAL
	switch words[0] {
	case "repeated":
		label, words = descriptorpb.FieldDescriptorProto_LABEL_REPEATED, words[1:]
	case "optional":
		words = words[1:]
	}
	if words[0] == "map" {
		return p.mapField(words)
	}
	f, err := p.field(words)
	if err != nil {
		return err
	}
	f.Label = &label
	switch {
	case p.extend != "":
		f.Extendee = new(p.extend)
		p.file.Extension = append(p.file.Extension, f)
		return nil
	case p.oneof:
		f.OneofIndex = proto.Int32(int32(len(p.message().OneofDecl) - 1))
	}
	p.message().Field = append(p.message().Field, f)
	return nil
}

// field reads type name = number.
func (p *parser) field(words []string) (*descriptorpb.FieldDescriptorProto, error) {
	if len(words) != 4 {
		return nil, fmt.Errorf("%d words", len(words))
	}
	n, err := strconv.Atoi(words[3])
	f := &descriptorpb.FieldDescriptorProto{Name: new(words[1]), Number: proto.Int32(int32(n))}
	if k, ok := descriptorpb.FieldDescriptorProto_Type_value["TYPE_"+strings.ToUpper(words[0])]; ok {
		f.Type = descriptorpb.FieldDescriptorProto_Type(k).Enum()
		if words[0] == "group" {
			m, name := p.message(), strings.ToUpper(words[1][:1])+words[1][1:]
			m.NestedType = append(m.NestedType, &descriptorpb.DescriptorProto{Name: new(name)})
			f.TypeName = new(m.GetName() + "." + name)
		}
		return f, err
	}
	f.Type, f.TypeName = descriptorpb.FieldDescriptorProto_TYPE_MESSAGE.Enum(), new(words[0])
	if slices.ContainsFunc(p.file.EnumType, func(e *descriptorpb.EnumDescriptorProto) bool { return e.GetName() == words[0] }) {
		f.Type = descriptorpb.FieldDescriptorProto_TYPE_ENUM.Enum()
	}
	return f, err
}

// mapField reads map < key value name = number.
func (p *parser) mapField(words []string) error {
	key, err := p.field([]string{words[2], "key", "=", "1"})
	if err != nil {
		return err
	}
	value, err := p.field([]string{words[3], "value", "=", "2"})
	if err != nil {
		return err
	}
	optional := descriptorpb.FieldDescriptorProto_LABEL_OPTIONAL.Enum()
	key.Label, value.Label = optional, optional
	name := ""
	for part := range strings.SplitSeq(words[4], "_") {
		name += strings.ToUpper(part[:1]) + part[1:]
	}
	m := p.message()
	m.NestedType = append(m.NestedType, &descriptorpb.DescriptorProto{
		Name: new(name + "Entry"), Field: []*descriptorpb.FieldDescriptorProto{key, value},
		Options: &descriptorpb.MessageOptions{MapEntry: proto.Bool(true)},
	})
	f, err := p.field([]string{m.GetName() + "." + name + "Entry", words[4], "=", words[6]})
	if err != nil {
		return err
	}
	f.Label = descriptorpb.FieldDescriptorProto_LABEL_REPEATED.Enum()
	m.Field = append(m.Field, f)
	return nil
}
