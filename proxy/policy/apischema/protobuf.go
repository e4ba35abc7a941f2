package apischema

import (
	_ "embed" // of the option's file
	"fmt"
	"slices"
	"strings"
)

// TagFile is the name by which a .proto file imports [TagProto].
const TagFile = "sealmesh/tag.proto"

//go:embed sealmesh/tag.proto
var tagProto string

// TagProto returns the file of the option (sealmesh.tag).
func TagProto() string { return tagProto }

// ProtobufOptions say how the rules of a descriptor set are to be.
type ProtobufOptions struct {
	Message     string            // the message that bodies are; "" for the methods of all services
	Formats     []string          // formats that need the set, such as grpc
	Schema      string            // the set's file, as the policy names it
	JSON        bool              // rules for the names of JSON too
	DebugRedact string            // the tag of fields that have debug_redact; "" for none
	Confluent   map[string]string // tags by those of Confluent's field_meta
	Skip        []string          // full names of fields whose tags do not count
}

// IsDescriptorSet reports whether src is a FileDescriptorSet, which no text is.
func IsDescriptorSet(src []byte) bool {
	set, err := parseSet(src)
	return err == nil && len(set.File) > 0 && !slices.ContainsFunc(set.File, func(f *fileProto) bool { return f.GetName() == "" })
}

// Protobuf reads a FileDescriptorSet, with all its imports. Each gRPC method
// that has tagged values is a route; with a Message, the one route has no name,
// method and path. Fields have tags by the option (sealmesh.tag) of [TagProto],
// and by options that o says. Its errors are of type [*Error].
func Protobuf(src []byte, o ProtobufOptions) (*API, error) {
	s, err := readSet(src, &o)
	if err != nil {
		return nil, err
	}
	api := &API{Tags: len(s.tags)}
	if o.Message != "" {
		err = s.body(api, &o)
	} else {
		err = s.calls(api, &o)
	}
	if err != nil {
		return nil, err
	}
	if err := s.lost(api, o.Message == ""); err != nil {
		return nil, err
	}
	slices.Sort(s.notes)
	api.Notes = slices.Compact(s.notes)
	return api, nil
}

// body adds the route of bodies that are one message.
func (s *protoSet) body(api *API, o *ProtobufOptions) error {
	m, ok := s.Message(o.Message)
	if !ok {
		return errorf("there is no message %q", o.Message)
	}
	rules, err := s.rules(m, o.JSON)
	if err != nil {
		return err
	}
	settings := o.settings()
	for i := range settings {
		settings[i].Message = o.Message
	}
	api.Routes = []Route{{Request: Rules{Body: rules}, Response: Rules{Body: slices.Clone(rules)}, Settings: settings}}
	return nil
}

// calls adds the routes of all methods.
func (s *protoSet) calls(api *API, o *ProtobufOptions) error {
	for _, service := range s.Services {
		for i := range service.Methods().Len() {
			m := service.Methods().Get(i)
			name := string(service.FullName()) + "/" + string(m.Name())
			r := Route{Name: name, Method: "POST", Path: "/" + name, Settings: o.settings(), Streamed: true}
			var err error
			if r.Request.Body, err = s.rules(m.Input(), o.JSON); err == nil {
				r.Response.Body, err = s.rules(m.Output(), o.JSON)
			}
			if err != nil {
				return err
			}
			if r.Request.count()+r.Response.count() == 0 {
				continue
			}
			if isTranscoded(m) {
				s.note("%s has an HTTP path of its own (google.api.http): write the rules of that route", name)
			}
			api.Routes = append(api.Routes, r)
		}
	}
	if len(s.Services) == 0 {
		return errorf("there is no service; --message names the message that bodies are")
	}
	return nil
}

func (o *ProtobufOptions) settings() (all []Setting) {
	for _, f := range o.Formats {
		all = append(all, Setting{Format: f, Schema: o.Schema})
	}
	return all
}

// lost returns an error for tags that have led to no rule. They are a note only
// if the caller asked for one message.
func (s *protoSet) lost(api *API, strict bool) error {
	var fields []string
	for name := range s.tags {
		if !s.used[name] {
			fields = append(fields, string(name))
		}
	}
	slices.Sort(fields)
	switch list := strings.Join(fields, ", "); {
	case len(fields) == 0:
	case strict:
		return errorf("no rule comes from the tags of %s: no method has them in its messages", list)
	default:
		s.note("the message has no such fields, so their tags led to no rule: %s", list)
		api.Tags -= len(fields)
	}
	return nil
}

func errorf(format string, args ...any) error { return &Error{Detail: fmt.Sprintf(format, args...)} }
