package wire

import (
	"testing"

	"google.golang.org/protobuf/encoding/protowire"
)

// FuzzRequest holds decoding to the generated code: the same messages accepted, the same
// content found, however the bytes are cut into buffers.
func FuzzRequest(f *testing.F) {
	for _, m := range messages(f) {
		f.Add(marshal(f, m), uint64(len(m.Attributes)))
	}
	f.Fuzz(func(t *testing.T, data []byte, seed uint64) {
		checkRequest(t, withoutMetadata(data), seed)
	})
}

// withoutMetadata removes metadata_context, the one field that is not looked into.
func withoutMetadata(data []byte) []byte {
	var out []byte
	for rest := data; len(rest) > 0; {
		number, _, n := protowire.ConsumeField(rest)
		if n < 0 {
			return append(out, rest...)
		}
		if number != 8 {
			out = append(out, rest[:n]...)
		}
		rest = rest[n:]
	}
	return out
}
