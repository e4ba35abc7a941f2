package wire

import "google.golang.org/protobuf/encoding/protowire"

// appendNamespace decodes one entry of a map<string, google.protobuf.Struct>.
// If the entry is Envoy's, its fields replace those in dst: the last entry of a
// key counts. Entries of other keys are only checked.
func appendNamespace(dst []attribute, b []byte) ([]attribute, error) {
	key, value, err := mapEntry(b)
	if err != nil {
		return dst, err
	}
	ours := string(key) == attributeNamespace
	if ours {
		clear(dst)
		dst = dst[:0]
	}
	var f field
	for len(value) > 0 {
		if value, err = f.next(value); err != nil {
			return dst, err
		}
		if !f.is(1, protowire.BytesType) {
			continue
		}
		a, err := decodeAttribute(f.bytes)
		if err != nil {
			return dst, err
		}
		if ours {
			dst = append(dst, a)
		}
	}
	return dst, nil
}

// mapEntry decodes the key and the message of one entry of a map<string,
// message>.
func mapEntry(b []byte) (key, value []byte, err error) {
	var f field
	for seen := false; len(b) > 0; {
		if b, err = f.next(b); err != nil {
			return nil, nil, err
		}
		switch {
		case f.is(1, protowire.BytesType):
			if key, err = f.text(); err != nil {
				return nil, nil, err
			}
		case f.is(2, protowire.BytesType):
			if seen {
				return nil, nil, errUnusual
			}
			seen, value = true, f.bytes
		}
	}
	return key, value, nil
}

// decodeAttribute decodes one field of a Struct: a name and a
// google.protobuf.Value. It leaves lists and nested structs to the generated
// code: no attribute that we ask for has one.
func decodeAttribute(b []byte) (a attribute, err error) {
	a.name, b, err = mapEntry(b)
	var f field
	for err == nil && len(b) > 0 {
		if b, err = f.next(b); err != nil {
			return a, err
		}
		switch {
		case f.is(3, protowire.BytesType):
			a.value, err = f.text()
			a.text = true
		case f.is(1, protowire.VarintType), f.is(2, protowire.Fixed64Type), f.is(4, protowire.VarintType):
			a.value, a.text = nil, false // null, number or bool
		case f.is(5, protowire.BytesType), f.is(6, protowire.BytesType):
			return a, errUnusual
		}
	}
	return a, err
}
