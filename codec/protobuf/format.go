// Package protobuf is the body format protobuf: [Format]. A body is one
// message, whose type the policy names.
//
// # What paths find
//
// The root of a path, $, is the message of the body. A member is a field of a
// message, by its name or by its name in JSON; a rule for either name finds it.
// An element is one of a repeated field, counted from zero over the whole
// message. The members of a map are its values, by key, which is written as in
// JSON: true, -1. An extension is called [its.full.name].
//
// Types that the JSON of protobuf writes in another way are read as there:
//
//   - A wrapper, such as StringValue, is its value.
//   - Any is the message in it. The message's type must be in the schema.
//   - Struct is an object, ListValue an array, and Value what it holds.
//
// A rule can tag a string or bytes, also in a repeated field, a map, a wrapper,
// or a Value. A string is a field of kind Text, and bytes are of kind Bytes. In
// a field of type bytes, an envelope is the bytes of its text. A rule that ends
// at another type is an error of Check; inside Any, and where a Value holds
// something else, the body is refused. A field that is not in the body, as an
// empty string is not, is not sealed.
//
// # What is refused
//
// Readers merge messages: a field may be there twice, and a message may come in
// pieces. Every occurrence is tagged. Where that cannot be right, because
// pieces number their elements together or share the type of an Any, a second
// piece is refused. The format also refuses:
//
//   - Fields that the schema does not have, in messages where a rule can find a
//     value, unless the setting unknown allows them.
//   - Fields whose wire type is not that of the schema, and groups.
//   - Tags and lengths that are longer than they need be, and lengths that do
//     not fit.
//   - A string that is not UTF-8.
//   - A map's entry with two keys, and an Any whose value comes before its
//     type, where rules depend on it.
//   - Parameters of the media type that name another message, or a stream.
//
// A body without rules needs no schema: then only its form and its envelopes
// are checked.
//
// A field of the body's message is held until it is complete, because the
// lengths of all messages around a value change with it: see [MaxMessage].
package protobuf

import "github.com/sealmesh/sealmesh/codec"

// name is the name of the format in errors.
const name = "protobuf"

// Format is protobuf. Its settings are schema, the file of a FileDescriptorSet
// with all its imports; message, the full name of the body's message; and
// unknown, refuse or allow.
var Format = codec.Format{
	Name: name,
	MediaTypes: []string{
		"application/protobuf", "application/x-protobuf", "application/x-google-protobuf",
		"application/vnd.google.protobuf",
	},
	Check:         check,
	Writer:        newWriter,
	HoldsEnvelope: HoldsEnvelope,
}

// Settings of the format.
const (
	messageSetting = "message"
	UnknownSetting = "unknown" // refuse or allow
)

// checked is what Check returns.
type checked struct {
	root    *Table // opaque without rules
	message string // "" if the policy does not say
	unknown bool   // unknown fields are allowed
}

// check is Format.Check.
func check(sel *codec.Selector, o codec.Options) (any, error) {
	if err := o.Only(codec.SchemaSetting, messageSetting, UnknownSetting); err != nil {
		return nil, err
	}
	unknown, err := Unknown(o)
	if err != nil {
		return nil, err
	}
	c := &checked{root: opaque, message: o.Settings[messageSetting], unknown: unknown}
	if root := sel.Root(); !HasRules(&root) {
		return c, nil
	}
	if c.message == "" {
		return nil, &codec.SettingError{Setting: messageSetting, Detail: "must be the full name of the message that a body is"}
	}
	compiler, err := NewCompiler(sel, o)
	if err != nil {
		return nil, err
	}
	c.root, err = compiler.body(c.message)
	return c, err
}

// Unknown reads the setting unknown, and reports whether it is allow.
func Unknown(o codec.Options) (allow bool, err error) {
	switch v, ok := o.Settings[UnknownSetting]; {
	case v == "allow":
		return true, nil
	case ok && v != "refuse":
		return false, &codec.SettingError{Setting: UnknownSetting, Detail: "must be refuse or allow"}
	}
	return false, nil
}

// checkParams refuses parameters of the media type that say that the body is
// something else.
func checkParams(p codec.Params, c *checked) error {
	if !p.Only("charset", "proto", "messagetype") {
		return refuse(codec.BadParams, "the media type has a parameter that is unknown")
	}
	for _, n := range [...]string{"proto", "messagetype"} {
		if v, ok := p.Get(n); ok && c != nil && c.message != "" && v != c.message {
			return refuse(codec.BadParams, "the media type names another message than the setting message")
		}
	}
	return nil
}

// HoldsEnvelope is Format.HoldsEnvelope: a string of protobuf has no escapes.
func HoldsEnvelope(f *codec.Field, isHead func(text []byte) bool) bool {
	return codec.HoldsEnvelope(f.Value, isHead)
}
