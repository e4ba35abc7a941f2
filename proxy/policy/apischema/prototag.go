package apischema

import (
	"slices"
	"unicode/utf8"

	"google.golang.org/protobuf/encoding/protowire"
	"google.golang.org/protobuf/reflect/protoreflect"
	"google.golang.org/protobuf/types/descriptorpb"
)

// Options of fields, and the number that each has in the file that we ship.
const (
	tagOption       = "sealmesh.tag"
	tagNumber       = 57325
	confluentOption = "confluent.field_meta"
)

// A tagReader reads the tags of fields from their options.
type tagReader struct {
	*ProtobufOptions
	declared   map[protowire.Number]protoreflect.FullName // options of fields, by number
	number     protowire.Number                           // of (sealmesh.tag), 0 if the set does not declare it
	meta, list protowire.Number                           // of Confluent's option and of the tags in it
	tags       map[protoreflect.FullName]string
	stray      map[protoreflect.FullName]bool // fields with our number, which the set does not declare
	found      map[string]bool                // tags of Confluent
	skipped    map[protoreflect.FullName]bool
}

// readTags returns the tags of all fields of a set, by field.
func readTags(set *descriptorpb.FileDescriptorSet, o *ProtobufOptions) (map[protoreflect.FullName]string, error) {
	r := &tagReader{
		ProtobufOptions: o, declared: make(map[protowire.Number]protoreflect.FullName),
		tags: make(map[protoreflect.FullName]string), stray: make(map[protoreflect.FullName]bool),
		found: make(map[string]bool), skipped: make(map[protoreflect.FullName]bool),
	}
	for _, f := range set.File {
		if err := r.declarations(f); err != nil {
			return nil, err
		}
	}
	var failed error
	for _, f := range set.File {
		eachField(f, func(name protoreflect.FullName, field *fieldProto) {
			if err := r.field(name, field); err != nil && failed == nil {
				failed = err
			}
		})
	}
	if failed != nil {
		return nil, failed
	}
	return r.tags, r.check()
}

// declarations finds the options that a file declares.
func (r *tagReader) declarations(f *fileProto) (failed error) {
	eachField(f, func(name protoreflect.FullName, field *fieldProto) {
		if field.GetExtendee() != ".google.protobuf.FieldOptions" {
			return
		}
		number := protowire.Number(field.GetNumber())
		r.declared[number] = name
		switch name {
		case tagOption:
			r.number = number
			if field.GetType() != descriptorpb.FieldDescriptorProto_TYPE_STRING || field.GetLabel() == descriptorpb.FieldDescriptorProto_LABEL_REPEATED {
				failed = errorf("(%s) is not the one of %s, an optional string", tagOption, TagFile)
			}
		case confluentOption:
			r.meta = number
		}
	})
	eachField(f, func(name protoreflect.FullName, field *fieldProto) {
		if name == "confluent.Meta.tags" {
			r.list = protowire.Number(field.GetNumber())
		}
	})
	return failed
}

// field reads the options of one field.
func (r *tagReader) field(name protoreflect.FullName, field *fieldProto) error {
	if field.GetOptions() == nil {
		return nil
	}
	unknown := field.GetOptions().ProtoReflect().GetUnknown()
	tag, err := r.imported(name, field, unknown)
	if err != nil {
		return err
	}
	if _, taken := r.declared[tagNumber]; !taken && r.number == 0 && len(option(unknown, tagNumber)) > 0 {
		r.stray[name] = true
	}
	if own := option(unknown, r.number); r.number != 0 && len(own) > 0 {
		tag = string(own[len(own)-1])
		if tag == "" || !utf8.ValidString(tag) {
			return errorf("%s: (%s) is the name of a tag", name, tagOption)
		}
	}
	switch {
	case tag == "":
	case slices.Contains(r.Skip, string(name)):
		r.skipped[name] = true
	default:
		r.tags[name] = tag
	}
	return nil
}

// imported returns the tag that a field has by an option that is not ours, if
// the caller asked for it.
func (r *tagReader) imported(name protoreflect.FullName, field *fieldProto, unknown []byte) (tag string, err error) {
	if field.GetOptions().GetDebugRedact() {
		tag = r.DebugRedact
	}
	if len(r.Confluent) == 0 || r.meta == 0 || r.list == 0 {
		return tag, nil
	}
	for _, meta := range option(unknown, r.meta) {
		for _, of := range option(meta, r.list) {
			own, ok := r.Confluent[string(of)]
			if !ok {
				continue
			}
			r.found[string(of)] = true
			if tag != "" && tag != own {
				return "", errorf("%s is tagged %s and %s", name, tag, own)
			}
			tag = own
		}
	}
	return tag, nil
}

// check fails if tags were not understood, or the caller asked for what is not
// there.
func (r *tagReader) check() error {
	if len(r.stray) > 0 {
		return errorf("%s: an option has the number of (%s), and the set does not have %s, which declares it: protoc needs --include_imports",
			list(r.stray), tagOption, TagFile)
	}
	for of := range r.Confluent {
		if !r.found[of] {
			return errorf("no field has the tag %q of Confluent", of)
		}
	}
	for _, name := range r.Skip {
		if !r.skipped[protoreflect.FullName(name)] {
			return errorf("there is no tagged field %q to skip", name)
		}
	}
	return nil
}
