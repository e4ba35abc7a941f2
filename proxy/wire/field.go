package wire

import (
	"unicode/utf8"

	"google.golang.org/protobuf/encoding/protowire"
)

// A field is one field of a message in a single buffer.
type field struct {
	number protowire.Number
	typ    protowire.Type
	varint uint64 // VarintType
	bytes  []byte // BytesType
}

// is reports whether f is field n with wire type t. Field n with another wire
// type is an unknown field.
func (f *field) is(n protowire.Number, t protowire.Type) bool {
	return f.number == n && f.typ == t
}

// text returns the value of a string field, which must be UTF-8.
func (f *field) text() ([]byte, error) {
	if !utf8.Valid(f.bytes) {
		return nil, errMalformed
	}
	return f.bytes, nil
}

// next decodes the first field of b into f, and returns the rest of b.
func (f *field) next(b []byte) ([]byte, error) {
	tag, n := protowire.ConsumeVarint(b)
	if n < 0 {
		return nil, errMalformed
	}
	var err error
	if f.number, f.typ, err = splitTag(tag); err != nil {
		return nil, err
	}
	b = b[n:]
	switch f.typ {
	case protowire.VarintType:
		f.varint, n = protowire.ConsumeVarint(b)
	case protowire.BytesType:
		f.bytes, n = protowire.ConsumeBytes(b)
	case protowire.Fixed32Type:
		_, n = protowire.ConsumeFixed32(b)
	case protowire.Fixed64Type:
		_, n = protowire.ConsumeFixed64(b)
	case protowire.StartGroupType:
		return nil, errUnusual
	default:
		return nil, errMalformed
	}
	if n < 0 {
		return nil, errMalformed
	}
	return b[n:], nil
}

// wellFormed checks a message without strings that is not used.
func wellFormed(b []byte) error {
	var f field
	for len(b) > 0 {
		var err error
		if b, err = f.next(b); err != nil {
			return err
		}
	}
	return nil
}
