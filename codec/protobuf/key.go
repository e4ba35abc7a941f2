package protobuf

import (
	"encoding/binary"
	"strconv"

	"google.golang.org/protobuf/reflect/protoreflect"

	"github.com/sealmesh/sealmesh/codec"
)

// A keyKind is the type of a map's keys.
type keyKind = protoreflect.Kind

// keyed finds what the value of a map's entry is, by the key: the value may
// come before it. It returns nil if the body is refused.
func (s *scanner) keyed(f *field, entry span) *target {
	key, found := f.noKey(), false
	for at := entry.begin; at < entry.end; {
		start := at
		tag := uint32(s.p[at])
		if at++; tag >= 0x80 {
			tag, at = s.longTag(start, entry.end)
		}
		if at < 0 {
			return nil
		}
		content := at
		wire := byte(tag & 7)
		switch wire {
		case varintWire, fixed32Wire, fixed64Wire:
			at = s.scalar(wire, start, at, entry.end)
		case lengthWire:
			in, ok := s.span(start, at, entry.end)
			if !ok {
				return nil
			}
			content, at = in.begin, in.end
		default:
			s.malformed(start, "a group, or a wire type that there is not")
			return nil
		}
		switch {
		case at < 0:
			return nil
		case tag>>3 != 1:
		case wire != wireOf(f.key):
			s.malformed(start, "a field does not have the wire type of the schema")
			return nil
		case found:
			s.malformed(start, "an entry of a map has two keys")
			return nil
		case wire == lengthWire && at-content > s.limits.NameBytes:
			s.fail(codec.NameLimit, content, "the key of a map is longer than the limit")
			return nil
		default:
			key, found = f.name(s.key[:0], s.p[content:at]), true
		}
	}
	return &f.steps[s.sel.Named(key)]
}

// noKey returns the name of an entry without a key.
func (f *field) noKey() []byte {
	switch f.key {
	case protoreflect.StringKind:
		return nil
	case protoreflect.BoolKind:
		return falseName
	}
	return zeroName
}

var (
	zeroName  = []byte("0")
	falseName = []byte("false")
)

// name returns the name of a key, as the JSON of protobuf writes it. A key that
// is not a string is appended to room.
func (f *field) name(room, key []byte) []byte {
	switch f.key {
	case protoreflect.StringKind:
		return key
	case protoreflect.BoolKind:
		v, _, _ := readVarint(key)
		return strconv.AppendBool(room, v != 0)
	case protoreflect.Fixed32Kind:
		return strconv.AppendUint(room, uint64(binary.LittleEndian.Uint32(key)), 10)
	case protoreflect.Sfixed32Kind:
		return strconv.AppendInt(room, int64(int32(binary.LittleEndian.Uint32(key))), 10)
	case protoreflect.Fixed64Kind:
		return strconv.AppendUint(room, binary.LittleEndian.Uint64(key), 10)
	case protoreflect.Sfixed64Kind:
		return strconv.AppendInt(room, int64(binary.LittleEndian.Uint64(key)), 10)
	}
	v, _, _ := readVarint(key)
	switch f.key {
	case protoreflect.Int32Kind:
		return strconv.AppendInt(room, int64(int32(v)), 10)
	case protoreflect.Uint32Kind:
		return strconv.AppendUint(room, uint64(uint32(v)), 10)
	case protoreflect.Sint32Kind:
		return strconv.AppendInt(room, int64(int32(uint32(v)>>1)^-int32(v&1)), 10)
	case protoreflect.Sint64Kind:
		return strconv.AppendInt(room, int64(v>>1)^-int64(v&1), 10)
	case protoreflect.Uint64Kind:
		return strconv.AppendUint(room, v, 10)
	}
	return strconv.AppendInt(room, int64(v), 10)
}
