package grpc

import (
	"github.com/sealmesh/sealmesh/codec"
	"github.com/sealmesh/sealmesh/codec/protobuf"
)

// anyMethod is a method of which nothing is known: what bodies without rules
// are read as.
var anyMethod = protobuf.Method{
	Types:   [2]*protobuf.Table{protobuf.Opaque(), protobuf.Opaque()},
	Streams: [2]bool{true, true},
}

// methodOf returns the method of a body, by the path of the request. Unknown
// allows fields that the schema does not have.
func methodOf(p protocol, b *codec.Body, path string) (m protobuf.Method, unknown bool, err error) {
	refuse := func(code codec.Code, detail string) (protobuf.Method, bool, error) {
		return m, false, &codec.Error{Format: p.name, Code: code, Detail: detail}
	}
	if !b.Params.Only("charset") {
		return refuse(codec.BadParams, paramDetail)
	}
	sel := b.At.Selector()
	if sel == nil {
		return anyMethod, true, nil
	}
	c, ok := b.Checked.(*checked)
	if !ok {
		return m, false, errUnchecked
	}
	if sel.Guard().Root == codec.ArrayRoot {
		return refuse(codec.WrongRoot, "a message is not an array")
	}
	if c.methods == nil {
		return anyMethod, true, nil
	}
	if m, ok = c.methods[path]; !ok {
		return refuse(codec.Unsupported, "the path names no method of the schema")
	}
	return m, c.unknown, nil
}
