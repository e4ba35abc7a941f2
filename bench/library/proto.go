package library

import (
	"google.golang.org/protobuf/encoding/protowire"
	"google.golang.org/protobuf/proto"
	"google.golang.org/protobuf/reflect/protodesc"
	"google.golang.org/protobuf/types/descriptorpb"
	"google.golang.org/protobuf/types/dynamicpb"

	"github.com/sealmesh/sealmesh/codec"
)

// recordFields are the fields of a record in protobuf, by number from 1.
var recordFields = []string{"id", "name", "city", "note", "card"}

// protoFile is the schema of the documents of protoRecords.
func protoFile() *descriptorpb.FileDescriptorProto {
	record := &descriptorpb.DescriptorProto{Name: proto.String("Record")}
	for i, name := range recordFields {
		record.Field = append(record.Field, &descriptorpb.FieldDescriptorProto{
			Name: &name, Number: proto.Int32(int32(i + 1)),
			Type:  descriptorpb.FieldDescriptorProto_TYPE_STRING.Enum(),
			Label: descriptorpb.FieldDescriptorProto_LABEL_OPTIONAL.Enum(),
		})
	}
	list := &descriptorpb.DescriptorProto{Name: proto.String("List"), Field: []*descriptorpb.FieldDescriptorProto{{
		Name: proto.String("record"), Number: proto.Int32(1), TypeName: proto.String(".bench.Record"),
		Type:  descriptorpb.FieldDescriptorProto_TYPE_MESSAGE.Enum(),
		Label: descriptorpb.FieldDescriptorProto_LABEL_REPEATED.Enum(),
	}}}
	return &descriptorpb.FileDescriptorProto{
		Name: proto.String("bench.proto"), Package: proto.String("bench"), Syntax: proto.String("proto3"),
		MessageType: []*descriptorpb.DescriptorProto{record, list},
	}
}

// protoCase adds to c what depends on the schema.
func protoCase(c FormatCase) (FormatCase, error) {
	file, err := protodesc.NewFile(protoFile(), nil)
	if err != nil {
		return c, err
	}
	list := file.Messages().ByName("List")
	c.Copy = func(doc []byte) error {
		m := dynamicpb.NewMessage(list)
		if err := proto.Unmarshal(doc, m); err != nil {
			return err
		}
		_, err := proto.Marshal(m)
		return err
	}
	set, err := proto.Marshal(&descriptorpb.FileDescriptorSet{File: []*descriptorpb.FileDescriptorProto{protoFile()}})
	c.options = codec.Options{Schema: set, Settings: map[string]string{"message": "bench.List"}}
	return c, err
}

func protoRecords(tagged int) (doc []byte) {
	for i := range Records {
		r := recordAt(i)
		var b []byte
		for k, v := range []string{r.id, r.name, r.city, r.note} {
			b = protowire.AppendString(protowire.AppendTag(b, protowire.Number(k+1), protowire.BytesType), v)
		}
		if v, ok := card(i, tagged); ok {
			b = protowire.AppendString(protowire.AppendTag(b, 5, protowire.BytesType), v)
		}
		doc = protowire.AppendBytes(protowire.AppendTag(doc, 1, protowire.BytesType), b)
	}
	return doc
}
